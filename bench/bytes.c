/* bench/bytes.c: see bytes.h. */
#include "bench/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FORMAT_MAX 4096 /* of one put_format: all of them are known */

void put_format(struct buffer *buffer, const char *format, ...)
{
    char text[FORMAT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        die("a text is longer than expected", format);
    put(buffer, text, (size_t)length);
}

void die(const char *what, const char *which)
{
    fprintf(stderr, "bench: %s%s%s\n", what, which == NULL ? "" : ": ", which == NULL ? "" : which);
    exit(1);
}

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        die("out of memory", NULL);
    return memory;
}

void put(struct buffer *buffer, const void *bytes, size_t length)
{
    if (!buffer_append(buffer, cursor_of(bytes, length)))
        die("out of memory", NULL);
}

void put_utf16(struct buffer *buffer, struct cursor ascii)
{
    for (size_t i = 0; i < ascii.left; i++)
        put(buffer, (const uint8_t[]){ascii.at[i], 0}, 2);
}

void put_hex(struct buffer *buffer, struct cursor bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.left; i++)
        put(buffer, (const char[]){digits[bytes.at[i] >> 4], digits[bytes.at[i] & 15]}, 2);
}

void put_zeros(struct buffer *buffer, size_t length)
{
    for (size_t i = 0; i < length; i++)
        put(buffer, "", 1);
}

void set_be(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

void put_be(struct buffer *buffer, uint64_t value, unsigned bytes)
{
    uint8_t number[8];
    set_be(number, value, bytes);
    put(buffer, number, bytes);
}

void put_le(struct buffer *buffer, uint64_t value, unsigned bytes)
{
    uint8_t number[8];
    for (unsigned i = 0; i < bytes; i++)
        number[i] = (uint8_t)(value >> 8 * i);
    put(buffer, number, bytes);
}
