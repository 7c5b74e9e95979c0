/* tests/fuzz/fuzz_bits.c: fragments of an upload in any order, compared with a plain map of bytes; and Content-Range.
 *
 *   u8 mode: 0  a Content-Range text
 *            1  u16 total, then again and again u16 start, u16 length, u8 what all its bytes are (big endian)
 */
#include <stdlib.h>
#include <string.h>

#include "dissect/bits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAP_BYTES 4096

/* What is right, kept the simplest way. */
struct map {
    uint64_t received, repeated, conflicts;
    uint8_t present[MAP_BYTES], bytes[MAP_BYTES];
};

static void try_range(struct cursor input)
{
    uint64_t start, length, total;
    if (!bits_range_parse(text_from(input), &start, &length, &total))
        return;
    if (length == 0 || start >= total || length > total - start)
        abort();
}

static void map_add(struct map *map, size_t start, size_t length, uint8_t value)
{
    for (size_t i = start; i < start + length; i++) {
        map->repeated += map->present[i];
        map->received += !map->present[i];
        map->conflicts += map->present[i] && map->bytes[i] != value;
        if (!map->present[i])
            map->bytes[i] = value;
        map->present[i] = 1;
    }
}

static void compare(const struct bits_cover *cover, const struct map *map, size_t total)
{
    if (cover->received != map->received || cover->repeated != map->repeated || cover->conflicts != map->conflicts)
        abort();
    uint64_t inside = 0;
    for (size_t i = 0; i < cover->count; i++) {
        inside += cover->intervals[i].end - cover->intervals[i].start;
        if (cover->intervals[i].start >= cover->intervals[i].end ||
            (i > 0 && cover->intervals[i].start <= cover->intervals[i - 1].end))
            abort();
    }
    if (inside != cover->received)
        abort();
    for (size_t i = 0; i < total; i++) {
        if (map->present[i] && cover->bytes[i] != map->bytes[i])
            abort();
    }
}

static void try_cover(struct cursor input)
{
    static uint8_t content[MAP_BYTES];
    uint16_t total, start, length;
    uint8_t value;
    if (!cursor_be16(&input, &total) || total == 0 || total > MAP_BYTES)
        return;
    struct map *map = calloc(1, sizeof *map);
    struct bits_cover cover = {.total = total, .bytes = malloc(total)};
    while (map != NULL && cover.bytes != NULL && cursor_be16(&input, &start) && cursor_be16(&input, &length) &&
           cursor_u8(&input, &value)) {
        start %= total;
        length = (uint16_t)(length % (total - start + 1));
        memset(content, value, length);
        if (bits_cover_add(&cover, start, length, cursor_of(content, length)))
            map_add(map, start, length, value);
    }
    if (map != NULL && cover.bytes != NULL)
        compare(&cover, map, total);
    bits_cover_free(&cover);
    free(map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size);
    uint8_t mode;
    if (!cursor_u8(&input, &mode))
        return 0;
    if (mode == 0)
        try_range(input);
    else
        try_cover(input);
    return 0;
}
