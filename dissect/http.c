/* dissect/http.c: HTTP/1 as a passive observer sees it (RFC 9110, RFC 9112): two streams are cut into messages.
 *
 *   START --(start line and headers)--> BODY, CHUNK..., CLOSE --(its end)--> START
 *     |                                   |                   101, CONNECT --> TUNNEL
 *     +--(a hole, nonsense)--> LOST <-----+--(a hole that hides where it ends)
 *
 * Bodies that nobody asked for are skipped by their length. After a hole or nonsense nothing of that message is judged,
 * and the stream is taken up again at the next chunk that begins with a start line.
 */
#include "dissect/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dissect/http_login.h"
#include "dissect/trouble.h"

#define METHOD_LENGTH_MAX 24              /* of a method where HTTP is recognised */
#define CHUNK_LINE_MAX 16384u             /* a chunk's size with its extensions */
#define TRAILER_MAX ((uint64_t)64 * 1024) /* all of them together */
#define CHUNK_DIGITS_MAX 16u

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

/* Whether bytes came before that were not recognised: a server that spoke first, as those of FTP and SMTP do. One of HTTP
 * never does. */
static bool something_else_came(const struct flow *flow)
{
    const struct conversation *conversation = flow == NULL ? NULL : flow->user;
    return conversation != NULL && conversation->layer.dropped != 0;
}

/* The end of a request line: its version, which other protocols of text do not have. HTTP/0.9 has none (RFC 1945 section 5). */
static enum recognition line_recognise(struct text method, struct text target, const struct flow *flow)
{
    static const char version[] = "HTTP/";
    const char *end = memchr(target.at, '\n', target.length);
    if (end == NULL)
        return http_method_known(method) ? RECOGNISED_CLIENT : RECOGNISED_MAYBE;
    struct text line = text_trim((struct text){target.at, (size_t)(end - target.at)});
    size_t last = line.length;
    while (last > 0 && line.at[last - 1] != ' ' && line.at[last - 1] != '\t')
        last--;
    struct text word = {line.at + last, line.length - last};
    if (last > 0 && text_starts_like(word, version))
        return RECOGNISED_CLIENT;
    return http_bare_allowed(method, line) && !something_else_came(flow) ? RECOGNISED_CLIENT : RECOGNISED_NOT;
}

static enum recognition request_recognise(struct text text, const struct flow *flow)
{
    size_t i = 0;
    while (i < text.length && i <= METHOD_LENGTH_MAX && is_method_character((uint8_t)text.at[i]))
        i++;
    if (i > METHOD_LENGTH_MAX)
        return RECOGNISED_NOT;
    if (i == text.length)
        return RECOGNISED_MAYBE;
    if (i < 3 || text.at[i] != ' ')
        return RECOGNISED_NOT;
    if (i + 1 == text.length)
        return RECOGNISED_MAYBE;
    struct text method = {text.at, i}, target = {text.at + i + 1, text.length - i - 1};
    enum recognition result = target_recognise(method, target);
    return result == RECOGNISED_CLIENT ? line_recognise(method, target, flow) : result;
}

/* Empty lines may come before a message (RFC 9112 section 2.2). */
static void skip_empty_lines(struct cursor *bytes)
{
    while (bytes->left > 0 && (bytes->at[0] == '\r' || bytes->at[0] == '\n')) {
        if (!cursor_skip(bytes, 1))
            return;
    }
}

static enum recognition http_recognise(struct cursor first, const struct flow *flow)
{
    static const char reply[] = "HTTP/1.";
    skip_empty_lines(&first);
    size_t length = first.left < sizeof reply - 1 ? first.left : sizeof reply - 1;
    if (length == 0)
        return RECOGNISED_MAYBE;
    if (memcmp(first.at, reply, length) == 0)
        return length == sizeof reply - 1 ? RECOGNISED_SERVER : RECOGNISED_MAYBE;
    return request_recognise(text_from(first), flow);
}

/* ---- The streams ---- */

enum stream_state {
    STATE_START, /* between messages, or in start line and headers */
    STATE_BODY,  /* of known length */
    STATE_CHUNK_SIZE,
    STATE_CHUNK_EXTENSION,
    STATE_CHUNK_DATA,
    STATE_CHUNK_END,
    STATE_TRAILER,
    STATE_CLOSE,  /* a body that ends with the connection */
    STATE_TUNNEL, /* no HTTP any more */
    STATE_LOST
};

/* Start line and headers that came in pieces. */
struct gathered {
    struct http_start start;
    struct http_scanned scanned;
    struct buffer bytes;
};

/* Bytes on their way through a stream. Steps consume `bytes`. */
struct feed {
    struct http_flow *flow;
    struct http_stream *stream;
    enum http_side side;
    struct cursor bytes;
    struct moment moment;
};

static void gathered_free(struct http_stream *stream)
{
    if (stream->gathered == NULL)
        return;
    struct pool *pool = stream->gathered->bytes.pool;
    buffer_free(&stream->gathered->bytes);
    pool_give(pool, stream->gathered, sizeof *stream->gathered);
    stream->gathered = NULL;
}

static enum direction direction_of(const struct http_flow *flow, enum http_side side)
{
    return side == HTTP_REQUEST ? flow->client : direction_reverse(flow->client);
}

/* The stream cannot be followed. `lost`: a whole message may be missing. */
static void lose(struct feed *feed, bool lost)
{
    struct http_exchange *exchange = feed->stream->exchange;
    gathered_free(feed->stream);
    if (exchange != NULL)
        exchange_over(exchange, feed->side, false);
    feed->stream->state = STATE_LOST;
    exchange_hole(feed->flow, feed->side, lost);
}

/* The stream says what it must not; `what` was being read. */
static void fail(struct feed *feed, const char *what)
{
    feed->flow->conversation->dissect->counts.http_errors++;
    trouble_report(feed->flow->conversation, "http", OUTCOME_MALFORMED, what, UINT64_MAX, feed->moment);
    lose(feed, true);
}

static void fail_memory(struct feed *feed)
{
    feed->flow->conversation->dissect->counts.http_errors++;
    trouble_report(feed->flow->conversation, "http", OUTCOME_SYSTEM, "message", UINT64_MAX, feed->moment);
    lose(feed, true);
}

/* The stream is not followed beyond a limit. */
static void fail_limit(struct feed *feed, enum limit limit)
{
    feed->flow->conversation->dissect->counts.http_errors++;
    trouble_limit(feed->flow->conversation, "http", limit, feed->moment);
    lose(feed, true);
}

/* ---- Start of a message ---- */

static void enter(struct http_stream *stream, enum stream_state state, uint64_t left)
{
    stream->state = (uint8_t)state;
    stream->left = left;
    stream->count = 0;
}

static void end_message(struct feed *feed)
{
    enter(feed->stream, STATE_START, 0);
    if (feed->stream->exchange != NULL)
        exchange_over(feed->stream->exchange, feed->side, true);
}

/* RFC 9112 section 6.3, for a message that has a body. */
static void begin_body(struct feed *feed, const struct http_head *head)
{
    if (head->chunked)
        enter(feed->stream, STATE_CHUNK_SIZE, 0);
    else if (head->has_length && head->length > 0)
        enter(feed->stream, STATE_BODY, head->length);
    else if (head->has_length || feed->side == HTTP_REQUEST)
        end_message(feed);
    else
        enter(feed->stream, STATE_CLOSE, 0);
}

/* Both streams are something else from now on. Only what a connection itself carries is looked into: no tunnel in a
 * tunnel, so that none goes deep. */
static void open_tunnel(struct feed *feed, bool connects)
{
    struct http_flow *flow = feed->flow;
    for (enum http_side side = HTTP_REQUEST; side <= HTTP_REPLY; side++) {
        struct http_stream *stream = &flow->stream[side];
        gathered_free(stream);
        if (stream->exchange != NULL)
            exchange_over(stream->exchange, side, false);
        enter(stream, STATE_TUNNEL, 0);
    }
    if (!connects || !flow->direct || flow->tunnel != NULL)
        return;
    flow->tunnel = calloc(1, sizeof *flow->tunnel);
    if (flow->tunnel != NULL)
        *flow->tunnel = (struct layer){.conversation = flow->conversation, .secure = flow->secure};
}

static void begin_request(struct feed *feed, const struct http_head *head, const struct http_start *start)
{
    feed->stream->exchange = exchange_for_request(feed->flow, start);
    if (feed->stream->exchange == NULL) {
        fail_memory(feed);
        return;
    }
    exchange_head(feed->stream->exchange, HTTP_REQUEST, head);
    begin_body(feed, head);
    if (head->bare) /* the last one of its connection, whatever is sent behind it */
        enter(feed->stream, STATE_LOST, 0);
}

/* The server answers, and does not complain, though nothing that the client sent was understood here: requests are
 * missing. A scanner that sends anything else is told 400 or 408 (RFC 9110 sections 15.5.1, 15.5.9). */
static void count_unread(struct http_flow *flow, uint16_t status)
{
    enum { BAD_REQUEST = 400, REQUEST_TIMEOUT = 408 };
    if (!flow->passed_over || status == BAD_REQUEST || status == REQUEST_TIMEOUT)
        return;
    flow->passed_over = false;
    flow->conversation->dissect->counts.http_unread++;
    trouble_report(flow->conversation, "http", OUTCOME_UNSUPPORTED, "first bytes of the client", 0,
                   flow->conversation->flow->last);
}

static void begin_reply(struct feed *feed, const struct http_head *head, const struct http_start *start)
{
    enum { SWITCHING = 101, NO_CONTENT = 204, NOT_MODIFIED = 304 };
    if (head->status < 200 && head->status != SWITCHING)
        return; /* interim: the reply is still to come (RFC 9110 section 15.2) */
    struct http_exchange *exchange = exchange_for_reply(feed->flow, start);
    if (exchange == NULL) {
        fail_memory(feed);
        return;
    }
    feed->stream->exchange = exchange;
    count_unread(feed->flow, head->status);
    exchange_head(exchange, HTTP_REPLY, head);
    bool connected = exchange->connects && head->status >= 200 && head->status < 300;
    if (connected || head->status == SWITCHING) {
        end_message(feed);
        open_tunnel(feed, connected);
    } else if (exchange->head_only || head->status == NO_CONTENT || head->status == NOT_MODIFIED) {
        end_message(feed);
    } else {
        begin_body(feed, head);
    }
}

static void begin_message(struct feed *feed, struct cursor bytes, const struct http_start *start)
{
    struct arena *arena = &feed->flow->conversation->dissect->heads;
    struct http_head head;
    arena_reset(arena);
    enter(feed->stream, STATE_START, 0);
    if (!http_head_parse(feed->side, bytes, arena, &head))
        fail(feed, "start line");
    else if (feed->side == HTTP_REQUEST)
        begin_request(feed, &head, start);
    else
        begin_reply(feed, &head, start);
}

/* The rest of start line and headers will not come. What is there of them is told. */
static void cut_head(struct feed *feed, unsigned notes)
{
    struct gathered *gathered = feed->stream->gathered;
    struct http_head head;
    struct arena *arena = &feed->flow->conversation->dissect->heads;
    arena_reset(arena);
    bool known = http_head_parse(feed->side, buffer_cursor(&gathered->bytes), arena, &head);
    if (known && feed->side == HTTP_REQUEST)
        feed->stream->exchange = exchange_for_request(feed->flow, &gathered->start);
    else if (known && head.status >= 200)
        feed->stream->exchange = exchange_for_reply(feed->flow, &gathered->start);
    if (feed->stream->exchange != NULL)
        exchange_head(feed->stream->exchange, feed->side, &head);
    if (feed->stream->exchange != NULL)
        feed->stream->exchange->notes |= (uint16_t)notes;
    lose(feed, !known);
}

/* ---- Steps ---- */

static struct cursor take(struct feed *feed, uint64_t most)
{
    struct cursor taken = CURSOR_EMPTY;
    size_t length = most < feed->bytes.left ? (size_t)most : feed->bytes.left;
    return cursor_take(&feed->bytes, length, &taken) ? taken : CURSOR_EMPTY;
}

/* The next byte, which is there: a step is not called without one. */
static uint8_t take_byte(struct feed *feed)
{
    uint8_t byte = 0;
    return cursor_u8(&feed->bytes, &byte) ? byte : 0;
}

static void skip_all(struct feed *feed)
{
    feed->bytes = CURSOR_EMPTY;
}

/* A reply without status line, which is all body: to a request of HTTP/0.9, or of a server that speaks no other. */
static bool is_bare_reply(const struct feed *feed)
{
    const struct http_exchange *asked = exchange_unanswered(feed->flow);
    return feed->side == HTTP_REPLY && asked != NULL && !asked->doubtful && (asked->bare || !feed->flow->replied);
}

static void step_close(struct feed *feed);

/* The stream goes on with what no message starts with; `gathered` came before the bytes of the feed. */
static void no_start(struct feed *feed, const struct http_start *start)
{
    struct http_exchange *exchange = is_bare_reply(feed) ? exchange_for_reply(feed->flow, start) : NULL;
    if (exchange == NULL) {
        fail(feed, "start line");
        return;
    }
    feed->stream->exchange = exchange;
    exchange_head(exchange, HTTP_REPLY, &(struct http_head){0});
    enter(feed->stream, STATE_CLOSE, 0);
    if (feed->stream->gathered != NULL)
        exchange_body(exchange, HTTP_REPLY, buffer_cursor(&feed->stream->gathered->bytes), false);
    gathered_free(feed->stream);
    if (feed->bytes.left > 0)
        step_close(feed);
}

/* A message that starts with the bytes of the feed. */
static struct http_start start_of(const struct feed *feed)
{
    int64_t end = conversation_delivered(feed->flow->conversation, direction_of(feed->flow, feed->side));
    return (struct http_start){feed->moment, end - (int64_t)feed->bytes.left, feed->flow->turn};
}

/* Keeps the bytes until the blank line comes. False when that is too much. */
static bool gather(struct feed *feed, struct cursor bytes, const struct http_scanned *scanned,
                   const struct http_start *start)
{
    struct dissect *dissect = feed->flow->conversation->dissect;
    struct gathered *gathered = feed->stream->gathered;
    if (gathered == NULL) {
        if (dissect->bodies_total + HTTP_HEAD_MAX > dissect->bodies_max)
            return false;
        gathered = feed->stream->gathered = pool_take(&dissect->pool, sizeof *gathered);
        if (gathered == NULL)
            return false;
        *gathered = (struct gathered){.start = *start, .scanned = *scanned};
        buffer_init_in(&gathered->bytes, &dissect->pool, HTTP_HEAD_MAX);
    }
    return buffer_append(&gathered->bytes, bytes);
}

/* A message starts in these bytes, and nothing of it came before. */
static void start_fresh(struct feed *feed)
{
    struct http_scanned scanned = {0};
    size_t length = 0;
    struct http_start start = start_of(feed);
    switch (http_scan(feed->side, feed->bytes, &scanned, &length)) {
    case HTTP_SCAN_DONE:
        begin_message(feed, take(feed, length), &start);
        return;
    case HTTP_SCAN_MORE:
        if (!gather(feed, feed->bytes, &scanned, &start))
            fail_limit(feed, LIMIT_http_memory);
        skip_all(feed);
        return;
    case HTTP_SCAN_BAD:
        no_start(feed, &start);
        return;
    }
}

/* More of start line and headers. */
static void start_gathered(struct feed *feed)
{
    struct gathered *gathered = feed->stream->gathered;
    size_t before = gathered->bytes.length, length = 0;
    struct cursor came = feed->bytes;
    bool fits = buffer_append(&gathered->bytes, came);
    enum http_scan scan = http_scan(feed->side, buffer_cursor(&gathered->bytes), &gathered->scanned, &length);
    if (scan == HTTP_SCAN_DONE) {
        (void)take(feed, length - before);
        feed->stream->gathered = NULL; /* so that it is not freed below us */
        begin_message(feed, cursor_of(gathered->bytes.bytes, length), &gathered->start);
        buffer_free(&gathered->bytes);
        pool_give(gathered->bytes.pool, gathered, sizeof *gathered);
        return;
    }
    skip_all(feed);
    if (scan == HTTP_SCAN_BAD) {
        no_start(feed, &gathered->start);
    } else if (!fits) {
        feed->flow->conversation->dissect->counts.http_errors++;
        trouble_limit(feed->flow->conversation, "http", LIMIT_http_head, feed->moment);
        cut_head(feed, HTTP_NOTE_LONG);
    }
}

static void step_start(struct feed *feed)
{
    if (feed->stream->gathered != NULL) {
        start_gathered(feed);
        return;
    }
    skip_empty_lines(&feed->bytes);
    if (feed->bytes.left > 0)
        start_fresh(feed);
}

/* A client may leave out a body that the server refused (RFC 9110 section 10.1.1). */
static bool is_left_out(const struct feed *feed)
{
    const struct http_exchange *exchange = feed->stream->exchange;
    return feed->side == HTTP_REQUEST && exchange->bytes[HTTP_REQUEST] == 0 && exchange->over[HTTP_REPLY] &&
           http_recognise(feed->bytes, NULL) == RECOGNISED_CLIENT;
}

static void step_body(struct feed *feed)
{
    struct http_stream *stream = feed->stream;
    if (is_left_out(feed)) {
        enter(stream, STATE_START, 0);
        exchange_over(stream->exchange, feed->side, false);
        return;
    }
    struct cursor piece = take(feed, stream->left);
    stream->left -= piece.left;
    exchange_body(stream->exchange, feed->side, piece, stream->left == 0);
    if (stream->left == 0)
        end_message(feed);
}

/* RFC 9112 section 7.1: 1*HEXDIG, extensions, CR LF */
static void step_chunk_size(struct feed *feed)
{
    struct http_stream *stream = feed->stream;
    uint8_t c = take_byte(feed);
    if (isxdigit(c) && stream->count < CHUNK_DIGITS_MAX) {
        stream->left = stream->left << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        stream->count++;
    } else if (stream->count > 0 && (c == ';' || c == '\r' || c == ' ' || c == '\t')) {
        stream->state = STATE_CHUNK_EXTENSION;
    } else if (stream->count > 0 && c == '\n') {
        enter(stream, stream->left == 0 ? STATE_TRAILER : STATE_CHUNK_DATA, stream->left);
    } else if (isxdigit(c)) {
        fail_limit(feed, LIMIT_http_chunk_size);
    } else if (stream->count > 0 || (c != ' ' && c != '\t')) {
        fail(feed, "size of a chunk");
    }
}

static void step_chunk_extension(struct feed *feed)
{
    struct http_stream *stream = feed->stream;
    const uint8_t *end = memchr(feed->bytes.at, '\n', feed->bytes.left);
    size_t length = end == NULL ? feed->bytes.left : (size_t)(end - feed->bytes.at) + 1;
    if (length > CHUNK_LINE_MAX || stream->count + length > CHUNK_LINE_MAX) {
        fail_limit(feed, LIMIT_http_chunk_line);
        return;
    }
    stream->count += (uint32_t)take(feed, length).left;
    if (end != NULL)
        enter(stream, stream->left == 0 ? STATE_TRAILER : STATE_CHUNK_DATA, stream->left);
}

static void step_chunk_data(struct feed *feed)
{
    struct http_stream *stream = feed->stream;
    struct cursor piece = take(feed, stream->left);
    stream->left -= piece.left;
    exchange_body(stream->exchange, feed->side, piece, false);
    if (stream->left == 0)
        enter(stream, STATE_CHUNK_END, 0);
}

static void step_chunk_end(struct feed *feed)
{
    uint8_t c = take_byte(feed);
    if (c == '\n')
        enter(feed->stream, STATE_CHUNK_SIZE, 0);
    else if (c != '\r')
        fail(feed, "end of a chunk");
}

static void step_trailer(struct feed *feed)
{
    struct http_stream *stream = feed->stream;
    uint8_t c = take_byte(feed);
    if (c == '\n' && stream->count == 0)
        end_message(feed);
    else if (++stream->left > TRAILER_MAX)
        fail_limit(feed, LIMIT_http_trailer);
    else if (c == '\n')
        stream->count = 0;
    else if (c != '\r')
        stream->count++;
}

static void step_close(struct feed *feed)
{
    exchange_body(feed->stream->exchange, feed->side, take(feed, feed->bytes.left), false);
}

static void step_tunnel(struct feed *feed)
{
    if (feed->flow->tunnel != NULL)
        layer_data(feed->flow->tunnel, direction_of(feed->flow, feed->side), feed->bytes, feed->moment);
    skip_all(feed);
}

static void (*const STEPS[])(struct feed *feed) = {
    [STATE_START] = step_start,           [STATE_BODY] = step_body,
    [STATE_CHUNK_SIZE] = step_chunk_size, [STATE_CHUNK_EXTENSION] = step_chunk_extension,
    [STATE_CHUNK_DATA] = step_chunk_data, [STATE_CHUNK_END] = step_chunk_end,
    [STATE_TRAILER] = step_trailer,       [STATE_CLOSE] = step_close,
    [STATE_TUNNEL] = step_tunnel,         [STATE_LOST] = skip_all,
};

/* ---- Events ---- */

static void *http_open(struct layer *layer, enum direction client)
{
    struct dissect *dissect = layer->conversation->dissect;
    char address[2][ADDRESS_TEXT_MAX];
    size_t length[2];
    for (int end = 0; end < 2; end++) {
        address_print(&layer->conversation->flow->address[end], address[end]);
        length[end] = strlen(address[end]) + 1;
    }
    struct http_flow *flow = pool_take(&dissect->pool, sizeof *flow + length[0] + length[1]);
    if (flow == NULL)
        return NULL;
    *flow = (struct http_flow){
        .server = (uint8_t)length[client],
        .size = (uint16_t)(sizeof *flow + length[0] + length[1]),
        .conversation = layer->conversation,
        .client = (uint8_t)client,
        .secure = layer->secure,
        .auth = AUTH_NEW,
        .direct = layer == &layer->conversation->layer,
        .passed_over = layer->conversation->flow->handshake && (layer->dropped & 1u << client) != 0,
        .login =
            (uint8_t)http_login_first(layer != &layer->conversation->layer || layer->conversation->flow->handshake),
    };
    memcpy(flow->addresses, address[client], length[client]);
    memcpy(flow->addresses + length[client], address[!client], length[!client]);
    return flow;
}

static struct feed feed_of(struct http_flow *flow, enum direction direction, struct cursor bytes, struct moment moment)
{
    enum http_side side = direction == flow->client ? HTTP_REQUEST : HTTP_REPLY;
    return (struct feed){flow, &flow->stream[side], side, bytes, moment};
}

static void http_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct feed feed = feed_of(state, direction, bytes, moment);
    enum recognition mine = feed.side == HTTP_REQUEST ? RECOGNISED_CLIENT : RECOGNISED_SERVER;
    feed.flow->turn++;
    if (feed.stream->state == STATE_LOST && http_recognise(bytes, NULL) == mine)
        enter(feed.stream, STATE_START, 0);
    while (feed.bytes.left > 0)
        STEPS[feed.stream->state](&feed);
}

/* What a hole takes from a body whose length is known; returns what is left of the hole. */
static uint64_t gap_in_body(struct feed *feed, uint64_t bytes)
{
    struct http_stream *stream = feed->stream;
    uint64_t taken = bytes < stream->left ? bytes : stream->left;
    stream->left -= taken;
    exchange_gap(stream->exchange, feed->side, taken);
    if (stream->left > 0)
        return 0;
    if (stream->state == STATE_BODY)
        end_message(feed);
    else
        enter(stream, STATE_CHUNK_END, 0);
    return bytes - taken;
}

static void http_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct feed feed = feed_of(state, direction, CURSOR_EMPTY, moment);
    if (feed.stream->state == STATE_BODY || feed.stream->state == STATE_CHUNK_DATA)
        bytes = gap_in_body(&feed, bytes);
    if (bytes == 0)
        return;
    if (feed.stream->state == STATE_TUNNEL) {
        if (feed.flow->tunnel != NULL)
            layer_gap(feed.flow->tunnel, direction, bytes, moment);
    } else if (feed.stream->state == STATE_CLOSE) {
        exchange_gap(feed.stream->exchange, feed.side, bytes);
    } else if (feed.stream->gathered != NULL) {
        cut_head(&feed, 0);
    } else {
        lose(&feed, feed.stream->state == STATE_START);
    }
}

/* Nothing more will come of what is being read. */
static void close_stream(struct feed *feed)
{
    if (feed->stream->state == STATE_CLOSE && feed->stream->exchange != NULL)
        end_message(feed);
    else if (feed->stream->gathered != NULL)
        cut_head(feed, 0);
    else if (feed->stream->exchange != NULL)
        lose(feed, false);
}

static void http_ended(void *state, enum direction direction, struct moment moment)
{
    struct feed feed = feed_of(state, direction, CURSOR_EMPTY, moment);
    if (feed.flow->tunnel != NULL)
        layer_ended(feed.flow->tunnel, direction, moment);
    close_stream(&feed);
}

static void http_close(void *state)
{
    struct http_flow *flow = state;
    for (enum http_side side = HTTP_REQUEST; side <= HTTP_REPLY; side++) {
        struct feed feed = {flow, &flow->stream[side], side, CURSOR_EMPTY, flow->conversation->flow->last};
        if (flow->stream[side].gathered != NULL)
            cut_head(&feed, 0);
    }
    exchange_end(flow);
    if (flow->tunnel != NULL)
        layer_close(flow->tunnel);
    free(flow->tunnel);
    http_login_free(flow);
    pool_give(&flow->conversation->dissect->pool, flow, flow->size);
}

/* The exchanges that are being read, and then where their bodies go on. */
static void http_fetch(const void *state, unsigned step)
{
    const struct http_flow *flow = state;
    for (enum http_side side = HTTP_REQUEST; side <= HTTP_REPLY; side++) {
        const struct http_exchange *exchange = flow->stream[side].exchange;
        if (exchange != NULL && step == 1)
            fetch_lines(exchange, HTTP_BODY_LINES);
        else if (exchange != NULL && exchange->body[side].room > 0)
            fetch_lines(exchange->body[side].last, 1);
    }
}

const struct dissector http_dissector = {
    .name = "http",
    .recognise = http_recognise,
    .open = http_open,
    .data = http_data,
    .gap = http_gap,
    .ended = http_ended,
    .close = http_close,
    .fetch = http_fetch,
};
