#!/usr/bin/env python3
"""Standard descriptors that are closed at the start, as cron jobs and daemons have them."""

import itertools
import subprocess

import lab

CONNECTIONS = 4000  # enough rows for temporary files with --memory 1M
ROWS = ("query", "--memory", "1M", "-T", "csv", "-r")


def run(closed, *arguments, stdin=subprocess.DEVNULL):
    """Runs cmscope without these descriptors (a string of digits)."""
    script = 'exec "$@" ' + " ".join(f"{number}>&-" for number in closed)
    process = subprocess.run(["sh", "-c", script, "sh", lab.CMSCOPE, *map(str, arguments)], stdin=stdin, capture_output=True,
                             timeout=lab.SECONDS_MAX)
    return process.returncode, process.stdout, process.stderr


def cut_capture(folder):
    """One that leads to temporary files and, since it is cut off, to a message."""
    packets = []
    for number in range(CONNECTIONS):
        second = 1_700_000_000 * 10**9 + number * 10**7
        packets += lab.Conversation((f"10.2.{number // 250}.{number % 250 + 1}", 50000), start=second).close().packets
    capture = lab.write_pcap(folder / "cut.pcap", packets)
    capture.write_bytes(capture.read_bytes()[:-20])
    return capture


def test_messages():
    """No message gets into a temporary file: rows are the same whichever of standard input and error are closed."""
    with lab.folder() as folder:
        question = (*ROWS, cut_capture(folder), "SELECT * FROM flow")
        status, rows, errors = run("", *question)
        lab.expect_equal(status, lab.INCOMPLETE, "status")
        lab.expect(rows.count(b"\n") == CONNECTIONS + 1 and errors, f"{rows[:200]} {errors}")
        for closed in ("0", "2", "02"):
            lab.expect_equal(run(closed, *question)[:2], (status, rows), f"closed: {closed}")


def test_output():
    """A report that cannot be written is told and is status 3; without a report nothing is wrong."""
    for closed in ("1", "01"):
        status, _, errors = run(closed, "check", "-r", lab.SCCMWTF)
        lab.expect_equal((status, errors), (lab.UNREADABLE, b"cmscope: the output could not be written to its end\n"), closed)
    for closed in ("1", "12", "012"):
        lab.expect_equal(run(closed, "check", "-q", "-r", lab.SCCMWTF)[0], lab.RULE_FAILED, closed)


def test_html():
    """The report that --html writes is the same with all of them closed."""
    with lab.folder() as folder:
        reports = []
        for number, closed in enumerate(("", "012")):
            page = folder / f"{number}.html"
            run(closed, "check", "-q", "-r", lab.SCCMWTF, "--html", page)
            reports.append(page.read_bytes())
        lab.expect(reports[0] == reports[1] != b"", "the reports differ")


def test_input():
    """A closed standard input is no empty capture."""
    status, _, errors = run("0", "check", "-q", "-r", "-")
    lab.expect_equal(status, lab.UNREADABLE, "status")
    lab.expect_in(b"cannot read standard input", errors, "the message")


def test_any():
    """Whichever are closed, the status is the same."""
    for count in range(4):
        for closed in itertools.combinations("012", count):
            lab.expect_equal(run(closed, "check", "-q", "-r", lab.SCCMWTF)[0], lab.RULE_FAILED, "".join(closed))


if __name__ == "__main__":
    lab.main(test_messages, test_output, test_html, test_input, test_any)
