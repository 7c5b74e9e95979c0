/* capture/decode.c: from packet to segment: link layer, IP, fragments, tunnels. See decode.h. */
#include "capture/decode.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "capture/checksum.h"
#include "capture/exported.h"
#include "capture/fragment.h"
#include "capture/ip.h"
#include "capture/ipcomp.h"
#include "capture/ipsec.h"
#include "capture/link.h"
#include "capture/transport.h"
#include "capture/tunnel.h"

/* IP headers inside each other. A mirrored (ERSPAN) overlay (VXLAN) of a VPN (GRE, IP in IP) has five; more is an
 * attack on the reader. */
#define MAX_DEPTH 8
/* Headers of IPsec and of compression behind one IP header: ESP inside AH, and what they hold. Each asks for work. */
#define MAX_WRAPPED 4

struct decoder {
    struct fragments *fragments;
    struct ipsec *ipsec;
    struct ipcomp *ipcomp;
    struct exported *exported; /* NULL until an exported PDU comes */
    bool checksums;
    bool decompressed; /* this packet */
    size_t longest;    /* bytes captured of a packet */
    struct decoder_counts counts;
};

struct decoder *decoder_new(void)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    decoder->fragments = fragments_new();
    decoder->ipsec = ipsec_new();
    decoder->ipcomp = ipcomp_new();
    if (decoder->fragments != NULL && decoder->ipsec != NULL && decoder->ipcomp != NULL)
        return decoder;
    decoder_free(decoder);
    return NULL;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    fragments_free(decoder->fragments);
    ipsec_free(decoder->ipsec);
    ipcomp_free(decoder->ipcomp);
    exported_free(decoder->exported);
    free(decoder);
}

void decoder_checksums(struct decoder *decoder, bool look)
{
    decoder->checksums = look;
}

/* ---- counts and names ---- */

const struct ipsec *decoder_ipsec(const struct decoder *decoder)
{
    return decoder->ipsec;
}

struct decoder_counts decoder_counts(const struct decoder *decoder)
{
    struct fragment_counts fragments = fragments_counts(decoder->fragments);
    struct decoder_counts counts = decoder->counts;
    counts.fragments_expired = fragments.expired;
    counts.fragments_overlapping = fragments.overlapping;
    limit_counts_add(&counts.limits, &fragments.limits);
    return counts;
}

/* Counts a packet of that type, in the order of types. False when there is no place for another type. */
static bool count_type(struct type_count *counts, size_t *used, size_t most, int type)
{
    size_t at = 0;
    while (at < *used && counts[at].type < type)
        at++;
    if (at == *used || counts[at].type != type) {
        if (*used == most)
            return false;
        memmove(&counts[at + 1], &counts[at], (*used - at) * sizeof counts[0]);
        counts[at] = (struct type_count){.type = type};
        ++*used;
    }
    counts[at].packets++;
    return true;
}

static void count_link(struct decoder_counts *counts, int link_type)
{
    if (!count_type(counts->links, &counts->link_count, UNKNOWN_LINKS_MAX, link_type))
        limit_hit(&counts->limits, LIMIT_unknown_links);
}

static void count_ethertype(struct decoder_counts *counts, uint16_t type)
{
    if (!count_type(counts->ethertypes, &counts->ethertype_count, UNKNOWN_ETHERTYPES_MAX, type))
        limit_hit(&counts->limits, LIMIT_unknown_ethertypes);
}

static void print_export(char out[EXPORT_NAME_SIZE], struct cursor name)
{
    size_t length = name.left < EXPORT_NAME_SIZE ? name.left : EXPORT_NAME_SIZE - 1;
    for (size_t i = 0; i < length; i++)
        out[i] = name.at[i] > ' ' && name.at[i] < 0x7f ? (char)name.at[i] : '?';
    out[length] = '\0';
}

/* Counts a PDU of that dissector. */
static void count_export(struct decoder_counts *counts, struct cursor name)
{
    char text[EXPORT_NAME_SIZE];
    size_t at = 0;
    print_export(text, name);
    while (at < counts->export_count && strcmp(counts->exports[at].name, text) != 0)
        at++;
    if (at == UNKNOWN_EXPORTS_MAX) {
        limit_hit(&counts->limits, LIMIT_unknown_exports);
        return;
    }
    if (at == counts->export_count)
        memcpy(counts->exports[counts->export_count++].name, text, sizeof text);
    counts->exports[at].packets++;
}

const char *decoded_name(enum decoded decoded)
{
    static const char *const names[DECODED_COUNT] = {
        [DECODED_SEGMENT] = "TCP",
        [DECODED_DATAGRAM] = "UDP",
        [DECODED_ICMP_ERROR] = "ICMP error",
        [DECODED_FRAGMENT] = "IP fragment",
        [DECODED_NOT_IP] = "not IP",
        [DECODED_ESP] = "IPsec ESP",
        [DECODED_OTHER] = "other protocol over IP",
        [DECODED_CUT] = "headers cut off by the snapshot length",
        [DECODED_MALFORMED] = "malformed headers",
        [DECODED_CHECKSUM] = "wrong checksum",
        [DECODED_UNREAD] = "layer or tunnel that is not read",
        [DECODED_UNKNOWN_LINK] = "unknown link layer",
    };
    return (size_t)decoded < DECODED_COUNT ? names[decoded] : "unknown";
}

const char *unread_name(enum unread unread)
{
    static const char *const names[UNREAD_COUNT] = {
        [UNREAD_NONE] = "read",
        [UNREAD_WLAN_PROTECTED] = "encrypted 802.11",
        [UNREAD_WLAN_FRAGMENT] = "802.11 fragment",
        [UNREAD_WLAN_AMSDU] = "802.11 A-MSDU",
        [UNREAD_MACSEC] = "MACsec",
        [UNREAD_NSH] = "network service header",
        [UNREAD_PPP_HIDDEN] = "compressed, encrypted or multilink PPP",
        [UNREAD_PPI] = "PPI with another link layer",
        [UNREAD_GRE] = "GRE of an unknown kind",
        [UNREAD_L2TP] = "L2TP version 3",
        [UNREAD_DEPTH] = "tunnels nested too deep",
        [UNREAD_ETHERTYPE] = "Ethernet type that is not known",
        [UNREAD_LLC] = "802.2 with a protocol that is not known",
        [UNREAD_PPP] = "PPP with a protocol that is not known",
        [UNREAD_FAMILY] = "address family that is not known",
        [UNREAD_LINK_TYPE] =
            "IP header in place of the announced link layer: the file's link type is wrong, this looks like raw IP",
        [UNREAD_NO_IP_HEADER] = "no IP header where one was announced",
        [UNREAD_TZSP] = "TZSP with another link layer",
        [UNREAD_EXPORTED] = "exported PDU of a protocol that is not read",
        [UNREAD_ERF] = "ERF record with another link layer",
        [UNREAD_PKTAP] = "PKTAP with another link layer",
        [UNREAD_IPCOMP] = "IP payload compression that is not DEFLATE, or damaged",
    };
    return (size_t)unread < UNREAD_COUNT ? names[unread] : "unknown";
}

const char *transport_name(enum transport transport)
{
    return transport == TRANSPORT_TCP ? "tcp" : "udp";
}

const char *protection_name(enum protection protection, bool mixed)
{
    static const char *const names[] = {NULL, "ah", "esp-null", NULL};
    return mixed ? "mixed" : names[protection];
}

/* Writes 0 to 255 in decimal; returns where it ends. inet_ntop formats with printf, which is slow for what every flow
 * needs. */
static char *print_byte(uint8_t byte, char *out)
{
    if (byte >= 100)
        *out++ = (char)('0' + byte / 100);
    if (byte >= 10)
        *out++ = (char)('0' + byte / 10 % 10);
    *out++ = (char)('0' + byte % 10);
    return out;
}

void address_print(const struct address *address, char text[ADDRESS_TEXT_MAX])
{
    if (address->version == 4) {
        char *out = text;
        for (int i = 0; i < 4; i++) {
            out = print_byte(address->bytes[i], out);
            *out++ = i < 3 ? '.' : '\0';
        }
    } else if (inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT_MAX) == NULL) {
        text[0] = '\0';
    }
}

/* ---- from IP on ---- */

/* Headers behind IP that hold another protocol's: those of IPsec, and compression. */
static bool is_wrapped(uint8_t protocol)
{
    return protocol == IP_ESP || protocol == IP_AH || protocol == IP_WESP || protocol == IP_IPCOMP;
}

/* Protocols whose fragments are worth keeping: those that are read. */
static bool is_read(uint8_t protocol)
{
    return protocol == IP_TCP || protocol == IP_UDP || protocol == IP_ICMP || protocol == IP_ICMPV6 ||
           is_wrapped(protocol) || tunnel_is_protocol(protocol);
}

/* Puts a fragment to the others. DECODED_COUNT: *ip is a whole datagram now; else it is the packet's result. */
static enum decoded put_together(struct decoder *decoder, struct ip *ip, int64_t time_ns)
{
    /* IPv4 tells the protocol in each fragment; in IPv6 only the first one counts (RFC 8200, section 4.5). */
    if (ip->src.version == 4 && !is_read(ip->protocol))
        return DECODED_OTHER;
    if (ip->payload.bytes.left < ip->payload.wire)
        return DECODED_CUT;
    enum outcome outcome = fragments_add(decoder->fragments, ip, time_ns);
    if (outcome == OUTCOME_MORE)
        return DECODED_FRAGMENT;
    if (outcome == OUTCOME_OK && ip->src.version == 6)
        outcome = ip_extensions(ip);
    if (outcome != OUTCOME_OK || ip->fragment) /* fragments of a fragment */
        return DECODED_MALFORMED;
    return DECODED_COUNT;
}

/* Where the checksum is known and covers what was captured, is it wrong? UDP over IPv4 may go without (0). */
static bool wrong_checksum(const struct ip *ip)
{
    struct cursor payload = ip->payload.bytes, udp = payload;
    if (payload.left < ip->payload.wire || ip->routed)
        return false;
    if (ip->protocol == IP_UDP) {
        uint16_t length, checksum;
        if (!cursor_skip(&udp, 4) || !cursor_be16(&udp, &length) || !cursor_be16(&udp, &checksum))
            return false;
        if (checksum == 0)
            return ip->src.version == 6;
        if (length != 0 && !cursor_slice(payload, 0, length, &payload))
            return false;
    }
    return !checksum_agrees(ip, payload);
}

static enum decoded inner(enum outcome outcome, const struct frame *frame, enum decoded otherwise)
{
    return decoded_of(outcome, frame->unread == UNREAD_NONE ? otherwise : DECODED_UNREAD);
}

/* Decodes a protocol that is neither UDP nor wrapped. DECODED_COUNT: a tunnel, and *frame is at the IP header inside. */
static enum decoded carried(const struct ip *ip, struct frame *frame, struct segment *segment)
{
    if (ip->protocol == IP_TCP)
        return transport_tcp(ip, segment);
    if (ip->protocol == IP_ICMP || ip->protocol == IP_ICMPV6)
        return transport_icmp(ip, segment);
    if (!tunnel_is_protocol(ip->protocol))
        return DECODED_OTHER;
    *frame = ip->payload;
    enum outcome outcome = tunnel_protocol(ip->protocol, frame);
    return outcome == OUTCOME_OK ? DECODED_COUNT : inner(outcome, frame, DECODED_NOT_IP);
}

/* UDP, which may hold a tunnel or ESP. DECODED_COUNT as above. */
static enum decoded carried_udp(struct decoder *decoder, struct moment moment, const struct ip *ip, struct frame *frame,
                                struct segment *segment)
{
    enum { NAT_TRAVERSAL = 4500 };
    bool tunnel;
    enum decoded decoded = transport_udp(ip, segment);
    if (decoded != DECODED_DATAGRAM)
        return decoded;
    *frame = (struct frame){.bytes = segment->payload, .wire = segment->payload_bytes};
    if (segment->sport == NAT_TRAVERSAL || segment->dport == NAT_TRAVERSAL) {
        struct ip inside = *ip;
        inside.payload = *frame;
        if (ipsec_enter_udp(decoder->ipsec, moment, &inside) != OUTCOME_OK)
            return DECODED_DATAGRAM;
        segment->protection = PROTECTION_ESP_NULL;
        return inside.protocol == IP_UDP ? transport_udp(&inside, segment) : carried(&inside, frame, segment);
    }
    enum outcome outcome = tunnel_udp(segment->sport, segment->dport, frame, &tunnel);
    if (!tunnel)
        return DECODED_DATAGRAM;
    return outcome == OUTCOME_OK ? DECODED_COUNT : inner(outcome, frame, DECODED_NOT_IP);
}

/* One packet is decompressed into one buffer, so only the first compression is read. */
static enum decoded decompress(struct decoder *decoder, struct ip *ip, struct frame *frame, bool *done)
{
    enum outcome outcome = *done ? frame_give_up(&ip->payload, UNREAD_IPCOMP) : ipcomp_enter(decoder->ipcomp, ip);
    *done = true;
    frame->unread = ip->payload.unread;
    return outcome == OUTCOME_OK ? DECODED_COUNT : inner(outcome, frame, DECODED_OTHER);
}

/* Destination options may follow IPsec and compression in IPv6 (RFC 4302, section 3.1.1); fragment headers may not. */
static enum decoded skip_options(struct ip *ip)
{
    enum outcome outcome = ip->src.version == 6 ? ip_extensions(ip) : OUTCOME_OK;
    if (outcome == OUTCOME_OK)
        return ip->fragment ? DECODED_MALFORMED : DECODED_COUNT;
    return decoded_of(outcome, DECODED_OTHER);
}

/* Goes into IPsec and compression as far as they can be read. DECODED_COUNT: *ip is what is inside. */
static enum decoded unwrap(struct decoder *decoder, struct moment moment, struct ip *ip, struct frame *frame,
                           struct segment *segment)
{
    for (int layers = 0; is_wrapped(ip->protocol); layers++) {
        if (layers == MAX_WRAPPED) {
            limit_hit(&decoder->counts.limits, LIMIT_wrapped);
            frame->unread = UNREAD_DEPTH;
            return DECODED_UNREAD;
        }
        if (ip->protocol == IP_IPCOMP) {
            enum decoded decoded = decompress(decoder, ip, frame, &decoder->decompressed);
            if (decoded != DECODED_COUNT)
                return decoded;
            continue;
        }
        segment->protection = ip->protocol == IP_AH ? PROTECTION_AH : PROTECTION_ESP_NULL;
        enum outcome outcome = ipsec_enter(decoder->ipsec, moment, ip);
        if (outcome != OUTCOME_OK)
            return decoded_of(outcome, DECODED_ESP);
        enum decoded decoded = skip_options(ip);
        if (decoded != DECODED_COUNT)
            return decoded;
    }
    return DECODED_COUNT;
}

/* The upper protocol. DECODED_COUNT: a tunnel, and *frame is at the IP header inside. */
static enum decoded upper(struct decoder *decoder, struct moment moment, struct ip *ip, struct frame *frame,
                          struct segment *segment)
{
    if (is_wrapped(ip->protocol)) {
        enum decoded decoded = unwrap(decoder, moment, ip, frame, segment);
        if (decoded != DECODED_COUNT)
            return decoded;
    }
    bool has_checksum =
        ip->protocol == IP_TCP || ip->protocol == IP_UDP || ip->protocol == IP_ICMP || ip->protocol == IP_ICMPV6;
    if (decoder->checksums && has_checksum && wrong_checksum(ip))
        return DECODED_CHECKSUM;
    return ip->protocol == IP_UDP ? carried_udp(decoder, moment, ip, frame, segment) : carried(ip, frame, segment);
}

static enum decoded exported_pdu(struct decoder *decoder, struct frame *frame, struct segment *segment)
{
    struct cursor name = CURSOR_EMPTY;
    if (decoder->exported == NULL)
        decoder->exported = exported_new();
    enum decoded decoded = decoder->exported == NULL
                               ? DECODED_UNREAD
                               : exported_read(decoder->exported, *frame, segment, &name, &decoder->counts.limits);
    if (decoded == DECODED_UNREAD) {
        frame->unread = UNREAD_EXPORTED;
        count_export(&decoder->counts, name);
    }
    return decoded;
}

/* A capture may have lost how long its packets were: then all that were cut are as long as its longest ones, and their IP
 * headers say how long they were. One that is longer than its frame elsewhere is damaged or forged. */
static void infer_length(struct decoder *decoder, const struct packet *packet, struct frame *frame)
{
    if (packet->bytes.left < decoder->longest)
        return;
    decoder->longest = packet->bytes.left;
    uint32_t length = ip_length(frame);
    if (length <= frame->wire)
        return;
    frame->wire = length;
    decoder->counts.lengths_lost++;
}

static enum decoded decode(struct decoder *decoder, const struct packet *packet, struct frame *frame,
                           struct segment *segment)
{
    bool known;
    enum outcome outcome = link_strip(packet->link_type, frame, &known);
    if (!known && packet->link_type == EXPORTED_LINK_TYPE)
        return exported_pdu(decoder, frame, segment);
    if (outcome != OUTCOME_OK)
        return inner(outcome, frame, known ? DECODED_NOT_IP : DECODED_UNKNOWN_LINK);
    if (packet->bytes.left >= packet->wire_length)
        infer_length(decoder, packet, frame);
    for (int depth = 0; depth < MAX_DEPTH; depth++) {
        struct ip ip;
        outcome = ip_parse(*frame, decoder->checksums, &ip);
        if (outcome == OUTCOME_UNSUPPORTED)
            frame->unread = UNREAD_NO_IP_HEADER;
        if (outcome != OUTCOME_OK)
            return decoded_of(outcome, DECODED_UNREAD);
        if (ip.wrong_checksum)
            return DECODED_CHECKSUM;
        enum decoded decoded = DECODED_COUNT;
        if (ip.fragment)
            decoded = put_together(decoder, &ip, packet->moment.time_ns);
        if (decoded == DECODED_COUNT)
            decoded = upper(decoder, packet->moment, &ip, frame, segment);
        if (decoded != DECODED_COUNT) {
            decoder->counts.tunnelled += depth > 0;
            return decoded;
        }
    }
    limit_hit(&decoder->counts.limits, LIMIT_nested);
    frame->unread = UNREAD_DEPTH;
    return DECODED_UNREAD;
}

/* Does the packet, of which not even the link layer could be read, begin with an IP header that fits it? */
static bool is_raw_ip(const struct packet *packet)
{
    struct frame frame = {.bytes = packet->bytes, .wire = packet->wire_length};
    struct ip ip;
    return !link_is_ip(packet->link_type) && ip_length(&frame) == packet->wire_length &&
           ip_parse(frame, true, &ip) == OUTCOME_OK && !ip.wrong_checksum;
}

/* Why a packet that gives no segment is not read. */
static enum decoded count_unread(struct decoder *decoder, const struct packet *packet, struct frame *frame,
                                 enum decoded decoded)
{
    if ((decoded == DECODED_UNREAD || decoded == DECODED_NOT_IP || decoded == DECODED_MALFORMED) && is_raw_ip(packet)) {
        decoded = DECODED_UNREAD;
        frame->unread = UNREAD_LINK_TYPE;
    }
    if (decoded == DECODED_UNREAD)
        decoder->counts.by_unread[frame->unread]++;
    if (decoded == DECODED_UNREAD && frame->unread == UNREAD_ETHERTYPE)
        count_ethertype(&decoder->counts, frame->type);
    if (decoded == DECODED_UNKNOWN_LINK)
        count_link(&decoder->counts, packet->link_type);
    return decoded;
}

enum decoded decoder_packet(struct decoder *decoder, const struct packet *packet, struct segment *segment)
{
    uint32_t wire = packet->wire_length < packet->bytes.left ? (uint32_t)packet->bytes.left : packet->wire_length;
    struct frame frame = {.bytes = packet->bytes, .wire = wire, .unread = UNREAD_NONE};
    fragments_release(decoder->fragments);
    segment->protection = PROTECTION_NONE;
    segment->options_cut = decoder->decompressed = false;
    enum decoded decoded = decode(decoder, packet, &frame, segment);
    if (!decoded_has_flow(decoded))
        decoded = count_unread(decoder, packet, &frame, decoded);
    decoder->counts.by_result[decoded]++;
    decoder->counts.options_cut += segment->options_cut;
    return decoded;
}
