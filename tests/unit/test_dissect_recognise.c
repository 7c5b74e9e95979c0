/* tests/unit/test_dissect_recognise.c: a stream is known by its first bytes, a service by its path, an account by NTLM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/ntlm.h"
#include "dissect/service.h"
#include "tests/unit/dialogue_fixture.h"

#define BYTES(literal) cursor_of((literal), sizeof(literal) - 1)

/* ---- Services by path (wire.md 1.2, 1.6 to 1.8) ---- */

static void paths_of_the_roles_name_their_service(void **state)
{
    static const struct {
        const char *method, *uri, *service;
    } cases[] = {
        {"CCM_POST", "/ccm_system/request", "mp"},
        {"CCM_POST", "/CCM_System_WindowsAuth/request", "mp"},
        {"CCM_POST", "/ccm_system_altauth/request", "mp"},
        {"CCM_POST", "/ccm_system_tokenauth/request", "mp"},
        {"CCM_POST", "/elsewhere", "mp"},
        {"GET", "/SMS_MP/.sms_aut?MPLIST", "mp-auth"},
        {"GET", "/sms_mp/.sms_pol?%7B1%7D.1_00", "mp-policy"},
        {"GET", "/SMS_MP/.sms_dcm?Id&DocumentId=x", "mp-policy"},
        {"GET", "/SMS_MP_WindowsAuth/.sms_pol?x.1", "mp-policy"},
        {"GET", "/SMS_MP_ALTAUTH/.sms_pol?x.1", "mp-policy"},
        {"GET", "/SMS_MP_TokenAuth/.sms_pol?x.1", "mp-policy"},
        {"BITS_POST", "/CCM_Incoming/x", "mp-upload"},
        {"POST", "/CCM_STS", "mp-token"},
        {"GET", "/CCM_Client/ccmsetup.cab", "mp-client"},
        {"POST", "/bgb/handler.ashx?RequestType=LogIn", "mp-notification"},
        {"POST", "/CMUserService_WindowsAuth/x", "mp-user"},
        {"POST", "/CCM_Proxy_MutualAuth/72057594037927941/CCM_System/request", "cmg"},
        {"GET", "/AdminService/wmi/SMS_Site", "provider"},
        {"HEAD", "/SMS_DP_SMSPKG$/PRI00001/sccm?/a.msi", "dp"},
        {"GET", "/SMS_DP_SMSSIG$/PRI00001.1.tar", "dp"},
        {"GET", "/NOCERT_SMS_DP_SMSPKG$/PRI00001", "dp"},
        {"GET", "/CCMTOKENAUTH_SMS_DP_SMSPKG$/PRI00001", "dp"},
        {"GET", "/SMS_DP_SMSPKGD$/PRI00001", "dp"},
        {"GET", "/SCCM_BranchCache$/PRI00001", "dp-peer"},
        {"POST", "/SMS_FSP/.sms_fsp", "fsp"},
        {"GET", "/sms_slp/slp.dll?site&ad=x", "slp"},
        {"POST", "/ClientWebService/client.asmx", "sup"},
        {"GET", "http://mp.example:8080/SMS_MP/.sms_aut?MPCERT", "mp-auth"},
        {"GET", "HTTPS://mp/sms_mp/.sms_pol?x", "mp-policy"},
        {"GET", "/", NULL},
        {"GET", "/index.html?u=/sms_mp/.sms_aut", NULL},
        {"GET", "/x/sms_mp/.sms_aut", NULL},
        {"GET", "http://mp", NULL},
        {"GET", "ftp+odd://sms_mp/x", NULL},
        {"GET", "", NULL},
        {NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *service = service_of(text_of(cases[i].method), text_of(cases[i].uri));
        assert_true(text_equal(text_of(service), text_of(cases[i].service)));
    }
}

/* ---- NTLM (MS-NLMP 2.2.1.3) ---- */

/* Made by hand with python3 struct.pack: "NTLMSSP\0", 3, LmResponse 24 x 00, NtResponse 24 x 11, domain EXAMPLE,
 * user pc1$, workstation PC1, no key, flags with NTLMSSP_NEGOTIATE_UNICODE, version; then base64. */
#define AUTHENTICATE                                                                                                   \
    "TlRMTVNTUAADAAAAGAAYAGQAAAAYABgAfAAAAA4ADgBIAAAACAAIAFYAAAAGAAYAXgAAAAAAAACUAAAAFYKI4gYBsR0AAAAPRQBYAEEATQBQAEwA" \
    "RQBwAGMAMQAkAFAAQwAxAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABEREREREREREREREREREREREREREREREQ=="
/* The same with flags NTLM_NEGOTIATE_OEM only, and user b\xF6b in latin-1. */
#define AUTHENTICATE_OEM                                                                                               \
    "TlRMTVNTUAADAAAAGAAYAFUAAAAYABgAbQAAAAcABwBIAAAAAwADAE8AAAADAAMAUgAAAAAAAACFAAAAAgAAAAYBsR0AAAAPRVhBTVBMRWL2YlBD" \
    "MQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABEREREREREREREREREREREREREREREREQ=="

static void the_account_is_read_from_ntlm_and_basic(void **state)
{
    static const struct {
        const char *authorization, *user;
    } cases[] = {
        {"NTLM " AUTHENTICATE, "EXAMPLE\\pc1$"},
        {"ntlm  " AUTHENTICATE, "EXAMPLE\\pc1$"},
        {"Negotiate " AUTHENTICATE, "EXAMPLE\\pc1$"},
        {"NTLM " AUTHENTICATE_OEM, "EXAMPLE\\b\xEF\xBF\xBD"
                                   "b"},                   /* of an unknown code page */
        {"Basic dXNlcjpwYXNzd29yZA==", "user"},            /* RFC 7617: user:password; never the password */
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin"}, /* RFC 7617 section 2 */
        {"Basic dXNlcg==", NULL},                          /* no colon: who knows what it is */
        {"NTLM TlRMTVNTUAABAAAAB4IIog==", NULL},           /* NEGOTIATE names nobody */
        {"Negotiate YIIB", NULL},                          /* Kerberos */
        {"NTLM", NULL},
        {"NTLM ", NULL},
        {"NTLM ====", NULL},
        {"NTLM @@@@", NULL},
        {"NTLM TlRMTVNTUAADAAAA!", NULL},
        {"Bearer " AUTHENTICATE, NULL},
        {"", NULL},
        {NULL, NULL},
    };
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(text_is(ntlm_user(text_of(cases[i].authorization), &arena), cases[i].user));
    arena_free(&arena);
}

static void a_ticket_that_is_cut_or_absurd_names_nobody(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 16 << 20);
    const char whole[] = "NTLM " AUTHENTICATE;
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        struct text user = ntlm_user((struct text){whole, length}, &arena);
        assert_true(user.at == NULL || text_is(user, "EXAMPLE\\pc1$"));
        if (length < 5 + 4 * ((0x5E + 2) / 3)) /* before the end of the user name */
            assert_null(user.at);
    }
    /* Each field in turn reaches beyond the message: base64 of bytes 12 + 8 i + 4: FFFFFFF0 as offset. */
    for (size_t i = 0; i < 5; i++) {
        char text[sizeof whole];
        memcpy(text, whole, sizeof whole);
        size_t byte = 12 + 8 * i + 4 + 2; /* a byte of the offset at the start of a group of three */
        byte -= byte % 3;
        memcpy(text + 5 + byte / 3 * 4, "////", 4);
        assert_null(ntlm_user(text_of(text), &arena).at);
    }
    char *giant = malloc(200000);
    assert_non_null(giant);
    memset(giant, 'A', 200000);
    memcpy(giant, "Negotiate ", 10);
    assert_null(ntlm_user((struct text){giant, 200000}, &arena).at);
    free(giant);
    arena_free(&arena);
}

/* ---- First bytes ---- */

/* What a flow whose first bytes from the client, or from the server, are these is taken for. */
static void assert_app(struct cursor out, struct cursor in, size_t piece, const char *app, bool encrypted)
{
    struct dialogue *dialogue = dialogue_new(NEED_NOTHING);
    dialogue->piece = piece;
    if (out.left > 0)
        dialogue_ask(dialogue, out);
    if (in.left > 0)
        dialogue_answer(dialogue, in);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_flow(dialogue, 1)->app, app));
    assert_int_equal(dialogue_flow(dialogue, 1)->encrypted, encrypted);
    struct dissect_counts counts = dissect_counts(dialogue->dissect);
    assert_int_equal(counts.tls_flows, encrypted);
    assert_int_equal(counts.unrecognised, app == NULL);
    dialogue_free(dialogue);
}

static void tls_is_recognised_in_whole_and_in_pieces(void **state)
{
    /* RFC 8448 section 3: the first bytes of its ClientHello and ServerHello records. */
    static const char client[] = "\x16\x03\x01\x00\xC4\x01\x00\x00\xC0\x03\x03\xCB";
    static const char server[] = "\x16\x03\x03\x00\x5A\x02\x00\x00\x56\x03\x03\xA6";
    (void)state;
    for (size_t piece = 0; piece <= 6; piece++) {
        assert_app(BYTES(client), CURSOR_EMPTY, piece, "tls", true);
        assert_app(CURSOR_EMPTY, BYTES(server), piece, "tls", true);
    }
    assert_app(BYTES("\x17\x03\x03\x00\x20xxxxxxxx"), CURSOR_EMPTY, 0, "tls", true); /* met in the middle */
    assert_app(BYTES("\x15\x03\x03\x00\x02\x02\x28"), CURSOR_EMPTY, 0, "tls", true); /* an alert */
    assert_app(BYTES("\x16\x03\x00\x00\x40\x01"), CURSOR_EMPTY, 0, "tls", true);     /* SSL 3.0 */
}

static void what_only_resembles_tls_is_not_tls(void **state)
{
    (void)state;
    assert_app(BYTES("\x16\x03\x05\x00\x40\x01\x00\x00"), CURSOR_EMPTY, 0, NULL,
               false); /* a version that does not exist */
    assert_app(BYTES("\x16\x02\x00\x00\x40\x01\x00\x00"), CURSOR_EMPTY, 0, NULL, false);
    assert_app(BYTES("\x18\x03\x03\x00\x40\x01\x00\x00"), CURSOR_EMPTY, 0, NULL, false); /* no such record */
    assert_app(BYTES("\x16\x03\x03\xFF\xFF\x01\x00\x00"), CURSOR_EMPTY, 0, NULL, false); /* too long: RFC 5246 6.2.3 */
    assert_app(BYTES("\x16\x03\x03\x00\x00\x01\x00\x00"), CURSOR_EMPTY, 0, NULL, false); /* empty */
    assert_app(BYTES("\x16\x03\x03\x00\x40\x63\x00\x00"), CURSOR_EMPTY, 0, NULL, false); /* no such handshake */
}

static void http_is_recognised_in_whole_and_in_pieces(void **state)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n",
        "CCM_POST /ccm_system/request HTTP/1.1\r\n",
        "BITS_POST /CCM_Incoming/{1} HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "GET http://mp/ HTTP/1.1\r\n",
        "VERSION-CONTROL /x HTTP/1.1\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        for (size_t piece = 0; piece <= 3; piece++)
            assert_app(cursor_of(requests[i], strlen(requests[i])), CURSOR_EMPTY, piece, "http", false);
    }
    for (size_t piece = 0; piece <= 9; piece++)
        assert_app(CURSOR_EMPTY, BYTES("HTTP/1.1 200 OK\r\n"), piece, "http", false);
}

static void what_is_no_http_is_not_http(void **state)
{
    static const char *const others[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "220 mail ESMTP\r\n",
        "get / HTTP/1.1\r\n",
        "A / HTTP/1.1\r\n",
        " GET / HTTP/1.1\r\n",
        "THISISMUCHTOOLONGFORAMETHODNAME /\r\n",
        "\r\n\r\n",
        "HTTP/2.0 200\r\n",
        "\xFFSMB",
        "GET  / HTTP/1.1\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_app(cursor_of(others[i], strlen(others[i])), CURSOR_EMPTY, 0, NULL, false);
}

static void a_stream_met_in_the_middle_is_recognised_later(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_NOTHING);
    for (int i = 0; i < 10; i++)
        dialogue_answer_text(dialogue, "...the middle of a download...");
    dialogue_ask_text(dialogue, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    dialogue_answer_text(dialogue, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_flow(dialogue, 1)->app, "http"));
    assert_int_equal(dialogue_count(dialogue, TABLE_http), 1);
    assert_true(text_is(dialogue_http(dialogue, 1)->uri, "/next"));
    assert_int_equal(dialogue_http(dialogue, 1)->status, 200);
    dialogue_free(dialogue);

    dialogue = dialogue_new(NEED_NOTHING); /* but not for ever */
    for (int i = 0; i < 100; i++)
        dialogue_answer_text(dialogue, "...the middle of a download...");
    dialogue_ask_text(dialogue, "GET /next HTTP/1.1\r\n\r\n");
    dialogue_finish(dialogue);
    assert_null(dialogue_flow(dialogue, 1)->app.at);
    assert_int_equal(dissect_counts(dialogue->dissect).unrecognised, 1);
    dialogue_free(dialogue);
}

static void a_flow_without_data_is_a_row_and_not_unrecognised(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_NOTHING);
    dialogue_ended(dialogue, DIRECTION_OUT);
    dialogue_finish(dialogue);
    const struct flow_row *row = dialogue_flow(dialogue, 1);
    assert_true(text_is(row->src, "10.0.0.1"));
    assert_true(text_is(row->dst, "10.0.0.80"));
    assert_int_equal(row->sport, 50000);
    assert_int_equal(row->dport, 80);
    assert_null(row->app.at);
    assert_int_equal(dissect_counts(dialogue->dissect).unrecognised, 0);
    dialogue_free(dialogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_the_roles_name_their_service),
        cmocka_unit_test(the_account_is_read_from_ntlm_and_basic),
        cmocka_unit_test(a_ticket_that_is_cut_or_absurd_names_nobody),
        cmocka_unit_test(tls_is_recognised_in_whole_and_in_pieces),
        cmocka_unit_test(what_only_resembles_tls_is_not_tls),
        cmocka_unit_test(http_is_recognised_in_whole_and_in_pieces),
        cmocka_unit_test(what_is_no_http_is_not_http),
        cmocka_unit_test(a_stream_met_in_the_middle_is_recognised_later),
        cmocka_unit_test(a_flow_without_data_is_a_row_and_not_unrecognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
