#!/usr/bin/env python3
"""check_borders.py: proves that the rooms keep their borders.

Data flows one way through the rooms, from left to right:

    core  capture  dissect  records  rules  report  cli

A room includes only headers of itself and of rooms to its left. Besides:

  * dissect/configmgr/ includes only core/ and itself: the Wireshark plugin and the fuzzers use it without the rest.
  * wireshark-plugin/ includes only core/, dissect/configmgr/ and itself.
  * tests/ and bench/ may include everything.
  * Tables of data (*.def) may be included from core/row.h, wherever they stand.
  * A header of the project is included in quotes, by its path from the root of the project.
  * A C file has at most 800 lines.
  * The first line of a C file or header is a comment that names it: "/* core/text.c: ...".

usage: check_borders.py [FOLDER]      the project to check; the one this file is in when not given
       check_borders.py --self-test   proves that each rule is noticed when it is broken
Exit status: 0 all borders are kept, 1 not (each fault is printed with file and line).
"""

import re
import sys
import tempfile
from pathlib import Path

ROOMS = ["core", "capture", "dissect", "records", "rules", "report", "cli"]
PLUGIN = "wireshark-plugin"
DECODER = "dissect/configmgr"
TESTS = "tests"
BENCH = "bench"
LINES_MAX = 800

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Wireshark's own, which it wants included in quotes and first.
OUTSIDE = {"config.h"}


def inside(path, folder):
    return path.startswith(folder + "/")


def allowed_folders(path):
    """The folders that the file may include from; None: all of them."""
    if inside(path, TESTS) or inside(path, BENCH):
        return None
    if inside(path, DECODER):
        return ["core", DECODER]
    if inside(path, PLUGIN):
        return ["core", DECODER, PLUGIN]
    room = path.split("/")[0]
    return ROOMS[: ROOMS.index(room) + 1]


def include_fault(root, path, mark, target):
    """Why the file may not include the target; None when it may."""
    if path == "core/row.h" and target.endswith(".def"):
        return None
    project = target.split("/")[0] in ROOMS + [PLUGIN, BENCH, TESTS]
    if mark == "<":
        return f"<{target}> is a header of the project: write it in quotes" if project else None
    if not project:
        if inside(path, PLUGIN) and target in OUTSIDE:
            return None
        if inside(path, TESTS) and (root / path).parent.joinpath(target).exists():
            return None
        return f'"{target}" is no path from the root of the project'
    folders = allowed_folders(path)
    if folders is not None and not any(inside(target, folder) for folder in folders):
        return f'"{target}" is across the border: only {", ".join(folders)} may be included here'
    return None


def file_faults(root, path):
    """The faults of one file, as (line number, text)."""
    lines = (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
    first = lines[0] if lines else ""
    if not first.startswith(f"/* {path}: "):
        yield 1, f'the first line does not name the file: "/* {path}: ..."'
    if path.endswith(".c") and len(lines) > LINES_MAX:
        yield len(lines), f"more than {LINES_MAX} lines"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            fault = include_fault(root, path, *match.groups())
            if fault:
                yield number, fault


def project_files(root):
    for folder in ROOMS + [PLUGIN, BENCH, TESTS]:
        for path in sorted((root / folder).rglob("*.[ch]")):
            yield path.relative_to(root).as_posix()


def check(root):
    """All faults of the project in `root`, as lines of text, and the number of files looked at."""
    faults = []
    count = 0
    for path in project_files(root):
        count += 1
        faults += [f"{path}:{number}: {text}" for number, text in file_faults(root, path)]
    return faults, count


# Each: path, text after the first line, what a fault of it says (None: it has none).
EXAMPLES = [
    ("core/a.h", "", None),
    ("core/row.h", '#include "records/tables.def"\n', None),
    ("core/b.c", '#include "records/tables.def"\n', "across the border"),
    ("core/c.c", '#include "capture/flow.h"\n', "across the border"),
    ("capture/a.c", '#include <stdio.h>\n#include "core/a.h"\n', None),
    ("dissect/a.c", '#include "capture/flow.h"\n#include "dissect/configmgr/a.h"\n', None),
    ("dissect/b.c", '  #  include "records/store.h"\n', "across the border"),
    ("dissect/configmgr/a.c", '#include "core/a.h"\n#include "dissect/configmgr/a.h"\n', None),
    ("dissect/configmgr/b.c", '#include "capture/flow.h"\n', "across the border"),
    ("dissect/configmgr/c.c", '#include "dissect/a.h"\n', "across the border"),
    ("records/a.c", '#include "records/tables.def"\n', None),
    ("rules/a.c", '#include "report/report.h"\n', "across the border"),
    ("report/a.c", '#include "rules/benchmark.h"\n', None),
    ("cli/a.c", '#include "report/report.h"\n', None),
    ("cli/b.c", '#include <report/report.h>\n', "in quotes"),
    ("cli/c.c", '#include "help.h"\n', "no path from the root"),
    ("cli/d.c", "\n" * (LINES_MAX - 1), None),
    ("cli/e.c", "\n" * LINES_MAX, "more than"),
    ("wireshark-plugin/a.c", '#include "config.h"\n#include "dissect/configmgr/a.h"\n', None),
    ("wireshark-plugin/b.c", '#include "dissect/a.h"\n', "across the border"),
    ("bench/a.c", '#include "dissect/configmgr/a.h"\n', None),
    ("bench/b.c", '#include "wire.h"\n', "no path from the root"),
    ("tests/unit/test_a.c", '#include "cli/help.h"\n', None),
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text, _ in EXAMPLES:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"/* {path}: an example. */\n{text}", encoding="utf-8")
        (root / "core/unnamed.c").write_text("/* core/other.c: another name. */\n", encoding="utf-8")
        (root / "core/empty.h").write_text("", encoding="utf-8")
        wanted = EXAMPLES + [(name, "", "does not name the file") for name in ("core/unnamed.c", "core/empty.h")]
        faults, count = check(root)
        wrong = [] if count == len(wanted) else [f"{count} files were looked at instead of {len(wanted)}"]
        for path, _, fault in wanted:
            said = [text for text in faults if text.startswith(path + ":")]
            if len(said) != (fault is not None) or any(fault not in text for text in said):
                wrong.append(f"{path}: wanted {fault!r}, got {said}")
        return wrong


def main(arguments):
    if arguments == ["--self-test"]:
        wrong = self_test()
        print("\n".join(wrong) or f"{len(EXAMPLES) + 2} examples are judged as they should be")
        return 1 if wrong else 0
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    faults, count = check(root)
    print("\n".join(faults + [f"{count} files, {len(faults)} faults"]))
    return 0 if count > 0 and not faults else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
