/* tests/unit/test_capture_source.c: capture files: plain, compressed, cut off, damaged, filtered, in folders. */
#define _GNU_SOURCE /* mkdtemp, dup */
#include <archive.h>
#include <archive_entry.h>
#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/source.h"
#include "core/buffer.h"

#define PATH_SIZE 256

struct place {
    char folder[PATH_SIZE];
};

static int new_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return -1;
    snprintf(place->folder, sizeof place->folder, "/tmp/cmscope-source-XXXXXX");
    *state = place;
    return mkdtemp(place->folder) == NULL ? -1 : 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    char command[PATH_SIZE + 16];
    snprintf(command, sizeof command, "rm -rf %s", place->folder);
    int result = system(command); /* NOLINT(cert-env33-c): on a folder that this test made */
    free(place);
    return result;
}

static void path_in(const struct place *place, const char *name, char path[PATH_SIZE * 2])
{
    snprintf(path, PATH_SIZE * 2, "%s/%s", place->folder, name);
}

static void write_file(const char *path, struct cursor bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.at, 1, bytes.left, file), bytes.left);
    assert_int_equal(fclose(file), 0);
}

/* ---- captures built in memory ---- */

static void put(struct buffer *buffer, const void *bytes, size_t length)
{
    assert_true(buffer_append(buffer, cursor_of(bytes, length)));
}

static void put16(struct buffer *buffer, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    put(buffer, bytes, sizeof bytes);
}

static void put32(struct buffer *buffer, uint32_t value)
{
    put16(buffer, (uint16_t)value);
    put16(buffer, (uint16_t)(value >> 16));
}

static void put_pcap_header(struct buffer *buffer, uint32_t magic, uint32_t snap)
{
    put32(buffer, magic);
    put16(buffer, 2);
    put16(buffer, 4);
    put32(buffer, 0);
    put32(buffer, 0);
    put32(buffer, snap);
    put32(buffer, DLT_EN10MB);
}

/* An Ethernet frame of 60 bytes; its number is in the last two, every second one is ARP. */
static void frame_bytes(uint32_t number, uint8_t frame[60])
{
    memset(frame, 0, 60);
    frame[12] = 8;
    frame[13] = number % 2 == 0 ? 0 : 6;
    frame[14] = 0x45;
    frame[58] = (uint8_t)(number >> 8);
    frame[59] = (uint8_t)number;
}

static void put_pcap_packet(struct buffer *buffer, uint32_t number)
{
    uint8_t frame[60];
    frame_bytes(number, frame);
    put32(buffer, 1700000000 + number);
    put32(buffer, 123456);
    put32(buffer, sizeof frame);
    put32(buffer, 1000);
    put(buffer, frame, sizeof frame);
}

static struct buffer pcap_of(uint32_t packets)
{
    struct buffer buffer;
    buffer_init(&buffer, 1 << 24);
    put_pcap_header(&buffer, 0xa1b2c3d4, 65535);
    for (uint32_t i = 0; i < packets; i++)
        put_pcap_packet(&buffer, i);
    return buffer;
}

static void put_block(struct buffer *buffer, uint32_t type, struct cursor body)
{
    uint32_t length = (uint32_t)(12 + (body.left + 3) / 4 * 4);
    put32(buffer, type);
    put32(buffer, length);
    put(buffer, body.at, body.left);
    put(buffer, "\0\0\0", (4 - body.left % 4) % 4);
    put32(buffer, length);
}

static void put_section(struct buffer *buffer)
{
    struct buffer body;
    buffer_init(&body, 1 << 16);
    put32(&body, 0x1a2b3c4d);
    put16(&body, 1);
    put16(&body, 0);
    put32(&body, UINT32_MAX);
    put32(&body, UINT32_MAX);
    put_block(buffer, 0x0a0d0d0a, buffer_cursor(&body));
    buffer_free(&body);
}

/* `digits`: the resolution, 6 microseconds, 9 nanoseconds. */
static void put_interface(struct buffer *buffer, uint16_t link_type, uint32_t snap, uint8_t digits)
{
    struct buffer body;
    buffer_init(&body, 1 << 16);
    put16(&body, link_type);
    put16(&body, 0);
    put32(&body, snap);
    put16(&body, 9);
    put16(&body, 1);
    put32(&body, digits);
    put32(&body, 0);
    put_block(buffer, 1, buffer_cursor(&body));
    buffer_free(&body);
}

static void put_enhanced_packet(struct buffer *buffer, uint32_t interface, uint64_t time, uint32_t number)
{
    struct buffer body;
    uint8_t frame[60];
    frame_bytes(number, frame);
    buffer_init(&body, 1 << 16);
    put32(&body, interface);
    put32(&body, (uint32_t)(time >> 32));
    put32(&body, (uint32_t)time);
    put32(&body, sizeof frame);
    put32(&body, 1000);
    put(&body, frame, sizeof frame);
    put_block(buffer, 6, buffer_cursor(&body));
    buffer_free(&body);
}

static struct buffer pcapng_of(uint32_t packets)
{
    struct buffer buffer;
    buffer_init(&buffer, 1 << 24);
    put_section(&buffer);
    put_interface(&buffer, DLT_EN10MB, 65535, 9);
    for (uint32_t i = 0; i < packets; i++)
        put_enhanced_packet(&buffer, 0, UINT64_C(1700000000123456000) + i * UINT64_C(1000000000), i);
    return buffer;
}

/* ---- reading ---- */

struct reading {
    enum outcome opened, ended;
    struct error error;
    int64_t packets;
    struct source_facts facts;
    char link_type[64];
};

static struct reading read_all(const char *path, const char *filter)
{
    struct reading reading = {.packets = 0};
    struct source *source;
    struct packet packet;
    reading.opened = source_open(path, filter, &source, &reading.error);
    if (reading.opened != OUTCOME_OK) {
        assert_null(source);
        return reading;
    }
    while ((reading.ended = source_next(source, reading.packets + 1, &packet, &reading.error)) == OUTCOME_OK) {
        reading.packets++;
        assert_int_equal(packet.bytes.left, 60);
        assert_int_equal(packet.wire_length, 1000);
        int number = packet.bytes.at[58] << 8 | packet.bytes.at[59];
        assert_int_equal(packet.moment.packet, number + 1); /* that in the file, whatever the filter left out */
        assert_int_equal(packet.moment.time_ns, INT64_C(1700000000123456000) + number * INT64_C(1000000000));
    }
    reading.facts = source_facts(source);
    assert_string_equal(reading.facts.name, path);
    snprintf(reading.link_type, sizeof reading.link_type, "%s", reading.facts.link_type);
    reading.facts.name = reading.facts.link_type = NULL; /* they go with the source */
    source_close(source);
    return reading;
}

static struct reading read_bytes(const struct place *place, struct cursor bytes, const char *filter)
{
    char path[PATH_SIZE * 2];
    path_in(place, "capture", path);
    write_file(path, bytes);
    return read_all(path, filter);
}

static void assert_read(struct reading reading, int64_t packets)
{
    assert_int_equal(reading.opened, OUTCOME_OK);
    assert_int_equal(reading.ended, OUTCOME_MORE);
    assert_string_equal(reading.error.text, "");
    assert_int_equal(reading.packets, packets);
}

static void pcap_and_pcapng_are_read_to_the_nanosecond(void **state)
{
    struct buffer pcap = pcap_of(10), pcapng = pcapng_of(10);
    struct reading reading = read_bytes(*state, buffer_cursor(&pcap), NULL);
    assert_read(reading, 10);
    assert_string_equal(reading.link_type, "EN10MB");
    assert_string_equal(reading.facts.format, "pcap");
    assert_int_equal(reading.facts.snap_length, 65535);
    assert_int_equal(reading.facts.first.packet, 1);
    assert_int_equal(reading.facts.last.packet, 10);
    assert_read(read_bytes(*state, buffer_cursor(&pcapng), NULL), 10);
    buffer_free(&pcap);
    buffer_free(&pcapng);
}

static struct buffer packed(struct cursor bytes, int (*filter)(struct archive *archive))
{
    struct buffer buffer;
    buffer_init(&buffer, 1 << 24);
    size_t size = 1 << 20, used = 0;
    uint8_t *memory = malloc(size);
    assert_non_null(memory);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    assert_int_equal(filter(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_set_bytes_in_last_block(archive, 1), ARCHIVE_OK);
    assert_int_equal(archive_write_open_memory(archive, memory, size, &used), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, bytes.at, bytes.left), bytes.left);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(archive);
    put(&buffer, memory, used);
    free(memory);
    return buffer;
}

static void compressed_captures_are_read_by_their_content(void **state)
{
    static int (*const filters[])(struct archive * archive) = {
        archive_write_add_filter_gzip, archive_write_add_filter_zstd,  archive_write_add_filter_xz,
        archive_write_add_filter_lz4,  archive_write_add_filter_bzip2,
    };
    struct buffer pcap = pcap_of(200), pcapng = pcapng_of(200);
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        struct buffer one = packed(buffer_cursor(&pcap), filters[i]);
        struct buffer other = packed(buffer_cursor(&pcapng), filters[i]);
        assert_read(read_bytes(*state, buffer_cursor(&one), NULL), 200);
        assert_read(read_bytes(*state, buffer_cursor(&other), NULL), 200);
        buffer_free(&one);
        buffer_free(&other);
    }
    buffer_free(&pcap);
    buffer_free(&pcapng);
}

static void standard_input_is_read_when_it_is_a_pipe(void **state)
{
    (void)state;
    struct buffer pcap = pcap_of(5);
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], pcap.bytes, pcap.length), pcap.length);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    struct reading reading = read_all("-", NULL);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
    assert_read(reading, 5);
    buffer_free(&pcap);
}

static void a_capture_without_packets_is_read(void **state)
{
    struct buffer pcap = pcap_of(0);
    assert_read(read_bytes(*state, buffer_cursor(&pcap), NULL), 0);
    buffer_free(&pcap);
}

static void a_filter_leaves_packets_out(void **state)
{
    struct buffer pcap = pcap_of(10);
    struct reading reading = read_bytes(*state, buffer_cursor(&pcap), "arp");
    assert_read(reading, 5);
    assert_int_equal(reading.facts.filtered, 5);
    reading = read_bytes(*state, buffer_cursor(&pcap), "port or something");
    assert_int_equal(reading.opened, OUTCOME_UNSUPPORTED);
    assert_non_null(strstr(reading.error.text, "port or something"));
    buffer_free(&pcap);
}

/* Cut anywhere, all whole packets are used, and the cut is told with its place. */
static void a_capture_that_is_cut_off_is_used_as_far_as_it_goes(void **state)
{
    struct buffer pcap = pcap_of(3);
    for (size_t length = 25; length < pcap.length; length++) {
        struct reading reading = read_bytes(*state, cursor_of(pcap.bytes, length), NULL);
        bool whole = (length - 24) % 76 == 0;
        assert_int_equal(reading.opened, OUTCOME_OK);
        assert_int_equal(reading.ended, OUTCOME_MORE);
        assert_int_equal(reading.packets, (length - 24) / 76);
        assert_true(whole == (reading.error.text[0] == '\0'));
        assert_true(whole || reading.error.offset == length);
        assert_true(whole || strstr(reading.error.text, "cut off") != NULL);
    }
    buffer_free(&pcap);
}

static void a_compressed_capture_that_is_cut_off_is_told(void **state)
{
    struct buffer pcap = pcap_of(5000);
    struct buffer gzip = packed(buffer_cursor(&pcap), archive_write_add_filter_gzip);
    struct reading reading = read_bytes(*state, cursor_of(gzip.bytes, gzip.length - 10), NULL);
    assert_int_equal(reading.opened, OUTCOME_OK);
    assert_int_equal(reading.ended, OUTCOME_MORE);
    assert_non_null(strstr(reading.error.text, "cut off"));
    assert_true(reading.packets > 0);
    buffer_free(&pcap);
    buffer_free(&gzip);
}

static void a_damaged_capture_is_used_up_to_the_damage(void **state)
{
    struct buffer pcap = pcap_of(3);
    memset(pcap.bytes + 24 + 2 * 76 + 8, 0xee, 4); /* captured length of the third packet */
    struct reading reading = read_bytes(*state, buffer_cursor(&pcap), NULL);
    assert_int_equal(reading.packets, 2);
    assert_int_equal(reading.ended, OUTCOME_MALFORMED);
    assert_non_null(strstr(reading.error.text, "damaged"));
    assert_int_equal(reading.error.offset, 24 + 2 * 76);
    buffer_free(&pcap);
}

static void an_absurd_snapshot_length_is_harmless(void **state)
{
    struct buffer pcap = pcap_of(3);
    memset(pcap.bytes + 16, 0xff, 4);
    struct reading reading = read_bytes(*state, buffer_cursor(&pcap), NULL);
    assert_read(reading, 3);
    assert_true(reading.facts.snap_length > 0 && reading.facts.snap_length <= 262144);
    buffer_free(&pcap);
}

static void what_is_no_capture_is_refused_with_its_name_and_a_remedy(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } others[] = {{"", 0},
                  {"hello, world, this is a text\n", 29},
                  {"\x1f\x8b", 2},
                  {"\xd4\xc3\xb2\xa1", 4},
                  {"\x28\xb5\x2f\xfd garbage garbage", 20},
                  {"\x0a\x0d\x0d\x0a\xff\xff\xff\xff\x4d\x3c\x2b\x1a", 12}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct reading reading = read_bytes(*state, cursor_of(others[i].bytes, others[i].length), NULL);
        assert_int_equal(reading.opened, OUTCOME_MALFORMED);
        assert_non_null(strstr(reading.error.text, "/capture"));
    }
    struct reading reading = read_bytes(*state, cursor_of(others[1].bytes, others[1].length), NULL);
    assert_non_null(strstr(reading.error.text, "pcap or pcapng"));
    reading = read_all("/nowhere/at/all.pcap", NULL);
    assert_int_equal(reading.opened, OUTCOME_SYSTEM);
    assert_non_null(strstr(reading.error.text, "/nowhere/at/all.pcap"));
    const struct place *place = *state;
    assert_int_equal(read_all(place->folder, NULL).opened, OUTCOME_SYSTEM);
}

static void the_first_time_orders_files(void **state)
{
    char path[PATH_SIZE * 2];
    struct error error;
    int64_t time_ns = 0;
    struct buffer pcap = pcap_of(2), empty = pcap_of(0);
    path_in(*state, "a", path);
    write_file(path, buffer_cursor(&pcap));
    assert_int_equal(source_first_time(path, &time_ns, &error), OUTCOME_OK);
    assert_int_equal(time_ns, INT64_C(1700000000123456000));
    write_file(path, buffer_cursor(&empty));
    assert_int_equal(source_first_time(path, &time_ns, &error), OUTCOME_MORE);
    buffer_free(&pcap);
    buffer_free(&empty);
}

static void a_folder_stands_for_its_files_by_name(void **state)
{
    const struct place *place = *state;
    char path[PATH_SIZE * 2];
    char **paths;
    size_t count;
    struct error error;
    assert_int_equal(source_list(place->folder, &paths, &count, &error), OUTCOME_SYSTEM);
    assert_non_null(strstr(error.text, place->folder));
    static const char *const names[] = {"ring_00010.pcap", "ring_00002.pcap", "another.pcapng.gz", ".hidden"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_in(place, names[i], path);
        write_file(path, cursor_of("x", 1));
    }
    path_in(place, "deeper", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(source_list(place->folder, &paths, &count, &error), OUTCOME_OK);
    assert_int_equal(count, 3);
    assert_non_null(strstr(paths[0], "/another.pcapng.gz"));
    assert_non_null(strstr(paths[1], "/ring_00002.pcap"));
    assert_non_null(strstr(paths[2], "/ring_00010.pcap"));
    source_list_free(paths, count);
    assert_int_equal(source_list("-", &paths, &count, &error), OUTCOME_OK);
    assert_int_equal(count, 1);
    assert_string_equal(paths[0], "-");
    source_list_free(paths, count);
    assert_int_equal(source_list("/nowhere", &paths, &count, &error), OUTCOME_SYSTEM);
}

#define test(name) cmocka_unit_test_setup_teardown(name, new_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(pcap_and_pcapng_are_read_to_the_nanosecond),
        test(compressed_captures_are_read_by_their_content),
        test(standard_input_is_read_when_it_is_a_pipe),
        test(a_capture_without_packets_is_read),
        test(a_filter_leaves_packets_out),
        test(a_capture_that_is_cut_off_is_used_as_far_as_it_goes),
        test(a_compressed_capture_that_is_cut_off_is_told),
        test(a_damaged_capture_is_used_up_to_the_damage),
        test(an_absurd_snapshot_length_is_harmless),
        test(what_is_no_capture_is_refused_with_its_name_and_a_remedy),
        test(the_first_time_orders_files),
        test(a_folder_stands_for_its_files_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
