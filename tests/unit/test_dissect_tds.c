/* tests/unit/test_dissect_tds.c: connections to SQL Server, remote desktops, remote tools. */
#include "tests/unit/talk_fixture.h"

static void a_login_in_clear_shows_its_user_and_never_the_password(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 12; piece += 1 + piece) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 1433);
        dialogue->piece = piece;
        dialogue_ask(dialogue, TDS_PRELOGIN_ASKED);
        dialogue_answer(dialogue, TDS_PRELOGIN_NONE);
        dialogue_ask(dialogue, TDS_LOGIN_SQL);
        dialogue_answer(dialogue, TDS_LOGIN_ANSWERED);
        dialogue_ask(dialogue, TDS_BATCH_1);
        dialogue_ask(dialogue, TDS_BATCH_2);
        dialogue_finish(dialogue);
        assert_int_equal(dialogue_count(dialogue, TABLE_sql_login), 1);
        const struct sql_login_row *row = ROW(dialogue, sql_login, 1);
        assert_text(row->client_encryption, "off");
        assert_text(row->server_encryption, "notsupported");
        assert_text(row->encryption, "none");
        assert_text(row->tds_version, "74000004");
        assert_text(row->user, "cm_dbo");
        assert_int_equal(row->integrated, 0);
        assert_text(row->auth, "sql");
        assert_int_equal(row->password_sent, 1);
        assert_text(row->database, "CM_CMS");
        assert_text(row->application, "TSQL");
        assert_text(row->server_name, "cmsql.corp.contoso.test");
        assert_text(row->server_version, "15.0.4112");
        assert_int_equal(row->accepted, 1);
        assert_int_equal(row->statements, 1);
        assert_int_equal(row->port, 1433);
        assert_text(ROW(dialogue, sql_batch, 1)->statement, "SELECT 2");
        assert_int_equal(ROW(dialogue, sql_batch, 1)->login, 1);
        dialogue_free(dialogue);
    }
}

static void behind_an_encrypted_login_packets_are_clear_again(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 12; piece += 1 + piece) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 1433);
        dialogue->piece = piece;
        dialogue_ask(dialogue, TDS_TLS_0);
        dialogue_answer(dialogue, TDS_TLS_1);
        dialogue_ask(dialogue, TDS_TLS_2);
        dialogue_answer(dialogue, TDS_TLS_3);
        dialogue_ask(dialogue, TDS_TLS_4);
        dialogue_answer(dialogue, TDS_TLS_5);
        dialogue_ask(dialogue, TDS_TLS_6);
        dialogue_answer(dialogue, TDS_TLS_7);
        dialogue_ask(dialogue, TDS_TLS_8);
        dialogue_answer(dialogue, TDS_TLS_9);
        dialogue_finish(dialogue);
        const struct sql_login_row *row = ROW(dialogue, sql_login, 1);
        assert_int_equal(dialogue_count(dialogue, TABLE_sql_login), 1);
        assert_text(row->encryption, "login");
        assert_null(row->user.at);
        assert_int_equal(row->integrated, INT_NULL);
        assert_int_equal(row->password_sent, INT_NULL);
        assert_int_equal(row->login_bytes, 242);
        assert_int_equal(row->accepted, 1);
        assert_text(row->database, "CM_CMS");
        assert_text(ROW(dialogue, sql_batch, 1)->statement, "SELECT SiteCode FROM v_Site;\r\n");
        dialogue_free(dialogue);
    }
}

static void windows_authentication_is_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 50123); /* any port: it says what it is */
    dialogue_ask(dialogue, TDS_LOGIN_INTEGRATED);
    dialogue_finish(dialogue);
    assert_int_equal(ROW(dialogue, sql_login, 1)->integrated, 1);
    assert_text(ROW(dialogue, sql_login, 1)->auth, "ntlm");
    assert_null(ROW(dialogue, sql_login, 1)->user.at);
    assert_int_equal(ROW(dialogue, sql_login, 1)->password_sent, 0);
    assert_text(dialogue_flow(dialogue, 1)->app, "tds");
    dialogue_free(dialogue);
}

static void a_refused_login_tells_its_error(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 1433);
    dialogue_ask(dialogue, TDS_LOGIN_SQL);
    dialogue_answer(dialogue, TDS_ERROR);
    dialogue_finish(dialogue);
    assert_int_equal(ROW(dialogue, sql_login, 1)->accepted, 0);
    assert_int_equal(ROW(dialogue, sql_login, 1)->error, 18456);
    const struct sql_error_row *row = ROW(dialogue, sql_error, 1);
    assert_int_equal(row->number, 18456);
    assert_int_equal(row->state, 1);
    assert_int_equal(row->class, 14);
    assert_text(row->text, "Login failed for user 'sa'.");
    assert_text(row->server_name, "CMSQL");
    dialogue_free(dialogue);
}

static void calls_name_their_procedure_and_texts_are_kept_only_when_asked_for(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_NOTHING);
    dialogue->port = 1433;
    dialogue_ask(dialogue, TDS_RPC);
    dialogue_ask(dialogue, TDS_RPC_NUMBER);
    dialogue_ask(dialogue, TDS_BATCH_2);
    dialogue_finish(dialogue);
    assert_text(ROW(dialogue, sql_batch, 1)->procedure, "MP_GetMac");
    assert_text(ROW(dialogue, sql_batch, 1)->kind, "rpc");
    assert_text(ROW(dialogue, sql_batch, 2)->procedure, "sp_executesql");
    assert_text(ROW(dialogue, sql_batch, 3)->kind, "batch");
    assert_null(ROW(dialogue, sql_batch, 3)->statement.at);
    assert_int_equal(ROW(dialogue, sql_login, 1)->statements, 3);
    dialogue_free(dialogue);
}

static void behind_a_gap_reading_goes_on_at_the_next_packet(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 1433);
    dialogue_ask(dialogue, TDS_LOGIN_SQL);
    dialogue_ask(dialogue, VECTOR("\x01\x01\x00\x40\x00\x00\x01\x00S\0E\0"));
    dialogue_gap(dialogue, DIRECTION_OUT, 1000);
    dialogue_ask(dialogue, VECTOR("something in the middle"));
    dialogue_ask(dialogue, TDS_BATCH_2);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_sql_batch), 1);
    assert_text(ROW(dialogue, sql_batch, 1)->statement, "ECT 2");
    dialogue_free(dialogue);
}

static void a_remote_desktop_tells_what_was_negotiated(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 3389);
    dialogue_ask(dialogue, RDP_REQUEST);
    dialogue_answer(dialogue, RDP_CHOSEN);
    dialogue_ask(dialogue, CLIENT_HELLO);
    dialogue_close(dialogue);
    dialogue_ask(dialogue, RDP_OLD);
    dialogue_answer(dialogue, RDP_FAILED);
    dialogue_finish(dialogue);
    const struct rdp_row *row = ROW(dialogue, rdp, 1);
    assert_text(row->requested, "tls,credssp");
    assert_text(row->selected, "credssp");
    assert_text(row->user, "CORP\\admin");
    assert_int_equal(row->failure, INT_NULL);
    row = ROW(dialogue, rdp, 2);
    assert_text(row->requested, "rdp");
    assert_null(row->selected.at);
    assert_int_equal(row->failure, 5);
    assert_text(dialogue_flow(dialogue, 1)->app, "rdp");
    dialogue_free(dialogue);
}

static void other_remote_tools_say_how_sure_that_is(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 2701);
    dialogue_ask(dialogue, REMOTE_TOOL);
    dialogue_close(dialogue);
    dialogue->port = 16994;
    dialogue_ask(dialogue, AMT_SOL);
    dialogue_finish(dialogue);
    assert_text(ROW(dialogue, remote_tool, 1)->tool, "configmgr-remote-control");
    assert_text(ROW(dialogue, remote_tool, 1)->certainty, "low");
    assert_text(ROW(dialogue, remote_tool, 1)->auth, "ntlm");
    assert_text(ROW(dialogue, remote_tool, 1)->server, "10.0.0.80");
    assert_text(ROW(dialogue, remote_tool, 2)->tool, "amt-sol");
    assert_text(ROW(dialogue, remote_tool, 2)->certainty, "high");
    dialogue_free(dialogue);
}

/* Windows before Vista took ports from 1025 to 5000 for clients too. */
static void remote_control_is_known_by_the_port_of_the_server_only(void **state)
{
    (void)state;
    static const struct {
        uint16_t client, server;
        bool late;
        int64_t rows;
        const char *told; /* as server */
    } cases[] = {
        {50000, 2701, false, 1, "10.0.0.80"}, {2701, 8443, false, 0, NULL},       {2702, 2701, false, 1, "10.0.0.80"},
        {2701, 2702, false, 1, "10.0.0.80"},  {2701, 50000, true, 1, "10.0.0.1"}, {50000, 2701, true, 1, "10.0.0.80"},
        {2701, 8443, true, 0, NULL},          {2702, 443, true, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, cases[i].server);
        dialogue->client = 1;
        dialogue->client_port = cases[i].client;
        dialogue->late = cases[i].late;
        dialogue_ask(dialogue, REMOTE_TOOL);
        dialogue_answer(dialogue, REMOTE_TOOL);
        dialogue_finish(dialogue);
        assert_int_equal(dialogue_count(dialogue, TABLE_remote_tool), cases[i].rows);
        if (cases[i].told != NULL)
            assert_text(ROW(dialogue, remote_tool, 1)->server, cases[i].told);
        assert_true(text_is(dialogue_flow(dialogue, 1)->app, cases[i].told == NULL ? NULL : "remote-tool"));
        dialogue_free(dialogue);
    }
}

static void damaged_messages_do_no_harm(void **state)
{
    (void)state;
    const struct cursor tds[] = {TDS_PRELOGIN_ASKED, TDS_LOGIN_SQL, TDS_LOGIN_ANSWERED, TDS_ERROR, TDS_RPC, TDS_TLS_2};
    const struct cursor rdp[] = {RDP_REQUEST, RDP_CHOSEN};
    assert_harmless(TRANSPORT_TCP, 1433, tds, sizeof tds / sizeof tds[0], TABLE_sql_login, 1);
    assert_harmless(TRANSPORT_TCP, 3389, rdp, 2, TABLE_rdp, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_in_clear_shows_its_user_and_never_the_password),
        cmocka_unit_test(behind_an_encrypted_login_packets_are_clear_again),
        cmocka_unit_test(windows_authentication_is_told),
        cmocka_unit_test(a_refused_login_tells_its_error),
        cmocka_unit_test(calls_name_their_procedure_and_texts_are_kept_only_when_asked_for),
        cmocka_unit_test(behind_a_gap_reading_goes_on_at_the_next_packet),
        cmocka_unit_test(a_remote_desktop_tells_what_was_negotiated),
        cmocka_unit_test(other_remote_tools_say_how_sure_that_is),
        cmocka_unit_test(remote_control_is_known_by_the_port_of_the_server_only),
        cmocka_unit_test(damaged_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
