/* tests/unit/test_report_text.c: the report for people: order, limits, safety, coverage. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include "tests/unit/report_fixture.h"

static size_t line_longest(const char *output)
{
    size_t longest = 0;
    while (*output != '\0') {
        size_t length = strcspn(output, "\n");
        longest = length > longest ? length : longest;
        output += length + (output[length] == '\n');
    }
    return longest;
}

static void hostile_text_cannot_steer_the_terminal(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture.report.verbose = true;
    char *output = fixture_print(report_text, &fixture.report);
    assert_harmless(output, "");
    assert_contains(output, "\\x1B[2J<script>alert(\"1\")</script>&'\\u{202E},\\x0D\\x0A\\xFF");
    free(output);
    fixture_end(&fixture);
}

static void the_head_names_program_input_span_and_counts(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *output = fixture_print(report_text, &fixture.report);
    assert_contains(output, "cmscope 0.1.0: A checklist\n");
    assert_contains(output, "a.pcap: 50 packets, 2026-11-22T05:00:16.285195Z to 2026-11-22T05:00:26.285195Z\n");
    assert_contains(output, "profile  modern\n");
    assert_contains(output, "5 rules: 1 fail, 1 informational, 1 pass, 1 notobserved, 1 notobservable\n");
    free(output);
    fixture_end(&fixture);
}

/* Where the text stands. */
static size_t where(const char *output, const char *text)
{
    const char *at = strstr(output, text);
    assert_non_null(at);
    return at == NULL ? 0 : (size_t)(at - output);
}

static void a_section_begins_with_its_fails(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *output = fixture_print(report_text, &fixture.report);
    size_t fail = where(output, "FAIL  COM-2"), pass = where(output, "pass  COM-1");
    size_t unseen = where(output, "  ?   COM-3"), second = where(output, "Second <section>\ninfo  SQL-2");
    assert_true(fail < pass && pass < unseen && unseen < second);
    assert_contains(output, "Fails on hostile text (severity high, proof)\n");
    assert_contains(output, "  -   SQL-1    Cannot be seen: locks and rooms leave no trace in network traffic\n");
    free(output);
    fixture_end(&fixture);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What the report says, and what it does not; both lists end with NULL. */
static void expect(struct fixture *fixture, bool verbose, const char *const *has, const char *const *lacks)
{
    fixture->report.verbose = verbose;
    char *output = fixture_print(report_text, &fixture->report);
    for (size_t i = 0; has[i] != NULL; i++)
        assert_contains(output, has[i]);
    for (size_t i = 0; lacks[i] != NULL; i++)
        assert_lacks(output, lacks[i]);
    free(output);
}

static void evidence_is_limited_unless_verbose(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    expect(&fixture, false,
           LIST("packet 5  2026-11-22T05:00:16.285195Z  10.0.0.5 -> 10.0.0.11: it was sent in clear\n",
                "... and 1234562 more\n"),
           LIST("packet 6 ", "only a hint"));
    expect(&fixture, true, LIST("packet 12 ", "... and 1234555 more\n", "only a hint", "What an attacker gains"),
           LIST(NULL));
    fixture_end(&fixture);
}

static void lines_fit_the_page(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture.items[1].detail = TEXT("one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
                                   "fifteen sixteen seventeen eighteen nineteen twenty twenty-one twenty-two");
    fixture.items[2].detail = fixture.items[1].detail;
    fixture.evidence[0] = fixture.evidence[1];
    char *output = fixture_print(report_text, &fixture.report);
    assert_true(line_longest(output) <= 100);
    assert_contains(output, "fourteen\n               fifteen"); /* wrapped under the title */
    assert_contains(output, "...\n");
    free(output);
    fixture_end(&fixture);
}

static void a_giant_text_does_not_flood_the_page(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *giant = malloc(1000000);
    assert_non_null(giant);
    memset(giant, 'A', 1000000);
    fixture.evidence[0].subject = (struct text){giant, 1000000};
    char *output = fixture_print(report_text, &fixture.report);
    assert_true(strlen(output) < 5000);
    free(output);
    free(giant);
    fixture_end(&fixture);
}

static void nothing_is_missed_silently(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    assert_false(report_incomplete(&fixture.report));
    char *output = fixture_print(report_text, &fixture.report);
    assert_lacks(output, "INCOMPLETE");
    free(output);
    fixture_counter(fixture.store, TEXT("bad " HOSTILE), 3, true);
    assert_true(report_incomplete(&fixture.report));
    output = fixture_print(report_text, &fixture.report);
    assert_contains(output, "INCOMPLETE");
    assert_contains(output, "  !              3  bad \\x1B");
    assert_harmless(output, "");
    free(output);
    fixture_end(&fixture);
}

static void an_input_with_a_problem_is_incomplete(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture_input(fixture.store, TEXT("b\x1b.pcap"), 51, 9, TEXT("the file ends inside a packet"));
    assert_true(report_incomplete(&fixture.report));
    char *output = fixture_print(report_text, &fixture.report);
    assert_contains(output, "PROBLEM the file ends inside a packet\n");
    assert_contains(output, "together 59 packets");
    assert_contains(output, "packet 5 (frame 5 of a.pcap)");
    assert_contains(output, "  ! b\\x1B.pcap: the file ends inside a packet\n");
    assert_harmless(output, "");
    free(output);
    fixture_end(&fixture);
}

static void colours_appear_only_when_asked_for(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture.report.colour = true;
    char *output = fixture_print(report_text, &fixture.report);
    assert_contains(output, "\033[1;31mFAIL\033[0m");
    assert_harmless(output, "\033");
    free(output);
    fixture_end(&fixture);
}

static void a_report_without_rules_and_inputs_says_so(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct store *full = fixture.report.store;
    struct verdicts none = {.items = NULL};
    fixture.report.store = store_new();
    fixture.report.verdicts = &none;
    fixture.report.profile = NULL;
    char *output = fixture_print(report_text, &fixture.report);
    assert_contains(output, "0 rules: 0 fail");
    assert_contains(output, "no input was read");
    assert_contains(output, "all rules");
    free(output);
    store_free(fixture.report.store);
    fixture.report.store = full;
    fixture_end(&fixture);
}

static void findings_are_told_with_packets_and_left_out_when_not_looked_for(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *output = fixture_print(report_text, &fixture.report);
    assert_contains(output, "Messages against the message schema");
    assert_contains(output, "C45      a signature is invalid (advisory, 3 messages)");
    assert_contains(output, "packet 7");
    assert_contains(output, "... and 2 more");
    assert_harmless(output, "");
    free(output);
    fixture.report.findings = NULL;
    output = fixture_print(report_text, &fixture.report);
    assert_lacks(output, "Messages against the message schema");
    free(output);
    fixture_end(&fixture);
}

static void of_many_inputs_the_first_and_those_with_problems_are_shown(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    for (int64_t i = 0; i < 20; i++)
        fixture_input(fixture.report.store, TEXT("quiet.pcap"), 1000 + i, 1, TEXT_NULL);
    fixture_input(fixture.report.store, TEXT("cut.pcap"), 2000, 1, TEXT("ends inside a packet"));
    fixture_input(fixture.report.store, TEXT("last.pcap"), 2001, 1, TEXT_NULL);
    expect(&fixture, false, LIST("more\n  together", "cut.pcap"), LIST("last.pcap"));
    expect(&fixture, true, LIST("last.pcap"), LIST("more\n  together"));
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_many_inputs_the_first_and_those_with_problems_are_shown),
        cmocka_unit_test(findings_are_told_with_packets_and_left_out_when_not_looked_for),
        cmocka_unit_test(hostile_text_cannot_steer_the_terminal),
        cmocka_unit_test(the_head_names_program_input_span_and_counts),
        cmocka_unit_test(a_section_begins_with_its_fails),
        cmocka_unit_test(evidence_is_limited_unless_verbose),
        cmocka_unit_test(lines_fit_the_page),
        cmocka_unit_test(a_giant_text_does_not_flood_the_page),
        cmocka_unit_test(nothing_is_missed_silently),
        cmocka_unit_test(an_input_with_a_problem_is_incomplete),
        cmocka_unit_test(colours_appear_only_when_asked_for),
        cmocka_unit_test(a_report_without_rules_and_inputs_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
