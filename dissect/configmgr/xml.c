/* dissect/configmgr/xml.c: see xml.h. */
#include "dissect/configmgr/xml.h"

#include <string.h>

#include "dissect/configmgr/xml_libxml.h"
#include "dissect/configmgr/xml_scan.h"

enum outcome xml_parse(struct text text, struct arena *arena, struct xml_document *document, struct error *error)
{
    return xml_scan(text, arena, document) ? OUTCOME_OK : xml_libxml_parse(text, arena, document, error);
}

const struct xml_element *xml_child(const struct xml_element *element, const char *name)
{
    const struct xml_element *child = element == NULL ? NULL : element->child;
    while (child != NULL && !text_is(child->name, name))
        child = child->next;
    return child;
}

const struct xml_element *xml_next(const struct xml_element *element)
{
    const struct xml_element *next = element == NULL ? NULL : element->next;
    while (next != NULL && !text_equal(next->name, element->name))
        next = next->next;
    return next;
}

const struct xml_element *xml_path(const struct xml_element *element, const char *path)
{
    while (element != NULL && *path != '\0') {
        size_t length = strcspn(path, "/");
        const struct xml_element *child = element->child;
        while (child != NULL && !text_equal(child->name, (struct text){path, length}))
            child = child->next;
        element = child;
        path += length;
        path += *path == '/';
    }
    return element;
}

struct text xml_attribute(const struct xml_element *element, const char *name)
{
    if (element == NULL)
        return TEXT_NULL;
    for (const struct xml_attribute *attribute = element->attributes; attribute != NULL; attribute = attribute->next) {
        if (text_is_like(attribute->name, name))
            return attribute->value;
    }
    return TEXT_NULL;
}

struct text xml_text(const struct xml_element *element)
{
    return element == NULL ? TEXT_NULL : element->text;
}

size_t xml_count(const struct xml_element *element, const char *name, const struct xml_element **first)
{
    size_t count = 0;
    const struct xml_element *at = element;
    while (at != NULL) {
        if (text_is(at->name, name) && count++ == 0 && first != NULL)
            *first = at;
        if (at->child != NULL) {
            at = at->child;
            continue;
        }
        while (at != element && at->next == NULL)
            at = at->parent;
        at = at == element ? NULL : at->next;
    }
    return count;
}
