/* dissect/ntlm.h: NTLM messages (MS-NLMP), and who authenticates with them over HTTP. */
#ifndef CMSCOPE_DISSECT_NTLM_H
#define CMSCOPE_DISSECT_NTLM_H

#include "core/text.h"

#define NTLM_SIGNATURE "NTLMSSP" /* with its NUL, 8 bytes */
#define NTLM_SIGNATURE_BYTES 8
#define NTLM_CHALLENGE_BYTES 8

/* MS-NLMP 2.2.2.5 */
enum ntlm_flag {
    NTLM_UNICODE = 0x00000001,
    NTLM_SIGN = 0x00000010,
    NTLM_SEAL = 0x00000020,
    NTLM_ANONYMOUS = 0x00000800,
    NTLM_EXTENDED_SESSION_SECURITY = 0x00080000,
    NTLM_TARGET_INFO = 0x00800000,
    NTLM_VERSION = 0x02000000
};

enum ntlm_type { NTLM_TYPE_NEGOTIATE = 1, NTLM_TYPE_CHALLENGE = 2, NTLM_TYPE_AUTHENTICATE = 3 };

enum ntlm_response {
    NTLM_RESPONSE_NONE,
    NTLM_RESPONSE_ANONYMOUS,
    NTLM_RESPONSE_LM,     /* only an LM response */
    NTLM_RESPONSE_V1,     /* 24 bytes */
    NTLM_RESPONSE_V1_ESS, /* 24 bytes, with a challenge of the client in the LM response */
    NTLM_RESPONSE_V2      /* longer */
};

/* What one message says. Texts live in the arena; those it does not say are TEXT_NULL. */
struct ntlm_message {
    enum ntlm_type type;
    uint32_t flags;
    struct text version; /* "6.1.7601" */
    /* CHALLENGE */
    struct cursor challenge; /* 8 bytes of the message */
    struct text target;
    struct text target_computer, target_domain, target_dns_computer, target_dns_domain, target_dns_forest;
    /* AUTHENTICATE; NEGOTIATE may tell domain and workstation */
    struct text domain, user, workstation, service;
    enum ntlm_response response;
    bool mic, channel_bindings;
    bool pairs_left_out; /* there were too many AV_PAIRs */
};

/* Reads the message that starts `bytes`. False when it is none, or cut off: then `type` tells which it was, 0 when that is
 * not known. Nothing of the responses is kept. */
MUST_USE bool ntlm_parse(struct cursor bytes, struct arena *arena, struct ntlm_message *message);

/* "NEGOTIATE" ...; "message of an unknown type" for others; never NULL. */
const char *ntlm_type_name(enum ntlm_type type);

/* "DOMAIN\user" of the AUTHENTICATE message in an HTTP Authorization header (NTLM or Negotiate), or the user name of
 * Basic (never its password). TEXT_NULL when there is none, or it cannot be read. The text lives in `arena`. */
struct text ntlm_user(struct text authorization, struct arena *arena);

#endif
