/* capture/order.h: numbers of capture files, which are in the byte order of whoever wrote the file. */
#ifndef CMSCOPE_CAPTURE_ORDER_H
#define CMSCOPE_CAPTURE_ORDER_H

#include "core/cursor.h"

static inline MUST_USE bool order_u16(struct cursor *cursor, bool big, uint16_t *value)
{
    return big ? cursor_be16(cursor, value) : cursor_le16(cursor, value);
}

static inline MUST_USE bool order_u32(struct cursor *cursor, bool big, uint32_t *value)
{
    return big ? cursor_be32(cursor, value) : cursor_le32(cursor, value);
}

static inline MUST_USE bool order_u64(struct cursor *cursor, bool big, uint64_t *value)
{
    uint32_t first, second;
    struct cursor ahead = *cursor;
    if (!order_u32(&ahead, big, &first) || !order_u32(&ahead, big, &second))
        return false;
    *cursor = ahead;
    *value = big ? (uint64_t)first << 32 | second : (uint64_t)second << 32 | first;
    return true;
}

#endif
