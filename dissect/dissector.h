/* dissect/dissector.h: protocols: the one table of them, and what each must bring.
 *
 *   flow_events (capture/flow.h) --> dispatch.c: recognise by content --> a dissector --> rows to the sink
 *                                       ^                                    |
 *                                       +------ layer: what it carries ------+
 *
 * A dissector is recognised by the first bytes of a stream or of a datagram. It gets a stream's bytes in order and is
 * told of gaps; or it gets datagrams. It emits rows. It does no I/O, reads no clock and keeps no globals.
 */
#ifndef CMSCOPE_DISSECT_DISSECTOR_H
#define CMSCOPE_DISSECT_DISSECTOR_H

#include "capture/flow.h"
#include "dissect/dissect.h"

struct conversation;
struct layer;
struct trouble;

enum recognition {
    RECOGNISED_NOT,
    RECOGNISED_MAYBE,  /* too few bytes to tell */
    RECOGNISED_CLIENT, /* it is what the asking side sends */
    RECOGNISED_SERVER  /* it is what the answering side sends */
};

struct dissector {
    const char *name; /* as in flow.app */
    bool encrypted;   /* its content is hidden */
    unsigned need;    /* it is read only when one of these flags (enum need) is asked for; 0: always */
    /* Looks at the first bytes of one direction, or at a datagram. `flow` is for protocols whose bytes alone are too
     * common: a port may confirm what the bytes allow, and never stands for itself. */
    enum recognition (*recognise)(struct cursor first, const struct flow *flow);
    /* Whether the ports fit when `client` is the direction of the asking side: only the server's port says what is spoken, the
     * client's is any. NULL: the bytes alone tell. */
    bool (*fits)(const struct flow *flow, enum direction client);
    /* A new state for a layer, NULL when out of memory. `client` is the direction of the asking side. Those that remember
     * nothing leave `open` and `close` NULL: their state is the layer itself. */
    void *(*open)(struct layer *layer, enum direction client);
    /* Of protocols over streams; those over datagrams leave these three NULL. */
    void (*data)(void *state, enum direction direction, struct cursor bytes, struct moment moment);
    void (*gap)(void *state, enum direction direction, uint64_t bytes, struct moment moment);
    void (*ended)(void *state, enum direction direction, struct moment moment); /* may be NULL */
    /* Of protocols over datagrams. */
    void (*datagram)(void *state, enum direction direction, struct cursor bytes, struct moment moment);
    void (*close)(void *state); /* frees the state */
    /* Asks for memory that the next bytes will need (flow_events.fetch, from step 1 on); may be NULL. */
    void (*fetch)(const void *state, unsigned step);
};

extern const struct dissector http_dissector; /* http.c */
extern const struct dissector tls_dissector;  /* tls.c */
extern const struct dissector ike_dissector;  /* ike.c */
extern const struct dissector smb_dissector;  /* smb.c */
/* Names, directory, databases, boot, remote control: dns.c, dhcp.c, tftp.c, ldap.c, tds.c, ssrp.c, rdp.c, small.c. */
extern const struct dissector dns_dissector, dns_stream_dissector, mdns_dissector, llmnr_dissector, nbns_dissector;
extern const struct dissector dhcp_dissector, tftp_dissector, binl_dissector, wake_on_lan_dissector;
extern const struct dissector ldap_dissector, cldap_dissector, tds_dissector, ssrp_dissector;
extern const struct dissector rdp_dissector, remote_tool_dissector;

/* Two streams, or the datagrams of a conversation, and what reads them: those of a flow itself, or those that a
 * dissector found inside (what TLS hid, what a named pipe carries). Zeroed but for `conversation` and `secure`, it
 * stands for nothing recognised yet. */
struct layer {
    struct conversation *conversation;
    const struct dissector *dissector; /* NULL: not recognised (yet) */
    void *state;
    struct prefix *prefix; /* bytes that wait for recognition, or NULL */
    unsigned attempts;     /* chunks that were not recognised */
    uint8_t dropped;       /* set of 1 << direction: bytes were passed over before the layer was recognised */
    uint8_t introduced;    /* the same: a header of the PROXY protocol was taken off */
    bool secure;           /* it was decrypted from TLS */
    bool unread;           /* nobody asks what its dissector would tell */
};

/* One flow as the dissectors see it. */
struct conversation {
    struct dissect *dissect;
    struct flow *flow;
    int64_t row; /* id of its row of `flow` */
    struct layer layer;
    struct trouble *troubles; /* trouble.c: rows whose count is not final */
    struct hold *hold;        /* what waits for the other direction (hold.h), or NULL */
    char *proxied;            /* whose connection it is: PROXY_CLIENT_MAX bytes (proxy.h), or NULL */
    bool one_sided;           /* the capture lacks a direction: nothing waits for it */
};

/* As flow_delivered and flow_acknowledged (capture/flow.h), for bytes that the dissectors have: what waits in hold.h is not
 * delivered yet, and what is handed on late acknowledges what it did when it was captured. */
int64_t conversation_delivered(const struct conversation *conversation, enum direction direction);
int64_t conversation_acknowledged(const struct conversation *conversation, enum direction direction);

/* The address of that side as text, which is valid until this is asked about another conversation. */
struct text conversation_address(const struct conversation *conversation, enum direction direction);

/* Streams of a layer: recognised when needed, and handed on. */
void layer_data(struct layer *layer, enum direction direction, struct cursor bytes, struct moment moment);
void layer_gap(struct layer *layer, enum direction direction, uint64_t bytes, struct moment moment);
void layer_ended(struct layer *layer, enum direction direction, struct moment moment);
void layer_datagram(struct layer *layer, enum direction direction, struct cursor bytes, struct moment moment);
/* Gives the layer to a dissector that its carrier names. False when memory ran out; then nothing more is read of it. */
bool layer_open(struct layer *layer, const struct dissector *dissector, enum direction client);
/* Closes what reads it and frees what waits. The layer stands for nothing recognised again. */
void layer_close(struct layer *layer);

#endif
