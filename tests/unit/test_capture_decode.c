/* tests/unit/test_capture_decode.c: link layers, IP, fragments and TCP headers, from bytes built here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pcap/dlt.h>

#include "capture/decode.h"

#define PACKET_MAX 70000

struct build {
    uint8_t bytes[PACKET_MAX];
    size_t length;
};

static void put(struct build *build, const void *bytes, size_t length)
{
    assert_true(length <= PACKET_MAX - build->length);
    memcpy(build->bytes + build->length, bytes, length);
    build->length += length;
}

static void put8(struct build *build, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(build, &byte, 1);
}

static void put16(struct build *build, unsigned value)
{
    put8(build, value >> 8);
    put8(build, value);
}

static void put32(struct build *build, uint32_t value)
{
    put16(build, value >> 16);
    put16(build, value & 0xffff);
}

static void put_ethernet(struct build *build, unsigned type)
{
    static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    put(build, addresses, sizeof addresses);
    put16(build, type);
}

static void put_ipv4_part(struct build *build, unsigned protocol, size_t payload, unsigned id, unsigned fragment)
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

static void put_ipv4(struct build *build, unsigned protocol, size_t payload)
{
    put_ipv4_part(build, protocol, payload, 7, 0x4000);
}

static void put_ipv6(struct build *build, unsigned next, size_t payload)
{
    static const uint8_t ends[32] = {0x20, 1, 0x0d, 0xb8, [15] = 1, 0x20, 1, 0x0d, 0xb8, [31] = 2};
    put32(build, 0x60000000);
    put16(build, (unsigned)payload);
    put8(build, next);
    put8(build, 64);
    put(build, ends, sizeof ends);
}

static void put_ipv6_fragment(struct build *build, unsigned next, unsigned offset, bool more, uint32_t id)
{
    put8(build, next);
    put8(build, 0);
    put16(build, offset | more);
    put32(build, id);
}

static void put_tcp(struct build *build, unsigned words, unsigned flags, const char *payload)
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

struct result {
    enum decoded decoded;
    struct segment segment;
};

static struct result decode_cut(struct decoder *decoder, int link_type, const struct build *build, size_t captured)
{
    struct packet packet = {{1, 0}, link_type, (uint32_t)build->length, cursor_of(build->bytes, captured)};
    struct result result;
    memset(&result, 0, sizeof result);
    result.decoded = decoder_packet(decoder, &packet, &result.segment);
    return result;
}

static struct result decode(struct decoder *decoder, int link_type, const struct build *build)
{
    /* A copy of exactly its size, so that the sanitizer sees a read behind the end. */
    uint8_t *copy = malloc(build->length + 1);
    assert_non_null(copy);
    memcpy(copy, build->bytes, build->length);
    struct packet packet = {{1, 0}, link_type, (uint32_t)build->length, cursor_of(copy, build->length)};
    struct result result;
    memset(&result, 0, sizeof result);
    result.decoded = decoder_packet(decoder, &packet, &result.segment);
    size_t offset = result.decoded == DECODED_SEGMENT && result.segment.payload.left > 0 &&
                            result.segment.payload.at >= copy && result.segment.payload.at < copy + build->length
                        ? (size_t)(result.segment.payload.at - copy)
                        : SIZE_MAX;
    if (offset != SIZE_MAX)
        result.segment.payload.at = build->bytes + offset;
    free(copy);
    return result;
}

static void assert_payload(struct result result, const char *payload)
{
    assert_int_equal(result.decoded, DECODED_SEGMENT);
    assert_int_equal(result.segment.payload.left, strlen(payload));
    assert_memory_equal(result.segment.payload.at, payload, strlen(payload));
    assert_int_equal(result.segment.payload_bytes, strlen(payload));
}

static int new_decoder(void **state)
{
    *state = decoder_new();
    return *state == NULL;
}

static int free_decoder(void **state)
{
    decoder_free(*state);
    return 0;
}

static void a_tcp_segment_is_read_field_by_field(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 6, 20 + 12 + 5);
    put_tcp(&build, 8, 0x13, "hello");
    struct result result = decode(*state, DLT_EN10MB, &build);
    assert_payload(result, "hello");
    assert_int_equal(result.segment.sport, 50000);
    assert_int_equal(result.segment.dport, 80);
    assert_int_equal(result.segment.sequence, 0x01020304);
    assert_int_equal(result.segment.acknowledgement, 0x05060708);
    assert_true(result.segment.fin && result.segment.syn && result.segment.ack && !result.segment.rst);
    char text[ADDRESS_TEXT_MAX];
    address_print(&result.segment.src, text);
    assert_string_equal(text, "10.0.0.1");
    address_print(&result.segment.dst, text);
    assert_string_equal(text, "10.0.0.2");
}

static void ethernet_padding_is_no_payload(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 6, 20);
    put_tcp(&build, 5, 0x10, "");
    put(&build, "\0\0\0\0\0", 6);
    assert_payload(decode(*state, DLT_EN10MB, &build), "");
}

static void a_total_length_of_zero_means_the_frame(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 6, 0);
    build.bytes[16] = build.bytes[17] = 0;
    put_tcp(&build, 5, 0x10, "segmented by the card");
    assert_payload(decode(*state, DLT_EN10MB, &build), "segmented by the card");
}

static void link_layers_end_where_ip_begins(void **state)
{
    static const struct {
        int link_type;
        const char *header;
        size_t length;
    } layers[] = {
        {DLT_EN10MB, "\2\0\0\0\0\1\2\0\0\0\0\2\x81\0\0\x78\x08\0", 18},
        {DLT_EN10MB, "\2\0\0\0\0\1\2\0\0\0\0\2\x88\xa8\0\x78\x81\0\0\x79\x08\0", 22},
        {DLT_EN10MB, "\2\0\0\0\0\1\2\0\0\0\0\2\x91\0\0\x78\x81\0\0\x79\x81\0\0\x79\x81\0\0\x79\x08\0", 30},
        {DLT_EN10MB, "\2\0\0\0\0\1\2\0\0\0\0\2\x88\x64\x11\0\0\1\0\x2f\0\x21", 22},
        {DLT_EN10MB, "\2\0\0\0\0\1\2\0\0\0\0\2\0\x35\xaa\xaa\3\0\0\0\x08\0", 22},
        {DLT_EN10MB, "\2\0\0\0\0\1\2\0\0\0\0\2\x88\x47\0\1\0\x40\0\1\1\x40", 22},
        {DLT_LINUX_SLL, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 16},
        {DLT_LINUX_SLL2, "\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0", 20},
        {DLT_RAW, "", 0},
        {DLT_IPV4, "", 0},
        {DLT_NULL, "\2\0\0\0", 4},
        {DLT_NULL, "\0\0\0\2", 4},
        {DLT_LOOP, "\0\0\0\2", 4},
        {DLT_PPP, "\xff\3\0\x21", 4},
        {DLT_PPP, "\0\x21", 2},
        {DLT_NFLOG, "\2\0\0\5\5\0\xa\0x\0\0\0\x31\0\x09\0", 16},
    };
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        struct build build = {.length = 0};
        put(&build, layers[i].header, layers[i].length);
        put_ipv4(&build, 6, 25);
        put_tcp(&build, 5, 0x10, "hello");
        assert_payload(decode(*state, layers[i].link_type, &build), "hello");
        /* Cut anywhere before the payload, it is never taken for something else. */
        for (size_t cut = 0; cut < build.length - 5; cut++)
            assert_int_equal(decode_cut(*state, layers[i].link_type, &build, cut).decoded, DECODED_CUT);
    }
}

static void what_is_not_tcp_over_ip_is_told_apart(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0806);
    put(&build, "arp and so on", 13);
    assert_int_equal(decode(*state, DLT_EN10MB, &build).decoded, DECODED_NOT_IP);
    build.length = 0;
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 17, 8);
    put(&build, "datagram", 8);
    assert_int_equal(decode(*state, DLT_EN10MB, &build).decoded, DECODED_NOT_TCP);
    assert_int_equal(decode(*state, DLT_IEEE802_11, &build).decoded, DECODED_UNKNOWN_LINK);
    struct decoder_counts counts = decoder_counts(*state);
    assert_int_equal(counts.by_result[DECODED_NOT_IP], 1);
    assert_int_equal(counts.by_result[DECODED_NOT_TCP], 1);
    assert_int_equal(counts.by_result[DECODED_UNKNOWN_LINK], 1);
    assert_string_equal(decoded_name(DECODED_NOT_TCP), "not TCP");
}

static void headers_that_contradict_themselves_are_malformed(void **state)
{
    struct build good = {.length = 0};
    put_ethernet(&good, 0x0800);
    put_ipv4(&good, 6, 20);
    put_tcp(&good, 5, 0x10, "");
    struct build bad = good;
    bad.bytes[14] = 0x44; /* IP header of 16 bytes */
    assert_int_equal(decode(*state, DLT_EN10MB, &bad).decoded, DECODED_MALFORMED);
    bad = good;
    bad.bytes[17] = 19; /* total length less than the header */
    assert_int_equal(decode(*state, DLT_EN10MB, &bad).decoded, DECODED_MALFORMED);
    bad = good;
    bad.bytes[17] = 39; /* no room for the TCP header */
    assert_int_equal(decode(*state, DLT_EN10MB, &bad).decoded, DECODED_MALFORMED);
    bad = good;
    bad.bytes[46] = 0x40; /* TCP header of 16 bytes */
    assert_int_equal(decode(*state, DLT_EN10MB, &bad).decoded, DECODED_MALFORMED);
    bad.bytes[46] = 0xf0; /* options that are not there */
    assert_int_equal(decode(*state, DLT_EN10MB, &bad).decoded, DECODED_MALFORMED);
    bad = (struct build){.length = 0};
    put_ethernet(&bad, 0x8100);
    for (int i = 0; i < 5; i++)
        put32(&bad, 0x00018100);
    assert_int_equal(decode(*state, DLT_EN10MB, &bad).decoded, DECODED_MALFORMED);
}

static void a_length_beyond_the_frame_is_the_frames(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 6, 20 + 5 + 8);
    put_tcp(&build, 5, 0x10, "hello");
    assert_payload(decode(*state, DLT_EN10MB, &build), "hello");
}

static void a_payload_cut_by_the_snapshot_length_keeps_its_length(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 6, 20 + 12 + 5);
    put_tcp(&build, 8, 0x10, "hello");
    struct result result = decode_cut(*state, DLT_EN10MB, &build, build.length - 3);
    assert_int_equal(result.decoded, DECODED_SEGMENT);
    assert_int_equal(result.segment.payload.left, 2);
    assert_int_equal(result.segment.payload_bytes, 5);
    result = decode_cut(*state, DLT_EN10MB, &build, build.length - 10); /* inside the options */
    assert_int_equal(result.decoded, DECODED_SEGMENT);
    assert_int_equal(result.segment.payload.left, 0);
    assert_int_equal(result.segment.payload_bytes, 5);
}

static void ipv6_extension_headers_are_walked(void **state)
{
    struct build build = {.length = 0};
    put_ipv6(&build, 0, 8 + 8 + 16 + 8 + 25);
    put(&build, "\x2b\0\1\4\0\0\0\0", 8);          /* hop by hop, then routing */
    put(&build, "\x3c\0\0\0\0\0\0\0", 8);          /* routing, then destination */
    put(&build, "\x2c\1\1\14\0\0\0\0\0\0\0\0\0\0\0\0", 16); /* destination, then fragment */
    put_ipv6_fragment(&build, 6, 0, false, 99);    /* the only one: RFC 6946 */
    put_tcp(&build, 5, 0x10, "hello");
    struct result result = decode(*state, DLT_RAW, &build);
    assert_payload(result, "hello");
    char text[ADDRESS_TEXT_MAX];
    address_print(&result.segment.src, text);
    assert_string_equal(text, "2001:db8::1");
}

static void endless_extension_headers_are_malformed(void **state)
{
    struct build build = {.length = 0};
    put_ipv6(&build, 60, 8 * 100);
    for (int i = 0; i < 100; i++)
        put(&build, "\x3c\0\0\0\0\0\0\0", 8);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_MALFORMED);
}

/* ---- fragments ---- */

/* A TCP segment with a payload of `length` bytes, to be cut. */
static struct build datagram(size_t length)
{
    struct build build = {.length = 0};
    put_tcp(&build, 5, 0x10, "");
    for (size_t i = 0; i < length; i++)
        put8(&build, (unsigned)(i * 7));
    return build;
}

static struct result give_part(struct decoder *decoder, int version, const struct build *whole, size_t start,
                               size_t end, unsigned id, int64_t time_ns)
{
    struct build build = {.length = 0};
    bool more = end < whole->length;
    if (version == 4) {
        put_ipv4_part(&build, 6, end - start, id, (more ? 0x2000u : 0) | (unsigned)(start / 8));
    } else {
        put_ipv6(&build, 44, end - start + 8);
        put_ipv6_fragment(&build, 6, (unsigned)start, more, id);
    }
    put(&build, whole->bytes + start, end - start);
    struct packet packet = {{1, time_ns}, DLT_RAW, (uint32_t)build.length, cursor_of(build.bytes, build.length)};
    struct result result;
    memset(&result, 0, sizeof result);
    result.decoded = decoder_packet(decoder, &packet, &result.segment);
    return result;
}

static void assert_whole(struct result result, const struct build *whole)
{
    assert_int_equal(result.decoded, DECODED_SEGMENT);
    assert_int_equal(result.segment.payload.left, whole->length - 20);
    assert_memory_equal(result.segment.payload.at, whole->bytes + 20, whole->length - 20);
}

static void fragments_in_any_order_make_the_datagram(void **state)
{
    struct build whole = datagram(100);
    for (int version = 4; version <= 6; version += 2) {
        assert_int_equal(give_part(*state, version, &whole, 80, 120, 1, 0).decoded, DECODED_FRAGMENT);
        assert_int_equal(give_part(*state, version, &whole, 0, 48, 1, 0).decoded, DECODED_FRAGMENT);
        assert_int_equal(give_part(*state, version, &whole, 0, 48, 2, 0).decoded, DECODED_FRAGMENT); /* another one */
        assert_int_equal(give_part(*state, version, &whole, 0, 48, 1, 0).decoded, DECODED_FRAGMENT); /* twice */
        assert_whole(give_part(*state, version, &whole, 48, 80, 1, 0), &whole);
        assert_whole(give_part(*state, version, &whole, 48, 120, 2, 0), &whole);
    }
    assert_int_equal(decoder_counts(*state).fragments_overlapping, 0);
    assert_int_equal(decoder_counts(*state).fragments_expired, 0);
}

static void overlapping_ipv4_fragments_keep_the_first_copy(void **state)
{
    struct build whole = datagram(100), other = whole;
    memset(other.bytes + 40, 'X', 40);
    give_part(*state, 4, &whole, 32, 80, 1, 0);
    give_part(*state, 4, &other, 24, 88, 1, 0);
    assert_int_equal(decoder_counts(*state).fragments_overlapping, 1);
    give_part(*state, 4, &whole, 88, 120, 1, 0);
    assert_whole(give_part(*state, 4, &whole, 0, 40, 1, 0), &whole);
}

static void overlapping_ipv6_fragments_lose_the_datagram(void **state)
{
    struct build whole = datagram(100);
    give_part(*state, 6, &whole, 0, 48, 1, 0);
    give_part(*state, 6, &whole, 40, 80, 1, 0);
    assert_int_equal(give_part(*state, 6, &whole, 48, 120, 1, 0).decoded, DECODED_FRAGMENT);
    assert_int_equal(give_part(*state, 6, &whole, 80, 120, 1, 0).decoded, DECODED_FRAGMENT);
    assert_int_equal(decoder_counts(*state).fragments_overlapping, 1);
}

static void fragments_wait_a_minute_at_most(void **state)
{
    struct build whole = datagram(100);
    give_part(*state, 4, &whole, 0, 48, 1, 0);
    assert_int_equal(give_part(*state, 4, &whole, 48, 120, 1, INT64_C(61000000000)).decoded, DECODED_FRAGMENT);
    assert_int_equal(decoder_counts(*state).fragments_expired, 1);
}

static void fragments_stay_within_their_budget(void **state)
{
    struct build whole = datagram(40000);
    for (unsigned id = 0; id < 3000; id++)
        give_part(*state, 6, &whole, 0, 39992, id, 0);
    struct decoder_counts counts = decoder_counts(*state);
    assert_true(counts.fragments_expired >= 3000 - (16 << 20) / 39992);
    assert_whole(give_part(*state, 6, &whole, 39992, 40020, 2999, 0), &whole); /* the last one is still there */
}

static void a_fragment_beyond_the_largest_datagram_is_malformed(void **state)
{
    struct build build = {.length = 0};
    put_ipv4_part(&build, 6, 100, 1, 0x1fff);
    for (int i = 0; i < 25; i++)
        put32(&build, 0);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_MALFORMED);
}

static void fragments_of_other_protocols_are_not_kept(void **state)
{
    struct build build = {.length = 0};
    put_ipv4_part(&build, 17, 8, 1, 0x2000);
    put32(&build, 0);
    put32(&build, 0);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_NOT_TCP);
}

/* Any bytes: no read outside, no endless loop; the sanitizers watch. */
static void random_bytes_do_no_harm(void **state)
{
    static const int links[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_NULL, DLT_PPP, DLT_NFLOG};
    uint64_t random = 99;
    struct build seed = {.length = 0};
    put_ethernet(&seed, 0x86dd);
    put_ipv6(&seed, 44, 8 + 45);
    put_ipv6_fragment(&seed, 60, 0, true, 5);
    put(&seed, "\6\0\1\4\0\0\0\0", 8);
    put_tcp(&seed, 6, 0x10, "payload here!");
    for (int i = 0; i < 200000; i++) {
        struct build build = {.length = seed.length};
        memcpy(build.bytes, seed.bytes, seed.length);
        for (int j = 0; j < 3; j++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            build.bytes[(random >> 33) % build.length] = (uint8_t)(random >> 25);
        }
        if (i % 3 == 0)
            build.length = (random >> 40) % build.length;
        decode(*state, links[i % 2 == 0 ? 0 : (random >> 50) % 7], &build);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, new_decoder, free_decoder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_tcp_segment_is_read_field_by_field),
        test(ethernet_padding_is_no_payload),
        test(a_total_length_of_zero_means_the_frame),
        test(link_layers_end_where_ip_begins),
        test(what_is_not_tcp_over_ip_is_told_apart),
        test(headers_that_contradict_themselves_are_malformed),
        test(a_length_beyond_the_frame_is_the_frames),
        test(a_payload_cut_by_the_snapshot_length_keeps_its_length),
        test(ipv6_extension_headers_are_walked),
        test(endless_extension_headers_are_malformed),
        test(fragments_in_any_order_make_the_datagram),
        test(overlapping_ipv4_fragments_keep_the_first_copy),
        test(overlapping_ipv6_fragments_lose_the_datagram),
        test(fragments_wait_a_minute_at_most),
        test(fragments_stay_within_their_budget),
        test(a_fragment_beyond_the_largest_datagram_is_malformed),
        test(fragments_of_other_protocols_are_not_kept),
        test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
