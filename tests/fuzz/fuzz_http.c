/* tests/fuzz/fuzz_http.c: any events of flows (play.h), given to the dissectors. */
#include "records/store.h"
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store *store = store_new();
    struct sink sink = store_sink(store);
    struct dissect *dissect = dissect_new(&sink, NEED_EVERYTHING | NEED_FIELD | NEED_HASH);
    if (store == NULL || dissect == NULL)
        abort();
    play_all(dissect, TRANSPORT_TCP, 80, cursor_of(data, size));
    dissect_finish(dissect);
    dissect_free(dissect);
    store_free(store);
    return 0;
}
