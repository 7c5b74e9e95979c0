/* rules/site_yaml.c: the form of a site file. libcyaml proves it against the schema made of rules/site.def and loads it;
 * a pass over libyaml's events before that notes on which line each value stands, which libcyaml does not keep, and
 * refuses what a site file has no use for: aliases (they multiply), tags, several documents, NUL inside of text. */
#include <cyaml/cyaml.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "rules/site_keys.h"

#define MARKS_MAX ((size_t)1024 * 1024) /* a file of SITE_BYTES_MAX cannot say more that is sensible */
#define DEPTH_ENTRY 3                   /* the file, a section, an entry */

/* ---- Where things stand ---- */

struct walk {
    struct site *site;
    struct error *error;
    size_t capacity;
    size_t depth;
    bool key_is_next; /* in the mapping at hand */
    int section;      /* SITE_SECTION_COUNT: one that is not known */
    int key;          /* -1: one that is not known */
    uint32_t given;   /* a bit for each key of the entry that was seen */
    uint32_t given_sections;
    uint32_t entry;
    size_t documents;
};

static uint32_t line_of(const yaml_event_t *event)
{
    return (uint32_t)event->start_mark.line + 1;
}

static enum outcome add_mark(struct walk *walk, int key, uint32_t line)
{
    struct site *site = walk->site;
    if (walk->section == SITE_SECTION_COUNT || key < 0)
        return OUTCOME_OK; /* libcyaml refuses it in a moment */
    if (site->mark_count == MARKS_MAX) {
        site_error(site, line, walk->error, "the file says more than %zu things", MARKS_MAX);
        return OUTCOME_LIMIT;
    }
    if (site->mark_count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 256 : walk->capacity * 2;
        struct site_mark *marks = realloc(site->marks, capacity * sizeof *marks);
        if (marks == NULL)
            return error_set(walk->error, OUTCOME_SYSTEM, 0, "%s: not enough memory", site->name);
        site->marks = marks;
        walk->capacity = capacity;
    }
    site->marks[site->mark_count++] = (struct site_mark){(uint16_t)walk->section, (uint16_t)key, walk->entry, line};
    return OUTCOME_OK;
}

static int find_section(struct text name)
{
    int section = 0;
    while (section < SITE_SECTION_COUNT && !text_is(name, SITE_SECTIONS[section].name))
        section++;
    return section;
}

/* libcyaml refuses unknown and repeated keys, but tells the line where their mapping starts. */
static void note_key(struct walk *walk, int key, uint32_t *given, uint32_t line)
{
    bool odd = key < 0 || (*given >> key & 1U) != 0;
    if (odd && walk->site->odd_line == 0)
        walk->site->odd_line = line;
    *given |= key < 0 ? 0 : 1U << key;
}

static enum outcome walk_scalar(struct walk *walk, const yaml_event_t *event)
{
    struct text value = {(const char *)event->data.scalar.value, event->data.scalar.length};
    bool key = walk->key_is_next;
    walk->site->said_something |= walk->depth > 0 || value.length > 0;
    walk->key_is_next = !key;
    if (memchr(value.at, '\0', value.length) != NULL)
        return site_error(walk->site, line_of(event), walk->error, "there is a NUL inside of a text");
    if (walk->depth == 1 && key) {
        walk->section = find_section(value);
        walk->entry = 0;
        note_key(walk, walk->section == SITE_SECTION_COUNT ? -1 : walk->section, &walk->given_sections, line_of(event));
    }
    if (walk->depth != DEPTH_ENTRY || walk->section == SITE_SECTION_COUNT)
        return OUTCOME_OK;
    if (!key)
        return add_mark(walk, walk->key, line_of(event));
    walk->key = site_key_find((enum site_section_id)walk->section, value);
    note_key(walk, walk->key, &walk->given, line_of(event));
    return OUTCOME_OK;
}

static enum outcome walk_start(struct walk *walk, const yaml_event_t *event)
{
    walk->depth++;
    walk->site->said_something = true;
    if (walk->depth > DEPTH_ENTRY)
        return site_error(walk->site, line_of(event), walk->error,
                          "a list or a mapping stands where a single value is wanted");
    walk->key_is_next = event->type == YAML_MAPPING_START_EVENT;
    walk->given = 0;
    return walk->depth == DEPTH_ENTRY ? add_mark(walk, SITE_KEYS_MAX, line_of(event)) : OUTCOME_OK;
}

static enum outcome walk_end(struct walk *walk)
{
    walk->entry += walk->depth == DEPTH_ENTRY;
    walk->depth--;
    walk->key_is_next = walk->depth == 1; /* what ended was the value of a section */
    return OUTCOME_OK;
}

static enum outcome walk_event(struct walk *walk, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++walk->documents > 1 ? site_error(walk->site, line_of(event), walk->error,
                                                  "a second document begins here; there may be one")
                                     : OUTCOME_OK;
    case YAML_ALIAS_EVENT:
        return site_error(walk->site, line_of(event), walk->error, "aliases (*name) are not allowed here");
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return walk_start(walk, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return walk_end(walk);
    case YAML_SCALAR_EVENT:
        return walk_scalar(walk, event);
    default:
        return OUTCOME_OK;
    }
}

static enum outcome parser_error(const struct walk *walk, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return error_set(walk->error, OUTCOME_SYSTEM, 0, "%s: not enough memory", walk->site->name);
    bool marked = parser->error == YAML_SCANNER_ERROR || parser->error == YAML_PARSER_ERROR;
    const char *problem = parser->problem == NULL ? "it is no YAML" : parser->problem;
    return site_error(walk->site, marked ? (uint32_t)parser->problem_mark.line + 1 : 0, walk->error, "%s%s%s",
                      parser->context == NULL ? "" : parser->context, parser->context == NULL ? "" : ": ", problem);
}

static enum outcome walk_all(struct walk *walk, yaml_parser_t *parser)
{
    bool end = false;
    enum outcome outcome = OUTCOME_OK;
    while (outcome == OUTCOME_OK && !end) {
        yaml_event_t event;
        if (yaml_parser_parse(parser, &event) == 0)
            return parser_error(walk, parser);
        end = event.type == YAML_STREAM_END_EVENT;
        outcome = walk_event(walk, &event);
        yaml_event_delete(&event);
    }
    return outcome;
}

static enum outcome walk_file(struct site *site, struct text yaml, struct error *error)
{
    struct walk walk = {.site = site, .error = error, .section = SITE_SECTION_COUNT, .key = -1};
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: not enough memory", site->name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.at, yaml.length);
    enum outcome outcome = walk_all(&walk, &parser);
    yaml_parser_delete(&parser);
    site_sort_marks(site);
    return outcome;
}

/* ---- Loading ---- */

/* The schema for libcyaml, made of SITE_SECTIONS. */
struct schema {
    cyaml_schema_field_t keys[SITE_SECTION_COUNT][SITE_KEYS_MAX + 1];
    cyaml_schema_value_t entries[SITE_SECTION_COUNT];
    cyaml_schema_field_t sections[SITE_SECTION_COUNT + 1];
    cyaml_schema_value_t file;
};

static void fill_section(struct schema *schema, size_t i)
{
    const struct site_section *section = &SITE_SECTIONS[i];
    for (size_t j = 0; section->keys[j].name != NULL; j++) {
        cyaml_schema_field_t *field = &schema->keys[i][j];
        field->key = section->keys[j].name;
        field->data_offset = (uint32_t)(offsetof(struct site_entry, values) + j * sizeof(char *));
        field->value.type = CYAML_STRING;
        field->value.flags = section->keys[j].required ? CYAML_FLAG_POINTER
                                                       : (enum cyaml_flag)(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL);
        field->value.data_size = sizeof(char);
        field->value.string.min = 1;
        field->value.string.max = SITE_TEXT_MAX;
    }
    schema->entries[i].type = CYAML_MAPPING;
    schema->entries[i].flags = CYAML_FLAG_DEFAULT;
    schema->entries[i].data_size = sizeof(struct site_entry);
    schema->entries[i].mapping.fields = schema->keys[i];

    size_t place = offsetof(struct site_sections, of) + i * sizeof(struct site_entries);
    cyaml_schema_field_t *field = &schema->sections[i];
    field->key = section->name;
    field->data_offset = (uint32_t)(place + offsetof(struct site_entries, items));
    field->count_offset = (uint32_t)(place + offsetof(struct site_entries, count));
    field->count_size = sizeof(uint32_t);
    field->value.type = CYAML_SEQUENCE;
    field->value.flags = (enum cyaml_flag)(CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL);
    field->value.data_size = sizeof(struct site_entry);
    field->value.sequence.entry = &schema->entries[i];
    field->value.sequence.min = 0;
    field->value.sequence.max = SITE_ENTRIES_MAX;
}

static void fill_schema(struct schema *schema)
{
    *schema = (struct schema){0};
    for (size_t i = 0; i < SITE_SECTION_COUNT; i++)
        fill_section(schema, i);
    schema->file.type = CYAML_MAPPING;
    schema->file.flags = CYAML_FLAG_POINTER;
    schema->file.data_size = sizeof(struct site_sections);
    schema->file.mapping.fields = schema->sections;
}

/* What libcyaml says while it loads: the first sentence is the problem, and of its backtrace the first line is the
 * place. */
struct complaint {
    char problem[ERROR_TEXT_MAX];
    unsigned line;
};

PRINTF_LIKE(3, 0)
static void take_log(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct complaint *complaint = context;
    char text[ERROR_TEXT_MAX];
    (void)level;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    const char *place = strstr(text, "(line: ");
    if (complaint->problem[0] == '\0') {
        const char *start = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
        snprintf(complaint->problem, sizeof complaint->problem, "%s", start);
    } else if (place != NULL && strncmp(text, "  in ", 5) == 0 && complaint->line == 0) {
        complaint->line = (unsigned)strtoul(place + 7, NULL, 10);
    }
}

/* libcyaml's words, and what they mean for a site file; what follows the colon is kept. */
static const struct {
    const char *said, *meant;
    bool odd; /* it stands in site.odd_line */
} SENTENCES[] = {
    {"Unexpected key", "this key is not known here (docs/site.md lists all)", true},
    {"Missing required mapping field", "a key is missing", false},
    {"Mapping field already seen", "a key is given twice", true},
    {"STRING length <", "a value is empty; leave the key out instead", false},
    {"STRING length >", "a value is longer than 255 bytes", false},
    {"Excessive entries", "the list has more than 16384 entries", false},
};

static enum outcome load_error(const struct site *site, const struct complaint *complaint, cyaml_err_t result,
                               struct error *error)
{
    if (result == CYAML_ERR_OOM)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: not enough memory", site->name);
    const char *problem = complaint->problem[0] == '\0' ? cyaml_strerror(result) : complaint->problem;
    for (size_t i = 0; i < sizeof SENTENCES / sizeof SENTENCES[0]; i++) {
        size_t length = strlen(SENTENCES[i].said);
        if (strncmp(problem, SENTENCES[i].said, length) != 0)
            continue;
        bool named = problem[length] == ':';
        uint32_t line = SENTENCES[i].odd && site->odd_line != 0 ? site->odd_line : complaint->line;
        return site_error(site, line, error, "%s%s", SENTENCES[i].meant, named ? problem + length : "");
    }
    return site_error(site, complaint->line, error, "the file has another form than a site file: %s", problem);
}

static cyaml_config_t config_for(struct complaint *complaint)
{
    return (cyaml_config_t){
        .log_fn = take_log,
        .log_ctx = complaint,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_WARNING,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

enum outcome site_parse(struct site *site, struct text yaml, struct error *error)
{
    enum outcome outcome = walk_file(site, yaml, error);
    if (outcome != OUTCOME_OK || !site->said_something)
        return outcome;
    struct complaint complaint = {.problem = ""};
    cyaml_config_t config = config_for(&complaint);
    struct schema schema;
    fill_schema(&schema);
    cyaml_err_t result = cyaml_load_data((const uint8_t *)yaml.at, yaml.length, &config, &schema.file,
                                         (cyaml_data_t **)&site->sections, NULL);
    return result == CYAML_OK ? OUTCOME_OK : load_error(site, &complaint, result, error);
}

void site_unload(struct site *site)
{
    struct complaint complaint = {.problem = ""};
    cyaml_config_t config = config_for(&complaint);
    struct schema schema;
    fill_schema(&schema);
    if (site->sections != NULL)
        cyaml_free(&config, &schema.file, site->sections, 0);
    free(site->marks);
}
