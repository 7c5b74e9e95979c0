#!/usr/bin/env python3
"""The same captures give the same output, byte for byte, each time they are read."""

import lab

CAPTURES = ("sdk-http-full", "mangled-reordered", "broken-replay", "broken-tampered-body")
COMMANDS = (
    ("check", "-T", "json"),
    ("check", "-T", "text", "-V"),
    ("check", "-T", "html"),
    ("messages",),
    ("messages", "-V", "--bodies"),
    ("messages", "-T", "json"),
    ("flows", "-T", "csv"),
    ("hosts", "-T", "json"),
    ("roles", "-T", "csv"),
    ("query", "SELECT * FROM host_name"),
    ("query", "SELECT * FROM host_pair"),
    ("query", "SELECT * FROM message"),
    ("query", "-T", "csv", "SELECT m.*, r.*, c.* FROM message m LEFT JOIN registration r ON r.message = m.id"
     " LEFT JOIN certificate c ON c.message = m.id"),
)


def test_twice():
    """Two runs over each of some captures, and over all of them together, give identical bytes in every format."""
    captures = [lab.PCAPS / f"{name}.pcap" for name in CAPTURES]
    for files in (*((capture,) for capture in captures), captures):
        reads = [argument for file in files for argument in ("-r", file)]
        for command in COMMANDS:
            first, second = (lab.cmscope(command[0], *reads, *command[1:], status=None) for _ in range(2))
            what = f"{' '.join(command)} on {', '.join(file.stem for file in files)}"
            lab.expect(first.output, f"{what} prints something")
            lab.expect((first.status, first.output, first.errors) == (second.status, second.output, second.errors),
                       f"{what} differs from run to run")


def test_database():
    """Two --db files of the same capture are identical."""
    with lab.folder() as folder:
        contents = []
        for number in range(2):
            database = folder / f"{number}.db"
            lab.cmscope("flows", "-r", lab.PCAPS / "sdk-http-full.pcap", "--db", database)
            contents.append(database.read_bytes())
        lab.expect(contents[0] == contents[1], "the files differ")


if __name__ == "__main__":
    lab.main(test_twice, test_database)
