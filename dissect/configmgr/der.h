/* dissect/configmgr/der.h: reading ASN.1 in DER, as far as the outside of an envelope needs it (X.690 section 8.1).
 * What is inside certificates is OpenSSL's work. */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_DER_H
#define CMSCOPE_DISSECT_CONFIGMGR_DER_H

#include "core/cursor.h"

enum der_tag {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT_0 = 0xA0
};

/* Takes the next element when it has this tag: *content gets what is inside. False, and nothing is consumed, when
 * another one is next, when it does not fit, or when its length is indefinite. */
static inline MUST_USE bool der_take(struct cursor *cursor, enum der_tag tag, struct cursor *content)
{
    struct cursor at = *cursor;
    uint8_t byte, length_byte;
    if (!cursor_u8(&at, &byte) || byte != tag || !cursor_u8(&at, &length_byte))
        return false;
    uint64_t length = length_byte;
    if (length_byte & 0x80) {
        unsigned count = length_byte & 0x7F;
        if (count == 0 || count > 4)
            return false;
        for (length = 0; count > 0; count--) {
            if (!cursor_u8(&at, &byte))
                return false;
            length = length << 8 | byte;
        }
    }
    if (length > at.left || !cursor_take(&at, (size_t)length, content))
        return false;
    *cursor = at;
    return true;
}

#endif
