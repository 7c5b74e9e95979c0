/* tests/fuzz/fuzz_tls.c: any events of flows with TLS in them, and the key log that opens it.
 *
 *   u16 length (big endian) of a key log, that text; then events (play.h)
 */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size), keylog;
    uint16_t length;
    if (!cursor_be16(&input, &length) || !cursor_take(&input, length < input.left ? length : input.left, &keylog))
        return 0;
    struct store *store = store_new();
    struct dissect *dissect = play_begin(store, NEED_EVERYTHING | NEED_TLS);
    dissect_take_secrets(dissect, text_from(keylog));
    play_all(dissect, TRANSPORT_TCP, 443, input);
    if (dissect->counts.tls_hidden > dissect->counts.tls_flows)
        abort();
    play_end(dissect, store);
    return 0;
}
