/* dissect/configmgr/bits_range.c: see bits_range.h. */
#include "dissect/configmgr/bits_range.h"

#include <string.h>

bool bits_range_parse(struct text range, uint64_t *start, uint64_t *length, uint64_t *total)
{
    if (!text_starts_like(range, "bytes"))
        return false;
    struct text rest = text_trim((struct text){range.at + 5, range.length - 5});
    const char *dash = rest.length == 0 ? NULL : memchr(rest.at, '-', rest.length);
    const char *slash = rest.length == 0 ? NULL : memchr(rest.at, '/', rest.length);
    uint64_t last;
    if (dash == NULL || slash == NULL || slash < dash)
        return false;
    if (!text_to_u64((struct text){rest.at, (size_t)(dash - rest.at)}, start) ||
        !text_to_u64((struct text){dash + 1, (size_t)(slash - dash - 1)}, &last) ||
        !text_to_u64((struct text){slash + 1, rest.length - (size_t)(slash + 1 - rest.at)}, total))
        return false;
    if (last < *start || last >= *total || *total > INT64_MAX)
        return false;
    *length = last - *start + 1;
    return true;
}
