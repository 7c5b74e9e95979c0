/* dissect/sspi.c: see sspi.h. */
#include "dissect/sspi.h"

/* Object identifiers in DER: Kerberos 5 (RFC 1964), as Microsoft once wrote it, and SPNEGO (RFC 4178). */
static const uint8_t KERBEROS[] = {0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02};
static const uint8_t SPNEGO[] = {0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x02};
static const char NTLM[] = "NTLMSSP"; /* its NUL belongs to the signature */

/* A ticket, not only the offer of one: AP-REQ as the token of the mechanism (RFC 4121 section 4.1). */
static const uint8_t KERBEROS_REQUEST[] = {0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7,
                                           0x12, 0x01, 0x02, 0x02, 0x01, 0x00};

#define SEARCHED ((size_t)512) /* the mechanism stands at the start of a token */

struct text sspi_mechanism(struct cursor token)
{
    size_t at;
    struct cursor start = cursor_of(token.at, token.left < SEARCHED ? token.left : SEARCHED);
    if (cursor_find(start, cursor_of(NTLM, sizeof NTLM), &at))
        return TEXT("ntlm");
    if (cursor_find(start, cursor_of(KERBEROS_REQUEST, sizeof KERBEROS_REQUEST), &at))
        return TEXT("kerberos");
    if (cursor_starts(start, "\x60", 1) && cursor_find(start, cursor_of(KERBEROS, sizeof KERBEROS), &at) &&
        !cursor_find(start, cursor_of(SPNEGO, sizeof SPNEGO), &at))
        return TEXT("kerberos");
    if (cursor_find(start, cursor_of(SPNEGO, sizeof SPNEGO), &at) || cursor_starts(start, "\xA1", 1))
        return TEXT("spnego");
    return TEXT_NULL;
}
