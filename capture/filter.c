/* capture/filter.c: see filter.h. */
#define _GNU_SOURCE /* strdup, and the types that libpcap uses */
#include "capture/filter.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "capture/link.h"
#include "capture/link_type.h"

/* Link types in one file. Captures of all adapters of a machine have up to five. */
#define MAX_PROGRAMS 16
/* Programs are made for packets as long as any. */
#define SNAP_LENGTH 262144

struct program {
    int link_type;
    bool valid;
    struct bpf_program code;
    uint64_t left_out; /* packets, because it is not valid */
    char reason[96];
};

struct filter {
    char *expression;
    struct program programs[MAX_PROGRAMS];
    size_t count;
    uint64_t too_many; /* packets of link types beyond MAX_PROGRAMS */
    bool names_tags;   /* the expression looks behind tags itself */
    uint64_t tagged;
    uint8_t *plain; /* a packet without its tags, SNAP_LENGTH bytes; NULL until one is needed */
};

static void compile(const struct filter *filter, int link_type, struct program *program)
{
    *program = (struct program){.link_type = link_type};
    pcap_t *dead = pcap_open_dead(link_type, SNAP_LENGTH);
    if (dead == NULL) {
        snprintf(program->reason, sizeof program->reason, "out of memory");
        return;
    }
    program->valid = pcap_compile(dead, &program->code, filter->expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!program->valid)
        snprintf(program->reason, sizeof program->reason, "%s", pcap_geterr(dead));
    pcap_close(dead);
}

static struct program *program_for(struct filter *filter, int link_type)
{
    for (size_t i = 0; i < filter->count; i++) {
        if (filter->programs[i].link_type == link_type)
            return &filter->programs[i];
    }
    if (filter->count == MAX_PROGRAMS)
        return NULL;
    struct program *program = &filter->programs[filter->count++];
    compile(filter, link_type, program);
    return program;
}

/* ---- what stands between the Ethernet addresses and IP ---- */

#define ADDRESSES 12
#define ETHERNET_HEADER 14
#define FIRST_ETHERTYPE 0x0600 /* below, it is a length (IEEE 802.3) */

static bool names_tags(const char *expression)
{
    static const char *const words[] = {"vlan", "mpls", "pppoe", "geneve", "vxlan", "ether["};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strstr(expression, words[i]) != NULL)
            return true;
    }
    return false;
}

/* Has an Ethernet frame anything but IP behind its addresses? */
static bool may_be_tagged(struct cursor frame)
{
    uint16_t type;
    return cursor_skip(&frame, ADDRESSES) && cursor_be16(&frame, &type) && type >= FIRST_ETHERTYPE && type != 0x0800 &&
           type != 0x86dd && type != 0x0806;
}

/* Makes the Ethernet frame that the packet would be without tags, labels and PPPoE. */
static MUST_USE bool without_tags(struct filter *filter, const struct packet *packet, struct cursor *plain)
{
    struct frame frame = {.bytes = packet->bytes, .wire = packet->wire_length};
    struct cursor addresses;
    uint8_t version;
    bool known;
    if (!cursor_slice(packet->bytes, 0, ADDRESSES, &addresses) ||
        link_strip(packet->link_type, &frame, &known) != OUTCOME_OK || frame_peek(&frame, &version) != OUTCOME_OK ||
        frame.bytes.left > SNAP_LENGTH - ETHERNET_HEADER)
        return false;
    if (filter->plain == NULL)
        filter->plain = malloc(SNAP_LENGTH);
    if (filter->plain == NULL)
        return false;
    memcpy(filter->plain, addresses.at, ADDRESSES);
    memcpy(filter->plain + ADDRESSES, version >> 4 == 6 ? "\x86\xdd" : "\x08\x00", 2);
    memcpy(filter->plain + ETHERNET_HEADER, frame.bytes.at, frame.bytes.left);
    *plain = cursor_of(filter->plain, ETHERNET_HEADER + frame.bytes.left);
    return true;
}

static bool program_passes(const struct program *program, struct cursor bytes, uint32_t wire_length)
{
    struct pcap_pkthdr header = {.caplen = (bpf_u_int32)bytes.left, .len = wire_length};
    return pcap_offline_filter(&program->code, &header, bytes.at) != 0;
}

/* The program left the packet out: is that only because of tags? */
static void note_tagged(struct filter *filter, const struct program *program, const struct packet *packet)
{
    struct cursor plain;
    if (filter->names_tags || packet->link_type != DLT_EN10MB || !may_be_tagged(packet->bytes) ||
        !without_tags(filter, packet, &plain))
        return;
    uint32_t cut = packet->wire_length - (uint32_t)packet->bytes.left;
    filter->tagged += program_passes(program, plain, (uint32_t)plain.left + cut);
}

uint64_t filter_tagged(const struct filter *filter)
{
    return filter->tagged;
}

static bool valid_for_ethernet(const struct filter *filter)
{
    struct program program;
    compile(filter, DLT_EN10MB, &program);
    if (program.valid)
        pcap_freecode(&program.code);
    return program.valid;
}

enum outcome filter_new(const char *expression, int link_type, bool several, struct filter **filter,
                        struct error *error)
{
    *filter = calloc(1, sizeof **filter);
    if (*filter != NULL)
        (*filter)->expression = strdup(expression);
    if (*filter == NULL || (*filter)->expression == NULL) {
        filter_free(*filter);
        *filter = NULL;
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory for the capture filter");
    }
    (*filter)->names_tags = names_tags(expression);
    const struct program *program = program_for(*filter, link_type);
    if (program == NULL || program->valid || (several && valid_for_ethernet(*filter)))
        return OUTCOME_OK;
    error_set(error, OUTCOME_UNSUPPORTED, 0, "the capture filter \"%s\" is not valid for %s: %s", expression,
              link_type_name(link_type), program->reason);
    filter_free(*filter);
    *filter = NULL;
    return OUTCOME_UNSUPPORTED;
}

bool filter_passes(struct filter *filter, const struct packet *packet)
{
    struct program *program = program_for(filter, packet->link_type);
    if (program == NULL) {
        filter->too_many++;
        return false;
    }
    if (!program->valid) {
        program->left_out++;
        return false;
    }
    bool passes = program_passes(program, packet->bytes, packet->wire_length);
    if (!passes)
        note_tagged(filter, program, packet);
    return passes;
}

bool filter_problem(const struct filter *filter, struct error *error)
{
    for (size_t i = 0; i < filter->count; i++) {
        const struct program *program = &filter->programs[i];
        if (program->left_out == 0)
            continue;
        error_set(error, OUTCOME_UNSUPPORTED, 0,
                  "the capture filter \"%.60s\" is not valid for %s, so %llu packets are left out: %s",
                  filter->expression, link_type_name(program->link_type), (unsigned long long)program->left_out,
                  program->reason);
        return true;
    }
    if (filter->too_many > 0)
        error_set(error, OUTCOME_LIMIT, 0, "the capture filter is made for %d link types; %llu packets are left out",
                  MAX_PROGRAMS, (unsigned long long)filter->too_many);
    return filter->too_many > 0;
}

void filter_free(struct filter *filter)
{
    if (filter == NULL)
        return;
    for (size_t i = 0; i < filter->count; i++) {
        if (filter->programs[i].valid)
            pcap_freecode(&filter->programs[i].code);
    }
    free(filter->plain);
    free(filter->expression);
    free(filter);
}
