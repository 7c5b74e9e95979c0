/* capture/source_list.c: the capture files that a name on the command line stands for. See source.h. */
#define _GNU_SOURCE /* strdup */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "capture/source.h"

/* Files in one folder. A ring of a year in files of a minute has half a million. */
#define MAX_FILES 1000000u

struct names {
    char **paths;
    size_t count, room;
};

static MUST_USE bool names_add(struct names *names, char *path_owned)
{
    if (path_owned == NULL || names->count >= MAX_FILES)
        return false;
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 16 : names->room * 2;
        char **paths = realloc(names->paths, room * sizeof *paths);
        if (paths == NULL)
            return false;
        names->paths = paths;
        names->room = room;
    }
    names->paths[names->count++] = path_owned;
    return true;
}

static char *joined(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    const char *between = length > 0 && folder[length - 1] == '/' ? "" : "/";
    size_t size = length + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s%s", folder, between, name);
    return path;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum outcome list_folder(DIR *folder, const char *path, struct names *names, struct error *error)
{
    size_t deeper = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct stat status = {0};
        if (entry->d_name[0] == '.') /* folders themselves, and what editors and rotation hide */
            continue;
        char *file = joined(path, entry->d_name);
        if (file != NULL && (stat(file, &status) != 0 || !S_ISREG(status.st_mode))) {
            deeper += S_ISDIR(status.st_mode);
            free(file);
            continue;
        }
        if (!names_add(names, file)) {
            free(file);
            return error_set(error, OUTCOME_LIMIT, 0, "%s holds too many files to read as one capture", path);
        }
    }
    if (names->count == 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s holds no files%s: name a folder with capture files", path,
                         deeper > 0 ? ", only folders, which are not read" : "");
    qsort(names->paths, names->count, sizeof *names->paths, by_name);
    return OUTCOME_OK;
}

static enum outcome list_into(const char *path, struct names *names, struct error *error)
{
    struct stat status;
    bool standard = strcmp(path, "-") == 0;
    if (!standard && stat(path, &status) != 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "cannot read %s: %s", path, strerror(errno));
    if (standard || !S_ISDIR(status.st_mode)) {
        char *copy = strdup(path);
        if (names_add(names, copy))
            return OUTCOME_OK;
        free(copy);
        return error_set(error, OUTCOME_SYSTEM, 0, "out of memory to list %s", path);
    }
    DIR *folder = opendir(path);
    if (folder == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "cannot read the folder %s: %s", path, strerror(errno));
    enum outcome outcome = list_folder(folder, path, names, error);
    closedir(folder);
    return outcome;
}

enum outcome source_list(const char *path, char ***paths, size_t *count, struct error *error)
{
    struct names names = {0};
    enum outcome outcome = list_into(path, &names, error);
    if (outcome != OUTCOME_OK) {
        source_list_free(names.paths, names.count);
        return outcome;
    }
    *paths = names.paths;
    *count = names.count;
    return OUTCOME_OK;
}

void source_list_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
}

size_t source_list_folders(const char *path)
{
    DIR *folder = strcmp(path, "-") == 0 ? NULL : opendir(path);
    size_t count = 0;
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct stat status;
        char *inside = entry->d_name[0] == '.' ? NULL : joined(path, entry->d_name);
        count += inside != NULL && stat(inside, &status) == 0 && S_ISDIR(status.st_mode);
        free(inside);
    }
    closedir(folder);
    return count;
}
