/* tests/unit/test_dissect_tls.c: key schedule and records of TLS against published vectors; key logs; hellos; resumption. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/tls_internal.h"
#include "tests/unit/dialogue_fixture.h"

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t length = 0;
    for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        char pair[3] = {hex[0], hex[1], '\0'};
        out[length++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return length;
}

/* ---- RFC 8448 section 3: Simple 1-RTT Handshake ---- */

#define CLIENT_SECRET "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
#define CLIENT_DATA                                                                                                    \
    "a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e" \
    "3deae6"                                                                                                           \
    "3aeebb21694915e4"

static void keys_come_from_the_traffic_secret(void **state)
{
    static const struct {
        const char *secret, *label, *expected;
    } cases[] = {
        {"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21", "key", "dbfaa693d1762c5b666af5d950258d01"},
        {"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21", "iv", "5bd3c71b836e0b76bb73265f"},
        {"b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", "key", "3fce516009c21727d0f2e4e86ee403bc"},
        {"b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", "iv", "5d313eb2671276ee13000b30"},
        {CLIENT_SECRET, "key", "17422dda596ed5d9acd890e3c63f5051"},
        {CLIENT_SECRET, "iv", "5b78923dee08579033e523d9"},
    };
    (void)state;
    struct tls_crypto *crypto = tls_crypto_new();
    assert_non_null(crypto);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t secret[64], expected[64], found[64];
        size_t length = from_hex(cases[i].expected, expected);
        struct cursor from = cursor_of(secret, from_hex(cases[i].secret, secret));
        assert_true(tls_expand_label(crypto, "SHA256", from, cases[i].label, found, length));
        assert_memory_equal(found, expected, length);
    }
    tls_crypto_free(crypto);
}

static void application_data_of_the_rfc_opens(void **state)
{
    (void)state;
    uint8_t secret[64], body[128], out[TLS_RECORD_MAX], type = 0;
    const char *why = NULL;
    size_t length = 0;
    struct tls_suite suite;
    struct tls_crypto *crypto = tls_crypto_new();
    assert_true(tls_suite_find(0x1301, &suite));
    struct tls_protection *keys =
        tls_protection_new13(crypto, &suite, cursor_of(secret, from_hex(CLIENT_SECRET, secret)), &why);
    assert_non_null(keys);
    struct tls_record record = {.type = 23, .version = 0x0303, .body = cursor_of(body, from_hex(CLIENT_DATA, body))};
    assert_true(tls_protection_open(keys, &record, out, &type, &length));
    assert_int_equal(type, 23);
    assert_int_equal(length, 50);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(out[i], i);
    record.sequence = 1;
    assert_false(tls_protection_open(keys, &record, out, &type, &length));
    record.sequence = 0;
    body[7] ^= 1;
    assert_false(tls_protection_open(keys, &record, out, &type, &length));
    for (size_t cut = 0; cut < record.body.left; cut++) {
        struct tls_record shorter = record;
        shorter.body.left = cut;
        assert_false(tls_protection_open(keys, &shorter, out, &type, &length));
    }
    tls_protection_free(keys);
    tls_crypto_free(crypto);
}

/* Whatever the bytes, a suite opens nothing that it was not made for, and reads no byte beyond. */
static void no_suite_opens_zeros(void **state)
{
    static const uint16_t numbers[] = {0x0001, 0x0005, 0x000A, 0x0009, 0x002F, 0x003D, 0x0041, 0x0096, 0x009C,
                                       0xC02C, 0xC09C, 0xC0A0, 0xC0AC, 0xCCA8, 0xC050, 0x0003, 0x0081};
    static const uint16_t versions[] = {TLS_SSL3, TLS_1_0, TLS_1_1, TLS_1_2};
    (void)state;
    struct tls_crypto *crypto = tls_crypto_new();
    static const uint8_t zeros[TLS_RANDOM], master[TLS_MASTER];
    uint8_t out[TLS_RECORD_MAX];
    size_t opened = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] * 8; i++) {
        struct tls_suite suite;
        const char *why = NULL;
        struct tls_schedule schedule = {.version = versions[i % 4],
                                        .client_random = cursor_of(zeros, sizeof zeros),
                                        .server_random = cursor_of(zeros, sizeof zeros)};
        assert_true(tls_suite_find(numbers[i / 8], &suite));
        schedule.hash = tls_suite_schedule(&suite);
        struct tls_protection *keys = tls_protection_new(crypto, &schedule, &suite, i % 8 >= 4, master, false, &why);
        assert_true(keys != NULL || why != NULL);
        for (size_t length = 0; keys != NULL && length < 100; length++) {
            uint8_t *body = calloc(1, length + 1), type;
            size_t found;
            struct tls_record record = {.type = 23, .version = schedule.version, .body = cursor_of(body, length)};
            opened += tls_protection_open(keys, &record, out, &type, &found);
            free(body);
        }
        tls_protection_free(keys);
    }
    assert_int_equal(opened, 0);
    tls_crypto_free(crypto);
}

/* ---- Key logs ---- */

#define RANDOM64 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define MASTER96 RANDOM64 "00112233445566778899aabbccddeeff"

static void key_logs_are_read_line_by_line(void **state)
{
    (void)state;
    struct tls_keylog *keylog = tls_keylog_new();
    static const char text[] = "# a comment\r\n"
                               "CLIENT_RANDOM " RANDOM64 " " MASTER96 "\r\n"
                               "CLIENT_RANDOM " RANDOM64 " " RANDOM64 "\n" /* too short */
                               "CLIENT_RANDOM " RANDOM64 "\n"
                               "SERVER_HANDSHAKE_TRAFFIC_SECRET " RANDOM64 " " RANDOM64 "\n"
                               "EXPORTER_SECRET " RANDOM64 " " RANDOM64 "\n"
                               "RSA 0011223344556677 " MASTER96 "\n"
                               "RSA Session-ID:" RANDOM64 " Master-Key:" MASTER96 "\n"
                               "CLIENT_TRAFFIC_SECRET_0 " RANDOM64 " xyz\n"
                               "PMS_CLIENT_RANDOM " RANDOM64 " " MASTER96;
    assert_int_equal(tls_keylog_read(keylog, TEXT(text), true), 5);
    uint8_t random[32];
    from_hex(RANDOM64, random);
    struct cursor secret, key = cursor_of(random, sizeof random);
    bool captured = false;
    assert_true(tls_keylog_find(keylog, TLS_SECRET_MASTER, key, &secret, &captured));
    assert_int_equal(secret.left, 48);
    assert_true(captured);
    assert_true(tls_keylog_find(keylog, TLS_SECRET_SERVER_HANDSHAKE, key, &secret, &captured));
    assert_int_equal(secret.left, 32);
    assert_true(tls_keylog_find(keylog, TLS_SECRET_SESSION, key, &secret, &captured));
    assert_true(tls_keylog_find(keylog, TLS_SECRET_ENCRYPTED, cursor_of(random, 8), &secret, &captured));
    assert_false(tls_keylog_find(keylog, TLS_SECRET_CLIENT_TRAFFIC, key, &secret, &captured));
    assert_true(tls_keylog_premasters(keylog));
    tls_keylog_free(keylog);
}

/* ---- Names ---- */

static void suites_are_read_from_their_names(void **state)
{
    static const struct {
        uint16_t number;
        const char *cipher, *hash, *exchange, *weakness;
    } cases[] = {
        {0x0005, "RC4_128", "SHA1", "RSA", "rc4"},
        {0x0004, "RC4_128", "MD5", "RSA", "rc4,md5"},
        {0x0003, NULL, NULL, "RSA_EXPORT", "export,rc4,md5"},
        {0x0002, "NULL", "SHA1", "RSA", "null"},
        {0x0009, "DES_CBC", "SHA1", "RSA", "des"},
        {0x000A, "3DES_EDE_CBC", "SHA1", "RSA", "3des"},
        {0x0034, "AES_128_CBC", "SHA1", "DH_anon", "anonymous"},
        {0x003C, "AES_128_CBC", "SHA256", "RSA", NULL},
        {0xC028, "AES_256_CBC", "SHA384", "ECDHE_RSA", NULL},
        {0xC030, "AES_256_GCM", "SHA384", "ECDHE_RSA", NULL},
        {0xC0A0, "AES_128_CCM_8", "SHA256", "RSA", NULL},
        {0xC09C, "AES_128_CCM", "SHA256", "RSA", NULL},
        {0xCCA8, "CHACHA20_POLY1305", "SHA256", "ECDHE_RSA", NULL},
        {0x1302, "AES_256_GCM", "SHA384", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_suite suite;
        char weakness[TLS_WEAKNESS_MAX];
        const char *exchange;
        assert_true(tls_suite_find(cases[i].number, &suite));
        assert_int_equal(suite.cipher == NULL, cases[i].cipher == NULL);
        if (suite.cipher != NULL) {
            assert_string_equal(suite.cipher->name, cases[i].cipher);
            assert_string_equal(suite.hash, cases[i].hash);
        }
        size_t length = tls_suite_exchange(suite.name, &exchange);
        assert_int_equal(length, strlen(cases[i].exchange));
        assert_memory_equal(exchange, cases[i].exchange, length);
        assert_int_equal(tls_suite_weakness(suite.name, weakness), cases[i].weakness != NULL);
        if (cases[i].weakness != NULL)
            assert_string_equal(weakness, cases[i].weakness);
    }
}

/* ---- Hellos ---- */

struct maker {
    uint8_t bytes[1024];
    size_t length;
};

static void put16(struct maker *maker, unsigned value)
{
    maker->bytes[maker->length++] = (uint8_t)(value >> 8);
    maker->bytes[maker->length++] = (uint8_t)value;
}

static void put_list(struct maker *maker, const uint16_t *values, size_t count)
{
    put16(maker, (unsigned)(2 * count));
    for (size_t i = 0; i < count; i++)
        put16(maker, values[i]);
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void hello_start(struct maker *maker, unsigned version, const uint16_t *suites, size_t count)
{
    put16(maker, version);
    maker->length += TLS_RANDOM;
    maker->bytes[maker->length++] = 0;
    put_list(maker, suites, count);
    maker->bytes[maker->length++] = 1;
    maker->bytes[maker->length++] = 0;
}

/* The example of JA3's description: 769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0 */
static void ja3_is_as_published(void **state)
{
    static const uint16_t suites[] = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4};
    static const uint16_t groups[] = {23, 24, 25};
    (void)state;
    struct maker maker = {.length = 0};
    hello_start(&maker, 769, suites, COUNT(suites));
    size_t start = maker.length;
    put16(&maker, 0);
    put16(&maker, 0), put16(&maker, 0); /* no name */
    put16(&maker, 10), put16(&maker, 8), put_list(&maker, groups, COUNT(groups));
    put16(&maker, 11), put16(&maker, 2), put16(&maker, 0x0100);
    maker.bytes[start + 1] = (uint8_t)(maker.length - start - 2);
    struct tls_hello hello;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct ccm_keys *keys = ccm_keys_new();
    assert_true(tls_client_hello(cursor_of(maker.bytes, maker.length), &hello));
    assert_true(text_is(tls_ja3(&hello, false, keys, &arena), "ada70206e40642a3e4461f35503241d5"));
    for (size_t cut = 0; cut < maker.length;
         cut++) { /* cut off anywhere: told, or the end of a hello without extensions */
        struct tls_hello part;
        assert_int_equal(tls_client_hello(cursor_of(maker.bytes, cut), &part), cut == start);
    }
    ccm_keys_free(keys);
    arena_free(&arena);
}

/* The example of JA4's description: t13d1516h2_8daaf6152771_e5627efa2ab1 */
static void ja4_is_as_published(void **state)
{
    static const uint16_t suites[] = {0x0A0A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030,
                                      0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035};
    static const uint16_t types[] = {0x1A1A, 0x0000, 0x0017, 0xFF01, 0x000A, 0x000B, 0x0023, 0x0010, 0x0005,
                                     0x000D, 0x0012, 0x0033, 0x002D, 0x002B, 0x001B, 0x4469, 0x0015};
    static const uint16_t signatures[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};
    (void)state;
    struct maker maker = {.length = 0};
    hello_start(&maker, 0x0303, suites, COUNT(suites));
    size_t start = maker.length;
    put16(&maker, 0);
    for (size_t i = 0; i < COUNT(types); i++) {
        put16(&maker, types[i]);
        if (types[i] == 0x000D) {
            put16(&maker, 2 + 2 * COUNT(signatures)), put_list(&maker, signatures, COUNT(signatures));
        } else if (types[i] == 0x0010) {
            put16(&maker, 5), put16(&maker, 3), put16(&maker, 0x0268), maker.bytes[maker.length++] = '2';
        } else if (types[i] == 0x002B) {
            put16(&maker, 3), maker.bytes[maker.length++] = 2, put16(&maker, 0x0304);
        } else if (types[i] == 0x000A) {
            put16(&maker, 2), put16(&maker, 0);
        } else if (types[i] == 0x000B) {
            put16(&maker, 1), maker.bytes[maker.length++] = 0;
        } else {
            put16(&maker, 0);
        }
    }
    maker.bytes[start] = (uint8_t)((maker.length - start - 2) >> 8);
    maker.bytes[start + 1] = (uint8_t)(maker.length - start - 2);
    struct tls_hello hello;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct ccm_keys *keys = ccm_keys_new();
    assert_true(tls_client_hello(cursor_of(maker.bytes, maker.length), &hello));
    assert_true(text_is(tls_ja4(&hello, keys, &arena), "t13d1516h2_8daaf6152771_e5627efa2ab1"));
    ccm_keys_free(keys);
    arena_free(&arena);
}

/* ---- Sessions ---- */

static void sessions_are_forgotten_oldest_first(void **state)
{
    (void)state;
    struct tls_sessions *sessions = tls_sessions_new();
    struct flow flow = {.address = {{.bytes = {10, 0, 0, 1}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}}};
    struct flow other = {.address = {{.bytes = {10, 0, 0, 2}, .version = 4}, {.bytes = {10, 0, 0, 1}, .version = 4}}};
    struct flow third = {.address = {{.bytes = {10, 0, 0, 3}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}}};
    uint32_t first = 0;
    for (uint32_t i = 0; i < TLS_SESSIONS_MAX + 10; i++) {
        struct tls_session session = {.row = (int64_t)i + 1};
        tls_sessions_put(sessions, &flow, TLS_SESSION_ID, cursor_of(&i, sizeof i), &session);
    }
    assert_int_equal(tls_sessions_forgotten(sessions), 10);
    assert_null(tls_sessions_find(sessions, &flow, TLS_SESSION_ID, cursor_of(&first, sizeof first)));
    first = 10;
    struct cursor handle = cursor_of(&first, sizeof first);
    assert_int_equal(tls_sessions_find(sessions, &flow, TLS_SESSION_ID, handle)->row, 11);
    assert_int_equal(tls_sessions_find(sessions, &other, TLS_SESSION_ID, handle)->row, 11); /* either direction */
    assert_null(tls_sessions_find(sessions, &third, TLS_SESSION_ID, handle));
    assert_null(tls_sessions_find(sessions, &flow, TLS_TICKET, handle));
    tls_sessions_free(sessions);
}

/* ---- Connections ---- */

static const struct tls_row *tls_row_of(const struct dialogue *dialogue, int64_t id)
{
    return store_row(dialogue->store, TABLE_tls, id);
}

#define SSL2_HELLO                                                                                                     \
    "\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00\x10\x00\x00\x05\x00\x00\x0a"                                             \
    "0123456789abcdef"

static void a_hello_of_ssl2_is_read(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 4; piece++) {
        struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING | NEED_TLS);
        dialogue->piece = piece;
        dialogue_ask(dialogue, cursor_of(SSL2_HELLO, sizeof SSL2_HELLO - 1));
        dialogue_answer(dialogue, cursor_of("\x15\x03\x01\x00\x02\x02\x28", 7));
        dialogue_finish(dialogue);
        const struct tls_row *row = tls_row_of(dialogue, 1);
        assert_non_null(row);
        assert_int_equal(row->ssl2_hello, 1);
        assert_true(text_is(row->offered_version, "TLS 1.0"));
        assert_true(text_is(row->alert, "server fatal handshake_failure"));
        assert_true(text_is(row->client_random, "0000000000000000000000000000000030313233343536373839616263646566"));
        dialogue_free(dialogue);
    }
}

static void a_session_met_in_the_middle_has_a_row(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING | NEED_TLS);
    dialogue_answer(dialogue, cursor_of("\x17\x03\x03\x00\x05hello\x17\x03\x03\x10\x00", 15));
    dialogue_gap(dialogue, DIRECTION_IN, 0x1000 - 3);
    dialogue_answer(dialogue, cursor_of("end\x17\x03\x03\x00\x01x", 9));
    dialogue_finish(dialogue);
    const struct tls_row *row = tls_row_of(dialogue, 1);
    assert_non_null(row);
    assert_true(row->version.at == NULL);
    assert_int_equal(row->server_bytes, 5 + 0x1000 + 1);
    assert_int_equal(row->decrypted, 0);
    assert_int_equal(dissect_counts(dialogue->dissect).tls_hidden, 1);
    dialogue_free(dialogue);
}

static void what_is_no_record_is_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING | NEED_TLS);
    static const char bytes[] = "\x17\x03\x03\x00\x05hellonot TLS at all";
    dialogue_ask(dialogue, cursor_of(bytes, sizeof bytes - 1));
    dialogue_finish(dialogue);
    assert_true(text_is(tls_row_of(dialogue, 1)->problem, "bytes that are no TLS record: nothing more is read"));
    dialogue_free(dialogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_from_the_traffic_secret),
        cmocka_unit_test(application_data_of_the_rfc_opens),
        cmocka_unit_test(no_suite_opens_zeros),
        cmocka_unit_test(key_logs_are_read_line_by_line),
        cmocka_unit_test(suites_are_read_from_their_names),
        cmocka_unit_test(ja3_is_as_published),
        cmocka_unit_test(ja4_is_as_published),
        cmocka_unit_test(sessions_are_forgotten_oldest_first),
        cmocka_unit_test(a_hello_of_ssl2_is_read),
        cmocka_unit_test(a_session_met_in_the_middle_has_a_row),
        cmocka_unit_test(what_is_no_record_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
