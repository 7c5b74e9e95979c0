/* capture/unpack.c: see unpack.h. */
#include "capture/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define PACKED_BUFFER ((size_t)64 << 10)
/* zlib: the largest window, and a gzip header is wanted. */
#define GZIP_WINDOW (15 + 16)

struct unpack {
    struct unpack_source source;
    uint8_t *packed;
    bool source_failed, source_ended;
    struct archive *archive; /* NULL: gzip */
    struct cursor block;     /* unpacked by libarchive, not taken yet */
    z_stream zlib;
    bool zlib_ready, between; /* between: of two members of a gzip file, or behind the last */
};

static const struct {
    const char *name;
    uint8_t magic[6];
    size_t length;
    int (*support)(struct archive *archive); /* NULL: inflated here */
} compressions[] = {
    {"gzip", {0x1f, 0x8b}, 2, NULL},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, archive_read_support_filter_zstd},
    {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, archive_read_support_filter_xz},
    {"lz4", {0x04, 0x22, 0x4d, 0x18}, 4, archive_read_support_filter_lz4},
    {"bzip2", {'B', 'Z', 'h'}, 3, archive_read_support_filter_bzip2},
};

#define COMPRESSIONS (sizeof compressions / sizeof compressions[0])

static size_t compression_of(struct cursor head)
{
    size_t i = 0;
    while (i < COMPRESSIONS && !cursor_starts(head, compressions[i].magic, compressions[i].length))
        i++;
    return i;
}

const char *unpack_recognise(struct cursor head)
{
    size_t i = compression_of(head);
    return i < COMPRESSIONS ? compressions[i].name : NULL;
}

static ssize_t read_packed(struct unpack *unpack)
{
    ssize_t length = unpack->source.read(unpack->source.context, unpack->packed, PACKED_BUFFER);
    unpack->source_failed = length < 0;
    unpack->source_ended = length == 0;
    return length;
}

/* ---- gzip (RFC 1952): members, one after the other ---- */

static enum outcome open_gzip(struct unpack *unpack, struct error *error)
{
    unpack->zlib_ready = inflateInit2(&unpack->zlib, GZIP_WINDOW) == Z_OK;
    return unpack->zlib_ready ? OUTCOME_OK : error_set(error, OUTCOME_SYSTEM, 0, "out of memory to unpack it");
}

static enum outcome fill_gzip(struct unpack *unpack, struct error *error)
{
    if (unpack->zlib.avail_in > 0 || unpack->source_ended)
        return OUTCOME_OK;
    ssize_t length = read_packed(unpack);
    if (length < 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "the packed file cannot be read");
    unpack->zlib.next_in = unpack->packed;
    unpack->zlib.avail_in = (uInt)length;
    return OUTCOME_OK;
}

/* Behind a member comes another, or the end, or zeros that fill a tape's block. */
static enum outcome next_member(struct unpack *unpack, bool *another, struct error *error)
{
    *another = false;
    enum outcome outcome = fill_gzip(unpack, error);
    while (outcome == OUTCOME_OK && unpack->zlib.avail_in > 0 && *unpack->zlib.next_in == 0) {
        unpack->zlib.next_in++;
        unpack->zlib.avail_in--;
        outcome = fill_gzip(unpack, error);
    }
    if (outcome != OUTCOME_OK || unpack->zlib.avail_in == 0)
        return outcome;
    *another = true;
    unpack->between = false;
    return inflateReset(&unpack->zlib) == Z_OK ? OUTCOME_OK : OUTCOME_SYSTEM;
}

/* One step of inflate; *length bytes came out of it, perhaps none. */
static enum outcome inflate_step(struct unpack *unpack, void *bytes, size_t size, size_t *length, struct error *error)
{
    enum outcome outcome = fill_gzip(unpack, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    unpack->zlib.next_out = bytes;
    unpack->zlib.avail_out = (uInt)size;
    int result = inflate(&unpack->zlib, Z_SYNC_FLUSH);
    *length = size - unpack->zlib.avail_out;
    unpack->between = result == Z_STREAM_END;
    if (*length > 0 || result == Z_STREAM_END)
        return OUTCOME_OK;
    if (result == Z_MEM_ERROR)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to unpack it");
    if (result != Z_OK && result != Z_BUF_ERROR)
        return error_set(error, OUTCOME_MALFORMED, 0, "gzip: %s",
                         unpack->zlib.msg == NULL ? "damaged" : unpack->zlib.msg);
    if (unpack->source_ended)
        return error_set(error, OUTCOME_MORE, 0, "the gzip data ends early");
    return OUTCOME_OK;
}

static enum outcome read_gzip(struct unpack *unpack, void *bytes, size_t size, size_t *length, struct error *error)
{
    enum outcome outcome = OUTCOME_OK;
    while (outcome == OUTCOME_OK && *length == 0) {
        bool another = true;
        if (unpack->between)
            outcome = next_member(unpack, &another, error);
        if (outcome != OUTCOME_OK || !another)
            return outcome;
        outcome = inflate_step(unpack, bytes, size, length, error);
    }
    return outcome;
}

/* ---- the others, through libarchive ---- */

static la_ssize_t archive_wants(struct archive *archive, void *context, const void **bytes)
{
    struct unpack *unpack = context;
    ssize_t length = read_packed(unpack);
    *bytes = unpack->packed;
    if (length < 0)
        archive_set_error(archive, EIO, "the packed file cannot be read");
    return length;
}

static enum outcome complaint(struct unpack *unpack, struct error *error)
{
    const char *text = archive_error_string(unpack->archive);
    enum outcome outcome = unpack->source_failed  ? OUTCOME_SYSTEM
                           : unpack->source_ended ? OUTCOME_MORE
                                                  : OUTCOME_MALFORMED;
    return error_set(error, outcome, 0, "%s", text == NULL ? "damaged" : text);
}

static enum outcome open_archive(struct unpack *unpack, size_t which, struct error *error)
{
    struct archive_entry *entry;
    unpack->archive = archive_read_new();
    if (unpack->archive == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to unpack it");
    /* ARCHIVE_WARN: this libarchive would run an external program, which a reader of hostile files must not. */
    if (compressions[which].support(unpack->archive) != ARCHIVE_OK)
        return error_set(error, OUTCOME_SYSTEM, 0, "this libarchive cannot read %s: unpack it first",
                         compressions[which].name);
    archive_read_support_format_raw(unpack->archive);
    archive_read_support_format_empty(unpack->archive);
    int opened = archive_read_open(unpack->archive, unpack, NULL, archive_wants, NULL);
    if (opened == ARCHIVE_OK)
        opened = archive_read_next_header(unpack->archive, &entry);
    return opened == ARCHIVE_EOF || opened == ARCHIVE_OK ? OUTCOME_OK : complaint(unpack, error);
}

/* Block by block: archive_read_data would give nothing of the good blocks that it read before the bad one. */
static enum outcome read_archive(struct unpack *unpack, void *bytes, size_t size, size_t *length, struct error *error)
{
    struct cursor part;
    int64_t offset;
    while (unpack->block.left == 0) {
        const void *block;
        size_t block_length;
        int result = archive_read_data_block(unpack->archive, &block, &block_length, &offset);
        if (result == ARCHIVE_EOF)
            return OUTCOME_OK;
        if (result != ARCHIVE_OK)
            return complaint(unpack, error);
        unpack->block = cursor_of(block, block_length);
    }
    *length = unpack->block.left < size ? unpack->block.left : size;
    if (cursor_take(&unpack->block, *length, &part) && part.at != NULL)
        memcpy(bytes, part.at, part.left);
    return OUTCOME_OK;
}

/* ---- both ---- */

enum outcome unpack_open(struct cursor head, struct unpack_source source, struct unpack **unpack, struct error *error)
{
    size_t which = compression_of(head);
    if (which == COMPRESSIONS)
        return error_set(error, OUTCOME_MALFORMED, 0, "it is not compressed");
    *unpack = calloc(1, sizeof **unpack);
    if (*unpack == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to unpack it");
    (*unpack)->source = source;
    (*unpack)->packed = malloc(PACKED_BUFFER);
    enum outcome outcome = OUTCOME_SYSTEM;
    if ((*unpack)->packed == NULL)
        outcome = error_set(error, OUTCOME_SYSTEM, 0, "out of memory to unpack it");
    else if (compressions[which].support == NULL)
        outcome = open_gzip(*unpack, error);
    else
        outcome = open_archive(*unpack, which, error);
    if (outcome != OUTCOME_OK) {
        unpack_close(*unpack);
        *unpack = NULL;
    }
    return outcome;
}

enum outcome unpack_read(struct unpack *unpack, void *bytes, size_t size, size_t *length, struct error *error)
{
    *length = 0;
    return unpack->archive == NULL ? read_gzip(unpack, bytes, size, length, error)
                                   : read_archive(unpack, bytes, size, length, error);
}

void unpack_close(struct unpack *unpack)
{
    if (unpack == NULL)
        return;
    archive_read_free(unpack->archive);
    if (unpack->zlib_ready)
        inflateEnd(&unpack->zlib);
    free(unpack->packed);
    free(unpack);
}
