/* capture/ipsec.c: see ipsec.h. */
#include "capture/ipsec.h"

#include <stdlib.h>

#include "capture/checksum.h"
#include "capture/hash.h"

#define BUCKETS 4096
#define GROWTH 64       /* associations that memory is made for at first */
#define TRIES_MAX 16    /* packets looked at before ESP is called encrypted; RFC 5879 speaks of a few */
#define TRIES_ENOUGH 10 /* of them without any fit, to call it encrypted */
#define HITS_ENOUGH 2   /* that fit: one may be chance, though hardly with a checksum */
#define ESP_HEADER 8
#define ESP_TRAILER 2
#define UDP_MARKER 4

struct ipsec {
    struct ipsec_sa *sas;
    uint32_t *chain; /* of each association: the next one of its bucket, plus 1 */
    size_t count, room;
    uint32_t buckets[BUCKETS]; /* number of the first one, plus 1 */
    struct hash_seed seed;
    uint64_t forgotten;
};

/* Lengths that stand around a payload that is not encrypted: HMAC-SHA-1-96 and MD5, SHA-256-128 and GMAC, SHA-384-192,
 * SHA-512-256; an IV only with AES-GMAC (RFC 4543). */
struct layout {
    uint8_t iv, icv;
};
static const struct layout LAYOUTS[] = {{0, 12}, {0, 16}, {8, 16}, {0, 24}, {0, 32}};
#define LAYOUT_COUNT (sizeof LAYOUTS / sizeof LAYOUTS[0])

const char *ipsec_protocol_name(enum ipsec_protocol protocol)
{
    static const char *const names[] = {"ah", "esp", "wesp"};
    return names[protocol];
}

struct ipsec *ipsec_new(void)
{
    struct ipsec *ipsec = calloc(1, sizeof *ipsec);
    if (ipsec != NULL)
        ipsec->seed = hash_seed_new();
    return ipsec;
}

void ipsec_free(struct ipsec *ipsec)
{
    if (ipsec == NULL)
        return;
    free(ipsec->sas);
    free(ipsec->chain);
    free(ipsec);
}

const struct ipsec_sa *ipsec_sas(const struct ipsec *ipsec, size_t *count)
{
    *count = ipsec->count;
    return ipsec->sas;
}

uint64_t ipsec_forgotten(const struct ipsec *ipsec)
{
    return ipsec->forgotten;
}

/* ---- associations ---- */

static bool grow(struct ipsec *ipsec)
{
    if (ipsec->count < ipsec->room)
        return true;
    size_t room = ipsec->room == 0 ? GROWTH : 2 * ipsec->room;
    if (room > IPSEC_SAS_MAX)
        return false;
    struct ipsec_sa *sas = realloc(ipsec->sas, room * sizeof *sas);
    if (sas == NULL)
        return false;
    ipsec->sas = sas;
    uint32_t *chain = realloc(ipsec->chain, room * sizeof *chain);
    if (chain == NULL)
        return false;
    ipsec->chain = chain;
    ipsec->room = room;
    return true;
}

static bool is_same(const struct ipsec_sa *a, const struct ipsec_sa *b)
{
    return a->spi == b->spi && a->protocol == b->protocol && a->udp == b->udp && address_equal(&a->dst, &b->dst) &&
           address_equal(&a->src, &b->src);
}

/* The association, a new one if need be; NULL when there is no room. */
static struct ipsec_sa *find(struct ipsec *ipsec, const struct ipsec_sa *wanted)
{
    uint64_t words[5];
    hash_address(&wanted->src, words);
    hash_address(&wanted->dst, words + 2);
    words[4] = wanted->spi;
    uint32_t *bucket = &ipsec->buckets[hash_words(&ipsec->seed, words, 5) % BUCKETS];
    for (uint32_t at = *bucket; at != 0; at = ipsec->chain[at - 1]) {
        if (is_same(&ipsec->sas[at - 1], wanted))
            return &ipsec->sas[at - 1];
    }
    if (!grow(ipsec)) {
        ipsec->forgotten++;
        return NULL;
    }
    ipsec->sas[ipsec->count] = *wanted;
    ipsec->chain[ipsec->count] = *bucket;
    *bucket = (uint32_t)++ipsec->count;
    return &ipsec->sas[ipsec->count - 1];
}

static struct ipsec_sa *seen(struct ipsec *ipsec, const struct ip *ip, enum ipsec_protocol protocol, uint32_t spi,
                             uint32_t sequence, bool udp, struct moment moment)
{
    struct ipsec_sa wanted = {
        .src = ip->src, .dst = ip->dst, .spi = spi, .protocol = protocol, .udp = udp, .first = moment};
    struct ipsec_sa *sa = find(ipsec, &wanted);
    if (sa == NULL)
        return NULL;
    sa->last = moment;
    sa->packets++;
    sa->bytes += ip->payload.wire;
    sa->last_sequence = sequence;
    return sa;
}

/* ---- ESP without encryption ---- */

static bool is_protocol(uint8_t next)
{
    static const uint8_t known[] = {IP_ICMP, IP_IPV4, IP_TCP, IP_UDP, IP_IPV6, IP_ESP, IP_ICMPV6, IP_NO_NEXT};
    for (size_t i = 0; i < sizeof known; i++) {
        if (known[i] == next)
            return true;
    }
    return false;
}

/* RFC 4303, section 2.4: padding counts 1, 2, 3 ... */
static bool padding_counts(struct cursor padding)
{
    uint8_t byte, wanted = 1;
    while (cursor_u8(&padding, &byte)) {
        if (byte != wanted++)
            return false;
    }
    return true;
}

/* What the layout makes of `bytes` (behind the sequence number): payload and next header. False when its trailer is
 * none. */
static bool strip(const struct layout *layout, struct cursor bytes, struct cursor *payload, uint8_t *next)
{
    size_t around = (size_t)layout->iv + layout->icv + ESP_TRAILER;
    struct cursor trailer, padding;
    uint8_t length;
    if (bytes.left < around)
        return false;
    size_t end = bytes.left - layout->icv - ESP_TRAILER; /* of padding */
    return cursor_slice(bytes, end, ESP_TRAILER, &trailer) && cursor_u8(&trailer, &length) &&
           cursor_u8(&trailer, next) && is_protocol(*next) && length <= end - layout->iv &&
           cursor_slice(bytes, end - length, length, &padding) && padding_counts(padding) &&
           cursor_slice(bytes, layout->iv, end - length - layout->iv, payload);
}

enum fit {
    FIT_NOT,
    FIT_SHAPE,   /* a header that may be one */
    FIT_CHECKSUM /* whose checksum is right */
};

static enum fit fits_tcp(struct cursor payload, uint32_t *ports)
{
    uint8_t offset, flags;
    if (!cursor_be32(&payload, ports) || !cursor_skip(&payload, 8) || !cursor_u8(&payload, &offset) ||
        !cursor_u8(&payload, &flags))
        return FIT_NOT;
    size_t header = 4u * (offset >> 4);
    bool contradicts = (flags & 0x03) == 0x03 || (flags & 0x06) == 0x06; /* SYN with FIN or RST */
    return header >= 20 && header <= payload.left + 14 && (offset & 0x0e) == 0 && !contradicts ? FIT_SHAPE : FIT_NOT;
}

static enum fit fits_udp(struct cursor payload, uint32_t *ports)
{
    size_t whole = payload.left;
    uint16_t length;
    return cursor_be32(&payload, ports) && cursor_be16(&payload, &length) && length == whole ? FIT_SHAPE : FIT_NOT;
}

static enum fit fits_ip(struct cursor payload, uint8_t version, uint32_t *ports)
{
    struct frame frame = {.bytes = payload, .wire = (uint32_t)payload.left};
    struct ip ip;
    uint8_t first;
    if (frame_peek(&frame, &first) != OUTCOME_OK || first >> 4 != version || ip_parse(frame, true, &ip) != OUTCOME_OK ||
        ip.wrong_checksum)
        return FIT_NOT;
    *ports = ip.protocol;
    return version == 4 ? FIT_CHECKSUM : FIT_SHAPE;
}

/* Whether `payload` is what `next` promises between these hosts. */
static enum fit fits(const struct ip *outer, uint8_t next, struct cursor payload, uint32_t *ports)
{
    struct ip ip = *outer;
    enum fit fit = FIT_NOT;
    *ports = 0;
    if (next == IP_IPV4 || next == IP_IPV6)
        return fits_ip(payload, next == IP_IPV4 ? 4 : 6, ports);
    if (next == IP_TCP)
        fit = fits_tcp(payload, ports);
    else if (next == IP_UDP)
        fit = fits_udp(payload, ports);
    else if (next == IP_ICMP || next == IP_ICMPV6)
        fit = payload.left >= 8 ? FIT_SHAPE : FIT_NOT;
    if (fit == FIT_NOT)
        return FIT_NOT;
    ip.protocol = next;
    return checksum_agrees(&ip, payload) ? FIT_CHECKSUM : fit;
}

struct reading {
    uint8_t layout, next;
    struct cursor payload;
    enum fit fit;
    uint32_t ports;
};

/* The best reading of a packet, that of the layout that fitted before first. */
static struct reading read_clear(const struct ip *ip, const struct ipsec_sa *sa, struct cursor bytes)
{
    struct reading best = {.fit = FIT_NOT};
    for (size_t i = 0; i < LAYOUT_COUNT && best.fit != FIT_CHECKSUM; i++) {
        size_t at = sa->layout == 0 ? i : (i + sa->layout - 1) % LAYOUT_COUNT;
        struct reading reading = {.layout = (uint8_t)at};
        if (sa->verdict == IPSEC_READABLE && at + 1 != sa->layout)
            break;
        if (!strip(&LAYOUTS[at], bytes, &reading.payload, &reading.next))
            continue;
        reading.fit = fits(ip, reading.next, reading.payload, &reading.ports);
        if (reading.fit > best.fit)
            best = reading;
    }
    return best;
}

/* Takes the packet into account. True when it is to be read: it fits, by its checksum or like the one before. */
static bool judge(struct ipsec_sa *sa, const struct reading *reading)
{
    if (sa->verdict == IPSEC_READABLE)
        return reading->fit != FIT_NOT;
    bool again = reading->fit == FIT_SHAPE && sa->layout == reading->layout + 1 && sa->ports == reading->ports &&
                 reading->ports != 0;
    bool hit = reading->fit == FIT_CHECKSUM || again;
    sa->tries++;
    if (reading->fit != FIT_NOT) {
        sa->layout = (uint8_t)(reading->layout + 1);
        sa->ports = reading->ports;
    }
    sa->hits += hit;
    if (sa->hits >= HITS_ENOUGH)
        sa->verdict = IPSEC_READABLE;
    else if (sa->tries >= TRIES_MAX || (sa->tries >= TRIES_ENOUGH && sa->hits == 0))
        sa->verdict = IPSEC_ENCRYPTED;
    return hit;
}

static enum outcome enter_esp(struct ipsec *ipsec, struct moment moment, bool udp, struct ip *ip)
{
    struct frame frame = ip->payload;
    uint32_t spi, sequence;
    enum outcome outcome = frame_be32(&frame, &spi);
    if (outcome == OUTCOME_OK)
        outcome = frame_be32(&frame, &sequence);
    if (outcome != OUTCOME_OK)
        return outcome;
    struct ipsec_sa *sa = seen(ipsec, ip, IPSEC_ESP, spi, sequence, udp, moment);
    if (sa == NULL || sa->verdict == IPSEC_ENCRYPTED || frame.bytes.left < frame.wire)
        return OUTCOME_UNSUPPORTED; /* without its end nothing is known of a packet */
    struct reading reading = read_clear(ip, sa, frame.bytes);
    if (!judge(sa, &reading))
        return OUTCOME_UNSUPPORTED;
    ip->protocol = reading.next;
    ip->payload = (struct frame){.bytes = reading.payload, .wire = (uint32_t)reading.payload.left};
    return OUTCOME_OK;
}

/* ---- AH and WESP ---- */

static enum outcome enter_ah(struct ipsec *ipsec, struct moment moment, struct ip *ip)
{
    struct frame frame = ip->payload;
    uint8_t next, length;
    uint16_t reserved;
    uint32_t spi, sequence;
    enum outcome outcome = frame_u8(&frame, &next);
    if (outcome == OUTCOME_OK)
        outcome = frame_u8(&frame, &length);
    if (outcome == OUTCOME_OK)
        outcome = frame_be16(&frame, &reserved);
    if (outcome == OUTCOME_OK)
        outcome = frame_be32(&frame, &spi);
    if (outcome == OUTCOME_OK)
        outcome = frame_be32(&frame, &sequence);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (length < 1) /* in words of 4 bytes, less 2; 12 bytes were read */
        return OUTCOME_MALFORMED;
    outcome = frame_skip(&frame, 4u * (length - 1u));
    if (outcome != OUTCOME_OK)
        return outcome;
    struct ipsec_sa *sa = seen(ipsec, ip, IPSEC_AH, spi, sequence, false, moment);
    if (sa != NULL)
        sa->verdict = IPSEC_READABLE;
    ip->protocol = next;
    ip->payload = frame;
    return OUTCOME_OK;
}

/* RFC 5840, section 2: flags: version 2 bits (0), E 1 (encrypted), P 1 (4 bytes of padding follow). The header length
 * says where the payload begins, the trailer length what stands behind it. */
static enum outcome enter_wesp(struct ipsec *ipsec, struct moment moment, struct ip *ip)
{
    enum { VERSION = 0xc0, ENCRYPTED = 0x20, WESP_HEADER = 4 };
    struct frame frame = ip->payload, whole = ip->payload;
    uint8_t next, header, trailer, flags;
    enum outcome outcome = frame_u8(&frame, &next);
    if (outcome == OUTCOME_OK)
        outcome = frame_u8(&frame, &header);
    if (outcome == OUTCOME_OK)
        outcome = frame_u8(&frame, &trailer);
    if (outcome == OUTCOME_OK)
        outcome = frame_u8(&frame, &flags);
    if (outcome != OUTCOME_OK)
        return outcome;
    bool encrypted = (flags & ENCRYPTED) != 0;
    if ((flags & VERSION) != 0)
        return OUTCOME_UNSUPPORTED;
    if (!encrypted && (header < WESP_HEADER + ESP_HEADER || (uint32_t)header + trailer > whole.wire))
        return OUTCOME_MALFORMED;
    uint32_t spi, sequence;
    outcome = frame_be32(&frame, &spi);
    if (outcome == OUTCOME_OK)
        outcome = frame_be32(&frame, &sequence);
    if (outcome != OUTCOME_OK)
        return outcome;
    struct ipsec_sa *sa = seen(ipsec, ip, IPSEC_WESP, spi, sequence, false, moment);
    if (sa != NULL)
        sa->verdict = encrypted ? IPSEC_ENCRYPTED : IPSEC_READABLE;
    if (encrypted)
        return OUTCOME_UNSUPPORTED;
    outcome = frame_skip(&whole, header);
    if (outcome != OUTCOME_OK)
        return outcome;
    frame_limit(&whole, whole.wire - trailer);
    ip->protocol = next;
    ip->payload = whole;
    return OUTCOME_OK;
}

enum outcome ipsec_enter(struct ipsec *ipsec, struct moment moment, struct ip *ip)
{
    if (ip->protocol == IP_AH)
        return enter_ah(ipsec, moment, ip);
    if (ip->protocol == IP_WESP)
        return enter_wesp(ipsec, moment, ip);
    return enter_esp(ipsec, moment, false, ip);
}

enum outcome ipsec_enter_udp(struct ipsec *ipsec, struct moment moment, struct ip *ip)
{
    static const uint8_t marker[UDP_MARKER] = {0}; /* before IKE (RFC 3948, section 2.2) */
    if (ip->payload.wire <= ESP_HEADER || cursor_starts(ip->payload.bytes, marker, sizeof marker))
        return OUTCOME_UNSUPPORTED;
    enum outcome outcome = enter_esp(ipsec, moment, true, ip);
    return outcome == OUTCOME_OK ? OUTCOME_OK : OUTCOME_UNSUPPORTED;
}
