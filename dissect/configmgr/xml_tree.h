/* dissect/configmgr/xml_tree.h: how both readers of XML (xml_scan, xml_libxml) build the tree of xml.h, with its limits. */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_XML_TREE_H
#define CMSCOPE_DISSECT_CONFIGMGR_XML_TREE_H

#include "dissect/configmgr/xml.h"

/* An element that is not closed; level 0 stands above the root. */
struct xml_level {
    struct xml_element *element;
    struct xml_element *last; /* child so far */
    struct text text;         /* character data so far: a view, or `copy` */
    char *copy;               /* of `text` in the arena, with room for `capacity` bytes */
    size_t capacity;
};

struct xml_tree {
    struct arena *arena;
    struct xml_document *document;
    bool transient; /* what is handed over does not outlive the call, so it is copied */
    size_t depth;
    size_t nodes;
    struct xml_attribute **attribute; /* where the next one of the innermost element goes */
    struct xml_level levels[XML_DEPTH_MAX + 1];
};

/* Empties *document and starts. */
void xml_tree_begin(struct xml_tree *tree, struct arena *arena, struct xml_document *document, bool transient);

/* Each returns NULL, or what limit it would exceed. Attributes come after their element and before its content; there
 * is text only inside the root, and a close for an open only. */
MUST_USE const char *xml_tree_open(struct xml_tree *tree, struct text name);
MUST_USE const char *xml_tree_attribute(struct xml_tree *tree, struct text name, struct text value);
MUST_USE const char *xml_tree_text(struct xml_tree *tree, struct text piece);
void xml_tree_close(struct xml_tree *tree);

#endif
