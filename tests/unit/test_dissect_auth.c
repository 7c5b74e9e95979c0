/* tests/unit/test_dissect_auth.c: tokens of authentication, names of shares, numbers of Kerberos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/configmgr/ber.h"
#include "dissect/kerberos.h"
#include "dissect/ntlm.h"
#include "dissect/ntstatus.h"
#include "dissect/rpc.h"
#include "dissect/share.h"

#define BYTES(literal) cursor_of((literal), sizeof(literal) - 1)
#define ARENA_BYTES ((size_t)1 << 16)

/* CHALLENGE of a Samba server, as a lab capture has it (smb2-unsigned, packet 55). */
#define CHALLENGE                                                                                                      \
    "NTLMSSP\0\x02\0\0\0\x08\0\x08\0\x38\0\0\0\x15\x82\x8a\x62\x39\xc2\x2d\x3c\xf7\x71\xa5\x2a\0\0\0\0\0\0\0\0"        \
    "\x30\0\x30\0\x40\0\0\0\x06\x01\0\0\0\0\0\x0f"                                                                     \
    "C\0M\0"                                                                                                           \
    "0\0"                                                                                                              \
    "1\0"                                                                                                              \
    "\x02\0\x08\0C\0M\0"                                                                                               \
    "0\0"                                                                                                              \
    "1\0"                                                                                                              \
    "\x01\0\x08\0C\0M\0"                                                                                               \
    "0\0"                                                                                                              \
    "1\0"                                                                                                              \
    "\x04\0\0\0\x03\0\0\0\x07\0\x08\0\x6c\x80\xa9\xb3\x3e\x7a\xdd\x01\0\0\0\0"

static void a_challenge_tells_the_server(void **state)
{
    (void)state;
    struct arena arena;
    struct ntlm_message message;
    arena_init(&arena, ARENA_BYTES);
    assert_true(ntlm_parse(BYTES(CHALLENGE), &arena, &message));
    assert_int_equal(message.type, NTLM_TYPE_CHALLENGE);
    assert_true(cursor_equal(message.challenge, BYTES("\x39\xc2\x2d\x3c\xf7\x71\xa5\x2a")));
    assert_true(text_is(message.target, "CM01"));
    assert_true(text_is(message.target_computer, "CM01"));
    assert_true(text_is(message.target_domain, "CM01"));
    assert_true(text_is(message.version, "6.1.0"));
    arena_free(&arena);
}

/* Each length of it is refused or read without what is missing; a sanitizer sees each step beyond. */
static void a_challenge_cut_anywhere_is_harmless(void **state)
{
    (void)state;
    struct arena arena;
    struct ntlm_message message;
    arena_init(&arena, ARENA_BYTES);
    for (size_t length = 0; length < sizeof CHALLENGE - 1; length++) {
        uint8_t *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, CHALLENGE, length);
        bool read = ntlm_parse(cursor_of(copy, length), &arena, &message);
        assert_true(!read || length >= 32);
        assert_true(!read || message.challenge.left == NTLM_CHALLENGE_BYTES);
        arena_reset(&arena);
        free(copy);
    }
    arena_free(&arena);
}

/* Made by tests/fuzz/smb_bytes.py after RFC 4120 section 5.9.1: error 7 for MSSQLSvc/s1:1433. */
#define KRB_ERROR                                                                                                      \
    "\x7e\x59\x30\x57\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f\x32\x30\x32\x36\x30\x31"                 \
    "\x30\x31\x30\x30\x30\x30\x30\x30\x5a\xa5\x03\x02\x01\x01\xa6\x03\x02\x01\x07\xa9\x0e\x1b\x0c\x45"                 \
    "\x58\x41\x4d\x50\x4c\x45\x2e\x54\x45\x53\x54\xaa\x1e\x30\x1c\xa0\x03\x02\x01\x02\xa1\x15\x30\x13"                 \
    "\x1b\x08\x4d\x53\x53\x51\x4c\x53\x76\x63\x1b\x07\x73\x31\x3a\x31\x34\x33\x33"

static void an_error_names_its_service(void **state)
{
    (void)state;
    struct arena arena;
    struct kerberos_message message;
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(kerberos_recognise_message(BYTES(KRB_ERROR)), RECOGNISED_SERVER);
    assert_true(kerberos_parse(BYTES(KRB_ERROR), &arena, &message));
    assert_int_equal(message.type, KERBEROS_ERROR);
    assert_int_equal(message.error, 7);
    assert_string_equal(kerberos_error_name(message.error), "KDC_ERR_S_PRINCIPAL_UNKNOWN");
    assert_true(text_is(message.realm, "EXAMPLE.TEST"));
    assert_true(text_is(message.service, "MSSQLSvc/s1:1433"));
    for (size_t length = 0; length < sizeof KRB_ERROR - 1; length++)
        assert_false(kerberos_parse(cursor_of(KRB_ERROR, length), &arena, &message));
    arena_free(&arena);
}

static void other_bytes_are_no_kerberos(void **state)
{
    (void)state;
    assert_int_equal(kerberos_recognise_message(BYTES("")), RECOGNISED_NOT);
    assert_int_equal(kerberos_recognise_message(BYTES("\x6a")), RECOGNISED_NOT);
    assert_int_equal(kerberos_recognise_message(BYTES("\x6a\x82\x01\x00\x30\x82\x00\xfc\xa1\x03\x02\x01\x04")),
                     RECOGNISED_NOT);
    assert_int_equal(kerberos_recognise_message(BYTES("\x6a\x82\x01\x00\x30\x82\x00\xfc\xa1\x03\x02\x01\x05")),
                     RECOGNISED_CLIENT);
    assert_int_equal(kerberos_recognise_message(BYTES("GET / HTTP/1.1\r\n")), RECOGNISED_NOT);
}

static void der_members_are_found_by_their_tags(void **state)
{
    (void)state;
    struct cursor sequence = BYTES("\xa0\x03\x02\x01\x05\xa2\x03\x02\x01\xff\xa3\x80"), part;
    int32_t number = 0;
    assert_false(ber_context(&sequence, 1, &part)); /* left out: nothing is consumed */
    assert_true(ber_context(&sequence, 2, &part));
    assert_true(ber_int32(&part, &number));
    assert_int_equal(number, -1);
    assert_false(ber_context(&sequence, 3, &part)); /* of indefinite length */
    struct cursor nested = BYTES("\x30\x03\x02\x01\x09");
    assert_true(ber_take(&nested, BER_SEQUENCE, &nested)); /* goes inside */
    assert_true(ber_int32(&nested, &number));
    assert_int_equal(number, 9);
    struct cursor wide = BYTES("\x02\x05\x01\x00\x00\x00\x00");
    assert_false(ber_int32(&wide, &number));
}

static void names_tell_the_purpose(void **state)
{
    static const struct {
        const char *share, *path, *purpose;
    } cases[] = {
        {"SMS_SITE", NULL, "site-receive"},
        {"sms_site", NULL, "site-receive"},
        {"SMS_PRI", NULL, "site"},
        {"SMS_PRIM", NULL, NULL},
        {"CAP_PRI", NULL, "cap"},
        {"SMSPKGD$", NULL, "package"},
        {"SMS_CPSC$", NULL, "client-source"},
        {"SCCMContentLib$", NULL, "content-library"},
        {"C$", NULL, "drive"},
        {"CC$", NULL, NULL},
        {"ADMIN$", NULL, "admin"},
        {"REMINST", NULL, "pxe"},
        {"data", NULL, NULL},
        {"SMS_SITE", "202SQCS1.PCK", "sender-package"},
        {"SMS_SITE", "202SQCS1.sni", "sender-instruction"},
        {"SMS_SITE", "202SQCS1.TMP", "sender-temporary"},
        {"D$", "SMS\\inboxes\\despoolr.box\\receive\\202SQCS1.PCK", "sender-package"},
        {"D$", "\\SMS\\inboxes\\hman.box\\PRI.CT5", "key-exchange"},
        {"data", "a.PCK", NULL},
        {"data", "PRI.CT3", NULL},
        {"SMS_PRI", "inboxes\\auth\\ddm.box\\x.DDR", "inbox"},
        {"ADMIN$", "ccmsetup\\ccmsetup.exe", "client-push"},
        {"SMS_PRI", "Client\\ccmsetup.exe", "client-source"},
        {"REMINST", "SMSTemp\\2026.{1}.boot.var", "pxe-variables"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = share_purpose(text_of(cases[i].share));
        if (cases[i].path != NULL)
            found = share_file_purpose(found, text_of(cases[i].path));
        assert_true(text_equal(text_of(found), text_of(cases[i].purpose)));
    }
    assert_string_equal(share_pipe_purpose(TEXT("\\PIPE\\svcctl")), "service-control");
    assert_string_equal(share_pipe_purpose(TEXT("winreg")), "registry");
    assert_null(share_pipe_purpose(TEXT("svcctl2")));
    static const char nul[] = "SMS_SITE\0x";
    assert_null(share_purpose((struct text){nul, sizeof nul - 1}));
}

static void numbers_have_names(void **state)
{
    (void)state;
    struct arena arena;
    char uuid[RPC_UUID_TEXT];
    arena_init(&arena, ARENA_BYTES);
    assert_true(text_is(ntstatus_text(0xC00000CC, &arena), "BAD_NETWORK_NAME"));
    assert_true(text_is(ntstatus_text(0xC0FFEE00, &arena), "0xC0FFEE00"));
    rpc_uuid_text(BYTES("\x81\xbb\x7a\x36\x44\x98\xf1\x35\xad\x32\x98\xf0\x38\x00\x10\x03"), false, uuid);
    assert_string_equal(uuid, "367abb81-9844-35f1-ad32-98f038001003");
    const struct rpc_interface *interface = rpc_interface_find(uuid);
    assert_non_null(interface);
    assert_string_equal(interface->name, "svcctl");
    assert_string_equal(rpc_operation_name(interface, 12), "CreateServiceW");
    assert_true(rpc_operation_has_names(interface, 12));
    assert_null(rpc_operation_name(interface, 4000));
    rpc_uuid_text(BYTES("\x36\x7a\xbb\x81\x98\x44\x35\xf1\xad\x32\x98\xf0\x38\x00\x10\x03"), true, uuid);
    assert_ptr_equal(rpc_interface_find(uuid), interface);
    assert_null(rpc_interface_find("367abb81-9844-35f1-ad32-98f038001004"));
    arena_free(&arena);
}

/* The interface definitions at the end of MS-RPRN, MS-EFSR, MS-DFSNM, MS-FSRVP, MS-EVEN. */
static void calls_that_coerce_are_named(void **state)
{
    static const struct {
        const char *uuid;
        unsigned opnum;
        const char *purpose, *name;
    } cases[] = {
        {"12345678-1234-abcd-ef00-0123456789ab", 62, "coercion", "RpcRemoteFindFirstPrinterChangeNotification"},
        {"12345678-1234-abcd-ef00-0123456789ab", 65, "coercion", "RpcRemoteFindFirstPrinterChangeNotificationEx"},
        {"c681d488-d850-11d0-8c52-00c04fd90f7e", 0, "coercion", "EfsRpcOpenFileRaw"},
        {"df1941c5-fe89-4e79-bf10-463657acf44d", 0, "coercion", "EfsRpcOpenFileRaw"},
        {"4fc742e0-4a10-11cf-8273-00aa004ae673", 12, "coercion", "NetrDfsAddStdRoot"},
        {"4fc742e0-4a10-11cf-8273-00aa004ae673", 13, "coercion", "NetrDfsRemoveStdRoot"},
        {"a8e0653c-2744-4389-a61d-7373df8b2292", 8, "coercion", "IsPathSupported"},
        {"a8e0653c-2744-4389-a61d-7373df8b2292", 9, "coercion", "IsPathShadowCopied"},
        {"82273fdc-e32a-18c3-3f78-827929dc23ea", 9, "eventlog", "ElfrOpenBELW"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct rpc_interface *interface = rpc_interface_find(cases[i].uuid);
        assert_non_null(interface);
        assert_string_equal(interface->purpose, cases[i].purpose);
        assert_string_equal(rpc_operation_name(interface, cases[i].opnum), cases[i].name);
        assert_true(rpc_operation_has_names(interface, cases[i].opnum));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_that_coerce_are_named),
        cmocka_unit_test(a_challenge_tells_the_server),
        cmocka_unit_test(a_challenge_cut_anywhere_is_harmless),
        cmocka_unit_test(an_error_names_its_service),
        cmocka_unit_test(other_bytes_are_no_kerberos),
        cmocka_unit_test(der_members_are_found_by_their_tags),
        cmocka_unit_test(names_tell_the_purpose),
        cmocka_unit_test(numbers_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
