/* dissect/tls_internal.h: one TLS connection, as the files tls*.c share it.
 *
 *   bytes --tls.c: records--> tls_keys.c: opened --> tls_handshake.c: messages --> tls_row.c: the rows
 *                                              \---> application data: the layer inside
 */
#ifndef CMSCOPE_DISSECT_TLS_INTERNAL_H
#define CMSCOPE_DISSECT_TLS_INTERNAL_H

#include "core/buffer.h"
#include "dissect/internal.h"
#include "dissect/tls_hello.h"
#include "dissect/tls_keylog.h"
#include "dissect/tls_protection.h"
#include "dissect/tls_session.h"
#include "dissect/trouble.h"

#define TLS_MESSAGE_MAX ((size_t)256 << 10)   /* one handshake message: chains and lists of CAs have some 20 KB */
#define TLS_WAITING_MAX ((uint64_t)128 << 20) /* bytes of unfinished records and messages, of all connections */
#define TLS_DEPTH_MAX 4                       /* TLS inside TLS */
#define TLS_ID_MAX 32
#define TLS_CERTIFICATES 128 /* that are known again when they are shown again */

enum { TLS_CHANGE_CIPHER = 20, TLS_ALERT = 21, TLS_HANDSHAKE = 22, TLS_APPLICATION = 23, TLS_HEARTBEAT = 24 };

/* Sees application data as it was decrypted: for tests. */
struct tls_tap {
    void *context;
    void (*data)(void *context, const struct flow *flow, enum direction direction, struct cursor bytes);
};

/* A certificate that was shown, and its row. */
struct tls_certificate {
    uint8_t digest[32];
    int64_t row; /* 0: none */
};

/* What all connections of a worker share. */
struct tls_memory {
    struct tls_keylog *keylog;
    struct tls_sessions *sessions;
    struct tls_crypto *crypto; /* made when the first key is found; NULL when OpenSSL refuses */
    bool crypto_tried;
    struct arena arena; /* for one row */
    uint64_t waiting;   /* of TLS_WAITING_MAX */
    unsigned depth;     /* connections whose content is being handed on now */
    uint8_t *plain[TLS_DEPTH_MAX];
    struct tls_certificate certificates[TLS_CERTIFICATES];
    struct tls_tap tap;
};

/* TLS 1.3: which of its secrets a direction uses. */
enum tls_phase { TLS_PHASE_NONE, TLS_PHASE_EARLY, TLS_PHASE_HANDSHAKE, TLS_PHASE_TRAFFIC };

struct tls_stream {
    /* The record that is being read. */
    uint8_t header[5];
    uint8_t header_bytes;
    bool skip;     /* its body is not kept */
    bool broken;   /* a part of its body is missing */
    uint32_t want; /* bytes of its body that are still to come */
    uint32_t length;
    struct buffer body;
    bool started; /* a record was seen */
    bool lost;    /* a gap took the borders of records: one may start with the next segment */

    /* Handshake messages. */
    struct buffer messages;
    uint32_t message_skip; /* bytes of one that is too long to keep */
    bool messages_lost;    /* a gap took their borders, until the cipher changes */

    /* Protection. */
    bool encrypted;
    bool hidden_finished; /* an encrypted record that can be Finished was seen */
    bool searching;       /* records were lost: the sequence number is not known */
    unsigned search_max;  /* how many may have been */
    unsigned searches;
    unsigned failures;           /* records in a row that did not verify */
    uint64_t sequence;           /* records since the cipher changed */
    uint64_t opened;             /* of those: verified */
    struct tls_protection *keys; /* NULL: not readable */
    enum tls_phase phase;
    bool lenient; /* records of other keys may come first (early data that is not taken): they are passed over */
    uint8_t secret[TLS_SECRET_MAX]; /* TLS 1.3: the traffic secret in use */
    size_t secret_bytes;

    uint64_t application;    /* bytes of application data records */
    uint64_t late_handshake; /* bytes of hidden handshake records after application data */
};

struct tls {
    struct layer *outer;
    struct dissect *dissect;
    struct tls_memory *memory;
    struct layer inner;
    enum direction client;
    struct tls_stream stream[2]; /* by direction */
    int64_t row;                 /* of `tls`; INT_NULL when nobody asks for it */
    bool begun;
    struct moment moment; /* of the bytes that are being read */
    bool passive;         /* nothing more is read: SSL 2.0, or not TLS after all */
    bool decrypted;
    uint64_t unverified;

    /* The handshake: the last one begun. */
    unsigned handshakes;
    bool client_hello, server_hello, server_flight; /* server_flight: more than a hello before the cipher changed */
    bool certificate_verify, keys_tried;
    uint16_t version; /* 0: not chosen yet */
    uint16_t number;  /* of the suite */
    struct tls_suite suite;
    bool extended_master_secret, encrypt_then_mac, compressed, early_data, ticket_offered;
    uint8_t random[2][TLS_RANDOM]; /* client, server */
    uint8_t id[2][TLS_ID_MAX];     /* session id: client, server */
    uint8_t id_bytes[2];
    bool known[2]; /* the session behind the offered id (0) or ticket (1) was captured */
    struct tls_session offered[2];
    struct buffer transcript; /* when its hash is needed */
    uint8_t session_hash[64];
    size_t session_hash_bytes;
    EVP_PKEY *private_key; /* of the server's certificate; not owned */
    uint8_t premaster[TLS_SECRET_MAX];
    size_t premaster_bytes;
    bool has_master;
    uint8_t master[TLS_MASTER];
    const char *source; /* of the keys */
};

static inline struct tls_stream *tls_client_stream(struct tls *tls)
{
    return &tls->stream[tls->client];
}

static inline struct tls_stream *tls_server_stream(struct tls *tls)
{
    return &tls->stream[direction_reverse(tls->client)];
}

/* ---- tls_keys.c: secrets and opened records ---- */

/* Whether handshakes must be remembered for their hash. */
bool tls_wants_transcript(const struct tls *tls);
/* The client's key exchange message was read: finds the premaster secret when a key is at hand. */
void tls_key_exchange(struct tls *tls, struct cursor body);
/* The server's certificate: finds its private key. */
void tls_private_key(struct tls *tls, struct cursor certificate);
/* That direction changes its cipher (up to TLS 1.2). */
void tls_change_cipher(struct tls *tls, enum direction direction);
/* TLS 1.3: the ServerHello was read; a direction goes on to its next secret; KeyUpdate. */
void tls_hello_keys(struct tls *tls);
void tls_early_keys(struct tls *tls);
void tls_next_phase(struct tls *tls, enum direction direction, enum tls_phase phase);
void tls_key_update(struct tls *tls, enum direction direction);
/* Opens a record into memory->plain[depth]. False when it is not readable or does not verify. */
bool tls_open_record(struct tls *tls, enum direction direction, struct cursor body, uint8_t *type,
                     struct cursor *content);
/* No more is decrypted of that direction. */
void tls_drop_keys(struct tls *tls, enum direction direction);

/* ---- tls_handshake.c ---- */

void tls_handshake_bytes(struct tls *tls, enum direction direction, struct cursor bytes);
void tls_handshake_lost(struct tls *tls, enum direction direction);
/* A hello of SSL 2.0. False when it is none. */
bool tls_ssl2_record(struct tls *tls, enum direction direction, struct cursor body);
/* The session can be resumed from now on. */
void tls_session_keep(struct tls *tls, enum tls_handle kind, struct cursor handle);
/* Keeps bytes for later, within the limits of the connection and of all. */
MUST_USE bool tls_keep(struct tls *tls, struct buffer *buffer, struct cursor bytes);
void tls_release(struct tls *tls, struct buffer *buffer);

/* ---- tls_row.c ---- */

void tls_row_begin(struct tls *tls);
void tls_row_client_hello(struct tls *tls, const struct tls_hello *hello);
void tls_row_server_hello(struct tls *tls, const struct tls_hello *hello);
void tls_row_extensions(struct tls *tls, const struct tls_hello *hello);
void tls_row_group(struct tls *tls, const char *name, unsigned bits);
/* A chain, the host's own certificate first: `list` of u24 + certificate, in TLS 1.3 each with u16 + extensions. */
void tls_row_certificates(struct tls *tls, bool server, struct cursor list);
/* `authorities`: u16 + name each. */
void tls_row_requested(struct tls *tls, struct cursor authorities);
void tls_row_stapled(struct tls *tls);
void tls_row_verified(struct tls *tls);
void tls_row_resumed(struct tls *tls, const char *by, const struct tls_session *session);
void tls_row_decrypted(struct tls *tls);
void tls_row_alert(struct tls *tls, enum direction direction, struct cursor content);
/* A limit was hit: counted, and a row of trouble. */
void tls_limit(const struct tls *tls, enum limit limit);
/* A record or message was not read: counted, and a row of trouble. */
void tls_trouble(const struct tls *tls, enum outcome reason, const char *what);
/* The first problem is kept. */
void tls_row_problem(struct tls *tls, const char *problem);
void tls_row_close(struct tls *tls);

#endif
