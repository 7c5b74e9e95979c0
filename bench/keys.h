/* bench/keys.h: RSA keys, certificates and signatures of clients (wire.md 5), the same for the same dice. */
#ifndef CMSCOPE_BENCH_KEYS_H
#define CMSCOPE_BENCH_KEYS_H

#include <openssl/evp.h>

#include "bench/dice.h"
#include "core/buffer.h"

#define KEY_BYTES 256 /* RSA-2048 */

/* A new RSA-2048 key; the caller frees it with EVP_PKEY_free. */
EVP_PKEY *key_new(struct dice *dice);

/* PKCS#1 v1.5 with SHA-256 over the bytes, in CryptoAPI's order (reversed). */
void key_sign(EVP_PKEY *key, struct cursor bytes, uint8_t signature[KEY_BYTES]);

/* Appends CryptoAPI's PUBLICKEYBLOB (wire.md 5.4). */
void key_put_blob(EVP_PKEY *key, struct buffer *buffer);

/* Appends a self-signed certificate as a client's: CN=ConfigMgr Client, SMS key usages, in DER (wire.md 5.5). */
void key_put_certificate(EVP_PKEY *key, uint64_t serial, struct buffer *buffer);

/* Appends the DER SubjectPublicKeyInfo. */
void key_put_public(EVP_PKEY *key, struct buffer *buffer);

#endif
