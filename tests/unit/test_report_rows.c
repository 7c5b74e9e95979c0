/* tests/unit/test_report_rows.c: rows of queries as table, CSV and JSON; one row as a tree; times. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include <jansson.h>
#include <sqlite3.h>

#include "report/utc.h"
#include "tests/unit/report_fixture.h"

static sqlite3 *database;

static int database_start(void **state)
{
    (void)state;
    return sqlite3_open(":memory:", &database) != SQLITE_OK;
}

static int database_end(void **state)
{
    (void)state;
    return sqlite3_close(database) != SQLITE_OK;
}

/* The output of a query, to be freed; *outcome gets its end. `hostile` is its parameter ?1. */
static char *query(const char *sql, enum row_format format, enum outcome *outcome, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    if (sqlite3_bind_parameter_count(statement) > 0)
        sqlite3_bind_text(statement, 1, HOSTILE, sizeof HOSTILE - 1, SQLITE_STATIC);
    char *output = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&output, &length);
    assert_non_null(out);
    *outcome = report_rows(out, statement, format, error);
    assert_int_equal(fclose(out), 0);
    sqlite3_finalize(statement);
    return output;
}

static void assert_rows(const char *sql, enum row_format format, const char *wanted)
{
    enum outcome outcome;
    char *output = query(sql, format, &outcome, NULL);
    assert_int_equal(outcome, OUTCOME_OK);
    assert_string_equal(output, wanted);
    free(output);
}

static void csv_follows_rfc_4180(void **state)
{
    (void)state;
    assert_rows("SELECT 'a' AS \"x,y\", 'say \"hi\"' AS b, 'two\nlines' AS c, NULL AS d, '' AS e", ROW_FORMAT_CSV,
                "\"x,y\",b,c,d,e\r\na,\"say \"\"hi\"\"\",\"two\nlines\",,\r\n");
    assert_rows("SELECT 1 AS a WHERE 0", ROW_FORMAT_CSV, "a\r\n");
}

static void csv_formats_values(void **state)
{
    (void)state;
    assert_rows(
        "SELECT 9223372036854775807 AS a, -9223372036854775808 AS b, x'00ff1b' AS c, 0.1 AS d, 1795323616.285195 AS e",
        ROW_FORMAT_CSV, "a,b,c,d,e\r\n9223372036854775807,-9223372036854775808,00FF1B,0.1,1795323616.285195\r\n");
}

static void csv_defuses_formulas_and_controls(void **state)
{
    (void)state;
    assert_rows("SELECT '=cmd|x' AS a, '-' AS b, -5 AS c, '@x,y' AS d", ROW_FORMAT_CSV,
                "a,b,c,d\r\n'=cmd|x,-,-5,\"'@x,y\"\r\n");
    assert_rows("SELECT ?1 AS a", ROW_FORMAT_CSV,
                "a\r\n\"\\x1B[2J<script>alert(\"\"1\"\")</script>&'\\u{202E},\r\n\\xFF\"\r\n");
}

static void json_is_read_back(void **state)
{
    (void)state;
    enum outcome outcome;
    char *output = query("SELECT ?1 AS text, 9223372036854775807 AS huge, NULL AS none, x'00ff' AS blob, 0.1 AS real, "
                         "1 AS huge UNION ALL SELECT 'b', -9223372036854775808, 2, x'', 1e300, 3",
                         ROW_FORMAT_JSON, &outcome, NULL);
    assert_int_equal(outcome, OUTCOME_OK);
    assert_harmless(output, "");
    json_t *read = json_loads(output, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(read);
    assert_int_equal(json_array_size(read), 2);
    json_t *row = json_array_get(read, 0);
    assert_string_equal(json_string_value(json_object_get(row, "text")),
                        "\x1b[2J<script>alert(\"1\")</script>&'\xe2\x80\xae,\r\n\xef\xbf\xbd");
    assert_true(json_integer_value(json_object_get(row, "huge")) == INT64_MAX);
    assert_true(json_is_null(json_object_get(row, "none")));
    assert_string_equal(json_string_value(json_object_get(row, "blob")), "00FF");
    assert_true(json_real_value(json_object_get(row, "real")) == 0.1);
    assert_int_equal(json_integer_value(json_object_get(row, "huge_2")), 1);
    assert_true(json_integer_value(json_object_get(json_array_get(read, 1), "huge")) == INT64_MIN);
    json_decref(read);
    free(output);
    assert_rows("SELECT 1 AS a WHERE 0", ROW_FORMAT_JSON, "[]\n");
    assert_rows("SELECT 9e999 AS a", ROW_FORMAT_JSON, "[\n {\"a\": null}\n]\n");
}

static void a_table_is_aligned(void **state)
{
    (void)state;
    assert_rows("SELECT 1 AS id, 'a' AS name UNION ALL SELECT 12345, 'longer' UNION ALL SELECT 3, NULL",
                ROW_FORMAT_TABLE, "   id  name\n-----  ------\n    1  a\n12345  longer\n    3  \n");
    assert_rows("SELECT 1 AS id WHERE 0", ROW_FORMAT_TABLE, "id\n--\n");
}

static void a_table_is_safe_and_narrow(void **state)
{
    (void)state;
    enum outcome outcome;
    char *output =
        query("SELECT ?1 AS a, printf('%.*c', 100000, 'x') AS b, x'1b' AS c", ROW_FORMAT_TABLE, &outcome, NULL);
    assert_harmless(output, "");
    assert_contains(output, "\\x1B[2J<script>");
    assert_contains(output, "xxx...  1B\n");
    assert_true(strlen(output) < 1000);
    free(output);
}

static void a_long_table_goes_on_past_the_measured_rows(void **state)
{
    (void)state;
    enum outcome outcome;
    char *output =
        query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n",
              ROW_FORMAT_TABLE, &outcome, NULL);
    size_t lines = 0;
    for (const char *at = output; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 3002);
    assert_contains(output, "\n512\n513\n");
    assert_contains(output, "\n2999\n3000\n");
    free(output);
}

static void an_error_of_sqlite_is_told(void **state)
{
    (void)state;
    static const enum row_format formats[] = {ROW_FORMAT_TABLE, ROW_FORMAT_CSV, ROW_FORMAT_JSON};
    for (size_t i = 0; i < 3; i++) {
        enum outcome outcome;
        struct error error = {.outcome = OUTCOME_OK};
        char *output = query("SELECT 1 UNION ALL SELECT abs(-9223372036854775808)", formats[i], &outcome, &error);
        assert_int_equal(outcome, OUTCOME_SYSTEM);
        assert_contains(error.text, "integer overflow");
        assert_null(json_loads(output, 0, NULL)); /* a half result cannot be taken for a whole one */
        free(output);
    }
}

static void a_row_is_a_tree_without_nulls(void **state)
{
    (void)state;
    struct store *store = store_new();
    struct sink sink = store_sink(store);
    struct message_row row = message_row_null();
    row.packet = 7;
    row.time = FIXTURE_TIME;
    row.endpoint = TEXT(HOSTILE);
    row.signed_ = 1;
    row.encrypted = 0;
    row.payload_bytes = 336;
    row.body = TEXT("<a>\r\n forged: 1\n</a>");
    row.hooks = TEXT("");
    assert_int_equal(sink_append(&sink, TABLE_message, &row), 1);
    char *output = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&output, &length);
    report_row_tree(out, store, TABLE_message, 1, 2);
    report_row_tree(out, store, TABLE_message, 2, 2); /* no such row: nothing */
    fclose(out);
    assert_harmless(output, "");
    assert_string_equal(output, "  packet: 7\n"
                                "  time: 2026-11-22T05:00:16.285195Z\n"
                                "  endpoint:\n"
                                "    | \\x1B[2J<script>alert(\"1\")</script>&'\\u{202E},\n"
                                "    | \\xFF\n"
                                "  hooks: \n"
                                "  encrypted: no\n"
                                "  signed: yes\n"
                                "  payload_bytes: 336 bytes\n"
                                "  body:\n"
                                "    | <a>\n"
                                "    |  forged: 1\n"
                                "    | </a>\n");
    free(output);
    store_free(store);
}

static void times_are_iso_in_utc(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {FIXTURE_TIME, "2026-11-22T05:00:16.285195Z"},
        {-0.5, "1969-12-31T23:59:59.500000Z"},
        {951782399.9999999, "2000-02-29T00:00:00.000000Z"}, /* rounds up into the leap day */
        {1709210096, "2024-02-29T12:34:56.000000Z"},
        {-62135596800, "0001-01-01T00:00:00.000000Z"},
        {253402300798, "9999-12-31T23:59:58.000000Z"},
        {253402300800, ""},
        {-1e300, ""},
        {1e300, ""},
    };
    char text[UTC_TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(utc_format(cases[i].seconds, text), cases[i].text[0] != '\0');
        assert_string_equal(text, cases[i].text);
    }
    assert_false(utc_format(REAL_NULL, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_follows_rfc_4180),
        cmocka_unit_test(csv_formats_values),
        cmocka_unit_test(csv_defuses_formulas_and_controls),
        cmocka_unit_test(json_is_read_back),
        cmocka_unit_test(a_table_is_aligned),
        cmocka_unit_test(a_table_is_safe_and_narrow),
        cmocka_unit_test(a_long_table_goes_on_past_the_measured_rows),
        cmocka_unit_test(an_error_of_sqlite_is_told),
        cmocka_unit_test(a_row_is_a_tree_without_nulls),
        cmocka_unit_test(times_are_iso_in_utc),
    };
    return cmocka_run_group_tests(tests, database_start, database_end);
}
