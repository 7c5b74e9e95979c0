/* dissect/internal.h: what the files of this room share, and nobody else. */
#ifndef CMSCOPE_DISSECT_INTERNAL_H
#define CMSCOPE_DISSECT_INTERNAL_H

#include <htp/htp.h>

#include "dissect/dissector.h"

/* Memory for HTTP bodies that are being collected, in all flows together. */
#define BODIES_TOTAL_MAX ((uint64_t)256 << 20)

/* Memory for the texts of one row. */
#define SCRATCH_MAX ((size_t)4 << 20)

struct tls_memory; /* tls_internal.h */

struct settle; /* settle.c: what waits for the end of the capture */

struct dissect {
    struct sink sink;
    unsigned needs;
    struct ccm_decoder decoder;
    struct dissect_counts counts;
    struct arena scratch; /* for one row of `http` */
    struct settle *settle;
    struct tls_memory *tls; /* key log and sessions */
    htp_cfg_t *http;        /* http.c: settings of libhtp */
    uint64_t bodies_total;  /* bytes of bodies that are being collected */
};

MUST_USE bool http_setup(struct dissect *dissect); /* http.c; false when out of memory */
void http_teardown(struct dissect *dissect);

MUST_USE bool tls_setup(struct dissect *dissect); /* tls_keys.c; false when out of memory */
void tls_teardown(struct dissect *dissect);
/* Takes the lines of a TLS key log; `captured` when the capture brought it. Returns how many were understood. */
size_t tls_take_keylog(struct dissect *dissect, struct text text, bool captured);

#endif
