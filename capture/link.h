/* capture/link.h: what stands before the IP header: link layers, and what tunnels put there again. */
#ifndef CMSCOPE_CAPTURE_LINK_H
#define CMSCOPE_CAPTURE_LINK_H

#include "capture/frame.h"

/* What comes next in a frame. */
enum layer {
    LAYER_IP, /* of either version: the end of the walk */
    LAYER_ETHERNET,
    LAYER_TYPE,      /* an Ethernet type, and what it says */
    LAYER_ETHERTYPE, /* what the Ethernet type that was read last says */
    LAYER_LLC,       /* IEEE 802.2 */
    LAYER_PPP,
    LAYER_PPPOE,
    LAYER_MPLS,
    LAYER_WLAN, /* IEEE 802.11 */
    LAYER_TRILL,
    LAYER_COUNT
};

struct walk {
    struct frame *frame;
    enum layer next;
    uint16_t type; /* for LAYER_ETHERTYPE */
    bool padded;   /* 802.11: the header is padded to four bytes */
};

/* Moves walk->frame to the IP header, from the layer walk->next on. Results as for link_strip. */
MUST_USE enum outcome link_walk(struct walk *walk);

/* The same for what follows a tunnel's header; `type` for LAYER_ETHERTYPE. */
MUST_USE enum outcome link_walk_from(struct frame *frame, enum layer layer, uint16_t type);

/* Is it an Ethernet type that carries no IP (ARP, LLDP ...)? */
bool link_type_without_ip(uint16_t type);

/* Does the link type hold an IP packet and nothing else? */
bool link_is_ip(int link_type);

/* Moves *frame to the IP header. `link_type` is a DLT_... value. OUTCOME_OK: IP of either version follows;
 * OUTCOME_UNSUPPORTED: something else does (frame->unread: what), or (*known false) the link layer is not read here;
 * OUTCOME_MORE: cut by the snapshot length; OUTCOME_MALFORMED. */
MUST_USE enum outcome link_strip(int link_type, struct frame *frame, bool *known);

#endif
