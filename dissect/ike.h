/* dissect/ike.h: names of IKE's numbers (IANA: "Internet Key Exchange (IKE) Attributes", "IKEv2 Parameters"). */
#ifndef CMSCOPE_DISSECT_IKE_H
#define CMSCOPE_DISSECT_IKE_H

#include "core/text.h"

/* A number's name, and whether what it names is weak today. */
struct ike_name {
    uint32_t number;
    const char *name;
    bool weak;
};

enum ike_names {
    IKE_EXCHANGES,
    IKE1_PAYLOADS,
    IKE2_PAYLOADS,
    IKE1_CIPHERS,
    IKE1_HASHES,
    IKE1_METHODS,
    IKE_GROUPS,
    IKE2_CIPHERS,
    IKE2_PRFS,
    IKE2_INTEGRITY,
    IKE1_NOTIFIES,
    IKE2_NOTIFIES,
    IKE_NAMES_COUNT
};

/* NULL when the number has no name here. */
const struct ike_name *ike_name(enum ike_names names, uint32_t number);

/* A vendor id's name, by its bytes or how they begin; NULL when it is not known. */
const char *ike_vendor(struct cursor id);

/* The Windows release in the vendor id of Microsoft's implementation (MS-IKEE section 1.7); NULL when it is another. */
const char *ike_windows(struct cursor id);

#endif
