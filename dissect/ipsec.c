/* dissect/ipsec.c: see ipsec.h. */
#include "dissect/ipsec.h"

#include <inttypes.h>
#include <stdio.h>

static void write_one(const struct ipsec_sa *sa, const struct sink *sink)
{
    char src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], spi[11];
    address_print(&sa->src, src);
    address_print(&sa->dst, dst);
    snprintf(spi, sizeof spi, "0x%08" PRIx32, sa->spi);
    struct ipsec_row row = ipsec_row_null();
    row.packet = sa->first.packet;
    row.time = moment_seconds(sa->first);
    row.protocol = text_of(ipsec_protocol_name(sa->protocol));
    row.udp = sa->udp;
    row.src = text_of(src);
    row.dst = text_of(dst);
    row.spi = text_of(spi);
    row.packets = (int64_t)sa->packets;
    row.bytes = (int64_t)sa->bytes;
    row.end = moment_seconds(sa->last);
    row.last_sequence = sa->last_sequence;
    if (sa->verdict != IPSEC_UNSURE)
        row.null_encryption = sa->verdict == IPSEC_READABLE;
    sink_append(sink, TABLE_ipsec, &row);
}

void ipsec_write(const struct ipsec *ipsec, const struct sink *sink)
{
    size_t count;
    const struct ipsec_sa *sas = ipsec_sas(ipsec, &count);
    for (size_t i = 0; i < count; i++)
        write_one(&sas[i], sink);
}
