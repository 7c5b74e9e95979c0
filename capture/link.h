/* capture/link.h: what stands before the IP header. */
#ifndef CMSCOPE_CAPTURE_LINK_H
#define CMSCOPE_CAPTURE_LINK_H

#include "capture/frame.h"

/* Moves *frame to the IP header. `link_type` is a DLT_... value. OUTCOME_OK: IP of either version follows;
 * OUTCOME_UNSUPPORTED: something else does, or (*known false) the link layer is not read here; OUTCOME_MORE: cut by the
 * snapshot length; OUTCOME_MALFORMED. */
MUST_USE enum outcome link_strip(int link_type, struct frame *frame, bool *known);

#endif
