/* cli/discover.c: cmscope discover. */
#include <errno.h>
#include <string.h>

#include "cli/pipeline.h"
#include "rules/site_discover.h"

static int write_site(const struct options *options, struct database *database)
{
    struct error error = {0};
    FILE *out = options->output == NULL ? stdout : fopen(options->output, "wx");
    if (out == NULL) {
        complain("%s: %s", options->output, strerror(errno));
        return EXIT_INPUT;
    }
    enum outcome outcome = site_discover(database, out, &error);
    bool failed = ferror(out) != 0;
    if (out != stdout)
        failed = fclose(out) != 0 || failed;
    if (outcome == OUTCOME_OK && !failed)
        return EXIT_DONE;
    if (outcome != OUTCOME_OK)
        complain("%s", error.text);
    else
        complain("%s: the site could not be written to its end",
                 options->output == NULL ? "standard output" : options->output);
    return EXIT_INPUT;
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
    int written = write_site(options, database);
    if (written != EXIT_DONE)
        return written;
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
    struct store *store = store_new();
    if (store != NULL && database_open(store, &database, &error) == OUTCOME_OK)
        status = discover(options, database, store);
    else
        complain("%s", store == NULL ? "no memory to start" : error.text);
    database_close(database);
    store_free(store);
    return status;
}
