/* cli/pipeline.h: wires the rooms: packets -> streams -> records. */
#ifndef CMSCOPE_CLI_PIPELINE_H
#define CMSCOPE_CLI_PIPELINE_H

#include <stdbool.h>

#include "cli/options.h"
#include "records/store.h"

struct pipeline_result {
    bool unreadable; /* an input could not be opened or read at all */
    bool bad_site;   /* the site file is none: nothing was read */
    bool bad_filter; /* the capture filter is no filter: nothing was read */
    bool incomplete; /* something was missed: see the table `coverage` */
};

/* Somebody who looks at the records while they are made. */
struct pipeline_watch {
    void (*look)(void *context); /* called between two packets: when a pipe pauses, and every second or so */
    void *context;
};

/* Reads all of options->reads into `store`, decoding what `needs` (a set of enum need) asks for, and fills the tables
 * input and coverage, and with --site those of what is declared. Problems with single inputs are told on standard error
 * and kept in the records. False when nothing could be started (site file wrong, keys unreadable, no memory): *error says
 * why. */
MUST_USE bool pipeline_run(const struct options *options, unsigned needs, struct store *store,
                           struct pipeline_result *result, struct error *error);

/* Writes a counter of the coverage part. Where `incomplete`, a value above 0 makes the result incomplete. */
void pipeline_count(struct store *store, struct pipeline_result *result, const char *name, uint64_t value,
                    bool incomplete, const char *meaning);

/* The same with one worker, so that its records can be looked at on the way. */
MUST_USE bool pipeline_run_watched(const struct options *options, unsigned needs, struct store *store,
                                   const struct pipeline_watch *watch, struct pipeline_result *result,
                                   struct error *error);

/* Writes each reason of `store` why the result says less than it seems to on standard error, but for inputs with a
 * problem: these were told when they were read. */
void pipeline_complain(struct store *store);

#endif
