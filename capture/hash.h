/* capture/hash.h: hashes of flow keys and of payload bytes. */
#ifndef CMSCOPE_CAPTURE_HASH_H
#define CMSCOPE_CAPTURE_HASH_H

#include "capture/decode.h"

/* Unknown to whoever sends packets, so that nobody can choose addresses that all fall into one bucket. */
struct hash_seed {
    uint64_t key[2];
};

struct hash_seed hash_seed_new(void);

/* SipHash-1-3 of the words. */
uint64_t hash_words(const struct hash_seed *seed, const uint64_t *words, size_t count);

/* The same for both directions of a conversation, and for ICMP errors about it. */
uint64_t hash_flow(const struct hash_seed *seed, const struct segment *segment);

/* The same of the two hosts alone: all that they say to each other has one hash. */
uint64_t hash_hosts(const struct hash_seed *seed, const struct segment *segment);

/* A checksum of payload, fast rather than strong. */
uint32_t hash_bytes(const struct hash_seed *seed, struct cursor bytes);

/* Words of an address for hash_words: 2. */
void hash_address(const struct address *address, uint64_t words[2]);

#endif
