/* dissect/tls_protection.h: records of one direction, opened with its keys.
 *
 * Nothing is handed on that its MAC or tag does not vouch for. A direction's keys hold from one change of cipher to the
 * next; the sequence number counts records since then, read or not.
 */
#ifndef CMSCOPE_DISSECT_TLS_PROTECTION_H
#define CMSCOPE_DISSECT_TLS_PROTECTION_H

#include "dissect/tls_cipher.h"
#include "dissect/tls_schedule.h"

#define TLS_RECORD_MAX (16384 + 2048) /* RFC 5246 section 6.2.3 */

struct tls_protection;

/* One record as it was sent. */
struct tls_record {
    uint8_t type;
    uint16_t version;
    uint64_t sequence;
    struct cursor body;
};

/* Keys of SSL 3.0 to TLS 1.2, from a master secret. NULL, with *why set to a reason (a literal), when it cannot be. */
struct tls_protection *tls_protection_new(const struct tls_crypto *crypto, const struct tls_schedule *schedule,
                                          const struct tls_suite *suite, bool encrypt_then_mac,
                                          const uint8_t master[TLS_MASTER], bool server, const char **why);
/* Keys of TLS 1.3, from a traffic secret. */
struct tls_protection *tls_protection_new13(const struct tls_crypto *crypto, const struct tls_suite *suite,
                                            struct cursor secret, const char **why);
void tls_protection_free(struct tls_protection *protection);

/* Opens a record: *type (in TLS 1.3 it is inside) and the content, which is written to out. False when it does not
 * verify. */
MUST_USE bool tls_protection_open(struct tls_protection *protection, const struct tls_record *record,
                                  uint8_t out[TLS_RECORD_MAX], uint8_t *type, size_t *length);

/* Whether a record can be opened when those before it are missing: each brings or implies its own nonce. Not so with RC4, and CBC
 * before TLS 1.1. */
bool tls_protection_restarts(const struct tls_protection *protection);
/* Bytes that protection adds to a record, at least. */
size_t tls_protection_overhead(const struct tls_protection *protection);

#endif
