/* dissect/policy.c: see policy.h. */
#include "dissect/policy.h"

#include <string.h>

#include "dissect/configmgr/body.h"
#include "dissect/configmgr/policy.h"
#include "dissect/mp.h"
#include "dissect/settle.h"
#include "dissect/trouble.h"
#include "dissect/trust.h"

static struct policy_row policy_base(const struct http_exchange *exchange, bool fetched)
{
    struct policy_row row = policy_row_null();
    row.packet = exchange->moment[HTTP_REPLY].packet;
    row.time = moment_seconds(exchange->moment[HTTP_REPLY]);
    row.flow = exchange->conversation->row;
    row.http = exchange->row;
    row.client = text_of(exchange->client);
    row.fetched = fetched;
    return row;
}

void policy_write_assignments(struct http_exchange *exchange, const struct ccm_message *message, int64_t message_id)
{
    const struct xml_element *root = message->document.root;
    if (root == NULL || !text_is(root->name, "ReplyAssignments") ||
        !(exchange->dissect->needs & (NEED_POLICY | NEED_FINDING)))
        return;
    struct text client = xml_text(xml_path(root, "Identification/Machine/ClientID"));
    for (const struct xml_element *assignment = xml_child(root, "PolicyAssignment"); assignment != NULL;
         assignment = xml_next(assignment)) {
        for (const struct xml_element *policy = xml_child(assignment, "Policy"); policy != NULL;
             policy = xml_next(policy)) {
            struct policy_row row = policy_base(exchange, false);
            row.message = message_id;
            row.client_id = client.at != NULL && client.length > 0 ? client : mp_client_id(exchange);
            row.policy_id = xml_attribute(policy, "PolicyID");
            row.version = xml_attribute(policy, "PolicyVersion");
            row.category = xml_attribute(policy, "PolicyCategory");
            int64_t flags;
            row.flags = text_to_i64(xml_attribute(policy, "PolicyFlags"), &flags) ? flags : INT_NULL;
            struct arena *arena = &exchange->dissect->decoder.arena;
            row.flag_names = ccm_value_name("PolicyFlags", xml_attribute(policy, "PolicyFlags"), arena);
            row.assignment_id = xml_attribute(assignment, "PolicyAssignmentID");
            row.type = xml_attribute(policy, "PolicyType");
            int64_t priority;
            row.priority = text_to_i64(xml_attribute(policy, "PolicyPriority"), &priority) ? priority : INT_NULL;
            row.reply_type = xml_attribute(root, "ReplyType");
            const struct xml_element *location = xml_child(policy, "PolicyLocation");
            row.location = xml_text(location);
            row.hash = xml_attribute(location, "PolicyHash");
            row.hash_ex = xml_attribute(location, "PolicyHashEx");
            sink_append(&exchange->dissect->sink, TABLE_policy, &row);
        }
    }
}

/* The value behind "name=" in a query; TEXT_NULL when it is not there. */
static struct text parameter(struct text query, const char *name)
{
    size_t at, length = 0;
    if (!text_find_like(query, name, &at))
        return TEXT_NULL;
    struct text rest = {query.at + at + strlen(name), query.length - at - strlen(name)};
    while (length < rest.length && rest.at[length] != '&')
        length++;
    return (struct text){rest.at, length};
}

/* "/SMS_MP/.sms_pol?%7Bid%7D.3_00" -> policy id "{id}" and version "3.00" (wire.md 1.7). */
static void policy_name(struct text uri, struct arena *arena, struct policy_row *row)
{
    size_t at;
    if (!text_find_like(uri, "?", &at))
        return;
    struct text query = {uri.at + at + 1, uri.length - at - 1};
    struct cursor bytes;
    if (!text_percent_decode(query, arena, &bytes))
        return;
    struct text plain = text_from(bytes), document = parameter(plain, "documentid=");
    if (document.at != NULL) { /* .sms_dcm?Id&DocumentId=<urn>&Version=<n>&Compression=zlib */
        row->policy_id = text_clean(arena, text_cursor(document));
        row->version = parameter(plain, "version=");
        return;
    }
    size_t dot = plain.length;
    while (dot > 0 && plain.at[dot - 1] != '.')
        dot--;
    if (dot == 0)
        return;
    char *version = arena_take(arena, plain.length - dot + 1);
    for (size_t i = dot; version != NULL && i < plain.length; i++)
        version[i - dot] = plain.at[i] == '_' ? '.' : plain.at[i];
    row->policy_id = text_clean(arena, cursor_of(plain.at, dot - 1));
    if (version != NULL)
        row->version = text_clean(arena, cursor_of(version, plain.length - dot));
}

/* ---- Bodies ---- */

#define POLICY_TEXT_MAX ((size_t)16 << 20) /* of a policy that is written out without its secrets */

static void report(const struct http_exchange *exchange, enum outcome reason, const char *what)
{
    trouble_report(exchange->conversation, "policy", reason, what, 0, exchange->moment[HTTP_REPLY]);
}

static void hash_body(struct ccm_decoder *decoder, struct cursor body, struct policy_row *row)
{
    const struct {
        enum ccm_hash hash;
        struct text *column;
    } hashes[] = {{CCM_MD5, &row->body_md5}, {CCM_SHA1, &row->body_sha1}, {CCM_SHA256, &row->body_sha256}};
    uint8_t digest[CCM_HASH_BYTES_MAX];
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        size_t length = ccm_hash(decoder->keys, hashes[i].hash, body, digest);
        *hashes[i].column = length == 0 ? TEXT_NULL : text_hex(&decoder->arena, cursor_of(digest, length));
    }
}

static void write_secrets(struct http_exchange *exchange, const struct ccm_policy *policy, const struct policy_row *of)
{
    size_t count = policy->secret_count < CCM_SECRETS_MAX ? policy->secret_count : CCM_SECRETS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct ccm_secret *secret = &policy->secrets[i];
        struct secret_row row = secret_row_null();
        row.packet = of->packet;
        row.time = of->time;
        row.flow = of->flow;
        row.http = of->http;
        row.client = of->client;
        row.client_id = of->client_id;
        row.policy_id = of->policy_id;
        row.class = secret->class_name;
        row.name = secret->name;
        row.property = secret->property;
        row.obfuscation = text_of(secret->obfuscation);
        row.bytes = (int64_t)secret->bytes;
        row.decrypted = of->decrypted == 1;
        row.value = secret->value;
        row.problem = text_of(secret->problem);
        sink_append(&exchange->dissect->sink, TABLE_secret, &row);
    }
}

/* What a readable body says. `hidden` keeps the text of the row. */
static void read_text(struct http_exchange *exchange, struct text text, struct buffer *hidden, struct policy_row *row)
{
    struct dissect *dissect = exchange->dissect;
    bool show = (dissect->needs & NEED_SECRETS) != 0;
    struct ccm_policy *policy = arena_alloc(&dissect->decoder.arena, sizeof *policy);
    if (policy == NULL)
        return;
    ccm_policy_read(&dissect->decoder, text, show, policy);
    if (policy->outcome != OUTCOME_OK)
        report(exchange, policy->outcome, "body");
    row->has_secret = policy->has_secret;
    row->secrets = (int64_t)policy->secret_count;
    write_secrets(exchange, policy, row);
    if (!(dissect->needs & NEED_BODY))
        return;
    if (show)
        row->text = text_clean(&dissect->decoder.arena, text_cursor(policy->text));
    else if (policy->document.root == NULL)
        return;
    else if (ccm_policy_print_hidden(policy, hidden))
        row->text = text_clean(&dissect->decoder.arena, buffer_cursor(hidden));
    else
        limit_hit(&dissect->counts.limits, LIMIT_policy_text);
}

static bool is_refusal(struct text text)
{
    size_t at;
    return text_starts_like(text_trim(text), "<HTML") && text_find_like(text, "ERROR", &at);
}

static struct text readable(struct ccm_decoder *decoder, struct cursor body)
{
    const char *encoding;
    bool odd;
    struct text text = ccm_text_decode(body, &decoder->arena, &encoding, &odd);
    while (text.length > 0 && text.at[text.length - 1] == '\0')
        text.length--;
    return text;
}

static void open_body(struct http_exchange *exchange, struct cursor *body, struct policy_row *row)
{
    struct dissect *dissect = exchange->dissect;
    struct ccm_envelopes envelopes;
    ccm_envelopes_read(dissect->decoder.keys, *body, true, &dissect->decoder.arena, &envelopes);
    const struct fields_owner owner = fields_owner_of(exchange, HTTP_REPLY);
    trust_write_recipients(dissect, &owner, &envelopes);
    if (envelopes.damaged)
        report(exchange, OUTCOME_MALFORMED, "envelope");
    if (envelopes.count == 0)
        return;
    const struct ccm_envelope *outer = envelopes.items[0];
    row->cipher = outer->cipher;
    row->decrypted = envelopes.opened;
    row->decrypted_with = outer->opened_by == NULL ? TEXT_NULL : text_of(outer->opened_by->fingerprint);
    dissect->counts.encrypted += !envelopes.opened;
    dissect->counts.decrypted += envelopes.opened;
    if (envelopes.opened)
        *body = envelopes.inside;
}

/* Fills the columns that the body decides. */
static void read_body(struct http_exchange *exchange, struct cursor body, struct buffer *hidden, struct policy_row *row)
{
    struct ccm_decoder *decoder = &exchange->dissect->decoder;
    row->body = TEXT("empty");
    if (body.left == 0)
        return;
    row->body = TEXT("unknown");
    if (ccm_payload_classify(body) == CCM_PAYLOAD_CMS) {
        row->body = TEXT("secret-cms");
        open_body(exchange, &body, row);
    }
    hash_body(decoder, body, row);
    /* A configuration item may be compressed (wire.md 1.7). */
    if (ccm_payload_classify(body) == CCM_PAYLOAD_ZLIB) {
        enum outcome outcome = ccm_inflate(&decoder->inner, body, &body, NULL);
        if (outcome != OUTCOME_OK) {
            report(exchange, outcome, "compressed body");
            return;
        }
    }
    enum ccm_payload_kind kind = ccm_payload_classify(body);
    if (kind == CCM_PAYLOAD_OPAQUE)
        report(exchange, OUTCOME_UNSUPPORTED, "body");
    if (kind != CCM_PAYLOAD_TEXT)
        return;
    struct text text = readable(decoder, body);
    if (row->decrypted == INT_NULL)
        row->body = is_refusal(text) ? TEXT("error") : TEXT("clear");
    if (!text_is(row->body, "error"))
        read_text(exchange, text, hidden, row);
}

static struct text token_client(struct http_exchange *exchange)
{
    struct text token = http_header(exchange, HTTP_REQUEST, "clienttoken");
    if (token.at == NULL)
        token = http_header(exchange, HTTP_REQUEST, "ccmclientid");
    return ccm_token_client(&exchange->dissect->decoder, token);
}

/* Whether the reply is a range of the body (RFC 9110 section 14.4: "bytes first-last/length") and not all of it: BITS asks
 * for ranges. */
static bool is_range(const struct http_exchange *exchange, struct cursor body)
{
    struct text range = http_header(exchange, HTTP_REPLY, "content-range");
    size_t slash = 0;
    uint64_t length;
    if (http_status(exchange) != 206)
        return false;
    while (slash < range.length && range.at[slash] != '/')
        slash++;
    bool all = slash < range.length &&
               text_to_u64(text_trim((struct text){range.at + slash + 1, range.length - slash - 1}), &length) &&
               length == body.left;
    return !all;
}

void policy_write_download(struct http_exchange *exchange)
{
    struct dissect *dissect = exchange->dissect;
    struct ccm_decoder *decoder = &dissect->decoder;
    struct cursor body = http_body_cursor(&exchange->body[HTTP_REPLY]);
    struct buffer hidden;
    arena_reset(&decoder->arena);
    buffer_init(&hidden, POLICY_TEXT_MAX);
    struct policy_row row = policy_base(exchange, true);
    policy_name(http_uri(exchange), &decoder->arena, &row);
    row.location = http_uri(exchange);
    row.client_id = token_client(exchange);
    row.body_bytes = (int64_t)body.left;
    if (http_status(exchange) >= 400)
        row.body = TEXT("error");
    else if (exchange->truncated[HTTP_REPLY] || exchange->unread[HTTP_REPLY] != NULL || is_range(exchange, body))
        row.body = TEXT("unknown");
    else
        read_body(exchange, body, &hidden, &row);
    sink_append(&dissect->sink, TABLE_policy, &row);
    buffer_free(&hidden);
}
