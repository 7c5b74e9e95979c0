/* tests/unit/test_capture_tcp_refused.c: who was refused, by whom, after how many tries; UDP conversations; and silence
 * that ends flows. */
#include "flow_fixture.h"

/* An ICMP error of 10.0.0.9 about a packet of `direction`. */
static void error_about(struct play *play, enum direction direction, uint8_t type, uint8_t code)
{
    struct segment segment = segment_of(direction, "", CLIENT, 0, "");
    segment.is_error = true;
    segment.ttl = 61;
    segment.error = (struct icmp_error){type, code, {.bytes = {10, 0, 0, 9}, .version = 4}};
    give(play, &segment);
}

static void datagram(struct play *play, enum direction direction, const char *payload)
{
    struct segment segment = segment_of(direction, "", 0, 0, payload);
    segment.transport = TRANSPORT_UDP;
    give(play, &segment);
}

static void a_refused_connection_is_told_from_a_reset_one(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    struct segment reset = segment_of(DIRECTION_IN, "RA", 0, CLIENT + 1, "");
    reset.ttl = 46;
    give(play, &reset);
    out(play, "S", CLIENT + 70000, 0, "");
    assert_log(play, "opened\nrefused rst 1\nclosed refused\nopened\n");
    assert_int_equal(play->refusal.moment.packet, 2);
    assert_int_equal(play->refusal.ttl, 46);
    assert_int_equal(play->refusal.dport, SERVER_PORT);
    assert_int_equal(play->refusal.reporter.bytes[3], 2);
    in(play, "SA", SERVER, CLIENT + 70001, "");
    out(play, "R", CLIENT + 70001, 0, "");
    tracker_finish(play->tracker);
    assert_log(play, "closed reset\n");
    play_free(play);
}

static void every_refused_try_counts(void **state)
{
    (void)state;
    struct play *play = play_new();
    for (int i = 0; i < 3; i++) { /* as Windows does */
        out(play, "S", CLIENT, 0, "");
        in(play, "RA", 0, CLIENT + 1, "");
        play->moment.time_ns += SECOND / 2;
    }
    tracker_finish(play->tracker);
    assert_log(play, "opened\nrefused rst 3\nclosed refused\n");
    assert_int_equal(play->refusal.moment.packet, 2);
    play_free(play);
}

static void a_forged_refusal_is_undone_by_the_answer(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    in(play, "RA", 0, CLIENT + 1, "");
    in(play, "SA", SERVER, CLIENT + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "hello");
    play->moment.time_ns += 2 * SECOND;
    in(play, "A", SERVER + 1, CLIENT + 6, "world");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout hello\nin world\nclosed open\n");
    play_free(play);
}

static void a_syn_that_nobody_answers_is_told_with_its_tries(void **state)
{
    (void)state;
    struct play *play = play_new();
    for (int i = 0; i < 3; i++) {
        out(play, "S", CLIENT, 0, "");
        play->moment.time_ns += (3 << i) * SECOND;
    }
    assert_log(play, "opened\n");
    play->moment.time_ns += 170 * SECOND; /* three minutes after the last one */
    struct segment other = segment_of(DIRECTION_OUT, "S", 1, 0, "");
    other.sport = 50001;
    give(play, &other);
    give(play, &other); /* two packets agree on the time */
    assert_log(play, "opened\nrefused unanswered 3\nclosed unanswered\n");
    assert_int_equal(play->refusal.moment.packet, 1);
    assert_int_equal(play->refusal.reporter.version, 0);
    play_free(play);
}

static void syns_are_waited_for_as_long_as_they_come(void **state)
{
    (void)state;
    struct play *play = play_new();
    for (int i = 0; i < 6; i++) {
        out(play, "S", CLIENT, 0, "");
        play->moment.time_ns += 100 * SECOND;
    }
    in(play, "SA", SERVER, CLIENT + 1, "");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nclosed open\n");
    play_free(play);
}

static void one_side_alone_is_not_unanswered(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "hello");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout hello\nclosed open\n");
    play_free(play);
}

static void an_icmp_error_refuses_the_flow_it_quotes(void **state)
{
    (void)state;
    struct play *play = play_new();
    out(play, "S", CLIENT, 0, "");
    error_about(play, DIRECTION_OUT, 3, 13);
    out(play, "S", CLIENT, 0, "");
    error_about(play, DIRECTION_OUT, 3, 13); /* the same again */
    tracker_finish(play->tracker);
    assert_log(play, "opened\nrefused icmp 2\nclosed refused\n");
    assert_int_equal(play->refusal.error.code, 13);
    assert_int_equal(play->refusal.ttl, 61);
    assert_int_equal(play->refusal.reporter.bytes[3], 9);
    assert_int_equal(play->refusal.moment.packet, 2);
    struct tracker_counts counts = tracker_counts(play->tracker);
    assert_int_equal(counts.icmp_errors, 2);
    assert_int_equal(counts.refused, 1);
    play_free(play);
}

static void other_icmp_errors_leave_the_connection_as_it_is(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    error_about(play, DIRECTION_IN, 3, 4); /* too big */
    error_about(play, DIRECTION_IN, 11, 0);
    out(play, "A", CLIENT + 1, SERVER + 1, "hello");
    tracker_finish(play->tracker);
    assert_log(play, "refused icmp 1\nout hello\nrefused icmp 1\nclosed open\n");
    assert_int_equal(play->refusal.sport, SERVER_PORT);
    out(play, "S", CLIENT, 0, "");
    error_about(play, DIRECTION_OUT, 11, 0);
    tracker_finish(play->tracker);
    assert_log(play, "opened\nrefused icmp 1\nrefused unanswered 1\nclosed unanswered\n");
    play_free(play);
}

static void an_icmp_error_about_nothing_known_is_told_at_once(void **state)
{
    (void)state;
    struct play *play = play_new();
    error_about(play, DIRECTION_OUT, 3, 1);
    assert_log(play, "refused icmp 0\n");
    assert_null(play->refusal.flow);
    assert_int_equal(tracker_counts(play->tracker).icmp_unmatched, 1);
    tracker_finish(play->tracker);
    assert_log(play, "");
    play_free(play);
}

/* ---- UDP ---- */

static void datagrams_of_both_sides_are_one_flow(void **state)
{
    (void)state;
    struct play *play = play_new();
    datagram(play, DIRECTION_IN, "answer"); /* from port 80: the other side asked */
    datagram(play, DIRECTION_OUT, "ask");
    datagram(play, DIRECTION_OUT, "");
    tracker_finish(play->tracker);
    assert_log(play, "opened\ndatagram in answer\ndatagram out ask\ndatagram out \nclosed open\n");
    assert_int_equal(play->last.transport, TRANSPORT_UDP);
    assert_int_equal(play->last.packets[DIRECTION_OUT], 2);
    assert_int_equal(play->last.bytes[DIRECTION_OUT], 3);
    assert_int_equal(play->last.bytes[DIRECTION_IN], 6);
    assert_int_equal(tracker_counts(play->tracker).datagram_flows, 1);
    play_free(play);
}

static void tcp_and_udp_between_the_same_ports_are_two_flows(void **state)
{
    (void)state;
    struct play *play = play_new();
    datagram(play, DIRECTION_OUT, "ask");
    out(play, "S", CLIENT, 0, "");
    datagram(play, DIRECTION_IN, "answer");
    in(play, "SA", SERVER, CLIENT + 1, "");
    tracker_finish(play->tracker);
    assert_log(play, "opened\ndatagram out ask\nopened\ndatagram in answer\nclosed open\nclosed open\n");
    play_free(play);
}

static void two_minutes_of_silence_end_a_conversation(void **state)
{
    (void)state;
    struct play *play = play_new();
    for (int i = 0; i < 5; i++) {
        datagram(play, DIRECTION_OUT, "on");
        play->moment.time_ns += 119 * SECOND;
    }
    play->moment.time_ns += 2 * SECOND;
    datagram(play, DIRECTION_OUT, "off");
    assert_log(play, "opened\ndatagram out on\ndatagram out on\ndatagram out on\ndatagram out on\ndatagram out on\n"
                     "closed open\nopened\ndatagram out off\n");
    play_free(play);
}

static void a_refused_datagram_is_told_with_those_that_were_sent(void **state)
{
    (void)state;
    struct play *play = play_new();
    for (int i = 0; i < 2; i++) {
        datagram(play, DIRECTION_OUT, "knock");
        struct segment error = segment_of(DIRECTION_OUT, "", 0, 0, "");
        error.transport = TRANSPORT_UDP;
        error.is_error = true;
        error.error = (struct icmp_error){3, 3, {.bytes = {10, 0, 0, 2}, .version = 4}};
        give(play, &error);
    }
    tracker_finish(play->tracker);
    assert_log(play, "opened\ndatagram out knock\ndatagram out knock\nrefused icmp 2\nclosed open\n");
    assert_int_equal(play->refusal.transport, TRANSPORT_UDP);
    play_free(play);
}

static void conversations_give_way_before_connections(void **state)
{
    (void)state;
    struct tracker_limits limits = {.flows = 3, .waiting_bytes = 1000, .waiting_total = 1000};
    struct play *play = play_new_with(&limits);
    out(play, "A", CLIENT, SERVER, "tcp");
    for (uint16_t i = 0; i < 5; i++) {
        struct segment segment = segment_of(DIRECTION_OUT, "", 0, 0, "x");
        segment.transport = TRANSPORT_UDP;
        segment.sport = (uint16_t)(50000 + i);
        give(play, &segment);
    }
    assert_int_equal(tracker_counts(play->tracker).evicted, 3);
    play->log[0] = '\0';
    play->length = 0;
    out(play, "A", CLIENT + 3, SERVER, "still");
    assert_log(play, "out still\n");
    play_free(play);
}

static void the_first_hop_limit_of_each_side_is_kept(void **state)
{
    (void)state;
    struct play *play = play_new();
    struct segment segment = segment_of(DIRECTION_OUT, "S", CLIENT, 0, "");
    segment.ttl = 128;
    give(play, &segment);
    segment = segment_of(DIRECTION_IN, "R", 1, 0, "");
    segment.ttl = 46;
    give(play, &segment);
    segment = segment_of(DIRECTION_IN, "SA", SERVER, CLIENT + 1, "");
    segment.ttl = 127;
    give(play, &segment);
    tracker_finish(play->tracker);
    assert_int_equal(play->last.ttl[DIRECTION_OUT], 128);
    assert_int_equal(play->last.ttl[DIRECTION_IN], 127);
    play_free(play);
}

/* ---- time ---- */

static void one_absurd_time_stamp_ends_only_its_own_flow(void **state)
{
    (void)state;
    struct play *play = play_new();
    shake_hands(play);
    struct segment other = segment_of(DIRECTION_OUT, "S", 1, 0, "");
    other.sport = 50001;
    play->moment.time_ns += 400000000 * SECOND;
    give(play, &other);
    play->moment.time_ns -= 400000000 * SECOND;
    out(play, "A", CLIENT + 1, SERVER + 1, "abc");
    tracker_finish(play->tracker);
    assert_log(play, "opened\nout abc\nclosed open\nrefused unanswered 1\nclosed unanswered\n");
    play_free(play);
}

/* Whether other flows' packets came between or not. */
static void a_flow_ends_by_its_own_silence(void **state)
{
    (void)state;
    for (int others = 0; others < 2; others++) {
        struct play *play = play_new();
        shake_hands(play);
        out(play, "R", CLIENT + 1, 0, "");
        play->moment.time_ns += 119 * SECOND;
        for (int i = 0; i < 5 * others; i++) {
            struct segment other = segment_of(DIRECTION_OUT, "A", 1, 0, "");
            other.sport = (uint16_t)(50001 + i);
            play->silent = true;
            give(play, &other);
        }
        play->silent = false;
        out(play, "A", CLIENT + 1, SERVER + 1, ""); /* late: opens nothing */
        play->moment.time_ns += 2 * SECOND;
        out(play, "A", CLIENT + 1000000, SERVER + 1, ""); /* too late */
        assert_log(play, others == 0 ? "closed reset\nopened\n" : "opened\n");
        play_free(play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_connection_is_told_from_a_reset_one),
        cmocka_unit_test(every_refused_try_counts),
        cmocka_unit_test(a_forged_refusal_is_undone_by_the_answer),
        cmocka_unit_test(a_syn_that_nobody_answers_is_told_with_its_tries),
        cmocka_unit_test(syns_are_waited_for_as_long_as_they_come),
        cmocka_unit_test(one_side_alone_is_not_unanswered),
        cmocka_unit_test(an_icmp_error_refuses_the_flow_it_quotes),
        cmocka_unit_test(other_icmp_errors_leave_the_connection_as_it_is),
        cmocka_unit_test(an_icmp_error_about_nothing_known_is_told_at_once),
        cmocka_unit_test(datagrams_of_both_sides_are_one_flow),
        cmocka_unit_test(tcp_and_udp_between_the_same_ports_are_two_flows),
        cmocka_unit_test(two_minutes_of_silence_end_a_conversation),
        cmocka_unit_test(a_refused_datagram_is_told_with_those_that_were_sent),
        cmocka_unit_test(conversations_give_way_before_connections),
        cmocka_unit_test(the_first_hop_limit_of_each_side_is_kept),
        cmocka_unit_test(one_absurd_time_stamp_ends_only_its_own_flow),
        cmocka_unit_test(a_flow_ends_by_its_own_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
