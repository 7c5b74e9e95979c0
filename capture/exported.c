/* capture/exported.c: see exported.h. Tags: epan/exported_pdu_tlvs.h of Wireshark describes the format. */
#include "capture/exported.h"

#include <stdlib.h>

#include "capture/hash.h"

/* Connections whose place is remembered: those of a capture of some hours of one client network. */
#define STREAMS_MAX 16384
/* Places that are looked at for one of them. */
#define NEIGHBOURS 8
#define TAG_COUNT 35 /* above all that are looked at */

enum tag {
    TAG_END = 0,
    TAG_DISSECTOR = 12,
    TAG_HEURISTIC = 13,
    TAG_TABLE = 14,
    TAG_IPV4_SOURCE = 20,
    TAG_IPV4_DESTINATION = 21,
    TAG_IPV6_SOURCE = 22,
    TAG_IPV6_DESTINATION = 23,
    TAG_PORT_TYPE = 24,
    TAG_SOURCE_PORT = 25,
    TAG_DESTINATION_PORT = 26,
    TAG_TCP = 34
};

enum port_type { PORT_TCP = 2, PORT_UDP = 3 };

/* Names of dissectors whose PDUs are what their transport carried, when TCP's numbers are missing. */
static const struct carried {
    const char *name;
    uint32_t port_type;
} CARRIED[] = {
    {"http", PORT_TCP},   {"http-over-tls", PORT_TCP}, {"http_tls", PORT_TCP}, {"http_tcp", PORT_TCP},
    {"ldap", PORT_TCP},   {"tds", PORT_TCP},           {"udp.port", PORT_UDP}, {"dns", PORT_UDP},
    {"mdns", PORT_UDP},   {"llmnr", PORT_UDP},         {"nbns", PORT_UDP},     {"dhcp", PORT_UDP},
    {"bootp", PORT_UDP},  {"tftp", PORT_UDP},          {"cldap", PORT_UDP},    {"kerberos", PORT_UDP},
    {"isakmp", PORT_UDP},
};

/* The ends of a connection, in the order of its first PDU; and for each direction the number of its next byte. */
struct stream {
    struct address ends[2];
    uint16_t ports[2];
    uint32_t next[2];
    uint32_t bytes;  /* of the last PDU on the wire */
    size_t length;   /* and captured */
    uint32_t digest; /* of those captured */
    uint64_t used;   /* when: PDUs counted; 0: never */
    uint8_t last;    /* direction of the last PDU */
};

struct exported {
    struct stream streams[STREAMS_MAX];
    uint64_t clock;
};

struct exported *exported_new(void)
{
    return calloc(1, sizeof(struct exported));
}

void exported_free(struct exported *exported)
{
    free(exported);
}

/* ---- tags ---- */

/* The first value of each tag that is looked at; the frame is at the PDU then. */
static enum outcome read_tags(struct frame *frame, struct cursor tags[TAG_COUNT])
{
    for (;;) {
        uint16_t tag, length;
        struct cursor value;
        enum outcome outcome = frame_be16(frame, &tag);
        if (outcome == OUTCOME_OK)
            outcome = frame_be16(frame, &length);
        if (outcome == OUTCOME_OK)
            outcome = frame_take(frame, length, &value);
        if (outcome != OUTCOME_OK || tag == TAG_END)
            return outcome;
        if (tag < TAG_COUNT && tags[tag].at == NULL)
            tags[tag] = value;
    }
}

static MUST_USE bool read_address(struct cursor four, struct cursor six, struct address *address)
{
    struct cursor bytes = four.left == 4 ? four : six;
    *address = (struct address){.version = four.left == 4 ? 4 : 6};
    if (bytes.left != 4 && bytes.left != 16)
        return false;
    memcpy(address->bytes, bytes.at, bytes.left);
    return true;
}

static MUST_USE bool read_port(struct cursor value, uint16_t *port)
{
    uint32_t number;
    if (!cursor_be32(&value, &number) || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static MUST_USE bool read_ends(const struct cursor tags[TAG_COUNT], struct segment *segment)
{
    return read_address(tags[TAG_IPV4_SOURCE], tags[TAG_IPV6_SOURCE], &segment->src) &&
           read_address(tags[TAG_IPV4_DESTINATION], tags[TAG_IPV6_DESTINATION], &segment->dst) &&
           segment->src.version == segment->dst.version && read_port(tags[TAG_SOURCE_PORT], &segment->sport) &&
           read_port(tags[TAG_DESTINATION_PORT], &segment->dport);
}

/* The name of the dissector, or of the table that chose it, without the zeros that fill it up. */
static struct cursor read_name(const struct cursor tags[TAG_COUNT])
{
    static const enum tag kinds[] = {TAG_DISSECTOR, TAG_HEURISTIC, TAG_TABLE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct cursor name = tags[kinds[i]];
        while (name.left > 0 && name.at[name.left - 1] == 0)
            name.left--;
        if (name.left > 0)
            return name;
    }
    return CURSOR_EMPTY;
}

static bool is_carried(struct cursor name, uint32_t port_type)
{
    for (size_t i = 0; i < sizeof CARRIED / sizeof CARRIED[0]; i++) {
        if (cursor_equal(name, cursor_of(CARRIED[i].name, strlen(CARRIED[i].name))))
            return CARRIED[i].port_type == port_type;
    }
    return false;
}

/* ---- places of PDUs that do not tell theirs ---- */

/* Not a secret, and the same in every run: which connection is forgotten must not depend on chance. */
static const struct hash_seed place_seed = {{0x6578706f, 0x72746564}};

static bool is_end(const struct stream *stream, size_t end, const struct address *address, uint16_t port)
{
    return stream->ports[end] == port && address_equal(&stream->ends[end], address);
}

/* Does it belong to the connection? *direction: the end that sends. */
static bool is_of(const struct stream *stream, const struct segment *segment, uint8_t *direction)
{
    *direction = !is_end(stream, 0, &segment->src, segment->sport);
    return stream->used > 0 && is_end(stream, *direction, &segment->src, segment->sport) &&
           is_end(stream, !*direction, &segment->dst, segment->dport);
}

/* The stream of the segment, or the place of the one that was used least recently: it is forgotten. */
static struct stream *find_stream(struct exported *exported, const struct segment *segment, uint8_t *direction,
                                  struct limit_counts *limits)
{
    size_t place = (size_t)(hash_flow(&place_seed, segment) % STREAMS_MAX);
    struct stream *oldest = &exported->streams[place];
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        struct stream *stream = &exported->streams[(place + i) % STREAMS_MAX];
        if (is_of(stream, segment, direction))
            return stream;
        if (stream->used < oldest->used)
            oldest = stream;
    }
    if (oldest->used > 0)
        limit_hit(limits, LIMIT_exported_streams);
    *direction = 0;
    *oldest = (struct stream){.ends = {segment->src, segment->dst}, .ports = {segment->sport, segment->dport}};
    oldest->next[0] = oldest->next[1] = 1;
    return oldest;
}

/* A longer PDU that begins with all of the one before, in its direction, is the same message with more of it. */
static bool repeats(const struct stream *stream, uint8_t direction, struct cursor bytes)
{
    struct cursor start;
    return stream->used > 0 && stream->last == direction && bytes.left > stream->length &&
           cursor_slice(bytes, 0, stream->length, &start) && hash_bytes(&place_seed, start) == stream->digest;
}

static void place_behind(struct exported *exported, struct segment *segment, struct limit_counts *limits)
{
    uint8_t direction;
    struct stream *stream = find_stream(exported, segment, &direction, limits);
    if (repeats(stream, direction, segment->payload))
        stream->next[direction] -= stream->bytes;
    segment->sequence = stream->next[direction];
    segment->acknowledgement = stream->next[!direction];
    stream->next[direction] += segment->payload_bytes;
    stream->bytes = segment->payload_bytes;
    stream->length = segment->payload.left;
    stream->digest = hash_bytes(&place_seed, segment->payload);
    stream->last = direction;
    stream->used = ++exported->clock;
}

/* version 2 | number of the first byte 4 | of the byte after the segment 4 | last acknowledgement 4 | put together 1 |
 * flags 2. What was put together from several segments repeats the first ones, which were PDUs themselves. */
static MUST_USE bool place_by_numbers(struct cursor numbers, struct segment *segment)
{
    uint16_t version, flags;
    if (!cursor_be16(&numbers, &version) || version != 1 || !cursor_be32(&numbers, &segment->sequence) ||
        !cursor_skip(&numbers, 4) || !cursor_be32(&numbers, &segment->acknowledgement) || !cursor_skip(&numbers, 1) ||
        !cursor_be16(&numbers, &flags))
        return false;
    segment->fin = (flags & 1) != 0;
    return true;
}

enum decoded exported_read(struct exported *exported, struct frame frame, struct segment *segment, struct cursor *name,
                           struct limit_counts *limits)
{
    struct cursor tags[TAG_COUNT] = {{NULL, 0}};
    uint32_t port_type = 0;
    *name = CURSOR_EMPTY;
    enum outcome outcome = read_tags(&frame, tags);
    if (outcome != OUTCOME_OK)
        return outcome == OUTCOME_MORE ? DECODED_CUT : DECODED_MALFORMED;
    *segment = (struct segment){.ack = true, .window = UINT16_MAX, .scale = WINDOW_NO_SYN};
    *name = read_name(tags);
    bool ends = read_ends(tags, segment) && cursor_be32(&tags[TAG_PORT_TYPE], &port_type);
    bool numbered = tags[TAG_TCP].left > 0;
    if (!ends || (!numbered && !is_carried(*name, port_type)) || (numbered && port_type != PORT_TCP))
        return DECODED_UNREAD;
    segment->payload = frame.bytes;
    segment->payload_bytes = frame.wire;
    segment->transport = port_type == PORT_TCP ? TRANSPORT_TCP : TRANSPORT_UDP;
    if (port_type == PORT_UDP) {
        segment->ack = false;
        return DECODED_DATAGRAM;
    }
    if (numbered)
        return place_by_numbers(tags[TAG_TCP], segment) ? DECODED_SEGMENT : DECODED_MALFORMED;
    segment->protection = PROTECTION_TLS;
    place_behind(exported, segment, limits);
    return DECODED_SEGMENT;
}
