/* dissect/ike.c: IKE version 1 (RFC 2408, RFC 2409), version 2 (RFC 7296) and AuthIP, as far as they are in the clear.
 *
 *   [4 zero bytes: NAT traversal]
 *   initiator SPI 8, responder SPI 8, next payload 1, version 1, exchange 1, flags 1, message id 4, length 4
 *   payloads: next payload 1, flags 1, length 2 (these included), content
 *
 * One row for each message. Nothing is remembered between messages.
 */
#include "dissect/ike.h"

#include <stdlib.h>

#include "dissect/internal.h"
#include "dissect/trouble.h"

#define MARKER 4
#define HEADER 28
#define PAYLOADS_MAX 64    /* of a message; honest ones have a dozen */
#define TRANSFORMS_MAX 256 /* of a message; Windows offers some 30 */
#define TEXT_MAX 1000      /* of a list in a row; what is more is cut, and "..." says so */
#define VENDOR_SHOWN 20    /* bytes of a vendor id that is not known */

enum { NAT_PORT = 4500, VERSION_1 = 1, VERSION_2 = 2, FLAG_ENCRYPTED = 0x01, FLAG_RESPONSE = 0x20 };

/* A list being written; what does not fit is told by its end. */
struct list {
    char text[TEXT_MAX];
    size_t length;
    bool any, cut;
};

struct message {
    struct dissect *dissect;
    struct arena *arena;
    uint8_t major;
    unsigned transforms;
    enum limit over; /* that ended the reading; LIMIT_COUNT: none */
    struct list payloads, proposals, methods, weak, vendors, notifies;
    struct ike_row row;
};

/* ---- Lists ---- */

static void put(struct list *list, const char *text)
{
    static const char more[] = "...";
    size_t length = strlen(text);
    if (list->length + length + sizeof more > sizeof list->text) {
        list->cut = true;
        if (list->length + sizeof more <= sizeof list->text &&
            !(list->length >= 3 && list->text[list->length - 1] == '.'))
            memcpy(list->text + list->length, more, sizeof more), list->length += sizeof more - 1;
        return;
    }
    memcpy(list->text + list->length, text, length);
    list->length += length;
}

static void add(struct list *list, const char *separator, const char *text)
{
    if (list->any)
        put(list, separator);
    put(list, text);
    list->any = true;
}

static void add_number(struct list *list, const char *separator, const char *what, uint32_t number)
{
    char text[40];
    snprintf(text, sizeof text, "%s%lu", what, (unsigned long)number);
    add(list, separator, text);
}

/* Adds what is not in the list yet. Names hold no commas, and none is a part of another one that matters here. */
static void add_once(struct list *list, const char *name)
{
    size_t length = strlen(name);
    for (size_t at = 0; at + length <= list->length; at++) {
        bool begins = at == 0 || list->text[at - 1] == ',';
        bool ends = at + length == list->length || list->text[at + length] == ',';
        if (begins && ends && memcmp(list->text + at, name, length) == 0)
            return;
    }
    add(list, ",", name);
}

static struct text list_text(const struct list *list)
{
    return list->any ? (struct text){list->text, list->length} : TEXT_NULL;
}

/* A name of a proposal's algorithm, or `what` with its number; a weak one is remembered. */
static void add_algorithm(struct message *message, const char *separator, enum ike_names names, const char *what,
                          uint32_t number, uint32_t bits)
{
    const struct ike_name *name = ike_name(names, number);
    struct list *list = &message->proposals;
    if (name == NULL)
        add_number(list, separator, what, number);
    else
        add(list, separator, name->name);
    if (bits != 0)
        add_number(list, "-", "", bits);
    if (name != NULL && name->weak)
        add_once(&message->weak, name->name);
}

/* ---- Security associations ---- */

/* RFC 2408, section 3.3: type 2 with the top bit: the value in 2 bytes; without: length 2, value. */
static bool attribute(struct cursor *bytes, uint16_t *type, uint32_t *value)
{
    uint16_t head, small;
    struct cursor content;
    if (!cursor_be16(bytes, &head) || !cursor_be16(bytes, &small))
        return false;
    *type = head & 0x7fff;
    *value = small;
    if ((head & 0x8000) != 0)
        return true;
    if (!cursor_take(bytes, small, &content))
        return false;
    *value = 0;
    uint8_t byte;
    for (int i = 0; i < 4 && cursor_u8(&content, &byte); i++)
        *value = *value << 8 | byte;
    return true;
}

/* RFC 2409, appendix A. */
struct offer1 {
    uint32_t cipher, bits, hash, method, group, life_unit;
    bool has_cipher, has_hash, has_method, has_group;
};

static void take_attribute1(struct message *message, struct offer1 *offer, uint16_t type, uint32_t value)
{
    enum { CIPHER = 1, HASH = 2, METHOD = 3, GROUP = 4, LIFE_TYPE = 11, LIFE = 12, KEY_LENGTH = 14, SECONDS = 1 };
    if (type == CIPHER)
        offer->cipher = value, offer->has_cipher = true;
    else if (type == HASH)
        offer->hash = value, offer->has_hash = true;
    else if (type == METHOD)
        offer->method = value, offer->has_method = true;
    else if (type == GROUP)
        offer->group = value, offer->has_group = true;
    else if (type == KEY_LENGTH)
        offer->bits = value;
    else if (type == LIFE_TYPE)
        offer->life_unit = value;
    else if (type == LIFE && offer->life_unit == SECONDS &&
             (message->row.lifetime == INT_NULL || message->row.lifetime < (int64_t)value))
        message->row.lifetime = value;
}

static bool transform1(struct message *message, struct cursor body)
{
    uint16_t reserved, type;
    uint8_t number, id;
    uint32_t value;
    struct offer1 offer = {0};
    if (!cursor_u8(&body, &number) || !cursor_u8(&body, &id) || !cursor_be16(&body, &reserved))
        return false;
    while (body.left > 0) {
        if (!attribute(&body, &type, &value))
            return false;
        take_attribute1(message, &offer, type, value);
    }
    const char *first = message->proposals.any ? ";" : "";
    if (offer.has_cipher)
        add_algorithm(message, first, IKE1_CIPHERS, "cipher-", offer.cipher, offer.bits);
    if (offer.has_hash)
        add_algorithm(message, "/", IKE1_HASHES, "hash-", offer.hash, 0);
    if (offer.has_group)
        add_algorithm(message, "/", IKE_GROUPS, "group-", offer.group, 0);
    if (offer.has_method) {
        const struct ike_name *name = ike_name(IKE1_METHODS, offer.method);
        char text[24];
        snprintf(text, sizeof text, "method-%lu", (unsigned long)offer.method);
        add_once(&message->methods, name == NULL ? text : name->name);
    }
    return true;
}

/* RFC 7296, section 3.3.2: type 1, reserved 1, id 2, attributes (14: key length). */
static bool transform2(struct message *message, struct cursor body, bool *begun)
{
    enum { ENCRYPTION = 1, PRF = 2, INTEGRITY = 3, GROUP = 4, KEY_LENGTH = 14 };
    static const struct {
        enum ike_names names;
        const char *what;
    } kinds[] = {[ENCRYPTION] = {IKE2_CIPHERS, "cipher-"},
                 [PRF] = {IKE2_PRFS, "prf-"},
                 [INTEGRITY] = {IKE2_INTEGRITY, "integrity-"},
                 [GROUP] = {IKE_GROUPS, "group-"}};
    uint8_t type, reserved;
    uint16_t id, attribute_type;
    uint32_t value, bits = 0;
    if (!cursor_u8(&body, &type) || !cursor_u8(&body, &reserved) || !cursor_be16(&body, &id))
        return false;
    while (body.left > 0) {
        if (!attribute(&body, &attribute_type, &value))
            return false;
        bits = attribute_type == KEY_LENGTH ? value : bits;
    }
    if (type < ENCRYPTION || type > GROUP) /* extended sequence numbers and what is newer */
        return true;
    add_algorithm(message, *begun ? "/" : ";", kinds[type].names, kinds[type].what, id, bits);
    *begun = true;
    return true;
}

/* Proposals, or transforms, in a row: last or more 1, reserved 1, length 2 (these included), content. */
static bool next_part(struct cursor *bytes, struct cursor *part)
{
    uint8_t more, reserved;
    uint16_t length;
    return cursor_u8(bytes, &more) && cursor_u8(bytes, &reserved) && cursor_be16(bytes, &length) && length >= 4 &&
           cursor_take(bytes, length - 4u, part);
}

/* Number 1, protocol 1, size of SPI 1, transforms 1, SPI, transforms: the same in both versions. */
static bool proposal(struct message *message, struct cursor body)
{
    uint8_t number, protocol, size, count;
    struct cursor part;
    bool begun = false;
    if (!cursor_u8(&body, &number) || !cursor_u8(&body, &protocol) || !cursor_u8(&body, &size) ||
        !cursor_u8(&body, &count) || !cursor_skip(&body, size))
        return false;
    while (body.left > 0) {
        if (++message->transforms > TRANSFORMS_MAX) {
            message->over = LIMIT_ike_transforms;
            return false;
        }
        if (!next_part(&body, &part))
            return false;
        bool good = message->major == VERSION_1 ? transform1(message, part) : transform2(message, part, &begun);
        if (!good)
            return false;
    }
    return true;
}

static bool payload_sa(struct message *message, struct cursor body)
{
    struct cursor part;
    enum { DOMAIN_AND_SITUATION = 8 };
    if (message->major == VERSION_1 && !cursor_skip(&body, DOMAIN_AND_SITUATION))
        return false;
    while (body.left > 0) {
        if (!next_part(&body, &part) || !proposal(message, part))
            return false;
    }
    return true;
}

/* ---- Other payloads ---- */

static bool payload_vendor(struct message *message, struct cursor body)
{
    const char *name = ike_vendor(body);
    if (name != NULL) {
        add_once(&message->vendors, name);
    } else {
        char hex[2 * VENDOR_SHOWN + 1] = "";
        uint8_t byte;
        for (size_t i = 0; i < VENDOR_SHOWN && cursor_u8(&body, &byte); i++)
            snprintf(hex + 2 * i, 3, "%02x", byte);
        add_once(&message->vendors, hex);
        return true;
    }
    if (message->row.windows.at == NULL)
        message->row.windows = text_of(ike_windows(body));
    return true;
}

/* Version 1: domain 4, protocol 1, size of SPI 1, type 2; version 2 without the domain. */
static bool payload_notify(struct message *message, struct cursor body)
{
    uint32_t domain;
    uint8_t protocol, size;
    uint16_t type;
    if ((message->major == VERSION_1 && !cursor_be32(&body, &domain)) || !cursor_u8(&body, &protocol) ||
        !cursor_u8(&body, &size) || !cursor_be16(&body, &type))
        return false;
    const struct ike_name *name = ike_name(message->major == VERSION_1 ? IKE1_NOTIFIES : IKE2_NOTIFIES, type);
    if (name != NULL)
        add(&message->notifies, ",", name->name);
    else
        add_number(&message->notifies, ",", "", type);
    return true;
}

/* Type 1, three bytes (version 1: protocol and port), content: names as they are, all else as hex. */
static bool payload_id(struct message *message, struct cursor body)
{
    enum { NAME_FQDN = 2, NAME_MAIL = 3, BYTES_SHOWN = 64 };
    uint8_t type;
    if (!cursor_u8(&body, &type) || !cursor_skip(&body, 3))
        return false;
    if (body.left > BYTES_SHOWN)
        body.left = BYTES_SHOWN;
    bool is_name = type == NAME_FQDN || type == NAME_MAIL;
    message->row.identification = is_name ? text_clean(message->arena, body) : text_hex(message->arena, body);
    return true;
}

static bool payload(struct message *message, uint8_t type, struct cursor body)
{
    enum {
        SA1 = 1,
        ID1 = 5,
        CERTIFICATE1 = 6,
        REQUEST1 = 7,
        NOTIFY1 = 11,
        VENDOR1 = 13,
        SA2 = 33,
        CERTIFICATE2 = 37,
        REQUEST2 = 38,
        NOTIFY2 = 41,
        VENDOR2 = 43
    };
    bool first = message->major == VERSION_1;
    const struct ike_name *name = ike_name(first ? IKE1_PAYLOADS : IKE2_PAYLOADS, type);
    if (name != NULL)
        add(&message->payloads, ",", name->name);
    else
        add_number(&message->payloads, ",", "", type);
    if (type == (first ? SA1 : SA2))
        return payload_sa(message, body);
    if (type == (first ? VENDOR1 : VENDOR2))
        return payload_vendor(message, body);
    if (type == (first ? NOTIFY1 : NOTIFY2))
        return payload_notify(message, body);
    if (first && type == ID1)
        return payload_id(message, body);
    message->row.certificates += type == (first ? CERTIFICATE1 : CERTIFICATE2);
    message->row.certificate_requests += type == (first ? REQUEST1 : REQUEST2);
    return true;
}

/* Walks the payloads; NULL, or why it came to no end. */
static const char *walk(struct message *message, uint8_t type, struct cursor bytes)
{
    enum { ENCRYPTED2 = 46, FRAGMENT2 = 53 };
    for (int count = 0; type != 0; count++) {
        uint8_t next, flags;
        uint16_t length;
        struct cursor body;
        if (count == PAYLOADS_MAX) {
            message->over = LIMIT_ike_payloads;
            return "more payloads than are read";
        }
        if (message->major == VERSION_2 && (type == ENCRYPTED2 || type == FRAGMENT2)) {
            add(&message->payloads, ",", ike_name(IKE2_PAYLOADS, type)->name);
            message->row.encrypted = 1;
            return NULL; /* the last one in the clear */
        }
        if (!cursor_u8(&bytes, &next) || !cursor_u8(&bytes, &flags) || !cursor_be16(&bytes, &length))
            return "cut off before the end of its payloads";
        if (length < 4 || !cursor_take(&bytes, length - 4u, &body))
            return "a payload is longer than the message, or shorter than its header";
        if (!payload(message, type, body))
            return message->over == LIMIT_ike_transforms ? "more transforms than are read"
                                                         : "a payload contradicts itself";
        type = next;
    }
    return NULL;
}

/* ---- Messages ---- */

struct header {
    struct cursor initiator, responder;
    uint8_t next, version, exchange, flags;
    uint32_t message_id, length;
};

static bool header_take(struct cursor *bytes, struct header *header)
{
    return cursor_take(bytes, 8, &header->initiator) && cursor_take(bytes, 8, &header->responder) &&
           cursor_u8(bytes, &header->next) && cursor_u8(bytes, &header->version) &&
           cursor_u8(bytes, &header->exchange) && cursor_u8(bytes, &header->flags) &&
           cursor_be32(bytes, &header->message_id) && cursor_be32(bytes, &header->length);
}

static bool is_zero(struct cursor bytes)
{
    static const uint8_t zero[8] = {0};
    return cursor_equal(bytes, cursor_of(zero, sizeof zero));
}

static void read_message(struct message *message, const struct header *header, struct cursor rest)
{
    struct ike_row *row = &message->row;
    bool answered = !is_zero(header->responder);
    const struct ike_name *exchange = ike_name(IKE_EXCHANGES, header->exchange);
    message->major = header->version >> 4;
    row->version = text_format(message->arena, "%u.%u", message->major, header->version & 0x0fu);
    row->exchange = exchange != NULL ? text_of(exchange->name) : text_format(message->arena, "%u", header->exchange);
    row->exchange_type = header->exchange;
    row->initiator_spi = text_hex(message->arena, header->initiator);
    row->responder_spi = answered ? text_hex(message->arena, header->responder) : TEXT_NULL;
    row->message_id = header->message_id;
    row->certificates = row->certificate_requests = 0;
    row->encrypted = message->major == VERSION_1 && (header->flags & FLAG_ENCRYPTED) != 0;
    if (message->major == VERSION_2)
        row->response = (header->flags & FLAG_RESPONSE) != 0;
    else if (!answered)
        row->response = 0;
    if (header->length > rest.left + HEADER)
        row->problem = TEXT("the message is longer than its datagram");
    if (row->encrypted != 1) {
        const char *problem = walk(message, header->next, rest);
        if (problem != NULL)
            row->problem = text_of(problem);
    }
    if (message->major == VERSION_1 && answered && message->proposals.any)
        row->response = 1;
}

static void write_row(struct message *message)
{
    struct ike_row *row = &message->row;
    row->payloads = list_text(&message->payloads);
    row->proposals = list_text(&message->proposals);
    row->authentication = list_text(&message->methods);
    row->weak = list_text(&message->weak);
    row->vendor_ids = list_text(&message->vendors);
    row->notify = list_text(&message->notifies);
    sink_append(&message->dissect->sink, TABLE_ike, row);
}

static bool is_cut(const struct message *message)
{
    return message->payloads.cut || message->proposals.cut || message->methods.cut || message->weak.cut ||
           message->vendors.cut || message->notifies.cut;
}

/* Tells what was not read of a message, whose row is there all the same. */
static void tell_trouble(const struct message *message, struct conversation *conversation, const char *what,
                         struct moment moment)
{
    if (message->over != LIMIT_COUNT)
        trouble_limit(conversation, "ike", message->over, moment);
    else if (message->row.problem.at != NULL)
        trouble_report(conversation, "ike", outcome_of_bytes(conversation), what, UINT64_MAX, moment);
    if (is_cut(message))
        limit_hit(&conversation->dissect->counts.limits, LIMIT_ike_text);
}

static bool on_nat_port(const struct flow *flow)
{
    return flow->port[0] == NAT_PORT || flow->port[1] == NAT_PORT;
}

/* With NAT traversal, four zero bytes stand before IKE (RFC 3948, section 2.2). */
static bool marker_skip(const struct flow *flow, struct cursor *bytes)
{
    static const uint8_t marker[MARKER] = {0};
    return on_nat_port(flow) && cursor_starts(*bytes, marker, MARKER) && cursor_skip(bytes, MARKER);
}

static bool is_known(uint8_t version, uint8_t exchange)
{
    return (version == 0x10 || version == 0x20) && ike_name(IKE_EXCHANGES, exchange) != NULL;
}

/* Returns true when what the capture has of a header may be the beginning of one. */
static bool header_begins(struct cursor bytes)
{
    enum { BEFORE_VERSION = 17 };
    uint8_t version, exchange;
    return !cursor_skip(&bytes, BEFORE_VERSION) || !cursor_u8(&bytes, &version) || !cursor_u8(&bytes, &exchange) ||
           is_known(version, exchange);
}

static enum recognition ike_recognise(struct cursor first, const struct flow *flow)
{
    struct header header;
    bool natt = marker_skip(flow, &first);
    bool port = natt || flow->port[0] == 500 || flow->port[1] == 500;
    struct cursor whole = first;
    if (on_nat_port(flow) && !natt)
        return RECOGNISED_NOT;
    if (!header_take(&first, &header)) /* tshark also takes one byte for IKE where the capture cut it */
        return port && flow->cut && header_begins(whole) ? RECOGNISED_CLIENT : RECOGNISED_NOT;
    bool fits = header.length == first.left + HEADER;
    if (is_zero(header.initiator) || !is_known(header.version, header.exchange) || header.length < HEADER ||
        !(fits || port))
        return RECOGNISED_NOT;
    return RECOGNISED_CLIENT;
}

static void ike_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct conversation *conversation = ((const struct layer *)state)->conversation;
    struct header header = {.length = 0};
    bool natt = marker_skip(conversation->flow, &bytes);
    if (!natt && (on_nat_port(conversation->flow) || bytes.left == 0))
        return; /* ESP in UDP (capture/ipsec.h), a keepalive */
    struct message message = {
        .dissect = conversation->dissect, .arena = &conversation->dissect->scratch, .over = LIMIT_COUNT};
    arena_reset(message.arena);
    message.row = ike_row_null();
    message.row.packet = moment.packet;
    message.row.time = moment_seconds(moment);
    message.row.flow = conversation->row;
    message.row.src = conversation_address(conversation, direction);
    message.row.dst = conversation_address(conversation, direction_reverse(direction));
    message.row.natt = natt;
    bool whole = header_take(&bytes, &header) && header.length >= HEADER;
    if (whole)
        read_message(&message, &header, bytes);
    else
        message.row.problem = TEXT("the header is cut off");
    if (whole || conversation->flow->cut) /* sent so short, it is no message */
        write_row(&message);
    tell_trouble(&message, conversation, whole ? "payloads" : "header", moment);
}

const struct dissector ike_dissector = {
    .name = "ike",
    .recognise = ike_recognise,
    .datagram = ike_datagram,
};
