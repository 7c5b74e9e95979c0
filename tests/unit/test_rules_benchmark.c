/* tests/unit/test_rules_benchmark.c: the checklist is read, and what is wrong in it is said precisely. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/benchmark.h"
#include "rules_fixture.h"

static int make(void **state)
{
    static struct folder folder;
    *state = &folder;
    return folder_make(&folder);
}

static int clean(void **state)
{
    return folder_remove(*state);
}

static struct benchmark *load(void **state)
{
    struct benchmark *benchmark = NULL;
    struct error error = {0};
    if (benchmark_load(((struct folder *)*state)->path, &benchmark, &error) != OUTCOME_OK)
        fail_msg("%s", error.text);
    return benchmark;
}

static void expect_refusal(void **state, const char *xml, const char *expected)
{
    struct benchmark *benchmark = NULL;
    struct error error = {0};
    folder_write(*state, "benchmark.xml", xml);
    folder_write(*state, "sql/A-1.sql", "SELECT 1");
    assert_int_not_equal(benchmark_load(((struct folder *)*state)->path, &benchmark, &error), OUTCOME_OK);
    assert_null(benchmark);
    if (strstr(error.text, expected) == NULL)
        fail_msg("\"%s\" has no \"%s\"", error.text, expected);
    if (strstr(error.text, "benchmark.xml") == NULL)
        fail_msg("\"%s\" does not name the file", error.text);
}

static void the_built_in_benchmark_is_the_whole_checklist(void **state)
{
    (void)state;
    struct benchmark *benchmark = NULL;
    struct error error = {0};
    if (benchmark_load(NULL, &benchmark, &error) != OUTCOME_OK)
        fail_msg("%s", error.text);
    assert_int_equal(benchmark->rule_count, 112); /* 111 of the checklist, EXT-1 */
    static const char *const profiles[] = {"2007-mixed", "2007-native", "modern"};
    for (size_t i = 0; i < 3; i++)
        assert_non_null(benchmark_profile(benchmark, profiles[i]));
    assert_string_equal(benchmark->rules[0].id, "RSC-1");
    assert_non_null(benchmark_rule(benchmark, "MNT-12m"));
    const struct rule *rule = benchmark_rule(benchmark, "COM-1");
    assert_non_null(rule->sql);
    assert_true(rule_in_profile(rule, "modern"));
    rule = benchmark_rule(benchmark, "FUN-1");
    assert_null(rule->sql);
    assert_int_equal(rule->fixed, VERDICT_NOTOBSERVABLE);
    assert_string_equal(rule->observable, "no");
    benchmark_free(benchmark);
}

static void every_part_of_a_rule_is_read(void **state)
{
    folder_write(*state, "sql/A-1.sql", "SELECT 'x' -- query\n");
    folder_write(
        *state, "benchmark.xml",
        FIXTURE_HEAD
        "<Rule id=\"xccdf_org.test_rule_A-1\" severity=\"medium\"><title>A\n  title</title>"
        "<description>It &lt;is&gt; so.</description><warning>Careful</warning>"
        "<reference href=\"https://example.org/a\"> One </reference><reference href=\"urn:b\">Two</reference>"
        "<rationale>Because</rationale><ident system=\"urn:other\">no</ident>"
        "<ident system=\"urn:cmscope:observable\">partly</ident><fixtext>Do</fixtext>"
        "<check system=\"urn:cmscope:sql\"><check-content-ref href=\"sql/A-1.sql\"/></check></Rule>" FIXTURE_FIXED_RULE(
            "B-1", "notobserved: not\n read") FIXTURE_TAIL);
    struct benchmark *benchmark = load(state);
    assert_string_equal(benchmark->title, "Small");
    assert_int_equal(benchmark->rule_count, 2);
    const struct rule *rule = &benchmark->rules[0];
    assert_string_equal(rule->id, "A-1");
    assert_string_equal(rule->section, "First section");
    assert_string_equal(rule->title, "A title");
    assert_string_equal(rule->description, "It <is> so.");
    assert_string_equal(rule->rationale, "Because");
    assert_string_equal(rule->fix, "Do");
    assert_string_equal(rule->caution, "Careful");
    assert_string_equal(rule->observable, "partly");
    assert_int_equal(rule->severity, SEVERITY_MEDIUM);
    assert_int_equal(rule->reference_count, 2);
    assert_string_equal(rule->references[0].text, "One");
    assert_string_equal(rule->references[1].href, "urn:b");
    assert_string_equal(rule->sql, "SELECT 'x' -- query\n");
    rule = &benchmark->rules[1];
    assert_null(rule->sql);
    assert_null(rule->caution);
    assert_int_equal(rule->fixed, VERDICT_NOTOBSERVED);
    assert_string_equal(rule->fixed_reason, "not read");
    benchmark_free(benchmark);
}

static void profiles_select_rules(void **state)
{
    folder_write(*state, "benchmark.xml",
                 FIXTURE_HEAD FIXTURE_FIXED_RULE("A-1", "notobservable: no")
                     FIXTURE_FIXED_RULE("B-1", "notobserved: no") FIXTURE_TAIL);
    struct benchmark *benchmark = load(state);
    assert_true(rule_in_profile(benchmark_rule(benchmark, "A-1"), "2007-mixed"));
    assert_false(rule_in_profile(benchmark_rule(benchmark, "B-1"), "2007-mixed"));
    assert_true(rule_in_profile(benchmark_rule(benchmark, "B-1"), "modern"));
    assert_false(rule_in_profile(benchmark_rule(benchmark, "B-1"), "other"));
    assert_null(benchmark_rule(benchmark, "C-1"));
    assert_null(benchmark_profile(benchmark, "other"));
    benchmark_free(benchmark);
}

static void a_missing_file_is_named(void **state)
{
    struct benchmark *benchmark = NULL;
    struct error error = {0};
    assert_int_equal(benchmark_load("/nonexistent-folder", &benchmark, &error), OUTCOME_SYSTEM);
    assert_non_null(strstr(error.text, "/nonexistent-folder/benchmark.xml"));
    folder_write(*state, "benchmark.xml", FIXTURE_HEAD FIXTURE_SQL_RULE("B-1") FIXTURE_TAIL);
    assert_int_equal(benchmark_load(((struct folder *)*state)->path, &benchmark, &error), OUTCOME_SYSTEM);
    assert_non_null(strstr(error.text, "rule B-1"));
    assert_non_null(strstr(error.text, "sql/B-1.sql"));
}

static void a_document_type_declaration_is_refused(void **state)
{
    expect_refusal(state, "<?xml version=\"1.0\"?><!DOCTYPE Benchmark [<!ENTITY a \"b\">]>" FIXTURE_TAIL,
                   "document type declaration");
    expect_refusal(state, "<!DOCTYPE Benchmark SYSTEM \"http://example.org/x.dtd\"><Benchmark/>",
                   "document type declaration");
}

static void wrong_structure_is_told_with_rule_and_reason(void **state)
{
    static const struct {
        const char *xml;
        const char *expected;
    } cases[] = {
        {"", "not valid XML"},
        {"<a>", "not valid XML"},
        {"<a/>", "root is not Benchmark"},
        {"<Benchmark xmlns=\"http://checklists.nist.gov/xccdf/1.2\"/>", "no Group has a Rule"},
        {FIXTURE_HEAD FIXTURE_TAIL, "no Group has a Rule"},
        {FIXTURE_HEAD FIXTURE_SQL_RULE("A-1") FIXTURE_TAIL, "\"xccdf_org.test_rule_B-1\", which is no rule"},
        {FIXTURE_HEAD FIXTURE_SQL_RULE("A-1") FIXTURE_SQL_RULE("A-1") FIXTURE_TAIL, "rule A-1 occurs twice"},
        {FIXTURE_HEAD FIXTURE_FIXED_RULE("A-1", "fail: always") FIXTURE_TAIL, "rule A-1: <check-content> is neither"},
        {FIXTURE_HEAD FIXTURE_FIXED_RULE("A-1", "notobserved") FIXTURE_TAIL, "rule A-1: <check-content> is neither"},
        {FIXTURE_HEAD "<Rule id=\"A-1\"/>" FIXTURE_TAIL, "id \"A-1\" is not of the form"},
        {FIXTURE_HEAD "<Rule id=\"xccdf_org.t_rule_A-1\" severity=\"huge\"/>" FIXTURE_TAIL,
         "rule A-1: severity \"huge\""},
        {FIXTURE_HEAD "<Rule id=\"xccdf_org.t_rule_A-1\" severity=\"low\"/>" FIXTURE_TAIL,
         "rule A-1: <title> is missing"},
        {FIXTURE_HEAD "<Rule id=\"xccdf_org.t_rule_A-1\" severity=\"low\"><title> </title></Rule>" FIXTURE_TAIL,
         "rule A-1: <title> is empty"},
        {FIXTURE_HEAD "<Rule id=\"xccdf_org.t_rule_A-1\" severity=\"low\">" FIXTURE_TEXTS
                      "<fixtext>F</fixtext></Rule>" FIXTURE_TAIL,
         "rule A-1: <ident system="},
        {FIXTURE_HEAD "<Rule id=\"xccdf_org.t_rule_A-1\" severity=\"low\">" FIXTURE_TEXTS FIXTURE_REST
                      "</Rule>" FIXTURE_TAIL,
         "rule A-1: <check> is missing"},
        {FIXTURE_HEAD "<Rule id=\"xccdf_org.t_rule_A-1\" severity=\"low\">" FIXTURE_TEXTS FIXTURE_REST
                      "<check system=\"urn:x\"/></Rule>" FIXTURE_TAIL,
         "rule A-1: check system \"urn:x\""},
        {FIXTURE_HEAD
         "<Rule id=\"xccdf_org.t_rule_A-1\" severity=\"low\">" FIXTURE_TEXTS FIXTURE_REST
         "<check system=\"urn:cmscope:sql\"><check-content-ref href=\"../../etc/passwd\"/></check></Rule>" FIXTURE_TAIL,
         "rule A-1: href \"../../etc/passwd\""},
        {FIXTURE_HEAD
         "<Rule id=\"xccdf_org.t_rule_A-1\" severity=\"low\">" FIXTURE_TEXTS FIXTURE_REST
         "<check system=\"urn:cmscope:sql\"><check-content-ref href=\"sql/../../a\"/></check></Rule>" FIXTURE_TAIL,
         "rule A-1: href \"sql/../../a\""},
        {FIXTURE_HEAD "<Group id=\"g\"/>" FIXTURE_FIXED_RULE("A-1", "notobserved: x") FIXTURE_TAIL,
         "a Group inside a Group"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refusal(state, cases[i].xml, cases[i].expected);
}

static void names_of_severities_and_verdicts(void **state)
{
    (void)state;
    enum severity severity;
    assert_true(severity_parse("high", &severity));
    assert_int_equal(severity, SEVERITY_HIGH);
    assert_string_equal(severity_name(SEVERITY_INFO), "info");
    assert_false(severity_parse("unknown", &severity));
    assert_string_equal(verdict_name(VERDICT_NOTOBSERVABLE), "notobservable");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, clean)
    const struct CMUnitTest tests[] = {
        TEST(the_built_in_benchmark_is_the_whole_checklist),
        TEST(every_part_of_a_rule_is_read),
        TEST(profiles_select_rules),
        TEST(a_missing_file_is_named),
        TEST(a_document_type_declaration_is_refused),
        TEST(wrong_structure_is_told_with_rule_and_reason),
        TEST(names_of_severities_and_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
