/* cli/commands.c: the commands that list: messages, flows, query, rules, schema, version, help. */
#define _DEFAULT_SOURCE
#include <archive.h>
#include <cyaml/cyaml.h>
#include <jansson.h>
#include <libdeflate.h>
#include <libxml/xmlversion.h>
#include <openssl/crypto.h>
#include <pcap/pcap.h>
#include <string.h>

#include "cli/outputs.h"
#include "cli/pipeline.h"
#include "records/mistake.h"
#include "records/schema.h"
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
typedef enum outcome answer(struct store *store, sqlite3_stmt *statement, enum row_format format, struct error *error);

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
        outcome = question->give(store, statement, question->format, error);
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
    bool ran = pipeline_run(options, question->needs, store, &result, &error);
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

static int ask(const struct options *options, const char *sql, unsigned more_needs, enum row_format format,
               answer *give)
{
    struct error error = {0};
    struct database *database = NULL;
    struct question question = {sql, more_needs, format, give};
    int status = EXIT_INPUT;
    if (options->read_count == 0) {
        complain("there is nothing to read: give a capture with -r FILE");
        return EXIT_USAGE;
    }
    int refused = outputs_check(options);
    if (refused != EXIT_DONE)
        return refused;
    struct store *store = store_new();
    if (store == NULL || database_open(store, &database, &error) != OUTCOME_OK) {
        complain("%s", store == NULL ? "no memory to start" : error.text);
    } else {
        enum outcome outcome = learn(&question, database, &error);
        status = outcome != OUTCOME_OK ? tell_mistake(sql, outcome, &error)
                                       : run_question(options, &question, database, store);
    }
    database_close(database);
    store_free(store);
    return status;
}

static enum outcome give_rows(struct store *store, sqlite3_stmt *statement, enum row_format format, struct error *error)
{
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

static const char MESSAGE_LINES[] =
    "SELECT m.packet, strftime('%H:%M:%f', m.time, 'unixepoch'),"
    " CASE m.direction WHEN 'request' THEN m.client ELSE m.server END,"
    " CASE m.direction WHEN 'request' THEN m.server ELSE m.client END,"
    " coalesce(m.endpoint, CASE m.carrier WHEN 'bits' THEN '(upload)' WHEN 'fsp' THEN '(fallback status)'"
    "      WHEN 'notification' THEN '(notification)' ELSE '?' END),"
    " coalesce(m.root, CASE WHEN m.encrypted THEN '(encrypted)' ELSE '-' END),"
    " coalesce(nullif(m.source_id, ''), m.source_host, '-'),"
    " CASE WHEN m.direction = 'reply' THEN CASE WHEN m.signed THEN 'signed' ELSE '' END"
    "      WHEN m.signature <> 'absent' THEN 'signed ' || m.signature || coalesce(' ' || m.hash, '')"
    "      WHEN m.token_signature <> 'absent' THEN 'token ' || m.token_signature"
    "      WHEN r.signature IS NOT NULL THEN 'self-signed ' || r.signature || coalesce(' ' || r.hash, '')"
    "      WHEN m.signature IS NULL THEN ''"
    "      ELSE 'unsigned' END,"
    " CASE WHEN m.malformed IS NOT NULL THEN '[' || m.malformed || ']'"
    "      WHEN m.attempt_of IS NOT NULL THEN '(again)'"
    "      WHEN m.key_registered = 0 THEN '[not the registered key]' ELSE '' END"
    " FROM message m LEFT JOIN registration r ON r.message = m.id AND m.direction = 'request' ORDER BY m.packet, m.id";

static void print_column(sqlite3_stmt *statement, int column, size_t width)
{
    size_t columns = text_print_safe(stdout, database_text(statement, column));
    for (; columns < width; columns++)
        putchar(' ');
}

static enum outcome give_lines(struct store *store, sqlite3_stmt *statement, enum row_format format,
                               struct error *error)
{
    if (format != ROW_FORMAT_TABLE)
        return give_rows(store, statement, format, error);
    static const size_t widths[] = {
        [LINE_PACKET] = 6, [LINE_TIME] = 12, [LINE_FROM] = 15,      [LINE_TO] = 15, [LINE_WHAT] = 22,
        [LINE_ROOT] = 27,  [LINE_WHO] = 41,  [LINE_SIGNATURE] = 22, [LINE_NOTE] = 0};
    int state;
    while ((state = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = LINE_PACKET; i <= LINE_NOTE; i++) {
            print_column(statement, i, widths[i]);
            fputs(i == LINE_FROM ? " -> " : i == LINE_NOTE ? "\n" : "  ", stdout);
        }
    }
    return state == SQLITE_DONE
               ? OUTCOME_OK
               : error_set(error, OUTCOME_SYSTEM, 0, "%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
}

static enum outcome give_trees(struct store *store, sqlite3_stmt *statement, enum row_format format,
                               struct error *error)
{
    (void)format;
    return report_message_trees(stdout, store, statement, error);
}

static enum outcome give_objects(struct store *store, sqlite3_stmt *statement, enum row_format format,
                                 struct error *error)
{
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
    return ask(options, MESSAGE_LINES, NEED_NOTHING, format, give_lines);
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
