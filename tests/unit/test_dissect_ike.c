/* tests/unit/test_dissect_ike.c: IKE messages become rows; what is odd in them becomes a problem in the row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialogue_fixture.h"

#define MESSAGE_MAX 65000

struct message {
    uint8_t bytes[MESSAGE_MAX];
    size_t length;
};

static void put(struct message *message, const void *bytes, size_t length)
{
    assert_true(length <= MESSAGE_MAX - message->length);
    memcpy(message->bytes + message->length, bytes, length);
    message->length += length;
}

#define PUT(message, literal) put(message, literal, sizeof(literal) - 1)

/* Everything but the length, which `give` fills in. */
#define IKE(responder, next, version, exchange, flags)                                                                 \
    "initiate" responder next version exchange flags "\0\0\0\0\0\0\0\0"
#define NOBODY "\0\0\0\0\0\0\0\0"
#define WINDOWS_8 "\x1e\x2b\x51\x69\x05\x99\x1c\x7d\x7c\x96\xfc\xbf\xb5\x87\xe4\x61\0\0\0\x08"

/* As one datagram of UDP from port `port` to the same, of which the capture has `captured` bytes; the row that came of it, or
 * NULL. */
static const struct ike_row *give_cut(struct dialogue *dialogue, struct message *message, uint16_t port,
                                      size_t captured)
{
    struct flow flow = {
        .address = {{.bytes = {10, 0, 0, 1}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}},
        .port = {port, port},
        .transport = TRANSPORT_UDP,
        .cut = captured < message->length,
    };
    const struct flow_events *events = &dialogue->events;
    struct moment moment = {.packet = 7, .time_ns = DIALOGUE_START};
    size_t marker = port == 4500 ? 4 : 0;
    if (message->length >= marker + 28) {
        message->bytes[marker + 26] = (uint8_t)((message->length - marker) >> 8);
        message->bytes[marker + 27] = (uint8_t)(message->length - marker);
    }
    uint8_t *copy = malloc(captured + 1);
    assert_non_null(copy);
    memcpy(copy, message->bytes, captured);
    events->opened(events->context, &flow);
    events->datagram(events->context, &flow, DIRECTION_OUT, cursor_of(copy, captured), moment);
    events->closed(events->context, &flow);
    free(copy);
    int64_t rows = dialogue_count(dialogue, TABLE_ike);
    return rows == 0 ? NULL : store_row(dialogue->store, TABLE_ike, rows);
}

static const struct ike_row *give(struct dialogue *dialogue, struct message *message, uint16_t port)
{
    return give_cut(dialogue, message, port, message->length);
}

/* The latest row of `trouble`. */
static void assert_trouble(struct dialogue *dialogue, const char *reason, const char *what)
{
    int64_t rows = dialogue_count(dialogue, TABLE_trouble);
    assert_true(rows > 0);
    const struct trouble_row *row = store_row(dialogue->store, TABLE_trouble, rows);
    assert_true(text_is(row->protocol, "ike"));
    assert_true(text_is(row->reason, reason));
    assert_true(text_is(row->what, what));
}

static void assert_text(struct text found, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(found.at);
        return;
    }
    assert_non_null(found.at);
    assert_int_equal(found.length, strlen(wanted));
    assert_memory_equal(found.at, wanted, found.length);
}

static int setup(void **state)
{
    *state = dialogue_new(NEED_NOTHING);
    return 0;
}

static int teardown(void **state)
{
    dialogue_free(*state);
    return 0;
}

/* RFC 2409, appendix A: AES-CBC with 128 bits, SHA-1, pre-shared key, group 2, 28800 seconds; then DES. */
static void main_mode_tells_what_it_offers(void **state)
{
    struct message message = {.length = 0};
    PUT(&message, IKE(NOBODY, "\1", "\x10", "\2", "\0"));
    PUT(&message, "\x0d\0\0\x54\0\0\0\1\0\0\0\1\0\0\0\x48\1\1\0\2");
    PUT(&message,
        "\3\0\0\x28\1\1\0\0\x80\1\0\7\x80\x0e\0\x80\x80\2\0\2\x80\3\0\1\x80\4\0\2\x80\x0b\0\1\0\x0c\0\4\0\0\x70\x80");
    PUT(&message, "\0\0\0\x18\2\1\0\0\x80\1\0\1\x80\2\0\1\x80\3\xfd\xe9\x80\4\0\1");
    PUT(&message, "\0\0\0\x18" WINDOWS_8);
    const struct ike_row *row = give(*state, &message, 500);
    assert_non_null(row);
    assert_text(row->version, "1.0");
    assert_text(row->exchange, "main");
    assert_text(row->payloads, "sa,vendor-id");
    assert_text(row->proposals, "aes-cbc-128/sha1/modp1024;des/md5/modp768");
    assert_text(row->authentication, "psk,kerberos-or-xauth-psk");
    assert_text(row->weak, "sha1,modp1024,des,md5,modp768");
    assert_int_equal(row->lifetime, 28800);
    assert_text(row->vendor_ids, "windows");
    assert_text(row->windows, "Server 2008 R2");
    assert_text(row->responder_spi, NULL);
    assert_text(row->problem, NULL);
    assert_int_equal(row->response, 0);
    assert_int_equal(row->encrypted, 0);
    assert_int_equal(row->packet, 7);
}

static void version_2_behind_the_marker_of_nat_traversal(void **state)
{
    struct message message = {.length = 0};
    PUT(&message, "\0\0\0\0" IKE("responds", "\x21", "\x20", "\x22", "\x20"));
    PUT(&message, "\x29\0\0\x28\0\0\0\x24\1\1\0\3");
    PUT(&message, "\3\0\0\x0c\1\0\0\x0c\x80\x0e\1\0" /* AES-CBC, 256 bits */
                  "\3\0\0\x08\2\0\0\5"
                  "\0\0\0\x08\4\0\0\x0e");
    PUT(&message, "\0\0\0\x08\0\0\x40\4");
    const struct ike_row *row = give(*state, &message, 4500);
    assert_non_null(row);
    assert_text(row->version, "2.0");
    assert_text(row->exchange, "sa-init");
    assert_text(row->proposals, "aes-cbc-256/prf-sha256/modp2048");
    assert_text(row->weak, NULL);
    assert_text(row->notify, "nat-detection-source-ip");
    assert_int_equal(row->natt, 1);
    assert_int_equal(row->response, 1);
}

static void encrypted_payloads_are_not_read(void **state)
{
    struct message message = {.length = 0};
    PUT(&message, IKE("responds", "\x08", "\x10", "\x20", "\1") "\xff\xff\xff\xff");
    const struct ike_row *row = give(*state, &message, 500);
    assert_non_null(row);
    assert_text(row->exchange, "quick");
    assert_int_equal(row->encrypted, 1);
    assert_text(row->payloads, NULL);
    assert_text(row->problem, NULL);
    struct message second = {.length = 0};
    PUT(&second, IKE("responds", "\x2e", "\x20", "\x23", "\0") "\x21\0\xff\xff");
    row = give(*state, &second, 500);
    assert_text(row->exchange, "auth");
    assert_int_equal(row->encrypted, 1);
    assert_text(row->payloads, "encrypted");
    assert_text(row->problem, NULL);
}

static void what_is_odd_is_told(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *problem;
    } cases[] = {
#define CASE(literal, problem) {literal, sizeof(literal) - 1, problem}
        CASE("\0\0\xff\xff", "a payload is longer than the message, or shorter than its header"),
        CASE("\0\0\0\3", "a payload is longer than the message, or shorter than its header"),
        CASE("\0\0", "cut off before the end of its payloads"),
        CASE("\0\0\0\5x", "a payload contradicts itself"),
        CASE("\0\0\0\x10\0\0\0\1\0\0\0\1\0\0\0\3", "a payload contradicts itself"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct message message = {.length = 0};
        PUT(&message, IKE(NOBODY, "\1", "\x10", "\2", "\0"));
        put(&message, cases[i].bytes, cases[i].length);
        const struct ike_row *row = give(*state, &message, 500);
        assert_non_null(row);
        assert_text(row->problem, cases[i].problem);
        assert_trouble(*state, "malformed", "payloads");
    }
}

static void assert_hits(struct dialogue *dialogue, uint64_t payloads, uint64_t transforms, uint64_t texts)
{
    struct dissect_counts counts = dissect_counts(dialogue->dissect);
    assert_int_equal(counts.limits.hit[LIMIT_ike_payloads], payloads);
    assert_int_equal(counts.limits.hit[LIMIT_ike_transforms], transforms);
    assert_int_equal(counts.limits.hit[LIMIT_ike_text], texts);
}

/* As tshark: a message of a whole header is IKE however little of it the capture has, and not when it was sent so short. */
static void what_the_capture_cut_is_ike(void **state)
{
    struct message message = {.length = 0};
    PUT(&message, IKE(NOBODY, "\x0d", "\x10", "\2", "\0") "\0\0\0\x18" WINDOWS_8);
    for (size_t captured = 1; captured < message.length; captured++) {
        const struct ike_row *row = give_cut(*state, &message, 500, captured);
        assert_int_equal(dialogue_count(*state, TABLE_ike), captured);
        assert_non_null(row->problem.at);
        assert_trouble(*state, "cut", captured < 28 ? "header" : "payloads");
    }
    for (size_t sent = 0; sent < 28; sent++) {
        struct message shorter = {.length = sent};
        memcpy(shorter.bytes, message.bytes, sent);
        (void)give(*state, &shorter, 500);
    }
    assert_int_equal(dialogue_count(*state, TABLE_ike), message.length - 1);
}

/* A cut datagram that cannot be IKE, or is on the port of ESP in UDP without the marker. */
static void what_the_capture_cut_of_others_is_not(void **state)
{
    struct message message = {.length = 0};
    PUT(&message, IKE(NOBODY, "\1", "\x30", "\2", "\0") "\0\0\0\4");
    assert_null(give_cut(*state, &message, 500, 19));
    assert_null(give_cut(*state, &message, 4500, 10));
    assert_int_equal(dialogue_count(*state, TABLE_trouble), 0);
}

/* In a conversation that is known as IKE. */
static void a_short_datagram_is_trouble(void **state)
{
    struct flow flow = {.address = {{.bytes = {10, 0, 0, 1}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}},
                        .port = {500, 500},
                        .transport = TRANSPORT_UDP};
    struct dialogue *dialogue = *state;
    const struct flow_events *events = &dialogue->events;
    struct moment moment = {.packet = 7, .time_ns = DIALOGUE_START};
    struct message message = {.length = 0};
    PUT(&message, IKE(NOBODY, "\0", "\x10", "\2", "\0"));
    message.bytes[27] = 28; /* its length */
    events->opened(events->context, &flow);
    events->datagram(events->context, &flow, DIRECTION_OUT, cursor_of(message.bytes, 28), moment);
    events->datagram(events->context, &flow, DIRECTION_IN, cursor_of(message.bytes, 20), moment);
    events->closed(events->context, &flow);
    assert_int_equal(dialogue_count(dialogue, TABLE_ike), 1);
    assert_trouble(dialogue, "malformed", "header");
}

static void a_row_has_limits(void **state)
{
    struct message message = {.length = 0};
    PUT(&message, IKE(NOBODY, "\x0d", "\x10", "\2", "\0"));
    for (int i = 0; i < 1000; i++)
        PUT(&message, "\x0d\0\0\x08\0\0\0\0");
    const struct ike_row *row = give(*state, &message, 500);
    assert_text(row->problem, "more payloads than are read");
    assert_hits(*state, 1, 0, 0);
    struct message many = {.length = 0};
    PUT(&many, IKE(NOBODY, "\x21", "\x20", "\x22", "\0") "\0\0\x1f\x4c\0\0\x1f\x48\1\1\0\xff");
    for (int i = 0; i < 1000; i++)
        PUT(&many, "\3\0\0\x08\1\0\0\x0c");
    row = give(*state, &many, 500);
    assert_text(row->problem, "more transforms than are read");
    assert_hits(*state, 1, 1, 1);
    assert_true(row->proposals.length <= 1000);
    assert_memory_equal(row->proposals.at + row->proposals.length - 3, "...", 3);
}

static void other_datagrams_are_left_alone(void **state)
{
    struct message message = {.length = 0};
    PUT(&message, IKE(NOBODY, "\1", "\x30", "\2", "\0")); /* version 3 */
    assert_null(give(*state, &message, 500));
    struct message keepalive = {.length = 0};
    PUT(&keepalive, "\xff");
    assert_null(give(*state, &keepalive, 4500));
    struct message empty = {.length = 0};
    assert_null(give(*state, &empty, 500));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(main_mode_tells_what_it_offers),  TEST(version_2_behind_the_marker_of_nat_traversal),
        TEST(encrypted_payloads_are_not_read), TEST(what_is_odd_is_told),
        TEST(what_the_capture_cut_is_ike),     TEST(what_the_capture_cut_of_others_is_not),
        TEST(a_short_datagram_is_trouble),     TEST(a_row_has_limits),
        TEST(other_datagrams_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
