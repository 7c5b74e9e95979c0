/* bench/stages.c: what each stage of decoding a message costs, with the functions of cmscope on the messages of a capture.
 *
 *   stages CAPTURE    a capture of bench_generate; tells processor seconds and messages as one JSON object on one line
 *
 * A stage is the difference of two ways to go through the same bytes, with it and without it.
 */
#define _DEFAULT_SOURCE /* clock_gettime */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "capture/decode.h"
#include "capture/source.h"
#include "core/buffer.h"
#include "dissect/configmgr/body.h"
#include "dissect/dissect.h"
#include "records/store.h"

#define STREAM_MAX ((size_t)256 << 20) /* of one direction of one connection */
#define SECONDS_MIN 1.0                /* that a stage is measured for, on average */
#define ROUNDS_MIN 5

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void die(const char *text)
{
    fprintf(stderr, "stages: %s\n", text);
    exit(1);
}

/* ---- The messages of the capture ---- */

struct sample {
    struct buffer body;
    bool reply;
};

struct samples {
    struct sample *items;
    size_t count, room;
};

struct streams {
    struct buffer bytes[2];
};

static void on_opened(void *context, struct flow *flow)
{
    (void)context;
    struct streams *streams = calloc(1, sizeof *streams);
    if (streams == NULL)
        die("out of memory");
    buffer_init(&streams->bytes[0], STREAM_MAX);
    buffer_init(&streams->bytes[1], STREAM_MAX);
    flow->user = streams;
}

static void on_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                    struct moment moment)
{
    (void)context;
    (void)moment;
    struct streams *streams = flow->user;
    if (flow->transport == TRANSPORT_TCP && !buffer_append(&streams->bytes[direction], bytes))
        die("a connection is too long");
}

static void keep_sample(struct samples *samples, struct cursor body, bool reply)
{
    if (samples->count == samples->room) {
        samples->room = samples->room == 0 ? 1024 : samples->room * 2;
        samples->items = realloc(samples->items, samples->room * sizeof *samples->items);
    }
    struct buffer bytes;
    buffer_init(&bytes, body.left);
    if (samples->items == NULL || !buffer_append(&bytes, body))
        die("out of memory");
    samples->items[samples->count++] = (struct sample){bytes, reply};
}

/* The value of a header as the generator writes it; TEXT_NULL when there is none. */
static struct text header_of(struct text head, const char *name)
{
    size_t at, end;
    if (!text_find_like(head, name, &at))
        return TEXT_NULL;
    struct text rest = {head.at + at + strlen(name), head.length - at - strlen(name)};
    if (!text_find_like(rest, "\r\n", &end))
        end = rest.length;
    return text_trim((struct text){rest.at, end});
}

/* Joins chunks (RFC 9112 section 7.1), which the generator writes without extensions and trailers. */
static void take_chunks(struct cursor *left, struct buffer *body)
{
    for (size_t line, length = 1; length > 0;) {
        struct cursor digits, chunk;
        if (!cursor_find(*left, cursor_of("\r\n", 2), &line) || !cursor_take(left, line, &digits) ||
            !cursor_skip(left, 2))
            die("a chunk without length");
        length = 0;
        for (size_t i = 0; i < digits.left; i++)
            length = length * 16 + (size_t)text_hex_digit((char)digits.at[i]);
        if (!cursor_take(left, length, &chunk) || !cursor_skip(left, 2) || !buffer_append(body, chunk))
            die("a chunk that is not whole");
    }
}

/* The body of one request or reply; false when there is none left. */
static bool take_body(struct cursor *left, struct buffer *body)
{
    size_t at;
    uint64_t length = 0;
    struct cursor head, whole;
    body->length = 0;
    if (!cursor_find(*left, cursor_of("\r\n\r\n", 4), &at) || !cursor_take(left, at, &head) || !cursor_skip(left, 4))
        return false;
    if (text_is_like(header_of(text_from(head), "\r\nTransfer-Encoding:"), "chunked")) {
        take_chunks(left, body);
        return true;
    }
    struct text value = header_of(text_from(head), "\r\nContent-Length:");
    if (value.at != NULL && !text_to_u64(value, &length))
        die("a length that is no number");
    if (!cursor_take(left, length, &whole) || !buffer_append(body, whole))
        die("a body that is not whole");
    return true;
}

static void on_closed(void *context, struct flow *flow)
{
    struct streams *streams = flow->user;
    struct buffer body;
    buffer_init(&body, STREAM_MAX);
    for (int direction = 0; direction < 2; direction++) {
        struct cursor left = buffer_cursor(&streams->bytes[direction]);
        while (take_body(&left, &body)) {
            if (cursor_starts(buffer_cursor(&body), "--" CCM_BOUNDARY, 2 + sizeof CCM_BOUNDARY - 1))
                keep_sample(context, buffer_cursor(&body), direction == DIRECTION_IN);
        }
        buffer_free(&streams->bytes[direction]);
    }
    buffer_free(&body);
    free(streams);
}

static void on_nothing(void *context, struct flow *flow)
{
    (void)context;
    (void)flow;
}

static void on_no_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                       struct moment moment)
{
    (void)context, (void)flow, (void)direction, (void)bytes, (void)moment;
}

static void on_no_gap(void *context, struct flow *flow, enum direction direction, uint64_t bytes, struct moment moment)
{
    (void)context, (void)flow, (void)direction, (void)bytes, (void)moment;
}

static void on_no_end(void *context, struct flow *flow, enum direction direction, struct moment moment)
{
    (void)context, (void)flow, (void)direction, (void)moment;
}

static void on_no_refusal(void *context, const struct refusal *refusal)
{
    (void)context, (void)refusal;
}

static void read_capture(const char *path, const struct flow_events *events)
{
    struct tracker_limits limits = tracker_limits_default();
    struct tracker *tracker = tracker_new(&limits, events);
    struct decoder *decoder = decoder_new();
    struct source *source = NULL;
    struct packet packet;
    struct segment segment;
    struct error error = {0};
    if (tracker == NULL || decoder == NULL || source_open(path, NULL, &source, &error) != OUTCOME_OK)
        die("the capture cannot be read");
    for (int64_t number = 1; source_next(source, number, &packet, &error) == OUTCOME_OK; number++) {
        if (decoded_has_flow(decoder_packet(decoder, &packet, &segment)))
            tracker_segment(tracker, &segment, packet.moment);
    }
    tracker_finish(tracker);
    tracker_free(tracker);
    decoder_free(decoder);
    source_close(source);
}

/* ---- Stages ---- */

struct state {
    const char *path;
    struct samples samples;
    struct ccm_decoder decoder;
    struct ccm_message message;
    unsigned needs;
};

typedef void stage(struct state *state);

static void stage_tcp(struct state *state)
{
    struct flow_events events = {.opened = on_nothing,
                                 .data = on_no_data,
                                 .gap = on_no_gap,
                                 .ended = on_no_end,
                                 .closed = on_nothing,
                                 .datagram = on_no_data,
                                 .refused = on_no_refusal};
    read_capture(state->path, &events);
}

static void stage_dissect(struct state *state)
{
    struct store *store = store_new();
    struct sink sink = store_sink(store);
    struct dissect *dissect = dissect_new(&sink, NEED_NOTHING);
    if (store == NULL || dissect == NULL)
        die("out of memory");
    struct flow_events events = dissect_events(dissect);
    read_capture(state->path, &events);
    dissect_finish(dissect);
    dissect_free(dissect);
    store_free(store);
}

static void decode(struct state *state, const struct sample *sample)
{
    struct ccm_source source = {
        .body = buffer_cursor(&sample->body), .content_type = TEXT_NULL, .reply = sample->reply};
    ccm_message_decode(&state->decoder, &source, state->needs, &state->message);
}

static void stage_decode(struct state *state)
{
    for (size_t i = 0; i < state->samples.count; i++)
        decode(state, &state->samples.items[i]);
}

static void stage_fields(struct state *state)
{
    for (size_t i = 0; i < state->samples.count; i++) {
        struct ccm_fields fields = {0};
        decode(state, &state->samples.items[i]);
        ccm_message_fields(&state->decoder, &state->message, &fields);
    }
}

static void stage_split(struct state *state)
{
    struct ccm_multipart multipart;
    for (size_t i = 0; i < state->samples.count; i++) {
        struct cursor body = buffer_cursor(&state->samples.items[i].body);
        if (ccm_multipart_split(body, TEXT(CCM_BOUNDARY), &multipart, NULL) != OUTCOME_OK)
            die("a message without parts");
    }
}

/* What is measured: each does what the ones before it do, and something more. */
enum { TCP, DISSECT, SPLIT, HEADER, INFLATED, TEXT_OF_BODY, TREE, VERIFIED, CHECKED, LISTED, MEASURED };

static const struct {
    stage *run;
    unsigned needs;
} MEASURES[MEASURED] = {
    [TCP] = {stage_tcp, NEED_NOTHING},
    [DISSECT] = {stage_dissect, NEED_NOTHING},
    [SPLIT] = {stage_split, NEED_NOTHING},
    [HEADER] = {stage_decode, NEED_NOTHING},
    [INFLATED] = {stage_decode, NEED_PAYLOAD},
    [TEXT_OF_BODY] = {stage_decode, NEED_PAYLOAD | NEED_BODY},
    [TREE] = {stage_decode, NEED_PAYLOAD | NEED_BODY | NEED_REGISTRATION | NEED_POLICY},
    [VERIFIED] = {stage_decode, NEED_EVERYTHING & ~(unsigned)(NEED_FINDING | NEED_FIELD)},
    [CHECKED] = {stage_decode, NEED_EVERYTHING & ~(unsigned)NEED_FIELD},
    [LISTED] = {stage_fields, NEED_EVERYTHING | NEED_FIELD},
};

/* The stages that are told, as differences. */
static const struct {
    const char *name;
    int with, without; /* without -1: nothing */
} STAGES[] = {
    {"packets and TCP", TCP, -1},
    {"parts", SPLIT, -1},
    {"XML of the header", HEADER, SPLIT},
    {"inflating", INFLATED, HEADER},
    {"text of the body", TEXT_OF_BODY, INFLATED},
    {"XML of the body", TREE, TEXT_OF_BODY},
    {"signatures", VERIFIED, TREE},
    {"checks", CHECKED, VERIFIED},
    {"fields", LISTED, CHECKED},
};

/* Seconds of one pass of each: the shortest of several. They run in turns, so that what else happens on the machine meets all
 * of them, and a difference of two is of the two alone. */
static void measure(struct state *state, double best[MEASURED])
{
    double whole = 0;
    for (int round = 0; round < ROUNDS_MIN || whole < MEASURED * SECONDS_MIN; round++) {
        for (int i = 0; i < MEASURED; i++) {
            state->needs = MEASURES[i].needs;
            double start = processor_seconds();
            MEASURES[i].run(state);
            double spent = processor_seconds() - start;
            best[i] = round == 0 || spent < best[i] ? spent : best[i];
            whole += spent;
        }
    }
}

/* A difference below zero is told as it is: it says how sure the others are. */
static void tell(struct state *state)
{
    double best[MEASURED];
    measure(state, best);
    printf("{\"messages\":%zu,\"HTTP and rows\":%.6f", state->samples.count, best[DISSECT] - best[TCP] - best[HEADER]);
    for (size_t i = 0; i < sizeof STAGES / sizeof STAGES[0]; i++)
        printf(",\"%s\":%.6f", STAGES[i].name,
               best[STAGES[i].with] - (STAGES[i].without < 0 ? 0 : best[STAGES[i].without]));
    puts("}");
}

int main(int argc, char **argv)
{
    static struct state state;
    if (argc != 2)
        die("usage: stages CAPTURE");
    struct flow_events events = {.context = &state.samples,
                                 .opened = on_opened,
                                 .data = on_data,
                                 .gap = on_no_gap,
                                 .ended = on_no_end,
                                 .closed = on_closed,
                                 .datagram = on_no_data,
                                 .refused = on_no_refusal};
    state.path = argv[1];
    if (!ccm_decoder_init(&state.decoder))
        die("out of memory");
    read_capture(state.path, &events);
    if (state.samples.count == 0)
        die("there is no message in the capture");
    tell(&state);
    ccm_decoder_free(&state.decoder);
    for (size_t i = 0; i < state.samples.count; i++)
        buffer_free(&state.samples.items[i].body);
    free(state.samples.items);
    return 0;
}
