/* capture/pcapng.h: capture files made of blocks (draft-ietf-opsawg-pcapng), as Wireshark and dumpcap write them.
 *
 *   type 4 | length 4 | body, up to a multiple of 4 | length 4           in the byte order of the section
 *
 * A section header starts a section and tells its byte order. Interfaces are numbered in it from 0; each has its link
 * type, its snapshot length and its unit of time. Packets name their interface. Blocks that are not known are skipped.
 *
 * A file is followed as long as the lengths of its blocks are right. A packet block whose own contents are wrong, or
 * that names an interface which is not there, is counted and left out. libpcap is not used for it, because it
 * refuses files whose interfaces differ in link type or snapshot length.
 */
#ifndef CMSCOPE_CAPTURE_PCAPNG_H
#define CMSCOPE_CAPTURE_PCAPNG_H

#include "capture/input.h"
#include "capture/packet.h"
#include "capture/pcapng_extra.h"

/* Different link types that are remembered, to be told. */
#define PCAPNG_LINK_TYPES 8

struct pcapng_facts {
    uint64_t sections, interfaces; /* interfaces of all sections */
    int link_types[PCAPNG_LINK_TYPES];
    size_t link_type_count; /* more than PCAPNG_LINK_TYPES: those above are not kept */
    uint32_t snap_length;   /* the longest; 0: no limit, of an interface at least */
    uint64_t comments;      /* of packets */
    uint64_t timeless; /* packets whose time is zero, or in Simple Packet Blocks, which have none: that of the packet
                          before is used */
    uint64_t damaged;  /* packet blocks left out */
    uint64_t damaged_offset; /* of the first of them */
    uint64_t dropped;        /* packets that whoever captured says are missing */
    uint64_t late_secrets;   /* blocks of secrets that came after pcapng_look_ahead had failed */
};

struct pcapng;

bool pcapng_recognise(struct cursor head);
/* Tells whether a section header starts here: more than its type, for the middle of a file. */
bool pcapng_starts(struct cursor head);

/* Reads up to the first interface. `input` stays the caller's. error->text is a reason, error->offset its place. */
MUST_USE enum outcome pcapng_open(struct input *input, struct pcapng **pcapng, struct error *error);

/* Sets all of *packet but moment.packet. OUTCOME_MORE: the end; error->text is empty, or says what is not whole.
 * OUTCOME_MALFORMED, OUTCOME_UNSUPPORTED, OUTCOME_LIMIT, OUTCOME_SYSTEM: it cannot be followed beyond error->offset. */
MUST_USE enum outcome pcapng_next(struct pcapng *pcapng, struct packet *packet, struct error *error);

/* Takes all secrets that stand further on in the file: whoever writes them as they come to be (or puts files together)
 * puts them behind the packets that they open. Only the heads of blocks are read. False when the input cannot be read
 * twice; secrets then count from where they stand. */
bool pcapng_look_ahead(struct pcapng *pcapng);

const struct pcapng_facts *pcapng_facts(const struct pcapng *pcapng);
const struct pcapng_extra *pcapng_extra(const struct pcapng *pcapng);

void pcapng_close(struct pcapng *pcapng);

#endif
