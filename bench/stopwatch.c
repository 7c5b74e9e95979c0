/* bench/stopwatch.c: runs a program and tells what it took.
 *
 *   stopwatch SECONDS RESULT COMMAND [ARGUMENT...]
 *
 * Writes to the file RESULT, as one JSON object: exit status (negative: the signal that ended it), processor seconds
 * (user and system), seconds on the clock, peak memory in KB, processor seconds of the busiest thread. The program is
 * stopped after SECONDS.
 *
 * What a thread took is looked up every few milliseconds while the program runs (/proc/PID/task/TID/schedstat), so that
 * of a thread that ends the last of these may be missing. Processor seconds by those of the busiest thread are what the
 * threads can gain at most, however busy the machine is.
 *
 * bench/run does not start programs itself: the peak that the kernel tells of a process includes what its parent had when
 * it started it, and an interpreter has more than what is measured.
 */
#define _DEFAULT_SOURCE /* wait4 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t child;

static void stop_child(int signal_number)
{
    (void)signal_number;
    kill((pid_t)child, SIGKILL);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#define THREADS_MAX 128
#define LOOK_EVERY_NS 4000000

struct threads {
    struct {
        long id;
        double seconds; /* of the processor, when it was last seen */
    } items[THREADS_MAX];
    size_t count;
};

static void note_thread(struct threads *threads, pid_t pid, long id)
{
    char path[64], line[64], *end = line;
    unsigned long long ns = 0;
    size_t i = 0;
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/schedstat", (long)pid, id);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (i < threads->count && threads->items[i].id != id)
        i++;
    if (fgets(line, sizeof line, file) != NULL)
        ns = strtoull(line, &end, 10);
    if (i < THREADS_MAX && end != line) {
        threads->items[i].id = id;
        threads->items[i].seconds = (double)ns * 1e-9;
        threads->count = i == threads->count ? i + 1 : threads->count;
    }
    fclose(file);
}

static void note_threads(struct threads *threads, pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            note_thread(threads, pid, strtol(entry->d_name, NULL, 10));
    }
    if (folder != NULL)
        closedir(folder);
}

/* The first thread ends last: it took what no other one did. */
static double busiest(const struct threads *threads, pid_t pid, double all)
{
    double most = 0, others = 0;
    for (size_t i = 0; i < threads->count; i++) {
        if (threads->items[i].id == (long)pid)
            continue;
        others += threads->items[i].seconds;
        most = threads->items[i].seconds > most ? threads->items[i].seconds : most;
    }
    return all - others > most ? all - others : most;
}

/* Waits for the end of the program. */
static int wait_for(pid_t pid, const sigset_t *ends, struct threads *threads, struct rusage *usage)
{
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_NS};
    int status = 0;
    while (wait4(pid, &status, WNOHANG, usage) != pid) {
        note_threads(threads, pid);
        sigtimedwait(ends, NULL, &pause);
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("usage: stopwatch SECONDS RESULT COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    double start = clock_seconds();
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_UNBLOCK, &ends, NULL);
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    if (pid < 0) {
        perror("stopwatch");
        return 1;
    }
    child = pid;
    signal(SIGALRM, stop_child);
    alarm((unsigned)strtoul(argv[1], NULL, 10));
    struct rusage usage = {0};
    struct threads threads = {.count = 0};
    int status = wait_for(pid, &ends, &threads, &usage);
    double clock = clock_seconds() - start;
    alarm(0);

    FILE *result = fopen(argv[2], "w");
    if (result == NULL) {
        perror(argv[2]);
        return 1;
    }
    double processor = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    fprintf(result, "{\"status\":%d,\"processor\":%.6f,\"clock\":%.6f,\"memory\":%ld,\"busiest\":%.6f}\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), processor, clock, usage.ru_maxrss,
            busiest(&threads, pid, processor));
    return fclose(result) == 0 ? 0 : 1;
}
