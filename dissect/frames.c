/* dissect/frames.c: see frames.h. */
#include "dissect/frames.h"

#define KEEP_BETWEEN ((size_t)0) /* an idle stream holds no memory */

void frames_init(struct frames *frames, size_t cap)
{
    *frames = (struct frames){0};
    buffer_init(&frames->waiting, cap);
}

void frames_open(struct frames *frames, struct cursor bytes)
{
    frames->input = bytes;
}

/* Moves up to `length` bytes of the input to the buffer. */
static bool wait_for(struct frames *frames, uint64_t length)
{
    struct cursor part;
    size_t take = length < frames->input.left ? (size_t)length : frames->input.left;
    return cursor_take(&frames->input, take, &part) && buffer_append(&frames->waiting, part);
}

static bool lose(struct frames *frames)
{
    frames->lost = true;
    frames->input = CURSOR_EMPTY;
    buffer_reset(&frames->waiting, KEEP_BETWEEN);
    return false;
}

static void leave_out(struct frames *frames)
{
    uint64_t length = frames->skip < frames->input.left ? frames->skip : frames->input.left;
    if (cursor_skip(&frames->input, (size_t)length))
        frames->skip -= length;
}

/* Gives the beginning of a frame that is too long, which is `length` bytes of the input or of what waits. */
static void give_beginning(struct frames *frames, uint64_t length, struct cursor *frame)
{
    frames->skip = length - FRAME_HEADER_MAX;
    frames->cut = true;
    frame->left = FRAME_HEADER_MAX;
}

/* The frame that waits, when the input completes it. */
static bool complete(struct frames *frames, frames_measure *measure, struct cursor *frame)
{
    uint64_t length = 0;
    for (;;) {
        struct cursor so_far = buffer_cursor(&frames->waiting);
        enum outcome outcome = measure(so_far, &length);
        if (outcome == OUTCOME_OK && length >= so_far.left)
            break;
        if (outcome != OUTCOME_MORE || so_far.left >= FRAME_HEADER_MAX)
            return lose(frames);
        if (frames->input.left == 0)
            return false;
        if (!wait_for(frames, 1))
            return lose(frames);
    }
    uint64_t wanted = length > frames->waiting.cap ? FRAME_HEADER_MAX : length;
    if (wanted > frames->waiting.length && !wait_for(frames, wanted - frames->waiting.length))
        return lose(frames);
    if (frames->waiting.length < wanted)
        return false;
    *frame = buffer_cursor(&frames->waiting);
    frames->used = true;
    if (length > frames->waiting.cap)
        give_beginning(frames, length, frame);
    return true;
}

/* The frame at the start of the input, when it is whole there; else what is there waits. */
static bool in_place(struct frames *frames, frames_measure *measure, struct cursor *frame)
{
    uint64_t length = 0;
    enum outcome outcome = measure(frames->input, &length);
    if (outcome == OUTCOME_MORE)
        return wait_for(frames, FRAME_HEADER_MAX) ? false : lose(frames);
    if (outcome != OUTCOME_OK || length == 0)
        return lose(frames);
    if (length > frames->waiting.cap && frames->input.left >= FRAME_HEADER_MAX) {
        bool taken = cursor_take(&frames->input, FRAME_HEADER_MAX, frame);
        give_beginning(frames, length, frame);
        return taken;
    }
    if (length > frames->waiting.cap)
        length = FRAME_HEADER_MAX;
    if (length <= frames->input.left)
        return cursor_take(&frames->input, (size_t)length, frame);
    if (!wait_for(frames, length))
        return lose(frames);
    return false;
}

bool frames_next(struct frames *frames, frames_measure *measure, struct cursor *frame)
{
    if (frames->used)
        buffer_reset(&frames->waiting, KEEP_BETWEEN);
    frames->used = frames->cut = false;
    while (!frames->lost && frames->input.left > 0) {
        if (frames->skip > 0)
            leave_out(frames);
        else if (frames->waiting.length > 0 ? complete(frames, measure, frame) : in_place(frames, measure, frame))
            return true;
    }
    frames->input = CURSOR_EMPTY;
    return false;
}

bool frames_within(const struct frames *frames)
{
    return !frames->lost && (frames->skip > 0 || frames->waiting.length > 0);
}

bool frames_gap(struct frames *frames, uint64_t bytes)
{
    if (frames->lost || bytes > frames->skip)
        return false;
    frames->skip -= bytes;
    return true;
}

void frames_reset(struct frames *frames)
{
    buffer_reset(&frames->waiting, KEEP_BETWEEN);
    frames->skip = 0;
    frames->used = frames->cut = false;
    frames->lost = false;
}

void frames_free(struct frames *frames)
{
    buffer_free(&frames->waiting);
}
