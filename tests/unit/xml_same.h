/* tests/unit/xml_same.h: whether the two readers of XML agree. */
#ifndef CMSCOPE_TESTS_UNIT_XML_SAME_H
#define CMSCOPE_TESTS_UNIT_XML_SAME_H

#include "dissect/configmgr/xml_libxml.h"
#include "dissect/configmgr/xml_scan.h"

static inline bool xml_same_attributes(const struct xml_attribute *a, const struct xml_attribute *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (!text_equal(a->name, b->name) || !text_equal(a->value, b->value))
            return false;
    }
    return a == b;
}

/* Both trees in document order; they are no deeper than XML_DEPTH_MAX. */
static inline bool xml_same_tree(const struct xml_element *a, const struct xml_element *b)
{
    while (a != NULL && b != NULL) {
        if (!text_equal(a->name, b->name) || !text_equal(a->text, b->text) ||
            !xml_same_attributes(a->attributes, b->attributes) || (a->child == NULL) != (b->child == NULL))
            return false;
        bool down = a->child != NULL;
        while (!down && a != NULL && b != NULL && a->next == NULL && b->next == NULL) {
            a = a->parent;
            b = b->parent;
        }
        if (a == NULL || b == NULL)
            return a == b;
        a = down ? a->child : a->next;
        b = down ? b->child : b->next;
    }
    return a == b;
}

/* False when the scanner takes `text` for plain and libxml2 does not make the same of it. *plain tells the first. */
static inline bool xml_same(struct text text, struct arena *arena, bool *plain)
{
    struct xml_document scanned, parsed;
    *plain = xml_scan(text, arena, &scanned);
    if (!*plain)
        return true;
    return xml_libxml_parse(text, arena, &parsed, NULL) == OUTCOME_OK && scanned.complete && parsed.complete &&
           !parsed.has_doctype && xml_same_tree(scanned.root, parsed.root);
}

#endif
