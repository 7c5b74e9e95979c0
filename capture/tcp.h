/* capture/tcp.h: one TCP connection: two byte streams put in order. Used by flow.c, which knows all of them.
 *
 *      delivered            hole                 waiting
 *      ################|             [=======)[====)      [====)
 *                      offset                ^ head            ^ tail
 *                      = sequence number `next`
 *
 * Offsets count bytes from the start of the stream (or from where it was joined) and do not wrap. What waits lies in
 * pieces in order, apart from each other, all behind `offset`.
 */
#ifndef CMSCOPE_CAPTURE_TCP_H
#define CMSCOPE_CAPTURE_TCP_H

#include "capture/flow.h"
#include "capture/hash.h"
#include "capture/overlap.h"
#include "core/pool.h"

/* Delivered segments of a direction remembered to notice a retransmission with other bytes; see compare_delivered in
 * tcp.c. */
#define RECENT_SEGMENTS 8

/* A piece that came early. */
struct waiting {
    struct waiting *previous, *next;
    int64_t offset;
    uint32_t length;  /* captured bytes */
    uint32_t missing; /* bytes after them that the snapshot length cut off */
    struct moment moment;
    uint8_t bytes[];
};

enum half_state {
    HALF_UNKNOWN, /* nothing is known of this direction */
    HALF_GUESSED, /* its position is known from the other side's ACK, or from a segment without data */
    HALF_KNOWN
};

/* What a delivered segment looked like: its length and 15 bits of a checksum, so that one in 32,768 changes passes
 * unnoticed. One with the sum 0 is a gap. */
struct recent {
    uint16_t length, sum;
};

/* What a direction needs only while it is not in order: taken when a piece waits, a hole is marked or a FIN is ahead of
 * the data, and given back when nothing of that is so any more. */
struct disorder {
    struct disorder *previous, *next; /* of those with pieces, in the order in which these began to wait */
    struct flow *flow;
    struct waiting *head, *tail;
    uint32_t waiting_count;
    uint8_t direction;
    bool marked, fin_waits;
    int64_t due; /* of a mark: a hole before it becomes a gap, once the delay from the mark has passed */
    int64_t mark_time;
    uint32_t mark_packets;
    struct moment fin_moment;
};

/* One direction. */
struct half {
    struct disorder *disorder; /* NULL: in order */
    int64_t offset;            /* of the next byte to deliver */
    int64_t acked;             /* the latest ACK: the receiver has all before it; counts the FIN as a byte */
    int64_t allowed; /* as far as the receiver's windows reached: offset of the first byte behind; 0: not known */
    int64_t fin_offset;
    uint32_t first, next; /* sequence numbers of the bytes at offset 0 and at `offset` */
    uint8_t state;        /* enum half_state */
    uint8_t policy;       /* enum overlap_policy of the receiver */
    bool fin, ended;
    bool gap_before;   /* the bytes just before `offset` are a gap: one that goes on is counted once */
    uint8_t scale;     /* of the sender's SYN: enum window_scale */
    uint8_t recent_at; /* where the next one goes: those before it end at `next`, one behind the other */
    struct recent recent[RECENT_SEGMENTS];
};

enum flow_list {
    LIST_OPENING, /* nothing but SYNs of the opening side yet */
    LIST_OPEN,
    LIST_DATAGRAMS, /* UDP */
    LIST_SILENT,    /* open, but silent for long: the clock may have been set, so that its next segment goes on */
    LIST_CLOSING,
    LIST_CLOSED,
    LIST_COUNT
};

struct flow_link {
    struct flow *previous, *next;
};

struct flow_private {
    uint64_t hash;
    int64_t touched;        /* when it was last put to the front of its list */
    uint32_t waiting_bytes; /* both directions, with the pieces' own size */
    uint8_t on;             /* enum flow_list */
    uint8_t reset_direction;
    bool reset;    /* an RST was seen */
    bool only_syn; /* nothing but SYNs of the opening side yet, and ICMP errors */
    bool refused;  /* an RST answered the SYN */
    uint16_t syns; /* of the opening side */
    struct half half[2];
    struct flow_link list;   /* by last use; which one: `on` */
    struct refusal *refusal; /* waits for the close of the flow (refuse.c), or NULL */
    int64_t reset_offset;    /* where the RST was, in the stream of the side that sent it */
    int64_t reset_acked;     /* what that side had acknowledged by then */
};

/* What all connections of a tracker share. */
struct tcp {
    struct flow_events events;
    struct tracker_limits limits;
    struct tracker_counts counts;
    struct hash_seed seed;
    struct pool pool;       /* flows, and pieces that wait */
    uint64_t waiting_bytes; /* of all flows */
    struct disorder *waiter_first, *waiter_last;
};

/* Takes over what the segment brings: position, bytes, FIN, ACK. Delivers what can be delivered. */
void tcp_segment(struct tcp *tcp, struct flow *flow, enum direction direction, const struct segment *segment,
                 struct moment moment);

/* How far the stream is known: the end of what was delivered or waits. */
int64_t tcp_reached(const struct half *half);

/* The position of a sequence number in the stream; negative before its start. */
int64_t tcp_position(const struct half *half, uint32_t sequence);

/* The flow ends: holes become gaps, and all that waits is delivered. */
void tcp_drain(struct tcp *tcp, struct flow *flow);

/* All bytes of both sides were delivered, up to the FIN. */
bool tcp_ended(const struct flow *flow);
/* Both sides sent a FIN, and nothing will be sent again: each half has ended or was acknowledged to its end. */
bool tcp_over(const struct flow *flow);
/* Both have ended, and both FINs were acknowledged. */
bool tcp_ended_and_acked(const struct flow *flow);

#endif
