/* tests/unit/test_records_no_memory.c: each allocation, mapping and write fails in turn: nothing crashes, nothing leaks,
 * and what is there is right.
 *
 * The functions are replaced by the linker (--wrap, see tests/CMakeLists.txt). */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "records/database.h"
#include "records/order.h"

/* Calls until one fails; -1: none does. */
static int64_t calls_left = -1;

static bool fails(void)
{
    if (calls_left < 0 || calls_left-- > 0)
        return false;
    errno = ENOMEM;
    return true;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's --wrap makes these names */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
int __real_mprotect(void *at, size_t size, int protection);
ssize_t __real_pwrite(int file, const void *bytes, size_t size, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
int __wrap_mprotect(void *at, size_t size, int protection);
ssize_t __wrap_pwrite(int file, const void *bytes, size_t size, off_t offset);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return fails() ? NULL : __real_realloc(at, size);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(at, size, protection, flags, file, offset);
}

int __wrap_mprotect(void *at, size_t size, int protection)
{
    return fails() ? -1 : __real_mprotect(at, size, protection);
}

ssize_t __wrap_pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    return fails() ? -1 : __real_pwrite(file, bytes, size, offset);
}
/* NOLINTEND(bugprone-reserved-identifier) */

#define ROWS 500
#define STORES 3
#define MEMORY ((uint64_t)256 * 1024)
#define MEMORY_MOST ((uint64_t)8 * 1024 * 1024)

/* A text that tells the packet, and is long enough not to be kept once. */
static struct text text_for(int64_t packet, char text[static 128])
{
    memset(text, '-', 128);
    text[snprintf(text, 128, "%lld", (long long)packet)] = ' ';
    return (struct text){text, 128};
}

/* Flows and exchanges, whose packets go down, so that sorting turns all around. */
static void add_rows(struct store *store, int64_t first)
{
    struct sink sink = store_sink(store);
    char text[128];
    for (int64_t i = 0; i < ROWS; i++) {
        struct flow_row flow = flow_row_null();
        struct http_row http = http_row_null();
        flow.packet = http.packet = first + ROWS - i;
        flow.src = text_for(flow.packet, text);
        http.flow = sink_append(&sink, TABLE_flow, &flow);
        http.uri = flow.src;
        http.port = 80 + i % 3;
        int64_t id = sink_append(&sink, TABLE_http, &http);
        http.status = 200;
        sink_amend(&sink, TABLE_http, id, &http);
    }
}

/* What each row says of itself fits together. */
static void check_rows(struct store *store)
{
    char text[128];
    for (int64_t id = 1; id <= store_count(store, TABLE_flow); id++) {
        const struct flow_row *flow = store_row(store, TABLE_flow, id);
        assert_true(text_equal(flow->src, text_for(flow->packet, text)));
    }
    for (int64_t id = 1; id <= store_count(store, TABLE_http); id++) {
        const struct http_row *http = store_row(store, TABLE_http, id);
        assert_true(text_equal(http->uri, text_for(http->packet, text)));
        const struct flow_row *flow = store_row(store, TABLE_flow, http->flow);
        assert_true(flow == NULL ? http->flow == INT_NULL : flow->packet == http->packet);
    }
}

/* -1 when it could not be asked. */
static int64_t ask(struct store *store, const char *sql)
{
    struct database *database = NULL;
    sqlite3_stmt *statement = NULL;
    struct error error = {0};
    int64_t found = -1;
    if (database_open(store, &database, &error) == OUTCOME_OK &&
        database_prepare(database, sql, &statement, NULL, &error) == OUTCOME_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        found = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    database_close(database);
    return found;
}

/* Three stores that become one; the second was ranked before. */
static void merge_and_check(struct store *stores[STORES])
{
    struct store_order order;
    for (int64_t s = 0; s < STORES; s++) {
        store_limit(stores[s], MEMORY, MEMORY_MOST);
        add_rows(stores[s], s * 10000);
    }
    store_rank(stores[1]);
    bool ordered = store_merge(stores, STORES, &order);
    store_order_free(&order);
    int64_t left = calls_left;
    calls_left = -1;
    check_rows(stores[0]);
    for (int64_t id = 2; ordered && id <= store_count(stores[0], TABLE_http); id++)
        assert_true(*(const int64_t *)store_row(stores[0], TABLE_http, id - 1) <=
                    *(const int64_t *)store_row(stores[0], TABLE_http, id));
    assert_true(store_lost(stores[0]) > 0 || store_count(stores[0], TABLE_http) == STORES * ROWS);
    calls_left = left;
    int64_t found = ask(stores[0], "SELECT count(*) FROM http h JOIN flow f ON f.packet = h.packet WHERE h.port = 81");
    assert_true(found == -1 || store_lost(stores[0]) > 0 || found == STORES * ((ROWS + 1) / 3));
}

/* All that is done with stores in one run. */
static void use_stores(void)
{
    struct store *stores[STORES];
    bool all = true;
    for (size_t s = 0; s < STORES; s++) {
        stores[s] = store_new();
        all = all && stores[s] != NULL;
    }
    if (all)
        merge_and_check(stores);
    for (size_t s = 0; s < STORES; s++)
        store_free(stores[s]);
}

static void any_failure_is_survived(void **state)
{
    (void)state;
    int64_t number = 0;
    for (;; number++) {
        calls_left = number;
        use_stores();
        if (calls_left >= 0)
            break; /* nothing failed: that were all */
        calls_left = -1;
    }
    calls_left = -1;
    assert_true(number > 50); /* so many could fail */
    print_message("%lld calls failed in turn\n", (long long)number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_failure_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
