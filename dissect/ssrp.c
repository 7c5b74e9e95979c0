/* dissect/ssrp.c: who asks for instances of SQL Server, and which there are (MC-SQLR section 2.2), UDP 1434.
 *
 *   request: u8 2 (all, broadcast), 3 (all), 4 (one: name NUL), 15 (administrator port: u8 1, name NUL)
 *   reply:   u8 5, u16 length (little endian), "ServerName;X;InstanceName;Y;IsClustered;No;Version;V;tcp;1433;;" ...
 */
#include "dissect/internal.h"
#include "dissect/trouble.h"

#define PORT_SSRP 1434
#define NAME_MAX_BYTES 32 /* MC-SQLR 2.2.3 */
#define INSTANCES_MAX 256
#define PAIRS_MAX 32 /* of one instance */

enum { ALL_BROADCAST = 2, ALL = 3, ONE = 4, REPLY = 5, ADMINISTRATOR = 15 };

static enum recognition recognise(struct cursor first, const struct flow *flow)
{
    uint8_t kind;
    uint16_t length;
    (void)flow;
    if (!cursor_u8(&first, &kind))
        return RECOGNISED_NOT;
    switch (kind) {
    case ALL_BROADCAST:
    case ALL:
        return first.left == 0 ? RECOGNISED_CLIENT : RECOGNISED_NOT;
    case ONE:
    case ADMINISTRATOR:
        return first.left > 0 && first.left <= NAME_MAX_BYTES + 2 ? RECOGNISED_CLIENT : RECOGNISED_NOT;
    case REPLY:
        return cursor_le16(&first, &length) && length > 0 && length <= first.left ? RECOGNISED_SERVER : RECOGNISED_NOT;
    default:
        return RECOGNISED_NOT;
    }
}

static bool fits(const struct flow *flow, enum direction client)
{
    return flow->port[direction_reverse(client)] == PORT_SSRP;
}

static struct sql_instance_row row_of(const struct conversation *conversation, enum direction client,
                                      struct moment moment)
{
    struct sql_instance_row row = sql_instance_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.client = conversation_address(conversation, client);
    row.server = conversation_address(conversation, direction_reverse(client));
    return row;
}

/* Text up to the next semicolon, which is taken too. */
static bool take_word(struct cursor *at, struct text *word)
{
    size_t length;
    struct cursor bytes;
    if (!cursor_find(*at, cursor_of(";", 1), &length) || !cursor_take(at, length, &bytes) || !cursor_skip(at, 1))
        return false;
    *word = text_from(bytes);
    return true;
}

static void set_pair(struct sql_instance_row *row, struct text name, struct text value, struct arena *arena)
{
    uint64_t port;
    value = text_utf8(arena, value);
    if (text_is_like(name, "servername"))
        row->host = value;
    else if (text_is_like(name, "instancename"))
        row->instance = value;
    else if (text_is_like(name, "isclustered"))
        row->clustered = text_is_like(value, "yes");
    else if (text_is_like(name, "version"))
        row->version = value;
    else if (text_is_like(name, "np"))
        row->pipe = value;
    else if (text_is_like(name, "tcp") && text_to_u64(value, &port) && port <= UINT16_MAX)
        row->tcp_port = (int64_t)port;
}

/* One instance: pairs up to an empty name. */
static bool take_instance(struct cursor *at, struct sql_instance_row *row, struct arena *arena, bool *left_out)
{
    struct text name, value;
    unsigned pairs = 0;
    while (pairs < PAIRS_MAX && take_word(at, &name) && name.length > 0 && take_word(at, &value)) {
        set_pair(row, name, value, arena);
        pairs++;
    }
    *left_out = pairs == PAIRS_MAX;
    return pairs > 0;
}

static void ssrp_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    const struct layer *layer = state;
    struct conversation *conversation = layer->conversation;
    struct dissect *dissect = conversation->dissect;
    enum recognition kind = recognise(bytes, conversation->flow);
    struct cursor at = bytes, list;
    uint8_t request;
    uint16_t length;
    if (kind == RECOGNISED_NOT || !cursor_u8(&at, &request) ||
        !fits(conversation->flow, kind == RECOGNISED_CLIENT ? direction : direction_reverse(direction))) {
        if (bytes.left > 0)
            trouble_report(conversation, "ssrp", outcome_of_bytes(conversation), "message", 0, moment);
        return;
    }
    arena_reset(&dissect->scratch);
    if (kind == RECOGNISED_CLIENT) {
        struct sql_instance_row row = row_of(conversation, direction, moment);
        row.answered = 0;
        size_t end;
        if (request == ADMINISTRATOR && !cursor_skip(&at, 1))
            return;
        end = cursor_find(at, cursor_of("", 1), &end) ? end : at.left;
        if (end > 0)
            row.instance = text_utf8(&dissect->scratch, text_from(cursor_of(at.at, end)));
        sink_append(&dissect->sink, TABLE_sql_instance, &row);
        return;
    }
    if (!cursor_le16(&at, &length) || !cursor_take(&at, length, &list))
        return;
    bool left_out = false;
    for (int i = 0; i < INSTANCES_MAX && list.left > 0 && !left_out; i++) {
        struct sql_instance_row row = row_of(conversation, direction_reverse(direction), moment);
        row.answered = 1;
        if (!take_instance(&list, &row, &dissect->scratch, &left_out)) {
            trouble_report(conversation, "ssrp", outcome_of_bytes(conversation), "instance", UINT64_MAX, moment);
            return;
        }
        sink_append(&dissect->sink, TABLE_sql_instance, &row);
    }
    if (list.left > 0 || left_out)
        trouble_limit(conversation, "ssrp", LIMIT_ssrp_instances, moment);
}

const struct dissector ssrp_dissector = {
    .name = "ssrp",
    .recognise = recognise,
    .fits = fits,
    .datagram = ssrp_datagram,
};
