/* tests/unit/pcapng_fixture.h: pcapng files built in memory, in either byte order, and what the reader makes of
 * them. */
#ifndef CMSCOPE_TESTS_UNIT_PCAPNG_FIXTURE_H
#define CMSCOPE_TESTS_UNIT_PCAPNG_FIXTURE_H

#include "capture/source.h"
#include "core/buffer.h"

enum {
    BLOCK_SHB = 0x0a0d0d0a,
    BLOCK_IDB = 1,
    BLOCK_PB = 2,
    BLOCK_SPB = 3,
    BLOCK_NRB = 4,
    BLOCK_ISB = 5,
    BLOCK_EPB = 6,
    BLOCK_DSB = 10
};

/* A file that is being written. Nothing in it allocates for long: bytes are freed with writer_free. */
struct writer {
    struct buffer bytes;
    bool big;
    size_t block; /* where the block that is open starts */
};

struct writer writer_new(bool big);
void writer_free(struct writer *writer);

void put_u16(struct writer *writer, uint16_t value);
void put_u32(struct writer *writer, uint32_t value);
void put_u64(struct writer *writer, uint64_t value);
void put_bytes(struct writer *writer, const void *bytes, size_t length);
void put_padding(struct writer *writer);

void open_block(struct writer *writer, uint32_t type);
/* Pads, and writes the length at both ends. */
void close_block(struct writer *writer);

void put_option(struct writer *writer, uint16_t code, const void *bytes, size_t length);
/* A section header in the byte order `big`, which holds from here on. */
void put_section_block(struct writer *writer, bool big);
/* No options: microseconds. */
void put_interface_block(struct writer *writer, uint16_t link_type, uint32_t snap_length);
/* Another unit and offset of time. */
void put_interface_time(struct writer *writer, uint16_t link_type, uint8_t resolution, int64_t offset);
void put_packet_block(struct writer *writer, uint32_t interface, uint64_t time, const char *bytes);

#define SEEN_MAX 16
#define SEEN_BYTES 32

/* What was read. */
struct seen {
    enum outcome opened, ended;
    struct error error;
    size_t packets;
    struct {
        int64_t number, time_ns;
        int link_type;
        uint32_t wire_length;
        size_t length;
        char bytes[SEEN_BYTES], comment[SEEN_BYTES]; /* the first of them, and a NUL */
    } packet[SEEN_MAX];
    struct source_facts facts; /* without its texts */
    char link_type[64], comment[64], secrets[256];
    struct limit_counts limits;
    size_t names;
    struct {
        uint8_t address[16], version;
        char name[64];
    } name[SEEN_MAX];
};

/* Reads bytes as if they were a file. */
struct seen see(struct cursor bytes, const char *filter);
struct seen see_writer(const struct writer *writer);

#endif
