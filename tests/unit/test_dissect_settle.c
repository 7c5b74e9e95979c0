/* tests/unit/test_dissect_settle.c: management point traffic over several messages: registrations, keys learned later,
 * repeated transmissions, policies, certificates. */
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
#define MP "/ccm_system/request"
#define WINDOWS_AUTH "/ccm_system_windowsauth/request"
#define NO_REPLY                                                                                                       \
    "--" SAMPLE_BOUNDARY "\r\ncontent-type: text/plain; charset=UTF-16\r\n\r\nNoReply\r\n--" SAMPLE_BOUNDARY "--"
#define UNAUTHORIZED "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n"

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

static void post(struct dialogue *dialogue, const char *uri, const char *headers, const struct sample *sample)
{
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_build(sample, &body);
    dialogue_post(dialogue, uri, headers, buffer_cursor(&body));
    buffer_free(&body);
}

static void reply(struct dialogue *dialogue, const char *xml)
{
    struct sample sample = {.body = xml};
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_build(&sample, &body);
    dialogue_reply(dialogue, NULL, buffer_cursor(&body));
    buffer_free(&body);
}

/* A policy request of VECTOR_CLIENT without its key, and an empty answer. */
static void ask_policy(struct dialogue *dialogue)
{
    struct sample sample = {
        .endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true, .no_key = true};
    post(dialogue, MP, NULL, &sample);
    dialogue_reply(dialogue, NULL, cursor_of("", 0));
}

/* A registration (or confirmation) and its answer with that status. */
static void enrol(struct dialogue *dialogue, const char *type, int status, const char *certificate)
{
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    bool confirmation = strcmp(type, "Confirmation") == 0;
    sample_registration(&xml, type, confirmation ? VECTOR_CLIENT : NULL, confirmation ? NULL : certificate);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    post(dialogue, MP, NULL, &sample);
    char answer[300];
    snprintf(answer, sizeof answer,
             "<ClientRegistrationResponse ResponseType=\"%s\" Status=\"%d\" SMSID=\"" VECTOR_CLIENT
             "\" ApprovalStatus=\"%d\"/>",
             type, status, status == 0);
    reply(dialogue, answer);
    buffer_free(&xml);
}

/* ---- Registration ---- */

static void a_registration_and_its_answer_are_one_row(void **state)
{
    struct dialogue *dialogue = *state;
    enrol(dialogue, "Registration", 0, VECTOR_CERTIFICATE);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_registration), 1);
    const struct registration_row *row = dialogue_registration(dialogue, 1);
    assert_int_equal(row->message, 1);
    assert_int_equal(row->http, 1);
    assert_true(text_is(row->smsid, VECTOR_CLIENT)); /* the one that was issued */
    assert_true(text_is(row->request_type, "Registration"));
    assert_int_equal(row->status, 0);
    assert_int_equal(row->approval, 1);
    assert_int_equal(row->agent_type, 0);
    assert_true(text_is(row->agent_version, "5.00.9128.1000"));
    assert_true(text_is(row->netbios, "PC1"));
    assert_true(text_is(row->fqdn, "pc1.example.org"));
    assert_true(text_is(row->signature, "valid"));
    assert_true(text_is(row->hash, "sha256"));
    assert_true(text_is(row->signing_certificate, "E920FEB7E0491E96C178926E8195F413A11F61B1"));
    assert_null(row->encryption_certificate.at);
    assert_int_equal(row->windows_auth, 0);
    assert_int_equal(dialogue_count(dialogue, TABLE_certificate), 1);
    assert_true(text_is(dialogue_certificate(dialogue, 1)->seen_as, "message-signing"));
    assert_true(text_is(dialogue_certificate(dialogue, 1)->host, "10.0.0.1"));
    assert_int_equal(dialogue_certificate(dialogue, 1)->self_signed, 1);
}

static void a_registration_whose_answer_was_not_seen_is_a_row_without_status(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_registration(&xml, "Registration", NULL, VECTOR_CERTIFICATE);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    post(dialogue, MP, NULL, &sample);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_registration), 1);
    assert_true(dialogue_registration(dialogue, 1)->status == INT_NULL);
    assert_true(dialogue_registration(dialogue, 1)->windows_auth == INT_NULL);
    assert_int_equal(dialogue_registration(dialogue, 1)->smsid.length, 0);
    buffer_free(&xml);
}

/* ---- Keys learned later ---- */

static void a_message_before_the_registration_of_its_key_becomes_valid(void **state)
{
    struct dialogue *dialogue = *state;
    ask_policy(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 1)->signature, "nokey"));
    assert_true(text_is(dialogue_message(dialogue, 1)->client_id_signature, "nokey"));
    dialogue_close(dialogue);
    enrol(dialogue, "Registration", 0, VECTOR_CERTIFICATE);
    dialogue_finish(dialogue);
    const struct message_row *row = dialogue_message(dialogue, 1);
    assert_true(text_is(row->signature, "valid"));
    assert_true(text_is(row->client_id_signature, "valid"));
    assert_true(text_is(row->hash, "sha256"));
    assert_true(text_is(row->key_source, "registration"));
    assert_int_equal(row->key_bits, 1024);
    assert_true(text_is(row->key_fingerprint, VECTOR_FINGERPRINT));
    assert_int_equal(row->key_registered, 1);
    assert_int_equal(dissect_counts(dialogue->dissect).unsettled, 0);
}

static void a_message_after_the_registration_is_valid_at_once(void **state)
{
    struct dialogue *dialogue = *state;
    enrol(dialogue, "Registration", 0, VECTOR_CERTIFICATE);
    ask_policy(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 3)->signature, "valid"));
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 3)->signature, "valid"));
    assert_int_equal(dialogue_message(dialogue, 3)->key_registered, 1);
}

static void a_registration_that_was_refused_gives_no_key(void **state)
{
    struct dialogue *dialogue = *state;
    enrol(dialogue, "Registration", 3, VECTOR_CERTIFICATE);
    ask_policy(dialogue);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 3)->signature, "nokey"));
    assert_true(dialogue_message(dialogue, 3)->key_registered == INT_NULL);
}

static void a_registration_with_a_bad_signature_gives_no_key(void **state)
{
    struct dialogue *dialogue = *state; /* the certificate of somebody else: possession is not proven */
    enrol(dialogue, "Registration", 0, VECTOR_CERTIFICATE_EC);
    ask_policy(dialogue);
    dialogue_finish(dialogue);
    assert_false(text_is(dialogue_registration(dialogue, 1)->signature, "valid"));
    assert_true(text_is(dialogue_message(dialogue, 3)->signature, "nokey"));
}

static void a_confirmation_before_the_registration_becomes_valid(void **state)
{
    struct dialogue *dialogue = *state;
    enrol(dialogue, "Confirmation", 0, NULL);
    assert_true(text_is(dialogue_registration(dialogue, 1)->signature, "nokey"));
    enrol(dialogue, "Registration", 0, VECTOR_CERTIFICATE);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_registration(dialogue, 1)->signature, "valid"));
    assert_true(text_is(dialogue_registration(dialogue, 1)->smsid, VECTOR_CLIENT));
}

static void another_key_than_the_registered_one_is_told(void **state)
{
    struct dialogue *dialogue = *state; /* the header brings a key that verifies, but it is not the client's */
    struct sample sample = {.endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    post(dialogue, MP, NULL, &sample);
    dialogue_reply(dialogue, NULL, cursor_of("", 0));
    struct buffer blob;
    buffer_init(&blob, SAMPLE_MAX);
    sample_hex(&blob, VECTOR_OTHER_PUBLIC_KEY);
    struct ccm_keys *keys = dissect_keys(dialogue->dissect);
    assert_true(ccm_keys_register(keys, TEXT(VECTOR_CLIENT), ccm_keys_blob(keys, buffer_cursor(&blob))));
    buffer_free(&blob);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 1)->signature, "valid"));
    assert_int_equal(dialogue_message(dialogue, 1)->key_registered, 0);
    assert_int_equal(dialogue_findings(dialogue, 1, "C45"), 1);
}

/* ---- Policies by GET ---- */

#define GET_POLICY                                                                                                     \
    "GET /SMS_MP/.sms_pol?%7B2%7D.3_00 HTTP/1.1\r\nHost: mp\r\nClientToken: " VECTOR_TOKEN                             \
    "\r\nClientTokenSignature: " VECTOR_TOKEN_SIGNATURE "\r\n\r\n"

#define OTHER_CLIENT "GUID:99999999-8888-7777-6666-555555555555"

/* A message that the test key signs for that client id, to that endpoint. */
static void send_for(struct dialogue *dialogue, const char *client, const char *endpoint)
{
    struct sample sample = {.endpoint = endpoint, .source_id = client, .body = POLICY, .sign = true};
    post(dialogue, MP, NULL, &sample);
    dialogue_reply(dialogue, NULL, cursor_of("", 0));
}

static void a_key_that_is_registered_for_another_client_is_told(void **state)
{
    static const char *const endpoints[] = {"MP_PolicyManager", "MP_DdrEndpoint", "MP_RelayEndpoint", "StatusReceiver"};
    struct dialogue *dialogue = *state;
    send_for(dialogue, OTHER_CLIENT, "MP_PolicyManager");   /* before the registration: message 1 */
    enrol(dialogue, "Registration", 0, VECTOR_CERTIFICATE); /* 2 and 3 */
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
        send_for(dialogue, OTHER_CLIENT, endpoints[i]);
    send_for(dialogue, VECTOR_CLIENT, "MP_PolicyManager");
    send_for(dialogue, &VECTOR_CLIENT[5], "MP_PolicyManager"); /* without GUID: it is the same client */
    dialogue_finish(dialogue);
    for (int64_t id = 1; id <= 9; id++) {
        bool told = id == 1 || (id >= 4 && id <= 7);
        assert_int_equal(dialogue_findings(dialogue, id, "C45"), told);
    }
}

/* A registration that was refused, or that the key did not sign, says nothing of whose key it is. */
static void a_refused_registration_makes_no_key_foreign(void **state)
{
    struct dialogue *dialogue = *state;
    enrol(dialogue, "Registration", 3, VECTOR_CERTIFICATE);
    send_for(dialogue, OTHER_CLIENT, "MP_PolicyManager");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_findings(dialogue, 0, "C45"), 0);
}

#define TOKEN_OF(signature)                                                                                            \
    " /SMS_MP/.sms_pol?{2}.3_00 HTTP/1.1\r\nHost: mp\r\nClientToken: " VECTOR_TOKEN                                    \
    "\r\nClientTokenSignature: " signature "\r\n\r\n"

/* VECTOR_SHA256 is by the same key, over other bytes. */
static void an_invalid_token_is_told_and_what_was_served_to_it(void **state)
{
    static const struct {
        const char *ask, *answer, *text; /* TEXT_NULL: nothing is found */
    } cases[] = {
        {"GET" TOKEN_OF(VECTOR_TOKEN_SIGNATURE), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<Policy/>", NULL},
        {"GET" TOKEN_OF(VECTOR_SHA256), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<Policy/>",
         "the token signature is invalid, and was answered with a policy"},
        {"GET" TOKEN_OF(VECTOR_SHA256),
         "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n<P><p secret=\"1\">x</p></P>     ",
         "the token signature is invalid, and was answered with a secret policy"},
        {"GET" TOKEN_OF(VECTOR_SHA256), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
         "the token signature is invalid"},
        {"GET" TOKEN_OF(VECTOR_SHA256), "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
         "the token signature is invalid"},
        {"HEAD" TOKEN_OF(VECTOR_SHA256), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
         "the token signature is invalid"},
        {"GET" TOKEN_OF("00"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<Policy/>",
         "the token signature is invalid, and was answered with a policy"},
    };
    struct dialogue *dialogue = *state;
    enrol(dialogue, "Registration", 0, VECTOR_CERTIFICATE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dialogue_ask_text(dialogue, cases[i].ask);
        dialogue_answer_text(dialogue, cases[i].answer);
    }
    dialogue_finish(dialogue);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t http = (int64_t)i + 2;
        struct text text = TEXT_NULL;
        for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_finding); id++) {
            const struct finding_row *row = dialogue_row(dialogue, TABLE_finding, id);
            if (row->http == http && text_is(row->code, "C45"))
                text = row->text;
        }
        assert_true(text_equal(text, text_of(cases[i].text)));
    }
}

static void a_policy_download_is_a_row_and_its_token_is_settled(void **state)
{
    struct dialogue *dialogue = *state;
    dialogue_ask_text(dialogue, GET_POLICY);
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_append(&body, cursor_of("\xFF\xFE", 2));
    sample_wide(&body, "<Policy><instance><property secret=\"1\"/></instance></Policy>");
    dialogue_reply(dialogue, "", buffer_cursor(&body));
    buffer_free(&body);
    dialogue_close(dialogue);
    enrol(dialogue, "Registration", 0, VECTOR_CERTIFICATE);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_http(dialogue, 1)->service, "mp-policy"));
    assert_true(text_is(dialogue_http(dialogue, 1)->token, VECTOR_TOKEN));
    assert_true(text_is(dialogue_http(dialogue, 1)->token_signature, "valid"));
    assert_int_equal(dialogue_count(dialogue, TABLE_policy), 1);
    const struct policy_row *row = dialogue_policy(dialogue, 1);
    assert_int_equal(row->fetched, 1);
    assert_true(text_is(row->policy_id, "{2}"));
    assert_true(text_is(row->version, "3.00"));
    assert_true(text_is(row->client_id, VECTOR_CLIENT));
    assert_true(text_is(row->body, "clear"));
    assert_int_equal(row->has_secret, 1);
}

static void bodies_of_policies_are_told_apart(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer envelope;
    buffer_init(&envelope, SAMPLE_MAX);
    sample_hex(&envelope, VECTOR_CMS_AES256);
    static const char error[] = "<HTML><HEAD><TITLE>ERROR</TITLE></HEAD><BODY></BODY></HTML>"; /* wire.md 1.5 */
    const struct {
        struct cursor bytes;
        const char *body, *cipher;
    } cases[] = {
        {buffer_cursor(&envelope), "secret-cms", "aes-256-cbc"},
        {cursor_of(error, sizeof error - 1), "error", NULL},
        {cursor_of("", 0), "empty", NULL},
        {cursor_of("\x01\x02", 2), "unknown", NULL},
        {cursor_of("<\0P\0/\0>\0", 8), "clear", NULL},
    };
    size_t count = sizeof cases / sizeof cases[0];
    for (size_t i = 0; i < count; i++) {
        dialogue_ask_text(dialogue, GET_POLICY);
        dialogue_reply(dialogue, "", cases[i].bytes);
    }
    dialogue_ask_text(dialogue, GET_POLICY);
    dialogue_answer_text(dialogue, "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n<a/>");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_policy), count + 1);
    for (size_t i = 0; i < count; i++) {
        assert_true(text_is(dialogue_policy(dialogue, (int64_t)i + 1)->body, cases[i].body));
        assert_true(text_is(dialogue_policy(dialogue, (int64_t)i + 1)->cipher, cases[i].cipher));
    }
    assert_true(text_is(dialogue_policy(dialogue, (int64_t)count + 1)->body, "error"));
    buffer_free(&envelope);
}

static void assigned_policies_are_rows(void **state)
{
    struct dialogue *dialogue = *state;
    ask_policy(dialogue);
    struct sample sample = {.endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY};
    post(dialogue, MP, NULL, &sample);
    reply(dialogue,
          "<ReplyAssignments><PolicyAssignment><Policy PolicyID=\"{2}\" PolicyVersion=\"1.00\" "
          "PolicyCategory=\"NAAConfig\" PolicyFlags=\"22\"><PolicyLocation>"
          "<![CDATA[http://<mp>/SMS_MP/.sms_pol?{2}.1_00]]></PolicyLocation></Policy></PolicyAssignment>"
          "<PolicyAssignment><Policy PolicyID=\"{3}\" PolicyFlags=\"x\"/></PolicyAssignment></ReplyAssignments>");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_policy), 2);
    const struct policy_row *row = dialogue_policy(dialogue, 1);
    assert_int_equal(row->fetched, 0);
    assert_int_equal(row->message, 3);
    assert_true(text_is(row->client_id, VECTOR_CLIENT)); /* of the request */
    assert_true(text_is(row->policy_id, "{2}"));
    assert_true(text_is(row->category, "NAAConfig"));
    assert_int_equal(row->flags, 22);
    assert_true(text_is(row->location, "http://<mp>/SMS_MP/.sms_pol?{2}.1_00"));
    assert_true(dialogue_policy(dialogue, 2)->flags == INT_NULL);
    assert_null(dialogue_policy(dialogue, 2)->category.at);
}

static void certificates_of_the_management_point_are_rows(void **state)
{
    struct dialogue *dialogue = *state;
    static const char *const bodies[] = {
        "<MPCertificate><Certificate>" VECTOR_CERTIFICATE "</Certificate></MPCertificate>",
        "<MPCertificates><Certificate1>" VECTOR_CERTIFICATE "</Certificate1><Certificate2>" VECTOR_CERTIFICATE_SHA1
        "</Certificate2></MPCertificates>",
        "<X509Data><X509Certificate EncodingType=\"hexBinary\">" VECTOR_CERTIFICATE_PKI "</X509Certificate></X509Data>",
        "<MPList/>",
        "not XML",
        "",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        dialogue_ask_text(dialogue, "GET /SMS_MP/.sms_aut?MPCERT HTTP/1.1\r\n\r\n");
        dialogue_reply(dialogue, "", cursor_of(bodies[i], strlen(bodies[i])));
    }
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_certificate), 4);
    assert_true(text_is(dialogue_certificate(dialogue, 1)->seen_as, "mpcert"));
    assert_true(text_is(dialogue_certificate(dialogue, 1)->host, "10.0.0.80"));
    assert_true(text_is(dialogue_certificate(dialogue, 3)->signature_hash, "sha1"));
    assert_true(text_is(dialogue_certificate(dialogue, 4)->seen_as, "sitesign"));
}

/* ---- Repeated transmissions (wire.md 1.2) ---- */

static void tries_before_authentication_are_one_message(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample sample = {.endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    post(dialogue, WINDOWS_AUTH, NULL, &sample);
    dialogue_answer_text(dialogue, UNAUTHORIZED);
    post(dialogue, WINDOWS_AUTH, "Authorization: Negotiate YIIB\r\n", &sample);
    dialogue_answer_text(dialogue, UNAUTHORIZED);
    post(dialogue, WINDOWS_AUTH, "Authorization: Negotiate YIIC\r\n", &sample);
    dialogue_reply(dialogue, NULL, cursor_of(NO_REPLY, sizeof NO_REPLY - 1));
    post(dialogue, WINDOWS_AUTH, "Authorization: Negotiate YIIC\r\n", &sample); /* sent again after it was answered */
    dialogue_reply(dialogue, NULL, cursor_of(NO_REPLY, sizeof NO_REPLY - 1));
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 6); /* 4 requests, 2 replies */
    assert_true(dialogue_message(dialogue, 1)->attempt_of == INT_NULL);
    assert_int_equal(dialogue_message(dialogue, 2)->attempt_of, 1);
    assert_int_equal(dialogue_message(dialogue, 3)->attempt_of, 1); /* the first, not the one before */
    assert_true(dialogue_message(dialogue, 4)->attempt_of == INT_NULL);
    assert_true(dialogue_message(dialogue, 5)->attempt_of == INT_NULL); /* that one is a message of its own */
    assert_int_equal(dialogue_http(dialogue, 1)->status, 401);
    assert_true(text_is(dialogue_http(dialogue, 2)->authorization, "Negotiate"));
}

static void the_same_bytes_of_another_client_are_another_message(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample sample = {.endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY};
    post(dialogue, WINDOWS_AUTH, NULL, &sample);
    dialogue_answer_text(dialogue, UNAUTHORIZED);
    dialogue_close(dialogue);
    dialogue->client = 2;
    post(dialogue, WINDOWS_AUTH, NULL, &sample);
    dialogue_answer_text(dialogue, UNAUTHORIZED);
    dialogue_finish(dialogue);
    assert_true(dialogue_message(dialogue, 2)->attempt_of == INT_NULL);
}

static void a_registration_that_windows_let_in_tells_the_account(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_registration(&xml, "Registration", NULL, VECTOR_CERTIFICATE);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    post(dialogue, WINDOWS_AUTH, NULL, &sample);
    dialogue_answer_text(dialogue, UNAUTHORIZED);
    /* RFC 7617: user:password */
    post(dialogue, WINDOWS_AUTH, "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n", &sample);
    reply(dialogue, "<ClientRegistrationResponse Status=\"0\" SMSID=\"" VECTOR_CLIENT "\" ApprovalStatus=\"1\"/>");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_registration), 2);
    assert_int_equal(dialogue_registration(dialogue, 1)->windows_auth, 0);
    assert_int_equal(dialogue_registration(dialogue, 2)->windows_auth, 1);
    assert_true(text_is(dialogue_registration(dialogue, 2)->auth_user, "user"));
    assert_int_equal(dialogue_message(dialogue, 2)->attempt_of, 1);
    buffer_free(&xml);
}

/* ---- Order of registration: C43, C44 ---- */

static void policy_while_the_registration_is_pending_breaks_a_rule(void **state)
{
    struct dialogue *dialogue = *state;
    ask_policy(dialogue); /* message 1, before everything */
    enrol(dialogue, "Registration", 1, VECTOR_CERTIFICATE);
    ask_policy(dialogue); /* 4: pending */
    struct sample location = {
        .endpoint = "MP_LocationManager", .source_id = VECTOR_CLIENT, .body = "<SiteInformationRequest/>"};
    post(dialogue, MP, NULL, &location); /* 5: locations may be asked */
    dialogue_reply(dialogue, NULL, cursor_of("", 0));
    dialogue_wait(dialogue, 60);
    enrol(dialogue, "Confirmation", 0, NULL);
    ask_policy(dialogue); /* 8: registered */
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 8);
    assert_int_equal(dialogue_findings(dialogue, 1, "C43"), 0);
    assert_int_equal(dialogue_findings(dialogue, 4, "C43"), 1);
    assert_int_equal(dialogue_findings(dialogue, 8, "C43"), 0);
    assert_int_equal(dialogue_findings(dialogue, 0, "C43"), 1);
    assert_int_equal(dialogue_findings(dialogue, 0, "C44"), 0);
}

static void a_hasty_confirmation_is_an_advisory(void **state)
{
    struct dialogue *dialogue = *state;
    enrol(dialogue, "Registration", 1, VECTOR_CERTIFICATE);
    dialogue_wait(dialogue, 2);
    enrol(dialogue, "Confirmation", 1, NULL);
    dialogue_wait(dialogue, 40);
    enrol(dialogue, "Confirmation", 0, NULL);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_findings(dialogue, 0, "C44"), 1);
    assert_int_equal(dialogue_findings(dialogue, 3, "C44"), 1);
}

static void finishing_without_rows_leaves_none(void **state)
{
    struct dialogue *dialogue = *state;
    dialogue_finish(dialogue);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 0);
    assert_int_equal(dialogue_count(dialogue, TABLE_finding), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_dialogue, close_dialogue)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_registration_and_its_answer_are_one_row),
        TEST(a_registration_whose_answer_was_not_seen_is_a_row_without_status),
        TEST(a_message_before_the_registration_of_its_key_becomes_valid),
        TEST(a_message_after_the_registration_is_valid_at_once),
        TEST(a_registration_that_was_refused_gives_no_key),
        TEST(a_registration_with_a_bad_signature_gives_no_key),
        TEST(a_confirmation_before_the_registration_becomes_valid),
        TEST(another_key_than_the_registered_one_is_told),
        TEST(a_key_that_is_registered_for_another_client_is_told),
        TEST(a_refused_registration_makes_no_key_foreign),
        TEST(an_invalid_token_is_told_and_what_was_served_to_it),
        TEST(a_policy_download_is_a_row_and_its_token_is_settled),
        TEST(bodies_of_policies_are_told_apart),
        TEST(assigned_policies_are_rows),
        TEST(certificates_of_the_management_point_are_rows),
        TEST(tries_before_authentication_are_one_message),
        TEST(the_same_bytes_of_another_client_are_another_message),
        TEST(a_registration_that_windows_let_in_tells_the_account),
        TEST(policy_while_the_registration_is_pending_breaks_a_rule),
        TEST(a_hasty_confirmation_is_an_advisory),
        TEST(finishing_without_rows_leaves_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
