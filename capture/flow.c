/* capture/flow.c: the life of flows: opened, closing, closed, forgotten. See flow.h.
 *
 *      SYN --> OPENING --(answer)--> OPEN --(RST, or FIN from both)--> CLOSING --(acknowledged, or LINGER)--> CLOSED
 *                 |                   |                                   ^                                    |
 *                 +-------------------|--------(RST)----------------------+                                    |
 *                 |                   +--(silence)--> SILENT --(too many)----------------> forgotten <-------+
 *                 +--(silence)-----------------------------------------------------------------^
 *      datagram --> DATAGRAMS --(silence)------------------------------------------------------^
 *
 * Each is a list by last use. A closed flow is remembered for a while, so that what is sent again late does not open
 * another.
 */
#include "capture/flow.h"

#include <stdlib.h>

#include "capture/accept.h"
#include "capture/elapsed.h"
#include "capture/flow_table.h"
#include "capture/late.h"
#include "capture/refuse.h"

#define SECOND INT64_C(1000000000)
/* After an RST, or a FIN from both sides, packets that the capture has out of order may still come. */
#define LINGER_NS SECOND
/* How long a closed flow is remembered: TIME_WAIT of Windows. */
#define CLOSED_NS (120 * SECOND)
/* Of closed flows that had to go so many hashes are remembered, or as many as flows were open at one time. */
#define LATE_MIN 4096
/* So many silent flows are remembered, or as many as were open at one time: a clock that is set makes all of them
 * silent at once. */
#define SILENT_MIN 4096
/* A connection silent for so long is over, unless its next segment goes on with its numbers: then the clock was set, or
 * the machine slept. Keep-alives come every two hours at the latest, but who uses them for a
 * connection of Configuration Manager sets minutes. */
#define IDLE_NS (3600 * SECOND)
/* A SYN without an answer is sent again after 64 s at most (Linux, the seventh; Windows gives up after 21 s). */
#define OPENING_NS (180 * SECOND)
/* A UDP conversation: what RFC 4787, section 4.3, asks of translators. */
#define DATAGRAMS_NS (120 * SECOND)
/* A flow moves within its list no more often than this part of its list's age: most packets then touch no other flow's
 * memory. */
#define TOUCHES 16
/* Of two flows that were used within this time of each other either may be evicted. */
#define RECENT_NS (10 * SECOND)
/* Segments whose flows are looked up before the first of them is taken. Each asks for about ten lines of memory. */
#define AHEAD 16
/* Of fewer flows, most of what is needed is in the processor's cache. */
#define FETCHED_FLOWS_MIN 512
/* Ports below are servers' (RFC 6335), when nothing else tells who opened the connection. */
#define SYSTEM_PORTS 1024

/* How long a flow stays on a list: without a packet, or at all where it is over. */
static const int64_t AGES[LIST_COUNT] = {
    [LIST_OPENING] = OPENING_NS, [LIST_OPEN] = IDLE_NS,      [LIST_DATAGRAMS] = DATAGRAMS_NS,
    [LIST_SILENT] = INT64_MAX,   [LIST_CLOSING] = LINGER_NS, [LIST_CLOSED] = CLOSED_NS,
};

/* When a flow that was put on the list at `time` is due; times of a capture may be absurd. */
static int64_t due_after(int64_t time, enum flow_list list)
{
    return time > INT64_MAX - AGES[list] ? INT64_MAX : time + AGES[list];
}

struct flow_ends {
    struct flow *first, *last;
};

struct tracker {
    struct tcp tcp;
    struct flow_table table;
    struct flow_ends lists[LIST_COUNT];
    uint32_t closed;   /* flows on LIST_CLOSED */
    uint32_t silent;   /* flows on LIST_SILENT */
    struct late *late; /* those that had to leave it early; NULL: none yet */
    int64_t due;       /* no flow is due before */
    struct elapsed elapsed;
};

struct tracker_limits tracker_limits_default(void)
{
    /* Flows take about 400 bytes each. Waiting bytes: the largest windows in use are some megabytes. */
    return (struct tracker_limits){
        .flows = 1u << 19, .closed = 1u << 12, .waiting_bytes = 4u << 20, .waiting_total = UINT64_C(256) << 20};
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
    tracker->due = INT64_MAX;
    elapsed_init(&tracker->elapsed);
    pool_init(&tracker->tcp.pool);
    if (!flow_table_init(&tracker->table, &tracker->tcp.pool)) {
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

static void append(struct flow_ends *ends, struct flow *flow)
{
    flow->private->list = (struct flow_link){ends->last, NULL};
    *(ends->last == NULL ? &ends->first : &ends->last->private->list.next) = flow;
    ends->last = flow;
}

static void detach(struct flow_ends *ends, struct flow *flow)
{
    struct flow *previous = flow->private->list.previous, *next = flow->private->list.next;
    *(previous == NULL ? &ends->first : &previous->private->list.next) = next;
    *(next == NULL ? &ends->last : &next->private->list.previous) = previous;
}

/* A list may only be looked at when something on it can be due. */
static void note_due(struct tracker *tracker, const struct flow *flow)
{
    int64_t due = due_after(flow->private->touched, flow->private->on);
    if (due < tracker->due)
        tracker->due = due;
}

static void put_on(struct tracker *tracker, struct flow *flow, enum flow_list list)
{
    detach(&tracker->lists[flow->private->on], flow);
    append(&tracker->lists[list], flow);
    tracker->silent += list == LIST_SILENT;
    tracker->silent -= flow->private->on == LIST_SILENT;
    flow->private->on = (uint8_t)list;
    flow->private->touched = flow->last.time_ns;
    note_due(tracker, flow);
}

/* Only where a flow waits for silence: CLOSING ends by itself. */
static void touch(struct tracker *tracker, struct flow *flow)
{
    const struct flow_private *private = flow->private;
    if (private->on < LIST_CLOSING && flow->last.time_ns - private->touched >= AGES[private->on] / TOUCHES)
        put_on(tracker, flow, private->on);
}

/* ---- end of a flow ---- */

static bool is_closed(const struct flow *flow)
{
    return flow->private->on == LIST_CLOSED;
}

/* What the flow's state is when it ends, unless its packets say something else. */
static enum flow_state final_state(const struct flow *flow, enum flow_state otherwise)
{
    if (flow->transport == TRANSPORT_UDP)
        return otherwise;
    if (flow->private->refused)
        return FLOW_REFUSED;
    if (tcp_ended(flow))
        return FLOW_CLOSED;
    if (flow->private->reset)
        return FLOW_RESET;
    if (flow->private->only_syn)
        return refuse_is_final(flow) ? FLOW_REFUSED : FLOW_UNANSWERED;
    return otherwise;
}

static void close_as(struct tracker *tracker, struct flow *flow, enum flow_state otherwise)
{
    tcp_drain(&tracker->tcp, flow);
    flow->state = (uint8_t)final_state(flow, otherwise);
    refuse_close(&tracker->tcp, flow);
    put_on(tracker, flow, LIST_CLOSED);
    tracker->closed++;
    if (tracker->tcp.events.closed != NULL)
        tracker->tcp.events.closed(tracker->tcp.events.context, flow);
}

static void forget(struct tracker *tracker, struct flow *flow, enum flow_state otherwise)
{
    if (!is_closed(flow))
        close_as(tracker, flow, otherwise);
    tracker->closed--;
    detach(&tracker->lists[LIST_CLOSED], flow);
    flow_table_remove(&tracker->table, flow);
}

/* The first flow of the list, when it was put there longer ago than the list allows. */
static struct flow *aged(const struct tracker *tracker, enum flow_list list, int64_t now)
{
    struct flow *flow = tracker->lists[list].first;
    return flow != NULL && now > due_after(flow->private->touched, list) ? flow : NULL;
}

/* Is the time of the flow on its list over? Over flows since they are over, others since their last packet. */
static bool is_due(const struct flow *flow, int64_t now)
{
    const struct flow_private *private = flow->private;
    return now > due_after(private->on < LIST_CLOSING ? flow->last.time_ns : private->touched, private->on);
}

/* The same, when it was silent for so long: a flow in use moves within its list only now and then. */
static struct flow *fallen_silent(struct tracker *tracker, enum flow_list list, int64_t now)
{
    struct flow *flow;
    while ((flow = aged(tracker, list, now)) != NULL && !is_due(flow, now))
        put_on(tracker, flow, list);
    return flow;
}

/* The time of the flow is over: does the segment belong to it nevertheless, by its numbers? A connection that was not
 * answered, or is closed, is over for good when the time of the capture came to that (`agreed`): all workers know it. */
static bool goes_on_after_silence(const struct flow *flow, const struct segment *segment, int64_t agreed)
{
    enum direction direction = flow_is_out(flow, segment) ? DIRECTION_OUT : DIRECTION_IN;
    enum flow_list on = flow->private->on;
    if (flow->transport != TRANSPORT_TCP || segment->is_error)
        return false;
    if (on != LIST_OPEN && on != LIST_SILENT && is_due(flow, agreed))
        return false;
    return (on != LIST_CLOSED || late_may_be(segment)) && accept_goes_on(flow, direction, segment);
}

/* The flow, unless its time was over since its last packet. What becomes of a packet at `now` depends on nothing but the
 * flow's own packets and the time of the capture: not on which other flows stand before it on its list, nor on which
 * worker they are with. */
static struct flow *still_there(struct tracker *tracker, struct flow *flow, const struct segment *segment, int64_t now)
{
    if (flow == NULL)
        return NULL;
    int64_t since = elapsed_since(&tracker->elapsed, flow->last.packet);
    if (since > now)
        now = since;
    if (flow->private->on == LIST_CLOSING && is_due(flow, now))
        close_as(tracker, flow, FLOW_CLOSED);
    if (flow->private->on != LIST_SILENT && !is_due(flow, now))
        return flow;
    if (goes_on_after_silence(flow, segment, since)) {
        if (flow->private->on == LIST_SILENT)
            put_on(tracker, flow, LIST_OPEN);
        return flow;
    }
    forget(tracker, flow, FLOW_OPEN);
    return NULL;
}

/* When the first flow of any list may be due. */
static int64_t next_due(const struct tracker *tracker)
{
    int64_t due = INT64_MAX;
    for (enum flow_list list = 0; list < LIST_COUNT; list++) {
        const struct flow *flow = tracker->lists[list].first;
        if (flow != NULL && due_after(flow->private->touched, list) < due)
            due = due_after(flow->private->touched, list);
    }
    return due;
}

/* More flows are silent than were ever open at one time: the oldest are over. */
static void forget_silent(struct tracker *tracker)
{
    uint64_t most = tracker->tcp.counts.flows_most;
    while (tracker->silent > (most > SILENT_MIN ? most : SILENT_MIN))
        forget(tracker, tracker->lists[LIST_SILENT].first, FLOW_OPEN);
}

/* Ends what is over at a time. */
static void end_due(struct tracker *tracker, int64_t now)
{
    struct flow *flow;
    if (now <= tracker->due)
        return;
    while ((flow = fallen_silent(tracker, LIST_DATAGRAMS, now)) != NULL)
        forget(tracker, flow, FLOW_OPEN);
    while ((flow = aged(tracker, LIST_CLOSING, now)) != NULL)
        close_as(tracker, flow, FLOW_CLOSED);
    while ((flow = aged(tracker, LIST_CLOSED, now)) != NULL)
        forget(tracker, flow, FLOW_CLOSED);
    while ((flow = fallen_silent(tracker, LIST_OPENING, now)) != NULL)
        forget(tracker, flow, FLOW_OPEN);
    while ((flow = fallen_silent(tracker, LIST_OPEN, now)) != NULL)
        put_on(tracker, flow, LIST_SILENT);
    forget_silent(tracker);
    tracker->due = next_due(tracker);
}

/* At this packet the time of the capture had come to `agreed`. */
static void pass_time(struct tracker *tracker, int64_t agreed, struct moment moment)
{
    elapsed_pass(&tracker->elapsed, moment.packet, agreed);
    end_due(tracker, agreed);
}

/* A closed flow that has to go before its time: a late packet must not open another. */
static void remember(struct tracker *tracker, const struct flow *flow)
{
    if (flow->transport != TRANSPORT_TCP)
        return;
    if (tracker->late == NULL)
        tracker->late = late_new(CLOSED_NS);
    uint64_t most = tracker->tcp.counts.flows_most;
    late_add(tracker->late, flow->private->hash, flow->private->touched, most > LATE_MIN ? most : LATE_MIN);
}

/* Is it a late packet of such a flow? */
static bool is_late(const struct tracker *tracker, uint64_t hash, const struct segment *segment, int64_t now)
{
    return late_may_be(segment) && late_has(tracker->late, hash, now);
}

/* The flow of the list that was used least recently; NULL: there is none. */
static struct flow *least_used(struct tracker *tracker, enum flow_list list)
{
    struct flow *flow;
    while ((flow = tracker->lists[list].first) != NULL && list < LIST_CLOSING &&
           flow->last.time_ns - flow->private->touched >= RECENT_NS)
        put_on(tracker, flow, list);
    return flow;
}

/* Forgets the flow that is missed least. False when there is none. */
static bool evict(struct tracker *tracker)
{
    static const enum flow_list order[] = {LIST_CLOSED,    LIST_CLOSING, LIST_SILENT,
                                           LIST_DATAGRAMS, LIST_OPENING, LIST_OPEN};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct flow *flow = least_used(tracker, order[i]);
        if (flow == NULL)
            continue;
        bool silent = order[i] == LIST_SILENT;
        tracker->tcp.counts.evicted += order[i] < LIST_CLOSING && !silent;
        if (order[i] == LIST_CLOSED)
            remember(tracker, flow);
        forget(tracker, flow, silent ? FLOW_OPEN : FLOW_EVICTED);
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
    if (tracker->table.used >= tracker->tcp.limits.flows || tracker->closed > tracker->tcp.limits.closed)
        (void)evict(tracker);
    struct flow *flow = flow_table_add(&tracker->table, hash);
    if (flow == NULL && evict(tracker))
        flow = flow_table_add(&tracker->table, hash);
    return flow;
}

/* The policy of whoever receives what `sender` sends. */
static enum overlap_policy policy_for(const struct tracker_limits *limits, const struct flow *flow,
                                      enum direction sender)
{
    const struct address *receiver = &flow->address[direction_reverse(sender)];
    for (size_t i = 0; i < limits->host_count; i++) {
        if (address_equal(&limits->hosts[i].address, receiver))
            return limits->hosts[i].policy;
    }
    return limits->overlap;
}

static enum flow_list list_for(const struct segment *segment)
{
    if (segment->transport == TRANSPORT_UDP)
        return LIST_DATAGRAMS;
    return segment->syn && !segment->ack ? LIST_OPENING : LIST_OPEN;
}

static struct flow *open_flow(struct tracker *tracker, uint64_t hash, const struct segment *segment,
                              struct moment moment)
{
    struct flow *flow = add_flow(tracker, hash);
    tracker->tcp.counts.evicted += flow == NULL; /* no memory for it: its packets are lost */
    if (flow == NULL)
        return NULL;
    enum direction sender = sender_opened(segment) ? DIRECTION_OUT : DIRECTION_IN;
    flow->address[sender] = segment->src;
    flow->port[sender] = segment->sport;
    flow->address[direction_reverse(sender)] = segment->dst;
    flow->port[direction_reverse(sender)] = segment->dport;
    flow->first = flow->last = moment;
    flow->state = FLOW_OPEN;
    flow->transport = (uint8_t)segment->transport;
    flow->protection = (uint8_t)segment->protection;
    flow->private->touched = moment.time_ns;
    flow->private->on = (uint8_t)list_for(segment);
    flow->private->only_syn = flow->private->on == LIST_OPENING;
    for (enum direction side = DIRECTION_OUT; side <= DIRECTION_IN; side++)
        flow->private->half[side].policy = (uint8_t)policy_for(&tracker->tcp.limits, flow, side);
    append(&tracker->lists[flow->private->on], flow);
    note_due(tracker, flow);
    tracker->tcp.counts.flows++;
    uint64_t open = tracker->table.used - tracker->closed - tracker->silent;
    if (open > tracker->tcp.counts.flows_most)
        tracker->tcp.counts.flows_most = open;
    tracker->tcp.counts.datagram_flows += flow->transport == TRANSPORT_UDP;
    if (tracker->tcp.events.opened != NULL)
        tracker->tcp.events.opened(tracker->tcp.events.context, flow);
    return flow;
}

/* Is a SYN or SYN-ACK not that of this flow, but of another one between the same ports? */
static bool is_other_syn(const struct flow *flow, enum direction direction, const struct segment *segment)
{
    const struct half *half = &flow->private->half[direction];
    const struct half *other = &flow->private->half[direction_reverse(direction)];
    if (!segment->ack && direction == DIRECTION_IN && !flow->handshake)
        return true; /* a SYN-ACK in the name of the client came first, and named the wrong side the server */
    if (half->state == HALF_UNKNOWN)
        return is_closed(flow);
    if (segment->sequence + 1 == half->first)
        return false;
    if (!segment->ack || is_closed(flow) || segment->acknowledgement != other->first)
        return true;
    return half->scale == WINDOW_NO_SYN && half->offset > 0; /* bytes in the name of the server came first */
}

/* Does a side that said it was done send more, as if nothing had happened? Then its FIN or RST was forged, or the start
 * of another connection is not in the capture. */
static bool goes_on(const struct flow *flow, enum direction direction, const struct segment *segment)
{
    const struct half *half = &flow->private->half[direction];
    bool was_reset = is_closed(flow) && flow->state == FLOW_RESET;
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
    flow->protection_mixed = flow->protection_mixed || flow->protection != segment->protection;
    flow->packets[direction]++;
    flow->last = moment;
    if (flow->ttl[direction] == 0 && !segment->rst)
        flow->ttl[direction] = segment->ttl;
    tracker->tcp.counts.cut_segments += segment->payload.left < segment->payload_bytes;
}

/* A SYN of the opening side, or anything else? */
static void count_syn(struct tracker *tracker, struct flow *flow, enum direction direction,
                      const struct segment *segment)
{
    struct flow_private *private = flow->private;
    if (segment->syn && !segment->ack && direction == DIRECTION_OUT) {
        flow->handshake = true;
        private->syns = (uint16_t)(private->syns + (private->syns < UINT16_MAX));
        return;
    }
    private->only_syn = false;
    if (private->on == LIST_OPENING)
        put_on(tracker, flow, LIST_OPEN);
}

static void take_reset(struct tracker *tracker, struct flow *flow, enum direction direction,
                       const struct segment *segment)
{
    struct flow_private *private = flow->private;
    const struct half *half = &private->half[direction];
    if (direction == DIRECTION_IN && flow->handshake && half->state == HALF_UNKNOWN) {
        /* It lingers: Windows tries three times, half a second apart. */
        private->refused = true;
        refuse_reset(&tracker->tcp, flow, segment, flow->last);
        put_on(tracker, flow, LIST_CLOSING);
        return;
    }
    int64_t position = half->state == HALF_UNKNOWN ? 0 : tcp_position(half, segment->sequence);
    if (private->reset)
        return;
    if (!accept_reset(half, position)) {
        tracker->tcp.counts.unacceptable++;
        return;
    }
    private->reset = true;
    private->reset_acked = private->half[direction_reverse(direction)].acked;
    private->reset_direction = (uint8_t)direction;
    private->reset_offset = position > half->offset ? position : half->offset;
    put_on(tracker, flow, LIST_CLOSING);
}

/* The side in whose name an RST came sends data, or acknowledges more than before: the RST was forged. */
static bool lives_on(const struct flow_private *private, enum direction direction)
{
    return private->half[direction].offset > private->reset_offset ||
           private->half[direction_reverse(direction)].acked > private->reset_acked;
}

/* The flow's own packets may show that it is over, or that it is not. */
static void settle(struct tracker *tracker, struct flow *flow, enum direction direction)
{
    struct flow_private *private = flow->private;
    if (tcp_ended_and_acked(flow)) {
        close_as(tracker, flow, FLOW_CLOSED);
        return;
    }
    if (private->refused && direction == DIRECTION_IN) { /* answered after all: the RST was forged */
        private->refused = false;
        refuse_undo(flow);
        put_on(tracker, flow, LIST_OPEN);
    }
    if (private->reset && direction == private->reset_direction && lives_on(private, direction) && !tcp_ended(flow)) {
        private->reset = false;
        put_on(tracker, flow, LIST_OPEN);
    }
    if (private->on == LIST_OPEN && tcp_over(flow))
        put_on(tracker, flow, LIST_CLOSING);
}

static enum direction direction_of(const struct flow *flow, const struct segment *segment)
{
    return flow_is_out(flow, segment) ? DIRECTION_OUT : DIRECTION_IN;
}

/* Counts an answer to its SYN that the client drops: it changes nothing of the flow. */
static void refuse_answer(struct tracker *tracker, struct flow *flow, enum direction direction,
                          const struct segment *segment, struct moment moment)
{
    *(segment->payload_bytes > 0 ? &tracker->tcp.counts.unacceptable_data : &tracker->tcp.counts.unacceptable) += 1;
    flow->packets[direction]++;
    flow->last = moment;
}

static void take_tcp(struct tracker *tracker, struct flow *flow, uint64_t hash, const struct segment *segment,
                     struct moment moment)
{
    if (flow != NULL && starts_another(flow, direction_of(flow, segment), segment)) {
        forget(tracker, flow, FLOW_OPEN);
        flow = NULL;
    }
    if (flow == NULL && !is_late(tracker, hash, segment, moment.time_ns)) {
        late_remove(tracker->late, hash);
        flow = open_flow(tracker, hash, segment, moment);
    }
    if (flow == NULL || is_closed(flow))
        return;
    enum direction direction = direction_of(flow, segment);
    if (!accept_answer(flow, direction, segment)) {
        refuse_answer(tracker, flow, direction, segment, moment);
        return;
    }
    count(tracker, flow, direction, segment, moment);
    count_syn(tracker, flow, direction, segment);
    tracker->tcp.counts.urgent += segment->urg;
    touch(tracker, flow);
    tcp_segment(&tracker->tcp, flow, direction, segment, moment);
    if (segment->rst)
        take_reset(tracker, flow, direction, segment);
    else
        settle(tracker, flow, direction);
}

static void take_datagram(struct tracker *tracker, struct flow *flow, uint64_t hash, const struct segment *segment,
                          struct moment moment)
{
    if (flow == NULL)
        flow = open_flow(tracker, hash, segment, moment);
    if (flow == NULL)
        return;
    enum direction direction = direction_of(flow, segment);
    count(tracker, flow, direction, segment, moment);
    touch(tracker, flow);
    flow->bytes[direction] += segment->payload.left;
    flow->missing += segment->payload_bytes - segment->payload.left;
    flow->cut = segment->payload.left < segment->payload_bytes;
    if (tracker->tcp.events.datagram != NULL)
        tracker->tcp.events.datagram(tracker->tcp.events.context, flow, direction, segment->payload, moment);
}

static void take_segment(struct tracker *tracker, uint64_t hash, const struct segment *segment, struct moment moment)
{
    struct flow *flow = flow_table_find(&tracker->table, hash, segment);
    flow = still_there(tracker, flow, segment, moment.time_ns);
    if (segment->is_error) {
        *(flow == NULL ? &tracker->tcp.counts.icmp_unmatched : &tracker->tcp.counts.icmp_errors) += 1;
        refuse_error(&tracker->tcp, flow == NULL || is_closed(flow) ? NULL : flow, segment, moment);
    } else if (segment->transport == TRANSPORT_UDP) {
        take_datagram(tracker, flow, hash, segment, moment);
    } else {
        take_tcp(tracker, flow, hash, segment, moment);
    }
}

void tracker_segment(struct tracker *tracker, const struct segment *segment, struct moment moment)
{
    pass_time(tracker, elapsed_agree(&tracker->elapsed, moment.time_ns), moment);
    take_segment(tracker, hash_flow(&tracker->tcp.seed, segment), segment, moment);
}

/* Asks for what the segments need: first the places in the table, then the flows, then what the listener keeps of those
 * that get bytes or end, step by step. Few flows are at hand anyway. */
static void fetch_group(const struct tracker *tracker, const struct sighting *sightings, const uint64_t hashes[AHEAD],
                        size_t count)
{
    const struct flow *flows[AHEAD];
    if (tracker->table.used < FETCHED_FLOWS_MIN)
        return;
    for (size_t i = 0; i < count; i++)
        flow_table_fetch(&tracker->table, hashes[i]);
    for (size_t i = 0; i < count; i++)
        flows[i] = flow_table_fetch_flow(&tracker->table, hashes[i]);
    for (size_t i = 0; i < count; i++) {
        if (sightings[i].segment.payload_bytes == 0 && !sightings[i].segment.fin)
            flows[i] = NULL;
        if (flows[i] != NULL)
            __builtin_prefetch(flows[i]->user);
    }
    for (unsigned step = 0; tracker->tcp.events.fetch != NULL && step < FLOW_FETCH_STEPS; step++) {
        for (size_t i = 0; i < count; i++) {
            if (flows[i] != NULL && flows[i]->user != NULL)
                tracker->tcp.events.fetch(flows[i], step);
        }
    }
}

/* At most AHEAD of them. */
static void take_group(struct tracker *tracker, const struct sighting *sightings, size_t count)
{
    uint64_t hashes[AHEAD];
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_flow(&tracker->tcp.seed, &sightings[i].segment);
    fetch_group(tracker, sightings, hashes, count);
    for (size_t i = 0; i < count; i++) {
        struct moment moment = sightings[i].moment;
        int64_t agreed = elapsed_agree(&tracker->elapsed, moment.time_ns);
        pass_time(tracker, sightings[i].passed == INT64_MIN ? agreed : sightings[i].passed, moment);
        take_segment(tracker, hashes[i], &sightings[i].segment, moment);
    }
}

void tracker_segments(struct tracker *tracker, const struct sighting *sightings, size_t count)
{
    for (size_t done = 0; done < count; done += AHEAD)
        take_group(tracker, sightings + done, count - done < AHEAD ? count - done : AHEAD);
}

static int in_order_of_opening(const void *left, const void *right)
{
    const struct flow *const *one = left, *const *other = right;
    int64_t first = (*one)->first.packet, second = (*other)->first.packet;
    return (first > second) - (first < second);
}

/* Forgets the flows that are not closed in the order in which they were opened. None without memory to sort them. */
static void forget_open(struct tracker *tracker)
{
    size_t count = 0;
    struct flow **flows = malloc((tracker->table.used + 1) * sizeof(struct flow *));
    for (enum flow_list list = 0; flows != NULL && list < LIST_CLOSED; list++) {
        for (struct flow *flow = tracker->lists[list].first; flow != NULL; flow = flow->private->list.next)
            flows[count++] = flow;
    }
    if (count > 0)
        qsort(flows, count, sizeof(struct flow *), in_order_of_opening);
    for (size_t i = 0; i < count; i++)
        forget(tracker, flows[i], FLOW_OPEN);
    free(flows);
}

void tracker_finish(struct tracker *tracker)
{
    forget_open(tracker);
    for (enum flow_list list = 0; list < LIST_COUNT; list++) {
        while (tracker->lists[list].first != NULL)
            forget(tracker, tracker->lists[list].first, FLOW_OPEN);
    }
}

void tracker_free(struct tracker *tracker)
{
    if (tracker == NULL)
        return;
    struct flow_events silent = {0};
    tracker->tcp.events = silent;
    tracker_finish(tracker);
    flow_table_free(&tracker->table);
    pool_free(&tracker->tcp.pool);
    late_free(tracker->late);
    free(tracker);
}
