/* capture/filter.c: see filter.h. */
#define _GNU_SOURCE /* strdup, and the types that libpcap uses */
#include "capture/filter.h"

#include <pcap/pcap.h>
#include <stdlib.h>

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
    struct pcap_pkthdr header = {.caplen = (bpf_u_int32)packet->bytes.left, .len = packet->wire_length};
    return pcap_offline_filter(&program->code, &header, packet->bytes.at) != 0;
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
    free(filter->expression);
    free(filter);
}
