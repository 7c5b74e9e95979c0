/* dissect/tls_keys.c: where the secrets of a connection come from, and records opened with them. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "dissect/tls_internal.h"

#define FAILURES_MAX 8 /* records in a row that do not verify: then a direction is given up */
#define SEARCHES_MAX 8 /* searches for a lost sequence number in one connection */
#define RSA_BYTES_MAX 2048

/* ---- What all connections share ---- */

bool tls_setup(struct dissect *dissect)
{
    struct tls_memory *memory = calloc(1, sizeof *memory);
    dissect->tls = memory;
    if (memory == NULL)
        return false;
    memory->keylog = tls_keylog_new();
    memory->sessions = tls_sessions_new();
    arena_init(&memory->arena, SCRATCH_MAX);
    return memory->keylog != NULL && memory->sessions != NULL;
}

void tls_teardown(struct dissect *dissect)
{
    struct tls_memory *memory = dissect->tls;
    if (memory == NULL)
        return;
    for (size_t i = 0; i < TLS_DEPTH_MAX; i++) {
        if (memory->plain[i] != NULL)
            OPENSSL_clear_free(memory->plain[i], TLS_RECORD_MAX);
    }
    tls_crypto_free(memory->crypto);
    tls_keylog_free(memory->keylog);
    tls_sessions_free(memory->sessions);
    arena_free(&memory->arena);
    free(memory);
    dissect->tls = NULL;
}

uint64_t tls_texts_lost(const struct dissect *dissect)
{
    return dissect->tls->arena.refused;
}

size_t tls_take_keylog(struct dissect *dissect, struct text text, bool captured)
{
    size_t lost = tls_keylog_lost(dissect->tls->keylog);
    size_t taken = tls_keylog_read(dissect->tls->keylog, text, captured);
    dissect->counts.limits.hit[LIMIT_tls_keylog] += tls_keylog_lost(dissect->tls->keylog) - lost;
    return taken;
}

static const struct tls_crypto *crypto_of(struct tls *tls)
{
    struct tls_memory *memory = tls->memory;
    if (memory->crypto == NULL && !memory->crypto_tried)
        memory->crypto = tls_crypto_new();
    memory->crypto_tried = true;
    if (memory->crypto == NULL)
        tls_row_problem(tls, "OpenSSL could not be set up to decrypt");
    return memory->crypto;
}

static bool find(struct tls *tls, enum tls_secret kind, struct cursor key, struct cursor *secret)
{
    bool captured;
    if (!tls_keylog_find(tls->memory->keylog, kind, key, secret, &captured))
        return false;
    tls->source = captured ? "capture" : "keylog";
    return true;
}

static struct cursor client_random(const struct tls *tls)
{
    return cursor_of(tls->random[0], TLS_RANDOM);
}

/* ---- Up to TLS 1.2: the master secret ---- */

static struct tls_schedule schedule_of(const struct tls *tls)
{
    return (struct tls_schedule){
        .version = tls->version,
        .hash = tls_suite_schedule(&tls->suite),
        .client_random = client_random(tls),
        .server_random = cursor_of(tls->random[1], TLS_RANDOM),
    };
}

bool tls_wants_transcript(const struct tls *tls)
{
    size_t count;
    ccm_keys_private(tls->dissect->decoder.keys, &count);
    return count > 0 || tls_keylog_premasters(tls->memory->keylog);
}

void tls_private_key(struct tls *tls, struct cursor certificate)
{
    size_t count;
    const struct ccm_private *privates = ccm_keys_private(tls->dissect->decoder.keys, &count);
    const unsigned char *at = certificate.at;
    tls->private_key = NULL;
    X509 *x509 = count == 0 ? NULL : d2i_X509(NULL, &at, (long)certificate.left);
    EVP_PKEY *public_key = x509 == NULL ? NULL : X509_get0_pubkey(x509);
    for (size_t i = 0; public_key != NULL && i < count && tls->private_key == NULL; i++) {
        if (EVP_PKEY_eq(privates[i].pkey, public_key) == 1)
            tls->private_key = privates[i].pkey;
    }
    X509_free(x509);
    ERR_clear_error();
}

/* 00 02, at least eight bytes that are not 0, 00, premaster (RFC 8017 section 7.2). As a server does (RFC 5246 section 7.4.7.1), go
 * on with another secret when the padding is wrong: then no record verifies, and nothing tells why. */
static void unpad(const uint8_t *block, size_t length, uint8_t premaster[TLS_PREMASTER])
{
    size_t start = length - TLS_PREMASTER;
    bool good = block[0] == 0 && block[1] == 2 && block[start - 1] == 0;
    for (size_t i = 2; i < start - 1; i++)
        good = good && block[i] != 0;
    memset(premaster, 0, TLS_PREMASTER);
    if (good)
        memcpy(premaster, block + start, TLS_PREMASTER);
}

static void rsa_premaster(struct tls *tls, struct cursor encrypted)
{
    uint8_t block[RSA_BYTES_MAX];
    size_t length = sizeof block;
    if (EVP_PKEY_get_base_id(tls->private_key) != EVP_PKEY_RSA || EVP_PKEY_get_size(tls->private_key) > RSA_BYTES_MAX)
        return;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(tls->private_key, NULL);
    bool good = context != NULL && EVP_PKEY_decrypt_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1 &&
                EVP_PKEY_decrypt(context, block, &length, encrypted.at, encrypted.left) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    if (good && length > TLS_PREMASTER + 10) {
        unpad(block, length, tls->premaster);
        tls->premaster_bytes = TLS_PREMASTER;
        tls->source = "private-key";
    }
    OPENSSL_cleanse(block, sizeof block);
}

static void premaster_set(struct tls *tls, struct cursor secret)
{
    if (secret.left > sizeof tls->premaster)
        return;
    memcpy(tls->premaster, secret.at, secret.left);
    tls->premaster_bytes = secret.left;
}

/* Hash of all messages up to the client's key exchange (RFC 7627 section 3). */
static void hash_session(struct tls *tls)
{
    unsigned length = 0;
    EVP_MD *hash = EVP_MD_fetch(NULL, tls->version < TLS_1_2 ? "MD5-SHA1" : tls_suite_schedule(&tls->suite), NULL);
    if (tls->transcript.length > 0 && hash != NULL &&
        EVP_Digest(tls->transcript.bytes, tls->transcript.length, tls->session_hash, &length, hash, NULL) == 1)
        tls->session_hash_bytes = length;
    EVP_MD_free(hash);
}

/*   of RSA: u16 + encrypted premaster secret; in SSL 3.0 without its length (RFC 5246 section 7.4.7.1) */
void tls_key_exchange(struct tls *tls, struct cursor body)
{
    struct cursor encrypted = body, secret, first;
    uint16_t length;
    const char *exchange = NULL;
    size_t named = tls->suite.name == NULL ? 0 : tls_suite_exchange(tls->suite.name, &exchange);
    bool rsa = named >= 3 && strncmp(exchange, "RSA", 3) == 0 && (named == 3 || exchange[3] == '_');
    if (tls->version != TLS_SSL3 && (!cursor_be16(&body, &length) || !cursor_take(&body, length, &encrypted)))
        encrypted = CURSOR_EMPTY;
    if (tls->extended_master_secret && tls_wants_transcript(tls))
        hash_session(tls);
    if (find(tls, TLS_SECRET_PREMASTER, client_random(tls), &secret) ||
        (rsa && cursor_slice(encrypted, 0, 8, &first) && find(tls, TLS_SECRET_ENCRYPTED, first, &secret)))
        premaster_set(tls, secret);
    else if (rsa && tls->private_key != NULL)
        rsa_premaster(tls, encrypted);
}

static bool master_set(struct tls *tls, struct cursor secret)
{
    if (secret.left != TLS_MASTER)
        return false;
    memcpy(tls->master, secret.at, TLS_MASTER);
    return tls->has_master = true;
}

/* The master secret of the earlier session, when this one resumes it. */
static void master_resumed(struct tls *tls)
{
    for (int i = 0; i < 2 && !tls->has_master && !tls->server_flight; i++) {
        if (tls->known[i] && tls->offered[i].has_master) {
            master_set(tls, cursor_of(tls->offered[i].master, TLS_MASTER));
            tls->source = "resumed";
        }
    }
}

static void master_find(struct tls *tls)
{
    struct cursor secret, hash = cursor_of(tls->session_hash, tls->session_hash_bytes);
    tls->keys_tried = true;
    if (find(tls, TLS_SECRET_MASTER, client_random(tls), &secret) ||
        (tls->id_bytes[1] > 0 && find(tls, TLS_SECRET_SESSION, cursor_of(tls->id[1], tls->id_bytes[1]), &secret))) {
        master_set(tls, secret);
        return;
    }
    master_resumed(tls);
    if (tls->has_master || tls->premaster_bytes == 0)
        return;
    if (tls->extended_master_secret && hash.left == 0) {
        tls_row_problem(tls, "the handshake was not seen whole, so its keys (RFC 7627) cannot be derived");
        return;
    }
    const struct tls_crypto *crypto = crypto_of(tls);
    struct tls_schedule schedule = schedule_of(tls);
    tls->has_master =
        crypto != NULL && tls_master_secret(crypto, &schedule, cursor_of(tls->premaster, tls->premaster_bytes),
                                            tls->extended_master_secret ? hash : CURSOR_EMPTY, tls->master);
}

void tls_drop_keys(struct tls *tls, enum direction direction)
{
    struct tls_stream *stream = &tls->stream[direction];
    tls_protection_free(stream->keys);
    stream->keys = NULL;
    OPENSSL_cleanse(stream->secret, sizeof stream->secret);
    stream->secret_bytes = 0;
    stream->searching = false;
}

static void new_cipher(struct tls_stream *stream)
{
    stream->encrypted = true;
    stream->searching = false;
    stream->search_max = stream->failures = 0;
    stream->sequence = stream->opened = 0;
    stream->messages_lost = false;
    stream->message_skip = 0;
}

/* The server changes its cipher: behind a hello alone, it resumes a session. */
static void handshake_ends(struct tls *tls)
{
    struct cursor id = cursor_of(tls->id[1], tls->id_bytes[1]);
    bool same = id.left > 0 && cursor_equal(id, cursor_of(tls->id[0], tls->id_bytes[0]));
    if (tls->server_flight) {
        tls_session_keep(tls, TLS_SESSION_ID, id);
        if (tls->certificate_verify)
            tls_row_verified(tls);
        return;
    }
    bool by_id = same && (tls->known[0] || !tls->ticket_offered);
    const struct tls_session *session = by_id ? &tls->offered[0] : &tls->offered[1];
    tls_row_resumed(tls, by_id ? "id" : "ticket", tls->known[by_id ? 0 : 1] ? session : NULL);
}

void tls_change_cipher(struct tls *tls, enum direction direction)
{
    struct tls_stream *stream = &tls->stream[direction];
    const char *why = NULL;
    bool server = direction != tls->client;
    tls_drop_keys(tls, direction);
    tls_release(tls, &stream->messages);
    bool whole = !stream->messages_lost;
    new_cipher(stream);
    if (!tls->client_hello || !tls->server_hello)
        return;
    if (!tls->keys_tried)
        master_find(tls);
    if (server && whole)
        handshake_ends(tls);
    const struct tls_crypto *crypto = tls->has_master ? crypto_of(tls) : NULL;
    if (crypto == NULL)
        return;
    struct tls_schedule schedule = schedule_of(tls);
    stream->keys = tls_protection_new(crypto, &schedule, &tls->suite, tls->encrypt_then_mac, tls->master, server, &why);
    if (stream->keys == NULL)
        tls_row_problem(tls, why);
}

/* ---- TLS 1.3 ---- */

static enum tls_secret secret_kind(enum tls_phase phase, bool server)
{
    if (phase == TLS_PHASE_EARLY)
        return TLS_SECRET_CLIENT_EARLY;
    if (phase == TLS_PHASE_HANDSHAKE)
        return server ? TLS_SECRET_SERVER_HANDSHAKE : TLS_SECRET_CLIENT_HANDSHAKE;
    return server ? TLS_SECRET_SERVER_TRAFFIC : TLS_SECRET_CLIENT_TRAFFIC;
}

static void keys_set(struct tls *tls, enum direction direction, const struct tls_suite *suite, struct cursor secret)
{
    struct tls_stream *stream = &tls->stream[direction];
    const char *why = NULL;
    const struct tls_crypto *crypto = crypto_of(tls);
    tls_protection_free(stream->keys);
    stream->keys = NULL;
    if (crypto == NULL || secret.left > sizeof stream->secret)
        return;
    memmove(stream->secret, secret.at, secret.left);
    stream->secret_bytes = secret.left;
    stream->keys = tls_protection_new13(crypto, suite, secret, &why);
    if (stream->keys == NULL) {
        stream->secret_bytes = 0;
        tls_row_problem(tls, why);
    }
}

void tls_next_phase(struct tls *tls, enum direction direction, enum tls_phase phase)
{
    struct tls_stream *stream = &tls->stream[direction];
    struct cursor secret;
    tls_drop_keys(tls, direction);
    new_cipher(stream);
    stream->phase = phase;
    if (find(tls, secret_kind(phase, direction != tls->client), client_random(tls), &secret))
        keys_set(tls, direction, &tls->suite, secret);
}

/* The secrets of the traffic are there, but not those of the handshake: then any record may be the first of it. */
static bool traffic_only(struct tls *tls, enum direction direction)
{
    struct cursor secret;
    const struct tls_stream *stream = &tls->stream[direction];
    return tls->version == TLS_1_3 && stream->phase == TLS_PHASE_HANDSHAKE && stream->failures < FAILURES_MAX &&
           find(tls, secret_kind(TLS_PHASE_TRAFFIC, direction != tls->client), client_random(tls), &secret);
}

void tls_hello_keys(struct tls *tls)
{
    enum direction server = direction_reverse(tls->client);
    struct tls_stream *client = tls_client_stream(tls);
    struct cursor secret;
    tls_next_phase(tls, server, TLS_PHASE_HANDSHAKE);
    if (client->phase == TLS_PHASE_EARLY && client->keys != NULL)
        return; /* until EndOfEarlyData */
    tls_next_phase(tls, tls->client, TLS_PHASE_HANDSHAKE);
    client->lenient = tls->early_data;
    /* Without the secrets of the handshake: a record of either side is tried with those of the traffic. */
    for (int i = 0; i < 2; i++) {
        struct tls_stream *stream = &tls->stream[i];
        enum tls_secret kind = secret_kind(TLS_PHASE_TRAFFIC, (enum direction)i == server);
        if (stream->keys != NULL || !find(tls, kind, client_random(tls), &secret))
            continue;
        keys_set(tls, (enum direction)i, &tls->suite, secret);
        stream->phase = TLS_PHASE_TRAFFIC;
        stream->lenient = true;
    }
}

/* Early data comes before the ServerHello, so its suite is guessed: by the length of the secret, then by trial. */
void tls_early_keys(struct tls *tls)
{
    struct cursor secret;
    if (!tls->early_data || !find(tls, TLS_SECRET_CLIENT_EARLY, client_random(tls), &secret))
        return;
    struct tls_suite suite;
    if (!tls_suite_find(secret.left == 48 ? 0x1302 : 0x1301, &suite))
        return;
    new_cipher(tls_client_stream(tls));
    tls_client_stream(tls)->phase = TLS_PHASE_EARLY;
    keys_set(tls, tls->client, &suite, secret);
}

void tls_key_update(struct tls *tls, enum direction direction)
{
    struct tls_stream *stream = &tls->stream[direction];
    uint8_t next[TLS_SECRET_MAX];
    const struct tls_crypto *crypto = stream->keys == NULL ? NULL : crypto_of(tls);
    struct cursor secret = cursor_of(stream->secret, stream->secret_bytes);
    if (crypto == NULL || !tls_expand_label(crypto, tls->suite.hash, secret, "traffic upd", next, secret.left))
        return;
    keys_set(tls, direction, &tls->suite, cursor_of(next, secret.left));
    stream->sequence = 0;
    OPENSSL_cleanse(next, sizeof next);
}

/* ---- Records ---- */

static uint8_t *plain_of(struct tls_memory *memory)
{
    uint8_t **plain = &memory->plain[memory->depth];
    if (*plain == NULL)
        *plain = OPENSSL_malloc(TLS_RECORD_MAX);
    return *plain;
}

static bool try_open(struct tls_stream *stream, struct cursor body, uint64_t sequence, uint8_t *out, uint8_t *type,
                     size_t *length)
{
    struct tls_record record = {
        .type = stream->header[0],
        .version = (uint16_t)(stream->header[1] << 8 | stream->header[2]),
        .sequence = sequence,
        .body = body,
    };
    return tls_protection_open(stream->keys, &record, out, type, length);
}

/* Behind a gap: one of the next sequence numbers is right. */
static bool search(const struct tls *tls, struct tls_stream *stream, struct cursor body, uint8_t *out, uint8_t *type,
                   size_t *length)
{
    stream->search_max++;
    if (stream->searches++ >= SEARCHES_MAX) {
        tls_limit(tls, LIMIT_tls_searches);
        return false;
    }
    for (unsigned i = 0; i <= stream->search_max; i++) {
        if (try_open(stream, body, stream->sequence + i, out, type, length)) {
            stream->sequence += i;
            stream->searching = false;
            stream->search_max = 0;
            return true;
        }
    }
    return false;
}

/* Early data may be under another suite than the one guessed, or be over without our seeing its end. */
static bool try_other_keys(struct tls *tls, enum direction direction, struct cursor body, uint8_t *out, uint8_t *type,
                           size_t *length)
{
    static const uint16_t guesses[] = {0x1303, 0x1304, 0x1305}; /* ChaCha20-Poly1305, CCM, CCM-8; all with SHA-256 */
    struct tls_stream *stream = &tls->stream[direction];
    struct cursor secret;
    if (stream->phase == TLS_PHASE_EARLY && stream->opened == 0 && stream->secret_bytes == 32) {
        for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
            struct tls_suite suite;
            uint8_t copy[TLS_SECRET_MAX];
            memcpy(copy, stream->secret, stream->secret_bytes);
            if (!tls_suite_find(guesses[i], &suite))
                continue;
            keys_set(tls, direction, &suite, cursor_of(copy, stream->secret_bytes));
            if (stream->keys != NULL && try_open(stream, body, stream->sequence, out, type, length))
                return true;
        }
    }
    if (stream->phase == TLS_PHASE_EARLY && tls->server_hello) {
        tls_next_phase(tls, direction, TLS_PHASE_HANDSHAKE);
        stream->lenient = true;
        return stream->keys != NULL && try_open(stream, body, 0, out, type, length);
    }
    if (!traffic_only(tls, direction) ||
        !find(tls, secret_kind(TLS_PHASE_TRAFFIC, direction != tls->client), client_random(tls), &secret))
        return false;
    struct tls_protection *keep = stream->keys;
    uint8_t kept[TLS_SECRET_MAX];
    size_t kept_bytes = stream->secret_bytes;
    memcpy(kept, stream->secret, sizeof kept);
    stream->keys = NULL;
    keys_set(tls, direction, &tls->suite, secret);
    if (stream->keys != NULL && try_open(stream, body, 0, out, type, length)) {
        stream->phase = TLS_PHASE_TRAFFIC;
        stream->sequence = 0;
        tls_protection_free(keep);
        return true;
    }
    tls_protection_free(stream->keys);
    stream->keys = keep;
    memcpy(stream->secret, kept, sizeof kept);
    stream->secret_bytes = kept_bytes;
    return false;
}

static void not_verified(struct tls *tls, enum direction direction)
{
    struct tls_stream *stream = &tls->stream[direction];
    if (stream->lenient && stream->opened == 0) {
        stream->sequence = 0;
        return;
    }
    tls->unverified++;
    tls->dissect->counts.tls_unverified++;
    stream->failures++;
    if (stream->opened == 0 && tls->version != TLS_1_3)
        tls_row_problem(tls, "its records do not verify with the key that was given");
    else if (stream->searching)
        tls_row_problem(tls, "a gap in the capture: records behind it could not be read");
    else
        tls_row_problem(tls, "records do not verify: they were changed, or are not of this connection");
    if ((stream->opened == 0 && tls->version != TLS_1_3) || stream->failures >= FAILURES_MAX)
        tls_drop_keys(tls, direction);
    if (stream->failures >= FAILURES_MAX)
        tls_limit(tls, LIMIT_tls_failures);
    tls_trouble(tls, OUTCOME_MALFORMED, "record that does not verify");
}

bool tls_open_record(struct tls *tls, enum direction direction, struct cursor body, uint8_t *type,
                     struct cursor *content)
{
    struct tls_stream *stream = &tls->stream[direction];
    size_t length = 0;
    uint8_t *out = stream->keys == NULL ? NULL : plain_of(tls->memory);
    if (out == NULL) {
        stream->sequence++;
        return false;
    }
    bool good = stream->searching ? search(tls, stream, body, out, type, &length)
                                  : try_open(stream, body, stream->sequence, out, type, &length);
    good = good || try_other_keys(tls, direction, body, out, type, &length);
    if (!stream->searching || good)
        stream->sequence++;
    ERR_clear_error();
    if (!good) {
        not_verified(tls, direction);
        return false;
    }
    stream->failures = 0;
    stream->opened++;
    if (!tls->decrypted && !tls->compressed)
        tls_row_decrypted(tls);
    *content = cursor_of(out, length);
    return true;
}
