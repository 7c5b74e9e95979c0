/* tests/unit/rules_fixture.h: a folder with a small benchmark, written for one test. */
#ifndef CMSCOPE_TESTS_RULES_FIXTURE_H
#define CMSCOPE_TESTS_RULES_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE_HEAD                                                                                                   \
    "<?xml version=\"1.0\"?>\n<Benchmark xmlns=\"http://checklists.nist.gov/xccdf/1.2\" "                              \
    "id=\"xccdf_org.test_benchmark_t\"><title>Small</title><version>1</version>"                                       \
    "<Profile id=\"xccdf_org.test_profile_2007-mixed\"><title>Old</title><description>d</description>"                 \
    "<select idref=\"xccdf_org.test_rule_B-1\" selected=\"false\"/></Profile>"                                         \
    "<Profile id=\"xccdf_org.test_profile_modern\"><title>New</title><description>d</description></Profile>"           \
    "<Group id=\"xccdf_org.test_group_G\"><title> First\n   section </title>"
#define FIXTURE_TAIL "</Group></Benchmark>"
#define FIXTURE_TEXTS "<title>T</title><description>D</description><rationale>R</rationale>"
#define FIXTURE_REST "<ident system=\"urn:cmscope:observable\">yes</ident><fixtext>F</fixtext>"
#define FIXTURE_SQL_RULE(id)                                                                                           \
    "<Rule id=\"xccdf_org.test_rule_" id "\" severity=\"high\">" FIXTURE_TEXTS FIXTURE_REST                            \
    "<check system=\"urn:cmscope:sql\"><check-content-ref href=\"sql/" id ".sql\"/></check></Rule>"
#define FIXTURE_FIXED_RULE(id, text)                                                                                   \
    "<Rule id=\"xccdf_org.test_rule_" id "\" severity=\"low\">" FIXTURE_TEXTS FIXTURE_REST                             \
    "<check system=\"urn:cmscope:fixed\"><check-content>" text "</check-content></check></Rule>"

struct folder {
    char path[64];
};

static inline int folder_make(struct folder *folder)
{
    snprintf(folder->path, sizeof folder->path, "/tmp/cmscope-rules-XXXXXX");
    if (mkdtemp(folder->path) == NULL)
        return 1;
    char sql[128];
    snprintf(sql, sizeof sql, "%s/sql", folder->path);
    return mkdir(sql, 0700);
}

static inline void folder_write(const struct folder *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0)
        abort();
    fclose(file);
}

static inline void folder_unlink(const struct folder *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    unlink(path);
}

/* Removes the folder with the files that tests write. */
static inline int folder_remove(const struct folder *folder)
{
    static const char *const names[] = {"benchmark.xml", "sql/A-1.sql", "sql/B-1.sql"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        folder_unlink(folder, names[i]);
    char sql[128];
    snprintf(sql, sizeof sql, "%s/sql", folder->path);
    rmdir(sql);
    return rmdir(folder->path);
}

#endif
