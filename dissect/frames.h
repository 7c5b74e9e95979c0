/* dissect/frames.h: a stream cut into frames that tell their own length.
 *
 *   frames_open(&frames, bytes);
 *   while (frames_next(&frames, measure, &frame))
 *       ... frame is whole, valid until the next call
 *
 * A frame that lies whole in the bytes given is not copied. One in pieces waits in a buffer; one longer than the
 * buffer's cap is left out and counted.
 */
#ifndef CMSCOPE_DISSECT_FRAMES_H
#define CMSCOPE_DISSECT_FRAMES_H

#include "core/buffer.h"

struct frames {
    struct buffer waiting; /* its cap is the longest frame that is kept */
    struct cursor input;
    uint64_t skip;    /* bytes of a frame that is left out */
    uint64_t skipped; /* such frames */
    bool used;        /* the frame given last stands in `waiting` */
    bool lost;        /* the bytes made no sense: nothing more until frames_reset */
};

/* How long the frame is that begins here, its header included; OUTCOME_MORE when too little is there to tell,
 * OUTCOME_MALFORMED when no frame begins here. */
typedef enum outcome frames_measure(struct cursor start, uint64_t *length);

#define FRAME_HEADER_MAX 16 /* bytes within which every measure can tell */

void frames_init(struct frames *frames, size_t cap);
/* Gives the next bytes of the stream, which must stay valid until frames_next returned false. */
void frames_open(struct frames *frames, struct cursor bytes);
/* The next whole frame. False: all bytes are taken (or lost). */
MUST_USE bool frames_next(struct frames *frames, frames_measure *measure, struct cursor *frame);
/* Forgets what waits, as after a gap: the next bytes begin a frame. */
void frames_reset(struct frames *frames);
void frames_free(struct frames *frames);

#endif
