/* tests/unit/test_dissect_http_property.c: how a stream is cut into segments changes nothing; and which reply belongs to
 * which request when packets were lost or captured in another order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include <cmocka.h>

#include "capture/flow.h"
#include "tests/unit/dialogue_fixture.h"
#include "tests/unit/message_fixture.h"

/* ---- Random conversations ---- */

#define EXCHANGES_MAX 6
#define BODY_MAX 3000
#define TEXT_MAX 100000
#define CONVERSATIONS 250
#define CUTS 4

/* A generator of its own, so that a failure comes again with the same seed. */
static uint64_t random_state;

static unsigned below(unsigned limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % limit;
}

struct script {
    size_t count;
    struct buffer message[EXCHANGES_MAX][2]; /* request, reply */
    bool ahead;                              /* all requests come before all replies */
};

static void random_bytes(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = below(8) == 0 ? (uint8_t) "\r\n0H"[below(4)] : (uint8_t)below(256);
}

static size_t gzip(const uint8_t *bytes, size_t length, uint8_t *out, size_t room)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, below(2) == 0 ? 15 + 16 : 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = bytes;
    stream.avail_in = (uInt)length;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return room - stream.avail_out;
}

static const char *line_end(void)
{
    return below(10) == 0 ? "\n" : "\r\n";
}

static void put_chunks(struct buffer *out, struct cursor body)
{
    while (body.left > 0) {
        struct cursor chunk = CURSOR_EMPTY;
        assert_true(cursor_take(&body, 1 + below((unsigned)body.left), &chunk));
        sample_print(out, "%s%zx%s\r\n", below(4) == 0 ? "00" : "", chunk.left, below(4) == 0 ? ";a=b" : "");
        sample_append(out, chunk);
        sample_print(out, "\r\n");
    }
    sample_print(out, "0\r\n%s\r\n", below(3) == 0 ? "Trailer: x\r\n" : "");
}

/* Headers that say how long the body is, and the body. */
static void put_body(struct buffer *out, bool may_close)
{
    uint8_t plain[BODY_MAX], coded[BODY_MAX + 1000];
    size_t length = below(4) == 0 ? 0 : below(BODY_MAX);
    struct cursor body = cursor_of(plain, length);
    random_bytes(plain, length);
    if (below(3) == 0) {
        body = cursor_of(coded, gzip(plain, length, coded, sizeof coded));
        sample_print(out, "Content-Encoding: %s%s", below(2) == 0 ? "gzip" : "deflate", line_end());
    }
    unsigned kind = below(may_close ? 3 : 2);
    if (kind == 0) {
        sample_print(out, "Content-Length:%s%zu%s%s", below(4) == 0 ? "\r\n " : " ", body.left, line_end(), line_end());
        sample_append(out, body);
    } else if (kind == 1) {
        sample_print(out, "Transfer-Encoding: chunked\r\n\r\n");
        put_chunks(out, body);
    } else {
        sample_print(out, "Connection: close\r\n\r\n");
        sample_append(out, body);
    }
}

static void put_headers(struct buffer *out)
{
    static const char *const headers[] = {"Host: mp",       "User-Agent: a\r\n\tb", "X-Other: \xFF", "Server : x",
                                          "nothing at all", "Content-Type: text/x", "Host: again"};
    for (unsigned i = below(4); i > 0; i--)
        sample_print(out, "%s%s", headers[below(sizeof headers / sizeof headers[0])], line_end());
}

static struct script script_new(void)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "CCM_POST", "BITS_POST", "PROPFIND"};
    struct script script = {.count = 1 + below(EXCHANGES_MAX), .ahead = below(3) == 0};
    for (size_t i = 0; i < script.count; i++) {
        struct buffer *ask = &script.message[i][0], *answer = &script.message[i][1];
        unsigned method = below(6);
        buffer_init(ask, TEXT_MAX);
        buffer_init(answer, TEXT_MAX);
        sample_print(ask, "%s%s /%zu HTTP/1.%u%s", i > 0 && below(8) == 0 ? "\r\n" : "", methods[method], i, below(2),
                     line_end());
        put_headers(ask);
        if (method < 2)
            sample_print(ask, "\r\n");
        else
            put_body(ask, false);
        for (unsigned interim = below(3); interim > 1; interim--)
            sample_print(answer, "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n");
        unsigned status = below(5) == 0 ? 304 : 200;
        sample_print(answer, "HTTP/1.1 %u Any words%s", status, line_end());
        put_headers(answer);
        if (method == 1 || status == 304)
            sample_print(answer, "Content-Length: 100\r\n\r\n");
        else
            put_body(answer, i + 1 == script.count);
    }
    return script;
}

static void script_free(struct script *script)
{
    for (size_t i = 0; i < script->count; i++) {
        buffer_free(&script->message[i][0]);
        buffer_free(&script->message[i][1]);
    }
}

/* Says it whole, in single bytes, or in pieces of any size. */
static void say_cut(struct dialogue *dialogue, enum direction direction, const struct buffer *message, unsigned cut)
{
    struct cursor rest = buffer_cursor(message), piece = CURSOR_EMPTY;
    while (rest.left > 0) {
        size_t length = cut == 0 ? rest.left : cut == 1 ? 1 : 1 + below(cut == 2 ? 20 : 2000);
        assert_true(cursor_take(&rest, length < rest.left ? length : rest.left, &piece));
        if (direction == DIRECTION_OUT)
            dialogue_ask(dialogue, piece);
        else
            dialogue_answer(dialogue, piece);
    }
}

static void print_text(char **out, struct text text)
{
    *out += sprintf(*out, "%.*s|", (int)text.length, text.at == NULL ? "-" : text.at);
}

/* All that the rows say, but for packets and times. */
static char *play_script(const struct script *script, unsigned cut)
{
    char *told = malloc(TEXT_MAX), *out = told;
    assert_non_null(told);
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING | NEED_HASH);
    for (size_t i = 0; i < script->count * 2; i++) {
        size_t count = script->count, side = script->ahead ? (i >= count) : i % 2;
        size_t at = script->ahead ? i - side * count : i / 2;
        say_cut(dialogue, side == 0 ? DIRECTION_OUT : DIRECTION_IN, &script->message[at][side], cut);
    }
    dialogue_ended(dialogue, DIRECTION_IN);
    dialogue_finish(dialogue);
    for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_http); id++) {
        const struct http_row *row = dialogue_http(dialogue, id);
        const struct text texts[] = {row->method,         row->uri,
                                     row->host,           row->user_agent,
                                     row->server_header,  row->request_type,
                                     row->notes,          row->content_encoding,
                                     row->request_sha256, row->response_sha256};
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            print_text(&out, texts[i]);
        out += sprintf(out, "%d|%d|%d|%d\n", (int)row->status, (int)row->request_bytes, (int)row->response_bytes,
                       (int)row->complete);
        assert_int_equal(row->complete, 1);
        assert_true(row->method.at != NULL && row->status != INT_NULL);
    }
    assert_int_equal(dialogue_count(dialogue, TABLE_http), script->count);
    struct dissect_counts counts = dissect_counts(dialogue->dissect);
    assert_int_equal(counts.http_errors + counts.http_truncated + counts.bodies_dropped, 0);
    dialogue_free(dialogue);
    return told;
}

static void cuts_change_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CONVERSATIONS; seed++) {
        random_state = seed;
        struct script script = script_new();
        char *whole = play_script(&script, 0);
        for (unsigned cut = 1; cut < CUTS; cut++) {
            char *told = play_script(&script, cut);
            if (strcmp(whole, told) != 0)
                fail_msg("seed %u, cut %u:\n%s\n%s", (unsigned)seed, cut, whole, told);
            free(told);
        }
        free(whole);
        script_free(&script);
    }
}

/* ---- Pairing, with the tracker ---- */

#define CLIENT 1000u
#define SERVER 5000u

struct wire {
    struct dialogue *dialogue; /* store and dissect; its own flow is not used */
    struct tracker *tracker;
    struct moment moment;
    uint32_t next[2];
};

static struct wire wire_new(void)
{
    struct wire wire = {.dialogue = dialogue_new(NEED_NOTHING), .next = {CLIENT, SERVER}};
    struct tracker_limits limits = tracker_limits_default();
    wire.tracker = tracker_new(&limits, &wire.dialogue->events);
    assert_non_null(wire.tracker);
    wire.moment.time_ns = DIALOGUE_START;
    return wire;
}

static void wire_free(struct wire *wire)
{
    tracker_free(wire->tracker);
    dialogue_free(wire->dialogue);
}

/* A segment as it was on the wire at some time: kept, to be captured later, or never. */
static struct segment on_wire(struct wire *wire, enum direction direction, const char *text)
{
    struct segment segment = {.src = {.bytes = {10, 0, 0, 1}, .version = 4},
                              .dst = {.bytes = {10, 0, 0, 2}, .version = 4},
                              .sport = 50000,
                              .dport = 80,
                              .ack = true,
                              .ttl = 64,
                              .sequence = wire->next[direction],
                              .acknowledgement = wire->next[!direction],
                              .payload = cursor_of(text, strlen(text)),
                              .payload_bytes = (uint32_t)strlen(text)};
    if (direction == DIRECTION_IN) {
        segment.src.bytes[3] = 2;
        segment.dst.bytes[3] = 1;
        segment.sport = 80;
        segment.dport = 50000;
    }
    wire->next[direction] += segment.payload_bytes;
    return segment;
}

static void captured(struct wire *wire, struct segment segment)
{
    wire->moment.packet++;
    wire->moment.time_ns += 1000000;
    tracker_segment(wire->tracker, &segment, wire->moment);
}

static void say(struct wire *wire, enum direction direction, const char *text)
{
    captured(wire, on_wire(wire, direction, text));
}

#define ASK(path) "GET " path " HTTP/1.1\r\n\r\n"
#define ANSWER(status) "HTTP/1.1 " status " Words\r\nContent-Length: 0\r\n\r\n"

/* "/a 201, - 202 ..." in the order of packets. */
static void assert_pairs(struct wire *wire, const char *expected)
{
    char told[1000] = "";
    tracker_finish(wire->tracker);
    int64_t count = dialogue_count(wire->dialogue, TABLE_http), last = 0;
    for (int64_t told_rows = 0; told_rows < count; told_rows++) {
        const struct http_row *next = NULL;
        for (int64_t id = 1; id <= count; id++) {
            const struct http_row *row = dialogue_http(wire->dialogue, id);
            if (row->packet > last && (next == NULL || row->packet < next->packet))
                next = row;
        }
        assert_non_null(next);
        if (next == NULL)
            return;
        last = next->packet;
        snprintf(told + strlen(told), sizeof told - strlen(told), "%.*s %d, ",
                 next->uri.at == NULL ? 1 : (int)next->uri.length, next->uri.at == NULL ? "-" : next->uri.at,
                 next->status == INT_NULL ? 0 : (int)next->status);
    }
    assert_string_equal(told, expected);
    wire_free(wire);
}

static void a_lost_request_is_told_by_what_the_server_acknowledged(void **state)
{
    (void)state;
    struct wire wire = wire_new();
    say(&wire, DIRECTION_OUT, ASK("/a"));
    say(&wire, DIRECTION_IN, ANSWER("201"));
    (void)on_wire(&wire, DIRECTION_OUT, ASK("/lost"));
    say(&wire, DIRECTION_IN, ANSWER("202"));
    say(&wire, DIRECTION_OUT, ASK("/c"));
    say(&wire, DIRECTION_IN, ANSWER("203")); /* the hole is not given up yet */
    say(&wire, DIRECTION_OUT, ASK("/d"));
    say(&wire, DIRECTION_IN, ANSWER("204"));
    assert_pairs(&wire, "/a 201, - 202, /c 203, /d 204, ");
}

static void a_lost_reply_does_not_shift_the_others(void **state)
{
    (void)state;
    struct wire wire = wire_new();
    say(&wire, DIRECTION_OUT, ASK("/a"));
    (void)on_wire(&wire, DIRECTION_IN, ANSWER("201"));
    for (int i = 0; i < 20; i++) { /* more than the tracker waits for a hole to be filled */
        say(&wire, DIRECTION_OUT, ASK("/b"));
        say(&wire, DIRECTION_IN, ANSWER("202"));
    }
    char expected[1000] = "/a 0, ";
    for (int i = 0; i < 20; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "/b 202, ");
    assert_pairs(&wire, expected);
}

static void a_reply_captured_before_its_request_gets_it(void **state)
{
    (void)state;
    struct wire wire = wire_new();
    say(&wire, DIRECTION_OUT, ASK("/a"));
    say(&wire, DIRECTION_IN, ANSWER("201"));
    struct segment late = on_wire(&wire, DIRECTION_OUT, ASK("/b"));
    say(&wire, DIRECTION_IN, ANSWER("202"));
    captured(&wire, late);
    say(&wire, DIRECTION_OUT, ASK("/c"));
    say(&wire, DIRECTION_IN, ANSWER("203"));
    assert_pairs(&wire, "/a 201, /b 202, /c 203, ");
}

static void a_reply_to_what_came_before_the_capture_stays_alone(void **state)
{
    (void)state;
    struct wire wire = wire_new();
    (void)on_wire(&wire, DIRECTION_OUT, ASK("/before"));
    say(&wire, DIRECTION_IN, ANSWER("201"));
    say(&wire, DIRECTION_OUT, ASK("/b"));
    say(&wire, DIRECTION_IN, ANSWER("202"));
    assert_pairs(&wire, "- 201, /b 202, ");
}

static void without_the_requests_every_reply_is_a_row(void **state)
{
    (void)state;
    struct wire wire = wire_new();
    for (int i = 0; i < 50; i++) {
        (void)on_wire(&wire, DIRECTION_OUT, ASK("/unseen"));
        say(&wire, DIRECTION_IN, ANSWER("200"));
    }
    tracker_finish(wire.tracker);
    assert_int_equal(dialogue_count(wire.dialogue, TABLE_http), 50);
    wire_free(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(a_lost_request_is_told_by_what_the_server_acknowledged),
        cmocka_unit_test(a_lost_reply_does_not_shift_the_others),
        cmocka_unit_test(a_reply_captured_before_its_request_gets_it),
        cmocka_unit_test(a_reply_to_what_came_before_the_capture_stays_alone),
        cmocka_unit_test(without_the_requests_every_reply_is_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
