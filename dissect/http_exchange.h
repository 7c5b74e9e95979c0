/* dissect/http_exchange.h: exchanges of one connection: opened, filled, handed to mp.c, written as rows, paired. Used by
 * http.c, which reads the two streams.
 *
 * Requests and replies pair in order. Where a hole may hide requests or replies, order does not tell any more; then a
 * reply gets a request only when the two must belong together, and else both stay alone.
 */
#ifndef CMSCOPE_DISSECT_HTTP_EXCHANGE_H
#define CMSCOPE_DISSECT_HTTP_EXCHANGE_H

#include "dissect/auth.h"
#include "dissect/http_fields.h"

/* One direction. The state is http.c's. */
struct http_stream {
    struct http_exchange *exchange; /* whose message is being read, or NULL */
    struct gathered *gathered;      /* start line and headers that came in pieces, or NULL */
    uint64_t left;                  /* bytes of the body or chunk that are still to come */
    uint32_t count;                 /* characters of the chunk line or trailer */
    uint8_t state;
};

struct http_flow {
    struct conversation *conversation;
    struct http_exchange *first, *last; /* open ones, oldest first */
    struct layer *tunnel;               /* what CONNECT opened, or NULL */
    struct http_stream stream[2];       /* by enum http_side */
    struct auth auth;                   /* NTLM authenticates the connection */
    struct http_user *user;             /* who is logged on to it, or NULL: see http_login.h */
    uint64_t turn;                      /* pieces of both streams so far: their order of cause and effect */
    uint64_t reply_turn;                /* of the latest reply's start */
    uint32_t open;                      /* exchanges */
    uint8_t client;                     /* enum direction */
    uint8_t login;                      /* enum http_login */
    uint16_t logins;                    /* how often that changed */
    bool secure;                        /* inside TLS that was decrypted */
    bool direct;                        /* the flow's own bytes, so that its acknowledgements tell about them */
    bool pipelines;                     /* the client was seen to ask before it was answered */
    bool hole;                          /* requests may be missing before the next one */
    bool owed;                          /* they are, and no reply was seen that may be theirs */
    bool replied;                       /* a reply was seen */
    bool passed_over;                   /* the client sent bytes first that are no HTTP here */
    uint8_t server;                     /* where its address stands in `addresses` */
    uint16_t size;                      /* of this with the addresses */
    char addresses[];                   /* as text: client, server */
};

/* Where a request or reply starts. */
struct http_start {
    struct moment moment;
    int64_t offset; /* in its stream */
    uint64_t turn;  /* http_flow.turn then */
};

/* The exchange of a request, or of a reply, that starts. NULL when out of memory. */
struct http_exchange *exchange_for_request(struct http_flow *flow, const struct http_start *start);
struct http_exchange *exchange_for_reply(struct http_flow *flow, const struct http_start *start);

/* The oldest request without a reply, or NULL. */
struct http_exchange *exchange_unanswered(const struct http_flow *flow);

/* The request or reply has these headers. */
void exchange_head(struct http_exchange *exchange, enum http_side side, const struct http_head *head);
/* Bytes of its body; `last`: the body ends with them. */
void exchange_body(struct http_exchange *exchange, enum http_side side, struct cursor bytes, bool last);
/* Bytes of its body that are missing. */
void exchange_gap(struct http_exchange *exchange, enum http_side side, uint64_t bytes);
/* It is at its end, whole or not. The exchange may be gone after that. */
void exchange_over(struct http_exchange *exchange, enum http_side side, bool whole);

/* A hole in the requests, or the replies: which one belongs to which is open. `lost`: one of them certainly is in it. */
void exchange_hole(struct http_flow *flow, enum http_side side, bool lost);
/* All that is open ends. */
void exchange_end(struct http_flow *flow);

#endif
