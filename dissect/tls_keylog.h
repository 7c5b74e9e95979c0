/* dissect/tls_keylog.h: TLS key logs: secrets that a client or server wrote down (the SSLKEYLOGFILE format of NSS).
 *
 *   label, the client's random in hex, the secret in hex; one a line. `#` starts a comment.
 */
#ifndef CMSCOPE_DISSECT_TLS_KEYLOG_H
#define CMSCOPE_DISSECT_TLS_KEYLOG_H

#include "core/cursor.h"
#include "core/text.h"

#define TLS_KEYLOG_MAX ((size_t)1 << 20) /* secrets that are kept; some 150 bytes each */

enum tls_secret {
    TLS_SECRET_MASTER,       /* CLIENT_RANDOM: master secret, up to TLS 1.2 */
    TLS_SECRET_PREMASTER,    /* PMS_CLIENT_RANDOM: premaster secret */
    TLS_SECRET_ENCRYPTED,    /* RSA: premaster secret, by the first 8 bytes of its encrypted form */
    TLS_SECRET_SESSION,      /* RSA Session-ID:... Master-Key:...: master secret, by session id */
    TLS_SECRET_CLIENT_EARLY, /* the rest: TLS 1.3 */
    TLS_SECRET_CLIENT_HANDSHAKE,
    TLS_SECRET_SERVER_HANDSHAKE,
    TLS_SECRET_CLIENT_TRAFFIC,
    TLS_SECRET_SERVER_TRAFFIC,
};

struct tls_keylog;

struct tls_keylog *tls_keylog_new(void); /* NULL when out of memory */
void tls_keylog_free(struct tls_keylog *keylog);

/* Takes all secrets in `text`; returns the number of lines that were understood (comments are not). `captured`: it comes with the
 * capture, not from the user. */
size_t tls_keylog_read(struct tls_keylog *keylog, struct text text, bool captured);

/* The secret of that kind for `key` (a client random, a session id ...); false when there is none. *captured as above. */
MUST_USE bool tls_keylog_find(const struct tls_keylog *keylog, enum tls_secret kind, struct cursor key,
                              struct cursor *secret, bool *captured);
/* Whether there are premaster secrets, for which handshakes must be remembered (RFC 7627). */
bool tls_keylog_premasters(const struct tls_keylog *keylog);
/* Secrets that did not fit. */
size_t tls_keylog_lost(const struct tls_keylog *keylog);

#endif
