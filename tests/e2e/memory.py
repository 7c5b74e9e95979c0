#!/usr/bin/env python3
"""--memory: the output is the same however little there is, and what was missed is told."""

import os
import subprocess
import sys
import tempfile

import lab

CAPTURES = ("sdk-http-full", "mangled-reordered", "broken-replay", "reply-errors")
COPIES = 60  # of each, between other hosts: rows for some megabytes
COMMANDS = (
    ("check", "-T", "json"),
    ("check", "-V"),
    ("messages",),
    ("messages", "-T", "json", "--bodies"),
    ("flows", "-T", "csv"),
    ("query", "-T", "csv", "SELECT m.*, h.*, f.* FROM message m JOIN http h ON h.id = m.http JOIN flow f ON f.id = h.flow"),
    ("query", "-T", "csv", "SELECT a.id, count(*) FROM message a JOIN message b ON a.source_id = b.source_id AND a.endpoint = "
     "b.endpoint GROUP BY 1 ORDER BY 2, 1"),
)
NOWHERE = {"TMPDIR": "/nonexistent/folder"}


def many(folder):
    """A capture with copies of some others, which run side by side: their packets alternate."""
    packets = []
    for name in CAPTURES:
        original = lab.read_pcap(lab.PCAPS / f"{name}.pcap")
        for copy in range(COPIES):
            for time, frame in original:
                if frame[12:14] == b"\x08\x00":  # IPv4: both addresses become others (their checksums are not looked at)
                    frame = bytearray(frame)
                    frame[27], frame[31] = frame[27] ^ copy, frame[31] ^ copy
                packets.append((time + copy * 7 * 10**6, bytes(frame)))
    packets.sort(key=lambda packet: packet[0])
    return lab.write_pcap(folder / "many.pcap", packets)


def without_least(errors):
    """Without the line that says what less than 96M cannot hold."""
    return "".join(line for line in errors.splitlines(True) if "takes up to 96M all the same" not in line)


def test_same_output():
    """With little --memory every command prints what it prints without, with one, two and five workers."""
    with lab.folder() as folder:
        capture = many(folder)
        for command, *options in COMMANDS:
            wanted = lab.cmscope(command, "-r", capture, "--threads", "1", *options, status=None)
            lab.expect(len(wanted.output) > 1000, f"{command} prints {len(wanted.output)} bytes")
            # Five workers share the memory for connections, and all of two hosts go to one of them: that needs more.
            for threads, memory in (("1", "1M"), ("2", "1M"), ("5", "16M")):
                limits = ("--threads", threads, "--memory", memory)
                found = lab.cmscope(command, "-r", capture, *limits, *options, status=None)
                what = f"{command} {options} with {threads} workers"
                lab.expect_equal((found.status, without_least(found.errors)), (wanted.status, wanted.errors), what)
                lab.expect(found.output == wanted.output, f"{what} prints something else")


def test_database():
    """--db writes the same database with --memory 1M."""
    with lab.folder() as folder:
        capture, contents = many(folder), []
        for number, options in enumerate(((), ("--memory", "1M"))):
            path = folder / f"{number}.db"
            lab.cmscope("flows", "-r", capture, "--db", path, *options, status=None)
            contents.append(path.read_bytes())
        lab.expect(contents[0] == contents[1], "the files differ")


def test_no_folder_for_files():
    """Without a folder for temporary files: rows stay in memory, it is told with what to do, and the status is 5."""
    with lab.folder() as folder:
        arguments = ("messages", "-r", many(folder), "--threads", "1")
        wanted = lab.cmscope(*arguments, status=None)
        found = lab.cmscope(*arguments, "--memory", "1M", status=lab.INCOMPLETE, environment=NOWHERE)
        lab.expect(found.output == wanted.output, "no row was lost")
        lab.expect_in("/nonexistent/folder", found.errors, "the message")
        lab.expect_in("set TMPDIR", found.errors, "the message")
        sql = "SELECT name, value FROM coverage WHERE name IN ('spill_failed', 'rows_lost') ORDER BY 1"
        result = lab.cmscope("query", *arguments[1:], "--memory", "1M", "-T", "csv", sql, status=lab.INCOMPLETE,
                             environment=NOWHERE)
        lab.expect_equal(lab.csv_rows(result.text)[1:], [["rows_lost", "0"], ["spill_failed", "1"]], "coverage")


def test_nothing_is_left_behind():
    """The folder for temporary files is empty afterwards, and is not used where memory is enough."""
    with lab.folder() as folder, tempfile.TemporaryDirectory() as files:
        capture = many(folder)
        lab.cmscope("messages", "-r", capture, "--memory", "1M", environment={"TMPDIR": files}, status=None)
        lab.expect_equal(os.listdir(files), [], "files")
        found = lab.cmscope("messages", "-r", lab.SCCMWTF, environment=NOWHERE, status=None)
        lab.expect("TMPDIR" not in found.errors, "not used")


def test_sizes():
    """Sizes with K, M, G or none are taken; what is no size, or too small, is wrong usage."""
    for size in ("1M", "1048576", "1024K", "3G"):
        lab.cmscope("flows", "-r", lab.SCCMWTF, "--memory", size)
    for size in ("", "M", "0", "1023K", "-1M", "1.5G", "1T", "64MB", "99999999999999999999", "2000G"):
        result = lab.cmscope("flows", "-r", lab.SCCMWTF, "--memory", size, status=lab.USAGE)
        lab.expect_in("no size of memory", result.errors, size)


def large_messages(folder):
    """Captures of one message each: what inflates to 62 MB, to nearly 4 MB, and 4 MB that do not become smaller."""
    texts = {
        "text": "<Report><ReportBody>" + "x" * 31_000_000 + "</ReportBody></Report>",
        "unicode": "<Report><ReportBody>" + "\u4e2d" * 2_000_000 + "</ReportBody></Report>",
        "elements": "<Report>" + "<a/>" * 490_000 + "</Report>",
        "properties": "<Report>" + '<Property Name="abcdefghij" Value="0123456789"/>' * 40_000 + "</Report>",
        "random": "<Report><P>" + os.urandom(1_000_000).hex() + "</P></Report>",
        "damaged": b"<Report>" + b"\xff" * 4_100_000 + b"</Report>",  # three bytes of UTF-8 for each, six of JSON
    }
    for name, text in texts.items():
        talk = lab.Conversation()
        talk.send(lab.ccm_request(lab.ccm_header(text), text)).answer(lab.http_reply()).close()
        yield name, lab.write_pcap(folder / f"{name}.pcap", talk.packets)


MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(*arguments):
    """Megabytes that cmscope took at most. (A small process starts it: the peak of a child begins with what its parent takes.)"""
    command = [sys.executable, "-c", MEASURE, lab.CMSCOPE, *map(str, arguments)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) / 1024


def test_least():
    """The least that --memory promises holds: 96 MB with one worker, whatever a message is like, and for all the captures here.
    (Not under a sanitizer, which takes much more.)"""
    if "ASAN_OPTIONS" in os.environ:
        raise lab.Skip("a sanitizer takes more")
    with lab.folder() as folder:
        captures = [*large_messages(folder), *((path.stem, path) for path in sorted(lab.PCAPS.glob("*.pcap")))]
        for name, capture in captures:
            for options in (("check",), ("messages", "-V"), ("messages", "-T", "json", "--bodies")):
                found = peak(*options, "--memory", "1M", "--threads", "1", "-r", capture)
                lab.expect(found < 96, f"{options} takes {found:.1f} MB for {name}")
        result = lab.cmscope("flows", "--memory", "1M", "-r", lab.SCCMWTF)
        lab.expect_in("takes up to 96M all the same", result.errors, "it is told")
        lab.expect_equal(lab.cmscope("flows", "--memory", "96M", "-r", lab.SCCMWTF).errors, "", "and not with 96M")


def test_large_payload_is_told():
    """A payload that inflates to more than is read is counted, and the status is 5; with more memory it is read."""
    with lab.folder() as folder:
        capture = dict(large_messages(folder))["text"]
        sql = "SELECT value FROM coverage WHERE name = 'limit_inflated'"
        for threads in ("1", "2"):
            options = ("--memory", "1M", "--threads", threads)
            lab.expect_equal(lab.value("SELECT root FROM message", capture, options=options, status=lab.INCOMPLETE), None, "root")
            reading = "SELECT value + 0 * (SELECT count(root) FROM message) FROM coverage WHERE name = 'limit_inflated'"
            lab.expect_equal(lab.value(reading, capture, options=options, status=lab.INCOMPLETE), 1, "the counter")
        lab.expect_equal(lab.value("SELECT root FROM message", capture), "Report", "with the usual memory")


def test_limits_are_told():
    """Connections that are forgotten to stay within memory are counted, and the status is 5."""
    packets = []
    for number in range(3000):
        client = (f"10.1.{number // 250}.{number % 250 + 1}", 50000)
        packets += lab.Conversation(client=client, start=(1_700_000_000 * 1000 + number) * 10**6).packets
    packets.sort()
    with lab.folder() as folder:
        capture = lab.write_pcap(folder / "many.pcap", packets)
        sql = "SELECT value FROM coverage WHERE name = 'flows_evicted'"
        lab.expect_equal(lab.value(sql, capture), 0, "evicted with the usual memory")
        found = lab.value(sql, capture, options=("--memory", "1M", "--threads", "1"), status=lab.INCOMPLETE)
        lab.expect(1000 < found < 3000, f"evicted with --memory 1M: {found}")


def overlapping():
    """A request whose first line differs between two segments that both wait for an earlier byte, and its reply."""
    talk = lab.Conversation()
    def put(offset, data):
        before, talk.next[0] = talk.next[0], 1001 + offset
        talk.send(data)
        talk.next[0] = before
    put(4, b"/old HTTP/1.1\r\nHost: a\r\n\r\n")
    put(2, b"T /new HTTP/1.1\r\nHost: a\r\n\r\n")
    put(0, b"GET ")
    talk.next[0] = 1001 + len(b"GET /old HTTP/1.1\r\nHost: a\r\n\r\n")
    talk.answer(lab.http_reply(b"x"))
    return talk.close().packets


def test_overlap():
    """-o overlap and overlap.host choose which of two contradicting segments the receiver kept."""
    with lab.folder() as folder:
        capture = lab.write_pcap(folder / "overlap.pcap", overlapping())
        def uri(*options):
            return lab.value("SELECT uri FROM http", capture, options=options)
        lab.expect_equal(uri(), "/old", "windows, the default")
        lab.expect_equal(uri("-o", "overlap:last"), "/new", "last")
        lab.expect_equal(uri("-o", "overlap.host:10.1.1.1=last"), "/new", "last for the server")
        lab.expect_equal(uri("-o", "overlap.host:10.1.1.5=last"), "/old", "last for the client")
        lab.expect_equal(uri("--option=overlap:last", "-ooverlap.host:10.1.1.1=first"), "/old", "first for the server")


def test_checksums():
    """A packet with a wrong checksum is taken, unless -o checksums:verify; then it is counted."""
    packets = lab.Conversation().send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").answer(lab.http_reply(b"x")).close().packets
    time, frame = packets[3]
    packets[3] = (time, frame[:50] + bytes([frame[50] ^ 1]) + frame[51:])
    with lab.folder() as folder:
        capture = lab.write_pcap(folder / "sums.pcap", packets)
        sql = "SELECT count(method) FROM http"
        lab.expect_equal(lab.value(sql, capture), 1, "requests")
        lab.expect_equal(lab.value(sql, capture, options=("-o", "checksums:ignore")), 1, "requests")
        verify = ("-o", "checksums:verify")
        lab.expect_equal(lab.value(sql, capture, options=verify, status=lab.INCOMPLETE), 0, "requests")
        counted = "SELECT value FROM coverage WHERE name = 'checksum_wrong'"
        lab.expect_equal(lab.value(counted, capture, options=verify, status=lab.INCOMPLETE), 1, "counted")


def test_wrong_settings():
    """What is no setting, or no value of one, is wrong usage."""
    for setting in ("", "overlap", "overlap=linux", "overlap:beos", "overlap.host:10.0.0.1", "overlap.host:x=linux",
                    "overlap.host:10.0.0.1=", "checksums:maybe", "colour:red"):
        lab.cmscope("flows", "-r", lab.SCCMWTF, "-o", setting, status=lab.USAGE)


if __name__ == "__main__":
    lab.main(test_same_output, test_database, test_no_folder_for_files, test_nothing_is_left_behind, test_sizes,
             test_least, test_large_payload_is_told, test_limits_are_told, test_overlap, test_checksums, test_wrong_settings)
