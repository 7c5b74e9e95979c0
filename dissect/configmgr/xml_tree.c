/* dissect/configmgr/xml_tree.c: see xml_tree.h. */
#include "dissect/configmgr/xml_tree.h"

#include <string.h>

static const char *const TOO_DEEP = "XML is nested too deep";
static const char *const TOO_MANY = "XML has too many elements";
static const char *const NO_MEMORY = "XML needs too much memory";

void xml_tree_begin(struct xml_tree *tree, struct arena *arena, struct xml_document *document, bool transient)
{
    *document = (struct xml_document){0};
    tree->arena = arena;
    tree->document = document;
    tree->transient = transient;
    tree->depth = tree->nodes = 0;
    tree->levels[0] = (struct xml_level){0};
}

/* False when the arena is full. */
static bool keep(const struct xml_tree *tree, struct text *text)
{
    if (tree->transient)
        *text = text_copy(tree->arena, *text);
    return text->at != NULL;
}

const char *xml_tree_open(struct xml_tree *tree, struct text name)
{
    if (++tree->nodes > XML_NODES_MAX)
        return TOO_MANY;
    if (tree->depth == XML_DEPTH_MAX)
        return TOO_DEEP;
    struct xml_element *element = arena_take(tree->arena, sizeof *element);
    if (element == NULL || !keep(tree, &name))
        return NO_MEMORY;
    struct xml_level *level = &tree->levels[tree->depth++];
    *element = (struct xml_element){.name = name, .text = TEXT(""), .parent = level->element};
    if (level->last != NULL)
        level->last->next = element;
    else if (level->element != NULL)
        level->element->child = element;
    else
        tree->document->root = element;
    level->last = element;
    level[1] = (struct xml_level){.element = element};
    tree->attribute = &element->attributes;
    return NULL;
}

const char *xml_tree_attribute(struct xml_tree *tree, struct text name, struct text value)
{
    if (++tree->nodes > XML_NODES_MAX)
        return TOO_MANY;
    struct xml_attribute *attribute = arena_take(tree->arena, sizeof *attribute);
    if (attribute == NULL || !keep(tree, &name) || !keep(tree, &value))
        return NO_MEMORY;
    *attribute = (struct xml_attribute){.name = name, .value = value};
    *tree->attribute = attribute;
    tree->attribute = &attribute->next;
    return NULL;
}

/* White space before the first character is not part of an element's text, so most pieces end here. */
const char *xml_tree_text(struct xml_tree *tree, struct text piece)
{
    struct xml_level *level = &tree->levels[tree->depth];
    if (level->text.length == 0)
        piece = text_trim_start(piece);
    if (piece.length == 0)
        return NULL;
    if (level->text.length == 0 && !tree->transient) {
        level->text = piece;
        return NULL;
    }
    size_t needed = level->text.length + piece.length;
    if (needed > level->capacity) {
        char *grown = arena_take(tree->arena, 2 * needed);
        if (grown == NULL)
            return NO_MEMORY;
        if (level->text.length > 0)
            memcpy(grown, level->text.at, level->text.length);
        level->text.at = level->copy = grown;
        level->capacity = 2 * needed;
    }
    memcpy(level->copy + level->text.length, piece.at, piece.length);
    level->text.length = needed;
    return NULL;
}

void xml_tree_close(struct xml_tree *tree)
{
    const struct xml_level *level = &tree->levels[tree->depth--];
    if (level->text.length > 0)
        level->element->text = text_trim(level->text);
}
