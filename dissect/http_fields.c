/* dissect/http_fields.c: see http_fields.h.
 *
 *   method SP target SP HTTP/1.x CRLF         HTTP/1.x SP status [SP reason] CRLF
 *   name ":" OWS value OWS CRLF ... CRLF      (RFC 9112 sections 2.1, 3, 4, 5)
 */
#include "dissect/http_fields.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METHOD_MAX 64
#define VERSION_LENGTH 8 /* "HTTP/1.1" */

static const struct text NAMES[HTTP_FIELD_COUNT] = {
#define FIELD(id, name) [HTTP_FIELD_##id] = TEXT(name),
    HTTP_FIELDS(FIELD)
#undef FIELD
};

/* The last letter and the length of a name in one byte: most names differ in it. */
#define TAG(length, last) ((uint8_t)(7U * (length) + ((unsigned char)(last) | 0x20U)))

static const uint8_t TAGS[HTTP_FIELD_COUNT] = {
#define FIELD(id, name) [HTTP_FIELD_##id] = TAG(sizeof(name) - 1, (name)[sizeof(name) - 2]),
    HTTP_FIELDS(FIELD)
#undef FIELD
};

/* HTTP_FIELD_COUNT when nobody asks for it. */
static enum http_field field_named(struct text name)
{
    uint8_t tag = name.length == 0 ? 0 : TAG(name.length, name.at[name.length - 1]);
    const uint8_t *at = TAGS + HTTP_FIELD_TARGET, *end = TAGS + HTTP_FIELD_COUNT;
    while (++at < end && (at = memchr(at, tag, (size_t)(end - at))) != NULL) {
        if (text_is_like(name, NAMES[at - TAGS].at))
            return (enum http_field)(at - TAGS);
    }
    return HTTP_FIELD_COUNT;
}

struct text http_notes_text(unsigned notes, struct arena *arena)
{
    static const char *const names[] = {
        "conflicting Content-Length",
        "bad Content-Length",
        "Content-Length and Transfer-Encoding",
        "bad Transfer-Encoding",
        "folded header",
        "space before colon",
        "header without colon",
        "bare LF",
        "several Host",
        "bad version",
        "headers beyond 128 KiB",
        "coding of the body not read",
        "coding of the body broken",
    };
    struct text list = TEXT_NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (notes & 1u << i)
            list = text_format(arena, "%.*s%s%s", (int)list.length, list.at == NULL ? "" : list.at,
                               list.at == NULL ? "" : ", ", names[i]);
    }
    return list;
}

/* ---- Lines ---- */

/* The next line without its end; false when it has none. */
static bool take_line(struct cursor *bytes, struct text *line, unsigned *notes)
{
    const uint8_t *end = bytes->left == 0 ? NULL : memchr(bytes->at, '\n', bytes->left);
    struct cursor taken;
    if (end == NULL || !cursor_take(bytes, (size_t)(end - bytes->at) + 1, &taken))
        return false;
    *line = (struct text){(const char *)taken.at, taken.left - 1};
    if (line->length > 0 && line->at[line->length - 1] == '\r')
        line->length--;
    else
        *notes |= HTTP_NOTE_BARE_LF;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct text from(struct text text, size_t at)
{
    return (struct text){text.at + at, text.length - at};
}

/* ---- Start lines ---- */

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token(unsigned char c)
{
    return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 9112 section 3.2: a path, "*", an absolute URI; after CONNECT a host. */
static bool is_target(struct text method, struct text target)
{
    if (target.length == 0)
        return false;
    if (target.at[0] == '/' || target.at[0] == '*')
        return true;
    if (text_is(method, "CONNECT"))
        return target.at[0] == '[' || isalnum((unsigned char)target.at[0]);
    return text_starts_like(target, "http:") || text_starts_like(target, "https:");
}

static bool is_version(struct text text)
{
    return text.length == VERSION_LENGTH && memcmp(text.at, "HTTP/1.", VERSION_LENGTH - 1) == 0 &&
           isdigit((unsigned char)text.at[VERSION_LENGTH - 1]);
}

static bool request_line(struct text line, struct http_head *head)
{
    size_t end = 0;
    while (end < line.length && end < METHOD_MAX && is_token((unsigned char)line.at[end]))
        end++;
    if (end == 0 || end == line.length || !is_blank(line.at[end]))
        return false;
    struct text method = {line.at, end}, target = text_trim(from(line, end));
    size_t last = target.length;
    while (last > 0 && !is_blank(target.at[last - 1]))
        last--;
    struct text version = from(target, last);
    head->bare = last == 0 || version.length < 5 || memcmp(version.at, "HTTP/", 5) != 0;
    head->notes |= head->bare || is_version(version) ? 0 : HTTP_NOTE_VERSION;
    if (!head->bare)
        target.length = last;
    target = text_trim(target);
    head->fields[HTTP_FIELD_METHOD] = method;
    head->fields[HTTP_FIELD_TARGET] = target;
    return is_target(method, target);
}

static bool status_line(struct text line, struct http_head *head)
{
    struct text version = line, rest;
    version.length = line.length < VERSION_LENGTH ? line.length : VERSION_LENGTH;
    if (!is_version(version))
        return false;
    rest = text_trim(from(line, VERSION_LENGTH));
    unsigned status = 0;
    size_t digits = 0;
    while (digits < rest.length && digits < 3 && isdigit((unsigned char)rest.at[digits]))
        status = status * 10 + (unsigned)(rest.at[digits++] - '0');
    head->status = (uint16_t)status;
    return digits == 3 && status >= 100 && (rest.length == 3 || !isdigit((unsigned char)rest.at[3]));
}

/* Methods that real clients send: RFC 9110, WebDAV (RFC 4918, 3253, 5323), PATCH, BITS ([MS-BPAU]), ConfigMgr, RPC over HTTP
 * ([MS-RPCH]). Only these are believed without a version. */
bool http_method_known(struct text method)
{
    static const char *const methods[] = {
        "GET",     "POST",     "HEAD",    "CCM_POST",  "PUT",          "DELETE",       "OPTIONS",
        "CONNECT", "TRACE",    "PATCH",   "COPY",      "MOVE",         "PROPFIND",     "PROPPATCH",
        "LOCK",    "UNLOCK",   "MKCOL",   "BITS_POST", "RPC_IN_DATA",  "RPC_OUT_DATA", "REPORT",
        "SEARCH",  "CHECKOUT", "CHECKIN", "MERGE",     "BITS_COMMAND",
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (text_is(method, methods[i]))
            return true;
    }
    return false;
}

bool http_bare_allowed(struct text method, struct text target)
{
    bool one_word = target.length == 0 || memchr(target.at, ' ', target.length) == NULL;
    return text_is(method, "GET") || (http_method_known(method) && one_word);
}

/* Reads a start line; `whole`: its end was seen. */
static bool start_line(enum http_side side, struct text line, bool whole, struct http_head *head)
{
    if (side == HTTP_REPLY)
        return status_line(line, head);
    if (!request_line(line, head))
        return false;
    struct text method = head->fields[HTTP_FIELD_METHOD];
    if (head->bare && whole && !text_is(method, "GET"))
        head->notes |= HTTP_NOTE_VERSION;
    return !whole || !head->bare || http_bare_allowed(method, head->fields[HTTP_FIELD_TARGET]);
}

/* ---- Finding the end ---- */

/* Whether the first bytes of a line that is not whole can start a message. */
static bool may_start(enum http_side side, struct cursor bytes)
{
    static const char version[] = "HTTP/1.";
    if (side == HTTP_REPLY)
        return memcmp(bytes.at, version, bytes.left < sizeof version - 1 ? bytes.left : sizeof version - 1) == 0;
    size_t i = 0;
    while (i < bytes.left && i < METHOD_MAX && is_token(bytes.at[i]))
        i++;
    return i == bytes.left || (i > 0 && is_blank((char)bytes.at[i]));
}

/* The first line: bad, or the end of a request without headers, or more is needed. */
static enum http_scan scan_first(enum http_side side, struct cursor line)
{
    struct http_head head; /* as far as a start line fills it */
    struct text text;
    unsigned notes = head.notes = 0;
    head.bare = false;
    if (!take_line(&line, &text, &notes) || !start_line(side, text, true, &head))
        return HTTP_SCAN_BAD;
    return head.bare ? HTTP_SCAN_DONE : HTTP_SCAN_MORE;
}

enum http_scan http_scan(enum http_side side, struct cursor bytes, struct http_scanned *scanned, size_t *length)
{
    for (;;) {
        const uint8_t *end =
            scanned->seen < bytes.left ? memchr(bytes.at + scanned->seen, '\n', bytes.left - scanned->seen) : NULL;
        if (end == NULL) {
            scanned->seen = bytes.left;
            return scanned->line > 0 || may_start(side, bytes) ? HTTP_SCAN_MORE : HTTP_SCAN_BAD;
        }
        size_t at = (size_t)(end - bytes.at), line = scanned->line;
        scanned->line = scanned->seen = at + 1;
        *length = at + 1;
        if (line > 0 && (at == line || (at == line + 1 && bytes.at[line] == '\r')))
            return HTTP_SCAN_DONE;
        enum http_scan first = line == 0 ? scan_first(side, cursor_of(bytes.at, at + 1)) : HTTP_SCAN_MORE;
        if (first != HTTP_SCAN_MORE)
            return first;
    }
}

/* ---- Headers ---- */

/* Digits, as far as they go; several values separated by commas must agree (RFC 9110 section 8.6). */
static void read_length(struct text text, struct http_head *head)
{
    while (text.length > 0) {
        struct text item = text;
        const char *comma = memchr(text.at, ',', text.length);
        if (comma != NULL)
            item.length = (size_t)(comma - text.at);
        text = comma == NULL ? from(text, text.length) : from(text, item.length + 1);
        uint64_t length = 0;
        item = text_trim(item);
        if (!text_to_u64(item, &length)) {
            size_t digits = 0;
            while (digits < item.length && isdigit((unsigned char)item.at[digits]))
                digits++;
            item.length = digits;
            head->notes |= HTTP_NOTE_BAD_LENGTH;
            if (!text_to_u64(item, &length))
                continue;
        }
        if (head->has_length && head->length != length)
            head->notes |= HTTP_NOTE_LENGTHS;
        if (!head->has_length)
            head->length = length;
        head->has_length = true;
    }
}

/* RFC 9112 section 6.1: only where "chunked" is the last coding does it say where the body ends. */
static void read_framing(struct http_head *head)
{
    struct text coding = head->fields[HTTP_FIELD_TRANSFER_ENCODING];
    if (head->fields[HTTP_FIELD_CONTENT_LENGTH].at != NULL)
        read_length(head->fields[HTTP_FIELD_CONTENT_LENGTH], head);
    if (coding.at == NULL || text_is_like(coding, "identity"))
        return;
    size_t last = coding.length;
    while (last > 0 && coding.at[last - 1] != ',')
        last--;
    head->chunked = text_is_like(text_trim(from(coding, last)), "chunked");
    head->notes |= head->chunked ? 0 : HTTP_NOTE_BAD_CODING;
    head->notes |= head->has_length ? HTTP_NOTE_LENGTH_CODING : 0;
    head->has_length = head->has_length && !head->chunked;
}

static struct text join(struct text first, const char *between, struct text second, struct arena *arena)
{
    size_t gap = strlen(between);
    char *out = arena_alloc(arena, first.length + gap + second.length);
    if (out == NULL)
        return first;
    memcpy(out, first.at, first.length);
    memcpy(out + first.length, between, gap);
    if (second.length > 0)
        memcpy(out + first.length + gap, second.at, second.length);
    return (struct text){out, first.length + gap + second.length};
}

/* A header line; returns its field. */
static enum http_field header_line(struct text line, struct arena *arena, struct http_head *head)
{
    const char *colon = memchr(line.at, ':', line.length);
    if (colon == NULL) {
        head->notes |= HTTP_NOTE_NO_COLON;
        return HTTP_FIELD_COUNT;
    }
    struct text name = {line.at, (size_t)(colon - line.at)}, value = text_trim(from(line, name.length + 1));
    if (name.length > 0 && is_blank(name.at[name.length - 1])) {
        head->notes |= HTTP_NOTE_SPACE;
        name = text_trim(name);
    }
    enum http_field field = field_named(name);
    if (field == HTTP_FIELD_COUNT)
        return field;
    struct text *kept = &head->fields[field];
    if (kept->at != NULL && field == HTTP_FIELD_HOST)
        head->notes |= HTTP_NOTE_HOSTS;
    *kept = kept->at == NULL ? value : join(*kept, ", ", value, arena);
    return field;
}

bool http_head_parse(enum http_side side, struct cursor bytes, struct arena *arena, struct http_head *head)
{
    struct text line;
    enum http_field last = HTTP_FIELD_COUNT;
    memset(head, 0, sizeof *head);
    bool whole = take_line(&bytes, &line, &head->notes);
    if (!whole) {
        line = text_trim(text_from(bytes));
        bytes = CURSOR_EMPTY;
    }
    if (!start_line(side, line, whole, head))
        return false;
    while (take_line(&bytes, &line, &head->notes) && line.length > 0) {
        if (!is_blank(line.at[0])) {
            last = header_line(line, arena, head);
            continue;
        }
        head->notes |= HTTP_NOTE_FOLDED;
        if (last != HTTP_FIELD_COUNT)
            head->fields[last] = join(head->fields[last], " ", text_trim(line), arena);
    }
    read_framing(head);
    return true;
}

/* ---- Keeping ---- */

struct kept {
    uint32_t at, length;
    uint8_t field;
};

struct http_fields {
    uint32_t size;
    uint8_t count;
    struct kept kept[]; /* then the texts */
};

struct http_fields *http_fields_new(const struct http_head *head, struct arena *arena, struct pool *pool)
{
    struct text texts[HTTP_FIELD_COUNT];
    size_t count = 0, bytes = 0;
    for (enum http_field field = 0; field < HTTP_FIELD_COUNT; field++) {
        if (head->fields[field].at == NULL)
            continue;
        texts[field] = text_utf8(arena, head->fields[field]);
        bytes += texts[field].length;
        count++;
    }
    size_t size = sizeof(struct http_fields) + count * sizeof(struct kept) + bytes;
    struct http_fields *fields = count == 0 || bytes > UINT32_MAX / 2 ? NULL : pool_take(pool, size);
    if (fields == NULL)
        return NULL;
    *fields = (struct http_fields){.size = (uint32_t)size};
    size_t at = sizeof *fields + count * sizeof(struct kept);
    for (enum http_field field = 0; field < HTTP_FIELD_COUNT; field++) {
        if (head->fields[field].at == NULL || texts[field].at == NULL)
            continue;
        fields->kept[fields->count++] = (struct kept){(uint32_t)at, (uint32_t)texts[field].length, (uint8_t)field};
        memcpy((char *)fields + at, texts[field].at, texts[field].length);
        at += texts[field].length;
    }
    return fields;
}

void http_fields_free(struct http_fields *fields, struct pool *pool)
{
    pool_give(pool, fields, http_fields_size(fields));
}

size_t http_fields_size(const struct http_fields *fields)
{
    return fields == NULL ? 0 : fields->size;
}

struct text http_fields_get(const struct http_fields *fields, enum http_field field)
{
    for (size_t i = 0; fields != NULL && i < fields->count; i++) {
        if (fields->kept[i].field == field)
            return (struct text){(const char *)fields + fields->kept[i].at, fields->kept[i].length};
    }
    return TEXT_NULL;
}

struct text http_header(const struct http_exchange *exchange, enum http_side side, const char *name)
{
    enum http_field field = field_named(text_of(name));
    assert(field != HTTP_FIELD_COUNT); /* HTTP_FIELDS lacks it */
    return http_fields_get(exchange->fields[side], field);
}

struct text http_method(const struct http_exchange *exchange)
{
    return http_fields_get(exchange->fields[HTTP_REQUEST], HTTP_FIELD_METHOD);
}

struct text http_uri(const struct http_exchange *exchange)
{
    return http_fields_get(exchange->fields[HTTP_REQUEST], HTTP_FIELD_TARGET);
}

int http_status(const struct http_exchange *exchange)
{
    return exchange->status;
}
