/* capture/foreign.c: see foreign.h. The numbers are those of the formats' own documentation and of wiretap, the library
 * of Wireshark that reads captures. */
#define _GNU_SOURCE /* strcasecmp */
#include "capture/foreign.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

#define WITH_EDITCAP "convert it with: editcap -F pcapng FILE NEW.pcapng"
#define WITH_TEXT2PCAP "if it is a dump of packets in hexadecimal, text2pcap makes a capture of it"
#define AGAIN "it cannot be repaired: "
#define INSTEAD_OF_THE_FILE "a server answered with it in place of the file: download the capture again"
#define NOT_AS_TEXT                                                                                                    \
    AGAIN "capture again with the option -w FILE of tcpdump or dumpcap, or redirect in cmd.exe, not PowerShell"
#define BINARY_TRANSFER AGAIN "transfer the original again in binary mode (ftp: binary; git: *.pcap binary)"

/* ---- formats by the bytes at one place ---- */

static const struct format {
    size_t offset, length;
    const char *bytes;
    struct foreign foreign;
} FORMATS[] = {
    {0, 4, "GMBU", {"a capture of Microsoft Network Monitor 2 or 3", WITH_EDITCAP, true}},
    {0, 4, "RTSS", {"a capture of Microsoft Network Monitor 1", WITH_EDITCAP, true}},
    {0, 8, "snoop\0\0\0", {"a capture of snoop (RFC 1761)", WITH_EDITCAP, true}},
    {0, 4, "XCP\0", {"a capture of NetXRay or the Windows Sniffer", WITH_EDITCAP, true}},
    {0, 17, "TRSNIFF data    \x1a", {"a capture of the DOS Sniffer", WITH_EDITCAP, true}},
    {0, 4, "\177ver", {"a capture of EtherPeek or OmniPeek", WITH_EDITCAP, true}},
    {0, 11, "iptrace 1.0", {"a capture of AIX iptrace", WITH_EDITCAP, true}},
    {0, 11, "iptrace 2.0", {"a capture of AIX iptrace", WITH_EDITCAP, true}},
    {0, 4, "\x05VNF", {"a capture of Visual Networks", WITH_EDITCAP, true}},
    {0, 24, "ObserverPktBufferVersion", {"a capture of Network Instruments Observer", WITH_EDITCAP, true}},
    {0, 4, "\x1c\0\1\xac", {"a capture of IXIA", WITH_EDITCAP, true}},
    {0, 4, "\x1c\0\1\xab", {"a capture of IXIA", WITH_EDITCAP, true}},
    {0, 4, "TR\0d", {"a trace of HP-UX nettl", WITH_EDITCAP, true}},
    {0,
     4,
     "PK\3\4",
     {"a zip archive", "unpack it (unzip) and name the captures in it; a .saz of Fiddler holds no packets", true}},
    {0, 4, "PK\5\6", {"an empty zip archive", "there is nothing in it", true}},
    {0, 6, "7z\xbc\xaf\x27\x1c", {"a 7z archive", "unpack it (7z x) and name the captures in it", true}},
    {0, 6, "Rar!\x1a\7", {"a rar archive", "unpack it (unrar x) and name the captures in it", true}},
    {0,
     4,
     "MSCF",
     {"a cabinet file of Windows",
      "unpack it (expand, cabextract) and name the captures in it; netsh trace puts a report there, the trace itself "
      "is the .etl beside it",
      true}},
    {257, 5, "ustar", {"a tar archive", "unpack it (tar xf) and name the captures in it", true}},
    {0, 2, "\x1f\x9d", {"packed by compress", "unpack it first (uncompress)", true}},
    {0, 5, "\x5d\0\0\x80\0", {"packed by lzma", "unpack it first (xz -d --format=lzma)", true}},
    {0, 8, "d4c3b2a1", {"a capture written as hexadecimal digits", "make bytes of it: xxd -r -p FILE NEW.pcap", true}},
    {0,
     8,
     "0a0d0d0a",
     {"a capture written as hexadecimal digits", "make bytes of it: xxd -r -p FILE NEW.pcapng", true}},
    {0,
     19,
     "00000000: d4c3 b2a1",
     {"a capture written as a dump of xxd", "make bytes of it: xxd -r FILE NEW.pcap", true}},
    {0,
     19,
     "00000000: 0a0d 0d0a",
     {"a capture written as a dump of xxd", "make bytes of it: xxd -r FILE NEW.pcapng", true}},
    {0, 6, "1MOyoQ", {"a capture written in base64", "make bytes of it: base64 -d FILE > NEW.pcap", true}},
    {0, 6, "Cg0NCg", {"a capture written in base64", "make bytes of it: base64 -d FILE > NEW.pcapng", true}},
    {0, 9, "\xef\xbf\xbd\xc3\xb2\xef\xbf\xbd\x02", {"a capture that was written as UTF-8 text", NOT_AS_TEXT, true}},
    {0, 8, "M<\xef\xbf\xbd\xef\xbf\xbd", {"a capture that was written as UTF-8 text", NOT_AS_TEXT, true}},
    {0, 8, "\xc3\x94\xc3\x83\xc2\xb2\xc2\xa1", {"a capture that was written as UTF-8 text", NOT_AS_TEXT, true}},
    {0, 16, "SQLite format 3\0", {"an SQLite database", "if it is one of --db, ask it with sqlite3", false}},
    {0, 10, "#separator", {"a log of Zeek", "it holds no packets: give the capture that Zeek read", false}},
    {0, 8, "ElfFile\0", {"an event log of Windows", "it holds no packets", false}},
    {0, 14, "<!DOCTYPE html", {"a web page", INSTEAD_OF_THE_FILE, false}},
    {0, 14, "<!doctype html", {"a web page", INSTEAD_OF_THE_FILE, false}},
    {0, 5, "<html", {"a web page", INSTEAD_OF_THE_FILE, false}},
    {0, 5, "<?xml", {"XML", "it holds no packets: give the capture that it was made from (tshark -w)", false}},
    {0,
     1,
     "{",
     {"JSON", "it holds no packets: give the capture that it was made from (a .har of a browser has none)", false}},
    {0, 1, "[", {"JSON", "it holds no packets: give the capture that it was made from (tshark -w)", false}},
};

static bool has_bytes(struct cursor head, size_t offset, const char *bytes, size_t length)
{
    return cursor_skip(&head, offset) && cursor_starts(head, (const uint8_t *)bytes, length);
}

/* ---- formats that need more than that ---- */

/* An event trace starts with a buffer header of 0x48 bytes (0x38 before Windows 2000) and the header of the first event:
 * version 1 or 2, header type 1 (32 bits) or 2 (64 bits), flags 0xc0; size 2, hook 0. */
static bool is_event_trace(struct cursor head)
{
    static const size_t places[] = {0x48, 0x38};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct cursor at = head;
        uint16_t version, size, hook;
        uint8_t type, flags;
        if (cursor_skip(&at, places[i]) && cursor_le16(&at, &version) && cursor_u8(&at, &type) &&
            cursor_u8(&at, &flags) && cursor_le16(&at, &size) && cursor_le16(&at, &hook) &&
            (version == 1 || version == 2) && (type == 1 || type == 2) && flags == 0xc0 && hook == 0)
            return true;
    }
    return false;
}

static bool is_magic(uint32_t value)
{
    return value == 0x1a2b3c4d || value == 0x4d3c2b1a;
}

/* The type of a pcapng section header was made of line ends so that it shows a transfer that changes them
 * (draft-ietf-opsawg-pcapng, section 4.1): other line ends, a length of four bytes, and the magic number. */
#define LINE_ENDS_MAX 8 /* each of four became two */
static bool is_pcapng_with_other_lines(struct cursor head)
{
    size_t ends = 0;
    while (ends < head.left && ends < LINE_ENDS_MAX && (head.at[ends] == '\r' || head.at[ends] == '\n'))
        ends++;
    for (size_t length = 4; length <= 5; length++) { /* a length may hold a line end as well */
        struct cursor magic = head;
        uint32_t value;
        if (ends >= 2 && cursor_skip(&magic, ends + length) && cursor_be32(&magic, &value) && is_magic(value))
            return true;
    }
    return false;
}

static bool is_utf16(struct cursor head)
{
    return cursor_starts(head, (const uint8_t *)"\xff\xfe", 2) || cursor_starts(head, (const uint8_t *)"\xfe\xff", 2);
}

/* Do the bytes start so, each two of them swapped when `swapped`? */
static bool starts_in_order(struct cursor bytes, const char *start, size_t length, bool swapped)
{
    if (bytes.left < length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (bytes.at[swapped ? i ^ 1u : i] != (uint8_t)start[i])
            return false;
    }
    return true;
}

/* With or without the mark of its order in front. */
static bool starts_in_utf16(struct cursor head, const char *start, size_t length)
{
    struct cursor behind = head;
    for (int swapped = 0; swapped < 2; swapped++) {
        if (starts_in_order(head, start, length, swapped))
            return true;
    }
    bool marked = is_utf16(head) && cursor_skip(&behind, 2);
    return marked && starts_in_order(behind, start, length, head.at[0] == 0xfe);
}

/* PowerShell takes the bytes for text in the code page of the terminal and writes them as UTF-16: the magic number in
 * the code pages 437, 850 and 1252, or the line ends of pcapng. */
static bool is_capture_in_utf16(struct cursor head)
{
    static const char *const starts[] = {
        "\x58\x25\x1c\x25\x93\x25\xed\0",
        "\xc8\0\x1c\x25\x93\x25\xed\0",
        "\xd4\0\xc3\0\xb2\0\xa1\0",
        "M\0<\0\x93\x25\xed\0",
        "M\0<\0\xb2\0\xa1\0",
        "\r\0\n\0\r\0\n\0",
        "\n\0\r\0\r\0\n\0",
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (starts_in_utf16(head, starts[i], 8))
            return true;
    }
    return starts_in_utf16(head, "\xfd\xff\xf2\0\xfd\xff", 6);
}

static bool is_zeros(struct cursor head)
{
    for (size_t i = 0; i < head.left; i++) {
        if (head.at[i] != 0)
            return false;
    }
    return head.left > 0;
}

/* UTF-8 without control characters; the last character may be cut. */
static bool is_text(struct cursor head)
{
    const uint8_t *at = head.at, *end = head.at + head.left;
    while (at < end) {
        const uint8_t *start = at;
        uint32_t character = text_next(&at, end);
        bool cut = character == 0xfffd && end - start < 4 && head.left == FOREIGN_HEAD;
        if ((character < 0x80 && !isprint((int)character) && !isspace((int)character)) || (character == 0xfffd && !cut))
            return false;
    }
    return head.left > 0;
}

/* Reads the head of a record of ERF: time 8, of which the upper half are seconds since 1970; type 1 (the highest bit:
 * extension headers), flags 1, length 2, losses 2, length on the wire 2. `whole`: it is an Ethernet frame that fills it. */
static MUST_USE bool read_erf(struct cursor head, size_t *length, bool *whole)
{
    enum { HEADER = 16, ETHERNET = 2, META = 27, TYPE_LAST = 48, YEAR_2001 = 0x3a4fc880, YEAR_2038 = 0x7fffffff };
    uint32_t fraction, seconds;
    uint8_t type, flags;
    uint16_t record, losses, wire;
    if (!cursor_le32(&head, &fraction) || !cursor_le32(&head, &seconds) || !cursor_u8(&head, &type) ||
        !cursor_u8(&head, &flags) || !cursor_be16(&head, &record) || !cursor_be16(&head, &losses) ||
        !cursor_be16(&head, &wire))
        return false;
    *length = record;
    *whole = type == ETHERNET && record == ((HEADER + 2u + wire + 7u) & ~7u);
    bool meta = (type & 0x7f) == META;
    return record >= HEADER && (type & 0x7f) != 0 && (type & 0x7f) <= TYPE_LAST && (meta || wire > 0) &&
           ((meta && seconds == 0) || (seconds >= YEAR_2001 && seconds <= YEAR_2038));
}

/* Two records, or one that is an Ethernet frame or all of the file. */
static bool is_erf(struct cursor head)
{
    size_t length;
    bool whole;
    if (!read_erf(head, &length, &whole))
        return false;
    return whole || length == head.left || (cursor_skip(&head, length) && read_erf(head, &length, &whole));
}

static const struct {
    bool (*shows)(struct cursor head);
    struct foreign foreign;
} SHAPES[] = {
    {is_event_trace,
     {"an event trace of Windows (ETL: netsh trace, pktmon)",
      "convert it with etl2pcapng FILE NEW.pcapng, or on Windows with pktmon etl2pcap FILE", true}},
    {is_pcapng_with_other_lines,
     {"a pcapng capture whose line ends were changed (transferred as text)", BINARY_TRANSFER, true}},
    {is_capture_in_utf16, {"a capture that was written as UTF-16 text", NOT_AS_TEXT, true}},
    {is_utf16, {"UTF-16 text", WITH_TEXT2PCAP, false}},
    {is_text, {"text", WITH_TEXT2PCAP, false}},
    {is_erf, {"a recording of an Endace card (ERF)", WITH_EDITCAP, true}},
    {is_zeros,
     {"a file of zeros", "it was preallocated or is what a crash left: nothing was captured in it, or it is lost",
      true}},
};

const struct foreign *foreign_recognise(struct cursor head)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        if (has_bytes(head, FORMATS[i].offset, FORMATS[i].bytes, FORMATS[i].length))
            return &FORMATS[i].foreign;
    }
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        if (SHAPES[i].shows(head))
            return &SHAPES[i].foreign;
    }
    return NULL;
}

/* ---- damage within a file ---- */

/* Line ends that must be there before their kind means something: 8 bytes of 0x0a that all follow a 0x0d come about by
 * chance once in 256^8. */
#define LINES_MIN 8

const struct foreign *foreign_damage(struct cursor bytes)
{
    static const struct foreign lines = {"a capture whose line ends were changed (transferred as text)",
                                         BINARY_TRANSFER, true};
    static const struct foreign replaced = {"a capture that was written as UTF-8 text", NOT_AS_TEXT, true};
    size_t feeds = 0, pairs = 0, replacements = 0;
    for (size_t i = 0; i < bytes.left; i++) {
        feeds += bytes.at[i] == '\n';
        pairs += i > 0 && bytes.at[i] == '\n' && bytes.at[i - 1] == '\r';
        replacements += i > 1 && memcmp(bytes.at + i - 2, "\xef\xbf\xbd", 3) == 0;
    }
    size_t place;
    bool text = cursor_find(bytes, cursor_of((const uint8_t *)" HTTP/1.", 8), &place);
    if (replacements >= LINES_MIN)
        return &replaced;
    if (feeds >= LINES_MIN && (pairs == feeds || (text && pairs == 0)))
        return &lines;
    return NULL;
}

/* ---- names ---- */

bool foreign_is_capture_name(const char *path)
{
    static const char *const endings[] = {".pcap",  ".pcapng", ".cap", ".ntar", ".dmp", ".etl",
                                          ".snoop", ".trc",    ".pkt", ".erf",  ".enc"};
    static const char *const packed[] = {".gz", ".zst", ".xz", ".lz4", ".bz2"};
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++) {
        size_t ending = strlen(packed[i]);
        if (length > ending && strcasecmp(name + length - ending, packed[i]) == 0) {
            length -= ending;
            break;
        }
    }
    while (length > 0 && isdigit((unsigned char)name[length - 1])) /* tcpdump -W numbers its files */
        length--;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (length >= ending && strncasecmp(name + length - ending, endings[i], ending) == 0)
            return true;
    }
    return false;
}
