/* dissect/configmgr/ber.c: see ber.h. */
#include "dissect/configmgr/ber.h"

/* A length of up to 32 bits, or an indefinite one, which is told as 0. */
static enum outcome read_length(struct cursor *at, bool *indefinite, uint64_t *length)
{
    uint8_t byte;
    if (!cursor_u8(at, &byte))
        return OUTCOME_MORE;
    *indefinite = byte == 0x80;
    *length = byte;
    if (byte < 0x80)
        return OUTCOME_OK;
    unsigned count = byte & 0x7F;
    if (count > 4)
        return OUTCOME_MALFORMED;
    for (*length = 0; count > 0; count--) {
        if (!cursor_u8(at, &byte))
            return OUTCOME_MORE;
        *length = *length << 8 | byte;
    }
    return OUTCOME_OK;
}

/* Reads tag and length. *content is empty for an indefinite length: its end must be looked for. */
static bool read_head(struct cursor *at, uint8_t *tag, bool *indefinite, struct cursor *content)
{
    uint64_t length;
    *content = CURSOR_EMPTY;
    if (!cursor_u8(at, tag) || (*tag & 0x1F) == 0x1F || read_length(at, indefinite, &length) != OUTCOME_OK)
        return false;
    if (*indefinite)
        return (*tag & 0x20) != 0;
    return length <= at->left && cursor_take(at, (size_t)length, content);
}

/* Moves *at behind the end-of-contents octets that belong to the indefinite length just read; *content_length gets
 * what stood before them. Definite elements are stepped over, open ones are counted. */
static bool find_end(struct cursor *at, size_t *content_length)
{
    const uint8_t *start = at->at;
    unsigned depth = 1;
    while (depth > 0) {
        uint8_t tag;
        bool indefinite;
        struct cursor content;
        if (cursor_starts(*at, "\0\0", 2)) {
            *content_length = (size_t)(at->at - start);
            depth--;
            if (!cursor_skip(at, 2))
                return false;
            continue;
        }
        if (!read_head(at, &tag, &indefinite, &content))
            return false;
        depth += indefinite;
        if (depth > BER_DEPTH_MAX)
            return false;
    }
    return true;
}

bool ber_next(struct cursor *cursor, struct ber_element *element)
{
    struct cursor at = *cursor;
    bool indefinite;
    if (!read_head(&at, &element->tag, &indefinite, &element->content))
        return false;
    if (indefinite) {
        const uint8_t *start = at.at;
        size_t length = 0;
        if (!find_end(&at, &length))
            return false;
        element->content = cursor_of(start, length);
    }
    element->whole = cursor_of(cursor->at, cursor->left - at.left);
    *cursor = at;
    return true;
}

bool ber_take(struct cursor *cursor, uint8_t tag, struct cursor *content)
{
    struct cursor at = *cursor;
    struct ber_element element;
    if (at.left == 0 || at.at[0] != tag || !ber_next(&at, &element))
        return false;
    *cursor = at;
    *content = element.content;
    return true;
}

bool ber_any(struct cursor *cursor, uint8_t *tag, struct cursor *content)
{
    struct ber_element element;
    if (!ber_next(cursor, &element))
        return false;
    *tag = element.tag;
    *content = element.content;
    return true;
}

bool ber_context(struct cursor *cursor, unsigned number, struct cursor *content)
{
    struct cursor ahead = *cursor, inside;
    uint8_t tag;
    while (ber_any(&ahead, &tag, &inside)) {
        if (tag < BER_CONTEXT_0 + number)
            continue;
        if (tag != BER_CONTEXT_0 + number)
            return false;
        *cursor = ahead;
        *content = inside;
        return true;
    }
    return false;
}

bool ber_number(struct cursor content, int64_t *value)
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

bool ber_take_number(struct cursor *cursor, uint8_t tag, int64_t *value)
{
    struct cursor at = *cursor, content;
    if (!ber_take(&at, tag, &content) || !ber_number(content, value))
        return false;
    *cursor = at;
    return true;
}

bool ber_int32(struct cursor *cursor, int32_t *value)
{
    struct cursor at = *cursor, content;
    uint8_t tag;
    int64_t number;
    if (!ber_any(&at, &tag, &content) || (tag != BER_INTEGER && tag != BER_ENUMERATED) || content.left > 4 ||
        !ber_number(content, &number))
        return false;
    *value = (int32_t)number;
    *cursor = at;
    return true;
}

enum outcome ber_head(struct cursor *cursor, uint8_t *tag, uint64_t *length)
{
    struct cursor at = *cursor;
    bool indefinite;
    if (!cursor_u8(&at, tag))
        return OUTCOME_MORE;
    enum outcome outcome = read_length(&at, &indefinite, length);
    if (outcome == OUTCOME_OK && indefinite)
        outcome = OUTCOME_MALFORMED;
    if (outcome == OUTCOME_OK)
        *cursor = at;
    return outcome;
}
