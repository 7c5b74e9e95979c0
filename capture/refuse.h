/* capture/refuse.h: connections that were refused, and ICMP errors about flows. Used by flow.c.
 *
 * A refusal waits at its flow until that closes, so that it tells how often it was tried. The same error again about
 * the same flow is the same refusal.
 */
#ifndef CMSCOPE_CAPTURE_REFUSE_H
#define CMSCOPE_CAPTURE_REFUSE_H

#include "capture/tcp.h"

/* An RST came as the answer to the SYN of DIRECTION_OUT. */
void refuse_reset(struct tcp *tcp, struct flow *flow, const struct segment *segment, struct moment moment);

/* That RST was no answer: the connection came about. */
void refuse_undo(struct flow *flow);

/* An ICMP error. `flow` is that of the packet it quotes, or NULL. */
void refuse_error(struct tcp *tcp, struct flow *flow, const struct segment *segment, struct moment moment);

/* Is the flow refused by what waits there: an RST, or that something is unreachable? */
bool refuse_is_final(const struct flow *flow);

/* The flow closes: tells what waits, or that nobody answered (flow->state). */
void refuse_close(struct tcp *tcp, struct flow *flow);

#endif
