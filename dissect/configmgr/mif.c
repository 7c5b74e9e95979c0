/* dissect/configmgr/mif.c: see mif.h.
 *
 *   //Architecture<name>      required in an IDMIF
 *   //UniqueID<id>            required in an IDMIF
 *   Start Component
 *     Name = "..."
 *     Start Group
 *       Class = "vendor|class|version"
 *       Start Attribute ... End Attribute
 *     End Group
 *   End Component
 */
#include "dissect/configmgr/mif.h"

#include <string.h>

#define MIF_DEPTH_MAX 8 /* component, group, attribute, enumeration */

static const struct {
    const char *keyword;
    const char *about;
} KEYWORDS[] = {
    {"Architecture", "kind of thing that is described: class of the top group"},
    {"UniqueID", "id of the thing that is described"},
    {"AgentID", "program that made the file; without it hardware inventory may overwrite the data"},
    {"Component", "the whole file"},
    {"Group", "a class"},
    {"Attribute", "a property of the class"},
    {"Table", "rows of a class"},
    {"Enum", "names of values"},
    {"Name", "name"},
    {"ID", "number"},
    {"Class", "vendor, class and version"},
    {"Key", "numbers of the attributes that identify a row"},
    {"Access", "whether it may be written"},
    {"Storage", "whether values are common or specific"},
    {"Type", "type of the value"},
    {"Value", "value"},
    {"Description", "description"},
};

static const char *about_of(struct text keyword)
{
    for (size_t i = 0; i < sizeof KEYWORDS / sizeof KEYWORDS[0]; i++) {
        if (text_is_like(keyword, KEYWORDS[i].keyword))
            return KEYWORDS[i].about;
    }
    return NULL;
}

static struct text next_line(struct text *rest)
{
    const char *end = rest->length == 0 ? NULL : memchr(rest->at, '\n', rest->length);
    size_t length = end == NULL ? rest->length : (size_t)(end - rest->at);
    struct text line = {rest->at, length};
    size_t taken = end == NULL ? length : length + 1;
    *rest = (struct text){rest->at + taken, rest->length - taken};
    return text_trim(line);
}

static struct text after(struct text text, size_t length)
{
    return text_trim((struct text){text.at + length, text.length - length});
}

bool ccm_mif_recognise(struct text text)
{
    struct text rest = text_trim(text), line = next_line(&rest);
    size_t at;
    return text_starts_like(line, "Start Component") ||
           (text_starts_like(line, "//") &&
            (text_find_like(line, "Architecture", &at) || text_find_like(line, "UniqueID", &at) ||
             text_find_like(line, "AgentID", &at)));
}

/* Where an unquoted character stands; the length of the text when it does not. */
static size_t find_unquoted(struct text text, char wanted)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < text.length && (quoted || text.at[i] != wanted); i++)
        quoted = quoted != (text.at[i] == '"');
    return i;
}

struct mif {
    struct ccm_decoder *decoder;
    struct ccm_fields *fields;
    const char *part;
    size_t parents[MIF_DEPTH_MAX + 1];
    unsigned depth;
};

static void add(struct mif *mif, struct text name, struct text value, bool group)
{
    const char *about = about_of(name);
    struct ccm_field field = {
        .part = mif->part,
        .parent = mif->parents[mif->depth],
        .depth = mif->depth,
        .kind = group ? CCM_FIELD_GROUP : CCM_FIELD_TEXT,
        .path = name,
        .name = name,
        .bytes = value.length,
        .about = about,
        .meaning = TEXT_NULL,
        .certainty = about == NULL ? "unknown" : "likely",
    };
    if (value.length > CCM_FIELD_VALUE_MAX)
        value.length = CCM_FIELD_VALUE_MAX;
    if (value.at != NULL) /* replacing invalid bytes makes it longer */
        field.value = text_cut(text_utf8(&mif->decoder->arena, value), CCM_FIELD_VALUE_MAX);
    ccm_field_add(mif->decoder, mif->fields, &field);
}

static void read_comment(struct mif *mif, struct text line)
{
    static const char *const names[] = {"Architecture", "UniqueID", "AgentID"};
    struct text text = after(line, 2);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_starts_like(text, names[i])) {
            struct text value = after(text, strlen(names[i]));
            if (value.length >= 2 && value.at[0] == '<' && value.at[value.length - 1] == '>')
                value = (struct text){value.at + 1, value.length - 2};
            add(mif, text_of(names[i]), value, false);
        }
    }
}

static void read_line(struct mif *mif, struct text line)
{
    size_t equals = find_unquoted(line, '=');
    if (text_starts_like(line, "//")) {
        read_comment(mif, line);
    } else if (text_starts_like(line, "Start ")) {
        add(mif, after(line, 6), TEXT_NULL, true);
        if (mif->depth < MIF_DEPTH_MAX)
            mif->parents[++mif->depth] = mif->fields->count;
    } else if (text_starts_like(line, "End")) {
        mif->depth -= mif->depth > 0;
    } else if (equals < line.length) {
        struct text value = after(line, equals + 1);
        if (value.length >= 2 && value.at[0] == '"' && value.at[value.length - 1] == '"')
            value = (struct text){value.at + 1, value.length - 2};
        add(mif, text_trim((struct text){line.at, equals}), value, false);
    }
}

void ccm_mif_fields(struct ccm_decoder *decoder, struct text text, const char *part, struct ccm_fields *fields)
{
    struct mif mif = {.decoder = decoder, .fields = fields, .part = part};
    while (text.length > 0 && !fields->cut)
        read_line(&mif, next_line(&text));
}
