/* core/error.h: the one result and error type of the whole program. */
#ifndef CMSCOPE_CORE_ERROR_H
#define CMSCOPE_CORE_ERROR_H

#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* How a step ended. Only OUTCOME_OK says that its results may be used. */
enum outcome {
    OUTCOME_OK = 0,
    OUTCOME_MORE,        /* the input ends before the thing does: come back with more, or it was cut off */
    OUTCOME_MALFORMED,   /* the bytes contradict the format */
    OUTCOME_UNSUPPORTED, /* valid, but not understood here */
    OUTCOME_LIMIT,       /* a named limit of this program was reached */
    OUTCOME_SYSTEM       /* the operating system or a library refused (no file, no memory) */
};

#define ERROR_TEXT_MAX 256

/* What went wrong. `text` is a clear sentence without a final full stop, safe to keep; it may quote input, so it is
 * escaped when printed. `offset` counts bytes from the start of the thing that was read, where that is known. */
struct error {
    enum outcome outcome;
    uint64_t offset;
    char text[ERROR_TEXT_MAX];
};

/* Fills *error (which may be NULL) and returns `outcome`, so that a function can say: return error_set(...). */
enum outcome error_set(struct error *error, enum outcome outcome, uint64_t offset, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* "malformed", "cut off", ... : a word for the outcome, never NULL. */
const char *outcome_name(enum outcome outcome);

#endif
