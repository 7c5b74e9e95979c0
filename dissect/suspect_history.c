/* dissect/suspect_history.c: see suspect.h: what a client does over time: tools by their user agent, serial numbers, full
 * reports, downloads without assignment. */
#include <math.h>
#include <string.h>

#include "dissect/pairs.h"
#include "dissect/settle.h"
#include "dissect/suspect.h"

#define HINT "hint"
#define FULL_REPORTS 3      /* of one kind */
#define FULL_WITHIN 86400.0 /* seconds: a client's default is one report a week, and few full ones */

/* Messages by what they are compared by, and those of them that are told. */
struct history {
    struct dissect *dissect;
    struct pairs entries; /* group: a client; order: the packet; value: the row */
    struct pairs found;   /* group: what is told; order and value as above */
};

static void add(struct history *history, uint64_t group, int64_t packet, int64_t id)
{
    pairs_add(history->dissect, &history->entries, (struct pair){group, packet, (uint64_t)id});
}

static void tell_later(struct history *history, uint64_t what, struct pair entry)
{
    pairs_add(history->dissect, &history->found, (struct pair){what, entry.order, entry.value});
}

typedef void tell(struct dissect *dissect, int64_t id, uint64_t what);

/* In the order of the capture; the lists are empty then. */
static void tell_found(struct history *history, tell *one)
{
    bool any = pairs_sort(history->dissect, &history->found);
    for (uint64_t i = 0; any && i < pairs_count(&history->found); i++) {
        struct pair pair = pairs_at(&history->found, i);
        one(history->dissect, (int64_t)pair.value, pair.group);
    }
    pairs_free(&history->found);
    pairs_free(&history->entries);
}

static const struct message_row *request_at(const struct history *history, int64_t id)
{
    const struct message_row *row = settle_row(history->dissect, TABLE_message, id);
    return row != NULL && text_is(row->direction, "request") ? row : NULL;
}

static int64_t message_count(const struct history *history)
{
    return history->dissect->sink.count(history->dissect->sink.context, TABLE_message);
}

/* ---- T06, T08: user agents and paths of tools ---- */

static const struct sign {
    const char *value, *text;
    bool path;
} SIGNS[] = {
#define TOOL_MESSAGE_ID(value, text)
#define TOOL_ATTACHMENT(value, text)
#define TOOL_USER_AGENT(value, text) {value, text, false},
#define TOOL_PATH(value, text) {value, text, true},
#define TOOL_SIGN(path, value, text)
#define TOOL_SUBJECT(value, text)
#include "dissect/configmgr/tools.def"
};

static bool shows(const struct http_row *http, const struct message_row *row, const struct sign *sign)
{
    size_t at;
    if (!sign->path)
        return text_starts_like(http->user_agent, sign->value);
    return text_is(row->transport, "http") && text_find_like(http->uri, sign->value, &at);
}

#define SIGN_COUNT (sizeof SIGNS / sizeof SIGNS[0])

static void tell_tool(struct dissect *dissect, int64_t id, uint64_t what)
{
    settle_find(dissect, id, SIGNS[what].path ? "T08" : "T06", HINT, SIGNS[what].text);
}

static void add_signs(struct history *history, const struct message_row *row, int64_t id)
{
    const struct http_row *http = settle_row(history->dissect, TABLE_http, row->http);
    for (size_t i = 0; http != NULL && i < SIGN_COUNT; i++) {
        if (shows(http, row, &SIGNS[i])) /* the low part tells which: those of one sign and client are one group */
            add(history, pairs_digest(history->dissect, row->client) / SIGN_COUNT * SIGN_COUNT + i, row->packet, id);
    }
}

/* The first message of each client that shows a sign. */
static void check_tools(struct history *history)
{
    int64_t count = message_count(history);
    for (int64_t id = 1; id <= count; id++) {
        const struct message_row *row = request_at(history, id);
        if (row != NULL)
            add_signs(history, row, id);
    }
    bool any = pairs_sort(history->dissect, &history->entries);
    for (uint64_t i = 0; any && i < pairs_count(&history->entries); i++) {
        struct pair entry = pairs_at(&history->entries, i);
        if (i == 0 || pairs_at(&history->entries, i - 1).group != entry.group)
            tell_later(history, entry.group % SIGN_COUNT, entry);
    }
    tell_found(history, tell_tool);
}

/* ---- C30: serial numbers of state messages rise over the life of a client ---- */

static void tell_serial(struct dissect *dissect, int64_t id, uint64_t what)
{
    (void)what;
    settle_find(dissect, id, "C30", "advisory",
                "the serial number of a state message is below that of the client's message before");
}

/* Equal numbers: sent again because no answer came. */
static bool falls(const struct history *history, struct pair before, struct pair entry)
{
    if (before.group != entry.group)
        return false;
    const struct message_row *last = request_at(history, (int64_t)before.value);
    if (last == NULL)
        return false;
    int64_t first = last->serial, most = last->serial_last; /* the next look may move the row */
    const struct message_row *row = request_at(history, (int64_t)entry.value);
    return row != NULL && row->serial < most && row->serial != first;
}

static void check_serials(struct history *history)
{
    int64_t count = message_count(history);
    for (int64_t id = 1; id <= count; id++) {
        const struct message_row *row = request_at(history, id);
        if (row != NULL && row->serial != INT_NULL && row->source_id.length > 0 && row->attempt_of == INT_NULL)
            add(history, pairs_digest(history->dissect, row->source_id), row->packet, id);
    }
    bool any = pairs_sort(history->dissect, &history->entries);
    for (uint64_t i = 1; any && i < pairs_count(&history->entries); i++) {
        struct pair entry = pairs_at(&history->entries, i);
        if (falls(history, pairs_at(&history->entries, i - 1), entry))
            tell_later(history, 0, entry);
    }
    tell_found(history, tell_serial);
}

/* ---- C28: each full report makes the site delete what it has ---- */

static void tell_full(struct dissect *dissect, int64_t id, uint64_t what)
{
    (void)what;
    settle_find(dissect, id, "C28", HINT,
                "a third full report of the client within a day: each makes the site delete what it has");
}

static double time_of(const struct history *history, struct pair entry)
{
    const struct message_row *row = request_at(history, (int64_t)entry.value);
    return row == NULL ? REAL_NULL : row->time;
}

static void check_full_reports(struct history *history)
{
    int64_t count = message_count(history);
    for (int64_t id = 1; id <= count; id++) {
        const struct message_row *row = request_at(history, id);
        if (row != NULL && text_is_like(row->report_type, "Full") && row->source_id.length > 0 &&
            row->attempt_of == INT_NULL && row->serial == INT_NULL) { /* state messages are always full */
            uint64_t endpoint = pairs_digest(history->dissect, row->endpoint);
            add(history, pairs_digest(history->dissect, row->source_id) * 31 + endpoint, row->packet, id);
        }
    }
    bool any = pairs_sort(history->dissect, &history->entries);
    for (uint64_t i = FULL_REPORTS - 1; any && i < pairs_count(&history->entries); i++) {
        struct pair entry = pairs_at(&history->entries, i);
        struct pair first = pairs_at(&history->entries, i - (FULL_REPORTS - 1));
        if (entry.group == first.group && settle_has_clock(time_of(history, first)) &&
            time_of(history, entry) - time_of(history, first) <= FULL_WITHIN)
            tell_later(history, 0, entry);
    }
    tell_found(history, tell_full);
}

/* ---- T09: policies that are fetched, and never were assigned ---- */

static void tell_unassigned(struct dissect *dissect, int64_t id, uint64_t what)
{
    (void)what;
    const struct policy_row *row = settle_row(dissect, TABLE_policy, id);
    struct finding_row finding = finding_row_null();
    finding.packet = row->packet;
    finding.time = row->time;
    finding.flow = row->flow;
    finding.http = row->http;
    settle_write_finding(dissect, &finding, "T09", HINT,
                         "a client fetches policies with its token, and no assignment to it was captured");
}

static void check_unassigned(struct history *history)
{
    int64_t policies = history->dissect->sink.count(history->dissect->sink.context, TABLE_policy);
    for (int64_t id = 1; id <= policies; id++) {
        const struct policy_row *row = settle_row(history->dissect, TABLE_policy, id);
        /* An assignment stands before all downloads of its client. */
        if (row != NULL && row->client_id.length > 0)
            add(history, pairs_digest(history->dissect, settle_bare_id(row->client_id)),
                row->fetched == 1 ? row->packet : -1, id);
    }
    bool any = pairs_sort(history->dissect, &history->entries);
    for (uint64_t i = 0; any && i < pairs_count(&history->entries); i++) {
        struct pair entry = pairs_at(&history->entries, i);
        if (entry.order >= 0 && (i == 0 || pairs_at(&history->entries, i - 1).group != entry.group))
            tell_later(history, 0, entry);
    }
    tell_found(history, tell_unassigned);
}

void suspect_history(struct dissect *dissect)
{
    struct history history = {.dissect = dissect};
    check_tools(&history);
    check_serials(&history);
    check_full_reports(&history);
    check_unassigned(&history);
}
