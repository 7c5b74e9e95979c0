/* capture/pcapng.c: see pcapng.h. */
#define _GNU_SOURCE /* explicit_bzero */
#include "capture/pcapng.h"

#include <stdlib.h>

#include "capture/link_type.h"
#include "capture/order.h"
#include "capture/pcap_file.h"

/* Interfaces of one section. The old Packet Block has 16 bits for their number; dumpcap has up to a few dozen. */
#define MAX_INTERFACES ((size_t)65536)
/* A block of a kind that is read here, with all around it. Longer ones of other kinds are skipped. */
#define MAX_BLOCK INPUT_VIEW_MAX

#define BLOCK_SMALLEST 12 /* type, length, length */
#define MAGIC 0x1a2b3c4du
#define SECOND_NS 1000000000

enum block_type {
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_NAMES = 4,
    BLOCK_STATISTICS = 5,
    BLOCK_PACKET = 6,
    BLOCK_SECRETS = 10,
    BLOCK_SECTION = 0x0a0d0d0a /* the same in both byte orders */
};

enum interface_option { OPTION_RESOLUTION = 9, OPTION_OFFSET = 14 };
enum packet_option { OPTION_DROPPED = 4 };
enum statistics_option { OPTION_DROPPED_BY_INTERFACE = 5, OPTION_DROPPED_BY_SYSTEM = 7 };

struct interface {
    int link_type;
    uint32_t snap_length;  /* 0: no limit */
    uint8_t resolution;    /* units of a second: 10^-n, or with the highest bit 2^-n */
    int64_t offset;        /* seconds to be added */
    uint64_t dropped;      /* the last statistics */
    uint64_t dropped_near; /* the sum of what packets tell */
};

struct pcapng {
    struct input *input;
    bool big;
    struct interface *interfaces;
    size_t count, room;
    int64_t time_ns;      /* of the last packet that had one */
    struct error failure; /* met in blocks that were read when the file was opened */
    enum { AHEAD_NOT_ASKED, AHEAD_TAKEN, AHEAD_IMPOSSIBLE } ahead; /* of pcapng_look_ahead */
    struct pcapng_facts facts;
    struct pcapng_extra extra;
};

struct block {
    uint32_t type;
    uint64_t offset;
    struct cursor body;
};

/* ---- time ---- */

__extension__ typedef __int128 wide; /* units of any size times 10^9 */

static wide power_of_ten(unsigned exponent)
{
    wide power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* Nanoseconds since 1970. What does not fit becomes the first or last that does. */
static int64_t time_of(const struct interface *interface, uint64_t units)
{
    unsigned exponent = interface->resolution & 0x7f;
    wide time = units;
    if (interface->resolution & 0x80)
        time = time * SECOND_NS >> exponent;
    else if (exponent <= 9)
        time *= power_of_ten(9 - exponent);
    else
        time = exponent - 9 > 20 ? 0 : time / power_of_ten(exponent - 9);
    time += (wide)interface->offset * SECOND_NS;
    return time > INT64_MAX ? INT64_MAX : time < INT64_MIN ? INT64_MIN : (int64_t)time;
}

/* ---- sections and interfaces ---- */

/* magic 4 | major 2 | minor 2 | length of the section 8, not used | options */
static enum outcome start_section(struct pcapng *pcapng, const struct block *block, struct error *error)
{
    struct cursor body = block->body;
    uint16_t major, minor;
    if (!cursor_skip(&body, 4) || !order_u16(&body, pcapng->big, &major) || !order_u16(&body, pcapng->big, &minor) ||
        !cursor_skip(&body, 8))
        return error_set(error, OUTCOME_MALFORMED, block->offset, "a section header that is too short");
    if (major != 1 || (minor != 0 && minor != 2)) /* 1.2 was written for a while; it is the same */
        return error_set(error, OUTCOME_UNSUPPORTED, block->offset, "version %u.%u of the pcapng format is not known",
                         major, minor);
    pcapng->count = 0;
    pcapng->facts.sections++;
    pcapng_extra_comment(&pcapng->extra, body, pcapng->big);
    return OUTCOME_OK;
}

static void read_interface_options(struct interface *interface, struct cursor options, bool big)
{
    struct cursor resolution = pcapng_option_find(options, big, OPTION_RESOLUTION);
    struct cursor offset = pcapng_option_find(options, big, OPTION_OFFSET);
    uint64_t seconds;
    if (!cursor_u8(&resolution, &interface->resolution))
        interface->resolution = 6;
    if (order_u64(&offset, big, &seconds))
        interface->offset = (int64_t)seconds;
}

static void note_interface(struct pcapng_facts *facts, const struct interface *interface)
{
    if (facts->interfaces++ == 0 || interface->snap_length == 0 ||
        (facts->snap_length != 0 && interface->snap_length > facts->snap_length))
        facts->snap_length = interface->snap_length;
    for (size_t i = 0; i < facts->link_type_count && i < PCAPNG_LINK_TYPES; i++) {
        if (facts->link_types[i] == interface->link_type)
            return;
    }
    if (facts->link_type_count < PCAPNG_LINK_TYPES)
        facts->link_types[facts->link_type_count] = interface->link_type;
    if (facts->link_type_count <= PCAPNG_LINK_TYPES)
        facts->link_type_count++;
}

static MUST_USE bool room_for_interface(struct pcapng *pcapng)
{
    if (pcapng->count < pcapng->room)
        return true;
    size_t room = pcapng->room == 0 ? 4 : pcapng->room * 2;
    struct interface *interfaces = realloc(pcapng->interfaces, room * sizeof *interfaces);
    if (interfaces == NULL)
        return false;
    pcapng->interfaces = interfaces;
    pcapng->room = room;
    return true;
}

/* link type 2 | reserved 2 | snapshot length 4 | options */
static enum outcome add_interface(struct pcapng *pcapng, const struct block *block, struct error *error)
{
    struct interface interface = {.link_type = 0};
    struct cursor body = block->body;
    uint16_t link_type;
    if (!order_u16(&body, pcapng->big, &link_type) || !cursor_skip(&body, 2) ||
        !order_u32(&body, pcapng->big, &interface.snap_length))
        return error_set(error, OUTCOME_MALFORMED, block->offset, "an interface block that is too short");
    if (pcapng->count >= MAX_INTERFACES)
        return error_set(error, OUTCOME_LIMIT, block->offset, "more than %zu interfaces", MAX_INTERFACES);
    if (!room_for_interface(pcapng))
        return error_set(error, OUTCOME_SYSTEM, block->offset, "out of memory for interfaces");
    interface.link_type = link_type_of_file(link_type);
    read_interface_options(&interface, body, pcapng->big);
    pcapng->interfaces[pcapng->count++] = interface;
    note_interface(&pcapng->facts, &interface);
    return OUTCOME_OK;
}

/* An interface tells its losses in statistics, in its packets, or in both. */
static void note_dropped(struct pcapng *pcapng, struct interface *interface, uint64_t statistics, uint64_t near)
{
    uint64_t before = interface->dropped > interface->dropped_near ? interface->dropped : interface->dropped_near;
    if (statistics > interface->dropped)
        interface->dropped = statistics;
    interface->dropped_near += near;
    uint64_t now = interface->dropped > interface->dropped_near ? interface->dropped : interface->dropped_near;
    if (now > before)
        pcapng->facts.dropped += now - before;
}

/* interface 4 | time 8 | options */
static void read_statistics(struct pcapng *pcapng, struct cursor body)
{
    static const uint16_t kinds[] = {OPTION_DROPPED_BY_INTERFACE, OPTION_DROPPED_BY_SYSTEM};
    uint64_t dropped = 0;
    uint32_t id;
    if (!order_u32(&body, pcapng->big, &id) || id >= pcapng->count || !cursor_skip(&body, 8))
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct cursor value = pcapng_option_find(body, pcapng->big, kinds[i]);
        uint64_t count;
        if (order_u64(&value, pcapng->big, &count))
            dropped += count;
    }
    note_dropped(pcapng, &pcapng->interfaces[id], dropped, 0);
}

/* ---- packets ---- */

/* What the three kinds of packet blocks have in common. */
struct parts {
    uint32_t interface;
    bool timeless;
    uint64_t units;
    uint32_t captured, wire;
    uint32_t dropped;
};

/* interface 4 | time, high half 4 | low half 4 | captured 4 | on the wire 4 | bytes, up to a multiple of 4 | options */
static MUST_USE bool read_packet(struct cursor *body, bool big, struct parts *parts)
{
    uint32_t high, low;
    if (!order_u32(body, big, &parts->interface) || !order_u32(body, big, &high) || !order_u32(body, big, &low) ||
        !order_u32(body, big, &parts->captured) || !order_u32(body, big, &parts->wire))
        return false;
    parts->units = (uint64_t)high << 32 | low;
    return true;
}

/* interface 2 | dropped 2 | as above, from the time on. 0xffff: not known. */
static MUST_USE bool read_old_packet(struct cursor *body, bool big, struct parts *parts)
{
    uint32_t high, low;
    uint16_t interface, dropped;
    if (!order_u16(body, big, &interface) || !order_u16(body, big, &dropped) || !order_u32(body, big, &high) ||
        !order_u32(body, big, &low) || !order_u32(body, big, &parts->captured) || !order_u32(body, big, &parts->wire))
        return false;
    parts->interface = interface;
    parts->dropped = dropped == UINT16_MAX ? 0 : dropped;
    parts->units = (uint64_t)high << 32 | low;
    return true;
}

/* on the wire 4 | bytes. The interface is the first, the captured length follows from its snapshot length. */
static MUST_USE bool read_simple_packet(const struct pcapng *pcapng, struct cursor *body, struct parts *parts)
{
    if (pcapng->count == 0 || !order_u32(body, pcapng->big, &parts->wire))
        return false;
    uint32_t snap = pcapng->interfaces[0].snap_length;
    parts->captured = snap != 0 && parts->wire > snap ? snap : parts->wire;
    parts->timeless = true;
    return true;
}

static MUST_USE bool read_parts(const struct pcapng *pcapng, const struct block *block, struct cursor *body,
                                struct parts *parts)
{
    *parts = (struct parts){.interface = 0};
    if (block->type == BLOCK_SIMPLE_PACKET)
        return read_simple_packet(pcapng, body, parts);
    if (block->type == BLOCK_OLD_PACKET)
        return read_old_packet(body, pcapng->big, parts);
    return read_packet(body, pcapng->big, parts);
}

static struct cursor packet_comment(struct pcapng *pcapng, struct interface *interface, struct cursor options)
{
    struct pcapng_options walk = {.left = options, .big = pcapng->big};
    struct cursor value, comment = CURSOR_EMPTY;
    uint64_t dropped;
    uint16_t code;
    while (pcapng_option(&walk, &code, &value)) {
        if (code == OPTION_COMMENT)
            pcapng->facts.comments++;
        if (code == OPTION_COMMENT && comment.left == 0)
            comment = value;
        if (code == OPTION_DROPPED && order_u64(&value, pcapng->big, &dropped))
            note_dropped(pcapng, interface, 0, dropped);
    }
    return comment;
}

static MUST_USE bool take_packet(struct pcapng *pcapng, const struct block *block, struct packet *packet)
{
    struct parts parts;
    struct cursor body = block->body, bytes;
    if (!read_parts(pcapng, block, &body, &parts) || parts.interface >= pcapng->count ||
        !cursor_take(&body, parts.captured, &bytes))
        return false;
    struct interface *interface = &pcapng->interfaces[parts.interface];
    if (!cursor_skip(&body, (4 - parts.captured % 4) % 4) || block->type == BLOCK_SIMPLE_PACKET)
        body = CURSOR_EMPTY;
    if (!parts.timeless)
        pcapng->time_ns = time_of(interface, parts.units);
    pcapng->facts.timeless += parts.timeless || pcapng->time_ns == 0;
    if (parts.dropped > 0)
        note_dropped(pcapng, interface, 0, parts.dropped);
    if (pcapng->big)
        link_type_to_little(interface->link_type, pcapng->input, bytes);
    *packet = (struct packet){
        .moment.time_ns = pcapng->time_ns,
        .link_type = interface->link_type,
        .wire_length = parts.wire < parts.captured ? parts.captured : parts.wire,
        .bytes = bytes,
        .comment = body.left == 0 ? CURSOR_EMPTY : packet_comment(pcapng, interface, body),
    };
    return true;
}

/* ---- blocks ---- */

static bool is_packet(uint32_t type)
{
    return type == BLOCK_PACKET || type == BLOCK_SIMPLE_PACKET || type == BLOCK_OLD_PACKET;
}

static bool is_read(uint32_t type)
{
    return is_packet(type) || type == BLOCK_SECTION || type == BLOCK_INTERFACE;
}

static enum outcome cut(const struct pcapng *pcapng, uint64_t block, struct error *error)
{
    uint64_t end = input_offset(pcapng->input) + input_left(pcapng->input);
    if (end == block)
        return error_set(error, OUTCOME_MORE, 0, "%s", "");
    return error_set(error, OUTCOME_MORE, end, "the block that starts at byte %llu is not whole",
                     (unsigned long long)block);
}

/* A section header's own magic says in which byte order all of the section is. */
static MUST_USE bool find_order(struct cursor magic, bool *big)
{
    uint32_t value;
    struct cursor other = magic;
    *big = cursor_be32(&other, &value) && value == MAGIC;
    return *big || (cursor_le32(&magic, &value) && value == MAGIC);
}

/* Type and length of the next block. */
static enum outcome read_head(struct pcapng *pcapng, uint32_t *type, uint32_t *length, struct error *error)
{
    struct cursor head;
    uint64_t offset = input_offset(pcapng->input);
    if (!input_view(pcapng->input, BLOCK_SMALLEST, &head))
        return cut(pcapng, offset, error);
    struct cursor start = head;
    if (!order_u32(&head, pcapng->big, type))
        return error_set(error, OUTCOME_MALFORMED, offset, "a block without a head");
    if (*type > BLOCK_SECRETS && pcap_file_recognise(start))
        return error_set(error, OUTCOME_MALFORMED, offset, "no block starts here");
    if (*type == BLOCK_SECTION && !find_order(cursor_of(head.at + 4, head.left - 4), &pcapng->big))
        return error_set(error, OUTCOME_MALFORMED, offset, "a section header without its magic number");
    if (!order_u32(&head, pcapng->big, length) || *length < BLOCK_SMALLEST || *length % 4 != 0 ||
        (*length > MAX_BLOCK && is_read(*type)))
        return error_set(error, OUTCOME_MALFORMED, offset, "a block of kind %lu with a length of %lu",
                         (unsigned long)*type, (unsigned long)*length);
    return OUTCOME_OK;
}

static enum outcome check_end(const struct pcapng *pcapng, struct cursor end, uint32_t length, uint64_t offset,
                              struct error *error)
{
    uint32_t again;
    if (order_u32(&end, pcapng->big, &again) && again == length)
        return OUTCOME_OK;
    return error_set(error, OUTCOME_MALFORMED, offset, "the block that starts here has two different lengths");
}

/* Counts a block that is too long to be read, of the kinds that say something. */
static void note_long(struct pcapng *pcapng, uint32_t type)
{
    if (type == BLOCK_NAMES || type == BLOCK_STATISTICS || (type == BLOCK_SECRETS && pcapng->ahead != AHEAD_TAKEN))
        limit_hit(&pcapng->extra.limits, LIMIT_capture_blocks);
}

/* A block too long to be kept, of a kind that need not be. */
static enum outcome skip_block(struct pcapng *pcapng, uint32_t length, struct error *error)
{
    struct cursor end;
    uint64_t offset = input_offset(pcapng->input);
    if (!input_skip(pcapng->input, length - 4) || !input_view(pcapng->input, 4, &end))
        return cut(pcapng, offset, error);
    input_consume(pcapng->input, 4);
    return check_end(pcapng, end, length, offset, error);
}

/* The next block, which is consumed. OUTCOME_MORE as pcapng_next. */
static enum outcome next_block(struct pcapng *pcapng, struct block *block, struct error *error)
{
    struct cursor bytes;
    uint32_t length = 0;
    *block = (struct block){.offset = input_offset(pcapng->input)};
    enum outcome outcome = read_head(pcapng, &block->type, &length, error);
    if (outcome == OUTCOME_OK && length > MAX_BLOCK) {
        note_long(pcapng, block->type);
        return skip_block(pcapng, length, error);
    }
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!input_view(pcapng->input, length, &bytes))
        return cut(pcapng, block->offset, error);
    if (!cursor_skip(&bytes, 8) || !cursor_take(&bytes, length - BLOCK_SMALLEST, &block->body))
        return OUTCOME_MALFORMED;
    outcome = check_end(pcapng, bytes, length, block->offset, error);
    if (outcome == OUTCOME_OK)
        input_consume(pcapng->input, length);
    return outcome;
}

/* All but packets. */
static enum outcome use_block(struct pcapng *pcapng, const struct block *block, struct error *error)
{
    switch (block->type) {
    case BLOCK_SECTION:
        return start_section(pcapng, block, error);
    case BLOCK_INTERFACE:
        return add_interface(pcapng, block, error);
    case BLOCK_NAMES:
        pcapng_extra_names(&pcapng->extra, block->body, pcapng->big);
        return OUTCOME_OK;
    case BLOCK_STATISTICS:
        read_statistics(pcapng, block->body);
        return OUTCOME_OK;
    case BLOCK_SECRETS:
        if (pcapng->ahead != AHEAD_TAKEN)
            pcapng_extra_secrets(&pcapng->extra, block->body, pcapng->big);
        pcapng->facts.late_secrets += pcapng->ahead == AHEAD_IMPOSSIBLE;
        return OUTCOME_OK;
    default:
        return OUTCOME_OK;
    }
}

enum outcome pcapng_next(struct pcapng *pcapng, struct packet *packet, struct error *error)
{
    struct block block;
    if (pcapng->failure.outcome != OUTCOME_OK) {
        if (error != NULL)
            *error = pcapng->failure;
        return pcapng->failure.outcome;
    }
    for (;;) {
        enum outcome outcome = next_block(pcapng, &block, error);
        if (outcome == OUTCOME_OK && !is_packet(block.type))
            outcome = use_block(pcapng, &block, error);
        if (outcome != OUTCOME_OK)
            return outcome;
        if (!is_packet(block.type))
            continue;
        if (take_packet(pcapng, &block, packet))
            return OUTCOME_OK;
        if (pcapng->facts.damaged++ == 0)
            pcapng->facts.damaged_offset = block.offset;
    }
}

/* ---- looking ahead ---- */

/* A window on the file: heads of blocks lie close together, so one call of the system reads many. */
struct window {
    uint64_t start;
    size_t filled;
    uint8_t bytes[16384];
};

/* The head of the block at `offset`. False at the end of the file: a last part that is not a head is none. */
static MUST_USE bool look_at(const struct input *input, struct window *window, uint64_t offset, struct cursor *head)
{
    if (offset < window->start || offset - window->start + BLOCK_SMALLEST > window->filled) {
        window->start = offset;
        window->filled = sizeof window->bytes;
        while (window->filled > BLOCK_SMALLEST && !input_read_at(input, offset, window->bytes, window->filled))
            window->filled /= 2;
        if (window->filled < BLOCK_SMALLEST)
            return false;
    }
    return cursor_slice(cursor_of(window->bytes, window->filled), (size_t)(offset - window->start), BLOCK_SMALLEST,
                        head);
}

static void take_ahead(struct pcapng *pcapng, uint64_t offset, uint32_t length, bool big)
{
    uint8_t *body = length > MAX_BLOCK ? NULL : malloc(length - BLOCK_SMALLEST + 1);
    if (body != NULL && input_read_at(pcapng->input, offset + 8, body, length - BLOCK_SMALLEST))
        pcapng_extra_secrets(&pcapng->extra, cursor_of(body, length - BLOCK_SMALLEST), big);
    else if (length > MAX_BLOCK)
        limit_hit(&pcapng->extra.limits, LIMIT_capture_blocks);
    if (body != NULL)
        explicit_bzero(body, length - BLOCK_SMALLEST);
    free(body);
}

bool pcapng_look_ahead(struct pcapng *pcapng)
{
    struct window window = {.filled = 0};
    uint64_t offset = input_offset(pcapng->input);
    bool big = pcapng->big;
    struct cursor head;
    uint32_t type, length;
    uint8_t byte;
    if (pcapng->ahead != AHEAD_NOT_ASKED)
        return pcapng->ahead == AHEAD_TAKEN;
    pcapng->ahead = input_read_at(pcapng->input, 0, &byte, 1) ? AHEAD_TAKEN : AHEAD_IMPOSSIBLE;
    while (pcapng->ahead == AHEAD_TAKEN && look_at(pcapng->input, &window, offset, &head)) {
        struct cursor magic = cursor_of(head.at + 8, 4);
        if (!order_u32(&head, big, &type) || (type == BLOCK_SECTION && !find_order(magic, &big)) ||
            !order_u32(&head, big, &length) || length < BLOCK_SMALLEST || length % 4 != 0)
            break; /* pcapng_next tells of it */
        if (type == BLOCK_SECRETS)
            take_ahead(pcapng, offset, length, big);
        offset += length;
    }
    return pcapng->ahead == AHEAD_TAKEN;
}

/* ---- opening ---- */

bool pcapng_recognise(struct cursor head)
{
    uint32_t type;
    return cursor_be32(&head, &type) && type == BLOCK_SECTION;
}

bool pcapng_starts(struct cursor head)
{
    bool big;
    return pcapng_recognise(head) && cursor_skip(&head, 8) && find_order(head, &big);
}

/* What comes before the first interface or packet. What is wrong there is told by pcapng_next. */
static void read_ahead(struct pcapng *pcapng)
{
    struct block block;
    struct cursor head;
    uint32_t type;
    while (pcapng->count == 0 && input_view(pcapng->input, 4, &head)) {
        if (!order_u32(&head, pcapng->big, &type) || is_packet(type) || type == BLOCK_SECTION)
            return;
        if (next_block(pcapng, &block, &pcapng->failure) != OUTCOME_OK ||
            use_block(pcapng, &block, &pcapng->failure) != OUTCOME_OK)
            return;
    }
}

enum outcome pcapng_open(struct input *input, struct pcapng **pcapng, struct error *error)
{
    struct block block;
    *pcapng = calloc(1, sizeof **pcapng);
    if (*pcapng == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory");
    (*pcapng)->input = input;
    pcapng_extra_init(&(*pcapng)->extra);
    enum outcome outcome = next_block(*pcapng, &block, error);
    if (outcome == OUTCOME_OK)
        outcome = use_block(*pcapng, &block, error);
    if (outcome == OUTCOME_OK) {
        read_ahead(*pcapng);
        return OUTCOME_OK;
    }
    pcapng_close(*pcapng);
    *pcapng = NULL;
    return outcome;
}

const struct pcapng_facts *pcapng_facts(const struct pcapng *pcapng)
{
    return &pcapng->facts;
}

const struct pcapng_extra *pcapng_extra(const struct pcapng *pcapng)
{
    return &pcapng->extra;
}

void pcapng_close(struct pcapng *pcapng)
{
    if (pcapng == NULL)
        return;
    pcapng_extra_free(&pcapng->extra);
    free(pcapng->interfaces);
    free(pcapng);
}
