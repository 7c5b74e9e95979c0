/* tests/fuzz/play.h: a flow whose events come from the fuzzer, given to the dissectors as the tracker would give them.
 *
 *   u8 which of the ports; then again and again: u8 event (low 3 bits: 0 data out, 1 data in, 2 gap out, 3 gap in, 4 end
 *   out, 5 end in, 6 the flow closes and another opens, 7 data out in pieces of one byte), u16 length (big endian), for
 *   data: that many bytes. Over UDP data are datagrams, and there is nothing else but 6.
 */
#ifndef CMSCOPE_TESTS_FUZZ_PLAY_H
#define CMSCOPE_TESTS_FUZZ_PLAY_H

#include <stdlib.h>
#include <string.h>

#include "dissect/tls_internal.h"
#include "records/store.h"

struct play {
    struct flow_events events;
    struct flow flow;
    struct moment moment;
};

static inline void play_open(struct play *play, enum transport transport, uint16_t port)
{
    play->flow = (struct flow){
        .address = {{.bytes = {10, 0, 0, 1}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}},
        .port = {50000, port},
        .transport = (uint8_t)transport,
        .first = play->moment,
        .last = play->moment,
    };
    play->events.opened(play->events.context, &play->flow);
}

/* Hands over a copy of exactly that size, so that a sanitizer sees each step beyond it. */
static inline void play_give(struct play *play, enum direction direction, struct cursor bytes)
{
    uint8_t *copy = malloc(bytes.left);
    if (copy == NULL)
        return;
    memcpy(copy, bytes.at, bytes.left);
    play->flow.bytes[direction] += bytes.left;
    (play->flow.transport == TRANSPORT_UDP ? play->events.datagram : play->events.data)(
        play->events.context, &play->flow, direction, cursor_of(copy, bytes.left), play->moment);
    free(copy);
}

static inline void play_step(struct play *play, unsigned event, uint16_t length, struct cursor *input)
{
    enum direction direction = event & 1 && event != 7 ? DIRECTION_IN : DIRECTION_OUT;
    struct cursor bytes, byte;
    play->moment.packet++;
    play->moment.time_ns += 1000000;
    if (event == 6) {
        enum transport transport = play->flow.transport;
        uint16_t port = play->flow.port[1];
        play->events.closed(play->events.context, &play->flow);
        play_open(play, transport, port);
    } else if (event <= 1 || event == 7) {
        if (!cursor_take(input, length < input->left ? length : input->left, &bytes))
            return;
        while (event == 7 && play->flow.transport == TRANSPORT_TCP && cursor_take(&bytes, 1, &byte))
            play_give(play, direction, byte);
        if (bytes.left > 0)
            play_give(play, direction, bytes);
    } else if (play->flow.transport == TRANSPORT_TCP && event <= 3) {
        play->events.gap(play->events.context, &play->flow, direction, length == 0 ? UINT64_C(1) << 40 : length,
                         play->moment);
    } else if (play->flow.transport == TRANSPORT_TCP) {
        play->events.ended(play->events.context, &play->flow, direction, play->moment);
    }
}

/* All events of `input`, in a flow to that port. */
static inline void play_all(struct dissect *dissect, enum transport transport, uint16_t port, struct cursor input)
{
    struct play play = {.events = dissect_events(dissect), .moment = {.packet = 1, .time_ns = 1700000000000000000}};
    uint8_t event;
    uint16_t length;
    play_open(&play, transport, port);
    while (cursor_u8(&input, &event) && cursor_be16(&input, &length))
        play_step(&play, event & 7, length, &input);
    play.events.closed(play.events.context, &play.flow);
}

/* What takes long to set up and does not change is kept from one input to the next. */
struct play_kept {
    struct ccm_body_index *body_index;
    struct tls_crypto *crypto;
};

static inline struct play_kept *play_kept(void)
{
    static struct play_kept kept;
    if (kept.body_index == NULL)
        kept = (struct play_kept){ccm_body_index_new(), tls_crypto_new()};
    return &kept;
}

/* A new dissect that writes into the store; play_end must follow. */
static inline struct dissect *play_begin(struct store *store, unsigned needs)
{
    if (store == NULL)
        abort();
    struct sink sink = store_sink(store);
    struct dissect *dissect = dissect_new(&sink, needs);
    if (dissect == NULL)
        abort();
    dissect->decoder.body_index = play_kept()->body_index;
    dissect->tls->crypto = play_kept()->crypto;
    dissect->tls->crypto_tried = true;
    return dissect;
}

/* Settles what waits, and frees both. */
static inline void play_end(struct dissect *dissect, struct store *store)
{
    dissect_finish(dissect);
    dissect->decoder.body_index = NULL;
    dissect->tls->crypto = NULL;
    dissect_free(dissect);
    store_free(store);
}

struct play_port {
    enum transport transport;
    uint16_t port;
};

/* Input for one of the ports, which the first byte chooses; everything is decoded. */
static inline void play_input(const uint8_t *data, size_t size, const struct play_port *ports, size_t count)
{
    struct cursor input = cursor_of(data, size);
    struct store *store = store_new();
    struct dissect *dissect = play_begin(store, UINT32_MAX);
    uint8_t which = 0;
    if (cursor_u8(&input, &which))
        which = (uint8_t)(which % count);
    play_all(dissect, ports[which].transport, ports[which].port, input);
    play_end(dissect, store);
}

#endif
