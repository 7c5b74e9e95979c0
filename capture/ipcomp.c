/* capture/ipcomp.c: see ipcomp.h. */
#include "capture/ipcomp.h"

#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#include "capture/decode.h"

/* An IP datagram cannot be longer, and what is compressed came from one. */
#define IPCOMP_MAX 65535

struct ipcomp {
    bool started;
    z_stream stream;
    uint8_t bytes[IPCOMP_MAX];
};

struct ipcomp *ipcomp_new(void)
{
    return calloc(1, sizeof(struct ipcomp));
}

void ipcomp_free(struct ipcomp *ipcomp)
{
    if (ipcomp != NULL && ipcomp->started)
        (void)inflateEnd(&ipcomp->stream);
    free(ipcomp);
}

/* RFC 2394, section 2: raw DEFLATE. False when it is none, or is longer than a datagram. */
static bool inflate_all(struct ipcomp *ipcomp, struct cursor bytes, size_t *length)
{
    if (ipcomp->started ? inflateReset(&ipcomp->stream) != Z_OK : inflateInit2(&ipcomp->stream, -MAX_WBITS) != Z_OK)
        return false;
    ipcomp->started = true;
    ipcomp->stream.next_in = bytes.at;
    ipcomp->stream.avail_in = (uInt)bytes.left;
    ipcomp->stream.next_out = ipcomp->bytes;
    ipcomp->stream.avail_out = IPCOMP_MAX;
    int result = inflate(&ipcomp->stream, Z_FINISH);
    *length = IPCOMP_MAX - ipcomp->stream.avail_out;
    return result == Z_STREAM_END;
}

/* RFC 3173, section 3.3: next header 1, flags 1, compression parameter index 2 (below 64: the algorithm, 2 is DEFLATE;
 * from 256 on: what both sides agreed on). */
enum outcome ipcomp_enter(struct ipcomp *ipcomp, struct ip *ip)
{
    enum { DEFLATE = 2, AGREED = 256 };
    struct cursor header;
    uint8_t next, flags;
    uint16_t index;
    size_t length;
    enum outcome outcome = frame_take(&ip->payload, 4, &header);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_u8(&header, &next) || !cursor_u8(&header, &flags) || !cursor_be16(&header, &index))
        return OUTCOME_MALFORMED;
    if (ip->payload.bytes.left < ip->payload.wire)
        return OUTCOME_MORE;
    if ((index != DEFLATE && index < AGREED) || !inflate_all(ipcomp, ip->payload.bytes, &length))
        return frame_give_up(&ip->payload, UNREAD_IPCOMP);
    ip->protocol = next;
    ip->payload = (struct frame){.bytes = cursor_of(ipcomp->bytes, length), .wire = (uint32_t)length};
    return OUTCOME_OK;
}
