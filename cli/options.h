/* cli/options.h: the command line: one table of commands and one of options, from which parsing, --help and the man
 * page all come. */
#ifndef CMSCOPE_CLI_OPTIONS_H
#define CMSCOPE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/settings.h"
#include "rules/benchmark.h"

/* Exit status of every command (design: Commands). */
enum exit_status {
    EXIT_DONE = 0, /* nothing failed */
    EXIT_RULE_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INPUT = 3,      /* an input could not be read */
    EXIT_DEFINITION = 4, /* a rule or site file is invalid */
    EXIT_INCOMPLETE = 5  /* something was missed, and nothing failed */
};

#define OPTION_VALUES_MAX 4096 /* of an option that may be repeated */

/* Of a statement of `query` or of a rule, unless --timeout is given: what is legal takes much less, also on 10 GB of
 * capture, and the same statement is stopped at the same row each time. */
#define STATEMENT_STEPS ((uint64_t)10000000000)
#define STATEMENT_STEPS_TEXT "10,000 million"
#define TIMEOUT_MAX 86400 /* a day */

struct options {
    const char *reads[OPTION_VALUES_MAX]; /* -r */
    size_t read_count;
    const char *filter;                  /* -f */
    const char *keys;                    /* --keys */
    const char *profile;                 /* --profile */
    const char *rule_folder;             /* --rules */
    const char *only[OPTION_VALUES_MAX]; /* --rule */
    size_t only_count;
    const char *format;       /* -T */
    const char *html;         /* --html */
    const char *database;     /* --db */
    const char *site;         /* --site */
    const char *output;       /* -w */
    enum severity fail_on;    /* --fail-on */
    size_t threads;           /* --threads; 0: not given */
    unsigned timeout;         /* --timeout, seconds; 0: not given */
    struct settings settings; /* --memory, -o */
    bool bodies, show_secrets, verbose, quiet, no_colour, help, man;
    const char *arguments[8]; /* what is left: SQL, a rule id, a table, a command */
    size_t argument_count;
};

struct command {
    const char *name;
    int (*run)(const struct options *options);
    const char *options;   /* letters of OPTIONS that it takes */
    const char *arguments; /* how its arguments are shown; "" for none */
    size_t argument_min, argument_max;
    const char *summary; /* one line */
    const char *text;    /* a paragraph for --help and the man page */
    const char *example; /* one that works in the source folder */
};

extern const struct command COMMANDS[];
extern const size_t COMMAND_COUNT;

const struct command *command_find(const char *name);

/* Reads the arguments of `command` (argv without the program and command names). False after writing what is wrong to
 * standard error. */
MUST_USE bool options_parse(const struct command *command, int argc, char **argv, struct options *options);

/* Help for one command, for all of them, and the man page cmscope(1) in roff. */
void help_command(FILE *out, const struct command *command);
void help_all(FILE *out);
void help_man(FILE *out);

/* One line on standard error: "cmscope: ...", safe for a terminal. */
void complain(const char *format, ...) PRINTF_LIKE(1, 2);

/* The commands: commands.c, check.c, discover.c. */
int run_check(const struct options *options);
int run_messages(const struct options *options);
int run_flows(const struct options *options);
int run_hosts(const struct options *options);
int run_roles(const struct options *options);
int run_discover(const struct options *options);
int run_query(const struct options *options);
int run_rules(const struct options *options);
int run_schema(const struct options *options);
int run_version(const struct options *options);
int run_help(const struct options *options);

#endif
