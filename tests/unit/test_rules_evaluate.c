/* tests/unit/test_rules_evaluate.c: from the rows of a query to a verdict. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/evaluate.h"
#include "rules/findings.h"
#include "rules_fixture.h"

#define ARENA_MAX ((size_t)16 * 1024 * 1024)

struct bench {
    struct folder folder;
    struct store *store;
    struct database *database;
    struct benchmark *benchmark;
    struct arena arena;
    struct verdicts verdicts;
    struct error error;
};

static struct bench *bench_of(void **state)
{
    return *state;
}

static int open_bench(void **state)
{
    static struct bench bench;
    bench = (struct bench){.store = store_new()};
    *state = &bench;
    arena_init(&bench.arena, ARENA_MAX);
    struct sink sink = store_sink(bench.store);
    for (int64_t i = 1; i <= 3000; i++) {
        struct flow_row row = flow_row_null();
        row.packet = 10000 - i; /* later rows have earlier packets */
        row.time = (double)i;
        sink_append(&sink, TABLE_flow, &row);
    }
    return folder_make(&bench.folder) || database_open(bench.store, &bench.database, &bench.error) != OUTCOME_OK;
}

static int close_bench(void **state)
{
    struct bench *bench = bench_of(state);
    arena_free(&bench->arena);
    benchmark_free(bench->benchmark);
    database_close(bench->database);
    store_free(bench->store);
    return folder_remove(&bench->folder);
}

/* Loads a benchmark of rule A-1 with this query and B-1, which is fixed. */
static void load(void **state, const char *sql)
{
    struct bench *bench = bench_of(state);
    folder_write(&bench->folder, "sql/A-1.sql", sql);
    folder_write(&bench->folder, "benchmark.xml",
                 FIXTURE_HEAD FIXTURE_SQL_RULE("A-1") FIXTURE_FIXED_RULE("B-1", "notobservable: nobody sees it")
                     FIXTURE_TAIL);
    benchmark_free(bench->benchmark);
    if (benchmark_load(bench->folder.path, &bench->benchmark, &bench->error) != OUTCOME_OK)
        fail_msg("%s", bench->error.text);
}

static enum outcome evaluate(void **state, const struct evaluation *evaluation)
{
    struct bench *bench = bench_of(state);
    arena_reset(&bench->arena);
    return evaluate_rules(bench->database, bench->benchmark, evaluation, &bench->arena, &bench->verdicts,
                          &bench->error);
}

/* The verdict of rule A-1. */
static const struct rule_verdict *verdict(void **state, const char *sql)
{
    load(state, sql);
    if (evaluate(state, &(struct evaluation){0}) != OUTCOME_OK)
        fail_msg("%s", bench_of(state)->error.text);
    assert_int_equal(bench_of(state)->verdicts.count, 2);
    return &bench_of(state)->verdicts.items[0];
}

static void expect_invalid(void **state, const char *sql, const char *expected)
{
    load(state, sql);
    assert_int_equal(evaluate(state, &(struct evaluation){0}), OUTCOME_MALFORMED);
    const char *text = bench_of(state)->error.text;
    if (strstr(text, "rule A-1") == NULL || strstr(text, expected) == NULL)
        fail_msg("\"%s\" has no \"%s\"", text, expected);
}

#define ROW(result, grade, id, why)                                                                                    \
    "SELECT '" result "' AS result, '" grade "' AS grade, 'flow' AS evidence, " #id " AS row, " #id                    \
    " AS packet, 1.5 AS time, 's' AS subject, '" why "' AS why "
#define AND " UNION ALL "

static void any_solid_fail_fails(void **state)
{
    const struct rule_verdict *v =
        verdict(state, ROW("pass", "proof", 1, "good") AND ROW("fail", "strong", 9, "bad")
                           AND ROW("fail", "proof", 4, "worse") AND ROW("informational", "hint", 2, "so"));
    assert_int_equal(v->verdict, VERDICT_FAIL);
    assert_int_equal(v->grade, GRADE_PROOF);
    assert_int_equal(v->evidence_count, 2);
    assert_int_equal(v->evidence_total, 2);
    assert_int_equal(v->evidence[0].packet, 4);
    assert_int_equal(v->evidence[1].row, 9);
    assert_true(text_is(v->evidence[0].table, "flow"));
    assert_true(text_is(v->evidence[0].subject, "s"));
    assert_true(text_is(v->evidence[0].why, "worse"));
    assert_true(v->evidence[0].time > 1.4 && v->evidence[0].time < 1.6);
    assert_true(text_is(v->detail, "bad; worse"));
    assert_int_equal(bench_of(state)->verdicts.by_verdict[VERDICT_FAIL], 1);
}

static void a_row_of_a_derived_table_is_evidence(void **state)
{
    struct sink sink = store_sink(bench_of(state)->store);
    struct http_row row = http_row_null();
    row.packet = 7;
    row.server = TEXT("10.0.0.1");
    row.uri = TEXT("/SMS_DP_SMSPKG$/A");
    row.service = TEXT("dp");
    row.status = 200;
    row.reply_packet = 8;
    sink_append(&sink, TABLE_http, &row);
    const struct rule_verdict *v =
        verdict(state, "SELECT 'fail' AS result, grade, 'role' AS evidence, id AS row, packet, time, host AS subject, "
                       "role AS why, source AS rests_on FROM role");
    assert_int_equal(v->verdict, VERDICT_FAIL);
    assert_int_equal(v->evidence_count, 1);
    assert_true(text_is(v->evidence[0].table, "role"));
    assert_int_equal(v->evidence[0].row, 1);
    assert_int_equal(v->evidence[0].packet, 8);
    assert_true(text_is(v->evidence[0].why, "distribution_point"));
    expect_invalid(state,
                   "SELECT 'fail' AS result, 'proof' AS grade, 'role' AS evidence, 2 AS row, 1 AS packet, 1.5 AS "
                   "time, 's' AS subject, 'why' AS why",
                   "the id of a row");
}

static void a_hint_never_fails_but_is_kept(void **state)
{
    const struct rule_verdict *v = verdict(state, ROW("fail", "hint", 1, "odd"));
    assert_int_equal(v->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(v->evidence_count, 0);
    assert_int_equal(v->remark_count, 1);
    assert_true(text_is(v->remarks[0].why, "odd"));
    assert_true(text_is(v->detail, "Only hints were seen, which cannot decide: odd"));
    v = verdict(state, ROW("fail", "hint", 1, "odd") AND ROW("pass", "strong", 2, "good"));
    assert_int_equal(v->verdict, VERDICT_PASS);
    assert_int_equal(v->grade, GRADE_STRONG);
    assert_int_equal(v->remark_count, 1);
}

static void a_hint_never_passes(void **state)
{
    const struct rule_verdict *v = verdict(state, ROW("pass", "hint", 1, "perhaps"));
    assert_int_equal(v->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(v->evidence_count, 1);
    assert_int_equal(v->evidence[0].result, VERDICT_PASS);
    assert_true(text_is(v->detail, "perhaps"));
}

static void informational_stands_below_pass(void **state)
{
    assert_int_equal(verdict(state, ROW("informational", "proof", 1, "so"))->verdict, VERDICT_INFORMATIONAL);
    assert_int_equal(
        verdict(state, ROW("informational", "proof", 1, "so") AND ROW("notobserved", "hint", 1, "x"))->verdict,
        VERDICT_INFORMATIONAL);
    assert_int_equal(verdict(state, ROW("informational", "proof", 1, "so") AND ROW("pass", "proof", 1, "x"))->verdict,
                     VERDICT_PASS);
}

static void no_rows_are_not_observed(void **state)
{
    const struct rule_verdict *v = verdict(state, ROW("pass", "proof", 1, "x") "WHERE 0");
    assert_int_equal(v->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(v->evidence_total, 0);
    assert_true(text_is(v->detail, "The traffic that would decide this was not in the capture"));
}

static void a_fixed_rule_says_its_reason(void **state)
{
    verdict(state, ROW("pass", "proof", 1, "x"));
    const struct rule_verdict *v = &bench_of(state)->verdicts.items[1];
    assert_string_equal(v->rule->id, "B-1");
    assert_int_equal(v->verdict, VERDICT_NOTOBSERVABLE);
    assert_true(text_is(v->detail, "nobody sees it"));
    assert_int_equal(v->evidence_count, 0);
}

static void facts_about_the_whole_capture_need_no_row(void **state)
{
    const struct rule_verdict *v =
        verdict(state, "SELECT 'fail' AS RESULT, 'strong' AS grade, NULL AS evidence, NULL AS row,"
                       "NULL AS packet, NULL AS time, NULL AS subject, 'all of it' AS why, 1 AS other");
    assert_int_equal(v->verdict, VERDICT_FAIL);
    assert_null(v->evidence[0].table.at);
    assert_true(v->evidence[0].row == INT_NULL && v->evidence[0].packet == INT_NULL && isnan(v->evidence[0].time));
    assert_null(v->evidence[0].subject.at);
}

static void the_first_by_packet_are_kept_and_all_are_counted(void **state)
{
    const struct rule_verdict *v =
        verdict(state, "SELECT 'fail' AS result, 'proof' AS grade, 'flow' AS evidence, id AS row,"
                       "packet, time, 'host ' || (id % 7) AS subject, 'seen' AS why FROM flow");
    assert_int_equal(v->evidence_total, 3000);
    assert_int_equal(v->evidence_count, EVIDENCE_MAX);
    for (size_t i = 0; i < v->evidence_count; i++) {
        assert_int_equal(v->evidence[i].packet, 7000 + i);
        assert_int_equal(v->evidence[i].row, 3000 - i);
    }
    assert_true(text_is(v->detail, "seen (3000 observations, 7 subjects)"));
}

static void the_detail_shows_the_three_most_frequent_reasons(void **state)
{
    const struct rule_verdict *v =
        verdict(state, "SELECT 'fail' AS result, 'proof' AS grade, 'flow' AS evidence, id AS row,"
                       "packet, time, NULL AS subject, CASE WHEN id <= 5 THEN 'five' WHEN id <= 7 THEN 'two' "
                       "WHEN id = 8 THEN 'one' WHEN id = 9 THEN 'two' ELSE 'zero' || id END AS why "
                       "FROM flow WHERE id <= 12");
    assert_true(text_is(v->detail, "five (5 observations); two (3 observations); one; 3 other observations"));
}

static void the_profile_reaches_the_query(void **state)
{
    const char *sql =
        "SELECT 'pass' AS result, 'proof' AS grade, NULL AS evidence, NULL AS row, NULL AS packet, NULL AS time,"
        "NULL AS subject, :profile AS why";
    assert_true(text_is(verdict(state, sql)->detail, "modern"));
    assert_int_equal(evaluate(state, &(struct evaluation){.profile = "2007-mixed"}), OUTCOME_OK);
    assert_int_equal(bench_of(state)->verdicts.count, 1); /* B-1 is not in it */
    assert_true(text_is(bench_of(state)->verdicts.items[0].detail, "2007-mixed"));
}

static void the_id_of_the_rule_reaches_the_query(void **state)
{
    const char *sql = "SELECT 'pass' AS result, 'proof' AS grade, NULL AS evidence, NULL AS row, NULL AS packet,"
                      "NULL AS time, NULL AS subject, :rule AS why";
    assert_true(text_is(verdict(state, sql)->detail, "A-1"));
    expect_invalid(state, ROW("pass", "proof", $other, "x"), "parameter $other");
}

static void rules_can_be_chosen(void **state)
{
    static const char *const ids[] = {"B-1"};
    static const char *const unknown[] = {"Z-9"};
    load(state, "not even SQL");
    assert_int_equal(evaluate(state, &(struct evaluation){.ids = ids, .id_count = 1}), OUTCOME_OK);
    assert_int_equal(bench_of(state)->verdicts.count, 1);
    assert_int_equal(evaluate(state, &(struct evaluation){.ids = unknown, .id_count = 1}), OUTCOME_MALFORMED);
    assert_non_null(strstr(bench_of(state)->error.text, "Z-9"));
    assert_int_equal(evaluate(state, &(struct evaluation){.profile = "1999"}), OUTCOME_MALFORMED);
    assert_non_null(strstr(bench_of(state)->error.text, "1999"));
}

static void a_bad_query_is_told_with_its_rule(void **state)
{
    expect_invalid(state, "SELEC 1", "syntax error");
    expect_invalid(state, "", "empty");
    expect_invalid(state, "DELETE FROM flow", "flow");
    expect_invalid(state, "SELECT 1; SELECT 2", "more than one");
    expect_invalid(state, "SELECT 1 AS result", "no column \"grade\"");
    expect_invalid(state, ROW("pass", "proof", 1, "x") "WHERE id = 1", "id");
    expect_invalid(state, ROW("pass", "proof", ?1, "x"), "parameter ?1");
    expect_invalid(state, ROW("passed", "proof", 1, "x"), "result \"passed\"");
    expect_invalid(state, ROW("notobservable", "proof", 1, "x"), "result \"notobservable\"");
    expect_invalid(state, ROW("pass", "sure", 1, "x"), "grade \"sure\"");
    expect_invalid(state, ROW("pass", "proof", 1.5, "x"), "row \"1.5\"");
    expect_invalid(state, ROW("pass", "proof", 3001, "x"), "row \"3001\"");
    expect_invalid(
        state, "SELECT * FROM (" ROW("pass", "proof", 1, "x") ") JOIN (SELECT 1 AS id) WHERE abs(-9223372036854775808)",
        "overflow");
    expect_invalid(state,
                   "SELECT 'pass' AS result, 'proof' AS grade, 'nope' AS evidence, 1 AS row, 1 AS packet, 1 AS time,"
                   "'' AS subject, 'x' AS why",
                   "evidence \"nope\"");
    expect_invalid(state,
                   "SELECT 'pass' AS result, 'proof' AS grade, NULL AS evidence, 1 AS row, 1 AS packet, 1 AS time,"
                   "'' AS subject, 'x' AS why",
                   "row \"1\"");
    expect_invalid(state,
                   "SELECT NULL AS result, 'proof' AS grade, NULL AS evidence, NULL AS row, 1 AS packet, 1 AS time,"
                   "'' AS subject, NULL AS why",
                   "result \"NULL\"");
}

#define RESTING(result, grade, basis) ROW(result, grade, 1, "x") ", " basis " AS rests_on "

static void what_rests_on_learned_roles_is_no_proof(void **state)
{
    const struct rule_verdict *v = verdict(state, RESTING("fail", "proof", "'learned'"));
    assert_int_equal(v->grade, GRADE_STRONG);
    assert_int_equal(v->basis, BASIS_LEARNED);
    assert_int_equal(v->evidence[0].basis, BASIS_LEARNED);
    v = verdict(state, RESTING("fail", "proof", "'declared'"));
    assert_int_equal(v->grade, GRADE_PROOF);
    assert_int_equal(v->basis, BASIS_DECLARED);
    v = verdict(state, RESTING("fail", "proof", "NULL"));
    assert_int_equal(v->grade, GRADE_PROOF);
    assert_int_equal(v->basis, BASIS_NONE);
    assert_int_equal(verdict(state, ROW("fail", "proof", 1, "x"))->basis, BASIS_NONE); /* it needs no such column */
}

static void a_fail_rests_on_its_surest_and_a_pass_on_its_least_sure_evidence(void **state)
{
    assert_int_equal(
        verdict(state, RESTING("fail", "proof", "'learned'") AND RESTING("fail", "proof", "'declared'"))->basis,
        BASIS_DECLARED);
    assert_int_equal(
        verdict(state, RESTING("fail", "strong", "NULL") AND RESTING("fail", "proof", "'declared'"))->basis,
        BASIS_DECLARED); /* it is the one that gives the grade */
    assert_int_equal(verdict(state, RESTING("pass", "strong", "'learned'") AND RESTING("pass", "proof", "NULL"))->basis,
                     BASIS_LEARNED);
    /* What does not bear the verdict does not count. */
    assert_int_equal(verdict(state, RESTING("fail", "hint", "'learned'") AND RESTING("pass", "proof", "NULL"))->basis,
                     BASIS_NONE);
}

static void a_query_that_asks_for_roles_must_say_what_it_rests_on(void **state)
{
    expect_invalid(state, ROW("fail", "proof", 1, "x") "FROM site_role", "no column \"rests_on\"");
    expect_invalid(state, RESTING("fail", "proof", "'guess'"), "rests_on \"guess\"");
    const struct rule_verdict *v = verdict(state, RESTING("fail", "proof", "'declared'") "FROM site_role");
    assert_int_equal(v->verdict, VERDICT_NOTOBSERVED);
}

static void needs_of_the_selected_rules(void **state)
{
    struct bench *bench = bench_of(state);
    unsigned needs = 0;
    load(state,
         "SELECT code AS result, 1 AS grade, 2 AS evidence, 3 AS row, 4 AS packet, 5 AS time, 6 AS subject, 7 AS why "
         "FROM finding");
    struct evaluation all = {0};
    assert_int_equal(evaluate_needs(bench->database, bench->benchmark, &all, &needs, &bench->error), OUTCOME_OK);
    assert_int_equal(needs, (NEED_EVERYTHING & ~(unsigned)NEED_BODY) | NEED_UPLOAD);
    static const char *const ids[] = {"B-1"};
    needs = 0;
    struct evaluation one = {.ids = ids, .id_count = 1};
    assert_int_equal(evaluate_needs(bench->database, bench->benchmark, &one, &needs, &bench->error), OUTCOME_OK);
    assert_int_equal(needs, NEED_NOTHING);
    load(state, "SELECT nope FROM flow");
    assert_int_equal(evaluate_needs(bench->database, bench->benchmark, &all, &needs, &bench->error), OUTCOME_MALFORMED);
    assert_non_null(strstr(bench->error.text, "rule A-1"));
}

static void findings_need_all_that_finds_them(void **state)
{
    struct bench *bench = bench_of(state);
    unsigned needs = NEED_NAMES;
    assert_int_equal(findings_needs(bench->database, &needs, &bench->error), OUTCOME_OK);
    assert_int_equal(needs, NEED_NAMES | (NEED_EVERYTHING & ~(unsigned)NEED_BODY) | NEED_UPLOAD);
}

static void a_full_arena_is_a_limit(void **state)
{
    struct bench *bench = bench_of(state);
    load(state, "SELECT 'fail' AS result, 'proof' AS grade, 'flow' AS evidence, id AS row, packet, time, id AS subject,"
                "'seen' AS why FROM flow");
    bench->arena.limit = 20000; /* too little for the evidence: the rule is not judged, and says why */
    assert_int_equal(evaluate(state, &(struct evaluation){0}), OUTCOME_OK);
    assert_int_equal(bench->verdicts.items[0].verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(bench->verdicts.unjudged, 1);
    bench->arena.limit = 8;
    assert_int_equal(evaluate(state, &(struct evaluation){0}), OUTCOME_LIMIT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(any_solid_fail_fails),
        TEST(a_row_of_a_derived_table_is_evidence),
        TEST(a_hint_never_fails_but_is_kept),
        TEST(a_hint_never_passes),
        TEST(informational_stands_below_pass),
        TEST(no_rows_are_not_observed),
        TEST(a_fixed_rule_says_its_reason),
        TEST(facts_about_the_whole_capture_need_no_row),
        TEST(the_first_by_packet_are_kept_and_all_are_counted),
        TEST(the_detail_shows_the_three_most_frequent_reasons),
        TEST(the_profile_reaches_the_query),
        TEST(the_id_of_the_rule_reaches_the_query),
        TEST(rules_can_be_chosen),
        TEST(a_bad_query_is_told_with_its_rule),
        TEST(what_rests_on_learned_roles_is_no_proof),
        TEST(a_fail_rests_on_its_surest_and_a_pass_on_its_least_sure_evidence),
        TEST(a_query_that_asks_for_roles_must_say_what_it_rests_on),
        TEST(needs_of_the_selected_rules),
        TEST(findings_need_all_that_finds_them),
        TEST(a_full_arena_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
