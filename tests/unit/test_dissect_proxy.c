/* tests/unit/test_dissect_proxy.c: headers of the PROXY protocol in front of connections, and clients that nobody understands.
 * The headers are those of the specification: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/proxy.h"
#include "tests/unit/dialogue_fixture.h"

#define BYTES(literal)                                                                                                 \
    {                                                                                                                  \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                                \
    }
#define GET "GET /a HTTP/1.1\r\nHost: mp\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define V2_IPV4 V2 "\x21\x11\x00\x0c\xc0\x00\x02\x05\xc6\x33\x64\x0b\xc3\x50\x00\x50"
#define V2_IPV4_TLV                                                                                                    \
    V2 "\x21\x11\x00\x14\xc0\x00\x02\x05\xc6\x33\x64\x0b\xc3\x50\x00\x50\x04\x00\x05\x01\x02\x03\x04\x05"
#define V2_IPV6                                                                                                        \
    V2 "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0b\xc3\x50"  \
       "\x00"                                                                                                          \
       "\x50"
#define V2_LOCAL V2 "\x20\x00\x00\x00"
#define V2_UNIX V2 "\x21\x31\x00\x02xx"
/* A ClientHello begins so; a Negotiate of SMB2 with its length in front. */
#define TLS_HELLO "\x16\x03\x01\x00\x30\x01\x00\x00\x2c\x03\x03"
#define SMB2_HELLO                                                                                                     \
    "\x00\x00\x00\x40\xfeSMB\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

static const struct {
    struct cursor header;
    const char *client; /* NULL: it does not say */
} HEADERS[] = {
    {BYTES("PROXY TCP4 192.0.2.5 198.51.100.11 50000 80\r\n"), "192.0.2.5:50000"},
    {BYTES("PROXY TCP6 2001:db8::5 2001:db8::b 50000 80\r\n"), "[2001:db8::5]:50000"},
    {BYTES("PROXY UNKNOWN\r\n"), NULL},
    {BYTES("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), NULL},
    {BYTES(V2_IPV4), "192.0.2.5:50000"},
    {BYTES(V2_IPV4_TLV), "192.0.2.5:50000"},
    {BYTES(V2_IPV6), "[2001:db8::5]:50000"},
    {BYTES(V2_LOCAL), NULL},
    {BYTES(V2_UNIX), NULL},
};
#define HEADER_COUNT (sizeof HEADERS / sizeof HEADERS[0])

static void a_header_is_taken_off_whatever_follows(void **state)
{
    static const struct {
        struct cursor first;
        const char *app;
    } inside[] = {{BYTES(GET), "http"}, {BYTES(TLS_HELLO), "tls"}, {BYTES(SMB2_HELLO), "smb"}};
    (void)state;
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        for (size_t j = 0; j < sizeof inside / sizeof inside[0]; j++) {
            for (size_t piece = 0; piece < 40; piece += 13) { /* whole, and in pieces of 13, 26 and 39 bytes */
                struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
                uint8_t bytes[256];
                struct cursor header = HEADERS[i].header, first = inside[j].first;
                memcpy(bytes, header.at, header.left);
                memcpy(bytes + header.left, first.at, first.left);
                dialogue->piece = piece;
                dialogue_ask(dialogue, cursor_of(bytes, header.left + first.left));
                dialogue_finish(dialogue);
                const struct flow_row *flow = dialogue_flow(dialogue, 1);
                assert_true(text_is(flow->app, inside[j].app));
                assert_true(text_equal(flow->proxied, text_of(HEADERS[i].client)));
                dialogue_free(dialogue);
            }
        }
    }
}

static void an_exchange_behind_a_header_is_whole(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 3; piece++) {
        struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
        dialogue->piece = piece;
        dialogue_ask_text(dialogue, "PROXY TCP4 192.0.2.5 198.51.100.11 50000 80\r\n" GET);
        dialogue_answer_text(dialogue, OK);
        dialogue_finish(dialogue);
        assert_int_equal(dialogue_count(dialogue, TABLE_http), 1);
        assert_int_equal(dialogue_http(dialogue, 1)->complete, 1);
        assert_int_equal(dissect_counts(dialogue->dissect).http_unread, 0);
        dialogue_free(dialogue);
    }
}

static void what_is_no_header_is_none(void **state)
{
    static const struct cursor bad[] = {
        BYTES("PROXY TCP5 192.0.2.5 198.51.100.11 50000 80\r\n"),
        BYTES("PROXY TCP4 192.0.2.5 198.51.100.11 50000\r\n"),
        BYTES("PROXY TCP4 192.0.2.5 198.51.100.11 50000 80\n"),
        BYTES("PROXY TCP4 <script> 198.51.100.11 50000 80\r\n"),
        BYTES("PROXY /x HTTP/1.1\r\n"),
        BYTES("PROXY UNKNOWN                                                                                       "
              "         \r\n"),                                                       /* more than 107 bytes */
        BYTES(V2 "\x31\x11\x00\x0c\xc0\x00\x02\x05\xc6\x33\x64\x0b\xc3\x50\x00\x50"), /* version 3 */
        BYTES("\r\n\r\n\0\r\nQUIX\n\x21\x11\x00\x0c"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct proxy_header header;
        assert_int_equal(proxy_header_read(bad[i], &header), OUTCOME_MALFORMED);
    }
}

static void every_beginning_of_a_header_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        struct cursor header = HEADERS[i].header;
        for (size_t length = 1; length < header.left && length < 16; length++) {
            struct proxy_header read;
            assert_int_equal(proxy_header_read(cursor_of(header.at, length), &read), OUTCOME_MORE);
        }
    }
}

static void a_long_header_is_passed_over_with_its_gaps(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
    dialogue_ask(dialogue, cursor_of(V2 "\x20\x00\x03\xe8", 16)); /* 1000 bytes of extensions */
    for (int i = 0; i < 9; i++)
        dialogue_ask_text(dialogue, "0123456789012345678901234567890123456789012345678901234567890123456789"
                                    "012345678901234567890123456789");
    dialogue_gap(dialogue, DIRECTION_OUT, 100);
    dialogue_ask_text(dialogue, GET);
    dialogue_answer_text(dialogue, OK);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 1);
    dialogue_free(dialogue);
}

static void a_client_that_is_not_understood_is_counted(void **state)
{
    static const struct {
        const char *asked, *answered;
        uint64_t count;
    } cases[] = {
        {"\x01\x02some preamble\r\n" GET, OK, 1},
        {"\x01\x02some preamble\r\n", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 0},
        {"\x01\x02some preamble\r\n", "HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n", 0},
        {GET, OK, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING);
        dialogue_ask_text(dialogue, cases[i].asked);
        dialogue_answer_text(dialogue, cases[i].answered);
        dialogue_answer_text(dialogue, cases[i].answered);
        dialogue_finish(dialogue);
        assert_int_equal(dissect_counts(dialogue->dissect).http_unread, cases[i].count);
        dialogue_free(dialogue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_taken_off_whatever_follows),
        cmocka_unit_test(an_exchange_behind_a_header_is_whole),
        cmocka_unit_test(what_is_no_header_is_none),
        cmocka_unit_test(every_beginning_of_a_header_waits),
        cmocka_unit_test(a_long_header_is_passed_over_with_its_gaps),
        cmocka_unit_test(a_client_that_is_not_understood_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
