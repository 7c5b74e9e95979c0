/* tests/unit/packet_fixture.h: packets built byte by byte, and decoded; for the tests of capture/decode.h. */
#ifndef CMSCOPE_TESTS_PACKET_FIXTURE_H
#define CMSCOPE_TESTS_PACKET_FIXTURE_H

#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/decode.h"

#define PACKET_MAX 70000

struct build {
    uint8_t bytes[PACKET_MAX];
    size_t length;
};

static inline void put(struct build *build, const void *bytes, size_t length)
{
    assert_true(length <= PACKET_MAX - build->length);
    memcpy(build->bytes + build->length, bytes, length);
    build->length += length;
}

static inline void put8(struct build *build, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(build, &byte, 1);
}

static inline void put16(struct build *build, unsigned value)
{
    put8(build, value >> 8);
    put8(build, value);
}

static inline void put32(struct build *build, uint32_t value)
{
    put16(build, value >> 16);
    put16(build, value & 0xffff);
}

static inline void put_ethernet(struct build *build, unsigned type)
{
    static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    put(build, addresses, sizeof addresses);
    put16(build, type);
}

static inline void put_ipv4_part(struct build *build, unsigned protocol, size_t payload, unsigned id, unsigned fragment)
{
    static const uint8_t ends[8] = {10, 0, 0, 1, 10, 0, 0, 2};
    put16(build, 0x4500);
    put16(build, (unsigned)payload + 20);
    put16(build, id);
    put16(build, fragment);
    put8(build, 64);
    put8(build, protocol);
    put16(build, 0);
    put(build, ends, sizeof ends);
}

static inline void put_ipv4(struct build *build, unsigned protocol, size_t payload)
{
    put_ipv4_part(build, protocol, payload, 7, 0x4000);
}

static inline void put_ipv6(struct build *build, unsigned next, size_t payload)
{
    static const uint8_t ends[32] = {0x20, 1, 0x0d, 0xb8, [15] = 1, 0x20, 1, 0x0d, 0xb8, [31] = 2};
    put32(build, 0x60000000);
    put16(build, (unsigned)payload);
    put8(build, next);
    put8(build, 64);
    put(build, ends, sizeof ends);
}

static inline void put_ipv6_fragment(struct build *build, unsigned next, unsigned offset, bool more, uint32_t id)
{
    put8(build, next);
    put8(build, 0);
    put16(build, offset | more);
    put32(build, id);
}

static inline void put_tcp(struct build *build, unsigned words, unsigned flags, const char *payload)
{
    put16(build, 50000);
    put16(build, 80);
    put32(build, 0x01020304);
    put32(build, 0x05060708);
    put8(build, words << 4);
    put8(build, flags);
    put16(build, 65535);
    put32(build, 0);
    for (unsigned i = 5; i < words; i++)
        put32(build, 0x01010101);
    put(build, payload, strlen(payload));
}

static inline void put_udp(struct build *build, unsigned sport, unsigned dport, size_t payload)
{
    put16(build, sport);
    put16(build, dport);
    put16(build, (unsigned)payload + 8);
    put16(build, 0);
}

/* A packet from 10.0.0.1 to 10.0.0.2 with a segment that says "hello": 45 bytes. */
static inline void put_hello(struct build *build)
{
    put_ipv4(build, 6, 25);
    put_tcp(build, 5, 0x10, "hello");
}

#define HELLO 45

struct result {
    enum decoded decoded;
    struct segment segment;
};

static inline struct result decode_cut(struct decoder *decoder, int link_type, const struct build *build,
                                       size_t captured)
{
    struct packet packet = {.moment = {1, 0},
                            .link_type = link_type,
                            .wire_length = (uint32_t)build->length,
                            .bytes = cursor_of(build->bytes, captured)};
    struct result result;
    memset(&result, 0, sizeof result);
    result.decoded = decoder_packet(decoder, &packet, &result.segment);
    return result;
}

static inline struct result decode(struct decoder *decoder, int link_type, const struct build *build)
{
    /* A copy of exactly its size, so that the sanitizer sees a read behind the end. */
    uint8_t *copy = malloc(build->length + 1);
    assert_non_null(copy);
    memcpy(copy, build->bytes, build->length);
    struct packet packet = {.moment = {1, 0},
                            .link_type = link_type,
                            .wire_length = (uint32_t)build->length,
                            .bytes = cursor_of(copy, build->length)};
    struct result result;
    memset(&result, 0, sizeof result);
    result.decoded = decoder_packet(decoder, &packet, &result.segment);
    size_t offset = decoded_has_flow(result.decoded) && result.segment.payload.left > 0 &&
                            result.segment.payload.at >= copy && result.segment.payload.at < copy + build->length
                        ? (size_t)(result.segment.payload.at - copy)
                        : SIZE_MAX;
    if (offset != SIZE_MAX)
        result.segment.payload.at = build->bytes + offset;
    free(copy);
    return result;
}

static inline void assert_payload(struct result result, const char *payload)
{
    assert_int_equal(result.decoded, DECODED_SEGMENT);
    assert_int_equal(result.segment.payload.left, strlen(payload));
    assert_memory_equal(result.segment.payload.at, payload, strlen(payload));
    assert_int_equal(result.segment.payload_bytes, strlen(payload));
}

static inline int new_decoder(void **state)
{
    *state = decoder_new();
    return *state == NULL;
}

static inline int free_decoder(void **state)
{
    decoder_free(*state);
    return 0;
}

#endif
