#!/usr/bin/env python3
"""`messages` on a pipe prints as it goes, and in the end what it prints of the file."""

import os
import subprocess
import threading

import lab

SECONDS = 60  # by then it is killed: a line comes after half a second


def piece(packets, folder):
    """The bytes of a capture with these packets."""
    return lab.write_pcap(folder / "piece.pcap", packets).read_bytes()


def exchange(number, start):
    body = f"<ClientLocationRequest><Number>{number}</Number></ClientLocationRequest>"
    talk = lab.Conversation(client=(f"10.1.1.{number}", 50000), start=start * 10**9)
    return talk.send(lab.ccm_request(lab.ccm_header(body), body)).answer(lab.http_reply()).close().packets


def listen(*arguments):
    process = subprocess.Popen([lab.CMSCOPE, "messages", *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    timer = threading.Timer(SECONDS, process.kill)
    timer.daemon = True
    timer.start()
    return process


def read_line(process):
    """The next line of its output, while the pipe is open."""
    line = process.stdout.readline()
    lab.expect(line != b"", "a line comes while the pipe is open")
    return line


def finish(process, rest, wanted):
    """Writes the rest and closes the pipe; gives what else it prints."""
    process.stdin.write(rest)
    process.stdin.close()
    output, errors = process.stdout.read(), process.stderr.read().decode()
    lab.expect_equal((process.wait(), errors), (wanted.status, wanted.errors), "status and errors")
    return output


def test_prints_as_it_goes():
    """Each message is printed while the pipe is still open, on standard input and on a named pipe."""
    with lab.folder() as folder:
        first, second = exchange(1, 1_700_000_000), exchange(2, 1_700_000_100)
        capture = lab.write_pcap(folder / "whole.pcap", first + second)
        wanted = lab.cmscope("messages", "-r", capture)
        beginning = piece(first, folder)
        rest = capture.read_bytes()[len(beginning):]

        process = listen("-r", "-")
        process.stdin.write(beginning)
        process.stdin.flush()
        line = read_line(process)
        lab.expect_equal(line, wanted.output.splitlines(True)[0], "the first line")
        lab.expect_equal(line + finish(process, rest, wanted), wanted.output, "the whole output")

        os.mkfifo(folder / "pipe")
        process = listen("-r", folder / "pipe")
        with open(folder / "pipe", "wb", buffering=0) as pipe:
            pipe.write(beginning)
            line = read_line(process)
            pipe.write(rest)
        lab.expect_equal(line + finish(process, b"", wanted), wanted.output, "the whole output")


def test_same_in_the_end():
    """For each capture: whatever was printed on the way, the last form of each line is that of the file. What is only known at the
    end (a message was sent again, a key is not the registered one) is printed with its line again."""
    for path in sorted(lab.PCAPS.glob("*.pcap")):
        wanted = lab.cmscope("messages", "-r", path, status=None)
        if not wanted.output:
            continue
        data = path.read_bytes()
        process = listen("-r", "-")
        process.stdin.write(data[:-1])  # all messages but, maybe, the last
        process.stdin.flush()
        printed = (read_line(process) + finish(process, data[-1:], wanted)).splitlines()
        for line in wanted.output.splitlines():
            lab.expect(line in printed, f"{path.name}: {line}")
            printed.remove(line)
        for line in printed:
            longer = [other for other in wanted.output.splitlines() if other.startswith(line) and other != line]
            lab.expect(longer, f"{path.name}: {line} is printed too")


def test_other_forms_wait():
    """With two workers, -V, CSV and JSON the output comes at the end: it is that of the file."""
    for options in (("--threads", "2"), ("-V",), ("-T", "csv"), ("-T", "json")):
        wanted = lab.cmscope("messages", "-r", lab.SCCMWTF, *options)
        found = lab.cmscope("messages", "-r", "-", *options, stdin=lab.SCCMWTF.read_bytes())
        lab.expect_equal(found.output, wanted.output, f"{options}")


lab.main(test_prints_as_it_goes, test_same_in_the_end, test_other_forms_wait)
