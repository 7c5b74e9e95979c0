/* capture/flow.c: the life of flows: opened, closing, closed, forgotten. See flow.h.
 *
 *      opened --> OPEN --(RST, or FIN from both)--> CLOSING --(acknowledged, or LINGER)--> CLOSED --> forgotten
 *
 * OPEN, CLOSING and CLOSED are lists by last use. A closed flow is remembered for a while, so that what is sent again
 * late does not open another.
 */
#include "capture/flow.h"

#include <stdlib.h>

#include "capture/flow_table.h"

#define SECOND INT64_C(1000000000)
/* After an RST, or a FIN from both sides, packets that the capture has out of order may still come. */
#define LINGER_NS SECOND
/* How long a closed flow is remembered: TIME_WAIT of Windows. */
#define CLOSED_NS (120 * SECOND)
/* A flow silent for so long is forgotten. Keep-alives come every two hours at the latest, but who uses them for a
 * connection of Configuration Manager sets minutes. */
#define IDLE_NS (3600 * SECOND)
/* A flow moves within its list no more often than this: most packets then touch no other flow's memory. */
#define TOUCH_NS (10 * SECOND)
/* An RST further off than this from what its sender sent last is not believed (RFC 5961: it must be in the window). */
#define RESET_WINDOW (INT64_C(16) << 20)
/* Ports below are servers' (RFC 6335), when nothing else tells who opened the connection. */
#define SYSTEM_PORTS 1024

struct flow_ends {
    struct flow *first, *last;
};

struct tracker {
    struct tcp tcp;
    struct flow_table table;
    struct flow_ends lists[LIST_COUNT];
    struct flow_ends born;
};

struct tracker_limits tracker_limits_default(void)
{
    /* Flows take about 900 bytes each. Waiting bytes: the largest windows in use are some megabytes. */
    return (struct tracker_limits){.flows = 1u << 19, .waiting_bytes = 4u << 20, .waiting_total = UINT64_C(256) << 20};
}

const char *flow_state_name(enum flow_state state)
{
    static const char *const names[] = {
        [FLOW_OPEN] = "open",       [FLOW_CLOSED] = "closed",         [FLOW_RESET] = "reset",
        [FLOW_REFUSED] = "refused", [FLOW_UNANSWERED] = "unanswered", [FLOW_EVICTED] = "evicted",
    };
    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

struct tracker *tracker_new(const struct tracker_limits *limits, const struct flow_events *events)
{
    struct tracker *tracker = calloc(1, sizeof *tracker);
    if (tracker == NULL)
        return NULL;
    tracker->tcp.limits = *limits;
    tracker->tcp.events = *events;
    tracker->tcp.seed = hash_seed_new();
    if (!flow_table_init(&tracker->table)) {
        free(tracker);
        return NULL;
    }
    return tracker;
}

struct tracker_counts tracker_counts(const struct tracker *tracker)
{
    return tracker->tcp.counts;
}

/* ---- lists ---- */

static struct flow_link *list_link(struct flow *flow)
{
    return &flow->private->list;
}

static struct flow_link *born_link(struct flow *flow)
{
    return &flow->private->born;
}

typedef struct flow_link *link_of(struct flow *flow);

static void append(struct flow_ends *ends, struct flow *flow, link_of *link)
{
    *link(flow) = (struct flow_link){ends->last, NULL};
    *(ends->last == NULL ? &ends->first : &link(ends->last)->next) = flow;
    ends->last = flow;
}

static void detach(struct flow_ends *ends, struct flow *flow, link_of *link)
{
    struct flow *previous = link(flow)->previous, *next = link(flow)->next;
    *(previous == NULL ? &ends->first : &link(previous)->next) = next;
    *(next == NULL ? &ends->last : &link(next)->previous) = previous;
}

static void put_on(struct tracker *tracker, struct flow *flow, enum flow_list list)
{
    detach(&tracker->lists[flow->private->on], flow, list_link);
    append(&tracker->lists[list], flow, list_link);
    flow->private->on = (uint8_t)list;
    flow->private->touched = flow->last.time_ns;
}

static void touch(struct tracker *tracker, struct flow *flow)
{
    if (flow->private->on == LIST_OPEN && flow->last.time_ns - flow->private->touched >= TOUCH_NS)
        put_on(tracker, flow, LIST_OPEN);
}

/* ---- end of a flow ---- */

static bool is_closed(const struct flow *flow)
{
    return flow->private->on == LIST_CLOSED;
}

/* What the flow's state is when it ends, unless its packets say something else. */
static enum flow_state final_state(const struct flow *flow, enum flow_state otherwise)
{
    if (tcp_ended(flow))
        return FLOW_CLOSED;
    if (flow->private->reset)
        return FLOW_RESET;
    if (flow->private->only_syn)
        return FLOW_UNANSWERED;
    return otherwise;
}

static void close_as(struct tracker *tracker, struct flow *flow, enum flow_state otherwise)
{
    tcp_drain(&tracker->tcp, flow);
    flow->state = final_state(flow, otherwise);
    put_on(tracker, flow, LIST_CLOSED);
    detach(&tracker->born, flow, born_link);
    if (tracker->tcp.events.closed != NULL)
        tracker->tcp.events.closed(tracker->tcp.events.context, flow);
}

static void forget(struct tracker *tracker, struct flow *flow, enum flow_state otherwise)
{
    if (!is_closed(flow))
        close_as(tracker, flow, otherwise);
    detach(&tracker->lists[LIST_CLOSED], flow, list_link);
    flow_table_remove(&tracker->table, flow);
}

/* The first flow of the list, when it was put there longer than `age` ago. */
static struct flow *aged(const struct tracker *tracker, enum flow_list list, int64_t now, int64_t age)
{
    struct flow *flow = tracker->lists[list].first;
    return flow != NULL && now - flow->private->touched > age ? flow : NULL;
}

static void pass_time(struct tracker *tracker, int64_t now)
{
    struct flow *flow;
    while ((flow = aged(tracker, LIST_CLOSING, now, LINGER_NS)) != NULL)
        close_as(tracker, flow, FLOW_CLOSED);
    while ((flow = aged(tracker, LIST_CLOSED, now, CLOSED_NS)) != NULL)
        forget(tracker, flow, FLOW_CLOSED);
    while ((flow = aged(tracker, LIST_OPEN, now, IDLE_NS)) != NULL)
        forget(tracker, flow, FLOW_EVICTED);
}

/* Forgets the flow that is missed least. False when there is none. */
static bool evict(struct tracker *tracker)
{
    static const enum flow_list order[] = {LIST_CLOSED, LIST_CLOSING, LIST_OPEN};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct flow *flow = tracker->lists[order[i]].first;
        if (flow == NULL)
            continue;
        tracker->tcp.counts.evicted += order[i] == LIST_OPEN;
        forget(tracker, flow, FLOW_EVICTED);
        return true;
    }
    return false;
}

/* ---- start of a flow ---- */

/* Did the side that sends this segment open the connection, as far as one segment tells? */
static bool sender_opened(const struct segment *segment)
{
    if (segment->syn)
        return !segment->ack;
    return !(segment->sport < SYSTEM_PORTS && segment->dport >= SYSTEM_PORTS);
}

static struct flow *add_flow(struct tracker *tracker, uint64_t hash)
{
    if (tracker->table.used >= tracker->tcp.limits.flows)
        (void)evict(tracker);
    struct flow *flow = flow_table_add(&tracker->table, hash);
    if (flow == NULL && evict(tracker))
        flow = flow_table_add(&tracker->table, hash);
    return flow;
}

static struct flow *open_flow(struct tracker *tracker, uint64_t hash, const struct segment *segment,
                              struct moment moment)
{
    struct flow *flow = add_flow(tracker, hash);
    if (flow == NULL)
        return NULL;
    enum direction sender = sender_opened(segment) ? DIRECTION_OUT : DIRECTION_IN;
    flow->address[sender] = segment->src;
    flow->port[sender] = segment->sport;
    flow->address[direction_reverse(sender)] = segment->dst;
    flow->port[direction_reverse(sender)] = segment->dport;
    flow->first = flow->last = moment;
    flow->state = FLOW_OPEN;
    flow->private->touched = moment.time_ns;
    flow->private->only_syn = segment->syn && !segment->ack;
    append(&tracker->lists[LIST_OPEN], flow, list_link);
    append(&tracker->born, flow, born_link);
    tracker->tcp.counts.flows++;
    if (tracker->tcp.events.opened != NULL)
        tracker->tcp.events.opened(tracker->tcp.events.context, flow);
    return flow;
}

/* Is a SYN or SYN-ACK not that of this flow, but of another one between the same ports? */
static bool is_other_syn(const struct flow *flow, enum direction direction, const struct segment *segment)
{
    const struct half *half = &flow->private->half[direction];
    const struct half *other = &flow->private->half[direction_reverse(direction)];
    if (half->state == HALF_UNKNOWN)
        return is_closed(flow);
    if (segment->sequence + 1 == half->first)
        return false;
    return !segment->ack || is_closed(flow) || segment->acknowledgement != other->first;
}

/* Does a side that said it was done send more, as if nothing had happened? Then its FIN or RST was forged, or the start
 * of another connection is not in the capture. */
static bool goes_on(const struct flow *flow, enum direction direction, const struct segment *segment)
{
    const struct half *half = &flow->private->half[direction];
    bool was_reset = is_closed(flow) && flow->state == FLOW_RESET && direction == flow->private->reset_direction;
    if (!half->ended && !was_reset)
        return false;
    int64_t position = tcp_position(half, segment->sequence);
    if (half->ended && segment->payload_bytes == 1 && position == half->offset)
        return false; /* keep-alive: it repeats the number of the FIN */
    return segment->payload_bytes > 0 && position + segment->payload_bytes > half->offset;
}

/* Does the segment belong to a new flow between the ends of this one? */
static bool starts_another(const struct flow *flow, enum direction direction, const struct segment *segment)
{
    if (segment->rst)
        return false;
    if (segment->syn)
        return is_other_syn(flow, direction, segment);
    return goes_on(flow, direction, segment);
}

/* ---- a segment ---- */

static void count(struct tracker *tracker, struct flow *flow, enum direction direction, const struct segment *segment,
                  struct moment moment)
{
    flow->packets[direction]++;
    flow->last = moment;
    if (segment->syn && !segment->ack && direction == DIRECTION_OUT)
        flow->handshake = true;
    else
        flow->private->only_syn = false;
    tracker->tcp.counts.cut_segments += segment->payload.left < segment->payload_bytes;
}

static void take_reset(struct tracker *tracker, struct flow *flow, enum direction direction,
                       const struct segment *segment)
{
    struct flow_private *private = flow->private;
    const struct half *half = &private->half[direction];
    if (direction == DIRECTION_IN && flow->handshake && flow->packets[DIRECTION_IN] == 1 &&
        half->state == HALF_UNKNOWN) {
        close_as(tracker, flow, FLOW_REFUSED);
        return;
    }
    int64_t position = half->state == HALF_UNKNOWN ? 0 : tcp_position(half, segment->sequence);
    int64_t distance = position - half->offset;
    if (private->reset || distance > RESET_WINDOW || distance < -RESET_WINDOW)
        return;
    private->reset = true;
    private->reset_direction = (uint8_t)direction;
    private->reset_offset = distance > 0 ? position : half->offset;
    put_on(tracker, flow, LIST_CLOSING);
}

/* The flow's own packets may show that it is over, or that it is not. */
static void settle(struct tracker *tracker, struct flow *flow, enum direction direction)
{
    struct flow_private *private = flow->private;
    if (tcp_ended_and_acked(flow)) {
        close_as(tracker, flow, FLOW_CLOSED);
        return;
    }
    if (private->reset && direction == private->reset_direction &&
        private->half[direction].offset > private->reset_offset && !tcp_ended(flow)) {
        private->reset = false; /* data behind the RST: it was forged */
        put_on(tracker, flow, LIST_OPEN);
    }
    if (private->on == LIST_OPEN && tcp_over(flow))
        put_on(tracker, flow, LIST_CLOSING);
}

static enum direction direction_of(const struct flow *flow, const struct segment *segment)
{
    return flow_is_out(flow, segment) ? DIRECTION_OUT : DIRECTION_IN;
}

void tracker_segment(struct tracker *tracker, const struct segment *segment, struct moment moment)
{
    pass_time(tracker, moment.time_ns);
    uint64_t hash = hash_flow(&tracker->tcp.seed, segment);
    struct flow *flow = flow_table_find(&tracker->table, hash, segment);
    if (flow != NULL && starts_another(flow, direction_of(flow, segment), segment)) {
        forget(tracker, flow, FLOW_OPEN);
        flow = NULL;
    }
    if (flow == NULL)
        flow = open_flow(tracker, hash, segment, moment);
    if (flow == NULL || is_closed(flow))
        return;
    enum direction direction = direction_of(flow, segment);
    count(tracker, flow, direction, segment, moment);
    touch(tracker, flow);
    tcp_segment(&tracker->tcp, flow, direction, segment, moment);
    if (segment->rst)
        take_reset(tracker, flow, direction, segment);
    else
        settle(tracker, flow, direction);
}

void tracker_finish(struct tracker *tracker)
{
    while (tracker->born.first != NULL)
        forget(tracker, tracker->born.first, FLOW_OPEN);
}

void tracker_free(struct tracker *tracker)
{
    if (tracker == NULL)
        return;
    struct flow_events silent = {0};
    tracker->tcp.events = silent;
    tracker_finish(tracker);
    flow_table_free(&tracker->table);
    free(tracker);
}
