/* wireshark-plugin/tree.c: a message as a tree: see plugin.h. */
#include <epan/expert.h>

#include "wireshark-plugin/plugin.h"

#define SHOWN_MAX 4096 /* bytes of a text in the tree; Wireshark cuts labels long before */

#define FIELD(variable, type, title, filter, help) static int hf_##variable = -1;
#define HEADER(member, title, filter, help) static int hf_##member = -1;
#include "wireshark-plugin/fields.def"
#undef FIELD
#undef HEADER

#define BASE_STRING BASE_NONE
#define BASE_UINT32 BASE_DEC
#define BASE_BOOLEAN BASE_NONE
#define BASE_FRAMENUM BASE_NONE
#define BASE_RELATIVE_TIME BASE_NONE
/* NOLINTNEXTLINE(bugprone-macro-parentheses): BASE_NONE_ would be another word */
#define BASE_OF(type) BASE_##type

static hf_register_info fields[] = {
#define FIELD(variable, type, title, filter, help)                                                                     \
    {&hf_##variable, {title, filter, FT_##type, BASE_OF(type), NULL, 0, help, HFILL}},
#define HEADER(member, title, filter, help) {&hf_##member, {title, filter, FT_STRING, BASE_NONE, NULL, 0, help, HFILL}},
#include "wireshark-plugin/fields.def"
#undef FIELD
#undef HEADER
};

/* Texts of the header. */
static const struct {
    int *field;
    size_t offset;
} HEADER_TEXTS[] = {
#define FIELD(variable, type, title, filter, help)
#define HEADER(member, title, filter, help) {&hf_##member, offsetof(struct ccm_header, member)},
#include "wireshark-plugin/fields.def"
#undef FIELD
#undef HEADER
};

/* Properties of the hook clientauth with a field of their own. */
static const struct {
    const char *name;
    int *field;
} PROPERTIES[] = {
    {"PublicKey", &hf_public_key},
    {"HashAlgorithm", &hf_hash_algorithm},
    {"ClientCapabilities", &hf_client_capabilities},
};

static int ett_ccm = -1, ett_header = -1, ett_hook = -1, ett_payload = -1, ett_body = -1, ett_signature = -1;
static int ett_finding = -1;

static expert_field ei_rule = EI_INIT, ei_advisory = EI_INIT, ei_signature = EI_INIT, ei_malformed = EI_INIT;
static ei_register_info experts[] = {
    {&ei_rule, {"ccm.finding.rule", PI_SECURITY, PI_WARN, "Departs from the message schema", EXPFILL}},
    {&ei_advisory, {"ccm.finding.advisory", PI_PROTOCOL, PI_NOTE, "Unusual for a message", EXPFILL}},
    {&ei_signature, {"ccm.signature.invalid", PI_SECURITY, PI_ERROR, "Signature is invalid", EXPFILL}},
    {&ei_malformed, {"ccm.malformed.expert", PI_MALFORMED, PI_ERROR, "Message cannot be decoded to its end", EXPFILL}},
};

static dissector_handle_t xml_handle;

void tree_register(int proto)
{
    static int *subtrees[] = {&ett_ccm, &ett_header, &ett_hook, &ett_payload, &ett_body, &ett_signature, &ett_finding};
    proto_register_field_array(proto, fields, array_length(fields));
    proto_register_subtree_array(subtrees, array_length(subtrees));
    expert_register_field_array(expert_register_protocol(proto), experts, array_length(experts));
}

/* ---- Where things stand in the packet ---- */

struct place {
    int offset, length;
};

static struct place place_of(const struct shown *shown, struct cursor part)
{
    const uint8_t *start = shown->message->source.body.at;
    if (part.at == NULL || part.at < start || part.at > start + shown->message->source.body.left)
        return (struct place){0, 0};
    return (struct place){(int)(part.at - start), (int)part.left};
}

/* A text of the header, which may be UTF-16 there; the whole header when it cannot be told. */
static struct place place_in_header(const struct shown *shown, struct text text)
{
    struct place place = place_of(shown, shown->message->header_part);
    size_t offset, length;
    if (ccm_header_locate(&shown->message->header, shown->message->header_part, text, &offset, &length))
        place = (struct place){place.offset + (int)offset, (int)length};
    return place;
}

static const char *copy_of(const struct shown *shown, struct text text)
{
    size_t length = text.length < SHOWN_MAX ? text.length : SHOWN_MAX;
    while (length > 0 && length < text.length && ((unsigned char)text.at[length] & 0xc0) == 0x80)
        length--; /* not in the middle of a character */
    return wmem_strndup(shown->pinfo->pool, text.at, length);
}

static proto_item *add_text(proto_tree *tree, int field, const struct shown *shown, struct place place,
                            struct text text)
{
    if (text.at == NULL)
        return NULL;
    return proto_tree_add_string(tree, field, shown->tvb, place.offset, place.length, copy_of(shown, text));
}

/* What was concluded, not read. */
static proto_item *add_result(proto_tree *tree, int field, const struct shown *shown, struct text text)
{
    proto_item *item = add_text(tree, field, shown, (struct place){0, 0}, text);
    if (item != NULL)
        proto_item_set_generated(item);
    return item;
}

static void add_flag(proto_tree *tree, int field, const struct shown *shown, bool value)
{
    proto_item_set_generated(proto_tree_add_boolean(tree, field, shown->tvb, 0, 0, value));
}

/* ---- Header ---- */

static void add_range(proto_tree *tree, const struct shown *shown, const struct ccm_range *range)
{
    struct place place = place_in_header(shown, range->offset_text);
    if (range->numeric && range->offset <= UINT32_MAX)
        proto_tree_add_uint(tree, hf_body_offset, shown->tvb, place.offset, place.length, (guint32)range->offset);
    place = place_in_header(shown, range->length_text);
    if (range->numeric && range->length <= UINT32_MAX)
        proto_tree_add_uint(tree, hf_body_length, shown->tvb, place.offset, place.length, (guint32)range->length);
}

static void add_attachments(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_header *header = &shown->message->header;
    size_t count = header->attachment_count < CCM_RANGES_MAX ? header->attachment_count : CCM_RANGES_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct ccm_range *range = &header->attachments[i];
        struct place place = place_in_header(shown, range->name.at != NULL ? range->name : range->offset_text);
        proto_tree_add_string_format_value(tree, hf_attachment, shown->tvb, place.offset, place.length,
                                           range->name.at == NULL ? "" : copy_of(shown, range->name),
                                           "%s, offset %" G_GUINT64_FORMAT ", length %" G_GUINT64_FORMAT,
                                           range->name.at == NULL ? "(no name)" : copy_of(shown, range->name),
                                           range->offset, range->length);
    }
}

static void add_property(proto_tree *tree, const struct shown *shown, const struct xml_element *property)
{
    struct text name = xml_attribute(property, "Name"), value = xml_text(property);
    struct place place = place_in_header(shown, value);
    if (name.at == NULL)
        return;
    for (size_t i = 0; i < array_length(PROPERTIES); i++) {
        if (text_is_like(name, PROPERTIES[i].name)) {
            add_text(tree, *PROPERTIES[i].field, shown, place, value);
            return;
        }
    }
    const char *text = wmem_strdup_printf(shown->pinfo->pool, "%s: %s", copy_of(shown, name),
                                          value.at == NULL ? "" : copy_of(shown, value));
    proto_tree_add_string(tree, hf_hook_property, shown->tvb, place.offset, place.length, text);
}

static void add_hooks(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_header *header = &shown->message->header;
    for (size_t i = 0; i < header->hook_count; i++) {
        const struct ccm_hook *hook = &header->hooks[i];
        proto_item *item = add_text(tree, hf_hook, shown, place_in_header(shown, hook->name), hook->name);
        proto_tree *branch = proto_item_add_subtree(item, ett_hook);
        const struct xml_element *property = xml_child(hook->xml, "Property");
        for (; property != NULL; property = xml_next(property))
            add_property(branch, shown, property);
    }
}

static void add_header(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_header *header = &shown->message->header;
    if (!shown->message->has_header)
        return;
    struct place place = place_of(shown, shown->message->header_part);
    proto_item *item = proto_tree_add_item(tree, hf_header, shown->tvb, place.offset, place.length, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett_header);
    add_result(branch, hf_header_encoding, shown, text_of(header->encoding));
    for (size_t i = 0; i < array_length(HEADER_TEXTS); i++) {
        struct text text = *(const struct text *)(const void *)((const char *)header + HEADER_TEXTS[i].offset);
        add_text(branch, *HEADER_TEXTS[i].field, shown, place_in_header(shown, text), text);
    }
    if (header->has_body)
        add_range(branch, shown, &header->body);
    add_attachments(branch, shown);
    add_hooks(branch, shown);
}

/* ---- Payload and body ---- */

static tvbuff_t *new_source(const struct shown *shown, const void *bytes, size_t length, const char *name)
{
    void *copy = wmem_memdup(shown->pinfo->pool, bytes, length);
    tvbuff_t *tvb = tvb_new_child_real_data(shown->tvb, copy, (guint)length, (gint)length);
    add_new_data_source(shown->pinfo, tvb, name);
    return tvb;
}

static void add_payload(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    if (!message->has_payload)
        return;
    struct place place = place_of(shown, message->payload_part);
    proto_item *item = proto_tree_add_item(tree, hf_payload, shown->tvb, place.offset, place.length, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett_payload);
    proto_item_append_text(item, " (%d bytes)", place.length);
    add_result(branch, hf_cipher, shown, message->cipher);
    if (!message->compressed || !message->has_plain || message->plain.left == 0)
        return;
    tvbuff_t *plain = new_source(shown, message->plain.at, message->plain.left, "Decompressed payload");
    proto_item_set_generated(
        proto_tree_add_uint(branch, hf_inflated, plain, 0, (gint)message->plain.left, (guint32)message->plain.left));
}

static void add_body(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    if (message->body.at == NULL || message->body.length == 0)
        return;
    tvbuff_t *text = new_source(shown, message->body.at, message->body.length, "Body (UTF-8)");
    proto_item *item = proto_tree_add_item(tree, hf_body, text, 0, -1, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett_body);
    if (message->root.at != NULL) {
        proto_item_append_text(item, ": %s", copy_of(shown, message->root));
        proto_tree_add_string(branch, hf_root, text, 0, -1, copy_of(shown, message->root));
    }
    proto_tree_add_string(branch, hf_body_text, text, 0, -1, copy_of(shown, message->body));
    if (xml_handle == NULL)
        xml_handle = find_dissector("xml");
    if (xml_handle != NULL && branch != NULL)
        call_dissector_only(xml_handle, text, shown->pinfo, branch, NULL);
}

/* ---- Conclusions ---- */

static void add_signature(proto_tree *tree, int field, const struct shown *shown, const struct ccm_signature *signature,
                          bool always)
{
    if (signature->state == CCM_SIGNATURE_ABSENT && !always)
        return;
    proto_item *item = add_result(tree, field, shown, text_of(ccm_signature_state_name(signature->state)));
    proto_tree *branch = proto_item_add_subtree(item, ett_signature);
    add_result(branch, hf_signature_reason, shown, text_of(signature->reason));
    if (field == hf_signature)
        add_result(branch, hf_signature_hash, shown, text_of(signature->hash));
    add_result(branch, hf_key_source, shown, text_of(signature->key_source));
    if (signature->key != NULL) {
        add_result(branch, hf_key_fingerprint, shown, text_of(signature->key->fingerprint));
        proto_item_set_generated(
            proto_tree_add_uint(branch, hf_key_bits, shown->tvb, 0, 0, (guint32)signature->key->bits));
    }
    if (signature->state == CCM_SIGNATURE_INVALID)
        expert_add_info(shown->pinfo, item, &ei_signature);
}

static void add_findings(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    for (size_t i = 0; i < message->finding_count; i++) {
        const struct ccm_finding *finding = &message->findings[i];
        bool rule = strcmp(finding->level, "rule") == 0;
        const char *text = copy_of(shown, finding->text);
        proto_item *item = proto_tree_add_string(
            tree, hf_finding, shown->tvb, 0, 0,
            wmem_strdup_printf(shown->pinfo->pool, "%s (%s): %s", finding->code, finding->level, text));
        proto_item_set_generated(item);
        proto_tree *branch = proto_item_add_subtree(item, ett_finding);
        proto_item_set_generated(proto_tree_add_string(branch, hf_finding_code, shown->tvb, 0, 0, finding->code));
        expert_add_info_format(shown->pinfo, item, rule ? &ei_rule : &ei_advisory, "%s: %s", finding->code, text);
    }
    for (size_t i = 0; i < message->note_count; i++)
        add_result(tree, hf_note, shown, text_of(message->notes[i]));
    proto_item *item = add_result(tree, hf_malformed, shown, message->malformed);
    if (item != NULL)
        expert_add_info_format(shown->pinfo, item, &ei_malformed, "%s", copy_of(shown, message->malformed));
}

static void add_links(proto_tree *tree, const struct shown *shown)
{
    const struct remembered *mine = shown->remembered, *other = mine->other;
    if (other == NULL)
        return;
    int field = mine->reply ? hf_response_to : hf_response_in;
    proto_item_set_generated(proto_tree_add_uint(tree, field, shown->tvb, 0, 0, other->frame));
    if (!mine->reply)
        return;
    nstime_t time;
    nstime_delta(&time, &mine->time, &other->time);
    proto_item_set_generated(proto_tree_add_time(tree, hf_response_time, shown->tvb, 0, 0, &time));
}

void tree_add(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    proto_item *item = proto_tree_add_item(tree, proto_ccm, shown->tvb, 0, -1, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett_ccm);
    if (message->endpoint_name.at != NULL)
        proto_item_append_text(item, ", %s%s", copy_of(shown, message->endpoint_name),
                               message->source.reply ? ", reply" : "");
    add_flag(branch, hf_reply, shown, message->source.reply);
    add_result(branch, hf_endpoint, shown, message->endpoint_name);
    add_links(branch, shown);
    add_header(branch, shown);
    add_payload(branch, shown);
    add_flag(branch, hf_compressed, shown, message->compressed);
    add_flag(branch, hf_encrypted, shown, message->encrypted);
    add_flag(branch, hf_is_signed, shown, message->is_signed);
    add_signature(branch, hf_signature, shown, &message->payload_signature, true);
    add_signature(branch, hf_client_id_signature, shown, &message->client_id_signature, false);
    add_signature(branch, hf_token_signature, shown, &message->token_signature, false);
    add_signature(branch, hf_registration_signature, shown, &message->registration_signature, false);
    add_body(branch, shown);
    add_findings(branch, shown);
}
