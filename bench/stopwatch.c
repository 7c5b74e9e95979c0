/* bench/stopwatch.c: runs a program and tells what it took.
 *
 *   stopwatch SECONDS RESULT COMMAND [ARGUMENT...]
 *
 * Writes to the file RESULT, as one JSON object: exit status (negative: the signal that ended it), processor seconds
 * (user and system), seconds on the clock, peak memory in KB. The program is stopped after SECONDS.
 *
 * bench/run does not start programs itself: the peak that the kernel tells of a process includes what its parent had when
 * it started it, and an interpreter has more than what is measured.
 */
#define _DEFAULT_SOURCE /* wait4 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("usage: stopwatch SECONDS RESULT COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    double start = clock_seconds();
    pid_t pid = fork();
    if (pid == 0) {
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
    int status = 0;
    struct rusage usage = {0};
    while (wait4(pid, &status, 0, &usage) != pid)
        continue; /* interrupted by the alarm */
    double clock = clock_seconds() - start;
    alarm(0);

    FILE *result = fopen(argv[2], "w");
    if (result == NULL) {
        perror(argv[2]);
        return 1;
    }
    fprintf(result, "{\"status\":%d,\"processor\":%.6f,\"clock\":%.6f,\"memory\":%ld}\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
            seconds(usage.ru_utime) + seconds(usage.ru_stime), clock, usage.ru_maxrss);
    return fclose(result) == 0 ? 0 : 1;
}
