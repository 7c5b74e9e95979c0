#!/usr/bin/env python3
"""Files that are no pcap or pcapng are named, with what makes a capture of them, alone and in folders; captures that are
joined, that end in zeros, or of which a filter sees nothing are never a silent clean."""

import gzip
import io
import subprocess
import zipfile

import lab

ROWS = "SELECT time, direction, client, server, endpoint, signature, root FROM message ORDER BY id"
FILES = "SELECT file, packets, problem FROM input ORDER BY id"


def foreign_files(folder):
    """Files that hold a capture in another form: name, the bytes, and words of the error."""
    data = lab.SCCMWTF.read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("capture.pcap", data)
    event_trace = bytes(0x48) + bytes([2, 0, 2, 0xC0, 0x18, 1, 0, 0]) + bytes(500)
    yield "capture.zip", archive.getvalue(), ("zip", "unzip")
    yield "nettrace.etl", event_trace, ("Windows", "etl2pcapng")
    yield "powershell.pcap", b"\xff\xfe" + data.decode("cp437").encode("utf-16-le"), ("UTF-16", "-w FILE")
    yield "unmarked.pcap", data.decode("cp437").encode("utf-16-be"), ("UTF-16", "-w FILE")
    yield "login.pcap", b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n", ("web page", "again")
    yield "ascii.pcapng", pcapng(folder).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), ("line ends", "binary")
    yield "ascii.pcap", data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), ("line ends", "binary")
    yield "unix.pcap", data.replace(b"\r\n", b"\n"), ("line ends", "binary")
    yield "zeros.pcap", bytes(100000), ("zeros",)
    try:
        editcap = lab.tool("editcap")
    except lab.Skip as reason:
        print(f"      without formats of editcap: {reason}")
        return
    for kind, words in (
        ("snoop", ("snoop",)),
        ("netmon1", ("Network Monitor",)),
        ("netmon2", ("Network Monitor",)),
        ("ngsniffer", ("Sniffer",)),
        ("ngwsniffer_1_1", ("Sniffer",)),
        ("nettl", ("nettl",)),
        ("lanalyzer", None),
        ("visual", ("Visual",)),
        ("observer", ("Observer",)),
    ):
        path = folder / kind
        done = subprocess.run([editcap, "-F", kind, lab.SCCMWTF, path], capture_output=True, check=False)
        if done.returncode == 0 and words:
            yield f"{kind}.cap", path.read_bytes(), (*words, "editcap")


def pcapng(folder):
    return lab.write_pcapng(folder / "x.pcapng", lab.read_pcap(lab.SCCMWTF)).read_bytes()


def test_named_alone():
    """Given by name, on standard input or packed with gzip: status 3, and the error says what it is and what to do."""
    with lab.folder() as place, lab.folder() as folder:
        for name, data, words in foreign_files(place):
            path = folder / name
            for content in (data, gzip.compress(data)):
                path.write_bytes(content)
                result = lab.cmscope("check", "-q", "-r", path, status=lab.UNREADABLE)
                for word in (str(path), *words):
                    lab.expect_in(word, result.errors, name)
            result = lab.cmscope("flows", "-r", "-", stdin=data, status=lab.UNREADABLE)
            for word in ("standard input", *words):
                lab.expect_in(word, result.errors, f"{name} on standard input")


def test_named_in_a_folder():
    """In a folder beside a capture: named, listed in the table input, status 3; the capture is read all the same."""
    wanted = lab.query(ROWS, lab.SCCMWTF)
    with lab.folder() as place, lab.folder() as folder:
        (folder / "good.pcap").write_bytes(lab.SCCMWTF.read_bytes())
        names = []
        for name, data, _ in foreign_files(place):
            (folder / name).write_bytes(data)
            names.append(name)
        result = lab.cmscope("query", "-r", folder, "-T", "json", FILES, status=lab.UNREADABLE)
        for name in names:
            lab.expect_in(str(folder / name), result.errors, "standard error")
        listed = {row["file"]: row["problem"] for row in result.json}
        lab.expect_equal(sorted(listed), sorted(str(folder / name) for name in (*names, "good.pcap")), "table input")
        lab.expect_equal([file for file, problem in listed.items() if not problem], [str(folder / "good.pcap")], "problems")
        whole = [name for name in names if name not in ("ascii.pcap", "unix.pcap")]  # of these, what was read is used
        for name in names:
            if name not in whole:
                (folder / name).unlink()
        lab.expect_equal(lab.query(ROWS, folder, status=lab.UNREADABLE), wanted, "messages")


def test_other_files_in_a_folder():
    """What is no capture is passed over and counted; what is cut in its header or has the name of a capture is named."""
    with lab.folder() as folder:
        (folder / "good.pcap").write_bytes(lab.SCCMWTF.read_bytes())
        (folder / "notes.txt").write_text("captured on Monday\n")
        (folder / "conn.log").write_text("#separator \\x09\n")
        (folder / "deeper").mkdir()
        result = lab.cmscope("query", "-r", folder, "-T", "json", FILES)
        lab.expect_equal([row["file"] for row in result.json], [str(folder / "good.pcap")], "table input")
        lab.expect_in("2 files in the given folders are no captures", result.errors, "standard error")
        lab.expect_in("1 folders in the given folders were not looked into", result.errors, "standard error")
        (folder / "started.pcap").write_bytes(b"")
        result = lab.cmscope("query", "-r", folder, FILES, status=lab.INCOMPLETE)
        lab.expect_in("started.pcap is empty", result.errors, "a capture that was just started")
        for name, data in (("cut", lab.SCCMWTF.read_bytes()[:20]), ("bad.pcap", b"captured on Monday\n")):
            (folder / name).write_bytes(data)
            result = lab.cmscope("query", "-r", folder, FILES, status=lab.UNREADABLE)
            lab.expect_in(str(folder / name), result.errors, name)
            (folder / name).unlink()


def test_folder_without_captures():
    """A folder in which no file is a capture, or that has only folders: status 3 and a sentence, beside others as well."""
    with lab.folder() as folder:
        (folder / "notes.txt").write_text("captured on Monday\n")
        for more in ((), ("-r", lab.SCCMWTF)):
            result = lab.cmscope("check", "-T", "json", "-r", folder, *more, status=lab.UNREADABLE)
            lab.expect_in(f"{folder} holds no capture: 1 files were passed over", result.errors, "the message")
            reasons = [reason["text"] for reason in result.json["capture"]["reasons"]]
            lab.expect(any("holds no capture" in reason for reason in reasons), f"the reasons: {reasons}")
        (folder / "notes.txt").unlink()
        (folder / "deeper").mkdir()
        result = lab.cmscope("check", "-q", "-r", folder, status=lab.UNREADABLE)
        lab.expect_in("only folders", result.errors, "the message")


def test_joined():
    """Captures that cat joined, of one format or of two, packed or not, are read as one, and it is said."""
    packets = lab.read_pcap(lab.SCCMWTF)
    middle = len(packets) // 2
    wanted = lab.query(ROWS, lab.SCCMWTF)
    with lab.folder() as folder:
        pcaps = [lab.write_pcap(folder / f"{i}.pcap", half).read_bytes() for i, half in enumerate((packets[:middle], packets[middle:]))]
        big = lab.write_pcap(folder / "big.pcap", packets[middle:], order=">", nanoseconds=True).read_bytes()
        blocks = [lab.write_pcapng(folder / f"{i}.pcapng", half).read_bytes() for i, half in enumerate((packets[:middle], packets[middle:]))]
        for name, parts in (
            ("pcap and pcap", pcaps),
            ("either byte order", (pcaps[0], big)),
            ("pcap and pcapng", (pcaps[0], blocks[1])),
            ("pcapng and pcap", (blocks[0], pcaps[1])),
            ("pcapng and pcap of the other order", (blocks[0], big)),
        ):
            path = folder / "joined"
            for content in (b"".join(parts), b"".join(gzip.compress(part) for part in parts)):
                path.write_bytes(content)
                result = lab.cmscope("query", "-r", path, "-T", "json", ROWS)
                lab.expect_equal(result.json, wanted, name)
                lab.expect_in("2 capture files one after another", result.errors, name)
                lab.expect_equal(lab.value("SELECT value FROM coverage WHERE name = 'joined'", path), 1, name)
            result = lab.cmscope("query", "-r", "-", "-T", "json", ROWS, stdin=b"".join(parts))
            lab.expect_equal(result.json, wanted, f"{name} on standard input")
        path.write_bytes(b"".join(blocks))  # sections, which are legal
        lab.expect_equal(lab.cmscope("query", "-r", path, "-T", "json", ROWS).errors, "", "pcapng and pcapng")


def test_zeros_at_the_end():
    """Zeros behind the last packet are not packets of 1970: the rest is used, status 5, and the place is told."""
    data = lab.SCCMWTF.read_bytes()
    with lab.folder() as folder:
        whole = pcapng(folder)
        for name, content in (("pcap", data), ("pcapng", whole)):
            path = folder / name
            path.write_bytes(content + bytes(300000))
            row = lab.query("SELECT packets, problem FROM input", path, status=lab.INCOMPLETE)[0]
            lab.expect_equal(row["packets"], len(lab.read_pcap(lab.SCCMWTF)), name)
            lab.expect_in(f"ends in zeros from byte {len(content)} on (300000 bytes)", row["problem"], name)
            lab.expect_equal(lab.query(ROWS, path, status=lab.INCOMPLETE), lab.query(ROWS, lab.SCCMWTF), name)


def test_reasons_come_first():
    """Why a report says less than it seems to is in its first lines, in all its forms, and on standard error."""
    with lab.folder() as folder:
        tagged = folder / "tagged.pcap"
        packets = [(time, frame[:12] + b"\x81\x00\x00\x05" + frame[12:]) for time, frame in lab.read_pcap(lab.SCCMWTF)]
        lab.write_pcap(tagged, packets)
        options = ("-r", tagged, "-f", "tcp port 80")
        report = lab.cmscope("check", *options, "-T", "json", status=lab.INCOMPLETE)
        capture = report.json["capture"]
        lab.expect_equal(list(capture)[:2], ["complete", "reasons"], "the first members")
        reasons = {reason["counter"]: reason for reason in capture["reasons"]}
        lab.expect_equal(capture["reasons"][0]["counter"], "filter_passes_nothing", "the first reason")
        lab.expect(reasons["filtered_tagged"]["value"] > 0, "packets that only their tags keep out")
        lab.expect_in("vlan and", reasons["filtered_tagged"]["text"], "what to do")
        text = lab.cmscope("check", *options, status=lab.INCOMPLETE)
        page = lab.cmscope("check", *options, "-T", "html", status=lab.INCOMPLETE).text
        lab.expect(text.text.splitlines()[1].startswith("INCOMPLETE"), "the second line of the text")
        for reason in capture["reasons"]:
            lab.expect_in(reason["text"][:50], " ".join(text.text.split()), "the text")
            lab.expect_in(reason["text"][:25], page, "the page")
            lab.expect_in(reason["text"], text.errors, "standard error")
        both = ("-r", tagged, "-f", "tcp port 80 or (vlan and tcp port 80)")
        lab.expect_equal(len(lab.query(ROWS, tagged, options=both[2:])), len(lab.query(ROWS, lab.SCCMWTF)), "with vlan")


if __name__ == "__main__":
    lab.main(
        test_named_alone,
        test_named_in_a_folder,
        test_other_files_in_a_folder,
        test_folder_without_captures,
        test_joined,
        test_zeros_at_the_end,
        test_reasons_come_first,
    )
