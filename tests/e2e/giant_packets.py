#!/usr/bin/env python3
"""Packets of any size up to the largest that a capture holds (262,144 bytes): IPv4 whose total length is 0 because segmentation
was left to the network card, IPv6 without a payload length, IPv6 jumbograms (RFC 2675), over TCP and UDP."""

import ipaddress
import struct

import lab

ETHERNET = bytes.fromhex("020000000001020000000002")
KB = 1024
LARGEST = lab.SNAP_LENGTH - 14 - 40 - 8 - 20  # what is left for TCP in a jumbogram
SIZES = (64 * KB, 128 * KB - 1, 128 * KB, 128 * KB + 1, 192 * KB, 240 * KB, LARGEST)
TCP, UDP = 6, 17
FAMILIES = ("ipv4", "ipv6", "jumbogram")
CLIENTS, SERVER = 4, 1
READ = (lab.DONE, lab.RULE_FAILED, lab.INCOMPLETE)


def address(family, host):
    return ipaddress.ip_address(f"10.1.1.{host}" if family == "ipv4" else f"fd00::{host}").packed


def over_ip(family, protocol, source, target, data):
    """A frame with lengths as they are where 16 bits hold them, else as the family says."""
    ends = address(family, source) + address(family, target)
    if family == "ipv4":
        total = 20 + len(data) if 20 + len(data) < 64 * KB else 0
        head = struct.pack(">BBHHHBBH", 0x45, 0, total, 1, 0x4000, 64, protocol, 0) + ends
        return ETHERNET + b"\x08\x00" + head[:10] + struct.pack(">H", lab.checksum(head)) + head[12:] + data
    length = len(data)
    if length >= 64 * KB:
        length = 0
        if family == "jumbogram":  # next header, length 0 (8 bytes), the option 0xc2 of 4 bytes: all behind the IPv6 header
            data = struct.pack(">BBBBI", protocol, 0, 0xC2, 4, len(data) + 8) + data
            protocol = 0
    return ETHERNET + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, length, protocol, 64) + ends + data


def tcp(family, source, target, ports, numbers, flags, data=b""):
    return over_ip(family, TCP, source, target, struct.pack(">HHIIBBHHH", *ports, *numbers, 5 << 4, flags, 65535, 0, 0) + data)


def download(family, client, port, size):
    """The frames of a connection whose server answers with one segment of `size` bytes of payload."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %6d\r\n\r\n"
    body = size - len(head % 0)
    request, reply = b"GET /file HTTP/1.1\r\nHost: dp\r\n\r\n", head % body + bytes(body)
    out, back = (port, 80), (80, port)
    x, y = 1000, 5000
    yield tcp(family, client, SERVER, out, (x, 0), lab.SYN)
    yield tcp(family, SERVER, client, back, (y, x + 1), lab.SYN | lab.ACK)
    x, y = x + 1, y + 1
    yield tcp(family, client, SERVER, out, (x, y), lab.PSH | lab.ACK, request)
    x += len(request)
    yield tcp(family, SERVER, client, back, (y, x), lab.PSH | lab.ACK, reply)
    y += len(reply)
    yield tcp(family, client, SERVER, out, (x, y), lab.FIN | lab.ACK)
    yield tcp(family, SERVER, client, back, (y, x + 1), lab.FIN | lab.ACK)
    yield tcp(family, client, SERVER, out, (x + 1, y + 1), lab.ACK)


def datagram(family, client, port, size):
    """UDP has no length beyond 64 KB: 0 (RFC 2675 section 4)."""
    length = size + 8 if size + 8 < 64 * KB else 0
    yield over_ip(family, UDP, client, SERVER, struct.pack(">HHHH", port, 1900, length, 0) + bytes(size))


def interleaved(conversations):
    """A packet of each in turn, a millisecond apart."""
    frames = []
    conversations = [list(conversation) for conversation in conversations]
    for turn in range(max(map(len, conversations))):
        frames += [conversation[turn] for conversation in conversations if turn < len(conversation)]
    return [(1_700_000_000 * 10**9 + number * 10**6, frame) for number, frame in enumerate(frames)]


def each_family(make, sizes):
    """Conversations of some clients at a time, so that small segments come between large ones in each worker."""
    for family in FAMILIES:
        yield family, [make(family, 10 + number % CLIENTS, 40000 + number, size) for number, size in enumerate(sizes)]


def expect_same(capture, what):
    """One worker or several: the same bytes come out."""
    for command in (("check", "-T", "json"), ("flows", "-T", "csv"), ("query", "-T", "csv", "SELECT * FROM http")):
        one, *others = (lab.cmscope(command[0], "-r", capture, "--threads", threads, *command[1:], status=READ)
                        for threads in "123")
        for other in others:
            lab.expect((other.status, other.output, other.errors) == (one.status, one.output, one.errors),
                       f"{what}: {command[0]} depends on the number of workers")


def test_tcp():
    """A TCP segment of 64 KB to 256 KB is read whole, over IPv4 and IPv6 without length and as a jumbogram."""
    with lab.folder() as folder:
        for family, conversations in each_family(download, SIZES):
            capture = lab.write_pcap(folder / f"{family}.pcap", interleaved(conversations))
            rows = lab.query("SELECT sport, bytes_in, gaps FROM flow ORDER BY sport", capture)
            wanted = [{"sport": 40000 + number, "bytes_in": size, "gaps": 0} for number, size in enumerate(SIZES)]
            lab.expect_equal(rows, wanted, family)
            replies = lab.query("SELECT complete, response_bytes FROM http ORDER BY response_bytes", capture)
            lab.expect_equal([row["complete"] for row in replies], [1] * len(SIZES), family)
            lab.expect_equal([row["response_bytes"] for row in replies],
                             [size - len(b"HTTP/1.1 200 OK\r\nContent-Length: 123456\r\n\r\n") for size in SIZES], family)
            expect_same(capture, family)


def test_udp():
    """A datagram of 64 KB to 256 KB is read whole as well."""
    with lab.folder() as folder:
        for family, conversations in each_family(datagram, SIZES):
            capture = lab.write_pcap(folder / f"{family}.pcap", interleaved(conversations))
            rows = lab.query("SELECT sport, bytes_out FROM flow ORDER BY sport", capture)
            lab.expect_equal(rows, [{"sport": 40000 + number, "bytes_out": size} for number, size in enumerate(SIZES)], family)
            expect_same(capture, family)


def test_many():
    """Many segments above 128 KB in a row, from many connections, give the same with any number of workers."""
    with lab.folder() as folder:
        sizes = [100 * KB + 997 * number for number in range(120)]
        frames = interleaved(download("ipv4", 10 + number % 50, 40000 + number, size) for number, size in enumerate(sizes))
        capture = lab.write_pcap(folder / "many.pcap", frames)
        lab.expect_equal(lab.value("SELECT sum(bytes_in) FROM flow", capture, options=("--threads", "2")), sum(sizes), "bytes")
        expect_same(capture, "many")


if __name__ == "__main__":
    lab.main(test_tcp, test_udp, test_many)
