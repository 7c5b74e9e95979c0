/* dissect/settle.h: what can only be decided when the whole capture is known: signatures whose key is learned later,
 * repeated transmissions, the order of registrations. What does not fit stays as it was, and is counted. */
#ifndef CMSCOPE_DISSECT_SETTLE_H
#define CMSCOPE_DISSECT_SETTLE_H

#include "core/spill.h"
#include "dissect/internal.h"

/* What waits is held in so much memory, and above that in a temporary file (core/spill.h); the second number is the
 * memory when no file can be written. */
#define SETTLE_MEMORY ((uint64_t)2 << 20)
#define SETTLE_MEMORY_MOST ((uint64_t)128 << 20)

struct settle *settle_new(void); /* NULL when out of memory */
void settle_free(struct settle *settle);
/* Other limits than these two. */
void settle_limit(struct settle *settle, uint64_t memory, uint64_t most);

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

/* As dissect_absorb and dissect_renumber, for what waits. Both return how much was lost. */
uint64_t settle_absorb(struct settle *into, const struct settle *from, const int64_t bases[TABLE_COUNT]);
uint64_t settle_renumber(struct settle *settle, int64_t (*new_id)(const void *context, enum table table, int64_t id),
                         const void *context);

void settle_finish(struct dissect *dissect);

/* The memory of what waits, for the lists of those who settle. */
struct spill_pool *settle_pool(struct dissect *dissect);

/* For suspect.c: calls `repeated` for each two signed requests of the same identity that follow each other. */
void settle_each_replay(struct dissect *dissect,
                        void (*repeated)(struct dissect *dissect, int64_t before, int64_t message));

/* Writes a finding whose place the caller filled in, when findings are asked for. */
void settle_write_finding(struct dissect *dissect, struct finding_row *finding, const char *code, const char *level,
                          const char *text);
/* A finding about a message, at its packet. */
void settle_find(struct dissect *dissect, int64_t message, const char *code, const char *level, const char *text);
/* "GUID:x", "{x}" and "x" are one client. */
struct text settle_bare_id(struct text id);
/* Whether packets with such a time (seconds, REAL_NULL) were taken by a clock: not all zero, and not before the first
 * product that speaks this protocol (SMS 2003). Only then do times tell how long something took. */
bool settle_has_clock(double seconds);
/* The row, or NULL. */
const void *settle_row(const struct dissect *dissect, enum table table, int64_t id);

#endif
