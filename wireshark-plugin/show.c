/* wireshark-plugin/show.c: see show.h. */
#include "wireshark-plugin/show.h"

#include <epan/exceptions.h>
#include <epan/show_exception.h>

#define FIELD(variable, type, title, filter, help) int hf_##variable = -1;
#define HEADER(member, title, filter, help) int hf_##member = -1;
#define PROPERTY(name, variable, filter, help) int hf_##variable = -1;
#define DETAIL(root, path, attribute, variable, filter, help) int hf_##variable = -1;
#include "wireshark-plugin/fields.def"
#undef FIELD
#undef HEADER
#undef PROPERTY
#undef DETAIL

#define BASE_STRING BASE_NONE
#define BASE_UINT32 BASE_DEC
#define BASE_BOOLEAN BASE_NONE
#define BASE_FRAMENUM BASE_NONE
#define BASE_RELATIVE_TIME BASE_NONE
/* NOLINTNEXTLINE(bugprone-macro-parentheses): BASE_NONE_ would be another word */
#define BASE_OF(type) BASE_##type
#define TEXT_FIELD(variable, title, filter, help)                                                                      \
    {&hf_##variable, {title, filter, FT_STRING, BASE_NONE, NULL, 0, help, HFILL}},

static hf_register_info fields[] = {
#define FIELD(variable, type, title, filter, help)                                                                     \
    {&hf_##variable, {title, filter, FT_##type, BASE_OF(type), NULL, 0, help, HFILL}},
#define HEADER(member, title, filter, help) TEXT_FIELD(member, title, filter, help)
#define PROPERTY(name, variable, filter, help) TEXT_FIELD(variable, name, filter, help)
#define DETAIL(root, path, attribute, variable, filter, help)                                                          \
    TEXT_FIELD(variable, (attribute) == NULL ? "ClientID" : (attribute), filter, help)
#include "wireshark-plugin/fields.def"
#undef FIELD
#undef HEADER
#undef PROPERTY
#undef DETAIL
};

int ett[SUBTREE_COUNT];

void show_register(int proto)
{
    static int *subtrees[SUBTREE_COUNT];
    for (size_t i = 0; i < SUBTREE_COUNT; i++) {
        ett[i] = -1;
        subtrees[i] = &ett[i];
    }
    proto_register_field_array(proto, fields, array_length(fields));
    proto_register_subtree_array(subtrees, array_length(subtrees));
}

/* ---- Places ---- */

struct place place_in(tvbuff_t *tvb, struct cursor whole, struct text part)
{
    const char *start = (const char *)whole.at;
    if (start == NULL || part.at == NULL || part.at < start || part.at + part.length > start + whole.left)
        return (struct place){tvb, 0, (int)tvb_captured_length(tvb)};
    return (struct place){tvb, (int)(part.at - start), (int)part.length};
}

/* ---- Items ---- */

const char *show_copy(const struct shown *shown, struct text text)
{
    text = text_cut(text, SHOWN_MAX);
    return text.at == NULL ? "" : wmem_strndup(shown->pinfo->pool, text.at, text.length);
}

proto_item *show_text(proto_tree *tree, int field, const struct shown *shown, struct place place, struct text text)
{
    if (text.at == NULL)
        return NULL;
    return proto_tree_add_string(tree, field, place.tvb, place.offset, place.length, show_copy(shown, text));
}

proto_item *show_result(proto_tree *tree, int field, const struct shown *shown, struct text text)
{
    proto_item *item = show_text(tree, field, shown, (struct place){shown->tvb, 0, 0}, text);
    if (item != NULL)
        proto_item_set_generated(item);
    return item;
}

void show_flag(proto_tree *tree, int field, const struct shown *shown, bool value)
{
    proto_item_set_generated(proto_tree_add_boolean(tree, field, shown->tvb, 0, 0, value));
}

void show_number(proto_tree *tree, int field, const struct shown *shown, struct place place, uint64_t number)
{
    (void)shown;
    if (number <= UINT32_MAX)
        proto_tree_add_uint(tree, field, place.tvb, place.offset, place.length, (guint32)number);
}

void show_frame(proto_tree *tree, int field, const struct shown *shown, guint32 frame)
{
    if (frame != 0)
        proto_item_set_generated(proto_tree_add_uint(tree, field, shown->tvb, 0, 0, frame));
}

const char *show_signature(enum ccm_signature_state state)
{
    static const char *const MARKS[] = {[CCM_SIGNATURE_ABSENT] = "unsigned",
                                        [CCM_SIGNATURE_VALID] = "signed \xE2\x9C\x93",
                                        [CCM_SIGNATURE_INVALID] = "signature \xE2\x9C\x97 invalid",
                                        [CCM_SIGNATURE_NOKEY] = "signed, no key",
                                        [CCM_SIGNATURE_UNSUPPORTED] = "signed, not checked"};
    return MARKS[state];
}

proto_tree *show_branch(proto_tree *tree, const struct shown *shown, struct place place, enum subtree subtree,
                        const char *title)
{
    (void)shown;
    return proto_tree_add_subtree(tree, place.tvb, place.offset, place.length, ett[subtree], NULL, title);
}

/* ---- Tabs and other dissectors ---- */

tvbuff_t *show_source(const struct shown *shown, struct cursor bytes, const char *name)
{
    void *copy = wmem_memdup(shown->pinfo->pool, bytes.at, bytes.left);
    tvbuff_t *tvb = tvb_new_child_real_data(shown->tvb, copy, (guint)bytes.left, (gint)bytes.left);
    add_new_data_source(shown->pinfo, tvb, name);
    return tvb;
}

static void hand_on(const char *table, const char *name, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    dissector_handle_t handle = table == NULL ? find_dissector(name) : NULL;
    if (table != NULL)
        TRY_STRING(find_dissector_table(table), name, tvb, pinfo, tree);
    else if (handle != NULL)
        call_dissector_only(handle, tvb, pinfo, tree, NULL);
}

void show_hand_on(const char *table, const char *name, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    if (tree == NULL)
        return;
    TRY
    {
        hand_on(table, name, tvb, pinfo, tree);
    }
    CATCH_NONFATAL_ERRORS
    {
        show_exception(tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
    }
    ENDTRY;
}
