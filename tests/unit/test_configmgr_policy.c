/* tests/unit/test_configmgr_policy.c: secrets of policies are found, counted, revealed only when asked, and never printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/policy.h"
#include "tests/unit/message_fixture.h"

/* wire.md 11.1: demo value published with its tool; a user name. */
#define SECRET                                                                                                         \
    "89130000703994099597edb7733621248D4f9d474995679d1b487564356e34e63fee0855f34044f494e49a7b1400000020000000280000"   \
    "00036600000000000015893849fa928387d5c783fa23676ed8da6ab4275a31d653f3f5db6df860521b9b33ab0cf12669f1"
#define SECRET_PLAIN "LAB\\canyouseeme"

/* wire.md 11.2: head and first block of media variables; the same derivation from the password as of secrets. */
#define MEDIA_PASSWORD "Password1"
#define MEDIA_BLOCK "11cb54aa3b699f61f86ab312e6fb97ec"

struct fixture {
    struct ccm_decoder decoder;
    struct ccm_policy policy;
    struct buffer out;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL || !ccm_decoder_init(&fixture->decoder))
        return 1;
    buffer_init(&fixture->out, SAMPLE_MAX);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    ccm_decoder_free(&fixture->decoder);
    buffer_free(&fixture->out);
    free(fixture);
    return 0;
}

static struct cursor hex(struct fixture *fixture, const char *digits)
{
    struct cursor bytes;
    assert_true(text_hex_decode(text_of(digits), &fixture->decoder.arena, &bytes));
    return bytes;
}

static struct text printed(struct fixture *fixture)
{
    buffer_reset(&fixture->out, SAMPLE_MAX);
    assert_true(ccm_policy_print_hidden(&fixture->policy, &fixture->out));
    return text_from(buffer_cursor(&fixture->out));
}

static void the_secret_of_the_notes_is_revealed(void **state)
{
    struct fixture *fixture = *state;
    struct cursor plain;
    bool odd;
    const char *problem = "";
    assert_true(
        ccm_secret_reveal(fixture->decoder.keys, hex(fixture, SECRET), &fixture->decoder.arena, &plain, &problem));
    assert_null(problem);
    assert_int_equal(plain.left, 32);
    struct text text = text_from_utf16(&fixture->decoder.arena, plain, false, &odd);
    assert_string_equal(text.at, SECRET_PLAIN); /* its own terminator ends it */
}

/* The steps of wire.md 11.1: the hash of the 40 bytes of material behind the version, and the key bytes made of it. */
static void the_key_of_the_secret_is_derived_as_in_the_notes(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_keys *keys = fixture->decoder.keys;
    uint8_t hash[CCM_HASH_BYTES_MAX], key[CCM_SECRET_KEY_ROOM];
    struct cursor material;
    assert_true(cursor_slice(hex(fixture, SECRET), 4, 40, &material));
    assert_int_equal(ccm_hash(keys, CCM_SHA1, material, hash), 20);
    assert_memory_equal(hash, hex(fixture, "92ee42f4d95b398522e9c3888cdb38bbd323cc7d").at, 20);
    assert_true(ccm_secret_derive(keys, material, key));
    assert_memory_equal(
        key, hex(fixture, "7b54ed5e7ab17d4a968455abffd0fbb5b2fccf898287a8db3ec1360e2972b9eb5e7a85730999b58a").at,
        CCM_SECRET_KEY_BYTES);
}

/* The .var file of media (wire.md 9.3) has the same derivation, of a password, with AES-128 and a zero vector. */
static void the_key_of_the_media_vector_is_derived_likewise(void **state)
{
    struct fixture *fixture = *state;
    struct ccm_keys *keys = fixture->decoder.keys;
    struct cursor password, bytes = hex(fixture, MEDIA_BLOCK);
    uint8_t key[CCM_SECRET_KEY_ROOM], iv[16] = {0}, plain[64];
    int length = 0;
    assert_true(text_to_utf16le(&fixture->decoder.arena, TEXT(MEDIA_PASSWORD), &password));
    assert_true(ccm_secret_derive(keys, password, key));
    EVP_CIPHER *cipher = ccm_keys_cipher(keys, "AES-128-CBC", false);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_DecryptInit_ex2(context, cipher, key, iv, NULL), 1);
    EVP_CIPHER_CTX_set_padding(context, 0);
    assert_int_equal(EVP_DecryptUpdate(context, plain, &length, bytes.at, (int)bytes.left), 1);
    assert_int_equal(length, 16);
    assert_memory_equal(plain, "<\0?\0x\0m\0l\0 \0v\0e\0", 16);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
}

static void a_damaged_secret_says_why(void **state)
{
    struct fixture *fixture = *state;
    struct cursor whole = hex(fixture, SECRET), plain;
    const char *problem;
    for (size_t length = 0; length < whole.left; length++) {
        uint8_t *cut = malloc(length == 0 ? 1 : length);
        assert_non_null(cut);
        memcpy(cut, whole.at, length);
        assert_false(ccm_secret_reveal(fixture->decoder.keys, cursor_of(cut, length), &fixture->decoder.arena, &plain,
                                       &problem));
        assert_string_equal(problem, "its header is damaged or cut off");
        free(cut);
    }
    uint8_t *copy = malloc(whole.left + 1);
    assert_non_null(copy);
    memcpy(copy, whole.at, whole.left);
    copy[56] = 0x99; /* ALG_ID */
    assert_false(ccm_secret_reveal(fixture->decoder.keys, cursor_of(copy, whole.left), &fixture->decoder.arena, &plain,
                                   &problem));
    assert_string_equal(problem, "its algorithm is not known");
    memcpy(copy, whole.at, whole.left);
    copy[4] ^= 1; /* key material: the padding is wrong then */
    assert_false(ccm_secret_reveal(fixture->decoder.keys, cursor_of(copy, whole.left), &fixture->decoder.arena, &plain,
                                   &problem));
    assert_string_equal(problem, "it is damaged");
    free(copy);
}

#define POLICY                                                                                                         \
    "<Policy PolicyID=\"{1}\"><PolicyAction><instance class=\"CCM_NetworkAccessAccount\">"                             \
    "<property name=\"SiteSettingsKey\" type=\"19\"><value>1</value></property>"                                       \
    "<property name=\"NetworkAccessUsername\" type=\"8\" secret=\"1\"><value><![CDATA[" SECRET                         \
    "]]></value></property><property name=\"Plain\" secret='1'><value>open sesame</value></property>"                  \
    "<property name=\"AdminPassword\"><value>hunter2</value></property></instance></PolicyAction></Policy>"

static void secrets_are_counted_and_hidden_unless_asked_for(void **state)
{
    struct fixture *fixture = *state;
    size_t at;
    ccm_policy_read(&fixture->decoder, TEXT(POLICY), false, &fixture->policy);
    const struct ccm_policy *policy = &fixture->policy;
    assert_true(policy->has_secret);
    assert_int_equal(policy->secret_count, 2);
    assert_true(text_is(policy->secrets[0].name, "NetworkAccessUsername"));
    assert_true(text_is(policy->secrets[0].class_name, "CCM_NetworkAccessAccount"));
    assert_string_equal(policy->secrets[0].obfuscation, "3des");
    assert_int_equal(policy->secrets[0].bytes, 32);
    assert_null(policy->secrets[0].value.at);
    assert_null(policy->secrets[1].obfuscation);
    assert_null(policy->secrets[1].value.at);
    struct text text = printed(fixture);
    static const char *const never[] = {"70399409", "open sesame", "hunter2", "canyouseeme"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_false(text_find_like(text, never[i], &at));
    assert_true(
        text_find_like(text, "<property name=\"SiteSettingsKey\" type=\"19\"><value>1</value></property>", &at));
    assert_true(text_find_like(text, "<value>[hidden]</value>", &at));

    ccm_policy_read(&fixture->decoder, TEXT(POLICY), true, &fixture->policy);
    assert_true(text_is(policy->secrets[0].value, SECRET_PLAIN));
    assert_true(text_is(policy->secrets[1].value, "open sesame"));
}

/* All secrets of some classes are properties named Value: the property Name beside it tells which variable it is. */
static void the_variable_names_a_secret_value(void **state)
{
#define INSTANCE(class, before, after)                                                                                 \
    "<instance class=\"" class "\">" before                                                                            \
                               "<property name=\"Value\" secret=\"1\"><value>open sesame</value></property>" after     \
                               "</instance>"
#define NAMED(name) "<property name=\"Name\" type=\"8\">" name "</property>"
    static const struct {
        const char *xml, *name, *property;
    } cases[] = {
        {INSTANCE("CCM_CollectionVariable", NAMED("<value>OSDPassword</value>"), ""), "OSDPassword", "Value"},
        {INSTANCE("CCM_CollectionVariable", "", NAMED("<value> OSDPassword </value>")), "OSDPassword", "Value"},
        {INSTANCE("CCM_MachineVariable", NAMED("<![CDATA[JoinAccount]]>"), ""), "JoinAccount", "Value"},
        {INSTANCE("CCM_CollectionVariable", "", ""), "Value", "Value"},
        {INSTANCE("CCM_CollectionVariable", NAMED("<value></value>"), ""), "Value", "Value"},
        {INSTANCE("X", "<property name=\"Name\" secret=\"1\"/>", ""), "Value", "Value"}, /* as secret as the value */
        {"<instance class=\"X\">" NAMED("<value>a</value>") "<property name=\"NetworkAccessPassword\" secret=\"1\">"
                                                            "<value>open sesame</value></property></instance>",
         "NetworkAccessPassword", "NetworkAccessPassword"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char xml[600];
        snprintf(xml, sizeof xml, "<Policy>" INSTANCE("Other", NAMED("<value>Wrong</value>"), "") "%s</Policy>",
                 cases[i].xml);
        ccm_policy_read(&fixture->decoder, text_of(xml), false, &fixture->policy);
        assert_int_equal(fixture->policy.secret_count, 2);
        assert_true(text_is(fixture->policy.secrets[1].name, cases[i].name));
        assert_true(text_is(fixture->policy.secrets[1].property, cases[i].property));
        assert_null(fixture->policy.secrets[1].value.at);
    }
}

/* The hex of a zlib stream of the policy in UTF-16 with its mark (wire.md 7.2). */
static void compressed_text(struct fixture *fixture, const char *policy, struct buffer *xml)
{
    struct buffer plain, packed;
    buffer_init(&plain, SAMPLE_MAX);
    buffer_init(&packed, SAMPLE_MAX);
    sample_append(&plain, cursor_of("\xFF\xFE", 2));
    sample_wide(&plain, policy);
    sample_zlib(&packed, buffer_cursor(&plain));
    struct text digits = text_hex(&fixture->decoder.arena, buffer_cursor(&packed));
    sample_print(xml, "<PolicyXML Compression=\"zlib\">%.*s</PolicyXML>", (int)digits.length, digits.at);
    buffer_free(&plain);
    buffer_free(&packed);
}

static void compressed_policies_are_looked_into(void **state)
{
    struct fixture *fixture = *state;
    struct buffer xml;
    size_t at;
    buffer_init(&xml, SAMPLE_MAX);
    compressed_text(fixture, POLICY, &xml);
    ccm_policy_read(&fixture->decoder, text_from(buffer_cursor(&xml)), true, &fixture->policy);
    assert_int_equal(fixture->policy.secret_count, 2);
    assert_true(text_is(fixture->policy.secrets[0].value, SECRET_PLAIN));
    assert_true(text_starts_like(fixture->policy.text, "<Policy PolicyID"));
    assert_false(text_find_like(printed(fixture), "open sesame", &at));
    buffer_free(&xml);
}

static void a_name_like_a_secret_is_hidden_but_no_secret(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "<Policy><property name=\"DPTokenAuth\"><value>1</value></property></Policy>";
    ccm_policy_read(&fixture->decoder, TEXT(text), true, &fixture->policy);
    assert_false(fixture->policy.has_secret);
    assert_int_equal(fixture->policy.secret_count, 0);
    assert_true(text_is(printed(fixture),
                        "<Policy><property name=\"DPTokenAuth\"><value>[hidden]</value></property></Policy>"));
}

static void a_policy_that_is_cut_off_shows_nothing_secret(void **state)
{
    struct fixture *fixture = *state;
    size_t at;
    for (size_t length = 0; length < sizeof POLICY - 1; length++) {
        struct text cut = {POLICY, length};
        arena_reset(&fixture->decoder.arena);
        ccm_policy_read(&fixture->decoder, cut, false, &fixture->policy);
        struct text text = printed(fixture);
        assert_false(text_find_like(text, "70399409", &at));
        assert_false(text_find_like(text, "sesame", &at));
        assert_false(text_find_like(text, "hunter", &at));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_secret_of_the_notes_is_revealed),
        TEST(the_key_of_the_secret_is_derived_as_in_the_notes),
        TEST(the_key_of_the_media_vector_is_derived_likewise),
        TEST(a_damaged_secret_says_why),
        TEST(secrets_are_counted_and_hidden_unless_asked_for),
        TEST(the_variable_names_a_secret_value),
        TEST(compressed_policies_are_looked_into),
        TEST(a_name_like_a_secret_is_hidden_but_no_secret),
        TEST(a_policy_that_is_cut_off_shows_nothing_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
