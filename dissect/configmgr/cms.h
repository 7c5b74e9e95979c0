/* dissect/configmgr/cms.h: enveloped data (RFC 5652 section 6), as messages and secret policies use it.
 *
 *   ContentInfo > [0] EnvelopedData > version, [originatorInfo], recipientInfos,
 *                                     encryptedContentInfo (contentType, cipher, [0] encrypted content)
 *   recipient: version, issuer and serial number | [0] key identifier, key transport, encrypted key
 *
 * wire.md 4.4 (payload of a message, to the management points) and 7.4 (policy bodies, to the client). DER and BER.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_CMS_H
#define CMSCOPE_DISSECT_CONFIGMGR_CMS_H

#include "dissect/configmgr/keys.h"

#define CCM_RECIPIENTS_MAX 32 /* that are looked at; a message has one for each management point (wire.md 4.4) */
#define CCM_ENVELOPES_MAX 4   /* one inside the other */
#define CCM_OPEN_TRIES_MAX 32 /* private keys tried where no certificate tells which one it is */

struct ccm_recipient {
    struct text issuer;        /* of the certificate (RFC 2253); TEXT_NULL when a key identifier names it */
    struct text serial;        /* its serial number, hex */
    struct text ski;           /* subject key identifier, hex; TEXT_NULL when issuer and serial name it */
    struct text key_transport; /* rsaes-pkcs1, rsaes-oaep, "oid ...", or what kind of recipient it is */
    struct text oaep_hash;     /* of rsaes-oaep: sha1, sha256 ... */
    struct cursor key;         /* the encrypted content key */
    char identity[CCM_IDENTITY_ROOM];
    bool opens; /* its key opened the envelope */
};

struct ccm_envelope {
    struct ccm_recipient recipients[CCM_RECIPIENTS_MAX];
    size_t recipient_count;   /* all, also those above the limit */
    struct text cipher;       /* usual name ("3des-cbc", "aes-256-cbc") or "oid ..." */
    struct cursor parameters; /* of the cipher */
    struct cursor content;    /* the encrypted content, or its pieces as OCTET STRINGs */
    bool in_pieces;
    size_t content_bytes;
    int cipher_row;                  /* -1: a cipher that is not known here */
    const struct ccm_key *opened_by; /* public half of the private key that opened it, or NULL */
    struct cursor plain;             /* what it holds, in the arena; empty when it was not opened */
    struct text problem;             /* why it was not opened; TEXT_NULL when it was */
};

struct ccm_envelopes {
    struct ccm_envelope *items[CCM_ENVELOPES_MAX]; /* outermost first; in the arena */
    size_t count;
    bool opened;          /* all of them were */
    bool damaged;         /* the last of them is damaged or cut off */
    struct cursor inside; /* then: what the innermost holds. In the arena */
};

/* Reads an envelope. Views into `bytes`, texts in `arena`. OUTCOME_MALFORMED when it is none, or not whole. */
MUST_USE enum outcome ccm_envelope_parse(struct cursor bytes, struct arena *arena, struct ccm_envelope *envelope,
                                         struct error *error);

/* Opens it with the private keys of `keys` (--keys). True: *plain, in `arena`, is what it holds. False: envelope->problem
 * says why not. */
MUST_USE bool ccm_envelope_open(struct ccm_keys *keys, struct ccm_envelope *envelope, struct arena *arena,
                                struct cursor *plain);

/* Reads `bytes`; with `open`, opens it, and what is inside when that is an envelope too. */
void ccm_envelopes_read(struct ccm_keys *keys, struct cursor bytes, bool open, struct arena *arena,
                        struct ccm_envelopes *result);

#endif
