/* cli/pipeline.c: see pipeline.h. */
#define _GNU_SOURCE
#include "cli/pipeline.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture/input.h"
#include "capture/link_type.h"
#include "capture/source.h"
#include "cli/worker.h"
#include "core/stop.h"
#include "dissect/ipsec.h"
#include "report/facts.h"
#include "rules/site.h"

/* One file to read. */
struct item {
    char *path;
    int64_t first_time;   /* ns; files are read in the order of their first packets */
    size_t given;         /* position among all, to keep equal ones in order */
    bool found;           /* in a folder: it may be anything */
    bool passed_over;     /* and is no capture */
    size_t argument;      /* of -r: that folder */
    bool listed;          /* gets a row of `input` */
    struct input_row row; /* without its texts */
    char *link_type;      /* of the row */
    struct error problem;
};

/* Packets are read ahead as long as their bytes stay where they are: see tracker_segments. */
#define PENDING_MAX 64

struct pipeline {
    const struct options *options;
    struct store *store;
    struct sink sink;
    struct decoder *decoder;
    struct workers *workers;
    struct item *items;
    size_t item_count;
    int64_t packets;
    struct moment last;
    struct site *site;                    /* NULL: none was given */
    struct sighting pending[PENDING_MAX]; /* read, and not yet handed on */
    size_t pending_count;
    struct pipeline_result *result;
    struct store *names;        /* rows of input_name, until the workers are done */
    struct limit_counts limits; /* hit by files */
    bool progress;
    double progress_at;
    int64_t filtered;                                  /* packets that the filter left out */
    uint64_t dropped, damaged, timeless, late_secrets; /* what source_facts tells of all inputs */
    uint64_t joined, filtered_tagged;                  /* likewise */
    uint64_t empty;                                    /* captures without a packet */
    uint64_t passed_over;                              /* files in folders that are no captures */
    uint64_t folders;                                  /* in folders: not looked into */
    const struct pipeline_watch *watch;                /* NULL: nobody looks */
    double looked_at;                                  /* when they were last called, in seconds */
    bool interrupted;                                  /* a signal ended the reading */
};

static bool add_item(struct pipeline *pipeline, const char *path)
{
    struct item *items = realloc(pipeline->items, (pipeline->item_count + 1) * sizeof *items);
    if (items == NULL)
        return false;
    pipeline->items = items;
    char *copy = strdup(path);
    if (copy == NULL)
        return false;
    items[pipeline->item_count] = (struct item){.path = copy, .given = pipeline->item_count};
    pipeline->item_count++;
    return true;
}

/* A file of a folder, or what the option -r names itself. */
static void list_input(struct pipeline *pipeline, size_t argument, const char *path)
{
    if (!add_item(pipeline, path)) {
        complain("%s: no memory to read it", path);
        pipeline->result->unreadable = true;
        return;
    }
    struct item *item = &pipeline->items[pipeline->item_count - 1];
    item->found = strcmp(path, pipeline->options->reads[argument]) != 0;
    item->argument = argument;
}

static void list_inputs(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->options->read_count; i++) {
        const char *given = pipeline->options->reads[i];
        char **paths;
        size_t count;
        struct error error = {0};
        pipeline->folders += source_list_folders(given);
        if (source_list(given, &paths, &count, &error) != OUTCOME_OK) {
            list_input(pipeline, i, given);
            if (pipeline->item_count > 0)
                pipeline->items[pipeline->item_count - 1].problem = error;
            continue;
        }
        for (size_t j = 0; j < count; j++)
            list_input(pipeline, i, paths[j]);
        source_list_free(paths, count);
    }
}

static int compare_items(const void *a, const void *b)
{
    const struct item *left = a, *right = b;
    if (left->first_time != right->first_time)
        return left->first_time < right->first_time ? -1 : 1;
    return left->given < right->given ? -1 : left->given > right->given;
}

/* Several files are one capture, in time order. Standard input cannot be looked at twice, so it comes last. */
static void order_inputs(struct pipeline *pipeline)
{
    if (pipeline->item_count < 2)
        return;
    for (size_t i = 0; i < pipeline->item_count; i++) {
        struct item *item = &pipeline->items[i];
        item->first_time = INT64_MAX;
        if (item->problem.outcome == OUTCOME_OK && strcmp(item->path, "-") != 0 &&
            source_first_time(item->path, &item->first_time, NULL) != OUTCOME_OK)
            item->first_time = INT64_MAX;
    }
    qsort(pipeline->items, pipeline->item_count, sizeof *pipeline->items, compare_items);
}

#define PROGRESS_EVERY 65536 /* packets between two looks at the clock */

static double seconds_now(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#define LOOK_EVERY 1.0 /* seconds */

static void look_at_records(struct pipeline *pipeline)
{
    if (pipeline->watch == NULL)
        return;
    double now = seconds_now();
    if (now - pipeline->looked_at < LOOK_EVERY)
        return;
    if (pipeline->looked_at > 0) /* a second has passed since the first packet */
        pipeline->watch->look(pipeline->watch->context);
    pipeline->looked_at = now;
}

static void show_progress(struct pipeline *pipeline, const char *path)
{
    struct timespec now;
    if (!pipeline->progress || pipeline->packets % PROGRESS_EVERY != 0 || clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return;
    double seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    if (seconds - pipeline->progress_at < 0.5)
        return;
    pipeline->progress_at = seconds;
    fputs("\r\x1b[K", stderr);
    text_print_safe(stderr, text_of(path));
    fprintf(stderr, ": %lld packets", (long long)pipeline->packets);
}

static void end_progress(struct pipeline *pipeline)
{
    if (pipeline->progress_at > 0)
        fputs("\r\x1b[K", stderr);
    pipeline->progress_at = 0;
}

/* What is being read: how far the secrets that it brings were handed on. */
struct reading {
    struct source *source;
    size_t secrets;
    bool looked_ahead;
};

/* TLS secrets that the capture brought since the packet before: for the packets from here on. */
static void take_secrets(struct pipeline *pipeline, struct reading *reading)
{
    struct text secrets = source_secrets(reading->source);
    if (secrets.length <= reading->secrets)
        return;
    workers_secrets(pipeline->workers, (struct text){secrets.at + reading->secrets, secrets.length - reading->secrets});
    reading->secrets = secrets.length;
}

#define TDS_HEADER 8 /* TDS wraps the handshake (MS-TDS 2.2.6.5) */

/* A record of a TLS handshake: from here on secrets matter, also those that stand behind it in the file. */
static bool starts_tls(struct cursor payload)
{
    static const uint8_t record[] = {22, 3}; /* RFC 8446 section 5.1 */
    struct cursor inside;
    return cursor_starts(payload, record, sizeof record) ||
           (cursor_slice(payload, TDS_HEADER, sizeof record, &inside) && cursor_starts(inside, record, sizeof record));
}

/* Before the first handshake is handed on. */
static void look_ahead(struct pipeline *pipeline, struct reading *reading, struct cursor payload)
{
    if (reading->looked_ahead || !starts_tls(payload))
        return;
    reading->looked_ahead = true;
    (void)source_look_ahead(reading->source); /* what comes late is counted */
    take_secrets(pipeline, reading);
}

static void hand_on(struct pipeline *pipeline)
{
    workers_segments(pipeline->workers, pipeline->pending, pipeline->pending_count);
    pipeline->pending_count = 0;
}

/* Does the decoder own the payload (a datagram put together from fragments), so that the next packet overwrites it? */
static bool is_decoders(const struct segment *segment, const struct packet *packet)
{
    uintptr_t at = (uintptr_t)segment->payload.at, start = (uintptr_t)packet->bytes.at;
    return segment->payload.left > 0 && (at < start || at - start >= packet->bytes.left);
}

static void take_packet(struct pipeline *pipeline, const struct packet *packet, struct reading *reading)
{
    bool ready = source_ready(reading->source); /* the packet's bytes stay until another one was read */
    struct sighting *sighting = &pipeline->pending[pipeline->pending_count];
    pipeline->packets++;
    pipeline->last = packet->moment;
    if (decoded_has_flow(decoder_packet(pipeline->decoder, packet, &sighting->segment))) {
        look_ahead(pipeline, reading, sighting->segment.payload);
        sighting->moment = packet->moment;
        sighting->passed = INT64_MIN;
        pipeline->pending_count++;
        ready = ready && !is_decoders(&sighting->segment, packet);
    }
    if (!ready || pipeline->pending_count == PENDING_MAX)
        hand_on(pipeline);
}

/* What will be known of a file. It is written when the workers are done: until then the store is theirs. */
static void note_input(struct pipeline *pipeline, struct item *item, const struct source_facts *facts)
{
    struct input_row row = input_row_null();
    row.packets = 0;
    pipeline->empty += facts != NULL && facts->packets + facts->filtered == 0 && item->problem.text[0] == '\0';
    if (facts != NULL) {
        row.packets = facts->packets;
        item->link_type = facts->link_type == NULL ? NULL : strdup(facts->link_type);
        row.snap_length = facts->snap_length;
    }
    if (facts != NULL && facts->packets > 0) {
        row.packet = facts->first.packet;
        row.time = moment_seconds(facts->first);
        row.last_packet = facts->last.packet;
        row.last_time = moment_seconds(facts->last);
    }
    item->row = row;
    item->listed = true;
}

/* Names that the file gives to addresses. They are written when the workers are done, as the rows of `input` are. */
static void note_names(struct pipeline *pipeline, const struct item *item, const struct source *source)
{
    struct sink sink = store_sink(pipeline->names);
    for (size_t i = 0; i < source_name_count(source); i++) {
        struct source_name name = source_name(source, i);
        struct address address = {.version = name.version};
        struct input_name_row row = input_name_row_null();
        char host[ADDRESS_TEXT_MAX];
        memcpy(address.bytes, name.address, sizeof address.bytes);
        address_print(&address, host);
        row.file = text_of(item->path);
        row.host = text_of(host);
        row.name = name.name;
        sink_append(&sink, TABLE_input_name, &row);
    }
}

static void write_names(struct pipeline *pipeline)
{
    for (int64_t id = 1; id <= store_count(pipeline->names, TABLE_input_name); id++)
        sink_append(&pipeline->sink, TABLE_input_name, store_row(pipeline->names, TABLE_input_name, id));
}

/* After a signal nothing more is opened. */
static void pass_over(struct pipeline *pipeline, struct item *item)
{
    error_set(&item->problem, OUTCOME_SYSTEM, 0, "%s was not read: %s", item->path, INPUT_INTERRUPTED);
    note_input(pipeline, item, NULL);
}

/* What was read so far is judged and reported; the next signal ends the program. */
static void accept_signal(struct pipeline *pipeline)
{
    if (!stop_asked())
        return;
    stop_accept();
    pipeline->interrupted = true;
    complain("interrupted by a signal: what was read so far is reported; another signal ends at once");
}

static void write_inputs(const struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->item_count; i++) {
        struct item *item = &pipeline->items[i];
        if (!item->listed)
            continue;
        item->row.file = text_of(item->path);
        item->row.link_type = text_of(item->link_type);
        if (item->problem.text[0] != '\0')
            item->row.problem = text_of(item->problem.text);
        sink_append(&pipeline->sink, TABLE_input, &item->row);
    }
}

static bool is_empty_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

/* A file that could not be opened. In a folder it may be anything, but what holds packets, or held them, is named; one
 * without a byte is a capture that has just been started. */
static void refuse_item(struct pipeline *pipeline, struct item *item, enum outcome outcome)
{
    item->passed_over = outcome == OUTCOME_MALFORMED && item->found && !source_seems_capture(item->path);
    if (item->passed_over) {
        pipeline->passed_over++;
        return;
    }
    complain("%s", item->problem.text);
    if (item->found && is_empty_file(item->path))
        pipeline->result->incomplete = true;
    else
        pipeline->result->unreadable = pipeline->result->unreadable || !stop_asked();
    pipeline->result->bad_filter = outcome == OUTCOME_UNSUPPORTED;
    note_input(pipeline, item, NULL);
}

static void add_facts(struct pipeline *pipeline, const struct item *item, const struct source_facts *facts)
{
    pipeline->filtered += facts->filtered;
    pipeline->filtered_tagged += facts->filtered_tagged;
    pipeline->dropped += facts->dropped;
    pipeline->damaged += facts->damaged;
    pipeline->timeless += facts->timeless;
    pipeline->late_secrets += facts->late_secrets;
    pipeline->joined += facts->joined;
    if (facts->joined > 0)
        complain(
            "%s holds %llu capture files one after another: all are read, in this order; name them with -r each, and "
            "they are put in the order of time",
            item->path, (unsigned long long)facts->joined + 1);
}

static void read_item(struct pipeline *pipeline, struct item *item)
{
    struct source *source = NULL;
    struct packet packet;
    enum outcome outcome = item->problem.outcome;
    if (outcome == OUTCOME_OK)
        outcome = source_open(item->path, pipeline->options->filter, &source, &item->problem);
    if (outcome != OUTCOME_OK) {
        refuse_item(pipeline, item, outcome);
        return;
    }
    if (pipeline->watch != NULL)
        source_on_pause(source, pipeline->watch->look, pipeline->watch->context);
    struct reading reading = {.source = source};
    int64_t filtered = pipeline->filtered; /* in the files before: packets count whether they pass the filter or not */
    while ((outcome = source_next(source, pipeline->packets + filtered + 1, &packet, &item->problem)) == OUTCOME_OK) {
        take_secrets(pipeline, &reading);
        take_packet(pipeline, &packet, &reading);
        show_progress(pipeline, item->path);
        look_at_records(pipeline);
    }
    hand_on(pipeline); /* the next one was there, but damaged */
    end_progress(pipeline);
    struct source_facts facts = source_facts(source);
    if (item->problem.text[0] != '\0') {
        complain("%s", item->problem.text);
        pipeline->result->incomplete = true;
    }
    if (facts.unusable || (outcome == OUTCOME_MALFORMED && facts.packets == 0))
        pipeline->result->unreadable = true;
    struct limit_counts limits = source_limits(source);
    limit_counts_add(&pipeline->limits, &limits);
    add_facts(pipeline, item, &facts);
    note_input(pipeline, item, &facts);
    note_names(pipeline, item, source);
    source_close(source);
}

/* A folder of which all files were passed over: nobody must take its silence for a clean capture. */
static void refuse_folders(struct pipeline *pipeline)
{
    size_t items = pipeline->item_count; /* what is added has no packets, and is listed at the end */
    for (size_t argument = 0; argument < pipeline->options->read_count; argument++) {
        size_t files = 0, passed_over = 0;
        for (size_t i = 0; i < items; i++) {
            files += pipeline->items[i].argument == argument;
            passed_over += pipeline->items[i].argument == argument && pipeline->items[i].passed_over;
        }
        if (passed_over == 0 || passed_over < files || !add_item(pipeline, pipeline->options->reads[argument]))
            continue;
        struct item *item = &pipeline->items[pipeline->item_count - 1];
        error_set(&item->problem, OUTCOME_SYSTEM, 0, "%s holds no capture: %zu files were passed over",
                  pipeline->options->reads[argument], files);
        refuse_item(pipeline, item, OUTCOME_SYSTEM);
    }
}

/* ---- Coverage: what was looked at, and what was not ---- */

void pipeline_count(struct store *store, struct pipeline_result *result, const char *name, uint64_t value,
                    bool incomplete, const char *meaning)
{
    struct sink sink = store_sink(store);
    struct coverage_row row = coverage_row_null();
    row.name = text_of(name);
    row.value = value > INT64_MAX ? INT64_MAX : (int64_t)value;
    row.incomplete = incomplete;
    row.meaning = text_of(meaning);
    sink_append(&sink, TABLE_coverage, &row);
    result->incomplete = result->incomplete || (incomplete && value > 0);
}

static void write_counter(struct pipeline *pipeline, const char *name, uint64_t value, bool incomplete,
                          const char *meaning)
{
    pipeline_count(pipeline->store, pipeline->result, name, value, incomplete, meaning);
}

/* ": EN10MB, RAW": the names of the link types that are not read. */
static void name_links(const struct decoder_counts *counts, char *names, size_t size)
{
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < counts->link_count && used < size; i++) {
        int length = snprintf(names + used, size - used, "%s%s (%d)", i == 0 ? ": " : ", ",
                              link_type_name(counts->links[i].type), counts->links[i].type);
        used += length > 0 ? (size_t)length : 0;
    }
}

static void write_filter_coverage(struct pipeline *pipeline)
{
    bool nothing = pipeline->packets == 0 && pipeline->filtered > 0;
    write_counter(
        pipeline, "filter_passes_nothing", nothing, true,
        "1 when the capture filter left out all packets: -f looks at the outermost headers only, not behind VLAN "
        "tags (try -f 'vlan and ...'), labels and tunnels");
    write_counter(
        pipeline, "filtered_tagged", pipeline->filtered_tagged, true,
        "packets that the capture filter left out only for the VLAN tags, MPLS labels or PPPoE before IP, behind "
        "which it does not look: try -f 'vlan and ...'");
}

/* Packets whose IP header could be read. */
static uint64_t packets_of_ip(const struct decoder_counts *counts)
{
    uint64_t packets = 0;
    for (size_t i = 0; i < DECODED_COUNT; i++) {
        if (i != DECODED_NOT_IP && i != DECODED_UNREAD && i != DECODED_UNKNOWN_LINK && i != DECODED_MALFORMED &&
            i != DECODED_CUT)
            packets += counts->by_result[i];
    }
    return packets;
}

/* Ethernet types that are not known, each by its number; those that found no place have one counter. */
static void write_ethertypes(struct pipeline *pipeline, const struct decoder_counts *counts)
{
    uint64_t rest = counts->by_unread[UNREAD_ETHERTYPE];
    for (size_t i = 0; i < counts->ethertype_count; i++) {
        char meaning[80];
        snprintf(meaning, sizeof meaning, "packets of Ethernet type 0x%04x, which is not known",
                 (unsigned)counts->ethertypes[i].type);
        write_counter(pipeline, "unknown_ethertype", counts->ethertypes[i].packets, true, meaning);
        rest -= counts->ethertypes[i].packets;
    }
    if (rest > 0)
        write_counter(pipeline, "unread_layer", rest, true, unread_name(UNREAD_ETHERTYPE));
}

/* Exported PDUs that are not read, each by the name of its dissector; those that found no place have one counter. */
static void write_exports(struct pipeline *pipeline, const struct decoder_counts *counts)
{
    uint64_t rest = counts->by_unread[UNREAD_EXPORTED];
    for (size_t i = 0; i < counts->export_count; i++) {
        char meaning[120];
        snprintf(meaning, sizeof meaning, "exported PDUs of a protocol that is not read: Wireshark calls it \"%s\"",
                 counts->exports[i].name);
        write_counter(pipeline, "unread_export", counts->exports[i].packets, true, meaning);
        rest -= counts->exports[i].packets;
    }
    if (rest > 0)
        write_counter(pipeline, "unread_layer", rest, true, unread_name(UNREAD_EXPORTED));
}

static void write_packet_coverage(struct pipeline *pipeline)
{
    static const struct {
        enum decoded decoded;
        const char *name;
        bool incomplete;
        const char *meaning;
    } results[] = {
        {DECODED_SEGMENT, "tcp_packets", false, "packets that carried TCP"},
        {DECODED_DATAGRAM, "udp_packets", false, "packets that carried UDP"},
        {DECODED_ICMP_ERROR, "icmp_errors", false, "ICMP errors about a TCP or UDP packet"},
        {DECODED_FRAGMENT, "fragments", false, "IP fragments that waited for the rest of their datagram"},
        {DECODED_NOT_IP, "not_ip", false, "packets without IP (ARP, LLDP ...)"},
        {DECODED_ESP, "ipsec_esp", false,
         "packets in IPsec that hides what is inside, or of which too little is known"},
        {DECODED_OTHER, "other_ip", false, "IP packets of other protocols (ICMP echo, IGMP, SCTP ...)"},
        {DECODED_CUT, "headers_cut", true, "packets whose headers the capture cut off"},
        {DECODED_MALFORMED, "headers_malformed", false, "packets whose headers contradict themselves"},
        {DECODED_CHECKSUM, "checksum_wrong", true, "packets left out because a checksum is wrong"},
        {DECODED_UNKNOWN_LINK, "unknown_link", true, "packets of a link layer that is not read here"},
    };
    struct decoder_counts counts = decoder_counts(pipeline->decoder);
    char unknown[256] = "packets of a link layer that is not read here";
    name_links(&counts, unknown + strlen(unknown), sizeof unknown - strlen(unknown));
    counts.by_result[DECODED_CUT] += counts.options_cut;
    write_counter(pipeline, "packets", (uint64_t)pipeline->packets, false, "packets read");
    write_counter(pipeline, "filtered", (uint64_t)pipeline->filtered, false,
                  "packets that the capture filter left out");
    write_counter(pipeline, "dropped", pipeline->dropped, true, "packets that the capturing program says it missed");
    write_counter(pipeline, "damaged", pipeline->damaged, true,
                  "packets left out because their block contradicts itself");
    write_counter(pipeline, "late_secrets", pipeline->late_secrets, false,
                  "blocks of TLS secrets behind the first handshake in an input that is read once: they open only what "
                  "follows them");
    write_counter(pipeline, "timeless", pipeline->timeless, true,
                  "packets without a time of their own: what depends on time is not sure");
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        write_counter(pipeline, results[i].name, counts.by_result[results[i].decoded], results[i].incomplete,
                      results[i].decoded == DECODED_UNKNOWN_LINK ? unknown : results[i].meaning);
    write_ethertypes(pipeline, &counts);
    write_exports(pipeline, &counts);
    for (size_t i = UNREAD_NONE + 1; i < UNREAD_COUNT; i++) {
        if (counts.by_unread[i] > 0 && i != UNREAD_ETHERTYPE && i != UNREAD_EXPORTED)
            write_counter(pipeline, "unread_layer", counts.by_unread[i], true, unread_name((enum unread)i));
    }
    write_counter(pipeline, "no_ip", pipeline->packets > 0 && packets_of_ip(&counts) == 0, true,
                  "1 when no packet of the capture holds IP that can be read");
    write_counter(pipeline, "lengths_lost", counts.lengths_lost, true,
                  "packets shorter than their IP header says, that the capture cut without saying so");
    for (size_t i = 0; i < counts.link_count; i++)
        write_counter(pipeline, "unknown_link_type", counts.links[i].packets, false,
                      link_type_name(counts.links[i].type));
    write_counter(pipeline, "ipsec_forgotten", ipsec_forgotten(decoder_ipsec(pipeline->decoder)), true,
                  "IPsec packets of associations that there was no room for");
    write_counter(pipeline, "tunnelled", counts.tunnelled, false, "packets found inside a tunnel");
    write_counter(pipeline, "fragments_expired", counts.fragments_expired, true,
                  "fragments whose datagram never became whole");
    write_counter(pipeline, "fragments_overlapping", counts.fragments_overlapping, false, "fragments that overlap");
}

static void write_flow_coverage(struct pipeline *pipeline)
{
    struct tracker_counts counts = workers_tracker_counts(pipeline->workers);
    write_counter(pipeline, "flows", counts.flows, false, "TCP connections");
    write_counter(pipeline, "flows_evicted", counts.evicted, true, "connections forgotten to stay within memory");
    write_counter(pipeline, "gaps", counts.gaps, true, "holes in TCP streams that no packet filled");
    write_counter(pipeline, "missing_bytes", counts.missing, true, "stream bytes in those holes");
    write_counter(pipeline, "budget_gaps", counts.budget_gaps, true, "of those holes: given up to stay within memory");
    write_counter(pipeline, "conflicts", counts.conflicts, false,
                  "retransmissions with other bytes than the first time: evasion, or a fault");
    write_counter(pipeline, "never_acknowledged", counts.never_acknowledged, false,
                  "of those holes: nothing acknowledges them, so they were never sent rather than lost to the capture");
    write_counter(pipeline, "udp_conversations", counts.datagram_flows, false, "UDP conversations");
    write_counter(pipeline, "refused", counts.refused, false, "connections that were refused or not answered");
    write_counter(
        pipeline, "unacceptable", counts.unacceptable, false,
        "TCP segments without data that their receiver drops, so that nothing follows from them: an RST or FIN "
        "outside of the window, an answer that does not acknowledge the SYN");
    write_counter(pipeline, "unacceptable_data", counts.unacceptable_data, true,
                  "TCP segments with data that their receiver drops: outside of the window, or before the connection");
    write_counter(pipeline, "cut_segments", counts.cut_segments, true, "segments that the snapshot length cut");
}

static void write_content_coverage(struct pipeline *pipeline)
{
    struct dissect_counts counts = workers_dissect_counts(pipeline->workers);
    write_counter(pipeline, "tls_flows", counts.tls_flows, false, "TLS connections");
    write_counter(pipeline, "tls_hidden", counts.tls_hidden, false,
                  "of those: with content that stayed hidden, for lack of keys");
    write_counter(pipeline, "secrets_lost", workers_secrets_lost(pipeline->workers), true,
                  "bytes of TLS secrets from the capture that there was no memory for");
    write_counter(pipeline, "tls_unverified", counts.tls_unverified, true,
                  "TLS records that do not verify with the keys at hand");
    write_counter(pipeline, "unrecognised_flows", counts.unrecognised, false,
                  "connections with data of which no protocol was recognised");
    write_counter(pipeline, "http_errors", counts.http_errors, true,
                  "HTTP streams that could not be followed at some point");
    write_counter(
        pipeline, "http_unread", counts.http_unread, true,
        "HTTP connections whose client began with bytes that were not understood, though the server answered");
    write_counter(pipeline, "http_truncated", counts.http_truncated, true,
                  "HTTP bodies of interest with missing bytes");
    write_counter(pipeline, "bodies_dropped", counts.bodies_dropped, true,
                  "HTTP bodies of interest that were too big to keep");
    write_counter(pipeline, "messages", counts.messages, false, "ConfigMgr messages");
    write_counter(pipeline, "messages_malformed", counts.malformed, false, "messages not decoded to their end");
    write_counter(pipeline, "payloads_inflated", counts.inflated, false,
                  "payloads that were inflated because a rule asked");
    write_counter(pipeline, "payloads_encrypted", counts.encrypted, false,
                  "payloads in an envelope that was not opened");
    write_counter(pipeline, "payloads_decrypted", counts.decrypted, false,
                  "payloads and policies in an envelope that a key of --keys opened");
    write_counter(pipeline, "keys_none", workers_keyless(pipeline->workers), false,
                  "1 when nothing in the folder of --keys is of use");
    write_counter(pipeline, "key_files_unread", counts.keys_unread, true,
                  "files of --keys that could not be read, or not to their end");
    write_counter(pipeline, "key_files_locked", counts.keys_locked, true,
                  "files of --keys whose key a password locks: not opened");
    write_counter(pipeline, "unsettled", counts.unsettled, true, "signatures that could not wait for a key: too many");
    write_counter(pipeline, "trouble_cut", counts.trouble_cut, true,
                  "messages that were cut off: the table trouble has them");
    write_counter(pipeline, "trouble_malformed", counts.trouble_malformed, true,
                  "messages that contradict their format: the table trouble has them");
    write_counter(pipeline, "trouble_unsupported", counts.trouble_unsupported, true,
                  "messages in a form that is not read: the table trouble has them");
    write_counter(pipeline, "trouble_system", counts.trouble_system, true,
                  "messages that were not read because memory ran out");
    struct error problem = {0};
    bool failed = store_problem(pipeline->store, &problem);
    if (failed)
        complain("%s", problem.text);
    write_counter(pipeline, "spill_failed", failed, true,
                  "1 when records above the memory limit could not be written to a temporary file");
    write_counter(pipeline, "rows_lost", store_lost(pipeline->store) + store_lost(pipeline->names), true,
                  "records that could not be kept");
}

/* Limits that were hit, in whichever room. */
static void write_limit_coverage(struct pipeline *pipeline)
{
    struct limit_counts limits = decoder_counts(pipeline->decoder).limits;
    struct tracker_counts tracked = workers_tracker_counts(pipeline->workers);
    struct dissect_counts dissected = workers_dissect_counts(pipeline->workers);
    limit_counts_add(&limits, &pipeline->limits);
    limit_counts_add(&limits, &tracked.limits);
    limit_counts_add(&limits, &dissected.limits);
    for (enum limit limit = 0; limit < LIMIT_COUNT; limit++) {
        if (limits.hit[limit] > 0)
            write_counter(pipeline, limit_name(limit), limits.hit[limit], limit_loses(limit), limit_meaning(limit));
    }
}

void pipeline_complain(struct store *store)
{
    struct report report = {.store = store};
    struct facts_reason reason;
    for (int64_t i = 0; facts_reason(&report, i, &reason); i++) {
        if (reason.counter.at != NULL)
            complain("the result is incomplete (%.*s): %s", (int)reason.counter.length, reason.counter.at, reason.text);
    }
}

/* One worker for each processor, unless told otherwise. */
static size_t worker_count(const struct options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = options->threads > 0 ? options->threads : processors > 0 ? (size_t)processors : 1;
    return count < WORKERS_MAX ? count : WORKERS_MAX;
}

/* A dump of memory would hold keys, passwords and all that was captured. LeakSanitizer cannot work without the right to
 * look at the program. */
static void forbid_core_dumps(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
    (void)prctl(PR_SET_DUMPABLE, 0); /* for dumps that go to a program, which know no limit: core(5) */
#endif
}

static bool start(struct pipeline *pipeline, unsigned needs, struct error *error)
{
    forbid_core_dumps();
    const struct options *options = pipeline->options;
    pipeline->result->bad_site =
        options->site != NULL && site_load(options->site, &pipeline->site, error) != OUTCOME_OK;
    if (pipeline->result->bad_site)
        return false;
    pipeline->sink = store_sink(pipeline->store);
    pipeline->decoder = decoder_new();
    pipeline->names = store_new();
    if (pipeline->decoder == NULL || pipeline->names == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "no memory to start"), false;
    needs |= options->show_secrets ? NEED_SECRETS : NEED_NOTHING;
    store_spare_like(pipeline->names, pipeline->store);
    decoder_checksums(pipeline->decoder, options->settings.checksums);
    stop_block(); /* signals are for the thread that reads */
    enum outcome outcome = workers_start(pipeline->watch != NULL ? 1 : worker_count(options), needs, options->keys,
                                         &options->settings, pipeline->store, &pipeline->workers, error);
    stop_unblock();
    if (outcome == OUTCOME_OK && workers_keyless(pipeline->workers))
        complain("%s; what is encrypted stays hidden", error->text);
    return outcome == OUTCOME_OK;
}

static void stop(struct pipeline *pipeline)
{
    workers_free(pipeline->workers);
    site_free(pipeline->site);
    decoder_free(pipeline->decoder);
    store_free(pipeline->names);
    for (size_t i = 0; i < pipeline->item_count; i++) {
        free(pipeline->items[i].path);
        free(pipeline->items[i].link_type);
    }
    free(pipeline->items);
}

bool pipeline_run(const struct options *options, unsigned needs, struct store *store, struct pipeline_result *result,
                  struct error *error)
{
    return pipeline_run_watched(options, needs, store, NULL, result, error);
}

bool pipeline_run_watched(const struct options *options, unsigned needs, struct store *store,
                          const struct pipeline_watch *watch, struct pipeline_result *result, struct error *error)
{
    struct pipeline pipeline = {
        .options = options,
        .store = store,
        .result = result,
        .watch = watch,
        .progress = isatty(STDERR_FILENO) == 1 && !options->quiet,
    };
    *result = (struct pipeline_result){0};
    bool started = start(&pipeline, needs, error);
    if (started) {
        list_inputs(&pipeline);
        order_inputs(&pipeline);
        for (size_t i = 0; i < pipeline.item_count && !result->bad_filter; i++) {
            if (stop_asked())
                pass_over(&pipeline, &pipeline.items[i]);
            else
                read_item(&pipeline, &pipeline.items[i]);
        }
        accept_signal(&pipeline);
        refuse_folders(&pipeline);
        workers_wait(pipeline.workers);
        write_inputs(&pipeline);
        write_counter(&pipeline, "unordered", !workers_finish(pipeline.workers), true,
                      "1 when memory ran out before the records could be put in order");
        write_counter(&pipeline, "interrupted", pipeline.interrupted, true,
                      "1 when a signal ended the reading before the end of the input");
        write_counter(&pipeline, "empty_inputs", pipeline.empty, true, "captures without a packet");
        write_counter(&pipeline, "passed_over", pipeline.passed_over, false, "files in folders that are no captures");
        write_counter(&pipeline, "folders_passed_over", pipeline.folders, false,
                      "folders in the given folders, which are not looked into");
        write_counter(
            &pipeline, "joined", pipeline.joined, false,
            "captures that follow another one in the same file, as cat puts them: read in the order of the file");
        write_filter_coverage(&pipeline);
        write_names(&pipeline);
        if (pipeline.site != NULL)
            site_write(pipeline.site, &pipeline.sink);
        ipsec_write(decoder_ipsec(pipeline.decoder), &pipeline.sink);
        write_packet_coverage(&pipeline);
        write_flow_coverage(&pipeline);
        write_content_coverage(&pipeline);
        write_limit_coverage(&pipeline);
        if (pipeline.passed_over > 0)
            complain("%llu files in the given folders are no captures and were passed over",
                     (unsigned long long)pipeline.passed_over);
        if (pipeline.folders > 0)
            complain("%llu folders in the given folders were not looked into: name them with -r",
                     (unsigned long long)pipeline.folders);
    }
    stop(&pipeline);
    return started;
}
