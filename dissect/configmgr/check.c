/* dissect/configmgr/check.c: what one message alone shows against the message schema (schema.md 8).
 *
 * Each function makes one group of checks; level "rule" means that a published page says so, "advisory" that it is
 * inferred. Checks over several messages (order of registration, keys of a client) are made
 * where the whole capture is known.
 */
#include <string.h>

#include "dissect/configmgr/certificate.h"
#include "dissect/configmgr/message.h"
#include "dissect/configmgr/security.h"

struct check {
    struct ccm_decoder *decoder;
    struct ccm_message *message;
    const struct xml_element *root; /* of the body, or NULL */
    bool body_whole;                /* all of the body was read */
};

#define RULE "rule"
#define ADVISORY "advisory"

static void found(struct check *check, const char *code, const char *level, const char *text)
{
    ccm_message_find(check->message, code, level, text_of(text));
}

/* The same with one value quoted. */
static void found_value(struct check *check, const char *code, const char *level, const char *text, struct text value)
{
    struct text quoted = text_format(&check->decoder->arena, "%s: %.*s", text,
                                     (int)(value.length < 120 ? value.length : 120), value.at == NULL ? "" : value.at);
    ccm_message_find(check->message, code, level, quoted);
}

static bool one_of(struct text text, const char *const *values)
{
    for (; *values != NULL; values++) {
        if (text_is_like(text, *values))
            return true;
    }
    return false;
}

static bool is_report(const struct check *check)
{
    return check->root != NULL && text_is(check->root->name, "Report");
}

static bool is_state(const struct check *check)
{
    return text_is_like(check->message->header.file_type, "SMX") || xml_count(check->root, "StateMessage", NULL) > 0;
}

/* ---- Flags and transport (C01 to C13) ---- */

static void check_signed(struct check *check)
{
    const struct ccm_message *message = check->message;
    const struct ccm_endpoint *endpoint = message->endpoint;
    if (message->source.reply || endpoint == NULL || message->is_signed || message->token.at != NULL)
        return;
    enum ccm_signing signing = message->source.secure ? endpoint->native : endpoint->mixed;
    if (text_is_like(message->endpoint_name, "MP_RelayEndpoint") && is_state(check)) {
        found(check, message->source.secure ? "C02" : "C01", RULE, "a state message is not signed");
        return;
    }
    if (signing == CCM_SIGNING_REQUIRED)
        found(check, endpoint->code, RULE, "a message that must be signed is not signed");
    else if (signing == CCM_SIGNING_EXPECTED)
        found(check, endpoint->code, ADVISORY, "a message that is usually signed is not signed");
}

static void check_confidential(struct check *check)
{
    const struct ccm_message *message = check->message;
    if (message->source.secure && message->encrypted)
        found(check, "C09", RULE, "the payload is encrypted inside TLS, although that is for mixed mode only");
    bool fallback = message->source.carrier == CCM_CARRIER_FSP; /* takes nothing but plain HTTP */
    if (!message->source.secure && !message->encrypted && !message->source.reply && !fallback && is_report(check))
        found(check, "C10", ADVISORY, "inventory or state is readable on the wire");
}

/* Flags that the tables do not list for the message (C03, C05; C09 tells of encryption in native mode). */
static void check_excess(struct check *check)
{
    struct ccm_security security;
    const struct ccm_endpoint *endpoint = check->message->endpoint;
    if (check->message->source.reply || check->message->source.secure || endpoint == NULL)
        return;
    ccm_security_judge(check->message, &security);
    if (security.known && (security.excess & CCM_FLAG_ENCRYPT))
        found(check, endpoint->code, ADVISORY, "the message is encrypted, which the tables of 2007 do not list for it");
    else if (security.known && (security.excess & CCM_FLAG_SIGN) && strcmp(security.message, "E13") == 0)
        found(check, "C03", ADVISORY, "a status message is signed, which is unusual in mixed mode");
}

static void check_hash(struct check *check)
{
    const char *hash = check->message->payload_signature.hash;
    if (hash != NULL && (strcmp(hash, "sha1") == 0 || strcmp(hash, "md5") == 0))
        found_value(check, "C13", ADVISORY, "the signature uses a weak hash", text_of(hash));
}

/* ---- Body and structure (C20 to C32) ---- */

static void check_endpoint(struct check *check)
{
    const struct ccm_message *message = check->message;
    if (message->source.reply)
        return;
    if (message->endpoint_name.at == NULL || message->endpoint_name.length == 0)
        found(check, "C20", RULE, "there is no TargetEndpoint");
    else if (message->endpoint == NULL)
        found_value(check, "C20", RULE, "TargetEndpoint is not in the list of endpoints", message->endpoint_name);
}

static void check_root(struct check *check)
{
    const struct ccm_message *message = check->message;
    if (message->endpoint == NULL || message->root.at == NULL || message->root.length == 0)
        return;
    if (!ccm_endpoint_accepts(message->endpoint, message->source.reply, message->root))
        found_value(check, "C21", message->endpoint->documented ? RULE : ADVISORY, "the body does not fit the endpoint",
                    message->root);
}

static void check_reply_mode(struct check *check)
{
    const struct ccm_message *message = check->message;
    if (message->endpoint == NULL)
        return;
    if (message->source.reply && !message->endpoint->answers && message->root.at != NULL)
        found(check, "C22", RULE, "a message that is only posted got a reply with a body");
    if (!message->source.reply && !message->endpoint->answers && text_is_like(message->header.reply_mode, "Sync"))
        found(check, "C22", RULE, "ReplyMode is Sync, although the endpoint does not reply");
    if (!message->source.reply && message->endpoint->answers && text_is_like(message->header.reply_mode, "Async"))
        found(check, "C22", RULE, "ReplyMode is Async, although the endpoint replies");
}

static struct text without_braces(struct text name)
{
    bool braces = name.length >= 2 && name.at[0] == '{' && name.at[name.length - 1] == '}';
    return braces ? (struct text){name.at + 1, name.length - 2} : name;
}

static void check_attachments(struct check *check)
{
    const struct ccm_header *header = &check->message->header;
    const struct ccm_endpoint *endpoint = check->message->endpoint;
    size_t count = header->attachment_count < CCM_RANGES_MAX ? header->attachment_count : CCM_RANGES_MAX;
    bool named = endpoint == NULL || endpoint->attachment == NULL || count == 0 || count < header->attachment_count ||
                 !header->document.complete;
    for (size_t i = 0; i < count; i++) {
        struct text name = header->attachments[i].name;
        named = named || text_is_like(name, endpoint->attachment);
        for (size_t j = 0; j < i && name.at != NULL; j++) {
            if (text_equal(name, header->attachments[j].name)) {
                found_value(check, "C23", RULE, "two attachments have the same name", name);
                i = count; /* once is enough */
                break;
            }
        }
    }
    if (!named)
        found(check, "C23", text_is_like(check->message->endpoint_name, "MP_HinvEndpoint") ? ADVISORY : RULE,
              "no attachment has the name that the endpoint asks for");
}

static void check_file_type(struct check *check)
{
    static const char *const known[] = {"SMX", "SWM", "IDMIF", "FILECOLL", "STA", NULL};
    const struct ccm_message *message = check->message;
    if (message->source.reply || !text_is_like(message->endpoint_name, "MP_RelayEndpoint"))
        return;
    struct text type = message->header.file_type;
    if (type.at == NULL)
        found(check, "C24", RULE, "a relay message carries no file type");
    else if (!one_of(type, known))
        found_value(check, "C24", RULE, "the file type of a relay message is not known", type);
    else if (check->body_whole && text_is_like(type, "SMX") && xml_count(check->root, "StateMessage", NULL) == 0)
        found(check, "C24", RULE, "the file type says state message, but the body holds none");
    else if (check->body_whole && text_is_like(type, "SWM") && xml_count(check->root, "ProductInfo", NULL) == 0)
        found(check, "C24", RULE, "the file type says metering, but the body holds none");
}

/* State and metering travel in the body, not as an attachment (C25). */
static void check_in_body(struct check *check)
{
    static const char state[] = {'<', 0,   'S', 0,   't', 0,   'a', 0,   't', 0,   'e',
                                 0,   'M', 0,   'e', 0,   's', 0,   's', 0,   'a', 0};
    static const char meter[] = {'<', 0,   'P', 0,   'r', 0,   'o', 0,   'd', 0,   'u',
                                 0,   'c', 0,   't', 0,   'I', 0,   'n', 0,   'f', 0};
    const struct ccm_message *message = check->message;
    size_t at;
    if (message->source.reply || check->root == NULL || message->header.attachment_count == 0 ||
        !text_is_like(message->endpoint_name, "MP_RelayEndpoint"))
        return;
    if (xml_count(check->root, "StateMessage", NULL) == 0 &&
        cursor_find(message->plain, cursor_of(state, sizeof state), &at))
        found(check, "C25", RULE, "state messages are in an attachment instead of the body");
    if (xml_count(check->root, "ProductInfo", NULL) == 0 &&
        cursor_find(message->plain, cursor_of(meter, sizeof meter), &at))
        found(check, "C25", RULE, "metering data are in an attachment instead of the body");
}

static void check_collected(struct check *check)
{
    const struct xml_element *file = NULL;
    const struct ccm_header *header = &check->message->header;
    if (xml_count(check->root, "CollectedFile", &file) == 0)
        return;
    static const char *const contents[] = {"new", "deleted", "updated", NULL};
    size_t count = header->attachment_count < CCM_RANGES_MAX ? header->attachment_count : CCM_RANGES_MAX;
    for (; file != NULL; file = xml_next(file)) {
        struct text id = xml_attribute(file, "ID");
        bool there = count == CCM_RANGES_MAX;
        for (size_t i = 0; i < count && !there; i++)
            there = text_equal(header->attachments[i].name, id);
        if (!there && !text_is_like(xml_attribute(file, "Content"), "deleted"))
            found_value(check, "C26", RULE, "a collected file has no attachment of its name", id);
        if (!one_of(xml_attribute(file, "Content"), contents))
            found_value(check, "C26", RULE, "Content of a collected file is not new, deleted or updated",
                        xml_attribute(file, "Content"));
    }
}

/* The last digits of the action that a report must have been made by; NULL when any may be. */
static const char *action_of(const struct ccm_message *message)
{
    if (text_is_like(message->header.file_type, "IDMIF"))
        return "11";
    return message->endpoint == NULL ? NULL : message->endpoint->action;
}

static void check_report(struct check *check)
{
    if (!is_report(check) || check->message->source.reply)
        return;
    const struct xml_element *header = xml_child(check->root, "ReportHeader");
    const struct xml_element *action = xml_child(header, "InventoryAction");
    const char *wanted = action_of(check->message);
    if (action != NULL && !text_is_like(xml_attribute(action, "ActionType"), "Predefined"))
        found(check, "C27", RULE, "ActionType is not Predefined");
    struct text id = without_braces(xml_text(xml_child(action, "InventoryActionID")));
    if (id.at == NULL)
        id = without_braces(xml_text(xml_path(header, "FileCollectionAction/FileCollectionActionID")));
    if (wanted != NULL && id.at != NULL && id.length >= 2 && memcmp(id.at + id.length - 2, wanted, 2) != 0)
        found_value(check, "C27", RULE, "the inventory action does not fit the endpoint", id);

    static const char *const types[] = {"full", "delta", NULL};
    struct text type = xml_text(xml_path(header, "ReportDetails/ReportType"));
    if (type.at != NULL && !one_of(type, types))
        found_value(check, "C28", RULE, "ReportType is neither full nor delta", type);

    static const char *const clients[] = {"0", "1", "3", NULL};
    struct text client = xml_text(xml_path(header, "Identification/Machine/ClientType"));
    if (client.at != NULL && !one_of(client, clients))
        found_value(check, "C29", RULE, "ClientType is not 0, 1 or 3", client);
}

static void check_schema_version(struct check *check)
{
    static const char *const versions[] = {"1.0", "1.00", NULL};
    static const char *const roots[] = {"ContentLocationRequest", "LocalMPLocationRequest",
                                        "WSUSLocationRequest",    "RequestAssignments",
                                        "ReplyAssignments",       "Status",
                                        "ContentLocationReply",   "LocalMPLocationReply",
                                        "WSUSLocationReply",      NULL};
    struct text version = xml_attribute(check->root, "SchemaVersion");
    if (check->root == NULL || !one_of(check->root->name, roots) || one_of(version, versions))
        return;
    found_value(check, "C29", RULE, "SchemaVersion is not 1.0 or 1.00", version);
}

/* SerialNumber counts up over the life of a client; across messages see suspect.c. */
static void check_serial(struct check *check, const struct xml_element *state, uint64_t *last)
{
    uint64_t serial;
    if (!text_to_u64(xml_attribute(state, "SerialNumber"), &serial))
        return;
    if (*last > 0 && serial <= *last)
        found_value(check, "C30", RULE, "the serial numbers of state messages do not rise",
                    xml_attribute(state, "SerialNumber"));
    *last = serial;
}

static void check_state(struct check *check)
{
    const struct xml_element *state = NULL;
    uint64_t last = 0;
    size_t count = xml_count(check->root, "StateMessage", &state);
    for (; count > 0 && state != NULL; state = xml_next(state)) {
        const struct xml_element *parameters = xml_child(state, "UserParameters");
        size_t parameter_count = parameters == NULL ? 0 : xml_count(parameters, "Param", NULL);
        uint64_t told;
        if (xml_child(state, "Topic") == NULL || xml_next(xml_child(state, "Topic")) != NULL)
            found(check, "C30", RULE, "a state message has not exactly one Topic");
        if (xml_child(state, "State") == NULL || xml_next(xml_child(state, "State")) != NULL)
            found(check, "C30", RULE, "a state message has not exactly one State");
        if (parameter_count > 5)
            found(check, "C30", RULE, "a state message has more than five parameters");
        if (text_to_u64(xml_attribute(parameters, "Count"), &told) && told != parameter_count)
            found(check, "C30", ADVISORY, "Count is not the number of parameters");
        check_serial(check, state, &last);
    }
}

static void check_metering(struct check *check)
{
    const struct xml_element *data = NULL;
    size_t count = xml_count(check->root, "HistoricalMeterData", &data);
    for (; count > 0 && data != NULL; data = xml_next(data)) {
        uint64_t status;
        if (text_to_u64(xml_attribute(data, "Status"), &status) && (status & ~(uint64_t)15) != 0)
            found_value(check, "C31", RULE, "Status of a metering record has unknown bits",
                        xml_attribute(data, "Status"));
    }
}

/* What no sender of the product writes, and by which one reader may be told something else than another. */
static void check_ambiguous(struct check *check)
{
    const struct ccm_message *message = check->message;
    if (message->header.repeated.at != NULL)
        found_value(check, "C32", ADVISORY, "something stands twice in the header, and readers may take either",
                    message->header.repeated);
    if (message->header.document.has_doctype)
        found(check, "C32", ADVISORY, "the header has a document type declaration: its entities are not expanded");
    if (message->document.has_doctype)
        found(check, "C32", ADVISORY, "the body has a document type declaration: its entities are not expanded");
    if (message->multipart.inside && ccm_message_is_whole(message)) /* a cut delimiter starts no part either */
        found(check, "C32", ADVISORY, "the boundary stands inside a part, and readers may end the part there");
    if (message->multipart.count > 2)
        found(check, "C32", ADVISORY,
              "the boundary starts more parts than two, and readers may take either as payload");
    const struct {
        size_t bytes;
        const char *text;
    } hidden[] = {
        {message->behind_stream, "bytes are sent after the end of the zlib stream"},
        {message->unranged, "bytes of the payload are in no range of the header"},
        {message->behind_terminator, "bytes of the body are sent after the terminator of its text"},
        {message->multipart.before, "bytes are sent before the first boundary"},
        {message->multipart.behind, "bytes are sent after the closing boundary"},
    };
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0] && ccm_message_is_whole(message); i++) {
        if (hidden[i].bytes > 0)
            ccm_message_find(check->message, "C32", ADVISORY,
                             text_format(&check->decoder->arena, "%s, where not every reader looks: %zu",
                                         hidden[i].text, hidden[i].bytes));
    }
}

static void check_ranges(struct check *check)
{
    const struct ccm_message *message = check->message;
    const struct ccm_header *header = &message->header;
    struct cursor slice;
    if (message->malformed.at != NULL && ccm_message_is_whole(message))
        ccm_message_find(check->message, "C32", RULE, message->malformed);
    if (header->attachment_count > CCM_RANGES_MAX)
        found(check, "C32", ADVISORY, "there are more attachments than are looked at");
    size_t count = header->attachment_count < CCM_RANGES_MAX ? header->attachment_count : CCM_RANGES_MAX;
    for (size_t i = 0; i < count && message->has_plain && ccm_message_is_whole(message); i++) {
        const struct ccm_range *range = &header->attachments[i];
        if (range->numeric && cursor_slice(message->plain, range->offset, range->length, &slice))
            continue;
        found(check, "C32", RULE, "an attachment reaches beyond the payload");
        return;
    }
}

/* ---- Registration and trust (C40 to C47) ---- */

static void check_registration(struct check *check)
{
    if (check->root == NULL || !text_is(check->root->name, "ClientRegistrationRequest"))
        return;
    const struct xml_element *data = xml_child(check->root, "Data");
    struct text type = xml_attribute(data, "RequestType"), smsid = xml_attribute(data, "SMSID");
    static const char *const request_types[] = {"Registration", "Confirmation", NULL};
    if (!one_of(type, request_types))
        found_value(check, "C40", RULE, "RequestType is neither Registration nor Confirmation", type);
    if (smsid.length == 0)
        smsid = xml_attribute(xml_child(check->root, "Signature"), "SMSID");
    if (text_is_like(type, "Confirmation") && smsid.length == 0)
        found(check, "C40", RULE, "a confirmation carries no SMSID");

    static const char *const agents[] = {"0", "1", "2", "3", "4", "8", NULL};
    struct text agent = xml_attribute(xml_child(data, "AgentInformation"), "AgentType");
    if (!one_of(agent, agents))
        found_value(check, "C41", RULE, "AgentType is not a documented one", agent);

    bool secure = check->message->source.secure;
    if (secure && xml_path(data, "Certificates/Encryption") != NULL)
        found(check, "C42", RULE, "an encryption certificate is sent in native mode, where it is ignored");
    if (!secure && xml_count(data, "RegistrationHint", NULL) > 0)
        found(check, "C42", RULE, "a registration hint is sent in mixed mode");
    if (xml_path(check->root, "Signature/SignatureValue") == NULL)
        found(check, "C04", RULE, "the registration is not signed: there is no SignatureValue");
}

static void check_signatures(struct check *check)
{
    const struct {
        const struct ccm_signature *signature;
        const char *text;
    } all[] = {
        {&check->message->payload_signature,
         check->message->source.reply ? "the signature of the reply is invalid" : "the payload signature is invalid"},
        {&check->message->client_id_signature, "the client id signature is invalid"},
        {&check->message->token_signature, "the token signature is invalid"},
        {&check->message->registration_signature, "the registration signature is invalid"},
    };
    if (check->message->public_key_problem != NULL)
        found_value(check, "C45", ADVISORY, "the PublicKey in the header cannot be read",
                    text_of(check->message->public_key_problem));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].signature->state == CCM_SIGNATURE_INVALID)
            found_value(check, "C45", ADVISORY, all[i].text, text_of(all[i].signature->reason));
    }
}

static void check_certificate_kind(struct check *check)
{
    const struct certificate_row *row = ccm_message_certificate(check->decoder, check->message);
    if (row == NULL)
        return;
    if (row->problem.at != NULL)
        found(check, "C45", ADVISORY, "the signing certificate of a registration cannot be read");
    else if (check->message->source.secure && row->self_signed == 1)
        found(check, "C46", RULE, "a self-signed client certificate is used in native mode");
    else if (!check->message->source.secure && row->self_signed == 0)
        found(check, "C46", RULE, "a client certificate of a PKI is used in mixed mode");
}

static void check_reply_signed(struct check *check)
{
    const struct ccm_message *message = check->message;
    if (message->source.reply && message->has_payload && !message->is_signed)
        found(check, "C47", ADVISORY, "the reply is not signed, so the client cannot verify the management point");
}

/* ---- Policy (C50, C51) ---- */

#define REFERENCES_CHECKED_MAX 200 /* each is compared with all assignments */

static bool is_assigned(const struct xml_element *root, struct text id)
{
    const struct xml_element *assignment = xml_child(root, "PolicyAssignment");
    while (assignment != NULL && !text_equal(xml_attribute(assignment, "PolicyAssignmentID"), id))
        assignment = xml_next(assignment);
    return assignment != NULL;
}

/* Each Reference of the signature names an assignment of this reply. */
static void check_references(struct check *check)
{
    if (check->root == NULL || !text_is(check->root->name, "ReplyAssignments"))
        return;
    const struct xml_element *reference = xml_path(check->root, "Signature/Reference");
    for (size_t i = 0; reference != NULL && i < REFERENCES_CHECKED_MAX; i++, reference = xml_next(reference)) {
        struct text id = xml_attribute(reference, "PolicyAssignmentID");
        if (!is_assigned(check->root, id))
            found_value(check, "C51", RULE, "a signature refers to an assignment that is not there", id);
    }
    if (reference != NULL)
        limit_hit(&check->decoder->limits, LIMIT_policy_references);
}

static void check_assignments(struct check *check)
{
    const struct xml_element *root = check->root;
    if (root == NULL || !text_is(root->name, "ReplyAssignments"))
        return;
    const struct xml_element *signature = xml_child(root, "Signature");
    if (signature != NULL && !check->message->source.secure)
        found(check, "C50", RULE, "policy assignments are signed over HTTP, which 2007 does in native mode only");
    if (signature == NULL && check->message->source.secure)
        found(check, "C50", RULE, "policy assignments are not signed in native mode");
    for (const struct xml_element *assignment = xml_child(root, "PolicyAssignment"); assignment != NULL;
         assignment = xml_next(assignment)) {
        for (const struct xml_element *policy = xml_child(assignment, "Policy"); policy != NULL;
             policy = xml_next(policy)) {
            if (xml_attribute(policy, "PolicyID").length == 0)
                found(check, "C51", RULE, "a policy has no PolicyID");
            if (xml_attribute(policy, "PolicyCategory").at == NULL)
                found_value(check, "C51", RULE, "a policy has no PolicyCategory", xml_attribute(policy, "PolicyID"));
        }
    }
}

/* What must have been read to its end before a check may speak. A check that finds something absent, or too short,
 * in what was cut off would accuse the sender of what the capture lacks. */
enum whole {
    ANY,    /* it speaks of what is there */
    HEADER, /* of what the header lacks */
    BODY    /* of what the body lacks */
};

static const struct {
    void (*check)(struct check *);
    enum whole whole;
} CHECKS[] = {
    {check_signed, HEADER},       {check_confidential, ANY},  {check_excess, ANY},       {check_hash, ANY},
    {check_endpoint, HEADER},     {check_root, ANY},          {check_reply_mode, ANY},   {check_attachments, ANY},
    {check_file_type, HEADER},    {check_in_body, BODY},      {check_collected, HEADER}, {check_report, BODY},
    {check_schema_version, ANY},  {check_state, BODY},        {check_metering, ANY},     {check_ranges, ANY},
    {check_ambiguous, ANY},       {check_registration, BODY}, {check_signatures, ANY},   {check_certificate_kind, BODY},
    {check_reply_signed, HEADER}, {check_assignments, BODY},  {check_references, BODY},
};

void ccm_message_check(struct ccm_decoder *decoder, struct ccm_message *message)
{
    struct check check = {.decoder = decoder, .message = message, .root = message->document.root};
    check.body_whole = check.root != NULL && message->document.complete && ccm_message_is_whole(message);
    const bool whole[] = {[ANY] = true, [HEADER] = message->header.document.complete, [BODY] = check.body_whole};
    if (message->no_reply)
        return;
    for (size_t i = 0; i < sizeof CHECKS / sizeof CHECKS[0]; i++) {
        if (whole[CHECKS[i].whole])
            CHECKS[i].check(&check);
    }
    ccm_message_check_tools(decoder, message);
}
