/* tests/unit/flow_fixture.h: segments given by hand to a tracker, and its events as text; for the tests of
 * capture/flow.h. */
#ifndef CMSCOPE_TESTS_FLOW_FIXTURE_H
#define CMSCOPE_TESTS_FLOW_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/flow.h"

#define SECOND INT64_C(1000000000)
#define LOG_MAX 4096

/* Events as text: "opened", "out abc", "gap out 5", "ended out", "datagram in abc", "refused icmp 2" (tries), "closed
 * reset"; one a line. */
struct play {
    struct tracker *tracker;
    struct moment moment;
    char log[LOG_MAX];
    size_t length;
    struct flow last;       /* as of the last closed event */
    struct refusal refusal; /* the last one; its flow may be gone */
    bool silent;            /* nothing is logged */
};

static inline void note(struct play *play, const char *format, ...) PRINTF_LIKE(2, 3);

static inline void note(struct play *play, const char *format, ...)
{
    if (play->silent)
        return;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(play->log + play->length, LOG_MAX - play->length, format, arguments);
    va_end(arguments);
    assert_true(written >= 0 && (size_t)written < LOG_MAX - play->length);
    play->length += (size_t)written;
}

static inline const char *side(enum direction direction)
{
    return direction == DIRECTION_OUT ? "out" : "in";
}

static inline void on_opened(void *context, struct flow *flow)
{
    assert_null(flow->user);
    note(context, "opened\n");
}

static inline void on_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                           struct moment moment)
{
    (void)flow;
    assert_true(moment.packet > 0);
    note(context, "%s %.*s\n", side(direction), (int)bytes.left, (const char *)bytes.at);
}

static inline void on_gap(void *context, struct flow *flow, enum direction direction, uint64_t bytes,
                          struct moment moment)
{
    (void)flow;
    assert_true(moment.packet > 0);
    note(context, "gap %s %llu\n", side(direction), (unsigned long long)bytes);
}

static inline void on_ended(void *context, struct flow *flow, enum direction direction, struct moment moment)
{
    (void)flow;
    assert_true(moment.packet > 0);
    note(context, "ended %s\n", side(direction));
}

static inline void on_closed(void *context, struct flow *flow)
{
    struct play *play = context;
    play->last = *flow;
    note(play, "closed %s\n", flow_state_name(flow->state));
}

static inline void on_datagram(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                               struct moment moment)
{
    assert_int_equal(flow->transport, TRANSPORT_UDP);
    assert_true(moment.packet > 0);
    note(context, "datagram %s %.*s\n", side(direction), (int)bytes.left, (const char *)bytes.at);
}

static inline void on_refused(void *context, const struct refusal *refusal)
{
    struct play *play = context;
    play->refusal = *refusal;
    note(play, "refused %s %llu\n", refusal_kind_name(refusal->kind), (unsigned long long)refusal->tries);
}

static inline struct play *play_new_with(const struct tracker_limits *limits)
{
    struct play *play = calloc(1, sizeof *play);
    assert_non_null(play);
    struct flow_events events = {.context = play,
                                 .opened = on_opened,
                                 .data = on_data,
                                 .gap = on_gap,
                                 .ended = on_ended,
                                 .closed = on_closed,
                                 .datagram = on_datagram,
                                 .refused = on_refused};
    play->tracker = tracker_new(limits, &events);
    assert_non_null(play->tracker);
    play->moment.time_ns = 1700000000 * SECOND;
    return play;
}

static inline struct play *play_new(void)
{
    struct tracker_limits limits = tracker_limits_default();
    return play_new_with(&limits);
}

static inline void play_free(struct play *play)
{
    tracker_free(play->tracker);
    free(play);
}

static inline void assert_log(struct play *play, const char *expected)
{
    assert_string_equal(play->log, expected);
    play->log[0] = '\0';
    play->length = 0;
}

enum { CLIENT_PORT = 50000, SERVER_PORT = 80, CLIENT = 1000, SERVER = 9000 };

static inline struct segment segment_of(enum direction direction, const char *flags, uint32_t sequence, uint32_t ack,
                                        const char *payload)
{
    struct address client = {.bytes = {10, 0, 0, 1}, .version = 4}, server = {.bytes = {10, 0, 0, 2}, .version = 4};
    bool out = direction == DIRECTION_OUT;
    return (struct segment){
        .src = out ? client : server,
        .dst = out ? server : client,
        .sport = out ? CLIENT_PORT : SERVER_PORT,
        .dport = out ? SERVER_PORT : CLIENT_PORT,
        .sequence = sequence,
        .acknowledgement = ack,
        .syn = strchr(flags, 'S') != NULL,
        .fin = strchr(flags, 'F') != NULL,
        .rst = strchr(flags, 'R') != NULL,
        .ack = strchr(flags, 'A') != NULL,
        .payload = cursor_of(payload, strlen(payload)),
        .payload_bytes = (uint32_t)strlen(payload),
    };
}

static inline void give(struct play *play, const struct segment *segment)
{
    play->moment.packet++;
    play->moment.time_ns += 1000;
    tracker_segment(play->tracker, segment, play->moment);
}

static inline void out(struct play *play, const char *flags, uint32_t sequence, uint32_t ack, const char *payload)
{
    struct segment segment = segment_of(DIRECTION_OUT, flags, sequence, ack, payload);
    give(play, &segment);
}

static inline void in(struct play *play, const char *flags, uint32_t sequence, uint32_t ack, const char *payload)
{
    struct segment segment = segment_of(DIRECTION_IN, flags, sequence, ack, payload);
    give(play, &segment);
}

/* After it, the client's first byte is CLIENT + 1 and the server's is SERVER + 1. */
static inline void shake_hands(struct play *play)
{
    out(play, "S", CLIENT, 0, "");
    in(play, "SA", SERVER, CLIENT + 1, "");
    out(play, "A", CLIENT + 1, SERVER + 1, "");
    assert_log(play, "opened\n");
}

/* Segments that bring nothing, as many and for as long as it takes until an acknowledged hole is given up. */
static inline void let_pass(struct play *play, uint32_t client_next, uint32_t server_next)
{
    for (int i = 0; i < 17; i++, play->moment.time_ns += SECOND / 100)
        in(play, "A", server_next, client_next, "");
}

#endif
