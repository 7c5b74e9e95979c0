/* tests/unit/test_configmgr_header.c: the <Msg> header is read in any order, encoding and amount of nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/header.h"
#include "tests/unit/message_fixture.h"

#define BYTES(literal) cursor_of((literal), sizeof(literal) - 1)

/* The native client's order (wire.md 3.2 b). */
#define NATIVE                                                                                                         \
    "<Msg ReplyCompression=\"zlib\" SchemaVersion=\"1.1\"><ID>{A1B2}</ID><SourceID>GUID:1</SourceID>"                  \
    "<SourceHost>PC1</SourceHost><TargetAddress>mp:MP_PolicyManager</TargetAddress>"                                   \
    "<ReplyTo>direct:PC1:PolicyAgent_ReplyAssignments</ReplyTo><CorrelationID>{0}</CorrelationID>"                     \
    "<Priority>3</Priority><Timeout>600</Timeout><ReqVersion>5931</ReqVersion><TargetHost>MP1</TargetHost>"            \
    "<TargetEndpoint>MP_PolicyManager</TargetEndpoint><ReplyMode>Sync</ReplyMode><Protocol>http</Protocol>"            \
    "<SentTime>2024-05-06T07:08:09Z</SentTime><Body Type=\"ByteRange\" Offset=\"4\" Length=\"186\"/>"                  \
    "<Hooks><Hook3 Name=\"zlib-compress\"/></Hooks><Payload Type=\"inline\"/></Msg>"

/* The alphabetical order of the older SDK (wire.md 3.2 a). */
#define ALPHABETICAL                                                                                                   \
    "<Msg SchemaVersion=\"1.1\" ReplyCompression=\"zlib\"><Body Length=\"186\" Offset=\"4\" Type=\"ByteRange\"/>"      \
    "<CorrelationID>{0}</CorrelationID><Hooks><Hook3 Name=\"zlib-compress\"/></Hooks><ID>{A1B2}</ID>"                  \
    "<Payload Type=\"inline\"/><Priority>3</Priority><Protocol>http</Protocol><ReplyMode>Sync</ReplyMode>"             \
    "<ReplyTo>direct:PC1:PolicyAgent_ReplyAssignments</ReplyTo><SentTime>2024-05-06T07:08:09Z</SentTime>"              \
    "<SourceID>GUID:1</SourceID><SourceHost>PC1</SourceHost><TargetAddress>mp:MP_PolicyManager</TargetAddress>"        \
    "<TargetEndpoint>MP_PolicyManager</TargetEndpoint><TargetHost>MP1</TargetHost><Timeout>600</Timeout></Msg>"

struct fixture {
    struct arena arena;
    struct ccm_header header;
    struct error error;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return 1;
    arena_init(&fixture->arena, (size_t)64 << 20);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static const struct ccm_header *parse_bytes(void **state, struct cursor bytes, enum outcome expected)
{
    struct fixture *fixture = *state;
    fixture->error = (struct error){0};
    assert_int_equal(ccm_header_parse(bytes, &fixture->arena, &fixture->header, &fixture->error), expected);
    assert_int_equal(fixture->error.text[0] != '\0', expected != OUTCOME_OK);
    return &fixture->header;
}

static const struct ccm_header *parse(void **state, const char *xml, enum outcome expected)
{
    return parse_bytes(state, cursor_of(xml, strlen(xml)), expected);
}

static void assert_complete(const struct ccm_header *header)
{
    assert_true(text_is(header->schema_version, "1.1"));
    assert_true(text_is(header->reply_compression, "zlib"));
    assert_true(text_is(header->id, "{A1B2}"));
    assert_true(text_is(header->correlation_id, "{0}"));
    assert_true(text_is(header->source_id, "GUID:1"));
    assert_true(text_is(header->source_host, "PC1"));
    assert_true(text_is(header->target_address, "mp:MP_PolicyManager"));
    assert_true(text_is(header->target_endpoint, "MP_PolicyManager"));
    assert_true(text_is(header->target_host, "MP1"));
    assert_true(text_is(header->reply_to, "direct:PC1:PolicyAgent_ReplyAssignments"));
    assert_true(text_is(header->reply_mode, "Sync"));
    assert_true(text_is(header->protocol, "http"));
    assert_true(text_is(header->priority, "3"));
    assert_true(text_is(header->timeout, "600"));
    assert_true(text_is(header->sent_time, "2024-05-06T07:08:09Z"));
    assert_true(text_is(header->payload_type, "inline"));
    assert_true(header->has_body && header->body.numeric);
    assert_int_equal(header->body.offset, 4);
    assert_int_equal(header->body.length, 186);
    assert_true(header->has_hooks);
    assert_int_equal(header->hook_count, 1);
    assert_non_null(ccm_header_hook(header, "ZLIB-Compress"));
    assert_null(ccm_header_hook(header, "clientauth"));
    assert_true(header->document.complete);
}

static void children_are_found_in_any_order(void **state)
{
    assert_complete(parse(state, NATIVE, OUTCOME_OK));
    assert_complete(parse(state, ALPHABETICAL, OUTCOME_OK));
}

static void every_encoding_with_and_without_mark_is_read_and_named(void **state)
{
    static const struct {
        const char *mark;
        size_t mark_length;
        int width; /* 1: UTF-8, 2: UTF-16LE, -2: UTF-16BE */
        const char *name;
    } cases[] = {
        {"\xFF\xFE", 2, 2, "utf-16-le+bom"},
        {"\xFE\xFF", 2, -2, "utf-16-be+bom"},
        {"", 0, 2, "utf-16-le"},
        {"", 0, -2, "utf-16-be"},
        {"", 0, 1, "utf-8"},
        {"\xEF\xBB\xBF", 3, 1, "utf-8+bom"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer part;
        buffer_init(&part, SAMPLE_MAX);
        sample_append(&part, cursor_of(cases[i].mark, cases[i].mark_length));
        if (cases[i].width == 1)
            sample_print(&part, "%s", NATIVE);
        if (cases[i].width == -2)
            sample_append(&part, cursor_of("", 1)); /* little endian, one byte further, is big endian */
        if (cases[i].width != 1)
            sample_wide(&part, NATIVE);
        if (cases[i].width == -2)
            part.length--;
        const struct ccm_header *header = parse_bytes(state, buffer_cursor(&part), OUTCOME_OK);
        assert_string_equal(header->encoding, cases[i].name);
        assert_complete(header);
        buffer_free(&part);
    }
}

static void characters_beyond_ascii_survive(void **state)
{
    /* python3: '<Msg><SourceHost>P\u00c4\U0001F600</SourceHost></Msg>'.encode('utf-16') */
    const struct ccm_header *header = parse_bytes(
        state,
        BYTES("\xFF\xFE<\0M\0s\0g\0>\0<\0S\0o\0u\0r\0c\0e\0H\0o\0s\0t\0>\0P\0\xC4\0\x3D\xD8\x00\xDE<\0/\0S\0o\0u\0r\0"
              "c\0e\0H\0o\0s\0t\0>\0<\0/\0M\0s\0g\0>\0"),
        OUTCOME_OK);
    assert_true(text_is(header->source_host, "P\xC3\x84\xF0\x9F\x98\x80"));
}

static void white_space_before_msg_is_accepted(void **state)
{
    struct buffer part; /* wire.md 2.1 */
    buffer_init(&part, SAMPLE_MAX);
    sample_append(&part, BYTES("\xFF\xFE"));
    sample_wide(&part, "\r\n \t" NATIVE "\r\n");
    assert_complete(parse_bytes(state, buffer_cursor(&part), OUTCOME_OK));
    buffer_free(&part);
    assert_complete(parse(state, "\n\n<?xml version=\"1.0\" encoding=\"utf-16\"?>\n" NATIVE, OUTCOME_OK));
}

static void an_odd_byte_at_the_end_is_told_but_the_rest_is_read(void **state)
{
    struct buffer part;
    buffer_init(&part, SAMPLE_MAX);
    sample_append(&part, BYTES("\xFF\xFE"));
    sample_wide(&part, NATIVE);
    sample_append(&part, BYTES("\n"));
    assert_complete(parse_bytes(state, buffer_cursor(&part), OUTCOME_MALFORMED));
    buffer_free(&part);
}

/* ---- Hooks ---- */

static void hook_properties_are_element_text_and_message_properties_attributes(void **state)
{
    const struct ccm_header *header =
        parse(state,
              "<Msg><Property Name=\"FileType\" Value=\"SMX\"/><Property Name=\"UserSID\" Value=\"S-1-5\"/><Hooks>"
              "<Hook2 Name=\"clientauth\"><Property Name=\"AuthSenderMachine\"> PC1 </Property>"
              "<Property Name=\"PublicKey\" Value=\"not this\">0602</Property>"
              "<Property Name=\"Token\"><![CDATA[ClientToken:a;b\r\nClientTokenSignature:00\r\n]]></Property></Hook2>"
              "<Hook3 Name=\"zlib-compress\"/></Hooks></Msg>",
              OUTCOME_OK);
    assert_true(text_is(header->file_type, "SMX"));
    const struct ccm_hook *hook = ccm_header_hook(header, "clientauth");
    assert_true(text_is(hook->element, "Hook2"));
    assert_true(text_is(ccm_hook_property(hook, "AuthSenderMachine"), "PC1"));
    assert_true(text_is(ccm_hook_property(hook, "publickey"), "0602"));
    assert_null(ccm_hook_property(hook, "PayloadSignature").at);
    assert_null(ccm_hook_property(NULL, "PayloadSignature").at);
    size_t at;
    assert_true(text_find_like(ccm_hook_property(hook, "Token"), "ClientTokenSignature:00", &at));
}

static void the_file_type_may_be_text(void **state)
{
    assert_true(
        text_is(parse(state, "<Msg><Property Name=\"FileType\">SWM</Property></Msg>", OUTCOME_OK)->file_type, "SWM"));
    assert_null(parse(state, "<Msg><Property Name=\"Other\">SWM</Property></Msg>", OUTCOME_OK)->file_type.at);
}

static void unknown_hooks_are_kept_and_empty_ones_known(void **state)
{
    const struct ccm_header *header =
        parse(state,
              "<Msg><Hooks><Hook9 Name=\"mp-something\"><Property Name=\"x\">1</Property></Hook9><Other Name=\"no\"/>"
              "<Hook/><Hook Name=\"\"/></Hooks></Msg>",
              OUTCOME_OK);
    assert_true(header->has_hooks);
    assert_int_equal(header->hook_count, 2);
    assert_true(text_is(header->hooks[0].name, "mp-something"));
    assert_true(text_is(header->hooks[1].name, ""));
    header = parse(state, "<Msg><Hooks/></Msg>", OUTCOME_OK);
    assert_true(header->has_hooks);
    assert_int_equal(header->hook_count, 0);
    assert_false(parse(state, "<Msg/>", OUTCOME_OK)->has_hooks);
}

static void more_hooks_and_attachments_than_there_is_room_for_are_counted(void **state)
{
    struct buffer part;
    buffer_init(&part, SAMPLE_MAX);
    sample_print(&part, "<Msg>");
    for (int i = 0; i < 1000; i++)
        sample_print(&part, "<Attachment Type=\"ByteRange\" Name=\"%d\" Offset=\"%d\" Length=\"1\"/>", i, i);
    sample_print(&part, "<Hooks>");
    for (int i = 0; i < 100; i++)
        sample_print(&part, "<Hook Name=\"h%d\"/>", i);
    sample_print(&part, "</Hooks></Msg>");
    const struct ccm_header *header = parse_bytes(state, buffer_cursor(&part), OUTCOME_OK);
    assert_int_equal(header->hook_count, CCM_HOOKS_MAX);
    assert_int_equal(header->attachment_count, 1000);
    assert_int_equal(header->attachments[CCM_RANGES_MAX - 1].offset, CCM_RANGES_MAX - 1);
    assert_true(text_is(header->attachments[7].name, "7"));
    buffer_free(&part);
}

/* ---- Elements that contradict ---- */

static void of_two_elements_the_first_counts(void **state)
{
    const struct ccm_header *header =
        parse(state,
              "<Msg><ID>1</ID><ID>2</ID><TargetEndpoint/><TargetEndpoint>MP_LocationManager</TargetEndpoint>"
              "<Body Offset=\"0\" Length=\"1\"/><Body Offset=\"2\" Length=\"3\"/><Hooks><Hook Name=\"a\"/></Hooks>"
              "<Hooks><Hook Name=\"b\"/></Hooks><Property Name=\"FileType\" Value=\"SMX\"/>"
              "<Property Name=\"FileType\" Value=\"SWM\"/><Payload Type=\"inline\"/><Payload Type=\"http\"/></Msg>",
              OUTCOME_OK);
    assert_true(text_is(header->id, "1"));
    assert_true(text_is(header->target_endpoint, "")); /* empty, and so it stays */
    assert_int_equal(header->body.length, 1);
    assert_int_equal(header->hook_count, 1);
    assert_true(text_is(header->hooks[0].name, "a"));
    assert_true(text_is(header->file_type, "SMX"));
    assert_true(text_is(header->payload_type, "inline"));
}

static void ranges_are_whole_numbers_or_not_numeric(void **state)
{
    static const struct {
        const char *range;
        bool numeric;
    } cases[] = {
        {"Offset=\"0\" Length=\"18446744073709551615\"", true},
        {"Offset=\"0\" Length=\"18446744073709551616\"", false},
        {"Offset=\"-1\" Length=\"5\"", false},
        {"Offset=\"0\" Length=\"\"", false},
        {"Offset=\"0\"", false},
        {"Length=\"5\"", false},
        {"Offset=\"0x10\" Length=\"5\"", false},
        {"offset=\"1\" LENGTH=\"5\"", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer part;
        buffer_init(&part, SAMPLE_MAX);
        sample_print(&part, "<Msg><Body %s/></Msg>", cases[i].range);
        const struct ccm_header *header = parse_bytes(state, buffer_cursor(&part), OUTCOME_OK);
        assert_true(header->has_body);
        assert_int_equal(header->body.numeric, cases[i].numeric);
        if (!cases[i].numeric)
            assert_true(header->body.offset == 0 && header->body.length == 0);
        buffer_free(&part);
    }
}

static void what_is_absent_is_unknown_and_what_is_empty_is_empty(void **state)
{
    const struct ccm_header *header = parse(state, "<Msg><SourceID/><ID> </ID></Msg>", OUTCOME_OK);
    assert_non_null(header->source_id.at);
    assert_int_equal(header->source_id.length, 0);
    assert_int_equal(header->id.length, 0);
    assert_null(header->reply_to.at);
    assert_null(header->schema_version.at);
    assert_false(header->has_body);
}

/* ---- Damage and hostility ---- */

static void what_stood_before_the_damage_is_read(void **state)
{
    const struct ccm_header *header =
        parse(state, "<Msg><ID>{1}</ID><TargetEndpoint>MP_DdrEndpoint</TargetEndpoint><SourceID>GU", OUTCOME_MALFORMED);
    assert_true(text_is(header->id, "{1}"));
    assert_true(text_is(header->target_endpoint, "MP_DdrEndpoint"));
    assert_false(header->document.complete);
}

static void another_root_is_not_a_header(void **state)
{
    assert_null(parse(state, "<Message><ID>1</ID></Message>", OUTCOME_MALFORMED)->id.at);
    assert_null(parse(state, "", OUTCOME_MALFORMED)->document.root);
    assert_null(parse_bytes(state, BYTES("\xFF\xFE"), OUTCOME_MALFORMED)->document.root);
    assert_null(parse_bytes(state, BYTES("\xFF"), OUTCOME_MALFORMED)->document.root);
}

static void a_document_type_with_entities_is_ignored_and_not_expanded(void **state)
{
    const struct ccm_header *header = parse(state,
                                            "<!DOCTYPE Msg [<!ENTITY e \"MP_PolicyManager\">]><Msg><ID>{1}</ID>"
                                            "<TargetEndpoint>&e;</TargetEndpoint></Msg>",
                                            OUTCOME_MALFORMED);
    assert_true(header->document.has_doctype);
    assert_true(text_is(header->id, "{1}"));
    assert_false(text_is(header->target_endpoint, "MP_PolicyManager"));
    header = parse(state, "<!DOCTYPE Msg><Msg><ID>{1}</ID></Msg>", OUTCOME_OK);
    assert_true(header->document.has_doctype);
    assert_true(text_is(header->id, "{1}"));
}

static void a_header_that_is_too_long_or_deep_is_a_limit(void **state)
{
    struct buffer part;
    buffer_init(&part, SAMPLE_MAX);
    sample_print(&part, "<Msg><ID>1</ID>");
    while (part.length < CCM_HEADER_MAX - 6)
        sample_append(&part, BYTES(" "));
    sample_print(&part, "</Msg>");
    assert_int_equal(part.length, CCM_HEADER_MAX);
    assert_true(text_is(parse_bytes(state, buffer_cursor(&part), OUTCOME_OK)->id, "1"));
    sample_append(&part, BYTES(" "));
    assert_null(parse_bytes(state, buffer_cursor(&part), OUTCOME_LIMIT)->id.at);
    buffer_reset(&part, 0);
    sample_print(&part, "<Msg><ID>1</ID>");
    for (int i = 0; i < 10000; i++)
        sample_append(&part, BYTES("<a>"));
    assert_true(text_is(parse_bytes(state, buffer_cursor(&part), OUTCOME_LIMIT)->id, "1"));
    buffer_free(&part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_found_in_any_order),
        cmocka_unit_test(every_encoding_with_and_without_mark_is_read_and_named),
        cmocka_unit_test(characters_beyond_ascii_survive),
        cmocka_unit_test(white_space_before_msg_is_accepted),
        cmocka_unit_test(an_odd_byte_at_the_end_is_told_but_the_rest_is_read),
        cmocka_unit_test(hook_properties_are_element_text_and_message_properties_attributes),
        cmocka_unit_test(the_file_type_may_be_text),
        cmocka_unit_test(unknown_hooks_are_kept_and_empty_ones_known),
        cmocka_unit_test(more_hooks_and_attachments_than_there_is_room_for_are_counted),
        cmocka_unit_test(of_two_elements_the_first_counts),
        cmocka_unit_test(ranges_are_whole_numbers_or_not_numeric),
        cmocka_unit_test(what_is_absent_is_unknown_and_what_is_empty_is_empty),
        cmocka_unit_test(what_stood_before_the_damage_is_read),
        cmocka_unit_test(another_root_is_not_a_header),
        cmocka_unit_test(a_document_type_with_entities_is_ignored_and_not_expanded),
        cmocka_unit_test(a_header_that_is_too_long_or_deep_is_a_limit),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
