/* tests/unit/dialogue_fixture.h: conversations given to the dissectors as by the tracker, without a capture.
 *
 * One dialogue is one worker: a store, a dissect, and one flow at a time. Each call is one packet, a millisecond after
 * the one before. Everything here ends the program when memory runs out.
 */
#ifndef CMSCOPE_TESTS_DIALOGUE_FIXTURE_H
#define CMSCOPE_TESTS_DIALOGUE_FIXTURE_H

#include "core/buffer.h"
#include "dissect/dissect.h"
#include "records/store.h"

#define DIALOGUE_START INT64_C(1700000000000000000) /* ns */

struct dialogue {
    struct store *store;
    struct dissect *dissect;
    struct flow_events events;
    struct flow flow;
    struct moment moment; /* of the last packet */
    uint8_t client;       /* last byte of the client's address, 10.0.0.x */
    bool open;
    size_t piece;             /* give data in pieces of this size; 0: whole */
    uint16_t port;            /* of the server; 0: 80 */
    uint16_t client_port;     /* 0: 50000 */
    bool late;                /* the opening SYN was not seen */
    bool cut;                 /* the capture has the beginning of the datagrams only */
    enum transport transport; /* over UDP, data are datagrams */
};

struct dialogue *dialogue_new(unsigned needs);
void dialogue_free(struct dialogue *dialogue);

/* Data from the client, or from the server; a flow is opened when none is. */
void dialogue_ask(struct dialogue *dialogue, struct cursor bytes);
void dialogue_answer(struct dialogue *dialogue, struct cursor bytes);
void dialogue_ask_text(struct dialogue *dialogue, const char *text);
void dialogue_answer_text(struct dialogue *dialogue, const char *text);
void dialogue_gap(struct dialogue *dialogue, enum direction direction, uint64_t bytes);
void dialogue_ended(struct dialogue *dialogue, enum direction direction);
/* Closes the flow, if one is open; the next data opens another. */
void dialogue_close(struct dialogue *dialogue);
/* Lets time pass before the next packet. */
void dialogue_wait(struct dialogue *dialogue, int64_t seconds);
/* Closes, and settles what waited. */
void dialogue_finish(struct dialogue *dialogue);

/* A CCM_POST with that body, further header lines (each with CRLF) or NULL; and a reply of 200 with a body. */
void dialogue_post(struct dialogue *dialogue, const char *uri, const char *headers, struct cursor body);
void dialogue_reply(struct dialogue *dialogue, const char *headers, struct cursor body);

int64_t dialogue_count(const struct dialogue *dialogue, enum table table);
/* Rows; NULL when there is none of that id. */
const void *dialogue_row(const struct dialogue *dialogue, enum table table, int64_t id);
const struct flow_row *dialogue_flow(const struct dialogue *dialogue, int64_t id);
const struct http_row *dialogue_http(const struct dialogue *dialogue, int64_t id);
const struct message_row *dialogue_message(const struct dialogue *dialogue, int64_t id);
const struct registration_row *dialogue_registration(const struct dialogue *dialogue, int64_t id);
const struct policy_row *dialogue_policy(const struct dialogue *dialogue, int64_t id);
const struct certificate_row *dialogue_certificate(const struct dialogue *dialogue, int64_t id);
/* How many findings of that code the message has; 0 as message: all messages together. */
int dialogue_findings(const struct dialogue *dialogue, int64_t message, const char *code);

#endif
