/* tests/unit/test_records_order.c: one store out of several, in an order that does not depend on how many they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records/order.h"

static int64_t add_flow(struct store *store, int64_t packet, struct text src)
{
    struct sink sink = store_sink(store);
    struct flow_row row = flow_row_null();
    row.packet = packet;
    row.src = src;
    return sink_append(&sink, TABLE_flow, &row);
}

static int64_t add_http(struct store *store, int64_t packet, int64_t flow)
{
    struct sink sink = store_sink(store);
    struct http_row row = http_row_null();
    row.packet = packet;
    row.flow = flow;
    return sink_append(&sink, TABLE_http, &row);
}

static void rows_are_put_in_the_order_of_packets_and_references_follow(void **state)
{
    (void)state;
    struct store *store = store_new();
    assert_non_null(store);
    int64_t late = add_flow(store, 20, TEXT("late"));
    int64_t early = add_flow(store, 10, TEXT("early"));
    add_http(store, 30, late);
    add_http(store, 12, early);
    add_http(store, 12, late); /* the same packet: keeps its place behind the other */
    struct store_order order;
    assert_true(store_merge(&store, 1, &order));

    const struct flow_row *flow = store_row(store, TABLE_flow, 1);
    assert_true(text_is(flow->src, "early"));
    const struct http_row *http = store_row(store, TABLE_http, 1);
    assert_int_equal(http->packet, 12);
    assert_int_equal(http->flow, 1);
    http = store_row(store, TABLE_http, 2);
    assert_int_equal(http->packet, 12);
    assert_int_equal(http->flow, 2);
    http = store_row(store, TABLE_http, 3);
    assert_int_equal(http->packet, 30);
    assert_int_equal(http->flow, 2);
    assert_int_equal(store_order_id(&order, TABLE_flow, late), 2);
    assert_int_equal(store_order_id(&order, TABLE_flow, INT_NULL), INT_NULL);
    assert_int_equal(store_order_id(&order, TABLE_message, 7), 7);
    store_order_free(&order);
    store_free(store);
}

/* Many rows in a scrambled order, over several chunks: every row ends where its packet says, with its own flow. */
static void a_large_permutation_is_exact(void **state)
{
    (void)state;
    enum { COUNT = 5003 }; /* prime, so that steps of 1009 visit all */
    struct store *store = store_new();
    assert_non_null(store);
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t packet = i * 1009 % COUNT + 1;
        int64_t flow = add_flow(store, packet, packet % 2 == 0 ? TEXT("even") : TEXT("odd"));
        add_http(store, COUNT - packet + 1, flow);
    }
    struct store_order order;
    assert_true(store_merge(&store, 1, &order));
    for (int64_t id = 1; id <= COUNT; id++) {
        const struct flow_row *flow = store_row(store, TABLE_flow, id);
        const struct http_row *http = store_row(store, TABLE_http, id);
        assert_int_equal(flow->packet, id);
        assert_true(text_is(flow->src, id % 2 == 0 ? "even" : "odd"));
        assert_int_equal(http->packet, id);
        assert_int_equal(http->flow, COUNT - id + 1);
    }
    store_order_free(&order);
    store_free(store);
}

static void two_stores_become_one_with_texts_and_references(void **state)
{
    (void)state;
    struct store *stores[] = {store_new(), store_new()};
    assert_non_null(stores[0]);
    assert_non_null(stores[1]);
    add_http(stores[0], 5, add_flow(stores[0], 4, TEXT("first")));
    add_http(stores[1], 3,
             add_flow(stores[1], 2,
                      TEXT("second, a text that is too long to be interned with the short ones, so it is copied")));
    struct store_order order;
    assert_true(store_merge(stores, 2, &order));
    assert_int_equal(order.parts[1].bases[TABLE_flow], 1);
    assert_int_equal(store_order_id(&order, TABLE_flow, 1), 2);
    assert_int_equal(store_order_id(&order, TABLE_flow, 2), 1);
    assert_int_equal(store_count(stores[0], TABLE_http), 2);
    assert_int_equal(store_count(stores[1], TABLE_http), 0);
    store_order_free(&order);
    store_free(stores[1]); /* its texts live on */
    const struct http_row *http = store_row(stores[0], TABLE_http, 1);
    assert_int_equal(http->packet, 3);
    assert_int_equal(http->flow, 1);
    const struct flow_row *flow = store_row(stores[0], TABLE_flow, 1);
    assert_true(text_starts_like(flow->src, "second, a text"));
    http = store_row(stores[0], TABLE_http, 2);
    assert_int_equal(http->packet, 5);
    assert_int_equal(http->flow, 2);
    assert_int_equal(add_flow(stores[0], 9, TEXT("first")), 3); /* it can still grow */
    store_free(stores[0]);
}

/* Rows of the same packet: those of the first store first, each with what it refers to. */
static void rows_of_the_same_packet_keep_the_order_of_their_stores(void **state)
{
    (void)state;
    enum { STORES = 3 };
    struct store *stores[STORES];
    for (int64_t s = 0; s < STORES; s++) {
        stores[s] = store_new();
        assert_non_null(stores[s]);
        int64_t flow = add_flow(stores[s], 7, s == 0 ? TEXT("0") : s == 1 ? TEXT("1") : TEXT("2"));
        add_http(stores[s], 8, flow);
        add_http(stores[s], 6 - s, flow);
    }
    store_rank(stores[1]);
    add_http(stores[1], 1, INT_NULL); /* after it was ranked */
    struct store_order order;
    assert_true(store_merge(stores, STORES, &order));
    const int64_t packets[] = {1, 4, 5, 6, 8, 8, 8}, flows[] = {INT_NULL, 3, 2, 1, 1, 2, 3};
    assert_int_equal(store_count(stores[0], TABLE_http), 7);
    for (int64_t id = 1; id <= 7; id++) {
        const struct http_row *http = store_row(stores[0], TABLE_http, id);
        assert_int_equal(http->packet, packets[id - 1]);
        assert_int_equal(http->flow, flows[id - 1]);
    }
    for (int64_t id = 1; id <= STORES; id++) {
        const struct flow_row *flow = store_row(stores[0], TABLE_flow, id);
        assert_int_equal(flow->src.at[0], '0' + id - 1);
    }
    store_order_free(&order);
    for (int64_t s = 0; s < STORES; s++)
        store_free(stores[s]);
}

/* The same with so little memory that rows, texts and what sorting needs lie in files: three stores become one. */
static void rows_in_files_are_merged(void **state)
{
    (void)state;
    enum { COUNT = 4999, STORES = 3 };
    struct store *stores[STORES];
    for (int64_t s = 0; s < STORES; s++) {
        stores[s] = store_new();
        assert_non_null(stores[s]);
        store_limit(stores[s], 300000, 4000000);
        for (int64_t i = 0; i < COUNT; i++) {
            char text[100];
            int64_t packet = (i * 1009 % COUNT) * STORES + s + 1;
            memset(text, 'x', sizeof text);
            text[snprintf(text, sizeof text, "%d", (int)packet)] = 'x';
            int64_t flow = add_flow(stores[s], packet, (struct text){text, sizeof text});
            assert_int_equal(add_http(stores[s], (int64_t)COUNT * STORES - packet + 1, flow), i + 1);
        }
        assert_true(store_written(stores[s]) > 1000000);
        if (s > 0)
            store_rank(stores[s]);
    }
    struct store_order order;
    assert_true(store_merge(stores, STORES, &order));
    assert_int_equal(store_lost(stores[0]), 0);
    for (int64_t s = 1; s < STORES; s++) {
        assert_int_equal(order.parts[s].bases[TABLE_flow], s * COUNT);
        store_free(stores[s]);
    }
    for (int64_t id = 1; id <= (int64_t)COUNT * STORES; id++) {
        char text[16];
        const struct flow_row *flow = store_row(stores[0], TABLE_flow, id);
        const struct http_row *http = store_row(stores[0], TABLE_http, id);
        snprintf(text, sizeof text, "%dx", (int)id);
        assert_int_equal(flow->packet, id);
        assert_true(text_starts_like(flow->src, text));
        assert_int_equal(flow->src.length, 100);
        assert_int_equal(http->packet, id);
        assert_int_equal(http->flow, (int64_t)COUNT * STORES - id + 1);
        assert_int_equal(store_order_id(&order, TABLE_flow, id),
                         ((id - 1) % COUNT * 1009 % COUNT) * STORES + (id - 1) / COUNT + 1);
    }
    assert_true(store_memory(stores[0]) <= 1000000);
    store_order_free(&order);
    store_free(stores[0]);
}

/* Without room for anything: what is in the first store stays. */
static void references_to_lost_rows_become_null(void **state)
{
    (void)state;
    struct store *stores[] = {store_new(), store_new(), store_new()};
    for (int64_t s = 0; s < 3; s++) {
        assert_non_null(stores[s]);
        add_http(stores[s], 8 - s, add_flow(stores[s], 7 - s, TEXT("a flow")));
    }
    store_limit(stores[0], 0, 0);
    struct store_order order;
    assert_false(store_merge(stores, 3, &order));
    assert_int_equal(store_count(stores[0], TABLE_http), 1);
    const struct http_row *http = store_row(stores[0], TABLE_http, 1);
    assert_int_equal(http->packet, 8);
    assert_int_equal(http->flow, 1);
    assert_int_equal(store_lost(stores[0]), 4);
    for (int64_t s = 1; s < 3; s++) {
        assert_int_equal(store_count(stores[s], TABLE_http), 0);
        assert_null(store_row(stores[0], TABLE_http, order.parts[s].bases[TABLE_http] + 1)); /* nobody else's row */
    }
    store_order_free(&order);
    for (int64_t s = 0; s < 3; s++)
        store_free(stores[s]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_put_in_the_order_of_packets_and_references_follow),
        cmocka_unit_test(a_large_permutation_is_exact),
        cmocka_unit_test(two_stores_become_one_with_texts_and_references),
        cmocka_unit_test(rows_of_the_same_packet_keep_the_order_of_their_stores),
        cmocka_unit_test(rows_in_files_are_merged),
        cmocka_unit_test(references_to_lost_rows_become_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
