/* dissect/service.h: which ConfigMgr service a request asks, by its path (wire.md 1.2, 1.6 to 1.8). */
#ifndef CMSCOPE_DISSECT_SERVICE_H
#define CMSCOPE_DISSECT_SERVICE_H

#include "core/text.h"

/* Short name of the service as in http.service: "mp", "mp-policy", "dp" ...; NULL when the path is none of ConfigMgr's.
 * `uri` may be absolute; case does not matter, as on the server. */
const char *service_of(struct text method, struct text uri);

#endif
