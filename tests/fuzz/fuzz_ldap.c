/* tests/fuzz/fuzz_ldap.c: LDAP, and CLDAP; see play.h. */
#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct play_port ports[] = {{TRANSPORT_TCP, 389}, {TRANSPORT_UDP, 389}};
    play_input(data, size, ports, sizeof ports / sizeof ports[0]);
    return 0;
}
