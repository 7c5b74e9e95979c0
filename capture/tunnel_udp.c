/* capture/tunnel_udp.c: packets inside UDP: overlays, VPNs, and what mirrors put around packets. See tunnel.h.
 *
 * Ports can be anybody's: up to Windows XP and Server 2003 clients take theirs from 1025 to 5000. So the first bytes must
 * agree, and where a header has little to agree on, what it carries must look like a packet.
 */
#include "capture/decode.h"
#include "capture/link.h"
#include "capture/tunnel.h"

enum tunnel_type { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_ETHERNET = 0x6558 };

/* ---- does it look like a packet? ---- */

/* Is it an IP packet that fills the frame, but for the padding of a short Ethernet frame and its check sequence? */
static bool looks_like_ip(struct frame frame)
{
    enum { PADDING_MAX = 64 };
    struct ip ip;
    uint32_t length = ip_length(&frame);
    bool fills = length != 0 && length <= frame.wire && frame.wire - length <= PADDING_MAX;
    return fills && ip_parse(frame, false, &ip) == OUTCOME_OK;
}

/* Does a packet of that layer follow? Cut off before its IP header it may be one. */
static bool looks_like_packet(struct frame frame, enum layer layer)
{
    struct walk walk = {.frame = &frame, .next = layer};
    enum outcome outcome = link_walk(&walk);
    if (outcome == OUTCOME_OK)
        return looks_like_ip(frame);
    return outcome == OUTCOME_MORE || (outcome == OUTCOME_UNSUPPORTED && link_type_without_ip(walk.type));
}

/* Enters what looks like a packet. */
static enum outcome enter(struct frame *frame, struct frame inner, enum layer layer, bool *tunnel)
{
    *tunnel = looks_like_packet(inner, layer);
    if (!*tunnel)
        return OUTCOME_OK;
    *frame = inner;
    return link_walk_from(frame, layer, 0);
}

/* The outcome of a header that is not all there: cut off by the capture it may be one, else it is something else. */
static enum outcome no_tunnel(enum outcome outcome)
{
    return outcome == OUTCOME_MALFORMED ? OUTCOME_OK : outcome;
}

/* ---- overlays ---- */

/* The header of VXLAN and VXLAN-GPE: two words. */
static enum outcome vxlan_header(struct frame *inner, uint32_t *flags, uint32_t *identifier)
{
    enum outcome outcome = frame_be32(inner, flags);
    return outcome == OUTCOME_OK ? frame_be32(inner, identifier) : outcome;
}

/* RFC 7348: flags 1 (0x08: the identifier is valid), reserved 3, identifier 3, reserved 1; then an Ethernet frame. All
 * that is reserved is ignored (section 5): extensions put their own there, such as a group. */
static enum outcome vxlan(struct frame *frame, bool *tunnel)
{
    enum { FLAG_IDENTIFIER = 0x08 };
    struct frame inner = *frame;
    uint32_t flags, identifier;
    enum outcome outcome = vxlan_header(&inner, &flags, &identifier);
    if (outcome != OUTCOME_OK)
        return no_tunnel(outcome);
    if ((flags >> 24 & FLAG_IDENTIFIER) == 0)
        return OUTCOME_OK;
    if (flags != (uint32_t)FLAG_IDENTIFIER << 24 || (identifier & 0xff) != 0)
        return enter(frame, inner, LAYER_ETHERNET, tunnel);
    *tunnel = true;
    *frame = inner;
    return link_walk_from(frame, LAYER_ETHERNET, 0);
}

/* draft-ietf-nvo3-vxlan-gpe-13, section 3.1: flags 1 (version 0x30, identifier 0x08, next protocol 0x04, OAM 0x01),
 * reserved 2, next protocol 1, identifier 3, reserved 1. */
static enum outcome vxlan_gpe(struct frame *frame, bool *tunnel)
{
    enum { VERSION = 0x30, HAS_NEXT = 0x04, OAM = 0x01, MPLS_NEXT = 5 };
    static const enum layer LAYERS[] = {LAYER_COUNT, LAYER_IP, LAYER_IP, LAYER_ETHERNET, LAYER_COUNT, LAYER_MPLS};
    struct frame inner = *frame;
    uint32_t flags, identifier;
    enum outcome outcome = vxlan_header(&inner, &flags, &identifier);
    if (outcome != OUTCOME_OK)
        return no_tunnel(outcome);
    unsigned first = flags >> 24, next = first & HAS_NEXT ? flags & 0xff : 3;
    if ((first & (VERSION | OAM)) != 0 || next > MPLS_NEXT || LAYERS[next] == LAYER_COUNT)
        return OUTCOME_OK;
    return enter(frame, inner, LAYERS[next], tunnel);
}

/* RFC 8926: version 2 bits, length of the options in words 6 bits, flags 2 bits, reserved 6 bits, protocol 2 (an
 * Ethernet type), identifier 3, reserved 1; options. What is reserved is ignored. */
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
        return no_tunnel(outcome);
    if ((first & 0xc000) != 0 || (type != TYPE_ETHERNET && type != TYPE_IPV4 && type != TYPE_IPV6))
        return OUTCOME_OK;
    bool plain = (first & 0x3f) == 0 && (identifier & 0xff) == 0;
    outcome = frame_skip(&inner, 4u * ((first >> 8) & 0x3fu));
    if (!plain)
        return outcome == OUTCOME_OK ? enter(frame, inner, type == TYPE_ETHERNET ? LAYER_ETHERNET : LAYER_IP, tunnel)
                                     : OUTCOME_OK;
    *tunnel = true;
    *frame = inner;
    return outcome == OUTCOME_OK ? link_walk_from(frame, LAYER_ETHERTYPE, type) : outcome;
}

/* RFC 7510: a stack of labels, and what they carry. */
static enum outcome mpls(struct frame *frame, bool *tunnel)
{
    return enter(frame, *frame, LAYER_MPLS, tunnel);
}

/* RFC 8086: the GRE header. */
static enum outcome gre(struct frame *frame, bool *tunnel)
{
    struct frame inner = *frame;
    enum outcome outcome = tunnel_protocol(IP_GRE, &inner);
    *tunnel = outcome == OUTCOME_MORE || (outcome == OUTCOME_OK && looks_like_ip(inner));
    if (*tunnel)
        *frame = inner;
    return *tunnel ? outcome : OUTCOME_OK;
}

/* ---- mirrors ---- */

/* TZSP, as Wireshark reads it: version 1 (1), type 1 (0 received, 1 to be sent, 4 keep-alive, 5 opens a port),
 * encapsulation 2; tags: type 1 (0 padding, 1 the last one, both alone), length 1, value. */
static enum outcome tzsp(struct frame *frame, bool *tunnel)
{
    enum { VERSION = 1, TO_BE_SENT = 1, ETHERNET = 1, WLAN = 18, PADDING = 0, LAST = 1 };
    struct frame inner = *frame;
    uint8_t version, type, tag = PADDING, length;
    uint16_t encapsulation;
    enum outcome outcome = frame_u8(&inner, &version);
    if (outcome == OUTCOME_OK)
        outcome = frame_u8(&inner, &type);
    if (outcome == OUTCOME_OK)
        outcome = frame_be16(&inner, &encapsulation);
    if (outcome != OUTCOME_OK || version != VERSION || type > TO_BE_SENT)
        return no_tunnel(outcome);
    while (outcome == OUTCOME_OK && tag != LAST) {
        outcome = frame_u8(&inner, &tag);
        if (outcome != OUTCOME_OK || tag == PADDING || tag == LAST)
            continue;
        outcome = frame_u8(&inner, &length);
        if (outcome == OUTCOME_OK)
            outcome = frame_skip(&inner, length);
    }
    if (outcome != OUTCOME_OK)
        return no_tunnel(outcome);
    if (encapsulation == ETHERNET)
        return enter(frame, inner, LAYER_ETHERNET, tunnel);
    *tunnel = true;
    *frame = inner;
    return encapsulation == WLAN ? link_walk_from(frame, LAYER_WLAN, 0) : frame_give_up(frame, UNREAD_TZSP);
}

/* HP's encapsulated remote mirroring, as Wireshark reads it: 12 bytes, then an Ethernet frame. */
static enum outcome hp_erm(struct frame *frame, bool *tunnel)
{
    struct frame inner = *frame;
    enum outcome outcome = frame_skip(&inner, 12);
    if (outcome != OUTCOME_OK)
        return no_tunnel(outcome);
    return enter(frame, inner, LAYER_ETHERNET, tunnel);
}

/* ---- VPNs ---- */

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
        return no_tunnel(outcome);
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
    while (next != 0) {
        struct cursor content;
        uint8_t length;
        enum outcome outcome = frame_u8(frame, &length);
        if (outcome == OUTCOME_OK && length == 0)
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
        return no_tunnel(outcome);
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
    return outcome == OUTCOME_OK ? link_walk_from(frame, LAYER_PPP, 0) : outcome;
}

enum outcome tunnel_udp(uint16_t sport, uint16_t dport, struct frame *frame, bool *tunnel)
{
    static const struct {
        uint16_t port;
        bool answers; /* replies come from the port; else both sides send to it */
        enum outcome (*enter)(struct frame *frame, bool *tunnel);
    } TUNNELS[] = {
        {1701, true, l2tp},       /* RFC 2661 */
        {2152, true, gtp},        /* 3GPP TS 29.281 */
        {3544, true, teredo},     /* RFC 4380 */
        {4754, false, gre},       /* RFC 8086 */
        {4789, false, vxlan},     /* RFC 7348 */
        {4790, false, vxlan_gpe}, /* draft-ietf-nvo3-vxlan-gpe */
        {6081, false, geneve},    /* RFC 8926 */
        {6635, false, mpls},      /* RFC 7510 */
        {7932, false, hp_erm},    /* HP switches */
        {8472, false, vxlan},     /* Linux before it had a number */
        {37008, false, tzsp},     /* TaZmen Sniffer Protocol: MikroTik and others */
    };
    *tunnel = false;
    for (size_t i = 0; i < sizeof TUNNELS / sizeof TUNNELS[0]; i++) {
        if (dport == TUNNELS[i].port || (TUNNELS[i].answers && sport == TUNNELS[i].port))
            return TUNNELS[i].enter(frame, tunnel);
    }
    return OUTCOME_OK;
}
