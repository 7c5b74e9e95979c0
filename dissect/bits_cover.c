/* dissect/bits_cover.c: the bytes of an upload, put together from fragments in any order (bits.h). */
#include <stdlib.h>
#include <string.h>

#include "dissect/bits.h"

void bits_cover_free(struct bits_cover *cover)
{
    free(cover->intervals);
    free(cover->bytes);
    *cover = (struct bits_cover){0};
}

/* Bytes that are there already stay; those that differ are counted. */
static void compare(struct bits_cover *cover, uint64_t start, uint64_t end, uint64_t offset, struct cursor content)
{
    struct cursor part;
    cover->repeated += end - start;
    if (cover->bytes == NULL || !cursor_slice(content, start - offset, end - start, &part))
        return;
    uint8_t byte;
    for (size_t i = 0; cursor_u8(&part, &byte); i++)
        cover->conflicts += cover->bytes[start + i] != byte;
}

static void fill(struct bits_cover *cover, uint64_t start, uint64_t end, uint64_t offset, struct cursor content)
{
    struct cursor part;
    cover->received += end - start;
    if (cover->bytes != NULL && cursor_slice(content, start - offset, end - start, &part) && part.at != NULL)
        memcpy(cover->bytes + start, part.at, part.left);
}

/* Replaces the intervals [first, last) by one. */
static bool replace(struct bits_cover *cover, size_t first, size_t last, struct bits_interval by)
{
    if (first == last && cover->count == cover->room) {
        size_t room = cover->room == 0 ? 16 : cover->room * 2;
        struct bits_interval *grown =
            room > 2 * BITS_FRAGMENTS_MAX ? NULL : realloc(cover->intervals, room * sizeof *grown);
        if (grown == NULL)
            return false;
        cover->intervals = grown;
        cover->room = room;
    }
    size_t tail = cover->count - last;
    if (tail > 0)
        memmove(&cover->intervals[first + 1], &cover->intervals[last], tail * sizeof *cover->intervals);
    cover->intervals[first] = by;
    cover->count = first + 1 + tail;
    return true;
}

/* The first interval that ends at or behind `start`. */
static size_t first_touching(const struct bits_cover *cover, uint64_t start)
{
    size_t low = 0, high = cover->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cover->intervals[middle].end < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool bits_cover_add(struct bits_cover *cover, uint64_t start, uint64_t length, struct cursor content)
{
    uint64_t end = start + length, at = start;
    size_t first = first_touching(cover, start), last = first;
    struct bits_interval joined = {start, end};
    if (length == 0)
        return true;
    if (first == cover->count || cover->intervals[first].start > end) { /* touches none */
        if (!replace(cover, first, first, joined))
            return false;
        fill(cover, start, end, start, content);
        return true;
    }
    for (; last < cover->count && cover->intervals[last].start <= end; last++) {
        struct bits_interval held = cover->intervals[last];
        if (held.start > at)
            fill(cover, at, held.start, start, content);
        uint64_t from = held.start > at ? held.start : at, to = held.end < end ? held.end : end;
        if (to > from)
            compare(cover, from, to, start, content);
        at = to > at ? to : at;
        joined.start = held.start < joined.start ? held.start : joined.start;
        joined.end = held.end > joined.end ? held.end : joined.end;
    }
    if (at < end)
        fill(cover, at, end, start, content);
    return replace(cover, first, last, joined);
}
