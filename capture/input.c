/* capture/input.c: see input.h. A FILE made with fopencookie, because that is what libpcap reads from.
 *
 *      file or stdin --> head (looked at) --> [libarchive: gzip, zstd, xz, lz4, bzip2] --> FILE, 1 MiB at a time
 */
#define _GNU_SOURCE /* fopencookie */
#include "capture/input.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cursor.h"

/* libpcap reads through stdio, whose own 4 KiB would cost a third of the time. */
#define STREAM_BUFFER ((size_t)1 << 20)
#define PACKED_BUFFER ((size_t)256 << 10)
#define HEAD 8

struct input {
    int file;
    FILE *stream;
    bool given;
    uint8_t head[HEAD]; /* the first bytes, read to see what they are */
    size_t head_length, head_used;
    struct archive *archive; /* NULL: not compressed */
    uint8_t *packed;
    uint64_t total; /* bytes handed to the stream */
    bool at_end;
    char complaint[ERROR_TEXT_MAX];
};

static const struct {
    const char *name;
    uint8_t magic[6];
    size_t length;
    int (*support)(struct archive *archive);
} compressions[] = {
    {"gzip", {0x1f, 0x8b}, 2, archive_read_support_filter_gzip},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, archive_read_support_filter_zstd},
    {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, archive_read_support_filter_xz},
    {"lz4", {0x04, 0x22, 0x4d, 0x18}, 4, archive_read_support_filter_lz4},
    {"bzip2", {'B', 'Z', 'h'}, 3, archive_read_support_filter_bzip2},
};

/* Up to `size` bytes as they are in the file; 0 at its end, -1 on an error, which is noted. */
static ssize_t read_file(struct input *input, void *bytes, size_t size)
{
    size_t from_head = input->head_length - input->head_used;
    if (from_head > 0) {
        from_head = from_head < size ? from_head : size;
        memcpy(bytes, input->head + input->head_used, from_head);
        input->head_used += from_head;
        return (ssize_t)from_head;
    }
    ssize_t length;
    do
        length = read(input->file, bytes, size);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        snprintf(input->complaint, sizeof input->complaint, "%s", strerror(errno));
    return length;
}

static la_ssize_t read_packed(struct archive *archive, void *context, const void **bytes)
{
    struct input *input = context;
    ssize_t length = read_file(input, input->packed, PACKED_BUFFER);
    *bytes = input->packed;
    if (length < 0)
        archive_set_error(archive, EIO, "%s", input->complaint);
    return length;
}

/* Reads on until `size` bytes are there, so that a pipe that comes in drops does not mean many small reads. */
static ssize_t stream_read(void *context, char *bytes, size_t size)
{
    struct input *input = context;
    ssize_t length = input->archive != NULL ? archive_read_data(input->archive, bytes, size)
                                            : read_file(input, bytes, size);
    if (length < 0 && input->archive != NULL) {
        const char *text = archive_error_string(input->archive);
        snprintf(input->complaint, sizeof input->complaint, "%s", text == NULL ? "damaged" : text);
        length = 0; /* the packets before the damage are good */
    }
    input->at_end = length == 0;
    if (length > 0)
        input->total += (uint64_t)length;
    return length;
}

/* Tells the position, and nothing else: ftell takes what it has buffered off it. */
static int stream_seek(void *context, off64_t *offset, int whence)
{
    const struct input *input = context;
    if (whence != SEEK_CUR || *offset != 0) {
        errno = ESPIPE;
        return -1;
    }
    *offset = (off64_t)input->total;
    return 0;
}

static MUST_USE bool open_stream(struct input *input)
{
    cookie_io_functions_t functions = {.read = stream_read, .seek = stream_seek};
    input->stream = fopencookie(input, "r", functions);
    return input->stream != NULL && setvbuf(input->stream, NULL, _IOFBF, STREAM_BUFFER) == 0;
}

static bool read_head(struct input *input)
{
    while (input->head_length < HEAD) {
        ssize_t length;
        do
            length = read(input->file, input->head + input->head_length, HEAD - input->head_length);
        while (length < 0 && errno == EINTR);
        if (length < 0)
            return false;
        if (length == 0)
            break;
        input->head_length += (size_t)length;
    }
    return true;
}

static enum outcome unpack_with(struct input *input, const char *path, const char *name,
                                int (*support)(struct archive *archive), struct error *error)
{
    struct archive_entry *entry;
    input->packed = malloc(PACKED_BUFFER);
    input->archive = archive_read_new();
    if (input->packed == NULL || input->archive == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to unpack %s", path);
    /* ARCHIVE_WARN: this libarchive would run an external program, which a reader of hostile files must not. */
    if (support(input->archive) != ARCHIVE_OK)
        return error_set(error, OUTCOME_UNSUPPORTED, 0,
                         "%s is compressed with %s, which this libarchive cannot read: unpack it first", path, name);
    archive_read_support_format_raw(input->archive);
    archive_read_support_format_empty(input->archive);
    int opened = archive_read_open(input->archive, input, NULL, read_packed, NULL);
    if (opened == ARCHIVE_OK)
        opened = archive_read_next_header(input->archive, &entry);
    if (opened == ARCHIVE_EOF || opened == ARCHIVE_OK)
        return OUTCOME_OK;
    return error_set(error, OUTCOME_MALFORMED, 0, "%s looks compressed (%s) but cannot be unpacked: %s", path, name,
                     archive_error_string(input->archive));
}

static enum outcome choose(struct input *input, const char *path, struct error *error)
{
    struct cursor head = cursor_of(input->head, input->head_length);
    for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++) {
        if (cursor_starts(head, compressions[i].magic, compressions[i].length))
            return unpack_with(input, path, compressions[i].name, compressions[i].support, error);
    }
    return OUTCOME_OK;
}

static enum outcome prepare(struct input *input, const char *path, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    input->file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (input->file < 0 || !read_head(input))
        return error_set(error, OUTCOME_SYSTEM, 0, "cannot read %s: %s", standard ? "standard input" : path,
                         strerror(errno));
    enum outcome outcome = choose(input, path, error);
    if (outcome == OUTCOME_OK && !open_stream(input))
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to read %s", path);
    return outcome;
}

enum outcome input_open(const char *path, struct input **input, struct error *error)
{
    *input = calloc(1, sizeof **input);
    if (*input == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to read %s", path);
    enum outcome outcome = prepare(*input, path, error);
    if (outcome != OUTCOME_OK) {
        input_close(*input);
        *input = NULL;
    }
    return outcome;
}

FILE *input_stream(struct input *input)
{
    return input->stream;
}

void input_stream_given(struct input *input)
{
    input->given = true;
}

uint64_t input_offset(const struct input *input)
{
    off_t offset = ftello(input->stream);
    return offset >= 0 ? (uint64_t)offset : input->total;
}

bool input_at_end(const struct input *input)
{
    return input->at_end;
}

const char *input_complaint(const struct input *input)
{
    return input->complaint;
}

void input_close(struct input *input)
{
    if (input == NULL)
        return;
    if (input->stream != NULL && !input->given)
        fclose(input->stream);
    archive_read_free(input->archive);
    if (input->file > STDIN_FILENO)
        close(input->file);
    free(input->packed);
    free(input);
}
