/* tests/unit/test_configmgr_limits.c: each limit of the message decoder that input can hit is counted when it is hit. */
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/attachment.h"
#include "dissect/configmgr/body.h"
#include "dissect/configmgr/certificate.h"
#include "dissect/configmgr/policy.h"
#include "tests/unit/cms_vectors.h"
#include "tests/unit/decoder_fixture.h"
#include "tests/unit/dialogue_fixture.h"

#define ENDPOINT "MP_PolicyManager"
#define POLICY "<RequestAssignments SchemaVersion=\"1.00\"/>"
#define MIB ((size_t)1 << 20)

static uint64_t hits(const struct fixture *fixture, enum limit limit)
{
    struct limit_counts counts = {0};
    ccm_decoder_limits(&fixture->decoder, &counts);
    return counts.hit[limit];
}

/* `start`, `piece` as often as that (a %d in it becomes its number), and `end`, as a string. */
static const char *repeat(struct fixture *fixture, const char *start, const char *piece, int count, const char *end)
{
    const char *mark = strstr(piece, "%d");
    buffer_reset(&fixture->text, SAMPLE_MAX);
    sample_print(&fixture->text, "%s", start);
    for (int i = 0; i < count; i++) {
        if (mark == NULL)
            sample_print(&fixture->text, "%s", piece);
        else
            sample_print(&fixture->text, "%.*s%d%s", (int)(mark - piece), piece, i, mark + 2);
    }
    sample_append(&fixture->text, cursor_of(end, strlen(end) + 1));
    return (const char *)buffer_cursor(&fixture->text).at;
}

static struct ccm_message *decode_built(struct fixture *fixture, bool reply)
{
    struct ccm_source source = {.body = buffer_cursor(&fixture->body),
                                .content_type = TEXT(SAMPLE_TYPE),
                                .reply = reply,
                                .endpoint = reply ? TEXT(ENDPOINT) : TEXT_NULL};
    ccm_message_decode(&fixture->decoder, &source, NEED_EVERYTHING, &fixture->message);
    return &fixture->message;
}

static struct ccm_message *decode(struct fixture *fixture, const struct sample *sample, bool reply)
{
    buffer_reset(&fixture->body, SAMPLE_MAX);
    sample_build(sample, &fixture->body);
    return decode_built(fixture, reply);
}

static struct ccm_message *decode_body(struct fixture *fixture, const char *body, bool reply)
{
    struct sample sample = {.endpoint = ENDPOINT, .source_id = VECTOR_CLIENT, .body = body};
    return decode(fixture, &sample, reply);
}

/* ---- Messages ---- */

static void parts_above_the_limit_are_counted(void **state)
{
    struct fixture *fixture = *state;
    decode_body(fixture, POLICY, false);
    assert_int_equal(hits(fixture, LIMIT_message_parts), 0);
    fixture->body.length -= strlen("\r\n--" SAMPLE_BOUNDARY "--");
    for (size_t i = 0; i < CCM_PARTS_MAX; i++)
        sample_part(&fixture->body, "content-type: application/octet-stream\r\n", cursor_of("other bytes", 11));
    sample_close(&fixture->body);
    decode_built(fixture, false);
    assert_int_equal(hits(fixture, LIMIT_message_parts), 1);
}

static void long_header_lines_of_a_part_are_counted(void **state)
{
    struct fixture *fixture = *state;
    sample_part(&fixture->body, repeat(fixture, "x-long: ", "0123456789", 500, "\r\n"), cursor_of("bytes", 5));
    sample_close(&fixture->body);
    decode_built(fixture, false);
    assert_int_equal(hits(fixture, LIMIT_part_headers), 1);
    assert_int_equal(fixture->message.missing, CCM_MISSING_LIMIT);
}

static void headers_above_their_limits_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = ENDPOINT, .source_id = VECTOR_CLIENT, .body = POLICY};
    sample.hooks = repeat(fixture, "", "<Hook3 Name=\"hook%d\"/>", CCM_HOOKS_MAX + 3, "");
    decode(fixture, &sample, false);
    assert_in_range(hits(fixture, LIMIT_message_hooks), 3, 4); /* zlib-compress is one too */
    sample.hooks = NULL;
    sample.properties = repeat(fixture, "", "<Property Name=\"p%d\">x</Property>", 40, "");
    decode(fixture, &sample, false);
    assert_int_equal(hits(fixture, LIMIT_hook_properties), 1);
    sample.properties = NULL;
    sample.children =
        repeat(fixture, "", "<Attachment Name=\"a%d\" Type=\"ByteRange\" Offset=\"0\" Length=\"8\"/>", 300, "");
    decode(fixture, &sample, false);
    assert_int_equal(hits(fixture, LIMIT_attachments), 1);
    sample.children = repeat(fixture, "<Other>", "0123456789", 15000, "</Other>");
    decode(fixture, &sample, false);
    assert_int_equal(hits(fixture, LIMIT_message_header), 1);
    assert_int_equal(hits(fixture, LIMIT_xml_nodes), 0);
    sample.children = repeat(fixture, "", "<a>", 2 * XML_DEPTH_MAX, "");
    decode(fixture, &sample, false);
    assert_int_equal(hits(fixture, LIMIT_xml_nodes), 1);
}

static void attachments_that_are_too_much_together_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {
        .endpoint = ENDPOINT,
        .source_id = VECTOR_CLIENT,
        .children = "<Attachment Name=\"a\" Type=\"ByteRange\" Offset=\"100\" Length=\"6291456\"/>"
                    "<Attachment Name=\"b\" Type=\"ByteRange\" Offset=\"100\" Length=\"6291456\"/>"
                    "<Attachment Name=\"c\" Type=\"ByteRange\" Offset=\"100\" Length=\"6291456\"/>",
    };
    sample.body = repeat(fixture, "<Report>", "0123456789abcdef", (int)(4 * MIB / 16), "</Report>");
    struct ccm_message *message = decode(fixture, &sample, false);
    assert_int_equal(message->attachments.count, 3);
    assert_int_equal(hits(fixture, LIMIT_attachment_bytes), 1);
    assert_string_equal(message->attachments.items[2].problem, "too much to be read");
}

static void payloads_that_inflate_to_too_much_are_counted(void **state)
{
    struct fixture *fixture = *state;
    uint8_t *zeros = calloc(1, CCM_INFLATE_MAX + 1);
    assert_non_null(zeros);
    sample_zlib(&fixture->text, cursor_of(zeros, CCM_INFLATE_MAX + 1));
    free(zeros);
    struct sample sample = {.endpoint = ENDPOINT, .source_id = VECTOR_CLIENT, .payload = buffer_cursor(&fixture->text)};
    assert_int_equal(decode(fixture, &sample, false)->missing, CCM_MISSING_LIMIT);
    assert_int_equal(hits(fixture, LIMIT_inflated), 1);
}

static void bodies_above_the_limits_of_xml_are_counted(void **state)
{
    struct fixture *fixture = *state;
    decode_body(fixture, repeat(fixture, "<Report>", "0123456789abcdef", (int)(CCM_TREE_MAX / 16), "</Report>"), false);
    assert_int_equal(hits(fixture, LIMIT_xml_length), 1);
    assert_true(text_is(fixture->message.root, "Report"));
    decode_body(fixture, repeat(fixture, "<Report>", "<a>", XML_DEPTH_MAX, ""), false);
    assert_int_equal(hits(fixture, LIMIT_xml_nodes), 1);
    assert_int_equal(fixture->message.missing, CCM_MISSING_LIMIT);
}

static void findings_and_references_above_their_limits_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_message *message =
        decode_body(fixture,
                    repeat(fixture, "<ReplyAssignments><Signature>", "<Reference PolicyAssignmentID=\"{%d}\"/>", 300,
                           "</Signature></ReplyAssignments>"),
                    true);
    assert_int_equal(message->finding_count, CCM_FINDINGS_MAX);
    assert_true(message->findings_lost >= 200 - CCM_FINDINGS_MAX);
    assert_int_equal(hits(fixture, LIMIT_message_findings), message->findings_lost);
    assert_int_equal(hits(fixture, LIMIT_policy_references), 1);
}

/* ---- Fields ---- */

/* Puts the hex digits of a zlib stream of <a/> in hex[]. */
static void stream_hex(char hex[SAMPLE_HEX_MAX])
{
    struct buffer stream;
    buffer_init(&stream, SAMPLE_MAX);
    sample_zlib(&stream, cursor_of("<a/>", 4));
    struct cursor bytes = buffer_cursor(&stream);
    for (size_t i = 0; i < bytes.left; i++)
        snprintf(hex + 2 * i, 3, "%02X", bytes.at[i]);
    buffer_free(&stream);
}

static void fields_and_documents_in_them_above_their_limits_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_fields fields;
    char hex[SAMPLE_HEX_MAX], piece[SAMPLE_HEX_MAX + 16];
    ccm_message_fields(&fixture->decoder,
                       decode_body(fixture, repeat(fixture, "<Report>", "<a/>", CCM_FIELDS_MAX, "</Report>"), false),
                       &fields);
    assert_true(fields.cut);
    assert_int_equal(hits(fixture, LIMIT_fields), 1);
    stream_hex(hex);
    snprintf(piece, sizeof piece, "<b>%s</b>", hex);
    ccm_message_fields(
        &fixture->decoder,
        decode_body(fixture, repeat(fixture, "<Report>", piece, CCM_FIELD_STREAMS_MAX + 2, "</Report>"), false),
        &fields);
    assert_int_equal(fields.streams, CCM_FIELD_STREAMS_MAX);
    assert_int_equal(hits(fixture, LIMIT_field_documents), 2);
}

/* ---- Policies ---- */

static void secrets_and_streams_of_a_policy_above_their_limits_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_policy *policy = calloc(1, sizeof *policy);
    char hex[SAMPLE_HEX_MAX], piece[SAMPLE_HEX_MAX + 16];
    assert_non_null(policy);
    const char *body = repeat(fixture, "<P>", "<v secret=\"1\">x</v>", CCM_SECRETS_MAX + 2, "</P>");
    ccm_policy_read(&fixture->decoder, text_of(body), false, policy);
    assert_int_equal(policy->secret_count, CCM_SECRETS_MAX + 2);
    assert_int_equal(hits(fixture, LIMIT_secrets), 2);
    body = repeat(fixture, "<P>89130000", "0123456789abcdef", (int)(MIB / 8 + 16), "</P>");
    ccm_policy_read(&fixture->decoder, text_of(body), false, policy);
    assert_int_equal(hits(fixture, LIMIT_secret_bytes), 1);
    stream_hex(hex);
    snprintf(piece, sizeof piece, "<v>%s</v>", hex);
    body = repeat(fixture, "<P>", piece, CCM_POLICY_STREAMS_MAX + 3, "</P>");
    ccm_policy_read(&fixture->decoder, text_of(body), false, policy);
    assert_int_equal(hits(fixture, LIMIT_policy_streams), 3);
    free(policy);
}

static void a_policy_that_is_too_long_to_be_written_out_is_counted(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
    const char *body = repeat(fixture, "<P>", "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"", (int)(4 * MIB / 16), "</P>");
    dialogue_ask_text(dialogue, "GET /SMS_MP/.sms_pol?{2}.3_00 HTTP/1.1\r\nHost: mp\r\n\r\n");
    dialogue_reply(dialogue, NULL, cursor_of(body, strlen(body)));
    dialogue_finish(dialogue);
    assert_int_equal(dissect_counts(dialogue->dissect).limits.hit[LIMIT_policy_text], 1);
    assert_null(dialogue_policy(dialogue, 1)->text.at);
    dialogue_free(dialogue);
}

/* ---- Keys, certificates, envelopes ---- */

static struct cursor hex_bytes(struct fixture *fixture, const char *digits)
{
    struct cursor bytes;
    assert_true(text_hex_decode(text_of(digits), &fixture->decoder.arena, &bytes));
    return bytes;
}

static EVP_PKEY *private_key(void)
{
    BIO *bio = BIO_new_mem_buf(VECTOR_PRIVATE_KEY, -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(pkey);
    BIO_free(bio);
    return pkey;
}

static void give(struct fixture *fixture, size_t times)
{
    EVP_PKEY *pkey = private_key();
    for (size_t i = 0; i < times; i++)
        assert_int_equal(ccm_keys_give(fixture->decoder.keys, pkey, true), i < CCM_KEYS_LOADED_MAX);
    EVP_PKEY_free(pkey);
}

/* The key of the vector, with another byte in its modulus. */
static const struct ccm_key *other_key(struct fixture *fixture, uint8_t byte)
{
    struct cursor blob = hex_bytes(fixture, VECTOR_PUBLIC_KEY);
    uint8_t copy[512];
    assert_in_range(blob.left, 100, sizeof copy);
    memcpy(copy, blob.at, blob.left);
    copy[60] = byte;
    const struct ccm_key *key = ccm_keys_blob(fixture->decoder.keys, cursor_of(copy, blob.left));
    assert_non_null(key);
    return key;
}

static void keys_of_one_client_above_the_limit_are_counted_and_the_same_are_tried(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_keys *keys = fixture->decoder.keys;
    const struct ccm_key *found[CCM_KEYS_OF_CLIENT_MAX], *again[CCM_KEYS_OF_CLIENT_MAX];
    for (uint8_t i = 0; i < CCM_KEYS_OF_CLIENT_MAX + 3; i++) {
        assert_true(ccm_keys_register(keys, TEXT("GUID:A"), other_key(fixture, i)));
        assert_true(
            ccm_keys_register(keys, TEXT("GUID:B"), other_key(fixture, (uint8_t)(CCM_KEYS_OF_CLIENT_MAX + 2 - i))));
    }
    assert_int_equal(ccm_keys_of(keys, TEXT("GUID:A"), found), CCM_KEYS_OF_CLIENT_MAX);
    assert_int_equal(ccm_keys_of(keys, TEXT("GUID:B"), again), CCM_KEYS_OF_CLIENT_MAX);
    assert_memory_equal(found, again, sizeof found);
    for (size_t i = 1; i < CCM_KEYS_OF_CLIENT_MAX; i++)
        assert_true(strcmp(found[i - 1]->fingerprint, found[i]->fingerprint) < 0);
    assert_int_equal(hits(fixture, LIMIT_client_keys), 2);
}

static void owners_of_keys_above_the_limit_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_keys *keys = fixture->decoder.keys;
    const struct ccm_key *key = other_key(fixture, 1);
    char name[200];
    for (int i = 0; i < CCM_KEYS_MAX + 1; i++) {
        snprintf(name, sizeof name, "GUID:%d", i);
        assert_int_equal(ccm_keys_register(keys, text_of(name), key), i < CCM_KEYS_MAX);
    }
    assert_int_equal(hits(fixture, LIMIT_keys), 1);
    memset(name, 'A', sizeof name);
    assert_true(ccm_keys_register(keys, (struct text){name, sizeof name}, key));
    assert_int_equal(hits(fixture, LIMIT_key_names), 1);
}

static void keys_of_the_user_above_the_limit_are_counted(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, CCM_KEYS_LOADED_MAX + 1);
    assert_int_equal(hits(fixture, LIMIT_keys_loaded), 1);
}

/* A certificate with that many names, of the test key, signed by itself. */
static X509 *certificate_with_names(struct fixture *fixture, int count)
{
    EVP_PKEY *pkey = private_key();
    X509 *certificate = X509_new();
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, repeat(fixture, "DNS:host", ",DNS:h%d", count - 1, ""));
    assert_non_null(names);
    assert_int_equal(X509_add_ext(certificate, names, -1), 1);
    X509_set_pubkey(certificate, pkey);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    assert_true(X509_sign(certificate, pkey, EVP_sha256()) > 0);
    X509_EXTENSION_free(names);
    EVP_PKEY_free(pkey);
    return certificate;
}

static void names_of_a_certificate_above_the_limit_are_counted(void **state)
{
    struct fixture *fixture = *state;
    for (int count = 100; count <= 101; count++) {
        unsigned char *der = NULL;
        X509 *certificate = certificate_with_names(fixture, count);
        int length = i2d_X509(certificate, &der);
        struct certificate_row row = certificate_row_null();
        ccm_certificate_read_der(cursor_of(der, (size_t)length), fixture->decoder.keys, &fixture->decoder.arena, &row,
                                 NULL);
        assert_int_equal(hits(fixture, LIMIT_certificate_names), count > 100);
        OPENSSL_free(der);
        X509_free(certificate);
    }
}

static void read_envelopes(struct fixture *fixture, struct cursor bytes, struct ccm_envelopes *envelopes)
{
    ccm_envelopes_read(fixture->decoder.keys, bytes, true, &fixture->decoder.arena, envelopes);
}

static void recipients_above_the_limit_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_envelopes envelopes;
    /* 33 recipients of the kind "key agreement", which are empty. */
    const char *digits = repeat(fixture, "306C06092A864886F70D010703A05F305D0201003142", "A100", CCM_RECIPIENTS_MAX + 1,
                                "301406092A864886F70D010701300706052B0E030207");
    read_envelopes(fixture, hex_bytes(fixture, digits), &envelopes);
    assert_int_equal(envelopes.items[0]->recipient_count, CCM_RECIPIENTS_MAX + 1);
    assert_int_equal(hits(fixture, LIMIT_recipients), 1);
}

static void private_keys_that_are_not_tried_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_envelopes envelopes;
    give(fixture, CCM_OPEN_TRIES_MAX);
    read_envelopes(fixture, hex_bytes(fixture, VECTOR_CMS_OTHER), &envelopes);
    assert_int_equal(hits(fixture, LIMIT_envelope_tries), 0);
    give(fixture, 1);
    read_envelopes(fixture, hex_bytes(fixture, VECTOR_CMS_OTHER), &envelopes);
    assert_int_equal(hits(fixture, LIMIT_envelope_tries), 1);
    assert_false(envelopes.opened);
}

/* Puts the bytes in an envelope for the test key. */
static void enclose(STACK_OF(X509) * recipients, struct buffer *bytes)
{
    unsigned char *der = NULL;
    BIO *content = BIO_new_mem_buf(buffer_cursor(bytes).at, (int)bytes->length);
    CMS_ContentInfo *cms = CMS_encrypt(recipients, content, EVP_des_ede3_cbc(), CMS_BINARY);
    int length = i2d_CMS_ContentInfo(cms, &der);
    assert_true(length > 0);
    buffer_reset(bytes, SAMPLE_MAX);
    sample_append(bytes, cursor_of(der, (size_t)length));
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(content);
}

static void envelopes_in_each_other_above_the_limit_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_envelopes envelopes;
    X509 *certificate = certificate_with_names(fixture, 1);
    STACK_OF(X509) *recipients = sk_X509_new_null();
    sk_X509_push(recipients, certificate);
    give(fixture, 1);
    sample_append(&fixture->body, cursor_of("<a/>", 4));
    for (size_t i = 1; i <= CCM_ENVELOPES_MAX + 1; i++) {
        enclose(recipients, &fixture->body);
        read_envelopes(fixture, buffer_cursor(&fixture->body), &envelopes);
        assert_int_equal(envelopes.opened, i <= CCM_ENVELOPES_MAX);
        assert_int_equal(hits(fixture, LIMIT_envelopes), i > CCM_ENVELOPES_MAX);
    }
    sk_X509_free(recipients);
    X509_free(certificate);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parts_above_the_limit_are_counted),
        TEST(long_header_lines_of_a_part_are_counted),
        TEST(headers_above_their_limits_are_counted),
        TEST(attachments_that_are_too_much_together_are_counted),
        TEST(payloads_that_inflate_to_too_much_are_counted),
        TEST(bodies_above_the_limits_of_xml_are_counted),
        TEST(findings_and_references_above_their_limits_are_counted),
        TEST(fields_and_documents_in_them_above_their_limits_are_counted),
        TEST(secrets_and_streams_of_a_policy_above_their_limits_are_counted),
        TEST(a_policy_that_is_too_long_to_be_written_out_is_counted),
        TEST(keys_of_one_client_above_the_limit_are_counted_and_the_same_are_tried),
        TEST(owners_of_keys_above_the_limit_are_counted),
        TEST(keys_of_the_user_above_the_limit_are_counted),
        TEST(names_of_a_certificate_above_the_limit_are_counted),
        TEST(recipients_above_the_limit_are_counted),
        TEST(private_keys_that_are_not_tried_are_counted),
        TEST(envelopes_in_each_other_above_the_limit_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
