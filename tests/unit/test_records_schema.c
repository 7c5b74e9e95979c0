/* tests/unit/test_records_schema.c: the schema says what records/tables.def says. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records/schema.h"

static void every_table_is_found_by_name_and_number(void **state)
{
    (void)state;
    for (int table = 0; table < TABLE_COUNT; table++) {
        const struct table_schema *schema = schema_table((enum table)table);
        assert_non_null(schema);
        assert_ptr_equal(schema_find(schema->name), schema);
        assert_int_equal(schema_index(schema), table);
        assert_true(schema->column_count >= 2);
        assert_string_equal(schema->columns[0].name, "packet");
        assert_string_equal(schema->columns[1].name, "time");
    }
    assert_null(schema_find("no_such_table"));
    assert_null(schema_table(TABLE_COUNT));
}

static void no_column_name_ends_with_an_underscore_or_is_id(void **state)
{
    (void)state;
    for (int table = 0; table < TABLE_COUNT; table++) {
        const struct table_schema *schema = schema_table((enum table)table);
        for (size_t i = 0; i < schema->column_count; i++) {
            const char *name = schema->columns[i].name;
            assert_true(name[strlen(name) - 1] != '_');
            assert_string_not_equal(name, "id");
            assert_ptr_equal(schema_column(schema, name), &schema->columns[i]);
        }
    }
}

static void columns_carry_type_need_reference_and_place(void **state)
{
    (void)state;
    const struct table_schema *schema = schema_find("message");
    const struct column *column = schema_column(schema, "signed");
    assert_int_equal(column->type, COLUMN_BOOL);
    assert_int_equal(column->offset, offsetof(struct message_row, signed_));
    column = schema_column(schema, "signature");
    assert_int_equal(column->need, NEED_SIGNATURE | NEED_REGISTRATION);
    column = schema_column(schema, "attempt_of");
    assert_int_equal(column->type, COLUMN_REF);
    assert_int_equal(column->refers, TABLE_message);
    column = schema_column(schema, "packet");
    assert_int_equal(column->refers, TABLE_COUNT);
    assert_int_equal(schema->row_size, sizeof(struct message_row));
    assert_int_equal(schema_find("finding")->need, NEED_FINDING);
}

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print(out);
    fclose(out);
    return text;
}

static void print_finding_sql(FILE *out)
{
    schema_print_sql(out, schema_find("finding"), "main.");
}

static void print_finding_text(FILE *out)
{
    schema_print_text(out, schema_find("finding"));
}

static void sql_of_a_table(void **state)
{
    (void)state;
    char *text = printed(print_finding_sql);
    assert_string_equal(text, "CREATE TABLE main.finding(\n"
                              "    id INTEGER PRIMARY KEY,\n"
                              "    \"packet\" INTEGER,\n"
                              "    \"time\" REAL,\n"
                              "    \"flow\" INTEGER REFERENCES flow(id),\n"
                              "    \"message\" INTEGER REFERENCES message(id),\n"
                              "    \"http\" INTEGER REFERENCES http(id),\n"
                              "    \"code\" TEXT,\n"
                              "    \"level\" TEXT,\n"
                              "    \"text\" TEXT\n)");
    free(text);
}

static void text_of_a_table(void **state)
{
    (void)state;
    char *text = printed(print_finding_text);
    assert_non_null(strstr(text, "finding: One departure"));
    assert_non_null(strstr(text, "  time     real         When that packet was captured"));
    assert_non_null(strstr(text, "  message  ref message  The message; NULL when it is about a download\n"));
    free(text);
}

static void markdown_names_every_table_and_column(void **state)
{
    (void)state;
    char *text = printed(schema_print_markdown);
    for (int table = 0; table < TABLE_COUNT; table++) {
        const struct table_schema *schema = schema_table((enum table)table);
        char line[128];
        snprintf(line, sizeof line, "\n## %s\n", schema->name);
        assert_non_null(strstr(text, line));
        for (size_t i = 0; i < schema->column_count; i++) {
            snprintf(line, sizeof line, "| `%s` | ", schema->columns[i].name);
            assert_non_null(strstr(text, line));
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_is_found_by_name_and_number),
        cmocka_unit_test(no_column_name_ends_with_an_underscore_or_is_id),
        cmocka_unit_test(columns_carry_type_need_reference_and_place),
        cmocka_unit_test(sql_of_a_table),
        cmocka_unit_test(text_of_a_table),
        cmocka_unit_test(markdown_names_every_table_and_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
