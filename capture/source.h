/* capture/source.h: where packets come from: capture files (pcap, pcapng, compressed ones, standard input).
 *
 * Of standard input a packet is given as soon as it is there. (Compressed with something else than gzip: as soon as the
 * block of the compression is there.)
 */
#ifndef CMSCOPE_CAPTURE_SOURCE_H
#define CMSCOPE_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "capture/packet.h"
#include "core/error.h"
#include "core/limit.h"
#include "core/text.h"

struct source;

/* What is known of a source, so far as it was read. Texts live as long as the source. */
struct source_facts {
    const char *name;      /* as given; "-" is standard input */
    const char *format;    /* "pcap" or "pcapng" */
    const char *link_type; /* libpcap's name, for example "EN10MB"; several are joined: "EN10MB,RAW"; when they are too
                              many, it ends with ",..." */
    int snap_length;       /* the longest of all interfaces */
    int64_t packets;       /* given so far */
    int64_t filtered;      /* left out by the filter so far */
    struct moment first, last;     /* of the packets given so far; packet 0 when none was */
    uint64_t sections, interfaces; /* 1 of a pcap file */
    uint64_t joined; /* more capture files that follow the first in the same file, as `cat` puts them; all are read */
    bool unusable;   /* what was read cannot be trusted: the whole file was damaged on its way (error->text says how) */
    uint64_t
        timeless; /* packets whose time is zero, or that have none (Simple Packet Block): that of the packet before */
    uint64_t filtered_tagged; /* of those left out: the filter passes them without their VLAN tags or labels */
    /* The rest is known of pcapng only. */
    uint64_t comments;     /* of packets */
    uint64_t damaged;      /* packets left out because their block contradicts itself or names no known interface */
    uint64_t dropped;      /* packets that the capturing program says it missed */
    uint64_t late_secrets; /* blocks of TLS secrets that came after source_look_ahead had failed */
    struct text
        comment; /* of the first section that has one; foreign UTF-8, up to 4 KiB; TEXT_NULL when there is none */
};

/* A name that a pcapng file gives to an address: that of whoever wrote the file, which no packet says. */
struct source_name {
    const uint8_t *address; /* 16 bytes, network order; IPv4: the first 4 */
    uint8_t version;        /* 4 or 6 */
    struct text name;       /* foreign, but UTF-8 */
};

/* Opens `path` ("-" is standard input). `filter` is a BPF expression or NULL. On OUTCOME_OK *source is owned by the
 * caller (source_close). OUTCOME_SYSTEM: no such file, no permission; OUTCOME_MALFORMED: not a capture file, or one of
 * another format: error->text names it and how to convert it; OUTCOME_UNSUPPORTED: the filter does not compile. */
MUST_USE enum outcome source_open(const char *path, const char *filter, struct source **source, struct error *error);

/* From now on: `call` is called each time that a pipe has nothing to read for half a second, before more is waited for.
 * What it is called from is source_next. */
void source_on_pause(struct source *source, void (*call)(void *context), void *context);

/* Whether a file that source_open calls malformed holds packets all the same, by its name or its first bytes: a cut
 * capture, or one of another format. Such a file is not passed over in silence. */
bool source_seems_capture(const char *path);

/* The next packet. Its moment.packet is `number` plus the packets of this source that the filter left out before, so
 * that it is the number in the file when `number` counts from 1. OUTCOME_OK; OUTCOME_MORE: the end, all was whole
 * (error->text empty) or the file is cut off (error->text says so). Any other: error->text says that it is damaged, or
 * that something in it could not be used, and error->offset where. All packets given before are good. */
MUST_USE enum outcome source_next(struct source *source, int64_t number, struct packet *packet, struct error *error);

/* Is the next packet there already, so that asking for it waits for nothing, and the bytes of the packets before stay
 * valid? Never said of pcapng, nor with a filter: more than one block or packet may have to be read. */
bool source_ready(const struct source *source);

struct source_facts source_facts(const struct source *source);

/* TLS key log lines (NSS format) that the file brought so far, for a TLS decoder; secret, so never to be shown. Valid
 * until the next packet is read. Empty when there are none. */
struct text source_secrets(const struct source *source);
/* Adds the secrets that stand further on in the file; to be called when the first packet is met that may need them,
 * since it reads the heads of all blocks. False when the input cannot be read twice (facts.late_secrets then counts). */
bool source_look_ahead(struct source *source);

size_t source_name_count(const struct source *source);
struct source_name source_name(const struct source *source, size_t index);

/* Limits that were hit so far. */
struct limit_counts source_limits(const struct source *source);

void source_close(struct source *source);

/* Capture time of the first packet in `path` in nanoseconds, to put several files in time order; OUTCOME_MORE when the
 * file holds no packet. Otherwise as source_open. */
MUST_USE enum outcome source_first_time(const char *path, int64_t *time_ns, struct error *error);

/* Names of the capture files that `path` stands for: itself when it is a file or "-", or all files in it, by name, when
 * it is a folder (not deeper). *paths is a malloc'd array of malloc'd names, owned by the caller (source_list_free). */
MUST_USE enum outcome source_list(const char *path, char ***paths, size_t *count, struct error *error);
void source_list_free(char **paths, size_t count);
/* How many folders are in the folder `path`, which source_list does not look into; 0 when it is no folder. */
size_t source_list_folders(const char *path);

#endif
