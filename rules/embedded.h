/* rules/embedded.h: the files of this folder that are built into the program (cmake/embed.cmake). */
#ifndef CMSCOPE_RULES_EMBEDDED_H
#define CMSCOPE_RULES_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *path;  /* relative to rules/: benchmark.xml, sql/COM-1.sql */
    const char *bytes; /* followed by a NUL that is not counted */
    size_t length;
};

/* All of them; the last row has a NULL path. */
extern const struct embedded_file embedded_files[];

#endif
