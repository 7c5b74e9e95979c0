/* dissect/tls_session.h: sessions that a later connection may resume (RFC 5246 appendix F.1.4, RFC 5077, RFC 8446 section 2.2).
 *
 * Remembered by session id and by ticket, together with the two hosts: all that two hosts say goes to one worker, so what
 * is found does not depend on the number of workers. When there is no more room, the oldest is forgotten.
 */
#ifndef CMSCOPE_DISSECT_TLS_SESSION_H
#define CMSCOPE_DISSECT_TLS_SESSION_H

#include "capture/flow.h"
#include "core/row.h"
#include "dissect/tls_schedule.h"

#define TLS_SESSIONS_MAX ((size_t)1 << 17) /* 17 MB */

struct tls_sessions;

/* What a session leaves behind. */
struct tls_session {
    int64_t row; /* of `tls`: the connection with the full handshake */
    bool has_master;
    uint8_t master[TLS_MASTER];
};

struct tls_sessions *tls_sessions_new(void); /* NULL when out of memory; takes room as it is needed */
void tls_sessions_free(struct tls_sessions *sessions);

enum tls_handle { TLS_SESSION_ID, TLS_TICKET };

/* Remembers `session` by what the server gave out; what was remembered by the same is replaced. */
void tls_sessions_put(struct tls_sessions *sessions, const struct flow *flow, enum tls_handle kind,
                      struct cursor handle, const struct tls_session *session);
/* NULL when there is none. Valid until the next put. */
const struct tls_session *tls_sessions_find(const struct tls_sessions *sessions, const struct flow *flow,
                                            enum tls_handle kind, struct cursor handle);
/* Sessions that were forgotten for lack of room. */
uint64_t tls_sessions_forgotten(const struct tls_sessions *sessions);

#endif
