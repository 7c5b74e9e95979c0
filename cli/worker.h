/* cli/worker.h: workers that follow flows side by side.
 *
 *   reader: packet -> segment --hash of the hosts-> batch of worker 0 -> tracker -> dissect -> store
 *                                            \----> batch of worker 1 -> tracker -> dissect -> store
 *                                                                                       then: one store, by packet
 *
 * All that two hosts say to each other goes to one worker, in the order of the capture: what one connection teaches
 * (a resumed TLS session, a port) is known in the next. It is the one who had been given least when they began. Workers
 * share nothing while they work; segments reach them in batches through a bounded queue, so that no lock is taken for a
 * packet. With one worker there is no thread and no copy: the reader does the work itself. When all is read each works
 * out the order of its records, and these become one store, whose order does not depend on their number.
 */
#ifndef CMSCOPE_CLI_WORKER_H
#define CMSCOPE_CLI_WORKER_H

#include "cli/settings.h"
#include "dissect/dissect.h"
#include "records/store.h"

#define WORKERS_MAX 64

struct workers;

/* `count` workers (1 ... WORKERS_MAX) that decode what `needs` asks for, into `store` in the end, with the memory and
 * policies of `settings`, which must outlive them. Keys are loaded from `keys` (NULL: none). OUTCOME_SYSTEM, or what
 * dissect_load_keys says; a folder without keys is no failure: workers_keyless. */
MUST_USE enum outcome workers_start(size_t count, unsigned needs, const char *keys, const struct settings *settings,
                                    struct store *store, struct workers **workers, struct error *error);

/* Returns true when `keys` is a folder and nothing in it is of use; the error of workers_start says why. */
bool workers_keyless(const struct workers *workers);

/* Hands on segments, whose bytes may be forgotten afterwards. */
void workers_segments(struct workers *workers, const struct sighting *sightings, size_t count);

/* Hands on TLS secrets (a key log) for the segments that follow. What does not fit into memory is left out
 * and counted. */
void workers_secrets(struct workers *workers, struct text keylog);

/* Ends all flows and waits for the workers. Until then the store is that of a worker, which may be writing to it. */
void workers_wait(struct workers *workers);

/* After workers_wait: makes one store of theirs, with what could only be settled at the end.
 * False when memory ran out for their order: the records of a worker then stand behind those of the one before. */
MUST_USE bool workers_finish(struct workers *workers);

/* After workers_finish. */
struct tracker_counts workers_tracker_counts(const struct workers *workers);
struct dissect_counts workers_dissect_counts(const struct workers *workers);
/* Bytes of TLS secrets, of all workers together, that there was no memory for. */
uint64_t workers_secrets_lost(const struct workers *workers);

void workers_free(struct workers *workers);

#endif
