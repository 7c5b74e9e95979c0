#!/usr/bin/env python3
"""make_whole_seeds.py: writes captures that fuzz_whole starts from into a folder. They are made of what is in the sources:

  * the captures of tests/pcaps and tests/cases as they are;
  * inflated: each run of bytes in one direction of a TCP connection becomes one segment, up to 240 KB (IPv4 with total length
    0), plain, and with as many bytes added as fit;
  * one capture in each kind of tunnel and under each kind of link header that is read;
  * the seeds of the harnesses of single dissectors, whose events (play.h, streams.h) become packets;
  * connections that no other seed has: see ours().

usage: make_whole_seeds.py FOLDER
"""

import gzip
import ipaddress
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import smb_bytes as b

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
SMALL = TESTS / "pcaps" / "sccmwtf-http.pcap"
INFLATED = ("sccmwtf-http", "sdk-http-full", "broken-zlib-bomb", "sdk-sha1", "sharpsccm-secrets")
SNAP_LENGTH, SEGMENT_MAX, KB = 262144, 240 * 1024, 1024
TCP, UDP = 6, 17
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MACS = bytes.fromhex("020000000002020000000001")
ETHERNET = MACS + b"\x08\x00"
DLT_ETHERNET, DLT_RAW = 1, 101
SECOND = 10**9
START = 1_700_000_000 * SECOND
CHECKSUMS, SECRETS, FILTER, POLICY = 1, 2, 4, 4  # bits of the time zone, and where those of a policy begin
TABLES = 60  # about as many as there are
ADDED_TURNS = 4  # a seed of 1 MB is as much as the fuzzer handles well
TUNNELLED_PACKETS = 24  # of SMALL: its first requests and replies


# ---- Files and packets ----------------------------------------------------------------------------------------------


def read_pcap(path):
    """(nanoseconds, frame) of a pcap file in little endian with microseconds."""
    data, offset, packets = Path(path).read_bytes(), 24, []
    while offset < len(data):
        seconds, fraction, length, _ = struct.unpack_from("<IIII", data, offset)
        packets.append((seconds * SECOND + fraction * 1000, data[offset + 16 : offset + 16 + length]))
        offset += 16 + length
    return packets


def write_pcap(path, packets, link_type=DLT_ETHERNET, options=0):
    """`options` is the time zone: see fuzz_whole.c."""
    parts = [struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, options, 0, SNAP_LENGTH, link_type)]
    for time, frame in packets:
        parts += [struct.pack("<IIII", time // SECOND, time % SECOND, len(frame), len(frame)), frame]
    path.write_bytes(b"".join(parts))


def ipv4(protocol, source, target, data):
    total = 20 + len(data) if 20 + len(data) < 64 * KB else 0
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return struct.pack(">BBHHHBBH", 0x45, 0, total, 1, 0x4000, 64, protocol, 0) + ends + data


def udp(sport, dport, data):
    return struct.pack(">HHHH", sport, dport, (8 + len(data)) % (64 * KB), 0) + data


def spaced(frames):
    return [(START + number * 1_000_000, frame) for number, frame in enumerate(frames)]


class Connection:
    """Packets of TCP, or of UDP, from 10.1.1.5 to a port of 10.1.1.11."""

    def __init__(self, port, transport=TCP, client=50000, handshake=True):
        self.ports, self.transport = (client, port), transport
        self.next, self.frames = [1000, 5000], []
        if transport == TCP and handshake:
            self.segment(0, SYN)
            self.segment(1, SYN | ACK)
            self.segment(0, ACK)

    def say(self, side, data):
        """One packet; `side` 0 is the client."""
        if self.transport == UDP:
            self._frame(side, UDP, udp(*self._ports(side), data))
        else:
            self.segment(side, PSH | ACK, data)
        return self

    def segment(self, side, flags, data=b""):
        head = struct.pack(">HHIIBBHHH", *self._ports(side), self.next[side] % 2**32, self.next[1 - side] % 2**32, 5 << 4, flags,
                           65535, 0, 0)
        self._frame(side, TCP, head + data)
        self.next[side] += len(data) + (1 if flags & (SYN | FIN) else 0)

    def skip(self, side, count):
        """Bytes that the capture does not have."""
        self.next[side] += count

    def close(self):
        if self.transport == TCP:
            self.segment(0, FIN | ACK)
            self.segment(1, FIN | ACK)
            self.segment(0, ACK)
        return self.frames

    def _ports(self, side):
        return self.ports[side], self.ports[1 - side]

    def _frame(self, side, protocol, data):
        ends = ("10.1.1.5", "10.1.1.11") if side == 0 else ("10.1.1.11", "10.1.1.5")
        self.frames.append(ETHERNET + ipv4(protocol, *ends, data))


# ---- Inflated -------------------------------------------------------------------------------------------------------


def tcp_of(frame):
    """(ports, flags, payload) of Ethernet, IPv4 and TCP; None of anything else."""
    if frame[12:14] != b"\x08\x00" or frame[23] != TCP:
        return None
    start = 14 + (frame[14] & 15) * 4
    end = 14 + struct.unpack_from(">H", frame, 16)[0]
    ports = struct.unpack_from(">HH", frame, start)
    return ports, frame[start + 13], frame[start + (frame[start + 12] >> 4) * 4 : end]


def turns(packets):
    """For each connection: [port of the server, [(side, bytes), ...]]; bytes of one side that follow each other are joined."""
    connections = {}
    for _, frame in packets:
        found = tcp_of(frame)
        if found is None:
            continue
        ports, flags, data = found
        server = min(ports)
        connection = connections.setdefault((max(ports), server), [])
        side = 0 if ports[1] == server else 1
        if data and connection and connection[-1][0] == side:
            connection[-1][1] += data
        elif data:
            connection.append([side, data])
    return connections


def inflated(path, added):
    """Each turn is one segment; `added`: with zeros up to SEGMENT_MAX, the first turns of the first connection."""
    frames = []
    for (client, port), said in list(turns(read_pcap(path)).items())[: 1 if added else None]:
        connection = Connection(port, client=client)
        for side, data in said[: ADDED_TURNS if added else None]:
            for offset in range(0, len(data), SEGMENT_MAX):
                piece = data[offset : offset + SEGMENT_MAX]
                connection.say(side, piece + bytes(SEGMENT_MAX - len(piece) if added else 0))
        frames += connection.close()
    return spaced(frames)


# ---- Tunnels and link headers ---------------------------------------------------------------------------------------

# Protocol of IP, port (of UDP), what stands before the packet. E: an Ethernet header follows. Headers as in
# tests/unit/test_capture_decode_tunnel.c. L: two bytes of length, of what follows.
E = ETHERNET
TUNNELS = {
    "ipip": (4, 0, b""),
    "gre": (47, 0, b"\0\0\x08\0"),
    "gre-all": (47, 0, b"\xb0\0\x08\0\1\2\0\0\0\0\0\7\0\0\0\x09"),
    "gre-ethernet": (47, 0, b"\x20\0\x65\x58\0\0\0\7" + E),
    "gre-vlan": (47, 0, b"\0\0\x65\x58" + MACS + b"\x81\0\0\x78\x08\0"),
    "gre-mpls": (47, 0, b"\0\0\x88\x47\0\1\1\x40"),
    "pptp": (47, 0, b"\x30\x81\x88\x0b\0\x31\0\1\0\0\0\0\0\0\0\0\x21"),
    "erspan1": (47, 0, b"\0\0\x88\xbe" + E),
    "erspan2": (47, 0, b"\x10\0\x88\xbe\0\0\0\1\x10\x64\0\1\0\0\0\0" + E),
    "erspan3": (47, 0, b"\x10\0\x22\xeb\0\0\0\1\x20\x64\0\1\0\0\0\0\0\0\x80\1\0\0\0\0\0\0\0\0" + E),
    "erspan3-ip": (47, 0, b"\x10\0\x22\xeb\0\0\0\1\x20\x64\0\1\0\0\0\0\0\0\x88\0"),
    "wccp": (47, 0, b"\0\0\x88\x3e\0\0\0\0"),
    "etherip": (97, 0, b"\x30\0" + E),
    "mpls-ip": (137, 0, b"\0\1\1\x40"),
    "l2tp3": (115, 0, b"\0\0\0\7"),
    "vxlan": (UDP, 4789, b"\x08\0\0\0\0\0\7\0" + E),
    "vxlan-group": (UDP, 8472, b"\x88\0\0\5\0\0\7\0" + E),
    "vxlan-gpe": (UDP, 4790, b"\x0c\0\0\1\0\0\7\0"),
    "geneve": (UDP, 6081, b"\2\x40\x65\x58\0\0\7\0\1\2\x80\1\0\0\0\0" + E),
    "gtp": (UDP, 2152, b"\x30\xffL\0\0\0\7"),
    "gtp-extension": (UDP, 2152, b"\x34\xffL\0\0\0\7\0\0\0\x85\1\x10\1\0"),
    "l2tp": (UDP, 1701, b"\x02\2\0\1\0\2\0\2\0\0\0\x21"),
    "teredo": (UDP, 3544, b"\0\1\1\2i\1\2\1\2\3\4\5\6\7\10\0\0\0\x12\x34\xf5\xff\xff\xfe"),
    "mpls-udp": (UDP, 6635, b"\0\1\1\x40"),
    "gre-udp": (UDP, 4754, b"\0\0\x08\0"),
    "tzsp": (UDP, 37008, b"\1\0\0\1\1" + E),
}

# Before the packet of IPv4; the link type of the file.
LINKS = {
    "raw": (101, b""),
    "null": (0, b"\2\0\0\0"),
    "loop": (108, b"\0\0\0\2"),
    "ppp": (9, b"\xff\3\0\x21"),
    "sll": (113, b"\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0"),
    "sll2": (276, b"\x08\0\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0"),
    "vlan": (1, MACS + b"\x81\0\0\x64\x08\0"),
    "vlans": (1, MACS + b"\x88\xa8\0\x64\x81\0\0\x65\x08\0"),
    "mpls": (1, MACS + b"\x88\x47\0\1\0\x40\0\1\1\x40"),
    "mpls-ethernet": (1, MACS + b"\x88\x47\0\1\1\x40\0\0\0\0" + E),
    "pppoe": (1, MACS + b"\x88\x64\x11\0\0\1\5\xff\0\x21"),
    "llc": (1, MACS + b"\5\xdc\xaa\xaa\3\0\0\0\x08\0"),
    "wifi": (105, b"\x08\1\0\0" + MACS + b"\2\0\0\0\0\3\0\0\xaa\xaa\3\0\0\0\x08\0"),
    "radiotap": (127, b"\0\0\x08\0\0\0\0\0\x88\1\0\0" + MACS + b"\2\0\0\0\0\3\0\0\0\0\xaa\xaa\3\0\0\0\x08\0"),
}


def packets_of_ip(count):
    """The first IPv4 packets of SMALL, without their link header."""
    return [(time, frame[14:]) for time, frame in read_pcap(SMALL)[:count]]


def tunnelled(protocol, port, header):
    for time, packet in packets_of_ip(TUNNELLED_PACKETS):
        if port == 3544:
            packet = struct.pack(">IHBB", 6 << 28, len(packet), 4, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + packet
        before, mark, after = header.partition(b"L")
        inside = before + struct.pack(">H", len(after) - 4 + len(packet)) + after if mark else header
        inside += packet
        yield time, ETHERNET + ipv4(protocol, "10.9.0.1", "10.9.0.2", udp(40000, port, inside) if protocol == UDP else inside)


def fragmented():
    """IPv4 and IPv6 fragments of 64 bytes."""
    for number, (time, packet) in enumerate(packets_of_ip(TUNNELLED_PACKETS)):
        data = packet[20:]
        for offset in range(0, len(data), 64):
            piece, more = data[offset : offset + 64], offset + 64 < len(data)
            head = packet[:2] + struct.pack(">HHH", 20 + len(piece), number, (more << 13) | offset // 8) + packet[8:20]
            yield time, ETHERNET + head + piece
            extension = struct.pack(">BBHI", packet[9], 0, offset | more, number)
            ends = bytes(12) + packet[12:16] + bytes(12) + packet[16:20]
            yield time, (MACS + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, 8 + len(piece), 44, 64) + ends + extension + piece)


# ---- Seeds of single harnesses --------------------------------------------------------------------------------------

# Ports of each harness, chosen by the first byte of a seed where there are several; None: no first byte.
PLAYED = {
    "http": [(TCP, 80), None],
    "ldap": [(TCP, 389), (UDP, 389)],
    "tds": [(TCP, 1433), (TCP, 3389), (TCP, 2701)],
    "dns": [(UDP, 53), (UDP, 137), (UDP, 5353), (UDP, 5355), (TCP, 53)],
    "dhcp": [(UDP, 67), (UDP, 4011), (UDP, 69), (UDP, 1434), (UDP, 9)],
    "tftp": [(UDP, 69), (UDP, 50069)],
    "ike": [(UDP, 500), (UDP, 4500)],
    "kdc": [(TCP, 88), (UDP, 88), (TCP, 53), (UDP, 53)],
    "remote": [(TCP, 3389), (TCP, 50389), (TCP, 2701), (TCP, 2702), (TCP, 16994), (UDP, 9)],
    "smb": [(TCP, 445), None],
    "rpc": [(TCP, 135), None],
    "tls": [(TCP, 443), None],
}


def played(name, seed, client=50000):
    """The events of play.h or streams.h as packets."""
    ports, streams = PLAYED[name], name in ("smb", "rpc")
    if name == "tls":
        seed = seed[2 + struct.unpack_from(">H", seed)[0] :]
    transport, port = ports[0]
    if ports[-1] is not None:
        transport, port = ports[seed[0] % len(ports)]
        seed = seed[1:]
    connection, frames = Connection(port, transport, client), []
    while len(seed) >= 3:
        event, length = seed[0] & 7, struct.unpack_from(">H", seed, 1)[0]
        seed = seed[3:]
        if event == 6:
            client += 1
            frames += connection.close()
            connection = Connection(port, transport, client)
        elif event in (2, 3):
            connection.skip(event & 1, length)
        elif event in (0, 1, 7) or streams:
            connection.say(event & 1 if event != 7 else 0, seed[:length])
            seed = seed[length:]
    return spaced(frames + connection.close())


# ---- Ours -----------------------------------------------------------------------------------------------------------


def smb1_open():
    """SMB1: a file is opened with NT_CREATE_ANDX and with OPEN_ANDX, written, renamed and closed."""
    opened = b.ANDX + struct.pack("<HHHHIHII", 0, 0x42, 0, 0, 0, 0x12, 0, 0) + bytes(4)
    answered = b.ANDX + struct.pack("<HHIIHHHHIH", 6, 0, 0, 0, 2, 0, 0, 2, 0, 0)
    return [
        (0, b.smb1_negotiate("NT LM 0.12")),
        (1, b.smb1_negotiate_reply(0)),
        (0, b.smb1_setup(b.spnego_init(b.ntlm_negotiate()), 1)),
        (1, b.smb1_setup_reply(b.spnego_reply(b.ntlm_challenge()), 1, b.MORE)),
        (0, b.smb1_setup(b.spnego_reply(b.ntlm_authenticate()), 2, 9)),
        (1, b.smb1_setup_reply(b"", 2)),
        (0, b.smb1_tree("\\\\CM01\\ADMIN$", 3)),
        (1, b.smb1_tree_reply(3)),
        (0, b.smb1_create("\\ccmsetup.exe", 4)),
        (1, b.smb1_create_reply(5, 4)),
        (0, b.smb1(0x2D, opened, b"\0" + b.wide("\\client.msi\0"), 5)),
        (1, b.smb1(0x2D, answered, b"", 5, reply=True)),
        (0, b.smb1_write(6, b"data", 6)),
        (1, b.smb1_write_reply(4, 6)),
        (0, b.smb1_rename("\\old", "\\new", 7)),
        (0, b.smb1_close(6, 8)),
        (1, b.smb1_close(6, 8, True)),
    ]


SSL2_CHALLENGE = bytes(range(16))


def ssl2():
    """A hello of SSL 2.0 that offers SSL 3.0 as well, and the answer of an SSL 2.0 server."""
    suites = bytes.fromhex("010080 020080 030080 000004 00000a".replace(" ", ""))
    hello = struct.pack(">BHHHH", 1, 0x0002, len(suites), 0, len(SSL2_CHALLENGE)) + suites + SSL2_CHALLENGE
    answer = struct.pack(">BBBHHHH", 4, 0, 1, 0x0002, 3, 3, 16) + b"\x30\1\0" + suites[:3] + bytes(16)
    return [(side, struct.pack(">H", 0x8000 | len(text)) + text) for side, text in ((0, hello), (1, answer), (0, bytes(40)), (1, bytes(40)))]


def proxied(said):
    """A connection through a proxy."""
    return [(0, b"CONNECT mp.example.test:443 HTTP/1.1\r\nHost: mp.example.test:443\r\n\r\n"),
            (1, b"HTTP/1.1 200 Connection established\r\n\r\n"), *said]


def notification():
    """Client notification over HTTP, as tests/unit/test_configmgr_notification.c has it."""
    header = b"<Message><SourceID>GUID:1</SourceID><Hooks><Hook Name='clientauth'/></Hooks></Message>"
    payload = b"<BgbKeepAliveMessage><ClientType>1</ClientType></BgbKeepAliveMessage>"
    body = struct.pack("<IHHIH", len(payload), 1, 0, len(header), 2) + header + payload
    head = f"POST /bgb/handler.ashx HTTP/1.1\r\nHost: mp\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return [(0, head + body), (1, f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)]


def rpc_datagram():
    head = bytes([4, 0, 8, 0, 0x10, 0, 0, 0]) + bytes(16) + bytes(range(16)) + bytes(16)
    return [(0, head + struct.pack("<IIIHHHHBB", 0, 1, 0, 7, 0xFFFF, 0xFFFF, 4, 0, 0) + b"stub")]


def openssl(*arguments, stdin=b""):
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=True).stdout


def get(path, content, kind):
    request = f"GET {path} HTTP/1.1\r\nHost: crl.example.test\r\n\r\n".encode()
    reply = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
    return [(0, request), (1, reply)]


def revocation():
    """A revocation list and an OCSP answer fetched over HTTP; openssl makes them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "index").write_text("R\t300101000000Z\t231101000000Z\t07\tunknown\t/CN=gone\nV\t300101000000Z\t\t08\tunknown\t/CN=good\n")
        (folder / "number").write_text("01\n")
        (folder / "conf").write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/index\ncrlnumber={folder}/number\ndefault_md=sha256\n"
                                     "default_crl_days=30\n[req]\ndistinguished_name=d\n[d]\n")
        key, ca = folder / "key", folder / "ca"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", ca, "-subj", "/CN=CA", "-days", "9",
                "-config", folder / "conf")
        openssl("ca", "-config", folder / "conf", "-gencrl", "-keyfile", key, "-cert", ca, "-out", folder / "crl")
        crl = openssl("crl", "-in", folder / "crl", "-outform", "DER")
        openssl("ocsp", "-issuer", ca, "-serial", "7", "-serial", "8", "-reqout", folder / "request")
        openssl("ocsp", "-index", folder / "index", "-rsigner", ca, "-rkey", key, "-CA", ca, "-reqin", folder / "request", "-respout",
                folder / "response")
        question, answer = (folder / "request").read_bytes(), (folder / "response").read_bytes()
    post = f"POST /ocsp HTTP/1.1\r\nHost: ocsp.example.test\r\nContent-Type: application/ocsp-request\r\nContent-Length: {len(question)}\r\n\r\n"
    reply = f"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: {len(answer)}\r\n\r\n"
    return [*get("/ca.crl", crl, "application/pkix-crl"), (0, post.encode() + question), (1, reply.encode() + answer)]


def ours():
    """(name, frames) of connections that no other seed has."""
    tls = [(side, bytes(data)) for said in turns(read_pcap(TESTS / "pcaps" / "tls" / "tls-old.pcap")).values() for side, data in said[:6]]
    for name, transport, port, said in (
        ("smb1-open", TCP, 445, smb1_open()),
        ("revocation", TCP, 80, revocation()),
        ("ssl2", TCP, 443, ssl2()),
        ("proxied", TCP, 8080, proxied(tls)),
        ("notification", TCP, 80, notification()),
        ("rpc-datagram", UDP, 135, rpc_datagram()),
    ):
        connection = Connection(port, transport)
        for side, data in said:
            connection.say(side, data)
        yield name, connection.close()


# ---- Disturbed ------------------------------------------------------------------------------------------------------


def disturbances(packets):
    """(name, packets) of the same packets as captures get them: lost, late, twice with other bytes, cut, out of time."""
    yield "holes", [packet for number, packet in enumerate(packets) if number % 7 != 5]
    late = list(packets)
    for number in range(4, len(late) - 1, 5):
        late[number], late[number + 1] = late[number + 1], late[number]
    yield "late", late
    twice = []
    for number, (time, frame) in enumerate(packets):
        twice.append((time, frame))
        if number % 3 == 1 and len(frame) > 80:
            twice.append((time, frame[:-9] + b"disturbed"))
    yield "twice", twice
    ahead = list(packets)  # contradicts what waits
    for number in range(6, len(packets) - 2, 9):
        ahead[number], ahead[number + 1] = ahead[number + 1], ahead[number]
        ahead.insert(number + 1, (ahead[number][0], ahead[number][1][:-9] + b"disturbed"))
    yield "ahead", ahead
    yield "cut", [(time, frame[:96]) for time, frame in packets]
    half = len(packets) // 2
    yield "back", packets[half:] + packets[:half]


def one_after_another(name):
    """All seeds of a harness in one capture, each from another client port."""
    packets = []
    for number, seed in enumerate(sorted((HERE / "corpus" / name).iterdir())):
        packets += [(START + len(packets) * 1_000_000, frame) for _, frame in played(name, seed.read_bytes(), 40000 + 50 * number)]
    return packets


def decoded(seed):
    """A seed of fuzz_decode: (link type, packets)."""
    links = (1, 101, 0, 113, 276, 108, 9, 228, 229, 50, 239, 51, 105, 127, 163, 119, 192)
    link, seed, packets, time = links[seed[0] % len(links)], seed[1:], [], START
    while len(seed) >= 4:
        _, tenths, length = struct.unpack_from(">BBH", seed)
        time += tenths * SECOND // 10
        packets.append((time, seed[4 : 4 + length]))
        seed = seed[4 + length :]
    return link, packets


def jumbograms():
    """TCP in IPv6 with a routing header, and with the length of a jumbogram."""
    ends = bytes(15) + b"\1" + bytes(15) + b"\2"
    for number, size in enumerate((100, 70000, 240 * KB)):
        tcp = struct.pack(">HHIIBBHHH", 50000, 80, 1000 + number, 1, 0x50, ACK | PSH, 65535, 0, 0) + bytes(size)
        routing = struct.pack(">BBBBI", TCP, 0, 2, 0, 0) + tcp
        if len(routing) < 64 * KB:
            yield MACS + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(routing), 43, 64) + ends + routing
        else:
            jumbo = struct.pack(">BBBBI", 43, 0, 0xC2, 4, len(routing) + 8) + routing
            yield MACS + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, 0, 0, 64) + ends + jumbo


# ---- All of it ------------------------------------------------------------------------------------------------------


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    captures = [*TESTS.glob("pcaps/*.pcap*"), *TESTS.glob("pcaps/tls/*.pcap*"), *TESTS.glob("cases/*.pcap*")]
    for path in captures:
        data = path.read_bytes()
        (folder / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(data) if path.suffix == ".gz" else data)
    for name in INFLATED:
        for added in (False, True):
            write_pcap(folder / f"inflated-{name}{'-added' * added}.pcap", inflated(TESTS / "pcaps" / f"{name}.pcap", added))
    for name, tunnel in TUNNELS.items():
        write_pcap(folder / f"tunnel-{name}.pcap", tunnelled(*tunnel))
    for name, (link_type, header) in LINKS.items():
        write_pcap(folder / f"link-{name}.pcap", [(time, header + packet) for time, packet in packets_of_ip(TUNNELLED_PACKETS)], link_type)
    write_pcap(folder / "fragments.pcap", fragmented())
    for name in PLAYED:
        for seed in sorted((HERE / "corpus" / name).iterdir()):
            write_pcap(folder / f"{name}-{seed.name}.pcap", played(name, seed.read_bytes()))
        for number, (kind, packets) in enumerate(disturbances(one_after_another(name))):
            write_pcap(folder / f"disturbed-{kind}-{name}.pcap", packets, options=number << POLICY)
    for number, (kind, packets) in enumerate(disturbances(read_pcap(SMALL))):
        write_pcap(folder / f"disturbed-{kind}.pcap", packets, options=number << POLICY)
    for seed in sorted((HERE / "corpus" / "decode").iterdir()):
        link_type, packets = decoded(seed.read_bytes())
        write_pcap(folder / f"decode-{seed.name}.pcap", packets, link_type)
    for seed in sorted((HERE / "corpus" / "pcapng").iterdir()):
        (folder / f"pcapng-{seed.name}").write_bytes(seed.read_bytes()[1:])  # the first byte chooses a filter
    for command in range(8):
        for table in range(0, TABLES, 3) if command > 3 else (0, 5):
            choice = CHECKSUMS * (command % 2) | SECRETS * (command // 2 % 2) | FILTER * (command // 4) | (command | table << 3) << 8
            write_pcap(folder / f"command-{command}-{table}.pcap", read_pcap(SMALL), options=choice)
    write_pcap(folder / "jumbograms.pcap", spaced(jumbograms()))
    for name, frames in ours():
        write_pcap(folder / f"ours-{name}.pcap", spaced(frames))
    print(f"{sum(1 for _ in folder.iterdir())} captures in {folder}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
