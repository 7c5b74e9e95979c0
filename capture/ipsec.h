/* capture/ipsec.h: IPsec: which security associations the capture shows, and the inside of those that do not encrypt.
 *
 *   AH (RFC 4302)     next header 1, length 1, reserved 2, SPI 4, sequence 4, integrity check value | payload
 *   WESP (RFC 5840)   next header 1, header length 1, trailer length 1, flags 1                     | ESP
 *   ESP (RFC 4303)    SPI 4, sequence 4, [IV] payload, padding, pad length 1, next header 1, [integrity check value]
 *
 * ESP does not say whether it encrypts. What it would be without encryption is tried as RFC 5879 does: with the usual
 * lengths of IV and integrity check value the end must be a sound trailer, and what it names must be a sound header.
 */
#ifndef CMSCOPE_CAPTURE_IPSEC_H
#define CMSCOPE_CAPTURE_IPSEC_H

#include "capture/ip.h"

/* Associations remembered; further ones are stepped into where they need no memory (AH), and counted. */
#define IPSEC_SAS_MAX 16384

enum ipsec_protocol { IPSEC_AH, IPSEC_ESP, IPSEC_WESP };

/* "ah", "esp", "wesp". */
const char *ipsec_protocol_name(enum ipsec_protocol protocol);

enum ipsec_verdict {
    IPSEC_UNSURE,    /* too few packets to tell */
    IPSEC_READABLE,  /* not encrypted */
    IPSEC_ENCRYPTED, /* no reading without encryption made sense */
};

/* One direction of protected traffic. */
struct ipsec_sa {
    struct address src, dst;
    uint32_t spi;
    enum ipsec_protocol protocol;
    bool udp; /* in UDP port 4500: there is a NAT between the two, or they take care for one (RFC 3948) */
    struct moment first, last;
    uint64_t packets, bytes; /* behind the IP (UDP) header */
    enum ipsec_verdict verdict;
    uint32_t last_sequence;

    /* ESP, while it is being found out. */
    uint8_t tries, hits;
    uint8_t layout; /* that fitted last, plus 1; 0: none */
    uint32_t ports; /* of the packet that fitted last: fitting again with the same ones is no chance */
};

struct ipsec;

struct ipsec *ipsec_new(void); /* NULL when out of memory */
void ipsec_free(struct ipsec *ipsec);

/* Takes a packet whose ip->protocol is AH, ESP or WESP. OUTCOME_OK: *ip is what is inside (tunnel mode: protocol
 * IP_IPV4 or IP_IPV6). OUTCOME_UNSUPPORTED: it is hidden, or not known yet. OUTCOME_MORE, OUTCOME_MALFORMED as usual. */
MUST_USE enum outcome ipsec_enter(struct ipsec *ipsec, struct moment moment, struct ip *ip);

/* The same for a UDP datagram of port 4500 whose payload is in ip->payload. OUTCOME_UNSUPPORTED also when it is no ESP
 * (IKE, a keepalive): then the datagram is read as any other. */
MUST_USE enum outcome ipsec_enter_udp(struct ipsec *ipsec, struct moment moment, struct ip *ip);

/* The associations in the order of their first packets, and how many there was no room for. */
const struct ipsec_sa *ipsec_sas(const struct ipsec *ipsec, size_t *count);
uint64_t ipsec_forgotten(const struct ipsec *ipsec);

#endif
