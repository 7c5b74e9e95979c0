/* dissect/kerberos.h: what Kerberos messages say in clear (RFC 4120): names, realms, errors, encryption types.
 *
 * Whoever carries them (TCP and UDP 88, SPNEGO, HTTP, SMB, RPC, LDAP, TDS, DNS) hands the bytes of one message to
 * kerberos_parse, and may let kerberos_record write the row of `kerberos`.
 */
#ifndef CMSCOPE_DISSECT_KERBEROS_H
#define CMSCOPE_DISSECT_KERBEROS_H

#include "dissect/dissector.h"

extern const struct dissector kdc_dissector;          /* kdc.c: over TCP */
extern const struct dissector kdc_datagram_dissector; /* over UDP */

/* RFC 4120 section 7.5.7 */
enum kerberos_type {
    KERBEROS_AS_REQ = 10,
    KERBEROS_AS_REP = 11,
    KERBEROS_TGS_REQ = 12,
    KERBEROS_TGS_REP = 13,
    KERBEROS_AP_REQ = 14,
    KERBEROS_AP_REP = 15,
    KERBEROS_ERROR = 30
};

/* TEXT_NULL and INT_NULL where the message does not say. Texts live in the arena. */
struct kerberos_message {
    enum kerberos_type type;
    struct text client;       /* names joined by "/" */
    struct text client_realm; /* of replies and errors */
    struct text service;      /* of the ticket or the request, such as cifs/host */
    struct text realm;        /* of the service; of a request the one that is asked */
    struct text etypes;       /* that a request offers, names separated by commas */
    int64_t etype;            /* of the ticket */
    int64_t error;            /* error-code */
    bool left_out;            /* parts of names, or etypes, beyond those that are read */
};

/* Reads one message, which must start `bytes`. False when it is none of these (then `type` is 0), or malformed, or cut off in
 * what is asked for. */
MUST_USE bool kerberos_parse(struct cursor bytes, struct arena *arena, struct kerberos_message *message);

/* "AS-REQ" ...; names of encryption types ("aes256-cts-hmac-sha1-96") and errors ("KDC_ERR_S_PRINCIPAL_UNKNOWN"), NULL
 * for numbers that are not known. */
const char *kerberos_type_name(enum kerberos_type type);
const char *kerberos_etype_name(int64_t etype);
const char *kerberos_error_name(int64_t error);

/* Whether `first` looks like the beginning of a message of a KDC as it stands in a datagram: RECOGNISED_CLIENT for
 * requests, RECOGNISED_SERVER for replies and errors. */
enum recognition kerberos_recognise_message(struct cursor first);

/* Writes the row of `kerberos`, and returns its id. `carrier` is kdc, smb, rpc, http, ldap, tds, dns; `client` is the
 * direction of the asking side. */
int64_t kerberos_record(struct conversation *conversation, const char *carrier, enum direction client,
                        const struct kerberos_message *message, struct moment moment);

#endif
