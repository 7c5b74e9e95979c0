/* capture/ip.c: see ip.h. */
#include "capture/ip.h"

#include "capture/checksum.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define FRAGMENT_UNIT 8

/* RFC 791, section 3.1

     0                   1                   2                   3
    |Version|  IHL  |Type of Service|          Total Length         |
    |         Identification        |Flags|      Fragment Offset    |
    |  Time to Live |    Protocol   |         Header Checksum       |
    |                       Source Address                          |
    |                    Destination Address                        | options */
struct ipv4_header {
    uint8_t version_length, service, ttl, protocol;
    uint16_t total, id, fragment, checksum;
    struct cursor src, dst;
};

static bool ipv4_fields(struct cursor bytes, struct ipv4_header *header)
{
    return cursor_u8(&bytes, &header->version_length) && cursor_u8(&bytes, &header->service) &&
           cursor_be16(&bytes, &header->total) && cursor_be16(&bytes, &header->id) &&
           cursor_be16(&bytes, &header->fragment) && cursor_u8(&bytes, &header->ttl) &&
           cursor_u8(&bytes, &header->protocol) && cursor_be16(&bytes, &header->checksum) &&
           cursor_take(&bytes, 4, &header->src) && cursor_take(&bytes, 4, &header->dst);
}

static struct address address_of(struct cursor bytes)
{
    struct address address = {.version = bytes.left == 4 ? 4 : 6};
    if (bytes.left == 4)
        memcpy(address.bytes, bytes.at, 4);
    else if (bytes.left == 16)
        memcpy(address.bytes, bytes.at, 16);
    return address;
}

static enum outcome ipv4_parse(struct frame frame, bool checksums, struct ip *ip)
{
    struct cursor bytes, options;
    struct ipv4_header header;
    uint32_t wire = frame.wire;
    enum outcome outcome = frame_take(&frame, IPV4_HEADER, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!ipv4_fields(bytes, &header))
        return OUTCOME_MALFORMED;
    uint32_t length = 4u * (header.version_length & 0x0f);
    /* A sender that leaves segmentation to the network card may leave the total length at zero as well. A length beyond
     * the frame is taken for the frame's: sequence numbers then tell what was lost. */
    uint32_t total = header.total == 0 ? wire : header.total;
    if (length < IPV4_HEADER || total < length)
        return OUTCOME_MALFORMED;
    outcome = frame_take(&frame, length - IPV4_HEADER, &options);
    if (outcome != OUTCOME_OK)
        return outcome;
    frame_limit(&frame, total - length);
    *ip = (struct ip){.src = address_of(header.src),
                      .dst = address_of(header.dst),
                      .protocol = header.protocol,
                      .ttl = header.ttl,
                      .payload = frame,
                      .more = (header.fragment & 0x2000) != 0,
                      .offset = FRAGMENT_UNIT * (header.fragment & 0x1fffu),
                      .id = header.id};
    ip->fragment = ip->more || ip->offset != 0;
    ip->wrong_checksum = checksums && checksum_fold(checksum_add(checksum_add(0, bytes), options)) != 0;
    return OUTCOME_OK;
}

/* RFC 8200, section 4.5

    |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|
    |                         Identification                        | */
static enum outcome fragment_header(struct ip *ip)
{
    struct cursor bytes;
    uint8_t next, reserved;
    uint16_t offset;
    enum outcome outcome = frame_take(&ip->payload, 8, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_u8(&bytes, &next) || !cursor_u8(&bytes, &reserved) || !cursor_be16(&bytes, &offset) ||
        !cursor_be32(&bytes, &ip->id))
        return OUTCOME_MALFORMED;
    ip->protocol = next;
    ip->more = (offset & 1) != 0;
    ip->offset = offset & 0xfff8u;
    ip->fragment = ip->more || ip->offset != 0; /* else it is "atomic" and whole by itself, RFC 6946 */
    return OUTCOME_OK;
}

/* Next header 1, length 1 in units of 8 bytes, the first not counted; then the value. */
static enum outcome extension(struct ip *ip, struct cursor *value)
{
    struct cursor bytes;
    uint8_t next, length;
    enum outcome outcome = frame_take(&ip->payload, 2, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_u8(&bytes, &next) || !cursor_u8(&bytes, &length))
        return OUTCOME_MALFORMED;
    ip->protocol = next;
    return frame_take(&ip->payload, 8u * length + 6, value);
}

/* RFC 8200, section 4.4: type 1, segments left 1. */
static enum outcome routing(struct ip *ip)
{
    struct cursor value;
    uint8_t type, left;
    enum outcome outcome = extension(ip, &value);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_u8(&value, &type) || !cursor_u8(&value, &left))
        return OUTCOME_MALFORMED;
    ip->routed = left != 0;
    return OUTCOME_OK;
}

/* The jumbo payload option among those of a hop-by-hop header: type 0xc2, length 4, payload length 4 (RFC 2675, section
 * 2). False when there is none. */
static bool jumbo_length(struct cursor options, uint32_t *length)
{
    enum { PAD1 = 0, JUMBO = 0xc2 };
    uint8_t type, size;
    while (cursor_u8(&options, &type)) {
        struct cursor value;
        if (type == PAD1)
            continue;
        if (!cursor_u8(&options, &size) || !cursor_take(&options, size, &value))
            return false;
        if (type == JUMBO)
            return size == 4 && cursor_be32(&value, length);
    }
    return false;
}

/* The payload length of a jumbogram counts all that follows the IPv6 header: this header as well, which was taken. */
static enum outcome hop_by_hop(struct ip *ip)
{
    struct cursor value;
    uint32_t length = 0, before = ip->payload.wire;
    enum outcome outcome = extension(ip, &value);
    if (outcome != OUTCOME_OK || !ip->jumbo || !jumbo_length(value, &length))
        return outcome;
    uint32_t taken = before - ip->payload.wire;
    if (length <= UINT16_MAX || length < taken)
        return OUTCOME_MALFORMED;
    frame_limit(&ip->payload, length - taken);
    return OUTCOME_OK;
}

/* There may be any number of extension headers (RFC 8200, section 4): each takes eight bytes of the packet. */
enum outcome ip_extensions(struct ip *ip)
{
    for (;;) {
        enum outcome outcome;
        struct cursor value;
        switch (ip->protocol) {
        case IP_HOP_BY_HOP:
            outcome = hop_by_hop(ip);
            break;
        case IP_ROUTING:
            outcome = routing(ip);
            break;
        case IP_DESTINATION:
        case IP_SHIM6: /* RFC 5533, section 5.1 */
            outcome = extension(ip, &value);
            break;
        case IP_FRAGMENT:
            outcome = fragment_header(ip);
            break;
        default:
            return OUTCOME_OK;
        }
        if (outcome != OUTCOME_OK || ip->fragment)
            return outcome;
    }
}

/* RFC 8200, section 3

    |Version| Traffic Class |           Flow Label                  |
    |         Payload Length        |  Next Header  |   Hop Limit   |
    |                 Source Address, Destination Address           | */
static enum outcome ipv6_parse(struct frame frame, struct ip *ip)
{
    struct cursor bytes, src, dst;
    uint32_t first;
    uint16_t length;
    uint8_t next, hops;
    enum outcome outcome = frame_take(&frame, IPV6_HEADER, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_be32(&bytes, &first) || !cursor_be16(&bytes, &length) || !cursor_u8(&bytes, &next) ||
        !cursor_u8(&bytes, &hops) || !cursor_take(&bytes, 16, &src) || !cursor_take(&bytes, 16, &dst))
        return OUTCOME_MALFORMED;
    /* Zero: a jumbogram, or segmentation left to the network card. */
    uint32_t payload = length == 0 ? frame.wire : length;
    frame_limit(&frame, payload);
    *ip = (struct ip){.src = address_of(src),
                      .dst = address_of(dst),
                      .protocol = next,
                      .ttl = hops,
                      .payload = frame,
                      .jumbo = length == 0};
    return ip_extensions(ip);
}

uint32_t ip_length(const struct frame *frame)
{
    struct cursor bytes = frame->bytes;
    uint8_t first;
    uint16_t length;
    if (!cursor_u8(&bytes, &first))
        return 0;
    if (first >> 4 == 4)
        return cursor_skip(&bytes, 1) && cursor_be16(&bytes, &length) ? length : 0;
    if (first >> 4 != 6 || !cursor_skip(&bytes, 3) || !cursor_be16(&bytes, &length) || length == 0)
        return 0; /* 0: a jumbogram, or segmentation left to the network card */
    return IPV6_HEADER + (uint32_t)length;
}

enum outcome ip_parse(struct frame frame, bool checksums, struct ip *ip)
{
    uint8_t first;
    enum outcome outcome = frame_peek(&frame, &first);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (first >> 4 == 4)
        return ipv4_parse(frame, checksums, ip);
    if (first >> 4 == 6)
        return ipv6_parse(frame, ip);
    return OUTCOME_UNSUPPORTED;
}
