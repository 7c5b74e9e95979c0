/* core/stop.c: see stop.h. */
#define _GNU_SOURCE /* pipe2 */
#include "core/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "core/outfile.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

/* After a signal: how long a writer may pause, and how long it may go on at all. */
#define GRACE_PAUSE_MS 300
#define GRACE_MS 2000

static volatile sig_atomic_t arrived; /* signals so far */
static volatile sig_atomic_t asked;   /* the first one has not been accepted */
static int bell[2] = {-1, -1};        /* a pipe: the handler writes to it, so that poll(2) ends */
static struct timespec first_seen;    /* when a wait first saw the signal; tv_sec 0: not yet */
static sigset_t blocked_before;

/* Ends the program as the signal would have ended it. */
static void end_now(int number)
{
    outfile_discard_all();
    (void)signal(number, SIG_DFL);
    (void)raise(number); /* is delivered when the handler returns */
}

static void on_signal(int number)
{
    int kept = errno;
    if (arrived++ > 0) {
        end_now(number);
    } else {
        asked = 1;
        ssize_t rung = write(bell[1], "", 1);
        (void)rung;
    }
    errno = kept;
}

static void fill_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(set, signals[i]);
}

void stop_install(void)
{
    if (pipe2(bell, O_CLOEXEC | O_NONBLOCK) != 0)
        return; /* without descriptors the program ends at the first signal, as any other */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    fill_set(&action.sa_mask);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        struct sigaction before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
}

bool stop_asked(void)
{
    return asked != 0;
}

void stop_accept(void)
{
    asked = 0;
}

void stop_block(void)
{
    sigset_t set;
    fill_set(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, &blocked_before);
}

void stop_unblock(void)
{
    (void)pthread_sigmask(SIG_SETMASK, &blocked_before, NULL);
}

static int milliseconds_since(const struct timespec *start)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return GRACE_MS;
    return (int)((now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000);
}

/* What a writer still has for us after the signal. */
static enum stop_wait wait_for_rest(int file)
{
    struct pollfd wait = {.fd = file, .events = POLLIN};
    if (first_seen.tv_sec == 0)
        (void)clock_gettime(CLOCK_MONOTONIC, &first_seen);
    if (milliseconds_since(&first_seen) >= GRACE_MS)
        return STOP_ASKED;
    return poll(&wait, 1, GRACE_PAUSE_MS) > 0 ? STOP_READABLE : STOP_ASKED;
}

enum stop_wait stop_wait(int file, int milliseconds)
{
    struct pollfd waits[] = {{.fd = file, .events = POLLIN}, {.fd = bell[0], .events = POLLIN}};
    if (asked)
        return wait_for_rest(file);
    int ready = poll(waits, asked ? 1 : 2, milliseconds); /* the bell stays rung: it also ends a wait that starts now */
    if (asked)
        return wait_for_rest(file);
    if (ready == 0)
        return STOP_TIMEOUT;
    return STOP_READABLE; /* or an error, or another signal: read(2) tells */
}
