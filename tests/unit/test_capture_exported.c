/* tests/unit/test_capture_exported.c: PDUs that Wireshark exported, tag by tag, and the segments made of them. */
#include "capture/exported.h"
#include "packet_fixture.h"

enum { TCP = 2, UDP = 3, DISSECTOR = 12, HEURISTIC = 13, TABLE = 14, CLIENT = 50000 };

static void put_tag(struct build *build, unsigned tag, const void *value, size_t length)
{
    put16(build, tag);
    put16(build, (unsigned)length);
    put(build, value, length);
}

static void put_tag32(struct build *build, unsigned tag, uint32_t value)
{
    put16(build, tag);
    put16(build, 4);
    put32(build, value);
}

/* Who: 10.0.0.1 at port `sport` to 10.0.0.2 at `dport`, or back when `reply`. */
static void put_ends(struct build *build, unsigned type, unsigned port, unsigned server, bool reply)
{
    static const uint8_t ends[2][4] = {{10, 0, 0, 1}, {10, 0, 0, 2}};
    put_tag(build, 20, ends[reply], 4);
    put_tag(build, 21, ends[!reply], 4);
    put_tag32(build, 24, type);
    put_tag32(build, 25, reply ? server : port);
    put_tag32(build, 26, reply ? port : server);
    put_tag32(build, 30, 7); /* the packet it came from: not used */
}

static void put_pdu(struct build *build, const char *pdu)
{
    put32(build, 0);
    put(build, pdu, strlen(pdu));
}

static struct result hidden(struct decoder *decoder, unsigned port, bool reply, const char *pdu)
{
    struct build build = {.length = 0};
    put_tag(&build, HEURISTIC, "http_tls", 8);
    put_ends(&build, TCP, port, 443, reply);
    put_pdu(&build, pdu);
    struct result result = decode(decoder, EXPORTED_LINK_TYPE, &build);
    assert_payload(result, pdu);
    assert_int_equal(result.segment.protection, PROTECTION_TLS);
    return result;
}

static void assert_place(struct result result, uint32_t sequence, uint32_t acknowledgement)
{
    assert_int_equal(result.segment.sequence, sequence);
    assert_true(result.segment.ack);
    assert_int_equal(result.segment.acknowledgement, acknowledgement);
}

static void pdus_of_tls_follow_each_other(void **state)
{
    assert_place(hidden(*state, CLIENT, false, "GET / "), 1, 1);
    assert_place(hidden(*state, CLIENT, false, "GET / HTTP/1.1"), 1, 1); /* more of the same message */
    assert_place(hidden(*state, CLIENT, true, "HTTP/1.1 200"), 1, 15);
    assert_place(hidden(*state, CLIENT, false, "GET / HTTP/1.1"), 15, 13); /* another one */
    assert_place(hidden(*state, CLIENT, false, "GET / HTTP/1.1"), 29, 13); /* and one more, of the same length */
    assert_place(hidden(*state, CLIENT + 1, false, "GET / HTTP/1.1 "), 1, 1);
    struct result result = hidden(*state, CLIENT, true, "HTTP/1.1 404");
    assert_place(result, 13, 43);
    assert_int_equal(result.segment.sport, 443);
    assert_int_equal(result.segment.dport, CLIENT);
    assert_memory_equal(result.segment.src.bytes, "\x0a\0\0\2", 4);
    assert_null(protection_name(PROTECTION_TLS, false));
}

static void numbers_of_tcp_place_a_pdu(void **state)
{
    struct build build = {.length = 0};
    put_tag(&build, TABLE, "tcp.port\0\0\0", 12);
    put_tag(&build, 22, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    put_tag(&build, 23, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
    put_tag32(&build, 24, TCP);
    put_tag32(&build, 25, CLIENT);
    put_tag32(&build, 26, 445);
    put_tag(&build, 34, "\0\1\0\0\1\0\0\0\2\0\0\0\0\7\1\0\x19\0\0", 19);
    put_pdu(&build, "smb");
    struct result result = decode(*state, EXPORTED_LINK_TYPE, &build);
    assert_payload(result, "smb");
    assert_place(result, 256, 7);
    assert_true(result.segment.fin);
    assert_int_equal(result.segment.protection, PROTECTION_NONE);
    assert_int_equal(result.segment.src.version, 6);
    build.bytes[12 + 4 + 2 * 20 + 3 * 8 + 5] = 2; /* another version of the numbers */
    assert_int_equal(decode(*state, EXPORTED_LINK_TYPE, &build).decoded, DECODED_MALFORMED);
}

static void datagrams_are_given_and_those_cut_are_told(void **state)
{
    struct build build = {.length = 0};
    put_tag(&build, TABLE, "udp.port", 8);
    put_ends(&build, UDP, CLIENT, 53, false);
    put_pdu(&build, "question");
    struct result result = decode(*state, EXPORTED_LINK_TYPE, &build);
    assert_int_equal(result.decoded, DECODED_DATAGRAM);
    assert_int_equal(result.segment.payload_bytes, 8);
    result = decode_cut(*state, EXPORTED_LINK_TYPE, &build, build.length - 3);
    assert_int_equal(result.decoded, DECODED_DATAGRAM);
    assert_int_equal(result.segment.payload.left, 5);
    assert_int_equal(result.segment.payload_bytes, 8);
    for (size_t cut = 0; cut < build.length - 8; cut++)
        assert_int_equal(decode_cut(*state, EXPORTED_LINK_TYPE, &build, cut).decoded, DECODED_CUT);
    build.length -= 10; /* the tags do not end */
    assert_int_equal(decode(*state, EXPORTED_LINK_TYPE, &build).decoded, DECODED_MALFORMED);
}

static enum decoded other(struct decoder *decoder, const char *name, unsigned type)
{
    struct build build = {.length = 0};
    put_tag(&build, DISSECTOR, name, strlen(name));
    put_ends(&build, type, CLIENT, 443, false);
    put_pdu(&build, "bytes");
    return decode(decoder, EXPORTED_LINK_TYPE, &build).decoded;
}

static void other_protocols_are_named(void **state)
{
    assert_int_equal(other(*state, "http2", TCP), DECODED_UNREAD);
    assert_int_equal(other(*state, "http2", TCP), DECODED_UNREAD);
    assert_int_equal(other(*state, "a\x1b[31m\xc3\xa9 of some thirty and more characters", UDP), DECODED_UNREAD);
    assert_int_equal(other(*state, "http", UDP), DECODED_UNREAD);
    struct build build = {.length = 0}; /* without addresses */
    put_tag(&build, DISSECTOR, "http", 4);
    put_pdu(&build, "bytes");
    assert_int_equal(decode(*state, EXPORTED_LINK_TYPE, &build).decoded, DECODED_UNREAD);
    struct decoder_counts counts = decoder_counts(*state);
    assert_int_equal(counts.export_count, 3);
    assert_string_equal(counts.exports[0].name, "http2");
    assert_int_equal(counts.exports[0].packets, 2);
    assert_string_equal(counts.exports[1].name, "a?[31m???of?some?thirty?and?mor");
    assert_int_equal(counts.exports[2].packets, 2);
    assert_int_equal(counts.by_unread[UNREAD_EXPORTED], 5);
}

static void names_beyond_the_limit_are_counted(void **state)
{
    for (int i = 0; i < UNKNOWN_EXPORTS_MAX + 3; i++) {
        char name[] = {'n', (char)('a' + i), '\0'};
        assert_int_equal(other(*state, name, TCP), DECODED_UNREAD);
    }
    struct decoder_counts counts = decoder_counts(*state);
    assert_int_equal(counts.export_count, UNKNOWN_EXPORTS_MAX);
    assert_int_equal(counts.limits.hit[LIMIT_unknown_exports], 3);
}

/* More connections than there are places for: each has another port of the client or of the server. */
static void streams_that_are_forgotten_are_counted(void **state)
{
    enum { CONNECTIONS = 20000 };
    for (unsigned i = 0; i < CONNECTIONS; i++)
        assert_place(hidden(*state, 10000 + i, false, "GET"), 1, 1);
    assert_true(decoder_counts(*state).limits.hit[LIMIT_exported_streams] >= CONNECTIONS - 16384);
    assert_place(hidden(*state, 10000 + CONNECTIONS - 1, true, "HTTP"), 1, 4); /* the last one is there */
}

#define test(name) cmocka_unit_test_setup_teardown(name, new_decoder, free_decoder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(pdus_of_tls_follow_each_other),      test(numbers_of_tcp_place_a_pdu),
        test(other_protocols_are_named),          test(datagrams_are_given_and_those_cut_are_told),
        test(names_beyond_the_limit_are_counted), test(streams_that_are_forgotten_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
