/* dissect/configmgr/xml_libxml.c: see xml_libxml.h. */
#include "dissect/configmgr/xml_libxml.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

#include "dissect/configmgr/xml_tree.h"

/* State of one parse, handed to libxml2's callbacks. */
struct builder {
    xmlParserCtxtPtr parser;
    size_t namespaces;
    enum outcome outcome;
    struct error *error;
    struct xml_tree tree;
};

static void builder_stop(struct builder *builder, enum outcome outcome, const char *reason)
{
    if (builder->outcome == OUTCOME_OK)
        builder->outcome = error_set(builder->error, outcome, (uint64_t)xmlByteConsumed(builder->parser), "%s", reason);
    xmlStopParser(builder->parser);
}

/* `excess` is what xml_tree_open and the like return. */
static bool builder_go(struct builder *builder, const char *excess)
{
    if (excess != NULL)
        builder_stop(builder, OUTCOME_LIMIT, excess);
    return excess == NULL;
}

/* A value as libxml2 hands it over: it leaves each & of it as "&#38;". */
static bool builder_value(struct builder *builder, struct text *value)
{
    if (value->length == 0 || memchr(value->at, '&', value->length) == NULL)
        return true;
    char *out = arena_take(builder->tree.arena, value->length);
    size_t length = 0;
    for (size_t i = 0; out != NULL && i < value->length; i++) {
        out[length++] = value->at[i];
        if (text_starts_like((struct text){value->at + i, value->length - i}, "&#38;"))
            i += 4;
    }
    *value = (struct text){out, length};
    return out != NULL;
}

/* libxml2 gives attributes as groups of five pointers: name, prefix, URI, start and end of the value. */
static bool builder_attributes(struct builder *builder, const xmlChar **values, int count)
{
    for (int i = 0; i < count; i++, values += 5) {
        struct text value = {(const char *)values[3], (size_t)(values[4] - values[3])};
        if (!builder_value(builder, &value))
            return builder_go(builder, "XML needs too much memory");
        if (!builder_go(builder, xml_tree_attribute(&builder->tree, text_of((const char *)values[0]), value)))
            return false;
    }
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libxml2's. */
static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespace_count,
                     const xmlChar **namespaces, int attribute_count, int defaulted_count, const xmlChar **attributes)
{
    (void)prefix, (void)uri, (void)namespaces, (void)defaulted_count;
    struct builder *builder = context;
    if (builder->outcome != OUTCOME_OK)
        return;
    builder->namespaces += namespace_count > 0 ? (size_t)namespace_count : 0;
    if (builder->namespaces > XML_NAMESPACES_MAX)
        builder_stop(builder, OUTCOME_LIMIT, "XML has too many namespaces");
    else if (builder_go(builder, xml_tree_open(&builder->tree, text_of((const char *)name))))
        builder_attributes(builder, attributes, attribute_count);
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)name, (void)prefix, (void)uri;
    struct builder *builder = context;
    if (builder->tree.depth > 0)
        xml_tree_close(&builder->tree);
}

static void on_characters(void *context, const xmlChar *at, int length)
{
    struct builder *builder = context;
    if (builder->tree.depth > 0 && length > 0 && builder->outcome == OUTCOME_OK)
        builder_go(builder, xml_tree_text(&builder->tree, (struct text){(const char *)at, (size_t)length}));
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    (void)name, (void)public_id, (void)system_id;
    ((struct builder *)context)->tree.document->has_doctype = true;
}

/* Entities are never defined, so that none can expand or refer to a file. */
static xmlEntityPtr on_entity(void *context, const xmlChar *name)
{
    (void)context;
    return xmlGetPredefinedEntity(name);
}

#if LIBXML_VERSION >= 21200
typedef const xmlError *xml_error; /* const from libxml2 2.12 on */
#else
typedef xmlErrorPtr xml_error;
#endif

/* An XML error text without its line end, and only the first: the rest follows from it. */
static void on_error(void *context, xml_error error)
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

enum outcome xml_libxml_parse(struct text text, struct arena *arena, struct xml_document *document, struct error *error)
{
    struct builder *builder = arena_alloc(arena, sizeof *builder);
    *document = (struct xml_document){0};
    if (builder == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "XML needs too much memory");
    builder->error = error;
    xml_tree_begin(&builder->tree, arena, document, true);
    xmlSAXHandler handler = HANDLER;
    builder->parser = xmlCreatePushParserCtxt(&handler, builder, NULL, 0, NULL);
    if (builder->parser == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "no memory for an XML parser");
    xmlCtxtUseOptions(builder->parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_HUGE);
    /* The text is UTF-8. Guessing from its first bytes would find UTF-16 or UCS-4 in NULs, whose decoder has no context and
     * writes its errors to standard error. */
    xmlSwitchEncoding(builder->parser, XML_CHAR_ENCODING_UTF8);
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
