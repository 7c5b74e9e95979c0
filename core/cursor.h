/* core/cursor.h: the one way to read bytes that came from outside.
 *
 * A cursor is a pointer and a length, passed by value to functions that only look, by pointer to those that consume.
 * It never owns what it points to. A read that does not fit returns false and leaves the cursor as it was; the result
 * must be used. A nested length is read as a child cursor, so it can never escape its parent.
 */
#ifndef CMSCOPE_CORE_CURSOR_H
#define CMSCOPE_CORE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"

struct cursor {
    const uint8_t *at;
    size_t left;
};

#define CURSOR_EMPTY ((struct cursor){NULL, 0})

static inline struct cursor cursor_of(const void *bytes, size_t length)
{
    return (struct cursor){bytes, length};
}

/* Takes the next `length` bytes as a child cursor. */
static inline MUST_USE bool cursor_take(struct cursor *cursor, size_t length, struct cursor *child)
{
    if (length > cursor->left || (cursor->at == NULL && length > 0))
        return false;
    *child = (struct cursor){cursor->at, length};
    cursor->at = length == 0 ? cursor->at : cursor->at + length;
    cursor->left -= length;
    return true;
}

static inline MUST_USE bool cursor_skip(struct cursor *cursor, size_t length)
{
    struct cursor skipped;
    return cursor_take(cursor, length, &skipped);
}

static inline MUST_USE bool cursor_u8(struct cursor *cursor, uint8_t *value)
{
    struct cursor byte;
    if (!cursor_take(cursor, 1, &byte))
        return false;
    *value = byte.at[0];
    return true;
}

static inline MUST_USE bool cursor_be16(struct cursor *cursor, uint16_t *value)
{
    struct cursor bytes;
    if (!cursor_take(cursor, 2, &bytes))
        return false;
    *value = (uint16_t)(bytes.at[0] << 8 | bytes.at[1]);
    return true;
}

static inline MUST_USE bool cursor_be24(struct cursor *cursor, uint32_t *value)
{
    struct cursor bytes;
    if (!cursor_take(cursor, 3, &bytes))
        return false;
    *value = (uint32_t)bytes.at[0] << 16 | (uint32_t)bytes.at[1] << 8 | bytes.at[2];
    return true;
}

static inline MUST_USE bool cursor_be32(struct cursor *cursor, uint32_t *value)
{
    struct cursor bytes;
    if (!cursor_take(cursor, 4, &bytes))
        return false;
    *value = (uint32_t)bytes.at[0] << 24 | (uint32_t)bytes.at[1] << 16 | (uint32_t)bytes.at[2] << 8 | bytes.at[3];
    return true;
}

static inline MUST_USE bool cursor_le16(struct cursor *cursor, uint16_t *value)
{
    struct cursor bytes;
    if (!cursor_take(cursor, 2, &bytes))
        return false;
    *value = (uint16_t)(bytes.at[1] << 8 | bytes.at[0]);
    return true;
}

static inline MUST_USE bool cursor_le32(struct cursor *cursor, uint32_t *value)
{
    struct cursor bytes;
    if (!cursor_take(cursor, 4, &bytes))
        return false;
    *value = (uint32_t)bytes.at[3] << 24 | (uint32_t)bytes.at[2] << 16 | (uint32_t)bytes.at[1] << 8 | bytes.at[0];
    return true;
}

/* The bytes [offset, offset + length) of `cursor`, without consuming; false when they are not all there. 64-bit
 * arguments, so that a length read from a message can be passed as it is. */
static inline MUST_USE bool cursor_slice(struct cursor cursor, uint64_t offset, uint64_t length, struct cursor *slice)
{
    if (offset > cursor.left || length > cursor.left - offset)
        return false;
    *slice = (struct cursor){cursor.at == NULL ? NULL : cursor.at + offset, (size_t)length};
    return true;
}

static inline bool cursor_starts(struct cursor cursor, const void *bytes, size_t length)
{
    if (length == 0)
        return true;
    return length <= cursor.left && cursor.at != NULL && memcmp(cursor.at, bytes, length) == 0;
}

static inline bool cursor_equal(struct cursor a, struct cursor b)
{
    return a.left == b.left && cursor_starts(a, b.at, b.left);
}

/* Where `needle` first stands in `cursor`; false when it does not. An empty needle is not found. */
MUST_USE bool cursor_find(struct cursor cursor, struct cursor needle, size_t *offset);

/* The same for its last occurrence. */
MUST_USE bool cursor_find_last(struct cursor cursor, struct cursor needle, size_t *offset);

#endif
