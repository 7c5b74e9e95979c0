/* wireshark-plugin/content.c: envelopes, payload, attachments and body of a message: see plugin.h. */
#include "dissect/configmgr/attachment.h"
#include "wireshark-plugin/show.h"

/* ---- Envelopes ---- */

static void add_recipient(proto_tree *tree, const struct shown *shown, const struct ccm_recipient *recipient)
{
    const char *name =
        recipient->ski.at != NULL
            ? wmem_strdup_printf(shown->pinfo->pool, "key %s", show_copy(shown, recipient->ski))
            : wmem_strdup_printf(shown->pinfo->pool, "%s, serial number %s", show_copy(shown, recipient->issuer),
                                 show_copy(shown, recipient->serial));
    proto_item *item = show_result(tree, hf_recipient, shown, text_of(name));
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_RECIPIENT]);
    show_result(branch, hf_recipient_transport, shown, recipient->key_transport);
    show_flag(branch, hf_recipient_opens, shown, recipient->opens);
}

void content_add_envelopes(proto_tree *tree, const struct shown *shown, const struct ccm_envelopes *envelopes,
                           bool hide_innermost)
{
    for (size_t i = 0; i < envelopes->count; i++) {
        const struct ccm_envelope *envelope = envelopes->items[i];
        struct text cipher = envelope->cipher.at == NULL ? TEXT("(not known)") : envelope->cipher;
        proto_item *item = show_result(tree, hf_envelope, shown, cipher);
        proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_ENVELOPE]);
        show_number(branch, hf_envelope_bytes, shown, (struct place){shown->tvb, 0, 0}, envelope->content_bytes);
        size_t count = envelope->recipient_count < CCM_RECIPIENTS_MAX ? envelope->recipient_count : CCM_RECIPIENTS_MAX;
        for (size_t j = 0; j < count; j++)
            add_recipient(branch, shown, &envelope->recipients[j]);
        show_result(branch, hf_envelope_problem, shown, envelope->problem);
        if (envelope->plain.left > 0 && !(hide_innermost && i + 1 == envelopes->count))
            show_source(shown, envelope->plain, i == 0 ? "Decrypted" : "Decrypted, inner layer");
    }
}

/* ---- Payload ---- */

static void add_payload(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    if (!message->has_payload)
        return;
    struct place place = place_in(shown->tvb, message->source.body, text_from(message->payload_part));
    proto_item *item = proto_tree_add_item(tree, hf_payload, shown->tvb, place.offset, place.length, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_PAYLOAD]);
    proto_item_append_text(item, " (%d bytes)", place.length);
    show_result(branch, hf_cipher, shown, message->cipher);
    if (message->encrypted)
        show_flag(branch, hf_decrypted, shown, message->decrypted);
    content_add_envelopes(branch, shown, &message->envelopes, false);
    if (message->envelopes.count > 0)
        show_hand_on("ber.syntax", "ContentInfo", tvb_new_subset_length(shown->tvb, place.offset, place.length),
                     shown->pinfo, branch);
    if (!message->compressed || !message->has_plain || message->plain.left == 0)
        return;
    tvbuff_t *plain = show_source(shown, message->plain, "Decompressed payload");
    proto_item_set_generated(
        proto_tree_add_uint(branch, hf_inflated, plain, 0, (gint)message->plain.left, (guint32)message->plain.left));
}

/* ---- Attachments ---- */

static void add_attachment(proto_tree *tree, const struct shown *shown, struct ccm_attachment *attachment,
                           size_t number)
{
    if (attachment->bytes.left == 0 || attachment->kind == CCM_ATTACHMENT_BODY ||
        attachment->kind == CCM_ATTACHMENT_REPEATED)
        return;
    bool text = attachment->text.at != NULL && attachment->text.length > 0;
    const char *name = wmem_strdup_printf(shown->pinfo->pool, "Attachment %zu", number);
    tvbuff_t *source = show_source(shown, text ? text_cursor(attachment->text) : attachment->bytes, name);
    proto_tree *branch = show_branch(tree, shown, (struct place){source, 0, -1}, SUBTREE_ATTACHMENT, name);
    show_text(branch, hf_attachment_kind, shown, (struct place){source, 0, -1},
              text_of(ccm_attachment_kind_name(attachment->kind)));
    if (attachment->document.root == NULL)
        return;
    show_text(branch, hf_attachment_root, shown, (struct place){source, 0, -1}, attachment->document.root->name);
    document_add(branch, shown, source, attachment->text, &attachment->document);
}

/* ---- Body ---- */

static void add_body(proto_tree *tree, const struct shown *shown)
{
    struct ccm_message *message = shown->message;
    if (message->body.at == NULL || message->body.length == 0)
        return;
    tvbuff_t *text = show_source(shown, text_cursor(message->body), "Body (UTF-8)");
    statistics_follow(shown->pinfo, text);
    proto_item *item = proto_tree_add_item(tree, hf_body, text, 0, -1, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_BODY]);
    if (message->root.at != NULL)
        proto_item_append_text(item, ": %s", show_copy(shown, message->root));
    show_text(branch, hf_root, shown, (struct place){text, 0, -1}, message->root);
    show_text(branch, hf_body_text, shown, (struct place){text, 0, -1}, message->body);
    if (message->document.root != NULL)
        document_add(branch, shown, text, message->body, &message->document);
    document_add_certificate(branch, shown, "signing", message->registration_signing);
    document_add_certificate(branch, shown, "encryption", message->registration_encryption);
}

void content_add(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_attachments *attachments = &shown->message->attachments;
    add_payload(tree, shown);
    add_body(tree, shown);
    for (size_t i = 0; i < attachments->count; i++)
        add_attachment(tree, shown, &attachments->items[i], i + 1);
}
