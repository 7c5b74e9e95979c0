/* tests/unit/test_core_cursor.c: a cursor never reads past its end, and a read that fails leaves it as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/cursor.h"

static const uint8_t BYTES[] = {0x01, 0x02, 0x03, 0x84};

/* The last `count` of BYTES, in memory of their own, so that a sanitizer sees one byte too many. */
static struct cursor tail(size_t count, uint8_t **memory)
{
    *memory = malloc(count == 0 ? 1 : count);
    assert_non_null(*memory);
    if (count > 0)
        memcpy(*memory, BYTES + sizeof BYTES - count, count);
    return cursor_of(*memory, count);
}

static void numbers_have_the_byte_order_of_their_name(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(BYTES, sizeof BYTES);
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    assert_true(cursor_u8(&cursor, &u8));
    assert_int_equal(u8, 0x01);
    cursor = cursor_of(BYTES, sizeof BYTES);
    assert_true(cursor_be16(&cursor, &u16));
    assert_int_equal(u16, 0x0102);
    assert_true(cursor_le16(&cursor, &u16));
    assert_int_equal(u16, 0x8403);
    cursor = cursor_of(BYTES, sizeof BYTES);
    assert_true(cursor_be24(&cursor, &u32));
    assert_int_equal(u32, 0x010203);
    cursor = cursor_of(BYTES, sizeof BYTES);
    assert_true(cursor_be32(&cursor, &u32));
    assert_int_equal(u32, 0x01020384);
    cursor = cursor_of(BYTES, sizeof BYTES);
    assert_true(cursor_le32(&cursor, &u32));
    assert_true(u32 == 0x84030201u); /* the top bit stays a bit of the number */
    assert_int_equal(cursor.left, 0);
}

/* Each reader with exactly enough bytes, and with one too few. */
static void a_reader_takes_exactly_what_it_needs(void **state)
{
    (void)state;
    for (size_t count = 0; count <= 4; count++) {
        uint8_t *memory, u8 = 0xEE;
        uint16_t be16 = 0xEEEE, le16 = 0xEEEE;
        uint32_t be24 = 0xEE, be32 = 0xEE, le32 = 0xEE;
        struct cursor all = tail(count, &memory), at = all;
        assert_int_equal(cursor_u8(&at, &u8), count >= 1);
        assert_int_equal(at.left, count >= 1 ? count - 1 : count);
        at = all;
        assert_int_equal(cursor_be16(&at, &be16), count >= 2);
        assert_int_equal(at.left, count >= 2 ? count - 2 : count);
        at = all;
        assert_int_equal(cursor_le16(&at, &le16), count >= 2);
        assert_int_equal(at.left, count >= 2 ? count - 2 : count);
        at = all;
        assert_int_equal(cursor_be24(&at, &be24), count >= 3);
        assert_int_equal(at.left, count >= 3 ? count - 3 : count);
        at = all;
        assert_int_equal(cursor_be32(&at, &be32), count >= 4);
        assert_int_equal(at.left, count >= 4 ? 0 : count);
        at = all;
        assert_int_equal(cursor_le32(&at, &le32), count >= 4);
        assert_int_equal(at.left, count >= 4 ? 0 : count);
        if (count == 0) {
            assert_int_equal(u8, 0xEE); /* a value that could not be read is not touched */
            assert_int_equal(be16, 0xEEEE);
        }
        free(memory);
    }
}

static void a_read_that_fails_leaves_the_cursor_as_it_was(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(BYTES, 3), child = {BYTES, 1};
    uint32_t value = 7;
    assert_false(cursor_be32(&cursor, &value));
    assert_false(cursor_take(&cursor, 4, &child));
    assert_false(cursor_skip(&cursor, SIZE_MAX));
    assert_ptr_equal(cursor.at, BYTES);
    assert_int_equal(cursor.left, 3);
    assert_int_equal(value, 7);
    assert_ptr_equal(child.at, BYTES);
    assert_int_equal(child.left, 1);
}

static void a_child_ends_with_its_length_not_with_its_parent(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(BYTES, sizeof BYTES), child;
    uint16_t value;
    assert_true(cursor_take(&cursor, 1, &child));
    assert_false(cursor_be16(&child, &value));
    assert_true(cursor_be16(&cursor, &value));
    assert_int_equal(value, 0x0203);
    assert_true(cursor_take(&cursor, 1, &child));
    assert_true(cursor_take(&cursor, 0, &child)); /* nothing can be taken from nothing */
    assert_int_equal(child.left, 0);
}

static void the_empty_cursor_has_nothing_and_does_no_harm(void **state)
{
    (void)state;
    struct cursor empty = CURSOR_EMPTY, child;
    uint8_t byte;
    size_t at;
    assert_false(cursor_u8(&empty, &byte));
    assert_true(cursor_take(&empty, 0, &child));
    assert_true(cursor_slice(empty, 0, 0, &child));
    assert_false(cursor_slice(empty, 0, 1, &child));
    assert_false(cursor_slice(empty, 1, 0, &child));
    assert_true(cursor_starts(empty, "", 0));
    assert_false(cursor_starts(empty, "a", 1));
    assert_true(cursor_equal(empty, cursor_of("", 0)));
    assert_false(cursor_find(empty, cursor_of("a", 1), &at));
    assert_false(cursor_find_last(empty, cursor_of("a", 1), &at));
}

static void a_slice_lies_inside_or_is_refused(void **state)
{
    static const struct {
        uint64_t offset, length;
        bool inside;
    } cases[] = {
        {0, 4, true},
        {4, 0, true},
        {3, 1, true},
        {0, 5, false},
        {5, 0, false},
        {3, 2, false},
        {1, UINT64_MAX, false},              /* offset + length wraps to 0 */
        {UINT64_MAX, 1, false},              /* likewise */
        {UINT64_MAX, UINT64_MAX, false},     /* wraps to a small number */
        {UINT64_MAX - 1, 4, false},          /* wraps to 2, inside */
        {UINT64_C(1) << 32, 1, false},       /* a 32-bit offset would be 0 */
        {1, (UINT64_C(1) << 32) + 1, false}, /* a 32-bit length would be 1 */
        {(UINT64_C(1) << 63) + 1, UINT64_C(1) << 63, false},
    };
    (void)state;
    struct cursor cursor = cursor_of(BYTES, sizeof BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor slice = {BYTES, 99};
        assert_int_equal(cursor_slice(cursor, cases[i].offset, cases[i].length, &slice), cases[i].inside);
        assert_int_equal(slice.left, cases[i].inside ? cases[i].length : 99);
        if (cases[i].inside)
            assert_ptr_equal(slice.at, BYTES + cases[i].offset);
    }
}

static void starts_and_equal_compare_all_bytes(void **state)
{
    (void)state;
    struct cursor text = cursor_of("ab\0c", 4);
    assert_true(cursor_starts(text, "ab\0c", 4));
    assert_false(cursor_starts(text, "ab\0d", 4)); /* what stands behind a NUL counts */
    assert_false(cursor_starts(text, "ab\0cd", 5));
    assert_true(cursor_equal(text, cursor_of("ab\0c", 4)));
    assert_false(cursor_equal(text, cursor_of("ab\0", 3)));
    assert_false(cursor_equal(cursor_of("ab\0", 3), text));
}

static void find_tells_the_first_place_and_find_last_the_last(void **state)
{
    static const struct {
        const char *text, *needle;
        int first, last; /* -1: not found */
    } cases[] = {
        {"abcabc", "abc", 0, 3},    {"abcabc", "c", 2, 5},      {"aaaa", "aa", 0, 2},        {"abc", "abc", 0, 0},
        {"abc", "abcd", -1, -1},    {"abc", "", -1, -1},        {"", "a", -1, -1},           {"xxab", "ab", 2, 2},
        {"abx", "ab", 0, 0},        {"ab", "b", 1, 1},          {"aab", "ab", 1, 1},         {"aba", "ac", -1, -1},
        {"abababac", "abac", 4, 4}, {"aaaaaaac", "ab", -1, -1}, {"axaxaxaxa", "ab", -1, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor text = cursor_of(cases[i].text, strlen(cases[i].text));
        struct cursor needle = cursor_of(cases[i].needle, strlen(cases[i].needle));
        size_t at = 99;
        assert_int_equal(cursor_find(text, needle, &at), cases[i].first >= 0);
        assert_int_equal(at, cases[i].first >= 0 ? cases[i].first : 99);
        at = 99;
        assert_int_equal(cursor_find_last(text, needle, &at), cases[i].last >= 0);
        assert_int_equal(at, cases[i].last >= 0 ? cases[i].last : 99);
    }
}

static void find_takes_nul_for_a_byte_like_any_other(void **state)
{
    (void)state;
    size_t at;
    assert_true(cursor_find(cursor_of("a\0b\0\0c", 6), cursor_of("\0\0c", 3), &at));
    assert_int_equal(at, 3);
    assert_true(cursor_find_last(cursor_of("\0a\0a\0", 5), cursor_of("\0a", 2), &at));
    assert_int_equal(at, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_the_byte_order_of_their_name),
        cmocka_unit_test(a_reader_takes_exactly_what_it_needs),
        cmocka_unit_test(a_read_that_fails_leaves_the_cursor_as_it_was),
        cmocka_unit_test(a_child_ends_with_its_length_not_with_its_parent),
        cmocka_unit_test(the_empty_cursor_has_nothing_and_does_no_harm),
        cmocka_unit_test(a_slice_lies_inside_or_is_refused),
        cmocka_unit_test(starts_and_equal_compare_all_bytes),
        cmocka_unit_test(find_tells_the_first_place_and_find_last_the_last),
        cmocka_unit_test(find_takes_nul_for_a_byte_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
