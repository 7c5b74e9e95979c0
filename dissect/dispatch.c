/* dissect/dispatch.c: gives each flow to the dissector that recognises it, and writes the rows of `flow`. */
#include <stdlib.h>
#include <string.h>

#include "dissect/bits.h"
#include "dissect/configmgr/keyfile.h"
#include "dissect/hold.h"
#include "dissect/http_body.h"
#include "dissect/internal.h"
#include "dissect/kerberos.h"
#include "dissect/proxy.h"
#include "dissect/revocation.h"
#include "dissect/rpc.h"
#include "dissect/settle.h"
#include "dissect/shared_keys.h"
#include "dissect/trouble.h"

/* The one table of protocols: over streams those with `data`, over datagrams those with `datagram`. The first that
 * recognises the bytes gets them. */
/* clang-format off */
static const struct dissector *const DISSECTORS[] = {
    &http_dissector,
    &tls_dissector,
    &ike_dissector,
    &smb_dissector,
    &rpc_dissector,
    &rpc_datagram_dissector,
    &kdc_dissector,
    &kdc_datagram_dissector,
    &ldap_dissector,
    &tds_dissector,
    &rdp_dissector,
    &dns_stream_dissector,
    &dns_dissector,
    &nbns_dissector,
    &dhcp_dissector,
    &llmnr_dissector,
    &mdns_dissector,
    &tftp_dissector,
    &cldap_dissector,
    &ssrp_dissector,
    &binl_dissector,
    &wake_on_lan_dissector,
    &remote_tool_dissector, /* by its port only: the last */
};
/* clang-format on */

/* A stream that starts in the middle (no SYN in the capture) may be recognised later, at the start of any segment;
 * but not for ever. */
#define RECOGNITION_ATTEMPTS_MAX 64

/* Of a dissector's state: what every packet needs stands first. */
#define STATE_LINES 3

/* First bytes that arrived in pieces too short to tell what they are. A header of the PROXY protocol is the longest of
 * them (proxy.h). */
#define PREFIX_MAX 128
_Static_assert(PREFIX_MAX >= PROXY_HEADER_READ_MAX, "a PROXY header that came in pieces must fit");

struct prefix {
    uint8_t bytes[2][PREFIX_MAX];
    size_t length[2];
    uint32_t skip[2]; /* bytes of a header that are still to come and to be passed over */
};

struct dissect *dissect_new(const struct sink *sink, unsigned needs)
{
    struct dissect *dissect = calloc(1, sizeof *dissect);
    if (dissect == NULL)
        return NULL;
    dissect->sink = *sink;
    dissect->needs = needs;
    dissect->bodies_max = BODIES_TOTAL_MAX;
    arena_init(&dissect->scratch, SCRATCH_MAX);
    arena_init(&dissect->heads, SCRATCH_MAX);
    buffer_init(&dissect->joined, HTTP_BODY_MAX);
    pool_init(&dissect->pool);
    dissect->settle = settle_new();
    dissect->bits = bits_new();
    bool decoder = ccm_decoder_init(&dissect->decoder);
    dissect->decoder.show_secrets = (needs & NEED_SECRETS) != 0;
    if (dissect->settle != NULL && dissect->bits != NULL && decoder && tls_setup(dissect))
        return dissect;
    dissect_free(dissect);
    return NULL;
}

void dissect_free(struct dissect *dissect)
{
    if (dissect == NULL)
        return;
    tls_teardown(dissect);
    settle_free(dissect->settle);
    bits_free(dissect->bits);
    ccm_decoder_free(&dissect->decoder);
    arena_free(&dissect->scratch);
    arena_free(&dissect->heads);
    buffer_free(&dissect->joined);
    pool_free(&dissect->pool);
    free(dissect);
}

void dissect_limit(struct dissect *dissect, uint64_t bodies, uint64_t waiting, uint64_t waiting_most)
{
    dissect->bodies_max = bodies;
    settle_limit(dissect->settle, waiting, waiting_most);
}

void dissect_limit_payload(struct dissect *dissect, uint64_t inflated)
{
    ccm_decoder_limit(&dissect->decoder, inflated < CCM_INFLATE_MAX ? (size_t)inflated : CCM_INFLATE_MAX);
}

struct ccm_keys *dissect_keys(struct dissect *dissect)
{
    return dissect->decoder.keys;
}

static void count_locked(void *context, const char *path)
{
    (void)path;
    struct dissect *dissect = context;
    dissect->counts.keys_locked++;
}

static void count_unread(void *context, const char *path)
{
    (void)path;
    struct dissect *dissect = context;
    dissect->counts.keys_unread++;
}

static bool read_keylog(void *context, struct cursor content)
{
    return tls_take_keylog(context, text_from(content), false) > 0;
}

enum outcome dissect_load_keys(struct dissect *dissect, const char *path, struct error *error)
{
    struct ccm_key_reader reader = {
        .context = dissect, .read = read_keylog, .locked = count_locked, .unread = count_unread};
    return ccm_keyfile_load(dissect->decoder.keys, path, &reader, error);
}

void dissect_take_secrets(struct dissect *dissect, struct text keylog)
{
    tls_take_keylog(dissect, keylog, true);
}

struct dissect_counts dissect_counts(const struct dissect *dissect)
{
    struct dissect_counts counts = dissect->counts;
    counts.inflated = dissect->decoder.inflated;
    ccm_decoder_limits(&dissect->decoder, &counts.limits);
    counts.limits.hit[LIMIT_row_texts] += dissect->scratch.refused + dissect->heads.refused + tls_texts_lost(dissect);
    return counts;
}

/* All members of struct dissect_counts are sums. */
static void counts_add(struct dissect_counts *into, const struct dissect_counts *from)
{
    _Static_assert(sizeof *into % sizeof(uint64_t) == 0, "struct dissect_counts holds counters only");
    uint64_t *to = (uint64_t *)into;
    const uint64_t *values = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *into / sizeof *to; i++)
        to[i] += values[i];
}

void dissect_absorb(struct dissect *into, struct dissect *from, const int64_t bases[TABLE_COUNT])
{
    struct dissect_counts counts = dissect_counts(from);
    uint64_t inflated = counts.inflated; /* kept by the decoder, see dissect_counts */
    counts.inflated = 0;
    counts.keys_locked = counts.keys_unread = 0; /* every worker read the same files */
    counts.limits.hit[LIMIT_tls_keylog] = counts.limits.hit[LIMIT_keys_loaded] = 0;
    counts_add(&into->counts, &counts);
    into->decoder.inflated += inflated;
    into->counts.unsettled += ccm_keys_absorb(into->decoder.keys, from->decoder.keys);
    into->counts.unsettled += settle_absorb(into->settle, from->settle, bases);
    into->counts.unsettled += bits_absorb(into->bits, from->bits, bases);
}

void dissect_renumber(struct dissect *dissect, int64_t (*new_id)(const void *context, enum table table, int64_t id),
                      const void *context)
{
    dissect->counts.unsettled += settle_renumber(dissect->settle, new_id, context);
    bits_renumber(dissect->bits, new_id, context);
}

void dissect_finish(struct dissect *dissect)
{
    bits_finish(dissect); /* uploads are messages, which are settled with the others */
    settle_finish(dissect);
    shared_keys_finish(dissect);
    revocation_finish(dissect);
}

struct text conversation_address(const struct conversation *conversation, enum direction direction)
{
    char *text = conversation->dissect->address[direction];
    address_print(&conversation->flow->address[direction], text);
    return text_of(text);
}

/* ---- Rows of flows ---- */

/* The texts of its addresses stand in `address`. */
static struct flow_row flow_row_of(const struct conversation *conversation)
{
    const struct flow *flow = conversation->flow;
    struct flow_row row = flow_row_null();
    row.packet = flow->first.packet;
    row.time = moment_seconds(flow->first);
    row.proto = text_of(transport_name(flow->transport));
    row.src = conversation_address(conversation, DIRECTION_OUT);
    row.sport = flow->port[DIRECTION_OUT];
    row.dst = conversation_address(conversation, DIRECTION_IN);
    row.dport = flow->port[DIRECTION_IN];
    row.start = moment_seconds(flow->first);
    row.end = moment_seconds(flow->last);
    row.state = text_of(flow_state_name(flow->state));
    row.handshake = flow->handshake;
    row.ttl_out = flow->ttl[DIRECTION_OUT] == 0 ? INT_NULL : flow->ttl[DIRECTION_OUT];
    row.ttl_in = flow->ttl[DIRECTION_IN] == 0 ? INT_NULL : flow->ttl[DIRECTION_IN];
    row.packets_out = (int64_t)flow->packets[DIRECTION_OUT];
    row.packets_in = (int64_t)flow->packets[DIRECTION_IN];
    row.bytes_out = (int64_t)flow->bytes[DIRECTION_OUT];
    row.bytes_in = (int64_t)flow->bytes[DIRECTION_IN];
    row.gaps = (int64_t)flow->gaps;
    row.missing = (int64_t)flow->missing;
    row.never_acknowledged = (int64_t)flow->never_acknowledged;
    row.retransmitted = (int64_t)flow->retransmitted;
    row.out_of_order = (int64_t)flow->out_of_order;
    row.conflicts = (int64_t)flow->conflicts;
    const struct dissector *dissector = conversation->layer.dissector;
    row.app = dissector == NULL ? TEXT_NULL : text_of(dissector->name);
    row.encrypted = conversation->layer.secure || (dissector != NULL && dissector->encrypted);
    row.proxied = text_of(conversation->proxied);
    row.ipsec = text_of(protection_name(flow->protection, flow->protection_mixed));
    return row;
}

static void on_opened(void *context, struct flow *flow)
{
    struct dissect *dissect = context;
    struct conversation *conversation = pool_zero(&dissect->pool, sizeof *conversation);
    flow->user = conversation;
    if (conversation == NULL)
        return;
    conversation->dissect = dissect;
    conversation->flow = flow;
    conversation->layer.conversation = conversation;
    conversation->layer.secure = flow->protection == PROTECTION_TLS;
    conversation->row = ROW_DROPPED;
    if (!sink_keeps(&dissect->sink, TABLE_flow))
        return;
    struct flow_row row = flow_row_of(conversation);
    conversation->row = sink_append(&dissect->sink, TABLE_flow, &row);
}

/* ---- Recognition ---- */

static bool fits(const struct dissector *dissector, const struct flow *flow, enum direction client)
{
    return dissector->fits == NULL || dissector->fits(flow, client);
}

static enum recognition recognise(const struct layer *layer, enum direction direction, struct cursor first,
                                  bool datagram, const struct dissector **found)
{
    const struct flow *flow = layer->conversation->flow;
    enum recognition best = RECOGNISED_NOT;
    for (size_t i = 0; i < sizeof DISSECTORS / sizeof DISSECTORS[0]; i++) {
        if ((DISSECTORS[i]->datagram != NULL) != datagram)
            continue;
        enum recognition result = DISSECTORS[i]->recognise(first, flow);
        if (result == RECOGNISED_CLIENT || result == RECOGNISED_SERVER) {
            if (!fits(DISSECTORS[i], flow, result == RECOGNISED_CLIENT ? direction : direction_reverse(direction)))
                continue;
            *found = DISSECTORS[i];
            return result;
        }
        best = result == RECOGNISED_MAYBE ? result : best;
    }
    return best;
}

/* NULL when out of memory. */
static struct prefix *prefix_of(struct layer *layer)
{
    if (layer->prefix == NULL)
        layer->prefix = pool_zero(&layer->conversation->dissect->pool, sizeof *layer->prefix);
    return layer->prefix;
}

/* Keeps a short beginning of the stream; true when the whole chunk went there and more is needed. */
static bool prefix_keep(struct layer *layer, enum direction direction, struct cursor bytes)
{
    struct prefix *prefix = prefix_of(layer);
    if (prefix == NULL || bytes.left > PREFIX_MAX - prefix->length[direction])
        return false;
    memcpy(prefix->bytes[direction] + prefix->length[direction], bytes.at, bytes.left);
    prefix->length[direction] += bytes.left;
    return true;
}

/* The prefix so far with the new chunk behind it, as far as recognition needs it. */
static struct cursor prefix_view(const struct layer *layer, enum direction direction, struct cursor bytes,
                                 uint8_t joined[2 * PREFIX_MAX])
{
    const struct prefix *prefix = layer->prefix;
    if (prefix == NULL || prefix->length[direction] == 0)
        return bytes;
    size_t length = bytes.left < PREFIX_MAX ? bytes.left : PREFIX_MAX;
    memcpy(joined, prefix->bytes[direction], prefix->length[direction]);
    memcpy(joined + prefix->length[direction], bytes.at, length);
    return cursor_of(joined, prefix->length[direction] + length);
}

static void prefix_flush(struct layer *layer, enum direction direction, struct moment moment)
{
    struct prefix *prefix = layer->prefix;
    if (prefix == NULL || prefix->length[direction] == 0)
        return;
    size_t length = prefix->length[direction];
    prefix->length[direction] = 0;
    if (!layer->unread)
        layer->dissector->data(layer->state, direction, cursor_of(prefix->bytes[direction], length), moment);
}

static void attempt_failed(struct layer *layer)
{
    layer->attempts++;
    if (layer->attempts == RECOGNITION_ATTEMPTS_MAX)
        limit_hit(&layer->conversation->dissect->counts.limits, LIMIT_recognition);
}

static void recognition_failed(struct layer *layer, enum direction direction)
{
    if (layer->prefix != NULL)
        layer->prefix->length[direction] = 0;
    attempt_failed(layer);
}

/* ---- The PROXY protocol, in front of whatever a connection carries ---- */

/* Passes over what is left of a header. */
static void skip_header(struct layer *layer, enum direction direction, struct cursor *bytes)
{
    struct prefix *prefix = layer->prefix;
    if (prefix == NULL || prefix->skip[direction] == 0)
        return;
    size_t length = bytes->left < prefix->skip[direction] ? bytes->left : prefix->skip[direction];
    if (cursor_skip(bytes, length))
        prefix->skip[direction] -= (uint32_t)length;
}

static void note_client(struct conversation *conversation, const char *client)
{
    if (client[0] == '\0' || conversation->proxied != NULL)
        return;
    conversation->proxied = pool_take(&conversation->dissect->pool, PROXY_CLIENT_MAX);
    if (conversation->proxied != NULL)
        memcpy(conversation->proxied, client, PROXY_CLIENT_MAX);
}

/* Takes a header off the first bytes of a direction. True when the bytes are used up: they wait, or are of the header. */
static bool take_header(struct layer *layer, enum direction direction, struct cursor *bytes)
{
    uint8_t joined[2 * PREFIX_MAX];
    struct proxy_header header;
    skip_header(layer, direction, bytes);
    if (bytes->left == 0)
        return true;
    if ((layer->dropped | layer->introduced) & 1u << direction)
        return false;
    enum outcome outcome = proxy_header_read(prefix_view(layer, direction, *bytes, joined), &header);
    if (outcome == OUTCOME_MORE)
        return prefix_keep(layer, direction, *bytes);
    if (outcome != OUTCOME_OK || prefix_of(layer) == NULL)
        return false;
    layer->introduced |= (uint8_t)(1u << direction);
    note_client(layer->conversation, header.client);
    layer->prefix->skip[direction] = header.length - (uint32_t)layer->prefix->length[direction];
    layer->prefix->length[direction] = 0;
    skip_header(layer, direction, bytes);
    return bytes->left == 0;
}

bool layer_open(struct layer *layer, const struct dissector *dissector, enum direction client)
{
    layer->unread = dissector->need != 0 && (layer->conversation->dissect->needs & dissector->need) == 0;
    if (layer->unread) {
        layer->dissector = dissector;
        return true;
    }
    layer->state = dissector->open == NULL ? layer : dissector->open(layer, client);
    if (layer->state == NULL) {
        layer->conversation->dissect->counts.trouble_system++;
        layer->attempts = RECOGNITION_ATTEMPTS_MAX;
        return false;
    }
    layer->dissector = dissector;
    return true;
}

static void try_recognise(struct layer *layer, enum direction direction, struct cursor bytes, struct moment moment)
{
    uint8_t joined[2 * PREFIX_MAX];
    const struct dissector *dissector = NULL;
    if (take_header(layer, direction, &bytes))
        return;
    enum recognition result =
        recognise(layer, direction, prefix_view(layer, direction, bytes, joined), false, &dissector);
    if (result == RECOGNISED_MAYBE && prefix_keep(layer, direction, bytes))
        return;
    if (dissector == NULL) {
        layer->dropped |= (uint8_t)(1u << direction);
        recognition_failed(layer, direction);
        return;
    }
    if (!layer_open(layer, dissector, result == RECOGNISED_CLIENT ? direction : direction_reverse(direction)))
        return;
    prefix_flush(layer, direction_reverse(direction), moment);
    prefix_flush(layer, direction, moment);
    if (!layer->unread)
        dissector->data(layer->state, direction, bytes, moment);
}

void layer_data(struct layer *layer, enum direction direction, struct cursor bytes, struct moment moment)
{
    if (layer->unread)
        return;
    if (layer->dissector != NULL)
        layer->dissector->data(layer->state, direction, bytes, moment);
    else if (layer->attempts < RECOGNITION_ATTEMPTS_MAX)
        try_recognise(layer, direction, bytes, moment);
}

static void gap_before_recognition(struct layer *layer, enum direction direction, uint64_t bytes)
{
    struct prefix *prefix = layer->prefix;
    if (prefix != NULL && prefix->skip[direction] >= bytes)
        prefix->skip[direction] -= (uint32_t)bytes;
    else
        recognition_failed(layer, direction);
}

void layer_gap(struct layer *layer, enum direction direction, uint64_t bytes, struct moment moment)
{
    if (layer->unread)
        return;
    if (layer->dissector != NULL)
        layer->dissector->gap(layer->state, direction, bytes, moment);
    else
        gap_before_recognition(layer, direction, bytes);
}

void layer_ended(struct layer *layer, enum direction direction, struct moment moment)
{
    if (layer->dissector != NULL && !layer->unread && layer->dissector->ended != NULL)
        layer->dissector->ended(layer->state, direction, moment);
}

void layer_datagram(struct layer *layer, enum direction direction, struct cursor bytes, struct moment moment)
{
    const struct dissector *dissector = NULL;
    if (layer->dissector == NULL && layer->attempts < RECOGNITION_ATTEMPTS_MAX) {
        enum recognition result = recognise(layer, direction, bytes, true, &dissector);
        if (dissector == NULL)
            attempt_failed(layer);
        else
            layer_open(layer, dissector, result == RECOGNISED_CLIENT ? direction : direction_reverse(direction));
    }
    if (layer->dissector != NULL && !layer->unread)
        layer->dissector->datagram(layer->state, direction, bytes, moment);
}

void layer_close(struct layer *layer)
{
    if (layer->dissector != NULL && !layer->unread && layer->dissector->close != NULL)
        layer->dissector->close(layer->state);
    if (layer->prefix != NULL) /* a layer that was never used has no conversation */
        pool_give(&layer->conversation->dissect->pool, layer->prefix, sizeof *layer->prefix);
    layer->dissector = NULL;
    layer->state = NULL;
    layer->prefix = NULL;
    layer->unread = false;
}

/* ---- Events of flows ---- */

static void on_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                    struct moment moment)
{
    (void)context;
    struct conversation *conversation = flow->user;
    if (conversation == NULL)
        return;
    if (conversation->hold == NULL && !hold_is_early(conversation, direction)) {
        layer_data(&conversation->layer, direction, bytes, moment);
        return;
    }
    hold_take(conversation,
              &(struct hold_event){.kind = HOLD_DATA, .direction = direction, .bytes = bytes, .moment = moment});
}

static void on_gap(void *context, struct flow *flow, enum direction direction, uint64_t bytes, struct moment moment)
{
    (void)context;
    struct conversation *conversation = flow->user;
    if (conversation == NULL)
        return;
    conversation->one_sided = conversation->one_sided || flow->packets[direction] == 0;
    if (conversation->hold == NULL)
        layer_gap(&conversation->layer, direction, bytes, moment);
    else
        hold_take(conversation,
                  &(struct hold_event){.kind = HOLD_GAP, .direction = direction, .gap = bytes, .moment = moment});
}

static void on_ended(void *context, struct flow *flow, enum direction direction, struct moment moment)
{
    (void)context;
    struct conversation *conversation = flow->user;
    if (conversation == NULL)
        return;
    if (conversation->hold == NULL)
        layer_ended(&conversation->layer, direction, moment);
    else
        hold_take(conversation, &(struct hold_event){.kind = HOLD_ENDED, .direction = direction, .moment = moment});
}

static void on_datagram(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                        struct moment moment)
{
    (void)context;
    struct conversation *conversation = flow->user;
    if (conversation != NULL)
        layer_datagram(&conversation->layer, direction, bytes, moment);
}

static void on_closed(void *context, struct flow *flow)
{
    struct dissect *dissect = context;
    struct conversation *conversation = flow->user;
    if (conversation == NULL)
        return;
    hold_release(conversation);
    const struct dissector *dissector = conversation->layer.dissector;
    struct flow_row row = sink_keeps(&dissect->sink, TABLE_flow) ? flow_row_of(conversation) : flow_row_null();
    layer_close(&conversation->layer);
    trouble_close(conversation);
    sink_amend(&dissect->sink, TABLE_flow, conversation->row, &row);
    dissect->counts.unrecognised +=
        dissector == NULL && flow->transport == TRANSPORT_TCP && flow->bytes[0] + flow->bytes[1] > 0;
    pool_give(&dissect->pool, conversation->proxied, PROXY_CLIENT_MAX);
    pool_give(&dissect->pool, conversation, sizeof *conversation);
    flow->user = NULL;
}

/* The conversation itself was asked for. */
static void on_fetch(const struct flow *flow, unsigned step)
{
    const struct conversation *conversation = flow->user;
    const struct layer *layer = &conversation->layer;
    if (layer->dissector == NULL || layer->unread)
        return;
    if (step == 0)
        fetch_lines(layer->state, STATE_LINES);
    else if (layer->dissector->fetch != NULL)
        layer->dissector->fetch(layer->state, step);
}

/* ---- Rows of refusals ---- */

static void on_refused(void *context, const struct refusal *refusal)
{
    struct dissect *dissect = context;
    const struct conversation *conversation = refusal->flow == NULL ? NULL : refusal->flow->user;
    char src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], reporter[ADDRESS_TEXT_MAX];
    struct refused_row row = refused_row_null();
    row.packet = refusal->moment.packet;
    row.time = moment_seconds(refusal->moment);
    row.flow = conversation == NULL ? INT_NULL : conversation->row;
    row.proto = text_of(transport_name(refusal->transport));
    address_print(&refusal->src, src);
    address_print(&refusal->dst, dst);
    row.src = text_of(src);
    row.sport = refusal->sport;
    row.dst = text_of(dst);
    row.dport = refusal->dport;
    row.kind = text_of(refusal_kind_name(refusal->kind));
    if (refusal->kind == REFUSAL_ICMP) {
        row.icmp_version = refusal->reporter.version;
        row.icmp_type = refusal->error.type;
        row.icmp_code = refusal->error.code;
    }
    if (refusal->kind != REFUSAL_UNANSWERED) {
        address_print(&refusal->reporter, reporter);
        row.reporter = text_of(reporter);
        row.ttl = refusal->ttl;
    }
    if (refusal->tries > 0)
        row.tries = (int64_t)refusal->tries;
    sink_append(&dissect->sink, TABLE_refused, &row);
}

struct flow_events dissect_events(struct dissect *dissect)
{
    return (struct flow_events){
        .context = dissect,
        .opened = on_opened,
        .data = on_data,
        .gap = on_gap,
        .ended = on_ended,
        .datagram = on_datagram,
        .closed = on_closed,
        .refused = on_refused,
        .fetch = on_fetch,
    };
}
