/* rules/site.h: what the operator declares of the site: a YAML file that becomes rows of the tables site_..., so that
 * rules are SQL over what was declared and what was seen alike. It stands in rules/ since it is, like the checklist,
 * what a capture is judged by, and rules/ is the first room that knows the tables by their names.
 *
 * The file's sections and keys are those of rules/site.def, told by site_print_keys and docs/site.md.
 */
#ifndef CMSCOPE_RULES_SITE_H
#define CMSCOPE_RULES_SITE_H

#include <stdio.h>

#include "core/error.h"
#include "core/row.h"

struct site;

/* Bounds of a site file. A large hierarchy has some thousand site systems. */
#define SITE_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define SITE_ENTRIES_MAX 16384 /* of one section; libcyaml makes a list longer entry by entry */
#define SITE_TEXT_MAX 255      /* bytes of one value */

/* The site file `path` ("-": standard input). The caller frees it. OUTCOME_SYSTEM: it cannot be read; OUTCOME_LIMIT: it is
 * too large; OUTCOME_MALFORMED: it is no YAML, or says something that cannot be. The message starts with "FILE:LINE: ",
 * error->offset is the line. */
MUST_USE enum outcome site_load(const char *path, struct site **site, struct error *error);
/* The same from memory; `name` stands for the file in messages. */
MUST_USE enum outcome site_read(struct text yaml, const char *name, struct site **site, struct error *error);
void site_free(struct site *site); /* NULL is allowed */

/* Appends its rows to the tables site_..., in the order of the file. */
void site_write(const struct site *site, const struct sink *sink);

/* Its sections and keys as Markdown, for docs/site.md. */
void site_print_keys(FILE *out);

#endif
