/* tests/unit/test_dissect_unread.c: what could not be read is no finding: messages and policies that were cut off, that
 * have a coding which is not undone, or of which only a range was sent. */
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
#define ASSIGNMENTS                                                                                                    \
    "<ReplyAssignments SchemaVersion=\"1.00\"><PolicyAssignment PolicyAssignmentID=\"{9}\"><Policy PolicyID=\"{2}\" "  \
    "PolicyVersion=\"3.00\" PolicyCategory=\"x\" PolicyFlags=\"4\"><PolicyLocation PolicyHash=\"00000000000000000000"  \
    "000000000000\">http://mp/SMS_MP/.sms_pol?{2}.3_00</PolicyLocation></Policy></PolicyAssignment></"                 \
    "ReplyAssignments>"
#define MP "/ccm_system/request"
#define GET_POLICY "GET /SMS_MP/.sms_pol?{2}.3_00 HTTP/1.1\r\nHost: mp\r\n\r\n"

static int open_dialogue(void **state)
{
    *state = dialogue_new(NEED_EVERYTHING);
    return 0;
}

static int close_dialogue(void **state)
{
    dialogue_free(*state);
    return 0;
}

static void build_request(struct buffer *body)
{
    struct sample sample = {.endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    buffer_init(body, SAMPLE_MAX);
    sample_build(&sample, body);
}

static void build_reply(struct buffer *body)
{
    struct sample sample = {.body = ASSIGNMENTS};
    buffer_init(body, SAMPLE_MAX);
    sample_build(&sample, body);
}

static void assert_unread(const struct dialogue *dialogue, int64_t id, const char *missing)
{
    const struct message_row *row = dialogue_message(dialogue, id);
    assert_non_null(row);
    assert_true(text_is(row->missing, missing));
    assert_non_null(row->malformed.at);
    assert_true(text_is(row->signature, "unsupported"));
    assert_int_equal(dialogue_findings(dialogue, id, "C32"), 0);
    assert_int_equal(dialogue_findings(dialogue, id, "C20"), 0);
    assert_int_equal(dialogue_findings(dialogue, id, "C45"), 0);
    assert_int_equal(dialogue_findings(dialogue, id, "C47"), 0);
}

static void a_coding_that_is_not_undone_is_no_finding(void **state)
{
    struct dialogue *dialogue = *state;
    static const char *const headers[] = {"Content-Encoding: br\r\n", "Content-Encoding: gzip, zstd\r\n",
                                          "Content-Encoding: gzip, gzip, gzip\r\n"};
    static const char coded[] = "\x1B\x2A\x00\xF8\x8D\xA0\x9F\x1B\x2A\x00\xF8\x8D";
    size_t count = sizeof headers / sizeof headers[0];
    for (size_t i = 0; i < count; i++) {
        char line[200];
        snprintf(line, sizeof line, "%sContent-Type: " SAMPLE_TYPE "\r\n", headers[i]);
        dialogue_post(dialogue, MP, headers[i], cursor_of(coded, sizeof coded - 1));
        dialogue_reply(dialogue, line, cursor_of(coded, sizeof coded - 1));
    }
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 2 * count);
    for (size_t i = 0; i < 2 * count; i++)
        assert_unread(dialogue, (int64_t)i + 1, "coding");
    assert_int_equal(dissect_counts(dialogue->dissect).http_truncated, 2 * count); /* exit status 5 */
}

/* RFC 9112 section 7: the transfer may have codings besides chunks. */
static void a_transfer_coding_that_is_not_undone_is_no_finding(void **state)
{
    struct dialogue *dialogue = *state;
    dialogue_ask_text(dialogue, "CCM_POST " MP " HTTP/1.1\r\nHost: mp\r\nContent-Type: " SAMPLE_TYPE
                                "\r\nTransfer-Encoding: zstd, chunked\r\n\r\n4\r\n\x28\xB5\x2F\xFD\r\n0\r\n\r\n");
    dialogue_finish(dialogue);
    assert_unread(dialogue, 1, "coding");
}

static void a_hole_in_a_message_is_no_finding(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer request, reply;
    build_request(&request);
    build_reply(&reply);
    char head[200];
    snprintf(head, sizeof head,
             "CCM_POST " MP " HTTP/1.1\r\nHost: mp\r\nContent-Type: " SAMPLE_TYPE "\r\nContent-Length: %zu\r\n\r\n",
             request.length);
    dialogue_ask_text(dialogue, head);
    dialogue_ask(dialogue, (struct cursor){request.bytes, 90});
    dialogue_gap(dialogue, DIRECTION_OUT, 800);
    dialogue_ask(dialogue, (struct cursor){request.bytes + 890, request.length - 890});
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: " SAMPLE_TYPE "\r\nContent-Length: %zu\r\n\r\n",
             reply.length);
    dialogue_answer_text(dialogue, head);
    dialogue_gap(dialogue, DIRECTION_IN, 300); /* the boundary and the header are lost */
    dialogue_answer(dialogue, (struct cursor){reply.bytes + 300, reply.length - 300});
    dialogue_finish(dialogue);
    assert_unread(dialogue, 1, "bytes");
    for (int64_t id = 2; id <= dialogue_count(dialogue, TABLE_message); id++)
        assert_unread(dialogue, id, "bytes");
    buffer_free(&request);
    buffer_free(&reply);
}

static void a_message_whose_connection_ends_early_is_no_finding(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer request;
    build_request(&request);
    char head[200];
    snprintf(head, sizeof head,
             "CCM_POST " MP " HTTP/1.1\r\nHost: mp\r\nContent-Type: " SAMPLE_TYPE "\r\nContent-Length: %zu\r\n\r\n",
             request.length);
    dialogue_ask_text(dialogue, head);
    dialogue_ask(dialogue, (struct cursor){request.bytes, request.length - 30});
    dialogue_finish(dialogue);
    assert_unread(dialogue, 1, "bytes");
    buffer_free(&request);
}

/* Assigns the policy {2} with a hash that no body has, so that a body of which all was read breaks C52. */
static void assign(struct dialogue *dialogue)
{
    struct buffer request, reply;
    build_request(&request);
    build_reply(&reply);
    dialogue_post(dialogue, MP, NULL, buffer_cursor(&request));
    dialogue_reply(dialogue, NULL, buffer_cursor(&reply));
    buffer_free(&request);
    buffer_free(&reply);
}

static void a_part_of_a_policy_is_not_compared_with_its_hash(void **state)
{
    struct dialogue *dialogue = *state;
    static const struct {
        const char *reply;
        bool cut;
        int found;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<Policy/>", false, 1},
        {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-8/9\r\nContent-Length: 9\r\n\r\n<Policy/>", false, 1},
        {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-8/18\r\nContent-Length: 9\r\n\r\n<Policy/>", false, 0},
        {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-8/*\r\nContent-Length: 9\r\n\r\n<Policy/>", false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 9\r\n\r\n<Policy/>", false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n<Policy/>", true, 0},
    };
    assign(dialogue);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dialogue_ask_text(dialogue, GET_POLICY);
        dialogue_answer_text(dialogue, cases[i].reply);
        if (cases[i].cut)
            dialogue_close(dialogue);
    }
    dialogue_finish(dialogue);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct policy_row *row = dialogue_policy(dialogue, (int64_t)i + 2);
        assert_int_equal(row->fetched, 1);
        assert_true(text_is(row->body, cases[i].found ? "clear" : "unknown"));
        assert_true(cases[i].found ? row->hash_ok == 0 : row->hash_ok == INT_NULL);
    }
    assert_int_equal(dialogue_findings(dialogue, 0, "C52"), 2 * 2); /* the hash, and a flag that says not to fetch it */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_dialogue, close_dialogue)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_coding_that_is_not_undone_is_no_finding),
        TEST(a_transfer_coding_that_is_not_undone_is_no_finding),
        TEST(a_hole_in_a_message_is_no_finding),
        TEST(a_message_whose_connection_ends_early_is_no_finding),
        TEST(a_part_of_a_policy_is_not_compared_with_its_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
