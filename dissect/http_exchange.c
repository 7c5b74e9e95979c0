/* dissect/http_exchange.c: see http_exchange.h. */
#include "dissect/http_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "dissect/http_coding.h"
#include "dissect/http_login.h"
#include "dissect/mp.h"
#include "dissect/service.h"
#include "dissect/trouble.h"

/* Requests of a connection that wait for a reply; more come when the capture holds one side only. */
#define EXCHANGES_OPEN_MAX 256
/* The same of all connections, each of which may have one in any case. Some 800 bytes each with headers. */
#define EXCHANGES_TOTAL_MAX (1u << 17)
/* What stays reserved for the bodies that are joined; larger ones are rare. */
#define JOINED_KEPT ((size_t)256 * 1024)

/* ---- Rows ---- */

static struct text field(const struct http_exchange *exchange, enum http_side side, enum http_field name)
{
    return http_fields_get(exchange->fields[side], name);
}

/* The first word of Authorization. */
static struct text scheme_of(struct text authorization)
{
    size_t length = 0;
    while (length < authorization.length && authorization.at[length] != ' ')
        length++;
    return authorization.at == NULL ? TEXT_NULL : (struct text){authorization.at, length};
}

/* The hash of a whole body as text; TEXT_NULL otherwise. */
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

static struct text operation_of(const struct http_exchange *exchange)
{
    struct service_request request = {
        .method = http_method(exchange),
        .uri = http_uri(exchange),
        .bits_packet = field(exchange, HTTP_REQUEST, HTTP_FIELD_BITS_PACKET_TYPE),
        .range = field(exchange, HTTP_REQUEST, HTTP_FIELD_RANGE),
    };
    return text_of(service_operation(exchange->service, &request));
}

static void fill_request(const struct http_exchange *exchange, struct arena *arena, struct http_row *row)
{
    struct text authorization = field(exchange, HTTP_REQUEST, HTTP_FIELD_AUTHORIZATION);
    row->method = http_method(exchange);
    row->uri = http_uri(exchange);
    row->operation = operation_of(exchange);
    row->host = field(exchange, HTTP_REQUEST, HTTP_FIELD_HOST);
    row->user_agent = field(exchange, HTTP_REQUEST, HTTP_FIELD_USER_AGENT);
    row->request_type = field(exchange, HTTP_REQUEST, HTTP_FIELD_CONTENT_TYPE);
    row->authorization = scheme_of(authorization);
    row->auth_user = http_login_user(exchange, arena);
    row->token = field(exchange, HTTP_REQUEST, HTTP_FIELD_CLIENTTOKEN);
    if (row->token.at == NULL)
        row->token = field(exchange, HTTP_REQUEST, HTTP_FIELD_CCMCLIENTID);
}

/* What does not change any more. */
static void fill_facts(const struct http_exchange *exchange, struct arena *arena, struct http_row *row)
{
    bool asked = exchange->started[HTTP_REQUEST];
    struct moment first = exchange->moment[asked ? HTTP_REQUEST : HTTP_REPLY];
    row->packet = first.packet;
    row->time = moment_seconds(first);
    row->flow = exchange->conversation->row;
    row->client = text_of(exchange->client);
    row->server = text_of(exchange->server);
    row->port = exchange->port;
    row->service = text_of(exchange->service);
    row->tls = exchange->secure;
    if (asked)
        fill_request(exchange, arena, row);
}

static void fill_state(const struct http_exchange *exchange, struct arena *arena, struct http_row *row)
{
    bool asked = exchange->started[HTTP_REQUEST], answered = exchange->started[HTTP_REPLY];
    row->complete = asked && answered && exchange->done[0] && exchange->done[1] && !exchange->truncated[0] &&
                    !exchange->truncated[1];
    row->notes = exchange->notes == 0 ? TEXT_NULL : http_notes_text(exchange->notes, arena);
    if (asked) {
        row->request_bytes = (int64_t)exchange->bytes[HTTP_REQUEST];
        row->request_sha256 = body_digest(exchange, HTTP_REQUEST, arena);
    }
    if (!answered)
        return;
    row->reply_packet = exchange->moment[HTTP_REPLY].packet;
    row->status = exchange->status == 0 ? INT_NULL : exchange->status;
    if (exchange->status == 401 && exchange->login == HTTP_LOGIN_CONNECTION)
        row->auth_user = TEXT_NULL; /* the server does not know the user any more */
    row->server_header = field(exchange, HTTP_REPLY, HTTP_FIELD_SERVER);
    row->response_type = field(exchange, HTTP_REPLY, HTTP_FIELD_CONTENT_TYPE);
    row->content_encoding = field(exchange, HTTP_REPLY, HTTP_FIELD_CONTENT_ENCODING);
    row->response_bytes = (int64_t)exchange->bytes[HTTP_REPLY];
    row->response_sha256 = body_digest(exchange, HTTP_REPLY, arena);
}

/* Written when something is to refer to it, and when the exchange ends: no more often. */
static void write_row(struct http_exchange *exchange)
{
    struct dissect *dissect = exchange->dissect;
    struct arena *arena = &dissect->scratch;
    if (!sink_keeps(&dissect->sink, TABLE_http)) {
        exchange->row = ROW_DROPPED;
        return;
    }
    const struct http_row *kept = sink_kept(&dissect->sink, TABLE_http, exchange->row);
    struct http_row row = kept == NULL ? http_row_null() : *kept;
    arena_reset(arena);
    if (kept == NULL)
        fill_facts(exchange, arena, &row);
    fill_state(exchange, arena, &row);
    if (exchange->row == INT_NULL)
        exchange->row = sink_append(&dissect->sink, TABLE_http, &row);
    else
        sink_amend(&dissect->sink, TABLE_http, exchange->row, &row);
}

/* ---- Bodies ---- */

static void hash(struct http_exchange *exchange, enum http_side side, struct cursor bytes)
{
    if (!(exchange->dissect->needs & NEED_HASH) || exchange->truncated[side] || bytes.left == 0)
        return;
    if (exchange->hash[side] == NULL) {
        exchange->hash[side] = EVP_MD_CTX_new();
        if (exchange->hash[side] == NULL || EVP_DigestInit_ex(exchange->hash[side], EVP_sha256(), NULL) != 1)
            return;
    }
    EVP_DigestUpdate(exchange->hash[side], bytes.at, bytes.left);
}

/* No more of the body is kept, because of that limit. */
static void drop_rest(struct http_exchange *exchange, enum http_side side, enum limit limit)
{
    exchange->truncated[side] = exchange->limited[side] = true;
    exchange->dissect->counts.bodies_dropped++;
    trouble_limit(exchange->conversation, "http", limit, exchange->moment[side]);
}

static void gather(struct http_exchange *exchange, enum http_side side, struct cursor bytes)
{
    struct dissect *dissect = exchange->dissect;
    struct http_body *body = &exchange->body[side];
    if (!exchange->wanted[side] || exchange->truncated[side])
        return;
    size_t before = body->length;
    bool fits = before + bytes.left <= HTTP_BODY_MAX;
    bool whole =
        dissect->bodies_total + bytes.left <= dissect->bodies_max && http_body_append(body, &dissect->pool, bytes);
    dissect->bodies_total += body->length - before;
    if (!whole)
        drop_rest(exchange, side, fits ? LIMIT_http_memory : LIMIT_http_body);
}

struct decoded_body {
    struct http_exchange *exchange;
    enum http_side side;
};

static void on_decoded(void *context, struct cursor bytes)
{
    const struct decoded_body *decoded = context;
    hash(decoded->exchange, decoded->side, bytes);
    gather(decoded->exchange, decoded->side, bytes);
}

static void decode(struct http_exchange *exchange, enum http_side side, struct cursor bytes)
{
    struct decoded_body decoded = {exchange, side};
    if (exchange->truncated[side] || http_coding_take(exchange->coding[side], bytes, on_decoded, &decoded))
        return;
    bool limited = http_coding_limited(exchange->coding[side]);
    exchange->truncated[side] = true;
    exchange->unread[side] = limited ? "its body decodes to too much" : "its body does not decode";
    exchange->notes |= HTTP_NOTE_BROKEN_CODING;
    exchange->dissect->counts.http_errors++;
    if (limited)
        trouble_limit(exchange->conversation, "http", LIMIT_http_decoded, exchange->moment[side]);
    else
        trouble_report(exchange->conversation, "http", OUTCOME_MALFORMED, "coded body", exchange->bytes[side],
                       exchange->moment[side]);
}

/* Is the body handed on as soon as it is whole? */
static bool hands_on(const struct http_exchange *exchange, enum http_side side)
{
    if (side == HTTP_REQUEST)
        return true;
    return !exchange->held && (!exchange->started[HTTP_REQUEST] || exchange->over[HTTP_REQUEST]);
}

void exchange_body(struct http_exchange *exchange, enum http_side side, struct cursor bytes, bool last)
{
    exchange->bytes[side] += bytes.left;
    if (exchange->coding[side] != NULL) {
        decode(exchange, side, bytes);
        return;
    }
    hash(exchange, side, bytes);
    if (last && exchange->wanted[side] && !exchange->truncated[side] && exchange->body[side].length == 0 &&
        hands_on(exchange, side)) {
        http_body_show(&exchange->body[side], bytes);
        return;
    }
    gather(exchange, side, bytes);
}

void exchange_gap(struct http_exchange *exchange, enum http_side side, uint64_t bytes)
{
    exchange->bytes[side] += bytes;
    exchange->truncated[side] = exchange->truncated[side] || bytes > 0;
}

static void body_release(struct http_exchange *exchange, enum http_side side)
{
    http_body_free(&exchange->body[side], &exchange->dissect->pool);
    http_coding_free(exchange->coding[side]);
    exchange->coding[side] = NULL;
}

static void deliver(struct http_exchange *exchange, enum http_side side)
{
    if (exchange->delivered[side] || !exchange->started[side])
        return;
    struct dissect *dissect = exchange->dissect;
    exchange->delivered[side] = true;
    dissect->bodies_total -= http_body_kept(&exchange->body[side]);
    if (!http_body_join(&exchange->body[side], &dissect->pool, &dissect->joined))
        drop_rest(exchange, side, LIMIT_http_memory);
    if (exchange->wanted[side])
        dissect->counts.http_truncated += exchange->truncated[side] || exchange->unread[side] != NULL;
    if (exchange->wanted[side] && exchange->truncated[side] && !exchange->limited[side] &&
        exchange->unread[side] == NULL)
        trouble_report(exchange->conversation, "http", OUTCOME_MORE, "body", exchange->bytes[side],
                       exchange->moment[side]);
    if (exchange->row == INT_NULL && (exchange->wanted[side] || exchange->service != NULL))
        write_row(exchange);
    if (side == HTTP_REQUEST)
        mp_request(exchange);
    else
        mp_reply(exchange);
    body_release(exchange, side);
    buffer_reset(&dissect->joined, JOINED_KEPT);
}

/* ---- Life ---- */

static struct http_exchange *exchange_new(struct http_flow *flow)
{
    struct conversation *conversation = flow->conversation;
    struct dissect *dissect = conversation->dissect;
    struct http_exchange *exchange = pool_take(&dissect->pool, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    *exchange = (struct http_exchange){
        .previous = flow->last,
        .flow = flow,
        .dissect = dissect,
        .conversation = conversation,
        .row = INT_NULL,
        .client = flow->addresses,
        .server = flow->addresses + flow->server,
        .port = conversation->flow->port[!flow->client],
        .secure = flow->secure,
        .mp = {.request_message = INT_NULL, .registration = INT_NULL},
    };
    *(flow->last == NULL ? &flow->first : &flow->last->next) = exchange;
    flow->last = exchange;
    flow->open++;
    dissect->exchanges++;
    return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
    struct http_flow *flow = exchange->flow;
    *(exchange->previous == NULL ? &flow->first : &exchange->previous->next) = exchange->next;
    *(exchange->next == NULL ? &flow->last : &exchange->next->previous) = exchange->previous;
    flow->open--;
    struct dissect *dissect = exchange->dissect;
    dissect->exchanges--;
    for (enum http_side side = HTTP_REQUEST; side <= HTTP_REPLY; side++) {
        body_release(exchange, side);
        dissect->bodies_total -= http_fields_size(exchange->fields[side]);
        http_fields_free(exchange->fields[side], &dissect->pool);
        EVP_MD_CTX_free(exchange->hash[side]);
    }
    mp_forget(exchange);
    pool_give(&dissect->pool, exchange, sizeof *exchange);
}

/* The end of an exchange, in whatever state it is. */
static void finish(struct http_exchange *exchange)
{
    for (enum http_side side = HTTP_REQUEST; side <= HTTP_REPLY; side++) {
        exchange->truncated[side] = exchange->truncated[side] || (exchange->started[side] && !exchange->done[side]);
        if (exchange->flow->stream[side].exchange == exchange)
            exchange->flow->stream[side].exchange = NULL;
    }
    deliver(exchange, HTTP_REQUEST);
    deliver(exchange, HTTP_REPLY);
    write_row(exchange);
    exchange_free(exchange);
}

void exchange_over(struct http_exchange *exchange, enum http_side side, bool whole)
{
    if (exchange->coding[side] != NULL && !http_coding_ended(exchange->coding[side]))
        exchange->truncated[side] = true;
    exchange->done[side] = whole;
    exchange->over[side] = true;
    exchange->truncated[side] = exchange->truncated[side] || !whole;
    exchange->flow->stream[side].exchange = NULL;
    if (side == HTTP_REQUEST)
        deliver(exchange, HTTP_REQUEST);
    if (exchange->over[HTTP_REPLY] && hands_on(exchange, HTTP_REPLY))
        finish(exchange);
}

void exchange_end(struct http_flow *flow)
{
    while (flow->first != NULL)
        finish(flow->first); /* NOLINT(clang-analyzer-unix.Malloc): takes it off the list */
}

/* The body comes coded: prepares to decode it, or says that it cannot be read. */
static void prepare_coding(struct http_exchange *exchange, enum http_side side)
{
    struct text content = field(exchange, side, HTTP_FIELD_CONTENT_ENCODING);
    struct text transfer = field(exchange, side, HTTP_FIELD_TRANSFER_ENCODING);
    if (content.at == NULL && (transfer.at == NULL || text_is_like(transfer, "chunked")))
        return;
    if (!exchange->wanted[side] && !(exchange->dissect->needs & NEED_HASH))
        return; /* what nobody reads is not decoded */
    enum outcome outcome = http_coding_new(content, transfer, &exchange->coding[side]);
    if (outcome == OUTCOME_OK)
        return;
    exchange->notes |= HTTP_NOTE_UNREAD_CODING;
    if (outcome == OUTCOME_LIMIT)
        trouble_limit(exchange->conversation, "http", LIMIT_http_codings, exchange->moment[side]);
    else if (exchange->wanted[side])
        trouble_report(exchange->conversation, "http", outcome, "coding of a body", UINT64_MAX, exchange->moment[side]);
    exchange->unread[side] = outcome == OUTCOME_LIMIT    ? "its body has too many codings"
                             : outcome == OUTCOME_SYSTEM ? "there was no memory to decode its body"
                                                         : "its body is coded in a way that is not read here";
}

void exchange_head(struct http_exchange *exchange, enum http_side side, const struct http_head *head)
{
    struct dissect *dissect = exchange->dissect;
    if (dissect->bodies_total + HTTP_HEAD_MAX <= dissect->bodies_max)
        exchange->fields[side] = http_fields_new(head, &dissect->heads, &dissect->pool);
    else
        trouble_limit(exchange->conversation, "http", LIMIT_http_memory, exchange->moment[side]);
    dissect->bodies_total += http_fields_size(exchange->fields[side]);
    exchange->notes |= (uint16_t)head->notes;
    if (side == HTTP_REQUEST) {
        exchange->service = service_of(http_method(exchange), http_uri(exchange));
        exchange->head_only = text_is(http_method(exchange), "HEAD");
        exchange->connects = text_is(http_method(exchange), "CONNECT");
        exchange->bare = head->bare;
    } else {
        exchange->status = head->status;
    }
    if (side == HTTP_REQUEST)
        http_login_request(exchange);
    else
        http_login_reply(exchange);
    exchange->wanted[side] = mp_wants(exchange, side);
    prepare_coding(exchange, side);
}

/* ---- Pairing ---- */

struct http_exchange *exchange_unanswered(const struct http_flow *flow)
{
    struct http_exchange *exchange = flow->first;
    while (exchange != NULL && exchange->started[HTTP_REPLY])
        exchange = exchange->next;
    return exchange;
}

static bool waits(const struct http_exchange *exchange)
{
    return exchange->started[HTTP_REQUEST] && !exchange->started[HTTP_REPLY];
}

/* Keeps the number of open exchanges in bounds: the oldest is given up, unless its message is being read. */
static void make_room(struct http_flow *flow)
{
    bool total = flow->conversation->dissect->exchanges >= EXCHANGES_TOTAL_MAX;
    if (flow->open < (total ? 1 : EXCHANGES_OPEN_MAX) || flow->first == flow->stream[HTTP_REQUEST].exchange ||
        flow->first == flow->stream[HTTP_REPLY].exchange)
        return;
    trouble_limit(flow->conversation, "http", total ? LIMIT_http_open_total : LIMIT_http_open,
                  flow->first->moment[HTTP_REQUEST]);
    finish(flow->first);
}

/* Bytes of that side that the other one has and that did not come to light here: 0 when all did. */
static bool is_behind(const struct http_flow *flow, enum http_side side)
{
    enum direction direction = side == HTTP_REQUEST ? flow->client : !flow->client;
    const struct conversation *carrier = flow->conversation;
    return flow->direct && conversation_acknowledged(carrier, direction) > conversation_delivered(carrier, direction);
}

static struct http_exchange *first_held(const struct http_flow *flow)
{
    struct http_exchange *exchange = flow->first;
    while (exchange != NULL && !exchange->held)
        exchange = exchange->next;
    return exchange;
}

/* No request will come to light for a reply that waits for one. */
static void stay_alone(struct http_exchange *exchange)
{
    exchange->held = false;
    exchange->flow->owed = false;
    if (exchange->over[HTTP_REPLY])
        finish(exchange);
}

/* Replies that wait whose request would stand before `offset` in the stream stay alone. */
static void release_held(struct http_flow *flow, int64_t offset)
{
    struct http_exchange *held;
    while ((held = first_held(flow)) != NULL && held->acked <= offset)
        stay_alone(held);
}

/* The reply that waits for a request that starts at `offset`: the server had it when it sent that reply, and not when it
 * sent the one before. Behind a hole the replies to what is missing must have been there already. */
static struct http_exchange *held_for(struct http_flow *flow, int64_t offset)
{
    release_held(flow, offset);
    struct http_exchange *held = first_held(flow);
    if (held == NULL || exchange_unanswered(flow) != NULL)
        return NULL;
    if (!flow->hole || (!flow->owed && !flow->pipelines))
        return held;
    release_held(flow, INT64_MAX);
    return NULL;
}

struct http_exchange *exchange_for_request(struct http_flow *flow, const struct http_start *start)
{
    const struct http_exchange *oldest = exchange_unanswered(flow);
    bool ahead = oldest != NULL && !oldest->doubtful && !is_behind(flow, HTTP_REPLY);
    struct http_exchange *exchange = held_for(flow, start->offset);
    bool paired = exchange != NULL;
    if (!paired) {
        make_room(flow);
        exchange = exchange_new(flow);
    }
    if (exchange == NULL)
        return NULL;
    flow->pipelines = flow->pipelines || ahead;
    exchange->held = false;
    exchange->doubtful = flow->hole && !paired;
    flow->hole = flow->hole && !paired;
    exchange->started[HTTP_REQUEST] = true;
    exchange->moment[HTTP_REQUEST] = start->moment;
    exchange->turn = start->turn;
    return exchange;
}

/* The request that a reply answers behind a hole: the latest one between the reply before and this one. With several a
 * client that asks ahead leaves it open. */
static struct http_exchange *doubtful_for(struct http_flow *flow, uint64_t turn)
{
    struct http_exchange *latest = NULL;
    size_t count = 0;
    for (struct http_exchange *exchange = flow->first; exchange != NULL; exchange = exchange->next) {
        if (!waits(exchange) || exchange->turn <= flow->reply_turn || exchange->turn > turn)
            continue;
        latest = exchange;
        count++;
    }
    if (latest == NULL || (count > 1 && flow->pipelines) || (latest->doubtful && flow->owed))
        return NULL;
    for (struct http_exchange *exchange = flow->first, *next; exchange != latest; exchange = next) {
        next = exchange->next;
        if (waits(exchange) && exchange->over[HTTP_REQUEST])
            finish(exchange); /* its reply was lost */
    }
    flow->hole = false;
    return latest;
}

static struct http_exchange *asked_for(struct http_flow *flow, uint64_t turn)
{
    struct http_exchange *oldest = exchange_unanswered(flow);
    if (oldest == NULL || oldest->turn > turn || first_held(flow) != NULL)
        return NULL;
    return oldest->doubtful ? doubtful_for(flow, turn) : oldest;
}

struct http_exchange *exchange_for_reply(struct http_flow *flow, const struct http_start *start)
{
    struct http_exchange *exchange = asked_for(flow, start->turn);
    if (exchange == NULL) {
        make_room(flow);
        exchange = exchange_new(flow);
        if (exchange == NULL)
            return NULL;
        exchange->held = is_behind(flow, HTTP_REQUEST);
        exchange->acked = exchange->held ? conversation_acknowledged(flow->conversation, flow->client) : 0;
        if (!exchange->held)
            flow->owed = false;
    }
    flow->replied = true;
    flow->reply_turn = start->turn;
    exchange->started[HTTP_REPLY] = true;
    exchange->moment[HTTP_REPLY] = start->moment;
    return exchange;
}

void exchange_hole(struct http_flow *flow, enum http_side side, bool lost)
{
    http_login_doubt(flow);
    if (side == HTTP_REQUEST) {
        flow->hole = true;
        flow->owed = flow->owed || lost;
        release_held(flow, flow->direct ? conversation_delivered(flow->conversation, flow->client) : INT64_MAX);
        return;
    }
    flow->owed = false;
    for (struct http_exchange *exchange = flow->first; exchange != NULL; exchange = exchange->next)
        exchange->doubtful = exchange->doubtful || waits(exchange);
}
