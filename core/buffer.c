/* core/buffer.c: see buffer.h. */
#include "core/buffer.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST 512

/* Memory of that size, of the pool or of malloc. */
static bool resize(struct buffer *buffer, size_t capacity)
{
    if (buffer->pool != NULL)
        capacity = pool_room(capacity);
    uint8_t *bytes = buffer->pool != NULL
                         ? pool_resize(buffer->pool, buffer->bytes, buffer->capacity, buffer->length, capacity)
                         : realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

bool buffer_reserve(struct buffer *buffer, size_t capacity)
{
    if (capacity > buffer->cap)
        capacity = buffer->cap;
    return capacity <= buffer->capacity || capacity < buffer->length || resize(buffer, capacity);
}

static bool grow(struct buffer *buffer, size_t needed)
{
    if (needed <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity < BUFFER_FIRST ? BUFFER_FIRST : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    return resize(buffer, capacity);
}

bool buffer_append(struct buffer *buffer, struct cursor bytes)
{
    size_t room = buffer->cap - buffer->length;
    size_t length = bytes.left < room ? bytes.left : room;
    if (length == 0)
        return bytes.left == 0;
    if (!grow(buffer, buffer->length + length))
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
    if (buffer->pool != NULL)
        pool_give(buffer->pool, buffer->bytes, buffer->capacity);
    else
        free(buffer->bytes);
    *buffer = (struct buffer){.cap = buffer->cap, .pool = buffer->pool};
}
