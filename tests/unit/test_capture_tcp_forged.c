/* tests/unit/test_capture_tcp_forged.c: segments that anybody may send in the name of a side, and that their receiver
 * drops (RFC 9293, section 3.10.7): the tracker drops them as well. Kinds: Ptacek and Newsham, "Insertion, Evasion, and
 * Denial of Service", 1998, section 5; Wang et al., "Your State is Not Mine" (INTANG), 2017, table 1. */
#include "flow_fixture.h"

static void assert_dropped(const struct play *play, uint64_t without_data, uint64_t with_data)
{
    struct tracker_counts counts = tracker_counts(play->tracker);
    assert_int_equal(counts.unacceptable, without_data);
    assert_int_equal(counts.unacceptable_data, with_data);
}

/* The connection goes on as if nothing had happened. */
static void assert_connects(struct play *play)
{
    in(play, "SA", SERVER, CLIENT + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    in(play, "A", SERVER + 1, CLIENT + 4, "say");
    out(play, "FA", CLIENT + 4, SERVER + 4, "");
    in(play, "FA", SERVER + 4, CLIENT + 5, "");
    out(play, "A", CLIENT + 5, SERVER + 5, "");
    assert_log(play, "opened\nout ask\nin say\nended out\nended in\nclosed closed\n");
    assert_true(play->last.handshake);
    assert_int_equal(play->last.gaps, 0);
}

static void before_the_syn_ack(const char *flags, uint32_t sequence, uint32_t ack, const char *payload)
{
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    in(play, flags, sequence, ack, payload);
    assert_dropped(play, payload[0] == '\0', payload[0] != '\0');
    play->moment.time_ns += 2 * SECOND; /* longer than a reset flow lingers */
    assert_connects(play);
    play_free(play);
}

/* Section 3.10.7.3: an ACK that is not of the SYN, an RST without ACK, a FIN. */
static void what_does_not_answer_the_syn_changes_nothing(void **state)
{
    (void)state;
    before_the_syn_ack("R", 0, 0, "");
    before_the_syn_ack("R", SERVER + 1, 0, "");
    before_the_syn_ack("RA", 0, CLIENT, "");
    before_the_syn_ack("RA", 0, CLIENT + 1000000, "");
    before_the_syn_ack("RA", 0, CLIENT - 1000, "");
    before_the_syn_ack("RA", 0, CLIENT, "data in a reset");
    before_the_syn_ack("FA", SERVER + 5000, CLIENT + 1, "");
    before_the_syn_ack("F", SERVER + 5000, 0, "");
    before_the_syn_ack("FA", SERVER + 5000, CLIENT + 70000000, "");
    before_the_syn_ack("A", SERVER + 5000, CLIENT - 5, "forged");
    before_the_syn_ack("", SERVER + 5000, 0, "forged");
    before_the_syn_ack("SA", SERVER + 5000, CLIENT + 1000000, "");
}

/* An old connection's server acknowledges what this one never sent (RFC 9293, section 3.5, figure 10). */
static void an_ack_of_an_older_connection_is_no_answer(void **state)
{
    (void)state;
    before_the_syn_ack("A", 300, 777777777, "");
}

static void a_true_refusal_is_still_one(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    in(play, "R", 0, 0, "");
    in(play, "RA", 0, CLIENT + 1, "");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nrefused rst 1\nclosed refused\n");
    play_free(play);
    play = play_new();
    out(play, "S", CLIENT, 0, "fast open");
    in(play, "RA", 0, CLIENT + 10, ""); /* of the SYN and its data */
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout fast open\nrefused rst 1\nclosed refused\n");
    play_free(play);
}

/* Nobody answered but a forger. */
static void an_unacceptable_reset_leaves_the_syn_unanswered(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    in(play, "R", 0, 0, "");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nrefused unanswered 1\nclosed unanswered\n");
    play_free(play);
}

/* The capture lacks the SYN-ACK: what acknowledges the SYN counts. */
static void a_connection_without_its_syn_ack_is_read(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    in(play, "A", SERVER + 1, CLIENT + 1, "hello");
    out(play, "A", CLIENT + 1, SERVER + 6, "ask");
    assert_log(play, "opened\nin hello\nout ask\n");
    assert_dropped(play, 0, 0);
    play_free(play);
}

static void a_syn_ack_that_comes_late_is_that_of_its_connection(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    in(play, "A", SERVER + 1, CLIENT + 1, "hello");
    in(play, "SA", SERVER, CLIENT + 1, "");
    assert_log(play, "opened\nin hello\n");
    in(play, "SA", SERVER + 5000, CLIENT + 1, ""); /* the first bytes were forged */
    out(play, "A", CLIENT + 1, SERVER + 5001, "ask");
    play_free(play);
}

static void bytes_in_the_servers_name_before_its_syn_ack_are_a_flow_of_their_own(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    in(play, "A", SERVER + 5000, CLIENT + 1, "forged");
    in(play, "SA", SERVER, CLIENT + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    in(play, "A", SERVER + 1, CLIENT + 4, "say");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nin forged\nclosed open\nopened\nout ask\nin say\nclosed open\n");
    play_free(play);
}

/* The client knows which of two SYN-ACKs it took. */
static void the_clients_ack_says_which_syn_ack_counts(void **state)
{
    (void)state;
    for (int forged_first = 0; forged_first < 2; forged_first++) {
        struct play *play = play_new();
        out(play, "S", CLIENT, 0, "");
        in(play, "SA", forged_first ? SERVER + 1000000 : SERVER, CLIENT + 1, "");
        in(play, "SA", forged_first ? SERVER : SERVER + 1000000, CLIENT + 1, "");
        out(play, "A", CLIENT + 1, SERVER + 1, "ask");
        in(play, "A", SERVER + 1, CLIENT + 4, "say");
        tracker_finish(play->tracker);
        assert_log(play, "opened\nout ask\nin say\nclosed open\n");
        play_free(play);
    }
}

/* INTANG: "TCB reversal": a SYN-ACK in the name of the client, then its SYN. */
static void a_syn_ack_before_the_syn_does_not_swap_the_sides(void **state)
{
    (void)state;
    for (int same = 0; same < 2; same++) {
        struct play *play = play_new();
        out(play, "SA", same ? CLIENT : CLIENT + 5000, 77, "");
        assert_log(play, "opened\n");
        out(play, "S", CLIENT, 0, "");
        assert_log(play, "closed open\nopened\n");
        in(play, "SA", SERVER, CLIENT + 1, "");
        out(play, "A", CLIENT + 1, SERVER + 1, "ask");
        assert_log(play, "out ask\n");
        play_free(play);
    }
}

static void both_sides_may_open_at_once(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    in(play, "S", SERVER, 0, "");
    out(play, "SA", CLIENT, SERVER + 1, "");
    in(play, "SA", SERVER, CLIENT + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    in(play, "A", SERVER + 1, CLIENT + 4, "say");
    assert_log(play, "opened\nout ask\nin say\n");
    play_free(play);
}

/* ---- in the connection ---- */

static void fin_ahead(enum direction direction, uint32_t ahead)
{
    struct play *play = play_new();
    shake_hands(play);
    if (direction == DIRECTION_OUT)
        out(play, "FA", CLIENT + 1 + ahead, SERVER + 1, "");
    else
        in(play, "FA", SERVER + 1 + ahead, CLIENT + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    in(play, "A", SERVER + 1, CLIENT + 4, "say");
    out(play, "FA", CLIENT + 4, SERVER + 4, "");
    in(play, "FA", SERVER + 4, CLIENT + 5, "");
    out(play, "A", CLIENT + 5, SERVER + 5, "");
    assert_log(play, "out ask\nin say\nended out\nended in\nclosed closed\n");
    assert_int_equal(play->last.gaps, 0);
    play_free(play);
}

static void a_fin_that_leaves_a_hole_is_not_the_end(void **state)
{
    (void)state;
    for (enum direction direction = DIRECTION_OUT; direction <= DIRECTION_IN; direction++) {
        fin_ahead(direction, 100000);   /* behind the window */
        fin_ahead(direction, 64241);    /* just behind it */
        fin_ahead(direction, 5000);     /* within it: gives way to the true one */
        fin_ahead(direction, 10000000); /* far */
    }
}

static void a_fin_behind_the_window_leaves_no_hole_at_the_end(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    out(play, "FA", CLIENT + 100000, SERVER + 1, "");
    tracker_finish(play->tracker);
    assert_log(play, "out ask\nclosed open\n");
    assert_dropped(play, 1, 0);
    play_free(play);
}

static void data_behind_the_window_leaves_no_hole(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    out(play, "FA", CLIENT + 100000, SERVER + 1, "forged");
    out(play, "A", CLIENT + 4, SERVER + 1, "more");
    tracker_finish(play->tracker);
    assert_log(play, "out ask\nout more\nclosed open\n");
    assert_dropped(play, 1, 1);
    play_free(play);
}

/* Where the sender goes on, a FIN within the window was forged. */
static void data_over_a_fin_ahead_takes_it_back(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "FA", CLIENT + 3, SERVER + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "ask for more");
    out(play, "FA", CLIENT + 13, SERVER + 1, "");
    assert_log(play, "out ask for more\nended out\n");
    play_free(play);
}

static void a_fin_sent_again_with_another_number_changes_nothing(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    out(play, "FA", CLIENT + 1, SERVER + 1, "ask");
    assert_log(play, "out ask\nended out\n");
    out(play, "FA", CLIENT + 50, SERVER + 1, "");
    out(play, "FA", CLIENT + 2, SERVER + 1, "");
    in(play, "A", SERVER + 1, CLIENT + 5, "say");
    in(play, "FA", SERVER + 4, CLIENT + 5, "");
    out(play, "A", CLIENT + 5, SERVER + 5, "");
    assert_log(play, "in say\nended in\nclosed closed\n");
    assert_int_equal(play->last.gaps, 0);
    play_free(play);
}

/* Scaled windows are large: RFC 7323. */
static void a_scaled_window_is_wide(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct play *play = play_new();
        struct segment syn = segment_of(DIRECTION_OUT, "S", CLIENT, 0, "");
        struct segment answer = segment_of(DIRECTION_IN, "SA", SERVER, CLIENT + 1, "");
        syn.scale = WINDOW_SCALED + 8;
        answer.scale = plain ? WINDOW_PLAIN : WINDOW_SCALED + 7;
        give(play, &syn);
        give(play, &answer);
        out(play, "A", CLIENT + 1, SERVER + 1, "ask");
        in(play, "A", SERVER + 1, CLIENT + 4, "");
        out(play, "A", CLIENT + 1000004, SERVER + 1, "later"); /* 1 MB of it was lost */
        out(play, "FA", CLIENT + 1000009, SERVER + 1, "");
        tracker_finish(play->tracker);
        assert_log(play, plain ? "opened\nout ask\nclosed open\n"
                               : "opened\nout ask\ngap out 1000000\nout later\nended out\nclosed open\n");
        play_free(play);
    }
}

/* Without the handshake the scale is not known, and nothing is dropped. */
static void without_the_handshake_a_window_may_be_of_any_size(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    in(play, "A", SERVER + 1, CLIENT + 4, "");
    out(play, "A", CLIENT + 10000004, SERVER + 1, "later");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout ask\ngap out 10000000\nout later\nclosed open\n");
    play_free(play);
}

/* The capture lacks ACKs: what goes on where the stream is, is taken whatever the window was. */
static void lost_acks_lose_no_data(void **state)
{
    (void)state;
    static char bulk[30001];
    memset(bulk, 'x', 30000);
    struct play *play = play_new();
    shake_hands(play);
    play->silent = true;
    for (uint32_t i = 0; i < 10; i++)
        out(play, "A", CLIENT + 1 + 30000 * i, SERVER + 1, bulk);
    play->silent = false;
    in(play, "A", SERVER + 1, CLIENT + 1 + 300000, "");
    tracker_finish(play->tracker);
    assert_log(play, "closed open\n");
    assert_int_equal(play->last.bytes[DIRECTION_OUT], 300000);
    assert_int_equal(play->last.gaps, 0);
    play_free(play);
}

static void reset_at(uint32_t sequence, const char *flags, const char *payload, const char *log)
{
    struct play *play = play_new();
    shake_hands(play);
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    in(play, "A", SERVER + 1, CLIENT + 4, "say");
    out(play, "A", CLIENT + 4, SERVER + 4, "");
    in(play, flags, sequence, CLIENT + 4, payload);
    tracker_finish(play->tracker);
    assert_log(play, log);
    play_free(play);
}

/* Section 3.10.7.4, first check. */
static void a_reset_must_be_in_the_window(void **state)
{
    (void)state;
    reset_at(SERVER + 4, "R", "", "out ask\nin say\nclosed reset\n");
    reset_at(SERVER + 4, "RA", "reason",
             "out ask\nin say\nclosed reset\n");                         /* section 3.10.7.4: data in it is not read */
    reset_at(SERVER + 1000, "R", "", "out ask\nin say\nclosed reset\n"); /* 996 bytes were lost */
    reset_at(SERVER + 4 + 64241, "R", "", "out ask\nin say\nclosed open\n");
    reset_at(SERVER + 10000000, "RA", "", "out ask\nin say\nclosed open\n");
    reset_at(SERVER + 1, "RA", "", "out ask\nin say\nclosed open\n"); /* old */
    reset_at(UINT32_MAX - 100000, "R", "", "out ask\nin say\nclosed open\n");
}

/* An RST that the receiver did not see (it had few hops to live) ends nothing. */
static void a_side_that_acknowledges_more_after_its_reset_lives(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    in(play, "R", SERVER + 1, 0, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "ask");
    in(play, "A", SERVER + 1, CLIENT + 4, "");
    play->moment.time_ns += 5 * SECOND;
    in(play, "A", SERVER + 1, CLIENT + 4, "say");
    tracker_finish(play->tracker);
    assert_log(play, "out ask\nin say\nclosed open\n");
    play_free(play);
}

static void whoever_goes_on_after_a_reset_is_followed(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    in(play, "R", SERVER + 1, 0, "");
    play->moment.time_ns += 5 * SECOND;
    out(play, "A", CLIENT + 1, SERVER + 1, "ask"); /* not the side that was reset */
    in(play, "A", SERVER + 1, CLIENT + 4, "say");
    tracker_finish(play->tracker);
    assert_log(play, "closed reset\nopened\nout ask\nin say\nclosed open\n");
    play_free(play);
}

/* ---- a single byte ---- */

static void joined_by_a_byte(const char *flags, const char *byte, uint32_t next, const char *log)
{
    struct play *play = play_new();
    struct segment first = segment_of(DIRECTION_OUT, flags, CLIENT, SERVER, byte);
    first.payload = cursor_of(byte, 1);
    first.payload_bytes = 1;
    give(play, &first);
    out(play, "PA", CLIENT + next, SERVER, "EST");
    tracker_finish(play->tracker);
    assert_log(play, log);
    play_free(play);
}

static void a_byte_that_was_pushed_is_data(void **state)
{
    (void)state;
    joined_by_a_byte("PA", "T", 1, "opened\nout T\nout EST\nclosed open\n");
    joined_by_a_byte("A", "T", 1, "opened\nout T\nout EST\nclosed open\n");
    joined_by_a_byte("A", "", 1, "opened\nout EST\nclosed open\n"); /* RFC 9293, section 3.8.4: a keep-alive's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_answer_the_syn_changes_nothing),
        cmocka_unit_test(an_ack_of_an_older_connection_is_no_answer),
        cmocka_unit_test(a_true_refusal_is_still_one),
        cmocka_unit_test(an_unacceptable_reset_leaves_the_syn_unanswered),
        cmocka_unit_test(a_connection_without_its_syn_ack_is_read),
        cmocka_unit_test(a_syn_ack_that_comes_late_is_that_of_its_connection),
        cmocka_unit_test(bytes_in_the_servers_name_before_its_syn_ack_are_a_flow_of_their_own),
        cmocka_unit_test(the_clients_ack_says_which_syn_ack_counts),
        cmocka_unit_test(a_syn_ack_before_the_syn_does_not_swap_the_sides),
        cmocka_unit_test(both_sides_may_open_at_once),
        cmocka_unit_test(a_fin_that_leaves_a_hole_is_not_the_end),
        cmocka_unit_test(a_fin_behind_the_window_leaves_no_hole_at_the_end),
        cmocka_unit_test(data_behind_the_window_leaves_no_hole),
        cmocka_unit_test(data_over_a_fin_ahead_takes_it_back),
        cmocka_unit_test(a_fin_sent_again_with_another_number_changes_nothing),
        cmocka_unit_test(a_scaled_window_is_wide),
        cmocka_unit_test(without_the_handshake_a_window_may_be_of_any_size),
        cmocka_unit_test(lost_acks_lose_no_data),
        cmocka_unit_test(a_reset_must_be_in_the_window),
        cmocka_unit_test(a_side_that_acknowledges_more_after_its_reset_lives),
        cmocka_unit_test(whoever_goes_on_after_a_reset_is_followed),
        cmocka_unit_test(a_byte_that_was_pushed_is_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
