/* tests/unit/test_dissect_trust.c: what several messages together show: policy hashes, keys of management points, replay and
 * theft; and what must not look like it. */
#define _GNU_SOURCE
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/cms_vectors.h"
#include "tests/unit/dialogue_fixture.h"
#include "tests/unit/message_fixture.h"

#define POLICY "<RequestAssignments SchemaVersion=\"1.00\"/>"
#define MP "/ccm_system/request"
#define WINDOWS_AUTH "/ccm_system_windowsauth/request"
#define UNAUTHORIZED "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n"
#define OTHER_CLIENT "GUID:99999999-2222-3333-4444-555555555555"

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

static void post(struct dialogue *dialogue, const char *uri, const struct sample *sample)
{
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_build(sample, &body);
    dialogue_post(dialogue, uri, NULL, buffer_cursor(&body));
    buffer_free(&body);
}

static void reply(struct dialogue *dialogue, const char *xml, const char *hooks)
{
    struct sample sample = {.body = xml, .hooks = hooks};
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_build(&sample, &body);
    dialogue_reply(dialogue, NULL, buffer_cursor(&body));
    buffer_free(&body);
}

static void answer_empty(struct dialogue *dialogue)
{
    dialogue_reply(dialogue, NULL, cursor_of("", 0));
}

/* A signed policy request with these children of Msg. */
static struct sample request(const char *source_id, const char *children)
{
    return (struct sample){
        .endpoint = "MP_PolicyManager", .source_id = source_id, .body = POLICY, .sign = true, .children = children};
}

static void enrol_as(struct dialogue *dialogue, const char *smsid)
{
    struct buffer xml;
    char answer[300];
    buffer_init(&xml, SAMPLE_MAX);
    sample_registration(&xml, "Registration", NULL, VECTOR_CERTIFICATE);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    post(dialogue, MP, &sample);
    snprintf(
        answer, sizeof answer,
        "<ClientRegistrationResponse ResponseType=\"Registration\" Status=\"0\" SMSID=\"%s\" ApprovalStatus=\"1\"/>",
        smsid);
    reply(dialogue, answer, NULL);
    buffer_free(&xml);
}

static int findings(struct dialogue *dialogue, const char *code)
{
    return dialogue_findings(dialogue, 0, code);
}

/* ---- T01: replay ---- */

static void the_same_signed_message_twice_is_a_hint(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample sample = request(VECTOR_CLIENT, "<SentTime>2023-11-14T22:13:20Z</SentTime>");
    for (int i = 0; i < 3; i++) {
        post(dialogue, MP, &sample);
        answer_empty(dialogue);
        dialogue_close(dialogue);
        dialogue->client = (uint8_t)(dialogue->client + (i == 1)); /* the third from another address */
    }
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T01"), 2);
}

static void an_equal_body_under_another_header_is_no_replay(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample first = request(VECTOR_CLIENT, "<SentTime>2023-11-14T22:13:20Z</SentTime>");
    struct sample second = request(VECTOR_CLIENT, "<SentTime>2023-11-14T23:13:20Z</SentTime>");
    post(dialogue, MP, &first);
    answer_empty(dialogue);
    post(dialogue, MP, &second);
    answer_empty(dialogue);
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T01"), 0);
}

static void a_401_and_retry_is_no_replay(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample sample = request(VECTOR_CLIENT, NULL);
    post(dialogue, WINDOWS_AUTH, &sample);
    dialogue_answer_text(dialogue, UNAUTHORIZED);
    post(dialogue, WINDOWS_AUTH, &sample);
    dialogue_answer_text(dialogue, UNAUTHORIZED);
    post(dialogue, WINDOWS_AUTH, &sample);
    answer_empty(dialogue);
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T01"), 0);
}

static void a_message_that_was_never_answered_may_come_again(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample sample = request(VECTOR_CLIENT, NULL);
    post(dialogue, MP, &sample);
    dialogue_close(dialogue);
    post(dialogue, MP, &sample);
    answer_empty(dialogue);
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T01"), 0);
}

/* ---- T02, T03, C41: one id, one key ---- */

#define HOST(name) "<SourceHost>" name "</SourceHost>"

static void one_id_from_hosts_of_two_names_is_a_hint(void **state)
{
    struct dialogue *dialogue = *state;
    static const char *const hosts[] = {HOST("PC1"), HOST("pc1.example.org"), HOST("PC2"), HOST("PC2")};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct sample sample = request(VECTOR_CLIENT, hosts[i]);
        post(dialogue, MP, &sample);
        answer_empty(dialogue);
    }
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T02"), 1);
    assert_int_equal(dialogue_findings(dialogue, 3, "T02"), 1);
}

static void many_clients_behind_one_address_are_no_theft(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample first = {
        .endpoint = "MP_LocationManager", .source_id = VECTOR_CLIENT, .body = "<x/>", .children = HOST("PC1")};
    struct sample second = {
        .endpoint = "MP_LocationManager", .source_id = OTHER_CLIENT, .body = "<x/>", .children = HOST("PC2")};
    for (int i = 0; i < 2; i++) {
        post(dialogue, MP, i == 0 ? &first : &second);
        answer_empty(dialogue);
    }
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T02") + findings(dialogue, "T03"), 0);
}

static void one_key_for_two_ids_is_a_hint(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample first = request(VECTOR_CLIENT, NULL), second = request(OTHER_CLIENT, NULL);
    post(dialogue, MP, &first);
    answer_empty(dialogue);
    post(dialogue, MP, &second);
    answer_empty(dialogue);
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T03"), 1);
}

static void one_certificate_registered_for_two_ids_departs_from_the_rules(void **state)
{
    struct dialogue *dialogue = *state;
    enrol_as(dialogue, VECTOR_CLIENT);
    enrol_as(dialogue, VECTOR_CLIENT); /* again as the same client */
    assert_int_equal(findings(dialogue, "C41"), 0);
    enrol_as(dialogue, OTHER_CLIENT);
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "C41"), 1);
}

/* ---- T04: sent at another time ---- */

static void a_sent_time_far_from_the_capture_is_a_hint(void **state)
{
    struct dialogue *dialogue = *state; /* which begins at 2023-11-14T22:13:20Z */
    static const struct {
        const char *children;
        int hints;
    } cases[] = {
        {"<SentTime>2023-11-14T22:13:20Z</SentTime>", 0},      {"<SentTime>2023-11-15T12:13:20Z</SentTime>", 0},
        {"<SentTime>2023-11-01T22:13:20Z</SentTime>", 1},      {"<SentTime>20231114221320.000000+000</SentTime>", 0},
        {"<SentTime>20210101000000.000000+000</SentTime>", 1}, {"<SentTime>soon</SentTime>", 0},
        {"<SentTime>9999-99-99T99:99:99Z</SentTime>", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample sample = request(VECTOR_CLIENT, cases[i].children);
        post(dialogue, MP, &sample);
        answer_empty(dialogue);
    }
    dialogue_finish(dialogue);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(dialogue_findings(dialogue, (int64_t)i + 1, "T04"), cases[i].hints);
}

/* ---- Over time: T06, T08, T09, C28, C30 ---- */

static void post_report(struct dialogue *dialogue, const char *endpoint, const char *body, const char *children)
{
    struct sample sample = {
        .endpoint = endpoint, .source_id = VECTOR_CLIENT, .body = body, .sign = true, .children = children};
    post(dialogue, MP, &sample);
    answer_empty(dialogue);
}

#define SERIAL(number)                                                                                                 \
    "<Report><ReportBody><StateMessage SerialNumber='" number "'><Topic/><State/></StateMessage></ReportBody></"       \
    "Report>"

static void serial_numbers_of_a_client_rise(void **state)
{
    struct dialogue *dialogue = *state;
    static const char *const bodies[] = {SERIAL("5"), SERIAL("7"), SERIAL("7"), SERIAL("6"), SERIAL("8")};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        post_report(dialogue, "MP_RelayEndpoint", bodies[i], "<Property Name=\"FileType\" Value=\"SMX\"/>");
    dialogue_finish(dialogue);
    for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_message); id++) {
        const struct message_row *row = store_row(dialogue->store, TABLE_message, id);
        assert_int_equal(dialogue_findings(dialogue, id, "C30"), row->serial == 6);
    }
}

static void the_third_full_report_of_a_day_is_a_hint(void **state)
{
    struct dialogue *dialogue = *state;
    static const char full[] = "<Report><ReportHeader><ReportDetails><ReportType>Full</ReportType></ReportDetails>"
                               "</ReportHeader></Report>";
    for (int i = 0; i < 2; i++)
        post_report(dialogue, "MP_HinvEndpoint", full, NULL);
    post_report(dialogue, "MP_SinvEndpoint", full, NULL); /* of another kind */
    post_report(dialogue, "MP_HinvEndpoint", full, NULL);
    dialogue_finish(dialogue);
    size_t found = 0;
    for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_message); id++)
        found += (size_t)dialogue_findings(dialogue, id, "C28");
    assert_int_equal(found, 1);
    assert_int_equal(dialogue_findings(dialogue, 4, "C28"), 1);
}

static void ask_with(struct dialogue *dialogue, const char *uri, const char *headers)
{
    struct sample sample = request(VECTOR_CLIENT, NULL);
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_build(&sample, &body);
    dialogue_post(dialogue, uri, headers, buffer_cursor(&body));
    buffer_free(&body);
    answer_empty(dialogue);
}

static void the_user_agent_of_tools_is_told_once_for_a_client(void **state)
{
    struct dialogue *dialogue = *state;
    ask_with(dialogue, MP, "User-Agent: ccmhttp\r\n");
    ask_with(dialogue, MP, "User-Agent: python-requests/2.31\r\n");
    ask_with(dialogue, MP, "User-Agent: python-requests/2.31\r\n");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_findings(dialogue, 1, "T06"), 0);
    assert_int_equal(dialogue_findings(dialogue, 2, "T06"), 1);
    assert_int_equal(dialogue_findings(dialogue, 3, "T06"), 0);
}

static void altauth_without_tls_is_a_hint(void **state)
{
    struct dialogue *dialogue = *state;
    ask_with(dialogue, MP, NULL);
    ask_with(dialogue, "/ccm_system_altauth/request", NULL);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_findings(dialogue, 1, "T08"), 0);
    assert_int_equal(dialogue_findings(dialogue, 2, "T08"), 1);
}

/* ---- Policies: T05, C52, C53 ---- */

#define GET_POLICY                                                                                                     \
    "GET /SMS_MP/.sms_pol?%7B2%7D.3_00 HTTP/1.1\r\nHost: mp\r\nClientToken: " VECTOR_TOKEN "\r\n"                      \
    "ClientTokenSignature: " VECTOR_TOKEN_SIGNATURE "\r\n\r\n"
#define BODY                                                                                                           \
    "<Policy><instance class=\"C\"><property name=\"P\" secret=\"1\"><value>x</value></property></instance></Policy>"

static void download(struct dialogue *dialogue, const char *xml)
{
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_append(&body, cursor_of("\xFF\xFE", 2));
    sample_wide(&body, xml);
    dialogue_ask_text(dialogue, GET_POLICY);
    dialogue_reply(dialogue, "", buffer_cursor(&body));
    buffer_free(&body);
}

/* An assignment of policy {2} 3.00 to VECTOR_CLIENT whose hash is that of `xml`. */
static void assign(struct dialogue *dialogue, const char *xml, const char *prefix)
{
    struct buffer body;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char text[2 * SHA256_DIGEST_LENGTH + 1], answer[600], hash[100];
    buffer_init(&body, SAMPLE_MAX);
    sample_append(&body, cursor_of("\xFF\xFE", 2));
    sample_wide(&body, xml);
    SHA256(body.bytes, body.length, digest);
    buffer_free(&body);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    snprintf(hash, sizeof hash, "%s%s", prefix, text);
    struct sample sample = request(VECTOR_CLIENT, NULL);
    post(dialogue, MP, &sample);
    snprintf(answer, sizeof answer,
             "<ReplyAssignments><PolicyAssignment><Policy PolicyID=\"{2}\" PolicyVersion=\"3.00\" PolicyFlags=\"16\" "
             "PolicyCategory=\"c\"><PolicyLocation PolicyHash=\"00\" PolicyHashEx=\"%s\">x</PolicyLocation></Policy>"
             "</PolicyAssignment></ReplyAssignments>",
             hash);
    reply(dialogue, answer, NULL);
}

static void a_body_with_the_hash_of_its_assignment_is_told(void **state)
{
    struct dialogue *dialogue = *state;
    assign(dialogue, BODY, "SHA256:");
    dialogue_close(dialogue);
    download(dialogue, BODY);
    download(dialogue, "<Policy>other</Policy>");
    dialogue_finish(dialogue);
    assert_true(dialogue_policy(dialogue, 1)->hash_ok == INT_NULL);
    assert_int_equal(dialogue_policy(dialogue, 2)->hash_ok, 1);
    assert_int_equal(dialogue_policy(dialogue, 3)->hash_ok, 0);
    assert_int_equal(findings(dialogue, "C52"), 1);
    assert_int_equal(findings(dialogue, "C53"), 1); /* the body with a secret, readable */
}

static void a_policy_that_nobody_assigned_is_a_hint(void **state)
{
    struct dialogue *dialogue = *state;
    download(dialogue, BODY);
    download(dialogue, BODY); /* once for a client */
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T09"), 1);
    struct dialogue *assigned = dialogue_new(NEED_EVERYTHING);
    assign(assigned, BODY, "SHA256:");
    dialogue_close(assigned);
    download(assigned, BODY);
    dialogue_finish(assigned);
    assert_int_equal(findings(assigned, "T09"), 0);
    dialogue_free(assigned);
}

static void an_assignment_may_come_after_its_download_and_without_a_prefix(void **state)
{
    struct dialogue *dialogue = *state;
    download(dialogue, BODY);
    dialogue_close(dialogue);
    assign(dialogue, BODY, "");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_policy(dialogue, 1)->hash_ok, 1);
}

static void a_hash_of_an_unknown_form_or_of_another_client_decides_nothing(void **state)
{
    struct dialogue *dialogue = *state;
    assign(dialogue, "<Policy>x</Policy>", "BLAKE:");
    dialogue_close(dialogue);
    download(dialogue, BODY);
    dialogue_finish(dialogue);
    assert_true(dialogue_policy(dialogue, 2)->hash_ok == INT_NULL);
    assert_int_equal(findings(dialogue, "C52"), 0);
}

static void a_closed_envelope_is_not_blamed_for_its_hash(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer envelope;
    buffer_init(&envelope, SAMPLE_MAX);
    sample_hex(&envelope, VECTOR_CMS_AES256);
    assign(dialogue, BODY, "SHA256:");
    dialogue_close(dialogue);
    dialogue_ask_text(dialogue, GET_POLICY);
    dialogue_reply(dialogue, "", buffer_cursor(&envelope));
    dialogue_finish(dialogue);
    assert_true(dialogue_policy(dialogue, 2)->hash_ok == INT_NULL);
    assert_int_equal(dialogue_policy(dialogue, 2)->decrypted, 0);
    assert_int_equal(findings(dialogue, "C52"), 0);
    assert_int_equal(dialogue_count(dialogue, TABLE_recipient), 1);
    buffer_free(&envelope);
}

static void a_secret_policy_right_after_registration_is_a_hint(void **state)
{
    struct dialogue *dialogue = *state;
    enrol_as(dialogue, VECTOR_CLIENT);
    dialogue_close(dialogue);
    download(dialogue, BODY);
    dialogue_wait(dialogue, 3600);
    download(dialogue, BODY);
    dialogue_finish(dialogue);
    assert_int_equal(findings(dialogue, "T05"), 1);
}

/* ---- Management points ---- */

static void show_certificate(struct dialogue *dialogue, const char *hex)
{
    struct buffer text;
    buffer_init(&text, SAMPLE_MAX);
    sample_print(&text, "<MPCertificate><Certificate>%s</Certificate></MPCertificate>", hex);
    dialogue_ask_text(dialogue, "GET /SMS_MP/.sms_aut?MPCERT HTTP/1.1\r\nHost: mp\r\n\r\n");
    dialogue_reply(dialogue, "", buffer_cursor(&text));
    buffer_free(&text);
}

static void ask_signed_reply(struct dialogue *dialogue)
{
    struct buffer plain;
    struct sample ask = {.endpoint = "MP_LocationManager", .body = "<x/>"};
    buffer_init(&plain, SAMPLE_MAX);
    sample_hex(&plain, VECTOR_CMS_PLAIN);
    struct sample answer = {.payload = buffer_cursor(&plain),
                            .no_zlib_hook = true,
                            .hooks = "<Hook Name=\"authenticate\"><Property Name=\"Signature\">" VECTOR_REPLY_SIGNATURE
                                     "</Property></Hook>"};
    post(dialogue, MP, &ask);
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_build(&answer, &body);
    dialogue_reply(dialogue, NULL, buffer_cursor(&body));
    buffer_free(&body);
    buffer_free(&plain);
}

static void a_reply_is_traced_to_the_certificate_that_its_management_point_shows_later(void **state)
{
    struct dialogue *dialogue = *state;
    ask_signed_reply(dialogue);
    dialogue_close(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 2)->key_source, "embedded"));
    show_certificate(dialogue, VECTOR_CERTIFICATE);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 2)->signature, "valid"));
    assert_true(text_is(dialogue_message(dialogue, 2)->key_source, "mpcert"));
    assert_int_equal(dialogue_message(dialogue, 2)->key_registered, 1);
    assert_int_equal(findings(dialogue, "C47"), 0);
    assert_int_equal(dialogue_count(dialogue, TABLE_public_key), 1);
}

static void a_reply_by_another_key_than_was_shown_is_told(void **state)
{
    struct dialogue *dialogue = *state;
    show_certificate(dialogue, VECTOR_CERTIFICATE_EC);
    dialogue_close(dialogue);
    ask_signed_reply(dialogue);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 2)->signature, "valid"));
    assert_int_equal(dialogue_message(dialogue, 2)->key_registered, 0);
    assert_int_equal(findings(dialogue, "C47"), 1);
}

static void show_root(struct dialogue *dialogue, const char *key)
{
    struct buffer text;
    buffer_init(&text, SAMPLE_MAX);
    sample_print(&text, "<KEYDATA><TRUSTEDROOTKEY>%s</TRUSTEDROOTKEY></KEYDATA>", key);
    dialogue_ask_text(dialogue, "GET /SMS_MP/.sms_aut?MPTRK HTTP/1.1\r\nHost: mp\r\n\r\n");
    dialogue_reply(dialogue, "", buffer_cursor(&text));
    buffer_free(&text);
}

static void a_certificate_waits_for_the_root_key_that_signed_it(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer text, der;
    char signature[SAMPLE_HEX_MAX];
    buffer_init(&text, SAMPLE_MAX);
    buffer_init(&der, SAMPLE_MAX);
    sample_hex(&der, VECTOR_CERTIFICATE_PKI);
    sample_sign(buffer_cursor(&der), "sha1", signature);
    sample_print(&text, "<MPKEYINFORMATION><MPCERTIFICATE Signature=\"%s\">%s</MPCERTIFICATE></MPKEYINFORMATION>",
                 signature, VECTOR_CERTIFICATE_PKI);
    dialogue_ask_text(dialogue, "GET /SMS_MP/.sms_aut?MPKEYINFORMATION HTTP/1.1\r\nHost: mp\r\n\r\n");
    dialogue_reply(dialogue, "", buffer_cursor(&text));
    dialogue_close(dialogue);
    assert_true(text_is(dialogue_certificate(dialogue, 1)->root_signature, "nokey"));
    show_root(dialogue, VECTOR_OTHER_PUBLIC_KEY);
    show_root(dialogue, VECTOR_PUBLIC_KEY);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_certificate(dialogue, 1)->root_signature, "valid"));
    assert_true(text_is(dialogue_certificate(dialogue, 1)->root_fingerprint, VECTOR_FINGERPRINT));
    buffer_free(&text);
    buffer_free(&der);
}

/* A client cannot put its key in the place of a management point's by the name that it registers. */
static void a_client_that_calls_itself_a_management_point_is_not_believed(void **state)
{
    struct dialogue *dialogue = *state;
    enrol_as(dialogue, "M10.0.0.80");
    enrol_as(dialogue, "10.0.0.80");
    dialogue_close(dialogue);
    ask_signed_reply(dialogue);
    dialogue_finish(dialogue);
    assert_true(text_is(dialogue_message(dialogue, 6)->key_source, "embedded"));
    assert_true(dialogue_message(dialogue, 6)->key_registered == INT_NULL);
}

/* ---- ISV proxies ---- */

#define PROXIED                                                                                                        \
    "<Data HashAlgorithm=\"1.2.840.113549.1.1.11\" SMSID=\"\" RequestType=\"Registration\"><AgentInformation "         \
    "AgentIdentity=\"isv\" AgentType=\"8\"/><Certificates><Signing Encoding=\"HexBinary\">" VECTOR_CERTIFICATE_EC      \
    "</Signing></Certificates></Data>"

/* A client whose registration its proxy, registered as VECTOR_CLIENT with the test key, signed. */
static void enrol_proxied(struct dialogue *dialogue)
{
    struct buffer wide, xml;
    char signature[SAMPLE_HEX_MAX];
    buffer_init(&wide, SAMPLE_MAX);
    buffer_init(&xml, SAMPLE_MAX);
    sample_wide(&wide, PROXIED);
    sample_sign(buffer_cursor(&wide), "sha256", signature);
    sample_print(&xml,
                 "<ClientRegistrationRequest>" PROXIED "<Signature SMSID=\"" VECTOR_CLIENT
                 "\"><SignatureValue>%s</SignatureValue></Signature></ClientRegistrationRequest>",
                 signature);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    post(dialogue, MP, &sample);
    reply(dialogue,
          "<ClientRegistrationResponse ResponseType=\"Registration\" Status=\"0\" SMSID=\"" OTHER_CLIENT "\"/>", NULL);
    buffer_free(&wide);
    buffer_free(&xml);
}

static void expect_proxied(struct dialogue *dialogue, int64_t registration, int64_t message)
{
    assert_true(text_is(dialogue_registration(dialogue, registration)->signature, "valid"));
    assert_true(text_is(dialogue_registration(dialogue, registration)->signed_by, "proxy"));
    assert_true(text_is(dialogue_registration(dialogue, registration)->key_fingerprint, VECTOR_FINGERPRINT));
    assert_true(text_is(dialogue_message(dialogue, message)->signature, "valid")); /* for its client, by the same key */
    assert_true(text_is(dialogue_message(dialogue, message)->key_source, "registration"));
    assert_int_equal(findings(dialogue, "C41") + findings(dialogue, "T03"), 0);
}

static struct sample proxied_request(void)
{
    struct sample sample = request(OTHER_CLIENT, NULL);
    sample.no_key = true;
    return sample;
}

static void the_key_of_an_isv_proxy_speaks_for_its_clients(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample sample = proxied_request();
    enrol_as(dialogue, VECTOR_CLIENT);
    enrol_proxied(dialogue);
    post(dialogue, MP, &sample);
    answer_empty(dialogue);
    dialogue_finish(dialogue);
    expect_proxied(dialogue, 2, 5);
}

static void the_proxy_may_register_after_its_clients(void **state)
{
    struct dialogue *dialogue = *state;
    struct sample sample = proxied_request();
    post(dialogue, MP, &sample);
    answer_empty(dialogue);
    enrol_proxied(dialogue);
    dialogue_close(dialogue);
    enrol_as(dialogue, VECTOR_CLIENT);
    dialogue_finish(dialogue);
    expect_proxied(dialogue, 1, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_dialogue, close_dialogue)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_signed_message_twice_is_a_hint),
        TEST(an_equal_body_under_another_header_is_no_replay),
        TEST(a_401_and_retry_is_no_replay),
        TEST(a_message_that_was_never_answered_may_come_again),
        TEST(one_id_from_hosts_of_two_names_is_a_hint),
        TEST(many_clients_behind_one_address_are_no_theft),
        TEST(one_key_for_two_ids_is_a_hint),
        TEST(one_certificate_registered_for_two_ids_departs_from_the_rules),
        TEST(a_sent_time_far_from_the_capture_is_a_hint),
        TEST(serial_numbers_of_a_client_rise),
        TEST(the_third_full_report_of_a_day_is_a_hint),
        TEST(the_user_agent_of_tools_is_told_once_for_a_client),
        TEST(altauth_without_tls_is_a_hint),
        TEST(a_policy_that_nobody_assigned_is_a_hint),
        TEST(a_body_with_the_hash_of_its_assignment_is_told),
        TEST(an_assignment_may_come_after_its_download_and_without_a_prefix),
        TEST(a_hash_of_an_unknown_form_or_of_another_client_decides_nothing),
        TEST(a_closed_envelope_is_not_blamed_for_its_hash),
        TEST(a_secret_policy_right_after_registration_is_a_hint),
        TEST(a_reply_is_traced_to_the_certificate_that_its_management_point_shows_later),
        TEST(a_reply_by_another_key_than_was_shown_is_told),
        TEST(a_certificate_waits_for_the_root_key_that_signed_it),
        TEST(the_key_of_an_isv_proxy_speaks_for_its_clients),
        TEST(the_proxy_may_register_after_its_clients),
        TEST(a_client_that_calls_itself_a_management_point_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
