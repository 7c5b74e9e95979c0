/* tests/fuzz/fuzz_ike.c: IKE on its port and behind the marker of NAT traversal; see play.h. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct play_port ports[] = {{TRANSPORT_UDP, 500}, {TRANSPORT_UDP, 4500}};
    play_input(data, size, ports, sizeof ports / sizeof ports[0]);
    return 0;
}
