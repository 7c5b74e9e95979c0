/* dissect/fields.c: see fields.h. */
#include "dissect/fields.h"

#include <string.h>

#include "dissect/configmgr/attachment.h"

/* ---- Rows ---- */

void fields_write(struct dissect *dissect, const struct fields_owner *owner, const struct ccm_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct ccm_field *field = &fields->items[i];
        struct field_row row = field_row_null();
        row.packet = owner->moment.packet;
        row.time = moment_seconds(owner->moment);
        row.flow = owner->flow;
        row.message = owner->message;
        row.http = owner->http;
        row.bits = owner->bits;
        row.part = text_of(field->part);
        row.ordinal = (int64_t)i + 1;
        row.parent = field->parent == 0 ? INT_NULL : (int64_t)field->parent;
        row.depth = field->depth;
        row.path = field->path;
        row.name = field->name;
        row.value = field->value;
        bool has_value = field->value.at != NULL || field->kind == CCM_FIELD_SECRET;
        row.value_bytes = has_value ? (int64_t)field->bytes : INT_NULL;
        row.kind = text_of(ccm_field_kind_name(field->kind));
        row.about = text_of(field->about);
        row.meaning = field->meaning;
        row.certainty = text_of(field->certainty);
        sink_append(&dissect->sink, TABLE_field, &row);
    }
}

struct fields_owner fields_owner_of(const struct http_exchange *exchange, enum http_side side)
{
    return (struct fields_owner){
        .moment = exchange->moment[side],
        .flow = exchange->conversation->row,
        .message = INT_NULL,
        .http = exchange->row,
        .bits = INT_NULL,
    };
}

/* ---- Messages ---- */

static int64_t number_or_null(const struct ccm_range *range, uint64_t value)
{
    return range->numeric && value <= INT64_MAX ? (int64_t)value : INT_NULL;
}

static void write_attachments(struct dissect *dissect, const struct fields_owner *owner,
                              const struct ccm_message *message)
{
    for (size_t i = 0; i < message->attachments.count; i++) {
        const struct ccm_attachment *attachment = &message->attachments.items[i];
        struct attachment_row row = attachment_row_null();
        row.packet = owner->moment.packet;
        row.time = moment_seconds(owner->moment);
        row.flow = owner->flow;
        row.message = owner->message;
        row.ordinal = (int64_t)i + 1;
        row.name = attachment->range->name;
        row.offset = number_or_null(attachment->range, attachment->range->offset);
        row.length = number_or_null(attachment->range, attachment->range->length);
        row.kind = text_of(ccm_attachment_kind_name(attachment->kind));
        row.root = attachment->document.root == NULL ? TEXT_NULL : attachment->document.root->name;
        row.text = dissect->needs & NEED_BODY ? attachment->text : TEXT_NULL;
        row.problem = text_of(attachment->problem);
        sink_append(&dissect->sink, TABLE_attachment, &row);
    }
}

void fields_of_message(struct dissect *dissect, const struct fields_owner *owner, struct ccm_message *message)
{
    struct ccm_fields fields;
    write_attachments(dissect, owner, message);
    if (!(dissect->needs & NEED_FIELD))
        return;
    ccm_message_fields(&dissect->decoder, message, &fields);
    fields_write(dissect, owner, &fields);
}

/* ---- Other bodies ---- */

#define HTTP_REQUEST_SET (1U << HTTP_REQUEST)
#define HTTP_REPLY_SET (1U << HTTP_REPLY)

/* Services whose bodies are documents, and on which side. */
static const struct {
    const char *service;
    unsigned sides;
} SERVICES[] = {
    {"mp-auth", HTTP_REPLY_SET},
    {"mp-policy", HTTP_REPLY_SET},
    {"slp", HTTP_REPLY_SET},
    {"sup", HTTP_REQUEST_SET | HTTP_REPLY_SET},
};

bool fields_wants(const struct http_exchange *exchange, enum http_side side)
{
    if (!(exchange->dissect->needs & NEED_FIELD) || exchange->service == NULL)
        return false;
    if (strcmp(exchange->service, "dp") == 0)
        return text_is_like(http_method(exchange), "PROPFIND");
    for (size_t i = 0; i < sizeof SERVICES / sizeof SERVICES[0]; i++) {
        if (strcmp(exchange->service, SERVICES[i].service) == 0)
            return SERVICES[i].sides & (1U << side);
    }
    return false;
}

/* The XML of a body, which may be compressed; false when it has none. */
static bool read_document(struct ccm_decoder *decoder, struct cursor body, struct xml_document *document)
{
    const char *encoding;
    bool odd;
    struct cursor plain = body;
    if (ccm_payload_classify(body) == CCM_PAYLOAD_ZLIB &&
        ccm_inflate(&decoder->inflater, body, &plain, NULL) != OUTCOME_OK)
        return false;
    if (plain.left == 0 || ccm_payload_classify(plain) != CCM_PAYLOAD_TEXT)
        return false;
    struct text text = ccm_text_decode(plain, &decoder->arena, &encoding, &odd);
    const char *nul = text.length == 0 ? NULL : memchr(text.at, 0, text.length);
    text.length = nul == NULL ? text.length : (size_t)(nul - text.at);
    text = text_trim(text);
    if (text.length == 0 || text.at[0] != '<')
        return false;
    return ccm_xml_parse(decoder, text, document, NULL) == OUTCOME_OK || document->root != NULL;
}

void fields_of_body(struct http_exchange *exchange, enum http_side side)
{
    struct dissect *dissect = exchange->dissect;
    struct xml_document document = {0};
    struct ccm_fields fields = {0};
    arena_reset(&dissect->decoder.arena);
    if (!fields_wants(exchange, side) ||
        !read_document(&dissect->decoder, http_body_cursor(&exchange->body[side]), &document))
        return;
    struct fields_owner owner = fields_owner_of(exchange, side);
    ccm_body_fields(&dissect->decoder, &document, side == HTTP_REQUEST ? "request" : "reply", &fields);
    ccm_fields_close(&fields);
    fields_write(dissect, &owner, &fields);
}
