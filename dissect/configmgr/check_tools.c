/* dissect/configmgr/check_tools.c: what one message alone shows of published tools (wire.md 12.2, 12.3): findings T06, hints
 * only. */
#include "dissect/configmgr/message.h"

#define HINT "hint"

static const struct {
    const char *value, *text;
} MESSAGE_IDS[] =
    {
#define TOOL_MESSAGE_ID(value, text) {value, text},
#define TOOL_ATTACHMENT(value, text)
#include "dissect/configmgr/tools.def"
#undef TOOL_MESSAGE_ID
#undef TOOL_ATTACHMENT
},
  ATTACHMENTS[] = {
#define TOOL_MESSAGE_ID(value, text)
#define TOOL_ATTACHMENT(value, text) {value, text},
#include "dissect/configmgr/tools.def"
#undef TOOL_MESSAGE_ID
#undef TOOL_ATTACHMENT
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

/* A registration that says it comes from the installer of one old version, with what such tools leave in it. */
static void check_agent(struct ccm_message *message)
{
    const struct xml_element *agent = xml_path(message->document.root, "Data/AgentInformation");
    if (text_is_like(xml_attribute(agent, "AgentIdentity"), "CCMSetup.exe") &&
        text_is(xml_attribute(agent, "AgentVersion"), "5.00.8325.0000"))
        ccm_message_find(message, "T06", HINT,
                         TEXT("agent and version of a registration are those that published tools send"));
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

void ccm_message_check_tools(struct ccm_message *message)
{
    if (message->source.reply)
        return;
    check_constants(message);
    check_agent(message);
    check_site_code(message);
}
