/* capture/decode.c: from packet to segment: link layer, IP, fragments, TCP. See decode.h. */
#include "capture/decode.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "capture/fragment.h"
#include "capture/ip.h"
#include "capture/link.h"

#define TCP_HEADER 20

struct decoder {
    struct fragments *fragments;
    uint64_t by_result[DECODED_COUNT];
};

struct decoder *decoder_new(void)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    decoder->fragments = fragments_new();
    if (decoder->fragments == NULL) {
        free(decoder);
        return NULL;
    }
    return decoder;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    fragments_free(decoder->fragments);
    free(decoder);
}

struct decoder_counts decoder_counts(const struct decoder *decoder)
{
    struct fragment_counts fragments = fragments_counts(decoder->fragments);
    struct decoder_counts counts = {.fragments_expired = fragments.expired,
                                    .fragments_overlapping = fragments.overlapping};
    memcpy(counts.by_result, decoder->by_result, sizeof counts.by_result);
    return counts;
}

const char *decoded_name(enum decoded decoded)
{
    static const char *const names[DECODED_COUNT] = {
        [DECODED_SEGMENT] = "TCP",
        [DECODED_FRAGMENT] = "IP fragment",
        [DECODED_NOT_IP] = "not IP",
        [DECODED_NOT_TCP] = "not TCP",
        [DECODED_CUT] = "headers cut off by the snapshot length",
        [DECODED_MALFORMED] = "malformed headers",
        [DECODED_UNKNOWN_LINK] = "unknown link layer",
    };
    return (size_t)decoded < DECODED_COUNT ? names[decoded] : "unknown";
}

void address_print(const struct address *address, char text[ADDRESS_TEXT_MAX])
{
    int family = address->version == 4 ? AF_INET : AF_INET6;
    if (inet_ntop(family, address->bytes, text, ADDRESS_TEXT_MAX) == NULL)
        text[0] = '\0';
}

static enum decoded decoded_of(enum outcome outcome, enum decoded unsupported)
{
    if (outcome == OUTCOME_MORE)
        return DECODED_CUT;
    return outcome == OUTCOME_UNSUPPORTED ? unsupported : DECODED_MALFORMED;
}

/* RFC 9293, section 3.1

     0                   1                   2                   3
    |          Source Port          |       Destination Port        |
    |                        Sequence Number                        |
    |                    Acknowledgment Number                      |
    | Offset| Rsrvd |C E U A P R S F|            Window             |
    |           Checksum            |         Urgent Pointer        | options, payload

 * Checksums are not looked at: a capture taken on the sender sees them before the network card fills them in. */
static enum decoded tcp_parse(const struct ip *ip, struct segment *segment)
{
    enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };
    struct frame frame = ip->payload;
    struct cursor bytes, options;
    uint8_t offset, flags;
    enum outcome outcome = frame_take(&frame, TCP_HEADER, &bytes);
    if (outcome != OUTCOME_OK)
        return decoded_of(outcome, DECODED_MALFORMED);
    if (!cursor_be16(&bytes, &segment->sport) || !cursor_be16(&bytes, &segment->dport) ||
        !cursor_be32(&bytes, &segment->sequence) || !cursor_be32(&bytes, &segment->acknowledgement) ||
        !cursor_u8(&bytes, &offset) || !cursor_u8(&bytes, &flags) || 4u * (offset >> 4) < TCP_HEADER)
        return DECODED_MALFORMED;
    outcome = frame_take(&frame, 4u * (offset >> 4) - TCP_HEADER, &options);
    if (outcome == OUTCOME_MALFORMED)
        return DECODED_MALFORMED;
    if (outcome == OUTCOME_MORE) { /* cut inside the options, which are not needed: no payload was captured */
        frame.wire -= 4u * (offset >> 4) - TCP_HEADER;
        frame.bytes = CURSOR_EMPTY;
    }
    segment->src = ip->src;
    segment->dst = ip->dst;
    segment->fin = (flags & FIN) != 0;
    segment->syn = (flags & SYN) != 0;
    segment->rst = (flags & RST) != 0;
    segment->ack = (flags & ACK) != 0;
    segment->payload = frame.bytes;
    segment->payload_bytes = frame.wire;
    return DECODED_SEGMENT;
}

static enum decoded whole_datagram(const struct ip *ip, struct segment *segment)
{
    return ip->protocol == IP_TCP ? tcp_parse(ip, segment) : DECODED_NOT_TCP;
}

static enum decoded fragment(struct decoder *decoder, struct ip *ip, int64_t time_ns, struct segment *segment)
{
    /* IPv4 tells the protocol in each fragment; in IPv6 only the first one counts (RFC 8200, section 4.5). */
    if (ip->src.version == 4 && ip->protocol != IP_TCP)
        return DECODED_NOT_TCP;
    if (ip->payload.bytes.left < ip->payload.wire)
        return DECODED_CUT;
    enum outcome outcome = fragments_add(decoder->fragments, ip, time_ns);
    if (outcome == OUTCOME_MORE)
        return DECODED_FRAGMENT;
    if (outcome == OUTCOME_OK && ip->src.version == 6)
        outcome = ip_extensions(ip);
    if (outcome != OUTCOME_OK || ip->fragment) /* fragments of a fragment */
        return DECODED_MALFORMED;
    return whole_datagram(ip, segment);
}

static enum decoded decode(struct decoder *decoder, const struct packet *packet, struct segment *segment)
{
    uint32_t wire = packet->wire_length < packet->bytes.left ? (uint32_t)packet->bytes.left : packet->wire_length;
    struct frame frame = {packet->bytes, wire};
    bool known;
    enum outcome outcome = link_strip(packet->link_type, &frame, &known);
    if (outcome != OUTCOME_OK)
        return decoded_of(outcome, known ? DECODED_NOT_IP : DECODED_UNKNOWN_LINK);
    struct ip ip;
    outcome = ip_parse(frame, &ip);
    if (outcome != OUTCOME_OK)
        return decoded_of(outcome, DECODED_NOT_IP);
    if (ip.fragment)
        return fragment(decoder, &ip, packet->moment.time_ns, segment);
    return whole_datagram(&ip, segment);
}

enum decoded decoder_packet(struct decoder *decoder, const struct packet *packet, struct segment *segment)
{
    enum decoded decoded = decode(decoder, packet, segment);
    decoder->by_result[decoded]++;
    return decoded;
}
