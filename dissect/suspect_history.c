/* dissect/suspect_history.c: see suspect.h: what a client does over time: tools by their user agent, serial numbers, full
 * reports, downloads without assignment. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dissect/settle.h"
#include "dissect/suspect.h"

#define HINT "hint"
#define FULL_REPORTS 3      /* of one kind */
#define FULL_WITHIN 86400.0 /* seconds: a client's default is one report a week, and few full ones */

/* One message, and what it is compared with others by. */
struct entry {
    uint64_t key;
    int64_t packet, id;
};

struct history {
    struct dissect *dissect;
    struct entry *entries;
    size_t count;
};

static uint64_t key_add(uint64_t key, struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = (uint8_t)text.at[i];
        key = (key ^ (c >= 'a' && c <= 'z' ? c - 32u : c)) * 0x100000001B3u;
    }
    return (key ^ 0xFF) * 0x100000001B3u;
}

#define KEY_START 0xCBF29CE484222325u

static void add(struct history *history, uint64_t key, int64_t packet, int64_t id)
{
    history->entries[history->count++] = (struct entry){key, packet, id};
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    if (left->packet != right->packet)
        return left->packet < right->packet ? -1 : 1;
    return left->id < right->id ? -1 : left->id > right->id;
}

static int compare_places(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    if (left->packet != right->packet)
        return left->packet < right->packet ? -1 : 1;
    return left->id < right->id ? -1 : left->id > right->id;
}

static void sort(struct history *history)
{
    if (history->count > 0)
        qsort(history->entries, history->count, sizeof *history->entries, compare_entries);
}

/* The first entry of each key, in the order of the capture, gets the finding. */
static void find_firsts(struct history *history, const char *code, const char *text)
{
    size_t kept = 0;
    sort(history);
    for (size_t i = 0; i < history->count; i++) {
        struct entry entry = history->entries[i];
        if (kept == 0 || history->entries[kept - 1].key != entry.key)
            history->entries[kept++] = entry; /* kept <= i */
    }
    if (kept > 0)
        qsort(history->entries, kept, sizeof *history->entries, compare_places);
    for (size_t i = 0; i < kept; i++)
        settle_find(history->dissect, history->entries[i].id, code, HINT, text);
    history->count = 0;
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

static void check_tools(struct history *history, const struct sign *sign)
{
    int64_t count = message_count(history);
    for (int64_t id = 1; id <= count; id++) {
        const struct message_row *row = request_at(history, id);
        const struct http_row *http = row == NULL ? NULL : settle_row(history->dissect, TABLE_http, row->http);
        if (http != NULL && shows(http, row, sign))
            add(history, key_add(KEY_START, row->client), row->packet, id);
    }
    find_firsts(history, sign->path ? "T08" : "T06", sign->text);
}

/* ---- C30: serial numbers of state messages rise over the life of a client ---- */

static void check_serials(struct history *history)
{
    int64_t count = message_count(history);
    for (int64_t id = 1; id <= count; id++) {
        const struct message_row *row = request_at(history, id);
        if (row != NULL && row->serial != INT_NULL && row->source_id.length > 0 && row->attempt_of == INT_NULL)
            add(history, key_add(KEY_START, row->source_id), row->packet, id);
    }
    sort(history);
    size_t kept = 0;
    for (size_t i = 1; i < history->count; i++) {
        struct entry entry = history->entries[i], before = history->entries[i - 1];
        const struct message_row *row = request_at(history, entry.id), *last = request_at(history, before.id);
        /* Equal numbers: sent again because no answer came. */
        if (before.key == entry.key && row->serial < last->serial_last && row->serial != last->serial)
            history->entries[kept++] = entry; /* kept < i: the next one still finds its entry before */
    }
    history->count = kept;
    if (kept > 0)
        qsort(history->entries, kept, sizeof *history->entries, compare_places);
    for (size_t i = 0; i < kept; i++)
        settle_find(history->dissect, history->entries[i].id, "C30", "advisory",
                    "the serial number of a state message is below that of the client's message before");
    history->count = 0;
}

/* ---- C28: each full report makes the site delete what it has ---- */

static void check_full_reports(struct history *history)
{
    int64_t count = message_count(history);
    for (int64_t id = 1; id <= count; id++) {
        const struct message_row *row = request_at(history, id);
        if (row != NULL && text_is_like(row->report_type, "Full") && row->source_id.length > 0 &&
            row->attempt_of == INT_NULL && row->serial == INT_NULL) /* state messages are always full */
            add(history, key_add(key_add(KEY_START, row->source_id), row->endpoint), row->packet, id);
    }
    sort(history);
    size_t kept = 0;
    for (size_t i = FULL_REPORTS - 1; i < history->count; i++) {
        struct entry entry = history->entries[i], first = history->entries[i - (FULL_REPORTS - 1)];
        const struct message_row *row = request_at(history, entry.id), *earlier = request_at(history, first.id);
        if (entry.key == first.key && row->time - earlier->time <= FULL_WITHIN)
            history->entries[kept++] = entry; /* kept <= i - 2: what is compared later stays */
    }
    history->count = kept;
    if (kept > 0)
        qsort(history->entries, kept, sizeof *history->entries, compare_places);
    for (size_t i = 0; i < kept; i++)
        settle_find(history->dissect, history->entries[i].id, "C28", HINT,
                    "a third full report of the client within a day: each makes the site delete what it has");
    history->count = 0;
}

/* "GUID:x", "{x}" and "x" are one client. */
static struct text bare_id(struct text id)
{
    if (text_starts_like(id, "GUID:"))
        id = (struct text){id.at + 5, id.length - 5};
    bool braces = id.length > 2 && id.at[0] == '{' && id.at[id.length - 1] == '}';
    return braces ? (struct text){id.at + 1, id.length - 2} : id;
}

/* ---- T09: policies that are fetched, and never were assigned ---- */

static void write_unassigned(struct dissect *dissect, int64_t id)
{
    const struct policy_row *row = settle_row(dissect, TABLE_policy, id);
    struct finding_row finding = finding_row_null();
    finding.packet = row->packet;
    finding.time = row->time;
    finding.flow = row->flow;
    finding.http = row->http;
    settle_write_finding(dissect, &finding, "T09", HINT,
                         "a client fetches policies with its token, and no assignment to it was captured");
}

static void check_unassigned(struct history *history, int64_t policies)
{
    for (int64_t id = 1; id <= policies; id++) {
        const struct policy_row *row = settle_row(history->dissect, TABLE_policy, id);
        /* An assignment stands before all downloads of its client. */
        if (row != NULL && row->client_id.length > 0)
            add(history, key_add(KEY_START, bare_id(row->client_id)), row->fetched == 1 ? row->packet : -1, id);
    }
    sort(history);
    size_t kept = 0;
    for (size_t i = 0; i < history->count; i++) {
        struct entry entry = history->entries[i];
        bool first = i == 0 || history->entries[i - 1].key != entry.key;
        if (first && entry.packet >= 0)
            history->entries[kept++] =
                entry; /* only the key of the one before is looked at, and it stays or is above */
    }
    history->count = 0;
    if (kept > 0)
        qsort(history->entries, kept, sizeof *history->entries, compare_places);
    for (size_t i = 0; i < kept; i++)
        write_unassigned(history->dissect, history->entries[i].id);
}

void suspect_history(struct dissect *dissect)
{
    struct history history = {.dissect = dissect};
    int64_t messages = message_count(&history);
    int64_t policies = dissect->sink.count(dissect->sink.context, TABLE_policy);
    history.entries = calloc((size_t)messages + (size_t)policies + 1, sizeof *history.entries);
    if (history.entries == NULL) {
        dissect->counts.unsettled++;
        return;
    }
    for (size_t i = 0; i < sizeof SIGNS / sizeof SIGNS[0]; i++)
        check_tools(&history, &SIGNS[i]);
    check_serials(&history);
    check_full_reports(&history);
    check_unassigned(&history, policies);
    free(history.entries);
}
