/* dissect/dissector.h: protocols over TCP: the one table of them, and what each must bring.
 *
 *   flow_events (capture/flow.h) --> dispatch.c: recognise by content --> a dissector --> rows to the sink
 *
 * A dissector is recognised by the first bytes of a stream, never by a port. It gets bytes in order, is told of gaps,
 * and emits rows. It does no I/O, reads no clock and keeps no globals.
 */
#ifndef CMSCOPE_DISSECT_DISSECTOR_H
#define CMSCOPE_DISSECT_DISSECTOR_H

#include "capture/flow.h"
#include "dissect/dissect.h"

struct conversation;

enum recognition {
    RECOGNISED_NOT,
    RECOGNISED_MAYBE,  /* too few bytes to tell */
    RECOGNISED_CLIENT, /* it is what the asking side sends */
    RECOGNISED_SERVER  /* it is what the answering side sends */
};

struct dissector {
    const char *name; /* as in flow.app */
    bool encrypted;   /* its content is hidden */
    /* Looks at the first bytes of one direction. */
    enum recognition (*recognise)(struct cursor first);
    /* A new state for a flow, NULL when out of memory. `client` is the direction of the asking side. */
    void *(*open)(struct conversation *conversation, enum direction client);
    void (*data)(void *state, enum direction direction, struct cursor bytes, struct moment moment);
    void (*gap)(void *state, enum direction direction, uint64_t bytes, struct moment moment);
    void (*ended)(void *state, enum direction direction, struct moment moment); /* may be NULL */
    void (*close)(void *state);                                                 /* frees the state */
};

extern const struct dissector http_dissector; /* http.c */
extern const struct dissector tls_dissector;  /* tls.c */

/* One flow as the dissectors see it. */
struct conversation {
    struct dissect *dissect;
    struct flow *flow;
    int64_t row; /* id of its row of `flow` */
    const struct dissector *dissector;
    void *state;
    struct prefix *prefix; /* bytes that wait for recognition, or NULL */
    unsigned attempts;     /* chunks that were not recognised */
    char address[2][ADDRESS_TEXT_MAX];
};

#endif
