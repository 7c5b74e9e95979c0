/* tests/fuzz/fuzz_kdc.c: Kerberos with a key distribution centre, and tokens in DNS; see play.h. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct play_port ports[] = {
        {TRANSPORT_TCP, 88}, {TRANSPORT_UDP, 88}, {TRANSPORT_TCP, 53}, {TRANSPORT_UDP, 53}};
    play_input(data, size, ports, sizeof ports / sizeof ports[0]);
    return 0;
}
