/* tests/unit/test_rules_queries_clients.c: the queries of rules/sql about versions, approval, shared keys and
 * certificates. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_bench.h"

#define CLIENTS_ENOUGH 20 /* the threshold of CLM-1, CLM-3 and HIE-5 (practices.md A0.3) */

/* Clients 10.0.0.5 and on, each registered once. */
static void add_registrations(int64_t count, int64_t windows_auth)
{
    for (int64_t i = 0; i < count; i++) {
        char client[32], smsid[32], name[32];
        snprintf(client, sizeof client, "10.0.0.%d", (int)i + 5);
        snprintf(smsid, sizeof smsid, "GUID:%d", (int)i + 1);
        snprintf(name, sizeof name, "WS%d", (int)i + 1);
        struct registration_row row = registration_of(client, smsid, name);
        row.windows_auth = windows_auth;
        add(TABLE_registration, &row);
    }
}

static void old_clients_fail(void **state)
{
    (void)state;
    add_registrations(CLIENTS_ENOUGH, 1);
    expect("HIE-5", VERDICT_PASS, "site setting itself is not on the wire");
    struct registration_row row = registration_of("10.0.0.5", "GUID:1", "WS1");
    row.agent_version = TEXT("2.50.4253.3000");
    add(TABLE_registration, &row);
    expect("HIE-5", VERDICT_FAIL, "SMS 2003");
    expect("CLM-3", VERDICT_FAIL, "SMS 2003");
    assert_int_equal(judge("CLM-3")->grade, GRADE_PROOF);
}

static void versions_pass_only_when_all_are_known(void **state)
{
    (void)state;
    add_registrations(CLIENTS_ENOUGH, 1);
    add_message("http", "cm01"); /* of the first client */
    assert_int_equal(judge("CLM-3")->verdict, VERDICT_PASS);
    struct registration_row row = registration_of("10.0.0.6", "GUID:2", "WS2");
    row.agent_version = TEXT("banana");
    add(TABLE_registration, &row);
    expect("CLM-3", VERDICT_NOTOBSERVED, "too little was seen to say so of all clients");
}

static void a_few_clients_do_not_speak_for_all(void **state)
{
    (void)state;
    add_registrations(CLIENTS_ENOUGH - 1, 1);
    assert_int_equal(judge("CLM-1")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("CLM-3")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("HIE-5")->verdict, VERDICT_NOTOBSERVED);
}

static void versions_do_not_pass_beside_unregistered_clients(void **state)
{
    (void)state;
    add_registrations(CLIENTS_ENOUGH, 1);
    struct message_row row = message_row_null();
    row.direction = TEXT("request");
    row.client = TEXT("10.0.0.200");
    add(TABLE_message, &row);
    assert_int_equal(judge("CLM-3")->verdict, VERDICT_NOTOBSERVED);
}

static void versions_do_not_pass_when_something_was_missed(void **state)
{
    (void)state;
    add_registrations(CLIENTS_ENOUGH, 1);
    add_gap();
    assert_int_equal(judge("HIE-5")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("CLM-1")->verdict, VERDICT_NOTOBSERVED);
}

static void an_agent_of_another_vendor_is_a_hint(void **state)
{
    (void)state;
    struct registration_row row = registration_of("10.0.0.5", "GUID:1", "PROXY");
    row.agent_type = 8;
    row.agent_version = TEXT("1.0.0.0");
    add(TABLE_registration, &row);
    expect("HIE-5", VERDICT_NOTOBSERVED, "Only hints");
}

static void anonymous_clients_that_get_secrets_fail(void **state)
{
    (void)state;
    struct registration_row registration = registration_of("10.0.0.5", "GUID:AB-1", "WS1");
    add(TABLE_registration, &registration);
    expect("CLM-1", VERDICT_NOTOBSERVED, "no policy with secrets was seen to follow");
    struct policy_row policy = secret_of("10.0.0.99", "{ab-1}");
    add(TABLE_policy, &policy);
    expect("CLM-1", VERDICT_FAIL, "got a policy with secrets");
    assert_int_equal(judge("CLM-1")->grade, GRADE_STRONG);
    assert_true(text_is(judge("CLM-1")->evidence[0].table, "policy"));
}

static void secrets_without_a_client_id_are_matched_by_address(void **state)
{
    (void)state;
    struct registration_row registration = registration_of("10.0.0.5", "GUID:1", "WS1");
    add(TABLE_registration, &registration);
    struct policy_row policy = secret_of("10.0.0.5", NULL);
    add(TABLE_policy, &policy);
    assert_int_equal(judge("CLM-1")->verdict, VERDICT_FAIL);
    registration = registration_of("10.0.0.5", "GUID:2", "WS2"); /* now two clients are behind it */
    registration.windows_auth = 1;
    add(TABLE_registration, &registration);
    assert_int_equal(judge("CLM-1")->verdict, VERDICT_NOTOBSERVED);
}

static void late_or_only_assigned_secrets_are_hints(void **state)
{
    (void)state;
    struct registration_row registration = registration_of("10.0.0.5", "GUID:1", "WS1");
    add(TABLE_registration, &registration);
    struct policy_row policy = secret_of("10.0.0.5", "GUID:1");
    policy.time += 3600;
    add(TABLE_policy, &policy);
    policy = secret_of("10.0.0.5", "GUID:1");
    policy.fetched = 0;
    policy.body = TEXT_NULL;
    policy.flags = 4;
    add(TABLE_policy, &policy);
    policy = secret_of("10.0.0.5", "GUID:1");
    policy.time = 1;
    add(TABLE_policy, &policy); /* before the registration */
    const struct rule_verdict *v = judge("CLM-1");
    assert_int_equal(v->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(v->remark_count, 2);
}

static void windows_accounts_pass_only_if_all_have_one(void **state)
{
    (void)state;
    add_registrations(CLIENTS_ENOUGH, 1);
    struct policy_row policy = secret_of("10.0.0.5", "GUID:1");
    add(TABLE_policy, &policy);
    expect("CLM-1", VERDICT_PASS, "registered with Windows authentication");
    struct registration_row row = registration_of("10.0.0.200", "GUID:200", "WS200");
    row.approval = 0;
    add(TABLE_registration, &row);
    assert_int_equal(judge("CLM-1")->verdict, VERDICT_NOTOBSERVED);
}

static void one_key_on_two_computers_fails(void **state)
{
    (void)state;
    struct registration_row registration = registration_of("10.0.0.5", "GUID:1", "WS1");
    struct certificate_row certificate = certificate_of("message-signing", 1);
    registration.message = certificate.message = 1;
    add(TABLE_registration, &registration);
    add(TABLE_certificate, &certificate);
    assert_int_equal(judge("CLA-2")->verdict, VERDICT_NOTOBSERVED);
    registration = registration_of("10.0.0.6", "GUID:2", "ws1"); /* moved */
    registration.message = certificate.message = 2;
    add(TABLE_registration, &registration);
    add(TABLE_certificate, &certificate);
    assert_int_equal(judge("CLA-2")->verdict, VERDICT_NOTOBSERVED);
    registration = registration_of("10.0.0.7", "GUID:3", "WS3");
    registration.message = certificate.message = 3;
    add(TABLE_registration, &registration);
    add(TABLE_certificate, &certificate);
    const struct rule_verdict *v = judge("CLA-2");
    assert_int_equal(v->verdict, VERDICT_FAIL);
    assert_int_equal(v->grade, GRADE_STRONG);
    assert_int_equal(v->evidence_count, 3);
}

static void a_proxy_may_share_its_key(void **state)
{
    (void)state;
    for (int64_t i = 1; i <= 2; i++) {
        struct registration_row registration =
            registration_of(i == 1 ? "10.0.0.5" : "10.0.0.6", "GUID:1", i == 1 ? "A" : "B");
        struct certificate_row certificate = certificate_of("message-signing", 1);
        registration.agent_type = 8;
        registration.message = certificate.message = i;
        add(TABLE_registration, &registration);
        add(TABLE_certificate, &certificate);
    }
    assert_int_equal(judge("CLA-2")->verdict, VERDICT_NOTOBSERVED);
}

static void a_sound_certificate_passes(void **state)
{
    (void)state;
    struct certificate_row row = certificate_of("message-signing", 1);
    add(TABLE_certificate, &row);
    expect("CRT-2", VERDICT_NOTOBSERVED, "self-signed");
    row = certificate_of("message-signing", 0);
    row.fingerprint_sha256 = TEXT("CC");
    add(TABLE_certificate, &row);
    expect("CRT-2", VERDICT_PASS, "inside the profile");
}

/* The signing certificate of a site server with a serial number and key. */
static void add_signing(const char *serial, const char *key, double from)
{
    struct certificate_row row = certificate_of("sitesign", 1);
    row.subject = TEXT("CN=Site Server");
    row.san = TEXT("cm01.corp.test");
    row.serial = text_of(serial);
    row.spki_sha256 = text_of(key);
    row.not_before = CLOCK + from * DAY;
    add(TABLE_certificate, &row);
}

static void a_renewal_with_the_same_key_fails_and_with_a_new_one_passes(void **state)
{
    (void)state;
    add_signing("01", "AA", 10);
    assert_int_equal(judge("CRT-8")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("CRT-7")->verdict, VERDICT_NOTOBSERVED);
    add_signing("02", "BB", 20);
    expect("CRT-8", VERDICT_PASS, "has a new key");
    expect("CRT-7", VERDICT_NOTOBSERVED, "Only hints");
    add_signing("03", "BB", 30);
    expect("CRT-8", VERDICT_FAIL, "has the key of the one before");
    assert_int_equal(judge("CRT-8")->grade, GRADE_PROOF);
}

static void two_signing_keys_in_turn_fail_and_are_no_renewal(void **state)
{
    (void)state;
    add_signing("01", "AA", 10);
    add_signing("02", "BB", 20);
    add_signing("01", "AA", 10);
    expect("CRT-7", VERDICT_FAIL, "in use at one time");
    assert_int_equal(judge("CRT-7")->grade, GRADE_STRONG);
    assert_int_equal(judge("CRT-8")->verdict, VERDICT_NOTOBSERVED);
}

static void the_same_certificate_again_is_no_renewal(void **state)
{
    (void)state;
    add_signing("01", "AA", 10);
    add_signing("01", "AA", 10);
    assert_int_equal(judge("CRT-8")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("CRT-7")->verdict, VERDICT_NOTOBSERVED);
}

/* All sites call the subject the same: without a name of the server nothing tells them apart. */
static void certificates_without_a_server_name_decide_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct certificate_row row = certificate_of("sitesign", 1);
        row.serial = i == 0 ? TEXT("01") : TEXT("02");
        row.spki_sha256 = i == 0 ? TEXT("AA") : TEXT("BB");
        row.not_before = CLOCK + (90.0 + i) * DAY;
        add(TABLE_certificate, &row);
    }
    assert_int_equal(judge("CRT-8")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("CRT-7")->verdict, VERDICT_NOTOBSERVED);
}

static void weak_certificates_fail_only_in_the_modern_profile(void **state)
{
    (void)state;
    static const char *const expected[] = {"shorter than 2048 bits", "weak hash sha1", "more than 1825 days",
                                           "without the purpose client authentication"};
    for (size_t i = 0; i < 4; i++) {
        struct certificate_row row = certificate_of("message-signing", 0);
        if (i == 0)
            row.key_bits = 1024;
        if (i == 1)
            row.signature_hash = TEXT("sha1");
        if (i == 2)
            row.not_after = CLOCK + 4000 * DAY;
        if (i == 3)
            row.eku = TEXT("1.3.6.1.5.5.7.3.1");
        add(TABLE_certificate, &row);
        expect("CRT-2", VERDICT_FAIL, i == 0 ? expected[0] : "");
        const struct rule_verdict *v = judge_in("CRT-2", "2007-native");
        assert_int_equal(v->verdict, VERDICT_NOTOBSERVED);
        assert_int_equal(v->remark_count, i + 1);
    }
    for (size_t i = 0; i < 4; i++) {
        const struct rule_verdict *v = judge("CRT-2");
        size_t found = 0;
        for (size_t e = 0; e < v->evidence_count; e++)
            found += text_find_like(v->evidence[e].why, expected[i], &(size_t){0});
        assert_int_equal(found, 1);
    }
}

static void certificates_out_of_their_time_fail_always(void **state)
{
    (void)state;
    struct certificate_row row = certificate_of("mpcert", 1);
    row.time = CLOCK + 500 * DAY;
    add(TABLE_certificate, &row);
    assert_int_equal(judge_in("CRT-2", "2007-mixed")->verdict, VERDICT_FAIL);
    expect("CRT-2", VERDICT_FAIL, "had expired when it was shown");
}

/* Clocks differ, and some captures have none: not_before is day 90, not_after day 400. */
static void a_clock_that_is_wrong_or_missing_proves_nothing_of_certificates(void **state)
{
    (void)state;
    static const double times[] = {CLOCK + 90 * DAY - 5, CLOCK + 89.1 * DAY, CLOCK + 400.9 * DAY, 0, 86400, 946684800};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct certificate_row row = certificate_of("mpcert", 0);
        row.eku = TEXT("1.3.6.1.5.5.7.3.1");
        row.time = times[i];
        add(TABLE_certificate, &row);
        assert_int_equal(judge("CRT-2")->verdict, VERDICT_NOTOBSERVED);
    }
    struct certificate_row row = certificate_of("mpcert", 0);
    row.time = CLOCK + 88.9 * DAY;
    add(TABLE_certificate, &row);
    expect("CRT-2", VERDICT_FAIL, "not yet valid");
}

static void an_undecodable_certificate_fails_only_if_it_was_seen_whole(void **state)
{
    (void)state;
    struct certificate_row row = certificate_row_null();
    row.packet = 1;
    row.problem = TEXT("not DER");
    add(TABLE_certificate, &row);
    assert_int_equal(judge("CRT-2")->verdict, VERDICT_NOTOBSERVED);
    add_http("mp-auth", "/SMS_MP/.sms_aut?MPCERT");
    row.http = 1;
    add(TABLE_certificate, &row);
    expect("CRT-2", VERDICT_FAIL, "cannot be decoded");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(old_clients_fail),
        TEST(versions_pass_only_when_all_are_known),
        TEST(a_few_clients_do_not_speak_for_all),
        TEST(versions_do_not_pass_beside_unregistered_clients),
        TEST(versions_do_not_pass_when_something_was_missed),
        TEST(an_agent_of_another_vendor_is_a_hint),
        TEST(anonymous_clients_that_get_secrets_fail),
        TEST(secrets_without_a_client_id_are_matched_by_address),
        TEST(late_or_only_assigned_secrets_are_hints),
        TEST(windows_accounts_pass_only_if_all_have_one),
        TEST(one_key_on_two_computers_fails),
        TEST(a_proxy_may_share_its_key),
        TEST(a_sound_certificate_passes),
        TEST(a_renewal_with_the_same_key_fails_and_with_a_new_one_passes),
        TEST(two_signing_keys_in_turn_fail_and_are_no_renewal),
        TEST(the_same_certificate_again_is_no_renewal),
        TEST(certificates_without_a_server_name_decide_nothing),
        TEST(weak_certificates_fail_only_in_the_modern_profile),
        TEST(certificates_out_of_their_time_fail_always),
        TEST(a_clock_that_is_wrong_or_missing_proves_nothing_of_certificates),
        TEST(an_undecodable_certificate_fails_only_if_it_was_seen_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
