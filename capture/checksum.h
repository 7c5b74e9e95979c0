/* capture/checksum.h: the checksum of IP, TCP, UDP and ICMP (RFC 1071). */
#ifndef CMSCOPE_CAPTURE_CHECKSUM_H
#define CMSCOPE_CAPTURE_CHECKSUM_H

#include "capture/ip.h"

/* Adds bytes to a sum; only the last piece may have an odd length. */
static inline uint64_t checksum_add(uint64_t sum, struct cursor bytes)
{
    uint16_t word;
    uint8_t last;
    while (cursor_be16(&bytes, &word))
        sum += word;
    return cursor_u8(&bytes, &last) ? sum + ((uint64_t)last << 8) : sum;
}

/* 0 when the bytes and their checksum agree. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Is the checksum of a whole payload right, with the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1)? */
static inline bool checksum_agrees(const struct ip *ip, struct cursor payload)
{
    size_t length = ip->src.version == 4 ? 4 : 16;
    uint64_t sum = ip->protocol == IP_ICMP ? 0 : (uint64_t)payload.left + ip->protocol;
    if (ip->protocol != IP_ICMP) { /* ICMP over IPv4 has no pseudo header */
        sum = checksum_add(sum, cursor_of(ip->src.bytes, length));
        sum = checksum_add(sum, cursor_of(ip->dst.bytes, length));
    }
    return checksum_fold(checksum_add(sum, payload)) == 0;
}

#endif
