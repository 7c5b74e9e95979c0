/* dissect/configmgr/policy.h: policy bodies: what they hold that is secret (wire.md 7.2, 7.3).
 *
 * Secret values are obfuscated, not encrypted: who has the body has them. So neither they nor their obfuscated form are
 * ever put out, unless the user asks for secrets.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_POLICY_H
#define CMSCOPE_DISSECT_CONFIGMGR_POLICY_H

#include "core/buffer.h"
#include "dissect/configmgr/message.h"

#define CCM_SECRETS_MAX 128                    /* of one policy */
#define CCM_SECRET_BYTES_MAX ((size_t)1 << 20) /* of an obfuscated value; task sequences have some 100 KB */
#define CCM_POLICY_LAYERS_MAX 3 /* compressed policies in each other; real ones have one, collection settings two */

#define CCM_POLICY_STREAMS_MAX 16 /* compressed texts that are opened in one policy */

struct ccm_secret {
    struct text name;        /* of the variable, where the instance names one beside its Value; else of the property:
                                NetworkAccessPassword ...; TEXT_NULL when it has none */
    struct text property;    /* of the property: Value, NetworkAccessPassword ... */
    struct text class_name;  /* of the instance: CCM_NetworkAccessAccount ... */
    const char *obfuscation; /* 3des, aes-128, aes-256; NULL: the value is not obfuscated */
    size_t bytes;            /* of the plain value, as its header says; of one that is not obfuscated its length */
    struct text value;       /* UTF-8; TEXT_NULL when not asked for, or not to be had */
    const char *problem;     /* why the value could not be read, or NULL */
};

struct ccm_policy {
    struct text text;             /* the innermost body, decompressed */
    enum outcome outcome;         /* of parsing the body: OUTCOME_OK, OUTCOME_MALFORMED or OUTCOME_LIMIT */
    struct xml_document document; /* of `text`; its root is NULL when it could not be parsed */
    bool has_secret;              /* a value, even an empty one, is marked as secret; or one is obfuscated */
    struct ccm_secret secrets[CCM_SECRETS_MAX];
    size_t secret_count; /* all, also those above the limit */
};

/* Reads a policy body (UTF-8). With `show`, secret values are made readable. Everything lives in decoder->arena. */
void ccm_policy_read(struct ccm_decoder *decoder, struct text body, bool show, struct ccm_policy *policy);

/* The readable form of an obfuscated value that is written in hex; TEXT_NULL when it is none, or damaged. */
struct text ccm_secret_text(struct ccm_decoder *decoder, struct text hex);

#define CCM_SECRET_KEY_BYTES 40
#define CCM_SECRET_KEY_ROOM (CCM_SECRET_KEY_BYTES + CCM_HASH_BYTES_MAX)
/* The bytes that ciphers take their key from, as CryptDeriveKey makes them of a password or seed (wire.md 7.3): the first
 * CCM_SECRET_KEY_BYTES of key[]. False when the library refuses. */
MUST_USE bool ccm_secret_derive(struct ccm_keys *keys, struct cursor material, uint8_t key[CCM_SECRET_KEY_ROOM]);

/* Undoes the obfuscation of a value (wire.md 7.3): *plain in `arena`. `problem` (may be NULL) gets why not. */
MUST_USE bool ccm_secret_reveal(struct ccm_keys *keys, struct cursor blob, struct arena *arena, struct cursor *plain,
                                const char **problem);

/* Appends the policy as XML in which everything that may be secret is replaced by a remark. False when `out` is full. */
MUST_USE bool ccm_policy_print_hidden(const struct ccm_policy *policy, struct buffer *out);

/* Whether a body has the hash that its assignment names in PolicyHash and PolicyHashEx (TEXT_NULL: not named), which are
 * written "SHA256:hex", or as hex whose length tells (wire.md 5.6); the stronger of the two decides. `bodies`: MD5, SHA-1
 * and SHA-256 of the body, hex. 1, 0, or -1: there is nothing to compare. */
#define CCM_POLICY_HASHES 3
#define CCM_FINDING_POLICY_HASH "a policy body has not the hash that its assignment names" /* C52 */
int ccm_policy_compare(const struct text named[2], const struct text bodies[CCM_POLICY_HASHES]);

#endif
