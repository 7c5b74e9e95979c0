/* dissect/configmgr/bits_range.h: which bytes a fragment of an upload brings ([MC-BUP] 2.2.2.2). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_BITS_RANGE_H
#define CMSCOPE_DISSECT_CONFIGMGR_BITS_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"

/* "bytes 0-15999/70000" (RFC 9110 section 14.4); false for anything else, or numbers that contradict each other. */
MUST_USE bool bits_range_parse(struct text range, uint64_t *start, uint64_t *length, uint64_t *total);

#endif
