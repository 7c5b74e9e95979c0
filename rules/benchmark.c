/* rules/benchmark.c: see benchmark.h. The XML is read in benchmark_xml.c. */
#include "rules/benchmark.h"

#include <stdlib.h>
#include <string.h>

#include "rules/benchmark_internal.h"

#define BENCHMARK_BYTES_MAX ((size_t)64 * 1024 * 1024) /* texts and queries of one benchmark */

static const char *const severity_names[] = {
    [SEVERITY_INFO] = "info",
    [SEVERITY_LOW] = "low",
    [SEVERITY_MEDIUM] = "medium",
    [SEVERITY_HIGH] = "high",
};

const char *severity_name(enum severity severity)
{
    return severity_names[severity];
}

bool severity_parse(const char *name, enum severity *severity)
{
    for (size_t i = 0; i < sizeof severity_names / sizeof severity_names[0]; i++) {
        if (strcmp(severity_names[i], name) == 0) {
            *severity = (enum severity)i;
            return true;
        }
    }
    return false;
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICT_COUNT] = {
        [VERDICT_PASS] = "pass",
        [VERDICT_FAIL] = "fail",
        [VERDICT_NOTOBSERVED] = "notobserved",
        [VERDICT_NOTOBSERVABLE] = "notobservable",
        [VERDICT_INFORMATIONAL] = "informational",
    };
    return names[verdict];
}

static enum outcome load(struct loaded_benchmark *loaded, struct error *error)
{
    struct text xml;
    enum outcome outcome = benchmark_read(loaded, "benchmark.xml", &xml, error);
    return outcome == OUTCOME_OK ? benchmark_parse(loaded, xml, error) : outcome;
}

enum outcome benchmark_load(const char *folder, struct benchmark **benchmark, struct error *error)
{
    *benchmark = NULL;
    struct loaded_benchmark *loaded = calloc(1, sizeof *loaded);
    if (loaded == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "not enough memory for the rules");
    arena_init(&loaded->arena, BENCHMARK_BYTES_MAX);
    loaded->folder = folder;
    loaded->benchmark.built_in = folder == NULL;
    enum outcome outcome = load(loaded, error);
    loaded->folder = NULL; /* the caller's; not needed any more */
    if (outcome != OUTCOME_OK)
        benchmark_free(&loaded->benchmark);
    else
        *benchmark = &loaded->benchmark;
    return outcome;
}

void benchmark_free(struct benchmark *benchmark)
{
    if (benchmark == NULL)
        return;
    struct loaded_benchmark *loaded = (struct loaded_benchmark *)(void *)benchmark;
    arena_free(&loaded->arena);
    free(loaded);
}

const struct rule *benchmark_rule(const struct benchmark *benchmark, const char *id)
{
    for (size_t i = 0; i < benchmark->rule_count; i++) {
        if (strcmp(benchmark->rules[i].id, id) == 0)
            return &benchmark->rules[i];
    }
    return NULL;
}

const struct profile *benchmark_profile(const struct benchmark *benchmark, const char *name)
{
    for (size_t i = 0; i < benchmark->profile_count; i++) {
        if (strcmp(benchmark->profiles[i].name, name) == 0)
            return &benchmark->profiles[i];
    }
    return NULL;
}

bool rule_in_profile(const struct rule *rule, const char *profile)
{
    for (size_t i = 0; i < rule->profile_count; i++) {
        if (strcmp(rule->profiles[i], profile) == 0)
            return true;
    }
    return false;
}
