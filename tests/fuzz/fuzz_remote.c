/* tests/fuzz/fuzz_remote.c: RDP, remote tools, AMT redirection, Wake-on-LAN; see play.h. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct play_port ports[] = {{TRANSPORT_TCP, 3389}, {TRANSPORT_TCP, 50389}, {TRANSPORT_TCP, 2701},
                                             {TRANSPORT_TCP, 2702}, {TRANSPORT_TCP, 16994}, {TRANSPORT_UDP, 9}};
    play_input(data, size, ports, sizeof ports / sizeof ports[0]);
    return 0;
}
