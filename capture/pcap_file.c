/* capture/pcap_file.c: see pcap_file.h. */
#include "capture/pcap_file.h"

#include "capture/link_type.h"
#include "capture/order.h"

#define FILE_HEADER 24
#define PACKET_HEADER 16
/* Kuznetsov's libpcap for Linux 2.x wrote interface 4, protocol 2, kind 1, filler 1 behind the lengths. */
#define PATCHED_HEADER 24
#define SECOND_NS INT64_C(1000000000)

static const struct {
    uint32_t magic;
    uint32_t fraction_ns;
    size_t header;
} variants[] = {
    {0xa1b2c3d4, 1000, PACKET_HEADER},  /* microseconds */
    {0xa1b23c4d, 1, PACKET_HEADER},     /* nanoseconds */
    {0xa1b2cd34, 1000, PATCHED_HEADER}, /* Kuznetsov */
};

static bool find_variant(struct cursor head, bool big, size_t *which)
{
    uint32_t magic;
    if (!order_u32(&head, big, &magic))
        return false;
    for (*which = 0; *which < sizeof variants / sizeof variants[0]; ++*which) {
        if (variants[*which].magic == magic)
            return true;
    }
    return false;
}

bool pcap_file_recognise(struct cursor head)
{
    size_t which;
    return find_variant(head, false, &which) || find_variant(head, true, &which);
}

bool pcap_file_starts(struct cursor head)
{
    uint16_t major, minor;
    size_t which;
    bool big = find_variant(head, true, &which);
    if (!big && !find_variant(head, false, &which))
        return false;
    return cursor_skip(&head, 4) && order_u16(&head, big, &major) && order_u16(&head, big, &minor) && major == 2 &&
           minor <= 4;
}

/* 2.0 to 2.4, and 543.0, which tcpdump of DG/UX wrote. */
static enum outcome use_version(struct pcap_file *file, uint16_t major, uint16_t minor, struct error *error)
{
    bool dg_ux = major == 543 && minor == 0;
    if (!dg_ux && (major != 2 || minor > 4))
        return error_set(error, OUTCOME_MALFORMED, 4, "version %u.%u of the pcap format is not known", major, minor);
    file->always = dg_ux || minor < 3;
    file->sometimes = !dg_ux && minor == 3;
    return OUTCOME_OK;
}

enum outcome pcap_file_open(struct pcap_file *file, struct input *input, struct error *error)
{
    struct cursor head;
    size_t which;
    uint16_t major, minor;
    uint32_t link_type;
    *file = (struct pcap_file){.input = input};
    if (!input_view(input, FILE_HEADER, &head))
        return error_set(error, OUTCOME_MALFORMED, input_offset(input) + input_left(input),
                         "the file ends in its header");
    file->big = find_variant(head, true, &which);
    if ((!file->big && !find_variant(head, false, &which)) || !cursor_skip(&head, 4) ||
        !order_u16(&head, file->big, &major) || !order_u16(&head, file->big, &minor) || !cursor_skip(&head, 8) ||
        !order_u32(&head, file->big, &file->snap_length) || !order_u32(&head, file->big, &link_type))
        return error_set(error, OUTCOME_MALFORMED, 0, "unknown file format");
    file->header = variants[which].header;
    file->fraction_ns = variants[which].fraction_ns;
    file->link_type = link_type_of_file(link_type);
    input_consume(input, FILE_HEADER);
    return use_version(file, major, minor, error);
}

static enum outcome cut(const struct pcap_file *file, const char *what, struct error *error)
{
    size_t left = input_left(file->input);
    if (left == 0)
        return error_set(error, OUTCOME_MORE, 0, "%s", "");
    return error_set(error, OUTCOME_MORE, input_offset(file->input) + left, "the last packet's %s not whole", what);
}

static void exchange(uint32_t *a, uint32_t *b)
{
    uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

bool pcap_file_ready(const struct pcap_file *file)
{
    struct cursor bytes = input_there(file->input);
    uint32_t captured, wire;
    if (!cursor_skip(&bytes, 8) || !order_u32(&bytes, file->big, &captured) || !order_u32(&bytes, file->big, &wire))
        return false;
    size_t longer = file->always || (file->sometimes && captured > wire) ? wire : captured;
    if (longer == 0 || longer > link_type_longest(file->link_type)) /* perhaps no packet: see pcap_file_next */
        return false;
    return bytes.left >= file->header - PACKET_HEADER && bytes.left - (file->header - PACKET_HEADER) >= longer;
}

/* A header without bytes that is zeros (the file was preallocated, or a crash left it), or that starts another file:
 * there, the zone and the accuracy of time, which are zero, take the place of the two lengths. */
static bool is_no_packet(struct cursor head)
{
    static const uint8_t zeros[PACKET_HEADER];
    return cursor_starts(head, zeros, sizeof zeros) || pcap_file_starts(head);
}

enum outcome pcap_file_next(struct pcap_file *file, struct packet *packet, struct error *error)
{
    struct cursor bytes;
    uint32_t seconds, fraction, captured, wire;
    if (!input_view(file->input, file->header, &bytes))
        return cut(file, "header is", error);
    struct cursor head = bytes;
    if (!order_u32(&bytes, file->big, &seconds) || !order_u32(&bytes, file->big, &fraction) ||
        !order_u32(&bytes, file->big, &captured) || !order_u32(&bytes, file->big, &wire))
        return error_set(error, OUTCOME_MALFORMED, input_offset(file->input), "a packet's header");
    if (file->always || (file->sometimes && captured > wire))
        exchange(&captured, &wire);
    if (captured == 0 && wire == 0 && is_no_packet(head))
        return error_set(error, OUTCOME_MALFORMED, input_offset(file->input), "no packet starts here");
    if (captured > link_type_longest(file->link_type))
        return error_set(error, OUTCOME_MALFORMED, input_offset(file->input), "a packet of %lu bytes",
                         (unsigned long)captured);
    if (!input_view(file->input, file->header + captured, &bytes) || !cursor_skip(&bytes, file->header))
        return cut(file, "bytes are", error);
    input_consume(file->input, file->header + captured);
    if (file->big)
        link_type_to_little(file->link_type, file->input, bytes);
    *packet = (struct packet){
        .moment.time_ns = (int64_t)seconds * SECOND_NS + (int64_t)fraction * file->fraction_ns,
        .link_type = file->link_type,
        .wire_length = wire < captured ? captured : wire,
        .bytes = bytes,
    };
    return OUTCOME_OK;
}
