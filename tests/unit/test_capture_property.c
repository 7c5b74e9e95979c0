/* tests/unit/test_capture_property.c: what holds for any TCP stream, however it is cut, lost, repeated and mixed up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/flow.h"

#define SECOND INT64_C(1000000000)

enum { SERVER = 9000 };

static struct segment segment_of(enum direction direction, const char *flags, uint32_t sequence, uint32_t ack,
                                 const char *payload)
{
    struct address client = {.bytes = {10, 0, 0, 1}, .version = 4}, server = {.bytes = {10, 0, 0, 2}, .version = 4};
    bool out = direction == DIRECTION_OUT;
    return (struct segment){
        .src = out ? client : server,
        .dst = out ? server : client,
        .sport = out ? 50000 : 80,
        .dport = out ? 80 : 50000,
        .sequence = sequence,
        .acknowledgement = ack,
        .syn = strchr(flags, 'S') != NULL,
        .fin = strchr(flags, 'F') != NULL,
        .rst = strchr(flags, 'R') != NULL,
        .ack = strchr(flags, 'A') != NULL,
        .scale = strchr(flags, 'S') != NULL ? WINDOW_PLAIN : WINDOW_NO_SYN,
        .window = 64240,
        .payload = cursor_of(payload, strlen(payload)),
        .payload_bytes = (uint32_t)strlen(payload),
    };
}

/* Up to 4 items have the same place, so that 2 places are less than the 16 segments that a gap waits. */
enum { STREAM_MAX = 6000, ITEMS_MAX = 4000, DISPLACED_MAX = 2 };

static uint64_t draw_state;

static uint32_t draw(uint32_t below)
{
    draw_state ^= draw_state << 13;
    draw_state ^= draw_state >> 7;
    draw_state ^= draw_state << 17;
    return (uint32_t)((draw_state >> 11) % below);
}

struct item {
    uint32_t key, start, length; /* key: place in the capture */
    uint8_t *copy;               /* NULL: an ACK of everything up to `start` */
};

struct world {
    struct item items[ITEMS_MAX];
    size_t count;
    uint32_t length;
    int16_t expected[STREAM_MAX]; /* the byte delivered, or -1 in a gap */
    uint32_t delivered;
    uint64_t unexpected_gap;
    bool ended, tight; /* tight: a small budget, where more may be lost */
};

static void world_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                       struct moment moment)
{
    (void)flow;
    (void)moment;
    struct world *world = context;
    assert_int_equal(direction, DIRECTION_OUT);
    assert_true(world->delivered + bytes.left <= world->length);
    for (size_t i = 0; i < bytes.left; i++)
        assert_int_equal(bytes.at[i], world->expected[world->delivered + i]);
    world->delivered += (uint32_t)bytes.left;
}

static void world_gap(void *context, struct flow *flow, enum direction direction, uint64_t bytes, struct moment moment)
{
    (void)flow;
    (void)direction;
    (void)moment;
    struct world *world = context;
    assert_true(world->delivered + bytes <= world->length);
    for (uint64_t i = 0; i < bytes; i++)
        world->unexpected_gap += world->expected[world->delivered + i] != -1;
    world->delivered += (uint32_t)bytes;
}

static void world_ended(void *context, struct flow *flow, enum direction direction, struct moment moment)
{
    (void)flow;
    (void)direction;
    (void)moment;
    struct world *world = context;
    assert_int_equal(world->delivered, world->length);
    world->ended = true;
}

static void world_add(struct world *world, uint32_t key, uint32_t start, uint32_t length, bool data)
{
    if (world->count == ITEMS_MAX)
        return;
    struct item *item = &world->items[world->count++];
    *item = (struct item){key + draw(DISPLACED_MAX + 1), start, length, data ? malloc(length + 1) : NULL};
    for (uint32_t i = 0; data && i < length; i++)
        item->copy[i] = (uint8_t)(draw(50) == 0 ? draw(256) : (start + i) * 7); /* some copies differ */
}

static int by_key(const void *a, const void *b)
{
    const struct item *first = a, *second = b;
    if (first->key != second->key)
        return first->key < second->key ? -1 : 1;
    return first->start < second->start ? -1 : first->start > second->start;
}

/* What is sent: segments, some never captured, some twice, some again cut elsewhere; and the receiver's ACKs. */
static void world_make(struct world *world)
{
    *world = (struct world){.length = draw(STREAM_MAX), .tight = draw(4) == 0};
    uint32_t key = 0, most = 1 + draw(120), previous = 0;
    for (uint32_t start = 0; start < world->length; key++) {
        uint32_t length = 1 + draw(most);
        if (length > world->length - start)
            length = world->length - start;
        if (draw(20) != 0)
            world_add(world, key, start, length, true);
        if (draw(10) == 0)
            world_add(world, key, start, length, true);
        if (draw(10) == 0) {
            uint32_t from = start - draw(start - previous + 1);
            world_add(world, key, from, 1 + draw(start + length - from), true);
        }
        previous = start;
        start += length;
        if (draw(3) == 0)
            world_add(world, key, start, 0, false);
    }
    qsort(world->items, world->count, sizeof world->items[0], by_key);
    for (uint32_t i = 0; i < world->length; i++)
        world->expected[i] = -1;
    for (size_t i = 0; i < world->count; i++) {
        for (uint32_t j = 0; world->items[i].copy != NULL && j < world->items[i].length; j++) {
            int16_t *byte = &world->expected[world->items[i].start + j];
            *byte = *byte == -1 ? world->items[i].copy[j] : *byte;
        }
    }
}

static void world_play(struct world *world)
{
    struct flow_events events = {.context = world, .data = world_data, .gap = world_gap, .ended = world_ended};
    struct tracker_limits limits = tracker_limits_default();
    limits.waiting_bytes = world->tight ? 400 : limits.waiting_bytes;
    struct tracker *tracker = tracker_new(&limits, &events);
    assert_non_null(tracker);
    uint32_t start = draw(2) == 0 ? draw(UINT32_MAX) : 0 - draw(STREAM_MAX);
    struct moment moment = {1, SECOND};
    struct segment segment = segment_of(DIRECTION_OUT, "S", start - 1, 0, "");
    tracker_segment(tracker, &segment, moment);
    for (size_t i = 0; i < world->count; i++) {
        const struct item *item = &world->items[i];
        moment.packet++;
        if (item->copy == NULL) {
            segment = segment_of(DIRECTION_IN, "A", SERVER, start + item->start, "");
        } else {
            segment = segment_of(DIRECTION_OUT, "A", start + item->start, SERVER, "");
            segment.payload = cursor_of(item->copy, item->length);
            segment.payload_bytes = item->length;
        }
        tracker_segment(tracker, &segment, moment);
    }
    segment = segment_of(DIRECTION_OUT, "FA", start + world->length, SERVER, "");
    tracker_segment(tracker, &segment, moment);
    tracker_finish(tracker);
    struct tracker_counts counts = tracker_counts(tracker);
    assert_true(world->ended);
    assert_int_equal(world->delivered, world->length);
    if (!world->tight) {
        assert_int_equal(world->unexpected_gap, 0);
        assert_int_equal(counts.budget_gaps, 0);
    }
    tracker_free(tracker);
}

static void any_stream_is_what_its_receiver_saw_and_gaps_are_what_was_lost(void **state)
{
    (void)state;
    draw_state = UINT64_C(88172645463325252);
    struct world *world = malloc(sizeof *world);
    assert_non_null(world);
    for (int round = 0; round < 400; round++) {
        world_make(world);
        world_play(world);
        for (size_t i = 0; i < world->count; i++)
            free(world->items[i].copy);
    }
    free(world);
}

/* ---- overlaps, by the receiver's policy ---- */

enum { PILE_MAX = 300, PILE_SEGMENTS = 60 };

/* Segments that all wait for the byte at 0, which comes last. */
struct pile {
    uint32_t start[PILE_SEGMENTS], length[PILE_SEGMENTS];
    uint8_t bytes[PILE_SEGMENTS][PILE_MAX];
    size_t count;
    enum overlap_policy policy;
    uint32_t delivered;
};

/* May `byte` be what the receiver has at `offset`? With one copy there is no choice; with first and last none. */
static bool pile_allows(const struct pile *pile, uint32_t offset, uint8_t byte)
{
    bool any = false;
    for (size_t i = 0; i < pile->count; i++) {
        size_t at = pile->policy == OVERLAP_LAST ? pile->count - 1 - i : i;
        if (offset < pile->start[at] || offset - pile->start[at] >= pile->length[at])
            continue;
        any = any || pile->bytes[at][offset - pile->start[at]] == byte;
        if (pile->policy == OVERLAP_FIRST || pile->policy == OVERLAP_LAST || pile->policy == OVERLAP_WINDOWS)
            break;
    }
    return any;
}

static void pile_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                      struct moment moment)
{
    (void)flow;
    (void)direction;
    (void)moment;
    struct pile *pile = context;
    for (size_t i = 0; i < bytes.left; i++, pile->delivered++)
        assert_true(pile->delivered == 0 || pile_allows(pile, pile->delivered, bytes.at[i]));
}

static void pile_gap(void *context, struct flow *flow, enum direction direction, uint64_t bytes, struct moment moment)
{
    (void)flow;
    (void)direction;
    (void)moment;
    struct pile *pile = context;
    for (uint64_t i = 0; i < bytes; i++, pile->delivered++) {
        for (size_t j = 0; j < pile->count; j++)
            assert_true(pile->delivered < pile->start[j] || pile->delivered - pile->start[j] >= pile->length[j]);
    }
}

static void pile_play(struct pile *pile)
{
    struct flow_events events = {.context = pile, .data = pile_data, .gap = pile_gap};
    struct tracker_limits limits = tracker_limits_default();
    limits.overlap = pile->policy;
    struct tracker *tracker = tracker_new(&limits, &events);
    assert_non_null(tracker);
    struct moment moment = {1, SECOND};
    uint32_t start = draw(UINT32_MAX);
    struct segment segment = segment_of(DIRECTION_OUT, "S", start - 1, 0, "");
    tracker_segment(tracker, &segment, moment);
    for (size_t i = 0; i <= pile->count; i++) {
        moment.packet++;
        bool last = i == pile->count;
        segment = segment_of(DIRECTION_OUT, "A", start + (last ? 0 : pile->start[i]), SERVER, "x");
        if (!last)
            segment.payload = cursor_of(pile->bytes[i], pile->length[i]);
        segment.payload_bytes = (uint32_t)segment.payload.left;
        tracker_segment(tracker, &segment, moment);
    }
    tracker_finish(tracker);
    tracker_free(tracker);
    uint32_t end = 1;
    for (size_t i = 0; i < pile->count; i++)
        end = pile->start[i] + pile->length[i] > end ? pile->start[i] + pile->length[i] : end;
    assert_int_equal(pile->delivered, end);
}

static void overlapping_segments_leave_what_the_policy_says(void **state)
{
    (void)state;
    draw_state = UINT64_C(362436069362436069);
    struct pile *pile = malloc(sizeof *pile);
    assert_non_null(pile);
    for (int round = 0; round < 700; round++) {
        pile->count = 1 + draw(PILE_SEGMENTS);
        pile->policy = (enum overlap_policy)(round % OVERLAP_COUNT);
        pile->delivered = 0;
        uint32_t most = 1 + draw(60);
        for (size_t i = 0; i < pile->count; i++) {
            pile->start[i] = 1 + draw(PILE_MAX - 61);
            pile->length[i] = 1 + draw(most);
            for (uint32_t j = 0; j < pile->length[i]; j++)
                pile->bytes[i][j] = (uint8_t)draw(256);
        }
        pile_play(pile);
    }
    free(pile);
}

/* Nonsense of all kinds: nothing may break, and every flow that opens closes. */
struct balance {
    int64_t opened, closed;
};

static void balance_opened(void *context, struct flow *flow)
{
    struct balance *balance = context;
    balance->opened++;
    flow->user = balance;
}

static void balance_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                         struct moment moment)
{
    (void)direction;
    (void)moment;
    assert_ptr_equal(flow->user, context);
    for (size_t i = 0; i < bytes.left; i++)
        assert_in_range(bytes.at[i], 'a', 'z');
}

static void balance_refused(void *context, const struct refusal *refusal)
{
    assert_true(refusal->flow == NULL || refusal->flow->user == context);
}

static void balance_closed(void *context, struct flow *flow)
{
    struct balance *balance = context;
    assert_ptr_equal(flow->user, context);
    flow->user = NULL; /* a further event of this flow would be noticed */
    balance->closed++;
}

static void random_segments_do_no_harm(void **state)
{
    (void)state;
    draw_state = 4711;
    struct balance balance = {0, 0};
    struct flow_events events = {.context = &balance,
                                 .opened = balance_opened,
                                 .data = balance_data,
                                 .closed = balance_closed,
                                 .datagram = balance_data,
                                 .refused = balance_refused};
    struct tracker_limits limits = {.flows = 8, .waiting_bytes = 2000, .waiting_total = 8000, .overlap = OVERLAP_LINUX};
    struct tracker *tracker = tracker_new(&limits, &events);
    assert_non_null(tracker);
    struct moment moment = {0, SECOND};
    static const char *const flags[] = {"", "A", "A", "A", "A", "S", "SA", "F", "FA", "R", "RA", "SF", "SRFA"};
    static const char payload[] = "abcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i < 200000; i++) {
        const char *flag = flags[draw(sizeof flags / sizeof flags[0])];
        uint32_t base = draw(50) == 0 ? draw(UINT32_MAX) : draw(3) * 1000;
        struct segment segment = segment_of(draw(2) ? DIRECTION_OUT : DIRECTION_IN, flag, base + draw(100),
                                            draw(3) * 1000 + draw(100), payload + draw(27));
        segment.payload_bytes += draw(10) == 0 ? draw(50) : 0;
        uint16_t shift = (uint16_t)draw(10);
        segment.sport = (uint16_t)(segment.sport + shift);
        segment.dport = (uint16_t)(segment.dport + shift);
        segment.transport = draw(10) == 0 ? TRANSPORT_UDP : TRANSPORT_TCP;
        segment.is_error = draw(20) == 0;
        segment.error = (struct icmp_error){(uint8_t)(3 + draw(2) * 8), (uint8_t)draw(5), segment.dst};
        moment.packet++;
        moment.time_ns += draw(1000) == 0 ? 3000 * SECOND : (int64_t)draw(100000000);
        tracker_segment(tracker, &segment, moment);
    }
    tracker_finish(tracker);
    assert_true(balance.opened > 1000);
    assert_int_equal(balance.opened, balance.closed);
    assert_int_equal(balance.opened, tracker_counts(tracker).flows);
    tracker_free(tracker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_stream_is_what_its_receiver_saw_and_gaps_are_what_was_lost),
        cmocka_unit_test(overlapping_segments_leave_what_the_policy_says),
        cmocka_unit_test(random_segments_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
