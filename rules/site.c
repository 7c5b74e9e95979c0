/* rules/site.c: see site.h. */
#include "rules/site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "records/schema.h"
#include "rules/site_keys.h"

#define READ_BYTES ((size_t)64 * 1024)

/* ---- Loading ---- */

static enum outcome read_all(FILE *file, const char *path, struct buffer *bytes, struct error *error)
{
    char *part = malloc(READ_BYTES);
    enum outcome outcome = part == NULL ? OUTCOME_SYSTEM : OUTCOME_OK;
    size_t got;
    while (outcome == OUTCOME_OK && (got = fread(part, 1, READ_BYTES, file)) > 0) {
        if (!buffer_append(bytes, cursor_of(part, got)))
            outcome = error_set(error, OUTCOME_LIMIT, 0, "%s: a site file has at most %zu bytes", path, SITE_BYTES_MAX);
    }
    free(part);
    if (part == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: not enough memory", path);
    if (outcome == OUTCOME_OK && ferror(file) != 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", path, strerror(errno));
    return outcome;
}

enum outcome site_load(const char *path, struct site **site, struct error *error)
{
    *site = NULL;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (file == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", path, strerror(errno));
    struct buffer bytes;
    buffer_init(&bytes, SITE_BYTES_MAX);
    enum outcome outcome = read_all(file, path, &bytes, error);
    if (file != stdin)
        fclose(file);
    if (outcome == OUTCOME_OK)
        outcome = site_read(text_from(buffer_cursor(&bytes)), path, site, error);
    buffer_free(&bytes);
    return outcome;
}

enum outcome site_read(struct text yaml, const char *name, struct site **site, struct error *error)
{
    struct site *made = calloc(1, sizeof *made);
    *site = NULL;
    if (made == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: not enough memory", name);
    made->name = name;
    enum outcome outcome = site_parse(made, yaml, error);
    if (outcome == OUTCOME_OK)
        outcome = site_check(made, error);
    if (outcome != OUTCOME_OK) {
        site_free(made);
        return outcome;
    }
    *site = made;
    return OUTCOME_OK;
}

void site_free(struct site *site)
{
    if (site == NULL)
        return;
    site_unload(site);
    free(site);
}

/* ---- Rows ---- */

static void set_value(const struct column *column, union any_row *row, enum site_kind kind, const char *value,
                      char room[SITE_VALUE_MAX])
{
    char *at = (char *)row + column->offset;
    uint64_t number = 0;
    if (column->type == COLUMN_TEXT)
        *(struct text *)(void *)at = site_value(kind, value, room);
    else if (column->type == COLUMN_REAL && !site_time(value, (double *)(void *)at))
        *(double *)(void *)at = REAL_NULL;
    else if (column->type == COLUMN_INT)
        *(int64_t *)(void *)at = text_to_u64(text_of(value), &number) ? (int64_t)number : INT_NULL;
}

/* One entry as a row of its section's table. `rooms` hold its values. */
static void fill_row(const struct site *site, enum site_section_id id, uint32_t entry, union any_row *row,
                     char rooms[SITE_KEYS_MAX][SITE_VALUE_MAX])
{
    const struct site_section *section = &SITE_SECTIONS[id];
    const struct table_schema *schema = schema_table(section->table);
    for (size_t i = 0; i < schema->column_count; i++)
        schema_null(&schema->columns[i], row);
    *(int64_t *)(void *)((char *)row + schema_column(schema, "line")->offset) =
        site_line(site, id, entry, SITE_KEYS_MAX);
    for (size_t k = 0; section->keys[k].name != NULL; k++) {
        const char *value = site_entries(site, id).items[entry].values[k];
        if (section->keys[k].column != NULL && value != NULL)
            set_value(schema_column(schema, section->keys[k].column), row, section->keys[k].kind, value, rooms[k]);
    }
}

/* The value of a key of roles and hosts; TEXT_NULL: not given. */
static struct text named(const struct site *site, enum site_section_id section, uint32_t entry, const char *key)
{
    return text_of(site_entries(site, section).items[entry].values[site_key_find(section, text_of(key))]);
}

/* The names of the host of an entry. */
static void write_names(const struct site *site, enum site_section_id section, uint32_t entry, struct text host,
                        const struct sink *sink)
{
    struct site_host_row row = site_host_row_null();
    row.line = site_line(site, section, entry, SITE_KEYS_MAX);
    row.host = host;
    row.account = named(site, section, entry, "account");
    struct text fqdn = named(site, section, entry, "fqdn");
    struct text netbios = named(site, section, entry, "netbios");
    if (fqdn.at != NULL) {
        row.kind = TEXT("fqdn");
        row.name = fqdn;
        sink_append(sink, TABLE_site_host, &row);
    }
    if (netbios.at != NULL || (fqdn.at == NULL && row.account.at != NULL)) {
        row.kind = netbios.at == NULL ? TEXT_NULL : TEXT("netbios");
        row.name = netbios;
        sink_append(sink, TABLE_site_host, &row);
    }
}

static void write_entry(const struct site *site, enum site_section_id section, uint32_t entry, const struct sink *sink)
{
    union any_row row = {0};
    char rooms[SITE_KEYS_MAX][SITE_VALUE_MAX];
    fill_row(site, section, entry, &row, rooms);
    if (section == SITE_SECTION_hosts) {
        write_names(site, section, entry, row.site_host.host, sink);
        return;
    }
    if (section == SITE_SECTION_roles) {
        if (row.site_role.name.at == NULL)
            row.site_role.name = named(site, section, entry, "netbios");
        write_names(site, section, entry, row.site_role.host, sink);
    }
    sink_append(sink, SITE_SECTIONS[section].table, &row);
}

void site_write(const struct site *site, const struct sink *sink)
{
    for (int section = 0; section < SITE_SECTION_COUNT; section++) {
        for (uint32_t i = 0; i < site_entries(site, (enum site_section_id)section).count; i++)
            write_entry(site, (enum site_section_id)section, i, sink);
    }
}
