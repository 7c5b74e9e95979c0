/* tests/unit/test_configmgr_certificate.c: what openssl x509 says of a certificate is what its row says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/certificate.h"
#include "tests/unit/message_fixture.h"

struct fixture {
    struct ccm_keys *keys;
    struct arena arena;
    struct certificate_row row;
    const struct ccm_key *key;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return 1;
    *state = fixture;
    arena_init(&fixture->arena, (size_t)8 << 20);
    fixture->keys = ccm_keys_new();
    return fixture->keys == NULL;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    ccm_keys_free(fixture->keys);
    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static const struct certificate_row *read_text(struct fixture *fixture, struct text hex)
{
    arena_reset(&fixture->arena);
    fixture->row = certificate_row_null();
    ccm_certificate_read(hex, fixture->keys, &fixture->arena, &fixture->row, &fixture->key);
    return &fixture->row;
}

/* Values by openssl x509 -noout -subject -issuer -serial -dates -fingerprint -nameopt RFC2253, and by sha256sum. */
static void a_self_signed_client_certificate_is_read_as_openssl_does(void **state)
{
    struct fixture *fixture = *state;
    const struct certificate_row *row = read_text(fixture, TEXT(VECTOR_CERTIFICATE));
    assert_null(row->problem.at);
    assert_true(text_is(row->subject, "CN=ConfigMgr Client"));
    assert_true(text_is(row->issuer, "CN=ConfigMgr Client"));
    assert_true(text_is(row->serial, "1234"));
    assert_true(row->not_before == 1795345285.0);
    assert_true(row->not_after == 2110705285.0);
    assert_true(text_is(row->fingerprint_sha1, "E920FEB7E0491E96C178926E8195F413A11F61B1"));
    assert_true(text_is(row->fingerprint_sha256, "593C2A36EDB1CF4DE44207BAE64E568E72F5241F9440574200236D7480488168"));
    assert_true(text_is(row->key_type, "rsa"));
    assert_int_equal(row->key_bits, 1024);
    assert_true(text_is(row->signature_algorithm, "1.2.840.113549.1.1.11"));
    assert_true(text_is(row->signature_hash, "sha256"));
    assert_true(text_is(row->eku, "1.3.6.1.4.1.311.101.2,1.3.6.1.4.1.311.101"));
    assert_null(row->san.at);
    assert_int_equal(row->self_signed, 1);
    assert_true(text_is(row->spki_sha256, VECTOR_FINGERPRINT));
    assert_string_equal(fixture->key->fingerprint, VECTOR_FINGERPRINT);
}

static void a_certificate_of_a_pki_is_not_self_signed(void **state)
{
    const struct certificate_row *row = read_text(*state, TEXT(VECTOR_CERTIFICATE_PKI));
    assert_null(row->problem.at);
    assert_true(text_is(row->subject, "CN=pc1"));
    assert_true(text_is(row->issuer, "CN=Test CA,O=Example"));
    assert_true(text_is(row->serial, "0A0B"));
    assert_true(text_is(row->san, "pc1.example.org,pc1"));
    assert_true(text_is(row->eku, "1.3.6.1.5.5.7.3.2"));
    assert_int_equal(row->self_signed, 0);
    assert_true(text_is(row->fingerprint_sha1, "0540E1594D2DE222034EFA49FEC1C0E6E923D189"));
    assert_true(text_is(row->spki_sha256, VECTOR_FINGERPRINT));
}

static void old_hashes_and_other_keys_are_named(void **state)
{
    const struct certificate_row *row = read_text(*state, TEXT(VECTOR_CERTIFICATE_SHA1));
    assert_true(text_is(row->signature_hash, "sha1"));
    assert_true(text_is(row->signature_algorithm, "1.2.840.113549.1.1.5"));
    assert_int_equal(row->self_signed, 1);
    row = read_text(*state, TEXT(VECTOR_CERTIFICATE_EC));
    assert_true(text_is(row->key_type, "ec"));
    assert_int_equal(row->key_bits, 256);
    assert_true(text_is(row->signature_hash, "sha256"));
    assert_true(text_is(row->spki_sha256, "f2e184cabf200b6655e266ad7f45b995e2d3a891e4c590f608003335a067bf88"));
}

static void white_space_around_and_lower_case_do_not_matter(void **state)
{
    struct fixture *fixture = *state;
    char hex[] = "\r\n " VECTOR_CERTIFICATE "\n";
    for (char *at = hex; *at != '\0'; at++)
        *at = *at >= 'A' && *at <= 'F' ? (char)(*at + 32) : *at;
    const struct certificate_row *row = read_text(fixture, text_of(hex));
    assert_null(row->problem.at);
    assert_true(text_is(row->fingerprint_sha1, "E920FEB7E0491E96C178926E8195F413A11F61B1"));
}

static void a_changed_signature_makes_it_not_self_signed(void **state)
{
    char hex[] = VECTOR_CERTIFICATE;
    hex[sizeof hex - 2] = hex[sizeof hex - 2] == '0' ? '1' : '0';
    const struct certificate_row *row = read_text(*state, text_of(hex));
    assert_null(row->problem.at);
    assert_int_equal(row->self_signed, 0);
    assert_true(text_is(row->subject, "CN=ConfigMgr Client"));
}

static void what_is_no_certificate_says_so_and_keeps_its_fingerprint(void **state)
{
    struct fixture *fixture = *state;
    const struct certificate_row *row = read_text(fixture, TEXT("616263")); /* "abc": FIPS 180-4 */
    assert_non_null(row->problem.at);
    assert_true(text_is(row->fingerprint_sha1, "A9993E364706816ABA3E25717850C26C9CD0D89D"));
    assert_null(row->subject.at);
    assert_null(fixture->key);
    assert_non_null(read_text(fixture, TEXT(""))->problem.at);
    assert_non_null(read_text(fixture, TEXT("308"))->problem.at);
    assert_non_null(read_text(fixture, TEXT("no hex"))->problem.at);
    assert_null(fixture->row.fingerprint_sha1.at);
    assert_non_null(read_text(fixture, TEXT_NULL)->problem.at);
    assert_non_null(read_text(fixture, TEXT(VECTOR_CMS_DES3))->problem.at);
}

static void every_cut_and_every_changed_byte_ends_in_order(void **state)
{
    struct fixture *fixture = *state;
    char hex[] = VECTOR_CERTIFICATE;
    size_t length = strlen(hex);
    for (size_t i = 0; i < length; i += 2)
        assert_non_null(read_text(fixture, (struct text){hex, i})->problem.at);
    for (size_t i = 0; i < length; i++) {
        char kept = hex[i];
        hex[i] = kept == 'F' ? '0' : 'F';
        const struct certificate_row *row = read_text(fixture, text_of(hex));
        assert_int_equal(row->fingerprint_sha1.length, 40);
        assert_true(row->problem.at != NULL || row->serial.at != NULL);
        assert_false(row->problem.at == NULL && row->self_signed == 1); /* no change is unnoticed */
        hex[i] = kept;
    }
}

static void a_text_that_is_too_long_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    size_t length = 2 * CCM_CERTIFICATE_MAX + 2;
    char *hex = malloc(length);
    assert_non_null(hex);
    memset(hex, '3', length);
    const struct certificate_row *row = read_text(fixture, (struct text){hex, length});
    assert_non_null(row->problem.at);
    assert_null(row->fingerprint_sha1.at);
    assert_int_equal(fixture->arena.used, 0);
    free(hex);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_self_signed_client_certificate_is_read_as_openssl_does),
        TEST(a_certificate_of_a_pki_is_not_self_signed),
        TEST(old_hashes_and_other_keys_are_named),
        TEST(white_space_around_and_lower_case_do_not_matter),
        TEST(a_changed_signature_makes_it_not_self_signed),
        TEST(what_is_no_certificate_says_so_and_keeps_its_fingerprint),
        TEST(every_cut_and_every_changed_byte_ends_in_order),
        TEST(a_text_that_is_too_long_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
