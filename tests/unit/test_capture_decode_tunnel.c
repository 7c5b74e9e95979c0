/* tests/unit/test_capture_decode_tunnel.c: packets inside packets, each kind of tunnel. Wireshark reads the same out of
 * the bytes here. */
#include "packet_fixture.h"

#define ADDRESSES "\2\0\0\0\0\1\2\0\0\0\0\2"
#define ETHERNET ADDRESSES "\x08\0"

struct tunnel_case {
    unsigned protocol; /* of IP; 17: UDP to `port` */
    unsigned port;
    const char *header;
    size_t length;
};

static const struct tunnel_case TUNNELS[] = {
    {4, 0, "", 0},                                                                /* IP in IP */
    {47, 0, "\0\0\x08\0", 4},                                                     /* GRE */
    {47, 0, "\xb0\0\x08\0\1\2\0\0\0\0\0\7\0\0\0\x09", 16},                        /* checksum, key, sequence */
    {47, 0, "\x20\0\x65\x58\0\0\0\7" ETHERNET, 22},                               /* transparent Ethernet bridging */
    {47, 0, "\0\0\x65\x58" ADDRESSES "\x81\0\0\x78\x08\0", 22},                   /* with a VLAN */
    {47, 0, "\0\0\x88\x47\0\1\1\x40", 8},                                         /* MPLS */
    {47, 0, "\x30\x01\x88\x0b\0\x31\0\1\0\0\0\0\xff\3\0\x21", 16},                /* PPTP */
    {47, 0, "\x30\x81\x88\x0b\0\x31\0\1\0\0\0\0\0\0\0\0\x21", 17},                /* with an acknowledgement */
    {47, 0, "\x10\0\x88\xbe\0\0\0\1\x10\x64\0\1\0\0\0\0" ETHERNET, 30},           /* ERSPAN II */
    {47, 0, "\0\0\x88\xbe" ETHERNET, 18},                                         /* ERSPAN I */
    {47, 0, "\x10\0\x22\xeb\0\0\0\1\x20\x64\0\1\0\0\0\0\0\0\x80\0" ETHERNET, 34}, /* ERSPAN III */
    {47, 0, "\x10\0\x22\xeb\0\0\0\1\x20\x64\0\1\0\0\0\0\0\0\x80\1\0\0\0\0\0\0\0\0" ETHERNET, 42}, /* platform part */
    {47, 0, "\x10\0\x22\xeb\0\0\0\1\x20\x64\0\1\0\0\0\0\0\0\x88\0", 20},                          /* IP in it */
    {47, 0, "\0\0\x88\x3e\0\0\0\0", 8},                                                           /* WCCP 2 */
    {97, 0, "\x30\0" ETHERNET, 16},                                                               /* EtherIP */
    {137, 0, "\0\1\1\x40", 4},                                                                    /* MPLS */
    {17, 4789, "\x08\0\0\0\0\0\7\0" ETHERNET, 22},                                                /* VXLAN */
    {17, 8472, "\x08\0\0\0\0\0\7\0" ETHERNET, 22},
    {17, 4789, "\x88\0\0\5\0\0\7\0" ETHERNET, 22},                /* with a group */
    {17, 6081, "\0\0\x65\x58\0\0\7\0" ETHERNET, 22},              /* Geneve */
    {17, 6081, "\2\x40\x08\0\0\0\7\0\1\2\x80\1\0\0\0\0", 16},     /* with an option */
    {17, 2152, "\x30\xff\0\x2d\0\0\0\7", 8},                      /* GTP-U */
    {17, 2152, "\x34\xff\0\x35\0\0\0\7\0\0\0\x85\1\x10\1\0", 16}, /* with an extension */
    {17, 4789, "\x0a\1\2\3\0\0\7\x55" ETHERNET, 22},              /* VXLAN, what is reserved (RFC 7348, 5) */
    {17, 6081, "\0\1\x65\x58\0\0\7\5" ETHERNET, 22},              /* Geneve, what is reserved */
    {17, 4790, "\x0c\0\0\3\0\0\7\0" ETHERNET, 22},                /* VXLAN-GPE: Ethernet */
    {17, 4790, "\x0c\0\0\1\0\0\7\0", 8},                          /* IPv4 */
    {17, 4790, "\x0c\0\0\5\0\0\7\0\0\1\1\x40", 12},               /* MPLS */
    {17, 4790, "\x08\0\0\0\0\0\7\0" ETHERNET, 22},                /* a VXLAN header */
    {17, 6635, "\0\1\1\x40", 4},                                  /* MPLS in UDP */
    {17, 6635, "\0\1\0\x40\0\2\1\x40", 8},                        /* two labels */
    {17, 4754, "\0\0\x08\0", 4},                                  /* GRE in UDP */
    {17, 4754, "\x20\0\x65\x58\0\0\0\7" ETHERNET, 22},            /* with a key and Ethernet */
    {17, 37008, "\1\0\0\1\1" ETHERNET, 19},                       /* TZSP */
    {17, 37008, "\1\1\0\1\x0a\1\xc8\0\x29\2\1\2\1" ETHERNET, 27}, /* with tags and padding, to be sent */
    {17, 37008, "\1\0\0\x12\1\x08\1\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0\xaa\xaa\3\0\0\0\x08\0", 37}, /* 802.11 */
    {17, 7932, "\0\0\0\0\0\0\0\0\0\0\0\0" ETHERNET, 26},                                            /* HP */
    {17, 1701, "\x40\2\0\x39\0\1\0\2\xff\3\0\x21", 12},                                             /* L2TP */
    {17, 1701, "\x02\2\0\1\0\2\0\2\0\0\0\x21", 12},                                                 /* with an offset */
};

static struct build build_of(const struct tunnel_case *tunnel)
{
    struct build build = {.length = 0};
    size_t inner = tunnel->length + HELLO;
    put_ipv4(&build, tunnel->protocol, inner + (tunnel->protocol == 17 ? 8 : 0));
    if (tunnel->protocol == 17)
        put_udp(&build, 40000, tunnel->port, inner);
    put(&build, tunnel->header, tunnel->length);
    put_hello(&build);
    return build;
}

static void tunnels_are_entered(void **state)
{
    for (size_t i = 0; i < sizeof TUNNELS / sizeof TUNNELS[0]; i++) {
        struct build build = build_of(&TUNNELS[i]);
        struct result result = decode(*state, DLT_RAW, &build);
        assert_payload(result, "hello");
        assert_int_equal(result.segment.transport, TRANSPORT_TCP);
        assert_int_equal(decoder_counts(*state).tunnelled, i + 1);
    }
}

static void ipv6_goes_through_tunnels_both_ways(void **state)
{
    struct build build = {.length = 0};
    put_ipv4(&build, 41, 40 + 25); /* 6in4 */
    put_ipv6(&build, 6, 25);
    put_tcp(&build, 5, 0x10, "hello");
    struct result result = decode(*state, DLT_RAW, &build);
    assert_payload(result, "hello");
    assert_int_equal(result.segment.src.version, 6);
    build.length = 0;
    put_ipv6(&build, 41, 40 + 25); /* IPv6 in IPv6 */
    put_ipv6(&build, 6, 25);
    put_tcp(&build, 5, 0x10, "hello");
    assert_payload(decode(*state, DLT_RAW, &build), "hello");
    build.length = 0;
    put_ipv6(&build, 4, HELLO);
    put_hello(&build);
    assert_payload(decode(*state, DLT_RAW, &build), "hello");
}

static void teredo_is_entered_whatever_stands_before_it(void **state)
{
    static const struct {
        const char *header;
        size_t length;
    } parts[] = {{"", 0},
                 {"\0\0\x12\x34\xf5\xff\xff\xfe", 8},
                 {"\0\1\0\0\1\2\3\4\5\6\7\10\0", 13},
                 {"\0\1\1\2i\1\2\1\2\3\4\5\6\7\10\0\0\0\x12\x34\xf5\xff\xff\xfe", 24}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct build build = {.length = 0};
        put_ipv4(&build, 17, 8 + parts[i].length + 40 + 25);
        put_udp(&build, 3544, 50000, parts[i].length + 40 + 25);
        put(&build, parts[i].header, parts[i].length);
        put_ipv6(&build, 6, 25);
        put_tcp(&build, 5, 0x10, "hello");
        assert_payload(decode(*state, DLT_RAW, &build), "hello");
    }
}

static void other_traffic_on_a_tunnels_port_is_a_datagram(void **state)
{
    static const struct tunnel_case others[] = {
        {17, 4789, "\0\1\2\3\4\5\6\7\x08\x09\xa", 11},
        {17, 4789, "\x08\0\0", 3},
        /* An answer of DNS to a client of Windows XP on the port. */
        {17, 4789, "\x0a\x12\x81\x80\0\1\0\0\0\0\0\0\3www\7example\0\0\1\0\1", 29},
        {17, 4790, "\x0c\x12\x81\x01\0\1\0\0\0\0\0\0\3www\7example\0\0\1\0\1", 29},
        {17, 4790, "\x1c\0\0\3\0\0\7\0", 8}, /* another version */
        {17, 4790, "\x0d\0\0\3\0\0\7\0", 8}, /* OAM */
        {17, 4790, "\x0c\0\0\7\0\0\7\0", 8}, /* a protocol without a number */
        {17, 4790, "\x0c\0", 2},
        {17, 6081, "\0\1\x65\x58\0\0\7\5no packet follows", 25},
        {17, 6635, "\0\1\1\x40\x45nothing like IP follows", 28},
        {17, 6635, "", 0},
        {17, 4754, "\0\0\x08\0\x45nothing like IP follows", 28},
        {17, 4754, "hello, this is not GRE", 22},
        {17, 7932, "twelve bytes and no Ethernet frame", 34},
        {17, 7932, "short", 5},
        {17, 37008, "\1\4\0\1\1", 5}, /* keep-alive */
        {17, 37008, "\1\0\0\1\x0a\xff\1", 7},
        {17, 37008, "\2\0\0\1\1", 5},
        {17, 6081, "\xc0\0\x65\x58\0\0\7\0", 8},
        {17, 2152, "\x32\1\0\4\0\0\0\0\0\1\0\0", 12}, /* echo */
        {17, 2152, "\x30\xff\7\0\0\0\0\7", 8},
        {17, 1701, "\xc8\2\0\xc\0\0\0\0\0\0\0\0", 12}, /* control */
        {17, 3544, "hello, this is not Teredo", 25},
        {17, 3544, "", 0},
        {17, 3544, "\0\1\xff\xff", 4},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct build build = {.length = 0};
        put_ipv4(&build, 17, 8 + others[i].length);
        put_udp(&build, 40000, others[i].port, others[i].length);
        put(&build, others[i].header, others[i].length);
        struct result result = decode(*state, DLT_RAW, &build);
        assert_int_equal(result.decoded, DECODED_DATAGRAM);
        assert_int_equal(result.segment.dport, others[i].port);
        assert_int_equal(result.segment.payload.left, others[i].length);
    }
    assert_int_equal(decoder_counts(*state).tunnelled, 0);
}

static void tunnels_that_are_not_read_are_counted_by_name(void **state)
{
    static const struct {
        struct tunnel_case tunnel;
        enum unread unread;
    } unread[] = {
        {{47, 0, "\x40\0\x08\0\0\0\0\0", 8}, UNREAD_GRE},                             /* source routing */
        {{47, 0, "\0\2\x08\0", 4}, UNREAD_GRE},                                       /* version 2 */
        {{47, 0, "\x30\x01\x88\x0b\0\x31\0\1\0\0\0\0\0\xfd", 14}, UNREAD_PPP_HIDDEN}, /* PPTP with MPPE */
        {{115, 0, "\0\0\0\1", 4}, UNREAD_L2TP},
        {{17, 1701, "\0\3\0\0\0\0\0\1", 8}, UNREAD_L2TP},
        {{17, 37008, "\1\0\0\2\1", 5}, UNREAD_TZSP}, /* Token Ring */
        {{47, 0, "\0\0\x12\x34", 4}, UNREAD_ETHERTYPE},
        {{137, 0, "\0\1\1\x40\x99", 5}, UNREAD_NO_IP_HEADER}, /* a pseudowire without control word */
        {{108, 0, "\6\0\0\3", 4}, UNREAD_IPCOMP},             /* LZS */
        {{108, 0, "\6\0\0\2\xff\xff", 6}, UNREAD_IPCOMP},     /* no DEFLATE */
    };
    for (size_t i = 0; i < sizeof unread / sizeof unread[0]; i++) {
        struct build build = build_of(&unread[i].tunnel);
        uint64_t before = decoder_counts(*state).by_unread[unread[i].unread];
        assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_UNREAD);
        assert_int_equal(decoder_counts(*state).by_unread[unread[i].unread], before + 1);
    }
}

static void nesting_ends_somewhere(void **state)
{
    for (size_t depth = 1; depth < 20; depth++) {
        struct build build = {.length = 0};
        for (size_t left = depth; left > 0; left--)
            put_ipv4(&build, 4, (left - 1) * 20 + HELLO);
        put_hello(&build);
        assert_int_equal(decode(*state, DLT_RAW, &build).decoded, depth < 8 ? DECODED_SEGMENT : DECODED_UNREAD);
    }
    assert_int_equal(decoder_counts(*state).by_unread[UNREAD_DEPTH], 12);
    assert_int_equal(decoder_counts(*state).limits.hit[LIMIT_nested], 12);
}

/* RFC 3173, RFC 2394; zlib made the bytes, Wireshark reads them. In transport mode, and in tunnel mode with a number that
 * was agreed on. */
static void compressed_packets_are_read(void **state)
{
    static const char *const HELLOS = "hellohellohellohellohellohellohellohellohellohello"
                                      "hellohellohellohellohellohellohellohellohellohello";
    struct build build = {.length = 0};
    put_ipv4(&build, 108, 4 + 28);
    put(&build, "\6\0\0\2", 4);
    put(&build,
        "\x3b\x1c\xc0\x10\xc0\xc8\xc4\xcc\xc2\xca\xc6\xce\x11\x20\xf1\xff\x3f\x03\x10\x64\xa4\xe6\xe4\xe4\xd3\x98"
        "\x00\x00",
        28);
    assert_payload(decode(*state, DLT_RAW, &build), HELLOS);
    assert_int_equal(decode_cut(*state, DLT_RAW, &build, build.length - 1).decoded, DECODED_CUT);
    build.length = 0;
    put_ipv4(&build, 108, 4 + 44);
    put(&build, "\4\0\x12\x34", 4);
    put(&build,
        "\x73\x65\x60\xd0\x65\x60\x77\x60\x70\x60\x53\x3b\xc4\xc5\xc0\xc0\x08\xc4\x4c\x87\x03\x18\x02\x18\x99\x98"
        "\x59\x58\xd9\xd8\x39\x02\x24\xfe\xff\x67\x00\x82\x8c\xd4\x9c\x9c\x7c\x00",
        44);
    assert_payload(decode(*state, DLT_RAW, &build), "hello");
}

/* Compression inside compression would grow without end. */
static void a_compressed_packet_inside_another_is_counted(void **state)
{
    static const uint8_t stored[] = {108, 0, 0, 2, 1, 6, 0, 0xf9, 0xff, 6, 0, 0, 2, 3, 0};
    struct build build = {.length = 0};
    put_ipv4(&build, 108, sizeof stored);
    put(&build, stored, sizeof stored);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_UNREAD);
    assert_int_equal(decoder_counts(*state).by_unread[UNREAD_IPCOMP], 1);
}

/* AH inside AH, five times. */
static void headers_of_ipsec_end_somewhere(void **state)
{
    struct build build = {.length = 0};
    put_ipv4(&build, 51, 5 * 24 + 25);
    for (int i = 0; i < 5; i++) {
        put8(&build, i < 4 ? 51 : 6);
        put(&build, "\4\0\0\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 23);
    }
    put_tcp(&build, 5, 0x10, "hello");
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_UNREAD);
    assert_int_equal(decoder_counts(*state).by_unread[UNREAD_DEPTH], 1);
    assert_int_equal(decoder_counts(*state).limits.hit[LIMIT_wrapped], 1);
}

static void what_a_tunnel_carries_besides_ip_is_no_datagram(void **state)
{
    struct build build = {.length = 0};
    put_ipv4(&build, 17, 8 + 8 + 14 + 28);
    put_udp(&build, 40000, 4789, 8 + 14 + 28);
    put(&build, "\x08\0\0\0\0\0\7\0" ADDRESSES "\x08\6", 22);
    put(&build, "\0\1\x08\0\6\4\0\1 and the addresses  ", 28);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_NOT_IP);
}

/* A fragmented tunnel whose content is a fragment as well: the outer datagram is still needed when the inner one is put
 * together. */
static void fragments_inside_fragments_are_put_together(void **state)
{
    struct build whole = {.length = 0}, result_of = {.length = 0};
    put_tcp(&whole, 5, 0x10, "these are sixty bytes of payload, in two inner fragments ...");
    for (size_t half = 0; half < 2; half++) {
        size_t start = half * 40, length = half == 0 ? 40 : whole.length - 40;
        struct build inner = {.length = 0};
        put(&inner, "\0\0\x08\0", 4);
        put_ipv4_part(&inner, 6, length, 5, half == 0 ? 0x2000 : 5);
        put(&inner, whole.bytes + start, length);
        struct result result;
        struct build first = {.length = 0}, second = {.length = 0};
        put_ipv4_part(&first, 47, 32, 100 + (unsigned)half, 0x2000);
        put(&first, inner.bytes, 32);
        assert_int_equal(decode(*state, DLT_RAW, &first).decoded, DECODED_FRAGMENT);
        put_ipv4_part(&second, 47, inner.length - 32, 100 + (unsigned)half, 4);
        put(&second, inner.bytes + 32, inner.length - 32);
        result = decode(*state, DLT_RAW, &second);
        assert_int_equal(result.decoded, half == 0 ? DECODED_FRAGMENT : DECODED_SEGMENT);
        if (half == 1)
            put(&result_of, result.segment.payload.at, result.segment.payload.left);
    }
    assert_int_equal(result_of.length, whole.length - 20);
    assert_memory_equal(result_of.bytes, whole.bytes + 20, result_of.length);
}

static void tunnels_cut_anywhere_do_no_harm(void **state)
{
    uint64_t random = 4;
    for (size_t i = 0; i < sizeof TUNNELS / sizeof TUNNELS[0]; i++) {
        struct build build = build_of(&TUNNELS[i]);
        for (size_t cut = 0; cut < build.length; cut++)
            assert_int_not_equal(decode_cut(*state, DLT_RAW, &build, cut).decoded, DECODED_MALFORMED);
    }
    for (int i = 0; i < 60000; i++) {
        const struct tunnel_case *tunnel = &TUNNELS[(size_t)i % (sizeof TUNNELS / sizeof TUNNELS[0])];
        struct build build = build_of(tunnel);
        for (int j = 0; j < 2; j++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            build.bytes[20 + (random >> 33) % (build.length - 20)] = (uint8_t)(random >> 25);
        }
        if (i % 5 == 0)
            build.length = (random >> 40) % build.length;
        decode(*state, DLT_RAW, &build);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, new_decoder, free_decoder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(tunnels_are_entered),
        test(ipv6_goes_through_tunnels_both_ways),
        test(teredo_is_entered_whatever_stands_before_it),
        test(other_traffic_on_a_tunnels_port_is_a_datagram),
        test(tunnels_that_are_not_read_are_counted_by_name),
        test(nesting_ends_somewhere),
        test(compressed_packets_are_read),
        test(a_compressed_packet_inside_another_is_counted),
        test(headers_of_ipsec_end_somewhere),
        test(what_a_tunnel_carries_besides_ip_is_no_datagram),
        test(fragments_inside_fragments_are_put_together),
        test(tunnels_cut_anywhere_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
