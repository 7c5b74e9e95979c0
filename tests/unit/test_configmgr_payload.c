/* tests/unit/test_configmgr_payload.c: a payload is known by its bytes, inflated up to a limit, its cipher named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/payload.h"
#include "tests/unit/message_fixture.h"

#define BYTES(literal) cursor_of((literal), sizeof(literal) - 1)

/* python3: zlib.compress('<?xml version="1.0"?>\r\n<a>inflate me</a>'.encode('utf-16-le') + b'\0\0').hex() */
#define ZLIB_HEX                                                                                                       \
    "789C1DCBB90980501444D1130BF62016E092BBD462A0F0C10554C4F27D18CDC0E57446AFCDAAF0989D2EC961D72BB52A4DEC6890CB74A6"   \
    "7829EA126272872842CF51EABFF1011B4E0C51"
#define PLAIN "<?xml version=\"1.0\"?>\r\n<a>inflate me</a>"

struct fixture {
    struct ccm_inflater inflater;
    struct buffer bytes, plain;
    struct arena arena;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return 1;
    ccm_inflater_init(&fixture->inflater);
    buffer_init(&fixture->bytes, SAMPLE_MAX);
    buffer_init(&fixture->plain, SAMPLE_MAX);
    arena_init(&fixture->arena, 1 << 20);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    ccm_inflater_free(&fixture->inflater);
    buffer_free(&fixture->bytes);
    buffer_free(&fixture->plain);
    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static struct cursor hex(struct fixture *fixture, const char *digits)
{
    buffer_reset(&fixture->bytes, SAMPLE_MAX);
    sample_hex(&fixture->bytes, digits);
    return buffer_cursor(&fixture->bytes);
}

static enum outcome inflate_outcome(struct fixture *fixture, struct cursor bytes, struct cursor *plain)
{
    struct error error = {0};
    enum outcome outcome = ccm_inflate(&fixture->inflater, bytes, plain, &error);
    assert_int_equal(error.text[0] != '\0', outcome != OUTCOME_OK);
    if (outcome != OUTCOME_OK)
        assert_int_equal(plain->left, 0);
    return outcome;
}

/* ---- What it is ---- */

static void the_kind_is_told_by_the_first_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        enum ccm_payload_kind kind;
    } cases[] = {
        {"", 0, CCM_PAYLOAD_EMPTY},
        {"\xFF\xFE<\0", 4, CCM_PAYLOAD_TEXT},
        {"\xFE\xFF\0<", 4, CCM_PAYLOAD_TEXT},
        {"<\0a\0", 4, CCM_PAYLOAD_TEXT},
        {"\0<\0a", 4, CCM_PAYLOAD_TEXT},
        {"<a/>", 4, CCM_PAYLOAD_TEXT},
        {"<", 1, CCM_PAYLOAD_TEXT},
        {"\x78\x9C\x01", 3, CCM_PAYLOAD_ZLIB}, /* the level says nothing: RFC 1950 section 2.2 */
        {"\x78\xDA", 2, CCM_PAYLOAD_ZLIB},
        {"\x78\x01", 2, CCM_PAYLOAD_ZLIB},
        {"\x78\x5E", 2, CCM_PAYLOAD_ZLIB},
        {"\x08\x1D", 2, CCM_PAYLOAD_ZLIB},   /* a window of 256 bytes */
        {"\x78\x9D", 2, CCM_PAYLOAD_OPAQUE}, /* check bits are wrong */
        {"\x79\x9B", 2, CCM_PAYLOAD_OPAQUE}, /* not deflate */
        {"\x88\x1C", 2, CCM_PAYLOAD_OPAQUE}, /* a window that does not exist */
        {"\x78", 1, CCM_PAYLOAD_OPAQUE},
        {"\x30\x82\x01\x00", 4, CCM_PAYLOAD_OPAQUE}, /* DER, but no envelope */
        {"\x1F\x8B\x08", 3, CCM_PAYLOAD_OPAQUE},     /* gzip */
        {"\0\0\0\0", 4, CCM_PAYLOAD_OPAQUE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(ccm_payload_classify(cursor_of(cases[i].bytes, cases[i].length)), cases[i].kind);
}

static void envelopes_are_known_in_der_and_ber(void **state)
{
    assert_int_equal(ccm_payload_classify(hex(*state, VECTOR_CMS_DES3)), CCM_PAYLOAD_CMS);
    assert_int_equal(ccm_payload_classify(hex(*state, VECTOR_CMS_BER)), CCM_PAYLOAD_CMS);
    struct cursor cut = hex(*state, VECTOR_CMS_DES3);
    cut.left = 14; /* just the object identifier */
    assert_int_equal(ccm_payload_classify(cut), CCM_PAYLOAD_CMS);
    cut.left = 13;
    assert_int_equal(ccm_payload_classify(cut), CCM_PAYLOAD_OPAQUE);
}

/* ---- Inflating ---- */

static void a_stream_of_another_maker_is_inflated(void **state)
{
    struct cursor plain;
    struct buffer expected;
    buffer_init(&expected, SAMPLE_MAX);
    sample_wide(&expected, PLAIN);
    sample_append(&expected, cursor_of("\0", 2));
    assert_int_equal(inflate_outcome(*state, hex(*state, ZLIB_HEX), &plain), OUTCOME_OK);
    assert_true(cursor_equal(plain, buffer_cursor(&expected)));
    buffer_free(&expected);
    assert_int_equal(inflate_outcome(*state, hex(*state, "789C030000000001"), &plain), OUTCOME_OK);
    assert_int_equal(plain.left, 0); /* python3: zlib.compress(b'') */
}

static void what_follows_the_stream_is_ignored(void **state)
{
    struct cursor plain;
    assert_int_equal(inflate_outcome(*state, hex(*state, ZLIB_HEX "0D0A00FFFF"), &plain), OUTCOME_OK);
    assert_int_equal(plain.left, 2 * (sizeof PLAIN - 1) + 2);
}

static void a_stream_that_is_cut_anywhere_is_malformed(void **state)
{
    struct cursor whole = hex(*state, ZLIB_HEX), plain;
    for (size_t length = 0; length < whole.left; length++) {
        uint8_t *cut = malloc(length == 0 ? 1 : length);
        assert_non_null(cut);
        memcpy(cut, whole.at, length);
        assert_int_equal(inflate_outcome(*state, cursor_of(cut, length), &plain), OUTCOME_MALFORMED);
        free(cut);
    }
}

static void a_damaged_stream_is_malformed(void **state)
{
    struct fixture *fixture = *state;
    struct cursor plain;
    size_t length = hex(fixture, ZLIB_HEX).left;
    int meaningless = 0;
    buffer_reset(&fixture->plain, SAMPLE_MAX);
    sample_wide(&fixture->plain, PLAIN);
    sample_append(&fixture->plain, cursor_of("\0", 2));
    for (size_t bit = 0; bit < 8 * length; bit++) {
        hex(fixture, ZLIB_HEX);
        fixture->bytes.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum outcome outcome = ccm_inflate(&fixture->inflater, buffer_cursor(&fixture->bytes), &plain, NULL);
        if (outcome == OUTCOME_OK) /* a bit without meaning */
            assert_true(cursor_equal(plain, buffer_cursor(&fixture->plain)));
        else
            assert_int_equal(outcome, OUTCOME_MALFORMED);
        meaningless += outcome == OUTCOME_OK;
    }
    assert_int_equal(meaningless, 7); /* as python3's zlib finds */
}

static void output_of_any_size_up_to_the_limit_is_whole(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {1, 65535, 65536, 65537, 1 << 20, 5 << 20, (size_t)64 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *bytes = malloc(sizes[i]);
        assert_non_null(bytes);
        for (size_t j = 0; j < sizes[i]; j++)
            bytes[j] = (uint8_t)(j * 31 + (j >> 8));
        buffer_reset(&fixture->bytes, 0);
        sample_zlib(&fixture->bytes, cursor_of(bytes, sizes[i]));
        struct cursor plain;
        assert_int_equal(inflate_outcome(fixture, buffer_cursor(&fixture->bytes), &plain), OUTCOME_OK);
        assert_int_equal(plain.left, sizes[i]);
        assert_memory_equal(plain.at, bytes, sizes[i]);
        free(bytes);
    }
    assert_int_equal(CCM_INFLATE_MAX, (size_t)64 << 20);
}

/* A stream of zeros, by fixed Huffman codes (RFC 1951 section 3.2.6): a literal 0 is 00110000, length
 * 258 is code 285 = 11000101 and distance 1 is 00000. Codes are packed from their most significant bit. */
static void zlib_bomb(struct buffer *out, size_t repeats)
{
    uint8_t *bits = calloc(1, (repeats * 13 + 64) / 8 + 1);
    assert_non_null(bits);
    size_t at = 0;
    const char *const head = "11000110000"; /* 1: last block; 10: fixed codes, BTYPE from its lowest bit; one zero */
    for (const char *bit = head; *bit != '\0'; bit++, at++)
        bits[at / 8] |= (uint8_t)((*bit - '0') << at % 8);
    for (size_t i = 0; i < repeats; i++) {
        for (const char *bit = "1100010100000"; *bit != '\0'; bit++, at++)
            bits[at / 8] |= (uint8_t)((*bit - '0') << at % 8);
    }
    at += 7; /* end of block: 0000000 */
    sample_append(out, BYTES("\x78\xDA"));
    sample_append(out, cursor_of(bits, (at + 7) / 8));
    size_t length = 1 + 258 * repeats;
    uint32_t b = (uint32_t)(length % 65521); /* Adler-32 of zeros: a = 1, b = length */
    uint8_t adler[4] = {(uint8_t)(b >> 8), (uint8_t)b, 0, 1};
    sample_append(out, cursor_of(adler, 4));
    free(bits);
}

static void a_bomb_is_a_limit_and_the_inflater_lives_on(void **state)
{
    struct fixture *fixture = *state;
    struct cursor plain;
    buffer_reset(&fixture->plain, SAMPLE_MAX);
    zlib_bomb(&fixture->plain, 4000); /* the bomb as such is a good stream */
    assert_int_equal(inflate_outcome(fixture, buffer_cursor(&fixture->plain), &plain), OUTCOME_OK);
    assert_int_equal(plain.left, 1 + 258 * 4000);
    buffer_reset(&fixture->plain, SAMPLE_MAX);
    zlib_bomb(&fixture->plain, CCM_INFLATE_MAX / 258 + 1);
    assert_int_equal(inflate_outcome(fixture, buffer_cursor(&fixture->plain), &plain), OUTCOME_LIMIT);
    assert_int_equal(inflate_outcome(fixture, hex(fixture, ZLIB_HEX), &plain), OUTCOME_OK);
    assert_true(fixture->inflater.room < (size_t)1 << 20); /* the memory of the giant was given back */
}

static void a_lower_limit_is_counted(void **state)
{
    struct fixture *fixture = *state;
    struct cursor plain;
    fixture->inflater.most = (size_t)1 << 20;
    fixture->inflater.refused = 0;
    buffer_reset(&fixture->plain, SAMPLE_MAX);
    zlib_bomb(&fixture->plain, 4000); /* just below 1 MiB */
    assert_int_equal(inflate_outcome(fixture, buffer_cursor(&fixture->plain), &plain), OUTCOME_OK);
    assert_int_equal(fixture->inflater.refused, 0);
    buffer_reset(&fixture->plain, SAMPLE_MAX);
    zlib_bomb(&fixture->plain, 4065); /* just above */
    assert_int_equal(inflate_outcome(fixture, buffer_cursor(&fixture->plain), &plain), OUTCOME_LIMIT);
    assert_int_equal(fixture->inflater.refused, 1);
    ccm_inflater_free(&fixture->inflater); /* which begins anew */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kind_is_told_by_the_first_bytes),
        cmocka_unit_test(envelopes_are_known_in_der_and_ber),
        cmocka_unit_test(a_stream_of_another_maker_is_inflated),
        cmocka_unit_test(what_follows_the_stream_is_ignored),
        cmocka_unit_test(a_stream_that_is_cut_anywhere_is_malformed),
        cmocka_unit_test(a_damaged_stream_is_malformed),
        cmocka_unit_test(output_of_any_size_up_to_the_limit_is_whole),
        cmocka_unit_test(a_bomb_is_a_limit_and_the_inflater_lives_on),
        cmocka_unit_test(a_lower_limit_is_counted),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
