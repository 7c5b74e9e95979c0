/* dissect/configmgr/der.h: reading ASN.1 in DER, as far as the outside of an envelope needs it (X.690 section 8.1).
 * What is inside certificates is OpenSSL's work. */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_DER_H
#define CMSCOPE_DISSECT_CONFIGMGR_DER_H

#include "core/cursor.h"

enum der_tag {
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0A,
    DER_GENERAL_STRING = 0x1B,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_APPLICATION_0 = 0x60,
    DER_CONTEXT_0 = 0xA0
};

/* Takes the next element when it has this tag: *content gets what is inside. False, and nothing is consumed, when
 * another one is next, when it does not fit, or when its length is indefinite. `content` may be `cursor` itself, which
 * then goes inside. */
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
    struct cursor inside;
    if (length > at.left || !cursor_take(&at, (size_t)length, &inside))
        return false;
    *cursor = at;
    *content = inside;
    return true;
}

/* Takes the next element whatever it is. Tags of more than one byte are refused, as by der_take. */
static inline MUST_USE bool der_any(struct cursor *cursor, uint8_t *tag, struct cursor *content)
{
    struct cursor ahead = *cursor;
    if (!cursor_u8(&ahead, tag) || (*tag & 0x1F) == 0x1F)
        return false;
    return der_take(cursor, (enum der_tag) * tag, content);
}

/* Takes the element tagged [number], constructed, and what comes before it: members of a SEQUENCE stand in the order of
 * their tags, and any may be left out. When it is left out, nothing is consumed. */
static inline MUST_USE bool der_context(struct cursor *cursor, unsigned number, struct cursor *content)
{
    struct cursor ahead = *cursor, inside;
    uint8_t tag;
    while (der_any(&ahead, &tag, &inside)) {
        if (tag < DER_CONTEXT_0 + number)
            continue;
        if (tag != DER_CONTEXT_0 + number)
            return false;
        *cursor = ahead;
        *content = inside;
        return true;
    }
    return false;
}

/* Takes an INTEGER or ENUMERATED of at most 4 bytes. */
static inline MUST_USE bool der_integer(struct cursor *cursor, int32_t *value)
{
    struct cursor ahead = *cursor, content;
    uint8_t tag, byte;
    if (!der_any(&ahead, &tag, &content) || (tag != DER_INTEGER && tag != DER_ENUMERATED) || content.left == 0 ||
        content.left > 4)
        return false;
    uint32_t bits = content.at[0] & 0x80 ? UINT32_MAX : 0;
    while (cursor_u8(&content, &byte))
        bits = bits << 8 | byte;
    *value = (int32_t)bits;
    *cursor = ahead;
    return true;
}

#endif
