/* dissect/configmgr/message.c: see message.h. */
#include "dissect/configmgr/message.h"

#include <stdlib.h>
#include <string.h>

#include "dissect/configmgr/attachment.h"
#include "dissect/configmgr/quirk.h"
#include "dissect/configmgr/registration.h"
#include "dissect/configmgr/reply.h"

bool ccm_decoder_init(struct ccm_decoder *decoder)
{
    xml_setup();
    *decoder = (struct ccm_decoder){.keys = ccm_keys_new()};
    arena_init(&decoder->arena, CCM_ARENA_MAX);
    ccm_inflater_init(&decoder->inflater);
    ccm_inflater_init(&decoder->inner);
    return decoder->keys != NULL;
}

void ccm_decoder_free(struct ccm_decoder *decoder)
{
    ccm_keys_free(decoder->keys);
    free(decoder->body_index);
    arena_free(&decoder->arena);
    ccm_inflater_free(&decoder->inflater);
    ccm_inflater_free(&decoder->inner);
}

void ccm_decoder_limits(const struct ccm_decoder *decoder, struct limit_counts *into)
{
    limit_counts_add(into, &decoder->limits);
    limit_counts_add(into, ccm_keys_limits(decoder->keys));
    into->hit[LIMIT_message_memory] += decoder->arena.refused;
    into->hit[LIMIT_inflated] += decoder->inflater.refused + decoder->inner.refused;
}

enum outcome ccm_xml_parse(struct ccm_decoder *decoder, struct text text, struct xml_document *document,
                           struct error *error)
{
    uint64_t refused = decoder->arena.refused;
    *document = (struct xml_document){0};
    if (text.length > CCM_TREE_MAX) {
        limit_hit(&decoder->limits, LIMIT_xml_length);
        return error_set(error, OUTCOME_LIMIT, 0, "XML is too long to be read as a tree");
    }
    enum outcome outcome = xml_parse(text, &decoder->arena, document, error);
    if (outcome == OUTCOME_LIMIT && decoder->arena.refused == refused)
        limit_hit(&decoder->limits, LIMIT_xml_nodes);
    return outcome;
}

void ccm_decoder_limit(struct ccm_decoder *decoder, size_t inflated)
{
    size_t most = inflated < CCM_INFLATE_MAX ? inflated : CCM_INFLATE_MAX;
    decoder->inflater.most = decoder->inner.most = most;
    decoder->arena.limit = CCM_ARENA_SHARE * most;
}

void ccm_message_note(struct ccm_message *message, const char *note)
{
    if (message->note_count < CCM_NOTES_MAX)
        message->notes[message->note_count++] = note;
}

void ccm_message_find(struct ccm_message *message, const char *code, const char *level, struct text text)
{
    if (message->finding_count < CCM_FINDINGS_MAX)
        message->findings[message->finding_count++] = (struct ccm_finding){code, level, text};
    else
        message->findings_lost++;
}

const char *ccm_carrier_name(enum ccm_carrier carrier)
{
    static const char *const names[] = {
        [CCM_CARRIER_POST] = "post",
        [CCM_CARRIER_BITS] = "bits",
        [CCM_CARRIER_FSP] = "fsp",
        [CCM_CARRIER_NOTIFICATION] = "notification",
    };
    return names[carrier];
}

void ccm_message_malformed(struct ccm_decoder *decoder, struct ccm_message *message, const char *reason)
{
    if (message->failed != NULL)
        return;
    message->malformed = text_copy(&decoder->arena, text_of(reason));
    message->failed = message->step;
}

const char *ccm_missing_name(enum ccm_missing missing)
{
    static const char *const names[CCM_MISSING_COUNT] = {
        [CCM_MISSING_BYTES] = "bytes",
        [CCM_MISSING_LIMIT] = "limit",
        [CCM_MISSING_CODING] = "coding",
    };
    return names[missing];
}

void ccm_message_miss(struct ccm_decoder *decoder, struct ccm_message *message, enum ccm_missing missing,
                      const char *reason)
{
    if (message->missing == CCM_MISSING_NOTHING)
        message->missing = missing;
    ccm_message_malformed(decoder, message, reason);
}

bool ccm_message_is_whole(const struct ccm_message *message)
{
    return message->missing == CCM_MISSING_NOTHING;
}

/* A step of decoding failed: a limit of this program says nothing about the sender. */
static void tell_error(struct ccm_decoder *decoder, struct ccm_message *message, enum outcome outcome,
                       const struct error *error)
{
    if (outcome == OUTCOME_LIMIT)
        ccm_message_miss(decoder, message, CCM_MISSING_LIMIT, error->text);
    else
        ccm_message_malformed(decoder, message, error->text);
}

/* ---- Parts ---- */

static bool is_header_part(struct cursor part)
{
    struct cursor head = {part.at, part.left < 64 ? part.left : 64};
    size_t at;
    static const char wide[] = {'<', 0, 'M', 0, 's', 0, 'g'};
    return cursor_find(head, cursor_of(wide, sizeof wide), &at) || /* also inside the big-endian form */
           cursor_find(head, cursor_of("<Msg", 4), &at);
}

/* A part that claims to be text is the header even when its beginning is not a <Msg (so that the error is told). */
static bool is_text_part(const struct ccm_part *part)
{
    return part->content_type.at != NULL && text_starts_like(part->content_type, "text/plain");
}

static bool is_no_reply(struct ccm_decoder *decoder, struct cursor part)
{
    const char *encoding;
    bool odd;
    if (part.left > 64)
        return false;
    return text_is_like(text_trim(ccm_text_decode(part, &decoder->arena, &encoding, &odd)), "NoReply");
}

static void find_parts(struct ccm_decoder *decoder, struct ccm_message *message)
{
    const struct ccm_multipart *multipart = &message->multipart;
    size_t header = multipart->count;
    for (size_t i = 0; i < multipart->count && header == multipart->count; i++) {
        if (is_header_part(multipart->parts[i].body))
            header = i;
    }
    if (header == multipart->count && multipart->count > 0 && is_text_part(&multipart->parts[0])) {
        message->no_reply = multipart->count == 1 && is_no_reply(decoder, multipart->parts[0].body);
        header = message->no_reply ? multipart->count : 0;
    }
    if (header < multipart->count) {
        message->has_header = true;
        message->header_part = multipart->parts[header].body;
    }
    /* The payload comes after the header (wire.md 0.3), whatever comes after the payload. */
    size_t payload = header + 1 < multipart->count ? header + 1 : header == multipart->count ? header - 1 : 0;
    if (multipart->count == 0 || message->no_reply || payload == header)
        return;
    message->has_payload = true;
    message->payload_part = multipart->parts[payload].body;
}

/* HTTP has no codings of parts (RFC 9110 section 8.3.3 leaves MIME's Content-Transfer-Encoding out), and none is undone. */
static void check_codings(struct ccm_decoder *decoder, struct ccm_message *message)
{
    static const char *const plain[] = {"7bit", "8bit", "binary"};
    for (size_t i = 0; i < message->multipart.count; i++) {
        struct text coding = message->multipart.parts[i].coding;
        bool read = coding.at == NULL;
        for (size_t j = 0; j < sizeof plain / sizeof plain[0]; j++)
            read = read || text_is_like(coding, plain[j]);
        if (!read)
            ccm_message_miss(decoder, message, CCM_MISSING_CODING,
                             "a part has a Content-Transfer-Encoding, which is not read");
    }
}

/* What the source says is missing comes before all that follows from it. */
static void take_missing(struct ccm_decoder *decoder, struct ccm_message *message)
{
    static const char *const reasons[CCM_MISSING_COUNT] = {
        [CCM_MISSING_BYTES] = "bytes of the message are missing from the capture",
        [CCM_MISSING_LIMIT] = "the message has more bytes than are collected of one",
        [CCM_MISSING_CODING] = "the message has a coding that is not read",
    };
    enum ccm_missing *missing = &message->source.missing;
    if (*missing == CCM_MISSING_CODING && ccm_multipart_sniff(message->source.body).at != NULL) {
        ccm_message_note(message, "the body claims a coding that it does not have");
        *missing = CCM_MISSING_NOTHING; /* a reader that does not look at the claim reads it so */
    }
    if (*missing != CCM_MISSING_NOTHING)
        ccm_message_miss(decoder, message, *missing, reasons[*missing]);
}

static void take_bare(struct ccm_message *message)
{
    message->has_payload = message->source.body.left > 0;
    message->payload_part = message->source.body;
}

static void split(struct ccm_decoder *decoder, struct ccm_message *message)
{
    struct error error = {0};
    take_missing(decoder, message);
    if (message->source.missing == CCM_MISSING_CODING)
        return;
    if (message->source.bare) {
        take_bare(message);
        return;
    }
    struct text boundary = ccm_multipart_boundary(message->source.content_type);
    if (boundary.at == NULL)
        boundary = ccm_multipart_sniff(message->source.body);
    enum outcome outcome = ccm_multipart_split(message->source.body, boundary, &message->multipart, &error);
    if (outcome != OUTCOME_OK) /* also too many parts: a message has two, and those that are read are among the first */
        ccm_message_malformed(decoder, message, error.text);
    if (outcome == OUTCOME_LIMIT)
        limit_hit(&decoder->limits, LIMIT_message_parts);
    if (message->multipart.overlong)
        limit_hit(&decoder->limits, LIMIT_part_headers);
    find_parts(decoder, message);
    check_codings(decoder, message);
    if (message->multipart.overlong)
        ccm_message_miss(decoder, message, CCM_MISSING_LIMIT, "the header lines of a part are too long to be read");
    else if (message->multipart.unread)
        ccm_message_malformed(decoder, message, "a part has no empty line after its header lines");
    if (!message->has_header && !message->no_reply)
        ccm_message_malformed(decoder, message, "there is no message header");
    if (message->has_header && !message->has_payload)
        ccm_message_malformed(decoder, message, "there is no payload part");
    if (!message->multipart.closed && outcome == OUTCOME_OK)
        ccm_message_malformed(decoder, message, "the multipart body has no closing boundary");
}

/* ---- Header ---- */

/* The endpoint that a reply answers for: that of its request, else what its ReplyTo names ("MP:MP_PolicyManager"). */
static struct text replied_endpoint(const struct ccm_message *message)
{
    struct text name = message->source.endpoint;
    if (name.at != NULL)
        return name;
    name = message->header.reply_to;
    return text_starts_like(name, "MP:") ? (struct text){name.at + 3, name.length - 3} : TEXT_NULL;
}

/* Counts the limits that its header hit. `refused`: what the arena had refused before. */
static void count_header(struct ccm_decoder *decoder, const struct ccm_message *message, enum outcome outcome,
                         uint64_t refused)
{
    struct limit_counts *limits = &decoder->limits;
    limits->hit[LIMIT_message_hooks] += message->header.hooks_lost;
    limits->hit[LIMIT_hook_properties] += message->header.properties_lost;
    if (message->header_part.left > CCM_HEADER_MAX)
        limit_hit(limits, LIMIT_message_header);
    else if (outcome == OUTCOME_LIMIT && decoder->arena.refused == refused)
        limit_hit(limits, LIMIT_xml_nodes);
}

static void read_header(struct ccm_decoder *decoder, struct ccm_message *message)
{
    struct error error = {0};
    enum outcome outcome = OUTCOME_OK;
    uint64_t refused = decoder->arena.refused;
    if (message->has_header)
        outcome = ccm_header_parse(message->header_part, &decoder->arena, &message->header, &error);
    if (outcome != OUTCOME_OK)
        tell_error(decoder, message, outcome, &error);
    count_header(decoder, message, outcome, refused);
    const struct ccm_header *header = &message->header;
    message->endpoint_name = message->source.reply ? replied_endpoint(message) : header->target_endpoint;
    message->endpoint = ccm_endpoint_find(message->endpoint_name);
    const struct ccm_hook *client = ccm_header_hook(header, "clientauth");
    message->public_key = ccm_hook_property(client, "PublicKey");
    message->hash_algorithm = ccm_hook_property(client, "HashAlgorithm");
    message->client_capabilities = ccm_hook_property(client, "ClientCapabilities");
    if (message->client_capabilities.at == NULL)
        message->client_capabilities = ccm_hook_property(client, "ClientCapability");
    message->token = ccm_hook_property(client, "Token");
    /* Seen in the hook `authenticate`; the SDK also names it as a property of clientauth (wire.md 3.3). */
    struct text signature = ccm_hook_property(ccm_header_hook(header, "authenticate"), "Signature");
    signature = signature.at != NULL ? signature : ccm_hook_property(client, "Signature");
    message->reply_signature = message->source.reply ? signature : TEXT_NULL;
    message->is_signed = ccm_hook_property(client, "PayloadSignature").at != NULL || signature.at != NULL;
    if (header->document.has_doctype)
        ccm_message_note(message, "the header has a document type declaration, which was ignored");
}

/* What only opened payloads tell. */
static bool wants_open(unsigned needs)
{
    return needs & (NEED_PAYLOAD | NEED_BODY | NEED_SIGNATURE | NEED_REGISTRATION | NEED_POLICY | NEED_FINDING);
}

static void open_envelopes(struct ccm_decoder *decoder, struct ccm_message *message, struct cursor bytes, bool open)
{
    struct ccm_envelopes *envelopes = &message->envelopes;
    ccm_envelopes_read(decoder->keys, bytes, open, &decoder->arena, envelopes);
    message->encrypted = true;
    message->cipher = envelopes->count == 0 ? TEXT_NULL : envelopes->items[0]->cipher;
    message->decrypted = envelopes->opened;
    if (envelopes->damaged)
        ccm_message_malformed(decoder, message, "the envelope of the payload is damaged or cut off");
}

static void classify(struct ccm_decoder *decoder, struct ccm_message *message, unsigned needs)
{
    message->payload = message->payload_part;
    message->payload_kind = ccm_payload_classify(message->payload);
    bool hook_zlib = ccm_header_hook(&message->header, "zlib-compress") != NULL;
    message->encrypted = ccm_header_hook(&message->header, "encrypt") != NULL;
    if (message->payload_kind == CCM_PAYLOAD_CMS)
        open_envelopes(decoder, message, message->payload, wants_open(needs));
    if (message->decrypted) {
        message->payload = message->envelopes.inside;
        message->payload_kind = ccm_payload_classify(message->payload);
    }
    bool hidden = message->encrypted && !message->decrypted;
    message->compressed = message->payload_kind == CCM_PAYLOAD_ZLIB || (hidden && hook_zlib) ||
                          ccm_header_hook(&message->header, "compress") != NULL;
    if (message->payload_kind == CCM_PAYLOAD_ZLIB && !hook_zlib && message->header.document.complete)
        ccm_message_note(message, "the payload is compressed, but no hook says so");
    if (message->payload_kind == CCM_PAYLOAD_TEXT && hook_zlib)
        ccm_message_malformed(decoder, message, "a hook says compressed, but the payload is plain text");
}

/* ---- Signatures ---- */

bool ccm_terminated_utf16(struct arena *arena, struct text text, struct cursor *bytes)
{
    struct text copy = text_copy(arena, text.at == NULL ? TEXT("") : text); /* a NUL stands behind it */
    return copy.at != NULL && text_to_utf16le(arena, (struct text){copy.at, copy.length + 1}, bytes);
}

static void verify_client_id(struct ccm_decoder *decoder, struct ccm_message *message, const struct ccm_signer *signer)
{
    struct text hex = ccm_hook_property(ccm_header_hook(&message->header, "clientauth"), "ClientIDSignature");
    struct cursor bytes;
    if (hex.at == NULL || (!message->header.document.complete && !ccm_message_is_whole(message)))
        return; /* doubt_absence says why */
    if (message->header.source_id.at == NULL ||
        !ccm_terminated_utf16(&decoder->arena, message->header.source_id, &bytes)) {
        message->client_id_signature = (struct ccm_signature){.state = CCM_SIGNATURE_UNSUPPORTED,
                                                              .reason = "the client id that it covers is missing"};
        return;
    }
    struct ccm_signer client = *signer;
    client.repeats = true; /* it is the same in each message of a client */
    ccm_signature_verify(decoder->keys, &client, hex, bytes, &decoder->arena, &message->client_id_signature);
}

static struct text text_line(struct text text, const char *prefix)
{
    size_t at;
    if (!text_find_like(text, prefix, &at))
        return TEXT_NULL;
    struct text rest = {text.at + at + strlen(prefix), text.length - at - strlen(prefix)};
    size_t length = 0;
    while (length < rest.length && rest.at[length] != '\r' && rest.at[length] != '\n')
        length++;
    return text_trim((struct text){rest.at, length});
}

struct text ccm_token_client(struct ccm_decoder *decoder, struct text token)
{
    size_t length = 0;
    while (token.at != NULL && length < token.length && token.at[length] != ';')
        length++;
    struct text id = text_trim((struct text){token.at, length});
    if (text_starts_like(id, "GUID:"))
        id = (struct text){id.at + 5, id.length - 5};
    if (id.length > 1 && id.at[0] == '{')
        id = (struct text){id.at + 1, id.length - 1 - (id.at[id.length - 1] == '}')};
    if (id.length != 36) /* 8-4-4-4-12 hex digits */
        return TEXT_NULL;
    struct text client = text_format(&decoder->arena, "GUID:%.*s", (int)id.length, id.at);
    char *upper = client.at == NULL ? NULL : arena_alloc(&decoder->arena, client.length + 1);
    for (size_t i = 0; upper != NULL && i < client.length; i++)
        upper[i] = client.at[i] >= 'a' && client.at[i] <= 'z' ? (char)(client.at[i] - 32) : client.at[i];
    return upper == NULL ? TEXT_NULL : (struct text){upper, client.length};
}

void ccm_token_verify(struct ccm_decoder *decoder, struct text token, struct text signature,
                      struct ccm_signature *result)
{
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_ABSENT};
    if (token.at == NULL || signature.at == NULL)
        return;
    struct ccm_signer signer = {TEXT_NULL, ccm_token_client(decoder, token), true};
    struct cursor with, without;
    if (!ccm_terminated_utf16(&decoder->arena, token, &with) || !text_to_utf16le(&decoder->arena, token, &without))
        return;
    ccm_signature_verify(decoder->keys, &signer, signature, with, &decoder->arena, result);
    struct ccm_signature other;
    ccm_signature_verify(decoder->keys, &signer, signature, without, &decoder->arena, &other);
    if (other.state == CCM_SIGNATURE_VALID)
        *result = other;
}

/* HashAlgorithm names the algorithm of the certificate rather than of the signature, so a stronger hash than it
 * names is usual; but a signature by a weaker one is not what its receiver was told to expect. */
static void refuse_downgrade(struct text named, struct ccm_signature *signature)
{
    static const char *const algorithms[] = {
        /* in the order of enum ccm_hash: md5WithRSAEncryption ... (RFC 8017 appendix A.2.4) */
        "1.2.840.113549.1.1.4",  "1.2.840.113549.1.1.5",  "1.2.840.113549.1.1.11",
        "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13",
    };
    int strength = 0, demanded = 0;
    for (int i = 0; i < CCM_HASH_COUNT; i++) {
        strength =
            signature->hash != NULL && strcmp(signature->hash, ccm_hash_name((enum ccm_hash)i)) == 0 ? i : strength;
        demanded = text_is(named, algorithms[i]) ? i : demanded;
    }
    if (signature->state != CCM_SIGNATURE_VALID || strength >= demanded)
        return;
    signature->state = CCM_SIGNATURE_INVALID;
    signature->reason = "it uses a weaker hash than HashAlgorithm names";
}

static const char *const PAYLOAD_MISSING = "bytes of the payload are missing";

static void unsupported(struct ccm_signature *signature, const char *reason)
{
    *signature = (struct ccm_signature){.state = CCM_SIGNATURE_UNSUPPORTED, .reason = reason};
}

/* A signature that was not found in a header that is not whole may be in the rest of it. */
static void doubt_absence(const struct ccm_message *message, struct ccm_signature *signature)
{
    if (signature->state != CCM_SIGNATURE_ABSENT)
        return;
    if (message->has_header && !message->header.document.complete)
        unsupported(signature, "the message header is not whole");
    else if (!message->has_header && !ccm_message_is_whole(message))
        unsupported(signature, "the message header is missing");
}

/* A signature without payload part covers nothing that was sent, unless a part could not be read. */
static void judge_without_payload(const struct ccm_message *message, struct ccm_signature *signature)
{
    if (!message->header.document.complete)
        unsupported(signature, "the message header is not whole");
    else if (!ccm_message_is_whole(message) || message->multipart.unread)
        unsupported(signature, PAYLOAD_MISSING);
    else
        *signature = (struct ccm_signature){.state = CCM_SIGNATURE_INVALID,
                                            .reason = "there is no payload part that it could cover"};
}

/* Whether the payload part is there as it was sent. */
static bool payload_is_whole(const struct ccm_message *message)
{
    return message->has_payload && message->source.missing == CCM_MISSING_NOTHING &&
           message->missing != CCM_MISSING_CODING;
}

/* The hook of a reply (wire.md 3.4): signed by the management point. */
static void verify_reply(struct ccm_decoder *decoder, struct ccm_message *message)
{
    struct text hex = message->reply_signature;
    if (hex.at == NULL)
        return;
    if (!message->has_payload)
        judge_without_payload(message, &message->payload_signature);
    else if (!payload_is_whole(message))
        unsupported(&message->payload_signature, PAYLOAD_MISSING);
    else
        ccm_reply_verify(decoder->keys, message->source.server, hex, message->payload_part, &decoder->arena,
                         &message->payload_signature);
}

static void verify_payload(struct ccm_decoder *decoder, struct ccm_message *message, const struct ccm_signer *signer)
{
    struct ccm_signature *result = &message->payload_signature;
    struct text hex = ccm_hook_property(ccm_header_hook(&message->header, "clientauth"), "PayloadSignature");
    bool hidden = message->encrypted && !message->decrypted;
    if (!message->has_payload) {
        judge_without_payload(message, result);
        return;
    }
    if (!payload_is_whole(message)) {
        unsupported(result, PAYLOAD_MISSING);
        return;
    }
    ccm_signature_verify(decoder->keys, signer, hex, message->payload, &decoder->arena, result);
    if (hidden && result->state != CCM_SIGNATURE_VALID)
        unsupported(result, "it is over the payload before encryption, which cannot be read here");
}

/* Why the key in the header cannot be read. Another key may verify all the same. */
static const char *key_problem(struct ccm_decoder *decoder, const struct ccm_message *message)
{
    struct text hex = message->public_key;
    struct cursor blob;
    if (hex.at == NULL || (!message->header.document.complete && !ccm_message_is_whole(message)))
        return NULL;
    if (!text_is_hex(hex))
        return hex.length == 0 ? "it is empty" : "it has other characters than hex digits";
    if (hex.length % 2 != 0)
        return "its number of hex digits is odd";
    return text_hex_decode(hex, &decoder->arena, &blob) ? ccm_keys_blob_problem(blob) : NULL;
}

/* CryptoAPI writes signatures with the last byte first (wire.md 0.3), and refuses those of the other order. */
static void note_order(struct ccm_message *message, const struct ccm_signature *signature, const char *note)
{
    if (signature->state == CCM_SIGNATURE_VALID && !signature->reversed)
        ccm_message_note(message, note);
}

static void verify(struct ccm_decoder *decoder, struct ccm_message *message)
{
    const struct ccm_hook *client = ccm_header_hook(&message->header, "clientauth");
    struct ccm_signer signer = {message->public_key, message->header.source_id, false};
    message->public_key_problem = key_problem(decoder, message);
    if (message->public_key_problem != NULL)
        ccm_message_note(message, "the PublicKey in the header cannot be read");
    if (ccm_hook_property(client, "PayloadSignature").at != NULL)
        verify_payload(decoder, message, &signer);
    verify_reply(decoder, message);
    verify_client_id(decoder, message, &signer);
    refuse_downgrade(message->hash_algorithm, &message->payload_signature);
    refuse_downgrade(message->hash_algorithm, &message->client_id_signature);
    if (message->header.document.complete || ccm_message_is_whole(message))
        ccm_token_verify(decoder, text_line(message->token, "ClientToken:"),
                         text_line(message->token, "ClientTokenSignature:"), &message->token_signature);
    if (!message->source.reply)
        note_order(message, &message->payload_signature, CCM_NOTE_PAYLOAD_ORDER);
    note_order(message, &message->client_id_signature, CCM_NOTE_CLIENT_ID_ORDER);
    note_order(message, &message->token_signature, "the token signature is big-endian, which CryptoAPI refuses");
    doubt_absence(message, &message->payload_signature);
    doubt_absence(message, &message->client_id_signature);
    doubt_absence(message, &message->token_signature);
}

/* ---- Payload and body ---- */

/* Which payloads must be opened, and so paid for. */
static bool wants_payload(const struct ccm_message *message, unsigned needs)
{
    if (needs & (NEED_PAYLOAD | NEED_BODY | NEED_FINDING | NEED_FIELD))
        return true;
    if ((needs & NEED_REGISTRATION) && text_is_like(message->endpoint_name, "MP_ClientRegistration"))
        return true;
    return (needs & NEED_POLICY) && message->source.reply && text_is_like(message->endpoint_name, "MP_PolicyManager");
}

static bool inflate(struct ccm_decoder *decoder, struct ccm_message *message, struct cursor bytes)
{
    struct error error = {0};
    decoder->inflated++;
    enum outcome outcome = ccm_inflate(&decoder->inflater, bytes, &message->plain, &error);
    struct cursor rest = CURSOR_EMPTY;
    if (outcome == OUTCOME_OK) {
        if (cursor_slice(bytes, decoder->inflater.used, bytes.left - decoder->inflater.used, &rest))
            message->behind_stream += ccm_text_bytes(rest);
        return true;
    }
    tell_error(decoder, message, outcome, &error);
    return false;
}

/* Which of compression and encryption comes first is not documented (wire.md 4.1): an envelope may be inside the
 * stream too. */
static void open_inside(struct ccm_decoder *decoder, struct ccm_message *message)
{
    if (message->envelopes.count > 0 || ccm_payload_classify(message->plain) != CCM_PAYLOAD_CMS)
        return;
    open_envelopes(decoder, message, message->plain, true);
    message->has_plain = message->decrypted;
    message->plain = message->envelopes.inside;
    if (message->decrypted && ccm_payload_classify(message->plain) == CCM_PAYLOAD_ZLIB)
        message->has_plain = inflate(decoder, message, message->plain);
}

static void open_payload(struct ccm_decoder *decoder, struct ccm_message *message)
{
    if (message->payload_kind != CCM_PAYLOAD_ZLIB) {
        message->has_plain = message->payload_kind == CCM_PAYLOAD_TEXT || message->payload_kind == CCM_PAYLOAD_EMPTY;
        message->plain = message->has_plain ? message->payload : CURSOR_EMPTY;
        if (message->payload_kind == CCM_PAYLOAD_OPAQUE && message->source.bare)
            ccm_message_note(message, "what was sent is neither XML nor a zlib stream nor an envelope");
        else if (message->payload_kind == CCM_PAYLOAD_OPAQUE && !message->encrypted)
            ccm_message_malformed(decoder, message, "the payload is neither XML nor a zlib stream nor an envelope");
        return;
    }
    message->has_plain = inflate(decoder, message, message->payload);
    if (message->has_plain)
        open_inside(decoder, message);
}

/* Task sequences send a form, with a Length that is a constant (wire.md 2.3): whether the text goes on behind it. */
static bool length_is_constant(const struct ccm_message *message)
{
    static const char ends[][2] = {{0, 0}, {'\r', 0}, {'\n', 0}};
    const struct ccm_range *body = &message->header.body;
    struct cursor rest;
    bool form = false, ended = false;
    for (size_t i = 0; i < message->multipart.count; i++)
        form = form || message->multipart.parts[i].disposition.at != NULL;
    if (!form || body->offset != 0)
        return false;
    if (!cursor_slice(message->plain, body->length, 2, &rest))
        return body->length > message->plain.left;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        ended = ended || cursor_starts(rest, ends[i], sizeof ends[i]);
    return !ended;
}

/* The body: the slice that the header names, within the payload. Numbers that lie (wire.md 3.5) are clamped and
 * told. */
static void slice_body(struct ccm_decoder *decoder, struct ccm_message *message)
{
    const struct ccm_header *header = &message->header;
    struct cursor plain = message->plain;
    message->body_bytes = plain;
    if (!header->has_body)
        return;
    if (!header->body.numeric) {
        ccm_message_malformed(decoder, message, "Body Offset or Length is not a whole number");
        return;
    }
    /* Signed replies count the bytes as sent, compressed (SDK senders; see the lab captures). */
    if (message->source.reply && message->payload_kind == CCM_PAYLOAD_ZLIB && header->body.offset == 0 &&
        header->body.length == message->payload_part.left && header->body.length != plain.left) {
        ccm_message_note(message, "Body Length counts the compressed payload");
        return;
    }
    if (length_is_constant(message)) {
        ccm_message_note(message, "Body Length does not fit (task sequence form)");
        return;
    }
    if (cursor_slice(plain, header->body.offset, header->body.length, &message->body_bytes))
        return;
    ccm_message_malformed(decoder, message, "Body Offset and Length reach beyond the payload");
    if (header->body.offset > plain.left ||
        !cursor_slice(plain, header->body.offset, plain.left - header->body.offset, &message->body_bytes))
        message->body_bytes = CURSOR_EMPTY;
}

/* What a body is read for: its whole text, or only the name of its root, which stands near its start. */
#define ROOT_WITHIN 4096 /* bytes: an XML declaration and comments may come before it */

static bool wants_whole_body(unsigned needs)
{
    return needs & (NEED_BODY | NEED_FINDING | NEED_REGISTRATION | NEED_POLICY | NEED_FIELD);
}

/* The bytes after the first zero character. */
static struct cursor after_terminator(struct cursor bytes, bool wide)
{
    uint8_t first, second = 0;
    while (cursor_u8(&bytes, &first) && (!wide || cursor_u8(&bytes, &second))) {
        if (first == 0 && second == 0)
            return bytes;
    }
    return CURSOR_EMPTY;
}

/* UTF-8 text of the body up to its terminator; what follows (CR LF of SDK senders, zero padding) is not part of it. */
static void decode_body(struct ccm_decoder *decoder, struct ccm_message *message, unsigned needs)
{
    const char *encoding;
    bool odd;
    struct cursor bytes = message->body_bytes;
    if (!wants_whole_body(needs) && bytes.left > ROOT_WITHIN)
        bytes.left = ROOT_WITHIN;
    struct text text = ccm_text_decode(bytes, &decoder->arena, &encoding, &odd);
    if (text.at == NULL) {
        ccm_message_miss(decoder, message, CCM_MISSING_LIMIT, "the body needs too much memory");
        return;
    }
    const char *nul = text.length == 0 ? NULL : memchr(text.at, 0, text.length);
    if (nul != NULL) {
        size_t length = (size_t)(nul - text.at);
        if (message->header.attachment_count == 0) /* without a Body element, attachments are in there too */
            message->behind_terminator = ccm_text_bytes(after_terminator(bytes, strncmp(encoding, "utf-16", 6) == 0));
        text.length = length;
    } else if (odd)
        ccm_message_malformed(decoder, message, "the UTF-16 body has an odd number of bytes");
    message->body = text;
}

/* The name of the first element without parsing the rest, as the parser would tell it: not one inside a comment, an
 * instruction or a declaration, and without its prefix. */
static struct text sniff_root(struct text body)
{
    for (size_t i = 0, skip; i + 1 < body.length; i += skip) {
        struct text rest = {body.at + i, body.length - i};
        skip = 1;
        if (rest.at[0] != '<')
            continue;
        const char *end = text_starts_like(rest, "<!--") ? "-->" : rest.at[1] == '?' ? "?>" : ">";
        if (rest.at[1] != '?' && rest.at[1] != '!') {
            size_t start = 1, stop = 1;
            for (; stop < rest.length && strchr(" \t\r\n/>", rest.at[stop]) == NULL; stop++)
                start = rest.at[stop] == ':' ? stop + 1 : start;
            return stop == rest.length ? TEXT_NULL : (struct text){rest.at + start, stop - start};
        }
        if (!text_find_like(rest, end, &skip))
            return TEXT_NULL;
    }
    return TEXT_NULL;
}

static void parse_body(struct ccm_decoder *decoder, struct ccm_message *message, unsigned needs)
{
    if (message->body.at == NULL || message->body.length == 0)
        return;
    bool tree = needs & (NEED_FINDING | NEED_REGISTRATION | NEED_POLICY | NEED_FIELD);
    if (!tree || message->body.length > CCM_TREE_MAX) {
        message->root = sniff_root(message->body);
        if (tree) {
            limit_hit(&decoder->limits, LIMIT_xml_length);
            ccm_message_note(message, "the body is too long to be read as a tree");
        }
        return;
    }
    struct error error = {0};
    enum outcome outcome = ccm_xml_parse(decoder, text_trim(message->body), &message->document, &error);
    if (outcome != OUTCOME_OK)
        tell_error(decoder, message, outcome, &error);
    if (message->document.root != NULL)
        message->root = message->document.root->name;
    if (message->document.has_doctype)
        ccm_message_note(message, "the body has a document type declaration, which was ignored");
}

void ccm_message_decode(struct ccm_decoder *decoder, const struct ccm_source *source, unsigned needs,
                        struct ccm_message *message)
{
    arena_reset(&decoder->arena);
    *message = (struct ccm_message){.source = *source, .step = "multipart body"};
    if (needs & NEED_FINDING)
        needs |= NEED_EVERYTHING & ~(unsigned)NEED_BODY;
    split(decoder, message);
    message->step = "header";
    read_header(decoder, message);
    message->step = "payload";
    if (message->has_payload)
        classify(decoder, message, needs);
    if (needs & NEED_SIGNATURE)
        verify(decoder, message);
    if (message->has_payload && wants_payload(message, needs)) {
        open_payload(decoder, message);
        if (message->has_plain) {
            message->step = "body";
            slice_body(decoder, message);
            decode_body(decoder, message, needs);
            parse_body(decoder, message, needs);
            ccm_registration_read(decoder, message, needs);
            ccm_attachments_resolve(decoder, message);
            message->unranged = ccm_attachments_unranged(message);
            if (needs & (NEED_FIELD | NEED_BODY))
                ccm_attachments_read(decoder, message);
        }
    }
    ccm_message_quirks(message);
    if (needs & NEED_FINDING)
        ccm_message_check(decoder, message);
    decoder->limits.hit[LIMIT_message_findings] += message->findings_lost;
}

bool ccm_message_recognise(struct cursor body, struct text content_type)
{
    size_t at;
    if (text_find_like(content_type, CCM_BOUNDARY, &at))
        return true;
    struct cursor head = {body.at, body.left < 512 ? body.left : 512};
    static const char wide[] = {'<', 0, 'M', 0, 's', 0, 'g', 0};
    return cursor_starts(body, "--" CCM_BOUNDARY, 2 + sizeof CCM_BOUNDARY - 1) ||
           (cursor_starts(body, "--", 2) && cursor_find(head, cursor_of(wide, sizeof wide), &at));
}
