/* tests/unit/test_dissect_http_start.c: where HTTP begins and where it does not: empty lines, other protocols of text, and
 * bodies whose coding is not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dialogue_fixture.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: mp\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: mp\r\nContent-Length: 4\r\n\r\nbody"

/* One side speaks: '>' asks, '<' answers. */
struct turn {
    char side;
    const char *text;
};

static struct dialogue *talk(const struct turn *turns, size_t piece)
{
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
    dialogue->piece = piece;
    for (; turns->text != NULL; turns++) {
        if (turns->side == '>')
            dialogue_ask_text(dialogue, turns->text);
        else
            dialogue_answer_text(dialogue, turns->text);
    }
    dialogue_finish(dialogue);
    return dialogue;
}

/* ---- Empty lines (RFC 9112 section 2.2) ---- */

#define TURNS_MAX 6

static void empty_lines_before_a_message_are_passed_over(void **state)
{
    static const struct {
        struct turn turns[TURNS_MAX];
        int64_t exchanges;
    } cases[] = {
        {{{'>', "\r\n" GET("/a")}, {'<', OK}}, 1},
        {{{'>', "\r\n\r\n\r\n" GET("/a")}, {'<', OK}}, 1},
        {{{'>', "\n" GET("/a")}, {'<', OK}}, 1},
        {{{'>', "\n\n\r\n" GET("/a")}, {'<', OK}}, 1},
        {{{'>', "\r\n"}, {'>', GET("/a")}, {'<', OK}}, 1},
        {{{'>', "\r"}, {'>', "\n" GET("/a")}, {'<', OK}}, 1},
        {{{'>', POST("/a") "\r\n"}, {'<', OK}, {'>', POST("/b") "\r\n"}, {'<', OK}}, 2}, /* as old browsers did */
        {{{'>', POST("/a")}, {'<', OK}, {'>', "\r\n" POST("/b")}, {'<', OK}}, 2},
        {{{'>', GET("/a") "\r\n" GET("/b") "\r\n\n" GET("/c")}, {'<', OK OK OK}}, 3},
        {{{'>', GET("/a")}, {'<', "\r\n" OK}}, 1},
        {{{'>', GET("/a") GET("/b")}, {'<', OK "\r\n" OK}}, 2},
        {{{'<', "\r\n" OK}, {'>', GET("/a")}, {'<', OK}}, 2}, /* met in the middle: a reply alone */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 0; piece < 3; piece++) {
            struct dialogue *dialogue = talk(cases[i].turns, piece);
            assert_int_equal(dialogue_count(dialogue, TABLE_http), cases[i].exchanges);
            const struct http_row *last = dialogue_http(dialogue, cases[i].exchanges);
            assert_int_equal(last->complete, 1);
            assert_int_equal(last->status, 200);
            assert_int_equal(dissect_counts(dialogue->dissect).http_errors, 0);
            dialogue_free(dialogue);
        }
    }
}

/* ---- Other protocols of text ---- */

/* Dialogues as in RFC 959, 5321, 1939, 3501, 2812, 3261, 2326, 3977, 3507: none is HTTP. */
static void other_protocols_of_text_are_not_http(void **state)
{
    static const struct turn cases[][TURNS_MAX] = {
        {{'<', "220 ftp ready\r\n"}, {'>', "CWD /pub\r\n"}, {'<', "250 ok\r\n"}, {'>', "RETR /pub/file\r\n"}},
        {{'<', "220 ftp ready\r\n"}, {'>', "STOR /x\r\n"}, {'>', "MKD /y\r\n"}, {'>', "SIZE /z\r\n"}},
        {{'<', "220 ftp ready\r\n"}, {'>', "GET /not/of/ftp\r\n"}},
        {{'<', "220 mail\r\n"}, {'>', "HELP *\r\n"}, {'>', "VRFY /user\r\n"}},
        {{'<', "+OK pop3\r\n"}, {'>', "LIST /\r\n"}, {'>', "TOP /x 1\r\n"}},
        {{'<', "* OK imap\r\n"}, {'>', "LIST * x\r\n"}, {'>', "SELECT /inbox\r\n"}},
        {{'>', "NICK me\r\n"}, {'>', "LIST *\r\n"}, {'>', "WHO *\r\n"}},
        {{'>', "OPTIONS sip:a@b SIP/2.0\r\n\r\n"}, {'<', "SIP/2.0 200 OK\r\n\r\n"}},
        {{'>', "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"}, {'<', "RTSP/1.0 200 OK\r\n\r\n"}},
        {{'<', "220 ftp ready\r\n"}, {'>', "DELETE /x\r\n"}, {'>', "COPY /y\r\n"}},
        {{'>', "SETUP /stream RTSP/1.0\r\n\r\n"}},
        {{'<', "200 news\r\n"}, {'>', "LIST *\r\n"}, {'>', "GROUP /x\r\n"}},
        {{'>', "OPTIONS /service ICAP/1.0\r\n\r\n"}},
        {{'>', "SOURCE /mount ICE/1.0\r\n\r\n"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dialogue *dialogue = talk(cases[i], 0);
        assert_int_equal(dialogue_count(dialogue, TABLE_http), 0);
        assert_null(dialogue_flow(dialogue, 1)->app.at);
        dialogue_free(dialogue);
    }
}

static void a_request_without_version_is_one_of_http09_or_of_a_client_that_is_wrong(void **state)
{
    static const struct {
        struct turn turns[3];
        int64_t count;
        const char *notes;
    } cases[] = {
        {{{'>', "GET /old\r\n"}, {'<', "<html>"}}, 1, NULL},
        {{{'>', "POST /old\r\n"}, {'<', "<html>"}}, 1, "bad version"},
        {{{'>', "SETUP /old\r\n"}, {'<', "<html>"}}, 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dialogue *dialogue = talk(cases[i].turns, 0);
        assert_int_equal(dialogue_count(dialogue, TABLE_http), cases[i].count);
        if (cases[i].count > 0) {
            assert_int_equal(dialogue_http(dialogue, 1)->response_bytes, 6);
            assert_true(text_equal(dialogue_http(dialogue, 1)->notes, text_of(cases[i].notes)));
        }
        dialogue_free(dialogue);
    }
}

static void requests_of_any_method_are_recognised_with_their_version(void **state)
{
    static const char *const lines[] = {
        "CCM_POST /ccm_system/request HTTP/1.1\r\n\r\n",
        "BITS_POST /CCM_Incoming/x HTTP/1.1\r\n\r\n",
        "SUBSCRIBE /event HTTP/1.1\r\n\r\n",
        "GET http://mp/x HTTP/1.0\r\n\r\n",
        "CONNECT mp:443 HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct turn turns[] = {{'>', lines[i]}, {0}};
        struct dialogue *dialogue = talk(turns, 0);
        assert_int_equal(dialogue_count(dialogue, TABLE_http), 1);
        dialogue_free(dialogue);
    }
}

/* ---- Codings ---- */

#define SERVED(coding)                                                                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=\"aAbBcCdDv1234567890VxXyYzZ\"\r\n" coding             \
    "Content-Length: 4\r\n\r\n\xff\xff\xff\xff"

static void a_coding_that_is_not_read_is_noted(void **state)
{
    static const struct {
        const char *reply, *notes;
    } cases[] = {
        {SERVED("Content-Encoding: br\r\n"), "coding of the body not read"},
        {SERVED("Content-Encoding: zstd\r\n"), "coding of the body not read"},
        {SERVED("Content-Encoding: compress\r\n"), "coding of the body not read"},
        {SERVED("Content-Encoding: gzip, br\r\n"), "coding of the body not read"},
        {SERVED("Content-Encoding: gzip, gzip, gzip\r\n"), "coding of the body not read"},
        {SERVED("Content-Encoding: identity\r\n"), NULL},
        {SERVED("Content-Encoding: deflate\r\n"), "coding of the body broken"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct turn turns[] = {{'>', GET("/ccm_system/request")}, {'<', cases[i].reply}, {0}};
        struct dialogue *dialogue = talk(turns, 0);
        struct text notes = dialogue_http(dialogue, 1)->notes;
        assert_true(cases[i].notes == NULL ? notes.at == NULL : text_is(notes, cases[i].notes));
        dialogue_free(dialogue);
    }
}

/* Transfer codings come off as well (RFC 9112 section 7.2); python3: gzip.compress(b"hello", mtime=0).hex() */
static void a_transfer_coding_comes_off(void **state)
{
    static const char body[] =
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05"
        "\x00\x00\x00";
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n19\r\n";
    (void)state;
    struct dialogue *dialogue = dialogue_new(UINT32_MAX);
    dialogue_ask_text(dialogue, GET("/a"));
    dialogue_answer(dialogue, cursor_of(head, sizeof head - 1));
    dialogue_answer(dialogue, cursor_of(body, sizeof body - 1));
    dialogue_answer_text(dialogue, "\r\n0\r\n\r\n");
    dialogue_finish(dialogue);
    /* printf hello | sha256sum */
    assert_true(text_is_like(dialogue_http(dialogue, 1)->response_sha256,
                             "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
    assert_int_equal(dialogue_http(dialogue, 1)->complete, 1);
    dialogue_free(dialogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_lines_before_a_message_are_passed_over),
        cmocka_unit_test(other_protocols_of_text_are_not_http),
        cmocka_unit_test(a_request_without_version_is_one_of_http09_or_of_a_client_that_is_wrong),
        cmocka_unit_test(requests_of_any_method_are_recognised_with_their_version),
        cmocka_unit_test(a_coding_that_is_not_read_is_noted),
        cmocka_unit_test(a_transfer_coding_comes_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
