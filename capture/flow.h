/* capture/flow.h: conversations, and the two byte streams of each in order.
 *
 *      packets --> decoder --> tracker --> flow_events: opened, data, gap, ..., closed
 *
 * The tracker owns flows. It delivers each direction's bytes in order, each byte once, without copying those that come
 * in order; what comes early waits in the flow's budget. A hole is reported as a gap as soon as it is sure that nothing
 * will fill it: the receiver acknowledged bytes beyond it (they were sent and lost to the capture) and 16 more segments
 * of the flow or a second went by (a capture may show an ACK before its data), the budget is full, or the flow ends.
 * The first copy of a byte wins, as long as it was not delivered late (Windows keeps what it has).
 *
 * An RST, or FINs of both sides, close a flow after up to a second of capture time, since data that the capture has late
 * may follow. A side that sends new data after its FIN or after the close is followed as a new flow.
 *
 * The tracker knows no application protocol. It has no global state: one for each worker.
 */
#ifndef CMSCOPE_CAPTURE_FLOW_H
#define CMSCOPE_CAPTURE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/decode.h"

enum direction {
    DIRECTION_OUT = 0, /* from the side that opened the connection (or was seen first): normally the client */
    DIRECTION_IN = 1
};

static inline enum direction direction_reverse(enum direction direction)
{
    return direction == DIRECTION_OUT ? DIRECTION_IN : DIRECTION_OUT;
}

enum flow_state {
    FLOW_OPEN,       /* data may follow; also: the capture ended */
    FLOW_CLOSED,     /* a FIN from both sides */
    FLOW_RESET,      /* an RST after the handshake or after data */
    FLOW_REFUSED,    /* an RST as the answer to the SYN */
    FLOW_UNANSWERED, /* SYN without any answer */
    FLOW_EVICTED     /* forgotten to stay within the memory budget, or after a long silence */
};

const char *flow_state_name(enum flow_state state); /* "open", "closed" ... as in tables.def */

struct flow {
    /* Facts, for readers. Ends are indexed by the direction in which they send. */
    struct address address[2];
    uint16_t port[2];
    struct moment first, last;
    enum flow_state state;
    bool handshake;            /* the opening SYN was seen */
    uint64_t packets[2];
    uint64_t bytes[2];         /* delivered in order */
    uint64_t gaps;             /* holes, both directions */
    uint64_t missing;          /* bytes in them */
    uint64_t retransmitted;    /* segments that brought nothing new */
    uint64_t out_of_order;     /* segments that waited */
    uint64_t conflicts;        /* retransmissions with other bytes than those delivered or waiting */

    /* For whoever listens to the events. */
    void *user;

    /* The tracker's own (capture/tcp.h); not to be touched. */
    struct flow_private *private;
};

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
};

struct tracker_limits {
    uint32_t flows;          /* flows remembered at one time; the least recently used one goes first */
    uint32_t waiting_bytes;  /* out-of-order bytes of one flow */
    uint64_t waiting_total;  /* out-of-order bytes of all flows */
};

struct tracker_limits tracker_limits_default(void);

struct tracker_counts {
    uint64_t flows;           /* seen */
    uint64_t evicted;         /* forgotten while open, to stay within `flows` */
    uint64_t gaps;            /* holes reported */
    uint64_t missing;         /* bytes in them */
    uint64_t budget_gaps;     /* of those holes: because waiting bytes exceeded their budget */
    uint64_t conflicts;
    uint64_t cut_segments;    /* segments whose captured payload is shorter than on the wire (snapshot length) */
};

struct tracker;

/* NULL when out of memory. `events` is copied. */
struct tracker *tracker_new(const struct tracker_limits *limits, const struct flow_events *events);
void tracker_segment(struct tracker *tracker, const struct segment *segment, struct moment moment);
/* Ends all flows, in the order in which they were opened. */
void tracker_finish(struct tracker *tracker);
struct tracker_counts tracker_counts(const struct tracker *tracker);
void tracker_free(struct tracker *tracker);

#endif
