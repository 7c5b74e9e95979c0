/* dissect/configmgr/multipart.h: the parts of a multipart/mixed body (RFC 2046 section 5.1; wire.md 2). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_MULTIPART_H
#define CMSCOPE_DISSECT_CONFIGMGR_MULTIPART_H

#include <stdbool.h>

#include "core/text.h"

/* The boundary of the product and of its SDK, a constant (wire.md 2.1). */
#define CCM_BOUNDARY "aAbBcCdDv1234567890VxXyYzZ"

#define CCM_PARTS_MAX 8 /* a message has two, seldom three */

struct ccm_part {
    struct text content_type; /* TEXT_NULL when there is none */
    struct text disposition;  /* Content-Disposition, TEXT_NULL when there is none */
    struct text coding;       /* Content-Transfer-Encoding, TEXT_NULL when there is none */
    struct cursor body;
};

struct ccm_multipart {
    struct ccm_part parts[CCM_PARTS_MAX];
    size_t count;
    bool closed;   /* the closing delimiter was there */
    bool inside;   /* a delimiter stands inside a part: a reader that takes the first one cuts the part there */
    bool unread;   /* a part has no end of its header lines, so where its body begins is unknown */
    bool overlong; /* the header lines of a part are above the limit; `unread` as well */
    size_t before; /* bytes before the first delimiter; 0 when they are only white space and zeros */
    size_t behind; /* likewise behind the closing delimiter */
};

/* The boundary parameter of a Content-Type, quotes removed; TEXT_NULL when there is none. */
struct text ccm_multipart_boundary(struct text content_type);

/* The boundary that a body itself shows: its first line without the two hyphens; TEXT_NULL when it has no such line. */
struct text ccm_multipart_sniff(struct cursor body);

/* Splits `body`. Views into it. OUTCOME_MALFORMED when no part is found, OUTCOME_LIMIT for too many parts (those before
 * stay). A body without its closing delimiter is split as far as it goes: the last part then ends with the body, less
 * one CRLF. */
MUST_USE enum outcome ccm_multipart_split(struct cursor body, struct text boundary, struct ccm_multipart *multipart,
                                          struct error *error);

#endif
