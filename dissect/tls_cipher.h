/* dissect/tls_cipher.h: what the numbers of TLS mean: cipher suites, versions, groups, alerts. */
#ifndef CMSCOPE_DISSECT_TLS_CIPHER_H
#define CMSCOPE_DISSECT_TLS_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TLS_SSL2 = 0x0002,
    TLS_SSL3 = 0x0300,
    TLS_1_0 = 0x0301,
    TLS_1_1 = 0x0302,
    TLS_1_2 = 0x0303,
    TLS_1_3 = 0x0304,
};

/* How a cipher protects a record. */
enum tls_cipher_kind {
    TLS_CIPHER_NULL,   /* content, MAC */
    TLS_CIPHER_STREAM, /* RC4 of content, MAC */
    TLS_CIPHER_CBC,    /* RFC 5246 section 6.2.3.2, RFC 7366 */
    TLS_CIPHER_GCM,    /* RFC 5288: four bytes of the nonce are secret, eight are sent */
    TLS_CIPHER_CCM,    /* RFC 6655: likewise */
    TLS_CIPHER_CHACHA  /* RFC 7905: no part of the nonce is sent */
};

struct tls_cipher {
    const char *name;    /* its part of the suite's name */
    const char *openssl; /* its name in OpenSSL; NULL for none */
    enum tls_cipher_kind kind;
    uint8_t key_bytes, block_bytes, tag_bytes;
};

/* What a suite does. */
struct tls_suite {
    const char *name;                /* of the registry */
    const struct tls_cipher *cipher; /* NULL: its records are not decrypted here (EXPORT, GOST ...) */
    const char *hash; /* OpenSSL's name: of the MAC, or with AEAD and in TLS 1.2 and 1.3 of the key schedule */
};

/* The suite `number`; false when the registry does not know it. */
bool tls_suite_find(uint16_t number, struct tls_suite *suite);
/* The hash of the key schedule of TLS 1.2 and 1.3: that of the suite, at least SHA-256 (RFC 5246 section 5). */
const char *tls_suite_schedule(const struct tls_suite *suite);
bool tls_cipher_aead(const struct tls_cipher *cipher);

#define TLS_WEAKNESS_MAX 96
/* What is weak in a suite of that name: "null", "anonymous", "export", "rc4", "des", "3des", "rc2", "idea", "md5", separated by commas.
 * False when nothing is. */
bool tls_suite_weakness(const char *name, char text[TLS_WEAKNESS_MAX]);

/* Key exchange: what stands between TLS_ and _WITH_ in the name, such as ECDHE_RSA; 0 when there is none (TLS 1.3). The
 * length of the text at *at. */
size_t tls_suite_exchange(const char *name, const char **at);

/* "TLS 1.2"; NULL when unknown. */
const char *tls_version_name(uint16_t version);
const char *tls_group_name(uint16_t group);        /* RFC 8446 section 4.2.7; NULL when unknown */
const char *tls_alert_name(uint8_t description);   /* RFC 8446 section 6; NULL when unknown */
const char *tls_ssl2_cipher_name(uint32_t cipher); /* SSL 2.0 section C.4; NULL when unknown */

/* Values that are sent to keep peers tolerant and mean nothing (RFC 8701). */
static inline bool tls_grease(uint16_t value)
{
    return (value & 0x0F0F) == 0x0A0A && (value >> 8) == (value & 0xFF);
}

#endif
