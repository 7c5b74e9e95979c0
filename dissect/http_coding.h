/* dissect/http_coding.h: takes codings off a body as it comes: gzip and deflate, of content (RFC 9110 section 8.4.1) and of
 * transfer (RFC 9112 section 7.2). */
#ifndef CMSCOPE_DISSECT_HTTP_CODING_H
#define CMSCOPE_DISSECT_HTTP_CODING_H

#include "core/text.h"

/* Content-Encoding: gzip, gzip. More than that nobody sends in earnest. */
#define HTTP_CODINGS_MAX 2
/* What one body may become. */
#define HTTP_DECODED_MAX ((uint64_t)64 << 20)

struct http_coding;

typedef void http_coding_sink(void *context, struct cursor bytes);

/* Prepares to take off codings: those of Content-Encoding, then those of Transfer-Encoding but "chunked", which is taken
 * off before. OUTCOME_OK with NULL: nothing is to be taken off. Else the body cannot be read: OUTCOME_UNSUPPORTED: a coding
 * is not known here (br, zstd, compress); OUTCOME_LIMIT: too many codings; OUTCOME_SYSTEM: no memory. */
enum outcome http_coding_new(struct text content, struct text transfer, struct http_coding **coding);
/* Gives what the bytes become to `sink`. False when they cannot be decoded or become too much: now, or before. A body
 * that claims to be coded and does not begin so is given as it is. */
MUST_USE bool http_coding_take(struct http_coding *coding, struct cursor bytes, http_coding_sink *sink, void *context);
/* Whether it failed because the body became too much (HTTP_DECODED_MAX). */
bool http_coding_limited(const struct http_coding *coding);
/* Whether the end of the coded data was reached (or the body is given as it is). */
bool http_coding_ended(const struct http_coding *coding);
void http_coding_free(struct http_coding *coding);

#endif
