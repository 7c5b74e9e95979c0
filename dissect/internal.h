/* dissect/internal.h: what the files of this room share, and nobody else. */
#ifndef CMSCOPE_DISSECT_INTERNAL_H
#define CMSCOPE_DISSECT_INTERNAL_H

#include <string.h>

#include "core/buffer.h"
#include "core/pool.h"
#include "dissect/dissector.h"

/* Memory for HTTP bodies and headers that are being collected or kept, in all flows together, unless dissect_limit says
 * otherwise. */
#define BODIES_TOTAL_MAX ((uint64_t)256 << 20)

/* Memory for the texts of one row. */
#define SCRATCH_MAX ((size_t)4 << 20)

struct tls_memory; /* tls_internal.h */

struct settle; /* settle.c: what waits for the end of the capture */
struct bits;   /* bits.c: packets of uploads */

struct dissect {
    struct sink sink;
    unsigned needs;
    struct ccm_decoder decoder;
    struct dissect_counts counts;
    struct arena scratch;              /* for the texts of one row */
    char address[2][ADDRESS_TEXT_MAX]; /* conversation_address */
    struct settle *settle;
    struct bits *bits;
    struct tls_memory *tls; /* key log and sessions */
    struct arena heads;     /* for the headers of one HTTP message */
    struct buffer joined;   /* the HTTP body that is handed over */
    struct pool pool;       /* what is remembered of connections */
    uint64_t bodies_max;    /* dissect_limit */
    uint64_t bodies_total;  /* bytes of HTTP bodies and headers that are being collected or kept, and budget_take */
    uint32_t exchanges;     /* open ones of HTTP, of all flows */
};

/* Memory that a connection takes beyond its first places, out of that for bodies. False when it is used up. */
static inline MUST_USE bool budget_take(struct dissect *dissect, size_t bytes)
{
    if (dissect->bodies_total + bytes > dissect->bodies_max)
        return false;
    dissect->bodies_total += bytes;
    return true;
}

static inline void budget_give(struct dissect *dissect, size_t bytes)
{
    dissect->bodies_total -= bytes;
}

/* A larger piece of the pool with the `before` bytes of `piece` (NULL: none), the rest zeroed; what it has more is taken out of
 * the budget. NULL when budget or memory is used up: then `piece` is as it was. */
static inline MUST_USE void *budget_resize(struct dissect *dissect, void *piece, size_t before, size_t size)
{
    if (!budget_take(dissect, size - before))
        return NULL;
    char *grown = pool_resize(&dissect->pool, piece, before, before, size);
    if (grown == NULL)
        budget_give(dissect, size - before);
    else
        memset(grown + before, 0, size - before);
    return grown;
}

/* Why a datagram, or a frame that is whole in its stream, could not be read to its end. */
static inline enum outcome outcome_of_bytes(const struct conversation *conversation)
{
    return conversation->flow->cut ? OUTCOME_MORE : OUTCOME_MALFORMED;
}

/* Whether the ends of the stream are seen: then what is missing of a message never came. Where the capture stops, it may
 * have come later. */
static inline bool is_over(const struct conversation *conversation)
{
    return conversation->flow->state == FLOW_CLOSED || conversation->flow->state == FLOW_RESET;
}

/* Asks for lines of memory that are needed soon; the address may be any. */
static inline void fetch_lines(const void *at, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        __builtin_prefetch((const char *)at + i * 64);
}

MUST_USE bool tls_setup(struct dissect *dissect); /* tls_keys.c; false when out of memory */
void tls_teardown(struct dissect *dissect);
/* Returns how many texts of TLS rows found no memory (SCRATCH_MAX). */
uint64_t tls_texts_lost(const struct dissect *dissect);
/* Takes the lines of a TLS key log; `captured` when the capture brought it. Returns how many were understood. */
size_t tls_take_keylog(struct dissect *dissect, struct text text, bool captured);

#endif
