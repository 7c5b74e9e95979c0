/* rules/site_keys.c: see site_keys.h. */
#include "rules/site_keys.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "records/schema.h"

#define SECTION_BEGIN(section_name, section_table)                                                                     \
    {                                                                                                                  \
        .name = #section_name, .table = TABLE_##section_table, .keys = {
#define KEY(key_name, key_column, key_kind, key_required, key_words)                                                   \
    {.name = #key_name,                                                                                                \
     .column = (key_column),                                                                                           \
     .kind = SITE_KIND_##key_kind,                                                                                     \
     .required = (key_required),                                                                                       \
     .words = (key_words)},

/* clang-format off */
const struct site_section SITE_SECTIONS[SITE_SECTION_COUNT] = {
#define SITE_SECTION SECTION_BEGIN
#define SITE_KEY KEY
#define SITE_END }},
#include "rules/site.def"
#undef SITE_SECTION
#undef SITE_KEY
#undef SITE_END
};
/* clang-format on */

int site_key_find(enum site_section_id section, struct text name)
{
    for (int i = 0; SITE_SECTIONS[section].keys[i].name != NULL; i++) {
        if (text_is(name, SITE_SECTIONS[section].keys[i].name))
            return i;
    }
    return -1;
}

static int compare_marks(const void *left, const void *right)
{
    const struct site_mark *a = left, *b = right;
    if (a->section != b->section)
        return a->section < b->section ? -1 : 1;
    if (a->entry != b->entry)
        return a->entry < b->entry ? -1 : 1;
    return (a->key > b->key) - (a->key < b->key);
}

void site_sort_marks(struct site *site)
{
    if (site->mark_count > 1)
        qsort(site->marks, site->mark_count, sizeof *site->marks, compare_marks);
}

uint32_t site_line(const struct site *site, enum site_section_id section, uint32_t entry, int key)
{
    struct site_mark wanted = {.section = (uint16_t)section, .entry = entry, .key = (uint16_t)key};
    const struct site_mark *found =
        site->mark_count == 0 ? NULL : bsearch(&wanted, site->marks, site->mark_count, sizeof wanted, compare_marks);
    return found == NULL ? 0 : found->line;
}

enum outcome site_error(const struct site *site, uint32_t line, struct error *error, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (line == 0)
        return error_set(error, OUTCOME_MALFORMED, 0, "%s: %s", site->name, text);
    return error_set(error, OUTCOME_MALFORMED, line, "%s:%u: %s", site->name, line, text);
}

/* ---- The reference ---- */

const char *site_kind_meaning(enum site_kind kind)
{
    static const char *const meanings[] = {
        [SITE_KIND_ADDRESS] = "IP address", [SITE_KIND_NETWORK] = "network, such as 10.0.0.0/8",
        [SITE_KIND_CODE] = "site code",     [SITE_KIND_PORT] = "port",
        [SITE_KIND_WORD] = "word",          [SITE_KIND_TIME] = "UTC time, such as 2026-11-22T16:00:00Z",
        [SITE_KIND_TEXT] = "text",
    };
    return meanings[kind];
}

/* What a key means is told by the column that it fills; names of hosts fill those of site_host. */
static const char *key_meaning(const struct site_section *section, const struct site_key *key)
{
    if (strcmp(key->name, "fqdn") == 0)
        return "Its full DNS name";
    if (strcmp(key->name, "netbios") == 0 && key->column == NULL)
        return "Its NetBIOS name";
    const struct table_schema *table = schema_table(key->column == NULL ? TABLE_site_host : section->table);
    const struct column *column = schema_column(table, key->column == NULL ? key->name : key->column);
    return column == NULL ? "" : column->meaning;
}

static void print_key(FILE *out, const struct site_section *section, const struct site_key *key)
{
    fprintf(out, "| `%s`%s | %s | %s", key->name, key->required ? " (required)" : "", site_kind_meaning(key->kind),
            key_meaning(section, key));
    const char *word = key->words;
    const char *before = ". One of ";
    while (word != NULL && *word != '\0') {
        size_t length = strcspn(word, " ");
        fprintf(out, "%s`%.*s`", before, (int)length, word);
        before = ", ";
        word += length + (word[length] == ' ');
    }
    fputs(" |\n", out);
}

void site_print_keys(FILE *out)
{
    fputs("# Keys of the site file\n\nMade by `cmscope schema -T site`. [site.md](site.md) tells what the file is "
          "for.\n\n",
          out);
    for (size_t i = 0; i < SITE_SECTION_COUNT; i++) {
        const struct site_section *section = &SITE_SECTIONS[i];
        const struct table_schema *table = schema_table(section->table);
        fprintf(out, "## `%s`\n\n%s. Table `%s`.\n\n| key | value | meaning |\n|---|---|---|\n", section->name,
                table->meaning, table->name);
        for (size_t j = 0; section->keys[j].name != NULL; j++)
            print_key(out, section, &section->keys[j]);
        fputc('\n', out);
    }
}
