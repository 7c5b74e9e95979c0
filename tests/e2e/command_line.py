#!/usr/bin/env python3
"""The command line: each exit status with a message that names what is wrong and what to do; all forms of options; help for
every command; colour on a terminal only."""

import os
import pty
import subprocess

import lab

COUNT = "SELECT count(*) AS n FROM flow"
COMMANDS = ("check", "messages", "flows", "hosts", "roles", "query", "discover", "rules", "schema", "version", "help")
ESCAPE = b"\x1b"


def commands():
    """The commands as `cmscope help` lists them."""
    text = lab.cmscope("help").text
    return [line.split()[0] for line in text.split("Commands:\n")[1].split("\n\n")[0].splitlines()]


def refused(*arguments, status=lab.USAGE, says=(), output=False, lines_most=1):
    """A line on standard error that begins with the program's name and says these things."""
    result = lab.cmscope(*arguments, status=status)
    lines = [line for line in result.errors.splitlines() if not line.startswith("  ")]  # the place in a query is no message
    lab.expect(lines and lines[0].startswith("cmscope: "), f"a message is wanted: {result}")
    lab.expect(len(lines) <= lines_most, f"{lines_most} messages, not {len(lines)}: {result}")
    for part in says:
        lab.expect_in(part, result.errors, "the message")
    lab.expect(output or result.output == b"", f"nothing on standard output: {result.output[:200]}")
    return result


def test_status_0_and_1():
    """Status 0: nothing failed. Status 1: a rule failed, and --fail-on moves the bar."""
    read = ("check", "-q", "-r", lab.SCCMWTF)
    quiet = lab.cmscope(*read, status=lab.RULE_FAILED)
    lab.expect_equal((quiet.output, quiet.errors), (b"", ""), "-q is quiet")
    severities = {v["id"]: v["severity"] for v in lab.check(lab.SCCMWTF)["verdicts"] if v["result"] == "fail"}
    lab.expect_in("high", severities.values(), "severities of failed rules")
    for severity in ("info", "low", "medium", "high"):
        lab.cmscope(*read, "--fail-on", severity, status=lab.RULE_FAILED)
    short_names = lab.PCAPS / "sccmwtf-http-netbios.pcap"  # the management point is called by its short name: NAM-2
    verdict = lab.check(short_names, options=("--rule", "NAM-2"))["verdicts"][0]
    lab.expect_equal((verdict["result"], verdict["severity"]), ("fail", "medium"), "NAM-2")
    of_rule = ("check", "-q", "-r", short_names, "--rule", "NAM-2", "--fail-on")
    lab.cmscope(*of_rule, "medium", status=lab.RULE_FAILED)
    lab.cmscope(*of_rule, "high", status=lab.DONE)
    lab.cmscope("check", "-q", "-r", lab.SCCMWTF, "--rule", "COM-3", status=lab.DONE)


def test_status_2():
    """Status 2: wrong usage, with a message that names the mistake and where to look."""
    no_arguments = lab.cmscope(status=lab.USAGE)
    lab.expect_in("usage: cmscope COMMAND", no_arguments.errors, "no arguments")
    refused("nosuch", says=("'nosuch'", "cmscope help"))
    refused("check", says=("-r FILE",))
    refused("query", COUNT, says=("-r FILE",))
    refused("query", "-r", lab.SCCMWTF, says=("SQL", "cmscope help query"))
    refused("query", "-r", lab.SCCMWTF, COUNT, "more", says=("'more'", "cmscope help query"))
    refused("version", "more", says=("'more'", "cmscope help version"))
    for command in commands():
        refused(command, "--nosuch", says=("'--nosuch'", f"cmscope help {command}"))
        refused(command, "-Z", says=("'-Z'", f"cmscope help {command}"))
    refused("flows", "--bodies", "-r", lab.SCCMWTF, says=("'--bodies'", "cmscope help flows"))
    refused("check", "-r", says=("--read", "FILE"))
    refused("check", "--quiet=yes", "-r", lab.SCCMWTF, says=("--quiet", "no value"))
    refused("check", "--fail-on", "fatal", "-r", lab.SCCMWTF, says=("'fatal'", "info, low, medium and high"))
    refused("help", "nosuch", says=("'nosuch'", "cmscope help"))


def test_unknown_names():
    """Unknown formats, rules, profiles and tables: status 2, and the message says which there are or what lists them."""
    formats = {
        "check": ("text", "json", "html"),
        "messages": ("text", "json", "csv"),
        "flows": ("table", "json", "csv"),
        "hosts": ("table", "json", "csv"),
        "roles": ("table", "json", "csv"),
        "query": ("table", "json", "csv"),
    }
    for command, names in formats.items():
        refused(command, "-T", "xml", "-r", lab.SCCMWTF, *((COUNT,) if command == "query" else ()), says=("'xml'", *names))
    refused("rules", "-T", "xml", says=("'xml'", "text", "json"))
    refused("schema", "-T", "xml", says=("'xml'", "text", "sql", "markdown"))
    refused("check", "--rule", "NO-1", "-r", lab.SCCMWTF, says=("'NO-1'", "cmscope rules"))
    refused("rules", "NO-1", says=("'NO-1'", "cmscope rules"))
    refused("check", "--profile", "2099", "-r", lab.SCCMWTF, says=("'2099'", "cmscope help check"))
    for profile in ("2007-mixed", "2007-native", "modern"):
        lab.expect_in(profile, lab.cmscope("help", "check").text, "the profiles that the message promises")
    refused("schema", "nosuch", says=("'nosuch'", "cmscope schema"))


def test_status_3():
    """Status 3: an input cannot be read or an output not be written, with the name of the file and the reason."""
    with lab.folder() as folder:
        text, empty = folder / "text.pcap", folder / "empty.pcap"
        text.write_text("no capture\n")
        empty.write_bytes(b"")
        missing = folder / "missing.pcap"
        (folder / "nothing").mkdir()
        for command, more in (("check", ("-q",)), ("query", (COUNT,)), ("flows", ()), ("messages", ())):
            read = (command, *more, "-r")
            refused(*read, missing, status=lab.UNREADABLE, says=(str(missing), "No such file"), output=True)
            refused(*read, text, status=lab.UNREADABLE, says=(str(text), "pcap or pcapng is wanted"), output=True)
            refused(*read, empty, status=lab.UNREADABLE, says=(str(empty), "is empty"), output=True)
            refused(*read, folder / "nothing", status=lab.UNREADABLE, says=("nothing", "no files"), output=True)
        good = ("check", "-q", "-r", lab.SCCMWTF)
        no_folder = folder / "nofolder"
        refused(*good, "--html", no_folder / "x.html", status=lab.UNREADABLE, says=(str(no_folder / "x.html"),))
        refused(*good, "--db", no_folder / "x.db", status=lab.UNREADABLE, says=(str(no_folder / "x.db"),))
        refused(*good, "--keys", no_folder, status=lab.UNREADABLE, says=(str(no_folder),))


def test_full_output():
    """Status 3 and a message when standard output takes no more."""
    if not os.path.exists("/dev/full"):
        raise lab.Skip("there is no /dev/full")
    for arguments in (("help",), ("flows", "-r", str(lab.SCCMWTF)), ("check", "-T", "json", "-r", str(lab.SCCMWTF))):
        with open("/dev/full", "wb") as full:
            process = subprocess.run([lab.CMSCOPE, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=lab.SECONDS_MAX)
        lab.expect_equal(process.returncode, lab.UNREADABLE, f"{arguments[0]}: status")
        lab.expect_in(b"output", process.stderr, f"{arguments[0]}: message")


def test_bad_filter():
    """A capture filter that is none: status 2 and one message with libpcap's reason, however many files are read."""
    read = ("flows", "-r", lab.SCCMWTF, "-r", lab.PCAPS / "mp-lookups.pcap")
    refused(*read, "-f", "no filter", status=lab.USAGE, says=("no filter", "syntax error"))


def test_status_4():
    """Status 4: rules or SQL are invalid, with the name of the file and the reason."""
    with lab.folder() as folder:
        for command in (("check", "-q", "-r", lab.SCCMWTF), ("rules",)):
            benchmark = folder / "benchmark.xml"
            benchmark.unlink(missing_ok=True)
            refused(*command, "--rules", folder, status=lab.INVALID, says=(str(benchmark), "No such file"))
            benchmark.write_text("<Benchmark>")
            refused(*command, "--rules", folder, status=lab.INVALID, says=(str(benchmark),))
    refused("query", "-r", lab.SCCMWTF, "SELECT nosuch FROM flow", status=lab.INVALID, says=("no such column: nosuch",))


def test_bad_rule_file():
    """Status 4: a rule whose SQL is wrong is named with its file and SQLite's reason."""
    with lab.folder() as folder:
        (folder / "sql").mkdir()
        for path in (lab.SOURCE / "rules").glob("sql/*.sql"):
            (folder / "sql" / path.name).write_bytes(path.read_bytes())
        (folder / "benchmark.xml").write_bytes((lab.SOURCE / "rules" / "benchmark.xml").read_bytes())
        of_folder = ("check", "-q", "-r", lab.SCCMWTF, "--rules", folder)
        lab.cmscope(*of_folder, status=lab.RULE_FAILED)
        rule = folder / "sql" / "COM-3.sql"
        rule.write_text("SELECT nosuch FROM flow")
        refused(*of_folder, status=lab.INVALID, says=("COM-3", "no such column: nosuch"))
        rule.write_text("SELECT 1")
        refused(*of_folder, status=lab.INVALID, says=("COM-3",))
        rule.unlink()
        refused(*of_folder, status=lab.INVALID, says=("COM-3.sql", "No such file"))


def test_status_5():
    """Status 5: nothing failed and something was missed; a failed rule and an unreadable file weigh more."""
    with lab.folder() as folder:
        cut = folder / "cut.pcap"
        cut.write_bytes(lab.SCCMWTF.read_bytes()[:20000])
        told = {"says": (str(cut), "cut off at byte 20000"), "output": True, "lines_most": 3}  # the file; the body that is cut, and the table with it
        refused("query", "-r", cut, COUNT, status=lab.INCOMPLETE, **told)
        refused("check", "-q", "-r", cut, "--rule", "COM-3", status=lab.INCOMPLETE, **told)
        refused("check", "-q", "-r", cut, status=lab.RULE_FAILED, **told)
        both = lab.cmscope("query", "-r", cut, "-r", folder / "missing.pcap", COUNT, status=lab.UNREADABLE)
        lab.expect_in(str(cut), both.errors, "both problems are told")
        lab.expect_in("missing.pcap", both.errors, "both problems are told")


def test_status_5_is_told():
    """Status 5 never comes without a word: holes in streams are told on standard error too."""
    for name in ("mangled-gap-request", "mangled-snaplen-200", "broken-truncated-tcp"):
        for command in (("query", COUNT), ("flows",), ("messages",)):
            result = lab.cmscope(command[0], "-r", lab.PCAPS / f"{name}.pcap", *command[1:], status=lab.INCOMPLETE)
            lab.expect(result.errors.startswith("cmscope: "), f"a message is wanted: {result}")


def test_option_forms():
    """-r FILE, -rFILE, --read FILE, --read=FILE and options after arguments mean the same; -- ends options."""
    wanted = lab.cmscope("query", "-r", lab.SCCMWTF, "-T", "csv", COUNT).output
    name = str(lab.SCCMWTF)
    for arguments in (
        (f"-r{name}", "-Tcsv", COUNT),
        ("--read", name, "--format", "csv", COUNT),
        (f"--read={name}", "--format=csv", COUNT),
        (COUNT, "-r", name, "-T", "csv"),
        ("-r", name, "-T", "csv", "--", COUNT),
    ):
        lab.expect_equal(lab.cmscope("query", *arguments).output, wanted, f"query {arguments}")
    after = lab.cmscope("query", "-r", name, "--", "-- a comment\n" + COUNT)
    lab.expect_in("n", after.text, "an argument that begins with dashes")
    refused("query", "-r", name, "--", "-T", status=lab.INVALID, says=("syntax error",))


def test_help():
    """Every command has help: --help, -h and `help COMMAND` print the same, with usage, options and an example."""
    lab.expect_equal(tuple(commands()), COMMANDS, "the commands")
    for command in COMMANDS:
        wanted = lab.cmscope("help", command).text
        lab.expect(wanted.startswith(f"usage: cmscope {command}"), f"help of {command}: {wanted[:100]}")
        for part in ("Options:\n", "-h, --help", "\nExample:\n  cmscope "):
            lab.expect_in(part, wanted, f"help of {command}")
        for form in ((command, "--help"), (command, "-h")):
            lab.expect_equal(lab.cmscope(*form).text, wanted, f"{form} prints the same")
    for form in (("--help",), ("-h",)):
        lab.expect_equal(lab.cmscope(*form).text, lab.cmscope("help").text, f"{form} prints the same as help")
    statuses = lab.cmscope("help").text.split("Exit status:\n")[1]
    lab.expect_equal([line.split()[0] for line in statuses.splitlines()[:6]], list("012345"), "help tells each status")
    lab.expect_equal(lab.cmscope("--version").text, lab.cmscope("version").text, "--version")


def on_terminal(*arguments, **variables):
    """What cmscope writes to a terminal."""
    environment = {name: text for name, text in os.environ.items() if name != "NO_COLOR"}
    environment.update({"TERM": "xterm", **variables})
    try:
        master, slave = pty.openpty()
    except OSError as error:  # a root without /dev/pts
        raise lab.Skip(f"there is no terminal to be had here: {error}") from error
    process = subprocess.Popen([lab.CMSCOPE, *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave,
                               env=environment, cwd=lab.SOURCE)
    os.close(slave)
    output = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        output += part
    os.close(master)
    lab.expect_equal(process.wait(timeout=lab.SECONDS_MAX), lab.RULE_FAILED, f"status of {arguments}")
    return output


def test_colour():
    """A terminal sees colour; NO_COLOR, --no-colour, TERM=dumb and what is no terminal see the same text without it."""
    read = ("check", "-r", lab.SCCMWTF)
    plain = lab.cmscope(*read, status=lab.RULE_FAILED).output
    lab.expect(ESCAPE not in plain, "no colour in a pipe")
    coloured = on_terminal(*read)
    lab.expect_in(ESCAPE + b"[", coloured, "colour on a terminal")
    for what, seen in (
        ("NO_COLOR", on_terminal(*read, NO_COLOR="1")),
        ("--no-colour", on_terminal(*read, "--no-colour")),
        ("TERM=dumb", on_terminal(*read, TERM="dumb")),
    ):
        lab.expect_equal(seen.replace(b"\r\n", b"\n"), plain, f"{what} on a terminal gives the plain text")
    lab.expect(ESCAPE in on_terminal(*read, NO_COLOR=""), "an empty NO_COLOR counts as not set (no-color.org)")
    lab.expect(ESCAPE not in on_terminal("check", "-T", "json", "-r", lab.SCCMWTF), "no colour in JSON on a terminal")


if __name__ == "__main__":
    lab.main(
        test_status_0_and_1,
        test_status_2,
        test_unknown_names,
        test_status_3,
        test_full_output,
        test_bad_filter,
        test_status_4,
        test_bad_rule_file,
        test_status_5,
        test_status_5_is_told,
        test_option_forms,
        test_help,
        test_colour,
    )
