/* capture/source.h: where packets come from: capture files (pcap, pcapng, compressed ones, standard input). */
#ifndef CMSCOPE_CAPTURE_SOURCE_H
#define CMSCOPE_CAPTURE_SOURCE_H

#include <stddef.h>

#include "capture/packet.h"
#include "core/error.h"

struct source;

/* What is known of a source. Texts live as long as the source. */
struct source_facts {
    const char *name;      /* as given; "-" is standard input */
    const char *link_type; /* libpcap's name, for example "EN10MB" */
    int snap_length;
    int64_t packets;             /* read so far */
    struct moment first, last;   /* of the packets read so far; packet 0 when none was */
};

/* Opens `path` ("-" is standard input). `filter` is a BPF expression or NULL. On OUTCOME_OK *source is owned by the
 * caller (source_close). OUTCOME_SYSTEM: no such file, no permission; OUTCOME_MALFORMED: not a capture file;
 * OUTCOME_UNSUPPORTED: the filter does not compile. */
MUST_USE enum outcome source_open(const char *path, const char *filter, struct source **source, struct error *error);

/* The next packet, whose moment.packet is set to `number`. OUTCOME_OK; OUTCOME_MORE: the end, all was whole (error->text
 * empty) or the file is cut off (error->text says so); OUTCOME_MALFORMED: it cannot be read further;
 * OUTCOME_UNSUPPORTED: pcapng whose interfaces differ in link type or snapshot length, from the second kind on. The
 * packets before are good in each case. */
MUST_USE enum outcome source_next(struct source *source, int64_t number, struct packet *packet, struct error *error);

struct source_facts source_facts(const struct source *source);

void source_close(struct source *source);

/* Capture time of the first packet in `path` in nanoseconds, to put several files in time order; OUTCOME_MORE when the
 * file holds no packet. Otherwise as source_open. */
MUST_USE enum outcome source_first_time(const char *path, int64_t *time_ns, struct error *error);

/* Names of the capture files that `path` stands for: itself when it is a file or "-", or all files in it, by name, when
 * it is a folder (not deeper). *paths is a malloc'd array of malloc'd names, owned by the caller (source_list_free). */
MUST_USE enum outcome source_list(const char *path, char ***paths, size_t *count, struct error *error);
void source_list_free(char **paths, size_t count);

#endif
