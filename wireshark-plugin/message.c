/* wireshark-plugin/message.c: a message as a tree: see plugin.h. */
#include <epan/expert.h>

#include "wireshark-plugin/show.h"

/* Texts of the header. */
static const struct {
    int *field;
    size_t offset;
} HEADER_TEXTS[] = {
#define FIELD(variable, type, title, filter, help)
#define HEADER(member, title, filter, help) {&hf_##member, offsetof(struct ccm_header, member)},
#define PROPERTY(name, variable, filter, help)
#define DETAIL(root, path, attribute, variable, filter, help)
#include "wireshark-plugin/fields.def"
#undef HEADER
#undef PROPERTY
};

/* Properties of hooks with a field of their own. */
static const struct {
    const char *name;
    int *field;
} PROPERTIES[] = {
#define HEADER(member, title, filter, help)
#define PROPERTY(name, variable, filter, help) {name, &hf_##variable},
#include "wireshark-plugin/fields.def"
#undef FIELD
#undef HEADER
#undef PROPERTY
#undef DETAIL
};

static expert_field ei_rule = EI_INIT, ei_rule_security = EI_INIT, ei_advisory = EI_INIT;
static expert_field ei_advisory_security = EI_INIT, ei_hint = EI_INIT, ei_signature = EI_INIT, ei_malformed = EI_INIT;
static ei_register_info experts[] = {
    {&ei_rule, {"ccm.finding.rule", PI_PROTOCOL, PI_WARN, "Departs from the message schema", EXPFILL}},
    {&ei_rule_security,
     {"ccm.finding.rule.security", PI_SECURITY, PI_WARN, "Departs from the message schema: security", EXPFILL}},
    {&ei_advisory, {"ccm.finding.advisory", PI_PROTOCOL, PI_NOTE, "Unusual for a message", EXPFILL}},
    {&ei_advisory_security,
     {"ccm.finding.advisory.security", PI_SECURITY, PI_NOTE, "Unusual for a message: security", EXPFILL}},
    {&ei_hint, {"ccm.finding.hint", PI_COMMENTS_GROUP, PI_CHAT, "Looks like a published tool", EXPFILL}},
    {&ei_signature, {"ccm.signature.invalid", PI_SECURITY, PI_ERROR, "Signature is invalid", EXPFILL}},
    {&ei_malformed, {"ccm.malformed.expert", PI_MALFORMED, PI_ERROR, "Message cannot be decoded to its end", EXPFILL}},
};

void message_register(int proto)
{
    expert_register_field_array(expert_register_protocol(proto), experts, array_length(experts));
}

/* ---- Where things stand in the packet ---- */

static struct place place_of(const struct shown *shown, struct cursor part)
{
    return place_in(shown->tvb, shown->message->source.body, text_from(part));
}

/* A text of the header, which may be UTF-16 there; the whole header when it cannot be told. */
static struct place place_in_header(const struct shown *shown, struct text text)
{
    struct place place = place_of(shown, shown->message->header_part);
    size_t offset, length;
    if (ccm_header_locate(&shown->message->header, shown->message->header_part, text, &offset, &length)) {
        place.offset += (int)offset;
        place.length = (int)length;
    }
    return place;
}

/* ---- Header ---- */

static void add_range_number(proto_tree *tree, int field, const struct shown *shown, const struct ccm_range *range,
                             struct text text, uint64_t number)
{
    if (range->numeric)
        show_number(tree, field, shown, place_in_header(shown, text), number);
}

static void add_attachments(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_header *header = &shown->message->header;
    size_t count = header->attachment_count < CCM_RANGES_MAX ? header->attachment_count : CCM_RANGES_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct ccm_range *range = &header->attachments[i];
        struct place place = place_in_header(shown, range->name.at != NULL ? range->name : range->offset_text);
        proto_item *item = proto_tree_add_string_format_value(
            tree, hf_attachment, place.tvb, place.offset, place.length, show_copy(shown, range->name),
            "%s, offset %" G_GUINT64_FORMAT ", length %" G_GUINT64_FORMAT,
            range->name.at == NULL ? "(no name)" : show_copy(shown, range->name), range->offset, range->length);
        proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_ATTACHMENT]);
        add_range_number(branch, hf_attachment_offset, shown, range, range->offset_text, range->offset);
        add_range_number(branch, hf_attachment_length, shown, range, range->length_text, range->length);
    }
}

/* "name: value" at the value's bytes. */
static void add_pair(proto_tree *tree, int field, const struct shown *shown, struct text name, struct text value)
{
    struct place place = place_in_header(shown, value.length > 0 ? value : name);
    const char *text =
        wmem_strdup_printf(shown->pinfo->pool, "%s: %s", show_copy(shown, name), show_copy(shown, value));
    proto_tree_add_string(tree, field, place.tvb, place.offset, place.length, text);
}

static void add_property(proto_tree *tree, const struct shown *shown, const struct xml_element *property)
{
    struct text name = xml_attribute(property, "Name"), value = xml_text(property);
    if (name.at == NULL)
        return;
    for (size_t i = 0; i < array_length(PROPERTIES); i++) {
        if (text_is_like(name, PROPERTIES[i].name)) {
            show_text(tree, *PROPERTIES[i].field, shown, place_in_header(shown, value), value);
            return;
        }
    }
    add_pair(tree, hf_hook_property, shown, name, value);
}

static void add_hooks(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_header *header = &shown->message->header;
    for (size_t i = 0; i < header->hook_count; i++) {
        const struct ccm_hook *hook = &header->hooks[i];
        proto_item *item = show_text(tree, hf_hook, shown, place_in_header(shown, hook->name), hook->name);
        proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_HOOK]);
        const struct xml_element *property = xml_child(hook->xml, "Property");
        for (; property != NULL; property = xml_next(property))
            add_property(branch, shown, property);
    }
}

static bool is_shown_elsewhere(const struct shown *shown, struct text text)
{
    for (size_t i = 0; i < array_length(HEADER_TEXTS); i++) {
        const void *at = (const char *)&shown->message->header + HEADER_TEXTS[i].offset;
        if (text.at != NULL && ((const struct text *)at)->at == text.at)
            return true;
    }
    return false;
}

/* Elements and attributes that no other field shows. */
static void add_other_elements(proto_tree *tree, const struct shown *shown)
{
    const struct xml_element *root = shown->message->header.document.root;
    const struct xml_attribute *attribute = root == NULL ? NULL : root->attributes;
    for (; attribute != NULL; attribute = attribute->next) {
        if (!is_shown_elsewhere(shown, attribute->value))
            add_pair(tree, hf_header_element, shown, attribute->name, attribute->value);
    }
    const struct xml_element *child = root == NULL ? NULL : root->child;
    for (; child != NULL; child = child->next) {
        struct text value = xml_attribute(child, "Value");
        if (text_is(child->name, "Property"))
            add_pair(tree, hf_header_property, shown, xml_attribute(child, "Name"),
                     value.at != NULL ? value : xml_text(child));
        else if (child->child == NULL && child->attributes == NULL && child->text.length > 0 &&
                 !is_shown_elsewhere(shown, child->text))
            add_pair(tree, hf_header_element, shown, child->name, child->text);
    }
}

static void add_header(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_header *header = &shown->message->header;
    if (!shown->message->has_header)
        return;
    struct place place = place_of(shown, shown->message->header_part);
    proto_item *item = proto_tree_add_item(tree, hf_header, shown->tvb, place.offset, place.length, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_HEADER]);
    show_result(branch, hf_header_encoding, shown, text_of(header->encoding));
    for (size_t i = 0; i < array_length(HEADER_TEXTS); i++) {
        struct text text = *(const struct text *)(const void *)((const char *)header + HEADER_TEXTS[i].offset);
        show_text(branch, *HEADER_TEXTS[i].field, shown, place_in_header(shown, text), text);
    }
    add_other_elements(branch, shown);
    if (header->has_body) {
        add_range_number(branch, hf_body_offset, shown, &header->body, header->body.offset_text, header->body.offset);
        add_range_number(branch, hf_body_length, shown, &header->body, header->body.length_text, header->body.length);
    }
    add_attachments(branch, shown);
    add_hooks(branch, shown);
}

/* ---- Conclusions ---- */

const char *message_verdict(const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    const struct ccm_signature *signature = &message->payload_signature;
    if (signature->state == CCM_SIGNATURE_ABSENT) /* a registration carries its signature inside */
        signature = &message->registration_signature;
    if (signature->state == CCM_SIGNATURE_ABSENT && (message->header.document.root == NULL || message->source.reply))
        return NULL;
    const char *mark = show_signature(signature->state);
    return signature->hash == NULL ? mark : wmem_strdup_printf(shown->pinfo->pool, "%s %s", mark, signature->hash);
}

void message_add_signature(proto_tree *tree, int field, const struct shown *shown,
                           const struct ccm_signature *signature, bool always)
{
    if (signature->state == CCM_SIGNATURE_ABSENT && !always)
        return;
    proto_item *item = show_result(tree, field, shown, text_of(ccm_signature_state_name(signature->state)));
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_SIGNATURE]);
    show_result(branch, hf_signature_reason, shown, text_of(signature->reason));
    if (field == hf_signature)
        show_result(branch, hf_signature_hash, shown, text_of(signature->hash));
    show_result(branch, hf_key_source, shown, text_of(signature->key_source));
    if (signature->key != NULL) {
        show_result(branch, hf_key_fingerprint, shown, text_of(signature->key->fingerprint));
        proto_item_set_generated(
            proto_tree_add_uint(branch, hf_key_bits, shown->tvb, 0, 0, (guint32)signature->key->bits));
    }
    if (signature->state == CCM_SIGNATURE_INVALID)
        expert_add_info(shown->pinfo, item, &ei_signature);
}

/* C01 to C13 and C40 to C59 are about signatures, encryption, registration and trust; C20 to C39 about form
 * (schema.md 8). */
static bool is_about_security(const char *code)
{
    return code[0] == 'C' && (code[1] == '0' || code[1] == '1' || code[1] == '4' || code[1] == '5');
}

static expert_field *expert_of(const struct ccm_finding *finding)
{
    bool security = is_about_security(finding->code);
    if (strcmp(finding->level, "rule") == 0)
        return security ? &ei_rule_security : &ei_rule;
    if (strcmp(finding->level, "advisory") == 0)
        return security ? &ei_advisory_security : &ei_advisory;
    return &ei_hint;
}

void message_add_finding(proto_tree *tree, const struct shown *shown, const struct ccm_finding *finding)
{
    const char *text = show_copy(shown, finding->text);
    proto_item *item = show_result(
        tree, hf_finding, shown,
        text_of(wmem_strdup_printf(shown->pinfo->pool, "%s (%s): %s", finding->code, finding->level, text)));
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_FINDING]);
    show_result(branch, hf_finding_code, shown, text_of(finding->code));
    expert_add_info_format(shown->pinfo, item, expert_of(finding), "%s: %s", finding->code, text);
}

static void add_findings(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    for (size_t i = 0; i < message->finding_count; i++)
        message_add_finding(tree, shown, &message->findings[i]);
    for (size_t i = 0; i < message->note_count; i++)
        show_result(tree, hf_note, shown, text_of(message->notes[i]));
    proto_item *item = show_result(tree, hf_malformed, shown, message->malformed);
    if (item != NULL)
        expert_add_info_format(shown->pinfo, item, &ei_malformed, "%s", show_copy(shown, message->malformed));
}

static void add_links(proto_tree *tree, const struct shown *shown)
{
    const struct remembered *mine = shown->remembered, *other = mine->other;
    if (other == NULL)
        return;
    show_frame(tree, mine->reply ? hf_response_to : hf_response_in, shown, other->frame);
    if (!mine->reply)
        return;
    nstime_t time;
    nstime_delta(&time, &mine->time, &other->time);
    proto_item_set_generated(proto_tree_add_time(tree, hf_response_time, shown->tvb, 0, 0, &time));
}

void message_add(proto_tree *tree, const struct shown *shown)
{
    const struct ccm_message *message = shown->message;
    proto_item *item = proto_tree_add_item(tree, proto_ccm, shown->tvb, 0, -1, ENC_NA);
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_CCM]);
    if (message->endpoint_name.at != NULL)
        proto_item_append_text(item, ", %s%s", show_copy(shown, message->endpoint_name),
                               message->source.reply ? ", reply" : "");
    show_flag(branch, hf_reply, shown, message->source.reply);
    show_result(branch, hf_endpoint, shown, message->endpoint_name);
    add_links(branch, shown);
    add_header(branch, shown);
    show_flag(branch, hf_compressed, shown, message->compressed);
    show_flag(branch, hf_encrypted, shown, message->encrypted);
    show_flag(branch, hf_is_signed, shown, message->is_signed);
    show_result(branch, hf_verdict, shown, text_of(message_verdict(shown)));
    message_add_signature(branch, hf_signature, shown, &message->payload_signature, true);
    message_add_signature(branch, hf_client_id_signature, shown, &message->client_id_signature, false);
    message_add_signature(branch, hf_token_signature, shown, &message->token_signature, false);
    message_add_signature(branch, hf_registration_signature, shown, &message->registration_signature, false);
    add_findings(branch, shown);
    content_add(branch, shown);
}
