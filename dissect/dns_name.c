/* dissect/dns_name.c: see dns_name.h. */
#include "dissect/dns_name.h"

enum { LABEL_POINTER = 0xC0 };

static void put_label(struct dns_name *name, struct cursor label)
{
    if (name->length > 0)
        name->text[name->length++] = '.';
    for (size_t i = 0; i < label.left; i++) {
        if (label.at[i] == '.' || label.at[i] == '\\')
            name->text[name->length++] = '\\';
        name->text[name->length++] = (char)label.at[i];
    }
}

/* Follows the pointer whose first byte was read: it must lead to before where this part of the name began. */
static bool jump(struct cursor message, struct cursor *part, uint8_t high, size_t *before)
{
    uint8_t low;
    if (!cursor_u8(part, &low))
        return false;
    size_t target = (size_t)(high & 0x3F) << 8 | low;
    if (target >= *before)
        return false;
    *before = target;
    return cursor_slice(message, target, message.left - target, part);
}

bool dns_name_take(struct cursor message, struct cursor *at, struct dns_name *name)
{
    struct cursor part = *at, label;
    size_t before = message.left - at->left, wire = 1;
    bool jumped = false;
    name->length = 0;
    for (;;) {
        uint8_t length;
        if (!cursor_u8(&part, &length))
            return false;
        if (length == 0)
            break;
        if ((length & LABEL_POINTER) == LABEL_POINTER) {
            struct cursor behind = part;
            if (!jump(message, &part, length, &before) || (!jumped && !cursor_skip(&behind, 1)))
                return false;
            if (!jumped)
                *at = behind;
            jumped = true;
            continue;
        }
        wire += length + (size_t)1;
        if (length > DNS_LABEL_MAX || wire > DNS_NAME_MAX || !cursor_take(&part, length, &label))
            return false;
        put_label(name, label);
    }
    if (!jumped)
        *at = part;
    return true;
}

bool dns_name_netbios(struct dns_name *name, uint8_t *suffix)
{
    char decoded[NETBIOS_NAME + 1];
    if (name->length < NETBIOS_LABEL || (name->length > NETBIOS_LABEL && name->text[NETBIOS_LABEL] != '.'))
        return false;
    for (size_t i = 0; i < sizeof decoded; i++) {
        unsigned high = (unsigned)(unsigned char)name->text[2 * i] - 'A';
        unsigned low = (unsigned)(unsigned char)name->text[2 * i + 1] - 'A';
        if (high > 15 || low > 15)
            return false;
        decoded[i] = (char)(high << 4 | low);
    }
    size_t length = NETBIOS_NAME;
    while (length > 0 && (decoded[length - 1] == ' ' || decoded[length - 1] == '\0'))
        length--;
    *suffix = (uint8_t)decoded[NETBIOS_NAME];
    memmove(name->text + length, name->text + NETBIOS_LABEL, name->length - NETBIOS_LABEL);
    memcpy(name->text, decoded, length);
    name->length += length - NETBIOS_LABEL;
    return true;
}
