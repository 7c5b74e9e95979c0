/* tests/unit/test_rules_limits.c: what is above a limit of rules/ is left out, and what is left says so. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/report.h"
#include "rules/evidence.h"
#include "rules/findings.h"
#include "rules_bench.h"

#define KINDS (FINDING_KINDS_MAX + 40)
#define OF_EACH (FINDING_EVIDENCE_MAX + 5)

static struct evidence observation(const char *subject, const char *why, int64_t packet)
{
    return (struct evidence){.result = VERDICT_FAIL,
                             .grade = GRADE_PROOF,
                             .table = TEXT_NULL,
                             .row = INT_NULL,
                             .packet = packet,
                             .subject = text_of(subject),
                             .why = text_of(why)};
}

/* 64 K subjects are told apart: of more the sentence says "at least". */
static void subjects_above_the_limit(void **state)
{
    (void)state;
    struct pile pile;
    char subject[32];
    pile_init(&pile);
    for (int i = 0; i < 70000; i++) {
        snprintf(subject, sizeof subject, "host %d", i);
        struct evidence one = observation(subject, "seen", i);
        assert_true(pile_add(&pile, &one));
    }
    struct text summary = pile_summary(&pile, &bench.arena);
    assert_true(text_is(summary, "seen (70000 observations, at least 65536 subjects)"));
    pile_free(&pile);
}

/* Sentences that are too long in all end in dots. */
static void a_summary_above_the_limit(void **state)
{
    (void)state;
    struct pile pile;
    char why[3000];
    pile_init(&pile);
    for (int i = 0; i < 3; i++) {
        memset(why, 'a' + i, sizeof why - 1);
        why[sizeof why - 1] = '\0';
        struct evidence one = observation("x", why, i);
        assert_true(pile_add(&pile, &one));
    }
    struct text summary = pile_summary(&pile, &bench.arena);
    assert_int_equal(summary.length, 4096 + 4);
    assert_memory_equal(summary.at + summary.length - 4, " ...", 4);
    pile_free(&pile);
}

/* More sentences than are counted apart: all observations are in the sum. */
static void sentences_above_the_limit(void **state)
{
    (void)state;
    struct pile pile;
    char why[32];
    pile_init(&pile);
    for (int i = 0; i < WHYS_MAX + 36; i++) {
        snprintf(why, sizeof why, "why %03d", i);
        struct evidence one = observation("x", why, i);
        assert_true(pile_add(&pile, &one));
    }
    assert_true(text_is(pile_summary(&pile, &bench.arena), "why 000; why 001; why 002; 97 other observations"));
    pile_free(&pile);
}

static void add_findings(void)
{
    char text[64];
    for (int kind = 0; kind < KINDS; kind++) {
        for (int i = 0; i < (kind == 0 ? OF_EACH : 1); i++) {
            struct finding_row row = finding_row_null();
            snprintf(text, sizeof text, "departure %03d", kind);
            row.packet = bench.packet++;
            row.code = TEXT("C02");
            row.level = TEXT("rule");
            row.text = text_of(text);
            assert_true(add(TABLE_finding, &row) > 0);
        }
    }
}

/* Kinds and messages above the limits are counted, and text and HTML say how many. */
static void findings_above_the_limits(void **state)
{
    (void)state;
    struct findings findings;
    struct error error = {0};
    add_findings();
    assert_int_equal(findings_collect(bench.database, &bench.arena, &findings, &error), OUTCOME_OK);
    assert_int_equal(findings.count, FINDING_KINDS_MAX);
    assert_int_equal(findings.others, KINDS - FINDING_KINDS_MAX);
    assert_int_equal(findings.total, KINDS - 1 + OF_EACH);
    assert_int_equal(findings.kinds[0].evidence_count, FINDING_EVIDENCE_MAX);
    assert_int_equal(findings.kinds[0].total, OF_EACH);
    struct verdicts none = {0};
    struct report report = {.version = "1",
                            .benchmark = bench.benchmark,
                            .verdicts = &none,
                            .findings = &findings,
                            .store = bench.store,
                            .verbose = true};
    for (int html = 0; html < 2; html++) {
        char *page = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&page, &length);
        assert_non_null(out);
        if (html)
            report_html(out, &report);
        else
            report_text(out, &report);
        fclose(out);
        assert_non_null(strstr(page, "and 40 departures of more kinds"));
        assert_non_null(strstr(page, "and 5 more"));
        free(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(subjects_above_the_limit, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_summary_above_the_limit, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(sentences_above_the_limit, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(findings_above_the_limits, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
