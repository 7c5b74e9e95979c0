/* tests/unit/test_capture_source_damage.c: files cut off anywhere, absurd lengths, bad blocks; variants of pcap;
 * pipes. */
#define _GNU_SOURCE /* dup, pipe */
#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "pcapng_fixture.h"

static struct writer small_file(bool big, size_t ends[3])
{
    struct writer writer = writer_new(big);
    put_section_block(&writer, big);
    put_interface_time(&writer, 1, 9, 0);
    for (size_t i = 0; i < 3; i++) {
        put_packet_block(&writer, 0, i, "packet");
        ends[i] = writer.bytes.length;
    }
    return writer;
}

/* Cut anywhere, all whole packets are given, and the cut is told with its place. */
static void pcapng_cut_at_every_byte(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        size_t ends[3];
        struct writer writer = small_file(big, ends);
        size_t interface = ends[0] - 40;
        for (size_t length = 0; length <= writer.bytes.length; length++) {
            struct seen seen = see(cursor_of(writer.bytes.bytes, length), NULL);
            if (length < 28) {
                assert_int_equal(seen.opened, OUTCOME_MALFORMED);
                continue;
            }
            size_t whole = (size_t)((length >= ends[0]) + (length >= ends[1]) + (length >= ends[2]));
            bool between = length == 28 || length == interface || (whole > 0 && length == ends[whole - 1]);
            assert_int_equal(seen.opened, OUTCOME_OK);
            assert_int_equal(seen.ended, OUTCOME_MORE);
            assert_int_equal(seen.packets, whole);
            assert_true(between == (seen.error.text[0] == '\0'));
            assert_true(between || (seen.error.offset == length && strstr(seen.error.text, "cut off") != NULL));
        }
        writer_free(&writer);
    }
}

/* Whatever one byte becomes, nothing worse happens than that packets are missing. */
static void pcapng_with_any_byte_changed(void **state)
{
    (void)state;
    size_t ends[3];
    struct writer writer = small_file(false, ends);
    for (size_t place = 0; place < writer.bytes.length; place++) {
        static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        uint8_t kept = writer.bytes.bytes[place];
        for (size_t i = 0; i < sizeof values; i++) {
            writer.bytes.bytes[place] = values[i];
            struct seen seen = see_writer(&writer);
            assert_true(seen.packets <= 3);
        }
        writer.bytes.bytes[place] = kept;
    }
    writer_free(&writer);
}

static void absurd_lengths_are_told_with_their_place(void **state)
{
    (void)state;
    static const struct {
        uint32_t type, length;
        enum outcome ended;
        const char *told;
    } cases[] = {
        {BLOCK_EPB, UINT32_MAX, OUTCOME_MALFORMED, "damaged at byte"},
        {BLOCK_EPB, 0xfffffffc, OUTCOME_MALFORMED, "damaged at byte"},
        {BLOCK_EPB, 0, OUTCOME_MALFORMED, "damaged at byte"},
        {BLOCK_EPB, 8, OUTCOME_MALFORMED, "damaged at byte"},
        {BLOCK_EPB, 37, OUTCOME_MALFORMED, "damaged at byte"},
        {BLOCK_EPB, 44, OUTCOME_MALFORMED, "two different lengths"},
        {BLOCK_EPB, 36, OUTCOME_MALFORMED, "two different lengths"},
        {BLOCK_EPB, 1 << 20, OUTCOME_MORE, "cut off"},
        {BLOCK_IDB, 0x7ffffffc, OUTCOME_MALFORMED, "damaged at byte"},
        {0x4242, 0xfffffffc, OUTCOME_MORE, "is not whole"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t ends[3];
        struct writer writer = small_file(true, ends);
        uint8_t *block = writer.bytes.bytes + ends[1];
        for (unsigned byte = 0; byte < 4; byte++) {
            block[byte] = (uint8_t)(cases[i].type >> (24 - 8 * byte));
            block[4 + byte] = (uint8_t)(cases[i].length >> (24 - 8 * byte));
        }
        put_packet_block(&writer, 0, 4, "more");
        struct seen seen = see_writer(&writer);
        assert_int_equal(seen.packets, 2);
        assert_int_equal(seen.ended, cases[i].ended);
        assert_non_null(strstr(seen.error.text, cases[i].told));
        assert_int_equal(seen.error.offset, cases[i].ended == OUTCOME_MORE ? writer.bytes.length : ends[1]);
        writer_free(&writer);
    }
}

/* A block whose lengths are right and whose contents are not is left out, and what follows is read. */
static void bad_packet_blocks_are_left_out(void **state)
{
    (void)state;
    size_t ends[3];
    struct writer writer = small_file(false, ends);
    writer.bytes.bytes[ends[0] + 8] = 7;  /* no such interface */
    writer.bytes.bytes[ends[1] + 21] = 1; /* longer than the block */
    open_block(&writer, BLOCK_EPB);       /* too short */
    close_block(&writer);
    put_packet_block(&writer, 0, 4, "last");
    struct seen seen = see_writer(&writer);
    assert_int_equal(seen.packets, 2);
    assert_string_equal(seen.packet[1].bytes, "last");
    assert_int_equal(seen.facts.damaged, 3);
    assert_int_equal(seen.ended, OUTCOME_MALFORMED);
    assert_int_equal(seen.error.offset, ends[0]);
    assert_non_null(strstr(seen.error.text, "3 damaged packet blocks"));
    writer_free(&writer);
}

static void a_block_longer_than_the_buffer_is_read_or_skipped(void **state)
{
    (void)state;
    static const uint8_t zeros[4096];
    struct writer writer = writer_new(false);
    put_section_block(&writer, false);
    open_block(&writer, 0x4242); /* more than may be seen at once */
    for (int i = 0; i < 4200; i++)
        put_bytes(&writer, zeros, sizeof zeros);
    close_block(&writer);
    put_interface_block(&writer, 1, 0);
    open_block(&writer, BLOCK_EPB);
    put_u32(&writer, 0);
    put_u64(&writer, 0);
    put_u32(&writer, 1000 * sizeof zeros);
    put_u32(&writer, 1000 * sizeof zeros);
    for (int i = 0; i < 1000; i++)
        put_bytes(&writer, zeros, sizeof zeros);
    close_block(&writer);
    put_packet_block(&writer, 0, 0, "after");
    struct seen seen = see_writer(&writer);
    assert_int_equal(seen.opened, OUTCOME_OK);
    assert_string_equal(seen.error.text, "");
    assert_int_equal(seen.packets, 2);
    assert_int_equal(seen.packet[0].length, 1000 * sizeof zeros);
    assert_string_equal(seen.packet[1].bytes, "after");
    writer_free(&writer);
}

static void interfaces_and_sections_that_are_wrong(void **state)
{
    (void)state;
    struct writer writer = writer_new(false);
    put_section_block(&writer, false);
    struct seen seen = see_writer(&writer);
    assert_int_equal(seen.opened, OUTCOME_OK); /* no interface, no packet: empty, but whole */
    assert_int_equal(seen.ended, OUTCOME_MORE);
    assert_string_equal(seen.error.text, "");
    assert_string_equal(seen.link_type, "none");
    open_block(&writer, BLOCK_IDB);
    close_block(&writer);
    seen = see_writer(&writer);
    assert_int_equal(seen.opened, OUTCOME_OK);
    assert_int_equal(seen.ended, OUTCOME_MALFORMED);
    assert_int_equal(seen.error.offset, 28);
    writer_free(&writer);
    writer = writer_new(false);
    put_section_block(&writer, false);
    for (int i = 0; i <= 65536; i++)
        put_interface_block(&writer, 1, 0);
    seen = see_writer(&writer);
    assert_int_equal(seen.ended, OUTCOME_LIMIT);
    writer_free(&writer);
    writer = writer_new(false);
    put_section_block(&writer, false);
    put_section_block(&writer, false);
    writer.bytes.bytes[28 + 12] = 9; /* version 9 */
    seen = see_writer(&writer);
    assert_int_equal(seen.ended, OUTCOME_UNSUPPORTED);
    assert_int_equal(seen.error.offset, 28);
    writer_free(&writer);
}

/* ---- pcap ---- */

/* Two packets, "first" and "second", of 50 bytes on the wire. */
static struct writer pcap_with(uint32_t magic, bool big, uint16_t major, uint16_t minor, bool exchanged)
{
    struct writer writer = writer_new(big);
    put_u32(&writer, magic);
    put_u16(&writer, major);
    put_u16(&writer, minor);
    put_u64(&writer, 0);
    put_u32(&writer, 65535);
    put_u32(&writer, 0x14000001); /* Ethernet, 2 bytes of check sum: the number is in the lower part */
    for (int i = 0; i < 2; i++) {
        const char *bytes = i == 0 ? "first" : "second";
        put_u32(&writer, 0x80000000 + (uint32_t)i); /* after 2038 */
        put_u32(&writer, 123456);
        put_u32(&writer, exchanged ? 50 : (uint32_t)strlen(bytes));
        put_u32(&writer, exchanged ? (uint32_t)strlen(bytes) : 50);
        if (magic == 0xa1b2cd34)
            put_u64(&writer, 0);
        put_bytes(&writer, bytes, strlen(bytes));
    }
    return writer;
}

static void all_variants_of_pcap_are_read(void **state)
{
    (void)state;
    static const struct {
        uint32_t magic;
        uint16_t major, minor;
        bool exchanged;
        int64_t fraction_ns;
    } cases[] = {
        {0xa1b2c3d4, 2, 4, false, 123456000},  {0xa1b23c4d, 2, 4, false, 123456},
        {0xa1b2cd34, 2, 4, false, 123456000},  {0xa1b2c3d4, 2, 3, false, 123456000},
        {0xa1b2c3d4, 2, 3, true, 123456000},   {0xa1b2c3d4, 2, 2, true, 123456000},
        {0xa1b2c3d4, 543, 0, true, 123456000},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct writer writer =
            pcap_with(cases[i / 2].magic, i % 2, cases[i / 2].major, cases[i / 2].minor, cases[i / 2].exchanged);
        struct seen seen = see_writer(&writer);
        assert_int_equal(seen.opened, OUTCOME_OK);
        assert_string_equal(seen.error.text, "");
        assert_int_equal(seen.packets, 2);
        assert_string_equal(seen.packet[0].bytes, "first");
        assert_string_equal(seen.packet[1].bytes, "second");
        assert_int_equal(seen.packet[1].wire_length, 50);
        assert_int_equal(seen.packet[1].link_type, DLT_EN10MB);
        assert_int_equal(seen.packet[0].time_ns, INT64_C(0x80000000) * 1000000000 + cases[i / 2].fraction_ns);
        writer_free(&writer);
    }
}

static void versions_that_are_not_known_are_refused(void **state)
{
    (void)state;
    static const uint16_t versions[][2] = {{2, 5}, {1, 2}, {3, 0}, {543, 1}, {0xffff, 0xffff}};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct writer writer = pcap_with(0xa1b2c3d4, false, versions[i][0], versions[i][1], false);
        struct seen seen = see_writer(&writer);
        assert_int_equal(seen.opened, OUTCOME_MALFORMED);
        assert_non_null(strstr(seen.error.text, "version"));
        writer_free(&writer);
    }
}

/* NFLOG's attributes are in the order of the machine; they come out as on a little-endian one. */
static void attributes_of_nflog_are_put_in_order(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct writer writer = writer_new(big);
        put_section_block(&writer, big);
        put_interface_block(&writer, 239, 0);
        open_block(&writer, BLOCK_EPB);
        put_u32(&writer, 0);
        put_u64(&writer, 0);
        put_u32(&writer, 4 + 8 + 6);
        put_u32(&writer, 4 + 8 + 6);
        put_bytes(&writer, "\2\0\0\0", 4);
        put_u16(&writer, 5);
        put_u16(&writer, 10);
        put_bytes(&writer, "x\0\0\0", 4);
        put_u16(&writer, 6);
        put_u16(&writer, 9);
        put_bytes(&writer, "IP", 2);
        close_block(&writer);
        struct seen seen = see_writer(&writer);
        assert_int_equal(seen.packets, 1);
        assert_memory_equal(seen.packet[0].bytes, "\2\0\0\0\5\0\x0a\0x\0\0\0\6\0\x09\0IP", 18);
        writer_free(&writer);
    }
}

/* ---- gzip and pipes ---- */

static size_t gzip(struct cursor bytes, uint8_t *packed, size_t size)
{
    z_stream stream = {0};
    struct buffer copy; /* zlib's input is not const */
    buffer_init(&copy, SIZE_MAX);
    assert_true(buffer_append(&copy, bytes));
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = copy.bytes;
    stream.avail_in = (uInt)copy.length;
    stream.next_out = packed;
    stream.avail_out = (uInt)size;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t length = size - stream.avail_out;
    deflateEnd(&stream);
    buffer_free(&copy);
    return length;
}

static void gzip_cut_at_every_byte(void **state)
{
    (void)state;
    size_t ends[3], most = 0;
    uint8_t packed[4096];
    struct writer writer = small_file(false, ends);
    size_t length = gzip(buffer_cursor(&writer.bytes), packed, sizeof packed);
    for (size_t cut = 2; cut < length; cut++) {
        struct seen seen = see(cursor_of(packed, cut), NULL);
        assert_true(seen.packets >= most);
        most = seen.packets;
        assert_true(seen.opened == OUTCOME_MALFORMED || strstr(seen.error.text, "cut off") != NULL);
        assert_true(seen.opened == OUTCOME_MALFORMED || seen.ended == OUTCOME_MORE);
    }
    assert_int_equal(most, 3); /* all data is there before the check sum is */
    packed[length - 8] ^= 1;
    struct seen seen = see(cursor_of(packed, length), NULL);
    assert_int_equal(seen.packets, 3);
    assert_int_equal(seen.ended, OUTCOME_MALFORMED); /* the check sum is wrong */
    writer_free(&writer);
}

static void gzip_files_may_be_joined_and_padded(void **state)
{
    (void)state;
    size_t ends[3];
    uint8_t packed[4096];
    struct writer writer = small_file(false, ends);
    size_t length = gzip(cursor_of(writer.bytes.bytes, ends[1] - 7), packed, sizeof packed);
    length += gzip(cursor_of(writer.bytes.bytes + ends[1] - 7, ends[2] - ends[1] + 7), packed + length,
                   sizeof packed - length);
    memset(packed + length, 0, 512);
    struct seen seen = see(cursor_of(packed, length + 512), NULL);
    assert_int_equal(seen.packets, 3);
    assert_string_equal(seen.error.text, "");
    packed[length] = 'x';
    seen = see(cursor_of(packed, length + 512), NULL);
    assert_int_equal(seen.packets, 3);
    assert_int_equal(seen.ended, OUTCOME_MALFORMED);
    writer_free(&writer);
}

/* After each part is written, exactly the packets that are whole can be read without waiting for more. */
static void packets_of_a_pipe_are_given_as_soon_as_they_are_there(void **state)
{
    (void)state;
    size_t ends[3];
    struct writer writer = small_file(false, ends);
    struct source *source;
    struct packet packet;
    struct error error;
    int pipes[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
    close(pipes[0]);
    alarm(20); /* a read that waits would wait for ever */
    assert_int_equal(write(pipes[1], writer.bytes.bytes, ends[0]), ends[0]);
    assert_int_equal(source_open("-", NULL, &source, &error), OUTCOME_OK);
    assert_int_equal(source_next(source, 1, &packet, &error), OUTCOME_OK);
    assert_int_equal(write(pipes[1], writer.bytes.bytes + ends[0], ends[1] + 9 - ends[0]), ends[1] + 9 - ends[0]);
    assert_int_equal(source_next(source, 2, &packet, &error), OUTCOME_OK);
    assert_int_equal(write(pipes[1], writer.bytes.bytes + ends[1] + 9, ends[2] - ends[1] - 9), ends[2] - ends[1] - 9);
    assert_int_equal(source_next(source, 3, &packet, &error), OUTCOME_OK);
    assert_memory_equal(packet.bytes.at, "packet", 6);
    close(pipes[1]);
    assert_int_equal(source_next(source, 4, &packet, &error), OUTCOME_MORE);
    assert_string_equal(error.text, "");
    alarm(0);
    source_close(source);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
    writer_free(&writer);
}

#define test(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(pcapng_cut_at_every_byte),
        test(pcapng_with_any_byte_changed),
        test(absurd_lengths_are_told_with_their_place),
        test(bad_packet_blocks_are_left_out),
        test(a_block_longer_than_the_buffer_is_read_or_skipped),
        test(interfaces_and_sections_that_are_wrong),
        test(all_variants_of_pcap_are_read),
        test(versions_that_are_not_known_are_refused),
        test(attributes_of_nflog_are_put_in_order),
        test(gzip_cut_at_every_byte),
        test(gzip_files_may_be_joined_and_padded),
        test(packets_of_a_pipe_are_given_as_soon_as_they_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
