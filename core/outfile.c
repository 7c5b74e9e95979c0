/* core/outfile.c: see outfile.h. */
#define _GNU_SOURCE /* O_CLOEXEC, asprintf */
#include "core/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- Files that are not yet in place ---- */

#define UNFINISHED_MAX 8 /* a command writes two at most, one after the other */

/* Names, for outfile_discard_all: each is set before its file is made, and cleared after it is gone. */
static const char *volatile unfinished[UNFINISHED_MAX];

static bool remember(const char *made)
{
    for (size_t i = 0; i < UNFINISHED_MAX; i++) {
        if (unfinished[i] == NULL) {
            unfinished[i] = made;
            return true;
        }
    }
    return false;
}

static void forget(const char *made)
{
    for (size_t i = 0; i < UNFINISHED_MAX; i++) {
        if (unfinished[i] == made)
            unfinished[i] = NULL;
    }
}

void outfile_discard_all(void)
{
    for (size_t i = 0; i < UNFINISHED_MAX; i++) {
        if (unfinished[i] != NULL)
            (void)unlink(unfinished[i]);
    }
}

/* ---- What is at the place ---- */

enum place { PLACE_FREE, PLACE_OURS, PLACE_STREAM, PLACE_TAKEN };

/* Standard output and other open descriptors by name: links that lead to no place in a folder. */
static bool is_descriptor_name(const char *path)
{
    static const char *const names[] = {"/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(path, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

#define MEMORY_DEVICES 1 /* Linux, Documentation/admin-guide/devices.txt */
#define DEVICE_NULL 3
#define DEVICE_FULL 7

/* A disk or the memory of the machine is never written to. */
static bool is_harmless_device(const char *path, dev_t device)
{
    if (major(device) == MEMORY_DEVICES)
        return minor(device) == DEVICE_NULL || minor(device) == DEVICE_FULL;
    int file = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    bool terminal = file >= 0 && isatty(file) == 1;
    if (file >= 0)
        close(file);
    return terminal;
}

static bool is_stream(const char *path, const struct stat *status)
{
    return is_descriptor_name(path) || S_ISFIFO(status->st_mode) ||
           (S_ISCHR(status->st_mode) && is_harmless_device(path, status->st_rdev));
}

/* Whether the file is empty or begins like one of ours. */
static bool may_replace(const char *path, const struct stat *status, const struct outfile_kind *kind)
{
    uint8_t head[OUTFILE_HEAD];
    if (status->st_size == 0)
        return true;
    int file = kind->is_own == NULL ? -1 : open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t length = 0;
    ssize_t got;
    while (length < sizeof head && (got = read(file, head + length, sizeof head - length)) > 0)
        length += (size_t)got;
    close(file);
    return kind->is_own(cursor_of(head, length));
}

static enum outcome taken(const char *path, const char *what, const struct outfile_kind *kind, struct error *error)
{
    return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s and is not %s; give another name or remove it", path, what,
                     kind->name);
}

static enum outcome look_at(const char *path, const struct outfile_kind *kind, enum place *place, struct error *error)
{
    struct stat link, status;
    *place = PLACE_FREE;
    if (lstat(path, &link) != 0)
        return errno == ENOENT ? OUTCOME_OK : error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", path, strerror(errno));
    *place = PLACE_STREAM;
    if (kind->streams && stat(path, &status) == 0 && is_stream(path, &status))
        return OUTCOME_OK;
    *place = PLACE_TAKEN;
    if (S_ISLNK(link.st_mode))
        return taken(path, "exists, is a symbolic link", kind, error);
    if (!S_ISREG(link.st_mode) || !may_replace(path, &link, kind))
        return taken(path, "exists", kind, error);
    *place = PLACE_OURS;
    return OUTCOME_OK;
}

enum outcome outfile_check(const char *path, const struct outfile_kind *kind, struct error *error)
{
    enum place place;
    return look_at(path, kind, &place, error);
}

/* ---- A new file beside it ---- */

#define NAME_TRIES 100

/* A new file beside `path`, made by nobody else. -1 and errno. */
static int make_beside(const char *path, mode_t mode, char **made)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        uint32_t random = 0;
        if (getrandom(&random, sizeof random, 0) != sizeof random)
            return -1;
        if (asprintf(made, "%s.%08x", path, random) < 0) {
            *made = NULL;
            errno = ENOMEM;
            return -1;
        }
        errno = EMFILE;
        int file = remember(*made) ? open(*made, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode) : -1;
        if (file >= 0)
            return file;
        int reason = errno;
        forget(*made);
        free(*made);
        *made = NULL;
        errno = reason;
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* The file to be replaced may have been shown to fewer or more people than the umask says. */
static void keep_mode(int file, const char *path)
{
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
        (void)fchmod(file, status.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO));
}

enum outcome outfile_open(struct outfile *file, const char *path, const struct outfile_kind *kind, struct error *error)
{
    enum place place;
    *file = (struct outfile){.path = path};
    enum outcome outcome = look_at(path, kind, &place, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    mode_t mode = kind->secret ? S_IRUSR | S_IWUSR : S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
    int descriptor = place == PLACE_STREAM ? open(path, O_WRONLY | O_NOCTTY | O_APPEND | O_CLOEXEC)
                                           : make_beside(path, mode, &file->made);
    if (descriptor >= 0 && place == PLACE_OURS && !kind->secret)
        keep_mode(descriptor, path);
    file->stream = descriptor < 0 ? NULL : fdopen(descriptor, place == PLACE_STREAM ? "w" : "w+");
    if (file->stream != NULL)
        return OUTCOME_OK;
    outcome = error_set(error, OUTCOME_SYSTEM, 0, "%s: cannot be made: %s", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    outfile_abandon(file);
    return outcome;
}

void outfile_abandon(struct outfile *file)
{
    if (file->stream != NULL)
        fclose(file->stream);
    file->stream = NULL;
    if (file->made == NULL)
        return;
    (void)unlink(file->made);
    forget(file->made);
    free(file->made);
    file->made = NULL;
}

/* A file is on the disk before it takes the place of another. */
static bool write_out(const struct outfile *file)
{
    if (fflush(file->stream) != 0 || ferror(file->stream))
        return false;
    return file->made == NULL || fsync(fileno(file->stream)) == 0 || errno == EINVAL || errno == ENOSYS;
}

enum outcome outfile_close(struct outfile *file, struct error *error)
{
    enum outcome outcome = OUTCOME_OK;
    errno = 0;
    bool written = write_out(file);
    int reason = errno;
    if (fclose(file->stream) != 0 && written) {
        written = false;
        reason = errno;
    }
    file->stream = NULL;
    if (!written)
        outcome = error_set(error, OUTCOME_SYSTEM, 0, "%s: could not be written to its end: %s", file->path,
                            reason == 0 ? "an earlier write failed" : strerror(reason));
    else if (file->made != NULL && rename(file->made, file->path) != 0)
        outcome = error_set(error, OUTCOME_SYSTEM, 0, "%s: cannot be put in place: %s", file->path, strerror(errno));
    if (outcome == OUTCOME_OK && file->made != NULL) {
        forget(file->made);
        free(file->made);
        file->made = NULL;
    }
    outfile_abandon(file);
    return outcome;
}
