/* capture/frame.h: bytes of a packet, of which the capture may hold only the first part. */
#ifndef CMSCOPE_CAPTURE_FRAME_H
#define CMSCOPE_CAPTURE_FRAME_H

#include "core/cursor.h"

struct frame {
    struct cursor bytes; /* captured */
    uint32_t wire;       /* bytes on the wire; bytes.left <= wire */
};

/* Takes the next `length` bytes. OUTCOME_MORE: they were on the wire, but not captured; OUTCOME_MALFORMED: they were
 * not on the wire either. */
static inline MUST_USE enum outcome frame_take(struct frame *frame, uint32_t length, struct cursor *child)
{
    if (length > frame->wire)
        return OUTCOME_MALFORMED;
    if (!cursor_take(&frame->bytes, length, child))
        return OUTCOME_MORE;
    frame->wire -= length;
    return OUTCOME_OK;
}

/* Forgets what comes after `wire` bytes: padding, trailers. */
static inline void frame_limit(struct frame *frame, uint32_t wire)
{
    if (wire < frame->wire)
        frame->wire = wire;
    if (frame->bytes.left > frame->wire)
        frame->bytes.left = frame->wire;
}

#endif
