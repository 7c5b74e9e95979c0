/* dissect/ntlm.c: see ntlm.h.
 *
 * All little endian; a "field" is u16 length, u16 room, u32 offset from the start of the message.
 *   NEGOTIATE (2.2.1.1)     "NTLMSSP\0", u32 1, u32 flags, field domain, field workstation, version
 *   CHALLENGE (2.2.1.2)     "NTLMSSP\0", u32 2, field target, u32 flags, challenge[8], reserved[8], field target info,
 *                           version
 *   AUTHENTICATE (2.2.1.3)  "NTLMSSP\0", u32 3, fields LM response, NT response, domain, user, workstation, session
 *                           key, u32 flags, version, MIC[16]
 *   version (2.2.2.10)      u8 major, u8 minor, u16 build, reserved[3], u8 revision
 *   AV_PAIR (2.2.2.1)       u16 id, u16 length, value; id 0 ends the list
 *   NTLMv2 response (2.2.2.8)  proof[16], u8 1, u8 1, reserved[6], time[8], client challenge[8], reserved[4], AV_PAIRs
 */
#include "dissect/ntlm.h"

#include <string.h>

#include "dissect/configmgr/payload.h"

#define AV_PAIRS_MAX 32
#define NTLM_V1_RESPONSE_BYTES 24
#define V2_FIXED_BYTES 44 /* of an NTLMv2 response, before its AV_PAIRs */
#define AUTHENTICATE_FIXED_BYTES 64
#define VERSION_BYTES 8
#define MIC_BYTES 16
#define AV_FLAG_MIC 0x00000002

enum av_id {
    AV_END = 0,
    AV_NB_COMPUTER = 1,
    AV_NB_DOMAIN = 2,
    AV_DNS_COMPUTER = 3,
    AV_DNS_DOMAIN = 4,
    AV_DNS_FOREST = 5,
    AV_FLAGS = 6,
    AV_TARGET = 9,
    AV_CHANNEL_BINDINGS = 10
};

/* ---- Parts ---- */

static bool take_field(struct cursor *header, struct cursor message, struct cursor *field)
{
    uint16_t length, room;
    uint32_t offset;
    if (!cursor_le16(header, &length) || !cursor_le16(header, &room) || !cursor_le32(header, &offset))
        return false;
    if (length == 0) { /* its offset means nothing */
        *field = CURSOR_EMPTY;
        return true;
    }
    return cursor_slice(message, offset, length, field);
}

static struct text field_text(struct cursor field, bool unicode, struct arena *arena)
{
    return unicode ? text_from_utf16(arena, field, false, NULL) : text_clean(arena, field);
}

static struct text take_version(struct cursor *header, uint32_t flags, struct arena *arena)
{
    uint8_t major, minor;
    uint16_t build;
    struct cursor version;
    if (!(flags & NTLM_VERSION) || !cursor_take(header, VERSION_BYTES, &version) || !cursor_u8(&version, &major) ||
        !cursor_u8(&version, &minor) || !cursor_le16(&version, &build) || (major == 0 && minor == 0 && build == 0))
        return TEXT_NULL;
    return text_format(arena, "%u.%u.%u", major, minor, build);
}

static bool is_zero(struct cursor bytes)
{
    uint8_t byte;
    while (cursor_u8(&bytes, &byte)) {
        if (byte != 0)
            return false;
    }
    return true;
}

static void take_pairs(struct cursor pairs, struct arena *arena, struct ntlm_message *message)
{
    struct text *const texts[] = {
        [AV_NB_COMPUTER] = &message->target_computer,
        [AV_NB_DOMAIN] = &message->target_domain,
        [AV_DNS_COMPUTER] = &message->target_dns_computer,
        [AV_DNS_DOMAIN] = &message->target_dns_domain,
        [AV_DNS_FOREST] = &message->target_dns_forest,
        [AV_FLAGS] = NULL,
        [AV_TARGET] = &message->service,
    };
    uint16_t id, length;
    uint32_t flags;
    struct cursor value;
    for (unsigned i = 0; i < AV_PAIRS_MAX; i++) {
        if (!cursor_le16(&pairs, &id) || !cursor_le16(&pairs, &length) || !cursor_take(&pairs, length, &value) ||
            id == AV_END)
            return;
        if (id == AV_CHANNEL_BINDINGS)
            message->channel_bindings = !is_zero(value);
        else if (id == AV_FLAGS && cursor_le32(&value, &flags))
            message->mic = flags & AV_FLAG_MIC;
        else if (id < sizeof texts / sizeof texts[0] && texts[id] != NULL)
            *texts[id] = text_from_utf16(arena, value, false, NULL);
    }
    message->pairs_left_out = true;
}

/* ---- Messages ---- */

static bool parse_negotiate(struct cursor header, struct cursor whole, struct arena *arena,
                            struct ntlm_message *message)
{
    struct cursor domain, workstation;
    if (!cursor_le32(&header, &message->flags))
        return false;
    if (!take_field(&header, whole, &domain) || !take_field(&header, whole, &workstation))
        return true; /* old clients leave them out */
    if (domain.left > 0)
        message->domain = text_clean(arena, domain);
    if (workstation.left > 0)
        message->workstation = text_clean(arena, workstation);
    message->version = take_version(&header, message->flags, arena);
    return true;
}

static bool parse_challenge(struct cursor header, struct cursor whole, struct arena *arena,
                            struct ntlm_message *message)
{
    struct cursor target, info;
    if (!take_field(&header, whole, &target) || !cursor_le32(&header, &message->flags) ||
        !cursor_take(&header, NTLM_CHALLENGE_BYTES, &message->challenge))
        return false;
    message->target = field_text(target, message->flags & NTLM_UNICODE, arena);
    if (!cursor_skip(&header, 8) || !take_field(&header, whole, &info))
        return true;
    message->version = take_version(&header, message->flags, arena);
    take_pairs(info, arena, message);
    return true;
}

static enum ntlm_response response_of(struct cursor lm, struct cursor nt, const struct ntlm_message *message)
{
    if (message->user.length == 0 && nt.left == 0)
        return NTLM_RESPONSE_ANONYMOUS;
    if (nt.left > NTLM_V1_RESPONSE_BYTES)
        return NTLM_RESPONSE_V2;
    if (nt.left == NTLM_V1_RESPONSE_BYTES)
        return message->flags & NTLM_EXTENDED_SESSION_SECURITY ? NTLM_RESPONSE_V1_ESS : NTLM_RESPONSE_V1;
    return lm.left > 1 ? NTLM_RESPONSE_LM : NTLM_RESPONSE_NONE;
}

static bool parse_authenticate(struct cursor header, struct cursor whole, struct arena *arena,
                               struct ntlm_message *message)
{
    struct cursor lm, nt, domain, user, workstation, key, pairs;
    if (!take_field(&header, whole, &lm) || !take_field(&header, whole, &nt) || !take_field(&header, whole, &domain) ||
        !take_field(&header, whole, &user) || !take_field(&header, whole, &workstation))
        return false;
    /* The oldest form ends here (MS-NLMP 2.2.1.3, note on Windows NT). */
    if (!take_field(&header, whole, &key) || !cursor_le32(&header, &message->flags))
        message->flags = NTLM_UNICODE;
    bool unicode = message->flags & NTLM_UNICODE;
    message->domain = field_text(domain, unicode, arena);
    message->user = field_text(user, unicode, arena);
    message->workstation = field_text(workstation, unicode, arena);
    message->version = take_version(&header, message->flags, arena);
    message->response = response_of(lm, nt, message);
    if (message->response == NTLM_RESPONSE_V2 && cursor_slice(nt, V2_FIXED_BYTES, nt.left - V2_FIXED_BYTES, &pairs)) {
        take_pairs(pairs, arena, message);
    }
    return true;
}

bool ntlm_parse(struct cursor bytes, struct arena *arena, struct ntlm_message *message)
{
    static const struct {
        enum ntlm_type type;
        bool (*parse)(struct cursor header, struct cursor whole, struct arena *arena, struct ntlm_message *message);
    } types[] = {
        {NTLM_TYPE_NEGOTIATE, parse_negotiate},
        {NTLM_TYPE_CHALLENGE, parse_challenge},
        {NTLM_TYPE_AUTHENTICATE, parse_authenticate},
    };
    struct cursor header = bytes;
    uint32_t type;
    *message = (struct ntlm_message){0};
    if (!cursor_starts(bytes, NTLM_SIGNATURE, NTLM_SIGNATURE_BYTES) || !cursor_skip(&header, NTLM_SIGNATURE_BYTES) ||
        !cursor_le32(&header, &type))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].type != type)
            continue;
        message->type = types[i].type;
        return types[i].parse(header, bytes, arena, message);
    }
    return false;
}

const char *ntlm_type_name(enum ntlm_type type)
{
    switch (type) {
    case NTLM_TYPE_NEGOTIATE:
        return "NEGOTIATE";
    case NTLM_TYPE_CHALLENGE:
        return "CHALLENGE";
    case NTLM_TYPE_AUTHENTICATE:
        return "AUTHENTICATE";
    }
    return "message of an unknown type";
}

/* ---- HTTP ---- */

static struct text authenticate_user(struct cursor bytes, struct arena *arena)
{
    struct ntlm_message message;
    if (!ntlm_parse(bytes, arena, &message) || message.type != NTLM_TYPE_AUTHENTICATE || message.domain.at == NULL ||
        message.user.at == NULL)
        return TEXT_NULL;
    return text_format(arena, "%.*s%s%.*s", (int)message.domain.length, message.domain.at,
                       message.domain.length > 0 ? "\\" : "", (int)message.user.length, message.user.at);
}

static struct text basic_user(struct cursor bytes, struct arena *arena)
{
    size_t colon;
    if (!cursor_find(bytes, cursor_of(":", 1), &colon))
        return TEXT_NULL;
    return text_clean(arena, cursor_of(bytes.at, colon));
}

struct text ntlm_user(struct text authorization, struct arena *arena)
{
    static const char *const schemes[] = {"NTLM ", "Negotiate ", "Basic "};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]), at;
        struct cursor bytes, message;
        if (!text_starts_like(authorization, schemes[i]))
            continue;
        if (!ccm_base64_decode((struct text){authorization.at + length, authorization.length - length}, arena, &bytes))
            return TEXT_NULL;
        if (i == 2)
            return basic_user(bytes, arena);
        /* Inside SPNEGO the message stands in a wrapper: find it by its signature. */
        if (!cursor_find(bytes, cursor_of(NTLM_SIGNATURE, NTLM_SIGNATURE_BYTES), &at) ||
            !cursor_slice(bytes, at, bytes.left - at, &message))
            return TEXT_NULL;
        return authenticate_user(message, arena);
    }
    return TEXT_NULL;
}
