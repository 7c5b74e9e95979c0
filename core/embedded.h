/* core/embedded.h: files that are built into the program (cmake/embed.cmake). */
#ifndef CMSCOPE_CORE_EMBEDDED_H
#define CMSCOPE_CORE_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *path;  /* relative to the folder of the room: benchmark.xml, sql/COM-1.sql */
    const char *bytes; /* followed by a NUL that is not counted */
    size_t length;
};

#endif
