/* tests/unit/test_core_text.c: text of any encoding becomes valid UTF-8, numbers and hex are read whole or not at
 * all, and nothing that is printed can steer a terminal. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"

#define BYTES(literal) cursor_of((literal), sizeof(literal) - 1)

static int open_arena(void **state)
{
    struct arena *arena = malloc(sizeof *arena);
    if (arena == NULL)
        return 1;
    arena_init(arena, 1 << 20);
    *state = arena;
    return 0;
}

static int close_arena(void **state)
{
    arena_free(*state);
    free(*state);
    return 0;
}

static void assert_text(struct text text, const char *expected, size_t length)
{
    assert_non_null(text.at);
    assert_int_equal(text.length, length);
    assert_memory_equal(text.at, expected, length);
}
#define ASSERT_TEXT(text, literal) assert_text((text), (literal), sizeof(literal) - 1)

/* ---- Comparing ---- */

static void unknown_text_differs_from_empty_text(void **state)
{
    (void)state;
    assert_false(text_equal(TEXT_NULL, TEXT("")));
    assert_true(text_equal(TEXT_NULL, TEXT_NULL));
    assert_true(text_equal(TEXT(""), TEXT("")));
    assert_true(text_is(TEXT_NULL, NULL));
    assert_false(text_is(TEXT_NULL, ""));
    assert_false(text_is_like(TEXT_NULL, ""));
    assert_false(text_starts_like(TEXT_NULL, ""));
    assert_null(text_of(NULL).at);
    assert_int_equal(text_of("").length, 0);
    assert_non_null(text_from(CURSOR_EMPTY).at);
}

static void comparing_knows_case_length_and_nul(void **state)
{
    (void)state;
    assert_true(text_is(TEXT("Msg"), "Msg"));
    assert_false(text_is(TEXT("msg"), "Msg"));
    assert_true(text_is_like(TEXT("mSG"), "Msg"));
    assert_false(text_is_like(TEXT("Msgs"), "Msg"));
    assert_false(text_is_like(TEXT("Ms"), "Msg"));
    assert_false(text_is_like(TEXT("Ms\0"), "Msg"));
    assert_false(text_equal(TEXT("a\0b"), TEXT("a\0c")));
    assert_true(text_starts_like(TEXT("CCM_Post"), "ccm_"));
    assert_false(text_starts_like(TEXT("CC"), "ccm_"));
    assert_false(text_is_like(TEXT("\xC3\xA4"), "\xC3\x84")); /* only ASCII letters have two cases here */
}

static void find_like_tells_the_first_place(void **state)
{
    (void)state;
    size_t at = 99;
    assert_true(text_find_like(TEXT("multipart/mixed; BOUNDARY=x; boundary=y"), "boundary=", &at));
    assert_int_equal(at, 17);
    assert_true(text_find_like(TEXT("abc"), "C", &at));
    assert_int_equal(at, 2);
    assert_false(text_find_like(TEXT("abc"), "abcd", &at));
    assert_false(text_find_like(TEXT_NULL, "a", &at));
    assert_false(text_find_like((struct text){"abc", 2}, "c", &at)); /* never behind its end */
}

static void a_cut_leaves_whole_characters(void **state)
{
    (void)state;
    ASSERT_TEXT(text_cut(TEXT("abc"), 3), "abc");
    ASSERT_TEXT(text_cut(TEXT("abc"), 2), "ab");
    ASSERT_TEXT(text_cut(TEXT("a\xE2\x82\xAC"), 3), "a");
    ASSERT_TEXT(text_cut(TEXT("a\xE2\x82\xAC!"), 4), "a\xE2\x82\xAC");
    assert_int_equal(text_cut(TEXT("\x80\x80\x80"), 2).length, 0);
}

static void trim_takes_ascii_space_at_both_ends_only(void **state)
{
    (void)state;
    ASSERT_TEXT(text_trim(TEXT(" \t\r\n a b \n")), "a b");
    assert_int_equal(text_trim(TEXT(" \t ")).length, 0);
    ASSERT_TEXT(text_trim(TEXT("\xC2\xA0x")), "\xC2\xA0x"); /* a no-break space is text */
    assert_null(text_trim(TEXT_NULL).at);
}

static void copy_and_format_end_with_nul_and_respect_the_arena(void **state)
{
    struct text copy = text_copy(*state, TEXT("abc"));
    assert_string_equal(copy.at, "abc");
    assert_null(text_copy(*state, TEXT_NULL).at);
    ASSERT_TEXT(text_copy(*state, TEXT("")), "");
    ASSERT_TEXT(text_format(*state, "%d-%s", 42, "x"), "42-x");
    struct arena small;
    arena_init(&small, 8);
    assert_null(text_copy(&small, TEXT("longer than that")).at);
    assert_null(text_format(&small, "%s", "longer than that").at);
    assert_null(text_hex(&small, BYTES("12345678")).at);
    assert_null(text_clean(&small, BYTES("longer than that")).at);
    assert_null(text_from_utf16(&small, BYTES("l\0o\0n\0g\0e\0r\0 \0t\0"), false, NULL).at);
    arena_free(&small);
}

/* ---- Numbers and hex ---- */

static void numbers_are_read_whole_or_not_at_all(void **state)
{
    static const struct {
        const char *text;
        bool u64, i64;
        uint64_t value;
    } cases[] = {
        {"0", true, true, 0},
        {"007", true, true, 7},
        {"728", true, true, 728},
        {"9223372036854775807", true, true, INT64_MAX},
        {"9223372036854775808", true, false, (uint64_t)INT64_MAX + 1},
        {"18446744073709551615", true, false, UINT64_MAX},
        {"18446744073709551616", false, false, 0},
        {"99999999999999999999999", false, false, 0},
        {"", false, false, 0},
        {" 1", false, false, 0},
        {"1 ", false, false, 0},
        {"+1", false, false, 0},
        {"0x10", false, false, 0},
        {"1.0", false, false, 0},
        {"\xD9\xA1", false, false, 0}, /* ARABIC-INDIC DIGIT ONE */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t unsigned_value = 5;
        int64_t signed_value = 5;
        struct text text = text_of(cases[i].text);
        assert_int_equal(text_to_u64(text, &unsigned_value), cases[i].u64);
        assert_int_equal(text_to_i64(text, &signed_value), cases[i].i64);
        assert_true(unsigned_value == (cases[i].u64 ? cases[i].value : 5));
        assert_true(signed_value == (cases[i].i64 ? (int64_t)cases[i].value : 5));
    }
    uint64_t value;
    assert_false(text_to_u64(TEXT_NULL, &value));
}

static void negative_numbers_are_signed_only(void **state)
{
    (void)state;
    int64_t value = 0;
    uint64_t other;
    assert_true(text_to_i64(TEXT("-1"), &value));
    assert_int_equal(value, -1);
    assert_true(text_to_i64(TEXT("-9223372036854775807"), &value));
    assert_true(value == -INT64_MAX);
    assert_false(text_to_i64(TEXT("-"), &value));
    assert_false(text_to_i64(TEXT("--1"), &value));
    assert_false(text_to_u64(TEXT("-1"), &other));
}

static void hex_is_read_in_either_case_and_written_in_upper_case(void **state)
{
    struct cursor bytes;
    assert_true(text_hex_decode(TEXT("00aAFf10"), *state, &bytes));
    assert_int_equal(bytes.left, 4);
    assert_memory_equal(bytes.at, "\x00\xAA\xFF\x10", 4);
    ASSERT_TEXT(text_hex(*state, bytes), "00AAFF10");
    assert_true(text_hex_decode(TEXT(""), *state, &bytes));
    assert_int_equal(bytes.left, 0);
    ASSERT_TEXT(text_hex(*state, CURSOR_EMPTY), "");
}

static void a_hex_digit_is_told_from_other_characters(void **state)
{
    (void)state;
    assert_int_equal(text_hex_digit('0'), 0);
    assert_int_equal(text_hex_digit('9'), 9);
    assert_int_equal(text_hex_digit('a'), 10);
    assert_int_equal(text_hex_digit('F'), 15);
    assert_int_equal(text_hex_digit('g'), -1);
    assert_int_equal(text_hex_digit('/'), -1);
    assert_int_equal(text_hex_digit((char)0xB0), -1);
    assert_true(text_is_hex(TEXT("0aF")));
    assert_false(text_is_hex(TEXT("0aG")));
    assert_false(text_is_hex(TEXT("")));
    assert_false(text_is_hex(TEXT_NULL));
}

static void texts_are_ordered_without_regard_to_case(void **state)
{
    (void)state;
    assert_int_equal(text_compare_like(TEXT("abc"), TEXT("ABC")), 0);
    assert_true(text_compare_like(TEXT("abc"), TEXT("ABD")) < 0);
    assert_true(text_compare_like(TEXT("abd"), TEXT("ABC")) > 0);
    assert_true(text_compare_like(TEXT("ab"), TEXT("ABC")) < 0);
    assert_true(text_compare_like(TEXT("abc"), TEXT("AB")) > 0);
    assert_int_equal(text_compare_like(TEXT_NULL, TEXT("")), 0);
    assert_true(text_compare_like(TEXT_NULL, TEXT("a")) < 0);
}

static void what_is_not_all_hex_is_refused(void **state)
{
    static const char *const wrong[] = {"0", "0g", "g0", "00 0", "0x00", "AA BB", "@@", "//", "::", "``", "\xC3\xA4"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct cursor bytes;
        assert_false(text_hex_decode(text_of(wrong[i]), *state, &bytes));
    }
    struct cursor bytes;
    assert_false(text_hex_decode(TEXT_NULL, *state, &bytes));
}

/* ---- UTF-16 (RFC 2781) ---- */

static void percent_codes_are_undone_and_all_else_stays(void **state)
{
    static const struct {
        struct text text, plain;
    } cases[] = {
        {TEXT("%7Bid%7d.3_00"), TEXT("{id}.3_00")},
        {TEXT("%41%42"), TEXT("AB")},
        {TEXT("100%"), TEXT("100%")},
        {TEXT("%4"), TEXT("%4")},
        {TEXT("%zz%4g"), TEXT("%zz%4g")},
        {TEXT("%%41"), TEXT("%A")},
        {TEXT("%2541"), TEXT("%41")}, /* once */
        {TEXT("a%00b"), TEXT("a\0b")},
        {TEXT(""), TEXT("")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor bytes;
        assert_true(text_percent_decode(cases[i].text, *state, &bytes));
        assert_int_equal(bytes.left, cases[i].plain.length);
        assert_memory_equal(bytes.at, cases[i].plain.at, bytes.left);
    }
}

static void utf16_of_both_orders_becomes_utf8(void **state)
{
    /* python3: 'a\u00e4\u20ac\U0001F600'.encode('utf-16-le'), and 'utf-16-be', 'utf-8' */
    static const char le[] = "a\0\xE4\0\xAC\x20\x3D\xD8\x00\xDE", be[] = "\0a\0\xE4\x20\xAC\xD8\x3D\xDE\x00";
    static const char utf8[] = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
    bool odd = true;
    ASSERT_TEXT(text_from_utf16(*state, BYTES(le), false, &odd), utf8);
    assert_false(odd);
    ASSERT_TEXT(text_from_utf16(*state, BYTES(be), true, NULL), utf8);
    struct cursor back;
    assert_true(text_to_utf16le(*state, TEXT(utf8), &back));
    assert_true(cursor_equal(back, BYTES(le)));
    assert_true(text_to_utf16le(*state, TEXT_NULL, &back));
    assert_int_equal(back.left, 0);
}

static void the_highest_and_lowest_surrogate_pairs_are_read(void **state)
{
    /* RFC 2781 section 2.1: U+10000 is D800 DC00, U+10FFFF is DBFF DFFF */
    ASSERT_TEXT(text_from_utf16(*state, BYTES("\xD8\x00\xDC\x00\xDB\xFF\xDF\xFF"), true, NULL),
                "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
    struct cursor back;
    assert_true(text_to_utf16le(*state, TEXT("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"), &back));
    assert_true(cursor_equal(back, BYTES("\x00\xD8\x00\xDC\xFF\xDB\xFF\xDF")));
}

static void a_lone_surrogate_is_replaced_and_what_follows_is_kept(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *expected;
    } cases[] = {
        {"\xD8\x00\0a", 4,
         "\xEF\xBF\xBD"
         "a"}, /* high, then a letter */
        {"\xDC\x00\0a", 4,
         "\xEF\xBF\xBD"
         "a"},                                                           /* low first */
        {"\xD8\x00", 2, "\xEF\xBF\xBD"},                                 /* high at the end */
        {"\xD8\x00\xD8\x3D\xDE\x00", 6, "\xEF\xBF\xBD\xF0\x9F\x98\x80"}, /* high, then a pair */
        {"\xDC\x00\xD8\x00", 4, "\xEF\xBF\xBD\xEF\xBF\xBD"},             /* the wrong way round */
        {"\xD8\x00\xDC", 3, "\xEF\xBF\xBD"},                             /* cut in the middle of the low one */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_text(text_from_utf16(*state, cursor_of(cases[i].bytes, cases[i].length), true, NULL), cases[i].expected,
                    strlen(cases[i].expected));
}

static void an_odd_last_byte_is_dropped_and_told(void **state)
{
    bool odd = false;
    ASSERT_TEXT(text_from_utf16(*state, BYTES("a\0b"), false, &odd), "a");
    assert_true(odd);
    ASSERT_TEXT(text_from_utf16(*state, BYTES("a"), false, &odd), "");
    assert_true(odd);
    ASSERT_TEXT(text_from_utf16(*state, CURSOR_EMPTY, false, &odd), "");
    assert_false(odd);
    ASSERT_TEXT(text_from_utf16(*state, BYTES("\0\0a\0\0\0"), false, NULL), "\0a\0"); /* NULs stay */
}

/* ---- UTF-8 (RFC 3629) ---- */

static void valid_utf8_is_left_as_it_is(void **state)
{
    static const char *const valid[] = {
        "A\xE2\x89\xA2\xCE\x91.",               /* RFC 3629 section 7: A<NOT IDENTICAL TO><ALPHA>. */
        "\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4", /* section 7: Korean */
        "\xF0\xA3\x8E\xB4",                     /* section 7: U+233B4 */
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBD",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "",
    };
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        struct text text = text_of(valid[i]);
        assert_ptr_equal(text_utf8(*state, text).at, text.at); /* not even copied */
        assert_text(text_clean(*state, text_cursor(text)), valid[i], strlen(valid[i]));
    }
    assert_null(text_utf8(*state, TEXT_NULL).at);
}

/* RFC 3629 section 3 and 10: overlong forms, surrogates, what is above U+10FFFF, and stray bytes are not UTF-8. */
static void what_is_not_utf8_is_replaced_byte_for_byte(void **state)
{
    static const struct {
        const char *bytes;
        int replaced; /* how many U+FFFD */
    } invalid[] = {
        {"\x80", 1}, /* continuation alone */
        {"\xBF", 1},
        {"\xC0\x80", 2},         /* overlong NUL */
        {"\xC1\xBF", 2},         /* overlong DEL */
        {"\xC0\xAE", 2},         /* overlong full stop, as in "../" */
        {"\xE0\x80\xAF", 3},     /* overlong slash */
        {"\xE0\x9F\xBF", 3},     /* overlong U+07FF */
        {"\xF0\x80\x80\xAF", 4}, /* overlong slash in four bytes */
        {"\xF0\x8F\xBF\xBF", 4}, /* overlong U+FFFF */
        {"\xED\xA0\x80", 3},     /* surrogate D800 */
        {"\xED\xBF\xBF", 3},     /* surrogate DFFF */
        {"\xF4\x90\x80\x80", 4}, /* U+110000 */
        {"\xF5\x80\x80\x80", 4}, /* above */
        {"\xF8\x88\x80\x80\x80", 5},
        {"\xFC\x84\x80\x80\x80\x80", 6},
        {"\xFE", 1},
        {"\xFF", 1},
        {"\xC3", 1}, /* cut off */
        {"\xE2\x82", 2},
        {"\xF0\x9F\x98", 3},
    };
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        char around[16], expected[64];
        size_t length = (size_t)snprintf(expected, sizeof expected, "<");
        snprintf(around, sizeof around, "<%s>", invalid[i].bytes);
        for (int j = 0; j <= invalid[i].replaced; j++)
            length += (size_t)snprintf(expected + length, sizeof expected - length, "%s",
                                       j < invalid[i].replaced ? "\xEF\xBF\xBD" : ">");
        assert_text(text_clean(*state, cursor_of(around, strlen(around))), expected, strlen(expected));
        assert_text(text_utf8(*state, text_of(around)), expected, strlen(expected));
        struct cursor utf16;
        assert_true(text_to_utf16le(*state, text_of(around), &utf16));
        assert_int_equal(utf16.left, 2 * (2 + invalid[i].replaced));
    }
}

static void a_sequence_that_is_broken_off_does_not_swallow_what_follows(void **state)
{
    ASSERT_TEXT(text_clean(*state, BYTES("\xE2\x82\"ok")), "\xEF\xBF\xBD\xEF\xBF\xBD\"ok");
    ASSERT_TEXT(text_clean(*state, BYTES("\xC3<")), "\xEF\xBF\xBD<");
    ASSERT_TEXT(text_clean(*state, BYTES("\xF0\x9F\xC3\xA4")), "\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA4");
}

static void every_character_survives_encode_and_next(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x11000 ? 1 : 97) {
        char out[4];
        size_t length = text_encode(c, out);
        const uint8_t *at = (const uint8_t *)out;
        uint32_t back = text_next(&at, at + length);
        if (c >= 0xD800 && c < 0xE000)
            assert_int_equal(back, 0xFFFD);
        else
            assert_int_equal(back, c);
        if (c < 0xD800 || c >= 0xE000)
            assert_ptr_equal(at, out + length);
    }
}

/* ---- Printing ---- */

/* What text_print_safe writes, in *columns how many it says it took. The caller frees it. */
static char *printed(struct text text, size_t *columns)
{
    char *out = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&out, &length);
    assert_non_null(file);
    *columns = text_print_safe(file, text);
    assert_int_equal(fclose(file), 0);
    return out;
}

static void what_steers_a_terminal_is_printed_as_its_code(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"plain text", "plain text"},
        {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"},
        {"\x1B[2J\x1B]0;owned\x07", "\\x1B[2J\\x1B]0;owned\\x07"}, /* clears the screen, sets the title */
        {"a\r\nFAIL\tb", "a\\x0D\\x0AFAIL\\x09b"},                 /* a forged line */
        {"\x7F\b", "\\x7F\\x08"},
        {"\xC2\x9B"
         "31m",
         "\\x9B"
         "31m"},                            /* C1: CSI as a character (ECMA-48) */
        {"\xC2\x85\xC2\x90", "\\x85\\x90"}, /* C1: NEL, DCS */
        {"\x9B"
         "31m",
         "\\x9B"
         "31m"},                                     /* the same as a raw byte: not UTF-8 */
        {"\xE2\x80\xAEgpj.exe", "\\u{202E}gpj.exe"}, /* RIGHT-TO-LEFT OVERRIDE */
        {"\xE2\x80\xAA\xE2\x80\xAB\xE2\x80\xAC\xE2\x80\xAD", "\\u{202A}\\u{202B}\\u{202C}\\u{202D}"},
        {"\xE2\x81\xA6\xE2\x81\xA7\xE2\x81\xA8\xE2\x81\xA9", "\\u{2066}\\u{2067}\\u{2068}\\u{2069}"}, /* isolates */
        {"\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C", "\\u{200E}\\u{200F}\\u{061C}"}, /* LRM, RLM, ALM: UAX #9 section 2.6 */
        {"\xE2\x80\xA8\xE2\x80\xA9", "\\u{2028}\\u{2029}"},                  /* line and paragraph separator */
        {"a\xE2\x80\x8B"
         "b\xEF\xBB\xBF",
         "a\\u{200B}b\\u{FEFF}"},            /* invisible */
        {"\xF3\xA0\x81\x81", "\\u{E0041}"},  /* tag character */
        {"\xFF\xC0\xAF", "\\xFF\\xC0\\xAF"}, /* invalid UTF-8 */
        {"\xED\xA0\x80", "\\xED\\xA0\\x80"}, /* a surrogate */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t columns;
        char *out = printed(text_of(cases[i].text), &columns);
        assert_string_equal(out, cases[i].expected);
        free(out);
    }
}

static void columns_are_counted_in_characters(void **state)
{
    (void)state;
    size_t columns;
    free(printed(TEXT("abc"), &columns));
    assert_int_equal(columns, 3);
    free(printed(TEXT("\xC3\xA4\xE2\x82\xAC"), &columns));
    assert_int_equal(columns, 2);
    free(printed(TEXT("\x1B\xE2\x80\xAE"), &columns));
    assert_int_equal(columns, 4 + 8);
    free(printed(TEXT_NULL, &columns));
    assert_int_equal(columns, 0);
    char *out = printed(TEXT("a\0b"), &columns); /* a NUL does not end it */
    assert_string_equal(out, "a\\x00b");
    free(out);
}

/* No byte of any single-byte or two-byte input below space, and no C1 control, ever reaches the output. */
static void no_pair_of_bytes_reaches_the_terminal_as_a_control(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0x10000; i += 7) {
        char bytes[2] = {(char)(i >> 8), (char)(i & 0xFF)};
        size_t columns;
        char *out = printed((struct text){bytes, 2}, &columns);
        for (const char *at = out; *at != '\0'; at++) {
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7F);
            assert_false((unsigned char)at[0] == 0xC2 && (unsigned char)at[1] < 0xA0);
        }
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_text_differs_from_empty_text),
        cmocka_unit_test(comparing_knows_case_length_and_nul),
        cmocka_unit_test(find_like_tells_the_first_place),
        cmocka_unit_test(trim_takes_ascii_space_at_both_ends_only),
        cmocka_unit_test(a_cut_leaves_whole_characters),
        cmocka_unit_test(copy_and_format_end_with_nul_and_respect_the_arena),
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(negative_numbers_are_signed_only),
        cmocka_unit_test(hex_is_read_in_either_case_and_written_in_upper_case),
        cmocka_unit_test(percent_codes_are_undone_and_all_else_stays),
        cmocka_unit_test(a_hex_digit_is_told_from_other_characters),
        cmocka_unit_test(texts_are_ordered_without_regard_to_case),
        cmocka_unit_test(what_is_not_all_hex_is_refused),
        cmocka_unit_test(utf16_of_both_orders_becomes_utf8),
        cmocka_unit_test(the_highest_and_lowest_surrogate_pairs_are_read),
        cmocka_unit_test(a_lone_surrogate_is_replaced_and_what_follows_is_kept),
        cmocka_unit_test(an_odd_last_byte_is_dropped_and_told),
        cmocka_unit_test(valid_utf8_is_left_as_it_is),
        cmocka_unit_test(what_is_not_utf8_is_replaced_byte_for_byte),
        cmocka_unit_test(a_sequence_that_is_broken_off_does_not_swallow_what_follows),
        cmocka_unit_test(every_character_survives_encode_and_next),
        cmocka_unit_test(what_steers_a_terminal_is_printed_as_its_code),
        cmocka_unit_test(columns_are_counted_in_characters),
        cmocka_unit_test(no_pair_of_bytes_reaches_the_terminal_as_a_control),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
