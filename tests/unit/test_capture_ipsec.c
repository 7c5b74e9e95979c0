/* tests/unit/test_capture_ipsec.c: AH, ESP without encryption and WESP are stepped into; ESP that encrypts is not. */
#include "capture/checksum.h"
#include "capture/ipsec.h"
#include "packet_fixture.h"

#define SPI 0x10000001u

/* A TCP segment between the hosts of put_ipv4, with a right checksum. */
static struct build segment_of(const char *text)
{
    struct build build = {.length = 0};
    put_tcp(&build, 5, 0x10, text);
    struct ip ip = {.src = {.bytes = {10, 0, 0, 1}, .version = 4},
                    .dst = {.bytes = {10, 0, 0, 2}, .version = 4},
                    .protocol = IP_TCP};
    uint64_t sum = build.length + IP_TCP;
    sum = checksum_add(sum, cursor_of(ip.src.bytes, 4));
    sum = checksum_add(sum, cursor_of(ip.dst.bytes, 4));
    uint16_t checksum = checksum_fold(checksum_add(sum, cursor_of(build.bytes, build.length)));
    build.bytes[16] = (uint8_t)(checksum >> 8);
    build.bytes[17] = (uint8_t)checksum;
    return build;
}

/* Padding to words, pad length, next header. */
static void put_trailer(struct build *build, size_t payload, unsigned next)
{
    unsigned pad = (unsigned)(6 - payload % 4) % 4;
    for (unsigned i = 1; i <= pad; i++)
        put8(build, i);
    put8(build, pad);
    put8(build, next);
}

static void put_filler(struct build *build, size_t length, uint32_t seed)
{
    for (size_t i = 0; i < length; i++) {
        seed = seed * 1664525u + 1013904223u;
        put8(build, seed >> 24);
    }
}

static struct build esp_of(const struct build *segment, unsigned next, size_t iv, size_t icv, uint32_t sequence)
{
    struct build inside = {.length = 0}, build = {.length = 0};
    put32(&inside, SPI);
    put32(&inside, sequence);
    put_filler(&inside, iv, sequence);
    put(&inside, segment->bytes, segment->length);
    put_trailer(&inside, iv + segment->length, next);
    put_filler(&inside, icv, sequence + 99);
    put_ipv4(&build, IP_ESP, inside.length);
    put(&build, inside.bytes, inside.length);
    return build;
}

static const struct ipsec_sa *only_sa(const struct decoder *decoder)
{
    size_t count;
    const struct ipsec_sa *sas = ipsec_sas(decoder_ipsec(decoder), &count);
    assert_int_equal(count, 1);
    return sas;
}

static void authentication_headers_are_stepped_over(void **state)
{
    struct build build = {.length = 0};
    put_ipv4(&build, IP_AH, 24 + 25);
    put(&build, "\6\4\0\0\x10\0\0\1\0\0\0\7\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c", 24);
    put_tcp(&build, 5, 0x10, "hello");
    struct result result = decode(*state, DLT_RAW, &build);
    assert_payload(result, "hello");
    assert_int_equal(result.segment.protection, PROTECTION_AH);
    const struct ipsec_sa *sa = only_sa(*state);
    assert_int_equal(sa->protocol, IPSEC_AH);
    assert_int_equal(sa->spi, SPI);
    assert_int_equal(sa->last_sequence, 7);
    assert_int_equal(sa->packets, 1);
    assert_int_equal(sa->verdict, IPSEC_READABLE);
    for (size_t left = 20; left < 44; left++) /* cut inside the header */
        assert_int_equal(decode_cut(*state, DLT_RAW, &build, left).decoded, DECODED_CUT);
    build.bytes[21] = 0; /* shorter than its own fields */
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_MALFORMED);
    build.bytes[21] = 200; /* longer than the packet */
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_MALFORMED);
}

/* RFC 4302, section 3.1.1: destination options after AH, but no fragment header, which is before it. */
static void options_behind_an_authentication_header(void **state)
{
    for (int fragment = 0; fragment < 2; fragment++) {
        struct build build = {.length = 0};
        put_ipv6(&build, IP_AH, 24 + 8 + 25);
        put(&build, fragment ? "\x2c" : "\x3c", 1);
        put(&build, "\4\0\0\x10\0\0\1\0\0\0\7\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c", 23);
        put(&build, fragment ? "\6\0\0\1\0\0\0\1" : "\6\0\1\4\0\0\0\0", 8);
        put_tcp(&build, 5, 0x10, "hello");
        struct result result = decode(*state, DLT_RAW, &build);
        if (fragment)
            assert_int_equal(result.decoded, DECODED_MALFORMED);
        else
            assert_payload(result, "hello");
    }
}

static void the_next_packet_has_no_protection_of_the_last(void **state)
{
    authentication_headers_are_stepped_over(state);
    struct build build = {.length = 0};
    put_hello(&build);
    assert_int_equal(decode(*state, DLT_RAW, &build).segment.protection, PROTECTION_NONE);
}

static void esp_without_encryption_is_found(void **state)
{
    static const size_t layouts[][2] = {{0, 12}, {0, 16}, {8, 16}, {0, 24}, {0, 32}};
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        struct decoder *decoder = decoder_new();
        assert_non_null(decoder);
        for (uint32_t sequence = 1; sequence <= 3; sequence++) {
            struct build segment = segment_of(sequence == 1 ? "" : "hello");
            struct build build = esp_of(&segment, IP_TCP, layouts[i][0], layouts[i][1], sequence);
            struct result result = decode(decoder, DLT_RAW, &build);
            assert_payload(result, sequence == 1 ? "" : "hello");
            assert_int_equal(result.segment.protection, PROTECTION_ESP_NULL);
            assert_int_equal(only_sa(decoder)->verdict, sequence == 1 ? IPSEC_UNSURE : IPSEC_READABLE);
        }
        decoder_free(decoder);
    }
}

/* Behind a NAT the checksum is that of other addresses: what fits twice, with the same ports, is taken. */
static void a_wrong_checksum_is_made_good_by_the_same_ports(void **state)
{
    struct build segment = {.length = 0};
    put_tcp(&segment, 5, 0x10, "hello");
    struct build build = esp_of(&segment, IP_TCP, 0, 12, 1);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_ESP);
    build = esp_of(&segment, IP_TCP, 0, 12, 2);
    assert_payload(decode(*state, DLT_RAW, &build), "hello");
    build = esp_of(&segment, IP_TCP, 0, 12, 3);
    assert_payload(decode(*state, DLT_RAW, &build), "hello");
    assert_int_equal(only_sa(*state)->verdict, IPSEC_READABLE);
}

static void tunnel_mode_is_entered(void **state)
{
    struct build inner = {.length = 0};
    put_ipv4(&inner, IP_TCP, 25);
    uint16_t checksum = checksum_fold(checksum_add(0, cursor_of(inner.bytes, 20)));
    inner.bytes[10] = (uint8_t)(checksum >> 8);
    inner.bytes[11] = (uint8_t)checksum;
    put_tcp(&inner, 5, 0x10, "hello");
    struct build build = esp_of(&inner, IP_IPV4, 0, 12, 1);
    assert_payload(decode(*state, DLT_RAW, &build), "hello");
}

static void encrypted_esp_stays_hidden(void **state)
{
    for (uint32_t sequence = 1; sequence <= 200; sequence++) {
        struct build build = {.length = 0};
        put_ipv4(&build, IP_ESP, 8 + 64 + 16 * (sequence % 50));
        put32(&build, SPI);
        put32(&build, sequence);
        put_filler(&build, 64 + (size_t)16 * (sequence % 50), sequence * 7919);
        struct result result = decode(*state, DLT_RAW, &build);
        assert_int_equal(result.decoded, DECODED_ESP);
        assert_false(decoded_has_flow(result.decoded));
    }
    assert_int_equal(only_sa(*state)->verdict, IPSEC_ENCRYPTED);
    assert_int_equal(only_sa(*state)->packets, 200);
}

static void few_packets_decide_nothing(void **state)
{
    struct build build = {.length = 0};
    put_ipv4(&build, IP_ESP, 8 + 64);
    put32(&build, SPI);
    put32(&build, 1);
    put_filler(&build, 64, 3);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_ESP);
    assert_int_equal(only_sa(*state)->verdict, IPSEC_UNSURE);
    for (size_t left = 20; left < 28; left++)
        assert_int_equal(decode_cut(*state, DLT_RAW, &build, left).decoded, DECODED_CUT);
}

static void wesp_says_whether_it_encrypts(void **state)
{
    struct build segment = segment_of("hello"), build = {.length = 0};
    size_t esp = 8 + segment.length + 3 + 12; /* 1 byte of padding */
    put_ipv4(&build, IP_WESP, 4 + esp);
    put(&build, "\6\x0c\x0f\0", 4);
    put32(&build, SPI);
    put32(&build, 5);
    put(&build, segment.bytes, segment.length);
    put_trailer(&build, segment.length, IP_TCP);
    put_filler(&build, 12, 1);
    assert_int_equal(build.length, 20 + 4 + esp);
    struct result result = decode(*state, DLT_RAW, &build);
    assert_payload(result, "hello");
    assert_int_equal(only_sa(*state)->verdict, IPSEC_READABLE);
    build.bytes[23] = 0x20; /* encrypted */
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_ESP);
    build.bytes[23] = 0x40; /* another version */
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_ESP);
    build.bytes[23] = 0;
    build.bytes[22] = 200; /* a trailer longer than the packet */
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_MALFORMED);
}

static void headers_without_end_are_refused(void **state)
{
    struct build build = {.length = 0};
    put_ipv4(&build, IP_AH, (size_t)12 * 5);
    for (unsigned i = 0; i < 5; i++)
        put(&build, "\x33\1\0\0\x10\0\0\1\0\0\0\1", 12);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_UNREAD);
    assert_int_equal(decoder_counts(*state).limits.hit[LIMIT_wrapped], 1);
}

static void esp_in_udp_is_counted_and_read(void **state)
{
    struct build segment = segment_of("hello"), esp = esp_of(&segment, IP_TCP, 0, 12, 1), build = {.length = 0};
    size_t length = esp.length - 20;
    put_ipv4(&build, IP_UDP, 8 + length);
    put_udp(&build, 4500, 4500, length);
    put(&build, esp.bytes + 20, length);
    struct result result = decode(*state, DLT_RAW, &build);
    assert_payload(result, "hello");
    assert_int_equal(result.segment.protection, PROTECTION_ESP_NULL);
    assert_true(only_sa(*state)->udp);
    build.length = 0;
    put_ipv4(&build, IP_UDP, 8 + 1);
    put_udp(&build, 4500, 4500, 1);
    put8(&build, 0xff); /* a keepalive */
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_DATAGRAM);
    build.length = 0;
    put_ipv4(&build, IP_UDP, 8 + 32);
    put_udp(&build, 4500, 4500, 32);
    put32(&build, 0); /* IKE */
    put_filler(&build, 28, 1);
    assert_int_equal(decode(*state, DLT_RAW, &build).decoded, DECODED_DATAGRAM);
    assert_int_equal(only_sa(*state)->packets, 1);
}

/* One more than there is room for: it is counted, and AH is stepped over all the same. */
static void associations_are_limited(void **state)
{
    struct result result = {.decoded = DECODED_COUNT};
    for (uint32_t spi = 1; spi <= IPSEC_SAS_MAX + 1; spi++) {
        struct build *build = calloc(1, sizeof *build);
        assert_non_null(build);
        put_ipv4(build, IP_AH, 12 + 25);
        put(build, "\6\1\0\0", 4);
        put32(build, spi);
        put32(build, 1);
        put_tcp(build, 5, 0x10, "hello");
        result = decode_cut(*state, DLT_RAW, build, build->length);
        free(build);
    }
    size_t count;
    ipsec_sas(decoder_ipsec(*state), &count);
    assert_int_equal(result.decoded, DECODED_SEGMENT);
    assert_int_equal(count, IPSEC_SAS_MAX);
    assert_int_equal(ipsec_forgotten(decoder_ipsec(*state)), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, new_decoder, free_decoder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(options_behind_an_authentication_header),
        TEST(authentication_headers_are_stepped_over),
        TEST(the_next_packet_has_no_protection_of_the_last),
        TEST(esp_without_encryption_is_found),
        TEST(a_wrong_checksum_is_made_good_by_the_same_ports),
        TEST(tunnel_mode_is_entered),
        TEST(encrypted_esp_stays_hidden),
        TEST(few_packets_decide_nothing),
        TEST(wesp_says_whether_it_encrypts),
        TEST(headers_without_end_are_refused),
        TEST(esp_in_udp_is_counted_and_read),
        TEST(associations_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
