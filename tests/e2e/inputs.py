#!/usr/bin/env python3
"""Captures of every kind and in every order are read alike: several files, folders, compressed, standard input, pcapng,
nanoseconds, either byte order. What is damaged or missing is told, and the rest is used."""

import bz2
import gzip
import lzma
import os
import subprocess
import zlib

import lab

ROWS = "SELECT packet, time, flow, direction, client, server, endpoint, signature, root FROM message ORDER BY id"
FLOWS = "SELECT packet, src, sport, dst, dport, state, packets_out, packets_in, bytes_out, bytes_in, gaps FROM flow ORDER BY id"


def answers(*files, options=(), status=(lab.DONE,)):
    """What is found in captures, without their names."""
    return [lab.query(sql, *files, options=options, status=status) for sql in (ROWS, FLOWS)]


def halves(folder):
    """The capture in two files: what comes later has the first name."""
    packets = lab.read_pcap(lab.SCCMWTF)
    middle = len(packets) // 2
    late = lab.write_pcap(folder / "a-late.pcap", packets[middle:])
    early = lab.write_pcap(folder / "b-early.pcap", packets[:middle])
    return late, early, middle


def test_order():
    """Two files in the wrong order are the same as one capture, in all reports; each is listed with its packets."""
    with lab.folder() as folder:
        late, early, middle = halves(folder)
        wanted = answers(lab.SCCMWTF)
        lab.expect_equal(answers(late, early), wanted, "wrong order")
        lab.expect_equal(answers(early, late), wanted, "right order")
        lab.expect_equal(answers(folder), wanted, "the folder")
        inputs = lab.query("SELECT file, packet, packets, last_packet FROM input ORDER BY id", late, early)
        total = len(lab.read_pcap(lab.SCCMWTF))
        known = [(str(early), 1, middle, middle), (str(late), middle + 1, total - middle, total)]
        lab.expect_equal([tuple(row.values()) for row in inputs], known, "table input")
        whole, parts = lab.check(lab.SCCMWTF), lab.check(late, early)
        for report in (whole, parts):
            report["capture"].pop("inputs")
        lab.expect_equal(parts, whole, "check")
        messages = lab.cmscope("messages", "-r", lab.SCCMWTF).output
        lab.expect_equal(lab.cmscope("messages", "-r", late, "-r", early).output, messages, "messages")


def test_two_captures():
    """Two captures of different times are counted through and found whole, in the order of time."""
    other = lab.PCAPS / "sdk-http-full.pcap"
    first, second = sorted((lab.SCCMWTF, other), key=lambda path: lab.read_pcap(path)[0][0])
    offset = len(lab.read_pcap(first))
    wanted = [row["packet"] for row in lab.query(ROWS, first)]
    wanted += [offset + row["packet"] for row in lab.query(ROWS, second)]
    lab.expect_equal([row["packet"] for row in lab.query(ROWS, second, first)], wanted, "packets of messages")


def test_compressed():
    """gzip, xz, bzip2 and, where the tool exists, zstd and lz4; by content, whatever the name says."""
    data = lab.SCCMWTF.read_bytes()
    packed = {"gzip": gzip.compress(data), "xz": lzma.compress(data), "bzip2": bz2.compress(data)}
    for name in ("zstd", "lz4"):
        try:
            packed[name] = subprocess.run([lab.tool(name), "-c"], input=data, capture_output=True, check=True).stdout
        except lab.Skip as reason:
            print(f"      without {name}: {reason}")
    wanted = answers(lab.SCCMWTF)
    with lab.folder() as folder:
        for name, content in packed.items():
            path = folder / f"{name}.pcap"
            path.write_bytes(content)
            lab.expect_equal(answers(path), wanted, name)


def expect_half_is_used(packets, name):
    """Half a gzip file: what can be unpacked of it is used, and that the rest is missing is told."""
    with lab.folder() as folder:
        data = gzip.compress(lab.write_pcap(folder / "whole.pcap", packets).read_bytes())
        half = folder / "half.pcap.gz"
        half.write_bytes(data[: len(data) // 2])
        result = lab.cmscope("query", "-r", half, "-T", "json", "SELECT packets FROM input", status=lab.INCOMPLETE)
        lab.expect_in(str(half), result.errors, f"half of {name}: the message")
        unpacked = len(zlib.decompressobj(wbits=31).decompress(data[: len(data) // 2]))
        found = result.json[0]["packets"]
        lab.expect(found > 0, f"half of {name}: {unpacked} bytes can be unpacked (zlib), {found} packets were read")


def test_half_a_big_file():
    """A big gzip file that was cut off in its middle: what could be unpacked is used, status 5, and it is told."""
    expect_half_is_used(lab.read_pcap(lab.SCCMWTF) * 60, "a big file")


def test_half_a_small_file():
    """A small gzip file that was cut off in its middle: what could be unpacked is used, status 5, and it is told."""
    expect_half_is_used(lab.read_pcap(lab.SCCMWTF), "a small file")


def test_standard_input():
    """`-r -` reads standard input, plain, compressed or pcapng, and an empty one is unreadable."""
    data = lab.SCCMWTF.read_bytes()
    with lab.folder() as folder:
        pcapng = lab.write_pcapng(folder / "x.pcapng", lab.read_pcap(lab.SCCMWTF)).read_bytes()
    wanted = lab.cmscope("query", "-r", lab.SCCMWTF, "-T", "csv", ROWS).output
    for name, content in (("pcap", data), ("gzip", gzip.compress(data)), ("pcapng", pcapng)):
        found = lab.cmscope("query", "-r", "-", "-T", "csv", ROWS, stdin=content).output
        lab.expect_equal(found, wanted, name)
    empty = lab.cmscope("query", "-r", "-", ROWS, stdin=b"", status=lab.UNREADABLE)
    lab.expect_in("standard input", empty.errors, "nothing on standard input")


def test_formats():
    """pcapng, nanoseconds and either byte order give the same messages and flows."""
    packets = lab.read_pcap(lab.SCCMWTF)
    wanted = answers(lab.SCCMWTF)
    with lab.folder() as folder:
        for name, path in (
            ("pcapng", lab.write_pcapng(folder / "1", packets)),
            ("nanoseconds", lab.write_pcap(folder / "2", packets, nanoseconds=True)),
            ("big endian", lab.write_pcap(folder / "3", packets, order=">")),
            ("big endian nanoseconds", lab.write_pcap(folder / "4", packets, order=">", nanoseconds=True)),
        ):
            lab.expect_equal(answers(path), wanted, name)


def test_nanoseconds():
    """A time of nanoseconds is not taken for one of microseconds: it is right as far as a real number can tell."""
    start = 1_700_000_000_123_456_789
    with lab.folder() as folder:
        path = lab.write_pcap(folder / "x.pcap", lab.Conversation(start=start).packets, nanoseconds=True)
        found = lab.value("SELECT time FROM flow", path)
        lab.expect(abs(found - start / 1e9) < 1e-6, f"time {found!r} for {start} ns")


def test_cut_off():
    """A file cut off in the middle of a packet: what is whole is used, the status is 5, the message names file and place."""
    data = lab.SCCMWTF.read_bytes()
    whole = [16 + len(frame) for _, frame in lab.read_pcap(lab.SCCMWTF)]
    keep = 30
    end = 24 + sum(whole[:keep])
    with lab.folder() as folder:
        for extra in (1, 15, 17, whole[keep] - 1):
            path = folder / f"cut-{extra}.pcap"
            path.write_bytes(data[: end + extra])
            prefix = folder / "prefix.pcap"
            prefix.write_bytes(data[:end])
            found = lab.cmscope("query", "-r", path, "-T", "csv", FLOWS, status=lab.INCOMPLETE)
            lab.expect_in(f"{path} is cut off at byte {end + extra}", found.errors, "the message")
            lab.expect_in(f"the {keep} packets before are used", found.errors, "the message")
            same = lab.cmscope("query", "-r", prefix, "-T", "csv", FLOWS, status=(lab.DONE, lab.INCOMPLETE))
            lab.expect_equal(found.output, same.output, f"cut {extra} bytes into a packet: flows")
            told = lab.value("SELECT problem FROM input", path, status=lab.INCOMPLETE)
            lab.expect_in("cut off", told, "table input")
        report = lab.check(path)
        lab.expect_equal(report["capture"]["complete"], False, "the report says that it is not complete")


def test_unreadable_among_several():
    """What cannot be read is told, listed in the table input and gives status 3; the other files are still read."""
    wanted = answers(lab.SCCMWTF)
    with lab.folder() as folder:
        text, missing, empty = folder / "a-text.pcap", folder / "b-missing.pcap", folder / "c-empty.pcap"
        text.write_text("no capture at all\n")
        empty.write_bytes(b"")
        for bad in (text, missing, empty):
            for files in ((bad, lab.SCCMWTF), (lab.SCCMWTF, bad)):
                lab.expect_equal(answers(*files, status=lab.UNREADABLE), wanted, f"with {bad.name}")
            result = lab.cmscope("flows", "-r", bad, "-r", lab.SCCMWTF, status=lab.UNREADABLE)
            lab.expect_in(str(bad), result.errors, "the message")
            rows = lab.query("SELECT file, problem FROM input", bad, lab.SCCMWTF, status=lab.UNREADABLE)
            problems = {row["file"]: row["problem"] for row in rows}
            lab.expect(problems[str(bad)] and problems[str(lab.SCCMWTF)] is None, f"table input: {problems}")


def test_no_permission():
    """A file that may not be read is told with its name, and the others are still read."""
    if os.geteuid() == 0:
        raise lab.Skip("root may read everything")
    with lab.folder() as folder:
        path = folder / "secret.pcap"
        path.write_bytes(lab.SCCMWTF.read_bytes())
        path.chmod(0)
        result = lab.cmscope("flows", "-r", path, "-r", lab.SCCMWTF, status=lab.UNREADABLE)
        lab.expect_in(f"{path}: Permission denied", result.errors, "the message")


def first_connection():
    """Client port of the first TCP connection, and the transactions in it."""
    transactions = lab.ground_truth(lab.SCCMWTF)["transactions"]
    port = transactions[0]["peer"][1]
    return port, [t for t in transactions if t["peer"][1] == port]


def test_filter():
    """-f looks only at the packets that the filter passes: one connection of several, or none."""
    port, transactions = first_connection()
    filtered = ("-f", f"tcp port {port}")
    rows = lab.query("SELECT method, uri, status FROM http ORDER BY id", lab.SCCMWTF, options=filtered)
    wanted = [(t["request"]["method"], t["request"]["uri"], t["response"]["status"]) for t in transactions]
    lab.expect_equal([tuple(row.values()) for row in rows], wanted, "exchanges")
    ports = lab.query("SELECT sport FROM flow", lab.SCCMWTF, options=filtered)
    lab.expect_equal(ports, [{"sport": port}], "flows")
    none = lab.query("SELECT id FROM flow", lab.SCCMWTF, options=("-f", "tcp port 9"), status=lab.INCOMPLETE)
    lab.expect_equal(none, [], "flows where the filter passes nothing")


def test_filter_keeps_numbers():
    """With -f, the numbers of packets are still those in the file, so that others can find them there."""
    port, transactions = first_connection()
    second = next(t for t in lab.ground_truth(lab.SCCMWTF)["transactions"] if t["peer"][1] != port)
    for name, transaction in ((port, transactions[0]), (second["peer"][1], second)):
        found = lab.query("SELECT packet FROM http ORDER BY id LIMIT 1", lab.SCCMWTF, options=("-f", f"tcp port {name}"))
        lab.expect_equal(found, [{"packet": transaction["pcap"]["request_frame"]}], f"first request from port {name}")


if __name__ == "__main__":
    lab.main(
        test_order,
        test_two_captures,
        test_compressed,
        test_half_a_big_file,
        test_half_a_small_file,
        test_standard_input,
        test_formats,
        test_nanoseconds,
        test_cut_off,
        test_unreadable_among_several,
        test_no_permission,
        test_filter,
        test_filter_keeps_numbers,
    )
