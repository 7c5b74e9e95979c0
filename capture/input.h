/* capture/input.h: the bytes of a file or of standard input, unpacked when they are compressed. */
#ifndef CMSCOPE_CAPTURE_INPUT_H
#define CMSCOPE_CAPTURE_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"

struct input;

/* Opens `path` ("-" is standard input). The FILE reads the unpacked bytes; it belongs to the input, and is closed with
 * it or by a library that was given it (input_stream_given). */
MUST_USE enum outcome input_open(const char *path, struct input **input, struct error *error);
FILE *input_stream(struct input *input);
/* Somebody else closes the stream from now on. */
void input_stream_given(struct input *input);

/* Unpacked bytes up to where the stream stands now, or all that came, where that is not known. */
uint64_t input_offset(const struct input *input);
/* Did reading stop because the file was at its end? */
bool input_at_end(const struct input *input);
/* What the system or the unpacking library complained about; empty when they did not. */
const char *input_complaint(const struct input *input);

/* After the stream, which uses it, was closed. */
void input_close(struct input *input);

#endif
