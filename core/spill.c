/* core/spill.c: see spill.h. */
#define _GNU_SOURCE /* O_TMPFILE */
#include "core/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Addresses: half of the 128 TB that a program has are for spills. Each takes a part of what is left of them (64 GB at
 * first, 1 GB when there are 4,000), and less where a limit forbids so much. */
#define ADDRESSES ((uint64_t)1 << 46)
#define RESERVE_SHARE 1024
#define RESERVE_MIN ((uint64_t)1 << 20)
/* Made writable at one time. */
#define COMMIT ((uint64_t)256 * 1024)
/* Of the limit, for windows; those that were there before may take as much again. */
#define WINDOW_SHARE 4
#define WINDOWS_MIN 12
/* After so many windows all memory of files is given back, for what was read through addresses kept for long. Looking
 * through all of a file's addresses takes some 0.3 ms for a GB. */
#define SWEEP 4096

static _Atomic uint64_t reserved_in_all;

struct spill {
    struct spill_pool *pool;
    struct spill *previous, *next;
    char *base; /* NULL: no addresses yet */
    uint64_t used, spilled, committed, reserved;
    uint64_t before; /* reserved before the base */
    int file;        /* -1: none yet */
    uint8_t *seen;   /* for each window that is in the file: whether it is among pool->windows */
    size_t windows;  /* of `seen` */
};

void spill_pool_init(struct spill_pool *pool, uint64_t limit, uint64_t most)
{
    *pool = (struct spill_pool){.limit = limit, .most = most};
}

uint64_t spill_pool_written(const struct spill_pool *pool)
{
    return pool->written;
}

static const char *folder(void)
{
    const char *chosen = getenv("TMPDIR");
    return chosen == NULL || *chosen == '\0' ? "/var/tmp" : chosen;
}

bool spill_pool_problem(const struct spill_pool *pool, struct error *error)
{
    if (pool->problem == 0)
        return false;
    error_set(
        error, OUTCOME_SYSTEM, 0,
        "records above the memory limit cannot be kept in a temporary file in %s: %s; set TMPDIR to a folder with "
        "more room, or give more --memory",
        folder(), strerror(pool->problem));
    return true;
}

static void on_unreadable(int number)
{
    static const char sentence[] =
        "cmscope: what was written to a temporary file cannot be read back, or a file that is in use was cut off; set "
        "TMPDIR to a folder on another disk\n";
    (void)number;
    ssize_t written = write(STDERR_FILENO, sentence, sizeof sentence - 1);
    (void)written;
    _exit(SPILL_UNREADABLE);
}

void spill_guard(void)
{
    (void)signal(SIGBUS, on_unreadable);
}

static void link_in(struct spill *spill, struct spill_pool *pool)
{
    spill->pool = pool;
    spill->previous = NULL;
    spill->next = pool->first;
    if (pool->first != NULL)
        pool->first->previous = spill;
    pool->first = spill;
    pool->held += spill->used - spill->spilled;
    pool->written += spill->spilled;
}

/* ---- Windows ---- */

static size_t windows_allowed(const struct spill_pool *pool)
{
    uint64_t allowed = pool->limit / WINDOW_SHARE / SPILL_WINDOW;
    return allowed < WINDOWS_MIN ? WINDOWS_MIN : allowed > SPILL_WINDOWS_MAX ? SPILL_WINDOWS_MAX : (size_t)allowed;
}

/* Only memory is given back: the next read brings it in again. */
static void give_back(const struct spill *spill, uint64_t offset, uint64_t size)
{
    if (size > 0)
        (void)madvise(spill->base + offset, size, MADV_DONTNEED);
}

static void windows_forget(struct spill *spill)
{
    struct spill_pool *pool = spill->pool;
    for (size_t i = 0; spill->spilled > 0 && i < SPILL_WINDOWS_MAX; i++) {
        if (pool->windows[i].spill == spill) {
            spill->seen[pool->windows[i].number] = 0;
            pool->windows[i].spill = NULL;
        }
        if (pool->past[i].spill == spill)
            pool->past[i].spill = NULL;
    }
    give_back(spill, 0, spill->spilled);
}

/* The oldest window leaves the ring. It is often asked for again soon, or read through an address that somebody kept, so
 * its memory is given back when its place in `past` is needed, unless it came back meanwhile. */
static void window_leave(struct spill_window *window, struct spill_window *past)
{
    if (past->spill != NULL && !past->spill->seen[past->number])
        give_back(past->spill, past->number * SPILL_WINDOW, SPILL_WINDOW);
    *past = *window;
    if (window->spill != NULL)
        window->spill->seen[window->number] = 0;
}

static void window_enter(struct spill *spill, uint64_t number)
{
    struct spill_pool *pool = spill->pool;
    pool->window = (pool->window + 1) % windows_allowed(pool);
    window_leave(&pool->windows[pool->window], &pool->past[pool->window]);
    pool->windows[pool->window] = (struct spill_window){spill, number};
    spill->seen[number] = 1;
    if (++pool->entered < SWEEP)
        return;
    pool->entered = 0;
    for (const struct spill *each = pool->first; each != NULL; each = each->next)
        give_back(each, 0, each->spilled);
}

static void enter(struct spill *spill, uint64_t offset, uint64_t size)
{
    uint64_t end = offset + size < spill->spilled ? offset + size : spill->spilled;
    for (uint64_t number = offset / SPILL_WINDOW; number * SPILL_WINDOW < end; number++) {
        if (!spill->seen[number])
            window_enter(spill, number);
    }
}

/* ---- Life ---- */

struct spill *spill_new(struct spill_pool *pool)
{
    struct spill *spill = calloc(1, sizeof *spill);
    if (spill == NULL)
        return NULL;
    spill->file = -1;
    link_in(spill, pool);
    return spill;
}

static void link_out(struct spill *spill)
{
    windows_forget(spill);
    spill->pool->held -= spill->used - spill->spilled;
    spill->pool->written -= spill->spilled;
    if (spill->previous != NULL)
        spill->previous->next = spill->next;
    else
        spill->pool->first = spill->next;
    if (spill->next != NULL)
        spill->next->previous = spill->previous;
}

void spill_free(struct spill *spill)
{
    if (spill == NULL)
        return;
    link_out(spill);
    if (spill->base != NULL) {
        munmap(spill->base - spill->before, spill->before + spill->reserved);
        reserved_in_all -= spill->before + spill->reserved;
    }
    if (spill->file >= 0)
        close(spill->file);
    free(spill->seen);
    free(spill);
}

void spill_adopt(struct spill *spill, struct spill_pool *pool)
{
    link_out(spill);
    link_in(spill, pool);
}

uint64_t spill_size(const struct spill *spill)
{
    return spill->used;
}

/* ---- To the file ---- */

/* A file that nobody else can open, and that is gone with the program. -1 and errno. */
static int file_open(void)
{
    char path[PATH_MAX];
    int file = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
    if (file >= 0)
        return file;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return -1;
    if (snprintf(path, sizeof path, "%s/cmscope-XXXXXX", folder()) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0 && unlink(path) != 0) {
        close(file);
        return -1;
    }
    return file;
}

/* A window at a time: what is written at once Linux may keep, and map in, as one piece, which would be larger than the
 * window that is counted. */
static bool file_write(int file, const char *bytes, uint64_t size, uint64_t offset)
{
    while (size > 0) {
        uint64_t room = SPILL_WINDOW - offset % SPILL_WINDOW;
        ssize_t done = pwrite(file, bytes, size < room ? size : room, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done == 0 ? ENOSPC : errno;
            return false;
        }
        bytes += done;
        offset += (uint64_t)done;
        size -= (uint64_t)done;
    }
    return true;
}

static bool seen_reserve(struct spill *spill, uint64_t windows)
{
    if (windows <= spill->windows)
        return true;
    size_t wanted = (size_t)windows * 2;
    uint8_t *seen = realloc(spill->seen, wanted);
    if (seen == NULL) {
        errno = ENOMEM;
        return false;
    }
    memset(seen + spill->windows, 0, wanted - spill->windows);
    spill->seen = seen;
    spill->windows = wanted;
    return true;
}

/* The written bytes take the place of those in memory. */
static bool map_file(struct spill *spill, uint64_t size)
{
    char *at = spill->base + spill->spilled;
    if (mmap(at, size, PROT_READ, MAP_FIXED | MAP_SHARED, spill->file, (off_t)spill->spilled) != MAP_FAILED)
        return true;
    /* Some versions of Linux leave nothing there when they refuse: memory again, with what was written. */
    int reason = errno;
    if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        abort(); /* what was there is lost */
    for (uint64_t done = 0; done < size;) {
        ssize_t got = pread(spill->file, at + done, size - done, (off_t)(spill->spilled + done));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            abort();
        done += got > 0 ? (uint64_t)got : 0;
    }
    errno = reason;
    return false;
}

/* Moves the next `size` bytes, whole windows, to the file. */
static bool write_out(struct spill *spill, uint64_t size)
{
    if (spill->file < 0)
        spill->file = file_open();
    if (spill->file < 0 || !seen_reserve(spill, (spill->spilled + size) / SPILL_WINDOW) ||
        !file_write(spill->file, spill->base + spill->spilled, size, spill->spilled) || !map_file(spill, size)) {
        spill->pool->problem = errno;
        return false;
    }
    spill->spilled += size;
    spill->pool->held -= size;
    spill->pool->written += size;
    return true;
}

/* Moves the older half of the largest spill to its file; false when that cannot be, or there is nothing to move. */
static bool shrink(struct spill_pool *pool)
{
    struct spill *largest = pool->first;
    for (struct spill *spill = pool->first; spill != NULL; spill = spill->next) {
        if (spill->used - spill->spilled > largest->used - largest->spilled)
            largest = spill;
    }
    if (largest == NULL || pool->problem != 0)
        return false;
    uint64_t whole = (largest->used - largest->spilled) / SPILL_WINDOW;
    return whole > 0 && write_out(largest, (whole + 1) / 2 * SPILL_WINDOW);
}

/* ---- Bytes ---- */

static bool reserve(struct spill *spill)
{
    uint64_t taken = reserved_in_all, left = taken < ADDRESSES ? ADDRESSES - taken : 0;
    uint64_t most = left / RESERVE_SHARE / SPILL_WINDOW * SPILL_WINDOW;
    for (uint64_t size = most; spill->base == NULL && size >= RESERVE_MIN; size /= 4) {
        void *base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED)
            continue;
        /* Windows at round addresses: Linux brings in no part of the next one then. What is before stays unused. */
        uint64_t before = (SPILL_WINDOW - (uintptr_t)base % SPILL_WINDOW) % SPILL_WINDOW;
        spill->base = (char *)base + before;
        spill->before = before;
        spill->reserved = size - before;
        reserved_in_all += size;
        /* Huge pages would count far more than is used; and a core file shall not hold what was captured. */
        (void)madvise(base, size, MADV_NOHUGEPAGE);
        (void)madvise(base, size, MADV_DONTDUMP);
    }
    return spill->base != NULL;
}

/* Makes memory of addresses, so that `size` more bytes fit. */
static bool commit(struct spill *spill, uint64_t size)
{
    if (!reserve(spill) || size > spill->reserved - spill->used)
        return false;
    if (spill->used + size <= spill->committed)
        return true;
    uint64_t end = (spill->used + size + COMMIT - 1) / COMMIT * COMMIT;
    if (mprotect(spill->base + spill->committed, end - spill->committed, PROT_READ | PROT_WRITE) != 0)
        return false;
    spill->committed = end;
    return true;
}

const void *spill_append(struct spill *spill, const void *bytes, size_t size)
{
    struct spill_pool *pool = spill->pool;
    uint64_t limit = pool->limit - pool->limit / WINDOW_SHARE;
    while (pool->held + size > limit && shrink(pool))
        ;
    if (size > pool->most || pool->held > pool->most - size || !commit(spill, size))
        return NULL;
    char *at = spill->base + spill->used;
    if (size > 0)
        memcpy(at, bytes, size);
    spill->used += size;
    pool->held += size;
    return at;
}

const void *spill_at(struct spill *spill, uint64_t offset, uint64_t size)
{
    if (offset < spill->spilled)
        enter(spill, offset, size);
    return spill->base + offset;
}

bool spill_seen(struct spill *spill, const void *at, uint64_t size)
{
    uintptr_t offset = (uintptr_t)at - (uintptr_t)spill->base;
    if (spill->base == NULL || offset >= spill->used)
        return false;
    if (offset < spill->spilled)
        enter(spill, offset, size);
    return true;
}

bool spill_is_written(const struct spill *spill, const void *at)
{
    return spill->base != NULL && (uintptr_t)at - (uintptr_t)spill->base < spill->spilled;
}

bool spill_write(struct spill *spill, uint64_t offset, const void *bytes, size_t size)
{
    uint64_t before = offset >= spill->spilled ? 0 : spill->spilled - offset;
    if (before > size)
        before = size;
    if (before > 0 && !file_write(spill->file, bytes, before, offset)) {
        spill->pool->problem = errno;
        return false;
    }
    if (size > before)
        memcpy(spill->base + offset + before, (const char *)bytes + before, size - before);
    return true;
}
