#!/usr/bin/env python3
"""RDP negotiation, AMT, remote tools, Wake-on-LAN and the SQL Server browser, which no capture of others covers.

The capture is made here after the specifications ([MS-RDPBCGR] 2.2.1.1, [MC-SQLR] 2.2), and tshark, where it is there, must read
the same facts in it as cmscope does.
"""

import ipaddress
import struct

import lab

MAC = bytes.fromhex("00155dfe5502")
WAKE = b"\xff" * 6 + MAC * 16
INSTANCES = b"ServerName;CMSQL;InstanceName;MSSQLSERVER;IsClustered;No;Version;10.50.1600.1;tcp;1433;np;\\\\CMSQL\\pipe\\sql\\query;;"
START = 1_700_000_000 * 10**9
TLS, NLA = 1, 2


def rdp(code, negotiation, cookie=b""):
    rest = cookie + negotiation
    return struct.pack(">BBHBBHHB", 3, 0, 11 + len(rest), 6 + len(rest), code, 0, 0, 0) + rest


def negotiation(kind, value):
    return struct.pack("<BBHI", kind, 0, 8, value)


def datagram(number, source, target, data):
    """(time, an Ethernet frame with UDP)."""
    addresses = b"".join(ipaddress.ip_address(end[0]).packed for end in (source, target))
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0)
    sum_ = lab.checksum(addresses + struct.pack(">BBH", 0, 17, len(udp) + len(data)) + udp + data)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(data), number, 0, 64, 17, 0) + addresses
    ip = ip[:10] + struct.pack(">H", lab.checksum(ip)) + ip[12:]
    return START + number * 10**9, bytes.fromhex("020000000002020000000001") + b"\x08\x00" + ip + udp[:6] + struct.pack(">H", sum_) + data


def connection(number, port, *turns):
    """Packets of a connection of 10.1.1.5; the client speaks first, then both in turn."""
    one = lab.Conversation(("10.1.1.5", 50000 + number), ("10.1.1.1", port), START + number * 10**9)
    for place, data in enumerate(turns):
        (one.answer if place % 2 else one.send)(data)
    return one.close().packets


def packets():
    client, browser = ("10.1.1.5", 51000), ("10.1.1.50", 1434)
    return [
        *connection(1, 3389, rdp(0xE0, negotiation(1, TLS | NLA), b"Cookie: mstshash=alice\r\n"), rdp(0xD0, negotiation(2, NLA))),
        *connection(2, 3389, rdp(0xE0, negotiation(1, 0)), rdp(0xD0, negotiation(3, 5))),
        *connection(3, 16994, b"\x10\0\0\0SOL ", b"\x11\0\0\0\1\0\0\0" + bytes(5)),
        *connection(4, 2701, b"\0\1\2\3 hello", b"\0\1"),
        datagram(5, ("10.1.1.1", 50001), ("10.1.1.255", 9), WAKE),
        datagram(6, client, browser, b"\3"),
        datagram(7, browser, client, b"\5" + struct.pack("<H", len(INSTANCES)) + INSTANCES),
    ]  # fmt: skip


def capture(folder):
    return lab.write_pcap(folder / "remote.pcap", packets())


def test_rdp():
    """What clients of a remote desktop offer, what the server chose or refused, and the account of the cookie."""
    with lab.folder() as folder:
        rows = lab.query("SELECT user, requested, selected, failure FROM rdp ORDER BY id", capture(folder))
        lab.expect_equal([row["user"] for row in rows], ["alice", None], "accounts")
        lab.expect_equal(set(rows[0]["requested"].split(",")), {"tls", "credssp"}, "offered")
        lab.expect_equal((rows[0]["selected"], rows[0]["failure"]), ("credssp", None), "chosen")
        lab.expect_equal((rows[1]["requested"], rows[1]["selected"], rows[1]["failure"]), ("rdp", None, 5), "refused")


def test_tools():
    """AMT redirection is told by its content, remote control by its port with low certainty; both with who asks whom."""
    with lab.folder() as folder:
        rows = lab.query("SELECT client, server, port, tool, certainty FROM remote_tool ORDER BY id", capture(folder))
    ends = {(row["client"], row["server"]) for row in rows}
    lab.expect_equal(ends, {("10.1.1.5", "10.1.1.1")}, "ends")
    lab.expect_equal([(row["port"], row["tool"], row["certainty"]) for row in rows],
                     [(16994, "amt-sol", "high"), (2701, "configmgr-remote-control", "low")], "tools")


def test_datagrams():
    """A magic packet tells who shall wake up; the browser of SQL Server tells instance, version, port and pipe."""
    with lab.folder() as folder:
        path = capture(folder)
        woken = lab.query("SELECT mac, port, password FROM wake_on_lan", path)
        told = lab.query("SELECT host, instance, version, tcp_port, pipe FROM sql_instance WHERE answered", path)
    lab.expect_equal([(row["mac"].lower().replace("-", ":"), row["port"], row["password"]) for row in woken],
                     [("00:15:5d:fe:55:02", 9, 0)], "magic packets")
    lab.expect_equal([tuple(row.values()) for row in told],
                     [("CMSQL", "MSSQLSERVER", "10.50.1600.1", 1433, "\\\\CMSQL\\pipe\\sql\\query")], "instances")


def test_tshark():
    """tshark reads the same RDP negotiation, magic packet and checksums."""
    with lab.folder() as folder:
        path = capture(folder)
        told = lab.tshark(path, "rdp.negReq.requestedProtocols || rdp.negReq.selectedProtocol || rdp.negFailure.failureCode",
                          "rdp.negReq.requestedProtocols", "rdp.negReq.selectedProtocol", "rdp.negFailure.failureCode")
        numbers = [tuple(int(value, 0) if value else None for value in row) for row in told]
        lab.expect_equal(numbers, [(3, None, None), (None, 2, None), (0, None, None), (None, None, 5)], "RDP")
        lab.expect_equal(lab.tshark(path, "wol", "wol.mac"), [[",".join(["00:15:5d:fe:55:02"] * 16)]], "magic packets")
        checks = ("-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
        bad = lab.tshark(path, "udp.checksum.status == 0 || tcp.checksum.status == 0", "frame.number", options=checks)
        lab.expect_equal(bad, [], "wrong checksums")


if __name__ == "__main__":
    lab.main(test_rdp, test_tools, test_datagrams, test_tshark)
