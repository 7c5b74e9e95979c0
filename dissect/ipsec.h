/* dissect/ipsec.h: rows of `ipsec`, from the associations that the packet decoder met (capture/ipsec.h). */
#ifndef CMSCOPE_DISSECT_IPSEC_H
#define CMSCOPE_DISSECT_IPSEC_H

#include "capture/ipsec.h"
#include "core/row.h"

/* Writes one row for each association, in the order of their first packets. To be called once, after the last packet. */
void ipsec_write(const struct ipsec *ipsec, const struct sink *sink);

#endif
