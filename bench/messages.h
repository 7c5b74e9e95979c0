/* bench/messages.h: what the clients of the generated captures say to their management point, and what it answers.
 *
 * Signing costs too much to sign each transmission, so every client has some exchanges made once and sends them again and
 * again, each time under new message ids. Ids are in the header, which no signature covers.
 */
#ifndef CMSCOPE_BENCH_MESSAGES_H
#define CMSCOPE_BENCH_MESSAGES_H

#include "bench/keys.h"

#define ID_CHARACTERS 36                     /* of a GUID without its braces */
#define ID_BYTES ((size_t)2 * ID_CHARACTERS) /* in UTF-16 */
#define START_SECONDS 1793527200 /* 2026-11-01T10:00:00Z: when captures start, and SentTime of all messages */

/* What the ground truth counts of an HTTP message. */
enum fact {
    FACT_REQUEST = 1,
    FACT_REPLY = 2,
    FACT_MESSAGE = 4,       /* a ConfigMgr message */
    FACT_SIGNED = 8,        /* its payload and its client id are signed */
    FACT_REGISTRATION = 16, /* a registration, which signs itself */
    FACT_TOKEN = 32         /* a policy request, which signs its header ClientToken */
};

struct signature {
    struct buffer covered;    /* the bytes that were signed */
    uint8_t bytes[KEY_BYTES]; /* as sent: reversed */
};

/* One HTTP message, complete but for the ids of a transmission. */
struct script {
    struct buffer bytes;
    size_t head;      /* of them: start line and headers */
    size_t places[2]; /* where ids stand, ID_BYTES each, in order; a reply names that of the request first */
    unsigned place_count;
    unsigned facts; /* set of enum fact */

    /* The same for bench/limits.c: what a decoder of everything must inflate, parse and verify. */
    uint32_t number;
    struct buffer payload; /* empty when there is none */
    bool compressed;
    struct signature signatures[2];
    unsigned signature_count;
};

struct exchange {
    struct script request, reply;
    unsigned weight; /* how often it is chosen */
};

struct client {
    EVP_PKEY *key;
    char id[5 + ID_CHARACTERS + 1]; /* "GUID:..." */
    char name[16];
    struct exchange *exchanges; /* the first is its registration */
    unsigned exchange_count, weight;
    bool registered;
    uint32_t connections;
};

struct messages {
    struct client *clients;
    unsigned client_count;
    uint32_t script_count;
};

/* Makes the clients and all that they will say. */
void messages_init(struct messages *messages, struct dice *dice, unsigned clients);
void messages_free(struct messages *messages);

/* What the client says next: first that it exists. */
const struct exchange *client_choose(struct client *client, struct dice *dice);

/* A new GUID, ended by a NUL. */
void guid_new(struct dice *dice, char text[ID_CHARACTERS + 1]);

#endif
