/* capture/hash.c: see hash.h. */
#define _GNU_SOURCE /* getrandom */
#include "capture/hash.h"

#include <sys/random.h>

struct hash_seed hash_seed_new(void)
{
    /* The fallback only loses the protection against chosen collisions, never correctness. */
    struct hash_seed seed = {{UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xc2b2ae3d27d4eb4f)}};
    struct hash_seed drawn;
    if (getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) == (ssize_t)sizeof drawn)
        seed = drawn;
    return seed;
}

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t hash_words(const struct hash_seed *seed, const uint64_t *words, size_t count)
{
    uint64_t v[4] = {
        seed->key[0] ^ UINT64_C(0x736f6d6570736575),
        seed->key[1] ^ UINT64_C(0x646f72616e646f6d),
        seed->key[0] ^ UINT64_C(0x6c7967656e657261),
        seed->key[1] ^ UINT64_C(0x7465646279746573),
    };
    for (size_t i = 0; i < count; i++) {
        v[3] ^= words[i];
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hash_address(const struct address *address, uint64_t words[2])
{
    memcpy(words, address->bytes, sizeof address->bytes);
}

/* The lower address comes first, so that both directions give the same words. */
static void hosts_words(const struct segment *segment, uint64_t words[4])
{
    bool ordered = memcmp(segment->src.bytes, segment->dst.bytes, sizeof segment->src.bytes) < 0;
    hash_address(ordered ? &segment->src : &segment->dst, words);
    hash_address(ordered ? &segment->dst : &segment->src, words + 2);
}

uint64_t hash_flow(const struct hash_seed *seed, const struct segment *segment)
{
    uint64_t words[5];
    hosts_words(segment, words);
    uint32_t low = segment->sport < segment->dport ? segment->sport : segment->dport;
    uint32_t high = segment->sport < segment->dport ? segment->dport : segment->sport;
    uint64_t ports = (uint64_t)segment->transport << 32 | low << 16 | high;
    if (segment->src.version == 4) {
        uint64_t short_words[3] = {words[0], words[2], ports};
        return hash_words(seed, short_words, 3);
    }
    words[4] = ports;
    return hash_words(seed, words, 5);
}

uint64_t hash_hosts(const struct hash_seed *seed, const struct segment *segment)
{
    uint64_t words[4];
    hosts_words(segment, words);
    return hash_words(seed, words, 4);
}

static inline uint64_t load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

uint32_t hash_bytes(const struct hash_seed *seed, struct cursor bytes)
{
    const uint64_t odd = UINT64_C(0x9fb21c651e98df25);
    /* Four lanes, so that the processor need not wait for one product to begin the next. */
    uint64_t lane[4] = {seed->key[0], seed->key[1], ~seed->key[0], bytes.left};
    struct cursor block;
    while (cursor_take(&bytes, 32, &block)) {
        lane[0] = rotate((lane[0] ^ load(block.at)) * odd, 29);
        lane[1] = rotate((lane[1] ^ load(block.at + 8)) * odd, 29);
        lane[2] = rotate((lane[2] ^ load(block.at + 16)) * odd, 29);
        lane[3] = rotate((lane[3] ^ load(block.at + 24)) * odd, 29);
    }
    while (cursor_take(&bytes, 8, &block))
        lane[0] = rotate((lane[0] ^ load(block.at)) * odd, 29);
    uint8_t byte;
    while (cursor_u8(&bytes, &byte))
        lane[1] = rotate((lane[1] ^ byte) * odd, 29);
    uint64_t sum = (lane[0] ^ rotate(lane[1], 16)) * odd;
    sum = (sum ^ (sum >> 32) ^ lane[2] ^ rotate(lane[3], 24)) * odd;
    return (uint32_t)(sum >> 32);
}
