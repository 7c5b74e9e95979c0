/* dissect/configmgr/keys.h: public keys, and who they belong to.
 *
 * A key store belongs to one worker. Keys come from message headers (PUBLICKEYBLOB), from registrations in the capture
 * and from files that the user gives. The same key is kept once. Everything it hands out lives as long as the store.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_KEYS_H
#define CMSCOPE_DISSECT_CONFIGMGR_KEYS_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/cursor.h"
#include "core/limit.h"
#include "core/text.h"
#include "dissect/configmgr/cache.h"

#define CCM_KEYS_MAX 65536       /* different keys in one store; some 2 KB each */
#define CCM_KEY_BITS_MAX 16384   /* a bigger modulus only serves to burn time */
#define CCM_KEYS_OF_CLIENT_MAX 8 /* keys registered for one client id that are tried */
#define CCM_KEYS_LOADED_MAX 4096 /* keys that the user gives; each is tried where nothing names a key */

struct ccm_key {
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *recover; /* ready to undo a PKCS#1 v1.5 signature; NULL for keys other than RSA */
    int bits;
    char fingerprint[65]; /* SHA-256 of the DER SubjectPublicKeyInfo, lower-case hex */
};

struct ccm_keys;

struct ccm_keys *ccm_keys_new(void); /* NULL when out of memory */
void ccm_keys_free(struct ccm_keys *keys);
/* The limits that were hit in using the store: of keys, certificates and envelopes. */
struct limit_counts *ccm_keys_limits(struct ccm_keys *keys);
/* Whether nothing was learned yet. */
bool ccm_keys_empty(const struct ccm_keys *keys);

/* The key in a CryptoAPI PUBLICKEYBLOB (wire.md 5.4). NULL when it is none, is not RSA, or the store is full. */
const struct ccm_key *ccm_keys_blob(struct ccm_keys *keys, struct cursor blob);
/* Why a blob is no such key, for people; NULL when it is one. */
const char *ccm_keys_blob_problem(struct cursor blob);
/* The store's copy of `pkey` (which stays the caller's). NULL likewise. */
const struct ccm_key *ccm_keys_add(struct ccm_keys *keys, EVP_PKEY *pkey);

/* Whose key it is. The value is the first letter of the name under which it is kept. */
enum ccm_owner {
    CCM_OWNER_CLIENT = 'C',     /* by client id ("GUID:...", any case): the registered signing certificate */
    CCM_OWNER_MP = 'M',         /* by the address of the management point that showed its certificate */
    CCM_OWNER_ROOT = 'R',       /* trusted root key of the site, by the address of the management point that told it */
    CCM_OWNER_SITE = 'S',       /* site signing certificate, likewise */
    CCM_OWNER_CERTIFICATE = 'I' /* by what names a certificate in an envelope: see ccm_keys_identity */
};

/* Remembers that `key` belongs to `name`. False when memory ran out. */
MUST_USE bool ccm_keys_bind(struct ccm_keys *keys, enum ccm_owner owner, struct text name, const struct ccm_key *key);
/* The keys of `name`, in the order of their fingerprints, the first CCM_KEYS_OF_CLIENT_MAX of them; returns their number. */
size_t ccm_keys_bound(struct ccm_keys *keys, enum ccm_owner owner, struct text name,
                      const struct ccm_key *found[CCM_KEYS_OF_CLIENT_MAX]);

/* The same for clients: remembers that `key` is registered for the client id `smsid`. False when memory ran out. */
MUST_USE bool ccm_keys_register(struct ccm_keys *keys, struct text smsid, const struct ccm_key *key);
/* The keys registered for `smsid`; returns their number. */
size_t ccm_keys_of(struct ccm_keys *keys, struct text smsid, const struct ccm_key *found[CCM_KEYS_OF_CLIENT_MAX]);

#define CCM_IDENTITY_ROOM 65
/* A short name for what an envelope names a certificate by: DER issuer and DER serial number, or (issuer empty) the
 * content of its subject key identifier. */
void ccm_keys_identity(struct cursor issuer, struct cursor serial_or_ski, char identity[CCM_IDENTITY_ROOM]);
/* Remembers under what names envelopes may call this certificate. */
void ccm_keys_identify(struct ccm_keys *keys, const X509 *certificate, const struct ccm_key *key);

/* A private key that the user gave, and its public half in the store. */
struct ccm_private {
    EVP_PKEY *pkey;
    const struct ccm_key *key;
};

/* Takes a key that the user gave (which stays the caller's): the public half may verify anything; with `is_private` the
 * key may open what is encrypted. False when the store is full or memory ran out. */
MUST_USE bool ccm_keys_give(struct ccm_keys *keys, EVP_PKEY *pkey, bool is_private);
/* The keys that were loaded: *count of them. */
const struct ccm_key *const *ccm_keys_loaded(const struct ccm_keys *keys, size_t *count);
/* The private keys among them: *count of them. */
const struct ccm_private *ccm_keys_private(const struct ccm_keys *keys, size_t *count);

/* Adds all keys and registrations of `from` (another worker's) to `keys`. What does not fit is left out: the number of
 * registrations that are lost is returned. */
size_t ccm_keys_absorb(struct ccm_keys *keys, const struct ccm_keys *from);

/* For signature.c: what keys make of signatures. For certificate.c: certificates by their DER. */
struct ccm_cache *ccm_keys_openings(const struct ccm_keys *keys);
struct ccm_cache *ccm_keys_certificates(const struct ccm_keys *keys);
/* A cipher by OpenSSL's name, to be freed; `legacy`: of the legacy provider, which is loaded at the first use. NULL when it
 * is not there. */
MUST_USE EVP_CIPHER *ccm_keys_cipher(struct ccm_keys *keys, const char *name, bool legacy);
/* The library context that has the legacy provider, loaded at the first use; NULL when it is not there. */
OSSL_LIB_CTX *ccm_keys_legacy(struct ccm_keys *keys);

enum ccm_hash { CCM_MD5, CCM_SHA1, CCM_SHA256, CCM_SHA384, CCM_SHA512, CCM_HASH_COUNT };

const char *ccm_hash_name(enum ccm_hash hash); /* "md5", "sha1" ... */
#define CCM_HASH_BYTES_MAX 64
/* Hashes `data`; returns the number of bytes in out[], 0 when the library refuses. */
size_t ccm_hash(struct ccm_keys *keys, enum ccm_hash hash, struct cursor data, uint8_t out[CCM_HASH_BYTES_MAX]);

#endif
