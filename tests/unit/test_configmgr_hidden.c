/* tests/unit/test_configmgr_hidden.c: the notes and findings about parts of a message that some readers do not see, and
 * about signatures and keys that prove less than they seem to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/decoder_fixture.h"

#define POLICY "<RequestAssignments SchemaVersion=\"1.00\"/>"
#define POLICY_BYTES 84 /* in UTF-16, without terminator */
#define ENDPOINT "MP_PolicyManager"

static const struct ccm_message *decode_as(struct fixture *fixture, bool reply)
{
    struct ccm_source source = {.body = buffer_cursor(&fixture->body),
                                .content_type = TEXT(SAMPLE_TYPE),
                                .reply = reply,
                                .endpoint = reply ? TEXT(ENDPOINT) : TEXT_NULL};
    ccm_message_decode(&fixture->decoder, &source, NEED_EVERYTHING, &fixture->message);
    return &fixture->message;
}

static const struct ccm_message *decode(struct fixture *fixture, const struct sample *sample)
{
    buffer_reset(&fixture->body, SAMPLE_MAX);
    sample_build(sample, &fixture->body);
    return decode_as(fixture, false);
}

static bool has_note(const struct ccm_message *message, const char *word)
{
    bool found = false;
    for (size_t i = 0; i < message->note_count; i++)
        found = found || strstr(message->notes[i], word) != NULL;
    return found;
}

static bool has_finding(const struct ccm_message *message, const char *code, const char *word)
{
    bool found = false;
    size_t at;
    for (size_t i = 0; i < message->finding_count; i++)
        found = found ||
                (strcmp(message->findings[i].code, code) == 0 && text_find_like(message->findings[i].text, word, &at));
    return found;
}

/* Puts parts behind the last one of a built body. */
static void add_parts(struct buffer *body, size_t count)
{
    body->length -= strlen("\r\n--" SAMPLE_BOUNDARY "--");
    for (size_t i = 0; i < count; i++)
        sample_part(body, "content-type: application/octet-stream\r\n", cursor_of("other bytes", 11));
    sample_close(body);
}

/* ---- Parts ---- */

static void parts_after_the_payload_hide_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = ENDPOINT, .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    for (size_t more = 1; more <= 2 * CCM_PARTS_MAX; more++) {
        buffer_reset(&fixture->body, SAMPLE_MAX);
        sample_build(&sample, &fixture->body);
        add_parts(&fixture->body, more);
        const struct ccm_message *message = decode_as(fixture, false);
        assert_true(text_is(message->root, "RequestAssignments"));
        assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_VALID);
        assert_true(has_finding(message, "C32", "more parts than two"));
        assert_true(has_note(message, "the one after the header is read as the payload"));
        message = decode_as(fixture, true); /* a reply is read alike */
        assert_true(text_is(message->root, "RequestAssignments"));
        assert_true(has_finding(message, "C32", "more parts than two"));
    }
}

static void text_outside_of_all_parts_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct buffer whole;
    struct sample sample = {.endpoint = ENDPOINT, .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    decode(fixture, &sample);
    assert_false(has_finding(&fixture->message, "C32", "boundary"));
    sample_print(&fixture->body, "\r\n  \r\n"); /* white space is none */
    decode_as(fixture, false);
    assert_false(has_finding(&fixture->message, "C32", "boundary"));
    sample_print(&fixture->body, "a text");
    decode_as(fixture, false);
    assert_true(has_finding(&fixture->message, "C32", "after the closing boundary"));
    assert_true(has_note(&fixture->message, "after the closing boundary"));
    buffer_init(&whole, SAMPLE_MAX);
    sample_print(&whole, "<Msg/>\r\n");
    sample_append(&whole, buffer_cursor(&fixture->body));
    buffer_reset(&fixture->body, SAMPLE_MAX);
    sample_append(&fixture->body, buffer_cursor(&whole));
    decode_as(fixture, false);
    assert_true(has_finding(&fixture->message, "C32", "before the first boundary"));
    buffer_free(&whole);
}

static void a_part_with_a_coding_of_its_own_is_not_judged(void **state)
{
    struct fixture *fixture = *state;
    buffer_reset(&fixture->body, SAMPLE_MAX);
    sample_part(&fixture->body, "content-type: text/plain\r\n", cursor_of("<Msg><ID>{1}</ID></Msg>", 23));
    sample_part(&fixture->body, "content-transfer-encoding: base64\r\n", cursor_of("PFJlcS8+", 8));
    sample_close(&fixture->body);
    const struct ccm_message *message = decode_as(fixture, false);
    assert_int_equal(message->missing, CCM_MISSING_CODING);
    assert_false(has_finding(message, "C32", ""));
}

/* ---- Signatures without what they cover ---- */

static void a_signature_without_payload_part_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = ENDPOINT, .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    decode(fixture, &sample);
    size_t second = (size_t)(fixture->message.payload_part.at - fixture->body.bytes);
    fixture->body.length =
        second - strlen("\r\n--" SAMPLE_BOUNDARY "\r\ncontent-type: application/octet-stream\r\n\r\n");
    sample_close(&fixture->body);
    const struct ccm_message *message = decode_as(fixture, false);
    assert_false(message->has_payload);
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_INVALID);
    assert_int_equal(message->client_id_signature.state, CCM_SIGNATURE_VALID);
    assert_true(has_finding(message, "C45", "no payload part"));
}

/* ---- Keys ---- */

#define KEY(blob) "<Property Name=\"PublicKey\">" blob "</Property>"
#define MODULUS "1FAD4427AB1683CD35D445B576DC81B5"

static void a_key_that_cannot_be_read_is_told(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *property, *word;
    } cases[] = {
        {KEY("0602000000A4000052534131000400000100010"), "odd"},
        {KEY("zz02000000A4"), "hex digits"},
        {KEY(""), "empty"},
        {KEY("0602000000A400005253"), "head is cut off"},
        {KEY("0702000000A40000525341318000000001000100" MODULUS), "type"},
        {KEY("0603000000A40000525341318000000001000100" MODULUS), "type"},
        {KEY("0602000000A40000525341328000000001000100" MODULUS), "RSA1"},
        {KEY("0602000000A40000525341317F00000001000100" MODULUS), "length"},
        {KEY("0602000000A40000525341310000000001000100"), "length"},
        {KEY("0602000000A40000525341318000000001000000" MODULUS), "exponent"}, /* 1 */
        {KEY("0602000000A40000525341318000000000000100" MODULUS), "exponent"}, /* 65536 */
        {KEY("0602000000A400005253413100040000010001001FAD"), "modulus"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample sample = {.endpoint = ENDPOINT,
                                .source_id = VECTOR_CLIENT,
                                .body = POLICY,
                                .sign = true,
                                .no_key = true,
                                .properties = cases[i].property};
        const struct ccm_message *message = decode(fixture, &sample);
        if (!has_finding(message, "C45", cases[i].word))
            print_error("%s\n", cases[i].property);
        assert_true(has_finding(message, "C45", "the PublicKey in the header cannot be read"));
        assert_true(has_finding(message, "C45", cases[i].word));
        assert_true(has_note(message, "PublicKey"));
        assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_NOKEY);
    }
    struct sample good = {.endpoint = ENDPOINT, .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    assert_false(has_finding(decode(fixture, &good), "C45", "PublicKey"));
    assert_false(has_note(&fixture->message, "PublicKey"));
}

/* ---- Ranges ---- */

static void text_that_no_range_covers_is_told(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *range;
        bool told;
    } cases[] = {
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"86\"/>", false},
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"84\"/>", false}, /* without terminator */
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"82\"/>", true},
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"0\"/>", true},
        {"<Body Type=\"ByteRange\" Offset=\"2\" Length=\"84\"/>", true},
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"40\"/>"
         "<Attachment Type=\"ByteRange\" Name=\"a\" Offset=\"40\" Length=\"46\"/>",
         false},
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"40\"/>"
         "<Attachment Type=\"ByteRange\" Name=\"a\" Offset=\"44\" Length=\"42\"/>",
         true},
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"40\"/>" /* they overlap, and leave a hole */
         "<Attachment Type=\"ByteRange\" Name=\"a\" Offset=\"20\" Length=\"30\"/>"
         "<Attachment Type=\"ByteRange\" Name=\"b\" Offset=\"60\" Length=\"26\"/>",
         true},
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"40\"/>"
         "<Attachment Type=\"ByteRange\" Name=\"a\" Offset=\"20\" Length=\"50\"/>"
         "<Attachment Type=\"ByteRange\" Name=\"b\" Offset=\"60\" Length=\"26\"/>",
         false},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct sample sample = {.endpoint = "MP_SinvCollFileEndpoint",
                                .source_id = VECTOR_CLIENT,
                                .body = POLICY,
                                .sign = true,
                                .range = cases[i / 2].range,
                                .plain = i % 2 == 1};
        const struct ccm_message *message = decode(fixture, &sample);
        assert_int_equal(message->plain.left, POLICY_BYTES + 2);
        if (has_finding(message, "C32", "in no range") != cases[i / 2].told)
            print_error("%s\n", cases[i / 2].range);
        assert_int_equal(has_finding(message, "C32", "in no range"), cases[i / 2].told);
        assert_int_equal(has_note(message, "in no range"), cases[i / 2].told);
        assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_VALID);
    }
}

static void text_after_the_terminator_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct buffer plain;
    buffer_init(&plain, SAMPLE_MAX);
    sample_wide(&plain, POLICY);
    sample_append(&plain, cursor_of("\0\0", 2));
    struct sample sample = {.endpoint = ENDPOINT, .payload = buffer_cursor(&plain)};
    decode(fixture, &sample);
    assert_false(has_finding(&fixture->message, "C32", "terminator"));
    sample_append(&plain,
                  cursor_of("\r\n", 2)); /* as senders of the SDK do: one character of UTF-16, but white space */
    sample.payload = buffer_cursor(&plain);
    decode(fixture, &sample);
    assert_false(has_finding(&fixture->message, "C32", "terminator"));
    sample_wide(&plain, "<Policy/>");
    sample.payload = buffer_cursor(&plain);
    decode(fixture, &sample);
    assert_true(has_finding(&fixture->message, "C32", "after the terminator"));
    assert_true(has_note(&fixture->message, "after the terminator"));
    buffer_free(&plain);
}

static void bytes_after_the_stream_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct buffer plain, payload;
    buffer_init(&plain, SAMPLE_MAX);
    buffer_init(&payload, SAMPLE_MAX);
    sample_wide(&plain, POLICY);
    sample_zlib(&payload, buffer_cursor(&plain));
    sample_append(&payload, cursor_of("\r\n", 2)); /* senders of the SDK do so (wire.md 4.2) */
    for (int hidden = 0; hidden < 2; hidden++) {
        struct sample sample = {.endpoint = ENDPOINT,
                                .payload = buffer_cursor(&payload),
                                .range = "<Body Type=\"ByteRange\" Offset=\"0\" Length=\"84\"/>"};
        for (int reply = 0; reply < 2; reply++) {
            buffer_reset(&fixture->body, SAMPLE_MAX);
            sample_build(&sample, &fixture->body);
            decode_as(fixture, reply);
            assert_true(text_is(fixture->message.root, "RequestAssignments"));
            assert_int_equal(has_finding(&fixture->message, "C32", "end of the zlib stream"), hidden);
            assert_int_equal(has_note(&fixture->message, "end of the zlib stream"), hidden);
        }
        sample_append(&payload, cursor_of("hidden", 6));
    }
    buffer_free(&plain);
    buffer_free(&payload);
}

/* ---- Order of bytes ---- */

static void reverse(char *hex)
{
    size_t length = strlen(hex);
    for (size_t i = 0; i < length / 2; i += 2) {
        char pair[2] = {hex[i], hex[i + 1]};
        memcpy(hex + i, hex + length - 2 - i, 2);
        memcpy(hex + length - 2 - i, pair, 2);
    }
}

/* One of the two signatures, or both, in the order that CryptoAPI does not take. */
static void a_signature_in_the_other_order_is_noted(void **state)
{
    struct fixture *fixture = *state;
    struct buffer payload, id, properties;
    buffer_init(&payload, SAMPLE_MAX);
    buffer_init(&id, SAMPLE_MAX);
    sample_wide(&payload, POLICY);
    sample_wide(&id, VECTOR_CLIENT);
    sample_append(&id, cursor_of("\0\0", 2));
    for (int kind = 0; kind < 4; kind++) {
        char of_payload[SAMPLE_HEX_MAX], of_id[SAMPLE_HEX_MAX];
        sample_sign(buffer_cursor(&payload), "sha256", of_payload);
        sample_sign(buffer_cursor(&id), "sha256", of_id);
        if (kind & 1)
            reverse(of_payload);
        if (kind & 2)
            reverse(of_id);
        buffer_init(&properties, SAMPLE_MAX);
        sample_print(&properties,
                     KEY(VECTOR_PUBLIC_KEY) "<Property Name=\"PayloadSignature\">%s</Property>"
                                            "<Property Name=\"ClientIDSignature\">%s</Property>",
                     of_payload, of_id);
        sample_append(&properties, cursor_of("", 1));
        struct sample sample = {.endpoint = ENDPOINT,
                                .source_id = VECTOR_CLIENT,
                                .payload = buffer_cursor(&payload),
                                .properties = (const char *)properties.bytes};
        const struct ccm_message *message = decode(fixture, &sample);
        assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_VALID);
        assert_int_equal(message->client_id_signature.state, CCM_SIGNATURE_VALID);
        assert_int_equal(has_note(message, "the payload signature is big-endian"), kind & 1);
        assert_int_equal(has_note(message, "the client id signature is big-endian"), (kind & 2) != 0);
        buffer_free(&properties);
    }
    buffer_free(&payload);
    buffer_free(&id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parts_after_the_payload_hide_nothing),
        TEST(text_outside_of_all_parts_is_told),
        TEST(a_part_with_a_coding_of_its_own_is_not_judged),
        TEST(a_signature_without_payload_part_is_invalid),
        TEST(a_key_that_cannot_be_read_is_told),
        TEST(text_that_no_range_covers_is_told),
        TEST(text_after_the_terminator_is_told),
        TEST(bytes_after_the_stream_are_told),
        TEST(a_signature_in_the_other_order_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
