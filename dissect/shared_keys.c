/* dissect/shared_keys.c: see shared_keys.h. */
#include "dissect/shared_keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct owned {
    struct text certificate, smsid;
    int64_t row;
};

static int compare_texts(struct text a, struct text b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length == 0 ? 0 : strncasecmp(a.at, b.at, length);
    if (order != 0)
        return order;
    return a.length < b.length ? -1 : a.length > b.length;
}

static int compare(const void *a, const void *b)
{
    const struct owned *left = a, *right = b;
    int order = compare_texts(left->certificate, right->certificate);
    return order != 0 ? order : compare_texts(left->smsid, right->smsid);
}

static const struct registration_row *row_of(const struct dissect *dissect, int64_t id)
{
    return dissect->sink.row(dissect->sink.context, TABLE_registration, id);
}

static size_t list(const struct dissect *dissect, struct owned *owned, int64_t count)
{
    size_t used = 0;
    for (int64_t id = 1; id <= count; id++) {
        const struct registration_row *row = row_of(dissect, id);
        if (row != NULL && row->signing_certificate.length > 0 && row->smsid.length > 0)
            owned[used++] = (struct owned){row->signing_certificate, row->smsid, id};
    }
    return used;
}

/* Registrations [start, end) show the same certificate. */
static void tell(struct dissect *dissect, const struct owned *owned, size_t start, size_t end)
{
    int64_t clients = 1;
    for (size_t i = start + 1; i < end; i++)
        clients += compare_texts(owned[i - 1].smsid, owned[i].smsid) != 0;
    for (size_t i = start; i < end; i++) {
        struct registration_row row = *row_of(dissect, owned[i].row);
        row.certificate_clients = clients;
        sink_amend(&dissect->sink, TABLE_registration, owned[i].row, &row);
    }
}

void shared_keys_finish(struct dissect *dissect)
{
    int64_t count = dissect->sink.count(dissect->sink.context, TABLE_registration);
    struct owned *owned = count == 0 ? NULL : calloc((size_t)count, sizeof *owned);
    size_t used = owned == NULL ? 0 : list(dissect, owned, count), start = 0;
    if (used > 0)
        qsort(owned, used, sizeof *owned, compare);
    for (size_t i = 1; i <= used; i++) {
        if (i < used && compare_texts(owned[i].certificate, owned[start].certificate) == 0)
            continue;
        tell(dissect, owned, start, i);
        start = i;
    }
    free(owned);
}
