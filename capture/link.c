/* capture/link.c: link layers. See link.h.
 *
 *      link type --LINKS--> layer --LAYERS, ETHERTYPES--> layer --> ... --> LAYER_IP
 *
 * The walk has no limit but the packet: layers that may follow each other again take at least two bytes each time.
 */
#include "capture/link.h"

#include <limits.h>
#include <pcap/dlt.h>

#include "capture/decode.h"
#include "capture/wireless.h"

#define LINK_PKTAP 258               /* LINKTYPE_PKTAP; DLT_PKTAP is another number on macOS */
#define ETHERTYPE_LENGTH_LAST 0x05dc /* up to here it is a length, IEEE 802.3 */

/* What an Ethernet type says: bytes to skip, and what comes then. */
static const struct ethertype {
    uint16_t type;
    uint8_t skip;
    uint8_t next;   /* enum layer */
    uint8_t unread; /* enum unread: why it is not read, for those that hide IP */
} ETHERTYPES[] = {
    {0x0800, 0, LAYER_IP, UNREAD_NONE},       /* IPv4 */
    {0x86dd, 0, LAYER_IP, UNREAD_NONE},       /* IPv6 */
    {0x8100, 2, LAYER_TYPE, UNREAD_NONE},     /* 802.1Q */
    {0x88a8, 2, LAYER_TYPE, UNREAD_NONE},     /* 802.1ad */
    {0x9100, 2, LAYER_TYPE, UNREAD_NONE},     /* before 802.1ad: several vendors */
    {0x9200, 2, LAYER_TYPE, UNREAD_NONE},     /* the same */
    {0x8926, 4, LAYER_TYPE, UNREAD_NONE},     /* VN-Tag */
    {0x8909, 6, LAYER_TYPE, UNREAD_NONE},     /* Cisco MetaData */
    {0x892f, 4, LAYER_TYPE, UNREAD_NONE},     /* HSR, IEC 62439-3 */
    {0x893f, 6, LAYER_TYPE, UNREAD_NONE},     /* E-TAG, 802.1BR */
    {0x8903, 2, LAYER_ETHERNET, UNREAD_NONE}, /* FabricPath: tree and time to live */
    {0x22f3, 0, LAYER_TRILL, UNREAD_NONE},    /* RFC 6325 */
    {0x88e7, 4, LAYER_ETHERNET, UNREAD_NONE}, /* 802.1ah: service tag, then the customer's frame */
    {0x6558, 0, LAYER_ETHERNET, UNREAD_NONE}, /* transparent Ethernet bridging, in tunnels */
    {0x8847, 0, LAYER_MPLS, UNREAD_NONE},     /* RFC 5332 */
    {0x8848, 0, LAYER_MPLS, UNREAD_NONE},     /* multicast */
    {0x8864, 0, LAYER_PPPOE, UNREAD_NONE},    /* the session; 0x8863, discovery, carries no IP */
    {0x880b, 0, LAYER_PPP, UNREAD_NONE},      /* in GRE, RFC 2637 */
    {0x88e5, 0, LAYER_IP, UNREAD_MACSEC},     /* 802.1AE */
    {0x894f, 0, LAYER_IP, UNREAD_NSH},        /* RFC 8300 */
};

/* Types that carry no IP packets: they say nothing that is asked of a capture. What is neither here nor above may carry
 * them, and is counted as not read. Sources: IEEE 802 Numbers (IANA), IEEE Registration Authority. */
static const uint16_t WITHOUT_IP[] = {
    0x0600, 0x0601, 0x0806, 0x0842, 0x0bad, 0x2000, 0x22ea, 0x22f0, 0x22f4, 0x6000, 0x6001, 0x6002, 0x6003, 0x6004,
    0x6005, 0x6006, 0x6007, 0x8035, 0x809b, 0x80f3, 0x8137, 0x8138, 0x8204, 0x8808, 0x8809, 0x880c, 0x8819, 0x8863,
    0x886d, 0x8870, 0x8874, 0x887b, 0x888e, 0x8892, 0x8899, 0x88a2, 0x88a4, 0x88a7, 0x88ab, 0x88b8, 0x88b9, 0x88ba,
    0x88bb, 0x88c7, 0x88ca, 0x88cc, 0x88cd, 0x88d9, 0x88dc, 0x88e1, 0x88e3, 0x88ee, 0x88f5, 0x88f6, 0x88f7, 0x88f8,
    0x88fb, 0x8902, 0x8906, 0x890d, 0x8912, 0x8914, 0x8917, 0x8929, 0x893a, 0x893b, 0x8940, 0x9000, 0xfefe,
};
/* Of IEEE 802.2: addresses of services that carry no IP: null, management, SNA, spanning tree, PROWAY, XNS, BACnet,
 * Banyan, NetWare, IBM's NetBIOS and LAN management, OSI. */
static const uint8_t SERVICES_WITHOUT_IP[] = {0x00, 0x02, 0x03, 0x04, 0x05, 0x08, 0x0c, 0x0e, 0x10,
                                              0x42, 0x4e, 0x7e, 0x80, 0x82, 0x8e, 0xbc, 0xd4, 0xdc,
                                              0xe0, 0xec, 0xf0, 0xf4, 0xf5, 0xf8, 0xfc, 0xfe, 0xff};
/* Of SNAP: organisations whose protocols carry no IP: Cisco (CDP, VTP, DTP, PVST), Cisco Aironet, Extreme (EDP), Apple
 * (AppleTalk). */
static const uint8_t ORGANISATIONS_WITHOUT_IP[][3] = {{0, 0, 0x0c}, {0, 0x40, 0x96}, {0, 0xe0, 0x2b}, {8, 0, 7}};

enum ppp_protocol {
    PPP_IPV4 = 0x0021,
    PPP_OSI = 0x0023,
    PPP_XNS = 0x0025,
    PPP_DECNET = 0x0027,
    PPP_APPLETALK = 0x0029,
    PPP_IPX = 0x002b,
    PPP_VJ_COMPRESSED = 0x002d,
    PPP_VJ = 0x002f,
    PPP_MULTILINK = 0x003d,
    PPP_NETBIOS = 0x003f,
    PPP_ENCRYPTED = 0x0053,
    PPP_IPV6 = 0x0057,
    PPP_LINK_COMPRESSED = 0x00fb,
    PPP_COMPRESSED = 0x00fd,
    PPP_MPLS = 0x0281,
    PPP_MPLS_MULTICAST = 0x0283,
    PPP_CONTROL = 0x8000 /* from here on: protocols that set up the others (RFC 1661, section 2) */
};

/* Values of AF_INET6 on Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS: a capture may come from any of them. */
enum family {
    FAMILY_IPV4 = 2,
    FAMILY_IPV6_LINUX = 10,
    FAMILY_IPV6_WINDOWS = 23,
    FAMILY_IPV6_NETBSD = 24,
    FAMILY_IPV6_FREEBSD = 28,
    FAMILY_IPV6_MACOS = 30
};

/* ---- layers: each takes its header off, and says what comes next ---- */

static enum outcome ethernet(struct walk *walk)
{
    walk->next = LAYER_TYPE;
    return frame_skip(walk->frame, 12); /* two addresses */
}

static enum outcome type(struct walk *walk)
{
    walk->next = LAYER_ETHERTYPE;
    return frame_be16(walk->frame, &walk->type);
}

static enum outcome ethertype(struct walk *walk)
{
    walk->next = LAYER_LLC;
    if (walk->type <= ETHERTYPE_LENGTH_LAST)
        return OUTCOME_OK;
    for (size_t i = 0; i < sizeof ETHERTYPES / sizeof ETHERTYPES[0]; i++) {
        const struct ethertype *row = &ETHERTYPES[i];
        if (row->type != walk->type)
            continue;
        walk->next = row->next;
        return row->unread == UNREAD_NONE ? frame_skip(walk->frame, row->skip)
                                          : frame_give_up(walk->frame, row->unread);
    }
    if (link_type_without_ip(walk->type))
        return OUTCOME_UNSUPPORTED;
    walk->frame->type = walk->type;
    return frame_give_up(walk->frame, UNREAD_ETHERTYPE);
}

bool link_type_without_ip(uint16_t type)
{
    for (size_t i = 0; i < sizeof WITHOUT_IP / sizeof WITHOUT_IP[0]; i++) {
        if (WITHOUT_IP[i] == type)
            return true;
    }
    return false;
}

/* RFC 6325, section 3.1: version 2 bits, reserved 2, multicast 1, length of the options in words 5, hops 6; names of two
 * bridges 2 each; options; then an Ethernet frame. */
static enum outcome trill(struct walk *walk)
{
    uint16_t first;
    enum outcome outcome = frame_be16(walk->frame, &first);
    walk->next = LAYER_ETHERNET;
    return outcome == OUTCOME_OK ? frame_skip(walk->frame, 4u + 4u * (first >> 6 & 0x1fu)) : outcome;
}

/* IEEE 802.2 without SNAP: the service is known to carry no IP, or not known. The lowest bit of the address says that it
 * is a group's. */
static enum outcome service(struct frame *frame)
{
    uint8_t address;
    enum outcome outcome = frame_peek(frame, &address);
    for (size_t i = 0; outcome == OUTCOME_OK && i < sizeof SERVICES_WITHOUT_IP; i++) {
        if (SERVICES_WITHOUT_IP[i] == address)
            return OUTCOME_UNSUPPORTED;
    }
    return outcome == OUTCOME_OK ? frame_give_up(frame, UNREAD_LLC) : outcome;
}

/* SNAP with the protocols of an organisation; that of 802.1 bridges Ethernet (RFC 2684, section 5.2: 1 and 7, with two
 * bytes of padding), and says 14 for spanning tree. */
static enum outcome organisation(struct walk *walk, struct cursor header)
{
    enum { WITH_CHECK = 1, WITHOUT_CHECK = 7, SPANNING_TREE = 14 };
    static const uint8_t bridges[] = {0, 0x80, 0xc2};
    uint16_t protocol;
    if (!cursor_skip(&header, 3))
        return OUTCOME_MALFORMED;
    for (size_t i = 0; i < sizeof ORGANISATIONS_WITHOUT_IP / sizeof ORGANISATIONS_WITHOUT_IP[0]; i++) {
        if (cursor_starts(header, ORGANISATIONS_WITHOUT_IP[i], 3))
            return OUTCOME_UNSUPPORTED;
    }
    enum outcome outcome = frame_be16(walk->frame, &protocol);
    if (outcome != OUTCOME_OK)
        return outcome;
    bool bridged = cursor_starts(header, bridges, sizeof bridges);
    walk->next = LAYER_ETHERNET;
    if (bridged && (protocol == WITH_CHECK || protocol == WITHOUT_CHECK))
        return frame_skip(walk->frame, 2);
    return bridged && protocol == SPANNING_TREE ? OUTCOME_UNSUPPORTED : frame_give_up(walk->frame, UNREAD_LLC);
}

/* IEEE 802.2 with SNAP and an Ethernet type (RFC 1042; 00 00 F8: 802.1H): AA AA 03 00 00 00 type. Or IP at once: 06 06
 * 03. */
static enum outcome llc(struct walk *walk)
{
    static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0, 0, 0}, bridged[] = {0xaa, 0xaa, 0x03, 0, 0, 0xf8};
    static const uint8_t ip[] = {0x06, 0x06, 0x03};
    struct cursor header;
    if (walk->frame->wire < sizeof ip)
        return OUTCOME_UNSUPPORTED;
    walk->next = LAYER_IP;
    if (cursor_starts(walk->frame->bytes, ip, sizeof ip))
        return frame_skip(walk->frame, sizeof ip);
    if (!cursor_starts(walk->frame->bytes, snap, 2) && walk->frame->bytes.left >= sizeof ip)
        return service(walk->frame);
    enum outcome outcome = frame_take(walk->frame, sizeof snap, &header);
    if (outcome != OUTCOME_OK)
        return outcome;
    walk->next = LAYER_TYPE;
    return cursor_starts(header, snap, sizeof snap) || cursor_starts(header, bridged, sizeof bridged)
               ? OUTCOME_OK
               : organisation(walk, header);
}

/* RFC 1661, section 6.5: a protocol below 256 may be one byte long; it is odd, and the first byte of two is even. */
static enum outcome ppp_protocol(struct frame *frame, uint16_t *protocol)
{
    uint8_t first;
    enum outcome outcome = frame_peek(frame, &first);
    if (outcome != OUTCOME_OK || (first & 1) == 0)
        return outcome == OUTCOME_OK ? frame_be16(frame, protocol) : outcome;
    *protocol = first;
    return frame_skip(frame, 1);
}

/* RFC 1661, with or without address and control (FF 03, RFC 1662); or Cisco's HDLC (0F 00, 8F 00), with an Ethernet
 * type. */
static enum outcome ppp(struct walk *walk)
{
    static const uint8_t address_control[] = {0xff, 0x03}, unicast[] = {0x0f, 0}, multicast[] = {0x8f, 0};
    struct frame *frame = walk->frame;
    uint16_t protocol;
    if (frame->bytes.left < 2 && frame->wire >= 2)
        return OUTCOME_MORE;
    if (cursor_starts(frame->bytes, unicast, 2) || cursor_starts(frame->bytes, multicast, 2)) {
        walk->next = LAYER_TYPE;
        return frame_skip(frame, 2);
    }
    if (cursor_starts(frame->bytes, address_control, sizeof address_control)) {
        enum outcome outcome = frame_skip(frame, sizeof address_control);
        if (outcome != OUTCOME_OK)
            return outcome;
    }
    enum outcome outcome = ppp_protocol(frame, &protocol);
    if (outcome != OUTCOME_OK)
        return outcome;
    switch (protocol) {
    case PPP_IPV4:
    case PPP_IPV6:
        walk->next = LAYER_IP;
        return OUTCOME_OK;
    case PPP_MPLS:
    case PPP_MPLS_MULTICAST:
        walk->next = LAYER_MPLS;
        return OUTCOME_OK;
    case PPP_VJ_COMPRESSED:
    case PPP_VJ:
    case PPP_MULTILINK:
    case PPP_ENCRYPTED:
    case PPP_LINK_COMPRESSED:
    case PPP_COMPRESSED:
        return frame_give_up(frame, UNREAD_PPP_HIDDEN);
    case PPP_OSI:
    case PPP_XNS:
    case PPP_DECNET:
    case PPP_APPLETALK:
    case PPP_IPX:
    case PPP_NETBIOS:
        return OUTCOME_UNSUPPORTED;
    default:
        return protocol >= PPP_CONTROL ? OUTCOME_UNSUPPORTED : frame_give_up(frame, UNREAD_PPP);
    }
}

/* RFC 2516: version and type (1, 1), code (0: data), session 2, length 2; then PPP without address and control. */
static enum outcome pppoe(struct walk *walk)
{
    struct cursor header;
    uint8_t version_type, code;
    uint16_t session, length;
    enum outcome outcome = frame_take(walk->frame, 6, &header);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_u8(&header, &version_type) || !cursor_u8(&header, &code) || !cursor_be16(&header, &session) ||
        !cursor_be16(&header, &length) || version_type != 0x11)
        return OUTCOME_MALFORMED;
    frame_limit(walk->frame, length);
    walk->next = LAYER_PPP;
    return code == 0 ? OUTCOME_OK : OUTCOME_UNSUPPORTED;
}

/* RFC 3032: label 20 bits, class 3, bottom of stack 1, time to live 8. What follows is not told: 4 or 6 is IP; 0 is the
 * control word of an Ethernet pseudowire (RFC 4448). */
static enum outcome mpls(struct walk *walk)
{
    for (;;) {
        uint32_t entry;
        uint8_t first;
        enum outcome outcome = frame_be32(walk->frame, &entry);
        if (outcome != OUTCOME_OK)
            return outcome;
        if ((entry & 0x100) == 0)
            continue;
        outcome = frame_peek(walk->frame, &first);
        walk->next = LAYER_IP;
        if (outcome != OUTCOME_OK || first >> 4 != 0)
            return outcome;
        walk->next = LAYER_ETHERNET;
        return frame_skip(walk->frame, 4);
    }
}

enum outcome link_walk(struct walk *walk)
{
    static enum outcome (*const LAYERS[LAYER_COUNT])(struct walk * walk) = {
        [LAYER_ETHERNET] = ethernet, [LAYER_TYPE] = type,   [LAYER_ETHERTYPE] = ethertype, [LAYER_LLC] = llc,
        [LAYER_PPP] = ppp,           [LAYER_PPPOE] = pppoe, [LAYER_MPLS] = mpls,           [LAYER_WLAN] = wireless_wlan,
        [LAYER_TRILL] = trill,
    };
    enum outcome outcome = OUTCOME_OK;
    while (outcome == OUTCOME_OK && walk->next != LAYER_IP)
        outcome = LAYERS[walk->next](walk);
    return outcome;
}

enum outcome link_walk_from(struct frame *frame, enum layer layer, uint16_t type)
{
    struct walk walk = {.frame = frame, .next = layer, .type = type};
    return link_walk(&walk);
}

/* ---- link types whose header is more than some bytes to skip ---- */

/* Linux "any", version 2: protocol 2, reserved 2, interface 4, device type 2, packet type 1, address length 1, address
 * 8. */
static enum outcome cooked2(struct walk *walk)
{
    enum outcome outcome = type(walk);
    return outcome == OUTCOME_OK ? frame_skip(walk->frame, 18) : outcome;
}

static enum outcome by_family(struct frame *frame, uint32_t family)
{
    switch (family) {
    case FAMILY_IPV4:
    case FAMILY_IPV6_LINUX:
    case FAMILY_IPV6_WINDOWS:
    case FAMILY_IPV6_NETBSD:
    case FAMILY_IPV6_FREEBSD:
    case FAMILY_IPV6_MACOS:
        return OUTCOME_OK;
    default:
        return frame_give_up(frame, UNREAD_FAMILY);
    }
}

/* BSD loopback: the address family in the byte order of the host that captured, which is not told. Families are small
 * numbers, so the order with the small number is it. */
static enum outcome loopback(struct walk *walk)
{
    struct cursor bytes;
    enum outcome outcome = frame_take(walk->frame, 4, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    struct cursor again = bytes;
    uint32_t little, big;
    if (!cursor_le32(&bytes, &little) || !cursor_be32(&again, &big))
        return OUTCOME_MALFORMED;
    return by_family(walk->frame, little < big ? little : big);
}

/* Old captures of point-to-point links carry the same number: PPP starts with FF 03, Cisco's HDLC with 0F 00, which is
 * no family in either order. */
static enum outcome null(struct walk *walk)
{
    static const uint8_t framed[] = {0xff, 0x03}, cisco[] = {0x0f, 0};
    if (!cursor_starts(walk->frame->bytes, framed, 2) && !cursor_starts(walk->frame->bytes, cisco, 2))
        return loopback(walk);
    walk->next = LAYER_PPP;
    return OUTCOME_OK;
}

/* OpenBSD's enc: family, security parameter index, flags. What it captures was decrypted. */
static enum outcome enc(struct walk *walk)
{
    enum outcome outcome = loopback(walk);
    return outcome == OUTCOME_OK ? frame_skip(walk->frame, 8) : outcome;
}

/* NFLOG: family 1, version 1, resource 2; then attributes of length 2 (this header included), type 2, value, padded to
 * four, in host order; type 9 is the packet. */
static enum outcome nflog(struct walk *walk)
{
    enum { ATTRIBUTE_HEADER = 4, ATTRIBUTE_PAYLOAD = 9 };
    struct frame *frame = walk->frame;
    enum outcome outcome = frame_skip(frame, 4);
    while (outcome == OUTCOME_OK) {
        struct cursor bytes;
        uint16_t length, kind;
        outcome = frame_take(frame, ATTRIBUTE_HEADER, &bytes);
        if (outcome != OUTCOME_OK)
            return outcome;
        if (!cursor_le16(&bytes, &length) || !cursor_le16(&bytes, &kind) || length < ATTRIBUTE_HEADER)
            return OUTCOME_MALFORMED;
        if (kind == ATTRIBUTE_PAYLOAD)
            return OUTCOME_OK;
        outcome = frame_skip(frame, (((uint32_t)length + 3u) & ~3u) - ATTRIBUTE_HEADER);
    }
    return outcome;
}

/* PPI: version 0, flags 1, length 2, link type 4, little endian. */
static enum outcome ppi(struct walk *walk)
{
    struct frame ahead = *walk->frame;
    struct cursor bytes;
    uint16_t flags, length;
    uint32_t link_type;
    enum outcome outcome = frame_take(&ahead, 8, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_le16(&bytes, &flags) || !cursor_le16(&bytes, &length) || !cursor_le32(&bytes, &link_type) || length < 8)
        return OUTCOME_MALFORMED;
    outcome = frame_skip(walk->frame, length);
    if (outcome != OUTCOME_OK)
        return outcome;
    walk->next = link_type == DLT_EN10MB ? LAYER_ETHERNET : LAYER_WLAN;
    return link_type == DLT_EN10MB || link_type == DLT_IEEE802_11 ? OUTCOME_OK : frame_give_up(walk->frame, UNREAD_PPI);
}

/* Types of ERF records: the bytes before the packet, and its link layer. ATM, InfiniBand and raw links are not read and
 * have no row. */
static const struct erf_type {
    uint8_t type;
    uint8_t skip;
    uint8_t next; /* enum layer; LAYER_COUNT: no packet */
} ERF_TYPES[] = {
    {1, 0, LAYER_PPP},       /* HDLC: PPP or Cisco's */
    {2, 2, LAYER_ETHERNET},  /* offset, reserved */
    {5, 4, LAYER_PPP},       /* a channel of several: HDLC */
    {10, 0, LAYER_PPP},      /* with a colour in place of the loss counter */
    {11, 2, LAYER_ETHERNET}, /* likewise */
    {13, 0, LAYER_COUNT},    /* counters */
    {14, 0, LAYER_COUNT},    /* counters */
    {15, 0, LAYER_PPP},      /* with a colour of another module */
    {16, 2, LAYER_ETHERNET}, /* likewise */
    {17, 4, LAYER_PPP},      /* a channel of several, with a colour */
    {19, 0, LAYER_PPP},      /* with a colour and a hash */
    {20, 2, LAYER_ETHERNET}, /* likewise */
    {22, 0, LAYER_IP},       /* IPv4 */
    {23, 0, LAYER_IP},       /* IPv6 */
    {27, 0, LAYER_COUNT},    /* what the recorder tells of itself */
    {48, 0, LAYER_COUNT},    /* padding */
};

/* Extension headers of 8 bytes each; the highest bit of their first byte says that one more follows. */
static enum outcome erf_extensions(struct frame *frame, uint8_t more)
{
    enum outcome outcome = OUTCOME_OK;
    while (outcome == OUTCOME_OK && (more & 0x80) != 0) {
        outcome = frame_peek(frame, &more);
        if (outcome == OUTCOME_OK)
            outcome = frame_skip(frame, 8);
    }
    return outcome;
}

static enum outcome erf_content(struct walk *walk, uint8_t type)
{
    for (size_t i = 0; i < sizeof ERF_TYPES / sizeof ERF_TYPES[0]; i++) {
        if (ERF_TYPES[i].type != type)
            continue;
        walk->next = ERF_TYPES[i].next;
        return walk->next == LAYER_COUNT ? OUTCOME_UNSUPPORTED : frame_skip(walk->frame, ERF_TYPES[i].skip);
    }
    return frame_give_up(walk->frame, UNREAD_ERF);
}

/* Endace's extensible record format: time 8, type 1 (its highest bit: extension headers follow), flags 1, length of the
 * record 2, losses or colour 2, length of the packet on the wire 2. The record may be shorter than the packet, or be
 * padded beyond it. */
static enum outcome erf_record(struct walk *walk)
{
    struct frame *frame = walk->frame;
    struct cursor header;
    uint8_t type;
    uint16_t wire;
    enum outcome outcome = frame_take(frame, 16, &header);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_skip(&header, 8) || !cursor_u8(&header, &type) || !cursor_skip(&header, 5) ||
        !cursor_be16(&header, &wire))
        return OUTCOME_MALFORMED;
    outcome = erf_extensions(frame, type);
    if (outcome == OUTCOME_OK)
        outcome = erf_content(walk, type & 0x7f);
    if (outcome != OUTCOME_OK || wire == 0)
        return outcome;
    frame->wire = wire;
    frame_limit(frame, wire);
    return OUTCOME_OK;
}

static enum outcome pktap(struct walk *walk);

static const struct link {
    int link_type;
    uint8_t skip;
    uint8_t next;                          /* enum layer */
    enum outcome (*header)(struct walk *); /* NULL: only `skip` bytes */
} LINKS[] = {
    {DLT_EN10MB, 0, LAYER_ETHERNET, NULL},
    {DLT_LINUX_SLL, 14, LAYER_TYPE, NULL}, /* packet type 2, device type 2, address length 2, address 8 */
    {DLT_LINUX_SLL2, 0, LAYER_ETHERTYPE, cooked2},
    {DLT_RAW, 0, LAYER_IP, NULL},
    {101, 0, LAYER_IP, NULL}, /* LINKTYPE_RAW, where a file's own number is given */
    {DLT_IPV4, 0, LAYER_IP, NULL},
    {DLT_IPV6, 0, LAYER_IP, NULL},
    {DLT_NULL, 0, LAYER_IP, null},
    {DLT_LOOP, 0, LAYER_IP, loopback},
    {DLT_ENC, 0, LAYER_IP, enc},
    {DLT_NFLOG, 0, LAYER_IP, nflog},
    {DLT_PPP, 0, LAYER_PPP, NULL},
    {DLT_PPP_SERIAL, 0, LAYER_PPP, NULL},
    {DLT_PPP_ETHER, 0, LAYER_PPPOE, NULL},
    {DLT_PPP_WITH_DIR, 1, LAYER_PPP, NULL}, /* who sent it */
    {DLT_PPP_PPPD, 2, LAYER_PPP, NULL},     /* who sent it, in place of the address; control */
    {DLT_C_HDLC, 2, LAYER_TYPE, NULL},
    {DLT_C_HDLC_WITH_DIR, 3, LAYER_TYPE, NULL},
    {DLT_IEEE802_11, 0, LAYER_WLAN, NULL},
    {DLT_IEEE802_11_RADIO, 0, LAYER_WLAN, wireless_radiotap},
    {DLT_IEEE802_11_RADIO_AVS, 0, LAYER_WLAN, wireless_avs},
    {DLT_PRISM_HEADER, 0, LAYER_WLAN, wireless_prism},
    {DLT_PPI, 0, LAYER_WLAN, ppi},
    {DLT_ATM_RFC1483, 0, LAYER_LLC, NULL},
    {DLT_FDDI, 13, LAYER_LLC, NULL},                    /* control 1, two addresses */
    {DLT_APPLE_IP_OVER_IEEE1394, 16, LAYER_TYPE, NULL}, /* two addresses */
    {DLT_NETANALYZER, 4, LAYER_ETHERNET, NULL},
    {DLT_NETANALYZER_TRANSPARENT, 12, LAYER_ETHERNET, NULL}, /* with the preamble */
    {DLT_ERF, 0, LAYER_COUNT, erf_record},
    {LINK_PKTAP, 0, LAYER_COUNT, pktap},
};

static const struct link *find_link(int link_type)
{
    for (size_t i = 0; i < sizeof LINKS / sizeof LINKS[0]; i++) {
        if (LINKS[i].link_type == link_type)
            return &LINKS[i];
    }
    return NULL;
}

/* Takes off what comes before the first layer. */
static enum outcome enter(struct walk *walk, const struct link *link)
{
    walk->next = link->next;
    enum outcome outcome = frame_skip(walk->frame, link->skip);
    return outcome == OUTCOME_OK && link->header != NULL ? link->header(walk) : outcome;
}

/* macOS: length of this header 4, what follows 4 (1: a packet), link type 4; interface, process and more, not used.
 * Little endian, as all machines that write it. */
static enum outcome pktap(struct walk *walk)
{
    enum { HEADER_LEAST = 108, PACKET = 1 };
    struct frame ahead = *walk->frame;
    struct cursor bytes;
    uint32_t length, kind, link_type;
    enum outcome outcome = frame_take(&ahead, 12, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_le32(&bytes, &length) || !cursor_le32(&bytes, &kind) || !cursor_le32(&bytes, &link_type) ||
        length < HEADER_LEAST)
        return OUTCOME_MALFORMED;
    outcome = frame_skip(walk->frame, length);
    if (outcome != OUTCOME_OK || kind != PACKET)
        return outcome == OUTCOME_OK ? OUTCOME_UNSUPPORTED : outcome;
    const struct link *link = link_type > INT_MAX ? NULL : find_link((int)link_type);
    return link == NULL || link->header == pktap ? frame_give_up(walk->frame, UNREAD_PKTAP) : enter(walk, link);
}

bool link_is_ip(int link_type)
{
    const struct link *link = find_link(link_type);
    return link != NULL && link->next == LAYER_IP && link->header == NULL;
}

enum outcome link_strip(int link_type, struct frame *frame, bool *known)
{
    const struct link *link = find_link(link_type);
    struct walk walk = {.frame = frame};
    *known = link != NULL;
    enum outcome outcome = link == NULL ? OUTCOME_UNSUPPORTED : enter(&walk, link);
    return outcome == OUTCOME_OK ? link_walk(&walk) : outcome;
}
