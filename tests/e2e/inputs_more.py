#!/usr/bin/env python3
"""What pcapng can hold: several sections, byte orders, interfaces, link types, units of time, comments, secrets, blocks
that nobody knows. Compressed files that are cut off. A pipe that delivers slowly. The same packets as capinfos sees."""

import bz2
import gzip
import ipaddress
import json
import lzma
import struct
import subprocess
import time
import zlib
from random import Random

import lab

ROWS = "SELECT packet, time, flow, direction, client, server, endpoint, signature, root FROM message ORDER BY id"
FLOWS = "SELECT packet, src, sport, dst, dport, state, packets_out, packets_in, bytes_out, bytes_in, gaps FROM flow ORDER BY id"
SHARED = lab.CAPTURES
COOKED, RAW = 113, 101
SECRET = "CLIENT_RANDOM " + "ab" * 32 + " " + "cd" * 48


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + option(order, 1, b"a section"))


def interface(order, link_type, resolution):
    return block(order, 1, struct.pack(order + "HHI", link_type, 0, 0) + option(order, 9, bytes([resolution])))


def packet(order, number, units, frame, wire=None, options=b""):
    head = struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(frame), wire or len(frame))
    return block(order, 6, head + frame + bytes(-len(frame) % 4) + options)


def answers(*files, options=(), status=(lab.DONE,)):
    return [lab.query(sql, *files, options=options, status=status) for sql in (ROWS, FLOWS)]


def mixed_capture():
    """The capture as dumpcap writes it on three adapters: Ethernet, Linux cooked, raw IP, each with its own unit of time;
    in two sections of different byte orders; with comments, secrets and blocks that nobody knows."""
    packets = lab.read_pcap(lab.SCCMWTF)
    parts = []
    for order, some in (("<", packets[: len(packets) // 2]), (">", packets[len(packets) // 2 :])):
        parts += [section(order), interface(order, lab.ETHERNET, 6), interface(order, COOKED, 9), interface(order, RAW, 7)]
        for i, (nanoseconds, frame) in enumerate(some):
            cooked = struct.pack(">HHH", 0, 1, 6) + frame[6:12] + bytes(2) + frame[12:]
            kind, units, bytes_of = ((0, 1000, frame), (1, 1, cooked), (2, 100, frame[14:]))[i % 3]
            if frame[12:14] != b"\x08\x00":
                kind, units, bytes_of = 0, 1000, frame
            parts.append(packet(order, kind, nanoseconds // units, bytes_of, options=option(order, 1, b"seen")))
            parts.append(block(order, 0x0BAD, b"of somebody"))
        parts.append(block(order, 10, struct.pack(order + "II", 0x544C534B, len(SECRET)) + SECRET.encode()))
    return b"".join(parts)


def test_mixed_links():
    """Packets of three link types in two sections of either byte order give the same messages and flows as one pcap."""
    with lab.folder() as folder:
        path = folder / "mixed.pcapng"
        path.write_bytes(mixed_capture())
        lab.expect_equal(answers(path), answers(lab.SCCMWTF), "messages and flows")
        row = lab.query("SELECT packets, link_type, problem FROM input", path)[0]
        total = len(lab.read_pcap(lab.SCCMWTF))
        lab.expect_equal(row, {"packets": total, "link_type": "EN10MB,LINUX_SLL,RAW", "problem": None}, "table input")


def test_filter_on_mixed_links():
    """-f holds for each link type of a file, and the numbers of packets stay those in the file."""
    port = lab.ground_truth(lab.SCCMWTF)["transactions"][0]["peer"][1]
    options = ("-f", f"tcp port {port}")
    with lab.folder() as folder:
        path = folder / "mixed.pcapng"
        path.write_bytes(mixed_capture())
        lab.expect_equal(answers(path, options=options), answers(lab.SCCMWTF, options=options), "filtered")
        wrong = lab.cmscope("flows", "-r", path, "-f", "no such filter", status=2)
        lab.expect_in("no such filter", wrong.errors, "the message")


def test_secrets_stay_secret():
    """Secrets that the file holds are not in any output."""
    with lab.folder() as folder:
        path = folder / "secrets.pcapng"
        path.write_bytes(mixed_capture())
        for command in (("messages", "-V"), ("check", "-T", "json"), ("flows",)):
            result = lab.cmscope(command[0], "-r", path, *command[1:], status=None)
            output = result.output if isinstance(result.output, str) else str(result.output)
            lab.expect(SECRET[14:60] not in output + result.errors, f"{command[0]} shows a secret")


def test_editcap():
    """Files that Wireshark's editcap makes: with comments, secrets, another byte order, microseconds and nanoseconds."""
    editcap = lab.tool("editcap")
    wanted = answers(lab.SCCMWTF)
    with lab.folder() as folder:
        keys = folder / "keys.log"
        keys.write_text(SECRET + "\n")
        for name, options in (
            ("pcapng", ("-F", "pcapng", "-a", "3:a comment")),
            ("secrets", ("-F", "pcapng", "--inject-secrets", f"tls,{keys}")),
            ("nsecpcap", ("-F", "nsecpcap")),
            ("modpcap", ("-F", "modpcap")),
        ):
            path = folder / name
            subprocess.run([editcap, *options, lab.SCCMWTF, path], check=True, capture_output=True)
            lab.expect_equal(answers(path), wanted, name)


def packers():
    yield "gzip", gzip.compress
    yield "xz", lambda data: lzma.compress(data, preset=0)
    yield "bzip2", bz2.compress
    for name in ("zstd", "lz4"):
        try:
            program = lab.tool(name)
        except lab.Skip as reason:
            print(f"      without {name}: {reason}")
            continue
        yield name, lambda data, program=program: subprocess.run(
            [program, "-c"], input=data, capture_output=True, check=True
        ).stdout


def whole_packets(packets, unpacked):
    """How many are whole in so many bytes of a pcap file."""
    count, end = 0, 24
    while end + 16 + len(packets[count][1]) <= unpacked:
        end += 16 + len(packets[count][1])
        count += 1
    return count


def test_compressed_and_cut():
    """Of a compressed file that is cut off, gzip gives each packet that can be unpacked; the others all but the last part
    of their compression. It is told, with status 5."""
    # What may be lost: a block of the compression itself, and what libarchive unpacks at a time.
    lost = {"gzip": 64 << 10, "xz": 192 << 10, "zstd": 256 << 10, "lz4": (4 << 20) + (64 << 10), "bzip2": 1 << 20}
    random = Random(1)  # bytes that do not get smaller, so that a place in the packed file is one in the capture
    packets = [(i * 1000, bytes(12) + b"\x88\xb5" + random.randbytes(1400)) for i in range(6000)]
    with lab.folder() as folder:
        data = lab.write_pcap(folder / "whole.pcap", packets).read_bytes()
        for name, pack in packers():
            packed = pack(data)
            keep = len(packed) * 3 // 4
            path = folder / f"cut.{name}"
            path.write_bytes(packed[:keep])
            row = lab.query("SELECT packets, problem FROM input", path, status=lab.INCOMPLETE)[0]
            lab.expect_in("cut off", row["problem"], name)
            least = whole_packets(packets, keep - lost[name])
            if name == "gzip":
                least = whole_packets(packets, len(zlib.decompressobj(wbits=31).decompress(packed[:keep])))
            lab.expect(row["packets"] >= least, f"{name}: {row['packets']} packets, at least {least} were expected")


def test_slow_pipe():
    """Standard input that comes in drops, at odd places, gives what the file gives."""
    data = mixed_capture()
    wanted = lab.cmscope("query", "-r", lab.SCCMWTF, "-T", "csv", ROWS).output
    command = [lab.CMSCOPE, "query", "-r", "-", "-T", "csv", ROWS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        step = len(data) // 37 + 1
        for start in range(0, len(data), step):
            process.stdin.write(data[start : start + step])
            time.sleep(0.005)
        found = process.communicate(timeout=lab.SECONDS_MAX)[0].decode()
    lab.expect_equal(found, wanted if isinstance(wanted, str) else wanted.decode(), "messages")
    lab.expect_equal(process.returncode, lab.DONE, "status")


def test_damaged_blocks():
    """A packet block that contradicts itself is left out and told with its place; what follows is read."""
    broken = bytearray(mixed_capture())
    places, offset = [], 0
    while broken[offset : offset + 4] != b"\x0a\x0d\x0d\x0a" or offset == 0:  # the first section, which is little endian
        kind, length = struct.unpack_from("<II", broken, offset)
        places += [offset] if kind == 6 else []
        offset += length
    broken[places[5] + 8] = 99  # an interface that is not there
    with lab.folder() as folder:
        path = folder / "broken.pcapng"
        path.write_bytes(bytes(broken))
        row = lab.query("SELECT packets, problem FROM input", path, status=lab.INCOMPLETE)[0]
        lab.expect_equal(row["packets"], len(lab.read_pcap(lab.SCCMWTF)) - 1, "packets")
        lab.expect_in(f"the first is at byte {places[5]}", row["problem"], "the problem")


def name_record(order, kind, address, *names):
    return option(order, kind, ipaddress.ip_address(address).packed + b"".join(name.encode() + b"\0" for name in names))


def named_capture():
    """The capture with names for addresses before and behind the packets, as Wireshark writes what it resolved, in two
    sections of different byte orders; and those names."""
    packets = lab.read_pcap(lab.SCCMWTF)
    places = sorted({str(ipaddress.ip_address(frame[26:30])) for _, frame in packets if frame[12:14] == b"\x08\x00"})[:2]
    first = [(places[0], "written-in.corp.test"), (places[0], "ALIAS"), ("2001:db8::5", "six.corp.test")]
    second = [(places[1], "other.corp.test")]
    parts = []
    for order, names, some in (("<", first, packets[:1]), (">", second, packets[1:])):
        records = b"".join(name_record(order, 2 if ":" in address else 1, address, name) for address, name in names)
        body = [packet(order, 0, time, frame) for time, frame in some]
        body.insert(0 if order == "<" else len(body), block(order, 4, records + bytes(4)))
        parts += [section(order), interface(order, lab.ETHERNET, 9), *body]
    return b"".join(parts), sorted(first + second)


def test_names_are_hints():
    """Names that the file gives to addresses: the rows of input_name, those that tshark shows, hints of host_name; no verdict
    and no role changes by them, and no site file declares them."""
    data, names = named_capture()
    with lab.folder() as folder:
        path = folder / "named.pcapng"
        path.write_bytes(data)
        rows = lab.query("SELECT packet, file, host, name FROM input_name ORDER BY host, name", path)
        lab.expect_equal([(row["host"], row["name"]) for row in rows], names, "input_name")
        lab.expect(all(row["packet"] is None and row["file"] == str(path) for row in rows), "packets and files of the names")
        rows = lab.query("SELECT host, name, grade FROM host_name WHERE source = 'capture' ORDER BY host, name", path)
        lab.expect_equal([(row["host"], row["name"], row["grade"]) for row in rows], [(*name, "hint") for name in names], "hints")
        plain = lab.write_pcapng(folder / "plain.pcapng", lab.read_pcap(lab.SCCMWTF))
        for sql in ("SELECT host, role, grade, signal FROM role ORDER BY id", ROWS):
            lab.expect_equal(lab.query(sql, path), lab.query(sql, plain), sql)
        verdicts = [[(one["id"], one["result"], one["grade"]) for one in lab.check(file, status=None)["verdicts"]] for file in (path, plain)]
        lab.expect_equal(*verdicts, "verdicts")
        declared = lab.cmscope("discover", "-r", path).output
        declared = declared if isinstance(declared, str) else declared.decode()
        lab.expect(not any(name in declared for _, name in names), f"names of the file are declared: {declared}")
        command = [lab.tool("tshark"), "-q", "-z", "hosts", "-r", path]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        shown = [tuple(line.split("\t")) for line in told.splitlines() if "\t" in line]  # the last name of each address
        lab.expect(set(shown) <= set(names), f"tshark shows {shown}")
        lab.expect_equal({host for host, _ in shown}, {host for host, _ in names}, "addresses with names, as tshark shows them")


def test_capinfos():
    """As many packets, from the same first to the same last time, as capinfos finds in the captures of public/ and lab/."""
    capinfos = lab.tool("capinfos")
    if not SHARED.is_dir():
        raise lab.Skip(f"{SHARED} is not there")
    files = sorted(path for kind in ("public", "lab") for path in (SHARED / kind).glob("*.pcap*"))
    # libpcap and this reader want version 2; capinfos does, too, but says so differently. Damaged on purpose: bad-shb.
    refused = {"file-bad-version.pcap", "file-pcapng-bad-shb.pcapng"}
    # Its cooked interface has times of the year 584,554; ours end in 2262.
    far = {"file-pcapng-mixed-links.pcapng"}
    for path in files:
        result = lab.cmscope("query", "-r", path, "-T", "json", "SELECT packets, time, last_time FROM input", status=None)
        if path.name in refused:
            lab.expect_equal(result.status, lab.UNREADABLE, path.name)
            continue
        row = json.loads(result.output)[0]
        line = subprocess.run([capinfos, "-rTmcaeS", path], capture_output=True, text=True, check=False).stdout
        _, count, first, last = line.strip().split("\n")[-1].split(",")
        lab.expect_equal(row["packets"], int(count), f"{path.name}: packets")
        if row["packets"] == 0 or path.name in far:
            continue
        # capinfos tells the earliest and the latest; the table those of the first and the last packet.
        ours = (row["time"], row["last_time"])
        inside = float(first) - 1e-5 <= min(ours) and max(ours) <= float(last) + 1e-5
        lab.expect(inside, f"{path.name}: {ours} is not within {first} to {last}")


if __name__ == "__main__":
    lab.main(
        test_mixed_links,
        test_filter_on_mixed_links,
        test_secrets_stay_secret,
        test_editcap,
        test_compressed_and_cut,
        test_slow_pipe,
        test_damaged_blocks,
        test_names_are_hints,
        test_capinfos,
    )
