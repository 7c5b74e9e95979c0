/* tests/unit/test_report_html.c: the report as a page: no text becomes markup, nothing comes from outside. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include "tests/unit/report_fixture.h"

static void hostile_text_is_no_markup(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture_input(fixture.store, TEXT(HOSTILE), 51, 1, TEXT(HOSTILE));
    fixture_counter(fixture.store, TEXT(HOSTILE), 1, true);
    char *output = fixture_print(report_html, &fixture.report);
    assert_harmless(output, "");
    assert_lacks(output, "<script");
    assert_contains(output, "\\x1B[2J&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\\u{202E}");
    assert_contains(output, "Second &lt;section&gt;");
    free(output);
    fixture_end(&fixture);
}

static void the_page_needs_nothing_from_outside(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *output = fixture_print(report_html, &fixture.report);
    assert_contains(output, "<html lang=\"en\">");
    assert_contains(output, "content=\"default-src 'none'; style-src 'unsafe-inline'\"");
    assert_lacks(output, " src=");
    assert_lacks(output, "url(");
    assert_lacks(output, "@import");
    assert_lacks(output, "<link");
    free(output);
    fixture_end(&fixture);
}

static void only_web_addresses_become_links(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *output = fixture_print(report_html, &fixture.report);
    assert_contains(output, "href=\"https://example.org/a?b=1&amp;c=2\"");
    assert_lacks(output, "href=\"javascript");
    assert_contains(output, "Not a page");
    free(output);
    fixture_end(&fixture);
}

static void evidence_has_a_ready_display_filter(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *output = fixture_print(report_html, &fixture.report);
    assert_contains(output, "<code>frame.number == 7</code>");
    assert_contains(output, "frame.number in {1, 2, 3");
    assert_contains(output, "and 1234555 more");
    free(output);
    fixture_end(&fixture);
}

static void a_filter_counts_in_its_own_file(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture_input(fixture.store, TEXT("b.pcap"), 51, 9, TEXT_NULL);
    fixture.evidence[2].packet = 53;
    char *output = fixture_print(report_html, &fixture.report);
    assert_contains(output, "<td class=\"w\">b.pcap</td><td><code>frame.number == 3</code>");
    assert_lacks(output, "frame.number in {");
    free(output);
    fixture_end(&fixture);
}

static void no_filter_is_shown_where_files_were_read_side_by_side(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    fixture_input(fixture.store, TEXT("b.pcap"), 2, 30, TEXT_NULL);
    char *output = fixture_print(report_html, &fixture.report);
    assert_contains(output, "<code>frame.number == 1</code>");
    assert_lacks(output, "<code>frame.number == 2</code>");
    free(output);
    fixture_end(&fixture);
}

static void a_verdict_is_said_in_words(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *output = fixture_print(report_html, &fixture.report);
    assert_contains(output, "</span>Fail</span>");
    assert_contains(output, "</span>Not observable</span>");
    assert_contains(output, "severity high, proof");
    assert_lacks(output, "Incomplete.");
    free(output);
    fixture_counter(fixture.store, TEXT("drops"), 1, true);
    output = fixture_print(report_html, &fixture.report);
    assert_contains(output, "Incomplete.");
    assert_contains(output, "&#9888; missed");
    free(output);
    fixture_end(&fixture);
}

/* Every element that must be closed is closed as often as it is opened. */
static void tags_are_balanced(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char *output = fixture_print(report_html, &fixture.report);
    static const char *const tags[] = {"html",    "head", "body", "header", "main",   "section", "details",
                                       "summary", "div",  "span", "p",      "table",  "thead",   "tbody",
                                       "tr",      "td",   "th",   "ul",     "li",     "a",       "code",
                                       "h2",      "h3",   "h4",   "nav",    "footer", "dl"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        int balance = 0;
        char open[16];
        char close[16];
        snprintf(open, sizeof open, "<%s", tags[i]);
        snprintf(close, sizeof close, "</%s>", tags[i]);
        for (const char *at = output; (at = strstr(at, open)) != NULL; at++)
            balance += at[strlen(open)] == '>' || at[strlen(open)] == ' ';
        for (const char *at = output; (at = strstr(at, close)) != NULL; at++)
            balance--;
        if (balance != 0)
            fail_msg("%s: %d", tags[i], balance);
    }
    free(output);
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_text_is_no_markup),
        cmocka_unit_test(the_page_needs_nothing_from_outside),
        cmocka_unit_test(only_web_addresses_become_links),
        cmocka_unit_test(evidence_has_a_ready_display_filter),
        cmocka_unit_test(a_filter_counts_in_its_own_file),
        cmocka_unit_test(no_filter_is_shown_where_files_were_read_side_by_side),
        cmocka_unit_test(a_verdict_is_said_in_words),
        cmocka_unit_test(tags_are_balanced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
