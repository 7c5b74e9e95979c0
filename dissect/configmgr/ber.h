/* dissect/configmgr/ber.h: reading ASN.1 in BER (X.690 section 8.1): definite and indefinite lengths. DER is a part of it.
 * Only the outside of envelopes is read so; what is inside certificates is OpenSSL's work. */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_BER_H
#define CMSCOPE_DISSECT_CONFIGMGR_BER_H

#include "core/cursor.h"

enum ber_tag {
    BER_BOOLEAN = 0x01,
    BER_INTEGER = 0x02,
    BER_BIT_STRING = 0x03,
    BER_OCTET_STRING = 0x04,
    BER_OID = 0x06,
    BER_ENUMERATED = 0x0A,
    BER_GENERAL_STRING = 0x1B,
    BER_OCTET_STRINGS = 0x24, /* an OCTET STRING in pieces */
    BER_SEQUENCE = 0x30,
    BER_SET = 0x31,
    BER_APPLICATION_0 = 0x60, /* constructed */
    BER_CONTEXT_0_PRIMITIVE = 0x80,
    BER_CONTEXT_0 = 0xA0 /* constructed */
};

struct ber_element {
    uint8_t tag;
    struct cursor content;
    struct cursor whole; /* with tag and length */
};

/* Takes the next element, whatever it is. False, and nothing is consumed, when it does not fit, has a tag of several
 * bytes, or nests indefinite lengths deeper than BER_DEPTH_MAX. */
MUST_USE bool ber_next(struct cursor *cursor, struct ber_element *element);

/* Takes the next element when it has this tag: *content gets what is inside. False, and nothing is consumed, when it
 * has another one or ber_next would refuse it. `content` may be `cursor` itself, which then goes inside. */
MUST_USE bool ber_take(struct cursor *cursor, uint8_t tag, struct cursor *content);

/* Takes the next element as ber_next: its tag and what is inside. */
MUST_USE bool ber_any(struct cursor *cursor, uint8_t *tag, struct cursor *content);

/* Takes the element tagged [number], constructed, and what comes before it: members of a SEQUENCE stand in the order of
 * their tags, and any may be left out. When it is left out, nothing is consumed. */
MUST_USE bool ber_context(struct cursor *cursor, unsigned number, struct cursor *content);

/* The value of an INTEGER or ENUMERATED of up to eight bytes. */
MUST_USE bool ber_number(struct cursor content, int64_t *value);

/* Takes the next element as a number, when it has this tag. */
MUST_USE bool ber_take_number(struct cursor *cursor, uint8_t tag, int64_t *value);

/* Takes an INTEGER or ENUMERATED of at most 4 bytes. */
MUST_USE bool ber_int32(struct cursor *cursor, int32_t *value);

/* Tag and length of the element that begins here, in a stream. OUTCOME_MORE: the bytes end before them;
 * OUTCOME_MALFORMED: an indefinite length, or one above 32 bits. */
MUST_USE enum outcome ber_head(struct cursor *cursor, uint8_t *tag, uint64_t *length);

#define BER_DEPTH_MAX 16 /* indefinite lengths in each other; an envelope has five */

#endif
