/* dissect/mp.c: see mp.h.
 *
 *   CCM_POST request  ->  message, registration, certificate, finding
 *   its reply         ->  message, policy (assignments), finding; the registration learns its result
 *   GET .sms_pol      ->  policy (download)
 *   GET .sms_aut      ->  certificate
 */
#include "dissect/mp.h"

#include <string.h>

#include "dissect/bits.h"
#include "dissect/configmgr/certificate.h"
#include "dissect/configmgr/notification.h"
#include "dissect/configmgr/reply.h"
#include "dissect/http_login.h"
#include "dissect/message_row.h"
#include "dissect/policy.h"
#include "dissect/settle.h"
#include "dissect/trouble.h"
#include "dissect/trust.h"

/* Of an endpoint's name and a client id, remembered between request and reply. */
#define NAME_MAX_BYTES 63

static int64_t bool_value(bool value)
{
    return value;
}

static bool is_service(const struct http_exchange *exchange, const char *service)
{
    return exchange->service != NULL && strcmp(exchange->service, service) == 0;
}

bool mp_wants(const struct http_exchange *exchange, enum http_side side)
{
    struct text type = http_header(exchange, side, "content-type");
    size_t at;
    bool multipart = text_starts_like(type, "multipart/mixed");
    if (text_is(http_method(exchange), "CCM_POST") || text_find_like(type, CCM_BOUNDARY, &at))
        return true;
    if (fields_wants(exchange, side) || bits_wants(exchange, side) || is_service(exchange, "mp-notification"))
        return true;
    if (side == HTTP_REQUEST && is_service(exchange, "fsp"))
        return true;
    if (is_service(exchange, "mp") || exchange->service == NULL)
        return multipart;
    unsigned needs = exchange->dissect->needs;
    if (side == HTTP_REPLY && is_service(exchange, "mp-policy"))
        return needs & (NEED_POLICY | NEED_FINDING);
    return side == HTTP_REPLY && is_service(exchange, "mp-auth") && (needs & (NEED_REGISTRATION | NEED_FINDING));
}

/* ---- Messages ---- */

static void report(const struct http_exchange *exchange, enum http_side side, enum outcome reason, const char *what,
                   uint64_t offset)
{
    trouble_report(exchange->conversation, "message", reason, what, offset, exchange->moment[side]);
}

static void report_message(const struct http_exchange *exchange, const struct ccm_message *message, enum http_side side)
{
    struct message_trouble trouble;
    if (message_row_trouble(message, &trouble))
        report(exchange, side, trouble.reason, trouble.what, trouble.offset);
    if (message->source.reply && message->payload_signature.unreadable)
        report(exchange, side, OUTCOME_MALFORMED, "reply signature", UINT64_MAX);
}

/* Returns the id of the row. */
static int64_t write_message(struct http_exchange *exchange, struct ccm_message *message, enum http_side side)
{
    struct fields_owner owner = fields_owner_of(exchange, side);
    struct message_row row = message_row_null();
    row.reply_of = side == HTTP_REQUEST ? INT_NULL : exchange->mp.request_message;
    row.client = text_of(exchange->client);
    row.server = text_of(exchange->server);
    message_row_write(exchange->dissect, message, &row, &owner);
    report_message(exchange, message, side);
    fields_of_message(exchange->dissect, &owner, message);
    return owner.message;
}

/* ---- Certificates and registrations ---- */

/* How a certificate was shown, and what became of it. */
struct shown {
    const char *seen_as;
    enum http_side side;
    int64_t message;                     /* row, or INT_NULL */
    const struct ccm_signature *by_root; /* of a management point's: its signature by the trusted root key */
    const struct certificate_row *read;  /* what it is, when that is known already */
    const struct ccm_key *key;           /* its public key, or NULL */
    int64_t row;
};

/* Returns its thumbprint. */
static struct text write_certificate(struct http_exchange *exchange, struct text hex, struct shown *shown)
{
    struct dissect *dissect = exchange->dissect;
    struct certificate_row row = shown->read == NULL ? certificate_row_null() : *shown->read;
    shown->row = INT_NULL;
    if (hex.at == NULL || hex.length == 0)
        return TEXT_NULL;
    row.packet = exchange->moment[shown->side].packet;
    row.time = moment_seconds(exchange->moment[shown->side]);
    row.flow = exchange->conversation->row;
    row.http = exchange->row;
    row.message = shown->message;
    row.seen_as = text_of(shown->seen_as);
    row.host = text_of(shown->side == HTTP_REQUEST ? exchange->client : exchange->server);
    if (shown->read == NULL)
        ccm_certificate_read(hex, dissect->decoder.keys, &dissect->decoder.arena, &row, &shown->key);
    if (shown->by_root != NULL) {
        row.root_signature = text_of(ccm_signature_state_name(shown->by_root->state));
        row.root_fingerprint = shown->by_root->key == NULL ? TEXT_NULL : text_of(shown->by_root->key->fingerprint);
    }
    shown->row = sink_append(&dissect->sink, TABLE_certificate, &row);
    return row.fingerprint_sha1;
}

static struct text discovery(const struct xml_element *data, const char *name)
{
    const struct xml_element *property = xml_path(data, "DiscoveryProperties/Property");
    while (property != NULL && !text_is_like(xml_attribute(property, "Name"), name))
        property = xml_next(property);
    return xml_attribute(property, "Value");
}

static int64_t number_of(struct text text)
{
    int64_t number;
    return text_to_i64(text, &number) ? number : INT_NULL;
}

static struct registration_row registration_base(const struct http_exchange *exchange, enum http_side side,
                                                 int64_t message)
{
    struct registration_row row = registration_row_null();
    row.packet = exchange->moment[side].packet;
    row.time = moment_seconds(exchange->moment[side]);
    row.flow = exchange->conversation->row;
    row.message = message;
    row.http = exchange->row;
    row.client = text_of(exchange->client);
    return row;
}

static void write_registration(struct http_exchange *exchange, struct ccm_message *message, int64_t message_id)
{
    struct dissect *dissect = exchange->dissect;
    const struct xml_element *root = message->document.root;
    if (root == NULL || !text_is(root->name, "ClientRegistrationRequest") ||
        !(dissect->needs & (NEED_REGISTRATION | NEED_FINDING)))
        return;
    const struct xml_element *data = xml_child(root, "Data"), *agent = xml_child(data, "AgentInformation");
    struct registration_row row = registration_base(exchange, HTTP_REQUEST, message_id);
    struct text smsid = xml_attribute(data, "SMSID");
    row.smsid = smsid.length > 0 ? smsid : xml_attribute(xml_child(root, "Signature"), "SMSID");
    row.request_type = xml_attribute(data, "RequestType");
    row.agent_type = number_of(xml_attribute(agent, "AgentType"));
    row.agent = ccm_value_name("AgentType", xml_attribute(agent, "AgentType"), &dissect->decoder.arena);
    row.signer = xml_attribute(xml_child(root, "Signature"), "SMSID");
    if (message->document.complete)
        row.hint = bool_value(xml_count(data, "RegistrationHint", NULL) > 0);
    row.hash_algorithm = xml_attribute(data, "HashAlgorithm");
    row.agent_version = xml_attribute(agent, "AgentVersion");
    row.agent_identity = xml_attribute(agent, "AgentIdentity");
    row.netbios = discovery(data, "Netbios Name");
    row.fqdn = discovery(data, "FQ Name");
    row.signature = text_of(ccm_signature_state_name(message->registration_signature.state));
    row.hash = text_of(message->registration_signature.hash);
    row.signed_by = text_of(message->registration_signature.key_source);
    if (message->registration_signature.key != NULL)
        row.key_fingerprint = text_of(message->registration_signature.key->fingerprint);
    struct shown shown = {.seen_as = "message-signing", .side = HTTP_REQUEST, .message = message_id};
    shown.read = ccm_message_certificate(&dissect->decoder, message);
    row.signing_certificate = write_certificate(exchange, message->registration_signing, &shown);
    shown.seen_as = "message-encryption";
    shown.read = text_equal(message->registration_encryption, message->registration_signing) ? shown.read : NULL;
    row.encryption_certificate = write_certificate(exchange, message->registration_encryption, &shown);
    exchange->mp.registration = sink_append(&dissect->sink, TABLE_registration, &row);
    if (message->registration_signer.at != NULL)
        settle_signature(dissect, SETTLE_REGISTRATION, exchange->mp.registration, message->registration_signer,
                         message->registration_hex, message->registration_data);
    if (message->registration_signature.state == CCM_SIGNATURE_VALID)
        exchange->mp.key = message->registration_signature.key;
}

/* The reply tells what became of the registration; only then is the key known to belong to the client id. */
static void settle_registration(struct http_exchange *exchange, const struct ccm_message *message, int64_t message_id)
{
    struct dissect *dissect = exchange->dissect;
    const struct xml_element *root = message->document.root;
    if (root == NULL || !text_is(root->name, "ClientRegistrationResponse") ||
        !(dissect->needs & (NEED_REGISTRATION | NEED_FINDING)))
        return;
    const struct registration_row *asked = sink_kept(&dissect->sink, TABLE_registration, exchange->mp.registration);
    struct registration_row row = asked == NULL ? registration_base(exchange, HTTP_REPLY, message_id) : *asked;
    struct text smsid = xml_attribute(root, "SMSID");
    row.smsid = smsid.length > 0 ? smsid : row.smsid;
    row.status = number_of(xml_attribute(root, "Status"));
    row.approval = number_of(xml_attribute(root, "ApprovalStatus"));
    if (asked == NULL)
        sink_append(&dissect->sink, TABLE_registration, &row);
    else
        sink_amend(&dissect->sink, TABLE_registration, exchange->mp.registration, &row);
    if (exchange->mp.key != NULL && smsid.length > 0 && (row.status == 0 || row.status == 1))
        dissect->counts.unsettled += !ccm_keys_register(dissect->decoder.keys, smsid, exchange->mp.key);
}

/* Whether the registration came with Windows authentication, known when the server let it pass. */
static void authenticate_registration(struct http_exchange *exchange)
{
    struct dissect *dissect = exchange->dissect;
    const struct registration_row *asked = sink_kept(&dissect->sink, TABLE_registration, exchange->mp.registration);
    const struct http_row *http = dissect->sink.row(dissect->sink.context, TABLE_http, exchange->row);
    if (asked == NULL || http == NULL || http_status(exchange) == 0)
        return;
    struct registration_row row = *asked;
    if (http_status(exchange) != 200 || exchange->login == HTTP_LOGIN_NONE)
        row.windows_auth = 0;
    else
        row.windows_auth = exchange->login == HTTP_LOGIN_PERHAPS ? INT_NULL : 1;
    row.auth_user = row.windows_auth == 1 ? http->auth_user : TEXT_NULL;
    sink_amend(&dissect->sink, TABLE_registration, exchange->mp.registration, &row);
}

/* ---- Who asks for a policy ---- */

/* Headers that prove who asks: ClientToken, or the older CCMClientID (wire.md 1.5). */
static void remember_token(struct http_exchange *exchange)
{
    struct dissect *dissect = exchange->dissect;
    static const char *const names[][2] = {{"clienttoken", "clienttokensignature"},
                                           {"ccmclientid", "ccmclientidsignature"}};
    if (!(dissect->needs & (NEED_SIGNATURE | NEED_FINDING)))
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct text token = http_header(exchange, HTTP_REQUEST, names[i][0]);
        struct text signature = http_header(exchange, HTTP_REQUEST, names[i][1]);
        if (token.at == NULL)
            continue;
        arena_reset(&dissect->decoder.arena);
        settle_signature(dissect, SETTLE_HTTP_TOKEN, exchange->row, ccm_token_client(&dissect->decoder, token),
                         signature, text_cursor(token));
        return;
    }
}

/* ---- Lists and certificates of the management point (.sms_aut) ---- */

/* Elements of .sms_aut replies that are certificates (wire.md 1.6). */
static const struct mp_certificate {
    const char *element, *seen_as, *source;
    enum ccm_owner owner;
} MP_CERTIFICATES[] = {
    {"Certificate", "mpcert", "mpcert", CCM_OWNER_MP},
    {"Certificate1", "mpcert", "mpcert", CCM_OWNER_MP},
    {"Certificate2", "mpcert", "mpcert", CCM_OWNER_MP},
    {"MPCERTIFICATE", "mpcert", "mpkeyinformation", CCM_OWNER_MP},
    {"X509Certificate", "sitesign", "sitesigncert", CCM_OWNER_SITE},
};

static void write_mp_certificate(struct http_exchange *exchange, const struct xml_element *root,
                                 const struct mp_certificate *kind)
{
    struct ccm_decoder *decoder = &exchange->dissect->decoder;
    const struct xml_element *element = NULL;
    const struct ccm_key *roots[CCM_KEYS_OF_CLIENT_MAX];
    struct ccm_signature by_root;
    struct text server = text_of(exchange->server);
    if (xml_count(root, kind->element, &element) == 0)
        return;
    struct text signature = xml_attribute(element, "Signature"), hex = xml_text(element);
    size_t count = ccm_keys_bound(decoder->keys, CCM_OWNER_ROOT, server, roots);
    ccm_root_verify(decoder->keys, roots, count, signature, hex, &decoder->arena, &by_root);
    struct shown shown = {.seen_as = kind->seen_as, .side = HTTP_REPLY, .message = INT_NULL};
    shown.by_root = kind->owner == CCM_OWNER_MP ? &by_root : NULL;
    write_certificate(exchange, hex, &shown);
    bool waits = by_root.state != CCM_SIGNATURE_VALID && by_root.state != CCM_SIGNATURE_ABSENT;
    if (waits && shown.by_root != NULL) /* its root key may be told later, or in another connection */
        settle_signature(exchange->dissect, SETTLE_ROOT, shown.row, server, signature, text_cursor(hex));
    if (shown.key != NULL)
        trust_learn(exchange, HTTP_REPLY, &(struct trust){kind->owner, server, trust_site_code(root), kind->source},
                    shown.key);
}

static void write_mp_certificates(struct http_exchange *exchange)
{
    struct ccm_decoder *decoder = &exchange->dissect->decoder;
    arena_reset(&decoder->arena);
    const char *encoding;
    bool odd;
    struct text text = ccm_text_decode(http_body_cursor(&exchange->body[HTTP_REPLY]), &decoder->arena, &encoding, &odd);
    struct xml_document document;
    enum outcome outcome = ccm_xml_parse(decoder, text_trim(text), &document, NULL);
    if (outcome != OUTCOME_OK) {
        bool whole = !exchange->truncated[HTTP_REPLY] && exchange->unread[HTTP_REPLY] == NULL;
        if (whole && http_status(exchange) == 200 && text_starts_like(text_trim(text), "<"))
            report(exchange, HTTP_REPLY, outcome, "answer with certificates", 0);
        return;
    }
    trust_learn_root(exchange, document.root);
    for (size_t i = 0; i < sizeof MP_CERTIFICATES / sizeof MP_CERTIFICATES[0]; i++)
        write_mp_certificate(exchange, document.root, &MP_CERTIFICATES[i]);
}

/* ---- What was answered ---- */

/* A fallback status point says nothing, and the answer to a notification is another one. */
static bool answers_with_nothing(const struct http_exchange *exchange)
{
    return is_service(exchange, "fsp") || is_service(exchange, "mp-notification");
}

static const char *answer_of(const struct http_exchange *exchange, const struct ccm_message *reply)
{
    int status = http_status(exchange);
    if (reply != NULL)
        return reply->no_reply ? "no-reply" : "message";
    if (status >= 400)
        return status == 401 ? "authenticate" : "refused";
    if (exchange->truncated[HTTP_REPLY] || exchange->unread[HTTP_REPLY] != NULL)
        return NULL;
    bool empty = status == 200 && exchange->body[HTTP_REPLY].length == 0;
    if (empty && answers_with_nothing(exchange))
        return "no-reply";
    return empty ? "empty" : "other";
}

/* Tells in the row of the request what became of it. */
static void settle_answer(struct http_exchange *exchange, const struct ccm_message *reply)
{
    struct dissect *dissect = exchange->dissect;
    const struct message_row *asked = sink_kept(&dissect->sink, TABLE_message, exchange->mp.request_message);
    if (asked == NULL || http_status(exchange) == 0)
        return;
    struct message_row row = *asked;
    row.answer = text_of(answer_of(exchange, reply));
    sink_amend(&dissect->sink, TABLE_message, exchange->mp.request_message, &row);
}

/* ---- Entry points ---- */

static enum ccm_carrier carrier_of(const struct http_exchange *exchange)
{
    if (is_service(exchange, "mp-notification"))
        return CCM_CARRIER_NOTIFICATION;
    return is_service(exchange, "fsp") ? CCM_CARRIER_FSP : CCM_CARRIER_POST;
}

static uint8_t kept_bytes(struct text text)
{
    return (uint8_t)(text.length < NAME_MAX_BYTES ? text.length : NAME_MAX_BYTES);
}

/* What the reply needs to know of the request. */
static void remember_names(struct http_exchange *exchange, const struct ccm_message *message)
{
    struct mp_state *mp = &exchange->mp;
    uint8_t endpoint = kept_bytes(message->endpoint_name), client_id = kept_bytes(message->header.source_id);
    if (endpoint + client_id == 0)
        return;
    mp->texts = pool_take(&exchange->dissect->pool, (size_t)endpoint + client_id);
    if (mp->texts == NULL)
        return;
    mp->endpoint_bytes = endpoint;
    mp->client_id_bytes = client_id;
    if (endpoint > 0)
        memcpy(mp->texts, message->endpoint_name.at, endpoint);
    if (client_id > 0)
        memcpy(mp->texts + endpoint, message->header.source_id.at, client_id);
}

void mp_forget(struct http_exchange *exchange)
{
    struct mp_state *mp = &exchange->mp;
    pool_give(&exchange->dissect->pool, mp->texts, (size_t)mp->endpoint_bytes + mp->client_id_bytes);
    mp->texts = NULL;
}

struct text mp_client_id(const struct http_exchange *exchange)
{
    const struct mp_state *mp = &exchange->mp;
    return mp->client_id_bytes == 0 ? TEXT("") : (struct text){mp->texts + mp->endpoint_bytes, mp->client_id_bytes};
}

/* TargetEndpoint of the request. */
static struct text asked_endpoint(const struct http_exchange *exchange)
{
    const struct mp_state *mp = &exchange->mp;
    return mp->endpoint_bytes == 0 ? TEXT_NULL : (struct text){mp->texts, mp->endpoint_bytes};
}

static enum ccm_missing missing_of(const struct http_exchange *exchange, enum http_side side)
{
    if (exchange->limited[side])
        return CCM_MISSING_LIMIT;
    if (exchange->truncated[side])
        return CCM_MISSING_BYTES;
    return exchange->unread[side] == NULL ? CCM_MISSING_NOTHING : CCM_MISSING_CODING;
}

static struct ccm_source source_of(struct http_exchange *exchange, enum http_side side)
{
    struct text type = http_header(exchange, side, "content-type");
    return (struct ccm_source){
        .carrier = carrier_of(exchange),
        .bare = carrier_of(exchange) != CCM_CARRIER_POST &&
                !ccm_message_recognise(http_body_cursor(&exchange->body[side]), type),
        .body = http_body_cursor(&exchange->body[side]),
        .content_type = type,
        .reply = side == HTTP_REPLY,
        .secure = exchange->secure,
        .missing = missing_of(exchange, side),
        .server = side == HTTP_REPLY ? text_of(exchange->server) : TEXT_NULL,
        .endpoint = side == HTTP_REPLY ? asked_endpoint(exchange) : TEXT_NULL,
    };
}

/* Whether this may be one of several transmissions of the same message. */
static bool may_repeat(struct http_exchange *exchange)
{
    size_t at;
    return http_header(exchange, HTTP_REQUEST, "authorization").at != NULL ||
           text_find_like(http_uri(exchange), "_windowsauth", &at);
}

static void decode(struct http_exchange *exchange, const struct ccm_source *source, struct ccm_message *message)
{
    struct dissect *dissect = exchange->dissect;
    if (source->carrier == CCM_CARRIER_NOTIFICATION && source->bare)
        ccm_notification_decode(&dissect->decoder, source, dissect->needs, message);
    else
        ccm_message_decode(&dissect->decoder, source, dissect->needs, message);
}

void mp_request(struct http_exchange *exchange)
{
    struct dissect *dissect = exchange->dissect;
    struct cursor body = http_body_cursor(&exchange->body[HTTP_REQUEST]);
    if (is_service(exchange, "mp-policy"))
        remember_token(exchange);
    bits_request(exchange);
    if (exchange->wanted[HTTP_REQUEST])
        fields_of_body(exchange, HTTP_REQUEST);
    struct ccm_source source = source_of(exchange, HTTP_REQUEST);
    if (!exchange->wanted[HTTP_REQUEST] || body.left == 0 || exchange->mp.bits != 0 ||
        !(text_is(http_method(exchange), "CCM_POST") || source.bare ||
          ccm_message_recognise(body, source.content_type)))
        return;
    struct ccm_message message;
    decode(exchange, &source, &message);
    int64_t row = write_message(exchange, &message, HTTP_REQUEST);
    exchange->mp.is_message = true;
    exchange->mp.request_message = row;
    remember_names(exchange, &message);
    message_row_remember(dissect, &message, row);
    write_registration(exchange, &message, row);
    bool whole = ccm_message_is_whole(&message); /* messages may differ in what is missing of them */
    if (whole && (dissect->needs & (NEED_ATTEMPT | NEED_PAYLOAD | NEED_FINDING)) && may_repeat(exchange))
        settle_attempt(dissect, row, body);
}

void mp_reply(struct http_exchange *exchange)
{
    struct dissect *dissect = exchange->dissect;
    struct cursor body = http_body_cursor(&exchange->body[HTTP_REPLY]);
    authenticate_registration(exchange);
    bits_reply(exchange);
    if (!exchange->wanted[HTTP_REPLY]) {
        settle_answer(exchange, NULL);
        return;
    }
    fields_of_body(exchange, HTTP_REPLY);
    if (is_service(exchange, "mp-policy"))
        policy_write_download(exchange);
    else if (is_service(exchange, "mp-auth"))
        write_mp_certificates(exchange);
    struct ccm_source source = source_of(exchange, HTTP_REPLY);
    bool other = is_service(exchange, "mp-policy") || is_service(exchange, "mp-auth") || is_service(exchange, "fsp");
    bool notified = source.carrier == CCM_CARRIER_NOTIFICATION && http_status(exchange) / 100 == 2;
    if (body.left == 0 || other || !(notified || ccm_message_recognise(body, source.content_type))) {
        settle_answer(exchange, NULL);
        return;
    }
    struct ccm_message message;
    decode(exchange, &source, &message);
    int64_t row = write_message(exchange, &message, HTTP_REPLY);
    settle_answer(exchange, &message);
    message_row_remember(dissect, &message, row);
    settle_registration(exchange, &message, row);
    policy_write_assignments(exchange, &message, row);
}
