/* tests/unit/test_configmgr_endpoint.c: the table of endpoints says what schema.md 1 and 2.2 say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/endpoint.h"

/* schema.md 1 (E1 to E13), its tables copied by hand: endpoint, Invoke or Post, root in, root out, attachment. */
static const struct {
    const char *endpoint;
    bool answers;
    const char *request, *reply, *attachment;
} MAP[] = {
    {"MP_ClientRegistration", true, "ClientRegistrationRequest", "ClientRegistrationResponse", NULL},
    {"MP_PolicyManager", true, "RequestAssignments", "ReplyAssignments", NULL},
    {"MP_LocationManager", true, "ContentLocationRequest", "ContentLocationReply", NULL},
    {"MP_LocationManager", true, "LocalMPLocationRequest", "LocalMPLocationReply", NULL},
    {"MP_LocationManager", true, "WSUSLocationRequest", "WSUSLocationReply", NULL},
    {"MP_DdrEndpoint", false, "Report", NULL, "{00000000-0000-0000-0000-000000000003}"},
    {"MP_HinvEndpoint", false, "Report", NULL, "{00000000-0000-0000-0000-000000000001}"},
    {"MP_SinvEndpoint", false, "Report", NULL, "{00000000-0000-0000-0000-000000000002}"},
    {"MP_SinvCollFileEndpoint", false, "Report", NULL, NULL},
    {"MP_RelayEndpoint", false, "Report", NULL, NULL},
    {"StatusReceiver", false, "Status", NULL, NULL},
};

static void every_endpoint_of_the_schema_is_known_with_its_roots(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof MAP / sizeof MAP[0]; i++) {
        const struct ccm_endpoint *endpoint = ccm_endpoint_find(text_of(MAP[i].endpoint));
        assert_non_null(endpoint);
        assert_string_equal(endpoint->name, MAP[i].endpoint);
        assert_int_equal(endpoint->answers, MAP[i].answers);
        assert_true(endpoint->documented);
        assert_true(ccm_endpoint_accepts(endpoint, false, text_of(MAP[i].request)));
        assert_false(ccm_endpoint_accepts(endpoint, true, text_of(MAP[i].request)));
        if (MAP[i].reply != NULL)
            assert_true(ccm_endpoint_accepts(endpoint, true, text_of(MAP[i].reply)));
        assert_true(text_equal(text_of(endpoint->attachment), text_of(MAP[i].attachment)));
    }
}

static void signatures_are_asked_for_as_the_flag_tables_say(void **state)
{
    static const struct {
        const char *endpoint;
        enum ccm_signing mixed, native; /* schema.md 2.2; required only where the cell was read */
    } cases[] = {
        {"MP_ClientRegistration", CCM_SIGNING_NONE, CCM_SIGNING_NONE},
        {"MP_LocationManager", CCM_SIGNING_NONE, CCM_SIGNING_NONE},
        {"MP_SinvEndpoint", CCM_SIGNING_REQUIRED, CCM_SIGNING_EXPECTED},
        {"MP_HinvEndpoint", CCM_SIGNING_EXPECTED, CCM_SIGNING_EXPECTED},
        {"MP_DdrEndpoint", CCM_SIGNING_EXPECTED, CCM_SIGNING_EXPECTED},
        {"MP_PolicyManager", CCM_SIGNING_EXPECTED, CCM_SIGNING_EXPECTED}, /* note P */
        {"StatusReceiver", CCM_SIGNING_NONE, CCM_SIGNING_REQUIRED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ccm_endpoint *endpoint = ccm_endpoint_find(text_of(cases[i].endpoint));
        assert_non_null(endpoint);
        assert_int_equal(endpoint->mixed, cases[i].mixed);
        assert_int_equal(endpoint->native, cases[i].native);
    }
}

static void names_are_found_in_any_case_and_whole_only(void **state)
{
    (void)state; /* schema.md 1: mp_relayendpoint, MP_DDREndpoint in logs */
    assert_ptr_equal(ccm_endpoint_find(TEXT("mp_relayendpoint")), ccm_endpoint_find(TEXT("MP_RelayEndpoint")));
    assert_non_null(ccm_endpoint_find(TEXT("MP_DDREndpoint")));
    assert_null(ccm_endpoint_find(TEXT("MP_DdrEndpoin")));
    assert_null(ccm_endpoint_find(TEXT("MP_DdrEndpoint2")));
    assert_null(ccm_endpoint_find(TEXT("")));
    assert_null(ccm_endpoint_find(TEXT_NULL));
}

static void roots_are_exact(void **state)
{
    (void)state;
    const struct ccm_endpoint *endpoint = ccm_endpoint_find(TEXT("MP_LocationManager"));
    assert_true(ccm_endpoint_accepts(endpoint, false, TEXT("SiteInformationRequest")));
    assert_false(ccm_endpoint_accepts(endpoint, false, TEXT("siteinformationrequest")));
    assert_false(ccm_endpoint_accepts(endpoint, false, TEXT("RequestAssignments")));
    assert_false(ccm_endpoint_accepts(endpoint, false, TEXT("")));
    assert_false(ccm_endpoint_accepts(endpoint, false, TEXT_NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_endpoint_of_the_schema_is_known_with_its_roots),
        cmocka_unit_test(signatures_are_asked_for_as_the_flag_tables_say),
        cmocka_unit_test(names_are_found_in_any_case_and_whole_only),
        cmocka_unit_test(roots_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
