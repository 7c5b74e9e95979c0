/* tests/fuzz/fuzz_tftp.c: TFTP on its port, and a transfer between high ports; see play.h. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct play_port ports[] = {{TRANSPORT_UDP, 69}, {TRANSPORT_UDP, 50069}};
    play_input(data, size, ports, sizeof ports / sizeof ports[0]);
    return 0;
}
