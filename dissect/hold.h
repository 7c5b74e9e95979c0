/* dissect/hold.h: two directions of a connection in the order of cause and effect.
 *
 *      client   request ---------------------------\            as they were sent
 *      server              reply (acknowledges it) --\
 *
 *      capture             reply   request                      as two taps or two queues gave them
 *
 * An end acknowledges what it received. So bytes whose sender had already received bytes of the other direction wait here until
 * these were delivered, or are reported as a gap: at most as long as capture/tcp.c waits for them (16 segments of the flow
 * in at least 0.1 s, or a second). Dissectors then see requests before their replies whatever the clocks of the taps.
 */
#ifndef CMSCOPE_DISSECT_HOLD_H
#define CMSCOPE_DISSECT_HOLD_H

#include "dissect/dissector.h"

/* Bytes that wait in one connection: as many as capture/tcp.c keeps of one. */
#define HOLD_MAX ((uint64_t)4 << 20)

enum hold_kind { HOLD_DATA, HOLD_GAP, HOLD_ENDED };

/* What happened in one direction of a flow. */
struct hold_event {
    enum hold_kind kind;
    enum direction direction;
    struct cursor bytes; /* HOLD_DATA */
    uint64_t gap;        /* HOLD_GAP: how many bytes are missing */
    struct moment moment;
};

/* Whether the sender of that direction had received more than was delivered of the other direction. */
bool hold_is_early(const struct conversation *conversation, enum direction direction);
/* Takes an event of a conversation that holds some, or is early: keeps it, or hands it on with what it releases. */
void hold_take(struct conversation *conversation, const struct hold_event *event);
/* Hands on all that waits, in the order of the capture. */
void hold_release(struct conversation *conversation);

#endif
