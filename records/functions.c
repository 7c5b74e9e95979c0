/* records/functions.c: see functions.h. */
#define _GNU_SOURCE
#include "records/functions.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

#define ADDRESS_TEXT_MAX 64 /* longer than any address with its prefix length */
#define HOST_MAX 1024       /* a DNS name has at most 253 characters */

struct address {
    uint8_t bytes[16];
    unsigned bits; /* 32 or 128; 0 when it is none */
};

static struct address address_parse(const char *text)
{
    struct address address = {0};
    if (inet_pton(AF_INET, text, address.bytes) == 1)
        address.bits = 32;
    else if (inet_pton(AF_INET6, text, address.bytes) == 1)
        address.bits = 128;
    return address;
}

/* The argument as a C string; false when it is NULL, too long or has a NUL inside. */
static bool argument(sqlite3_value *value, char *text, size_t size)
{
    const char *from = (const char *)sqlite3_value_text(value);
    size_t length = (size_t)sqlite3_value_bytes(value);
    if (from == NULL || length >= size || memchr(from, '\0', length) != NULL)
        return false;
    memcpy(text, from, length);
    text[length] = '\0';
    return true;
}

static void is_ip(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    char text[ADDRESS_TEXT_MAX];
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    sqlite3_result_int(context, argument(argv[0], text, sizeof text) && address_parse(text).bits != 0);
}

static bool same_prefix(const struct address *a, const struct address *b, unsigned bits)
{
    unsigned whole = bits / 8;
    uint8_t mask = (uint8_t)(0xFF00u >> bits % 8);
    return memcmp(a->bytes, b->bytes, whole) == 0 &&
           (bits % 8 == 0 || ((a->bytes[whole] ^ b->bytes[whole]) & mask) == 0);
}

static void ip_in(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    char text[ADDRESS_TEXT_MAX];
    char network[ADDRESS_TEXT_MAX];
    if (!argument(argv[0], text, sizeof text) || !argument(argv[1], network, sizeof network))
        return;
    char *slash = strchr(network, '/');
    uint64_t bits = 0;
    if (slash == NULL || !text_to_u64(text_of(slash + 1), &bits))
        return;
    *slash = '\0';
    struct address address = address_parse(text);
    struct address base = address_parse(network);
    if (address.bits == 0 || base.bits == 0 || bits > base.bits)
        return;
    sqlite3_result_int(context, address.bits == base.bits && same_prefix(&address, &base, (unsigned)bits));
}

/* "[fd00::1]:80" is fd00::1, "fd00::1" is itself, "cm01:80" is cm01. */
static struct text without_port(struct text host)
{
    const char *end = host.at + host.length;
    if (host.length > 0 && host.at[0] == '[') {
        const char *close = memchr(host.at, ']', host.length);
        end = close == NULL ? end : close;
        return (struct text){host.at + 1, (size_t)(end - host.at) - 1};
    }
    const char *colon = memchr(host.at, ':', host.length);
    if (colon == NULL || memrchr(host.at, ':', host.length) != colon)
        return host;
    return (struct text){host.at, (size_t)(colon - host.at)};
}

static struct text host_part(struct text text)
{
    size_t offset;
    if (text_find_like(text, "://", &offset))
        text = (struct text){text.at + offset + 3, text.length - offset - 3};
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == '/' || text.at[i] == '?')
            text.length = i;
    }
    return without_port(text_trim(text));
}

static void host_of(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    char buffer[HOST_MAX];
    if (!argument(argv[0], buffer, sizeof buffer))
        return;
    for (char *c = buffer; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    struct text host = host_part(text_of(buffer));
    if (host.length > 0)
        sqlite3_result_text(context, host.at, (int)host.length, SQLITE_TRANSIENT);
}

/* The number that the last label of *name is, in that base and at most `most`; the label is cut off. */
static bool take_label(struct text *name, int base, unsigned most, unsigned *number)
{
    size_t start = name->length;
    while (start > 0 && name->at[start - 1] != '.')
        start--;
    char label[4] = "";
    size_t length = name->length - start;
    if (length == 0 || length >= sizeof label)
        return false;
    memcpy(label, name->at + start, length);
    char *end = label;
    unsigned long value = isxdigit((unsigned char)label[0]) ? strtoul(label, &end, base) : most + 1UL;
    *number = (unsigned)value;
    name->length = start == 0 ? 0 : start - 1;
    return *end == '\0' && value <= most;
}

/* The name without `suffix`; false when it does not end so. */
static bool strip(struct text *name, const char *suffix)
{
    size_t length = strlen(suffix);
    if (name->length < length || strncasecmp(name->at + name->length - length, suffix, length) != 0)
        return false;
    name->length -= length;
    return true;
}

static unsigned reverse_parse(struct text name, uint8_t bytes[static 16])
{
    bool six = strip(&name, ".ip6.arpa");
    if (!six && !strip(&name, ".in-addr.arpa"))
        return 0;
    unsigned labels = six ? 32 : 4;
    for (unsigned i = 0; i < labels; i++) {
        unsigned number;
        if (!take_label(&name, six ? 16 : 10, six ? 15 : 255, &number))
            return 0;
        bytes[six ? i / 2 : i] = (uint8_t)(six && i % 2 == 1 ? (unsigned)bytes[i / 2] << 4 | number : number);
    }
    return name.length == 0 ? labels : 0;
}

/* The address that a question for a pointer is about (RFC 1035 section 3.5, RFC 3596 section 2.5). */
static void ptr_address(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    char name[HOST_MAX], text[ADDRESS_TEXT_MAX];
    uint8_t bytes[16] = {0};
    unsigned labels = argument(argv[0], name, sizeof name) ? reverse_parse(text_of(name), bytes) : 0;
    if (labels != 0 && inet_ntop(labels == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text) != NULL)
        sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

int functions_register(sqlite3 *db)
{
    static const struct {
        const char *name;
        int arguments;
        void (*function)(sqlite3_context *context, int argc, sqlite3_value **argv);
    } functions[] = {
        {"is_ip", 1, is_ip}, {"ip_in", 2, ip_in}, {"host_of", 1, host_of}, {"ptr_address", 1, ptr_address}};
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int result = SQLITE_OK;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && result == SQLITE_OK; i++)
        result = sqlite3_create_function_v2(db, functions[i].name, functions[i].arguments, flags, NULL,
                                            functions[i].function, NULL, NULL, NULL);
    return result;
}
