/* dissect/http_body.c: see http_body.h. */
#include "dissect/http_body.h"

#include <stddef.h>
#include <string.h>

/* Bytes that come a few at a time share a piece. */
#define PIECE_MIN ((size_t)496)

struct http_piece {
    struct http_piece *previous;
    uint32_t length;
    uint8_t bytes[];
};

/* With room for the bytes that it was made for, and for PIECE_MIN. */
static size_t piece_size(size_t length)
{
    return offsetof(struct http_piece, bytes) + (length < PIECE_MIN ? PIECE_MIN : length);
}

static void put(struct http_piece *piece, struct cursor bytes)
{
    if (bytes.left == 0)
        return;
    memcpy(piece->bytes + piece->length, bytes.at, bytes.left);
    piece->length += (uint32_t)bytes.left;
}

/* A piece with the bytes, behind the last one. */
static MUST_USE bool add(struct http_body *body, struct pool *pool, struct cursor bytes)
{
    struct http_piece *piece = pool_take(pool, piece_size(bytes.left));
    if (piece == NULL)
        return false;
    piece->previous = body->last;
    piece->length = 0;
    put(piece, bytes);
    body->last = piece;
    body->length += (uint32_t)bytes.left;
    body->room = bytes.left < PIECE_MIN ? (uint32_t)(PIECE_MIN - bytes.left) : 0;
    return true;
}

bool http_body_append(struct http_body *body, struct pool *pool, struct cursor bytes)
{
    struct cursor head, rest = bytes;
    size_t fits = HTTP_BODY_MAX - body->length;
    bool all = bytes.left <= fits;
    if (!all)
        rest.left = fits;
    if (body->room > 0 && cursor_take(&rest, rest.left < body->room ? rest.left : body->room, &head)) {
        put(body->last, head);
        body->length += (uint32_t)head.left;
        body->room -= (uint32_t)head.left;
    }
    return (rest.left == 0 || add(body, pool, rest)) && all;
}

void http_body_show(struct http_body *body, struct cursor bytes)
{
    body->shown = bytes.at;
    body->length = (uint32_t)(bytes.left < HTTP_BODY_MAX ? bytes.left : HTTP_BODY_MAX);
}

/* The last piece leaves. */
static void drop_last(struct http_body *body, struct pool *pool)
{
    struct http_piece *last = body->last;
    body->last = last->previous;
    pool_give(pool, last, piece_size(last->length));
}

bool http_body_join(struct http_body *body, struct pool *pool, struct buffer *joined)
{
    if (body->last == NULL)
        return true;
    if (body->last->previous == NULL) {
        body->shown = body->last->bytes;
        return true;
    }
    if (!buffer_reserve(joined, body->length) || joined->capacity < body->length)
        return false;
    joined->length = body->length;
    for (size_t end = body->length; body->last != NULL; drop_last(body, pool)) {
        end -= body->last->length;
        memcpy(joined->bytes + end, body->last->bytes, body->last->length);
    }
    body->shown = joined->bytes;
    body->room = 0;
    return true;
}

void http_body_free(struct http_body *body, struct pool *pool)
{
    while (body->last != NULL)
        drop_last(body, pool);
    *body = (struct http_body){0};
}
