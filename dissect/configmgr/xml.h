/* dissect/configmgr/xml.h: the small XML documents of messages as a tree in an arena.
 *
 * What is written plainly is scanned (xml_scan.h), all else is parsed by libxml2 (xml_libxml.h); nothing is fetched, no entity is defined or expanded (a document type declaration is noted and
 * skipped), and depth, number of nodes and size are limited. What stood before an error stays in the tree.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_XML_H
#define CMSCOPE_DISSECT_CONFIGMGR_XML_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/text.h"

#define XML_DEPTH_MAX 64     /* real messages nest about ten deep */
#define XML_NODES_MAX 200000 /* elements and attributes: a full software inventory has some 50,000 */
/* libxml2 compares each attribute of an element with all the others, and each prefix with all declarations in scope;
 * these bounds keep its work linear. Real elements have up to twenty attributes, real messages no document type. */
#define XML_ATTRIBUTES_MAX 512          /* of one element */
#define XML_NAMESPACES_MAX 256          /* declarations in one document */
#define XML_DOCTYPE_MAX ((size_t)16384) /* bytes of a document that has a document type declaration */

struct xml_attribute {
    struct text name;
    struct text value;
    struct xml_attribute *next;
};

struct xml_element {
    struct text name; /* without namespace prefix */
    struct text text; /* its own character data, joined, without white space at both ends */
    struct xml_attribute *attributes;
    struct xml_element *parent;
    struct xml_element *child; /* first */
    struct xml_element *next;  /* sibling */
};

struct xml_document {
    struct xml_element *root; /* NULL when there is none */
    bool has_doctype;         /* a document type declaration was present (and ignored) */
    bool complete;            /* well formed to its end */
};

/* Prepares the library. To be called before threads start that parse: it is not done twice, but not by two at a time. */
void xml_setup(void);

/* Parses `text` (UTF-8; an encoding named in it is ignored). OUTCOME_OK, or OUTCOME_MALFORMED or OUTCOME_LIMIT with
 * what was read before the error in *document, which lives in `arena` and in `text`. */
MUST_USE enum outcome xml_parse(struct text text, struct arena *arena, struct xml_document *document,
                                struct error *error);

/* First child element of that name; NULL when there is none or `element` is NULL. Names are exact. */
const struct xml_element *xml_child(const struct xml_element *element, const char *name);
/* The next sibling of the same name. */
const struct xml_element *xml_next(const struct xml_element *element);
/* Follows a path of child names such as "Data/AgentInformation". */
const struct xml_element *xml_path(const struct xml_element *element, const char *path);
/* Value of an attribute, TEXT_NULL when it is absent. Names are compared without case: senders differ (Ack, ACK). */
struct text xml_attribute(const struct xml_element *element, const char *name);
/* Its text; TEXT_NULL when `element` is NULL. */
struct text xml_text(const struct xml_element *element);

/* Number of elements named `name` anywhere below `element`, itself included; *first (may be NULL) gets the first one in
 * document order. */
size_t xml_count(const struct xml_element *element, const char *name, const struct xml_element **first);

#endif
