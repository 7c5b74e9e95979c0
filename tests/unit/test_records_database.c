/* tests/unit/test_records_database.c: SQL over a store: right rows, cheap joins, and nothing but reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "records/database.h"
#include "records/schema.h"

struct bench {
    struct store *store;
    struct database *database;
    char text[4096]; /* result of ask */
};

static struct bench *bench_of(void **state)
{
    return *state;
}

static int open_bench(void **state)
{
    static struct bench bench;
    struct error error;
    bench = (struct bench){.store = store_new()};
    *state = &bench;
    return bench.store == NULL || database_open(bench.store, &bench.database, &error) != OUTCOME_OK;
}

static int close_bench(void **state)
{
    database_close(bench_of(state)->database);
    store_free(bench_of(state)->store);
    return 0;
}

/* All rows of a query: values separated by spaces, rows by semicolons. */
static const char *ask(void **state, const char *sql)
{
    struct bench *bench = bench_of(state);
    struct error error = {0};
    sqlite3_stmt *statement;
    if (database_prepare(bench->database, sql, &statement, NULL, &error) != OUTCOME_OK)
        fail_msg("%s: %s", sql, error.text);
    size_t at = 0;
    bench->text[0] = '\0';
    while (sqlite3_step(statement) == SQLITE_ROW) {
        if (at > 0)
            at += (size_t)snprintf(bench->text + at, sizeof bench->text - at, ";");
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *value = (const char *)sqlite3_column_text(statement, i);
            at += (size_t)snprintf(bench->text + at, sizeof bench->text - at, "%s%s", i == 0 ? "" : " ",
                                   value == NULL ? "-" : value);
        }
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return bench->text;
}

static const char *refused(void **state, const char *sql)
{
    struct bench *bench = bench_of(state);
    struct error error = {0};
    sqlite3_stmt *statement = NULL;
    unsigned needs = 0;
    assert_int_equal(database_prepare(bench->database, sql, &statement, &needs, &error), OUTCOME_MALFORMED);
    assert_null(statement);
    assert_int_equal(needs, 0);
    snprintf(bench->text, sizeof bench->text, "%s", error.text);
    return bench->text;
}

static unsigned needs_of(void **state, const char *sql)
{
    struct error error = {0};
    sqlite3_stmt *statement;
    unsigned needs = 0;
    if (database_prepare(bench_of(state)->database, sql, &statement, &needs, &error) != OUTCOME_OK)
        fail_msg("%s: %s", sql, error.text);
    sqlite3_finalize(statement);
    return needs;
}

/* http rows 1..6: packet 10, 20 ..., flow 1, 2, 1 ..., host a, NULL, a ..., time 0.5, 1.5 ... */
static void fill(void **state)
{
    struct sink sink = store_sink(bench_of(state)->store);
    for (int64_t i = 1; i <= 6; i++) {
        struct http_row row = http_row_null();
        row.packet = i * 10;
        row.time = (double)i - 0.5;
        row.flow = 2 - i % 2;
        row.host = i % 2 == 1 ? TEXT("a") : TEXT_NULL;
        sink_append(&sink, TABLE_http, &row);
    }
    for (int64_t i = 1; i <= 2; i++) {
        struct flow_row row = flow_row_null();
        row.dport = 80 + i;
        row.start = i == 1 ? 0.0 : -0.0;
        row.src = TEXT("10.0.0.1");
        sink_append(&sink, TABLE_flow, &row);
    }
}

static void rows_and_columns_come_as_they_are(void **state)
{
    fill(state);
    assert_string_equal(ask(state, "SELECT id, rowid, packet, time, flow, host, uri FROM http WHERE id <= 2"),
                        "1 1 10 0.5 1 a -;2 2 20 1.5 2 - -");
    assert_string_equal(ask(state, "SELECT count(*) FROM finding"), "0");
    assert_string_equal(ask(state, "SELECT typeof(packet), typeof(time), typeof(host), typeof(uri) FROM http LIMIT 1"),
                        "integer real text null");
}

/* The ids of the rows of http where a column equals a value: by a scan that passes others over, for a value that the query
 * names, and by an index, for one that comes from elsewhere; both the same. */
static const char *equal(void **state, const char *column, const char *value)
{
    char sql[128], scanned[64];
    snprintf(sql, sizeof sql, "SELECT id FROM http WHERE %s = %s", column, value);
    snprintf(scanned, sizeof scanned, "%s", ask(state, sql));
    snprintf(sql, sizeof sql, "SELECT id FROM http WHERE %s = (SELECT %s)", column, value);
    assert_string_equal(ask(state, sql), scanned);
    return bench_of(state)->text;
}

static void equality_finds_the_same_rows_by_index_as_without(void **state)
{
    fill(state);
    assert_string_equal(equal(state, "id", "3"), "3");
    assert_string_equal(equal(state, "id", "7"), "");
    assert_string_equal(equal(state, "id", "'3'"), "3");
    assert_string_equal(equal(state, "id", "3.0"), "3");
    assert_string_equal(equal(state, "id", "NULL"), "");
    assert_string_equal(equal(state, "packet", "20"), "2");
    assert_string_equal(equal(state, "packet", "20.0"), "2");
    assert_string_equal(equal(state, "packet", "'20'"), "2");
    assert_string_equal(equal(state, "packet", "'x'"), "");
    assert_string_equal(equal(state, "time", "2.5"), "3");
    assert_string_equal(equal(state, "time", "'2.5'"), "3");
    assert_string_equal(equal(state, "host", "'a'"), "1;3;5");
    assert_string_equal(equal(state, "host", "'A'"), "");
    assert_string_equal(equal(state, "host", "x'61'"), "");
    assert_string_equal(ask(state, "SELECT id FROM flow WHERE start = 0"), "1;2");
    assert_string_equal(ask(state, "SELECT id FROM flow WHERE start = (SELECT 0)"), "1;2");
    assert_string_equal(ask(state, "SELECT id FROM http WHERE host = 'A' COLLATE NOCASE"), "1;3;5");
    assert_string_equal(ask(state, "SELECT id FROM http WHERE host = 'a' AND packet = 30 AND flow = 1"), "3");
    assert_string_equal(ask(state, "SELECT id FROM http WHERE packet IN (60, 10, 99, NULL) ORDER BY id"), "1;6");
}

static void a_value_that_many_rows_have_is_not_looked_up(void **state)
{
    fill(state);
    const char *plan = ask(state, "EXPLAIN QUERY PLAN SELECT id FROM http WHERE packet = 20");
    assert_non_null(strstr(plan, "INDEX 4096:")); /* PLAN_FILTER + packet */
    struct sink sink = store_sink(bench_of(state)->store);
    for (int64_t i = 7; i <= 100; i++) {
        struct http_row row = http_row_null();
        row.packet = i * 10;
        row.host = TEXT("a");
        sink_append(&sink, TABLE_http, &row);
    }
    plan = ask(state, "EXPLAIN QUERY PLAN SELECT id FROM http WHERE packet = 20 AND host = 'a'");
    assert_non_null(strstr(plan, "INDEX 2:")); /* PLAN_COLUMN + packet */
    assert_string_equal(ask(state, "SELECT count(*), min(id), max(id) FROM http WHERE host = 'a'"), "97 1 100");
}

static void null_equals_nothing_but_is_null(void **state)
{
    fill(state);
    assert_string_equal(ask(state, "SELECT id FROM http WHERE host = NULL"), "");
    assert_string_equal(ask(state, "SELECT id FROM http WHERE host IS NULL"), "2;4;6");
    assert_string_equal(ask(state, "SELECT count(*) FROM http a JOIN http b ON a.host = b.host"), "9");
    assert_string_equal(ask(state, "SELECT count(*) FROM http a JOIN http b ON a.uri = b.uri"), "0");
}

static void joins_use_the_index_of_a_column(void **state)
{
    fill(state);
    assert_string_equal(
        ask(state, "SELECT h.id, f.dport FROM http h JOIN flow f ON h.flow = f.id ORDER BY h.id LIMIT 3"),
        "1 81;2 82;3 81");
    assert_string_equal(
        ask(state, "SELECT f.id, count(h.id) FROM flow f LEFT JOIN http h ON h.flow = f.id GROUP BY f.id"), "1 3;2 3");
    const char *plan = ask(state, "EXPLAIN QUERY PLAN SELECT h.id FROM finding x JOIN http h ON h.packet = x.packet");
    assert_non_null(strstr(plan, "INDEX 2:")); /* PLAN_COLUMN + packet */
}

static void order_by_id_needs_no_sorting(void **state)
{
    fill(state);
    assert_null(strstr(ask(state, "EXPLAIN QUERY PLAN SELECT id FROM http ORDER BY id"), "TEMP B-TREE"));
    assert_non_null(strstr(ask(state, "EXPLAIN QUERY PLAN SELECT id FROM http ORDER BY id DESC"), "TEMP B-TREE"));
    assert_string_equal(ask(state, "SELECT id FROM http ORDER BY id DESC LIMIT 2"), "6;5");
}

static void rows_that_come_later_are_found(void **state)
{
    fill(state);
    assert_string_equal(ask(state, "SELECT id FROM http WHERE packet = 70"), "");
    struct http_row row = http_row_null();
    row.packet = 70;
    struct sink sink = store_sink(bench_of(state)->store);
    sink_append(&sink, TABLE_http, &row);
    assert_string_equal(ask(state, "SELECT id FROM http WHERE packet = 70"), "7");
    row.packet = 71;
    sink_amend(&sink, TABLE_http, 7, &row);
    assert_string_equal(ask(state, "SELECT id FROM http WHERE packet = 71"), "7");
}

/* Indexes of so many rows lie in files, like the rows themselves. */
static void indexes_of_rows_in_files_find_all(void **state)
{
    struct store *store = bench_of(state)->store;
    struct sink sink = store_sink(store);
    store_limit(store, 200000, 4000000);
    for (int64_t i = 0; i < 6000; i++) {
        char host[16];
        struct http_row row = http_row_null();
        row.packet = i;
        row.status = 200 + i % 3;
        row.host = (struct text){host, (size_t)snprintf(host, sizeof host, "host-%d", (int)(i % 1500))};
        assert_int_equal(sink_append(&sink, TABLE_http, &row), i + 1);
    }
    assert_true(store_written(store) > 1000000);
    assert_string_equal(ask(state, "SELECT id FROM http WHERE host = 'host-77'"), "78;1578;3078;4578");
    assert_string_equal(ask(state, "SELECT id FROM http WHERE host = 'host-1500'"), "");
    assert_string_equal(ask(state, "SELECT count(*) FROM http WHERE status = 201"), "2000");
    assert_string_equal(
        ask(state, "SELECT count(*) || ',' || sum(a.id = b.id) FROM http a JOIN http b ON a.host = b.host"),
        "24000,6000");
    assert_string_equal(ask(state, "SELECT count(*) FROM http a JOIN http b ON a.packet = b.packet"), "6000");
    assert_true(store_memory(store) <= 500000);
}

static void a_row_that_comes_while_a_statement_runs_is_safe(void **state)
{
    fill(state);
    sqlite3_stmt *statement;
    struct error error;
    assert_int_equal(
        database_prepare(bench_of(state)->database, "SELECT id FROM http WHERE host = 'a'", &statement, NULL, &error),
        OUTCOME_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    struct http_row row = http_row_null();
    row.packet = 70;
    struct sink sink = store_sink(bench_of(state)->store);
    sink_append(&sink, TABLE_http, &row);
    assert_string_equal(ask(state, "SELECT id FROM http WHERE host = 'a' AND packet = 70"), "");
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 3);
    sqlite3_finalize(statement);
}

#define MANY 1000000

static void two_tables_of_a_million_rows_join_in_linear_work(void **state)
{
    struct sink sink = store_sink(bench_of(state)->store);
    for (int64_t i = 0; i < MANY; i++) {
        struct coverage_row counter = coverage_row_null();
        counter.value = i;
        assert_true(sink_append(&sink, TABLE_coverage, &counter) > 0);
        struct finding_row finding = finding_row_null();
        finding.message = MANY - 1 - i;
        assert_true(sink_append(&sink, TABLE_finding, &finding) > 0);
    }
    sqlite3_stmt *statement;
    struct error error;
    const char *sql = "SELECT count(*) FROM coverage c JOIN finding f ON f.message = c.value";
    assert_int_equal(database_prepare(bench_of(state)->database, sql, &statement, NULL, &error), OUTCOME_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), MANY);
    int steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
    assert_true(steps < 20 * MANY);
    sqlite3_finalize(statement);
}

static void needs_are_those_of_tables_and_columns(void **state)
{
    assert_int_equal(needs_of(state, "SELECT count(*) FROM http"), NEED_NOTHING);
    assert_int_equal(needs_of(state, "SELECT id, endpoint FROM message"), NEED_UPLOAD);
    assert_int_equal(needs_of(state, "SELECT m.root FROM message m"), NEED_UPLOAD | NEED_PAYLOAD);
    assert_int_equal(needs_of(state, "SELECT body FROM main.message"), NEED_UPLOAD | NEED_PAYLOAD | NEED_BODY);
    assert_int_equal(needs_of(state, "SELECT id FROM message WHERE signature = 'valid'"),
                     NEED_UPLOAD | NEED_SIGNATURE | NEED_REGISTRATION);
    assert_int_equal(needs_of(state, "SELECT count(*) FROM registration"), NEED_REGISTRATION);
    assert_int_equal(needs_of(state, "SELECT 1 FROM flow WHERE id IN (SELECT flow FROM policy)"), NEED_POLICY);
    assert_int_equal(needs_of(state, "WITH t AS (SELECT id, root AS r FROM message) SELECT r FROM t"),
                     NEED_UPLOAD | NEED_PAYLOAD);
}

static void a_finding_needs_all_but_bodies(void **state)
{
    assert_int_equal(needs_of(state, "SELECT count(*) FROM finding"),
                     (NEED_EVERYTHING & ~(unsigned)NEED_BODY) | NEED_UPLOAD);
}

static void needs_are_added_to_what_is_there(void **state)
{
    struct error error;
    sqlite3_stmt *statement;
    unsigned needs = NEED_BODY;
    assert_int_equal(database_prepare(bench_of(state)->database, "SELECT id FROM policy", &statement, &needs, &error),
                     OUTCOME_OK);
    sqlite3_finalize(statement);
    assert_int_equal(needs, NEED_BODY | NEED_POLICY);
}

static void only_reading_is_allowed(void **state)
{
    static const char *const statements[] = {
        "DELETE FROM flow",
        "UPDATE flow SET src = 'x'",
        "INSERT INTO flow(src) VALUES ('x')",
        "CREATE TABLE t(a)",
        "CREATE TEMP TABLE t(a)",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE flow",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "PRAGMA table_info(flow)",
        "PRAGMA writable_schema = 1",
        "SELECT * FROM pragma_table_info('flow')",
        "SELECT load_extension('x')",
        "VACUUM",
        "VACUUM INTO '/tmp/x'",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT a",
        "ANALYZE",
        "REINDEX",
        "CREATE VIRTUAL TABLE t USING flow",
        "SELECT * FROM no_such_table",
        "SELECT no_such_column FROM flow",
        "SELECT \"no such name\" FROM flow",
        "SELEC 1",
        "",
        " -- nothing\n",
        ";",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        refused(state, statements[i]);
}

static void one_statement_at_a_time(void **state)
{
    assert_non_null(strstr(refused(state, "SELECT 1; SELECT 2"), "more than one statement"));
    assert_non_null(strstr(refused(state, "SELECT 1; nonsense"), "more than one statement"));
    assert_string_equal(ask(state, "SELECT 1;\n -- a comment\n ; /* another */ "), "1");
}

static void an_error_tells_the_place(void **state)
{
    struct error error = {0};
    sqlite3_stmt *statement;
    assert_int_equal(database_prepare(bench_of(state)->database, "SELECT id, nope FROM flow", &statement, NULL, &error),
                     OUTCOME_MALFORMED);
    assert_string_equal(error.text, "no such column: nope (line 1, column 12)");
    assert_int_equal(error.offset, 11);
}

static void an_error_names_what_was_meant(void **state)
{
    static const char *const cases[][2] = {
        {"SELECT roott FROM message", "no such column: roott (line 1, column 8); did you mean \"root\"?"},
        {"SELECT\n m.ENDPONIT FROM message m", "(line 2, column 2); did you mean \"endpoint\"?"},
        {"SELECT\n1 FROM mesages", "no such table: mesages (line 2, column 8); did you mean \"message\"?"},
        {"SELECT sni FROM message", "no such column: sni (line 1, column 8); table tls has it"},
        {"SELECT xyzzyq FROM message", "no such column: xyzzyq (line 1, column 8)"},
        {"SELECT nosuch(1)", "no such function: nosuch (line 1, column 8)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_non_null(strstr(refused(state, cases[i][0]), cases[i][1]));
}

/* Rows of table expressions may be counted, whatever their names; what is no table here may not. */
static void expressions_are_counted(void **state)
{
    static const char *const fives[] = {
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<5) SELECT count(*) FROM c",
        "WITH c AS (SELECT value FROM json_each('[1,2,3,4,5]') GROUP BY 1) SELECT count(*) FROM c",
        "WITH c AS (VALUES(1),(2),(3),(4),(5)), d AS (SELECT * FROM c) SELECT (SELECT count(*) FROM c) FROM d LIMIT 1",
        "SELECT count(*) FROM (SELECT value FROM json_each('[1,2,3,4,5]') ORDER BY 1 LIMIT 9)",
        "WITH c AS MATERIALIZED (SELECT value FROM json_each('[1,2,3,4,5]')) SELECT count(*) FROM c",
        "SELECT count(*) FROM (SELECT row_number() OVER () FROM json_each('[1,2,3,4,5]'))",
        "SELECT 5 WHERE EXISTS (WITH c AS (SELECT 1 GROUP BY 1) SELECT 1 FROM c)",
        "SELECT count(*) FROM (VALUES (1), (2), (3), (4), (5))",
    };
    static const char *const others[] = {
        "SELECT count(*) FROM pragma_database_list", "SELECT count(*) FROM pragma_table_info('message')",
        "SELECT 1 FROM pragma_compile_options",      "SELECT count(*) FROM dbstat",
        "SELECT count(*) FROM sqlite_dbpage",        "SELECT count(*) FROM sqlite_temp_master",
        "SELECT count(*) FROM bytecode('SELECT 1')", "SELECT EXISTS (SELECT 1 FROM pragma_function_list)",
    };
    for (size_t i = 0; i < sizeof fives / sizeof fives[0]; i++)
        assert_string_equal(ask(state, fives[i]), "5");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        refused(state, others[i]);
}

/* Steps and their end, and that the next statement has all of them again. */
static void a_statement_has_a_budget(void **state)
{
    struct database *database = bench_of(state)->database;
    struct error error = {0};
    sqlite3_stmt *statement;
    database_limit(database, 1000000, 0);
    assert_int_equal(
        database_prepare(database, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT max(x) FROM c",
                         &statement, NULL, &error),
        OUTCOME_OK);
    int result = sqlite3_step(statement);
    assert_int_equal(result, SQLITE_INTERRUPT);
    assert_int_equal(database_failure(database, result, &error), OUTCOME_LIMIT);
    assert_non_null(strstr(error.text, "stopped after 1 million steps"));
    sqlite3_finalize(statement);
    assert_string_equal(ask(state, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<9999) "
                                   "SELECT max(x) FROM c"),
                        "9999");
}

static void ctes_windows_and_json_are_there(void **state)
{
    assert_string_equal(ask(state, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5)"
                                   "SELECT sum(x), max(row_number) FROM (SELECT x, row_number() OVER () AS row_number "
                                   "FROM c)"),
                        "15 5");
    assert_string_equal(ask(state, "SELECT sum(value) FROM json_each('[1, 2]')"), "3");
}

static void functions_about_names_and_addresses(void **state)
{
    assert_string_equal(ask(state, "SELECT is_ip('10.0.0.1'), is_ip('fd00::1'), is_ip('cm01'), is_ip(''), is_ip(NULL)"),
                        "1 1 0 0 -");
    assert_string_equal(ask(state, "SELECT ip_in('10.1.2.3', '10.0.0.0/8'), ip_in('11.0.0.1', '10.0.0.0/7'), "
                                   "ip_in('12.0.0.1', '10.0.0.0/7'), ip_in('1.2.3.4', '0.0.0.0/0')"),
                        "1 1 0 1");
    assert_string_equal(ask(state, "SELECT ip_in('fd00::1', 'fd00::/8'), ip_in('fd00::1', '10.0.0.0/8'), "
                                   "ip_in('10.0.0.1', '10.0.0.1/32'), ip_in('10.0.0.2', '10.0.0.1/32')"),
                        "1 0 1 0");
    assert_string_equal(ask(state, "SELECT ip_in('x', '10.0.0.0/8'), ip_in('10.0.0.1', '10.0.0.0'), "
                                   "ip_in('10.0.0.1', '10.0.0.0/33'), ip_in('10.0.0.1', '/8')"),
                        "- - - -");
    assert_string_equal(ask(state,
                            "SELECT host_of('http://CM01.corp:8080/a?b'), host_of('CM01:80'), host_of('cm01/x'), "
                            "host_of('[fd00::1]:80'), host_of('fd00::1'), host_of('10.0.0.1:80')"),
                        "cm01.corp cm01 cm01 fd00::1 fd00::1 10.0.0.1");
    assert_string_equal(ask(state,
                            "SELECT ptr_address('9.0.20.10.in-addr.arpa'), ptr_address('256.0.0.1.in-addr.arpa'), "
                            "ptr_address('1.2.3.in-addr.arpa'), ptr_address('0.1.2.3.4.IN-ADDR.ARPA'), "
                            "ptr_address('a..0.1.in-addr.arpa'), ptr_address(NULL)"),
                        "10.20.0.9 - - - - -");
    assert_string_equal(ask(state, "SELECT ptr_address('b.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
                                   "0.2.0.0.7.5.d.f.ip6.arpa')"),
                        "fd57:20::b");
    assert_string_equal(ask(state, "SELECT host_of(''), host_of('http://'), host_of('['), host_of(NULL), host_of(':')"),
                        "- - - - -");
}

/* What only counts messages needs no other table; what reads a reference needs that table; what is read at some costs is
 * filled from rows of all. */
static void tables_that_nobody_reads_are_known(void **state)
{
    struct bench *bench = bench_of(state);
    sqlite3_stmt *statement = NULL;
    struct error error = {0};
    assert_int_equal(database_unread(bench->database, NEED_NOTHING), UINT64_MAX);
    assert_int_equal(database_prepare(bench->database, "SELECT count(*) FROM message", &statement, NULL, &error),
                     OUTCOME_OK);
    sqlite3_finalize(statement);
    assert_int_equal(database_unread(bench->database, NEED_NOTHING), ~table_bit(TABLE_message));
    assert_int_equal(database_unread(bench->database, NEED_UPLOAD), ~table_bit(TABLE_message));
    assert_int_equal(database_unread(bench->database, NEED_PAYLOAD), 0);
    assert_int_equal(database_columns(bench->database, TABLE_message, NEED_UPLOAD), 0);
    assert_int_equal(database_columns(bench->database, TABLE_message, NEED_PAYLOAD), COLUMNS_ALL);
    assert_int_equal(database_prepare(bench->database, "SELECT flow FROM http", &statement, NULL, &error), OUTCOME_OK);
    sqlite3_finalize(statement);
    assert_int_equal(database_unread(bench->database, NEED_NOTHING),
                     ~(table_bit(TABLE_message) | table_bit(TABLE_http) | table_bit(TABLE_flow)));
    assert_int_equal(database_columns(bench->database, TABLE_http, NEED_NOTHING),
                     column_bit(2)); /* packet, time, flow */
    assert_int_equal(database_prepare(bench->database, "SELECT packet FROM smb", &statement, NULL, &error), OUTCOME_OK);
    sqlite3_finalize(statement);
    assert_int_equal(database_unread(bench->database, NEED_SERVERS), table_bit(TABLE_refused));
    assert_int_equal(database_columns(bench->database, TABLE_smb, NEED_SERVERS), COLUMNS_ALL);
    assert_int_equal(database_prepare(bench->database, "SELECT name FROM coverage", &statement, NULL, &error),
                     OUTCOME_OK);
    sqlite3_finalize(statement);
    assert_int_equal(database_unread(bench->database, NEED_NOTHING), 0);
}

/* Rows end behind the last column that is read; a dissector sees the rest of its row as NULL, and an amend of the rest
 * changes nothing. */
static void a_narrow_row_has_what_is_read(void **state)
{
    (void)state;
    struct store *store = store_new();
    assert_non_null(store);
    store_narrow(
        store, TABLE_http,
        column_bit((size_t)(schema_column(schema_table(TABLE_http), "uri") - schema_table(TABLE_http)->columns)));
    struct sink sink = store_sink(store);
    struct http_row row = http_row_null();
    row.packet = 7;
    row.method = TEXT("GET");
    row.uri = TEXT("/a");
    row.status = 200;
    int64_t id = sink_append(&sink, TABLE_http, &row);
    const struct http_row *kept = sink.row(sink.context, TABLE_http, id);
    assert_int_equal(kept->packet, 7);
    assert_true(text_is(kept->uri, "/a"));
    assert_null(kept->method.at); /* stands before, but nobody reads it */
    assert_int_equal(kept->status, INT_NULL);
    uint64_t generation = store_generation(store);
    row.status = 404;
    sink_amend(&sink, TABLE_http, id, &row);
    assert_int_equal(store_generation(store), generation);
    row.uri = TEXT("/b");
    sink_amend(&sink, TABLE_http, id, &row);
    kept = sink.row(sink.context, TABLE_http, id);
    assert_true(text_is(kept->uri, "/b"));
    store_free(store);
}

/* Of a table that is dropped nothing is kept, and nothing counts as lost. */
static void nothing_is_kept_of_a_dropped_table(void **state)
{
    (void)state;
    struct store *store = store_new();
    assert_non_null(store);
    store_drop(store, table_bit(TABLE_flow));
    struct sink sink = store_sink(store);
    struct flow_row flow = flow_row_null();
    struct http_row http = http_row_null();
    int64_t id = sink_append(&sink, TABLE_flow, &flow);
    assert_int_equal(id, ROW_DROPPED);
    sink_amend(&sink, TABLE_flow, id, &flow);
    assert_null(sink.row(sink.context, TABLE_flow, id));
    assert_int_equal(sink_append(&sink, TABLE_http, &http), 1);
    assert_int_equal(store_count(store, TABLE_flow), 0);
    assert_int_equal(store_lost(store), 0);
    store_free(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest all[] = {
        TEST(rows_and_columns_come_as_they_are),
        TEST(equality_finds_the_same_rows_by_index_as_without),
        TEST(a_value_that_many_rows_have_is_not_looked_up),
        TEST(null_equals_nothing_but_is_null),
        TEST(joins_use_the_index_of_a_column),
        TEST(order_by_id_needs_no_sorting),
        TEST(rows_that_come_later_are_found),
        TEST(indexes_of_rows_in_files_find_all),
        TEST(a_row_that_comes_while_a_statement_runs_is_safe),
        TEST(two_tables_of_a_million_rows_join_in_linear_work),
        TEST(needs_are_those_of_tables_and_columns),
        TEST(a_finding_needs_all_but_bodies),
        TEST(needs_are_added_to_what_is_there),
        TEST(only_reading_is_allowed),
        TEST(one_statement_at_a_time),
        TEST(an_error_tells_the_place),
        TEST(an_error_names_what_was_meant),
        TEST(expressions_are_counted),
        TEST(a_statement_has_a_budget),
        TEST(ctes_windows_and_json_are_there),
        TEST(functions_about_names_and_addresses),
        TEST(tables_that_nobody_reads_are_known),
        TEST(nothing_is_kept_of_a_dropped_table),
        TEST(a_narrow_row_has_what_is_read),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
