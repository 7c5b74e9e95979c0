/* tests/unit/test_dissect_http_login.c: NTLM logs a connection on, not a request (MS-N2HT 3.2.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dialogue_fixture.h"
#include "tests/unit/message_fixture.h"

#define PATH "/ccm_system_windowsauth/request"
#define GET "GET " PATH " HTTP/1.1\r\nHost: mp\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
#define REFUSED "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
/* Messages of NTLM made with python3 struct.pack after MS-NLMP 2.2.1: a NEGOTIATE; a CHALLENGE of nobody; an AUTHENTICATE
 * of EXAMPLE\pc1$. */
#define NEGOTIATE "Authorization: NTLM TlRMTVNTUAABAAAAB4IIog==\r\n"
#define CHALLENGE "WWW-Authenticate: NTLM TlRMTVNTUAACAAAAAAAAADgAAAABAggAASNFZ4mrze8AAAAAAAAAAAAAAAA4AAAA\r\n"
#define AUTHENTICATE                                                                                                   \
    "Authorization: NTLM "                                                                                             \
    "TlRMTVNTUAADAAAAGAAYAGQAAAAYABgAfAAAAA4ADgBIAAAACAAIAFYAAAAGAAYAXgAAAAAAAACUAAAAFYKI4gYBsR0AAAAPRQBYAEEATQBQAEwA" \
    "RQBwAGMAMQAkAFAAQwAxAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABEREREREREREREREREREREREREREREREQ==\r\n"
/* An AP-REQ for HTTP/mp of EXAMPLE.TEST in a GSS token (RFC 4120 section 5.5.1, RFC 4121 section 4.1), made with python3. */
#define TICKET                                                                                                         \
    "Authorization: Negotiate "                                                                                        \
    "YIGABgkqhkiG9xIBAgIBAG5xMG+gAwIBBaEDAgEOogcDBQAAAAAAo0VhQzBBoAMCAQWhDhsMRVhBTVBMRS5URVNUohUwE6ADAgECoQwwChsESFRU" \
    "UBsCbXCjEzARoAMCARKiCgQIAAAAAAAAAACkEzARoAMCARKiCgQIAAAAAAAAAAA=\r\n"
#define USER "EXAMPLE\\pc1$"

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

/* One exchange: GET with further header lines; a reply. */
static void talk(struct dialogue *dialogue, const char *headers, const char *reply)
{
    char text[2048];
    snprintf(text, sizeof text, GET "%s\r\n", headers);
    dialogue_ask_text(dialogue, text);
    snprintf(text, sizeof text, "%s\r\n", reply);
    dialogue_answer_text(dialogue, text);
}

static void log_on(struct dialogue *dialogue)
{
    talk(dialogue, NEGOTIATE, REFUSED CHALLENGE);
    talk(dialogue, AUTHENTICATE, OK);
}

/* A registration that the server takes; what is told of it. */
static const struct registration_row *enrol(struct dialogue *dialogue, const char *headers)
{
    struct buffer xml, body;
    buffer_init(&xml, SAMPLE_MAX);
    buffer_init(&body, SAMPLE_MAX);
    sample_registration(&xml, "Registration", NULL, VECTOR_CERTIFICATE);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    sample_build(&sample, &body);
    dialogue_post(dialogue, PATH, headers, buffer_cursor(&body));
    sample = (struct sample){.body = "<ClientRegistrationResponse Status=\"0\" SMSID=\"" VECTOR_CLIENT "\"/>"};
    buffer_reset(&body, 0);
    sample_build(&sample, &body);
    dialogue_reply(dialogue, NULL, buffer_cursor(&body));
    buffer_free(&xml);
    buffer_free(&body);
    return dialogue_registration(dialogue, dialogue_count(dialogue, TABLE_registration));
}

static void assert_user(const struct dialogue *dialogue, int64_t id, const char *user)
{
    const struct http_row *row = dialogue_http(dialogue, id);
    assert_non_null(row);
    if (user == NULL)
        assert_null(row->auth_user.at);
    else
        assert_true(text_is(row->auth_user, user));
}

static void ntlm_logs_the_connection_on(void **state)
{
    struct dialogue *dialogue = *state;
    log_on(dialogue);
    talk(dialogue, "", OK);
    talk(dialogue, "", OK);
    talk(dialogue, "", REFUSED CHALLENGE); /* ends it */
    talk(dialogue, "", OK);
    dialogue_close(dialogue);
    talk(dialogue, "", OK); /* another connection */
    dialogue_finish(dialogue);
    static const char *const users[] = {NULL, USER, USER, USER, NULL, NULL, NULL};
    for (int64_t id = 1; id <= 7; id++)
        assert_user(dialogue, id, users[id - 1]);
    assert_null(dialogue_http(dialogue, 3)->authorization.at); /* no such header was sent */
}

static void a_registration_after_the_login_is_of_that_user(void **state)
{
    struct dialogue *dialogue = *state;
    log_on(dialogue);
    talk(dialogue, "", OK);
    const struct registration_row *row = enrol(dialogue, NULL);
    assert_int_equal(row->windows_auth, 1);
    assert_true(text_is(row->auth_user, USER));
}

static void without_a_login_a_registration_is_nobodys(void **state)
{
    struct dialogue *dialogue = *state;
    talk(dialogue, "", OK);
    assert_int_equal(enrol(dialogue, NULL)->windows_auth, 0);
    /* A server that wants no authentication passes the offer over. */
    dialogue_close(dialogue);
    talk(dialogue, NEGOTIATE, OK);
    assert_int_equal(enrol(dialogue, NULL)->windows_auth, 0);
    dialogue_close(dialogue);
    assert_int_equal(enrol(dialogue, NEGOTIATE)->windows_auth, 0);
}

static void a_server_may_say_that_a_login_does_not_last(void **state)
{
    struct dialogue *dialogue = *state;
    talk(dialogue, NEGOTIATE, REFUSED CHALLENGE);
    talk(dialogue, AUTHENTICATE, OK "Persistent-Auth: false\r\n");
    assert_int_equal(enrol(dialogue, NULL)->windows_auth, 0);
}

static void kerberos_lasts_when_the_server_says_so(void **state)
{
    struct dialogue *dialogue = *state;
    static const struct {
        const char *reply;
        int64_t windows_auth;
    } cases[] = {
        {OK, INT_NULL}, /* nobody said */
        {OK "Persistent-Auth: true\r\n", 1},
        {OK "Persistent-Auth: false\r\n", 0},
        {OK "Persistent-Auth: perhaps\r\n", INT_NULL},
        {REFUSED, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        talk(dialogue, TICKET, cases[i].reply);
        const struct registration_row *row = enrol(dialogue, NULL);
        assert_true(row->windows_auth == cases[i].windows_auth);
        assert_null(row->auth_user.at); /* the ticket is sealed */
        assert_int_equal(enrol(dialogue, TICKET)->windows_auth, 1);
        dialogue_close(dialogue);
    }
}

static void behind_a_proxy_nobody_knows(void **state)
{
    struct dialogue *dialogue = *state;
    log_on(dialogue);
    assert_true(enrol(dialogue, "Via: 1.1 proxy\r\n")->windows_auth == INT_NULL);
    assert_int_equal(enrol(dialogue, NULL)->windows_auth, 1);
    dialogue_close(dialogue);
    talk(dialogue, NEGOTIATE, REFUSED CHALLENGE);
    talk(dialogue, AUTHENTICATE "Via: 1.1 proxy\r\n", OK);
    assert_true(enrol(dialogue, NULL)->windows_auth == INT_NULL);
}

static void a_hole_may_hide_a_login_or_its_end(void **state)
{
    struct dialogue *dialogue = *state;
    talk(dialogue, "", OK);
    dialogue_gap(dialogue, DIRECTION_OUT, 400);
    dialogue_gap(dialogue, DIRECTION_IN, 400);
    assert_true(enrol(dialogue, NULL)->windows_auth == INT_NULL);
    dialogue_close(dialogue);
    log_on(dialogue);
    dialogue_gap(dialogue, DIRECTION_IN, 400);
    assert_true(enrol(dialogue, NULL)->windows_auth == INT_NULL);
}

static void a_capture_that_begins_late_may_have_missed_a_login(void **state)
{
    struct dialogue *dialogue = *state;
    dialogue->late = true;
    talk(dialogue, "", OK);
    assert_true(enrol(dialogue, NULL)->windows_auth == INT_NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_dialogue, close_dialogue)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ntlm_logs_the_connection_on),
        TEST(a_registration_after_the_login_is_of_that_user),
        TEST(without_a_login_a_registration_is_nobodys),
        TEST(a_server_may_say_that_a_login_does_not_last),
        TEST(kerberos_lasts_when_the_server_says_so),
        TEST(behind_a_proxy_nobody_knows),
        TEST(a_hole_may_hide_a_login_or_its_end),
        TEST(a_capture_that_begins_late_may_have_missed_a_login),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
