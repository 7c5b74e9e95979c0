/* dissect/ntlm.c: see ntlm.h.
 *
 * AUTHENTICATE_MESSAGE (MS-NLMP 2.2.1.3), all little endian:
 *   "NTLMSSP\0", u32 3, LmResponse, NtResponse, DomainName, UserName, Workstation, SessionKey (each u16 length, u16
 * room,
 *   u32 offset), u32 flags ...
 */
#include "dissect/ntlm.h"

#include <openssl/evp.h>
#include <string.h>

#define AUTHORIZATION_MAX ((size_t)32 * 1024) /* a Kerberos ticket in Negotiate has some kilobytes */
#define NTLM_UNICODE 0x00000001u              /* NTLMSSP_NEGOTIATE_UNICODE */

static bool base64_decode(struct text text, struct arena *arena, struct cursor *bytes)
{
    text = text_trim(text);
    if (text.length == 0 || text.length > AUTHORIZATION_MAX || text.length % 4 != 0)
        return false;
    unsigned char *out = arena_alloc(arena, text.length);
    int length = out == NULL ? -1 : EVP_DecodeBlock(out, (const unsigned char *)text.at, (int)text.length);
    if (length < 0)
        return false;
    for (size_t i = text.length; i > 0 && text.at[i - 1] == '=' && length > 0; i--)
        length--; /* padding decodes to zeros */
    *bytes = cursor_of(out, (size_t)length);
    return true;
}

static bool take_field(struct cursor *header, struct cursor message, struct cursor *field)
{
    uint16_t length, room;
    uint32_t offset;
    return cursor_le16(header, &length) && cursor_le16(header, &room) && cursor_le32(header, &offset) &&
           cursor_slice(message, offset, length, field);
}

static struct text field_text(struct cursor field, bool unicode, struct arena *arena)
{
    return unicode ? text_from_utf16(arena, field, false, NULL) : text_clean(arena, field);
}

static struct text authenticate_user(struct cursor message, struct arena *arena)
{
    struct cursor header = message, lm, nt, domain, user, workstation, key;
    uint32_t type, flags;
    if (!cursor_skip(&header, 8) || !cursor_le32(&header, &type) || type != 3 || !take_field(&header, message, &lm) ||
        !take_field(&header, message, &nt) || !take_field(&header, message, &domain) ||
        !take_field(&header, message, &user) || !take_field(&header, message, &workstation) ||
        !take_field(&header, message, &key) || !cursor_le32(&header, &flags))
        return TEXT_NULL;
    struct text domain_text = field_text(domain, flags & NTLM_UNICODE, arena);
    struct text user_text = field_text(user, flags & NTLM_UNICODE, arena);
    if (domain_text.at == NULL || user_text.at == NULL)
        return TEXT_NULL;
    return text_format(arena, "%.*s%s%.*s", (int)domain_text.length, domain_text.at, domain_text.length > 0 ? "\\" : "",
                       (int)user_text.length, user_text.at);
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
        if (!base64_decode((struct text){authorization.at + length, authorization.length - length}, arena, &bytes))
            return TEXT_NULL;
        if (i == 2)
            return basic_user(bytes, arena);
        /* Inside SPNEGO the message stands in a wrapper: find it by its signature. */
        if (!cursor_find(bytes, cursor_of("NTLMSSP", 8), &at) || !cursor_slice(bytes, at, bytes.left - at, &message))
            return TEXT_NULL;
        return authenticate_user(message, arena);
    }
    return TEXT_NULL;
}
