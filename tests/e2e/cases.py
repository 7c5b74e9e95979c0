#!/usr/bin/env python3
"""Runs the cases of tests/cases: a small capture each, with the right answer.

tests/cases/NAME.json:
    capture   file beside it, or a path from the root of the sources (default: NAME.pcap)
    why       the kind of fault that the case shows, and the source of the right answer
    options   more arguments for every run, e.g. ["-f", "tcp port 80"]; {here} stands for tests/cases
    query     {"SELECT ...": "the first column of the first row, as text" or null}
    check     {"RULE": ["result that is right", ...]}
    status    exit statuses that are right for every run (default: [0])
    says      texts that standard error must contain

Each case runs with one worker and with two.
"""
import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["SOURCE"])
CASES = SOURCE / "tests" / "cases"
TIMEOUT = 300  # seconds; under sanitizers on a busy machine


def run(*arguments):
    done = subprocess.run([os.environ["CMSCOPE"], *arguments], capture_output=True, timeout=TIMEOUT)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def ask(options, question):
    status, output, said = run("query", *options, "-T", "json", question)
    rows = json.loads(output or b"[]")
    value = list(rows[0].values())[0] if rows else None
    return status, None if value is None else str(value), said


def verdicts(options):
    status, output, said = run("check", *options, "-T", "json")
    found = json.loads(output)["verdicts"] if output else []
    return status, {verdict["id"]: verdict["result"] for verdict in found}, said


def failures(case, options):
    """Yields a sentence for each answer that is wrong."""
    runs = []
    for question, right in case.get("query", {}).items():
        status, value, said = ask(options, question)
        runs.append((question, status, said))
        if value != right:
            yield f"{question}: {value}, right is {right}"
    if "check" in case:
        status, found, said = verdicts(options)
        runs.append(("check", status, said))
        for rule, right in case["check"].items():
            if found.get(rule) not in right:
                yield f"{rule}: {found.get(rule)}, right is {' or '.join(right)}"
    for what, status, said in runs:
        if status not in case.get("status", [0]):
            yield f"{what}: exit status {status}, right is {case.get('status', [0])}: {said.strip()}"
        for text in case.get("says", []):
            if text not in said:
                yield f"{what}: standard error lacks {text!r}: {said.strip()!r}"


def main():
    wrong = 0
    paths = sorted(CASES.glob("*.json"))
    assert paths, f"no cases in {CASES}"
    for path in paths:
        case = json.loads(path.read_text())
        assert case.get("why") and ("query" in case or "check" in case), f"{path.name} proves nothing"
        name = case.get("capture", path.stem + ".pcap")
        capture = CASES / name if (CASES / name).exists() else SOURCE / name
        for threads in "1", "2":
            options = ["-r", str(capture), "--threads", threads]
            options += [option.replace("{here}", str(CASES)) for option in case.get("options", [])]
            for failure in failures(case, options):
                wrong += 1
                print(f"{path.stem}, {threads} workers: {failure}")
    print(f"{len(paths)} cases, {wrong} wrong answers")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
