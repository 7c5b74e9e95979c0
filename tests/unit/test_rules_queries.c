/* tests/unit/test_rules_queries.c: the queries of rules/sql over small stores made by hand: what each rule must say, and
 * above all what it must not. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules/evaluate.h"

#define ARENA_MAX ((size_t)16 * 1024 * 1024)
#define DAY 86400.0

struct bench {
    struct store *store;
    struct database *database;
    struct benchmark *benchmark;
    struct arena arena;
    struct verdicts verdicts;
    int64_t packet; /* of the next row */
};

static struct bench bench;

static int open_bench(void **state)
{
    (void)state;
    struct error error = {0};
    bench = (struct bench){.store = store_new(), .packet = 1};
    arena_init(&bench.arena, ARENA_MAX);
    if (benchmark_load(NULL, &bench.benchmark, &error) == OUTCOME_OK &&
        database_open(bench.store, &bench.database, &error) == OUTCOME_OK)
        return 0;
    fprintf(stderr, "%s\n", error.text);
    return 1;
}

static int close_bench(void **state)
{
    (void)state;
    arena_free(&bench.arena);
    database_close(bench.database);
    benchmark_free(bench.benchmark);
    store_free(bench.store);
    return 0;
}

static int64_t add(enum table table, const void *row)
{
    struct sink sink = store_sink(bench.store);
    return sink_append(&sink, table, row);
}

/* A GET of a service from 10.0.0.5 to 10.0.0.11, answered by 200 on clear HTTP. */
static struct http_row http_of(const char *service, const char *uri)
{
    struct http_row row = http_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.flow = 1;
    row.client = TEXT("10.0.0.5");
    row.server = TEXT("10.0.0.11");
    row.port = 80;
    row.method = TEXT("GET");
    row.uri = text_of(uri);
    row.host = TEXT("cm01.corp.test");
    row.status = 200;
    row.service = text_of(service);
    row.complete = 1;
    row.tls = 0;
    return row;
}

static void add_http(const char *service, const char *uri)
{
    struct http_row row = http_of(service, uri);
    add(TABLE_http, &row);
}

static void add_message(const char *transport, const char *target)
{
    struct message_row row = message_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.flow = 1;
    row.direction = TEXT("request");
    row.transport = text_of(transport);
    row.client = TEXT("10.0.0.5");
    row.server = TEXT("10.0.0.11");
    row.target_host = text_of(target);
    add(TABLE_message, &row);
}

static void add_tls_flow(void)
{
    struct flow_row row = flow_row_null();
    row.packet = bench.packet++;
    row.dst = TEXT("10.0.0.11");
    row.dport = 443;
    row.encrypted = 1;
    add(TABLE_flow, &row);
}

static void add_gap(void)
{
    struct coverage_row row = coverage_row_null();
    row.name = TEXT("gaps");
    row.value = 1;
    row.incomplete = 1;
    add(TABLE_coverage, &row);
}

static struct registration_row registration_of(const char *client, const char *smsid, const char *netbios)
{
    struct registration_row row = registration_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.client = text_of(client);
    row.smsid = text_of(smsid);
    row.netbios = text_of(netbios);
    row.status = 0;
    row.approval = 1;
    row.windows_auth = 0;
    row.agent_type = 0;
    row.agent_version = TEXT("5.00.8325.0000");
    return row;
}

static struct policy_row secret_of(const char *client, const char *client_id)
{
    struct policy_row row = policy_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.client = text_of(client);
    row.client_id = text_of(client_id);
    row.fetched = 1;
    row.body = TEXT("secret-cms");
    return row;
}

static struct certificate_row certificate_of(const char *seen_as, int64_t self_signed)
{
    struct certificate_row row = certificate_row_null();
    row.packet = bench.packet++;
    row.time = 100 * DAY;
    row.seen_as = text_of(seen_as);
    row.host = TEXT("10.0.0.5");
    row.fingerprint_sha256 = TEXT("AA");
    row.subject = TEXT("CN=ws1");
    row.not_before = 90 * DAY;
    row.not_after = 400 * DAY;
    row.key_type = TEXT("rsa");
    row.key_bits = 2048;
    row.signature_hash = TEXT("sha256");
    row.eku = TEXT("1.3.6.1.5.5.7.3.2");
    row.self_signed = self_signed;
    row.spki_sha256 = TEXT("BB");
    return row;
}

static const struct rule_verdict *judge_in(const char *id, const char *profile)
{
    struct error error = {0};
    struct evaluation evaluation = {.profile = profile, .ids = &id, .id_count = 1};
    arena_reset(&bench.arena);
    if (evaluate_rules(bench.database, bench.benchmark, &evaluation, &bench.arena, &bench.verdicts, &error) != OUTCOME_OK)
        fail_msg("%s", error.text);
    assert_int_equal(bench.verdicts.count, 1);
    return &bench.verdicts.items[0];
}

static const struct rule_verdict *judge(const char *id)
{
    return judge_in(id, "modern");
}

static void expect(const char *id, enum verdict verdict, const char *detail)
{
    const struct rule_verdict *v = judge(id);
    if (v->verdict != verdict || !text_find_like(v->detail, detail, &(size_t){0}))
        fail_msg("%s is %s: %.*s", id, verdict_name(v->verdict), (int)v->detail.length, v->detail.at);
}

static void every_query_prepares(void **state)
{
    (void)state;
    struct error error = {0};
    unsigned needs = 0;
    if (evaluate_needs(bench.database, bench.benchmark, &(struct evaluation){0}, &needs, &error) != OUTCOME_OK)
        fail_msg("%s", error.text);
}

static void without_traffic_nothing_is_decided(void **state)
{
    (void)state;
    struct error error = {0};
    if (evaluate_rules(bench.database, bench.benchmark, &(struct evaluation){0}, &bench.arena, &bench.verdicts, &error) !=
        OUTCOME_OK)
        fail_msg("%s", error.text);
    assert_int_equal(bench.verdicts.count, 111);
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
    expect("RSC-1", VERDICT_NOTOBSERVED, "2 TLS flows seen; whether both sides use certificates is not decoded yet");
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
    expect("NAM-2", VERDICT_NOTOBSERVED, "senders are not decoded yet");
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

static void old_clients_fail(void **state)
{
    (void)state;
    struct registration_row row = registration_of("10.0.0.5", "GUID:1", "WS1");
    add(TABLE_registration, &row);
    expect("HIE-5", VERDICT_PASS, "site setting itself is not on the wire");
    row.netbios = TEXT("WS2");
    row.agent_version = TEXT("2.50.4253.3000");
    add(TABLE_registration, &row);
    expect("HIE-5", VERDICT_FAIL, "SMS 2003");
    expect("CLM-3", VERDICT_FAIL, "SMS 2003");
    assert_int_equal(judge("CLM-3")->grade, GRADE_PROOF);
}

static void versions_pass_only_when_all_are_known(void **state)
{
    (void)state;
    struct registration_row row = registration_of("10.0.0.5", "GUID:1", "WS1");
    add(TABLE_registration, &row);
    add_message("http", "cm01"); /* of the same client */
    assert_int_equal(judge("CLM-3")->verdict, VERDICT_PASS);
    row.client = TEXT("10.0.0.6");
    row.agent_version = TEXT("banana");
    add(TABLE_registration, &row);
    expect("CLM-3", VERDICT_NOTOBSERVED, "other clients are not known");
}

static void versions_do_not_pass_beside_unregistered_clients(void **state)
{
    (void)state;
    struct registration_row row = registration_of("10.0.0.6", "GUID:1", "WS1");
    add(TABLE_registration, &row);
    add_message("http", "cm01"); /* of 10.0.0.5 */
    assert_int_equal(judge("CLM-3")->verdict, VERDICT_NOTOBSERVED);
}

static void versions_do_not_pass_when_something_was_missed(void **state)
{
    (void)state;
    struct registration_row row = registration_of("10.0.0.5", "GUID:1", "WS1");
    add(TABLE_registration, &row);
    add_gap();
    assert_int_equal(judge("HIE-5")->verdict, VERDICT_NOTOBSERVED);
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
    struct registration_row row = registration_of("10.0.0.5", "GUID:1", "WS1");
    row.windows_auth = 1;
    add(TABLE_registration, &row);
    struct policy_row policy = secret_of("10.0.0.5", "GUID:1");
    add(TABLE_policy, &policy);
    expect("CLM-1", VERDICT_PASS, "registered with Windows authentication");
    row = registration_of("10.0.0.6", "GUID:2", "WS2");
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
        struct registration_row registration = registration_of(i == 1 ? "10.0.0.5" : "10.0.0.6", "GUID:1",
                                                               i == 1 ? "A" : "B");
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
            row.not_after = 4000 * DAY;
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
    row.time = 500 * DAY;
    add(TABLE_certificate, &row);
    assert_int_equal(judge_in("CRT-2", "2007-mixed")->verdict, VERDICT_FAIL);
    expect("CRT-2", VERDICT_FAIL, "had expired when it was shown");
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
        TEST(every_query_prepares),
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
        TEST(old_clients_fail),
        TEST(versions_pass_only_when_all_are_known),
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
        TEST(weak_certificates_fail_only_in_the_modern_profile),
        TEST(certificates_out_of_their_time_fail_always),
        TEST(an_undecodable_certificate_fails_only_if_it_was_seen_whole),
        TEST(the_signing_certificate_from_a_management_point_fails),
        TEST(the_root_key_fetched_before_registration_fails),
        TEST(the_root_key_fetched_by_an_old_client_or_boot_media_is_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
