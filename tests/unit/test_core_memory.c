/* tests/unit/test_core_memory.c: arenas and buffers give no more than their limit, and zeroed, aligned, kept bytes. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buffer.h"
#include "core/pool.h"

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    uint8_t *before = NULL;
    for (size_t size = 1; size < 200; size++) {
        uint8_t *memory = arena_alloc(&arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xAA, size);
        if (before != NULL) /* what was handed out before is not written to */
            assert_int_equal(before[size - 2], 0xAA);
        before = memory;
    }
    arena_free(&arena);
}

static void memory_that_is_used_again_is_zeroed_again(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    uint8_t *memory = arena_alloc(&arena, 1000);
    assert_non_null(memory);
    memset(memory, 0xFF, 1000);
    arena_reset(&arena);
    uint8_t *again = arena_alloc(&arena, 1000);
    assert_ptr_equal(again, memory); /* the block was kept: no system call for the next message */
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(again[i], 0);
    arena_free(&arena);
}

static void an_arena_gives_no_more_than_its_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_null(arena_alloc(&arena, 1001));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 15));
    assert_int_equal(arena.refused, 3);
    assert_non_null(arena_alloc(&arena, 600));
    assert_null(arena_alloc(&arena, 600));
    assert_non_null(arena_alloc(&arena, 300));
    assert_true(arena.used <= 1000 + alignof(max_align_t));
    for (int i = 0; i < 1000; i++) { /* the limit also holds for a long row of small ones */
        if (arena_alloc(&arena, 1) == NULL)
            break;
        assert_true(i < 100);
    }
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_alloc(&arena, 1000));
    arena_free(&arena);
}

static void an_arena_of_limit_nothing_gives_nothing(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    assert_null(arena_alloc(&arena, 1));
    arena_reset(&arena);
    arena_free(&arena);
    assert_int_equal(arena.used, 0);
}

static void an_arena_grows_over_many_blocks_and_lives_on_after_free(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, (size_t)8 << 20);
    for (int round = 0; round < 3; round++) {
        uint32_t *numbers[100];
        for (uint32_t i = 0; i < 100; i++) {
            numbers[i] = arena_alloc(&arena, 50000); /* several times the size of a block */
            assert_non_null(numbers[i]);
            numbers[i][0] = i;
            numbers[i][12499] = i;
        }
        for (uint32_t i = 0; i < 100; i++) {
            assert_int_equal(numbers[i][0], i);
            assert_int_equal(numbers[i][12499], i);
        }
        if (round == 1)
            arena_free(&arena);
        else
            arena_reset(&arena);
        assert_int_equal(arena.used, 0);
        assert_int_equal(arena.limit, (size_t)8 << 20);
    }
    arena_free(&arena);
}

static void a_buffer_keeps_what_is_appended(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t bytes[3] = {(uint8_t)i, (uint8_t)(i >> 8), 0xCC};
        assert_true(buffer_append(&buffer, cursor_of(bytes, 3)));
    }
    struct cursor all = buffer_cursor(&buffer);
    assert_int_equal(all.left, 15000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(all.at[3 * i] | all.at[3 * i + 1] << 8, i);
    buffer_free(&buffer);
}

static void a_buffer_takes_what_fits_under_its_cap_and_says_so(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5);
    assert_true(buffer_append(&buffer, cursor_of("abc", 3)));
    assert_false(buffer_append(&buffer, cursor_of("defg", 4)));
    assert_int_equal(buffer.length, 5);
    assert_memory_equal(buffer.bytes, "abcde", 5);
    assert_false(buffer_append(&buffer, cursor_of("x", 1)));
    assert_true(buffer_append(&buffer, cursor_of("", 0))); /* nothing always fits */
    assert_true(buffer_append(&buffer, CURSOR_EMPTY));
    assert_int_equal(buffer.length, 5);
    buffer_free(&buffer);
    assert_int_equal(buffer.cap, 5);
    assert_true(buffer_append(&buffer, cursor_of("again", 5)));
    buffer_free(&buffer);
}

static void a_reset_buffer_is_empty_and_gives_big_memory_back(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    static const uint8_t big[100000] = {1};
    assert_true(buffer_append(&buffer, cursor_of(big, sizeof big)));
    buffer_reset(&buffer, 1 << 20);
    assert_int_equal(buffer.length, 0);
    assert_true(buffer.capacity >= sizeof big); /* below `keep`: memory stays */
    assert_true(buffer_append(&buffer, cursor_of("a", 1)));
    buffer_reset(&buffer, 64);
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer.capacity, 0);
    assert_int_equal(buffer.cap, 1 << 20);
    assert_true(buffer_append(&buffer, cursor_of("b", 1)));
    assert_int_equal(buffer.bytes[0], 'b');
    buffer_free(&buffer);
}

static void an_error_holds_a_sentence_and_its_place(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(error_set(&error, OUTCOME_MALFORMED, 17, "%d is %s", 5, "odd"), OUTCOME_MALFORMED);
    assert_int_equal(error.outcome, OUTCOME_MALFORMED);
    assert_int_equal(error.offset, 17);
    assert_string_equal(error.text, "5 is odd");
    assert_int_equal(error_set(NULL, OUTCOME_LIMIT, 0, "nobody reads this"), OUTCOME_LIMIT);
    assert_int_equal(error_set(&error, OUTCOME_LIMIT, 0, "%0999d", 1), OUTCOME_LIMIT); /* longer than there is room */
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
}

static void every_outcome_has_a_name(void **state)
{
    (void)state;
    for (int i = OUTCOME_OK; i <= OUTCOME_SYSTEM; i++) {
        assert_string_not_equal(outcome_name((enum outcome)i), "unknown");
        for (int j = OUTCOME_OK; j < i; j++)
            assert_string_not_equal(outcome_name((enum outcome)i), outcome_name((enum outcome)j));
    }
    assert_string_equal(outcome_name((enum outcome)99), "unknown");
}

/* Pieces of all sizes, taken and given back in no order: each keeps its bytes, and lies on a line of the cache. */
static void pieces_of_a_pool_stay_apart(void **state)
{
    (void)state;
    enum { PIECES = 20000 };
    static struct {
        uint8_t *at;
        size_t size;
    } pieces[PIECES];
    struct pool pool;
    pool_init(&pool);
    uint32_t dice = 1;
    for (size_t round = 0; round < 4 * PIECES; round++) {
        dice = dice * 1664525 + 1013904223;
        size_t i = (dice >> 8) % PIECES;
        uint8_t mark = (uint8_t)i;
        if (pieces[i].at != NULL) {
            for (size_t j = 0; j < pieces[i].size; j += 61)
                assert_int_equal(pieces[i].at[j], mark);
            pool_give(&pool, pieces[i].at, pieces[i].size);
            pieces[i].at = NULL;
            continue;
        }
        pieces[i].size = dice % 16 == 0 ? dice % 20000 : dice % 1500;
        pieces[i].at = pool_take(&pool, pieces[i].size);
        assert_non_null(pieces[i].at);
        assert_int_equal((uintptr_t)pieces[i].at % alignof(max_align_t), 0);
        assert_true(pool_room(pieces[i].size) >= pieces[i].size);
        memset(pieces[i].at, mark, pool_room(pieces[i].size));
    }
    for (size_t i = 0; i < PIECES; i++)
        pool_give(&pool, pieces[i].at, pieces[i].size);
    assert_true(pool.chunk_count <= 2); /* the rest went back */
    pool_free(&pool);
}

static void a_room_is_little_larger_than_asked(void **state)
{
    (void)state;
    for (size_t size = 1024; size <= POOL_PIECE_MAX; size++) {
        assert_true(pool_room(size) >= size && pool_room(size) <= size + size / 4);
        assert_int_equal(pool_room(pool_room(size)), pool_room(size));
    }
    assert_int_equal(pool_room(POOL_PIECE_MAX + 1), POOL_PIECE_MAX + 1);
}

static void a_buffer_of_a_pool_keeps_what_is_appended(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer buffer;
    pool_init(&pool);
    buffer_init_in(&buffer, &pool, 20000);
    while (buffer.length < 20000)
        assert_true(buffer_append(&buffer, cursor_of("0123456789", 10)));
    assert_false(buffer_append(&buffer, cursor_of("x", 1)));
    for (size_t i = 0; i < 20000; i++)
        assert_int_equal(buffer.bytes[i], '0' + i % 10);
    buffer_free(&buffer);
    pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(memory_that_is_used_again_is_zeroed_again),
        cmocka_unit_test(an_arena_gives_no_more_than_its_limit),
        cmocka_unit_test(an_arena_of_limit_nothing_gives_nothing),
        cmocka_unit_test(an_arena_grows_over_many_blocks_and_lives_on_after_free),
        cmocka_unit_test(a_buffer_keeps_what_is_appended),
        cmocka_unit_test(a_buffer_takes_what_fits_under_its_cap_and_says_so),
        cmocka_unit_test(a_reset_buffer_is_empty_and_gives_big_memory_back),
        cmocka_unit_test(pieces_of_a_pool_stay_apart),
        cmocka_unit_test(a_room_is_little_larger_than_asked),
        cmocka_unit_test(a_buffer_of_a_pool_keeps_what_is_appended),
        cmocka_unit_test(an_error_holds_a_sentence_and_its_place),
        cmocka_unit_test(every_outcome_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
