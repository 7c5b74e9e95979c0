/* tests/unit/test_capture_late.c: capture/late.h: connections that are over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/late.h"

enum { MANY = 100000, AGE = 1000 };

/* As seeded hashes are: all over the place. splitmix64. */
static uint64_t hash_of(uint64_t number)
{
    uint64_t z = (number + 1) * 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static void all_are_remembered_for_their_time(void **state)
{
    (void)state;
    struct late *late = late_new(AGE);
    assert_non_null(late);
    for (uint64_t i = 0; i < MANY; i++)
        late_add(late, hash_of(i), 5000, MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        assert_true(late_has(late, hash_of(i), 5000 + AGE));
        assert_false(late_has(late, hash_of(i), 5001 + AGE));
        assert_false(late_has(late, hash_of(MANY + i), 5000));
    }
    late_remove(late, hash_of(7));
    late_remove(late, hash_of(MANY));
    assert_false(late_has(late, hash_of(7), 5000));
    assert_true(late_has(late, hash_of(8), 5000));
    late_add(late, hash_of(7), 5010, MANY);
    assert_true(late_has(late, hash_of(7), 5010 + AGE));
    late_free(late);
}

/* A hundred times as many as there is room for, one after the other. */
static void what_is_too_old_gives_way(void **state)
{
    (void)state;
    struct late *late = late_new(AGE);
    for (uint64_t i = 0; i < 200 * AGE; i++) {
        late_add(late, hash_of(i), (int64_t)i, 2 * AGE);
        assert_true(late_has(late, hash_of(i), (int64_t)i));
        assert_true(i < AGE || late_has(late, hash_of(i - AGE), (int64_t)i));
        assert_false(i > AGE && late_has(late, hash_of(i - AGE - 1), (int64_t)i));
    }
    late_free(late);
}

/* A hundred times as many as may be remembered within their time: the latest are. */
static void of_too_many_the_latest_are_remembered(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    uint64_t known = 0;
    struct late *late = late_new(MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        late_add(late, hash_of(i), (int64_t)i, MOST);
        assert_true(i < MOST / 4 || late_has(late, hash_of(i - MOST / 4), (int64_t)i));
    }
    for (uint64_t i = 0; i < MANY; i++)
        known += late_has(late, hash_of(i), MANY);
    assert_in_range(known, MOST / 4, 2 * MOST);
    late_free(late);
}

static void too_many_at_a_time_are_forgotten(void **state)
{
    (void)state;
    struct late *late = late_new(AGE);
    uint64_t known = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        late_add(late, hash_of(i), INT64_MAX - (int64_t)i, 1000); /* time goes back */
        assert_true(late_has(late, hash_of(i), INT64_MAX - (int64_t)i));
    }
    for (uint64_t i = 0; i < MANY; i++)
        known += late_has(late, hash_of(i), INT64_MIN);
    assert_true(known > 0 && known < 4000);
    late_free(late);
    assert_false(late_has(NULL, 1, 0));
    late_add(NULL, 1, 0, 1000);
    late_remove(NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_remembered_for_their_time),
        cmocka_unit_test(what_is_too_old_gives_way),
        cmocka_unit_test(of_too_many_the_latest_are_remembered),
        cmocka_unit_test(too_many_at_a_time_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
