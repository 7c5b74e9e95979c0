/* tests/unit/test_records_derived.c: who is who: what the tables of records/sql/ make of what was observed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "records/database.h"
#include "records/derived.h"
#include "records/schema.h"

struct bench {
    struct store *store;
    struct database *database;
    struct sink sink;
    int64_t packet; /* of the next row */
    char text[4096];
};

static struct bench *bench_of(void **state)
{
    return *state;
}

static int open_bench(void **state)
{
    static struct bench bench;
    struct error error;
    bench = (struct bench){.store = store_new()};
    *state = &bench;
    if (bench.store == NULL)
        return 1;
    bench.sink = store_sink(bench.store);
    return database_open(bench.store, &bench.database, &error) != OUTCOME_OK;
}

static int close_bench(void **state)
{
    database_close(bench_of(state)->database);
    store_free(bench_of(state)->store);
    return 0;
}

/* All rows of a query: values separated by spaces, rows by semicolons. */
static const char *ask(void **state, const char *sql)
{
    struct bench *bench = bench_of(state);
    struct error error = {0};
    sqlite3_stmt *statement;
    if (database_prepare(bench->database, sql, &statement, NULL, &error) != OUTCOME_OK)
        fail_msg("%s: %s", sql, error.text);
    size_t at = 0;
    bench->text[0] = '\0';
    while (sqlite3_step(statement) == SQLITE_ROW) {
        at += (size_t)snprintf(bench->text + at, sizeof bench->text - at, "%s", at > 0 ? ";" : "");
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *value = (const char *)sqlite3_column_text(statement, i);
            at += (size_t)snprintf(bench->text + at, sizeof bench->text - at, "%s%s", i == 0 ? "" : " ",
                                   value == NULL ? "-" : value);
        }
    }
    if (sqlite3_finalize(statement) != SQLITE_OK)
        fail_msg("%s: %s", sql, "stopped");
    return bench->text;
}

static unsigned needs_of(void **state, const char *sql)
{
    struct error error = {0};
    sqlite3_stmt *statement;
    unsigned needs = 0;
    if (database_prepare(bench_of(state)->database, sql, &statement, &needs, &error) != OUTCOME_OK)
        fail_msg("%s: %s", sql, error.text);
    sqlite3_finalize(statement);
    return needs;
}

#define ROLES "SELECT host, role, site_code, grade FROM role ORDER BY id"

/* ---- Rows ---- */

#define ADD(state, table, ...)                                                                                         \
    do {                                                                                                               \
        struct table##_row row = table##_row_null();                                                                   \
        row.packet = ++bench_of(state)->packet;                                                                        \
        row.time = (double)row.packet;                                                                                 \
        __VA_ARGS__;                                                                                                   \
        sink_append(&bench_of(state)->sink, TABLE_##table, &row);                                                      \
    } while (0)

static void add_http(void **state, const char *uri, const char *service, int64_t status)
{
    ADD(state, http, row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"), row.method = TEXT("GET"),
        row.uri = text_of(uri), row.service = service == NULL ? TEXT_NULL : text_of(service), row.status = status,
        row.reply_packet = status == INT_NULL ? INT_NULL : row.packet, row.host = TEXT("cm01.corp.test:80"));
}

static void add_tree(void **state, const char *share, const char *purpose, const char *status)
{
    ADD(state, smb_tree, row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"), row.share = text_of(share),
        row.purpose = text_of(purpose), row.status = text_of(status));
}

static void add_login(void **state, const char *database, int64_t accepted)
{
    ADD(state, sql_login, row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"),
        row.database = text_of(database), row.accepted = accepted, row.host = TEXT("WS9"));
}

/* A question that was answered with one record. */
static void add_answer(void **state, const char *protocol, const char *name, const char *suffix, const char *type,
                       const char *value)
{
    int64_t query = store_count(bench_of(state)->store, TABLE_name_query) + 1;
    struct text suffix_text = suffix == NULL ? TEXT_NULL : text_of(suffix);
    ADD(state, name_query, row.protocol = text_of(protocol), row.operation = TEXT("query"),
        row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.5"), row.name = text_of(name),
        row.suffix = suffix_text, row.type = text_of(type), row.rcode = 0);
    ADD(state, name_answer, row.query = query, row.section = TEXT("answer"), row.name = text_of(name),
        row.suffix = suffix_text, row.type = text_of(type), row.value = text_of(value), row.port = 443);
}

static void add_flow(void **state, const char *app, const char *ipsec, int64_t encrypted)
{
    ADD(state, flow, row.proto = TEXT("tcp"), row.src = TEXT("10.0.0.9"), row.dst = TEXT("10.0.0.1"), row.dport = 9,
        row.app = app == NULL ? TEXT_NULL : text_of(app), row.ipsec = ipsec == NULL ? TEXT_NULL : text_of(ipsec),
        row.encrypted = encrypted, row.packets_out = 2, row.packets_in = 1, row.bytes_out = 100, row.bytes_in = 11,
        row.start = row.time, row.end = row.time + 1, row.state = TEXT("closed"));
}

/* ---- The machinery ---- */

static void a_derived_table_can_be_joined_with_itself(void **state)
{
    static const char *const pairs = "SELECT a.host, b.host FROM system a JOIN system b ON a.id < b.id";
    add_http(state, "/ccm_system/request", "mp", 200);
    assert_string_equal(ask(state, "SELECT count(*) FROM role a JOIN role b ON a.id = b.id"), "1");
    add_login(state, "SMS_PRI", 1);
    ADD(state, http, row.server = TEXT("10.0.0.2"), row.uri = TEXT("/SMS_DP_SMSPKG$/x"), row.service = TEXT("dp"),
        row.status = 200, row.reply_packet = row.packet);
    assert_string_equal(ask(state, pairs), "10.0.0.1 10.0.0.2");
    ADD(state, http, row.server = TEXT("10.0.0.3"), row.uri = TEXT("/SMS_DP_SMSPKG$/x"), row.service = TEXT("dp"),
        row.status = 200, row.reply_packet = row.packet);
    assert_string_equal(ask(state, pairs), "10.0.0.1 10.0.0.2;10.0.0.1 10.0.0.3;10.0.0.2 10.0.0.3"); /* as it is now */
}

static void every_derived_table_has_a_query_that_can_be_run(void **state)
{
    size_t derived = 0, files = 0;
    for (int table = 0; table < TABLE_COUNT; table++) {
        const struct table_schema *schema = schema_table((enum table)table);
        bool marked = (schema->need & NEED_DERIVED) != 0;
        assert_int_equal(derived_sql((enum table)table) != NULL, marked);
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT * FROM %s", schema->name);
        assert_string_equal(ask(state, sql), "");
        derived += marked;
    }
    for (const struct embedded_file *file = derived_files; file->path != NULL; file++)
        files++;
    assert_int_equal(files, derived);
    assert_true(derived >= 4);
}

static void a_derived_table_needs_what_it_follows_from(void **state)
{
    assert_int_equal(needs_of(state, "SELECT * FROM flow"), NEED_NOTHING);
    unsigned role = needs_of(state, "SELECT host FROM role");
    assert_int_equal(role & (NEED_NAMES | NEED_REGISTRATION), NEED_NAMES | NEED_REGISTRATION);
    assert_int_equal(role & (NEED_DERIVED | NEED_BODY | NEED_FIELD | NEED_FINDING | NEED_POLICY), 0);
    assert_int_equal(needs_of(state, "SELECT count(*) FROM host"), role);
    assert_int_equal(needs_of(state, "SELECT src FROM host_pair"), NEED_SERVERS);
}

static void rows_are_made_when_read_and_again_when_there_is_more(void **state)
{
    add_http(state, "/SMS_DP_SMSPKG$/A", "dp", 200);
    assert_string_equal(ask(state, ROLES), "10.0.0.1 distribution_point - proof");
    add_http(state, "/sms_mp/.sms_aut?mplist", "mp-auth", 200);
    assert_string_equal(ask(state, ROLES), "10.0.0.1 distribution_point - proof;10.0.0.1 management_point - proof");
    assert_string_equal(ask(state, "SELECT a.role, b.role FROM role a JOIN role b ON b.host = a.host AND b.id > a.id"),
                        "distribution_point management_point");
    assert_string_equal(ask(state, "SELECT role FROM role WHERE id = 2"), "management_point");
    assert_int_equal(store_count(bench_of(state)->store, TABLE_role), 0); /* what was observed stays as it is */
}

static void rows_of_derived_tables_can_be_looked_at(void **state)
{
    struct error error = {0};
    struct store *store = NULL;
    add_http(state, "/SMS_DP_SMSPKG$/A", "dp", 200);
    assert_int_equal(database_rows(bench_of(state)->database, TABLE_role, &store, &error), OUTCOME_OK);
    assert_int_equal(store_count(store, TABLE_role), 1);
    const struct role_row *row = store_row(store, TABLE_role, 1);
    assert_true(text_is(row->role, "distribution_point"));
    assert_int_equal(row->packet, 1);
    assert_int_equal(database_rows(bench_of(state)->database, TABLE_http, &store, &error), OUTCOME_OK);
    assert_ptr_equal(store, bench_of(state)->store);
}

/* ---- Roles ---- */

static void the_answer_tells_how_sure_a_path_is(void **state)
{
    add_http(state, "/ccm_system/request", "mp", 404);
    add_http(state, "http://other/ccm_system/request", "mp", 200);
    assert_string_equal(ask(state, "SELECT role FROM role WHERE role <> 'proxy'"), "");
    add_http(state, "/ccm_system/request", "mp", INT_NULL);
    assert_string_equal(ask(state, "SELECT grade, site_code, name FROM role WHERE role = 'management_point'"),
                        "hint - cm01.corp.test");
    add_http(state, "/ccm_system/request", "mp", 403);
    assert_string_equal(ask(state, "SELECT grade FROM role WHERE role = 'management_point'"), "strong");
    add_http(state, "/ccm_system/request", "mp", 200);
    assert_string_equal(ask(state, "SELECT grade, packet, signal, source FROM role WHERE role = 'management_point'"),
                        "proof 5 ROL-MP learned");
}

static void paths_tell_roles(void **state)
{
    add_http(state, "/SMS_SLP/slp.dll?site", "slp", 200);
    add_http(state, "/SMS_FSP/.sms_fsp", "fsp", 200);
    add_http(state, "/ClientWebService/client.asmx", "sup", 200);
    add_http(state, "/SMSReporting_abc/x.asp", "reporting", 200);
    add_http(state, "/SMSSMP/x", NULL, 200);
    add_http(state, "/AdminService/wmi", "provider", 200);
    add_http(state, "http://internet/", NULL, 200);
    assert_string_equal(ask(state, ROLES),
                        "10.0.0.1 server_locator_point ABC proof;10.0.0.1 fallback_status_point ABC strong;"
                        "10.0.0.1 software_update_point ABC proof;10.0.0.1 reporting_point ABC strong;"
                        "10.0.0.1 state_migration_point ABC strong;10.0.0.1 sms_provider ABC hint;"
                        "10.0.0.1 proxy - strong");
}

static void shares_tell_roles(void **state)
{
    add_tree(state, "SMS_XYZ", "site", "BAD_NETWORK_NAME");
    assert_string_equal(ask(state, ROLES), "");
    add_tree(state, "SMSPKGC$", "package", "SUCCESS");
    add_tree(state, "REMINST", "pxe", "ACCESS_DENIED");
    add_tree(state, "SMS_SITE", "site-receive", "SUCCESS");
    add_tree(state, "SMS_abc", "site", "SUCCESS");
    add_tree(state, "CAP_abc", "cap", "SUCCESS");
    add_tree(state, "C$", "drive", "SUCCESS");
    assert_string_equal(ask(state, ROLES),
                        "10.0.0.1 distribution_point ABC proof;10.0.0.1 pxe_distribution_point ABC strong;"
                        "10.0.0.1 site_server ABC proof;10.0.0.1 client_access_point ABC proof");
    ADD(state, smb_file, row.tree = 4, row.name = TEXT("A.TMP"), row.purpose = TEXT("sender-temporary"),
        row.written_bytes = 5);
    assert_string_equal(ask(state, "SELECT host, site_code, grade FROM role WHERE host = '10.0.0.9'"),
                        "10.0.0.9 - strong");
}

static void databases_tell_roles(void **state)
{
    add_login(state, "master", 1);
    add_login(state, "CM_TOOLONG", 1);
    assert_string_equal(ask(state, ROLES), "");
    add_login(state, "CM_pri", 0);
    assert_string_equal(ask(state, ROLES), "10.0.0.1 site_database PRI hint");
    add_login(state, "SMS_pri", 1);
    assert_string_equal(ask(state, ROLES), "10.0.0.1 site_database PRI proof");
}

static void names_tell_roles(void **state)
{
    add_answer(state, "nbns", "MP_ABC", "1A", "NB", "10.0.0.1");
    add_answer(state, "nbns", "SMS_SLP", "1A", "NB", "10.0.0.2");
    add_answer(state, "nbns", "SMS_SLP", "00", "NB", "10.0.0.3");
    add_answer(state, "nbns", "MP_TOOLONG", "1A", "NB", "10.0.0.3");
    add_answer(state, "dns", "_mssms_mp_d._tcp.corp.test", NULL, "SRV", "cm09.corp.test");
    add_answer(state, "dns", "_mssms_mp_xyz._tcp.corp.test", NULL, "SRV", "CM04.corp.test");
    add_answer(state, "dns", "_mssms_mp_xyz._tcp.corp.test", NULL, "SRV", "cm05.corp.test");
    add_answer(state, "dns", "cm04.corp.test", NULL, "A", "10.0.0.4");
    add_answer(state, "dns", "_ldap._tcp.dc._msdcs.corp.test", NULL, "SRV", "cm04.corp.test");
    assert_string_equal(ask(state, "SELECT host, name, role, site_code, mode, grade FROM role ORDER BY id"),
                        "10.0.0.1 - management_point ABC - proof;10.0.0.2 - server_locator_point - - proof;"
                        "10.0.0.4 cm04.corp.test management_point XYZ native proof;"
                        "- cm05.corp.test management_point XYZ native proof;"
                        "10.0.0.4 cm04.corp.test domain_controller - - strong");
}

static void directories_and_boot_tell_roles(void **state)
{
    ADD(state, ldap_operation, row.client = TEXT("10.0.0.8"), row.server = TEXT("10.0.0.5"), row.result = 0);
    static const char *const attributes[][2] = {{"mSSMSSiteCode", "PRI"}, {"mSSMSMPName", "CM01"}};
    for (size_t i = 0; i < 2; i++) {
        ADD(state, ldap_entry, row.operation = 1, row.written = 1, row.dn = TEXT("CN=SMS-MP-PRI-CM01"),
            row.class = TEXT("mSSMSManagementPoint"), row.attribute = text_of(attributes[i][0]),
            row.value = text_of(attributes[i][1]));
    }
    add_answer(state, "nbns", "CM01", "20", "NB", "10.0.0.1");
    ADD(state, dhcp, row.message = TEXT("ack"), row.src = TEXT("10.0.0.6"),
        row.boot_file = TEXT("smsboot\\x64\\a.com"));
    ADD(state, dhcp, row.message = TEXT("ack"), row.src = TEXT("10.0.0.7"),
        row.variables_file = TEXT("\\SMSTemp\\a.var"));
    ADD(state, netlogon_ping, row.server = TEXT("10.0.0.5"), row.domain = TEXT("corp.test"),
        row.host = TEXT("dc01.corp.test"), row.netbios_host = TEXT("\\\\DC01"));
    ADD(state, rpc, row.server = TEXT("10.0.0.3"), row.objects = TEXT("a\n//./root\\SMS\\site_pri\nb"));
    assert_string_equal(ask(state, "SELECT host, name, role, site_code, grade FROM role ORDER BY host, role"),
                        "10.0.0.1 CM01 management_point PRI proof;10.0.0.3 - sms_provider PRI proof;"
                        "10.0.0.5 dc01.corp.test domain_controller - proof;"
                        "10.0.0.6 - pxe_distribution_point - strong;10.0.0.7 - pxe_distribution_point - proof;"
                        "10.0.0.8 - site_server PRI strong");
}

static void messages_tell_clients_and_the_mode(void **state)
{
    add_http(state, "/ccm_system/request", "mp", 200);
    ADD(state, message, row.http = 1, row.direction = TEXT("request"), row.transport = TEXT("http"),
        row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"), row.source_id = TEXT("GUID:1"),
        row.source_host = TEXT("ws9"));
    ADD(state, registration, row.client = TEXT("10.0.0.7"), row.agent_type = 4, row.netbios = TEXT("PROXY7"));
    ADD(state, public_key, row.owner_type = TEXT("mp"), row.owner = TEXT("10.0.0.1"), row.site_code = TEXT("PRI"));
    assert_string_equal(ask(state, "SELECT host, name, role, site_code, mode FROM role ORDER BY id"),
                        "10.0.0.1 cm01.corp.test management_point PRI mixed;10.0.0.9 WS9 client - -;"
                        "10.0.0.7 PROXY7 isv_proxy - -");
    ADD(state, tls, row.flow = 7, row.client_verified = 1);
    ADD(state, message, row.http = 1, row.flow = 7, row.direction = TEXT("request"), row.transport = TEXT("https"),
        row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"));
    assert_string_equal(ask(state, "SELECT mode FROM role WHERE role = 'management_point'"), "-"); /* both */
}

static void a_role_without_a_site_gets_one_only_when_it_is_clear(void **state)
{
    add_tree(state, "SMSPKGC$", "package", "SUCCESS");
    add_tree(state, "SMS_abc", "site", "SUCCESS");
    add_login(state, "CM_xyz", 1);
    assert_string_equal(ask(state, ROLES), "10.0.0.1 distribution_point - proof;10.0.0.1 site_server ABC proof;"
                                           "10.0.0.1 site_database XYZ proof");
}

static void what_is_declared_beats_what_was_learned(void **state)
{
    add_tree(state, "SMSPKGC$", "package", "SUCCESS");
    add_tree(state, "SMS_abc", "site", "SUCCESS");
    ADD(state, site_role, row.packet = INT_NULL, row.time = REAL_NULL, row.host = TEXT("10.0.0.1"),
        row.name = TEXT("cm01.corp.test"), row.role = TEXT("distribution_point"), row.site_code = TEXT("PRI"));
    ADD(state, site_role, row.packet = INT_NULL, row.time = REAL_NULL, row.host = TEXT("10.0.0.2"),
        row.role = TEXT("management_point"), row.site_code = TEXT("PRI"), row.mode = TEXT("native"));
    ADD(state, site_host, row.packet = INT_NULL, row.time = REAL_NULL, row.host = TEXT("10.0.0.2"),
        row.name = TEXT("CM02"), row.kind = TEXT("netbios"));
    assert_string_equal(
        ask(state, "SELECT packet, host, name, role, site_code, mode, source, signal FROM role ORDER BY id"),
        "1 10.0.0.1 cm01.corp.test distribution_point PRI - declared ROL-DP;"
        "2 10.0.0.1 - site_server ABC - learned ROL-SS;"
        "- 10.0.0.2 CM02 management_point PRI native declared -");
}

/* ---- Names, hosts, pairs ---- */

static void names_come_with_who_says_them(void **state)
{
    ADD(state, ntlm, row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"), row.target_computer = TEXT("CM01"),
        row.target_dns_computer = TEXT("cm01.Corp.test"), row.workstation = TEXT("WS9"));
    add_answer(state, "dns", "Alias.corp.test.", NULL, "A", "10.0.0.1");
    add_answer(state, "dns", "9.0.0.10.in-addr.arpa", NULL, "PTR", "ws9.corp.test");
    add_answer(state, "nbns", "*", "00", "NBSTAT", "CORP<00>,CM05<20>,CORP<1E>");
    add_http(state, "/", NULL, 200);
    add_http(state, "http://proxied.test/", NULL, 200);
    add_login(state, "master", 1);
    assert_string_equal(ask(state, "SELECT host, name, kind, source, grade FROM host_name ORDER BY host, id"),
                        "10.0.0.1 CM01 netbios ntlm proof;10.0.0.1 cm01.corp.test fqdn ntlm proof;"
                        "10.0.0.1 alias.corp.test fqdn dns strong;10.0.0.1 cm01.corp.test fqdn http hint;"
                        "10.0.0.5 CM05 netbios nbns strong;10.0.0.9 WS9 netbios ntlm strong;"
                        "10.0.0.9 ws9.corp.test fqdn dns strong;10.0.0.9 WS9 netbios tds hint");
}

static void names_that_are_none_are_left_out(void **state)
{
    add_answer(state, "dns", "10.0.0.4", NULL, "A", "10.0.0.1");
    add_answer(state, "nbns", "CORP", "1E", "NB", "10.0.0.1");
    ADD(state, certificate, row.flow = 1, row.host = TEXT("10.0.0.1"), row.seen_as = TEXT("server"), row.chain = 0,
        row.subject = TEXT("CN=*.corp.test"));
    ADD(state, registration, row.client = TEXT("10.0.0.9"), row.netbios = TEXT("EVIL"),
        row.signature = TEXT("invalid"));
    ADD(state, ntlm, row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"), row.target_computer = TEXT(""));
    assert_string_equal(ask(state, "SELECT host, name, grade FROM host_name"), "10.0.0.9 EVIL hint");
}

static void names_of_the_capture_file_are_hints_below_all_others(void **state)
{
    ADD(state, input_name, row.packet = INT_NULL, row.time = REAL_NULL, row.file = TEXT("a.pcapng"),
        row.host = TEXT("10.0.0.1"), row.name = TEXT("written.corp.test"));
    assert_string_equal(ask(state, "SELECT packet, host, name, kind, source, grade FROM host_name"),
                        "- 10.0.0.1 written.corp.test fqdn capture hint");
    add_http(state, "/SMS_DP_SMSPKG$/A", "dp", 200);
    add_flow(state, "http", NULL, 0);
    assert_string_equal(ask(state, "SELECT names, fqdn FROM host WHERE address = '10.0.0.1'"),
                        "cm01.corp.test,written.corp.test cm01.corp.test");
    assert_string_equal(ask(state, "SELECT host, name FROM role"), "10.0.0.1 cm01.corp.test");
}

static void a_certificate_names_whom_its_client_asked_for(void **state)
{
    static const char *const asked[] = {"cm01.corp.test", "other.corp.test"};
    for (int64_t i = 0; i < 2; i++) {
        ADD(state, tls, row.flow = i + 1, row.complete = 1, row.sni = text_of(asked[i]));
        ADD(state, certificate, row.flow = i + 1, row.host = TEXT("10.0.0.1"), row.seen_as = TEXT("server"),
            row.chain = 0, row.subject = TEXT("CN=cm01.corp.test,O=Corp"));
    }
    assert_string_equal(ask(state, "SELECT name, grade FROM host_name WHERE source = 'certificate' ORDER BY id"),
                        "cm01.corp.test strong;cm01.corp.test hint");
}

static void a_host_is_an_address_that_sent_something(void **state)
{
    add_flow(state, "http", NULL, 0);
    ADD(state, flow, row.proto = TEXT("udp"), row.src = TEXT("10.0.0.9"), row.dst = TEXT("10.0.0.255"),
        row.packets_out = 3, row.packets_in = 0, row.bytes_out = 7, row.bytes_in = 0, row.start = 5, row.end = 6);
    ADD(state, ntlm, row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"), row.target_computer = TEXT("CM01"),
        row.target_dns_computer = TEXT("cm01.sub.test"), row.target_dns_domain = TEXT("corp.test"),
        row.server_version = TEXT("6.1.7601"));
    add_http(state, "/SMS_DP_SMSPKG$/A", "dp", 200);
    assert_string_equal(
        ask(state, "SELECT address, names, netbios, domain, os, roles, packets, bytes FROM host ORDER BY id"),
        "10.0.0.1 cm01.sub.test,CM01 CM01 corp.test Windows 6.1.7601 distribution_point 1 11;"
        "10.0.0.9 - - - - - 5 107");
}

static void a_pair_tells_how_its_bytes_were_guarded(void **state)
{
    add_flow(state, "http", NULL, 0);
    add_flow(state, "tls", NULL, 1);
    for (int64_t i = 0; i < 3; i++)
        add_flow(state, "smb", NULL, 0);
    for (int64_t i = 3; i <= 5; i++) /* signed, encrypted, and one session of each kind: clear is the weakest */
        ADD(state, smb, row.flow = i, row.messages = 5, row.signed_ = i == 3, row.encrypted = i == 4);
    add_flow(state, NULL, "esp-null", 0);
    ADD(state, ipsec, row.protocol = TEXT("esp"), row.src = TEXT("10.0.0.9"), row.dst = TEXT("10.0.0.1"),
        row.packets = 4, row.bytes = 400, row.udp = 0, row.null_encryption = 0, row.end = 9);
    ADD(state, ipsec, row.protocol = TEXT("esp"), row.src = TEXT("10.0.0.1"), row.dst = TEXT("10.0.0.9"),
        row.packets = 1, row.bytes = 44, row.udp = 0, row.null_encryption = 0, row.end = 9);
    assert_string_equal(ask(state, "SELECT src, app, flows, bytes_clear, bytes_signed, bytes_sealed, bytes_tls, "
                                   "bytes_ipsec_clear, bytes_ipsec FROM host_pair ORDER BY id"),
                        "10.0.0.9 http 1 111 0 0 0 0 0;10.0.0.9 tls 1 0 0 0 111 0 0;10.0.0.9 smb 3 111 111 111 0 0 0;"
                        "10.0.0.9 tcp/9 1 0 0 0 0 111 0;10.0.0.9 esp 1 0 0 0 0 0 444");
}

static void add_challenge(void **state, const char *challenge, const char *client, const char *server)
{
    ADD(state, ntlm, row.client = text_of(client), row.server = text_of(server), row.challenge = text_of(challenge),
        row.challenge_packet = row.packet, row.user = TEXT("SRV9$"));
}

static void a_challenge_seen_at_two_servers_is_a_relay(void **state)
{
    add_challenge(state, "aa", "10.0.0.66", "10.0.0.1"); /* the relay asks the target ... */
    add_challenge(state, "aa", "10.0.0.9", "10.0.0.66"); /* ... and passes it on */
    add_challenge(state, "bb", "10.0.0.9", "10.0.0.1");  /* a fixed challenge of one server */
    add_challenge(state, "bb", "10.0.0.8", "10.0.0.1");
    add_challenge(state, "cc", "10.0.0.66", "10.0.0.1"); /* a relay with two addresses */
    add_challenge(state, "cc", "10.0.0.9", "10.0.0.67");
    add_challenge(state, "dd", "10.0.0.9", "10.0.0.1");                             /* nothing wrong */
    ADD(state, ntlm, row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.2")); /* challenges that were not seen */
    ADD(state, ntlm, row.client = TEXT("10.0.0.9"), row.server = TEXT("10.0.0.1"));
    assert_string_equal(ask(state, "SELECT packet, challenge, issued, repeated, issued_by, issued_to, repeated_by, "
                                   "repeated_to, user, grade FROM ntlm_relay ORDER BY id"),
                        "2 aa 1 2 10.0.0.1 10.0.0.66 10.0.0.66 10.0.0.9 SRV9$ proof;"
                        "6 cc 5 6 10.0.0.1 10.0.0.66 10.0.0.67 10.0.0.9 SRV9$ hint");
}

static void derived_rows_share_the_memory_of_what_was_observed(void **state)
{
    struct store *store = bench_of(state)->store;
    add_http(state, "/SMS_MP/.sms_aut?MPLIST", "mp-auth", 200);
    uint64_t observed = store_memory(store);
    assert_string_not_equal(ask(state, ROLES), "");
    assert_true(store_memory(store) > observed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(a_derived_table_can_be_joined_with_itself),
        TEST(every_derived_table_has_a_query_that_can_be_run),
        TEST(a_derived_table_needs_what_it_follows_from),
        TEST(rows_are_made_when_read_and_again_when_there_is_more),
        TEST(rows_of_derived_tables_can_be_looked_at),
        TEST(derived_rows_share_the_memory_of_what_was_observed),
        TEST(the_answer_tells_how_sure_a_path_is),
        TEST(paths_tell_roles),
        TEST(shares_tell_roles),
        TEST(databases_tell_roles),
        TEST(names_tell_roles),
        TEST(directories_and_boot_tell_roles),
        TEST(messages_tell_clients_and_the_mode),
        TEST(a_role_without_a_site_gets_one_only_when_it_is_clear),
        TEST(what_is_declared_beats_what_was_learned),
        TEST(names_come_with_who_says_them),
        TEST(names_that_are_none_are_left_out),
        TEST(names_of_the_capture_file_are_hints_below_all_others),
        TEST(a_certificate_names_whom_its_client_asked_for),
        TEST(a_host_is_an_address_that_sent_something),
        TEST(a_pair_tells_how_its_bytes_were_guarded),
        TEST(a_challenge_seen_at_two_servers_is_a_relay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
