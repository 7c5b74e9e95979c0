#!/usr/bin/env python3
"""Holds core/limits.def against the sources.

Every #define with MAX or LIMIT in its name has a row there, LIMIT or SIZE, and every row a #define. Every LIMIT is counted
somewhere (LIMIT_<name> in a C file) and hit by a test (LIMIT_<name> or limit_<name> below tests/).

usage: check_limits.py ROOT | --self-test
"""
import pathlib
import re
import sys

ROOMS = ["core", "capture", "dissect", "records", "rules", "report", "cli"]
DEFINE = re.compile(r"^#define (\w*(?:MAX|LIMIT)\w*)[ \t]+\S", re.M)
LIMIT = re.compile(r'^LIMIT\((\w+), "([^"]+)", (\w+), ([01]),\s+"', re.M)
SIZE = re.compile(r'^SIZE\("([^"]+)", (\w+),\s+"', re.M)


def texts(root, folders):
    return {
        str(path.relative_to(root)): path.read_text()
        for folder in folders
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in (".c", ".h", ".py", ".json")
    }


def faults(definitions, sources, tests):
    """Yields a sentence for each limit that lacks its row, its counter or its test, and for each row without a limit."""
    defined = {(name, constant) for name, text in sources.items() for constant in DEFINE.findall(text)}
    limits = LIMIT.findall(definitions)
    rows = [(file, constant) for _, file, constant, _ in limits] + SIZE.findall(definitions)
    for file, constant in sorted(defined - set(rows)):
        yield f"{file}: {constant} has no row in core/limits.def"
    for file, constant in sorted(set(rows) - defined):
        yield f"core/limits.def: {file} does not define {constant}"
    counted = {name for text in sources.values() for name in re.findall(r"\bLIMIT_(\w+)", text)}
    tested = {name for text in tests.values() for name in re.findall(r"\b(?:LIMIT_|limit_)(\w+)", text)}
    for name, *_ in limits:
        if name not in counted:
            yield f"LIMIT_{name} is never counted"
        if name not in tested:
            yield f"LIMIT_{name} is hit by no test"


def self_test():
    sources = {"a/b.c": "#define X_MAX 3\n#define Y_LIMIT (1 << 3)\n#define Z 4\nlimit_hit(c, LIMIT_xs);\n"}
    rows = 'LIMIT(xs, "a/b.c", X_MAX, 1, "xs")\nSIZE("a/b.c", Y_LIMIT, "why")\n'
    tests = {"t.c": "LIMIT_xs"}
    assert not list(faults(rows, sources, tests))
    assert list(faults(rows, sources, {})) == ["LIMIT_xs is hit by no test"]
    assert list(faults(rows, {"a/b.c": sources["a/b.c"].split("limit_hit")[0]}, tests)) == ["LIMIT_xs is never counted"]
    assert len(list(faults("", sources, tests))) == 2
    assert len(list(faults(rows, {"a/b.c": "LIMIT_xs"}, tests))) == 2


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    root = pathlib.Path(sys.argv[1])
    definitions = (root / "core" / "limits.def").read_text()
    found = list(faults(definitions, texts(root, ROOMS), texts(root, ["tests"])))
    for fault in found:
        print(fault)
    limits, sizes = len(LIMIT.findall(definitions)), len(SIZE.findall(definitions))
    print(f"{limits} limits and {sizes} sizes, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
