#!/usr/bin/env python3
"""Captures of recorders that put a header of their own before the packets, or leave all headers out: ERF, PKTAP, and PDUs that
Wireshark exported. The messages are those of the capture that they are made of."""

import struct
import subprocess

import lab

ROWS = "SELECT direction, client, server, endpoint, signature, root, message_id FROM message ORDER BY packet, id"
ERF, PKTAP, EXPORTED = 197, 258, 252
LAB = lab.CAPTURES / "lab"


def write(path, link_type, packets):
    """Packets (nanoseconds, bytes) as a pcap file of any link type."""
    lab.write_pcap(path, packets)
    data = bytearray(path.read_bytes())
    data[20:24] = struct.pack("<I", link_type)
    path.write_bytes(bytes(data))
    return path


def erf(frame, colour):
    """An Ethernet frame with its checksum as a DAG card records it: with or without extension headers, padded to 8 bytes."""
    kind, more = ((0x80 | 11), bytes([0x84]) + bytes(7) + bytes([4]) + bytes(7)) if colour else (2, b"")
    content = more + bytes(2) + frame + bytes(4)
    content += bytes(-len(content) % 8)
    return bytes(8) + struct.pack(">BBHHH", kind, 4, 16 + len(content), 0, len(frame) + 4) + content


def pktap(frame, ethernet):
    head = struct.pack("<III", 108, 1, 1 if ethernet else 12)
    return head + b"en0".ljust(96, b"\0") + (frame if ethernet else frame[14:])


def tag(number, value):
    return struct.pack(">HH", number, len(value)) + value


def segments(path):
    """(time, addresses, ports, sequence number, acknowledgement, payload) of the TCP segments with data."""
    for time, frame in lab.read_pcap(path):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        start = 14 + (frame[14] & 15) * 4
        ports = struct.unpack_from(">HHII", frame, start)
        data = frame[start + (frame[start + 12] >> 4) * 4 : 14 + struct.unpack_from(">H", frame, 16)[0]]
        if data:
            yield time, (frame[26:30], frame[30:34]), ports[:2], ports[2], ports[3], data


def pdu(kind, name, addresses, ports, data, numbers=b""):
    ends = tag(20, addresses[0]) + tag(21, addresses[1]) + tag(24, struct.pack(">I", 2))
    ends += tag(25, struct.pack(">I", ports[0])) + tag(26, struct.pack(">I", ports[1]))
    return tag(kind, name) + ends + numbers + tag(0, b"") + data


def layer_4(path):
    for time, addresses, ports, sequence, acknowledged, data in segments(path):
        numbers = struct.pack(">HIIIBHH", 1, sequence, (sequence + len(data)) % 2**32, acknowledged, 0, 0x18, 0)
        yield time, pdu(14, b"tcp.port\0\0\0\0", addresses, ports, data, tag(34, numbers))


def layer_7(path):
    """As from TLS: each turn of a connection after its first segment, and again after each further one."""
    turns = {}
    for time, addresses, ports, _, _, data in segments(path):
        ends = tuple(zip(addresses, ports))
        turns.pop(ends[::-1], None)
        turns[ends] = turns.get(ends, b"") + data
        ports = tuple(443 if port == 80 else port for port in ports)
        yield time, pdu(13, b"http_tls", addresses, ports, turns[ends])


def test_recorders():
    """ERF with and without extension headers, PKTAP of Ethernet and of raw IP: the packets and messages of the capture."""
    packets = lab.read_pcap(lab.SCCMWTF)
    wanted = lab.query(ROWS, lab.SCCMWTF)
    with lab.folder() as folder:
        for name, link_type, made in (
            ("erf", ERF, [(time, erf(frame, i % 2)) for i, (time, frame) in enumerate(packets)]),
            ("pktap", PKTAP, [(time, pktap(frame, i % 2 or frame[12:14] != b"\x08\x00")) for i, (time, frame) in enumerate(packets)]),
        ):
            path = write(folder / f"{name}.pcap", link_type, made)
            lab.expect_equal(lab.query(ROWS, path), wanted, name)
            times = "SELECT packets, time, last_time FROM input"
            lab.expect_equal(lab.query(times, path), lab.query(times, lab.SCCMWTF), f"{name}: packets and times")


def test_exported():
    """PDUs of layer 4 are the segments of the capture; those of layer 7, which came out of TLS, its messages over https, and
    nothing of them was sent in clear."""
    wanted = lab.query(ROWS, lab.SCCMWTF)
    with lab.folder() as folder:
        four = write(folder / "4.pcap", EXPORTED, list(layer_4(lab.SCCMWTF)))
        seven = write(folder / "7.pcap", EXPORTED, list(layer_7(lab.SCCMWTF)))
        for path in (four, seven):
            lab.expect_equal(lab.query(ROWS, path), wanted, path.name)
            lab.expect_equal(lab.value("SELECT sum(gaps) + sum(conflicts) FROM flow", path), 0, f"{path.name}: gaps and conflicts")
        secure = "SELECT DISTINCT transport, tls FROM message JOIN http ON http.id = message.http"
        lab.expect_equal(lab.query(secure, four), [{"transport": "http", "tls": 0}], "layer 4")
        lab.expect_equal(lab.query(secure, seven), [{"transport": "https", "tls": 1}], "layer 7")
        lab.expect_equal(lab.value("SELECT sum(bytes_clear) FROM host_pair", seven), 0, "bytes in clear")


def test_others_are_named():
    """PDUs of a protocol that is not read: named, counted, status 5."""
    ends = ((bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])), (50000, 443))
    with lab.folder() as folder:
        path = write(folder / "other.pcap", EXPORTED, [(10**18, pdu(12, b"http2", *ends, b"PRI * HTTP/2.0"))] * 3)
        result = lab.cmscope("check", "-r", path, status=lab.INCOMPLETE)
        lab.expect_in('"http2"', result.errors, "the reason")
        found = lab.query("SELECT value FROM coverage WHERE name = 'unread_export'", path, status=lab.INCOMPLETE)
        lab.expect_equal(found, [{"value": 3}], "the counter")


def test_tshark_exports():
    """What tshark exports of TLS that it decrypts has the messages that the keys give of the capture itself."""
    tshark = lab.tool("tshark")
    captures = [lab.PCAPS / "sdk-native-https.pcap"]
    captures += [LAB / f"{name}.pcap" for name in ("sccmwtf-tls12-ecdhe", "sccmwtf-tls13", "sccmwtf-tls12-renegotiation")]
    with lab.folder() as folder:
        for capture in filter(lambda capture: capture.exists(), captures):
            keys = capture.with_suffix(".keys")
            log = next(keys.glob("*keylog*"))
            path = folder / f"{capture.stem}.pcapng"
            command = [tshark, "-r", capture, "-o", f"tls.keylog_file:{log}", "-U", "OSI layer 7", "-w", path]
            subprocess.run(command, check=True, capture_output=True)
            wanted = lab.query(ROWS, capture, options=("--keys", keys))
            lab.expect(wanted, f"{capture.name}: no message")
            lab.expect_equal(lab.query(ROWS, path, options=("--keys", keys)), wanted, capture.name)


if __name__ == "__main__":
    lab.main(test_recorders, test_exported, test_others_are_named, test_tshark_exports)
