/* tests/unit/test_rules_queries.c: the queries of rules/sql about clear text, ports, names and keys, over small stores
 * made by hand: what each rule must say, and above all what it must not. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_bench.h"

/* The needs that are known are those that the queries have. */
static void every_query_prepares_and_needs_what_is_known(void **state)
{
    (void)state;
    struct error error = {0};
    unsigned known = 0, needs = 0;
    struct benchmark unknown = *bench.benchmark;
    assert_true(unknown.built_in);
    assert_int_equal(evaluate_needs(bench.database, &unknown, &(struct evaluation){0}, &known, &error), OUTCOME_OK);
    unknown.built_in = false;
    if (evaluate_needs(bench.database, &unknown, &(struct evaluation){0}, &needs, &error) != OUTCOME_OK)
        fail_msg("%s", error.text);
    assert_int_equal(known, needs);
}

static void without_traffic_nothing_is_decided(void **state)
{
    (void)state;
    struct error error = {0};
    if (evaluate_rules(bench.database, bench.benchmark, &(struct evaluation){0}, &bench.arena, &bench.verdicts,
                       &error) != OUTCOME_OK)
        fail_msg("%s", error.text);
    assert_int_equal(bench.verdicts.count, 112);
    assert_int_equal(bench.verdicts.by_verdict[VERDICT_PASS], 0);
    assert_int_equal(bench.verdicts.by_verdict[VERDICT_FAIL], 0);
    assert_int_equal(bench.verdicts.by_verdict[VERDICT_INFORMATIONAL], 0);
}

static void clear_messages_fail_native_mode_once_a_flow(void **state)
{
    (void)state;
    add_http("mp", "/ccm_system/request");
    add_message("http", "cm01");
    add_message("http", "cm01");
    static const char *const ids[] = {"RSC-1", "COM-1", "CLN-1"};
    for (size_t i = 0; i < 3; i++) {
        const struct rule_verdict *v = judge(ids[i]);
        assert_int_equal(v->verdict, VERDICT_FAIL);
        assert_int_equal(v->grade, GRADE_PROOF);
        assert_int_equal(v->evidence_count, 1);
        assert_true(text_is(v->evidence[0].table, "message"));
        assert_int_equal(v->evidence[0].packet, 2);
        assert_true(text_is(v->evidence[0].subject, "10.0.0.5 -> 10.0.0.11"));
    }
}

static void clear_downloads_fail_native_mode(void **state)
{
    (void)state;
    add_http("dp", "/SMS_DP_SMSPKG$/PRI00001");
    expect("COM-1", VERDICT_FAIL, "distribution point answers over clear HTTP");
}

static void legal_clear_text_does_not_fail_native_mode(void **state)
{
    (void)state;
    add_http("fsp", "/SMS_FSP/.sms_fsp");
    add_http("slp", "/sms_slp/slp.dll?site");
    add_http(NULL, "/crl/ca.crl");
    add_http("sup", "/SelfUpdate/wuident.cab");
    add_http("sup", "/ReportingWebService/ReportingWebService.asmx");
    assert_int_equal(judge("RSC-1")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("RSC-1")->remark_count, 0);
}

static void a_refused_clear_request_does_not_fail_native_mode(void **state)
{
    (void)state;
    struct http_row row = http_of("mp-auth", "/SMS_MP/.sms_aut?MPLIST");
    row.status = 403;
    add(TABLE_http, &row);
    row.flow = 2;
    row.status = INT_NULL;
    add(TABLE_http, &row);
    assert_int_equal(judge("RSC-1")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("RSC-1")->remark_count, 2);
}

static void a_lone_wsus_server_is_no_software_update_point(void **state)
{
    (void)state;
    add_http("sup", "/ClientWebService/client.asmx");
    expect("RSC-1", VERDICT_NOTOBSERVED, "Only hints");
    struct http_row row = http_of("mp-auth", "/SMS_MP/.sms_aut?MPLIST");
    row.tls = 1;
    row.flow = 2;
    add(TABLE_http, &row);
    expect("RSC-1", VERDICT_FAIL, "software update point answers over clear HTTP");
}

static void tls_alone_does_not_pass_native_mode(void **state)
{
    (void)state;
    add_tls_flow();
    add_tls_flow();
    expect("RSC-1", VERDICT_NOTOBSERVED,
           "2 TLS flows seen; the site file declares no management point to judge them by");
}

static void a_client_without_ssl_fails_native_mode_inside_tls(void **state)
{
    (void)state;
    struct message_row row = message_row_null();
    row.packet = 1;
    row.direction = TEXT("request");
    row.transport = TEXT("https");
    row.client_capabilities = TEXT("NonSSL");
    add(TABLE_message, &row);
    expect("COM-1", VERDICT_FAIL, "client says that it has no SSL");
}

static void usual_ports_are_advice(void **state)
{
    (void)state;
    add_http("mp", "/ccm_system/request");
    expect("COM-3", VERDICT_INFORMATIONAL, "usual port 80 in use for a management point");
}

static void other_ports_pass_only_if_all_are(void **state)
{
    (void)state;
    struct http_row row = http_of("mp", "/ccm_system/request");
    row.port = 8080;
    add(TABLE_http, &row);
    expect("COM-3", VERDICT_PASS, "port 8080 in use");
    row.port = 8081;
    row.server = TEXT("10.0.0.12");
    add(TABLE_http, &row);
    assert_int_equal(judge("COM-3")->verdict, VERDICT_NOTOBSERVED);
    add_http("dp", "/SMS_DP_SMSPKG$/x");
    assert_int_equal(judge("COM-3")->verdict, VERDICT_INFORMATIONAL);
}

static void other_ports_do_not_pass_beside_tls_or_gaps(void **state)
{
    (void)state;
    struct http_row row = http_of("mp", "/ccm_system/request");
    row.port = 8080;
    add(TABLE_http, &row);
    add_tls_flow();
    assert_int_equal(judge("COM-3")->verdict, VERDICT_NOTOBSERVED);
}

static void short_names_fail_and_full_names_pass(void **state)
{
    (void)state;
    add_message("http", "http://cm01.corp.test:80");
    expect("SYS-8", VERDICT_PASS, "called by its full DNS name");
    expect("NAM-2", VERDICT_NOTOBSERVED, "which senders there are");
    add_message("http", "CM01");
    expect("SYS-8", VERDICT_FAIL, "called by its short name");
    expect("NAM-2", VERDICT_FAIL, "called by its short name");
    assert_true(text_is(judge("SYS-8")->evidence[0].subject, "cm01 (10.0.0.11)"));
}

static void a_short_host_header_fails(void **state)
{
    (void)state;
    struct http_row row = http_of("mp-policy", "/SMS_MP/.sms_pol?x");
    row.host = TEXT("CM01:8080");
    add(TABLE_http, &row);
    expect("SYS-8", VERDICT_FAIL, "short name");
}

static void an_address_neither_fails_nor_lets_pass(void **state)
{
    (void)state;
    struct http_row row = http_of("mp", "/ccm_system/request");
    row.host = TEXT("10.0.0.11:8080");
    add(TABLE_http, &row);
    row.host = TEXT("[fd00::11]");
    add(TABLE_http, &row);
    expect("SYS-8", VERDICT_NOTOBSERVED, "called by its address");
    add_http("mp", "/ccm_system/request");
    expect("SYS-8", VERDICT_NOTOBSERVED, "full DNS name");
}

static void other_web_servers_have_any_name(void **state)
{
    (void)state;
    struct http_row row = http_of(NULL, "/index.html");
    row.host = TEXT("intranet");
    add(TABLE_http, &row);
    row.service = TEXT("sup");
    add(TABLE_http, &row);
    expect("SYS-8", VERDICT_NOTOBSERVED, "not in the capture");
}

static void a_web_server_that_knows_no_ccm_post_is_no_site_system(void **state)
{
    (void)state;
    struct http_row row = http_of("mp", "/");
    row.method = TEXT("CCM_POST");
    row.status = 405;
    add(TABLE_http, &row);
    expect("SYS-8", VERDICT_NOTOBSERVED, "not in the capture");
    expect("COM-3", VERDICT_NOTOBSERVED, "not in the capture");
    assert_int_equal(judge("RSC-1")->verdict, VERDICT_NOTOBSERVED);
}

static void the_signing_certificate_from_a_management_point_fails(void **state)
{
    (void)state;
    struct http_row row = http_of("mp-auth", "/SMS_MP/.sms_aut?SITESIGNCERT");
    row.status = 403;
    add(TABLE_http, &row);
    expect("CRT-6", VERDICT_NOTOBSERVED, "Only hints");
    add_http("mp-auth", "/sms_mp/.sms_aut?sitesigncert");
    expect("CRT-6", VERDICT_FAIL, "in clear text");
    expect("IBC-2", VERDICT_FAIL, "in clear text");
    assert_int_equal(judge("IBC-2")->grade, GRADE_PROOF);
}

static void the_root_key_fetched_before_registration_fails(void **state)
{
    (void)state;
    add_http("mp-auth", "/SMS_MP/.sms_aut?MPKEYINFORMATIONEX");
    expect("COM-4", VERDICT_NOTOBSERVED, "no registration after it");
    struct registration_row row = registration_of("10.0.0.5", "GUID:1", "WS1");
    add(TABLE_registration, &row);
    expect("COM-4", VERDICT_FAIL, "and then registered");
    assert_int_equal(judge("COM-4")->grade, GRADE_STRONG);
}

static void the_root_key_fetched_by_an_old_client_or_boot_media_is_a_hint(void **state)
{
    (void)state;
    struct registration_row row = registration_of("10.0.0.5", "GUID:1", "WS1");
    add(TABLE_registration, &row);
    add_http("mp-auth", "/SMS_MP/.sms_aut?MPKEYINFORMATION");
    struct http_row media = http_of("mp-auth", "/SMS_MP/.sms_aut?MPKEYINFORMATIONMEDIA");
    media.client = TEXT("10.0.0.6");
    add(TABLE_http, &media);
    row = registration_of("10.0.0.6", "GUID:2", "WS2");
    add(TABLE_registration, &row);
    const struct rule_verdict *v = judge("COM-4");
    assert_int_equal(v->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(v->remark_count, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(every_query_prepares_and_needs_what_is_known),
        TEST(without_traffic_nothing_is_decided),
        TEST(clear_messages_fail_native_mode_once_a_flow),
        TEST(clear_downloads_fail_native_mode),
        TEST(legal_clear_text_does_not_fail_native_mode),
        TEST(a_refused_clear_request_does_not_fail_native_mode),
        TEST(a_lone_wsus_server_is_no_software_update_point),
        TEST(tls_alone_does_not_pass_native_mode),
        TEST(a_client_without_ssl_fails_native_mode_inside_tls),
        TEST(usual_ports_are_advice),
        TEST(other_ports_pass_only_if_all_are),
        TEST(other_ports_do_not_pass_beside_tls_or_gaps),
        TEST(short_names_fail_and_full_names_pass),
        TEST(a_short_host_header_fails),
        TEST(an_address_neither_fails_nor_lets_pass),
        TEST(other_web_servers_have_any_name),
        TEST(a_web_server_that_knows_no_ccm_post_is_no_site_system),
        TEST(the_signing_certificate_from_a_management_point_fails),
        TEST(the_root_key_fetched_before_registration_fails),
        TEST(the_root_key_fetched_by_an_old_client_or_boot_media_is_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
