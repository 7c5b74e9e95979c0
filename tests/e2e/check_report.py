#!/usr/bin/env python3
"""The report of `check`: its shape, its verdicts, and evidence that names the right packets: those that the ground truth and
tshark name. What was not observed never passes."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser

import lab

CAPTURES = (lab.SCCMWTF, lab.PCAPS / "broken-tampered-body.pcap")
IN_CLEAR = ("RSC-1", "COM-1", "CLN-1")  # native mode is wanted, and these captures are clear HTTP
RULES = 112  # 111 of the checklist, EXT-1
RESULTS = {"pass", "fail", "notobserved", "notobservable", "informational"}
MEMBERS = {"id", "section", "title", "result", "grade", "detail", "evidence", "profile", "references"}
EVIDENCE_MEMBERS = {"table", "row", "packet", "time", "subject", "why", "rests_on"}


def benchmark_ids():
    root = ElementTree.parse(lab.SOURCE / "rules" / "benchmark.xml").getroot()
    rules = root.iter("{http://checklists.nist.gov/xccdf/1.2}Rule")
    return [rule.get("id").removeprefix("xccdf_org.cmscope_rule_") for rule in rules]


def by_id(report):
    return {verdict["id"]: verdict for verdict in report["verdicts"]}


def failed(report):
    return [verdict["id"] for verdict in report["verdicts"] if verdict["result"] == "fail"]


def test_shape():
    """The JSON has the shape of the design: program, capture, site, summary, verdicts with evidence."""
    for capture in CAPTURES:
        report = lab.check(capture)
        lab.expect_equal(list(report)[:5], ["cmscope", "capture", "site", "summary", "verdicts"], "members")
        lab.expect_in(report["cmscope"]["version"], lab.cmscope("version").text, "version")
        lab.expect_equal([entry["file"] for entry in report["capture"]["inputs"]], [str(capture)], "inputs")
        for verdict in report["verdicts"]:
            lab.expect(MEMBERS <= set(verdict), f"members of {verdict['id']}: {sorted(verdict)}")
            lab.expect(verdict["result"] in RESULTS, f"result of {verdict['id']}: {verdict['result']}")
            for evidence in verdict["evidence"]:
                lab.expect_equal(set(evidence), EVIDENCE_MEMBERS, f"members of evidence of {verdict['id']}")


def test_verdicts():
    """There are exactly the 112 rules of rules/benchmark.xml, each once and with a reason, and the summary adds up."""
    wanted = benchmark_ids()
    lab.expect_equal(len(set(wanted)), RULES, "rules of the benchmark")
    for capture in CAPTURES:
        report = lab.check(capture)
        found = [verdict["id"] for verdict in report["verdicts"]]
        lab.expect_equal(sorted(found), sorted(wanted), "ids of the verdicts")
        counts = Counter(verdict["result"] for verdict in report["verdicts"])
        lab.expect_equal(report["summary"], {result: counts[result] for result in report["summary"]}, "summary")
        lab.expect_equal(set(report["summary"]), RESULTS, "members of the summary")
        lab.expect_equal(sum(report["summary"].values()), RULES, "sum of the summary")
        silent = [verdict["id"] for verdict in report["verdicts"] if not verdict["detail"]]
        lab.expect_equal(silent, [], "verdicts without a reason")


def test_fails_are_proved():
    """Clear HTTP fails RSC-1, COM-1 and CLN-1 with grade proof; every fail is proof or strong and has evidence."""
    for capture in CAPTURES:
        report = lab.check(capture)
        for rule in IN_CLEAR:
            verdict = by_id(report)[rule]
            lab.expect_equal((verdict["result"], verdict["grade"]), ("fail", "proof"), rule)
        for rule in failed(report):
            verdict = by_id(report)[rule]
            lab.expect(verdict["grade"] in ("proof", "strong"), f"{rule} fails by {verdict['grade']}")
            lab.expect(verdict["evidence"], f"{rule} fails without evidence")


def transactions(capture):
    """By number of the first packet of the request: the transaction of the ground truth."""
    return {t["pcap"]["request_frame"]: t for t in lab.ground_truth(capture)["transactions"]}


def test_evidence_is_known():
    """Evidence in tables http and message of the rules above is the first packet of a request of the ground truth, at its
    time, between its client and server, and is the packet of the row that it names."""
    for capture in CAPTURES:
        known = transactions(capture)
        frames = dict(enumerate((time for time, _ in lab.read_pcap(capture)), start=1))
        report = lab.check(capture)
        for rule in IN_CLEAR:
            for evidence in by_id(report)[rule]["evidence"]:
                what = f"{capture.stem}, {rule}, {evidence}"
                lab.expect(evidence["packet"] in known, f"{what}: the ground truth has requests at {sorted(known)}")
                transaction = known[evidence["packet"]]
                lab.expect_in(transaction["peer"][0], evidence["subject"], what)
                lab.expect_in(transaction["local"][0], evidence["subject"], what)
                fraction = frames[evidence["packet"]] % 10**9 // 1000
                lab.expect_in(f".{fraction:06}Z", evidence["time"], what)
                row = f"SELECT packet FROM {evidence['table']} WHERE id = {evidence['row']}"
                lab.expect_equal(lab.value(row, capture), evidence["packet"], what)


def test_evidence_is_complete():
    """Each client and management point that spoke clear HTTP is evidence of RSC-1, by one of their messages."""
    for capture in CAPTURES:
        pairs = {(t["peer"][0], t["local"][0]) for t in transactions(capture).values()}
        evidence = by_id(lab.check(capture))["RSC-1"]["evidence"]
        for client, server in pairs:
            told = [e for e in evidence if client in e["subject"] and server in e["subject"] and e["table"] == "message"]
            lab.expect(told, f"{capture.stem}: a message from {client} to {server}")


def test_evidence_by_tshark():
    """tshark says that each packet of that evidence carries TCP data in a stream of HTTP between those two."""
    for capture in CAPTURES:
        streams = {row[0] for row in lab.tshark(capture, "http", "tcp.stream")}
        fields = ("frame.number", "tcp.stream", "ip.src", "ip.dst", "tcp.len")
        packets = {int(row[0]): row[1:] for row in lab.tshark(capture, "tcp", *fields)}
        report = lab.check(capture)
        for rule in IN_CLEAR:
            for evidence in by_id(report)[rule]["evidence"]:
                stream, source, target, length = packets[evidence["packet"]]
                what = f"{capture.stem}, {rule}, {evidence}"
                lab.expect(stream in streams, f"{what}: not in the streams of HTTP {sorted(streams)}")
                lab.expect(int(length) > 0, f"{what}: no data")
                lab.expect(evidence["subject"].startswith(f"{source} -> {target}"), f"{what}: tshark: {source} -> {target}")


def test_other_evidence():
    """All other evidence, too, is the first packet of a request or of a reply of the ground truth."""
    for capture in (*CAPTURES, lab.PCAPS / "sdk-http-full.pcap", lab.PCAPS / "naa-unencrypted.pcap"):
        known = lab.ground_truth(capture)["transactions"]
        frames = {t["pcap"][name] for t in known for name in ("request_frame", "reply_frame")}
        for verdict in lab.check(capture)["verdicts"]:
            for evidence in verdict["evidence"]:
                lab.expect(evidence["packet"] in frames, f"{capture.stem}, {verdict['id']}: {evidence}")


def test_nothing_observed():
    """Without any ConfigMgr traffic (an empty capture, refused connections) no rule passes and none fails."""
    with lab.folder() as folder:
        empty = lab.write_pcap(folder / "empty.pcap", [])
        silent = lab.write_pcap(folder / "silent.pcap", lab.Conversation().close().packets)
        for capture in (empty, silent, lab.PCAPS / "blocked-ports.pcap"):
            report = lab.check(capture, status=lab.INCOMPLETE)
            judged = [v["id"] for v in report["verdicts"] if v["result"] in ("pass", "fail")]
            lab.expect_equal(judged, [], f"{capture.stem}: rules that pass or fail")
            why = "empty_inputs" if capture == empty else "no_configmgr"
            lab.expect_equal(report["capture"]["reasons"][0]["counter"], why, f"{capture.stem}: the first reason")
            text = lab.cmscope("check", "-r", capture, status=lab.INCOMPLETE)
            lab.expect_in(report["capture"]["reasons"][0]["text"][:40], " ".join(text.text.splitlines()[:4]), "first lines")
            lab.expect_in(why, text.errors, "standard error")
            lab.expect_equal(len(report["verdicts"]), RULES, f"{capture.stem}: verdicts")


def test_hidden_traffic():
    """Where all is hidden in TLS and there are no keys, no rule passes for what it could not see in clear HTTP."""
    report = lab.check(lab.PCAPS / "sccmwtf-tls12-nokeys.pcap", status=None)
    lab.expect(lab.counters(report)["tls_flows"] > 0, "TLS is counted in the coverage")
    judged = [(v["id"], v["result"]) for v in report["verdicts"] if v["result"] in ("pass", "fail")]
    lab.expect_equal([rule for rule, result in judged if rule in IN_CLEAR], [], "rules of native mode")


def test_subset():
    """--rule gives that verdict alone, and it is the same as in the whole report."""
    whole = by_id(lab.check(lab.SCCMWTF))
    for rule in ("RSC-1", "COM-3", "FUN-1", "HIE-5"):
        report = lab.check(lab.SCCMWTF, options=("--rule", rule))
        lab.expect_equal(report["verdicts"], [whole[rule]], f"--rule {rule}")
    two = lab.check(lab.SCCMWTF, options=("--rule", "RSC-1", "--rule", "FUN-1"))
    lab.expect_equal(sorted(by_id(two)), ["FUN-1", "RSC-1"], "two rules")


class FailedCards(HTMLParser):
    """Ids of the rules whose element is marked as failed."""

    def __init__(self, page):
        super().__init__()
        self.ids = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        marked = {"card", "fail"} <= set((attributes.get("class") or "").split())
        name = attributes.get("id") or ""
        if marked and name.startswith("rule-"):
            self.ids.append(name.removeprefix("rule-"))


def test_same_in_all_forms():
    """Text, HTML and --html name the same failed rules as JSON."""
    for capture in (*CAPTURES, lab.PCAPS / "sdk-http-full.pcap"):
        wanted = sorted(failed(lab.check(capture)))
        lab.expect(wanted, "something fails")
        text = lab.cmscope("check", "-r", capture, status=lab.RULE_FAILED).text
        lab.expect_equal(sorted(re.findall(r"^FAIL +(\S+)", text, re.MULTILINE)), wanted, f"{capture.stem}: text")
        page = lab.cmscope("check", "-r", capture, "-T", "html", status=lab.RULE_FAILED).text
        lab.expect_equal(sorted(FailedCards(page).ids), wanted, f"{capture.stem}: HTML")
        with lab.folder() as folder:
            target = folder / "report.html"
            lab.cmscope("check", "-q", "-r", capture, "--html", target, status=lab.RULE_FAILED)
            lab.expect_equal(target.read_text(encoding="utf-8"), page, f"{capture.stem}: --html")


if __name__ == "__main__":
    lab.main(
        test_shape,
        test_verdicts,
        test_fails_are_proved,
        test_evidence_is_known,
        test_evidence_is_complete,
        test_evidence_by_tshark,
        test_other_evidence,
        test_nothing_observed,
        test_hidden_traffic,
        test_subset,
        test_same_in_all_forms,
    )
