/* capture/accept.h: which segments their receiver accepts, as far as a capture shows it (RFC 9293, section 3.10.7). What
 * the receiver drops says nothing of the connection: anybody can send it in the name of the other side.
 *
 *      acked                 allowed = latest ACK + window
 *      |------ window -------|
 *      #######|    [===)     |          [===)
 *             offset  accepted            not accepted, when it would leave a hole
 *
 * Bytes that go on where the stream is are always taken: the capture may lack ACKs.
 */
#ifndef CMSCOPE_CAPTURE_ACCEPT_H
#define CMSCOPE_CAPTURE_ACCEPT_H

#include "capture/tcp.h"

/* May the segment answer the SYN, where nothing has answered it yet? True for all other segments. Section 3.10.7.3: an
 * answer acknowledges the SYN. Data and ACKs that acknowledge it are taken, because the capture may lack the SYN-ACK; a
 * FIN alone is not. */
bool accept_answer(const struct flow *flow, enum direction direction, const struct segment *segment);

/* Takes over the window that a segment of `receiver` opens for the stream `half`. */
void accept_window(struct half *half, const struct half *receiver, const struct segment *segment);

/* Is a position ahead of the stream within the receiver's window? True when its window is not known. */
bool accept_position(const struct half *half, int64_t position);

/* Is the RST of the side that sends `half` in the window (section 3.10.7.4)? RFC 5961 asks for the exact number; a capture
 * does not always show it. */
bool accept_reset(const struct half *half, int64_t position);

/* Does a segment after a long silence go on with the numbers of the connection? */
bool accept_goes_on(const struct flow *flow, enum direction direction, const struct segment *segment);

#endif
