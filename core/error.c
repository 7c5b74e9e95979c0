/* core/error.c: see error.h. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>

enum outcome error_set(struct error *error, enum outcome outcome, uint64_t offset, const char *format, ...)
{
    if (error == NULL)
        return outcome;
    error->outcome = outcome;
    error->offset = offset;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return outcome;
}

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[] = {
        [OUTCOME_OK] = "ok",
        [OUTCOME_MORE] = "cut off",
        [OUTCOME_MALFORMED] = "malformed",
        [OUTCOME_UNSUPPORTED] = "unsupported",
        [OUTCOME_LIMIT] = "limit reached",
        [OUTCOME_SYSTEM] = "system error",
    };
    return (size_t)outcome < sizeof names / sizeof names[0] ? names[outcome] : "unknown";
}
