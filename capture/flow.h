/* capture/flow.h: conversations, and the two byte streams of each in order.
 *
 *      packets --> decoder --> tracker --> flow_events: opened, data, gap, ..., closed
 *
 * The tracker owns flows. It delivers each direction's bytes in order, each byte once, without copying those that come
 * in order; what comes early waits in the flow's budget. A hole is reported as a gap as soon as it is sure that nothing
 * will fill it: the receiver acknowledged bytes beyond it (they were sent and lost to the capture) and 16 more segments
 * of the flow in at least 0.1 s, or a second went by (a capture may show an ACK before its data), the budget is full, or the flow ends.
 * Where segments that wait contradict each other, the receiver's policy (overlap.h) says which bytes stay; what was
 * delivered stays in any case.
 *
 * An RST, or FINs of both sides, close a flow after up to a second of capture time, since data that the capture has
 * late may follow. A side that sends new data after its FIN or after the close is followed as a new flow.
 *
 * UDP conversations are flows as well: each datagram is delivered as it comes, and two minutes of silence end them.
 *
 * Who was refused is told when its flow closes: an RST for a SYN, an ICMP error about a packet, or no answer at all.
 *
 * The tracker knows no application protocol. It has no global state: one for each worker.
 */
#ifndef CMSCOPE_CAPTURE_FLOW_H
#define CMSCOPE_CAPTURE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/decode.h"
#include "capture/overlap.h"

enum direction {
    DIRECTION_OUT = 0, /* from the side that opened the connection (or was seen first): normally the client */
    DIRECTION_IN = 1
};

static inline enum direction direction_reverse(enum direction direction)
{
    return direction == DIRECTION_OUT ? DIRECTION_IN : DIRECTION_OUT;
}

enum flow_state {
    FLOW_OPEN,       /* data may follow; also: the capture ended, or a long silence; always so for UDP */
    FLOW_CLOSED,     /* a FIN from both sides */
    FLOW_RESET,      /* an RST after the handshake or after data */
    FLOW_REFUSED,    /* an RST, or ICMP "unreachable", as the answer to the SYN */
    FLOW_UNANSWERED, /* SYN without any answer */
    FLOW_EVICTED     /* forgotten to stay within the memory budget */
};

const char *flow_state_name(enum flow_state state); /* "open", "closed" ... as in tables.def */

struct flow {
    /* Facts, for readers. Ends are indexed by the direction in which they send. */
    struct address address[2];
    uint16_t port[2];
    uint8_t ttl[2];        /* time to live or hop limit of the first packet but an RST; 0: there was none */
    uint8_t transport;     /* enum transport */
    uint8_t protection;    /* enum protection, of its first packet */
    bool protection_mixed; /* other packets had another one */
    bool handshake;        /* the opening SYN was seen */
    bool cut;              /* of the datagram at hand the capture has the beginning only */
    uint8_t state;         /* enum flow_state */

    /* For whoever listens to the events. */
    void *user;

    /* The tracker's own (capture/tcp.h); not to be touched. */
    struct flow_private *private;

    struct moment last, first;
    uint64_t packets[2];
    uint64_t bytes[2]; /* delivered in order; UDP: captured payload */
    uint64_t missing;  /* bytes in holes */
    uint32_t gaps;     /* holes, both directions */
    uint32_t
        never_acknowledged; /* of the holes: the capture has packets of the receiver, and none acknowledges the hole
                                    to its end: never sent or never arrived, rather than lost to the capture */
    uint32_t retransmitted; /* segments that brought nothing new */
    uint32_t out_of_order;  /* segments that waited */
    uint32_t conflicts;     /* retransmissions with other bytes than those delivered or waiting */
};

enum refusal_kind {
    REFUSAL_RST,       /* to a SYN */
    REFUSAL_ICMP,      /* any ICMP error about a packet of the flow, also of an open one */
    REFUSAL_UNANSWERED /* SYNs and nothing else until three minutes of silence or the end of the capture */
};

const char *refusal_kind_name(enum refusal_kind kind); /* "rst" ... as in tables.def */

struct refusal {
    struct flow *flow; /* NULL: of an ICMP error about a packet that the capture does not have */
    enum refusal_kind kind;
    struct moment moment; /* of the first RST or error; unanswered: of the first SYN */
    enum transport transport;
    struct address src, dst; /* src: who sent the packet that was refused */
    uint16_t sport, dport;
    struct icmp_error error; /* REFUSAL_ICMP */
    struct address reporter; /* who sent the RST or the error; version 0 when unanswered */
    uint8_t ttl;             /* of the RST or the error, as captured */
    uint64_t tries;          /* SYNs of the flow; UDP: datagrams from src; 0 when not known */
};

/* How far the bytes of that direction were delivered, gaps included, and how far their receiver acknowledged them, a FIN
 * not counted: offsets in the stream, that of the next byte. 0 for UDP, and for a flow that no tracker made. */
int64_t flow_delivered(const struct flow *flow, enum direction direction);
int64_t flow_acknowledged(const struct flow *flow, enum direction direction);

#define FLOW_FETCH_STEPS 3

/* What happens to flows. Any may be NULL. `moment` is that of the packet that carried the bytes, even when they had to
 * wait. `bytes` are valid during the call. */
struct flow_events {
    void *context;
    void (*opened)(void *context, struct flow *flow);
    void (*data)(void *context, struct flow *flow, enum direction direction, struct cursor bytes, struct moment moment);
    void (*gap)(void *context, struct flow *flow, enum direction direction, uint64_t bytes, struct moment moment);
    /* No more bytes in this direction (FIN). */
    void (*ended)(void *context, struct flow *flow, enum direction direction, struct moment moment);
    /* The last event of a flow; everything that waited was delivered before. */
    void (*closed)(void *context, struct flow *flow);
    /* One UDP datagram; `bytes` may be empty, and are cut where the capture is. */
    void (*datagram)(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                     struct moment moment);
    /* Before the flow's closed event. */
    void (*refused)(void *context, const struct refusal *refusal);
    /* No event, but a hint: bytes of the flow or its end come soon. With many flows, what belongs to one is far away: the
     * listener may ask for its memory (FLOW_FETCH_STEPS times, some packets apart: what it points to is at hand in the
     * next step). */
    void (*fetch)(const struct flow *flow, unsigned step);
};

/* How a host that is known puts streams together. */
struct overlap_host {
    struct address address;
    enum overlap_policy policy;
};

/* Also what else a tracker is told. */
struct tracker_limits {
    uint32_t flows;                   /* flows remembered at one time; the least recently used one goes first */
    uint32_t closed;                  /* of those: closed ones, remembered for two minutes to know late packets */
    uint32_t waiting_bytes;           /* out-of-order bytes of one flow */
    uint64_t waiting_total;           /* out-of-order bytes of all flows */
    enum overlap_policy overlap;      /* of receivers that are not among `hosts` */
    const struct overlap_host *hosts; /* not copied; may be NULL */
    size_t host_count;
};

struct tracker_limits tracker_limits_default(void);

/* Counters only, all of which may be added up over workers. */
struct tracker_counts {
    uint64_t flows;       /* seen */
    uint64_t flows_most;  /* of those: open at one time */
    uint64_t evicted;     /* forgotten while open, to stay within `flows` */
    uint64_t gaps;        /* holes reported */
    uint64_t missing;     /* bytes in them */
    uint64_t budget_gaps; /* of those holes: because waiting bytes exceeded their budget */
    uint64_t conflicts;
    uint64_t never_acknowledged; /* of the holes; see struct flow */
    uint64_t datagram_flows;     /* of the flows: UDP */
    uint64_t icmp_errors;        /* about a flow that is known */
    uint64_t icmp_unmatched;     /* about one that is not */
    uint64_t refused;            /* refused events */
    uint64_t unacceptable;       /* segments without data that their receiver does not accept; see accept.h */
    uint64_t unacceptable_data;  /* the same with data */
    uint64_t urgent;             /* segments with urgent data, which is delivered in its place in the stream */
    uint64_t cut_segments;       /* segments whose captured payload is shorter than on the wire (snapshot length) */
    struct limit_counts limits;  /* hit by flows */
};

struct tracker;

/* What was seen, and when. */
struct sighting {
    struct segment segment;
    struct moment moment;
    /* What the time of the capture has come to since the tracker's last segment, at most: what was over by then is over.
     * INT64_MIN: the tracker sees all packets, and tells by itself. */
    int64_t passed;
};

/* NULL when out of memory. `events` is copied. */
struct tracker *tracker_new(const struct tracker_limits *limits, const struct flow_events *events);
/* Takes what decoder_packet gave, where decoded_has_flow. */
void tracker_segment(struct tracker *tracker, const struct segment *segment, struct moment moment);
/* The same for several in turn. Those to come are looked up while the first ones are taken, so that their memory is at
 * hand: faster, with many flows at one time. */
void tracker_segments(struct tracker *tracker, const struct sighting *sightings, size_t count);
/* Ends all flows, in the order in which they were opened; out of memory: in any order. */
void tracker_finish(struct tracker *tracker);
struct tracker_counts tracker_counts(const struct tracker *tracker);
void tracker_free(struct tracker *tracker);

#endif
