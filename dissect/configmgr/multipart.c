/* dissect/configmgr/multipart.c: see multipart.h.
 *
 *   --BOUNDARY CRLF  header lines CRLF CRLF  <body>  CRLF --BOUNDARY CRLF ... <body> CRLF --BOUNDARY-- [CRLF]
 *
 * The second part is binary and has no length of its own, so it ends at the last delimiter of the body, not at the
 * first one that its bytes might happen to contain: a delimiter inside counts only when header lines follow it.
 */
#include "dissect/configmgr/multipart.h"

#include <string.h>

#include "dissect/configmgr/payload.h"

#define BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */
#define PART_HEADERS_MAX 4096

struct text ccm_multipart_boundary(struct text content_type)
{
    size_t at;
    if (!text_find_like(content_type, "boundary=", &at))
        return TEXT_NULL;
    at += strlen("boundary=");
    struct text rest = {content_type.at + at, content_type.length - at};
    bool quoted = rest.length > 0 && rest.at[0] == '"';
    if (quoted) {
        rest.at++;
        rest.length--;
    }
    size_t length = 0;
    while (length < rest.length && rest.at[length] != (quoted ? '"' : ';'))
        length++;
    struct text boundary = {rest.at, length};
    boundary = quoted ? boundary : text_trim(boundary);
    return boundary.length == 0 || boundary.length > BOUNDARY_MAX ? TEXT_NULL : boundary;
}

struct text ccm_multipart_sniff(struct cursor body)
{
    size_t end;
    if (!cursor_starts(body, "--", 2) || !cursor_find(body, cursor_of("\r\n", 2), &end))
        return TEXT_NULL;
    struct text line = text_trim((struct text){(const char *)body.at + 2, end - 2});
    return line.length == 0 || line.length > BOUNDARY_MAX ? TEXT_NULL : line;
}

/* "Name:" at the start of `line`, any case: its trimmed value. */
static bool header_value(struct text line, const char *name, struct text *value)
{
    if (!text_starts_like(line, name))
        return false;
    size_t length = strlen(name);
    *value = text_trim((struct text){line.at + length, line.length - length});
    return true;
}

/* Reads the header lines of a part up to the empty line; `part` becomes the body behind them. False when there is no such
 * line; *overlong: within the limit. */
static bool part_headers(struct cursor whole, struct ccm_part *part, bool *overlong)
{
    *part = (struct ccm_part){.content_type = TEXT_NULL, .disposition = TEXT_NULL, .coding = TEXT_NULL};
    struct cursor left = whole;
    *overlong = false;
    while (whole.left - left.left <= PART_HEADERS_MAX) {
        struct cursor line;
        size_t length;
        part->body = left;
        if (left.left == 0 && whole.left > 0) /* no body: the CRLF of the empty line is that of the delimiter */
            return true;
        if (!cursor_find(left, cursor_of("\r\n", 2), &length) || !cursor_take(&left, length, &line) ||
            !cursor_skip(&left, 2))
            return false;
        if (line.left == 0) {
            part->body = left;
            return true;
        }
        struct text text = text_from(line);
        if (!header_value(text, "content-type:", &part->content_type) &&
            !header_value(text, "content-disposition:", &part->disposition))
            header_value(text, "content-transfer-encoding:", &part->coding);
    }
    *overlong = true;
    return false;
}

/* Whether `after` (what follows a delimiter) is the start of another part: the end of the line, then a header line or
 * the empty line. */
static bool is_part_start(struct cursor after)
{
    while (cursor_starts(after, " ", 1) || cursor_starts(after, "\t", 1)) {
        if (!cursor_skip(&after, 1))
            return false;
    }
    if (!cursor_starts(after, "\r\n", 2) || !cursor_skip(&after, 2))
        return false;
    return cursor_starts(after, "\r\n", 2) || text_starts_like(text_from(after), "content-");
}

/* Offset of the next delimiter in `body` that starts a part; body.left when there is none. *inside becomes true when one
 * before it starts none. */
static size_t next_part(struct cursor body, struct cursor delimiter, bool *inside)
{
    struct cursor rest;
    size_t at, from = 0;
    while (cursor_slice(body, from, body.left - from, &rest) && cursor_find(rest, delimiter, &at)) {
        struct cursor after;
        if (cursor_slice(body, from + at + delimiter.left, body.left - from - at - delimiter.left, &after) &&
            is_part_start(after))
            return from + at;
        *inside = true;
        from += at + 1;
    }
    return body.left;
}

/* Cuts the closing delimiter and all behind it off; without one, a CRLF at the end. True when it was there. */
static bool cut_closing(struct cursor *body, struct cursor delimiter, size_t *behind)
{
    struct cursor rest = *body;
    size_t at;
    while (cursor_find_last(rest, delimiter, &at)) {
        struct cursor after;
        if (cursor_slice(*body, at + delimiter.left, 2, &after) && cursor_starts(after, "--", 2)) {
            if (cursor_slice(*body, at + delimiter.left + 2, body->left - at - delimiter.left - 2, &after))
                *behind = ccm_text_bytes(after);
            body->left = at;
            return true;
        }
        rest.left = at;
    }
    struct cursor tail;
    if (body->left >= 2 && cursor_slice(*body, body->left - 2, 2, &tail) && cursor_starts(tail, "\r\n", 2))
        body->left -= 2;
    return false;
}

enum outcome ccm_multipart_split(struct cursor body, struct text boundary, struct ccm_multipart *multipart,
                                 struct error *error)
{
    *multipart = (struct ccm_multipart){0};
    char bytes[4 + BOUNDARY_MAX] = "\r\n--";
    if (boundary.at == NULL || boundary.length == 0 || boundary.length > BOUNDARY_MAX)
        return error_set(error, OUTCOME_MALFORMED, 0, "the multipart body has no boundary");
    memcpy(bytes + 4, boundary.at, boundary.length);
    struct cursor delimiter = cursor_of(bytes, 4 + boundary.length);

    size_t at; /* of the first delimiter line, which may stand at the very start, without its CRLF */
    struct cursor first = cursor_of(bytes + 2, 2 + boundary.length);
    if (!cursor_find(body, first, &at))
        return error_set(error, OUTCOME_MALFORMED, 0, "the boundary does not occur in the body");
    multipart->before = ccm_text_bytes((struct cursor){body.at, at});
    if (!cursor_skip(&body, at + first.left))
        return error_set(error, OUTCOME_MALFORMED, 0, "the boundary does not occur in the body");
    multipart->closed = cut_closing(&body, delimiter, &multipart->behind);

    for (;;) {
        struct cursor line_end = CURSOR_EMPTY;
        size_t end = next_part(body, delimiter, &multipart->inside);
        struct cursor whole = {body.at, end};
        size_t line;
        if (!cursor_find(whole, cursor_of("\r\n", 2), &line) || !cursor_take(&whole, line + 2, &line_end))
            break;
        if (multipart->count == CCM_PARTS_MAX)
            return error_set(error, OUTCOME_LIMIT, 0, "the multipart body has more than %d parts", CCM_PARTS_MAX);
        if (!part_headers(whole, &multipart->parts[multipart->count], &multipart->overlong)) {
            multipart->unread = true;
            break;
        }
        multipart->count++;
        if (end == body.left || !cursor_skip(&body, end + delimiter.left))
            break;
    }
    if (multipart->count == 0)
        return error_set(error, OUTCOME_MALFORMED, at, "the multipart body has no part");
    return OUTCOME_OK;
}
