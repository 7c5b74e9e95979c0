/* dissect/configmgr/body.c: see body.h. */
#include "dissect/configmgr/body.h"

#include <string.h>

#include "dissect/configmgr/attachment.h"
#include "dissect/configmgr/body_internal.h"
#include "dissect/configmgr/mif.h"
#include "dissect/configmgr/notification.h"

/* One walk over a document. */
struct walk {
    struct ccm_decoder *decoder;
    struct ccm_fields *fields;
    const char *part;
    struct text root;
    struct text path[CCM_FIELD_DEPTH_MAX + 1]; /* of the open element at each depth */
    size_t number[CCM_FIELD_DEPTH_MAX + 1];    /* of its field */
};

#define ROOM_MIN 128

/* One more than is asked for, for ccm_fields_close. */
static bool more_room(struct ccm_decoder *decoder, struct ccm_fields *fields)
{
    size_t room = fields->room == 0 ? ROOM_MIN : 4 * fields->room;
    room = room > CCM_FIELDS_MAX ? CCM_FIELDS_MAX : room;
    struct ccm_field *items = arena_take(&decoder->arena, (room + 1) * sizeof *items);
    if (items == NULL)
        return false;
    if (fields->count > 0)
        memcpy(items, fields->items, fields->count * sizeof *items);
    fields->items = items;
    fields->room = room;
    return true;
}

static struct ccm_field *new_field(struct ccm_decoder *decoder, struct ccm_fields *fields)
{
    if (fields->count >= CCM_FIELDS_MAX && !fields->cut)
        limit_hit(&decoder->limits, LIMIT_fields);
    if (fields->count >= CCM_FIELDS_MAX || (fields->count == fields->room && !more_room(decoder, fields))) {
        fields->cut = true;
        return NULL;
    }
    struct ccm_field *field = &fields->items[fields->count++];
    *field = (struct ccm_field){.value = TEXT_NULL, .meaning = TEXT_NULL};
    return field;
}

void ccm_field_add(struct ccm_decoder *decoder, struct ccm_fields *fields, const struct ccm_field *field)
{
    struct ccm_field *added = new_field(decoder, fields);
    if (added != NULL)
        *added = *field;
}

/* Starts a field below the element at `depth` (or of it, when `depth` is that of its parent). */
static struct ccm_field *walk_field(struct walk *walk, size_t parent, unsigned depth, struct text path,
                                    struct text name)
{
    struct ccm_field *field = new_field(walk->decoder, walk->fields);
    if (field == NULL)
        return NULL;
    field->part = walk->part;
    field->parent = parent;
    field->depth = depth;
    field->path = path;
    field->name = name;
    return field;
}

static void field_define(struct ccm_field *field, const struct field_definition *definition, enum certainty *certainty,
                         enum names_table *names)
{
    *certainty = definition == NULL ? CERTAINTY_UNKNOWN : definition->certainty;
    *names = definition == NULL ? NAMES_NONE : definition->names;
    field->kind = definition == NULL ? CCM_FIELD_TEXT : definition->kind;
    field->about = definition == NULL ? NULL : definition->about;
}

/* What stands above, a mark unless it is 0, and the name; TEXT_NULL when the arena is full. */
static struct text path_to(struct walk *walk, struct text above, char mark, struct text name)
{
    size_t marks = mark != '\0', length = above.length + marks + name.length;
    char *path = arena_take(&walk->decoder->arena, length + 1);
    if (path == NULL)
        return TEXT_NULL;
    if (above.at != NULL)
        memcpy(path, above.at, above.length);
    path[above.length] = mark;
    if (name.at != NULL)
        memcpy(path + above.length + marks, name.at, name.length);
    return (struct text){path, length};
}

static void walk_attribute(struct walk *walk, const struct xml_element *element, unsigned depth,
                           const struct xml_attribute *attribute)
{
    struct text path = path_to(walk, walk->path[depth], '@', attribute->name);
    struct ccm_field *field = walk_field(walk, walk->number[depth], depth + 1, path, attribute->name);
    enum certainty certainty;
    enum names_table names;
    if (field == NULL)
        return;
    field_define(field, definition_of(walk->decoder->body_index, walk->root, element, attribute->name), &certainty,
                 &names);
    value_fill(walk->decoder, element, names, attribute->value, &certainty, field);
    field->certainty = certainty_name(certainty);
}

/* Whether one more document inside of a text may be opened. */
static bool may_open(struct walk *walk, size_t count, size_t most)
{
    if (count >= most)
        limit_hit(&walk->decoder->limits, LIMIT_field_documents);
    return count < most;
}

/* A document written as text inside an element becomes its child, so that the walk goes on in it. */
static void open_nested(struct walk *walk, struct xml_element *element)
{
    struct xml_document document;
    struct text text = text_trim(element->text);
    if (element->child != NULL || text.length == 0 || text.at[0] != '<')
        return;
    if (text.length > CCM_FIELD_NESTED_BYTES) {
        limit_hit(&walk->decoder->limits, LIMIT_field_documents);
        return;
    }
    if (!may_open(walk, walk->fields->nested, CCM_FIELD_NESTED_MAX))
        return;
    walk->fields->nested++;
    if (ccm_xml_parse(walk->decoder, text, &document, NULL) != OUTCOME_OK || document.root == NULL)
        return;
    document.root->parent = element;
    element->child = document.root;
    element->text = TEXT("");
}

#define STREAM_HEX_MIN 16 /* digits: a zlib stream has a head of two bytes and a check of four */

/* Hex of a zlib stream of XML (wire.md 7.2): a compressed policy, collection settings. */
static bool is_stream(struct text text)
{
    return text.length >= STREAM_HEX_MIN && text.at[0] == '7' && text.at[1] == '8' && text_is_hex(text);
}

static void open_compressed(struct walk *walk, struct xml_element *element)
{
    struct ccm_decoder *decoder = walk->decoder;
    struct cursor bytes, plain;
    const char *encoding;
    bool odd;
    struct text text = text_trim(element->text);
    if (element->child != NULL || !is_stream(text) || !may_open(walk, walk->fields->streams, CCM_FIELD_STREAMS_MAX) ||
        !text_hex_decode(text, &decoder->arena, &bytes))
        return;
    walk->fields->streams++;
    struct xml_document document;
    if (ccm_inflate(&decoder->inner, bytes, &plain, NULL) != OUTCOME_OK)
        return;
    text = text_copy(&decoder->arena, ccm_text_decode(plain, &decoder->arena, &encoding, &odd));
    const char *nul = text.length == 0 ? NULL : memchr(text.at, 0, text.length);
    text.length = nul == NULL ? text.length : (size_t)(nul - text.at);
    if (ccm_xml_parse(decoder, text_trim(text), &document, NULL) != OUTCOME_OK || document.root == NULL)
        return;
    document.root->parent = element;
    element->child = document.root;
}

/* Base64 of XML: the script of a task (wire.md 9.6). */
static void open_base64(struct walk *walk, struct xml_element *element)
{
    struct ccm_decoder *decoder = walk->decoder;
    struct cursor bytes;
    const char *encoding;
    bool odd;
    struct xml_document document;
    if (element->child != NULL || text_trim(element->text).length == 0 ||
        !may_open(walk, walk->fields->nested, CCM_FIELD_NESTED_MAX) ||
        !ccm_base64_decode(element->text, &decoder->arena, &bytes))
        return;
    walk->fields->nested++;
    struct text text = text_trim(ccm_text_decode(bytes, &decoder->arena, &encoding, &odd));
    if (text.length == 0 || text.at[0] != '<' || ccm_xml_parse(decoder, text, &document, NULL) != OUTCOME_OK)
        return;
    document.root->parent = element;
    element->child = document.root;
}

/* <Property Name="x" Value="y"/> and <Property Name="x">y</Property> are one field, x. */
static bool fill_property(struct walk *walk, const struct xml_element *element, enum names_table about,
                          enum certainty *certainty, struct ccm_field *field)
{
    struct text name = xml_attribute(element, "Name"), value = xml_attribute(element, "Value");
    enum names_table names;
    if (name.length == 0)
        return false;
    enum certainty named = CERTAINTY_KNOWN;
    const char *meaning = name_of(about, name, &named);
    field->about = meaning == NULL ? field->about : meaning;
    field->name = name;
    field->kind = property_kind(name, &names);
    value_fill(walk->decoder, element, names, value.at != NULL ? value : xml_text(element), certainty, field);
    return true;
}

static bool is_part_of_property(const struct field_definition *definition, const struct xml_attribute *attribute)
{
    return definition != NULL && definition->kind == CCM_FIELD_PROPERTY &&
           (text_is_like(attribute->name, "Name") || text_is_like(attribute->name, "Value"));
}

static void fill_element(struct walk *walk, struct xml_element *element, enum names_table names,
                         enum certainty *certainty, struct ccm_field *field)
{
    struct text value = xml_text(element);
    if (field->kind == CCM_FIELD_XML)
        open_nested(walk, element);
    if (field->kind == CCM_FIELD_BASE64)
        open_base64(walk, element);
    open_compressed(walk, element);
    if (field->kind == CCM_FIELD_LIST)
        field->meaning = list_meaning(&walk->decoder->arena, element);
    else if (field->kind == CCM_FIELD_PROPERTY && fill_property(walk, element, names, certainty, field))
        return;
    else if (value.length > 0 ||
             (field->kind != CCM_FIELD_GROUP && element->child == NULL && element->attributes == NULL))
        value_fill(walk->decoder, element, names, value, certainty, field);
    else if (field->about == NULL && element->child != NULL)
        field->kind = CCM_FIELD_GROUP;
}

static void walk_element(struct walk *walk, struct xml_element *element, unsigned depth)
{
    struct text above = depth == 0 ? TEXT("") : walk->path[depth - 1];
    walk->path[depth] = path_to(walk, above, depth == 0 ? '\0' : '/', element->name);
    struct ccm_field *field = walk->path[depth].at == NULL ? NULL
                                                           : walk_field(walk, depth == 0 ? 0 : walk->number[depth - 1],
                                                                        depth, walk->path[depth], element->name);
    if (field == NULL) {
        walk->fields->cut = true;
        return;
    }
    walk->number[depth] = walk->fields->count;
    const struct field_definition *definition =
        definition_of(walk->decoder->body_index, walk->root, element, TEXT_NULL);
    enum certainty certainty;
    enum names_table names;
    field_define(field, definition, &certainty, &names);
    fill_element(walk, element, names, &certainty, field);
    field->certainty = certainty_name(certainty);
    for (const struct xml_attribute *attribute = element->attributes; attribute != NULL; attribute = attribute->next) {
        if (!is_part_of_property(definition, attribute))
            walk_attribute(walk, element, depth, attribute);
    }
}

void ccm_body_fields(struct ccm_decoder *decoder, struct xml_document *document, const char *part,
                     struct ccm_fields *fields)
{
    struct xml_element *at = document->root;
    unsigned depth = 0;
    if (at == NULL)
        return;
    if (decoder->body_index == NULL)
        decoder->body_index = ccm_body_index_new();
    fields->cut = fields->cut || decoder->body_index == NULL;
    struct walk walk = {.decoder = decoder, .fields = fields, .part = part, .root = at->name};
    while (!fields->cut) {
        walk_element(&walk, at, depth);
        if (at->child != NULL && depth < CCM_FIELD_DEPTH_MAX) {
            at = at->child;
            depth++;
            continue;
        }
        if (at->child != NULL && !fields->cut) {
            limit_hit(&decoder->limits, LIMIT_fields);
            fields->cut = true;
        }
        while (at != document->root && at->next == NULL) {
            at = at->parent;
            depth--;
        }
        if (at == document->root)
            return;
        at = at->next;
    }
}

void ccm_fields_close(struct ccm_fields *fields)
{
    if (!fields->cut || fields->items == NULL)
        return;
    fields->items[fields->count++] = (struct ccm_field){
        .part = "end",
        .kind = CCM_FIELD_GROUP,
        .path = TEXT(""),
        .name = TEXT("..."),
        .value = TEXT_NULL,
        .about = "there are more fields than are listed",
        .meaning = TEXT_NULL,
        .certainty = "known",
    };
}

/* ---- Whole messages ---- */

static void attachment_fields(struct ccm_decoder *decoder, struct ccm_attachment *attachment, size_t number,
                              struct ccm_fields *fields)
{
    struct text part = text_format(&decoder->arena, "attachment %zu", number);
    if (part.at == NULL)
        return;
    if (attachment->document.root != NULL)
        ccm_body_fields(decoder, &attachment->document, part.at, fields);
    else if (attachment->kind == CCM_ATTACHMENT_MIF)
        ccm_mif_fields(decoder, attachment->text, part.at, fields);
}

void ccm_message_fields(struct ccm_decoder *decoder, struct ccm_message *message, struct ccm_fields *fields)
{
    *fields = (struct ccm_fields){0};
    if (message->has_header)
        ccm_body_fields(decoder, &message->header.document, "header", fields);
    if (message->notification != NULL)
        ccm_notification_fields(decoder, message->notification, fields);
    ccm_body_fields(decoder, &message->document, "body", fields);
    for (size_t i = 0; i < message->attachments.count; i++)
        attachment_fields(decoder, &message->attachments.items[i], i + 1, fields);
    ccm_fields_close(fields);
}
