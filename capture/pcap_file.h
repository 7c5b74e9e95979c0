/* capture/pcap_file.h: the classic capture file: a header, then packets. All variants that libpcap reads.
 *
 *   magic 4 | major 2 | minor 2 | zone 4 | accuracy 4 | snapshot length 4 | link type 4        in either byte order
 *   seconds 4 | fraction 4 | captured 4 | on the wire 4 | [8 more, in one variant] | bytes     for each packet
 *
 * (https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/; for the variants libpcap's sf-pcap.c)
 */
#ifndef CMSCOPE_CAPTURE_PCAP_FILE_H
#define CMSCOPE_CAPTURE_PCAP_FILE_H

#include "capture/input.h"
#include "capture/packet.h"

struct pcap_file {
    struct input *input;
    bool big;               /* byte order */
    bool always, sometimes; /* versions up to 2.2 have the two lengths the other way round, 2.3 perhaps */
    size_t header;          /* bytes before those of a packet */
    uint32_t fraction_ns;   /* what a fraction of a second counts */
    uint32_t snap_length;
    int link_type;
};

bool pcap_file_recognise(struct cursor head);

/* Tells whether a whole file header of version 2 starts here: more than the magic number, for the middle of a file. */
bool pcap_file_starts(struct cursor head);

/* Reads the header. `input` stays the caller's. error->text is a reason, error->offset its place. */
MUST_USE enum outcome pcap_file_open(struct pcap_file *file, struct input *input, struct error *error);

/* Sets all of *packet but moment.packet. OUTCOME_MORE: the end; error->text is empty, or says what is not whole.
 * OUTCOME_MALFORMED: damage, zeros or the header of another file at error->offset, which is that of the input. */
MUST_USE enum outcome pcap_file_next(struct pcap_file *file, struct packet *packet, struct error *error);

/* Is the next packet whole in the input's buffer? Then taking it leaves the bytes of those before where they are. */
bool pcap_file_ready(const struct pcap_file *file);

#endif
