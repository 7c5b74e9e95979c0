/* dissect/http.h: one HTTP exchange, as http.c hands it to those who read bodies (mp.c). */
#ifndef CMSCOPE_DISSECT_HTTP_H
#define CMSCOPE_DISSECT_HTTP_H

#include <openssl/evp.h>

#include "dissect/http_body.h"
#include "dissect/internal.h"

enum http_side { HTTP_REQUEST, HTTP_REPLY };

struct http_flow;
struct http_fields;
struct http_coding;

/* What mp.c remembers between request and reply. */
struct mp_state {
    bool is_message;           /* the request is a ConfigMgr message */
    int64_t request_message;   /* row of the request */
    int64_t registration;      /* row, when the request registers a client */
    const struct ccm_key *key; /* that it registers, when its signature proves possession */
    size_t bits;               /* number of its packet in struct bits, from 1; 0: it is no BITS packet */
    char *texts;               /* of the next two; NULL: none */
    uint8_t endpoint_bytes;    /* TargetEndpoint of the request; 0: unknown */
    uint8_t client_id_bytes;   /* SourceID of the request, behind it; 0: unknown */
};

/* What each piece of a body needs stands first: HTTP_BODY_LINES lines of memory. */
struct http_exchange {
    struct http_flow *flow;
    struct dissect *dissect;
    struct http_body body[2];      /* of a side that is handed over: joined */
    uint64_t bytes[2];             /* of the body without chunk framing, codings not removed */
    struct http_coding *coding[2]; /* NULL: none is removed */
    bool started[2], done[2], wanted[2], truncated[2], delivered[2];
    bool limited[2];       /* it is truncated because there was more than is collected */
    const char *unread[2]; /* why the body cannot be judged: its coding is not read (a literal); NULL: it can */
    bool over[2];          /* nothing more comes: done, or cut short */
    bool head_only, connects, bare; /* the request is HEAD, CONNECT, HTTP/0.9 */
    bool doubtful;                  /* order alone does not tell the reply to this request */
    bool held;                      /* a reply that waits for its request to come to light */
    bool secure;
    struct http_exchange *next, *previous; /* of the flow's open exchanges, oldest first */
    struct conversation *conversation;
    int64_t row;                 /* of `http`; there is one when a body that is wanted is handed over */
    const char *client, *server; /* addresses */
    const char *service;         /* service_of, or NULL */
    struct moment moment[2];
    uint16_t port, status;
    uint16_t notes;                /* set of enum http_note */
    uint16_t logins;               /* of the flow when the request came */
    uint8_t login;                 /* enum http_login */
    uint64_t turn;                 /* http_flow.turn at the start of the request */
    int64_t acked;                 /* what the server had received when it sent the held reply */
    struct http_fields *fields[2]; /* see http_fields.h; NULL: none */
    EVP_MD_CTX *hash[2];           /* NULL when nobody asks for it, or nothing came yet */
    struct mp_state mp;
};
#define HTTP_BODY_LINES 2

/* Texts of a request or reply, made UTF-8; views that live as long as the exchange. Headers that come several times are
 * joined with ", ". `name` must stand in the table of http_fields.h, in any case of letters. */
struct text http_header(const struct http_exchange *exchange, enum http_side side, const char *name);
struct text http_method(const struct http_exchange *exchange);
struct text http_uri(const struct http_exchange *exchange);
int http_status(const struct http_exchange *exchange); /* 0 when no reply was seen */

#endif
