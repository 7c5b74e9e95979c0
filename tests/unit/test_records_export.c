/* tests/unit/test_records_export.c: the file that `--db` writes, read back by SQLite. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "records/database.h"
#include "records/schema.h"

struct bench {
    struct store *store;
    struct database *database;
    char folder[64];
    char path[128];
};

static struct bench *bench_of(void **state)
{
    return *state;
}

static int open_bench(void **state)
{
    static struct bench bench;
    struct error error;
    bench = (struct bench){.store = store_new(), .folder = "/tmp/cmscope-export-XXXXXX"};
    *state = &bench;
    if (mkdtemp(bench.folder) == NULL)
        return 1;
    snprintf(bench.path, sizeof bench.path, "%s/out.db", bench.folder);
    return bench.store == NULL || database_open(bench.store, &bench.database, &error) != OUTCOME_OK;
}

static int close_bench(void **state)
{
    struct bench *bench = bench_of(state);
    database_close(bench->database);
    store_free(bench->store);
    unlink(bench->path);
    return rmdir(bench->folder); /* fails when a temporary file was left behind */
}

static void fill(struct store *store)
{
    struct sink sink = store_sink(store);
    for (int64_t i = 1; i <= 3000; i++) {
        struct message_row row = message_row_null();
        char text[32];
        int length = snprintf(text, sizeof text, "m%d", (int)i);
        row.packet = i * 7;
        row.time = (double)i + 0.25;
        row.signed_ = i % 2;
        row.message_id = (struct text){text, (size_t)length};
        row.attempt_of = i % 3 == 0 ? i - 1 : INT_NULL;
        row.root = i == 5 ? (struct text){"a\0b", 3} : TEXT_NULL;
        sink_append(&sink, TABLE_message, &row);
    }
    struct flow_row flow = flow_row_null();
    flow.end = 5.5;
    sink_append(&sink, TABLE_flow, &flow);
}

static sqlite3_int64 number(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    sqlite3_int64 value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void the_file_has_the_same_tables_ids_and_values(void **state)
{
    struct bench *bench = bench_of(state);
    fill(bench->store);
    struct error error = {0};
    if (database_export(bench->database, bench->path, &error) != OUTCOME_OK)
        fail_msg("%s", error.text);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), TABLE_COUNT);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM message"), 3000);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM message WHERE packet = id * 7 AND time = id + 0.25 AND "
                                         "signed = id % 2 AND message_id = 'm' || id"),
                     3000);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM message WHERE attempt_of IS NULL"), 2000);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM message WHERE root IS NULL"), 2999);
    assert_int_equal(number(bench->path, "SELECT length(CAST(root AS BLOB)) FROM message WHERE id = 5"), 3);
    assert_int_equal(number(bench->path, "SELECT end = 5.5 AND src IS NULL FROM flow"), 1);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM finding"), 0);
    assert_int_equal(number(bench->path, "PRAGMA application_id"), 0x434D5343);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
                     1);
    for (int table = 0; table < TABLE_COUNT; table++) {
        char sql[128];
        const struct table_schema *schema = schema_table((enum table)table);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM pragma_table_info('%s')", schema->name);
        assert_int_equal(number(bench->path, sql), schema->column_count + 1);
    }
}

static void only_its_owner_can_read_it(void **state)
{
    struct error error;
    assert_int_equal(database_export(bench_of(state)->database, bench_of(state)->path, &error), OUTCOME_OK);
    struct stat status;
    assert_int_equal(stat(bench_of(state)->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void an_own_file_is_replaced(void **state)
{
    struct bench *bench = bench_of(state);
    struct error error;
    fill(bench->store);
    assert_int_equal(database_export(bench->database, bench->path, &error), OUTCOME_OK);
    assert_int_equal(database_export(bench->database, bench->path, &error), OUTCOME_OK);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM message"), 3000);
}

static void a_foreign_file_is_not_touched(void **state)
{
    struct bench *bench = bench_of(state);
    FILE *file = fopen(bench->path, "w");
    assert_non_null(file);
    fputs("letters to grandmother", file);
    fclose(file);
    struct error error = {0};
    assert_int_equal(database_export(bench->database, bench->path, &error), OUTCOME_SYSTEM);
    assert_non_null(strstr(error.text, bench->path));
    assert_non_null(strstr(error.text, "give another name or remove it"));
    struct stat status;
    assert_int_equal(stat(bench->path, &status), 0);
    assert_int_equal(status.st_size, strlen("letters to grandmother"));
}

static void a_foreign_database_is_not_touched(void **state)
{
    struct bench *bench = bench_of(state);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine(a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct error error;
    assert_int_equal(database_export(bench->database, bench->path, &error), OUTCOME_SYSTEM);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM mine"), 0);
}

static void what_cannot_be_written_is_said(void **state)
{
    struct error error = {0};
    struct bench *bench = bench_of(state);
    assert_int_equal(database_export(bench->database, "/nonexistent-folder/x.db", &error), OUTCOME_SYSTEM);
    assert_non_null(strstr(error.text, "/nonexistent-folder/x.db"));
    assert_int_equal(database_export(bench->database, bench->folder, &error), OUTCOME_SYSTEM);
    assert_non_null(strstr(error.text, "not a database made by cmscope"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(the_file_has_the_same_tables_ids_and_values),
        TEST(only_its_owner_can_read_it),
        TEST(an_own_file_is_replaced),
        TEST(a_foreign_file_is_not_touched),
        TEST(a_foreign_database_is_not_touched),
        TEST(what_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
