/* dissect/ntstatus.h: names of NT status codes (MS-ERREF 2.3), as SMB and RPC tell them. */
#ifndef CMSCOPE_DISSECT_NTSTATUS_H
#define CMSCOPE_DISSECT_NTSTATUS_H

#include "core/text.h"

#define NTSTATUS_SUCCESS 0x00000000u
#define NTSTATUS_PENDING 0x00000103u
#define NTSTATUS_MORE_PROCESSING_REQUIRED 0xC0000016u

/* The name without STATUS_, or the number as 0xC0000000 in the arena. */
struct text ntstatus_text(uint32_t status, struct arena *arena);

/* Severity "error" (the two highest bits). */
static inline bool ntstatus_is_error(uint32_t status)
{
    return status >> 30 == 3;
}

#endif
