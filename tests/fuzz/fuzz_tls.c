/* tests/fuzz/fuzz_tls.c: any events of flows with TLS in them, and the key log that opens it.
 *
 *   u16 length (big endian) of a key log, that text; then events (play.h)
 */
#include "dissect/tls_internal.h"
#include "records/store.h"
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size), keylog;
    uint16_t length;
    if (!cursor_be16(&input, &length) || !cursor_take(&input, length < input.left ? length : input.left, &keylog))
        return 0;
    struct store *store = store_new();
    struct sink sink = store_sink(store);
    struct dissect *dissect = dissect_new(&sink, NEED_EVERYTHING | NEED_TLS);
    if (store == NULL || dissect == NULL)
        abort();
    static struct tls_crypto *crypto; /* takes long to set up, and does not change */
    dissect->tls->crypto = crypto = crypto == NULL ? tls_crypto_new() : crypto;
    dissect->tls->crypto_tried = true;
    dissect_take_secrets(dissect, text_from(keylog));
    play_all(dissect, TRANSPORT_TCP, 443, input);
    dissect_finish(dissect);
    if (dissect->counts.tls_hidden > dissect->counts.tls_flows)
        abort();
    dissect->tls->crypto = NULL;
    dissect_free(dissect);
    store_free(store);
    return 0;
}
