/* capture/unpack.h: compressed captures become bytes again: gzip, zstd, xz, lz4, bzip2.
 *
 * gzip is inflated here: all that can be unpacked of a file is given, as soon as it is there. The others go through
 * libarchive, which unpacks 64 to 128 KiB at a time (lz4: one of its blocks) and gives nothing of the last such part
 * when the file is cut off in it.
 */
#ifndef CMSCOPE_CAPTURE_UNPACK_H
#define CMSCOPE_CAPTURE_UNPACK_H

#include <sys/types.h>

#include "core/cursor.h"

/* What the longest magic needs. */
#define UNPACK_HEAD 8

struct unpack;

/* Where packed bytes come from: how many were read, 0 at the end, -1 on an error (told elsewhere). */
struct unpack_source {
    void *context;
    ssize_t (*read)(void *context, void *bytes, size_t size);
};

/* The name of the compression that `head` starts with; NULL when it is none of these. */
const char *unpack_recognise(struct cursor head);

/* OUTCOME_SYSTEM or OUTCOME_MALFORMED: error->text says why. `source` yields `head` too. */
MUST_USE enum outcome unpack_open(struct cursor head, struct unpack_source source, struct unpack **unpack,
                                  struct error *error);

/* OUTCOME_OK: *length unpacked bytes, 0 at the end. OUTCOME_MORE: the packed bytes end too early; OUTCOME_MALFORMED:
 * they are damaged; OUTCOME_SYSTEM: `source` or memory failed. */
MUST_USE enum outcome unpack_read(struct unpack *unpack, void *bytes, size_t size, size_t *length, struct error *error);

void unpack_close(struct unpack *unpack);

#endif
