/* dissect/auth.c: see auth.h.
 *
 *   GSS token     [APPLICATION 0] { OID mechanism, token }                                 (RFC 2743 section 3.1)
 *     Kerberos's  u16 0x0100 AP-REQ, 0x0200 AP-REP, 0x0300 KRB-ERROR; then the message     (RFC 4121 section 4.1)
 *   SPNEGO        [0] SEQUENCE { mechTypes [0] SEQUENCE OF OID, reqFlags [1], mechToken [2] OCTET STRING, ... }
 *                 [1] SEQUENCE { negState [0], supportedMech [1] OID, responseToken [2] OCTET STRING, ... }
 *                                                                                          (RFC 4178 section 4.2)
 */
#include "dissect/auth.h"

#include <string.h>

#include "dissect/configmgr/ber.h"
#include "dissect/internal.h"
#include "dissect/kerberos.h"
#include "dissect/ntlm.h"
#include "dissect/trouble.h"

#define WRAPPINGS_MAX 4 /* GSS around SPNEGO around GSS around a message */

enum mechanism { MECHANISM_OTHER, MECHANISM_SPNEGO, MECHANISM_NTLM, MECHANISM_KERBEROS };

/* The contents of the object identifiers. */
static const struct {
    enum mechanism mechanism;
    size_t length;
    const char *oid;
} MECHANISMS[] = {
    {MECHANISM_SPNEGO, 6, "\x2B\x06\x01\x05\x05\x02"},                    /* 1.3.6.1.5.5.2 */
    {MECHANISM_NTLM, 10, "\x2B\x06\x01\x04\x01\x82\x37\x02\x02\x0A"},     /* 1.3.6.1.4.1.311.2.2.10 */
    {MECHANISM_KERBEROS, 9, "\x2A\x86\x48\x86\xF7\x12\x01\x02\x02"},      /* 1.2.840.113554.1.2.2 */
    {MECHANISM_KERBEROS, 9, "\x2A\x86\x48\x82\xF7\x12\x01\x02\x02"},      /* 1.2.840.48018.1.2.2 */
    {MECHANISM_KERBEROS, 10, "\x2A\x86\x48\x86\xF7\x12\x01\x02\x02\x03"}, /* user to user */
};

static enum mechanism mechanism_of(struct cursor oid)
{
    for (size_t i = 0; i < sizeof MECHANISMS / sizeof MECHANISMS[0]; i++) {
        if (cursor_equal(oid, cursor_of(MECHANISMS[i].oid, MECHANISMS[i].length)))
            return MECHANISMS[i].mechanism;
    }
    return MECHANISM_OTHER;
}

/* ---- Rows ---- */

static const char *response_name(enum ntlm_response response)
{
    static const char *const names[] = {
        [NTLM_RESPONSE_NONE] = NULL,   [NTLM_RESPONSE_ANONYMOUS] = "anonymous", [NTLM_RESPONSE_LM] = "lm",
        [NTLM_RESPONSE_V1] = "ntlmv1", [NTLM_RESPONSE_V1_ESS] = "ntlmv1-ess",   [NTLM_RESPONSE_V2] = "ntlmv2",
    };
    return names[response];
}

static void fill_challenge(struct ntlm_row *row, const struct ntlm_message *message, struct arena *arena,
                           struct moment moment)
{
    row->challenge_packet = moment.packet;
    row->challenge = text_hex(arena, message->challenge);
    row->target = message->target;
    row->target_computer = message->target_computer;
    row->target_domain = message->target_domain;
    row->target_dns_computer = message->target_dns_computer;
    row->target_dns_domain = message->target_dns_domain;
    row->target_dns_forest = message->target_dns_forest;
    row->server_version = message->version;
}

static void fill_authenticate(struct ntlm_row *row, const struct ntlm_message *message, struct moment moment)
{
    row->authenticate_packet = moment.packet;
    row->user = message->user;
    row->domain = message->domain;
    row->workstation = message->workstation;
    row->service = message->service;
    row->response = text_of(response_name(message->response));
    row->anonymous = message->response == NTLM_RESPONSE_ANONYMOUS;
    row->mic = message->mic;
    row->channel_bindings = message->channel_bindings;
    if (message->version.at != NULL)
        row->client_version = message->version;
}

static struct ntlm_row ntlm_row_new(const struct auth_carrier *carrier, struct moment moment)
{
    const struct conversation *conversation = carrier->conversation;
    struct ntlm_row row = ntlm_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.carrier = text_of(carrier->name);
    row.client = conversation_address(conversation, carrier->client);
    row.server = conversation_address(conversation, direction_reverse(carrier->client));
    return row;
}

static void take_ntlm(struct auth *auth, const struct auth_carrier *carrier, struct cursor token, struct moment moment)
{
    struct dissect *dissect = carrier->conversation->dissect;
    const struct sink *sink = &dissect->sink;
    struct ntlm_message message;
    if (!ntlm_parse(token, &dissect->scratch, &message)) {
        trouble_report(carrier->conversation, "ntlm", OUTCOME_MALFORMED, ntlm_type_name(message.type), UINT64_MAX,
                       moment);
        return;
    }
    if (message.pairs_left_out)
        trouble_limit(carrier->conversation, "ntlm", LIMIT_ntlm_pairs, moment);
    auth->method = AUTH_NTLM;
    if (auth->complete || message.type == NTLM_TYPE_NEGOTIATE) {
        auth->ntlm = INT_NULL; /* another try */
        auth->complete = false;
    }
    const struct ntlm_row *kept = sink_kept(sink, TABLE_ntlm, auth->ntlm);
    struct ntlm_row row = kept == NULL ? ntlm_row_new(carrier, moment) : *kept;
    row.flags = message.flags;
    row.signing = (message.flags & NTLM_SIGN) != 0;
    row.seal = (message.flags & NTLM_SEAL) != 0;
    if (message.type == NTLM_TYPE_NEGOTIATE) {
        row.client_version = message.version;
    } else if (message.type == NTLM_TYPE_CHALLENGE) {
        fill_challenge(&row, &message, &dissect->scratch, moment);
    } else {
        fill_authenticate(&row, &message, moment);
        auth->anonymous = row.anonymous == 1;
        auth->complete = true;
    }
    if (kept == NULL)
        auth->ntlm = sink_append(sink, TABLE_ntlm, &row);
    else
        sink_amend(sink, TABLE_ntlm, auth->ntlm, &row);
}

static void take_kerberos(struct auth *auth, const struct auth_carrier *carrier, struct cursor token,
                          struct moment moment)
{
    struct kerberos_message message;
    if (!kerberos_parse(token, &carrier->conversation->dissect->scratch, &message)) {
        if (message.type != 0) /* others are tokens of GSS without names: MIC, Wrap, deletion of a context */
            trouble_report(carrier->conversation, "kerberos", OUTCOME_MALFORMED, kerberos_type_name(message.type),
                           UINT64_MAX, moment);
        return;
    }
    int64_t row = kerberos_record(carrier->conversation, carrier->name, carrier->client, &message, moment);
    if (message.type == KERBEROS_AP_REQ)
        auth->kerberos = row;
    auth->method = AUTH_KERBEROS;
}

/* ---- Wrappings: each takes what is outside away; false when nothing is left to read ---- */

static bool unwrap_gss(struct cursor *token)
{
    struct cursor content, oid;
    if (!ber_take(token, BER_APPLICATION_0, &content) || !ber_take(&content, BER_OID, &oid))
        return false;
    enum mechanism mechanism = mechanism_of(oid);
    *token = content;
    return mechanism != MECHANISM_KERBEROS || cursor_skip(token, 2);
}

static bool unwrap_spnego(struct cursor *token)
{
    uint8_t tag;
    struct cursor content, part, inner;
    if (!ber_any(token, &tag, &content) || !ber_take(&content, BER_SEQUENCE, &content) ||
        !ber_context(&content, 2, &part) || !ber_take(&part, BER_OCTET_STRING, &inner))
        return false;
    *token = inner;
    return true;
}

void auth_token(struct auth *auth, const struct auth_carrier *carrier, struct cursor token, struct moment moment)
{
    for (unsigned i = 0; i < WRAPPINGS_MAX && token.left > 0; i++) {
        struct cursor ahead = token;
        uint8_t first;
        if (!cursor_u8(&ahead, &first))
            return;
        if (cursor_starts(token, NTLM_SIGNATURE, NTLM_SIGNATURE_BYTES)) {
            take_ntlm(auth, carrier, token, moment);
            return;
        }
        if (first == BER_APPLICATION_0 && unwrap_gss(&token))
            continue;
        if ((first == BER_CONTEXT_0 || first == BER_CONTEXT_0 + 1) && unwrap_spnego(&token))
            continue;
        if (first > BER_APPLICATION_0 && first < BER_CONTEXT_0)
            take_kerberos(auth, carrier, token, moment);
        return;
    }
    if (token.left > 0)
        trouble_limit(carrier->conversation, carrier->name, LIMIT_auth_wrappings, moment);
}

void auth_http_header(struct auth *auth, const struct auth_carrier *carrier, struct text value, struct moment moment)
{
    static const struct text schemes[] = {{"NTLM ", 5}, {"Negotiate ", 10}, {"Kerberos ", 9}};
    struct cursor token;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (!text_starts_like(value, schemes[i].at))
            continue;
        struct text base64 = {value.at + schemes[i].length, value.length - schemes[i].length};
        const char *comma = memchr(base64.at, ',', base64.length); /* challenges of other schemes follow */
        base64.length = comma == NULL ? base64.length : (size_t)(comma - base64.at);
        if (ccm_base64_decode(base64, &carrier->conversation->dissect->scratch, &token))
            auth_token(auth, carrier, token, moment);
        return;
    }
}

const char *auth_name(const struct auth *auth)
{
    static const char *const names[] = {NULL, "ntlm", "kerberos"};
    return auth->anonymous ? "anonymous" : names[auth->method];
}
