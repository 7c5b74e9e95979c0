/* dissect/trouble.c: see trouble.h. */
#include "dissect/trouble.h"

#include <string.h>

#include "dissect/internal.h"

/* One row of `trouble` of a conversation that is still open. */
struct trouble {
    struct trouble *next;
    const char *protocol, *what;
    enum outcome reason;
    int64_t row;
    int64_t count;
};

static const char *reason_name(enum outcome reason)
{
    static const char *const names[] = {
        [OUTCOME_MORE] = "cut",    [OUTCOME_MALFORMED] = "malformed", [OUTCOME_UNSUPPORTED] = "unsupported",
        [OUTCOME_LIMIT] = "limit", [OUTCOME_SYSTEM] = "system",
    };
    return names[reason];
}

static void count(struct dissect_counts *counts, enum outcome reason)
{
    counts->trouble_cut += reason == OUTCOME_MORE;
    counts->trouble_malformed += reason == OUTCOME_MALFORMED;
    counts->trouble_unsupported += reason == OUTCOME_UNSUPPORTED;
    counts->trouble_system += reason == OUTCOME_SYSTEM;
}

/* Finds the conversation's trouble of that kind; sets *length to how many it has. */
static struct trouble *find(const struct conversation *conversation, const char *protocol, enum outcome reason,
                            const char *what, size_t *length)
{
    *length = 0;
    for (struct trouble *trouble = conversation->troubles; trouble != NULL; trouble = trouble->next) {
        if (trouble->reason == reason && strcmp(trouble->what, what) == 0 && strcmp(trouble->protocol, protocol) == 0)
            return trouble;
        ++*length;
    }
    return NULL;
}

static int64_t append(const struct sink *sink, int64_t flow, const struct trouble *trouble, uint64_t offset,
                      struct moment moment)
{
    struct trouble_row row = trouble_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = flow;
    row.protocol = text_of(trouble->protocol);
    row.reason = text_of(reason_name(trouble->reason));
    row.what = text_of(trouble->what);
    row.offset = offset > INT64_MAX ? INT_NULL : (int64_t)offset;
    row.count = 1;
    return sink_append(sink, TABLE_trouble, &row);
}

static void record(struct conversation *conversation, const char *protocol, enum outcome reason, const char *what,
                   uint64_t offset, struct moment moment)
{
    struct dissect *dissect = conversation->dissect;
    size_t length;
    if (!sink_keeps(&dissect->sink, TABLE_trouble))
        return;
    struct trouble *trouble = find(conversation, protocol, reason, what, &length);
    if (trouble != NULL) {
        trouble->count++;
        return;
    }
    trouble = length < TROUBLES_MAX ? pool_take(&dissect->pool, sizeof *trouble) : NULL;
    if (trouble == NULL) {
        limit_hit(&dissect->counts.limits, LIMIT_troubles);
        return;
    }
    *trouble = (struct trouble){conversation->troubles, protocol, what, reason, INT_NULL, 1};
    trouble->row = append(&dissect->sink, conversation->row, trouble, offset, moment);
    conversation->troubles = trouble;
}

void trouble_report(struct conversation *conversation, const char *protocol, enum outcome reason, const char *what,
                    uint64_t offset, struct moment moment)
{
    count(&conversation->dissect->counts, reason);
    record(conversation, protocol, reason, what, offset, moment);
}

void trouble_settled(struct dissect *dissect, int64_t flow, const char *protocol, enum outcome reason, const char *what,
                     uint64_t offset, struct moment moment)
{
    const struct trouble trouble = {.protocol = protocol, .what = what, .reason = reason};
    count(&dissect->counts, reason);
    if (sink_keeps(&dissect->sink, TABLE_trouble))
        append(&dissect->sink, flow, &trouble, offset, moment);
}

void trouble_limit(struct conversation *conversation, const char *protocol, enum limit limit, struct moment moment)
{
    limit_hit(&conversation->dissect->counts.limits, limit);
    record(conversation, protocol, OUTCOME_LIMIT, limit_meaning(limit), UINT64_MAX, moment);
}

static void write_count(const struct sink *sink, const struct trouble *trouble)
{
    const struct trouble_row *kept = sink_kept(sink, TABLE_trouble, trouble->row);
    if (kept == NULL)
        return;
    struct trouble_row row = *kept;
    row.count = trouble->count;
    sink_amend(sink, TABLE_trouble, trouble->row, &row);
}

void trouble_close(struct conversation *conversation)
{
    while (conversation->troubles != NULL) {
        struct trouble *trouble = conversation->troubles;
        conversation->troubles = trouble->next;
        if (trouble->count > 1)
            write_count(&conversation->dissect->sink, trouble);
        pool_give(&conversation->dissect->pool, trouble, sizeof *trouble);
    }
}
