/* dissect/configmgr/header.c: see header.h.
 *
 *   Msg @SchemaVersion @ReplyCompression
 *     ID, SourceID, SourceHost, TargetAddress, ReplyTo, CorrelationID ...   text, in any order
 *     Body        @Type="ByteRange" @Offset @Length
 *     Attachment* @Type="ByteRange" @Name @Offset @Length
 *     Property*   @Name @Value
 *     Payload     @Type
 *     Hooks > Hook | Hook2 | Hook3 @Name > Property @Name = text
 */
#include "dissect/configmgr/header.h"

#include <stddef.h>
#include <string.h>

#define NAME(literal)                                                                                                  \
    {                                                                                                                  \
        literal, sizeof(literal) - 1                                                                                   \
    }

/* Children that are plain text, and where they go. */
static const struct {
    struct text element;
    size_t offset;
} TEXT_CHILDREN[] = {
    {NAME("ID"), offsetof(struct ccm_header, id)},
    {NAME("CorrelationID"), offsetof(struct ccm_header, correlation_id)},
    {NAME("SourceID"), offsetof(struct ccm_header, source_id)},
    {NAME("SourceHost"), offsetof(struct ccm_header, source_host)},
    {NAME("TargetAddress"), offsetof(struct ccm_header, target_address)},
    {NAME("TargetEndpoint"), offsetof(struct ccm_header, target_endpoint)},
    {NAME("TargetHost"), offsetof(struct ccm_header, target_host)},
    {NAME("ReplyTo"), offsetof(struct ccm_header, reply_to)},
    {NAME("ReplyMode"), offsetof(struct ccm_header, reply_mode)},
    {NAME("Protocol"), offsetof(struct ccm_header, protocol)},
    {NAME("Priority"), offsetof(struct ccm_header, priority)},
    {NAME("Timeout"), offsetof(struct ccm_header, timeout)},
    {NAME("SentTime"), offsetof(struct ccm_header, sent_time)},
};

static const struct {
    const char *name;
    uint8_t mark[3];
    size_t length;
} MARKS[] = {
    {"utf-16-le+bom", {0xFF, 0xFE}, 2},
    {"utf-16-be+bom", {0xFE, 0xFF}, 2},
    {"utf-8+bom", {0xEF, 0xBB, 0xBF}, 3},
};

struct text ccm_text_decode(struct cursor bytes, struct arena *arena, const char **encoding, bool *odd)
{
    *odd = false;
    for (size_t i = 0; i < sizeof MARKS / sizeof MARKS[0]; i++) {
        if (!cursor_starts(bytes, MARKS[i].mark, MARKS[i].length) || !cursor_skip(&bytes, MARKS[i].length))
            continue;
        *encoding = MARKS[i].name;
        return i == 2 ? text_clean(arena, bytes) : text_from_utf16(arena, bytes, i == 1, odd);
    }
    if (bytes.left >= 2 && bytes.at[0] != 0 && bytes.at[1] == 0) {
        *encoding = "utf-16-le";
        return text_from_utf16(arena, bytes, false, odd);
    }
    if (bytes.left >= 2 && bytes.at[0] == 0 && bytes.at[1] != 0) {
        *encoding = "utf-16-be";
        return text_from_utf16(arena, bytes, true, odd);
    }
    *encoding = "utf-8";
    return text_clean(arena, bytes);
}

static struct ccm_range range_of(const struct xml_element *element)
{
    struct ccm_range range = {
        .name = xml_attribute(element, "Name"),
        .offset_text = xml_attribute(element, "Offset"),
        .length_text = xml_attribute(element, "Length"),
    };
    range.numeric = text_to_u64(range.offset_text, &range.offset) && text_to_u64(range.length_text, &range.length);
    if (!range.numeric)
        range.offset = range.length = 0;
    return range;
}

/* Of each element but Attachment and Property there may be one. */
static void note_repeated(struct ccm_header *header, struct text name)
{
    if (header->repeated.at == NULL)
        header->repeated = name;
}

#define PROPERTIES_COMPARED_MAX 32 /* each is compared with those before it; clientauth has some ten */

static void compare_properties(const struct ccm_hook *hook, struct ccm_header *header)
{
    struct text names[PROPERTIES_COMPARED_MAX];
    size_t count = 0;
    const struct xml_element *property = xml_child(hook->xml, "Property");
    for (; property != NULL && count < PROPERTIES_COMPARED_MAX; property = xml_next(property)) {
        names[count] = xml_attribute(property, "Name");
        for (size_t i = 0; i < count && names[count].at != NULL; i++) {
            if (text_equal_like(names[i], names[count]))
                note_repeated(header, names[count]);
        }
        count++;
    }
    header->properties_lost += property != NULL;
}

static void compare_hooks(struct ccm_header *header)
{
    for (size_t i = 0; i < header->hook_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (text_equal_like(header->hooks[i].name, header->hooks[j].name))
                note_repeated(header, header->hooks[i].name);
        }
        compare_properties(&header->hooks[i], header);
    }
}

static void read_hooks(const struct xml_element *hooks, struct ccm_header *header)
{
    header->has_hooks = hooks != NULL;
    const struct xml_element *hook = hooks == NULL ? NULL : hooks->child;
    for (; hook != NULL; hook = hook->next) {
        struct text name = xml_attribute(hook, "Name");
        if (name.at == NULL || !text_starts_like(hook->name, "Hook"))
            continue;
        if (header->hook_count == CCM_HOOKS_MAX)
            header->hooks_lost++;
        else
            header->hooks[header->hook_count++] = (struct ccm_hook){hook->name, name, hook};
    }
    compare_hooks(header);
}

/* False when the arena is full. */
static bool read_attachment(const struct xml_element *child, struct arena *arena, struct ccm_header *header)
{
    if (header->attachments == NULL)
        header->attachments = arena_take(arena, CCM_RANGES_MAX * sizeof *header->attachments);
    if (header->attachments == NULL)
        return false;
    if (header->attachment_count < CCM_RANGES_MAX)
        header->attachments[header->attachment_count] = range_of(child);
    header->attachment_count++;
    return true;
}

/* False when the arena is full. */
static bool read_child(const struct xml_element *child, struct arena *arena, struct ccm_header *header)
{
    for (size_t i = 0; i < sizeof TEXT_CHILDREN / sizeof TEXT_CHILDREN[0]; i++) {
        if (text_equal(child->name, TEXT_CHILDREN[i].element)) {
            struct text *field = (struct text *)(void *)((char *)header + TEXT_CHILDREN[i].offset);
            if (field->at == NULL)
                *field = xml_text(child);
            else
                note_repeated(header, child->name);
            return true;
        }
    }
    if (text_is(child->name, "Body") && !header->has_body) {
        header->has_body = true;
        header->body = range_of(child);
    } else if (text_is(child->name, "Attachment")) {
        return read_attachment(child, arena, header);
    } else if (text_is(child->name, "Payload") && header->payload_type.at == NULL) {
        header->payload_type = xml_attribute(child, "Type");
    } else if (text_is(child->name, "Property") && header->file_type.at == NULL &&
               text_is_like(xml_attribute(child, "Name"), "FileType")) {
        struct text value = xml_attribute(child, "Value"); /* SDK; others write it as text */
        header->file_type = value.at != NULL ? value : xml_text(child);
    } else if (text_is(child->name, "Hooks") && !header->has_hooks) {
        read_hooks(child, header);
    } else if (text_is(child->name, "Body") || text_is(child->name, "Payload") || text_is(child->name, "Hooks") ||
               (text_is(child->name, "Property") && text_is_like(xml_attribute(child, "Name"), "FileType"))) {
        note_repeated(header, child->name);
    }
    return true;
}

enum outcome ccm_header_parse(struct cursor part, struct arena *arena, struct ccm_header *header, struct error *error)
{
    *header = (struct ccm_header){0};
    if (part.left > CCM_HEADER_MAX)
        return error_set(error, OUTCOME_LIMIT, 0, "the message header has more than %zu bytes", CCM_HEADER_MAX);
    bool odd;
    struct text text = ccm_text_decode(part, arena, &header->encoding, &odd);
    if (text.at == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "the message header needs too much memory");
    header->whole = text;
    header->text = text_trim(text); /* servers accept white space before <Msg> (wire.md 2.1) */
    enum outcome outcome = xml_parse(header->text, arena, &header->document, error);
    const struct xml_element *root = header->document.root;
    if (root == NULL)
        return outcome;
    if (!text_is(root->name, "Msg"))
        return error_set(error, OUTCOME_MALFORMED, 0, "the message header is not a Msg element");
    header->schema_version = xml_attribute(root, "SchemaVersion");
    header->reply_compression = xml_attribute(root, "ReplyCompression");
    for (const struct xml_element *child = root->child; child != NULL; child = child->next) {
        if (!read_child(child, arena, header))
            return error_set(error, OUTCOME_LIMIT, 0, "the message header needs too much memory");
    }
    if (outcome == OUTCOME_OK && odd)
        return error_set(error, OUTCOME_MALFORMED, part.left - 1,
                         "the UTF-16 message header has an odd number of bytes");
    return outcome;
}

/* Bytes that `text` took before it became UTF-8. What was invalid became U+FFFD: one unit of UTF-16. */
static size_t bytes_in_part(struct text text, bool utf16)
{
    const uint8_t *at = (const uint8_t *)text.at, *end = at + text.length;
    size_t bytes = 0;
    while (utf16 && at < end)
        bytes += text_next(&at, end) > 0xFFFF ? 4 : 2;
    return utf16 ? bytes : text.length;
}

bool ccm_header_locate(const struct ccm_header *header, struct cursor part, struct text text, size_t *offset,
                       size_t *length)
{
    const char *start = header->whole.at;
    if (start == NULL || text.at == NULL || text.at < start || text.at + text.length > start + header->whole.length)
        return false;
    bool utf16 = strncmp(header->encoding, "utf-16", 6) == 0;
    size_t mark = 0;
    for (size_t i = 0; i < sizeof MARKS / sizeof MARKS[0]; i++)
        mark = strcmp(header->encoding, MARKS[i].name) == 0 ? MARKS[i].length : mark;
    *offset = mark + bytes_in_part((struct text){start, (size_t)(text.at - start)}, utf16);
    *length = bytes_in_part(text, utf16);
    return *offset <= part.left && *length <= part.left - *offset;
}

const struct ccm_hook *ccm_header_hook(const struct ccm_header *header, const char *name)
{
    for (size_t i = 0; i < header->hook_count; i++) {
        if (text_is_like(header->hooks[i].name, name))
            return &header->hooks[i];
    }
    return NULL;
}

struct text ccm_hook_property(const struct ccm_hook *hook, const char *name)
{
    const struct xml_element *property = hook == NULL ? NULL : xml_child(hook->xml, "Property");
    while (property != NULL && !text_is_like(xml_attribute(property, "Name"), name))
        property = xml_next(property);
    return xml_text(property);
}
