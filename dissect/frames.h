/* dissect/frames.h: a stream cut into frames that tell their own length.
 *
 *   frames_open(&frames, bytes);
 *   while (frames_next(&frames, measure, &frame))
 *       ... frame is whole, valid until the next call
 *
 * A frame that lies whole in the bytes given is not copied. One in pieces waits in a buffer. Of one longer than the
 * buffer's cap only the beginning is given, with `cut` set.
 */
#ifndef CMSCOPE_DISSECT_FRAMES_H
#define CMSCOPE_DISSECT_FRAMES_H

#include "core/buffer.h"

struct frames {
    struct buffer waiting; /* its cap is the longest frame that is kept */
    struct cursor input;
    uint64_t skip; /* bytes of a frame that are left out */
    bool cut;      /* the frame given last is too long: only its first FRAME_HEADER_MAX bytes are there */
    bool used;     /* the frame given last stands in `waiting` */
    bool lost;     /* the bytes made no sense: nothing more until frames_reset */
};

/* How long the frame is that begins here, its header included; OUTCOME_MORE when too little is there to tell,
 * OUTCOME_MALFORMED when no frame begins here. */
typedef enum outcome frames_measure(struct cursor start, uint64_t *length);

#define FRAME_HEADER_MAX 16 /* bytes within which every measure can tell */

void frames_init(struct frames *frames, size_t cap);
/* Gives the next bytes of the stream, which must stay valid until frames_next returned false. */
void frames_open(struct frames *frames, struct cursor bytes);
/* The next frame. False: all bytes are taken (or lost). */
MUST_USE bool frames_next(struct frames *frames, frames_measure *measure, struct cursor *frame);
/* Whether the stream stopped within a frame. */
bool frames_within(const struct frames *frames);
/* Bytes of the stream are missing. True when they are of a frame that is left out in any case: then nothing else is. */
MUST_USE bool frames_gap(struct frames *frames, uint64_t bytes);
/* Forgets what waits, as after a gap: the next bytes begin a frame. */
void frames_reset(struct frames *frames);
void frames_free(struct frames *frames);

#endif
