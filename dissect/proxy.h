/* dissect/proxy.h: the PROXY protocol: what a load balancer writes in front of a connection to tell whose it is.
 *
 *   v1   "PROXY" SP ("TCP4" | "TCP6") SP source SP destination SP source port SP destination port CRLF
 *        "PROXY" SP "UNKNOWN" ... CRLF                                         at most 107 bytes
 *   v2   12 bytes of signature, u8 version 2 and command (0 LOCAL, 1 PROXY), u8 family and protocol, u16 length,
 *        addresses, extensions
 *
 * Source: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, sections 2.1 and 2.2.
 */
#ifndef CMSCOPE_DISSECT_PROXY_H
#define CMSCOPE_DISSECT_PROXY_H

#include "capture/decode.h"
#include "core/cursor.h"
#include "core/error.h"

/* "[address]:port" */
#define PROXY_CLIENT_MAX (ADDRESS_TEXT_MAX + 8)
/* Bytes that tell all that is read of a header: a line of v1; the fixed part and addresses of v2. */
#define PROXY_HEADER_READ_MAX 107

struct proxy_header {
    uint32_t length;               /* of the whole header; of v2 its end may be beyond the bytes at hand */
    char client[PROXY_CLIENT_MAX]; /* whose connection it is, "" when the header does not say */
};

/* Reads a header at the start of a stream. OUTCOME_MORE: it may become one, with at most PROXY_HEADER_READ_MAX bytes;
 * OUTCOME_MALFORMED: it is none. */
MUST_USE enum outcome proxy_header_read(struct cursor first, struct proxy_header *header);

#endif
