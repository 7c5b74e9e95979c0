/* capture/source.c: capture files through libpcap. See source.h. */
#define _GNU_SOURCE /* strdup, and the types that libpcap uses */
#include "capture/source.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "capture/input.h"

/* libpcap's own limit for all link types read here; a file may claim anything. */
#define MAX_SNAP_LENGTH 262144
/* Files in one folder. A ring of a year in files of a minute has half a million. */
#define MAX_FILES 1000000u

#define NOT_A_CAPTURE "%s is not a capture file: pcap or pcapng is wanted, plain or compressed (%s)"

struct source {
    char *name;
    struct input *input;
    pcap_t *pcap;
    int link_type;
    int64_t packets;
    struct moment first, last;
};

static const char *shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* ---- opening ---- */

static enum outcome set_filter(struct source *source, const char *filter, struct error *error)
{
    struct bpf_program program;
    if (filter == NULL || filter[0] == '\0')
        return OUTCOME_OK;
    if (pcap_compile(source->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return error_set(error, OUTCOME_UNSUPPORTED, 0, "the capture filter \"%s\" is not valid for %s: %s", filter,
                         shown(source->name), pcap_geterr(source->pcap));
    int set = pcap_setfilter(source->pcap, &program);
    pcap_freecode(&program);
    if (set != 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "the capture filter \"%s\" cannot be used: %s", filter,
                         pcap_geterr(source->pcap));
    return OUTCOME_OK;
}

static enum outcome cannot_open(const struct source *source, const char *reason, struct error *error)
{
    const char *complaint = input_complaint(source->input);
    uint64_t offset = input_offset(source->input);
    if (offset == 0 && input_at_end(source->input) && complaint[0] == '\0')
        return error_set(error, OUTCOME_MALFORMED, 0, "%s is empty: not even the header of a capture file is there",
                         shown(source->name));
    return error_set(error, OUTCOME_MALFORMED, offset, NOT_A_CAPTURE, shown(source->name),
                     complaint[0] != '\0' ? complaint : reason);
}

static enum outcome open_parts(struct source *source, const char *path, const char *filter, struct error *error)
{
    char reason[PCAP_ERRBUF_SIZE] = "";
    struct stat status;
    source->name = strdup(path);
    if (source->name == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to read %s", path);
    if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return error_set(error, OUTCOME_SYSTEM, 0, "%s is a folder, not a capture file", path);
    enum outcome outcome = input_open(path, &source->input, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    FILE *stream = input_stream(source->input);
    source->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, reason);
    if (source->pcap == NULL)
        return cannot_open(source, reason, error);
    input_stream_given(source->input);
    source->link_type = pcap_datalink(source->pcap);
    return set_filter(source, filter, error);
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
    if (source->pcap != NULL)
        pcap_close(source->pcap);
    input_close(source->input);
    free(source->name);
    free(source);
}

struct source_facts source_facts(const struct source *source)
{
    const char *name = pcap_datalink_val_to_name(source->link_type);
    int snap = pcap_snapshot(source->pcap);
    return (struct source_facts){
        .name = source->name,
        .link_type = name == NULL ? "unknown" : name,
        .snap_length = snap < 0 || snap > MAX_SNAP_LENGTH ? MAX_SNAP_LENGTH : snap,
        .packets = source->packets,
        .first = source->first,
        .last = source->last,
    };
}

/* ---- reading ---- */

/* Nanoseconds; pcapng can write times that do not fit, which become the last that does. */
static int64_t time_of(const struct timeval *time)
{
    const int64_t second = 1000000000;
    if (time->tv_sec >= INT64_MAX / second)
        return INT64_MAX;
    if (time->tv_sec <= INT64_MIN / second)
        return INT64_MIN;
    int64_t fraction = time->tv_usec < 0 || time->tv_usec >= second ? 0 : (int64_t)time->tv_usec;
    return (int64_t)time->tv_sec * second + fraction;
}

static enum outcome stopped(const struct source *source, struct error *error)
{
    const char *name = shown(source->name);
    const char *complaint = input_complaint(source->input);
    uint64_t offset = input_offset(source->input);
    const char *reason = complaint[0] != '\0' ? complaint : pcap_geterr(source->pcap);
    /* libpcap gives one link type and one snapshot length for a file. */
    if (strstr(reason, "of the first interface") != NULL)
        return error_set(error, OUTCOME_UNSUPPORTED, offset,
                         "%s holds several interfaces of different kinds: the %lld packets before the second kind are "
                         "used; make one file of each with tshark -Y frame.interface_id==N -w, or editcap",
                         name, (long long)source->packets);
    if (input_at_end(source->input))
        return error_set(error, OUTCOME_MORE, offset,
                         "%s is cut off at byte %llu: the %lld packets before are used, the rest is missing (%s)", name,
                         (unsigned long long)offset, (long long)source->packets, reason);
    return error_set(error, OUTCOME_MALFORMED, offset,
                     "%s is damaged near byte %llu: the %lld packets before are used; repair it with pcapfix, or "
                     "convert it with editcap (%s)",
                     name, (unsigned long long)offset, (long long)source->packets, reason);
}

static enum outcome ended(const struct source *source, struct error *error)
{
    if (input_complaint(source->input)[0] != '\0')
        return stopped(source, error);
    return error_set(error, OUTCOME_MORE, 0, "%s", "");
}

enum outcome source_next(struct source *source, int64_t number, struct packet *packet, struct error *error)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int result = pcap_next_ex(source->pcap, &header, &bytes);
    if (result == PCAP_ERROR_BREAK)
        return ended(source, error);
    if (result != 1)
        return stopped(source, error);
    struct moment moment = {.packet = number, .time_ns = time_of(&header->ts)};
    *packet = (struct packet){
        .moment = moment,
        .link_type = source->link_type,
        .wire_length = header->len < header->caplen ? header->caplen : header->len,
        .bytes = cursor_of(bytes, header->caplen),
    };
    if (source->packets++ == 0)
        source->first = moment;
    source->last = moment;
    return OUTCOME_OK;
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

/* ---- folders ---- */

struct names {
    char **paths;
    size_t count, room;
};

static MUST_USE bool names_add(struct names *names, char *path_owned)
{
    if (path_owned == NULL || names->count >= MAX_FILES)
        return false;
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 16 : names->room * 2;
        char **paths = realloc(names->paths, room * sizeof *paths);
        if (paths == NULL)
            return false;
        names->paths = paths;
        names->room = room;
    }
    names->paths[names->count++] = path_owned;
    return true;
}

static char *joined(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    const char *between = length > 0 && folder[length - 1] == '/' ? "" : "/";
    size_t size = length + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s%s", folder, between, name);
    return path;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum outcome list_folder(DIR *folder, const char *path, struct names *names, struct error *error)
{
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct stat status;
        if (entry->d_name[0] == '.') /* folders themselves, and what editors and rotation hide */
            continue;
        char *file = joined(path, entry->d_name);
        if (file != NULL && (stat(file, &status) != 0 || !S_ISREG(status.st_mode))) {
            free(file);
            continue;
        }
        if (!names_add(names, file)) {
            free(file);
            return error_set(error, OUTCOME_LIMIT, 0, "%s holds too many files to read as one capture", path);
        }
    }
    if (names->count == 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s holds no files: name a folder with capture files", path);
    qsort(names->paths, names->count, sizeof *names->paths, by_name);
    return OUTCOME_OK;
}

static enum outcome list_into(const char *path, struct names *names, struct error *error)
{
    struct stat status;
    bool standard = strcmp(path, "-") == 0;
    if (!standard && stat(path, &status) != 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "cannot read %s: %s", path, strerror(errno));
    if (standard || !S_ISDIR(status.st_mode)) {
        char *copy = strdup(path);
        if (names_add(names, copy))
            return OUTCOME_OK;
        free(copy);
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to list %s", path);
    }
    DIR *folder = opendir(path);
    if (folder == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "cannot read the folder %s: %s", path, strerror(errno));
    enum outcome outcome = list_folder(folder, path, names, error);
    closedir(folder);
    return outcome;
}

enum outcome source_list(const char *path, char ***paths, size_t *count, struct error *error)
{
    struct names names = {0};
    enum outcome outcome = list_into(path, &names, error);
    if (outcome != OUTCOME_OK) {
        source_list_free(names.paths, names.count);
        return outcome;
    }
    *paths = names.paths;
    *count = names.count;
    return OUTCOME_OK;
}

void source_list_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
}
