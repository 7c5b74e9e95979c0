/* tests/fuzz/fuzz_ike.c: datagrams of UDP 500 or 4500, each given to the dissectors as the tracker would give it.
 *
 *   then again and again: u8 (bit 0: from the server, bit 1: of port 4500, in another flow), u16 length (big endian),
 *   that many bytes
 */
#include <stdlib.h>
#include <string.h>

#include "dissect/dissect.h"
#include "records/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Hands over a copy of exactly that size, so that a sanitizer sees each step beyond it. */
static void give(const struct flow_events *events, struct flow *flow, enum direction direction, struct cursor bytes,
                 struct moment moment)
{
    uint8_t *copy = malloc(bytes.left + 1);
    if (copy == NULL)
        return;
    if (bytes.left > 0)
        memcpy(copy + 1, bytes.at, bytes.left);
    events->datagram(events->context, flow, direction, cursor_of(copy + 1, bytes.left), moment);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t ports[2] = {500, 4500};
    struct cursor input = cursor_of(data, size), bytes;
    struct store *store = store_new();
    struct sink sink = store_sink(store);
    struct dissect *dissect = dissect_new(&sink, NEED_NOTHING);
    if (store == NULL || dissect == NULL)
        abort();
    struct flow_events events = dissect_events(dissect);
    struct moment moment = {.packet = 1, .time_ns = 1700000000000000000};
    struct flow flows[2];
    for (int i = 0; i < 2; i++) {
        flows[i] = (struct flow){
            .address = {{.bytes = {10, 0, 0, 1}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}},
            .port = {ports[i], ports[i]},
            .transport = TRANSPORT_UDP,
            .first = moment,
            .last = moment,
        };
        events.opened(events.context, &flows[i]);
    }
    uint8_t event;
    uint16_t length;
    while (cursor_u8(&input, &event) && cursor_be16(&input, &length) &&
           cursor_take(&input, length < input.left ? length : input.left, &bytes)) {
        moment.packet++;
        give(&events, &flows[event >> 1 & 1], event & 1 ? DIRECTION_IN : DIRECTION_OUT, bytes, moment);
    }
    for (int i = 0; i < 2; i++)
        events.closed(events.context, &flows[i]);
    dissect_finish(dissect);
    dissect_free(dissect);
    store_free(store);
    return 0;
}
