/* bench/bytes.h: writing bytes into buffers. A benchmark that runs out of memory ends: nothing here returns a failure. */
#ifndef CMSCOPE_BENCH_BYTES_H
#define CMSCOPE_BENCH_BYTES_H

#include "core/buffer.h"

/* Says on standard error what is wrong, and with which thing (NULL: none); ends the program with 1. */
_Noreturn void die(const char *what, const char *which);

/* Zeroed. */
void *allocate(size_t count, size_t size);

static inline struct buffer buffer_unlimited(void)
{
    return (struct buffer){.cap = SIZE_MAX};
}

void put(struct buffer *buffer, const void *bytes, size_t length);
void put_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* ASCII as UTF-16LE. */
void put_utf16(struct buffer *buffer, struct cursor ascii);
/* Upper-case hex. */
void put_hex(struct buffer *buffer, struct cursor bytes);
void put_zeros(struct buffer *buffer, size_t length);

/* Integers of 1 to 8 bytes, big-endian or little-endian. */
void put_be(struct buffer *buffer, uint64_t value, unsigned bytes);
void put_le(struct buffer *buffer, uint64_t value, unsigned bytes);
/* The same over bytes that are there. */
void set_be(uint8_t *at, uint64_t value, unsigned bytes);

#endif
