/* dissect/settle.c: see settle.h. */
#define _GNU_SOURCE
#include "dissect/settle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/spill.h"

/* A signature that waits. Its texts and bytes stand behind each other in settle.bytes. */
struct waiting {
    enum settle_kind kind;
    int64_t row;
    uint64_t smsid, smsid_length, hex, hex_length, data, data_length; /* offsets and lengths in settle.bytes */
};

#define DIGEST_BYTES 32 /* SHA-256 */

struct attempt {
    int64_t message;
    uint8_t digest[DIGEST_BYTES];
};

struct settle {
    struct spill_pool pool;
    struct spill *bytes;
    struct spill *waiting;  /* of struct waiting */
    struct spill *attempts; /* of struct attempt */
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
    if (settle->bytes != NULL && settle->waiting != NULL && settle->attempts != NULL)
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
    free(settle);
}

void settle_limit(struct settle *settle, uint64_t memory, uint64_t most)
{
    settle->pool.limit = memory;
    settle->pool.most = most;
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

static uint64_t attempt_count(const struct settle *settle)
{
    return spill_size(settle->attempts) / sizeof(struct attempt);
}

static struct attempt attempt_at(const struct settle *settle, uint64_t number)
{
    struct attempt attempt;
    memcpy(&attempt, spill_at(settle->attempts, number * sizeof attempt, sizeof attempt), sizeof attempt);
    return attempt;
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

void settle_attempt(struct dissect *dissect, int64_t message, struct cursor body)
{
    struct settle *settle = dissect->settle;
    struct attempt attempt = {.message = message};
    uint8_t digest[CCM_HASH_BYTES_MAX];
    if (message != INT_NULL && ccm_hash(dissect->decoder.keys, CCM_SHA256, body, digest) != DIGEST_BYTES)
        return;
    memcpy(attempt.digest, digest, message == INT_NULL ? 0 : DIGEST_BYTES);
    if (message == INT_NULL || spill_append(settle->attempts, &attempt, sizeof attempt) == NULL)
        dissect->counts.unsettled++;
}

static enum table table_of(enum settle_kind kind)
{
    static const enum table tables[] = {
        [SETTLE_PAYLOAD] = TABLE_message,
        [SETTLE_CLIENT_ID] = TABLE_message,
        [SETTLE_REGISTRATION] = TABLE_registration,
        [SETTLE_HTTP_TOKEN] = TABLE_http,
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
    for (uint64_t i = 0; i < attempt_count(from); i++) {
        struct attempt attempt = attempt_at(from, i);
        attempt.message += bases[TABLE_message];
        lost += spill_append(into->attempts, &attempt, sizeof attempt) == NULL;
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
    for (uint64_t i = 0; i < attempt_count(settle); i++) {
        struct attempt attempt = attempt_at(settle, i);
        attempt.message = new_id(context, TABLE_message, attempt.message);
        lost += !spill_write(settle->attempts, i * sizeof attempt, &attempt, sizeof attempt);
    }
    return lost;
}

static const void *row_of(const struct dissect *dissect, enum table table, int64_t id)
{
    return id == INT_NULL ? NULL : dissect->sink.row(dissect->sink.context, table, id);
}

/* ---- Signatures ---- */

static struct text kept_text(const struct settle *settle, uint64_t offset, uint64_t length)
{
    return (struct text){length == 0 ? "" : spill_at(settle->bytes, offset, length), (size_t)length};
}

static void settle_message(struct dissect *dissect, const struct waiting *waiting, const struct ccm_signature *result)
{
    const struct message_row *kept = row_of(dissect, TABLE_message, waiting->row);
    if (kept == NULL)
        return;
    struct message_row row = *kept;
    struct text state = text_of(ccm_signature_state_name(result->state));
    if (waiting->kind == SETTLE_CLIENT_ID)
        row.client_id_signature = state;
    else
        row.signature = state;
    if (waiting->kind == SETTLE_PAYLOAD)
        row.hash = text_of(result->hash);
    if (result->key != NULL) {
        row.key_source = text_of(result->key_source);
        row.key_bits = result->key->bits;
        row.key_fingerprint = text_of(result->key->fingerprint);
    }
    sink_amend(&dissect->sink, TABLE_message, waiting->row, &row);
}

static void settle_registration(struct dissect *dissect, const struct waiting *waiting,
                                const struct ccm_signature *result)
{
    const struct registration_row *kept = row_of(dissect, TABLE_registration, waiting->row);
    if (kept == NULL)
        return;
    struct registration_row row = *kept;
    row.signature = text_of(ccm_signature_state_name(result->state));
    row.hash = text_of(result->hash);
    sink_amend(&dissect->sink, TABLE_registration, waiting->row, &row);
}

static void settle_http(struct dissect *dissect, const struct waiting *waiting, const struct ccm_signature *result)
{
    const struct http_row *kept = row_of(dissect, TABLE_http, waiting->row);
    if (kept == NULL)
        return;
    struct http_row row = *kept;
    row.token_signature = text_of(ccm_signature_state_name(result->state));
    sink_amend(&dissect->sink, TABLE_http, waiting->row, &row);
}

static void settle_signatures(struct dissect *dissect)
{
    struct settle *settle = dissect->settle;
    struct ccm_decoder *decoder = &dissect->decoder;
    for (uint64_t i = 0; i < waiting_count(settle); i++) {
        struct waiting one = waiting_at(settle, i), *waiting = &one;
        struct text hex = kept_text(settle, waiting->hex, waiting->hex_length);
        struct text data = kept_text(settle, waiting->data, waiting->data_length);
        struct ccm_signer signer = {TEXT_NULL, kept_text(settle, waiting->smsid, waiting->smsid_length),
                                    waiting->kind == SETTLE_CLIENT_ID};
        struct ccm_signature result = {.state = CCM_SIGNATURE_ABSENT};
        struct cursor bytes;
        arena_reset(&decoder->arena);
        if (waiting->kind == SETTLE_PAYLOAD || waiting->kind == SETTLE_REGISTRATION)
            ccm_signature_verify(decoder->keys, &signer, hex, text_cursor(data), &decoder->arena, &result);
        else if (waiting->kind == SETTLE_CLIENT_ID && ccm_terminated_utf16(&decoder->arena, data, &bytes))
            ccm_signature_verify(decoder->keys, &signer, hex, bytes, &decoder->arena, &result);
        else if (waiting->kind == SETTLE_HTTP_TOKEN)
            ccm_token_verify(decoder, data, waiting->hex_length == 0 ? TEXT_NULL : hex, &result);
        if (waiting->kind == SETTLE_HTTP_TOKEN)
            settle_http(dissect, waiting, &result);
        else if (waiting->kind == SETTLE_REGISTRATION)
            settle_registration(dissect, waiting, &result);
        else
            settle_message(dissect, waiting, &result);
    }
}

/* ---- Whose key ---- */

static void add_finding(struct dissect *dissect, int64_t message, const char *code, const char *level, const char *text)
{
    const struct message_row *row = row_of(dissect, TABLE_message, message);
    if (row == NULL || !(dissect->needs & NEED_FINDING))
        return;
    struct finding_row finding = finding_row_null();
    finding.packet = row->packet;
    finding.time = row->time;
    finding.flow = row->flow;
    finding.message = message;
    finding.code = text_of(code);
    finding.level = text_of(level);
    finding.text = text_of(text);
    sink_append(&dissect->sink, TABLE_finding, &finding);
}

static void settle_key(struct dissect *dissect, int64_t id)
{
    const struct message_row *kept = row_of(dissect, TABLE_message, id);
    const struct ccm_key *registered[CCM_KEYS_OF_CLIENT_MAX];
    size_t count = kept == NULL || kept->key_fingerprint.at == NULL
                       ? 0
                       : ccm_keys_of(dissect->decoder.keys, kept->source_id, registered);
    if (count == 0)
        return;
    struct message_row row = *kept;
    row.key_registered = 0;
    for (size_t i = 0; i < count; i++)
        row.key_registered = row.key_registered || text_is(row.key_fingerprint, registered[i]->fingerprint);
    sink_amend(&dissect->sink, TABLE_message, id, &row);
    if (row.key_registered == 0 && text_is(row.signature, "valid"))
        add_finding(dissect, id, "C45", "advisory",
                    "the message is signed by another key than the one registered for its client");
}

/* ---- Repeated transmissions ---- */

/* The attempts in the order of their messages: pairs of message and number. NULL when out of memory. */
static struct spill *attempts_by_message(struct settle *settle)
{
    struct spill *pairs = spill_new(&settle->pool);
    bool ok = pairs != NULL;
    for (uint64_t i = 0; ok && i < attempt_count(settle); i++) {
        struct spill_pair pair = {attempt_at(settle, i).message, (int64_t)i};
        ok = spill_append(pairs, &pair, sizeof pair) != NULL;
    }
    if (ok && spill_sort(&pairs, &settle->pool))
        return pairs;
    spill_free(pairs);
    return NULL;
}

/* The same by their digests: pairs of its first bytes and the place in `messages`. */
static struct spill *attempts_by_digest(struct settle *settle, struct spill *messages)
{
    struct spill *pairs = spill_new(&settle->pool);
    bool ok = pairs != NULL;
    for (uint64_t i = 0; ok && i < attempt_count(settle); i++) {
        struct attempt attempt = attempt_at(settle, (uint64_t)spill_pair_at(messages, i)->value);
        struct spill_pair pair = {.value = (int64_t)i};
        memcpy(&pair.key, attempt.digest, sizeof pair.key);
        ok = spill_append(pairs, &pair, sizeof pair) != NULL;
    }
    if (ok && spill_sort(&pairs, &settle->pool))
        return pairs;
    spill_free(pairs);
    return NULL;
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

/* The same bytes from the same client after a 401 (or no answer at all) are the same message tried again. */
static void settle_attempt_pair(struct dissect *dissect, const struct attempt *first, const struct attempt *second)
{
    if (memcmp(first->digest, second->digest, sizeof first->digest) != 0)
        return;
    const struct message_row *before = row_of(dissect, TABLE_message, first->message);
    const struct message_row *kept = row_of(dissect, TABLE_message, second->message);
    const struct http_row *answer = before == NULL ? NULL : row_of(dissect, TABLE_http, before->http);
    if (kept == NULL || answer == NULL || !text_equal(before->client, kept->client) ||
        !(answer->status == 401 || answer->status == INT_NULL))
        return;
    struct message_row row = *kept;
    row.attempt_of = before->attempt_of != INT_NULL ? before->attempt_of : first->message;
    row.notes = with_note(dissect, row.notes, "the same bytes were sent before and not taken");
    sink_amend(&dissect->sink, TABLE_message, second->message, &row);
}

static void settle_attempts(struct dissect *dissect)
{
    struct settle *settle = dissect->settle;
    struct spill *messages = attempts_by_message(settle);
    struct spill *digests = messages == NULL ? NULL : attempts_by_digest(settle, messages);
    uint64_t count = attempt_count(settle);
    dissect->counts.unsettled += digests == NULL ? count : 0;
    struct attempt before = {0};
    for (uint64_t i = 0; digests != NULL && i < count; i++) {
        int64_t place = spill_pair_at(digests, i)->value;
        struct attempt attempt = attempt_at(settle, (uint64_t)spill_pair_at(messages, (uint64_t)place)->value);
        if (i > 0)
            settle_attempt_pair(dissect, &before, &attempt);
        before = attempt;
    }
    spill_free(digests);
    spill_free(messages);
}

/* ---- Order of registration (schema.md 8, C43 and C44) ---- */

struct step {
    struct text smsid;
    double time;
    int64_t status;
    int64_t message;
    bool confirmation;
};

static int compare_steps(const void *a, const void *b)
{
    const struct step *left = a, *right = b;
    size_t length = left->smsid.length < right->smsid.length ? left->smsid.length : right->smsid.length;
    int order = strncasecmp(left->smsid.at, right->smsid.at, length);
    if (order == 0 && left->smsid.length != right->smsid.length)
        order = left->smsid.length < right->smsid.length ? -1 : 1;
    if (order == 0 && left->time < right->time)
        order = -1;
    else if (order == 0 && left->time > right->time)
        order = 1;
    return order;
}

static size_t list_steps(const struct dissect *dissect, struct step *steps, int64_t count)
{
    size_t used = 0;
    for (int64_t id = 1; id <= count; id++) {
        const struct registration_row *row = row_of(dissect, TABLE_registration, id);
        if (row != NULL && row->smsid.length > 0 && row->status != INT_NULL)
            steps[used++] = (struct step){row->smsid, row->time, row->status, row->message,
                                          text_is_like(row->request_type, "Confirmation")};
    }
    return used;
}

#define CONFIRMATION_DELAY_MIN 25.0 /* s: the documentation says 30; clocks and rounding get some room */

static void check_confirmations(struct dissect *dissect, const struct step *steps, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        bool same = steps[i].smsid.length == steps[i - 1].smsid.length &&
                    strncasecmp(steps[i].smsid.at, steps[i - 1].smsid.at, steps[i].smsid.length) == 0;
        if (same && steps[i].confirmation && steps[i - 1].status == 1 &&
            steps[i].time - steps[i - 1].time < CONFIRMATION_DELAY_MIN)
            add_finding(dissect, steps[i].message, "C44", "advisory",
                        "a confirmation comes sooner after a pending registration than 30 s");
    }
}

/* What was the last answer to a registration of this client before `time`: 1 is pending. */
static bool is_pending(const struct step *steps, size_t count, struct text smsid, double time)
{
    struct step wanted = {.smsid = smsid, .time = time};
    size_t low = 0, high = count; /* the first step that is not before `wanted` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_steps(&steps[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && steps[low - 1].smsid.length == smsid.length &&
           strncasecmp(steps[low - 1].smsid.at, smsid.at, smsid.length) == 0 && steps[low - 1].status == 1;
}

static void settle_order(struct dissect *dissect)
{
    static const char *const endpoints[] = {"MP_PolicyManager", "MP_DdrEndpoint", "MP_HinvEndpoint", "MP_SinvEndpoint",
                                            "MP_SinvCollFileEndpoint"};
    int64_t registrations = dissect->sink.count(dissect->sink.context, TABLE_registration);
    int64_t messages = dissect->sink.count(dissect->sink.context, TABLE_message);
    if (registrations == 0 || !(dissect->needs & NEED_FINDING))
        return;
    struct step *steps = calloc((size_t)registrations, sizeof *steps);
    if (steps == NULL) {
        dissect->counts.unsettled++;
        return;
    }
    size_t count = list_steps(dissect, steps, registrations);
    qsort(steps, count, sizeof *steps, compare_steps);
    check_confirmations(dissect, steps, count);
    for (int64_t id = 1; id <= messages; id++) {
        const struct message_row *row = row_of(dissect, TABLE_message, id);
        bool asked = false;
        for (size_t i = 0; row != NULL && i < sizeof endpoints / sizeof endpoints[0]; i++)
            asked = asked || text_is_like(row->endpoint, endpoints[i]);
        if (asked && text_is(row->direction, "request") && row->source_id.length > 0 &&
            is_pending(steps, count, row->source_id, row->time))
            add_finding(dissect, id, "C43", "rule", "policy or inventory is sent while the registration is pending");
    }
    free(steps);
}

void settle_finish(struct dissect *dissect)
{
    settle_signatures(dissect);
    settle_attempts(dissect);
    int64_t messages = dissect->sink.count(dissect->sink.context, TABLE_message);
    for (int64_t id = 1; id <= messages; id++)
        settle_key(dissect, id);
    settle_order(dissect);
}
