/* dissect/dissect.h: what the program asks of this room: from streams to rows.
 *
 * One `struct dissect` for each worker: it shares nothing. Rows that can only be settled when the whole capture is
 * known (keys learned later, repeated transmissions) are settled by dissect_finish.
 */
#ifndef CMSCOPE_DISSECT_DISSECT_H
#define CMSCOPE_DISSECT_DISSECT_H

#include "capture/flow.h"
#include "core/limit.h"
#include "core/row.h"
#include "dissect/configmgr/message.h"

struct dissect;

struct dissect_counts {
    uint64_t tls_flows;      /* TLS connections */
    uint64_t tls_hidden;     /* of those: with content that was not decrypted */
    uint64_t tls_unverified; /* TLS records whose MAC does not verify with the keys at hand */
    uint64_t unrecognised;   /* flows with data of which no protocol was recognised */
    uint64_t http_errors;    /* HTTP streams that could not be followed at some point */
    uint64_t http_unread;    /* HTTP connections whose client began with bytes that were not understood */
    uint64_t http_truncated; /* HTTP bodies of interest with missing bytes */
    uint64_t bodies_dropped; /* HTTP bodies of interest not kept: too big, or too many at one time */
    uint64_t messages;       /* ConfigMgr messages */
    uint64_t malformed;      /* of those: not decoded to their end */
    uint64_t inflated;       /* payloads that were inflated */
    uint64_t encrypted;      /* payloads in an envelope that was not opened */
    uint64_t decrypted;      /* payloads and policies in an envelope that was opened */
    uint64_t keys_locked;    /* files of --keys with a key that a password locks */
    uint64_t keys_unread;    /* files of --keys that could not be read, or not to their end */
    uint64_t unsettled;      /* signatures not looked at again because too many waited */
    uint64_t trouble_cut;    /* messages that were cut off, of any protocol (trouble.h) */
    uint64_t trouble_malformed;
    uint64_t trouble_unsupported;
    uint64_t trouble_system;    /* messages that were not read because memory ran out */
    struct limit_counts limits; /* hit by dissectors */
};

/* `needs` is a set of enum need; `sink` is copied and must outlive the object. NULL when out of memory. */
struct dissect *dissect_new(const struct sink *sink, unsigned needs);
void dissect_free(struct dissect *dissect);

/* Memory, in bytes: for HTTP bodies that are being collected, in all flows together; for what waits for the end of the
 * capture, and for the same when no temporary file can be written (core/spill.h). */
void dissect_limit(struct dissect *dissect, uint64_t bodies, uint64_t waiting, uint64_t waiting_most);
/* Bytes that the payload of one message may inflate to, when that is less than CCM_INFLATE_MAX. */
void dissect_limit_payload(struct dissect *dissect, uint64_t inflated);

/* The key store. */
struct ccm_keys *dissect_keys(struct dissect *dissect);
/* Takes the keys in `path` (a file or a folder) before the first packet: see ccm_keyfile_load. */
MUST_USE enum outcome dissect_load_keys(struct dissect *dissect, const char *path, struct error *error);

/* Takes TLS secrets that the capture brings along (a key log), for the packets that follow. */
void dissect_take_secrets(struct dissect *dissect, struct text keylog);

/* To be given to tracker_new. */
struct flow_events dissect_events(struct dissect *dissect);

/* Moves what `from` (another worker's) learned and left waiting into `into`. The rows of `from` were moved before:
 * bases[t] is what was added to the ids of table t. */
void dissect_absorb(struct dissect *into, struct dissect *from, const int64_t bases[TABLE_COUNT]);

/* Tells that rows were renumbered: `new_id` gives the new id of a row by its old one. */
void dissect_renumber(struct dissect *dissect, int64_t (*new_id)(const void *context, enum table table, int64_t id),
                      const void *context);

/* After the last packet and tracker_finish: settles what waited. */
void dissect_finish(struct dissect *dissect);

struct dissect_counts dissect_counts(const struct dissect *dissect);

#endif
