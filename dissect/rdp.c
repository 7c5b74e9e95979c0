/* dissect/rdp.c: how a remote desktop connection is secured (MS-RDPBCGR 2.2.1.1, 2.2.1.2); what follows is TLS, or the old
 * security, which is not read.
 *
 *   u8 3, u8 0, u16 length (TPKT, RFC 1006), u8 length indicator, u8 code (E0 connection request, D0 confirm), u16, u16, u8,
 *   request: optional "Cookie: mstshash=NAME" CR LF, then u8 1, u8 flags, u16 8, u32 protocols (little endian)
 *   confirm: u8 2, u8 flags, u16 8, u32 protocol; or u8 3, u8 flags, u16 8, u32 failure
 */
#include <stdlib.h>

#include "dissect/frames.h"
#include "dissect/internal.h"
#include "dissect/listing.h"
#include "dissect/trouble.h"

#define PORT_RDP 3389
#define TPKT_BYTES 4
#define X224_BYTES 7
#define FRAME_MAX ((size_t)2048) /* of the negotiation; its cookie is short */
#define USER_MAX ((size_t)256)

enum { X224_REQUEST = 0xE0, X224_CONFIRM = 0xD0 };
enum { NEGOTIATION_REQUEST = 1, NEGOTIATION_RESPONSE = 2, NEGOTIATION_FAILURE = 3 };
enum { RESTRICTED_ADMIN = 0x01 };

static const struct {
    uint32_t bit;
    const char *name;
} PROTOCOLS[] = {{1, "tls"}, {2, "credssp"}, {4, "rdstls"}, {8, "credssp-ex"}, {16, "aad"}};

struct rdp {
    struct layer *layer;
    enum direction client;
    int64_t row;
    bool negotiated; /* what follows belongs to `inner`, or is not read */
    struct frames frames[2];
    struct layer inner;
};

/* ---- Recognition ---- */

static enum recognition recognise(struct cursor first, const struct flow *flow)
{
    uint8_t version, reserved, indicator, code;
    uint16_t length;
    if (!cursor_u8(&first, &version))
        return RECOGNISED_MAYBE;
    if (version != 3)
        return RECOGNISED_NOT;
    if (!cursor_u8(&first, &reserved) || !cursor_be16(&first, &length) || !cursor_u8(&first, &indicator) ||
        !cursor_u8(&first, &code))
        return RECOGNISED_MAYBE;
    if (reserved != 0 || length < TPKT_BYTES + X224_BYTES || length > FRAME_MAX ||
        indicator != length - TPKT_BYTES - 1 || (code != X224_REQUEST && code != X224_CONFIRM))
        return RECOGNISED_NOT;
    enum recognition side = code == X224_REQUEST ? RECOGNISED_CLIENT : RECOGNISED_SERVER;
    if (flow->port[DIRECTION_IN] == PORT_RDP || (!flow->handshake && flow->port[DIRECTION_OUT] == PORT_RDP))
        return side;
    struct cursor rest;
    if (length == TPKT_BYTES + X224_BYTES)
        return RECOGNISED_NOT; /* another user of X.224 */
    if (!cursor_skip(&first, X224_BYTES - 2) || !cursor_take(&first, 4, &rest))
        return RECOGNISED_MAYBE;
    bool known = cursor_starts(rest, "Cook", 4) || cursor_starts(rest, "\x01\x00\x08", 3) ||
                 cursor_starts(rest, "\x02", 1) || cursor_starts(rest, "\x03\x00\x08", 3);
    return known ? side : RECOGNISED_NOT;
}

/* ---- The negotiation ---- */

static struct text protocols_text(uint32_t protocols, struct listing *listing)
{
    listing_init(listing);
    if (protocols == 0)
        listing_add(listing, TEXT("rdp"));
    for (size_t i = 0; i < sizeof PROTOCOLS / sizeof PROTOCOLS[0]; i++) {
        if (protocols & PROTOCOLS[i].bit)
            listing_add(listing, text_of(PROTOCOLS[i].name));
    }
    return listing_text(listing);
}

static struct rdp_row row_of(struct rdp *rdp, struct moment moment)
{
    const struct conversation *conversation = rdp->layer->conversation;
    const struct sink *sink = &conversation->dissect->sink;
    const struct rdp_row *kept = sink_kept(sink, TABLE_rdp, rdp->row);
    if (kept != NULL)
        return *kept;
    struct rdp_row row = rdp_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.client = conversation_address(conversation, rdp->client);
    row.server = conversation_address(conversation, direction_reverse(rdp->client));
    row.port = conversation->flow->port[direction_reverse(rdp->client)];
    return row;
}

static void keep_row(struct rdp *rdp, const struct rdp_row *row)
{
    const struct sink *sink = &rdp->layer->conversation->dissect->sink;
    if (rdp->row == INT_NULL)
        rdp->row = sink_append(sink, TABLE_rdp, row);
    else
        sink_amend(sink, TABLE_rdp, rdp->row, row);
}

/* The account that the cookie names. */
static void read_cookie(struct rdp *rdp, struct cursor *at, struct rdp_row *row)
{
    static const char name[] = "Cookie: mstshash=";
    size_t end;
    struct cursor line;
    if (!cursor_find(*at, cursor_of("\r\n", 2), &end) || !cursor_starts(*at, "Cookie:", 7) ||
        !cursor_take(at, end, &line) || !cursor_skip(at, 2))
        return;
    if (cursor_starts(line, name, sizeof name - 1) && cursor_skip(&line, sizeof name - 1) && line.left <= USER_MAX)
        row->user = text_utf8(&rdp->layer->conversation->dissect->scratch, text_from(line));
}

static void read_request(struct rdp *rdp, struct cursor at, struct moment moment)
{
    struct rdp_row row = row_of(rdp, moment);
    struct listing protocols;
    uint8_t type, flags;
    uint16_t length;
    uint32_t requested;
    read_cookie(rdp, &at, &row);
    row.requested = TEXT("rdp"); /* without a negotiation there is nothing else */
    if (cursor_u8(&at, &type) && type == NEGOTIATION_REQUEST) {
        if (cursor_u8(&at, &flags) && cursor_le16(&at, &length) && cursor_le32(&at, &requested)) {
            row.requested = protocols_text(requested, &protocols);
            row.restricted_admin = (flags & RESTRICTED_ADMIN) != 0;
        } else {
            row.requested = TEXT_NULL;
            trouble_report(rdp->layer->conversation, "rdp", OUTCOME_MALFORMED, "negotiation request", UINT64_MAX,
                           moment);
        }
    }
    keep_row(rdp, &row);
}

static void read_confirm(struct rdp *rdp, struct cursor at, struct moment moment)
{
    struct rdp_row row = row_of(rdp, moment);
    struct listing protocols;
    uint8_t type = 0, flags;
    uint16_t length;
    uint32_t value = 0;
    bool any = at.left > 0;
    bool told =
        cursor_u8(&at, &type) && cursor_u8(&at, &flags) && cursor_le16(&at, &length) && cursor_le32(&at, &value);
    if (any && !told)
        trouble_report(rdp->layer->conversation, "rdp", OUTCOME_MALFORMED, "negotiation response", UINT64_MAX, moment);
    if (told && type == NEGOTIATION_FAILURE)
        row.failure = value;
    else
        row.selected = protocols_text(told && type == NEGOTIATION_RESPONSE ? value : 0, &protocols);
    keep_row(rdp, &row);
    rdp->negotiated = true;
    if (told && type == NEGOTIATION_RESPONSE && value != 0) {
        rdp->inner.conversation = rdp->layer->conversation;
        if (!layer_open(&rdp->inner, &tls_dissector, rdp->client))
            rdp->inner.dissector = NULL;
    }
}

/* ---- The stream ---- */

static enum outcome measure(struct cursor start, uint64_t *length)
{
    uint8_t version, reserved;
    uint16_t value;
    if (!cursor_u8(&start, &version) || !cursor_u8(&start, &reserved) || !cursor_be16(&start, &value))
        return OUTCOME_MORE;
    *length = value;
    return version != 3 || value < TPKT_BYTES + X224_BYTES ? OUTCOME_MALFORMED : OUTCOME_OK;
}

static void *rdp_open(struct layer *layer, enum direction client)
{
    struct rdp *rdp = calloc(1, sizeof *rdp);
    if (rdp == NULL)
        return NULL;
    rdp->layer = layer;
    rdp->client = client;
    rdp->row = INT_NULL;
    frames_init(&rdp->frames[0], FRAME_MAX);
    frames_init(&rdp->frames[1], FRAME_MAX);
    return rdp;
}

static void rdp_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct rdp *rdp = state;
    struct cursor frame;
    uint8_t indicator, code;
    if (rdp->negotiated) {
        if (rdp->inner.dissector != NULL)
            layer_data(&rdp->inner, direction, bytes, moment);
        return;
    }
    struct conversation *conversation = rdp->layer->conversation;
    bool lost = rdp->frames[direction].lost;
    frames_open(&rdp->frames[direction], bytes);
    while (frames_next(&rdp->frames[direction], measure, &frame)) {
        if (rdp->negotiated)
            continue;
        if (rdp->frames[direction].cut) {
            trouble_limit(conversation, "rdp", LIMIT_rdp_frame, moment);
            continue;
        }
        if (!cursor_skip(&frame, TPKT_BYTES) || !cursor_u8(&frame, &indicator) || !cursor_u8(&frame, &code) ||
            !cursor_skip(&frame, X224_BYTES - 2))
            continue; /* measure asks for that many */
        arena_reset(&rdp->layer->conversation->dissect->scratch);
        if (code == X224_REQUEST && direction == rdp->client)
            read_request(rdp, frame, moment);
        else if (code == X224_CONFIRM && direction != rdp->client)
            read_confirm(rdp, frame, moment);
    }
    if (rdp->frames[direction].lost && !lost && !rdp->negotiated)
        trouble_report(conversation, "rdp", OUTCOME_MALFORMED, "header of a message", UINT64_MAX, moment);
}

static void report_cut(struct rdp *rdp, enum direction direction, struct moment moment)
{
    if (!rdp->negotiated && frames_within(&rdp->frames[direction]))
        trouble_report(rdp->layer->conversation, "rdp", OUTCOME_MORE, "message of the negotiation", UINT64_MAX, moment);
}

static void rdp_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct rdp *rdp = state;
    if (rdp->inner.dissector != NULL) {
        layer_gap(&rdp->inner, direction, bytes, moment);
        return;
    }
    report_cut(rdp, direction, moment);
    rdp->frames[direction].lost = true;
}

static void rdp_ended(void *state, enum direction direction, struct moment moment)
{
    struct rdp *rdp = state;
    layer_ended(&rdp->inner, direction, moment);
    report_cut(rdp, direction, moment);
}

static void rdp_close(void *state)
{
    struct rdp *rdp = state;
    layer_close(&rdp->inner);
    frames_free(&rdp->frames[0]);
    frames_free(&rdp->frames[1]);
    free(rdp);
}

const struct dissector rdp_dissector = {
    .name = "rdp",
    .recognise = recognise,
    .open = rdp_open,
    .data = rdp_data,
    .gap = rdp_gap,
    .ended = rdp_ended,
    .close = rdp_close,
};
