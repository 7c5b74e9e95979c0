/* wireshark-plugin/plugin.c: ConfigMgr messages in Wireshark: protocol "ccm".
 *
 * Wireshark's HTTP dissector hands multipart/mixed bodies to the dissector of that media type. The plugin takes its
 * place, lets it do its work first, and adds a tree of its own only when the body is a ConfigMgr message: so other
 * people's multipart bodies look as ever. The decoder is that of the program (dissect/configmgr/).
 *
 * BITS uploads use the method BITS_POST, which that dissector does not know: on its ports a request that begins so is
 * handed on without its first five bytes, as POST.
 */
#include "wireshark-plugin/plugin.h"

#include <epan/dissectors/packet-http.h>
#include <epan/prefs.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT const char plugin_version[] = PLUGIN_VERSION;
EXPORT const int plugin_want_major = WIRESHARK_MAJOR;
EXPORT const int plugin_want_minor = WIRESHARK_MINOR;
EXPORT void plugin_register(void);
PLUGIN_DESCRIBE

int proto_ccm = -1;

static int proto_bits = -1;
static dissector_handle_t stock_multipart; /* what Wireshark itself does with multipart/mixed */
static dissector_handle_t stock_http;

/* ---- Messages ---- */

/* "Policy request GUID:..., signed, valid SHA-256" */
static void tell(packet_info *pinfo, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    col_set_str(pinfo->cinfo, COL_PROTOCOL, "CCM");
    col_clear(pinfo->cinfo, COL_INFO);
    struct text endpoint = message->endpoint_name, root = message->root, client = message->header.source_id;
    col_append_sep_fstr(pinfo->cinfo, COL_INFO, " ", "%.*s %s", endpoint.at == NULL ? 7 : (int)endpoint.length,
                        endpoint.at == NULL ? "Message" : endpoint.at, message->source.reply ? "reply" : "request");
    if (root.at != NULL)
        col_append_sep_fstr(pinfo->cinfo, COL_INFO, ", ", "%.*s", (int)root.length, root.at);
    if (client.at != NULL)
        col_append_sep_fstr(pinfo->cinfo, COL_INFO, ", ", "%.*s", (int)client.length, client.at);
    const struct ccm_signature *signature = &message->payload_signature;
    if (signature->state == CCM_SIGNATURE_ABSENT) /* a registration carries its signature inside */
        signature = &message->registration_signature;
    if (signature->state != CCM_SIGNATURE_ABSENT)
        col_append_sep_fstr(pinfo->cinfo, COL_INFO, ", ", "signature %s%s%s",
                            ccm_signature_state_name(signature->state), signature->hash == NULL ? "" : " ",
                            signature->hash == NULL ? "" : signature->hash);
    else if (message->header.document.root != NULL && !message->source.reply)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", "unsigned");
    if (message->encrypted)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", "encrypted");
    if (message->malformed.at != NULL)
        col_append_sep_str(pinfo->cinfo, COL_INFO, ", ", "malformed");
}

static int dissect_multipart(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    int used = call_dissector_only(stock_multipart, tvb, pinfo, tree, data);
    guint length = tvb_captured_length(tvb);
    struct cursor body = cursor_of(length == 0 ? NULL : tvb_get_ptr(tvb, 0, (int)length), length);
    const http_message_info_t *http = data;
    struct text type = text_of(http == NULL ? NULL : http->media_str);
    if (!ccm_message_recognise(body, type))
        return used;
    struct ccm_source source = {
        .body = body,
        .content_type = TEXT_NULL, /* the body shows its boundary itself */
        .reply = http != NULL && http->type == HTTP_RESPONSE,
        .secure = proto_is_frame_protocol(pinfo->layers, "tls"),
        .truncated = length < tvb_reported_length(tvb),
    };
    struct ccm_message message;
    const struct remembered *remembered = track_decode(pinfo, &source, &message);
    if (remembered == NULL)
        return used;
    struct shown shown = {.tvb = tvb, .pinfo = pinfo, .message = &message, .remembered = remembered};
    tree_add(tree, &shown);
    tell(pinfo, &shown);
    statistics_queue(pinfo, &shown);
    return used;
}

/* ---- BITS uploads ---- */

#define BITS_PREFIX 5 /* of BITS_POST */

static int dissect_bits(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    pinfo->can_desegment = pinfo->saved_can_desegment; /* this call in between does not count */
    if (tvb_strneql(tvb, 0, "BITS_POST ", BITS_PREFIX + 5) != 0)
        return call_dissector_only(stock_http, tvb, pinfo, tree, data);
    int used = call_dissector_only(stock_http, tvb_new_subset_remaining(tvb, BITS_PREFIX), pinfo, tree, data);
    if (pinfo->desegment_len != 0 && pinfo->desegment_offset > 0)
        pinfo->desegment_offset += BITS_PREFIX;
    col_append_str(pinfo->cinfo, COL_INFO, " (BITS_POST)");
    return used == 0 ? 0 : used + BITS_PREFIX;
}

/* ---- Registration ---- */

static void register_protocol(void)
{
    proto_ccm = proto_register_protocol("Configuration Manager message", "CCM", "ccm");
    proto_bits = proto_register_protocol("HTTP with BITS uploads", "HTTP/BITS", "bits");
    tree_register(proto_ccm);
    statistics_register();
    module_t *module = prefs_register_protocol(proto_ccm, NULL);
    prefs_register_directory_preference(module, "keys", "Folder with keys",
                                        "Certificates and keys that verify signatures: PEM or DER, any name",
                                        &preference_keys);
    track_register();
}

static void hand_off(void)
{
    stock_multipart = dissector_get_string_handle(find_dissector_table("media_type"), "multipart/mixed");
    if (stock_multipart == NULL)
        return;
    /* dissector_change_string would be undone when Wireshark loads the user's "Decode As" settings. */
    dissector_delete_string("media_type", "multipart/mixed", stock_multipart);
    dissector_add_string("media_type", "multipart/mixed", create_dissector_handle(dissect_multipart, proto_ccm));

    stock_http = find_dissector("http-over-tcp");
    dissector_table_t ports = find_dissector_table("tcp.port");
    if (stock_http == NULL || dissector_get_uint_handle(ports, 80) != stock_http)
        return;
    dissector_delete_uint("tcp.port", 80, stock_http);
    dissector_add_uint("tcp.port", 80, create_dissector_handle(dissect_bits, proto_bits));
}

void plugin_register(void)
{
    static proto_plugin plugin = {register_protocol, hand_off};
    proto_register_plugin(&plugin);
}
