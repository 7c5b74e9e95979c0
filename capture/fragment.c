/* capture/fragment.c: see fragment.h.
 *
 *      datagram    0        1480      2960        4440 = total, from the fragment without "more"
 *      bytes       [########]         [###########]
 *      ranges      {0,1480}           {2960,4440}          whole when one range is left: {0,total}
 */
#include "capture/fragment.h"

#include <stdlib.h>

#include "capture/hash.h"

/* Datagrams waiting at one time. A lost fragment in a hundred at 1,000 fragmented datagrams a second leaves 300. */
#define MAX_DATAGRAMS 1024
/* Bytes waiting at one time. */
#define MAX_BYTES ((size_t)16 << 20)
/* How long the rest may take: Linux 30 s, Windows and RFC 8200 60 s, by capture time. */
#define MAX_AGE_NS (INT64_C(60) * 1000000000)
/* An IP datagram cannot be longer. */
#define MAX_DATAGRAM 65535u
/* Holes in one datagram. Fragments of 1,480 bytes make at most 45 pieces. */
#define MAX_RANGES 64
#define BUCKETS 512u
/* Datagrams that one packet makes whole: a tunnel's fragment may hold another's. No deeper than decode.c goes. */
#define MAX_WHOLE 16

struct range {
    uint32_t start, end;
};

struct datagram {
    struct datagram *chain; /* in the bucket */
    struct datagram *older, *newer;
    struct address src, dst;
    uint32_t id;
    uint8_t protocol; /* IPv4: part of the key; IPv6: of the first fragment */
    bool poisoned;    /* fragments overlapped: nothing more is taken */
    bool ended;       /* `total` is known */
    uint32_t total;
    uint32_t pieces; /* fragments in it */
    int64_t time_ns; /* of the first fragment */
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t range_count;
    struct range ranges[MAX_RANGES]; /* in order, apart from each other */
};

struct fragments {
    struct hash_seed seed;
    struct datagram *buckets[BUCKETS];
    struct datagram *oldest, *newest;
    size_t datagrams, bytes;
    uint8_t *whole[MAX_WHOLE]; /* datagrams that were returned */
    size_t whole_count;
    struct fragment_counts counts;
};

struct fragments *fragments_new(void)
{
    struct fragments *fragments = calloc(1, sizeof *fragments);
    if (fragments != NULL)
        fragments->seed = hash_seed_new();
    return fragments;
}

struct fragment_counts fragments_counts(const struct fragments *fragments)
{
    return fragments->counts;
}

static struct datagram **bucket_of(struct fragments *fragments, const struct address *src, const struct address *dst,
                                   uint32_t id)
{
    uint64_t words[5];
    hash_address(src, words);
    hash_address(dst, words + 2);
    words[4] = id;
    return &fragments->buckets[hash_words(&fragments->seed, words, 5) % BUCKETS];
}

static struct datagram *find(struct fragments *fragments, const struct ip *ip)
{
    struct datagram *datagram = *bucket_of(fragments, &ip->src, &ip->dst, ip->id);
    for (; datagram != NULL; datagram = datagram->chain) {
        if (datagram->id == ip->id && address_equal(&datagram->src, &ip->src) &&
            address_equal(&datagram->dst, &ip->dst) && (ip->src.version == 6 || datagram->protocol == ip->protocol))
            return datagram;
    }
    return NULL;
}

static void unlink_datagram(struct fragments *fragments, struct datagram *datagram)
{
    struct datagram **link = bucket_of(fragments, &datagram->src, &datagram->dst, datagram->id);
    while (*link != datagram)
        link = &(*link)->chain;
    *link = datagram->chain;
    *(datagram->older == NULL ? &fragments->oldest : &datagram->older->newer) = datagram->newer;
    *(datagram->newer == NULL ? &fragments->newest : &datagram->newer->older) = datagram->older;
    fragments->datagrams--;
    fragments->bytes -= datagram->capacity;
}

static void give_up(struct fragments *fragments, struct datagram *datagram)
{
    fragments->counts.expired += datagram->pieces;
    unlink_datagram(fragments, datagram);
    free(datagram->bytes);
    free(datagram);
}

static void expire(struct fragments *fragments, int64_t time_ns)
{
    while (fragments->oldest != NULL &&
           (fragments->datagrams >= MAX_DATAGRAMS || fragments->oldest->time_ns < time_ns - MAX_AGE_NS)) {
        if (fragments->oldest->time_ns >= time_ns - MAX_AGE_NS)
            limit_hit(&fragments->counts.limits, LIMIT_fragmented_datagrams);
        give_up(fragments, fragments->oldest);
    }
}

static struct datagram *find_or_add(struct fragments *fragments, const struct ip *ip, int64_t time_ns)
{
    expire(fragments, time_ns);
    struct datagram *datagram = find(fragments, ip);
    if (datagram != NULL)
        return datagram;
    datagram = calloc(1, sizeof *datagram);
    if (datagram == NULL)
        return NULL;
    datagram->src = ip->src;
    datagram->dst = ip->dst;
    datagram->id = ip->id;
    datagram->protocol = ip->protocol;
    datagram->time_ns = time_ns;
    struct datagram **bucket = bucket_of(fragments, &ip->src, &ip->dst, ip->id);
    datagram->chain = *bucket;
    *bucket = datagram;
    datagram->older = fragments->newest;
    *(fragments->newest == NULL ? &fragments->oldest : &fragments->newest->newer) = datagram;
    fragments->newest = datagram;
    fragments->datagrams++;
    return datagram;
}

/* Room for `end` bytes; older datagrams give way to the budget. */
static bool reserve(struct fragments *fragments, struct datagram *datagram, uint32_t end)
{
    if (end <= datagram->capacity)
        return true;
    uint32_t capacity = datagram->capacity == 0 ? 4096 : datagram->capacity;
    while (capacity < end)
        capacity *= 2;
    while (fragments->bytes - datagram->capacity + capacity > MAX_BYTES) {
        struct datagram *victim = fragments->oldest == datagram ? datagram->newer : fragments->oldest;
        limit_hit(&fragments->counts.limits, LIMIT_fragment_bytes);
        if (victim == NULL)
            return false;
        give_up(fragments, victim);
    }
    uint8_t *bytes = realloc(datagram->bytes, capacity);
    if (bytes == NULL)
        return false;
    datagram->bytes = bytes;
    fragments->bytes += capacity - datagram->capacity;
    datagram->capacity = capacity;
    return true;
}

/* Does [start, end) touch bytes that are there? *same: all of it is there with the same bytes. */
static bool overlaps(const struct datagram *datagram, uint32_t start, struct cursor bytes, bool *same)
{
    uint32_t end = start + (uint32_t)bytes.left;
    *same = false;
    for (uint32_t i = 0; i < datagram->range_count; i++) {
        struct range range = datagram->ranges[i];
        if (end <= range.start || start >= range.end)
            continue;
        *same = start >= range.start && end <= range.end && memcmp(datagram->bytes + start, bytes.at, bytes.left) == 0;
        return true;
    }
    return false;
}

/* Copies what is not there yet of [start, end). */
static void copy_new(struct datagram *datagram, uint32_t start, struct cursor bytes)
{
    uint32_t end = start + (uint32_t)bytes.left;
    uint32_t at = start;
    for (uint32_t i = 0; i <= datagram->range_count && at < end; i++) {
        struct range there = i < datagram->range_count ? datagram->ranges[i] : (struct range){end, end};
        uint32_t stop = there.start < end ? there.start : end;
        if (at < stop)
            memcpy(datagram->bytes + at, bytes.at + (at - start), stop - at);
        if (there.end > at)
            at = there.end;
    }
}

/* Adds [start, end) to the ranges, joining those that touch. False when there are too many. */
static bool add_range(struct datagram *datagram, uint32_t start, uint32_t end)
{
    struct range *ranges = datagram->ranges;
    uint32_t first = 0;
    while (first < datagram->range_count && ranges[first].end < start)
        first++;
    uint32_t last = first;
    for (; last < datagram->range_count && ranges[last].start <= end; last++) {
        start = ranges[last].start < start ? ranges[last].start : start;
        end = ranges[last].end > end ? ranges[last].end : end;
    }
    if (last == first && datagram->range_count == MAX_RANGES)
        return false;
    memmove(&ranges[first + 1], &ranges[last], (datagram->range_count - last) * sizeof *ranges);
    ranges[first] = (struct range){start, end};
    datagram->range_count += 1 - (last - first);
    return true;
}

/* What the fragment says about the end must agree with what is known. */
static bool end_agrees(struct datagram *datagram, const struct ip *ip, uint32_t end)
{
    uint32_t reached = datagram->range_count == 0 ? 0 : datagram->ranges[datagram->range_count - 1].end;
    if (ip->more)
        return !datagram->ended || end <= datagram->total;
    if (datagram->ended)
        return end == datagram->total;
    if (reached > end)
        return false;
    datagram->ended = true;
    datagram->total = end;
    return true;
}

static enum outcome poison(struct fragments *fragments, struct datagram *datagram)
{
    fragments->counts.overlapping++;
    datagram->poisoned = true;
    return OUTCOME_MORE;
}

/* The datagram leaves the table; its bytes are kept until fragments_release. */
static enum outcome complete(struct fragments *fragments, struct datagram *datagram, struct ip *ip)
{
    unlink_datagram(fragments, datagram);
    fragments->whole[fragments->whole_count++] = datagram->bytes;
    ip->protocol = datagram->protocol;
    ip->payload = (struct frame){.bytes = cursor_of(datagram->bytes, datagram->total), .wire = datagram->total};
    ip->fragment = false;
    free(datagram);
    return OUTCOME_OK;
}

static enum outcome place(struct fragments *fragments, struct datagram *datagram, struct ip *ip)
{
    struct cursor bytes = ip->payload.bytes;
    uint32_t end = ip->offset + (uint32_t)bytes.left;
    bool same;
    bool overlap = overlaps(datagram, ip->offset, bytes, &same);
    if (overlap && !same && ip->src.version == 6)
        return poison(fragments, datagram);
    if (!end_agrees(datagram, ip, end))
        return poison(fragments, datagram);
    if (overlap && !same)
        fragments->counts.overlapping++;
    if (!reserve(fragments, datagram, end))
        return OUTCOME_MORE;
    copy_new(datagram, ip->offset, bytes);
    if (!add_range(datagram, ip->offset, end)) {
        limit_hit(&fragments->counts.limits, LIMIT_fragment_holes);
        datagram->poisoned = true;
        return OUTCOME_MORE;
    }
    if (ip->offset == 0)
        datagram->protocol = ip->protocol;
    if (datagram->ended && datagram->ranges[0].start == 0 && datagram->ranges[0].end == datagram->total)
        return complete(fragments, datagram, ip);
    return OUTCOME_MORE;
}

void fragments_release(struct fragments *fragments)
{
    while (fragments->whole_count > 0)
        free(fragments->whole[--fragments->whole_count]);
}

enum outcome fragments_add(struct fragments *fragments, struct ip *ip, int64_t time_ns)
{
    uint32_t length = (uint32_t)ip->payload.bytes.left;
    if (fragments->whole_count == MAX_WHOLE) /* cannot be: decode.c goes less deep */
        return OUTCOME_MALFORMED;
    if (length == 0 || length > MAX_DATAGRAM || ip->offset + length > MAX_DATAGRAM || (ip->more && length % 8 != 0))
        return OUTCOME_MALFORMED;
    struct datagram *datagram = find_or_add(fragments, ip, time_ns);
    if (datagram == NULL) {
        fragments->counts.expired++;
        return OUTCOME_MORE;
    }
    datagram->pieces++;
    return datagram->poisoned ? OUTCOME_MORE : place(fragments, datagram, ip);
}

void fragments_free(struct fragments *fragments)
{
    if (fragments == NULL)
        return;
    while (fragments->oldest != NULL)
        give_up(fragments, fragments->oldest); /* NOLINT(clang-analyzer-unix.Malloc): off the list */
    fragments_release(fragments);
    free(fragments);
}
