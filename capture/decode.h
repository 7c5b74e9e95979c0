/* capture/decode.h: from a captured packet to a TCP segment: link layer, IP, fragments. */
#ifndef CMSCOPE_CAPTURE_DECODE_H
#define CMSCOPE_CAPTURE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/packet.h"

/* An IPv4 or IPv6 address in network order; IPv4 uses the first 4 bytes, the rest are zero. */
struct address {
    uint8_t bytes[16];
    uint8_t version; /* 4 or 6 */
};

#define ADDRESS_TEXT_MAX 46

/* Writes the usual text form (RFC 5952 for IPv6). */
void address_print(const struct address *address, char text[ADDRESS_TEXT_MAX]);

struct segment {
    struct address src, dst;
    uint16_t sport, dport;
    uint32_t sequence, acknowledgement;
    bool syn, fin, rst, ack;
    struct cursor payload;  /* captured bytes only */
    uint32_t payload_bytes; /* on the wire; more than payload.left when the capture cut the packet */
};

/* Why a packet yields no segment. Each is counted. */
enum decoded {
    DECODED_SEGMENT,          /* a TCP segment */
    DECODED_FRAGMENT,         /* an IP fragment, kept until the rest comes */
    DECODED_NOT_IP,           /* ARP, LLDP, ... */
    DECODED_NOT_TCP,          /* UDP, ICMP, ESP, ... */
    DECODED_CUT,              /* headers cut off by the snapshot length */
    DECODED_MALFORMED,        /* headers contradict themselves */
    DECODED_UNKNOWN_LINK,     /* a link layer that is not read here */
    DECODED_COUNT
};

/* Decodes with state (fragments waiting for the rest), one for each worker. */
struct decoder;

struct decoder *decoder_new(void); /* NULL when out of memory */
void decoder_free(struct decoder *decoder);

/* A datagram completed by this packet is returned as a segment of this packet. `segment->payload` is valid until the
 * next call. */
enum decoded decoder_packet(struct decoder *decoder, const struct packet *packet, struct segment *segment);

struct decoder_counts {
    uint64_t by_result[DECODED_COUNT];
    uint64_t fragments_expired; /* fragments whose datagram never became whole, or that were dropped to stay in budget */
    uint64_t fragments_overlapping;
};

struct decoder_counts decoder_counts(const struct decoder *decoder);

/* A short phrase for the coverage report, for example "not TCP". */
const char *decoded_name(enum decoded decoded);

#endif
