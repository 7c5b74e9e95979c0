/* tests/unit/test_dissect_limits.c: each limit of the dissectors of names, directory, servers and boot is hit, and counted; one
 * less is not. The messages are made as the specifications say. */
#include "dissect/rpc.h"
#include "tests/unit/talk_fixture.h"

#define MESSAGE_MAX ((size_t)128 * 1024)

/* A message that grows. */
struct message {
    size_t length;
    uint8_t bytes[MESSAGE_MAX];
};

static void add(struct message *message, struct cursor bytes)
{
    assert_true(message->length + bytes.left <= MESSAGE_MAX);
    memcpy(message->bytes + message->length, bytes.at, bytes.left);
    message->length += bytes.left;
}

static void add_times(struct message *message, size_t times, struct cursor bytes)
{
    for (size_t i = 0; i < times; i++)
        add(message, bytes);
}

/* Puts a tag and a length before all there is (X.690 section 8.1.3, long form). */
static void wrap(struct message *message, uint8_t tag)
{
    size_t length = message->length;
    memmove(message->bytes + 5, message->bytes, length);
    uint8_t head[5] = {tag, 0x83, (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length};
    memcpy(message->bytes, head, sizeof head);
    message->length += sizeof head;
}

static void prepend(struct message *message, struct cursor bytes)
{
    memmove(message->bytes + bytes.left, message->bytes, message->length);
    memcpy(message->bytes, bytes.at, bytes.left);
    message->length += bytes.left;
}

static struct cursor view(const struct message *message)
{
    return cursor_of(message->bytes, message->length);
}

/* An operation of LDAP with message id 2. */
static void wrap_ldap(struct message *message, uint8_t operation)
{
    wrap(message, operation);
    prepend(message, VECTOR("\x02\x01\x02"));
    wrap(message, 0x30);
}

/* ---- Each makes a conversation with `count` of what is limited ---- */

static struct message made;

static void ldap_values(struct dialogue *dialogue, size_t count)
{
    add_times(&made, count, VECTOR("\x04\x01v"));
    wrap(&made, 0x31);
    prepend(&made, VECTOR("\x04\x07mSSMSxx"));
    wrap(&made, 0x30);
    wrap(&made, 0x30);
    prepend(&made, VECTOR("\x04\x04"
                          "cn=a"));
    wrap_ldap(&made, 0x64);
    dialogue_ask(dialogue, SEARCH);
    dialogue_answer(dialogue, view(&made));
}

static void ldap_entry_attributes(struct dialogue *dialogue, size_t count)
{
    add_times(&made, count, VECTOR("\x30\x05\x04\x01x\x31\0"));
    wrap(&made, 0x30);
    prepend(&made, VECTOR("\x04\x04"
                          "cn=a"));
    wrap_ldap(&made, 0x64);
    dialogue_ask(dialogue, SEARCH);
    dialogue_answer(dialogue, view(&made));
}

static void ldap_attributes(struct dialogue *dialogue, size_t count)
{
    add_times(&made, count, VECTOR("\x04\x01x"));
    wrap(&made, 0x30);
    prepend(&made, VECTOR("\x04\0\x0A\x01\0\x0A\x01\0\x02\x01\0\x02\x01\0\x01\x01\0\x87\x02"
                          "cn"));
    wrap_ldap(&made, 0x63);
    dialogue_ask(dialogue, view(&made));
}

/* A challenge with that many pairs (MS-NLMP 2.2.2.1), in a Sicily bind. */
static void ntlm_pairs(struct dialogue *dialogue, size_t count)
{
    size_t length = (count + 1) * 4;
    uint8_t field[8] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)length, (uint8_t)(length >> 8), 48};
    add(&made,
        VECTOR("NTLMSSP\0\x02\0\0\0\0\0\0\0\x30\0\0\0\x01\x02\x88\0\x01\x23\x45\x67\x89\xAB\xCD\xEF\0\0\0\0\0\0\0\0"));
    add(&made, cursor_of(field, sizeof field));
    add_times(&made, count, VECTOR("\x07\0\0\0"));
    add(&made, VECTOR("\0\0\0\0"));
    wrap(&made, 0x04);
    prepend(&made, VECTOR("\x0A\x01\0"));
    add(&made, VECTOR("\x04\0"));
    wrap_ldap(&made, 0x61);
    dialogue_ask(dialogue,
                 VECTOR("\x30\x1C\x02\x01\x02\x60\x17\x02\x01\x03\x04\0\x8A\x10NTLMSSP\0\x01\0\0\0\x07\x82\x08\xA2"));
    dialogue_answer(dialogue, view(&made));
}

static void dns_records(struct dialogue *dialogue, size_t count)
{
    uint8_t header[12] = {0, 1, 0x81, 0x80, 0, 0, (uint8_t)(count >> 8), (uint8_t)count};
    add(&made, cursor_of(header, sizeof header));
    add_times(&made, count, VECTOR("\0\0\x01\0\x01\0\0\0\0\0\x04\x0A\0\0\x01"));
    dialogue_ask(dialogue, DNS_SRV_ASKED);
    dialogue_answer(dialogue, view(&made));
}

static void tftp_options(struct dialogue *dialogue, size_t count)
{
    add(&made, VECTOR("\0\x01"
                      "file\0octet\0"));
    add_times(&made, count, VECTOR("o\0v\0"));
    dialogue_ask(dialogue, view(&made));
}

static void dhcp_options(struct dialogue *dialogue, size_t count)
{
    struct cursor head = DHCP_DISCOVER;
    head.left = 236 + 4;
    add(&made, head);
    add_times(&made, count, VECTOR("\xE0\0"));
    add(&made, VECTOR("\xFF"));
    dialogue_ask(dialogue, view(&made));
}

static void ssrp_instances(struct dialogue *dialogue, size_t count)
{
    size_t length = count * 5;
    uint8_t header[3] = {5, (uint8_t)length, (uint8_t)(length >> 8)};
    add(&made, cursor_of(header, sizeof header));
    add_times(&made, count, VECTOR("a;b;;"));
    dialogue_ask(dialogue, SSRP_ASKED);
    dialogue_answer(dialogue, view(&made));
}

/* PRELOGIN with that many options, all of one value (MS-TDS 2.2.6.5). */
static void tds_message(struct dialogue *dialogue, size_t count)
{
    uint8_t option[5] = {0, 0, (uint8_t)(count * 5 + 1), 0, 6};
    size_t length = 8 + count * 5 + 1 + 6;
    uint8_t header[8] = {0x12, 1, (uint8_t)(length >> 8), (uint8_t)length};
    add(&made, cursor_of(header, sizeof header));
    add_times(&made, count, cursor_of(option, sizeof option));
    add(&made, VECTOR("\xFF\x09\0\0\0\0\0"));
    dialogue_ask(dialogue, view(&made));
}

static void rdp_frame(struct dialogue *dialogue, size_t count)
{
    uint8_t header[6] = {3, 0, (uint8_t)(count >> 8), (uint8_t)count, 9, 0xD0};
    add(&made, cursor_of(header, sizeof header));
    add_times(&made, count - sizeof header, VECTOR("\0"));
    dialogue_ask(dialogue, RDP_REQUEST);
    dialogue_answer(dialogue, view(&made));
}

/* TREE_CONNECT whose path stands so far behind the header (MS-SMB2 2.2.9). */
static void smb_head(struct dialogue *dialogue, size_t count)
{
    uint8_t body[8] = {9, 0, 0, 0, (uint8_t)count, (uint8_t)(count >> 8), 2, 0};
    add(&made,
        VECTOR("\xFESMB\x40\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0"
               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    add(&made, cursor_of(body, sizeof body));
    add_times(&made, 9000 - made.length, VECTOR("\0"));
    prepend(&made, VECTOR("\0\0\x23\x28")); /* 9000 */
    dialogue_ask(dialogue, view(&made));
}

/* ---- RPC (C706 12.6.4) ---- */

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

/* Sends what was made as a fragment of that type. */
static void say_fragment(struct dialogue *dialogue, uint8_t type, bool response)
{
    uint8_t header[16] = {5, 0, type, 3, 0x10};
    put16(header + 8, made.length + sizeof header);
    prepend(&made, cursor_of(header, sizeof header));
    if (response)
        dialogue_answer(dialogue, view(&made));
    else
        dialogue_ask(dialogue, view(&made));
    made.length = 0;
}

/* A presentation context: id, an interface whose UUID ends with that number. */
static void add_context(size_t id, struct cursor uuid, size_t number)
{
    uint8_t context[44] = {(uint8_t)id, (uint8_t)(id >> 8), 1};
    memcpy(context + 4, uuid.at, uuid.left);
    context[18] = (uint8_t)(context[18] ^ number >> 8);
    context[19] = (uint8_t)(context[19] ^ number);
    add(&made, cursor_of(context, sizeof context));
}

#define SOME_UUID VECTOR("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F\x10")
/* svcctl (MS-SCMR 1.9), epmapper (C706 appendix O), as they stand on the wire. */
#define SVCCTL VECTOR("\x81\xBB\x7A\x36\x44\x98\xF1\x35\xAD\x32\x98\xF0\x38\x00\x10\x03")
#define EPMAPPER VECTOR("\x08\x83\xAF\xE1\x1F\x5D\xC9\x11\x91\xA4\x08\x00\x2B\x14\xA0\xFA")

static void bind_contexts(struct dialogue *dialogue, size_t first, size_t count, struct cursor uuid, bool same)
{
    uint8_t start[12] = {0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)count};
    add(&made, cursor_of(start, sizeof start));
    for (size_t i = 0; i < count; i++)
        add_context(first + i, uuid, same ? 0 : first + i);
    say_fragment(dialogue, 11, false);
}

static void rpc_bound(struct dialogue *dialogue, size_t count)
{
    bind_contexts(dialogue, 0, count, SOME_UUID, true);
}

static void rpc_contexts(struct dialogue *dialogue, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bind_contexts(dialogue, i, 1, SOME_UUID, true);
}

static void rpc_bindings(struct dialogue *dialogue, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bind_contexts(dialogue, i, 1, SOME_UUID, false);
}

static void call(struct dialogue *dialogue, size_t opnum, bool response)
{
    uint8_t start[8] = {0};
    put16(start + 6, response ? 0 : opnum);
    prepend(&made, cursor_of(start, sizeof start));
    say_fragment(dialogue, response ? 2 : 0, response);
}

static void rpc_opnums(struct dialogue *dialogue, size_t count)
{
    bind_contexts(dialogue, 0, 1, SOME_UUID, true);
    call(dialogue, count, false);
}

/* OpenServiceW (MS-SCMR 3.1.4.16) with names of 255 characters. */
static void rpc_objects(struct dialogue *dialogue, size_t count)
{
    bind_contexts(dialogue, 0, 1, SVCCTL, true);
    for (size_t i = 0; i < count; i++) {
        uint8_t head[12] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, character[2] = {(uint8_t)('a' + i), 0};
        add(&made, cursor_of(head, sizeof head));
        add_times(&made, 255, cursor_of(character, 2));
        add(&made, VECTOR("\0\0"));
        call(dialogue, 16, false);
    }
}

static void rpc_endpoints(struct dialogue *dialogue, size_t count)
{
    bind_contexts(dialogue, 0, 1, EPMAPPER, true);
    call(dialogue, 3, false);
    add_times(&made, count,
              VECTOR("\x02\0\x13\0\x0D\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F\x10\x01\0\x02\0\0\0"
                     "\x01\0\x07\x02\0\x04\x01"));
    call(dialogue, 0, true);
}

/* ---- Others ---- */

/* An AS-REQ (RFC 4120 section 5.4.1) that offers so many encryption types. */
static void kerberos_list(struct dialogue *dialogue, size_t count)
{
    add_times(&made, count, VECTOR("\x02\x01\x12"));
    wrap(&made, 0x30);
    wrap(&made, 0xA8);
    prepend(&made, VECTOR("\xA2\x03\x1B\x01R"));
    wrap(&made, 0x30);
    wrap(&made, 0xA4);
    prepend(&made, VECTOR("\xA1\x03\x02\x01\x05\xA2\x03\x02\x01\x0A"));
    wrap(&made, 0x30);
    wrap(&made, 0x6A);
    dialogue_ask(dialogue, view(&made));
}

/* A Sicily bind whose token is an NTLM message in so many wrappings of GSS (RFC 2743 section 3.1). */
static void auth_wrappings(struct dialogue *dialogue, size_t count)
{
    add(&made, VECTOR("NTLMSSP\0\x01\0\0\0\x07\x82\x08\xA2"));
    for (size_t i = 0; i < count; i++) {
        prepend(&made, VECTOR("\x06\x06\x2B\x06\x01\x05\x05\x02"));
        wrap(&made, 0x60);
    }
    wrap(&made, 0x8A);
    prepend(&made, VECTOR("\x02\x01\x03\x04\0"));
    wrap_ldap(&made, 0x60);
    dialogue_ask(dialogue, view(&made));
}

static void ldap_value(struct dialogue *dialogue, size_t count)
{
    add_times(&made, count, VECTOR("v"));
    wrap(&made, 0x04);
    wrap(&made, 0x31);
    prepend(&made, VECTOR("\x04\x07mSSMSxx"));
    wrap(&made, 0x30);
    wrap(&made, 0x30);
    prepend(&made, VECTOR("\x04\x04"
                          "cn=a"));
    wrap_ldap(&made, 0x64);
    dialogue_ask(dialogue, SEARCH);
    dialogue_answer(dialogue, view(&made));
}

/* A reply with so many RETURNSTATUS (MS-TDS 2.2.7.18). */
static void tds_tokens(struct dialogue *dialogue, size_t count)
{
    size_t length = 8 + count * 5;
    uint8_t header[8] = {4, 1, (uint8_t)(length >> 8), (uint8_t)length};
    add(&made, cursor_of(header, sizeof header));
    add_times(&made, count, VECTOR("\x79\0\0\0\0"));
    dialogue_ask(dialogue, TDS_LOGIN_SQL);
    dialogue_answer(dialogue, view(&made));
}

/* CREATE of a file with a name of so many characters (MS-SMB2 2.2.13). */
static void smb_name(struct dialogue *dialogue, size_t count)
{
    uint8_t body[56] = {57};
    put16(body + 44, 64 + sizeof body);
    put16(body + 46, 2 * count);
    add(&made,
        VECTOR(
            "\xFESMB\x40\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x05\0\0\0\0\0\0\0"
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    add(&made, cursor_of(body, sizeof body));
    add_times(&made, count, VECTOR("a\0"));
    uint8_t header[4] = {0, 0, (uint8_t)(made.length >> 8), (uint8_t)made.length};
    prepend(&made, cursor_of(header, sizeof header));
    dialogue_ask(dialogue, view(&made));
}

static const struct {
    enum limit limit;
    enum transport transport;
    uint16_t port;
    void (*talk)(struct dialogue *dialogue, size_t count);
    size_t most; /* that are within the limit */
} CASES[] = {
    {LIMIT_ldap_values, TRANSPORT_TCP, 389, ldap_values, 4096},
    {LIMIT_ldap_entry_attributes, TRANSPORT_TCP, 389, ldap_entry_attributes, 1024},
    {LIMIT_ldap_attributes, TRANSPORT_TCP, 389, ldap_attributes, 256},
    {LIMIT_ntlm_pairs, TRANSPORT_TCP, 389, ntlm_pairs, 31}, /* and the end of the list */
    {LIMIT_dns_records, TRANSPORT_UDP, 53, dns_records, 1024},
    {LIMIT_tftp_options, TRANSPORT_UDP, 69, tftp_options, 16},
    {LIMIT_dhcp_options, TRANSPORT_UDP, 67, dhcp_options, 256},
    {LIMIT_ssrp_instances, TRANSPORT_UDP, 1434, ssrp_instances, 256},
    {LIMIT_tds_message, TRANSPORT_TCP, 1433, tds_message, 15}, /* and the end of the list */
    {LIMIT_rdp_frame, TRANSPORT_TCP, 3389, rdp_frame, 2048},
    {LIMIT_smb_head, TRANSPORT_TCP, 445, smb_head, 8190},
    {LIMIT_kerberos_list, TRANSPORT_UDP, 88, kerberos_list, 64},
    {LIMIT_auth_wrappings, TRANSPORT_TCP, 389, auth_wrappings, 3}, /* and the message */
    {LIMIT_ldap_value, TRANSPORT_TCP, 389, ldap_value, 65536},
    {LIMIT_tds_tokens, TRANSPORT_TCP, 1433, tds_tokens, 1024},
    {LIMIT_smb_name, TRANSPORT_TCP, 445, smb_name, 2047},
    {LIMIT_rpc_bound, TRANSPORT_TCP, 135, rpc_bound, 16},
    {LIMIT_rpc_contexts, TRANSPORT_TCP, 135, rpc_contexts, 32},
    {LIMIT_rpc_bindings, TRANSPORT_TCP, 135, rpc_bindings, 32},
    {LIMIT_rpc_opnums, TRANSPORT_TCP, 135, rpc_opnums, 255},
    {LIMIT_rpc_objects, TRANSPORT_TCP, 135, rpc_objects, 16},
    {LIMIT_rpc_endpoints, TRANSPORT_TCP, 135, rpc_endpoints, 512},
};

static void each_limit_is_counted_when_it_is_hit_and_not_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        for (size_t more = 0; more < 2; more++) {
            struct dialogue *dialogue = talk_new(CASES[i].transport, CASES[i].port);
            made.length = 0;
            CASES[i].talk(dialogue, CASES[i].most + more);
            dialogue_finish(dialogue);
            struct dissect_counts counts = dissect_counts(dialogue->dissect);
            if ((counts.limits.hit[CASES[i].limit] > 0) != (more > 0))
                fail_msg("%s with %d more is hit %d times", limit_name(CASES[i].limit), (int)more,
                         (int)counts.limits.hit[CASES[i].limit]);
            if (counts.trouble_malformed > 0)
                fail_msg("%s: the message is malformed: %.*s", limit_name(CASES[i].limit),
                         (int)ROW(dialogue, trouble, 1)->what.length, ROW(dialogue, trouble, 1)->what.at);
            dialogue_free(dialogue);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_is_counted_when_it_is_hit_and_not_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
