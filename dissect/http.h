/* dissect/http.h: one HTTP exchange, as http.c hands it to those who read bodies (mp.c). */
#ifndef CMSCOPE_DISSECT_HTTP_H
#define CMSCOPE_DISSECT_HTTP_H

#include "core/buffer.h"
#include "dissect/internal.h"

/* A collected body never exceeds this; real messages have kilobytes, attachments some megabytes. */
#define HTTP_BODY_MAX ((size_t)32 << 20)

enum http_side { HTTP_REQUEST, HTTP_REPLY };

struct http_flow;

/* What mp.c remembers between request and reply. */
struct mp_state {
    bool is_message;           /* the request is a ConfigMgr message */
    int64_t request_message;   /* row of the request */
    int64_t registration;      /* row, when the request registers a client */
    const struct ccm_key *key; /* that it registers, when its signature proves possession */
    size_t bits;               /* number of its packet in struct bits, from 1; 0: it is no BITS packet */
    char endpoint[64];         /* TargetEndpoint of the request; empty when unknown */
    char client_id[64];        /* SourceID of the request; empty when unknown */
};

struct http_exchange {
    struct http_exchange *next, *previous; /* of the flow's open exchanges */
    struct http_flow *flow;
    struct dissect *dissect;
    struct conversation *conversation;
    htp_tx_t *tx;
    int64_t row;                 /* of `http` */
    const char *client, *server; /* addresses */
    uint16_t port;
    bool secure;
    const char *service; /* service_of, or NULL */
    struct moment moment[2];
    bool started[2], done[2], wanted[2], truncated[2], delivered[2];
    struct buffer body[2];
    EVP_MD_CTX *hash[2]; /* NULL when nobody asks for it, or nothing came yet */
    struct mp_state mp;
};

/* Texts of a request or reply, made UTF-8; views that live until the row of the exchange is written again. */
struct text http_header(const struct http_exchange *exchange, enum http_side side, const char *name);
struct text http_method(const struct http_exchange *exchange);
struct text http_uri(const struct http_exchange *exchange);
int http_status(const struct http_exchange *exchange); /* 0 when no reply was seen */

#endif
