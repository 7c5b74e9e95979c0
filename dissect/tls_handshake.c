/* dissect/tls_handshake.c: handshake messages, readable or decrypted.
 *
 *   message: u8 type, u24 length, body                                        (RFC 5246 section 7.4, RFC 8446 section 4)
 */
#include <stdlib.h>

#include "dissect/tls_internal.h"

enum message {
    HELLO_REQUEST = 0,
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    NEW_SESSION_TICKET = 4,
    END_OF_EARLY_DATA = 5,
    ENCRYPTED_EXTENSIONS = 8,
    CERTIFICATE = 11,
    SERVER_KEY_EXCHANGE = 12,
    CERTIFICATE_REQUEST = 13,
    SERVER_HELLO_DONE = 14,
    CERTIFICATE_VERIFY = 15,
    CLIENT_KEY_EXCHANGE = 16,
    FINISHED = 20,
    CERTIFICATE_STATUS = 22,
    KEY_UPDATE = 24,
    COMPRESSED_CERTIFICATE = 25,
};

/* ---- Memory ---- */

bool tls_keep(struct tls *tls, struct buffer *buffer, struct cursor bytes)
{
    if (tls->memory->waiting + bytes.left > TLS_WAITING_MAX) {
        tls_limit(tls, LIMIT_tls_waiting);
        return false;
    }
    size_t before = buffer->length;
    bool kept = buffer_append(buffer, bytes);
    tls->memory->waiting += buffer->length - before;
    return kept;
}

void tls_release(struct tls *tls, struct buffer *buffer)
{
    tls->memory->waiting -= buffer->length;
    buffer_reset(buffer, 0);
}

/* ---- Sessions ---- */

void tls_session_keep(struct tls *tls, enum tls_handle kind, struct cursor handle)
{
    struct tls_session session = {.row = tls->row, .has_master = tls->has_master && tls->version != TLS_1_3};
    if (handle.left == 0)
        return;
    for (int i = 0; i < 2 && !tls->server_flight && tls->version != TLS_1_3; i++) {
        if (tls->known[i])
            session.row = tls->offered[i].row; /* of a session that was resumed: the full handshake stays the source */
    }
    if (session.has_master)
        memcpy(session.master, tls->master, TLS_MASTER);
    tls_sessions_put(tls->memory->sessions, tls->outer->conversation->flow, kind, handle, &session);
}

static void session_look_up(struct tls *tls, int which, enum tls_handle kind, struct cursor handle)
{
    const struct tls_session *session =
        tls_sessions_find(tls->memory->sessions, tls->outer->conversation->flow, kind, handle);
    tls->known[which] = session != NULL;
    if (session == NULL && handle.left > 0 && tls_sessions_forgotten(tls->memory->sessions) > 0)
        tls_limit(tls, LIMIT_tls_sessions);
    if (session != NULL)
        tls->offered[which] = *session;
}

/* ---- Hellos ---- */

static void copy_id(struct tls *tls, int which, struct cursor id)
{
    tls->id_bytes[which] = (uint8_t)(id.left < TLS_ID_MAX ? id.left : TLS_ID_MAX);
    if (id.left > 0)
        memcpy(tls->id[which], id.at, tls->id_bytes[which]);
}

/* Another handshake begins: of the one before only the keys in use stay. */
static void handshake_begin(struct tls *tls)
{
    tls->handshakes++;
    tls->server_hello = tls->server_flight = tls->certificate_verify = tls->keys_tried = false;
    tls->has_master = false;
    tls->premaster_bytes = tls->session_hash_bytes = 0;
    tls_release(tls, &tls->transcript);
}

static void client_hello_taken(struct tls *tls, const struct tls_hello *hello)
{
    bool retried = tls->client_hello && tls->version == 0; /* the second one, after a HelloRetryRequest */
    if (!retried)
        handshake_begin(tls);
    tls->client_hello = true;
    memset(tls->random[0], 0, TLS_RANDOM);
    if (hello->random.left > 0 &&
        hello->random.left <= TLS_RANDOM) /* a challenge of SSL 2.0 may be shorter: on the right */
        memcpy(tls->random[0] + TLS_RANDOM - hello->random.left, hello->random.at, hello->random.left);
    copy_id(tls, 0, hello->session_id);
    tls->early_data = hello->early_data;
    tls->ticket_offered = hello->ticket.left > 0;
    session_look_up(tls, 0, TLS_SESSION_ID, hello->session_id);
    session_look_up(tls, 1, TLS_TICKET, hello->identity.left > 0 ? hello->identity : hello->ticket);
    if (!retried)
        tls_row_client_hello(tls, hello);
    tls_early_keys(tls);
}

static bool client_hello(struct tls *tls, struct cursor body)
{
    struct tls_hello hello;
    bool good = tls_client_hello(body, &hello);
    if (hello.random.left == TLS_RANDOM)
        client_hello_taken(tls, &hello);
    return good;
}

static bool server_hello(struct tls *tls, struct cursor body)
{
    struct tls_hello hello;
    bool good = tls_server_hello(body, &hello);
    if (hello.compression.left == 0)
        return false;
    if (hello.retry)
        return good;
    tls->server_hello = true;
    tls->version = tls_hello_version(&hello);
    tls->number = hello.suite;
    tls_suite_find(hello.suite, &tls->suite);
    tls->extended_master_secret = hello.extended_master_secret;
    tls->encrypt_then_mac = hello.encrypt_then_mac;
    tls->compressed = hello.compression.at[0] != 0 && tls->version < TLS_1_3;
    memcpy(tls->random[1], hello.random.at, TLS_RANDOM);
    copy_id(tls, 1, hello.session_id);
    tls_row_server_hello(tls, &hello);
    if (tls->version != TLS_1_3)
        return good;
    if (hello.pre_shared_key)
        tls_row_resumed(tls, "psk", tls->known[1] ? &tls->offered[1] : NULL);
    tls_hello_keys(tls);
    return good;
}

bool tls_ssl2_record(struct tls *tls, enum direction direction, struct cursor body)
{
    struct tls_hello hello;
    struct cursor certificate;
    if (direction == tls->client && tls_ssl2_client_hello(body, &hello)) {
        client_hello_taken(tls, &hello);
        return true;
    }
    if (!tls_ssl2_server_hello(body, &hello, &certificate) || hello.version != TLS_SSL2)
        return false;
    tls->version = TLS_SSL2;
    tls->passive = true;
    tls_row_server_hello(tls, &hello);
    if (certificate.left > 0 && certificate.left <= 0xFFFF) {
        uint8_t head[3] = {0, (uint8_t)(certificate.left >> 8), (uint8_t)certificate.left};
        struct buffer list;
        buffer_init(&list, 0x10003);
        if (buffer_append(&list, cursor_of(head, sizeof head)) && buffer_append(&list, certificate))
            tls_row_certificates(tls, true, buffer_cursor(&list));
        buffer_free(&list);
    }
    tls_row_problem(tls, "SSL 2.0: nothing behind the hellos is read");
    return true;
}

/* ---- Certificates ---- */

/*   TLS 1.3: u8 + context; then u24 + list of u24 + certificate (TLS 1.3: u16 + extensions behind each) */
static bool certificate(struct tls *tls, struct cursor body, bool server)
{
    uint8_t context;
    uint32_t length;
    struct cursor list, first;
    if (tls->version == TLS_1_3 && (!cursor_u8(&body, &context) || !cursor_skip(&body, context)))
        return false;
    if (!cursor_be24(&body, &length) || !cursor_take(&body, length, &list))
        return false;
    tls_row_certificates(tls, server, list);
    if (server && cursor_be24(&list, &length) && cursor_take(&list, length, &first))
        tls_private_key(tls, first);
    return true;
}

/*   u8 + certificate types, TLS 1.2: u16 + signature algorithms, u16 + authorities (RFC 5246 section 7.4.4);
 *   TLS 1.3: u8 + context, u16 + extensions, of which 47 holds the authorities (RFC 8446 section 4.3.2) */
static bool certificate_request(struct tls *tls, struct cursor body)
{
    uint8_t types;
    uint16_t length, type;
    struct cursor authorities = CURSOR_EMPTY, extensions, content;
    if (!cursor_u8(&body, &types) || !cursor_skip(&body, types))
        return false;
    if (tls->version >= TLS_1_2 && tls->version < TLS_1_3 &&
        (!cursor_be16(&body, &length) || !cursor_skip(&body, length)))
        return false;
    if (!cursor_be16(&body, &length) || !cursor_take(&body, length, &extensions))
        return false;
    if (tls->version != TLS_1_3) {
        tls_row_requested(tls, extensions);
        return true;
    }
    while (cursor_be16(&extensions, &type) && cursor_be16(&extensions, &length)) {
        if (!cursor_take(&extensions, length, &content))
            return false;
        if (type == 47 && (!cursor_be16(&content, &length) || !cursor_take(&content, length, &authorities)))
            return false;
    }
    tls_row_requested(tls, authorities);
    return true;
}

/* ---- Key exchange ---- */

/* ECDHE: u8 3 (named curve), u16 group; DHE: u16 + prime ... (RFC 8422 section 5.4, RFC 5246 section 7.4.3) */
static bool server_key_exchange(struct tls *tls, struct cursor body)
{
    const char *exchange = "";
    uint8_t form = 0;
    uint16_t group, length;
    struct cursor prime;
    char number[8];
    if (tls->suite.name == NULL)
        return true;
    size_t named = tls_suite_exchange(tls->suite.name, &exchange);
    if (named >= 5 && strncmp(exchange, "ECDHE_PSK", 9) != 0 && strncmp(exchange, "ECDH", 4) == 0) {
        if (!cursor_u8(&body, &form) || form != 3 || !cursor_be16(&body, &group))
            return form == 1 || form == 2;
        snprintf(number, sizeof number, "0x%04x", group);
        tls_row_group(tls, tls_group_name(group) == NULL ? number : tls_group_name(group), 0);
    } else if (named >= 2 && strncmp(exchange, "DH", 2) == 0 && strncmp(exchange, "DHE_PSK", 7) != 0) {
        if (!cursor_be16(&body, &length) || !cursor_take(&body, length, &prime))
            return false;
        while (prime.left > 0 && prime.at[0] == 0 && cursor_skip(&prime, 1)) {}
        tls_row_group(tls, "dh", (unsigned)prime.left * 8);
    }
    return true;
}

/*   u32 lifetime, u16 + ticket (RFC 5077 section 3.3);
 *   TLS 1.3: u32 lifetime, u32 age add, u8 + nonce, u16 + ticket ... (RFC 8446 section 4.6.1) */
static bool new_session_ticket(struct tls *tls, struct cursor body)
{
    uint32_t lifetime, age;
    uint16_t length;
    uint8_t nonce;
    struct cursor ticket;
    if (!cursor_be32(&body, &lifetime))
        return false;
    if (tls->version == TLS_1_3 &&
        (!cursor_be32(&body, &age) || !cursor_u8(&body, &nonce) || !cursor_skip(&body, nonce)))
        return false;
    if (!cursor_be16(&body, &length) || !cursor_take(&body, length, &ticket))
        return false;
    tls_session_keep(tls, TLS_TICKET, ticket);
    return true;
}

static bool encrypted_extensions(struct tls *tls, struct cursor body)
{
    struct tls_hello hello = {0};
    uint16_t length;
    struct cursor list;
    if (!cursor_be16(&body, &length) || !cursor_take(&body, length, &list) || !tls_extensions(list, true, &hello))
        return false;
    tls_row_extensions(tls, &hello);
    return true;
}

/* TLS 1.3: the Finished of the handshake leads to the secrets of the traffic. A later one ends an authentication of the
 * client after the handshake and changes no keys: only KeyUpdate does (RFC 8446 sections 4.4.4, 4.6.2, 7.2). */
static void finished(struct tls *tls, enum direction direction)
{
    bool client = direction == tls->client;
    if (tls->version != TLS_1_3)
        return;
    if (client && tls->certificate_verify)
        tls_row_verified(tls);
    if (client)
        tls->certificate_verify = false;
    if (tls->stream[direction].phase == TLS_PHASE_HANDSHAKE)
        tls_next_phase(tls, direction, TLS_PHASE_TRAFFIC);
}

/* ---- Messages ---- */

static bool from_client(struct tls *tls, enum direction direction, uint8_t type, struct cursor body)
{
    switch (type) {
    case CLIENT_HELLO:
        return client_hello(tls, body);
    case CERTIFICATE:
        return certificate(tls, body, false);
    case CLIENT_KEY_EXCHANGE:
        tls_key_exchange(tls, body);
        tls_release(tls, &tls->transcript);
        return true;
    case CERTIFICATE_VERIFY:
        tls->certificate_verify = true;
        return true;
    case END_OF_EARLY_DATA:
        if (tls->stream[direction].phase == TLS_PHASE_EARLY)
            tls_next_phase(tls, direction, TLS_PHASE_HANDSHAKE);
        return true;
    default:
        return true;
    }
}

static bool from_server(struct tls *tls, uint8_t type, struct cursor body)
{
    tls->server_flight = tls->server_flight || (type >= CERTIFICATE && type <= SERVER_HELLO_DONE);
    switch (type) {
    case SERVER_HELLO:
        return server_hello(tls, body);
    case NEW_SESSION_TICKET:
        return new_session_ticket(tls, body);
    case ENCRYPTED_EXTENSIONS:
        return encrypted_extensions(tls, body);
    case CERTIFICATE:
        return certificate(tls, body, true);
    case SERVER_KEY_EXCHANGE:
        return server_key_exchange(tls, body);
    case CERTIFICATE_REQUEST:
        return certificate_request(tls, body);
    case CERTIFICATE_STATUS:
        tls_row_stapled(tls);
        return true;
    default:
        return true;
    }
}

/* Whether a hello has no place here: a second one in clear, or one in TLS 1.3, which does not renegotiate. Both ends
 * refuse it (RFC 8446 sections 4.1.2 and 4.2.1, RFC 5246 section 7.4.1.2), so it must not change what is known. */
static bool misplaced_hello(const struct tls *tls, enum direction direction, uint8_t type)
{
    const struct tls_stream *stream = &tls->stream[direction];
    if ((type != CLIENT_HELLO && type != SERVER_HELLO) || !tls->server_hello)
        return false;
    if (type == CLIENT_HELLO && !tls->client_hello)
        return false; /* the capture has the server's side earlier */
    return tls->version == TLS_1_3 || !stream->encrypted;
}

/* `whole`: the message with its head, for the hash of the handshake. */
static void message(struct tls *tls, enum direction direction, uint8_t type, struct cursor body, struct cursor whole)
{
    bool client = direction == tls->client, good = true;
    if (misplaced_hello(tls, direction, type)) {
        tls_row_problem(tls, "a second hello where none is allowed: it was passed over");
        return;
    }
    if (client && type == CLIENT_HELLO && tls->server_hello)
        tls_release(tls, &tls->transcript);
    bool hashed = type != HELLO_REQUEST && type != CLIENT_HELLO && tls->version != TLS_1_3 &&
                  tls->premaster_bytes == 0 && type != FINISHED && type != NEW_SESSION_TICKET &&
                  tls_wants_transcript(tls);
    if (hashed && !tls_keep(tls, &tls->transcript, whole))
        tls_release(tls, &tls->transcript);
    if (type == FINISHED) {
        finished(tls, direction);
        return;
    }
    if (type == KEY_UPDATE && tls->version == TLS_1_3) {
        if (tls->stream[direction].phase == TLS_PHASE_TRAFFIC)
            tls_key_update(tls, direction);
        return;
    }
    if (type == COMPRESSED_CERTIFICATE) {
        tls_row_problem(tls, "a certificate is compressed (RFC 8879), which is not read");
        tls_trouble(tls, OUTCOME_UNSUPPORTED, "compressed certificate");
    } else
        good = client ? from_client(tls, direction, type, body) : from_server(tls, type, body);
    if (client && type == CLIENT_HELLO && tls_wants_transcript(tls) && !tls_keep(tls, &tls->transcript, whole))
        tls_release(tls, &tls->transcript);
    if (!good) {
        tls_row_problem(tls, "a handshake message contradicts itself");
        tls_trouble(tls, OUTCOME_MALFORMED, "handshake message");
    }
}

/* Reads whole messages off `bytes`; what is left is the start of one. False when that one is too long to wait for. */
static bool messages(struct tls *tls, enum direction direction, struct cursor *bytes)
{
    struct tls_stream *stream = &tls->stream[direction];
    for (;;) {
        struct cursor rest = *bytes, body, whole;
        uint8_t type;
        uint32_t length;
        if (!cursor_u8(&rest, &type) || !cursor_be24(&rest, &length))
            return true;
        if (length > TLS_MESSAGE_MAX - 4) {
            stream->message_skip = length - (uint32_t)rest.left;
            return false;
        }
        if (!cursor_take(&rest, length, &body))
            return true;
        if (!cursor_take(bytes, length + 4, &whole))
            return true;
        message(tls, direction, type, body, whole);
    }
}

void tls_handshake_bytes(struct tls *tls, enum direction direction, struct cursor bytes)
{
    struct tls_stream *stream = &tls->stream[direction];
    size_t skip = stream->message_skip < bytes.left ? stream->message_skip : bytes.left;
    stream->message_skip -= (uint32_t)skip;
    if (stream->messages_lost || !cursor_skip(&bytes, skip) || bytes.left == 0)
        return;
    bool waited = stream->messages.length > 0;
    struct cursor rest = bytes;
    if (waited && !tls_keep(tls, &stream->messages, bytes)) {
        tls_handshake_lost(tls, direction);
        return;
    }
    rest = waited ? buffer_cursor(&stream->messages) : bytes;
    bool good = messages(tls, direction, &rest);
    if (!good) {
        tls_row_problem(tls, "a handshake message is too long to be kept");
        tls_limit(tls, LIMIT_tls_message);
    }
    if (!good || rest.left == 0) {
        tls_release(tls, &stream->messages);
        return;
    }
    if (!waited) {
        if (!tls_keep(tls, &stream->messages, rest))
            tls_handshake_lost(tls, direction);
        return;
    }
    size_t used = stream->messages.length - rest.left; /* the start of the next message moves to the front */
    memmove(stream->messages.bytes, stream->messages.bytes + used, rest.left);
    stream->messages.length = rest.left;
    tls->memory->waiting -= used;
}

void tls_handshake_lost(struct tls *tls, enum direction direction)
{
    struct tls_stream *stream = &tls->stream[direction];
    tls_release(tls, &stream->messages);
    tls_release(tls, &tls->transcript);
    if (!stream->encrypted) {
        tls_row_problem(tls, "a gap in the handshake: a part of it is missing");
        tls_trouble(tls, OUTCOME_MORE, "handshake");
    }
    stream->messages_lost = true;
}
