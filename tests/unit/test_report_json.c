/* tests/unit/test_report_json.c: the report for tools: its shape, read back by jansson. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include <jansson.h>

#include "tests/unit/report_fixture.h"

static void print_json(FILE *out, const struct report *report)
{
    assert_true(report_json(out, report));
}

/* The report as a tool reads it. */
static json_t *report_read(const struct report *report)
{
    char *output = fixture_print(print_json, report);
    for (const char *at = output; *at != '\0'; at++)
        assert_true(*at == '\n' || (*at >= 0x20 && *at < 0x7F));
    json_error_t error;
    json_t *read = json_loads(output, JSON_REJECT_DUPLICATES, &error);
    if (read == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    free(output);
    return read;
}

/* The member that stands at a path such as {"capture", "packets", NULL}. */
static json_t *member(json_t *object, const char *const *path)
{
    for (; *path != NULL; path++) {
        object = json_object_get(object, *path);
        if (object == NULL)
            fail_msg("no member %s", *path);
    }
    return object;
}
#define MEMBER(object, ...) member((object), (const char *const[]){__VA_ARGS__, NULL})

static void assert_members(const json_t *object, const char *const *names)
{
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        if (json_object_get(object, names[count]) == NULL)
            fail_msg("no member %s", names[count]);
    }
    assert_int_equal(json_object_size(object), count);
}
#define ASSERT_MEMBERS(object, ...) assert_members((object), (const char *const[]){__VA_ARGS__, NULL})

static void the_shape_is_that_of_the_design(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    json_t *read = report_read(&fixture.report);
    ASSERT_MEMBERS(read, "cmscope", "capture", "site", "summary", "verdicts", "findings");
    ASSERT_MEMBERS(MEMBER(read, "cmscope"), "version", "checklist", "profile");
    json_t *finding = json_array_get(MEMBER(read, "findings"), 0);
    ASSERT_MEMBERS(finding, "code", "level", "text", "evidence", "evidence_total");
    assert_string_equal(json_string_value(MEMBER(finding, "code")), "C45");
    assert_int_equal(json_integer_value(MEMBER(finding, "evidence_total")), 3);
    assert_int_equal(json_integer_value(MEMBER(json_array_get(MEMBER(finding, "evidence"), 0), "packet")), 7);
    ASSERT_MEMBERS(MEMBER(read, "capture"), "complete", "reasons", "inputs", "packets", "first", "last", "coverage");
    assert_int_equal(json_object_size(MEMBER(read, "site")), 0);
    ASSERT_MEMBERS(MEMBER(read, "summary"), "pass", "fail", "notobserved", "notobservable", "informational");
    json_t *fail = json_array_get(MEMBER(read, "verdicts"), 1);
    ASSERT_MEMBERS(fail, "id", "section", "title", "severity", "result", "grade", "rests_on", "detail", "evidence",
                   "evidence_total", "remarks", "remarks_total", "profile", "references");
    ASSERT_MEMBERS(json_array_get(MEMBER(fail, "evidence"), 0), "table", "row", "packet", "time", "subject", "why",
                   "rests_on");
    ASSERT_MEMBERS(json_array_get(MEMBER(fail, "references"), 0), "href", "text");
    ASSERT_MEMBERS(json_array_get(MEMBER(read, "capture", "coverage"), 0), "name", "value", "incomplete", "meaning");
    json_decref(read);
    fixture_end(&fixture);
}

static void the_values_are_those_of_the_verdicts(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    json_t *read = report_read(&fixture.report);
    assert_string_equal(json_string_value(MEMBER(read, "cmscope", "version")), "0.1.0");
    assert_int_equal(json_integer_value(MEMBER(read, "capture", "packets")), 50);
    assert_string_equal(json_string_value(MEMBER(read, "capture", "first")), "2026-11-22T05:00:16.285195Z");
    assert_true(json_is_true(MEMBER(read, "capture", "complete")));
    assert_int_equal(json_integer_value(MEMBER(read, "summary", "fail")), 1);
    assert_int_equal(json_array_size(MEMBER(read, "verdicts")), 5);
    json_t *fail = json_array_get(MEMBER(read, "verdicts"), 1);
    assert_string_equal(json_string_value(MEMBER(fail, "id")), "COM-2");
    assert_string_equal(json_string_value(MEMBER(fail, "result")), "fail");
    assert_string_equal(json_string_value(MEMBER(fail, "grade")), "proof");
    assert_string_equal(json_string_value(MEMBER(fail, "severity")), "high");
    assert_int_equal(json_array_size(MEMBER(fail, "evidence")), 12);
    assert_int_equal(json_integer_value(MEMBER(fail, "evidence_total")), 1234567);
    json_t *second = json_array_get(MEMBER(fail, "evidence"), 1);
    assert_string_equal(json_string_value(MEMBER(second, "table")), "message");
    assert_int_equal(json_integer_value(MEMBER(second, "row")), 4);
    assert_int_equal(json_integer_value(MEMBER(second, "packet")), 2);
    assert_string_equal(json_string_value(MEMBER(second, "time")), "2026-11-22T05:00:16.285195Z");
    assert_string_equal(json_string_value(json_array_get(MEMBER(fail, "profile"), 1)), "modern");
    json_decref(read);
    fixture_end(&fixture);
}

static void hostile_text_comes_back_as_text(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    json_t *read = report_read(&fixture.report);
    json_t *fail = json_array_get(MEMBER(read, "verdicts"), 1);
    json_t *why = MEMBER(json_array_get(MEMBER(fail, "evidence"), 0), "why");
    assert_string_equal(json_string_value(why), "\x1b[2J<script>alert(\"1\")</script>&'\xe2\x80\xae,\r\n\xef\xbf\xbd");
    json_decref(read);
    fixture_end(&fixture);
}

static void what_is_unknown_is_null(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture.evidence[1] = (struct evidence){.table = TEXT_NULL,
                                            .row = INT_NULL,
                                            .packet = INT_NULL,
                                            .time = REAL_NULL,
                                            .why = TEXT("of the whole capture")};
    json_t *read = report_read(&fixture.report);
    json_t *fail = json_array_get(MEMBER(read, "verdicts"), 1);
    json_t *second = json_array_get(MEMBER(fail, "evidence"), 1);
    assert_true(json_is_null(MEMBER(second, "table")));
    assert_true(json_is_null(MEMBER(second, "row")));
    assert_true(json_is_null(MEMBER(second, "packet")));
    assert_true(json_is_null(MEMBER(second, "time")));
    assert_true(json_is_null(MEMBER(json_array_get(MEMBER(read, "verdicts"), 3), "grade")));
    json_decref(read);
    fixture_end(&fixture);
}

static void numbers_at_the_edge_survive(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture_counter(fixture.store, TEXT("huge"), INT64_MAX, false);
    fixture_counter(fixture.store, TEXT("low"), INT64_MIN + 1, false);
    json_t *read = report_read(&fixture.report);
    json_t *coverage = MEMBER(read, "capture", "coverage");
    assert_true(json_integer_value(MEMBER(json_array_get(coverage, 2), "value")) == INT64_MAX);
    assert_true(json_integer_value(MEMBER(json_array_get(coverage, 3), "value")) == INT64_MIN + 1);
    json_decref(read);
    fixture_end(&fixture);
}

static void a_missed_part_makes_it_incomplete(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture_counter(fixture.store, TEXT("drops"), 1, true);
    json_t *read = report_read(&fixture.report);
    assert_true(json_is_false(MEMBER(read, "capture", "complete")));
    json_decref(read);
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shape_is_that_of_the_design), cmocka_unit_test(the_values_are_those_of_the_verdicts),
        cmocka_unit_test(hostile_text_comes_back_as_text), cmocka_unit_test(what_is_unknown_is_null),
        cmocka_unit_test(numbers_at_the_edge_survive),     cmocka_unit_test(a_missed_part_makes_it_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
