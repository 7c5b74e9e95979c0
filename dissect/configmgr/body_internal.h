/* dissect/configmgr/body_internal.h: what body.c, body_table.c and body_value.c share, and nobody else. */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_BODY_INTERNAL_H
#define CMSCOPE_DISSECT_CONFIGMGR_BODY_INTERNAL_H

#include "dissect/configmgr/body.h"

enum certainty { CERTAINTY_KNOWN, CERTAINTY_LIKELY, CERTAINTY_UNCERTAIN, CERTAINTY_UNKNOWN };

/* Tables of names: NAMES_NONE, NAMES_SOURCE_TYPE ... */
enum names_table {
    NAMES_NONE,
#define NAMES(table, certainty) NAMES_##table,
#define NAME(table, value, meaning)
#include "dissect/configmgr/body_names.def"
#undef NAMES
#undef NAME
    NAMES_COUNT
};

/* A line of body.def. */
struct field_definition {
    const char *root; /* "*": any */
    const char *path;
    size_t path_length;
    enum ccm_field_kind kind;
    enum names_table names;
    enum certainty certainty;
    const char *about;
};

const char *certainty_name(enum certainty certainty);

/* The definition of an element, or of its attribute when `attribute` is not TEXT_NULL; NULL when there is none. */
const struct field_definition *definition_of(const struct ccm_body_index *index, struct text root,
                                             const struct xml_element *element, struct text attribute);
/* How the value of a property of that name is read; CCM_FIELD_TEXT when nothing special is known. */
enum ccm_field_kind property_kind(struct text name, enum names_table *names);

/* The meaning of a value in a table; NULL when it has none. *certainty becomes the less certain of itself and the
 * table's. */
const char *name_of(enum names_table table, struct text value, enum certainty *certainty);
/* The names of the bits that are set in a decimal number, joined; what has no name as a number. */
struct text flags_of(enum names_table table, struct text value, struct arena *arena, enum certainty *certainty);

/* Fills value, bytes and meaning of a field from the whole value; what is secret leaves no value,
 * unless decoder->show_secrets. */
void value_fill(struct ccm_decoder *decoder, const struct xml_element *element, enum names_table names,
                struct text value, enum certainty *certainty, struct ccm_field *field);
/* Whether the value of a policy's property must not be shown. */
bool value_is_secret(const struct xml_element *element, struct text value);
/* "5 entries: 3 Instance CCM_Client ..." for the children of a list. */
struct text list_meaning(struct arena *arena, const struct xml_element *list);

#endif
