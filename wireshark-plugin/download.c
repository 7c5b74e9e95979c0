/* wireshark-plugin/download.c: policies and lists of the management point (wire.md 1.6, 7): see plugin.h.
 *
 *   GET /SMS_MP/.sms_pol?{id}.3_00   ->  a policy: XML, or a CMS envelope for the client that holds XML
 *   GET /SMS_MP/.sms_aut?MPLIST      ->  a list, a certificate or a key: XML, or hex digits
 *
 * Secret values of policies are only obfuscated. So a policy that holds some is shown without them, unless the
 * preference ccm.show_secrets asks for them.
 */
#include "dissect/configmgr/policy.h"
#include "wireshark-plugin/show.h"

#define POLICY ".sms_pol?"
#define LIST ".sms_aut?"
#define POLICY_TEXT_MAX ((size_t)16 << 20) /* of a policy that is shown without its secrets */

static const char *query_of(const char *uri, const char *service)
{
    size_t at;
    return text_find_like(text_of(uri), service, &at) ? uri + at + strlen(service) : NULL;
}

bool download_recognise(const char *uri)
{
    return query_of(uri, POLICY) != NULL || query_of(uri, LIST) != NULL;
}

/* "%7Bid%7D.3_00" -> "{id}" and "3.00" (wire.md 1.7) */
static void name_of(const struct shown *shown, const char *query, struct text *id, struct text *version)
{
    char *name = g_uri_unescape_string(query, NULL);
    char *copy = wmem_strdup(shown->pinfo->pool, name == NULL ? query : name);
    g_free(name);
    if (!g_utf8_validate(copy, -1, NULL))
        copy = wmem_strdup(shown->pinfo->pool, query);
    char *dot = strrchr(copy, '.');
    *id = text_of(copy);
    *version = TEXT_NULL;
    if (dot == NULL)
        return;
    *dot = '\0';
    *id = text_of(copy);
    *version = text_of(g_strdelimit(dot + 1, "_", '.'));
}

/* ---- Policies ---- */

static void add_secrets(proto_tree *tree, const struct shown *shown, const struct ccm_policy *policy)
{
    size_t count = policy->secret_count < CCM_SECRETS_MAX ? policy->secret_count : CCM_SECRETS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct ccm_secret *secret = &policy->secrets[i];
        const char *name = wmem_strdup_printf(shown->pinfo->pool, "%s.%s", show_copy(shown, secret->class_name),
                                              show_copy(shown, secret->name));
        proto_item *item = show_result(tree, hf_secret, shown, text_of(name));
        proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_SECRET]);
        show_result(branch, hf_secret_obfuscation, shown, text_of(secret->obfuscation));
        show_number(branch, hf_secret_bytes, shown, (struct place){shown->tvb, 0, 0}, secret->bytes);
        if (preference_show_secrets)
            show_result(branch, hf_secret_value, shown, secret->value);
    }
}

static struct text readable(struct ccm_decoder *decoder, struct cursor body)
{
    const char *encoding;
    bool odd;
    struct text text = ccm_text_decode(body, &decoder->arena, &encoding, &odd);
    while (text.length > 0 && text.at[text.length - 1] == '\0')
        text.length--;
    return text;
}

/* The text as it may be shown, as a tab that goes on to the XML dissector. */
static void add_text(proto_tree *tree, const struct shown *shown, struct ccm_policy *policy)
{
    struct buffer hidden;
    struct text text = policy->text;
    bool hide = policy->has_secret && !preference_show_secrets;
    buffer_init(&hidden, POLICY_TEXT_MAX);
    if (hide && policy->document.root != NULL && ccm_policy_print_hidden(policy, &hidden))
        text = text_from(buffer_cursor(&hidden));
    else if (hide)
        text = TEXT_NULL;
    if (text.length > 0) {
        tvbuff_t *source = show_source(shown, text_cursor(text), hide ? "Policy (secrets hidden)" : "Policy (UTF-8)");
        statistics_follow(shown->pinfo, source);
        show_text(tree, hf_body_text, shown, (struct place){source, 0, -1}, text);
        show_hand_on(NULL, "xml", source, shown->pinfo, tree);
        statistics_export(shown->pinfo, "policy", query_of(shown->uri, POLICY), "xml", text_cursor(text));
    }
    buffer_free(&hidden);
}

static bool is_refusal(struct text text)
{
    size_t at;
    return text_starts_like(text_trim(text), "<HTML") && text_find_like(text, "ERROR", &at);
}

/* What is in an envelope, into *bytes; its layers are tabs unless they hold secrets. Returns whether it was opened. */
static bool add_enveloped(proto_tree *tree, const struct shown *shown, struct cursor *bytes, struct ccm_policy *policy)
{
    struct ccm_decoder *decoder = track_decoder();
    struct ccm_envelopes envelopes;
    ccm_envelopes_read(decoder->keys, *bytes, true, &decoder->arena, &envelopes);
    if (envelopes.opened && ccm_payload_classify(envelopes.inside) == CCM_PAYLOAD_TEXT)
        ccm_policy_read(decoder, readable(decoder, envelopes.inside), preference_show_secrets, policy);
    if (envelopes.count > 0)
        show_result(tree, hf_cipher, shown, envelopes.items[0]->cipher);
    show_flag(tree, hf_decrypted, shown, envelopes.opened);
    content_add_envelopes(tree, shown, &envelopes, policy->has_secret && !preference_show_secrets);
    show_hand_on("ber.syntax", "ContentInfo", shown->tvb, shown->pinfo, tree);
    if (envelopes.opened)
        *bytes = envelopes.inside;
    return envelopes.opened;
}

/* The hashes of the policy before it was encrypted: those are what assignments tell. `readable`: these bytes are it. */
static void add_hashes(proto_tree *tree, const struct shown *shown, const struct policy_frames *frames,
                       struct cursor bytes, bool readable_body)
{
    static const enum ccm_hash kinds[CCM_POLICY_HASHES] = {CCM_MD5, CCM_SHA1, CCM_SHA256};
    struct ccm_decoder *decoder = track_decoder();
    struct text bodies[CCM_POLICY_HASHES];
    for (size_t i = 0; i < CCM_POLICY_HASHES; i++) {
        uint8_t digest[CCM_HASH_BYTES_MAX];
        size_t length = ccm_hash(decoder->keys, kinds[i], bytes, digest);
        bodies[i] = length == 0 ? TEXT_NULL : text_hex(&decoder->arena, cursor_of(digest, length));
    }
    show_result(tree, hf_policy_sha256, shown, bodies[2]);
    if (frames == NULL)
        return;
    const struct text named[2] = {text_of(frames->hashes[0]), text_of(frames->hashes[1])};
    int same = ccm_policy_compare(named, bodies);
    if (same < 0 || (same == 0 && !readable_body))
        return;
    show_flag(tree, hf_policy_hash_ok, shown, same == 1);
    if (same == 0)
        message_add_finding(tree, shown, &(struct ccm_finding){"C52", "rule", text_of(CCM_FINDING_POLICY_HASH)});
}

/* Returns the kind of the body. */
static const char *add_policy_body(proto_tree *tree, const struct shown *shown, const struct policy_frames *frames,
                                   struct cursor bytes)
{
    struct ccm_decoder *decoder = track_decoder();
    struct ccm_policy *policy = wmem_new0(shown->pinfo->pool, struct ccm_policy);
    const char *kind = "unknown";
    bool readable_body = true;
    if (bytes.left == 0)
        return "empty";
    if (ccm_payload_classify(bytes) == CCM_PAYLOAD_CMS) {
        kind = "secret-cms";
        readable_body = add_enveloped(tree, shown, &bytes, policy);
    } else if (ccm_payload_classify(bytes) == CCM_PAYLOAD_TEXT) {
        struct text text = readable(decoder, bytes);
        kind = is_refusal(text) ? "error" : "clear";
        readable_body = !is_refusal(text);
        ccm_policy_read(decoder, text, preference_show_secrets, policy);
    }
    add_hashes(tree, shown, frames, bytes, readable_body);
    if (policy->text.at == NULL)
        return kind;
    show_flag(tree, hf_policy_has_secret, shown, policy->has_secret);
    add_secrets(tree, shown, policy);
    add_text(tree, shown, policy);
    return kind;
}

static void add_policy(proto_tree *tree, proto_item *item, const struct shown *shown, const char *query,
                       struct cursor bytes)
{
    struct text id, version;
    name_of(shown, query, &id, &version);
    const char *name = wmem_strdup_printf(shown->pinfo->pool, "%s %s", show_copy(shown, id), show_copy(shown, version));
    proto_item_append_text(item, ", policy %s", name);
    show_result(tree, hf_policy, shown, text_of(name));
    show_result(tree, hf_policy_id, shown, id);
    show_result(tree, hf_policy_version, shown, version);
    const struct policy_frames *frames = track_downloaded(shown->pinfo, id, version);
    if (frames != NULL)
        show_frame(tree, hf_policy_assigned_in, shown, frames->assigned);
    const char *kind = add_policy_body(tree, shown, frames, bytes);
    show_result(tree, hf_policy_body, shown, text_of(kind));
    col_clear(shown->pinfo->cinfo, COL_INFO);
    col_append_fstr(shown->pinfo->cinfo, COL_INFO, "Policy %s, %s", name, kind);
}

/* ---- Lists ---- */

static void add_list(proto_tree *tree, proto_item *item, const struct shown *shown, const char *query,
                     struct cursor bytes)
{
    struct ccm_decoder *decoder = track_decoder();
    struct xml_document document = {0};
    proto_item_append_text(item, ", %s", query);
    show_result(tree, hf_list, shown, text_of(query));
    struct text text = text_trim(readable(decoder, bytes));
    bool parsed = text.length > 0 && xml_parse(text, &decoder->arena, &document, NULL) == OUTCOME_OK;
    if (parsed && document.root != NULL) {
        tvbuff_t *source = show_source(shown, text_cursor(text), "List (UTF-8)");
        statistics_follow(shown->pinfo, source);
        show_text(tree, hf_root, shown, (struct place){source, 0, -1}, document.root->name);
        document_add(tree, shown, source, text, &document);
    } else {
        show_text(tree, hf_body_text, shown, (struct place){shown->tvb, 0, -1}, text);
    }
    col_clear(shown->pinfo->cinfo, COL_INFO);
    col_append_fstr(shown->pinfo->cinfo, COL_INFO, "Management point %s", query);
}

int download_dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *uri)
{
    guint length = tvb_captured_length(tvb);
    struct cursor bytes = cursor_of(length == 0 ? NULL : tvb_get_ptr(tvb, 0, (int)length), length);
    struct shown shown = {.tvb = tvb, .pinfo = pinfo, .uri = uri};
    struct ccm_decoder *decoder = track_decoder();
    const char *policy = query_of(uri, POLICY), *list = query_of(uri, LIST);
    if (decoder == NULL)
        return 0;
    arena_reset(&decoder->arena);
    proto_item *item = proto_tree_add_item(tree, proto_ccm, tvb, 0, -1, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_CCM]);
    show_result(branch, hf_uri, &shown, text_of(uri));
    if (policy != NULL)
        add_policy(branch, item, &shown, policy, bytes);
    else if (list != NULL)
        add_list(branch, item, &shown, list, bytes);
    col_set_str(pinfo->cinfo, COL_PROTOCOL, "CCM");
    return (int)length;
}
