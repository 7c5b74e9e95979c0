/* tests/fuzz/fuzz_dhcp.c: datagrams: DHCP, TFTP, BINL, SSRP, Wake-on-LAN; see play.h. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct play_port ports[] = {
        {TRANSPORT_UDP, 67}, {TRANSPORT_UDP, 4011}, {TRANSPORT_UDP, 69}, {TRANSPORT_UDP, 1434}, {TRANSPORT_UDP, 9}};
    play_input(data, size, ports, sizeof ports / sizeof ports[0]);
    return 0;
}
