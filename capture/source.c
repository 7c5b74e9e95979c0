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
#include "capture/foreign.h"
#include "capture/input.h"
#include "capture/link_type.h"
#include "capture/pcap_file.h"
#include "capture/pcapng.h"

/* What a snapshot length beyond this, or without limit, is told as: tcpdump's largest. */
#define MAX_SNAP_LENGTH 262144
/* Bytes of the joined names of link types, and how many types are named. Captures of all adapters of a machine have up to
 * five. */
#define MAX_LINK_NAMES 64
#define MAX_LINK_TYPES (2 * PCAPNG_LINK_TYPES)
#define MORE_LINKS ",..."
/* The header of another file in the middle of one: of pcapng up to its magic number, of pcap all but the last 8. */
#define JOINED_HEAD 16
/* How much of a file is looked at to see whether a transfer changed all of it, and from where on that means something:
 * below, a file may have no other line ends by chance. */
#define DAMAGE_LOOKED_AT ((size_t)1 << 20)
#define DAMAGE_LEAST ((size_t)2048)
/* What both formats need to be told apart. */
#define MAGIC_LENGTH 4

#define NOT_A_CAPTURE "%s is not a capture file: pcap or pcapng is wanted, plain or compressed (%s)"

struct source {
    char *name;
    struct input *input;
    struct pcapng *pcapng; /* NULL: no part of the file is pcapng */
    struct pcap_file pcap_file;
    bool classic;          /* the part that is being read is pcap */
    bool classic_first;    /* and so is the first part */
    struct filter *filter; /* NULL: all pass */
    char link_names[MAX_LINK_NAMES];
    int link_types[MAX_LINK_TYPES]; /* whose names are in link_names */
    size_t link_count;
    size_t link_seen; /* those of `pcapng` that were looked at */
    int64_t packets, filtered;
    uint64_t joined, timeless;
    bool unusable;
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
    size_t room = sizeof source->link_names - sizeof MORE_LINKS - used;
    if (used >= strlen(MORE_LINKS) && strcmp(source->link_names + used - strlen(MORE_LINKS), MORE_LINKS) == 0)
        return;
    if (strlen(name) + 1 < room)
        snprintf(source->link_names + used, room, "%s%s", used > 0 ? "," : "", name);
    else
        snprintf(source->link_names + used, sizeof source->link_names - used, "%s", MORE_LINKS);
}

static void add_link_type(struct source *source, int link_type)
{
    for (size_t i = 0; i < source->link_count; i++) {
        if (source->link_types[i] == link_type)
            return;
    }
    bool room = source->link_count < MAX_LINK_TYPES;
    add_link_name(source, room ? link_type_name(link_type) : "...");
    if (room)
        source->link_types[source->link_count++] = link_type;
}

/* A pcapng file may bring new ones at any time. */
static void note_link_types(struct source *source)
{
    if (source->pcapng == NULL)
        return;
    const struct pcapng_facts *facts = pcapng_facts(source->pcapng);
    while (source->link_seen < facts->link_type_count) {
        size_t next = source->link_seen++;
        if (next < PCAPNG_LINK_TYPES)
            add_link_type(source, facts->link_types[next]);
        else
            add_link_name(source, "...");
    }
}

/* ---- opening ---- */

/* Up to FOREIGN_HEAD bytes of the start, of what a compressed file unpacks to. */
static struct cursor first_bytes(struct input *input)
{
    struct cursor head;
    return input_view(input, FOREIGN_HEAD, &head) ? head : input_there(input);
}

static enum outcome name_foreign(const struct source *source, const struct foreign *foreign, struct error *error)
{
    return error_set(error, OUTCOME_MALFORMED, 0, "%s is %s, but pcap or pcapng is wanted: %s", shown(source),
                     foreign->what, foreign->advice);
}

static enum outcome cannot_open(const struct source *source, const struct error *why, struct error *error)
{
    struct error ending = {0};
    struct cursor head = first_bytes(source->input);
    enum outcome ended = input_ended(source->input, &ending);
    bool capture = pcap_file_recognise(head) || pcapng_recognise(head);
    const struct foreign *foreign = capture ? NULL : foreign_recognise(head);
    if (ended == OUTCOME_SYSTEM)
        return error_set(error, OUTCOME_SYSTEM, 0, "cannot read %s: %s", shown(source), ending.text);
    if (ended == OUTCOME_OK && input_offset(source->input) + head.left == 0)
        return error_set(error, OUTCOME_MALFORMED, 0, "%s is empty: not even the header of a capture file is there",
                         shown(source));
    if (foreign != NULL)
        return name_foreign(source, foreign, error);
    return error_set(error, OUTCOME_MALFORMED, why->offset, NOT_A_CAPTURE, shown(source),
                     ended == OUTCOME_OK ? why->text : ending.text);
}

/* Reads the header of the pcap or pcapng file that starts at the next byte. */
static enum outcome open_part(struct source *source, struct error *why)
{
    struct cursor magic;
    if (!input_view(source->input, MAGIC_LENGTH, &magic))
        return error_set(why, OUTCOME_MALFORMED, 0, "the file is too short");
    source->classic = pcap_file_recognise(magic);
    if (source->classic) {
        enum outcome outcome = pcap_file_open(&source->pcap_file, source->input, why);
        if (outcome == OUTCOME_OK)
            add_link_type(source, source->pcap_file.link_type);
        return outcome;
    }
    if (!pcapng_recognise(magic))
        return error_set(why, OUTCOME_MALFORMED, 0, "unknown file format");
    enum outcome outcome = source->pcapng != NULL ? OUTCOME_OK : pcapng_open(source->input, &source->pcapng, why);
    source->classic = outcome != OUTCOME_OK; /* there is no pcapng to go on with */
    return outcome;
}

static enum outcome open_format(struct source *source, struct error *error)
{
    struct error why = {0};
    enum outcome outcome = open_part(source, &why);
    source->classic_first = source->classic;
    note_link_types(source);
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
    if (outcome != OUTCOME_OK || filter == NULL || filter[0] == '\0')
        return outcome;
    bool several = !source->classic; /* none yet: the filter must be valid for link type 0, or Ethernet */
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

/* Are only zeros left? They are consumed up to the first other byte. */
static bool zeros_to_the_end(struct source *source, uint64_t *count)
{
    struct cursor bytes;
    *count = 0;
    while (input_view(source->input, 1, &bytes)) {
        bytes = input_there(source->input);
        size_t zeros = 0;
        while (zeros < bytes.left && bytes.at[zeros] == 0)
            zeros++;
        *count += zeros;
        input_consume(source->input, zeros);
        if (zeros < bytes.left)
            return false;
    }
    return input_ended(source->input, NULL) == OUTCOME_OK;
}

/* Looks for what changes all of a file, in its start when that can be read again, else in what is there. */
static const struct foreign *damage_everywhere(const struct source *source)
{
    const struct foreign *found = NULL;
    size_t size = DAMAGE_LOOKED_AT;
    uint8_t *start = malloc(size);
    if (start == NULL)
        return NULL;
    while (size > 0 && !input_read_at(source->input, 0, start, size))
        size /= 2;
    struct cursor bytes = size > 0 ? cursor_of(start, size) : input_there(source->input);
    if (bytes.left >= DAMAGE_LEAST)
        found = foreign_damage(bytes);
    free(start);
    return found;
}

/* Something is wrong with what comes next: says what it is, as well as can be. */
static enum outcome wrong(struct source *source, enum outcome outcome, const struct error *why, struct error *error)
{
    const struct foreign *foreign = damage_everywhere(source);
    uint64_t start = input_offset(source->input), zeros;
    if (foreign != NULL) {
        source->unusable = true;
        return error_set(error, OUTCOME_MALFORMED, why->offset, "%s is %s: %s", shown(source), foreign->what,
                         foreign->advice);
    }
    if (outcome == OUTCOME_MORE)
        return cut_off(source, why->offset, why->text, error);
    if (zeros_to_the_end(source, &zeros) && zeros > 0)
        return error_set(
            error, OUTCOME_MORE, start,
            "%s ends in zeros from byte %llu%s on (%llu bytes): the %lld packets before are used, the rest "
            "was not written (a crash, a full disk, or space set aside)",
            shown(source), (unsigned long long)start, unpacked(source), (unsigned long long)zeros,
            (long long)(source->packets + source->filtered));
    return damaged(source, outcome, why, error);
}

static enum outcome ended(struct source *source, enum outcome outcome, struct error *why, struct error *error)
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
    return wrong(source, outcome, why, error);
}

/* Does another capture file start where the reader found no packet? `cat` and careless rotation join files. A section
 * of pcapng within pcapng is no news to its reader. */
static bool another_starts(const struct source *source)
{
    struct cursor head;
    if (!input_view(source->input, JOINED_HEAD, &head))
        return false;
    return pcap_file_starts(head) || (source->classic && pcapng_starts(head));
}

static enum outcome read_packet(struct source *source, struct packet *packet, struct error *why)
{
    for (;;) {
        enum outcome outcome = source->classic ? pcap_file_next(&source->pcap_file, packet, why)
                                               : pcapng_next(source->pcapng, packet, why);
        note_link_types(source);
        if (outcome != OUTCOME_MALFORMED || !another_starts(source))
            return outcome;
        source->joined++;
        outcome = open_part(source, why);
        if (outcome != OUTCOME_OK)
            return outcome;
    }
}

enum outcome source_next(struct source *source, int64_t number, struct packet *packet, struct error *error)
{
    struct error why;
    why.offset = 0;
    why.text[0] = '\0';
    for (;;) {
        enum outcome outcome = read_packet(source, packet, &why);
        if (outcome != OUTCOME_OK)
            return ended(source, outcome, &why, error);
        source->timeless += source->classic && packet->moment.time_ns == 0;
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
    return source->filter == NULL && source->classic && pcap_file_ready(&source->pcap_file);
}

bool source_seems_capture(const char *path)
{
    struct input *input;
    if (foreign_is_capture_name(path))
        return true;
    if (input_open(path, &input, NULL) != OUTCOME_OK)
        return false;
    struct cursor head = first_bytes(input);
    const struct foreign *foreign = foreign_recognise(head);
    bool seems = pcap_file_recognise(head) || pcapng_recognise(head) || (foreign != NULL && foreign->packets);
    input_close(input);
    return seems;
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
    int longest = snap_length(more->snap_length);
    facts->snap_length = longest > facts->snap_length ? longest : facts->snap_length;
    facts->sections += more->sections;
    facts->interfaces += more->interfaces;
    facts->comments = more->comments;
    facts->timeless += more->timeless;
    facts->damaged = more->damaged;
    facts->dropped = more->dropped;
    facts->late_secrets = more->late_secrets;
    facts->comment = pcapng_extra(pcapng)->comment;
}

struct source_facts source_facts(const struct source *source)
{
    bool classic = source->classic_first || source->classic; /* a part at least */
    struct source_facts facts = {
        .name = source->name,
        .format = source->classic_first ? "pcap" : "pcapng",
        .link_type = source->link_names[0] == '\0' ? "none" : source->link_names,
        .snap_length = classic ? snap_length(source->pcap_file.snap_length) : 0,
        .packets = source->packets,
        .filtered = source->filtered,
        .first = source->first,
        .last = source->last,
        .sections = classic ? 1 : 0,
        .interfaces = classic ? 1 : 0,
        .joined = source->joined,
        .unusable = source->unusable,
        .timeless = source->timeless,
        .filtered_tagged = source->filter == NULL ? 0 : filter_tagged(source->filter),
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

struct limit_counts source_limits(const struct source *source)
{
    return source->pcapng == NULL ? (struct limit_counts){{0}} : pcapng_extra(source->pcapng)->limits;
}
