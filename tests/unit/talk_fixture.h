/* tests/unit/talk_fixture.h: what the tests of small protocols share: a dialogue on a port, and hostile copies of messages. */
#ifndef CMSCOPE_TESTS_TALK_FIXTURE_H
#define CMSCOPE_TESTS_TALK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dialogue_fixture.h"
#include "tests/unit/net_vectors.h"

#define ROW(dialogue, table, id) ((const struct table##_row *)dialogue_row(dialogue, TABLE_##table, id))
#define assert_text(text, string) assert_true(text_is(text, string))

static inline struct dialogue *talk_new(enum transport transport, uint16_t port)
{
    struct dialogue *dialogue = dialogue_new(UINT32_MAX);
    dialogue->transport = transport;
    dialogue->port = port;
    return dialogue;
}

/* Every message cut after each byte, and with each byte changed, in a flow of its own: nothing but rows may come of it, and
 * not more than `most` a time. AddressSanitizer sees the rest. */
static inline void assert_harmless(enum transport transport, uint16_t port, const struct cursor *messages, size_t count,
                                   enum table table, int64_t most)
{
    for (size_t i = 0; i < count; i++) {
        struct dialogue *dialogue = talk_new(transport, port);
        uint8_t *copy = malloc(messages[i].left);
        assert_non_null(copy);
        int64_t before = 0, flows = 0;
        for (size_t at = 0; at < messages[i].left; at++) {
            memcpy(copy, messages[i].at, messages[i].left);
            if (at > 0)
                dialogue_ask(dialogue, cursor_of(copy, at));
            dialogue_close(dialogue);
            copy[at] ^= 0xFF;
            dialogue_ask(dialogue, cursor_of(copy, messages[i].left));
            dialogue_close(dialogue);
            flows += at > 0 ? 2 : 1;
            int64_t after = dialogue_count(dialogue, table);
            assert_true(after - before <= 2 * most);
            before = after;
        }
        assert_int_equal(dialogue_count(dialogue, TABLE_flow), flows);
        free(copy);
        dialogue_free(dialogue);
    }
}

#endif
