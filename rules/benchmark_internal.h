/* rules/benchmark_internal.h: what the files of the benchmark's loader share. Nobody else includes it. */
#ifndef CMSCOPE_RULES_BENCHMARK_INTERNAL_H
#define CMSCOPE_RULES_BENCHMARK_INTERNAL_H

#include "core/arena.h"
#include "core/text.h"
#include "rules/benchmark.h"

/* A benchmark with the memory that everything in it lives in. */
struct loaded_benchmark {
    struct benchmark benchmark; /* first: a pointer to it is one to the whole */
    struct arena arena;
    const char *folder; /* NULL: the files built into the program */
};

/* Where a benchmark's file stands, for messages: "FOLDER/PATH" or "built-in PATH", in the benchmark's arena. */
const char *benchmark_place(struct loaded_benchmark *loaded, const char *path);

/* The whole file `path` of the benchmark, NUL-terminated, in its arena. OUTCOME_SYSTEM names the file. */
MUST_USE enum outcome benchmark_read(struct loaded_benchmark *loaded, const char *path, struct text *text,
                                     struct error *error);

/* Fills *loaded from the text of its benchmark.xml and the SQL files that it names. */
MUST_USE enum outcome benchmark_parse(struct loaded_benchmark *loaded, struct text xml, struct error *error);

#endif
