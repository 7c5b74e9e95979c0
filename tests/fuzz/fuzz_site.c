/* tests/fuzz/fuzz_site.c: any bytes as a site file; and any text as a name that `cmscope discover` writes into one: it
 * must read back as it was. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "rules/site.h"
#include "rules/site_discover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX ((size_t)64 * 1024)

struct seen {
    struct text wanted;
    bool found;
};

static int64_t look(void *context, enum table table, const void *row)
{
    struct seen *seen = context;
    if (table == TABLE_site_forest)
        seen->found = text_equal(((const struct site_forest_row *)row)->name, seen->wanted);
    return 1;
}

static void read_back(struct text name)
{
    char *yaml = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&yaml, &length);
    if (out == NULL)
        return;
    fputs("forests:\n  - name: \"", out);
    site_print_escaped(out, name);
    fputs("\"\n    relation: home\n    # \"", out);
    site_print_escaped(out, name);
    fputc('\n', out);
    fclose(out);
    struct site *site = NULL;
    struct seen seen = {.wanted = name};
    struct sink sink = {.context = &seen, .append = look};
    if (site_read((struct text){yaml, length}, "site", &site, NULL) != OUTCOME_OK)
        abort();
    site_write(site, &sink);
    if (!seen.found)
        abort();
    site_free(site);
    free(yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > FILE_MAX)
        return 0;
    struct site *site = NULL;
    struct error error = {0};
    struct seen seen = {.wanted = TEXT_NULL};
    struct sink sink = {.context = &seen, .append = look};
    enum outcome outcome = site_read(text_from(cursor_of(data, size)), "site", &site, &error);
    if ((outcome == OUTCOME_OK) != (site != NULL) || (site == NULL && error.text[0] == '\0'))
        abort();
    if (site != NULL)
        site_write(site, &sink);
    site_free(site);

    struct arena arena;
    arena_init(&arena, FILE_MAX * 4);
    struct text name = text_clean(&arena, cursor_of(data, size));
    if (name.length > 0 && name.length <= SITE_TEXT_MAX && memchr(name.at, '\0', name.length) == NULL)
        read_back(name);
    arena_free(&arena);
    return 0;
}
