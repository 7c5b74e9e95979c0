/* dissect/tds.c: connections to SQL Server: TDS 4.2, 5.0, 7.0 to 8.0 (MS-TDS).
 *
 *   packet: u8 type, u8 status (1: the message ends here), u16 length with these 8 bytes (big endian), u16, u8 number, u8
 * window 0
 *
 * When both sides agree on TLS, its handshake travels in packets of type 18, and its records stand in the stream as they
 * are: for the whole session, or for the login only, after which packets come again. A packet and a record are told
 * apart by their first byte.
 */
#include <stdlib.h>

#include "core/buffer.h"
#include "dissect/auth.h"
#include "dissect/internal.h"
#include "dissect/sspi.h"
#include "dissect/tds_message.h"
#include "dissect/trouble.h"

#define HEADER_BYTES 8
#define RECORD_HEADER_BYTES 5
#define PACKET_MAX 32767            /* MS-TDS 2.2.6.4: the largest that a login may ask for */
#define ASKED_MAX ((size_t)65536)   /* of a message from the client: a login with a ticket fits */
#define ANSWERED_MAX ((size_t)8192) /* of one from the server: only its beginning is read */
#define TOKENS_MAX 1024             /* of a reply that are read */
#define PORT_TDS 1433
#define LOGIN_OLD_PACKET 512

struct side {
    uint8_t header[HEADER_BYTES];
    size_t have;   /* bytes of it */
    uint32_t left; /* bytes of the packet or record that are still to come */
    bool record;   /* it is a record of TLS */
    bool wrapped;  /* packets of type 18 hold TLS */
    bool damaged;  /* the message is not whole */
    bool lost;     /* look for a packet at the start of the next chunk */
    uint8_t type;  /* of the message: that of its first packet; 0 between messages */
    uint64_t bytes;
    struct buffer message;
};

struct tds {
    struct layer *layer;
    enum direction client;
    int64_t row;
    struct side side[2];
    struct layer inner;   /* TLS */
    bool asked, answered; /* PRELOGIN */
    bool login;           /* it was seen, or an encrypted one was answered */
    bool old;
    bool clear; /* a message after the handshake of TLS was readable */
    int64_t statements, login_bytes;
    struct auth auth;
};

/* ---- Recognition ---- */

static bool is_type(uint8_t type)
{
    return (type >= TDS_BATCH && type <= TDS_FEDAUTH && type != 5) || (type >= TDS_TRANSACTION && type <= TDS_PRELOGIN);
}

/* Whether eight bytes can be the header of a packet. */
static bool header_read(struct cursor at, uint8_t *type, uint8_t *status, uint16_t *length)
{
    uint8_t number, window;
    uint16_t process;
    return cursor_u8(&at, type) && cursor_u8(&at, status) && cursor_be16(&at, length) && cursor_be16(&at, &process) &&
           cursor_u8(&at, &number) && cursor_u8(&at, &window) && is_type(*type) && *status < 0x20 &&
           *length >= HEADER_BYTES && *length <= PACKET_MAX && window == 0;
}

/* The payload of a first packet that says by itself what it is. */
static bool is_telling(uint8_t type, uint16_t length, struct cursor payload)
{
    struct cursor option;
    uint16_t offset;
    uint32_t login;
    if (type == TDS_PRELOGIN) /* option 0 comes first, and its offset leads behind the options */
        return cursor_take(&payload, 1, &option) && option.at[0] == 0 && cursor_be16(&payload, &offset) &&
               offset < length && offset % 5 == 1;
    if (type == TDS_LOGIN_OLD) /* a login of 567 bytes or so, always in packets of 512; the first text is short */
        return length == LOGIN_OLD_PACKET && (payload.left <= 30 || payload.at[30] <= 30);
    return type == TDS_LOGIN7 && cursor_le32(&payload, &login) && login >= 86 && login <= ASKED_MAX;
}

static enum recognition recognise(struct cursor first, const struct flow *flow)
{
    struct cursor at = first;
    uint8_t type, status;
    uint16_t length;
    bool usual = flow->port[DIRECTION_IN] == PORT_TDS || (!flow->handshake && flow->port[DIRECTION_OUT] == PORT_TDS);
    if (first.left > 0 && !is_type(first.at[0]))
        return RECOGNISED_NOT;
    if (first.left < HEADER_BYTES + 4)
        return first.left >= HEADER_BYTES && !header_read(first, &type, &status, &length) ? RECOGNISED_NOT
                                                                                          : RECOGNISED_MAYBE;
    if (!header_read(first, &type, &status, &length) || !cursor_skip(&at, HEADER_BYTES))
        return RECOGNISED_NOT;
    if (!usual && !is_telling(type, length, at))
        return RECOGNISED_NOT;
    return type == TDS_REPLY ? RECOGNISED_SERVER : RECOGNISED_CLIENT;
}

/* Where the SYN was not seen, who asks does not do so from the server's port. */
static bool fits(const struct flow *flow, enum direction client)
{
    return flow->handshake || flow->port[client] != PORT_TDS || flow->port[direction_reverse(client)] == PORT_TDS;
}

/* Says how reading a message ended, when not well. `side`: a message that is not kept whole is not malformed where what is
 * kept of it ends. */
static void report(const struct tds *tds, enum outcome outcome, const char *what, const struct side *side,
                   struct moment moment)
{
    struct conversation *conversation = tds->layer->conversation;
    if (outcome == OUTCOME_MALFORMED && side != NULL && side->bytes > side->message.length)
        outcome = OUTCOME_LIMIT;
    if (outcome == OUTCOME_LIMIT)
        trouble_limit(conversation, "tds", LIMIT_tds_message, moment);
    else if (outcome != OUTCOME_OK)
        trouble_report(conversation, "tds", outcome, what, UINT64_MAX, moment);
}

/* ---- Rows ---- */

static struct dissect *dissect_of(const struct tds *tds)
{
    return tds->layer->conversation->dissect;
}

static struct sql_login_row row_of(const struct tds *tds, struct moment moment)
{
    const struct conversation *conversation = tds->layer->conversation;
    const struct sink *sink = &conversation->dissect->sink;
    const struct sql_login_row *kept = sink_kept(sink, TABLE_sql_login, tds->row);
    if (kept != NULL)
        return *kept;
    enum direction server = direction_reverse(tds->client);
    struct sql_login_row row = sql_login_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.client = conversation_address(conversation, tds->client);
    row.server = conversation_address(conversation, server);
    row.port = conversation->flow->port[server];
    row.tls = tds->layer->secure;
    return row;
}

/* What came of the negotiation, by what was seen of it (MS-TDS 2.2.6.5, 3.2.5.1). */
static struct text encryption_of(const struct tds *tds, const struct sql_login_row *row)
{
    if (tds->layer->secure)
        return TEXT_NULL;
    if (tds->inner.dissector == NULL)
        return tds->login || (tds->answered && text_is(row->server_encryption, "notsupported")) ? TEXT("none")
                                                                                                : TEXT_NULL;
    bool both_off = text_is(row->client_encryption, "off") && text_is(row->server_encryption, "off");
    return tds->clear || both_off ? TEXT("login") : TEXT("session");
}

/* A login may be encrypted and the tokens that follow it not: those inside TLS and those outside are one authentication. */
static struct auth *auth_of(struct tds *tds)
{
    const struct layer *outer = &tds->layer->conversation->layer;
    bool inside = outer != tds->layer && outer->dissector == &tds_dissector && outer->state != NULL;
    return inside ? &((struct tds *)outer->state)->auth : &tds->auth;
}

/* DOMAIN\user of Windows authentication, as far as NTLM tells it. */
static void fill_user(struct tds *tds, struct sql_login_row *row)
{
    const struct auth *auth = auth_of(tds);
    const struct sink *sink = &dissect_of(tds)->sink;
    const struct ntlm_row *ntlm = sink_kept(sink, TABLE_ntlm, auth->ntlm);
    if (row->integrated != 1 || row->user.length > 0 || ntlm == NULL || ntlm->user.length == 0)
        return;
    row->user = text_format(&dissect_of(tds)->scratch, "%.*s%s%.*s", (int)ntlm->domain.length,
                            ntlm->domain.at == NULL ? "" : ntlm->domain.at, ntlm->domain.length > 0 ? "\\" : "",
                            (int)ntlm->user.length, ntlm->user.at);
}

static void keep_row(struct tds *tds, struct sql_login_row *row)
{
    const struct sink *sink = &dissect_of(tds)->sink;
    fill_user(tds, row);
    row->encryption = encryption_of(tds, row);
    row->statements = tds->statements;
    row->login_bytes = tds->login_bytes > 0 ? tds->login_bytes : INT_NULL;
    if (tds->row == INT_NULL)
        tds->row = sink_append(sink, TABLE_sql_login, row);
    else
        sink_amend(sink, TABLE_sql_login, tds->row, row);
}

static void emit_batch(struct tds *tds, const char *kind, const struct side *side, uint8_t type, struct moment moment)
{
    struct dissect *dissect = dissect_of(tds);
    struct sql_batch_row row = sql_batch_row_null();
    if (tds->row == INT_NULL) { /* met in the middle */
        struct sql_login_row login = row_of(tds, moment);
        keep_row(tds, &login);
    }
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = tds->layer->conversation->row;
    row.login = tds->row;
    row.kind = text_of(kind);
    row.bytes = (int64_t)side->bytes;
    row.tls = tds->layer->secure;
    if (type == TDS_RPC)
        report(tds, tds_procedure(buffer_cursor(&side->message), &dissect->scratch, &row.procedure), "RPC request",
               side, moment);
    else if (type == TDS_BATCH && dissect->needs & NEED_STATEMENT)
        row.statement = tds_batch_text(buffer_cursor(&side->message), &dissect->scratch);
    sink_append(&dissect->sink, TABLE_sql_batch, &row);
    tds->statements++;
}

/* ---- Messages ---- */

/* A token of Windows authentication: rows of `ntlm` and `kerberos`. */
static void take_auth(struct tds *tds, struct cursor token, struct moment moment)
{
    struct auth_carrier carrier = {.conversation = tds->layer->conversation, .name = "tds", .client = tds->client};
    if (token.left > 0)
        auth_token(auth_of(tds), &carrier, token, moment);
}

static void take_login(struct tds *tds, uint8_t type, const struct side *side, struct moment moment)
{
    struct arena *arena = &dissect_of(tds)->scratch;
    struct sql_login_row row = row_of(tds, moment);
    struct cursor token = CURSOR_EMPTY;
    tds->login = true;
    tds->login_bytes = (int64_t)side->bytes;
    tds->old = type == TDS_LOGIN_OLD;
    enum outcome outcome = tds->old ? tds_read_login_old(buffer_cursor(&side->message), &row, arena)
                                    : tds_read_login7(buffer_cursor(&side->message), &row, arena, &token);
    report(tds, outcome, "login", side, moment);
    take_auth(tds, token, moment);
    keep_row(tds, &row);
}

static void take_request(struct tds *tds, uint8_t type, const struct side *side, struct moment moment)
{
    struct sql_login_row row;
    switch (type) {
    case TDS_PRELOGIN:
        row = row_of(tds, moment);
        report(tds, tds_read_prelogin(buffer_cursor(&side->message), false, &row, &dissect_of(tds)->scratch),
               "PRELOGIN request", side, moment);
        tds->asked = true;
        keep_row(tds, &row);
        return;
    case TDS_LOGIN7:
    case TDS_LOGIN_OLD:
        take_login(tds, type, side, moment);
        return;
    case TDS_SSPI: /* a further token */
        row = row_of(tds, moment);
        row.integrated = 1;
        if (sspi_mechanism(buffer_cursor(&side->message)).at != NULL)
            row.auth = sspi_mechanism(buffer_cursor(&side->message));
        take_auth(tds, buffer_cursor(&side->message), moment);
        keep_row(tds, &row);
        return;
    case TDS_BATCH:
        emit_batch(tds, "batch", side, type, moment);
        return;
    case TDS_QUERY_5:
        emit_batch(tds, "query", side, type, moment);
        return;
    case TDS_RPC:
        emit_batch(tds, "rpc", side, type, moment);
        return;
    case TDS_BULK:
        emit_batch(tds, "bulk", side, type, moment);
        return;
    default:
        return;
    }
}

static void emit_error(struct tds *tds, struct sql_error_row *row, struct moment moment)
{
    if (tds->row == INT_NULL) { /* met in the middle */
        struct sql_login_row login = row_of(tds, moment);
        keep_row(tds, &login);
    }
    row->packet = moment.packet;
    row->time = moment_seconds(moment);
    row->flow = tds->layer->conversation->row;
    row->login = tds->row;
    sink_append(&dissect_of(tds)->sink, TABLE_sql_error, row);
}

static void take_tokens(struct tds *tds, const struct side *side, struct moment moment)
{
    struct cursor reply = buffer_cursor(&side->message);
    struct sql_login_row row = row_of(tds, moment);
    struct tds_token token;
    bool changed = false;
    for (int i = 0;; i++) {
        if (i == TOKENS_MAX && reply.left > 0)
            trouble_limit(tds->layer->conversation, "tds", LIMIT_tds_tokens, moment);
        if (i == TOKENS_MAX)
            break;
        enum tds_event event = tds_next_token(&reply, tds->old, &token, &dissect_of(tds)->scratch);
        if (event == TDS_EVENT_DAMAGED)
            report(tds, OUTCOME_MALFORMED, "token of a reply", side, moment);
        if (event == TDS_EVENT_NONE || event == TDS_EVENT_DAMAGED)
            break;
        if (event == TDS_EVENT_ERROR) {
            emit_error(tds, &token.error, moment);
            row.error = row.error == INT_NULL ? token.error.number : row.error;
            row.accepted = row.accepted == INT_NULL && tds->statements == 0 ? 0 : row.accepted;
        } else if (event == TDS_EVENT_LOGIN) {
            row.accepted = 1;
            row.server_version = row.server_version.at == NULL ? token.text : row.server_version;
        } else if (event == TDS_EVENT_DATABASE) {
            row.database = token.text;
        } else if (event == TDS_EVENT_SSPI) {
            row.integrated = 1;
            take_auth(tds, token.sspi, moment);
        }
        changed = changed || event != TDS_EVENT_OTHER;
    }
    if (changed)
        keep_row(tds, &row);
}

static void take_reply(struct tds *tds, const struct side *side, struct moment moment)
{
    struct cursor reply = buffer_cursor(&side->message);
    if (tds->asked && !tds->answered && cursor_starts(reply, "\0", 1)) {
        struct sql_login_row row = row_of(tds, moment);
        report(tds, tds_read_prelogin(reply, true, &row, &dissect_of(tds)->scratch), "PRELOGIN response", side, moment);
        tds->answered = true;
        keep_row(tds, &row);
        return;
    }
    take_tokens(tds, side, moment);
}

static void take_message(struct tds *tds, enum direction direction, uint8_t type, struct moment moment)
{
    struct side *side = &tds->side[direction];
    arena_reset(&dissect_of(tds)->scratch);
    if (tds->inner.dissector != NULL)
        tds->clear = tds->login = true;
    if (direction == tds->client && type != TDS_REPLY)
        take_request(tds, type, side, moment);
    else if (direction != tds->client && type == TDS_REPLY)
        take_reply(tds, side, moment);
}

/* ---- Packets ---- */

static void forget_message(struct side *side)
{
    buffer_reset(&side->message, 0);
    side->bytes = 0;
    side->type = 0;
    side->damaged = false;
}

/* Gives bytes of TLS to what reads it. */
static void hand_on(struct tds *tds, enum direction direction, struct cursor bytes, struct moment moment)
{
    if (tds->inner.dissector == NULL) {
        tds->inner.conversation = tds->layer->conversation;
        if (!layer_open(&tds->inner, &tls_dissector, tds->client))
            return;
    }
    layer_data(&tds->inner, direction, bytes, moment);
}

/* How long the header is that begins with this byte; 0: none does. */
static size_t header_length(const struct tds *tds, uint8_t first)
{
    if (tds->inner.dissector != NULL && first >= 20 && first <= 23)
        return RECORD_HEADER_BYTES;
    return is_type(first) ? HEADER_BYTES : 0;
}

static void take_record_header(struct tds *tds, enum direction direction, struct moment moment)
{
    struct side *side = &tds->side[direction];
    side->record = true;
    side->left = (uint32_t)side->header[3] << 8 | side->header[4];
    side->lost = side->header[1] != 3;
    if (side->header[0] == 23 && direction == tds->client && !tds->login)
        tds->login_bytes += side->left;
    else if (side->header[0] == 23)
        tds->login = true;
    if (!side->lost)
        hand_on(tds, direction, cursor_of(side->header, RECORD_HEADER_BYTES), moment);
}

static void take_packet_header(struct side *side)
{
    uint8_t type, status;
    uint16_t length;
    side->record = false;
    side->lost = !header_read(cursor_of(side->header, HEADER_BYTES), &type, &status, &length);
    if (side->lost)
        return;
    side->left = length - (uint32_t)HEADER_BYTES;
    if (side->type == 0)
        side->type = type;
}

static void packet_ended(struct tds *tds, enum direction direction, struct moment moment)
{
    struct side *side = &tds->side[direction];
    uint8_t type = side->header[0], status = side->header[1];
    side->have = 0;
    if (side->record)
        return;
    if (side->wrapped && type == TDS_PRELOGIN) {
        side->type = 0;
        return;
    }
    if ((status & 1) == 0)
        return;
    if (side->damaged)
        report(tds, OUTCOME_MORE, "message with a gap", NULL, moment);
    else
        take_message(tds, direction, side->type, moment);
    forget_message(side);
}

/* Takes bytes of a header. */
static void take_header(struct tds *tds, enum direction direction, struct cursor *bytes, struct moment moment)
{
    struct side *side = &tds->side[direction];
    struct cursor part;
    size_t need = header_length(tds, side->have == 0 ? bytes->at[0] : side->header[0]);
    if (need == 0) {
        report(tds, OUTCOME_MALFORMED, "header of a packet", NULL, moment);
        side->lost = true;
        return;
    }
    size_t take = need - side->have < bytes->left ? need - side->have : bytes->left;
    if (!cursor_take(bytes, take, &part) || part.at == NULL)
        return;
    memcpy(side->header + side->have, part.at, take);
    side->have += take;
    if (side->have < need)
        return;
    if (need == RECORD_HEADER_BYTES)
        take_record_header(tds, direction, moment);
    else
        take_packet_header(side);
    if (side->lost)
        report(tds, OUTCOME_MALFORMED, "header of a packet", NULL, moment);
    if (!side->lost && side->left == 0)
        packet_ended(tds, direction, moment);
}

static void take_payload(struct tds *tds, enum direction direction, struct cursor part, struct moment moment)
{
    struct side *side = &tds->side[direction];
    bool first = side->bytes == 0;
    if (!side->record && side->header[0] == TDS_PRELOGIN && first && part.at[0] == 22)
        side->wrapped = true;
    side->left -= (uint32_t)part.left;
    if (side->record || (side->wrapped && side->header[0] == TDS_PRELOGIN)) {
        hand_on(tds, direction, part, moment);
    } else {
        side->bytes += part.left;
        if (!buffer_append(&side->message, part))
            return; /* its beginning is kept */
    }
}

static void tds_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct tds *tds = state;
    struct side *side = &tds->side[direction];
    struct cursor part;
    if (side->lost) { /* take it up again where a chunk begins with a packet */
        uint8_t type, status;
        uint16_t length;
        if (!header_read(bytes, &type, &status, &length))
            return;
        side->lost = false;
        side->have = 0;
        side->left = 0;
        forget_message(side);
    }
    while (bytes.left > 0 && !side->lost) {
        if (side->left == 0) {
            take_header(tds, direction, &bytes, moment);
            continue;
        }
        if (!cursor_take(&bytes, side->left < bytes.left ? side->left : bytes.left, &part))
            return;
        take_payload(tds, direction, part, moment);
        if (side->left == 0)
            packet_ended(tds, direction, moment);
    }
}

/* The rest of a message will not come. */
static void report_cut(const struct tds *tds, enum direction direction, const char *what, struct moment moment)
{
    const struct side *side = &tds->side[direction];
    bool within = side->have > 0 || (side->type != 0 && !side->record);
    if (within && !side->lost)
        report(tds, OUTCOME_MORE, what, NULL, moment);
}

static void tds_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct tds *tds = state;
    struct side *side = &tds->side[direction];
    if (tds->inner.dissector != NULL)
        layer_gap(&tds->inner, direction, bytes, moment);
    if (bytes < side->left) { /* inside a packet: its end is known */
        side->left -= (uint32_t)bytes;
        side->damaged = true;
        return;
    }
    report_cut(tds, direction, "message with a gap", moment);
    side->lost = true;
}

/* ---- The dissector ---- */

static void *tds_open(struct layer *layer, enum direction client)
{
    struct tds *tds = calloc(1, sizeof *tds);
    if (tds == NULL)
        return NULL;
    tds->auth = AUTH_NEW;
    tds->layer = layer;
    tds->client = client;
    tds->row = INT_NULL;
    buffer_init(&tds->side[client].message, ASKED_MAX);
    buffer_init(&tds->side[direction_reverse(client)].message, ANSWERED_MAX);
    return tds;
}

static void tds_ended(void *state, enum direction direction, struct moment moment)
{
    struct tds *tds = state;
    layer_ended(&tds->inner, direction, moment);
    report_cut(tds, direction, "message that the stream ends in", moment);
}

static void tds_close(void *state)
{
    struct tds *tds = state;
    arena_reset(&dissect_of(tds)->scratch);
    if (tds->row != INT_NULL) {
        struct sql_login_row row = row_of(tds, (struct moment){0});
        keep_row(tds, &row);
    }
    layer_close(&tds->inner);
    buffer_free(&tds->side[0].message);
    buffer_free(&tds->side[1].message);
    free(tds);
}

const struct dissector tds_dissector = {
    .name = "tds",
    .recognise = recognise,
    .fits = fits,
    .open = tds_open,
    .data = tds_data,
    .gap = tds_gap,
    .ended = tds_ended,
    .close = tds_close,
};
