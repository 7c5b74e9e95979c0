/* capture/link.c: link layers, from the table at the end. See link.h. */
#include "capture/link.h"

#include <pcap/dlt.h>

/* A provider's two tags inside a carrier's two are the most that networks use; more is an attack on the reader. */
#define MAX_TAGS 4
/* MPLS labels; real stacks have up to five. */
#define MAX_LABELS 8
/* Attributes of an NFLOG packet before its payload; the kernel writes about ten. */
#define MAX_NFLOG_ATTRIBUTES 32

enum ethertype {
    ETHERTYPE_LENGTH_MAX = 0x05dc, /* up to here it is a length, IEEE 802.3 */
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100, /* 802.1Q */
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_PPPOE = 0x8864,
    ETHERTYPE_PROVIDER = 0x88a8, /* 802.1ad */
    ETHERTYPE_OLD_QINQ = 0x9100
};

enum ppp_protocol { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057 };

/* Values of AF_INET6 on Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS: a capture may come from any of them. */
enum family { FAMILY_IPV4 = 2, FAMILY_IPV6_LINUX = 10, FAMILY_IPV6_WINDOWS = 23, FAMILY_IPV6_NETBSD = 24,
              FAMILY_IPV6_FREEBSD = 28, FAMILY_IPV6_MACOS = 30 };

static enum outcome take_be16(struct frame *frame, uint16_t *value)
{
    struct cursor bytes;
    enum outcome outcome = frame_take(frame, 2, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    return cursor_be16(&bytes, value) ? OUTCOME_OK : OUTCOME_MALFORMED;
}

static enum outcome skip(struct frame *frame, uint32_t length)
{
    struct cursor skipped;
    return frame_take(frame, length, &skipped);
}

static enum outcome ppp_protocol(struct frame *frame)
{
    uint16_t protocol;
    enum outcome outcome = take_be16(frame, &protocol);
    if (outcome != OUTCOME_OK)
        return outcome;
    return protocol == PPP_IPV4 || protocol == PPP_IPV6 ? OUTCOME_OK : OUTCOME_UNSUPPORTED;
}

/* RFC 1661, with or without address and control (FF 03, RFC 1662). */
static enum outcome ppp(struct frame *frame)
{
    static const uint8_t address_control[] = {0xff, 0x03};
    if (cursor_starts(frame->bytes, address_control, sizeof address_control)) {
        enum outcome outcome = skip(frame, sizeof address_control);
        if (outcome != OUTCOME_OK)
            return outcome;
    }
    return ppp_protocol(frame);
}

/* RFC 2516: version and type, code, session 2, length 2; then PPP without address and control. */
static enum outcome pppoe(struct frame *frame)
{
    uint16_t length;
    enum outcome outcome = skip(frame, 4);
    if (outcome == OUTCOME_OK)
        outcome = take_be16(frame, &length);
    if (outcome != OUTCOME_OK)
        return outcome;
    frame_limit(frame, length);
    return ppp_protocol(frame);
}

/* RFC 3032: label 20 bits, class 3, bottom of stack 1, time to live 8. */
static enum outcome mpls(struct frame *frame)
{
    for (int labels = 0; labels < MAX_LABELS; labels++) {
        struct cursor bytes;
        uint32_t entry;
        enum outcome outcome = frame_take(frame, 4, &bytes);
        if (outcome != OUTCOME_OK)
            return outcome;
        if (!cursor_be32(&bytes, &entry))
            return OUTCOME_MALFORMED;
        if (entry & 0x100)
            return OUTCOME_OK; /* what follows says in its first four bits whether it is IP */
    }
    return OUTCOME_UNSUPPORTED;
}

/* IEEE 802.2 with SNAP and an Ethernet type (RFC 1042): AA AA 03 00 00 00 type. */
static enum outcome llc(struct frame *frame)
{
    static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0, 0, 0};
    struct cursor header;
    uint16_t type;
    if (frame->wire < sizeof snap)
        return OUTCOME_UNSUPPORTED;
    enum outcome outcome = frame_take(frame, sizeof snap, &header);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_starts(header, snap, sizeof snap))
        return OUTCOME_UNSUPPORTED;
    outcome = take_be16(frame, &type);
    if (outcome != OUTCOME_OK)
        return outcome;
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? OUTCOME_OK : OUTCOME_UNSUPPORTED;
}

static enum outcome after_ethertype(uint16_t type, struct frame *frame)
{
    for (int tags = 0; type == ETHERTYPE_VLAN || type == ETHERTYPE_PROVIDER || type == ETHERTYPE_OLD_QINQ; tags++) {
        if (tags == MAX_TAGS)
            return OUTCOME_MALFORMED;
        enum outcome outcome = skip(frame, 2);
        if (outcome == OUTCOME_OK)
            outcome = take_be16(frame, &type);
        if (outcome != OUTCOME_OK)
            return outcome;
    }
    if (type <= ETHERTYPE_LENGTH_MAX)
        return llc(frame);
    switch (type) {
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
        return OUTCOME_OK;
    case ETHERTYPE_PPPOE:
        return pppoe(frame);
    case ETHERTYPE_MPLS:
        return mpls(frame);
    default:
        return OUTCOME_UNSUPPORTED;
    }
}

/* Skips `before` bytes, reads the Ethernet type, skips `after` bytes. */
static enum outcome typed(struct frame *frame, uint32_t before, uint32_t after)
{
    uint16_t type;
    enum outcome outcome = skip(frame, before);
    if (outcome == OUTCOME_OK)
        outcome = take_be16(frame, &type);
    if (outcome == OUTCOME_OK)
        outcome = skip(frame, after);
    return outcome == OUTCOME_OK ? after_ethertype(type, frame) : outcome;
}

static enum outcome ethernet(struct frame *frame)
{
    return typed(frame, 12, 0); /* two addresses */
}

/* Linux "any": packet type 2, device type 2, address length 2, address 8, protocol 2. */
static enum outcome cooked(struct frame *frame)
{
    return typed(frame, 14, 0);
}

/* Version 2: protocol 2, reserved 2, interface 4, device type 2, packet type 1, address length 1, address 8. */
static enum outcome cooked2(struct frame *frame)
{
    return typed(frame, 0, 18);
}

static enum outcome raw(struct frame *frame)
{
    (void)frame;
    return OUTCOME_OK;
}

static enum outcome by_family(uint32_t family)
{
    switch (family) {
    case FAMILY_IPV4:
    case FAMILY_IPV6_LINUX:
    case FAMILY_IPV6_WINDOWS:
    case FAMILY_IPV6_NETBSD:
    case FAMILY_IPV6_FREEBSD:
    case FAMILY_IPV6_MACOS:
        return OUTCOME_OK;
    default:
        return OUTCOME_UNSUPPORTED;
    }
}

/* BSD loopback: the address family in the byte order of the host that captured, which is not told. Families are small
 * numbers, so the order with the small number is it. */
static enum outcome loopback(struct frame *frame)
{
    struct cursor bytes;
    enum outcome outcome = frame_take(frame, 4, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    struct cursor again = bytes;
    uint32_t little, big;
    if (!cursor_le32(&bytes, &little) || !cursor_be32(&again, &big))
        return OUTCOME_MALFORMED;
    return by_family(little < big ? little : big);
}

/* NFLOG: family 1, version 1, resource 2; then attributes of length 2 (this header included), type 2, value, padded to
 * four, in host order; type 9 is the packet. */
static enum outcome nflog(struct frame *frame)
{
    enum { ATTRIBUTE_HEADER = 4, ATTRIBUTE_PAYLOAD = 9 };
    enum outcome outcome = skip(frame, 4);
    for (int i = 0; outcome == OUTCOME_OK && i < MAX_NFLOG_ATTRIBUTES; i++) {
        struct cursor bytes;
        uint16_t length, type;
        outcome = frame_take(frame, ATTRIBUTE_HEADER, &bytes);
        if (outcome != OUTCOME_OK)
            return outcome;
        if (!cursor_le16(&bytes, &length) || !cursor_le16(&bytes, &type) || length < ATTRIBUTE_HEADER)
            return OUTCOME_MALFORMED;
        if (type == ATTRIBUTE_PAYLOAD)
            return OUTCOME_OK;
        outcome = skip(frame, (((uint32_t)length + 3u) & ~3u) - ATTRIBUTE_HEADER);
    }
    return outcome == OUTCOME_OK ? OUTCOME_MALFORMED : outcome;
}

static const struct {
    int link_type;
    enum outcome (*strip)(struct frame *frame);
} layers[] = {
    {DLT_EN10MB, ethernet},
    {DLT_LINUX_SLL, cooked},
    {DLT_LINUX_SLL2, cooked2},
    {DLT_RAW, raw},
    {101, raw}, /* LINKTYPE_RAW, where a file's own number is given */
    {DLT_IPV4, raw},
    {DLT_IPV6, raw},
    {DLT_NULL, loopback},
    {DLT_LOOP, loopback},
    {DLT_PPP, ppp},
    {DLT_PPP_SERIAL, ppp},
    {DLT_NFLOG, nflog},
};

enum outcome link_strip(int link_type, struct frame *frame, bool *known)
{
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        if (layers[i].link_type != link_type)
            continue;
        *known = true;
        return layers[i].strip(frame);
    }
    *known = false;
    return OUTCOME_UNSUPPORTED;
}
