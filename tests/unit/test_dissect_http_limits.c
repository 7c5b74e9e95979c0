/* tests/unit/test_dissect_http_limits.c: each limit of HTTP, BITS and revocation is hit, and its counter tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/bits_internal.h"
#include "dissect/http_fields.h"
#include "dissect/internal.h"
#include "tests/unit/dialogue_fixture.h"
#include "tests/unit/message_fixture.h"

#define GET "GET /a HTTP/1.1\r\n\r\n"
#define POST(rest) "CCM_POST /ccm_system/request HTTP/1.1\r\nContent-Type: " SAMPLE_TYPE "\r\n" rest
/* python3: gzip.compress(gzip.compress(bytes(66 << 20), 9, mtime=0), 9, mtime=0).hex() */
#define BOMB                                                                                                           \
    "1f8b0800000000000203eddc2152026118c7e10fd9c01050028900c7a03083c56cc0ec78008b179019c644c1e035d4a0769bd106360ec038" \
    "0e81e4b8b87b8cef7d9eb4f98dfff9f63758b452e5a8b97d6f34fe3f66cbbfa7ef563b01000000999b7dcd9bd5189086e5eaecfc02000000" \
    "c8ddd571a7a84781dfcbfea97300000040f6eec6a393fa85c0eef6ba700e000000c85e6fbf99d45bc047f9da9dba07000000646f2d180000" \
    "0000a10806000000402c8201000000108b600000000004231800000000b10806000000402c8201000000108b600000000004231800000000" \
    "b10806000000402c820100000010cbc37eb3aca680c967b97a7cae7f1700208e9ff6cdfdcb5b4ac3e200a3a026c0df060100"

static uint64_t hits(const struct dialogue *dialogue, enum limit limit)
{
    return dissect_counts(dialogue->dissect).limits.hit[limit];
}

static void ask_many(struct dialogue *dialogue, char byte, size_t count)
{
    uint8_t piece[1 << 16];
    memset(piece, byte, sizeof piece);
    for (size_t length; count > 0; count -= length) {
        length = count < sizeof piece ? count : sizeof piece;
        dialogue_ask(dialogue, cursor_of(piece, length));
    }
}

/* ---- Streams ---- */

/* What is asked, and then a byte many times. */
static void streams_without_end_are_given_up(void **state)
{
    static const struct {
        const char *asked;
        char byte;
        size_t count;
        enum limit limit;
    } cases[] = {
        {"GET /a HTTP/1.1\r\nX: ", 'x', HTTP_HEAD_MAX + 1, LIMIT_http_head},
        {POST("Transfer-Encoding: chunked\r\n\r\n1"), '1', 16, LIMIT_http_chunk_size},
        {POST("Transfer-Encoding: chunked\r\n\r\n1;"), 'x', 16385, LIMIT_http_chunk_line},
        {POST("Transfer-Encoding: chunked\r\n\r\n0\r\n"), 'x', 65537, LIMIT_http_trailer},
        {POST("Content-Length: 40000000\r\n\r\n"), 'x', ((size_t)32 << 20) + 1, LIMIT_http_body},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
        dialogue_ask_text(dialogue, cases[i].asked);
        assert_int_equal(hits(dialogue, cases[i].limit), 0);
        ask_many(dialogue, cases[i].byte, cases[i].count);
        assert_int_equal(hits(dialogue, cases[i].limit), 1);
        dialogue_finish(dialogue);
        assert_true(dialogue_count(dialogue, TABLE_trouble) >= 1);
        dialogue_free(dialogue);
    }
}

static void memory_of_bodies_is_shared(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
    dissect_limit(dialogue->dissect, 1 << 20, 1 << 20, 1 << 20);
    dialogue_ask_text(dialogue, POST("Content-Length: 40000000\r\n\r\n"));
    ask_many(dialogue, 'x', 2 << 20);
    assert_int_equal(hits(dialogue, LIMIT_http_memory), 1);
    dialogue_free(dialogue);
}

static void bodies_with_many_codings_or_of_many_bytes_are_not_read(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
    struct buffer bomb;
    buffer_init(&bomb, SAMPLE_MAX);
    sample_hex(&bomb, BOMB);
    dialogue_post(dialogue, "/ccm_system/request", "Content-Encoding: gzip, gzip, gzip\r\n", buffer_cursor(&bomb));
    assert_int_equal(hits(dialogue, LIMIT_http_codings), 1);
    dialogue_post(dialogue, "/ccm_system/request", "Content-Encoding: gzip, gzip\r\n", buffer_cursor(&bomb));
    assert_int_equal(hits(dialogue, LIMIT_http_decoded) + hits(dialogue, LIMIT_http_body), 2);
    buffer_free(&bomb);
    dialogue_free(dialogue);
}

static void requests_that_wait_are_given_up(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
    for (int i = 0; i < 256; i++)
        dialogue_ask_text(dialogue, GET);
    assert_int_equal(hits(dialogue, LIMIT_http_open), 0);
    dialogue_ask_text(dialogue, GET);
    assert_int_equal(hits(dialogue, LIMIT_http_open), 1);
    dialogue_free(dialogue);
}

static void requests_that_wait_in_all_connections_are_given_up(void **state)
{
    enum { FLOWS = 513, EACH = 256 };
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_NOTHING);
    struct flow *flows = calloc(FLOWS, sizeof *flows);
    char *asked = malloc(EACH * sizeof GET);
    assert_non_null(flows);
    assert_non_null(asked);
    for (size_t i = 0; i < EACH; i++)
        memcpy(asked + i * (sizeof GET - 1), GET, sizeof GET - 1);
    for (size_t i = 0; i < FLOWS; i++) {
        dialogue->events.opened(dialogue->events.context, &flows[i]);
        dialogue->events.data(dialogue->events.context, &flows[i], DIRECTION_OUT,
                              cursor_of(asked, EACH * (sizeof GET - 1)), (struct moment){.packet = 1});
    }
    assert_true(hits(dialogue, LIMIT_http_open_total) > 0);
    for (size_t i = 0; i < FLOWS; i++)
        dialogue->events.closed(dialogue->events.context, &flows[i]);
    free(asked);
    free(flows);
    dialogue_free(dialogue);
}

static void streams_of_nothing_known_are_not_looked_at_for_ever(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
    for (int i = 0; i < 63; i++)
        dialogue_ask_text(dialogue, "?????????????????????????????????????????????????????????");
    assert_int_equal(hits(dialogue, LIMIT_recognition), 0);
    dialogue_ask_text(dialogue, "?????????????????????????????????????????????????????????");
    assert_int_equal(hits(dialogue, LIMIT_recognition), 1);
    dialogue_free(dialogue);
}

/* ---- The other direction is late ---- */

static void more_than_can_wait_is_read_in_the_order_of_the_capture(void **state)
{
    static uint8_t bytes[60000];
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
    struct tracker_limits limits = tracker_limits_default();
    struct tracker *tracker = tracker_new(&limits, &dialogue->events);
    struct moment moment = {.time_ns = DIALOGUE_START};
    struct segment segment = {
        .src = {.bytes = {10, 0, 0, 2}, .version = 4},
        .dst = {.bytes = {10, 0, 0, 1}, .version = 4},
        .sport = 80,
        .dport = 50000,
        .ack = true,
        .syn = true,
        .sequence = 999,
        .acknowledgement = 1,
    };
    assert_non_null(tracker);
    moment.packet++;
    tracker_segment(tracker, &segment, moment);
    segment.syn = false;
    segment.sequence = 1000;
    segment.acknowledgement = 101; /* of a request that the other tap has later */
    segment.payload = cursor_of(bytes, sizeof bytes);
    segment.payload_bytes = sizeof bytes;
    for (int i = 0; i < 80; i++) {
        moment.packet++;
        moment.time_ns += 1000;
        tracker_segment(tracker, &segment, moment);
        segment.sequence += (uint32_t)sizeof bytes;
    }
    assert_true(hits(dialogue, LIMIT_hold) > 0);
    tracker_finish(tracker);
    tracker_free(tracker);
    dialogue_free(dialogue);
}

/* ---- BITS ---- */

static void ask_bits(struct dialogue *dialogue, const char *kind, const char *headers, size_t length)
{
    char head[16384];
    int size =
        snprintf(head, sizeof head,
                 "BITS_POST /CCM_Incoming/x HTTP/1.1\r\nBITS-Packet-Type: %s\r\n%sContent-Length: %zu\r\n\r\n%.*s",
                 kind, headers, length, (int)length, "x");
    assert_true(size > 0 && (size_t)size < sizeof head);
    dialogue_ask(dialogue, cursor_of(head, (size_t)size));
    dialogue_answer_text(dialogue, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void uploads_have_limits(void **state)
{
    char headers[128], name[6000];
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_FIELD | NEED_UPLOAD | NEED_BODY);
    for (int i = 0; i <= 16385; i++) {
        snprintf(headers, sizeof headers, "BITS-Session-Id: {S}\r\nContent-Range: bytes %d-%d/20000\r\n", i, i);
        ask_bits(dialogue, "fragment", headers, 1);
    }
    ask_bits(dialogue, "fragment", "BITS-Session-Id: {T}\r\nContent-Range: bytes 0-0/70000000\r\n", 1);
    snprintf(name, sizeof name, "BITS-Session-Id: {U}\r\nContent-Name: %05000d\r\n", 1);
    ask_bits(dialogue, "ping", name, 0);
    assert_int_equal(hits(dialogue, LIMIT_bits_text), 1);
    dialogue_finish(dialogue);
    assert_int_equal(hits(dialogue, LIMIT_bits_fragments), 1);
    assert_int_equal(hits(dialogue, LIMIT_bits_upload), 1);
    dialogue_free(dialogue);
}

static void packets_of_uploads_and_their_names_have_limits(void **state)
{
    char name[6000];
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_FIELD | NEED_UPLOAD);
    snprintf(name, sizeof name, "BITS-Session-Id: {U}\r\nContent-Name: %04000d\r\n", 1);
    for (int i = 0; i < 9000; i++)
        ask_bits(dialogue, "ping", name, 0);
    assert_true(hits(dialogue, LIMIT_bits_texts) > 0);
    for (size_t i = 9000; i <= BITS_PACKETS_MAX; i++)
        ask_bits(dialogue, "ping", "", 0);
    assert_int_equal(hits(dialogue, LIMIT_bits_packets), 1);
    dialogue_free(dialogue);
}

/* Fragments that have no room are counted, and so are those for which there is none when workers are joined. */
static void content_of_uploads_has_a_limit(void **state)
{
    static const int64_t bases[TABLE_COUNT] = {0};
    char headers[128];
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_FIELD | NEED_UPLOAD);
    struct bits *into = bits_new();
    assert_non_null(into);
    dialogue->dissect->bits->most = 10;
    into->most = 9;
    for (int i = 0; i < 12; i++) {
        snprintf(headers, sizeof headers, "BITS-Session-Id: {S}\r\nContent-Range: bytes %d-%d/12\r\n", i, i);
        ask_bits(dialogue, "fragment", headers, 1);
    }
    assert_int_equal(hits(dialogue, LIMIT_bits_bytes), 2);
    assert_int_equal(bits_absorb(into, dialogue->dissect->bits, bases), 10);
    bits_free(into);
    dialogue_free(dialogue);
}

/* ---- Revocation ---- */

static void show_certificate(struct dialogue *dialogue, struct text urls)
{
    struct sink sink = store_sink(dialogue->store);
    struct certificate_row row = certificate_row_null();
    row.packet = 1;
    row.time = 1;
    row.crl_urls = urls;
    sink_append(&sink, TABLE_certificate, &row);
}

static void addresses_of_certificates_have_limits(void **state)
{
    static const char url[] = "http://a ", lead[] = "ldap:///CN=";
    enum { COUNT = (1 << 18) + 1, LONG = 5 << 20 };
    (void)state;
    char *text = malloc(COUNT * sizeof url + LONG);
    assert_non_null(text);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + i * (sizeof url - 1), url, sizeof url - 1);
    struct dialogue *dialogue = dialogue_new(NEED_REVOCATION);
    show_certificate(dialogue, (struct text){text, COUNT * (sizeof url - 1) - 1});
    dialogue_finish(dialogue);
    assert_int_equal(hits(dialogue, LIMIT_revocation_addresses), 1);
    dialogue_free(dialogue);
    memset(text, 'x', LONG);
    memcpy(text, lead, sizeof lead - 1);
    text[LONG - 2] = '?';
    dialogue = dialogue_new(NEED_REVOCATION);
    show_certificate(dialogue, (struct text){text, LONG});
    dialogue_finish(dialogue);
    assert_int_equal(hits(dialogue, LIMIT_revocation_decoded), 1);
    dialogue_free(dialogue);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_without_end_are_given_up),
        cmocka_unit_test(memory_of_bodies_is_shared),
        cmocka_unit_test(bodies_with_many_codings_or_of_many_bytes_are_not_read),
        cmocka_unit_test(requests_that_wait_are_given_up),
        cmocka_unit_test(requests_that_wait_in_all_connections_are_given_up),
        cmocka_unit_test(streams_of_nothing_known_are_not_looked_at_for_ever),
        cmocka_unit_test(more_than_can_wait_is_read_in_the_order_of_the_capture),
        cmocka_unit_test(uploads_have_limits),
        cmocka_unit_test(packets_of_uploads_and_their_names_have_limits),
        cmocka_unit_test(content_of_uploads_has_a_limit),
        cmocka_unit_test(addresses_of_certificates_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
