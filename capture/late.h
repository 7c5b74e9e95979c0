/* capture/late.h: connections that are over and had to be forgotten early, by their hashes only: so that a last packet
 * that comes late (an ACK, a FIN or RST sent again) does not open another. */
#ifndef CMSCOPE_CAPTURE_LATE_H
#define CMSCOPE_CAPTURE_LATE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/decode.h"

struct late; /* half a MB; NULL is one that knows nothing */

struct late *late_new(void); /* NULL when out of memory */
void late_free(struct late *late);

/* The flow of that hash was over at `time_ns`. The oldest of a few gives way. */
void late_add(struct late *late, uint64_t hash, int64_t time_ns);
/* Was a flow of that hash over at `since_ns` or later? Another flow's hash (64 bits, with a secret seed) is not met. */
bool late_has(const struct late *late, uint64_t hash, int64_t since_ns);
/* A new connection between the same ends: what is late is not told from its packets any more. */
void late_remove(struct late *late, uint64_t hash);

/* Is it a TCP segment that only ends or acknowledges? */
static inline bool late_may_be(const struct segment *segment)
{
    return segment->transport == TRANSPORT_TCP && !segment->syn && segment->payload_bytes == 0;
}

#endif
