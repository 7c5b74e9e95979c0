/* tests/unit/test_configmgr_cache.c: a cache never gives a wrong answer, forgets, and frees what it was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/cache.h"

#define PLACES 16
#define BYTES_MAX 64

static size_t alive; /* values that were made and not freed */

static int *value_of(int number)
{
    int *value = malloc(sizeof *value);
    assert_non_null(value);
    *value = number;
    alive++;
    return value;
}

static void free_value(void *value)
{
    alive--;
    free(value);
}

static struct cursor bytes_of(int number, uint8_t bytes[BYTES_MAX + 1], size_t length)
{
    memset(bytes, 0, BYTES_MAX + 1);
    memcpy(bytes, &number, length < sizeof number ? length : sizeof number);
    return cursor_of(bytes, length);
}

static void what_is_found_was_put_for_the_same_bytes_and_owner(void **state)
{
    (void)state;
    uint8_t bytes[BYTES_MAX + 1];
    int owner;
    size_t found = 0;
    struct ccm_cache *cache = ccm_cache_new(PLACES, BYTES_MAX, free_value);
    assert_non_null(cache);
    for (int i = 0; i < 1000; i++) {
        assert_true(ccm_cache_put(cache, NULL, bytes_of(i, bytes, 20), value_of(i)));
        const int *value = ccm_cache_find(cache, NULL, bytes_of(i, bytes, 20));
        assert_non_null(value);
        assert_int_equal(*value, i);
        assert_null(ccm_cache_find(cache, &owner, bytes_of(i, bytes, 20)));
        assert_null(ccm_cache_find(cache, NULL, bytes_of(i, bytes, 21)));
        assert_true(alive <= PLACES);
    }
    for (int i = 0; i < 1000; i++) {
        const int *value = ccm_cache_find(cache, NULL, bytes_of(i, bytes, 20));
        assert_true(value == NULL || *value == i);
        found += value != NULL;
    }
    assert_int_equal(found, alive);
    assert_true(found > PLACES / 2); /* they are spread over the places */
    ccm_cache_free(cache);
    assert_int_equal(alive, 0);
}

static void what_is_too_long_is_not_kept(void **state)
{
    (void)state;
    uint8_t bytes[BYTES_MAX + 1];
    struct ccm_cache *cache = ccm_cache_new(PLACES, BYTES_MAX, free_value);
    assert_non_null(cache);
    assert_false(ccm_cache_put(cache, NULL, bytes_of(1, bytes, BYTES_MAX + 1), value_of(1)));
    assert_int_equal(alive, 0);
    assert_null(ccm_cache_find(cache, NULL, bytes_of(1, bytes, BYTES_MAX + 1)));
    assert_true(ccm_cache_put(cache, NULL, CURSOR_EMPTY, value_of(2)));
    assert_non_null(ccm_cache_find(cache, NULL, CURSOR_EMPTY));
    ccm_cache_free(cache);
    ccm_cache_free(NULL);
    assert_int_equal(alive, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_was_put_for_the_same_bytes_and_owner),
        cmocka_unit_test(what_is_too_long_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
