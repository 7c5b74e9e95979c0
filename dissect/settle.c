/* dissect/settle.c: see settle.h. */
#define _GNU_SOURCE
#include "dissect/settle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buffer.h"
#include "dissect/configmgr/reply.h"
#include "dissect/policy.h"
#include "dissect/suspect.h"

/* A signature that waits. Its texts and bytes stand behind each other in settle.bytes. */
struct waiting {
    enum settle_kind kind;
    int64_t row;
    size_t smsid, smsid_length, hex, hex_length, data, data_length; /* offsets and lengths in settle.bytes */
};

/* Rows of message with a digest, in no order. */
struct digests {
    struct settle_signed *items;
    size_t count, room;
};

struct settle {
    struct buffer bytes;
    struct waiting *waiting;
    size_t waiting_count, waiting_room;
    struct digests attempts; /* of whole bodies, where authentication may have repeated them */
    struct digests signeds;  /* of what identifies signed requests */
};

struct settle *settle_new(void)
{
    struct settle *settle = calloc(1, sizeof *settle);
    if (settle != NULL)
        buffer_init(&settle->bytes, SETTLE_BYTES_MAX);
    return settle;
}

void settle_free(struct settle *settle)
{
    if (settle == NULL)
        return;
    buffer_free(&settle->bytes);
    free(settle->waiting);
    free(settle->attempts.items);
    free(settle->signeds.items);
    free(settle);
}

/* Room for one more element; false when the limit or memory is reached. */
static bool grow(void **items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown = count >= SETTLE_ENTRIES_MAX ? NULL : realloc(*items, wanted * size);
    if (grown == NULL)
        return false;
    *items = grown;
    *room = wanted;
    return true;
}

static bool keep_bytes(struct settle *settle, struct cursor bytes, size_t *offset, size_t *length)
{
    *offset = settle->bytes.length;
    *length = bytes.left;
    return buffer_append(&settle->bytes, bytes);
}

void settle_signature(struct dissect *dissect, enum settle_kind kind, int64_t row, struct text smsid, struct text hex,
                      struct cursor data)
{
    struct settle *settle = dissect->settle;
    struct waiting waiting = {.kind = kind, .row = row};
    size_t before = settle->bytes.length;
    if (row != INT_NULL && keep_bytes(settle, text_cursor(smsid), &waiting.smsid, &waiting.smsid_length) &&
        keep_bytes(settle, text_cursor(hex), &waiting.hex, &waiting.hex_length) &&
        keep_bytes(settle, data, &waiting.data, &waiting.data_length) &&
        grow((void **)&settle->waiting, settle->waiting_count, &settle->waiting_room, sizeof waiting)) {
        settle->waiting[settle->waiting_count++] = waiting;
        return;
    }
    settle->bytes.length = before;
    dissect->counts.unsettled++;
}

static void keep_digest(struct dissect *dissect, struct digests *digests, int64_t message, struct cursor bytes)
{
    if (message == INT_NULL ||
        !grow((void **)&digests->items, digests->count, &digests->room, sizeof *digests->items)) {
        dissect->counts.unsettled++;
        return;
    }
    struct settle_signed *item = &digests->items[digests->count];
    *item = (struct settle_signed){.message = message};
    if (ccm_hash(dissect->decoder.keys, CCM_SHA256, bytes, item->digest) > 0)
        digests->count++;
}

void settle_attempt(struct dissect *dissect, int64_t message, struct cursor body)
{
    keep_digest(dissect, &dissect->settle->attempts, message, body);
}

void settle_signed(struct dissect *dissect, int64_t message, struct cursor identity)
{
    keep_digest(dissect, &dissect->settle->signeds, message, identity);
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

static uint64_t absorb_digests(struct digests *into, const struct digests *from, int64_t base)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < from->count; i++) {
        struct settle_signed item = from->items[i];
        item.message += base;
        if (grow((void **)&into->items, into->count, &into->room, sizeof item))
            into->items[into->count++] = item;
        else
            lost++;
    }
    return lost;
}

uint64_t settle_absorb(struct settle *into, const struct settle *from, const int64_t bases[TABLE_COUNT])
{
    uint64_t lost = 0;
    size_t shift = into->bytes.length;
    bool bytes = buffer_append(&into->bytes, buffer_cursor(&from->bytes));
    for (size_t i = 0; i < from->waiting_count; i++) {
        struct waiting waiting = from->waiting[i];
        waiting.row += bases[table_of(waiting.kind)];
        waiting.smsid += shift;
        waiting.hex += shift;
        waiting.data += shift;
        if (bytes && grow((void **)&into->waiting, into->waiting_count, &into->waiting_room, sizeof waiting))
            into->waiting[into->waiting_count++] = waiting;
        else
            lost++;
    }
    lost += absorb_digests(&into->attempts, &from->attempts, bases[TABLE_message]);
    lost += absorb_digests(&into->signeds, &from->signeds, bases[TABLE_message]);
    return lost;
}

void settle_renumber(struct settle *settle, int64_t (*new_id)(const void *context, enum table table, int64_t id),
                     const void *context)
{
    for (size_t i = 0; i < settle->waiting_count; i++)
        settle->waiting[i].row = new_id(context, table_of(settle->waiting[i].kind), settle->waiting[i].row);
    for (size_t i = 0; i < settle->attempts.count; i++)
        settle->attempts.items[i].message = new_id(context, TABLE_message, settle->attempts.items[i].message);
    for (size_t i = 0; i < settle->signeds.count; i++)
        settle->signeds.items[i].message = new_id(context, TABLE_message, settle->signeds.items[i].message);
}

const void *settle_row(const struct dissect *dissect, enum table table, int64_t id)
{
    return id == INT_NULL ? NULL : dissect->sink.row(dissect->sink.context, table, id);
}

/* ---- Signatures ---- */

static struct text kept_text(const struct settle *settle, size_t offset, size_t length)
{
    return (struct text){length == 0 ? "" : (const char *)settle->bytes.bytes + offset, length};
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
    struct ccm_signer signer = {TEXT_NULL, kept_text(settle, waiting->smsid, waiting->smsid_length)};
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
        for (size_t i = 0; i < settle->waiting_count; i++) {
            if ((settle->waiting[i].kind == SETTLE_REGISTRATION) == (first == 1))
                settle_one(dissect, &settle->waiting[i]);
        }
    }
}

/* ---- Whose key ---- */

void settle_find(struct dissect *dissect, int64_t message, const char *code, const char *level, const char *text)
{
    const struct message_row *row = settle_row(dissect, TABLE_message, message);
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
    const struct message_row *kept = settle_row(dissect, TABLE_message, id);
    const struct ccm_key *registered[CCM_KEYS_OF_CLIENT_MAX];
    if (kept == NULL || kept->key_fingerprint.at == NULL)
        return;
    bool reply = text_is(kept->direction, "reply");
    size_t count = ccm_keys_bound(dissect->decoder.keys, reply ? CCM_OWNER_MP : CCM_OWNER_CLIENT,
                                  reply ? kept->server : kept->source_id, registered);
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

/* ---- Repeated transmissions ---- */

static int compare_digests(const void *a, const void *b)
{
    const struct settle_signed *left = a, *right = b;
    int order = memcmp(left->digest, right->digest, sizeof left->digest);
    if (order != 0)
        return order;
    return left->message < right->message ? -1 : left->message > right->message;
}

static void sort_digests(struct digests *digests)
{
    if (digests->count > 0)
        qsort(digests->items, digests->count, sizeof *digests->items, compare_digests);
}

const struct settle_signed *settle_signed_sorted(struct settle *settle, size_t *count)
{
    sort_digests(&settle->signeds);
    *count = settle->signeds.count;
    return settle->signeds.items;
}

/* The same bytes from the same client after a 401 (or no answer at all) are the same message tried again. */
static void settle_attempts(struct dissect *dissect)
{
    struct settle *settle = dissect->settle;
    const struct settle_signed *items = settle->attempts.items;
    sort_digests(&settle->attempts);
    for (size_t i = 1; i < settle->attempts.count; i++) {
        if (memcmp(items[i - 1].digest, items[i].digest, sizeof items[i].digest) != 0)
            continue;
        const struct message_row *before = settle_row(dissect, TABLE_message, items[i - 1].message);
        const struct message_row *kept = settle_row(dissect, TABLE_message, items[i].message);
        const struct http_row *answer = before == NULL ? NULL : settle_row(dissect, TABLE_http, before->http);
        if (kept == NULL || answer == NULL || !text_equal(before->client, kept->client) ||
            !(answer->status == 401 || answer->status == INT_NULL))
            continue;
        struct message_row row = *kept;
        row.attempt_of = before->attempt_of != INT_NULL ? before->attempt_of : items[i - 1].message;
        sink_amend(&dissect->sink, TABLE_message, items[i].message, &row);
    }
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
        const struct registration_row *row = settle_row(dissect, TABLE_registration, id);
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
            settle_find(dissect, steps[i].message, "C44", "advisory",
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
        const struct message_row *row = settle_row(dissect, TABLE_message, id);
        bool asked = false;
        for (size_t i = 0; row != NULL && i < sizeof endpoints / sizeof endpoints[0]; i++)
            asked = asked || text_is_like(row->endpoint, endpoints[i]);
        if (asked && text_is(row->direction, "request") && row->source_id.length > 0 &&
            is_pending(steps, count, row->source_id, row->time))
            settle_find(dissect, id, "C43", "rule", "policy or inventory is sent while the registration is pending");
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
    write_registered(dissect);
    settle_order(dissect);
    settle_policies(dissect);
    suspect_finish(dissect);
}
