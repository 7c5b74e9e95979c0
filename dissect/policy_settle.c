/* dissect/policy_settle.c: see policy.h: downloads against the hashes of their assignments (schema.md 8, C52 and C53).
 *
 * A download belongs to the assignment of the same policy and version to the same client: by its client id, or where the
 * token names none by its address; the last one before the download, else the first one after it.
 */
#include <string.h>

#include "dissect/configmgr/policy.h"
#include "dissect/policy.h"
#include "dissect/settle.h"

static uint64_t key_add(uint64_t key, struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = (uint8_t)text.at[i];
        key = (key ^ (c >= 'a' && c <= 'z' ? c - 32u : c)) * 0x100000001B3u;
    }
    return (key ^ 0xFF) * 0x100000001B3u;
}

static uint64_t key_of(const struct policy_row *row, struct text client)
{
    return key_add(key_add(key_add(0xCBF29CE484222325u, row->policy_id), row->version), client);
}

static bool same_text(struct text a, struct text b)
{
    return a.length == b.length && key_add(0, a) == key_add(0, b);
}

static bool same_policy(const struct policy_row *a, const struct policy_row *b)
{
    return same_text(a->policy_id, b->policy_id) && same_text(a->version, b->version);
}

/* Adds an assignment to the list, by a key of policy, version and client. */
static bool list_assignment(struct spill *list, const struct policy_row *row, struct text client, int64_t id)
{
    struct spill_pair entry = {(int64_t)key_of(row, client), id};
    return spill_append(list, &entry, sizeof entry) != NULL;
}

/* All assignments, by client id and by address; NULL when there is no memory for them. */
static struct spill *list_assignments(struct dissect *dissect, int64_t rows)
{
    struct spill *list = spill_new(settle_pool(dissect));
    bool ok = list != NULL;
    for (int64_t id = 1; ok && id <= rows; id++) {
        const struct policy_row *row = settle_row(dissect, TABLE_policy, id);
        if (row == NULL || row->fetched != 0 || row->policy_id.length == 0)
            continue;
        ok = (row->client_id.length == 0 || list_assignment(list, row, row->client_id, id)) &&
             list_assignment(list, row, row->client, id);
    }
    if (ok && spill_sort(&list, settle_pool(dissect)))
        return list;
    spill_free(list);
    return NULL;
}

/* The place of the first entry that is not before (key, id). */
static uint64_t place_of(struct spill *list, uint64_t count, int64_t key, int64_t id)
{
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct spill_pair entry = *spill_pair_at(list, middle);
        if (entry.key < key || (entry.key == key && entry.value < id))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The assignment at that place if it is one of the key and of the policy; else NULL. *other: it is of another key. */
static const struct policy_row *assignment_at(struct dissect *dissect, struct spill *list, uint64_t place, int64_t key,
                                              const struct policy_row *download, bool *other)
{
    struct spill_pair entry = *spill_pair_at(list, place);
    *other = entry.key != key;
    const struct policy_row *row = *other ? NULL : settle_row(dissect, TABLE_policy, entry.value);
    return row != NULL && same_policy(row, download) ? row : NULL;
}

/* Rows stand in the order of their packets: the last one before the download stands just before its id, or behind it
 * where both are of one packet. */
static int64_t find_assignment(struct dissect *dissect, struct spill *list, const struct policy_row *download,
                               int64_t id, struct text client)
{
    int64_t key = (int64_t)key_of(download, client), found = INT_NULL;
    uint64_t count = spill_size(list) / sizeof(struct spill_pair), middle = place_of(list, count, key, id);
    bool other = false;
    for (uint64_t i = middle; i < count && !other; i++) {
        const struct policy_row *row = assignment_at(dissect, list, i, key, download, &other);
        if (row != NULL && row->packet > download->packet) {
            found = found == INT_NULL ? spill_pair_at(list, i)->value : found;
            break;
        }
        found = row == NULL ? found : spill_pair_at(list, i)->value;
    }
    const struct policy_row *after = settle_row(dissect, TABLE_policy, found);
    if (after != NULL && after->packet <= download->packet)
        return found;
    other = false;
    for (uint64_t i = middle; i-- > 0 && !other;) {
        if (assignment_at(dissect, list, i, key, download, &other) != NULL)
            return spill_pair_at(list, i)->value;
    }
    return found;
}

/* ---- Hashes ---- */

/* 1, 0 or INT_NULL. */
static int64_t compare_hashes(const struct policy_row *assignment, const struct policy_row *download)
{
    const struct text named[2] = {assignment->hash, assignment->hash_ex};
    const struct text bodies[CCM_POLICY_HASHES] = {download->body_md5, download->body_sha1, download->body_sha256};
    int result = ccm_policy_compare(named, bodies);
    if (result == 1)
        return 1;
    bool closed = text_is(download->body, "secret-cms") && download->decrypted != 1;
    return result < 0 || closed || text_is(download->body, "error") ? INT_NULL : 0;
}

/* ---- Findings ---- */

static void find_download(struct dissect *dissect, const struct policy_row *download, int64_t message, const char *code,
                          const char *level, const char *text)
{
    struct finding_row finding = finding_row_null();
    finding.packet = download->packet;
    finding.time = download->time;
    finding.flow = download->flow;
    finding.http = download->http;
    finding.message = message;
    settle_write_finding(dissect, &finding, code, level, text);
}

#define FLAGS_NOT_FETCHED 7 /* bits 1, 2 and 4 (schema.md 4.2) */

static void find_departures(struct dissect *dissect, int64_t id, int64_t assignment)
{
    const struct policy_row *kept = settle_row(dissect, TABLE_policy, id);
    if (kept == NULL)
        return;
    struct policy_row row = *kept; /* appending findings may move nothing of this table */
    const struct http_row *http = settle_row(dissect, TABLE_http, row.http);
    bool clear = http != NULL && http->tls != 1 && text_is(row.body, "clear") && row.secrets > 0;
    const struct policy_row *assigned = settle_row(dissect, TABLE_policy, assignment);
    int64_t message = assigned == NULL ? INT_NULL : assigned->message;
    int64_t flags = assigned == NULL || assigned->flags == INT_NULL ? 0 : assigned->flags;
    if (row.hash_ok == 0)
        find_download(dissect, &row, message, "C52", "rule", CCM_FINDING_POLICY_HASH);
    bool served = text_is(row.body, "clear") || text_is(row.body, "secret-cms"); /* of others not enough was read */
    if ((flags & FLAGS_NOT_FETCHED) != 0 && served)
        find_download(dissect, &row, message, "C52", "advisory",
                      "a policy is downloaded although its flags (1, 2, 4) say not to in the 2007 documentation; newer "
                      "products use them for authentication and secrecy");
    if (clear)
        find_download(dissect, &row, message, "C53", "advisory",
                      "a policy with secret values crosses the wire readable");
}

void settle_policies(struct dissect *dissect)
{
    int64_t rows = dissect->sink.count(dissect->sink.context, TABLE_policy);
    struct spill *list = rows == 0 ? NULL : list_assignments(dissect, rows);
    if (list == NULL) {
        dissect->counts.unsettled += (uint64_t)rows;
        return;
    }
    for (int64_t id = 1; id <= rows; id++) {
        const struct policy_row *kept = settle_row(dissect, TABLE_policy, id);
        if (kept == NULL || kept->fetched != 1)
            continue;
        struct policy_row row = *kept;
        int64_t found = row.client_id.length == 0 ? INT_NULL : find_assignment(dissect, list, &row, id, row.client_id);
        if (found == INT_NULL)
            found = find_assignment(dissect, list, &row, id, row.client);
        const struct policy_row *assignment = settle_row(dissect, TABLE_policy, found);
        row.hash_ok = assignment == NULL ? INT_NULL : compare_hashes(assignment, &row);
        if (row.hash_ok != INT_NULL)
            sink_amend(&dissect->sink, TABLE_policy, id, &row);
        find_departures(dissect, id, found);
    }
    spill_free(list);
}
