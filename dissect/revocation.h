/* dissect/revocation.h: revocation lists and answers of OCSP that were fetched, and the certificates that named them
 * (RFC 5280 sections 4.2.1.13 and 4.2.2.1, RFC 6960 appendix A). */
#ifndef CMSCOPE_DISSECT_REVOCATION_H
#define CMSCOPE_DISSECT_REVOCATION_H

#include "dissect/internal.h"

/* At the end of the capture: writes the rows of `revocation`, in the order of the requests. */
void revocation_finish(struct dissect *dissect);

#endif
