/* tests/unit/test_dissect_message_trouble.c: a ConfigMgr message, upload, policy or notification that cannot be read leaves a row
 * of `trouble`. */
#include <stdio.h>

#include "tests/unit/message_fixture.h"
#include "tests/unit/talk_fixture.h"

#define MP "/ccm_system/request"
#define GET_POLICY "GET /SMS_MP/.sms_pol?{2}.3_00 HTTP/1.1\r\nHost: mp\r\n\r\n"
#define MULTIPART "Content-Type: " SAMPLE_TYPE "\r\n"

/* Compares the only row of trouble; `reason` NULL: there must be none. */
static void assert_told(struct dialogue *dialogue, const char *protocol, const char *reason, const char *what)
{
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_trouble), reason != NULL);
    if (reason != NULL) {
        const struct trouble_row *row = ROW(dialogue, trouble, 1);
        assert_text(row->protocol, protocol);
        assert_text(row->reason, reason);
        assert_text(row->what, what);
        assert_true(row->packet > 0);
        assert_int_equal(row->flow, 1);
    }
    dialogue_free(dialogue);
}

static void build(const struct sample *sample, struct buffer *out)
{
    buffer_init(out, SAMPLE_MAX);
    sample_build(sample, out);
}

static void requests_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    static const struct {
        struct sample sample;
        const char *reason, *what;
    } cases[] = {
        {{.endpoint = "MP_PolicyManager", .body = "<a/>"}, NULL, NULL},
        {{.endpoint = "MP_PolicyManager", .body = "<a/>", .children = "<b>"}, "malformed", "header"},
        {{.endpoint = "MP_PolicyManager", .payload = {(const uint8_t *)"\x78\x9Cnot deflate", 13}},
         "malformed",
         "payload"},
        {{.endpoint = "MP_PolicyManager", .payload = {(const uint8_t *)"neither", 7}}, "malformed", "payload"},
        {{.endpoint = "MP_PolicyManager",
          .payload = {(const uint8_t *)"\x30\x82\x10\x10\x06\x09\x2A\x86\x48\x86\xF7\x0D"
                                       "\x01\x07\x03",
                      15}},
         "malformed",
         "payload"},
        {{.endpoint = "MP_PolicyManager", .body = "<a><b></a>"}, "malformed", "body"},
        {{.endpoint = "MP_PolicyManager", .body = "<a/>", .range = "<Body Offset=\"9\" Length=\"999\"/>"},
         "malformed",
         "body"},
        {{.endpoint = "MP_PolicyManager",
          .body = "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
                  "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><"
                  "a><a><a><a>"
                  "<a><a><a><a><a><a>"},
         "limit",
         "body"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
        struct buffer body;
        build(&cases[i].sample, &body);
        dialogue_post(dialogue, MP, MULTIPART, buffer_cursor(&body));
        buffer_free(&body);
        assert_told(dialogue, "message", cases[i].reason, cases[i].what);
    }
}

static void a_multipart_body_that_cannot_be_split_is_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
    struct sample sample = {.endpoint = "MP_PolicyManager", .body = "<a/>"};
    struct buffer body;
    build(&sample, &body);
    body.length -= 4; /* the closing boundary is cut, and the connection is whole */
    dialogue_post(dialogue, MP, MULTIPART, buffer_cursor(&body));
    buffer_free(&body);
    assert_told(dialogue, "message", "malformed", "multipart body");
}

static void a_part_in_a_coding_that_is_not_read_is_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
    struct buffer header, body;
    buffer_init(&header, SAMPLE_MAX);
    buffer_init(&body, SAMPLE_MAX);
    sample_wide(&header, "<Msg><ID>1</ID></Msg>");
    sample_part(&body, "content-type: text/plain; charset=UTF-16\r\n", buffer_cursor(&header));
    sample_part(&body, "content-type: application/octet-stream\r\ncontent-transfer-encoding: base64\r\n",
                cursor_of("PGEvPg==", 8));
    sample_close(&body);
    dialogue_post(dialogue, MP, MULTIPART, buffer_cursor(&body));
    buffer_free(&header);
    buffer_free(&body);
    assert_told(dialogue, "message", "unsupported", "multipart body");
}

/* Its offset is where the payload begins. */
static void the_offset_is_that_of_the_part(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
    struct sample sample = {.endpoint = "MP_PolicyManager", .payload = cursor_of("neither", 7)};
    struct buffer body;
    size_t at;
    build(&sample, &body);
    dialogue_post(dialogue, MP, MULTIPART, buffer_cursor(&body));
    assert_true(cursor_find(buffer_cursor(&body), cursor_of("neither", 7), &at));
    assert_int_equal(ROW(dialogue, trouble, 1)->offset, (int64_t)at);
    buffer_free(&body);
    assert_told(dialogue, "message", "malformed", "payload");
}

static void signatures_of_replies_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    static const char *const signatures[] = {"3082040006092A864886F70D010702A0", "no hex digits"};
    for (size_t i = 0; i < 2; i++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
        char hook[200];
        struct buffer body;
        snprintf(hook, sizeof hook, "<Hook3 Name=\"authenticate\"><Property Name=\"Signature\">%s</Property></Hook3>",
                 signatures[i]);
        struct sample ask = {.endpoint = "MP_PolicyManager", .body = "<a/>"}, reply = {.body = "<b/>", .hooks = hook};
        build(&ask, &body);
        dialogue_post(dialogue, MP, MULTIPART, buffer_cursor(&body));
        buffer_reset(&body, SAMPLE_MAX);
        sample_build(&reply, &body);
        dialogue_reply(dialogue, MULTIPART, buffer_cursor(&body));
        buffer_free(&body);
        assert_told(dialogue, "message", "malformed", "reply signature");
    }
}

static void policies_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    const struct {
        struct cursor body;
        const char *reason, *what;
    } cases[] = {
        {VECTOR("<Policy/>"), NULL, NULL},
        {VECTOR("<HTML>ERROR"), NULL, NULL}, /* a refusal */
        {VECTOR("<Policy><a></Policy>"), "malformed", "body"},
        {VECTOR("\x78\x9Cnot deflate"), "malformed", "compressed body"},
        {VECTOR("\x30\x82\x10\x10\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03"), "malformed", "envelope"},
        {VECTOR("neither"), "unsupported", "body"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
        dialogue_ask_text(dialogue, GET_POLICY);
        dialogue_reply(dialogue, NULL, cases[i].body);
        assert_told(dialogue, "policy", cases[i].reason, cases[i].what);
    }
}

static void answers_with_certificates_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
    dialogue_ask_text(dialogue, "GET /SMS_MP/.sms_aut?MPCERT HTTP/1.1\r\nHost: mp\r\n\r\n");
    dialogue_reply(dialogue, NULL, VECTOR("<MPCertificate><Certificate>30"));
    assert_told(dialogue, "message", "malformed", "answer with certificates");
}

static void notifications_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    static const char *const bodies[] = {"neither", "<a><b>x"};
    for (size_t i = 0; i < 2; i++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
        dialogue_ask_text(dialogue,
                          "POST /bgb/handler.ashx?RequestType=LogIn HTTP/1.1\r\nHost: mp\r\nContent-Length: 7\r\n\r\n");
        dialogue_ask_text(dialogue, bodies[i]);
        assert_told(dialogue, "message", "malformed", "notification");
    }
}

#define BITS_POST(type, rest)                                                                                          \
    "BITS_POST /CCM_Incoming/{A}/r.xml HTTP/1.1\r\nHost: mp\r\nBITS-Packet-Type: " type "\r\n" rest
#define BITS_ACK(rest) "HTTP/1.1 200 OK\r\nBITS-Packet-Type: Ack\r\n" rest "Content-Length: 0\r\n\r\n"

static void uploads_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 80);
    dialogue_ask_text(dialogue, BITS_POST("Create-Session", "Content-Length: 0\r\n\r\n"));
    dialogue_answer_text(dialogue, BITS_ACK("BITS-Session-Id: {S}\r\n"));
    dialogue_ask_text(dialogue, BITS_POST("Fragment", "BITS-Session-Id: {S}\r\nContent-Range: bytes 0-9/10\r\n"
                                                      "Content-Length: 10\r\n\r\n<a><b></a>"));
    dialogue_answer_text(dialogue, BITS_ACK(""));
    dialogue_ask_text(dialogue, BITS_POST("Close-Session", "BITS-Session-Id: {S}\r\nContent-Length: 0\r\n\r\n"));
    dialogue_answer_text(dialogue, BITS_ACK(""));
    assert_told(dialogue, "message", "malformed", "body");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_that_cannot_be_read_are_told),
        cmocka_unit_test(a_multipart_body_that_cannot_be_split_is_told),
        cmocka_unit_test(a_part_in_a_coding_that_is_not_read_is_told),
        cmocka_unit_test(the_offset_is_that_of_the_part),
        cmocka_unit_test(signatures_of_replies_that_cannot_be_read_are_told),
        cmocka_unit_test(policies_that_cannot_be_read_are_told),
        cmocka_unit_test(answers_with_certificates_that_cannot_be_read_are_told),
        cmocka_unit_test(notifications_that_cannot_be_read_are_told),
        cmocka_unit_test(uploads_that_cannot_be_read_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
