/* dissect/bits_internal.h: what bits.c and bits_session.c share (and the tests that lower a limit), and nobody else. */
#ifndef CMSCOPE_DISSECT_BITS_INTERNAL_H
#define CMSCOPE_DISSECT_BITS_INTERNAL_H

#include "core/spill.h"
#include "dissect/bits.h"

enum bits_kind { BITS_OTHER, BITS_CREATE, BITS_PING, BITS_FRAGMENT, BITS_CLOSE, BITS_CANCEL };

#define BITS_NO_TEXT SIZE_MAX

/* A text in bits->texts. */
struct bits_text {
    size_t at, length;
};

/* One request with its reply. */
struct bits_packet {
    struct moment moment;
    int64_t http, flow;
    enum bits_kind kind;
    int status; /* 0: no reply was seen */
    bool secure;
    struct bits_text session, url, name, reply_url, error, client, server;
    /* Of a fragment. */
    bool ranged;      /* its Content-Range could be read */
    bool cut;         /* bytes of it are missing from the capture */
    bool odd;         /* it has another length than its Content-Range says */
    bool has_content; /* its bytes stand in bits->content */
    uint64_t start, length, total;
    uint64_t content;
};

struct bits {
    struct buffer texts;
    struct spill_pool pool;
    struct spill *content;
    uint64_t most; /* bytes of content: BITS_BYTES_MAX, or less in tests */
    struct bits_packet *packets;
    size_t count, room;
};

#endif
