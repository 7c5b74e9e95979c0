/* dissect/message_row.c: see message_row.h. */
#include "dissect/message_row.h"

#include <string.h>

#include "dissect/configmgr/security.h"
#include "dissect/settle.h"
#include "dissect/trust.h"

static int64_t bool_value(bool value)
{
    return value;
}

/* ---- Columns ---- */

static struct text join_hooks(struct ccm_message *message, struct arena *arena)
{
    const struct ccm_header *header = &message->header;
    size_t room = 1, length = 0;
    for (size_t i = 0; i < header->hook_count; i++)
        room += header->hooks[i].name.length + 1;
    char *list = header->document.root == NULL ? NULL : arena_take(arena, room);
    for (size_t i = 0; list != NULL && i < header->hook_count; i++) {
        if (i > 0)
            list[length++] = ',';
        memcpy(list + length, header->hooks[i].name.at, header->hooks[i].name.length);
        length += header->hooks[i].name.length;
    }
    return (struct text){list, length};
}

static struct text join_notes(const struct ccm_message *message, struct arena *arena)
{
    struct text list = TEXT_NULL;
    for (size_t i = 0; i < message->note_count; i++)
        list = text_format(arena, "%.*s%s%s", (int)list.length, list.at == NULL ? "" : list.at,
                           list.at == NULL ? "" : "; ", message->notes[i]);
    return list;
}

static void fill_header(const struct ccm_message *message, struct message_row *row)
{
    const struct ccm_header *header = &message->header;
    row->endpoint = message->endpoint_name;
    row->message_id = header->id;
    row->correlation_id = header->correlation_id;
    row->source_id = header->source_id;
    row->source_host = header->source_host;
    row->target_host = header->target_host;
    row->target_address = header->target_address;
    row->target_endpoint = header->target_endpoint;
    row->reply_to = header->reply_to;
    row->reply_mode = header->reply_mode;
    row->sent_time = header->sent_time;
    row->file_type = header->file_type;
    if (message->has_header) {
        row->header_encoding = text_of(header->encoding);
        row->header_bytes = (int64_t)message->header_part.left;
        row->attachments = (int64_t)header->attachment_count;
    }
    if (header->has_body && header->body.numeric && header->body.offset <= INT64_MAX &&
        header->body.length <= INT64_MAX) {
        row->body_offset = (int64_t)header->body.offset;
        row->body_length = (int64_t)header->body.length;
    }
}

static void fill_signature(const struct ccm_message *message, struct message_row *row)
{
    const struct ccm_signature *signature = &message->payload_signature;
    row->signature = text_of(ccm_signature_state_name(signature->state));
    row->client_id_signature = text_of(ccm_signature_state_name(message->client_id_signature.state));
    row->token_signature = text_of(ccm_signature_state_name(message->token_signature.state));
    row->hash = text_of(signature->hash);
    row->signature_reason = text_of(signature->reason);
    if (signature->key == NULL)
        signature = &message->client_id_signature;
    if (signature->key == NULL)
        signature = &message->token_signature;
    row->key_source = text_of(signature->key_source);
    if (signature->key != NULL) {
        row->key_bits = signature->key->bits;
        row->key_fingerprint = text_of(signature->key->fingerprint);
    }
}

static int64_t serial_of(const struct xml_element *state)
{
    int64_t serial;
    return text_to_i64(xml_attribute(state, "SerialNumber"), &serial) ? serial : INT_NULL;
}

/* What checks over several reports of a client compare. */
static void fill_report(const struct ccm_message *message, struct message_row *row)
{
    const struct xml_element *root = message->document.root, *state = NULL;
    if (root == NULL || !text_is(root->name, "Report"))
        return;
    row->report_type = xml_text(xml_path(root, "ReportHeader/ReportDetails/ReportType"));
    if (xml_count(root, "StateMessage", &state) == 0)
        return;
    row->serial = serial_of(state);
    for (; state != NULL; state = xml_next(state))
        row->serial_last = serial_of(state);
}

static void fill_payload(const struct ccm_message *message, unsigned needs, struct message_row *row)
{
    row->payload_bytes = (int64_t)message->payload_part.left;
    row->compressed = bool_value(message->compressed);
    row->encrypted = bool_value(message->encrypted);
    row->encryption = message->cipher;
    if (message->envelopes.count > 0) {
        const struct ccm_envelope *outer = message->envelopes.items[0];
        row->recipients = (int64_t)outer->recipient_count;
        row->decrypted = bool_value(message->decrypted);
        row->decrypted_with = outer->opened_by == NULL ? TEXT_NULL : text_of(outer->opened_by->fingerprint);
    }
    row->root = message->root;
    if (message->has_plain) {
        row->inflated_bytes = (int64_t)message->plain.left;
        row->body_bytes = (int64_t)message->body_bytes.left;
    }
    if (needs & NEED_BODY)
        row->body = message->body;
    fill_report(message, row);
}

/* What the request shows of the security flags, against the published tables (schema.md 2.2). */
static void fill_flags(const struct ccm_message *message, struct arena *arena, struct message_row *row)
{
    struct ccm_security security;
    if (message->source.reply || !message->header.document.complete)
        return;
    ccm_security_judge(message, &security);
    row->flags_shown = ccm_security_text(security.shown, arena);
    if (!security.known)
        return;
    row->flags_required = ccm_security_text(security.required, arena);
    row->flags_missing = ccm_security_text(security.missing, arena);
    row->flags_excess = ccm_security_text(security.excess, arena);
    row->flags_confidence = text_of(security.confidence);
}

static void fill(struct dissect *dissect, struct ccm_message *message, struct message_row *row)
{
    struct arena *arena = &dissect->decoder.arena;
    bool has_place = message->is_signed || message->header.document.complete || message->no_reply;
    row->carrier = text_of(ccm_carrier_name(message->source.carrier));
    row->transport = message->source.secure ? TEXT("https") : TEXT("http");
    row->direction = message->source.reply ? TEXT("reply") : TEXT("request");
    fill_header(message, row);
    row->hooks = join_hooks(message, arena);
    if (has_place)
        row->signed_ = bool_value(message->is_signed);
    row->hash_algorithm = message->hash_algorithm;
    row->client_capabilities = message->client_capabilities;
    if ((dissect->needs & (NEED_SIGNATURE | NEED_FINDING)) && !message->source.bare)
        fill_signature(message, row); /* without a header there is no place for a signature */
    if (message->has_payload)
        fill_payload(message, dissect->needs, row);
    if (dissect->needs & (NEED_PAYLOAD | NEED_FINDING))
        fill_flags(message, arena, row);
    row->notes = join_notes(message, arena);
    row->malformed = message->malformed;
    row->missing = text_of(ccm_missing_name(message->missing));
}

/* ---- Rows ---- */

static void write_findings(struct dissect *dissect, const struct fields_owner *owner, const struct ccm_message *message)
{
    for (size_t i = 0; i < message->finding_count; i++) {
        const struct ccm_finding *from = &message->findings[i];
        struct finding_row finding = finding_row_null();
        finding.packet = owner->moment.packet;
        finding.time = moment_seconds(owner->moment);
        finding.flow = owner->flow;
        finding.message = owner->message;
        finding.code = text_of(from->code);
        finding.level = text_of(from->level);
        finding.text = from->text;
        sink_append(&dissect->sink, TABLE_finding, &finding);
    }
}

void message_row_write(struct dissect *dissect, struct ccm_message *message, struct message_row *row,
                       struct fields_owner *owner)
{
    row->packet = owner->moment.packet;
    row->time = moment_seconds(owner->moment);
    row->flow = owner->flow;
    row->http = owner->http;
    fill(dissect, message, row);
    owner->message = sink_append(&dissect->sink, TABLE_message, row);
    dissect->counts.messages++;
    dissect->counts.malformed += message->malformed.at != NULL;
    dissect->counts.encrypted += message->encrypted && !message->decrypted;
    dissect->counts.decrypted += message->decrypted;
    write_findings(dissect, owner, message);
    trust_write_recipients(dissect, owner, &message->envelopes);
}

/* ---- Trouble ---- */

static uint64_t part_offset(const struct ccm_message *message, struct cursor part)
{
    return part.at == NULL || part.at < message->source.body.at ? UINT64_MAX
                                                                : (uint64_t)(part.at - message->source.body.at);
}

bool message_row_trouble(const struct ccm_message *message, struct message_trouble *trouble)
{
    static const enum outcome reasons[CCM_MISSING_COUNT] = {
        [CCM_MISSING_NOTHING] = OUTCOME_MALFORMED,
        [CCM_MISSING_BYTES] = OUTCOME_MORE,
        [CCM_MISSING_LIMIT] = OUTCOME_LIMIT,
        [CCM_MISSING_CODING] = OUTCOME_UNSUPPORTED,
    };
    if (message->failed == NULL || message->source.missing != CCM_MISSING_NOTHING)
        return false;
    *trouble = (struct message_trouble){reasons[message->missing], message->failed, 0};
    if (strcmp(message->failed, "header") == 0)
        trouble->offset = part_offset(message, message->header_part);
    else if (strcmp(message->failed, "payload") == 0 || strcmp(message->failed, "body") == 0)
        trouble->offset = part_offset(message, message->payload_part);
    return true;
}

/* ---- What waits for the end ---- */

/* What makes a signed request the same message as another: its signature, and the header that no signature covers. */
static void remember_signed(struct dissect *dissect, const struct ccm_message *message, int64_t row)
{
    const struct ccm_header *header = &message->header;
    struct text hex = ccm_hook_property(ccm_header_hook(header, "clientauth"), "PayloadSignature");
    if (hex.at == NULL || message->source.reply || !header->document.complete || !(dissect->needs & NEED_FINDING))
        return;
    struct text identity =
        text_format(&dissect->decoder.arena, "%.*s %.*s %.*s %.*s", (int)hex.length, hex.at, (int)header->id.length,
                    header->id.length == 0 ? "" : header->id.at, (int)header->sent_time.length,
                    header->sent_time.length == 0 ? "" : header->sent_time.at, (int)header->source_id.length,
                    header->source_id.length == 0 ? "" : header->source_id.at);
    if (identity.at != NULL)
        settle_signed(dissect, row, text_cursor(identity));
}

/* A reply is looked at again when the certificates of all management points are known. */
static void remember_reply(struct dissect *dissect, const struct ccm_message *message, int64_t row)
{
    struct text hex = message->reply_signature;
    enum ccm_signature_state state = message->payload_signature.state;
    if (hex.at != NULL && message->has_payload && ccm_message_is_whole(message) &&
        (state == CCM_SIGNATURE_NOKEY || state == CCM_SIGNATURE_UNSUPPORTED))
        settle_signature(dissect, SETTLE_REPLY, row, message->source.server, hex, message->payload_part);
}

void message_row_remember(struct dissect *dissect, const struct ccm_message *message, int64_t row)
{
    const struct ccm_hook *client = ccm_header_hook(&message->header, "clientauth");
    if (!(dissect->needs & (NEED_SIGNATURE | NEED_FINDING)))
        return;
    if (message->source.reply)
        remember_reply(dissect, message, row);
    remember_signed(dissect, message, row);
    bool has_key = message->public_key.at != NULL && message->public_key_problem == NULL;
    if (has_key || message->payload_signature.state == CCM_SIGNATURE_UNSUPPORTED)
        return;
    struct text hex = ccm_hook_property(client, "PayloadSignature");
    if (hex.at != NULL && message->has_payload)
        settle_signature(dissect, SETTLE_PAYLOAD, row, message->header.source_id, hex, message->payload);
    hex = ccm_hook_property(client, "ClientIDSignature");
    if (hex.at != NULL)
        settle_signature(dissect, SETTLE_CLIENT_ID, row, message->header.source_id, hex,
                         text_cursor(message->header.source_id));
}
