/* wireshark-plugin/token.c: the headers of a request that prove who asks (wire.md 1.5): see plugin.h.
 *
 *   GET /SMS_MP/.sms_pol?{id}.3_00 HTTP/1.1
 *   ClientToken: GUID:...;time;2
 *   ClientTokenSignature: hex
 */
#include "wireshark-plugin/show.h"

#define METHOD "GET "
#define PATH "/.sms_"

static const struct {
    const char *token, *signature;
} NAMES[] = {{"ClientToken:", "ClientTokenSignature:"}, {"CCMClientID:", "CCMClientIDSignature:"}};

static void add_part(proto_tree *tree, int field, tvbuff_t *tvb, struct text head, struct text part)
{
    if (part.at != NULL)
        proto_tree_add_item(tree, field, tvb, (int)(part.at - head.at), (int)part.length, ENC_UTF_8);
}

static void add(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, struct text head)
{
    struct text token = TEXT_NULL, hex = TEXT_NULL;
    for (size_t i = 0; i < array_length(NAMES) && token.at == NULL; i++) {
        token = http_header_of(head, NAMES[i].token);
        hex = http_header_of(head, NAMES[i].signature);
    }
    struct text client;
    const struct ccm_signature *signature = token.at == NULL ? NULL : track_token(pinfo, token, hex, &client);
    if (signature == NULL)
        return;
    struct shown shown = {.tvb = tvb, .pinfo = pinfo};
    proto_item *item = proto_tree_add_item(tree, proto_ccm, tvb, 0, -1, ENC_NA);
    proto_item_append_text(item, ", client token");
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_CCM]);
    add_part(branch, hf_client_token, tvb, head, token);
    add_part(branch, hf_client_token_signature, tvb, head, hex);
    show_result(branch, hf_client_token_client, &shown, client);
    message_add_signature(branch, hf_token_signature, &shown, signature, true);
    col_append_fstr(pinfo->cinfo, COL_INFO, ", client token %s", show_signature(signature->state));
}

void token_add(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    size_t found;
    if (tvb_strneql(tvb, 0, METHOD, sizeof METHOD - 1) != 0)
        return;
    struct text head = http_head(tvb);
    if (text_find_like(http_first_line(head), PATH, &found))
        add(tvb, pinfo, tree, head);
}
