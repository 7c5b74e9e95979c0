/* tests/fuzz/fuzz_pcapng.c: any bytes as a capture file: pcap, pcapng, compressed. The first byte chooses a filter.
 *
 *   u8 0: no filter, else an index into FILTERS; then the file
 */
#define _GNU_SOURCE /* memfd_create */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const FILTERS[] = {NULL, "tcp port 80", "not ip", "ether host 1:2:3:4:5:6"};

/* A file of a few bytes unpacks to as much as it likes; what comes after so many packets is more of the same. */
#define MAX_PACKETS 10000

static unsigned sum(struct cursor bytes)
{
    unsigned total = 0;
    for (size_t i = 0; i < bytes.left; i++)
        total += bytes.at[i];
    return total;
}

static void read_all(struct source *source)
{
    struct packet packet;
    struct error error = {0};
    enum outcome outcome = OUTCOME_OK;
    int64_t packets = 0;
    unsigned total = 0;
    while (packets < MAX_PACKETS && (outcome = source_next(source, packets + 1, &packet, &error)) == OUTCOME_OK) {
        if (packet.wire_length < packet.bytes.left || packet.moment.packet <= packets)
            abort();
        packets++;
        total += sum(packet.bytes) + sum(packet.comment);
    }
    if (outcome != OUTCOME_OK && outcome != OUTCOME_MORE && error.text[0] == '\0')
        abort();
    struct source_facts facts = source_facts(source);
    total += sum(text_cursor(source_secrets(source))) + sum(text_cursor(facts.comment));
    for (size_t i = 0; i < source_name_count(source); i++)
        total += sum(text_cursor(source_name(source, i).name));
    if (facts.packets != packets || facts.link_type[0] == '\0' || facts.snap_length <= 0 || total == 1u << 31)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source *source;
    struct cursor input = cursor_of(data, size);
    uint8_t choice;
    char path[64];
    if (!cursor_u8(&input, &choice))
        return 0;
    int file = memfd_create("capture", MFD_CLOEXEC);
    if (file < 0 || (input.left > 0 && write(file, input.at, input.left) != (ssize_t)input.left))
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (source_open(path, FILTERS[choice % (sizeof FILTERS / sizeof FILTERS[0])], &source, NULL) == OUTCOME_OK) {
        read_all(source);
        source_close(source);
    }
    close(file);
    return 0;
}
