/* tests/unit/test_records_store.c: rows and texts of a store: kept as given, kept once, in a file past the limit. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

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

/* Appends `count` rows whose texts are all different; returns how many were kept. */
static int64_t append_many(struct store *store, int64_t count)
{
    char text[200];
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        memset(text, 'a' + (int)(i % 26), sizeof text);
        snprintf(text, sizeof text, "%d", (int)i);
        int64_t id = append_flow(store, i, (struct text){text, sizeof text});
        assert_true(id == INT_NULL || id == kept + 1);
        kept += id != INT_NULL;
    }
    return kept;
}

static void above_the_limit_rows_go_to_a_file_and_read_the_same(void **state)
{
    store_limit(*state, 1024 * 1024, 1024 * 1024);
    assert_int_equal(append_many(*state, 20000), 20000);
    assert_int_equal(store_lost(*state), 0);
    assert_true(store_memory(*state) <= 1024 * 1024);
    assert_true(store_written(*state) > 4 * 1024 * 1024);
    struct error error;
    assert_false(store_problem(*state, &error));
    for (int64_t step = 1; step < 20000; step += 6661) { /* in order, and all over the place */
        for (int64_t i = 0; i < 20000; i++) {
            char text[200];
            int64_t number = i * step % 20000;
            memset(text, 'a' + (int)(number % 26), sizeof text);
            snprintf(text, sizeof text, "%d", (int)number);
            const struct flow_row *row = store_row(*state, TABLE_flow, number + 1);
            store_seen(*state, row->src);
            assert_int_equal(row->packet, number);
            assert_true(text_equal(row->src, (struct text){text, sizeof text}));
        }
    }
}

static void rows_in_the_file_are_amended(void **state)
{
    store_limit(*state, 1024 * 1024, 1024 * 1024);
    append_many(*state, 10000);
    struct sink sink = store_sink(*state);
    for (int64_t id = 1; id <= 10000; id += 3) {
        struct flow_row row = *(const struct flow_row *)sink.row(sink.context, TABLE_flow, id);
        row.packets_out = id * 7;
        row.state = id % 2 == 0 ? TEXT("closed")
                                : TEXT("a state whose name is longer than all texts that are kept only once ......");
        sink_amend(&sink, TABLE_flow, id, &row);
    }
    assert_int_equal(store_lost(*state), 0);
    for (int64_t id = 1; id <= 10000; id++) {
        const struct flow_row *row = store_row(*state, TABLE_flow, id);
        assert_int_equal(row->packet, id - 1);
        assert_int_equal(row->src.length, 200);
        assert_int_equal(row->packets_out, id % 3 == 1 ? id * 7 : INT_NULL);
        if (id % 3 != 1)
            assert_null(row->state.at);
        else
            assert_true(text_is(
                row->state,
                id % 2 == 0 ? "closed" : "a state whose name is longer than all texts that are kept only once ......"));
    }
}

/* Runs `append_many` where no file can be written, and checks that it ends at the other limit, with a reason. */
static void check_without_files(struct store *store)
{
    store_limit(store, 1024 * 1024, 2 * 1024 * 1024);
    int64_t kept = append_many(store, 20000);
    assert_true(kept > 3000 && kept < 19000);
    assert_int_equal(store_lost(store), 20000 - kept);
    assert_true(store_memory(store) <= 2 * 1024 * 1024);
    struct error error = {0};
    assert_true(store_problem(store, &error));
    assert_non_null(strstr(error.text, "TMPDIR"));
    for (int64_t id = 1; id <= kept; id++)
        assert_int_equal(((const struct flow_row *)store_row(store, TABLE_flow, id))->src.length, 200);
}

static void without_a_folder_for_files_rows_stay_in_memory_up_to_the_other_limit(void **state)
{
    setenv("TMPDIR", "/nonexistent/folder", 1);
    check_without_files(*state);
    unsetenv("TMPDIR");
}

/* As when the disk is full: writing ends in the middle. */
static void a_file_that_cannot_grow_loses_nothing_that_was_kept(void **state)
{
    struct rlimit before, small = {.rlim_cur = 300000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    check_without_files(*state);
    int64_t changed = 0;
    for (int64_t id = 1; id <= 1000; id++) {
        struct flow_row row = *(const struct flow_row *)store_row(*state, TABLE_flow, id);
        row.packets_out = 5;
        struct sink sink = store_sink(*state);
        sink_amend(&sink, TABLE_flow, id, &row);
        changed += ((const struct flow_row *)store_row(*state, TABLE_flow, id))->packets_out == 5;
    }
    assert_int_equal(changed, 1000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void a_change_above_the_budget_leaves_the_row_as_it_was(void **state)
{
    append_flow(*state, 1, TEXT("10.0.0.7"));
    store_limit(*state, 1024, 1024 + 100000);
    struct flow_row changed = flow_row_null();
    char text[101000];
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
        cmocka_unit_test_setup_teardown(above_the_limit_rows_go_to_a_file_and_read_the_same, open_store, close_store),
        cmocka_unit_test_setup_teardown(rows_in_the_file_are_amended, open_store, close_store),
        cmocka_unit_test_setup_teardown(without_a_folder_for_files_rows_stay_in_memory_up_to_the_other_limit,
                                        open_store, close_store),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_grow_loses_nothing_that_was_kept, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_change_above_the_budget_leaves_the_row_as_it_was, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
