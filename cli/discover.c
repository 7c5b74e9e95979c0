/* cli/discover.c: cmscope discover. */
#include "cli/outputs.h"
#include "cli/pipeline.h"
#include "rules/site_discover.h"

static enum outcome write_site(const char *path, struct database *database, struct error *error)
{
    struct outfile file;
    if (path == NULL)
        return site_discover(database, stdout, error); /* main reports whether it could be written */
    enum outcome outcome = outfile_open(&file, path, &site_file_kind, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    outcome = site_discover(database, file.stream, error);
    if (outcome == OUTCOME_OK)
        return outfile_close(&file, error);
    outfile_abandon(&file);
    return outcome;
}

static int discover(const struct options *options, struct database *database, struct store *store)
{
    struct error error = {0};
    struct pipeline_result result;
    unsigned needs = NEED_NOTHING;
    if (site_discover_needs(database, &needs, &error) != OUTCOME_OK ||
        !pipeline_run(options, needs, store, &result, &error)) {
        complain("%s", error.text);
        return EXIT_INPUT;
    }
    if (result.bad_filter)
        return EXIT_USAGE;
    pipeline_complain(store);
    if (write_site(options->output, database, &error) != OUTCOME_OK) {
        complain("%s", error.text);
        return EXIT_INPUT;
    }
    return result.unreadable ? EXIT_INPUT : result.incomplete ? EXIT_INCOMPLETE : EXIT_DONE;
}

int run_discover(const struct options *options)
{
    struct error error = {0};
    struct database *database = NULL;
    int status = EXIT_INPUT;
    if (options->read_count == 0) {
        complain("there is nothing to read: give a capture with -r FILE");
        return EXIT_USAGE;
    }
    int refused = outputs_check(options);
    if (refused != EXIT_DONE)
        return refused;
    struct store *store = store_new();
    if (store != NULL && database_open(store, &database, &error) == OUTCOME_OK)
        status = discover(options, database, store);
    else
        complain("%s", store == NULL ? "no memory to start" : error.text);
    database_close(database);
    store_free(store);
    return status;
}
