/* tests/unit/test_capture_tcp.c: flows and TCP reassembly, from segments given by hand. */
#include "flow_fixture.h"

static void request_and_reply_are_delivered_and_closed(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "hello");
    in(play, "A", SERVER + 1, CLIENT + 6, "world");
    out(play, "FA", CLIENT + 6, SERVER + 6, "");
    in(play, "FA", SERVER + 6, CLIENT + 7, "");
    assert_log(play, "out hello\nin world\nended out\nended in\n");
    out(play, "A", CLIENT + 7, SERVER + 7, "");
    assert_log(play, "closed closed\n");
    assert_true(play->last.handshake);
    assert_int_equal(play->last.packets[DIRECTION_OUT], 5);
    assert_int_equal(play->last.packets[DIRECTION_IN], 3);
    assert_int_equal(play->last.bytes[DIRECTION_OUT], 5);
    assert_int_equal(play->last.first.packet, 1);
    assert_int_equal(play->last.last.packet, 8);
    tracker_finish(play->tracker);
    assert_log(play, "");
    play_free(play);
}

static void late_packets_after_the_close_open_nothing(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "FA", CLIENT + 1, SERVER + 1, "bye");
    in(play, "FA", SERVER + 1, CLIENT + 5, "");
    out(play, "A", CLIENT + 5, SERVER + 2, "");
    assert_log(play, "out bye\nended out\nended in\nclosed closed\n");
    in(play, "FA", SERVER + 1, CLIENT + 5, "");
    out(play, "A", CLIENT + 5, SERVER + 2, "");
    out(play, "FA", CLIENT + 1, SERVER + 1, "bye");
    out(play, "S", CLIENT, 0, "");
    out(play, "R", CLIENT + 5, 0, "");
    tracker_finish(play->tracker);
    assert_log(play, "");
    assert_int_equal(tracker_counts(play->tracker).flows, 1);
    play_free(play);
}

static void ports_used_again_are_a_new_flow(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "FA", CLIENT + 1, SERVER + 1, "");
    in(play, "FA", SERVER + 1, CLIENT + 2, "");
    out(play, "A", CLIENT + 2, SERVER + 2, "");
    assert_log(play, "ended out\nended in\nclosed closed\n");
    out(play, "S", 777000, 0, "");
    assert_log(play, "opened\n");
    in(play, "SA", 888000, 777001, "");
    out(play, "A", 777001, 888001, "again");
    assert_log(play, "out again\n");
    out(play, "S", 999000, 0, ""); /* and while it is open */
    assert_log(play, "closed open\nopened\n");
    tracker_finish(play->tracker);
    assert_log(play, "refused unanswered 1\nclosed unanswered\n");
    play_free(play);
}

static void a_repeated_syn_is_the_same_flow(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    out(play, "S", CLIENT, 0, "");
    in(play, "SA", SERVER, CLIENT + 1, "");
    in(play, "SA", SERVER, CLIENT + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "x");
    assert_log(play, "opened\nout x\n");
    play_free(play);
}

static void data_in_the_syn_is_delivered_once(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "early");
    in(play, "SA", SERVER, CLIENT + 1, ""); /* the server did not take it */
    out(play, "A", CLIENT + 1, SERVER + 1, "early late");
    assert_log(play, "opened\nout early\nout  late\n");
    play_free(play);
}

static void swapped_segments_are_put_in_order(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    out(play, "A", CLIENT + 7, SERVER + 1, "ghi");
    assert_log(play, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    assert_log(play, "out abc\nout def\nout ghi\n");
    tracker_finish(play->tracker);
    assert_int_equal(play->last.out_of_order, 2);
    assert_int_equal(play->last.gaps, 0);
    play_free(play);
}

static void an_ack_seen_before_its_data_makes_no_gap(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    in(play, "A", SERVER + 1, CLIENT + 7, "ok"); /* acknowledges what the capture shows later */
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    assert_log(play, "in ok\nout abc\nout def\n");
    play_free(play);
}

static void an_acknowledged_hole_becomes_a_gap_after_some_segments(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    let_pass(play, CLIENT + 1, SERVER + 1); /* the receiver does not have it: it may still come */
    assert_log(play, "");
    let_pass(play, CLIENT + 7, SERVER + 1);
    assert_log(play, "gap out 3\nout def\n");
    out(play, "A", CLIENT + 7, SERVER + 1, "ghi");
    assert_log(play, "out ghi\n");
    assert_int_equal(tracker_counts(play->tracker).gaps, 1);
    assert_int_equal(tracker_counts(play->tracker).missing, 3);
    play_free(play);
}

static void an_acknowledged_hole_becomes_a_gap_after_a_second(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    in(play, "A", SERVER + 1, CLIENT + 7, "");
    assert_log(play, "");
    play->moment.time_ns += SECOND;
    in(play, "A", SERVER + 1, CLIENT + 7, "ok");
    assert_log(play, "in ok\ngap out 3\nout def\n");
    play_free(play);
}

static void what_a_tap_has_late_is_no_gap_however_much_came_meanwhile(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    play->silent = true;
    for (uint32_t i = 0; i < 50; i++) /* a reply of fifty segments in 50 ms, which acknowledges a request */
        in(play, "A", SERVER + 1 + 2 * i, CLIENT + 4, "hi");
    play->silent = false;
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    assert_log(play, "out abc\n");
    play_free(play);
}

static void a_lost_request_is_a_gap_though_nothing_waits_behind_it(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    in(play, "A", SERVER + 1, CLIENT + 101, "reply");
    let_pass(play, CLIENT + 101, SERVER + 6);
    assert_log(play, "in reply\ngap out 100\n");
    play_free(play);
}

static void one_forged_ack_makes_no_gap(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    in(play, "A", SERVER + 1, CLIENT + 500000, "");
    let_pass(play, CLIENT + 1, SERVER + 1);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    assert_log(play, "out abc\n");
    play_free(play);
}

static void holes_at_the_end_become_gaps_before_the_close(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    out(play, "FA", CLIENT + 10, SERVER + 1, "jkl");
    assert_log(play, "");
    tracker_finish(play->tracker);
    assert_log(play, "gap out 3\nout def\ngap out 3\nout jkl\nended out\nclosed open\n");
    assert_int_equal(play->last.gaps, 2);
    assert_int_equal(play->last.missing, 6);
    play_free(play);
}

static void a_lost_fin_is_no_gap(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    let_pass(play, CLIENT + 5, SERVER + 1);
    tracker_finish(play->tracker);
    assert_log(play, "out abc\nclosed open\n");
    play_free(play);
}

static void retransmissions_bring_nothing_and_are_counted(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    out(play, "A", CLIENT + 1, SERVER + 1, "abcdef");
    out(play, "A", CLIENT + 3, SERVER + 1, "cdefgh");
    tracker_finish(play->tracker);
    assert_log(play, "out abc\nout def\nout gh\nclosed open\n");
    assert_int_equal(play->last.retransmitted, 2);
    assert_int_equal(play->last.conflicts, 0);
    play_free(play);
}

static void the_first_copy_wins_and_a_different_second_one_is_counted(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    out(play, "A", CLIENT + 1, SERVER + 1, "aXc"); /* delivered already */
    out(play, "A", CLIENT + 7, SERVER + 1, "ghi");
    out(play, "A", CLIENT + 6, SERVER + 1, "fgX"); /* waits already */
    out(play, "A", CLIENT + 4, SERVER + 1, "deXYZ");
    tracker_finish(play->tracker);
    assert_log(play, "out abc\nout de\nout f\nout ghi\nclosed open\n");
    assert_int_equal(play->last.conflicts, 3);
    play_free(play);
}

static void other_bytes_than_those_before_a_gap_are_a_conflict(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    out(play, "A", CLIENT + 7, SERVER + 1, "ghi");
    let_pass(play, CLIENT + 10, SERVER + 1);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    out(play, "A", CLIENT + 7, SERVER + 1, "ghi");
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    tracker_finish(play->tracker);
    assert_int_equal(play->last.gaps, 1);
    assert_int_equal(play->last.conflicts, 0);
    play_free(play);

    play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    out(play, "A", CLIENT + 7, SERVER + 1, "ghi");
    let_pass(play, CLIENT + 10, SERVER + 1);
    out(play, "A", CLIENT + 1, SERVER + 1, "aXc");
    out(play, "A", CLIENT + 7, SERVER + 1, "ghX");
    tracker_finish(play->tracker);
    assert_int_equal(play->last.gaps, 1);
    assert_int_equal(play->last.conflicts, 2);
    play_free(play);
}

static void a_keep_alive_is_neither_data_nor_conflict(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    in(play, "A", SERVER + 1, CLIENT + 4, "");
    struct segment probe = segment_of(DIRECTION_OUT, "A", CLIENT + 3, SERVER + 1, "?");
    give(play, &probe);
    in(play, "A", SERVER + 1, CLIENT + 4, "");
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    tracker_finish(play->tracker);
    assert_log(play, "out abc\nout def\nclosed open\n");
    assert_int_equal(play->last.conflicts, 0);
    assert_int_equal(play->last.retransmitted, 0);
    play_free(play);
}

static void sequence_numbers_wrap(void **state)
{
    (void)state;
    struct play *play = play_new();
    const uint32_t start = UINT32_MAX - 2;
    out(play, "S", start - 1, 0, "");
    in(play, "SA", SERVER, start, "");
    out(play, "A", start + 4, SERVER + 1, "efg");
    out(play, "A", start, SERVER + 1, "abcd");
    in(play, "A", SERVER + 1, start + 7, "");
    out(play, "FA", start + 7, SERVER + 1, "h");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout abcd\nout efg\nout h\nended out\nclosed open\n");
    assert_int_equal(play->last.gaps, 0);
    play_free(play);
}

static void a_flow_is_joined_in_the_middle(void **state)
{
    (void)state;
    struct play *play = play_new();
    in(play, "A", SERVER, CLIENT, "reply"); /* from port 80: the other end is the client */
    out(play, "A", CLIENT, SERVER + 5, "ask");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nin reply\nout ask\nclosed open\n");
    assert_int_equal(play->last.port[DIRECTION_OUT], CLIENT_PORT);
    assert_false(play->last.handshake);
    assert_int_equal(play->last.gaps, 0);
    play_free(play);
}

static void a_stream_joined_by_a_keep_alive_has_no_gap(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "A", CLIENT - 1, SERVER, ""); /* without its byte */
    in(play, "A", SERVER, CLIENT, "");
    out(play, "A", CLIENT, SERVER, "ask");
    in(play, "A", SERVER - 1, CLIENT + 3, "?"); /* with a byte */
    in(play, "A", SERVER, CLIENT + 3, "ok");
    let_pass(play, CLIENT + 3, SERVER + 2);
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout ask\nin ok\nclosed open\n");
    assert_int_equal(play->last.gaps, 0);
    play_free(play);
}

static void segments_swapped_where_the_capture_joins_are_put_in_order(void **state)
{
    (void)state;
    struct play *play = play_new();
    in(play, "A", SERVER, CLIENT, "");
    out(play, "A", CLIENT + 3, SERVER, "def");
    out(play, "A", CLIENT, SERVER, "abc");
    assert_log(play, "opened\nout abc\nout def\n");
    play_free(play);
}

static void the_receiver_of_a_syn_ack_is_the_client(void **state)
{
    (void)state;
    struct play *play = play_new();
    in(play, "SA", SERVER, CLIENT + 1, "");
    out(play, "S", CLIENT, 0, ""); /* the capture has it late */
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout ask\nclosed open\n");
    assert_true(play->last.handshake);
    assert_int_equal(play->last.port[DIRECTION_OUT], CLIENT_PORT);
    play_free(play);
}

static void one_direction_alone_is_read_and_the_other_is_a_gap(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    out(play, "A", CLIENT + 4, SERVER + 101, "more");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout ask\nout more\ngap in 100\nclosed open\n");
    play_free(play);
}

static void a_reset_waits_for_data_that_the_capture_has_late(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "R", CLIENT + 4, 0, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    assert_log(play, "out abc\n");
    play->moment.time_ns += 2 * SECOND;
    struct segment other = segment_of(DIRECTION_OUT, "S", 1, 0, "");
    other.sport = 50001;
    give(play, &other);
    give(play, &other); /* two packets agree on the time */
    assert_log(play, "opened\nclosed reset\n");
    play_free(play);
}

static void a_forged_reset_ends_nothing(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "R", CLIENT + 1, 0, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    in(play, "A", SERVER + 1, CLIENT + 4, "def");
    out(play, "R", CLIENT + 900000000, 0, ""); /* far outside any window */
    play->moment.time_ns += 2 * SECOND;
    out(play, "A", CLIENT + 4, SERVER + 4, "ghi");
    tracker_finish(play->tracker);
    assert_log(play, "out abc\nin def\nout ghi\nclosed open\n");
    play_free(play);
}

static void a_sender_that_goes_on_after_its_reset_is_followed_as_a_new_flow(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    out(play, "R", CLIENT + 4, 0, "");
    play->moment.time_ns += 2 * SECOND;
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    tracker_finish(play->tracker);
    assert_log(play, "out abc\nclosed reset\nopened\nout def\nclosed open\n");
    play_free(play);
}

static void a_fin_seen_before_its_data_ends_the_stream_after_it(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "FA", CLIENT + 4, SERVER + 1, "def");
    assert_log(play, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    assert_log(play, "out abc\nout def\nended out\n");
    in(play, "A", SERVER + 1, CLIENT + 8, "half open"); /* the other side may go on */
    in(play, "FA", SERVER + 10, CLIENT + 8, "");
    assert_log(play, "in half open\nended in\n");
    out(play, "A", CLIENT + 8, SERVER + 11, "");
    assert_log(play, "closed closed\n");
    play_free(play);
}

static void a_sender_that_goes_on_after_its_fin_is_followed_as_a_new_flow(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "FA", CLIENT + 1, SERVER + 1, "abc");
    out(play, "A", CLIENT + 4, SERVER + 1, "?"); /* a keep-alive of the half-closed side */
    out(play, "FA", CLIENT + 1, SERVER + 1, "abc");
    assert_log(play, "out abc\nended out\n");
    out(play, "A", CLIENT + 4, SERVER + 1, "def");
    tracker_finish(play->tracker);
    assert_log(play, "closed open\nopened\nout def\nclosed open\n");
    play_free(play);
}

static void a_hole_that_both_sides_left_behind_does_not_keep_the_flow_open(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    in(play, "FA", SERVER + 101, CLIENT + 1, "");
    out(play, "FA", CLIENT + 1, SERVER + 102, "");
    in(play, "A", SERVER + 102, CLIENT + 2, "");
    play->moment.time_ns += 2 * SECOND;
    struct segment other = segment_of(DIRECTION_OUT, "S", 1, 0, "");
    other.sport = 50001;
    give(play, &other);
    give(play, &other); /* two packets agree on the time */
    assert_log(play, "ended out\nopened\ngap in 100\nended in\nclosed closed\n");
    play_free(play);
}

static void what_the_snapshot_length_cut_off_is_a_gap(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    struct segment cut = segment_of(DIRECTION_OUT, "A", CLIENT + 11, SERVER + 1, "second");
    cut.payload_bytes = 10;
    give(play, &cut); /* early */
    cut = segment_of(DIRECTION_OUT, "A", CLIENT + 1, SERVER + 1, "first");
    cut.payload_bytes = 10;
    give(play, &cut);
    out(play, "A", CLIENT + 21, SERVER + 1, "third");
    tracker_finish(play->tracker);
    assert_log(play, "out first\ngap out 5\nout second\ngap out 4\nout third\nclosed open\n");
    assert_int_equal(tracker_counts(play->tracker).cut_segments, 2);
    assert_int_equal(play->last.missing, 9);
    play_free(play);
}

static void waiting_bytes_stay_within_their_budget(void **state)
{
    (void)state;
    struct tracker_limits limits = {.flows = 100, .waiting_bytes = 300, .waiting_total = 1000};
    struct play *play = play_new_with(&limits);
    shake_hands(play);
    for (uint32_t i = 1; i <= 10; i++)
        out(play, "A", CLIENT + 1 + 10 * i, SERVER + 1, "x");
    struct tracker_counts counts = tracker_counts(play->tracker);
    assert_true(counts.budget_gaps > 0);
    assert_true(counts.missing > 0);
    tracker_finish(play->tracker);
    assert_int_equal(play->last.bytes[DIRECTION_OUT], 10);
    assert_int_equal(play->last.missing, 91);
    play_free(play);
}

static void too_many_pieces_that_wait_are_counted(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    play->silent = true;
    for (uint32_t i = 0; i < 4096 + 3; i++)
        out(play, "A", CLIENT + 11 + 2 * i, SERVER + 1, "x");
    assert_int_equal(tracker_counts(play->tracker).limits.hit[LIMIT_waiting_pieces], 3);
    assert_int_equal(tracker_counts(play->tracker).budget_gaps, 3);
    play_free(play);
}

static void the_oldest_flow_gives_way_when_all_together_wait_for_too_much(void **state)
{
    (void)state;
    struct tracker_limits limits = {.flows = 100, .waiting_bytes = 100000, .waiting_total = 1000};
    struct play *play = play_new_with(&limits);
    for (uint16_t i = 0; i < 50; i++) {
        struct segment segment = segment_of(DIRECTION_OUT, "S", CLIENT, 0, "");
        segment.sport = (uint16_t)(50000 + i);
        give(play, &segment);
        segment = segment_of(DIRECTION_OUT, "A", CLIENT + 11, SERVER, "x");
        segment.sport = (uint16_t)(50000 + i);
        give(play, &segment);
    }
    struct tracker_counts counts = tracker_counts(play->tracker);
    assert_true(counts.budget_gaps >= 30 && counts.budget_gaps < 50);
    play_free(play);
}

static void the_least_recently_used_flow_is_forgotten(void **state)
{
    (void)state;
    struct tracker_limits limits = {.flows = 3, .waiting_bytes = 1000, .waiting_total = 1000};
    struct play *play = play_new_with(&limits);
    for (uint16_t i = 0; i < 4; i++) {
        struct segment segment = segment_of(DIRECTION_OUT, "A", CLIENT, SERVER, "x");
        segment.sport = (uint16_t)(50000 + i);
        give(play, &segment);
        play->moment.time_ns += 20 * SECOND;
        segment = segment_of(DIRECTION_OUT, "A", CLIENT + i + 1, SERVER, "y"); /* the first one stays in use */
        if (i > 0)
            give(play, &segment);
    }
    assert_int_equal(play->last.port[DIRECTION_OUT], 50001);
    assert_int_equal(play->last.state, FLOW_EVICTED);
    assert_int_equal(tracker_counts(play->tracker).evicted, 1);
    play_free(play);
}

static void after_a_long_silence_other_numbers_are_another_flow(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    play->moment.time_ns += 3601 * SECOND;
    out(play, "A", CLIENT + 1000000, SERVER + 1, "abc");
    assert_log(play, "closed open\nopened\nout abc\n");
    play->moment.time_ns += 3601 * SECOND;
    out(play, "S", CLIENT + 1000003, 0, "");
    assert_log(play, "closed open\nopened\n");
    assert_int_equal(tracker_counts(play->tracker).evicted, 0); /* not for want of room */
    play_free(play);
}

/* A clock that is set, a virtual machine that slept. */
static void a_clock_that_is_set_forward_ends_no_connection(void **state)
{
    (void)state;
    for (int others = 0; others < 2; others++) {
        struct play *play = play_new();
        shake_hands(play);
        out(play, "A", CLIENT + 1, SERVER + 1, "ab");
        play->moment.time_ns += 3 * 3600 * SECOND;
        for (int i = 0; i < 5 * others; i++) { /* the time is agreed on before the connection goes on */
            struct segment other = segment_of(DIRECTION_OUT, "A", 1, 0, "");
            other.sport = (uint16_t)(50001 + i);
            play->silent = true;
            give(play, &other);
        }
        play->silent = false;
        in(play, "A", SERVER + 1, CLIENT + 3, "xy"); /* the other side first */
        out(play, "A", CLIENT + 3, SERVER + 3, "c");
        play->moment.time_ns += 20 * 365 * 86400 * SECOND; /* from 1970 */
        out(play, "A", CLIENT + 4, SERVER + 3, "d");
        assert_log(play, "out ab\nin xy\nout c\nout d\n");
        play_free(play);
    }
}

/* The clock is set between a SYN and its answer; and before the last ACK, which opens nothing. */
static void a_clock_that_is_set_in_the_handshake_or_at_the_end_changes_nothing(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    play->moment.time_ns += 3 * 3600 * SECOND;
    in(play, "SA", SERVER, CLIENT + 1, "");
    out(play, "FA", CLIENT + 1, SERVER + 1, "ab");
    in(play, "FA", SERVER + 1, CLIENT + 4, "");
    play->moment.time_ns += 3 * 3600 * SECOND;
    out(play, "A", CLIENT + 4, SERVER + 2, "");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout ab\nended out\nended in\nclosed closed\n");
    play_free(play);
}

/* Hours of silence of many connections that do not end are not remembered for ever. */
static void silent_flows_give_way_without_a_word(void **state)
{
    (void)state;
    struct play *play = play_new();
    play->silent = true;
    for (uint32_t i = 0; i < 3 * 4096; i++) {
        struct segment segment = segment_of(DIRECTION_OUT, "A", CLIENT, SERVER, "a");
        segment.src.bytes[1] = (uint8_t)(i >> 8);
        segment.src.bytes[2] = (uint8_t)i;
        if (i % 1024 == 0)
            play->moment.time_ns += 3700 * SECOND;
        give(play, &segment);
    }
    struct tracker_counts counts = tracker_counts(play->tracker);
    assert_in_range(counts.flows_most, 1024, 2048);
    assert_int_equal(counts.evicted, 0);
    assert_int_equal(play->last.state, FLOW_OPEN); /* some were closed */
    assert_int_not_equal(play->last.packets[DIRECTION_OUT], 0);
    play_free(play);
}

static void flows_close_in_the_order_in_which_they_opened(void **state)
{
    (void)state;
    struct play *play = play_new();
    play->silent = true;
    for (uint16_t i = 0; i < 2000; i++) {
        struct segment segment = segment_of(DIRECTION_OUT, "A", CLIENT, SERVER, "");
        segment.sport = (uint16_t)(50000 - i);
        give(play, &segment);
    }
    for (uint16_t i = 2000; i-- > 0;) { /* found again */
        struct segment segment = segment_of(DIRECTION_IN, "A", SERVER, CLIENT, "");
        segment.dport = (uint16_t)(50000 - i);
        give(play, &segment);
    }
    assert_int_equal(tracker_counts(play->tracker).flows, 2000);
    tracker_finish(play->tracker);
    assert_int_equal(play->last.port[DIRECTION_OUT], 50000 - 1999);
    assert_int_equal(play->last.packets[DIRECTION_IN], 1);
    play_free(play);
}

static void other_connection(struct play *play, uint16_t port)
{
    static const char *const flags[] = {"S", "SA", "A", "FA", "FA", "A"};
    static const uint32_t numbers[][2] = {{CLIENT, 0},
                                          {SERVER, CLIENT + 1},
                                          {CLIENT + 1, SERVER + 1},
                                          {CLIENT + 1, SERVER + 1},
                                          {SERVER + 1, CLIENT + 2},
                                          {CLIENT + 2, SERVER + 2}};
    for (size_t i = 0; i < 6; i++) {
        enum direction direction = i == 1 || i == 4 ? DIRECTION_IN : DIRECTION_OUT;
        struct segment segment = segment_of(direction, flags[i], numbers[i][0], numbers[i][1], "");
        *(direction == DIRECTION_OUT ? &segment.sport : &segment.dport) = port;
        give(play, &segment);
    }
    assert_log(play, "opened\nended out\nended in\nclosed closed\n");
}

static void other_connections(struct play *play, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        other_connection(play, (uint16_t)(CLIENT_PORT + i));
}

static void late_packets_of_a_connection_that_had_to_be_forgotten_open_no_other(void **state)
{
    (void)state;
    struct tracker_limits limits = tracker_limits_default();
    limits.closed = 2;
    struct play *play = play_new_with(&limits);
    other_connections(play, 50);
    out(play, "FA", CLIENT + 1, SERVER + 1, "");
    in(play, "FA", SERVER + 1, CLIENT + 2, "");
    out(play, "A", CLIENT + 2, SERVER + 2, "");
    in(play, "R", SERVER + 2, 0, "");
    assert_log(play, "");
    out(play, "S", CLIENT + 70000, 0, ""); /* the ports are used again */
    in(play, "SA", SERVER + 70000, CLIENT + 70001, "");
    assert_log(play, "opened\n");
    tracker_finish(play->tracker);
    assert_log(play, "closed open\n");
    assert_int_equal(tracker_counts(play->tracker).flows, 51);
    assert_int_equal(tracker_counts(play->tracker).evicted, 0);
    play_free(play);

    play = play_new_with(&limits);
    other_connections(play, 50);
    out(play, "PA", CLIENT + 1, SERVER + 1, "data"); /* nothing that is only late */
    assert_log(play, "opened\nout data\n");
    play_free(play);

    play = play_new_with(&limits);
    other_connections(play, 50);
    play->moment.time_ns += 121 * SECOND; /* as long as closed connections are remembered */
    out(play, "A", CLIENT + 2, SERVER + 2, "");
    assert_log(play, "opened\n");
    play_free(play);
}

/* A connection is over and its time to be remembered, too, then time goes back: whether another one that is over later
 * stands before it on the list of those or not, it is forgotten. */
static void time_that_goes_back_brings_no_forgotten_connection_back(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        struct play *play = play_new();
        play->moment.time_ns += 4000 * SECOND;
        other_connections(play, before == 0 ? 0 : 1);
        play->moment.time_ns -= 4000 * SECOND;
        other_connection(play, CLIENT_PORT + 1);
        play->moment.time_ns += 1000 * SECOND;
        other_connection(play, CLIENT_PORT + 2);
        play->moment.time_ns -= 990 * SECOND;
        struct segment late = segment_of(DIRECTION_OUT, "A", CLIENT + 2, SERVER + 2, "");
        late.sport = CLIENT_PORT + 1;
        give(play, &late);
        assert_log(play, "opened\n");
        play_free(play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_packets_of_a_connection_that_had_to_be_forgotten_open_no_other),
        cmocka_unit_test(time_that_goes_back_brings_no_forgotten_connection_back),
        cmocka_unit_test(request_and_reply_are_delivered_and_closed),
        cmocka_unit_test(late_packets_after_the_close_open_nothing),
        cmocka_unit_test(ports_used_again_are_a_new_flow),
        cmocka_unit_test(a_repeated_syn_is_the_same_flow),
        cmocka_unit_test(data_in_the_syn_is_delivered_once),
        cmocka_unit_test(swapped_segments_are_put_in_order),
        cmocka_unit_test(an_ack_seen_before_its_data_makes_no_gap),
        cmocka_unit_test(an_acknowledged_hole_becomes_a_gap_after_some_segments),
        cmocka_unit_test(an_acknowledged_hole_becomes_a_gap_after_a_second),
        cmocka_unit_test(what_a_tap_has_late_is_no_gap_however_much_came_meanwhile),
        cmocka_unit_test(a_lost_request_is_a_gap_though_nothing_waits_behind_it),
        cmocka_unit_test(one_forged_ack_makes_no_gap),
        cmocka_unit_test(holes_at_the_end_become_gaps_before_the_close),
        cmocka_unit_test(a_lost_fin_is_no_gap),
        cmocka_unit_test(retransmissions_bring_nothing_and_are_counted),
        cmocka_unit_test(the_first_copy_wins_and_a_different_second_one_is_counted),
        cmocka_unit_test(other_bytes_than_those_before_a_gap_are_a_conflict),
        cmocka_unit_test(a_keep_alive_is_neither_data_nor_conflict),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(a_flow_is_joined_in_the_middle),
        cmocka_unit_test(a_stream_joined_by_a_keep_alive_has_no_gap),
        cmocka_unit_test(segments_swapped_where_the_capture_joins_are_put_in_order),
        cmocka_unit_test(the_receiver_of_a_syn_ack_is_the_client),
        cmocka_unit_test(one_direction_alone_is_read_and_the_other_is_a_gap),
        cmocka_unit_test(a_reset_waits_for_data_that_the_capture_has_late),
        cmocka_unit_test(a_forged_reset_ends_nothing),
        cmocka_unit_test(a_sender_that_goes_on_after_its_reset_is_followed_as_a_new_flow),
        cmocka_unit_test(a_fin_seen_before_its_data_ends_the_stream_after_it),
        cmocka_unit_test(a_sender_that_goes_on_after_its_fin_is_followed_as_a_new_flow),
        cmocka_unit_test(a_hole_that_both_sides_left_behind_does_not_keep_the_flow_open),
        cmocka_unit_test(what_the_snapshot_length_cut_off_is_a_gap),
        cmocka_unit_test(waiting_bytes_stay_within_their_budget),
        cmocka_unit_test(too_many_pieces_that_wait_are_counted),
        cmocka_unit_test(the_oldest_flow_gives_way_when_all_together_wait_for_too_much),
        cmocka_unit_test(the_least_recently_used_flow_is_forgotten),
        cmocka_unit_test(after_a_long_silence_other_numbers_are_another_flow),
        cmocka_unit_test(a_clock_that_is_set_forward_ends_no_connection),
        cmocka_unit_test(a_clock_that_is_set_in_the_handshake_or_at_the_end_changes_nothing),
        cmocka_unit_test(silent_flows_give_way_without_a_word),
        cmocka_unit_test(flows_close_in_the_order_in_which_they_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
