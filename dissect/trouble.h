/* dissect/trouble.h: records what a dissector could not read: rows of `trouble`, and counters of the coverage part.
 *
 *   message that is cut, malformed or not understood --+--> struct dissect_counts (always)
 *   limit that was hit ---------------------------------+--> a row of `trouble` for each flow, protocol, reason and text;
 *                                                            repetitions are counted in that row
 *
 * A dissector that drops a message, or a part of one, calls one of these functions. It never drops in silence.
 */
#ifndef CMSCOPE_DISSECT_TROUBLE_H
#define CMSCOPE_DISSECT_TROUBLE_H

#include "core/limit.h"
#include "dissect/dissector.h"

/* Different kinds of trouble with a row of their own, of one flow. A hostile flow cannot fill the table with it. */
#define TROUBLES_MAX 32

/* Records that a message of `protocol` was not read, or not to its end.
 *
 * `reason` is OUTCOME_MORE (the capture cut it, a gap is in it, or the stream ended within it), OUTCOME_MALFORMED (it
 * contradicts its format), OUTCOME_UNSUPPORTED (it is valid, but not read here), OUTCOME_SYSTEM (no memory) or OUTCOME_LIMIT (a
 * limit that is counted where it was hit). `protocol`
 * and `what` are static texts; `what` names what was being read, for example "NEGOTIATE response". `offset` counts bytes
 * from the start of the message, UINT64_MAX when it is not known. */
void trouble_report(struct conversation *conversation, const char *protocol, enum outcome reason, const char *what,
                    uint64_t offset, struct moment moment);

/* Records the same of what is read when all flows are closed: a row each time. `flow` is the row of the flow. */
void trouble_settled(struct dissect *dissect, int64_t flow, const char *protocol, enum outcome reason, const char *what,
                     uint64_t offset, struct moment moment);

/* Records that a limit was hit, and what was being read was left out because of it. */
void trouble_limit(struct conversation *conversation, const char *protocol, enum limit limit, struct moment moment);

/* Writes the final counts of the conversation's rows and frees what is remembered of them. Called once, when the flow
 * closes. */
void trouble_close(struct conversation *conversation);

#endif
