/* core/text.h: UTF-8 text that is looked at, not owned; and making foreign bytes fit to be text.
 *
 * All text in records is UTF-8. What came from a capture is never written to a terminal, a log or a report except
 * through text_print_safe or a format's own escaping.
 */
#ifndef CMSCOPE_CORE_TEXT_H
#define CMSCOPE_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/cursor.h"

/* `at` NULL is "unknown" (NULL in SQL), which differs from empty. Not NUL-terminated. */
struct text {
    const char *at;
    size_t length;
};

#define TEXT_NULL ((struct text){NULL, 0})
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

/* NULL gives TEXT_NULL. Inline, so that the length of a literal costs nothing; the next ones likewise. */
static inline struct text text_of(const char *string)
{
    return string == NULL ? TEXT_NULL : (struct text){string, strlen(string)};
}
static inline struct text text_from(struct cursor bytes)
{
    return (struct text){bytes.at == NULL ? "" : (const char *)bytes.at, bytes.left};
}
static inline struct cursor text_cursor(struct text text)
{
    return cursor_of(text.at, text.length);
}

static inline bool text_equal(struct text a, struct text b)
{
    if (a.at == NULL || b.at == NULL)
        return a.at == b.at;
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}
static inline bool text_is(struct text text, const char *string) /* exact */
{
    return text_equal(text, text_of(string));
}
bool text_equal_like(struct text a, struct text b);                   /* ASCII letters in either case; neither NULL */
int text_compare_like(struct text a, struct text b);                  /* likewise: < 0, 0, > 0; NULL is as empty */
static inline bool text_is_like(struct text text, const char *string) /* likewise */
{
    return text.at != NULL && text.length == strlen(string) && text_equal_like(text, text_of(string));
}
static inline bool text_starts_like(struct text text, const char *prefix)
{
    size_t length = strlen(prefix);
    return text.at != NULL && text.length >= length &&
           text_equal_like((struct text){text.at, length}, (struct text){prefix, length});
}
/* Where `needle` stands in `text`, ASCII letters in either case; false when it does not. */
MUST_USE bool text_find_like(struct text text, const char *needle, size_t *offset);
struct text text_trim(struct text text); /* ASCII white space at both ends */
/* As much of UTF-8 as fits into `most` bytes, cut at a character. */
struct text text_cut(struct text text, size_t most);
struct text text_trim_start(struct text text);

/* A copy in the arena, with a NUL after it; TEXT_NULL when the arena is full or the text is. */
MUST_USE struct text text_copy(struct arena *arena, struct text text);
/* printf into the arena; TEXT_NULL when it is full. */
MUST_USE struct text text_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* A whole decimal number that fits; anything else (sign, space, overflow) is false. */
MUST_USE bool text_to_u64(struct text text, uint64_t *value);
MUST_USE bool text_to_i64(struct text text, int64_t *value);

/* 0 to 15; -1 for what is no hex digit. */
int text_hex_digit(char character);
/* One hex digit or more, in either case, and nothing else. */
bool text_is_hex(struct text text);
/* Hex digits in either case to bytes in the arena; false for an odd count, a foreign character or a full arena. */
MUST_USE bool text_hex_decode(struct text hex, struct arena *arena, struct cursor *bytes);
/* Percent-encoded text to bytes in the arena, which need not be UTF-8; what is no encoding stays as it is (RFC 3986
 * section 2.1). False when the arena is full. */
MUST_USE bool text_percent_decode(struct text text, struct arena *arena, struct cursor *bytes);
/* Bytes as upper-case hex. */
MUST_USE struct text text_hex(struct arena *arena, struct cursor bytes);

/* UTF-16 to UTF-8 in the arena. Lone surrogates become U+FFFD; an odd last byte is dropped and reported through *odd
 * (may be NULL). TEXT_NULL when the arena is full. Includes NULs as they are; the byte order mark is not special. */
MUST_USE struct text text_from_utf16(struct arena *arena, struct cursor bytes, bool big_endian, bool *odd);
/* UTF-8 to UTF-16LE, without mark or terminator; false when the arena is full. Invalid bytes become U+FFFD. */
MUST_USE bool text_to_utf16le(struct arena *arena, struct text text, struct cursor *utf16);
/* Bytes of unknown encoding made valid UTF-8: invalid bytes become U+FFFD. */
MUST_USE struct text text_clean(struct arena *arena, struct cursor bytes);

/* The text itself when it is valid UTF-8, else a cleaned copy. */
MUST_USE struct text text_utf8(struct arena *arena, struct text text);

/* Writes text so that nothing in it can steer a terminal or break a line: control characters, bidirectional overrides
 * and invalid UTF-8 appear as \xNN or \u{NNNN}. Returns the number of columns that it took (characters written). */
size_t text_print_safe(FILE *out, struct text text);

/* Decodes one UTF-8 character at *at (which moves on); U+FFFD for an invalid byte. *at < end on entry. */
uint32_t text_next(const uint8_t **at, const uint8_t *end);
/* Writes one character as UTF-8 to out[0..3]; returns the number of bytes. */
size_t text_encode(uint32_t character, char *out);

#endif
