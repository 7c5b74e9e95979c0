/* tests/unit/test_dissect_ldap.c: LDAP and CLDAP: binds, operations, entries, security layers. */
#include "dissect/sasl.h"
#include "dissect/sspi.h"
#include "tests/unit/talk_fixture.h"

/* Whether a kept text of any table holds the word. */
static bool is_kept(const struct dialogue *dialogue, const char *word)
{
    size_t at;
    for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_ldap_bind); id++) {
        const struct ldap_bind_row *row = ROW(dialogue, ldap_bind, id);
        if (text_find_like(row->name, word, &at) ||
            (row->mechanism.at != NULL && text_find_like(row->mechanism, word, &at)))
            return true;
    }
    return false;
}

static void a_simple_bind_shows_its_name_and_never_the_password(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, BIND_SIMPLE);
    dialogue_answer(dialogue, BIND_DONE);
    dialogue_finish(dialogue);
    const struct ldap_bind_row *row = ROW(dialogue, ldap_bind, 1);
    assert_text(row->method, "simple");
    assert_text(row->name, "CN=svc,DC=corp");
    assert_int_equal(row->version, 3);
    assert_int_equal(row->password_sent, 1);
    assert_int_equal(row->result, 0);
    assert_int_equal(row->tls, 0);
    assert_int_equal(row->port, 389);
    assert_false(is_kept(dialogue, "hunter2"));
    assert_text(dialogue_flow(dialogue, 1)->app, "ldap");
    dialogue_free(dialogue);
}

static void assert_management_point(struct dialogue *dialogue, const char *wrapping)
{
    const struct ldap_operation_row *row = ROW(dialogue, ldap_operation, 1);
    assert_text(row->operation, "search");
    assert_text(row->dn, "CN=System Management,CN=System,DC=corp,DC=contoso,DC=test");
    assert_text(row->scope, "sub");
    assert_text(row->filter, "(&(objectClass=mSSMSManagementPoint)(|(mSSMSSiteCode=PRI)(cn=SMS-*x*y))(!(mail=*))"
                             "(userAccountControl:1.2.840.113556.1.4.803:=2))");
    assert_text(row->attributes, "mSSMSMPName,mSSMSCapabilities");
    assert_int_equal(row->configmgr, 1);
    assert_int_equal(row->entries, 1);
    assert_int_equal(row->result, 0);
    assert_text(row->wrapping, wrapping);
    assert_int_equal(dialogue_count(dialogue, TABLE_ldap_entry), 6);
    const struct ldap_entry_row *entry = ROW(dialogue, ldap_entry, 3);
    assert_int_equal(entry->operation, 1);
    assert_int_equal(entry->written, 0);
    assert_text(entry->class, "mSSMSManagementPoint");
    assert_text(entry->attribute, "mSSMSMPName");
    assert_text(entry->value, "cm01.corp.contoso.test");
    entry = ROW(dialogue, ldap_entry, 6);
    assert_int_equal(entry->binary, 1);
    assert_text(entry->value, "000102FF");
    assert_int_equal(entry->bytes, 4);
}

static void a_management_point_is_read_from_the_directory(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 8; piece += 1 + piece) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
        dialogue->piece = piece;
        dialogue_ask(dialogue, SEARCH);
        dialogue_answer(dialogue, ENTRY);
        dialogue_answer(dialogue, REFERENCE);
        dialogue_answer(dialogue, DONE);
        dialogue_finish(dialogue);
        assert_management_point(dialogue, "none");
        assert_int_equal(ROW(dialogue, ldap_operation, 1)->continued, 1);
        assert_text(ROW(dialogue, ldap_operation, 1)->referral, "ldap://ForestDnsZones.corp.contoso.test/");
        dialogue_free(dialogue);
    }
}

static void a_search_without_entries_says_so(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, SEARCH);
    dialogue_answer(dialogue, NOTHING);
    dialogue_finish(dialogue);
    assert_int_equal(ROW(dialogue, ldap_operation, 1)->result, 32);
    assert_int_equal(ROW(dialogue, ldap_operation, 1)->entries, 0);
    dialogue_free(dialogue);
}

static void signed_messages_are_read_and_sealed_ones_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, BIND_NTLM);
    dialogue_answer(dialogue, BIND_DONE);
    dialogue_ask(dialogue, SEARCH_SIGNED_KERBEROS);
    dialogue_answer(dialogue, ENTRY_SIGNED_KERBEROS);
    dialogue_finish(dialogue);
    assert_management_point(dialogue, "signed");
    assert_text(ROW(dialogue, ldap_bind, 1)->mechanism, "GSS-SPNEGO");
    assert_text(ROW(dialogue, ldap_bind, 1)->auth, "ntlm");
    assert_text(ROW(dialogue, ldap_bind, 1)->wrapping, "signed");
    dialogue_free(dialogue);

    dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, BIND_NTLM);
    dialogue_answer(dialogue, BIND_DONE);
    dialogue_ask(dialogue, SEALED_KERBEROS);
    dialogue_finish(dialogue);
    assert_text(ROW(dialogue, ldap_bind, 1)->wrapping, "sealed");
    assert_int_equal(dialogue_count(dialogue, TABLE_ldap_operation), 0);
    dialogue_free(dialogue);

    dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, BIND_NTLM);
    dialogue_answer(dialogue, BIND_PROGRESS); /* not bound yet */
    dialogue_ask(dialogue, SEARCH);
    dialogue_finish(dialogue);
    assert_null(ROW(dialogue, ldap_bind, 1)->wrapping.at);
    assert_int_equal(ROW(dialogue, ldap_bind, 1)->result, 14);
    dialogue_free(dialogue);
}

static void each_form_of_a_token_is_known(void **state)
{
    (void)state;
    struct cursor token = SEARCH_SIGNED_KERBEROS, plain = CURSOR_EMPTY, search = SEARCH;
    assert_true(cursor_skip(&token, 4) && sasl_unwrap(token, &plain));
    assert_true(cursor_equal(plain, search));
    token = SEARCH_SIGNED_NTLM;
    assert_true(cursor_skip(&token, 4) && sasl_unwrap(token, &plain));
    assert_true(cursor_equal(plain, search));
    token = SEALED_NTLM;
    assert_true(cursor_skip(&token, 4) && !sasl_unwrap(token, &plain));
    token = SEALED_KERBEROS;
    assert_true(cursor_skip(&token, 4) && !sasl_unwrap(token, &plain));
    assert_false(sasl_unwrap(CURSOR_EMPTY, &plain));
    assert_text(sspi_mechanism(VECTOR("NTLMSSP\0\1")), "ntlm");
    assert_text(sspi_mechanism(VECTOR("\x60\x30\x06\x09\x2A\x86\x48\x86\xF7\x12\x01\x02\x02\x01\x00\x6E")), "kerberos");
    assert_text(sspi_mechanism(VECTOR("\x60\x30\x06\x06\x2B\x06\x01\x05\x05\x02")), "spnego");
    assert_null(sspi_mechanism(VECTOR("NTLMSS")).at);
}

static void behind_starttls_is_tls(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, STARTTLS);
    dialogue_answer(dialogue, STARTTLS_DONE);
    dialogue_ask(dialogue, CLIENT_HELLO);
    dialogue_answer(dialogue, SEARCH); /* would be a message, were it not TLS now */
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_ldap_operation), 1);
    assert_text(ROW(dialogue, ldap_operation, 1)->operation, "starttls");
    assert_int_equal(ROW(dialogue, ldap_operation, 1)->result, 0);
    dialogue_free(dialogue);
}

static void what_a_site_publishes_is_told_with_the_answer(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, ADD);
    dialogue_answer(dialogue, ADD_REFUSED);
    dialogue_finish(dialogue);
    assert_text(ROW(dialogue, ldap_operation, 1)->operation, "add");
    assert_text(ROW(dialogue, ldap_operation, 1)->attributes, "objectClass,serviceBindingInformation");
    assert_int_equal(ROW(dialogue, ldap_operation, 1)->configmgr, 1);
    assert_int_equal(ROW(dialogue, ldap_operation, 1)->result, 50);
    assert_int_equal(ROW(dialogue, ldap_entry, 2)->written, 1);
    assert_text(ROW(dialogue, ldap_entry, 2)->attribute, "serviceBindingInformation");
    dialogue_free(dialogue);
}

static void a_domain_controller_says_who_it_is(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 389);
    dialogue_ask(dialogue, PING);
    dialogue_answer(dialogue, PONG);
    dialogue_finish(dialogue);
    const struct netlogon_ping_row *row = ROW(dialogue, netlogon_ping, 1);
    assert_int_equal(row->opcode, 23);
    assert_int_equal(row->flags, 0x13fd);
    assert_text(row->forest, "corp.contoso.test");
    assert_text(row->domain, "corp.contoso.test");
    assert_text(row->host, "dc01.corp.contoso.test");
    assert_text(row->netbios_domain, "CORP");
    assert_text(row->netbios_host, "DC01");
    assert_text(row->dc_site, "Default-First-Site-Name");
    assert_text(row->server, "10.0.0.80");
    assert_text(ROW(dialogue, ldap_operation, 1)->transport, "udp");
    assert_text(ROW(dialogue, ldap_operation, 1)->filter, "(&(NtVer=\\06\\00\\00\\00)(DnsDomain=corp.contoso.test))");
    dialogue_free(dialogue);
}

static void a_deep_filter_ends_in_an_ellipsis(void **state)
{
    size_t at;
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, DEEP);
    dialogue_finish(dialogue);
    assert_true(text_find_like(ROW(dialogue, ldap_operation, 1)->filter, "(!(!(...))", &at));
    assert_true(ROW(dialogue, ldap_operation, 1)->filter.length < 200);
    dialogue_free(dialogue);
}

static void behind_a_gap_reading_goes_on_at_the_next_message(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    struct cursor half = ENTRY;
    half.left /= 2;
    dialogue_ask(dialogue, SEARCH);
    dialogue_answer(dialogue, half);
    dialogue_gap(dialogue, DIRECTION_IN, 100);
    dialogue_answer(dialogue, VECTOR("the end of something"));
    dialogue_answer(dialogue, DONE);
    dialogue_finish(dialogue);
    assert_int_equal(ROW(dialogue, ldap_operation, 1)->entries, 0);
    assert_int_equal(ROW(dialogue, ldap_operation, 1)->unread, 1); /* so nobody may say that there were none */
    assert_int_equal(ROW(dialogue, ldap_operation, 1)->result, 0);
    dialogue_free(dialogue);
}

/* ---- Sicily (MS-ADTS 5.1.1.1.3): messages of NTLM (MS-NLMP 2.2.1) in binds of their own ---- */

#define SICILY_DISCOVERY VECTOR("\x30\x0C\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x89\x00")
#define SICILY_PACKAGES VECTOR("\x30\x10\x02\x01\x01\x61\x0B\x0A\x01\x00\x04\x04NTLM\x04\x00")
#define SICILY_NEGOTIATE                                                                                               \
    VECTOR("\x30\x1C\x02\x01\x02\x60\x17\x02\x01\x03\x04\x00\x8A\x10NTLMSSP\x00\x01\x00\x00\x00\x07\x82\x08\xA2")
#define SICILY_CHALLENGE                                                                                               \
    VECTOR(                                                                                                            \
        "\x30\x3C\x02\x01\x02\x61\x37\x0A\x01\x00\x04\x30NTLMSSP\x00\x02\x00\x00\x00\x00\x00\x00\x00\x38\x00\x00\x00"  \
        "\x01\x02\x08\x00\x01\x23\x45\x67\x89\xAB\xCD\xEF\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x38\x00\x00" \
        "\x00\x04\x00")
#define SICILY_RESPONSE                                                                                                \
    VECTOR("\x30\x52\x02\x01\x03\x60\x4D\x02\x01\x03\x04\x00\x8B\x46NTLMSSP\x00\x03\x00\x00\x00\x00\x00\x00\x00\x40"   \
           "\x00\x00"                                                                                                  \
           "\x00\x00\x00\x00\x00\x40\x00\x00\x00\x02\x00\x02\x00\x40\x00\x00\x00\x04\x00\x04\x00\x42\x00\x00\x00\x00"  \
           "\x00\x00\x00\x46\x00\x00\x00\x00\x00\x00\x00\x46\x00\x00\x00\x01\x02\x08\x00"                              \
           "D\x00u\x00s\x00")
#define SICILY_DONE VECTOR("\x30\x0C\x02\x01\x03\x61\x07\x0A\x01\x00\x04\x00\x04\x00")

static void a_sicily_bind_is_one_authentication(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 8; piece += 1 + piece) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
        dialogue->piece = piece;
        dialogue_ask(dialogue, SICILY_DISCOVERY);
        dialogue_answer(dialogue, SICILY_PACKAGES);
        dialogue_ask(dialogue, SICILY_NEGOTIATE);
        dialogue_answer(dialogue, SICILY_CHALLENGE);
        dialogue_ask(dialogue, SICILY_RESPONSE);
        dialogue_answer(dialogue, SICILY_DONE);
        dialogue_finish(dialogue);
        static const char *const steps[] = {"discovery", "negotiate", "response"};
        assert_int_equal(dialogue_count(dialogue, TABLE_ldap_bind), 3);
        for (int64_t id = 1; id <= 3; id++) {
            assert_text(ROW(dialogue, ldap_bind, id)->method, "sicily");
            assert_text(ROW(dialogue, ldap_bind, id)->step, steps[id - 1]);
            assert_int_equal(ROW(dialogue, ldap_bind, id)->result, 0);
        }
        assert_int_equal(dialogue_count(dialogue, TABLE_ntlm), 1);
        const struct ntlm_row *row = ROW(dialogue, ntlm, 1);
        assert_text(row->challenge, "0123456789ABCDEF");
        assert_text(row->domain, "D");
        assert_text(row->user, "us");
        assert_true(row->packet < row->challenge_packet && row->challenge_packet < row->authenticate_packet);
        dialogue_free(dialogue);
    }
}

/* Only after the last step is the client bound. */
static void what_follows_the_first_steps_of_sicily_says_nothing_of_wrapping(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    dialogue_ask(dialogue, SICILY_NEGOTIATE);
    dialogue_answer(dialogue, SICILY_CHALLENGE);
    dialogue_ask(dialogue, SEARCH);
    dialogue_finish(dialogue);
    assert_null(ROW(dialogue, ldap_bind, 1)->wrapping.at);
    dialogue_free(dialogue);
}

/* ---- Limits ---- */

/* A SearchResultEntry of 2 MB: SEQUENCE, message id 2, [APPLICATION 4]. */
static void an_entry_that_is_too_long_is_one_that_was_not_read(void **state)
{
    (void)state;
    static uint8_t entry[2 << 20];
    static const size_t pieces[] = {0, 1460, 7};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);

        memcpy(entry, "\x30\x84\x00\x1F\xFF\xFA\x02\x01\x02\x64\x84\x00\x1F\xFF\xF1", 15);
        dialogue->piece = pieces[i];
        dialogue_ask(dialogue, SEARCH);
        dialogue_answer(dialogue, cursor_of(entry, sizeof entry));
        dialogue_answer(dialogue, DONE);
        dialogue_finish(dialogue);
        assert_int_equal(ROW(dialogue, ldap_operation, 1)->entries, 1);
        assert_int_equal(ROW(dialogue, ldap_operation, 1)->unread, 1);
        assert_int_equal(ROW(dialogue, ldap_operation, 1)->result, 0);
        assert_int_equal(dialogue_count(dialogue, TABLE_ldap_entry), 0);
        assert_int_equal(dissect_counts(dialogue->dissect).limits.hit[LIMIT_ldap_message], 1);
        dialogue_free(dialogue);
    }
}

/* A DelRequest of "cn=a" with that message id, or its response. */
static void say_delete(struct dialogue *dialogue, unsigned id, bool response)
{
    char asked[] = "\x30\x0A\x02\x02--\x4A\x04"
                   "cn=a";
    char answered[] = "\x30\x0D\x02\x02--\x6B\x07\x0A\x01\x00\x04\x00\x04\x00";
    char *bytes = response ? answered : asked;
    bytes[4] = (char)(id >> 8);
    bytes[5] = (char)id;
    if (response)
        dialogue_answer(dialogue, cursor_of(answered, sizeof answered - 1));
    else
        dialogue_ask(dialogue, cursor_of(asked, sizeof asked - 1));
}

/* Of so many operations that wait at one time: how many get their result. */
static int64_t results_of(unsigned operations)
{
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 389);
    for (unsigned id = 256; id < 256 + operations; id++)
        say_delete(dialogue, id, false);
    for (unsigned id = 256; id < 256 + operations; id++)
        say_delete(dialogue, id, true);
    dialogue_finish(dialogue);
    int64_t results = 0;
    assert_int_equal(dialogue_count(dialogue, TABLE_ldap_operation), operations);
    for (int64_t id = 1; id <= operations; id++)
        results += ROW(dialogue, ldap_operation, id)->result == 0;
    assert_int_equal(dissect_counts(dialogue->dissect).limits.hit[LIMIT_ldap_pending], operations - results);
    dialogue_free(dialogue);
    return results;
}

static void many_operations_may_wait_for_their_results(void **state)
{
    (void)state;
    assert_int_equal(results_of(1), 1);
    assert_int_equal(results_of(17), 17);
    assert_int_equal(results_of(1024), 1024);
    assert_int_equal(results_of(1100), 1024); /* the latest */
}

static void damaged_messages_do_no_harm(void **state)
{
    (void)state;
    const struct cursor tcp[] = {BIND_NTLM, SEARCH, ENTRY, ADD, DEEP, ENTRY_SIGNED_KERBEROS}, udp[] = {PING, PONG};
    assert_harmless(TRANSPORT_TCP, 389, tcp, sizeof tcp / sizeof tcp[0], TABLE_ldap_operation, 2);
    assert_harmless(TRANSPORT_UDP, 389, udp, 2, TABLE_netlogon_ping, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simple_bind_shows_its_name_and_never_the_password),
        cmocka_unit_test(a_management_point_is_read_from_the_directory),
        cmocka_unit_test(a_search_without_entries_says_so),
        cmocka_unit_test(signed_messages_are_read_and_sealed_ones_told),
        cmocka_unit_test(each_form_of_a_token_is_known),
        cmocka_unit_test(behind_starttls_is_tls),
        cmocka_unit_test(what_a_site_publishes_is_told_with_the_answer),
        cmocka_unit_test(a_domain_controller_says_who_it_is),
        cmocka_unit_test(a_deep_filter_ends_in_an_ellipsis),
        cmocka_unit_test(behind_a_gap_reading_goes_on_at_the_next_message),
        cmocka_unit_test(a_sicily_bind_is_one_authentication),
        cmocka_unit_test(what_follows_the_first_steps_of_sicily_says_nothing_of_wrapping),
        cmocka_unit_test(an_entry_that_is_too_long_is_one_that_was_not_read),
        cmocka_unit_test(many_operations_may_wait_for_their_results),
        cmocka_unit_test(damaged_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
