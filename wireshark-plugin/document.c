/* wireshark-plugin/document.c: the fields of a document: see plugin.h. */
#include "dissect/configmgr/body.h"
#include "dissect/configmgr/certificate.h"
#include "wireshark-plugin/show.h"

/* ---- Certificates ---- */

/* Elements of .sms_aut replies that are certificates (wire.md 1.6). */
static const struct {
    const char *element, *use;
} CERTIFICATES[] = {
    {"MPCertificate", "management point"}, {"Certificate", "management point"},   {"Certificate1", "management point"},
    {"Certificate2", "management point"},  {"MPCERTIFICATE", "management point"}, {"X509Certificate", "site signing"},
};

void document_add_certificate(proto_tree *tree, const struct shown *shown, const char *use, struct text hex)
{
    struct ccm_decoder *decoder = track_decoder();
    struct cursor der;
    if (decoder == NULL || hex.at == NULL || hex.length == 0 || hex.length > 2 * CCM_CERTIFICATE_MAX ||
        !text_hex_decode(text_trim(hex), &decoder->arena, &der) || der.left == 0)
        return;
    struct certificate_row row = certificate_row_null();
    ccm_certificate_read_der(der, decoder->keys, &decoder->arena, &row, NULL);
    statistics_export(shown->pinfo, use, show_copy(shown, row.fingerprint_sha1), "cer", der);
    tvbuff_t *source = show_source(shown, der, wmem_strdup_printf(shown->pinfo->pool, "Certificate (%s)", use));
    proto_item *item = show_text(tree, hf_certificate, shown, (struct place){source, 0, -1}, row.fingerprint_sha1);
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_CERTIFICATE]);
    if (item == NULL)
        return;
    proto_item_append_text(item, " (%s)", use);
    show_result(branch, hf_certificate_use, shown, text_of(use));
    show_result(branch, hf_certificate_subject, shown, row.subject);
    show_hand_on("ber.syntax", "Certificate", source, shown->pinfo, branch);
}

static void add_certificates(proto_tree *tree, const struct shown *shown, const struct xml_document *document)
{
    for (size_t i = 0; i < array_length(CERTIFICATES); i++) {
        const struct xml_element *element = NULL;
        if (xml_count(document->root, CERTIFICATES[i].element, &element) > 0)
            document_add_certificate(tree, shown, CERTIFICATES[i].use, xml_text(element));
    }
}

/* ---- Assigned policies ---- */

static void add_policy(proto_tree *tree, const struct shown *shown, tvbuff_t *source, struct text text,
                       const struct xml_element *policy)
{
    const struct xml_element *location = xml_child(policy, "PolicyLocation");
    struct text id = xml_attribute(policy, "PolicyID"), version = xml_attribute(policy, "PolicyVersion");
    const struct text hashes[2] = {xml_attribute(location, "PolicyHash"), xml_attribute(location, "PolicyHashEx")};
    const struct {
        int field;
        struct text text;
    } texts[] = {
        {hf_policy_id, id},
        {hf_policy_version, version},
        {hf_policy_type, xml_attribute(policy, "PolicyType")},
        {hf_policy_category, xml_attribute(policy, "PolicyCategory")},
        {hf_policy_flags, xml_attribute(policy, "PolicyFlags")},
        {hf_policy_priority, xml_attribute(policy, "PolicyPriority")},
        {hf_policy_location, xml_text(location)},
        {hf_policy_hash, hashes[0]},
        {hf_policy_hash_ex, hashes[1]},
    };
    struct place place = place_in(source, text_cursor(text), id);
    const char *name = wmem_strdup_printf(shown->pinfo->pool, "%s %s", show_copy(shown, id), show_copy(shown, version));
    proto_item *item = show_text(tree, hf_policy, shown, place, text_of(name));
    proto_tree *branch = proto_item_add_subtree(item, ett[SUBTREE_POLICY]);
    for (size_t i = 0; i < array_length(texts); i++)
        show_text(branch, texts[i].field, shown, place_in(source, text_cursor(text), texts[i].text), texts[i].text);
    show_result(branch, hf_policy_flag_names, shown,
                ccm_value_name("PolicyFlags", xml_attribute(policy, "PolicyFlags"), &track_decoder()->arena));
    const struct policy_frames *frames = track_assigned(shown->pinfo, id, version, hashes);
    if (frames != NULL)
        show_frame(branch, hf_policy_downloaded_in, shown, frames->downloaded);
}

static void add_policies(proto_tree *tree, const struct shown *shown, tvbuff_t *source, struct text text,
                         const struct xml_document *document)
{
    if (!text_is(document->root->name, "ReplyAssignments"))
        return;
    const struct xml_element *assignment = xml_child(document->root, "PolicyAssignment");
    for (; assignment != NULL; assignment = xml_next(assignment)) {
        const struct xml_element *policy = xml_child(assignment, "Policy");
        for (; policy != NULL; policy = xml_next(policy))
            add_policy(tree, shown, source, text, policy);
    }
}

/* ---- Details with a field of their own ---- */

static const struct {
    const char *root, *path, *attribute;
    int *field;
} DETAILS[] = {
#define FIELD(variable, type, title, filter, help)
#define HEADER(member, title, filter, help)
#define PROPERTY(name, variable, filter, help)
#define DETAIL(root, path, attribute, variable, filter, help) {root, path, attribute, &hf_##variable},
#include "wireshark-plugin/fields.def"
#undef FIELD
#undef HEADER
#undef PROPERTY
#undef DETAIL
};

static void add_details(proto_tree *tree, const struct shown *shown, tvbuff_t *source, struct text text,
                        const struct xml_document *document)
{
    for (size_t i = 0; i < array_length(DETAILS); i++) {
        if (!text_is(document->root->name, DETAILS[i].root))
            continue;
        const struct xml_element *element =
            DETAILS[i].path[0] == '\0' ? document->root : xml_path(document->root, DETAILS[i].path);
        struct text value =
            DETAILS[i].attribute == NULL ? xml_text(element) : xml_attribute(element, DETAILS[i].attribute);
        show_text(tree, *DETAILS[i].field, shown, place_in(source, text_cursor(text), value), value);
    }
}

/* ---- All fields ---- */

static void add_field(proto_tree *tree, const struct shown *shown, struct place place, const struct ccm_field *field,
                      proto_tree **branch)
{
    const char *name = show_copy(shown, field->name), *meaning = show_copy(shown, field->meaning);
    const char *value = field->value.at != NULL           ? show_copy(shown, field->value)
                        : field->kind == CCM_FIELD_SECRET ? "(hidden)"
                                                          : "";
    const char *label =
        wmem_strdup_printf(shown->pinfo->pool, "%s%s%s%s%s%s", name, value[0] == '\0' ? "" : ": ", value,
                           meaning[0] == '\0' ? "" : " (", meaning, meaning[0] == '\0' ? "" : ")");
    proto_item *item =
        proto_tree_add_string_format(tree, hf_field, place.tvb, place.offset, place.length, label, "%s", label);
    *branch = proto_item_add_subtree(item, ett[SUBTREE_FIELD]);
    const struct {
        int field;
        struct text text;
    } texts[] = {{hf_field_path, field->path},
                 {hf_field_value, field->value},
                 {hf_field_meaning, field->meaning},
                 {hf_field_about, text_of(field->about)}};
    for (size_t i = 0; i < array_length(texts); i++) {
        if (texts[i].text.at != NULL)
            proto_item_set_hidden(show_text(*branch, texts[i].field, shown, place, texts[i].text));
    }
}

/* Whether anybody looks at one of them. */
static bool is_wanted(proto_tree *tree)
{
    const int fields[] = {hf_field, hf_field_path, hf_field_value, hf_field_meaning, hf_field_about};
    for (size_t i = 0; i < array_length(fields); i++) {
        if (proto_field_is_referenced(tree, fields[i]))
            return true;
    }
    return false;
}

static void add_fields(proto_tree *tree, const struct shown *shown, tvbuff_t *source, struct text text,
                       struct xml_document *document)
{
    struct ccm_fields fields = {0};
    if (!is_wanted(tree))
        return;
    ccm_body_fields(track_decoder(), document, "body", &fields);
    ccm_fields_close(&fields);
    if (fields.count == 0)
        return;
    proto_tree *top = show_branch(tree, shown, (struct place){source, 0, -1}, SUBTREE_FIELDS, "Fields");
    proto_tree **branches = wmem_alloc0_array(shown->pinfo->pool, proto_tree *, fields.count);
    for (size_t i = 0; i < fields.count; i++) {
        const struct ccm_field *field = &fields.items[i];
        proto_tree *parent = field->parent == 0 || field->parent > i ? top : branches[field->parent - 1];
        struct place place = place_in(source, text_cursor(text), field->value.length > 0 ? field->value : field->name);
        add_field(parent, shown, place, field, &branches[i]);
    }
}

void document_add(proto_tree *tree, const struct shown *shown, tvbuff_t *source, struct text text,
                  struct xml_document *document)
{
    add_details(tree, shown, source, text, document);
    add_policies(tree, shown, source, text, document);
    add_certificates(tree, shown, document);
    add_fields(tree, shown, source, text, document);
    show_hand_on(NULL, "xml", source, shown->pinfo, tree);
}
