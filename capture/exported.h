/* capture/exported.h: PDUs that Wireshark exported from a capture (LINKTYPE_WIRESHARK_UPPER_PDU): what TCP or UDP carried,
 * or what TLS hid, with the ends of its conversation and without their headers.
 *
 *      tag 2 | length 2 | value      ... | 0 2 | 0 2 | the PDU                                            big endian
 *
 * A PDU with TCP's own numbers (an export of layer 4) is a segment of its stream. One without (an export of layer 7) came
 * out of TLS: Wireshark exports whole messages there, in order, so that each follows the one before. A message that came
 * in several records is exported after each of them, each time from its beginning.
 */
#ifndef CMSCOPE_CAPTURE_EXPORTED_H
#define CMSCOPE_CAPTURE_EXPORTED_H

#include "capture/decode.h"
#include "capture/frame.h"

#define EXPORTED_LINK_TYPE 252 /* LINKTYPE_WIRESHARK_UPPER_PDU */

/* Where the streams are: one for each decoder. */
struct exported;

struct exported *exported_new(void); /* NULL when out of memory */
void exported_free(struct exported *exported);

/* Makes a segment of a PDU. DECODED_SEGMENT, DECODED_DATAGRAM; DECODED_UNREAD: it is of a protocol that is not read, and
 * `name` is that of its dissector (a view of the frame; may be empty); DECODED_CUT, DECODED_MALFORMED. Streams that were
 * forgotten are counted in `limits`. */
enum decoded exported_read(struct exported *exported, struct frame frame, struct segment *segment, struct cursor *name,
                           struct limit_counts *limits);

#endif
