#!/usr/bin/env python3
"""What runs short while a query or the rules run: time, disk, descriptors, memory. The verdicts that can be given are given, the
rest say why; only a wrong rule file is called one."""

import json
import os
import resource
import subprocess
import time

import lab

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "


def test_timeout():
    """--timeout ends a recursion without end, a join of all with all, and one that prints rows for ever: status 5, a reason."""
    join = "SELECT count(*) FROM " + ", ".join(f"message m{i}" for i in range(12))
    for sql in (ENDLESS + "count(*) FROM c", ENDLESS + "x FROM c WHERE x < 0", join, ENDLESS + "x FROM c"):
        started = time.time()
        process = subprocess.run([lab.CMSCOPE, "query", "--timeout", "1", "-r", lab.SCCMWTF, "-T", "csv", sql],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        lab.expect_equal(process.returncode, lab.INCOMPLETE, sql)
        lab.expect_in(b"stopped after 1 seconds (--timeout)", process.stderr, sql)
        lab.expect(time.time() - started < 20, f"{time.time() - started} seconds for {sql}")
    for wrong in ("0", "-1", "x", "", "99999999"):
        lab.cmscope("query", "--timeout", wrong, "-r", lab.SCCMWTF, "SELECT 1", status=lab.USAGE)


def rules_folder(folder, sql):
    """The built-in rules, with another query for one of them: the folder and the ids of the rules that use it."""
    (folder / "sql").mkdir()
    for path in (lab.SOURCE / "rules" / "sql").iterdir():
        (folder / "sql" / path.name).write_bytes(path.read_bytes())
    (folder / "benchmark.xml").write_bytes((lab.SOURCE / "rules" / "benchmark.xml").read_bytes())
    (folder / "sql" / "COM-3.sql").write_text(sql)
    return folder


def test_endless_rule():
    """A rule that never ends is not observed and says why; all others have the verdict that they have without it."""
    wanted = {v["id"]: v["result"] for v in lab.check(lab.SCCMWTF)["verdicts"]}
    columns = "'fail' AS result, 'proof' AS grade, NULL AS evidence, NULL AS row, NULL AS packet, NULL AS time, 'x' AS subject, 'x' AS why"
    with lab.folder() as folder:
        rules = rules_folder(folder, ENDLESS + columns + " FROM c WHERE x < 0")
        result = lab.cmscope("check", "-T", "json", "--rules", rules, "--timeout", "2", "-r", lab.SCCMWTF, status=lab.RULE_FAILED)
        lab.expect_in("1 rules could not be judged; COM-3: Could not be judged: stopped after 2 seconds", result.errors, "the message")
        verdicts = {v["id"]: v for v in result.json["verdicts"]}
        lab.expect_in("Could not be judged: stopped", verdicts["COM-3"]["detail"], "the reason")
        wanted["COM-3"] = "notobserved"
        lab.expect_equal({id: v["result"] for id, v in verdicts.items()}, wanted, "verdicts")
        lab.expect_equal(lab.counters(result.json)["rules_unjudged"], 1, "the counter")
        lab.cmscope("check", "-q", "--rule", "COM-3", "--rules", rules, "--timeout", "1", "-r", lab.SCCMWTF, status=lab.INCOMPLETE)


def test_wrong_rule():
    """Only a rule whose query is wrong ends with status 4, with rule, line and column."""
    with lab.folder() as folder:
        rules = rules_folder(folder, "SELECT result\nFROM message\nWHERE nosuch = 1")
        result = lab.cmscope("check", "--rules", rules, "-r", lab.SCCMWTF, status=lab.INVALID)
        lab.expect_in("rule COM-3", result.errors, "the rule")
        lab.expect_in("(line ", result.errors, "the place")


def limited(*arguments, environment=None, **limits):
    """Runs cmscope with some resources limited (RLIMIT_...)."""
    def limit():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    return subprocess.run([lab.CMSCOPE, *map(str, arguments)], capture_output=True, timeout=120, preexec_fn=limit,
                          env={**os.environ, **(environment or {})})


def many(folder, count=400):
    """A capture of many registrations: rows for some megabytes."""
    packets = []
    for copy in range(count):
        for when, frame in lab.read_pcap(lab.SCCMWTF):
            if frame[12:14] == b"\x08\x00":
                frame = bytearray(frame)
                frame[27], frame[28] = frame[27] ^ (copy & 255), frame[28] ^ (copy >> 8)
            packets.append((when + copy * 7 * 10**6, bytes(frame)))
    packets.sort(key=lambda packet: packet[0])
    return lab.write_pcap(folder / "many.pcap", packets)


def test_what_runs_short():
    """With few descriptors, no folder for temporary files, files that may not grow, or little address space there is a report or
    an error of the machine; never is a rule called invalid, and no rule passes that does not pass without the limits."""
    with lab.folder() as folder:
        capture = many(folder)
        arguments = ("check", "-T", "json", "--memory", "1M", "--threads", "1", "-r", capture)
        whole = json.loads(limited(*arguments).stdout)
        wanted = {v["id"]: v["result"] for v in whole["verdicts"]}
        runs = [dict(NOFILE=n) for n in (4, 6, 8, 10, 16, 24)]
        runs += [dict(FSIZE=n) for n in (0, 65536, 1 << 20)]
        if "ASAN_OPTIONS" not in os.environ:  # the shadow memory alone needs more address space
            runs += [dict(AS=n << 20) for n in (100, 120, 140, 160, 200, 300, 500)]
        runs += [dict(environment={"TMPDIR": "/nonexistent", "SQLITE_TMPDIR": "/nonexistent"})]
        reports = 0
        for run in runs:
            result = limited(*arguments, **run)
            lab.expect(result.returncode in (lab.RULE_FAILED, lab.UNREADABLE, lab.INCOMPLETE, 127),
                       f"{run}: status {result.returncode}\n{result.stderr.decode()}")
            if result.returncode == 127 and b"shared libraries" in result.stderr:
                continue  # not even the program was loaded
            if result.returncode == lab.UNREADABLE:
                lab.expect(result.stderr.startswith(b"cmscope: "), f"{run}: {result.stderr}")
                continue
            reports += 1
            for verdict in json.loads(result.stdout)["verdicts"]:
                lab.expect(verdict["result"] in (wanted[verdict["id"]], "notobserved"),
                           f"{run}: {verdict['id']} is {verdict['result']}, not {wanted[verdict['id']]}")
        lab.expect(reports > len(runs) / 2, f"{reports} reports in {len(runs)} runs")


lab.main(
    test_timeout,
    test_endless_rule,
    test_wrong_rule,
    test_what_runs_short,
)
