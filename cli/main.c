/* cli/main.c: finds the command and runs it. */
#include <signal.h>
#include <string.h>

#include "cli/options.h"
#include "core/spill.h"

_Static_assert(SPILL_UNREADABLE == EXIT_INPUT, "the exit status of an input that cannot be read");

int main(int argc, char **argv)
{
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
