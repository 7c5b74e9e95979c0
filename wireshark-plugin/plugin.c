/* wireshark-plugin/plugin.c: ConfigMgr messages in Wireshark: protocol "ccm".
 *
 * Wireshark's HTTP dissector hands bodies to the dissector of their media type. The plugin takes the place of those
 * that messages, policies and lists come with. What is none of these goes to the dissector that was there, as if
 * nothing had been in between (a protocol in name only leaves no trace), so other people's bodies look as ever. The
 * decoder is that of the program (dissect/configmgr/).
 */
#include "wireshark-plugin/plugin.h"

#include <epan/prefs.h>

#include "wireshark-plugin/show.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT const char plugin_version[] = PLUGIN_VERSION;
EXPORT const int plugin_want_major = WIRESHARK_VERSION_MAJOR;
EXPORT const int plugin_want_minor = WIRESHARK_VERSION_MINOR;
EXPORT void plugin_register(void);
PLUGIN_DESCRIBE

int proto_ccm = -1;

static int proto_hook = -1;
static dissector_handle_t ccm_handle, download_handle;

/* ---- Messages ---- */

/* What a reply decides: "GUID:..., registered", "3 policies". */
static void tell_decision(const struct shown *shown)
{
    packet_info *pinfo = shown->pinfo;
    const struct xml_element *root = shown->message->document.root;
    if (root != NULL && text_is(root->name, "ClientRegistrationResponse")) {
        struct text id = xml_attribute(root, "SMSID"), status = xml_attribute(root, "Status");
        if (id.length > 0)
            col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", show_copy(shown, id));
        if (text_is(status, "0") || text_is(status, "1"))
            col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", text_is(status, "0") ? "registered" : "pending");
        else if (status.length > 0)
            col_append_sep_fstr(pinfo->cinfo, COL_INFO, ", ", "status %s", show_copy(shown, status));
    } else if (root != NULL && text_is(root->name, "ReplyAssignments")) {
        guint count = 0;
        const struct xml_element *assignment = xml_child(root, "PolicyAssignment");
        for (; assignment != NULL; assignment = xml_next(assignment)) {
            for (const struct xml_element *policy = xml_child(assignment, "Policy"); policy != NULL;
                 policy = xml_next(policy))
                count++;
        }
        col_append_sep_fstr(pinfo->cinfo, COL_INFO, ", ", "%u polic%s", count, count == 1 ? "y" : "ies");
    }
}

/* "MP_PolicyManager request, RequestAssignments, GUID:..., signed ✓ sha256" */
static void tell(const struct shown *shown)
{
    packet_info *pinfo = shown->pinfo;
    const struct ccm_message *message = shown->message;
    struct text endpoint = message->endpoint_name, root = message->root, client = message->header.source_id;
    col_set_str(pinfo->cinfo, COL_PROTOCOL, "CCM");
    col_clear_fence(pinfo->cinfo, COL_INFO); /* of the parts, which were shown before */
    col_clear(pinfo->cinfo, COL_INFO);
    col_append_fstr(pinfo->cinfo, COL_INFO, "%s %s", endpoint.at == NULL ? "Message" : show_copy(shown, endpoint),
                    message->source.reply ? "reply" : "request");
    if (root.at != NULL)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", show_copy(shown, root));
    if (message->no_reply)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", "NoReply");
    if (client.at != NULL)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", show_copy(shown, client));
    else if (!message->source.reply && message->header.source_host.at != NULL)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", show_copy(shown, message->header.source_host));
    tell_decision(shown);
    const char *verdict = message_verdict(shown);
    if (verdict != NULL)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", verdict);
    if (message->encrypted)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", message->decrypted ? "decrypted" : "encrypted");
    if (message->malformed.at != NULL)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", "malformed");
}

static int dissect_message(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    const media_info *info = data;
    guint length = tvb_captured_length(tvb);
    struct ccm_source source = {
        .body = cursor_of(length == 0 ? NULL : tvb_get_ptr(tvb, 0, (int)length), length),
        .content_type = TEXT_NULL, /* the body shows its boundary itself */
        .reply = info != NULL && MEDIA_IS_REPLY(info),
        .secure = proto_is_frame_protocol(pinfo->layers, "tls"),
        .missing = length < tvb_reported_length(tvb) ? CCM_MISSING_BYTES : CCM_MISSING_NOTHING,
    };
    struct ccm_message message;
    const struct remembered *remembered = track_decode(pinfo, &source, &message);
    if (remembered == NULL)
        return 0;
    struct shown shown = {.tvb = tvb, .pinfo = pinfo, .message = &message, .remembered = remembered};
    message_add(tree, &shown);
    tell(&shown);
    statistics_queue(pinfo, &shown);
    return (int)length;
}

/* ---- Media types ---- */

static bool is_message(tvbuff_t *tvb, const media_info *info)
{
    guint length = tvb_captured_length(tvb);
    struct cursor body = cursor_of(length == 0 ? NULL : tvb_get_ptr(tvb, 0, (int)length), length);
    return ccm_message_recognise(body, text_of(info == NULL ? NULL : info->media_str));
}

/* Multipart bodies: Wireshark shows the parts, then the plugin what they mean. */
static int dissect_multipart(dissector_handle_t stock, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    int used = call_dissector_only(stock, tvb, pinfo, tree, data);
    if (is_message(tvb, data))
        call_dissector_only(ccm_handle, tvb, pinfo, tree, data);
    return used;
}

static int dissect_download(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return download_dissect(tvb, pinfo, tree, data);
}

/* Of a reply that is a policy or a list: what was asked for; else NULL. */
static const char *download_of(packet_info *pinfo, const media_info *info)
{
    const char *uri = info != NULL && MEDIA_IS_REPLY(info) ? http_uri_asked(pinfo) : NULL;
    return uri != NULL && download_recognise(uri) ? uri : NULL;
}

static int dissect_document(dissector_handle_t stock, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    const char *uri = download_of(pinfo, data);
    int used = uri == NULL ? 0 : call_dissector_only(download_handle, tvb, pinfo, tree, wmem_strdup(pinfo->pool, uri));
    return used > 0 ? used : call_dissector_only(stock, tvb, pinfo, tree, data);
}

/* name, media type, dissector */
#define MEDIA_TYPES(X)                                                                                                 \
    X(multipart, "multipart/mixed", dissect_multipart)                                                                 \
    X(xml, "text/xml", dissect_document)                                                                               \
    X(application_xml, "application/xml", dissect_document)                                                            \
    X(plain, "text/plain", dissect_document)                                                                           \
    X(html, "text/html", dissect_document)

#define X(name, type, dissector)                                                                                       \
    static dissector_handle_t stock_##name;                                                                            \
    static int dissect_##name##_type(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)                  \
    {                                                                                                                  \
        return dissector(stock_##name, tvb, pinfo, tree, data);                                                        \
    }
MEDIA_TYPES(X)
#undef X

static const struct media_type {
    const char *name, *id, *title; /* media type; of its dissector */
    dissector_handle_t *stock;
    dissector_t dissector;
} TYPES[] = {
#define X(name, type, dissector) {type, "ccm_" #name, "CCM in " type, &stock_##name, dissect_##name##_type},
    MEDIA_TYPES(X)
#undef X
};

/* Bodies of any other type, or of none. */
static ws_bool find_document(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    const char *uri = download_of(pinfo, data);
    return uri != NULL && download_dissect(tvb, pinfo, tree, uri) > 0;
}

/* ---- Registration ---- */

static void register_protocol(void)
{
    proto_ccm = proto_register_protocol("Configuration Manager", "CCM", "ccm");
    proto_hook = proto_register_protocol_in_name_only("Configuration Manager in HTTP", "CCM in HTTP", "ccm_http",
                                                      proto_ccm, FT_PROTOCOL);
    ccm_handle = register_dissector("ccm", dissect_message, proto_ccm);
    download_handle = create_dissector_handle(dissect_download, proto_ccm);
    show_register(proto_ccm);
    message_register(proto_ccm);
    http_register();
    statistics_register();
    upload_register();
    module_t *preferences = prefs_register_protocol(proto_ccm, NULL);
    keys_register(preferences);
    track_register(preferences);
}

static void hand_off(void)
{
    dissector_table_t table = find_dissector_table("media_type");
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        *TYPES[i].stock = dissector_get_string_handle(table, TYPES[i].name);
        if (*TYPES[i].stock == NULL)
            continue;
        /* dissector_change_string would be undone when Wireshark loads the user's "Decode As" settings. */
        dissector_delete_string("media_type", TYPES[i].name, *TYPES[i].stock);
        dissector_add_string("media_type", TYPES[i].name,
                             create_dissector_handle_with_name_and_description(TYPES[i].dissector, proto_hook,
                                                                               TYPES[i].id, TYPES[i].title));
    }
    heur_dissector_add("http", find_document, "Configuration Manager policies and lists", "ccm_http", proto_ccm,
                       HEURISTIC_ENABLE);
    http_hand_off();
    statistics_hand_off();
}

void plugin_register(void)
{
    static proto_plugin plugin = {register_protocol, hand_off};
    proto_register_plugin(&plugin);
}
