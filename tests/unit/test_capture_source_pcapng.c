/* tests/unit/test_capture_source_pcapng.c: pcapng block by block, in both byte orders, whole, cut off and damaged. */
#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pcapng_fixture.h"

#define SECOND INT64_C(1000000000)

static void assert_whole(const struct seen *seen, size_t packets)
{
    assert_int_equal(seen->opened, OUTCOME_OK);
    assert_string_equal(seen->error.text, "");
    assert_int_equal(seen->ended, OUTCOME_MORE);
    assert_int_equal(seen->packets, packets);
}

static void packets_name_their_interface(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct writer writer = writer_new(big);
        put_section_block(&writer, big);
        put_interface_block(&writer, 1, 65535);
        put_interface_block(&writer, 113, 128);
        put_interface_block(&writer, 101, 0);
        put_packet_block(&writer, 1, 1700000000123456, "cooked");
        put_packet_block(&writer, 0, 1700000001123456, "ethernet");
        put_packet_block(&writer, 2, 1700000002123456, "raw");
        struct seen seen = see_writer(&writer);
        assert_whole(&seen, 3);
        assert_string_equal(seen.packet[0].bytes, "cooked");
        assert_int_equal(seen.packet[0].link_type, DLT_LINUX_SLL);
        assert_int_equal(seen.packet[0].wire_length, 106);
        assert_int_equal(seen.packet[0].time_ns, 1700000000 * SECOND + 123456000);
        assert_int_equal(seen.packet[1].link_type, DLT_EN10MB);
        assert_int_equal(seen.packet[2].link_type, DLT_RAW);
        assert_int_equal(seen.packet[2].number, 3);
        assert_string_equal(seen.link_type, "EN10MB,LINUX_SLL,RAW");
        assert_string_equal(seen.facts.format, "pcapng");
        assert_int_equal(seen.facts.interfaces, 3);
        assert_int_equal(seen.facts.snap_length, 262144);
        writer_free(&writer);
    }
}

/* Each section has its own byte order, and numbers its interfaces from 0. */
static void sections_follow_each_other(void **state)
{
    (void)state;
    struct writer writer = writer_new(false);
    put_section_block(&writer, false);
    put_interface_block(&writer, 1, 65535);
    put_packet_block(&writer, 0, 1, "little");
    put_section_block(&writer, true);
    put_interface_time(&writer, 101, 9, 0);
    put_packet_block(&writer, 0, 2, "big");
    put_section_block(&writer, false);
    put_packet_block(&writer, 0, 3, "without interface");
    struct seen seen = see_writer(&writer);
    assert_int_equal(seen.packets, 2);
    assert_int_equal(seen.packet[0].time_ns, 1000);
    assert_int_equal(seen.packet[1].time_ns, 2);
    assert_int_equal(seen.packet[1].link_type, DLT_RAW);
    assert_int_equal(seen.facts.sections, 3);
    assert_int_equal(seen.facts.damaged, 1);
    assert_int_equal(seen.ended, OUTCOME_MALFORMED);
    writer_free(&writer);
}

static void time_has_units_and_an_offset(void **state)
{
    (void)state;
    static const struct {
        uint8_t resolution;
        int64_t offset;
        uint64_t units;
        int64_t time_ns;
    } cases[] = {
        {6, 0, 1700000000123456, 1700000000 * SECOND + 123456000},
        {9, 0, 1700000000123456789, 1700000000 * SECOND + 123456789},
        {0, 0, 1700000000, 1700000000 * SECOND},
        {3, 1700000000, 123, 1700000000 * SECOND + 123000000},
        {12, 1, 2000000000001, 3 * SECOND},
        {12, 0, 999, 0},
        {19, 0, UINT64_MAX, 1844674407},
        {29, 0, UINT64_MAX, 0},
        {127, 5, UINT64_MAX, 5 * SECOND},
        {0x80, 0, 1700000000, 1700000000 * SECOND},
        {0x80 | 10, 0, 1024 + 512, SECOND + SECOND / 2},
        {0x80 | 32, -1, UINT64_C(3) << 31, SECOND / 2},
        {0x80 | 64, 0, UINT64_MAX, SECOND - 1},
        {0xff, 7, UINT64_MAX, 7 * SECOND},
        {0, 0, UINT64_MAX, INT64_MAX},
        {6, INT64_MAX, 0, INT64_MAX},
        {6, INT64_MIN, 0, INT64_MIN},
        {6, -1700000000, 0, -1700000000 * SECOND},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct writer writer = writer_new(i % 2 == 1);
        put_section_block(&writer, i % 2 == 1);
        put_interface_time(&writer, 1, cases[i / 2].resolution, cases[i / 2].offset);
        put_packet_block(&writer, 0, cases[i / 2].units, "x");
        struct seen seen = see_writer(&writer);
        assert_whole(&seen, 1);
        assert_int_equal(seen.packet[0].time_ns, cases[i / 2].time_ns);
        writer_free(&writer);
    }
}

static void put_simple_packet(struct writer *writer, uint32_t wire, const char *bytes)
{
    open_block(writer, BLOCK_SPB);
    put_u32(writer, wire);
    put_bytes(writer, bytes, strlen(bytes));
    close_block(writer);
}

/* The snapshot length of the first interface says how much of it was captured; it has no time. */
static void simple_packets_have_the_time_of_the_one_before(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct writer writer = writer_new(big);
        put_section_block(&writer, big);
        put_simple_packet(&writer, 3, "too early");
        put_interface_block(&writer, 1, 5);
        put_packet_block(&writer, 0, 77, "timed");
        put_simple_packet(&writer, 1000, "12345");
        put_simple_packet(&writer, 3, "123");
        put_simple_packet(&writer, 4, "");
        struct seen seen = see_writer(&writer);
        assert_int_equal(seen.packets, 3);
        assert_string_equal(seen.packet[1].bytes, "12345");
        assert_int_equal(seen.packet[1].wire_length, 1000);
        assert_int_equal(seen.packet[1].time_ns, 77000);
        assert_string_equal(seen.packet[2].bytes, "123");
        assert_int_equal(seen.facts.timeless, 2);
        assert_int_equal(seen.facts.damaged, 2);
        assert_non_null(strstr(seen.error.text, "the first is at byte 28"));
        writer_free(&writer);
    }
}

static void old_packet_blocks_are_read(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct writer writer = writer_new(big);
        put_section_block(&writer, big);
        put_interface_block(&writer, 1, 0);
        put_interface_block(&writer, 101, 0);
        open_block(&writer, BLOCK_PB);
        put_u16(&writer, 1);
        put_u16(&writer, 3); /* dropped before */
        put_u32(&writer, 0);
        put_u32(&writer, 5000000);
        put_u32(&writer, 3);
        put_u32(&writer, 9);
        put_bytes(&writer, "old", 3);
        put_padding(&writer);
        put_option(&writer, 1, "a comment", 9);
        close_block(&writer);
        struct seen seen = see_writer(&writer);
        assert_whole(&seen, 1);
        assert_string_equal(seen.packet[0].bytes, "old");
        assert_string_equal(seen.packet[0].comment, "a comment");
        assert_int_equal(seen.packet[0].link_type, DLT_RAW);
        assert_int_equal(seen.packet[0].wire_length, 9);
        assert_int_equal(seen.packet[0].time_ns, 5 * SECOND);
        assert_int_equal(seen.facts.dropped, 3);
        writer_free(&writer);
    }
}

static void comments_names_and_unknown_blocks_are_kept_or_skipped(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct writer writer = writer_new(big);
        writer.big = big;
        open_block(&writer, BLOCK_SHB);
        put_u32(&writer, 0x1a2b3c4d);
        put_u16(&writer, 1);
        put_u16(&writer, 2);
        put_u64(&writer, 0);
        put_option(&writer, 4, "dumpcap", 7);
        put_option(&writer, 1, "of the section", 14);
        close_block(&writer);
        open_block(&writer, 0x0bad);
        put_bytes(&writer, "custom", 6);
        close_block(&writer);
        put_interface_block(&writer, 1, 0);
        open_block(&writer, BLOCK_NRB);
        put_option(&writer, 1, "\x0a\x00\x00\x05mp.contoso.com\0mp\0", 4 + 18);
        put_option(&writer, 2, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1six\0", 16 + 4);
        put_option(&writer, 3, "unknown", 7);
        put_option(&writer, 1, "\x0a\x00\x00\x06no end", 10);
        put_option(&writer, 0, NULL, 0);
        close_block(&writer);
        open_block(&writer, BLOCK_EPB);
        for (int i = 0; i < 3; i++)
            put_u32(&writer, 0);
        put_u32(&writer, 2);
        put_u32(&writer, 2);
        put_bytes(&writer, "hi\0\0", 4);
        put_option(&writer, 2, "\0\0\0\0", 4);
        put_option(&writer, 1, "first", 5);
        put_option(&writer, 1, "second", 6);
        put_option(&writer, 0, NULL, 0);
        put_option(&writer, 1, "after the end", 13);
        close_block(&writer);
        open_block(&writer, 0x80000001);
        close_block(&writer);
        put_packet_block(&writer, 0, 0, "no comment");
        struct seen seen = see_writer(&writer);
        assert_whole(&seen, 2);
        assert_string_equal(seen.packet[0].comment, "first");
        assert_string_equal(seen.packet[1].comment, "");
        assert_int_equal(seen.facts.comments, 2);
        assert_string_equal(seen.comment, "of the section");
        assert_int_equal(seen.names, 3);
        assert_string_equal(seen.name[0].name, "mp.contoso.com");
        assert_string_equal(seen.name[1].name, "mp");
        assert_memory_equal(seen.name[1].address, "\x0a\0\0\5", 4);
        assert_int_equal(seen.name[1].version, 4);
        assert_string_equal(seen.name[2].name, "six");
        assert_int_equal(seen.name[2].version, 6);
        assert_int_equal(seen.name[2].address[15], 1);
        writer_free(&writer);
    }
}

/* A block of names: `count` times the same one for 10.0.0.5. */
static void put_names(struct writer *writer, size_t count)
{
    open_block(writer, BLOCK_NRB);
    for (size_t i = 0; i < count; i++)
        put_option(writer, 1,
                   "\x0a\x00\x00\x05"
                   "caf\xe9\0",
                   4 + 5);
    put_option(writer, 0, NULL, 0);
    close_block(writer);
}

static void names_are_utf8_and_those_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    enum { KEPT = 65536, MORE = 3 };
    struct writer writer = writer_new(false);
    put_section_block(&writer, false);
    put_names(&writer, KEPT + MORE);
    struct seen seen = see_writer(&writer);
    assert_whole(&seen, 0);
    assert_int_equal(seen.names, KEPT);
    assert_string_equal(seen.name[0].name, "caf\xef\xbf\xbd");
    assert_int_equal(seen.limits.hit[LIMIT_capture_names], MORE);
    writer_free(&writer);
}

/* A block of `length` bytes after its head and before its tail, all zero but the first. */
static void put_long_block(struct writer *writer, uint32_t type, uint32_t first, size_t length)
{
    uint8_t *zeros = calloc(1, length);
    assert_non_null(zeros);
    open_block(writer, type);
    put_u32(writer, first);
    put_u32(writer, (uint32_t)length);
    put_bytes(writer, zeros, length);
    close_block(writer);
    free(zeros);
}

static void secrets_and_blocks_beyond_the_limits_are_counted(void **state)
{
    (void)state;
    enum { TLS_KEY_LOG = 0x544c534b, MEGABYTE = 1 << 20 };
    struct writer writer = writer_new(false);
    put_section_block(&writer, false);
    put_long_block(&writer, BLOCK_DSB, TLS_KEY_LOG, 5 * MEGABYTE);
    put_long_block(&writer, BLOCK_DSB, TLS_KEY_LOG, 5 * MEGABYTE);
    put_long_block(&writer, BLOCK_DSB, TLS_KEY_LOG, 16 * MEGABYTE);
    put_long_block(&writer, 0x0bad, 0, 16 * MEGABYTE);
    struct seen seen = see_writer(&writer);
    assert_whole(&seen, 0);
    assert_int_equal(seen.limits.hit[LIMIT_capture_secrets], 1);
    assert_int_equal(seen.limits.hit[LIMIT_capture_blocks], 1);
    writer_free(&writer);
}

static void put_secrets(struct writer *writer, uint32_t kind, uint32_t length, const char *text)
{
    open_block(writer, BLOCK_DSB);
    put_u32(writer, kind);
    put_u32(writer, length);
    put_bytes(writer, text, strlen(text));
    close_block(writer);
}

static void secrets_are_joined_and_bounded(void **state)
{
    (void)state;
    struct writer writer = writer_new(true);
    put_section_block(&writer, true);
    put_secrets(&writer, 0x544c534b, 10, "CLIENT a b");
    put_secrets(&writer, 0x544c534b, 11, "CLIENT c d\n");
    put_secrets(&writer, 0x57474b4c, 4, "guard");
    put_secrets(&writer, 0x544c534b, UINT32_MAX, "absurd");
    for (int i = 0; i < 3; i++) { /* three times 4 MiB are too much for its limit of 8 MiB */
        open_block(&writer, BLOCK_DSB);
        put_u32(&writer, 0x544c534b);
        put_u32(&writer, 4 << 20);
        for (int j = 0; j < (4 << 20) / 64; j++)
            put_bytes(&writer, "CLIENT_RANDOM 0123456789012345678901234567890123456789012345678\n", 64);
        close_block(&writer);
    }
    put_interface_block(&writer, 1, 0);
    put_packet_block(&writer, 0, 0, "x");
    struct seen seen = see_writer(&writer);
    assert_whole(&seen, 1);
    seen.secrets[22] = '\0';
    assert_string_equal(seen.secrets, "CLIENT a b\nCLIENT c d\n");
    writer_free(&writer);
}

static void put_statistics(struct writer *writer, uint32_t interface, uint64_t by_interface, uint64_t by_system)
{
    open_block(writer, BLOCK_ISB);
    put_u32(writer, interface);
    put_u64(writer, 0);
    put_u16(writer, 5);
    put_u16(writer, 8);
    put_u64(writer, by_interface);
    put_u16(writer, 7);
    put_u16(writer, 8);
    put_u64(writer, by_system);
    close_block(writer);
}

static void losses_are_summed_from_the_last_statistics(void **state)
{
    (void)state;
    struct writer writer = writer_new(false);
    for (int section = 0; section < 2; section++) {
        put_section_block(&writer, section == 1);
        put_interface_block(&writer, 1, 0);
        put_interface_block(&writer, 1, 0);
        put_statistics(&writer, 0, 5, 1);
        put_statistics(&writer, 1, 10, 0);
        put_statistics(&writer, 0, 7, 2);
        put_statistics(&writer, 9, 1000, 0); /* no such interface */
    }
    struct seen seen = see_writer(&writer);
    assert_whole(&seen, 0);
    assert_int_equal(seen.facts.dropped, 2 * (9 + 10));
    assert_int_equal(seen.facts.interfaces, 4);
    writer_free(&writer);
}

/* One program for each link type; what an expression cannot have for one of them is told, not guessed. */
static void filters_are_made_for_each_link_type(void **state)
{
    (void)state;
    static const char ip[] = "\x45\0\0\x28\0\0\0\0\x40\x06\0\0\x0a\x01\x01\x01\x0a\x01\x01\x02\x01\x01\x01\x01";
    struct writer writer = writer_new(false);
    uint8_t ethernet[14 + sizeof ip] = {[12] = 8};
    memcpy(ethernet + 14, ip, sizeof ip);
    put_section_block(&writer, false);
    put_interface_block(&writer, 101, 0);
    put_interface_block(&writer, 1, 0);
    for (uint32_t i = 0; i < 2; i++) {
        open_block(&writer, BLOCK_EPB);
        put_u32(&writer, i);
        put_u64(&writer, 0);
        put_u32(&writer, i == 0 ? sizeof ip : sizeof ethernet);
        put_u32(&writer, 100);
        if (i == 0)
            put_bytes(&writer, ip, sizeof ip);
        else
            put_bytes(&writer, ethernet, sizeof ethernet);
        close_block(&writer);
    }
    put_packet_block(&writer, 1, 0, "an ethernet frame of something else");
    struct cursor bytes = buffer_cursor(&writer.bytes);
    struct seen seen = see(bytes, "tcp and host 10.1.1.2");
    assert_whole(&seen, 2);
    assert_int_equal(seen.facts.filtered, 1);
    seen = see(bytes, "not ip");
    assert_whole(&seen, 1);
    assert_int_equal(seen.packet[0].number, 3);
    seen = see(bytes, "ether host 00:00:00:00:00:00");
    assert_int_equal(seen.opened, OUTCOME_OK);
    assert_int_equal(seen.packets, 1);
    assert_int_equal(seen.ended, OUTCOME_UNSUPPORTED);
    assert_non_null(strstr(seen.error.text, "RAW"));
    assert_int_equal(see(bytes, "no filter at all").opened, OUTCOME_UNSUPPORTED);
    writer_free(&writer);
}

#define test(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(names_are_utf8_and_those_beyond_the_limit_are_counted),
        test(secrets_and_blocks_beyond_the_limits_are_counted),
        test(packets_name_their_interface),
        test(sections_follow_each_other),
        test(time_has_units_and_an_offset),
        test(simple_packets_have_the_time_of_the_one_before),
        test(old_packet_blocks_are_read),
        test(comments_names_and_unknown_blocks_are_kept_or_skipped),
        test(secrets_are_joined_and_bounded),
        test(losses_are_summed_from_the_last_statistics),
        test(filters_are_made_for_each_link_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
