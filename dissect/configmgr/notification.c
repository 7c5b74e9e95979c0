/* dissect/configmgr/notification.c: see notification.h. */
#include "dissect/configmgr/notification.h"

#include <stdio.h>
#include <string.h>

#include "dissect/configmgr/body_internal.h"

/* ---- Numbers, in either order of bytes ---- */

static bool take_u32(struct cursor *bytes, bool big_endian, uint32_t *value)
{
    return big_endian ? cursor_be32(bytes, value) : cursor_le32(bytes, value);
}

static bool take_u16(struct cursor *bytes, bool big_endian, uint16_t *value)
{
    return big_endian ? cursor_be16(bytes, value) : cursor_le16(bytes, value);
}

/* ---- The two binary structures ---- */

#define CHANNELS 8 /* message types: 0 to 7 */

static bool read_prefix(struct cursor *bytes, struct ccm_notification *into)
{
    struct cursor session;
    uint32_t length;
    if (!take_u32(bytes, into->big_endian, &into->keep_alive) || !take_u32(bytes, into->big_endian, &length) ||
        length > CCM_NOTIFICATION_SESSION_MAX || !cursor_take(bytes, length, &session))
        return false;
    into->has_prefix = true;
    into->session = text_from(session);
    return true;
}

/* The head fits when header and payload are all that follows it. */
static bool read_head(struct cursor *bytes, struct ccm_notification *into)
{
    if (!take_u32(bytes, into->big_endian, &into->payload_size) || !take_u16(bytes, into->big_endian, &into->major) ||
        !take_u16(bytes, into->big_endian, &into->minor) || !take_u32(bytes, into->big_endian, &into->header_size) ||
        !take_u16(bytes, into->big_endian, &into->channel) || into->channel >= CHANNELS)
        return false;
    into->has_head = (uint64_t)into->payload_size + into->header_size == bytes->left;
    return into->has_head;
}

/* Prefix and head, or one of them; *rest is what follows. False when nothing fits. */
static bool read_binary(struct cursor bytes, struct ccm_notification *into, struct cursor *rest)
{
    for (int form = 0; form < 4; form++) { /* little endian first, the head alone first */
        struct ccm_notification tried = {.big_endian = form >= 2};
        struct cursor at = bytes;
        if (form % 2 == 1 && !read_prefix(&at, &tried))
            continue;
        *rest = at;
        bool fits = read_head(rest, &tried);
        if (!fits && tried.has_prefix && (at.left == 0 || ccm_payload_classify(at) == CCM_PAYLOAD_TEXT)) {
            *rest = at;
            fits = true;
        }
        if (fits) {
            *into = tried;
            return true;
        }
    }
    return false;
}

/* ---- Documents ---- */

static struct text decode_text(struct ccm_decoder *decoder, struct cursor bytes)
{
    const char *encoding;
    bool odd;
    struct text text = ccm_text_decode(bytes, &decoder->arena, &encoding, &odd);
    const char *nul = text.length == 0 ? NULL : memchr(text.at, 0, text.length);
    text.length = nul == NULL ? text.length : (size_t)(nul - text.at);
    return text_trim(text);
}

static void read_document(struct ccm_decoder *decoder, struct cursor bytes, const char *what, struct text *text,
                          struct xml_document *document, struct ccm_message *message)
{
    struct error error = {0};
    *text = bytes.left == 0 ? TEXT_NULL : decode_text(decoder, bytes);
    if (text->length == 0 || ccm_xml_parse(decoder, *text, document, &error) == OUTCOME_OK)
        return;
    char reason[ERROR_TEXT_MAX + 64];
    snprintf(reason, sizeof reason, "the %s of the notification: %s", what, error.text);
    if (error.outcome == OUTCOME_LIMIT)
        ccm_message_miss(decoder, message, CCM_MISSING_LIMIT, reason);
    else
        ccm_message_malformed(decoder, message, reason);
}

static bool is_code(struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    }
    return text.length == 3;
}

/* ---- The whole ---- */

/* Takes the form that fits; *payload is the document's bytes. */
static bool read_form(struct ccm_decoder *decoder, struct cursor body, struct ccm_message *message,
                      struct cursor *payload)
{
    struct ccm_notification *notification = message->notification;
    struct cursor header = CURSOR_EMPTY, decoded;
    struct text text;
    if (ccm_payload_classify(body) == CCM_PAYLOAD_TEXT) {
        *payload = body;
        return true;
    }
    bool fits = read_binary(body, notification, payload);
    if (!fits && ccm_base64_decode(text_from(body), &decoder->arena, &decoded))
        fits = read_binary(decoded, notification, payload);
    if (fits && notification->has_head && !cursor_take(payload, notification->header_size, &header))
        return false;
    read_document(decoder, header, "header", &text, &notification->header, message);
    return fits;
}

static void take_source(struct ccm_message *message)
{
    const struct xml_element *header = message->notification->header.root;
    struct text id = xml_text(xml_child(header, "SourceID"));
    if (id.length == 0)
        id = xml_attribute(message->document.root, "ClientID");
    if (id.length == 0)
        id = xml_text(xml_child(message->document.root, "ClientID"));
    message->header.source_id = id.length == 0 ? TEXT_NULL : id;
}

void ccm_notification_decode(struct ccm_decoder *decoder, const struct ccm_source *source, unsigned needs,
                             struct ccm_message *message)
{
    arena_reset(&decoder->arena);
    *message = (struct ccm_message){.source = *source, .step = "notification"};
    message->notification = arena_alloc(&decoder->arena, sizeof *message->notification);
    struct cursor payload = CURSOR_EMPTY;
    struct text text = text_trim(text_from(source->body));
    if (message->notification == NULL)
        return;
    *message->notification = (struct ccm_notification){0};
    if (source->missing != CCM_MISSING_NOTHING) {
        ccm_message_miss(decoder, message, source->missing,
                         source->missing == CCM_MISSING_CODING ? "the notification has a coding that is not read"
                                                               : "bytes of the notification are missing");
        return;
    }
    if (is_code(text)) {
        message->notification->code = text;
        return;
    }
    if (!read_form(decoder, source->body, message, &payload)) {
        ccm_message_malformed(decoder, message, "the notification has none of the forms that are known");
        return;
    }
    message->has_payload = message->has_plain = true;
    message->payload = message->payload_part = message->plain = message->body_bytes = payload;
    read_document(decoder, payload, "body", &text, &message->document, message);
    message->body = needs & NEED_BODY ? text : TEXT_NULL;
    message->root = message->document.root == NULL ? TEXT_NULL : message->document.root->name;
    take_source(message);
}

/* ---- Fields ---- */

struct listing {
    struct ccm_decoder *decoder;
    struct ccm_fields *fields;
    size_t parent; /* number of the group that is open */
};

static void add_group(struct listing *listing, const char *name, const char *about)
{
    const struct ccm_field field = {
        .part = "header",
        .kind = CCM_FIELD_GROUP,
        .path = text_of(name),
        .name = text_of(name),
        .about = about,
        .certainty = certainty_name(CERTAINTY_UNCERTAIN),
    };
    ccm_field_add(listing->decoder, listing->fields, &field);
    listing->parent = listing->fields->count;
}

static void add_value(struct listing *listing, const char *name, struct text value, struct text meaning,
                      const char *about)
{
    const struct ccm_field field = {
        .part = "header",
        .parent = listing->parent,
        .depth = 1,
        .kind = CCM_FIELD_TEXT,
        .path = text_of(name),
        .name = text_of(name),
        .value = value,
        .bytes = value.length,
        .about = about,
        .meaning = meaning,
        .certainty = certainty_name(CERTAINTY_UNCERTAIN),
    };
    if (value.at != NULL)
        ccm_field_add(listing->decoder, listing->fields, &field);
}

static struct text number_text(struct listing *listing, uint32_t number)
{
    return text_format(&listing->decoder->arena, "%u", (unsigned)number);
}

static void head_fields(struct listing *listing, const struct ccm_notification *notification)
{
    enum certainty certainty = CERTAINTY_UNCERTAIN;
    struct text channel = number_text(listing, notification->channel);
    add_group(listing, "BgbMessageHeader", "binary head of the notification");
    add_value(listing, "PayloadSize", number_text(listing, notification->payload_size), TEXT("bytes"),
              "length of the payload XML");
    add_value(listing, "MajorVersion", number_text(listing, notification->major), TEXT_NULL, "version of the form");
    add_value(listing, "MinorVersion", number_text(listing, notification->minor), TEXT_NULL, "version of the form");
    add_value(listing, "HeaderSize", number_text(listing, notification->header_size), TEXT("bytes"),
              "length of the header XML");
    add_value(listing, "Channel", channel, text_of(name_of(NAMES_NOTIFICATION, channel, &certainty)), "message type");
    add_value(listing, "ByteOrder", notification->big_endian ? TEXT("big endian") : TEXT("little endian"), TEXT_NULL,
              "order of bytes in which the sizes fit");
}

void ccm_notification_fields(struct ccm_decoder *decoder, struct ccm_notification *notification,
                             struct ccm_fields *fields)
{
    struct listing listing = {.decoder = decoder, .fields = fields};
    enum certainty certainty = CERTAINTY_UNCERTAIN;
    if (notification->has_prefix) {
        add_group(&listing, "Prefix", "what stands before the message in a request");
        add_value(&listing, "KeepAliveInterval", number_text(&listing, notification->keep_alive), TEXT_NULL,
                  "how often the client wants to be heard of; the unit is not known");
        add_value(&listing, "SessionID", text_clean(&decoder->arena, text_cursor(notification->session)), TEXT_NULL,
                  "session that the message belongs to");
    }
    if (notification->has_head)
        head_fields(&listing, notification);
    if (notification->code.at != NULL) {
        add_group(&listing, "Answer", "a number instead of a message");
        add_value(&listing, "ResponseCode", notification->code,
                  text_of(name_of(NAMES_NOTIFICATION_CODE, notification->code, &certainty)), "what the server says");
    }
    ccm_body_fields(decoder, &notification->header, "header", fields);
}
