/* tests/unit/test_records_store.c: rows and texts of a store: kept as given, kept once, never past the budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records/schema.h"
#include "records/store.h"

static int open_store(void **state)
{
    *state = store_new();
    return *state == NULL;
}

static int close_store(void **state)
{
    store_free(*state);
    return 0;
}

static int64_t append_flow(struct store *store, int64_t packet, struct text src)
{
    struct flow_row row = flow_row_null();
    row.packet = packet;
    row.src = src;
    struct sink sink = store_sink(store);
    return sink_append(&sink, TABLE_flow, &row);
}

static void an_empty_store_has_no_rows(void **state)
{
    for (int table = 0; table < TABLE_COUNT; table++)
        assert_int_equal(store_count(*state, (enum table)table), 0);
    assert_null(store_row(*state, TABLE_flow, 1));
    assert_null(store_row(*state, TABLE_flow, 0));
    assert_null(store_row(*state, TABLE_flow, INT_NULL));
}

static void ids_count_from_one_and_rows_come_back(void **state)
{
    for (int64_t i = 1; i <= 5000; i++)
        assert_int_equal(append_flow(*state, i * 3, TEXT("10.0.0.1")), i);
    assert_int_equal(store_count(*state, TABLE_flow), 5000);
    for (int64_t i = 1; i <= 5000; i++) {
        const struct flow_row *row = store_row(*state, TABLE_flow, i);
        assert_int_equal(row->packet, i * 3);
        assert_true(text_is(row->src, "10.0.0.1"));
        assert_null(row->dst.at);
        assert_true(row->dport == INT_NULL);
        assert_true(isnan(row->time));
    }
    assert_null(store_row(*state, TABLE_flow, 5001));
}

static void rows_never_move(void **state)
{
    append_flow(*state, 1, TEXT("a"));
    const void *first = store_row(*state, TABLE_flow, 1);
    for (int64_t i = 0; i < 10000; i++)
        append_flow(*state, i, TEXT("b"));
    assert_ptr_equal(store_row(*state, TABLE_flow, 1), first);
}

static void texts_are_copied(void **state)
{
    char buffer[] = "10.0.0.7";
    append_flow(*state, 1, (struct text){buffer, 8});
    memset(buffer, 'x', sizeof buffer);
    const struct flow_row *row = store_row(*state, TABLE_flow, 1);
    assert_true(text_is(row->src, "10.0.0.7"));
}

static void short_texts_are_kept_once(void **state)
{
    append_flow(*state, 1, TEXT("10.0.0.7"));
    char same[] = "10.0.0.7";
    append_flow(*state, 2, (struct text){same, 8});
    const struct flow_row *first = store_row(*state, TABLE_flow, 1);
    const struct flow_row *second = store_row(*state, TABLE_flow, 2);
    assert_ptr_equal(first->src.at, second->src.at);
}

static void many_different_texts_all_stay_right(void **state)
{
    char text[32];
    for (int64_t i = 1; i <= 20000; i++) {
        int length = snprintf(text, sizeof text, "host-%d", (int)(i % 7000));
        append_flow(*state, i, (struct text){text, (size_t)length});
    }
    for (int64_t i = 1; i <= 20000; i++) {
        snprintf(text, sizeof text, "host-%d", (int)(i % 7000));
        const struct flow_row *row = store_row(*state, TABLE_flow, i);
        assert_true(text_is(row->src, text));
        const struct flow_row *same = store_row(*state, TABLE_flow, i > 7000 ? i - 7000 : i);
        assert_true(text_equal(row->src, same->src));
    }
}

static void long_texts_empty_texts_and_nuls_are_kept(void **state)
{
    size_t length = 300000;
    char *text = malloc(length);
    memset(text, 'x', length);
    text[7] = '\0';
    append_flow(*state, 1, (struct text){text, length});
    append_flow(*state, 2, TEXT(""));
    const struct flow_row *row = store_row(*state, TABLE_flow, 1);
    assert_true(text_equal(row->src, (struct text){text, length}));
    row = store_row(*state, TABLE_flow, 2);
    assert_non_null(row->src.at);
    assert_int_equal(row->src.length, 0);
    free(text);
}

static void amend_replaces_a_row_and_copies_only_new_texts(void **state)
{
    append_flow(*state, 1, TEXT("10.0.0.7"));
    const struct flow_row *kept = store_row(*state, TABLE_flow, 1);
    const char *before = kept->src.at;
    struct flow_row changed = *kept;
    char same[] = "10.0.0.7";
    changed.src = (struct text){same, 8};
    changed.state = TEXT("closed");
    changed.packets_out = 4;
    struct sink sink = store_sink(*state);
    sink_amend(&sink, TABLE_flow, 1, &changed);
    assert_int_equal(store_count(*state, TABLE_flow), 1);
    assert_ptr_equal(kept->src.at, before);
    assert_true(text_is(kept->state, "closed"));
    assert_int_equal(kept->packets_out, 4);
    assert_int_equal(kept->packet, 1);
}

static void amend_of_no_row_is_counted_and_of_the_null_id_ignored(void **state)
{
    struct flow_row row = flow_row_null();
    struct sink sink = store_sink(*state);
    sink_amend(&sink, TABLE_flow, INT_NULL, &row);
    assert_int_equal(store_lost(*state), 0);
    sink_amend(&sink, TABLE_flow, 9, &row);
    assert_int_equal(store_lost(*state), 1);
}

static void the_generation_tells_of_every_change(void **state)
{
    uint64_t before = store_generation(*state);
    append_flow(*state, 1, TEXT_NULL);
    assert_true(store_generation(*state) != before);
    before = store_generation(*state);
    struct flow_row row = flow_row_null();
    struct sink sink = store_sink(*state);
    sink_amend(&sink, TABLE_flow, 1, &row);
    assert_true(store_generation(*state) != before);
}

static void above_the_budget_rows_are_lost_and_counted(void **state)
{
    store_limit(*state, 1024 * 1024);
    char text[200];
    int64_t kept = 0;
    int64_t lost = 0;
    for (int64_t i = 0; i < 20000; i++) {
        memset(text, 'a' + (int)(i % 26), sizeof text);
        snprintf(text, sizeof text, "%d", (int)i);
        int64_t id = append_flow(*state, i, (struct text){text, sizeof text});
        assert_true(id == INT_NULL || id == kept + 1);
        kept += id != INT_NULL;
        lost += id == INT_NULL;
    }
    assert_true(kept > 1000 && lost > 1000);
    assert_int_equal(store_count(*state, TABLE_flow), kept);
    assert_int_equal(store_lost(*state), lost);
    assert_true(store_bytes(*state) <= 1024 * 1024);
}

static void a_change_above_the_budget_leaves_the_row_as_it_was(void **state)
{
    append_flow(*state, 1, TEXT("10.0.0.7"));
    store_limit(*state, store_bytes(*state));
    struct flow_row changed = flow_row_null();
    char text[100000];
    memset(text, 'x', sizeof text);
    changed.src = (struct text){text, sizeof text};
    struct sink sink = store_sink(*state);
    sink_amend(&sink, TABLE_flow, 1, &changed);
    const struct flow_row *row = store_row(*state, TABLE_flow, 1);
    assert_true(text_is(row->src, "10.0.0.7"));
    assert_int_equal(row->packet, 1);
    assert_int_equal(store_lost(*state), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_store_has_no_rows, open_store, close_store),
        cmocka_unit_test_setup_teardown(ids_count_from_one_and_rows_come_back, open_store, close_store),
        cmocka_unit_test_setup_teardown(rows_never_move, open_store, close_store),
        cmocka_unit_test_setup_teardown(texts_are_copied, open_store, close_store),
        cmocka_unit_test_setup_teardown(short_texts_are_kept_once, open_store, close_store),
        cmocka_unit_test_setup_teardown(many_different_texts_all_stay_right, open_store, close_store),
        cmocka_unit_test_setup_teardown(long_texts_empty_texts_and_nuls_are_kept, open_store, close_store),
        cmocka_unit_test_setup_teardown(amend_replaces_a_row_and_copies_only_new_texts, open_store, close_store),
        cmocka_unit_test_setup_teardown(amend_of_no_row_is_counted_and_of_the_null_id_ignored, open_store, close_store),
        cmocka_unit_test_setup_teardown(the_generation_tells_of_every_change, open_store, close_store),
        cmocka_unit_test_setup_teardown(above_the_budget_rows_are_lost_and_counted, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_change_above_the_budget_leaves_the_row_as_it_was, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
