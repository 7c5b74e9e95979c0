/* bench/conversation.h: one connection, sent packet by packet.
 *
 *      SYN, SYN ACK, ACK, turn of the client, turn of the server, ..., FIN, FIN, ACK
 *
 * A turn is what one side sends before the other answers, in segments with an ACK after every second one. Disorder, when
 * asked for: a segment that comes after its successor, comes twice, or never (the capture lost it; the receiver did not).
 * The first segment of a turn is never lost, so that heads of HTTP messages are whole.
 */
#ifndef CMSCOPE_BENCH_CONVERSATION_H
#define CMSCOPE_BENCH_CONVERSATION_H

#include "bench/messages.h"
#include "bench/wire.h"

#define TURN_PIECES 5

struct turn {
    struct cursor pieces[TURN_PIECES]; /* what is sent, one after the other */
    unsigned piece_count;
    size_t length;
    void *owned;                 /* bytes of pieces that only this turn has; freed with it */
    const struct script *script; /* whose transmission it is; NULL for none */
    unsigned facts;              /* set of enum fact */
    enum side sender;
};

struct conversation {
    struct ends ends;
    bool datagrams; /* UDP: a turn is one packet */
    struct turn *turns;
    unsigned turn_count, turn_room;

    unsigned state, at_turn; /* where it is */
    size_t at_byte;
    unsigned unacknowledged;
    bool lost;          /* a segment of this turn */
    struct frame *held; /* a segment that comes after its successor; NULL for none */
};

/* How often, of 100,000 segments to which it can happen. */
struct disorder {
    uint32_t reordered; /* of those that do not end a turn */
    uint32_t repeated;  /* of all with data */
    uint32_t lost;      /* of those that do not start a turn */
};

/* The ground truth, as it is told: X(name). */
#define TRUTH(X)                                                                                                       \
    X(packets)                                                                                                         \
    X(bytes) /* of the file */                                                                                         \
    X(tcp_flows)                                                                                                       \
    X(udp_packets)                                                                                                     \
    X(concurrent) /* TCP connections that were open at one time, at most */                                            \
    X(in_flight)  /* bytes at one time, at most: of the bodies of messages that had begun and not ended */             \
    X(http_requests)                                                                                                   \
    X(http_replies)                                                                                                    \
    X(smb_messages)                                                                                                    \
    X(tls_flows)                                                                                                       \
    X(messages)         /* ConfigMgr messages, requests and replies */                                                 \
    X(valid_signatures) /* messages whose payload signature is valid: signed, and no segment lost */                   \
    X(valid_registrations)                                                                                             \
    X(valid_tokens) /* policy requests with a valid ClientTokenSignature */                                            \
    X(payloads)     /* compressed payloads in messages of which no segment is lost */                                  \
    X(reordered)                                                                                                       \
    X(repeated)                                                                                                        \
    X(lost)

struct truth {
#define X(name) uint64_t name;
    TRUTH(X)
#undef X
};

/* What conversations share. */
struct stage {
    struct wire wire;
    struct dice dice;
    struct disorder disorder;
    struct truth truth;
    uint64_t open, in_flight; /* now */
    FILE *uses;               /* where the number of each script that was sent whole goes; NULL for nowhere */
};

void conversation_init(struct conversation *conversation, struct dice *dice);
/* A new turn, to be filled. */
struct turn *conversation_turn(struct conversation *conversation, enum side sender);
void turn_piece(struct turn *turn, const void *bytes, size_t length);
/* Adds the bytes of the buffer as a piece; they belong to the turn from now on. Once for a turn. */
void turn_own(struct turn *turn, struct buffer *bytes);
/* Bytes that it will take in the file, about. */
uint64_t conversation_size(const struct conversation *conversation);

/* Sends the next packet or two; false when nothing is left to send. */
bool conversation_step(struct conversation *conversation, struct stage *stage);
void conversation_free(struct conversation *conversation);

#endif
