/* tests/unit/test_dissect_http_body.c: a body that comes in pieces is joined in order, is never larger than its limit,
 * and gives back what it took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/http_body.h"

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

/* Appends the next `length` bytes of one long text. */
static bool append(struct http_body *body, struct pool *pool, size_t length)
{
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = byte_at(body->length + i);
    bool all = http_body_append(body, pool, cursor_of(bytes, length));
    free(bytes);
    return all;
}

static void assert_joined(struct http_body *body, struct pool *pool, struct buffer *joined, size_t length)
{
    assert_int_equal(body->length, length);
    assert_true(http_body_join(body, pool, joined));
    struct cursor bytes = http_body_cursor(body);
    assert_int_equal(bytes.left, length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(bytes.at[i], byte_at(i));
}

/* Alone, shared by small ones, one for each, of malloc. */
static void pieces_of_any_size_are_joined_in_order(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 495, 496, 497, 1460, POOL_PIECE_MAX, 70000};
    struct pool pool;
    struct buffer joined;
    pool_init(&pool);
    buffer_init(&joined, HTTP_BODY_MAX);
    for (size_t one = 0; one < sizeof sizes / sizeof sizes[0]; one++) {
        for (size_t count = 1; count <= 600; count = count * 3 + 1) {
            struct http_body body = {0};
            for (size_t i = 0; i < count; i++)
                assert_true(append(&body, &pool, sizes[(one + i % 3) % (sizeof sizes / sizeof sizes[0])]));
            assert_int_equal(http_body_kept(&body), body.length);
            assert_joined(&body, &pool, &joined, body.length);
            buffer_reset(&joined, 4096);
            http_body_free(&body, &pool);
            assert_int_equal(body.length, 0);
            assert_int_equal(http_body_cursor(&body).left, 0);
        }
    }
    buffer_free(&joined);
    pool_free(&pool);
}

static void a_body_of_one_piece_is_not_copied(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer joined;
    struct http_body body = {0};
    pool_init(&pool);
    buffer_init(&joined, HTTP_BODY_MAX);
    assert_true(append(&body, &pool, 1000));
    assert_joined(&body, &pool, &joined, 1000);
    assert_null(joined.bytes);
    http_body_free(&body, &pool);
    static const char text[] = "someone else's";
    http_body_show(&body, cursor_of(text, sizeof text));
    assert_ptr_equal(http_body_cursor(&body).at, text);
    assert_int_equal(http_body_kept(&body), 0);
    assert_true(http_body_join(&body, &pool, &joined));
    assert_ptr_equal(http_body_cursor(&body).at, text);
    http_body_free(&body, &pool);
    pool_free(&pool);
}

static void a_body_takes_what_fits_under_its_limit_and_says_so(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer joined;
    struct http_body body = {0};
    pool_init(&pool);
    buffer_init(&joined, HTTP_BODY_MAX);
    assert_true(append(&body, &pool, HTTP_BODY_MAX - 10));
    assert_false(append(&body, &pool, 11));
    assert_false(append(&body, &pool, 1));
    assert_joined(&body, &pool, &joined, HTTP_BODY_MAX);
    http_body_free(&body, &pool);
    buffer_free(&joined);
    pool_free(&pool);
}

static void a_body_that_cannot_be_joined_shows_nothing(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer small;
    struct http_body body = {0};
    pool_init(&pool);
    buffer_init(&small, 1000);
    assert_true(append(&body, &pool, 600));
    assert_true(append(&body, &pool, 600));
    assert_false(http_body_join(&body, &pool, &small));
    assert_int_equal(http_body_cursor(&body).left, 0);
    assert_int_equal(http_body_kept(&body), 1200);
    http_body_free(&body, &pool);
    buffer_free(&small);
    pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_are_joined_in_order),
        cmocka_unit_test(a_body_of_one_piece_is_not_copied),
        cmocka_unit_test(a_body_takes_what_fits_under_its_limit_and_says_so),
        cmocka_unit_test(a_body_that_cannot_be_joined_shows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
