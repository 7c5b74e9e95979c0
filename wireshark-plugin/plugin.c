/* wireshark-plugin/plugin.c: ConfigMgr messages in Wireshark: protocol "ccm".
 *
 * Wireshark's HTTP dissector hands multipart/mixed bodies to the dissector of that media type. The plugin takes its
 * place, lets it do its work first, and adds a tree of its own only when the body is a ConfigMgr message: so other
 * people's multipart bodies look as ever. The decoder is that of the program (dissect/configmgr/).
 */
#include <epan/dissectors/packet-http.h>
#include <epan/packet.h>
#include <epan/proto.h>

#include "dissect/configmgr/message.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT const char plugin_version[] = PLUGIN_VERSION;
EXPORT const int plugin_want_major = WIRESHARK_MAJOR;
EXPORT const int plugin_want_minor = WIRESHARK_MINOR;
EXPORT void plugin_register(void);

static int proto_ccm = -1;
static int ett_ccm = -1;
static dissector_handle_t stock;   /* what Wireshark itself does with multipart/mixed */
static struct ccm_decoder decoder; /* Wireshark dissects in one thread */
static bool ready;

/* Where each field of the tree comes from. */
static int hf_endpoint = -1, hf_id = -1, hf_correlation_id = -1, hf_source_id = -1, hf_source_host = -1;
static int hf_target_host = -1, hf_reply_mode = -1, hf_sent_time = -1, hf_root = -1, hf_signature = -1;
static int hf_client_id_signature = -1, hf_registration_signature = -1, hf_hash = -1, hf_malformed = -1;
static int hf_finding = -1;

#define TEXT_FIELD(field, title, filter, help)                                                                         \
    {                                                                                                                  \
        &(field),                                                                                                      \
        {                                                                                                              \
            (title), (filter), FT_STRING, BASE_NONE, NULL, 0, (help), HFILL                                            \
        }                                                                                                              \
    }

static hf_register_info fields[] = {
    TEXT_FIELD(hf_endpoint, "Endpoint", "ccm.endpoint", "TargetEndpoint; of a reply that of its request"),
    TEXT_FIELD(hf_id, "ID", "ccm.id", NULL),
    TEXT_FIELD(hf_correlation_id, "CorrelationID", "ccm.correlation_id", NULL),
    TEXT_FIELD(hf_source_id, "SourceID", "ccm.source_id", NULL),
    TEXT_FIELD(hf_source_host, "SourceHost", "ccm.source_host", NULL),
    TEXT_FIELD(hf_target_host, "TargetHost", "ccm.target_host", NULL),
    TEXT_FIELD(hf_reply_mode, "ReplyMode", "ccm.reply_mode", NULL),
    TEXT_FIELD(hf_sent_time, "SentTime", "ccm.sent_time", NULL),
    TEXT_FIELD(hf_root, "Body", "ccm.body.root", "Root element of the body"),
    TEXT_FIELD(hf_signature, "Payload signature", "ccm.signature.status", "absent, valid, invalid, nokey, unsupported"),
    TEXT_FIELD(hf_client_id_signature, "Client ID signature", "ccm.client_id_signature.status", NULL),
    TEXT_FIELD(hf_registration_signature, "Registration signature", "ccm.registration.signature.status", NULL),
    TEXT_FIELD(hf_hash, "Hash", "ccm.signature.hash", "Hash that the payload signature really uses"),
    TEXT_FIELD(hf_malformed, "Malformed", "ccm.malformed", "Why it could not be decoded to its end"),
    TEXT_FIELD(hf_finding, "Finding", "ccm.finding", "Departure from the message schema"),
};

static void add_text(proto_tree *tree, int field, tvbuff_t *tvb, wmem_allocator_t *pool, struct text text)
{
    if (text.at != NULL && text.length > 0)
        proto_tree_add_string(tree, field, tvb, 0, -1, wmem_strndup(pool, text.at, text.length));
}

static void add_signature(proto_tree *tree, int field, tvbuff_t *tvb, wmem_allocator_t *pool,
                          const struct ccm_signature *signature)
{
    add_text(tree, field, tvb, pool, text_of(ccm_signature_state_name(signature->state)));
}

static void add_message(proto_tree *tree, tvbuff_t *tvb, wmem_allocator_t *pool, const struct ccm_message *message)
{
    const struct ccm_header *header = &message->header;
    add_text(tree, hf_endpoint, tvb, pool, message->endpoint_name);
    add_text(tree, hf_id, tvb, pool, header->id);
    add_text(tree, hf_correlation_id, tvb, pool, header->correlation_id);
    add_text(tree, hf_source_id, tvb, pool, header->source_id);
    add_text(tree, hf_source_host, tvb, pool, header->source_host);
    add_text(tree, hf_target_host, tvb, pool, header->target_host);
    add_text(tree, hf_reply_mode, tvb, pool, header->reply_mode);
    add_text(tree, hf_sent_time, tvb, pool, header->sent_time);
    add_text(tree, hf_root, tvb, pool, message->root);
    add_signature(tree, hf_signature, tvb, pool, &message->payload_signature);
    add_signature(tree, hf_client_id_signature, tvb, pool, &message->client_id_signature);
    if (message->registration_signature.state != CCM_SIGNATURE_ABSENT)
        add_signature(tree, hf_registration_signature, tvb, pool, &message->registration_signature);
    add_text(tree, hf_hash, tvb, pool, text_of(message->payload_signature.hash));
    add_text(tree, hf_malformed, tvb, pool, message->malformed);
    for (size_t i = 0; i < message->finding_count; i++)
        add_text(tree, hf_finding, tvb, pool,
                 text_format(&decoder.arena, "%s (%s): %.*s", message->findings[i].code, message->findings[i].level,
                             (int)message->findings[i].text.length, message->findings[i].text.at));
}

static int dissect_ccm(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    int used = call_dissector_only(stock, tvb, pinfo, tree, data);
    size_t length = tvb_captured_length(tvb);
    struct cursor body = cursor_of(length == 0 ? NULL : tvb_get_ptr(tvb, 0, (int)length), length);
    const http_message_info_t *http = data;
    struct text type = text_of(http == NULL ? NULL : http->media_str);
    if (!ready || !ccm_message_recognise(body, type))
        return used;
    struct ccm_source source = {
        .body = body,
        .content_type = TEXT_NULL, /* the body shows its boundary itself */
        .reply = http != NULL && http->type == HTTP_RESPONSE,
        .truncated = tvb_captured_length(tvb) < tvb_reported_length(tvb),
    };
    struct ccm_message message;
    ccm_message_decode(&decoder, &source, NEED_EVERYTHING & ~(unsigned)NEED_BODY, &message);
    proto_item *item = proto_tree_add_item(tree, proto_ccm, tvb, 0, -1, ENC_NA);
    add_message(proto_item_add_subtree(item, ett_ccm), tvb, pinfo->pool, &message);
    col_set_str(pinfo->cinfo, COL_PROTOCOL, "CCM");
    return used;
}

static void register_protocol(void)
{
    static int *subtrees[] = {&ett_ccm};
    proto_ccm = proto_register_protocol("Configuration Manager message", "CCM", "ccm");
    proto_register_field_array(proto_ccm, fields, array_length(fields));
    proto_register_subtree_array(subtrees, array_length(subtrees));
    ready = ccm_decoder_init(&decoder);
}

static void hand_off(void)
{
    stock = dissector_get_string_handle(find_dissector_table("media_type"), "multipart/mixed");
    if (stock == NULL)
        return;
    /* dissector_change_string would be undone when Wireshark loads the user's "Decode As" settings. */
    dissector_delete_string("media_type", "multipart/mixed", stock);
    dissector_add_string("media_type", "multipart/mixed", create_dissector_handle(dissect_ccm, proto_ccm));
}

void plugin_register(void)
{
    static proto_plugin plugin = {register_protocol, hand_off};
    proto_register_plugin(&plugin);
}
