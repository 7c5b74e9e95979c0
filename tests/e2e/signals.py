#!/usr/bin/env python3
"""SIGINT, SIGTERM and SIGHUP: what was read so far is reported, marked incomplete; no file is left behind; a second signal ends
the program at once."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import lab

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REASON = "interrupted by a signal"
HALF = 20000  # bytes of the capture
# Writes a part of a capture, and the rest when it is interrupted, as tcpdump does with its buffer.
FEEDER = """
import signal, sys, time
data, half = open(sys.argv[1], 'rb').read(), int(sys.argv[2])
def rest(*_):
    sys.stdout.buffer.write(data[half:])
    sys.stdout.flush()
    sys.exit(0)
signal.signal(signal.SIGINT, rest)
sys.stdout.buffer.write(data[:half])
sys.stdout.flush()
time.sleep(60)
"""


def interrupted(number, *arguments, given=HALF):
    """Runs cmscope on the beginning of a capture in a pipe that stays open, sends the signal, and gives what came of it."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([lab.CMSCOPE, *map(str, arguments)], stdin=subprocess.PIPE, stdout=output, stderr=errors)
        process.stdin.write(lab.SCCMWTF.read_bytes()[:given])
        process.stdin.flush()
        time.sleep(0.5)
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise lab.Wrong(f"{number} does not end {arguments}") from None
        process.stdin.close()
        output.seek(0)
        errors.seek(0)
        return process.returncode, output.read(), errors.read().decode()


def test_report_of_what_was_read():
    """After each signal the report holds what a file cut off at the same byte gives, with the reason, with one worker and two."""
    with lab.folder() as folder:
        cut = folder / "cut.pcap"
        cut.write_bytes(lab.SCCMWTF.read_bytes()[:HALF])
        sql = "SELECT packet, endpoint, signature FROM message ORDER BY id"
        wanted = lab.cmscope("query", "-T", "csv", "-r", cut, sql, status=lab.INCOMPLETE).output
        lab.expect(wanted.count(b"\n") > 2, "messages in the beginning")
        for number in SIGNALS:
            for threads in ("1", "2"):
                status, output, errors = interrupted(number, "query", "-T", "csv", "--threads", threads, "-r", "-", sql)
                lab.expect_equal((status, output), (lab.INCOMPLETE, wanted), f"{number}")
                lab.expect_in(REASON, errors, "the message")
            status, output, errors = interrupted(number, "check", "-T", "json", "-r", "-")
            lab.expect(status in (lab.RULE_FAILED, lab.INCOMPLETE), f"status {status}")
            report = json.loads(output)
            lab.expect_equal(report["capture"]["complete"], False, "complete")
            lab.expect_in(REASON, report["capture"]["inputs"][0]["problem"], "the problem of the input")
            lab.expect_equal(lab.counters(report)["interrupted"], 1, "the counter")


def test_files_after_a_signal():
    """Files are written whole after a signal, and nothing else is left behind."""
    with lab.folder() as folder:
        html, database = folder / "report.html", folder / "rows.db"
        status, _, _ = interrupted(signal.SIGTERM, "check", "-q", "-r", "-", "--html", html, "--db", database)
        lab.expect(status in (lab.RULE_FAILED, lab.INCOMPLETE), f"status {status}")
        lab.expect(html.read_bytes().endswith(b"</html>\n"), "the report is whole")
        lab.expect_in(REASON, html.read_text(), "the reason")
        lab.expect_equal(sorted(os.listdir(folder)), ["report.html", "rows.db"], "files")


def test_while_a_query_runs():
    """A signal stops a query that runs, also one that prints: status 5, and the reason."""
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
    for rest in ("count(*) FROM c", "x FROM c WHERE x < 0"):
        status, _, errors = interrupted(signal.SIGINT, "query", "-r", lab.SCCMWTF, endless + rest)
        lab.expect_equal(status, lab.INCOMPLETE, errors)
        lab.expect_in(REASON, errors, "the message")


def test_before_the_first_byte():
    """A pipe or a named pipe that never delivers: the signal ends it, and the status says that the result is incomplete."""
    status, output, errors = interrupted(signal.SIGINT, "flows", "-r", "-", given=0)
    lab.expect_equal(status, lab.INCOMPLETE, errors)
    with lab.folder() as folder:
        os.mkfifo(folder / "pipe")
        status, output, errors = interrupted(signal.SIGTERM, "flows", "-r", folder / "pipe", given=0)
        lab.expect_equal(status, lab.INCOMPLETE, errors)
        # What stands behind it is named as not read.
        status, output, errors = interrupted(signal.SIGTERM, "query", "-T", "csv", "-r", folder / "pipe", "-r", "-",
                                             "SELECT problem FROM input", given=0)
        lab.expect_in(b"was not read: interrupted by a signal", output, "the input that was not opened")


def test_whole_process_group():
    """Ctrl-C reaches both sides of `tcpdump -w - | cmscope check -r -`: the report holds also what the writer wrote last."""
    script = '"$1" -c "$2" "$3" 20000 | "$4" query -T csv -r - "SELECT count(*) AS n FROM message"'
    process = subprocess.Popen(["sh", "-c", script, "sh", sys.executable, FEEDER, str(lab.SCCMWTF), lab.CMSCOPE],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    lab.expect_equal(output.split(), [b"n", str(len(list(lab.known_messages(lab.SCCMWTF)))).encode()], f"messages\n{errors}")


def test_ignored_signals_stay_ignored():
    """With nohup a hang-up does not end the reading."""
    process = subprocess.Popen(["nohup", lab.CMSCOPE, "flows", "-T", "csv", "-r", "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    data = lab.SCCMWTF.read_bytes()
    process.stdin.write(data[:HALF])
    process.stdin.flush()
    time.sleep(0.5)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    output, _ = process.communicate(data[HALF:], timeout=20)
    lab.expect_equal((process.returncode, output), (lab.DONE, lab.cmscope("flows", "-T", "csv", "-r", lab.SCCMWTF).output), "flows")


def test_second_signal():
    """A second signal ends the program at once, as the signal does by itself, and removes the unfinished file."""
    strace = lab.tool("strace")
    for option in ("--db", "--html"):
        with lab.folder() as folder:
            # The first when the file is written out, the second when it is put in place.
            process = subprocess.run([strace, "-f", "-o", "/dev/null", "-e", "trace=fsync,rename", "-e", "inject=fsync:signal=TERM",
                                      "-e", "inject=rename:signal=TERM:error=EINTR", lab.CMSCOPE, "check", "-q", "-r", lab.SCCMWTF,
                                      option, "x"], cwd=folder, capture_output=True, timeout=60)
            lab.expect_equal(process.returncode, -signal.SIGTERM, option)
            lab.expect_equal(os.listdir(folder), [], f"{option}: nothing is left behind")


lab.main(
    test_report_of_what_was_read,
    test_files_after_a_signal,
    test_while_a_query_runs,
    test_before_the_first_byte,
    test_whole_process_group,
    test_ignored_signals_stay_ignored,
    test_second_signal,
)
