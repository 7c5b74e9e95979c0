/* cli/outputs.c: see outputs.h. */
#define _GNU_SOURCE /* asprintf */
#include "cli/outputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/source.h"
#include "records/database.h"
#include "report/report.h"
#include "rules/site_discover.h"

/* Every option that names a file to write. */
static const struct output {
    const char *option;
    size_t offset; /* in struct options */
    const struct outfile_kind *kind;
} OUTPUTS[] = {
    {"--html", offsetof(struct options, html), &report_html_kind},
    {"--db", offsetof(struct options, database), &database_file_kind},
    {"--write", offsetof(struct options, output), &site_file_kind},
};
#define OUTPUT_COUNT (sizeof OUTPUTS / sizeof OUTPUTS[0])

/* A file that is there, by whatever name: NULL when there is none at the place. */
static const struct stat *identity(const char *path, struct stat *status)
{
    return path != NULL && stat(path, status) == 0 ? status : NULL;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    bool any_number = b != NULL && S_ISCHR(b->st_mode); /* a terminal, /dev/null: read and written side by side */
    return a != NULL && b != NULL && !any_number && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Whether `path`, or a file in it when it is a folder, is `output`. */
static bool is_among(const char *path, const struct stat *output)
{
    struct stat status;
    char **files;
    size_t count;
    if (strcmp(path, "-") == 0)
        return fstat(STDIN_FILENO, &status) == 0 && is_same(&status, output);
    if (is_same(identity(path, &status), output))
        return true;
    if (!is_folder(path) || source_list(path, &files, &count, NULL) != OUTCOME_OK)
        return false;
    bool found = false;
    for (size_t i = 0; i < count && !found; i++)
        found = is_same(identity(files[i], &status), output);
    source_list_free(files, count);
    return found;
}

static bool is_rule_file(const char *folder, const struct stat *output)
{
    char *queries = NULL;
    if (folder == NULL || asprintf(&queries, "%s/sql", folder) < 0)
        return false;
    bool found = is_among(folder, output) || is_among(queries, output);
    free(queries);
    return found;
}

/* The option that reads `output`; NULL when none does. */
static const char *read_by(const struct options *options, const struct stat *output)
{
    for (size_t i = 0; i < options->read_count; i++) {
        if (is_among(options->reads[i], output))
            return "--read";
    }
    if (options->keys != NULL && is_among(options->keys, output))
        return "--keys";
    if (options->site != NULL && is_among(options->site, output))
        return "--site";
    return is_rule_file(options->rule_folder, output) ? "--rules" : NULL;
}

/* Standard output that goes to a file: renaming another one over it would lose what is printed. */
static bool is_standard_output(const struct stat *output)
{
    struct stat status;
    return fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) && is_same(&status, output);
}

static const char *path_of(const struct options *options, const struct output *output)
{
    return *(const char *const *)(const void *)((const char *)options + output->offset);
}

/* Another output at the same place; NULL when there is none. */
static const struct output *find_double(const struct options *options, size_t number)
{
    struct stat status, other;
    const char *path = path_of(options, &OUTPUTS[number]);
    const struct stat *place = identity(path, &status);
    for (size_t i = 0; i < number; i++) {
        const char *earlier = path_of(options, &OUTPUTS[i]);
        bool same = earlier != NULL && (strcmp(path, earlier) == 0 || (place != NULL && S_ISREG(place->st_mode) &&
                                                                       is_same(identity(earlier, &other), place)));
        if (same)
            return &OUTPUTS[i];
    }
    return NULL;
}

static int check_output(const struct options *options, size_t number)
{
    const struct output *output = &OUTPUTS[number], *other = find_double(options, number);
    const char *path = path_of(options, output);
    struct stat status;
    const struct stat *place = identity(path, &status);
    const char *reader = place == NULL ? NULL : read_by(options, place);
    struct error error = {0};
    if (reader != NULL || other != NULL) {
        complain("%s: %s would be written over what %s %s; give another name", path, output->option,
                 reader != NULL ? reader : other->option, reader != NULL ? "reads" : "writes");
        return EXIT_USAGE;
    }
    if (strncmp(path, "/dev/", 5) != 0 && is_standard_output(place)) {
        complain("%s: standard output is written to this file; give another name for %s", path, output->option);
        return EXIT_USAGE;
    }
    if (outfile_check(path, output->kind, &error) == OUTCOME_OK)
        return EXIT_DONE;
    complain("%s", error.text);
    return EXIT_INPUT;
}

int outputs_check(const struct options *options)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < OUTPUT_COUNT && status == EXIT_DONE; i++) {
        if (path_of(options, &OUTPUTS[i]) != NULL)
            status = check_output(options, i);
    }
    return status;
}
