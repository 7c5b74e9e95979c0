/* dissect/rpc.c: connection-oriented DCE/RPC, over TCP and in named pipes; see rpc.h.
 *
 *   fragment (C706 12.6.3): u8 5, u8 minor, u8 type, u8 flags, data representation[4], u16 length of the fragment,
 *   u16 length of the authentication value, u32 call
 *     bind, alter   u16, u16, u32, u8 contexts, u8, u16; each: u16 id, u8 transfer syntaxes, u8, abstract syntax[20],
 *                   transfer syntaxes[20 each]
 *     their answers u16, u16, u32, u16 length of an address and the address, aligned to 4, u8 results, u8, u16; each:
 *                   u16 result, u16 reason, transfer syntax[20]
 *     request       u32, u16 context, u16 opnum, object UUID[16] with flag 0x80, stub
 *     response      u32, u16 context, u8, u8, stub
 *   and at the end of the fragment (MS-RPCE 2.2.2.11): u8 type, u8 level, u8 padding, u8, u32 context, the value
 */
#include "dissect/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/order.h"
#include "core/buffer.h"
#include "dissect/auth.h"
#include "dissect/internal.h"
#include "dissect/trouble.h"

#define HEADER_BYTES 16
#define FRAGMENT_MAX ((size_t)65535)
#define HEAD_KEEP 8192
#define CONTEXTS_MAX 32   /* presentation contexts of a connection */
#define BOUND_MAX 16      /* of one bind */
#define BINDINGS_MAX 32   /* interfaces of a connection, each a row */
#define OPNUMS_MAX 256    /* numbered beyond: not told by number */
#define OBJECTS_MAX 4096  /* bytes of names told of one interface */
#define OBJECT_MAX 520    /* characters of one name */
#define ENDPOINTS_MAX 512 /* told of one connection */
#define FLOORS_MAX 8
#define WORDS_MAX 2048 /* bytes of a list of operations */
#define FLAG_OBJECT 0x80
#define AUTH_TRAILER_BYTES 8
#define AUTH_NETLOGON 68
#define AUTH_TLS 14
#define LEVEL_NONE 1
#define LEVEL_CONNECT 2
#define LEVEL_CALL 3
#define LEVEL_PRIVACY 6

enum type {
    REQUEST = 0,
    RESPONSE = 2,
    FAULT = 3,
    BIND = 11,
    BIND_ACK = 12,
    BIND_NAK = 13,
    ALTER = 14,
    ALTER_RESPONSE = 15,
    AUTH3 = 16,
    SHUTDOWN = 17,
    CANCEL = 18,
    ORPHANED = 19
};

/* An interface: a row. */
struct binding {
    int64_t row;
    const struct rpc_interface *interface; /* or NULL */
    uint64_t opnums[OPNUMS_MAX / 64];
    uint64_t calls, faults;
    int level;      /* of its bind; 0: not known */
    int call_level; /* lowest of its requests; 0: none */
    struct buffer objects;
};

struct context {
    bool used;
    uint16_t id;
    size_t binding;
};

struct rpc_stream {
    bool lost;
    struct buffer head;
};

struct rpc {
    struct conversation *conversation;
    struct dissect *dissect;
    struct auth_carrier carrier;
    struct auth auth;
    enum direction client;
    struct moment moment;
    struct rpc_stream streams[2];
    int64_t file;
    int auth_type, auth_level; /* of the last bind; 0: not known */
    struct context contexts[CONTEXTS_MAX];
    struct binding *bindings;
    size_t binding_count;
    size_t bound[BOUND_MAX]; /* bindings of the last bind, in the order of its contexts */
    size_t bound_count;
    unsigned endpoints;
};

struct fragment {
    struct cursor body; /* behind the header, without the authentication */
    struct cursor auth; /* value */
    uint8_t type, flags, auth_type, auth_level;
    bool big_endian;
};

/* ---- Recognition ---- */

static bool is_server_type(uint8_t type)
{
    return type == RESPONSE || type == FAULT || type == BIND_ACK || type == BIND_NAK || type == ALTER_RESPONSE ||
           type == SHUTDOWN;
}

static bool is_client_type(uint8_t type)
{
    return type == REQUEST || type == BIND || type == ALTER || type == AUTH3 || type == CANCEL || type == ORPHANED;
}

/* Version 5.0 or 5.1, a type, flags, and a data representation of ASCII or EBCDIC, either order, IEEE ... Cray. */
static enum recognition recognise_header(struct cursor at)
{
    static const uint8_t limits[8] = {5, 1, ORPHANED, 0xFF, 0x11, 3, 0, 0};
    for (size_t i = 0; i < sizeof limits && i < at.left; i++) {
        if (at.at[i] > limits[i] || (i == 0 && at.at[i] != 5) || (i == 4 && (at.at[i] & 0xEE) != 0))
            return RECOGNISED_NOT;
    }
    if (at.left < HEADER_BYTES)
        return RECOGNISED_MAYBE;
    bool big = (at.at[4] & 0x10) == 0;
    struct cursor lengths;
    uint16_t length, auth;
    if (!cursor_slice(at, 8, 4, &lengths) || !order_u16(&lengths, big, &length) || !order_u16(&lengths, big, &auth) ||
        length < HEADER_BYTES || auth > length - HEADER_BYTES)
        return RECOGNISED_NOT;
    if (is_server_type(at.at[2]))
        return RECOGNISED_SERVER;
    return is_client_type(at.at[2]) ? RECOGNISED_CLIENT : RECOGNISED_NOT;
}

static enum recognition rpc_recognise(struct cursor first, const struct flow *flow)
{
    (void)flow;
    return first.left == 0 ? RECOGNISED_MAYBE : recognise_header(first);
}

static void report(const struct rpc *rpc, enum outcome outcome, const char *what)
{
    trouble_report(rpc->conversation, "rpc", outcome, what, UINT64_MAX, rpc->moment);
}

static void left_out(const struct rpc *rpc, enum limit limit)
{
    trouble_limit(rpc->conversation, "rpc", limit, rpc->moment);
}

/* ---- Rows ---- */

static const char *auth_text(const struct rpc *rpc)
{
    const char *name = auth_name(&rpc->auth);
    if (rpc->auth_type == 0)
        return "none";
    if (rpc->auth_type == AUTH_NETLOGON)
        return "netlogon";
    if (rpc->auth_type == AUTH_TLS)
        return "tls";
    return name != NULL ? name : rpc->auth_type == 16 ? "kerberos" : rpc->auth_type == 10 ? "ntlm" : "spnego";
}

static struct rpc_row row_new(const struct rpc *rpc)
{
    const struct conversation *conversation = rpc->conversation;
    struct rpc_row row = rpc_row_null();
    row.packet = rpc->moment.packet;
    row.time = moment_seconds(rpc->moment);
    row.flow = conversation->row;
    row.transport = rpc->file == INT_NULL ? TEXT("tcp") : TEXT("pipe");
    row.client = conversation_address(conversation, rpc->client);
    row.server = conversation_address(conversation, direction_reverse(rpc->client));
    row.port = conversation->flow->port[direction_reverse(rpc->client)];
    row.file = rpc->file;
    return row;
}

/* A binding for the interface, which may be there already; BINDINGS_MAX when there is no room. `uuid` NULL: unknown. */
static size_t binding_get(struct rpc *rpc, const char *uuid, uint32_t version)
{
    const struct sink *sink = &rpc->dissect->sink;
    for (size_t i = 0; i < rpc->binding_count; i++) {
        const struct rpc_row *kept = sink_kept(sink, TABLE_rpc, rpc->bindings[i].row);
        if (kept != NULL && (uuid == NULL ? kept->uuid.at == NULL : text_is(kept->uuid, uuid)))
            return i;
    }
    struct binding *grown =
        rpc->binding_count >= BINDINGS_MAX ? NULL : realloc(rpc->bindings, (rpc->binding_count + 1) * sizeof *grown);
    if (grown == NULL) {
        left_out(rpc, LIMIT_rpc_bindings);
        return BINDINGS_MAX;
    }
    rpc->bindings = grown;
    struct binding *binding = &grown[rpc->binding_count];
    *binding = (struct binding){.interface = uuid == NULL ? NULL : rpc_interface_find(uuid)};
    buffer_init(&binding->objects, OBJECTS_MAX);
    struct rpc_row row = row_new(rpc);
    row.uuid = text_of(uuid);
    if (uuid != NULL)
        row.interface_version =
            text_format(&rpc->dissect->scratch, "%u.%u", (unsigned)(version & 0xFFFF), (unsigned)(version >> 16));
    if (binding->interface != NULL) {
        row.interface = text_of(binding->interface->name);
        row.purpose = text_of(binding->interface->purpose);
    }
    binding->row = sink_append(sink, TABLE_rpc, &row);
    return rpc->binding_count++;
}

/* Words separated by commas; what does not fit is left out. */
struct words {
    size_t length;
    char text[WORDS_MAX];
};

static void words_add(struct words *words, const char *word)
{
    size_t length = strlen(word), comma = words->length > 0;
    if (words->length + comma + length > sizeof words->text)
        return;
    if (comma)
        words->text[words->length] = ',';
    memcpy(words->text + words->length + comma, word, length);
    words->length += comma + length;
}

static struct text words_text(const struct words *words)
{
    return words->length == 0 ? TEXT_NULL : (struct text){words->text, words->length};
}

static void list_operations(const struct binding *binding, struct words *numbers, struct words *names)
{
    for (unsigned opnum = 0; opnum < OPNUMS_MAX; opnum++) {
        if (!(binding->opnums[opnum / 64] >> opnum % 64 & 1))
            continue;
        char number[8];
        const char *name = rpc_operation_name(binding->interface, opnum);
        snprintf(number, sizeof number, "%u", opnum);
        words_add(numbers, number);
        if (name != NULL)
            words_add(names, name);
    }
}

static void binding_write(struct rpc *rpc, struct binding *binding)
{
    const struct sink *sink = &rpc->dissect->sink;
    const struct rpc_row *kept = sink_kept(sink, TABLE_rpc, binding->row);
    if (kept == NULL)
        return;
    struct rpc_row row = *kept;
    int level = binding->call_level != 0 ? binding->call_level : binding->level;
    row.calls = (int64_t)binding->calls;
    row.faults = (int64_t)binding->faults;
    row.auth_level = level == 0 ? INT_NULL : level;
    if (level != 0) {
        row.auth_type = level == LEVEL_NONE ? 0 : rpc->auth_type;
        row.auth = level == LEVEL_NONE ? TEXT("none") : text_of(auth_text(rpc));
    }
    if (level > LEVEL_NONE) {
        row.ntlm = rpc->auth.ntlm;
        row.kerberos = rpc->auth.kerberos;
    }
    struct words numbers = {0}, names = {0};
    list_operations(binding, &numbers, &names);
    row.opnums = words_text(&numbers);
    row.operations = words_text(&names);
    if (binding->objects.length > 0)
        row.objects = text_from(buffer_cursor(&binding->objects));
    sink_amend(sink, TABLE_rpc, binding->row, &row);
}

/* ---- Bind ---- */

static struct context *context_find(struct rpc *rpc, uint16_t id)
{
    for (size_t i = 0; i < CONTEXTS_MAX; i++) {
        if (rpc->contexts[i].used && rpc->contexts[i].id == id)
            return &rpc->contexts[i];
    }
    return NULL;
}

static void context_set(struct rpc *rpc, uint16_t id, size_t binding)
{
    struct context *context = context_find(rpc, id);
    for (size_t i = 0; context == NULL && i < CONTEXTS_MAX; i++)
        context = rpc->contexts[i].used ? NULL : &rpc->contexts[i];
    if (context == NULL)
        left_out(rpc, LIMIT_rpc_contexts);
    if (context != NULL && binding < BINDINGS_MAX)
        *context = (struct context){.used = true, .id = id, .binding = binding};
}

static bool take_bind(struct rpc *rpc, const struct fragment *fragment)
{
    struct cursor at = fragment->body, uuid;
    uint8_t contexts, transfers;
    uint16_t id;
    uint32_t version;
    char text[RPC_UUID_TEXT];
    rpc->bound_count = 0;
    if (!cursor_skip(&at, 8) || !cursor_u8(&at, &contexts) || !cursor_skip(&at, 3))
        return false;
    if (contexts > BOUND_MAX)
        left_out(rpc, LIMIT_rpc_bound);
    for (unsigned i = 0; i < contexts && i < BOUND_MAX; i++) {
        if (!order_u16(&at, fragment->big_endian, &id) || !cursor_u8(&at, &transfers) || !cursor_skip(&at, 1) ||
            !cursor_take(&at, 16, &uuid) || !order_u32(&at, fragment->big_endian, &version) ||
            !cursor_skip(&at, (size_t)transfers * 20))
            return false;
        rpc_uuid_text(uuid, fragment->big_endian, text);
        size_t binding = binding_get(rpc, text, version);
        rpc->bound[rpc->bound_count++] = binding;
        context_set(rpc, id, binding);
        if (binding < BINDINGS_MAX)
            rpc->bindings[binding].level = fragment->auth_level == 0 ? LEVEL_NONE : fragment->auth_level;
    }
    return true;
}

static void set_accepted(struct rpc *rpc, size_t place, bool accepted)
{
    const struct sink *sink = &rpc->dissect->sink;
    const struct binding *binding = place < rpc->binding_count ? &rpc->bindings[place] : NULL;
    const struct rpc_row *kept = binding == NULL ? NULL : sink_kept(sink, TABLE_rpc, binding->row);
    if (kept == NULL)
        return;
    struct rpc_row row = *kept;
    row.accepted = row.accepted == 1 || accepted; /* one of its transfer syntaxes is enough */
    sink_amend(sink, TABLE_rpc, binding->row, &row);
}

static bool take_bind_ack(struct rpc *rpc, const struct fragment *fragment)
{
    struct cursor at = fragment->body;
    uint16_t length, result, reason;
    uint8_t results;
    if (!cursor_skip(&at, 8) || !order_u16(&at, fragment->big_endian, &length) || !cursor_skip(&at, length))
        return false;
    size_t read = HEADER_BYTES + fragment->body.left - at.left;
    if (!cursor_skip(&at, (4 - read % 4) % 4) || !cursor_u8(&at, &results) || !cursor_skip(&at, 3))
        return false;
    for (unsigned i = 0; i < results && i < rpc->bound_count; i++) {
        if (!order_u16(&at, fragment->big_endian, &result) || !order_u16(&at, fragment->big_endian, &reason) ||
            !cursor_skip(&at, 20))
            return false;
        set_accepted(rpc, rpc->bound[i], result == 0);
    }
    return true;
}

static bool take_bind_nak(struct rpc *rpc, const struct fragment *fragment)
{
    (void)fragment;
    for (size_t i = 0; i < rpc->bound_count; i++)
        set_accepted(rpc, rpc->bound[i], false);
    return true;
}

/* ---- Calls ---- */

static bool is_known_object(const struct buffer *objects, struct text name)
{
    struct cursor rest = buffer_cursor(objects), needle = text_cursor(name);
    size_t at;
    return cursor_find(rest, needle, &at);
}

static void add_object(const struct rpc *rpc, struct binding *binding, struct text name)
{
    struct buffer *objects = &binding->objects;
    while (name.length > 0 && name.at[name.length - 1] == '\0')
        name.length--;
    if (name.length < 2 || memchr(name.at, '\0', name.length) != NULL || memchr(name.at, '\n', name.length) != NULL ||
        is_known_object(objects, name))
        return;
    if (objects->length + name.length + 1 > OBJECTS_MAX) {
        left_out(rpc, LIMIT_rpc_objects);
        return;
    }
    if ((objects->length > 0 && !buffer_append(objects, cursor_of("\n", 1))) ||
        !buffer_append(objects, text_cursor(name)))
        return;
}

/* Texts of a stub: conformant varying arrays of UTF-16 (C706 14.3.3.4: u32 room, u32 0, u32 count, characters), which
 * stand at multiples of 4. */
static void take_names(struct rpc *rpc, struct binding *binding, struct cursor stub, bool big)
{
    uint32_t room, offset, count;
    struct cursor text;
    while (stub.left > 12) {
        struct cursor at = stub;
        if (order_u32(&at, big, &room) && order_u32(&at, big, &offset) && order_u32(&at, big, &count) && offset == 0 &&
            count > 1 && count <= OBJECT_MAX && room >= count && room <= count + 64 &&
            cursor_take(&at, (size_t)count * 2, &text) && text.at[big ? 1 : 0] >= 0x20 && text.at[big ? 0 : 1] == 0) {
            add_object(rpc, binding, text_from_utf16(&rpc->dissect->scratch, text, big, NULL));
            size_t padding = (4 - (size_t)count * 2 % 4) % 4;
            stub = at;
            if (!cursor_skip(&stub, padding))
                return;
        } else if (!cursor_skip(&stub, 4)) {
            return;
        }
    }
}

/* The level that protects a request: that of its trailer; without one, no more than connect. */
static int level_of(const struct rpc *rpc, const struct fragment *fragment)
{
    if (fragment->auth_level != 0)
        return fragment->auth_level;
    if (rpc->auth_level == LEVEL_CONNECT || rpc->auth_level == LEVEL_CALL)
        return rpc->auth_level;
    return LEVEL_NONE;
}

static struct binding *binding_of(struct rpc *rpc, uint16_t id)
{
    struct context *context = context_find(rpc, id);
    if (context == NULL) {
        size_t binding = binding_get(rpc, NULL, 0);
        context_set(rpc, id, binding);
        return binding < BINDINGS_MAX ? &rpc->bindings[binding] : NULL;
    }
    return &rpc->bindings[context->binding];
}

static bool take_request(struct rpc *rpc, const struct fragment *fragment)
{
    struct cursor at = fragment->body;
    uint16_t id, opnum;
    if (!cursor_skip(&at, 4) || !order_u16(&at, fragment->big_endian, &id) ||
        !order_u16(&at, fragment->big_endian, &opnum) || (fragment->flags & FLAG_OBJECT && !cursor_skip(&at, 16)))
        return false;
    struct binding *binding = binding_of(rpc, id);
    if (binding == NULL || !(fragment->flags & 1)) /* not the first fragment of the call */
        return true;
    binding->calls++;
    if (opnum < OPNUMS_MAX)
        binding->opnums[opnum / 64] |= UINT64_C(1) << opnum % 64;
    else
        left_out(rpc, LIMIT_rpc_opnums);
    int level = level_of(rpc, fragment);
    if (binding->level == 0 && fragment->auth_level == 0)
        level = 0; /* its bind was not seen: it may be connect */
    if (level != 0 && (binding->call_level == 0 || level < binding->call_level))
        binding->call_level = level;
    if (level < LEVEL_PRIVACY && rpc_operation_has_names(binding->interface, opnum))
        take_names(rpc, binding, at, fragment->big_endian);
    return true;
}

/* ---- Towers of the endpoint mapper (C706 appendix L) ---- */

enum floor {
    FLOOR_TCP = 0x07,
    FLOOR_UDP = 0x08,
    FLOOR_IP = 0x09,
    FLOOR_UUID = 0x0D,
    FLOOR_PIPE = 0x0F,
    FLOOR_NETBIOS = 0x11,
    FLOOR_HTTP = 0x1F
};

static void take_floor(struct rpc *rpc, uint8_t protocol, struct cursor left, struct cursor right,
                       struct rpc_endpoint_row *row)
{
    static const struct {
        uint8_t floor;
        const char *protocol;
    } protocols[] = {
        {FLOOR_TCP, "ncacn_ip_tcp"}, {FLOOR_UDP, "ncadg_ip_udp"}, {FLOOR_PIPE, "ncacn_np"}, {FLOOR_HTTP, "ncacn_http"}};
    struct arena *arena = &rpc->dissect->scratch;
    uint16_t port;
    uint8_t a, b, c, d;
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (protocols[i].floor == protocol)
            row->protocol = text_of(protocols[i].protocol);
    }
    while (right.left > 0 && (protocol == FLOOR_PIPE || protocol == FLOOR_NETBIOS) && right.at[right.left - 1] == 0)
        right.left--;
    if (protocol == FLOOR_UUID && row->uuid.at == NULL) {
        char text[RPC_UUID_TEXT];
        rpc_uuid_text(left, false, text);
        const struct rpc_interface *interface = rpc_interface_find(text);
        row->uuid = text_copy(arena, text_of(text));
        row->interface = interface == NULL ? TEXT_NULL : text_of(interface->name);
    } else if ((protocol == FLOOR_TCP || protocol == FLOOR_UDP || protocol == FLOOR_HTTP) &&
               cursor_be16(&right, &port)) {
        row->port = port;
    } else if (protocol == FLOOR_IP && cursor_u8(&right, &a) && cursor_u8(&right, &b) && cursor_u8(&right, &c) &&
               cursor_u8(&right, &d)) {
        row->host = text_format(arena, "%u.%u.%u.%u", a, b, c, d);
    } else if (protocol == FLOOR_PIPE) {
        row->pipe = text_clean(arena, right);
    } else if (protocol == FLOOR_NETBIOS) {
        row->host = text_clean(arena, right);
    }
}

static void take_tower(struct rpc *rpc, const struct binding *binding, struct cursor tower)
{
    uint16_t floors, length;
    uint8_t protocol;
    struct cursor left, right;
    struct rpc_endpoint_row row = rpc_endpoint_row_null();
    row.packet = rpc->moment.packet;
    row.time = moment_seconds(rpc->moment);
    row.flow = rpc->conversation->row;
    row.rpc = binding->row;
    row.server = conversation_address(rpc->conversation, direction_reverse(rpc->client));
    if (!cursor_le16(&tower, &floors) || floors > FLOORS_MAX)
        return; /* the bytes only look like a tower */
    for (unsigned i = 0; i < floors; i++) {
        if (!cursor_le16(&tower, &length) || !cursor_take(&tower, length, &left) || !cursor_u8(&left, &protocol) ||
            !cursor_le16(&tower, &length) || !cursor_take(&tower, length, &right))
            return;
        take_floor(rpc, protocol, left, right, &row);
    }
    if (row.uuid.at == NULL || row.protocol.at == NULL)
        return;
    if (rpc->endpoints++ < ENDPOINTS_MAX)
        sink_append(&rpc->dissect->sink, TABLE_rpc_endpoint, &row);
    else
        left_out(rpc, LIMIT_rpc_endpoints);
}

/* Towers stand in arrays of pointers, which differ between NDR and NDR64. Each begins with the number of floors and a
 * first floor of 19 bytes, a UUID. */
static void take_towers(struct rpc *rpc, const struct binding *binding, struct cursor stub)
{
    struct cursor needle = cursor_of("\x00\x13\x00\x0D", 4), tower;
    size_t at;
    while (cursor_find(stub, needle, &at)) {
        if (at > 0 && cursor_slice(stub, at - 1, stub.left - (at - 1), &tower))
            take_tower(rpc, binding, tower);
        if (!cursor_skip(&stub, at + needle.left))
            return;
    }
}

static bool take_response(struct rpc *rpc, const struct fragment *fragment)
{
    struct cursor at = fragment->body;
    uint16_t id;
    if (!cursor_skip(&at, 4) || !order_u16(&at, fragment->big_endian, &id) || !cursor_skip(&at, 2))
        return false;
    struct context *context = context_find(rpc, id);
    if (context == NULL)
        return true;
    struct binding *binding = &rpc->bindings[context->binding];
    if (fragment->type == FAULT)
        binding->faults++;
    else if (binding->interface != NULL && strcmp(binding->interface->purpose, "endpoint-mapper") == 0 &&
             fragment->auth_level < LEVEL_PRIVACY)
        take_towers(rpc, binding, at);
    return true;
}

/* ---- Fragments ---- */

static bool take_fragment(struct cursor bytes, struct fragment *fragment)
{
    struct cursor at = bytes, trailer;
    uint8_t version, minor, padding;
    uint16_t length, auth_length;
    *fragment = (struct fragment){0};
    if (!cursor_u8(&at, &version) || !cursor_u8(&at, &minor) || !cursor_u8(&at, &fragment->type) ||
        !cursor_u8(&at, &fragment->flags) || at.left == 0)
        return false;
    fragment->big_endian = (at.at[0] & 0x10) == 0;
    if (!cursor_skip(&at, 4) || !order_u16(&at, fragment->big_endian, &length) ||
        !order_u16(&at, fragment->big_endian, &auth_length) || !cursor_skip(&at, 4))
        return false;
    fragment->body = at;
    if (auth_length == 0)
        return true;
    if ((size_t)auth_length + AUTH_TRAILER_BYTES > at.left)
        return false;
    fragment->body.left = at.left - auth_length - AUTH_TRAILER_BYTES;
    if (!cursor_slice(at, fragment->body.left, AUTH_TRAILER_BYTES + auth_length, &trailer) ||
        !cursor_u8(&trailer, &fragment->auth_type) || !cursor_u8(&trailer, &fragment->auth_level) ||
        !cursor_u8(&trailer, &padding) || !cursor_skip(&trailer, 5))
        return false;
    fragment->auth = trailer;
    return true;
}

static const struct {
    uint8_t type;
    const char *name;
    bool (*read)(struct rpc *rpc, const struct fragment *fragment); /* false: malformed */
} READERS[] = {
    {BIND, "bind", take_bind},
    {ALTER, "alter_context", take_bind},
    {BIND_ACK, "bind_ack", take_bind_ack},
    {ALTER_RESPONSE, "alter_context_resp", take_bind_ack},
    {BIND_NAK, "bind_nak", take_bind_nak},
    {REQUEST, "request", take_request},
    {RESPONSE, "response", take_response},
    {FAULT, "fault", take_response},
};

static void read_fragment(struct rpc *rpc, struct cursor bytes)
{
    struct fragment fragment;
    if (!take_fragment(bytes, &fragment)) {
        report(rpc, OUTCOME_MALFORMED, "authentication of a fragment");
        return;
    }
    bool setup = fragment.type >= BIND && fragment.type <= AUTH3;
    if (setup && fragment.auth.left > 0) {
        if (fragment.auth_type != 0) {
            rpc->auth_type = fragment.auth_type;
            rpc->auth_level = fragment.auth_level;
        }
        auth_token(&rpc->auth, &rpc->carrier, fragment.auth, rpc->moment);
    } else if (fragment.type == REQUEST && fragment.auth_level != 0 && rpc->auth_type == 0) {
        rpc->auth_type = fragment.auth_type;
    }
    for (size_t i = 0; i < sizeof READERS / sizeof READERS[0]; i++) {
        if (READERS[i].type == fragment.type && !READERS[i].read(rpc, &fragment))
            report(rpc, OUTCOME_MALFORMED, READERS[i].name);
    }
}

/* The length of the fragment that starts `have`; HEADER_BYTES when that is not known yet, 0 when it is none. */
static size_t fragment_length(struct cursor have)
{
    struct cursor at = have;
    uint16_t length = 0;
    enum recognition recognition = recognise_header(have);
    if (recognition == RECOGNISED_NOT)
        return 0;
    if (recognition == RECOGNISED_MAYBE || !cursor_skip(&at, 8) || !order_u16(&at, (have.at[4] & 0x10) == 0, &length))
        return HEADER_BYTES;
    return length;
}

/* Takes one fragment, or keeps what there is of it. False when the stream was lost. */
static bool next_fragment(struct rpc *rpc, struct rpc_stream *stream, struct cursor *bytes)
{
    struct buffer *head = &stream->head;
    struct cursor have = head->length > 0 ? buffer_cursor(head) : *bytes, whole, more;
    size_t length = fragment_length(have);
    if (length == 0)
        return false;
    if (have.left >= length && have.left >= HEADER_BYTES) {
        if (!cursor_slice(have, 0, length, &whole))
            return false;
        arena_reset(&rpc->dissect->scratch);
        read_fragment(rpc, whole);
        if (head->length == 0 && !cursor_skip(bytes, length))
            return false;
        buffer_reset(head, HEAD_KEEP);
        return true;
    }
    size_t missing = length - head->length;
    return cursor_take(bytes, missing < bytes->left ? missing : bytes->left, &more) && buffer_append(head, more);
}

static void rpc_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct rpc *rpc = state;
    struct rpc_stream *stream = &rpc->streams[direction];
    rpc->moment = moment;
    if (stream->lost && (bytes.left < HEADER_BYTES || fragment_length(bytes) == 0))
        return; /* a fragment often starts a segment */
    stream->lost = false;
    while (bytes.left > 0 || stream->head.length > 0) {
        size_t before = stream->head.length, left = bytes.left;
        if (!next_fragment(rpc, stream, &bytes)) {
            report(rpc, OUTCOME_MALFORMED, "header of a fragment");
            stream->lost = true;
            buffer_reset(&stream->head, HEAD_KEEP);
            return;
        }
        if (bytes.left == 0 && (stream->head.length == 0 || (stream->head.length == before && left == 0)))
            return;
        if (bytes.left == 0 && stream->head.length > 0 &&
            stream->head.length < fragment_length(buffer_cursor(&stream->head)))
            return;
    }
}

static void rpc_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct rpc *rpc = state;
    (void)bytes;
    rpc->moment = moment;
    if (rpc->streams[direction].head.length > 0)
        report(rpc, OUTCOME_MORE, "fragment with a gap");
    rpc->streams[direction].lost = true;
    buffer_reset(&rpc->streams[direction].head, HEAD_KEEP);
}

static void rpc_ended(void *state, enum direction direction, struct moment moment)
{
    struct rpc *rpc = state;
    rpc->moment = moment;
    if (rpc->streams[direction].head.length > 0)
        report(rpc, OUTCOME_MORE, "fragment that the stream ends in");
    buffer_reset(&rpc->streams[direction].head, HEAD_KEEP);
}

static void *rpc_open(struct layer *layer, enum direction client)
{
    struct rpc *rpc = calloc(1, sizeof *rpc);
    if (rpc == NULL)
        return NULL;
    rpc->conversation = layer->conversation;
    rpc->dissect = layer->conversation->dissect;
    rpc->carrier = (struct auth_carrier){.conversation = layer->conversation, .name = "rpc", .client = client};
    rpc->auth = AUTH_NEW;
    rpc->client = client;
    rpc->file = INT_NULL;
    buffer_init(&rpc->streams[0].head, FRAGMENT_MAX);
    buffer_init(&rpc->streams[1].head, FRAGMENT_MAX);
    return rpc;
}

void rpc_carried_by(void *state, int64_t file)
{
    struct rpc *rpc = state;
    rpc->file = file;
}

static void rpc_close(void *state)
{
    struct rpc *rpc = state;
    for (size_t i = 0; i < rpc->binding_count; i++) {
        binding_write(rpc, &rpc->bindings[i]);
        buffer_free(&rpc->bindings[i].objects);
    }
    free(rpc->bindings);
    buffer_free(&rpc->streams[0].head);
    buffer_free(&rpc->streams[1].head);
    free(rpc);
}

const struct dissector rpc_dissector = {
    .name = "rpc",
    .need = NEED_SERVERS,
    .recognise = rpc_recognise,
    .open = rpc_open,
    .data = rpc_data,
    .gap = rpc_gap,
    .ended = rpc_ended,
    .close = rpc_close,
};
