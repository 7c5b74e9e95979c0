/* tests/fuzz/fuzz_whole.c: any bytes as a capture file through the whole program: read, decoded by two workers, judged by
 * all rules, written in every form of report, and each table asked for. One worker must give the same rows; where memory
 * is short what is forgotten depends on how many share it, and then a second run must give the same rows.
 *
 * The input is a capture file as it is, so that captures are seeds. The keys of tests/fuzz/keys and a site are given with
 * each; the time zone in the header of a pcap file chooses options and one more command. With libFuzzer,
 * capture_mutator.h changes packets of a pcap file and leaves its structure whole.
 */
#define _GNU_SOURCE /* memfd_create, open_memstream */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/pipeline.h"
#include "core/arena.h"
#include "records/schema.h"
#include "report/report.h"
#include "rules/site_discover.h"

#ifdef CMSCOPE_FUZZ
#include "tests/fuzz/capture_mutator.h"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) /* NOLINT(readability-non-const-parameter): libFuzzer calls it */;

#define EVALUATION_MAX ((size_t)1 << 30) /* as in cli/check.c */
#define WORKERS 2

static const char SITE[] = "sites:\n"
                           "  - code: \"ABC\"\n"
                           "    mode: \"native\"\n"
                           "roles:\n"
                           "  - role: \"management_point\"\n"
                           "    address: \"10.1.1.11\"\n"
                           "    fqdn: \"mp.example.test\"\n"
                           "    mode: \"native\"\n"
                           "subnets:\n"
                           "  - network: \"10.0.0.0/8\"\n"
                           "    kind: \"client\"\n"
                           "  - network: \"10.1.1.0/24\"\n"
                           "    kind: \"internet\"\n";

/* Ends the program with the reason: no input may make this fail. Standard error is written to without stdio, which goes
 * nowhere. */
static void expect(bool right, const char *what, const struct error *error)
{
    if (right)
        return;
    dprintf(STDERR_FILENO, "fuzz_whole: wrong: %s: %s\n", what, error == NULL ? "" : error->text);
    abort();
}

#define EXPECT(condition, error) expect((condition), #condition, (error))

static const struct benchmark *benchmark(void)
{
    static struct benchmark *loaded;
    struct error error = {0};
    EXPECT(loaded != NULL || benchmark_load(NULL, &loaded, &error) == OUTCOME_OK, &error);
    return loaded;
}

/* A file in memory: its path goes into `path`. */
static int file_of(const void *bytes, size_t size, char path[32])
{
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    EXPECT(file >= 0 && write(file, bytes, size) == (ssize_t)size, NULL);
    snprintf(path, 32, "/proc/self/fd/%d", file);
    return file;
}

/* The reader passes over the time zone of a pcap file (bytes 8 to 11): here its bits choose options. */
enum {
    ZONE = 8,
    ZONE_CHECKSUMS = 0x01,
    ZONE_SECRETS = 0x02,
    ZONE_FILTER = 0x04,
    ZONE_SHORT = 0x08, /* of memory */
    ZONE_POLICY = 4    /* bits to the right */
};

static unsigned zone_of(struct cursor capture, size_t byte)
{
    static const uint8_t pcap[] = {0xd4, 0xc3, 0xb2, 0xa1}, pcap_ns[] = {0x4d, 0x3c, 0xb2, 0xa1};
    uint8_t value;
    if ((!cursor_starts(capture, pcap, sizeof pcap) && !cursor_starts(capture, pcap_ns, sizeof pcap_ns)) ||
        !cursor_skip(&capture, ZONE + byte) || !cursor_u8(&capture, &value))
        return 0;
    return value;
}

static struct options *options_of(const char *path, struct cursor capture, size_t threads)
{
    static struct options options; /* big */
    static char site[32];
    unsigned zone = zone_of(capture, 0);
    if (site[0] == '\0')
        (void)file_of(SITE, sizeof SITE - 1, site);
    options = (struct options){.keys = CMSCOPE_FUZZ_KEYS, .site = site, .threads = threads, .quiet = true};
    options.reads[options.read_count++] = path;
    options.settings.memory = (zone & ZONE_SHORT) != 0 ? MEMORY_MIN : MEMORY_DEFAULT;
    options.settings.checksums = (zone & ZONE_CHECKSUMS) != 0;
    options.settings.overlap = (enum overlap_policy)((zone >> ZONE_POLICY) % OVERLAP_COUNT);
    options.show_secrets = (zone & ZONE_SECRETS) != 0;
    options.filter = (zone & ZONE_FILTER) != 0 ? "tcp or udp" : NULL;
    return &options;
}

/* ---- What is written ---- */

static void write_table(struct database *database, enum table table, enum row_format format, FILE *out)
{
    struct error error = {0};
    sqlite3_stmt *statement = NULL;
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY id", schema_table(table)->name);
    EXPECT(database_prepare(database, sql, &statement, NULL, &error) == OUTCOME_OK, &error);
    EXPECT(report_rows(out, statement, format, &error) == OUTCOME_OK, &error);
    sqlite3_finalize(statement);
}

static void write_messages(struct database *database, struct store *store, FILE *out)
{
    static const char sql[] = "SELECT id FROM message ORDER BY packet, id";
    struct error error = {0};
    sqlite3_stmt *statement = NULL;
    EXPECT(database_prepare(database, sql, &statement, NULL, &error) == OUTCOME_OK, &error);
    EXPECT(report_message_trees(out, store, statement, &error) == OUTCOME_OK, &error);
    sqlite3_reset(statement);
    EXPECT(report_messages_json(out, statement, &error) == OUTCOME_OK, &error);
    sqlite3_finalize(statement);
}

static void write_reports(struct database *database, struct store *store, FILE *out)
{
    struct evaluation evaluation = {0};
    struct error error = {0};
    struct verdicts verdicts;
    struct findings findings;
    struct arena arena;
    arena_init(&arena, EVALUATION_MAX);
    EXPECT(evaluate_rules(database, benchmark(), &evaluation, &arena, &verdicts, &error) == OUTCOME_OK, &error);
    EXPECT(findings_collect(database, &arena, &findings, &error) == OUTCOME_OK, &error);
    struct report report = {.version = "fuzz",
                            .benchmark = benchmark(),
                            .verdicts = &verdicts,
                            .findings = &findings,
                            .profile = "modern",
                            .store = store,
                            .colour = true,
                            .verbose = true};
    report_text(out, &report);
    report_html(out, &report);
    EXPECT(report_json(out, &report), NULL);
    arena_free(&arena);
}

static void write_tables(struct database *database, FILE *out)
{
    for (int table = 0; table < TABLE_COUNT; table++)
        write_table(database, (enum table)table, (enum row_format)(table % (ROW_FORMAT_JSON + 1)), out);
}

/* ---- One run ---- */

struct output {
    char *bytes;
    size_t length;
};

static FILE *nowhere(void)
{
    static FILE *file;
    if (file == NULL)
        file = fopen("/dev/null", "w");
    EXPECT(file != NULL, NULL);
    return file;
}

/* What is in the tables, to be compared; `reports`: these are written as well. */
static struct output run(const struct options *options, bool reports)
{
    struct output output = {0};
    struct database *database = NULL;
    struct pipeline_result result;
    struct error error = {0};
    struct store *store = store_new();
    FILE *out = open_memstream(&output.bytes, &output.length);
    EXPECT(store != NULL && out != NULL && database_open(store, &database, &error) == OUTCOME_OK, &error);
    unsigned needs = NEEDS_BUILT_IN | NEED_DATABASE | NEED_BODY | NEED_STATEMENT;
    EXPECT(pipeline_run(options, needs, store, &result, &error), &error);
    write_tables(database, out);
    if (reports) {
        write_reports(database, store, nowhere());
        write_messages(database, store, nowhere());
        EXPECT(site_discover(database, nowhere(), &error) == OUTCOME_OK, &error);
    }
    EXPECT(fclose(out) == 0, NULL);
    database_close(database);
    store_free(store);
    return output;
}

/* A command as a user gives it: with --rule, or with a question, only what is asked for is decoded and kept. */
static void command(struct options *options, unsigned zone)
{
    static char sql[128];
    int status = EXIT_DONE;
    snprintf(sql, sizeof sql, "SELECT * FROM %s", schema_table((enum table)(zone / 8 % TABLE_COUNT))->name);
    switch (zone % 8) {
    case 0:
        return;
    case 1:
        options->only[options->only_count++] = benchmark()->rules[zone / 8 % benchmark()->rule_count].id;
        status = run_check(options);
        break;
    case 2:
        options->verbose = true;
        status = run_messages(options);
        break;
    case 3:
        options->format = "csv";
        options->bodies = true;
        status = run_messages(options);
        break;
    default:
        options->arguments[options->argument_count++] = sql;
        status = run_query(options);
        break;
    }
    EXPECT(status != EXIT_DEFINITION, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    struct cursor capture = cursor_of(data, size);
    int file = file_of(data, size, path);
    struct output several = run(options_of(path, capture, WORKERS), true);
    struct output other = run(options_of(path, capture, (zone_of(capture, 0) & ZONE_SHORT) != 0 ? WORKERS : 1), false);
    EXPECT(several.length == other.length && memcmp(several.bytes, other.bytes, other.length) == 0, NULL);
    free(several.bytes);
    free(other.bytes);
    FILE *output = stdout;
    stdout = nowhere();
    command(options_of(path, capture, WORKERS), zone_of(capture, 1) | zone_of(capture, 2) << 8);
    stdout = output;
    close(file);
    return 0;
}

/* The program's messages would fill the log. libFuzzer and the sanitizers do not write through this stream. */
/* NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer calls it */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    stderr = nowhere();
    return 0;
}
