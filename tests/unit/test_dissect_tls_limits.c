/* tests/unit/test_dissect_tls_limits.c: each limit of TLS is hit, and its counter tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/tls_internal.h"
#include "tests/unit/dialogue_fixture.h"

static uint64_t hits(const struct dialogue *dialogue, enum limit limit)
{
    return dissect_counts(dialogue->dissect).limits.hit[limit];
}

static struct buffer bytes_of(void)
{
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    return buffer;
}

static void put(struct buffer *buffer, uint64_t value, unsigned width)
{
    while (width-- > 0) {
        uint8_t byte = (uint8_t)(value >> 8 * width);
        assert_true(buffer_append(buffer, cursor_of(&byte, 1)));
    }
}

static void put_zeros(struct buffer *buffer, size_t count)
{
    while (count-- > 0)
        put(buffer, 0, 1);
}

/* Sends a record. */
static void record(struct dialogue *dialogue, enum direction direction, uint8_t type, struct cursor content)
{
    struct buffer bytes = bytes_of();
    put(&bytes, type, 1);
    put(&bytes, TLS_1_2, 2);
    put(&bytes, content.left, 2);
    assert_true(buffer_append(&bytes, content));
    if (direction == DIRECTION_OUT)
        dialogue_ask(dialogue, buffer_cursor(&bytes));
    else
        dialogue_answer(dialogue, buffer_cursor(&bytes));
    buffer_free(&bytes);
}

static void message(struct dialogue *dialogue, enum direction direction, uint8_t type, struct cursor body)
{
    struct buffer bytes = bytes_of();
    put(&bytes, type, 1);
    put(&bytes, body.left, 3);
    assert_true(buffer_append(&bytes, body));
    record(dialogue, direction, TLS_HANDSHAKE, buffer_cursor(&bytes));
    buffer_free(&bytes);
}

/* A ClientHello with a session id of 4 bytes and that many names of ALPN. */
static void client_hello(struct dialogue *dialogue, size_t names)
{
    struct buffer body = bytes_of();
    put(&body, TLS_1_2, 2);
    put_zeros(&body, 32);
    put(&body, 4, 1);
    put(&body, 0xAABBCCDD, 4);
    put(&body, 2, 2);
    put(&body, 0xC02F, 2);
    put(&body, 0x0100, 2);
    put(&body, 6 + 2 * names, 2);
    put(&body, 16, 2);
    put(&body, 2 + 2 * names, 2);
    put(&body, 2 * names, 2);
    for (size_t i = 0; i < names; i++)
        put(&body, 0x0161, 2);
    message(dialogue, DIRECTION_OUT, 1, buffer_cursor(&body));
    buffer_free(&body);
}

static void server_hello(struct dialogue *dialogue)
{
    struct buffer body = bytes_of();
    put(&body, TLS_1_2, 2);
    put_zeros(&body, 33);
    put(&body, 0xC02F00, 3);
    message(dialogue, DIRECTION_IN, 2, buffer_cursor(&body));
    buffer_free(&body);
}

static struct dialogue *greeted(size_t names)
{
    struct dialogue *dialogue = dialogue_new(UINT32_MAX);
    dialogue->port = 443;
    client_hello(dialogue, names);
    server_hello(dialogue);
    return dialogue;
}

static void long_lists_are_cut(void **state)
{
    (void)state;
    struct dialogue *dialogue = greeted(33);
    assert_int_equal(hits(dialogue, LIMIT_tls_protocols), 1);
    struct buffer body = bytes_of();
    put(&body, 17 * 4, 3);
    for (int i = 0; i < 17; i++)
        put(&body, 0x00000130, 4);
    message(dialogue, DIRECTION_IN, 11, buffer_cursor(&body));
    assert_int_equal(hits(dialogue, LIMIT_tls_chain), 1);
    body.length = 0;
    put(&body, 0x0101, 2); /* types */
    put(&body, 0, 2);      /* algorithms */
    put(&body, 513 * 2, 2);
    put_zeros(&body, 513 * (size_t)2);
    message(dialogue, DIRECTION_IN, 13, buffer_cursor(&body));
    assert_int_equal(hits(dialogue, LIMIT_tls_names), 1);
    for (int i = 0; i < 30; i++)
        record(dialogue, DIRECTION_IN, TLS_ALERT, cursor_of("\x01\x5a", 2));
    assert_true(hits(dialogue, LIMIT_tls_alerts) > 0);
    buffer_free(&body);
    dialogue_free(dialogue);
}

static void long_messages_are_passed_over(void **state)
{
    (void)state;
    struct dialogue *dialogue = greeted(1);
    record(dialogue, DIRECTION_IN, TLS_HANDSHAKE, cursor_of("\x0b\x05\x00\x00xyz", 7));
    assert_int_equal(hits(dialogue, LIMIT_tls_message), 1);
    dialogue_free(dialogue);
}

static void too_much_that_waits_is_passed_over(void **state)
{
    (void)state;
    struct dialogue *dialogue = greeted(1);
    struct tls_memory *memory = dialogue->dissect->tls;
    memory->waiting = TLS_WAITING_MAX;
    dialogue_answer(dialogue, cursor_of("\x16\x03\x03\x00\x20part", 9));
    assert_int_equal(hits(dialogue, LIMIT_tls_waiting), 1);
    memory->waiting = 0;
    dialogue_free(dialogue);
}

static void tls_inside_of_tls_ends_somewhere(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(UINT32_MAX);
    dialogue->dissect->tls->depth = TLS_DEPTH_MAX;
    client_hello(dialogue, 1);
    assert_int_equal(hits(dialogue, LIMIT_tls_depth), 1);
    dialogue->dissect->tls->depth = 0;
    dialogue_free(dialogue);
}

static void sessions_that_may_be_forgotten_are_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(UINT32_MAX);
    struct flow flow = {.address = {{.bytes = {10, 0, 0, 1}, .version = 4}, {.bytes = {10, 0, 0, 2}, .version = 4}}};
    struct tls_session session = {.row = 1};
    for (uint32_t i = 0; i < TLS_SESSIONS_MAX + 1; i++)
        tls_sessions_put(dialogue->dissect->tls->sessions, &flow, TLS_SESSION_ID, cursor_of(&i, sizeof i), &session);
    client_hello(dialogue, 1);
    assert_int_equal(hits(dialogue, LIMIT_tls_sessions), 1);
    dialogue_free(dialogue);
}

static void secrets_of_key_logs_have_a_limit(void **state)
{
    char line[256];
    (void)state;
    struct dialogue *dialogue = dialogue_new(UINT32_MAX);
    for (size_t i = 0; i <= TLS_KEYLOG_MAX; i++) {
        int length = snprintf(line, sizeof line, "CLIENT_TRAFFIC_SECRET_0 %064zx 00\n", i);
        dissect_take_secrets(dialogue->dissect, (struct text){line, (size_t)length});
    }
    assert_int_equal(hits(dialogue, LIMIT_tls_keylog), 1);
    dialogue_free(dialogue);
}

/* A connection of TLS 1.3 with keys, of which no record verifies. */
static struct tls *keyed(struct dialogue *dialogue, struct conversation *conversation, struct tls_crypto *crypto)
{
    static const uint8_t secret[32] = {1};
    const char *why = NULL;
    *conversation = (struct conversation){.dissect = dialogue->dissect, .flow = &dialogue->flow};
    conversation->layer.conversation = conversation;
    struct tls *tls = tls_dissector.open(&conversation->layer, DIRECTION_OUT);
    assert_non_null(tls);
    tls->begun = tls->client_hello = tls->server_hello = true;
    tls->version = TLS_1_3;
    assert_true(tls_suite_find(0x1301, &tls->suite));
    tls->stream[0].encrypted = true;
    tls->stream[0].phase = TLS_PHASE_TRAFFIC;
    tls->stream[0].opened = 1;
    tls->stream[0].keys = tls_protection_new13(crypto, &tls->suite, cursor_of(secret, sizeof secret), &why);
    assert_non_null(tls->stream[0].keys);
    return tls;
}

static void records_that_do_not_verify_are_given_up(void **state)
{
    uint8_t type = 0, body[40] = {0};
    struct cursor content;
    struct conversation conversation;
    (void)state;
    struct dialogue *dialogue = dialogue_new(UINT32_MAX);
    struct tls_crypto *crypto = tls_crypto_new();
    struct tls *tls = keyed(dialogue, &conversation, crypto);
    for (int i = 0; i < 8; i++)
        assert_false(tls_open_record(tls, DIRECTION_OUT, cursor_of(body, sizeof body), &type, &content));
    assert_int_equal(hits(dialogue, LIMIT_tls_failures), 1);
    assert_null(tls->stream[0].keys);
    tls_dissector.close(tls);
    trouble_close(&conversation);

    tls = keyed(dialogue, &conversation, crypto);
    tls_dissector.gap(tls, DIRECTION_OUT, 100000, dialogue->moment);
    assert_int_equal(hits(dialogue, LIMIT_tls_search), 1);
    for (int i = 0; i < 9; i++) {
        tls->stream[0].failures = 0;
        assert_false(tls_open_record(tls, DIRECTION_OUT, cursor_of(body, sizeof body), &type, &content));
    }
    assert_int_equal(hits(dialogue, LIMIT_tls_searches), 1);
    tls_dissector.close(tls);
    trouble_close(&conversation);
    tls_crypto_free(crypto);
    dialogue_free(dialogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_lists_are_cut),
        cmocka_unit_test(long_messages_are_passed_over),
        cmocka_unit_test(too_much_that_waits_is_passed_over),
        cmocka_unit_test(tls_inside_of_tls_ends_somewhere),
        cmocka_unit_test(sessions_that_may_be_forgotten_are_told),
        cmocka_unit_test(secrets_of_key_logs_have_a_limit),
        cmocka_unit_test(records_that_do_not_verify_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
