/* capture/tunnel.c: packets inside IP. See tunnel.h. */
#include "capture/tunnel.h"

#include "capture/link.h"

enum tunnel_type {
    TYPE_ERSPAN = 0x88be, /* types I and II */
    TYPE_ERSPAN_III = 0x22eb,
    TYPE_WCCP = 0x883e
};

/* draft-foschiano-erspan-03. Type II: version 1, session, index: 8 bytes. Type I has no header, and GRE no sequence
 * number. */
static enum outcome erspan(struct frame *frame, bool sequenced)
{
    enum outcome outcome = sequenced ? frame_skip(frame, 8) : OUTCOME_OK;
    return outcome == OUTCOME_OK ? link_walk_from(frame, LAYER_ETHERNET, 0) : outcome;
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
    return type == FRAME_ETHERNET ? link_walk_from(frame, LAYER_ETHERNET, 0) : frame_give_up(frame, UNREAD_GRE);
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
        return link_walk_from(frame, LAYER_ETHERTYPE, type);
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
    return outcome == OUTCOME_OK ? link_walk_from(frame, LAYER_ETHERNET, 0) : outcome;
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
        return link_walk_from(frame, LAYER_MPLS, 0);
    default: /* L2TPv3: the length of its cookie is agreed elsewhere (RFC 3931, section 4.1) */
        return frame_give_up(frame, UNREAD_L2TP);
    }
}
