/* bench/traffic.h: which conversations a capture holds. */
#ifndef CMSCOPE_BENCH_TRAFFIC_H
#define CMSCOPE_BENCH_TRAFFIC_H

#include "bench/conversation.h"

/* What conversations are made of, and counters that make their ends unique. */
struct traffic {
    struct messages messages;
    struct dice *dice;
    struct truth *truth;
    struct buffer noise;  /* file content */
    size_t object_max;    /* of a downloaded or copied file, or range of it */
    uint32_t other_count; /* connections that are not of the clients in `messages` */
};

/* Fills a conversation that conversation_init has made. */
typedef void traffic_filler(struct traffic *traffic, struct conversation *conversation);

traffic_filler traffic_mp;   /* one to three exchanges of a client with its management point */
traffic_filler traffic_bulk; /* ranges of a large file over HTTP, or a file over SMB2 */
traffic_filler traffic_mix;  /* a message exchange, TLS, a small file over SMB2, or a question to DNS */

#endif
