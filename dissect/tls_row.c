/* dissect/tls_row.c: what is written down of a TLS connection: rows of `tls` and `certificate`. */
#include <stdio.h>

#include "dissect/configmgr/certificate.h"
#include "dissect/tls_internal.h"

#define CHAIN_MAX 16  /* certificates of one chain that are read */
#define NAMES_MAX 512 /* names of authorities in one request that are listed */
#define ALERTS_TEXT_MAX 256
#define PROTOCOLS_MAX 32 /* names offered by ALPN that are listed */

static struct tls_row row_get(const struct tls *tls)
{
    const struct sink *sink = &tls->dissect->sink;
    const struct tls_row *row = sink_kept(sink, TABLE_tls, tls->row);
    return row == NULL ? tls_row_null() : *row;
}

static void row_put(struct tls *tls, const struct tls_row *row)
{
    sink_amend(&tls->dissect->sink, TABLE_tls, tls->row, row);
    arena_reset(&tls->memory->arena);
}

static void name_sides(const struct tls *tls, struct tls_row *row)
{
    const struct conversation *conversation = tls->outer->conversation;
    row->client = conversation_address(conversation, tls->client);
    row->server = conversation_address(conversation, direction_reverse(tls->client));
    row->port = conversation->flow->port[direction_reverse(tls->client)];
}

void tls_row_begin(struct tls *tls)
{
    struct tls_row row = tls_row_null();
    tls->begun = true;
    if ((tls->dissect->needs & NEED_TLS) == 0)
        return;
    row.packet = tls->moment.packet;
    row.time = moment_seconds(tls->moment);
    row.flow = tls->outer->conversation->row;
    name_sides(tls, &row);
    tls->row = sink_append(&tls->dissect->sink, TABLE_tls, &row);
}

/* ---- Hellos ---- */

static struct text hex_text(struct tls *tls, struct cursor bytes)
{
    char *at = arena_alloc(&tls->memory->arena, 2 * bytes.left + 1);
    for (size_t i = 0; at != NULL && i < bytes.left; i++)
        snprintf(at + 2 * i, 3, "%02x", bytes.at[i]);
    return at == NULL ? TEXT_NULL : (struct text){at, 2 * bytes.left};
}

/* "0x1234" for what has no name. */
static struct text named(struct tls *tls, const char *name, unsigned number)
{
    return name != NULL ? text_of(name) : text_format(&tls->memory->arena, "0x%04x", number);
}

/* Names with u8 length each, separated by commas. */
static struct text protocols(struct tls *tls, struct cursor list)
{
    struct arena *arena = &tls->memory->arena;
    struct text all = TEXT_NULL;
    struct cursor name;
    uint8_t length;
    for (size_t i = 0; i < PROTOCOLS_MAX && cursor_u8(&list, &length) && cursor_take(&list, length, &name); i++) {
        struct text clean = text_clean(arena, name);
        all = text_format(arena, "%.*s%s%.*s", (int)all.length, all.at == NULL ? "" : all.at, all.at == NULL ? "" : ",",
                          (int)clean.length, clean.at == NULL ? "" : clean.at);
    }
    if (list.left > 0)
        tls_limit(tls, LIMIT_tls_protocols);
    return all;
}

void tls_row_client_hello(struct tls *tls, const struct tls_hello *hello)
{
    if (tls->row == INT_NULL)
        return;
    struct ccm_keys *keys = tls->dissect->decoder.keys;
    struct arena *arena = &tls->memory->arena;
    struct tls_row row = row_get(tls);
    if (tls->handshakes > 1) {
        row.renegotiated = 1;
        row_put(tls, &row);
        return;
    }
    row.offered_version = named(tls, tls_version_name(tls_hello_version(hello)), tls_hello_version(hello));
    row.ssl2_hello = hello->ssl2;
    if (hello->server_name.left > 0)
        row.sni = text_clean(arena, hello->server_name);
    row.alpn_offered = protocols(tls, hello->alpn);
    row.client_random = hex_text(tls, cursor_of(tls->random[0], TLS_RANDOM));
    row.early_data = hello->early_data;
    row.ocsp_requested = hello->status_request;
    row.ja3 = tls_ja3(hello, false, keys, arena);
    row.ja4 = tls_ja4(hello, keys, arena);
    row_put(tls, &row);
}

static void ssl2_choice(struct tls *tls, const struct tls_hello *hello, struct tls_row *row)
{
    struct cursor suites = hello->suites;
    uint32_t suite;
    if (!cursor_be24(&suites, &suite))
        return;
    row->cipher = named(tls, tls_ssl2_cipher_name(suite), suite);
}

static void suite_facts(struct tls *tls, const struct tls_hello *hello, struct tls_row *row)
{
    struct arena *arena = &tls->memory->arena;
    char weakness[TLS_WEAKNESS_MAX];
    const char *exchange;
    row->cipher = named(tls, tls->suite.name, tls->number);
    row->weakness = TEXT_NULL;
    row->key_exchange = TEXT_NULL;
    if (tls->suite.name == NULL)
        return;
    if (tls_suite_weakness(tls->suite.name, weakness))
        row->weakness = text_copy(arena, text_of(weakness));
    size_t length = tls_suite_exchange(tls->suite.name, &exchange);
    if (length > 0)
        row->key_exchange = (struct text){exchange, length};
    else if (tls->version == TLS_1_3 && hello->key_share == 0)
        row->key_exchange = TEXT("PSK");
    else if (tls->version == TLS_1_3)
        row->key_exchange =
            text_format(arena, "%s%s", hello->key_share >= 256 && hello->key_share < 512 ? "DHE" : "ECDHE",
                        hello->pre_shared_key ? "_PSK" : "");
}

void tls_row_server_hello(struct tls *tls, const struct tls_hello *hello)
{
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    row.version = named(tls, tls_version_name(tls->version), tls->version);
    if (hello->ssl2) {
        ssl2_choice(tls, hello, &row);
        row_put(tls, &row);
        return;
    }
    suite_facts(tls, hello, &row);
    if (hello->key_share != 0)
        row.key_group = named(tls, tls_group_name(hello->key_share), hello->key_share);
    if (hello->alpn.left > 0)
        row.alpn = protocols(tls, hello->alpn);
    if (tls->version != TLS_1_3) {
        row.secure_renegotiation = hello->renegotiation_info;
        row.extended_master_secret = hello->extended_master_secret;
        row.encrypt_then_mac = hello->encrypt_then_mac;
        row.heartbeat = hello->heartbeat;
        row.resumed = row.resumed == 1;
        if (row.ocsp_stapled != 1)
            row.ocsp_stapled = 0;
        if (row.certificate_requested != 1 && tls->handshakes == 1)
            row.certificate_requested = 0;
    } else {
        row.resumed = hello->pre_shared_key;
    }
    if (tls->compressed)
        row.compression = hello->compression.at[0] == 1 ? TEXT("deflate") : named(tls, NULL, hello->compression.at[0]);
    if (row.ja3s.at == NULL)
        row.ja3s = tls_ja3(hello, true, tls->dissect->decoder.keys, &tls->memory->arena);
    row_put(tls, &row);
}

/* EncryptedExtensions: from here on the flight of the server is readable. */
void tls_row_extensions(struct tls *tls, const struct tls_hello *hello)
{
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    if (hello->alpn.left > 0)
        row.alpn = protocols(tls, hello->alpn);
    row.heartbeat = hello->heartbeat;
    row.ocsp_stapled = 0;
    row.certificate_requested = 0;
    row_put(tls, &row);
}

void tls_row_group(struct tls *tls, const char *name, unsigned bits)
{
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    row.key_group = bits > 0 ? text_format(&tls->memory->arena, "%s-%u", name, bits) : text_of(name);
    row_put(tls, &row);
}

/* ---- Certificates ---- */

/* The row of the same certificate when it was shown before: to read it anew costs as much as a handshake. */
static struct tls_certificate *seen_before(struct tls *tls, const uint8_t digest[32], struct certificate_row *row)
{
    const struct sink *sink = &tls->dissect->sink;
    struct tls_certificate *seen = &tls->memory->certificates[digest[0] % TLS_CERTIFICATES];
    const struct certificate_row *before = NULL;
    if (seen->row != 0 && memcmp(seen->digest, digest, sizeof seen->digest) == 0)
        before = sink->row(sink->context, TABLE_certificate, seen->row);
    if (before != NULL)
        *row = *before;
    else
        seen->row = 0;
    memcpy(seen->digest, digest, sizeof seen->digest);
    return seen;
}

static void certificate_row(struct tls *tls, bool server, size_t place, struct cursor der)
{
    const struct conversation *conversation = tls->outer->conversation;
    struct ccm_keys *keys = tls->dissect->decoder.keys;
    struct certificate_row row = certificate_row_null();
    uint8_t digest[CCM_HASH_BYTES_MAX] = {0};
    ccm_hash(keys, CCM_SHA256, der, digest);
    struct tls_certificate *seen = seen_before(tls, digest, &row);
    row.packet = tls->moment.packet;
    row.time = moment_seconds(tls->moment);
    row.flow = conversation->row;
    row.seen_as = server ? TEXT("server") : TEXT("client");
    row.chain = (int64_t)place;
    row.host = conversation_address(conversation, server ? direction_reverse(tls->client) : tls->client);
    if (seen->row == 0)
        ccm_certificate_read_der(der, keys, &tls->memory->arena, &row, NULL);
    int64_t id = sink_append(&tls->dissect->sink, TABLE_certificate, &row);
    seen->row = id == INT_NULL ? 0 : id;
    arena_reset(&tls->memory->arena);
}

/* A staple travels with its certificate in TLS 1.3: extension 5 (RFC 8446 section 4.4.2.1). */
static bool has_staple(struct cursor extensions)
{
    uint16_t type, length;
    while (cursor_be16(&extensions, &type) && cursor_be16(&extensions, &length) && cursor_skip(&extensions, length)) {
        if (type == 5)
            return true;
    }
    return false;
}

static struct text fingerprint(struct tls *tls, struct cursor der)
{
    uint8_t digest[CCM_HASH_BYTES_MAX];
    return text_hex(&tls->memory->arena,
                    cursor_of(digest, ccm_hash(tls->dissect->decoder.keys, CCM_SHA256, der, digest)));
}

/* What is left of a chain: more certificates than are read, or nonsense. */
static void tls_chain_rest(const struct tls *tls, struct cursor list)
{
    uint32_t length;
    if (cursor_be24(&list, &length) && cursor_skip(&list, length))
        tls_limit(tls, LIMIT_tls_chain);
    else
        tls_trouble(tls, OUTCOME_MALFORMED, "list of certificates");
}

void tls_row_certificates(struct tls *tls, bool server, struct cursor list)
{
    struct cursor der, first = CURSOR_EMPTY, extensions;
    uint32_t length;
    uint16_t size;
    bool stapled = false;
    for (size_t place = 0; place < CHAIN_MAX && cursor_be24(&list, &length) && cursor_take(&list, length, &der);
         place++) {
        if (place == 0)
            first = der;
        if (tls->version == TLS_1_3 && cursor_be16(&list, &size) && cursor_take(&list, size, &extensions))
            stapled = stapled || has_staple(extensions);
        if (tls->dissect->needs & NEED_REGISTRATION)
            certificate_row(tls, server, place, der);
    }
    if (list.left > 0)
        tls_chain_rest(tls, list);
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    struct text *column = server ? &row.server_certificate : &row.client_certificate;
    if (first.left > 0 && (!server || column->at == NULL))
        *column = fingerprint(tls, first);
    else if (first.left == 0 && column->at == NULL)
        *column = TEXT("");
    if (stapled && server)
        row.ocsp_stapled = 1;
    row_put(tls, &row);
}

void tls_row_requested(struct tls *tls, struct cursor authorities)
{
    if (tls->row == INT_NULL)
        return;
    struct arena *arena = &tls->memory->arena;
    struct tls_row row = row_get(tls);
    struct buffer names;
    struct cursor der;
    uint16_t length;
    buffer_init(&names, (size_t)64 << 10);
    row.certificate_requested = 1;
    row.ca_count = 0;
    while (cursor_be16(&authorities, &length) && cursor_take(&authorities, length, &der)) {
        struct text name = row.ca_count < NAMES_MAX ? ccm_name_text(der, arena) : TEXT_NULL;
        bool kept = name.at != NULL && (names.length == 0 || buffer_append(&names, cursor_of("; ", 2))) &&
                    buffer_append(&names, text_cursor(name));
        (void)kept; /* a list that is too long is cut; ca_count tells */
        row.ca_count++;
    }
    if (row.ca_count > NAMES_MAX)
        tls_limit(tls, LIMIT_tls_names);
    row.ca_names = names.length == 0 ? TEXT_NULL : text_clean(arena, buffer_cursor(&names));
    row_put(tls, &row);
    buffer_free(&names);
}

void tls_row_stapled(struct tls *tls)
{
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    row.ocsp_stapled = 1;
    row_put(tls, &row);
}

void tls_row_verified(struct tls *tls)
{
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    row.client_verified = 1;
    row_put(tls, &row);
}

/* ---- The rest ---- */

void tls_row_resumed(struct tls *tls, const char *by, const struct tls_session *session)
{
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    if (tls->handshakes == 1) {
        row.resumed = 1;
        row.resumed_by = text_of(by);
        row.certificate_requested = row.ocsp_stapled = INT_NULL; /* as in that session */
        if (session != NULL)
            row.resumption_of = session->row;
    }
    row_put(tls, &row);
}

void tls_row_decrypted(struct tls *tls)
{
    tls->decrypted = true;
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    row.decrypted = 1;
    row.key_source = text_of(tls->source);
    row_put(tls, &row);
}

/*   u8 level (1 warning, 2 fatal), u8 description (RFC 5246 section 7.2) */
void tls_row_alert(struct tls *tls, enum direction direction, struct cursor content)
{
    uint8_t level, description;
    if (tls->row == INT_NULL || !cursor_u8(&content, &level) || !cursor_u8(&content, &description) ||
        (level == 1 && description == 0))
        return;
    struct tls_row row = row_get(tls);
    struct arena *arena = &tls->memory->arena;
    if (row.alert.length < ALERTS_TEXT_MAX) {
        struct text name = named(tls, tls_alert_name(description), description);
        row.alert =
            text_format(arena, "%.*s%s%s %s %.*s", (int)row.alert.length, row.alert.at == NULL ? "" : row.alert.at,
                        row.alert.at == NULL ? "" : "; ", direction == tls->client ? "client" : "server",
                        level == 2 ? "fatal" : "warning", (int)name.length, name.at == NULL ? "" : name.at);
    } else {
        tls_limit(tls, LIMIT_tls_alerts);
    }
    row_put(tls, &row);
}

void tls_limit(const struct tls *tls, enum limit limit)
{
    trouble_limit(tls->outer->conversation, "tls", limit, tls->moment);
}

void tls_trouble(const struct tls *tls, enum outcome reason, const char *what)
{
    trouble_report(tls->outer->conversation, "tls", reason, what, UINT64_MAX, tls->moment);
}

void tls_row_problem(struct tls *tls, const char *problem)
{
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    if (row.problem.at != NULL)
        return;
    row.problem = text_of(problem);
    row_put(tls, &row);
}

void tls_row_close(struct tls *tls)
{
    const struct tls_stream *client = tls_client_stream(tls), *server = tls_server_stream(tls);
    struct dissect_counts *counts = &tls->dissect->counts;
    bool encrypted = client->encrypted || server->encrypted || client->application + server->application > 0;
    uint64_t late = client->late_handshake;
    if (!tls->begun)
        return;
    counts->tls_flows++;
    counts->tls_hidden += encrypted && !tls->decrypted && client->application + server->application > 0;
    if (tls->row == INT_NULL)
        return;
    struct tls_row row = row_get(tls);
    row.client_bytes = (int64_t)client->application;
    row.server_bytes = (int64_t)server->application;
    row.complete = client->encrypted && client->hidden_finished && server->encrypted && server->hidden_finished;
    row.unverified = (int64_t)tls->unverified;
    if (encrypted && !tls->decrypted)
        row.decrypted = 0;
    if (late > 0 && server->late_handshake > 0) {
        row.renegotiated = 1;
        row.renegotiation_bytes = (int64_t)late;
    } else if (tls->version != 0 && tls->version != TLS_1_3 && row.renegotiated == INT_NULL) {
        row.renegotiated = 0;
    }
    row_put(tls, &row);
}
