/* cli/commands.c: the commands that list: messages, flows, query, rules, schema, version, help. */
#define _DEFAULT_SOURCE
#include <archive.h>
#include <cyaml/cyaml.h>
#include <jansson.h>
#include <libdeflate.h>
#include <libxml/xmlversion.h>
#include <openssl/crypto.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/outputs.h"
#include "cli/pipeline.h"
#include "core/spill.h"
#include "records/mistake.h"
#include "records/schema.h"
#include "records/textpool.h"
#include "report/report.h"
#include "rules/site.h"

/* ---- Questions over records ---- */

static bool row_format(const struct options *options, const char *plain, enum row_format *format)
{
    const char *name = options->format == NULL ? plain : options->format;
    if (strcmp(name, plain) == 0)
        *format = ROW_FORMAT_TABLE;
    else if (strcmp(name, "csv") == 0)
        *format = ROW_FORMAT_CSV;
    else if (strcmp(name, "json") == 0)
        *format = ROW_FORMAT_JSON;
    else {
        complain("'%s' is no format of this command; there are %s, csv and json", name, plain);
        return false;
    }
    return true;
}

/* What is done with a prepared question once the records are there. */
typedef enum outcome answer(void *context, struct store *store, sqlite3_stmt *statement, enum row_format format,
                            struct error *error);

/* The store need not keep what no statement reads. */
static void spare(struct store *store, const struct database *database, unsigned needs)
{
    const table_set always = table_bit(TABLE_input) | table_bit(TABLE_coverage); /* pipeline_complain reads them */
    store_drop(store, database_unread(database, needs) & ~always);
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        if ((always & table_bit(table)) == 0)
            store_narrow(store, table, database_columns(database, table, needs));
    }
}

/* A question to a database. */
struct question {
    const char *sql;
    unsigned needs;
    enum row_format format;
    answer *give;
    void *context;                      /* for it */
    const struct pipeline_watch *watch; /* NULL: nobody looks while the captures are read */
};

/* What it reads. Its plan would be one for tables without rows: the statement is not kept. */
static enum outcome learn(struct question *question, struct database *database, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    enum outcome outcome = database_prepare(database, question->sql, &statement, &question->needs, error);
    sqlite3_finalize(statement);
    return outcome;
}

static enum outcome give_answer(const struct options *options, const struct question *question,
                                struct database *database, struct store *store, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    enum outcome outcome = database_prepare(database, question->sql, &statement, NULL, error);
    if (outcome == OUTCOME_OK)
        outcome = question->give(question->context, store, statement, question->format, error);
    int code = sqlite3_finalize(statement);
    if (outcome != OUTCOME_OK && code != SQLITE_OK)
        outcome = database_failure(database, code, error);
    database_limit(database, 0, 0);
    if (outcome == OUTCOME_OK && options->database != NULL)
        outcome = database_export(database, options->database, error);
    return outcome;
}

/* The statement itself is wrong, or it could not be prepared for want of memory. */
static int tell_mistake(const char *sql, enum outcome outcome, const struct error *error)
{
    complain("%s", error->text);
    if (outcome != OUTCOME_MALFORMED)
        return EXIT_INPUT;
    mistake_show(stderr, sql, error->offset);
    return EXIT_DEFINITION;
}

/* Reads the captures for what the question needs, and answers it. */
static int run_question(const struct options *options, struct question *question, struct database *database,
                        struct store *store)
{
    struct error error = {0};
    struct pipeline_result result;
    question->needs =
        options->bodies ? question->needs | NEED_BODY | NEED_PAYLOAD : question->needs & ~(unsigned)NEED_BODY;
    if (database_reads(database, TABLE_coverage)) /* it tells what cannot be read of each protocol */
        question->needs |= NEED_SERVERS | NEED_NAMES;
    if (options->database != NULL)
        question->needs |= NEED_DATABASE;
    else
        spare(store, database, question->needs);
    bool ran = pipeline_run_watched(options, question->needs, store, question->watch, &result, &error);
    if (options->arguments[0] != NULL) /* of `query`: the statements of other commands end */
        database_limit(database, options->timeout > 0 ? 0 : STATEMENT_STEPS, options->timeout);
    if (ran && result.bad_filter)
        return EXIT_USAGE;
    if (ran)
        pipeline_complain(store);
    enum outcome outcome = ran ? give_answer(options, question, database, store, &error) : OUTCOME_OK;
    if (!ran || outcome != OUTCOME_OK) {
        complain("%s", error.text);
        return result.bad_site ? EXIT_DEFINITION : outcome == OUTCOME_LIMIT ? EXIT_INCOMPLETE : EXIT_INPUT;
    }
    return result.unreadable ? EXIT_INPUT : result.incomplete ? EXIT_INCOMPLETE : EXIT_DONE;
}

/* Prepares the question and runs it over `store`. */
static int ask_store(const struct options *options, struct question *question, struct database *database,
                     struct store *store)
{
    struct error error = {0};
    enum outcome outcome = learn(question, database, &error);
    return outcome != OUTCOME_OK ? tell_mistake(question->sql, outcome, &error)
                                 : run_question(options, question, database, store);
}

/* EXIT_DONE when the options are such that captures can be read. */
static int ready(const struct options *options)
{
    if (options->read_count > 0)
        return outputs_check(options);
    complain("there is nothing to read: give a capture with -r FILE");
    return EXIT_USAGE;
}

static int ask(const struct options *options, const char *sql, unsigned more_needs, enum row_format format,
               answer *give)
{
    struct error error = {0};
    struct database *database = NULL;
    struct question question = {.sql = sql, .needs = more_needs, .format = format, .give = give};
    int status = ready(options);
    if (status != EXIT_DONE)
        return status;
    struct store *store = store_new();
    if (store == NULL || database_open(store, &database, &error) != OUTCOME_OK) {
        complain("%s", store == NULL ? "no memory to start" : error.text);
        status = EXIT_INPUT;
    } else {
        status = ask_store(options, &question, database, store);
    }
    database_close(database);
    store_free(store);
    return status;
}

static enum outcome give_rows(void *context, struct store *store, sqlite3_stmt *statement, enum row_format format,
                              struct error *error)
{
    (void)context;
    (void)store;
    return report_rows(stdout, statement, format, error);
}

int run_query(const struct options *options)
{
    enum row_format format;
    if (!row_format(options, "table", &format))
        return EXIT_USAGE;
    return ask(options, options->arguments[0], NEED_NOTHING, format, give_rows);
}

/* A command that lists a table: some columns for people, all for programs. */
static int list_table(const struct options *options, const char *shown, const char *all)
{
    enum row_format format;
    if (!row_format(options, "table", &format))
        return EXIT_USAGE;
    return ask(options, format == ROW_FORMAT_TABLE ? shown : all, NEED_NOTHING, format, give_rows);
}

int run_flows(const struct options *options)
{
    return list_table(options,
                      "SELECT id, packet, strftime('%Y-%m-%d %H:%M:%f', time, 'unixepoch') AS time, src, sport, dst, "
                      "dport, state, app, packets_out, packets_in, bytes_out, bytes_in, gaps FROM flow ORDER BY id",
                      "SELECT * FROM flow ORDER BY id");
}

int run_hosts(const struct options *options)
{
    return list_table(options,
                      "SELECT address, coalesce(fqdn, netbios, '') AS name, coalesce(roles, '') AS roles, "
                      "coalesce(os, '') AS os, packets, bytes, coalesce(names, '') AS names FROM host ORDER BY id",
                      "SELECT * FROM host ORDER BY id");
}

int run_roles(const struct options *options)
{
    return list_table(options,
                      "SELECT coalesce(host, '') AS host, coalesce(name, '') AS name, role, "
                      "coalesce(site_code, '') AS site, coalesce(mode, '') AS mode, source, "
                      "coalesce(signal, '') AS signal, grade, packet, why FROM role ORDER BY id",
                      "SELECT * FROM role ORDER BY id");
}

/* ---- Messages ---- */

/* Columns of MESSAGE_LINES, in this order. */
enum { LINE_PACKET, LINE_TIME, LINE_FROM, LINE_TO, LINE_WHAT, LINE_ROOT, LINE_WHO, LINE_SIGNATURE, LINE_NOTE };

#define MESSAGE_COLUMNS                                                                                                \
    "SELECT m.packet, strftime('%H:%M:%f', m.time, 'unixepoch'),"                                                      \
    " CASE m.direction WHEN 'request' THEN m.client ELSE m.server END,"                                                \
    " CASE m.direction WHEN 'request' THEN m.server ELSE m.client END,"                                                \
    " coalesce(m.endpoint, CASE m.carrier WHEN 'bits' THEN '(upload)' WHEN 'fsp' THEN '(fallback status)'"             \
    "      WHEN 'notification' THEN '(notification)' ELSE '?' END),"                                                   \
    " coalesce(m.root, CASE WHEN m.encrypted THEN '(encrypted)' ELSE '-' END),"                                        \
    " coalesce(nullif(m.source_id, ''), m.source_host, '-'),"                                                          \
    " CASE WHEN m.direction = 'reply' THEN CASE WHEN m.signed THEN 'signed' ELSE '' END"                               \
    "      WHEN m.signature <> 'absent' THEN 'signed ' || m.signature || coalesce(' ' || m.hash, '')"                  \
    "      WHEN m.token_signature <> 'absent' THEN 'token ' || m.token_signature"                                      \
    "      WHEN r.signature IS NOT NULL THEN 'self-signed ' || r.signature || coalesce(' ' || r.hash, '')"             \
    "      WHEN m.signature IS NULL THEN ''"                                                                           \
    "      ELSE 'unsigned' END,"                                                                                       \
    " CASE WHEN m.malformed IS NOT NULL THEN '[' || m.malformed || ']'"                                                \
    "      WHEN m.attempt_of IS NOT NULL THEN '(again)'"                                                               \
    "      WHEN m.key_registered = 0 THEN '[not the registered key]' ELSE '' END"
#define MESSAGE_TABLES " FROM message m LEFT JOIN registration r ON r.message = m.id AND m.direction = 'request' "
static const char MESSAGE_LINES[] = MESSAGE_COLUMNS MESSAGE_TABLES "ORDER BY m.packet, m.id";
static const char MESSAGE_LINE[] = MESSAGE_COLUMNS MESSAGE_TABLES "WHERE m.id = ?1";

static void print_column(sqlite3_stmt *statement, int column, size_t width)
{
    size_t columns = text_print_safe(stdout, database_text(statement, column));
    for (; columns < width; columns++)
        putchar(' ');
}

static void print_line(sqlite3_stmt *statement)
{
    static const size_t widths[] = {
        [LINE_PACKET] = 6, [LINE_TIME] = 12, [LINE_FROM] = 15,      [LINE_TO] = 15, [LINE_WHAT] = 22,
        [LINE_ROOT] = 27,  [LINE_WHO] = 41,  [LINE_SIGNATURE] = 22, [LINE_NOTE] = 0};
    for (int i = LINE_PACKET; i <= LINE_NOTE; i++) {
        print_column(statement, i, widths[i]);
        fputs(i == LINE_FROM ? " -> " : i == LINE_NOTE ? "\n" : "  ", stdout);
    }
}

/* Messages that were printed while a pipe was read. Their rows are put in another order at the end, so that they are
 * known by their packet and their line. */
struct follow {
    struct database *database;
    struct store *store;
    struct spill_pool pool;
    struct spill *printed; /* of struct spill_pair: packet, hash of the line */
    int64_t looked;        /* rows that were looked at */
    uint64_t next;         /* at the end: the first pair of the packet whose lines are printed */
};

#define MET_AGAIN 0 /* in place of a hash: the pair stands for a line that was met at the end */

/* Returns a hash of the line, which is not MET_AGAIN. */
static int64_t line_hash(sqlite3_stmt *statement)
{
    uint64_t hash = 0;
    for (int i = LINE_PACKET; i <= LINE_NOTE; i++)
        hash = text_hash(hash, database_text(statement, i));
    return (int64_t)(hash | 1);
}

/* Returns true when the line was printed as it is now, once for each time that it was. */
static bool was_printed(struct follow *follow, int64_t packet, int64_t hash)
{
    uint64_t count = spill_size(follow->printed) / sizeof(struct spill_pair);
    while (follow->next < count && spill_pair_at(follow->printed, follow->next)->key < packet)
        follow->next++;
    for (uint64_t i = follow->next; i < count && spill_pair_at(follow->printed, i)->key == packet; i++) {
        const struct spill_pair met = {packet, MET_AGAIN};
        if (spill_pair_at(follow->printed, i)->value == hash)
            return spill_write(follow->printed, i * sizeof met, &met, sizeof met);
    }
    return false;
}

static enum outcome give_lines(void *context, struct store *store, sqlite3_stmt *statement, enum row_format format,
                               struct error *error)
{
    (void)store;
    (void)format;
    struct follow *follow = context;
    int state;
    if (follow != NULL && !spill_sort(&follow->printed, &follow->pool))
        return error_set(error, OUTCOME_SYSTEM, 0, "no memory to put the last messages in order");
    while ((state = sqlite3_step(statement)) == SQLITE_ROW) {
        if (follow == NULL || !was_printed(follow, sqlite3_column_int64(statement, LINE_PACKET), line_hash(statement)))
            print_line(statement);
    }
    return state == SQLITE_DONE
               ? OUTCOME_OK
               : error_set(error, OUTCOME_SYSTEM, 0, "%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
}

/* Prints the messages that came since the last look, as far as they are known. */
static void print_new(void *context)
{
    struct follow *follow = context;
    sqlite3_stmt *statement = NULL;
    struct error error = {0};
    int64_t count = store_count(follow->store, TABLE_message);
    if (follow->looked == count ||
        database_prepare(follow->database, MESSAGE_LINE, &statement, NULL, &error) != OUTCOME_OK)
        return;
    for (bool kept = true; kept && follow->looked < count; follow->looked++) {
        if (sqlite3_bind_int64(statement, 1, follow->looked + 1) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
            break; /* it is printed at the end */
        struct spill_pair pair = {sqlite3_column_int64(statement, LINE_PACKET), line_hash(statement)};
        kept = spill_append(follow->printed, &pair, sizeof pair) != NULL;
        if (kept)
            print_line(statement);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    fflush(stdout);
}

/* A pipe: its packets may come slowly, and nobody knows when it ends. */
static bool is_pipe(const char *path)
{
    struct stat status;
    int result = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &status) : stat(path, &status);
    return result == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISCHR(status.st_mode));
}

static bool reads_pipe(const struct options *options)
{
    for (size_t i = 0; i < options->read_count; i++) {
        if (is_pipe(options->reads[i]))
            return true;
    }
    return false;
}

#define FOLLOW_MEMORY ((uint64_t)1 << 20) /* of 16 bytes a message; the rest goes to a temporary file */
#define FOLLOW_MEMORY_MOST ((uint64_t)64 << 20)

static bool follow_open(struct follow *follow, struct error *error)
{
    spill_pool_init(&follow->pool, FOLLOW_MEMORY, FOLLOW_MEMORY_MOST);
    follow->printed = spill_new(&follow->pool);
    follow->store = store_new();
    if (follow->printed == NULL || follow->store == NULL)
        return !error_set(error, OUTCOME_SYSTEM, 0, "no memory to start");
    return database_open(follow->store, &follow->database, error) == OUTCOME_OK;
}

static void follow_free(struct follow *follow)
{
    database_close(follow->database);
    store_free(follow->store);
    spill_free(follow->printed);
    free(follow);
}

/* Lists the messages of a pipe while they come. Lines that differ at the end are printed again. */
static int follow_messages(const struct options *options)
{
    struct error error = {0};
    int status = ready(options);
    if (status != EXIT_DONE)
        return status;
    struct follow *follow = calloc(1, sizeof *follow);
    const struct pipeline_watch watch = {print_new, follow};
    struct question question = {
        .sql = MESSAGE_LINES, .format = ROW_FORMAT_TABLE, .give = give_lines, .context = follow, .watch = &watch};
    status = EXIT_INPUT;
    if (follow == NULL)
        complain("no memory to start");
    else if (!follow_open(follow, &error))
        complain("%s", error.text);
    else
        status = ask_store(options, &question, follow->database, follow->store);
    if (follow != NULL)
        follow_free(follow);
    return status;
}

static enum outcome give_trees(void *context, struct store *store, sqlite3_stmt *statement, enum row_format format,
                               struct error *error)
{
    (void)context;
    (void)format;
    return report_message_trees(stdout, store, statement, error);
}

static enum outcome give_objects(void *context, struct store *store, sqlite3_stmt *statement, enum row_format format,
                                 struct error *error)
{
    (void)context;
    (void)store;
    return format == ROW_FORMAT_JSON ? report_messages_json(stdout, statement, error)
                                     : report_rows(stdout, statement, format, error);
}

int run_messages(const struct options *options)
{
    enum row_format format;
    if (!row_format(options, "text", &format))
        return EXIT_USAGE;
    if (format != ROW_FORMAT_TABLE)
        return ask(options, "SELECT * FROM message ORDER BY packet, id",
                   format == ROW_FORMAT_JSON ? NEED_FIELD : NEED_NOTHING, format, give_objects);
    if (options->verbose)
        return ask(options, "SELECT id FROM message ORDER BY packet, id",
                   (NEED_EVERYTHING & ~(unsigned)NEED_BODY) | NEED_FIELD, format, give_trees);
    int status = ready(options);
    if (status != EXIT_DONE)
        return status;
    return options->threads <= 1 && reads_pipe(options) ? follow_messages(options)
                                                        : ask(options, MESSAGE_LINES, NEED_NOTHING, format, give_lines);
}

/* ---- Rules ---- */

static void print_paragraph(const char *name, const char *text)
{
    if (text != NULL && *text != '\0')
        printf("\n%s:\n  %s\n", name, text);
}

static void print_rule(const struct rule *rule)
{
    printf("%s  %s\n  section: %s\n  severity: %s, observable on the wire: %s\n  profiles:", rule->id, rule->title,
           rule->section, severity_name(rule->severity), rule->observable);
    for (size_t i = 0; i < rule->profile_count; i++)
        printf(" %s", rule->profiles[i]);
    putchar('\n');
    print_paragraph("Asked", rule->description);
    print_paragraph("Why", rule->rationale);
    print_paragraph("What to do", rule->fix);
    print_paragraph("Caution", rule->caution);
    puts("\nReferences:");
    for (size_t i = 0; i < rule->reference_count; i++)
        printf("  %s <%s>\n", rule->references[i].text, rule->references[i].href);
    if (rule->sql != NULL)
        printf("\nDecided by:\n%s\n", rule->sql);
    else
        printf("\nAlways %s: %s\n", verdict_name(rule->fixed), rule->fixed_reason);
}

static json_t *rule_json(const struct rule *rule)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:s}", "id", rule->id, "section", rule->section,
                     "title", rule->title, "severity", severity_name(rule->severity), "observable", rule->observable,
                     "decided", rule->sql != NULL ? "sql" : verdict_name(rule->fixed), "reason", rule->fixed_reason,
                     "sql", rule->sql, "description", rule->description);
}

static int list_rules(const struct benchmark *benchmark, bool json)
{
    json_t *list = json_array();
    for (size_t i = 0; i < benchmark->rule_count; i++) {
        const struct rule *rule = &benchmark->rules[i];
        if (json)
            json_array_append_new(list, rule_json(rule));
        else
            printf("%-9s %-7s %-14s %s\n", rule->id, severity_name(rule->severity),
                   rule->sql != NULL ? "decided" : verdict_name(rule->fixed), rule->title);
    }
    if (json) {
        json_dumpf(list, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    json_decref(list);
    return EXIT_DONE;
}

int run_rules(const struct options *options)
{
    struct error error = {0};
    struct benchmark *benchmark = NULL;
    bool json = options->format != NULL && strcmp(options->format, "json") == 0;
    if (options->format != NULL && !json && strcmp(options->format, "text") != 0) {
        complain("'%s' is no format of 'cmscope rules'; there are text and json", options->format);
        return EXIT_USAGE;
    }
    if (benchmark_load(options->rule_folder, &benchmark, &error) != OUTCOME_OK) {
        complain("%s", error.text);
        return EXIT_DEFINITION;
    }
    int status = EXIT_DONE;
    const struct rule *rule = options->argument_count == 0 ? NULL : benchmark_rule(benchmark, options->arguments[0]);
    if (options->argument_count == 0) {
        status = list_rules(benchmark, json);
    } else if (rule == NULL) {
        complain("there is no rule '%s'; 'cmscope rules' lists them", options->arguments[0]);
        status = EXIT_USAGE;
    } else {
        print_rule(rule);
    }
    benchmark_free(benchmark);
    return status;
}

/* ---- Schema, version, help ---- */

int run_schema(const struct options *options)
{
    const char *format = options->format == NULL ? "text" : options->format;
    const struct table_schema *only = options->argument_count == 0 ? NULL : schema_find(options->arguments[0]);
    if (options->argument_count > 0 && only == NULL) {
        complain("there is no table '%s'; 'cmscope schema' lists them", options->arguments[0]);
        return EXIT_USAGE;
    }
    if (strcmp(format, "markdown") == 0 && only == NULL) {
        schema_print_markdown(stdout);
        return EXIT_DONE;
    }
    if (strcmp(format, "site") == 0 && only == NULL) {
        site_print_keys(stdout);
        return EXIT_DONE;
    }
    if (strcmp(format, "text") != 0 && strcmp(format, "sql") != 0) {
        complain("'%s' is no format of 'cmscope schema%s'; there are text, sql and, for all tables, markdown, and site "
                 "(the keys of the site file)",
                 format, only == NULL ? "" : " TABLE");
        return EXIT_USAGE;
    }
    for (int i = 0; i < TABLE_COUNT; i++) {
        const struct table_schema *schema = schema_table((enum table)i);
        if (only != NULL && only != schema)
            continue;
        if (strcmp(format, "sql") == 0) {
            schema_print_sql(stdout, schema, "");
            puts(";");
        } else {
            schema_print_text(stdout, schema);
        }
    }
    return EXIT_DONE;
}

int run_version(const struct options *options)
{
    (void)options;
    printf("cmscope %s\n%s\nlibxml2 %s\nlibdeflate %s\n%s\nSQLite %s\njansson %s\nlibcyaml %s\n%s\n", CMSCOPE_VERSION,
           pcap_lib_version(), LIBXML_DOTTED_VERSION, LIBDEFLATE_VERSION_STRING, OpenSSL_version(OPENSSL_VERSION),
           sqlite3_libversion(), JANSSON_VERSION, cyaml_version_str, archive_version_string());
    return EXIT_DONE;
}

int run_help(const struct options *options)
{
    if (options->man) {
        help_man(stdout);
        return EXIT_DONE;
    }
    if (options->argument_count == 0) {
        help_all(stdout);
        return EXIT_DONE;
    }
    const struct command *command = command_find(options->arguments[0]);
    if (command == NULL) {
        complain("there is no command '%s'; 'cmscope help' lists them", options->arguments[0]);
        return EXIT_USAGE;
    }
    help_command(stdout, command);
    return EXIT_DONE;
}
