/* capture/transport.c: see transport.h. */
#include "capture/transport.h"

#define TCP_HEADER 20
#define UDP_HEADER 8
#define ICMP_HEADER 8

enum decoded decoded_of(enum outcome outcome, enum decoded unsupported)
{
    if (outcome == OUTCOME_MORE)
        return DECODED_CUT;
    return outcome == OUTCOME_UNSUPPORTED ? unsupported : DECODED_MALFORMED;
}

static void set_ends(const struct ip *ip, enum transport transport, struct segment *segment)
{
    segment->src = ip->src;
    segment->dst = ip->dst;
    segment->ttl = ip->ttl;
    segment->transport = transport;
    segment->is_error = false;
}

/* RFC 9293, section 3.1: options: kind 1, length 1 (both counted), value; kinds 0 (the last one) and 1 have no length.
 * RFC 7323, section 2.2: window scale: kind 3, length 3, shift count 1. */
static uint8_t window_scale(struct cursor options)
{
    enum { LAST = 0, NOTHING = 1, SCALE = 3 };
    uint8_t kind, length, shift;
    struct cursor value;
    while (cursor_u8(&options, &kind) && kind != LAST) {
        if (kind == NOTHING)
            continue;
        if (!cursor_u8(&options, &length) || length < 2 || !cursor_take(&options, length - 2u, &value))
            return WINDOW_CUT;
        if (kind == SCALE)
            return cursor_u8(&value, &shift)
                       ? (uint8_t)(WINDOW_SCALED + (shift < WINDOW_SHIFT_MOST ? shift : WINDOW_SHIFT_MOST))
                       : WINDOW_CUT;
    }
    return WINDOW_PLAIN;
}

/* RFC 9293, section 3.1

     0                   1                   2                   3
    |          Source Port          |       Destination Port        |
    |                        Sequence Number                        |
    |                    Acknowledgment Number                      |
    | Offset| Rsrvd |C E U A P R S F|            Window             |
    |           Checksum            |         Urgent Pointer        | options, payload */
enum decoded transport_tcp(const struct ip *ip, struct segment *segment)
{
    enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20 };
    struct frame frame = ip->payload;
    struct cursor bytes, options;
    uint8_t offset, flags;
    enum outcome outcome = frame_take(&frame, TCP_HEADER, &bytes);
    if (outcome != OUTCOME_OK)
        return decoded_of(outcome, DECODED_MALFORMED);
    if (!cursor_be16(&bytes, &segment->sport) || !cursor_be16(&bytes, &segment->dport) ||
        !cursor_be32(&bytes, &segment->sequence) || !cursor_be32(&bytes, &segment->acknowledgement) ||
        !cursor_u8(&bytes, &offset) || !cursor_u8(&bytes, &flags) || !cursor_be16(&bytes, &segment->window) ||
        4u * (offset >> 4) < TCP_HEADER)
        return DECODED_MALFORMED;
    outcome = frame_take(&frame, 4u * (offset >> 4) - TCP_HEADER, &options);
    if (outcome == OUTCOME_MALFORMED)
        return DECODED_MALFORMED;
    if (outcome == OUTCOME_MORE) { /* cut inside the options, which are not needed: no payload was captured */
        frame.wire -= 4u * (offset >> 4) - TCP_HEADER;
        frame.bytes = CURSOR_EMPTY;
    }
    set_ends(ip, TRANSPORT_TCP, segment);
    segment->fin = (flags & FIN) != 0;
    segment->syn = (flags & SYN) != 0;
    segment->rst = (flags & RST) != 0;
    segment->ack = (flags & ACK) != 0;
    segment->urg = (flags & URG) != 0;
    segment->psh = (flags & PSH) != 0;
    segment->options_cut = outcome != OUTCOME_OK;
    segment->scale = WINDOW_NO_SYN;
    if (segment->syn)
        segment->scale = outcome == OUTCOME_OK ? window_scale(options) : WINDOW_CUT;
    segment->payload = frame.bytes;
    segment->payload_bytes = frame.wire;
    return DECODED_SEGMENT;
}

/* RFC 768: ports 2 each, length 2 (this header included; 0 in a jumbogram, RFC 2675, section 4, and where segmentation
 * is left to the network card), checksum 2. A length beyond the packet is the packet's. */
enum decoded transport_udp(const struct ip *ip, struct segment *segment)
{
    struct frame frame = ip->payload;
    struct cursor bytes;
    uint16_t length;
    enum outcome outcome = frame_take(&frame, UDP_HEADER, &bytes);
    if (outcome != OUTCOME_OK)
        return decoded_of(outcome, DECODED_MALFORMED);
    if (!cursor_be16(&bytes, &segment->sport) || !cursor_be16(&bytes, &segment->dport) ||
        !cursor_be16(&bytes, &length) || (length != 0 && length < UDP_HEADER))
        return DECODED_MALFORMED;
    if (length != 0)
        frame_limit(&frame, length - UDP_HEADER);
    set_ends(ip, TRANSPORT_UDP, segment);
    segment->syn = segment->fin = segment->rst = segment->ack = segment->urg = false;
    segment->sequence = segment->acknowledgement = 0;
    segment->payload = frame.bytes;
    segment->payload_bytes = frame.wire;
    return DECODED_DATAGRAM;
}

/* Errors about a packet: RFC 792: unreachable, time exceeded, parameter problem; RFC 4443, section 2.1: below 128, of
 * which 1 to 4 are known. */
static bool is_error(const struct ip *ip, uint8_t type)
{
    enum { UNREACHABLE = 3, TIME_EXCEEDED = 11, PARAMETER_PROBLEM = 12 };
    if (ip->protocol == IP_ICMPV6)
        return type >= 1 && type <= 4;
    return type == UNREACHABLE || type == TIME_EXCEEDED || type == PARAMETER_PROBLEM;
}

/* The packet that is quoted: at least its ports are there, 8 bytes behind its IP header (RFC 792); of a later fragment
 * they are not. */
static enum decoded quoted(struct frame frame, struct segment *segment)
{
    struct ip ip;
    struct cursor bytes;
    enum outcome outcome = ip_parse(frame, false, &ip);
    if (outcome != OUTCOME_OK || (ip.fragment && ip.offset != 0))
        return DECODED_OTHER;
    if (ip.protocol != IP_TCP && ip.protocol != IP_UDP)
        return DECODED_OTHER;
    outcome = frame_take(&ip.payload, 8, &bytes);
    if (outcome != OUTCOME_OK)
        return DECODED_OTHER;
    set_ends(&ip, ip.protocol == IP_TCP ? TRANSPORT_TCP : TRANSPORT_UDP, segment);
    if (!cursor_be16(&bytes, &segment->sport) || !cursor_be16(&bytes, &segment->dport) ||
        !cursor_be32(&bytes, &segment->sequence))
        return DECODED_OTHER;
    segment->syn = segment->fin = segment->rst = segment->ack = segment->urg = false;
    segment->payload = CURSOR_EMPTY;
    segment->payload_bytes = 0;
    return DECODED_ICMP_ERROR;
}

/* RFC 792, RFC 4443: type 1, code 1, checksum 2, four bytes by type; then as much of the packet as fits. */
enum decoded transport_icmp(const struct ip *ip, struct segment *segment)
{
    struct frame frame = ip->payload;
    struct cursor bytes;
    uint8_t type, code;
    enum outcome outcome = frame_take(&frame, ICMP_HEADER, &bytes);
    if (outcome != OUTCOME_OK)
        return decoded_of(outcome, DECODED_MALFORMED);
    if (!cursor_u8(&bytes, &type) || !cursor_u8(&bytes, &code))
        return DECODED_MALFORMED;
    if (!is_error(ip, type))
        return DECODED_OTHER;
    enum decoded decoded = quoted(frame, segment);
    if (decoded != DECODED_ICMP_ERROR)
        return decoded;
    segment->is_error = true;
    segment->ttl = ip->ttl;
    segment->error = (struct icmp_error){.type = type, .code = code, .reporter = ip->src};
    return DECODED_ICMP_ERROR;
}
