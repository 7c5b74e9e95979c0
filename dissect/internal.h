/* dissect/internal.h: what the files of this room share, and nobody else. */
#ifndef CMSCOPE_DISSECT_INTERNAL_H
#define CMSCOPE_DISSECT_INTERNAL_H

#include <htp/htp.h>

#include "dissect/dissector.h"

/* Memory for HTTP bodies that are being collected, in all flows together, unless dissect_limit says otherwise. */
#define BODIES_TOTAL_MAX ((uint64_t)256 << 20)

/* Memory for the texts of one row. */
#define SCRATCH_MAX ((size_t)4 << 20)

struct settle; /* settle.c: what waits for the end of the capture */
struct bits;   /* bits.c: packets of uploads */

struct dissect {
    struct sink sink;
    unsigned needs;
    struct ccm_decoder decoder;
    struct dissect_counts counts;
    struct arena scratch; /* for one row of `http` */
    struct settle *settle;
    struct bits *bits;
    htp_cfg_t *http; /* http.c: settings of libhtp */
    uint64_t bodies_max;
    uint64_t bodies_total; /* bytes of bodies that are being collected */
};

MUST_USE bool http_setup(struct dissect *dissect); /* http.c; false when out of memory */
void http_teardown(struct dissect *dissect);

#endif
