/* tests/fuzz/fuzz_http.c: any events of flows, given to the dissectors as the tracker would give them.
 *
 *   then again and again: u8 event (low 3 bits: 0 data out, 1 data in, 2 gap out, 3 gap in, 4 end out, 5 end in, 6
 * the flow
 *   closes and another opens, 7 data out in pieces of one byte), u16 length (big endian), for data: that many bytes
 */
#include <stdlib.h>
#include <string.h>

#include "dissect/dissect.h"
#include "records/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum event { DATA_OUT, DATA_IN, GAP_OUT, GAP_IN, END_OUT, END_IN, NEXT, BYTES_OUT };

struct play {
    struct flow_events events;
    struct flow flow;
    struct moment moment;
};

static void flow_open(struct play *play)
{
    play->flow = (struct flow){
        .address = {{.bytes = {10, 0, 0, 1}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}},
        .port = {50000, 80},
        .first = play->moment,
        .last = play->moment,
    };
    play->events.opened(play->events.context, &play->flow);
}

/* Hands over a copy of exactly that size, so that a sanitizer sees each step beyond it. */
static void give(struct play *play, enum direction direction, struct cursor bytes)
{
    if (bytes.left == 0)
        return;
    uint8_t *copy = malloc(bytes.left);
    if (copy == NULL)
        return;
    memcpy(copy, bytes.at, bytes.left);
    play->flow.bytes[direction] += bytes.left;
    play->events.data(play->events.context, &play->flow, direction, cursor_of(copy, bytes.left), play->moment);
    free(copy);
}

static void step(struct play *play, enum event event, uint16_t length, struct cursor *input)
{
    enum direction direction = event & 1 && event != BYTES_OUT ? DIRECTION_IN : DIRECTION_OUT;
    struct cursor bytes, byte;
    play->moment.packet++;
    play->moment.time_ns += 1000000;
    switch (event) {
    case DATA_OUT:
    case DATA_IN:
    case BYTES_OUT:
        if (!cursor_take(input, length < input->left ? length : input->left, &bytes))
            return;
        while (event == BYTES_OUT && cursor_take(&bytes, 1, &byte))
            give(play, direction, byte);
        give(play, direction, bytes);
        return;
    case GAP_OUT:
    case GAP_IN:
        play->events.gap(play->events.context, &play->flow, direction, length == 0 ? UINT64_C(1) << 40 : length,
                         play->moment);
        return;
    case END_OUT:
    case END_IN:
        play->events.ended(play->events.context, &play->flow, direction, play->moment);
        return;
    case NEXT:
        play->events.closed(play->events.context, &play->flow);
        flow_open(play);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size);
    struct store *store = store_new();
    struct sink sink = store_sink(store);
    struct dissect *dissect = dissect_new(&sink, NEED_EVERYTHING | NEED_FIELD);
    if (store == NULL || dissect == NULL)
        abort();
    struct play play = {.events = dissect_events(dissect), .moment = {.packet = 1, .time_ns = 1700000000000000000}};
    flow_open(&play);
    uint8_t event;
    uint16_t length;
    while (cursor_u8(&input, &event) && cursor_be16(&input, &length))
        step(&play, (enum event)(event & 7), length, &input);
    play.events.closed(play.events.context, &play.flow);
    dissect_finish(dissect);
    dissect_free(dissect);
    store_free(store);
    return 0;
}
