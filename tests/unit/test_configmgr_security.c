/* tests/unit/test_configmgr_security.c: what messages show of the security flags, and messages inside envelopes. */
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/security.h"
#include "tests/unit/cms_vectors.h"
#include "tests/unit/message_fixture.h"

struct fixture {
    struct ccm_decoder decoder;
    struct ccm_message message;
    struct buffer body, payload;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL || !ccm_decoder_init(&fixture->decoder))
        return 1;
    buffer_init(&fixture->body, SAMPLE_MAX);
    buffer_init(&fixture->payload, SAMPLE_MAX);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    ccm_decoder_free(&fixture->decoder);
    buffer_free(&fixture->body);
    buffer_free(&fixture->payload);
    free(fixture);
    return 0;
}

static void give_private(struct fixture *fixture)
{
    BIO *bio = BIO_new_mem_buf(VECTOR_PRIVATE_KEY, -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(pkey);
    assert_true(ccm_keys_give(fixture->decoder.keys, pkey, true));
    EVP_PKEY_free(pkey);
    BIO_free(bio);
}

static const struct ccm_message *decode(struct fixture *fixture, const struct sample *sample, bool secure)
{
    buffer_reset(&fixture->body, SAMPLE_MAX);
    sample_build(sample, &fixture->body);
    struct ccm_source source = {
        .body = buffer_cursor(&fixture->body), .content_type = TEXT(SAMPLE_TYPE), .secure = secure};
    ccm_message_decode(&fixture->decoder, &source, NEED_EVERYTHING, &fixture->message);
    return &fixture->message;
}

static bool has_finding(const struct ccm_message *message, const char *code)
{
    for (size_t i = 0; i < message->finding_count; i++) {
        if (strcmp(message->findings[i].code, code) == 0)
            return true;
    }
    return false;
}

static void expect_flags(struct fixture *fixture, const struct ccm_message *message, const char *shown,
                         const char *missing, const char *excess, const char *confidence)
{
    struct ccm_security security;
    ccm_security_judge(message, &security);
    struct arena *arena = &fixture->decoder.arena;
    assert_true(text_is(ccm_security_text(security.shown, arena), shown));
    assert_true(security.known);
    assert_true(text_is(ccm_security_text(security.missing, arena), missing));
    assert_true(text_is(ccm_security_text(security.excess, arena), excess));
    assert_string_equal(security.confidence, confidence);
}

#define STATE                                                                                                          \
    "<Report><ReportBody><StateMessage><Topic ID='1' Type='500'/><State ID='1' Criticality='0'/></StateMessage>"       \
    "</ReportBody></Report>"
#define SMX "<Property Name=\"FileType\" Value=\"SMX\"/>"

static void flags_are_held_against_the_table(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = "MP_RelayEndpoint", .source_id = VECTOR_CLIENT, .body = STATE, .children = SMX};
    expect_flags(fixture, decode(fixture, &sample, false), "MIXED,COMPRESS", "SIGN", "", "read");
    expect_flags(fixture, decode(fixture, &sample, true), "NATIVE,COMPRESS", "SIGN", "", "read");
    sample.sign = true;
    sample.plain = true;
    sample.no_zlib_hook = true;
    expect_flags(fixture, decode(fixture, &sample, false), "MIXED,SIGN", "", "", "read");
    sample.endpoint = "MP_ClientRegistration";
    expect_flags(fixture, decode(fixture, &sample, false), "MIXED,SIGN", "", "SIGN", "read");
    sample.endpoint = "MP_SinvEndpoint";
    expect_flags(fixture, decode(fixture, &sample, false), "MIXED,SIGN", "", "", "partly");
    sample.endpoint = "MP_HinvEndpoint";
    expect_flags(fixture, decode(fixture, &sample, true), "NATIVE,SIGN", "", "", "inferred");
}

static void what_no_table_has_is_unknown(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_security security;
    struct sample sample = {.endpoint = "MP_TokenManager", .body = "<x/>"};
    ccm_security_judge(decode(fixture, &sample, false), &security);
    assert_false(security.known);
    sample.endpoint = "MP_RelayEndpoint"; /* without a file type it may be three messages */
    ccm_security_judge(decode(fixture, &sample, false), &security);
    assert_false(security.known);
}

/* The list of endpoints and the table of flags say the same about signatures. */
static void the_table_agrees_with_the_endpoints(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *endpoint, *children;
    } cases[] = {
        {"MP_ClientRegistration", NULL}, {"MP_PolicyManager", NULL}, {"MP_DdrEndpoint", NULL},
        {"MP_HinvEndpoint", NULL},       {"MP_SinvEndpoint", NULL},  {"MP_SinvCollFileEndpoint", NULL},
        {"StatusReceiver", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int secure = 0; secure < 2; secure++) {
            struct sample sample = {.endpoint = cases[i].endpoint, .body = "<x/>"};
            struct ccm_security security;
            const struct ccm_message *message = decode(fixture, &sample, secure == 1);
            ccm_security_judge(message, &security);
            assert_true(security.known);
            assert_non_null(message->endpoint);
            enum ccm_signing signing = secure == 1 ? message->endpoint->native : message->endpoint->mixed;
            assert_int_equal(signing != CCM_SIGNING_NONE, (security.required & CCM_FLAG_SIGN) != 0);
        }
    }
}

/* ---- Messages in envelopes ---- */

static struct sample enveloped(struct fixture *fixture, const char *envelope)
{
    buffer_reset(&fixture->payload, SAMPLE_MAX);
    sample_hex(&fixture->payload, envelope);
    return (struct sample){.endpoint = "MP_DdrEndpoint",
                           .source_id = VECTOR_CLIENT,
                           .payload = buffer_cursor(&fixture->payload),
                           .no_zlib_hook = true,
                           .hooks = "<Hook2 Name=\"encrypt\"/>"};
}

static void an_envelope_stays_closed_without_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = enveloped(fixture, VECTOR_CMS_OAEP);
    const struct ccm_message *message = decode(fixture, &sample, false);
    assert_true(message->encrypted);
    assert_false(message->decrypted);
    assert_null(message->root.at);
    assert_int_equal(message->envelopes.count, 1);
    assert_true(text_is(message->cipher, "aes-256-cbc"));
    assert_null(message->malformed.at);
}

static void an_opened_message_is_read_and_its_signature_checked(void **state)
{
    struct fixture *fixture = *state;
    struct buffer plain, properties;
    char signature[SAMPLE_HEX_MAX];
    buffer_init(&plain, SAMPLE_MAX);
    buffer_init(&properties, SAMPLE_MAX);
    sample_hex(&plain, VECTOR_CMS_PLAIN);
    sample_sign(buffer_cursor(&plain), "sha256", signature);
    sample_print(&properties,
                 "<Property Name=\"PublicKey\">" VECTOR_PUBLIC_KEY "</Property>"
                 "<Property Name=\"PayloadSignature\">%s</Property>",
                 signature);
    sample_append(&properties, cursor_of("", 1));
    give_private(fixture);
    struct sample sample = enveloped(fixture, VECTOR_CMS_OAEP);
    sample.properties = (const char *)properties.bytes;
    const struct ccm_message *message = decode(fixture, &sample, false);
    assert_true(message->encrypted && message->decrypted);
    assert_true(text_is(message->root, "Report"));
    assert_int_equal(message->payload_signature.state, CCM_SIGNATURE_VALID);
    assert_true(has_finding(decode(fixture, &sample, true), "C09")); /* encryption inside TLS */
    buffer_free(&plain);
    buffer_free(&properties);
}

static void an_envelope_inside_another_or_inside_a_stream_is_opened(void **state)
{
    struct fixture *fixture = *state;
    struct buffer envelope;
    give_private(fixture);
    struct sample sample = enveloped(fixture, VECTOR_CMS_NESTED);
    assert_true(text_is(decode(fixture, &sample, false)->root, "Report"));
    assert_int_equal(fixture->message.envelopes.count, 2);
    buffer_init(&envelope, SAMPLE_MAX);
    sample_hex(&envelope, VECTOR_CMS_TWO);
    buffer_reset(&fixture->payload, SAMPLE_MAX);
    sample_zlib(&fixture->payload, buffer_cursor(&envelope));
    sample.payload = buffer_cursor(&fixture->payload);
    sample.no_zlib_hook = false;
    assert_true(text_is(decode(fixture, &sample, false)->root, "Report"));
    assert_true(fixture->message.decrypted);
    buffer_free(&envelope);
}

static void encryption_that_no_table_lists_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = enveloped(fixture, VECTOR_CMS_OAEP);
    assert_false(has_finding(decode(fixture, &sample, false), "C05"));
    sample.endpoint = "MP_ClientRegistration";
    assert_true(has_finding(decode(fixture, &sample, false), "C04"));
}

/* ---- Constants of tools ---- */

static void constants_of_tools_are_hints(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = "MP_LocationManager",
                            .body = "<SiteInformationRequest><SiteCode Name=\"PRI\"/></SiteInformationRequest>"};
    assert_false(has_finding(decode(fixture, &sample, false), "T06"));
    sample.body = "<SiteInformationRequest><SiteCode Name=\"PRI' OR 1=1\"/></SiteInformationRequest>";
    const struct ccm_message *message = decode(fixture, &sample, false);
    assert_true(has_finding(message, "T06"));
    for (size_t i = 0; i < message->finding_count; i++)
        assert_true(message->findings[i].code[0] != 'T' || strcmp(message->findings[i].level, "hint") == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flags_are_held_against_the_table),
        TEST(what_no_table_has_is_unknown),
        TEST(the_table_agrees_with_the_endpoints),
        TEST(an_envelope_stays_closed_without_its_key),
        TEST(an_opened_message_is_read_and_its_signature_checked),
        TEST(an_envelope_inside_another_or_inside_a_stream_is_opened),
        TEST(encryption_that_no_table_lists_is_told),
        TEST(constants_of_tools_are_hints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
