/* cli/settings.h: what -o and --memory say: one table of settings, and how the memory is divided. */
#ifndef CMSCOPE_CLI_SETTINGS_H
#define CMSCOPE_CLI_SETTINGS_H

#include <stdio.h>

#include "capture/flow.h"

#define HOSTS_MAX 64 /* looked through for each new connection */

#define MEMORY_MIN ((uint64_t)1 << 20)
/* The least that can be promised, with one worker: the program itself, and one message that is as large as is read
 * (measured by tests/e2e/memory.py). */
#define MEMORY_LEAST ((uint64_t)96 << 20)
#define MEMORY_LEAST_TEXT "96M"
#define MEMORY_MAX ((uint64_t)1 << 40)
#define MEMORY_DEFAULT ((uint64_t)2 << 30)
#define MEMORY_DEFAULT_TEXT "2G"

struct settings {
    uint64_t memory; /* 0: not given */
    bool checksums;  /* packets with a wrong checksum are left out */
    enum overlap_policy overlap;
    struct overlap_host hosts[HOSTS_MAX];
    size_t host_count;
};

struct setting {
    const char *name; /* up to the colon */
    const char *value;
    const char *meaning;
    /* False when the value is none; complaint: what there is. */
    bool (*apply)(struct settings *settings, const char *value);
};

extern const struct setting SETTINGS[];
extern const size_t SETTING_COUNT;

/* "overlap:linux". False after writing what is wrong to standard error. */
MUST_USE bool settings_apply(struct settings *settings, const char *text);

/* "64M": K, M or G, or bytes. False when it is no size from MEMORY_MIN to MEMORY_MAX. */
MUST_USE bool memory_parse(const char *text, uint64_t *bytes);

/* Memory, in bytes, of all workers together. */
struct memory_shares {
    uint64_t records, records_most; /* struct spill_pool limit and most */
    uint64_t settle, settle_most;   /* the same, for what waits for the end of the capture */
    uint64_t flows;
    uint64_t waiting; /* segments out of order */
    uint64_t bodies;  /* HTTP bodies that are being collected */
};

/* Bytes that the payload of a message may inflate to: the same for any number of workers, so that their number changes no
 * result. */
uint64_t memory_payload(const struct settings *settings);

struct memory_shares memory_divide(const struct settings *settings);
/* What each of `count` workers gets of it. */
struct memory_shares memory_share(struct memory_shares shares, size_t count);

#endif
