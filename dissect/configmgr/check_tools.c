/* dissect/configmgr/check_tools.c: what one message alone shows of published tools (wire.md 12.2, 12.3): findings T06, hints
 * only. */
#include <string.h>

#include "dissect/configmgr/certificate.h"
#include "dissect/configmgr/message.h"

#define HINT "hint"

struct constant {
    const char *value, *text;
};

#define TOOL_MESSAGE_ID(value, text)
#define TOOL_ATTACHMENT(value, text)
#define TOOL_USER_AGENT(value, text)
#define TOOL_PATH(value, text)
#define TOOL_SIGN(path, value, text)
#define TOOL_SUBJECT(value, text)

static const struct constant MESSAGE_IDS[] = {
#undef TOOL_MESSAGE_ID
#define TOOL_MESSAGE_ID(value, text) {value, text},
#include "dissect/configmgr/tools.def"
#undef TOOL_MESSAGE_ID
#define TOOL_MESSAGE_ID(value, text)
};

static const struct constant ATTACHMENTS[] = {
#undef TOOL_ATTACHMENT
#define TOOL_ATTACHMENT(value, text) {value, text},
#include "dissect/configmgr/tools.def"
#undef TOOL_ATTACHMENT
#define TOOL_ATTACHMENT(value, text)
};

static const struct constant SUBJECTS[] = {
#undef TOOL_SUBJECT
#define TOOL_SUBJECT(value, text) {value, text},
#include "dissect/configmgr/tools.def"
#undef TOOL_SUBJECT
#define TOOL_SUBJECT(value, text)
};

static const struct {
    const char *path, *value, *text;
} SIGNS[] = {
#undef TOOL_SIGN
#define TOOL_SIGN(path, value, text) {path, value, text},
#include "dissect/configmgr/tools.def"
};

static void check_constants(struct ccm_message *message)
{
    const struct ccm_header *header = &message->header;
    for (size_t i = 0; i < sizeof MESSAGE_IDS / sizeof MESSAGE_IDS[0]; i++) {
        if (text_is_like(header->id, MESSAGE_IDS[i].value))
            ccm_message_find(message, "T06", HINT, text_of(MESSAGE_IDS[i].text));
    }
    size_t count = header->attachment_count < CCM_RANGES_MAX ? header->attachment_count : CCM_RANGES_MAX;
    for (size_t i = 0; i < count; i++) {
        if (text_is_like(header->attachments[i].name, ATTACHMENTS[0].value)) {
            ccm_message_find(message, "T06", HINT, text_of(ATTACHMENTS[0].text));
            return;
        }
    }
}

/* ---- Signs that mean something together ---- */

#define TOOL_SIGNS_MIN 3

struct signs {
    struct ccm_decoder *decoder;
    struct text list;
    size_t count;
};

static void add_sign(struct signs *signs, const char *text)
{
    bool first = signs->count++ == 0;
    signs->list = text_format(&signs->decoder->arena, "%.*s%s%s", first ? 0 : (int)signs->list.length,
                              first ? "" : signs->list.at, first ? "" : ", ", text);
}

/* The value that a path of tools.def leads to: "A/B", "A/B@C", "A/Property=Name". */
static struct text value_at(const struct xml_element *root, const char *path, struct arena *arena)
{
    size_t length = strcspn(path, "@=");
    const struct text way = text_format(arena, "%.*s", (int)length, path);
    const struct xml_element *element = way.at == NULL ? NULL : xml_path(root, way.at);
    if (path[length] == '@')
        return xml_attribute(element, path + length + 1);
    if (path[length] == '\0')
        return xml_text(element);
    while (element != NULL && !text_is_like(xml_attribute(element, "Name"), path + length + 1))
        element = xml_next(element);
    return xml_attribute(element, "Value");
}

/* The Microsoft SDK of that time and what was made from it write the header's elements in the order of the alphabet. */
static bool is_alphabetical(const struct xml_element *root)
{
    size_t count = 0;
    const struct xml_element *child = root == NULL ? NULL : root->child;
    for (; child != NULL && child->next != NULL; child = child->next, count++) {
        struct text a = child->name, b = child->next->name;
        bool host = text_is(a, "SourceID") && text_is(b, "SourceHost"); /* theirs stand so */
        size_t least = a.length < b.length ? a.length : b.length;
        if (!host && memcmp(a.at, b.at, least) > 0)
            return false;
    }
    return count >= 8;
}

static bool has_subject(struct signs *signs, struct ccm_message *message, const char *subject)
{
    const struct certificate_row *row = ccm_message_certificate(signs->decoder, message);
    return row != NULL && text_is(row->subject, subject);
}

static void check_signs(struct ccm_decoder *decoder, struct ccm_message *message)
{
    struct signs signs = {.decoder = decoder};
    for (size_t i = 0; i < sizeof SIGNS / sizeof SIGNS[0]; i++) {
        if (text_is_like(text_trim(value_at(message->document.root, SIGNS[i].path, &decoder->arena)), SIGNS[i].value))
            add_sign(&signs, SIGNS[i].text);
    }
    for (size_t i = 0; i < sizeof SUBJECTS / sizeof SUBJECTS[0]; i++) {
        if (has_subject(&signs, message, SUBJECTS[i].value))
            add_sign(&signs, SUBJECTS[i].text);
    }
    if (message->header.document.complete && is_alphabetical(message->header.document.root))
        add_sign(&signs, "header in the order of the alphabet");
    if (signs.count >= TOOL_SIGNS_MIN && signs.list.at != NULL)
        ccm_message_find(message, "T06", HINT,
                         text_format(&decoder->arena, "looks like the message of a published tool: %.*s",
                                     (int)signs.list.length, signs.list.at));
}

#define SITE_CODE_MAX 3

/* A site code of another length carries something else: SQL text was sent to management points so. */
static void check_site_code(struct ccm_message *message)
{
    const struct xml_element *root = message->document.root;
    if (root == NULL || !text_is(root->name, "SiteInformationRequest"))
        return;
    if (text_trim(xml_attribute(xml_child(root, "SiteCode"), "Name")).length > SITE_CODE_MAX)
        ccm_message_find(message, "T06", HINT, TEXT("a site code is longer than three characters"));
}

void ccm_message_check_tools(struct ccm_decoder *decoder, struct ccm_message *message)
{
    if (message->source.reply)
        return;
    check_constants(message);
    check_signs(decoder, message);
    check_site_code(message);
}
