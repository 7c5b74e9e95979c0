/* dissect/settle.h: what can only be decided when the whole capture is known: signatures whose key is learned later,
 * repeated transmissions, the order of registrations. Bounded: what does not fit stays as it was, and is counted. */
#ifndef CMSCOPE_DISSECT_SETTLE_H
#define CMSCOPE_DISSECT_SETTLE_H

#include "dissect/internal.h"

#define SETTLE_BYTES_MAX ((size_t)64 << 20) /* signed bytes that wait for a key */
#define SETTLE_ENTRIES_MAX ((size_t)1 << 20)

struct settle *settle_new(void); /* NULL when out of memory */
void settle_free(struct settle *settle);

/* Which signature of which row waits. */
enum settle_kind {
    SETTLE_PAYLOAD,
    SETTLE_CLIENT_ID,
    SETTLE_REGISTRATION,
    SETTLE_HTTP_TOKEN,
    SETTLE_REPLY,
    SETTLE_ROOT
};

/* Remembers a signature (hex text) over `data` by the client `smsid` that named no key itself. */
void settle_signature(struct dissect *dissect, enum settle_kind kind, int64_t row, struct text smsid, struct text hex,
                      struct cursor data);

/* Remembers a signed request, to be compared with all others: what makes it the same message (see suspect.h). */
void settle_signed(struct dissect *dissect, int64_t message, struct cursor identity);

/* Remembers a transmission that may be a try before, or after, authentication: the row of the request message and its
 * body. */
void settle_attempt(struct dissect *dissect, int64_t message, struct cursor body);

/* As dissect_absorb and dissect_renumber, for what waits. Returns how much did not fit. */
uint64_t settle_absorb(struct settle *into, const struct settle *from, const int64_t bases[TABLE_COUNT]);
void settle_renumber(struct settle *settle, int64_t (*new_id)(const void *context, enum table table, int64_t id),
                     const void *context);

void settle_finish(struct dissect *dissect);

/* A signed request and what identifies it, for suspect.c. */
struct settle_signed {
    int64_t message;
    uint8_t digest[CCM_HASH_BYTES_MAX];
};
/* All that were remembered, sorted so that equal ones stand together in the order of their rows; *count of them. */
const struct settle_signed *settle_signed_sorted(struct settle *settle, size_t *count);

/* A finding about a message, at its packet. */
void settle_find(struct dissect *dissect, int64_t message, const char *code, const char *level, const char *text);
/* The row, or NULL. */
const void *settle_row(const struct dissect *dissect, enum table table, int64_t id);

#endif
