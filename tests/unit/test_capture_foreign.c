/* tests/unit/test_capture_foreign.c: files that are no captures, damaged on their way, joined, or end in zeros; and what
 * a filter cannot see. Magic numbers are those of the formats' documentation. */
#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/foreign.h"
#include "pcapng_fixture.h"

#define SECOND INT64_C(1000000000)

/* The header of a pcap file in the byte order of `writer`. */
static void put_pcap(struct writer *writer, uint32_t magic, uint32_t link_type)
{
    put_u32(writer, magic);
    put_u16(writer, 2);
    put_u16(writer, 4);
    put_u64(writer, 0);
    put_u32(writer, 65535);
    put_u32(writer, link_type);
}

static void put_pcap_packet(struct writer *writer, uint32_t seconds, const void *bytes, size_t length)
{
    put_u32(writer, seconds);
    put_u32(writer, 0);
    put_u32(writer, (uint32_t)length);
    put_u32(writer, (uint32_t)length);
    put_bytes(writer, bytes, length);
}

static void put_zeros(struct writer *writer, size_t count)
{
    while (count-- > 0)
        put_bytes(writer, "", 1);
}

/* ---- formats ---- */

#define HEAD(text)                                                                                                     \
    {                                                                                                                  \
        (text), sizeof(text) - 1                                                                                       \
    }

static void each_format_is_named_with_what_to_do(void **state)
{
    (void)state;
    static const struct {
        struct {
            const char *bytes;
            size_t length;
        } head;
        const char *what, *advice;
        bool packets;
    } cases[] = {
        {HEAD("GMBU\0\2\1\0"), "Network Monitor", "editcap", true},
        {HEAD("RTSS\1\1\0\0"), "Network Monitor 1", "editcap", true},
        {HEAD("snoop\0\0\0\0\0\0\2"), "snoop", "editcap", true},
        {HEAD("XCP\0"
              "002.002\0"),
         "NetXRay", "editcap", true},
        {HEAD("TRSNIFF data    \x1a"), "Sniffer", "editcap", true},
        {HEAD("\177ver\0\0\0\7"), "OmniPeek", "editcap", true},
        {HEAD("iptrace 2.0"), "iptrace", "editcap", true},
        {HEAD("ObserverPktBufferVersion=15.00"), "Observer", "editcap", true},
        {HEAD("PK\3\4\x14\0"), "zip", "unzip", true},
        {HEAD("7z\xbc\xaf\x27\x1c"), "7z", "7z x", true},
        {HEAD("Rar!\x1a\7\0"), "rar", "unrar", true},
        {HEAD("MSCF\0\0\0\0"), "cabinet", "expand", true},
        {HEAD("\x1f\x9d\x90"), "compress", "uncompress", true},
        {HEAD("\x0d\x0a\x0d\x0d\x0d\x0a\x1c\0\0\0M<+\x1a"), "line ends", "binary", true}, /* LF became CR LF */
        {HEAD("\x0d\x0a\x0d\x0d\x0a\x1c\0\0\0M<+\x1a"), "line ends", "binary", true},     /* lone LF became CR LF */
        {HEAD("\x0a\x0d\x0a\x1c\0\0\0M<+\x1a"), "line ends", "binary", true},             /* CR LF became LF */
        {HEAD("\x0a\x0a\x0a\x0a\x1c\0\0\0M<+\x1a"), "line ends", "binary", true},         /* CR became LF */
        {HEAD("\x0a\x0a\0\0\0\x1c\x1a+<M"), "line ends", "binary", true}, /* CR was removed, big endian */
        {HEAD("\xff\xfe\x58\x25\x1c\x25\x93\x25\xed\0\2\0\0\0"), "UTF-16", "-w FILE", true},
        {HEAD("\xff\xfe\r\0\n\0\r\0\n\0\r\0\n\0"), "UTF-16", "PowerShell", true},
        {HEAD("\xff\xfeh\0e\0l\0l\0o\0"), "UTF-16 text", "text2pcap", false},
        {HEAD("\x58\x25\x1c\x25\x93\x25\xed\0\2\0\0\0"), "UTF-16", "-w FILE", true}, /* without a mark */
        {HEAD("\xfe\xff\x25\x58\x25\x1c\x25\x93\0\xed\0\2"), "UTF-16", "-w FILE", true},
        {HEAD("\0\xd4\0\xc3\0\xb2\0\xa1\0\2"), "UTF-16", "-w FILE", true},
        {HEAD("\0\0\0\0\0\0\0\x68\2\4\0\x58\0\0\0\x40\0\0"), "ERF", "editcap", true},
        {HEAD("\0\0\0\0\0\0\0\0\x9b\4\0\x18\0\0\0\0\x11\0\0\0\0\0\0\0\0\0\0\0\1\0\0\x68\1\4\0\x30\0\0\0\x20"), "ERF",
         "editcap", true},
        {HEAD("<!DOCTYPE html>\n<html>"), "web page", "again", false},
        {HEAD("    1 0.000000 10.0.0.1 \xe2\x86\x92 10.0.0.2 TCP\n"), "text", "text2pcap", false},
        {HEAD("\xef\xbf\xbd\xc3\xb2\xef\xbf\xbd\2\0\4\0"), "UTF-8", "-w FILE", true},
        {HEAD("d4c3b2a1020004000000"), "hexadecimal", "xxd -r -p", true},
        {HEAD("00000000: d4c3 b2a1 0200"), "xxd", "xxd -r", true},
        {HEAD("1MOyoQIABAAAAAAA"), "base64", "base64 -d", true},
        {HEAD("\0\0\0\0\0\0\0\0"), "zeros", "crash", true},
        {HEAD("SQLite format 3\0"), "SQLite", "--db", false},
        {HEAD("#separator \\x09\n"), "Zeek", "no packets", false},
        {HEAD("{\"log\": {\"version\": \"1.2\""), "JSON", "no packets", false},
        {HEAD("<?xml version=\"1.0\"?>"), "XML", "no packets", false},
        {HEAD("12:00:01.5 IP 10.0.0.1.80 > 10.0.0.2.1024: S\n"), "text", "text2pcap", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct foreign *foreign = foreign_recognise(cursor_of(cases[i].head.bytes, cases[i].head.length));
        assert_non_null(foreign);
        assert_non_null(strstr(foreign->what, cases[i].what));
        assert_non_null(strstr(foreign->advice, cases[i].advice));
        assert_int_equal(foreign->packets, cases[i].packets);
        struct seen seen = see(cursor_of(cases[i].head.bytes, cases[i].head.length), NULL);
        assert_int_not_equal(seen.opened, OUTCOME_OK);
        if (strstr(foreign->what, "packed") == NULL)
            assert_non_null(strstr(seen.error.text, foreign->what));
    }
}

/* A buffer header of 0x48 bytes, then the header of the event that is always the first (Geoff Chappell,
 * TRACE_LOGFILE_HEADER). */
static void an_event_trace_is_known_by_its_first_event(void **state)
{
    (void)state;
    static const uint8_t first[][8] = {{2, 0, 1, 0xc0, 0x10, 1, 0, 0}, {2, 0, 2, 0xc0, 0x18, 1, 0, 0}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t head[FOREIGN_HEAD] = {0, 0, 1, 0, 0x48, 2};
        memcpy(head + 0x48, first[i], sizeof first[i]);
        const struct foreign *foreign = foreign_recognise(cursor_of(head, sizeof head));
        assert_non_null(foreign);
        assert_non_null(strstr(foreign->advice, "etl2pcapng"));
        head[0x48 + 3] = 0; /* without its mark it is anything */
        assert_null(foreign_recognise(cursor_of(head, sizeof head)));
    }
}

static void a_tar_is_known_by_its_magic_in_the_middle(void **state)
{
    (void)state;
    uint8_t head[FOREIGN_HEAD] = "capture.pcap";
    memcpy(head + 257, "ustar", 5);
    assert_non_null(strstr(foreign_recognise(cursor_of(head, sizeof head))->advice, "tar xf"));
    assert_null(foreign_recognise(cursor_of(head, 200)));
}

static void names_of_captures_are_known(void **state)
{
    (void)state;
    static const char *const captures[] = {"a.pcap", "x/b.PCAPNG", "c.cap.gz", "ring.pcap3", "d.pcap017.zst", "e.etl"};
    static const char *const others[] = {"a.txt", "pcap/readme", "b.json", "capture", "x.pcap.json", ".gz"};
    for (size_t i = 0; i < sizeof captures / sizeof captures[0]; i++)
        assert_true(foreign_is_capture_name(captures[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(foreign_is_capture_name(others[i]));
}

/* ---- damage by a transfer ---- */

/* Forty packets of bytes that hold every value, with the lines of HTTP. */
static struct writer plain_file(void)
{
    static const char http[] = "POST /ccm_system/request HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    struct writer writer = writer_new(false);
    put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
    for (uint32_t i = 0; i < 40; i++) {
        uint8_t bytes[256];
        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)(j * 7 + i);
        memcpy(bytes, http, sizeof http);
        put_pcap_packet(&writer, 1700000000 + i, bytes, sizeof bytes);
    }
    return writer;
}

static void changed_line_ends_are_named(void **state)
{
    (void)state;
    struct writer whole = plain_file(), longer = writer_new(false), shorter = writer_new(false);
    const uint8_t *bytes = whole.bytes.bytes;
    for (size_t i = 0; i < whole.bytes.length; i++) {
        bool pair = i > 0 && bytes[i] == '\n' && bytes[i - 1] == '\r';
        if (bytes[i] == '\n' && !pair)
            put_bytes(&longer, "\r", 1);
        put_bytes(&longer, bytes + i, 1);
        if (pair)
            shorter.bytes.length--;
        put_bytes(&shorter, bytes + i, 1);
    }
    assert_int_equal(see_writer(&whole).ended, OUTCOME_MORE);
    assert_null(foreign_damage(buffer_cursor(&whole.bytes)));
    const struct writer *damaged[] = {&longer, &shorter};
    for (size_t i = 0; i < 2; i++) {
        struct seen seen = see_writer(damaged[i]);
        assert_int_equal(seen.ended, OUTCOME_MALFORMED);
        assert_true(seen.facts.unusable);
        assert_non_null(strstr(seen.error.text, "line ends were changed"));
    }
    writer_free(&whole);
    writer_free(&longer);
    writer_free(&shorter);
}

/* A file that is only cut, or damaged at one place, has its own line ends still. */
static void other_damage_is_not_taken_for_it(void **state)
{
    (void)state;
    struct writer whole = plain_file();
    struct seen seen = see(cursor_of(whole.bytes.bytes, whole.bytes.length - 30), NULL);
    assert_int_equal(seen.ended, OUTCOME_MORE);
    assert_false(seen.facts.unusable);
    memset(whole.bytes.bytes + 24 + 272 + 8, 0xff, 8);
    seen = see_writer(&whole);
    assert_int_equal(seen.packets, 1);
    assert_non_null(strstr(seen.error.text, "damaged at byte 296"));
    assert_false(seen.facts.unusable);
    writer_free(&whole);
}

/* ---- joined files. The fixture pads blocks by their place in the file, so packets before them have 4 bytes. ---- */

static void files_joined_by_cat_are_read_on(void **state)
{
    (void)state;
    struct writer writer = writer_new(false);
    put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
    put_pcap_packet(&writer, 1, "one.", 4);
    writer.big = true; /* another machine's, in nanoseconds, of another link type */
    put_pcap(&writer, 0xa1b23c4d, DLT_LINUX_SLL);
    put_pcap_packet(&writer, 2, "two.", 4);
    put_section_block(&writer, true);
    put_interface_block(&writer, DLT_PPP, 0);
    put_packet_block(&writer, 0, 3000000, "three");
    put_section_block(&writer, false);
    put_interface_block(&writer, DLT_EN10MB, 0);
    put_packet_block(&writer, 0, 4000000, "four");
    writer.big = false;
    put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
    put_pcap_packet(&writer, 5, "five", 4);
    put_section_block(&writer, true);
    put_interface_block(&writer, DLT_EN10MB, 0);
    put_packet_block(&writer, 0, 6000000, "six");
    struct seen seen = see_writer(&writer);
    assert_int_equal(seen.opened, OUTCOME_OK);
    assert_int_equal(seen.ended, OUTCOME_MORE);
    assert_string_equal(seen.error.text, "");
    assert_int_equal(seen.packets, 6);
    static const int links[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_PPP, DLT_EN10MB, DLT_EN10MB, DLT_EN10MB};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(seen.packet[i].time_ns, SECOND * (int64_t)(i + 1));
        assert_int_equal(seen.packet[i].link_type, links[i]);
        assert_int_equal(seen.packet[i].number, i + 1);
    }
    assert_int_equal(seen.facts.joined, 4);
    assert_string_equal(seen.link_type, "EN10MB,LINUX_SLL,PPP");
    writer_free(&writer);
}

static void a_pcap_behind_a_pcapng_of_the_other_order_is_read(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct writer writer = writer_new(big);
        put_section_block(&writer, big);
        put_interface_block(&writer, DLT_EN10MB, 0);
        put_packet_block(&writer, 0, 1000000, "one");
        writer.big = !big;
        put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
        put_pcap_packet(&writer, 2, "two", 3);
        struct seen seen = see_writer(&writer);
        assert_int_equal(seen.packets, 2);
        assert_int_equal(seen.ended, OUTCOME_MORE);
        assert_int_equal(seen.facts.joined, 1);
        writer_free(&writer);
    }
}

static void a_joined_file_that_is_cut_in_its_header_is_told(void **state)
{
    (void)state;
    struct writer writer = writer_new(false);
    put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
    put_pcap_packet(&writer, 1, "one", 3);
    put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
    for (size_t cut = 1; cut < 24; cut++) {
        struct seen seen = see(cursor_of(writer.bytes.bytes, writer.bytes.length - cut), NULL);
        assert_int_equal(seen.packets, 1);
        assert_string_not_equal(seen.error.text, "");
    }
    writer_free(&writer);
}

/* ---- zeros, and no time ---- */

static void zeros_at_the_end_are_no_packets(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 15, 16, 17, 100, 8192, 700000};
    for (int pcapng = 0; pcapng < 2; pcapng++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            struct writer writer = writer_new(false);
            if (pcapng == 1) {
                put_section_block(&writer, false);
                put_interface_block(&writer, DLT_EN10MB, 0);
                put_packet_block(&writer, 0, 7, "packet");
            } else {
                put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
                put_pcap_packet(&writer, 7, "packet", 6);
            }
            size_t start = writer.bytes.length;
            put_zeros(&writer, counts[i]);
            struct seen seen = see_writer(&writer);
            assert_int_equal(seen.packets, 1);
            assert_int_equal(seen.ended, OUTCOME_MORE);
            bool whole_header = counts[i] >= (pcapng == 1 ? 12u : 16u);
            assert_non_null(strstr(seen.error.text, whole_header ? "ends in zeros" : "cut off"));
            assert_true(!whole_header || seen.error.offset == start);
            writer_free(&writer);
        }
    }
}

static void zeros_in_the_middle_are_damage(void **state)
{
    (void)state;
    struct writer writer = writer_new(false);
    put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
    put_pcap_packet(&writer, 7, "packet", 6);
    put_zeros(&writer, 64);
    put_pcap_packet(&writer, 8, "packet", 6);
    struct seen seen = see_writer(&writer);
    assert_int_equal(seen.packets, 1);
    assert_int_equal(seen.ended, OUTCOME_MALFORMED);
    assert_non_null(strstr(seen.error.text, "damaged at byte 46"));
    writer_free(&writer);
}

static void packets_whose_time_is_zero_are_counted(void **state)
{
    (void)state;
    struct writer writer = writer_new(false);
    put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
    put_pcap_packet(&writer, 0, "a packet", 8);
    put_pcap_packet(&writer, 1, "a packet", 8);
    put_pcap_packet(&writer, 0, "a packet", 8);
    put_section_block(&writer, false);
    put_interface_block(&writer, DLT_EN10MB, 0);
    put_packet_block(&writer, 0, 0, "packet");
    put_packet_block(&writer, 0, 1, "packet");
    struct seen seen = see_writer(&writer);
    assert_int_equal(seen.packets, 5);
    assert_int_equal(seen.facts.timeless, 3);
    writer_free(&writer);
}

/* ---- what a filter cannot see ---- */

/* An Ethernet header with what follows its addresses, IPv4, and TCP from port 1024 to port 80. */
static void put_frame(struct writer *writer, const char *behind_addresses, size_t length)
{
    static const uint8_t tcp_ip[] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10,   0, 0, 1, 10, 0, 0, 2,
                                     4,    0, 0, 80, 0, 0, 0, 1, 0,  0, 0, 0, 0x50, 2, 1, 0, 0,  0, 0, 0};
    uint8_t frame[96] = {0};
    memcpy(frame + 12, behind_addresses, length);
    memcpy(frame + 12 + length, tcp_ip, sizeof tcp_ip);
    put_pcap_packet(writer, 1, frame, 12 + length + sizeof tcp_ip);
}

static void a_filter_that_misses_tagged_packets_is_told(void **state)
{
    (void)state;
    struct writer writer = writer_new(false);
    put_pcap(&writer, 0xa1b2c3d4, DLT_EN10MB);
    put_frame(&writer, "\x08\x00", 2);
    put_frame(&writer, "\x81\x00\x00\x05\x08\x00", 6);                  /* 802.1Q */
    put_frame(&writer, "\x88\xa8\x00\x06\x81\x00\x00\x05\x08\x00", 10); /* 802.1ad */
    put_frame(&writer, "\x88\x47\x00\x01\x01\x40", 6);                  /* MPLS */
    put_frame(&writer, "\x88\x64\x11\x00\x00\x01\x00\x2a\x00\x21", 10); /* PPPoE, 42 bytes */
    put_frame(&writer, "\x88\xe5\x00\x01\x01\x40", 6);                  /* MACsec: nobody can tell */
    static const struct {
        const char *expression;
        size_t packets, tagged;
    } cases[] = {
        {"tcp port 80", 1, 4},           {"tcp port 81", 0, 0}, {"vlan and tcp port 80", 2, 0},
        {"not vlan and not mpls", 4, 0}, {NULL, 6, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen seen = see(buffer_cursor(&writer.bytes), cases[i].expression);
        assert_int_equal(seen.opened, OUTCOME_OK);
        assert_int_equal(seen.facts.filtered_tagged, cases[i].tagged);
        if (i != 2 && i != 3)
            assert_int_equal(seen.packets, cases[i].packets);
    }
    writer_free(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_is_named_with_what_to_do),
        cmocka_unit_test(an_event_trace_is_known_by_its_first_event),
        cmocka_unit_test(a_tar_is_known_by_its_magic_in_the_middle),
        cmocka_unit_test(names_of_captures_are_known),
        cmocka_unit_test(changed_line_ends_are_named),
        cmocka_unit_test(other_damage_is_not_taken_for_it),
        cmocka_unit_test(files_joined_by_cat_are_read_on),
        cmocka_unit_test(a_pcap_behind_a_pcapng_of_the_other_order_is_read),
        cmocka_unit_test(a_joined_file_that_is_cut_in_its_header_is_told),
        cmocka_unit_test(zeros_at_the_end_are_no_packets),
        cmocka_unit_test(zeros_in_the_middle_are_damage),
        cmocka_unit_test(packets_whose_time_is_zero_are_counted),
        cmocka_unit_test(a_filter_that_misses_tagged_packets_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
