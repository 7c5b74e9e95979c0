/* capture/overlap.h: which bytes a host keeps where two TCP segments that wait for an earlier one say different things.
 *
 * RFC 9293 does not tell, and systems differ; who knows how the receiver does it can show another content to whoever
 * watches. Bytes that came in order were handed to the application at once and are never replaced.
 */
#ifndef CMSCOPE_CAPTURE_OVERLAP_H
#define CMSCOPE_CAPTURE_OVERLAP_H

#include <stdbool.h>
#include <stdint.h>

/* How a kind of system decides. OVERLAP_WINDOWS is 0, the default: what hosts of Configuration Manager run. */
enum overlap_policy {
    OVERLAP_WINDOWS,     /* since Vista and Server 2008: keeps what it has */
    OVERLAP_WINDOWS_NT5, /* 2000, XP, Server 2003 */
    OVERLAP_FIRST,
    OVERLAP_LAST,
    OVERLAP_BSD,
    OVERLAP_LINUX,
    OVERLAP_SOLARIS,
    OVERLAP_COUNT
};

/* [start, end) of a segment in the stream. */
struct extent {
    int64_t start, end;
};

/* Do the bytes of the newer segment replace those of the older one, where they overlap? */
bool overlap_newer_wins(enum overlap_policy policy, struct extent newer, struct extent older);

/* "windows", "linux" ..., for a site file or an option. */
const char *overlap_policy_name(enum overlap_policy policy);
/* The policy of that name; false when there is none. */
bool overlap_policy_find(const char *name, enum overlap_policy *policy);

#endif
