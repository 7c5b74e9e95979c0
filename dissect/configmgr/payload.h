/* dissect/configmgr/payload.h: the second part of a message: what it is, and what it holds (wire.md 4). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_PAYLOAD_H
#define CMSCOPE_DISSECT_CONFIGMGR_PAYLOAD_H

#include "core/arena.h"
#include "core/cursor.h"
#include "core/text.h"

struct libdeflate_decompressor;

/* A payload may inflate to this much, or less where memory is short (ccm_decoder_limit). (Deflate itself ends at
 * 1,032 : 1; XML of inventories reaches some 40 : 1.) */
#define CCM_INFLATE_MAX ((size_t)64 << 20)

enum ccm_payload_kind {
    CCM_PAYLOAD_EMPTY,
    CCM_PAYLOAD_TEXT, /* UTF-16 or 8-bit XML */
    CCM_PAYLOAD_ZLIB, /* RFC 1950 */
    CCM_PAYLOAD_CMS,  /* CMS EnvelopedData (RFC 5652 section 6) */
    CCM_PAYLOAD_OPAQUE
};

/* What the first bytes say; labels and hooks are not asked (wire.md 10.2). */
enum ccm_payload_kind ccm_payload_classify(struct cursor bytes);

/* How many bytes there are; 0 when all of them are white space and zeros, in any encoding. */
size_t ccm_text_bytes(struct cursor bytes);

/* The bytes of a base64 text (RFC 4648 section 4) of at most 96 KB, in the arena. False for anything else. */
MUST_USE bool ccm_base64_decode(struct text text, struct arena *arena, struct cursor *bytes);

/* A decompressor and its output, used again for message after message. */
struct ccm_inflater {
    struct libdeflate_decompressor *decompressor;
    uint8_t *out;
    size_t room;
    uint64_t refused; /* streams that would exceed `most` */
    size_t used;      /* bytes of the stream that was inflated last; what is after them is ignored */
    size_t most;      /* of output; CCM_INFLATE_MAX unless it was set to less */
};

void ccm_inflater_init(struct ccm_inflater *inflater);
void ccm_inflater_free(struct ccm_inflater *inflater);

/* Inflates one zlib stream; what follows it is ignored. *plain is valid until the next call with this inflater.
 * OUTCOME_MALFORMED: the stream is damaged or cut off (nothing of it can be told then); OUTCOME_LIMIT: it would exceed
 * `most`, which is counted, or memory ran out. */
MUST_USE enum outcome ccm_inflate(struct ccm_inflater *inflater, struct cursor bytes, struct cursor *plain,
                                  struct error *error);

#endif
