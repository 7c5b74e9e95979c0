/* dissect/auth.h: who authenticates: tokens of SPNEGO, NTLM and Kerberos, whatever protocol carries them.
 *
 *   SMB, RPC, HTTP, LDAP, TDS, DNS --token--> auth_token --> rows of `ntlm` and `kerberos`
 *                                            `--> struct auth: what the carrier says in its own row
 *
 * A token is an NTLM message (MS-NLMP 2.2.1), a Kerberos message, or one of them inside GSS (RFC 2743 section 3.1) or
 * SPNEGO (RFC 4178 section 4.2). What cannot be read is passed over.
 */
#ifndef CMSCOPE_DISSECT_AUTH_H
#define CMSCOPE_DISSECT_AUTH_H

#include "dissect/dissector.h"

/* Where tokens travel. */
struct auth_carrier {
    struct conversation *conversation;
    const char *name;      /* http, smb, rpc, ldap, tds, dns */
    enum direction client; /* the direction of the side that authenticates */
};

enum auth_method { AUTH_UNKNOWN, AUTH_NTLM, AUTH_KERBEROS };

/* One authentication: tokens of both directions until it is done. Start from AUTH_NEW. */
struct auth {
    enum auth_method method;
    int64_t ntlm, kerberos; /* rows, or INT_NULL */
    bool anonymous;         /* NTLM without a user */
    bool complete;          /* NTLM: the client's last message was seen; the next one starts another row */
};

#define AUTH_NEW ((struct auth){.ntlm = INT_NULL, .kerberos = INT_NULL})

/* Takes a token. Texts are made in the scratch arena of the conversation's dissect, which is not reset here. */
void auth_token(struct auth *auth, const struct auth_carrier *carrier, struct cursor token, struct moment moment);

/* Takes the value of an HTTP header: Authorization, or WWW-Authenticate (also of proxies). Schemes other than NTLM,
 * Negotiate and Kerberos are passed over. */
void auth_http_header(struct auth *auth, const struct auth_carrier *carrier, struct text value, struct moment moment);

/* "ntlm", "kerberos", "anonymous", or NULL. */
const char *auth_name(const struct auth *auth);

#endif
