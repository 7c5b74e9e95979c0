/* dissect/ber.h: reading ASN.1 in BER as LDAP and Kerberos use it: one byte of tag, definite lengths (X.690 section 8.1,
 * RFC 4511 section 5.1). */
#ifndef CMSCOPE_DISSECT_BER_H
#define CMSCOPE_DISSECT_BER_H

#include "core/cursor.h"

enum ber_tag {
    BER_BOOLEAN = 0x01,
    BER_INTEGER = 0x02,
    BER_OCTETS = 0x04,
    BER_ENUMERATED = 0x0A,
    BER_SEQUENCE = 0x30,
    BER_SET = 0x31
};

/* Tag and length of the element that begins here. OUTCOME_MORE: the bytes end before them; OUTCOME_MALFORMED: an
 * indefinite length, or one above 32 bits. */
static inline MUST_USE enum outcome ber_head(struct cursor *cursor, uint8_t *tag, uint64_t *length)
{
    struct cursor at = *cursor;
    uint8_t byte, count;
    if (!cursor_u8(&at, tag) || !cursor_u8(&at, &byte))
        return OUTCOME_MORE;
    *length = byte;
    if (byte & 0x80) {
        count = byte & 0x7F;
        if (count == 0 || count > 4)
            return OUTCOME_MALFORMED;
        for (*length = 0; count > 0; count--) {
            if (!cursor_u8(&at, &byte))
                return OUTCOME_MORE;
            *length = *length << 8 | byte;
        }
    }
    *cursor = at;
    return OUTCOME_OK;
}

/* Takes the next element, whatever its tag. False when it is not whole. */
static inline MUST_USE bool ber_next(struct cursor *cursor, uint8_t *tag, struct cursor *content)
{
    struct cursor at = *cursor;
    uint64_t length;
    if (ber_head(&at, tag, &length) != OUTCOME_OK || length > at.left || !cursor_take(&at, (size_t)length, content))
        return false;
    *cursor = at;
    return true;
}

/* Takes the next element when it has this tag; else nothing is consumed. */
static inline MUST_USE bool ber_take(struct cursor *cursor, uint8_t tag, struct cursor *content)
{
    struct cursor at = *cursor;
    uint8_t found;
    if (!ber_next(&at, &found, content) || found != tag)
        return false;
    *cursor = at;
    return true;
}

/* The value of an INTEGER or ENUMERATED of up to eight bytes. */
static inline MUST_USE bool ber_number(struct cursor content, int64_t *value)
{
    uint8_t byte;
    if (content.left == 0 || content.left > 8 || !cursor_u8(&content, &byte))
        return false;
    uint64_t number = byte & 0x80 ? UINT64_MAX << 8 | byte : byte;
    while (cursor_u8(&content, &byte))
        number = number << 8 | byte;
    *value = (int64_t)number;
    return true;
}

/* Takes the next element as a number, when it has this tag. */
static inline MUST_USE bool ber_take_number(struct cursor *cursor, uint8_t tag, int64_t *value)
{
    struct cursor at = *cursor, content;
    if (!ber_take(&at, tag, &content) || !ber_number(content, value))
        return false;
    *cursor = at;
    return true;
}

#endif
