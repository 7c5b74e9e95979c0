/* tests/fuzz/fuzz_http.c: any events of flows (play.h), given to the dissectors. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store *store = store_new();
    struct dissect *dissect = play_begin(store, NEED_EVERYTHING | NEED_FIELD | NEED_HASH);
    play_all(dissect, TRANSPORT_TCP, 80, cursor_of(data, size));
    play_end(dissect, store);
    return 0;
}
