/* wireshark-plugin/show.h: the fields of fields.def, and adding them to a tree at their bytes. */
#ifndef CMSCOPE_PLUGIN_SHOW_H
#define CMSCOPE_PLUGIN_SHOW_H

#include "wireshark-plugin/plugin.h"

#define SHOWN_MAX 4096 /* bytes of a text in the tree; Wireshark cuts labels long before */

#define FIELD(variable, type, title, filter, help) extern int hf_##variable;
#define HEADER(member, title, filter, help) extern int hf_##member;
#define PROPERTY(name, variable, filter, help) extern int hf_##variable;
#define DETAIL(root, path, attribute, variable, filter, help) extern int hf_##variable;
#include "wireshark-plugin/fields.def"
#undef FIELD
#undef HEADER
#undef PROPERTY
#undef DETAIL

enum subtree {
    SUBTREE_CCM,
    SUBTREE_HEADER,
    SUBTREE_HOOK,
    SUBTREE_PAYLOAD,
    SUBTREE_ENVELOPE,
    SUBTREE_RECIPIENT,
    SUBTREE_ATTACHMENT,
    SUBTREE_BODY,
    SUBTREE_FIELDS,
    SUBTREE_FIELD,
    SUBTREE_CERTIFICATE,
    SUBTREE_POLICY,
    SUBTREE_SECRET,
    SUBTREE_SIGNATURE,
    SUBTREE_FINDING,
    SUBTREE_COUNT
};
extern int ett[SUBTREE_COUNT];

void show_register(int proto);

/* Bytes that a field stands for. */
struct place {
    tvbuff_t *tvb;
    int offset, length;
};

/* Where `part` stands in `whole`, whose bytes are those of `tvb`; all of them when it is no view into them. */
struct place place_in(tvbuff_t *tvb, struct cursor whole, struct text part);

/* A text for Wireshark, of the packet's lifetime, cut to SHOWN_MAX; "" for TEXT_NULL. */
const char *show_copy(const struct shown *shown, struct text text);
/* A text of the packet; NULL, and nothing is added, for TEXT_NULL. */
proto_item *show_text(proto_tree *tree, int field, const struct shown *shown, struct place place, struct text text);
/* What was concluded, not read; likewise. */
proto_item *show_result(proto_tree *tree, int field, const struct shown *shown, struct text text);
void show_flag(proto_tree *tree, int field, const struct shown *shown, bool value);
void show_number(proto_tree *tree, int field, const struct shown *shown, struct place place, uint64_t number);
void show_frame(proto_tree *tree, int field, const struct shown *shown, guint32 frame);
/* What a reader of the packet list wants to know of a signature: "signed â". */
const char *show_signature(enum ccm_signature_state state);
/* A branch without a field. */
proto_tree *show_branch(proto_tree *tree, const struct shown *shown, struct place place, enum subtree subtree,
                        const char *title);

/* A tab with these bytes, which are copied. */
tvbuff_t *show_source(const struct shown *shown, struct cursor bytes, const char *name);
/* Hands bytes on to the dissector `name` of Wireshark, or (`table` not NULL) to that of the table. What it finds malformed
 * is shown there and ends nothing else. */
void show_hand_on(const char *table, const char *name, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);

#endif
