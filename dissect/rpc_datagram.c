/* dissect/rpc_datagram.c: connectionless DCE/RPC is recognised and its interface told, no more (C706 12.5).
 *
 *   u8 4, u8 type, u8 flags, u8 flags, data representation[3], u8, object[16], interface[16], activity[16], u32 boot
 *   time, u32 interface version, u32 sequence, u16 opnum, u16, u16, u16 length of the body, u16, u8 auth, u8
 */
#include <stdlib.h>

#include "capture/order.h"
#include "dissect/internal.h"
#include "dissect/rpc.h"
#include "dissect/trouble.h"

#define HEADER_BYTES 80
#define TYPE_MAX 10
#define TYPE_REQUEST 0

struct rpc_datagrams {
    struct conversation *conversation;
    enum direction client;
    int64_t row;
};

static bool take_header(struct cursor at, uint8_t *type, bool *big_endian, struct cursor *interface)
{
    uint16_t length;
    struct cursor whole = at;
    if (at.left < HEADER_BYTES || at.at[0] != 4 || at.at[1] > TYPE_MAX || (at.at[4] & 0xEE) != 0 || at.at[5] > 3 ||
        at.at[6] != 0)
        return false;
    *type = at.at[1];
    *big_endian = (at.at[4] & 0x10) == 0;
    return cursor_skip(&at, 74) && order_u16(&at, *big_endian, &length) && length == whole.left - HEADER_BYTES &&
           cursor_slice(whole, 24, 16, interface);
}

static enum recognition recognise(struct cursor first, const struct flow *flow)
{
    (void)flow;
    uint8_t type;
    bool big_endian;
    struct cursor interface;
    if (!take_header(first, &type, &big_endian, &interface))
        return RECOGNISED_NOT;
    return type == TYPE_REQUEST || type == 1 || type == 7 || type == 8 ? RECOGNISED_CLIENT : RECOGNISED_SERVER;
}

static void *open_state(struct layer *layer, enum direction client)
{
    struct rpc_datagrams *state = calloc(1, sizeof *state);
    if (state != NULL)
        *state = (struct rpc_datagrams){.conversation = layer->conversation, .client = client, .row = INT_NULL};
    return state;
}

static void datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    (void)direction;
    struct rpc_datagrams *rpc = state;
    struct conversation *conversation = rpc->conversation;
    uint8_t type;
    bool big_endian;
    struct cursor interface;
    char uuid[RPC_UUID_TEXT];
    if (!take_header(bytes, &type, &big_endian, &interface)) {
        trouble_report(rpc->conversation, "rpc", outcome_of_bytes(rpc->conversation), "header of a datagram", 0,
                       moment);
        return;
    }
    if (rpc->row != INT_NULL)
        return;
    rpc_uuid_text(interface, big_endian, uuid);
    const struct rpc_interface *known = rpc_interface_find(uuid);
    struct rpc_row row = rpc_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.transport = TEXT("udp");
    row.client = conversation_address(conversation, rpc->client);
    row.server = conversation_address(conversation, direction_reverse(rpc->client));
    row.port = conversation->flow->port[direction_reverse(rpc->client)];
    row.uuid = text_of(uuid);
    row.interface = known == NULL ? TEXT_NULL : text_of(known->name);
    row.purpose = known == NULL ? TEXT_NULL : text_of(known->purpose);
    rpc->row = sink_append(&conversation->dissect->sink, TABLE_rpc, &row);
}

const struct dissector rpc_datagram_dissector = {
    .name = "rpc",
    .need = NEED_SERVERS,
    .recognise = recognise,
    .open = open_state,
    .datagram = datagram,
    .close = free,
};
