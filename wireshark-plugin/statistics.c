/* wireshark-plugin/statistics.c: the statistics tree (-z ccm,tree), response times (-z ccm,srt), objects to export, and what Follow
 * shows: see plugin.h. */
#include <epan/export_object.h>
#include <epan/follow.h>
#include <epan/srt_table.h>
#include <epan/stats_tree.h>
#include <epan/tap.h>
#include <epan/to_str.h>

#include "wireshark-plugin/plugin.h"

#define ROOT_NAME "ConfigMgr messages"
#define NAME_MAX_LENGTH 64 /* of an exported file */

static int tap_ccm = -1, tap_export = -1, tap_follow = -1;
static int root_node = -1;

static const char *text_copy_of(packet_info *pinfo, struct text text)
{
    return text.at == NULL ? NULL : wmem_strndup(pinfo->pool, text.at, text.length);
}

void statistics_queue(packet_info *pinfo, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    if (message->body.at != NULL && message->body.length > 0)
        statistics_export(pinfo, text_copy_of(pinfo, message->header.source_id),
                          message->root.at == NULL ? "body" : text_copy_of(pinfo, message->root), "xml",
                          text_cursor(message->body));
    if (!have_tap_listener(tap_ccm))
        return;
    struct tapped *tapped = wmem_new0(pinfo->pool, struct tapped);
    tapped->endpoint = text_copy_of(pinfo, message->endpoint_name);
    tapped->root = text_copy_of(pinfo, message->root);
    tapped->client = text_copy_of(pinfo, message->header.source_id);
    tapped->signature = ccm_signature_state_name(shown->remembered->payload.state);
    tapped->remembered = shown->remembered;
    tapped->reply = message->source.reply;
    tapped->is_signed = message->is_signed;
    tapped->compressed = message->compressed;
    tapped->encrypted = message->encrypted;
    tapped->malformed = message->malformed.at != NULL;
    tap_queue_packet(tap_ccm, pinfo, tapped);
}

/* ---- -z ccm,tree ---- */

static void tree_init(stats_tree *tree)
{
    root_node = stats_tree_create_node(tree, ROOT_NAME, 0, STAT_DT_INT, TRUE);
}

static tap_packet_status tree_packet(stats_tree *tree, packet_info *pinfo, epan_dissect_t *edt, const void *data,
                                     tap_flags_t flags)
{
    const struct tapped *tapped = data;
    (void)edt, (void)flags;
    tick_stat_node(tree, ROOT_NAME, 0, TRUE);
    int node = tick_stat_node(tree, "Endpoints", root_node, TRUE);
    node = tick_stat_node(tree, tapped->endpoint == NULL ? "(not known)" : tapped->endpoint, node, TRUE);
    node = tick_stat_node(tree, tapped->reply ? "Replies" : "Requests", node, TRUE);
    if (tapped->root != NULL)
        tick_stat_node(tree, tapped->root, node, FALSE);
    node = tick_stat_node(tree, "Payload signatures", root_node, TRUE);
    tick_stat_node(tree, tapped->signature, node, FALSE);
    if (tapped->remembered->registration.state != CCM_SIGNATURE_ABSENT) {
        node = tick_stat_node(tree, "Registration signatures", root_node, TRUE);
        const char *state = ccm_signature_state_name(tapped->remembered->registration.state);
        tick_stat_node(tree, wmem_strdup_printf(pinfo->pool, "registration: %s", state), node, FALSE);
    }
    node = tick_stat_node(tree, "Payloads", root_node, TRUE);
    tick_stat_node(tree, tapped->encrypted ? "encrypted" : tapped->compressed ? "compressed" : "plain", node, FALSE);
    if (!tapped->reply) {
        node = tick_stat_node(tree, "Clients", root_node, TRUE);
        node = tick_stat_node(tree, address_to_str(pinfo->pool, &pinfo->src), node, TRUE);
        tick_stat_node(tree, tapped->client == NULL ? "(no SourceID)" : tapped->client, node, FALSE);
    } else if (tapped->remembered->other != NULL) {
        nstime_t time;
        nstime_delta(&time, &tapped->remembered->time, &tapped->remembered->other->time);
        double milliseconds = nstime_to_msec(&time); /* of a capture out of order: anything */
        if (milliseconds >= 0 && milliseconds <= G_MAXINT)
            avg_stat_node_add_value_int(tree, "Response time (ms)", root_node, FALSE, (gint)milliseconds);
    }
    if (tapped->malformed)
        tick_stat_node(tree, "Malformed", root_node, FALSE);
    return TAP_PACKET_REDRAW;
}

/* ---- -z ccm,srt ---- */

static void srt_init(struct register_srt *srt, GArray *tables)
{
    (void)srt;
    init_srt_table("ConfigMgr response times", NULL, tables, 0, "Endpoint", "ccm.endpoint", NULL);
}

/* The row of an endpoint, which is made when it is seen first. */
static int srt_row(srt_stat_table *table, const char *endpoint)
{
    int row = 0;
    while (row < table->num_procs && strcmp(table->procedures[row].procedure, endpoint) != 0)
        row++;
    if (row == table->num_procs)
        init_srt_table_row(table, row, endpoint);
    return row;
}

static tap_packet_status srt_packet(void *context, packet_info *pinfo, epan_dissect_t *edt, const void *data,
                                    tap_flags_t flags)
{
    const srt_data_t *tables = context;
    const struct tapped *tapped = data;
    (void)edt, (void)flags;
    if (!tapped->reply || tapped->remembered->other == NULL)
        return TAP_PACKET_DONT_REDRAW;
    srt_stat_table *table = g_array_index(tables->srt_array, srt_stat_table *, 0);
    int row = srt_row(table, tapped->endpoint == NULL ? "(not known)" : tapped->endpoint);
    add_srt_table_data(table, row, &tapped->remembered->other->time, pinfo);
    return TAP_PACKET_REDRAW;
}

/* ---- Objects ---- */

/* What may be part of a file name everywhere. */
static void put_name(GString *name, const char *text)
{
    for (gsize i = 0; text != NULL && text[i] != '\0' && i < NAME_MAX_LENGTH; i++)
        g_string_append_c(name, g_ascii_isalnum(text[i]) || text[i] == '-' ? text[i] : '_');
}

struct exported {
    const char *host, *name, *type;
    const uint8_t *bytes;
    size_t length;
};

void statistics_export(packet_info *pinfo, const char *host, const char *name, const char *type, struct cursor bytes)
{
    if (!have_tap_listener(tap_export) || bytes.left == 0)
        return;
    struct exported *exported = wmem_new0(pinfo->pool, struct exported);
    exported->host = host == NULL ? "" : wmem_strdup(pinfo->pool, host);
    exported->name = wmem_strdup(pinfo->pool, name == NULL ? "" : name);
    exported->type = type;
    exported->bytes = wmem_memdup(pinfo->pool, bytes.at, bytes.left);
    exported->length = bytes.left;
    tap_queue_packet(tap_export, pinfo, exported);
}

static tap_packet_status export_packet(void *list, packet_info *pinfo, epan_dissect_t *edt, const void *data,
                                       tap_flags_t flags)
{
    export_object_list_t *objects = list;
    const struct exported *exported = data;
    (void)edt, (void)flags;
    GString *name = g_string_new(NULL);
    g_string_printf(name, "%u-", pinfo->num);
    put_name(name, exported->name);
    g_string_append_printf(name, ".%s", exported->type);
    export_object_entry_t *entry = g_new0(export_object_entry_t, 1);
    entry->pkt_num = pinfo->num;
    entry->hostname = g_strdup(exported->host);
    entry->content_type = g_strdup(strcmp(exported->type, "cer") == 0      ? "application/pkix-cert"
                                   : strcmp(exported->type, "upload") == 0 ? "application/octet-stream"
                                                                           : "text/xml");
    entry->filename = g_string_free(name, FALSE);
    entry->payload_len = exported->length;
    entry->payload_data = g_memdup2(exported->bytes, exported->length);
    objects->add_entry(objects->gui_data, entry);
    return TAP_PACKET_REDRAW;
}

/* ---- Follow ---- */

void statistics_follow(packet_info *pinfo, tvbuff_t *tvb)
{
    if (!have_tap_listener(tap_follow))
        return;
    guint length = tvb_captured_length(tvb);
    guint8 *line = wmem_alloc(pinfo->pool, length + 1);
    tvb_memcpy(tvb, line, 0, length);
    line[length] = '\n';
    tap_queue_packet(tap_follow, pinfo, tvb_new_child_real_data(tvb, line, length + 1, (gint)length + 1));
}

/* Connections are told apart as those of TCP are. */
void statistics_hand_off(void)
{
    register_follow_t *tcp = get_follow_by_name("TCP");
    if (tcp != NULL)
        FOLLOW_AS(tcp, proto_ccm, "ccm_follow", follow_tvb_tap_listener);
}

void statistics_register(void)
{
    tap_follow = register_tap("ccm_follow");
    tap_ccm = register_tap("ccm");
    tap_export = register_export_object(proto_ccm, export_packet, NULL);
    register_srt_table(proto_ccm, NULL, 1, srt_packet, srt_init, NULL);
    stats_tree_register_plugin("ccm", "ccm", "ConfigMgr" MENU_SEPARATOR "Messages", 0, tree_packet, tree_init, NULL);
}
