/* dissect/ldap_filter.c: see ldap_filter.h. */
#include "dissect/ldap_filter.h"

#include <stdio.h>

#include "dissect/configmgr/ber.h"

#define DEPTH_MAX 32 /* of and, or, not; people write five */

enum {
    FILTER_AND = 0xA0,
    FILTER_OR = 0xA1,
    FILTER_NOT = 0xA2,
    FILTER_EQUAL = 0xA3,
    FILTER_SUBSTRINGS = 0xA4,
    FILTER_GREATER = 0xA5,
    FILTER_LESS = 0xA6,
    FILTER_PRESENT = 0x87,
    FILTER_APPROXIMATE = 0xA8,
    FILTER_EXTENSIBLE = 0xA9
};

static void put(struct listing *text, const char *string)
{
    listing_more(text, text_of(string));
}

/* A value: what is not printable ASCII, and what has a meaning in a filter, as \xx. */
static void put_value(struct listing *text, struct cursor value)
{
    uint8_t byte;
    char out[4];
    while (!text->full && cursor_u8(&value, &byte)) {
        bool plain = byte >= ' ' && byte < 0x7F && byte != '*' && byte != '(' && byte != ')' && byte != '\\';
        snprintf(out, sizeof out, plain ? "%c" : "\\%02x", byte);
        put(text, out);
    }
}

static void put_pair(struct listing *text, struct cursor at, const char *relation)
{
    struct cursor attribute, value;
    if (!ber_take(&at, BER_OCTET_STRING, &attribute) || !ber_take(&at, BER_OCTET_STRING, &value)) {
        put(text, "...");
        return;
    }
    put_value(text, attribute);
    put(text, relation);
    put_value(text, value);
}

/* Initial, any, final parts. */
static void put_substrings(struct listing *text, struct cursor at)
{
    struct cursor attribute, parts, part;
    uint8_t tag, last = 0x80;
    if (!ber_take(&at, BER_OCTET_STRING, &attribute) || !ber_take(&at, BER_SEQUENCE, &parts)) {
        put(text, "...");
        return;
    }
    put_value(text, attribute);
    put(text, "=");
    while (!text->full && ber_any(&parts, &tag, &part)) {
        if (tag != 0x80)
            put(text, "*");
        put_value(text, part);
        last = tag;
    }
    if (last != 0x82)
        put(text, "*");
}

/* Attribute, rule, value: (attribute:rule:=value). */
static void put_extensible(struct listing *text, struct cursor at)
{
    struct cursor part, value = CURSOR_EMPTY, rule = CURSOR_EMPTY;
    uint8_t tag;
    while (ber_any(&at, &tag, &part)) {
        if (tag == 0x81)
            rule = part;
        else if (tag == 0x82)
            put_value(text, part);
        else if (tag == 0x83)
            value = part;
    }
    if (rule.left > 0)
        put(text, ":");
    put_value(text, rule);
    put(text, ":=");
    put_value(text, value);
}

static void put_leaf(struct listing *text, uint8_t tag, struct cursor content)
{
    switch (tag) {
    case FILTER_EQUAL:
        put_pair(text, content, "=");
        return;
    case FILTER_GREATER:
        put_pair(text, content, ">=");
        return;
    case FILTER_LESS:
        put_pair(text, content, "<=");
        return;
    case FILTER_APPROXIMATE:
        put_pair(text, content, "~=");
        return;
    case FILTER_SUBSTRINGS:
        put_substrings(text, content);
        return;
    case FILTER_PRESENT:
        put_value(text, content);
        put(text, "=*");
        return;
    case FILTER_EXTENSIBLE:
        put_extensible(text, content);
        return;
    default:
        put(text, "...");
        return;
    }
}

bool ldap_filter_take(struct cursor *at, struct listing *text)
{
    struct cursor open[DEPTH_MAX], content;
    size_t depth = 0;
    uint8_t tag;
    text->items++;
    if (!ber_any(at, &tag, &content))
        return false;
    for (;;) {
        bool branch = tag == FILTER_AND || tag == FILTER_OR || tag == FILTER_NOT;
        put(text, "(");
        if (branch && depth < DEPTH_MAX) {
            put(text, tag == FILTER_AND ? "&" : tag == FILTER_OR ? "|" : "!");
            open[depth++] = content;
        } else {
            put_leaf(text, branch ? 0 : tag, content);
            put(text, ")");
        }
        while (depth > 0 && !ber_any(&open[depth - 1], &tag, &content)) {
            put(text, ")");
            depth--;
        }
        if (depth == 0 || text->full)
            return true;
    }
}
