/* dissect/sasl.c: see sasl.h.
 *
 * Kerberos with AES: 05 04, u8 flags (2: sealed), FF, u16 length of the checksum, u16 rotation, u64 sequence, then data and
 * checksum, rotated to the right. Kerberos with RC4: 60 length OID, 02 01, u16 algorithm, u16 sealing (FFFF: none), ...
 * NTLM: u32 1, 12 bytes, data.
 */
#include "dissect/sasl.h"

#include "dissect/configmgr/ber.h"

#define NTLM_SIGNATURE 16
#define RC4_HEADER 32 /* from 02 01 to the confounder's end */

enum { CFX_SEALED = 2 };

/* Whether one element, or several, fill it. */
static bool is_filled(struct cursor plain)
{
    struct cursor content;
    bool any = false;
    while (plain.left > 0) {
        if (!ber_take(&plain, BER_SEQUENCE, &content))
            return false;
        any = true;
    }
    return any;
}

static bool unwrap_cfx(struct cursor token, struct cursor *plain)
{
    uint8_t flags, filler;
    uint16_t checksum, rotation;
    if (!cursor_skip(&token, 2) || !cursor_u8(&token, &flags) || !cursor_u8(&token, &filler) ||
        !cursor_be16(&token, &checksum) || !cursor_be16(&token, &rotation) || !cursor_skip(&token, 8) ||
        flags & CFX_SEALED || checksum > token.left || token.left == 0)
        return false;
    size_t turned = rotation % token.left;
    if (turned != 0 && turned != checksum)
        return false; /* the data is in two parts: nobody sends that */
    return cursor_slice(token, turned, token.left - checksum, plain) && is_filled(*plain);
}

static bool unwrap_rc4(struct cursor token, struct cursor *plain)
{
    struct cursor content, mechanism, sealing;
    if (!ber_take(&token, 0x60, &content) || !ber_take(&content, 0x06, &mechanism) ||
        !cursor_starts(content, "\x02\x01", 2) || !cursor_slice(content, 4, 2, &sealing) ||
        !cursor_starts(sealing, "\xFF\xFF", 2) || content.left <= RC4_HEADER)
        return false;
    return cursor_slice(content, RC4_HEADER, content.left - RC4_HEADER - 1, plain) &&
           is_filled(*plain); /* a byte pads */
}

bool sasl_unwrap(struct cursor token, struct cursor *plain)
{
    struct cursor message;
    if (cursor_starts(token, "\x05\x04", 2))
        return unwrap_cfx(token, plain);
    if (cursor_starts(token, "\x60", 1))
        return unwrap_rc4(token, plain);
    if (cursor_starts(token, "\x01\x00\x00\x00", 4))
        return cursor_slice(token, NTLM_SIGNATURE, token.left < NTLM_SIGNATURE ? 0 : token.left - NTLM_SIGNATURE,
                            plain) &&
               is_filled(*plain);
    *plain = token;
    return cursor_starts(token, "\x30", 1) && ber_take(&token, BER_SEQUENCE, &message) && token.left <= NTLM_SIGNATURE;
}
