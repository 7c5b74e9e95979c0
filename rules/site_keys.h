/* rules/site_keys.h: the sections and keys of rules/site.def as data, and a site file in memory. Only rules/site*.c
 * include it. */
#ifndef CMSCOPE_RULES_SITE_KEYS_H
#define CMSCOPE_RULES_SITE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "rules/site.h"

#define SITE_KEYS_MAX 8 /* of one section */

/* The roles that a host may have: the words of the column role.role that are no roles of clients. */
#define SITE_ROLES                                                                                                     \
    "management_point distribution_point pxe_distribution_point site_server site_database sms_provider "               \
    "software_update_point server_locator_point fallback_status_point state_migration_point reporting_point "          \
    "out_of_band_point client_access_point cloud_management_gateway domain_controller isv_proxy proxy"

#define SITE_DEPTH_MAX 16 /* of the tree of sites */

enum site_kind {
    SITE_KIND_ADDRESS,
    SITE_KIND_NETWORK,
    SITE_KIND_CODE,
    SITE_KIND_PORT,
    SITE_KIND_WORD,
    SITE_KIND_TIME,
    SITE_KIND_TEXT
};

struct site_key {
    const char *name;
    const char *column; /* of the section's table; NULL: of none (rules/site.c knows what to do with it) */
    enum site_kind kind;
    bool required;
    const char *words; /* of SITE_KIND_WORD: those that are allowed, separated by spaces */
};

struct site_section {
    const char *name;
    enum table table;
    struct site_key keys[SITE_KEYS_MAX + 1]; /* the last one has no name */
};

/* In the order of rules/site.def: SITE_SECTION_sites, SITE_SECTION_roles ... */
enum site_section_id {
#define SITE_SECTION(name, table) SITE_SECTION_##name,
#define SITE_KEY(name, column, kind, required, words)
#define SITE_END
#include "rules/site.def"
#undef SITE_SECTION
#undef SITE_KEY
#undef SITE_END
    SITE_SECTION_COUNT
};

extern const struct site_section SITE_SECTIONS[SITE_SECTION_COUNT];

/* What values of a kind are, in words. */
const char *site_kind_meaning(enum site_kind kind);

/* Where a key stands in its section; -1 when it has no such key. */
int site_key_find(enum site_section_id section, struct text name);

/* One entry of a section: the value of each of its keys, as in the file; NULL: not given. */
struct site_entry {
    char *values[SITE_KEYS_MAX];
};

struct site_entries {
    struct site_entry *items;
    uint32_t count;
};

/* Where a value stands in the file. */
struct site_mark {
    uint16_t section;
    uint16_t key; /* SITE_KEYS_MAX: the entry itself */
    uint32_t entry;
    uint32_t line;
};

/* What libcyaml loads. */
struct site_sections {
    struct site_entries of[SITE_SECTION_COUNT];
};

struct site {
    const char *name;               /* of the file, for messages */
    struct site_sections *sections; /* NULL: the file is empty */
    struct site_mark *marks;        /* sorted by section, entry and key */
    size_t mark_count;
    bool said_something; /* false: only comments */
    uint32_t odd_line;   /* of the first key that is not known or given twice; 0: none */
};

/* The entries of a section; none when the file does not have it. */
static inline struct site_entries site_entries(const struct site *site, enum site_section_id section)
{
    return site->sections == NULL ? (struct site_entries){0} : site->sections->of[section];
}

/* The line of a value, or of the entry (key SITE_KEYS_MAX). */
uint32_t site_line(const struct site *site, enum site_section_id section, uint32_t entry, int key);

/* Puts the marks in order: before the first site_line. */
void site_sort_marks(struct site *site);

/* error_set with "FILE:LINE: " before the sentence; a line of 0 is left out. Returns OUTCOME_MALFORMED. */
enum outcome site_error(const struct site *site, uint32_t line, struct error *error, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Fills sections and marks from YAML: its form only (rules/site_yaml.c). */
MUST_USE enum outcome site_parse(struct site *site, struct text yaml, struct error *error);
void site_unload(struct site *site); /* frees what site_parse made */

/* Whether its values can be, one by one and together (rules/site_check.c). */
MUST_USE enum outcome site_check(const struct site *site, struct error *error);

/* A checked value as it stands in tables: an address or network in the form in which the capture prints it, a site code
 * in capitals. `room` holds it. */
#define SITE_VALUE_MAX (SITE_TEXT_MAX + 1)
struct text site_value(enum site_kind kind, const char *value, char room[SITE_VALUE_MAX]);
/* Seconds since 1970-01-01 UTC; false when it is no time. */
MUST_USE bool site_time(const char *value, double *seconds);

#endif
