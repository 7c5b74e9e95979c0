/* tests/unit/test_configmgr_keys.c: keys from blobs, registrations and files are kept once and told apart. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dissect/configmgr/keyfile.h"
#include "tests/unit/message_fixture.h"

/* What openssl made of VECTOR_PRIVATE_KEY: rsa -aes128 -traditional -passout pass:test, and
 * pkcs8 -topk8 -passout pass:test. Only the first lines: nothing may be decrypted. */
#define ENCRYPTED_TRADITIONAL                                                                                          \
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"                                                        \
    "DEK-Info: AES-128-CBC,48BE904A7A167030A791DC2661D06C6B\n\n"                                                       \
    "MIIC3TBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIgPSpKwLv5kYCAggA\n-----END RSA PRIVATE KEY-----\n"
#define ENCRYPTED_PKCS8                                                                                                \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                                          \
    "MIIC3TBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIgPSpKwLv5kYCAggA\n-----END ENCRYPTED PRIVATE KEY-----\n"

/* openssl rsa -pubout of VECTOR_PRIVATE_KEY */
#define PUBLIC_PEM                                                                                                     \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCobYqhleNDv+6rCPLq8kydCm9j\n"                                               \
    "6RfKNrkcWwkM75+j/W2Ar2dYdJVpic1sR66cQsxFMQn+DuO+u94xl7pNCpnJvBvw\n"                                               \
    "Rylq0DOVD/abYvu8dHFGOMM5Um2DP38qpga7J3KF97rkAUTCrGROF5TpRga4tYHc\n"                                               \
    "drVF1DXNgxarJ0StHwIDAQAB\n"                                                                                       \
    "-----END PUBLIC KEY-----\n"

struct fixture {
    struct ccm_keys *keys;
    struct buffer bytes;
    char folder[64];
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return 1;
    *state = fixture;
    fixture->keys = ccm_keys_new();
    buffer_init(&fixture->bytes, SAMPLE_MAX);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/cmscope-keys-XXXXXX");
    return fixture->keys == NULL || mkdtemp(fixture->folder) == NULL;
}

static const char *const FILES[] = {"a", "b", "c", "d", "e"};

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", fixture->folder, FILES[i]);
        unlink(path);
    }
    int left = rmdir(fixture->folder);
    ccm_keys_free(fixture->keys);
    buffer_free(&fixture->bytes);
    free(fixture);
    return left;
}

static struct cursor hex(struct fixture *fixture, const char *digits)
{
    buffer_reset(&fixture->bytes, SAMPLE_MAX);
    sample_hex(&fixture->bytes, digits);
    return buffer_cursor(&fixture->bytes);
}

static const struct ccm_key *vector_key(struct fixture *fixture)
{
    const struct ccm_key *key = ccm_keys_blob(fixture->keys, hex(fixture, VECTOR_PUBLIC_KEY));
    assert_non_null(key);
    return key;
}

static const char *put_file(struct fixture *fixture, const char *name, struct cursor bytes)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.at, 1, bytes.left, file), bytes.left);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* Loads one file with these bytes; the key that came of it, or NULL. */
static const struct ccm_key *load(struct fixture *fixture, struct cursor bytes)
{
    size_t before, after;
    ccm_keys_loaded(fixture->keys, &before);
    struct error error = {0};
    enum outcome outcome = ccm_keyfile_load(fixture->keys, put_file(fixture, "a", bytes), NULL, &error);
    const struct ccm_key *const *loaded = ccm_keys_loaded(fixture->keys, &after);
    assert_int_equal(outcome, after > before ? OUTCOME_OK : OUTCOME_MALFORMED);
    assert_int_equal(error.text[0] != '\0', outcome != OUTCOME_OK);
    return after > before ? loaded[after - 1] : NULL;
}

static const struct ccm_key *load_text(struct fixture *fixture, const char *text)
{
    return load(fixture, cursor_of(text, strlen(text)));
}

/* ---- PUBLICKEYBLOB ---- */

static void the_blob_of_the_protocol_notes_is_their_key(void **state)
{
    const struct ccm_key *key = vector_key(*state);
    assert_int_equal(key->bits, 1024);
    assert_string_equal(key->fingerprint, VECTOR_FINGERPRINT);
    assert_non_null(key->recover);
    assert_ptr_equal(vector_key(*state), key); /* the same blob is the same key */
}

static void a_blob_with_other_head_or_tail_is_the_same_key(void **state)
{
    struct fixture *fixture = *state;
    const struct ccm_key *key = vector_key(fixture);
    hex(fixture, VECTOR_PUBLIC_KEY);
    fixture->bytes.bytes[5] = 0x24; /* CALG_RSA_SIGN (wire.md 5.4) */
    assert_ptr_equal(ccm_keys_blob(fixture->keys, buffer_cursor(&fixture->bytes)), key);
    sample_append(&fixture->bytes, cursor_of("\0\0\0", 3));
    assert_ptr_equal(ccm_keys_blob(fixture->keys, buffer_cursor(&fixture->bytes)), key);
}

static void another_blob_is_another_key(void **state)
{
    struct fixture *fixture = *state;
    const struct ccm_key *other = ccm_keys_blob(fixture->keys, hex(fixture, VECTOR_OTHER_PUBLIC_KEY));
    assert_non_null(other);
    assert_ptr_not_equal(other, vector_key(fixture));
    assert_string_not_equal(other->fingerprint, VECTOR_FINGERPRINT);
}

static void a_blob_whose_head_is_wrong_is_no_key(void **state)
{
    static const struct {
        size_t offset;
        uint8_t value;
    } faults[] = {
        {0, 7},     /* PRIVATEKEYBLOB */
        {1, 3},     /* version */
        {8, 'X'},   /* magic */
        {11, '2'},  /* RSA2: a private key */
        {12, 1},    /* 1025 bits: not whole bytes */
        {13, 8},    /* 2048 bits: more than there are bytes */
        {15, 0xFF}, /* four billion bits */
        {13, 0},    /* no bits at all */
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        hex(fixture, VECTOR_PUBLIC_KEY);
        assert_int_not_equal(fixture->bytes.bytes[faults[i].offset], faults[i].value);
        fixture->bytes.bytes[faults[i].offset] = faults[i].value;
        assert_null(ccm_keys_blob(fixture->keys, buffer_cursor(&fixture->bytes)));
    }
    hex(fixture, VECTOR_PUBLIC_KEY);
    memcpy(fixture->bytes.bytes + 16, "\1\0\0", 4); /* an exponent of one signs anything */
    assert_null(ccm_keys_blob(fixture->keys, buffer_cursor(&fixture->bytes)));
}

static void a_blob_that_is_cut_anywhere_is_no_key(void **state)
{
    struct fixture *fixture = *state;
    struct cursor whole = hex(fixture, VECTOR_PUBLIC_KEY);
    for (size_t length = 0; length < whole.left; length++) {
        uint8_t *cut = malloc(length == 0 ? 1 : length);
        assert_non_null(cut);
        memcpy(cut, whole.at, length);
        assert_null(ccm_keys_blob(fixture->keys, cursor_of(cut, length)));
        free(cut);
    }
}

static void a_giant_or_empty_modulus_burns_no_time(void **state)
{
    struct fixture *fixture = *state;
    hex(fixture, "0602000000A40000525341310041000001000100"); /* 16640 bits, more than the limit */
    for (int i = 0; i < 16640 / 8; i++)
        sample_append(&fixture->bytes, cursor_of("\xFF", 1));
    assert_null(ccm_keys_blob(fixture->keys, buffer_cursor(&fixture->bytes)));
    hex(fixture,
        "0602000000A40000525341310004000001000100"); /* 1024 bits, all zero: whatever it is, it opens nothing */
    for (int i = 0; i < 128; i++)
        sample_append(&fixture->bytes, cursor_of("\0", 1));
    const struct ccm_key *zero = ccm_keys_blob(fixture->keys, buffer_cursor(&fixture->bytes));
    assert_true(zero == NULL || zero->bits <= 1);
}

/* ---- Whose key ---- */

static void keys_are_found_by_client_in_any_spelling(void **state)
{
    struct fixture *fixture = *state;
    const struct ccm_key *key = vector_key(fixture), *found[CCM_KEYS_OF_CLIENT_MAX];
    assert_int_equal(ccm_keys_of(fixture->keys, TEXT("GUID:a-1"), found), 0);
    assert_true(ccm_keys_register(fixture->keys, TEXT("GUID:A-1"), key));
    assert_true(ccm_keys_register(fixture->keys, TEXT("guid:{a-1}"), key)); /* again: kept once */
    assert_int_equal(ccm_keys_of(fixture->keys, TEXT("Guid:a-1"), found), 1);
    assert_ptr_equal(found[0], key);
    assert_int_equal(ccm_keys_of(fixture->keys, TEXT("GUID:{A-1}"), found), 1);
    assert_int_equal(ccm_keys_of(fixture->keys, TEXT("GUID:A-2"), found), 0);
    assert_int_equal(ccm_keys_of(fixture->keys, TEXT(""), found), 0);
    assert_int_equal(ccm_keys_of(fixture->keys, TEXT_NULL, found), 0);
    const struct ccm_key *other = ccm_keys_blob(fixture->keys, hex(fixture, VECTOR_OTHER_PUBLIC_KEY));
    assert_true(ccm_keys_register(fixture->keys, TEXT("GUID:A-1"), other));
    assert_int_equal(ccm_keys_of(fixture->keys, TEXT("GUID:A-1"), found), 2);
    assert_true((found[0] == key && found[1] == other) || (found[0] == other && found[1] == key));
}

static void an_absurd_client_id_is_nobodys(void **state)
{
    struct fixture *fixture = *state;
    char id[1000];
    memset(id, 'A', sizeof id);
    const struct ccm_key *found[CCM_KEYS_OF_CLIENT_MAX];
    assert_true(ccm_keys_register(fixture->keys, (struct text){id, sizeof id}, vector_key(fixture)));
    assert_true(ccm_keys_register(fixture->keys, TEXT("{}"), vector_key(fixture)));
    assert_int_equal(ccm_keys_of(fixture->keys, (struct text){id, sizeof id}, found), 0);
    assert_int_equal(ccm_keys_of(fixture->keys, TEXT("{}"), found), 0);
}

/* ---- Files ---- */

static void every_form_of_a_key_is_loaded_as_the_same_key(void **state)
{
    struct fixture *fixture = *state;
    const struct ccm_key *key = vector_key(fixture);
    assert_ptr_equal(load_text(fixture, VECTOR_PRIVATE_KEY), key);
    assert_ptr_equal(load_text(fixture, "a comment before\n" VECTOR_PRIVATE_KEY "and behind\n"), key);
    assert_ptr_equal(load_text(fixture, PUBLIC_PEM), key);
    assert_ptr_equal(load(fixture, hex(fixture, VECTOR_CERTIFICATE)), key);
    assert_ptr_equal(load(fixture, hex(fixture, VECTOR_CERTIFICATE_PKI)), key);
}

static void a_key_that_is_not_rsa_is_loaded_but_opens_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct ccm_key *key = load(fixture, hex(fixture, VECTOR_CERTIFICATE_EC));
    assert_non_null(key);
    assert_null(key->recover);
    assert_int_equal(key->bits, 256);
}

/* A prompt for a password would hang here until the test times out: standard input stays as it is. */
static void an_encrypted_key_is_passed_over_without_asking(void **state)
{
    assert_null(load_text(*state, ENCRYPTED_TRADITIONAL));
    assert_null(load_text(*state, ENCRYPTED_PKCS8));
    assert_non_null(load_text(*state, ENCRYPTED_PKCS8 ENCRYPTED_TRADITIONAL VECTOR_PRIVATE_KEY));
}

static void what_is_no_key_is_refused_with_a_reason(void **state)
{
    struct fixture *fixture = *state;
    assert_null(load_text(fixture, ""));
    assert_null(load_text(fixture, "just text\n"));
    assert_null(load_text(fixture, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    assert_null(load_text(fixture, "-----BEGIN CERTIFICATE-----\nMIIB"));
    struct cursor certificate = hex(fixture, VECTOR_CERTIFICATE);
    certificate.left -= 1;
    assert_null(load(fixture, certificate));
    struct error error;
    assert_int_equal(ccm_keyfile_load(fixture->keys, "/nonexistent/keys", NULL, &error), OUTCOME_SYSTEM);
    assert_non_null(strstr(error.text, "/nonexistent/keys"));
}

static void a_folder_is_read_without_what_is_no_key(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    assert_int_equal(ccm_keyfile_load(fixture->keys, fixture->folder, NULL, &error), OUTCOME_MORE);
    put_file(fixture, "a", cursor_of("readme", 6));
    put_file(fixture, "b", hex(fixture, VECTOR_CERTIFICATE_EC));
    put_file(fixture, "c", cursor_of(VECTOR_PRIVATE_KEY, sizeof VECTOR_PRIVATE_KEY - 1));
    put_file(fixture, "d", cursor_of(ENCRYPTED_PKCS8, sizeof ENCRYPTED_PKCS8 - 1));
    put_file(fixture, "e", cursor_of("", 0));
    assert_int_equal(ccm_keyfile_load(fixture->keys, fixture->folder, NULL, &error), OUTCOME_OK);
    size_t count;
    const struct ccm_key *const *loaded = ccm_keys_loaded(fixture->keys, &count);
    assert_int_equal(count, 2);
    assert_null(loaded[0]->recover); /* in the order of names */
    assert_string_equal(loaded[1]->fingerprint, VECTOR_FINGERPRINT);
}

/* ---- Hashes: FIPS 180-4 examples ("abc"), RFC 1321 appendix A.5 ---- */

static void hashes_are_those_of_their_standards(void **state)
{
    static const struct {
        enum ccm_hash hash;
        const char *name, *digest;
    } cases[] = {
        {CCM_MD5, "md5", "900150983CD24FB0D6963F7D28E17F72"},
        {CCM_SHA1, "sha1", "A9993E364706816ABA3E25717850C26C9CD0D89D"},
        {CCM_SHA256, "sha256", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"},
        {CCM_SHA384, "sha384",
         "CB00753F45A35E8BB5A03D699AC65007272C32AB0EDED1631A8B605A43FF5BED8086072BA1E7CC2358BAECA134C825A7"},
        {CCM_SHA512, "sha512",
         "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A2192992A274FC1A836BA3C23A3FEEBBD"
         "454D4423643CE80E2A9AC94FA54CA49F"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t digest[CCM_HASH_BYTES_MAX];
        size_t length = ccm_hash(fixture->keys, cases[i].hash, cursor_of("abc", 3), digest);
        assert_true(cursor_equal(cursor_of(digest, length), hex(fixture, cases[i].digest)));
        assert_string_equal(ccm_hash_name(cases[i].hash), cases[i].name);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_blob_of_the_protocol_notes_is_their_key),
        TEST(a_blob_with_other_head_or_tail_is_the_same_key),
        TEST(another_blob_is_another_key),
        TEST(a_blob_whose_head_is_wrong_is_no_key),
        TEST(a_blob_that_is_cut_anywhere_is_no_key),
        TEST(a_giant_or_empty_modulus_burns_no_time),
        TEST(keys_are_found_by_client_in_any_spelling),
        TEST(an_absurd_client_id_is_nobodys),
        TEST(every_form_of_a_key_is_loaded_as_the_same_key),
        TEST(a_key_that_is_not_rsa_is_loaded_but_opens_nothing),
        TEST(an_encrypted_key_is_passed_over_without_asking),
        TEST(what_is_no_key_is_refused_with_a_reason),
        TEST(a_folder_is_read_without_what_is_no_key),
        TEST(hashes_are_those_of_their_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
