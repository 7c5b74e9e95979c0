/* bench/stages.c: what each stage of decoding a message costs, with the functions of cmscope on the messages of a capture.
 *
 *   stages CAPTURE    a capture of bench_generate; tells processor seconds and messages as one JSON object on one line
 *
 * A stage that has a function is called by itself on all messages, again and again until it took long enough; HTTP and
 * checking are differences: of reading the capture with and without them, of decoding messages with and without them.
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
#define SECONDS_MIN 0.5                /* that a stage is measured for */
#define ROUNDS_MIN 3

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

/* The generator writes no boundary elsewhere, so what stands between the first and the last is a message. */
static void on_closed(void *context, struct flow *flow)
{
    static const char start[] = "\r\n\r\n--" CCM_BOUNDARY, end[] = "--" CCM_BOUNDARY "--";
    struct streams *streams = flow->user;
    for (int direction = 0; direction < 2; direction++) {
        struct cursor left = buffer_cursor(&streams->bytes[direction]), body;
        size_t at, length;
        while (cursor_find(left, cursor_of(start, sizeof start - 1), &at) && cursor_skip(&left, at + 4) &&
               cursor_find(left, cursor_of(end, sizeof end - 1), &length) &&
               cursor_take(&left, length + sizeof end - 1, &body))
            keep_sample(context, body, direction == DIRECTION_IN);
        buffer_free(&streams->bytes[direction]);
    }
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

/* Seconds of one pass of a stage: the shortest of several. */
static double measure(struct state *state, stage *run)
{
    double whole = 0, best = 0;
    for (int round = 0; round < ROUNDS_MIN || whole < SECONDS_MIN; round++) {
        double start = processor_seconds();
        run(state);
        double spent = processor_seconds() - start;
        best = round == 0 || spent < best ? spent : best;
        whole += spent;
    }
    return best;
}

static double measure_decode(struct state *state, unsigned needs, stage *run)
{
    state->needs = needs;
    return measure(state, run);
}

static void print_stage(const char *name, double seconds)
{
    printf(",\"%s\":%.6f", name, seconds > 0 ? seconds : 0);
}

/* Each need adds one stage to those before. */
static void tell(struct state *state)
{
    double tcp = measure(state, stage_tcp), dissected = measure(state, stage_dissect);
    double split = measure(state, stage_split), header = measure_decode(state, NEED_NOTHING, stage_decode);
    double inflated = measure_decode(state, NEED_PAYLOAD, stage_decode);
    double text = measure_decode(state, NEED_PAYLOAD | NEED_BODY, stage_decode);
    double tree = measure_decode(state, NEED_PAYLOAD | NEED_BODY | NEED_REGISTRATION | NEED_POLICY, stage_decode);
    double verified = measure_decode(state, NEED_EVERYTHING & ~(unsigned)NEED_FINDING, stage_decode);
    double checked = measure_decode(state, NEED_EVERYTHING, stage_decode);
    double fields = measure_decode(state, NEED_EVERYTHING | NEED_FIELD, stage_fields);
    printf("{\"messages\":%zu", state->samples.count);
    print_stage("packets and TCP", tcp);
    print_stage("HTTP and rows", dissected - tcp - header);
    print_stage("parts", split);
    print_stage("XML of the header", header - split);
    print_stage("inflating", inflated - header);
    print_stage("text of the body", text - inflated);
    print_stage("XML of the body", tree - text);
    print_stage("signatures", verified - tree);
    print_stage("checks", checked - verified);
    print_stage("fields", fields - checked);
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
