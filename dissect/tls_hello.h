/* dissect/tls_hello.h: ClientHello and ServerHello, with their extensions, and fingerprints of them. */
#ifndef CMSCOPE_DISSECT_TLS_HELLO_H
#define CMSCOPE_DISSECT_TLS_HELLO_H

#include "core/cursor.h"
#include "core/text.h"
#include "dissect/configmgr/keys.h"
#include "dissect/tls_cipher.h"

/* All cursors are views into the message; empty when it does not have them. */
struct tls_hello {
    uint16_t version; /* as negotiated before TLS 1.3 */
    struct cursor random, session_id;
    struct cursor suites;        /* client: u16 each (SSL 2.0: u24 each) */
    uint16_t suite;              /* server: the chosen one */
    struct cursor compression;   /* client: u8 each; server: one */
    struct cursor extensions;    /* the whole list */
    struct cursor server_name;   /* extension 0 */
    struct cursor alpn;          /* 16: names, each with u8 length */
    struct cursor groups;        /* 10: u16 each */
    struct cursor point_formats; /* 11: u8 each */
    struct cursor signatures;    /* 13: u16 each */
    struct cursor versions;      /* 43: u16 each */
    struct cursor ticket;        /* 35 */
    struct cursor identity;      /* 41, client: the first pre-shared key offered */
    uint16_t key_share;          /* 51, server: its group; 0: none */
    bool has_ticket, extended_master_secret, encrypt_then_mac, renegotiation_info, status_request, early_data,
        heartbeat;
    bool pre_shared_key;
    bool ssl2;  /* the message has the form of SSL 2.0 */
    bool retry; /* server: it is a HelloRetryRequest */
};

/* Reads the body of the message (behind its u24 length). False when it contradicts itself or is cut off; what was read until then is
 * set. */
MUST_USE bool tls_client_hello(struct cursor body, struct tls_hello *hello);
MUST_USE bool tls_server_hello(struct cursor body, struct tls_hello *hello);
/* A CLIENT-HELLO or SERVER-HELLO of SSL 2.0 (RFC 6101 appendix E; SSL 2.0 section 2.6): the record's content, type included. Of the
 * server's, `suites` has what was chosen or, up to the client, offered. */
MUST_USE bool tls_ssl2_client_hello(struct cursor body, struct tls_hello *hello);
MUST_USE bool tls_ssl2_server_hello(struct cursor body, struct tls_hello *hello, struct cursor *certificate);

/* Reads extensions alone, as in EncryptedExtensions. */
MUST_USE bool tls_extensions(struct cursor list, bool server, struct tls_hello *hello);

/* The newest version that the hello offers, or chooses. */
uint16_t tls_hello_version(const struct tls_hello *hello);

/* JA3 and JA3S: MD5 in hex of the numbers that the hello lists, in their order; JA4: what is in it and hashes of the sorted
 * lists. In `arena`; TEXT_NULL for hellos that are too long to be honest. `keys` lends its hash functions. */
struct text tls_ja3(const struct tls_hello *hello, bool server, struct ccm_keys *keys, struct arena *arena);
struct text tls_ja4(const struct tls_hello *hello, struct ccm_keys *keys, struct arena *arena);

#endif
