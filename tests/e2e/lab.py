"""lab.py: what the end-to-end tests share: running cmscope, checking, captures made of bytes, and the oracles.

A test script defines functions whose docstrings say what each proves and ends with lab.main(function, ...). Such a function
raises lab.Wrong (through the expect_... functions) when something is not as it should be, lab.Skip when it cannot run here.
"""

import csv
import io
import ipaddress
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import traceback
import zlib
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE") or Path(__file__).resolve().parents[2])
CMSCOPE = os.environ.get("CMSCOPE") or str(SOURCE / "build" / "cmscope")
PCAPS = SOURCE / "tests" / "pcaps"
CAPTURES = Path(os.environ.get("CMSCOPE_CAPTURES") or SOURCE.parent / "shared" / "pcaps")  # no part of this project
SCCMWTF = PCAPS / "sccmwtf-http.pcap"  # a client in clear HTTP: registers, asks for policies, downloads one twice

# Exit statuses (design: Commands).
DONE, RULE_FAILED, USAGE, UNREADABLE, INVALID, INCOMPLETE = range(6)
SKIPPED = 77
SECONDS_MAX = 60  # of one run: more is a hang


# ---- Tests ----------------------------------------------------------------------------------------------------------


class Wrong(Exception):
    """Something is not as it should be."""


class Skip(Exception):
    """It cannot be tested here; the text says why."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def expect_equal(found, wanted, what):
    if found != wanted:
        raise Wrong(f"{what}:\n  found  {shorten(found)}\n  wanted {shorten(wanted)}")


def expect_in(part, whole, what):
    if part not in whole:
        raise Wrong(f"{what}: {shorten(part)} is not in\n  {shorten(whole)}")


def shorten(value, most=1500):
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def main(*tests):
    """Runs the tests, tells of each what it proves, and ends the program: 1 when one failed, 77 when none could run."""
    failed, skipped = [], []
    for test in tests:
        proves = " ".join((test.__doc__ or test.__name__).split())
        try:
            test()
            print(f"ok    {proves}")
        except Skip as reason:
            skipped.append(test)
            print(f"skip  {proves}\n      {reason}")
        except Wrong as reason:
            failed.append(test)
            print(f"FAIL  {proves}\n      {reason}")
        except Exception:  # whatever it is: the other tests still run
            failed.append(test)
            print(f"FAIL  {proves}\n{traceback.format_exc()}")
        sys.stdout.flush()
    print(f"{len(tests) - len(failed) - len(skipped)} proved, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed else SKIPPED if len(skipped) == len(tests) else 0)


def tool(name):
    """The path of a program that not every machine has."""
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


def folder():
    """A temporary folder, for `with`: its name as a Path."""
    return _Folder()


class _Folder:
    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="cmscope-e2e-")
        return Path(self.temporary.name)

    def __exit__(self, *_):
        self.temporary.cleanup()


# ---- Running cmscope ------------------------------------------------------------------------------------------------


class Result:
    """What a run of cmscope gave."""

    def __init__(self, command, process):
        self.command = command
        self.status = process.returncode
        self.output = process.stdout  # bytes
        self.errors = process.stderr.decode("utf-8", "backslashreplace")

    @property
    def text(self):
        return self.output.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.text)

    def __str__(self):
        return f"{' '.join(map(repr, self.command))}: status {self.status}\n{self.errors}"


def cmscope(*arguments, status=(DONE,), stdin=b"", cwd=SOURCE, environment=None, seconds=SECONDS_MAX):
    """Runs cmscope, which must end with one of the given statuses (None: any of its own)."""
    command = [str(argument) if isinstance(argument, Path) else argument for argument in arguments]
    variables = {**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})}
    process = subprocess.run([CMSCOPE, *command], input=stdin, capture_output=True, cwd=cwd, env=variables, timeout=seconds)
    result = Result(command, process)
    wanted = range(DONE, INCOMPLETE + 1) if status is None else status if isinstance(status, tuple) else (status,)
    expect(result.status in wanted, f"status {result.status}, wanted {' or '.join(map(str, wanted))}: {result}")
    return result


def query(sql, *files, options=(), status=(DONE,)):
    """The rows of a query as a list of objects."""
    reads = [argument for file in files for argument in ("-r", file)]
    return cmscope("query", *reads, "-T", "json", *options, sql, status=status).json


def value(sql, *files, options=(), status=(DONE,)):
    """The only value of a query that gives one row with one column."""
    rows = query(sql, *files, options=options, status=status)
    expect(len(rows) == 1 and len(rows[0]) == 1, f"one value is wanted of {sql!r}, found {shorten(rows)}")
    return next(iter(rows[0].values()))


def check(*files, options=(), status=(DONE, RULE_FAILED)):
    """The report of `check -T json`."""
    reads = [argument for file in files for argument in ("-r", file)]
    return cmscope("check", *reads, "-T", "json", *options, status=status).json


def counters(report):
    """The coverage of a report: name: value."""
    return {counter["name"]: counter["value"] for counter in report["capture"]["coverage"]}


def csv_rows(text):
    """CSV with a line of names, as a list of lists of text."""
    return list(csv.reader(io.StringIO(text, newline="")))


def table_rows(text):
    """A table of `query` as a list of lists of text. The dashes below the names tell how wide the columns are."""
    lines = text.split("\n")
    columns = [match.span() for match in re.finditer("-+", lines[1])]
    columns[-1] = (columns[-1][0], None)
    return [[line[start:end].strip() for start, end in columns] for line in [lines[0], *lines[2:-1]]]


# ---- What is known --------------------------------------------------------------------------------------------------


def ground_truth(capture):
    """The JSON beside a capture of the lab."""
    return json.loads(Path(capture).with_suffix(".json").read_text(encoding="utf-8"))


def known_messages(capture):
    """The messages in plain HTTP that the ground truth knows: (transaction, direction, ccm), each transmission one. An
    answer of 401 hides a message that comes again: it is the same as the next one that the server took."""
    transactions = ground_truth(capture)["transactions"]
    for number, transaction in enumerate(transactions):
        taken = transaction
        while taken.get("ccm") is None and taken["response"]["status"] == 401 and number + 1 < len(transactions):
            number += 1
            taken = transactions[number]
        if transaction["request"]["method"] == "CCM_POST" and taken.get("ccm") is not None:
            yield transaction, "request", taken["ccm"]
        reply = (transaction["response"] or {}).get("ccm")
        if reply is not None:
            yield transaction, "reply", reply


def tshark(capture, display_filter, *fields, options=()):
    """What tshark says of the packets that pass a display filter: a list of lists of text."""
    command = [tool("tshark"), "-n", "-r", str(capture), "-Y", display_filter, "-T", "fields", "-E", "separator=/t", *options]
    for field in fields:
        command += ["-e", field]
    process = subprocess.run(command, capture_output=True, timeout=SECONDS_MAX, text=True)
    expect(process.returncode == 0, f"tshark failed: {process.stderr}")
    return [line.split("\t") for line in process.stdout.splitlines()]


# ---- Captures made of bytes -----------------------------------------------------------------------------------------

PCAP_MICROSECONDS, PCAP_NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
ETHERNET = 1
SNAP_LENGTH = 262144


def read_pcap(path):
    """The packets of a pcap file with microseconds: a list of (nanoseconds since 1970, bytes as captured)."""
    data = Path(path).read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[data[:4]]
    packets, offset = [], 24
    while offset < len(data):
        seconds, microseconds, length, _ = struct.unpack_from(order + "IIII", data, offset)
        packets.append((seconds * 10**9 + microseconds * 1000, data[offset + 16 : offset + 16 + length]))
        offset += 16 + length
    return packets


def write_pcap(path, packets, order="<", nanoseconds=False):
    """Writes (nanoseconds, bytes) as a pcap file of Ethernet, in either byte order and either resolution."""
    magic, unit = (PCAP_NANOSECONDS, 1) if nanoseconds else (PCAP_MICROSECONDS, 1000)
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, SNAP_LENGTH, ETHERNET)]
    for time, frame in packets:
        parts += [struct.pack(order + "IIII", time // 10**9, time % 10**9 // unit, len(frame), len(frame)), frame]
    path.write_bytes(b"".join(parts))
    return path


def write_pcapng(path, packets):
    """Writes (nanoseconds, bytes) as pcapng: a section header, one interface with nanoseconds, enhanced packets."""

    def block(kind, body):
        length = len(body) + 12
        return struct.pack("<II", kind, length) + body + struct.pack("<I", length)

    options = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)  # if_tsresol: 10^-9
    parts = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    parts.append(block(1, struct.pack("<HHI", ETHERNET, 0, SNAP_LENGTH) + options))
    for time, frame in packets:
        head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame))
        parts.append(block(6, head + frame + bytes(-len(frame) % 4)))
    path.write_bytes(b"".join(parts))
    return path


def checksum(data):
    """Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10
SEGMENT_MAX = 1400


class Conversation:
    """One TCP connection over Ethernet and IPv4, from its handshake on; `packets` is what was captured of it."""

    def __init__(self, client=("10.1.1.5", 50000), server=("10.1.1.1", 80), start=1_700_000_000 * 10**9):
        self.ends = (client, server)
        self.next = [1000, 5000]  # sequence numbers of client and server
        self.time = start
        self.packets = []
        self._segment(0, SYN)
        self._segment(1, SYN | ACK)
        self._segment(0, ACK)

    def send(self, data):
        """From the client."""
        return self._stream(0, data)

    def answer(self, data):
        """From the server."""
        return self._stream(1, data)

    def close(self):
        self._segment(0, FIN | ACK)
        self._segment(1, FIN | ACK)
        self._segment(0, ACK)
        return self

    def _stream(self, side, data):
        for offset in range(0, len(data), SEGMENT_MAX):
            self._segment(side, PSH | ACK, data[offset : offset + SEGMENT_MAX])
        return self

    def _segment(self, side, flags, data=b""):
        (source, sport), (target, dport) = self.ends[side], self.ends[1 - side]
        acknowledged = self.next[1 - side] if flags & ACK else 0
        tcp = struct.pack(">HHIIBBHHH", sport, dport, self.next[side], acknowledged, 5 << 4, flags, 65535, 0, 0)
        addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
        pseudo = addresses + struct.pack(">BBH", 0, 6, len(tcp) + len(data))
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp + data)) + tcp[18:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp) + len(data), len(self.packets), 0x4000, 64, 6, 0) + addresses
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        ethernet = bytes([2, 0, 0, 0, 0, 2 - side, 2, 0, 0, 0, 0, 1 + side]) + b"\x08\x00"
        self.packets.append((self.time, ethernet + ip + tcp + data))
        self.time += 1_000_000
        self.next[side] += len(data) + (1 if flags & (SYN | FIN) else 0)


BOUNDARY = "aAbBcCdDv1234567890VxXyYzZ"


def ccm_payload(body):
    """The text with its terminator, in UTF-16; bytes stay as they are."""
    return body if isinstance(body, bytes) else body.encode("utf-16-le", "surrogatepass") + b"\0\0"


def ccm_body(header, body):
    """The body of a CCM_POST: the <Msg> text and a compressed XML text, as clients send them (README of the captures)."""
    payload = zlib.compress(ccm_payload(body) + b"\r\n")
    return b"".join(
        (
            f"--{BOUNDARY}\r\ncontent-type: text/plain; charset=UTF-16\r\n\r\n".encode(),
            b"\xff\xfe" + header.encode("utf-16-le"),
            f"\r\n--{BOUNDARY}\r\ncontent-type: application/octet-stream\r\n\r\n".encode(),
            payload,
            f"\r\n--{BOUNDARY}--".encode(),
        )
    )


def ccm_header(body, **fields):
    """The text of a <Msg>; the fields are XML text already. `body` is the text that it describes."""
    members = {
        "ID": "{5DD100CD-DF1D-45F5-BA17-A327F43465F8}",
        "SourceHost": "WS1",
        "TargetAddress": "mp:MP_LocationManager",
        "TargetEndpoint": "MP_LocationManager",
        "TargetHost": "mp.example.test",
        "ReplyMode": "Sync",
        "SentTime": "2026-11-22T04:56:40Z",
        **fields,
    }
    length = len(ccm_payload(body))
    elements = "".join(f"<{name}>{text}</{name}>" for name, text in members.items())
    return (
        f'<Msg ReplyCompression="zlib" SchemaVersion="1.1">{elements}<Body Type="ByteRange" Length="{length}" Offset="0" />'
        '<Hooks><Hook3 Name="zlib-compress" /></Hooks><Protocol>http</Protocol></Msg>'
    )


def ccm_request(header, body, uri=b"/ccm_system/request", host=b"mp.example.test", agent=b"ConfigMgr Messaging HTTP Sender"):
    content = ccm_body(header, body)
    return b"".join(
        (
            b"CCM_POST " + uri + b" HTTP/1.1\r\nHost: " + host + b"\r\nUser-Agent: " + agent + b"\r\n",
            f'Content-Length: {len(content)}\r\nContent-Type: multipart/mixed; boundary="{BOUNDARY}"\r\n\r\n'.encode(),
            content,
        )
    )


def http_reply(content=b"", status="200 OK", headers=b""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n".encode() + headers + b"\r\n" + content


# ---- Text that is shown to people -----------------------------------------------------------------------------------

BIDI = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff")


def unsafe_characters(text):
    """What must not reach a terminal: all controls but the line feed, and what turns the order of text round."""
    return sorted({c for c in text if (ord(c) < 0x20 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in BIDI})
