/* capture/packet.h: one captured packet, as the reader hands it on. */
#ifndef CMSCOPE_CAPTURE_PACKET_H
#define CMSCOPE_CAPTURE_PACKET_H

#include <stdint.h>

#include "core/cursor.h"

/* When and where something was seen: what every record starts with. */
struct moment {
    int64_t packet;  /* number, counted from 1 over all inputs */
    int64_t time_ns; /* nanoseconds since 1970-01-01 UTC */
};

static inline double moment_seconds(struct moment moment)
{
    return (double)moment.time_ns / 1e9;
}

struct packet {
    struct moment moment;
    int link_type;        /* DLT_... value of libpcap */
    uint32_t wire_length; /* bytes on the wire; more than bytes.left when the capture cut it */
    struct cursor bytes;  /* what was captured; valid until the next packet is read */
    struct cursor
        comment; /* that the file holds for it, the first of several; UTF-8 as written, not checked; as `bytes` */
};

#endif
