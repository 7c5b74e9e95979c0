/* tests/unit/test_dissect_http.c: HTTP as text dialogues: what was said is in the rows, what was lost is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dialogue_fixture.h"
#include "tests/unit/message_fixture.h"

#define POLICY "<RequestAssignments SchemaVersion=\"1.00\"/>"
#define NO_REPLY                                                                                                       \
    "--" SAMPLE_BOUNDARY "\r\ncontent-type: text/plain; charset=UTF-16\r\n\r\nNoReply\r\n--" SAMPLE_BOUNDARY "--"
/* python3: gzip.compress(NO_REPLY, mtime=0).hex() */
#define NO_REPLY_GZIP                                                                                                  \
    "1F8B0800000000000203D3D54D744C724A764E712933343236313533B7B03408AB88A88CAC8AE2E54ACECF2B49CD2BD12DA92C48"         \
    "B5522849AD28D12FC849CCCCB35648CE482C2A4E2DB10D0D71D33534E3E5E2E5F2CB0F4A2DC8A9E4E5D2C563A4AE2E00A05EABE8"         \
    "71000000"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

struct fixture {
    struct dialogue *dialogue;
    struct buffer body, reply; /* a signed policy request; its reply */
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return 1;
    *state = fixture;
    fixture->dialogue = dialogue_new(NEED_EVERYTHING);
    buffer_init(&fixture->body, SAMPLE_MAX);
    buffer_init(&fixture->reply, SAMPLE_MAX);
    struct sample sample = {.endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    sample_build(&sample, &fixture->body);
    sample = (struct sample){.body = "<ReplyAssignments SchemaVersion=\"1.00\"/>"};
    sample_build(&sample, &fixture->reply);
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    dialogue_free(fixture->dialogue);
    buffer_free(&fixture->body);
    buffer_free(&fixture->reply);
    free(fixture);
    return 0;
}

static void assert_message(const struct dialogue *dialogue, int64_t id, const char *direction, const char *root)
{
    const struct message_row *row = dialogue_message(dialogue, id);
    assert_non_null(row);
    assert_null(row->malformed.at);
    assert_true(text_is(row->direction, direction));
    assert_true(text_is(row->root, root));
    assert_true(text_is(row->endpoint, "MP_PolicyManager"));
}

/* ---- Good dialogues ---- */

static void a_request_and_its_reply_are_one_exchange_and_two_messages(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    dialogue_post(dialogue, "/ccm_system/request", "User-Agent: ccmhttp\r\n", buffer_cursor(&fixture->body));
    dialogue_reply(dialogue, "Server: Microsoft-IIS/10.0\r\nContent-Type: " SAMPLE_TYPE "\r\n",
                   buffer_cursor(&fixture->reply));
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 1);
    const struct http_row *row = dialogue_http(dialogue, 1);
    assert_int_equal(row->packet, 1);
    assert_int_equal(row->reply_packet, 2);
    assert_int_equal(row->flow, 1);
    assert_true(text_is(row->client, "10.0.0.1"));
    assert_true(text_is(row->server, "10.0.0.80"));
    assert_int_equal(row->port, 80);
    assert_true(text_is(row->method, "CCM_POST"));
    assert_true(text_is(row->uri, "/ccm_system/request"));
    assert_true(text_is(row->host, "mp"));
    assert_true(text_is(row->user_agent, "ccmhttp"));
    assert_true(text_is(row->server_header, "Microsoft-IIS/10.0"));
    assert_true(text_is(row->request_type, SAMPLE_TYPE));
    assert_true(text_is(row->response_type, SAMPLE_TYPE));
    assert_true(text_is(row->service, "mp"));
    assert_int_equal(row->status, 200);
    assert_int_equal(row->request_bytes, fixture->body.length);
    assert_int_equal(row->response_bytes, fixture->reply.length);
    assert_int_equal(row->complete, 1);
    assert_int_equal(row->tls, 0);
    assert_null(row->authorization.at);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 2);
    assert_message(dialogue, 1, "request", "RequestAssignments");
    assert_message(dialogue, 2, "reply", "ReplyAssignments");
    assert_int_equal(dialogue_message(dialogue, 1)->http, 1);
    assert_int_equal(dialogue_message(dialogue, 2)->http, 1);
    assert_int_equal(dialogue_message(dialogue, 1)->packet, 1);
    assert_int_equal(dialogue_message(dialogue, 2)->packet, 2);
    assert_true(text_is(dialogue_message(dialogue, 1)->signature, "valid"));
    struct dissect_counts counts = dissect_counts(dialogue->dissect);
    assert_int_equal(counts.messages, 2);
    assert_int_equal(counts.malformed + counts.http_errors + counts.http_truncated + counts.bodies_dropped, 0);
}

static void pieces_of_any_size_say_the_same(void **state)
{
    struct fixture *fixture = *state;
    static const size_t pieces[] = {1, 2, 3, 7, 64, 1000};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
        dialogue->piece = pieces[i];
        for (int j = 0; j < 2; j++) {
            dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
            dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
        }
        dialogue_finish(dialogue);
        assert_int_equal(dialogue_count(dialogue, TABLE_http), 2);
        assert_int_equal(dialogue_count(dialogue, TABLE_message), 4);
        for (int64_t id = 1; id <= 4; id += 2) {
            assert_message(dialogue, id, "request", "RequestAssignments");
            assert_message(dialogue, id + 1, "reply", "ReplyAssignments");
            assert_int_equal(dialogue_http(dialogue, id / 2 + 1)->complete, 1);
        }
        dialogue_free(dialogue);
    }
}

static void requests_sent_ahead_of_replies_are_paired_in_order(void **state)
{
    struct fixture *fixture = *state;
    for (int split = 0; split <= 1; split++) { /* in one chunk, or each in its own */
        struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
        struct buffer bytes;
        buffer_init(&bytes, SAMPLE_MAX);
        for (int i = 0; i < 3; i++) {
            sample_print(&bytes,
                         "CCM_POST /ccm_system/request?%d HTTP/1.1\r\nContent-Type: " SAMPLE_TYPE
                         "\r\nContent-Length: %zu\r\n\r\n",
                         i, fixture->body.length);
            sample_append(&bytes, buffer_cursor(&fixture->body));
            if (split) {
                dialogue_ask(dialogue, buffer_cursor(&bytes));
                buffer_reset(&bytes, SAMPLE_MAX);
            }
        }
        if (!split)
            dialogue_ask(dialogue, buffer_cursor(&bytes));
        dialogue_answer_text(dialogue, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
                                       "HTTP/1.1 201 OK\r\nContent-Length: 2\r\n\r\nbb"
                                       "HTTP/1.1 202 OK\r\nContent-Length: 3\r\n\r\nccc");
        dialogue_finish(dialogue);
        assert_int_equal(dialogue_count(dialogue, TABLE_http), 3);
        assert_int_equal(dialogue_count(dialogue, TABLE_message), 3);
        for (int64_t id = 1; id <= 3; id++) {
            const struct http_row *row = dialogue_http(dialogue, id);
            char uri[64];
            snprintf(uri, sizeof uri, "/ccm_system/request?%d", (int)id - 1);
            assert_true(text_is(row->uri, uri));
            assert_int_equal(row->status, 199 + id);
            assert_int_equal(row->response_bytes, id);
            assert_int_equal(row->complete, 1);
            assert_message(dialogue, id, "request", "RequestAssignments");
            assert_true(text_is(dialogue_message(dialogue, id)->signature, "valid"));
        }
        buffer_free(&bytes);
        dialogue_free(dialogue);
    }
}

static void a_chunked_request_and_a_chunked_reply_are_put_together(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_MAX);
    sample_print(&bytes, "CCM_POST /ccm_system/request HTTP/1.1\r\nContent-Type: " SAMPLE_TYPE
                         "\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct cursor rest = buffer_cursor(&fixture->body), chunk;
    while (cursor_take(&rest, rest.left < 333 ? rest.left : 333, &chunk) && chunk.left > 0) {
        sample_print(&bytes, "%zx\r\n", chunk.left);
        sample_append(&bytes, chunk);
        sample_print(&bytes, "\r\n");
    }
    sample_print(&bytes, "0\r\n\r\n");
    dialogue_ask(fixture->dialogue, buffer_cursor(&bytes));
    dialogue_answer_text(fixture->dialogue,
                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: " SAMPLE_TYPE
                         "\r\n\r\n21\r\n--" SAMPLE_BOUNDARY "\r\ncon\r\n");
    dialogue_answer_text(fixture->dialogue,
                         "3\r\nten\r\n31;x=y\r\nt-type: text/plain; charset=UTF-16\r\n\r\nNoReply\r\n--\r\n"
                         "1c\r\n" SAMPLE_BOUNDARY "--\r\n0\r\n\r\n");
    dialogue_finish(fixture->dialogue);
    assert_int_equal(dialogue_count(fixture->dialogue, TABLE_message), 2);
    assert_message(fixture->dialogue, 1, "request", "RequestAssignments");
    assert_message(fixture->dialogue, 2, "reply", NULL); /* NoReply has no body */
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->response_bytes, sizeof NO_REPLY - 1);
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->complete, 1);
    buffer_free(&bytes);
}

static void an_interim_reply_is_not_the_reply(void **state)
{
    struct fixture *fixture = *state; /* RFC 9110 section 10.1.1 */
    char headers[400];
    snprintf(headers, sizeof headers,
             "CCM_POST /ccm_system/request HTTP/1.1\r\nContent-Type: " SAMPLE_TYPE
             "\r\nExpect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
             fixture->body.length);
    dialogue_ask_text(fixture->dialogue, headers);
    dialogue_answer_text(fixture->dialogue, "HTTP/1.1 100 Continue\r\n\r\n");
    dialogue_ask(fixture->dialogue, buffer_cursor(&fixture->body));
    dialogue_reply(fixture->dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_ask_text(fixture->dialogue, "GET /next HTTP/1.1\r\n\r\n");
    dialogue_answer_text(fixture->dialogue, OK);
    dialogue_finish(fixture->dialogue);
    assert_int_equal(dialogue_count(fixture->dialogue, TABLE_http), 2);
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->status, 200);
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->complete, 1);
    assert_message(fixture->dialogue, 1, "request", "RequestAssignments");
    assert_message(fixture->dialogue, 2, "reply", "ReplyAssignments");
    assert_true(text_is(dialogue_http(fixture->dialogue, 2)->uri, "/next"));
}

static void a_gzip_reply_is_decoded(void **state)
{
    struct fixture *fixture = *state;
    struct buffer gzip;
    buffer_init(&gzip, SAMPLE_MAX);
    sample_hex(&gzip, NO_REPLY_GZIP);
    dialogue_post(fixture->dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_reply(fixture->dialogue, "Content-Encoding: gzip\r\nContent-Type: " SAMPLE_TYPE "\r\n",
                   buffer_cursor(&gzip));
    dialogue_finish(fixture->dialogue);
    assert_int_equal(dialogue_count(fixture->dialogue, TABLE_message), 2);
    assert_message(fixture->dialogue, 2, "reply", NULL);
    assert_true(text_is(dialogue_http(fixture->dialogue, 1)->content_encoding, "gzip"));
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->complete, 1);
    buffer_free(&gzip);
}

static void a_reply_without_length_ends_with_the_connection(void **state)
{
    struct fixture *fixture = *state;
    dialogue_post(fixture->dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_answer_text(fixture->dialogue,
                         "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " SAMPLE_TYPE "\r\n\r\n");
    dialogue_answer_text(fixture->dialogue, NO_REPLY);
    dialogue_ended(fixture->dialogue, DIRECTION_IN);
    dialogue_finish(fixture->dialogue);
    assert_int_equal(dialogue_count(fixture->dialogue, TABLE_message), 2);
    assert_message(fixture->dialogue, 2, "reply", NULL);
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->response_bytes, sizeof NO_REPLY - 1);
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->complete, 1);
}

static void a_message_sent_by_post_is_recognised_by_its_type(void **state)
{
    struct fixture *fixture = *state;
    char headers[400];
    snprintf(headers, sizeof headers,
             "POST /proxy HTTP/1.1\r\nContent-Type: " SAMPLE_TYPE "\r\nContent-Length: %zu\r\n\r\n",
             fixture->body.length);
    dialogue_ask_text(fixture->dialogue, headers);
    dialogue_ask(fixture->dialogue, buffer_cursor(&fixture->body));
    dialogue_answer_text(fixture->dialogue, OK);
    dialogue_finish(fixture->dialogue);
    assert_int_equal(dialogue_count(fixture->dialogue, TABLE_message), 1);
    assert_message(fixture->dialogue, 1, "request", "RequestAssignments");
}

static void a_connection_of_thousands_of_exchanges_loses_none(void **state)
{
    struct dialogue *dialogue = ((struct fixture *)*state)->dialogue;
    enum { EXCHANGES = 20000 };
    for (int i = 0; i < EXCHANGES; i++) {
        char text[128];
        snprintf(text, sizeof text, "GET /SMS_DP_SMSPKG$/%d HTTP/1.1\r\nHost: dp\r\n\r\n", i);
        dialogue_ask_text(dialogue, text);
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%05d", i);
        dialogue_answer_text(dialogue, text);
    }
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), EXCHANGES);
    for (int64_t id = 1; id <= EXCHANGES; id += 997) {
        char uri[64];
        snprintf(uri, sizeof uri, "/SMS_DP_SMSPKG$/%d", (int)id - 1);
        assert_true(text_is(dialogue_http(dialogue, id)->uri, uri));
        assert_int_equal(dialogue_http(dialogue, id)->complete, 1);
        assert_int_equal(dialogue_http(dialogue, id)->response_bytes, 5);
    }
}

/* ---- Framing (RFC 9112 section 6.3) ---- */

#define NEXT "GET /next HTTP/1.1\r\n\r\n"
#define NEXT_OK "HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n"

/* What was said, and what the first exchange must be. Behind it another exchange follows: it must be found in its place,
 * or the body was taken for longer or shorter than it is. */
static const struct framing {
    const char *ask, *answer;
    int status;
    int64_t asked_bytes, answered_bytes;
    const char *notes;
} FRAMINGS[] = {
    {"HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 200, 0, 0, NULL},
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", 304, 0, 0, NULL},
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204, 0, 0, NULL},
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n" OK, 200, 0, 0, NULL},
    {"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", OK, 200, 5, 0, NULL},
    {"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello", OK, 200, 5, 0,
     "conflicting Content-Length"},
    {"POST / HTTP/1.1\r\nContent-Length: 5x\r\n\r\nhello", OK, 200, 5, 0, "bad Content-Length"},
    {"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", OK, 200, 3, 0,
     "Content-Length and Transfer-Encoding"},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello", OK, 200, 5, 0,
     "Content-Length and Transfer-Encoding, bad Transfer-Encoding"},
    {"POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", OK, 200, 3, 0,
     "space before colon"},
    {"POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", OK, 200, 3, 0, "folded header"},
    {"POST / HTTP/1.1\nContent-Length: 5\n\nhello", OK, 200, 5, 0, "bare LF"},
    {"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nnothing\r\nContent-Length: 0\r\n\r\n", OK, 200, 0, 0,
     "header without colon, several Host"},
    {"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0003;a=\"b\"\r\nabc\r\n00\r\nX: y\r\nZ: 0\r\n\r\n", OK, 200,
     3, 0, NULL},
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, 0, 1,
     NULL},
    {"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
     "HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno", 417, 0, 2, NULL}, /* the body is left out */
};

static void bodies_end_where_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FRAMINGS / sizeof FRAMINGS[0]; i++) {
        for (size_t piece = 0; piece <= 2; piece++) {
            const struct framing *framing = &FRAMINGS[i];
            if (framing->status == 417 && piece != 0)
                continue; /* a body that is left out is seen by the start line in its place */
            struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
            dialogue->piece = piece;
            dialogue_ask_text(dialogue, framing->ask);
            dialogue_answer_text(dialogue, framing->answer);
            dialogue_ask_text(dialogue, NEXT);
            dialogue_answer_text(dialogue, NEXT_OK);
            dialogue_finish(dialogue);
            assert_int_equal(dialogue_count(dialogue, TABLE_http), 2);
            const struct http_row *row = dialogue_http(dialogue, 1);
            assert_int_equal(row->status, framing->status);
            assert_int_equal(row->request_bytes, framing->asked_bytes);
            assert_int_equal(row->response_bytes, framing->answered_bytes);
            assert_int_equal(row->complete, framing->status != 417);
            assert_true(text_equal(row->notes, text_of(framing->notes)));
            row = dialogue_http(dialogue, 2);
            assert_true(text_is(row->uri, "/next"));
            assert_int_equal(row->status, 299);
            assert_int_equal(row->complete, 1);
            dialogue_free(dialogue);
        }
    }
}

static void a_tunnel_is_no_http_any_more(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    dialogue_ask_text(dialogue, "CONNECT mp:80 HTTP/1.1\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 200 Connected\r\n\r\n");
    dialogue_ask_text(dialogue, "GET /inside HTTP/1.1\r\n\r\n"); /* what a tunnel carries is recognised by itself */
    dialogue_answer_text(dialogue, OK);
    dialogue_close(dialogue);
    dialogue_ask_text(dialogue, "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
    dialogue_ask_text(dialogue, "GET /not HTTP/1.1\r\n\r\n");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 3);
    assert_true(text_is(dialogue_http(dialogue, 1)->method, "CONNECT"));
    assert_int_equal(dialogue_http(dialogue, 1)->complete, 1);
    assert_true(text_is(dialogue_http(dialogue, 2)->uri, "/inside"));
    assert_int_equal(dialogue_http(dialogue, 2)->complete, 1);
    assert_true(text_is(dialogue_http(dialogue, 3)->uri, "/chat"));
    assert_int_equal(dialogue_http(dialogue, 3)->status, 101);
}

static void headers_without_end_are_given_up(void **state)
{
    struct dialogue *dialogue = ((struct fixture *)*state)->dialogue;
    dialogue_ask_text(dialogue, "GET /long HTTP/1.1\r\n");
    for (int i = 0; i < 20000; i++)
        dialogue_ask_text(dialogue, "X-Header: and so on\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 431 Too long\r\nContent-Length: 0\r\n\r\n");
    dialogue_ask_text(dialogue, NEXT);
    dialogue_answer_text(dialogue, NEXT_OK);
    dialogue_finish(dialogue);
    assert_int_equal(dissect_counts(dialogue->dissect).http_errors, 1);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 2);
    assert_true(text_is(dialogue_http(dialogue, 1)->uri, "/long"));
    assert_int_equal(dialogue_http(dialogue, 1)->status, 431);
    assert_int_equal(dialogue_http(dialogue, 1)->complete, 0);
    assert_true(text_is(dialogue_http(dialogue, 2)->uri, "/next"));
}

/* A request was lost, and its reply was not: the replies around it stay with their own requests. */
static void a_lost_request_does_not_shift_the_replies(void **state)
{
    struct dialogue *dialogue = ((struct fixture *)*state)->dialogue;
    dialogue_ask_text(dialogue, "GET /a HTTP/1.1\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 201 A\r\nContent-Length: 0\r\n\r\n");
    dialogue_gap(dialogue, DIRECTION_OUT, 100);
    dialogue_answer_text(dialogue, "HTTP/1.1 202 B\r\nContent-Length: 0\r\n\r\n");
    dialogue_ask_text(dialogue, "GET /c HTTP/1.1\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 203 C\r\nContent-Length: 0\r\n\r\n");
    dialogue_finish(dialogue);
    static const struct {
        const char *uri;
        int64_t status;
    } rows[] = {{"/a", 201}, {NULL, 202}, {"/c", 203}};
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 3);
    for (int64_t id = 1; id <= 3; id++) {
        assert_true(text_equal(dialogue_http(dialogue, id)->uri, text_of(rows[id - 1].uri)));
        assert_int_equal(dialogue_http(dialogue, id)->status, rows[id - 1].status);
    }
}

/* Requests sent ahead, one of them lost: which reply is whose cannot be told behind the hole, so none is given away. */
static void behind_a_hole_in_requests_sent_ahead_replies_stay_alone(void **state)
{
    struct dialogue *dialogue = ((struct fixture *)*state)->dialogue;
    dialogue_ask_text(dialogue, "GET /a HTTP/1.1\r\n\r\n");
    dialogue_gap(dialogue, DIRECTION_OUT, 100);
    dialogue_ask_text(dialogue, "GET /c HTTP/1.1\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 201 A\r\nContent-Length: 0\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 202 B\r\nContent-Length: 0\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 203 C\r\nContent-Length: 0\r\n\r\n");
    dialogue_finish(dialogue);
    for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_http); id++) {
        const struct http_row *row = dialogue_http(dialogue, id);
        if (text_is(row->uri, "/a"))
            assert_int_equal(row->status, 201);
        else
            assert_true(row->uri.at == NULL || row->status == INT_NULL);
    }
}

static void a_lost_reply_leaves_its_request_alone(void **state)
{
    struct dialogue *dialogue = ((struct fixture *)*state)->dialogue;
    dialogue_ask_text(dialogue, "GET /a HTTP/1.1\r\n\r\n");
    dialogue_gap(dialogue, DIRECTION_IN, 100);
    dialogue_ask_text(dialogue, "GET /b HTTP/1.1\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 202 B\r\nContent-Length: 0\r\n\r\n");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 2);
    assert_true(text_is(dialogue_http(dialogue, 1)->uri, "/a"));
    assert_true(dialogue_http(dialogue, 1)->status == INT_NULL);
    assert_true(text_is(dialogue_http(dialogue, 2)->uri, "/b"));
    assert_int_equal(dialogue_http(dialogue, 2)->status, 202);
}

/* ---- Losses ---- */

static void a_gap_in_a_body_marks_the_message_and_keeps_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    size_t length = fixture->body.length;
    char headers[400];
    snprintf(headers, sizeof headers,
             "CCM_POST /ccm_system/request HTTP/1.1\r\nContent-Type: " SAMPLE_TYPE "\r\nContent-Length: %zu\r\n\r\n",
             length);
    dialogue_ask_text(dialogue, headers);
    dialogue_ask(dialogue, cursor_of(fixture->body.bytes, 1000));
    dialogue_gap(dialogue, DIRECTION_OUT, 100);
    dialogue_ask(dialogue, cursor_of(fixture->body.bytes + 1100, length - 1100));
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 2);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 4);
    const struct message_row *row = dialogue_message(dialogue, 1);
    assert_non_null(row->malformed.at);
    assert_true(text_is(row->message_id, SAMPLE_ID)); /* what stood before the gap */
    assert_false(text_is(row->signature, "valid") || text_is(row->signature, "invalid"));
    assert_int_equal(dialogue_http(dialogue, 1)->complete, 0);
    assert_int_equal(dialogue_http(dialogue, 1)->status, 200);
    assert_int_equal(dialogue_http(dialogue, 2)->complete, 1);
    assert_message(dialogue, 3, "request", "RequestAssignments");
    assert_true(text_is(dialogue_message(dialogue, 3)->signature, "valid"));
    assert_int_equal(dissect_counts(dialogue->dissect).http_truncated, 1);
}

static void a_gap_in_a_reply_marks_it_and_keeps_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_answer_text(dialogue, "HTTP/1.1 200 OK\r\nContent-Type: " SAMPLE_TYPE "\r\nContent-Length: 1000\r\n\r\n");
    dialogue_answer(dialogue, cursor_of(fixture->reply.bytes, 300));
    dialogue_gap(dialogue, DIRECTION_IN, 700);
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 4);
    assert_non_null(dialogue_message(dialogue, 2)->malformed.at);
    assert_int_equal(dialogue_http(dialogue, 1)->complete, 0);
    assert_message(dialogue, 4, "reply", "ReplyAssignments");
    assert_int_equal(dialogue_http(dialogue, 2)->complete, 1);
}

/* design.md: after a gap nothing is judged across it, and the stream is taken up at the next start line. */
static void a_gap_in_headers_costs_that_exchange_only(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    dialogue_ask_text(dialogue, "CCM_POST /ccm_system/request HTTP/1.1\r\nHost: mp\r\nConten");
    dialogue_gap(dialogue, DIRECTION_OUT, 50);
    dialogue_ask(dialogue, buffer_cursor(&fixture->body));
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_finish(dialogue);
    int64_t last = dialogue_count(dialogue, TABLE_http);
    assert_int_equal(dialogue_http(dialogue, last)->complete, 1);
    assert_true(text_is(dialogue_http(dialogue, last)->method, "CCM_POST"));
    assert_int_equal(dialogue_http(dialogue, last)->status, 200);
    int64_t messages = dialogue_count(dialogue, TABLE_message);
    assert_message(dialogue, messages - 1, "request", "RequestAssignments");
    assert_message(dialogue, messages, "reply", "ReplyAssignments");
    for (int64_t id = 1; id < last; id++) { /* no method that is made of other bytes */
        const struct http_row *row = dialogue_http(dialogue, id);
        assert_true(row->method.at == NULL || text_is(row->method, "CCM_POST"));
        assert_int_equal(row->complete, 0);
    }
    for (int64_t id = 1; id <= messages; id++)
        assert_false(text_is(dialogue_message(dialogue, id)->signature, "invalid"));
}

static void a_gap_between_exchanges_is_survived(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_gap(dialogue, DIRECTION_OUT, 3000); /* a whole exchange is missing */
    dialogue_gap(dialogue, DIRECTION_IN, 2000);
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_finish(dialogue);
    int64_t messages = dialogue_count(dialogue, TABLE_message), last = dialogue_count(dialogue, TABLE_http);
    assert_int_equal(messages, 4);
    for (int64_t id = 1; id <= 4; id++)
        assert_null(dialogue_message(dialogue, id)->malformed.at);
    assert_int_equal(dialogue_http(dialogue, 1)->complete, 1);
    assert_int_equal(dialogue_http(dialogue, last)->complete, 1);
}

static void a_reply_without_its_request_is_a_row_without_method(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 1);
    const struct http_row *row = dialogue_http(dialogue, 1);
    assert_null(row->method.at);
    assert_null(row->uri.at);
    assert_int_equal(row->status, 200);
    assert_int_equal(row->complete, 0);
    assert_true(text_is(row->client, "10.0.0.1"));
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 1);
    assert_true(text_is(dialogue_message(dialogue, 1)->root, "ReplyAssignments"));
    assert_null(dialogue_message(dialogue, 1)->endpoint.at);
}

/* What is asked after a lone reply is not for it. */
static void messages_after_lone_replies_are_read(void **state)
{
    struct fixture *fixture = *state;
    for (size_t split = 0; split <= sizeof OK OK; split += 5) { /* two lone replies, in two chunks or one */
        struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
        struct cursor replies = cursor_of(OK OK, sizeof OK OK - 1), first;
        assert_true(cursor_take(&replies, split < replies.left ? split : replies.left, &first));
        dialogue_answer(dialogue, first);
        dialogue_answer(dialogue, replies);
        for (int i = 0; i < 2; i++) {
            dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
            dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
        }
        dialogue_finish(dialogue);
        assert_int_equal(dialogue_count(dialogue, TABLE_http), 4);
        for (int64_t id = 1; id <= 2; id++) {
            assert_null(dialogue_http(dialogue, id)->method.at);
            assert_int_equal(dialogue_http(dialogue, id)->complete, 0);
            assert_true(text_is(dialogue_http(dialogue, id + 2)->method, "CCM_POST"));
            assert_int_equal(dialogue_http(dialogue, id + 2)->complete, 1);
            assert_message(dialogue, 2 * id - 1, "request", "RequestAssignments");
            assert_message(dialogue, 2 * id, "reply", "ReplyAssignments");
        }
        dialogue_free(dialogue);
    }
}

static void requests_after_a_lone_reply_get_their_own_replies(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply)); /* its request came before the capture */
    dialogue_ask_text(dialogue, "GET /a HTTP/1.1\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    dialogue_ask_text(dialogue, "GET /b HTTP/1.1\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 3);
    assert_true(text_is(dialogue_http(dialogue, 2)->uri, "/a"));
    assert_int_equal(dialogue_http(dialogue, 2)->status, 404);
    assert_true(text_is(dialogue_http(dialogue, 3)->uri, "/b"));
    assert_int_equal(dialogue_http(dialogue, 3)->status, 302);
}

static void a_request_without_reply_has_no_status(void **state)
{
    struct fixture *fixture = *state;
    dialogue_post(fixture->dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_finish(fixture->dialogue);
    assert_int_equal(dialogue_count(fixture->dialogue, TABLE_http), 1);
    assert_true(dialogue_http(fixture->dialogue, 1)->status == INT_NULL);
    assert_true(dialogue_http(fixture->dialogue, 1)->reply_packet == INT_NULL);
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->complete, 0);
    assert_message(fixture->dialogue, 1, "request", "RequestAssignments");
    assert_true(text_is(dialogue_message(fixture->dialogue, 1)->signature, "valid"));
}

static void a_request_that_ends_too_early_is_told(void **state)
{
    struct fixture *fixture = *state;
    char headers[400];
    snprintf(headers, sizeof headers,
             "CCM_POST /ccm_system/request HTTP/1.1\r\nContent-Type: " SAMPLE_TYPE "\r\nContent-Length: %zu\r\n\r\n",
             fixture->body.length);
    dialogue_ask_text(fixture->dialogue, headers);
    dialogue_ask(fixture->dialogue, cursor_of(fixture->body.bytes, fixture->body.length / 2));
    dialogue_finish(fixture->dialogue);
    assert_int_equal(dialogue_count(fixture->dialogue, TABLE_message), 1);
    assert_non_null(dialogue_message(fixture->dialogue, 1)->malformed.at);
    assert_int_equal(dialogue_http(fixture->dialogue, 1)->complete, 0);
}

/* One side of the connection was not captured: every request is a row, and none waits for ever. */
static void a_capture_of_one_side_keeps_all_exchanges(void **state)
{
    (void)state;
    enum { EXCHANGES = 3000 };
    for (int together = 0; together <= 1; together++) {
        struct dialogue *requests = dialogue_new(NEED_NOTHING), *replies = dialogue_new(NEED_NOTHING);
        struct buffer text;
        buffer_init(&text, SAMPLE_MAX);
        for (int i = 0; i < EXCHANGES; i++) {
            sample_print(&text, "CCM_POST /ccm_system/request?%d HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", i);
            if (!together) {
                dialogue_ask(requests, buffer_cursor(&text));
                buffer_reset(&text, SAMPLE_MAX);
                dialogue_answer_text(replies, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
            }
        }
        if (together)
            dialogue_ask(requests, buffer_cursor(&text));
        dialogue_finish(requests);
        dialogue_finish(replies);
        assert_int_equal(dialogue_count(requests, TABLE_http), EXCHANGES);
        assert_true(text_is(dialogue_http(requests, EXCHANGES)->uri, "/ccm_system/request?2999"));
        assert_int_equal(dialogue_count(requests, TABLE_message), EXCHANGES);
        assert_int_equal(dialogue_count(replies, TABLE_http), together ? 0 : EXCHANGES);
        for (int64_t id = 1; id <= EXCHANGES; id += 100) {
            assert_int_equal(dialogue_http(requests, id)->request_bytes, 3);
            assert_int_equal(dialogue_http(requests, id)->complete, 0);
        }
        dialogue_free(requests);
        dialogue_free(replies);
        buffer_free(&text);
    }
}

/* ---- Nonsense ---- */

static void garbage_between_exchanges_does_not_make_methods(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue *dialogue = fixture->dialogue;
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
    dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
    dialogue_ask(dialogue, cursor_of("\x00\x01\x02 garbage \xFF\xFE\r\n\r\n", 19));
    dialogue_ask(dialogue, cursor_of("\x80\x80\x80\x80", 4));
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 2);
    assert_int_equal(dialogue_http(dialogue, 1)->complete, 1);
    for (int64_t id = 2; id <= dialogue_count(dialogue, TABLE_http); id++)
        assert_int_equal(dialogue_http(dialogue, id)->complete, 0);
}

static void a_method_behind_blank_lines_is_read(void **state)
{
    struct dialogue *dialogue = ((struct fixture *)*state)->dialogue;
    dialogue_ask_text(dialogue, "GET /a HTTP/1.1\r\n\r\n");
    dialogue_answer_text(dialogue, OK);
    dialogue_ask_text(dialogue, "\r\nGET /b HTTP/1.1\r\n\r\n"); /* RFC 9112 section 2.2 */
    dialogue_answer_text(dialogue, OK);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 2);
    assert_true(text_is(dialogue_http(dialogue, 2)->uri, "/b"));
    assert_true(text_is(dialogue_http(dialogue, 2)->method, "GET"));
}

static void bytes_of_any_value_in_headers_become_valid_text(void **state)
{
    struct dialogue *dialogue = ((struct fixture *)*state)->dialogue;
    dialogue_ask_text(dialogue, "GET /\xFF\xC0\xAF HTTP/1.1\r\nHost: \xE4\r\nUser-Agent: \xED\xA0\x80\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 200 \xFF\r\nServer: \x80\r\nContent-Length: 0\r\n\r\n");
    dialogue_finish(dialogue);
    const struct http_row *row = dialogue_http(dialogue, 1);
    assert_true(text_is(row->host, "\xEF\xBF\xBD"));
    assert_true(text_is(row->user_agent, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"));
    assert_true(text_is(row->uri, "/\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"));
    assert_true(text_is(row->server_header, "\xEF\xBF\xBD"));
}

/* ---- What is asked for ---- */

static void payloads_are_not_inflated_unless_something_asks(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        unsigned needs;
        uint64_t inflated;
    } cases[] = {
        {NEED_NOTHING, 0}, {NEED_SIGNATURE, 0}, {NEED_REGISTRATION, 0}, {NEED_POLICY, 1},
        {NEED_PAYLOAD, 2}, {NEED_FINDING, 2},   {NEED_EVERYTHING, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dialogue *dialogue = dialogue_new(cases[i].needs);
        dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&fixture->body));
        dialogue_reply(dialogue, NULL, buffer_cursor(&fixture->reply));
        dialogue_finish(dialogue);
        assert_int_equal(dissect_counts(dialogue->dissect).inflated, cases[i].inflated);
        assert_int_equal(dialogue_count(dialogue, TABLE_message), 2);
        assert_true(text_is(dialogue_message(dialogue, 1)->source_id, VECTOR_CLIENT));
        assert_int_equal(dialogue_message(dialogue, 1)->signed_, 1);
        assert_int_equal(dialogue_message(dialogue, 1)->body.at != NULL, (cases[i].needs & NEED_BODY) != 0);
        dialogue_free(dialogue);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_and_its_reply_are_one_exchange_and_two_messages),
        TEST(pieces_of_any_size_say_the_same),
        TEST(requests_sent_ahead_of_replies_are_paired_in_order),
        TEST(a_chunked_request_and_a_chunked_reply_are_put_together),
        TEST(an_interim_reply_is_not_the_reply),
        TEST(a_gzip_reply_is_decoded),
        TEST(a_reply_without_length_ends_with_the_connection),
        TEST(a_message_sent_by_post_is_recognised_by_its_type),
        TEST(a_connection_of_thousands_of_exchanges_loses_none),
        TEST(bodies_end_where_they_say),
        TEST(a_tunnel_is_no_http_any_more),
        TEST(headers_without_end_are_given_up),
        TEST(a_lost_request_does_not_shift_the_replies),
        TEST(behind_a_hole_in_requests_sent_ahead_replies_stay_alone),
        TEST(a_lost_reply_leaves_its_request_alone),
        TEST(a_gap_in_a_body_marks_the_message_and_keeps_the_next),
        TEST(a_gap_in_a_reply_marks_it_and_keeps_the_next),
        TEST(a_gap_in_headers_costs_that_exchange_only),
        TEST(a_gap_between_exchanges_is_survived),
        TEST(a_reply_without_its_request_is_a_row_without_method),
        TEST(messages_after_lone_replies_are_read),
        TEST(requests_after_a_lone_reply_get_their_own_replies),
        TEST(a_request_without_reply_has_no_status),
        TEST(a_request_that_ends_too_early_is_told),
        TEST(a_capture_of_one_side_keeps_all_exchanges),
        TEST(garbage_between_exchanges_does_not_make_methods),
        TEST(a_method_behind_blank_lines_is_read),
        TEST(bytes_of_any_value_in_headers_become_valid_text),
        TEST(payloads_are_not_inflated_unless_something_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
