/* dissect/configmgr/signature.c: see signature.h.
 *
 * A signature s is opened to EM = s^e mod n, which must be PKCS#1 v1.5 (RFC 8017 section 9.2):
 *
 *   00 01 FF .. FF 00 DigestInfo(hash algorithm, H)     or, with CRYPT_NOHASHOID:     00 01 FF .. FF 00 H
 *
 * OpenSSL opens it and checks the padding; what is left is compared with the hash of the data.
 */
#include "dissect/configmgr/signature.h"

#include <openssl/err.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* DER of DigestInfo before the hash value (RFC 8017 section 9.2, note 1). */
static const struct {
    uint8_t prefix[19];
    size_t prefix_length;
    size_t hash_length;
} DIGEST_INFO[CCM_HASH_COUNT] = {
    [CCM_MD5] = {{0x30, 0x20, 0x30, 0x0C, 0x06, 0x08, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x05, 0x05, 0x00, 0x04,
                  0x10},
                 18,
                 16},
    [CCM_SHA1] = {{0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14}, 15, 20},
    [CCM_SHA256] = {{0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
                     0x00, 0x04, 0x20},
                    19,
                    32},
    [CCM_SHA384] = {{0x30, 0x41, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05,
                     0x00, 0x04, 0x30},
                    19,
                    48},
    [CCM_SHA512] = {{0x30, 0x51, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
                     0x00, 0x04, 0x40},
                    19,
                    64},
};

const char *ccm_signature_state_name(enum ccm_signature_state state)
{
    static const char *const names[] = {"absent", "valid", "invalid", "nokey", "unsupported"};
    return names[state];
}

/* What a key makes of a signature: the content behind the padding, when it is PKCS#1 v1.5 by this key. */
struct opening {
    bool opened, reversed;
    size_t length;
    uint8_t content[CCM_KEY_BITS_MAX / 8];
};

static bool open_bytes(const struct ccm_key *key, struct cursor bytes, struct opening *opening)
{
    opening->length = sizeof opening->content;
    if (EVP_PKEY_verify_recover(key->recover, opening->content, &opening->length, bytes.at, bytes.left) == 1)
        return true;
    ERR_clear_error();
    opening->length = 0;
    return false;
}

/* Opens `signature` in either byte order. */
static void open_signature(const struct ccm_key *key, struct cursor signature, struct opening *opening)
{
    uint8_t reversed[CCM_KEY_BITS_MAX / 8];
    for (size_t i = 0; i < signature.left; i++)
        reversed[i] = signature.at[signature.left - 1 - i];
    opening->reversed = open_bytes(key, cursor_of(reversed, signature.left), opening);
    opening->opened = opening->reversed || open_bytes(key, signature, opening);
}

/* The same, for a signature that comes again. */
static void open_remembered(struct ccm_keys *keys, const struct ccm_key *key, struct cursor signature,
                            struct opening *opening)
{
    struct ccm_cache *cache = ccm_keys_openings(keys);
    const struct opening *known = ccm_cache_find(cache, key, signature);
    if (known != NULL) {
        memcpy(opening, known, offsetof(struct opening, content) + known->length);
        return;
    }
    open_signature(key, signature, opening);
    size_t size = offsetof(struct opening, content) + opening->length;
    struct opening *copy = malloc(size);
    if (copy == NULL)
        return;
    memcpy(copy, opening, size);
    (void)ccm_cache_put(cache, key, signature, copy);
}

/* Which hash the opened content holds, and its value. */
static bool split_content(struct cursor content, enum ccm_hash *hash, bool *has_hash_id, struct cursor *value)
{
    for (int i = 0; i < CCM_HASH_COUNT; i++) {
        *hash = (enum ccm_hash)i;
        *value = content;
        *has_hash_id = content.left == DIGEST_INFO[i].prefix_length + DIGEST_INFO[i].hash_length &&
                       cursor_starts(content, DIGEST_INFO[i].prefix, DIGEST_INFO[i].prefix_length);
        if (*has_hash_id)
            return cursor_skip(value, DIGEST_INFO[i].prefix_length);
        if (content.left == DIGEST_INFO[i].hash_length)
            return true;
    }
    return false;
}

static void check(struct ccm_keys *keys, const struct ccm_key *key, struct cursor signature, struct cursor data,
                  bool repeats, struct ccm_signature *result)
{
    uint8_t digest[CCM_HASH_BYTES_MAX];
    result->key = key;
    if (key->recover == NULL) {
        result->state = CCM_SIGNATURE_UNSUPPORTED;
        result->reason = "the key is not an RSA key";
        return;
    }
    result->state = CCM_SIGNATURE_INVALID;
    if (signature.left != (size_t)(key->bits + 7) / 8) {
        result->reason = "its length is not that of the key";
        return;
    }
    struct opening opening;
    if (repeats)
        open_remembered(keys, key, signature, &opening);
    else
        open_signature(key, signature, &opening);
    result->reversed = opening.reversed;
    if (!opening.opened) {
        result->reason = "the key does not open it";
        return;
    }
    enum ccm_hash hash;
    struct cursor value;
    if (!split_content(cursor_of(opening.content, opening.length), &hash, &result->has_hash_id, &value)) {
        result->state = CCM_SIGNATURE_UNSUPPORTED;
        result->reason = "it uses an unknown hash";
        return;
    }
    result->hash = ccm_hash_name(hash);
    size_t length = ccm_hash(keys, hash, data, digest);
    if (length == 0) {
        result->state = CCM_SIGNATURE_UNSUPPORTED;
        result->reason = "its hash is not available here";
    } else if (cursor_equal(value, cursor_of(digest, length))) {
        result->state = CCM_SIGNATURE_VALID;
        result->reason = NULL;
    } else {
        result->reason = "it is over other bytes";
    }
}

void ccm_signature_check(struct ccm_keys *keys, const struct ccm_key *key, struct cursor signature, struct cursor data,
                         struct ccm_signature *result)
{
    check(keys, key, signature, data, false, result);
}

/* Tries several keys; the first that verifies wins. True when one did. */
static bool try_keys(struct ccm_keys *keys, const struct ccm_key *const *candidates, size_t count, const char *source,
                     struct cursor signature, struct cursor data, bool repeats, struct ccm_signature *result)
{
    for (size_t i = 0; i < count; i++) {
        struct ccm_signature attempt = {.key_source = source};
        check(keys, candidates[i], signature, data, repeats, &attempt);
        if (attempt.state == CCM_SIGNATURE_VALID || i == 0)
            *result = attempt;
        if (attempt.state == CCM_SIGNATURE_VALID)
            return true;
    }
    return false;
}

void ccm_signature_verify(struct ccm_keys *keys, const struct ccm_signer *signer, struct text hex, struct cursor data,
                          struct arena *scratch, struct ccm_signature *result)
{
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_ABSENT};
    if (hex.at == NULL)
        return;
    struct cursor signature, blob;
    result->state = CCM_SIGNATURE_INVALID;
    if (!text_hex_decode(hex, scratch, &signature)) {
        result->reason = "it is not written as hex digits";
        return;
    }
    if (signer->public_key.at != NULL) {
        const struct ccm_key *key =
            text_hex_decode(signer->public_key, scratch, &blob) ? ccm_keys_blob(keys, blob) : NULL;
        result->key_source = "header";
        if (key != NULL) {
            check(keys, key, signature, data, signer->repeats, result);
            return;
        }
    }
    const struct ccm_key *registered[CCM_KEYS_OF_CLIENT_MAX];
    size_t count = ccm_keys_of(keys, signer->smsid, registered);
    if (try_keys(keys, registered, count, "registration", signature, data, signer->repeats, result) || count > 0)
        return;
    size_t loaded_count;
    const struct ccm_key *const *loaded = ccm_keys_loaded(keys, &loaded_count);
    if (try_keys(keys, loaded, loaded_count, "keys", signature, data, signer->repeats, result))
        return;
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_NOKEY, .reason = "the signer's key is not known"};
}
