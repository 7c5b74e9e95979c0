/* tests/unit/test_dissect_boot.c: DHCP, TFTP, BINL, magic packets, and the browser of SQL Server. */
#include "tests/unit/talk_fixture.h"

static void a_pxe_client_and_its_boot_server_are_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 67);
    dialogue_ask(dialogue, DHCP_DISCOVER);
    dialogue_answer(dialogue, DHCP_OFFER);
    dialogue_finish(dialogue);
    const struct dhcp_row *row = ROW(dialogue, dhcp, 1);
    assert_text(row->message, "discover");
    assert_text(row->client_mac, "00:15:5d:fe:55:02");
    assert_text(row->client_uuid, "03020100-0504-0706-0809-0A0B0C0D0E0F");
    assert_text(row->vendor_class, "PXEClient:Arch:00007:UNDI:003016");
    assert_int_equal(row->architecture, 7);
    assert_int_equal(row->proxy, 0);
    assert_null(row->your_ip.at);
    row = ROW(dialogue, dhcp, 2);
    assert_text(row->message, "offer");
    assert_text(row->src, "10.0.0.80");
    assert_text(row->server, "10.57.20.11");
    assert_text(row->boot_server, "cm01");
    assert_text(row->boot_file, "smsboot\\x64\\wdsnbp.com");
    assert_text(row->options, "53,54,60,66,67");
    dialogue_free(dialogue);
}

static void the_key_of_the_variables_file_tells_that_no_password_is_set(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 4011);
    dialogue_ask(dialogue, DHCP_PROXY_REQUEST);
    dialogue_answer(dialogue, DHCP_PROXY_KEY);
    dialogue_answer(dialogue, DHCP_PROXY_PASSWORD);
    dialogue_finish(dialogue);
    assert_text(ROW(dialogue, dhcp, 1)->message, "request");
    assert_int_equal(ROW(dialogue, dhcp, 1)->proxy, 1);
    assert_int_equal(ROW(dialogue, dhcp, 2)->variables_key, 1);
    assert_int_equal(ROW(dialogue, dhcp, 3)->variables_key, 0);
    for (int64_t id = 2; id <= 3; id++) {
        assert_text(ROW(dialogue, dhcp, id)->variables_file,
                    "\\SMSTemp\\2026.11.22.10.11.12.0001.{11111111-2222-3333-4444-555555555555}.boot.var");
        assert_text(ROW(dialogue, dhcp, id)->bcd_file, "\\SMSTemp\\2026.boot.bcd");
    }
    dialogue_free(dialogue);
}

static void options_stand_in_other_fields_too(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 67);
    dialogue_answer(dialogue, DHCP_OVERLOAD);
    dialogue_ask(dialogue, DHCP_FQDN);
    dialogue_ask(dialogue, DHCP_BROKEN);
    dialogue_finish(dialogue);
    const struct dhcp_row *row = ROW(dialogue, dhcp, 1);
    assert_text(row->boot_server, "boot");
    assert_text(row->boot_file, "file");
    assert_int_equal(row->lease, 691200);
    assert_text(row->dns_servers, "10.57.20.5,10.57.20.6");
    row = ROW(dialogue, dhcp, 2);
    assert_text(row->host, "WS1042");
    assert_text(row->fqdn, "ws1042.corp");
    assert_text(row->requested_ip, "10.57.20.101");
    assert_null(row->malformed.at);
    assert_text(ROW(dialogue, dhcp, 3)->message, "discover"); /* what was decoded stays */
    assert_non_null(ROW(dialogue, dhcp, 3)->malformed.at);
    dialogue_free(dialogue);
}

static void a_transfer_is_found_on_the_port_that_the_server_chose(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 69);
    dialogue_ask(dialogue, TFTP_READ);
    dialogue_close(dialogue);
    dialogue->port = 42560;
    dialogue_answer(dialogue, TFTP_OPTIONS);
    dialogue_answer(dialogue, TFTP_DATA);
    dialogue_answer(dialogue, TFTP_DATA);
    dialogue_close(dialogue);
    dialogue_answer(dialogue, TFTP_ERROR);
    dialogue_close(dialogue);
    dialogue_answer(dialogue, TFTP_DATA);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_tftp), 4);
    const struct tftp_row *row = ROW(dialogue, tftp, 1);
    assert_text(row->operation, "read");
    assert_text(row->file, "smsboot\\x64\\wdsnbp.com");
    assert_text(row->mode, "octet");
    assert_text(row->options, "tsize=0,blksize=1456");
    assert_int_equal(row->server_port, 69);
    row = ROW(dialogue, tftp, 2);
    assert_text(row->operation, "transfer");
    assert_text(row->client, "10.0.0.1");
    assert_int_equal(row->client_port, ROW(dialogue, tftp, 1)->client_port);
    assert_text(row->accepted, "tsize=30832,blksize=1456");
    assert_int_equal(row->packets, 2);
    assert_int_equal(row->bytes, 200);
    assert_text(row->certainty, "high");
    assert_int_equal(ROW(dialogue, tftp, 3)->error_code, 1);
    assert_text(ROW(dialogue, tftp, 3)->error, "File not found");
    assert_text(ROW(dialogue, tftp, 4)->certainty, "low");
    dialogue_free(dialogue);
}

static void what_only_resembles_tftp_is_not_tftp(void **state)
{
    (void)state;
    static const struct {
        struct cursor bytes;
        uint16_t port;
    } others[] = {
        {{(const uint8_t *)"\0\3\0\2data", 8}, 40000},          /* not the first block */
        {{(const uint8_t *)"\0\3\0\1data", 8}, 500},            /* from the port of another service */
        {{(const uint8_t *)"\0\1name\0binary\0", 14}, 40000},   /* no such mode */
        {{(const uint8_t *)"\0\5\0\x20text\0", 9}, 40000},      /* no such error */
        {{(const uint8_t *)"\0\6strange\0value\0", 16}, 40000}, /* no such option */
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_UDP, others[i].port);
        dialogue_answer(dialogue, others[i].bytes);
        dialogue_finish(dialogue);
        assert_int_equal(dialogue_count(dialogue, TABLE_tftp), 0);
        assert_null(dialogue_flow(dialogue, 1)->app.at);
        dialogue_free(dialogue);
    }
}

static void instances_are_told_one_by_one(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 1434);
    dialogue_ask(dialogue, SSRP_ASKED);
    dialogue_answer(dialogue, SSRP_ANSWERED);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_sql_instance), 3);
    assert_int_equal(ROW(dialogue, sql_instance, 1)->answered, 0);
    assert_text(ROW(dialogue, sql_instance, 1)->instance, "PRI");
    const struct sql_instance_row *row = ROW(dialogue, sql_instance, 2);
    assert_text(row->server, "10.0.0.80");
    assert_text(row->host, "CMSQL");
    assert_text(row->instance, "PRI");
    assert_text(row->version, "9.00.4035.00");
    assert_int_equal(row->tcp_port, 1433);
    assert_int_equal(row->clustered, 0);
    row = ROW(dialogue, sql_instance, 3);
    assert_text(row->instance, "X");
    assert_int_equal(row->clustered, 1);
    assert_int_equal(row->tcp_port, INT_NULL);
    assert_text(row->pipe, "\\\\CMSQL\\pipe\\sql");
    dialogue_free(dialogue);
}

static void magic_packets_and_binl_are_recognised(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 9);
    dialogue_ask(dialogue, MAGIC);
    dialogue_close(dialogue);
    dialogue->port = 4011;
    dialogue_ask(dialogue, BINL);
    dialogue_close(dialogue);
    dialogue->port = 9;
    struct cursor cut = MAGIC;
    cut.left -= 1;
    dialogue_ask(dialogue, cut); /* no sixteen times */
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_wake_on_lan), 1);
    assert_text(ROW(dialogue, wake_on_lan, 1)->mac, "00:15:5d:fe:55:02");
    assert_int_equal(ROW(dialogue, wake_on_lan, 1)->port, 9);
    assert_int_equal(ROW(dialogue, wake_on_lan, 1)->password, 0);
    assert_text(ROW(dialogue, binl, 1)->message, "NEG");
    assert_text(ROW(dialogue, binl, 1)->certainty, "low");
    dialogue_free(dialogue);
}

/* What is known by its port too: who asks may send from any port, also from that one. */
static void the_port_of_the_client_says_nothing(void **state)
{
    (void)state;
    const struct {
        uint16_t port;
        struct cursor asked;
        const char *app;
    } cases[] = {
        {53, DNS_SRV_ASKED, "dns"},
        {5353, DNS_SRV_ASKED, "mdns"},
        {5355, DNS_SRV_ASKED, "llmnr"},
        {137, NBNS_STATUS_ASKED, "nbns"},
        {67, DHCP_DISCOVER, "dhcp"},
        {4011, DHCP_DISCOVER, "dhcp"},
        {1434, VECTOR("\x04MICROSOFT"), "ssrp"},
        {4011, BINL, "binl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int swapped = 0; swapped < 2; swapped++) {
            struct dialogue *dialogue = talk_new(TRANSPORT_UDP, swapped ? 50001 : cases[i].port);
            dialogue->client_port = swapped ? cases[i].port : 50001;
            dialogue_ask(dialogue, cases[i].asked);
            dialogue_finish(dialogue);
            bool chance = cases[i].port >= 1024; /* a client may have taken it */
            assert_true(text_is(dialogue_flow(dialogue, 1)->app, swapped && chance ? NULL : cases[i].app));
            dialogue_free(dialogue);
        }
    }
}

static void damaged_messages_do_no_harm(void **state)
{
    (void)state;
    const struct cursor dhcp[] = {DHCP_OFFER, DHCP_OVERLOAD, DHCP_FQDN}, proxy[] = {DHCP_PROXY_KEY, BINL};
    const struct cursor tftp[] = {TFTP_READ, TFTP_OPTIONS, TFTP_ERROR}, ssrp[] = {SSRP_ANSWERED};
    assert_harmless(TRANSPORT_UDP, 67, dhcp, 3, TABLE_dhcp, 1);
    assert_harmless(TRANSPORT_UDP, 4011, proxy, 2, TABLE_dhcp, 1);
    assert_harmless(TRANSPORT_UDP, 69, tftp, 3, TABLE_tftp, 1);
    assert_harmless(TRANSPORT_UDP, 1434, ssrp, 1, TABLE_sql_instance, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pxe_client_and_its_boot_server_are_told),
        cmocka_unit_test(the_key_of_the_variables_file_tells_that_no_password_is_set),
        cmocka_unit_test(options_stand_in_other_fields_too),
        cmocka_unit_test(a_transfer_is_found_on_the_port_that_the_server_chose),
        cmocka_unit_test(what_only_resembles_tftp_is_not_tftp),
        cmocka_unit_test(instances_are_told_one_by_one),
        cmocka_unit_test(magic_packets_and_binl_are_recognised),
        cmocka_unit_test(the_port_of_the_client_says_nothing),
        cmocka_unit_test(damaged_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
