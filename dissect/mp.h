/* dissect/mp.h: management point traffic: what HTTP exchanges with a ConfigMgr service say, as rows. */
#ifndef CMSCOPE_DISSECT_MP_H
#define CMSCOPE_DISSECT_MP_H

#include "dissect/http.h"

/* Whether the body of this side must be collected. Asked when its headers are known. */
bool mp_wants(const struct http_exchange *exchange, enum http_side side);

/* The side is complete, or as complete as it gets (exchange->truncated). */
void mp_request(struct http_exchange *exchange);
void mp_reply(struct http_exchange *exchange);

/* SourceID of the request; empty when unknown. */
struct text mp_client_id(const struct http_exchange *exchange);

/* Frees what is remembered of the request. */
void mp_forget(struct http_exchange *exchange);

#endif
