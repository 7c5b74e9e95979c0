/* dissect/configmgr/attachment.c: see attachment.h. */
#include "dissect/configmgr/attachment.h"

#include <string.h>

#include "dissect/configmgr/mif.h"

#define SLACK 4 /* bytes by which senders miscount: with or without terminator and CR LF (schema.md 3.3) */

const char *ccm_attachment_kind_name(enum ccm_attachment_kind kind)
{
    static const char *const names[] = {
        [CCM_ATTACHMENT_XML] = "xml",           [CCM_ATTACHMENT_MIF] = "idmif",       [CCM_ATTACHMENT_TEXT] = "text",
        [CCM_ATTACHMENT_BINARY] = "binary",     [CCM_ATTACHMENT_EMPTY] = "empty",     [CCM_ATTACHMENT_BODY] = "body",
        [CCM_ATTACHMENT_REPEATED] = "repeated", [CCM_ATTACHMENT_OUTSIDE] = "outside",
    };
    return names[kind];
}

/* ---- Which entry is which ---- */

static bool overlap(const struct ccm_range *a, const struct ccm_range *b)
{
    return a->numeric && b->numeric && a->offset < b->offset + b->length && b->offset < a->offset + a->length;
}

static bool same_document(const struct ccm_range *a, const struct ccm_range *b)
{
    bool same_name = text_equal(a->name, b->name) || (a->name.at == NULL && b->name.at == NULL);
    return same_name && a->length == b->length;
}

static bool is_body(const struct ccm_header *header, const struct ccm_range *range)
{
    uint64_t longer = range->length > header->body.length ? range->length : header->body.length;
    uint64_t shorter = range->length > header->body.length ? header->body.length : range->length;
    return header->has_body && header->body.numeric && range->offset == header->body.offset &&
           longer - shorter <= SLACK;
}

/* Whether another entry for the same document is the one to read: one outside of the body, else an earlier one. */
static bool is_repeated(const struct ccm_header *header, size_t count, size_t index)
{
    const struct ccm_range *range = &header->attachments[index];
    bool wrong = header->has_body && overlap(range, &header->body);
    for (size_t i = 0; i < count; i++) {
        const struct ccm_range *other = &header->attachments[i];
        bool other_wrong = header->has_body && overlap(other, &header->body);
        if (i != index && other->numeric && same_document(range, other) && !other_wrong && (wrong || i < index))
            return true;
    }
    return false;
}

/* ---- What it holds ---- */

static bool is_printable(struct text text)
{
    size_t odd = 0;
    for (size_t i = 0; i < text.length; i++)
        odd += (unsigned char)text.at[i] < 0x20 && text.at[i] != '\t' && text.at[i] != '\r' && text.at[i] != '\n';
    size_t at;
    return odd == 0 && !text_find_like(text, "\xEF\xBF\xBD", &at);
}

static enum ccm_attachment_kind kind_of(struct text text)
{
    struct text trimmed = text_trim(text);
    if (trimmed.length == 0)
        return text.at == NULL ? CCM_ATTACHMENT_BINARY : CCM_ATTACHMENT_EMPTY;
    if (!is_printable(trimmed))
        return CCM_ATTACHMENT_BINARY;
    if (trimmed.at[0] == '<')
        return CCM_ATTACHMENT_XML;
    return ccm_mif_recognise(trimmed) ? CCM_ATTACHMENT_MIF : CCM_ATTACHMENT_TEXT;
}

static struct text decode_text(struct ccm_decoder *decoder, struct cursor bytes)
{
    const char *encoding;
    bool odd;
    struct text text = ccm_text_decode(bytes, &decoder->arena, &encoding, &odd);
    const char *nul = text.length == 0 ? NULL : memchr(text.at, 0, text.length);
    if (nul != NULL && (size_t)(nul - text.at) + SLACK >= text.length)
        text.length = (size_t)(nul - text.at);
    return text;
}

#define HEAD 256 /* bytes that tell what an attachment is */

static void look(struct ccm_decoder *decoder, struct ccm_attachment *attachment)
{
    struct cursor head = {attachment->bytes.at, attachment->bytes.left < HEAD ? attachment->bytes.left : HEAD};
    attachment->kind = head.left == 0 ? CCM_ATTACHMENT_EMPTY : kind_of(decode_text(decoder, head));
}

static void resolve(struct ccm_decoder *decoder, const struct ccm_message *message, size_t count, size_t index,
                    struct ccm_attachment *attachment)
{
    const struct ccm_header *header = &message->header;
    const struct ccm_range *range = &header->attachments[index];
    *attachment = (struct ccm_attachment){.range = range, .text = TEXT_NULL};
    if (!range->numeric || !cursor_slice(message->plain, range->offset, range->length, &attachment->bytes)) {
        attachment->kind = CCM_ATTACHMENT_OUTSIDE;
        attachment->problem =
            range->numeric ? "it reaches beyond the payload" : "its Offset or Length is not a whole number";
    } else if (is_body(header, range)) {
        attachment->kind = CCM_ATTACHMENT_BODY;
    } else if (is_repeated(header, count, index)) {
        attachment->kind = CCM_ATTACHMENT_REPEATED;
        attachment->problem = "another entry of this name is the right one";
    } else {
        look(decoder, attachment);
        if (header->has_body && overlap(range, &header->body))
            attachment->problem = "it overlaps the body";
    }
}

static void note(struct ccm_message *message)
{
    const struct ccm_attachments *attachments = &message->attachments;
    bool repeated = false, body = false, nameless = false;
    for (size_t i = 0; i < attachments->count; i++) {
        repeated = repeated || attachments->items[i].kind == CCM_ATTACHMENT_REPEATED;
        body = body || attachments->items[i].kind == CCM_ATTACHMENT_BODY;
        nameless = nameless || attachments->items[i].range->name.at == NULL;
    }
    if (repeated)
        ccm_message_note(message, "an attachment is listed twice, once with a wrong offset");
    if (body)
        ccm_message_note(message, "the body is listed as an attachment too");
    if (nameless)
        ccm_message_note(message, "an attachment has no name");
    if (message->header.attachment_count > attachments->count)
        ccm_message_note(message, "there are more attachments than are looked at");
}

void ccm_attachments_resolve(struct ccm_decoder *decoder, struct ccm_message *message)
{
    const struct ccm_header *header = &message->header;
    size_t count = header->attachment_count < CCM_RANGES_MAX ? header->attachment_count : CCM_RANGES_MAX;
    if (count == 0 || !message->has_plain)
        return;
    message->attachments.items = arena_alloc(&decoder->arena, count * sizeof *message->attachments.items);
    if (message->attachments.items == NULL)
        return;
    message->attachments.count = count;
    if (header->attachment_count > count)
        limit_hit(&decoder->limits, LIMIT_attachments);
    for (size_t i = 0; i < count; i++)
        resolve(decoder, message, count, i, &message->attachments.items[i]);
    note(message);
}

/* ---- What no range covers ---- */

/* Range number `index`: the body first. False for an attachment that is not read. */
static bool range_at(const struct ccm_message *message, size_t index, size_t *start, size_t *end)
{
    struct cursor bytes = message->body_bytes;
    if (index > 0) {
        const struct ccm_attachment *attachment = &message->attachments.items[index - 1];
        if (attachment->kind == CCM_ATTACHMENT_OUTSIDE || attachment->kind == CCM_ATTACHMENT_REPEATED)
            return false;
        bytes = attachment->bytes;
    }
    if (bytes.left == 0)
        return false;
    *start = (size_t)(bytes.at - message->plain.at);
    *end = *start + bytes.left;
    return true;
}

/* The end of the hole that begins at `at`, which is `at` itself inside of a range; *next is where that range ends. */
static size_t hole_end(const struct ccm_message *message, size_t at, size_t *next)
{
    size_t nearest = message->plain.left, start, end;
    *next = at;
    for (size_t i = 0; i <= message->attachments.count; i++) {
        if (!range_at(message, i, &start, &end) || end <= at)
            continue;
        nearest = start < nearest ? start : nearest;
        *next = start <= at && end > *next ? end : *next;
    }
    return nearest > at ? nearest : at;
}

size_t ccm_attachments_unranged(const struct ccm_message *message)
{
    const struct cursor plain = message->plain;
    size_t at = 0, count = 0, next;
    struct cursor hole;
    if (!message->has_plain || message->header.attachment_count != message->attachments.count)
        return 0;
    while (at < plain.left) {
        size_t end = hole_end(message, at, &next);
        bool mark = at == 0 && end == 2 && cursor_starts(plain, "\xFF\xFE", 2);
        if (end > at && !mark && cursor_slice(plain, at, end - at, &hole))
            count += ccm_text_bytes(hole);
        at = end > at ? end : next;
    }
    return count;
}

void ccm_attachments_read(struct ccm_decoder *decoder, struct ccm_message *message)
{
    size_t total = 0;
    for (size_t i = 0; i < message->attachments.count; i++) {
        struct ccm_attachment *attachment = &message->attachments.items[i];
        if (attachment->kind > CCM_ATTACHMENT_TEXT)
            continue;
        if (attachment->bytes.left > CCM_ATTACHMENT_BYTES_MAX - total) {
            attachment->problem = "too much to be read";
            limit_hit(&decoder->limits, LIMIT_attachment_bytes);
            continue;
        }
        total += attachment->bytes.left;
        attachment->text = decode_text(decoder, attachment->bytes);
        if (attachment->kind != CCM_ATTACHMENT_XML)
            continue;
        enum outcome outcome = ccm_xml_parse(decoder, text_trim(attachment->text), &attachment->document, NULL);
        if (outcome != OUTCOME_OK)
            attachment->problem =
                outcome == OUTCOME_LIMIT ? "its XML is too much to be read" : "its XML is not well formed";
    }
}
