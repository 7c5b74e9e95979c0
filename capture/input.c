/* capture/input.c: see input.h.
 *
 *      file or stdin --> head (looked at) --> [unpack] --> buffer: | consumed | seen or not | room |
 *                                                                  0          at            filled  capacity
 */
#define _GNU_SOURCE /* O_CLOEXEC */
#include "capture/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/unpack.h"
#include "core/stop.h"

/* Makes calls rare. From 64 KiB to 1 MiB no size measured better than another. */
#define BUFFER ((size_t)256 << 10)
/* The first read is small: of most files of a large ring only the time of the first packet is wanted at first. */
#define FIRST_READ ((size_t)16 << 10)

struct input {
    int file;
    uint8_t head[UNPACK_HEAD]; /* the first bytes, read to see what they are */
    size_t head_length, head_used;
    struct unpack *unpack; /* NULL: not compressed */
    uint8_t *bytes;
    size_t at, filled, capacity;
    uint64_t consumed_before; /* offset of bytes[0] */
    bool ended;
    struct error ending;
    bool regular; /* a file, which can always be read: nothing is waited for */
    struct input_pause pause;
};

/* ---- bytes as they are in the file ---- */

/* A pipe that pauses for so long is a pause to whoever reads. */
#define PAUSE_MS 500

/* Waits for bytes or the end of them. False when a signal asks to end. */
static bool wait_for_bytes(struct input *input)
{
    if (input->regular)
        return !stop_asked();
    enum stop_wait wait = stop_wait(input->file, input->pause.call == NULL ? -1 : PAUSE_MS);
    if (wait == STOP_TIMEOUT && input->pause.call != NULL) {
        input->pause.call(input->pause.context);
        wait = stop_wait(input->file, -1);
    }
    return wait != STOP_ASKED;
}

/* Reads like read(2), but a signal that asks to end fails with EINTR. Somebody may have made a pipe non-blocking; waiting
 * is right all the same. */
static ssize_t read_descriptor(struct input *input, void *bytes, size_t size)
{
    ssize_t length;
    do {
        if (!wait_for_bytes(input)) {
            errno = EINTR;
            return -1;
        }
        length = read(input->file, bytes, size);
    } while (length < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK));
    return length;
}

/* Why nothing more could be read. */
static void note_failure(struct error *error)
{
    error_set(error, OUTCOME_SYSTEM, 0, "%s", errno == EINTR ? INPUT_INTERRUPTED : strerror(errno));
}

/* Up to `size` bytes; 0 at the end, -1 on an error, which is noted. */
static ssize_t read_file(void *context, void *bytes, size_t size)
{
    struct input *input = context;
    size_t from_head = input->head_length - input->head_used;
    if (from_head > 0) {
        from_head = from_head < size ? from_head : size;
        memcpy(bytes, input->head + input->head_used, from_head);
        input->head_used += from_head;
        return (ssize_t)from_head;
    }
    ssize_t length = read_descriptor(input, bytes, size);
    if (length < 0)
        note_failure(&input->ending);
    return length;
}

static bool read_head(struct input *input)
{
    while (input->head_length < UNPACK_HEAD) {
        ssize_t length = read_descriptor(input, input->head + input->head_length, UNPACK_HEAD - input->head_length);
        if (length < 0)
            return false;
        if (length == 0)
            break;
        input->head_length += (size_t)length;
    }
    return true;
}

/* ---- the buffer ---- */

/* What is left goes to the front, and there is room for `length` bytes. */
static bool make_room(struct input *input, size_t length)
{
    memmove(input->bytes, input->bytes + input->at, input->filled - input->at);
    input->consumed_before += input->at;
    input->filled -= input->at;
    input->at = 0;
    if (input->capacity >= length)
        return true;
    size_t capacity = input->capacity * 2 > length ? input->capacity * 2 : length;
    uint8_t *bytes = realloc(input->bytes, capacity);
    if (bytes == NULL)
        return false;
    input->bytes = bytes;
    input->capacity = capacity;
    return true;
}

static void read_some(struct input *input)
{
    size_t size = input->capacity - input->filled, length = 0;
    if (input->consumed_before == 0 && input->filled < FIRST_READ && size > FIRST_READ)
        size = FIRST_READ;
    if (input->unpack != NULL && stop_asked()) { /* a small part of a file may unpack to much */
        errno = EINTR;
        note_failure(&input->ending);
        input->ended = true;
    } else if (input->unpack != NULL) {
        struct error error = {0};
        input->ended = unpack_read(input->unpack, input->bytes + input->filled, size, &length, &error) != OUTCOME_OK;
        if (input->ended && input->ending.outcome == OUTCOME_OK) /* a failed read(2) was noted, and says more */
            input->ending = error;
    } else {
        ssize_t result = read_file(input, input->bytes + input->filled, size);
        length = result > 0 ? (size_t)result : 0;
    }
    input->ended = input->ended || length == 0;
    input->filled += length;
}

bool input_view(struct input *input, size_t length, struct cursor *bytes)
{
    if (input->filled - input->at < length) {
        if (length > INPUT_VIEW_MAX)
            return false;
        if (!input->ended && !make_room(input, length)) {
            input->ended = true;
            error_set(&input->ending, OUTCOME_SYSTEM, 0, "out of memory");
        }
        while (!input->ended && input->filled - input->at < length)
            read_some(input);
    }
    return cursor_slice(cursor_of(input->bytes, input->filled), input->at, length, bytes);
}

void input_consume(struct input *input, size_t length)
{
    size_t left = input_left(input);
    input->at += length < left ? length : left;
}

bool input_skip(struct input *input, uint64_t length)
{
    struct cursor bytes;
    while (length > 0) {
        if (!input_view(input, 1, &bytes))
            return false;
        size_t part = input_left(input) < length ? input_left(input) : (size_t)length;
        input_consume(input, part);
        length -= part;
    }
    return true;
}

bool input_read_at(const struct input *input, uint64_t offset, void *bytes, size_t size)
{
    uint8_t *at = bytes;
    if (input->unpack != NULL || input->file == STDIN_FILENO || offset > INT64_MAX)
        return false;
    while (size > 0) {
        ssize_t length = pread(input->file, at, size, (off_t)offset);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return false;
        at += length;
        offset += (uint64_t)length;
        size -= (size_t)length;
    }
    return true;
}

void input_swap16(struct input *input, const uint8_t *at)
{
    size_t place = (size_t)(at - input->bytes);
    if (at < input->bytes || place + 2 > input->filled)
        return;
    uint8_t first = input->bytes[place];
    input->bytes[place] = input->bytes[place + 1];
    input->bytes[place + 1] = first;
}

uint64_t input_offset(const struct input *input)
{
    return input->consumed_before + input->at;
}

size_t input_left(const struct input *input)
{
    return input->filled - input->at;
}

struct cursor input_there(const struct input *input)
{
    struct cursor bytes;
    return cursor_slice(cursor_of(input->bytes, input->filled), input->at, input_left(input), &bytes) ? bytes
                                                                                                      : CURSOR_EMPTY;
}

enum outcome input_ended(const struct input *input, struct error *error)
{
    if (input->ending.outcome != OUTCOME_OK && error != NULL)
        *error = input->ending;
    return input->ending.outcome;
}

bool input_is_packed(const struct input *input)
{
    return input->unpack != NULL;
}

/* ---- opening ---- */

static enum outcome open_unpack(struct input *input, const char *shown, struct error *error)
{
    struct cursor head = cursor_of(input->head, input->head_length);
    struct unpack_source source = {.context = input, .read = read_file};
    struct error why = {0};
    const char *name = unpack_recognise(head);
    if (name == NULL)
        return OUTCOME_OK;
    enum outcome outcome = unpack_open(head, source, &input->unpack, &why);
    if (outcome == OUTCOME_OK)
        return OUTCOME_OK;
    return error_set(error, outcome == OUTCOME_SYSTEM ? OUTCOME_SYSTEM : OUTCOME_MALFORMED, 0,
                     "%s looks compressed (%s) but cannot be unpacked%s: %s", shown, name,
                     outcome == OUTCOME_MORE ? ", it may be cut off" : "", why.text);
}

/* Not blocking: to open a named pipe would wait for its writer, and nothing could end that. */
static enum outcome prepare(struct input *input, const char *path, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    const char *shown = standard ? "standard input" : path;
    input->file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    input->regular = input->file >= 0 && fstat(input->file, &status) == 0 && S_ISREG(status.st_mode);
    if (input->file < 0 || !read_head(input)) {
        note_failure(&input->ending);
        return error_set(error, OUTCOME_SYSTEM, 0, "cannot read %s: %s", shown, input->ending.text);
    }
    input->bytes = malloc(BUFFER);
    input->capacity = BUFFER;
    if (input->bytes == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to read %s", shown);
    return open_unpack(input, shown, error);
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

void input_on_pause(struct input *input, struct input_pause pause)
{
    input->pause = pause;
}

void input_close(struct input *input)
{
    if (input == NULL)
        return;
    unpack_close(input->unpack);
    if (input->file > STDIN_FILENO)
        close(input->file);
    free(input->bytes);
    free(input);
}
