/* dissect/configmgr/xml.c: see xml.h. */
#include "dissect/configmgr/xml.h"

#include <string.h>

#include "dissect/configmgr/xml_libxml.h"
#include "dissect/configmgr/xml_scan.h"

/* The text without a tag at its end that was cut off. Of "<ReportHea" the parser would make an element ReportHea, and leave
 * out the attributes that are missing. */
static struct text without_cut_tag(struct text text)
{
    size_t tag = text.length;
    while (tag > 0 && text.at[tag - 1] != '<')
        tag--;
    if (tag == 0)
        return text;
    bool quotes = tag < text.length && strchr("!?/", text.at[tag]) == NULL;
    char quote = '\0';
    for (size_t i = tag; i < text.length; i++) {
        char c = text.at[i];
        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '>')
            return text;
        else if (quotes && (c == '"' || c == '\''))
            quote = c;
    }
    return (struct text){text.at, tag - 1};
}

enum outcome xml_parse(struct text text, struct arena *arena, struct xml_document *document, struct error *error)
{
    if (xml_scan(text, arena, document))
        return OUTCOME_OK;
    enum outcome outcome = xml_libxml_parse(text, arena, document, error);
    struct text rest = outcome == OUTCOME_MALFORMED ? without_cut_tag(text) : text;
    if (rest.length == text.length)
        return outcome;
    if (xml_libxml_parse(rest, arena, document, NULL) == OUTCOME_OK)
        document->complete = false;
    return outcome;
}

const struct xml_element *xml_child(const struct xml_element *element, const char *name)
{
    const struct xml_element *child = element == NULL ? NULL : element->child;
    const struct text wanted = text_of(name);
    while (child != NULL && !text_equal(child->name, wanted))
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
    const struct text wanted = text_of(name);
    for (const struct xml_attribute *attribute = element->attributes; attribute != NULL; attribute = attribute->next) {
        if (attribute->name.length == wanted.length && text_equal_like(attribute->name, wanted))
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
    const struct text wanted = text_of(name);
    const struct xml_element *at = element;
    while (at != NULL) {
        if (text_equal(at->name, wanted) && count++ == 0 && first != NULL)
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
