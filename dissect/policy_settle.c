/* dissect/policy_settle.c: see policy.h: downloads against the hashes of their assignments (schema.md 8, C52 and C53).
 *
 * A download belongs to the assignment of the same policy and version to the same client: by its client id, or where the
 * token names none by its address; the last one before the download, else the first one after it.
 */
#include <stdlib.h>
#include <string.h>

#include "dissect/policy.h"
#include "dissect/settle.h"

struct entry {
    uint64_t key; /* of policy, version and client */
    int64_t id;   /* row of policy: an assignment */
};

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

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->id < right->id ? -1 : left->id > right->id;
}

/* All assignments, by client id and by address. */
static struct entry *list_assignments(struct dissect *dissect, int64_t rows, size_t *count)
{
    struct entry *entries = calloc((size_t)rows * 2, sizeof *entries);
    *count = 0;
    for (int64_t id = 1; entries != NULL && id <= rows; id++) {
        const struct policy_row *row = settle_row(dissect, TABLE_policy, id);
        if (row == NULL || row->fetched != 0 || row->policy_id.length == 0)
            continue;
        if (row->client_id.length > 0)
            entries[(*count)++] = (struct entry){key_of(row, row->client_id), id};
        entries[(*count)++] = (struct entry){key_of(row, row->client), id};
    }
    if (entries != NULL && *count > 0)
        qsort(entries, *count, sizeof *entries, compare_entries);
    return entries;
}

static int64_t find_assignment(struct dissect *dissect, const struct entry *entries, size_t count,
                               const struct policy_row *download, struct text client)
{
    uint64_t key = key_of(download, client);
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    int64_t found = INT_NULL;
    for (size_t i = low; i < count && entries[i].key == key; i++) {
        const struct policy_row *row = settle_row(dissect, TABLE_policy, entries[i].id);
        if (row == NULL || !same_policy(row, download) || (found != INT_NULL && row->packet > download->packet))
            continue;
        found = entries[i].id;
    }
    return found;
}

/* ---- Hashes as assignments write them: "SHA256:hex", or hex whose length tells (wire.md 5.6) ---- */

static int hash_rank(struct text *hash)
{
    static const struct {
        const char *prefix;
        size_t digits;
    } ranks[] = {{"MD5:", 32}, {"SHA1:", 40}, {"SHA256:", 64}};
    *hash = text_trim(*hash);
    for (int i = 0; i < 3; i++) {
        size_t prefix = strlen(ranks[i].prefix);
        if (text_starts_like(*hash, ranks[i].prefix) && hash->length == prefix + ranks[i].digits) {
            *hash = (struct text){hash->at + prefix, ranks[i].digits};
            return i;
        }
        if (hash->length == ranks[i].digits)
            return i;
    }
    return -1;
}

/* 1, 0 or INT_NULL. The stronger of the two hashes decides. */
static int64_t compare_hashes(const struct policy_row *assignment, const struct policy_row *download)
{
    struct text named[2] = {assignment->hash, assignment->hash_ex};
    int rank[2] = {hash_rank(&named[0]), hash_rank(&named[1])};
    int best = rank[1] >= rank[0] ? 1 : 0;
    if (rank[best] < 0)
        return INT_NULL;
    struct text bodies[] = {download->body_md5, download->body_sha1, download->body_sha256};
    struct text body = bodies[rank[best]];
    if (body.at == NULL)
        return INT_NULL;
    if (same_text(named[best], body))
        return 1;
    bool closed = text_is(download->body, "secret-cms") && download->decrypted != 1;
    return closed || text_is(download->body, "error") ? INT_NULL : 0;
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
        find_download(dissect, &row, message, "C52", "rule",
                      "a policy body has not the hash that its assignment names");
    if ((flags & FLAGS_NOT_FETCHED) != 0 && !text_is(row.body, "error"))
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
    size_t count;
    struct entry *entries = rows == 0 ? NULL : list_assignments(dissect, rows, &count);
    if (entries == NULL)
        return;
    for (int64_t id = 1; id <= rows; id++) {
        const struct policy_row *kept = settle_row(dissect, TABLE_policy, id);
        if (kept == NULL || kept->fetched != 1)
            continue;
        struct policy_row row = *kept;
        int64_t found =
            row.client_id.length == 0 ? INT_NULL : find_assignment(dissect, entries, count, &row, row.client_id);
        if (found == INT_NULL)
            found = find_assignment(dissect, entries, count, &row, row.client);
        const struct policy_row *assignment = settle_row(dissect, TABLE_policy, found);
        row.hash_ok = assignment == NULL ? INT_NULL : compare_hashes(assignment, &row);
        if (row.hash_ok != INT_NULL)
            sink_amend(&dissect->sink, TABLE_policy, id, &row);
        find_departures(dissect, id, found);
    }
    free(entries);
}
