/* dissect/http_login.h: who is logged on when a request comes.
 *
 * Basic and Digest prove who sends a request, each time. NTLM proves it once: what follows on the connection is that
 * user's, until the server asks again (MS-N2HT 3.2.5, MS-NTHT). With Kerberos the server says which of both it does:
 *
 *   nobody --reply to NTLM, or with Persistent-Auth: true--> connection --401--> nobody
 *      \------a hole, a proxy, Kerberos without Persistent-Auth------> perhaps
 */
#ifndef CMSCOPE_DISSECT_HTTP_LOGIN_H
#define CMSCOPE_DISSECT_HTTP_LOGIN_H

#include "dissect/http_exchange.h"

/* Of an exchange, and of a connection all but the last. */
enum http_login {
    HTTP_LOGIN_NONE,
    HTTP_LOGIN_PERHAPS,    /* somebody may be logged on to the connection */
    HTTP_LOGIN_CONNECTION, /* somebody is */
    HTTP_LOGIN_HEADER      /* the request itself brings credentials */
};

/* The state of a connection that begins; `seen`: its beginning is in the capture. */
enum http_login http_login_first(bool seen);

/* Take the headers of a request or reply: rows of `ntlm` and `kerberos`, and what follows for the connection. */
void http_login_request(struct http_exchange *exchange);
void http_login_reply(struct http_exchange *exchange);

/* Requests or replies may be missing: nobody knows any more who is logged on. */
void http_login_doubt(struct http_flow *flow);

/* The account that a request comes from, in the arena or as long as the flow; TEXT_NULL when it cannot be read. */
struct text http_login_user(const struct http_exchange *exchange, struct arena *arena);

void http_login_free(struct http_flow *flow);

#endif
