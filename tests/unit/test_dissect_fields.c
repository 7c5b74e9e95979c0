/* tests/unit/test_dissect_fields.c: services and operations by path, fields of lists, what was answered. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/service.h"
#include "tests/unit/dialogue_fixture.h"
#include "tests/unit/message_fixture.h"

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int setup(void **state)
{
    *state = dialogue_new(NEED_PAYLOAD | NEED_FIELD | NEED_REGISTRATION);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    dialogue_free(*state);
    return 0;
}

/* ---- Paths (wire.md 1.2, 1.6 to 1.8) ---- */

static void paths_have_a_service_and_an_operation(void **state)
{
    static const struct {
        const char *method, *uri, *packet, *range, *service, *operation;
    } cases[] = {
        {"CCM_POST", "/ccm_system_windowsauth/request", NULL, NULL, "mp", "message"},
        {"GET", "/SMS_MP/.sms_aut?MPLIST", NULL, NULL, "mp-auth", "mplist"},
        {"GET", "/sms_mp/.sms_aut?MPLIST1&PRI", NULL, NULL, "mp-auth", "mplist1"},
        {"GET", "/SMS_MP/.sms_aut?MPKEYINFORMATIONMEDIA", NULL, NULL, "mp-auth", "mpkeyinformationmedia"},
        {"GET", "/SMS_MP/.sms_aut?SITESIGNCERT", NULL, NULL, "mp-auth", "sitesigncert"},
        {"GET", "/SMS_MP_AltAuth/.sms_pol?%7B1%7D.1_00", NULL, NULL, "mp-policy", "policy"},
        {"GET", "/SMS_MP/.sms_dcm?Id&DocumentId=x", NULL, NULL, "mp-policy", "configuration-item"},
        {"BITS_POST", "/CCM_Incoming/{1}", "Create-Session", NULL, "mp-upload", "create-session"},
        {"BITS_POST", "/CCM_Incoming/{1}", "FRAGMENT", NULL, "mp-upload", "fragment"},
        {"GET", "/BGB/handler.ashx?RequestType=LogIn", NULL, NULL, "mp-notification", "login"},
        {"GET", "/bgb/handler.ashx?RequestType=Continue", NULL, NULL, "mp-notification", "continue"},
        {"GET", "/CCM_Client/ccmsetup.cab", NULL, NULL, "mp-client", "setup-file"},
        {"PROPFIND", "/SMS_DP_SMSPKG$/P", NULL, NULL, "dp", "propfind"},
        {"HEAD", "/SMS_DP_SMSPKG$/P/a.bin", NULL, NULL, "dp", "size"},
        {"GET", "/NOCERT_SMS_DP_SMSPKG$/P/a.bin", NULL, "bytes=0-9", "dp", "range"},
        {"GET", "/SMS_DP_SMSPKG$/P/a.bin", NULL, NULL, "dp", "content"},
        {"GET", "/SMS_DP_SMSSIG$/P.1.tar", NULL, NULL, "dp", "signature"},
        {"GET", "/SMS_DP_SMSPKG$/Datalib/P", NULL, NULL, "dp", "datalib"},
        {"POST", "/SMS_FSP/.sms_fsp", NULL, NULL, "fsp", "state"},
        {"GET", "/sms_slp/slp.dll?site&ad=X", NULL, NULL, "slp", "site-assignment"},
        {"POST", "/ClientWebService/client.asmx", NULL, NULL, "sup", "client-web-service"},
        {"POST", "/SimpleAuthWebService/SimpleAuth.asmx", NULL, NULL, "sup", "simple-auth"},
        {"GET", "/Content/3F/0123456789abcdef0123456789ABCDEF01234567.cab", NULL, NULL, "sup-content", "content"},
        {"GET", "/Content/3F/picture.png", NULL, NULL, NULL, NULL},
        {"CCM_POST", "/CCM_Proxy_MutualAuth/72057594037927941/CCM_System/request", NULL, NULL, "cmg", "mutual-auth"},
        {"GET", "/CCM_Proxy_ServerAuth/1/CCM_STS", NULL, NULL, "cmg", "server-auth"},
        {"GET", "/CCM_Proxy_ServerAuth/1/AADAuthInfo?TenantID=x", NULL, NULL, "cmg", "auth-info"},
        {"GET", "/AdminService_TokenAuth/wmi/SMS_Site", NULL, NULL, "provider", "wmi"},
        {"GET", "/downloadrestservice.svc/getcontentxmlsecure?pid=1&cid=2", NULL, NULL, "cmg-content", "content-list"},
        {"GET", "/CCMTOKENAUTH_SMS_DP_SMSPKG$/P/sccm?/a.bin", NULL, "bytes=0-1", "dp", "range"},
        {"GET", "/SMS_DP_SMSPKG$/FileLib/ABCD/ABCD1234", NULL, NULL, "dp", "filelib"},
        {"GET", "/SCCM_BranchCache$/P", NULL, NULL, "dp-peer", "content"},
        {"POST", "/ReportingWebService/ReportingWebService.asmx", NULL, NULL, "sup", "reporting"},
        {"GET", "/SelfUpdate/wuident.cab", NULL, NULL, "sup", "self-update"},
        {"GET", "/CCM_STS", NULL, NULL, "mp-token", "token"},
        {"GET", "/CMUserService_WindowsAuth/x", NULL, NULL, "mp-user", "user-service"},
        {"GET", "/AdminService/wmi/SMS_R_System", NULL, NULL, "provider", "wmi"},
        {"GET", "/AdminService/v1.0/Device", NULL, NULL, "provider", "odata"},
        {"GET", "/index.html", NULL, NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct service_request request = {text_of(cases[i].method), text_of(cases[i].uri), text_of(cases[i].packet),
                                          text_of(cases[i].range)};
        const char *service = service_of(request.method, request.uri);
        const char *operation = service_operation(service, &request);
        if (cases[i].service == NULL) {
            assert_null(service);
            assert_null(operation);
            continue;
        }
        if (service == NULL || operation == NULL)
            fail_msg("%s has no service or operation", cases[i].uri);
        assert_string_equal(service, cases[i].service);
        assert_string_equal(operation, cases[i].operation);
    }
}

/* ---- Bodies that are no messages ---- */

static const struct field_row *field_of(struct dialogue *dialogue, const char *name)
{
    for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_field); id++) {
        const struct field_row *row = store_row(dialogue->store, TABLE_field, id);
        if (text_is(row->name, name))
            return row;
    }
    fail_msg("there is no field %s", name);
    return NULL;
}

static void exchange(struct dialogue *dialogue, const char *request, const char *body)
{
    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_MAX);
    dialogue_ask_text(dialogue, request);
    sample_print(&bytes, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    dialogue_answer(dialogue, buffer_cursor(&bytes));
    dialogue_close(dialogue);
    buffer_free(&bytes);
}

static void lists_and_listings_are_read_field_by_field(void **state)
{
    struct dialogue *dialogue = *state;
    exchange(dialogue, "GET /SMS_MP/.sms_aut?MPLIST HTTP/1.1\r\nHost: mp\r\n\r\n",
             "<MPList><MP Name=\"CM01\" FQDN=\"cm01.example\"><Capabilities><Property Name=\"SSLState\" Value=\"31\"/>"
             "</Capabilities></MP></MPList>");
    exchange(dialogue, "GET /sms_slp/slp.dll?site&ad=x HTTP/1.1\r\nHost: slp\r\n\r\n",
             "<SiteAssignment><Site Sitecode=\"PRI\"/></SiteAssignment>");
    exchange(dialogue, "PROPFIND /SMS_DP_SMSPKG$/P HTTP/1.1\r\nHost: dp\r\n\r\n",
             "<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>x/a.bin</D:href></D:response></D:multistatus>");
    dialogue_finish(dialogue);
    assert_int_equal(field_of(dialogue, "SSLState")->http, 1);
    assert_true(text_starts_like(field_of(dialogue, "SSLState")->meaning, "1 TLS enabled, 2 TLS required"));
    assert_true(text_is(field_of(dialogue, "Sitecode")->value, "PRI"));
    assert_true(text_is(field_of(dialogue, "href")->value, "x/a.bin"));
    assert_true(text_is(dialogue_http(dialogue, 1)->operation, "mplist"));
}

static void the_headerless_message_to_a_fallback_status_point_is_read(void **state)
{
    struct dialogue *dialogue = *state;
    dialogue_ask_text(dialogue, "POST /SMS_FSP/.sms_fsp HTTP/1.1\r\nHost: fsp\r\nContent-Length: 90\r\n\r\n"
                                "<Report><ReportBody><StateMessage><Topic Type='800'/>"
                                "</StateMessage></ReportBody></Report>");
    dialogue_finish(dialogue);
    assert_true(text_is(field_of(dialogue, "Type")->meaning, "deployment of the client"));
    assert_true(text_is(field_of(dialogue, "Type")->part, "body"));
    assert_int_equal(field_of(dialogue, "Type")->message, 1);
    const struct message_row *row = store_row(dialogue->store, TABLE_message, 1);
    assert_true(text_is(row->carrier, "fsp"));
    assert_true(text_is(row->root, "Report"));
    assert_null(row->endpoint.at);
    assert_null(row->malformed.at);
    assert_null(row->signature.at); /* there is no place for one */
    assert_int_equal(row->signed_, INT_NULL);
    assert_null(row->answer.at);
}

static void a_fallback_status_point_that_says_nothing_took_the_message(void **state)
{
    struct dialogue *dialogue = *state;
    dialogue_ask_text(dialogue, "POST /SMS_FSP/.sms_fsp HTTP/1.1\r\nHost: fsp\r\nContent-Length: 9\r\n\r\n<Report/>");
    dialogue_answer_text(dialogue, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    dialogue_finish(dialogue);
    const struct message_row *row = store_row(dialogue->store, TABLE_message, 1);
    assert_true(text_is(row->answer, "no-reply"));
    assert_int_equal(dialogue_count(dialogue, TABLE_finding), 0); /* it has to be plain HTTP, and unsigned */
}

/* .sms_dcm: the document is named in the query, and compressed when it is asked for so (wire.md 1.7). */
static void a_compressed_configuration_item_is_read(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer plain, packed, reply;
    buffer_init(&plain, SAMPLE_MAX);
    buffer_init(&packed, SAMPLE_MAX);
    buffer_init(&reply, SAMPLE_MAX);
    sample_append(&plain, cursor_of("\xFF\xFE", 2));
    sample_wide(&plain, "<ConfigurationItem><IsEnabled>true</IsEnabled></ConfigurationItem>");
    sample_zlib(&packed, buffer_cursor(&plain));
    sample_print(&reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", packed.length);
    sample_append(&reply, buffer_cursor(&packed));
    dialogue_ask_text(dialogue,
                      "GET /SMS_MP/.sms_dcm?Id&DocumentId=ScopeId_1/Item.2&Version=7&Compression=zlib HTTP/1.1\r\n"
                      "Host: mp\r\n\r\n");
    dialogue_answer(dialogue, buffer_cursor(&reply));
    dialogue_finish(dialogue);
    const struct policy_row *row = store_row(dialogue->store, TABLE_policy, 1);
    assert_true(text_is(row->policy_id, "ScopeId_1/Item.2"));
    assert_true(text_is(row->version, "7"));
    assert_true(text_is(row->body, "clear"));
    assert_true(text_is(field_of(dialogue, "IsEnabled")->value, "true"));
    buffer_free(&plain);
    buffer_free(&packed);
    buffer_free(&reply);
}

static void client_notification_is_a_message(void **state)
{
    struct dialogue *dialogue = *state;
    dialogue_ask_text(dialogue,
                      "POST /bgb/handler.ashx?RequestType=LogIn HTTP/1.1\r\nHost: mp\r\nContent-Length: 52\r\n\r\n"
                      "<BgbSignInMessage TimeStamp='2026-11-22T05:02:23Z'/>");
    dialogue_answer_text(dialogue, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n280");
    dialogue_finish(dialogue);
    const struct message_row *row = store_row(dialogue->store, TABLE_message, 1);
    assert_true(text_is(row->carrier, "notification"));
    assert_true(text_is(row->root, "BgbSignInMessage"));
    assert_null(row->signature.at);
    const struct message_row *answer = store_row(dialogue->store, TABLE_message, 2);
    assert_int_equal(answer->reply_of, 1);
    assert_true(text_is(field_of(dialogue, "ResponseCode")->meaning, "go on"));
}

/* ---- Answers ---- */

static void post(struct dialogue *dialogue, const char *endpoint)
{
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    struct sample sample = {.endpoint = endpoint, .source_id = VECTOR_CLIENT, .body = "<Report/>"};
    sample_build(&sample, &body);
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&body));
    buffer_free(&body);
}

static void every_answer_has_its_name(void **state)
{
    static const char NO_REPLY[] =
        "--" SAMPLE_BOUNDARY "\r\ncontent-type: text/plain; charset=UTF-8\r\n\r\nNoReply\r\n--" SAMPLE_BOUNDARY "--";
    struct dialogue *dialogue = *state;
    post(dialogue, "MP_RelayEndpoint");
    dialogue_reply(dialogue, NULL, cursor_of(NO_REPLY, sizeof NO_REPLY - 1));
    dialogue_close(dialogue);
    post(dialogue, "MP_RelayEndpoint");
    dialogue_reply(dialogue, NULL, CURSOR_EMPTY);
    dialogue_close(dialogue);
    post(dialogue, "MP_RelayEndpoint");
    dialogue_answer_text(dialogue, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    dialogue_close(dialogue);
    post(dialogue, "MP_RelayEndpoint");
    dialogue_answer_text(dialogue, "HTTP/1.1 500 Error\r\nContent-Length: 2\r\n\r\nno");
    dialogue_close(dialogue);
    post(dialogue, "MP_RelayEndpoint");
    dialogue_finish(dialogue);
    static const char *const answers[] = {"no-reply", NULL, "empty", "authenticate", "refused", NULL};
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 6);
    assert_int_equal(dialogue_message(dialogue, 2)->reply_of, 1);
    for (int64_t id = 1; id <= 6; id++) {
        struct text answer = dialogue_message(dialogue, id)->answer;
        assert_true(answers[id - 1] == NULL ? answer.at == NULL : text_is(answer, answers[id - 1]));
    }
}

/* ---- Registrations behind an ISV proxy ---- */

static void register_client(struct dialogue *dialogue, const char *smsid)
{
    struct buffer body;
    buffer_init(&body, SAMPLE_MAX);
    sample_registration(&body, "Registration", smsid, VECTOR_CERTIFICATE);
    sample_append(&body, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)body.bytes};
    struct buffer message;
    buffer_init(&message, SAMPLE_MAX);
    sample_build(&sample, &message);
    dialogue_post(dialogue, "/ccm_system/request", NULL, buffer_cursor(&message));
    dialogue_close(dialogue);
    buffer_free(&body);
    buffer_free(&message);
}

static void clients_of_one_certificate_are_counted(void **state)
{
    struct dialogue *dialogue = *state;
    register_client(dialogue, "GUID:11111111-2222-3333-4444-555555555555");
    register_client(dialogue, "GUID:11111111-2222-3333-4444-666666666666");
    register_client(dialogue, "guid:11111111-2222-3333-4444-666666666666");
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_registration), 3);
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(dialogue_registration(dialogue, id)->certificate_clients, 2);
    assert_int_equal(dialogue_registration(dialogue, 1)->hint, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_have_a_service_and_an_operation),
        TEST(lists_and_listings_are_read_field_by_field),
        TEST(the_headerless_message_to_a_fallback_status_point_is_read),
        TEST(a_fallback_status_point_that_says_nothing_took_the_message),
        TEST(a_compressed_configuration_item_is_read),
        TEST(client_notification_is_a_message),
        TEST(every_answer_has_its_name),
        TEST(clients_of_one_certificate_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
