/* tests/unit/test_configmgr_multipart.c: the parts of a message are found where they are, binary payloads uncut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/multipart.h"
#include "tests/unit/message_fixture.h"

#define BYTES(literal) cursor_of((literal), sizeof(literal) - 1)
#define B "aAbBcCdDv1234567890VxXyYzZ"

static void assert_bytes(struct cursor bytes, const void *expected, size_t length)
{
    assert_int_equal(bytes.left, length);
    assert_memory_equal(bytes.at, expected, length);
}
#define ASSERT_BYTES(bytes, literal) assert_bytes((bytes), (literal), sizeof(literal) - 1)

static enum outcome split(struct cursor body, struct ccm_multipart *multipart)
{
    struct error error;
    return ccm_multipart_split(body, TEXT(B), multipart, &error);
}

/* ---- The boundary ---- */

static void the_boundary_is_found_quoted_or_not(void **state)
{
    static const struct {
        const char *type, *boundary;
    } cases[] = {
        {"multipart/mixed; boundary=\"" B "\"", B},
        {"multipart/mixed; boundary=" B, B},
        {"multipart/mixed;boundary=" B "; charset=x", B},
        {"Multipart/Mixed; BOUNDARY=\"a b;c\"; x=y", "a b;c"}, /* quotes keep a semicolon */
        {"multipart/mixed; boundary=abc  ", "abc"},
        {"multipart/mixed; boundary=\"unterminated", "unterminated"},
        {"multipart/mixed; boundary=\"\"", NULL},
        {"multipart/mixed; boundary=", NULL},
        {"multipart/mixed", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text boundary = ccm_multipart_boundary(text_of(cases[i].type));
        assert_true(text_is(boundary, cases[i].boundary));
    }
    assert_null(ccm_multipart_boundary(TEXT_NULL).at);
}

static void a_boundary_longer_than_the_standard_allows_is_none(void **state)
{
    (void)state; /* RFC 2046 section 5.1.1: 1 to 70 characters */
    char type[128];
    memset(type, 'x', sizeof type);
    memcpy(type, "boundary=", 9);
    assert_int_equal(ccm_multipart_boundary((struct text){type, 9 + 70}).length, 70);
    assert_null(ccm_multipart_boundary((struct text){type, 9 + 71}).at);
    struct ccm_multipart multipart;
    assert_int_equal(ccm_multipart_split(BYTES("--x"), (struct text){type, 71}, &multipart, NULL), OUTCOME_MALFORMED);
    assert_int_equal(ccm_multipart_split(BYTES("--x"), TEXT_NULL, &multipart, NULL), OUTCOME_MALFORMED);
}

static void a_body_shows_its_boundary_in_its_first_line(void **state)
{
    (void)state;
    assert_true(text_is(ccm_multipart_sniff(BYTES("--abc\r\ncontent-type: a\r\n\r\n")), "abc"));
    assert_true(text_is(ccm_multipart_sniff(BYTES("--abc \t\r\n")), "abc")); /* padding: RFC 2046 section 5.1.1 */
    assert_null(ccm_multipart_sniff(BYTES("--abc")).at);
    assert_null(ccm_multipart_sniff(BYTES("abc\r\n")).at);
    assert_null(ccm_multipart_sniff(BYTES("--\r\n")).at);
    assert_null(ccm_multipart_sniff(CURSOR_EMPTY).at);
}

/* ---- Splitting ---- */

/* wire.md 11.4: 856 bytes; part 1 at 74 (568 bytes), delimiter at 642, part 2 at 716 (108 bytes, to 824). */
static void the_sample_of_the_protocol_notes_is_cut_at_its_offsets(void **state)
{
    (void)state;
    uint8_t header[568] = {0xFF, 0xFE, '<', 0, 'M', 0}, payload[108] = {0x78, 0x9C, 0x95, 0x8E};
    header[sizeof header - 2] = '>';
    memcpy(payload + sizeof payload - 8, "\x1f\x16\xb8\x00\x28\xba\x20\x64", 8);
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_part(&body, "content-type: text/plain; charset=UTF-16\r\n", cursor_of(header, sizeof header));
    assert_int_equal(body.length, 642);
    sample_part(&body, "content-type: application/octet-stream\r\n", cursor_of(payload, sizeof payload));
    sample_close(&body);
    assert_int_equal(body.length, 856);
    static const char head[] = "--aAbBcCdDv12345"
                               "67890VxXyYzZ\r\nco"; /* 0x00 and 0x10 of the dump */
    assert_memory_equal(body.bytes, head, sizeof head - 1);
    assert_memory_equal(body.bytes + 0x40, "UTF-16\r\n\r\n\xFF\xFE<\0M\0", 16);
    assert_memory_equal(body.bytes + 0x280, ">\0\r\n--aAbBcCdDv1", 16);
    assert_memory_equal(body.bytes + 0x2c0, "t-stream\r\n\r\n\x78\x9c\x95\x8e", 16);
    assert_memory_equal(body.bytes + 0x330, "\x1f\x16\xb8\x00\x28\xba\x20\x64\r\n--aAbB", 16);
    assert_memory_equal(body.bytes + 0x350, "xXyYzZ--", 8);

    struct ccm_multipart multipart;
    assert_int_equal(split(buffer_cursor(&body), &multipart), OUTCOME_OK);
    assert_int_equal(multipart.count, 2);
    assert_true(multipart.closed);
    assert_ptr_equal(multipart.parts[0].body.at, body.bytes + 74);
    assert_bytes(multipart.parts[0].body, header, sizeof header);
    assert_true(text_is(multipart.parts[0].content_type, "text/plain; charset=UTF-16"));
    assert_ptr_equal(multipart.parts[1].body.at, body.bytes + 716);
    assert_bytes(multipart.parts[1].body, payload, sizeof payload);
    assert_true(text_is(multipart.parts[1].content_type, "application/octet-stream"));
    assert_null(multipart.parts[1].disposition.at);
    buffer_free(&body);
}

static void further_part_headers_are_tolerated(void **state)
{
    (void)state; /* wire.md 2.1 (Content-Transfer-Encoding) and 2.3 (Content-Disposition) */
    struct ccm_multipart multipart;
    assert_int_equal(
        split(BYTES("--" B "\r\nContent-Disposition: form-data; name=\"Msg\"\r\n"
                    "CONTENT-TYPE:text/plain;charset=UTF-16\r\nX-Other: y\r\n\r\nHEAD\r\n"
                    "--" B "\r\nContent-Transfer-Encoding: binary\r\n"
                    "Content-Disposition: form-data; name=\"RequestAssignments\"\r\n\r\nBODY\r\n--" B "--"),
              &multipart),
        OUTCOME_OK);
    assert_int_equal(multipart.count, 2);
    assert_true(text_is(multipart.parts[0].disposition, "form-data; name=\"Msg\""));
    assert_true(text_is(multipart.parts[0].content_type, "text/plain;charset=UTF-16"));
    assert_true(text_is(multipart.parts[1].disposition, "form-data; name=\"RequestAssignments\""));
    assert_null(multipart.parts[1].content_type.at);
    ASSERT_BYTES(multipart.parts[0].body, "HEAD");
    ASSERT_BYTES(multipart.parts[1].body, "BODY");
}

static void a_part_without_headers_and_one_without_body_are_parts(void **state)
{
    (void)state; /* RFC 2046 section 5.1.1: body-part := MIME-part-headers [CRLF *OCTET] */
    struct ccm_multipart multipart;
    assert_int_equal(split(BYTES("--" B "\r\n\r\nNoReply\r\n--" B "--"), &multipart), OUTCOME_OK);
    assert_int_equal(multipart.count, 1);
    ASSERT_BYTES(multipart.parts[0].body, "NoReply");
    assert_int_equal(split(BYTES("--" B "\r\ncontent-type: a\r\n\r\n\r\n--" B "--"), &multipart), OUTCOME_OK);
    assert_int_equal(multipart.count, 1);
    ASSERT_BYTES(multipart.parts[0].body, "");
    assert_int_equal(split(BYTES("--" B "\r\ncontent-type: a\r\n\r\n--" B "\r\n\r\nx\r\n--" B "--"), &multipart),
                     OUTCOME_OK);
    assert_int_equal(multipart.count, 2);
    ASSERT_BYTES(multipart.parts[0].body, "");
    ASSERT_BYTES(multipart.parts[1].body, "x");
}

static void preamble_epilogue_and_padding_are_not_part_of_a_part(void **state)
{
    (void)state;
    struct ccm_multipart multipart;
    assert_int_equal(split(BYTES("preamble\r\n--" B " \t\r\ncontent-type: a\r\n\r\nONE\r\n--" B
                                 "\t\r\ncontent-type: b\r\n\r\nTWO\r\n--" B "--\r\nepilogue"),
                           &multipart),
                     OUTCOME_OK);
    assert_int_equal(multipart.count, 2);
    ASSERT_BYTES(multipart.parts[0].body, "ONE");
    ASSERT_BYTES(multipart.parts[1].body, "TWO");
    assert_true(multipart.closed);
}

static void a_payload_may_contain_the_delimiter(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } payloads[] = {
        {"x\x9C\r\n--" B "\x01\x02", 33},   /* the delimiter, then binary */
        {"x\x9C\r\n--" B "\r\nbinary", 39}, /* a whole line, but no header line behind it */
        {"x\x9C\r\n--" B "--\r\n--" B, 61}, /* a closing delimiter that is not the last one */
        {"\r\n\r\n\r\n", 6},
        {"--" B, 28},
    };
    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        struct buffer body;
        buffer_init(&body, SAMPLE_MAX);
        sample_part(&body, "content-type: text/plain; charset=UTF-16\r\n", BYTES("HEAD"));
        sample_part(&body, "content-type: application/octet-stream\r\n",
                    cursor_of(payloads[i].bytes, payloads[i].length));
        sample_close(&body);
        struct ccm_multipart multipart;
        assert_int_equal(split(buffer_cursor(&body), &multipart), OUTCOME_OK);
        assert_int_equal(multipart.count, 2);
        assert_bytes(multipart.parts[1].body, payloads[i].bytes, payloads[i].length);
        buffer_free(&body);
    }
}

static void a_body_that_is_cut_off_is_split_as_far_as_it_goes(void **state)
{
    (void)state;
    struct ccm_multipart multipart;
    assert_int_equal(
        split(BYTES("--" B "\r\ncontent-type: a\r\n\r\nONE\r\n--" B "\r\ncontent-type: b\r\n\r\nTW"), &multipart),
        OUTCOME_OK);
    assert_int_equal(multipart.count, 2);
    assert_false(multipart.closed);
    ASSERT_BYTES(multipart.parts[1].body, "TW");
    assert_int_equal(split(BYTES("--" B "\r\ncontent-type: a\r\n\r\nONE\r\n"), &multipart), OUTCOME_OK);
    assert_false(multipart.closed);
    ASSERT_BYTES(multipart.parts[0].body, "ONE"); /* less one CRLF */
}

static void every_cut_of_a_message_ends_in_order(void **state)
{
    (void)state;
    struct sample sample = {.endpoint = "MP_LocationManager", .body = "<SiteInformationRequest/>"};
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_build(&sample, &body);
    for (size_t length = 0; length < body.length; length++) {
        uint8_t *cut = malloc(length == 0 ? 1 : length); /* of exactly that size: a sanitizer sees any step too far */
        assert_non_null(cut);
        memcpy(cut, body.bytes, length);
        struct ccm_multipart multipart;
        enum outcome outcome = split(cursor_of(cut, length), &multipart);
        assert_true(outcome == OUTCOME_OK || outcome == OUTCOME_MALFORMED);
        assert_true(outcome == OUTCOME_OK ? multipart.count > 0 && multipart.count <= 2 : multipart.count == 0);
        assert_false(multipart.closed);
        free(cut);
    }
    buffer_free(&body);
}

static void what_holds_no_part_is_malformed(void **state)
{
    static const char *const bodies[] = {
        "",
        "--",
        "--" B,
        "--" B "\r\n",
        "--" B "--",
        "no boundary at all",
        "--other\r\n\r\nx\r\n--other--",
        "--" B "\r\ncontent-type",
        "--" B "\r\n--" B "--",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct ccm_multipart multipart;
        struct error error = {0};
        assert_int_equal(ccm_multipart_split(cursor_of(bodies[i], strlen(bodies[i])), TEXT(B), &multipart, &error),
                         OUTCOME_MALFORMED);
        assert_int_equal(multipart.count, 0);
        assert_true(strlen(error.text) > 0);
    }
}

static void too_many_parts_are_a_limit_and_the_first_stay(void **state)
{
    (void)state;
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    struct ccm_multipart multipart;
    for (int i = 0; i < CCM_PARTS_MAX; i++)
        sample_part(&body, "content-type: a\r\n", BYTES("x"));
    sample_close(&body);
    assert_int_equal(split(buffer_cursor(&body), &multipart), OUTCOME_OK);
    assert_int_equal(multipart.count, CCM_PARTS_MAX);
    buffer_reset(&body, SAMPLE_MAX);
    for (int i = 0; i < 10000; i++)
        sample_part(&body, "content-type: a\r\n", BYTES("x"));
    sample_close(&body);
    assert_int_equal(split(buffer_cursor(&body), &multipart), OUTCOME_LIMIT);
    assert_int_equal(multipart.count, CCM_PARTS_MAX);
    ASSERT_BYTES(multipart.parts[CCM_PARTS_MAX - 1].body, "x");
    buffer_free(&body);
}

static void endless_part_headers_are_not_read(void **state)
{
    (void)state;
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_print(&body, "--" B "\r\n");
    for (int i = 0; i < 10000; i++)
        sample_print(&body, "content-x: y\r\n");
    sample_print(&body, "\r\nx\r\n--" B "--");
    struct ccm_multipart multipart;
    assert_int_equal(split(buffer_cursor(&body), &multipart), OUTCOME_MALFORMED);
    buffer_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_boundary_is_found_quoted_or_not),
        cmocka_unit_test(a_boundary_longer_than_the_standard_allows_is_none),
        cmocka_unit_test(a_body_shows_its_boundary_in_its_first_line),
        cmocka_unit_test(the_sample_of_the_protocol_notes_is_cut_at_its_offsets),
        cmocka_unit_test(further_part_headers_are_tolerated),
        cmocka_unit_test(a_part_without_headers_and_one_without_body_are_parts),
        cmocka_unit_test(preamble_epilogue_and_padding_are_not_part_of_a_part),
        cmocka_unit_test(a_payload_may_contain_the_delimiter),
        cmocka_unit_test(a_body_that_is_cut_off_is_split_as_far_as_it_goes),
        cmocka_unit_test(every_cut_of_a_message_ends_in_order),
        cmocka_unit_test(what_holds_no_part_is_malformed),
        cmocka_unit_test(too_many_parts_are_a_limit_and_the_first_stay),
        cmocka_unit_test(endless_part_headers_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
