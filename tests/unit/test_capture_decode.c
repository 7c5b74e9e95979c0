/* tests/unit/test_capture_decode.c: IP, fragments, TCP, UDP, ICMP errors, checksums, from bytes built here. */
#include "packet_fixture.h"

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

static void what_is_not_tcp_over_ip_is_told_apart(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0806);
    put(&build, "arp and so on", 13);
    assert_int_equal(decode(*state, DLT_EN10MB, &build).decoded, DECODED_NOT_IP);
    build.length = 0;
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 2, 8);
    put(&build, "igmp ...", 8);
    assert_int_equal(decode(*state, DLT_EN10MB, &build).decoded, DECODED_OTHER);
    struct decoder_counts counts = decoder_counts(*state);
    assert_int_equal(counts.by_result[DECODED_NOT_IP], 1);
    assert_int_equal(counts.by_result[DECODED_OTHER], 1);
    assert_string_equal(decoded_name(DECODED_OTHER), "other protocol over IP");
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
    for (int i = 0; i < 25; i++)
        put32(&bad, 0x00018100);
    assert_int_equal(decode(*state, DLT_EN10MB, &bad).decoded, DECODED_MALFORMED);
}

static void a_length_beyond_the_frame_is_the_frames(void **state)
{
    struct build longer = {.length = 0}, build = {.length = 0}; /* this capture does not cut packets */
    put_ethernet(&longer, 0x0800);
    put_ipv4(&longer, 6, 20 + 11);
    put_tcp(&longer, 5, 0x10, "hello there");
    assert_payload(decode(*state, DLT_EN10MB, &longer), "hello there");
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
    put(&build, "\x2b\0\1\4\0\0\0\0", 8);                   /* hop by hop, then routing */
    put(&build, "\x3c\0\0\0\0\0\0\0", 8);                   /* routing, then destination */
    put(&build, "\x2c\1\1\14\0\0\0\0\0\0\0\0\0\0\0\0", 16); /* destination, then fragment */
    put_ipv6_fragment(&build, 6, 0, false, 99);             /* the only one: RFC 6946 */
    put_tcp(&build, 5, 0x10, "hello");
    struct result result = decode(*state, DLT_RAW, &build);
    assert_payload(result, "hello");
    char text[ADDRESS_TEXT_MAX];
    address_print(&result.segment.src, text);
    assert_string_equal(text, "2001:db8::1");
}

/* RFC 8200, section 4: there may be any number; RFC 7045 names them. */
static void many_extension_headers_are_walked(void **state)
{
    struct build build = {.length = 0};
    put_ipv6(&build, 60, 8 * 100 + 25);
    for (int i = 0; i < 100; i++)
        put(&build, i == 99 ? "\6\0\1\4\0\0\0\0" : i == 98 ? "\x8c\0\1\4\0\0\0\0" : "\x3c\0\1\4\0\0\0\0", 8);
    put_tcp(&build, 5, 0x10, "hello");
    assert_payload(decode(*state, DLT_RAW, &build), "hello");
}

/* The capture wrote the length that it cut to as the length on the wire. */
static void a_length_that_the_capture_lost_is_that_of_ip(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 6, 20 + 12 + 5);
    put_tcp(&build, 8, 0x10, "hello");
    build.length -= 3;
    struct result result = decode(*state, DLT_EN10MB, &build);
    assert_int_equal(result.decoded, DECODED_SEGMENT);
    assert_int_equal(result.segment.payload.left, 2);
    assert_int_equal(result.segment.payload_bytes, 5);
    build.length = 54; /* without the options: as long as the longest so far is needed, so in a new decoder */
    struct decoder *fresh = decoder_new();
    assert_non_null(fresh);
    for (int i = 0; i < 2; i++) {
        result = decode(fresh, DLT_EN10MB, &build);
        assert_int_equal(result.decoded, DECODED_SEGMENT);
        assert_int_equal(result.segment.payload.left, 0);
        assert_int_equal(result.segment.payload_bytes, 5);
    }
    assert_int_equal(decoder_counts(fresh).options_cut, 2);
    assert_int_equal(decoder_counts(fresh).lengths_lost, 2);
    build.length = 0;
    put_ethernet(&build, 0x86dd);
    put_ipv6(&build, 17, 8 + 500);
    put_udp(&build, 1, 2, 500);
    put(&build, "hello", 5);
    result = decode(fresh, DLT_EN10MB, &build);
    assert_int_equal(result.decoded, DECODED_DATAGRAM);
    assert_int_equal(result.segment.payload_bytes, 500);
    build.length = 14 + 40 + 4;
    assert_int_equal(decode(fresh, DLT_EN10MB, &build).decoded, DECODED_MALFORMED); /* shorter than others */
    decoder_free(fresh);
}

/* Neither is a cut packet: padding of Ethernet, a length left at zero, a forged one among longer packets. */
static void other_lengths_are_not_lost(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0800);
    put_hello(&build);
    put(&build, "padding of a frame", 18);
    assert_payload(decode(*state, DLT_EN10MB, &build), "hello");
    build.length = 14 + HELLO;
    build.bytes[16] = build.bytes[17] = 0;
    assert_payload(decode(*state, DLT_EN10MB, &build), "hello");
    build.bytes[16] = 0x7f; /* a host drops it */
    assert_payload(decode(*state, DLT_EN10MB, &build), "hello");
    assert_int_equal(decoder_counts(*state).lengths_lost, 0);
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
    struct packet packet = {.moment = {1, time_ns},
                            .link_type = DLT_RAW,
                            .wire_length = (uint32_t)build.length,
                            .bytes = cursor_of(build.bytes, build.length)};
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
    assert_true(counts.limits.hit[LIMIT_fragment_bytes] >= 3000 - (16 << 20) / 39992);
    assert_whole(give_part(*state, 6, &whole, 39992, 40020, 2999, 0), &whole); /* the last one is still there */
}

static void too_many_datagrams_or_holes_are_counted(void **state)
{
    struct build whole = datagram(2000);
    for (unsigned id = 0; id < 1024 + 7; id++)
        give_part(*state, 4, &whole, 0, 48, id, 0);
    assert_int_equal(decoder_counts(*state).limits.hit[LIMIT_fragmented_datagrams], 7);
    assert_int_equal(decoder_counts(*state).fragments_expired, 7);
    for (size_t start = 0; start < 66 * (size_t)16; start += 16)
        give_part(*state, 4, &whole, start, start + 8, 5000, 0);
    assert_int_equal(decoder_counts(*state).limits.hit[LIMIT_fragment_holes], 1);
    assert_int_equal(decoder_counts(*state).fragments_overlapping, 0);
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
    put_ipv4_part(&build, 132, 8, 1, 0x2000);
    put32(&build, 0);
    put32(&build, 0);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_OTHER);
}

/* ---- UDP, ICMP, jumbograms, checksums ---- */

static void a_datagram_is_read_field_by_field(void **state)
{
    struct build build = {.length = 0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 17, 8 + 5);
    put_udp(&build, 50000, 53, 5);
    put(&build, "query padding", 13); /* behind the datagram: padding of the link layer */
    struct result result = decode(*state, DLT_EN10MB, &build);
    assert_int_equal(result.decoded, DECODED_DATAGRAM);
    assert_int_equal(result.segment.transport, TRANSPORT_UDP);
    assert_int_equal(result.segment.sport, 50000);
    assert_int_equal(result.segment.dport, 53);
    assert_int_equal(result.segment.ttl, 64);
    assert_int_equal(result.segment.payload.left, 5);
    assert_memory_equal(result.segment.payload.at, "query", 5);
    assert_false(result.segment.is_error);
    result = decode_cut(*state, DLT_EN10MB, &build, build.length - 10);
    assert_int_equal(result.segment.payload.left, 3);
    assert_int_equal(result.segment.payload_bytes, 5);
    build.bytes[14 + 20 + 5] = 7; /* length less than the header */
    assert_int_equal(decode(*state, DLT_EN10MB, &build).decoded, DECODED_MALFORMED);
}

static void fragments_of_a_datagram_are_put_together(void **state)
{
    struct build whole = {.length = 0};
    put_udp(&whole, 50000, 88, 100);
    for (unsigned i = 0; i < 100; i++)
        put8(&whole, i);
    for (int version = 4; version <= 6; version += 2) {
        for (size_t start = 0; start < whole.length; start += 56) {
            size_t length = whole.length - start < 56 ? whole.length - start : 56;
            bool last = start + length == whole.length;
            struct build build = {.length = 0};
            if (version == 4) {
                put_ipv4_part(&build, 17, length, 9, (last ? 0 : 0x2000u) | (unsigned)(start / 8));
            } else {
                put_ipv6(&build, 44, length + 8);
                put_ipv6_fragment(&build, 17, (unsigned)start, !last, 9);
            }
            put(&build, whole.bytes + start, length);
            struct result result = decode(*state, DLT_RAW, &build);
            assert_int_equal(result.decoded, last ? DECODED_DATAGRAM : DECODED_FRAGMENT);
            if (last)
                assert_int_equal(result.segment.payload.left, 100);
        }
    }
}

static void icmp_errors_belong_to_the_packet_they_quote(void **state)
{
    static const struct {
        uint8_t version, type, code;
    } errors[] = {{4, 3, 13}, {4, 3, 3}, {4, 3, 4}, {4, 11, 0}, {4, 12, 0}, {6, 1, 1}, {6, 2, 0}, {6, 3, 0}, {6, 4, 1}};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct build build = {.length = 0};
        bool four = errors[i].version == 4;
        if (four)
            put_ipv4(&build, 1, 8 + 20 + 8);
        else
            put_ipv6(&build, 58, 8 + 40 + 20);
        put8(&build, errors[i].type);
        put8(&build, errors[i].code);
        put16(&build, 0);
        put32(&build, 0);
        if (four)
            put_ipv4(&build, 6, 20); /* of which 8 bytes are quoted */
        else
            put_ipv6(&build, 6, 20);
        struct build tcp = {.length = 0};
        put_tcp(&tcp, 5, 2, "");
        put(&build, tcp.bytes, four ? 8 : 20);
        struct result result = decode(*state, DLT_RAW, &build);
        assert_int_equal(result.decoded, DECODED_ICMP_ERROR);
        assert_true(result.segment.is_error);
        assert_int_equal(result.segment.error.type, errors[i].type);
        assert_int_equal(result.segment.error.code, errors[i].code);
        assert_int_equal(result.segment.error.reporter.version, errors[i].version);
        assert_int_equal(result.segment.transport, TRANSPORT_TCP);
        assert_int_equal(result.segment.sport, 50000);
        assert_int_equal(result.segment.dport, 80);
        assert_int_equal(result.segment.sequence, 0x01020304);
        assert_int_equal(result.segment.payload_bytes, 0);
    }
}

static void other_icmp_is_no_error_of_a_flow(void **state)
{
    struct build build = {.length = 0};
    put_ipv4(&build, 1, 8); /* echo */
    put32(&build, 0x08000000);
    put32(&build, 0x00010001);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_OTHER);
    build.length = 0; /* about an ICMP packet */
    put_ipv4(&build, 1, 8 + 20 + 8);
    put32(&build, 0x03010000);
    put32(&build, 0);
    put_ipv4(&build, 1, 8);
    put32(&build, 0x08000000);
    put32(&build, 0x00010001);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_OTHER);
    build.bytes[20 + 8 + 9] = 17; /* about a datagram, but of it less than the ports */
    build.length -= 5;
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_OTHER);
    build.length = 0; /* about a later fragment, which has no ports */
    put_ipv4(&build, 1, 8 + 20 + 8);
    put32(&build, 0x03010000);
    put32(&build, 0);
    put_ipv4_part(&build, 17, 8, 1, 100);
    put32(&build, 0);
    put32(&build, 0);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_OTHER);
}

/* RFC 2675: the length stands in an option. */
static void jumbograms_are_read(void **state)
{
    static char text[66001];
    memset(text, 'x', sizeof text - 1);
    struct build build = {.length = 0};
    put_ipv6(&build, 0, 0);
    put(&build, "\6\0\xc2\4", 4);
    put32(&build, 8 + 20 + 66000);
    put_tcp(&build, 5, 0x10, text);
    put(&build, "trailer", 7);
    struct result result = decode(*state, DLT_RAW, &build);
    assert_int_equal(result.decoded, DECODED_SEGMENT);
    assert_int_equal(result.segment.payload_bytes, 66000);
    build.bytes[40 + 4] = build.bytes[40 + 5] = 0; /* shorter than what fits an ordinary packet */
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_MALFORMED);
}

static uint16_t ones_complement(struct cursor bytes, uint32_t sum)
{
    uint16_t word;
    while (cursor_be16(&bytes, &word))
        sum += word;
    return (uint16_t)(sum % 65535 == 0 ? 0xffff : sum % 65535);
}

static void wrong_checksums_are_rejected_when_asked(void **state)
{
    struct build build = {.length = 0};
    put_ipv4(&build, 6, 26);
    put_tcp(&build, 5, 0x10, "hello!");
    assert_payload(decode(*state, DLT_RAW, &build), "hello!"); /* not looked at */
    decoder_checksums(*state, true);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_CHECKSUM);
    uint16_t sum = (uint16_t)~ones_complement(cursor_of(build.bytes, 20), 0);
    build.bytes[10] = (uint8_t)(sum >> 8);
    build.bytes[11] = (uint8_t)sum;
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_CHECKSUM); /* TCP's is wrong still */
    sum = (uint16_t)~ones_complement(cursor_of(build.bytes + 12, 34), 6 + 26);
    build.bytes[36] = (uint8_t)(sum >> 8);
    build.bytes[37] = (uint8_t)sum;
    assert_payload(decode(*state, DLT_RAW, &build), "hello!");
    assert_int_equal(decode_cut(*state, DLT_RAW, &build, build.length - 1).decoded, DECODED_SEGMENT);
    build.bytes[45] ^= 1;
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_CHECKSUM);
    assert_int_equal(decode_cut(*state, DLT_RAW, &build, build.length - 1).decoded, DECODED_SEGMENT); /* not known */
    assert_int_equal(decoder_counts(*state).by_result[DECODED_CHECKSUM], 3);
}

static void datagrams_may_go_without_a_checksum(void **state)
{
    struct build build = {.length = 0};
    decoder_checksums(*state, true);
    put_ipv6(&build, 17, 12);
    put_udp(&build, 1, 2, 4);
    put(&build, "abcd", 4);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_CHECKSUM); /* but not over IPv6 */
    uint16_t sum = (uint16_t)~ones_complement(cursor_of(build.bytes + 8, 44), 17 + 12);
    build.bytes[46] = (uint8_t)(sum >> 8);
    build.bytes[47] = (uint8_t)sum;
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_DATAGRAM);
    build.length = 0;
    put_ipv4(&build, 17, 12);
    sum = (uint16_t)~ones_complement(cursor_of(build.bytes, 20), 0);
    build.bytes[10] = (uint8_t)(sum >> 8);
    build.bytes[11] = (uint8_t)sum;
    put_udp(&build, 1, 2, 4);
    put(&build, "abcd", 4);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_DATAGRAM);
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
        test(what_is_not_tcp_over_ip_is_told_apart),
        test(headers_that_contradict_themselves_are_malformed),
        test(a_length_beyond_the_frame_is_the_frames),
        test(a_payload_cut_by_the_snapshot_length_keeps_its_length),
        test(ipv6_extension_headers_are_walked),
        test(endless_extension_headers_are_malformed),
        test(many_extension_headers_are_walked),
        test(a_length_that_the_capture_lost_is_that_of_ip),
        test(other_lengths_are_not_lost),
        test(fragments_in_any_order_make_the_datagram),
        test(overlapping_ipv4_fragments_keep_the_first_copy),
        test(overlapping_ipv6_fragments_lose_the_datagram),
        test(fragments_wait_a_minute_at_most),
        test(fragments_stay_within_their_budget),
        test(too_many_datagrams_or_holes_are_counted),
        test(a_fragment_beyond_the_largest_datagram_is_malformed),
        test(fragments_of_other_protocols_are_not_kept),
        test(a_datagram_is_read_field_by_field),
        test(fragments_of_a_datagram_are_put_together),
        test(icmp_errors_belong_to_the_packet_they_quote),
        test(other_icmp_is_no_error_of_a_flow),
        test(jumbograms_are_read),
        test(wrong_checksums_are_rejected_when_asked),
        test(datagrams_may_go_without_a_checksum),
        test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
