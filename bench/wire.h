/* bench/wire.h: packets into a capture: Ethernet, IPv4, TCP and UDP with correct checksums, as classic pcap. */
#ifndef CMSCOPE_BENCH_WIRE_H
#define CMSCOPE_BENCH_WIRE_H

#include <stdio.h>

#include "bench/dice.h"
#include "core/cursor.h"

#define SEGMENT_MAX 1460 /* bytes of TCP in an Ethernet frame */
#define FRAME_MAX 1514
#define TCP_FRAME_HEAD 54 /* Ethernet, IP and TCP without options */
#define RECORD_HEAD 16    /* pcap's own, before each frame */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_PSH 0x08
#define TCP_ACK 0x10

enum side { CLIENT, SERVER };

static inline enum side side_other(enum side side)
{
    return side == CLIENT ? SERVER : CLIENT;
}

struct frame {
    size_t length;
    uint8_t bytes[FRAME_MAX];
};

/* Both ends of a connection; each is indexed by its side. */
struct ends {
    uint32_t address[2];
    uint16_t port[2];
    uint32_t sequence[2]; /* of the next byte that the side sends */
    uint16_t ip_id[2];
};

/* The capture file and its clock. */
struct wire {
    FILE *file;
    struct dice *dice;
    uint64_t microseconds; /* since 1970 */
    unsigned pace;         /* most microseconds between two packets */
    uint64_t packets, bytes;
};

/* Writes the file header. */
void wire_open(struct wire *wire, const char *path, struct dice *dice, unsigned pace);
void wire_close(struct wire *wire);
/* Writes a frame as the next packet. */
void wire_emit(struct wire *wire, const struct frame *frame);

/* Makes what `sender` sends next, and moves its sequence number on. A SYN carries the usual options. */
void frame_tcp(struct frame *frame, struct ends *ends, enum side sender, unsigned flags, struct cursor data);
void frame_udp(struct frame *frame, struct ends *ends, enum side sender, struct cursor data);

#endif
