/* wireshark-plugin/upload.c: uploads to a management point in packets of BITS ([MC-BUP]; wire.md 9): see plugin.h.
 *
 *   BITS_POST /CCM_Incoming/{id}/report.xml HTTP/1.1
 *   BITS-Packet-Type: Fragment
 *   BITS-Session-Id: {id}
 *   Content-Range: bytes 0-15999/70000
 *
 * The fragments of a session come one after the other; some come again. The last one shows what was uploaded.
 */
#include <epan/packet.h>
#include <epan/proto_data.h>
#include <epan/to_str.h>

#include "dissect/configmgr/attachment.h"
#include "dissect/configmgr/bits_range.h"
#include "wireshark-plugin/show.h"

#define INCOMING "/CCM_Incoming/"
#define UPLOAD_MAX (16U << 20) /* bytes of one that are kept */
#define UPLOAD_KEY 0x20000     /* of what is remembered of a frame: above the numbers of its layers */

/* What is known of a session. */
struct upload {
    guint8 *bytes;
    guint32 received, room, total; /* total: 0 when no fragment told it */
    guint32 complete_in;           /* frame; 0: not yet */
};

/* A request, by its headers. */
struct packet {
    struct text type, session, name, range;
    uint64_t start, length, total;
    bool ranged;
};

static wmem_map_t *uploads; /* "session server": struct upload */

void upload_register(void)
{
    uploads = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_str_hash, g_str_equal);
}

/* ---- Sessions ---- */

static struct upload *upload_of(packet_info *pinfo, struct text session)
{
    const char *name = wmem_strdup_printf(pinfo->pool, "%.*s %s", (int)session.length, session.at,
                                          address_to_str(pinfo->pool, &pinfo->dst));
    struct upload *upload = wmem_map_lookup(uploads, name);
    if (upload == NULL) {
        upload = wmem_new0(wmem_file_scope(), struct upload);
        wmem_map_insert(uploads, wmem_strdup(wmem_file_scope(), name), upload);
    }
    return upload;
}

static void make_room(struct upload *upload, guint32 length)
{
    if (length <= upload->room)
        return;
    upload->room = length < UPLOAD_MAX / 2 ? 2 * length : UPLOAD_MAX;
    upload->bytes = wmem_realloc(wmem_file_scope(), upload->bytes, upload->room);
}

/* Takes what is new in a fragment that joins on to what is there; another one is left. */
static void take(struct upload *upload, const struct packet *packet, struct cursor content, guint32 frame)
{
    bool fits = packet->ranged && packet->length == content.left && packet->total <= UPLOAD_MAX &&
                (upload->total == 0 || upload->total == packet->total);
    guint32 end = fits ? (guint32)(packet->start + packet->length) : 0;
    if (!fits || upload->complete_in != 0 || packet->start > upload->received || end <= upload->received)
        return;
    upload->total = (guint32)packet->total;
    make_room(upload, end);
    if (content.at != NULL && upload->bytes != NULL)
        memcpy(upload->bytes + packet->start, content.at, content.left);
    upload->received = end;
    if (upload->received == upload->total)
        upload->complete_in = frame;
}

/* ---- Reading a request ---- */

static struct packet read_packet(struct text head)
{
    struct packet packet = {.type = http_header_of(head, "BITS-Packet-Type:"),
                            .session = http_header_of(head, "BITS-Session-Id:"),
                            .name = http_header_of(head, "Content-Name:"),
                            .range = http_header_of(head, "Content-Range:")};
    packet.ranged =
        packet.range.at != NULL && bits_range_parse(packet.range, &packet.start, &packet.length, &packet.total);
    return packet;
}

/* ---- Showing ---- */

static void add_text(proto_tree *tree, int field, tvbuff_t *tvb, struct text head, struct text text)
{
    if (text.at != NULL)
        proto_tree_add_item(tree, field, tvb, (int)(text.at - head.at), (int)text.length, ENC_UTF_8);
}

/* What was uploaded: a tab, and as the message or document that it is, bare or compressed. */
static void add_content(proto_tree *tree, const struct shown *shown, struct cursor bytes)
{
    struct ccm_decoder *decoder = track_decoder();
    struct xml_document document = {0};
    const char *encoding;
    bool odd;
    if (decoder == NULL)
        return;
    tvbuff_t *source = show_source(shown, bytes, "Upload");
    show_number(tree, hf_upload_bytes, shown, (struct place){source, 0, (int)bytes.left}, bytes.left);
    arena_reset(&decoder->arena);
    if (ccm_payload_classify(bytes) == CCM_PAYLOAD_ZLIB &&
        ccm_inflate(&decoder->inflater, bytes, &bytes, NULL) == OUTCOME_OK)
        show_source(shown, bytes, "Decompressed upload");
    if (ccm_message_recognise(bytes, TEXT_NULL)) {
        show_hand_on(NULL, "ccm", show_source(shown, bytes, "Uploaded message"), shown->pinfo, tree);
        return;
    }
    if (ccm_payload_classify(bytes) != CCM_PAYLOAD_TEXT)
        return;
    struct text text = ccm_text_decode(bytes, &decoder->arena, &encoding, &odd);
    const char *nul = text.length == 0 ? NULL : memchr(text.at, '\0', text.length); /* which ends it */
    text = text_trim((struct text){text.at, nul == NULL ? text.length : (size_t)(nul - text.at)});
    if (text.length == 0 || text.at[0] != '<' || text.length > CCM_TREE_MAX ||
        xml_parse(text, &decoder->arena, &document, NULL) != OUTCOME_OK || document.root == NULL)
        return;
    source = show_source(shown, text_cursor(text), "Upload (UTF-8)");
    statistics_follow(shown->pinfo, source);
    show_text(tree, hf_root, shown, (struct place){source, 0, -1}, document.root->name);
    document_add(tree, shown, source, text, &document);
}

static void add(proto_tree *tree, const struct shown *shown, struct text head, const struct packet *packet,
                const struct upload *upload)
{
    packet_info *pinfo = shown->pinfo;
    proto_item *item = proto_tree_add_item(tree, proto_ccm, shown->tvb, 0, -1, ENC_NA);
    proto_item_append_text(item, ", upload");
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_CCM]);
    add_text(branch, hf_upload_type, shown->tvb, head, packet->type);
    add_text(branch, hf_upload_session, shown->tvb, head, packet->session);
    add_text(branch, hf_upload_name, shown->tvb, head, packet->name);
    add_text(branch, hf_upload_range, shown->tvb, head, packet->range);
    if (packet->type.at != NULL)
        col_append_fstr(pinfo->cinfo, COL_INFO, ", %s %s", show_copy(shown, packet->type),
                        show_copy(shown, packet->range));
    if (upload == NULL || upload->complete_in == 0)
        return;
    show_frame(branch, hf_upload_complete_in, shown, upload->complete_in);
    if (upload->complete_in != pinfo->num || !packet->ranged || packet->start + packet->length != upload->total)
        return;
    struct cursor bytes = cursor_of(upload->bytes, upload->total);
    statistics_export(pinfo, show_copy(shown, packet->session), show_copy(shown, packet->name), "upload", bytes);
    add_content(branch, shown, bytes);
    col_append_str(pinfo->cinfo, COL_INFO, ", upload complete");
}

/* From the headers and the content of a request, which are all there. */
void upload_add(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    struct text head = http_head(tvb);
    struct shown shown = {.tvb = tvb, .pinfo = pinfo};
    size_t found;
    if (!text_find_like(http_first_line(head), INCOMING, &found))
        return;
    struct packet packet = read_packet(head);
    guint32 key = UPLOAD_KEY + (guint32)pinfo->curr_layer_num;
    struct upload *upload = p_get_proto_data(wmem_file_scope(), pinfo, proto_ccm, key);
    if (upload == NULL && packet.session.length > 0 && !PINFO_FD_VISITED(pinfo)) {
        upload = upload_of(pinfo, packet.session);
        guint content = tvb_captured_length(tvb) - (guint)head.length;
        take(upload, &packet,
             cursor_of(content == 0 ? NULL : tvb_get_ptr(tvb, (int)head.length, (int)content), content), pinfo->num);
        p_add_proto_data(wmem_file_scope(), pinfo, proto_ccm, key, upload);
    }
    add(tree, &shown, head, &packet, upload);
}
