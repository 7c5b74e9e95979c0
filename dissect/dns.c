/* dissect/dns.c: questions for names and their answers: DNS (RFC 1035, 2782, 2136), mDNS (RFC 6762), LLMNR (RFC 4795),
 * NBNS (RFC 1002 section 4.2).
 *
 *   header: u16 id, u16 flags (response 0x8000, opcode 0x7800, truncated 0x0200, broadcast of NBNS 0x0010, rcode 0x000F),
 *           u16 counts of questions, answers, authorities, additionals
 *   question: name, u16 type, u16 class      record: name, u16 type, u16 class, u32 ttl, u16 length, data
 *
 * Over TCP each message has its length before it (u16). Records of type TKEY carry tokens of GSS-API (RFC 3645): who
 * authenticates to update names.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dissect/auth.h"
#include "dissect/dns_name.h"
#include "dissect/frames.h"
#include "dissect/internal.h"
#include "dissect/listing.h"
#include "dissect/trouble.h"

#define HEADER_BYTES 12
#define QUESTIONS_MAX 64 /* of one message, each a row; mDNS asks for several names at once */
#define SECTION_MAX 4096 /* records that a section can hold; more make the bytes something else */
#define RECORDS_MAX 1024 /* that are read of one message; a transfer of a zone has more */
#define PENDING_FIRST 8  /* messages of a conversation that wait for a reply; more take memory of the budget */
#define PENDING_MAX 1024 /* a resolver that asks ahead has some hundred on the way */
#define PENDING_AGE_NS ((int64_t)120 * 1000000000) /* nobody waits longer: resolvers give up after 30 s */

enum { PORT_DNS = 53, PORT_NBNS = 137, PORT_MDNS = 5353, PORT_LLMNR = 5355 };
enum { FLAG_RESPONSE = 0x8000, FLAG_TRUNCATED = 0x0200, FLAG_BROADCAST = 0x0010, NB_GROUP = 0x8000 };
enum { TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_MX = 15, TYPE_AAAA = 28 };
enum { TYPE_NB = 32, TYPE_SRV = 33, TYPE_DNAME = 39, TYPE_OPT = 41, TYPE_TKEY = 249 };
enum { TKEY_MODE_GSS = 3 };

struct protocol {
    uint16_t port;
    const char *name;
    uint16_t opcodes; /* a bit for each that exists */
};

static const struct protocol PROTOCOLS[] = {
    {PORT_DNS, "dns", 0x0037}, /* query, inverse, status, notify, update */
    {PORT_MDNS, "mdns", 0x0001},
    {PORT_LLMNR, "llmnr", 0x0001},
    {PORT_NBNS, "nbns", 0x83E1},
};

static const char *const DNS_OPERATIONS[16] = {"query", "inverse", "status", NULL, "notify", "update"};
static const char *const NBNS_OPERATIONS[16] = {
    [0] = "query",   [5] = "registration", [6] = "release",      [7] = "wack",
    [8] = "refresh", [9] = "refresh",      [15] = "registration"};

static const struct {
    uint16_t type;
    const char *name;
} TYPES[] = {
    {1, "A"},      {2, "NS"},     {5, "CNAME"},   {6, "SOA"},    {10, "NULL"},  {12, "PTR"},  {15, "MX"},
    {16, "TXT"},   {28, "AAAA"},  {33, "SRV"},    {35, "NAPTR"}, {39, "DNAME"}, {41, "OPT"},  {43, "DS"},
    {46, "RRSIG"}, {47, "NSEC"},  {48, "DNSKEY"}, {50, "NSEC3"}, {52, "TLSA"},  {64, "SVCB"}, {65, "HTTPS"},
    {249, "TKEY"}, {250, "TSIG"}, {251, "IXFR"},  {252, "AXFR"}, {255, "ANY"},
};

/* A message that waits for its reply. Its questions have rows one after the other. */
struct pending {
    int64_t row; /* of the first question; INT_NULL: free */
    int64_t time_ns;
    uint32_t question;
    uint16_t id;
    uint8_t rows;
    uint8_t direction;
};

struct dns {
    struct layer *layer;
    const struct protocol *protocol;
    struct pending first[PENDING_FIRST];
    struct pending *more; /* or NULL */
    size_t more_room;
    struct auth auth;         /* of TKEY records */
    struct frames *frames[2]; /* over TCP */
};

/* A message while it is read. */
struct message {
    struct dns *dns;
    struct cursor bytes, at;
    struct moment moment;
    enum direction direction;
    uint16_t id, flags, questions, counts[3];
    int64_t row_id;
    unsigned rows; /* questions that have one */
    struct name_query_row row;
    struct listing answers;
};

/* ---- Recognition ---- */

static const struct protocol *protocol_of(uint16_t port)
{
    for (size_t i = 0; i < sizeof PROTOCOLS / sizeof PROTOCOLS[0]; i++) {
        if (PROTOCOLS[i].port == port)
            return &PROTOCOLS[i];
    }
    return NULL;
}

static enum recognition recognise_header(struct cursor bytes, const struct protocol *protocol)
{
    uint16_t id, flags, counts[4];
    if (!cursor_be16(&bytes, &id) || !cursor_be16(&bytes, &flags) || !cursor_be16(&bytes, &counts[0]) ||
        !cursor_be16(&bytes, &counts[1]) || !cursor_be16(&bytes, &counts[2]) || !cursor_be16(&bytes, &counts[3]))
        return RECOGNISED_MAYBE;
    if ((protocol->opcodes >> (flags >> 11 & 15) & 1) == 0 || counts[0] > QUESTIONS_MAX || counts[1] > SECTION_MAX ||
        counts[2] > SECTION_MAX || counts[3] > SECTION_MAX || (counts[0] | counts[1] | counts[2] | counts[3]) == 0)
        return RECOGNISED_NOT;
    return flags & FLAG_RESPONSE ? RECOGNISED_SERVER : RECOGNISED_CLIENT;
}

static bool has_port(const struct flow *flow, uint16_t port)
{
    return flow->port[0] == port || flow->port[1] == port;
}

static enum recognition datagram_recognise(struct cursor first, const struct flow *flow, uint16_t port)
{
    enum recognition result = has_port(flow, port) ? recognise_header(first, protocol_of(port)) : RECOGNISED_NOT;
    return result == RECOGNISED_MAYBE ? RECOGNISED_NOT : result;
}

/* No client takes 53 or 137 by chance, but 5353 and 5355. */
static bool is_server(const struct flow *flow, enum direction client, uint16_t port)
{
    return flow->port[direction_reverse(client)] == port;
}

static enum recognition dns_recognise(struct cursor first, const struct flow *flow)
{
    return datagram_recognise(first, flow, PORT_DNS);
}

static enum recognition mdns_recognise(struct cursor first, const struct flow *flow)
{
    return datagram_recognise(first, flow, PORT_MDNS);
}

static bool mdns_fits(const struct flow *flow, enum direction client)
{
    return is_server(flow, client, PORT_MDNS);
}

static enum recognition llmnr_recognise(struct cursor first, const struct flow *flow)
{
    return datagram_recognise(first, flow, PORT_LLMNR);
}

static bool llmnr_fits(const struct flow *flow, enum direction client)
{
    return is_server(flow, client, PORT_LLMNR);
}

static enum recognition nbns_recognise(struct cursor first, const struct flow *flow)
{
    return datagram_recognise(first, flow, PORT_NBNS);
}

static enum recognition stream_recognise(struct cursor first, const struct flow *flow)
{
    uint16_t length;
    if (!has_port(flow, PORT_DNS))
        return RECOGNISED_NOT;
    if (!cursor_be16(&first, &length))
        return RECOGNISED_MAYBE;
    return length < HEADER_BYTES ? RECOGNISED_NOT : recognise_header(first, protocol_of(PORT_DNS));
}

/* ---- Values ---- */

static struct text type_name(const struct protocol *protocol, uint16_t type, char text[8])
{
    if (protocol->port == PORT_NBNS && (type == TYPE_NB || type == TYPE_SRV))
        return text_of(type == TYPE_NB ? "NB" : "NBSTAT");
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (TYPES[i].type == type)
            return text_of(TYPES[i].name);
    }
    snprintf(text, 8, "%u", (unsigned)type);
    return text_of(text);
}

/* Reads a name as the protocol writes it. `*suffix_text` is "" but for a NetBIOS name. */
static bool take_name(struct message *message, struct cursor *at, struct dns_name *name, char suffix_text[3])
{
    uint8_t suffix;
    suffix_text[0] = '\0';
    if (!dns_name_take(message->bytes, at, name))
        return false;
    if (message->dns->protocol->port == PORT_NBNS && dns_name_netbios(name, &suffix))
        snprintf(suffix_text, 3, "%02X", suffix);
    return true;
}

/* A copy: the name itself is overwritten by the next one. */
static struct text name_text(struct message *message, const struct dns_name *name)
{
    struct arena *arena = &message->dns->layer->conversation->dissect->scratch;
    return text_utf8(arena, text_copy(arena, (struct text){name->text, name->length}));
}

static void list_address(struct listing *listing, struct cursor bytes, uint8_t version)
{
    struct address address = {.version = version};
    char text[ADDRESS_TEXT_MAX];
    memcpy(address.bytes, bytes.at, bytes.left);
    address_print(&address, text);
    listing_add(listing, text_of(text));
}

/* Flags and address of each owner (RFC 1002 section 4.2.2). */
static void list_owners(struct message *message, struct listing *listing, struct cursor data)
{
    uint16_t flags;
    struct cursor address;
    while (cursor_be16(&data, &flags) && cursor_take(&data, 4, &address)) {
        message->row.is_group = (flags & NB_GROUP) != 0;
        list_address(listing, address, 4);
    }
}

/* The names of a node status: a name, its suffix, flags (RFC 1002 section 4.2.18). */
static void list_node_names(struct message *message, struct listing *listing, struct cursor data)
{
    uint8_t count, suffix;
    struct cursor name;
    char text[8];
    if (!cursor_u8(&data, &count))
        return;
    while (count-- > 0 && cursor_take(&data, NETBIOS_NAME, &name) && cursor_u8(&data, &suffix) &&
           cursor_skip(&data, 2)) {
        snprintf(text, sizeof text, "<%02X>", suffix);
        listing_add(listing,
                    text_trim(text_utf8(&message->dns->layer->conversation->dissect->scratch, text_from(name))));
        listing_more(listing, text_of(text));
    }
}

/* A record whose data ends in a name, behind `before` bytes. */
static void list_name(struct message *message, struct listing *listing, struct cursor data, size_t before)
{
    struct dns_name name;
    if (!cursor_skip(&data, before))
        return;
    /* Its pointers lead into the whole message; `data` is a part of it. */
    struct cursor at;
    size_t offset = (size_t)(data.at - message->bytes.at);
    if (cursor_slice(message->bytes, offset, message->bytes.left - offset, &at) &&
        dns_name_take(message->bytes, &at, &name))
        listing_add(listing, name_text(message, &name));
}

/* The value of a record as text, and the port of SRV. */
static void list_value(struct message *message, uint16_t type, struct cursor data, struct listing *listing,
                       int64_t *port)
{
    bool nbns = message->dns->protocol->port == PORT_NBNS;
    if (nbns && type == TYPE_NB) {
        list_owners(message, listing, data);
    } else if (nbns && type == TYPE_SRV) {
        list_node_names(message, listing, data);
    } else if ((type == TYPE_A && data.left == 4) || (type == TYPE_AAAA && data.left == 16)) {
        list_address(listing, data, type == TYPE_A ? 4 : 6);
    } else if (type == TYPE_SRV) {
        struct cursor number;
        uint16_t value;
        if (cursor_slice(data, 4, 2, &number) && cursor_be16(&number, &value))
            *port = value;
        list_name(message, listing, data, 6);
    } else if (type == TYPE_CNAME || type == TYPE_PTR || type == TYPE_NS || type == TYPE_DNAME || type == TYPE_SOA) {
        list_name(message, listing, data, 0);
    } else if (type == TYPE_MX) {
        list_name(message, listing, data, 2);
    }
}

/* ---- Records ---- */

static const struct sink *sink_of(const struct message *message)
{
    return &message->dns->layer->conversation->dissect->sink;
}

/* algorithm: name, u32 inception, u32 expiration, u16 mode, u16 error, u16 length, key data ... (RFC 2930 section 2);
 * the key data of GSS-API is a token (RFC 3645 section 3.1.1). */
static void read_key(struct message *message, struct cursor data)
{
    struct dns *dns = message->dns;
    struct dns_name algorithm;
    struct cursor at, token;
    uint16_t mode, length;
    size_t offset = (size_t)(data.at - message->bytes.at);
    bool response = message->flags & FLAG_RESPONSE;
    struct auth_carrier carrier = {
        .conversation = dns->layer->conversation,
        .name = dns->protocol->name,
        .client = response ? direction_reverse(message->direction) : message->direction,
    };
    if (cursor_slice(message->bytes, offset, data.left, &at) && dns_name_take(message->bytes, &at, &algorithm) &&
        cursor_skip(&at, 8) && cursor_be16(&at, &mode) && cursor_skip(&at, 2) && cursor_be16(&at, &length) &&
        mode == TKEY_MODE_GSS && cursor_take(&at, length, &token))
        auth_token(&dns->auth, &carrier, token, message->moment);
}

static void emit_answer(struct message *message, bool additional, struct name_answer_row *row, uint16_t type,
                        struct cursor data)
{
    struct listing values;
    char port[8];
    listing_init(&values);
    list_value(message, type, data, &values, &row->port);
    row->value = listing_text(&values);
    row->section = text_of(additional ? "additional" : "answer");
    row->packet = message->moment.packet;
    row->time = moment_seconds(message->moment);
    row->flow = message->dns->layer->conversation->row;
    row->query = message->row_id;
    sink_append(sink_of(message), TABLE_name_answer, row);
    bool told = !additional || (message->flags & FLAG_RESPONSE) == 0; /* of a registration: what is registered */
    if (!told || row->value.at == NULL)
        return;
    listing_add(&message->answers, row->value);
    if (row->port != INT_NULL) {
        snprintf(port, sizeof port, ":%d", (int)row->port);
        listing_more(&message->answers, text_of(port));
    }
}

static bool read_record(struct message *message, bool kept, bool additional)
{
    struct dns_name name;
    char suffix[3], type_text[8];
    uint16_t type, class, length;
    uint32_t ttl;
    struct cursor data;
    struct name_answer_row row = name_answer_row_null();
    if (!take_name(message, &message->at, &name, suffix) || !cursor_be16(&message->at, &type) ||
        !cursor_be16(&message->at, &class) || !cursor_be32(&message->at, &ttl) || !cursor_be16(&message->at, &length) ||
        !cursor_take(&message->at, length, &data))
        return false;
    if (type == TYPE_TKEY)
        read_key(message, data);
    if (!kept || type == TYPE_OPT)
        return true;
    row.name = name_text(message, &name);
    row.suffix = suffix[0] == '\0' ? TEXT_NULL : text_of(suffix);
    row.type = type_name(message->dns->protocol, type, type_text);
    row.ttl = ttl;
    emit_answer(message, additional, &row, type, data);
    return true;
}

static void read_records(struct message *message)
{
    unsigned read = 0;
    for (unsigned section = 0; section < 3; section++) {
        for (unsigned i = 0; i < message->counts[section]; i++) {
            if (read++ == RECORDS_MAX) {
                trouble_limit(message->dns->layer->conversation, message->dns->protocol->name, LIMIT_dns_records,
                              message->moment);
                return;
            }
            if (!read_record(message, section != 1, section == 2)) {
                message->row.malformed = TEXT("a record is cut off or its name is wrong");
                return;
            }
        }
    }
}

/* ---- Questions ---- */

/* Whether the destination is one host. `broadcast`: what NBNS itself says of a request. */
static bool is_unicast(const struct address *to, bool broadcast)
{
    static const uint8_t all[4] = {255, 255, 255, 255};
    if (to->version == 6)
        return to->bytes[0] != 0xFF;
    return !broadcast && to->bytes[0] >> 4 != 0xE && memcmp(to->bytes, all, sizeof all) != 0;
}

/* What every row of the message has. */
static struct name_query_row row_of(const struct message *message)
{
    const struct conversation *conversation = message->dns->layer->conversation;
    bool response = message->flags & FLAG_RESPONSE, nbns = message->dns->protocol->port == PORT_NBNS;
    enum direction client = response ? direction_reverse(message->direction) : message->direction;
    struct name_query_row row = name_query_row_null();
    row.packet = message->moment.packet;
    row.time = moment_seconds(message->moment);
    row.flow = conversation->row;
    row.protocol = text_of(message->dns->protocol->name);
    row.transport = text_of(transport_name(conversation->flow->transport));
    row.operation = text_of((nbns ? NBNS_OPERATIONS : DNS_OPERATIONS)[message->flags >> 11 & 15]);
    row.client = conversation_address(conversation, client);
    row.server = conversation_address(conversation, direction_reverse(client));
    row.unicast = is_unicast(&conversation->flow->address[direction_reverse(message->direction)],
                             nbns && !response && message->flags & FLAG_BROADCAST);
    return row;
}

/* Reads a name and its type into the row. */
static bool read_question(struct message *message, struct cursor *at, struct name_query_row *row)
{
    struct arena *arena = &message->dns->layer->conversation->dissect->scratch;
    struct dns_name name;
    char suffix[3], text[8];
    uint16_t type, class;
    if (!take_name(message, at, &name, suffix) || !cursor_be16(at, &type) || !cursor_be16(at, &class))
        return false;
    row->name = name_text(message, &name);
    row->suffix = suffix[0] == '\0' ? TEXT_NULL : text_copy(arena, text_of(suffix));
    row->type = text_copy(arena, type_name(message->dns->protocol, type, text));
    return true;
}

/* FNV-1a: tells apart questions of one conversation that use the same id. */
static uint32_t hash_question(const struct name_query_row *row)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < row->name.length; i++)
        hash = (hash ^ (uint8_t)(row->name.at[i] | 0x20)) * 16777619u;
    for (size_t i = 0; i < row->type.length; i++)
        hash = (hash ^ (uint8_t)row->type.at[i]) * 16777619u;
    return hash;
}

/* The place with that number; NULL behind the last. */
static struct pending *place_at(struct dns *dns, size_t number)
{
    if (number < PENDING_FIRST)
        return &dns->first[number];
    return number - PENDING_FIRST < dns->more_room ? &dns->more[number - PENDING_FIRST] : NULL;
}

static struct dissect *dissect_of(const struct dns *dns)
{
    return dns->layer->conversation->dissect;
}

/* Makes twice as many places. False when there are enough, or memory is short. */
static bool grow(struct dns *dns)
{
    size_t room = dns->more_room == 0 ? PENDING_FIRST : 2 * dns->more_room + PENDING_FIRST;
    size_t before = dns->more_room * sizeof *dns->more, size = room * sizeof *dns->more;
    struct pending *more =
        PENDING_FIRST + room > PENDING_MAX ? NULL : budget_resize(dissect_of(dns), dns->more, before, size);
    if (more == NULL)
        return false;
    for (size_t i = dns->more_room; i < room; i++)
        more[i].row = INT_NULL;
    dns->more = more;
    dns->more_room = room;
    return true;
}

/* A place for a message that came then: a free one, or one whose message is too old to be answered, or another
 * one when no room can be made: that of the oldest, whose reply will be a row of its own. */
static struct pending *take_place(struct dns *dns, struct moment moment)
{
    struct pending *oldest = NULL, *place;
    size_t number = 0;
    for (; (place = place_at(dns, number)) != NULL; number++) {
        if (place->row == INT_NULL || moment.time_ns - place->time_ns > PENDING_AGE_NS)
            return place;
        if (oldest == NULL || place->time_ns < oldest->time_ns)
            oldest = place;
    }
    if (grow(dns))
        return place_at(dns, number);
    trouble_limit(dns->layer->conversation, dns->protocol->name, LIMIT_dns_pending, moment);
    return oldest;
}

static void remember(struct dns *dns, const struct message *message)
{
    *take_place(dns, message->moment) = (struct pending){
        .row = message->row_id,
        .time_ns = message->moment.time_ns,
        .question = hash_question(&message->row),
        .id = message->id,
        .rows = (uint8_t)message->rows,
        .direction = (uint8_t)message->direction,
    };
}

/* Finds the oldest message that this one answers, which waits no longer: the row of its first question, or INT_NULL. */
static int64_t recall(struct message *message)
{
    struct pending *place, *found = NULL;
    for (size_t number = 0; (place = place_at(message->dns, number)) != NULL; number++) {
        if (place->row != INT_NULL && place->id == message->id && place->direction != message->direction &&
            (message->questions == 0 || place->question == hash_question(&message->row)) &&
            (found == NULL || place->row < found->row))
            found = place;
    }
    if (found == NULL)
        return INT_NULL;
    int64_t row = found->row;
    message->rows = found->rows;
    found->row = INT_NULL;
    return row;
}

/* ---- Messages ---- */

/* The first question, or, of a message without one, the owner of the first record. */
static void read_subject(struct message *message)
{
    struct cursor ahead = message->at;
    struct cursor *at = message->questions > 0 ? &message->at : &ahead;
    message->row = row_of(message);
    if (!read_question(message, at, &message->row)) {
        message->row.malformed = TEXT("the question is cut off or its name is wrong");
        message->at = CURSOR_EMPTY;
    }
}

/* The other questions: a row each, of a request. */
static void read_more_questions(struct message *message)
{
    struct name_query_row first = message->row, row;
    for (unsigned i = 1; i < message->questions && message->row.malformed.at == NULL; i++) {
        row = first;
        if (!read_question(message, &message->at, &row)) {
            message->row.malformed = TEXT("a question is cut off or its name is wrong");
        } else if ((message->flags & FLAG_RESPONSE) == 0) {
            sink_append(sink_of(message), TABLE_name_query, &row);
            message->rows++;
        }
    }
}

static void set_reply(const struct message *message, struct name_query_row *row)
{
    row->reply_packet = message->moment.packet;
    row->rcode = message->flags & 0x000F;
    row->truncated = (message->flags & FLAG_TRUNCATED) != 0;
    row->answers = message->counts[0];
}

/* The reply is one to the other questions of the message too. */
static void answer_more(const struct message *message)
{
    const struct sink *sink = sink_of(message);
    for (unsigned i = 1; i < message->rows; i++) {
        const struct name_query_row *kept = sink->row(sink->context, TABLE_name_query, message->row_id + i);
        if (kept == NULL)
            return;
        struct name_query_row row = *kept;
        set_reply(message, &row);
        sink_amend(sink, TABLE_name_query, message->row_id + i, &row);
    }
}

static void place_row(struct message *message)
{
    const struct sink *sink = sink_of(message);
    if (message->flags & FLAG_RESPONSE) {
        message->row_id = recall(message);
        const struct name_query_row *kept = sink_kept(sink, TABLE_name_query, message->row_id);
        struct text malformed = message->row.malformed;
        if (kept != NULL)
            message->row = *kept;
        message->row.malformed = malformed;
        set_reply(message, &message->row);
        if (kept != NULL)
            answer_more(message);
    }
    if (message->row_id == INT_NULL)
        message->row_id = sink_append(sink, TABLE_name_query, &message->row);
}

static void read_message(struct dns *dns, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct dissect *dissect = dns->layer->conversation->dissect;
    struct message message = {.dns = dns, .bytes = bytes, .at = bytes, .moment = moment, .direction = direction};
    if (!cursor_be16(&message.at, &message.id) || !cursor_be16(&message.at, &message.flags) ||
        !cursor_be16(&message.at, &message.questions) || !cursor_be16(&message.at, &message.counts[0]) ||
        !cursor_be16(&message.at, &message.counts[1]) || !cursor_be16(&message.at, &message.counts[2]))
        return;
    arena_reset(&dissect->scratch);
    listing_init(&message.answers);
    message.row_id = INT_NULL;
    read_subject(&message);
    message.rows = 1;
    place_row(&message);
    read_more_questions(&message);
    /* Who answers a question to everybody does so from its own address: that is another conversation. */
    if ((message.flags & FLAG_RESPONSE) == 0 && message.row.unicast)
        remember(dns, &message);
    if (message.row.malformed.at == NULL)
        read_records(&message);
    if (message.row.malformed.at != NULL)
        trouble_report(dns->layer->conversation, dns->protocol->name, outcome_of_bytes(dns->layer->conversation),
                       "message", message.bytes.left - message.at.left, moment);
    message.row.answer = listing_text(&message.answers);
    sink_amend(&dissect->sink, TABLE_name_query, message.row_id, &message.row);
}

/* ---- The dissectors ---- */

static void *dns_open(struct layer *layer, enum direction client)
{
    const struct flow *flow = layer->conversation->flow;
    struct dns *dns = calloc(1, sizeof *dns);
    if (dns == NULL)
        return NULL;
    dns->layer = layer;
    dns->protocol = protocol_of(flow->port[direction_reverse(client)]);
    if (dns->protocol == NULL) /* a reply to the server */
        dns->protocol = protocol_of(flow->port[client]);
    dns->auth = AUTH_NEW;
    for (size_t i = 0; i < PENDING_FIRST; i++)
        dns->first[i].row = INT_NULL;
    return dns;
}

/* Whether the first question is for a key: what authenticates is read whether names are asked for or not. */
static bool is_about_key(const struct dns *dns, struct cursor bytes)
{
    struct dns_name name;
    struct cursor at = bytes;
    uint16_t type;
    return dns->protocol->port == PORT_DNS && cursor_skip(&at, HEADER_BYTES) && dns_name_take(bytes, &at, &name) &&
           cursor_be16(&at, &type) && type == TYPE_TKEY;
}

static void take_message(struct dns *dns, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct conversation *conversation = dns->layer->conversation;
    if (recognise_header(bytes, dns->protocol) <= RECOGNISED_MAYBE) {
        if (bytes.left > 0)
            trouble_report(conversation, dns->protocol->name, outcome_of_bytes(conversation), "header", 0, moment);
    } else if (conversation->dissect->needs & NEED_NAMES || is_about_key(dns, bytes)) {
        read_message(dns, direction, bytes, moment);
    }
}

static void dns_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    take_message(state, direction, bytes, moment);
}

static enum outcome measure(struct cursor start, uint64_t *length)
{
    uint16_t message;
    if (!cursor_be16(&start, &message))
        return OUTCOME_MORE;
    *length = message + (uint64_t)2;
    return message < HEADER_BYTES ? OUTCOME_MALFORMED : OUTCOME_OK;
}

static void dns_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct dns *dns = state;
    if (dns->frames[direction] == NULL) {
        dns->frames[direction] = malloc(sizeof *dns->frames[direction]);
        if (dns->frames[direction] == NULL)
            return;
        frames_init(dns->frames[direction], UINT16_MAX + (size_t)2);
    }
    struct cursor frame;
    bool lost = dns->frames[direction]->lost;
    frames_open(dns->frames[direction], bytes);
    while (frames_next(dns->frames[direction], measure, &frame)) {
        if (cursor_skip(&frame, 2))
            take_message(dns, direction, frame, moment);
    }
    if (dns->frames[direction]->lost && !lost)
        trouble_report(dns->layer->conversation, dns->protocol->name, OUTCOME_MALFORMED, "length of a message", 0,
                       moment);
}

/* The rest of a message will not come. */
static void report_cut(const struct dns *dns, enum direction direction, struct moment moment)
{
    if (dns->frames[direction] != NULL && frames_within(dns->frames[direction]))
        trouble_report(dns->layer->conversation, dns->protocol->name, OUTCOME_MORE, "message", UINT64_MAX, moment);
}

static void dns_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct dns *dns = state;
    (void)bytes;
    report_cut(dns, direction, moment);
    if (dns->frames[direction] != NULL)
        dns->frames[direction]->lost = true; /* nothing tells where the next message begins */
}

static void dns_ended(void *state, enum direction direction, struct moment moment)
{
    report_cut(state, direction, moment);
}

static void dns_close(void *state)
{
    struct dns *dns = state;
    for (int i = 0; i < 2; i++) {
        if (dns->frames[i] != NULL)
            frames_free(dns->frames[i]);
        free(dns->frames[i]);
    }
    pool_give(&dissect_of(dns)->pool, dns->more, dns->more_room * sizeof *dns->more);
    budget_give(dissect_of(dns), dns->more_room * sizeof *dns->more);
    free(dns);
}

const struct dissector dns_dissector = {
    .name = "dns",
    .recognise = dns_recognise,
    .open = dns_open,
    .datagram = dns_datagram,
    .close = dns_close,
};

const struct dissector mdns_dissector = {
    .name = "mdns",
    .recognise = mdns_recognise,
    .fits = mdns_fits,
    .open = dns_open,
    .datagram = dns_datagram,
    .close = dns_close,
};

const struct dissector llmnr_dissector = {
    .name = "llmnr",
    .recognise = llmnr_recognise,
    .fits = llmnr_fits,
    .open = dns_open,
    .datagram = dns_datagram,
    .close = dns_close,
};

const struct dissector nbns_dissector = {
    .name = "nbns",
    .recognise = nbns_recognise,
    .open = dns_open,
    .datagram = dns_datagram,
    .close = dns_close,
};

const struct dissector dns_stream_dissector = {
    .name = "dns",
    .recognise = stream_recognise,
    .open = dns_open,
    .data = dns_data,
    .gap = dns_gap,
    .ended = dns_ended,
    .close = dns_close,
};
