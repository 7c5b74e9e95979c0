/* capture/tunnel.c: see tunnel.h. */
#include "capture/tunnel.h"

#include "capture/link.h"

/* Extension headers of a GTP packet; two are in use. */
#define MAX_GTP_EXTENSIONS 8

enum tunnel_type {
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_ETHERNET = 0x6558,
    TYPE_PPP = 0x880b,
    TYPE_ERSPAN = 0x88be, /* types I and II */
    TYPE_ERSPAN_III = 0x22eb,
    TYPE_WCCP = 0x883e
};

static enum outcome walk_from(struct frame *frame, enum layer layer, uint16_t type)
{
    struct walk walk = {.frame = frame, .next = layer, .type = type};
    return link_walk(&walk);
}

/* ---- over IP ---- */

/* draft-foschiano-erspan-03. Type II: version 1, session, index: 8 bytes. Type I has no header, and GRE no sequence
 * number. */
static enum outcome erspan(struct frame *frame, bool sequenced)
{
    enum outcome outcome = sequenced ? frame_skip(frame, 8) : OUTCOME_OK;
    return outcome == OUTCOME_OK ? walk_from(frame, LAYER_ETHERNET, 0) : outcome;
}

/* Type III: version, VLAN 4, time stamp 4, group tag 2, flags 2; then 8 more bytes when the last flag says so. The
 * flags say what was captured: 0 Ethernet, 2 IP. */
static enum outcome erspan3(struct frame *frame)
{
    enum { FLAG_PLATFORM = 0x0001, FRAME_ETHERNET = 0, FRAME_IP = 2 };
    uint16_t flags;
    enum outcome outcome = frame_skip(frame, 10);
    if (outcome == OUTCOME_OK)
        outcome = frame_be16(frame, &flags);
    if (outcome == OUTCOME_OK && (flags & FLAG_PLATFORM))
        outcome = frame_skip(frame, 8);
    if (outcome != OUTCOME_OK)
        return outcome;
    unsigned type = (flags >> 10) & 0x1fu;
    if (type == FRAME_IP)
        return OUTCOME_OK;
    return type == FRAME_ETHERNET ? walk_from(frame, LAYER_ETHERNET, 0) : frame_give_up(frame, UNREAD_GRE);
}

/* WCCP version 2 puts 4 bytes before the packet, version 1 none. */
static enum outcome wccp(struct frame *frame)
{
    uint8_t first;
    enum outcome outcome = frame_peek(frame, &first);
    return outcome != OUTCOME_OK || first >> 4 == 4 ? outcome : frame_skip(frame, 4);
}

static enum outcome gre_payload(struct frame *frame, uint16_t type, bool sequenced)
{
    switch (type) {
    case TYPE_ERSPAN:
        return erspan(frame, sequenced);
    case TYPE_ERSPAN_III:
        return erspan3(frame);
    case TYPE_WCCP:
        return wccp(frame);
    default:
        return walk_from(frame, LAYER_ETHERTYPE, type);
    }
}

/* RFC 2784, RFC 2890; version 1: RFC 2637 (PPTP)

    |C|R|K|S|s|Recur|A| Flags | Ver |         Protocol Type         |
    |      Checksum (C or R)        |       Offset (C or R)         |
    |                         Key (K)                               |
    |                    Sequence Number (S)                        |
    |            Acknowledgment Number (A, version 1)               | */
static enum outcome gre(struct frame *frame)
{
    enum { CHECKSUM = 0x8000, ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, ACKNOWLEDGEMENT = 0x0080 };
    uint16_t flags, type;
    enum outcome outcome = frame_be16(frame, &flags);
    if (outcome == OUTCOME_OK)
        outcome = frame_be16(frame, &type);
    if (outcome != OUTCOME_OK)
        return outcome;
    unsigned version = flags & 7u;
    if (version > 1 || (flags & ROUTING))
        return frame_give_up(frame, UNREAD_GRE);
    uint32_t options = (flags & CHECKSUM ? 4u : 0) + (flags & KEY ? 4u : 0) + (flags & SEQUENCE ? 4u : 0);
    if (version == 1)
        options += flags & ACKNOWLEDGEMENT ? 4u : 0;
    outcome = frame_skip(frame, options);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (frame->wire == 0) /* PPTP: only an acknowledgement; keep-alives */
        return OUTCOME_UNSUPPORTED;
    return gre_payload(frame, type, (flags & SEQUENCE) != 0);
}

/* RFC 3378: version 3 in four bits, reserved 12; then an Ethernet frame. */
static enum outcome ether_ip(struct frame *frame)
{
    enum outcome outcome = frame_skip(frame, 2);
    return outcome == OUTCOME_OK ? walk_from(frame, LAYER_ETHERNET, 0) : outcome;
}

bool tunnel_is_protocol(uint8_t protocol)
{
    switch (protocol) {
    case IP_IPV4:
    case IP_IPV6:
    case IP_GRE:
    case IP_ETHERIP:
    case IP_L2TP:
    case IP_MPLS:
        return true;
    default:
        return false;
    }
}

enum outcome tunnel_protocol(uint8_t protocol, struct frame *frame)
{
    switch (protocol) {
    case IP_IPV4: /* RFC 2003 */
    case IP_IPV6: /* RFC 4213, RFC 2473 */
        return OUTCOME_OK;
    case IP_GRE:
        return gre(frame);
    case IP_ETHERIP:
        return ether_ip(frame);
    case IP_MPLS: /* RFC 4023 */
        return walk_from(frame, LAYER_MPLS, 0);
    default: /* L2TPv3: the length of its cookie is agreed elsewhere (RFC 3931, section 4.1) */
        return frame_give_up(frame, UNREAD_L2TP);
    }
}

/* ---- over UDP: ports can be anybody's, so the first bytes must agree ---- */

/* RFC 7348: flags 1 (0x08: the identifier is valid), reserved 3, identifier 3, reserved 1; then an Ethernet frame. With
 * the group policy extension: flags 0x88, and a group in the reserved bytes. */
static enum outcome vxlan(struct frame *frame, bool *tunnel)
{
    enum { FLAG_IDENTIFIER = 0x08, FLAG_GROUP = 0x80 };
    struct frame inner = *frame;
    uint32_t flags, identifier;
    enum outcome outcome = frame_be32(&inner, &flags);
    if (outcome == OUTCOME_OK)
        outcome = frame_be32(&inner, &identifier);
    if (outcome != OUTCOME_OK)
        return outcome;
    bool plain = flags == (uint32_t)FLAG_IDENTIFIER << 24;
    bool group = flags >> 24 == (FLAG_IDENTIFIER | FLAG_GROUP);
    if ((!plain && !group) || (identifier & 0xff) != 0)
        return OUTCOME_OK;
    *tunnel = true;
    *frame = inner;
    return walk_from(frame, LAYER_ETHERNET, 0);
}

/* RFC 8926: version 2 bits, length of the options in words 6 bits, flags 2 bits, reserved 6 bits, protocol 2 (an
 * Ethernet type), identifier 3, reserved 1; options. */
static enum outcome geneve(struct frame *frame, bool *tunnel)
{
    struct frame inner = *frame;
    uint16_t first, type;
    uint32_t identifier;
    enum outcome outcome = frame_be16(&inner, &first);
    if (outcome == OUTCOME_OK)
        outcome = frame_be16(&inner, &type);
    if (outcome == OUTCOME_OK)
        outcome = frame_be32(&inner, &identifier);
    if (outcome != OUTCOME_OK)
        return outcome;
    if ((first & 0xc03f) != 0 || (identifier & 0xff) != 0 ||
        (type != TYPE_ETHERNET && type != TYPE_IPV4 && type != TYPE_IPV6))
        return OUTCOME_OK;
    *tunnel = true;
    *frame = inner;
    outcome = frame_skip(frame, 4u * ((first >> 8) & 0x3fu));
    return outcome == OUTCOME_OK ? walk_from(frame, LAYER_ETHERTYPE, type) : outcome;
}

/* RFC 4380, section 5.1.1: an authentication part (00 01, lengths of id and value, id, value, nonce 8, confirmation 1)
 * and an origin part (00 00, port 2, address 4) may stand before the IPv6 packet. */
static enum outcome teredo(struct frame *frame, bool *tunnel)
{
    struct frame inner = *frame;
    uint16_t mark, lengths;
    struct cursor ahead = inner.bytes;
    enum outcome outcome = OUTCOME_OK;
    if (cursor_be16(&ahead, &mark) && mark == 1 && cursor_be16(&ahead, &lengths)) {
        outcome = frame_skip(&inner, 4u + (lengths >> 8) + (lengths & 0xffu) + 9u);
        ahead = inner.bytes;
    } else {
        ahead = inner.bytes;
    }
    if (outcome == OUTCOME_OK && cursor_be16(&ahead, &mark) && mark == 0)
        outcome = frame_skip(&inner, 8);
    if (outcome != OUTCOME_OK)
        return outcome == OUTCOME_MALFORMED ? OUTCOME_OK : outcome;
    ahead = inner.bytes;
    uint32_t version;
    uint16_t length;
    if (!cursor_be32(&ahead, &version) || !cursor_be16(&ahead, &length) || version >> 28 != 6 ||
        length + 40u > inner.wire)
        return OUTCOME_OK;
    *tunnel = true;
    *frame = inner;
    return OUTCOME_OK;
}

/* The extension headers of a GTP packet, 3GPP TS 29.281, section 5.2: length 1 in units of 4 bytes, content, type of
 * the next 1 (0: none). */
static enum outcome gtp_extensions(struct frame *frame, uint8_t next)
{
    for (int count = 0; next != 0; count++) {
        struct cursor content;
        uint8_t length;
        enum outcome outcome = frame_u8(frame, &length);
        if (outcome == OUTCOME_OK && (length == 0 || count == MAX_GTP_EXTENSIONS))
            return OUTCOME_MALFORMED;
        if (outcome == OUTCOME_OK)
            outcome = frame_take(frame, 4u * length - 1u, &content);
        if (outcome != OUTCOME_OK)
            return outcome;
        if (!cursor_skip(&content, content.left - 1) || !cursor_u8(&content, &next))
            return OUTCOME_MALFORMED;
    }
    return OUTCOME_OK;
}

/* 3GPP TS 29.281, section 5.1: version 1 in three bits, protocol type 1, flags E, S, PN; message type 1 (255: a user's
 * packet), length 2, endpoint 4; with any flag: sequence 2, N-PDU 1, next extension 1. Other messages are GTP's own. */
static enum outcome gtp(struct frame *frame, bool *tunnel)
{
    enum { VERSION_TYPE = 0xf0, VERSION_1_GTP = 0x30, FLAGS = 0x07, FLAG_EXTENSION = 0x04, USER_PACKET = 255 };
    struct frame inner = *frame;
    struct cursor header;
    uint8_t flags, type, next = 0;
    uint16_t length;
    enum outcome outcome = frame_take(&inner, 8, &header);
    if (outcome != OUTCOME_OK)
        return outcome == OUTCOME_MALFORMED ? OUTCOME_OK : outcome;
    if (!cursor_u8(&header, &flags) || !cursor_u8(&header, &type) || !cursor_be16(&header, &length) ||
        (flags & VERSION_TYPE) != VERSION_1_GTP || type != USER_PACKET || length > inner.wire)
        return OUTCOME_OK;
    *tunnel = true;
    *frame = inner;
    frame_limit(frame, length);
    if ((flags & FLAGS) == 0)
        return OUTCOME_OK;
    outcome = frame_skip(frame, 3);
    if (outcome == OUTCOME_OK)
        outcome = frame_u8(frame, &next);
    if (outcome != OUTCOME_OK)
        return outcome;
    return gtp_extensions(frame, flags & FLAG_EXTENSION ? next : 0);
}

/* RFC 2661, section 3.1: flags and version 2; length 2 (L), tunnel 2, session 2, Ns and Nr 4 (S), offset 2 and as many
 * bytes (O); then PPP. Control messages (T) are L2TP's own. */
static enum outcome l2tp(struct frame *frame, bool *tunnel)
{
    enum { CONTROL = 0x8000, LENGTH = 0x4000, SEQUENCE = 0x0800, OFFSET = 0x0200, RESERVED = 0x34f0, VERSION = 0x000f };
    struct frame inner = *frame;
    uint16_t flags, offset = 0;
    enum outcome outcome = frame_be16(&inner, &flags);
    if (outcome != OUTCOME_OK || (flags & CONTROL) || (flags & RESERVED))
        return outcome == OUTCOME_MORE ? outcome : OUTCOME_OK;
    if ((flags & VERSION) != 2) {
        *tunnel = (flags & VERSION) == 3;
        return *tunnel ? frame_give_up(frame, UNREAD_L2TP) : OUTCOME_OK;
    }
    *tunnel = true;
    *frame = inner;
    outcome = frame_skip(frame, 4u + (flags & LENGTH ? 2u : 0) + (flags & SEQUENCE ? 4u : 0));
    if (outcome == OUTCOME_OK && (flags & OFFSET))
        outcome = frame_be16(frame, &offset);
    if (outcome == OUTCOME_OK)
        outcome = frame_skip(frame, offset);
    return outcome == OUTCOME_OK ? walk_from(frame, LAYER_PPP, 0) : outcome;
}

enum outcome tunnel_udp(uint16_t sport, uint16_t dport, struct frame *frame, bool *tunnel)
{
    static const struct {
        uint16_t port;
        bool answers; /* replies come from the port; else both sides send to it */
        enum outcome (*enter)(struct frame *frame, bool *tunnel);
    } TUNNELS[] = {
        {1701, true, l2tp},    /* RFC 2661 */
        {2152, true, gtp},     /* 3GPP TS 29.281 */
        {3544, true, teredo},  /* RFC 4380 */
        {4789, false, vxlan},  /* RFC 7348 */
        {6081, false, geneve}, /* RFC 8926 */
        {8472, false, vxlan},  /* Linux before it had a number */
    };
    *tunnel = false;
    for (size_t i = 0; i < sizeof TUNNELS / sizeof TUNNELS[0]; i++) {
        if (dport == TUNNELS[i].port || (TUNNELS[i].answers && sport == TUNNELS[i].port))
            return TUNNELS[i].enter(frame, tunnel);
    }
    return OUTCOME_OK;
}
