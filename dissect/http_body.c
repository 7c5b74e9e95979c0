/* dissect/http_body.c: see http_body.h. */
#include "dissect/http_body.h"

#include <string.h>

/* Bytes that come a few at a time share a piece. */
#define PIECE_MIN ((size_t)496)

struct http_piece {
    struct http_piece *previous;
    uint32_t length, capacity;
    uint8_t bytes[];
};

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
    size_t capacity = bytes.left < PIECE_MIN ? PIECE_MIN : bytes.left;
    struct http_piece *piece = pool_take(pool, sizeof *piece + capacity);
    if (piece == NULL)
        return false;
    piece->previous = body->last;
    piece->length = 0;
    piece->capacity = (uint32_t)capacity;
    put(piece, bytes);
    body->last = piece;
    body->length += (uint32_t)bytes.left;
    body->room = (uint32_t)(capacity - bytes.left);
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

bool http_body_join(struct http_body *body, struct buffer *joined)
{
    if (body->last == NULL)
        return true;
    body->shown = body->last->bytes;
    if (body->last->previous == NULL)
        return true;
    body->shown = NULL;
    if (!buffer_reserve(joined, body->length) || joined->capacity < body->length)
        return false;
    joined->length = body->length;
    size_t end = body->length;
    for (const struct http_piece *piece = body->last; piece != NULL; piece = piece->previous) {
        end -= piece->length;
        memcpy(joined->bytes + end, piece->bytes, piece->length);
    }
    body->shown = joined->bytes;
    return true;
}

void http_body_free(struct http_body *body, struct pool *pool)
{
    for (struct http_piece *piece = body->last, *previous; piece != NULL; piece = previous) {
        previous = piece->previous;
        pool_give(pool, piece, sizeof *piece + piece->capacity);
    }
    *body = (struct http_body){0};
}
