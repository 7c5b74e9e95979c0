/* dissect/configmgr/signature.h: RSA signatures as ConfigMgr makes them (wire.md 5). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_SIGNATURE_H
#define CMSCOPE_DISSECT_CONFIGMGR_SIGNATURE_H

#include "dissect/configmgr/keys.h"

enum ccm_signature_state {
    CCM_SIGNATURE_ABSENT,     /* nothing is signed */
    CCM_SIGNATURE_VALID,      /* a known key verifies it over exactly these bytes */
    CCM_SIGNATURE_INVALID,    /* the key that it names does not */
    CCM_SIGNATURE_NOKEY,      /* no key is known to check it with */
    CCM_SIGNATURE_UNSUPPORTED /* it cannot be checked: not RSA, an unknown form, or the bytes are not all there */
};

const char *ccm_signature_state_name(enum ccm_signature_state state);

struct ccm_signature {
    enum ccm_signature_state state;
    const char *reason;     /* for invalid and unsupported: why; static text or NULL */
    const char *hash;       /* that it really uses: "sha256" ...; NULL when it could not be opened */
    bool has_hash_id;       /* a DigestInfo names the hash; false: CRYPT_NOHASHOID (wire.md 5.3) */
    bool reversed;          /* little-endian, CryptoAPI's order */
    bool unreadable;        /* of a reply: it is no signature at all, or is damaged or cut off */
    const char *key_source; /* "header", "registration", "keys", "embedded"; NULL without a key */
    const struct ccm_key *key;
};

/* Checks the bytes of `signature` over `data` with `key`; sets state, reason, hash, has_hash_id, reversed and key. Both
 * byte orders, both paddings of PKCS#1 v1.5 and the hashes of enum ccm_hash are accepted: what was used is recovered
 * from the signature itself, because HashAlgorithm names the certificate's algorithm, not the hash. */
void ccm_signature_check(struct ccm_keys *keys, const struct ccm_key *key, struct cursor signature, struct cursor data,
                         struct ccm_signature *result);

/* Where a key may come from, in this order of preference. */
struct ccm_signer {
    struct text public_key; /* hex PUBLICKEYBLOB of the header; TEXT_NULL when absent */
    struct text smsid;      /* whose registered keys may be tried; TEXT_NULL for none */
    bool repeats;           /* the same signature is expected again, so what it holds is remembered */
};

/* Checks a signature given as hex text over `data`, choosing the key: the one in the header; else those registered for
 * the client id; else those loaded from files (of which a wrong one proves nothing, so none fitting is NOKEY). `hex`
 * TEXT_NULL gives ABSENT. `scratch` holds intermediate bytes. */
void ccm_signature_verify(struct ccm_keys *keys, const struct ccm_signer *signer, struct text hex, struct cursor data,
                          struct arena *scratch, struct ccm_signature *result);

#endif
