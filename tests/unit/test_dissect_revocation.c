/* tests/unit/test_dissect_revocation.c: fetches of revocation lists find the certificate that named them. */
#include "tests/unit/talk_fixture.h"

#define CRL "http://pki.example/ca.crl"
#define OCSP "http://pki.example/ocsp"
#define DIRECTORY "ldap:///CN=CA%201,CN=CDP,DC=corp?certificateRevocationList?base?objectClass=cRLDistributionPoint"

static struct dialogue *start(void)
{
    return dialogue_new(NEED_REGISTRATION | NEED_REVOCATION);
}

static void put(struct dialogue *dialogue, enum table table, const void *row)
{
    struct sink sink = store_sink(dialogue->store);
    assert_int_not_equal(sink_append(&sink, table, row), INT_NULL);
}

/* A certificate that 10.0.0.11 shows to `peer` in packet 1. */
static void show(struct dialogue *dialogue, const char *peer)
{
    struct flow_row flow = flow_row_null();
    flow.src = text_of(peer);
    flow.dst = TEXT("10.0.0.11");
    put(dialogue, TABLE_flow, &flow);
    struct certificate_row row = certificate_row_null();
    row.packet = 1;
    row.chain = 0;
    row.flow = dialogue_count(dialogue, TABLE_flow);
    row.host = TEXT("10.0.0.11");
    row.crl_urls = TEXT(DIRECTORY " " CRL);
    row.ocsp_urls = TEXT(OCSP);
    put(dialogue, TABLE_certificate, &row);
}

static void fetch(struct dialogue *dialogue, const char *method, const char *host, const char *uri, int64_t status)
{
    struct http_row row = http_row_null();
    row.packet = 2;
    row.client = TEXT("10.0.0.5");
    row.method = text_of(method);
    row.host = text_of(host);
    row.uri = text_of(uri);
    row.status = status;
    put(dialogue, TABLE_http, &row);
}

static const struct revocation_row *revocation(const struct dialogue *dialogue, int64_t id)
{
    const struct revocation_row *row = dialogue_row(dialogue, TABLE_revocation, id);
    assert_non_null(row);
    return row;
}

static void a_list_is_fetched_by_who_was_shown_the_certificate(void **state)
{
    (void)state;
    struct dialogue *dialogue = start();
    show(dialogue, "10.0.0.4");
    show(dialogue, "10.0.0.5");
    fetch(dialogue, "GET", "PKI.example:80", "/ca.crl", 200);
    fetch(dialogue, "GET", "pki.example", "/other.crl", 200);
    fetch(dialogue, "HEAD", "pki.example", "/ca.crl", 200);
    fetch(dialogue, "GET", "proxy.example", CRL, 404);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_revocation), 2);
    assert_text(revocation(dialogue, 1)->kind, "crl");
    assert_text(revocation(dialogue, 1)->url, CRL);
    assert_int_equal(revocation(dialogue, 1)->certificate, 2);
    assert_int_equal(revocation(dialogue, 1)->http, 1);
    assert_int_equal(revocation(dialogue, 1)->answered, 1);
    assert_int_equal(revocation(dialogue, 1)->shown, 1);
    assert_int_equal(revocation(dialogue, 2)->http, 4);
    assert_int_equal(revocation(dialogue, 2)->answered, 0);
    dialogue_free(dialogue);
}

static void a_list_of_a_certificate_that_others_were_shown_is_told_as_such(void **state)
{
    (void)state;
    struct dialogue *dialogue = start();
    show(dialogue, "10.0.0.4");
    fetch(dialogue, "GET", "pki.example", "/ca.crl", INT_NULL);
    dialogue_finish(dialogue);
    assert_int_equal(revocation(dialogue, 1)->certificate, 1);
    assert_int_equal(revocation(dialogue, 1)->shown, 0);
    assert_int_equal(revocation(dialogue, 1)->answered, INT_NULL);
    dialogue_free(dialogue);
}

static void ocsp_is_asked_by_post_or_in_the_path(void **state)
{
    (void)state;
    struct dialogue *dialogue = start();
    show(dialogue, "10.0.0.5");
    fetch(dialogue, "POST", "pki.example", "/ocsp", 200);
    fetch(dialogue, "GET", "pki.example", "/ocsp/MFEwTzBN/MEs=", 200);
    fetch(dialogue, "GET", "pki.example", "/ocspreport", 200);
    fetch(dialogue, "POST", "pki.example", "/ocsp/more", 200);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_revocation), 2);
    for (int64_t id = 1; id <= 2; id++) {
        assert_text(revocation(dialogue, id)->kind, "ocsp");
        assert_text(revocation(dialogue, id)->url, OCSP);
        assert_int_equal(revocation(dialogue, id)->http, id);
        assert_int_equal(revocation(dialogue, id)->shown, 1);
    }
    dialogue_free(dialogue);
}

static void a_list_in_a_directory_is_found_by_its_name(void **state)
{
    (void)state;
    struct dialogue *dialogue = start();
    show(dialogue, "10.0.0.5");
    struct ldap_operation_row search = ldap_operation_row_null();
    search.packet = 2;
    search.client = TEXT("10.0.0.5");
    search.operation = TEXT("search");
    search.dn = TEXT("cn=ca 1,CN=CDP,DC=corp");
    search.attributes = TEXT("certificateRevocationList;binary");
    search.result = 0;
    search.entries = 1;
    put(dialogue, TABLE_ldap_operation, &search);
    search.dn = TEXT("CN=CA 2,CN=CDP,DC=corp");
    put(dialogue, TABLE_ldap_operation, &search);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_revocation), 1);
    assert_int_equal(revocation(dialogue, 1)->operation, 1);
    assert_int_equal(revocation(dialogue, 1)->answered, 1);
    assert_int_equal(revocation(dialogue, 1)->shown, 1);
    dialogue_free(dialogue);
}

static void nothing_is_matched_when_nobody_asks(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_REGISTRATION);
    show(dialogue, "10.0.0.5");
    fetch(dialogue, "GET", "pki.example", "/ca.crl", 200);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_revocation), 0);
    dialogue_free(dialogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_fetched_by_who_was_shown_the_certificate),
        cmocka_unit_test(a_list_of_a_certificate_that_others_were_shown_is_told_as_such),
        cmocka_unit_test(ocsp_is_asked_by_post_or_in_the_path),
        cmocka_unit_test(a_list_in_a_directory_is_found_by_its_name),
        cmocka_unit_test(nothing_is_matched_when_nobody_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
