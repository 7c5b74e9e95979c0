/* dissect/bits.h: BITS uploads ([MC-BUP], wire.md 9.1): sessions put together from fragments.
 *
 * One request is one packet of a session, and a session may use several connections, which may be with several workers:
 * packets are kept, bounded, and the sessions are settled when the whole capture is known.
 */
#ifndef CMSCOPE_DISSECT_BITS_H
#define CMSCOPE_DISSECT_BITS_H

#include "dissect/configmgr/bits_range.h"
#include "dissect/http.h"

#define BITS_PACKETS_MAX ((size_t)1 << 18)    /* of all sessions */
#define BITS_FRAGMENTS_MAX ((size_t)16384)    /* of one session: BITS sends megabytes in one */
#define BITS_BYTES_MAX ((uint64_t)1 << 30)    /* content that is kept until the end */
#define BITS_MEMORY ((uint64_t)4 << 20)       /* of that in memory; more goes to a temporary file (core/spill.h) */
#define BITS_MEMORY_MOST ((uint64_t)64 << 20) /* the same when no file can be written */
#define BITS_TEXTS_MAX ((size_t)32 << 20)     /* names and addresses */
#define BITS_UPLOAD_MAX ((uint64_t)64 << 20)  /* a larger upload is counted, not read */
#define BITS_TEXT_MAX 4096                    /* of one header ([MC-BUP] 2.2.1.1) */

struct bits;

struct bits *bits_new(void); /* NULL when out of memory */
void bits_free(struct bits *bits);

/* Whether the body of this side is content that is asked for. */
bool bits_wants(const struct http_exchange *exchange, enum http_side side);

/* The request, and then its reply, of an exchange that may be one of BITS. */
void bits_request(struct http_exchange *exchange);
void bits_reply(struct http_exchange *exchange);

/* As settle_absorb, settle_renumber, settle_finish (settle.h). */
uint64_t bits_absorb(struct bits *into, const struct bits *from, const int64_t bases[TABLE_COUNT]);
void bits_renumber(struct bits *bits, int64_t (*new_id)(const void *context, enum table table, int64_t id),
                   const void *context);
void bits_finish(struct dissect *dissect);

/* What a session became, for itself: bytes that fragments brought, without regard to content. Used by bits.c and the
 * fuzzer. */
struct bits_interval {
    uint64_t start, end;
};
struct bits_cover {
    struct bits_interval *intervals; /* apart from each other and in order */
    size_t count, room;
    uint64_t received, repeated, conflicts;
    uint8_t *bytes; /* of the whole upload, or NULL when content is not read */
    uint64_t total;
};

/* Puts the bytes [start, start + length) into the cover; `content` is empty when it is not read. The first bytes win.
 * False when memory or BITS_FRAGMENTS_MAX is reached. start + length <= total. */
MUST_USE bool bits_cover_add(struct bits_cover *cover, uint64_t start, uint64_t length, struct cursor content);
void bits_cover_free(struct bits_cover *cover);

#endif
