/* tests/unit/test_configmgr_signature.c: signatures that OpenSSL made are valid, and nothing else is. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dissect/configmgr/keyfile.h"
#include "dissect/configmgr/message.h"
#include "tests/unit/message_fixture.h"

#define SCRATCH ((size_t)16 << 20)

struct fixture {
    struct ccm_keys *keys;
    struct arena arena;
    struct buffer id, bytes; /* the client id as it is signed; scratch */
    struct ccm_signature result;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return 1;
    *state = fixture;
    arena_init(&fixture->arena, SCRATCH);
    buffer_init(&fixture->bytes, SAMPLE_MAX);
    buffer_init(&fixture->id, SAMPLE_MAX);
    sample_wide(&fixture->id, VECTOR_CLIENT);
    sample_append(&fixture->id, cursor_of("\0", 2));
    fixture->keys = ccm_keys_new();
    return fixture->keys == NULL;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    ccm_keys_free(fixture->keys);
    arena_free(&fixture->arena);
    buffer_free(&fixture->id);
    buffer_free(&fixture->bytes);
    free(fixture);
    return 0;
}

static const struct ccm_signature *verify(struct fixture *fixture, const char *public_key, const char *smsid,
                                          const char *hex, struct cursor data)
{
    struct ccm_signer signer = {text_of(public_key), text_of(smsid), false};
    arena_reset(&fixture->arena);
    ccm_signature_verify(fixture->keys, &signer, text_of(hex), data, &fixture->arena, &fixture->result);
    return &fixture->result;
}

static const struct ccm_signature *verify_id(struct fixture *fixture, const char *hex)
{
    return verify(fixture, VECTOR_PUBLIC_KEY, NULL, hex, buffer_cursor(&fixture->id));
}

/* ---- The vectors of wire.md 11.3 ---- */

static void the_bytes_that_are_signed_are_those_of_the_notes(void **state)
{
    struct fixture *fixture = *state;
    uint8_t digest[CCM_HASH_BYTES_MAX];
    assert_int_equal(fixture->id.length, 84);
    assert_int_equal(ccm_hash(fixture->keys, CCM_SHA256, buffer_cursor(&fixture->id), digest), 32);
    assert_memory_equal(digest, "\x05\x53\xbc\x8e\xc7\x65\x03\x69\xd5\xc5\x77\xae\x46\xc8\x50\x78", 16);
    assert_memory_equal(digest + 16, "\xe0\xd1\x40\xd8\x5e\x90\x2a\xf4\xdf\x4d\xa1\x2b\x3a\x76\xd3\x6d", 16);
    assert_int_equal(ccm_hash(fixture->keys, CCM_SHA1, buffer_cursor(&fixture->id), digest), 20);
    assert_memory_equal(digest, "\x22\x8f\x2b\xbc\x32\x44\x6a\x56\x34\xc4\x81\x74\x23\x0a\xc9\x82\x3f\x17\x66\x17", 20);
}

static void all_forms_of_the_notes_are_valid_and_told_apart(void **state)
{
    static const struct {
        const char *signature, *hash;
        bool hash_id;
    } cases[] = {{VECTOR_SHA256, "sha256", true}, {VECTOR_SHA1, "sha1", true}, {VECTOR_NOHASHOID, "sha256", false}};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ccm_signature *result = verify_id(fixture, cases[i].signature);
        assert_int_equal(result->state, CCM_SIGNATURE_VALID);
        assert_null(result->reason);
        assert_string_equal(result->hash, cases[i].hash);
        assert_int_equal(result->has_hash_id, cases[i].hash_id);
        assert_true(result->reversed);
        assert_string_equal(result->key_source, "header");
        assert_string_equal(result->key->fingerprint, VECTOR_FINGERPRINT);
    }
}

static void every_hash_that_openssl_signs_with_is_known(void **state)
{
    static const char *const hashes[] = {"md5", "sha1", "sha256", "sha384", "sha512"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        char hex[SAMPLE_HEX_MAX];
        sample_sign(buffer_cursor(&fixture->id), hashes[i], hex);
        const struct ccm_signature *result = verify_id(fixture, hex);
        assert_int_equal(result->state, CCM_SIGNATURE_VALID);
        assert_string_equal(result->hash, hashes[i]);
        assert_true(result->has_hash_id);
    }
    char hex[SAMPLE_HEX_MAX];
    sample_sign(buffer_cursor(&fixture->id), "sha256", hex);
    assert_string_equal(hex, VECTOR_SHA256); /* the fixture signs as the notes do */
    sample_sign(buffer_cursor(&fixture->id), "sha224", hex);
    assert_int_equal(verify_id(fixture, hex)->state, CCM_SIGNATURE_UNSUPPORTED);
}

static void a_signature_in_network_order_or_lower_case_is_valid_too(void **state)
{
    struct fixture *fixture = *state;
    char hex[SAMPLE_HEX_MAX];
    for (size_t i = 0; i < 256; i += 2) /* byte by byte from the end */
        memcpy(hex + i, &VECTOR_SHA256[254 - i], 2);
    hex[256] = '\0';
    const struct ccm_signature *result = verify_id(fixture, hex);
    assert_int_equal(result->state, CCM_SIGNATURE_VALID);
    assert_false(result->reversed);
    for (size_t i = 0; i < 256; i++)
        hex[i] = VECTOR_SHA256[i] >= 'A' ? (char)(VECTOR_SHA256[i] + 32) : VECTOR_SHA256[i];
    result = verify_id(fixture, hex);
    assert_int_equal(result->state, CCM_SIGNATURE_VALID);
    assert_true(result->reversed);
}

/* ---- What is not valid ---- */

static void other_bytes_are_not_what_was_signed(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < fixture->id.length; i++) {
        fixture->id.bytes[i] ^= 1;
        const struct ccm_signature *result = verify_id(fixture, VECTOR_SHA256);
        assert_int_equal(result->state, CCM_SIGNATURE_INVALID);
        assert_string_equal(result->hash, "sha256"); /* the key opened it */
        fixture->id.bytes[i] ^= 1;
    }
    fixture->id.length -= 2; /* without its terminator */
    assert_int_equal(verify_id(fixture, VECTOR_SHA256)->state, CCM_SIGNATURE_INVALID);
    assert_int_equal(verify(fixture, VECTOR_PUBLIC_KEY, NULL, VECTOR_SHA256, CURSOR_EMPTY)->state,
                     CCM_SIGNATURE_INVALID);
}

static void a_changed_signature_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 256; i += 5) {
        char hex[] = VECTOR_SHA256;
        hex[i] = hex[i] == '7' ? '8' : '7';
        const struct ccm_signature *result = verify_id(fixture, hex);
        assert_int_equal(result->state, CCM_SIGNATURE_INVALID);
        assert_non_null(result->reason);
        assert_null(result->hash); /* the padding is wrong: nothing was opened */
    }
}

static void a_wrong_length_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(verify_id(fixture, "")->state, CCM_SIGNATURE_INVALID);
    assert_int_equal(verify_id(fixture, "00")->state, CCM_SIGNATURE_INVALID);
    char hex[] = VECTOR_SHA256;
    hex[254] = '\0';
    assert_int_equal(verify_id(fixture, hex)->state, CCM_SIGNATURE_INVALID);
    assert_int_equal(verify_id(fixture, VECTOR_SHA256 "00")->state, CCM_SIGNATURE_INVALID);
    assert_int_equal(verify_id(fixture, VECTOR_SHA256 VECTOR_SHA256)->state, CCM_SIGNATURE_INVALID);
}

static void text_that_is_not_hex_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    char hex[] = VECTOR_SHA256;
    hex[100] = 'G';
    const struct ccm_signature *result = verify_id(fixture, hex);
    assert_int_equal(result->state, CCM_SIGNATURE_INVALID);
    assert_non_null(result->reason);
    hex[255] = '\0'; /* an odd number of digits */
    assert_int_equal(verify_id(fixture, hex)->state, CCM_SIGNATURE_INVALID);
}

static void another_key_in_the_header_makes_it_invalid(void **state)
{
    struct fixture *fixture = *state;
    const struct ccm_signature *result =
        verify(fixture, VECTOR_OTHER_PUBLIC_KEY, NULL, VECTOR_SHA256, buffer_cursor(&fixture->id));
    assert_int_equal(result->state, CCM_SIGNATURE_INVALID);
    assert_string_equal(result->key_source, "header");
}

static void no_signature_is_absent_and_no_key_is_nokey(void **state)
{
    struct fixture *fixture = *state;
    struct cursor id = buffer_cursor(&fixture->id);
    assert_int_equal(verify(fixture, VECTOR_PUBLIC_KEY, NULL, NULL, id)->state, CCM_SIGNATURE_ABSENT);
    const struct ccm_signature *result = verify(fixture, NULL, VECTOR_CLIENT, VECTOR_SHA256, id);
    assert_int_equal(result->state, CCM_SIGNATURE_NOKEY);
    assert_null(result->key);
    assert_null(result->key_source);
    assert_int_equal(verify(fixture, "0602", NULL, VECTOR_SHA256, id)->state, CCM_SIGNATURE_NOKEY); /* no key is that */
    assert_int_equal(verify(fixture, "zz", NULL, VECTOR_SHA256, id)->state, CCM_SIGNATURE_NOKEY);
}

static void a_modulus_sent_the_wrong_way_round_does_not_make_a_key_that_verifies(void **state)
{
    struct fixture *fixture = *state; /* wire.md 5.4: MSF does so */
    char blob[] = VECTOR_PUBLIC_KEY;
    for (size_t i = 0; i < 256; i += 2)
        memcpy(blob + 40 + i, &VECTOR_PUBLIC_KEY[40 + 254 - i], 2);
    enum ccm_signature_state found = verify(fixture, blob, NULL, VECTOR_SHA256, buffer_cursor(&fixture->id))->state;
    assert_int_equal(found, CCM_SIGNATURE_INVALID);
}

static void an_elliptic_key_is_unsupported_not_wrong(void **state)
{
    struct fixture *fixture = *state;
    char path[] = "/tmp/cmscope-signature-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    sample_hex(&fixture->bytes, VECTOR_CERTIFICATE_EC);
    assert_int_equal(write(file, fixture->bytes.bytes, fixture->bytes.length), (ssize_t)fixture->bytes.length);
    close(file);
    assert_int_equal(ccm_keyfile_load(fixture->keys, path, NULL, NULL), OUTCOME_OK);
    unlink(path);
    size_t count;
    const struct ccm_key *key = ccm_keys_loaded(fixture->keys, &count)[0];
    struct ccm_signature result = {0};
    ccm_signature_check(fixture->keys, key, cursor_of("x", 1), buffer_cursor(&fixture->id), &result);
    assert_int_equal(result.state, CCM_SIGNATURE_UNSUPPORTED);
    /* Loaded keys that do not fit prove nothing. */
    assert_int_equal(verify(fixture, NULL, NULL, VECTOR_SHA256, buffer_cursor(&fixture->id))->state,
                     CCM_SIGNATURE_NOKEY);
}

/* ---- Where the key comes from ---- */

static const struct ccm_key *blob_key(struct fixture *fixture, const char *blob)
{
    buffer_reset(&fixture->bytes, SAMPLE_MAX);
    sample_hex(&fixture->bytes, blob);
    const struct ccm_key *key = ccm_keys_blob(fixture->keys, buffer_cursor(&fixture->bytes));
    assert_non_null(key);
    return key;
}

static void a_registered_key_verifies_for_its_client_only(void **state)
{
    struct fixture *fixture = *state;
    struct cursor id = buffer_cursor(&fixture->id);
    assert_true(ccm_keys_register(fixture->keys, TEXT(VECTOR_CLIENT), blob_key(fixture, VECTOR_PUBLIC_KEY)));
    const struct ccm_signature *result = verify(fixture, NULL, VECTOR_CLIENT, VECTOR_SHA256, id);
    assert_int_equal(result->state, CCM_SIGNATURE_VALID);
    assert_string_equal(result->key_source, "registration");
    assert_int_equal(verify(fixture, NULL, "GUID:2", VECTOR_SHA256, id)->state, CCM_SIGNATURE_NOKEY);
    result = verify(fixture, VECTOR_OTHER_PUBLIC_KEY, VECTOR_CLIENT, VECTOR_SHA256, id);
    assert_int_equal(result->state, CCM_SIGNATURE_INVALID); /* the key in the header comes first */
}

static void a_client_that_registered_another_key_signs_invalidly(void **state)
{
    struct fixture *fixture = *state;
    assert_true(ccm_keys_register(fixture->keys, TEXT(VECTOR_CLIENT), blob_key(fixture, VECTOR_OTHER_PUBLIC_KEY)));
    const struct ccm_signature *result =
        verify(fixture, NULL, VECTOR_CLIENT, VECTOR_SHA256, buffer_cursor(&fixture->id));
    assert_int_equal(result->state, CCM_SIGNATURE_INVALID);
    assert_string_equal(result->key_source, "registration");
    /* It registers again, with the right one: one of them suffices. */
    assert_true(ccm_keys_register(fixture->keys, TEXT(VECTOR_CLIENT), blob_key(fixture, VECTOR_PUBLIC_KEY)));
    assert_int_equal(verify(fixture, NULL, VECTOR_CLIENT, VECTOR_SHA256, buffer_cursor(&fixture->id))->state,
                     CCM_SIGNATURE_VALID);
}

static void a_key_from_a_file_verifies_anyones_signature(void **state)
{
    struct fixture *fixture = *state;
    char path[] = "/tmp/cmscope-signature-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_true(write(file, VECTOR_PRIVATE_KEY, sizeof VECTOR_PRIVATE_KEY - 1) > 0);
    close(file);
    assert_int_equal(ccm_keyfile_load(fixture->keys, path, NULL, NULL), OUTCOME_OK);
    unlink(path);
    const struct ccm_signature *result =
        verify(fixture, NULL, "GUID:nobody", VECTOR_SHA256, buffer_cursor(&fixture->id));
    assert_int_equal(result->state, CCM_SIGNATURE_VALID);
    assert_string_equal(result->key_source, "keys");
}

/* ---- Tokens of headers (wire.md 1.5) ---- */

static void the_client_token_of_the_notes_is_valid(void **state)
{
    (void)state;
    struct ccm_decoder decoder;
    assert_true(ccm_decoder_init(&decoder));
    struct buffer blob;
    buffer_init(&blob, SAMPLE_MAX);
    sample_hex(&blob, VECTOR_PUBLIC_KEY);
    struct ccm_signature result;
    ccm_token_verify(&decoder, TEXT(VECTOR_TOKEN), TEXT(VECTOR_TOKEN_SIGNATURE), &result);
    assert_int_equal(result.state, CCM_SIGNATURE_NOKEY);
    assert_true(
        ccm_keys_register(decoder.keys, TEXT(VECTOR_CLIENT), ccm_keys_blob(decoder.keys, buffer_cursor(&blob))));
    ccm_token_verify(&decoder, TEXT(VECTOR_TOKEN), TEXT(VECTOR_TOKEN_SIGNATURE), &result);
    assert_int_equal(result.state, CCM_SIGNATURE_VALID);
    assert_string_equal(result.key_source, "registration");
    ccm_token_verify(&decoder, TEXT(VECTOR_CLIENT ";2024-05-06T07:08:10Z;2"), TEXT(VECTOR_TOKEN_SIGNATURE), &result);
    assert_int_equal(result.state, CCM_SIGNATURE_INVALID); /* another second */
    ccm_token_verify(&decoder, TEXT(VECTOR_TOKEN), TEXT_NULL, &result);
    assert_int_equal(result.state, CCM_SIGNATURE_ABSENT);
    ccm_token_verify(&decoder, TEXT_NULL, TEXT(VECTOR_TOKEN_SIGNATURE), &result);
    assert_int_equal(result.state, CCM_SIGNATURE_ABSENT);

    struct buffer wide; /* variant B: without terminator */
    char hex[SAMPLE_HEX_MAX];
    buffer_init(&wide, SAMPLE_MAX);
    sample_wide(&wide, VECTOR_TOKEN);
    sample_sign(buffer_cursor(&wide), "sha256", hex);
    ccm_token_verify(&decoder, TEXT(VECTOR_TOKEN), text_of(hex), &result);
    assert_int_equal(result.state, CCM_SIGNATURE_VALID);
    buffer_free(&wide);
    buffer_free(&blob);
    ccm_decoder_free(&decoder);
}

static void the_client_is_read_out_of_every_form_of_token(void **state)
{
    static const struct {
        const char *token, *client;
    } cases[] = {
        {VECTOR_TOKEN, VECTOR_CLIENT},
        {"guid:aaaaaaaa-2222-3333-4444-555555555555;t;2", "GUID:AAAAAAAA-2222-3333-4444-555555555555"},
        {"{aaaaaaaa-2222-3333-4444-555555555555};t", "GUID:AAAAAAAA-2222-3333-4444-555555555555"},
        {"GUID:{aaaaaaaa-2222-3333-4444-555555555555};t", "GUID:AAAAAAAA-2222-3333-4444-555555555555"},
        {VECTOR_CLIENT, VECTOR_CLIENT},
        {"GUID:1;t", NULL},
        {";;", NULL},
        {"", NULL},
        {"{", NULL},
        {"{}", NULL},
        {"GUID:", NULL},
    };
    (void)state;
    struct ccm_decoder decoder;
    assert_true(ccm_decoder_init(&decoder));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(text_is(ccm_token_client(&decoder, text_of(cases[i].token)), cases[i].client));
    assert_null(ccm_token_client(&decoder, TEXT_NULL).at);
    ccm_decoder_free(&decoder);
}

static void every_state_has_the_name_of_the_records(void **state)
{
    (void)state;
    assert_string_equal(ccm_signature_state_name(CCM_SIGNATURE_ABSENT), "absent");
    assert_string_equal(ccm_signature_state_name(CCM_SIGNATURE_VALID), "valid");
    assert_string_equal(ccm_signature_state_name(CCM_SIGNATURE_INVALID), "invalid");
    assert_string_equal(ccm_signature_state_name(CCM_SIGNATURE_NOKEY), "nokey");
    assert_string_equal(ccm_signature_state_name(CCM_SIGNATURE_UNSUPPORTED), "unsupported");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_bytes_that_are_signed_are_those_of_the_notes),
        TEST(all_forms_of_the_notes_are_valid_and_told_apart),
        TEST(every_hash_that_openssl_signs_with_is_known),
        TEST(a_signature_in_network_order_or_lower_case_is_valid_too),
        TEST(other_bytes_are_not_what_was_signed),
        TEST(a_changed_signature_is_invalid),
        TEST(a_wrong_length_is_invalid),
        TEST(text_that_is_not_hex_is_invalid),
        TEST(another_key_in_the_header_makes_it_invalid),
        TEST(no_signature_is_absent_and_no_key_is_nokey),
        TEST(a_modulus_sent_the_wrong_way_round_does_not_make_a_key_that_verifies),
        TEST(an_elliptic_key_is_unsupported_not_wrong),
        TEST(a_registered_key_verifies_for_its_client_only),
        TEST(a_client_that_registered_another_key_signs_invalidly),
        TEST(a_key_from_a_file_verifies_anyones_signature),
        TEST(the_client_token_of_the_notes_is_valid),
        TEST(the_client_is_read_out_of_every_form_of_token),
        TEST(every_state_has_the_name_of_the_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
