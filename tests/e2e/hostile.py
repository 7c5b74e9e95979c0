#!/usr/bin/env python3
"""A hostile message is told by name, does not disturb its neighbours, and costs no more memory than its limit says."""

import gzip
import json
import os
import struct
import subprocess
import sys
import time
import zlib

import lab

MB = 1 << 20
GOOD = lab.PCAPS / "sdk-http-full.pcap"  # registers, is approved, and sends signed messages
HOSTILE = "10.66.6.6"
MANAGEMENT_POINT = "10.66.6.1"
SEGMENT = 60000  # as a capture shows them where the network card cuts segments
SECONDS = 30  # for one capture; it takes a second or two, and a busy machine some more
CALM = 6 * MB  # what a hostile message may cost without a reason that its case names
SLOWER = 4  # with a sanitizer
SANITIZED = "ASAN_OPTIONS" in os.environ  # its shadow memory hides what is asked here

# Runs a program and writes the most memory it had (a process inherits the peak of the one that starts it, so that must be
# small).
MEASURE = """
import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss * 1024))
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 99)
"""


# ---- Bytes ----------------------------------------------------------------------------------------------------------


def wide(text):
    return text.encode("utf-16-le", "surrogatepass")


def multipart(*parts, boundary=lab.BOUNDARY):
    kinds = ("text/plain; charset=UTF-16", *["application/octet-stream"] * len(parts))
    delimiter = f"\r\n--{boundary}".encode()
    pieces = [delimiter + f"\r\ncontent-type: {kind}\r\n\r\n".encode() + part for kind, part in zip(kinds, parts)]
    return b"".join(pieces)[2:] + delimiter + b"--"


def message(body="<Report/>", header=None, payload=None, change=None, encoded=None):
    """The body of a CCM_POST; `change` is done to the text of its header, `encoded` to the bytes."""
    text = lab.ccm_header(body) if header is None else header
    text = text if change is None else change(text)
    part = b"\xff\xfe" + wide(text)
    part = part if encoded is None else encoded(part)
    return multipart(part, zlib.compress(wide(body) + b"\0\0") if payload is None else payload)


def post(content, more=b""):
    return b"".join(
        (
            b"CCM_POST /ccm_system/request HTTP/1.1\r\nHost: mp\r\nUser-Agent: ConfigMgr Messaging HTTP Sender\r\n" + more,
            f'Content-Length: {len(content)}\r\nContent-Type: multipart/mixed; boundary="{lab.BOUNDARY}"\r\n\r\n'.encode(),
            content,
        )
    )


class Talk:
    """A hostile connection; its packets are of any length, and their checksums are not filled in."""

    def __init__(self):
        self.talk = lab.Conversation(client=(HOSTILE, 50000), server=(MANAGEMENT_POINT, 80), start=START)
        self.pieces = [(0, b"")]

    def frames(self, pieces):
        ends = self.talk.ends
        for side, data in pieces:
            for offset in range(0, max(len(data), 1), SEGMENT):
                part = data[offset : offset + SEGMENT]
                (source, sport), (target, dport) = ends[side], ends[1 - side]
                octets = [bytes(map(int, end.split("."))) for end in (source, target)]
                numbers = self.talk.next[side] & 0xFFFFFFFF, self.talk.next[1 - side] & 0xFFFFFFFF
                tcp = struct.pack(">HHIIBBHHH", sport, dport, *numbers, 5 << 4, lab.PSH | lab.ACK, 65535, 0, 0)
                ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(part), 1, 0, 64, 6, 0, *octets)
                ethernet = bytes([2, 0, 0, 0, 0, 2 - side, 2, 0, 0, 0, 0, 1 + side]) + b"\x08\x00"
                self.talk.next[side] += len(part)
                self.talk.time += 100_000
                yield self.talk.time, ethernet + ip + tcp + part


START = 1_795_400_000 * 10**9  # behind those of the lab
PACKETS = lab.read_pcap(GOOD)


def good_packets():
    """The good messages twice, the second time of another client, a day later: before and behind the hostile ones."""
    before, behind = PACKETS, []
    for moment, frame in PACKETS:
        if frame[12:14] == b"\x08\x00":
            frame = bytearray(frame)
            frame[27], frame[31] = frame[27] ^ 0x40, frame[31] ^ 0x40
        behind.append((moment + 2 * 86400 * 10**9, bytes(frame)))
    return before, behind


def write_capture(path, pieces):
    """pieces: (side, bytes) of one connection. Written as it is made: nothing here may take much memory either."""
    before, behind = good_packets()
    talk = Talk()
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", lab.PCAP_MICROSECONDS, 2, 4, 0, 0, lab.SNAP_LENGTH, lab.ETHERNET))
        for packets in (before, talk.talk.packets, talk.frames(pieces), behind):
            for moment, frame in packets:
                file.write(struct.pack("<IIII", moment // 10**9, moment % 10**9 // 1000, len(frame), len(frame)) + frame)
    return path


# ---- Hostile messages -----------------------------------------------------------------------------------------------


def bomb(size, level=9):
    """zlib: zeros that inflate to `size` bytes."""
    packer = zlib.compressobj(level)
    return b"".join([packer.compress(bytes(MB)) for _ in range(size // MB)] + [packer.flush()])


def entities(root):
    """Ten entities that each name the one before ten times: ten thousand million times the text."""
    lines = ['<!ENTITY e0 "lol">'] + [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 11)]
    return f"<!DOCTYPE {root} [{''.join(lines)}]>"


def with_hooks(text):
    return lambda header: header.replace("<Hooks>", text + "<Hooks>")


def of_body(numbers):
    return lambda header: header[: header.index("<Body ")] + f"<Body Type='ByteRange' {numbers} />" + header[header.index("<Hooks>") :]


ATTACHMENT = "<Attachment Name='a' Type='ByteRange' Offset='0' Length='4'/>"
INSIDE = f"\r\n--{lab.BOUNDARY}\r\ncontent-type: application/octet-stream\r\n\r\nanother end".encode()


def stored(data):
    packer = zlib.compressobj(0)
    return packer.compress(data) + packer.flush()


def bits_fragments(count):
    """Fragments of one byte, all of one upload that says it is huge."""
    for number in range(count):
        yield 0, (
            "BITS_POST /CCM_Incoming/{X}/a HTTP/1.1\r\nHost: mp\r\nBITS-Packet-Type: Fragment\r\nBITS-Session-Id: {A}\r\n"
            f"Content-Range: bytes {number * 2}-{number * 2}/{1 << 62}\r\nContent-Length: 1\r\n\r\nx"
        ).encode()
        yield 1, lab.http_reply(headers=b"BITS-Packet-Type: Ack\r\nBITS-Session-Id: {A}\r\n")


def endless(start, piece, size):
    """One side sends `start`, and then `piece` again and again, `size` bytes in all."""
    yield 0, start
    for _ in range(size // len(piece)):
        yield 0, piece


def one(content, more=b""):
    return lambda: [(0, post(content, more)), (1, lab.http_reply())]


def header_of(size):
    """A <Msg> of that size that never ends."""
    start = f"--{lab.BOUNDARY}\r\ncontent-type: text/plain; charset=UTF-16\r\n\r\n".encode() + b"\xff\xfe" + wide("<Msg><ID>")
    head = f"CCM_POST /ccm_system/request HTTP/1.1\r\nHost: mp\r\nContent-Length: {size}\r\n".encode()
    kind = f'Content-Type: multipart/mixed; boundary="{lab.BOUNDARY}"\r\n\r\n'.encode()
    return endless(head + kind + start, wide("A" * 4096), size)


DEEP = "<a>" * 100000 + "</a>" * 100000

REGISTRATION = "<ClientRegistrationRequest>{}<Signature><SignatureValue>00</SignatureValue></Signature></ClientRegistrationRequest>"
TWICE = "stands twice in the header"


def in_hooks(text):
    return lambda header: header.replace("</Hooks>", text + "</Hooks>")


# name: (pieces, what is asked, what must be in the answer, megabytes above the good messages alone)
COLLECTED, INFLATED, TREE = 32, 64, 36  # HTTP_BODY_MAX, CCM_INFLATE_MAX; nodes up to XML_NODES_MAX
CASES = {
    "zlib bomb of 1 GB": (lambda: one(message(payload=bomb(1024 * MB)))(), "malformed", "inflates to more than 64 MiB", INFLATED),
    "zlib bomb below the limit": (lambda: one(message(payload=bomb(60 * MB)))(), "notes", "padded with zero bytes", INFLATED),
    "zlib bomb inside gzip": (
        lambda: one(gzip.compress(message(payload=bomb(1024 * MB))), b"Content-Encoding: gzip\r\n")(),
        "malformed", "inflates to more than 64 MiB", INFLATED),
    "gzip bomb": (
        lambda: one(gzip.compress(message() + bytes(256 * MB)), b"Content-Encoding: gzip\r\n")(),
        "malformed", "more bytes than are collected", COLLECTED),
    "zlib stream that is cut off": (one(message(payload=bomb(MB)[:-5])), "finding", "damaged or cut off", 0),
    "body past the end": (one(message(change=of_body("Offset='9' Length='18446744073709551615'"))), "finding", "reach beyond", 0),
    "sum past 64 bits": (
        one(message(change=of_body("Offset='18446744073709551615' Length='18446744073709551615'"))), "finding", "reach beyond", 0),
    "numbers that are none": (one(message(change=of_body("Offset='-1' Length='1e9'"))), "finding", "not a whole number", 0),
    "attachment past the end": (
        one(message(change=with_hooks(ATTACHMENT.replace("'4'", "'18446744073709551615'")))),
        "finding", "an attachment reaches beyond the payload", 0),
    "entity bomb in the header": (one(message(change=lambda text: entities("Msg") + text.replace("WS1", "&e10;"))), "finding",
                                  "the header has a document type declaration", 0),
    "entity bomb in the body": (one(message(body=entities("Report") + "<Report>&e10;</Report>")), "finding",
                                "the body has a document type declaration", 0),
    "a million attachments": (one(message(change=with_hooks(ATTACHMENT * 1000000))), "malformed", "more bytes than are collected", COLLECTED),
    "fifty thousand attachments": (one(message(change=with_hooks(ATTACHMENT * 50000))), "malformed", "more than 262144 bytes", 6),
    "as many as a header holds": (one(message(change=with_hooks(ATTACHMENT * 2000))), "finding", "more attachments than are looked at", 0),
    "message header of 100 MB": (lambda: header_of(100 * MB), "malformed", "more bytes than are collected", COLLECTED),
    "HTTP header of 100 MB": (lambda: endless(b"CCM_POST / HTTP/1.1\r\nX: ", b"A" * 4096, 100 * MB), "http", "headers beyond 128 KiB", 0),
    "a million HTTP headers": (
        lambda: endless(b"CCM_POST / HTTP/1.1\r\n", b"X: A\r\n" * 1000, 6 * MB), "http", "headers beyond 128 KiB", 0),
    "odd UTF-16 header": (one(message(encoded=lambda part: part + b"\0")), "finding", "odd number of bytes", 0),
    "odd UTF-16 body": (one(message(payload=zlib.compress(wide("<Report/>") + b"A"), change=of_body("Offset='0' Length='19'"))),
                        "finding", "the UTF-16 body has an odd number of bytes", 0),
    "half a surrogate pair": (one(message(change=lambda text: text.replace("WS1", "W\ud800S\udc00\udc001"))), "source_host", "W\ufffdS", 0),
    "part inside the payload": (one(message(payload=stored(wide("<Report/>") + INSIDE))), "finding", "starts more parts than two", 0),
    "delimiter inside the payload": (one(message(payload=stored(wide("<Report/>\0") + INSIDE[:30] + b"--"))), "root", "Report", 0),
    "end inside the payload": (one(message(payload=stored(wide("<Report/>\0") + INSIDE[:30] + b"--"))), "finding", "stands inside a part", 0),
    "ten thousand parts": (one(multipart(*[b"x"] * 10000)), "finding", "more than 8 parts", 0),
    "two bodies": (one(message(change=with_hooks("<Body Type='ByteRange' Offset='4' Length='2'/>"))), "finding", f"{TWICE}, and readers may take either: Body", 0),
    "two client ids": (one(message(change=with_hooks("<SourceID>GUID:1</SourceID><SourceID>GUID:2</SourceID>"))), "finding",
                       f"{TWICE}, and readers may take either: SourceID", 0),
    "two hooks of a name": (one(message(change=in_hooks("<Hook3 Name='ZLIB-compress'/>"))), "finding", "either: ZLIB-compress", 0),
    "two signatures": (
        one(message(change=in_hooks("<Hook2 Name='clientauth'><Property Name='PayloadSignature'>1</Property>"
                                    "<Property Name='PayloadSignature'>2</Property></Hook2>"))),
        "finding", "either: PayloadSignature", 0),
    "two registrations in one": (one(message(body=REGISTRATION.format("<Data SMSID='1'/><Data SMSID='2'/>"))), "finding",
                                 "an element of the registration stands twice", 0),
    "deep XML": (one(message(body=DEEP)), "malformed", "nested too deep", TREE),
    "wide XML": (one(message(body="<Report>" + "<x y='1'/>" * 300000 + "</Report>")), "malformed", "too many", TREE),
    "XML of 30 MB": (one(message(body="<Report>" + "<x y='1'/>" * 3000000 + "</Report>")), "notes", "too long to be read as a tree", INFLATED + 30),
    "many attributes": (one(message(body="<Report " + " ".join(f"a{n}='1'" for n in range(100000)) + "/>")), "malformed",
                        "too many attributes", TREE),
    "a hundred thousand fragments": (lambda: bits_fragments(100000), "bits", "incomplete", 40),
}


# Kinds of attack, and a case that shows each: a row of the table `finding`, or, where a limit stopped the reading, the reason in
# `malformed` of the message.
FOUND = {
    "zlib bomb": "zlib bomb of 1 GB",
    "offset past the end": "body past the end",
    "entity bomb": "entity bomb in the body",
    "a million attachments": "a million attachments",
    "header of 100 MB": "message header of 100 MB",
    "odd UTF-16": "odd UTF-16 body",
    "boundary inside the payload": "end inside the payload",
    "duplicate elements": "two bodies",
}


# ---- Running --------------------------------------------------------------------------------------------------------


def run(*arguments, statuses=(lab.DONE, lab.RULE_FAILED, lab.INCOMPLETE)):
    """(standard output, peak of memory in bytes, seconds)"""
    with lab.folder() as folder:
        command = [sys.executable, "-c", MEASURE, str(folder / "peak"), lab.CMSCOPE, *map(str, arguments)]
        start = time.monotonic()
        done = subprocess.run(command, capture_output=True, timeout=10 * SECONDS, check=False)
        spent = time.monotonic() - start
        lab.expect(done.returncode in statuses, f"{arguments}: status {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout, int((folder / "peak").read_text()), spent


FINDINGS = "(SELECT group_concat(f.code || ': ' || f.text, '; ') FROM finding f WHERE f.message = m.id)"
QUESTIONS = {
    "finding": f"SELECT {FINDINGS} AS text FROM message m WHERE client = '{{}}'",
    # A limit of this program is no breach of the schema: the row says what was not read. Reading findings has all be read.
    "malformed": f"SELECT iif(missing = 'limit', malformed, NULL) AS text, {FINDINGS} FROM message m WHERE client = '{{}}'",
    "notes": f"SELECT notes || ' ' || coalesce({FINDINGS}, '') AS text FROM message m WHERE client = '{{}}'",
    "source_host": "SELECT source_host AS text FROM message WHERE client = '{}'",
    "root": "SELECT root AS text FROM message WHERE client = '{}' AND malformed IS NULL",
    "http": "SELECT notes || ' complete: ' || complete AS text FROM http WHERE client = '{}'",
    "bits": "SELECT content AS text FROM bits WHERE client = '{}'",
}
NEIGHBOURS = (
    "SELECT client, endpoint, root, signature, client_id_signature, malformed, notes, answer, "
    "(SELECT group_concat(code || text, '; ') FROM finding WHERE finding.message = message.id) AS findings "
    f"FROM message WHERE client <> '{HOSTILE}' ORDER BY packet, message.id"
)
COMMANDS = (("messages", "-V"), ("check", "-T", "json"), ("query", "-T", "json", NEIGHBOURS))


def neighbours(output):
    rows = json.loads(output)
    signed = [row for row in rows if row["signature"] == "valid"]
    lab.expect(len(rows) > 20 and len(signed) == 6, f"{len(rows)} good messages, {len(signed)} with valid signatures")
    return rows


def examine(name, calm, folder):
    """Runs one case; its problems as texts."""
    pieces, question, text, extra = CASES[name]
    path = write_capture(folder / "hostile.pcap", pieces())
    problems, report = [], []
    for command in COMMANDS:
        output, peak, spent = run(command[0], "-r", path, "--threads", "1", *command[1:])
        base, wanted = calm[command]
        report.append(f"{command[0]} {(peak - base) / MB:+.0f} MB {spent:.1f} s")
        if not SANITIZED and peak > base + CALM + extra * MB:
            problems.append(f"{command[0]}: {peak // MB} MB, without the hostile message {base // MB} MB")
        if spent > SECONDS * (SLOWER if SANITIZED else 1):
            problems.append(f"{command[0]}: {spent:.0f} seconds")
        if wanted is not None and neighbours(output) != wanted:
            problems.append(f"{command[0]}: the messages beside it changed")
    sql = QUESTIONS[question].format(HOSTILE)
    found = [row["text"] for row in lab.query(sql, path, status=(lab.DONE, lab.INCOMPLETE))]
    if not any(text in (value or "") for value in found):
        problems.append(f"{question}: {lab.shorten(found, 300)}, wanted {text!r}")
    print(f"      {name}: {', '.join(report)}")
    return [f"{name}: {problem}" for problem in problems]


def test_hostile_messages():
    """Each hostile message is told, is bounded in memory and time, and the messages beside it are read as without it."""
    problems, calm = [], {}
    with lab.folder() as folder:
        path = write_capture(folder / "calm.pcap", [])
        for command in COMMANDS:
            output, peak, _ = run(command[0], "-r", path, "--threads", "1", *command[1:])
            calm[command] = (peak, neighbours(output) if command[0] == "query" else None)
        for name in sys.argv[1:] or CASES:
            problems += examine(name, calm, folder)
    notes = [kind for kind, name in FOUND.items() if CASES[name][1] not in ("finding", "malformed")]
    lab.expect(not notes, f"neither findings nor malformed messages: {notes}")
    lab.expect(not problems, "\n      ".join(problems))


if __name__ == "__main__":
    lab.main(test_hostile_messages)
