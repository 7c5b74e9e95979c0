/* cli/options.c: see options.h. */
#include "cli/options.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "cli/worker.h"
#include "core/text.h"

const struct command COMMANDS[] = {
    {"check", run_check, "rfkStMOXPRuTHdovqNh", "", 0, 0, "a verdict for each practice of the checklist, with evidence",
     "Reads captures and tells for each practice of the ConfigMgr security checklist whether the traffic follows it: "
     "pass, "
     "fail, notobserved (the deciding traffic was not in the capture, or could not be read), notobservable (no capture "
     "can "
     "decide) or informational. Each fail names the packets that prove it. Formats: text (default), json, html.",
     "cmscope check -r tests/pcaps/sccmwtf-http.pcap"},
    {"messages", run_messages, "rfkStMOTbsdVh", "", 0, 0, "every ConfigMgr message, one line each",
     "Lists the messages between clients and management points: requests and replies, each transmission a line. With "
     "-V each is told whole: how it travelled, header, signature, and each field with what its value means. Formats: "
     "text "
     "(default), json (with the fields), csv. Of a pipe, text is printed while it is read, by one worker unless "
     "--threads asks for more; a line whose note is only known at the end is printed again there.",
     "cmscope messages -r tests/pcaps/sccmwtf-http.pcap"},
    {"flows", run_flows, "rfStMOTdh", "", 0, 0, "every TCP connection, one line each",
     "Lists the connections with what was recognised in them, gaps and retransmissions. Formats: table (default), "
     "json, csv.",
     "cmscope flows -r tests/pcaps/sccmwtf-http.pcap"},
    {"hosts", run_hosts, "rfkStMOTdh", "", 0, 0, "every host, with its names and roles, one line each",
     "Lists the addresses that sent something, with the names that they say of themselves or that name services "
     "say of them, and what roles they have. The table host_name tells who says each name. Formats: table (default), "
     "json, csv (with all columns of the table host).",
     "cmscope hosts -r tests/pcaps/sccmwtf-http.pcap"},
    {"roles", run_roles, "rfkStMOTdh", "", 0, 0, "which role each host was learned to have, and by what sign",
     "Lists the roles of hosts (management point, distribution point, site server, client ...) with site code and "
     "mode as far as they show, the packet with the best sign, and its grade: proof, strong, or hint. Formats: table "
     "(default), json, csv (with all columns of the table role).",
     "cmscope roles -r tests/pcaps/sccmwtf-http.pcap"},
    {"query", run_query, "rfkStMOXTbsdh", "SQL", 1, 1, "any question over the records, in SQL",
     "Runs one SELECT over the tables that 'cmscope schema' lists. Only what the question reads is decoded. Formats: "
     "table "
     "(default), json (an array of objects), csv.",
     "cmscope query -r tests/pcaps/sccmwtf-http.pcap 'SELECT endpoint, signature, count(*) FROM message GROUP BY 1, "
     "2'"},
    {"discover", run_discover, "rfktMOwh", "", 0, 0, "writes a site file of what was learned, to be edited",
     "Writes the site as the captures show it: sites, roles of hosts with their names, domain controllers, SQL "
     "servers. It "
     "is the site file (YAML) that --site takes as it is; comments tell of each role how sure it is and which packet "
     "told it. Roles of clients are left out.",
     "cmscope discover -r tests/pcaps/sccmwtf-http.pcap"},
    {"rules", run_rules, "uTh", "[RULE]", 0, 1, "what is checked",
     "Lists the practices of the checklist; with the id of one, all about it and the query that decides it. Formats: "
     "text "
     "(default), json.",
     "cmscope rules RSC-1"},
    {"schema", run_schema, "Th", "[TABLE]", 0, 1, "the tables and columns that can be asked",
     "Describes all tables, or one. Formats: text (default), sql, markdown; site: the keys of the site file that "
     "--site "
     "takes.",
     "cmscope schema message"},
    {"version", run_version, "h", "", 0, 0, "the version and the libraries it was built with",
     "Prints the version of cmscope and of the libraries in use.", "cmscope version"},
    {"help", run_help, "mh", "[COMMAND]", 0, 1, "help for a command", "Prints help for all commands or for one.",
     "cmscope help check"},
};
const size_t COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0];

enum option_kind {
    KIND_FLAG,
    KIND_VALUE,
    KIND_LIST,
    KIND_SEVERITY,
    KIND_COUNT,
    KIND_MEMORY,
    KIND_SECONDS,
    KIND_SETTING
};

/* `key` names the option in struct command.options; `letter` 0: it has only a long name. */
static const struct option_row {
    char key, letter;
    const char *name, *value;
    enum option_kind kind;
    size_t offset, count_offset;
    const char *meaning;
} OPTIONS[] = {
    {'r', 'r', "read", "FILE", KIND_LIST, offsetof(struct options, reads), offsetof(struct options, read_count),
     "capture to read: pcap or pcapng, plain or compressed; a folder; - for standard input; may be repeated"},
    {'f', 'f', "filter", "EXPRESSION", KIND_VALUE, offsetof(struct options, filter), 0,
     "look only at packets that this capture filter (BPF) passes"},
    {'k', 0, "keys", "PATH", KIND_VALUE, offsetof(struct options, keys), 0,
     "file or folder with certificates, keys (PEM, DER, PKCS#12 without a password) and TLS key logs: to verify "
     "signatures whose key the capture does not show, to open what is encrypted for them, and to read what TLS hides"},
    {'S', 0, "site", "FILE", KIND_VALUE, offsetof(struct options, site), 0,
     "what is known of the site (YAML, see docs/site.md): what it declares goes before what the captures show; - for "
     "standard input"},
    {'w', 'w', "write", "FILE", KIND_VALUE, offsetof(struct options, output), 0,
     "write to this file instead of standard output; it must not exist, or be empty"},
    {'t', 0, "threads", "NUMBER", KIND_COUNT, offsetof(struct options, threads), 0,
     "workers that follow connections side by side; one for each processor when not given; the output is the same"},
    {'M', 0, "memory", "SIZE", KIND_MEMORY, offsetof(struct options, settings), 0,
     "memory to use, in bytes or with K, M or G, at least 1M (default: " MEMORY_DEFAULT_TEXT
     "); see MEMORY in cmscope(1)"},
    {'X', 0, "timeout", "SECONDS", KIND_SECONDS, offsetof(struct options, timeout), 0,
     "stop a query that takes longer once everything is read, instead of after " STATEMENT_STEPS_TEXT
     " steps of SQLite (some minutes); what it would have decided is not observed"},
    {'O', 'o', "option", "SETTING", KIND_SETTING, offsetof(struct options, settings), 0,
     "one of the settings below; may be repeated"},
    {'P', 0, "profile", "NAME", KIND_VALUE, offsetof(struct options, profile), 0,
     "judge by this profile: 2007-mixed, 2007-native or modern (default)"},
    {'R', 0, "rule", "ID", KIND_LIST, offsetof(struct options, only), offsetof(struct options, only_count),
     "only this rule; may be repeated"},
    {'u', 0, "rules", "FOLDER", KIND_VALUE, offsetof(struct options, rule_folder), 0,
     "use benchmark.xml and sql/ of this folder instead of those built in"},
    {'T', 'T', "format", "FORMAT", KIND_VALUE, offsetof(struct options, format), 0, "output format"},
    {'H', 0, "html", "FILE", KIND_VALUE, offsetof(struct options, html), 0,
     "write the report as one HTML page too; only an earlier report is replaced"},
    {'d', 0, "db", "FILE", KIND_VALUE, offsetof(struct options, database), 0,
     "keep all records in this SQLite database too; only an earlier one is replaced"},
    {'b', 0, "bodies", NULL, KIND_FLAG, offsetof(struct options, bodies), 0, "keep the text of message bodies"},
    {'s', 0, "show-secrets", NULL, KIND_FLAG, offsetof(struct options, show_secrets), 0,
     "show secret values of policies; without it they are hidden everywhere"},
    {'o', 0, "fail-on", "SEVERITY", KIND_SEVERITY, offsetof(struct options, fail_on), 0,
     "exit with 1 only for failed rules of this severity or above: info (default), low, medium, high"},
    {'v', 'V', "verbose", NULL, KIND_FLAG, offsetof(struct options, verbose), 0,
     "all evidence, remarks, reasons and remedies"},
    {'V', 'V', "verbose", NULL, KIND_FLAG, offsetof(struct options, verbose), 0, "the whole decoded message"},
    {'q', 'q', "quiet", NULL, KIND_FLAG, offsetof(struct options, quiet), 0, "no report on standard output"},
    {'N', 0, "no-colour", NULL, KIND_FLAG, offsetof(struct options, no_colour), 0,
     "no colours, as with the environment variable NO_COLOR"},
    {'m', 0, "man", NULL, KIND_FLAG, offsetof(struct options, man), 0, "print the man page cmscope(1)"},
    {'h', 'h', "help", NULL, KIND_FLAG, offsetof(struct options, help), 0, "this help"},
};
#define OPTION_COUNT (sizeof OPTIONS / sizeof OPTIONS[0])

void complain(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("cmscope: ", stderr);
    text_print_safe(stderr, text_of(text));
    fputc('\n', stderr);
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    }
    return NULL;
}

static bool takes(const struct command *command, const struct option_row *option)
{
    return strchr(command->options, option->key) != NULL;
}

/* "-r", "-rFILE", "--read", "--read=FILE": the option, and the value that stands in the same argument, or NULL. */
static const struct option_row *option_find(const struct command *command, const char *argument, const char **value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *option = &OPTIONS[i];
        size_t length = strlen(option->name);
        if (!takes(command, option))
            continue;
        *value = NULL;
        if (option->letter != 0 && argument[1] == option->letter && (argument[2] == '\0' || option->value != NULL)) {
            *value = argument[2] == '\0' ? NULL : argument + 2;
            return option;
        }
        if (argument[1] == '-' && strncmp(argument + 2, option->name, length) == 0 &&
            (argument[2 + length] == '\0' || argument[2 + length] == '=')) {
            *value = argument[2 + length] == '=' ? argument + 3 + length : NULL;
            return option;
        }
    }
    return NULL;
}

static bool option_store(const struct option_row *option, const char *value, struct options *options)
{
    char *field = (char *)options + option->offset;
    switch (option->kind) {
    case KIND_FLAG:
        *(bool *)field = true;
        return true;
    case KIND_VALUE:
        *(const char **)(void *)field = value;
        return true;
    case KIND_SEVERITY:
        if (severity_parse(value, (enum severity *)(void *)field))
            return true;
        complain("'%s' is no severity; there are info, low, medium and high", value);
        return false;
    case KIND_COUNT: {
        uint64_t number;
        if (text_to_u64(text_of(value), &number) && number >= 1 && number <= WORKERS_MAX) {
            *(size_t *)(void *)field = (size_t)number;
            return true;
        }
        complain("'%s' is no number of %s; there may be 1 to %d", value, option->name, WORKERS_MAX);
        return false;
    }
    case KIND_MEMORY:
        if (memory_parse(value, &((struct settings *)(void *)field)->memory)) {
            if (((struct settings *)(void *)field)->memory < MEMORY_LEAST)
                complain("--memory %s: a large message takes up to " MEMORY_LEAST_TEXT " all the same", value);
            return true;
        }
        complain("'%s' is no size of memory; give 64M or 4G, for example, and at least 1M", value);
        return false;
    case KIND_SECONDS: {
        uint64_t number;
        if (text_to_u64(text_of(value), &number) && number >= 1 && number <= TIMEOUT_MAX) {
            *(unsigned *)(void *)field = (unsigned)number;
            return true;
        }
        complain("'%s' is no number of seconds; there may be 1 to %d", value, TIMEOUT_MAX);
        return false;
    }
    case KIND_SETTING:
        return settings_apply((struct settings *)(void *)field, value);
    case KIND_LIST: {
        size_t *count = (size_t *)(void *)((char *)options + option->count_offset);
        if (*count == OPTION_VALUES_MAX) {
            complain("--%s is given more than %d times", option->name, OPTION_VALUES_MAX);
            return false;
        }
        ((const char **)(void *)field)[(*count)++] = value;
        return true;
    }
    }
    return false;
}

static bool argument_store(const struct command *command, const char *argument, struct options *options)
{
    if (options->argument_count == command->argument_max) {
        complain("'%s' is one argument too many for 'cmscope %s'; see 'cmscope help %s'", argument, command->name,
                 command->name);
        return false;
    }
    options->arguments[options->argument_count++] = argument;
    return true;
}

bool options_parse(const struct command *command, int argc, char **argv, struct options *options)
{
    *options = (struct options){.fail_on = SEVERITY_INFO};
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        const char *value;
        if (only_arguments || argv[i][0] != '-' || argv[i][1] == '\0') {
            if (!argument_store(command, argv[i], options))
                return false;
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            only_arguments = true;
            continue;
        }
        const struct option_row *option = option_find(command, argv[i], &value);
        if (option == NULL) {
            complain("'cmscope %s' has no option '%s'; see 'cmscope help %s'", command->name, argv[i], command->name);
            return false;
        }
        if ((option->value == NULL) != (value == NULL) && option->value == NULL) {
            complain("--%s takes no value", option->name);
            return false;
        }
        if (option->value != NULL && value == NULL) {
            if (i + 1 == argc) {
                complain("--%s needs a value: %s", option->name, option->value);
                return false;
            }
            value = argv[++i];
        }
        if (!option_store(option, value, options))
            return false;
    }
    if (options->help || options->argument_count >= command->argument_min)
        return true;
    complain("'cmscope %s' needs %s; see 'cmscope help %s'", command->name, command->arguments, command->name);
    return false;
}

/* ---- Help ---- */

static void print_left(FILE *out, const char *name, const char *between, const char *value, const char *meaning)
{
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", name, between, value);
    fprintf(out, "  %-24s %s\n", left, meaning);
}

static void print_option(FILE *out, const struct option_row *option)
{
    char left[64];
    int length = 0;
    if (option->letter != 0)
        length = snprintf(left, sizeof left, "-%c, ", option->letter);
    snprintf(left + length, sizeof left - (size_t)length, "--%s%s%s", option->name, option->value == NULL ? "" : " ",
             option->value == NULL ? "" : option->value);
    fprintf(out, "  %-24s %s\n", left, option->meaning);
}

static void print_wrapped(FILE *out, const char *text, size_t width)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > width) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%s%.*s", column > 0 ? " " : "", (int)word, text);
        column += word + (column > 0);
        text += word;
        text += *text == ' ';
    }
    fputc('\n', out);
}

static bool needs_read(const struct command *command)
{
    return strchr(command->options, 'r') != NULL;
}

void help_command(FILE *out, const struct command *command)
{
    fprintf(out, "usage: cmscope %s%s [options]%s%s\n\n", command->name, needs_read(command) ? " -r FILE..." : "",
            command->arguments[0] == '\0' ? "" : " ", command->arguments);
    print_wrapped(out, command->text, 100);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (takes(command, &OPTIONS[i]))
            print_option(out, &OPTIONS[i]);
    }
    if (needs_read(command))
        fputs("\nSettings of -o:\n", out);
    for (size_t i = 0; i < SETTING_COUNT && needs_read(command); i++)
        print_left(out, SETTINGS[i].name, ":", SETTINGS[i].value, SETTINGS[i].meaning);
    fprintf(out, "\nExample:\n  %s\n", command->example);
}

static const struct {
    int status;
    const char *meaning;
} STATUSES[] = {
    {EXIT_DONE, "done, and nothing failed"},
    {EXIT_RULE_FAILED, "a rule failed (--fail-on moves the bar)"},
    {EXIT_USAGE, "wrong usage"},
    {EXIT_INPUT, "an input could not be read, or the output not be written"},
    {EXIT_DEFINITION, "a rule file, a site file or a query is invalid"},
    {EXIT_INCOMPLETE, "nothing failed, but something was missed: input cut off, gaps, limits"},
};
#define STATUS_COUNT (sizeof STATUSES / sizeof STATUSES[0])

void help_all(FILE *out)
{
    fputs("usage: cmscope COMMAND [options]\n\n"
          "Sees on the wire whether Microsoft Configuration Manager talks securely.\n\nCommands:\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fputs("\nExit status:\n", out);
    for (size_t i = 0; i < STATUS_COUNT; i++)
        fprintf(out, "  %d  %s\n", STATUSES[i].status, STATUSES[i].meaning);
    fputs("\n'cmscope help COMMAND' tells more.\n", out);
}

/* In roff a line must not start with a dot or quote, and a hyphen of an option is written \-. */
static void roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text != '\0'; text++) {
        if (*text == '-' || *text == '\\')
            fprintf(out, "\\%s", *text == '-' ? "-" : "e");
        else
            fputc(*text, out);
    }
}

static void man_option(FILE *out, const struct option_row *option)
{
    fputs(".TP\n", out);
    if (option->letter != 0)
        fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", out);
    roff(out, option->name);
    fprintf(out, "\\fR%s%s%s\n", option->value == NULL ? "" : " \\fI", option->value == NULL ? "" : option->value,
            option->value == NULL ? "" : "\\fR");
    roff(out, option->meaning);
    fputc('\n', out);
}

static const struct {
    const char *title, *text;
} NOTES[] = {
    {"MEMORY",
     "Memory does not grow with the length of a capture. Of --memory a half is for connections (4 KB each), an eighth "
     "for "
     "segments out of order and an eighth for HTTP bodies that are being collected; what is missed to stay within them "
     "is "
     "counted in the table coverage. Records take a sixteenth, at most 8 MB: rows above that are written to a file "
     "without a name in the folder TMPDIR (default: /var/tmp), which only its owner could open and which is gone when "
     "cmscope ends. It takes about as much of the disk as the rows: some 2 KB for a message with its exchange and "
     "texts. "
     "When it cannot be written (the disk is full, there is no such folder), rows stay in memory up to a quarter of "
     "--memory, and what is above that is lost and counted. An index that a query needs takes 16 bytes a row, in the "
     "same "
     "way. ORDER BY and GROUP BY may make SQLite write temporary files of its own. Some 15 MB for the program itself "
     "come "
     "on top, and 4 MB for each worker when there are several. The payload of a message inflates to at most 1/32 of "
     "--memory, but 4 to 64 MB: each worker may take five times as much to decode it, and -T json with --bodies 18 "
     "times, so that less than " MEMORY_LEAST_TEXT
     " cannot be promised. At most 4096 closed connections are remembered by each "
     "worker, to know late packets of theirs, and some 32,000 more by a hash, to know the last ACK, FIN or RST."},
    {"INPUT THAT GROWS OR IS CUT OFF",
     "Standard input is read as it comes: a pipe that pauses is waited for until it is closed. Several files, and the "
     "files of a folder (a rotating set), are one capture and are read in the order of their first packets. What ends "
     "in "
     "the middle of a packet is used up to there, and the place is told. Of a compressed file that is cut off, gzip "
     "gives "
     "all that was written; the others lose the last part, which cannot be unpacked without its end: up to 192 KB of "
     "the "
     "capture with xz, 256 KB with zstd, 1 MB with bzip2 and 4 MB with lz4."},
};

static void man_notes(FILE *out)
{
    for (size_t i = 0; i < sizeof NOTES / sizeof NOTES[0]; i++) {
        fprintf(out, ".SH %s\n", NOTES[i].title);
        roff(out, NOTES[i].text);
        fputc('\n', out);
    }
}

void help_man(FILE *out)
{
    fprintf(out, ".\\\" Made by 'cmscope help --man'.\n.TH CMSCOPE 1 \"\" \"cmscope %s\" \"User Commands\"\n.SH NAME\n",
            CMSCOPE_VERSION);
    fputs("cmscope \\- sees on the wire whether Microsoft Configuration Manager talks securely\n.SH SYNOPSIS\n", out);
    fputs("\\fBcmscope\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n.SH COMMANDS\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &COMMANDS[i];
        fprintf(out, ".SS \"cmscope %s%s%s%s\"\n", command->name, needs_read(command) ? " \\-r FILE..." : "",
                command->arguments[0] == '\0' ? "" : " ", command->arguments);
        roff(out, command->text);
        fputs("\n", out);
        for (size_t j = 0; j < OPTION_COUNT; j++) {
            if (takes(command, &OPTIONS[j]) && OPTIONS[j].key != 'h')
                man_option(out, &OPTIONS[j]);
        }
        fputs(".PP\nExample:\n.PP\n.nf\n.RS\n", out);
        roff(out, command->example);
        fputs("\n.RE\n.fi\n", out);
    }
    fputs(".SH SETTINGS\nValues of \\fB\\-o\\fR.\n", out);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        fprintf(out, ".TP\n\\fB%s:\\fR\\fI%s\\fR\n", SETTINGS[i].name, SETTINGS[i].value);
        roff(out, SETTINGS[i].meaning);
        fputc('\n', out);
    }
    man_notes(out);
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        fprintf(out, ".TP\n\\fB%d\\fR\n", STATUSES[i].status);
        roff(out, STATUSES[i].meaning);
        fputc('\n', out);
    }
}
