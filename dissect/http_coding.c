/* dissect/http_coding.c: see http_coding.h. Inflates with zlib, since bodies come in pieces. */
#include "dissect/http_coding.h"

#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define PIECE ((size_t)8 * 1024)
#define GZIP_WINDOW (15 + 16) /* zlib's way to say: gzip, largest window */
#define ZLIB_WINDOW 15
#define RAW_WINDOW (-15)

enum layer_state { LAYER_NEW, LAYER_FIRST, LAYER_OPEN, LAYER_PLAIN, LAYER_ENDED };

struct coding_layer {
    z_stream stream;
    uint8_t state; /* enum layer_state */
    uint8_t first; /* byte, when only one came so far */
    bool gzip;
};

struct http_coding {
    struct coding_layer layers[HTTP_CODINGS_MAX]; /* the outermost first */
    size_t count;
    uint64_t decoded;
    bool failed;
    http_coding_sink *sink;
    void *context;
};

static const struct {
    const char *name;
    bool known, gzip;
} CODINGS[] = {
    {"gzip", true, true},       {"x-gzip", true, true},     {"deflate", true, false},
    {"x-deflate", true, false}, {"identity", false, false}, {"", false, false},
};

/* The last coding of the list, which was put on last and comes off first. */
static struct text take_last(struct text *list)
{
    size_t at = list->length;
    while (at > 0 && list->at[at - 1] != ',')
        at--;
    struct text last = {list->at + at, list->length - at};
    list->length = at == 0 ? 0 : at - 1;
    return text_trim(last);
}

/* False when the coding is not in the table. */
static bool find_coding(struct text name, size_t *index)
{
    for (*index = 0; *index < sizeof CODINGS / sizeof CODINGS[0]; ++*index) {
        if (text_is_like(name, CODINGS[*index].name))
            return true;
    }
    return false;
}

/* Adds the codings of a list to those that come off, the last of the list first. */
static enum outcome add_codings(struct text list, bool transfer, bool gzip[HTTP_CODINGS_MAX], size_t *count)
{
    size_t index;
    while (list.length > 0) {
        struct text name = take_last(&list);
        if (transfer && text_is_like(name, "chunked"))
            continue;
        if (!find_coding(name, &index))
            return OUTCOME_UNSUPPORTED;
        if (!CODINGS[index].known)
            continue;
        if (*count == HTTP_CODINGS_MAX)
            return OUTCOME_LIMIT;
        gzip[(*count)++] = CODINGS[index].gzip;
    }
    return OUTCOME_OK;
}

enum outcome http_coding_new(struct text content, struct text transfer, struct http_coding **coding)
{
    bool gzip[HTTP_CODINGS_MAX];
    size_t count = 0;
    *coding = NULL;
    enum outcome outcome = add_codings(transfer, true, gzip, &count);
    if (outcome == OUTCOME_OK)
        outcome = add_codings(content, false, gzip, &count);
    if (outcome != OUTCOME_OK || count == 0)
        return outcome;
    struct http_coding *made = calloc(1, sizeof *made);
    if (made == NULL)
        return OUTCOME_SYSTEM;
    made->count = count;
    for (size_t i = 0; i < count; i++)
        made->layers[i].gzip = gzip[i];
    *coding = made;
    return OUTCOME_OK;
}

void http_coding_free(struct http_coding *coding)
{
    if (coding == NULL)
        return;
    for (size_t i = 0; i < coding->count; i++) {
        if (coding->layers[i].state >= LAYER_OPEN)
            inflateEnd(&coding->layers[i].stream);
    }
    free(coding);
}

bool http_coding_ended(const struct http_coding *coding)
{
    for (size_t i = 0; i < coding->count; i++) {
        uint8_t state = coding->layers[i].state;
        if (state != LAYER_ENDED && state != LAYER_PLAIN && state != LAYER_NEW)
            return false;
    }
    return true;
}

bool http_coding_limited(const struct http_coding *coding)
{
    return coding->decoded > HTTP_DECODED_MAX;
}

static bool decode(struct http_coding *coding, size_t index, struct cursor bytes);

/* The first two bytes tell gzip (RFC 1952), zlib (RFC 1950) and, what some send as "deflate", neither. */
static bool open_layer(struct coding_layer *layer, uint8_t first, uint8_t second)
{
    bool is_gzip = first == 0x1F && second == 0x8B;
    bool is_zlib = (first & 0x0F) == 8 && ((unsigned)first << 8 | second) % 31 == 0;
    layer->state = LAYER_PLAIN;
    if (layer->gzip && !is_gzip && !is_zlib)
        return true;
    int window = is_gzip ? GZIP_WINDOW : is_zlib ? ZLIB_WINDOW : RAW_WINDOW;
    if (inflateInit2(&layer->stream, window) != Z_OK)
        return false;
    layer->state = LAYER_OPEN;
    return true;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as there are layers, which is two at most */
static bool inflate_piece(struct http_coding *coding, size_t index, struct cursor bytes)
{
    struct coding_layer *layer = &coding->layers[index];
    uint8_t out[PIECE];
    int result = Z_OK;
    layer->stream.next_in = bytes.at;
    layer->stream.avail_in = (uInt)bytes.left;
    while (result == Z_OK && layer->state == LAYER_OPEN) {
        layer->stream.next_out = out;
        layer->stream.avail_out = sizeof out;
        result = inflate(&layer->stream, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return false;
        size_t length = sizeof out - layer->stream.avail_out;
        if (length > 0 && !decode(coding, index + 1, cursor_of(out, length)))
            return false;
        if (result == Z_STREAM_END) /* what follows is not of the body */
            layer->state = LAYER_ENDED;
        if (layer->stream.avail_in == 0 && length < sizeof out)
            break;
    }
    return true;
}

/* Gives bytes to a layer, or to the sink behind the last. */
static bool decode(struct http_coding *coding, size_t index, struct cursor bytes)
{
    if (index == coding->count) {
        coding->decoded += bytes.left;
        if (coding->decoded > HTTP_DECODED_MAX)
            return false;
        coding->sink(coding->context, bytes);
        return true;
    }
    struct coding_layer *layer = &coding->layers[index];
    uint8_t byte;
    while (layer->state < LAYER_OPEN && cursor_u8(&bytes, &byte)) {
        uint8_t start[2] = {layer->first, byte};
        if (layer->state == LAYER_NEW) {
            layer->first = byte;
            layer->state = LAYER_FIRST;
            continue;
        }
        if (!open_layer(layer, start[0], start[1]))
            return false;
        if (layer->state == LAYER_PLAIN ? !decode(coding, index + 1, cursor_of(start, 2))
                                        : !inflate_piece(coding, index, cursor_of(start, 2)))
            return false;
    }
    if (bytes.left == 0 || layer->state == LAYER_ENDED)
        return true;
    return layer->state == LAYER_PLAIN ? decode(coding, index + 1, bytes) : inflate_piece(coding, index, bytes);
}
/* NOLINTEND(misc-no-recursion) */

bool http_coding_take(struct http_coding *coding, struct cursor bytes, http_coding_sink *sink, void *context)
{
    coding->sink = sink;
    coding->context = context;
    coding->failed = coding->failed || !decode(coding, 0, bytes);
    return !coding->failed;
}
