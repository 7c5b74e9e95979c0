/* dissect/tftp.c: TFTP (RFC 1350, options RFC 2347), by which computers boot: what is asked for and what comes.
 *
 *   u16 operation: 1 read, 2 write (file NUL mode NUL, then option NUL value NUL ...), 3 data (u16 block, bytes),
 *   4 acknowledgement (u16 block), 5 error (u16 code, text NUL), 6 options accepted (option NUL value NUL ...)
 *
 * The server answers from a port of its own. Such a conversation is recognised by its first packet, which the server
 * sends, and its row says how sure that is; the request is the row of the same client and client_port.
 */
#include <stdlib.h>

#include "dissect/internal.h"
#include "dissect/listing.h"
#include "dissect/trouble.h"

#define PORT_TFTP 69
#define PORT_EPHEMERAL 1024 /* no server sends from a lower one, but 69 itself */
#define BLOCK_DEFAULT 512   /* RFC 1350 section 2 */
#define NAME_MAX_BYTES 512  /* RFC 2347: a request has at most 512 bytes */
#define OPTIONS_MAX 16
#define ERROR_CODE_MAX 8

enum { READ = 1, WRITE = 2, DATA = 3, ACKNOWLEDGEMENT = 4, ERROR = 5, OPTIONS = 6 };

struct tftp {
    struct layer *layer;
    enum direction client;
    int64_t row;
    int64_t packets, bytes;
};

/* ---- Parts ---- */

/* Printable text and a NUL; not empty. */
static bool take_string(struct cursor *at, struct text *text)
{
    size_t length;
    struct cursor bytes;
    if (!cursor_find(*at, cursor_of("", 1), &length) || length == 0 || length > NAME_MAX_BYTES ||
        !cursor_take(at, length, &bytes) || !cursor_skip(at, 1))
        return false;
    for (size_t i = 0; i < bytes.left; i++) {
        if (bytes.at[i] < ' ')
            return false;
    }
    *text = text_from(bytes);
    return true;
}

static bool is_mode(struct text text)
{
    return text_is_like(text, "octet") || text_is_like(text, "netascii") || text_is_like(text, "mail");
}

/* Options whose meaning is published; others are shown, but do not make a packet TFTP. */
static bool is_option(struct text text)
{
    static const char *const names[] = {"blksize",   "tsize",      "timeout", "windowsize",
                                        "multicast", "msftwindow", "blksize2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_is_like(text, names[i]))
            return true;
    }
    return false;
}

/* OUTCOME_OK, OUTCOME_MALFORMED, or OUTCOME_LIMIT when there are too many. Zeros behind them pad. */
static enum outcome list_options(struct arena *arena, struct cursor at, struct listing *options)
{
    struct text name, value;
    listing_init(options);
    while (options->items < OPTIONS_MAX && take_string(&at, &name)) {
        listing_add(options, text_utf8(arena, name));
        if (!take_string(&at, &value))
            return OUTCOME_MALFORMED;
        listing_more(options, TEXT("="));
        listing_more(options, text_utf8(arena, value));
    }
    if (options->items == OPTIONS_MAX)
        return at.left > 0 ? OUTCOME_LIMIT : OUTCOME_OK;
    return at.left > 0 && at.at[0] != 0 ? OUTCOME_MALFORMED : OUTCOME_OK;
}

/* ---- Recognition ---- */

static bool is_request(struct cursor at)
{
    struct text file, mode;
    return take_string(&at, &file) && take_string(&at, &mode) && is_mode(mode);
}

static bool is_error(struct cursor at)
{
    uint16_t code;
    struct text text;
    return cursor_be16(&at, &code) && code <= ERROR_CODE_MAX && take_string(&at, &text) && at.left == 0;
}

/* What the first packet of a conversation is, when it can be TFTP: a READ, WRITE, OPTIONS, ERROR; or by numbers only:
 * DATA, ACKNOWLEDGEMENT. 0: it is not. */
static unsigned kind_of(struct cursor at)
{
    uint16_t operation, block;
    struct text option;
    struct cursor rest;
    if (!cursor_be16(&at, &operation))
        return 0;
    rest = at;
    switch (operation) {
    case READ:
    case WRITE:
        return is_request(at) ? operation : 0;
    case OPTIONS:
        return take_string(&at, &option) && is_option(option) ? operation : 0;
    case ERROR:
        return is_error(at) ? operation : 0;
    case DATA:
        return cursor_be16(&rest, &block) && block == 1 && rest.left <= BLOCK_DEFAULT ? operation : 0;
    case ACKNOWLEDGEMENT:
        return cursor_be16(&rest, &block) && block == 0 && rest.left == 0 ? operation : 0;
    default:
        return 0;
    }
}

static enum recognition recognise(struct cursor first, const struct flow *flow)
{
    unsigned kind = kind_of(first);
    if (kind == READ || kind == WRITE)
        return RECOGNISED_CLIENT;
    bool high = flow->port[0] >= PORT_EPHEMERAL && flow->port[1] >= PORT_EPHEMERAL;
    bool well_known = flow->port[0] == PORT_TFTP || flow->port[1] == PORT_TFTP;
    return kind != 0 && (high || well_known) ? RECOGNISED_SERVER : RECOGNISED_NOT;
}

static const char *const NAMES[] = {NULL,    "read request", "write request", "data", "acknowledgement",
                                    "error", "options"};

/* Says that a packet was not read, or not to its end. */
static void report(const struct tftp *tftp, enum outcome outcome, unsigned operation, struct moment moment)
{
    struct conversation *conversation = tftp->layer->conversation;
    const char *what = operation > 0 && operation < sizeof NAMES / sizeof NAMES[0] ? NAMES[operation] : "operation";
    if (outcome == OUTCOME_LIMIT)
        trouble_limit(conversation, "tftp", LIMIT_tftp_options, moment);
    else if (outcome != OUTCOME_OK)
        trouble_report(conversation, "tftp", outcome_of_bytes(conversation), what, UINT64_MAX, moment);
}

/* ---- Rows ---- */

static struct tftp_row row_of(const struct tftp *tftp, struct moment moment)
{
    const struct conversation *conversation = tftp->layer->conversation;
    enum direction server = direction_reverse(tftp->client);
    struct tftp_row row = tftp_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.client = conversation_address(conversation, tftp->client);
    row.client_port = conversation->flow->port[tftp->client];
    row.server = conversation_address(conversation, server);
    row.server_port = conversation->flow->port[server];
    row.certainty = TEXT("high");
    return row;
}

/* The counts of the request before are settled. */
static void finish(struct tftp *tftp)
{
    const struct sink *sink = &tftp->layer->conversation->dissect->sink;
    const struct tftp_row *kept = sink_kept(sink, TABLE_tftp, tftp->row);
    if (kept == NULL)
        return;
    struct tftp_row row = *kept;
    row.packets = tftp->packets;
    row.bytes = tftp->bytes;
    sink_amend(sink, TABLE_tftp, tftp->row, &row);
    tftp->packets = tftp->bytes = 0;
}

static void begin(struct tftp *tftp, unsigned kind, struct cursor at, struct moment moment)
{
    struct dissect *dissect = tftp->layer->conversation->dissect;
    struct tftp_row row = row_of(tftp, moment);
    struct listing options;
    struct text file, mode;
    listing_init(&options);
    if (kind == READ || kind == WRITE) {
        if (!take_string(&at, &file) || !take_string(&at, &mode))
            return;
        row.operation = text_of(kind == READ ? "read" : "write");
        row.file = text_utf8(&dissect->scratch, file);
        row.mode = text_utf8(&dissect->scratch, mode);
        report(tftp, list_options(&dissect->scratch, at, &options), kind, moment);
        row.options = listing_text(&options);
    } else {
        row.operation = TEXT("transfer");
        row.certainty = text_of(kind == DATA || kind == ACKNOWLEDGEMENT ? "low" : "high");
    }
    finish(tftp);
    tftp->row = sink_append(&dissect->sink, TABLE_tftp, &row);
}

/* What options the server took, or its error, or that of the client. */
static void tell(struct tftp *tftp, unsigned operation, struct cursor at, struct moment moment)
{
    struct dissect *dissect = tftp->layer->conversation->dissect;
    const struct sink *sink = &dissect->sink;
    const struct tftp_row *kept = sink_kept(sink, TABLE_tftp, tftp->row);
    struct listing options;
    struct text text;
    uint16_t code;
    if (kept == NULL)
        return;
    struct tftp_row row = *kept;
    if (operation == OPTIONS) {
        report(tftp, list_options(&dissect->scratch, at, &options), operation, moment);
        row.accepted = listing_text(&options);
    } else if (cursor_be16(&at, &code)) {
        row.error_code = code;
        row.error = take_string(&at, &text) ? text_utf8(&dissect->scratch, text) : TEXT_NULL;
        if (row.error.at == NULL && !cursor_starts(at, "\0", 1)) /* the text may be empty */
            report(tftp, OUTCOME_MALFORMED, operation, moment);
    } else {
        report(tftp, OUTCOME_MALFORMED, operation, moment);
    }
    sink_amend(sink, TABLE_tftp, tftp->row, &row);
}

/* ---- The dissector ---- */

static void *tftp_open(struct layer *layer, enum direction client)
{
    struct tftp *tftp = calloc(1, sizeof *tftp);
    if (tftp == NULL)
        return NULL;
    tftp->layer = layer;
    tftp->client = client;
    tftp->row = INT_NULL;
    return tftp;
}

static void tftp_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct tftp *tftp = state;
    struct cursor at = bytes;
    uint16_t operation;
    (void)direction;
    if (!cursor_be16(&at, &operation)) {
        if (bytes.left > 0)
            report(tftp, OUTCOME_MALFORMED, 0, moment);
        return;
    }
    bool request = operation == READ || operation == WRITE;
    if (operation != DATA)
        arena_reset(&tftp->layer->conversation->dissect->scratch);
    if (request ? is_request(at) : tftp->row == INT_NULL && kind_of(bytes) != 0)
        begin(tftp, operation, at, moment);
    if (request && !is_request(at))
        report(tftp, OUTCOME_MALFORMED, operation, moment);
    if (operation == OPTIONS || operation == ERROR)
        tell(tftp, operation, at, moment);
    if (operation == DATA && cursor_skip(&at, 2)) {
        tftp->packets++;
        tftp->bytes += (int64_t)at.left;
    } else if (operation == DATA || operation == 0 || operation > OPTIONS ||
               (operation == ACKNOWLEDGEMENT && at.left < 2)) {
        report(tftp, OUTCOME_MALFORMED, operation, moment);
    }
}

static void tftp_close(void *state)
{
    finish(state);
    free(state);
}

const struct dissector tftp_dissector = {
    .name = "tftp",
    .recognise = recognise,
    .open = tftp_open,
    .datagram = tftp_datagram,
    .close = tftp_close,
};
