/* rules/benchmark_xml.c: an XCCDF 1.2 document (NIST IR 7275 revision 4) becomes a struct benchmark.
 *
 * Read are Benchmark, its Profiles with their selects, its Groups and their Rules; everything else is left alone. A
 * document with a DTD is refused before it is read: no entity is ever expanded, nothing is fetched.
 */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rules/benchmark_internal.h"

#define XCCDF "http://checklists.nist.gov/xccdf/1.2"
#define XML_FILE "benchmark.xml"
#define RULES_MAX 10000 /* a hundred times the checklist */
#define PROFILES_MAX 64

struct reader {
    struct loaded_benchmark *loaded;
    struct error *error;
    struct rule *rules;
    struct profile *profiles;
    const xmlNode **profile_nodes;
    const char *section; /* title of the group that is being read */
    const char *rule_id; /* the rule that is being read, or NULL */
};

/* Says what is wrong, with file, line and rule in front. */
PRINTF_LIKE(4, 5)
static enum outcome refuse(struct reader *reader, const xmlNode *node, enum outcome outcome, const char *format, ...)
{
    char what[ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const char *rule = reader->rule_id;
    return error_set(reader->error, outcome, 0, "%s:%ld: %s%s%s%s", benchmark_place(reader->loaded, XML_FILE),
                     xmlGetLineNo(node), rule == NULL ? "" : "rule ", rule == NULL ? "" : rule,
                     rule == NULL ? "" : ": ", what);
}

static enum outcome no_memory(struct reader *reader, const xmlNode *node)
{
    return refuse(reader, node, OUTCOME_LIMIT, "the benchmark is too large");
}

static bool is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && node->ns != NULL && strcmp((const char *)node->ns->href, XCCDF) == 0 &&
           strcmp((const char *)node->name, name) == 0;
}

/* The first element `name` from `node` on among its siblings. */
static const xmlNode *find(const xmlNode *node, const char *name)
{
    while (node != NULL && !is_element(node, name))
        node = node->next;
    return node;
}

static size_t count(const xmlNode *parent, const char *name)
{
    size_t number = 0;
    for (const xmlNode *node = find(parent->children, name); node != NULL; node = find(node->next, name))
        number++;
    return number;
}

/* Text with every run of white space as one space, none at the ends. NULL when the arena is full. */
static const char *collapse(struct arena *arena, const char *from)
{
    char *to = arena_alloc(arena, strlen(from) + 1);
    if (to == NULL)
        return NULL;
    size_t length = 0;
    bool space = false;
    for (; *from != '\0'; from++) {
        if (strchr(" \t\r\n", *from) != NULL) {
            space = length > 0;
            continue;
        }
        if (space)
            to[length++] = ' ';
        space = false;
        to[length++] = *from;
    }
    return to;
}

/* Content of an element; NULL when memory ran out. */
static const char *content(struct reader *reader, const xmlNode *node)
{
    xmlChar *raw = xmlNodeGetContent(node);
    const char *text = raw == NULL ? NULL : collapse(&reader->loaded->arena, (const char *)raw);
    xmlFree(raw);
    return text;
}

/* Value of an attribute, "" when it is not there; NULL when memory ran out. */
static const char *attribute(struct reader *reader, const xmlNode *node, const char *name)
{
    xmlChar *raw = xmlGetNoNsProp(node, (const xmlChar *)name);
    const char *text = collapse(&reader->loaded->arena, raw == NULL ? "" : (const char *)raw);
    xmlFree(raw);
    return text;
}

/* The content of the child `name`, which must be there and say something. */
static enum outcome required(struct reader *reader, const xmlNode *parent, const char *name, const char **text)
{
    const xmlNode *node = find(parent->children, name);
    if (node == NULL)
        return refuse(reader, parent, OUTCOME_MALFORMED, "<%s> is missing", name);
    *text = content(reader, node);
    if (*text == NULL)
        return no_memory(reader, node);
    return **text != '\0' ? OUTCOME_OK : refuse(reader, node, OUTCOME_MALFORMED, "<%s> is empty", name);
}

/* The name inside an id "xccdf_<reverse DNS>_<kind>_<name>"; NULL for an id of another form. */
static const char *short_id(const char *id, const char *kind)
{
    static const char prefix[] = "xccdf_";
    if (strncmp(id, prefix, sizeof prefix - 1) != 0)
        return NULL;
    const char *rest = strchr(id + sizeof prefix - 1, '_');
    size_t length = strlen(kind);
    if (rest == NULL || strncmp(rest + 1, kind, length) != 0 || rest[1 + length] != '_' || rest[2 + length] == '\0')
        return NULL;
    return rest + 2 + length;
}

static enum outcome read_id(struct reader *reader, const xmlNode *node, const char *kind, const char **id)
{
    const char *whole = attribute(reader, node, "id");
    if (whole == NULL)
        return no_memory(reader, node);
    *id = short_id(whole, kind);
    if (*id == NULL)
        return refuse(reader, node, OUTCOME_MALFORMED, "id \"%s\" is not of the form xccdf_org.name_%s_ID", whole,
                      kind);
    return OUTCOME_OK;
}

static enum outcome read_references(struct reader *reader, const xmlNode *node, struct rule *rule)
{
    size_t number = count(node, "reference");
    struct reference *references = arena_alloc(&reader->loaded->arena, (number + 1) * sizeof *references);
    if (references == NULL)
        return no_memory(reader, node);
    rule->references = references;
    for (const xmlNode *at = find(node->children, "reference"); at != NULL; at = find(at->next, "reference")) {
        struct reference reference = {attribute(reader, at, "href"), content(reader, at)};
        if (reference.href == NULL || reference.text == NULL)
            return no_memory(reader, at);
        references[rule->reference_count++] = reference;
    }
    return OUTCOME_OK;
}

static enum outcome read_severity(struct reader *reader, const xmlNode *node, struct rule *rule)
{
    const char *name = attribute(reader, node, "severity");
    if (name == NULL)
        return no_memory(reader, node);
    if (severity_parse(name, &rule->severity))
        return OUTCOME_OK;
    return refuse(reader, node, OUTCOME_MALFORMED, "severity \"%s\" is not info, low, medium or high", name);
}

static enum outcome read_observable(struct reader *reader, const xmlNode *node, struct rule *rule)
{
    for (const xmlNode *at = find(node->children, "ident"); at != NULL; at = find(at->next, "ident")) {
        const char *system = attribute(reader, at, "system");
        rule->observable = content(reader, at);
        if (system == NULL || rule->observable == NULL)
            return no_memory(reader, at);
        if (strcmp(system, "urn:cmscope:observable") != 0)
            continue;
        if (strcmp(rule->observable, "yes") == 0 || strcmp(rule->observable, "partly") == 0 ||
            strcmp(rule->observable, "no") == 0)
            return OUTCOME_OK;
        return refuse(reader, at, OUTCOME_MALFORMED, "observable \"%s\" is not yes, partly or no", rule->observable);
    }
    return refuse(reader, node, OUTCOME_MALFORMED, "<ident system=\"urn:cmscope:observable\"> is missing");
}

/* "notobservable: WHY" */
static enum outcome read_fixed(struct reader *reader, const xmlNode *check, struct rule *rule)
{
    const char *text = NULL;
    enum outcome outcome = required(reader, check, "check-content", &text);
    if (outcome != OUTCOME_OK || text == NULL)
        return outcome;
    static const enum verdict verdicts[] = {VERDICT_NOTOBSERVED, VERDICT_NOTOBSERVABLE};
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        const char *name = verdict_name(verdicts[i]);
        size_t length = strlen(name);
        if (strncmp(text, name, length) != 0 || strncmp(text + length, ": ", 2) != 0)
            continue;
        rule->fixed = verdicts[i];
        rule->fixed_reason = text + length + 2;
        return OUTCOME_OK;
    }
    return refuse(reader, check, OUTCOME_MALFORMED,
                  "<check-content> is neither \"notobserved: WHY\" nor \"notobservable: WHY\"");
}

/* A file inside the benchmark's folder: no way leads out of it. */
static bool is_inner_path(const char *path)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
    return *path != '\0' && *path != '/' && *path != '.' && strspn(path, allowed) == strlen(path) &&
           strstr(path, "/.") == NULL;
}

static enum outcome read_query(struct reader *reader, const xmlNode *check, struct rule *rule)
{
    const xmlNode *reference = find(check->children, "check-content-ref");
    if (reference == NULL)
        return refuse(reader, check, OUTCOME_MALFORMED, "<check-content-ref> is missing");
    const char *path = attribute(reader, reference, "href");
    if (path == NULL)
        return no_memory(reader, reference);
    if (!is_inner_path(path))
        return refuse(reader, reference, OUTCOME_MALFORMED, "href \"%s\" is not a file below this folder", path);
    struct text sql;
    struct error inner = {0};
    enum outcome outcome = benchmark_read(reader->loaded, path, &sql, &inner);
    if (outcome != OUTCOME_OK)
        return refuse(reader, reference, outcome, "%s", inner.text);
    if (memchr(sql.at, '\0', sql.length) != NULL)
        return refuse(reader, reference, OUTCOME_MALFORMED, "%s is not a text", path);
    rule->sql = sql.at;
    return OUTCOME_OK;
}

static enum outcome read_check(struct reader *reader, const xmlNode *node, struct rule *rule)
{
    const xmlNode *check = find(node->children, "check");
    if (check == NULL)
        return refuse(reader, node, OUTCOME_MALFORMED, "<check> is missing");
    const char *system = attribute(reader, check, "system");
    if (system == NULL)
        return no_memory(reader, check);
    if (strcmp(system, "urn:cmscope:sql") == 0)
        return read_query(reader, check, rule);
    if (strcmp(system, "urn:cmscope:fixed") == 0)
        return read_fixed(reader, check, rule);
    return refuse(reader, check, OUTCOME_MALFORMED, "check system \"%s\" is not urn:cmscope:sql or urn:cmscope:fixed",
                  system);
}

static enum outcome read_rule_texts(struct reader *reader, const xmlNode *node, struct rule *rule)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"title", &rule->title},
        {"description", &rule->description},
        {"rationale", &rule->rationale},
        {"fixtext", &rule->fix},
    };
    enum outcome outcome = OUTCOME_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && outcome == OUTCOME_OK; i++)
        outcome = required(reader, node, texts[i].name, texts[i].text);
    if (outcome == OUTCOME_OK && find(node->children, "warning") != NULL)
        outcome = required(reader, node, "warning", &rule->caution);
    return outcome;
}

static enum outcome read_rule(struct reader *reader, const xmlNode *node)
{
    static enum outcome (*const parts[])(struct reader *, const xmlNode *, struct rule *) = {
        read_severity, read_rule_texts, read_references, read_observable, read_check,
    };
    struct benchmark *benchmark = &reader->loaded->benchmark;
    struct rule *rule = &reader->rules[benchmark->rule_count];
    reader->rule_id = NULL;
    enum outcome outcome = read_id(reader, node, "rule", &rule->id);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (benchmark_rule(benchmark, rule->id) != NULL)
        return refuse(reader, node, OUTCOME_MALFORMED, "rule %s occurs twice", rule->id);
    reader->rule_id = rule->id;
    rule->section = reader->section;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && outcome == OUTCOME_OK; i++)
        outcome = parts[i](reader, node, rule);
    if (outcome == OUTCOME_OK)
        benchmark->rule_count++;
    reader->rule_id = NULL;
    return outcome;
}

static enum outcome read_group(struct reader *reader, const xmlNode *group)
{
    enum outcome outcome = required(reader, group, "title", &reader->section);
    const xmlNode *rule = find(group->children, "Rule");
    for (; rule != NULL && outcome == OUTCOME_OK; rule = find(rule->next, "Rule"))
        outcome = read_rule(reader, rule);
    if (outcome == OUTCOME_OK && count(group, "Group") > 0)
        return refuse(reader, group, OUTCOME_MALFORMED, "a Group inside a Group is not read; put its rules beside it");
    return outcome;
}

static enum outcome read_profile(struct reader *reader, const xmlNode *node)
{
    struct benchmark *benchmark = &reader->loaded->benchmark;
    struct profile *profile = &reader->profiles[benchmark->profile_count];
    enum outcome outcome = read_id(reader, node, "profile", &profile->name);
    if (outcome == OUTCOME_OK)
        outcome = required(reader, node, "title", &profile->title);
    if (outcome == OUTCOME_OK)
        outcome = required(reader, node, "description", &profile->description);
    if (outcome == OUTCOME_OK && benchmark_profile(benchmark, profile->name) != NULL)
        outcome = refuse(reader, node, OUTCOME_MALFORMED, "profile %s occurs twice", profile->name);
    if (outcome == OUTCOME_OK)
        reader->profile_nodes[benchmark->profile_count++] = node;
    return outcome;
}

/* xs:boolean; what is not said is true. */
static bool is_selected(struct reader *reader, const xmlNode *node)
{
    const char *value = attribute(reader, node, "selected");
    return value == NULL || (strcmp(value, "false") != 0 && strcmp(value, "0") != 0);
}

/* Marks in chosen[] (one for each rule) what a profile selects: what the rules say, changed by its selects. */
static enum outcome read_selects(struct reader *reader, const xmlNode *profile, bool *chosen)
{
    const struct benchmark *benchmark = &reader->loaded->benchmark;
    for (const xmlNode *node = find(profile->children, "select"); node != NULL; node = find(node->next, "select")) {
        const char *idref = attribute(reader, node, "idref");
        if (idref == NULL)
            return no_memory(reader, node);
        const char *id = short_id(idref, "rule");
        const struct rule *rule = id == NULL ? NULL : benchmark_rule(benchmark, id);
        if (rule == NULL)
            return refuse(reader, node, OUTCOME_MALFORMED, "select of \"%s\", which is no rule", idref);
        chosen[rule - benchmark->rules] = is_selected(reader, node);
    }
    return OUTCOME_OK;
}

/* Reads what the rules say of themselves, in the order in which they were read. */
static void read_defaults(struct reader *reader, const xmlNode *root, bool *chosen)
{
    size_t i = 0;
    for (const xmlNode *group = find(root->children, "Group"); group != NULL; group = find(group->next, "Group")) {
        for (const xmlNode *rule = find(group->children, "Rule"); rule != NULL; rule = find(rule->next, "Rule"))
            chosen[i++] = is_selected(reader, rule);
    }
}

/* Gives every rule the list of its profiles. */
static enum outcome apply_profiles(struct reader *reader, const xmlNode *root)
{
    struct benchmark *benchmark = &reader->loaded->benchmark;
    struct arena *arena = &reader->loaded->arena;
    size_t width = benchmark->profile_count;
    const char **names = arena_alloc(arena, (benchmark->rule_count * width + 1) * sizeof *names);
    bool *defaults = arena_alloc(arena, benchmark->rule_count + 1);
    bool *chosen = arena_alloc(arena, benchmark->rule_count + 1);
    if (names == NULL || defaults == NULL || chosen == NULL)
        return no_memory(reader, root);
    read_defaults(reader, root, defaults);
    for (size_t i = 0; i < benchmark->rule_count; i++)
        reader->rules[i].profiles = names + i * width;
    for (size_t i = 0; i < width; i++) {
        memcpy(chosen, defaults, benchmark->rule_count);
        enum outcome outcome = read_selects(reader, reader->profile_nodes[i], chosen);
        if (outcome != OUTCOME_OK)
            return outcome;
        for (size_t r = 0; r < benchmark->rule_count; r++) {
            if (chosen[r])
                names[r * width + reader->rules[r].profile_count++] = benchmark->profiles[i].name;
        }
    }
    return OUTCOME_OK;
}

static enum outcome reserve(struct reader *reader, const xmlNode *root)
{
    struct benchmark *benchmark = &reader->loaded->benchmark;
    size_t rules = 0;
    for (const xmlNode *group = find(root->children, "Group"); group != NULL; group = find(group->next, "Group"))
        rules += count(group, "Rule");
    size_t profiles = count(root, "Profile");
    if (rules == 0 || count(root, "Rule") > 0)
        return refuse(reader, root, OUTCOME_MALFORMED, rules == 0 ? "no Group has a Rule" : "a Rule is in no Group");
    if (rules > RULES_MAX || profiles > PROFILES_MAX)
        return refuse(reader, root, OUTCOME_LIMIT, "more than %d rules or %d profiles", RULES_MAX, PROFILES_MAX);
    struct arena *arena = &reader->loaded->arena;
    reader->rules = arena_alloc(arena, rules * sizeof *reader->rules);
    reader->profiles = arena_alloc(arena, (profiles + 1) * sizeof *reader->profiles);
    reader->profile_nodes = arena_alloc(arena, (profiles + 1) * sizeof *reader->profile_nodes);
    if (reader->rules == NULL || reader->profiles == NULL || reader->profile_nodes == NULL)
        return no_memory(reader, root);
    benchmark->rules = reader->rules;
    benchmark->profiles = reader->profiles;
    return OUTCOME_OK;
}

static enum outcome read_benchmark(struct reader *reader, const xmlNode *root)
{
    struct benchmark *benchmark = &reader->loaded->benchmark;
    if (!is_element(root, "Benchmark"))
        return refuse(reader, root, OUTCOME_MALFORMED, "the root is not Benchmark of %s", XCCDF);
    enum outcome outcome = reserve(reader, root);
    if (outcome == OUTCOME_OK)
        outcome = required(reader, root, "title", &benchmark->title);
    if (outcome == OUTCOME_OK)
        outcome = required(reader, root, "version", &benchmark->version);
    const xmlNode *node = find(root->children, "Profile");
    for (; node != NULL && outcome == OUTCOME_OK; node = find(node->next, "Profile"))
        outcome = read_profile(reader, node);
    node = find(root->children, "Group");
    for (; node != NULL && outcome == OUTCOME_OK; node = find(node->next, "Group"))
        outcome = read_group(reader, node);
    return outcome == OUTCOME_OK ? apply_profiles(reader, root) : outcome;
}

/* Called at <!DOCTYPE: nothing after it is read. */
static void stop_at_dtd(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    xmlParserCtxtPtr parser = context;
    bool *dtd = parser->_private;
    *dtd = true;
    xmlStopParser(parser);
}

static enum outcome parse_error(struct loaded_benchmark *loaded, const xmlParserCtxt *parser, struct error *error)
{
    const char *message = parser->lastError.message == NULL ? "not well-formed" : parser->lastError.message;
    return error_set(error, OUTCOME_MALFORMED, 0, "%s:%d: not valid XML: %.*s", benchmark_place(loaded, XML_FILE),
                     parser->lastError.line, (int)strcspn(message, "\n"), message);
}

enum outcome benchmark_parse(struct loaded_benchmark *loaded, struct text xml, struct error *error)
{
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    if (parser == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "not enough memory for the rules");
    bool dtd = false;
    parser->_private = &dtd;
    parser->sax->internalSubset = stop_at_dtd;
    int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA;
    xmlDocPtr document = xmlCtxtReadMemory(parser, xml.at, (int)xml.length, XML_FILE, NULL, options);
    enum outcome outcome;
    if (dtd)
        outcome = error_set(error, OUTCOME_MALFORMED, 0, "%s: has a document type declaration; remove it",
                            benchmark_place(loaded, XML_FILE));
    else if (document == NULL || xmlDocGetRootElement(document) == NULL)
        outcome = parse_error(loaded, parser, error);
    else
        outcome = read_benchmark(&(struct reader){.loaded = loaded, .error = error}, xmlDocGetRootElement(document));
    xmlFreeDoc(document);
    xmlFreeParserCtxt(parser);
    return outcome;
}
