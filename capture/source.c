/* capture/source.c: see source.h.
 *
 *      input (bytes) --> pcap_file or pcapng (packets) --> filter --> source_next
 */
#define _GNU_SOURCE /* strdup */
#include "capture/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "capture/filter.h"
#include "capture/input.h"
#include "capture/link_type.h"
#include "capture/pcap_file.h"
#include "capture/pcapng.h"

/* What a snapshot length beyond this, or without limit, is told as: tcpdump's largest. */
#define MAX_SNAP_LENGTH 262144
/* Names of link types, joined. */
#define MAX_LINK_NAMES 64
/* What both formats need to be told apart. */
#define MAGIC_LENGTH 4

#define NOT_A_CAPTURE "%s is not a capture file: pcap or pcapng is wanted, plain or compressed (%s)"

struct source {
    char *name;
    struct input *input;
    struct pcapng *pcapng; /* NULL: pcap_file is used */
    struct pcap_file pcap_file;
    struct filter *filter; /* NULL: all pass */
    char link_names[MAX_LINK_NAMES];
    size_t link_named; /* link types whose names are in link_names */
    int64_t packets, filtered;
    struct moment first, last;
};

static const char *shown(const struct source *source)
{
    return strcmp(source->name, "-") == 0 ? "standard input" : source->name;
}

/* ---- link types ---- */

static void add_link_name(struct source *source, const char *name)
{
    size_t used = strlen(source->link_names);
    int length =
        snprintf(source->link_names + used, sizeof source->link_names - used, "%s%s", used > 0 ? "," : "", name);
    if (length < 0 || (size_t)length >= sizeof source->link_names - used)
        snprintf(source->link_names + used, sizeof source->link_names - used, "%s", "");
}

/* A pcapng file may bring new ones at any time. */
static void note_link_types(struct source *source)
{
    size_t count = source->pcapng == NULL ? 1 : pcapng_facts(source->pcapng)->link_type_count;
    if (source->link_named == count)
        return;
    if (source->pcapng == NULL) {
        add_link_name(source, link_type_name(source->pcap_file.link_type));
        source->link_named = 1;
        return;
    }
    const struct pcapng_facts *facts = pcapng_facts(source->pcapng);
    while (source->link_named < count) {
        size_t next = source->link_named++;
        add_link_name(source, next < PCAPNG_LINK_TYPES ? link_type_name(facts->link_types[next]) : "...");
    }
}

/* ---- opening ---- */

static enum outcome cannot_open(const struct source *source, const struct error *why, struct error *error)
{
    struct error ending = {0};
    enum outcome ended = input_ended(source->input, &ending);
    if (ended == OUTCOME_SYSTEM)
        return error_set(error, OUTCOME_SYSTEM, 0, "cannot read %s: %s", shown(source), ending.text);
    if (ended == OUTCOME_OK && input_offset(source->input) + input_left(source->input) == 0)
        return error_set(error, OUTCOME_MALFORMED, 0, "%s is empty: not even the header of a capture file is there",
                         shown(source));
    return error_set(error, OUTCOME_MALFORMED, why->offset, NOT_A_CAPTURE, shown(source),
                     ended == OUTCOME_OK ? why->text : ending.text);
}

static enum outcome open_format(struct source *source, struct error *error)
{
    struct cursor magic;
    struct error why = {0};
    enum outcome outcome = OUTCOME_MALFORMED;
    if (!input_view(source->input, MAGIC_LENGTH, &magic))
        error_set(&why, OUTCOME_MALFORMED, 0, "the file is too short");
    else if (pcapng_recognise(magic))
        outcome = pcapng_open(source->input, &source->pcapng, &why);
    else if (pcap_file_recognise(magic))
        outcome = pcap_file_open(&source->pcap_file, source->input, &why);
    else
        error_set(&why, OUTCOME_MALFORMED, 0, "unknown file format");
    return outcome == OUTCOME_OK ? OUTCOME_OK : cannot_open(source, &why, error);
}

static enum outcome open_parts(struct source *source, const char *path, const char *filter, struct error *error)
{
    struct stat status;
    source->name = strdup(path);
    if (source->name == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to read %s", path);
    if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return error_set(error, OUTCOME_SYSTEM, 0, "%s is a folder, not a capture file", path);
    enum outcome outcome = input_open(path, &source->input, error);
    if (outcome == OUTCOME_OK)
        outcome = open_format(source, error);
    if (outcome == OUTCOME_OK)
        note_link_types(source);
    if (outcome != OUTCOME_OK || filter == NULL || filter[0] == '\0')
        return outcome;
    bool several = source->pcapng != NULL; /* none yet: the filter must be valid for link type 0, or Ethernet */
    int link_type = several ? pcapng_facts(source->pcapng)->link_types[0] : source->pcap_file.link_type;
    return filter_new(filter, link_type, several, &source->filter, error);
}

enum outcome source_open(const char *path, const char *filter, struct source **source, struct error *error)
{
    *source = calloc(1, sizeof **source);
    if (*source == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to read %s", path);
    enum outcome outcome = open_parts(*source, path, filter, error);
    if (outcome != OUTCOME_OK) {
        source_close(*source);
        *source = NULL;
    }
    return outcome;
}

void source_close(struct source *source)
{
    if (source == NULL)
        return;
    filter_free(source->filter);
    pcapng_close(source->pcapng);
    input_close(source->input);
    free(source->name);
    free(source);
}

/* ---- reading ---- */

static const char *unpacked(const struct source *source)
{
    return input_is_packed(source->input) ? " of what it unpacks to" : "";
}

static enum outcome cut_off(const struct source *source, uint64_t offset, const char *why, struct error *error)
{
    return error_set(error, OUTCOME_MORE, offset,
                     "%s is cut off at byte %llu%s: the %lld packets before are used, the rest is missing (%s)",
                     shown(source), (unsigned long long)offset, unpacked(source),
                     (long long)(source->packets + source->filtered), why);
}

static enum outcome damaged(const struct source *source, enum outcome outcome, const struct error *why,
                            struct error *error)
{
    return error_set(error, outcome, why->offset, "%s is damaged at byte %llu%s: the %lld packets before are used (%s)",
                     shown(source), (unsigned long long)why->offset, unpacked(source),
                     (long long)(source->packets + source->filtered), why->text);
}

/* The file is whole, and it was read to its end. Was all of it good? */
static enum outcome ended_well(const struct source *source, struct error *error)
{
    const struct pcapng_facts *facts = source->pcapng == NULL ? NULL : pcapng_facts(source->pcapng);
    if (facts != NULL && facts->damaged > 0)
        return error_set(error, OUTCOME_MALFORMED, facts->damaged_offset,
                         "%s holds %llu damaged packet blocks, which are left out; the first is at byte %llu%s",
                         shown(source), (unsigned long long)facts->damaged, (unsigned long long)facts->damaged_offset,
                         unpacked(source));
    if (source->filter != NULL && filter_problem(source->filter, error))
        return OUTCOME_UNSUPPORTED;
    return error_set(error, OUTCOME_MORE, 0, "%s", "");
}

static enum outcome ended(const struct source *source, enum outcome outcome, struct error *why, struct error *error)
{
    struct error ending = {0};
    enum outcome packed = outcome == OUTCOME_MORE ? input_ended(source->input, &ending) : OUTCOME_OK;
    uint64_t end = input_offset(source->input) + input_left(source->input);
    ending.offset = end;
    if (packed == OUTCOME_SYSTEM)
        return error_set(error, OUTCOME_SYSTEM, end, "cannot read %s beyond byte %llu: %s", shown(source),
                         (unsigned long long)end, ending.text);
    if (packed == OUTCOME_MORE)
        return cut_off(source, end, ending.text, error);
    if (packed != OUTCOME_OK)
        return damaged(source, packed, &ending, error);
    if (outcome == OUTCOME_MORE && why->text[0] == '\0')
        return ended_well(source, error);
    if (outcome == OUTCOME_MORE)
        return cut_off(source, why->offset, why->text, error);
    return damaged(source, outcome, why, error);
}

enum outcome source_next(struct source *source, int64_t number, struct packet *packet, struct error *error)
{
    struct error why;
    why.offset = 0;
    why.text[0] = '\0';
    for (;;) {
        enum outcome outcome = source->pcapng != NULL ? pcapng_next(source->pcapng, packet, &why)
                                                      : pcap_file_next(&source->pcap_file, packet, &why);
        note_link_types(source);
        if (outcome != OUTCOME_OK)
            return ended(source, outcome, &why, error);
        if (source->filter == NULL || filter_passes(source->filter, packet))
            break;
        source->filtered++;
    }
    packet->moment.packet = number + source->filtered;
    if (source->packets++ == 0)
        source->first = packet->moment;
    source->last = packet->moment;
    return OUTCOME_OK;
}

bool source_ready(const struct source *source)
{
    return source->filter == NULL && source->pcapng == NULL && pcap_file_ready(&source->pcap_file);
}

enum outcome source_first_time(const char *path, int64_t *time_ns, struct error *error)
{
    struct source *source;
    struct packet packet;
    enum outcome outcome = source_open(path, NULL, &source, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    outcome = source_next(source, 1, &packet, error);
    if (outcome == OUTCOME_OK)
        *time_ns = packet.moment.time_ns;
    source_close(source);
    return outcome;
}

void source_on_pause(struct source *source, void (*call)(void *context), void *context)
{
    input_on_pause(source->input, (struct input_pause){call, context});
}

/* ---- facts ---- */

static int snap_length(uint32_t length)
{
    return length == 0 || length > MAX_SNAP_LENGTH ? MAX_SNAP_LENGTH : (int)length;
}

static void add_pcapng_facts(const struct pcapng *pcapng, struct source_facts *facts)
{
    const struct pcapng_facts *more = pcapng_facts(pcapng);
    facts->snap_length = snap_length(more->snap_length);
    facts->sections = more->sections;
    facts->interfaces = more->interfaces;
    facts->comments = more->comments;
    facts->timeless = more->timeless;
    facts->damaged = more->damaged;
    facts->dropped = more->dropped;
    facts->late_secrets = more->late_secrets;
    facts->comment = pcapng_extra(pcapng)->comment;
}

struct source_facts source_facts(const struct source *source)
{
    struct source_facts facts = {
        .name = source->name,
        .format = source->pcapng == NULL ? "pcap" : "pcapng",
        .link_type = source->link_named == 0 ? "none" : source->link_names,
        .snap_length = snap_length(source->pcap_file.snap_length),
        .packets = source->packets,
        .filtered = source->filtered,
        .first = source->first,
        .last = source->last,
        .sections = 1,
        .interfaces = 1,
        .comment = TEXT_NULL,
    };
    if (source->pcapng != NULL)
        add_pcapng_facts(source->pcapng, &facts);
    return facts;
}

struct text source_secrets(const struct source *source)
{
    if (source->pcapng == NULL)
        return TEXT("");
    return text_from(buffer_cursor(&pcapng_extra(source->pcapng)->secrets));
}

bool source_look_ahead(struct source *source)
{
    return source->pcapng == NULL || pcapng_look_ahead(source->pcapng);
}

size_t source_name_count(const struct source *source)
{
    return source->pcapng == NULL ? 0 : pcapng_extra(source->pcapng)->name_count;
}

struct source_name source_name(const struct source *source, size_t index)
{
    if (index >= source_name_count(source))
        return (struct source_name){.name = TEXT_NULL};
    const struct pcapng_name *name = &pcapng_extra(source->pcapng)->names[index];
    return (struct source_name){.address = name->address, .version = name->version, .name = name->name};
}
