/* tests/unit/test_dissect_dns.c: questions for names and their answers. */
#include "dissect/dns_name.h"
#include "tests/unit/talk_fixture.h"

/* Made by tests/fuzz/make_network_corpus.py after RFC 2930 and RFC 3645: a question for a key, with an AP-REQ for
 * DNS/dc.example in SPNEGO. */
#define TKEY_ASKED                                                                                                     \
    "\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x01\x31\x02\x64\x63\x07\x65\x78\x61\x6d\x70\x6c"                 \
    "\x65\x00\x00\xf9\x00\xff\x01\x31\x02\x64\x63\x07\x65\x78\x61\x6d\x70\x6c\x65\x00\x00\xf9\x00\xff"                 \
    "\x00\x00\x00\x00\x01\x0c\x08\x67\x73\x73\x2d\x74\x73\x69\x67\x00\x00\x00\x00\x01\x00\x00\x00\x02"                 \
    "\x00\x03\x00\x00\x00\xf2\x60\x81\xef\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x81\xe4\x30\x81\xe1\xa0"                 \
    "\x0d\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\xa2\x81\xcf\x04\x81\xcc\x60\x81\xc9\x06"                 \
    "\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e\x81\xb9\x30\x81\xb6\xa0\x03\x02\x01\x05\xa1"                 \
    "\x03\x02\x01\x0e\xa2\x07\x03\x05\x00\x00\x00\x00\x00\xa3\x6c\x61\x6a\x30\x68\xa0\x03\x02\x01\x05"                 \
    "\xa1\x0e\x1b\x0c\x45\x58\x41\x4d\x50\x4c\x45\x2e\x54\x45\x53\x54\xa2\x1c\x30\x1a\xa0\x03\x02\x01"                 \
    "\x02\xa1\x13\x30\x11\x1b\x03\x44\x4e\x53\x1b\x0a\x64\x63\x2e\x65\x78\x61\x6d\x70\x6c\x65\xa3\x33"                 \
    "\x30\x31\xa0\x03\x02\x01\x12\xa2\x2a\x04\x28\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33"                 \
    "\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33"                 \
    "\x33\x33\x33\xa4\x33\x30\x31\xa0\x03\x02\x01\x12\xa2\x2a\x04\x28\x33\x33\x33\x33\x33\x33\x33\x33"                 \
    "\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33"                 \
    "\x33\x33\x33\x33\x33\x33\x33\x33\x00\x00"

static void a_token_in_a_key_record_is_read_whether_names_are_asked_for_or_not(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_SERVERS);
    dialogue->transport = TRANSPORT_UDP;
    dialogue->port = 53;
    dialogue_ask(dialogue, DNS_SRV_ASKED);
    dialogue_ask(dialogue, cursor_of(TKEY_ASKED, sizeof TKEY_ASKED - 1));
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_kerberos), 1);
    assert_text(ROW(dialogue, kerberos, 1)->message, "AP-REQ");
    assert_text(ROW(dialogue, kerberos, 1)->service, "DNS/dc.example");
    assert_text(ROW(dialogue, kerberos, 1)->carrier, "dns");
    assert_int_equal(ROW(dialogue, kerberos, 1)->packet, 2);
    dialogue_free(dialogue);
}

static void a_key_record_cut_anywhere_is_harmless(void **state)
{
    (void)state;
    const struct cursor message = cursor_of(TKEY_ASKED, sizeof TKEY_ASKED - 1);
    assert_harmless(TRANSPORT_UDP, 53, &message, 1, TABLE_kerberos, 1);
}

static void an_srv_record_tells_the_management_point_and_its_port(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 53);
    dialogue_ask(dialogue, DNS_SRV_ASKED);
    assert_int_equal(ROW(dialogue, name_query, 1)->rcode, INT_NULL); /* not answered yet */
    dialogue_answer(dialogue, DNS_SRV_ANSWERED);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_name_query), 1);
    const struct name_query_row *row = ROW(dialogue, name_query, 1);
    assert_text(row->protocol, "dns");
    assert_text(row->operation, "query");
    assert_text(row->name, "_mssms_mp_d._tcp.corp.contoso.test");
    assert_text(row->type, "SRV");
    assert_null(row->suffix.at);
    assert_text(row->answer, "corp.contoso.test:80");
    assert_int_equal(row->packet, 1);
    assert_int_equal(row->reply_packet, 2);
    assert_int_equal(row->rcode, 0);
    assert_int_equal(row->unicast, 1);
    assert_text(row->client, "10.0.0.1");
    assert_text(row->server, "10.0.0.80");
    const struct name_answer_row *answer = ROW(dialogue, name_answer, 1);
    assert_int_equal(answer->query, 1);
    assert_text(answer->value, "corp.contoso.test");
    assert_int_equal(answer->port, 80);
    assert_text(dialogue_flow(dialogue, 1)->app, "dns");
    dialogue_free(dialogue);
}

static void a_name_that_does_not_exist_has_no_answer(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 53);
    dialogue_ask(dialogue, DNS_NXDOMAIN_ASKED);
    dialogue_answer(dialogue, DNS_NXDOMAIN_ANSWERED);
    dialogue_finish(dialogue);
    assert_int_equal(ROW(dialogue, name_query, 1)->rcode, 3);
    assert_null(ROW(dialogue, name_query, 1)->answer.at);
    dialogue_free(dialogue);
}

static void a_reply_without_its_question_is_a_row_of_its_own(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 53);
    dialogue_answer(dialogue, DNS_SRV_ANSWERED);
    dialogue_ask(dialogue, DNS_NXDOMAIN_ASKED);
    dialogue_answer(dialogue, DNS_SRV_ANSWERED); /* of another question */
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_name_query), 3);
    assert_int_equal(ROW(dialogue, name_query, 1)->reply_packet, 1);
    assert_text(ROW(dialogue, name_query, 1)->client, "10.0.0.1");
    assert_int_equal(ROW(dialogue, name_query, 2)->reply_packet, INT_NULL);
    assert_int_equal(ROW(dialogue, name_query, 3)->reply_packet, 3);
    dialogue_free(dialogue);
}

static void netbios_names_are_decoded_with_their_suffix(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 137);
    dialogue_ask(dialogue, NBNS_SLP_ASKED);
    dialogue_answer(dialogue, NBNS_SLP_ANSWERED);
    dialogue_ask(dialogue, NBNS_STATUS_ASKED);
    dialogue_answer(dialogue, NBNS_STATUS_ANSWERED);
    dialogue_ask(dialogue, NBNS_REGISTRATION);
    dialogue_finish(dialogue);
    const struct name_query_row *row = ROW(dialogue, name_query, 1);
    assert_text(row->protocol, "nbns");
    assert_text(row->name, "SMS_SLP");
    assert_text(row->suffix, "1A");
    assert_text(row->type, "NB");
    assert_text(row->answer, "10.57.20.11");
    assert_int_equal(row->unicast, 1);
    assert_int_equal(row->is_group, 0);
    row = ROW(dialogue, name_query, 2);
    assert_text(row->type, "NBSTAT");
    assert_text(row->name, "*");
    assert_text(row->answer, "CM01<00>,CM01<03>,CM01<20>,CORP<00>,CORP<1E>");
    row = ROW(dialogue, name_query, 3);
    assert_text(row->operation, "registration");
    assert_text(row->name, "CM01");
    assert_text(row->suffix, "20");
    assert_text(row->answer, "10.57.20.11");
    assert_int_equal(row->unicast, 0); /* by broadcast, says its flag */
    assert_text(ROW(dialogue, name_answer, 3)->section, "additional");
    dialogue_free(dialogue);
}

static void over_tcp_the_same_is_found_in_whole_and_in_pieces(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 5; piece++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 53);
        uint8_t bytes[512];
        struct cursor asked = DNS_SRV_ASKED, answered = DNS_SRV_ANSWERED;
        dialogue->piece = piece;
        bytes[0] = 0;
        bytes[1] = (uint8_t)asked.left;
        memcpy(bytes + 2, asked.at, asked.left);
        dialogue_ask(dialogue, cursor_of(bytes, asked.left + 2));
        bytes[1] = (uint8_t)answered.left;
        memcpy(bytes + 2, answered.at, answered.left);
        dialogue_answer(dialogue, cursor_of(bytes, answered.left + 2));
        dialogue_finish(dialogue);
        assert_int_equal(dialogue_count(dialogue, TABLE_name_query), 1);
        assert_text(ROW(dialogue, name_query, 1)->transport, "tcp");
        assert_text(ROW(dialogue, name_query, 1)->answer, "corp.contoso.test:80");
        dialogue_free(dialogue);
    }
}

/* Made as RFC 1035 section 4.1 says: two questions of different length, the second of a type without a name here. */
static void each_question_of_a_message_keeps_its_name(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 53);
    dialogue_ask(dialogue, VECTOR("\x00\x07\x01\x00\x00\x03\x00\x00\x00\x00\x00\x00"
                                  "\x02"
                                  "mp\x04test\x00\x00\x01\x00\x01"
                                  "\x0Alonger-one\x04test\x00\x12\x34\x00\x01"
                                  "\x01"
                                  "c\x00\x43\x21\x00\x01"));
    dialogue_answer(dialogue, VECTOR("\x00\x07\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00"
                                     "\x02"
                                     "mp\x04test\x00\x00\x01\x00\x01"));
    dialogue_finish(dialogue);
    static const char *const names[] = {"mp.test", "longer-one.test", "c"}, *const types[] = {"A", "4660", "17185"};
    assert_int_equal(dialogue_count(dialogue, TABLE_name_query), 3);
    for (int64_t id = 1; id <= 3; id++) {
        assert_text(ROW(dialogue, name_query, id)->name, names[id - 1]);
        assert_text(ROW(dialogue, name_query, id)->type, types[id - 1]);
        assert_int_equal(ROW(dialogue, name_query, id)->reply_packet, 2);
        assert_int_equal(ROW(dialogue, name_query, id)->rcode, 3);
    }
    dialogue_free(dialogue);
}

/* A question for A of that number as a name, or its reply, with that number as id. */
static void say_number(struct dialogue *dialogue, unsigned number, bool reply)
{
    char bytes[] = "\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04----\x04test\x00\x00\x01\x00\x01", digits[8];
    snprintf(digits, sizeof digits, "%04X", number);
    memcpy(bytes + 13, digits, 4);
    bytes[0] = (char)(number >> 8);
    bytes[1] = (char)number;
    bytes[2] = (char)(reply ? 0x81 : 0x01);
    if (reply)
        dialogue_answer(dialogue, cursor_of(bytes, sizeof bytes - 1));
    else
        dialogue_ask(dialogue, cursor_of(bytes, sizeof bytes - 1));
}

/* Asks so many questions before the first reply; how many rows that makes. */
static int64_t rows_of(unsigned questions, int64_t seconds)
{
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 53);
    for (unsigned i = 0; i < questions; i++)
        say_number(dialogue, i, false);
    dialogue_wait(dialogue, seconds);
    for (unsigned i = 0; i < questions; i++)
        say_number(dialogue, i, true);
    dialogue_finish(dialogue);
    int64_t rows = dialogue_count(dialogue, TABLE_name_query);
    assert_int_equal(dissect_counts(dialogue->dissect).limits.hit[LIMIT_dns_pending] > 0, rows > questions);
    dialogue_free(dialogue);
    return rows;
}

static void many_questions_may_wait_for_their_replies(void **state)
{
    (void)state;
    static const unsigned counts[] = {1, 8, 9, 20, 100, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_int_equal(rows_of(counts[i], 0), counts[i]);
    assert_in_range(rows_of(1100, 0), 1101, 1200); /* replies to the oldest are rows of their own */
}

static void pointers_that_do_not_lead_back_are_refused(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_UDP, 53);
    dialogue_ask(dialogue, DNS_LOOP);
    dialogue_ask(dialogue, DNS_MANY);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_name_query), 2);
    for (int64_t id = 1; id <= 2; id++) {
        assert_non_null(ROW(dialogue, name_query, id)->malformed.at);
        assert_null(ROW(dialogue, name_query, id)->name.at);
    }
    dialogue_free(dialogue);
}

static void names_are_bounded(void **state)
{
    (void)state;
    struct dns_name name;
    uint8_t longest[300];
    memset(longest, 'a', sizeof longest);
    for (size_t i = 0; i < 256; i += 64)
        longest[i] = 63;
    longest[256] = 0; /* four labels of 63: 257 bytes on the wire */
    struct cursor at = cursor_of(longest, sizeof longest);
    assert_false(dns_name_take(at, &at, &name));
    longest[192] = 61; /* 255 */
    longest[254] = 0;
    at = cursor_of(longest, sizeof longest);
    assert_true(dns_name_take(at, &at, &name));
    assert_int_equal(name.length, 253);
    assert_int_equal(at.left, sizeof longest - 255);
    static const char dotted[] = "\x03"
                                 "a.b\0";
    at = cursor_of(dotted, sizeof dotted - 1);
    assert_true(dns_name_take(at, &at, &name));
    assert_true(text_is((struct text){name.text, name.length}, "a\\.b"));
}

static void nothing_is_read_that_nobody_asked_for(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_NOTHING);
    dialogue->transport = TRANSPORT_UDP;
    dialogue->port = 53;
    dialogue_ask(dialogue, DNS_SRV_ASKED);
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_name_query), 0);
    assert_text(dialogue_flow(dialogue, 1)->app, "dns"); /* recognised all the same */
    dialogue_free(dialogue);
}

static void damaged_messages_do_no_harm(void **state)
{
    (void)state;
    const struct cursor dns[] = {DNS_SRV_ANSWERED, DNS_NXDOMAIN_ANSWERED};
    const struct cursor nbns[] = {NBNS_SLP_ANSWERED, NBNS_STATUS_ANSWERED, NBNS_REGISTRATION};
    assert_harmless(TRANSPORT_UDP, 53, dns, 2, TABLE_name_query, 16);
    assert_harmless(TRANSPORT_UDP, 137, nbns, 3, TABLE_name_query, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_in_a_key_record_is_read_whether_names_are_asked_for_or_not),
        cmocka_unit_test(a_key_record_cut_anywhere_is_harmless),
        cmocka_unit_test(an_srv_record_tells_the_management_point_and_its_port),
        cmocka_unit_test(a_name_that_does_not_exist_has_no_answer),
        cmocka_unit_test(a_reply_without_its_question_is_a_row_of_its_own),
        cmocka_unit_test(netbios_names_are_decoded_with_their_suffix),
        cmocka_unit_test(over_tcp_the_same_is_found_in_whole_and_in_pieces),
        cmocka_unit_test(each_question_of_a_message_keeps_its_name),
        cmocka_unit_test(many_questions_may_wait_for_their_replies),
        cmocka_unit_test(pointers_that_do_not_lead_back_are_refused),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(nothing_is_read_that_nobody_asked_for),
        cmocka_unit_test(damaged_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
