/* capture/ip.h: IPv4 and IPv6 headers. */
#ifndef CMSCOPE_CAPTURE_IP_H
#define CMSCOPE_CAPTURE_IP_H

#include "capture/decode.h"
#include "capture/frame.h"

enum ip_protocol {
    IP_HOP_BY_HOP = 0,
    IP_TCP = 6,
    IP_ROUTING = 43,
    IP_FRAGMENT = 44,
    IP_NO_NEXT = 59,
    IP_DESTINATION = 60
};

struct ip {
    struct address src, dst;
    uint8_t protocol;     /* of the payload */
    struct frame payload; /* without padding of the link layer */

    bool fragment;        /* the payload is a part of a datagram */
    bool more;            /* and not the last one */
    uint32_t offset;      /* of this part, in bytes */
    uint32_t id;          /* of the datagram */
};

/* OUTCOME_MORE: headers cut by the snapshot length; OUTCOME_MALFORMED; OUTCOME_UNSUPPORTED: not IP. */
MUST_USE enum outcome ip_parse(struct frame frame, struct ip *ip);

/* Walks IPv6 extension headers up to the upper protocol or a fragment header. ip_parse does it; it is repeated on a
 * datagram that was put together. */
MUST_USE enum outcome ip_extensions(struct ip *ip);

#endif
