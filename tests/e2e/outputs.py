#!/usr/bin/env python3
"""Files that cmscope writes: whole or not at all, never over an input or over a file of somebody else."""

import os
import shutil
import stat
import subprocess
import threading

import lab

CHECK = ("check", "-q", "-r", lab.SCCMWTF)
ANY = (lab.DONE, lab.RULE_FAILED, lab.INCOMPLETE)


def writers(folder):
    """Every command that writes a file, without the name of the file: (arguments, whether an earlier file is replaced)."""
    for arguments, replaces in (
        ((*CHECK, "--html"), True),
        ((*CHECK, "--db"), True),
        (("query", "-r", lab.SCCMWTF, "SELECT 1", "--db"), True),
        (("messages", "-r", lab.SCCMWTF, "--db"), True),
        (("discover", "-r", lab.SCCMWTF, "-w"), False),
    ):
        yield arguments, folder / f"written{arguments[-1]}", replaces


def test_foreign_files_stay():
    """A file that cmscope did not make, a folder, a link to an own file and a link to nothing stay as they are: status 3, and
    nothing is left behind."""
    for number in range(5):
        with lab.folder() as folder:
            arguments, own, _ = list(writers(folder))[number]
            lab.cmscope(*arguments, own, status=ANY)
            plain, link, dangling, sub = (folder / name for name in ("plain", "link", "dangling", "sub"))
            plain.write_text("precious\n")
            link.symlink_to(own)
            dangling.symlink_to(folder / "nowhere")
            sub.mkdir()
            there, before = sorted(os.listdir(folder)), own.read_bytes()
            for target in (plain, link, dangling, sub):
                result = lab.cmscope(*arguments, target, status=lab.UNREADABLE)
                lab.expect_in(str(target), result.errors, "the file is named")
            lab.expect_equal(plain.read_text(), "precious\n", "the foreign file")
            lab.expect(own.read_bytes() == before and link.is_symlink() and dangling.is_symlink(), "the links")
            lab.expect_equal(sorted(os.listdir(folder)), there, "nothing is left behind")


def test_looks_before_it_reads():
    """A wrong place is told before the captures are read: standard input is not waited for."""
    with lab.folder() as folder:
        plain = folder / "plain"
        plain.write_text("precious\n")
        reading, writing = os.pipe()  # never written to
        for option in ("--html", "--db"):
            result = subprocess.run([lab.CMSCOPE, "check", "-r", "-", option, plain], stdin=reading, capture_output=True, timeout=20)
            lab.expect_equal(result.returncode, lab.UNREADABLE, option)
        os.close(reading)
        os.close(writing)


def test_own_and_empty_files_are_replaced():
    """An earlier report or database, and an empty file, are replaced; a site file is not, since people edit it."""
    with lab.folder() as folder:
        for arguments, own, replaces in writers(folder):
            own.write_bytes(b"")
            lab.cmscope(*arguments, own, status=ANY)
            first = own.read_bytes()
            lab.expect(len(first) > 100, f"{own} was written")
            lab.cmscope(*arguments, own, status=ANY if replaces else lab.UNREADABLE)
            lab.expect(own.read_bytes() == first, f"{own}: the same again")


def test_modes():
    """Reports have the mode of the umask, or that of the file that they replace; a database is for its owner only."""
    with lab.folder() as folder:
        for arguments, own, replaces in writers(folder):
            own.unlink(missing_ok=True)
            command = [lab.CMSCOPE, *map(str, arguments), str(own)]
            subprocess.run(["sh", "-c", 'umask 027; "$@"', "sh", *command], capture_output=True, timeout=60)
            lab.expect_equal(stat.S_IMODE(own.stat().st_mode), 0o600 if "--db" in arguments else 0o640, str(own))
            if replaces and "--html" in arguments:
                own.chmod(0o600)
                subprocess.run(command, capture_output=True, timeout=60)
                lab.expect_equal(stat.S_IMODE(own.stat().st_mode), 0o600, f"{own} replaced")


def test_inputs_stay():
    """A capture, a key, a site or a rule file is never an output, by whatever name: not even when it is empty."""
    with lab.folder() as folder:
        capture, captures, keys, rules = folder / "a.pcap", folder / "captures", folder / "keys", folder / "rules"
        captures.mkdir()
        keys.mkdir()
        shutil.copytree(lab.SOURCE / "rules" / "sql", rules / "sql")
        shutil.copy(lab.SOURCE / "rules" / "benchmark.xml", rules)
        shutil.copy(lab.SCCMWTF, capture)
        shutil.copy(lab.SCCMWTF, captures / "b.pcap")
        site, empty, hard, link = keys / "site.yaml", keys / "empty", folder / "hard", folder / "link"
        site.write_text("sites:\n  - code: PRI\n")
        empty.write_bytes(b"")
        os.link(capture, hard)
        link.symlink_to(capture)
        os.link(empty, folder / "empty-too")
        reads = ("check", "-q", "-r", capture, "-r", captures, "--site", site, "--keys", keys, "--rules", rules)
        query = next((rules / "sql").iterdir())
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for target in (capture, hard, link, captures / "b.pcap", site, empty, folder / "empty-too", rules / "benchmark.xml",
                       query):
            for option in ("--html", "--db"):
                result = lab.cmscope(*reads, option, target, status=lab.USAGE)
                lab.expect_in(f"{target}: {option} would be written over what --", result.errors, "the message")
        lab.cmscope("discover", "-r", capture, "-w", capture, status=lab.USAGE)
        after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        lab.expect_equal(sorted(after), sorted(before), "the files")
        lab.expect(after == before, "what is in them")


def test_standard_input_and_output_stay():
    """What stands at standard input is an input, and the file of standard output is no second output."""
    with lab.folder() as folder:
        capture, printed = folder / "a.pcap", folder / "printed"
        shutil.copy(lab.SCCMWTF, capture)
        command = [lab.CMSCOPE, "check", "-r", "-", "--html"]
        with open(capture, "rb") as source, open(printed, "wb") as out:
            result = subprocess.run([*command, capture], stdin=source, stdout=out, stderr=subprocess.PIPE, timeout=60)
            lab.expect_equal(result.returncode, lab.USAGE, "over standard input")
            result = subprocess.run([*command, printed], stdin=source, stdout=out, stderr=subprocess.PIPE, timeout=60)
            lab.expect_equal(result.returncode, lab.USAGE, "over standard output")
            lab.expect_in(b"standard output is written to this file", result.stderr, "the message")
        lab.expect(capture.read_bytes() == lab.SCCMWTF.read_bytes(), "the capture")


def test_two_outputs_at_one_place():
    """Two outputs with one name, or two names of one empty file, are wrong usage."""
    with lab.folder() as folder:
        one, two = folder / "one", folder / "two"
        lab.cmscope(*CHECK, "--html", one, "--db", one, status=lab.USAGE)
        lab.expect(not one.exists(), "nothing was written")
        one.write_bytes(b"")
        os.link(one, two)
        lab.cmscope(*CHECK, "--html", one, "--db", two, status=lab.USAGE)


def test_streams():
    """Reports go to /dev/stdout, a named pipe and /dev/null; a database does not, and a disk is never written to."""
    with lab.folder() as folder:
        wanted = folder / "report.html"
        lab.cmscope(*CHECK, "--html", wanted, status=ANY)
        lab.expect(lab.cmscope(*CHECK, "--html", "/dev/stdout", status=ANY).output == wanted.read_bytes(), "/dev/stdout")
        lab.cmscope(*CHECK, "--html", "/dev/null", status=ANY)
        lab.cmscope(*CHECK, "--db", "/dev/null", status=lab.UNREADABLE)
        pipe, got = folder / "pipe", []
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
        reader.start()
        lab.cmscope(*CHECK, "--html", pipe, status=ANY)
        reader.join(20)
        lab.expect(got and got[0] == wanted.read_bytes(), "a named pipe")
        for path in ("/dev/mem", "/dev/zero", "/dev/loop0"):
            if os.path.exists(path):
                lab.cmscope(*CHECK, "--html", path, status=lab.UNREADABLE)


def test_full_disk():
    """A report that cannot be written to its end: status 3 and a message, on standard output as in a file."""
    for arguments in (("check", "-r", lab.SCCMWTF), ("check", "-T", "json", "-r", lab.SCCMWTF), ("check", "-T", "html", "-r", lab.SCCMWTF),
                      ("messages", "-r", lab.SCCMWTF), ("messages", "-V", "-r", lab.SCCMWTF), ("flows", "-T", "csv", "-r", lab.SCCMWTF),
                      ("discover", "-r", lab.SCCMWTF), ("rules",), ("schema",), ("help",), ("version",)):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([lab.CMSCOPE, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, timeout=60)
        lab.expect_equal((arguments[0], result.returncode), (arguments[0], lab.UNREADABLE), "status")
        lab.expect_in(b"could not be written to its end", result.stderr, f"the message of {arguments[0]}")
    result = lab.cmscope(*CHECK, "--html", "/dev/full", status=lab.UNREADABLE)
    lab.expect_in("/dev/full: could not be written to its end", result.errors, "--html")
    with lab.folder() as folder:  # a file that may not grow
        for arguments, own, _ in writers(folder):
            command = [lab.CMSCOPE, *map(str, arguments), str(own)]
            result = subprocess.run(["sh", "-c", 'ulimit -f 1; "$@"', "sh", *command], capture_output=True, timeout=60)
            if "-w" in arguments:
                continue  # that one is smaller
            lab.expect_equal(result.returncode, lab.UNREADABLE, str(arguments))
            lab.expect_equal(os.listdir(folder), [], "nothing is left behind")


lab.main(
    test_foreign_files_stay,
    test_looks_before_it_reads,
    test_own_and_empty_files_are_replaced,
    test_modes,
    test_inputs_stay,
    test_standard_input_and_output_stay,
    test_two_outputs_at_one_place,
    test_streams,
    test_full_disk,
)
