/* capture/wireless.c: see wireless.h. */
#include "capture/wireless.h"

#include "capture/decode.h"

/* IEEE 802.11-2020, section 9.2.4.1: frame control, little endian. */
enum {
    WLAN_TYPE_MASK = 0x000c,
    WLAN_TYPE_DATA = 0x0008,
    WLAN_NO_DATA = 0x0040, /* bit of the subtype: "Null", "CF-Ack" ... */
    WLAN_QOS = 0x0080,     /* bit of the subtype */
    WLAN_BOTH_DS = 0x0300, /* to and from the distribution system: four addresses */
    WLAN_MORE_FRAGMENTS = 0x0400,
    WLAN_PROTECTED = 0x4000,
    WLAN_HT_CONTROL = 0x8000, /* in QoS frames */
    WLAN_QOS_AMSDU = 0x0080,
    WLAN_HEADER = 24
};

/* Why the body of a data frame is not read, or UNREAD_NONE. */
static enum unread hidden(uint16_t control, uint16_t sequence, uint16_t qos)
{
    if (control & WLAN_PROTECTED)
        return UNREAD_WLAN_PROTECTED;
    if ((control & WLAN_MORE_FRAGMENTS) || (sequence & 0x000f) != 0)
        return UNREAD_WLAN_FRAGMENT;
    return (qos & WLAN_QOS_AMSDU) ? UNREAD_WLAN_AMSDU : UNREAD_NONE;
}

/* IEEE 802.11-2020, section 9.3.2

    | control 2 | duration 2 | address 6 | address 6 | address 6 | sequence 2 |
    | address 6, when between access points | QoS 2 | HT control 4 | LLC ... */
enum outcome wireless_wlan(struct walk *walk)
{
    struct cursor header, qos_bytes;
    uint16_t control, sequence, qos = 0;
    enum outcome outcome = frame_take(walk->frame, 2, &header);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_le16(&header, &control))
        return OUTCOME_MALFORMED;
    if ((control & WLAN_TYPE_MASK) != WLAN_TYPE_DATA || (control & WLAN_NO_DATA) != 0)
        return OUTCOME_UNSUPPORTED; /* management, control, no data */
    outcome = frame_take(walk->frame, WLAN_HEADER - 2, &header);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_skip(&header, WLAN_HEADER - 4) || !cursor_le16(&header, &sequence))
        return OUTCOME_MALFORMED;
    uint32_t length = WLAN_HEADER;
    if ((control & WLAN_BOTH_DS) == WLAN_BOTH_DS) {
        outcome = frame_skip(walk->frame, 6);
        length += 6;
    }
    if (outcome == OUTCOME_OK && (control & WLAN_QOS)) {
        outcome = frame_take(walk->frame, 2, &qos_bytes);
        if (outcome == OUTCOME_OK && !cursor_le16(&qos_bytes, &qos))
            return OUTCOME_MALFORMED;
        length += 2;
        if (outcome == OUTCOME_OK && (control & WLAN_HT_CONTROL)) {
            outcome = frame_skip(walk->frame, 4);
            length += 4;
        }
    }
    if (outcome != OUTCOME_OK)
        return outcome;
    enum unread why = hidden(control, sequence, qos);
    if (why != UNREAD_NONE)
        return frame_give_up(walk->frame, why);
    walk->next = LAYER_LLC;
    return walk->padded ? frame_skip(walk->frame, (4 - length % 4) % 4) : OUTCOME_OK;
}

/* The "flags" field of radiotap (bit 1 of "present"), which stands behind all "present" words and the time stamp (bit
 * 0, 8 bytes, aligned). */
static bool radiotap_flags(struct cursor header, uint8_t *flags)
{
    enum { TIMESTAMP = 1, FLAGS = 2, AGAIN = (int)0x80000000u };
    uint32_t first, word;
    size_t offset = 8;
    *flags = 0;
    if (!cursor_skip(&header, 4) || !cursor_le32(&header, &first))
        return false;
    word = first;
    while (word & (uint32_t)AGAIN) {
        if (!cursor_le32(&header, &word))
            return false;
        offset += 4;
    }
    if (first & TIMESTAMP) {
        size_t padding = (8 - offset % 8) % 8;
        if (!cursor_skip(&header, padding + 8))
            return false;
    }
    return (first & FLAGS) == 0 || cursor_u8(&header, flags);
}

/* radiotap.org: version 0, pad 1, length 2, present 4 ..., all little endian. */
enum outcome wireless_radiotap(struct walk *walk)
{
    enum { FLAG_DATA_PAD = 0x20, FLAG_BAD_FCS = 0x40, HEADER = 8 };
    struct frame ahead = *walk->frame;
    struct cursor bytes, header;
    uint16_t version, length;
    uint8_t flags;
    enum outcome outcome = frame_take(&ahead, 4, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!cursor_le16(&bytes, &version) || !cursor_le16(&bytes, &length) || (version & 0xff) != 0 || length < HEADER)
        return OUTCOME_MALFORMED;
    outcome = frame_take(walk->frame, length, &header);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!radiotap_flags(header, &flags) || (flags & FLAG_BAD_FCS))
        return OUTCOME_MALFORMED;
    walk->padded = (flags & FLAG_DATA_PAD) != 0;
    walk->next = LAYER_WLAN;
    return OUTCOME_OK;
}

/* AVS: magic 0x802110xx, length of the header, big endian. */
enum outcome wireless_avs(struct walk *walk)
{
    struct frame ahead = *walk->frame;
    uint32_t magic, length;
    enum outcome outcome = frame_be32(&ahead, &magic);
    if (outcome == OUTCOME_OK)
        outcome = frame_be32(&ahead, &length);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (magic >> 8 != 0x802110 || length < 8)
        return OUTCOME_MALFORMED;
    walk->next = LAYER_WLAN;
    return frame_skip(walk->frame, length);
}

/* Prism: message code 4 (0x44), length of the header 4, both in the byte order of the host that captured. Later drivers
 * write AVS under the same link type. */
enum outcome wireless_prism(struct walk *walk)
{
    enum { PRISM_HEADER_LAST = 1024 };
    struct frame ahead = *walk->frame;
    struct cursor bytes;
    uint32_t magic, length;
    enum outcome outcome = frame_take(&ahead, 8, &bytes);
    if (outcome != OUTCOME_OK)
        return outcome;
    struct cursor again = bytes;
    if (!cursor_be32(&bytes, &magic) || !cursor_be32(&bytes, &length))
        return OUTCOME_MALFORMED;
    if (magic >> 8 == 0x802110)
        return wireless_avs(walk);
    if (length > PRISM_HEADER_LAST && (!cursor_le32(&again, &magic) || !cursor_le32(&again, &length)))
        return OUTCOME_MALFORMED;
    if (length < 8 || length > PRISM_HEADER_LAST)
        return OUTCOME_MALFORMED;
    walk->next = LAYER_WLAN;
    return frame_skip(walk->frame, length);
}
