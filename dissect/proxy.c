/* dissect/proxy.c: see proxy.h. */
#include "dissect/proxy.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define V2_HEAD 16u
#define V2_IPV4 12u /* addresses and ports: 4 + 4 + 2 + 2 */
#define V2_IPV6 36u
#define WORDS_MAX 6 /* of a line of v1 */

static const char V1[] = "PROXY ";
static const uint8_t V2[12] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

static bool begins(struct cursor bytes, const void *with, size_t length)
{
    size_t common = bytes.left < length ? bytes.left : length;
    return common > 0 && memcmp(bytes.at, with, common) == 0;
}

static size_t split(struct text line, struct text words[WORDS_MAX])
{
    size_t count = 0;
    while (line.length > 0 && count < WORDS_MAX) {
        const char *space = memchr(line.at, ' ', line.length);
        size_t length = space == NULL ? line.length : (size_t)(space - line.at);
        words[count++] = (struct text){line.at, length};
        length += space != NULL;
        line = (struct text){line.at + length, line.length - length};
    }
    return count;
}

/* Digits, hex digits, dots and colons: nothing else is in an address or a port. */
static bool is_plain(struct text word, size_t most)
{
    static const char allowed[] = "0123456789abcdefABCDEF.:";
    for (size_t i = 0; i < word.length; i++) {
        if (memchr(allowed, word.at[i], sizeof allowed - 1) == NULL)
            return false;
    }
    return word.length > 0 && word.length <= most;
}

static enum outcome read_v1(struct cursor first, struct proxy_header *header)
{
    struct text words[WORDS_MAX];
    size_t most = first.left < PROXY_HEADER_READ_MAX ? first.left : PROXY_HEADER_READ_MAX;
    const uint8_t *end = memchr(first.at, '\n', most);
    if (end == NULL)
        return most < PROXY_HEADER_READ_MAX ? OUTCOME_MORE : OUTCOME_MALFORMED;
    header->length = (uint32_t)(end - first.at) + 1;
    struct text line = {(const char *)first.at, header->length - 1};
    if (line.length == 0 || line.at[line.length - 1] != '\r')
        return OUTCOME_MALFORMED;
    line.length--;
    size_t count = split(line, words);
    if (count >= 2 && text_is(words[1], "UNKNOWN"))
        return OUTCOME_OK;
    bool six = count == WORDS_MAX && text_is(words[1], "TCP6");
    if (count != WORDS_MAX || !(six || text_is(words[1], "TCP4")) || !is_plain(words[2], ADDRESS_TEXT_MAX - 1) ||
        !is_plain(words[3], ADDRESS_TEXT_MAX - 1) || !is_plain(words[4], 5) || !is_plain(words[5], 5))
        return OUTCOME_MALFORMED;
    snprintf(header->client, sizeof header->client, six ? "[%.*s]:%.*s" : "%.*s:%.*s", (int)words[2].length,
             words[2].at, (int)words[4].length, words[4].at);
    return OUTCOME_OK;
}

/* The addresses of v2: source, destination, source port, destination port. False when they are not all there. */
static bool read_addresses(struct cursor addresses, bool six, struct proxy_header *header)
{
    struct address source = {.version = six ? 6 : 4};
    size_t bytes = six ? 16 : 4;
    struct cursor from;
    uint16_t port;
    char text[ADDRESS_TEXT_MAX];
    if (!cursor_take(&addresses, bytes, &from) || !cursor_skip(&addresses, bytes) || !cursor_be16(&addresses, &port))
        return false;
    memcpy(source.bytes, from.at, bytes);
    address_print(&source, text);
    snprintf(header->client, sizeof header->client, six ? "[%s]:%u" : "%s:%u", text, port);
    return true;
}

static enum outcome read_v2(struct cursor first, struct proxy_header *header)
{
    enum { PROXIED = 0x21, LOCAL = 0x20, IPV4 = 1, IPV6 = 2 };
    uint8_t command, family;
    uint16_t length;
    struct cursor at = first;
    if (!cursor_skip(&at, sizeof V2) || !cursor_u8(&at, &command))
        return OUTCOME_MORE;
    if (command != PROXIED && command != LOCAL)
        return OUTCOME_MALFORMED;
    if (!cursor_u8(&at, &family) || !cursor_be16(&at, &length))
        return OUTCOME_MORE;
    header->length = V2_HEAD + length;
    bool four = family >> 4 == IPV4 && length >= V2_IPV4, six = family >> 4 == IPV6 && length >= V2_IPV6;
    if (command == LOCAL || !(four || six))
        return OUTCOME_OK;
    return read_addresses(at, six, header) ? OUTCOME_OK : OUTCOME_MORE;
}

enum outcome proxy_header_read(struct cursor first, struct proxy_header *header)
{
    *header = (struct proxy_header){0};
    if (begins(first, V1, sizeof V1 - 1))
        return first.left < sizeof V1 - 1 ? OUTCOME_MORE : read_v1(first, header);
    return begins(first, V2, sizeof V2) ? read_v2(first, header) : OUTCOME_MALFORMED;
}
