/* dissect/tls_protection.c: see tls_protection.h. */
#include "dissect/tls_protection.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdlib.h>

#define NONCE 12         /* of all AEAD ciphers here */
#define EXPLICIT_NONCE 8 /* bytes of it that GCM and CCM send */
#define BLOCK_MAX 16
#define MAC_MAX 64
#define KEY_MAX 32

struct tls_protection {
    const struct tls_cipher *cipher;
    uint16_t version;
    bool encrypt_then_mac;
    EVP_CIPHER_CTX *context;
    EVP_MAC_CTX *mac;  /* HMAC with its key */
    EVP_MD *ssl3_hash; /* SSL 3.0 has a MAC of its own */
    EVP_MD_CTX *ssl3;
    uint8_t mac_key[MAC_MAX];
    size_t mac_bytes;
    uint8_t iv[BLOCK_MAX];
};

void tls_protection_free(struct tls_protection *protection)
{
    if (protection == NULL)
        return;
    EVP_CIPHER_CTX_free(protection->context);
    EVP_MAC_CTX_free(protection->mac);
    EVP_MD_CTX_free(protection->ssl3);
    EVP_MD_free(protection->ssl3_hash);
    OPENSSL_clear_free(protection, sizeof *protection);
}

/* ---- Set up ---- */

static bool cipher_init(struct tls_protection *protection, const struct tls_crypto *crypto, const uint8_t *key)
{
    const struct tls_cipher *cipher = protection->cipher;
    if (cipher->openssl == NULL)
        return true;
    EVP_CIPHER *algorithm = EVP_CIPHER_fetch(crypto->library, cipher->openssl, NULL);
    EVP_CIPHER_CTX *context = algorithm == NULL ? NULL : EVP_CIPHER_CTX_new();
    protection->context = context;
    bool good = context != NULL && EVP_DecryptInit_ex2(context, algorithm, NULL, NULL, NULL) == 1;
    if (good && tls_cipher_aead(cipher))
        good = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, NONCE, NULL) == 1 &&
               (cipher->kind != TLS_CIPHER_CCM ||
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, cipher->tag_bytes, NULL) == 1);
    good = good &&
           EVP_DecryptInit_ex2(context, NULL, key, cipher->kind == TLS_CIPHER_CBC ? protection->iv : NULL, NULL) == 1;
    if (good)
        EVP_CIPHER_CTX_set_padding(context, 0);
    EVP_CIPHER_free(algorithm);
    return good;
}

static bool mac_init(struct tls_protection *protection, const struct tls_crypto *crypto, const char *hash)
{
    if (protection->mac_bytes == 0)
        return true;
    if (protection->version == TLS_SSL3) {
        protection->ssl3_hash = EVP_MD_fetch(crypto->library, hash, NULL);
        protection->ssl3 = EVP_MD_CTX_new();
        return protection->ssl3_hash != NULL && protection->ssl3 != NULL;
    }
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): OpenSSL takes what it only reads without const */
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)hash, 0),
                               OSSL_PARAM_END};
    protection->mac = EVP_MAC_CTX_new(crypto->hmac);
    return protection->mac != NULL &&
           EVP_MAC_init(protection->mac, protection->mac_key, protection->mac_bytes, parameters) == 1;
}

static size_t hash_bytes(const char *hash)
{
    static const struct {
        const char *hash;
        size_t bytes;
    } sizes[] = {{"MD5", 16}, {"SHA1", 20}, {"SHA256", 32}, {"SHA384", 48}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (strcmp(hash, sizes[i].hash) == 0)
            return sizes[i].bytes;
    }
    return 0;
}

/* How many bytes of nonce the key block holds. */
static size_t fixed_iv(const struct tls_cipher *cipher, uint16_t version)
{
    switch (cipher->kind) {
    case TLS_CIPHER_GCM:
    case TLS_CIPHER_CCM:
        return NONCE - EXPLICIT_NONCE;
    case TLS_CIPHER_CHACHA:
        return NONCE;
    case TLS_CIPHER_CBC:
        return version < TLS_1_1 ? cipher->block_bytes : 0;
    default:
        return 0;
    }
}

/*   key block: client MAC key, server MAC key, client key, server key, client IV, server IV (RFC 5246 section 6.3) */
static bool split_block(struct tls_protection *protection, struct cursor block, size_t iv_bytes, bool server,
                        const uint8_t **key)
{
    struct cursor part[2], keys[2], ivs[2];
    size_t key_bytes = protection->cipher->key_bytes;
    for (int i = 0; i < 2; i++) {
        if (!cursor_take(&block, protection->mac_bytes, &part[i]))
            return false;
    }
    for (int i = 0; i < 2; i++) {
        if (!cursor_take(&block, key_bytes, &keys[i]))
            return false;
    }
    for (int i = 0; i < 2; i++) {
        if (!cursor_take(&block, iv_bytes, &ivs[i]))
            return false;
    }
    memcpy(protection->mac_key, part[server].at, part[server].left);
    memcpy(protection->iv, ivs[server].at, ivs[server].left);
    *key = keys[server].at;
    return true;
}

struct tls_protection *tls_protection_new(const struct tls_crypto *crypto, const struct tls_schedule *schedule,
                                          const struct tls_suite *suite, bool encrypt_then_mac,
                                          const uint8_t master[TLS_MASTER], bool server, const char **why)
{
    uint8_t block[2 * (MAC_MAX + KEY_MAX + BLOCK_MAX)];
    const uint8_t *key = NULL;
    *why = "its cipher suite is not decrypted here";
    if (suite->cipher == NULL || (tls_cipher_aead(suite->cipher) && schedule->version < TLS_1_2))
        return NULL;
    struct tls_protection *protection = OPENSSL_zalloc(sizeof *protection);
    if (protection == NULL)
        return NULL;
    protection->cipher = suite->cipher;
    protection->version = schedule->version;
    protection->encrypt_then_mac = encrypt_then_mac && suite->cipher->kind == TLS_CIPHER_CBC;
    protection->mac_bytes = tls_cipher_aead(suite->cipher) ? 0 : hash_bytes(suite->hash);
    size_t iv_bytes = fixed_iv(suite->cipher, schedule->version);
    size_t length = 2 * (protection->mac_bytes + suite->cipher->key_bytes + iv_bytes);
    *why = "OpenSSL on this machine does not have its cipher";
    bool good = tls_key_block(crypto, schedule, master, block, length) &&
                split_block(protection, cursor_of(block, length), iv_bytes, server, &key) &&
                cipher_init(protection, crypto, key) && mac_init(protection, crypto, suite->hash);
    OPENSSL_cleanse(block, sizeof block);
    if (good)
        return protection;
    tls_protection_free(protection);
    return NULL;
}

struct tls_protection *tls_protection_new13(const struct tls_crypto *crypto, const struct tls_suite *suite,
                                            struct cursor secret, const char **why)
{
    uint8_t key[KEY_MAX];
    *why = "its cipher suite is not decrypted here";
    if (suite->cipher == NULL || !tls_cipher_aead(suite->cipher))
        return NULL;
    struct tls_protection *protection = OPENSSL_zalloc(sizeof *protection);
    if (protection == NULL)
        return NULL;
    protection->cipher = suite->cipher;
    protection->version = TLS_1_3;
    *why = "OpenSSL on this machine does not have its cipher";
    bool good = tls_expand_label(crypto, suite->hash, secret, "key", key, suite->cipher->key_bytes) &&
                tls_expand_label(crypto, suite->hash, secret, "iv", protection->iv, NONCE) &&
                cipher_init(protection, crypto, key);
    OPENSSL_cleanse(key, sizeof key);
    if (good)
        return protection;
    tls_protection_free(protection);
    return NULL;
}

/* ---- MAC ---- */

static void put_be(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

#define PSEUDO_HEADER 13

/*   u64 sequence, u8 type, u16 version, u16 length (RFC 5246 section 6.2.3.1) */
static void pseudo_header(uint8_t header[PSEUDO_HEADER], const struct tls_record *record, size_t length)
{
    put_be(header, record->sequence, 8);
    header[8] = record->type;
    put_be(header + 9, record->version, 2);
    put_be(header + 11, length, 2);
}

/* hash(key + 5C... + hash(key + 36... + sequence + type + length + content)) (RFC 6101 section 5.2.3.1) */
static bool ssl3_mac(const struct tls_protection *protection, const uint8_t header[PSEUDO_HEADER],
                     struct cursor content, uint8_t mac[MAC_MAX])
{
    uint8_t pad[48];
    size_t pads = protection->mac_bytes == 16 ? 48 : 40;
    EVP_MD_CTX *hasher = protection->ssl3;
    memset(pad, 0x36, pads);
    bool good = EVP_DigestInit_ex2(hasher, protection->ssl3_hash, NULL) == 1 &&
                EVP_DigestUpdate(hasher, protection->mac_key, protection->mac_bytes) == 1 &&
                EVP_DigestUpdate(hasher, pad, pads) == 1 && EVP_DigestUpdate(hasher, header, 9) == 1 &&
                EVP_DigestUpdate(hasher, header + 11, 2) == 1 &&
                EVP_DigestUpdate(hasher, content.at, content.left) == 1 && EVP_DigestFinal_ex(hasher, mac, NULL) == 1;
    memset(pad, 0x5C, pads);
    return good && EVP_DigestInit_ex2(hasher, protection->ssl3_hash, NULL) == 1 &&
           EVP_DigestUpdate(hasher, protection->mac_key, protection->mac_bytes) == 1 &&
           EVP_DigestUpdate(hasher, pad, pads) == 1 && EVP_DigestUpdate(hasher, mac, protection->mac_bytes) == 1 &&
           EVP_DigestFinal_ex(hasher, mac, NULL) == 1;
}

static bool mac_holds(const struct tls_protection *protection, const struct tls_record *record, struct cursor content,
                      struct cursor sent)
{
    uint8_t header[PSEUDO_HEADER], mac[MAC_MAX];
    size_t length = 0;
    if (protection->mac_bytes == 0)
        return true;
    pseudo_header(header, record, content.left);
    if (protection->version == TLS_SSL3)
        return ssl3_mac(protection, header, content, mac) && CRYPTO_memcmp(mac, sent.at, sent.left) == 0;
    return EVP_MAC_init(protection->mac, NULL, 0, NULL) == 1 &&
           EVP_MAC_update(protection->mac, header, sizeof header) == 1 &&
           EVP_MAC_update(protection->mac, content.at, content.left) == 1 &&
           EVP_MAC_final(protection->mac, mac, &length, sizeof mac) == 1 && length == sent.left &&
           CRYPTO_memcmp(mac, sent.at, length) == 0;
}

/* Takes the MAC off the end of `text` and compares it. */
static bool mac_take(const struct tls_protection *protection, const struct tls_record *record, struct cursor *text)
{
    struct cursor content, mac;
    return text->left >= protection->mac_bytes && cursor_take(text, text->left - protection->mac_bytes, &content) &&
           cursor_take(text, protection->mac_bytes, &mac) && mac_holds(protection, record, content, mac) &&
           (*text = content, true);
}

/* ---- Records ---- */

static bool decrypt(EVP_CIPHER_CTX *context, struct cursor text, uint8_t *out)
{
    int length = 0;
    return text.left <= TLS_RECORD_MAX && EVP_DecryptUpdate(context, out, &length, text.at, (int)text.left) == 1 &&
           (size_t)length == text.left;
}

static bool open_stream(struct tls_protection *protection, const struct tls_record *record, uint8_t *out,
                        size_t *length)
{
    if (protection->context == NULL)
        memcpy(out, record->body.at, record->body.left);
    else if (!decrypt(protection->context, record->body, out))
        return false;
    struct cursor text = cursor_of(out, record->body.left);
    bool good = mac_take(protection, record, &text);
    *length = text.left;
    return good;
}

/* Padding: its last byte says how many are before it. */
static bool padding_take(struct cursor *text)
{
    size_t padding = text->left == 0 ? 0 : text->at[text->left - 1];
    struct cursor content;
    return text->left > padding && cursor_take(text, text->left - padding - 1, &content) && (*text = content, true);
}

static bool open_cbc(struct tls_protection *protection, const struct tls_record *record, uint8_t *out, size_t *length)
{
    struct cursor body = record->body, iv;
    size_t block = protection->cipher->block_bytes;
    bool authentic = !protection->encrypt_then_mac || mac_take(protection, record, &body);
    if (protection->version >= TLS_1_1 &&
        (!cursor_take(&body, block, &iv) || EVP_DecryptInit_ex2(protection->context, NULL, NULL, iv.at, NULL) != 1))
        return false;
    if (body.left == 0 || body.left % block != 0 || !decrypt(protection->context, body, out) || !authentic)
        return false;
    struct cursor text = cursor_of(out, body.left);
    if (!padding_take(&text) || (!protection->encrypt_then_mac && !mac_take(protection, record, &text)))
        return false;
    *length = text.left;
    return true;
}

static bool aead_open(struct tls_protection *protection, const uint8_t nonce[NONCE], struct cursor header,
                      struct cursor text, struct cursor tag, uint8_t *out)
{
    EVP_CIPHER_CTX *context = protection->context;
    int length = 0;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): OpenSSL takes what it only reads without const */
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, (int)tag.left, (void *)(uintptr_t)tag.at) != 1 ||
        EVP_DecryptInit_ex2(context, NULL, NULL, nonce, NULL) != 1)
        return false;
    if (protection->cipher->kind == TLS_CIPHER_CCM) /* wants the length first, and verifies at once */
        return EVP_DecryptUpdate(context, NULL, &length, NULL, (int)text.left) == 1 &&
               EVP_DecryptUpdate(context, NULL, &length, header.at, (int)header.left) == 1 &&
               EVP_DecryptUpdate(context, out, &length, text.at, (int)text.left) == 1;
    return EVP_DecryptUpdate(context, NULL, &length, header.at, (int)header.left) == 1 &&
           EVP_DecryptUpdate(context, out, &length, text.at, (int)text.left) == 1 &&
           EVP_DecryptFinal_ex(context, out + length, &length) == 1;
}

static bool open_aead(struct tls_protection *protection, const struct tls_record *record, uint8_t *out, size_t *length)
{
    struct cursor body = record->body, text, tag, sent;
    uint8_t nonce[NONCE], header[PSEUDO_HEADER];
    size_t header_bytes = PSEUDO_HEADER, tag_bytes = protection->cipher->tag_bytes;
    bool implicit = protection->version >= TLS_1_3 || protection->cipher->kind == TLS_CIPHER_CHACHA;
    memcpy(nonce, protection->iv, NONCE);
    for (size_t i = 0; implicit && i < 8; i++)
        nonce[4 + i] ^= (uint8_t)(record->sequence >> 8 * (7 - i));
    if (!implicit) {
        if (!cursor_take(&body, EXPLICIT_NONCE, &sent))
            return false;
        memcpy(nonce + NONCE - EXPLICIT_NONCE, sent.at, EXPLICIT_NONCE);
    }
    if (body.left < tag_bytes || body.left > TLS_RECORD_MAX || !cursor_take(&body, body.left - tag_bytes, &text) ||
        !cursor_take(&body, tag_bytes, &tag))
        return false;
    pseudo_header(header, record, text.left);
    if (protection->version >= TLS_1_3) { /* the header as it is sent (RFC 8446 section 5.2) */
        header[0] = record->type;
        put_be(header + 1, record->version, 2);
        put_be(header + 3, record->body.left, 2);
        header_bytes = 5;
    }
    *length = text.left;
    return aead_open(protection, nonce, cursor_of(header, header_bytes), text, tag, out);
}

bool tls_protection_open(struct tls_protection *protection, const struct tls_record *record,
                         uint8_t out[TLS_RECORD_MAX], uint8_t *type, size_t *length)
{
    if (record->body.left > TLS_RECORD_MAX || record->body.left == 0)
        return false;
    *type = record->type;
    if (protection->cipher->kind == TLS_CIPHER_CBC)
        return open_cbc(protection, record, out, length);
    if (!tls_cipher_aead(protection->cipher))
        return open_stream(protection, record, out, length);
    if (!open_aead(protection, record, out, length))
        return false;
    if (protection->version < TLS_1_3)
        return true;
    while (*length > 0 && out[*length - 1] == 0) /* padding; then the type (RFC 8446 section 5.2) */
        (*length)--;
    if (*length == 0)
        return false;
    *type = out[--*length];
    return true;
}

bool tls_protection_restarts(const struct tls_protection *protection)
{
    return protection->cipher->kind != TLS_CIPHER_STREAM &&
           (protection->cipher->kind != TLS_CIPHER_CBC || protection->version >= TLS_1_1);
}

size_t tls_protection_overhead(const struct tls_protection *protection)
{
    if (protection->version >= TLS_1_3)
        return (size_t)protection->cipher->tag_bytes + 1;
    if (protection->cipher->kind == TLS_CIPHER_CBC)
        return protection->mac_bytes + 1 + (protection->version >= TLS_1_1 ? protection->cipher->block_bytes : 0);
    bool explicit = tls_cipher_aead(protection->cipher) && protection->cipher->kind != TLS_CIPHER_CHACHA;
    return protection->mac_bytes + protection->cipher->tag_bytes + (explicit ? EXPLICIT_NONCE : 0);
}
