/* dissect/smb.c: SMB over TCP 445 and over the NetBIOS session service (139): framing; see smb.h.
 *
 *   NetBIOS session header (RFC 1002 section 4.3.1; MS-SMB2 2.1): u8 type, u24 length (big endian)
 *     type 0 message; 0x81 session request, 0x82, 0x83, 0x84 its answers, 0x85 keep-alive
 *   then "\xFFSMB" SMB1, "\xFESMB" SMB2, "\xFDSMB" encrypted, "\xFCSMB" compressed
 *
 *     lost --header found--> header --message--> head --read--> skip the rest --> next of the compound, or header
 *      ^                                                          |
 *      +---------------- a gap that does not lie in what is skipped
 */
#include "dissect/smb.h"

#include <stdlib.h>
#include <string.h>

#include "dissect/trouble.h"

#define NBSS_BYTES 4
#define NBSS_MESSAGE 0x00
#define NBSS_SESSION_REQUEST 0x81
#define NBSS_KEEP_ALIVE 0x85
#define MAGIC_BYTES 4
#define SMB1_HEADER_BYTES 32
#define SMB2_HEADER_BYTES 64
#define HEAD_KEEP 4096 /* of the buffer, between messages */
#define PORT_SMB 445
#define PORT_NETBIOS 139

/* ---- Recognition ---- */

static bool is_magic(struct cursor at)
{
    return at.left >= MAGIC_BYTES && at.at[0] >= 0xFC && memcmp(at.at + 1, "SMB", 3) == 0;
}

/* A flag in both headers tells who sends; an encrypted message does not have it: see smb_open. */
static enum recognition sender_of(struct cursor message)
{
    if (message.at[0] == 0xFF) {
        if (message.left < 10)
            return RECOGNISED_MAYBE;
        return message.at[9] & 0x80 ? RECOGNISED_SERVER : RECOGNISED_CLIENT;
    }
    if (message.at[0] == 0xFE) {
        if (message.left < 17)
            return RECOGNISED_MAYBE;
        return message.at[16] & 1 ? RECOGNISED_SERVER : RECOGNISED_CLIENT;
    }
    return RECOGNISED_CLIENT;
}

static enum recognition smb_recognise(struct cursor first, const struct flow *flow)
{
    (void)flow;
    if (first.left < NBSS_BYTES)
        return first.left == 0 || first.at[0] == NBSS_MESSAGE || first.at[0] == NBSS_SESSION_REQUEST ? RECOGNISED_MAYBE
                                                                                                     : RECOGNISED_NOT;
    /* Called and calling name, each encoded in 34 bytes (RFC 1002 section 4.3.2). */
    if (cursor_starts(first, "\x81\x00\x00\x44", NBSS_BYTES))
        return first.left == NBSS_BYTES       ? RECOGNISED_MAYBE
               : first.at[NBSS_BYTES] == 0x20 ? RECOGNISED_CLIENT
                                              : RECOGNISED_NOT;
    if (first.at[0] != NBSS_MESSAGE)
        return RECOGNISED_NOT;
    struct cursor message = {first.at + NBSS_BYTES, first.left - NBSS_BYTES};
    if (message.left < MAGIC_BYTES)
        return message.left == 0 || message.at[0] >= 0xFC ? RECOGNISED_MAYBE : RECOGNISED_NOT;
    return is_magic(message) ? sender_of(message) : RECOGNISED_NOT;
}

/* ---- Finding the way again ---- */

/* Whether a NetBIOS header and the start of an SMB header stand here. */
static bool is_header(struct cursor at)
{
    uint8_t type;
    uint32_t length;
    if (!cursor_u8(&at, &type) || type != NBSS_MESSAGE || !cursor_be24(&at, &length) || !is_magic(at))
        return false;
    if (at.at[0] == 0xFE)
        return length >= SMB2_HEADER_BYTES && (at.left < 6 || (at.at[4] == SMB2_HEADER_BYTES && at.at[5] == 0));
    return length >= SMB1_HEADER_BYTES && at.at[0] != 0xFC;
}

/* Goes on to the next header in these bytes; false when there is none, then all of them are consumed. */
static bool find_header(struct cursor *bytes)
{
    struct cursor needle = cursor_of("SMB", 3);
    size_t offset;
    struct cursor rest = *bytes;
    while (cursor_find(rest, needle, &offset)) {
        size_t at = (size_t)(rest.at - bytes->at) + offset;
        struct cursor candidate;
        if (at > NBSS_BYTES &&
            cursor_slice(*bytes, at - NBSS_BYTES - 1, bytes->left - (at - NBSS_BYTES - 1), &candidate) &&
            is_header(candidate)) {
            *bytes = candidate;
            return true;
        }
        if (!cursor_skip(&rest, offset + 3))
            break;
    }
    *bytes = CURSOR_EMPTY;
    return false;
}

/* Says that a message was not read. */
static void report(const struct smb *smb, enum outcome outcome, const char *what)
{
    trouble_report(smb->conversation, "smb", outcome, what, UINT64_MAX, smb->moment);
}

/* A message was begun and has not come to its end. */
static bool is_within(const struct smb_stream *stream)
{
    return !stream->lost && (stream->nbss_have > 0 || stream->left > 0 || stream->head.length > 0);
}

static void stream_lose(struct smb_stream *stream)
{
    stream->lost = true;
    stream->left = stream->skip = 0;
    stream->nbss_have = 0;
    buffer_reset(&stream->head, HEAD_KEEP);
}

/* ---- Messages ---- */

static size_t need_of(struct smb *smb, struct cursor have, uint64_t length)
{
    if (have.left < MAGIC_BYTES)
        return length < MAGIC_BYTES ? (size_t)length : MAGIC_BYTES;
    if (!is_magic(have))
        return 0;
    if (have.at[0] == 0xFF)
        return smb1_need(smb, have, length);
    if (have.at[0] == 0xFC)
        return MAGIC_BYTES;
    return smb2_need(smb, have, length);
}

/* Reads the message that `head` begins; its length without what follows in the compound. */
static uint64_t read_message(struct smb *smb, enum direction direction, struct cursor head, uint64_t left)
{
    if (!is_magic(head)) {
        report(smb, OUTCOME_MALFORMED, "message without an SMB header");
        return left;
    }
    arena_reset(&smb->dissect->scratch);
    if (head.at[0] == 0xFF) {
        smb1_message(smb, direction, head, left);
        return left;
    }
    if (head.at[0] == 0xFD) {
        smb2_transform(smb, head);
        return left;
    }
    if (head.at[0] == 0xFC) {
        report(smb, OUTCOME_UNSUPPORTED, "compressed message");
        return left;
    }
    uint64_t length = smb2_length(head, left);
    if (head.left > length)
        head.left = (size_t)length;
    smb2_message(smb, direction, head, length);
    return length;
}

/* Moves what is missing of `need` bytes into the buffer. False when they are not there yet, or will not fit. */
static bool collect(const struct smb *smb, struct smb_stream *stream, size_t need, struct cursor *bytes)
{
    struct buffer *head = &stream->head;
    struct cursor more;
    size_t missing = need - head->length;
    if (!cursor_take(bytes, missing < bytes->left ? missing : bytes->left, &more) || !buffer_append(head, more)) {
        report(smb, OUTCOME_SYSTEM, "beginning of a message");
        stream_lose(stream);
        return false;
    }
    return head->length == need;
}

/* Takes the head of the next message: from the bytes as they are when it is all there, else from a buffer that
 * collects it. False when more is needed. The more is there, the more may turn out to be wanted. */
static bool take_message(struct smb *smb, enum direction direction, struct cursor *bytes)
{
    struct smb_stream *stream = &smb->streams[direction];
    struct buffer *head = &stream->head;
    struct cursor have;
    size_t need = 0, before;
    do {
        have = head->length > 0 ? buffer_cursor(head) : *bytes;
        if (have.left > stream->left)
            have.left = (size_t)stream->left;
        before = need;
        need = need_of(smb, have, stream->left);
        if (have.left < need && !collect(smb, stream, need, bytes))
            return false;
    } while (need > before);
    have = head->length > 0 ? buffer_cursor(head) : *bytes;
    have.left = need;
    bool buffered = head->length > 0;
    uint64_t length = read_message(smb, direction, have, stream->left);
    if (!buffered && !cursor_skip(bytes, need))
        return false;
    buffer_reset(head, HEAD_KEEP);
    stream->left -= length;
    stream->skip = length > need ? length - need : 0;
    return true;
}

static bool take_nbss(const struct smb *smb, struct smb_stream *stream, struct cursor *bytes)
{
    struct cursor part;
    size_t take = NBSS_BYTES - stream->nbss_have < bytes->left ? NBSS_BYTES - stream->nbss_have : bytes->left;
    if (!cursor_take(bytes, take, &part))
        return false;
    if (part.left > 0)
        memcpy(stream->nbss + stream->nbss_have, part.at, part.left);
    stream->nbss_have += part.left;
    if (stream->nbss_have < NBSS_BYTES)
        return false;
    stream->nbss_have = 0;
    struct cursor header = cursor_of(stream->nbss, NBSS_BYTES);
    uint8_t type;
    uint32_t length;
    if (!cursor_u8(&header, &type) || !cursor_be24(&header, &length))
        return false;
    if (type == NBSS_MESSAGE) {
        stream->left = length;
        stream->session = stream->tree = stream->file = SMB_NONE;
    } else if (type >= NBSS_SESSION_REQUEST && type <= NBSS_KEEP_ALIVE) {
        stream->skip = length;
    } else {
        report(smb, OUTCOME_MALFORMED, "NetBIOS session header");
        stream_lose(stream);
    }
    return true;
}

static void smb_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    struct smb *smb = state;
    struct smb_stream *stream = &smb->streams[direction];
    smb->moment = moment;
    while (bytes.left > 0) {
        if (stream->lost && !find_header(&bytes))
            return;
        stream->lost = false;
        if (stream->skip > 0) {
            size_t skipped = stream->skip < bytes.left ? (size_t)stream->skip : bytes.left;
            stream->skip -= skipped;
            if (!cursor_skip(&bytes, skipped))
                return;
        } else if (stream->left > 0) {
            if (!take_message(smb, direction, &bytes) && bytes.left == 0)
                return;
        } else {
            take_nbss(smb, stream, &bytes);
        }
    }
}

static void smb_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    struct smb *smb = state;
    struct smb_stream *stream = &smb->streams[direction];
    smb->moment = moment;
    if (!stream->lost && bytes <= stream->skip) {
        stream->skip -= bytes;
        return;
    }
    if (is_within(stream))
        report(smb, OUTCOME_MORE, "message with a gap");
    stream_lose(stream);
    smb_state_gap(smb, direction);
}

static void smb_ended(void *state, enum direction direction, struct moment moment)
{
    struct smb *smb = state;
    struct smb_stream *stream = &smb->streams[direction];
    smb->moment = moment;
    if (is_within(stream))
        report(smb, OUTCOME_MORE, "message that the stream ends in");
    stream_lose(stream);
}

static bool is_smb_port(uint16_t port)
{
    return port == PORT_SMB || port == PORT_NETBIOS;
}

/* Which side asks: the other one than that with the port of SMB, where only one has it; else what the bytes said. */
static enum direction client_of(const struct flow *flow, enum direction said)
{
    bool out = is_smb_port(flow->port[DIRECTION_OUT]), in = is_smb_port(flow->port[DIRECTION_IN]);
    if (out == in)
        return said;
    return in ? DIRECTION_OUT : DIRECTION_IN;
}

static void *smb_open(struct layer *layer, enum direction client)
{
    client = client_of(layer->conversation->flow, client);
    struct smb *smb = calloc(1, sizeof *smb);
    if (smb == NULL)
        return NULL;
    smb->layer = layer;
    smb->conversation = layer->conversation;
    smb->dissect = layer->conversation->dissect;
    smb->carrier = (struct auth_carrier){.conversation = layer->conversation, .name = "smb", .client = client};
    smb->client = client;
    smb->version = 1;
    smb->row = INT_NULL;
    for (size_t i = 0; i < 2; i++) {
        buffer_init(&smb->streams[i].head, SMB_HEAD_MAX);
        smb->streams[i].session = smb->streams[i].tree = smb->streams[i].file = SMB_NONE;
    }
    return smb;
}

static void smb_close(void *state)
{
    struct smb *smb = state;
    for (size_t i = 0; i < 2 && is_over(smb->conversation); i++) {
        if (is_within(&smb->streams[i]))
            report(smb, OUTCOME_MORE, "message that the stream ends in");
    }
    smb_state_close(smb);
    buffer_free(&smb->streams[0].head);
    buffer_free(&smb->streams[1].head);
    free(smb);
}

const struct dissector smb_dissector = {
    .name = "smb",
    .need = NEED_SERVERS,
    .recognise = smb_recognise,
    .open = smb_open,
    .data = smb_data,
    .gap = smb_gap,
    .ended = smb_ended,
    .close = smb_close,
};
