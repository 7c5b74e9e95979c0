/* capture/frame.h: bytes of a packet, of which the capture may hold only the first part. */
#ifndef CMSCOPE_CAPTURE_FRAME_H
#define CMSCOPE_CAPTURE_FRAME_H

#include "core/cursor.h"

struct frame {
    struct cursor bytes; /* captured */
    uint32_t wire;       /* bytes on the wire; bytes.left <= wire */
    uint16_t type;       /* UNREAD_ETHERTYPE: the Ethernet type */
    uint8_t unread;      /* enum unread: why what follows is not read, set by whoever gives up */
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

static inline MUST_USE enum outcome frame_skip(struct frame *frame, uint32_t length)
{
    struct cursor skipped;
    return frame_take(frame, length, &skipped);
}

static inline MUST_USE enum outcome frame_u8(struct frame *frame, uint8_t *value)
{
    struct cursor bytes;
    enum outcome outcome = frame_take(frame, 1, &bytes);
    if (outcome == OUTCOME_OK && !cursor_u8(&bytes, value))
        return OUTCOME_MALFORMED;
    return outcome;
}

static inline MUST_USE enum outcome frame_be16(struct frame *frame, uint16_t *value)
{
    struct cursor bytes;
    enum outcome outcome = frame_take(frame, 2, &bytes);
    if (outcome == OUTCOME_OK && !cursor_be16(&bytes, value))
        return OUTCOME_MALFORMED;
    return outcome;
}

static inline MUST_USE enum outcome frame_be32(struct frame *frame, uint32_t *value)
{
    struct cursor bytes;
    enum outcome outcome = frame_take(frame, 4, &bytes);
    if (outcome == OUTCOME_OK && !cursor_be32(&bytes, value))
        return OUTCOME_MALFORMED;
    return outcome;
}

/* Looks at the next byte without taking it. */
static inline MUST_USE enum outcome frame_peek(const struct frame *frame, uint8_t *value)
{
    struct frame ahead = *frame;
    return frame_u8(&ahead, value);
}

/* Forgets what comes after `wire` bytes: padding, trailers. */
static inline void frame_limit(struct frame *frame, uint32_t wire)
{
    if (wire < frame->wire)
        frame->wire = wire;
    if (frame->bytes.left > frame->wire)
        frame->bytes.left = frame->wire;
}

/* What follows is valid, but not read here; `unread` (enum unread) says under which name it is counted. */
static inline enum outcome frame_give_up(struct frame *frame, unsigned unread)
{
    frame->unread = (uint8_t)unread;
    return OUTCOME_UNSUPPORTED;
}

#endif
