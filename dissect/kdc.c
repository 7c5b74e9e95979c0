/* dissect/kdc.c: Kerberos messages to and from a KDC: in datagrams as they are, over TCP after u32 length (big endian)
 * (RFC 4120 section 7.2). */
#include <stdlib.h>

#include "core/buffer.h"
#include "dissect/internal.h"
#include "dissect/kerberos.h"
#include "dissect/trouble.h"

#define LENGTH_BYTES 4
#define MESSAGE_MAX ((size_t)128 * 1024) /* a ticket has at most 64 KB */
#define START_BYTES 17                   /* within which kerberos_recognise_message can tell */
#define HEAD_KEEP 4096

struct kdc {
    struct conversation *conversation;
    enum direction client;
    struct {
        struct buffer head; /* a message in pieces, with its length */
        bool lost;          /* until the next bytes begin a message */
    } streams[2];
};

static enum recognition recognise_stream(struct cursor first, const struct flow *flow)
{
    (void)flow;
    uint32_t length;
    struct cursor at = first;
    if (first.left < LENGTH_BYTES)
        return first.left == 0 || first.at[0] == 0 ? RECOGNISED_MAYBE : RECOGNISED_NOT;
    if (!cursor_be32(&at, &length) || length < START_BYTES || length > MESSAGE_MAX - LENGTH_BYTES)
        return RECOGNISED_NOT;
    if (at.left > 0 && (at.at[0] & 0xE0) != 0x60) /* [APPLICATION n], constructed */
        return RECOGNISED_NOT;
    return at.left < START_BYTES ? RECOGNISED_MAYBE : kerberos_recognise_message(at);
}

static enum recognition recognise_datagram(struct cursor first, const struct flow *flow)
{
    (void)flow;
    return kerberos_recognise_message(first);
}

static void *kdc_open(struct layer *layer, enum direction client)
{
    struct kdc *kdc = calloc(1, sizeof *kdc);
    if (kdc == NULL)
        return NULL;
    kdc->conversation = layer->conversation;
    kdc->client = client;
    buffer_init(&kdc->streams[0].head, MESSAGE_MAX);
    buffer_init(&kdc->streams[1].head, MESSAGE_MAX);
    return kdc;
}

static void take_message(struct kdc *kdc, struct cursor bytes, struct moment moment)
{
    struct kerberos_message message;
    struct arena *arena = &kdc->conversation->dissect->scratch;
    arena_reset(arena);
    if (kerberos_parse(bytes, arena, &message))
        kerberos_record(kdc->conversation, "kdc", kdc->client, &message, moment);
    else
        trouble_report(kdc->conversation, "kerberos", outcome_of_bytes(kdc->conversation),
                       message.type == 0 ? "message that is none of a KDC" : kerberos_type_name(message.type),
                       UINT64_MAX, moment);
}

/* A message was begun, and its end is not there. */
static void report_cut(struct kdc *kdc, enum direction direction, struct moment moment)
{
    if (kdc->streams[direction].head.length > 0)
        trouble_report(kdc->conversation, "kerberos", OUTCOME_MORE, "message", UINT64_MAX, moment);
}

static void kdc_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    (void)direction;
    take_message(state, bytes, moment);
}

/* The length of the message that begins here, with that of its length; LENGTH_BYTES when that is not there yet. */
static size_t message_length(struct cursor have)
{
    uint32_t length;
    if (!cursor_be32(&have, &length))
        return LENGTH_BYTES;
    return length > MESSAGE_MAX - LENGTH_BYTES ? SIZE_MAX : LENGTH_BYTES + (size_t)length;
}

static void kdc_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct kdc *kdc = state;
    struct buffer *head = &kdc->streams[direction].head;
    struct cursor more, message;
    if (kdc->streams[direction].lost && recognise_stream(bytes, NULL) <= RECOGNISED_MAYBE)
        return;
    kdc->streams[direction].lost = false;
    while (bytes.left > 0) {
        size_t length = message_length(buffer_cursor(head));
        if (length == SIZE_MAX) {
            trouble_report(kdc->conversation, "kerberos", OUTCOME_MALFORMED, "length of a message", 0, moment);
            kdc->streams[direction].lost = true;
            buffer_reset(head, HEAD_KEEP);
            return;
        }
        size_t missing = length - head->length;
        if (!cursor_take(&bytes, missing < bytes.left ? missing : bytes.left, &more) || !buffer_append(head, more))
            return;
        if (head->length < LENGTH_BYTES || head->length < message_length(buffer_cursor(head)))
            continue;
        if (cursor_slice(buffer_cursor(head), LENGTH_BYTES, head->length - LENGTH_BYTES, &message))
            take_message(kdc, message, moment);
        buffer_reset(head, HEAD_KEEP);
    }
}

static void kdc_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    (void)bytes;
    struct kdc *kdc = state;
    report_cut(kdc, direction, moment);
    kdc->streams[direction].lost = true;
    buffer_reset(&kdc->streams[direction].head, HEAD_KEEP);
}

static void kdc_ended(void *state, enum direction direction, struct moment moment)
{
    struct kdc *kdc = state;
    report_cut(kdc, direction, moment);
    buffer_reset(&kdc->streams[direction].head, HEAD_KEEP);
}

static void kdc_close(void *state)
{
    struct kdc *kdc = state;
    for (enum direction direction = DIRECTION_OUT; direction <= DIRECTION_IN && is_over(kdc->conversation); direction++)
        report_cut(kdc, direction, kdc->conversation->flow->last);
    buffer_free(&kdc->streams[0].head);
    buffer_free(&kdc->streams[1].head);
    free(kdc);
}

const struct dissector kdc_dissector = {
    .name = "kerberos",
    .need = NEED_SERVERS,
    .recognise = recognise_stream,
    .open = kdc_open,
    .data = kdc_data,
    .gap = kdc_gap,
    .ended = kdc_ended,
    .close = kdc_close,
};

const struct dissector kdc_datagram_dissector = {
    .name = "kerberos",
    .need = NEED_SERVERS,
    .recognise = recognise_datagram,
    .open = kdc_open,
    .datagram = kdc_datagram,
    .close = kdc_close,
};
