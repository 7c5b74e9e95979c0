/* tests/fuzz/fuzz_tds.c: TDS, RDP, remote tools; see play.h. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct play_port ports[] = {{TRANSPORT_TCP, 1433}, {TRANSPORT_TCP, 3389}, {TRANSPORT_TCP, 2701}};
    play_input(data, size, ports, sizeof ports / sizeof ports[0]);
    return 0;
}
