/* rules/benchmark_files.c: the files of a benchmark, from a folder or out of the program itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rules/benchmark_internal.h"
#include "rules/embedded.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024) /* eighty times the benchmark of this project */

const char *benchmark_place(struct loaded_benchmark *loaded, const char *path)
{
    struct text place = loaded->folder == NULL ? text_format(&loaded->arena, "built-in %s", path)
                                               : text_format(&loaded->arena, "%s/%s", loaded->folder, path);
    return place.at == NULL ? path : place.at;
}

static enum outcome read_embedded(struct loaded_benchmark *loaded, const char *path, struct text *text,
                                  struct error *error)
{
    for (const struct embedded_file *file = embedded_files; file->path != NULL; file++) {
        if (strcmp(file->path, path) == 0) {
            *text = text_copy(&loaded->arena, (struct text){file->bytes, file->length});
            return text->at != NULL ? OUTCOME_OK
                                    : error_set(error, OUTCOME_LIMIT, 0, "not enough memory for built-in %s", path);
        }
    }
    return error_set(error, OUTCOME_SYSTEM, 0, "built-in %s does not exist", path);
}

/* The rest of `file`. The arena keeps what is read. */
static enum outcome read_stream(struct loaded_benchmark *loaded, FILE *file, const char *place, struct text *text,
                                struct error *error)
{
    if (fseek(file, 0, SEEK_END) != 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", place, strerror(errno));
    long size = ftell(file);
    if (size < 0 || (size_t)size > FILE_MAX)
        return error_set(error, OUTCOME_LIMIT, 0, "%s is no rule file: larger than %zu bytes", place, FILE_MAX);
    rewind(file);
    char *bytes = arena_alloc(&loaded->arena, (size_t)size + 1);
    if (bytes == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "%s: not enough memory", place);
    size_t length = fread(bytes, 1, (size_t)size, file);
    if (ferror(file))
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", place, strerror(errno));
    *text = (struct text){bytes, length};
    return OUTCOME_OK;
}

static enum outcome read_file(struct loaded_benchmark *loaded, const char *path, struct text *text, struct error *error)
{
    const char *place = benchmark_place(loaded, path);
    FILE *file = fopen(place, "rb");
    if (file == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", place, strerror(errno));
    enum outcome outcome = read_stream(loaded, file, place, text, error);
    fclose(file);
    return outcome;
}

enum outcome benchmark_read(struct loaded_benchmark *loaded, const char *path, struct text *text, struct error *error)
{
    return loaded->folder == NULL ? read_embedded(loaded, path, text, error) : read_file(loaded, path, text, error);
}
