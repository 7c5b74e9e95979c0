#!/usr/bin/env python3
"""check_hardening.py COMPILE_COMMANDS PROGRAM...: whether the program, as it was linked, makes faults in memory hard to exploit: a
position-independent executable, all relocations read-only, no writable code, no executable stack, stack canaries and
checked functions of libc; and whether every file was compiled with what the program does not show: a stack that grows
page by page, and marks where an indirect branch may go (the start files of Debian 12 have none, so the program has no note). Exit 77 when readelf is missing or the machine is no x86-64."""

import json
import platform
import re
import shutil
import subprocess
import sys


FLAGS = ("-fstack-clash-protection", "-fcf-protection=full", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=")


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, path], capture_output=True, text=True, check=True).stdout


def faults(path):
    header, segments, dynamic = readelf("-h", path), readelf("-l", path), readelf("-d", path)
    symbols = readelf("--dyn-syms", path)
    stack = re.search(r"GNU_STACK.*", segments)
    loads = re.findall(r"^ +LOAD .*? ([RWE ]{3}) 0x", segments, re.M)
    checks = {
        "a position-independent executable": re.search(r"Type: +DYN", header) and "PIE" in dynamic,
        "relocations are read-only (RELRO)": "GNU_RELRO" in segments,
        "all symbols are bound at the start (BIND_NOW)": re.search(r"BIND_NOW|Flags: .*NOW", dynamic),
        "no executable stack": stack and "E" not in stack.group(0).split()[6],
        "no segment is writable and executable": loads and not any("W" in flags and "E" in flags for flags in loads),
        "stack canaries": "__stack_chk_fail" in symbols,
        "checked functions of libc (_FORTIFY_SOURCE)": re.search(r"__(mem|str|sn|f|vf|vsn)\w*_chk", symbols),
        "no run path of the machine that built it": not re.search(r"R(UN)?PATH", dynamic),
    }
    return [what for what, holds in checks.items() if not holds]


def main():
    if shutil.which("readelf") is None or platform.machine() != "x86_64":
        return 77
    found = {path: faults(path) for path in sys.argv[2:]}
    with open(sys.argv[1], encoding="utf-8") as commands:
        found[sys.argv[1]] = sorted({f"{flag} for {command['file']}" for command in json.load(commands)
                                     for flag in FLAGS if flag not in command["command"]})
    for path, missing in found.items():
        for what in missing:
            print(f"{path}: not so: {what}")
    return 1 if any(found.values()) else 0


sys.exit(main())
