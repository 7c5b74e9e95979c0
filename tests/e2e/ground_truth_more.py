#!/usr/bin/env python3
"""Captures that are too many or not free enough for this project are decoded as is known, and all are read to their end.

They are looked for in $CMSCOPE_CAPTURES, or beside the sources in ../shared/pcaps: lab/ with ground truth, public/ with an
oracle: facts told by tshark. Skipped without them.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import lab

CAPTURES = lab.CAPTURES
SECONDS_EACH = 20


def captures(name):
    where = CAPTURES / name
    if not where.is_dir():
        raise lab.Skip(f"no folder {where}: name the one that holds it in CMSCOPE_CAPTURES")
    return sorted(path for path in where.iterdir() if path.name.endswith((".pcap", ".pcapng", ".gz", ".snoop")))


def read(path):
    """(path, result or None, what is wrong or None)"""
    sql = "SELECT (SELECT count(*) FROM flow) AS flows, packets, problem FROM input"
    statuses = (lab.DONE, lab.UNREADABLE, lab.INCOMPLETE)
    try:
        result = lab.cmscope("query", "-r", path, "-T", "json", sql, status=statuses, seconds=SECONDS_EACH)
        return path, result, None
    except (lab.Wrong, subprocess.TimeoutExpired) as problem:
        return path, None, f"{path.name}: {problem}"


def read_all(paths):
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(read, paths))
    problems = [problem for _, _, problem in results if problem]
    lab.expect(not problems, "\n      ".join(problems))
    return [(path, result) for path, result, _ in results]


def test_lab_equal():
    """Every message of the lab's captures is decoded as the ground truth knows it."""
    captures("lab")
    compare = lab.SOURCE / "tests" / "compare_ground_truth.py"
    command = [sys.executable, str(compare), "--cmscope", lab.CMSCOPE, str(CAPTURES / "lab")]
    process = subprocess.run(command, capture_output=True, text=True, timeout=240)
    lab.expect(process.returncode == 0, f"status {process.returncode}\n{process.stdout}{process.stderr}")
    print(f"      {process.stdout.splitlines()[-1]}")


def test_lab_read():
    """Every file of the lab is read to its end with status 0, 3 or 5, each within 20 s."""
    print(f"      {len(read_all(captures('lab')))} files")


def test_public_read():
    """Every public file is read to its end with status 0, 3 or 5, each within 20 s; what was not read whole has a message,
    which names the file where it is at fault."""
    results = read_all(captures("public"))
    for path, result in results:
        lab.expect((result.status == lab.DONE) == (result.errors == ""), f"a message and a status, or neither: {result}")
        problem = result.json[0]["problem"]
        lab.expect(problem is None or path.name in result.errors, f"no message that names the file: {result}")
    print(f"      {len(results)} files")


def test_public_packets():
    """Of each public file that was read whole, as many packets are counted as tshark counted."""
    wrong, compared = [], 0
    for path, result in read_all(captures("public")):
        oracle = CAPTURES / "public" / "oracle" / f"{path.name}.json"
        if result.json[0]["problem"] is not None or not oracle.exists():
            continue
        known = json.loads(oracle.read_text(encoding="utf-8"))
        if known.get("tshark_exit") != 0:
            continue
        compared += 1
        found = result.json[0]["packets"]
        if found != known["packets"]:
            wrong.append(f"{path.name}: found {found}, tshark {known['packets']}")
    lab.expect(not wrong, "\n      ".join(wrong))
    lab.expect(compared > 0, "no file was compared")
    print(f"      {compared} files")


def test_public_is_not_judged():
    """No rule passes or fails by the public captures, which hold no ConfigMgr traffic; no run of `check` takes over 20 s."""
    statuses = (lab.DONE, lab.UNREADABLE, lab.INCOMPLETE)

    def judged(path):
        result = lab.cmscope("check", "-r", path, "-T", "json", status=statuses, seconds=SECONDS_EACH)
        return [f"{path.name}: {v['id']} {v['result']}" for v in result.json["verdicts"] if v["result"] in ("pass", "fail")]

    with ThreadPoolExecutor(max_workers=2) as pool:
        wrong = [line for lines in pool.map(judged, captures("public")) for line in lines]
    lab.expect_equal(wrong, [], "verdicts")


if __name__ == "__main__":
    lab.main(test_lab_equal, test_lab_read, test_public_read, test_public_packets, test_public_is_not_judged)
