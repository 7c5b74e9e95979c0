/* wireshark-plugin/token.c: the headers of a request that prove who asks (wire.md 1.5): see plugin.h.
 *
 *   GET /SMS_MP/.sms_pol?{id}.3_00 HTTP/1.1
 *   ClientToken: GUID:...;time;2
 *   ClientTokenSignature: hex
 */
#include "wireshark-plugin/show.h"

#define METHOD "GET "
#define PATH "/.sms_"
#define HEAD_MAX 16384 /* bytes that are searched; servers take no longer head */

static const struct {
    const char *token, *signature;
} NAMES[] = {{"ClientToken:", "ClientTokenSignature:"}, {"CCMClientID:", "CCMClientIDSignature:"}};

/* The line at *at without its end; *at gets where the next one begins. */
static struct text next_line(struct text head, size_t *at)
{
    const char *start = head.at + *at, *end = memchr(start, '\n', head.length - *at);
    size_t length = end == NULL ? head.length - *at : (size_t)(end - start);
    *at += length + (end == NULL ? 0 : 1);
    return (struct text){start, length > 0 && start[length - 1] == '\r' ? length - 1 : length};
}

/* The value of the first header with that name; TEXT_NULL when there is none. */
static struct text header_of(struct text head, const char *name)
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

static void add_part(proto_tree *tree, int field, tvbuff_t *tvb, struct text head, struct text part)
{
    if (part.at != NULL)
        proto_tree_add_item(tree, field, tvb, (int)(part.at - head.at), (int)part.length, ENC_UTF_8);
}

static void add(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, struct text head)
{
    struct text token = TEXT_NULL, hex = TEXT_NULL;
    for (size_t i = 0; i < array_length(NAMES) && token.at == NULL; i++) {
        token = header_of(head, NAMES[i].token);
        hex = header_of(head, NAMES[i].signature);
    }
    struct text client;
    const struct ccm_signature *signature = token.at == NULL ? NULL : track_token(pinfo, token, hex, &client);
    if (signature == NULL)
        return;
    struct shown shown = {.tvb = tvb, .pinfo = pinfo};
    const char *state = ccm_signature_state_name(signature->state);
    proto_item *item = proto_tree_add_item(tree, proto_ccm, tvb, 0, -1, ENC_NA);
    proto_item_append_text(item, ", client token");
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_CCM]);
    add_part(branch, hf_client_token, tvb, head, token);
    add_part(branch, hf_client_token_signature, tvb, head, hex);
    show_result(branch, hf_client_token_client, &shown, client);
    message_add_signature(branch, hf_token_signature, &shown, signature, true);
    col_append_fstr(pinfo->cinfo, COL_INFO, " (client token: signature %s)", state);
}

void token_add(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    size_t at = 0, found;
    if (tvb_strneql(tvb, 0, METHOD, sizeof METHOD - 1) != 0)
        return;
    guint length = tvb_captured_length(tvb);
    length = length < HEAD_MAX ? length : HEAD_MAX;
    struct text head = {(const char *)tvb_get_ptr(tvb, 0, (int)length), length};
    if (text_find_like(next_line(head, &at), PATH, &found))
        add(tvb, pinfo, tree, head);
}
