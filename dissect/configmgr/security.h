/* dissect/configmgr/security.h: what a request shows of the security flags of the MP interface, and what the published
 * tables ask for (schema.md 2.1, 2.2; the table itself is security.def). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_SECURITY_H
#define CMSCOPE_DISSECT_CONFIGMGR_SECURITY_H

#include "dissect/configmgr/message.h"

/* MPAPI_SECURITY_FLAGS (schema.md 2.1); mixed mode is the absence of NATIVE there and has a bit of its own here. */
enum ccm_flag {
    CCM_FLAG_NATIVE = 1,
    CCM_FLAG_SIGN = 2,
    CCM_FLAG_ENCRYPT = 4,
    CCM_FLAG_CRL = 8,
    CCM_FLAG_COMPRESS = 16, /* 0x80000000 there; in no table that could be read, so always allowed */
    CCM_FLAG_MIXED = 32
};

struct ccm_security {
    unsigned shown;      /* CRL checking shows in no message, so never here */
    bool known;          /* the tables have this message: the rest is set */
    const char *message; /* E1 ... E13 of schema.md */
    unsigned required, optional, missing, excess;
    const char *confidence; /* "read", "partly", "inferred" */
};

void ccm_security_judge(const struct ccm_message *message, struct ccm_security *security);

/* Names of the flags, separated by commas; "" for none. */
MUST_USE struct text ccm_security_text(unsigned flags, struct arena *arena);

#endif
