/* tests/fuzz/fuzz_spnego.c: any bytes as tokens of one authentication, as Kerberos messages and as headers of HTTP.
 *
 *   again and again: u16 length (big endian), that many bytes
 */
#include <stdlib.h>
#include <string.h>

#include "dissect/auth.h"
#include "dissect/internal.h"
#include "dissect/kerberos.h"
#include "tests/fuzz/streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(const struct auth_carrier *carrier, struct auth *auth, struct cursor token, struct moment moment)
{
    struct kerberos_message message;
    struct arena *arena = &carrier->conversation->dissect->scratch;
    uint8_t *copy = malloc(token.left + 1);
    if (copy == NULL)
        return;
    memcpy(copy, token.at, token.left);
    struct cursor exact = cursor_of(copy, token.left);
    arena_reset(arena);
    auth_token(auth, carrier, exact, moment);
    auth_http_header(auth, carrier, text_from(exact), moment);
    if (kerberos_recognise_message(exact) != RECOGNISED_NOT && kerberos_parse(exact, arena, &message) &&
        kerberos_type_name(message.type) == NULL)
        abort();
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size), token;
    struct fuzz *fuzz = fuzz_begin();
    struct flow flow = {.address = {{.version = 4}, {.version = 4}}, .port = {50000, 80}};
    struct flow_events events = dissect_events(fuzz->dissect);
    events.opened(events.context, &flow);
    struct auth_carrier carrier = {.conversation = flow.user, .name = "http", .client = DIRECTION_OUT};
    struct auth auth = AUTH_NEW;
    struct moment moment = {.packet = 1};
    uint16_t length;
    while (cursor_be16(&input, &length) && cursor_take(&input, length < input.left ? length : input.left, &token)) {
        moment.packet++;
        if (token.left > 0)
            take(&carrier, &auth, token, moment);
    }
    events.closed(events.context, &flow);
    fuzz_end(fuzz);
    return 0;
}
