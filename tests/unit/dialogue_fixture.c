/* tests/unit/dialogue_fixture.c: see dialogue_fixture.h. */
#include "tests/unit/dialogue_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/message_fixture.h"

struct dialogue *dialogue_new(unsigned needs)
{
    struct dialogue *dialogue = calloc(1, sizeof *dialogue);
    if (dialogue == NULL || (dialogue->store = store_new()) == NULL)
        abort();
    struct sink sink = store_sink(dialogue->store);
    dialogue->dissect = dissect_new(&sink, needs);
    if (dialogue->dissect == NULL)
        abort();
    dialogue->events = dissect_events(dialogue->dissect);
    dialogue->moment.time_ns = DIALOGUE_START;
    dialogue->client = 1;
    return dialogue;
}

void dialogue_close(struct dialogue *dialogue)
{
    if (dialogue->open)
        dialogue->events.closed(dialogue->events.context, &dialogue->flow);
    dialogue->open = false;
}

void dialogue_free(struct dialogue *dialogue)
{
    dialogue_close(dialogue);
    dissect_free(dialogue->dissect);
    store_free(dialogue->store);
    free(dialogue);
}

static void next_packet(struct dialogue *dialogue)
{
    dialogue->moment.packet++;
    dialogue->moment.time_ns += 1000000;
    if (dialogue->open) {
        dialogue->flow.last = dialogue->moment;
        return;
    }
    dialogue->flow = (struct flow){
        .handshake = !dialogue->late,
        .address = {{.bytes = {10, 0, 0, dialogue->client}, .version = 4}, {.bytes = {10, 0, 0, 80}, .version = 4}},
        .port = {dialogue->client_port == 0 ? 50000 : dialogue->client_port, dialogue->port == 0 ? 80 : dialogue->port},
        .transport = (uint8_t)dialogue->transport,
        .first = dialogue->moment,
        .last = dialogue->moment,
    };
    dialogue->open = true;
    dialogue->events.opened(dialogue->events.context, &dialogue->flow);
}

/* In memory of exactly that size, so that a sanitizer sees each step beyond it. */
static void give(struct dialogue *dialogue, enum direction direction, struct cursor bytes)
{
    uint8_t *copy = malloc(bytes.left);
    if (copy == NULL)
        abort();
    memcpy(copy, bytes.at, bytes.left);
    dialogue->flow.bytes[direction] += bytes.left;
    dialogue->flow.cut = dialogue->cut;
    (dialogue->transport == TRANSPORT_UDP ? dialogue->events.datagram : dialogue->events.data)(
        dialogue->events.context, &dialogue->flow, direction, cursor_of(copy, bytes.left), dialogue->moment);
    free(copy);
}

static void say(struct dialogue *dialogue, enum direction direction, struct cursor bytes)
{
    next_packet(dialogue);
    while (bytes.left > 0) {
        struct cursor piece;
        size_t length = dialogue->piece == 0 || dialogue->piece > bytes.left ? bytes.left : dialogue->piece;
        if (!cursor_take(&bytes, length, &piece))
            abort();
        give(dialogue, direction, piece);
    }
}

void dialogue_ask(struct dialogue *dialogue, struct cursor bytes)
{
    say(dialogue, DIRECTION_OUT, bytes);
}

void dialogue_answer(struct dialogue *dialogue, struct cursor bytes)
{
    say(dialogue, DIRECTION_IN, bytes);
}

void dialogue_ask_text(struct dialogue *dialogue, const char *text)
{
    dialogue_ask(dialogue, cursor_of(text, strlen(text)));
}

void dialogue_answer_text(struct dialogue *dialogue, const char *text)
{
    dialogue_answer(dialogue, cursor_of(text, strlen(text)));
}

void dialogue_gap(struct dialogue *dialogue, enum direction direction, uint64_t bytes)
{
    next_packet(dialogue);
    dialogue->events.gap(dialogue->events.context, &dialogue->flow, direction, bytes, dialogue->moment);
}

void dialogue_ended(struct dialogue *dialogue, enum direction direction)
{
    next_packet(dialogue);
    dialogue->events.ended(dialogue->events.context, &dialogue->flow, direction, dialogue->moment);
}

void dialogue_wait(struct dialogue *dialogue, int64_t seconds)
{
    dialogue->moment.time_ns += seconds * 1000000000;
}

void dialogue_finish(struct dialogue *dialogue)
{
    dialogue_close(dialogue);
    dissect_finish(dialogue->dissect);
}

void dialogue_post(struct dialogue *dialogue, const char *uri, const char *headers, struct cursor body)
{
    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_MAX);
    sample_print(&bytes,
                 "CCM_POST %s HTTP/1.1\r\nHost: mp\r\nContent-Type: " SAMPLE_TYPE "\r\nContent-Length: %zu\r\n%s\r\n",
                 uri, body.left, headers == NULL ? "" : headers);
    sample_append(&bytes, body);
    dialogue_ask(dialogue, buffer_cursor(&bytes));
    buffer_free(&bytes);
}

void dialogue_reply(struct dialogue *dialogue, const char *headers, struct cursor body)
{
    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_MAX);
    sample_print(&bytes, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", body.left,
                 headers == NULL ? "Content-Type: " SAMPLE_TYPE "\r\n" : headers);
    sample_append(&bytes, body);
    dialogue_answer(dialogue, buffer_cursor(&bytes));
    buffer_free(&bytes);
}

/* ---- Rows ---- */

int64_t dialogue_count(const struct dialogue *dialogue, enum table table)
{
    return store_count(dialogue->store, table);
}

const void *dialogue_row(const struct dialogue *dialogue, enum table table, int64_t id)
{
    return store_row(dialogue->store, table, id);
}

const struct flow_row *dialogue_flow(const struct dialogue *dialogue, int64_t id)
{
    return store_row(dialogue->store, TABLE_flow, id);
}

const struct http_row *dialogue_http(const struct dialogue *dialogue, int64_t id)
{
    return store_row(dialogue->store, TABLE_http, id);
}

const struct message_row *dialogue_message(const struct dialogue *dialogue, int64_t id)
{
    return store_row(dialogue->store, TABLE_message, id);
}

const struct registration_row *dialogue_registration(const struct dialogue *dialogue, int64_t id)
{
    return store_row(dialogue->store, TABLE_registration, id);
}

const struct policy_row *dialogue_policy(const struct dialogue *dialogue, int64_t id)
{
    return store_row(dialogue->store, TABLE_policy, id);
}

const struct certificate_row *dialogue_certificate(const struct dialogue *dialogue, int64_t id)
{
    return store_row(dialogue->store, TABLE_certificate, id);
}

int dialogue_findings(const struct dialogue *dialogue, int64_t message, const char *code)
{
    int found = 0;
    for (int64_t id = 1; id <= store_count(dialogue->store, TABLE_finding); id++) {
        const struct finding_row *row = store_row(dialogue->store, TABLE_finding, id);
        found += (message == 0 || row->message == message) && text_is(row->code, code);
    }
    return found;
}
