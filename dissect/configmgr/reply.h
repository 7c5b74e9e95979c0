/* dissect/configmgr/reply.h: signatures of management points: of replies, and of their certificates (wire.md 3.4, 5.2). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_REPLY_H
#define CMSCOPE_DISSECT_CONFIGMGR_REPLY_H

#include "dissect/configmgr/signature.h"

#define CCM_REPLY_SIGNATURE_MAX ((size_t)64 * 1024) /* bytes; real ones have 1 to 4 KB */

/* Verifies the property Signature of the hook `authenticate` over the payload part as sent: a detached PKCS#7 signature
 * (as the messaging SDK accepts it), with the certificate that it brings; or an RSA signature as clients make them, by a
 * key that the management point at `server` showed. Which bytes the second form covers is not documented, so one that
 * does not verify is `unsupported`. result->key_source: embedded, mpcert, keys. */
void ccm_reply_verify(struct ccm_keys *keys, struct text server, struct text hex, struct cursor payload,
                      struct arena *arena, struct ccm_signature *result);

/* Verifies the signature of a management point's certificate (hex DER) by `root`, the trusted root key. Which form of
 * the certificate is signed is not documented: the likely ones are tried, and `unsupported` is the answer when none
 * verifies. An empty signature is absent; without a root key it is `nokey`. */
void ccm_root_verify(struct ccm_keys *keys, const struct ccm_key *const *roots, size_t root_count,
                     struct text signature, struct text certificate, struct arena *arena, struct ccm_signature *result);

#endif
