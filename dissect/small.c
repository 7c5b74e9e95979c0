/* dissect/small.c: what is only recognised, by its first bytes: magic packets, BINL, redirection of AMT, and the remote
 * tools of ConfigMgr, whose protocol is not published and which are known by their ports only.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dissect/internal.h"
#include "dissect/sspi.h"
#include "dissect/trouble.h"

/* ---- Wake-on-LAN: six bytes FF, sixteen times the address, then perhaps a password ---- */

#define MAC_BYTES 6
#define MAC_TIMES 16

static bool starts_magic(struct cursor at)
{
    static const uint8_t start[MAC_BYTES] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    return cursor_starts(at, start, sizeof start);
}

static bool take_magic(struct cursor *at, struct cursor *mac)
{
    struct cursor again;
    if (!starts_magic(*at) || !cursor_skip(at, MAC_BYTES) || !cursor_take(at, MAC_BYTES, mac))
        return false;
    for (int i = 1; i < MAC_TIMES; i++) {
        if (!cursor_take(at, MAC_BYTES, &again) || !cursor_equal(*mac, again))
            return false;
    }
    return true;
}

static enum recognition wol_recognise(struct cursor first, const struct flow *flow)
{
    struct cursor mac;
    (void)flow;
    return take_magic(&first, &mac) ? RECOGNISED_CLIENT : RECOGNISED_NOT;
}

static void wol_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    const struct layer *layer = state;
    struct conversation *conversation = layer->conversation;
    struct cursor mac, start = bytes;
    char text[3 * MAC_BYTES];
    if (!take_magic(&bytes, &mac)) {
        if (starts_magic(start))
            trouble_report(conversation, "wol", outcome_of_bytes(conversation), "magic packet", 0, moment);
        return;
    }
    struct wake_on_lan_row row = wake_on_lan_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.src = conversation_address(conversation, direction);
    row.dst = conversation_address(conversation, direction_reverse(direction));
    row.port = conversation->flow->port[direction_reverse(direction)];
    snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac.at[0], mac.at[1], mac.at[2], mac.at[3], mac.at[4],
             mac.at[5]);
    row.mac = text_of(text);
    row.password = bytes.left == 4 || bytes.left == MAC_BYTES;
    sink_append(&conversation->dissect->sink, TABLE_wake_on_lan, &row);
}

/* ---- BINL: u8 81 (client) or 82 (server), three letters, u32 length ---- */

#define PORT_BINL 4011

static const char *const BINL_MESSAGES[] = {"NEG", "CHL", "AUT", "RES", "REQ", "RSP", "RQU", "RSU",
                                            "NCQ", "NCR", "REG", "OFF", "UNR", "HLQ", "HLR"};

/* Index of the message that it begins with, or -1. */
static int binl_message(struct cursor at)
{
    uint8_t side;
    if (!cursor_u8(&at, &side) || (side != 0x81 && side != 0x82))
        return -1;
    for (size_t i = 0; i < sizeof BINL_MESSAGES / sizeof BINL_MESSAGES[0]; i++) {
        if (cursor_starts(at, BINL_MESSAGES[i], 3))
            return (int)i;
    }
    return -1;
}

static enum recognition binl_recognise(struct cursor first, const struct flow *flow)
{
    (void)flow;
    if (binl_message(first) < 0)
        return RECOGNISED_NOT;
    return first.at[0] == 0x81 ? RECOGNISED_CLIENT : RECOGNISED_SERVER;
}

static bool binl_fits(const struct flow *flow, enum direction client)
{
    return flow->port[direction_reverse(client)] == PORT_BINL;
}

static void binl_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    const struct layer *layer = state;
    struct conversation *conversation = layer->conversation;
    int message = binl_message(bytes);
    if (message < 0) {
        if (bytes.left > 0)
            trouble_report(conversation, "binl", outcome_of_bytes(conversation), "message", 0, moment);
        return;
    }
    enum direction client = bytes.at[0] == 0x81 ? direction : direction_reverse(direction);
    struct binl_row row = binl_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.message = text_of(BINL_MESSAGES[message]);
    row.client = conversation_address(conversation, client);
    row.server = conversation_address(conversation, direction_reverse(client));
    row.certainty = TEXT("low");
    sink_append(&conversation->dissect->sink, TABLE_binl, &row);
}

/* ---- Remote tools over TCP ---- */

struct tool {
    const char *name, *certainty;
    uint16_t port;     /* 0: any */
    const char *start; /* first bytes from the client; NULL: none are known */
    size_t length;
};

#define AMT_START(kind) "\x10\x00\x00\x00" kind, 8

static const struct tool TOOLS[] = {
    {"amt-sol", "high", 0, AMT_START("SOL ")}, /* StartRedirectionSession */
    {"amt-ider", "high", 0, AMT_START("IDER")},
    {"configmgr-remote-control", "low", 2701, NULL, 0},
    {"configmgr-remote-control", "low", 2702, NULL, 0},
};

/* From which clients take their ports: RFC 6335 section 6; Windows before Vista. */
static bool is_dynamic(uint16_t port)
{
    return port >= 49152 || (port >= 1025 && port <= 5000);
}

/* The direction of the side that asks the tool's port. Where the SYN was not seen, the other port must be one of a client. */
static bool find_client(const struct tool *tool, const struct flow *flow, enum direction *client)
{
    *client = DIRECTION_OUT;
    if (flow->port[DIRECTION_IN] == tool->port && (flow->handshake || is_dynamic(flow->port[DIRECTION_OUT])))
        return true;
    *client = DIRECTION_IN;
    return !flow->handshake && flow->port[DIRECTION_OUT] == tool->port && is_dynamic(flow->port[DIRECTION_IN]);
}

static enum recognition tool_match(const struct tool *tool, struct cursor first, const struct flow *flow)
{
    enum direction client;
    if (tool->port != 0 && !find_client(tool, flow, &client))
        return RECOGNISED_NOT;
    if (tool->start != NULL && !cursor_starts(first, tool->start, tool->length))
        return first.left < tool->length && memcmp(tool->start, first.at, first.left) == 0 ? RECOGNISED_MAYBE
                                                                                           : RECOGNISED_NOT;
    return RECOGNISED_CLIENT;
}

static enum recognition tool_recognise(struct cursor first, const struct flow *flow)
{
    enum recognition best = RECOGNISED_NOT;
    for (size_t i = 0; i < sizeof TOOLS / sizeof TOOLS[0] && best != RECOGNISED_CLIENT; i++) {
        enum recognition result = tool_match(&TOOLS[i], first, flow);
        best = result > best ? result : best;
    }
    return best;
}

struct remote {
    struct layer *layer;
    enum direction client;
    bool told;
};

static void *tool_open(struct layer *layer, enum direction client)
{
    struct remote *remote = calloc(1, sizeof *remote);
    if (remote == NULL)
        return NULL;
    remote->layer = layer;
    remote->client = client;
    return remote;
}

static const struct tool *tool_of(struct cursor bytes, const struct flow *flow)
{
    for (size_t i = 0; i < sizeof TOOLS / sizeof TOOLS[0]; i++) {
        if (tool_match(&TOOLS[i], bytes, flow) == RECOGNISED_CLIENT)
            return &TOOLS[i];
    }
    return NULL;
}

static void tool_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct remote *remote = state;
    const struct conversation *conversation = remote->layer->conversation;
    const struct flow *flow = conversation->flow;
    const struct tool *tool = remote->told ? NULL : tool_of(bytes, flow);
    (void)direction;
    if (tool == NULL)
        return;
    remote->told = true;
    enum direction client = remote->client;
    if (tool->port != 0 && !find_client(tool, flow, &client))
        return;
    struct remote_tool_row row = remote_tool_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.client = conversation_address(conversation, client);
    row.server = conversation_address(conversation, direction_reverse(client));
    row.port = flow->port[direction_reverse(client)];
    row.tool = text_of(tool->name);
    row.certainty = text_of(tool->certainty);
    row.auth = sspi_mechanism(bytes);
    sink_append(&conversation->dissect->sink, TABLE_remote_tool, &row);
}

static void tool_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    (void)state, (void)direction, (void)bytes, (void)moment;
}

static void tool_close(void *state)
{
    free(state);
}

/* ---- The dissectors ---- */

const struct dissector wake_on_lan_dissector = {
    .name = "wol",
    .recognise = wol_recognise,
    .datagram = wol_datagram,
};

const struct dissector binl_dissector = {
    .name = "binl",
    .recognise = binl_recognise,
    .fits = binl_fits,
    .datagram = binl_datagram,
};

const struct dissector remote_tool_dissector = {
    .name = "remote-tool",
    .recognise = tool_recognise,
    .open = tool_open,
    .data = tool_data,
    .gap = tool_gap,
    .close = tool_close,
};
