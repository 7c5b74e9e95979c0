/* tests/unit/test_capture_tcp_overlap.c: segments that contradict each other, by what the receiver makes of them; zero
 * windows, fast open, urgent data; holes that were never acknowledged. */
#include "capture/overlap.h"
#include "flow_fixture.h"

/* The older segment is "OOOO" at 10; both wait, since the byte at 0 comes last. */
enum { OLDER = 10, OLDER_LENGTH = 4 };

struct overlap_case {
    int start, length;              /* of the newer one, "NNN..." */
    const char *old_keeps;          /* what the receiver has at 10 to 13 when the older one wins */
    const char *new_wins;           /* and when the newer one does */
    const char *who[OVERLAP_COUNT]; /* "o" or "n" */
};

/* Rows after the paper named in overlap.c: windows, windows-nt5, first, last, bsd, linux, solaris. */
static const struct overlap_case CASES[] = {
    {8, 4, "OOOO", "NNOO", {"o", "n", "o", "n", "n", "n", "o"}},
    {8, 6, "OOOO", "NNNN", {"o", "n", "o", "n", "n", "n", "n"}},
    {8, 8, "OOOO", "NNNN", {"o", "n", "o", "n", "n", "n", "n"}},
    {10, 2, "OOOO", "NNOO", {"o", "o", "o", "n", "o", "o", "o"}},
    {10, 4, "OOOO", "NNNN", {"o", "o", "o", "n", "o", "o", "n"}},
    {10, 6, "OOOO", "NNNN", {"o", "o", "o", "n", "o", "n", "n"}},
    {11, 2, "OOOO", "ONNO", {"o", "o", "o", "n", "o", "o", "o"}},
    {12, 2, "OOOO", "OONN", {"o", "o", "o", "n", "o", "o", "o"}},
    {12, 4, "OOOO", "OONN", {"o", "o", "o", "n", "o", "o", "n"}},
};

struct stream {
    char bytes[64];
    size_t length;
    uint64_t conflicts;
};

static void stream_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                        struct moment moment)
{
    (void)flow;
    (void)direction;
    (void)moment;
    struct stream *stream = context;
    assert_true(bytes.left <= sizeof stream->bytes - stream->length);
    memcpy(stream->bytes + stream->length, bytes.at, bytes.left);
    stream->length += bytes.left;
}

static void stream_closed(void *context, struct flow *flow)
{
    ((struct stream *)context)->conflicts = flow->conflicts;
}

/* What the receiver of the two segments has, from offset 0 on. With `in_order`, the newer segment is the one that fills
 * the hole before the older one. */
static struct stream receive(const struct tracker_limits *limits, int start, int length, bool in_order)
{
    struct stream stream = {.length = 0};
    char newer[32];
    memset(newer, 'N', sizeof newer);
    newer[length] = '\0';
    struct flow_events events = {.context = &stream, .data = stream_data, .closed = stream_closed};
    struct tracker *tracker = tracker_new(limits, &events);
    assert_non_null(tracker);
    struct moment moment = {1, SECOND};
    struct segment segments[] = {
        segment_of(DIRECTION_OUT, "S", CLIENT - 1, 0, ""),
        segment_of(DIRECTION_OUT, "A", CLIENT + OLDER, SERVER, "OOOO"),
        segment_of(DIRECTION_OUT, "A", CLIENT + (in_order ? 0u : (uint32_t)start), SERVER, newer),
        segment_of(DIRECTION_OUT, "A", CLIENT, SERVER, "----------"),
    };
    for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++, moment.packet++) {
        if (i != 3 || !in_order)
            tracker_segment(tracker, &segments[i], moment);
    }
    tracker_finish(tracker);
    tracker_free(tracker);
    return stream;
}

static void overlaps_are_settled_as_the_receiver_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        for (int policy = 0; policy < OVERLAP_COUNT; policy++) {
            struct tracker_limits limits = tracker_limits_default();
            limits.overlap = (enum overlap_policy)policy;
            struct stream stream = receive(&limits, CASES[i].start, CASES[i].length, false);
            const char *expected = CASES[i].who[policy][0] == 'n' ? CASES[i].new_wins : CASES[i].old_keeps;
            assert_true(stream.length >= OLDER + OLDER_LENGTH);
            assert_memory_equal(stream.bytes + OLDER, expected, OLDER_LENGTH);
            assert_int_equal(stream.conflicts, CASES[i].start < 10 ? 2 : 1); /* "----" is one as well */
        }
    }
}

static void a_segment_in_order_meets_what_waits_by_the_same_rule(void **state)
{
    (void)state;
    struct tracker_limits limits = tracker_limits_default();
    struct stream stream = receive(&limits, 0, 12, true);
    assert_memory_equal(stream.bytes, "NNNNNNNNNNOOOO", 14);
    assert_int_equal(stream.conflicts, 1);
    limits.overlap = OVERLAP_BSD;
    stream = receive(&limits, 0, 12, true);
    assert_memory_equal(stream.bytes, "NNNNNNNNNNNNOO", 14);
}

static void a_known_host_has_its_own_policy(void **state)
{
    (void)state;
    const struct overlap_host hosts[] = {
        {{.bytes = {10, 0, 0, 1}, .version = 4}, OVERLAP_FIRST}, /* the sender */
        {{.bytes = {10, 0, 0, 2}, .version = 4}, OVERLAP_LAST},  /* the receiver */
    };
    struct tracker_limits limits = tracker_limits_default();
    limits.hosts = hosts;
    limits.host_count = 2;
    struct stream stream = receive(&limits, 11, 2, false);
    assert_memory_equal(stream.bytes + OLDER, "ONNO", 4);
    limits.host_count = 1;
    stream = receive(&limits, 11, 2, false);
    assert_memory_equal(stream.bytes + OLDER, "OOOO", 4);
}

static void policies_are_found_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < OVERLAP_COUNT; i++) {
        enum overlap_policy policy = OVERLAP_COUNT;
        assert_true(overlap_policy_find(overlap_policy_name((enum overlap_policy)i), &policy));
        assert_int_equal(policy, i);
    }
    enum overlap_policy policy;
    assert_false(overlap_policy_find("plan9", &policy));
    assert_int_equal(OVERLAP_WINDOWS, 0); /* what zeroed limits mean */
}

/* ---- holes ---- */

static void a_hole_that_the_receiver_has_is_the_captures(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    let_pass(play, CLIENT + 7, SERVER + 1);
    tracker_finish(play->tracker);
    assert_log(play, "gap out 3\nout def\nclosed open\n");
    assert_int_equal(play->last.gaps, 1);
    assert_int_equal(play->last.never_acknowledged, 0);
    play_free(play);
}

static void a_hole_that_the_receiver_never_had_is_counted_apart(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    out(play, "A", CLIENT + 7, SERVER + 1, "ghi");
    let_pass(play, CLIENT + 4, SERVER + 1); /* it asks for it again and again */
    in(play, "R", SERVER + 1, 0, "");
    tracker_finish(play->tracker);
    assert_log(play, "out abc\ngap out 3\nout ghi\nclosed reset\n");
    assert_int_equal(play->last.gaps, 1);
    assert_int_equal(play->last.never_acknowledged, 1);
    assert_int_equal(tracker_counts(play->tracker).never_acknowledged, 1);
    play_free(play);
}

static void without_the_receivers_packets_a_hole_is_taken_for_the_captures(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "A", CLIENT, SERVER, "abc");
    out(play, "A", CLIENT + 6, SERVER, "ghi");
    tracker_finish(play->tracker);
    assert_int_equal(play->last.gaps, 1);
    assert_int_equal(play->last.never_acknowledged, 0);
    play_free(play);
}

static void what_the_snapshot_length_cut_was_sent(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    struct segment cut = segment_of(DIRECTION_OUT, "A", CLIENT + 1, SERVER + 1, "first");
    cut.payload_bytes = 10;
    give(play, &cut);
    in(play, "A", SERVER + 1, CLIENT + 1, "");
    tracker_finish(play->tracker);
    assert_int_equal(play->last.gaps, 1);
    assert_int_equal(play->last.never_acknowledged, 0);
    play_free(play);
}

/* ---- windows, fast open, urgent data ---- */

static void a_probe_of_a_closed_window_is_delivered_once(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "full");
    in(play, "A", SERVER + 1, CLIENT + 5, ""); /* window 0 */
    for (int i = 0; i < 3; i++) {
        play->moment.time_ns += 5 * SECOND;
        out(play, "A", CLIENT + 5, SERVER + 1, "n"); /* the next byte, which does not fit */
        in(play, "A", SERVER + 1, CLIENT + 5, "");
    }
    out(play, "A", CLIENT + 5, SERVER + 1, "next"); /* the window is open */
    in(play, "A", SERVER + 1, CLIENT + 9, "");
    tracker_finish(play->tracker);
    assert_log(play, "out full\nout n\nout ext\nclosed open\n");
    assert_int_equal(play->last.conflicts, 0);
    assert_int_equal(play->last.gaps, 0);
    play_free(play);
}

static void fast_open_delivers_the_request_and_a_refused_one_once(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "GET /");
    in(play, "SA", SERVER, CLIENT + 6, "");
    in(play, "A", SERVER + 1, CLIENT + 6, "ok"); /* before the handshake is complete */
    out(play, "A", CLIENT + 6, SERVER + 3, " more");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout GET /\nin ok\nout  more\nclosed open\n");
    assert_int_equal(play->last.retransmitted, 0);
    play_free(play);
}

static void urgent_data_stays_in_its_place(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "ab");
    struct segment urgent = segment_of(DIRECTION_OUT, "A", CLIENT + 3, SERVER + 1, "!");
    urgent.urg = true;
    give(play, &urgent);
    out(play, "A", CLIENT + 4, SERVER + 1, "cd");
    assert_log(play, "out ab\nout !\nout cd\n");
    assert_int_equal(tracker_counts(play->tracker).urgent, 1);
    play_free(play);
}

static void a_half_open_connection_is_reset_by_the_side_that_forgot_it(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "hello?");
    in(play, "R", SERVER + 1, 0, "");
    out(play, "FA", CLIENT + 7, SERVER + 1, "");
    in(play, "R", SERVER + 1, 0, "");
    tracker_finish(play->tracker);
    assert_log(play, "out hello?\nended out\nclosed reset\n");
    play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlaps_are_settled_as_the_receiver_does),
        cmocka_unit_test(a_segment_in_order_meets_what_waits_by_the_same_rule),
        cmocka_unit_test(a_known_host_has_its_own_policy),
        cmocka_unit_test(policies_are_found_by_name),
        cmocka_unit_test(a_hole_that_the_receiver_has_is_the_captures),
        cmocka_unit_test(a_hole_that_the_receiver_never_had_is_counted_apart),
        cmocka_unit_test(without_the_receivers_packets_a_hole_is_taken_for_the_captures),
        cmocka_unit_test(what_the_snapshot_length_cut_was_sent),
        cmocka_unit_test(a_probe_of_a_closed_window_is_delivered_once),
        cmocka_unit_test(fast_open_delivers_the_request_and_a_refused_one_once),
        cmocka_unit_test(urgent_data_stays_in_its_place),
        cmocka_unit_test(a_half_open_connection_is_reset_by_the_side_that_forgot_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
