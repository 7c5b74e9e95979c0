/* wireshark-plugin/http.c: see plugin.h.
 *
 * BITS uploads use the method BITS_POST, which Wireshark's HTTP dissector does not know: on its ports, and wherever a
 * connection begins with a request of a ConfigMgr client, that is handed on without its first five bytes, as POST. Likewise, what requests
 * for policies say in their headers is read there (token.c): Wireshark's HTTP dissector hands on bodies only.
 */
#include <epan/conversation.h>
#include <epan/proto_data.h>

#include "wireshark-plugin/plugin.h"

#define BITS_METHOD "BITS_POST "
#define BITS_PREFIX 5 /* bytes before POST */
#define URI_KEY 1     /* of what is remembered of a frame; layers have higher numbers */

static int proto_bits = -1, proto_hook = -1, proto_http = -1;

/* HTTP in the clear, and in TLS. */
static struct carrier {
    const char *stock_name, *table;
    guint32 port;
    dissector_handle_t stock, own;
} carriers[] = {
    {"http-over-tcp", "tcp.port", 80, NULL, NULL},
    {"http-over-tls", "tls.port", 443, NULL, NULL},
};

static bool is_upload(tvbuff_t *tvb)
{
    return tvb_strneql(tvb, 0, BITS_METHOD, sizeof BITS_METHOD - 1) == 0;
}

static int dissect_http(const struct carrier *carrier, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    pinfo->can_desegment = pinfo->saved_can_desegment; /* this call in between does not count */
    if (!is_upload(tvb)) {
        int all = call_dissector_only(carrier->stock, tvb, pinfo, tree, data);
        if (all > 0 && pinfo->desegment_len == 0)
            token_add(tvb, pinfo, tree);
        return all;
    }
    int used = call_dissector_only(carrier->stock, tvb_new_subset_remaining(tvb, BITS_PREFIX), pinfo, tree, data);
    if (pinfo->desegment_len != 0 && pinfo->desegment_offset > 0)
        pinfo->desegment_offset += BITS_PREFIX;
    col_append_str(pinfo->cinfo, COL_INFO, " (BITS_POST)");
    return used == 0 ? 0 : used + BITS_PREFIX;
}

static int dissect_clear(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return dissect_http(&carriers[0], tvb, pinfo, tree, data);
}

static int dissect_in_tls(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return dissect_http(&carriers[1], tvb, pinfo, tree, data);
}

static bool is_of_client(tvbuff_t *tvb)
{
    static const char *const STARTS[] = {BITS_METHOD, "CCM_POST ", "GET /SMS_MP/", "GET /SMS_DP", "PROPFIND /SMS_DP"};
    for (size_t i = 0; i < array_length(STARTS); i++) {
        if (tvb_strneql(tvb, 0, STARTS[i], strlen(STARTS[i])) == 0)
            return true;
    }
    return false;
}

/* A connection on another port that begins with a request of a ConfigMgr client: not only with an upload, because when
 * Wireshark finds HTTP in one, it takes later ones to that server for HTTP without asking again. */
static ws_bool find_connection(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (!is_of_client(tvb) || carriers[0].own == NULL)
        return FALSE;
    conversation_set_dissector(find_or_create_conversation(pinfo), carriers[0].own);
    dissect_clear(tvb, pinfo, tree, data);
    return TRUE;
}

/* ---- What a reply was asked for ---- */

const char *http_uri_asked(packet_info *pinfo)
{
    guint32 key = URI_KEY + (guint32)pinfo->curr_layer_num;
    if (PINFO_FD_VISITED(pinfo))
        return p_get_proto_data(wmem_file_scope(), pinfo, proto_bits, key);
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    const http_conv_t *http = conversation == NULL ? NULL : conversation_get_proto_data(conversation, proto_http);
    const char *uri = http == NULL ? NULL : LAST_URI(http);
    if (uri == NULL || strstr(uri, "/.sms_") == NULL) /* no other is asked for */
        return NULL;
    char *copy = wmem_strdup(wmem_file_scope(), uri);
    p_add_proto_data(wmem_file_scope(), pinfo, proto_bits, key, copy);
    return copy;
}

/* ---- Registration ---- */

void http_register(void)
{
    proto_bits = proto_register_protocol("HTTP with BITS uploads", "HTTP/BITS", "bits");
    proto_hook = proto_register_protocol_in_name_only("HTTP, also with BITS uploads", "HTTP + BITS", "http_bits",
                                                      proto_bits, FT_PROTOCOL);
}

static void take_port(struct carrier *carrier, dissector_t dissector)
{
    dissector_table_t ports = find_dissector_table(carrier->table);
    carrier->stock = find_dissector(carrier->stock_name);
    if (carrier->stock == NULL || ports == NULL)
        return;
    carrier->own = create_dissector_handle(dissector, proto_hook);
    if (dissector_get_uint_handle(ports, carrier->port) != carrier->stock)
        return;
    dissector_delete_uint(carrier->table, carrier->port, carrier->stock);
    dissector_add_uint(carrier->table, carrier->port, carrier->own);
}

void http_hand_off(void)
{
    proto_http = proto_get_id_by_filter_name("http");
    take_port(&carriers[0], dissect_clear);
    take_port(&carriers[1], dissect_in_tls);
    if (carriers[1].own != NULL)
        dissector_add_for_decode_as("tls.port", carriers[1].own);
    if (carriers[0].own != NULL) {
        dissector_add_for_decode_as("tcp.port", carriers[0].own);
        heur_dissector_add("tcp", find_connection, "HTTP with BITS uploads", "bits_tcp", proto_bits, HEURISTIC_ENABLE);
    }
}
