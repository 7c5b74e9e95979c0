/* dissect/ldap.c: LDAP over TCP, and over UDP (CLDAP): binds, operations, and what they bring about ConfigMgr (RFC 4511,
 * MS-ADTS 3.1.1.3, MS-NLMP 3.4, RFC 4121, RFC 4757).
 *
 *   LDAPMessage ::= SEQUENCE { messageID INTEGER, operation [APPLICATION n], controls [0] OPTIONAL }
 *
 * Behind a SASL bind the stream may be u32 length and a token, which holds messages: signed ones are read, sealed ones
 * are told. Behind StartTLS it is TLS.
 */
#include <stdlib.h>

#include "dissect/auth.h"
#include "dissect/configmgr/ber.h"
#include "dissect/frames.h"
#include "dissect/internal.h"
#include "dissect/ldap_entry.h"
#include "dissect/ldap_filter.h"
#include "dissect/ldap_pending.h"
#include "dissect/sasl.h"
#include "dissect/sspi.h"
#include "dissect/trouble.h"

#define MESSAGE_MAX ((size_t)1 << 20) /* an entry with a group of thousands of members is smaller */
#define ATTRIBUTES_MAX 256            /* of a request */
#define ID_MAX INT64_C(0x7FFFFFFF)
#define STARTTLS "1.3.6.1.4.1.1466.20037"

enum {
    BIND_REQUEST = 0x60,
    BIND_RESPONSE = 0x61,
    UNBIND = 0x42,
    SEARCH_REQUEST = 0x63,
    SEARCH_ENTRY = 0x64,
    SEARCH_DONE = 0x65,
    MODIFY_REQUEST = 0x66,
    MODIFY_RESPONSE = 0x67,
    ADD_REQUEST = 0x68,
    ADD_RESPONSE = 0x69,
    DELETE_REQUEST = 0x4A,
    DELETE_RESPONSE = 0x6B,
    RENAME_REQUEST = 0x6C,
    RENAME_RESPONSE = 0x6D,
    COMPARE_REQUEST = 0x6E,
    COMPARE_RESPONSE = 0x6F,
    ABANDON = 0x50,
    SEARCH_REFERENCE = 0x73,
    EXTENDED_REQUEST = 0x77,
    EXTENDED_RESPONSE = 0x78,
    INTERMEDIATE_RESPONSE = 0x79
};
enum { AUTH_SIMPLE = 0x80, AUTH_SASL = 0xA3, SICILY_DISCOVERY = 0x89, SICILY_NEGOTIATE = 0x8A, SICILY_RESPONSE = 0x8B };

/* Steps of Sicily (MS-ADTS 5.1.1.1.3); the challenge of NTLM is the matched name of the reply to the second. */
enum step { STEP_NONE, STEP_DISCOVERY, STEP_NEGOTIATE, STEP_RESPONSE };
static const char *const STEPS[] = {NULL, "discovery", "negotiate", "response"};

struct ldap {
    struct layer *layer;
    enum direction client;
    struct frames frames[2];
    struct ldap_pendings pendings;
    int64_t bind; /* row of the last bind */
    int64_t bind_id;
    enum step step; /* of that bind */
    bool sasl;      /* it is one of SASL */
    bool bound;     /* and succeeded */
    bool wrapped;   /* what is read now was inside a signed token */
    struct auth auth;
    struct layer inner;
};

/* One message while it is read. */
struct message {
    struct ldap *ldap;
    enum direction direction;
    struct moment moment;
    int64_t id;
    uint8_t operation;
    struct cursor content;
};

/* ---- Rows ---- */

static struct dissect *dissect_of(const struct ldap *ldap)
{
    return ldap->layer->conversation->dissect;
}

static void report(const struct ldap *ldap, enum outcome outcome, const char *what, struct moment moment)
{
    trouble_report(ldap->layer->conversation, "ldap", outcome, what, UINT64_MAX, moment);
}

static void left_out(const struct ldap *ldap, enum limit limit, struct moment moment)
{
    trouble_limit(ldap->layer->conversation, "ldap", limit, moment);
}

static struct text clean(const struct message *message, struct cursor bytes)
{
    return text_utf8(&dissect_of(message->ldap)->scratch, text_from(bytes));
}

static struct ldap_operation_row operation_row(const struct message *message)
{
    const struct ldap *ldap = message->ldap;
    const struct conversation *conversation = ldap->layer->conversation;
    enum direction server = direction_reverse(ldap->client);
    struct ldap_operation_row row = ldap_operation_row_null();
    row.packet = message->moment.packet;
    row.time = moment_seconds(message->moment);
    row.flow = conversation->row;
    row.client = conversation_address(conversation, ldap->client);
    row.server = conversation_address(conversation, server);
    row.port = conversation->flow->port[server];
    row.transport = text_of(transport_name(conversation->flow->transport));
    row.wrapping = text_of(ldap->wrapped ? "signed" : "none");
    row.tls = ldap->layer->secure;
    return row;
}

static struct ldap_pending *begin_operation(const struct message *message, struct ldap_operation_row *row)
{
    struct ldap *ldap = message->ldap;
    bool lost;
    struct ldap_pending *pending = ldap_pending_take(dissect_of(ldap), &ldap->pendings, message->id, &lost);
    if (lost)
        left_out(ldap, LIMIT_ldap_pending, message->moment);
    row->configmgr = (row->dn.at != NULL && ldap_is_configmgr(row->dn)) ||
                     (row->filter.at != NULL && ldap_is_configmgr(row->filter)) ||
                     (row->attributes.at != NULL && ldap_is_configmgr(row->attributes));
    pending->row = sink_append(&dissect_of(ldap)->sink, TABLE_ldap_operation, row);
    return pending;
}

/* The operation that a reply belongs to; when its request was not seen, and `make`, a row without one. */
static struct ldap_pending *find_operation(const struct message *message, bool make)
{
    struct ldap_pending *pending = ldap_pending_find(&message->ldap->pendings, message->id);
    if (pending != NULL || !make)
        return pending;
    struct ldap_operation_row row = operation_row(message);
    row.operation = TEXT("search");
    return begin_operation(message, &row);
}

static bool kept_operation(const struct ldap *ldap, int64_t id, struct ldap_operation_row *row)
{
    const struct ldap_operation_row *kept = sink_kept(&dissect_of(ldap)->sink, TABLE_ldap_operation, id);
    if (kept != NULL)
        *row = *kept;
    return kept != NULL;
}

static bool kept_bind(const struct ldap *ldap, struct ldap_bind_row *row)
{
    const struct ldap_bind_row *kept = sink_kept(&dissect_of(ldap)->sink, TABLE_ldap_bind, ldap->bind);
    if (kept != NULL)
        *row = *kept;
    return kept != NULL;
}

/* Tells of the last SASL bind what follows it; the first answer stays. */
static void tell_wrapping(struct ldap *ldap, const char *wrapping)
{
    struct ldap_bind_row row;
    if (!ldap->sasl || !ldap->bound || !kept_bind(ldap, &row) || row.wrapping.at != NULL)
        return;
    row.wrapping = text_of(wrapping);
    sink_amend(&dissect_of(ldap)->sink, TABLE_ldap_bind, ldap->bind, &row);
}

/* ---- Binds ---- */

enum { SERVER_CREDENTIALS = 0x87 }; /* serverSaslCreds (RFC 4511 section 4.2.2) */

static enum step step_of(uint8_t tag)
{
    return tag >= SICILY_DISCOVERY && tag <= SICILY_RESPONSE ? STEP_DISCOVERY + (tag - SICILY_DISCOVERY) : STEP_NONE;
}

/* A token of Windows authentication: rows of `ntlm` and `kerberos`. */
static void take_auth(const struct message *message, struct cursor token)
{
    struct ldap *ldap = message->ldap;
    struct auth_carrier carrier = {.conversation = ldap->layer->conversation, .name = "ldap", .client = ldap->client};
    if (token.left > 0)
        auth_token(&ldap->auth, &carrier, token, message->moment);
}

static bool read_sasl(const struct message *message, struct cursor content, struct ldap_bind_row *row,
                      struct cursor *token)
{
    struct cursor mechanism;
    row->method = TEXT("sasl");
    if (!ber_take(&content, BER_OCTET_STRING, &mechanism))
        return false;
    row->mechanism = clean(message, mechanism);
    if (content.left == 0) /* the credentials are optional */
        return true;
    if (!ber_take(&content, BER_OCTET_STRING, token))
        return false;
    row->auth = sspi_mechanism(*token);
    return true;
}

static bool read_bind(const struct message *message)
{
    struct ldap *ldap = message->ldap;
    const struct conversation *conversation = ldap->layer->conversation;
    enum direction server = direction_reverse(ldap->client);
    struct cursor at = message->content, name, content, token = CURSOR_EMPTY;
    struct ldap_bind_row row = ldap_bind_row_null();
    uint8_t tag;
    if (!ber_take_number(&at, BER_INTEGER, &row.version) || !ber_take(&at, BER_OCTET_STRING, &name) ||
        !ber_any(&at, &tag, &content))
        return false;
    row.packet = message->moment.packet;
    row.time = moment_seconds(message->moment);
    row.flow = conversation->row;
    row.client = conversation_address(conversation, ldap->client);
    row.server = conversation_address(conversation, server);
    row.port = conversation->flow->port[server];
    row.name = clean(message, name);
    row.tls = ldap->layer->secure;
    row.password_sent = tag == AUTH_SIMPLE && content.left > 0;
    bool read = true;
    if (tag == AUTH_SASL)
        read = read_sasl(message, content, &row, &token);
    else if (tag == AUTH_SIMPLE)
        row.method = text_of(content.left == 0 ? "anonymous" : "simple"); /* RFC 4513 section 5.1 */
    else
        row.method = TEXT("sicily");
    ldap->step = step_of(tag);
    row.step = text_of(STEPS[ldap->step]);
    if (ldap->step > STEP_DISCOVERY)
        token = content;
    if (token.left > 0)
        row.auth = sspi_mechanism(token);
    ldap->bind = sink_append(&dissect_of(ldap)->sink, TABLE_ldap_bind, &row);
    ldap->bind_id = message->id;
    ldap->sasl = tag != AUTH_SIMPLE;
    ldap->bound = false;
    take_auth(message, token);
    return read;
}

/* Result code, matched name, diagnostic message: the parts of LDAPResult (RFC 4511 section 4.1.9). */
static bool take_result(struct cursor *at, int64_t *result, struct cursor *matched, struct cursor *diagnostic)
{
    return ber_take_number(at, BER_ENUMERATED, result) && ber_take(at, BER_OCTET_STRING, matched) &&
           ber_take(at, BER_OCTET_STRING, diagnostic);
}

static bool read_bind_response(const struct message *message)
{
    struct ldap *ldap = message->ldap;
    struct cursor at = message->content, matched, diagnostic;
    struct ldap_bind_row row;
    int64_t result;
    if (!take_result(&at, &result, &matched, &diagnostic))
        return false;
    if (ldap->bind_id != message->id || !kept_bind(ldap, &row))
        return true; /* its request was not seen */
    row.result = result;
    row.diagnostic = diagnostic.left == 0 ? TEXT_NULL : clean(message, diagnostic);
    ldap->bound = result == 0 && (ldap->step == STEP_NONE || ldap->step == STEP_RESPONSE);
    sink_amend(&dissect_of(ldap)->sink, TABLE_ldap_bind, ldap->bind, &row);
    if (ldap->step == STEP_NEGOTIATE)
        take_auth(message, matched);
    uint8_t tag;
    struct cursor token;
    while (ber_any(&at, &tag, &token)) { /* referral [3], serverSaslCreds [7] */
        if (tag == SERVER_CREDENTIALS)
            take_auth(message, token);
    }
    return at.left == 0;
}

/* ---- Requests ---- */

static bool read_search(const struct message *message)
{
    static const char *const scopes[] = {"base", "one", "sub"};
    struct cursor at = message->content, base, list, attribute;
    int64_t scope, number;
    struct listing filter, attributes;
    struct cursor types;
    struct ldap_operation_row row = operation_row(message);
    row.operation = TEXT("search");
    listing_init(&filter);
    listing_init(&attributes);
    if (!ber_take(&at, BER_OCTET_STRING, &base) || !ber_take_number(&at, BER_ENUMERATED, &scope) ||
        !ber_take_number(&at, BER_ENUMERATED, &number) || !ber_take_number(&at, BER_INTEGER, &number) ||
        !ber_take_number(&at, BER_INTEGER, &number) || !ber_take(&at, BER_BOOLEAN, &types))
        return false;
    row.dn = clean(message, base);
    row.scope = scope >= 0 && scope < 3 ? text_of(scopes[scope]) : TEXT_NULL;
    bool read = ldap_filter_take(&at, &filter) && ber_take(&at, BER_SEQUENCE, &list);
    while (read && attributes.items < ATTRIBUTES_MAX && list.left > 0) {
        read = ber_take(&list, BER_OCTET_STRING, &attribute);
        if (read)
            listing_add(&attributes, clean(message, attribute));
    }
    if (read && list.left > 0)
        left_out(message->ldap, LIMIT_ldap_attributes, message->moment);
    row.filter = listing_text(&filter);
    row.attributes = listing_text(&attributes);
    begin_operation(message, &row);
    return read;
}

static struct ldap_place place_of(const struct message *message, int64_t operation, bool written)
{
    return (struct ldap_place){
        .conversation = message->ldap->layer->conversation,
        .moment = message->moment,
        .client = message->ldap->client,
        .operation = operation,
        .written = written,
    };
}

/* Names of the attributes of an add. */
static bool list_attributes(const struct message *message, struct cursor attributes, struct listing *names)
{
    struct cursor attribute, type;
    while (names->items < ATTRIBUTES_MAX && attributes.left > 0) {
        if (!ber_take(&attributes, BER_SEQUENCE, &attribute) || !ber_take(&attribute, BER_OCTET_STRING, &type))
            return false;
        listing_add(names, clean(message, type));
    }
    if (attributes.left > 0)
        left_out(message->ldap, LIMIT_ldap_attributes, message->moment);
    return true;
}

static bool read_add(const struct message *message)
{
    struct cursor at = message->content, dn, attributes;
    struct listing names;
    struct ldap_operation_row row = operation_row(message);
    row.operation = TEXT("add");
    listing_init(&names);
    if (!ber_take(&at, BER_OCTET_STRING, &dn) || !ber_take(&at, BER_SEQUENCE, &attributes))
        return false;
    bool read = list_attributes(message, attributes, &names);
    row.dn = clean(message, dn);
    row.attributes = listing_text(&names);
    struct ldap_place place = place_of(message, begin_operation(message, &row)->row, true);
    return ldap_entry_read(&place, text_from(dn), attributes) && read;
}

/* Each change: SEQUENCE { operation ENUMERATED, attribute SEQUENCE { type, SET OF value } }. */
static bool read_modify(const struct message *message)
{
    struct cursor at = message->content, dn, changes, change, rest, attribute, type;
    struct listing names;
    int64_t kind;
    struct ldap_operation_row row = operation_row(message);
    row.operation = TEXT("modify");
    listing_init(&names);
    if (!ber_take(&at, BER_OCTET_STRING, &dn) || !ber_take(&at, BER_SEQUENCE, &changes))
        return false;
    rest = changes;
    while (names.items < ATTRIBUTES_MAX && ber_take(&rest, BER_SEQUENCE, &change) &&
           ber_take_number(&change, BER_ENUMERATED, &kind) && ber_take(&change, BER_SEQUENCE, &attribute) &&
           ber_take(&attribute, BER_OCTET_STRING, &type))
        listing_add(&names, clean(message, type));
    bool read = rest.left == 0 || names.items == ATTRIBUTES_MAX;
    if (read && rest.left > 0)
        left_out(message->ldap, LIMIT_ldap_attributes, message->moment);
    row.dn = clean(message, dn);
    row.attributes = listing_text(&names);
    struct ldap_place place = place_of(message, begin_operation(message, &row)->row, true);
    for (int i = 0; i < ATTRIBUTES_MAX && ber_take(&changes, BER_SEQUENCE, &change); i++) {
        if (ber_take_number(&change, BER_ENUMERATED, &kind))
            read = ldap_entry_read(&place, text_from(dn), change) && read;
    }
    return read;
}

/* Requests of which only the object is told. */
static bool read_object(const struct message *message)
{
    struct cursor at = message->content, dn;
    struct ldap_operation_row row = operation_row(message);
    row.operation = text_of(message->operation == DELETE_REQUEST   ? "delete"
                            : message->operation == RENAME_REQUEST ? "rename"
                                                                   : "compare");
    if (message->operation == DELETE_REQUEST)
        dn = at;
    else if (!ber_take(&at, BER_OCTET_STRING, &dn))
        return false;
    row.dn = clean(message, dn);
    begin_operation(message, &row);
    return true;
}

static bool read_extended(const struct message *message)
{
    struct cursor at = message->content, name;
    struct ldap_operation_row row = operation_row(message);
    if (!ber_take(&at, 0x80, &name))
        return false;
    bool starttls = text_is(text_from(name), STARTTLS);
    row.operation = text_of(starttls ? "starttls" : "extended");
    row.dn = clean(message, name);
    begin_operation(message, &row)->starttls = starttls;
    return true;
}

/* ---- Replies ---- */

static bool read_entry(const struct message *message)
{
    struct ldap_pending *pending = find_operation(message, true);
    struct cursor at = message->content, dn, attributes;
    pending->entries++;
    bool read = ber_take(&at, BER_OCTET_STRING, &dn) && ber_take(&at, BER_SEQUENCE, &attributes);
    struct ldap_place place = place_of(message, pending->row, false);
    read = read && ldap_entry_read(&place, text_from(dn), attributes);
    pending->unread += !read;
    return read;
}

/* Keeps the first of the references that an operation brought. */
static bool keep_referral(const struct message *message, int64_t id, struct cursor at)
{
    struct ldap_operation_row row;
    struct cursor uri;
    if (!ber_take(&at, BER_OCTET_STRING, &uri))
        return false;
    if (!kept_operation(message->ldap, id, &row) || row.referral.at != NULL)
        return true;
    row.referral = clean(message, uri);
    sink_amend(&dissect_of(message->ldap)->sink, TABLE_ldap_operation, id, &row);
    return true;
}

static bool read_reference(const struct message *message)
{
    struct ldap_pending *pending = find_operation(message, true);
    pending->references++;
    return keep_referral(message, pending->row, message->content);
}

/* The client wants no result any more. */
static bool read_abandon(const struct message *message)
{
    int64_t id;
    if (!ber_number(message->content, &id))
        return false;
    struct ldap_pending *pending;
    while ((pending = ldap_pending_find(&message->ldap->pendings, id)) != NULL)
        pending->id = 0;
    return true;
}

static void start_tls(struct ldap *ldap)
{
    ldap->inner.conversation = ldap->layer->conversation;
    if (!layer_open(&ldap->inner, &tls_dissector, ldap->client))
        ldap->inner.dissector = NULL;
}

static bool read_done(const struct message *message)
{
    struct ldap *ldap = message->ldap;
    struct ldap_pending *pending = find_operation(message, message->operation == SEARCH_DONE);
    struct cursor at = message->content, matched, diagnostic, referral;
    struct ldap_operation_row row;
    int64_t result;
    if (!take_result(&at, &result, &matched, &diagnostic))
        return false;
    if (pending == NULL)
        return true;
    bool read = !ber_take(&at, 0xA3, &referral) || keep_referral(message, pending->row, referral);
    if (kept_operation(ldap, pending->row, &row)) {
        row.result = result;
        if (message->operation == SEARCH_DONE) {
            row.entries = pending->entries;
            row.continued = pending->references;
            row.unread = pending->unread;
        }
        sink_amend(&dissect_of(ldap)->sink, TABLE_ldap_operation, pending->row, &row);
    }
    if (pending->starttls && result == 0)
        start_tls(ldap);
    pending->id = 0;
    return read;
}

/* ---- Operations ---- */

static bool read_nothing(const struct message *message)
{
    (void)message;
    return true;
}

static const struct operation {
    uint8_t tag;
    bool request;
    const char *name;
    bool (*read)(const struct message *message); /* false: malformed */
} OPERATIONS[] = {
    {BIND_REQUEST, true, "BindRequest", read_bind},
    {BIND_RESPONSE, false, "BindResponse", read_bind_response},
    {UNBIND, true, "UnbindRequest", read_nothing},
    {SEARCH_REQUEST, true, "SearchRequest", read_search},
    {SEARCH_ENTRY, false, "SearchResultEntry", read_entry},
    {SEARCH_DONE, false, "SearchResultDone", read_done},
    {SEARCH_REFERENCE, false, "SearchResultReference", read_reference},
    {MODIFY_REQUEST, true, "ModifyRequest", read_modify},
    {MODIFY_RESPONSE, false, "ModifyResponse", read_done},
    {ADD_REQUEST, true, "AddRequest", read_add},
    {ADD_RESPONSE, false, "AddResponse", read_done},
    {DELETE_REQUEST, true, "DelRequest", read_object},
    {DELETE_RESPONSE, false, "DelResponse", read_done},
    {RENAME_REQUEST, true, "ModifyDNRequest", read_object},
    {RENAME_RESPONSE, false, "ModifyDNResponse", read_done},
    {COMPARE_REQUEST, true, "CompareRequest", read_object},
    {COMPARE_RESPONSE, false, "CompareResponse", read_done},
    {ABANDON, true, "AbandonRequest", read_abandon},
    {EXTENDED_REQUEST, true, "ExtendedRequest", read_extended},
    {EXTENDED_RESPONSE, false, "ExtendedResponse", read_done},
    {INTERMEDIATE_RESPONSE, false, "IntermediateResponse", read_nothing},
};

static const struct operation *find_kind(uint8_t tag)
{
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++) {
        if (OPERATIONS[i].tag == tag)
            return &OPERATIONS[i];
    }
    return NULL;
}

/* ---- Recognition ---- */

static enum recognition recognise(struct cursor first, const struct flow *flow)
{
    uint8_t tag;
    uint64_t length, number;
    (void)flow;
    if (first.left > 0 && first.at[0] != BER_SEQUENCE)
        return RECOGNISED_NOT;
    enum outcome outcome = ber_head(&first, &tag, &length);
    if (outcome == OUTCOME_MORE)
        return RECOGNISED_MAYBE;
    if (outcome != OUTCOME_OK || length < 5)
        return RECOGNISED_NOT;
    outcome = ber_head(&first, &tag, &number);
    if (outcome == OUTCOME_MORE)
        return RECOGNISED_MAYBE;
    if (outcome != OUTCOME_OK || tag != BER_INTEGER || number == 0 || number > 4)
        return RECOGNISED_NOT;
    if (!cursor_skip(&first, (size_t)number))
        return RECOGNISED_MAYBE;
    outcome = ber_head(&first, &tag, &number);
    if (outcome == OUTCOME_MORE)
        return RECOGNISED_MAYBE;
    const struct operation *operation = outcome == OUTCOME_OK ? find_kind(tag) : NULL;
    if (operation == NULL || number > length)
        return RECOGNISED_NOT;
    return operation->request ? RECOGNISED_CLIENT : RECOGNISED_SERVER;
}

static enum recognition datagram_recognise(struct cursor first, const struct flow *flow)
{
    enum recognition result = recognise(first, flow);
    return result == RECOGNISED_MAYBE ? RECOGNISED_NOT : result;
}

/* ---- Messages ---- */

/* One or more messages, one after the other. */
static void read_messages(struct ldap *ldap, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct cursor whole;
    while (ber_take(&bytes, BER_SEQUENCE, &whole)) {
        struct message message = {.ldap = ldap, .direction = direction, .moment = moment};
        bool framed = ber_take_number(&whole, BER_INTEGER, &message.id) && message.id >= 0 && message.id <= ID_MAX &&
                      ber_any(&whole, &message.operation, &message.content);
        const struct operation *operation = framed ? find_kind(message.operation) : NULL;
        if (operation == NULL) {
            report(ldap, OUTCOME_MALFORMED, framed ? "operation" : "message", moment);
            continue;
        }
        if (operation->request != (direction == ldap->client))
            continue; /* a notice of disconnection, or nonsense */
        arena_reset(&dissect_of(ldap)->scratch);
        if (!ldap->wrapped && message.operation != BIND_REQUEST && message.operation != BIND_RESPONSE)
            tell_wrapping(ldap, "none");
        if (!operation->read(&message))
            report(ldap, OUTCOME_MALFORMED, operation->name, moment);
    }
    if (bytes.left > 0)
        report(ldap, outcome_of_bytes(ldap->layer->conversation), "message", moment);
}

static void read_token(struct ldap *ldap, enum direction direction, struct cursor token, struct moment moment)
{
    struct cursor plain;
    if (!cursor_skip(&token, 4))
        return;
    bool readable = sasl_unwrap(token, &plain);
    tell_wrapping(ldap, readable ? "signed" : "sealed");
    if (!readable)
        return;
    ldap->wrapped = true;
    read_messages(ldap, direction, plain, moment);
    ldap->wrapped = false;
}

/* A message or token that is too long, of which the beginning is there. */
static void pass_over(struct ldap *ldap, enum direction direction, struct cursor beginning, struct moment moment)
{
    uint8_t tag, operation = 0;
    uint64_t length;
    int64_t id = 0;
    left_out(ldap, LIMIT_ldap_message, moment);
    if (direction == ldap->client)
        return;
    bool known = ber_head(&beginning, &tag, &length) == OUTCOME_OK && tag == BER_SEQUENCE &&
                 ber_take_number(&beginning, BER_INTEGER, &id) && cursor_u8(&beginning, &operation);
    ldap_pending_unread(&ldap->pendings, known ? id : 0, known && operation == SEARCH_ENTRY);
}

/* ---- The dissectors ---- */

static enum outcome measure(struct cursor start, uint64_t *length)
{
    struct cursor at = start;
    uint32_t token;
    uint8_t tag;
    if (start.left > 0 && start.at[0] == 0) { /* a token: u32 length, never as long as 16 MB */
        *length = cursor_be32(&at, &token) ? token + (uint64_t)4 : 0;
        return *length == 0 ? OUTCOME_MORE : OUTCOME_OK;
    }
    if (start.left > 0 && start.at[0] != BER_SEQUENCE)
        return OUTCOME_MALFORMED;
    enum outcome outcome = ber_head(&at, &tag, length);
    *length += start.left - at.left;
    return outcome;
}

static void *ldap_open(struct layer *layer, enum direction client)
{
    struct ldap *ldap = calloc(1, sizeof *ldap);
    if (ldap == NULL)
        return NULL;
    ldap->layer = layer;
    ldap->client = client;
    ldap->bind = INT_NULL;
    ldap->auth = AUTH_NEW;
    if (!ldap_pending_init(dissect_of(ldap), &ldap->pendings)) {
        free(ldap);
        return NULL;
    }
    frames_init(&ldap->frames[0], MESSAGE_MAX);
    frames_init(&ldap->frames[1], MESSAGE_MAX);
    return ldap;
}

static void ldap_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct ldap *ldap = state;
    struct frames *frames = &ldap->frames[direction];
    struct cursor frame;
    if (ldap->inner.dissector != NULL) {
        layer_data(&ldap->inner, direction, bytes, moment);
        return;
    }
    if (frames->lost && recognise(bytes, ldap->layer->conversation->flow) > RECOGNISED_MAYBE)
        frames_reset(frames);
    bool lost = frames->lost;
    frames_open(frames, bytes);
    while (frames_next(frames, measure, &frame)) {
        if (frames->cut)
            pass_over(ldap, direction, frame, moment);
        else if (cursor_starts(frame, "\0", 1))
            read_token(ldap, direction, frame, moment);
        else
            read_messages(ldap, direction, frame, moment);
    }
    if (frames->lost && !lost)
        report(ldap, OUTCOME_MALFORMED, "length of a message", moment);
}

static void ldap_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct ldap *ldap = state;
    if (ldap->inner.dissector != NULL) {
        layer_gap(&ldap->inner, direction, bytes, moment);
        return;
    }
    if (frames_gap(&ldap->frames[direction], bytes))
        return;
    if (frames_within(&ldap->frames[direction]))
        report(ldap, OUTCOME_MORE, "message with a gap", moment);
    if (direction != ldap->client)
        ldap_pending_unread(&ldap->pendings, 0, false);
    frames_reset(&ldap->frames[direction]);
    ldap->frames[direction].lost = true; /* until a chunk begins with a message */
}

static void ldap_ended(void *state, enum direction direction, struct moment moment)
{
    struct ldap *ldap = state;
    layer_ended(&ldap->inner, direction, moment);
    if (frames_within(&ldap->frames[direction]))
        report(ldap, OUTCOME_MORE, "message that the stream ends in", moment);
}

static void ldap_datagram(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    read_messages(state, direction, bytes, moment);
}

static void ldap_close(void *state)
{
    struct ldap *ldap = state;
    layer_close(&ldap->inner);
    frames_free(&ldap->frames[0]);
    frames_free(&ldap->frames[1]);
    ldap_pending_free(dissect_of(ldap), &ldap->pendings);
    free(ldap);
}

const struct dissector ldap_dissector = {
    .name = "ldap",
    .recognise = recognise,
    .open = ldap_open,
    .data = ldap_data,
    .gap = ldap_gap,
    .ended = ldap_ended,
    .close = ldap_close,
};

const struct dissector cldap_dissector = {
    .name = "cldap",
    .recognise = datagram_recognise,
    .open = ldap_open,
    .datagram = ldap_datagram,
    .close = ldap_close,
};
