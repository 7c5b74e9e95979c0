/* tests/unit/test_configmgr_cms.c: envelopes are read in DER and BER, named, and opened with the keys that were given; OpenSSL's
 * command line made all of them. */
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/certificate.h"
#include "dissect/configmgr/cms.h"
#include "dissect/configmgr/reply.h"
#include "tests/unit/cms_vectors.h"
#include "tests/unit/message_fixture.h"

struct fixture {
    struct ccm_keys *keys;
    struct arena arena;
    struct buffer bytes;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return 1;
    fixture->keys = ccm_keys_new();
    arena_init(&fixture->arena, (size_t)16 << 20);
    buffer_init(&fixture->bytes, SAMPLE_MAX);
    *state = fixture;
    return fixture->keys == NULL;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    ccm_keys_free(fixture->keys);
    arena_free(&fixture->arena);
    buffer_free(&fixture->bytes);
    free(fixture);
    return 0;
}

static struct cursor hex(struct fixture *fixture, const char *digits)
{
    struct cursor bytes;
    assert_true(text_hex_decode(text_of(digits), &fixture->arena, &bytes));
    return bytes;
}

static void give_private(struct fixture *fixture)
{
    BIO *bio = BIO_new_mem_buf(VECTOR_PRIVATE_KEY, -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(pkey);
    assert_true(ccm_keys_give(fixture->keys, pkey, true));
    EVP_PKEY_free(pkey);
    BIO_free(bio);
}

/* So that recipients are known by their certificate, as --keys would make them. */
static void give_certificate(struct fixture *fixture, const char *digits)
{
    struct cursor der = hex(fixture, digits);
    const unsigned char *at = der.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.left);
    const struct ccm_key *key = ccm_keys_add(fixture->keys, X509_get0_pubkey(certificate));
    assert_non_null(key);
    ccm_keys_identify(fixture->keys, certificate, key);
    X509_free(certificate);
}

static struct text cipher_of(struct fixture *fixture, struct cursor bytes)
{
    struct ccm_envelope *envelope = arena_alloc(&fixture->arena, sizeof *envelope);
    enum outcome outcome = ccm_envelope_parse(bytes, &fixture->arena, envelope, NULL);
    return outcome == OUTCOME_OK ? envelope->cipher : TEXT_NULL;
}

static void the_cipher_of_an_envelope_is_named(void **state)
{
    static const struct {
        const char *envelope, *cipher;
    } cases[] = {
        {VECTOR_CMS_DES3, "3des-cbc"},
        {VECTOR_CMS_DES, "des-cbc"},
        {VECTOR_CMS_RC2, "rc2-cbc"},
        {VECTOR_CMS_AES128, "aes-128-cbc"},
        {VECTOR_CMS_AES192, "aes-192-cbc"},
        {VECTOR_CMS_AES256, "aes-256-cbc"},
        {VECTOR_CMS_BER, "aes-256-cbc"},
        {VECTOR_CMS_CAMELLIA128, "oid 2A83088C9A4B3D01010102"}, /* RFC 3657: 1.2.392.200011.61.1.1.1.2 */
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(text_is(cipher_of(fixture, hex(fixture, cases[i].envelope)), cases[i].cipher));
}

static void what_is_no_whole_envelope_is_refused_at_every_length(void **state)
{
    struct fixture *fixture = *state;
    static const char *const wholes[] = {VECTOR_CMS_AES256, VECTOR_CMS_BER, VECTOR_CMS_TWO};
    for (size_t i = 0; i < 3; i++) {
        struct cursor whole = hex(fixture, wholes[i]);
        for (size_t length = 0; length < whole.left; length++) {
            uint8_t *cut = malloc(length == 0 ? 1 : length);
            assert_non_null(cut);
            memcpy(cut, whole.at, length);
            assert_null(cipher_of(fixture, cursor_of(cut, length)).at);
            free(cut);
        }
    }
    assert_null(cipher_of(fixture, hex(fixture, VECTOR_CERTIFICATE)).at);
    assert_null(cipher_of(fixture, hex(fixture, "3084FFFFFFFF06")).at);
    assert_null(cipher_of(fixture, hex(fixture, "3088FFFFFFFFFFFFFFFF06")).at);
}

static void indefinite_lengths_nest_up_to_a_limit(void **state)
{
    struct fixture *fixture = *state;
    uint8_t deep[400];
    for (size_t i = 0; i < 200; i++) {
        deep[2 * i] = 0x30;
        deep[2 * i + 1] = 0x80;
    }
    assert_null(cipher_of(fixture, cursor_of(deep, sizeof deep)).at);
}

static void recipients_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_envelope *envelope = arena_alloc(&fixture->arena, sizeof *envelope);
    assert_int_equal(ccm_envelope_parse(hex(fixture, VECTOR_CMS_TWO), &fixture->arena, envelope, NULL), OUTCOME_OK);
    assert_int_equal(envelope->recipient_count, 2);
    assert_true(text_is(envelope->recipients[1].issuer, "CN=Other MP,O=Example"));
    assert_true(text_is(envelope->recipients[1].serial, "63"));
    assert_true(text_is(envelope->recipients[0].issuer, "CN=ConfigMgr Client"));
    assert_true(text_is(envelope->recipients[0].serial, "1234"));
    assert_true(text_is(envelope->recipients[0].key_transport, "rsaes-pkcs1"));
    assert_int_equal(envelope->recipients[0].key.left, 128);
    assert_int_equal(ccm_envelope_parse(hex(fixture, VECTOR_CMS_KEYID), &fixture->arena, envelope, NULL), OUTCOME_OK);
    assert_null(envelope->recipients[0].issuer.at);
    assert_true(text_is(envelope->recipients[0].ski, "EFD89B140B5A36EF8F7D0F2B6A7626189BE53179"));
    assert_int_equal(ccm_envelope_parse(hex(fixture, VECTOR_CMS_OAEP_SHA256), &fixture->arena, envelope, NULL),
                     OUTCOME_OK);
    assert_true(text_is(envelope->recipients[0].key_transport, "rsaes-oaep"));
    assert_true(text_is(envelope->recipients[0].oaep_hash, "sha256"));
}

static void expect_opened(struct fixture *fixture, const char *envelope, const char *plain, size_t layers)
{
    struct ccm_envelopes envelopes;
    ccm_envelopes_read(fixture->keys, hex(fixture, envelope), true, &fixture->arena, &envelopes);
    assert_int_equal(envelopes.count, layers);
    assert_true(envelopes.opened);
    assert_true(cursor_equal(envelopes.inside, hex(fixture, plain)));
    assert_string_equal(envelopes.items[0]->opened_by->fingerprint, VECTOR_FINGERPRINT);
    assert_null(envelopes.items[0]->problem.at);
}

static void every_form_is_opened_with_the_private_key(void **state)
{
    static const char *const forms[] = {VECTOR_CMS_OAEP, VECTOR_CMS_OAEP_SHA256, VECTOR_CMS_KEYID,
                                        VECTOR_CMS_TWO,  VECTOR_CMS_RC2_40,      VECTOR_CMS_STREAM};
    struct fixture *fixture = *state;
    give_private(fixture);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        expect_opened(fixture, forms[i], VECTOR_CMS_PLAIN, 1);
    expect_opened(fixture, VECTOR_CMS_NESTED, VECTOR_CMS_PLAIN, 2);
}

/* Their content is the letter x, which only the certificate's name tells from noise. */
static void every_cipher_is_opened_where_the_certificate_names_the_key(void **state)
{
    static const char *const ciphers[] = {VECTOR_CMS_DES3,   VECTOR_CMS_DES,    VECTOR_CMS_RC2, VECTOR_CMS_AES128,
                                          VECTOR_CMS_AES192, VECTOR_CMS_AES256, VECTOR_CMS_BER};
    struct fixture *fixture = *state;
    give_private(fixture);
    give_certificate(fixture, VECTOR_CERTIFICATE);
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++)
        expect_opened(fixture, ciphers[i], "78", 1);
}

static struct text problem_of(struct fixture *fixture, const char *envelope)
{
    struct ccm_envelopes envelopes;
    ccm_envelopes_read(fixture->keys, hex(fixture, envelope), true, &fixture->arena, &envelopes);
    assert_false(envelopes.opened);
    assert_int_equal(envelopes.count, 1);
    assert_null(envelopes.items[0]->opened_by);
    return envelopes.items[0]->problem;
}

static void what_stays_closed_says_why(void **state)
{
    struct fixture *fixture = *state;
    assert_true(text_is(problem_of(fixture, VECTOR_CMS_TWO), "no private key was given"));
    give_private(fixture);
    size_t at;
    assert_true(text_find_like(problem_of(fixture, VECTOR_CMS_OTHER), "no private key that was given opens it", &at));
    assert_true(text_is(problem_of(fixture, VECTOR_CMS_CAMELLIA128), "its cipher is not known here"));
}

/* Any changed byte gives another answer or none, and nothing is read beyond the end (the sanitizers watch). */
static void a_changed_byte_never_opens_as_the_same_through_another_key(void **state)
{
    struct fixture *fixture = *state;
    give_private(fixture);
    struct cursor whole = hex(fixture, VECTOR_CMS_STREAM);
    uint8_t *copy = malloc(whole.left);
    assert_non_null(copy);
    for (size_t i = 0; i < whole.left; i++) {
        struct ccm_envelopes envelopes;
        memcpy(copy, whole.at, whole.left);
        copy[i] ^= 0x41;
        ccm_envelopes_read(fixture->keys, cursor_of(copy, whole.left), true, &fixture->arena, &envelopes);
        assert_true(envelopes.count <= 1);
    }
    free(copy);
}

/* ---- Signatures of replies ---- */

static struct ccm_signature verified(struct fixture *fixture, const char *signature, struct cursor payload)
{
    struct ccm_signature result;
    ccm_reply_verify(fixture->keys, TEXT("10.0.0.1"), text_of(signature), payload, &fixture->arena, &result);
    return result;
}

static void a_detached_signature_of_a_reply_is_verified(void **state)
{
    struct fixture *fixture = *state;
    struct cursor payload = hex(fixture, VECTOR_CMS_PLAIN);
    struct ccm_signature result = verified(fixture, VECTOR_REPLY_SIGNATURE, payload);
    assert_int_equal(result.state, CCM_SIGNATURE_VALID);
    assert_string_equal(result.hash, "sha256");
    assert_string_equal(result.key_source, "embedded");
    assert_string_equal(result.key->fingerprint, VECTOR_FINGERPRINT);
    assert_int_equal(verified(fixture, VECTOR_REPLY_SIGNATURE, (struct cursor){payload.at, payload.left - 1}).state,
                     CCM_SIGNATURE_INVALID);
    assert_true(ccm_keys_bind(fixture->keys, CCM_OWNER_MP, TEXT("10.0.0.1"), result.key));
    assert_string_equal(verified(fixture, VECTOR_REPLY_SIGNATURE, payload).key_source, "mpcert");
}

static void a_reply_signature_that_cannot_be_checked_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct cursor payload = hex(fixture, VECTOR_CMS_PLAIN);
    assert_int_equal(verified(fixture, VECTOR_REPLY_NO_CERTIFICATE, payload).state, CCM_SIGNATURE_NOKEY);
    assert_int_equal(verified(fixture, "zz", payload).state, CCM_SIGNATURE_INVALID);
    assert_int_equal(verified(fixture, VECTOR_SHA256, payload).state, CCM_SIGNATURE_NOKEY);
    struct ccm_signature known = verified(fixture, VECTOR_REPLY_SIGNATURE, payload);
    assert_true(ccm_keys_bind(fixture->keys, CCM_OWNER_MP, TEXT("10.0.0.1"), known.key));
    assert_int_equal(verified(fixture, VECTOR_SHA256, payload).state, CCM_SIGNATURE_UNSUPPORTED);
    char signature[SAMPLE_HEX_MAX];
    sample_sign(payload, "sha256", signature);
    assert_int_equal(verified(fixture, signature, payload).state, CCM_SIGNATURE_VALID);
}

/* The trusted root key signs a certificate; in which form is not documented, so all likely ones are tried. */
static void a_certificate_is_verified_by_the_root_key_in_each_likely_form(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_signature result;
    char signature[SAMPLE_HEX_MAX];
    struct text certificate = TEXT(VECTOR_CERTIFICATE_PKI);
    struct cursor wide;
    const struct ccm_key *root = ccm_keys_blob(fixture->keys, hex(fixture, VECTOR_PUBLIC_KEY));
    assert_true(text_to_utf16le(&fixture->arena, certificate, &wide));
    const struct cursor forms[] = {hex(fixture, VECTOR_CERTIFICATE_PKI), wide, text_cursor(certificate)};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        sample_sign(forms[i], "sha1", signature);
        ccm_root_verify(fixture->keys, &root, 1, text_of(signature), certificate, &fixture->arena, &result);
        assert_int_equal(result.state, CCM_SIGNATURE_VALID);
        ccm_root_verify(fixture->keys, &root, 0, text_of(signature), certificate, &fixture->arena, &result);
        assert_int_equal(result.state, CCM_SIGNATURE_NOKEY);
    }
    sample_sign(cursor_of("other", 5), "sha1", signature);
    ccm_root_verify(fixture->keys, &root, 1, text_of(signature), certificate, &fixture->arena, &result);
    assert_int_equal(result.state, CCM_SIGNATURE_UNSUPPORTED);
    ccm_root_verify(fixture->keys, &root, 1, TEXT(""), certificate, &fixture->arena, &result);
    assert_int_equal(result.state, CCM_SIGNATURE_ABSENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_cipher_of_an_envelope_is_named),
        TEST(what_is_no_whole_envelope_is_refused_at_every_length),
        TEST(indefinite_lengths_nest_up_to_a_limit),
        TEST(recipients_are_told),
        TEST(every_form_is_opened_with_the_private_key),
        TEST(every_cipher_is_opened_where_the_certificate_names_the_key),
        TEST(what_stays_closed_says_why),
        TEST(a_changed_byte_never_opens_as_the_same_through_another_key),
        TEST(a_detached_signature_of_a_reply_is_verified),
        TEST(a_reply_signature_that_cannot_be_checked_says_so),
        TEST(a_certificate_is_verified_by_the_root_key_in_each_likely_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
