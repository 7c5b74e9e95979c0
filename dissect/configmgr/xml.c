/* dissect/configmgr/xml.c: see xml.h. */
#include "dissect/configmgr/xml.h"

#include <libxml/parser.h>
#include <string.h>

/* State of one parse, handed to libxml2's callbacks. */
struct builder {
    xmlParserCtxtPtr parser;
    struct arena *arena;
    struct xml_document *document;
    struct xml_element *open;                    /* innermost element that is not closed */
    struct xml_element *last[XML_DEPTH_MAX + 1]; /* last child so far, by depth of the parent */
    struct buffer_text {
        char *at;
        size_t length, capacity;
    } text[XML_DEPTH_MAX + 1]; /* character data of the open element at each depth */
    size_t depth;
    size_t nodes;
    size_t namespaces;
    enum outcome outcome;
    struct error *error;
};

static void builder_stop(struct builder *builder, enum outcome outcome, const char *reason)
{
    if (builder->outcome == OUTCOME_OK)
        builder->outcome = error_set(builder->error, outcome, (uint64_t)xmlByteConsumed(builder->parser), "%s", reason);
    xmlStopParser(builder->parser);
}

static bool builder_count(struct builder *builder)
{
    if (builder->outcome != OUTCOME_OK)
        return false;
    if (++builder->nodes <= XML_NODES_MAX)
        return true;
    builder_stop(builder, OUTCOME_LIMIT, "XML has too many elements");
    return false;
}

static bool builder_namespaces(struct builder *builder, int count)
{
    builder->namespaces += count > 0 ? (size_t)count : 0;
    if (builder->namespaces <= XML_NAMESPACES_MAX)
        return true;
    builder_stop(builder, OUTCOME_LIMIT, "XML has too many namespaces");
    return false;
}

static struct text builder_text(struct builder *builder, const xmlChar *at, size_t length)
{
    return text_copy(builder->arena, (struct text){(const char *)at, length});
}

/* libxml2 gives attributes as groups of five pointers: name, prefix, URI, start and end of the value. */
static bool builder_attributes(struct builder *builder, struct xml_element *element, const xmlChar **values, int count)
{
    struct xml_attribute **tail = &element->attributes;
    for (int i = 0; i < count; i++, values += 5) {
        if (!builder_count(builder))
            return false;
        struct xml_attribute *attribute = arena_alloc(builder->arena, sizeof *attribute);
        if (attribute == NULL)
            return false;
        attribute->name = builder_text(builder, values[0], strlen((const char *)values[0]));
        attribute->value = builder_text(builder, values[3], (size_t)(values[4] - values[3]));
        if (attribute->name.at == NULL || attribute->value.at == NULL)
            return false;
        *tail = attribute;
        tail = &attribute->next;
    }
    return true;
}

static void builder_link(struct builder *builder, struct xml_element *element)
{
    struct xml_element *before = builder->last[builder->depth];
    element->parent = builder->open;
    if (before != NULL)
        before->next = element;
    else if (builder->open != NULL)
        builder->open->child = element;
    else
        builder->document->root = element;
    builder->last[builder->depth] = element;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libxml2's. */
static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespace_count,
                     const xmlChar **namespaces, int attribute_count, int defaulted_count, const xmlChar **attributes)
{
    (void)prefix, (void)uri, (void)namespaces, (void)defaulted_count;
    struct builder *builder = context;
    if (!builder_count(builder) || !builder_namespaces(builder, namespace_count))
        return;
    if (builder->depth == XML_DEPTH_MAX) {
        builder_stop(builder, OUTCOME_LIMIT, "XML is nested too deep");
        return;
    }
    struct xml_element *element = arena_alloc(builder->arena, sizeof *element);
    if (element == NULL || !builder_attributes(builder, element, attributes, attribute_count)) {
        builder_stop(builder, OUTCOME_LIMIT, "XML needs too much memory");
        return;
    }
    element->name = builder_text(builder, name, strlen((const char *)name));
    element->text = TEXT("");
    builder_link(builder, element);
    builder->open = element;
    builder->depth++;
    builder->last[builder->depth] = NULL;
    builder->text[builder->depth].length = 0;
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)name, (void)prefix, (void)uri;
    struct builder *builder = context;
    if (builder->open == NULL || builder->depth == 0)
        return;
    struct buffer_text *text = &builder->text[builder->depth];
    if (text->length > 0) {
        builder->open->text = text_copy(builder->arena, (struct text){text->at, text->length});
        if (builder->open->text.at == NULL)
            builder_stop(builder, OUTCOME_LIMIT, "XML needs too much memory");
    }
    builder->open = builder->open->parent;
    builder->depth--;
}

static void on_characters(void *context, const xmlChar *at, int length)
{
    struct builder *builder = context;
    struct buffer_text *text = &builder->text[builder->depth];
    if (builder->depth == 0 || length <= 0 || builder->outcome != OUTCOME_OK)
        return;
    size_t needed = text->length + (size_t)length;
    if (needed > text->capacity) {
        size_t capacity = needed < 512 ? 1024 : needed * 2;
        char *grown = arena_alloc(builder->arena, capacity);
        if (grown == NULL) {
            builder_stop(builder, OUTCOME_LIMIT, "XML needs too much memory");
            return;
        }
        if (text->length > 0)
            memcpy(grown, text->at, text->length);
        text->at = grown;
        text->capacity = capacity;
    }
    memcpy(text->at + text->length, at, (size_t)length);
    text->length = needed;
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    (void)name, (void)public_id, (void)system_id;
    ((struct builder *)context)->document->has_doctype = true;
}

/* Entities are never defined, so that none can expand or refer to a file. */
static xmlEntityPtr on_entity(void *context, const xmlChar *name)
{
    (void)context;
    return xmlGetPredefinedEntity(name);
}

/* An XML error text without its line end, and only the first: the rest follows from it. */
static void on_error(void *context, xmlErrorPtr error)
{
    struct builder *builder = context;
    if (error->level < XML_ERR_ERROR || error->domain == XML_FROM_NAMESPACE || builder->outcome != OUTCOME_OK)
        return;
    size_t length = error->message == NULL ? 0 : strcspn(error->message, "\r\n");
    builder->outcome = error_set(builder->error, OUTCOME_MALFORMED, (uint64_t)xmlByteConsumed(builder->parser),
                                 "XML is not well formed: %.*s", (int)length, length == 0 ? "" : error->message);
}

static const xmlSAXHandler HANDLER = {
    .internalSubset = on_doctype,
    .getEntity = on_entity,
    .characters = on_characters,
    .cdataBlock = on_characters,
    .ignorableWhitespace = on_characters,
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .serror = on_error,
};

/* Where `end` ends in `text`, from `at` on; the end of the text when it is not there. */
static size_t behind(struct text text, size_t at, const char *end)
{
    struct cursor rest;
    size_t found;
    if (cursor_slice(text_cursor(text), at, text.length - at, &rest) &&
        cursor_find(rest, cursor_of(end, strlen(end)), &found))
        return at + found + strlen(end);
    return text.length;
}

/* Where the tag that starts at `at` ends; *attributes gets how many it has at most. */
static size_t behind_tag(struct text text, size_t at, size_t *attributes)
{
    char quote = '\0';
    for (*attributes = 0; at < text.length; at++) {
        char c = text.at[at];
        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '>')
            return at + 1;
        else
            *attributes += c == '=';
    }
    return at;
}

/* The bytes before what would cost libxml2 more than linear time; all when nothing does, else *reason gets what it is.
 * It sees markup as libxml2 does up to the first error, where libxml2 stops. */
static size_t bounded_length(struct text text, const char **reason)
{
    size_t at = 0, next, attributes;
    for (; at < text.length; at = next) {
        struct text rest = {text.at + at, text.length - at};
        const char *tag = memchr(rest.at, '<', rest.length);
        next = tag == NULL ? text.length : (size_t)(tag - text.at);
        if (next > at)
            continue;
        bool markup = rest.length > 1 && (rest.at[1] == '!' || rest.at[1] == '?');
        if (!markup) {
            next = behind_tag(text, at, &attributes);
            *reason = attributes > XML_ATTRIBUTES_MAX ? "an XML element has too many attributes" : NULL;
            if (*reason != NULL)
                return at;
        } else if (text_starts_like(rest, "<!--")) {
            next = behind(text, at + 4, "-->");
        } else if (text_starts_like(rest, "<![CDATA[")) {
            next = behind(text, at + 9, "]]>");
        } else if (text_starts_like(rest, "<?")) {
            next = behind(text, at + 2, "?>");
        } else { /* a document type */
            *reason = text.length > XML_DOCTYPE_MAX ? "XML with a document type declaration is too long" : NULL;
            return *reason == NULL ? text.length : at;
        }
    }
    return text.length;
}

/* libxml2 takes an int length, so longer texts are handed over in pieces of this size. */
#define XML_PIECE ((size_t)1 << 20)

void xml_setup(void)
{
    xmlInitParser();
}

enum outcome xml_parse(struct text text, struct arena *arena, struct xml_document *document, struct error *error)
{
    *document = (struct xml_document){0};
    struct builder *builder = arena_alloc(arena, sizeof *builder);
    if (builder == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "XML needs too much memory");
    *builder = (struct builder){.arena = arena, .document = document, .error = error};
    xmlSAXHandler handler = HANDLER;
    builder->parser = xmlCreatePushParserCtxt(&handler, builder, NULL, 0, NULL);
    if (builder->parser == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "no memory for an XML parser");
    xmlCtxtUseOptions(builder->parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_HUGE);
    const char *excess = NULL;
    text.length = bounded_length(text, &excess);
    for (size_t at = 0; at < text.length && builder->outcome == OUTCOME_OK; at += XML_PIECE) {
        size_t length = text.length - at < XML_PIECE ? text.length - at : XML_PIECE;
        xmlParseChunk(builder->parser, text.at + at, (int)length, 0);
    }
    if (builder->outcome == OUTCOME_OK && excess != NULL)
        builder_stop(builder, OUTCOME_LIMIT, excess);
    if (builder->outcome == OUTCOME_OK)
        xmlParseChunk(builder->parser, NULL, 0, 1);
    if (builder->parser->myDoc != NULL)
        xmlFreeDoc(builder->parser->myDoc);
    xmlFreeParserCtxt(builder->parser);
    if (builder->outcome == OUTCOME_OK && document->root == NULL)
        builder->outcome = error_set(error, OUTCOME_MALFORMED, 0, "there is no XML element");
    document->complete = builder->outcome == OUTCOME_OK;
    return builder->outcome;
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
    return element == NULL ? TEXT_NULL : text_trim(element->text);
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
