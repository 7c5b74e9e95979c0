/* dissect/shared_keys.c: see shared_keys.h. */
#include "dissect/shared_keys.h"

#include "dissect/pairs.h"
#include "dissect/settle.h"

/* Rows by certificate and client. */
static void list(struct dissect *dissect, struct pairs *owned)
{
    int64_t count = dissect->sink.count(dissect->sink.context, TABLE_registration);
    for (int64_t id = 1; id <= count; id++) {
        const struct registration_row *row = settle_row(dissect, TABLE_registration, id);
        if (row != NULL && row->signing_certificate.length > 0 && row->smsid.length > 0)
            pairs_add(dissect, owned,
                      (struct pair){pairs_digest(dissect, row->signing_certificate),
                                    (int64_t)pairs_digest(dissect, row->smsid), (uint64_t)id});
    }
}

/* Registrations [start, end) show the same certificate. */
static void tell(struct dissect *dissect, const struct pairs *owned, uint64_t start, uint64_t end)
{
    int64_t clients = 1;
    for (uint64_t i = start + 1; i < end; i++)
        clients += pairs_at(owned, i - 1).order != pairs_at(owned, i).order;
    for (uint64_t i = start; i < end; i++) {
        int64_t id = (int64_t)pairs_at(owned, i).value;
        const struct registration_row *kept = settle_row(dissect, TABLE_registration, id);
        if (kept == NULL)
            continue;
        struct registration_row row = *kept;
        row.certificate_clients = clients;
        sink_amend(&dissect->sink, TABLE_registration, id, &row);
    }
}

void shared_keys_finish(struct dissect *dissect)
{
    struct pairs owned = {0};
    list(dissect, &owned);
    uint64_t count = pairs_sort(dissect, &owned) ? pairs_count(&owned) : 0, start = 0;
    for (uint64_t i = 1; i <= count; i++) {
        if (i < count && pairs_at(&owned, i).group == pairs_at(&owned, start).group)
            continue;
        tell(dissect, &owned, start, i);
        start = i;
    }
    pairs_free(&owned);
}
