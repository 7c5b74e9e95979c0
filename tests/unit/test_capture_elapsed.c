/* tests/unit/test_capture_elapsed.c: capture/elapsed.h: how far the time of a capture has come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/elapsed.h"

static void two_packets_agree_on_the_time(void **state)
{
    (void)state;
    struct elapsed elapsed;
    elapsed_init(&elapsed);
    assert_int_equal(elapsed_agree(&elapsed, 100), INT64_MIN);
    assert_int_equal(elapsed_agree(&elapsed, 110), 100);
    assert_int_equal(elapsed_agree(&elapsed, INT64_MAX), 110); /* absurd */
    assert_int_equal(elapsed_agree(&elapsed, 120), 120);
    assert_int_equal(elapsed_agree(&elapsed, 50), 50); /* another capture */
    assert_int_equal(elapsed_agree(&elapsed, 60), 50);
}

static void what_a_packet_has_seen_is_the_latest_time_since(void **state)
{
    (void)state;
    struct elapsed elapsed;
    elapsed_init(&elapsed);
    assert_int_equal(elapsed_since(&elapsed, 0), INT64_MIN);
    elapsed_pass(&elapsed, 1, 100);
    elapsed_pass(&elapsed, 2, 300);
    elapsed_pass(&elapsed, 3, 200);
    elapsed_pass(&elapsed, 4, 50);
    elapsed_pass(&elapsed, 5, 60);
    assert_int_equal(elapsed_since(&elapsed, 0), 300);
    assert_int_equal(elapsed_since(&elapsed, 1), 300);
    assert_int_equal(elapsed_since(&elapsed, 2), 200);
    assert_int_equal(elapsed_since(&elapsed, 3), 60);
    assert_int_equal(elapsed_since(&elapsed, 4), 60);
    assert_int_equal(elapsed_since(&elapsed, 5), INT64_MIN);
    elapsed_pass(&elapsed, 6, 1000);
    assert_int_equal(elapsed_since(&elapsed, 3), 1000);
}

/* Any times against the plain way to find the latest; of those that only descend some are not kept. */
static void any_times_give_the_latest(void **state)
{
    (void)state;
    enum { PACKETS = 500 };
    int64_t times[PACKETS];
    struct elapsed elapsed;
    elapsed_init(&elapsed);
    uint32_t random = 1;
    for (int i = 0; i < PACKETS; i++) {
        random = random * 1664525 + 1013904223; /* Numerical Recipes, section 7.1 */
        times[i] = random >> 22;
        elapsed_pass(&elapsed, i, times[i]);
        for (int packet = -1; packet <= i; packet++) {
            int64_t latest = INT64_MIN;
            for (int later = packet + 1; later <= i; later++)
                latest = times[later] > latest ? times[later] : latest;
            assert_int_equal(elapsed_since(&elapsed, packet), latest);
        }
    }
}

static void times_that_only_descend_are_kept_up_to_a_limit(void **state)
{
    (void)state;
    struct elapsed elapsed;
    elapsed_init(&elapsed);
    for (int i = 1; i <= 2 * ELAPSED_STEPS_MAX; i++)
        elapsed_pass(&elapsed, i, 1000 - i);
    assert_int_equal(elapsed.count, ELAPSED_STEPS_MAX);
    assert_int_equal(elapsed_since(&elapsed, 0), 999);
    assert_int_equal(elapsed_since(&elapsed, 1), 998);
    assert_int_equal(elapsed_since(&elapsed, ELAPSED_STEPS_MAX), INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_packets_agree_on_the_time),
        cmocka_unit_test(what_a_packet_has_seen_is_the_latest_time_since),
        cmocka_unit_test(any_times_give_the_latest),
        cmocka_unit_test(times_that_only_descend_are_kept_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
