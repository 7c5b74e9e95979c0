/* dissect/configmgr/body_table.c: looking up what body.def and body_names.def know. */
#include <stdlib.h>
#include <string.h>

#include "dissect/configmgr/body_internal.h"

static const struct field_definition FIELDS[] = {
#define ROOT(root, certainty, about)
#define FIELD(root, path, kind, names, certainty, about)                                                               \
    {root, path, sizeof(path) - 1, CCM_FIELD_##kind, NAMES_##names, CERTAINTY_##certainty, about},
#define PROPERTY_VALUE(name, kind, names)
#include "dissect/configmgr/body.def"
#undef ROOT
#undef FIELD
#undef PROPERTY_VALUE
};

static const struct field_definition ROOTS[] = {
#define ROOT(root, certainty, about)                                                                                   \
    {root, root, sizeof(root) - 1, CCM_FIELD_GROUP, NAMES_NONE, CERTAINTY_##certainty, about},
#define FIELD(root, path, kind, names, certainty, about)
#define PROPERTY_VALUE(name, kind, names)
#include "dissect/configmgr/body.def"
#undef ROOT
#undef FIELD
#undef PROPERTY_VALUE
};

static const struct {
    const char *name;
    enum ccm_field_kind kind;
    enum names_table names;
} PROPERTIES[] = {
#define ROOT(root, certainty, about)
#define FIELD(root, path, kind, names, certainty, about)
#define PROPERTY_VALUE(name, kind, names) {name, CCM_FIELD_##kind, NAMES_##names},
#include "dissect/configmgr/body.def"
#undef ROOT
#undef FIELD
#undef PROPERTY_VALUE
};

/* ---- Names of values: an array for each table ---- */

struct name {
    const char *value;
    const char *meaning;
};

/* Each table ends the one before. */
static const struct name NONE_VALUES[] = {
#define NAMES(table, certainty)                                                                                        \
    {                                                                                                                  \
        NULL, NULL                                                                                                     \
    }                                                                                                                  \
    }                                                                                                                  \
    ;                                                                                                                  \
    static const struct name table##_VALUES[] = {
#define NAME(table, value, meaning) {value, meaning},
#include "dissect/configmgr/body_names.def"
#undef NAMES
#undef NAME
    {NULL, NULL}};

static const struct {
    const struct name *values; /* the last has no value */
    enum certainty certainty;
} TABLES[NAMES_COUNT] = {
    [NAMES_NONE] = {NONE_VALUES, CERTAINTY_KNOWN},
#define NAMES(table, certainty) [NAMES_##table] = {table##_VALUES, CERTAINTY_##certainty},
#define NAME(table, value, meaning)
#include "dissect/configmgr/body_names.def"
#undef NAMES
#undef NAME
};

const char *certainty_name(enum certainty certainty)
{
    static const char *const names[] = {"known", "likely", "uncertain", "unknown"};
    return names[certainty];
}

const char *ccm_field_kind_name(enum ccm_field_kind kind)
{
    static const char *const names[] = {
        [CCM_FIELD_GROUP] = "group",       [CCM_FIELD_LIST] = "list",
        [CCM_FIELD_TEXT] = "text",         [CCM_FIELD_NUMBER] = "number",
        [CCM_FIELD_SIZE] = "size",         [CCM_FIELD_BOOL] = "boolean",
        [CCM_FIELD_TIME] = "time",         [CCM_FIELD_CIM_TIME] = "time",
        [CCM_FIELD_GUID] = "guid",         [CCM_FIELD_ENUM] = "enumeration",
        [CCM_FIELD_FLAGS] = "flags",       [CCM_FIELD_STATE] = "enumeration",
        [CCM_FIELD_PROPERTY] = "property", [CCM_FIELD_XML] = "xml",
        [CCM_FIELD_HEX] = "hex",           [CCM_FIELD_CERTIFICATE] = "certificate",
        [CCM_FIELD_SECRET] = "secret",     [CCM_FIELD_POLICY_VALUE] = "text",
        [CCM_FIELD_BASE64] = "base64",
    };
    return names[kind];
}

/* The last component of a path in *component; what stands before it is returned. */
static struct text last_component(struct text path, struct text *component)
{
    size_t start = path.length;
    while (start > 0 && path.at[start - 1] != '/')
        start--;
    *component = (struct text){path.at + start, path.length - start};
    return (struct text){path.at, start == 0 ? 0 : start - 1};
}

/* Whether the way to `element` ends with `path`. */
static bool path_fits(struct text path, const struct xml_element *element)
{
    while (path.length > 0) {
        struct text component;
        path = last_component(path, &component);
        if (element == NULL || !(text_is(component, "*") || text_equal(component, element->name)))
            return false;
        element = element->parent;
    }
    return true;
}

/* Most definitions are of something else, which their end tells: the last letter, and what stands before the name. */
static bool end_fits(const struct field_definition *definition, struct text name, char before)
{
    const char *path = definition->path;
    size_t length = definition->path_length;
    if (path[length - 1] == '*')
        return before == '/';
    if (name.length == 0 || length < name.length || ((path[length - 1] ^ name.at[name.length - 1]) & ~0x20) != 0)
        return false;
    return length == name.length ? before == '/' : path[length - name.length - 1] == before;
}

static bool definition_fits(const struct field_definition *definition, const struct xml_element *element,
                            struct text attribute)
{
    const char *mark = strchr(definition->path, '@');
    if ((mark != NULL) != (attribute.at != NULL) || (mark != NULL && !text_is_like(attribute, mark + 1)))
        return false;
    size_t length = mark == NULL ? strlen(definition->path) : (size_t)(mark - definition->path);
    return path_fits((struct text){definition->path, length}, element);
}

/* ---- Where definitions stand ---- */

#define FIELD_COUNT (sizeof FIELDS / sizeof FIELDS[0])
#define BUCKETS 128
#define ANY_NAME BUCKETS /* the bucket of paths that end with "*" */

/* Numbers of definitions by the end of their path, counted from 1; 0: no more. */
struct ccm_body_index {
    uint16_t first[BUCKETS + 1];
    uint16_t next[FIELD_COUNT + 1];
};

/* By length and both ends, in either case, so that no name is read whole. */
static size_t bucket_of(struct text name, bool of_element)
{
    if (name.length == 0)
        return 0;
    unsigned first = (unsigned char)name.at[0] | 0x20U, last = (unsigned char)name.at[name.length - 1] | 0x20U;
    return (name.length * 37 + first * 5 + last * 11 + of_element) % BUCKETS;
}

static size_t bucket_of_path(const struct field_definition *definition)
{
    size_t start = definition->path_length;
    while (start > 0 && definition->path[start - 1] != '/' && definition->path[start - 1] != '@')
        start--;
    struct text name = {definition->path + start, definition->path_length - start};
    bool of_element = start == 0 || definition->path[start - 1] == '/';
    return text_is(name, "*") ? ANY_NAME : bucket_of(name, of_element);
}

struct ccm_body_index *ccm_body_index_new(void)
{
    struct ccm_body_index *index = calloc(1, sizeof *index);
    for (size_t i = FIELD_COUNT; index != NULL && i > 0; i--) {
        size_t bucket = bucket_of_path(&FIELDS[i - 1]);
        index->next[i] = index->first[bucket];
        index->first[bucket] = (uint16_t)i;
    }
    return index;
}

/* The number of the first definition in a bucket that fits; one more than there are when none does. */
static size_t first_fit(const struct ccm_body_index *index, size_t bucket, struct text root,
                        const struct xml_element *element, struct text attribute)
{
    bool of_element = attribute.at == NULL;
    struct text name = of_element ? element->name : attribute;
    for (size_t i = index->first[bucket]; i != 0; i = index->next[i]) {
        const struct field_definition *definition = &FIELDS[i - 1];
        if (end_fits(definition, name, of_element ? '/' : '@') && definition_fits(definition, element, attribute) &&
            (definition->root[0] == '*' || text_is(root, definition->root)))
            return i;
    }
    return FIELD_COUNT + 1;
}

const struct field_definition *definition_of(const struct ccm_body_index *index, struct text root,
                                             const struct xml_element *element, struct text attribute)
{
    bool of_element = attribute.at == NULL;
    size_t bucket = bucket_of(of_element ? element->name : attribute, of_element);
    size_t named = first_fit(index, bucket, root, element, attribute);
    size_t any = of_element ? first_fit(index, ANY_NAME, root, element, attribute) : FIELD_COUNT + 1;
    size_t number = named < any ? named : any;
    if (number <= FIELD_COUNT)
        return &FIELDS[number - 1];
    for (size_t i = 0; i < sizeof ROOTS / sizeof ROOTS[0] && of_element; i++) {
        if (text_is(element->name, ROOTS[i].root))
            return &ROOTS[i];
    }
    return NULL;
}

const char *ccm_body_about(struct text root)
{
    for (size_t i = 0; i < sizeof ROOTS / sizeof ROOTS[0]; i++) {
        if (text_is(root, ROOTS[i].root))
            return ROOTS[i].about;
    }
    return NULL;
}

enum ccm_field_kind property_kind(struct text name, enum names_table *names)
{
    *names = NAMES_NONE;
    for (size_t i = 0; i < sizeof PROPERTIES / sizeof PROPERTIES[0]; i++) {
        if (text_is_like(name, PROPERTIES[i].name)) {
            *names = PROPERTIES[i].names;
            return PROPERTIES[i].kind;
        }
    }
    return CCM_FIELD_TEXT;
}

static void weaken(enum certainty *certainty, enum names_table table)
{
    *certainty = TABLES[table].certainty > *certainty ? TABLES[table].certainty : *certainty;
}

const char *name_of(enum names_table table, struct text value, enum certainty *certainty)
{
    for (const struct name *name = TABLES[table].values; name->value != NULL; name++) {
        if (text_is_like(value, name->value)) {
            weaken(certainty, table);
            return name->meaning;
        }
    }
    return NULL;
}

struct text flags_of(enum names_table table, struct text value, struct arena *arena, enum certainty *certainty)
{
    uint64_t left;
    struct text joined = TEXT("");
    if (!text_to_u64(value, &left))
        return TEXT_NULL;
    if (left == 0)
        return TEXT("none");
    for (const struct name *name = TABLES[table].values; name->value != NULL; name++) {
        uint64_t bit;
        if (!text_to_u64(text_of(name->value), &bit) || (left & bit) == 0)
            continue;
        left &= ~bit;
        joined = text_format(arena, "%.*s%s%s %s", (int)joined.length, joined.at, joined.length == 0 ? "" : ", ",
                             name->value, name->meaning);
        if (joined.at == NULL)
            return TEXT_NULL;
        weaken(certainty, table);
    }
    if (left != 0)
        joined = text_format(arena, "%.*s%s%llu (no name is known)", (int)joined.length, joined.at,
                             joined.length == 0 ? "" : ", ", (unsigned long long)left);
    return joined;
}

struct text ccm_value_name(const char *attribute, struct text value, struct arena *arena)
{
    enum certainty certainty = CERTAINTY_KNOWN;
    if (strcmp(attribute, "PolicyFlags") == 0)
        return value.at == NULL ? TEXT_NULL : flags_of(NAMES_POLICY_FLAGS, value, arena, &certainty);
    return text_of(name_of(NAMES_AGENT_TYPE, value, &certainty));
}
