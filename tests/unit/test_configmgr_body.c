/* tests/unit/test_configmgr_body.c: fields of documents: their names, values and meanings; attachments; notes. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/attachment.h"
#include "dissect/configmgr/body_internal.h"
#include "dissect/configmgr/mif.h"
#include "tests/unit/message_fixture.h"

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

struct fixture {
    struct ccm_decoder decoder;
    struct ccm_fields fields;
    struct ccm_message message;
    struct buffer body;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    assert_true(ccm_decoder_init(&fixture->decoder));
    buffer_init(&fixture->body, SAMPLE_MAX);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    ccm_decoder_free(&fixture->decoder);
    buffer_free(&fixture->body);
    free(fixture);
    return 0;
}

static const struct ccm_fields *read_fields(struct fixture *fixture, const char *xml)
{
    struct xml_document document;
    fixture->fields = (struct ccm_fields){0};
    arena_reset(&fixture->decoder.arena);
    assert_int_equal(xml_parse(text_of(xml), &fixture->decoder.arena, &document, NULL), OUTCOME_OK);
    ccm_body_fields(&fixture->decoder, &document, "body", &fixture->fields);
    ccm_fields_close(&fixture->fields);
    return &fixture->fields;
}

/* The first field with that path. */
static const struct ccm_field *field_at(const struct ccm_fields *fields, const char *path)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (text_is(fields->items[i].path, path))
            return &fields->items[i];
    }
    fail_msg("there is no field %s", path);
    return NULL;
}

static const struct ccm_field *field_named(const struct ccm_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (text_is(fields->items[i].name, name))
            return &fields->items[i];
    }
    fail_msg("there is no field named %s", name);
    return NULL;
}

static void assert_meaning(const struct ccm_field *field, const char *meaning)
{
    if (!text_is(field->meaning, meaning))
        fail_msg("%.*s means '%.*s', not '%s'", (int)field->path.length, field->path.at, (int)field->meaning.length,
                 field->meaning.at == NULL ? "" : field->meaning.at, meaning);
}

/* ---- Names and meanings ---- */

static void every_value_is_told_with_its_meaning(void **state)
{
    static const struct {
        const char *xml, *path, *value, *meaning, *certainty;
    } cases[] = {
        {"<ClientRegistrationResponse Status='1' ApprovalStatus='3'/>", "ClientRegistrationResponse@Status", "1",
         "pending: no policy or inventory yet, ask again", "known"},
        {"<ClientRegistrationResponse ApprovalStatus='3'/>", "ClientRegistrationResponse@ApprovalStatus", "3",
         "by token", "likely"},
        {"<ClientRegistrationRequest><Data><AgentInformation AgentType='4'/></Data></ClientRegistrationRequest>",
         "ClientRegistrationRequest/Data/AgentInformation@AgentType", "4", "ISV proxy: speaks for other clients",
         "known"},
        {"<ClientRegistrationRequest><Data><AgentInformation AgentType='8'/></Data></ClientRegistrationRequest>",
         "ClientRegistrationRequest/Data/AgentInformation@AgentType", "8",
         "client behind an ISV proxy: its certificate is the proxy's", "known"},
        {"<ReplyAssignments><PolicyAssignment><Policy PolicyFlags='22'/></PolicyAssignment></ReplyAssignments>",
         "ReplyAssignments/PolicyAssignment/Policy@PolicyFlags", "22",
         "2 the client must prove who it is, 4 secret: encrypted to the client, 16 keep the whole policy", "known"},
        {"<ReplyAssignments><PolicyAssignment><Policy PolicyFlags='1025'/></PolicyAssignment></ReplyAssignments>",
         "ReplyAssignments/PolicyAssignment/Policy@PolicyFlags", "1025", "1 task sequence, 1024 (no name is known)",
         "known"},
        {"<Report><ReportBody><StateMessage><State ID='10'/><Topic Type='402'/></StateMessage></ReportBody></Report>",
         "Report/ReportBody/StateMessage/State@ID", "10", "done", "likely"},
        {"<Report><ReportBody><StateMessage><State ID='10'/><Topic Type='402'/></StateMessage></ReportBody></Report>",
         "Report/ReportBody/StateMessage/Topic@Type", "402",
         "enforcement of a configuration item (2007 SDK: of an update)", "likely"},
        {"<Report><ReportHeader><ReportDetails><Date>20261122045901.979000+000</Date></ReportDetails></ReportHeader>"
         "</Report>",
         "Report/ReportHeader/ReportDetails/Date", "20261122045901.979000+000", "2026-11-22 04:59:01 UTC", "known"},
        {"<Report><ReportHeader><ReportDetails><Date>20261122045901.979000-060</Date></ReportDetails></ReportHeader>"
         "</Report>",
         "Report/ReportHeader/ReportDetails/Date", "20261122045901.979000-060",
         "2026-11-22 04:59:01, -60 minutes from UTC", "known"},
        {"<Report><ReportHeader><InventoryAction><InventoryActionID>{00000000-0000-0000-0000-000000000003}"
         "</InventoryActionID></InventoryAction></ReportHeader></Report>",
         "Report/ReportHeader/InventoryAction/InventoryActionID", "{00000000-0000-0000-0000-000000000003}",
         "discovery (DDR, heartbeat)", "known"},
        {"<Report><ReportBody><ProductInfo><SoftwareFileInfo><HistoricalMeterData Status='9'/></SoftwareFileInfo>"
         "</ProductInfo></ReportBody></Report>",
         "Report/ReportBody/ProductInfo/SoftwareFileInfo/HistoricalMeterData@Status", "9",
         "1 still running, 8 in a terminal services session", "known"},
        {"<SmsStatusMessage><Severity>1073741824</Severity></SmsStatusMessage>", "SmsStatusMessage/Severity",
         "1073741824", "information", "likely"},
        {"<RequestAssignments ACK='false'/>", "RequestAssignments@ACK", "false",
         "no acknowledgement is wanted (assignments come all the same)", "uncertain"},
        {"<MPList><MP Name='A'/><MP Name='B'/></MPList>", "MPList", "", "2 entries: 2 MP", "known"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ccm_field *field = field_at(read_fields(*state, cases[i].xml), cases[i].path);
        assert_true(field->value.at == NULL ? cases[i].value[0] == '\0' : text_is(field->value, cases[i].value));
        assert_meaning(field, cases[i].meaning);
        assert_string_equal(field->certainty, cases[i].certainty);
        assert_non_null(field->about);
    }
}

static void what_is_not_known_is_listed_with_its_place(void **state)
{
    const struct ccm_fields *fields = read_fields(*state, "<Nobody a='1'><Knows>this</Knows></Nobody>");
    assert_int_equal(fields->count, 3);
    assert_true(text_is(fields->items[0].path, "Nobody"));
    assert_int_equal(fields->items[0].parent, 0);
    assert_true(text_is(fields->items[1].path, "Nobody@a"));
    assert_true(text_is(fields->items[1].value, "1"));
    assert_true(text_is(fields->items[2].path, "Nobody/Knows"));
    assert_true(text_is(fields->items[2].value, "this"));
    assert_int_equal(fields->items[2].parent, 1);
    assert_int_equal(fields->items[2].depth, 1);
    for (size_t i = 0; i < fields->count; i++) {
        assert_string_equal(fields->items[i].certainty, "unknown");
        assert_null(fields->items[i].about);
    }
}

static void a_property_is_one_field_however_its_value_is_written(void **state)
{
    const struct ccm_fields *fields =
        read_fields(*state, "<ClientRegistrationRequest><Data><DiscoveryProperties><Property Name='Locale ID' "
                            "Value='1033'/></DiscoveryProperties></Data></ClientRegistrationRequest>");
    const struct ccm_field *field = field_named(fields, "Locale ID");
    assert_true(text_is(field->value, "1033"));
    assert_meaning(field, "English (United States)");
    assert_int_equal(fields->count, 4);
    fields = read_fields(*state, "<Msg><Hooks><Hook2 Name='clientauth'><Property Name='HashAlgorithm'>"
                                 "1.2.840.113549.1.1.5</Property></Hook2></Hooks></Msg>");
    assert_meaning(field_named(fields, "HashAlgorithm"), "SHA-1 with RSA");
}

static void classes_of_an_inventory_are_counted(void **state)
{
    const struct ccm_fields *fields =
        read_fields(*state, "<Report><ReportBody><Instance Class='A'><A><P>1</P></A></Instance><Instance Class='B'/>"
                            "<Instance Class='A'/></ReportBody></Report>");
    assert_meaning(field_at(fields, "Report/ReportBody"), "3 entries: 2 A, 1 B");
    assert_string_equal(field_at(fields, "Report/ReportBody/Instance/A/P")->about, "property of that class");
}

static void a_document_inside_a_text_is_opened(void **state)
{
    const struct ccm_fields *fields =
        read_fields(*state, "<Report><ReportBody><StateMessage><StateDetails Type='1'><![CDATA[<D a='7'/>]]>"
                            "</StateDetails></StateMessage></ReportBody></Report>");
    assert_true(text_is(field_at(fields, "Report/ReportBody/StateMessage/StateDetails/D@a")->value, "7"));
    assert_int_equal(fields->nested, 1);
}

static void a_compressed_policy_is_opened(void **state)
{
    struct fixture *fixture = *state;
    struct buffer plain, packed;
    buffer_init(&plain, SAMPLE_MAX);
    buffer_init(&packed, SAMPLE_MAX);
    sample_append(&plain, cursor_of("\xFF\xFE", 2));
    sample_wide(&plain, "<Policy PolicyID='{2}'/>");
    sample_zlib(&packed, buffer_cursor(&plain));
    struct arena arena;
    arena_init(&arena, 65536);
    struct text hex = text_hex(&arena, buffer_cursor(&packed));
    struct text xml = text_format(&arena, "<PolicyXML Compression='zlib'>%.*s</PolicyXML>", (int)hex.length, hex.at);
    assert_true(text_is(field_at(read_fields(fixture, xml.at), "PolicyXML/Policy@PolicyID")->value, "{2}"));
    arena_free(&arena);
    buffer_free(&plain);
    buffer_free(&packed);
}

/* wire.md 7.2: collection settings are the hex of a zlib stream of UTF-16 XML. */
static void collection_settings_are_a_layer_whose_values_are_hidden(void **state)
{
    struct fixture *fixture = *state;
    struct buffer plain, packed;
    buffer_init(&plain, SAMPLE_MAX);
    buffer_init(&packed, SAMPLE_MAX);
    sample_append(&plain, cursor_of("\xFF\xFE", 2));
    sample_wide(
        &plain,
        "<Settings><instance class='CCM_CollectionVariable'><property name='Name'><value>Site</value></property>"
        "<property name='Value'><value>joinpassword</value></property></instance></Settings>");
    sample_zlib(&packed, buffer_cursor(&plain));
    struct arena arena;
    arena_init(&arena, 65536);
    struct text hex = text_hex(&arena, buffer_cursor(&packed));
    struct text xml =
        text_format(&arena, "<Policy><CollectionSettings>%.*s</CollectionSettings></Policy>", (int)hex.length, hex.at);
    for (int show = 0; show < 2; show++) {
        fixture->decoder.show_secrets = show;
        const struct ccm_fields *fields = read_fields(fixture, xml.at);
        size_t hidden = 0, shown = 0;
        for (size_t i = 0; i < fields->count; i++) {
            hidden += fields->items[i].kind == CCM_FIELD_SECRET && fields->items[i].value.at == NULL;
            shown += text_is(fields->items[i].value, "joinpassword");
        }
        assert_int_equal(hidden, show ? 0 : 1);
        assert_int_equal(shown, show ? 1 : 0);
        assert_int_equal(fields->streams, 1);
    }
    fixture->decoder.show_secrets = false;
    arena_free(&arena);
    buffer_free(&plain);
    buffer_free(&packed);
}

/* wire.md 11.1, as a value of a policy. */
static void an_obfuscated_value_is_readable_for_who_wants_to_see_it(void **state)
{
    struct fixture *fixture = *state;
    static const char xml[] =
        "<Policy><property name='NetworkAccessUsername' secret='1'><value>"
        "89130000703994099597edb7733621248D4f9d474995679d1b487564356e34e63fee0855f34044f494e49a7b14000000200000002800"
        "0000036600000000000015893849fa928387d5c783fa23676ed8da6ab4275a31d653f3f5db6df860521b9b33ab0cf12669f1"
        "</value></property></Policy>";
    fixture->decoder.show_secrets = true;
    assert_meaning(field_at(read_fields(fixture, xml), "Policy/property/value"), "LAB\\canyouseeme");
    fixture->decoder.show_secrets = false;
    assert_null(field_at(read_fields(fixture, xml), "Policy/property/value")->value.at);
}

static void a_script_in_base64_is_opened(void **state)
{
    /* base64 of <ScriptContent ScriptGuid="x"><ScriptType>0</ScriptType></ScriptContent> */
    const struct ccm_fields *fields = read_fields(
        *state,
        "<BgbTask><TaskType>15</TaskType><TaskParam>PFNjcmlwdENvbnRlbnQgU2NyaXB0R3VpZD0ieCI+PFNjcmlwdFR5cGU+MDwvU2"
        "NyaXB0VHlwZT48L1NjcmlwdENvbnRlbnQ+</TaskParam></BgbTask>");
    assert_meaning(field_at(fields, "BgbTask/TaskType"), "run a script");
    assert_true(text_is(field_at(fields, "BgbTask/TaskParam/ScriptContent@ScriptGuid")->value, "x"));
}

/* ---- Secrets, long values, limits ---- */

#define OBFUSCATED                                                                                                     \
    "89130000703994099597edb7733621248D4f9d474995679d1b487564356e34e63fee0855f34044f494e49a7b140000002000000028000000" \
    "036600000000000015893849fa928387"

static void secrets_are_never_values(void **state)
{
    static const char *const documents[] = {
        "<Policy><PolicyRule><PolicyAction><instance class='CCM_NetworkAccessAccount'><property name='X' secret='1'>"
        "<value>hidden</value></property></instance></PolicyAction></PolicyRule></Policy>",
        "<Policy><PolicyRule><PolicyAction><instance><property name='NetworkAccessPassword'><value>hidden</value>"
        "</property></instance></PolicyAction></PolicyRule></Policy>",
        "<Nobody><value>" OBFUSCATED "</value></Nobody>",
        "<Nobody a='" OBFUSCATED "'/>",
        "<TokenServicesReply><Token>hidden</Token></TokenServicesReply>",
    };
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        const struct ccm_fields *fields = read_fields(*state, documents[i]);
        size_t at, secrets = 0;
        for (size_t j = 0; j < fields->count; j++) {
            assert_false(text_find_like(fields->items[j].value, "hidden", &at));
            assert_false(text_find_like(fields->items[j].value, "891300", &at));
            secrets += fields->items[j].kind == CCM_FIELD_SECRET;
        }
        assert_int_equal(secrets, 1);
    }
}

static void long_values_are_cut_and_their_length_kept(void **state)
{
    char xml[4096], digits[513];
    memset(digits, 'A', 512);
    digits[512] = '\0';
    snprintf(xml, sizeof xml, "<X><Hex>%s</Hex><Text>%s%s%sz</Text></X>", digits, digits, digits, digits);
    const struct ccm_fields *fields = read_fields(*state, xml);
    assert_int_equal(field_at(fields, "X/Hex")->value.length, CCM_FIELD_BLOB_SHOWN);
    assert_int_equal(field_at(fields, "X/Hex")->bytes, 512);
    assert_meaning(field_at(fields, "X/Hex"), "256 bytes");
    assert_int_equal(field_at(fields, "X/Text")->value.length, CCM_FIELD_VALUE_MAX);
    assert_int_equal(field_at(fields, "X/Text")->bytes, 3 * 512 + 1);
}

static void too_many_fields_end_with_a_field_that_says_so(void **state)
{
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_print(&xml, "<X>");
    for (size_t i = 0; i < CCM_FIELDS_MAX + 10; i++)
        sample_print(&xml, "<Y/>");
    sample_print(&xml, "</X>");
    sample_append(&xml, cursor_of("", 1));
    const struct ccm_fields *fields = read_fields(*state, (const char *)xml.bytes);
    assert_true(fields->cut);
    assert_int_equal(fields->count, CCM_FIELDS_MAX + 1);
    assert_true(text_is(fields->items[CCM_FIELDS_MAX].name, "..."));
    buffer_free(&xml);
}

/* ---- The definitions themselves ---- */

static void definitions_are_clear_and_can_be_reached(void **state)
{
    static const struct {
        const char *root, *path, *about;
    } fields[] = {
#define ROOT(root, certainty, about)
#define FIELD(root, path, kind, names, certainty, about) {root, path, about},
#define PROPERTY_VALUE(name, kind, names)
#include "dissect/configmgr/body.def"
#undef ROOT
#undef FIELD
#undef PROPERTY_VALUE
    };
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        assert_true(strlen(fields[i].about) > 2);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(fields[i].path, fields[j].path) == 0 &&
                (strcmp(fields[i].root, fields[j].root) == 0 || fields[j].root[0] == '*'))
                fail_msg("%s of %s is hidden by a line above", fields[i].path, fields[i].root);
        }
        assert_true(fields[i].root[0] == '*' || ccm_body_about(text_of(fields[i].root)) != NULL);
    }
}

/* ---- IDMIF ---- */

static void a_mif_file_is_outlined(void **state)
{
    struct fixture *fixture = *state;
    static const char mif[] = "//Architecture<Printer>\r\n//UniqueID<P=1>\r\nStart Component\r\n  Name = \"a = b\"\r\n"
                              "  Start Group\r\n    Class = \"x|y|1\"\r\n  End Group\r\nEnd Component\r\n";
    assert_true(ccm_mif_recognise(text_of(mif)));
    assert_false(ccm_mif_recognise(TEXT("// a comment")));
    ccm_mif_fields(&fixture->decoder, text_of(mif), "attachment 1", &fixture->fields);
    const struct ccm_fields *fields = &fixture->fields;
    assert_true(text_is(field_named(fields, "Architecture")->value, "Printer"));
    assert_true(text_is(field_named(fields, "UniqueID")->value, "P=1"));
    assert_true(text_is(field_named(fields, "Name")->value, "a = b"));
    assert_int_equal(field_named(fields, "Name")->depth, 1);
    assert_int_equal(field_named(fields, "Class")->depth, 2);
    assert_int_equal(fields->count, 6);
}

static void a_long_value_of_a_mif_file_is_cut_after_it_was_cleaned(void **state)
{
    struct fixture *fixture = *state;
    char mif[CCM_FIELD_VALUE_MAX + 100] = "Name = \x80";
    size_t start = strlen(mif);
    memset(mif + start, 'x', sizeof mif - start);
    ccm_mif_fields(&fixture->decoder, (struct text){mif, sizeof mif}, "attachment 1", &fixture->fields);
    const struct ccm_field *field = field_named(&fixture->fields, "Name");
    assert_int_equal(field->value.length, CCM_FIELD_VALUE_MAX);
    assert_memory_equal(field->value.at, "\xEF\xBF\xBDx", 4);
    assert_int_equal(field->bytes, sizeof mif - start + 1);
}

/* ---- Attachments and notes ---- */

static bool has_note(const struct ccm_message *message, const char *word)
{
    for (size_t i = 0; i < message->note_count; i++) {
        if (strstr(message->notes[i], word) != NULL)
            return true;
    }
    return false;
}

static const struct ccm_message *decode(struct fixture *fixture, const struct sample *sample)
{
    buffer_reset(&fixture->body, SAMPLE_MAX);
    sample_build(sample, &fixture->body);
    struct ccm_source source = {
        .body = buffer_cursor(&fixture->body), .content_type = TEXT(SAMPLE_TYPE), .endpoint = TEXT_NULL};
    ccm_message_decode(&fixture->decoder, &source, NEED_PAYLOAD | NEED_FIELD, &fixture->message);
    return &fixture->message;
}

#define HEAD_REPORT "<Report><ReportBody/></Report>" /* 62 bytes in UTF-16 with its terminator */
#define FULL_REPORT "<Report><ReportBody><Instance Class='A'/></ReportBody></Report>"

/* A payload of two reports, compressed; the header says where they are. */
static const struct ccm_message *decode_two(struct fixture *fixture, const char *range, const char *children)
{
    struct buffer plain, packed;
    buffer_init(&plain, SAMPLE_MAX);
    buffer_init(&packed, SAMPLE_MAX);
    sample_wide(&plain, HEAD_REPORT);
    sample_append(&plain, cursor_of("\0\0", 2));
    sample_wide(&plain, FULL_REPORT);
    sample_append(&plain, cursor_of("\0\0\r\n", 4));
    sample_zlib(&packed, buffer_cursor(&plain));
    struct sample sample = {.endpoint = "MP_DdrEndpoint",
                            .range = range,
                            .children = children,
                            .payload = buffer_cursor(&packed),
                            .hooks = "<Hook3 Name=\"zlib-compress\"/>"};
    const struct ccm_message *message = decode(fixture, &sample);
    buffer_free(&plain);
    buffer_free(&packed);
    return message;
}

static void an_attachment_that_is_listed_twice_is_read_once(void **state)
{
    const struct ccm_message *message =
        decode_two(*state, "<Body Type=\"ByteRange\" Offset=\"0\" Length=\"62\"/>",
                   "<Attachment Type=\"ByteRange\" Name=\"r\" Offset=\"0\" Length=\"126\"/>"
                   "<Attachment Name=\"r\" Offset=\"62\" Length=\"126\"/>");
    assert_null(message->malformed.at);
    assert_int_equal(message->attachments.count, 2);
    assert_int_equal(message->attachments.items[0].kind, CCM_ATTACHMENT_REPEATED);
    assert_int_equal(message->attachments.items[1].kind, CCM_ATTACHMENT_XML);
    assert_true(text_is(message->attachments.items[1].text, FULL_REPORT));
    assert_true(has_note(message, "listed twice"));
    assert_true(has_note(message, "CR LF stands behind"));
}

static void a_body_behind_its_attachment_is_found(void **state)
{
    const struct ccm_message *message =
        decode_two(*state, "<Body Type=\"ByteRange\" Offset=\"62\" Length=\"128\"/>",
                   "<Attachment Type=\"ByteRange\" Name=\"r\" Offset=\"0\" Length=\"60\"/>"
                   "<Attachment Offset=\"62\" Length=\"126\"/>");
    assert_true(text_is(message->body, FULL_REPORT));
    assert_true(text_is(message->attachments.items[0].text, HEAD_REPORT));
    assert_int_equal(message->attachments.items[1].kind, CCM_ATTACHMENT_BODY);
    assert_true(has_note(message, "does not stand at the start"));
    assert_true(has_note(message, "has no name"));
    assert_true(has_note(message, "listed as an attachment too"));
}

static void attachments_outside_of_the_payload_are_told(void **state)
{
    const struct ccm_message *message = decode_two(
        *state, "<Body Type=\"ByteRange\" Offset=\"0\" Length=\"62\"/>",
        "<Attachment Name=\"a\" Offset=\"18446744073709551615\" Length=\"18446744073709551615\"/>"
        "<Attachment Name=\"b\" Offset=\"-1\" Length=\"x\"/><Attachment Name=\"c\" Offset=\"60\" Length=\"9999\"/>");
    assert_int_equal(message->attachments.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(message->attachments.items[i].kind, CCM_ATTACHMENT_OUTSIDE);
        assert_non_null(message->attachments.items[i].problem);
    }
}

static void more_attachments_than_are_looked_at_are_counted(void **state)
{
    struct buffer children;
    buffer_init(&children, SAMPLE_MAX);
    for (size_t i = 0; i < 1000; i++)
        sample_print(&children, "<Attachment Offset=\"0\" Length=\"62\"/>");
    sample_append(&children, cursor_of("", 1));
    const struct ccm_message *message = decode_two(*state, "", (const char *)children.bytes);
    assert_int_equal(message->header.attachment_count, 1000);
    assert_int_equal(message->attachments.count, CCM_RANGES_MAX);
    assert_true(has_note(message, "more attachments"));
    buffer_free(&children);
}

/* Each peculiarity of the header has its note. */
static void quirks_are_named(void **state)
{
    static const struct {
        struct sample sample;
        const char *note;
    } cases[] = {
        {{.source_id = "GUID:{11111111-2222-3333-4444-555555555555}"}, "has braces"},
        {{.source_id = "11111111-2222-3333-4444-555555555555"}, "without GUID:"},
        {{.children = "<ReplyMode>ASync</ReplyMode>"}, "ASync"},
        {{.children = "<SentTime>20261122045901.000000+000</SentTime>"}, "form of WMI"},
        {{.children = "<TargetHost>http://mp</TargetHost>"}, "is a URL"},
        {{.source_id = VECTOR_CLIENT, .sign = true, .hash = "sha1"}, "means SHA-1"},
        {{.properties = "<Property Name=\"Token\">ClientToken:{1};t</Property>"}, "token has braces"},
        {{.body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Report/>"}, "says utf-8"},
        {{.body = "<?xml version=\"1.0\" encoding=\"utf-16\"?><Report/>"}, "says utf-16"},
        {{.no_zlib_hook = true}, "no hook says so"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample sample = cases[i].sample;
        sample.endpoint = "MP_RelayEndpoint";
        sample.body = sample.body == NULL ? "<Report/>" : sample.body;
        const struct ccm_message *message = decode(*state, &sample);
        if (!has_note(message, cases[i].note))
            fail_msg("there is no note '%s'", cases[i].note);
        assert_null(message->malformed.at);
    }
}

static void zero_padding_is_named(void **state)
{
    struct buffer plain;
    buffer_init(&plain, SAMPLE_MAX);
    sample_wide(&plain, HEAD_REPORT);
    sample_append(&plain, cursor_of("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
    struct sample sample = {.endpoint = "MP_PolicyManager",
                            .payload = buffer_cursor(&plain),
                            .range = "<Body Type=\"ByteRange\" Offset=\"0\" Length=\"62\"/>"};
    const struct ccm_message *message = decode(*state, &sample);
    assert_true(has_note(message, "padded with zero bytes"));
    assert_null(message->malformed.at);
    buffer_free(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_value_is_told_with_its_meaning),
        TEST(what_is_not_known_is_listed_with_its_place),
        TEST(a_property_is_one_field_however_its_value_is_written),
        TEST(classes_of_an_inventory_are_counted),
        TEST(a_document_inside_a_text_is_opened),
        TEST(a_compressed_policy_is_opened),
        TEST(collection_settings_are_a_layer_whose_values_are_hidden),
        TEST(an_obfuscated_value_is_readable_for_who_wants_to_see_it),
        TEST(a_script_in_base64_is_opened),
        TEST(secrets_are_never_values),
        TEST(long_values_are_cut_and_their_length_kept),
        TEST(too_many_fields_end_with_a_field_that_says_so),
        TEST(definitions_are_clear_and_can_be_reached),
        TEST(a_mif_file_is_outlined),
        TEST(a_long_value_of_a_mif_file_is_cut_after_it_was_cleaned),
        TEST(an_attachment_that_is_listed_twice_is_read_once),
        TEST(a_body_behind_its_attachment_is_found),
        TEST(attachments_outside_of_the_payload_are_told),
        TEST(more_attachments_than_are_looked_at_are_counted),
        TEST(quirks_are_named),
        TEST(zero_padding_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
