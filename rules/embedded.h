/* rules/embedded.h: the files of this folder that are built into the program (cmake/embed.cmake). */
#ifndef CMSCOPE_RULES_EMBEDDED_H
#define CMSCOPE_RULES_EMBEDDED_H

#include "core/embedded.h"

/* All of them; the last row has a NULL path. */
extern const struct embedded_file embedded_files[];

#endif
