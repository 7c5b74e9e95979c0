/* tests/unit/test_capture_decode_link.c: each link layer, with the bytes that stand before IP. Wireshark reads the same
 * out of them. */
#include "capture/link_type.h"
#include "packet_fixture.h"

struct layer_case {
    int link_type;
    const char *header;
    size_t length;
};

#define ADDRESSES "\2\0\0\0\0\1\2\0\0\0\0\2"
#define SNAP "\xaa\xaa\3\0\0\0\x08\0"
#define RADIOTAP "\0\0\x08\0\0\0\0\0"
/* To the access point: control, duration, three addresses, sequence. */
#define WLAN "\x08\1\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0"
#define WLAN_QOS "\x88\1\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0\0\0"
#define ZEROS8 "\0\0\0\0\0\0\0\0"
#define ZEROS32 ZEROS8 ZEROS8 ZEROS8 ZEROS8
/* Time; type, flags, length of the record, losses, length on the wire. */
#define ERF(type, wire) ZEROS8 type "\4\0\x50\0\0" wire
/* 108 bytes: length, a packet follows, link type, the rest. */
#define PKTAP(kind, link_type) "\x6c\0\0\0" kind "\0\0\0" link_type ZEROS32 ZEROS32 ZEROS32
#define LINK_PKTAP 258

static const struct layer_case LAYERS[] = {
    {DLT_EN10MB, ADDRESSES "\x81\0\0\x78\x08\0", 18},
    {DLT_EN10MB, ADDRESSES "\x88\xa8\0\x78\x81\0\0\x79\x08\0", 22},
    {DLT_EN10MB, ADDRESSES "\x91\0\0\x78\x81\0\0\x79\x81\0\0\x79\x81\0\0\x79\x08\0", 30},
    {DLT_EN10MB, ADDRESSES "\x89\x26\0\1\0\2\x08\0", 20},                                /* VN-Tag */
    {DLT_EN10MB, ADDRESSES "\x89\x3f\0\0\0\1\0\0\x08\0", 22},                            /* 802.1BR */
    {DLT_EN10MB, ADDRESSES "\x89\3\0\x5f" ADDRESSES "\x08\0", 30},                       /* FabricPath */
    {DLT_EN10MB, ADDRESSES "\x22\xf3\0\x1f\0\1\0\2" ADDRESSES "\x08\0", 34},             /* TRILL */
    {DLT_EN10MB, ADDRESSES "\0\x45\xaa\xaa\3\0\x80\xc2\0\7\0\0" ADDRESSES "\x08\0", 38}, /* RFC 2684 */
    {DLT_ATM_RFC1483, "\xaa\xaa\3\0\x80\xc2\0\1\0\0" ADDRESSES "\x08\0", 24},
    {DLT_EN10MB, ADDRESSES "\x88\xe7\0\0\0\1" ADDRESSES "\x08\0", 32},    /* 802.1ah */
    {DLT_EN10MB, ADDRESSES "\x88\x64\x11\0\0\1\0\x2f\0\x21", 22},         /* PPPoE */
    {DLT_EN10MB, ADDRESSES "\x81\0\0\7\x88\x64\x11\0\0\1\0\x2e\x21", 25}, /* one byte of protocol */
    {DLT_EN10MB, ADDRESSES "\0\x35" SNAP, 22},
    {DLT_EN10MB, ADDRESSES "\0\x30\6\6\3", 17},
    {DLT_EN10MB, ADDRESSES "\x88\x47\0\1\0\x40\0\1\1\x40", 22},
    {DLT_EN10MB, ADDRESSES "\x88\x47\0\1\1\x40\0\0\0\0" ADDRESSES "\x08\0", 36}, /* pseudowire */
    {DLT_LINUX_SLL, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 16},
    {DLT_LINUX_SLL2, "\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0", 20},
    {DLT_RAW, "", 0},
    {DLT_IPV4, "", 0},
    {DLT_NULL, "\2\0\0\0", 4},
    {DLT_NULL, "\0\0\0\2", 4},
    {DLT_NULL, "\x0f\0\x08\0", 4},
    {DLT_LOOP, "\0\0\0\2", 4},
    {DLT_ENC, "\2\0\0\0\0\0\x10\0\0\0\0\0", 12},
    {DLT_PPP, "\xff\3\0\x21", 4},
    {DLT_PPP, "\0\x21", 2},
    {DLT_PPP, "\x21", 1},
    {DLT_PPP_SERIAL, "\xff\3\x21", 3},
    {DLT_PPP_SERIAL, "\x0f\0\x08\0", 4},
    {DLT_PPP_ETHER, "\x11\0\0\1\0\x2f\0\x21", 8},
    {DLT_PPP_PPPD, "\1\3\0\x21", 4},
    {DLT_PPP_WITH_DIR, "\1\xff\3\0\x21", 5},
    {DLT_C_HDLC, "\x0f\0\x08\0", 4},
    {DLT_NFLOG, "\2\0\0\5\5\0\xa\0x\0\0\0\x31\0\x09\0", 16},
    {DLT_APPLE_IP_OVER_IEEE1394, "\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10\x08\0", 18},
    {DLT_FDDI, "\x50" ADDRESSES SNAP, 21},
    {DLT_ATM_RFC1483, SNAP, 8},
    {DLT_IEEE802_11, WLAN SNAP, 32},
    {DLT_IEEE802_11, WLAN_QOS SNAP, 34},
    {DLT_IEEE802_11, "\x08\3\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0\2\0\0\0\0\4" SNAP, 38},     /* 4 addresses */
    {DLT_IEEE802_11, "\x88\3\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0\2\0\0\0\0\4\0\0" SNAP, 40}, /* and QoS */
    {DLT_IEEE802_11, "\x88\x81\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0\0\0\0\0\0\0" SNAP, 38},   /* HT control */
    {DLT_IEEE802_11_RADIO, RADIOTAP WLAN SNAP, 40},
    {DLT_IEEE802_11_RADIO, "\0\0\x09\0\2\0\0\0\x20" WLAN_QOS "\0\0" SNAP, 45}, /* padded */
    {DLT_IEEE802_11_RADIO, "\0\0\x19\0\3\0\0\x80\0\0\0\0\0\0\0\0\1\2\3\4\5\6\7\x08\0" WLAN SNAP,
     57}, /* more words, time */
    {DLT_IEEE802_11_RADIO_AVS, "\x80\x21\x10\1\0\0\0\x10\0\0\0\0\0\0\0\0" WLAN SNAP, 48},
    {DLT_PRISM_HEADER, "\x44\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0" WLAN SNAP, 48},
    {DLT_PRISM_HEADER, "\0\0\0\x44\0\0\0\x10\0\0\0\0\0\0\0\0" WLAN SNAP, 48},
    {DLT_PPI, "\0\0\x08\0\x69\0\0\0" WLAN SNAP, 40},
    {DLT_PPI, "\0\0\x08\0\1\0\0\0" ADDRESSES "\x08\0", 22},
    {DLT_ERF, ERF("\2", "\0\x3f") "\0\0" ADDRESSES "\x08\0", 32},
    {DLT_ERF, ERF("\2", "\0\0") "\0\0" ADDRESSES "\x08\0", 32},
    {DLT_ERF,
     ERF("\x8b", "\0\x3f") "\x84\0\0\0\0\0\0\0"
                           "\4\0\0\0\0\0\0\0"
                           "\0\0" ADDRESSES "\x08\0",
     48}, /* two extension headers */
    {DLT_ERF, ERF("\1", "\0\x31") "\x0f\0\x08\0", 20},
    {DLT_ERF, ERF("\5", "\0\x31") "\0\0\0\1\xff\3\0\x21", 24},
    {DLT_ERF, ERF("\x16", "\0\x2d"), 16},
    {LINK_PKTAP, PKTAP("\1", "\1\0\0\0") ADDRESSES "\x08\0", 122},
    {LINK_PKTAP, PKTAP("\1", "\0\0\0\0") "\2\0\0\0", 112},
    {LINK_PKTAP, PKTAP("\1", "\x0c\0\0\0"), 108},
};

static void link_layers_end_where_ip_begins(void **state)
{
    for (size_t i = 0; i < sizeof LAYERS / sizeof LAYERS[0]; i++) {
        struct build build = {.length = 0};
        put(&build, LAYERS[i].header, LAYERS[i].length);
        put_hello(&build);
        assert_payload(decode(*state, LAYERS[i].link_type, &build), "hello");
        /* Cut anywhere before the payload, it is never taken for something else. */
        for (size_t cut = 0; cut < build.length - 5; cut++)
            assert_int_equal(decode_cut(*state, LAYERS[i].link_type, &build, cut).decoded, DECODED_CUT);
    }
}

static void what_hides_ip_is_counted_by_name(void **state)
{
    static const struct {
        struct layer_case layer;
        enum unread unread;
    } hidden[] = {
        {{DLT_IEEE802_11, "\x08\x41\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0" SNAP, 32}, UNREAD_WLAN_PROTECTED},
        {{DLT_IEEE802_11, "\x08\5\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0" SNAP, 32}, UNREAD_WLAN_FRAGMENT},
        {{DLT_IEEE802_11, "\x08\1\0\0" ADDRESSES "\2\0\0\0\0\3\x11\0" SNAP, 32}, UNREAD_WLAN_FRAGMENT},
        {{DLT_IEEE802_11, "\x88\1\0\0" ADDRESSES "\2\0\0\0\0\3\x10\0\x80\0" SNAP, 34}, UNREAD_WLAN_AMSDU},
        {{DLT_EN10MB, ADDRESSES "\x88\xe5\0\0\0\0\0\1", 20}, UNREAD_MACSEC},
        {{DLT_EN10MB, ADDRESSES "\x89\x4f\0\0\0\0\0\1", 20}, UNREAD_NSH},
        {{DLT_PPP, "\xff\3\0\xfd", 4}, UNREAD_PPP_HIDDEN},
        {{DLT_PPI, "\0\0\x08\0\x93\0\0\0", 8}, UNREAD_PPI},
        {{DLT_EN10MB, ADDRESSES "\x12\x34", 14}, UNREAD_ETHERTYPE},
        {{DLT_EN10MB, ADDRESSES "\x81\0\0\7\x88\xb5", 18}, UNREAD_ETHERTYPE}, /* for experiments */
        {{DLT_LINUX_SLL, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x12\x34", 16}, UNREAD_ETHERTYPE},
        {{DLT_EN10MB, ADDRESSES "\0\x30\x98\x98\3", 17}, UNREAD_LLC},
        {{DLT_EN10MB, ADDRESSES "\0\x35\xaa\xaa\3\x12\x34\x56\0\1", 22}, UNREAD_LLC},
        {{DLT_PPP, "\xff\3\0\x31", 4}, UNREAD_PPP}, /* bridged */
        {{DLT_NULL, "\x18\x18\0\0", 4}, UNREAD_FAMILY},
        {{DLT_RAW, "\x99", 1}, UNREAD_NO_IP_HEADER},
        {{DLT_ERF, ERF("\x15", "\0\x50"), 16}, UNREAD_ERF}, /* InfiniBand */
        {{LINK_PKTAP, PKTAP("\1", "\2\1\0\0"), 108}, UNREAD_PKTAP},
        {{LINK_PKTAP, PKTAP("\1", "\1\0\0\x80"), 108}, UNREAD_PKTAP},
        {{DLT_EN10MB, ADDRESSES "\x08\0\x99", 15}, UNREAD_NO_IP_HEADER},
    };
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        struct build build = {.length = 0};
        put(&build, hidden[i].layer.header, hidden[i].layer.length);
        put_hello(&build);
        uint64_t before = decoder_counts(*state).by_unread[hidden[i].unread];
        assert_int_equal(decode(*state, hidden[i].layer.link_type, &build).decoded, DECODED_UNREAD);
        assert_int_equal(decoder_counts(*state).by_unread[hidden[i].unread], before + 1);
    }
    assert_string_equal(unread_name(UNREAD_MACSEC), "MACsec");
}

static void frames_without_ip_are_told_apart(void **state)
{
    static const struct layer_case others[] = {
        {DLT_EN10MB, ADDRESSES "\x08\6arp", 17},
        {DLT_EN10MB, ADDRESSES "\x88\x63\x11\x09\0\0\0\0", 20},          /* PPPoE discovery */
        {DLT_EN10MB, ADDRESSES "\0\x26\x42\x42\3\0\0\0\0\0", 22},        /* spanning tree */
        {DLT_PPP, "\xff\3\xc0\x21\1\1\0\4", 8},                          /* link control */
        {DLT_IEEE802_11, "\x80\0\0\0" ADDRESSES "\2\0\0\0\0\3\0\0", 24}, /* beacon */
        {DLT_IEEE802_11, "\x48\1\0\0" ADDRESSES "\2\0\0\0\0\3\0\0", 24}, /* null */
        {DLT_EN10MB, ADDRESSES "\x88\xcc\2\7\4", 17},                    /* LLDP */
        {DLT_EN10MB, ADDRESSES "\0\x26\xaa\xaa\3\0\0\x0c\x20\0", 22},    /* CDP */
        {DLT_EN10MB, ADDRESSES "\0\x26\xe0\xe0\3\xff\xff", 19},          /* NetWare */
        {DLT_EN10MB, ADDRESSES "\0\x26\xaa\xaa\3\0\0\0\x80\x9b", 22},    /* AppleTalk */
        {DLT_PPP, "\xff\3\0\x2b", 4},                                    /* NetWare */
        {DLT_ERF, ERF("\x1b", "\0\0") "tags", 20},
        {LINK_PKTAP, PKTAP("\0", "\1\0\0\0"), 108},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct build build = {.length = 0};
        put(&build, others[i].header, others[i].length);
        assert_int_equal(decode(*state, others[i].link_type, &build).decoded, DECODED_NOT_IP);
    }
}

static void contradictions_are_malformed(void **state)
{
    static const struct layer_case bad[] = {
        {DLT_IEEE802_11_RADIO, "\1\0\x08\0\0\0\0\0", 8},     /* version */
        {DLT_IEEE802_11_RADIO, "\0\0\4\0\0\0\0\0", 8},       /* shorter than itself */
        {DLT_IEEE802_11_RADIO, "\0\0\x08\0\0\0\0\x80", 8},   /* words that are not there */
        {DLT_IEEE802_11_RADIO, "\0\0\x09\0\2\0\0\0\x40", 9}, /* damaged on the air */
        {DLT_IEEE802_11_RADIO_AVS, "\x80\x21\x10\1\0\0\0\4", 8},
        {LINK_PKTAP, "\x0c\0\0\0\1\0\0\0\1\0\0\0", 12}, /* shorter than it can be */
        {DLT_PRISM_HEADER, "\x44\0\0\0\0\0\0\0", 8},
        {DLT_PPI, "\0\0\7\0\x69\0\0\0", 8},
        {DLT_EN10MB, ADDRESSES "\x88\x64\x21\0\0\1\0\x2f\0\x21", 22}, /* PPPoE of another version */
        {DLT_NFLOG, "\2\0\0\5\3\0\xa\0", 8},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct build build = {.length = 0};
        put(&build, bad[i].header, bad[i].length);
        put_hello(&build);
        assert_int_equal(decode(*state, bad[i].link_type, &build).decoded, DECODED_MALFORMED);
    }
}

static void link_layers_that_are_not_read_are_counted_each(void **state)
{
    struct build build = {.length = 0};
    put_hello(&build);
    for (int i = 0; i < 3; i++)
        assert_int_equal(decode(*state, DLT_USB_LINUX, &build).decoded, DECODED_UNKNOWN_LINK);
    decode(*state, DLT_DOCSIS, &build);
    struct decoder_counts counts = decoder_counts(*state);
    assert_int_equal(counts.link_count, 2);
    assert_int_equal(counts.links[0].type, DLT_DOCSIS);
    assert_int_equal(counts.links[1].type, DLT_USB_LINUX);
    assert_int_equal(counts.links[1].packets, 3);
    assert_string_equal(link_type_name(DLT_DOCSIS), "DOCSIS");
    for (int i = 0; i < 100; i++)
        decode(*state, 1000 + i, &build);
    struct decoder_counts more = decoder_counts(*state);
    assert_int_equal(more.link_count, UNKNOWN_LINKS_MAX);
    assert_int_equal(more.links[1].packets, 3);
    assert_int_equal(more.by_result[DECODED_UNKNOWN_LINK], 104);
    assert_int_equal(more.limits.hit[LIMIT_unknown_links], 100 - (UNKNOWN_LINKS_MAX - 2));
    assert_string_equal(link_type_name(1001), "unknown");
}

static void ethernet_types_that_are_not_known_are_counted_each(void **state)
{
    for (unsigned type = 0xa000; type < 0xa000 + UNKNOWN_ETHERTYPES_MAX + 3; type++) {
        for (unsigned i = 0; i <= (0xa000 + UNKNOWN_ETHERTYPES_MAX + 2) - type; i++) {
            struct build build = {.length = 0};
            put_ethernet(&build, type);
            put_hello(&build);
            assert_int_equal(decode(*state, DLT_EN10MB, &build).decoded, DECODED_UNREAD);
        }
    }
    struct decoder_counts counts = decoder_counts(*state);
    assert_int_equal(counts.ethertype_count, UNKNOWN_ETHERTYPES_MAX);
    assert_int_equal(counts.ethertypes[0].type, 0xa000);
    assert_int_equal(counts.ethertypes[0].packets, UNKNOWN_ETHERTYPES_MAX + 3);
    assert_int_equal(counts.limits.hit[LIMIT_unknown_ethertypes], 3 + 2 + 1);
}

/* Raw IP, with the checksum of its header, in a file that says Ethernet. */
static void a_wrong_link_type_is_noticed(void **state)
{
    static const int links[] = {DLT_EN10MB, DLT_IEEE802_11, DLT_LINUX_SLL, DLT_PPP, DLT_NULL};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        for (unsigned source = 0; source < 256; source++) {
            struct build build = {.length = 0};
            put_hello(&build);
            build.bytes[12] = (uint8_t)source; /* where Ethernet has its type */
            unsigned sum = 0;
            for (size_t at = 0; at < 20; at += 2)
                sum += (unsigned)build.bytes[at] << 8 | build.bytes[at + 1];
            sum = ~((sum & 0xffff) + (sum >> 16));
            build.bytes[10] = (uint8_t)(sum >> 8);
            build.bytes[11] = (uint8_t)sum;
            assert_int_equal(decode(*state, links[i], &build).decoded, DECODED_UNREAD);
        }
        assert_int_equal(decoder_counts(*state).by_unread[UNREAD_LINK_TYPE], 256 * (i + 1));
    }
    struct build build = {.length = 0};
    put_ipv6(&build, 6, 25);
    put_tcp(&build, 5, 0x10, "hello");
    assert_int_equal(decode(*state, DLT_EN10MB, &build).decoded, DECODED_UNREAD);
    assert_int_equal(decoder_counts(*state).by_unread[UNREAD_LINK_TYPE], 256 * 5 + 1);
}

/* Any bytes: no read outside, no endless loop; the sanitizers watch. */
static void random_bytes_do_no_harm(void **state)
{
    uint64_t random = 77;
    for (int i = 0; i < 100000; i++) {
        const struct layer_case *layer = &LAYERS[(size_t)i % (sizeof LAYERS / sizeof LAYERS[0])];
        struct build build = {.length = 0};
        put(&build, layer->header, layer->length);
        put_hello(&build);
        for (int j = 0; j < 2; j++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            build.bytes[(random >> 33) % (layer->length + 4)] = (uint8_t)(random >> 25);
        }
        if (i % 5 == 0)
            build.length = (random >> 40) % build.length;
        decode(*state, layer->link_type, &build);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, new_decoder, free_decoder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(link_layers_end_where_ip_begins),
        test(what_hides_ip_is_counted_by_name),
        test(frames_without_ip_are_told_apart),
        test(contradictions_are_malformed),
        test(link_layers_that_are_not_read_are_counted_each),
        test(ethernet_types_that_are_not_known_are_counted_each),
        test(a_wrong_link_type_is_noticed),
        test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
