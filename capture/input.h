/* capture/input.h: the bytes of a file or of standard input, in order, unpacked when they are compressed.
 *
 * A reader looks at the next bytes in a row and then consumes them. Nothing waits for more than was asked for: of a
 * pipe that delivers slowly, what came is given. The offset is where an error message points to: it counts unpacked
 * bytes.
 */
#ifndef CMSCOPE_CAPTURE_INPUT_H
#define CMSCOPE_CAPTURE_INPUT_H

#include "core/cursor.h"

/* The most that can be seen in a row: what a hostile length can make us keep. libpcap's first limit for a block of
 * pcapng, too. */
#define INPUT_VIEW_MAX ((size_t)16 << 20)

/* Why nothing more is read after a signal (core/stop.h): the text of the error. */
#define INPUT_INTERRUPTED "interrupted by a signal"

struct input;

/* Called once each time that a pipe has nothing to read for half a second. */
struct input_pause {
    void (*call)(void *context); /* NULL: nothing is done */
    void *context;
};

/* Opens `path` ("-" is standard input). */
MUST_USE enum outcome input_open(const char *path, struct input **input, struct error *error);

void input_on_pause(struct input *input, struct input_pause pause);

/* The next `length` bytes, not consumed; valid until the next call of input_view or input_skip. False when the input
 * ends before (input_left and input_ended tell), or `length` is above INPUT_VIEW_MAX. */
MUST_USE bool input_view(struct input *input, size_t length, struct cursor *bytes);
/* Of the bytes that were seen. They stay valid. */
void input_consume(struct input *input, size_t length);
/* Consumes without looking. False when the input ends before; all is consumed then. */
MUST_USE bool input_skip(struct input *input, uint64_t length);
/* Reads bytes at any offset of a plain file, without moving in it. False for what cannot be read twice (compressed files,
 * standard input, pipes), and where fewer than `size` are there. */
MUST_USE bool input_read_at(const struct input *input, uint64_t offset, void *bytes, size_t size);
/* Swaps the two bytes at a place in the last view. */
void input_swap16(struct input *input, const uint8_t *at);

/* Of the next byte that is not consumed. */
uint64_t input_offset(const struct input *input);
/* Bytes that came and are not consumed; when input_view failed, these are the last. */
size_t input_left(const struct input *input);
/* Those bytes: input_view gives as many without reading, nor moving what it gave before. */
struct cursor input_there(const struct input *input);
/* How the input ended, as far as it is known: OUTCOME_OK: whole, or not yet; OUTCOME_MORE: compressed data is cut off;
 * OUTCOME_MALFORMED: it is damaged; OUTCOME_SYSTEM: the system refused. error->text says why. */
MUST_USE enum outcome input_ended(const struct input *input, struct error *error);
bool input_is_packed(const struct input *input);

void input_close(struct input *input);

#endif
