/* core/cursor.c: see cursor.h. */
#define _GNU_SOURCE
#include "core/cursor.h"

#include <string.h>

/* memchr looks at many bytes at a time, but where the first byte of the needle is frequent memmem is faster: that is when
 * more than one byte in so many is one. */
#define BYTES_A_TRY 64

/* Where the needle, which is not empty, is; NULL: nowhere. */
static const uint8_t *find(struct cursor cursor, struct cursor needle)
{
    size_t tries = 1 + cursor.left / BYTES_A_TRY;
    const uint8_t *at = cursor.at, *end = cursor.at + (cursor.left - needle.left) + 1;
    for (size_t i = 0; i < tries && at < end; i++, at++) {
        at = memchr(at, needle.at[0], (size_t)(end - at));
        if (at == NULL || memcmp(at, needle.at, needle.left) == 0)
            return at;
    }
    return at < end ? memmem(at, cursor.left - (size_t)(at - cursor.at), needle.at, needle.left) : NULL;
}

bool cursor_find(struct cursor cursor, struct cursor needle, size_t *offset)
{
    if (needle.left == 0 || needle.left > cursor.left)
        return false;
    const uint8_t *found = find(cursor, needle);
    if (found == NULL)
        return false;
    *offset = (size_t)(found - cursor.at);
    return true;
}

bool cursor_find_last(struct cursor cursor, struct cursor needle, size_t *offset)
{
    if (needle.left == 0 || needle.left > cursor.left)
        return false;
    struct cursor head = cursor;
    for (;;) {
        const uint8_t *last = memrchr(head.at, needle.at[0], head.left);
        if (last == NULL)
            return false;
        size_t at = (size_t)(last - cursor.at);
        struct cursor tail = {last, cursor.left - at};
        if (cursor_starts(tail, needle.at, needle.left)) {
            *offset = at;
            return true;
        }
        head.left = at;
    }
}
