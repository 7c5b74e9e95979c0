/* tests/unit/test_configmgr_notification.c: client notification in the forms that names and sizes let expect (wire.md 9.6). There
 * are no captured bytes to hold against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/notification.h"
#include "tests/unit/message_fixture.h"

struct fixture {
    struct ccm_decoder decoder;
    struct ccm_message message;
    struct ccm_fields fields;
    struct buffer bytes;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL || !ccm_decoder_init(&fixture->decoder))
        return 1;
    buffer_init(&fixture->bytes, SAMPLE_MAX);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    ccm_decoder_free(&fixture->decoder);
    buffer_free(&fixture->bytes);
    free(fixture);
    return 0;
}

#define HEADER "<Message><SourceID>GUID:1</SourceID><Hooks><Hook Name='clientauth'/></Hooks></Message>"
#define PAYLOAD "<BgbKeepAliveMessage><ClientType>1</ClientType></BgbKeepAliveMessage>"

static void put(struct buffer *bytes, uint32_t value, size_t size, bool big_endian)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * (big_endian ? size - 1 - i : i)));
        sample_append(bytes, cursor_of(&byte, 1));
    }
}

static void put_message(struct buffer *bytes, const char *header, const char *payload, bool big_endian)
{
    put(bytes, (uint32_t)strlen(payload), 4, big_endian);
    put(bytes, 1, 2, big_endian);
    put(bytes, 0, 2, big_endian);
    put(bytes, (uint32_t)strlen(header), 4, big_endian);
    put(bytes, 2, 2, big_endian);
    sample_print(bytes, "%s%s", header, payload);
}

static const struct ccm_message *decode(struct fixture *fixture, struct cursor body)
{
    struct ccm_source source = {.carrier = CCM_CARRIER_NOTIFICATION, .bare = true, .body = body};
    ccm_notification_decode(&fixture->decoder, &source, NEED_EVERYTHING | NEED_FIELD, &fixture->message);
    ccm_message_fields(&fixture->decoder, &fixture->message, &fixture->fields);
    return &fixture->message;
}

static const struct ccm_field *field(const struct fixture *fixture, const char *name)
{
    for (size_t i = 0; i < fixture->fields.count; i++) {
        if (text_is(fixture->fields.items[i].name, name))
            return &fixture->fields.items[i];
    }
    fail_msg("there is no field %s", name);
    return NULL;
}

static void head_header_and_payload_are_read_in_either_order_of_bytes(void **state)
{
    struct fixture *fixture = *state;
    for (int big = 0; big < 2; big++) {
        buffer_reset(&fixture->bytes, SAMPLE_MAX);
        put_message(&fixture->bytes, HEADER, PAYLOAD, big);
        const struct ccm_message *message = decode(fixture, buffer_cursor(&fixture->bytes));
        assert_null(message->malformed.at);
        assert_true(text_is(message->root, "BgbKeepAliveMessage"));
        assert_true(text_is(message->header.source_id, "GUID:1"));
        assert_true(text_is(field(fixture, "Channel")->meaning, "keep alive"));
        assert_string_equal(field(fixture, "Channel")->certainty, "uncertain");
        assert_true(text_is(field(fixture, "ByteOrder")->value, big ? "big endian" : "little endian"));
        assert_true(text_is(field(fixture, "HeaderSize")->value, "86"));
        assert_true(text_is(field(fixture, "ClientType")->value, "1"));
    }
}

static void a_prefix_may_stand_before_it(void **state)
{
    struct fixture *fixture = *state;
    put(&fixture->bytes, 900, 4, false);
    put(&fixture->bytes, 5, 4, false);
    sample_print(&fixture->bytes, "abc-1");
    put_message(&fixture->bytes, HEADER, PAYLOAD, false);
    assert_null(decode(fixture, buffer_cursor(&fixture->bytes))->malformed.at);
    assert_true(text_is(field(fixture, "SessionID")->value, "abc-1"));
    assert_true(text_is(field(fixture, "KeepAliveInterval")->value, "900"));
    assert_true(text_is(field(fixture, "MajorVersion")->value, "1"));
    /* Before bare XML, and alone. */
    buffer_reset(&fixture->bytes, SAMPLE_MAX);
    put(&fixture->bytes, 900, 4, false);
    put(&fixture->bytes, 0, 4, false);
    assert_null(decode(fixture, buffer_cursor(&fixture->bytes))->malformed.at);
    sample_print(&fixture->bytes, PAYLOAD);
    assert_true(text_is(decode(fixture, buffer_cursor(&fixture->bytes))->root, "BgbKeepAliveMessage"));
}

static void base64_xml_and_codes_are_forms_too(void **state)
{
    struct fixture *fixture = *state;
    /* base64 of: payload size 4, version 1.0, header size 0, type 7, "<a/>" */
    assert_true(text_is(decode(fixture, text_cursor(TEXT("BAAAAAEAAAAAAAAABwA8YS8+")))->root, "a"));
    assert_true(text_is(field(fixture, "Channel")->meaning, "none"));
    assert_true(text_is(decode(fixture, text_cursor(TEXT(PAYLOAD)))->root, "BgbKeepAliveMessage"));
    assert_null(decode(fixture, text_cursor(TEXT("990\r\n")))->malformed.at);
    assert_true(text_is(field(fixture, "ResponseCode")->meaning, "the session has ended"));
}

static void sizes_that_lie_are_no_form(void **state)
{
    struct fixture *fixture = *state;
    put_message(&fixture->bytes, HEADER, PAYLOAD, false);
    for (size_t length = 1; length < fixture->bytes.length; length++) {
        const struct ccm_message *message = decode(fixture, cursor_of(fixture->bytes.bytes, length));
        assert_true(message->malformed.at != NULL || message->document.root == NULL);
    }
    assert_non_null(decode(fixture, text_cursor(TEXT("anything else")))->malformed.at);
}

static void xml_that_is_broken_is_told(void **state)
{
    struct fixture *fixture = *state;
    put_message(&fixture->bytes, "<Message>", PAYLOAD, false);
    assert_true(text_starts_like(decode(fixture, buffer_cursor(&fixture->bytes))->malformed, "the header of"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(head_header_and_payload_are_read_in_either_order_of_bytes),
        TEST(a_prefix_may_stand_before_it),
        TEST(base64_xml_and_codes_are_forms_too),
        TEST(sizes_that_lie_are_no_form),
        TEST(xml_that_is_broken_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
