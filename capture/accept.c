/* capture/accept.c: see accept.h. */
#include "capture/accept.h"

/* An RST further off than this from what its sender sent last is not believed, where the window is not known: the
 * largest windows in use are some megabytes. */
#define RESET_WINDOW (INT64_C(16) << 20)
/* An answer to a SYN may acknowledge so many bytes that the capture lacks. */
#define LOST_WINDOW INT64_C(65536)
/* After a silence, numbers that are further off are another connection's: 1 in 32,768 is not. */
#define GOES_ON_WINDOW INT64_C(65536)

/* By how many bits the receiver's windows are shifted: only when both sides asked for it (RFC 7323, section 2.2). Where the
 * capture does not show it, by as many as there can be. */
static unsigned shift_of(const struct half *receiver, const struct half *other)
{
    if (receiver->scale == WINDOW_PLAIN || other->scale == WINDOW_PLAIN)
        return 0;
    return receiver->scale >= WINDOW_SCALED ? receiver->scale - (unsigned)WINDOW_SCALED : WINDOW_SHIFT_MOST;
}

void accept_window(struct half *half, const struct half *receiver, const struct segment *segment)
{
    unsigned shift = segment->syn ? 0 : shift_of(receiver, half);
    int64_t end = half->acked + ((int64_t)segment->window << shift);
    if (end > half->allowed)
        half->allowed = end;
}

bool accept_position(const struct half *half, int64_t position)
{
    return half->allowed == 0 || position <= half->allowed;
}

bool accept_reset(const struct half *half, int64_t position)
{
    int64_t lowest = half->acked < half->offset ? half->acked : half->offset;
    if (half->allowed == 0)
        return position - half->offset <= RESET_WINDOW && half->offset - position <= RESET_WINDOW;
    return position >= lowest && (position <= half->allowed || position <= half->offset + 1);
}

bool accept_answer(const struct flow *flow, enum direction direction, const struct segment *segment)
{
    const struct half *half = &flow->private->half[direction];
    const struct half *other = &flow->private->half[direction_reverse(direction)];
    if (direction == DIRECTION_OUT || !flow->handshake || half->state != HALF_UNKNOWN)
        return true;
    if (!segment->ack)
        return segment->syn; /* both sides open at once */
    int64_t position = tcp_position(other, segment->acknowledgement);
    bool acknowledges = position >= 0 && position <= tcp_reached(other) + LOST_WINDOW;
    bool fin_alone = segment->fin && !segment->syn && segment->payload_bytes == 0;
    return acknowledges && !fin_alone;
}

bool accept_goes_on(const struct flow *flow, enum direction direction, const struct segment *segment)
{
    const struct half *half = &flow->private->half[direction];
    const struct half *other = &flow->private->half[direction_reverse(direction)];
    bool known = half->state != HALF_UNKNOWN;
    if (!known && (!segment->ack || other->state == HALF_UNKNOWN))
        return false;
    int64_t distance = known ? tcp_position(half, segment->sequence) - half->offset
                             : tcp_position(other, segment->acknowledgement) - other->offset;
    return distance >= -GOES_ON_WINDOW && distance <= GOES_ON_WINDOW;
}
