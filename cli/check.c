/* cli/check.c: cmscope check. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/outputs.h"
#include "cli/pipeline.h"
#include "report/facts.h"
#include "rules/seen.h"

#define EVALUATION_MAX ((size_t)1 << 30) /* memory for verdicts and their evidence */

enum check_format { CHECK_TEXT, CHECK_JSON, CHECK_HTML };

/* The inputs of a judgement, and its results. */
struct judging {
    const struct benchmark *benchmark;
    const struct evaluation *evaluation;
    struct database *database;
    struct store *store;
    struct arena *arena;
    struct verdicts verdicts;
    struct findings findings;
    bool has_findings;
};

static bool parse_format(const char *name, enum check_format *format)
{
    static const char *const names[] = {"text", "json", "html"};
    for (int i = 0; i < 3; i++) {
        if (name == NULL || strcmp(name, names[i]) == 0) {
            *format = (enum check_format)i;
            return true;
        }
    }
    complain("'%s' is no format of 'cmscope check'; there are text, json and html", name);
    return false;
}

static bool selection_exists(const struct options *options, const struct benchmark *benchmark)
{
    if (options->profile != NULL && benchmark_profile(benchmark, options->profile) == NULL) {
        complain("there is no profile '%s'; 'cmscope help check' names them", options->profile);
        return false;
    }
    for (size_t i = 0; i < options->only_count; i++) {
        if (benchmark_rule(benchmark, options->only[i]) == NULL) {
            complain("there is no rule '%s'; 'cmscope rules' lists them", options->only[i]);
            return false;
        }
    }
    return true;
}

static bool use_colour(const struct options *options)
{
    const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return !options->no_colour && (none == NULL || *none == '\0') && isatty(STDOUT_FILENO) == 1 &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static int write_html(const char *path, const struct report *report)
{
    struct error error = {0};
    struct outfile file;
    if (fflush(stdout) != 0 || outfile_open(&file, path, &report_html_kind, &error) != OUTCOME_OK) {
        complain("%s", error.text[0] != '\0' ? error.text : "the output could not be written to its end");
        return EXIT_INPUT;
    }
    report_html(file.stream, report);
    if (outfile_close(&file, &error) != OUTCOME_OK) {
        complain("%s", error.text);
        return EXIT_INPUT;
    }
    return EXIT_DONE;
}

static int write_reports(const struct options *options, enum check_format format, const struct report *report)
{
    bool written = true;
    if (options->quiet)
        written = true;
    else if (format == CHECK_JSON)
        written = report_json(stdout, report);
    else if (format == CHECK_HTML)
        report_html(stdout, report);
    else
        report_text(stdout, report);
    if (!written) {
        complain("no memory to write the report");
        return EXIT_INPUT;
    }
    return options->html == NULL ? EXIT_DONE : write_html(options->html, report);
}

static const struct rule_verdict *first_unjudged(const struct verdicts *verdicts)
{
    size_t i = 0;
    while (i < verdicts->count && !verdicts->items[i].unjudged)
        i++;
    return i < verdicts->count ? &verdicts->items[i] : NULL;
}

/* Judges as far as memory, disk and time allow, and says what they did not allow. OUTCOME_MALFORMED: a rule is wrong. */
static enum outcome judge(struct judging *judging, bool whole, struct pipeline_result *result, struct error *error)
{
    struct verdicts *verdicts = &judging->verdicts;
    enum outcome outcome =
        evaluate_rules(judging->database, judging->benchmark, judging->evaluation, judging->arena, verdicts, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    struct error why = {0};
    const struct rule_verdict *unjudged = first_unjudged(verdicts);
    judging->has_findings =
        whole && findings_collect(judging->database, judging->arena, &judging->findings, &why) == OUTCOME_OK;
    if (unjudged != NULL) {
        complain("%zu rules could not be judged; %s: %.*s", verdicts->unjudged, unjudged->rule->id,
                 (int)unjudged->detail.length, unjudged->detail.at);
        pipeline_count(judging->store, result, "rules_unjudged", verdicts->unjudged, true,
                       "rules that could not be judged for want of memory, disk or time");
    }
    if (whole && !judging->has_findings) {
        complain("messages were not checked against the message schema: %s", why.text);
        pipeline_count(judging->store, result, "findings_unread", 1, true,
                       "1 when memory, disk or time did not allow to check messages against the message schema");
    }
    return OUTCOME_OK;
}

static int status_of(const struct options *options, const struct verdicts *verdicts,
                     const struct pipeline_result *result)
{
    if (result->unreadable)
        return EXIT_INPUT;
    for (size_t i = 0; i < verdicts->count; i++) {
        if (verdicts->items[i].verdict == VERDICT_FAIL && verdicts->items[i].rule->severity >= options->fail_on)
            return EXIT_RULE_FAILED;
    }
    return result->incomplete ? EXIT_INCOMPLETE : EXIT_DONE;
}

/* A capture without anything that the rules speak of breaks none of them: that must not look like a clean site. Where no
 * packet was read, other reasons say so. */
static enum outcome note_seen(struct database *database, struct store *store, struct pipeline_result *result,
                              struct error *error)
{
    struct report report = {.store = store};
    struct seen seen = {0};
    enum outcome outcome = seen_look(database, &seen, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    pipeline_count(
        store, result, "no_configmgr", !seen.configmgr && facts_capture(&report).packets > 0, true,
        "1 when no ConfigMgr traffic was seen: no message, no request to a site system, no sign of one; nothing "
        "is said of any site");
    pipeline_count(store, result, "tls_hides_all", seen.tls_hidden, true,
                   "1 when TLS hides the content of all connections that were read: give what opens them with --keys");
    return OUTCOME_OK;
}

/* Reads, judges and reports. */
static int check(const struct options *options, enum check_format format, const struct benchmark *benchmark,
                 struct database *database, struct store *store, struct arena *arena)
{
    struct error error = {0};
    struct evaluation evaluation = {options->profile, options->only_count == 0 ? NULL : options->only,
                                    options->only_count};
    unsigned needs = NEED_NOTHING;
    struct pipeline_result result;
    bool whole = options->only_count == 0; /* with --rule only what that rule reads is decoded */
    enum outcome outcome = evaluate_needs(database, benchmark, &evaluation, &needs, &error);
    if (outcome == OUTCOME_OK && whole)
        outcome = findings_needs(database, &needs, &error);
    if (outcome == OUTCOME_OK && whole)
        outcome = seen_needs(database, &needs, &error);
    if (outcome != OUTCOME_OK) {
        complain("%s", error.text);
        return outcome == OUTCOME_MALFORMED ? EXIT_DEFINITION : EXIT_INPUT;
    }
    needs |= options->database != NULL ? NEED_DATABASE : NEED_NOTHING;
    if (!pipeline_run(options, needs, store, &result, &error)) {
        complain("%s", error.text);
        return result.bad_site ? EXIT_DEFINITION : EXIT_INPUT;
    }
    if (result.bad_filter)
        return EXIT_USAGE;
    if (whole && note_seen(database, store, &result, &error) != OUTCOME_OK) { /* the verdicts are given all the same */
        complain("%s", error.text);
        result.incomplete = true;
    }
    pipeline_complain(store);
    database_limit(database, options->timeout > 0 ? 0 : STATEMENT_STEPS, options->timeout);
    struct judging judging = {benchmark, &evaluation, database, store, arena, {0}, {0}, false};
    outcome = judge(&judging, whole, &result, &error);
    if (outcome != OUTCOME_OK) {
        complain("%s", error.text);
        return outcome == OUTCOME_MALFORMED ? EXIT_DEFINITION : EXIT_INPUT;
    }
    database_limit(database, 0, 0);
    bool exported = options->database == NULL || database_export(database, options->database, &error) == OUTCOME_OK;
    if (!exported) /* the report is given all the same */
        complain("%s", error.text);
    struct report report = {
        .version = CMSCOPE_VERSION,
        .benchmark = benchmark,
        .verdicts = &judging.verdicts,
        .findings = judging.has_findings ? &judging.findings : NULL,
        .profile = options->profile == NULL ? "modern" : options->profile,
        .store = store,
        .colour = use_colour(options),
        .verbose = options->verbose,
    };
    int written = write_reports(options, format, &report);
    if (written != EXIT_DONE || !exported)
        return EXIT_INPUT;
    return status_of(options, &judging.verdicts, &result);
}

int run_check(const struct options *options)
{
    struct error error = {0};
    enum check_format format;
    struct benchmark *benchmark = NULL;
    struct database *database = NULL;
    if (!parse_format(options->format, &format))
        return EXIT_USAGE;
    if (options->read_count == 0) {
        complain("there is nothing to check: give a capture with -r FILE");
        return EXIT_USAGE;
    }
    int refused = outputs_check(options);
    if (refused != EXIT_DONE)
        return refused;
    if (benchmark_load(options->rule_folder, &benchmark, &error) != OUTCOME_OK) {
        complain("%s", error.text);
        return options->rule_folder == NULL ? EXIT_INPUT : EXIT_DEFINITION; /* those built in are valid */
    }
    int status = EXIT_USAGE;
    struct store *store = store_new();
    struct arena arena;
    arena_init(&arena, EVALUATION_MAX);
    if (selection_exists(options, benchmark)) {
        status = EXIT_INPUT;
        if (store != NULL && database_open(store, &database, &error) == OUTCOME_OK)
            status = check(options, format, benchmark, database, store, &arena);
        else
            complain("%s", store == NULL ? "no memory to start" : error.text);
    }
    database_close(database);
    arena_free(&arena);
    store_free(store);
    benchmark_free(benchmark);
    return status;
}
