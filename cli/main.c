/* cli/main.c: finds the command and runs it. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "core/spill.h"

_Static_assert(SPILL_UNREADABLE == EXIT_INPUT, "the exit status of an input that cannot be read");

/* Opens /dev/null as each standard descriptor that is closed (cron jobs, daemons). Otherwise the next file, a capture or
 * a temporary one, would get its number, and messages would be written into it. Standard input and output are opened for
 * the opposite use, so that reading a capture or writing a report there is an error and not an empty success. */
static bool open_standard_descriptors(void)
{
    static const int modes[] = {[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_WRONLY};
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
        if (fcntl(number, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[number]) != number)
            return false; /* the lowest number that is free is `number` */
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!open_standard_descriptors())
        return EXIT_INPUT;
    if (argc < 2) {
        help_all(stderr);
        return EXIT_USAGE;
    }
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of a write */
    spill_guard();
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-v") == 0)
        name = "version";
    const struct command *command = command_find(name);
    if (command == NULL) {
        complain("there is no command '%s'; 'cmscope help' lists them", name);
        return EXIT_USAGE;
    }
    static struct options options; /* big, and only one is ever needed */
    if (!options_parse(command, argc - 2, argv + 2, &options))
        return EXIT_USAGE;
    if (options.help) {
        help_command(stdout, command);
        return EXIT_DONE;
    }
    int status = command->run(&options);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("the output could not be written to its end");
        return EXIT_INPUT;
    }
    return status;
}
