/* wireshark-plugin/http.c: see plugin.h.
 *
 * BITS uploads use the method BITS_POST, which Wireshark's HTTP dissector does not know: they are handed on without their
 * first five bytes, as POST. For that the plugin takes the place of the dissector on its ports, and of its heuristics.
 * Likewise, what requests for policies say in their headers is read there (token.c): the HTTP dissector hands on bodies only.
 */
#include <epan/conversation.h>
#include <epan/proto_data.h>

#include "wireshark-plugin/plugin.h"

#define BITS_METHOD "BITS_POST "
#define BITS_PREFIX 5   /* bytes before POST */
#define ALPN "tls.alpn" /* table of Wireshark */
#define HEAD_MAX 16384  /* bytes that are searched for headers; servers take no longer head */
#define REPLY "HTTP/1." /* begins a reply, and ends the first line of a request */
#define STATUS 9        /* where the status of a reply stands */
#define URI_KEY 1       /* of what is remembered of a frame; layers have higher numbers */

static int proto_bits = -1, proto_hook = -1, proto_http = -1;

/* HTTP in the clear, and in TLS. */
static struct carrier {
    const char *stock_name, *table, *heuristic;
    dissector_handle_t stock, own;
    heur_dissector_t stock_find; /* what the heuristic did before */
} carriers[] = {
    {"http-over-tcp", "tcp.port", "http_tcp", NULL, NULL, NULL},
    {"http-over-tls", "tls.port", "http_tls", NULL, NULL, NULL},
};

/* Ports of a table that belong to the stock dissector. */
struct ports {
    dissector_handle_t stock;
    GArray *found; /* of guint */
};

/* ---- Heads ---- */

/* The line at *at without its end; *at gets where the next one begins. */
static struct text next_line(struct text head, size_t *at)
{
    const char *start = head.at + *at, *end = memchr(start, '\n', head.length - *at);
    size_t length = end == NULL ? head.length - *at : (size_t)(end - start);
    *at += length + (end == NULL ? 0 : 1);
    return (struct text){start, length > 0 && start[length - 1] == '\r' ? length - 1 : length};
}

struct text http_head(tvbuff_t *tvb)
{
    guint length = tvb_captured_length(tvb);
    length = length < HEAD_MAX ? length : HEAD_MAX;
    struct text head = {length == 0 ? "" : (const char *)tvb_get_ptr(tvb, 0, (int)length), length};
    size_t at = 0;
    while (at < head.length && next_line(head, &at).length > 0)
        continue;
    return (struct text){head.at, at};
}

struct text http_first_line(struct text head)
{
    size_t at = 0;
    return next_line(head, &at);
}

struct text http_header_of(struct text head, const char *name)
{
    size_t at = 0;
    struct text line = next_line(head, &at);
    while (at < head.length && line.length > 0) {
        line = next_line(head, &at);
        if (text_starts_like(line, name))
            return text_trim((struct text){line.at + strlen(name), line.length - strlen(name)});
    }
    return TEXT_NULL;
}

/* ---- Requests and replies ---- */

static bool is_upload(tvbuff_t *tvb)
{
    return tvb_strneql(tvb, 0, BITS_METHOD, sizeof BITS_METHOD - 1) == 0;
}

static bool is_reply(tvbuff_t *tvb)
{
    return tvb_strneql(tvb, 0, REPLY, sizeof REPLY - 1) == 0;
}

/* Whether a request begins here: bytes in the middle of one do not count. */
static bool is_request(tvbuff_t *tvb)
{
    size_t found;
    return text_find_like(http_first_line(http_head(tvb)), " " REPLY, &found);
}

/* After all that these bytes hold was dissected; `before` is what track_count() was before. */
static void dissected(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, guint before)
{
    if (pinfo->desegment_len != 0)
        return;
    token_add(tvb, pinfo, tree);
    if (PINFO_FD_VISITED(pinfo) || track_count() != before || !track_waits(pinfo))
        return;
    bool interim = is_reply(tvb) && tvb_strneql(tvb, STATUS, "1", 1) == 0;
    if (!interim && (is_reply(tvb) || is_request(tvb)))
        track_other(pinfo, is_reply(tvb));
}

static int dissect_http(const struct carrier *carrier, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    pinfo->can_desegment = pinfo->saved_can_desegment; /* this call in between does not count */
    guint before = track_count();
    if (!is_upload(tvb)) {
        int all = call_dissector_only(carrier->stock, tvb, pinfo, tree, data);
        if (all > 0)
            dissected(tvb, pinfo, tree, before);
        return all;
    }
    int used = call_dissector_only(carrier->stock, tvb_new_subset_remaining(tvb, BITS_PREFIX), pinfo, tree, data);
    if (pinfo->desegment_len != 0 && pinfo->desegment_offset > 0)
        pinfo->desegment_offset += BITS_PREFIX;
    col_append_str(pinfo->cinfo, COL_INFO, " (BITS_POST)");
    if (used > 0 && pinfo->desegment_len == 0)
        upload_add(tvb, pinfo, tree);
    if (used > 0)
        dissected(tvb, pinfo, tree, before);
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

/* On other ports, and in TLS, Wireshark asks what the bytes look like. Its own answer for HTTP is taken, but uploads, which
 * it does not take for HTTP it can read, go another way. */
static bool find_http(const struct carrier *carrier, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (is_upload(tvb)) {
        dissect_http(carrier, tvb, pinfo, tree, data);
        return true;
    }
    guint before = track_count();
    if (!carrier->stock_find(tvb, pinfo, tree, data))
        return false;
    dissected(tvb, pinfo, tree, before);
    return true;
}

static ws_bool find_clear(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (!find_http(&carriers[0], tvb, pinfo, tree, data))
        return FALSE;
    conversation_set_dissector_from_frame_number(find_or_create_conversation(pinfo), pinfo->num, carriers[0].own);
    return TRUE;
}

static ws_bool find_in_tls(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return find_http(&carriers[1], tvb, pinfo, tree, data);
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

/* Ports of Wireshark's HTTP, which it sets anew when its preferences are read. */
static void note_port(const char *table, enum ftenum type, void *key, void *value, void *context)
{
    (void)table;
    (void)type;
    guint port = GPOINTER_TO_UINT(key);
    struct ports *ports = context;
    if (dtbl_entry_get_handle(value) == ports->stock)
        g_array_append_val(ports->found, port);
}

static void take_ports(const struct carrier *carrier)
{
    struct ports ports = {carrier->stock, g_array_new(FALSE, FALSE, sizeof(guint))};
    if (carrier->own != NULL)
        dissector_table_foreach(carrier->table, note_port, &ports);
    for (guint i = 0; i < ports.found->len; i++) {
        guint port = g_array_index(ports.found, guint, i);
        dissector_delete_uint(carrier->table, port, carrier->stock);
        dissector_add_uint(carrier->table, port, carrier->own);
    }
    g_array_free(ports.found, TRUE);
}

/* Of each capture, before its first packet. */
static void begin(void)
{
    for (size_t i = 0; i < array_length(carriers); i++)
        take_ports(&carriers[i]);
}

void http_register(void)
{
    proto_bits = proto_register_protocol("HTTP with BITS uploads", "HTTP/BITS", "bits");
    proto_hook = proto_register_protocol_in_name_only("HTTP, also with BITS uploads", "HTTP + BITS", "http_bits",
                                                      proto_bits, FT_PROTOCOL);
    register_init_routine(begin);
}

static void take_place(struct carrier *carrier, dissector_t dissector, heur_dissector_t find)
{
    carrier->stock = find_dissector(carrier->stock_name);
    if (carrier->stock == NULL || find_dissector_table(carrier->table) == NULL)
        return;
    carrier->own = create_dissector_handle(dissector, proto_hook);
    dissector_add_for_decode_as(carrier->table, carrier->own);
    /* One more heuristic would not do: Wireshark moves the one that matched last to the front. */
    heur_dtbl_entry_t *entry = find_heur_dissector_by_unique_short_name(carrier->heuristic);
    if (entry == NULL)
        return;
    carrier->stock_find = entry->dissector;
    entry->dissector = find;
}

/* TLS that says in its handshake (ALPN, RFC 7301) that it carries HTTP goes neither by port nor by what bytes look like. */
static void take_protocols(const struct carrier *carrier)
{
    static const char *const NAMES[] = {"http/1.1", "http/1.0"};
    dissector_table_t table = find_dissector_table(ALPN);
    for (size_t i = 0; table != NULL && carrier->own != NULL && i < array_length(NAMES); i++) {
        dissector_handle_t handle = dissector_get_string_handle(table, NAMES[i]);
        if (handle == NULL || handle != carrier->stock)
            continue;
        dissector_delete_string(ALPN, NAMES[i], handle);
        dissector_add_string(ALPN, NAMES[i], carrier->own);
    }
}

void http_hand_off(void)
{
    proto_http = proto_get_id_by_filter_name("http");
    take_place(&carriers[0], dissect_clear, find_clear);
    take_place(&carriers[1], dissect_in_tls, find_in_tls);
    take_protocols(&carriers[1]);
}
