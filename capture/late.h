/* capture/late.h: connections that are over and had to be forgotten early, by their hashes only: so that a last packet
 * that comes late (an ACK, a FIN or RST sent again) does not open another. */
#ifndef CMSCOPE_CAPTURE_LATE_H
#define CMSCOPE_CAPTURE_LATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/decode.h"

struct late; /* NULL is one that knows nothing */

/* Remembers each for `age_ns`. NULL when out of memory. */
struct late *late_new(int64_t age_ns);
void late_free(struct late *late);

/* The flow of that hash was over at `time_ns`. `most` may be remembered, and some more: where there are too many, those
 * of the older half of the time are forgotten. Takes 32 to 64 bytes for each. */
void late_add(struct late *late, uint64_t hash, int64_t time_ns, size_t most);
/* Was a flow of that hash over so short before `now_ns` that it is remembered? Another flow's hash (64 bits, with a
 * secret seed) is not met. */
bool late_has(const struct late *late, uint64_t hash, int64_t now_ns);
/* A new connection between the same ends: what is late is not told from its packets any more. */
void late_remove(struct late *late, uint64_t hash);

/* Is it a TCP segment that only ends or acknowledges? */
static inline bool late_may_be(const struct segment *segment)
{
    return segment->transport == TRANSPORT_TCP && !segment->syn && segment->payload_bytes == 0;
}

#endif
