#!/usr/bin/env python3
"""The captures that bench/run measures with are what the generator says, to cmscope and to tshark."""

import collections
import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

import lab

GENERATE = Path(lab.CMSCOPE).parent / "bench" / "bench_generate"
MEGABYTES = 2
SEEDS = {"mp": 1, "bulk": 1, "mix": 2}  # of mix one in which segments are lost

COUNTS = {
    "packets": "SELECT max(last_packet) FROM input",
    "tcp_flows": "SELECT count(*) FROM flow WHERE proto = 'tcp' AND state = 'closed'",
    "http_requests": "SELECT count(method) FROM http",
    "http_replies": "SELECT count(status) FROM http",
    "messages": "SELECT count(*) FROM message",
    "valid_signatures": "SELECT count(*) FROM message WHERE signature = 'valid' AND client_id_signature = 'valid'",
    "valid_registrations": "SELECT count(*) FROM registration WHERE signature = 'valid'",
    "valid_tokens": "SELECT count(*) FROM http WHERE token_signature = 'valid'",
}

FOLDER = tempfile.TemporaryDirectory(prefix="cmscope-bench-")


@functools.cache
def generate(kind, name="capture"):
    """A generated capture and what is in it."""
    if not os.access(GENERATE, os.X_OK):
        raise lab.Skip("bench_generate was not built (cmake option CMSCOPE_BENCH)")
    capture = Path(FOLDER.name) / f"{kind}-{name}.pcap"
    command = [GENERATE, kind, str(MEGABYTES), capture, str(SEEDS[kind])]
    process = subprocess.run(command, capture_output=True, timeout=lab.SECONDS_MAX)
    lab.expect(process.returncode == 0, f"the generator failed: {process.stderr.decode()}")
    truth = json.loads(process.stdout)
    lab.expect_equal(truth["bytes"], capture.stat().st_size, f"{kind}: size that the generator tells")
    lab.expect(0.8 < truth["bytes"] / (MEGABYTES * 1e6) < 1.2, f"{kind} has about the size asked for: {truth['bytes']}")
    return capture, truth


def test_counts():
    """cmscope finds exactly the packets, connections, requests, messages and valid signatures that were generated."""
    for kind in SEEDS:
        capture, truth = generate(kind)
        status = (lab.INCOMPLETE,) if truth["lost"] > 0 else (lab.DONE,)
        columns = ", ".join(f"({sql}) AS {name}" for name, sql in COUNTS.items())
        found = lab.query(f"SELECT {columns}", capture, status=status)[0]
        lab.expect_equal(found, {name: truth[name] for name in COUNTS}, f"{kind}: what cmscope finds")


def test_content():
    """Each kind holds what it is for: signed messages, large files, disorder and loss."""
    truths = {kind: generate(kind)[1] for kind in SEEDS}
    lab.expect(truths["mp"]["valid_signatures"] > 100 and truths["mp"]["valid_registrations"] >= 8, f"mp: {truths['mp']}")
    lab.expect(truths["bulk"]["bytes"] / truths["bulk"]["tcp_flows"] > 100_000, f"bulk: {truths['bulk']}")
    mix = truths["mix"]
    lab.expect(all(mix[name] > 0 for name in ("reordered", "repeated", "lost", "tls_flows", "udp_packets")), f"mix: {mix}")
    lab.expect(mix["concurrent"] > mix["tcp_flows"] / 2, f"mix has many connections at a time: {mix}")


def test_messages_are_clean():
    """The messages follow the schema: no finding but that inventory is readable on the wire and replies are not signed."""
    capture, truth = generate("mp")
    rows = lab.query("SELECT code, level, count(*) AS count FROM finding GROUP BY 1, 2 ORDER BY 1", capture)
    lab.expect_equal([(row["code"], row["level"]) for row in rows], [("C10", "advisory"), ("C47", "advisory")], "findings")
    lab.expect_equal(lab.value("SELECT count(malformed) FROM message", capture), 0, "malformed messages")
    lab.expect_equal(lab.value("SELECT count(root) FROM message", capture), truth["payloads"], "bodies")


def test_same_bytes():
    """The same seed gives the same capture."""
    for kind in ("mp", "mix"):
        (first, _), (second, _) = generate(kind), generate(kind, "again")
        lab.expect(first.read_bytes() == second.read_bytes(), f"two captures of {kind} differ")


def test_tshark():
    """tshark counts the same packets, connections, requests and SMB2 messages (but those with a hole); checksums are right."""
    options = ["-o", "tcp.reassemble_out_of_order:TRUE"]
    for layer in ("ip", "tcp", "udp"):
        options += ["-o", f"{layer}.check_checksum:TRUE"]
    fields = ("tcp.stream", "http.request.method", "smb2.cmd", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status")
    for kind in SEEDS:
        capture, truth = generate(kind)
        streams, seen, good = set(), collections.Counter(), {"", "1"}
        for stream, methods, commands, *checksums in lab.tshark(capture, "frame", *fields, options=options):
            streams |= {stream} - {""}
            seen["packets"] += 1
            seen["http_requests"] += methods.count(",") + 1 if methods else 0
            seen["smb_messages"] += commands.count(",") + 1 if commands else 0
            lab.expect(set(checksums) <= good, f"{kind}: a checksum is wrong: {checksums}")
        lab.expect_equal((seen["packets"], len(streams)), (truth["packets"], truth["tcp_flows"]), f"{kind}: packets, connections")
        for name in ("http_requests", "smb_messages"):  # tshark gives up what has a hole
            lab.expect(truth[name] - truth["lost"] <= seen[name] <= truth[name], f"{kind}: {seen[name]} {name}, wanted {truth[name]}")


if __name__ == "__main__":
    lab.main(test_counts, test_content, test_messages_are_clean, test_same_bytes, test_tshark)
