/* capture/fragment.h: IP datagrams put together from fragments.
 *
 * Bounded in datagrams, bytes and time. Where IPv4 fragments overlap, the first copy of a byte wins; an IPv6 datagram
 * with overlapping fragments is dropped whole (RFC 5722). Exact repetitions are neither.
 */
#ifndef CMSCOPE_CAPTURE_FRAGMENT_H
#define CMSCOPE_CAPTURE_FRAGMENT_H

#include "capture/ip.h"

struct fragments;

struct fragment_counts {
    uint64_t expired;     /* fragments of datagrams that were given up */
    uint64_t overlapping; /* fragments that overlapped others with other bytes or other ends */
    struct limit_counts limits;
};

struct fragments *fragments_new(void); /* NULL when out of memory */
void fragments_free(struct fragments *fragments);

/* Adds a fragment. OUTCOME_OK: *ip now is the whole datagram, whose bytes are valid until fragments_release;
 * OUTCOME_MORE: kept, or dropped and counted; OUTCOME_MALFORMED: it cannot be part of any datagram. The fragment must
 * be captured whole; its bytes may be those of another datagram that was returned (a tunnel). */
MUST_USE enum outcome fragments_add(struct fragments *fragments, struct ip *ip, int64_t time_ns);

/* Datagrams that were returned are no longer used: the next packet begins. */
void fragments_release(struct fragments *fragments);

struct fragment_counts fragments_counts(const struct fragments *fragments);

#endif
