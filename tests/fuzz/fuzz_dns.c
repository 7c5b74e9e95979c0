/* tests/fuzz/fuzz_dns.c: questions for names: DNS, NBNS, LLMNR, mDNS; see play.h. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct play_port ports[] = {
        {TRANSPORT_UDP, 53}, {TRANSPORT_UDP, 137}, {TRANSPORT_UDP, 5353}, {TRANSPORT_UDP, 5355}, {TRANSPORT_TCP, 53}};
    play_input(data, size, ports, sizeof ports / sizeof ports[0]);
    return 0;
}
