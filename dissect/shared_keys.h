/* dissect/shared_keys.h: certificates that several clients registered with (schema.md 5, C41). */
#ifndef CMSCOPE_DISSECT_SHARED_KEYS_H
#define CMSCOPE_DISSECT_SHARED_KEYS_H

#include "dissect/internal.h"

/* At the end of the capture: fills registration.certificate_clients. One certificate for many clients is what an ISV proxy
 * does; elsewhere it is odd. */
void shared_keys_finish(struct dissect *dissect);

#endif
