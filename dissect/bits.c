/* dissect/bits.c: see bits.h. The packets of sessions are kept here; bits_session.c makes rows of them. */
#include "dissect/bits.h"

#include <stdlib.h>
#include <string.h>

#include "dissect/bits_internal.h"
#include "dissect/trouble.h"

struct bits *bits_new(void)
{
    struct bits *bits = calloc(1, sizeof *bits);
    if (bits == NULL)
        return NULL;
    bits->most = BITS_BYTES_MAX;
    buffer_init(&bits->texts, BITS_TEXTS_MAX);
    spill_pool_init(&bits->pool, BITS_MEMORY, BITS_MEMORY_MOST);
    bits->content = spill_new(&bits->pool);
    if (bits->content != NULL)
        return bits;
    bits_free(bits);
    return NULL;
}

void bits_free(struct bits *bits)
{
    if (bits == NULL)
        return;
    buffer_free(&bits->texts);
    spill_free(bits->content);
    free(bits->packets);
    free(bits);
}

/* ---- Reading packets ---- */

static enum bits_kind kind_of(struct text name)
{
    static const char *const names[] = {
        [BITS_OTHER] = "",
        [BITS_CREATE] = "create-session",
        [BITS_PING] = "ping",
        [BITS_FRAGMENT] = "fragment",
        [BITS_CLOSE] = "close-session",
        [BITS_CANCEL] = "cancel-session",
    };
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++) {
        if (text_is_like(name, names[i]))
            return (enum bits_kind)i;
    }
    return BITS_OTHER;
}

/* A BITS packet has the method, or the header (the method may be rewritten by a proxy). */
static bool is_packet(const struct http_exchange *exchange)
{
    return text_is(http_method(exchange), "BITS_POST") ||
           http_header(exchange, HTTP_REQUEST, "bits-packet-type").at != NULL;
}

bool bits_wants(const struct http_exchange *exchange, enum http_side side)
{
    return side == HTTP_REQUEST && (exchange->dissect->needs & (NEED_FIELD | NEED_UPLOAD)) && is_packet(exchange) &&
           kind_of(http_header(exchange, HTTP_REQUEST, "bits-packet-type")) == BITS_FRAGMENT;
}

static struct bits_text keep_text(struct dissect *dissect, struct text text)
{
    struct bits *bits = dissect->bits;
    struct bits_text kept = {BITS_NO_TEXT, 0};
    size_t length = text.length < BITS_TEXT_MAX ? text.length : BITS_TEXT_MAX;
    size_t before = bits->texts.length;
    if (text.at == NULL)
        return kept;
    if (length < text.length)
        limit_hit(&dissect->counts.limits, LIMIT_bits_text);
    if (!buffer_append(&bits->texts, cursor_of(text.at, length))) {
        limit_hit(&dissect->counts.limits, LIMIT_bits_texts);
        bits->texts.length = before;
        return kept;
    }
    return (struct bits_text){before, length};
}

static struct bits_packet *new_packet(struct bits *bits)
{
    if (bits->count == bits->room) {
        size_t room = bits->room == 0 ? 64 : bits->room * 2;
        struct bits_packet *grown =
            bits->count >= BITS_PACKETS_MAX ? NULL : realloc(bits->packets, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        bits->packets = grown;
        bits->room = room;
    }
    struct bits_packet *packet = &bits->packets[bits->count++];
    *packet = (struct bits_packet){0};
    return packet;
}

static void read_fragment(struct http_exchange *exchange, struct bits_packet *packet)
{
    struct bits *bits = exchange->dissect->bits;
    struct cursor body = http_body_cursor(&exchange->body[HTTP_REQUEST]);
    packet->cut = exchange->truncated[HTTP_REQUEST];
    packet->ranged = bits_range_parse(http_header(exchange, HTTP_REQUEST, "content-range"), &packet->start,
                                      &packet->length, &packet->total);
    if (!packet->ranged || !exchange->wanted[HTTP_REQUEST] || packet->cut)
        return;
    if (body.left != packet->length) {
        packet->odd = true;
        packet->length = body.left < packet->length ? body.left : packet->length;
    }
    packet->content = spill_size(bits->content);
    packet->has_content = packet->length <= bits->most - packet->content &&
                          spill_append(bits->content, body.at, (size_t)packet->length) != NULL;
    exchange->dissect->counts.bodies_dropped += !packet->has_content;
    if (!packet->has_content)
        trouble_limit(exchange->conversation, "bits", LIMIT_bits_bytes, exchange->moment[HTTP_REQUEST]);
}

void bits_request(struct http_exchange *exchange)
{
    struct bits *bits = exchange->dissect->bits;
    if (!is_packet(exchange) || exchange->row == INT_NULL)
        return;
    struct bits_packet *packet = new_packet(bits);
    if (packet == NULL) {
        exchange->dissect->counts.bodies_dropped++;
        trouble_limit(exchange->conversation, "bits", LIMIT_bits_packets, exchange->moment[HTTP_REQUEST]);
        return;
    }
    exchange->mp.bits = bits->count;
    packet->moment = exchange->moment[HTTP_REQUEST];
    packet->http = exchange->row;
    packet->flow = exchange->conversation->row;
    packet->secure = exchange->secure;
    packet->kind = kind_of(http_header(exchange, HTTP_REQUEST, "bits-packet-type"));
    packet->session = keep_text(exchange->dissect, http_header(exchange, HTTP_REQUEST, "bits-session-id"));
    packet->url = keep_text(exchange->dissect, http_uri(exchange));
    packet->name = keep_text(exchange->dissect, http_header(exchange, HTTP_REQUEST, "content-name"));
    packet->client = keep_text(exchange->dissect, text_of(exchange->client));
    packet->server = keep_text(exchange->dissect, text_of(exchange->server));
    packet->reply_url = packet->error = (struct bits_text){BITS_NO_TEXT, 0};
    if (packet->kind == BITS_FRAGMENT)
        read_fragment(exchange, packet);
}

void bits_reply(struct http_exchange *exchange)
{
    struct bits *bits = exchange->dissect->bits;
    if (exchange->mp.bits == 0)
        return;
    struct bits_packet *packet = &bits->packets[exchange->mp.bits - 1];
    packet->status = http_status(exchange);
    if (packet->session.at == BITS_NO_TEXT)
        packet->session = keep_text(exchange->dissect, http_header(exchange, HTTP_REPLY, "bits-session-id"));
    packet->reply_url = keep_text(exchange->dissect, http_header(exchange, HTTP_REPLY, "bits-reply-url"));
    struct text error = http_header(exchange, HTTP_REPLY, "bits-error");
    packet->error =
        keep_text(exchange->dissect, error.at != NULL ? error : http_header(exchange, HTTP_REPLY, "bits-error-code"));
}

/* ---- Joining workers ---- */

static void shift(struct bits_text *text, size_t by)
{
    if (text->at != BITS_NO_TEXT)
        text->at += by;
}

/* Content of `from` behind that of `into`. */
static bool absorb_content(struct bits *into, const struct bits *from)
{
    uint64_t size = spill_size(from->content);
    bool room = size <= into->most - spill_size(into->content);
    for (uint64_t at = 0; room && at < size; at += SPILL_WINDOW) {
        uint64_t part = size - at < SPILL_WINDOW ? size - at : SPILL_WINDOW;
        room = spill_append(into->content, spill_at(from->content, at, part), (size_t)part) != NULL;
    }
    return room;
}

uint64_t bits_absorb(struct bits *into, const struct bits *from, const int64_t bases[TABLE_COUNT])
{
    size_t texts = into->texts.length;
    uint64_t content = spill_size(into->content), lost = 0;
    if (!buffer_append(&into->texts, buffer_cursor(&from->texts))) {
        into->texts.length = texts;
        return from->count;
    }
    bool has_content = absorb_content(into, from);
    for (size_t i = 0; i < from->count; i++) {
        struct bits_packet *packet = new_packet(into);
        if (packet == NULL)
            return lost + from->count - i;
        *packet = from->packets[i];
        packet->http += bases[TABLE_http];
        packet->flow += packet->flow == INT_NULL ? 0 : bases[TABLE_flow];
        struct bits_text *moved[] = {&packet->session, &packet->url,    &packet->name,  &packet->reply_url,
                                     &packet->error,   &packet->client, &packet->server};
        for (size_t j = 0; j < sizeof moved / sizeof moved[0]; j++)
            shift(moved[j], texts);
        packet->content += content;
        lost += packet->has_content && !has_content;
        packet->has_content = packet->has_content && has_content;
    }
    return lost;
}

void bits_renumber(struct bits *bits, int64_t (*new_id)(const void *context, enum table table, int64_t id),
                   const void *context)
{
    for (size_t i = 0; i < bits->count; i++) {
        bits->packets[i].http = new_id(context, TABLE_http, bits->packets[i].http);
        bits->packets[i].flow = new_id(context, TABLE_flow, bits->packets[i].flow);
    }
}
