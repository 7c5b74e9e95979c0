/* capture/pcapng_extra.c: see pcapng_extra.h. */
#define _GNU_SOURCE /* explicit_bzero */
#include "capture/pcapng_extra.h"

#include <stdlib.h>

#include "capture/order.h"

/* Names of a large site; Wireshark writes one for each address that it could resolve. */
#define MAX_NAMES ((size_t)65536)
#define MAX_TEXT_BYTES ((size_t)4 << 20)
/* Some 50,000 TLS 1.2 sessions. */
#define MAX_SECRETS ((size_t)8 << 20)
#define MAX_COMMENT ((size_t)4096)
/* A DNS name has up to 253 bytes. */
#define MAX_NAME ((size_t)255)

enum name_record { NAME_END = 0, NAME_IPV4 = 1, NAME_IPV6 = 2 };

#define SECRETS_TLS_KEY_LOG 0x544c534bu /* "TLSK" */

/* The next thing of: code 2, length 2, value up to a multiple of 4. The padding may be missing at the very end. */
static MUST_USE bool take_value(struct cursor *left, bool big, uint16_t *code, struct cursor *value)
{
    uint16_t length;
    if (!order_u16(left, big, code) || !order_u16(left, big, &length) || !cursor_take(left, length, value))
        return false;
    if (!cursor_skip(left, (4 - length % 4u) % 4u))
        *left = CURSOR_EMPTY;
    return true;
}

bool pcapng_option(struct pcapng_options *options, uint16_t *code, struct cursor *value)
{
    return options->left.left > 0 && take_value(&options->left, options->big, code, value) && *code != OPTION_END;
}

struct cursor pcapng_option_find(struct cursor options, bool big, uint16_t code)
{
    struct pcapng_options walk = {.left = options, .big = big};
    struct cursor value;
    uint16_t found;
    while (pcapng_option(&walk, &found, &value)) {
        if (found == code)
            return value;
    }
    return CURSOR_EMPTY;
}

void pcapng_extra_init(struct pcapng_extra *extra)
{
    *extra = (struct pcapng_extra){.comment = TEXT_NULL};
    arena_init(&extra->arena, MAX_TEXT_BYTES);
    buffer_init(&extra->secrets, MAX_SECRETS);
}

void pcapng_extra_free(struct pcapng_extra *extra)
{
    if (extra->secrets.bytes != NULL)
        explicit_bzero(extra->secrets.bytes, extra->secrets.capacity);
    buffer_free(&extra->secrets);
    arena_free(&extra->arena);
    free(extra->names);
}

/* ---- names: records of an address and names that each end with a NUL ---- */

static MUST_USE bool add_name(struct pcapng_extra *extra, struct cursor address, struct cursor name)
{
    if (extra->name_count == extra->name_room) {
        size_t room = extra->name_room == 0 ? 64 : extra->name_room * 2;
        if (room > MAX_NAMES)
            return false;
        struct pcapng_name *names = realloc(extra->names, room * sizeof *names);
        if (names == NULL)
            return false;
        extra->names = names;
        extra->name_room = room;
    }
    struct pcapng_name entry = {.version = address.left == 4 ? 4 : 6};
    memcpy(entry.address, address.at, address.left);
    entry.name = text_clean(&extra->arena, name);
    if (entry.name.at == NULL)
        return false;
    extra->names[extra->name_count++] = entry;
    return true;
}

static void add_record(struct pcapng_extra *extra, struct cursor address, struct cursor names)
{
    struct cursor name;
    size_t length;
    while (cursor_find(names, cursor_of("", 1), &length)) {
        if (!cursor_take(&names, length, &name) || !cursor_skip(&names, 1))
            return;
        if (length == 0 || length > MAX_NAME)
            continue;
        if (!add_name(extra, address, name))
            limit_hit(&extra->limits, LIMIT_capture_names);
    }
}

void pcapng_extra_names(struct pcapng_extra *extra, struct cursor body, bool big)
{
    struct cursor value, address;
    uint16_t type;
    while (take_value(&body, big, &type, &value) && type != NAME_END) {
        size_t length = type == NAME_IPV4 ? 4 : 16;
        if ((type == NAME_IPV4 || type == NAME_IPV6) && cursor_take(&value, length, &address))
            add_record(extra, address, value);
    }
}

/* ---- secrets: kind 4, length 4, the secrets, options ---- */

void pcapng_extra_secrets(struct pcapng_extra *extra, struct cursor body, bool big)
{
    struct cursor lines;
    uint32_t kind, length;
    if (!order_u32(&body, big, &kind) || !order_u32(&body, big, &length) || !cursor_take(&body, length, &lines))
        return;
    bool ends = length > 0 && lines.at[length - 1] == '\n';
    if (kind != SECRETS_TLS_KEY_LOG)
        return;
    if (length + (size_t)1 > MAX_SECRETS - extra->secrets.length || !buffer_append(&extra->secrets, lines) ||
        (!ends && !buffer_append(&extra->secrets, cursor_of("\n", 1))))
        limit_hit(&extra->limits, LIMIT_capture_secrets);
}

/* ---- comments ---- */

void pcapng_extra_comment(struct pcapng_extra *extra, struct cursor options, bool big)
{
    struct cursor value = pcapng_option_find(options, big, OPTION_COMMENT);
    if (extra->comment.at != NULL || value.left == 0)
        return;
    if (value.left > MAX_COMMENT)
        value.left = MAX_COMMENT;
    extra->comment = text_copy(&extra->arena, text_from(value));
}
