/* tests/fuzz/fuzz_decode.c: any packets through link layer, IP, fragments and TCP to streams.
 *
 *   u8 link layer (index into LINKS); then again and again: u8 bytes missing at the end of the packet, u8 tenths of a
 *   second since the one before, u16 captured length (big endian), that many bytes
 */
#include <pcap/dlt.h>
#include <stdlib.h>

#include "capture/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int LINKS[] = {DLT_EN10MB,
                            DLT_RAW,
                            DLT_NULL,
                            DLT_LINUX_SLL,
                            DLT_LINUX_SLL2,
                            DLT_LOOP,
                            DLT_PPP,
                            DLT_IPV4,
                            DLT_IPV6,
                            DLT_PPP_SERIAL,
                            DLT_NFLOG,
                            DLT_PPP_ETHER,
                            DLT_IEEE802_11,
                            DLT_IEEE802_11_RADIO,
                            DLT_IEEE802_11_RADIO_AVS,
                            DLT_PRISM_HEADER,
                            DLT_PPI,
                            DLT_ERF,
                            258, /* LINKTYPE_PKTAP */
                            252 /* LINKTYPE_WIRESHARK_UPPER_PDU */};

struct totals {
    uint64_t flows, closed, bytes, gaps, missing, refused;
    unsigned sum; /* of all bytes: so that they are read */
};

static void on_opened(void *context, struct flow *flow)
{
    ((struct totals *)context)->flows++;
    flow->user = context;
}

static void on_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                    struct moment moment)
{
    struct totals *totals = context;
    if (flow->user != context || direction > DIRECTION_IN || moment.packet < 1 || bytes.left == 0)
        abort();
    totals->bytes += bytes.left;
    for (size_t i = 0; i < bytes.left; i++)
        totals->sum += bytes.at[i];
}

static void on_gap(void *context, struct flow *flow, enum direction direction, uint64_t bytes, struct moment moment)
{
    if (flow->user != context || direction > DIRECTION_IN || moment.packet < 1 || bytes == 0)
        abort();
    ((struct totals *)context)->gaps++;
    ((struct totals *)context)->missing += bytes;
}

static void on_ended(void *context, struct flow *flow, enum direction direction, struct moment moment)
{
    if (flow->user != context || direction > DIRECTION_IN || moment.packet < 1)
        abort();
}

static void on_closed(void *context, struct flow *flow)
{
    if (flow->user != context)
        abort();
    ((struct totals *)context)->closed++;
}

static void on_datagram(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                        struct moment moment)
{
    struct totals *totals = context;
    if (flow->user != context || direction > DIRECTION_IN || moment.packet < 1)
        abort();
    for (size_t i = 0; i < bytes.left; i++)
        totals->sum += bytes.at[i];
}

static void on_refused(void *context, const struct refusal *refusal)
{
    if (refusal->flow != NULL && refusal->flow->user != context)
        abort();
    ((struct totals *)context)->refused++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size);
    struct totals totals = {0};
    struct flow_events events = {.context = &totals,
                                 .opened = on_opened,
                                 .data = on_data,
                                 .gap = on_gap,
                                 .ended = on_ended,
                                 .closed = on_closed,
                                 .datagram = on_datagram,
                                 .refused = on_refused};
    struct tracker_limits limits = {
        .flows = 8, .waiting_bytes = 4096, .waiting_total = 16384}; /* small: they are met */
    struct decoder *decoder = decoder_new();
    struct tracker *tracker = tracker_new(&limits, &events);
    uint8_t link, missing, tenths;
    uint16_t length;
    if (decoder == NULL || tracker == NULL)
        abort();
    if (!cursor_u8(&input, &link))
        link = 0;
    struct packet packet = {.moment = {.time_ns = 1700000000000000000},
                            .link_type = LINKS[link % (sizeof LINKS / sizeof LINKS[0])]};
    while (cursor_u8(&input, &missing) && cursor_u8(&input, &tenths) && cursor_be16(&input, &length)) {
        struct segment segment;
        if (!cursor_take(&input, length < input.left ? length : input.left, &packet.bytes))
            break;
        packet.wire_length = (uint32_t)packet.bytes.left + missing;
        packet.moment.packet++;
        packet.moment.time_ns += tenths * INT64_C(100000000);
        if (decoded_has_flow(decoder_packet(decoder, &packet, &segment)))
            tracker_segment(tracker, &segment, packet.moment);
    }
    tracker_finish(tracker);
    struct tracker_counts counts = tracker_counts(tracker);
    if (totals.flows != totals.closed || counts.flows != totals.flows || counts.missing != totals.missing ||
        counts.refused != totals.refused ||
        counts.gaps > totals.gaps) /* a hole that grows is reported again, but counted once */
        abort();
    tracker_free(tracker);
    decoder_free(decoder);
    return 0;
}
