/* tests/unit/test_cli_worker.c: what crosses the border between the reader and the workers, also when memory is short there.
 *
 * realloc is replaced by the linker (--wrap, see tests/CMakeLists.txt). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/worker.h"

#define KB ((size_t)1024)
#define LARGEST ((size_t)262144) /* libpcap's longest packet */
#define SECOND INT64_C(1000000000)

/* Requests of so many bytes and more fail. */
static size_t refused_from = SIZE_MAX;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's --wrap makes these names */
void *__real_realloc(void *at, size_t size);
void *__wrap_realloc(void *at, size_t size);

void *__wrap_realloc(void *at, size_t size)
{
    return size >= refused_from ? NULL : __real_realloc(at, size);
}
/* NOLINTEND(bugprone-reserved-identifier) */

static struct sighting datagram(uint8_t host, struct cursor payload, int64_t packet)
{
    return (struct sighting){
        .segment = {.src = {{10, 0, 0, host}, 4},
                    .dst = {{10, 0, 1, 1}, 4},
                    .sport = 40000,
                    .dport = 1900,
                    .transport = TRANSPORT_UDP,
                    .payload = payload,
                    .payload_bytes = (uint32_t)payload.left},
        .moment = {.packet = packet, .time_ns = packet * SECOND / 1000},
        .passed = INT64_MIN,
    };
}

/* Sends to each of `hosts` hosts one datagram of each size, as a reader does that overwrites its bytes at once; returns the
 * bytes that the table `flow` counts. */
static int64_t send_all(size_t workers_count, uint8_t hosts, const size_t *sizes, size_t count)
{
    static uint8_t bytes[LARGEST];
    static const struct settings settings = {.memory = 0};
    struct store *store = store_new();
    struct workers *workers = NULL;
    struct error error = {0};
    int64_t total = 0, packet = 0;
    assert_int_equal(workers_start(workers_count, NEED_NOTHING, NULL, &settings, store, &workers, &error), OUTCOME_OK);
    for (size_t i = 0; i < count; i++) {
        for (uint8_t host = 1; host <= hosts; host++) {
            memset(bytes, host, sizes[i]);
            struct sighting sighting = datagram(host, cursor_of(bytes, sizes[i]), ++packet);
            workers_segments(workers, &sighting, 1);
        }
    }
    memset(bytes, 0, sizeof bytes);
    workers_wait(workers);
    assert_true(workers_finish(workers));
    for (int64_t id = 1; id <= store_count(store, TABLE_flow); id++)
        total += ((const struct flow_row *)store_row(store, TABLE_flow, id))->bytes_out;
    workers_free(workers);
    store_free(store);
    return total;
}

static const size_t SIZES[] = {1,        64 * KB,      128 * KB - 1, 128 * KB, 128 * KB + 1, 0, 5, 240 * KB,
                               192 * KB, 128 * KB + 1, LARGEST,      7,        LARGEST - 1};
#define COUNT (sizeof SIZES / sizeof SIZES[0])

static int64_t sum(uint8_t hosts)
{
    int64_t total = 0;
    for (size_t i = 0; i < COUNT; i++)
        total += (int64_t)SIZES[i] * hosts;
    return total;
}

static void segments_of_any_size_arrive(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 3; workers++)
        assert_int_equal(send_all(workers, 9, SIZES, COUNT), sum(9));
}

static void large_segments_arrive_without_memory_for_a_copy(void **state)
{
    (void)state;
    refused_from = 128 * KB + 1;
    for (size_t workers = 2; workers <= 3; workers++)
        assert_int_equal(send_all(workers, 9, SIZES, COUNT), sum(9));
    refused_from = SIZE_MAX;
}

static void secrets_are_taken_whole_or_counted(void **state)
{
    (void)state;
    static const struct settings settings = {.memory = 0};
    static const size_t most = (size_t)64 << 20; /* SECRETS_MAX */
    struct store *store = store_new();
    struct workers *workers = NULL;
    struct error error = {0};
    char *keylog = malloc(most);
    assert_non_null(keylog);
    memset(keylog, '#', most);
    assert_int_equal(workers_start(2, NEED_NOTHING, NULL, &settings, store, &workers, &error), OUTCOME_OK);
    workers_secrets(workers, (struct text){keylog, most - 10});
    assert_int_equal(workers_secrets_lost(workers), 0);
    workers_secrets(workers, (struct text){keylog, 11});
    assert_int_equal(workers_secrets_lost(workers), 2 * 11); /* of each worker */
    workers_secrets(workers, (struct text){keylog, 10});
    assert_int_equal(workers_secrets_lost(workers), 2 * 11);
    workers_wait(workers);
    assert_true(workers_finish(workers));
    workers_free(workers);
    store_free(store);
    free(keylog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_of_any_size_arrive),
        cmocka_unit_test(large_segments_arrive_without_memory_for_a_copy),
        cmocka_unit_test(secrets_are_taken_whole_or_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
