/* tests/unit/test_rules_queries_site.c: the queries of rules/sql that ask what hosts do, declared or learned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_bench.h"

#define MP "10.0.0.11"
#define SQL "10.0.0.50"
#define DC "10.0.0.5"

static void declare_role(const char *host, const char *role)
{
    struct site_role_row row = site_role_row_null();
    row.host = text_of(host);
    row.role = text_of(role);
    add(TABLE_site_role, &row);
}

static void declare_subnet(const char *network, const char *kind)
{
    struct site_subnet_row row = site_subnet_row_null();
    row.network = text_of(network);
    row.kind = text_of(kind);
    add(TABLE_site_subnet, &row);
}

static void declare_sql(const char *code, int64_t port)
{
    struct site_sql_row row = site_sql_row_null();
    row.host = TEXT(SQL);
    row.port = port;
    row.site_code = text_of(code);
    add(TABLE_site_sql, &row);
}

static void declare_ipsec(const char *host, const char *peer, const char *protection)
{
    struct site_ipsec_row row = site_ipsec_row_null();
    row.host = text_of(host);
    row.peer = text_of(peer);
    row.protection = text_of(protection);
    add(TABLE_site_ipsec, &row);
}

static void add_flow(const char *src, const char *dst, const char *app)
{
    struct flow_row row = flow_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.start = row.end = row.time;
    row.proto = TEXT("tcp");
    row.src = text_of(src);
    row.dst = text_of(dst);
    row.sport = 40000;
    row.dport = 445;
    row.state = TEXT("closed");
    row.packets_out = row.packets_in = 5;
    row.bytes_out = row.bytes_in = 1000;
    row.app = text_of(app);
    row.encrypted = 0;
    add(TABLE_flow, &row);
}

static void add_ipsec(const char *src, const char *dst, int64_t null_encryption)
{
    struct ipsec_row row = ipsec_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.protocol = TEXT("esp");
    row.src = text_of(src);
    row.dst = text_of(dst);
    row.spi = TEXT("0x00000001");
    row.packets = 20;
    row.bytes = 2000;
    row.end = row.time;
    row.null_encryption = null_encryption;
    add(TABLE_ipsec, &row);
}

static struct dhcp_row dhcp_of(const char *message)
{
    struct dhcp_row row = dhcp_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.message = text_of(message);
    row.src = TEXT("0.0.0.0");
    row.proxy = 0;
    return row;
}

static void add_login(const char *database, int64_t integrated)
{
    struct sql_login_row row = sql_login_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.client = TEXT(MP);
    row.server = TEXT(SQL);
    row.port = 1433;
    row.database = text_of(database);
    row.integrated = integrated;
    row.auth = text_of(integrated ? "kerberos" : "sql");
    row.accepted = 1;
    add(TABLE_sql_login, &row);
}

static void add_ticket(const char *client, const char *server)
{
    struct kerberos_row row = kerberos_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.carrier = TEXT("kdc");
    row.message = TEXT("AS-REP");
    row.host = text_of(client);
    row.server = text_of(server);
    add(TABLE_kerberos, &row);
    add_flow(client, server, "kerberos");
}

static void expect_basis(const char *id, enum verdict verdict, enum grade grade, enum basis basis)
{
    const struct rule_verdict *v = judge(id);
    if (v->verdict != verdict || v->grade != grade || v->basis != basis)
        fail_msg("%s is %s, %s, %s: %.*s", id, verdict_name(v->verdict), grade_name(v->grade),
                 v->basis == BASIS_NONE ? "-" : basis_name(v->basis), (int)v->detail.length, v->detail.at);
}

static void a_site_system_with_an_address_from_dhcp_fails(void **state)
{
    (void)state;
    struct dhcp_row ack = dhcp_of("ack");
    ack.your_ip = TEXT(MP);
    add(TABLE_dhcp, &ack);
    assert_int_equal(judge("SYS-7")->verdict, VERDICT_NOTOBSERVED); /* nobody knows what host that is */
    declare_role(MP, "management_point");
    expect_basis("SYS-7", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
}

static void a_learned_role_makes_it_strong(void **state)
{
    (void)state;
    struct dhcp_row request = dhcp_of("request");
    request.src = request.client_ip = TEXT(MP);
    add(TABLE_dhcp, &request);
    add_http("mp", "/ccm_system/request");
    expect_basis("SYS-7", VERDICT_FAIL, GRADE_STRONG, BASIS_LEARNED);
}

static void questions_for_options_and_pxe_are_no_breach(void **state)
{
    (void)state;
    declare_role(MP, "management_point");
    declare_role("10.0.0.101", "proxy");
    struct dhcp_row row = dhcp_of("inform");
    row.src = row.client_ip = TEXT(MP);
    add(TABLE_dhcp, &row);
    row = dhcp_of("ack");
    row.your_ip = TEXT(MP);
    row.vendor_class = TEXT("PXEClient:Arch:00007");
    add(TABLE_dhcp, &row);
    row = dhcp_of("request"); /* anybody may ask */
    row.requested_ip = TEXT(MP);
    add(TABLE_dhcp, &row);
    row = dhcp_of("ack"); /* no site system */
    row.your_ip = TEXT("10.0.0.101");
    add(TABLE_dhcp, &row);
    assert_int_equal(judge("SYS-7")->verdict, VERDICT_NOTOBSERVED);
    assert_int_equal(judge("SYS-7")->remark_count, 1);
}

static void readable_traffic_between_servers_fails(void **state)
{
    (void)state;
    add_flow(MP, SQL, "tds");
    assert_int_equal(judge("COM-5")->verdict, VERDICT_NOTOBSERVED);
    declare_role(MP, "management_point");
    assert_int_equal(judge("COM-5")->verdict, VERDICT_NOTOBSERVED);
    declare_role(SQL, "site_database");
    expect_basis("COM-5", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
    expect_basis("RSC-4", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
}

static void traffic_with_clients_and_domain_controllers_is_left_out(void **state)
{
    (void)state;
    declare_role(MP, "management_point");
    declare_role(DC, "domain_controller");
    add_flow(MP, DC, "ldap");
    add_flow("10.0.0.101", MP, "smb");
    assert_int_equal(judge("RSC-4")->verdict, VERDICT_NOTOBSERVED);
}

static void declared_pairs_in_ipsec_pass_when_all_are(void **state)
{
    (void)state;
    declare_ipsec(MP, SQL, NULL);
    add_ipsec(MP, SQL, 0);
    assert_int_equal(judge("RSC-4")->verdict, VERDICT_NOTOBSERVED); /* one direction */
    add_ipsec(SQL, MP, 0);
    expect_basis("RSC-4", VERDICT_PASS, GRADE_PROOF, BASIS_DECLARED);
    add_flow(MP, SQL, "kerberos");
    expect_basis("RSC-4", VERDICT_PASS, GRADE_PROOF, BASIS_DECLARED);
    declare_ipsec(MP, "10.0.0.12", NULL); /* never seen */
    assert_int_equal(judge("RSC-4")->verdict, VERDICT_NOTOBSERVED);
}

static void nothing_passes_beside_clear_or_missed_traffic(void **state)
{
    (void)state;
    declare_ipsec(MP, SQL, NULL);
    add_ipsec(MP, SQL, 0);
    add_ipsec(SQL, MP, 0);
    assert_int_equal(judge("RSC-4")->verdict, VERDICT_PASS);
    add_flow(MP, SQL, NULL); /* of an unknown protocol: no breach, but no pass */
    assert_int_equal(judge("RSC-4")->verdict, VERDICT_NOTOBSERVED);
}

static void a_gap_keeps_ipsec_from_passing(void **state)
{
    (void)state;
    declare_ipsec(MP, SQL, NULL);
    add_ipsec(MP, SQL, 0);
    add_ipsec(SQL, MP, 0);
    add_gap();
    assert_int_equal(judge("RSC-4")->verdict, VERDICT_NOTOBSERVED);
}

static void other_servers_in_the_clear_keep_ipsec_from_passing(void **state)
{
    (void)state;
    declare_ipsec(MP, SQL, NULL);
    add_ipsec(MP, SQL, 0);
    add_ipsec(SQL, MP, 0);
    declare_role(MP, "management_point");
    declare_role("10.0.0.12", "distribution_point");
    add_flow(MP, "10.0.0.12", "http");
    assert_int_equal(judge("RSC-4")->verdict, VERDICT_NOTOBSERVED);
}

static void ipsec_without_encryption_is_judged_as_declared(void **state)
{
    (void)state;
    add_ipsec(MP, SQL, 1);
    add_ipsec(SQL, MP, 1);
    declare_ipsec(MP, SQL, "integrity");
    expect_basis("RSC-4", VERDICT_PASS, GRADE_PROOF, BASIS_DECLARED);
    declare_ipsec(SQL, MP, "encryption");
    expect_basis("RSC-4", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
}

static void a_site_server_that_issues_tickets_fails(void **state)
{
    (void)state;
    declare_role(MP, "site_server");
    add_ticket("10.0.0.101", MP);
    expect_basis("SIT-1", VERDICT_FAIL, GRADE_STRONG, BASIS_LEARNED);
    assert_int_equal(judge("FSP-2")->verdict, VERDICT_NOTOBSERVED);
    struct site_domain_controller_row row = site_domain_controller_row_null();
    row.host = TEXT(MP);
    add(TABLE_site_domain_controller, &row);
    expect_basis("SIT-1", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
}

static void a_site_server_passes_only_beside_many_clients_of_a_controller(void **state)
{
    (void)state;
    char client[32];
    declare_role(MP, "site_server");
    add_flow("10.0.0.101", MP, "smb");
    for (int i = 0; i < 19; i++) {
        snprintf(client, sizeof client, "10.0.1.%d", i);
        add_ticket(client, DC);
    }
    assert_int_equal(judge("SIT-1")->verdict, VERDICT_NOTOBSERVED);
    add_ticket("10.0.1.19", DC);
    expect_basis("SIT-1", VERDICT_PASS, GRADE_STRONG, BASIS_DECLARED);
    declare_role("10.0.0.12", "site_server"); /* another, that nobody talked to */
    assert_int_equal(judge("SIT-1")->verdict, VERDICT_NOTOBSERVED);
}

static void one_sql_server_for_two_sites_fails(void **state)
{
    (void)state;
    add_login("SMS_PRI", 1);
    add_login("master", 1);
    assert_int_equal(judge("SQL-1")->verdict, VERDICT_NOTOBSERVED);
    add_login("CM_ABC", 1);
    expect_basis("SQL-1", VERDICT_FAIL, GRADE_STRONG, BASIS_NONE);
}

static void one_sql_server_declared_for_two_sites_fails(void **state)
{
    (void)state;
    declare_sql("PRI", 1433);
    declare_sql("ABC", 1434);
    assert_int_equal(judge("SQL-1")->verdict, VERDICT_NOTOBSERVED);
    declare_sql("DEF", 1433);
    expect_basis("SQL-1", VERDICT_FAIL, GRADE_STRONG, BASIS_DECLARED);
}

static void an_sql_login_at_a_declared_instance_fails(void **state)
{
    (void)state;
    add_login("master", 0);
    assert_int_equal(judge("SQL-3")->verdict, VERDICT_NOTOBSERVED);
    declare_sql("PRI", 1434);
    assert_int_equal(judge("SQL-3")->verdict, VERDICT_NOTOBSERVED); /* another instance */
    declare_sql("PRI", 1433);
    expect_basis("SQL-3", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
}

static void a_point_in_the_perimeter_fails(void **state)
{
    (void)state;
    declare_role(MP, "fallback_status_point");
    assert_int_equal(judge("FSP-4")->verdict, VERDICT_NOTOBSERVED);
    declare_subnet("10.0.0.0/8", "server");
    assert_int_equal(judge("FSP-4")->verdict, VERDICT_NOTOBSERVED); /* no perimeter is declared */
    declare_subnet("192.0.2.0/24", "perimeter");
    expect_basis("FSP-4", VERDICT_PASS, GRADE_STRONG, BASIS_DECLARED);
    declare_subnet("10.0.0.0/24", "perimeter"); /* narrower */
    expect_basis("FSP-4", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
    assert_int_equal(judge("SLP-1")->verdict, VERDICT_NOTOBSERVED);
}

static void a_site_system_called_by_a_short_name_over_smb_fails(void **state)
{
    (void)state;
    struct smb_tree_row row = smb_tree_row_null();
    row.packet = bench.packet++;
    row.time = 1000;
    row.client = TEXT("10.0.0.12");
    row.server = TEXT(MP);
    row.host = TEXT("CM01");
    row.share = TEXT("data");
    row.path = TEXT("\\\\CM01\\data");
    row.status = TEXT("SUCCESS");
    add(TABLE_smb_tree, &row);
    assert_int_equal(judge("SYS-8")->verdict, VERDICT_NOTOBSERVED);
    declare_role(MP, "management_point");
    expect_basis("SYS-8", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
    expect_basis("NAM-2", VERDICT_FAIL, GRADE_PROOF, BASIS_DECLARED);
}

static void a_declared_system_that_nobody_called_keeps_full_names_from_passing(void **state)
{
    (void)state;
    add_http("mp", "/ccm_system/request");
    assert_int_equal(judge("SYS-8")->verdict, VERDICT_PASS);
    declare_role("10.0.0.12", "distribution_point");
    assert_int_equal(judge("SYS-8")->verdict, VERDICT_NOTOBSERVED);
}

static void a_declared_port_under_tls_counts(void **state)
{
    (void)state;
    struct tls_row tls = tls_row_null();
    tls.packet = bench.packet++;
    tls.time = 1000;
    tls.server = TEXT(MP);
    tls.port = 8443;
    tls.complete = 1;
    tls.decrypted = 0;
    add(TABLE_tls, &tls);
    declare_role(MP, "management_point");
    assert_int_equal(judge("COM-3")->verdict, VERDICT_NOTOBSERVED);
    struct site_port_row port = site_port_row_null();
    port.service = TEXT("https");
    port.port = 8443;
    add(TABLE_site_port, &port);
    expect_basis("COM-3", VERDICT_PASS, GRADE_STRONG, BASIS_DECLARED);
    tls.port = 443;
    add(TABLE_tls, &tls);
    expect_basis("COM-3", VERDICT_INFORMATIONAL, GRADE_PROOF, BASIS_DECLARED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(a_site_system_with_an_address_from_dhcp_fails),
        TEST(a_learned_role_makes_it_strong),
        TEST(questions_for_options_and_pxe_are_no_breach),
        TEST(readable_traffic_between_servers_fails),
        TEST(traffic_with_clients_and_domain_controllers_is_left_out),
        TEST(declared_pairs_in_ipsec_pass_when_all_are),
        TEST(nothing_passes_beside_clear_or_missed_traffic),
        TEST(a_gap_keeps_ipsec_from_passing),
        TEST(other_servers_in_the_clear_keep_ipsec_from_passing),
        TEST(ipsec_without_encryption_is_judged_as_declared),
        TEST(a_site_server_that_issues_tickets_fails),
        TEST(a_site_server_passes_only_beside_many_clients_of_a_controller),
        TEST(one_sql_server_for_two_sites_fails),
        TEST(one_sql_server_declared_for_two_sites_fails),
        TEST(an_sql_login_at_a_declared_instance_fails),
        TEST(a_point_in_the_perimeter_fails),
        TEST(a_site_system_called_by_a_short_name_over_smb_fails),
        TEST(a_declared_system_that_nobody_called_keeps_full_names_from_passing),
        TEST(a_declared_port_under_tls_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
