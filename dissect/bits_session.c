/* dissect/bits_session.c: rows of `bits`: packets of the whole capture become sessions, and what they carried is read. */
#include <stdlib.h>
#include <string.h>

#include "dissect/bits_internal.h"
#include "dissect/configmgr/body.h"
#include "dissect/message_row.h"
#include "dissect/service.h"
#include "dissect/trouble.h"

static struct text text_at(const struct bits *bits, struct bits_text text)
{
    if (text.at == BITS_NO_TEXT)
        return TEXT_NULL;
    return (struct text){text.length == 0 ? "" : (const char *)bits->texts.bytes + text.at, text.length};
}

/* ---- Which packets are one session ---- */

/* A packet with what orders it. */
struct sorted {
    const struct bits *bits;
    const struct bits_packet *packet;
};

/* The same server and session id; without an id the same client and target. */
static int compare_sessions(const struct sorted *a, const struct sorted *b)
{
    int order = text_compare_like(text_at(a->bits, a->packet->server), text_at(b->bits, b->packet->server));
    if (order == 0)
        order = text_compare_like(text_at(a->bits, a->packet->session), text_at(b->bits, b->packet->session));
    if (order != 0 || a->packet->session.length > 0)
        return order;
    order = text_compare_like(text_at(a->bits, a->packet->client), text_at(b->bits, b->packet->client));
    return order != 0 ? order : text_compare_like(text_at(a->bits, a->packet->url), text_at(b->bits, b->packet->url));
}

static int compare_packets(const void *a, const void *b)
{
    const struct sorted *left = a, *right = b;
    int order = compare_sessions(left, right);
    if (order != 0)
        return order;
    if (left->packet->moment.packet != right->packet->moment.packet)
        return left->packet->moment.packet < right->packet->moment.packet ? -1 : 1;
    return left->packet->http < right->packet->http ? -1 : left->packet->http > right->packet->http;
}

struct session {
    const struct sorted *packets;
    size_t count;
};

static int compare_starts(const void *a, const void *b)
{
    const struct bits_packet *left = ((const struct session *)a)->packets[0].packet;
    const struct bits_packet *right = ((const struct session *)b)->packets[0].packet;
    if (left->moment.packet != right->moment.packet)
        return left->moment.packet < right->moment.packet ? -1 : 1;
    return left->http < right->http ? -1 : left->http > right->http;
}

/* ---- One session ---- */

static bool accepted(const struct bits_packet *packet)
{
    return packet->status < 400;
}

/* The size that the first fragment tells: it is fixed from then on ([MC-BUP] 3.1.5.1.2). */
static uint64_t total_of(const struct session *session)
{
    for (size_t i = 0; i < session->count; i++) {
        if (session->packets[i].packet->ranged)
            return session->packets[i].packet->total;
    }
    return 0;
}

static void add_problem(struct text *problem, const char *text)
{
    if (problem->at == NULL)
        *problem = text_of(text);
}

static void add_fragment(const struct bits *bits, const struct bits_packet *packet, struct bits_cover *cover,
                         struct text *problem)
{
    struct cursor content = CURSOR_EMPTY;
    if (!packet->ranged || packet->total != cover->total || packet->start > cover->total ||
        packet->length > cover->total - packet->start) {
        add_problem(problem, "a fragment has no Content-Range that fits");
        return;
    }
    if (packet->cut) {
        add_problem(problem, "bytes of a fragment are missing from the capture");
        return;
    }
    if (packet->odd)
        add_problem(problem, "a fragment has another length than its Content-Range says");
    if (cover->bytes != NULL && !packet->has_content) {
        add_problem(problem, "too much was uploaded to be kept");
        return;
    }
    if (packet->has_content && packet->length > 0)
        content = cursor_of(spill_at(bits->content, packet->content, packet->length), (size_t)packet->length);
    if (!bits_cover_add(cover, packet->start, packet->length, content))
        add_problem(problem, "there are too many fragments");
}

static void gather(const struct session *session, bool with_content, struct limit_counts *limits,
                   struct bits_cover *cover, struct bits_row *row)
{
    size_t fragments = 0;
    *cover = (struct bits_cover){.total = total_of(session)};
    if (with_content && cover->total > 0 && cover->total <= BITS_UPLOAD_MAX)
        cover->bytes = malloc((size_t)cover->total);
    if (with_content && cover->total > BITS_UPLOAD_MAX) {
        add_problem(&row->problem, "the upload is too large to be read");
        limit_hit(limits, LIMIT_bits_upload);
    }
    for (size_t i = 0; i < session->count; i++) {
        const struct bits_packet *packet = session->packets[i].packet;
        if (packet->kind != BITS_FRAGMENT)
            continue;
        fragments++;
        if (fragments == BITS_FRAGMENTS_MAX + 1)
            limit_hit(limits, LIMIT_bits_fragments);
        if (fragments > BITS_FRAGMENTS_MAX)
            add_problem(&row->problem, "there are too many fragments");
        else if (accepted(packet))
            add_fragment(session->packets[i].bits, packet, cover, &row->problem);
    }
    row->fragments = (int64_t)fragments;
    row->received = (int64_t)cover->received;
    row->repeated = (int64_t)cover->repeated;
    row->total = cover->total == 0 ? INT_NULL : (int64_t)cover->total;
    if (with_content)
        row->conflicts = (int64_t)cover->conflicts;
}

static const char *state_of(const struct session *session, const struct bits_cover *cover)
{
    bool refused = false, accepted_one = false;
    for (size_t i = 0; i < session->count; i++) {
        const struct bits_packet *packet = session->packets[i].packet;
        if (packet->kind == BITS_CLOSE && accepted(packet))
            return "closed";
        if (packet->kind == BITS_CANCEL && accepted(packet))
            return "cancelled";
        refused = refused || !accepted(packet);
        accepted_one = accepted_one || (accepted(packet) && packet->kind != BITS_PING);
    }
    if (refused && !accepted_one)
        return "refused";
    return cover->total > 0 && cover->received == cover->total ? "complete" : "open";
}

static struct bits_row row_of(const struct session *session)
{
    const struct bits *bits = session->packets[0].bits;
    const struct bits_packet *first = session->packets[0].packet;
    struct bits_row row = bits_row_null();
    row.packet = first->moment.packet;
    row.time = moment_seconds(first->moment);
    row.flow = first->flow;
    row.http = first->http;
    row.client = text_at(bits, first->client);
    row.server = text_at(bits, first->server);
    row.session = text_at(bits, first->session);
    row.url = text_at(bits, first->url);
    for (size_t i = 0; i < session->count; i++) {
        const struct bits_packet *packet = session->packets[i].packet;
        struct text name = text_at(bits, packet->name), url = text_at(bits, packet->reply_url);
        struct text error = text_at(bits, packet->error);
        row.content_name = row.content_name.at == NULL ? name : row.content_name;
        row.reply_url = url.at != NULL ? url : row.reply_url;
        row.error = error.at != NULL ? error : row.error;
    }
    return row;
}

/* ---- What it carried ---- */

/* A document, bare or compressed: its text and tree; *content says what it is. */
static const char *read_document(struct ccm_decoder *decoder, struct cursor bytes, struct text *text,
                                 struct xml_document *document)
{
    const char *encoding;
    bool odd;
    enum ccm_payload_kind kind = ccm_payload_classify(bytes);
    if (kind == CCM_PAYLOAD_ZLIB && ccm_inflate(&decoder->inflater, bytes, &bytes, NULL) == OUTCOME_OK)
        kind = ccm_payload_classify(bytes);
    if (kind == CCM_PAYLOAD_CMS)
        return "encrypted";
    if (kind != CCM_PAYLOAD_TEXT)
        return kind == CCM_PAYLOAD_EMPTY ? "empty" : "binary";
    *text = ccm_text_decode(bytes, &decoder->arena, &encoding, &odd);
    const char *nul = text->length == 0 ? NULL : memchr(text->at, 0, text->length);
    text->length = nul == NULL ? text->length : (size_t)(nul - text->at);
    struct text trimmed = text_trim(*text);
    if (trimmed.length == 0 || trimmed.at[0] != '<')
        return "text";
    if (ccm_xml_parse(decoder, trimmed, document, NULL) != OUTCOME_OK && document->root == NULL)
        return "text";
    return "xml";
}

static void hash_upload(struct dissect *dissect, struct cursor bytes, struct bits_row *row)
{
    struct ccm_decoder *decoder = &dissect->decoder;
    uint8_t digest[CCM_HASH_BYTES_MAX];
    size_t length = bytes.left == 0 ? 0 : ccm_hash(decoder->keys, CCM_SHA256, bytes, digest);
    row->sha256 = length == 0 ? TEXT_NULL : text_hex(&decoder->arena, cursor_of(digest, length));
}

/* What was uploaded, for the row of the session. */
static const char *content_name(const struct ccm_message *message)
{
    if (message->has_header)
        return "message";
    if (message->encrypted && !message->decrypted)
        return "encrypted";
    if (message->payload_part.left == 0)
        return "empty";
    return message->document.root != NULL || message->root.length > 0 ? "xml" : message->has_plain ? "text" : "binary";
}

static const char *answer_of(struct text state)
{
    if (text_is(state, "closed"))
        return "no-reply";
    return text_is(state, "refused") ? "refused" : NULL;
}

/* Writes the message that the upload was, and its fields. */
static void write_message(struct dissect *dissect, const struct bits_row *bits, int64_t id, struct ccm_message *message,
                          struct moment moment)
{
    struct message_row row = message_row_null();
    struct fields_owner owner = {.moment = moment, .flow = bits->flow, .http = bits->http, .bits = id};
    row.client = bits->client;
    row.server = bits->server;
    row.answer = text_of(answer_of(bits->state));
    message_row_write(dissect, message, &row, &owner);
    struct message_trouble trouble;
    if (message_row_trouble(message, &trouble))
        trouble_settled(dissect, bits->flow, "message", trouble.reason, trouble.what, trouble.offset, moment);
    message_row_remember(dissect, message, owner.message);
    struct bits_row amended = *bits;
    amended.message = owner.message;
    sink_amend(&dissect->sink, TABLE_bits, id, &amended);
    fields_of_message(dissect, &owner, message);
}

/* Uploads to a management point, and whole messages wherever they go, are messages. */
static void finish_message(struct dissect *dissect, const struct session *session, struct cursor bytes,
                           struct bits_row *row)
{
    const struct bits_packet *first = session->packets[0].packet;
    struct ccm_source source = {
        .carrier = CCM_CARRIER_BITS,
        .bare = !ccm_message_recognise(bytes, TEXT_NULL),
        .body = bytes,
        .secure = first->secure,
        .missing = bytes.left > 0                        ? CCM_MISSING_NOTHING
                   : total_of(session) > BITS_UPLOAD_MAX ? CCM_MISSING_LIMIT
                                                         : CCM_MISSING_BYTES,
    };
    struct ccm_message message;
    ccm_message_decode(&dissect->decoder, &source, dissect->needs, &message);
    if (bytes.left > 0)
        row->content = text_of(content_name(&message));
    row->endpoint = message.endpoint_name;
    row->source_id = message.header.source_id;
    row->root = message.root;
    row->problem = row->problem.at == NULL ? message.malformed : row->problem;
    row->body = dissect->needs & NEED_BODY ? message.body : TEXT_NULL;
    hash_upload(dissect, bytes, row);
    int64_t id = sink_append(&dissect->sink, TABLE_bits, row);
    write_message(dissect, row, id, &message, first->moment);
}

/* Uploads of other programs: a document, or only bytes. */
static void finish_other(struct dissect *dissect, const struct session *session, struct cursor bytes,
                         struct bits_row *row)
{
    struct ccm_decoder *decoder = &dissect->decoder;
    struct xml_document document = {0};
    struct ccm_fields fields = {0};
    struct text text = TEXT_NULL;
    arena_reset(&decoder->arena);
    if (bytes.left > 0) {
        row->content = text_of(read_document(decoder, bytes, &text, &document));
        row->body = dissect->needs & NEED_BODY ? text : TEXT_NULL;
        row->root = document.root == NULL ? TEXT_NULL : document.root->name;
        hash_upload(dissect, bytes, row);
    }
    if (dissect->needs & NEED_FIELD)
        ccm_body_fields(decoder, &document, "body", &fields);
    ccm_fields_close(&fields);
    struct fields_owner owner = {
        .moment = session->packets[0].packet->moment,
        .flow = row->flow,
        .message = INT_NULL,
        .http = INT_NULL,
        .bits = sink_append(&dissect->sink, TABLE_bits, row),
    };
    fields_write(dissect, &owner, &fields);
}

static void finish_session(struct dissect *dissect, const struct session *session)
{
    bool with_content = dissect->needs & (NEED_FIELD | NEED_UPLOAD);
    struct bits_cover cover;
    struct bits_row row = row_of(session);
    gather(session, with_content, &dissect->counts.limits, &cover, &row);
    row.state = text_of(state_of(session, &cover));
    bool whole = cover.bytes != NULL && cover.received == cover.total;
    struct cursor bytes = whole ? cursor_of(cover.bytes, (size_t)cover.total) : CURSOR_EMPTY;
    if (with_content)
        row.content = cover.total == 0 ? TEXT("empty") : TEXT("incomplete");
    const char *service = service_of(TEXT_NULL, row.url);
    bool uploads = service != NULL && strcmp(service, "mp-upload") == 0;
    if (with_content && cover.received > 0 && (uploads || ccm_message_recognise(bytes, TEXT_NULL)))
        finish_message(dissect, session, bytes, &row);
    else
        finish_other(dissect, session, bytes, &row);
    bits_cover_free(&cover);
}

static size_t list_sessions(const struct sorted *packets, size_t count, struct session *sessions)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_sessions(&packets[i - 1], &packets[i]) != 0)
            sessions[used++] = (struct session){&packets[i], 0};
        sessions[used - 1].count++;
    }
    return used;
}

void bits_finish(struct dissect *dissect)
{
    const struct bits *bits = dissect->bits;
    size_t count = bits->count;
    struct sorted *packets = calloc(count + 1, sizeof *packets);
    struct session *sessions = calloc(count + 1, sizeof *sessions);
    if (packets == NULL || sessions == NULL) {
        dissect->counts.unsettled += count;
        count = 0;
    }
    for (size_t i = 0; i < count; i++)
        packets[i] = (struct sorted){bits, &bits->packets[i]};
    if (count > 0)
        qsort(packets, count, sizeof *packets, compare_packets);
    size_t used = count == 0 ? 0 : list_sessions(packets, count, sessions);
    if (used > 0)
        qsort(sessions, used, sizeof *sessions, compare_starts);
    for (size_t i = 0; i < used; i++)
        finish_session(dissect, &sessions[i]);
    free(packets);
    free(sessions);
}
