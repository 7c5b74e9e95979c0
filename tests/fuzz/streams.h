/* tests/fuzz/streams.h: any events of one flow after another, given to the dissectors as the tracker would give them.
 *
 *   again and again: u8 event (low 3 bits: 0 data out, 1 data in, 2 gap out, 3 gap in, 4 data out in pieces of one byte,
 *   5 the same in, 6 the flow closes and another opens, 7 data out), u16 length (big endian), for data: that many bytes
 */
#ifndef CMSCOPE_TESTS_FUZZ_STREAMS_H
#define CMSCOPE_TESTS_FUZZ_STREAMS_H

#include <stdlib.h>
#include <string.h>

#include "dissect/dissect.h"
#include "records/store.h"

/* Making a dissect takes milliseconds, so one serves many inputs, each with a store of its own. */
#define STREAMS_INPUTS_OF_DISSECT 256

struct fuzz {
    struct store *store;
    struct dissect *dissect;
    unsigned inputs;
};

static inline int64_t fuzz_append(void *context, enum table table, const void *row)
{
    struct sink sink = store_sink(((struct fuzz *)context)->store);
    return sink.append(sink.context, table, row);
}

static inline void fuzz_amend(void *context, enum table table, int64_t id, const void *row)
{
    struct sink sink = store_sink(((struct fuzz *)context)->store);
    sink.amend(sink.context, table, id, row);
}

static inline const void *fuzz_row(void *context, enum table table, int64_t id)
{
    struct sink sink = store_sink(((struct fuzz *)context)->store);
    return sink.row(sink.context, table, id);
}

static inline int64_t fuzz_count(void *context, enum table table)
{
    struct sink sink = store_sink(((struct fuzz *)context)->store);
    return sink.count(sink.context, table);
}

/* A dissect with an empty store; fuzz_end must follow. */
static inline struct fuzz *fuzz_begin(void)
{
    static struct fuzz fuzz;
    if (fuzz.inputs++ % STREAMS_INPUTS_OF_DISSECT == 0) {
        struct sink sink = {
            .context = &fuzz, .append = fuzz_append, .amend = fuzz_amend, .row = fuzz_row, .count = fuzz_count};
        dissect_free(fuzz.dissect);
        fuzz.dissect = dissect_new(&sink, NEED_SERVERS);
    }
    fuzz.store = store_new();
    if (fuzz.store == NULL || fuzz.dissect == NULL)
        abort();
    return &fuzz;
}

static inline void fuzz_end(struct fuzz *fuzz)
{
    store_free(fuzz->store);
    fuzz->store = NULL;
}

struct streams {
    struct flow_events events;
    struct flow flow;
    struct moment moment;
    uint16_t port;
};

static inline void streams_open(struct streams *streams)
{
    streams->flow = (struct flow){
        .address = {{.bytes = {10, 0, 0, 1}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}},
        .port = {50000, streams->port},
        .first = streams->moment,
        .last = streams->moment,
    };
    streams->events.opened(streams->events.context, &streams->flow);
}

/* Hands over a copy of exactly that size, so that a sanitizer sees each step beyond it. */
static inline void streams_give(struct streams *streams, enum direction direction, struct cursor bytes)
{
    if (bytes.left == 0)
        return;
    uint8_t *copy = malloc(bytes.left);
    if (copy == NULL)
        return;
    memcpy(copy, bytes.at, bytes.left);
    streams->flow.bytes[direction] += bytes.left;
    streams->events.data(streams->events.context, &streams->flow, direction, cursor_of(copy, bytes.left),
                         streams->moment);
    free(copy);
}

static inline void streams_step(struct streams *streams, uint8_t event, uint16_t length, struct cursor *input)
{
    enum direction direction = event & 1 && event != 7 ? DIRECTION_IN : DIRECTION_OUT;
    struct cursor bytes, byte;
    streams->moment.packet++;
    streams->moment.time_ns += 1000000;
    if (event == 2 || event == 3) {
        streams->events.gap(streams->events.context, &streams->flow, direction,
                            length == 0 ? UINT64_C(1) << 40 : length, streams->moment);
        return;
    }
    if (event == 6) {
        streams->events.closed(streams->events.context, &streams->flow);
        streams_open(streams);
        return;
    }
    if (!cursor_take(input, length < input->left ? length : input->left, &bytes))
        return;
    while ((event == 4 || event == 5) && cursor_take(&bytes, 1, &byte))
        streams_give(streams, direction, byte);
    streams_give(streams, direction, bytes);
}

/* Plays the input to the server's port. */
static inline void streams_play(const uint8_t *data, size_t size, uint16_t port)
{
    struct cursor input = cursor_of(data, size);
    struct fuzz *fuzz = fuzz_begin();
    struct streams streams = {
        .events = dissect_events(fuzz->dissect), .moment = {.packet = 1, .time_ns = 1700000000000000000}, .port = port};
    streams_open(&streams);
    uint8_t event;
    uint16_t length;
    while (cursor_u8(&input, &event) && cursor_be16(&input, &length))
        streams_step(&streams, event & 7, length, &input);
    streams.events.closed(streams.events.context, &streams.flow);
    fuzz_end(fuzz);
}

#endif
