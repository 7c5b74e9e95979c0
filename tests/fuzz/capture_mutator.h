/* tests/fuzz/capture_mutator.h: changes packets of a pcap file, so that the fuzzer's time goes to what is in them.
 *
 * Most of what libFuzzer does to a file with packets breaks the lengths that hold it together, or changes sequence
 * numbers, so that the streams come apart. Here a packet is chosen and its bytes are changed in place, most often those
 * behind the headers; or whole packets are left out, repeated or exchanged. Checksums are not looked at by default.
 */
#ifndef CMSCOPE_TESTS_FUZZ_CAPTURE_MUTATOR_H
#define CMSCOPE_TESTS_FUZZ_CAPTURE_MUTATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* libFuzzer has no header for these. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#define MUTATOR_FILE_HEADER 24
#define MUTATOR_ZONE 8
#define MUTATOR_PACKET_HEADER 16
#define MUTATOR_PACKETS_MAX 4096
#define MUTATOR_HEADERS 54 /* Ethernet, IPv4 and TCP without options */
#define MUTATOR_WINDOW 64  /* bytes of a packet that are changed at once */

struct mutator_packet {
    size_t at, length; /* with its header */
};

static inline uint32_t mutator_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static inline uint32_t mutator_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The packets of a pcap file in little endian; 0 when it is none. */
static inline size_t mutator_packets(const uint8_t *data, size_t size, struct mutator_packet *packets)
{
    size_t count = 0, at = MUTATOR_FILE_HEADER;
    if (size < MUTATOR_FILE_HEADER || (mutator_u32(data) != 0xa1b2c3d4 && mutator_u32(data) != 0xa1b23c4d))
        return 0;
    while (count < MUTATOR_PACKETS_MAX && size - at >= MUTATOR_PACKET_HEADER) {
        size_t captured = mutator_u32(data + at + 8);
        if (captured > size - at - MUTATOR_PACKET_HEADER)
            break;
        packets[count++] = (struct mutator_packet){at, MUTATOR_PACKET_HEADER + captured};
        at += MUTATOR_PACKET_HEADER + captured;
    }
    return count;
}

/* Changes some bytes where they are: of the headers in one case of eight. */
static inline void mutator_change(uint8_t *packet, size_t length, unsigned *state)
{
    uint8_t window[MUTATOR_WINDOW];
    size_t start = MUTATOR_PACKET_HEADER;
    if (mutator_random(state) % 8 != 0 && length > MUTATOR_PACKET_HEADER + MUTATOR_HEADERS)
        start += MUTATOR_HEADERS;
    if (length <= start)
        return;
    size_t at = start + mutator_random(state) % (length - start);
    size_t bytes = 1 + mutator_random(state) % MUTATOR_WINDOW;
    bytes = bytes < length - at ? bytes : length - at;
    memcpy(window, packet + at, bytes);
    size_t changed = LLVMFuzzerMutate(window, bytes, bytes);
    memcpy(packet + at, window, changed < bytes ? changed : bytes);
}

static inline size_t mutator_leave_out(uint8_t *data, size_t size, struct mutator_packet packet)
{
    memmove(data + packet.at, data + packet.at + packet.length, size - packet.at - packet.length);
    return size - packet.length;
}

static inline size_t mutator_repeat(uint8_t *data, size_t size, size_t max_size, struct mutator_packet packet)
{
    if (packet.length > max_size - size)
        return size;
    memmove(data + packet.at + packet.length, data + packet.at, size - packet.at);
    return size + packet.length;
}

/* Two packets that follow each other. */
static inline void mutator_exchange(uint8_t *data, struct mutator_packet first, struct mutator_packet second)
{
    uint8_t byte;
    for (size_t turn = 0; turn < second.length; turn++) { /* one byte of the second at a time comes to the front */
        byte = data[first.at + first.length + turn];
        memmove(data + first.at + turn + 1, data + first.at + turn, first.length);
        data[first.at + turn] = byte;
    }
}

/* Cuts the end of a packet off, as a snapshot length does. */
static inline size_t mutator_cut(uint8_t *data, size_t size, struct mutator_packet packet, unsigned *state)
{
    size_t captured = packet.length - MUTATOR_PACKET_HEADER;
    if (captured == 0)
        return size;
    size_t cut = 1 + mutator_random(state) % captured;
    uint32_t left = (uint32_t)(captured - cut);
    for (unsigned i = 0; i < 4; i++)
        data[packet.at + 8 + i] = (uint8_t)(left >> 8 * i);
    size_t end = packet.at + packet.length;
    memmove(data + end - cut, data + end, size - end);
    return size - cut;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static struct mutator_packet packets[MUTATOR_PACKETS_MAX];
    unsigned state = seed;
    size_t count = size <= max_size ? mutator_packets(data, size, packets) : 0;
    if (count == 0 || mutator_random(&state) % 16 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    if (mutator_random(&state) % 16 == 0) /* other options: see fuzz_whole.c */
        data[MUTATOR_ZONE + mutator_random(&state) % 3] = (uint8_t)mutator_random(&state);
    size_t chosen = mutator_random(&state) % count;
    switch (mutator_random(&state) % 16) {
    case 0:
        return mutator_leave_out(data, size, packets[chosen]);
    case 1:
        return mutator_repeat(data, size, max_size, packets[chosen]);
    case 2:
        if (chosen + 1 < count && packets[chosen + 1].length < 4096)
            mutator_exchange(data, packets[chosen], packets[chosen + 1]);
        return size;
    case 3:
        return mutator_cut(data, size, packets[chosen], &state);
    default:
        mutator_change(data + packets[chosen].at, packets[chosen].length, &state);
        return size;
    }
}

#endif
