/* dissect/tls.c: TLS is recognised, so that hidden traffic is counted as hidden; its handshake is not read yet.
 *
 *   record: u8 type (20 change cipher spec, 21 alert, 22 handshake, 23 application data), u16 version (0x0300 SSL
 * 3.0 ...
 *   0x0304), u16 length                                                                         (RFC 8446 section 5.1)
 */
#include "dissect/dissector.h"

#define TLS_RECORD_MAX (16384 + 2048) /* RFC 5246 section 6.2.3 */

enum { TLS_HANDSHAKE = 22, TLS_CLIENT_HELLO = 1, TLS_SERVER_HELLO = 2 };

static enum recognition tls_recognise(struct cursor first, const struct flow *flow)
{
    (void)flow;
    uint8_t type, handshake;
    uint16_t version, length;
    if (!cursor_u8(&first, &type))
        return RECOGNISED_MAYBE;
    if (type < 20 || type > 23)
        return RECOGNISED_NOT;
    if (!cursor_be16(&first, &version) || !cursor_be16(&first, &length))
        return RECOGNISED_MAYBE;
    if (version < 0x0300 || version > 0x0304 || length == 0 || length > TLS_RECORD_MAX)
        return RECOGNISED_NOT;
    if (type != TLS_HANDSHAKE)
        return RECOGNISED_CLIENT; /* met in the middle: which side asks cannot be told, nor does it matter */
    if (!cursor_u8(&first, &handshake))
        return RECOGNISED_MAYBE;
    if (handshake == TLS_CLIENT_HELLO)
        return RECOGNISED_CLIENT;
    return handshake == TLS_SERVER_HELLO ? RECOGNISED_SERVER : RECOGNISED_NOT;
}

static void *tls_open(struct layer *layer, enum direction client)
{
    (void)client;
    return layer;
}

static void tls_data(void *state, enum direction direction, struct cursor bytes, struct moment moment)
{
    (void)state, (void)direction, (void)bytes, (void)moment;
}

static void tls_gap(void *state, enum direction direction, uint64_t bytes, struct moment moment)
{
    (void)state, (void)direction, (void)bytes, (void)moment;
}

static void tls_close(void *state)
{
    (void)state;
}

const struct dissector tls_dissector = {
    .name = "tls",
    .encrypted = true,
    .recognise = tls_recognise,
    .open = tls_open,
    .data = tls_data,
    .gap = tls_gap,
    .close = tls_close,
};
