/* bench/bodies.h: XML bodies of messages (wire.md 6), of sizes as sites show them. */
#ifndef CMSCOPE_BENCH_BODIES_H
#define CMSCOPE_BENCH_BODIES_H

#include "bench/messages.h"

/* Who speaks, and of how many things: each body repeats its part (assignment, instance, state ...) `size` times. */
struct speaker {
    const struct client *client;
    struct dice *dice;
    unsigned size;
};

/* Each appends ASCII XML. */
typedef void body_writer(const struct speaker *speaker, struct buffer *xml);

body_writer body_registration_reply;
body_writer body_policy_request, body_policy_reply, body_policy;
body_writer body_location_request, body_location_reply;
body_writer body_state, body_discovery, body_hardware;

/* The Data element of a registration: what its signature covers. */
void body_registration_data(const struct speaker *speaker, struct cursor certificate, struct buffer *xml);

#endif
