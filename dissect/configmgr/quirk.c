/* dissect/configmgr/quirk.c: see quirk.h. */
#include "dissect/configmgr/quirk.h"

#include <string.h>

#include "dissect/configmgr/attachment.h"

#define PADDING_MIN 8 /* zero bytes that are more than a terminator */
#define HEADER_LEAD 64

/* ---- The header ---- */

/* Public tools send these ids always (wire.md 12.2). */
static void quirk_id(struct ccm_message *message)
{
    static const char *const constants[] = {"{5DD100CD-DF1D-45F5-BA17-A327F43465F8}",
                                            "{041A35B4-DCEE-4F64-A978-D4D489F47D28}",
                                            "{CA6A20DC-2440-44B1-A78F-E2FE792973BA}"};
    struct text id = message->header.id;
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (text_is_like(id, constants[i]))
            ccm_message_note(message, "the message id is a constant of public tools");
    }
    if (id.at != NULL && id.length == 0 && message->header.document.complete)
        ccm_message_note(message, "the message id is empty (task sequence form)");
    else if (id.length > 0 && id.at[0] != '{')
        ccm_message_note(message, "the message id has no braces");
}

static void quirk_source(struct ccm_message *message)
{
    struct text id = message->header.source_id;
    size_t at;
    if (text_find_like(id, "{", &at))
        ccm_message_note(message, "the client id has braces");
    if (id.length > 0 && !text_starts_like(id, "GUID:") && !text_starts_like(id, "UID:"))
        ccm_message_note(message, "the client id is written without GUID: (task sequence form)");
}

static void quirk_fields(struct ccm_message *message)
{
    const struct ccm_header *header = &message->header;
    size_t at;
    if (header->schema_version.at == NULL)
        ccm_message_note(message, "the header has no SchemaVersion (task sequence form)");
    if (text_is(header->reply_mode, "ASync"))
        ccm_message_note(message, "ReplyMode is written ASync");
    if (header->sent_time.length > 14 && header->sent_time.at[14] == '.')
        ccm_message_note(message, "SentTime has the form of WMI");
    if (text_find_like(header->target_host, "://", &at))
        ccm_message_note(message, "TargetHost is a URL");
    if (message->is_signed && !message->source.reply && message->hash_algorithm.at == NULL && header->document.complete)
        ccm_message_note(message, "HashAlgorithm is absent, which means SHA-1");
}

/* Braces in a token: "{id};time" instead of "GUID:id;time;2" (wire.md 1.5). */
static void quirk_token(struct ccm_message *message)
{
    size_t at;
    if (text_find_like(message->token, "ClientToken:{", &at))
        ccm_message_note(message, "the token has braces");
}

static void quirk_lead(struct ccm_message *message)
{
    struct cursor head = {message->header_part.at,
                          message->header_part.left < HEADER_LEAD ? message->header_part.left : HEADER_LEAD};
    static const char wide[] = {'<', 0};
    size_t at;
    if (cursor_find(head, cursor_of(wide, sizeof wide), &at) && at > 2)
        ccm_message_note(message, "white space stands before the header");
}

static void quirk_parts(struct ccm_message *message)
{
    if (message->multipart.count > 2)
        ccm_message_note(message, "there are more parts than two: the one after the header is read as the payload");
    for (size_t i = 0; i < message->multipart.count; i++) {
        if (message->multipart.parts[i].disposition.at != NULL) {
            ccm_message_note(message, "the parts are named like those of a form (task sequence form)");
            return;
        }
    }
}

/* ---- The payload ---- */

/* Where the last document ends. */
static uint64_t documents_end(const struct ccm_message *message)
{
    const struct ccm_header *header = &message->header;
    uint64_t end = header->has_body && header->body.numeric ? header->body.offset + header->body.length : 0;
    for (size_t i = 0; i < message->attachments.count; i++) {
        const struct ccm_attachment *attachment = &message->attachments.items[i];
        bool read = attachment->kind != CCM_ATTACHMENT_OUTSIDE && attachment->kind != CCM_ATTACHMENT_REPEATED;
        uint64_t its = attachment->range->offset + attachment->range->length;
        end = read && its > end ? its : end;
    }
    return end;
}

static void quirk_tail(struct ccm_message *message)
{
    struct cursor tail;
    uint64_t end = documents_end(message);
    size_t zeros = 0, breaks = 0;
    if (!message->has_plain || end == 0 || end > message->plain.left ||
        !cursor_slice(message->plain, end, message->plain.left - end, &tail))
        return;
    size_t length = tail.left;
    uint8_t byte;
    while (cursor_u8(&tail, &byte)) {
        zeros += byte == 0;
        breaks += byte == '\r' || byte == '\n';
    }
    if (zeros + breaks != length)
        return;
    if (zeros >= PADDING_MIN)
        ccm_message_note(message, "the payload is padded with zero bytes");
    else if (breaks > 0)
        ccm_message_note(message, "CR LF stands behind the last document");
}

/* Notes bytes that one reader may act on and another one does not see. */
static void quirk_hidden(struct ccm_message *message)
{
    if (!ccm_message_is_whole(message))
        return;
    if (message->behind_stream > 0)
        ccm_message_note(message, "bytes stand after the end of the zlib stream");
    if (message->unranged > 0)
        ccm_message_note(message, "bytes of the payload are in no range of the header");
    if (message->behind_terminator > 0)
        ccm_message_note(message, "bytes of the body stand after the terminator of its text");
    if (message->multipart.before > 0)
        ccm_message_note(message, "bytes stand before the first boundary");
    if (message->multipart.behind > 0)
        ccm_message_note(message, "bytes stand after the closing boundary");
}

static void quirk_body(struct ccm_message *message)
{
    const struct ccm_header *header = &message->header;
    struct text body = text_trim(message->body);
    size_t at;
    if (header->has_body && header->body.numeric && header->body.offset > 0)
        ccm_message_note(message, "the body does not stand at the start of the payload");
    if (!text_starts_like(body, "<?xml"))
        return;
    bool wide = message->body_bytes.left > 1 && message->body_bytes.at[1] == 0;
    struct text declaration = {body.at, body.length < 128 ? body.length : 128};
    if (wide && text_find_like(declaration, "utf-8", &at))
        ccm_message_note(message, "the XML declaration says utf-8, but the body is UTF-16");
    else if (wide && text_find_like(declaration, "utf-16", &at))
        ccm_message_note(message, "the XML declaration says utf-16, but there is no byte order mark");
}

void ccm_message_quirks(struct ccm_message *message)
{
    if (message->header.document.root == NULL)
        return;
    quirk_id(message);
    quirk_source(message);
    quirk_fields(message);
    quirk_token(message);
    quirk_lead(message);
    quirk_parts(message);
    quirk_tail(message);
    quirk_hidden(message);
    quirk_body(message);
}
