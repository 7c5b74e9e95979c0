/* tests/fuzz/fuzz_rpc.c: any bytes as the two streams of a DCE/RPC connection, with gaps; see streams.h. */
#include "tests/fuzz/streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    streams_play(data, size, 135);
    return 0;
}
