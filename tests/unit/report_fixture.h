/* tests/unit/report_fixture.h: a hand-made capture with verdicts, for the tests of report/. The file
 * that includes it defines _POSIX_C_SOURCE first, for open_memstream. */
#ifndef CMSCOPE_TESTS_REPORT_FIXTURE_H
#define CMSCOPE_TESTS_REPORT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records/store.h"
#include "report/report.h"

/* A terminal escape, a bidirectional override, markup, quotes, a line end, and a byte that is no UTF-8. */
#define HOSTILE "\x1b[2J<script>alert(\"1\")</script>&'\xe2\x80\xae,\r\n\xff"

#define FIXTURE_TIME 1795323616.285195 /* 2026-11-22T05:00:16.285195Z */

struct fixture {
    struct store *store;
    struct rule rules[5];
    struct evidence evidence[12];
    struct evidence remark;
    struct rule_verdict items[5];
    struct verdicts verdicts;
    struct benchmark benchmark;
    struct finding_kind kind;
    struct findings findings;
    struct report report;
};

static const struct reference fixture_references[] = {{"https://example.org/a?b=1&c=2", "A page"},
                                                      {"javascript:alert(1)", "Not a page"}};
static const char *const fixture_profiles[] = {"2007-mixed", "modern"};

static inline struct rule fixture_rule(const char *id, const char *section, const char *title)
{
    return (struct rule){
        .id = id,
        .section = section,
        .title = title,
        .description = "What the rule asks of <everybody>",
        .rationale = "What an attacker gains",
        .fix = "What to do about it",
        .observable = "yes",
        .severity = SEVERITY_HIGH,
        .references = fixture_references,
        .reference_count = 2,
        .profiles = fixture_profiles,
        .profile_count = 2,
        .sql = "SELECT 1",
    };
}

static inline struct evidence fixture_evidence(int64_t packet, struct text subject, struct text why)
{
    return (struct evidence){
        .result = VERDICT_FAIL,
        .grade = GRADE_PROOF,
        .table = TEXT("message"),
        .row = packet * 2,
        .packet = packet,
        .time = FIXTURE_TIME,
        .subject = subject,
        .why = why,
    };
}

static inline void fixture_input(struct store *store, struct text file, int64_t first, int64_t count,
                                 struct text problem)
{
    struct sink sink = store_sink(store);
    struct input_row row = input_row_null();
    row.packet = first;
    row.time = FIXTURE_TIME;
    row.file = file;
    row.packets = count;
    row.last_packet = first + count - 1;
    row.last_time = FIXTURE_TIME + 10;
    row.link_type = TEXT("EN10MB");
    row.problem = problem;
    assert_int_not_equal(sink_append(&sink, TABLE_input, &row), INT_NULL);
}

static inline void fixture_counter(struct store *store, struct text name, int64_t value, bool incomplete)
{
    struct sink sink = store_sink(store);
    struct coverage_row row = coverage_row_null();
    row.name = name;
    row.value = value;
    row.incomplete = incomplete;
    row.meaning = TEXT("What is counted here");
    assert_int_not_equal(sink_append(&sink, TABLE_coverage, &row), INT_NULL);
}

static inline void fixture_rules(struct fixture *fixture)
{
    fixture->rules[0] = fixture_rule("COM-1", "First section", "Passes");
    fixture->rules[1] = fixture_rule("COM-2", "First section", "Fails on hostile text");
    fixture->rules[2] = fixture_rule("COM-3", "First section", "Was not seen");
    fixture->rules[3] = fixture_rule("SQL-1", "Second <section>", "Cannot be seen");
    fixture->rules[3].sql = NULL;
    fixture->rules[3].fixed = VERDICT_NOTOBSERVABLE;
    fixture->rules[3].fixed_reason = "locks and rooms leave no trace in network traffic";
    fixture->rules[4] = fixture_rule("SQL-2", "Second <section>", "Tells something");
}

static inline void fixture_verdicts(struct fixture *fixture)
{
    static const enum verdict results[] = {VERDICT_PASS, VERDICT_FAIL, VERDICT_NOTOBSERVED, VERDICT_NOTOBSERVABLE,
                                           VERDICT_INFORMATIONAL};
    for (int64_t i = 0; i < 12; i++)
        fixture->evidence[i] = fixture_evidence(i + 1, TEXT("10.0.0.5 -> 10.0.0.11"), TEXT("it was sent in clear"));
    fixture->evidence[0].subject = TEXT(HOSTILE);
    fixture->evidence[0].why = TEXT(HOSTILE);
    fixture->remark = fixture_evidence(3, TEXT("10.0.0.9"), TEXT("only a hint"));
    fixture->remark.grade = GRADE_HINT;
    for (size_t i = 0; i < 5; i++) {
        fixture->items[i] = (struct rule_verdict){.rule = &fixture->rules[i], .verdict = results[i]};
        fixture->verdicts.by_verdict[results[i]]++;
    }
    struct rule_verdict *fail = &fixture->items[1];
    fail->grade = GRADE_PROOF;
    fail->detail = TEXT("12 messages, the first from " HOSTILE);
    fail->evidence = fixture->evidence;
    fail->evidence_count = 12;
    fail->evidence_total = 1234567;
    fail->remarks = &fixture->remark;
    fail->remark_count = 1;
    fixture->items[0].detail = TEXT("all of 4 messages are signed");
    fixture->items[0].grade = GRADE_STRONG;
    fixture->items[0].evidence = &fixture->evidence[1];
    fixture->items[0].evidence_count = 1;
    fixture->items[0].evidence_total = 1;
    fixture->items[2].detail = TEXT("no registration was in the capture");
}

/* A report of five rules, one of each result, about one input of 50 packets with nothing missed. */
static inline void fixture_start(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->store = store_new();
    assert_non_null(fixture->store);
    fixture_input(fixture->store, TEXT("a.pcap"), 1, 50, TEXT_NULL);
    fixture_counter(fixture->store, TEXT("packets"), 50, false);
    fixture_counter(fixture->store, TEXT("gaps"), 0, true);
    fixture_rules(fixture);
    fixture_verdicts(fixture);
    fixture->verdicts.items = fixture->items;
    fixture->verdicts.count = 5;
    fixture->benchmark = (struct benchmark){.title = "A checklist", .version = "1.0"};
    fixture->report = (struct report){
        .version = "0.1.0",
        .benchmark = &fixture->benchmark,
        .verdicts = &fixture->verdicts,
        .profile = "modern",
        .findings = &fixture->findings,
        .store = fixture->store,
    };
    fixture->kind = (struct finding_kind){
        .code = TEXT("C45"),
        .level = TEXT("advisory"),
        .text = TEXT("a signature is invalid"),
        .evidence = {fixture_evidence(7, TEXT(HOSTILE), TEXT("a signature is invalid: " HOSTILE))},
        .evidence_count = 1,
        .total = 3,
    };
    fixture->findings = (struct findings){.kinds = &fixture->kind, .count = 1, .total = 3};
}

static inline void fixture_end(struct fixture *fixture)
{
    store_free(fixture->store);
}

/* Checks that no byte of `output` can steer a terminal, apart from line ends and what `allowed` lists. */
static inline void assert_harmless(const char *output, const char *allowed)
{
    for (const unsigned char *at = (const unsigned char *)output; *at != '\0'; at++) {
        if (*at == 0x7F || *at == 0xFF || (*at < 0x20 && *at != '\n' && strchr(allowed, *at) == NULL))
            fail_msg("byte %02X at %zu", *at, (size_t)(at - (const unsigned char *)output));
    }
    assert_null(strstr(output, "\xe2\x80\xae"));
}

static inline void assert_contains(const char *output, const char *wanted)
{
    if (strstr(output, wanted) == NULL)
        fail_msg("not found: %s\nin:\n%s", wanted, output);
}

static inline void assert_lacks(const char *output, const char *unwanted)
{
    if (strstr(output, unwanted) != NULL)
        fail_msg("found: %s\nin:\n%s", unwanted, output);
}

/* What `print` writes, to be freed. */
typedef void fixture_printer(FILE *out, const struct report *report);

static inline char *fixture_print(fixture_printer *print, const struct report *report)
{
    char *output = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&output, &length);
    assert_non_null(out);
    print(out, report);
    assert_int_equal(fclose(out), 0);
    char *copy = strdup(output); /* gcc 12 takes `output` itself for a pointer to this function's variable */
    assert_non_null(copy);
    free(output);
    return copy;
}

#endif
