/* core/buffer.c: see buffer.h. */
#include "core/buffer.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST 4096

static bool buffer_reserve(struct buffer *buffer, size_t needed)
{
    if (needed <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity == 0 ? BUFFER_FIRST : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

bool buffer_append(struct buffer *buffer, struct cursor bytes)
{
    size_t room = buffer->cap - buffer->length;
    size_t length = bytes.left < room ? bytes.left : room;
    if (length == 0)
        return bytes.left == 0;
    if (!buffer_reserve(buffer, buffer->length + length))
        return false;
    memcpy(buffer->bytes + buffer->length, bytes.at, length);
    buffer->length += length;
    return length == bytes.left;
}

void buffer_reset(struct buffer *buffer, size_t keep)
{
    if (buffer->capacity > keep)
        buffer_free(buffer);
    buffer->length = 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){.cap = buffer->cap};
}
