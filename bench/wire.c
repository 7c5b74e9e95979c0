/* bench/wire.c: see wire.h. */
#include "bench/wire.h"

#include <string.h>

#include "bench/bytes.h"

#define WRITE_BUFFER ((size_t)4 << 20)
#define ETHERNET_HEAD 14
#define IP_HEAD 20
#define TCP_HEAD 20
#define UDP_HEAD 8
#define IP_TCP 6
#define IP_UDP 17

/* RFC 1071: ones' complement sum of 16-bit words. */
static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t length)
{
    size_t i = 0;
    for (; i + 1 < length; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    return i < length ? sum + (uint32_t)(bytes[i] << 8) : sum;
}

static uint16_t sum_fold(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Everything before TCP or UDP; `length` is that of the IP payload. */
static uint8_t *put_ip(struct frame *frame, struct ends *ends, enum side sender, uint8_t protocol, size_t length)
{
    static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
    enum side receiver = side_other(sender);
    uint8_t *ethernet = frame->bytes, *ip = ethernet + ETHERNET_HEAD;
    frame->length = ETHERNET_HEAD + IP_HEAD + length;
    memcpy(ethernet, macs[receiver], 6);
    memcpy(ethernet + 6, macs[sender], 6);
    set_be(ethernet + 12, 0x0800, 2);
    set_be(ip, 0x4500, 2);
    set_be(ip + 2, IP_HEAD + length, 2);
    set_be(ip + 4, ends->ip_id[sender]++, 2);
    set_be(ip + 6, 0x4000, 2); /* do not fragment */
    ip[8] = 64;
    ip[9] = protocol;
    set_be(ip + 10, 0, 2);
    set_be(ip + 12, ends->address[sender], 4);
    set_be(ip + 16, ends->address[receiver], 4);
    set_be(ip + 10, sum_fold(sum_add(0, ip, IP_HEAD)), 2);
    return ip + IP_HEAD;
}

/* Checksum of TCP or UDP with its pseudo header (RFC 9293 section 3.1). */
static uint16_t checksum(const uint8_t *segment, size_t length, uint8_t protocol)
{
    uint32_t sum = sum_add((uint32_t)length + protocol, segment - 8, 8);
    return sum_fold(sum_add(sum, segment, length));
}

void frame_tcp(struct frame *frame, struct ends *ends, enum side sender, unsigned flags, struct cursor data)
{
    /* Maximum segment size 1460, window scale 8, selective acknowledgement. */
    static const uint8_t syn_options[12] = {2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2};
    enum side receiver = side_other(sender);
    size_t options = flags & TCP_SYN ? sizeof syn_options : 0, length = TCP_HEAD + options + data.left;
    uint8_t *tcp = put_ip(frame, ends, sender, IP_TCP, length);
    set_be(tcp, ends->port[sender], 2);
    set_be(tcp + 2, ends->port[receiver], 2);
    set_be(tcp + 4, ends->sequence[sender], 4);
    set_be(tcp + 8, flags & TCP_ACK ? ends->sequence[receiver] : 0, 4);
    tcp[12] = (uint8_t)((TCP_HEAD + options) / 4 << 4);
    tcp[13] = (uint8_t)flags;
    set_be(tcp + 14, 64240, 2);
    set_be(tcp + 16, 0, 4); /* checksum, urgent pointer */
    memcpy(tcp + TCP_HEAD, syn_options, options);
    if (data.left > 0)
        memcpy(tcp + TCP_HEAD + options, data.at, data.left);
    set_be(tcp + 16, checksum(tcp, length, IP_TCP), 2);
    ends->sequence[sender] += (uint32_t)data.left + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
}

void frame_udp(struct frame *frame, struct ends *ends, enum side sender, struct cursor data)
{
    size_t length = UDP_HEAD + data.left;
    uint8_t *udp = put_ip(frame, ends, sender, IP_UDP, length);
    set_be(udp, ends->port[sender], 2);
    set_be(udp + 2, ends->port[side_other(sender)], 2);
    set_be(udp + 4, length, 2);
    set_be(udp + 6, 0, 2);
    memcpy(udp + UDP_HEAD, data.at, data.left);
    set_be(udp + 6, checksum(udp, length, IP_UDP), 2);
}

static void wire_write(struct wire *wire, const void *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, wire->file) != length)
        die("cannot write the capture", NULL);
    wire->bytes += length;
}

void wire_open(struct wire *wire, const char *path, struct dice *dice, unsigned pace)
{
    /* pcap: magic, version 2.4, time zone, accuracy, snapshot length, Ethernet. In the order of this machine. */
    const uint32_t head[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1};
    *wire = (struct wire){.file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb"), .dice = dice, .pace = pace};
    if (wire->file == NULL)
        die("cannot create", path);
    setvbuf(wire->file, NULL, _IOFBF, WRITE_BUFFER);
    wire_write(wire, head, sizeof head);
}

void wire_close(struct wire *wire)
{
    if (fclose(wire->file) != 0)
        die("cannot write the capture", NULL);
}

void wire_emit(struct wire *wire, const struct frame *frame)
{
    const uint32_t head[4] = {(uint32_t)(wire->microseconds / 1000000), (uint32_t)(wire->microseconds % 1000000),
                              (uint32_t)frame->length, (uint32_t)frame->length};
    wire_write(wire, head, sizeof head);
    wire_write(wire, frame->bytes, frame->length);
    wire->packets++;
    wire->microseconds += dice_between(wire->dice, 1, wire->pace);
}
