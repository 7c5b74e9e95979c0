/* core/text.c: see text.h. */
#define _GNU_SOURCE
#include "core/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define REPLACEMENT 0xFFFDu

bool text_equal_like(struct text a, struct text b)
{
    return a.length == b.length && strncasecmp(a.at, b.at, a.length) == 0;
}

int text_compare_like(struct text a, struct text b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length == 0 ? 0 : strncasecmp(a.at, b.at, length);
    if (order != 0)
        return order;
    return a.length < b.length ? -1 : a.length > b.length;
}

/* The other form of an ASCII letter; other characters as they are. */
static char other_case(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter ? (char)(c ^ 0x20) : c;
}

bool text_find_like(struct text text, const char *needle, size_t *offset)
{
    size_t length = strlen(needle);
    char first = needle[0], other = other_case(first);
    for (size_t i = 0; text.at != NULL && i + length <= text.length; i++) {
        bool likely = text.at[i] == first || text.at[i] == other || length == 0;
        if (likely && strncasecmp(text.at + i, needle, length) == 0) {
            *offset = i;
            return true;
        }
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct text text_trim_start(struct text text)
{
    while (text.length > 0 && is_space(text.at[0])) {
        text.at++;
        text.length--;
    }
    return text;
}

struct text text_trim(struct text text)
{
    text = text_trim_start(text);
    while (text.length > 0 && is_space(text.at[text.length - 1]))
        text.length--;
    return text;
}

struct text text_cut(struct text text, size_t most)
{
    if (text.length <= most)
        return text;
    while (most > 0 && ((unsigned char)text.at[most] & 0xC0) == 0x80)
        most--;
    return (struct text){text.at, most};
}

struct text text_copy(struct arena *arena, struct text text)
{
    if (text.at == NULL)
        return TEXT_NULL;
    char *copy = arena_take(arena, text.length + 1);
    if (copy == NULL)
        return TEXT_NULL;
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    return (struct text){copy, text.length};
}

struct text text_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *copy = length < 0 ? NULL : arena_take(arena, (size_t)length + 1);
    if (copy != NULL)
        vsnprintf(copy, (size_t)length + 1, format, again);
    va_end(again);
    return copy == NULL ? TEXT_NULL : (struct text){copy, (size_t)length};
}

bool text_to_u64(struct text text, uint64_t *value)
{
    if (text.at == NULL || text.length == 0)
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text.at[i] - '0'), &number))
            return false;
    }
    *value = number;
    return true;
}

bool text_to_i64(struct text text, int64_t *value)
{
    bool negative = text.at != NULL && text.length > 1 && text.at[0] == '-';
    struct text digits = negative ? (struct text){text.at + 1, text.length - 1} : text;
    uint64_t number;
    if (!text_to_u64(digits, &number) || number > INT64_MAX)
        return false;
    *value = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

/* The value of a hex digit, plus one; 0 for other characters. */
static const uint8_t HEX_DIGITS[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

int text_hex_digit(char character)
{
    return HEX_DIGITS[(uint8_t)character] - 1;
}

bool text_is_hex(struct text text)
{
    size_t digits = 0;
    while (digits < text.length && HEX_DIGITS[(uint8_t)text.at[digits]] != 0)
        digits++;
    return digits > 0 && digits == text.length;
}

bool text_hex_decode(struct text hex, struct arena *arena, struct cursor *bytes)
{
    if (hex.at == NULL || hex.length % 2 != 0)
        return false;
    uint8_t *out = arena_take(arena, hex.length / 2);
    if (out == NULL)
        return false;
    for (size_t i = 0; i < hex.length / 2; i++) {
        unsigned high = HEX_DIGITS[(uint8_t)hex.at[2 * i]], low = HEX_DIGITS[(uint8_t)hex.at[2 * i + 1]];
        if (high == 0 || low == 0)
            return false;
        out[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    *bytes = cursor_of(out, hex.length / 2);
    return true;
}

bool text_percent_decode(struct text text, struct arena *arena, struct cursor *bytes)
{
    char *out = arena_take(arena, text.length + 1);
    size_t length = 0;
    if (out == NULL)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        bool whole = text.at[i] == '%' && i + 2 < text.length;
        int high = whole ? text_hex_digit(text.at[i + 1]) : -1, low = whole ? text_hex_digit(text.at[i + 2]) : -1;
        bool coded = high >= 0 && low >= 0;
        out[length++] = coded ? (char)(high * 16 + low) : text.at[i];
        i += coded ? 2 : 0;
    }
    *bytes = cursor_of(out, length);
    return true;
}

struct text text_hex(struct arena *arena, struct cursor bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_take(arena, bytes.left * 2 + 1);
    if (out == NULL)
        return TEXT_NULL;
    for (size_t i = 0; i < bytes.left; i++) {
        out[2 * i] = digits[bytes.at[i] >> 4];
        out[2 * i + 1] = digits[bytes.at[i] & 15];
    }
    out[bytes.left * 2] = '\0';
    return (struct text){out, bytes.left * 2};
}

size_t text_encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* How many bytes a UTF-8 sequence starting with `lead` has, 0 when nothing starts so (RFC 3629 section 3). */
static size_t utf8_length(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead < 0xE0)
        return 2;
    if (lead >= 0xE0 && lead < 0xF0)
        return 3;
    if (lead >= 0xF0 && lead < 0xF5)
        return 4;
    return 0;
}

uint32_t text_next(const uint8_t **at, const uint8_t *end)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const uint8_t lead_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const uint8_t *p = *at;
    size_t length = utf8_length(p[0]);
    *at = p + 1;
    if (length == 0 || length > (size_t)(end - p))
        return REPLACEMENT;
    uint32_t c = p[0] & lead_mask[length];
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (p[i] & 0x3F);
    }
    if (c < smallest[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return REPLACEMENT;
    *at = p + length;
    return c;
}

static uint32_t utf16_unit(const uint8_t *at, bool big_endian)
{
    return big_endian ? (uint32_t)(at[0] << 8 | at[1]) : (uint32_t)(at[1] << 8 | at[0]);
}

/* One character of UTF-16 at *offset (which moves on). Two bytes at least are there. */
static uint32_t utf16_next(struct cursor bytes, size_t *offset, bool big_endian)
{
    uint32_t unit = utf16_unit(bytes.at + *offset, big_endian);
    *offset += 2;
    if (unit < 0xD800 || unit >= 0xE000)
        return unit;
    if (unit >= 0xDC00 || bytes.left - *offset < 2)
        return REPLACEMENT;
    uint32_t low = utf16_unit(bytes.at + *offset, big_endian);
    if (low < 0xDC00 || low >= 0xE000)
        return REPLACEMENT;
    *offset += 2;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

typedef uint16_t utf16_block __attribute__((vector_size(16)));
typedef uint8_t ascii_block __attribute__((vector_size(8)));

/* Most text is ASCII: how many units at the start of `bytes` are, at most `room`; their characters to `out`. */
static size_t utf16_ascii(struct cursor bytes, bool big_endian, char *out, size_t room)
{
    size_t count = 0, most = bytes.left / 2 < room ? bytes.left / 2 : room;
    unsigned swap = big_endian == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) ? 8 : 0;
    for (; count + 8 <= most; count += 8) {
        utf16_block u;
        uint64_t halves[2];
        memcpy(&u, bytes.at + 2 * count, sizeof u);
        u = swap != 0 ? (u >> 8 | u << 8) : u;
        utf16_block beyond = u & 0xFF80;
        memcpy(halves, &beyond, sizeof beyond);
        if ((halves[0] | halves[1]) != 0)
            break;
        ascii_block c = __builtin_convertvector(u, ascii_block);
        memcpy(out + count, &c, sizeof c);
    }
    for (; count < most; count++) {
        uint32_t unit = utf16_unit(bytes.at + 2 * count, big_endian);
        if (unit >= 0x80)
            break;
        out[count] = (char)unit;
    }
    return count;
}

/* The bytes that `bytes` need as UTF-8. */
static size_t utf16_length(struct cursor bytes, bool big_endian)
{
    char unused[4];
    size_t length = 0;
    for (size_t i = 0; i < bytes.left;)
        length += text_encode(utf16_next(bytes, &i, big_endian), unused);
    return length;
}

struct text text_from_utf16(struct arena *arena, struct cursor bytes, bool big_endian, bool *odd)
{
    if (odd != NULL)
        *odd = bytes.left % 2 != 0;
    bytes.left -= bytes.left % 2;
    size_t units = bytes.left / 2;
    char *out = arena_take(arena, units + 1);
    if (out == NULL)
        return TEXT_NULL;
    size_t length = utf16_ascii(bytes, big_endian, out, units);
    if (length < units) { /* not all is ASCII: the rest needs more room */
        struct cursor rest = {bytes.at + 2 * length, bytes.left - 2 * length};
        size_t total = length + utf16_length(rest, big_endian);
        char *more = arena_take(arena, total + 1);
        if (more == NULL)
            return TEXT_NULL;
        memcpy(more, out, length);
        out = more;
        for (size_t i = 0; i < rest.left;) {
            struct cursor at = {rest.at + i, rest.left - i};
            size_t ascii = utf16_ascii(at, big_endian, out + length, total - length);
            length += ascii;
            i += 2 * ascii;
            if (i < rest.left)
                length += text_encode(utf16_next(rest, &i, big_endian), out + length);
        }
    }
    out[length] = '\0';
    return (struct text){out, length};
}

bool text_to_utf16le(struct arena *arena, struct text text, struct cursor *utf16)
{
    uint8_t *out = arena_take(arena, text.length * 2); /* never more units than UTF-8 bytes */
    if (out == NULL)
        return false;
    size_t length = 0;
    const uint8_t *at = (const uint8_t *)text.at;
    const uint8_t *end = at == NULL ? NULL : at + text.length;
    while (at < end) {
        if (*at < 0x80) {
            out[length++] = *at++;
            out[length++] = 0;
            continue;
        }
        uint32_t c = text_next(&at, end);
        uint32_t units[2] = {c, 0};
        size_t count = 1;
        if (c >= 0x10000) {
            units[0] = 0xD800 + ((c - 0x10000) >> 10);
            units[1] = 0xDC00 + ((c - 0x10000) & 0x3FF);
            count = 2;
        }
        for (size_t i = 0; i < count; i++) {
            out[length++] = (uint8_t)units[i];
            out[length++] = (uint8_t)(units[i] >> 8);
        }
    }
    *utf16 = cursor_of(out, length);
    return true;
}

static size_t ascii_length(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *start = at;
    for (uint64_t eight; end - at >= 8; at += 8) {
        memcpy(&eight, at, sizeof eight);
        if ((eight & 0x8080808080808080u) != 0)
            break;
    }
    while (at < end && *at < 0x80)
        at++;
    return (size_t)(at - start);
}

struct text text_clean(struct arena *arena, struct cursor bytes)
{
    char unused[4];
    const uint8_t *end = bytes.at == NULL ? NULL : bytes.at + bytes.left;
    size_t ascii = ascii_length(bytes.at, end), length = ascii;
    const uint8_t *rest = ascii == 0 ? bytes.at : bytes.at + ascii;
    for (const uint8_t *at = rest; at < end;)
        length += text_encode(text_next(&at, end), unused);
    char *out = arena_take(arena, length + 1);
    if (out == NULL)
        return TEXT_NULL;
    char *to = out + ascii;
    if (ascii > 0 && bytes.at != NULL)
        memcpy(out, bytes.at, ascii);
    for (const uint8_t *at = rest; at < end;)
        to += text_encode(text_next(&at, end), to);
    *to = '\0';
    return (struct text){out, length};
}

/* Where the ASCII at its beginning ends, to eight bytes. */
static size_t skip_ascii(const uint8_t *at, size_t length)
{
    size_t i = 0;
    uint64_t word;
    for (; length - i >= sizeof word; i += sizeof word) {
        memcpy(&word, at + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

struct text text_utf8(struct arena *arena, struct text text)
{
    const uint8_t *at = (const uint8_t *)text.at;
    const uint8_t *end = at == NULL ? NULL : at + text.length;
    at = at == NULL ? NULL : at + skip_ascii(at, text.length);
    while (at < end) {
        at += ascii_length(at, end);
        const uint8_t *start = at;
        if (at < end && text_next(&at, end) == REPLACEMENT && at - start == 1)
            return text_clean(arena, text_cursor(text));
    }
    return text;
}

/* Characters that move the cursor, reorder text or are invisible (Unicode categories Cc, Cf, Zl, Zp, as far as they
 * matter to a terminal; UAX #9 for the bidirectional controls). */
static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x61C || c == 0x180E ||
           (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
           c == 0xFEFF || (c >= 0xFFF0 && c < 0xFFFD) || (c >= 0xE0000 && c <= 0xE0FFF);
}

size_t text_print_safe(FILE *out, struct text text)
{
    size_t columns = 0;
    const uint8_t *at = (const uint8_t *)text.at;
    const uint8_t *end = at == NULL ? NULL : at + text.length;
    while (at < end) {
        const uint8_t *start = at;
        uint32_t c = text_next(&at, end);
        bool invalid = c == REPLACEMENT && at - start == 1;
        if (invalid || (c < 0x100 && is_unsafe(c))) {
            columns += (size_t)fprintf(out, "\\x%02X", invalid ? start[0] : c);
        } else if (is_unsafe(c)) {
            columns += (size_t)fprintf(out, "\\u{%04X}", c);
        } else {
            fwrite(start, 1, (size_t)(at - start), out);
            columns++;
        }
    }
    return columns;
}
