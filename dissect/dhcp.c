/* dissect/dhcp.c: DHCP and BOOTP (RFC 951, 2131, 2132), PXE in it (RFC 4578, PXE 2.1), what ConfigMgr adds (wire.md 9.3).
 *
 *   u8 op (1 request, 2 reply), u8 hardware type, u8 hardware length, u8 hops, u32 transaction, u16 seconds, u16 flags,
 *   client, your, next server, relay addresses, hardware address (16), server name (64), boot file (128), 63 82 53 63,
 *   options: u8 number, u8 length, value; 0 pads, 255 ends; 52 says that the name or file fields hold options too
 */
#include <stdio.h>

#include "dissect/internal.h"
#include "dissect/listing.h"
#include "dissect/trouble.h"

#define HARDWARE_MAX 16
#define NAME_BYTES 64
#define FILE_BYTES 128
#define COOKIE 0x63825363u
#define OPTIONS_MAX 256 /* a message of 64 KB could hold more, none needs them */
#define UUID_BYTES 16

enum { PORT_SERVER = 67, PORT_CLIENT = 68, PORT_PROXY = 4011 };
enum {
    OPTION_PAD = 0,
    OPTION_DNS = 6,
    OPTION_HOST = 12,
    OPTION_DOMAIN = 15,
    OPTION_WINS = 44,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_OVERLOAD = 52,
    OPTION_MESSAGE = 53,
    OPTION_SERVER = 54,
    OPTION_VENDOR_CLASS = 60,
    OPTION_BOOT_SERVER = 66,
    OPTION_BOOT_FILE = 67,
    OPTION_FQDN = 81,
    OPTION_ARCHITECTURE = 93,
    OPTION_UUID = 97,
    OPTION_TFTP_SERVERS = 150,
    OPTION_VARIABLES = 243,
    OPTION_BCD = 252,
    OPTION_END = 255
};

static const char *const MESSAGES[] = {NULL,  "discover", "offer",   "request", "decline",
                                       "ack", "nak",      "release", "inform"};

struct dhcp {
    struct dissect *dissect;
    struct dhcp_row row;
    struct cursor name, file; /* fields sname and file */
    unsigned options;
    struct listing numbers, dns, wins, tftp;
    char mac[3 * HARDWARE_MAX], transaction[9], address[5][ADDRESS_TEXT_MAX], server[ADDRESS_TEXT_MAX],
        requested[ADDRESS_TEXT_MAX], uuid[40];
};

/* ---- Values ---- */

static void address4_print(struct cursor bytes, char text[ADDRESS_TEXT_MAX])
{
    struct address address = {.version = 4};
    memcpy(address.bytes, bytes.at, 4);
    address_print(&address, text);
}

/* An address field, NULL for 0.0.0.0. */
static bool take_address(struct cursor *at, char text[ADDRESS_TEXT_MAX], struct text *value)
{
    static const uint8_t none[4] = {0};
    struct cursor bytes;
    if (!cursor_take(at, 4, &bytes))
        return false;
    address4_print(bytes, text);
    *value = memcmp(bytes.at, none, 4) == 0 ? TEXT_NULL : text_of(text);
    return true;
}

static void list_addresses(struct listing *listing, struct cursor bytes)
{
    char text[ADDRESS_TEXT_MAX];
    struct cursor one;
    while (cursor_take(&bytes, 4, &one)) {
        address4_print(one, text);
        listing_add(listing, text_of(text));
    }
}

/* Text up to the first NUL; TEXT_NULL when nothing is there. */
static struct text text_until_nul(struct dhcp *dhcp, struct cursor bytes)
{
    size_t length = 0;
    while (length < bytes.left && bytes.at[length] != 0)
        length++;
    return length == 0 ? TEXT_NULL : text_utf8(&dhcp->dissect->scratch, text_from(cursor_of(bytes.at, length)));
}

/* Type 0 and a GUID, whose first three fields are little endian (RFC 4578 section 2.3). */
static void read_uuid(struct dhcp *dhcp, struct cursor value)
{
    uint8_t type;
    uint32_t first;
    uint16_t second, third;
    struct cursor rest;
    if (!cursor_u8(&value, &type) || type != 0 || value.left != UUID_BYTES || !cursor_le32(&value, &first) ||
        !cursor_le16(&value, &second) || !cursor_le16(&value, &third) || !cursor_take(&value, 8, &rest))
        return;
    const uint8_t *r = rest.at;
    snprintf(dhcp->uuid, sizeof dhcp->uuid, "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X", (unsigned)first,
             (unsigned)second, (unsigned)third, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
    dhcp->row.client_uuid = text_of(dhcp->uuid);
}

/* Flags, two codes, then a name: in DNS encoding when flag 4 is set, else as text (RFC 4702 section 2). */
static void read_fqdn(struct dhcp *dhcp, struct cursor value)
{
    uint8_t flags;
    if (!cursor_u8(&value, &flags) || !cursor_skip(&value, 2))
        return;
    if ((flags & 4) == 0) {
        dhcp->row.fqdn = text_until_nul(dhcp, value);
        return;
    }
    struct listing name;
    struct cursor label;
    uint8_t length;
    listing_init(&name);
    while (cursor_u8(&value, &length) && length > 0 && cursor_take(&value, length, &label)) {
        if (name.items++ > 0)
            listing_more(&name, TEXT("."));
        listing_more(&name, text_from(label));
    }
    if (name.items > 0)
        dhcp->row.fqdn = text_clean(&dhcp->dissect->scratch, text_cursor(listing_text(&name)));
}

/* A sequence of type, length, value: 1 is the path; 2 is the key, and behind it comes a path in the same form. */
static void read_variables(struct dhcp *dhcp, struct cursor value)
{
    uint8_t type, length;
    struct cursor part;
    while (cursor_u8(&value, &type) && cursor_u8(&value, &length) && cursor_take(&value, length, &part)) {
        bool path = part.left > 0 && part.at[0] == '\\';
        if (type == 2)
            dhcp->row.variables_key = 1;
        else if (path && dhcp->row.variables_file.at == NULL)
            dhcp->row.variables_file = text_until_nul(dhcp, part);
    }
    if (dhcp->row.variables_file.at != NULL && dhcp->row.variables_key == INT_NULL)
        dhcp->row.variables_key = 0;
}

static void read_number(struct cursor value, int64_t *number)
{
    uint16_t small;
    uint32_t big;
    if (value.left == 2 && cursor_be16(&value, &small))
        *number = small;
    else if (value.left == 4 && cursor_be32(&value, &big))
        *number = big;
}

/* ---- Options ---- */

static struct text first_address(struct cursor value, char text[ADDRESS_TEXT_MAX])
{
    if (value.left < 4)
        return TEXT_NULL;
    address4_print(value, text);
    return text_of(text);
}

static void read_option(struct dhcp *dhcp, uint8_t number, struct cursor value)
{
    struct dhcp_row *row = &dhcp->row;
    switch (number) {
    case OPTION_MESSAGE:
        if (value.left == 1 && value.at[0] > 0 && value.at[0] < sizeof MESSAGES / sizeof MESSAGES[0])
            row->message = text_of(MESSAGES[value.at[0]]);
        return;
    case OPTION_DNS:
        list_addresses(&dhcp->dns, value);
        return;
    case OPTION_WINS:
        list_addresses(&dhcp->wins, value);
        return;
    case OPTION_TFTP_SERVERS:
        list_addresses(&dhcp->tftp, value);
        return;
    case OPTION_REQUESTED:
        row->requested_ip = first_address(value, dhcp->requested);
        return;
    case OPTION_SERVER:
        row->server = first_address(value, dhcp->server);
        return;
    case OPTION_LEASE:
        read_number(value, &row->lease);
        return;
    case OPTION_ARCHITECTURE:
        if (value.left >= 2)
            read_number(cursor_of(value.at, 2), &row->architecture);
        return;
    case OPTION_UUID:
        read_uuid(dhcp, value);
        return;
    case OPTION_FQDN:
        read_fqdn(dhcp, value);
        return;
    case OPTION_VARIABLES:
        read_variables(dhcp, value);
        return;
    default:
        return;
    }
}

/* Options that are a text. */
static void read_text_option(struct dhcp *dhcp, uint8_t number, struct cursor value)
{
    struct text *const places[] = {
        [OPTION_HOST] = &dhcp->row.host,
        [OPTION_DOMAIN] = &dhcp->row.domain,
        [OPTION_VENDOR_CLASS] = &dhcp->row.vendor_class,
        [OPTION_BOOT_SERVER] = &dhcp->row.boot_server,
        [OPTION_BOOT_FILE] = &dhcp->row.boot_file,
        [OPTION_BCD] = &dhcp->row.bcd_file,
    };
    if (number < sizeof places / sizeof places[0] && places[number] != NULL)
        *places[number] = text_until_nul(dhcp, value);
}

/* Returns false when the options are damaged. *overload gets option 52. */
static bool read_options(struct dhcp *dhcp, struct cursor options, uint8_t *overload)
{
    uint8_t number, length;
    char text[4];
    struct cursor value;
    while (cursor_u8(&options, &number) && number != OPTION_END) {
        if (number == OPTION_PAD)
            continue;
        if (!cursor_u8(&options, &length) || !cursor_take(&options, length, &value) || dhcp->options++ == OPTIONS_MAX)
            return false;
        snprintf(text, sizeof text, "%u", number);
        listing_add(&dhcp->numbers, text_of(text));
        if (number == OPTION_OVERLOAD && length == 1)
            *overload = value.at[0];
        read_option(dhcp, number, value);
        read_text_option(dhcp, number, value);
    }
    return true;
}

/* ---- The message ---- */

static bool read_header(struct dhcp *dhcp, struct cursor *at)
{
    uint8_t op, hardware_type, hardware_length, hops;
    uint32_t transaction;
    struct cursor hardware;
    struct dhcp_row *row = &dhcp->row;
    if (!cursor_u8(at, &op) || !cursor_u8(at, &hardware_type) || !cursor_u8(at, &hardware_length) ||
        !cursor_u8(at, &hops) || !cursor_be32(at, &transaction) || !cursor_skip(at, 4) ||
        !take_address(at, dhcp->address[0], &row->client_ip) || !take_address(at, dhcp->address[1], &row->your_ip) ||
        !take_address(at, dhcp->address[2], &row->next_server) || !take_address(at, dhcp->address[3], &row->relay) ||
        !cursor_take(at, HARDWARE_MAX, &hardware) || !cursor_take(at, NAME_BYTES, &dhcp->name) ||
        !cursor_take(at, FILE_BYTES, &dhcp->file))
        return false;
    row->message = text_of(op == 1 ? "bootrequest" : "bootreply");
    snprintf(dhcp->transaction, sizeof dhcp->transaction, "%08X", (unsigned)transaction);
    row->transaction = text_of(dhcp->transaction);
    for (size_t i = 0; i < hardware_length && i < HARDWARE_MAX; i++)
        snprintf(dhcp->mac + (i == 0 ? 0 : 3 * i - 1), 4, "%s%02x", i == 0 ? "" : ":", hardware.at[i]);
    row->client_mac = hardware_length == 0 ? TEXT_NULL : text_of(dhcp->mac);
    return true;
}

static void read_message(struct dhcp *dhcp, struct cursor at)
{
    uint32_t cookie;
    uint8_t overload = 0, ignored;
    if (!read_header(dhcp, &at)) {
        dhcp->row.malformed = TEXT("it is cut off");
        return;
    }
    bool whole = !cursor_be32(&at, &cookie) || cookie != COOKIE || read_options(dhcp, at, &overload);
    if (overload & 1)
        whole = read_options(dhcp, dhcp->file, &ignored) && whole;
    else if (dhcp->row.boot_file.at == NULL)
        dhcp->row.boot_file = text_until_nul(dhcp, dhcp->file);
    if (overload & 2)
        whole = read_options(dhcp, dhcp->name, &ignored) && whole;
    else if (dhcp->row.boot_server.at == NULL)
        dhcp->row.boot_server = text_until_nul(dhcp, dhcp->name);
    if (!whole)
        dhcp->row.malformed = TEXT("an option is longer than the message, or there are too many");
    /* Option 252 is a proxy's address (WPAD) unless a boot service sent it. */
    if (dhcp->row.bcd_file.at != NULL && dhcp->row.variables_file.at == NULL && dhcp->row.proxy != 1)
        dhcp->row.bcd_file = TEXT_NULL;
}

/* ---- The dissector ---- */

static bool is_usual(const struct flow *flow)
{
    uint16_t a = flow->port[0], b = flow->port[1];
    return a == PORT_SERVER || b == PORT_SERVER || a == PORT_CLIENT || b == PORT_CLIENT;
}

static enum recognition recognise(struct cursor first, const struct flow *flow)
{
    uint8_t op, hardware_type, hardware_length;
    bool usual = is_usual(flow);
    struct cursor cookie;
    if (!cursor_u8(&first, &op) || !cursor_u8(&first, &hardware_type) || !cursor_u8(&first, &hardware_length) ||
        (op != 1 && op != 2) || hardware_length > HARDWARE_MAX)
        return RECOGNISED_NOT;
    static const uint8_t magic[4] = {0x63, 0x82, 0x53, 0x63};
    bool magical = cursor_slice(first, 233, 4, &cookie) && cursor_starts(cookie, magic, sizeof magic);
    if (!magical && (!usual || first.left < 233 || hardware_length == 0)) /* BOOTP without options: by its port */
        return RECOGNISED_NOT;
    return op == 1 ? RECOGNISED_CLIENT : RECOGNISED_SERVER;
}

/* No client takes 67 or 68 by chance, but 4011. */
static bool fits(const struct flow *flow, enum direction client)
{
    return is_usual(flow) || flow->port[direction_reverse(client)] == PORT_PROXY;
}

static void dhcp_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    const struct layer *layer = state;
    struct conversation *conversation = layer->conversation;
    enum recognition side = recognise(bytes, conversation->flow);
    enum direction client = side == RECOGNISED_CLIENT ? direction : direction_reverse(direction);
    if (side == RECOGNISED_NOT || !fits(conversation->flow, client)) {
        if (bytes.left > 0)
            trouble_report(conversation, "dhcp", outcome_of_bytes(conversation), "header", 0, moment);
        return;
    }
    struct dhcp dhcp = {.dissect = conversation->dissect, .row = dhcp_row_null()};
    struct dhcp_row *row = &dhcp.row;
    arena_reset(&dhcp.dissect->scratch);
    listing_init(&dhcp.numbers);
    listing_init(&dhcp.dns);
    listing_init(&dhcp.wins);
    listing_init(&dhcp.tftp);
    row->packet = moment.packet;
    row->time = moment_seconds(moment);
    row->flow = conversation->row;
    row->src = conversation_address(conversation, direction);
    row->dst = conversation_address(conversation, direction_reverse(direction));
    row->proxy = conversation->flow->port[direction_reverse(client)] == PORT_PROXY;
    read_message(&dhcp, bytes);
    row->options = listing_text(&dhcp.numbers);
    row->dns_servers = listing_text(&dhcp.dns);
    row->wins_servers = listing_text(&dhcp.wins);
    row->tftp_servers = listing_text(&dhcp.tftp);
    sink_append(&dhcp.dissect->sink, TABLE_dhcp, row);
    if (dhcp.options > OPTIONS_MAX)
        trouble_limit(conversation, "dhcp", LIMIT_dhcp_options, moment);
    else if (row->malformed.at != NULL)
        trouble_report(conversation, "dhcp", outcome_of_bytes(conversation), "message", UINT64_MAX, moment);
}

const struct dissector dhcp_dissector = {
    .name = "dhcp",
    .recognise = recognise,
    .fits = fits,
    .datagram = dhcp_datagram,
};
