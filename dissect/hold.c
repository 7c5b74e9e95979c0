/* dissect/hold.c: see hold.h. One direction waits at a time: where each waits for the other, both lost packets, and the order of
 * the capture is the best there is. */
#include "dissect/hold.h"

#include <string.h>

#include "dissect/internal.h"
#include "dissect/trouble.h"

struct held {
    struct held *next;
    int64_t need; /* offset in the other direction that must be delivered first */
    uint64_t gap;
    struct moment moment;
    uint32_t length;
    uint8_t kind; /* enum hold_kind */
    uint8_t bytes[];
};

struct hold {
    struct held *first, *last;
    uint64_t kept;  /* bytes of memory */
    int64_t behind; /* bytes of the stream in what waits, those of gaps too */
    int64_t need;   /* of the event that is handed on now; -1: none is */
    uint8_t direction;
};

/* ---- What others ask ---- */

int64_t conversation_delivered(const struct conversation *conversation, enum direction direction)
{
    const struct hold *hold = conversation->hold;
    return flow_delivered(conversation->flow, direction) -
           (hold != NULL && hold->direction == direction ? hold->behind : 0);
}

int64_t conversation_acknowledged(const struct conversation *conversation, enum direction direction)
{
    const struct hold *hold = conversation->hold;
    if (hold != NULL && hold->need >= 0 && hold->direction != direction)
        return hold->need;
    return flow_acknowledged(conversation->flow, direction);
}

/* A single byte ahead may be a FIN that the capture has later: it is not waited for. */
bool hold_is_early(const struct conversation *conversation, enum direction direction)
{
    enum direction other = direction_reverse(direction);
    return flow_acknowledged(conversation->flow, other) > flow_delivered(conversation->flow, other) + 1 &&
           !(conversation->one_sided && conversation->flow->packets[other] == 0);
}

/* ---- What waits ---- */

static void hand_on(struct conversation *conversation, const struct hold_event *event)
{
    struct layer *layer = &conversation->layer;
    if (event->kind == HOLD_DATA)
        layer_data(layer, event->direction, event->bytes, event->moment);
    else if (event->kind == HOLD_GAP)
        layer_gap(layer, event->direction, event->gap, event->moment);
    else
        layer_ended(layer, event->direction, event->moment);
}

/* Hands the first one on and frees it. */
static void hand_first_on(struct conversation *conversation)
{
    struct dissect *dissect = conversation->dissect;
    struct hold *hold = conversation->hold;
    struct held *held = hold->first;
    size_t size = sizeof *held + held->length;
    hold->first = held->next;
    if (hold->first == NULL)
        hold->last = NULL;
    hold->kept -= size;
    budget_give(dissect, size);
    hold->behind -= (int64_t)(held->length + held->gap);
    hold->need = held->need;
    struct hold_event event = {
        .kind = (enum hold_kind)held->kind,
        .direction = (enum direction)hold->direction,
        .bytes = cursor_of(held->bytes, held->length),
        .gap = held->gap,
        .moment = held->moment,
    };
    hand_on(conversation, &event);
    hold->need = -1;
    pool_give(&dissect->pool, held, size);
}

static void release_until(struct conversation *conversation, int64_t delivered)
{
    struct hold *hold = conversation->hold;
    while (hold != NULL && hold->first != NULL && hold->first->need <= delivered)
        hand_first_on(conversation);
    if (hold == NULL || hold->first != NULL)
        return;
    pool_give(&conversation->dissect->pool, hold, sizeof *hold);
    conversation->hold = NULL;
}

void hold_release(struct conversation *conversation)
{
    release_until(conversation, INT64_MAX);
}

/* False when memory is short, or too much waits. */
static bool keep(struct conversation *conversation, const struct hold_event *event)
{
    struct dissect *dissect = conversation->dissect;
    struct hold *hold = conversation->hold;
    size_t size = sizeof(struct held) + event->bytes.left;
    uint64_t kept = hold == NULL ? 0 : hold->kept;
    if (kept + size > HOLD_MAX || !budget_take(dissect, size)) {
        trouble_limit(conversation, "tcp", kept + size > HOLD_MAX ? LIMIT_hold : LIMIT_http_memory, event->moment);
        return false;
    }
    if (hold == NULL)
        hold = conversation->hold = pool_zero(&dissect->pool, sizeof *hold);
    struct held *held = hold == NULL ? NULL : pool_take(&dissect->pool, size);
    if (held == NULL) {
        budget_give(dissect, size);
        return false;
    }
    hold->direction = (uint8_t)event->direction;
    hold->need = -1;
    *held = (struct held){
        .need = flow_acknowledged(conversation->flow, direction_reverse(event->direction)),
        .gap = event->gap,
        .moment = event->moment,
        .length = (uint32_t)event->bytes.left,
        .kind = (uint8_t)event->kind,
    };
    if (event->kind != HOLD_DATA)
        held->need = hold->last == NULL ? 0 : hold->last->need; /* these acknowledge nothing */
    if (event->bytes.left > 0)
        memcpy(held->bytes, event->bytes.at, event->bytes.left);
    *(hold->last == NULL ? &hold->first : &hold->last->next) = held;
    hold->last = held;
    hold->kept += size;
    hold->behind += (int64_t)(held->length + held->gap);
    return true;
}

void hold_take(struct conversation *conversation, const struct hold_event *event)
{
    const struct hold *hold = conversation->hold;
    bool waited_for = hold != NULL && hold->direction != event->direction;
    bool early = event->kind == HOLD_DATA && hold_is_early(conversation, event->direction);
    if (!waited_for && keep(conversation, event))
        return;
    if (!waited_for || early)
        hold_release(conversation);
    hand_on(conversation, event);
    release_until(conversation, flow_delivered(conversation->flow, event->direction));
}
