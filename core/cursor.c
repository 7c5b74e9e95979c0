/* core/cursor.c: see cursor.h. */
#define _GNU_SOURCE
#include "core/cursor.h"

bool cursor_find(struct cursor cursor, struct cursor needle, size_t *offset)
{
    if (needle.left == 0 || needle.left > cursor.left)
        return false;
    const uint8_t *found = memmem(cursor.at, cursor.left, needle.at, needle.left);
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
