/* dissect/tls.c: TLS and SSL: the record layer.
 *
 *   record: u8 type (20 change cipher spec, 21 alert, 22 handshake, 23 application data, 24 heartbeat), u16 version (0x0300
 *   SSL 3.0 ... 0x0303), u16 length, content                                                  (RFC 8446 section 5.1)
 *   record of SSL 2.0: u16 length with the top bit set, content: only the first one of a direction
 *
 * What is hidden and stays so is passed over by its length.
 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "dissect/dissector.h"
#include "dissect/tls_internal.h"

#define HEADER 5
#define SSL2_HEADER 2
#define SEARCH_MAX 1024 /* records that a gap may have taken, to find the sequence number again */

/* ---- Recognition ---- */

/*   u16 length, u8 type 1, u16 version, u16 cipher specs (3 bytes each), u16 session id (0 or 16), u16 challenge (16 to 32) */
static enum recognition ssl2_recognise(struct cursor first)
{
    uint16_t length, version, suites, session, challenge;
    uint8_t type;
    if (!cursor_be16(&first, &length) || !cursor_u8(&first, &type))
        return RECOGNISED_MAYBE;
    if (type == 4) /* SERVER-HELLO: u8 hit, u8 certificate type, u16 version */
        return first.left < 4                                                                 ? RECOGNISED_MAYBE
               : first.at[0] <= 1 && first.at[1] <= 1 && first.at[2] == 0 && first.at[3] == 2 ? RECOGNISED_SERVER
                                                                                              : RECOGNISED_NOT;
    if (type != 1)
        return RECOGNISED_NOT;
    if (!cursor_be16(&first, &version) || !cursor_be16(&first, &suites) || !cursor_be16(&first, &session) ||
        !cursor_be16(&first, &challenge))
        return RECOGNISED_MAYBE;
    bool plausible = (version == TLS_SSL2 || (version >= TLS_SSL3 && version <= TLS_1_3)) && suites % 3 == 0 &&
                     suites > 0 && (session == 0 || session == 16) && challenge >= 16 && challenge <= 32 &&
                     (length & 0x7FFF) == 9 + suites + session + challenge;
    return plausible ? RECOGNISED_CLIENT : RECOGNISED_NOT;
}

static bool plausible_header(uint8_t type, uint16_t version, uint16_t length)
{
    return type >= TLS_CHANGE_CIPHER && type <= TLS_HEARTBEAT && version >= TLS_SSL3 && version <= TLS_1_3 &&
           length > 0 && length <= TLS_RECORD_MAX;
}

static enum recognition tls_recognise(struct cursor first, const struct flow *flow)
{
    (void)flow;
    uint8_t type, handshake;
    uint16_t version, length;
    struct cursor whole = first;
    if (!cursor_u8(&first, &type))
        return RECOGNISED_MAYBE;
    if (type & 0x80)
        return ssl2_recognise(whole);
    if (type < TLS_CHANGE_CIPHER || type > TLS_APPLICATION)
        return RECOGNISED_NOT;
    if (!cursor_be16(&first, &version) || !cursor_be16(&first, &length))
        return RECOGNISED_MAYBE;
    if (!plausible_header(type, version, length))
        return RECOGNISED_NOT;
    if (type != TLS_HANDSHAKE)
        return RECOGNISED_CLIENT; /* met in the middle: which side asks cannot be told, nor does it matter */
    if (!cursor_u8(&first, &handshake))
        return RECOGNISED_MAYBE;
    if (handshake == 1) /* ClientHello */
        return RECOGNISED_CLIENT;
    return handshake == 2 || handshake == 0 ? RECOGNISED_SERVER : RECOGNISED_NOT; /* ServerHello, HelloRequest */
}

/* ---- Content ---- */

static void application_data(struct tls *tls, enum direction direction, struct cursor content)
{
    if (content.left == 0)
        return;
    if (tls->memory->tap.data != NULL)
        tls->memory->tap.data(tls->memory->tap.context, tls->outer->conversation->flow, direction, content);
    tls->memory->depth++; /* what is inside may be TLS again, with a buffer of its own */
    layer_data(&tls->inner, direction, content, tls->moment);
    tls->memory->depth--;
}

/* A handshake record in clear, though that direction encrypts: no end takes it (RFC 8446 section 5), so it changes nothing.
 * Up to TLS 1.2 all records are protected then, and this one does not verify. */
static bool clear_among_encrypted(struct tls *tls, enum direction direction)
{
    if (!tls->stream[direction].encrypted || !tls->client_hello || tls->version != TLS_1_3)
        return false;
    tls_row_problem(tls, "a handshake record in clear among encrypted ones: it was passed over");
    return true;
}

static void content(struct tls *tls, enum direction direction, uint8_t type, struct cursor bytes)
{
    switch (type) {
    case TLS_CHANGE_CIPHER:
        if (tls->version != TLS_1_3 &&
            !(tls->client_hello && tls->version == 0)) /* TLS 1.3 sends it for show, early too */
            tls_change_cipher(tls, direction);
        return;
    case TLS_ALERT:
        tls_row_alert(tls, direction, bytes);
        return;
    case TLS_HANDSHAKE:
        tls_handshake_bytes(tls, direction, bytes);
        return;
    case TLS_APPLICATION:
        if (tls->stream[direction].encrypted || tls->early_data)
            application_data(tls, direction, bytes);
        return;
    default: /* heartbeats */
        return;
    }
}

/* Whether a record is protected: up to TLS 1.2 all after the change of cipher, in TLS 1.3 all of type 23. */
static bool is_protected(const struct tls *tls, const struct tls_stream *stream, uint8_t type)
{
    return tls->version == TLS_1_3 || tls->version == 0 ? type == TLS_APPLICATION : stream->encrypted;
}

/* Counts a record that is not, or cannot be, looked into. */
static void count_hidden(struct tls *tls, struct tls_stream *stream, uint8_t type, uint32_t length)
{
    bool data = tls_client_stream(tls)->application + tls_server_stream(tls)->application > 0;
    if (type == TLS_HANDSHAKE && data && tls->version != TLS_1_3)
        stream->late_handshake += length;
}

#define FINISHED13 45 /* bytes of the shortest encrypted Finished; an alert has up to 19 (RFC 8446 section 4.4.4) */

/* What every record says, read or not. */
static void count(struct tls *tls, struct tls_stream *stream, uint8_t type, uint32_t length)
{
    if (type == TLS_APPLICATION)
        stream->application += length;
    if (stream->encrypted &&
        (tls->version == TLS_1_3 ? type == TLS_APPLICATION && length >= FINISHED13 : type == TLS_HANDSHAKE))
        stream->hidden_finished = true;
    if (tls->version != TLS_1_3 && type == TLS_APPLICATION && stream->encrypted)
        stream->hidden_finished = true;
}

static void take_record(struct tls *tls, enum direction direction, struct cursor body)
{
    struct tls_stream *stream = &tls->stream[direction];
    uint8_t type = stream->header[0];
    struct cursor plain;
    if (!is_protected(tls, stream, type)) {
        if (type != TLS_HANDSHAKE || !clear_among_encrypted(tls, direction))
            content(tls, direction, type, body);
        return;
    }
    if (tls_open_record(tls, direction, body, &type, &plain)) {
        if (tls->compressed) /* handshake and alerts are too (RFC 3749 section 2) */
            tls_row_problem(tls, "its content is compressed, which is not read");
        else
            content(tls, direction, type, plain);
        return;
    }
    count_hidden(tls, stream, type, stream->length);
    if (type == TLS_APPLICATION && tls->inner.dissector != NULL)
        layer_gap(&tls->inner, direction, stream->length, tls->moment);
}

/* ---- Records ---- */

/* A record whose body is passed over, or of which a part is missing. */
static void record_passed(struct tls *tls, enum direction direction)
{
    struct tls_stream *stream = &tls->stream[direction];
    uint8_t type = stream->header[0];
    bool hidden = is_protected(tls, stream, type);
    size_t overhead = stream->keys == NULL ? 0 : tls_protection_overhead(stream->keys);
    if (hidden) {
        stream->sequence++;
        count_hidden(tls, stream, type, stream->length);
    }
    if (!stream->broken)
        return;
    stream->broken = false;
    if (!hidden || (stream->keys != NULL && type != TLS_APPLICATION))
        tls_handshake_lost(tls, direction);
    if (hidden && stream->keys != NULL && !tls_protection_restarts(stream->keys)) {
        tls_drop_keys(tls, direction);
        tls_row_problem(tls, "a gap in the capture: this cipher cannot be read on behind it");
    }
    if (hidden && tls->inner.dissector != NULL)
        layer_gap(&tls->inner, direction, stream->length > overhead ? stream->length - overhead : 0, tls->moment);
}

static void record_end(struct tls *tls, enum direction direction, struct cursor body)
{
    struct tls_stream *stream = &tls->stream[direction];
    stream->header_bytes = 0;
    count(tls, stream, stream->header[0], stream->length);
    if (stream->skip)
        record_passed(tls, direction);
    else
        take_record(tls, direction, body);
}

/* Whether anybody looks into the record. */
static bool is_wanted(const struct tls *tls, const struct tls_stream *stream, uint8_t type)
{
    if (tls->compressed && type == TLS_APPLICATION)
        return false;
    if (!is_protected(tls, stream, type))
        return type != TLS_APPLICATION && type != TLS_HEARTBEAT;
    return stream->keys != NULL || stream->secret_bytes > 0;
}

static void not_a_record(struct tls *tls)
{
    tls->passive = true;
    tls_row_problem(tls, "bytes that are no TLS record: nothing more is read");
    tls_trouble(tls, OUTCOME_MALFORMED, "record");
}

/* The header is there: what follows? */
static void record_begin(struct tls *tls, struct tls_stream *stream)
{
    struct cursor header = cursor_of(stream->header, HEADER);
    uint8_t type;
    uint16_t version, length;
    if (!cursor_u8(&header, &type) || !cursor_be16(&header, &version) || !cursor_be16(&header, &length))
        return;
    if (!plausible_header(type, version, length) && !(length == 0 && plausible_header(type, version, 1))) {
        not_a_record(tls);
        return;
    }
    stream->started = true;
    stream->length = stream->want = length;
    stream->skip = !is_wanted(tls, stream, type);
}

/* Bytes of the body that came now. */
static void body_bytes(struct tls *tls, enum direction direction, struct cursor *bytes)
{
    struct tls_stream *stream = &tls->stream[direction];
    struct cursor piece;
    if (!cursor_take(bytes, bytes->left < stream->want ? bytes->left : stream->want, &piece))
        return;
    stream->want -= (uint32_t)piece.left;
    bool whole = stream->want == 0 && stream->body.length == 0;
    if (!stream->skip && !whole && !tls_keep(tls, &stream->body, piece)) {
        stream->skip = stream->broken = true;
        tls_row_problem(tls, "too many unfinished records at one time: one was passed over");
    }
    if (stream->want > 0)
        return;
    record_end(tls, direction, whole ? piece : buffer_cursor(&stream->body));
    tls_release(tls, &stream->body);
}

/* The first record of a direction in the form of SSL 2.0. True when the bytes are used up or wait. */
static bool ssl2_bytes(struct tls *tls, enum direction direction, struct cursor *bytes)
{
    struct tls_stream *stream = &tls->stream[direction];
    struct cursor body;
    if (!tls_keep(tls, &stream->body, *bytes)) {
        not_a_record(tls);
        return true;
    }
    struct cursor kept = buffer_cursor(&stream->body);
    uint16_t length;
    if (!cursor_be16(&kept, &length) || !cursor_take(&kept, length & 0x7FFF, &body))
        return true;
    size_t rest = kept.left < bytes->left ? kept.left : bytes->left;
    bool good = tls_ssl2_record(tls, direction, body);
    stream->started = true;
    tls_release(tls, &stream->body);
    if (!good)
        not_a_record(tls);
    return !cursor_skip(bytes, bytes->left - rest);
}

/* Behind a gap, where a segment starts with what looks like a record of this connection. */
static bool found_again(const struct tls *tls, struct cursor bytes)
{
    uint8_t type;
    uint16_t version, length;
    if (!cursor_u8(&bytes, &type) || !cursor_be16(&bytes, &version) || !cursor_be16(&bytes, &length))
        return false;
    uint16_t expected = tls->version == TLS_1_3 ? TLS_1_2 : tls->version;
    return plausible_header(type, version, length) && (expected == 0 || version == expected);
}

static void tls_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct tls *tls = state;
    struct tls_stream *stream = &tls->stream[direction];
    tls->moment = moment;
    if (!tls->begun) {
        if (bytes.left > 0 && bytes.at[0] != TLS_HANDSHAKE && bytes.at[0] < 0x80)
            tls->client = DIRECTION_OUT; /* met in the middle: the side that opened the flow, or was seen first */
        tls_row_begin(tls);
    }
    if (stream->lost && !tls->passive) {
        stream->lost = !found_again(tls, bytes);
        if (stream->lost)
            return;
    }
    while (bytes.left > 0 && !tls->passive) {
        struct cursor piece;
        if (!stream->started && stream->header_bytes == 0 && (stream->body.length > 0 || bytes.at[0] & 0x80)) {
            if (ssl2_bytes(tls, direction, &bytes))
                return;
            continue;
        }
        if (stream->header_bytes < HEADER) {
            size_t missing = HEADER - stream->header_bytes;
            if (!cursor_take(&bytes, bytes.left < missing ? bytes.left : missing, &piece) || piece.at == NULL)
                return;
            memcpy(stream->header + stream->header_bytes, piece.at, piece.left);
            stream->header_bytes = (uint8_t)(stream->header_bytes + piece.left);
            if (stream->header_bytes < HEADER)
                return;
            record_begin(tls, stream);
            if (stream->want > 0 || tls->passive)
                continue;
        }
        body_bytes(tls, direction, &bytes);
    }
}

/* ---- Gaps ---- */

/* The borders of records are gone. */
static void borders_lost(struct tls *tls, enum direction direction, uint64_t bytes)
{
    struct tls_stream *stream = &tls->stream[direction];
    stream->lost = true;
    stream->header_bytes = 0;
    stream->want = 0;
    tls_release(tls, &stream->body);
    tls_handshake_lost(tls, direction);
    if (stream->keys != NULL && tls_protection_restarts(stream->keys)) {
        uint64_t records = bytes / (HEADER + tls_protection_overhead(stream->keys)) + 2;
        stream->searching = true;
        stream->search_max += records < SEARCH_MAX ? (unsigned)records : SEARCH_MAX;
        if (records > SEARCH_MAX)
            tls_limit(tls, LIMIT_tls_search);
    } else if (stream->keys != NULL) {
        tls_drop_keys(tls, direction);
        tls_row_problem(tls, "a gap in the capture: this cipher cannot be read on behind it");
    }
    if (tls->inner.dissector != NULL)
        layer_gap(&tls->inner, direction, bytes, tls->moment);
}

static void tls_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct tls *tls = state;
    struct tls_stream *stream = &tls->stream[direction];
    tls->moment = moment;
    if (tls->passive || stream->lost)
        return;
    if (stream->header_bytes < HEADER || bytes > stream->want) {
        borders_lost(tls, direction, bytes);
        return;
    }
    stream->want -= (uint32_t)bytes;
    stream->skip = stream->broken = true;
    tls_release(tls, &stream->body);
    if (stream->want == 0)
        record_end(tls, direction, CURSOR_EMPTY);
}

/* ---- Life ---- */

static void *tls_open(struct layer *layer, enum direction client)
{
    struct dissect *dissect = layer->conversation->dissect;
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls != NULL && dissect->tls->depth >= TLS_DEPTH_MAX)
        limit_hit(&dissect->counts.limits, LIMIT_tls_depth);
    if (tls == NULL || dissect->tls->depth >= TLS_DEPTH_MAX) {
        free(tls);
        return NULL;
    }
    tls->outer = layer;
    tls->dissect = dissect;
    tls->memory = dissect->tls;
    tls->client = client;
    tls->row = INT_NULL;
    tls->inner = (struct layer){.conversation = layer->conversation, .secure = true};
    for (int i = 0; i < 2; i++) {
        buffer_init(&tls->stream[i].body, TLS_RECORD_MAX + HEADER + 0x8000);
        buffer_init(&tls->stream[i].messages, TLS_MESSAGE_MAX);
    }
    buffer_init(&tls->transcript, 2 * TLS_MESSAGE_MAX);
    return tls;
}

static void tls_ended(void *state, enum direction direction, struct moment moment)
{
    struct tls *tls = state;
    tls->moment = moment;
    layer_ended(&tls->inner, direction, moment);
}

static void tls_close(void *state)
{
    struct tls *tls = state;
    layer_close(&tls->inner);
    tls_row_close(tls);
    for (int i = 0; i < 2; i++) {
        tls_protection_free(tls->stream[i].keys);
        tls_release(tls, &tls->stream[i].body);
        tls_release(tls, &tls->stream[i].messages);
    }
    tls_release(tls, &tls->transcript);
    OPENSSL_cleanse(tls, sizeof *tls);
    free(tls);
}

const struct dissector tls_dissector = {
    .name = "tls",
    .encrypted = true,
    .recognise = tls_recognise,
    .open = tls_open,
    .data = tls_data,
    .gap = tls_gap,
    .ended = tls_ended,
    .close = tls_close,
};
