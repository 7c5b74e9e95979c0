/* bench/conversation.c: see conversation.h. */
#include "bench/conversation.h"

#include <stdlib.h>
#include <string.h>

#include "bench/bytes.h"

#define SEGMENTS_TO_ACK 2

enum state { STATE_SYN, STATE_SYN_ACK, STATE_ACK, STATE_DATA, STATE_FIN, STATE_FIN_BACK, STATE_LAST_ACK, STATE_OVER };

void conversation_init(struct conversation *conversation, struct dice *dice)
{
    *conversation = (struct conversation){0};
    for (enum side side = CLIENT; side <= SERVER; side++) {
        conversation->ends.sequence[side] = (uint32_t)dice_next(dice);
        conversation->ends.ip_id[side] = (uint16_t)dice_next(dice);
    }
}

struct turn *conversation_turn(struct conversation *conversation, enum side sender)
{
    if (conversation->turn_count == conversation->turn_room) {
        conversation->turn_room = conversation->turn_room == 0 ? 2 : 2 * conversation->turn_room;
        conversation->turns = realloc(conversation->turns, conversation->turn_room * sizeof *conversation->turns);
        if (conversation->turns == NULL)
            die("out of memory", NULL);
    }
    struct turn *turn = &conversation->turns[conversation->turn_count++];
    *turn = (struct turn){.sender = sender};
    return turn;
}

void turn_piece(struct turn *turn, const void *bytes, size_t length)
{
    turn->pieces[turn->piece_count++] = cursor_of(bytes, length);
    turn->length += length;
}

void turn_own(struct turn *turn, struct buffer *bytes)
{
    turn->owned = bytes->bytes;
    turn_piece(turn, bytes->bytes, bytes->length);
    *bytes = buffer_unlimited();
}

uint64_t conversation_size(const struct conversation *conversation)
{
    const uint64_t head = RECORD_HEAD + TCP_FRAME_HEAD;
    uint64_t size = 0, packets = conversation->datagrams ? 0 : 8;
    for (unsigned i = 0; i < conversation->turn_count; i++) {
        uint64_t segments = (conversation->turns[i].length + SEGMENT_MAX - 1) / SEGMENT_MAX;
        size += conversation->turns[i].length;
        packets += segments + segments / SEGMENTS_TO_ACK;
    }
    return size + packets * head;
}

/* Copies the next bytes of the turn to `bytes`, at most a segment; returns how many. */
static size_t turn_copy(const struct turn *turn, size_t from, uint8_t bytes[SEGMENT_MAX])
{
    size_t copied = 0;
    for (unsigned i = 0; i < turn->piece_count && copied < SEGMENT_MAX; i++) {
        struct cursor piece = turn->pieces[i];
        if (from >= piece.left) {
            from -= piece.left;
            continue;
        }
        size_t length = piece.left - from < SEGMENT_MAX - copied ? piece.left - from : SEGMENT_MAX - copied;
        memcpy(bytes + copied, piece.at + from, length);
        copied += length;
        from = 0;
    }
    return copied;
}

static void send_control(struct conversation *conversation, struct stage *stage, enum side sender, unsigned flags)
{
    struct frame frame;
    frame_tcp(&frame, &conversation->ends, sender, flags, CURSOR_EMPTY);
    wire_emit(&stage->wire, &frame);
}

static void emit_held(struct conversation *conversation, struct stage *stage)
{
    wire_emit(&stage->wire, conversation->held);
    free(conversation->held);
    conversation->held = NULL;
    stage->truth.reordered++;
}

/* Sends a segment, or lets happen to it what happens to segments. One is held only when its successor will come. */
static void send_segment(struct conversation *conversation, struct stage *stage, const struct frame *frame, bool first,
                         bool last)
{
    const struct disorder *disorder = &stage->disorder;
    bool held = conversation->held != NULL;
    if (!held && !first && disorder->lost > 0 && dice_hits(&stage->dice, disorder->lost)) {
        conversation->lost = true;
        stage->truth.lost++;
        return;
    }
    if (!held && !last && disorder->reordered > 0 && dice_hits(&stage->dice, disorder->reordered)) {
        conversation->held = allocate(1, sizeof *conversation->held);
        memcpy(conversation->held, frame, sizeof *frame);
        return;
    }
    wire_emit(&stage->wire, frame);
    if (held) {
        emit_held(conversation, stage);
    } else if (disorder->repeated > 0 && dice_hits(&stage->dice, disorder->repeated)) {
        wire_emit(&stage->wire, frame);
        stage->truth.repeated++;
    }
}

static void count_turn(const struct conversation *conversation, const struct turn *turn, struct stage *stage)
{
    struct truth *truth = &stage->truth;
    unsigned facts = turn->facts;
    truth->http_requests += (facts & FACT_REQUEST) != 0;
    truth->http_replies += (facts & FACT_REPLY) != 0;
    truth->messages += (facts & FACT_MESSAGE) != 0;
    truth->smb_messages += conversation->ends.port[SERVER] == 445;
    if (conversation->lost)
        return;
    truth->valid_signatures += (facts & FACT_SIGNED) != 0;
    truth->valid_registrations += (facts & FACT_REGISTRATION) != 0;
    truth->valid_tokens += (facts & FACT_TOKEN) != 0;
    if (turn->script == NULL)
        return;
    truth->payloads += turn->script->compressed;
    if (stage->uses != NULL && fwrite(&turn->script->number, sizeof turn->script->number, 1, stage->uses) != 1)
        die("cannot write the parts", NULL);
}

static size_t body_until(const struct turn *turn, size_t at)
{
    return at > turn->script->head ? at - turn->script->head : 0;
}

/* The next `length` bytes of the turn were sent. */
static void count_in_flight(const struct conversation *conversation, const struct turn *turn, size_t length,
                            struct stage *stage)
{
    size_t end = conversation->at_byte + length;
    if (!(turn->facts & FACT_MESSAGE))
        return;
    stage->in_flight -= body_until(turn, conversation->at_byte);
    if (end < turn->length)
        stage->in_flight += body_until(turn, end);
    if (stage->in_flight > stage->truth.in_flight)
        stage->truth.in_flight = stage->in_flight;
}

static void step_data(struct conversation *conversation, struct stage *stage)
{
    const struct turn *turn = &conversation->turns[conversation->at_turn];
    if (conversation->unacknowledged >= SEGMENTS_TO_ACK && conversation->held == NULL) {
        conversation->unacknowledged = 0;
        send_control(conversation, stage, side_other(turn->sender), TCP_ACK);
        return;
    }
    uint8_t bytes[SEGMENT_MAX];
    size_t length = turn_copy(turn, conversation->at_byte, bytes);
    bool first = conversation->at_byte == 0, last = conversation->at_byte + length == turn->length;
    struct frame frame;
    frame_tcp(&frame, &conversation->ends, turn->sender, TCP_ACK | (last ? TCP_PSH : 0), cursor_of(bytes, length));
    send_segment(conversation, stage, &frame, first, last);
    count_in_flight(conversation, turn, length, stage);
    conversation->at_byte += length;
    conversation->unacknowledged++;
    if (!last)
        return;
    count_turn(conversation, turn, stage);
    conversation->at_turn++;
    conversation->at_byte = 0;
    conversation->unacknowledged = 0;
    conversation->lost = false;
    if (conversation->at_turn == conversation->turn_count)
        conversation->state = STATE_FIN;
}

static bool step_datagram(struct conversation *conversation, struct stage *stage)
{
    uint8_t bytes[SEGMENT_MAX];
    const struct turn *turn = &conversation->turns[conversation->at_turn];
    struct frame frame;
    size_t length = turn_copy(turn, 0, bytes);
    frame_udp(&frame, &conversation->ends, turn->sender, cursor_of(bytes, length));
    wire_emit(&stage->wire, &frame);
    stage->truth.udp_packets++;
    return ++conversation->at_turn < conversation->turn_count;
}

static void count_open(struct stage *stage)
{
    stage->truth.tcp_flows++;
    stage->open++;
    if (stage->open > stage->truth.concurrent)
        stage->truth.concurrent = stage->open;
}

bool conversation_step(struct conversation *conversation, struct stage *stage)
{
    static const struct {
        enum side sender;
        unsigned flags;
    } controls[STATE_OVER] = {
        [STATE_SYN] = {CLIENT, TCP_SYN},
        [STATE_SYN_ACK] = {SERVER, TCP_SYN | TCP_ACK},
        [STATE_ACK] = {CLIENT, TCP_ACK},
        [STATE_FIN] = {CLIENT, TCP_FIN | TCP_ACK},
        [STATE_FIN_BACK] = {SERVER, TCP_FIN | TCP_ACK},
        [STATE_LAST_ACK] = {CLIENT, TCP_ACK},
    };
    if (conversation->datagrams)
        return step_datagram(conversation, stage);
    if (conversation->state == STATE_DATA) {
        step_data(conversation, stage);
        return true;
    }
    if (conversation->state == STATE_SYN)
        count_open(stage);
    send_control(conversation, stage, controls[conversation->state].sender, controls[conversation->state].flags);
    if (++conversation->state != STATE_OVER)
        return true;
    stage->open--;
    return false;
}

void conversation_free(struct conversation *conversation)
{
    for (unsigned i = 0; i < conversation->turn_count; i++)
        free(conversation->turns[i].owned);
    free(conversation->turns);
    free(conversation->held);
}
