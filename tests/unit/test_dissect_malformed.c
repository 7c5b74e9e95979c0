/* tests/unit/test_dissect_malformed.c: each dissector of names, directory, servers and boot says what it could not read. The
 * messages are made by hand as the specifications say, and then damaged. */
#include "tests/unit/talk_fixture.h"

struct malformed {
    enum transport transport;
    uint16_t port;
    struct cursor asked, answered; /* make known what is spoken; empty: nothing */
    struct cursor message;         /* cannot be read */
    bool from_server;
    const char *protocol, *what;
};

/* An AS-REQ without its body (RFC 4120 section 5.4.1). */
#define KDC_EMPTY "\x6A\x12\x30\x10\xA1\x03\x02\x01\x05\xA2\x03\x02\x01\x0A\xA3\x04\x30\x02\x30\x00"
/* A header of SMB2 (MS-SMB2 2.2.1) of that command in a message of 68 bytes, and four bytes of body. */
#define SMB2(command, flags)                                                                                           \
    VECTOR("\0\0\0\x44\xFESMB\x40\0\0\0\0\0\0\0" command "\0\0\0" flags "\0\0\0\0\0\0\0"                               \
           "\x07\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                    \
           "\x24\0\x02\0")
/* A header of SMB1 (MS-CIFS 2.2.3.1) of that command, no words, no bytes. */
#define SMB1(command, flags)                                                                                           \
    VECTOR("\0\0\0\x23\xFFSMB" command "\0\0\0\0" flags "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x02\0\x03\0\x04\0\0\0\0")
#define ECHO_ SMB2("\x0D", "\0")
/* A fragment of RPC of that type (C706 12.6.3) without a body; with four bytes of it. */
#define RPC(type) VECTOR("\x05\0" type "\x03\x10\0\0\0\x10\0\0\0\x01\0\0\0")
#define RPC_REQUEST VECTOR("\x05\0\0\x03\x10\0\0\0\x18\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0")
/* A message of LDAP (RFC 4511 section 4.1.1) whose operation has no content. */
#define LDAP(operation) VECTOR("\x30\x05\x02\x01\x09" operation "\0")
/* A Sicily bind with a token (MS-ADTS 5.1.1.1.3). */
#define BIND_TOKEN(length, inner, token) VECTOR("\x30" length "\x02\x01\x02\x60" inner "\x02\x01\x03\x04\x00\x8B" token)

static const struct malformed *cases(size_t *count) /* NOLINT(readability-function-size): a table */
{
    static struct malformed list[80];
    const struct malformed all[] = {
        {TRANSPORT_UDP, 53, DNS_SRV_ASKED, CURSOR_EMPTY, DNS_LOOP, false, "dns", "message"},
        {TRANSPORT_UDP, 53, DNS_SRV_ASKED, CURSOR_EMPTY, VECTOR("\0\x01\x01\0\0\0\0\0\0\0\0\0"), false, "dns",
         "header"},
        {TRANSPORT_UDP, 5353, DNS_SRV_ASKED, CURSOR_EMPTY, DNS_LOOP, false, "mdns", "message"},
        {TRANSPORT_UDP, 5355, DNS_SRV_ASKED, CURSOR_EMPTY, DNS_MANY, false, "llmnr", "message"},
        {TRANSPORT_UDP, 137, NBNS_STATUS_ASKED, CURSOR_EMPTY, DNS_LOOP, false, "nbns", "message"},
        {TRANSPORT_TCP, 53, VECTOR("\0\x14\0\x01\x01\0\0\x01\0\0\0\0\0\0\x02mp\0\0\x01\0\x01"), CURSOR_EMPTY,
         VECTOR("\0\x05\0\0\0\0\0"), false, "dns", "length of a message"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x60"), false, "ldap", "BindRequest"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x63"), false, "ldap", "SearchRequest"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x66"), false, "ldap", "ModifyRequest"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x68"), false, "ldap", "AddRequest"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x6C"), false, "ldap", "ModifyDNRequest"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x6E"), false, "ldap", "CompareRequest"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x77"), false, "ldap", "ExtendedRequest"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x50"), false, "ldap", "AbandonRequest"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x61"), true, "ldap", "BindResponse"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x64"), true, "ldap", "SearchResultEntry"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x65"), true, "ldap", "SearchResultDone"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x73"), true, "ldap", "SearchResultReference"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, LDAP("\x7A"), true, "ldap", "operation"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, VECTOR("\x31\x05xxxxx"), false, "ldap", "length of a message"},
        {TRANSPORT_UDP, 389, PING, CURSOR_EMPTY, LDAP("\x63"), false, "ldap", "SearchRequest"},
        {TRANSPORT_UDP, 389, PING, CURSOR_EMPTY, VECTOR("\x30\x50\x02\x01\x01"), false, "ldap", "message"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, BIND_TOKEN("\x18", "\x13", "\x0CNTLMSSP\0\x03\0\0\0"), false, "ntlm",
         "AUTHENTICATE"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY, BIND_TOKEN("\x18", "\x13", "\x0CNTLMSSP\0\x09\0\0\0"), false, "ntlm",
         "message of an unknown type"},
        {TRANSPORT_TCP, 389, SEARCH, CURSOR_EMPTY,
         BIND_TOKEN("\x1F", "\x1A", "\x13\x60\x11\x06\x09\x2A\x86\x48\x86\xF7\x12\x01\x02\x02\x01\0\x6E\x02\x30\0"),
         false, "kerberos", "AP-REQ"},
        {TRANSPORT_UDP, 88, CURSOR_EMPTY, CURSOR_EMPTY, VECTOR(KDC_EMPTY), false, "kerberos", "AS-REQ"},
        {TRANSPORT_UDP, 88, VECTOR(KDC_EMPTY), CURSOR_EMPTY, VECTOR("something else"), true, "kerberos",
         "message that is none of a KDC"},
        {TRANSPORT_TCP, 88, CURSOR_EMPTY, CURSOR_EMPTY, VECTOR("\0\0\0\x14" KDC_EMPTY), false, "kerberos", "AS-REQ"},
        {TRANSPORT_TCP, 88, VECTOR("\0\0\0\x14" KDC_EMPTY), CURSOR_EMPTY, VECTOR("\x7F\xFF\xFF\xFFx"), false,
         "kerberos", "length of a message"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x00", "\0"), false, "smb2", "NEGOTIATE request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x00", "\1"), true, "smb2", "NEGOTIATE response"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x01", "\0"), false, "smb2", "SESSION_SETUP request"},
        {TRANSPORT_TCP, 445, SMB2("\x01", "\0"), CURSOR_EMPTY, SMB2("\x01", "\1"), true, "smb2",
         "SESSION_SETUP response"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x03", "\0"), false, "smb2", "TREE_CONNECT request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x05", "\0"), false, "smb2", "CREATE request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x06", "\0"), false, "smb2", "CLOSE request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x07", "\0"), false, "smb2", "FLUSH request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x08", "\0"), false, "smb2", "READ request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x08", "\1"), true, "smb2", "READ response"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x09", "\0"), false, "smb2", "WRITE request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x0A", "\0"), false, "smb2", "LOCK request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x0B", "\0"), false, "smb2", "IOCTL request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x0E", "\0"), false, "smb2", "QUERY_DIRECTORY request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x0F", "\0"), false, "smb2", "CHANGE_NOTIFY request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x10", "\0"), false, "smb2", "QUERY_INFO request"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB2("\x11", "\0"), false, "smb2", "SET_INFO request"},
        {TRANSPORT_TCP, 445, ECHO_, CURSOR_EMPTY, VECTOR("\0\0\0\x08\xFESMB\x40\0\0\0"), false, "smb2", "header"},
        {TRANSPORT_TCP, 445, ECHO_, CURSOR_EMPTY, VECTOR("\0\0\0\x08\xFDSMB\x40\0\0\0"), false, "smb2",
         "transform header"},
        {TRANSPORT_TCP, 445, ECHO_, CURSOR_EMPTY, VECTOR("\x77\0\0\x04xxxx"), false, "smb", "NetBIOS session header"},
        {TRANSPORT_TCP, 445, ECHO_, CURSOR_EMPTY, VECTOR("\0\0\0\x04xxxx"), false, "smb",
         "message without an SMB header"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB1("\xA2", "\0"), false, "smb1", "NT_CREATE_ANDX"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB1("\x73", "\0"), false, "smb1", "SESSION_SETUP_ANDX"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB1("\x72", "\x80"), true, "smb1", "NEGOTIATE"},
        {TRANSPORT_TCP, 445, CURSOR_EMPTY, CURSOR_EMPTY, SMB1("\x75", "\0"), false, "smb1", "TREE_CONNECT_ANDX"},
        {TRANSPORT_TCP, 445, ECHO_, CURSOR_EMPTY, VECTOR("\0\0\0\x08\xFFSMB\x72\0\0\0"), false, "smb1", "header"},
        {TRANSPORT_TCP, 135, CURSOR_EMPTY, CURSOR_EMPTY, RPC("\x0B"), false, "rpc", "bind"},
        {TRANSPORT_TCP, 135, CURSOR_EMPTY, CURSOR_EMPTY, RPC("\x0C"), true, "rpc", "bind_ack"},
        {TRANSPORT_TCP, 135, CURSOR_EMPTY, CURSOR_EMPTY, RPC("\x0E"), false, "rpc", "alter_context"},
        {TRANSPORT_TCP, 135, CURSOR_EMPTY, CURSOR_EMPTY, RPC("\0"), false, "rpc", "request"},
        {TRANSPORT_TCP, 135, CURSOR_EMPTY, CURSOR_EMPTY, RPC("\x02"), true, "rpc", "response"},
        {TRANSPORT_TCP, 135, RPC_REQUEST, CURSOR_EMPTY, VECTOR("something else"), false, "rpc", "header of a fragment"},
        {TRANSPORT_TCP, 1433, TDS_PRELOGIN_ASKED, CURSOR_EMPTY, VECTOR("\x10\x01\0\x10\0\0\0\0\x08\0\0\0\0\0\0\x74"),
         false, "tds", "login"},
        {TRANSPORT_TCP, 1433, CURSOR_EMPTY, CURSOR_EMPTY, VECTOR("\x12\x01\0\x0D\0\0\0\0\0\0\x10\0\x06"), false, "tds",
         "PRELOGIN request"},
        {TRANSPORT_TCP, 1433, TDS_PRELOGIN_ASKED, CURSOR_EMPTY, VECTOR("\x03\x01\0\x09\0\0\0\0\x01"), false, "tds",
         "RPC request"},
        {TRANSPORT_TCP, 1433, TDS_PRELOGIN_ASKED, CURSOR_EMPTY, VECTOR("\x04\x01\0\x0B\0\0\0\0\xAA\xFF\0"), true, "tds",
         "token of a reply"},
        {TRANSPORT_TCP, 1433, TDS_PRELOGIN_ASKED, CURSOR_EMPTY, VECTOR("something else"), false, "tds",
         "header of a packet"},
        {TRANSPORT_UDP, 69, TFTP_READ, CURSOR_EMPTY, VECTOR("\0\x01name"), false, "tftp", "read request"},
        {TRANSPORT_UDP, 69, TFTP_READ, CURSOR_EMPTY, VECTOR("\0\x06tsize\0"), true, "tftp", "options"},
        {TRANSPORT_UDP, 69, TFTP_READ, CURSOR_EMPTY, VECTOR("\0\x05\0"), true, "tftp", "error"},
        {TRANSPORT_UDP, 69, TFTP_READ, CURSOR_EMPTY, VECTOR("\0\x03\0"), true, "tftp", "data"},
        {TRANSPORT_UDP, 69, TFTP_READ, CURSOR_EMPTY, VECTOR("\x12\x34"), true, "tftp", "operation"},
        {TRANSPORT_UDP, 67, DHCP_DISCOVER, CURSOR_EMPTY, VECTOR("\x07"), false, "dhcp", "header"},
        {TRANSPORT_UDP, 1434, VECTOR("\x04PRI\0"), CURSOR_EMPTY, VECTOR("\x05\x09\0Server;;X"), true, "ssrp",
         "instance"},
        {TRANSPORT_UDP, 1434, VECTOR("\x04PRI\0"), CURSOR_EMPTY, VECTOR("\x09"), true, "ssrp", "message"},
        {TRANSPORT_TCP, 3389, RDP_REQUEST, CURSOR_EMPTY, VECTOR("something else"), true, "rdp", "header of a message"},
        {TRANSPORT_TCP, 3389, RDP_REQUEST, CURSOR_EMPTY, VECTOR("\x03\0\0\x0E\x09\xD0\0\0\0\0\0\x02\0\x08"), true,
         "rdp", "negotiation response"},
        {TRANSPORT_UDP, 4011, BINL, CURSOR_EMPTY, VECTOR("\x81XXX"), false, "binl", "message"},
        {TRANSPORT_UDP, 9, MAGIC, CURSOR_EMPTY, VECTOR("\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02\x03"), false, "wol",
         "magic packet"},
    };
    _Static_assert(sizeof all <= sizeof list, "the list is too short");
    memcpy(list, all, sizeof all);
    *count = sizeof all / sizeof all[0];
    return list;
}

/* Whether there is a row of `trouble` that says so. */
static bool is_told(const struct dialogue *dialogue, const char *protocol, const char *reason, const char *what)
{
    for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_trouble); id++) {
        const struct trouble_row *row = ROW(dialogue, trouble, id);
        if (text_is(row->protocol, protocol) && text_is(row->reason, reason) && text_is(row->what, what))
            return true;
    }
    return false;
}

static struct dialogue *begin(const struct malformed *one)
{
    struct dialogue *dialogue = talk_new(one->transport, one->port);
    if (one->asked.left > 0)
        dialogue_ask(dialogue, one->asked);
    if (one->answered.left > 0)
        dialogue_answer(dialogue, one->answered);
    return dialogue;
}

static void send(struct dialogue *dialogue, const struct malformed *one, struct cursor bytes)
{
    if (one->from_server)
        dialogue_answer(dialogue, bytes);
    else
        dialogue_ask(dialogue, bytes);
}

static void what_contradicts_its_format_is_told(void **state)
{
    (void)state;
    size_t count;
    const struct malformed *list = cases(&count);
    for (size_t i = 0; i < count; i++) {
        struct dialogue *dialogue = begin(&list[i]);
        send(dialogue, &list[i], list[i].message);
        dialogue_finish(dialogue);
        if (!is_told(dialogue, list[i].protocol, "malformed", list[i].what))
            fail_msg("%s: %s", list[i].protocol, list[i].what);
        assert_true(dissect_counts(dialogue->dissect).trouble_malformed > 0);
        dialogue_free(dialogue);
    }
}

/* The same datagrams where the capture has only their beginning. */
static void what_the_capture_cut_is_told_as_cut(void **state)
{
    (void)state;
    size_t count;
    const struct malformed *list = cases(&count);
    for (size_t i = 0; i < count; i++) {
        if (list[i].transport != TRANSPORT_UDP || strcmp(list[i].what, "SearchRequest") == 0)
            continue; /* of the last the length is right, and the content is not */
        struct dialogue *dialogue = begin(&list[i]);
        uint64_t before = dissect_counts(dialogue->dissect).trouble_malformed;
        dialogue->cut = true;
        send(dialogue, &list[i], list[i].message);
        dialogue_finish(dialogue);
        if (!is_told(dialogue, list[i].protocol, "cut", list[i].what))
            fail_msg("%s: %s", list[i].protocol, list[i].what);
        if (dissect_counts(dialogue->dissect).trouble_malformed != before)
            fail_msg("%s: %s is called malformed", list[i].protocol, list[i].what);
        dialogue_free(dialogue);
    }
}

/* Streams that end within a message, and a hole within one. */
static void what_the_stream_ends_in_is_told_as_cut(void **state)
{
    (void)state;
    const struct {
        uint16_t port;
        struct cursor asked;
        const char *protocol;
    } streams[] = {
        {389, SEARCH, "ldap"},
        {88, VECTOR("\0\0\0\x14" KDC_EMPTY), "kerberos"},
        {445, SMB2("\x0A", "\0"), "smb"},
        {135, RPC_REQUEST, "rpc"},
        {1433, TDS_PRELOGIN_ASKED, "tds"},
        {3389, RDP_REQUEST, "rdp"},
        {53, VECTOR("\0\x14\0\x01\x01\0\0\x01\0\0\0\0\0\0\x02mp\0\0\x01\0\x01"), "dns"},
    };
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        for (int hole = 0; hole < 2; hole++) {
            struct dialogue *dialogue = talk_new(TRANSPORT_TCP, streams[i].port);
            struct cursor half = streams[i].asked;
            half.left -= 3;
            dialogue_ask(dialogue, streams[i].asked);
            int64_t before = (int64_t)dissect_counts(dialogue->dissect).trouble_cut;
            assert_int_equal(before, 0);
            dialogue_ask(dialogue, half);
            if (hole)
                dialogue_gap(dialogue, DIRECTION_OUT, 5000);
            else
                dialogue_ended(dialogue, DIRECTION_OUT);
            dialogue_finish(dialogue);
            if (dissect_counts(dialogue->dissect).trouble_cut != 1)
                fail_msg("%s, hole %d: %d", streams[i].protocol, hole,
                         (int)dissect_counts(dialogue->dissect).trouble_cut);
            int64_t last = dialogue_count(dialogue, TABLE_trouble);
            assert_text(ROW(dialogue, trouble, last)->protocol, streams[i].protocol);
            assert_text(ROW(dialogue, trouble, last)->reason, "cut");
            dialogue_free(dialogue);
        }
    }
}

/* What is usual and means nothing is no trouble: keep-alives, padding, empty datagrams, where the capture stops. */
static void what_is_usual_is_no_trouble(void **state)
{
    (void)state;
    const struct {
        enum transport transport;
        uint16_t port;
        struct cursor asked, more;
    } talks[] = {
        {TRANSPORT_TCP, 139, ECHO_, VECTOR("\x85\0\0\0")},        /* keep-alive (RFC 1002 section 4.3.7) */
        {TRANSPORT_UDP, 53, DNS_SRV_ASKED, CURSOR_EMPTY},         /* an empty datagram */
        {TRANSPORT_UDP, 69, TFTP_READ, VECTOR("\0\x04\0\x01")},   /* acknowledgement */
        {TRANSPORT_UDP, 69, TFTP_READ, VECTOR("\0\x05\0\x02\0")}, /* an error without text */
        {TRANSPORT_TCP, 445, ECHO_, VECTOR("\0\0\0\x44\xFESMB")}, /* the capture stops here */
        {TRANSPORT_UDP, 67, DHCP_DISCOVER, DHCP_OFFER},           {TRANSPORT_TCP, 389, SEARCH, SEARCH},
    };
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++) {
        struct dialogue *dialogue = talk_new(talks[i].transport, talks[i].port);
        dialogue_ask(dialogue, talks[i].asked);
        if (talks[i].more.left > 0)
            dialogue_ask(dialogue, talks[i].more);
        dialogue_finish(dialogue);
        if (dialogue_count(dialogue, TABLE_trouble) > 0)
            fail_msg("talk %d: %.*s", (int)i, (int)ROW(dialogue, trouble, 1)->what.length,
                     ROW(dialogue, trouble, 1)->what.at);
        dialogue_free(dialogue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_contradicts_its_format_is_told),
        cmocka_unit_test(what_the_capture_cut_is_told_as_cut),
        cmocka_unit_test(what_the_stream_ends_in_is_told_as_cut),
        cmocka_unit_test(what_is_usual_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
