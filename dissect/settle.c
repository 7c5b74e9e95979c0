/* dissect/settle.c: see settle.h. */
#define _GNU_SOURCE
#include "dissect/settle.h"

#include <stdlib.h>
#include <string.h>

#include "core/spill.h"
#include "dissect/configmgr/reply.h"
#include "dissect/pairs.h"
#include "dissect/policy.h"
#include "dissect/suspect.h"

/* A signature that waits. Its texts and bytes stand behind each other in settle.bytes. */
struct waiting {
    enum settle_kind kind;
    int64_t row;
    uint64_t smsid, smsid_length, hex, hex_length, data, data_length; /* offsets and lengths in settle.bytes */
};

#define DIGEST_BYTES 32 /* SHA-256 */

struct digest_of_message {
    int64_t message;
    uint8_t digest[DIGEST_BYTES];
};

struct settle {
    struct spill_pool pool;
    struct spill *bytes;
    struct spill *waiting;  /* of struct waiting */
    struct spill *attempts; /* of struct digest_of_message: whole bodies, where authentication may have repeated them */
    struct spill *signeds;  /* of the same: what identifies signed requests */
};

struct settle *settle_new(void)
{
    struct settle *settle = calloc(1, sizeof *settle);
    if (settle == NULL)
        return NULL;
    spill_pool_init(&settle->pool, SETTLE_MEMORY, SETTLE_MEMORY_MOST);
    settle->bytes = spill_new(&settle->pool);
    settle->waiting = spill_new(&settle->pool);
    settle->attempts = spill_new(&settle->pool);
    settle->signeds = spill_new(&settle->pool);
    if (settle->bytes != NULL && settle->waiting != NULL && settle->attempts != NULL && settle->signeds != NULL)
        return settle;
    settle_free(settle);
    return NULL;
}

void settle_free(struct settle *settle)
{
    if (settle == NULL)
        return;
    spill_free(settle->bytes);
    spill_free(settle->waiting);
    spill_free(settle->attempts);
    spill_free(settle->signeds);
    free(settle);
}

void settle_limit(struct settle *settle, uint64_t memory, uint64_t most)
{
    settle->pool.limit = memory;
    settle->pool.most = most;
}

struct spill_pool *settle_pool(struct dissect *dissect)
{
    return &dissect->settle->pool;
}

static uint64_t waiting_count(const struct settle *settle)
{
    return spill_size(settle->waiting) / sizeof(struct waiting);
}

static struct waiting waiting_at(const struct settle *settle, uint64_t number)
{
    struct waiting waiting;
    memcpy(&waiting, spill_at(settle->waiting, number * sizeof waiting, sizeof waiting), sizeof waiting);
    return waiting;
}

static uint64_t digest_count(const struct spill *digests)
{
    return spill_size(digests) / sizeof(struct digest_of_message);
}

static struct digest_of_message digest_at(struct spill *digests, uint64_t number)
{
    struct digest_of_message digest;
    memcpy(&digest, spill_at(digests, number * sizeof digest, sizeof digest), sizeof digest);
    return digest;
}

static bool keep_bytes(struct settle *settle, struct cursor bytes, uint64_t *offset, uint64_t *length)
{
    *offset = spill_size(settle->bytes);
    *length = bytes.left;
    return bytes.left == 0 || spill_append(settle->bytes, bytes.at, bytes.left) != NULL;
}

void settle_signature(struct dissect *dissect, enum settle_kind kind, int64_t row, struct text smsid, struct text hex,
                      struct cursor data)
{
    struct settle *settle = dissect->settle;
    struct waiting waiting = {.kind = kind, .row = row};
    if (row == INT_NULL || !keep_bytes(settle, text_cursor(smsid), &waiting.smsid, &waiting.smsid_length) ||
        !keep_bytes(settle, text_cursor(hex), &waiting.hex, &waiting.hex_length) ||
        !keep_bytes(settle, data, &waiting.data, &waiting.data_length) ||
        spill_append(settle->waiting, &waiting, sizeof waiting) == NULL)
        dissect->counts.unsettled++;
}

static void keep_digest(struct dissect *dissect, struct spill *digests, int64_t message, struct cursor bytes)
{
    struct digest_of_message item = {.message = message};
    uint8_t digest[CCM_HASH_BYTES_MAX];
    if (message != INT_NULL && ccm_hash(dissect->decoder.keys, CCM_SHA256, bytes, digest) != sizeof item.digest)
        return;
    memcpy(item.digest, digest, message == INT_NULL ? 0 : sizeof item.digest);
    if (message == INT_NULL || spill_append(digests, &item, sizeof item) == NULL)
        dissect->counts.unsettled++;
}

void settle_attempt(struct dissect *dissect, int64_t message, struct cursor body)
{
    keep_digest(dissect, dissect->settle->attempts, message, body);
}

void settle_signed(struct dissect *dissect, int64_t message, struct cursor identity)
{
    keep_digest(dissect, dissect->settle->signeds, message, identity);
}

static enum table table_of(enum settle_kind kind)
{
    static const enum table tables[] = {
        [SETTLE_PAYLOAD] = TABLE_message,
        [SETTLE_CLIENT_ID] = TABLE_message,
        [SETTLE_REGISTRATION] = TABLE_registration,
        [SETTLE_HTTP_TOKEN] = TABLE_http,
        [SETTLE_REPLY] = TABLE_message,
        [SETTLE_ROOT] = TABLE_certificate,
    };
    return tables[kind];
}

/* The bytes of the one behind those of the other. */
static bool absorb_bytes(struct settle *into, const struct settle *from)
{
    uint64_t size = spill_size(from->bytes);
    for (uint64_t done = 0; done < size;) {
        uint64_t length = size - done < SPILL_WINDOW ? size - done : SPILL_WINDOW;
        if (spill_append(into->bytes, spill_at(from->bytes, done, length), (size_t)length) == NULL)
            return false;
        done += length;
    }
    return true;
}

static uint64_t absorb_digests(struct spill *into, struct spill *from, int64_t base)
{
    uint64_t lost = 0;
    for (uint64_t i = 0; i < digest_count(from); i++) {
        struct digest_of_message item = digest_at(from, i);
        item.message += base;
        lost += spill_append(into, &item, sizeof item) == NULL;
    }
    return lost;
}

uint64_t settle_absorb(struct settle *into, const struct settle *from, const int64_t bases[TABLE_COUNT])
{
    uint64_t lost = 0;
    uint64_t shift = spill_size(into->bytes);
    bool bytes = absorb_bytes(into, from);
    for (uint64_t i = 0; i < waiting_count(from); i++) {
        struct waiting waiting = waiting_at(from, i);
        waiting.row += bases[table_of(waiting.kind)];
        waiting.smsid += shift;
        waiting.hex += shift;
        waiting.data += shift;
        lost += !bytes || spill_append(into->waiting, &waiting, sizeof waiting) == NULL;
    }
    lost += absorb_digests(into->attempts, from->attempts, bases[TABLE_message]);
    lost += absorb_digests(into->signeds, from->signeds, bases[TABLE_message]);
    return lost;
}

static uint64_t renumber_digests(struct spill *digests,
                                 int64_t (*new_id)(const void *context, enum table table, int64_t id),
                                 const void *context)
{
    uint64_t lost = 0;
    for (uint64_t i = 0; i < digest_count(digests); i++) {
        struct digest_of_message item = digest_at(digests, i);
        item.message = new_id(context, TABLE_message, item.message);
        lost += !spill_write(digests, i * sizeof item, &item, sizeof item);
    }
    return lost;
}

uint64_t settle_renumber(struct settle *settle, int64_t (*new_id)(const void *context, enum table table, int64_t id),
                         const void *context)
{
    uint64_t lost = 0;
    for (uint64_t i = 0; i < waiting_count(settle); i++) {
        struct waiting waiting = waiting_at(settle, i);
        waiting.row = new_id(context, table_of(waiting.kind), waiting.row);
        lost += !spill_write(settle->waiting, i * sizeof waiting, &waiting, sizeof waiting);
    }
    lost += renumber_digests(settle->attempts, new_id, context);
    lost += renumber_digests(settle->signeds, new_id, context);
    return lost;
}

const void *settle_row(const struct dissect *dissect, enum table table, int64_t id)
{
    return sink_kept(&dissect->sink, table, id);
}

/* ---- Signatures ---- */

static struct text kept_text(const struct settle *settle, uint64_t offset, uint64_t length)
{
    return (struct text){length == 0 ? "" : spill_at(settle->bytes, offset, length), (size_t)length};
}

/* The notes of a message and one more. */
static struct text with_note(struct dissect *dissect, struct text notes, const char *note)
{
    arena_reset(&dissect->decoder.arena);
    bool first = notes.at == NULL || notes.length == 0;
    struct text joined = text_format(&dissect->decoder.arena, "%.*s%s%s", first ? 0 : (int)notes.length,
                                     first ? "" : notes.at, first ? "" : "; ", note);
    return joined.at == NULL ? notes : joined;
}

static void settle_message(struct dissect *dissect, const struct waiting *waiting, const struct ccm_signature *result)
{
    const struct message_row *kept = settle_row(dissect, TABLE_message, waiting->row);
    if (kept == NULL)
        return;
    struct message_row row = *kept;
    struct text state = text_of(ccm_signature_state_name(result->state));
    if (waiting->kind == SETTLE_CLIENT_ID)
        row.client_id_signature = state;
    else
        row.signature = state;
    if (waiting->kind != SETTLE_CLIENT_ID) {
        row.hash = text_of(result->hash);
        row.signature_reason = text_of(result->reason);
    }
    if (result->key != NULL) {
        row.key_source = text_of(result->key_source);
        row.key_bits = result->key->bits;
        row.key_fingerprint = text_of(result->key->fingerprint);
    }
    if (result->state == CCM_SIGNATURE_VALID && !result->reversed && waiting->kind != SETTLE_REPLY)
        row.notes = with_note(dissect, row.notes,
                              waiting->kind == SETTLE_PAYLOAD ? CCM_NOTE_PAYLOAD_ORDER : CCM_NOTE_CLIENT_ID_ORDER);
    sink_amend(&dissect->sink, TABLE_message, waiting->row, &row);
}

static void settle_registration(struct dissect *dissect, const struct waiting *waiting,
                                const struct ccm_signature *result)
{
    const struct registration_row *kept = settle_row(dissect, TABLE_registration, waiting->row);
    if (kept == NULL)
        return;
    struct registration_row row = *kept;
    row.signature = text_of(ccm_signature_state_name(result->state));
    row.hash = text_of(result->hash);
    bool proxied =
        row.agent_type == 8 && result->state == CCM_SIGNATURE_VALID && strcmp(result->key_source, "registration") == 0;
    row.signed_by = text_of(proxied ? "proxy" : result->key_source);
    row.key_fingerprint = result->key == NULL ? TEXT_NULL : text_of(result->key->fingerprint);
    sink_amend(&dissect->sink, TABLE_registration, waiting->row, &row);
    if (proxied && (row.status == 0 || row.status == 1) &&
        !ccm_keys_register(dissect->decoder.keys, row.smsid, result->key))
        dissect->counts.unsettled++;
}

static void settle_root(struct dissect *dissect, const struct waiting *waiting, const struct ccm_signature *result)
{
    const struct certificate_row *kept = settle_row(dissect, TABLE_certificate, waiting->row);
    if (kept == NULL)
        return;
    struct certificate_row row = *kept;
    row.root_signature = text_of(ccm_signature_state_name(result->state));
    row.root_fingerprint = result->key == NULL ? TEXT_NULL : text_of(result->key->fingerprint);
    sink_amend(&dissect->sink, TABLE_certificate, waiting->row, &row);
}

static void settle_http(struct dissect *dissect, const struct waiting *waiting, const struct ccm_signature *result)
{
    const struct http_row *kept = settle_row(dissect, TABLE_http, waiting->row);
    if (kept == NULL)
        return;
    struct http_row row = *kept;
    row.token_signature = text_of(ccm_signature_state_name(result->state));
    sink_amend(&dissect->sink, TABLE_http, waiting->row, &row);
}

static void verify_root(struct dissect *dissect, struct text server, struct text hex, struct text certificate,
                        struct ccm_signature *result)
{
    const struct ccm_key *roots[CCM_KEYS_OF_CLIENT_MAX];
    struct ccm_decoder *decoder = &dissect->decoder;
    size_t count = ccm_keys_bound(decoder->keys, CCM_OWNER_ROOT, server, roots);
    ccm_root_verify(decoder->keys, roots, count, hex, certificate, &decoder->arena, result);
}

static void settle_one(struct dissect *dissect, const struct waiting *waiting)
{
    const struct settle *settle = dissect->settle;
    struct ccm_decoder *decoder = &dissect->decoder;
    struct text hex = kept_text(settle, waiting->hex, waiting->hex_length);
    struct text data = kept_text(settle, waiting->data, waiting->data_length);
    struct ccm_signer signer = {TEXT_NULL, kept_text(settle, waiting->smsid, waiting->smsid_length),
                                waiting->kind == SETTLE_CLIENT_ID};
    struct ccm_signature result = {.state = CCM_SIGNATURE_ABSENT};
    struct cursor bytes;
    arena_reset(&decoder->arena);
    switch (waiting->kind) {
    case SETTLE_PAYLOAD:
        ccm_signature_verify(decoder->keys, &signer, hex, text_cursor(data), &decoder->arena, &result);
        settle_message(dissect, waiting, &result);
        break;
    case SETTLE_CLIENT_ID:
        if (ccm_terminated_utf16(&decoder->arena, data, &bytes))
            ccm_signature_verify(decoder->keys, &signer, hex, bytes, &decoder->arena, &result);
        settle_message(dissect, waiting, &result);
        break;
    case SETTLE_REGISTRATION:
        ccm_signature_verify(decoder->keys, &signer, hex, text_cursor(data), &decoder->arena, &result);
        settle_registration(dissect, waiting, &result);
        break;
    case SETTLE_HTTP_TOKEN:
        ccm_token_verify(decoder, data, waiting->hex_length == 0 ? TEXT_NULL : hex, &result);
        settle_http(dissect, waiting, &result);
        break;
    case SETTLE_REPLY:
        ccm_reply_verify(decoder->keys, signer.smsid, hex, text_cursor(data), &decoder->arena, &result);
        settle_message(dissect, waiting, &result);
        break;
    case SETTLE_ROOT:
        verify_root(dissect, signer.smsid, hex, data, &result);
        settle_root(dissect, waiting, &result);
        break;
    }
}

/* Registrations first: what they settle may be the key of what else waits (clients of an ISV proxy). */
static void settle_signatures(struct dissect *dissect)
{
    struct settle *settle = dissect->settle;
    for (int first = 1; first >= 0; first--) {
        for (uint64_t i = 0; i < waiting_count(settle); i++) {
            struct waiting waiting = waiting_at(settle, i);
            if ((waiting.kind == SETTLE_REGISTRATION) == (first == 1))
                settle_one(dissect, &waiting);
        }
    }
}

/* ---- Whose key ---- */

struct text settle_bare_id(struct text id)
{
    if (text_starts_like(id, "GUID:"))
        id = (struct text){id.at + 5, id.length - 5};
    bool braces = id.length > 2 && id.at[0] == '{' && id.at[id.length - 1] == '}';
    return braces ? (struct text){id.at + 1, id.length - 2} : id;
}

void settle_write_finding(struct dissect *dissect, struct finding_row *finding, const char *code, const char *level,
                          const char *text)
{
    if (!(dissect->needs & NEED_FINDING))
        return;
    finding->code = text_of(code);
    finding->level = text_of(level);
    finding->text = text_of(text);
    sink_append(&dissect->sink, TABLE_finding, finding);
}

void settle_find(struct dissect *dissect, int64_t message, const char *code, const char *level, const char *text)
{
    const struct message_row *row = settle_row(dissect, TABLE_message, message);
    if (row == NULL)
        return;
    struct finding_row finding = finding_row_null();
    finding.packet = row->packet;
    finding.time = row->time;
    finding.flow = row->flow;
    finding.message = message;
    settle_write_finding(dissect, &finding, code, level, text);
}

static bool is_registered(const struct registration_row *row)
{
    return row != NULL && row->key_fingerprint.at != NULL && row->smsid.length > 0 &&
           text_is(row->signature, "valid") && (row->status == 0 || row->status == 1);
}

/* Registered keys, each with the registration that tells its client. Keys of boot media (AgentType 1), ISV proxies (4) and
 * their clients (8) sign for many. */
static void list_owners(struct dissect *dissect, struct pairs *owners)
{
    int64_t count = dissect->sink.count(dissect->sink.context, TABLE_registration);
    for (int64_t id = 1; id <= count; id++) {
        const struct registration_row *row = settle_row(dissect, TABLE_registration, id);
        if (is_registered(row))
            pairs_add(dissect, owners, (struct pair){pairs_digest(dissect, row->key_fingerprint), id, 0});
    }
}

/* Whether the key of a message is registered, and only for other clients than the one that the message names. */
static bool is_foreign_key(struct dissect *dissect, const struct pairs *owners, const struct message_row *message)
{
    uint64_t group = pairs_digest(dissect, message->key_fingerprint);
    struct text client = settle_bare_id(message->source_id);
    bool owned = false;
    for (uint64_t i = pairs_find(owners, group, 0); i < pairs_count(owners) && pairs_at(owners, i).group == group;
         i++) {
        const struct registration_row *row = settle_row(dissect, TABLE_registration, pairs_at(owners, i).order);
        bool many = row == NULL || row->agent_type == 1 || row->agent_type == 4 || row->agent_type == 8;
        if (many || text_equal_like(settle_bare_id(row->smsid), client))
            return false;
        owned = true;
    }
    return owned;
}

/* The client of the message has no registration here, but its key may be that of another client. */
static void settle_foreign_key(struct dissect *dissect, const struct pairs *owners, int64_t id)
{
    struct message_row row = *(const struct message_row *)settle_row(dissect, TABLE_message, id);
    bool proven = text_is(row.signature, "valid") || text_is(row.client_id_signature, "valid");
    if (proven && row.source_id.length > 0 && is_foreign_key(dissect, owners, &row))
        settle_find(dissect, id, "C45", "advisory",
                    "the message is signed by a key that is registered for another client than the one it names");
}

static void settle_key(struct dissect *dissect, const struct pairs *owners, int64_t id)
{
    const struct message_row *kept = settle_row(dissect, TABLE_message, id);
    const struct ccm_key *registered[CCM_KEYS_OF_CLIENT_MAX];
    if (kept == NULL || kept->key_fingerprint.at == NULL)
        return;
    bool reply = text_is(kept->direction, "reply");
    size_t count = ccm_keys_bound(dissect->decoder.keys, reply ? CCM_OWNER_MP : CCM_OWNER_CLIENT,
                                  reply ? kept->server : kept->source_id, registered);
    if (count == 0 && !reply)
        settle_foreign_key(dissect, owners, id);
    if (count == 0)
        return;
    struct message_row row = *kept;
    row.key_registered = 0;
    for (size_t i = 0; i < count; i++)
        row.key_registered = row.key_registered || text_is(row.key_fingerprint, registered[i]->fingerprint);
    if (reply && row.key_registered)
        row.key_source = TEXT("mpcert");
    sink_amend(&dissect->sink, TABLE_message, id, &row);
    if (row.key_registered == 1 || !text_is(row.signature, "valid"))
        return;
    if (reply)
        settle_find(dissect, id, "C47", "advisory",
                    "the reply is signed by another key than the certificates that its management point showed");
    else
        settle_find(dissect, id, "C45", "advisory",
                    "the message is signed by another key than the one registered for its client");
}

/* Rows of what registrations told. Written here, so that they do not depend on who settled them. */
static void write_registered(struct dissect *dissect)
{
    int64_t count = dissect->sink.count(dissect->sink.context, TABLE_registration);
    for (int64_t id = 1; id <= count; id++) {
        const struct registration_row *kept = settle_row(dissect, TABLE_registration, id);
        struct public_key_row row = public_key_row_null();
        if (kept == NULL || kept->key_fingerprint.at == NULL || kept->smsid.length == 0 ||
            !text_is(kept->signature, "valid") || (kept->status != 0 && kept->status != 1))
            continue;
        row.packet = kept->packet;
        row.time = kept->time;
        row.flow = kept->flow;
        row.http = kept->http;
        row.owner_type = TEXT("client");
        row.owner = kept->smsid;
        row.fingerprint = kept->key_fingerprint;
        row.source = TEXT("registration");
        const struct ccm_key *keys[CCM_KEYS_OF_CLIENT_MAX];
        size_t found = ccm_keys_of(dissect->decoder.keys, kept->smsid, keys);
        for (size_t i = 0; i < found; i++)
            row.bits = text_is(row.fingerprint, keys[i]->fingerprint) ? keys[i]->bits : row.bits;
        sink_append(&dissect->sink, TABLE_public_key, &row);
    }
}

/* ---- Tokens of downloads ---- */

/* The finding about an invalid token, which says whether a policy was served to the request of that row of http. */
static const char *token_text(struct dissect *dissect, const struct pairs *policies, int64_t http)
{
    uint64_t place = pairs_find(policies, (uint64_t)http, 0);
    struct pair pair = place < pairs_count(policies) ? pairs_at(policies, place) : (struct pair){0};
    const struct policy_row *row = pair.group == (uint64_t)http ? settle_row(dissect, TABLE_policy, pair.order) : NULL;
    if (row != NULL && (text_is(row->body, "secret-cms") || (text_is(row->body, "clear") && row->has_secret == 1)))
        return "the token signature is invalid, and was answered with a secret policy";
    if (row != NULL && text_is(row->body, "clear"))
        return "the token signature is invalid, and was answered with a policy";
    return "the token signature is invalid";
}

static void find_token(struct dissect *dissect, const struct pairs *policies, int64_t id)
{
    const struct http_row *http = settle_row(dissect, TABLE_http, id);
    struct finding_row finding = finding_row_null();
    if (http == NULL)
        return;
    finding.packet = http->packet;
    finding.time = http->time;
    finding.flow = http->flow;
    finding.http = id;
    settle_write_finding(dissect, &finding, "C45", "advisory", token_text(dissect, policies, id));
}

static void list_invalid_tokens(struct dissect *dissect, struct pairs *invalid)
{
    const struct settle *settle = dissect->settle;
    for (uint64_t i = 0; i < waiting_count(settle); i++) {
        struct waiting waiting = waiting_at(settle, i);
        const struct http_row *http =
            waiting.kind == SETTLE_HTTP_TOKEN ? settle_row(dissect, TABLE_http, waiting.row) : NULL;
        if (http != NULL && text_is(http->token_signature, "invalid"))
            pairs_add(dissect, invalid, (struct pair){.order = waiting.row});
    }
}

/* Policies that were downloaded, by the request. */
static void list_downloads(struct dissect *dissect, struct pairs *policies)
{
    int64_t rows = dissect->sink.count(dissect->sink.context, TABLE_policy);
    for (int64_t id = 1; id <= rows; id++) {
        const struct policy_row *row = settle_row(dissect, TABLE_policy, id);
        if (row != NULL && row->fetched == 1 && row->http != INT_NULL)
            pairs_add(dissect, policies, (struct pair){(uint64_t)row->http, id, 0});
    }
}

/* Requests whose token is not signed by the client that it names, in the order of their rows. */
static void settle_tokens(struct dissect *dissect)
{
    struct pairs invalid = {0}, policies = {0};
    if (!(dissect->needs & NEED_FINDING))
        return;
    list_invalid_tokens(dissect, &invalid);
    if (pairs_sort(dissect, &invalid)) {
        list_downloads(dissect, &policies);
        pairs_sort(dissect, &policies);
    }
    for (uint64_t i = 0; i < pairs_count(&invalid); i++)
        find_token(dissect, &policies, pairs_at(&invalid, i).order);
    pairs_free(&invalid);
    pairs_free(&policies);
}

/* ---- Repeated transmissions ---- */

/* The digests in the order of their messages: pairs of message and number. NULL when out of memory. */
static struct spill *digests_by_message(struct settle *settle, struct spill *digests)
{
    struct spill *pairs = spill_new(&settle->pool);
    bool ok = pairs != NULL;
    for (uint64_t i = 0; ok && i < digest_count(digests); i++) {
        struct spill_pair pair = {digest_at(digests, i).message, (int64_t)i};
        ok = spill_append(pairs, &pair, sizeof pair) != NULL;
    }
    if (ok && spill_sort(&pairs, &settle->pool))
        return pairs;
    spill_free(pairs);
    return NULL;
}

/* The same by their digests: pairs of its first bytes and the place in `messages`. */
static struct spill *digests_by_bytes(struct settle *settle, struct spill *digests, struct spill *messages)
{
    struct spill *pairs = spill_new(&settle->pool);
    bool ok = pairs != NULL;
    for (uint64_t i = 0; ok && i < digest_count(digests); i++) {
        struct digest_of_message item = digest_at(digests, (uint64_t)spill_pair_at(messages, i)->value);
        struct spill_pair pair = {.value = (int64_t)i};
        memcpy(&pair.key, item.digest, sizeof pair.key);
        ok = spill_append(pairs, &pair, sizeof pair) != NULL;
    }
    if (ok && spill_sort(&pairs, &settle->pool))
        return pairs;
    spill_free(pairs);
    return NULL;
}

/* Calls `repeated` for each two messages of the same digest that follow each other. */
static void each_repeated(struct dissect *dissect, struct spill *digests,
                          void (*repeated)(struct dissect *dissect, int64_t before, int64_t message))
{
    struct settle *settle = dissect->settle;
    struct spill *messages = digests_by_message(settle, digests);
    struct spill *sorted = messages == NULL ? NULL : digests_by_bytes(settle, digests, messages);
    uint64_t count = digest_count(digests);
    dissect->counts.unsettled += sorted == NULL ? count : 0;
    struct digest_of_message before = {0};
    for (uint64_t i = 0; sorted != NULL && i < count; i++) {
        int64_t place = spill_pair_at(sorted, i)->value;
        struct digest_of_message item = digest_at(digests, (uint64_t)spill_pair_at(messages, (uint64_t)place)->value);
        if (i > 0 && memcmp(before.digest, item.digest, sizeof item.digest) == 0)
            repeated(dissect, before.message, item.message);
        before = item;
    }
    spill_free(sorted);
    spill_free(messages);
}

void settle_each_replay(struct dissect *dissect,
                        void (*repeated)(struct dissect *dissect, int64_t before, int64_t message))
{
    each_repeated(dissect, dissect->settle->signeds, repeated);
}

/* The same bytes from the same client after a 401 (or no answer at all) are the same message tried again. */
static void settle_attempt_pair(struct dissect *dissect, int64_t first, int64_t second)
{
    const struct message_row *before = settle_row(dissect, TABLE_message, first);
    const struct message_row *kept = settle_row(dissect, TABLE_message, second);
    const struct http_row *answer = before == NULL ? NULL : settle_row(dissect, TABLE_http, before->http);
    if (kept == NULL || answer == NULL || !text_equal(before->client, kept->client) ||
        !(answer->status == 401 || answer->status == INT_NULL))
        return;
    struct message_row row = *kept;
    row.attempt_of = before->attempt_of != INT_NULL ? before->attempt_of : first;
    row.notes = with_note(dissect, row.notes, "the same bytes were sent before and not taken");
    sink_amend(&dissect->sink, TABLE_message, second, &row);
}

#define CLOCK_EARLIEST 1041379200.0 /* 2003-01-01; sensors without a clock begin at 1970, 1980, 1993 or 2000 */

bool settle_has_clock(double seconds)
{
    return seconds >= CLOCK_EARLIEST;
}

/* ---- Order of registration (schema.md 8, C43 and C44) ---- */

/* Registrations by client and time; the value is the row. */
static void list_steps(struct dissect *dissect, struct pairs *steps)
{
    int64_t count = dissect->sink.count(dissect->sink.context, TABLE_registration);
    for (int64_t id = 1; id <= count; id++) {
        const struct registration_row *row = settle_row(dissect, TABLE_registration, id);
        if (row != NULL && row->smsid.length > 0 && row->status != INT_NULL)
            pairs_add(dissect, steps,
                      (struct pair){pairs_digest(dissect, row->smsid), pairs_time(row->time), (uint64_t)id});
    }
}

#define CONFIRMATION_DELAY_MIN 25.0 /* s: the documentation says 30; clocks and rounding get some room */

/* Is the second a confirmation that came too soon after the first? Their times and what they are. */
static bool is_hasty(const struct registration_row *first, const struct registration_row *second)
{
    return first != NULL && second != NULL && text_is_like(second->request_type, "Confirmation") &&
           first->status == 1 && settle_has_clock(first->time) && second->time - first->time < CONFIRMATION_DELAY_MIN;
}

static void check_confirmations(struct dissect *dissect, const struct pairs *steps)
{
    struct pairs found = {0};
    for (uint64_t i = 1; i < pairs_count(steps); i++) {
        struct pair first = pairs_at(steps, i - 1), second = pairs_at(steps, i);
        if (first.group != second.group)
            continue;
        const struct registration_row *row = settle_row(dissect, TABLE_registration, (int64_t)second.value);
        if (is_hasty(settle_row(dissect, TABLE_registration, (int64_t)first.value), row))
            pairs_add(dissect, &found, (struct pair){.order = row->message});
    }
    uint64_t count = pairs_sort(dissect, &found) ? pairs_count(&found) : 0;
    for (uint64_t i = 0; i < count; i++)
        settle_find(dissect, pairs_at(&found, i).order, "C44", "advisory",
                    "a confirmation comes sooner after a pending registration than 30 s");
    pairs_free(&found);
}

/* What was the last answer to a registration of this client before `time`: 1 is pending. */
static bool is_pending(struct dissect *dissect, const struct pairs *steps, struct text smsid, double time)
{
    uint64_t group = pairs_digest(dissect, smsid), place = pairs_find(steps, group, pairs_time(time));
    struct pair before = place == 0 ? (struct pair){0} : pairs_at(steps, place - 1);
    if (place == 0 || before.group != group)
        return false;
    const struct registration_row *row = settle_row(dissect, TABLE_registration, (int64_t)before.value);
    return row != NULL && row->status == 1;
}

static bool needs_approval(const struct message_row *row)
{
    static const char *const endpoints[] = {"MP_PolicyManager", "MP_DdrEndpoint", "MP_HinvEndpoint", "MP_SinvEndpoint",
                                            "MP_SinvCollFileEndpoint"};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (text_is_like(row->endpoint, endpoints[i]))
            return text_is(row->direction, "request") && row->source_id.length > 0;
    }
    return false;
}

static void settle_order(struct dissect *dissect)
{
    struct pairs steps = {0};
    if (!(dissect->needs & NEED_FINDING))
        return;
    list_steps(dissect, &steps);
    int64_t messages = dissect->sink.count(dissect->sink.context, TABLE_message);
    bool any = pairs_sort(dissect, &steps);
    check_confirmations(dissect, &steps);
    for (int64_t id = 1; any && id <= messages; id++) {
        const struct message_row *row = settle_row(dissect, TABLE_message, id);
        if (row != NULL && needs_approval(row) && is_pending(dissect, &steps, row->source_id, row->time))
            settle_find(dissect, id, "C43", "rule", "policy or inventory is sent while the registration is pending");
    }
    pairs_free(&steps);
}

void settle_finish(struct dissect *dissect)
{
    settle_signatures(dissect);
    each_repeated(dissect, dissect->settle->attempts, settle_attempt_pair);
    bool keyed = dissect->needs & (NEED_OWNER | NEED_FINDING);
    int64_t messages = keyed ? dissect->sink.count(dissect->sink.context, TABLE_message) : 0;
    struct pairs owners = {0};
    if (keyed)
        list_owners(dissect, &owners);
    pairs_sort(dissect, &owners);
    for (int64_t id = 1; id <= messages; id++)
        settle_key(dissect, &owners, id);
    pairs_free(&owners);
    write_registered(dissect);
    settle_order(dissect);
    settle_policies(dissect);
    settle_tokens(dissect);
    suspect_finish(dissect);
}
