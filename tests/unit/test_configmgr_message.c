/* tests/unit/test_configmgr_message.c: messages are decoded to what was put into them, as far as it is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/decoder_fixture.h"

#define BYTES(literal) cursor_of((literal), sizeof(literal) - 1)
#define LOCATION "<SiteInformationRequest SchemaVersion=\"1.00\"><SiteCode Name=\"PRI\"/></SiteInformationRequest>"
#define POLICY "<RequestAssignments SchemaVersion=\"1.00\"/>"

static const struct ccm_message *decode_bytes(struct fixture *fixture, struct cursor body, unsigned needs)
{
    fixture->source.body = body;
    ccm_message_decode(&fixture->decoder, &fixture->source, needs, &fixture->message);
    return &fixture->message;
}

static const struct ccm_message *decode(struct fixture *fixture, const struct sample *sample, unsigned needs)
{
    buffer_reset(&fixture->body, SAMPLE_MAX);
    sample_build(sample, &fixture->body);
    return decode_bytes(fixture, buffer_cursor(&fixture->body), needs);
}

static void assert_reason(const struct ccm_message *message, const char *word)
{
    size_t at;
    assert_non_null(message->malformed.at);
    assert_true(text_find_like(message->malformed, word, &at));
}

static bool has_note(const struct ccm_message *message, const char *word)
{
    for (size_t i = 0; i < message->note_count; i++) {
        if (strstr(message->notes[i], word) != NULL)
            return true;
    }
    return false;
}

/* ---- Good messages ---- */

static void a_signed_compressed_message_is_decoded_to_its_root(void **state)
{
    struct sample sample = {.endpoint = "MP_PolicyManager",
                            .source_id = VECTOR_CLIENT,
                            .body = POLICY,
                            .sign = true,
                            .properties = "<Property Name=\"HashAlgorithm\">1.2.840.113549.1.1.11</Property>"
                                          "<Property Name=\"ClientCapabilities\">NonSSL</Property>"};
    const struct ccm_message *message = decode(*state, &sample, NEED_EVERYTHING);
    assert_null(message->malformed.at);
    assert_true(text_is(message->endpoint_name, "MP_PolicyManager"));
    assert_string_equal(message->endpoint->name, "MP_PolicyManager");
    assert_int_equal(message->payload_kind, CCM_PAYLOAD_ZLIB);
    assert_true(message->compressed);
    assert_false(message->encrypted);
    assert_true(message->is_signed);
    assert_true(message->has_plain);
    assert_int_equal(message->plain.left, 2 * (sizeof POLICY - 1) + 2);
    assert_true(text_is(message->body, POLICY));
    assert_true(text_is(message->root, "RequestAssignments"));
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_VALID);
    assert_string_equal(message->payload_signature.key_source, "header");
    assert_int_equal(message->client_id_signature.state, CCM_SIGNATURE_VALID);
    assert_int_equal(message->token_signature.state, CCM_SIGNATURE_ABSENT);
    assert_true(text_is(message->client_capabilities, "NonSSL"));
    assert_true(text_is(message->hash_algorithm, "1.2.840.113549.1.1.11"));
    assert_int_equal(message->note_count, 0);
}

/* wire.md 12.1: public tools send the same id each time. */
static void a_constant_id_is_noted(void **state)
{
    struct sample sample = {
        .id = "{041A35B4-DCEE-4F64-A978-D4D489F47D28}", .endpoint = "MP_PolicyManager", .body = POLICY};
    const struct ccm_message *message = decode(*state, &sample, NEED_PAYLOAD);
    assert_null(message->malformed.at);
    assert_true(has_note(message, "constant of public tools"));
}

static void an_unsigned_plain_message_is_decoded(void **state)
{
    struct sample sample = {.endpoint = "MP_LocationManager", .body = LOCATION, .plain = true};
    const struct ccm_message *message = decode(*state, &sample, NEED_EVERYTHING);
    assert_null(message->malformed.at);
    assert_int_equal(message->payload_kind, CCM_PAYLOAD_TEXT);
    assert_false(message->compressed || message->encrypted || message->is_signed);
    assert_true(text_is(message->body, LOCATION));
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_ABSENT);
    assert_int_equal(message->client_id_signature.state, CCM_SIGNATURE_ABSENT);
}

static void bytes_behind_the_body_are_not_part_of_it(void **state)
{
    struct fixture *fixture = *state; /* wire.md 4.2: 0D 0A behind the terminator, outside Body Length; 2.3: zeros */
    static const struct {
        const char *tail;
        size_t length;
    } tails[] = {{"\r\n", 2}, {"\r\0\n\0\0\0\0", 7}, {"", 0}};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        struct buffer plain, payload;
        buffer_init(&plain, SAMPLE_MAX);
        buffer_init(&payload, SAMPLE_MAX);
        sample_wide(&plain, POLICY);
        sample_append(&plain, cursor_of("\0", 2));
        sample_append(&plain, cursor_of(tails[i].tail, tails[i].length));
        sample_zlib(&payload, buffer_cursor(&plain));
        char range[100];
        snprintf(range, sizeof range, "<Body Type=\"ByteRange\" Offset=\"0\" Length=\"%zu\"/>",
                 plain.length - tails[i].length);
        struct sample sample = {.endpoint = "MP_PolicyManager",
                                .range = range,
                                .payload = buffer_cursor(&payload),
                                .hooks = "<Hook3 Name=\"zlib-compress\"/>"};
        const struct ccm_message *message = decode(fixture, &sample, NEED_EVERYTHING);
        assert_null(message->malformed.at);
        assert_int_equal(message->plain.left, plain.length);
        assert_int_equal(message->body_bytes.left, plain.length - tails[i].length);
        assert_true(text_is(message->body, POLICY));
        buffer_free(&plain);
        buffer_free(&payload);
    }
}

static void the_boundary_is_found_without_a_content_type(void **state)
{
    struct fixture *fixture = *state;
    fixture->source.content_type = TEXT_NULL;
    struct sample sample = {.endpoint = "MP_LocationManager", .body = LOCATION};
    const struct ccm_message *message = decode(fixture, &sample, NEED_PAYLOAD);
    assert_null(message->malformed.at);
    assert_true(text_is(message->root, "SiteInformationRequest"));
}

/* wire.md 2.3: any boundary, Content-Disposition, Body Length 728 that does not match, padding. */
static void the_form_of_boot_media_is_decoded_and_its_lie_told(void **state)
{
    struct fixture *fixture = *state;
    fixture->source.content_type = TEXT("multipart/mixed; boundary=0123456789abcdef0123456789abcdef");
    struct buffer *body = &fixture->body;
    sample_print(body, "--0123456789abcdef0123456789abcdef\r\nContent-Disposition: form-data; name=\"Msg\"\r\n"
                       "Content-Type: text/plain; charset=UTF-16\r\n\r\n");
    sample_append(body, BYTES("\xFF\xFE"));
    sample_wide(body, "<Msg><ID/><SourceID>11111111-2222-3333-4444-555555555555</SourceID><ReplyTo>direct:OSD</ReplyTo>"
                      "<Body Type=\"ByteRange\" Offset=\"0\" Length=\"728\"/><Hooks><Hook2 Name=\"clientauth\">"
                      "<Property Name=\"Token\"><![CDATA[ClientToken:" VECTOR_TOKEN
                      "\r\nClientTokenSignature:" VECTOR_TOKEN_SIGNATURE
                      "\r\n]]></Property></Hook2></Hooks><Payload Type=\"inline\"/>"
                      "<TargetEndpoint>MP_PolicyManager</TargetEndpoint></Msg>");
    sample_print(body, "\r\n--0123456789abcdef0123456789abcdef\r\n"
                       "Content-Disposition: form-data; name=\"RequestAssignments\"\r\n\r\n");
    sample_wide(body, POLICY "\r\n");
    sample_append(body, BYTES("\0\0\0"));
    sample_print(body, "\r\n--0123456789abcdef0123456789abcdef--\r\n");
    const struct ccm_message *message = decode_bytes(fixture, buffer_cursor(body), NEED_EVERYTHING);
    assert_true(text_is(message->root, "RequestAssignments"));
    assert_null(message->malformed.at); /* servers ignore it */
    assert_true(has_note(message, "Body Length does not fit"));
    assert_true(has_note(message, "id is empty"));
    assert_true(has_note(message, "without GUID:"));
    assert_true(has_note(message, "like those of a form"));
    assert_int_equal(message->token_signature.state, CCM_SIGNATURE_NOKEY); /* there, but whose key is it? */
    assert_false(message->is_signed);
}

/* ---- What is asked for ---- */

static void nothing_is_inflated_unless_something_asks(void **state)
{
    static const struct {
        unsigned needs;
        const char *endpoint;
        bool reply;
        const char *body;
        bool inflated;
    } cases[] = {
        {NEED_NOTHING, "MP_PolicyManager", false, POLICY, false},
        {NEED_SIGNATURE, "MP_PolicyManager", false, POLICY, false},
        {NEED_PAYLOAD, "MP_PolicyManager", false, POLICY, true},
        {NEED_BODY, "MP_PolicyManager", false, POLICY, true},
        {NEED_FINDING, "MP_PolicyManager", false, POLICY, true},
        {NEED_REGISTRATION, "MP_PolicyManager", false, POLICY, false},
        {NEED_REGISTRATION, "MP_ClientRegistration", false, "<ClientRegistrationRequest/>", true},
        {NEED_REGISTRATION, "MP_ClientRegistration", true, "<ClientRegistrationResponse/>", true},
        {NEED_REGISTRATION | NEED_SIGNATURE, "MP_LocationManager", false, LOCATION, false},
        {NEED_POLICY, "MP_PolicyManager", false, POLICY, false}, /* the request names no policy */
        {NEED_POLICY, "MP_PolicyManager", true, "<ReplyAssignments/>", true},
        {NEED_POLICY, "MP_ClientRegistration", true, "<ClientRegistrationResponse/>", false},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample sample = {.endpoint = cases[i].reply ? NULL : cases[i].endpoint,
                                .body = cases[i].body,
                                .source_id = VECTOR_CLIENT,
                                .sign = true};
        fixture->source.reply = cases[i].reply;
        fixture->source.endpoint = cases[i].reply ? text_of(cases[i].endpoint) : TEXT_NULL;
        uint64_t before = fixture->decoder.inflated;
        const struct ccm_message *message = decode(fixture, &sample, cases[i].needs);
        assert_int_equal(fixture->decoder.inflated - before, cases[i].inflated);
        assert_int_equal(message->has_plain, cases[i].inflated);
        assert_null(message->malformed.at);
        bool verifies = cases[i].needs & (NEED_SIGNATURE | NEED_FINDING);
        assert_int_equal(message->payload_signature.state, verifies ? CCM_SIGNATURE_VALID : CCM_SIGNATURE_ABSENT);
        assert_true(message->is_signed); /* comes with the envelope */
        assert_true(text_is(message->header.id, SAMPLE_ID));
    }
}

/* ---- Signatures of messages ---- */

static void one_changed_byte_of_the_payload_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {
        .endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true, .plain = true};
    decode(fixture, &sample, NEED_SIGNATURE);
    size_t start = (size_t)(fixture->message.payload_part.at - fixture->body.bytes);
    for (size_t i = 0; i < fixture->message.payload_part.left; i += 7) {
        fixture->body.bytes[start + i] ^= 1;
        const struct ccm_message *message = decode_bytes(fixture, buffer_cursor(&fixture->body), NEED_SIGNATURE);
        assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_INVALID);
        assert_int_equal(message->client_id_signature.state, CCM_SIGNATURE_VALID);
        fixture->body.bytes[start + i] ^= 1;
    }
}

static void a_claim_to_another_identity_is_noticed(void **state)
{
    struct fixture *fixture = *state; /* the signature of VECTOR_CLIENT with the id of somebody else */
    struct sample sample = {.endpoint = "MP_PolicyManager",
                            .source_id = "GUID:99999999-2222-3333-4444-555555555555",
                            .body = POLICY,
                            .properties = "<Property Name=\"PublicKey\">" VECTOR_PUBLIC_KEY "</Property>"
                                          "<Property Name=\"ClientIDSignature\">" VECTOR_SHA256 "</Property>"};
    assert_int_equal(decode(fixture, &sample, NEED_SIGNATURE)->client_id_signature.state, CCM_SIGNATURE_INVALID);
    sample.source_id = VECTOR_CLIENT;
    assert_int_equal(decode(fixture, &sample, NEED_SIGNATURE)->client_id_signature.state, CCM_SIGNATURE_VALID);
    sample.source_id = NULL;
    assert_int_equal(decode(fixture, &sample, NEED_SIGNATURE)->client_id_signature.state, CCM_SIGNATURE_UNSUPPORTED);
}

static void a_key_that_is_not_in_the_message_may_be_registered(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {
        .endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true, .no_key = true};
    assert_int_equal(decode(fixture, &sample, NEED_SIGNATURE)->payload_signature.state, CCM_SIGNATURE_NOKEY);
    struct buffer blob;
    buffer_init(&blob, SAMPLE_MAX);
    sample_hex(&blob, VECTOR_PUBLIC_KEY);
    const struct ccm_key *key = ccm_keys_blob(fixture->decoder.keys, buffer_cursor(&blob));
    assert_true(ccm_keys_register(fixture->decoder.keys, TEXT(VECTOR_CLIENT), key));
    buffer_free(&blob);
    const struct ccm_message *message = decode(fixture, &sample, NEED_SIGNATURE);
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_VALID);
    assert_string_equal(message->payload_signature.key_source, "registration");
}

static void a_weaker_hash_than_the_header_names_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = "MP_PolicyManager",
                            .source_id = VECTOR_CLIENT,
                            .body = POLICY,
                            .sign = true,
                            .hash = "sha1",
                            .properties = "<Property Name=\"HashAlgorithm\">1.2.840.113549.1.1.11</Property>"};
    const struct ccm_message *message = decode(fixture, &sample, NEED_SIGNATURE);
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_INVALID);
    assert_int_equal(message->client_id_signature.state, CCM_SIGNATURE_INVALID);
    sample.properties = NULL; /* 2007: SHA-1 and no HashAlgorithm (wire.md 3.3) */
    assert_int_equal(decode(fixture, &sample, NEED_SIGNATURE)->payload_signature.state, CCM_SIGNATURE_VALID);
    sample.properties = "<Property Name=\"HashAlgorithm\">1.2.840.113549.1.1.5</Property>";
    sample.hash = "sha256"; /* stronger than named: fine */
    assert_int_equal(decode(fixture, &sample, NEED_SIGNATURE)->payload_signature.state, CCM_SIGNATURE_VALID);
}

static void what_is_missing_is_never_called_invalid_or_absent(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    fixture->source.missing = CCM_MISSING_BYTES;
    const struct ccm_message *message = decode(fixture, &sample, NEED_EVERYTHING);
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_UNSUPPORTED);
    assert_int_equal(message->client_id_signature.state, CCM_SIGNATURE_VALID); /* the header is whole */
    assert_reason(message, "missing");
    struct cursor cut = {fixture->body.bytes, 400}; /* in the middle of the header */
    message = decode_bytes(fixture, cut, NEED_EVERYTHING);
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_UNSUPPORTED);
    assert_int_equal(message->client_id_signature.state, CCM_SIGNATURE_UNSUPPORTED);
    assert_int_equal(message->token_signature.state, CCM_SIGNATURE_UNSUPPORTED);
    assert_true(text_is(message->header.id, SAMPLE_ID));
}

/* ---- Encryption ---- */

static void an_envelope_is_recognised_and_its_signature_not_judged(void **state)
{
    struct fixture *fixture = *state;
    struct buffer envelope;
    buffer_init(&envelope, SAMPLE_MAX);
    sample_hex(&envelope, VECTOR_CMS_DES3);
    struct sample sample = {.endpoint = "MP_HinvEndpoint",
                            .source_id = VECTOR_CLIENT,
                            .payload = buffer_cursor(&envelope),
                            .hooks = "<Hook2 Name=\"encrypt\"/><Hook3 Name=\"zlib-compress\"/>",
                            .properties = "<Property Name=\"PayloadSignature\">" VECTOR_SHA256 "</Property>"
                                          "<Property Name=\"PublicKey\">" VECTOR_PUBLIC_KEY "</Property>"};
    const struct ccm_message *message = decode(fixture, &sample, NEED_EVERYTHING);
    assert_null(message->malformed.at);
    assert_int_equal(message->payload_kind, CCM_PAYLOAD_CMS);
    assert_true(message->encrypted && message->compressed && message->is_signed);
    assert_false(message->has_plain);
    assert_true(text_is(message->cipher, "3des-cbc"));
    assert_null(message->body.at);
    assert_null(message->root.at);
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_UNSUPPORTED);
    assert_int_equal(fixture->decoder.inflated, 0);
    sample.properties = NULL; /* but a signature over the envelope itself is seen to be valid */
    sample.sign = true;
    assert_int_equal(decode(fixture, &sample, NEED_EVERYTHING)->payload_signature.state, CCM_SIGNATURE_VALID);
    buffer_free(&envelope);
}

static void an_envelope_without_hook_and_a_hook_without_envelope_are_encrypted(void **state)
{
    struct fixture *fixture = *state;
    struct buffer envelope;
    buffer_init(&envelope, SAMPLE_MAX);
    sample_hex(&envelope, VECTOR_CMS_AES256);
    struct sample sample = {.endpoint = "MP_HinvEndpoint", .payload = buffer_cursor(&envelope)};
    const struct ccm_message *message = decode(fixture, &sample, NEED_EVERYTHING);
    assert_true(message->encrypted);
    assert_false(message->compressed);
    assert_true(text_is(message->cipher, "aes-256-cbc"));
    buffer_free(&envelope);
    sample.payload = BYTES("\x01\x02\x03 opaque");
    sample.hooks = "<Hook2 Name=\"encrypt\"/>";
    message = decode(fixture, &sample, NEED_EVERYTHING);
    assert_true(message->encrypted);
    assert_int_equal(message->payload_kind, CCM_PAYLOAD_OPAQUE);
    assert_null(message->malformed.at);
    assert_null(message->cipher.at);
}

/* ---- Contradictions ---- */

static void lying_ranges_are_clamped_and_told(void **state)
{
    static const struct {
        const char *range;
        size_t left; /* of the body */
    } cases[] = {
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"728\"/>", 2 * (sizeof POLICY - 1) + 2},
        {"<Body Type=\"ByteRange\" Offset=\"0\" Length=\"18446744073709551615\"/>", 2 * (sizeof POLICY - 1) + 2},
        {"<Body Type=\"ByteRange\" Offset=\"10\" Length=\"18446744073709551615\"/>", 2 * (sizeof POLICY - 1) + 2 - 10},
        {"<Body Type=\"ByteRange\" Offset=\"18446744073709551615\" Length=\"2\"/>", 0},
        {"<Body Type=\"ByteRange\" Offset=\"5000\" Length=\"0\"/>", 0},
        {"<Body Type=\"ByteRange\" Offset=\"-1\" Length=\"10\"/>", 2 * (sizeof POLICY - 1) + 2},
        {"<Body Type=\"ByteRange\"/>", 2 * (sizeof POLICY - 1) + 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample sample = {.endpoint = "MP_PolicyManager", .body = POLICY, .range = cases[i].range};
        const struct ccm_message *message = decode(*state, &sample, NEED_PAYLOAD);
        assert_reason(message, "Offset");
        assert_int_equal(message->body_bytes.left, cases[i].left);
    }
}

static void a_message_without_body_element_is_all_body(void **state)
{
    struct sample sample = {.endpoint = "MP_PolicyManager", .body = POLICY, .range = ""};
    const struct ccm_message *message = decode(*state, &sample, NEED_PAYLOAD);
    assert_null(message->malformed.at);
    assert_true(text_is(message->root, "RequestAssignments"));
}

static void hooks_and_payload_that_disagree_are_told(void **state)
{
    struct sample sample = {.endpoint = "MP_PolicyManager", .body = POLICY, .no_zlib_hook = true};
    const struct ccm_message *message = decode(*state, &sample, NEED_PAYLOAD);
    assert_null(message->malformed.at); /* harmless: the bytes tell */
    assert_true(has_note(message, "no hook says so"));
    assert_true(message->compressed);
    sample = (struct sample){
        .endpoint = "MP_PolicyManager", .body = POLICY, .plain = true, .hooks = "<Hook3 Name=\"zlib-compress\"/>"};
    assert_reason(decode(*state, &sample, NEED_PAYLOAD), "plain text");
    sample = (struct sample){.endpoint = "MP_PolicyManager", .payload = BYTES("\x01 opaque")};
    assert_reason(decode(*state, &sample, NEED_PAYLOAD), "neither");
}

static void a_damaged_payload_keeps_its_header(void **state)
{
    struct sample sample = {.endpoint = "MP_PolicyManager", .payload = BYTES("\x78\x9C\x01\x02\x03")};
    const struct ccm_message *message = decode(*state, &sample, NEED_EVERYTHING);
    assert_reason(message, "zlib");
    assert_false(message->has_plain);
    assert_true(text_is(message->endpoint_name, "MP_PolicyManager"));
    assert_null(decode(*state, &sample, NEED_NOTHING)->malformed.at); /* nobody looked */
}

static void xml_that_is_broken_keeps_its_root(void **state)
{
    struct sample sample = {.endpoint = "MP_PolicyManager", .body = "<RequestAssignments><a></RequestAssignments>"};
    const struct ccm_message *message = decode(*state, &sample, NEED_EVERYTHING);
    assert_reason(message, "well formed");
    assert_true(text_is(message->root, "RequestAssignments"));
    assert_true(text_is(decode(*state, &sample, NEED_PAYLOAD)->root, "RequestAssignments")); /* without a tree */
}

static void the_root_is_the_same_with_and_without_a_tree(void **state)
{
    static const char *const bodies[] = {
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Report/>",
        "<!-- <no/> --><Report a='1'></Report>",
        "  <Report\t/>",
        "<!DOCTYPE Report><Report/>",
        "<Report\r\nx='1'/>",
        "<!DOCTYPE Report [<!ELEMENT Report ANY>]><!----><?x <no/>?><Report/>",
        "<p:Report xmlns:p='urn:x'/>",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct sample sample = {.endpoint = "MP_DdrEndpoint", .body = bodies[i]};
        assert_true(text_is(decode(*state, &sample, NEED_FINDING)->root, "Report"));
        assert_true(text_is(decode(*state, &sample, NEED_PAYLOAD)->root, "Report"));
    }
}

static void every_cut_of_a_message_is_decoded_without_harm(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    decode(fixture, &sample, NEED_EVERYTHING);
    size_t whole = fixture->body.length;
    fixture->source.missing = CCM_MISSING_BYTES;
    for (size_t length = 0; length < whole; length += 3) {
        uint8_t *cut = malloc(length == 0 ? 1 : length);
        assert_non_null(cut);
        memcpy(cut, fixture->body.bytes, length);
        const struct ccm_message *message = decode_bytes(fixture, cursor_of(cut, length), NEED_EVERYTHING);
        assert_non_null(message->malformed.at);
        assert_int_not_equal(message->payload_signature.state, CCM_SIGNATURE_VALID);
        assert_int_not_equal(message->payload_signature.state, CCM_SIGNATURE_INVALID);
        free(cut);
    }
}

/* ---- Replies ---- */

static void no_reply_is_known_and_not_malformed(void **state)
{
    struct fixture *fixture = *state;
    fixture->source.reply = true;
    fixture->source.endpoint = TEXT("MP_DdrEndpoint");
    static const struct {
        const char *bytes;
        size_t length;
    } forms[] = {
        {"NoReply", 7}, {"\xFF\xFEN\0o\0R\0e\0p\0l\0y\0", 16}, {"N\0o\0R\0e\0p\0l\0y\0", 14}, {"noreply\r\n", 9}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        buffer_reset(&fixture->body, SAMPLE_MAX);
        sample_part(&fixture->body, "content-type: text/plain; charset=UTF-16\r\n",
                    cursor_of(forms[i].bytes, forms[i].length));
        sample_close(&fixture->body);
        const struct ccm_message *message = decode_bytes(fixture, buffer_cursor(&fixture->body), NEED_EVERYTHING);
        assert_true(message->no_reply);
        assert_null(message->malformed.at);
        assert_false(message->has_header || message->has_payload);
        assert_true(text_is(message->endpoint_name, "MP_DdrEndpoint"));
        assert_int_equal(message->finding_count, 0);
    }
}

static void a_reply_belongs_to_the_endpoint_of_its_request(void **state)
{
    struct fixture *fixture = *state;
    fixture->source.reply = true;
    struct sample sample = {.endpoint = "SccmMessaging",
                            .body = "<ReplyAssignments/>",
                            .children = "<ReplyTo>MP:MP_PolicyManager</ReplyTo>"};
    assert_true(text_is(decode(fixture, &sample, NEED_NOTHING)->endpoint_name, "MP_PolicyManager"));
    fixture->source.endpoint = TEXT("MP_LocationManager");
    assert_true(text_is(decode(fixture, &sample, NEED_NOTHING)->endpoint_name, "MP_LocationManager"));
    sample.children = NULL;
    fixture->source.endpoint = TEXT_NULL;
    assert_null(decode(fixture, &sample, NEED_NOTHING)->endpoint_name.at);
}

/* ---- Registration ---- */

static void a_registration_signs_itself(void **state)
{
    struct fixture *fixture = *state;
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_registration(&xml, "Registration", NULL, VECTOR_CERTIFICATE);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    const struct ccm_message *message = decode(fixture, &sample, NEED_REGISTRATION | NEED_SIGNATURE);
    assert_null(message->malformed.at);
    assert_int_equal(message->registration_signature.state, CCM_SIGNATURE_VALID);
    assert_string_equal(message->registration_signature.key_source, "embedded");
    assert_string_equal(message->registration_signature.key->fingerprint, VECTOR_FINGERPRINT);
    assert_true(text_is(message->registration_signing, VECTOR_CERTIFICATE));
    assert_null(message->registration_encryption.at);

    char *name = strstr((char *)xml.bytes, "PC1"); /* another computer's name */
    assert_non_null(name);
    name[2] = '2';
    message = decode(fixture, &sample, NEED_REGISTRATION | NEED_SIGNATURE);
    assert_int_equal(message->registration_signature.state, CCM_SIGNATURE_INVALID);
    buffer_free(&xml);
}

static void a_confirmation_is_signed_with_the_registered_key(void **state)
{
    struct fixture *fixture = *state;
    struct buffer xml, blob;
    buffer_init(&xml, SAMPLE_MAX);
    buffer_init(&blob, SAMPLE_MAX);
    sample_registration(&xml, "Confirmation", VECTOR_CLIENT, NULL);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    const struct ccm_message *message = decode(fixture, &sample, NEED_REGISTRATION | NEED_SIGNATURE);
    assert_int_equal(message->registration_signature.state, CCM_SIGNATURE_NOKEY);
    assert_true(text_is(message->registration_signer, VECTOR_CLIENT));
    sample_hex(&blob, VECTOR_PUBLIC_KEY);
    const struct ccm_key *key = ccm_keys_blob(fixture->decoder.keys, buffer_cursor(&blob));
    assert_true(ccm_keys_register(fixture->decoder.keys, TEXT(VECTOR_CLIENT), key));
    message = decode(fixture, &sample, NEED_REGISTRATION | NEED_SIGNATURE);
    assert_int_equal(message->registration_signature.state, CCM_SIGNATURE_VALID);
    buffer_free(&xml);
    buffer_free(&blob);
}

static void a_registration_whose_certificate_is_garbage_has_no_key(void **state)
{
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_registration(&xml, "Registration", NULL, "30820000");
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    const struct ccm_message *message = decode(*state, &sample, NEED_REGISTRATION | NEED_SIGNATURE);
    assert_int_equal(message->registration_signature.state, CCM_SIGNATURE_NOKEY);
    buffer_free(&xml);
}

/* ---- Recognition ---- */

static void messages_are_recognised_by_boundary_or_beginning(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = "MP_PolicyManager", .body = POLICY};
    decode(fixture, &sample, NEED_NOTHING);
    assert_true(ccm_message_recognise(buffer_cursor(&fixture->body), TEXT_NULL));
    assert_true(ccm_message_recognise(CURSOR_EMPTY, TEXT(SAMPLE_TYPE)));
    assert_true(ccm_message_recognise(BYTES("--x\r\n\r\n\xFF\xFE<\0M\0s\0g\0>\0"), TEXT_NULL));
    assert_false(ccm_message_recognise(BYTES("<\0M\0s\0g\0>\0"), TEXT_NULL));
    assert_false(ccm_message_recognise(BYTES("--x\r\n\r\nanything"), TEXT("multipart/mixed; boundary=x")));
    assert_false(ccm_message_recognise(CURSOR_EMPTY, TEXT_NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_signed_compressed_message_is_decoded_to_its_root),
        TEST(a_constant_id_is_noted),
        TEST(an_unsigned_plain_message_is_decoded),
        TEST(bytes_behind_the_body_are_not_part_of_it),
        TEST(the_boundary_is_found_without_a_content_type),
        TEST(the_form_of_boot_media_is_decoded_and_its_lie_told),
        TEST(nothing_is_inflated_unless_something_asks),
        TEST(one_changed_byte_of_the_payload_is_noticed),
        TEST(a_claim_to_another_identity_is_noticed),
        TEST(a_key_that_is_not_in_the_message_may_be_registered),
        TEST(a_weaker_hash_than_the_header_names_is_invalid),
        TEST(what_is_missing_is_never_called_invalid_or_absent),
        TEST(an_envelope_is_recognised_and_its_signature_not_judged),
        TEST(an_envelope_without_hook_and_a_hook_without_envelope_are_encrypted),
        TEST(lying_ranges_are_clamped_and_told),
        TEST(a_message_without_body_element_is_all_body),
        TEST(hooks_and_payload_that_disagree_are_told),
        TEST(a_damaged_payload_keeps_its_header),
        TEST(xml_that_is_broken_keeps_its_root),
        TEST(the_root_is_the_same_with_and_without_a_tree),
        TEST(every_cut_of_a_message_is_decoded_without_harm),
        TEST(no_reply_is_known_and_not_malformed),
        TEST(a_reply_belongs_to_the_endpoint_of_its_request),
        TEST(a_registration_signs_itself),
        TEST(a_confirmation_is_signed_with_the_registered_key),
        TEST(a_registration_whose_certificate_is_garbage_has_no_key),
        TEST(messages_are_recognised_by_boundary_or_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
