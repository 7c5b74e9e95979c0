#!/usr/bin/env python3
"""The bodies that cmscope takes out of HTTP are, byte for byte, those that tshark exports; each difference is known by name.

The captures are not part of this project. They are looked for in public/ and lab/ of the folder that $CMSCOPE_CAPTURES
names, or of ../shared/pcaps beside the sources. Skipped without them or without tshark.

Compared are whole bodies, all codings removed, by size and SHA-256. Names are not: tshark makes them up where it must.
"""

import hashlib
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import lab

CAPTURES = lab.CAPTURES
SECONDS_EACH = 30
WORKERS = 2

COMPARED = (
    "lab/bits-download-propfind.pcap",
    "lab/bits-upload.pcap",
    "lab/broken-pipelined.pcap",
    "lab/crl-fetch.pcap",
    "lab/mangled-conflicting.pcap",
    "lab/mangled-fragments.pcap",
    "lab/mangled-gap-reply.pcap",
    "lab/mangled-gap-request.pcap",
    "lab/mangled-midstream.pcap",
    "lab/mangled-overlapping.pcap",
    "lab/mangled-reordered.pcap",
    "lab/mangled-snaplen-200.pcap",
    "lab/mixed-two-clients.pcap",
    "lab/mp-lookups.pcap",
    "lab/netem-sccmwtf.pcap",
    "lab/reply-truncated.pcap",
    "lab/sccmwtf-http-chunked-slow.pcap",
    "lab/sccmwtf-http-gzip.pcap",
    "lab/sccmwtf-ipv6.pcap",
    "lab/sdk-encrypted.pcap",
    "lab/sdk-http-full.pcap",
    "lab/sdk-http-ntlm.pcap",
    "lab/sharpsccm-media.pcap",
    "public/http-100-continue.pcap",
    "public/http-1000req-one-dropped.pcap.gz",
    "public/http-206-ooo-retrans.pcap",
    "public/http-bits-range-206.pcap",
    "public/http-bits-windowsupdate-cab.pcap",
    "public/http-ccmpost-methods.pcap",
    "public/http-desync.pcap",
    "public/http-pipelined.pcap",
    "public/http-windows-dsc-pull.pcapng",
    "public/ipv6-http-atomic-frag.pcap",
    "public/tcp-reassembly-evil.pcap",
    "public/tcp-retrans-heavy.pcap",
    "public/tcp-seq-wrap.pcap",
    "public/tunnel-teredo.pcap",
)

# With tcp.reassemble_out_of_order tshark finds what comes in another order, but waits for ever behind a missing segment. In
# these a segment is missing and all others are in order: tshark reads them without it.
WITH_GAP = {"lab/mangled-gap-request.pcap", "public/http-1000req-one-dropped.pcap.gz"}

# Who has the body.
OURS, THEIRS = "only cmscope", "only tshark"

BITS_POST = "tshark does not know the method BITS_POST: it exports each segment behind its headers as an object"
HTTP_0_9 = "replies without a status line: tshark does not take them for HTTP"

# (capture, who): (bodies, why)
EXPLAINED = {
    ("lab/bits-upload.pcap", OURS): (5, BITS_POST),
    ("lab/bits-upload.pcap", THEIRS): (27, BITS_POST),
    ("lab/mangled-snaplen-200.pcap", THEIRS): (
        11, "the packets were cut at capture: tshark exports what is left of bodies, none of which is whole"
    ),
    ("lab/sccmwtf-http-chunked-slow.pcap", OURS): (
        1, "the headers of a reply come in segments of 97 bytes: tshark takes it for a continuation of the one before"
    ),
    ("public/http-1000req-one-dropped.pcap.gz", THEIRS): (
        1, "the headers of a reply are missing: tshark exports what follows them as the body of a message without headers"
    ),
    ("public/http-ccmpost-methods.pcap", THEIRS): (
        17, "lines that are no HTTP request (`GET/ HTTP/1.1`): tshark exports them as bodies of messages without headers"
    ),
    ("public/ipv6-http-atomic-frag.pcap", THEIRS): (
        1, "one of four HTTP/0.9 replies has no end: it is not known to be whole"
    ),
    ("public/tcp-reassembly-evil.pcap", OURS): (6, HTTP_0_9),
}

SQL = """SELECT packet, method, uri, status, request_bytes, request_sha256, response_bytes, response_sha256, content_encoding,
                complete
         FROM http"""


# ---- Bodies ---------------------------------------------------------------------------------------------------------


def bodies_of_cmscope(capture):
    """Each whole body: (SHA-256, what it is, bytes; None when a content coding was removed from them)"""
    rows = lab.query(SQL, capture, status=(lab.DONE, lab.INCOMPLETE))
    bodies = []
    for row in rows:
        named = f"packet {row['packet']}, {row['method']} {row['uri']}, {row['status']}"
        if row["request_sha256"] is not None:
            bodies.append((row["request_sha256"].lower(), f"request body of {named}", row["request_bytes"]))
        if row["response_sha256"] is not None:
            size = None if row["content_encoding"] else row["response_bytes"]
            bodies.append((row["response_sha256"].lower(), f"response body of {named}", size))
    return bodies


def bodies_of_tshark(capture, in_order):
    """Each exported object that is not empty: (SHA-256, its name, bytes)"""
    order = f"tcp.reassemble_out_of_order:{'FALSE' if in_order else 'TRUE'}"
    with lab.folder() as folder:
        command = [lab.tool("tshark"), "-Q", "-n", "-o", order, "-r", str(capture), "--export-objects", f"http,{folder}"]
        process = subprocess.run(command, capture_output=True, timeout=SECONDS_EACH, text=True)
        lab.expect(process.returncode in (0, 2), f"tshark failed: {process.stderr}")  # 2: the file is cut off
        objects = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    return [(hashlib.sha256(data).hexdigest(), name, len(data)) for name, data in objects if data]


# ---- The comparison -------------------------------------------------------------------------------------------------


class Compared:
    """The bodies of one capture on both sides."""

    def __init__(self, name):
        self.name = name
        self.ours = bodies_of_cmscope(CAPTURES / name)
        self.theirs = bodies_of_tshark(CAPTURES / name, in_order=name in WITH_GAP)
        ours, theirs = (Counter(digest for digest, _, _ in bodies) for bodies in (self.ours, self.theirs))
        self.same = (ours & theirs).total()
        self.only = {OURS: ours - theirs, THEIRS: theirs - ours}

    def problems(self):
        sizes = {digest: size for digest, _, size in self.theirs}
        for digest, what, size in self.ours:
            if size is not None and sizes.get(digest, size) != size:
                yield f"{self.name}: {what}: {size} bytes, tshark exported the same as {sizes[digest]} bytes"
        for who, bodies in ((OURS, self.ours), (THEIRS, self.theirs)):
            known = EXPLAINED.get((self.name, who), (0, ""))[0]
            if self.only[who].total() != known:
                lines = [f"{what}, {size} bytes" for digest, what, size in bodies if digest in self.only[who]]
                yield f"{self.name}: {who}: {self.only[who].total()}, explained are {known}: {lab.shorten(lines, 400)}"


def require_captures():
    lab.tool("tshark")
    missing = [name for name in COMPARED if not (CAPTURES / name).is_file()]
    if missing:
        raise lab.Skip(f"no {missing[0]} in {CAPTURES}: name the folder that holds public/ and lab/ in CMSCOPE_CAPTURES")


def test_bodies():
    """Every body that tshark exports is one of ours and every whole body of ours is one of tshark's, or it is known why not."""
    require_captures()
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        results = list(pool.map(Compared, COMPARED))
    same = sum(result.same for result in results)
    print(f"      {len(results)} captures: {same} bodies are the same, of {sum(len(r.ours) for r in results)} of cmscope "
          f"and {sum(len(r.theirs) for r in results)} of tshark")
    problems = [problem for result in results for problem in result.problems()]
    lab.expect(not problems, "\n      ".join(problems))


def test_explanations():
    """An explanation names a capture that is compared, and says why."""
    require_captures()
    for (name, who), (bodies, why) in EXPLAINED.items():
        lab.expect(name in COMPARED and who in (OURS, THEIRS), f"{name}, {who}: not compared")
        lab.expect(bodies > 0 and why, f"{name}, {who}: not an explanation")


if __name__ == "__main__":
    lab.main(test_bodies, test_explanations)
