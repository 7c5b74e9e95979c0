/* dissect/http_body.h: the body of a request or reply while it is collected.
 *
 *      |piece| <-- |piece| <-- |piece| <-- last       in the order in which they came
 *
 * With many connections at a time, most bodies wait for their rest. So one that grows is not moved: its pieces are joined
 * once, when somebody reads it. What comes in one piece is shown where it lies, without any copy.
 */
#ifndef CMSCOPE_DISSECT_HTTP_BODY_H
#define CMSCOPE_DISSECT_HTTP_BODY_H

#include "core/buffer.h"

/* A collected body never exceeds this; real messages have kilobytes, attachments some megabytes. */
#define HTTP_BODY_MAX ((size_t)32 << 20)

struct http_piece;

struct http_body {
    struct http_piece *last; /* NULL: nothing was collected */
    const uint8_t *shown;    /* all of it; NULL: it was not joined, or there is nothing */
    uint32_t length;
    uint32_t room; /* what the last piece still takes */
};

/* Appends what fits. False when not all of it did (HTTP_BODY_MAX or the system's memory was reached). */
MUST_USE bool http_body_append(struct http_body *body, struct pool *pool, struct cursor bytes);

/* A body of which nothing was collected shows bytes that stay someone else's; nothing may be appended then. */
void http_body_show(struct http_body *body, struct cursor bytes);

/* Makes its bytes one: several pieces move to `joined`, which must stay as long as they are read. False when memory is
 * short: then it shows nothing. */
MUST_USE bool http_body_join(struct http_body *body, struct pool *pool, struct buffer *joined);

/* What it shows. */
static inline struct cursor http_body_cursor(const struct http_body *body)
{
    return cursor_of(body->shown, body->shown == NULL ? 0 : body->length);
}

/* Bytes in its pieces: none of one that shows what is someone else's. */
static inline size_t http_body_kept(const struct http_body *body)
{
    return body->last == NULL ? 0 : body->length;
}

/* Gives its pieces back; the body is empty then. */
void http_body_free(struct http_body *body, struct pool *pool);

#endif
