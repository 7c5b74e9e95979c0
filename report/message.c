/* report/message.c: whole messages for a person who has never seen one.
 *
 *   message 9: request to MP_PolicyManager, packet 120
 *     Transport   how it travelled, and what was answered
 *     Header      <Msg>, field by field
 *     Hooks       what was done to the payload
 *     Signature   who signed, and whether it holds
 *     Payload     sizes and forms
 *     Body        field by field: name, value, what the value means, what the field is
 *     ...         attachments, what was learned, notes, findings
 */
#include <inttypes.h>
#include <string.h>

#include "records/store.h"
#include "report/layout.h"
#include "report/safe.h"
#include "report/tree.h"
#include "report/utc.h"

#define INDENT 4   /* of lines in a section */
#define STEP 2     /* of each level of a tree */
#define DEEPEST 24 /* levels that are shown as such */

/* Statements that find what belongs to a message. */
enum related {
    RELATED_REPLY,
    RELATED_FIELD,
    RELATED_ATTACHMENT,
    RELATED_REGISTRATION,
    RELATED_CERTIFICATE,
    RELATED_POLICY,
    RELATED_FINDING,
    RELATED_UPLOAD,
    RELATED_COUNT
};

static const struct {
    const char *sql;
    const char *title; /* of a section that lists its rows; NULL: it is shown otherwise */
    enum table table;
} RELATED[RELATED_COUNT] = {
    [RELATED_REPLY] = {"SELECT id FROM message WHERE reply_of = ? ORDER BY id", NULL, TABLE_message},
    [RELATED_FIELD] = {"SELECT id FROM field WHERE message = ? ORDER BY id", NULL, TABLE_field},
    [RELATED_ATTACHMENT] = {"SELECT id FROM attachment WHERE message = ? ORDER BY id", NULL, TABLE_attachment},
    [RELATED_REGISTRATION] = {"SELECT id FROM registration WHERE message = ? ORDER BY id", "Registration",
                              TABLE_registration},
    [RELATED_CERTIFICATE] = {"SELECT id FROM certificate WHERE message = ? ORDER BY id", "Certificate",
                             TABLE_certificate},
    [RELATED_POLICY] = {"SELECT id FROM policy WHERE message = ? ORDER BY id", "Policy assignment", TABLE_policy},
    [RELATED_FINDING] = {"SELECT id FROM finding WHERE message = ? ORDER BY id", NULL, TABLE_finding},
    [RELATED_UPLOAD] = {"SELECT id FROM bits WHERE message = ? ORDER BY id", "Upload", TABLE_bits},
};

struct report_messages {
    FILE *out;
    struct store *store;
    sqlite3_stmt *related[RELATED_COUNT];
};

/* The next row that belongs to the message; 0: none. `first` starts anew. */
static int64_t next_related(struct report_messages *report, enum related related, int64_t message, bool first)
{
    sqlite3_stmt *statement = report->related[related];
    if (first) {
        sqlite3_reset(statement);
        sqlite3_bind_int64(statement, 1, message);
    }
    return sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
}

#define EACH_RELATED(row_id, report, related, message)                                                                 \
    int64_t row_id = next_related(report, related, message, true);                                                     \
    (row_id) != 0;                                                                                                     \
    (row_id) = next_related(report, related, message, false)

/* ---- Lines ---- */

static void print_title(FILE *out, const char *title)
{
    fprintf(out, "  %s\n", title);
}

static void print_value(FILE *out, const char *name, struct text value)
{
    if (value.at == NULL)
        return;
    layout_spaces(out, INDENT);
    fprintf(out, "%s:", name);
    tree_text(out, value, INDENT);
    fputc('\n', out);
}

/* The same with what the value says. */
static void print_explained(FILE *out, const char *name, struct text value, const char *about)
{
    if (value.at == NULL)
        return;
    layout_spaces(out, INDENT);
    fprintf(out, "%s:", name);
    size_t column = INDENT + strlen(name) + 1 + tree_text(out, value, INDENT);
    if (about != NULL)
        tree_about(out, column, text_of(about));
    fputc('\n', out);
}

static void print_time(FILE *out, const char *name, double time)
{
    char text[UTC_TEXT_MAX];
    if (utc_format(time, text))
        print_value(out, name, text_of(text));
}

/* ---- Transport ---- */

/* What `answer` says, in words. */
static const char *answer_text(struct text answer)
{
    static const char *const answers[][2] = {
        {"message", "a reply message"},
        {"no-reply", "taken, there is nothing to say"},
        {"empty", "200 with nothing in it: rejected quietly"},
        {"authenticate", "401: the server wants Windows authentication first"},
        {"refused", "an error of the server"},
        {"other", "something that is no message"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (text_is(answer, answers[i][0]))
            return answers[i][1];
    }
    return "none was seen";
}

/* What `carrier` says, in words; NULL for what is usual. */
static const char *carrier_text(struct text carrier)
{
    static const char *const carriers[][2] = {
        {"bits", "an upload by BITS; the request below is its first one"},
        {"fsp", "a message to a fallback status point, which has no header and no signature"},
        {"notification", "client notification"},
    };
    for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
        if (text_is(carrier, carriers[i][0]))
            return carriers[i][1];
    }
    return NULL;
}

/* The service, in the title. */
static struct text service_text(const struct message_row *row)
{
    if (row->endpoint.at != NULL)
        return row->endpoint;
    if (text_is(row->carrier, "fsp"))
        return TEXT("a fallback status point");
    if (text_is(row->carrier, "notification"))
        return TEXT("client notification");
    return text_is(row->carrier, "bits") ? TEXT("the upload folder") : TEXT("an unknown service");
}

static void print_exchange(FILE *out, const struct http_row *http)
{
    if (http == NULL)
        return;
    print_value(out, "method", http->method);
    print_value(out, "path", http->uri);
    print_value(out, "user agent", http->user_agent);
    print_value(out, "authentication", http->authorization);
    print_value(out, "account", http->auth_user);
    if (http->status != INT_NULL)
        fprintf(out, "    status: %" PRId64 "\n", http->status);
}

/* The first line: what the message is, as its root tells. */
static void print_says(struct report_messages *report, int64_t id)
{
    for (EACH_RELATED(field_id, report, RELATED_FIELD, id)) {
        const struct field_row *field = store_row(report->store, TABLE_field, field_id);
        if (field->depth > 0 || !text_is(field->part, "body"))
            continue;
        if (field->about.at != NULL) {
            fputs("  ", report->out);
            text_print_safe(report->out, field->about);
            fputc('\n', report->out);
        }
        return;
    }
}

static void print_transport(struct report_messages *report, const struct message_row *row, int64_t id)
{
    FILE *out = report->out;
    bool request = text_is(row->direction, "request");
    print_title(out, "Transport");
    print_time(out, "time", row->time);
    print_value(out, "from", request ? row->client : row->server);
    print_value(out, "to", request ? row->server : row->client);
    print_value(out, "over",
                text_is(row->transport, "https") ? TEXT("HTTPS, decrypted here") : TEXT("HTTP, not encrypted"));
    print_value(out, "as", text_of(carrier_text(row->carrier)));
    if (request) {
        print_exchange(out, store_row(report->store, TABLE_http, row->http));
        print_value(out, "answer", text_of(answer_text(row->answer)));
        int64_t reply = next_related(report, RELATED_REPLY, id, true);
        if (reply != 0)
            fprintf(out, "    answered by: message %" PRId64 "\n", reply);
    }
    if (row->reply_of != INT_NULL)
        fprintf(out, "    answers: message %" PRId64 "\n", row->reply_of);
    if (row->attempt_of != INT_NULL)
        fprintf(out, "    repeats: message %" PRId64 ", sent again after the server asked for authentication\n",
                row->attempt_of);
}

/* ---- Fields ---- */

static size_t print_piece(FILE *out, const char *before, struct text text)
{
    fputs(before, out);
    return strlen(before) + text_print_safe(out, text);
}

static void print_field(FILE *out, const struct field_row *field, int64_t base)
{
    int64_t level = field->depth - base;
    level = level < 0 ? 0 : level > DEEPEST ? DEEPEST : level;
    size_t column = INDENT + (size_t)level * STEP;
    layout_spaces(out, column);
    column += print_piece(out, "", field->name);
    if (field->value.at != NULL)
        column += print_piece(out, field->value.length == 0 ? ": (empty)" : ": ", field->value);
    if (field->value.at != NULL && field->value_bytes > (int64_t)field->value.length)
        column += print_piece(out, "...", TEXT(""));
    if (field->meaning.at != NULL) {
        bool group = field->value.at == NULL;
        column += print_piece(out, group ? ": " : text_is(field->kind, "size") ? " " : " = ", field->meaning);
    }
    if (field->about.at != NULL) {
        tree_about(out, column, field->about);
        if (text_is(field->certainty, "uncertain"))
            fputs(" (uncertain)", out);
    }
    fputc('\n', out);
}

/* Which fields of a message a section shows. */
enum shown { SHOWN_HEADER, SHOWN_HOOKS, SHOWN_OTHERS };

static bool is_shown(const struct field_row *field, enum shown shown, struct text part, bool in_hooks)
{
    if (shown == SHOWN_OTHERS)
        return text_equal(field->part, part);
    return text_is(field->part, "header") && (shown == SHOWN_HOOKS) == in_hooks;
}

static void print_fields(struct report_messages *report, int64_t message, enum shown shown, struct text part,
                         const char *title)
{
    bool titled = false, in_hooks = false;
    for (EACH_RELATED(id, report, RELATED_FIELD, message)) {
        const struct field_row *field = store_row(report->store, TABLE_field, id);
        if (field->depth <= 1)
            in_hooks = text_starts_like(field->path, "Msg/Hooks");
        if (!is_shown(field, shown, part, in_hooks))
            continue;
        if (!titled)
            print_title(report->out, title);
        titled = true;
        print_field(report->out, field, shown == SHOWN_HOOKS ? 1 : 0);
    }
}

/* ---- Signature and payload ---- */

/* What the state of a signature says, and where a key comes from, in words. */
static const char *explain(struct text value)
{
    static const char *const words[][2] = {
        {"absent", "there is none"},
        {"valid", "the bytes are those that the holder of the key signed"},
        {"invalid", "the bytes were changed, or signed by somebody else"},
        {"nokey", "cannot be checked: the signer's key was not seen"},
        {"unsupported", "cannot be checked: see the reason"},
        {"header", "the message brings it: that proves possession, not identity"},
        {"registration", "the client was registered with it before"},
        {"keys", "it was given with --keys"},
        {"embedded", "the signature brings it"},
        {"mpcert", "the management point showed its certificate"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_is(value, words[i][0]))
            return words[i][1];
    }
    return NULL;
}

/* A registration is signed in its body, not in its header. */
static struct text signature_of_body(struct report_messages *report, int64_t id)
{
    int64_t registration = next_related(report, RELATED_REGISTRATION, id, true);
    const struct registration_row *row =
        registration == 0 ? NULL : store_row(report->store, TABLE_registration, registration);
    return row == NULL ? TEXT_NULL : row->signature;
}

static void print_signature(struct report_messages *report, const struct message_row *row, int64_t id)
{
    FILE *out = report->out;
    struct text body = signature_of_body(report, id);
    bool any = row->signature.at != NULL || row->client_id_signature.at != NULL || row->token_signature.at != NULL;
    if (!any)
        return;
    print_title(out, "Signature");
    if (body.at != NULL)
        print_explained(out, "in the body", body, explain(body));
    if (body.at == NULL || !text_is(row->signature, "absent"))
        print_explained(out, "of the payload", row->signature, explain(row->signature));
    print_value(out, "reason", row->signature_reason);
    if (!text_is(row->client_id_signature, "absent"))
        print_explained(out, "of the client id", row->client_id_signature, explain(row->client_id_signature));
    if (!text_is(row->token_signature, "absent"))
        print_explained(out, "of the token", row->token_signature, explain(row->token_signature));
    print_value(out, "hash", row->hash);
    print_explained(out, "key from", row->key_source, explain(row->key_source));
    if (row->key_bits != INT_NULL)
        fprintf(out, "    key: %" PRId64 " bits\n", row->key_bits);
    print_value(out, "key fingerprint", row->key_fingerprint);
    if (row->key_registered != INT_NULL)
        print_value(out, "key is the registered one", row->key_registered ? TEXT("yes") : TEXT("no"));
}

/* Against the tables of the 2007 documentation. */
static void print_flags(FILE *out, const struct message_row *row)
{
    if (row->flags_required.at == NULL)
        return;
    print_title(out, "Security flags");
    print_explained(out, "shown", row->flags_shown, "what the message shows");
    print_explained(out, "required", row->flags_required, "what the documentation of 2007 asks for");
    if (row->flags_missing.length > 0)
        print_explained(out, "missing", row->flags_missing, "required and not shown");
    if (row->flags_excess.length > 0)
        print_explained(out, "excess", row->flags_excess, "shown and not in the tables");
    print_explained(out, "source", row->flags_confidence,
                    text_is(row->flags_confidence, "read") ? "its page of the documentation was read"
                                                           : "its page was not to be had: taken from related messages");
}

static void print_bytes(FILE *out, const char *name, int64_t bytes)
{
    if (bytes != INT_NULL)
        fprintf(out, "    %s: %" PRId64 " bytes\n", name, bytes);
}

static void print_payload(FILE *out, const struct message_row *row)
{
    if (row->payload_bytes == INT_NULL)
        return;
    print_title(out, "Payload");
    print_bytes(out, "as sent", row->payload_bytes);
    if (row->compressed != INT_NULL)
        print_value(out, "compressed", row->compressed ? TEXT("yes") : TEXT("no"));
    if (row->encrypted == 1)
        print_value(out, "encrypted", row->encryption.at == NULL ? TEXT("yes") : row->encryption);
    print_bytes(out, "inflated", row->inflated_bytes);
    print_bytes(out, "body", row->body_bytes);
}

/* ---- The rest ---- */

static void print_attachments(struct report_messages *report, int64_t message)
{
    FILE *out = report->out;
    for (EACH_RELATED(id, report, RELATED_ATTACHMENT, message)) {
        const struct attachment_row *row = store_row(report->store, TABLE_attachment, id);
        fprintf(out, "  Attachment %" PRId64 "\n", row->ordinal);
        tree_details(out, report->store, TABLE_attachment, id, INDENT);
    }
}

/* Fields of attachments stand under the part's name, one section for each. */
static void print_attachment_fields(struct report_messages *report, int64_t message)
{
    bool titled = false;
    struct text part = TEXT_NULL;
    for (EACH_RELATED(id, report, RELATED_FIELD, message)) {
        const struct field_row *field = store_row(report->store, TABLE_field, id);
        if (text_is(field->part, "header") || text_is(field->part, "body"))
            continue;
        titled = titled && text_equal(part, field->part);
        part = field->part;
        if (!titled) {
            fputs("  Content of ", report->out);
            text_print_safe(report->out, part);
            fputc('\n', report->out);
        }
        titled = true;
        print_field(report->out, field, 0);
    }
}

static void print_related(struct report_messages *report, enum related related, int64_t message)
{
    for (EACH_RELATED(id, report, related, message)) {
        print_title(report->out, RELATED[related].title);
        tree_details(report->out, report->store, RELATED[related].table, id, INDENT);
    }
}

static void print_notes(FILE *out, struct text notes)
{
    if (notes.at == NULL || notes.length == 0)
        return;
    print_title(out, "Notes (peculiar, but harmless)");
    while (notes.length > 0) {
        const char *end = memchr(notes.at, ';', notes.length);
        size_t length = end == NULL ? notes.length : (size_t)(end - notes.at);
        layout_spaces(out, INDENT);
        print_piece(out, "- ", text_trim((struct text){notes.at, length}));
        fputc('\n', out);
        size_t taken = end == NULL ? length : length + 1;
        notes = (struct text){notes.at + taken, notes.length - taken};
    }
}

static void print_findings(struct report_messages *report, int64_t message)
{
    bool titled = false;
    for (EACH_RELATED(id, report, RELATED_FINDING, message)) {
        const struct finding_row *row = store_row(report->store, TABLE_finding, id);
        if (!titled)
            print_title(report->out, "Findings (departures from the message schema)");
        titled = true;
        layout_spaces(report->out, INDENT);
        print_piece(report->out, "- ", row->code);
        print_piece(report->out, " (", row->level);
        print_piece(report->out, "): ", row->text);
        fputc('\n', report->out);
    }
}

static void print_message(struct report_messages *report, int64_t id)
{
    FILE *out = report->out;
    const struct message_row *row = store_row(report->store, TABLE_message, id);
    if (row == NULL)
        return;
    fprintf(out, "message %" PRId64 ": ", id);
    print_piece(out, "", row->direction);
    print_piece(out, text_is(row->direction, "reply") ? " of " : " to ", service_text(row));
    fprintf(out, ", packet %" PRId64 "\n", row->packet);
    print_says(report, id);
    print_transport(report, row, id);
    print_fields(report, id, SHOWN_HEADER, TEXT_NULL, "Header");
    print_fields(report, id, SHOWN_HOOKS, TEXT_NULL, "Hooks");
    print_signature(report, row, id);
    print_flags(out, row);
    print_payload(out, row);
    print_fields(report, id, SHOWN_OTHERS, TEXT("body"), "Body");
    if (row->body.at != NULL) {
        print_title(out, "Text of the body");
        print_value(out, "text", row->body);
    }
    print_related(report, RELATED_UPLOAD, id);
    print_attachments(report, id);
    print_attachment_fields(report, id);
    print_related(report, RELATED_REGISTRATION, id);
    print_related(report, RELATED_CERTIFICATE, id);
    print_related(report, RELATED_POLICY, id);
    if (row->malformed.at != NULL) {
        print_title(out, "Not decoded to its end");
        print_value(out, "because", row->malformed);
    }
    print_notes(out, row->notes);
    print_findings(report, id);
    fputc('\n', out);
}

enum outcome report_message_trees(FILE *out, struct store *store, sqlite3_stmt *ids, struct error *error)
{
    struct report_messages report = {.out = out, .store = store};
    sqlite3 *db = sqlite3_db_handle(ids);
    int result = SQLITE_OK;
    for (size_t i = 0; i < RELATED_COUNT && result == SQLITE_OK; i++)
        result = sqlite3_prepare_v2(db, RELATED[i].sql, -1, &report.related[i], NULL);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(ids);
        if (result == SQLITE_ROW)
            print_message(&report, sqlite3_column_int64(ids, 0));
    }
    enum outcome outcome =
        result == SQLITE_DONE ? OUTCOME_OK : error_set(error, OUTCOME_SYSTEM, 0, "%s", sqlite3_errmsg(db));
    for (size_t i = 0; i < RELATED_COUNT; i++)
        sqlite3_finalize(report.related[i]);
    return outcome;
}
