/* dissect/configmgr/body_value.c: what a value means, and how much of it is kept. */
#include <string.h>

#include "dissect/configmgr/body_internal.h"
#include "dissect/configmgr/policy.h"

#define BLOB_MIN 128 /* digits: shorter ones (hashes, ids) are kept whole */

/* ---- Secrets ---- */

/* The obfuscated form of policy secrets begins with its version (wire.md 7.3). */
static bool is_obfuscated(struct text value)
{
    return value.length > BLOB_MIN && (text_starts_like(value, "89130000") || text_starts_like(value, "8A130000"));
}

bool value_is_secret(const struct xml_element *element, struct text value)
{
    const struct xml_element *property = element == NULL ? NULL : element->parent;
    struct text secret = xml_attribute(property, "secret"), name = xml_attribute(property, "name");
    size_t at;
    return is_obfuscated(value) || (secret.length > 0 && !text_is(secret, "0")) || text_is(name, "Value") ||
           text_find_like(name, "password", &at); /* Value: of a collection variable */
}

/* ---- Times ---- */

/* yyyymmddHHMMSS.ffffff+UUU (the form of WMI); false for anything else. */
static bool cim_time(struct text value, struct arena *arena, struct text *meaning)
{
    bool digits = value.length >= 21 && value.at[14] == '.';
    for (size_t i = 0; digits && i < 14; i++)
        digits = value.at[i] >= '0' && value.at[i] <= '9';
    if (!digits)
        return false;
    size_t sign = 15;
    while (sign < value.length && value.at[sign] != '+' && value.at[sign] != '-')
        sign++;
    struct text offset = {value.at + sign, value.length - sign};
    int minutes = 0;
    for (size_t i = 1; i < offset.length && i < 5; i++)
        minutes = minutes * 10 + (offset.at[i] >= '0' && offset.at[i] <= '9' ? offset.at[i] - '0' : 0);
    const char *v = value.at;
    *meaning = text_format(arena, "%.4s-%.2s-%.2s %.2s:%.2s:%.2s", v, v + 4, v + 6, v + 8, v + 10, v + 12);
    if (minutes == 0 || meaning->at == NULL)
        *meaning = text_format(arena, "%.*s UTC", (int)meaning->length, meaning->at == NULL ? "" : meaning->at);
    else
        *meaning =
            text_format(arena, "%.*s, %c%d minutes from UTC", (int)meaning->length, meaning->at, offset.at[0], minutes);
    return true;
}

/* ---- Meanings ---- */

static struct text guid_meaning(struct text value)
{
    size_t zeros = 0, digits = 0;
    for (size_t i = 0; i < value.length; i++) {
        zeros += value.at[i] == '0';
        digits += value.at[i] != '{' && value.at[i] != '}' && value.at[i] != '-';
    }
    return digits == 32 && zeros == 32 ? TEXT("none") : TEXT_NULL;
}

static struct text bool_meaning(struct text value)
{
    if (text_is_like(value, "1") || text_is_like(value, "true"))
        return TEXT("yes");
    return text_is_like(value, "0") || text_is_like(value, "false") ? TEXT("no") : TEXT_NULL;
}

/* The state of a state message depends on the topic beside it. */
static struct text state_meaning(const struct xml_element *state, struct text value, struct arena *arena,
                                 enum certainty *certainty)
{
    struct text topic = xml_attribute(xml_child(state->parent, "Topic"), "Type");
    if (text_is(value, "0"))
        return TEXT("unknown");
    if (topic.at == NULL || topic.length + value.length > 64)
        return TEXT_NULL;
    struct text key = text_format(arena, "%.*s:%.*s", (int)topic.length, topic.at, (int)value.length, value.at);
    return text_of(name_of(NAMES_STATE, key, certainty));
}

static struct text blob_meaning(struct arena *arena, const char *what, struct text value)
{
    return value.length == 0 ? TEXT_NULL : text_format(arena, "%s%zu bytes", what, value.length / 2);
}

static struct text meaning_of(struct arena *arena, const struct xml_element *element, enum names_table names,
                              struct text value, enum certainty *certainty, enum ccm_field_kind kind)
{
    struct text meaning = TEXT_NULL;
    switch (kind) {
    case CCM_FIELD_SIZE:
        return value.length == 0 ? TEXT_NULL : TEXT("bytes");
    case CCM_FIELD_BOOL:
        return bool_meaning(value);
    case CCM_FIELD_TIME:
    case CCM_FIELD_CIM_TIME:
        return cim_time(value, arena, &meaning) ? meaning : TEXT_NULL;
    case CCM_FIELD_GUID:
        return guid_meaning(value);
    case CCM_FIELD_ENUM:
        return text_of(name_of(names, value, certainty));
    case CCM_FIELD_FLAGS:
        return flags_of(names, value, arena, certainty);
    case CCM_FIELD_STATE:
        return state_meaning(element, value, arena, certainty);
    case CCM_FIELD_HEX:
        return text_is_hex(value) ? blob_meaning(arena, "", value) : TEXT_NULL;
    case CCM_FIELD_CERTIFICATE:
        return text_is_hex(value) ? blob_meaning(arena, "X.509 certificate, ", value) : TEXT_NULL;
    case CCM_FIELD_GROUP:
    case CCM_FIELD_LIST:
    case CCM_FIELD_TEXT:
    case CCM_FIELD_NUMBER:
    case CCM_FIELD_PROPERTY:
    case CCM_FIELD_XML:
    case CCM_FIELD_SECRET:
    case CCM_FIELD_BASE64:
    case CCM_FIELD_POLICY_VALUE:
        break;
    }
    return TEXT_NULL;
}

/* A secret leaves its length alone, or what it says when the user wants to see it. */
static void fill_secret(struct ccm_decoder *decoder, struct text value, struct ccm_field *field)
{
    field->kind = CCM_FIELD_SECRET;
    if (!decoder->show_secrets) {
        field->meaning = text_format(&decoder->arena, "a secret, not shown: %zu characters", value.length);
        return;
    }
    field->value = text_cut(value, CCM_FIELD_VALUE_MAX);
    field->meaning = text_cut(ccm_secret_text(decoder, value), CCM_FIELD_VALUE_MAX);
}

void value_fill(struct ccm_decoder *decoder, const struct xml_element *element, enum names_table names,
                struct text value, enum certainty *certainty, struct ccm_field *field)
{
    struct arena *arena = &decoder->arena;
    field->bytes = value.length;
    bool secret = (field->kind == CCM_FIELD_SECRET && value.length > 0) || is_obfuscated(value) ||
                  (field->kind == CCM_FIELD_POLICY_VALUE && value_is_secret(element, value));
    if (secret) {
        fill_secret(decoder, value, field);
        return;
    }
    bool blob = value.length >= BLOB_MIN && text_is_hex(value);
    field->value = text_cut(value, blob ? CCM_FIELD_BLOB_SHOWN : CCM_FIELD_VALUE_MAX);
    field->meaning = meaning_of(arena, element, names, value, certainty, field->kind);
    if (blob && field->meaning.at == NULL)
        field->meaning = blob_meaning(arena, "", value);
}

/* ---- Lists ---- */

struct tally {
    struct text name;
    size_t count;
};

/* What an entry is counted as: an inventory instance by its class, others by their name. */
static struct text tally_name(const struct xml_element *entry)
{
    struct text class = text_is(entry->name, "Instance") ? xml_attribute(entry, "Class") : TEXT_NULL;
    return text_cut(class.length > 0 ? class : entry->name, 64);
}

struct text list_meaning(struct arena *arena, const struct xml_element *list)
{
    struct tally tallies[CCM_FIELD_CLASSES_MAX];
    size_t kinds = 0, total = 0, others = 0;
    for (const struct xml_element *entry = list->child; entry != NULL; entry = entry->next) {
        struct text name = tally_name(entry);
        size_t i = 0;
        while (i < kinds && !text_equal(tallies[i].name, name))
            i++;
        if (i == kinds && kinds < CCM_FIELD_CLASSES_MAX)
            tallies[kinds++] = (struct tally){name, 0};
        if (i < kinds)
            tallies[i].count++;
        else
            others++;
        total++;
    }
    struct text joined = text_format(arena, "%zu %s", total, total == 1 ? "entry" : "entries");
    for (size_t i = 0; i < kinds && joined.at != NULL; i++)
        joined = text_format(arena, "%.*s%s%zu %.*s", (int)joined.length, joined.at, i == 0 ? ": " : ", ",
                             tallies[i].count, (int)tallies[i].name.length, tallies[i].name.at);
    if (others > 0 && joined.at != NULL)
        joined = text_format(arena, "%.*s, %zu others", (int)joined.length, joined.at, others);
    return joined;
}
