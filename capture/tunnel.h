/* capture/tunnel.h: packets inside packets: GRE, ERSPAN, IP in IP (tunnel.c); VXLAN, Geneve,
 * Teredo, GTP-U, L2TP, TZSP ... (tunnel_udp.c). */
#ifndef CMSCOPE_CAPTURE_TUNNEL_H
#define CMSCOPE_CAPTURE_TUNNEL_H

#include "capture/ip.h"

/* Protocols of IP that carry packets. */
bool tunnel_is_protocol(uint8_t protocol);

/* Moves *frame, the payload of an IP packet with such a protocol, to the inner IP header. Results as for link_strip;
 * UNREAD_... in frame->unread says what is not read. */
MUST_USE enum outcome tunnel_protocol(uint8_t protocol, struct frame *frame);

/* The same for the payload of a UDP datagram. *tunnel: whether it is one, by its ports and its first bytes. When not,
 * the frame stays as it is. */
MUST_USE enum outcome tunnel_udp(uint16_t sport, uint16_t dport, struct frame *frame, bool *tunnel);

#endif
