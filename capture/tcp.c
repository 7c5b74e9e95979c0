/* capture/tcp.c: TCP reassembly. See tcp.h. */
#include "capture/tcp.h"

#include "capture/accept.h"

/* A sequence number up to this far behind is old; anything else is ahead. No window can be larger (RFC 7323, 2.3). */
#define MAX_WINDOW (INT64_C(1) << 30)
/* When a stream is joined in the middle, a hole up to this size after the acknowledged position is waited for, since
 * that much is often in flight; a larger one says that the position was wrong. */
#define JOIN_WINDOW 65536
/* A hole that the receiver acknowledged was lost by the capture, unless the capture has packets out of order and the
 * ACK came before the data. These give such data time to come: segments of the flow, but no less than the time by which the
 * clocks of two taps may differ, or so much capture time. */
#define GAP_DELAY_SEGMENTS 16
#define GAP_DELAY_SKEW_NS INT64_C(100000000)
#define GAP_DELAY_NS INT64_C(1000000000)
/* Pieces waiting in one direction: bounds the time to find a place among them. 4 MiB in segments of 1,460 are 2,873. */
#define MAX_WAITING_PIECES 4096

/* A part of a segment on its way into the stream. */
struct piece {
    int64_t offset;
    uint32_t span;       /* bytes on the wire */
    struct cursor bytes; /* the first of them: those that were captured */
    struct moment moment;
};

static uint32_t waiting_span(const struct waiting *waiting)
{
    return waiting->length + waiting->missing;
}

static uint32_t waiting_charge(const struct waiting *waiting)
{
    return (uint32_t)sizeof *waiting + waiting->length;
}

/* Cuts the first `span` bytes off a piece, or all of it. */
static struct piece piece_take(struct piece *piece, int64_t span)
{
    struct piece taken = *piece;
    taken.span = span < piece->span ? (uint32_t)span : piece->span;
    if (taken.bytes.left > taken.span)
        taken.bytes.left = taken.span;
    struct cursor rest = piece->bytes;
    if (!cursor_skip(&rest, taken.bytes.left))
        rest = CURSOR_EMPTY;
    piece->bytes = rest;
    piece->offset += taken.span;
    piece->span -= taken.span;
    return taken;
}

int64_t tcp_position(const struct half *half, uint32_t sequence)
{
    uint32_t ahead = sequence - half->next;
    int64_t distance = ahead >= (uint32_t)(0 - (uint32_t)MAX_WINDOW) ? (int64_t)ahead - (INT64_C(1) << 32) : ahead;
    return half->offset + distance;
}

/* ---- disorder ---- */

static struct waiting *first_waiting(const struct half *half)
{
    return half->disorder == NULL ? NULL : half->disorder->head;
}

static bool is_marked(const struct half *half)
{
    return half->disorder != NULL && half->disorder->marked;
}

static void unmark(struct half *half)
{
    if (half->disorder != NULL)
        half->disorder->marked = false;
}

/* That of the direction, a new one when it has none; NULL when out of memory. */
static struct disorder *disorder_of(struct tcp *tcp, struct flow *flow, enum direction direction)
{
    struct half *half = &flow->private->half[direction];
    if (half->disorder == NULL)
        half->disorder = pool_zero(&tcp->pool, sizeof *half->disorder);
    if (half->disorder != NULL) {
        half->disorder->flow = flow;
        half->disorder->direction = (uint8_t)direction;
    }
    return half->disorder;
}

/* Gives it back when nothing of it is needed. */
static void disorder_settle(struct tcp *tcp, struct half *half)
{
    const struct disorder *disorder = half->disorder;
    if (disorder == NULL || disorder->head != NULL || disorder->marked || disorder->fin_waits)
        return;
    pool_give(&tcp->pool, half->disorder, sizeof *half->disorder);
    half->disorder = NULL;
}

static void waiter_add(struct tcp *tcp, struct disorder *disorder)
{
    disorder->previous = tcp->waiter_last;
    disorder->next = NULL;
    *(tcp->waiter_last == NULL ? &tcp->waiter_first : &tcp->waiter_last->next) = disorder;
    tcp->waiter_last = disorder;
}

static void waiter_remove(struct tcp *tcp, struct disorder *disorder)
{
    *(disorder->previous == NULL ? &tcp->waiter_first : &disorder->previous->next) = disorder->next;
    *(disorder->next == NULL ? &tcp->waiter_last : &disorder->next->previous) = disorder->previous;
}

/* ---- what was delivered ---- */

static void remember(struct half *half, uint64_t length, uint16_t sum)
{
    if (length > UINT16_MAX) {
        memset(half->recent, 0, sizeof half->recent);
        return;
    }
    half->recent[half->recent_at] = (struct recent){.length = (uint16_t)length, .sum = sum};
    half->recent_at = (uint8_t)((half->recent_at + 1u) % RECENT_SEGMENTS);
}

static uint16_t sum_of(const struct tcp *tcp, struct cursor bytes)
{
    return (uint16_t)(hash_bytes(&tcp->seed, bytes) | 1u);
}

/* Compares the old bytes of a segment with those delivered. Keeping delivered bytes would cost a copy of all traffic
 * and kilobytes a flow; so a checksum of each of the last segments is kept (4 bytes, 8 of them for each direction), and
 * compared where the retransmission covers the segment whole. That finds a segment sent again as it was or joined with
 * others. One that is cut at other places passes unnoticed; the delivered bytes are the first copy either way. */
static bool compare_delivered(const struct tcp *tcp, const struct half *half, uint32_t sequence, struct cursor bytes)
{
    uint32_t start = half->next;
    for (size_t i = 1; i <= RECENT_SEGMENTS; i++) {
        const struct recent *recent = &half->recent[(half->recent_at + RECENT_SEGMENTS - i) % RECENT_SEGMENTS];
        struct cursor again;
        start -= recent->length;
        if (recent->sum != 0 && cursor_slice(bytes, start - sequence, recent->length, &again) &&
            sum_of(tcp, again) != recent->sum)
            return true;
    }
    return false;
}

/* ---- what leaves ---- */

static void advance(struct half *half, uint64_t bytes)
{
    half->offset += (int64_t)bytes;
    half->next += (uint32_t)bytes;
    if (is_marked(half) && half->offset >= half->disorder->due)
        unmark(half);
}

/* Was a hole up to `end` never acknowledged, though the receiver was heard? */
static bool never_acknowledged(const struct flow *flow, enum direction direction, int64_t end)
{
    return flow->packets[direction_reverse(direction)] > 0 && flow->private->half[direction].acked < end;
}

/* Why a hole is given up. */
enum reason {
    REASON_SETTLED, /* the receiver has it, or nothing will come that fills it */
    REASON_CUT,     /* it was sent, and the snapshot length cut it off */
    REASON_BUDGET   /* memory: an acknowledgement may still come */
};

static void emit_gap(struct tcp *tcp, struct flow *flow, enum direction direction, int64_t end, struct moment moment,
                     enum reason reason)
{
    struct half *half = &flow->private->half[direction];
    uint64_t bytes = (uint64_t)(end - half->offset);
    bool continued = half->gap_before;
    flow->gaps += !continued;
    tcp->counts.gaps += !continued;
    if (!continued && reason == REASON_SETTLED && never_acknowledged(flow, direction, end)) {
        flow->never_acknowledged++;
        tcp->counts.never_acknowledged++;
    }
    flow->missing += bytes;
    tcp->counts.missing += bytes;
    remember(half, bytes, 0);
    advance(half, bytes);
    half->gap_before = true;
    half->state = HALF_KNOWN;
    if (tcp->events.gap != NULL)
        tcp->events.gap(tcp->events.context, flow, direction, bytes, moment);
}

/* The piece starts at the offset. */
static void deliver(struct tcp *tcp, struct flow *flow, enum direction direction, struct piece piece)
{
    struct half *half = &flow->private->half[direction];
    if (piece.bytes.left > 0) {
        remember(half, piece.bytes.left, sum_of(tcp, piece.bytes));
        flow->bytes[direction] += piece.bytes.left;
        advance(half, piece.bytes.left);
        half->gap_before = false;
        if (tcp->events.data != NULL)
            tcp->events.data(tcp->events.context, flow, direction, piece.bytes, piece.moment);
    }
    if (piece.bytes.left < piece.span)
        emit_gap(tcp, flow, direction, piece.offset + piece.span, piece.moment, REASON_CUT);
}

static void check_end(struct tcp *tcp, struct flow *flow, enum direction direction)
{
    struct half *half = &flow->private->half[direction];
    if (!half->fin || half->ended || half->offset < half->fin_offset)
        return;
    half->ended = true;
    struct moment moment = flow->last;
    if (half->disorder != NULL && half->disorder->fin_waits) {
        moment = half->disorder->fin_moment;
        half->disorder->fin_waits = false;
    }
    if (tcp->events.ended != NULL)
        tcp->events.ended(tcp->events.context, flow, direction, moment);
}

/* ---- what waits ---- */

/* Delivers the first waiting piece, which starts at the offset, and frees it. */
static void deliver_head(struct tcp *tcp, struct flow *flow, enum direction direction)
{
    struct disorder *disorder = flow->private->half[direction].disorder;
    struct waiting *head = disorder->head;
    disorder->head = head->next;
    *(head->next == NULL ? &disorder->tail : &head->next->previous) = NULL;
    flow->private->waiting_bytes -= waiting_charge(head);
    tcp->waiting_bytes -= waiting_charge(head);
    if (--disorder->waiting_count == 0)
        waiter_remove(tcp, disorder);
    deliver(tcp, flow, direction,
            (struct piece){head->offset, waiting_span(head), cursor_of(head->bytes, head->length), head->moment});
    pool_give(&tcp->pool, head, sizeof *head + head->length);
}

static void deliver_ready(struct tcp *tcp, struct flow *flow, enum direction direction)
{
    struct half *half = &flow->private->half[direction];
    while (first_waiting(half) != NULL && first_waiting(half)->offset == half->offset)
        deliver_head(tcp, flow, direction);
}

/* The hole before the first waiting piece becomes a gap. */
static void give_up_hole(struct tcp *tcp, struct flow *flow, enum direction direction, enum reason reason)
{
    const struct waiting *head = first_waiting(&flow->private->half[direction]);
    if (head == NULL)
        return;
    emit_gap(tcp, flow, direction, head->offset, head->moment, reason);
    deliver_ready(tcp, flow, direction);
}

/* Puts a copy of the piece behind `after` (NULL: first). */
static MUST_USE bool wait_insert(struct tcp *tcp, struct disorder *disorder, struct waiting *after, struct piece piece)
{
    struct waiting *waiting = pool_take(&tcp->pool, sizeof *waiting + piece.bytes.left);
    if (waiting == NULL)
        return false;
    waiting->offset = piece.offset;
    waiting->length = (uint32_t)piece.bytes.left;
    waiting->missing = piece.span - waiting->length;
    waiting->moment = piece.moment;
    if (piece.bytes.left > 0)
        memcpy(waiting->bytes, piece.bytes.at, piece.bytes.left);
    waiting->previous = after;
    waiting->next = after == NULL ? disorder->head : after->next;
    *(after == NULL ? &disorder->head : &after->next) = waiting;
    *(waiting->next == NULL ? &disorder->tail : &waiting->next->previous) = waiting;
    disorder->flow->private->waiting_bytes += waiting_charge(waiting);
    tcp->waiting_bytes += waiting_charge(waiting);
    if (disorder->waiting_count++ == 0)
        waiter_add(tcp, disorder);
    return true;
}

/* ---- what arrives ---- */

/* A segment, and what became of it. */
struct arrival {
    struct extent extent; /* of the segment */
    bool news;            /* it brought bytes that were not there */
    bool early;           /* some of them had to wait */
    bool conflict;        /* it contradicts bytes that were there */
};

/* Lays bytes of the segment over what waits, `from` bytes into it. Where they differ, the receiver's policy says which
 * ones stay. */
static void overlay(const struct half *half, struct waiting *waiting, uint32_t from, struct cursor bytes,
                    struct arrival *arrival)
{
    struct cursor there;
    if (from >= waiting->length ||
        !cursor_slice(cursor_of(waiting->bytes, waiting->length), from, waiting->length - from, &there))
        return;
    size_t length = bytes.left < there.left ? bytes.left : there.left;
    if (length == 0 || memcmp(bytes.at, there.at, length) == 0)
        return;
    arrival->conflict = true;
    struct extent older = {waiting->offset, waiting->offset + waiting_span(waiting)};
    if (overlap_newer_wins(half->policy, arrival->extent, older))
        memcpy(waiting->bytes + from, bytes.at, length);
}

/* The piece starts at the offset. */
static void take_in_order(struct tcp *tcp, struct flow *flow, enum direction direction, struct piece piece,
                          struct arrival *arrival)
{
    struct half *half = &flow->private->half[direction];
    while (piece.span > 0) {
        struct waiting *head = first_waiting(half);
        int64_t room = head == NULL ? piece.span : head->offset - half->offset;
        struct piece fresh = piece_take(&piece, room);
        if (fresh.span > 0) {
            arrival->news = true;
            deliver(tcp, flow, direction, fresh);
        }
        if (piece.span == 0)
            break;
        struct piece known = piece_take(&piece, waiting_span(head));
        overlay(half, head, 0, known.bytes, arrival);
        deliver_head(tcp, flow, direction);
    }
    deliver_ready(tcp, flow, direction);
}

/* The last waiting piece that starts at or before `offset`; most often the last of all. */
static struct waiting *waiting_before(const struct disorder *disorder, int64_t offset)
{
    if (disorder->head == NULL || disorder->head->offset > offset)
        return NULL;
    struct waiting *waiting = disorder->tail;
    while (waiting->offset > offset)
        waiting = waiting->previous;
    return waiting;
}

int64_t tcp_reached(const struct half *half)
{
    const struct waiting *last = half->disorder == NULL ? NULL : half->disorder->tail;
    return last == NULL ? half->offset : last->offset + waiting_span(last);
}

/* The piece starts behind the offset: what of it is not there yet waits. False when memory is short; *piece is then
 * what could not be kept. */
static MUST_USE bool take_early(struct tcp *tcp, struct flow *flow, enum direction direction, struct piece *piece,
                                struct arrival *arrival)
{
    const struct half *half = &flow->private->half[direction];
    struct disorder *disorder = disorder_of(tcp, flow, direction);
    if (disorder == NULL)
        return false;
    struct waiting *after = waiting_before(disorder, piece->offset);
    while (piece->span > 0) {
        int64_t end = after == NULL ? piece->offset : after->offset + waiting_span(after);
        if (after != NULL && end > piece->offset) {
            uint32_t from = (uint32_t)(piece->offset - after->offset);
            struct piece known = piece_take(piece, end - piece->offset);
            overlay(half, after, from, known.bytes, arrival);
        }
        struct waiting *next = after == NULL ? disorder->head : after->next;
        struct piece rest = *piece;
        struct piece fresh = piece_take(&rest, next == NULL ? piece->span : next->offset - piece->offset);
        if (fresh.span > 0) {
            if (!wait_insert(tcp, disorder, after, fresh))
                return false;
            arrival->news = arrival->early = true;
        }
        *piece = rest;
        after = next;
    }
    return true;
}

static void keep_budgets(struct tcp *tcp, struct flow *flow, enum direction direction)
{
    const struct disorder *disorder = flow->private->half[direction].disorder;
    while (disorder->head != NULL &&
           (flow->private->waiting_bytes > tcp->limits.waiting_bytes || disorder->waiting_count > MAX_WAITING_PIECES)) {
        if (disorder->waiting_count > MAX_WAITING_PIECES)
            limit_hit(&tcp->counts.limits, LIMIT_waiting_pieces);
        tcp->counts.budget_gaps++;
        give_up_hole(tcp, flow, direction, REASON_BUDGET);
    }
    while (tcp->waiting_bytes > tcp->limits.waiting_total && tcp->waiter_first != NULL) {
        const struct disorder *victim = tcp->waiter_first;
        tcp->counts.budget_gaps++;
        give_up_hole(tcp, victim->flow, victim->direction, REASON_BUDGET);
        check_end(tcp, victim->flow, victim->direction);
    }
}

/* Memory is short: what waits is delivered now, and then the piece. */
static void take_without_waiting(struct tcp *tcp, struct flow *flow, enum direction direction, struct piece piece,
                                 struct arrival *arrival)
{
    struct half *half = &flow->private->half[direction];
    while (first_waiting(half) != NULL && first_waiting(half)->offset <= piece.offset)
        give_up_hole(tcp, flow, direction, REASON_BUDGET);
    tcp->counts.budget_gaps++;
    if (half->offset < piece.offset)
        emit_gap(tcp, flow, direction, piece.offset, piece.moment, REASON_BUDGET);
    take_in_order(tcp, flow, direction, piece, arrival);
}

/* Was the FIN reached, or acknowledged? */
static bool fin_is_sure(const struct half *half)
{
    return half->ended || half->acked > half->fin_offset;
}

/* The sender goes on behind a FIN that is ahead of the data: it was forged. */
static void withdraw_fin(struct half *half)
{
    half->fin = false;
    if (half->disorder != NULL)
        half->disorder->fin_waits = false;
}

static void take(struct tcp *tcp, struct flow *flow, enum direction direction, struct piece piece, uint32_t sequence)
{
    struct half *half = &flow->private->half[direction];
    if (piece.span == 1 && piece.offset == half->offset - 1)
        return; /* keep-alive: the byte before the next, often made up (RFC 9293, 3.8.4) */
    if (piece.offset > half->offset && !accept_position(half, piece.offset)) {
        tcp->counts.unacceptable_data++;
        return;
    }
    if (half->fin && piece.offset + piece.span > half->fin_offset && !fin_is_sure(half))
        withdraw_fin(half);
    if (half->fin && piece.offset + piece.span > half->fin_offset)
        piece = piece_take(&piece, half->fin_offset > piece.offset ? half->fin_offset - piece.offset : 0);
    struct arrival arrival = {.extent = {piece.offset, piece.offset + piece.span}};
    if (piece.offset < half->offset) {
        struct piece old = piece_take(&piece, half->offset - piece.offset);
        arrival.conflict = compare_delivered(tcp, half, sequence, old.bytes);
    }
    if (piece.span > 0 && piece.offset == half->offset)
        take_in_order(tcp, flow, direction, piece, &arrival);
    else if (piece.span > 0 && !take_early(tcp, flow, direction, &piece, &arrival))
        take_without_waiting(tcp, flow, direction, piece, &arrival);
    flow->retransmitted += !arrival.news;
    flow->out_of_order += arrival.early;
    flow->conflicts += arrival.conflict;
    tcp->counts.conflicts += arrival.conflict;
    if (arrival.early)
        keep_budgets(tcp, flow, direction);
}

/* ---- where a stream starts ---- */

static void start_at(struct half *half, uint32_t sequence, enum half_state state)
{
    int64_t moved = (int64_t)(int32_t)(half->next - sequence);
    if (half->state == HALF_GUESSED) /* what the other side acknowledged and allowed stays where it is */
        half->acked += moved;
    if (half->allowed != 0)
        half->allowed = half->allowed + moved > 0 ? half->allowed + moved : 0;
    half->first = half->next = sequence;
    half->state = (uint8_t)state;
    unmark(half);
    if (half->acked < 0)
        half->acked = 0;
}

/* Is a single byte, which the stream is joined by, a keep-alive's? It is made up, most often zero (RFC 9293, section
 * 3.8.4), and nothing that an application pushed. */
static bool may_be_keep_alive(const struct segment *segment)
{
    uint8_t byte = 0;
    struct cursor payload = segment->payload;
    if (segment->payload_bytes != 1 || segment->fin || segment->psh)
        return false;
    return !cursor_u8(&payload, &byte) || byte == 0;
}

/* The side sends its first segment, or its first one with data: settles where its stream starts. */
static void join(struct half *half, const struct segment *segment)
{
    if (half->state == HALF_KNOWN || segment->rst)
        return;
    if (segment->syn) {
        half->scale = segment->scale;
        start_at(half, segment->sequence + 1, HALF_KNOWN);
        return;
    }
    bool brings = segment->payload_bytes > 0 || segment->fin;
    if (half->state == HALF_UNKNOWN) {
        start_at(half, segment->sequence + may_be_keep_alive(segment), brings ? HALF_KNOWN : HALF_GUESSED);
        return;
    }
    if (!brings)
        return;
    int64_t ahead = tcp_position(half, segment->sequence);
    bool keep_alive = ahead == -1 && segment->payload_bytes == 1;
    /* One byte ahead: what was seen before was a keep-alive without its byte. */
    bool elsewhere = (ahead < 0 && !keep_alive) || ahead == 1 || ahead > JOIN_WINDOW;
    if (elsewhere && half->offset == 0)
        start_at(half, segment->sequence, HALF_KNOWN);
    half->state = HALF_KNOWN;
}

/* ---- what the receiver says ---- */

/* The receiver's first ACK says where the stream starts: it knows which one of two SYN-ACKs it took. */
static bool started_elsewhere(const struct half *half, int64_t position)
{
    return half->state == HALF_KNOWN && half->offset == 0 && half->disorder == NULL && !half->fin &&
           (position < 0 || position > JOIN_WINDOW);
}

static void acknowledge(struct half *half, uint32_t acknowledgement)
{
    if (half->state == HALF_UNKNOWN) {
        start_at(half, acknowledgement, HALF_GUESSED);
        return;
    }
    int64_t position = tcp_position(half, acknowledgement);
    if (position - half->offset > MAX_WINDOW)
        return;
    if (half->allowed == 0 && started_elsewhere(half, position)) {
        start_at(half, acknowledgement, HALF_GUESSED);
        return;
    }
    /* The latest counts, not the highest: one forged ACK must not turn all that follows into a gap. */
    half->acked = position;
    if (!is_marked(half))
        return;
    if (position < half->disorder->due)
        half->disorder->due = position;
    if (half->disorder->due <= half->offset)
        unmark(half);
}

/* The end of what certainly was sent and is not here: acknowledged bytes behind the offset. A single byte with nothing
 * behind it is taken for a FIN that the capture lost. */
static int64_t lost_until(const struct half *half)
{
    int64_t end = half->fin && half->acked > half->fin_offset ? half->fin_offset : half->acked;
    if (!half->fin && first_waiting(half) == NULL && end == half->offset + 1)
        return half->offset;
    return end;
}

static bool delay_passed(const struct disorder *disorder, struct moment moment)
{
    uint32_t packets = (uint32_t)(disorder->flow->packets[0] + disorder->flow->packets[1]);
    int64_t time = moment.time_ns - disorder->mark_time;
    return time >= GAP_DELAY_NS ||
           (time >= GAP_DELAY_SKEW_NS && packets - disorder->mark_packets >= GAP_DELAY_SEGMENTS);
}

/* All holes before `due` become gaps. */
static void give_up_until(struct tcp *tcp, struct flow *flow, enum direction direction, int64_t due,
                          struct moment moment)
{
    struct half *half = &flow->private->half[direction];
    while (half->offset < due) {
        const struct waiting *head = first_waiting(half);
        bool reached = head != NULL && head->offset <= due;
        emit_gap(tcp, flow, direction, reached ? head->offset : due, reached ? head->moment : moment, REASON_SETTLED);
        deliver_ready(tcp, flow, direction);
    }
    check_end(tcp, flow, direction);
}

static void check_holes(struct tcp *tcp, struct flow *flow, enum direction direction, struct moment moment)
{
    struct half *half = &flow->private->half[direction];
    if (half->acked <= half->offset || half->ended)
        return;
    if (is_marked(half) && delay_passed(half->disorder, moment))
        give_up_until(tcp, flow, direction, half->disorder->due, moment);
    int64_t lost = lost_until(half);
    if (is_marked(half) || lost <= half->offset)
        return;
    struct disorder *disorder = disorder_of(tcp, flow, direction);
    if (disorder == NULL)
        return; /* the next segment tries again */
    disorder->marked = true;
    disorder->due = lost;
    disorder->mark_packets = (uint32_t)(flow->packets[0] + flow->packets[1]);
    disorder->mark_time = moment.time_ns;
}

/* ---- the connection ---- */

/* The first FIN counts, unless bytes behind it are there already. One that leaves a hole before it must be within the
 * receiver's window (RFC 9293, section 3.10.7.4), and gives way to one that leaves less. */
static void note_fin(struct tcp *tcp, struct flow *flow, enum direction direction, int64_t offset, struct moment moment)
{
    struct half *half = &flow->private->half[direction];
    int64_t reached = tcp_reached(half);
    if (offset < reached || (half->fin && (fin_is_sure(half) || offset >= half->fin_offset)))
        return;
    if (offset > reached && !accept_position(half, offset)) {
        tcp->counts.unacceptable++;
        return;
    }
    withdraw_fin(half);
    half->fin = true;
    half->fin_offset = offset;
    if (offset == half->offset)
        return;
    struct disorder *disorder = disorder_of(tcp, flow, direction);
    if (disorder == NULL)
        return; /* its end is told with the moment of the last packet then */
    disorder->fin_waits = true;
    disorder->fin_moment = moment;
}

void tcp_segment(struct tcp *tcp, struct flow *flow, enum direction direction, const struct segment *segment,
                 struct moment moment)
{
    struct half *half = &flow->private->half[direction];
    struct half *other = &flow->private->half[direction_reverse(direction)];
    join(half, segment);
    if (segment->ack && !segment->rst) {
        acknowledge(other, segment->acknowledgement);
        accept_window(other, half, segment);
    }
    if (!segment->rst && half->state == HALF_KNOWN) {
        uint32_t sequence = segment->sequence + segment->syn;
        struct piece piece = {tcp_position(half, sequence), segment->payload_bytes, segment->payload, moment};
        int64_t end = piece.offset + piece.span;
        if (piece.span > 0)
            take(tcp, flow, direction, piece, sequence);
        if (segment->fin)
            note_fin(tcp, flow, direction, end, moment);
        check_end(tcp, flow, direction);
    }
    check_holes(tcp, flow, direction, moment);
    check_holes(tcp, flow, direction_reverse(direction), moment);
    disorder_settle(tcp, half);
    disorder_settle(tcp, other);
}

static void drain_half(struct tcp *tcp, struct flow *flow, enum direction direction)
{
    struct half *half = &flow->private->half[direction];
    while (first_waiting(half) != NULL)
        give_up_hole(tcp, flow, direction, REASON_SETTLED);
    int64_t end = half->fin ? half->fin_offset : lost_until(half);
    give_up_until(tcp, flow, direction, end, flow->last);
    unmark(half);
    disorder_settle(tcp, half);
}

void tcp_drain(struct tcp *tcp, struct flow *flow)
{
    drain_half(tcp, flow, DIRECTION_OUT);
    drain_half(tcp, flow, DIRECTION_IN);
}

bool tcp_ended(const struct flow *flow)
{
    return flow->private->half[DIRECTION_OUT].ended && flow->private->half[DIRECTION_IN].ended;
}

static bool half_over(const struct half *half)
{
    return half->fin && (half->ended || half->acked > half->fin_offset);
}

bool tcp_over(const struct flow *flow)
{
    return half_over(&flow->private->half[DIRECTION_OUT]) && half_over(&flow->private->half[DIRECTION_IN]);
}

bool tcp_ended_and_acked(const struct flow *flow)
{
    const struct half *out = &flow->private->half[DIRECTION_OUT], *in = &flow->private->half[DIRECTION_IN];
    return tcp_ended(flow) && out->acked > out->fin_offset && in->acked > in->fin_offset;
}

int64_t flow_delivered(const struct flow *flow, enum direction direction)
{
    return flow->private == NULL ? 0 : flow->private->half[direction].offset;
}

int64_t flow_acknowledged(const struct flow *flow, enum direction direction)
{
    if (flow->private == NULL)
        return 0;
    const struct half *half = &flow->private->half[direction];
    return half->fin && half->acked > half->fin_offset ? half->fin_offset : half->acked;
}
