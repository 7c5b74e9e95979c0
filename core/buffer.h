/* core/buffer.h: bytes that grow up to a cap. */
#ifndef CMSCOPE_CORE_BUFFER_H
#define CMSCOPE_CORE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cursor.h"
#include "core/pool.h"

struct buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    size_t cap;        /* length never exceeds this */
    struct pool *pool; /* where its bytes are from; NULL: malloc */
};

static inline void buffer_init(struct buffer *buffer, size_t cap)
{
    *buffer = (struct buffer){.cap = cap};
}

static inline void buffer_init_in(struct buffer *buffer, struct pool *pool, size_t cap)
{
    *buffer = (struct buffer){.cap = cap, .pool = pool};
}

/* Appends what fits. False when not all of it did (the cap or the system's memory was reached). */
MUST_USE bool buffer_append(struct buffer *buffer, struct cursor bytes);

/* Makes room for `capacity` bytes (no more than the cap) in one allocation. False when memory is short; nothing is lost
 * then. */
MUST_USE bool buffer_reserve(struct buffer *buffer, size_t capacity);

/* Empties it; memory above `keep` bytes is given back. */
void buffer_reset(struct buffer *buffer, size_t keep);

void buffer_free(struct buffer *buffer);

static inline struct cursor buffer_cursor(const struct buffer *buffer)
{
    return cursor_of(buffer->bytes, buffer->length);
}

#endif
