/* tests/unit/pcapng_fixture.c: see pcapng_fixture.h. */
#define _GNU_SOURCE /* memfd_create */
#include "pcapng_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct writer writer_new(bool big)
{
    struct writer writer = {.big = big};
    buffer_init(&writer.bytes, (size_t)64 << 20);
    return writer;
}

void writer_free(struct writer *writer)
{
    buffer_free(&writer->bytes);
}

void put_bytes(struct writer *writer, const void *bytes, size_t length)
{
    assert_true(buffer_append(&writer->bytes, cursor_of(bytes, length)));
}

static void order(uint8_t *bytes, size_t length, uint64_t value, bool big)
{
    for (size_t i = 0; i < length; i++)
        bytes[big ? length - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static void put_number(struct writer *writer, uint64_t value, size_t length)
{
    uint8_t bytes[8];
    order(bytes, length, value, writer->big);
    put_bytes(writer, bytes, length);
}

void put_u16(struct writer *writer, uint16_t value)
{
    put_number(writer, value, 2);
}

void put_u32(struct writer *writer, uint32_t value)
{
    put_number(writer, value, 4);
}

void put_u64(struct writer *writer, uint64_t value)
{
    put_number(writer, value, 8);
}

void put_padding(struct writer *writer)
{
    put_bytes(writer, "\0\0\0", (4 - writer->bytes.length % 4) % 4);
}

void open_block(struct writer *writer, uint32_t type)
{
    writer->block = writer->bytes.length;
    put_u32(writer, type);
    put_u32(writer, 0);
}

void close_block(struct writer *writer)
{
    put_padding(writer);
    uint32_t length = (uint32_t)(writer->bytes.length - writer->block + 4);
    order(writer->bytes.bytes + writer->block + 4, 4, length, writer->big);
    put_u32(writer, length);
}

void put_option(struct writer *writer, uint16_t code, const void *bytes, size_t length)
{
    put_u16(writer, code);
    put_u16(writer, (uint16_t)length);
    put_bytes(writer, bytes, length);
    put_padding(writer);
}

void put_section_block(struct writer *writer, bool big)
{
    writer->big = big;
    open_block(writer, BLOCK_SHB);
    put_u32(writer, 0x1a2b3c4d);
    put_u16(writer, 1);
    put_u16(writer, 0);
    put_u64(writer, UINT64_MAX);
    close_block(writer);
}

void put_interface_block(struct writer *writer, uint16_t link_type, uint32_t snap_length)
{
    open_block(writer, BLOCK_IDB);
    put_u16(writer, link_type);
    put_u16(writer, 0);
    put_u32(writer, snap_length);
    close_block(writer);
}

void put_interface_time(struct writer *writer, uint16_t link_type, uint8_t resolution, int64_t offset)
{
    uint8_t bytes[8];
    order(bytes, sizeof bytes, (uint64_t)offset, writer->big);
    open_block(writer, BLOCK_IDB);
    put_u16(writer, link_type);
    put_u16(writer, 0);
    put_u32(writer, 0);
    put_option(writer, 2, "eth0", 4);
    put_option(writer, 9, &resolution, 1);
    put_option(writer, 14, bytes, sizeof bytes);
    put_option(writer, 0, NULL, 0);
    close_block(writer);
}

void put_packet_block(struct writer *writer, uint32_t interface, uint64_t time, const char *bytes)
{
    open_block(writer, BLOCK_EPB);
    put_u32(writer, interface);
    put_u32(writer, (uint32_t)(time >> 32));
    put_u32(writer, (uint32_t)time);
    put_u32(writer, (uint32_t)strlen(bytes));
    put_u32(writer, (uint32_t)strlen(bytes) + 100);
    put_bytes(writer, bytes, strlen(bytes));
    close_block(writer);
}

/* ---- reading ---- */

static void keep(struct cursor bytes, char *text, size_t size)
{
    size_t length = bytes.left < size - 1 ? bytes.left : size - 1;
    memset(text, 0, size);
    if (length > 0)
        memcpy(text, bytes.at, length);
}

static void see_packet(struct seen *seen, const struct packet *packet)
{
    size_t i = seen->packets++;
    unsigned sum = 0;
    for (size_t j = 0; j < packet->bytes.left; j++)
        sum += packet->bytes.at[j]; /* a sanitizer sees whether they are there */
    for (size_t j = 0; j < packet->comment.left; j++)
        sum += packet->comment.at[j];
    assert_true(sum + 1 > 0);
    assert_true(packet->wire_length >= packet->bytes.left);
    if (i >= SEEN_MAX)
        return;
    seen->packet[i].number = packet->moment.packet;
    seen->packet[i].time_ns = packet->moment.time_ns;
    seen->packet[i].link_type = packet->link_type;
    seen->packet[i].wire_length = packet->wire_length;
    seen->packet[i].length = packet->bytes.left;
    keep(packet->bytes, seen->packet[i].bytes, SEEN_BYTES);
    keep(packet->comment, seen->packet[i].comment, SEEN_BYTES);
}

static void see_facts(struct seen *seen, const struct source *source)
{
    seen->facts = source_facts(source);
    keep(cursor_of(seen->facts.link_type, strlen(seen->facts.link_type)), seen->link_type, sizeof seen->link_type);
    keep(text_cursor(seen->facts.comment), seen->comment, sizeof seen->comment);
    keep(text_cursor(source_secrets(source)), seen->secrets, sizeof seen->secrets);
    seen->facts.name = seen->facts.link_type = NULL;
    seen->facts.comment = TEXT_NULL;
    seen->limits = source_limits(source);
    seen->names = source_name_count(source);
    for (size_t i = 0; i < seen->names && i < SEEN_MAX; i++) {
        struct source_name name = source_name(source, i);
        seen->name[i].version = name.version;
        memcpy(seen->name[i].address, name.address, sizeof seen->name[i].address);
        keep(text_cursor(name.name), seen->name[i].name, sizeof seen->name[i].name);
    }
}

struct seen see(struct cursor bytes, const char *filter)
{
    struct seen seen = {.packets = 0};
    struct source *source;
    struct packet packet;
    char path[64];
    int file = memfd_create("capture", MFD_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes.at, bytes.left), bytes.left);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    seen.opened = source_open(path, filter, &source, &seen.error);
    if (seen.opened == OUTCOME_OK) {
        while ((seen.ended = source_next(source, (int64_t)seen.packets + 1, &packet, &seen.error)) == OUTCOME_OK)
            see_packet(&seen, &packet);
        see_facts(&seen, source);
        source_close(source);
    }
    close(file);
    return seen;
}

struct seen see_writer(const struct writer *writer)
{
    return see(buffer_cursor(&writer->bytes), NULL);
}
