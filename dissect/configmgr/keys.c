/* dissect/configmgr/keys.c: see keys.h. */
#define _GNU_SOURCE
#include "dissect/configmgr/keys.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "dissect/configmgr/ber.h"

#define BUCKETS 4096                         /* of each of the three hash tables */
#define BLOB_MAX (20 + CCM_KEY_BITS_MAX / 8) /* a longer one is read, but not remembered */

struct key_node {
    struct ccm_key key;
    struct key_node *next; /* in the bucket of its fingerprint */
};

struct blob_node {
    const struct ccm_key *key;
    struct blob_node *next;
    size_t length;
    uint8_t bytes[];
};

struct client_node {
    const struct ccm_key *key;
    struct client_node *next;
    size_t length;
    char smsid[]; /* enum ccm_owner, then the name in upper case */
};

struct ccm_keys {
    EVP_MD *hashes[CCM_HASH_COUNT];
    EVP_MD_CTX *hasher;
    struct key_node *keys[BUCKETS];
    struct blob_node *blobs[BUCKETS];
    struct client_node *clients[BUCKETS];
    size_t count;        /* of keys */
    size_t blob_count;   /* of blobs remembered: one key may come with many heads and tails */
    size_t client_count; /* of registrations remembered, at most CCM_KEYS_MAX too */
    const struct ccm_key **loaded;
    size_t loaded_count;
    struct ccm_private *privates;
    size_t private_count;
    struct ccm_cache *openings, *certificates;
    struct limit_counts limits;
    OSSL_LIB_CTX *legacy; /* NULL until something needs it */
    OSSL_PROVIDER *legacy_providers[2];
};

/* Clients sign their id alike in each message, and show their certificates again: enough places for the clients that are
 * active at a time. */
#define OPENINGS 4096
#define OPENING_BYTES 512
#define CERTIFICATES 256
#define CERTIFICATE_BYTES 8192

static const char *const HASH_NAMES[CCM_HASH_COUNT] = {"md5", "sha1", "sha256", "sha384", "sha512"};

const char *ccm_hash_name(enum ccm_hash hash)
{
    return HASH_NAMES[hash];
}

static void free_certificate(void *certificate)
{
    X509_free(certificate);
}

struct ccm_keys *ccm_keys_new(void)
{
    struct ccm_keys *keys = calloc(1, sizeof *keys);
    if (keys == NULL)
        return NULL;
    keys->hasher = EVP_MD_CTX_new();
    keys->openings = ccm_cache_new(OPENINGS, OPENING_BYTES, free);
    keys->certificates = ccm_cache_new(CERTIFICATES, CERTIFICATE_BYTES, free_certificate);
    bool complete = keys->hasher != NULL && keys->openings != NULL && keys->certificates != NULL;
    for (int i = 0; i < CCM_HASH_COUNT; i++) {
        keys->hashes[i] = EVP_MD_fetch(NULL, HASH_NAMES[i], NULL);
        complete = complete && (keys->hashes[i] != NULL || i == CCM_MD5); /* a FIPS build has no MD5 */
    }
    if (complete)
        return keys;
    ccm_keys_free(keys);
    return NULL;
}

struct limit_counts *ccm_keys_limits(struct ccm_keys *keys)
{
    return &keys->limits;
}

bool ccm_keys_empty(const struct ccm_keys *keys)
{
    return keys->count == 0 && keys->blob_count == 0 && keys->client_count == 0;
}

static void free_nodes(struct ccm_keys *keys)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct key_node *node = keys->keys[i], *next; node != NULL; node = next) {
            next = node->next;
            EVP_PKEY_CTX_free(node->key.recover);
            EVP_PKEY_free(node->key.pkey);
            free(node);
        }
        for (struct blob_node *node = keys->blobs[i], *next; node != NULL; node = next) {
            next = node->next;
            free(node);
        }
        for (struct client_node *node = keys->clients[i], *next; node != NULL; node = next) {
            next = node->next;
            free(node);
        }
    }
}

void ccm_keys_free(struct ccm_keys *keys)
{
    if (keys == NULL)
        return;
    if (!ccm_keys_empty(keys))
        free_nodes(keys);
    for (int i = 0; i < CCM_HASH_COUNT; i++)
        EVP_MD_free(keys->hashes[i]);
    EVP_MD_CTX_free(keys->hasher);
    for (size_t i = 0; i < keys->private_count; i++)
        EVP_PKEY_free(keys->privates[i].pkey);
    for (size_t i = 0; i < 2; i++) {
        if (keys->legacy_providers[i] != NULL)
            OSSL_PROVIDER_unload(keys->legacy_providers[i]);
    }
    OSSL_LIB_CTX_free(keys->legacy);
    free(keys->privates);
    ccm_cache_free(keys->openings);
    ccm_cache_free(keys->certificates);
    free(keys->loaded);
    free(keys);
}

struct ccm_cache *ccm_keys_openings(const struct ccm_keys *keys)
{
    return keys->openings;
}

struct ccm_cache *ccm_keys_certificates(const struct ccm_keys *keys)
{
    return keys->certificates;
}

OSSL_LIB_CTX *ccm_keys_legacy(struct ccm_keys *keys)
{
    if (keys->legacy == NULL) {
        keys->legacy = OSSL_LIB_CTX_new();
        keys->legacy_providers[0] = OSSL_PROVIDER_load(keys->legacy, "default");
        keys->legacy_providers[1] = OSSL_PROVIDER_load(keys->legacy, "legacy");
        ERR_clear_error();
    }
    return keys->legacy_providers[1] == NULL ? NULL : keys->legacy;
}

EVP_CIPHER *ccm_keys_cipher(struct ccm_keys *keys, const char *name, bool legacy)
{
    OSSL_LIB_CTX *library = legacy ? ccm_keys_legacy(keys) : NULL;
    return legacy && library == NULL ? NULL : EVP_CIPHER_fetch(library, name, NULL);
}

size_t ccm_hash(struct ccm_keys *keys, enum ccm_hash hash, struct cursor data, uint8_t out[CCM_HASH_BYTES_MAX])
{
    unsigned length = 0;
    if (keys->hashes[hash] == NULL || EVP_DigestInit_ex2(keys->hasher, keys->hashes[hash], NULL) != 1 ||
        EVP_DigestUpdate(keys->hasher, data.at, data.left) != 1 || EVP_DigestFinal_ex(keys->hasher, out, &length) != 1)
        return 0;
    return length;
}

/* FNV-1a; keys are found again by comparing all bytes, so a collision only costs time. */
static size_t bucket_of(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 0x100000001B3u;
    return (hash ^ hash >> 32) % BUCKETS;
}

/* ---- SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of an RSA key; OpenSSL's own way takes a hundred times longer ---- */

#define SPKI_MAX (CCM_KEY_BITS_MAX / 8 * 2 + 64) /* the exponent may be as long as the modulus */

/* Puts tag and length before `at`, where `length` bytes of content stand. */
static uint8_t *put_head(uint8_t *at, uint8_t tag, size_t length)
{
    size_t left = length, count = 0;
    for (; length >= 0x80 && left > 0; left >>= 8, count++)
        *--at = (uint8_t)left;
    *--at = (uint8_t)(count > 0 ? 0x80 | count : length);
    *--at = tag;
    return at;
}

static uint8_t *put_number(uint8_t *at, const BIGNUM *number)
{
    uint8_t *end = at;
    at -= BN_num_bytes(number);
    BN_bn2bin(number, at);
    if (at == end || *at >= 0x80) /* an INTEGER has a sign */
        *--at = 0;
    return put_head(at, BER_INTEGER, (size_t)(end - at));
}

/* Writes it at the end of out[]. False when the key has no such form. */
static bool rsa_spki(const EVP_PKEY *pkey, uint8_t out[SPKI_MAX], struct cursor *der)
{
    static const uint8_t algorithm[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86,
                                        0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00}; /* rsaEncryption, NULL */
    BIGNUM *n = NULL, *e = NULL;
    bool known = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA &&
                 EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                 EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(n) <= CCM_KEY_BITS_MAX &&
                 BN_num_bits(e) <= CCM_KEY_BITS_MAX;
    if (known) {
        uint8_t *end = out + SPKI_MAX, *at = put_number(put_number(end, e), n);
        at = put_head(at, BER_SEQUENCE, (size_t)(end - at));
        *--at = 0; /* unused bits */
        at = put_head(at, BER_BIT_STRING, (size_t)(end - at));
        at = memcpy(at - sizeof algorithm, algorithm, sizeof algorithm);
        at = put_head(at, BER_SEQUENCE, (size_t)(end - at));
        *der = cursor_of(at, (size_t)(end - at));
    }
    BN_free(n);
    BN_free(e);
    return known;
}

static bool key_fingerprint(struct ccm_keys *keys, EVP_PKEY *pkey, char text[65])
{
    uint8_t room[SPKI_MAX], digest[CCM_HASH_BYTES_MAX];
    unsigned char *der = NULL;
    struct cursor spki;
    if (!rsa_spki(pkey, room, &spki)) {
        int length = i2d_PUBKEY(pkey, &der);
        if (length <= 0)
            return false;
        spki = cursor_of(der, (size_t)length);
    }
    size_t digest_length = ccm_hash(keys, CCM_SHA256, spki, digest);
    OPENSSL_free(der);
    for (size_t i = 0; i < digest_length; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return digest_length > 0;
}

static EVP_PKEY_CTX *key_recover(EVP_PKEY *pkey)
{
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
        return NULL;
    EVP_PKEY_CTX *recover = EVP_PKEY_CTX_new(pkey, NULL);
    if (recover != NULL && EVP_PKEY_verify_recover_init(recover) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(recover, RSA_PKCS1_PADDING) == 1)
        return recover;
    EVP_PKEY_CTX_free(recover);
    return NULL;
}

const struct ccm_key *ccm_keys_add(struct ccm_keys *keys, EVP_PKEY *pkey)
{
    char fingerprint[65];
    if (EVP_PKEY_get_bits(pkey) > CCM_KEY_BITS_MAX || !key_fingerprint(keys, pkey, fingerprint))
        return NULL;
    struct key_node **bucket = &keys->keys[bucket_of(fingerprint, sizeof fingerprint)];
    for (struct key_node *node = *bucket; node != NULL; node = node->next) {
        if (strcmp(node->key.fingerprint, fingerprint) == 0)
            return &node->key;
    }
    if (keys->count == CCM_KEYS_MAX)
        limit_hit(&keys->limits, LIMIT_keys);
    struct key_node *node = keys->count < CCM_KEYS_MAX ? calloc(1, sizeof *node) : NULL;
    if (node == NULL)
        return NULL;
    EVP_PKEY_up_ref(pkey);
    node->key.pkey = pkey;
    node->key.recover = key_recover(pkey);
    node->key.bits = EVP_PKEY_get_bits(pkey);
    memcpy(node->key.fingerprint, fingerprint, sizeof fingerprint);
    node->next = *bucket;
    *bucket = node;
    keys->count++;
    return &node->key;
}

static EVP_PKEY *rsa_key(struct cursor modulus, uint32_t exponent)
{
    EVP_PKEY *pkey = NULL;
    BIGNUM *n = BN_lebin2bn(modulus.at, (int)modulus.left, NULL);
    BIGNUM *e = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *parameters = NULL;
    if (n != NULL && e != NULL && builder != NULL && context != NULL && BN_set_word(e, exponent) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
        (parameters = OSSL_PARAM_BLD_to_param(builder)) != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        pkey = NULL;
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_BLD_free(builder);
    BN_free(e);
    BN_free(n);
    ERR_clear_error();
    return pkey;
}

/*   u8 6 (PUBLICKEYBLOB), u8 2 (version), u16 0, u32 algorithm, "RSA1", u32 bits, u32 exponent, modulus; little
 * endian */
static const char *read_blob(struct cursor blob, struct cursor *modulus, uint32_t *exponent)
{
    uint8_t type, version;
    uint16_t reserved;
    uint32_t algorithm, bits;
    struct cursor magic;
    if (!cursor_u8(&blob, &type) || !cursor_u8(&blob, &version) || !cursor_le16(&blob, &reserved) ||
        !cursor_le32(&blob, &algorithm) || !cursor_take(&blob, 4, &magic) || !cursor_le32(&blob, &bits) ||
        !cursor_le32(&blob, exponent))
        return "its head is cut off";
    if (type != 6 || version != 2)
        return "its type is not that of a public key";
    if (!cursor_starts(magic, "RSA1", 4))
        return "its head does not say RSA1";
    if (bits == 0 || bits > CCM_KEY_BITS_MAX || bits % 8 != 0)
        return "its length is not one of an RSA key";
    if (*exponent < 3 || *exponent % 2 == 0) /* RFC 8017 section 3.1: prime to an even number */
        return "its exponent is not one of an RSA key";
    return cursor_take(&blob, bits / 8, modulus) ? NULL : "its modulus is cut off";
}

const char *ccm_keys_blob_problem(struct cursor blob)
{
    struct cursor modulus;
    uint32_t exponent;
    return read_blob(blob, &modulus, &exponent);
}

const struct ccm_key *ccm_keys_blob(struct ccm_keys *keys, struct cursor blob)
{
    struct blob_node **bucket = &keys->blobs[bucket_of(blob.at, blob.left)];
    for (struct blob_node *node = *bucket; node != NULL; node = node->next) {
        if (cursor_equal(cursor_of(node->bytes, node->length), blob))
            return node->key;
    }
    struct cursor modulus;
    uint32_t exponent;
    EVP_PKEY *pkey = read_blob(blob, &modulus, &exponent) == NULL ? rsa_key(modulus, exponent) : NULL;
    if (pkey == NULL)
        return NULL;
    const struct ccm_key *key = ccm_keys_add(keys, pkey);
    EVP_PKEY_free(pkey);
    bool keep = key != NULL && blob.left <= BLOB_MAX && keys->blob_count < CCM_KEYS_MAX;
    struct blob_node *node = keep ? malloc(sizeof *node + blob.left) : NULL;
    if (node == NULL)
        return key;
    keys->blob_count++;
    node->key = key;
    node->length = blob.left;
    memcpy(node->bytes, blob.at, blob.left);
    node->next = *bucket;
    *bucket = node;
    return key;
}

#define SMSID_MAX 128 /* "GUID:" and 36 characters are usual */

/* Upper case and without braces, as it is signed, behind the letter of its owner. False when it is no usable id. */
static bool smsid_normal(enum ccm_owner owner, struct text smsid, char out[SMSID_MAX], size_t *length)
{
    *length = 0;
    out[(*length)++] = (char)owner;
    for (size_t i = 0; i < smsid.length; i++) {
        if (smsid.at[i] == '{' || smsid.at[i] == '}')
            continue;
        if (*length == SMSID_MAX)
            return false;
        char c = smsid.at[i];
        out[(*length)++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return *length > 1;
}

bool ccm_keys_register(struct ccm_keys *keys, struct text smsid, const struct ccm_key *key)
{
    return ccm_keys_bind(keys, CCM_OWNER_CLIENT, smsid, key);
}

bool ccm_keys_bind(struct ccm_keys *keys, enum ccm_owner owner, struct text name, const struct ccm_key *key)
{
    char id[SMSID_MAX];
    size_t length;
    if (name.at == NULL || !smsid_normal(owner, name, id, &length)) {
        keys->limits.hit[LIMIT_key_names] += name.at != NULL && length == SMSID_MAX;
        return true;
    }
    struct client_node **bucket = &keys->clients[bucket_of(id, length)];
    for (struct client_node *node = *bucket; node != NULL; node = node->next) {
        if (node->key == key && node->length == length && memcmp(node->smsid, id, length) == 0)
            return true;
    }
    if (keys->client_count == CCM_KEYS_MAX)
        limit_hit(&keys->limits, LIMIT_keys);
    struct client_node *node = keys->client_count < CCM_KEYS_MAX ? malloc(sizeof *node + length) : NULL;
    if (node == NULL)
        return false;
    keys->client_count++;
    node->key = key;
    node->length = length;
    memcpy(node->smsid, id, length);
    node->next = *bucket;
    *bucket = node;
    return true;
}

size_t ccm_keys_absorb(struct ccm_keys *keys, const struct ccm_keys *from)
{
    size_t lost = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct client_node *node = from->clients[i]; node != NULL; node = node->next) {
            const struct ccm_key *key = ccm_keys_add(keys, node->key->pkey);
            struct text name = {node->smsid + 1, node->length - 1};
            lost += key == NULL || !ccm_keys_bind(keys, (enum ccm_owner)node->smsid[0], name, key);
        }
    }
    return lost;
}

/* Puts a key among the `count` that are there, in the order of fingerprints, so that neither the order nor the choice depends on
 * what was learned first. Returns their number. */
static size_t insert_key(const struct ccm_key *found[CCM_KEYS_OF_CLIENT_MAX], size_t count, const struct ccm_key *key)
{
    size_t at = count, kept = count < CCM_KEYS_OF_CLIENT_MAX ? count : CCM_KEYS_OF_CLIENT_MAX - 1;
    while (at > 0 && strcmp(found[at - 1]->fingerprint, key->fingerprint) > 0)
        at--;
    if (at == CCM_KEYS_OF_CLIENT_MAX)
        return count;
    memmove(&found[at + 1], &found[at], (kept - at) * sizeof(found[0]));
    found[at] = key;
    return kept + 1;
}

size_t ccm_keys_of(struct ccm_keys *keys, struct text smsid, const struct ccm_key *found[CCM_KEYS_OF_CLIENT_MAX])
{
    return ccm_keys_bound(keys, CCM_OWNER_CLIENT, smsid, found);
}

size_t ccm_keys_bound(struct ccm_keys *keys, enum ccm_owner owner, struct text name,
                      const struct ccm_key *found[CCM_KEYS_OF_CLIENT_MAX])
{
    char id[SMSID_MAX];
    size_t length, count = 0, total = 0;
    if (name.at == NULL || !smsid_normal(owner, name, id, &length))
        return 0;
    const struct client_node *node = keys->clients[bucket_of(id, length)];
    for (; node != NULL; node = node->next) {
        if (node->length != length || memcmp(node->smsid, id, length) != 0)
            continue;
        count = insert_key(found, count, node->key);
        total++;
    }
    if (total > count)
        limit_hit(&keys->limits, LIMIT_client_keys);
    return count;
}

/* ---- Certificates as envelopes name them ---- */

void ccm_keys_identity(struct cursor issuer, struct cursor serial_or_ski, char identity[CCM_IDENTITY_ROOM])
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t digest[SHA256_DIGEST_LENGTH] = {0};
    unsigned length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context != NULL && EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, issuer.at, issuer.left) == 1 &&
                EVP_DigestUpdate(context, serial_or_ski.at, serial_or_ski.left) == 1 &&
                EVP_DigestFinal_ex(context, digest, &length) == 1;
    EVP_MD_CTX_free(context);
    for (size_t i = 0; done && i < sizeof digest; i++) {
        identity[2 * i] = digits[digest[i] >> 4];
        identity[2 * i + 1] = digits[digest[i] & 0x0F];
    }
    identity[done ? 2 * sizeof digest : 0] = '\0';
}

static void bind_identity(struct ccm_keys *keys, struct cursor issuer, struct cursor id, const struct ccm_key *key)
{
    char identity[CCM_IDENTITY_ROOM] = "";
    ccm_keys_identity(issuer, id, identity);
    if (identity[0] == '\0')
        return;
    if (!ccm_keys_bind(keys, CCM_OWNER_CERTIFICATE, text_of(identity), key))
        ERR_clear_error(); /* a full store: the key is then found by trying */
}

void ccm_keys_identify(struct ccm_keys *keys, const X509 *certificate, const struct ccm_key *key)
{
    unsigned char *issuer = NULL, *serial = NULL;
    int issuer_length = i2d_X509_NAME(X509_get_issuer_name(certificate), &issuer);
    int serial_length = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &serial);
    if (issuer_length > 0 && serial_length > 0)
        bind_identity(keys, cursor_of(issuer, (size_t)issuer_length), cursor_of(serial, (size_t)serial_length), key);
    OPENSSL_free(issuer);
    OPENSSL_free(serial);
    ASN1_OCTET_STRING *ski = X509_get_ext_d2i(certificate, NID_subject_key_identifier, NULL, NULL);
    if (ski != NULL)
        bind_identity(keys, CURSOR_EMPTY, cursor_of(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski)), key);
    ASN1_OCTET_STRING_free(ski);
    ERR_clear_error();
}

/* ---- Keys that the user gave ---- */

static bool loaded_add(struct ccm_keys *keys, const struct ccm_key *key)
{
    const struct ccm_key **grown = realloc(keys->loaded, (keys->loaded_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return false;
    keys->loaded = grown;
    keys->loaded[keys->loaded_count++] = key;
    return true;
}

static bool private_add(struct ccm_keys *keys, EVP_PKEY *pkey, const struct ccm_key *key)
{
    struct ccm_private *grown = realloc(keys->privates, (keys->private_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return false;
    EVP_PKEY_up_ref(pkey);
    keys->privates = grown;
    keys->privates[keys->private_count++] = (struct ccm_private){.pkey = pkey, .key = key};
    return true;
}

bool ccm_keys_give(struct ccm_keys *keys, EVP_PKEY *pkey, bool is_private)
{
    if (keys->loaded_count == CCM_KEYS_LOADED_MAX)
        limit_hit(&keys->limits, LIMIT_keys_loaded);
    const struct ccm_key *key = keys->loaded_count < CCM_KEYS_LOADED_MAX ? ccm_keys_add(keys, pkey) : NULL;
    return key != NULL && loaded_add(keys, key) && (!is_private || private_add(keys, pkey, key));
}

const struct ccm_key *const *ccm_keys_loaded(const struct ccm_keys *keys, size_t *count)
{
    *count = keys->loaded_count;
    return keys->loaded;
}

const struct ccm_private *ccm_keys_private(const struct ccm_keys *keys, size_t *count)
{
    *count = keys->private_count;
    return keys->privates;
}
