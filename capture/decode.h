/* capture/decode.h: from a captured packet to what belongs to a conversation: link layer, tunnels, IP, fragments, and
 * the headers of TCP, UDP and ICMP errors.
 *
 *      packet --> link layer --> IP --> fragments --> TCP, UDP, ICMP error --> segment
 *                                ^                         |
 *                                +------- tunnel ----------+
 */
#ifndef CMSCOPE_CAPTURE_DECODE_H
#define CMSCOPE_CAPTURE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/packet.h"
#include "core/limit.h"

/* An IPv4 or IPv6 address in network order; IPv4 uses the first 4 bytes, the rest are zero. */
struct address {
    uint8_t bytes[16];
    uint8_t version; /* 4 or 6 */
};

#define ADDRESS_TEXT_MAX 46

/* Writes the usual text form (RFC 5952 for IPv6). */
void address_print(const struct address *address, char text[ADDRESS_TEXT_MAX]);

static inline bool address_equal(const struct address *a, const struct address *b)
{
    return a->version == b->version && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

enum transport { TRANSPORT_TCP, TRANSPORT_UDP };

/* "tcp", "udp". */
const char *transport_name(enum transport transport);

/* What an ICMP error says (RFC 792, RFC 4443). */
struct icmp_error {
    uint8_t type, code;      /* of ICMP when `reporter` is IPv4, else of ICMPv6 */
    struct address reporter; /* who sent it */
};

/* Protection of a packet that can be read. IPsec guarded its integrity and did not hide it; TLS hid it, but whoever
 * exported it had the keys (exported.h). */
enum protection { PROTECTION_NONE, PROTECTION_AH, PROTECTION_ESP_NULL, PROTECTION_TLS };

/* That of IPsec: "ah", "esp-null", "mixed" when `mixed`; NULL for none. */
const char *protection_name(enum protection protection, bool mixed);

/* How a SYN scales the windows of its sender (RFC 7323, section 2). */
enum window_scale {
    WINDOW_NO_SYN, /* no SYN was seen */
    WINDOW_CUT,    /* a SYN whose options the capture cut off, or that contradict themselves */
    WINDOW_PLAIN,  /* a SYN without the option */
    WINDOW_SCALED
};
enum { WINDOW_SHIFT_MOST = 14 }; /* RFC 7323, section 2.3: a larger shift count counts as this one */

/* What a packet brings to a conversation. Of an ICMP error, ends, ports and sequence number are those of the packet
 * that it quotes, so that it belongs to the same flow. */
struct segment {
    struct address src, dst;
    uint16_t sport, dport;
    enum transport transport;
    bool is_error; /* an ICMP error about such a packet: see `error`; it has no payload */
    enum protection protection;
    bool syn, fin, rst, ack, urg, psh;
    bool options_cut; /* the capture has not all options of TCP */
    uint8_t scale;    /* of a SYN: enum window_scale, or WINDOW_SCALED + the shift count */
    uint16_t window;  /* as sent, not shifted */
    uint8_t ttl;      /* time to live or hop limit of the packet as captured; of an ICMP error that of the error */
    uint32_t sequence, acknowledgement;
    struct cursor payload;  /* captured bytes only */
    uint32_t payload_bytes; /* on the wire; more than payload.left when the capture cut the packet */
    struct icmp_error error;
};

/* What became of a packet. Each is counted. Only the first three give a segment, for tracker_segment. */
enum decoded {
    DECODED_SEGMENT,      /* a TCP segment */
    DECODED_DATAGRAM,     /* a UDP datagram */
    DECODED_ICMP_ERROR,   /* an ICMP error about a TCP segment or a UDP datagram */
    DECODED_FRAGMENT,     /* an IP fragment, kept until the rest comes */
    DECODED_NOT_IP,       /* ARP, LLDP, ... */
    DECODED_ESP,          /* IPsec encapsulation (RFC 4303) that hides what is inside, as far as is known */
    DECODED_OTHER,        /* other protocols over IP: ICMP echo, IGMP, SCTP, ... */
    DECODED_CUT,          /* headers cut off by the snapshot length */
    DECODED_MALFORMED,    /* headers contradict themselves */
    DECODED_CHECKSUM,     /* a wrong checksum, when these are looked at (decoder_checksums) */
    DECODED_UNREAD,       /* a layer or tunnel that hides what is inside: see enum unread */
    DECODED_UNKNOWN_LINK, /* a link layer that is not read here: see decoder_counts.links */
    DECODED_COUNT
};

/* Does the packet give a segment, for tracker_segment? */
static inline bool decoded_has_flow(enum decoded decoded)
{
    return decoded <= DECODED_ICMP_ERROR;
}

/* Why DECODED_UNREAD. */
enum unread {
    UNREAD_NONE,
    UNREAD_WLAN_PROTECTED,
    UNREAD_WLAN_FRAGMENT,
    UNREAD_WLAN_AMSDU,
    UNREAD_MACSEC,
    UNREAD_NSH,
    UNREAD_PPP_HIDDEN,
    UNREAD_PPI,
    UNREAD_GRE,
    UNREAD_L2TP,
    UNREAD_DEPTH,
    UNREAD_ETHERTYPE, /* see decoder_counts.ethertypes */
    UNREAD_LLC,
    UNREAD_PPP,
    UNREAD_FAMILY,
    UNREAD_LINK_TYPE,
    UNREAD_NO_IP_HEADER,
    UNREAD_TZSP,
    UNREAD_IPCOMP,
    UNREAD_ERF,
    UNREAD_EXPORTED, /* see decoder_counts.exports */
    UNREAD_PKTAP,
    UNREAD_COUNT
};

/* A short phrase for the coverage report, for example "encrypted 802.11". */
const char *unread_name(enum unread unread);

/* Decodes with state (fragments waiting for the rest), one for each worker. */
struct decoder;

struct decoder *decoder_new(void); /* NULL when out of memory */
void decoder_free(struct decoder *decoder);

/* Packets whose IPv4, TCP, UDP or ICMP error checksum is wrong become DECODED_CHECKSUM. Off at first: a capture taken
 * on the sender sees packets before the network card fills checksums in. What the capture cut cannot be verified and
 * is taken. */
void decoder_checksums(struct decoder *decoder, bool look);

/* A datagram completed by this packet is returned as that of this packet. `segment->payload` is valid until the next
 * call. */
enum decoded decoder_packet(struct decoder *decoder, const struct packet *packet, struct segment *segment);

/* Link types, and Ethernet types, with a count of their own; more in one capture is a forgery. */
#define UNKNOWN_LINKS_MAX 16
#define UNKNOWN_ETHERTYPES_MAX 16

struct type_count {
    int type; /* DLT_..., whose name is link_type_name (link_type.h); or an Ethernet type */
    uint64_t packets;
};

/* Dissectors of exported PDUs that are not read, with a count of their own; and how much of a name is kept. */
#define UNKNOWN_EXPORTS_MAX 16
#define EXPORT_NAME_SIZE 32

struct export_count {
    char name[EXPORT_NAME_SIZE]; /* printable ASCII, other bytes are '?'; "" when there is none */
    uint64_t packets;
};

struct decoder_counts {
    uint64_t by_result[DECODED_COUNT];
    uint64_t by_unread[UNREAD_COUNT]; /* of DECODED_UNREAD */
    uint64_t tunnelled;               /* packets that were found inside a tunnel */
    uint64_t
        fragments_expired; /* fragments whose datagram never became whole, or that were dropped to stay in budget */
    uint64_t fragments_overlapping;
    /* Of DECODED_UNKNOWN_LINK, in the order of link types; what found no place is in by_result only. */
    struct type_count links[UNKNOWN_LINKS_MAX];
    size_t link_count;
    /* Of UNREAD_ETHERTYPE, in the order of types; what found no place is in by_unread only. */
    struct type_count ethertypes[UNKNOWN_ETHERTYPES_MAX];
    size_t ethertype_count;
    /* Of UNREAD_EXPORTED, in the order in which they were met; what found no place is in by_unread only. */
    struct export_count exports[UNKNOWN_EXPORTS_MAX];
    size_t export_count;
    uint64_t options_cut;  /* segments of which the capture has not all options of TCP */
    uint64_t lengths_lost; /* packets that are shorter than their IP header says, though not cut as the file has it */
    struct limit_counts limits; /* hit by headers */
};

struct decoder_counts decoder_counts(const struct decoder *decoder);

/* The security associations seen: ipsec.h. */
struct ipsec;
const struct ipsec *decoder_ipsec(const struct decoder *decoder);

/* A short phrase for the coverage report, for example "not IP". */
const char *decoded_name(enum decoded decoded);

#endif
