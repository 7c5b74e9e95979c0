/* tests/fuzz/fuzz_smb.c: any bytes as the two streams of an SMB connection, with gaps; see streams.h. */
#include "tests/fuzz/streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    streams_play(data, size, 445);
    return 0;
}
