/* capture/link_type.c: see link_type.h. */
#define _GNU_SOURCE /* the types that libpcap uses */
#include "capture/link_type.h"

#include <pcap/pcap.h>

#include "capture/order.h"

/* FCS length and class stand above the number (https://www.tcpdump.org/linktypes.html; libpcap, pcap-common.c). */
#define LINK_TYPE_MASK 0x03ffffffu
/* libpcap's MAXIMUM_SNAPLEN; D-Bus and USB have more, of which a view must be possible. */
#define LONGEST_PACKET 262144
#define LONGEST_MESSAGE ((uint32_t)INPUT_VIEW_MAX - 64)

/* Where the two differ: operating systems give these DLT_ values to different things. */
static const struct {
    uint32_t number;
    int link_type;
} differences[] = {
    {100, DLT_ATM_RFC1483}, {101, DLT_RAW}, {102, DLT_SLIP_BSDOS}, {103, DLT_PPP_BSDOS}, {106, DLT_ATM_CLIP},
};

int link_type_of_file(uint32_t number)
{
    number &= LINK_TYPE_MASK;
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        if (differences[i].number == number)
            return differences[i].link_type;
    }
    return (int)number;
}

uint32_t link_type_longest(int link_type)
{
    static const int long_ones[] = {DLT_DBUS, DLT_USB_LINUX, DLT_USB_LINUX_MMAPPED, DLT_USBPCAP, DLT_USB_DARWIN};
    for (size_t i = 0; i < sizeof long_ones / sizeof long_ones[0]; i++) {
        if (long_ones[i] == link_type)
            return LONGEST_MESSAGE;
    }
    return LONGEST_PACKET;
}

const char *link_type_name(int link_type)
{
    const char *name = pcap_datalink_val_to_name(link_type);
    return name == NULL ? "unknown" : name;
}

/* Family 1, version 1, resource 2 (network order); then attributes: length 2, type 2 (order of the host), value, up to a
 * multiple of 4. */
void link_type_to_little(int link_type, struct input *input, struct cursor packet)
{
    if (link_type != DLT_NFLOG || !cursor_skip(&packet, 4))
        return;
    for (;;) { /* each attribute takes at least four bytes */
        struct cursor place = packet;
        uint16_t length, type;
        if (!cursor_be16(&packet, &length) || !cursor_be16(&packet, &type) || length < 4)
            return;
        input_swap16(input, place.at);
        input_swap16(input, place.at + 2);
        if (!cursor_skip(&packet, ((size_t)length + 3) / 4 * 4 - 4))
            return;
    }
}
