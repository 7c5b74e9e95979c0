/* dissect/service.h: which ConfigMgr service a request asks, by its path (wire.md 1.2, 1.6 to 1.8). */
#ifndef CMSCOPE_DISSECT_SERVICE_H
#define CMSCOPE_DISSECT_SERVICE_H

#include "core/text.h"

/* Short name of the service as in http.service: "mp", "mp-policy", "dp" ...; NULL when the path is none of ConfigMgr's.
 * `uri` may be absolute; case does not matter, as on the server. */
const char *service_of(struct text method, struct text uri);

/* What else tells what is asked; TEXT_NULL for a header that is absent. */
struct service_request {
    struct text method, uri;
    struct text bits_packet; /* BITS-Packet-Type */
    struct text range;       /* Range */
};

/* What is asked of a service, as in http.operation: "mplist", "policy", "fragment", "propfind" ...; NULL when it has no
 * name. `service` is a name that service_of gave, or NULL. */
const char *service_operation(const char *service, const struct service_request *request);

#endif
