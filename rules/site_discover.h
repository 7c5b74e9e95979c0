/* rules/site_discover.h: a site file made of what was learned. */
#ifndef CMSCOPE_RULES_SITE_DISCOVER_H
#define CMSCOPE_RULES_SITE_DISCOVER_H

#include <stdio.h>

#include "records/database.h"

/* Files that hold what site_discover writes. People edit them, so that none is replaced. */
extern const struct outfile_kind site_file_kind;

/* The NEED_... flags of the questions that site_discover asks, added to *needs. */
MUST_USE enum outcome site_discover_needs(struct database *database, unsigned *needs, struct error *error);

/* Writes sites, roles, domain controllers and SQL servers as site_read takes them, with comments that say how sure each
 * role is and which packet told it, and what could be declared besides. Every text of the capture stands in double
 * quotes, with all escaped that YAML or a terminal would take for more than text (YAML 1.1 section 5.7, 7.3.1); one that a
 * site file cannot hold is left out, and a comment says so. Roles of which there are only hints, or no address, are comments;
 * those of clients are left out. */
MUST_USE enum outcome site_discover(struct database *database, FILE *out, struct error *error);

/* Text as it stands between double quotes in YAML, on one line: it reads back as the same text. Invalid UTF-8 becomes
 * U+FFFD. */
void site_print_escaped(FILE *out, struct text text);

#endif
