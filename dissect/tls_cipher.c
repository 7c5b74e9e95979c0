/* dissect/tls_cipher.c: see tls_cipher.h. */
#include "dissect/tls_cipher.h"

#include <stdio.h>
#include <string.h>

static const struct {
    uint16_t number;
    const char *name;
} SUITES[] = {
#define SUITE(number, name) {number, #name},
#include "dissect/tls_suites.def"
#undef SUITE
};

/* Longer names stand before those that they start with. */
static const struct tls_cipher CIPHERS[] = {
    {"NULL", NULL, TLS_CIPHER_NULL, 0, 0, 0},
    {"RC4_128", "RC4", TLS_CIPHER_STREAM, 16, 0, 0},
    {"DES_CBC", "DES-CBC", TLS_CIPHER_CBC, 8, 8, 0},
    {"3DES_EDE_CBC", "DES-EDE3-CBC", TLS_CIPHER_CBC, 24, 8, 0},
    {"IDEA_CBC", "IDEA-CBC", TLS_CIPHER_CBC, 16, 8, 0},
    {"SEED_CBC", "SEED-CBC", TLS_CIPHER_CBC, 16, 16, 0},
    {"AES_128_CBC", "AES-128-CBC", TLS_CIPHER_CBC, 16, 16, 0},
    {"AES_256_CBC", "AES-256-CBC", TLS_CIPHER_CBC, 32, 16, 0},
    {"CAMELLIA_128_CBC", "CAMELLIA-128-CBC", TLS_CIPHER_CBC, 16, 16, 0},
    {"CAMELLIA_256_CBC", "CAMELLIA-256-CBC", TLS_CIPHER_CBC, 32, 16, 0},
    {"ARIA_128_CBC", "ARIA-128-CBC", TLS_CIPHER_CBC, 16, 16, 0},
    {"ARIA_256_CBC", "ARIA-256-CBC", TLS_CIPHER_CBC, 32, 16, 0},
    {"AES_128_GCM", "AES-128-GCM", TLS_CIPHER_GCM, 16, 16, 16},
    {"AES_256_GCM", "AES-256-GCM", TLS_CIPHER_GCM, 32, 16, 16},
    {"ARIA_128_GCM", "ARIA-128-GCM", TLS_CIPHER_GCM, 16, 16, 16},
    {"ARIA_256_GCM", "ARIA-256-GCM", TLS_CIPHER_GCM, 32, 16, 16},
    {"AES_128_CCM_8", "AES-128-CCM", TLS_CIPHER_CCM, 16, 16, 8},
    {"AES_256_CCM_8", "AES-256-CCM", TLS_CIPHER_CCM, 32, 16, 8},
    {"AES_128_CCM", "AES-128-CCM", TLS_CIPHER_CCM, 16, 16, 16},
    {"AES_256_CCM", "AES-256-CCM", TLS_CIPHER_CCM, 32, 16, 16},
    {"CHACHA20_POLY1305", "ChaCha20-Poly1305", TLS_CIPHER_CHACHA, 32, 1, 16},
};

static const struct {
    const char *ending, *hash;
} HASHES[] = {
    {"_SHA384", "SHA384"}, {"_SHA256", "SHA256"}, {"_SHA", "SHA1"}, {"_MD5", "MD5"}, {"", "SHA256"} /* RFC 6655 */
};

static const char *suite_name(uint16_t number)
{
    size_t low = 0, high = sizeof SUITES / sizeof SUITES[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (SUITES[middle].number == number)
            return SUITES[middle].name;
        if (SUITES[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Where the names of cipher and hash start: behind _WITH_, or in TLS 1.3 behind TLS_. */
static const char *cipher_part(const char *name)
{
    const char *with = strstr(name, "_WITH_");
    return with == NULL ? name + strlen("TLS_") : with + strlen("_WITH_");
}

static void suite_parts(struct tls_suite *suite)
{
    const char *part = cipher_part(suite->name);
    if (strstr(suite->name, "EXPORT") != NULL)
        return;
    for (size_t i = 0; i < sizeof CIPHERS / sizeof CIPHERS[0]; i++) {
        size_t length = strlen(CIPHERS[i].name);
        if (strncmp(part, CIPHERS[i].name, length) != 0)
            continue;
        for (size_t j = 0; j < sizeof HASHES / sizeof HASHES[0]; j++) {
            if (strcmp(part + length, HASHES[j].ending) == 0) {
                suite->cipher = &CIPHERS[i];
                suite->hash = HASHES[j].hash;
                return;
            }
        }
    }
}

bool tls_suite_find(uint16_t number, struct tls_suite *suite)
{
    *suite = (struct tls_suite){.name = suite_name(number)};
    if (suite->name != NULL)
        suite_parts(suite);
    return suite->name != NULL;
}

const char *tls_suite_schedule(const struct tls_suite *suite)
{
    return suite->hash != NULL && strcmp(suite->hash, "SHA384") == 0 ? "SHA384" : "SHA256";
}

bool tls_cipher_aead(const struct tls_cipher *cipher)
{
    return cipher->kind >= TLS_CIPHER_GCM;
}

bool tls_suite_weakness(const char *name, char text[TLS_WEAKNESS_MAX])
{
    static const struct {
        const char *part, *weakness;
    } weak[] = {
        {"WITH_NULL", "null"},
        {"_anon_", "anonymous"},
        {"EXPORT", "export"},
        {"_RC4_", "rc4"},
        {"_WITH_DES", "des"},
        {"_3DES_", "3des"},
        {"_RC2_", "rc2"},
        {"_IDEA_", "idea"},
        {"_MD5", "md5"},
        {"TLS_SHA256_SHA256", "null"},
        {"TLS_SHA384_SHA384", "null"},
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++) {
        if (strstr(name, weak[i].part) != NULL)
            used +=
                (size_t)snprintf(text + used, TLS_WEAKNESS_MAX - used, "%s%s", used > 0 ? "," : "", weak[i].weakness);
    }
    return used > 0;
}

size_t tls_suite_exchange(const char *name, const char **at)
{
    const char *with = strstr(name, "_WITH_");
    *at = strchr(name, '_') == NULL ? name : strchr(name, '_') + 1;
    return with == NULL || with < *at ? 0 : (size_t)(with - *at);
}

struct name {
    uint32_t number;
    const char *name;
};

static const char *name_of(const struct name *names, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].number == number)
            return names[i].name;
    }
    return NULL;
}

#define NAME_OF(names, number) name_of(names, sizeof(names) / sizeof(names)[0], number)

const char *tls_version_name(uint16_t version)
{
    static const struct name names[] = {
        {TLS_SSL2, "SSL 2.0"}, {TLS_SSL3, "SSL 3.0"}, {TLS_1_0, "TLS 1.0"},
        {TLS_1_1, "TLS 1.1"},  {TLS_1_2, "TLS 1.2"},  {TLS_1_3, "TLS 1.3"},
    };
    return NAME_OF(names, version);
}

const char *tls_group_name(uint16_t group)
{
    static const struct name names[] = {
        {1, "sect163k1"},
        {2, "sect163r1"},
        {3, "sect163r2"},
        {4, "sect193r1"},
        {5, "sect193r2"},
        {6, "sect233k1"},
        {7, "sect233r1"},
        {8, "sect239k1"},
        {9, "sect283k1"},
        {10, "sect283r1"},
        {11, "sect409k1"},
        {12, "sect409r1"},
        {13, "sect571k1"},
        {14, "sect571r1"},
        {15, "secp160k1"},
        {16, "secp160r1"},
        {17, "secp160r2"},
        {18, "secp192k1"},
        {19, "secp192r1"},
        {20, "secp224k1"},
        {21, "secp224r1"},
        {22, "secp256k1"},
        {23, "secp256r1"},
        {24, "secp384r1"},
        {25, "secp521r1"},
        {26, "brainpoolP256r1"},
        {27, "brainpoolP384r1"},
        {28, "brainpoolP512r1"},
        {29, "x25519"},
        {30, "x448"},
        {41, "curveSM2"},
        {256, "ffdhe2048"},
        {257, "ffdhe3072"},
        {258, "ffdhe4096"},
        {259, "ffdhe6144"},
        {260, "ffdhe8192"},
        {4587, "SecP256r1MLKEM768"},
        {4588, "X25519MLKEM768"},
        {4589, "SecP384r1MLKEM1024"},
        {25497, "X25519Kyber768Draft00"},
    };
    return NAME_OF(names, group);
}

const char *tls_alert_name(uint8_t description)
{
    static const struct name names[] = {
        {0, "close_notify"},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {21, "decryption_failed"},
        {22, "record_overflow"},
        {30, "decompression_failure"},
        {40, "handshake_failure"},
        {41, "no_certificate"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {60, "export_restriction"},
        {70, "protocol_version"},
        {71, "insufficient_security"},
        {80, "internal_error"},
        {86, "inappropriate_fallback"},
        {90, "user_canceled"},
        {100, "no_renegotiation"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {111, "certificate_unobtainable"},
        {112, "unrecognized_name"},
        {113, "bad_certificate_status_response"},
        {114, "bad_certificate_hash_value"},
        {115, "unknown_psk_identity"},
        {116, "certificate_required"},
        {120, "no_application_protocol"},
        {121, "ech_required"},
    };
    return NAME_OF(names, description);
}

const char *tls_ssl2_cipher_name(uint32_t cipher)
{
    static const struct name names[] = {
        {0x010080, "SSL2_RC4_128_WITH_MD5"},          {0x020080, "SSL2_RC4_128_EXPORT40_WITH_MD5"},
        {0x030080, "SSL2_RC2_128_CBC_WITH_MD5"},      {0x040080, "SSL2_RC2_128_CBC_EXPORT40_WITH_MD5"},
        {0x050080, "SSL2_IDEA_128_CBC_WITH_MD5"},     {0x060040, "SSL2_DES_64_CBC_WITH_MD5"},
        {0x0700C0, "SSL2_DES_192_EDE3_CBC_WITH_MD5"},
    };
    return NAME_OF(names, cipher);
}
