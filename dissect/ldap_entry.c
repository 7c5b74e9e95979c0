/* dissect/ldap_entry.c: see ldap_entry.h (practices.md A0.2 ROL-LDAP, MS-ADTS 6.3.1.9). */
#include "dissect/ldap_entry.h"

#include "dissect/configmgr/ber.h"
#include "dissect/dns_name.h"
#include "dissect/internal.h"
#include "dissect/trouble.h"

#define ATTRIBUTES_MAX 1024                /* an object of Active Directory has some hundred */
#define VALUES_MAX 4096                    /* rows of one entry: boundaries of a large site */
#define TEXT_VALUE_MAX ((size_t)64 * 1024) /* capabilities are some kilobytes of XML */
#define BINARY_VALUE_MAX ((size_t)4096)

static const char *const REVOCATION[] = {"certificateRevocationList", "deltaRevocationList", "authorityRevocationList"};

bool ldap_is_configmgr(struct text text)
{
    size_t at;
    return text_find_like(text, "mSSMS", &at) || text_find_like(text, "CN=System Management", &at) ||
           text_find_like(text, "serviceBindingInformation", &at);
}

static bool is_revocation(struct text attribute)
{
    for (size_t i = 0; i < sizeof REVOCATION / sizeof REVOCATION[0]; i++) {
        if (text_starts_like(attribute, REVOCATION[i]))
            return true;
    }
    return false;
}

/* Takes the next attribute: its name, and its values as a row of OCTET STRINGs. */
static bool take_attribute(struct cursor *attributes, struct text *name, struct cursor *values)
{
    struct cursor attribute, type;
    if (!ber_take(attributes, BER_SEQUENCE, &attribute) || !ber_take(&attribute, BER_OCTET_STRING, &type) ||
        !ber_take(&attribute, BER_SET, values))
        return false;
    *name = text_from(type);
    return true;
}

/* ---- Values ---- */

/* Valid UTF-8 without control characters but tab and line ends; a NUL at the end does no harm. */
static bool is_text(struct cursor value)
{
    const uint8_t *at = value.at, *end = value.at + value.left;
    if (value.left > 0 && end[-1] == 0)
        end--;
    while (at < end) {
        const uint8_t *before = at;
        uint32_t character = text_next(&at, end);
        bool damaged = character == 0xFFFD && before[0] != 0xEF;
        if (damaged || (character < ' ' && character != '\t' && character != '\n' && character != '\r'))
            return false;
    }
    return true;
}

static void emit_value(const struct ldap_place *place, struct ldap_entry_row *row, struct cursor value)
{
    struct dissect *dissect = place->conversation->dissect;
    size_t most = TEXT_VALUE_MAX;
    row->bytes = (int64_t)value.left;
    row->binary = !is_text(value);
    if (row->binary)
        most = BINARY_VALUE_MAX;
    if (value.left > most && !row->binary)
        trouble_limit(place->conversation, "ldap", LIMIT_ldap_value, place->moment);
    if (value.left > most)
        value.left = most;
    if (!row->binary && value.left > 0 && value.at[value.left - 1] == 0)
        value.left--;
    row->value = row->binary ? text_hex(&dissect->scratch, value) : text_utf8(&dissect->scratch, text_from(value));
    sink_append(&dissect->sink, TABLE_ldap_entry, row);
}

static bool emit_attribute(const struct ldap_place *place, struct ldap_entry_row *row, struct cursor values,
                           unsigned *count)
{
    struct cursor value;
    while (*count < VALUES_MAX && ber_take(&values, BER_OCTET_STRING, &value)) {
        emit_value(place, row, value);
        ++*count;
    }
    if (values.left > 0 && *count == VALUES_MAX) {
        trouble_limit(place->conversation, "ldap", LIMIT_ldap_values, place->moment);
        return true;
    }
    return values.left == 0;
}

/* ---- Answers of domain controllers: u16 opcode, u16, u32 flags, GUID, names as in DNS ---- */

#define OPCODE_RESPONSE_EX 23 /* and 24, 25: the extended forms */
#define NAMES 8

static void emit_netlogon(const struct ldap_place *place, struct cursor value)
{
    const struct conversation *conversation = place->conversation;
    struct arena *arena = &conversation->dissect->scratch;
    struct netlogon_ping_row row = netlogon_ping_row_null();
    struct text user, *const names[NAMES] = {&row.forest,       &row.domain, &row.host,    &row.netbios_domain,
                                             &row.netbios_host, &user,       &row.dc_site, &row.client_site};
    struct cursor at = value;
    struct dns_name name;
    uint16_t opcode, unused;
    uint32_t flags;
    if (!cursor_le16(&at, &opcode))
        return;
    row.packet = place->moment.packet;
    row.time = moment_seconds(place->moment);
    row.flow = conversation->row;
    row.client = conversation_address(conversation, place->client);
    row.server = conversation_address(conversation, direction_reverse(place->client));
    row.opcode = opcode;
    if (opcode >= OPCODE_RESPONSE_EX && cursor_le16(&at, &unused) && cursor_le32(&at, &flags) && cursor_skip(&at, 16)) {
        row.flags = flags;
        for (size_t i = 0; i < NAMES && dns_name_take(value, &at, &name); i++)
            *names[i] = text_clean(arena, cursor_of(name.text, name.length));
    }
    sink_append(&conversation->dissect->sink, TABLE_netlogon_ping, &row);
}

/* ---- Entries ---- */

/* The last value of objectClass, which is the most special one, and whether anything concerns ConfigMgr. */
static struct text class_of(struct cursor attributes, bool *configmgr)
{
    struct text name, class = TEXT_NULL;
    struct cursor values, value;
    for (int i = 0; i < ATTRIBUTES_MAX && take_attribute(&attributes, &name, &values); i++) {
        *configmgr = *configmgr || ldap_is_configmgr(name);
        while (text_is_like(name, "objectClass") && ber_take(&values, BER_OCTET_STRING, &value)) {
            class = text_from(value);
            *configmgr = *configmgr || ldap_is_configmgr(class);
        }
    }
    return class;
}

bool ldap_entry_read(const struct ldap_place *place, struct text dn, struct cursor attributes)
{
    struct arena *arena = &place->conversation->dissect->scratch;
    bool configmgr = ldap_is_configmgr(dn);
    struct ldap_entry_row row = ldap_entry_row_null();
    struct text class = class_of(attributes, &configmgr), name;
    struct cursor values, value;
    unsigned count = 0;
    bool read = true;
    row.packet = place->moment.packet;
    row.time = moment_seconds(place->moment);
    row.flow = place->conversation->row;
    row.operation = place->operation;
    row.written = place->written;
    row.dn = text_utf8(arena, dn);
    row.class = class.at == NULL ? TEXT_NULL : text_utf8(arena, class);
    for (int i = 0; i < ATTRIBUTES_MAX && take_attribute(&attributes, &name, &values); i++) {
        if (text_is_like(name, "netlogon") && ber_take(&values, BER_OCTET_STRING, &value)) {
            emit_netlogon(place, value);
        } else if (configmgr || is_revocation(name)) {
            row.attribute = text_utf8(arena, name);
            read = emit_attribute(place, &row, values, &count) && read;
        }
    }
    if (attributes.left > 0 && take_attribute(&attributes, &name, &values))
        trouble_limit(place->conversation, "ldap", LIMIT_ldap_entry_attributes, place->moment);
    else if (attributes.left > 0)
        read = false;
    return read;
}
