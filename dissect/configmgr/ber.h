/* dissect/configmgr/ber.h: reading ASN.1 in BER (X.690 section 8.1): definite and indefinite lengths. DER is a part of it.
 * Only the outside of envelopes is read so; what is inside certificates is OpenSSL's work. */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_BER_H
#define CMSCOPE_DISSECT_CONFIGMGR_BER_H

#include "core/cursor.h"

enum ber_tag {
    BER_INTEGER = 0x02,
    BER_BIT_STRING = 0x03,
    BER_OCTET_STRING = 0x04,
    BER_OID = 0x06,
    BER_SEQUENCE = 0x30,
    BER_SET = 0x31,
    BER_OCTET_STRINGS = 0x24, /* an OCTET STRING in pieces */
    BER_CONTEXT_0 = 0xA0,     /* constructed */
    BER_CONTEXT_0_PRIMITIVE = 0x80
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
 * has another one or ber_next would refuse it. */
MUST_USE bool ber_take(struct cursor *cursor, uint8_t tag, struct cursor *content);

#define BER_DEPTH_MAX 16 /* indefinite lengths in each other; an envelope has five */

#endif
