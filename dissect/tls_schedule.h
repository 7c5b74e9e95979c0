/* dissect/tls_schedule.h: from secrets to keys: the PRF of SSL 3.0 to TLS 1.2 and the HKDF of TLS 1.3.
 *
 *   premaster --master_secret (RFC 5246 section 8.1; RFC 7627 section 4)--> master --key expansion (6.3)--> key block
 *   traffic secret --HKDF-Expand-Label "key", "iv" (RFC 8446 section 7.3)--> key and nonce; "traffic upd" --> the next one
 */
#ifndef CMSCOPE_DISSECT_TLS_SCHEDULE_H
#define CMSCOPE_DISSECT_TLS_SCHEDULE_H

#include <openssl/evp.h>

#include "core/cursor.h"

#define TLS_RANDOM 32     /* bytes of the random of a hello */
#define TLS_MASTER 48     /* bytes of a master secret */
#define TLS_PREMASTER 48  /* of that of the RSA key exchange (RFC 5246 section 7.4.7.1) */
#define TLS_SECRET_MAX 64 /* longest traffic secret */

/* OpenSSL's algorithms, looked up once. */
struct tls_crypto {
    OSSL_LIB_CTX *library;
    OSSL_PROVIDER *usual, *legacy; /* legacy: RC4, DES, IDEA, SEED; NULL where OpenSSL comes without */
    EVP_KDF *prf, *hkdf;
    EVP_MAC *hmac;
};

/* NULL when OpenSSL refuses. */
struct tls_crypto *tls_crypto_new(void);
void tls_crypto_free(struct tls_crypto *crypto);

/* What the key exchange and the hellos brought. `version` is 0x0300 to 0x0303; `hash` is OpenSSL's name of the hash of
 * the key schedule (TLS 1.2 only). */
struct tls_schedule {
    uint16_t version;
    const char *hash;
    struct cursor client_random, server_random;
};

/* The master secret of a premaster secret. `session_hash` is that of the extended master secret (RFC 7627), or empty. */
MUST_USE bool tls_master_secret(const struct tls_crypto *crypto, const struct tls_schedule *schedule,
                                struct cursor premaster, struct cursor session_hash, uint8_t master[TLS_MASTER]);
/* `length` bytes of key block (RFC 5246 section 6.3; RFC 6101 section 6.2.2 for SSL 3.0). */
MUST_USE bool tls_key_block(const struct tls_crypto *crypto, const struct tls_schedule *schedule,
                            const uint8_t master[TLS_MASTER], uint8_t *block, size_t length);
/* HKDF-Expand-Label with an empty context (RFC 8446 section 7.1). */
MUST_USE bool tls_expand_label(const struct tls_crypto *crypto, const char *hash, struct cursor secret,
                               const char *label, uint8_t *out, size_t length);

#endif
