/* dissect/http.c: HTTP/1 through libhtp, which is made for passive inspection (RFC 9112).
 *
 * Bodies are handed on only when mp.c wants them; all others pass through. After a gap or an error inside a start
 * line or headers nothing of that exchange is judged, and the stream is taken up again at the next chunk that begins
 * with a start line.
 */
#define _DEFAULT_SOURCE
#include "dissect/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dissect/mp.h"
#include "dissect/ntlm.h"
#include "dissect/service.h"

#define HEADER_LINE_MAX ((size_t)64 * 1024) /* a hook token or signature fits many times */
#define METHOD_MAX 24
#define BOMB_LIMIT ((size_t)64 << 20) /* content decoding of one body ends here */
#define DECODE_LAYERS 2               /* Content-Encoding: gzip, gzip */
/* libhtp remembers a slot for each exchange of a connection: begin anew now and then, when none is open. */
#define EXCHANGES_OF_PARSER_MAX 4096
/* Requests of a connection that wait for a reply; each takes some 4 KB. More come when the capture holds one side
 * only. */
#define EXCHANGES_OPEN_MAX 256

struct http_flow {
    struct conversation *conversation;
    struct dissect *dissect;
    htp_connp_t *parser; /* NULL: lost; taken up again at the next start line */
    enum direction client;
    bool secure;       /* inside TLS that was decrypted */
    struct moment now; /* of the bytes being parsed */
    struct http_exchange *open;
    size_t open_count;
    size_t exchanges;   /* since the parser is new */
    uint64_t body_left; /* of the request: bytes of its body, by Content-Length, that are still to come */
    unsigned blank;     /* bytes of CR LF CR LF that the request stream ended with so far */
    bool lost;          /* the parser failed: nothing more of this chunk is taken for a start line */
    bool lone;          /* a reply came to its end whose request was not seen */
    int64_t lone_until; /* packet of the last such reply: requests from before it may be the ones it answered */
};

/* ---- Recognition ---- */

static bool is_method_character(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/* Whether a request target begins here (RFC 9112 section 3.2): a path, "*", an absolute URI; after CONNECT a host. */
static enum recognition target_recognise(struct text method, struct text target)
{
    static const char scheme[] = "http";
    if (target.at[0] == '/' || target.at[0] == '*')
        return RECOGNISED_CLIENT;
    if (text_is(method, "CONNECT"))
        return target.at[0] == '[' || isalnum((unsigned char)target.at[0]) ? RECOGNISED_CLIENT : RECOGNISED_NOT;
    if (target.length < sizeof scheme)
        return strncasecmp(target.at, scheme, target.length) == 0 ? RECOGNISED_MAYBE : RECOGNISED_NOT;
    return text_starts_like(target, "http:") || text_starts_like(target, "https") ? RECOGNISED_CLIENT : RECOGNISED_NOT;
}

static enum recognition http_recognise(struct cursor first, const struct flow *flow)
{
    (void)flow;
    static const char reply[] = "HTTP/1.";
    size_t length = first.left < sizeof reply - 1 ? first.left : sizeof reply - 1;
    if (length > 0 && memcmp(first.at, reply, length) == 0)
        return length == sizeof reply - 1 ? RECOGNISED_SERVER : RECOGNISED_MAYBE;
    size_t i = 0;
    while (i < first.left && i <= METHOD_MAX && is_method_character(first.at[i]))
        i++;
    if (i > METHOD_MAX)
        return RECOGNISED_NOT;
    if (i == first.left || i + 1 == first.left)
        return i == first.left || (i >= 3 && first.at[i] == ' ') ? RECOGNISED_MAYBE : RECOGNISED_NOT;
    if (i < 3 || first.at[i] != ' ')
        return RECOGNISED_NOT;
    struct text whole = text_from(first);
    return target_recognise((struct text){whole.at, i}, (struct text){whole.at + i + 1, whole.length - i - 1});
}

/* ---- Facts of an exchange ---- */

/* As UTF-8: what a header holds may be anything. */
static struct text bstr_text(const struct http_exchange *exchange, bstr *string)
{
    if (string == NULL)
        return TEXT_NULL;
    return text_utf8(&exchange->dissect->scratch, (struct text){(const char *)bstr_ptr(string), bstr_len(string)});
}

struct text http_header(const struct http_exchange *exchange, enum http_side side, const char *name)
{
    const htp_table_t *table = side == HTTP_REQUEST ? exchange->tx->request_headers : exchange->tx->response_headers;
    const htp_header_t *header = table == NULL ? NULL : htp_table_get_c(table, name);
    return header == NULL ? TEXT_NULL : bstr_text(exchange, header->value);
}

struct text http_method(const struct http_exchange *exchange)
{
    return exchange->started[HTTP_REQUEST] ? bstr_text(exchange, exchange->tx->request_method) : TEXT_NULL;
}

struct text http_uri(const struct http_exchange *exchange)
{
    return exchange->started[HTTP_REQUEST] ? bstr_text(exchange, exchange->tx->request_uri) : TEXT_NULL;
}

int http_status(const struct http_exchange *exchange)
{
    return exchange->tx->response_status_number > 0 ? exchange->tx->response_status_number : 0;
}

/* The first word of Authorization. */
static struct text scheme_of(struct text authorization)
{
    size_t length = 0;
    while (length < authorization.length && authorization.at[length] != ' ')
        length++;
    return authorization.at == NULL ? TEXT_NULL : (struct text){authorization.at, length};
}

static struct text body_digest(const struct http_exchange *exchange, enum http_side side, struct arena *arena);

/* ---- Rows ---- */

static struct text operation_of(const struct http_exchange *exchange)
{
    if (!exchange->started[HTTP_REQUEST])
        return TEXT_NULL;
    struct service_request request = {
        .method = http_method(exchange),
        .uri = http_uri(exchange),
        .bits_packet = http_header(exchange, HTTP_REQUEST, "bits-packet-type"),
        .range = http_header(exchange, HTTP_REQUEST, "range"),
    };
    return text_of(service_operation(exchange->service, &request));
}

static void write_row(struct http_exchange *exchange)
{
    struct dissect *dissect = exchange->dissect;
    struct arena *arena = &dissect->scratch;
    const htp_tx_t *tx = exchange->tx;
    bool asked = exchange->started[HTTP_REQUEST], answered = exchange->started[HTTP_REPLY];
    arena_reset(arena);
    struct moment first = exchange->moment[asked ? HTTP_REQUEST : HTTP_REPLY];
    struct http_row row = http_row_null();
    row.packet = first.packet;
    row.time = moment_seconds(first);
    row.flow = exchange->conversation->row;
    row.client = text_of(exchange->client);
    row.server = text_of(exchange->server);
    row.port = exchange->port;
    row.method = http_method(exchange);
    row.uri = http_uri(exchange);
    row.service = text_of(exchange->service);
    row.operation = operation_of(exchange);
    row.tls = exchange->secure;
    row.complete = asked && answered && exchange->done[0] && exchange->done[1] && !exchange->truncated[0] &&
                   !exchange->truncated[1];
    if (asked) {
        row.host = http_header(exchange, HTTP_REQUEST, "host");
        row.user_agent = http_header(exchange, HTTP_REQUEST, "user-agent");
        row.request_type = http_header(exchange, HTTP_REQUEST, "content-type");
        row.request_bytes = tx->request_entity_len;
        row.request_sha256 = body_digest(exchange, HTTP_REQUEST, arena);
        struct text authorization = http_header(exchange, HTTP_REQUEST, "authorization");
        row.authorization = scheme_of(authorization);
        row.auth_user = ntlm_user(authorization, arena);
        row.token = http_header(exchange, HTTP_REQUEST, "clienttoken");
        if (row.token.at == NULL)
            row.token = http_header(exchange, HTTP_REQUEST, "ccmclientid");
    }
    if (answered) {
        row.reply_packet = exchange->moment[HTTP_REPLY].packet;
        row.status = http_status(exchange) == 0 ? INT_NULL : http_status(exchange);
        row.server_header = http_header(exchange, HTTP_REPLY, "server");
        row.response_type = http_header(exchange, HTTP_REPLY, "content-type");
        row.content_encoding = http_header(exchange, HTTP_REPLY, "content-encoding");
        /* The decoded length is known only when somebody reads the body: so with a content coding, that as sent. */
        row.response_bytes = row.content_encoding.at == NULL ? tx->response_entity_len : tx->response_message_len;
        row.response_sha256 = body_digest(exchange, HTTP_REPLY, arena);
    }
    if (exchange->row == INT_NULL) {
        exchange->row = sink_append(&dissect->sink, TABLE_http, &row);
        return;
    }
    const struct http_row *kept = dissect->sink.row(dissect->sink.context, TABLE_http, exchange->row);
    row.token_signature = kept == NULL ? TEXT_NULL : kept->token_signature;
    sink_amend(&dissect->sink, TABLE_http, exchange->row, &row);
}

/* ---- Bodies ---- */

static void body_release(struct http_exchange *exchange, enum http_side side)
{
    exchange->dissect->bodies_total -= exchange->body[side].length;
    buffer_free(&exchange->body[side]);
}

/* Hashes a body as it comes, when asked to. */
static void body_hash(struct http_exchange *exchange, enum http_side side, const htp_tx_data_t *data)
{
    if (!(exchange->dissect->needs & NEED_HASH) || exchange->truncated[side] || data->len == 0)
        return;
    if (exchange->hash[side] == NULL) {
        exchange->hash[side] = EVP_MD_CTX_new();
        if (exchange->hash[side] == NULL || EVP_DigestInit_ex(exchange->hash[side], EVP_sha256(), NULL) != 1)
            return;
    }
    EVP_DigestUpdate(exchange->hash[side], data->data, data->len);
}

/* The hash of a whole body as text; TEXT_NULL otherwise. May be asked again. */
static struct text body_digest(const struct http_exchange *exchange, enum http_side side, struct arena *arena)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (exchange->hash[side] == NULL || !exchange->done[side] || exchange->truncated[side])
        return TEXT_NULL;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool made = copy != NULL && EVP_MD_CTX_copy_ex(copy, exchange->hash[side]) == 1 &&
                EVP_DigestFinal_ex(copy, digest, &length) == 1;
    EVP_MD_CTX_free(copy);
    return made ? text_hex(arena, cursor_of(digest, length)) : TEXT_NULL;
}

static void body_append(struct http_exchange *exchange, enum http_side side, const htp_tx_data_t *data)
{
    struct dissect *dissect = exchange->dissect;
    struct buffer *body = &exchange->body[side];
    if (data->data == NULL) { /* libhtp's way to say: a gap */
        exchange->truncated[side] = exchange->truncated[side] || data->len > 0;
        return;
    }
    body_hash(exchange, side, data);
    if (!exchange->wanted[side] || exchange->truncated[side])
        return;
    size_t before = body->length;
    bool whole = dissect->bodies_total + data->len <= dissect->bodies_max &&
                 buffer_append(body, cursor_of(data->data, data->len));
    dissect->bodies_total += body->length - before;
    if (!whole) {
        exchange->truncated[side] = true;
        dissect->counts.bodies_dropped++;
    }
}

static void deliver(struct http_exchange *exchange, enum http_side side)
{
    if (exchange->delivered[side] || !exchange->started[side])
        return;
    exchange->delivered[side] = true;
    if (exchange->wanted[side])
        exchange->dissect->counts.http_truncated += exchange->truncated[side];
    if (side == HTTP_REQUEST)
        mp_request(exchange);
    else
        mp_reply(exchange);
    body_release(exchange, side);
}

/* ---- Events of libhtp ---- */

static struct http_exchange *exchange_of(htp_tx_t *tx)
{
    return htp_tx_get_user_data(tx);
}

static struct http_exchange *exchange_new(htp_tx_t *tx)
{
    struct http_flow *flow = htp_connp_get_user_data(tx->connp);
    struct http_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    struct conversation *conversation = flow->conversation;
    enum direction server = direction_reverse(flow->client);
    *exchange = (struct http_exchange){
        .next = flow->open,
        .flow = flow,
        .dissect = flow->dissect,
        .conversation = conversation,
        .tx = tx,
        .row = INT_NULL,
        .client = conversation->address[flow->client],
        .server = conversation->address[server],
        .port = conversation->flow->port[server],
        .secure = flow->secure,
        .mp = {.request_message = INT_NULL, .registration = INT_NULL},
    };
    buffer_init(&exchange->body[HTTP_REQUEST], HTTP_BODY_MAX);
    buffer_init(&exchange->body[HTTP_REPLY], HTTP_BODY_MAX);
    if (flow->open != NULL)
        flow->open->previous = exchange;
    flow->open = exchange;
    flow->open_count++;
    flow->exchanges++;
    htp_tx_set_user_data(tx, exchange);
    return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
    if (exchange->next != NULL)
        exchange->next->previous = exchange->previous;
    if (exchange->previous != NULL)
        exchange->previous->next = exchange->next;
    else
        exchange->flow->open = exchange->next;
    exchange->flow->open_count--;
    body_release(exchange, HTTP_REQUEST);
    body_release(exchange, HTTP_REPLY);
    EVP_MD_CTX_free(exchange->hash[HTTP_REQUEST]);
    EVP_MD_CTX_free(exchange->hash[HTTP_REPLY]);
    htp_tx_set_user_data(exchange->tx, NULL);
    free(exchange);
}

static int on_start(htp_tx_t *tx, enum http_side side)
{
    struct http_exchange *exchange = exchange_of(tx);
    if (exchange == NULL)
        exchange = exchange_new(tx);
    if (exchange == NULL)
        return HTP_ERROR;
    exchange->started[side] = true;
    exchange->moment[side] = exchange->flow->now;
    return HTP_OK;
}

static int on_request_start(htp_tx_t *tx)
{
    return on_start(tx, HTTP_REQUEST);
}

static int on_response_start(htp_tx_t *tx)
{
    return on_start(tx, HTTP_REPLY);
}

static int on_request_headers(htp_tx_t *tx)
{
    struct http_exchange *exchange = exchange_of(tx);
    if (exchange == NULL)
        return HTP_OK;
    exchange->service = service_of(http_method(exchange), http_uri(exchange));
    exchange->wanted[HTTP_REQUEST] = mp_wants(exchange, HTTP_REQUEST);
    exchange->flow->body_left = tx->request_content_length > 0 ? (uint64_t)tx->request_content_length : 0;
    write_row(exchange);
    return HTP_OK;
}

static int on_response_headers(htp_tx_t *tx)
{
    struct http_exchange *exchange = exchange_of(tx);
    if (exchange == NULL)
        return HTP_OK;
    exchange->wanted[HTTP_REPLY] = mp_wants(exchange, HTTP_REPLY);
    if (!exchange->wanted[HTTP_REPLY] && !(exchange->dissect->needs & NEED_HASH)) /* what nobody reads is not decoded */
        tx->response_content_encoding_processing = HTP_COMPRESSION_NONE;
    write_row(exchange);
    return HTP_OK;
}

static int on_request_body(htp_tx_data_t *data)
{
    struct http_exchange *exchange = exchange_of(data->tx);
    if (exchange != NULL)
        body_append(exchange, HTTP_REQUEST, data);
    return HTP_OK;
}

static int on_response_body(htp_tx_data_t *data)
{
    struct http_exchange *exchange = exchange_of(data->tx);
    if (exchange != NULL)
        body_append(exchange, HTTP_REPLY, data);
    return HTP_OK;
}

static int on_request_complete(htp_tx_t *tx)
{
    struct http_exchange *exchange = exchange_of(tx);
    if (exchange == NULL)
        return HTP_OK;
    exchange->done[HTTP_REQUEST] = true;
    deliver(exchange, HTTP_REQUEST);
    return HTP_OK;
}

/* libhtp also calls a reply complete that the end of the connection cut short. */
static bool is_cut_short(const htp_tx_t *tx)
{
    return tx->response_transfer_coding == HTP_CODING_IDENTITY && tx->response_status_number != 304 &&
           tx->response_content_length > 0 && tx->response_message_len < tx->response_content_length;
}

static int on_response_complete(htp_tx_t *tx)
{
    struct http_exchange *exchange = exchange_of(tx);
    if (exchange == NULL)
        return HTP_OK;
    exchange->done[HTTP_REPLY] = true;
    exchange->truncated[HTTP_REPLY] = exchange->truncated[HTTP_REPLY] || is_cut_short(tx);
    if (!exchange->started[HTTP_REQUEST]) {
        exchange->flow->lone = true;
        exchange->flow->lone_until = exchange->moment[HTTP_REPLY].packet;
    }
    if (!exchange->done[HTTP_REQUEST]) /* answered before it was asked to the end: the request comes first */
        return HTP_OK;
    deliver(exchange, HTTP_REPLY);
    return HTP_OK;
}

/* The end of an exchange, in whatever state it is. */
static void exchange_finish(struct http_exchange *exchange)
{
    for (int side = HTTP_REQUEST; side <= HTTP_REPLY; side++)
        exchange->truncated[side] = exchange->truncated[side] || (exchange->started[side] && !exchange->done[side]);
    deliver(exchange, HTTP_REQUEST);
    deliver(exchange, HTTP_REPLY);
    write_row(exchange);
    exchange_free(exchange);
}

static int on_complete(htp_tx_t *tx)
{
    struct http_exchange *exchange = exchange_of(tx);
    if (exchange != NULL)
        exchange_finish(exchange);
    return HTP_OK;
}

bool http_setup(struct dissect *dissect)
{
    htp_cfg_t *http = htp_config_create();
    if (http == NULL)
        return false;
    dissect->http = http;
    htp_config_set_log_level(http, HTP_LOG_NONE); /* messages would pile up for the life of a connection */
    htp_config_set_tx_auto_destroy(http, 1);
    htp_config_set_field_limits(http, HEADER_LINE_MAX / 2, HEADER_LINE_MAX);
    htp_config_set_request_decompression(http, 1);
    htp_config_set_response_decompression(http, 1);
    htp_config_set_response_decompression_layer_limit(http, DECODE_LAYERS);
    htp_config_set_compression_bomb_limit(http, BOMB_LIMIT);
    htp_config_register_request_start(http, on_request_start);
    htp_config_register_request_headers(http, on_request_headers);
    htp_config_register_request_body_data(http, on_request_body);
    htp_config_register_request_complete(http, on_request_complete);
    htp_config_register_response_start(http, on_response_start);
    htp_config_register_response_headers(http, on_response_headers);
    htp_config_register_response_body_data(http, on_response_body);
    htp_config_register_response_complete(http, on_response_complete);
    htp_config_register_transaction_complete(http, on_complete);
    return true;
}

void http_teardown(struct dissect *dissect)
{
    if (dissect->http != NULL)
        htp_config_destroy(dissect->http);
}

/* ---- The stream ---- */

static bool parser_open(struct http_flow *flow)
{
    flow->parser = htp_connp_create(flow->dissect->http);
    flow->exchanges = 0;
    flow->body_left = 0;
    flow->blank = 0;
    flow->lone = false;
    if (flow->parser == NULL)
        return false;
    htp_connp_set_user_data(flow->parser, flow);
    htp_connp_open(flow->parser, NULL, 0, NULL, 0, NULL);
    return true;
}

static void parser_close(struct http_flow *flow)
{
    if (flow->parser == NULL)
        return;
    while (flow->open != NULL) {
        struct http_exchange *last = flow->open; /* the newest stands first: finish the oldest first */
        while (last->next != NULL) /* NOLINT(clang-analyzer-unix.Malloc): it does not see that the list shrinks */
            last = last->next;
        exchange_finish(last); /* takes it off the list */
    }
    htp_connp_destroy_all(flow->parser);
    flow->parser = NULL;
}

static void *http_open(struct layer *layer, enum direction client)
{
    struct conversation *conversation = layer->conversation;
    struct http_flow *flow = calloc(1, sizeof *flow);
    if (flow == NULL)
        return NULL;
    *flow = (struct http_flow){
        .conversation = conversation,
        .dissect = conversation->dissect,
        .client = client,
        .secure = layer->secure,
    };
    if (parser_open(flow))
        return flow;
    free(flow);
    return NULL;
}

static htp_time_t time_of(struct moment moment)
{
    return (htp_time_t){.tv_sec = moment.time_ns / 1000000000, .tv_usec = moment.time_ns % 1000000000 / 1000};
}

/* No exchange is in the middle of something, and going on with this parser would be wrong or cost too much: libhtp
 * takes what is asked after a lone reply for the body of the request that it missed, and remembers every exchange. */
static bool parser_is_spent(const struct http_flow *flow)
{
    const struct http_exchange *newest = flow->open;
    if (flow->lone)
        return newest == NULL || newest->done[HTTP_REPLY];
    /* Behind a hole a request comes to light after its reply: the next reply is not for it. */
    if (newest != NULL && newest->done[HTTP_REQUEST] && !newest->started[HTTP_REPLY] &&
        newest->moment[HTTP_REQUEST].packet < flow->lone_until)
        return true;
    if (newest != NULL && flow->open_count >= EXCHANGES_OPEN_MAX)
        return newest->done[HTTP_REQUEST];
    return newest == NULL && flow->exchanges > EXCHANGES_OF_PARSER_MAX;
}

/* Feeds bytes, or a gap (bytes NULL). */
static void feed(struct http_flow *flow, enum direction direction, const void *bytes, size_t length,
                 struct moment moment)
{
    htp_time_t time = time_of(moment);
    flow->now = moment;
    int state = direction == flow->client ? htp_connp_req_data(flow->parser, &time, bytes, length)
                                          : htp_connp_res_data(flow->parser, &time, bytes, length);
    if (state == HTP_STREAM_ERROR || state == HTP_STREAM_CLOSED || state == HTP_STREAM_STOP) {
        flow->dissect->counts.http_errors++;
        flow->lost = true;
        parser_close(flow);
    } else if (parser_is_spent(flow)) {
        parser_close(flow);
    }
}

/* How many bytes come before the end of the next CR LF CR LF, it included; all when there is none. */
static size_t through_blank_line(struct http_flow *flow, struct cursor bytes)
{
    static const char blank[] = "\r\n\r\n";
    for (size_t i = 0; i < bytes.left; i++) {
        if (flow->blank == 0) { /* nothing begun: go to the next CR at once */
            const uint8_t *next = memchr(bytes.at + i, '\r', bytes.left - i);
            if (next == NULL)
                return bytes.left;
            i = (size_t)(next - bytes.at);
        }
        flow->blank = bytes.at[i] == (uint8_t)blank[flow->blank] ? flow->blank + 1 : bytes.at[i] == '\r';
        if (flow->blank == sizeof blank - 1) {
            flow->blank = 0;
            return i + 1;
        }
    }
    return bytes.left;
}

/* Whether there is a parser for `bytes`: the one at work, or a new one where a start line begins. */
static bool parser_ready(struct http_flow *flow, struct cursor bytes, enum recognition side)
{
    return flow->parser != NULL || (!flow->lost && http_recognise(bytes, NULL) == side && parser_open(flow));
}

/* libhtp takes a request with a method that it does not know (CCM_POST), when it comes right behind a body, for more of
 * that body. It does not when the body ends with the bytes that it is given: so requests are fed up to the end of their
 * headers, then up to the end of their body. */
static void feed_request(struct http_flow *flow, struct cursor bytes, struct moment moment)
{
    while (bytes.left > 0 && parser_ready(flow, bytes, RECOGNISED_CLIENT)) {
        struct cursor piece;
        size_t length = flow->body_left == 0           ? through_blank_line(flow, bytes)
                        : flow->body_left < bytes.left ? (size_t)flow->body_left
                                                       : bytes.left;
        flow->body_left -= flow->body_left == 0 ? 0 : length;
        if (!cursor_take(&bytes, length, &piece))
            return;
        feed(flow, flow->client, piece.at, piece.left, moment);
    }
}

static void http_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct http_flow *flow = state;
    flow->lost = false;
    if (direction == flow->client)
        feed_request(flow, bytes, moment);
    else if (parser_ready(flow, bytes, RECOGNISED_SERVER))
        feed(flow, direction, bytes.at, bytes.left, moment);
}

static void http_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct http_flow *flow = state;
    if (direction == flow->client)
        flow->body_left -= bytes < flow->body_left ? bytes : flow->body_left;
    if (flow->parser != NULL)
        feed(flow, direction, NULL, bytes > SIZE_MAX ? SIZE_MAX : (size_t)bytes, moment);
}

static void http_ended(void *state, enum direction direction, struct moment moment)
{
    struct http_flow *flow = state;
    if (flow->parser == NULL || direction == flow->client)
        return;
    htp_time_t time = time_of(moment); /* ends a reply that has no length */
    flow->now = moment;
    htp_connp_close(flow->parser, &time);
    parser_close(flow);
}

static void http_close(void *state)
{
    struct http_flow *flow = state;
    parser_close(flow);
    free(flow);
}

const struct dissector http_dissector = {
    .name = "http",
    .recognise = http_recognise,
    .open = http_open,
    .data = http_data,
    .gap = http_gap,
    .ended = http_ended,
    .close = http_close,
};
