/* dissect/tls_schedule.c: see tls_schedule.h. */
#include "dissect/tls_schedule.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>

#include "dissect/tls_cipher.h"

struct tls_crypto *tls_crypto_new(void)
{
    struct tls_crypto *crypto = calloc(1, sizeof *crypto);
    if (crypto == NULL)
        return NULL;
    crypto->library = OSSL_LIB_CTX_new();
    if (crypto->library != NULL) {
        crypto->usual = OSSL_PROVIDER_load(crypto->library, "default");
        crypto->legacy = OSSL_PROVIDER_load(crypto->library, "legacy");
        crypto->prf = EVP_KDF_fetch(crypto->library, "TLS1-PRF", NULL);
        crypto->hkdf = EVP_KDF_fetch(crypto->library, "HKDF", NULL);
        crypto->hmac = EVP_MAC_fetch(crypto->library, "HMAC", NULL);
    }
    if (crypto->prf != NULL && crypto->hkdf != NULL && crypto->hmac != NULL)
        return crypto;
    tls_crypto_free(crypto);
    return NULL;
}

void tls_crypto_free(struct tls_crypto *crypto)
{
    if (crypto == NULL)
        return;
    EVP_MAC_free(crypto->hmac);
    EVP_KDF_free(crypto->hkdf);
    EVP_KDF_free(crypto->prf);
    if (crypto->legacy != NULL)
        OSSL_PROVIDER_unload(crypto->legacy);
    if (crypto->usual != NULL)
        OSSL_PROVIDER_unload(crypto->usual);
    OSSL_LIB_CTX_free(crypto->library);
    free(crypto);
}

static OSSL_PARAM octets(const char *key, struct cursor bytes)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): OpenSSL takes what it only reads without const */
    return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)bytes.at, bytes.left);
}

static OSSL_PARAM name(const char *key, const char *value)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): OpenSSL takes what it only reads without const */
    return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)value, 0);
}

static bool derive(EVP_KDF *kdf, const OSSL_PARAM *parameters, uint8_t *out, size_t length)
{
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    bool done = context != NULL && EVP_KDF_derive(context, out, length, parameters) == 1;
    EVP_KDF_CTX_free(context);
    return done;
}

/* PRF(secret, label, one + two) (RFC 2246 section 5, RFC 5246 section 5). */
static bool prf(const struct tls_crypto *crypto, const struct tls_schedule *schedule, struct cursor secret,
                const char *label, struct cursor one, struct cursor two, uint8_t *out, size_t length)
{
    const char *hash = schedule->version < TLS_1_2 ? "MD5-SHA1" : schedule->hash;
    OSSL_PARAM parameters[] = {
        name(OSSL_KDF_PARAM_DIGEST, hash),
        octets(OSSL_KDF_PARAM_SECRET, secret),
        octets(OSSL_KDF_PARAM_SEED, cursor_of(label, strlen(label))),
        octets(OSSL_KDF_PARAM_SEED, one),
        octets(OSSL_KDF_PARAM_SEED, two),
        OSSL_PARAM_END,
    };
    return derive(crypto->prf, parameters, out, length);
}

#define SSL3_BLOCKS_MAX 26 /* 'A', 'BB', 'CCC' ... */

/* MD5(secret + SHA1('A' + secret + one + two)) + MD5(secret + SHA1('BB' + ...)) ... (RFC 6101 section 6.1). */
static bool ssl3_prf(const struct tls_crypto *crypto, struct cursor secret, struct cursor one, struct cursor two,
                     uint8_t *out, size_t length)
{
    EVP_MD *md5 = EVP_MD_fetch(crypto->library, "MD5", NULL);
    EVP_MD *sha1 = EVP_MD_fetch(crypto->library, "SHA1", NULL);
    EVP_MD_CTX *hasher = EVP_MD_CTX_new();
    bool good = md5 != NULL && sha1 != NULL && hasher != NULL && length <= (size_t)SSL3_BLOCKS_MAX * 16;
    uint8_t inner[20], block[16];
    for (size_t i = 0; good && i * sizeof block < length; i++) {
        char letters[SSL3_BLOCKS_MAX];
        memset(letters, 'A' + (int)i, i + 1);
        good = EVP_DigestInit_ex2(hasher, sha1, NULL) == 1 && EVP_DigestUpdate(hasher, letters, i + 1) == 1 &&
               EVP_DigestUpdate(hasher, secret.at, secret.left) == 1 &&
               EVP_DigestUpdate(hasher, one.at, one.left) == 1 && EVP_DigestUpdate(hasher, two.at, two.left) == 1 &&
               EVP_DigestFinal_ex(hasher, inner, NULL) == 1 && EVP_DigestInit_ex2(hasher, md5, NULL) == 1 &&
               EVP_DigestUpdate(hasher, secret.at, secret.left) == 1 &&
               EVP_DigestUpdate(hasher, inner, sizeof inner) == 1 && EVP_DigestFinal_ex(hasher, block, NULL) == 1;
        size_t left = length - i * sizeof block;
        memcpy(out + i * sizeof block, block, left < sizeof block ? left : sizeof block);
    }
    OPENSSL_cleanse(block, sizeof block);
    EVP_MD_CTX_free(hasher);
    EVP_MD_free(sha1);
    EVP_MD_free(md5);
    return good;
}

bool tls_master_secret(const struct tls_crypto *crypto, const struct tls_schedule *schedule, struct cursor premaster,
                       struct cursor session_hash, uint8_t master[TLS_MASTER])
{
    if (schedule->version == TLS_SSL3)
        return ssl3_prf(crypto, premaster, schedule->client_random, schedule->server_random, master, TLS_MASTER);
    if (session_hash.left > 0)
        return prf(crypto, schedule, premaster, "extended master secret", session_hash, CURSOR_EMPTY, master,
                   TLS_MASTER);
    return prf(crypto, schedule, premaster, "master secret", schedule->client_random, schedule->server_random, master,
               TLS_MASTER);
}

bool tls_key_block(const struct tls_crypto *crypto, const struct tls_schedule *schedule,
                   const uint8_t master[TLS_MASTER], uint8_t *block, size_t length)
{
    struct cursor secret = cursor_of(master, TLS_MASTER);
    if (length == 0)
        return true;
    if (schedule->version == TLS_SSL3)
        return ssl3_prf(crypto, secret, schedule->server_random, schedule->client_random, block, length);
    return prf(crypto, schedule, secret, "key expansion", schedule->server_random, schedule->client_random, block,
               length);
}

/*   u16 length, u8 size + "tls13 " label, u8 size + context (RFC 8446 section 7.1) */
bool tls_expand_label(const struct tls_crypto *crypto, const char *hash, struct cursor secret, const char *label,
                      uint8_t *out, size_t length)
{
    uint8_t info[64];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    int size = snprintf((char *)info + 3, sizeof info - 4, "tls13 %s", label);
    info[0] = (uint8_t)(length >> 8);
    info[1] = (uint8_t)length;
    info[2] = (uint8_t)size;
    info[3 + size] = 0;
    OSSL_PARAM parameters[] = {
        name(OSSL_KDF_PARAM_DIGEST, hash),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        octets(OSSL_KDF_PARAM_KEY, secret),
        octets(OSSL_KDF_PARAM_INFO, cursor_of(info, (size_t)size + 4)),
        OSSL_PARAM_END,
    };
    return derive(crypto->hkdf, parameters, out, length);
}
