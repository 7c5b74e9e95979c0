#!/usr/bin/env python3
"""The site file: what `discover` writes, `--site` takes; what is wrong is told with its line; verdicts say what they rest on."""

import json
import re

import lab

SHARED = lab.SOURCE.parent / "shared" / "pcaps" / "lab"
ROLES = "SELECT host, role, name, site_code, mode, source FROM role WHERE role <> 'client' AND grade <> 'hint' AND is_ip(host)"
ANY = (lab.DONE, lab.RULE_FAILED, lab.INCOMPLETE)
READ = (lab.DONE, lab.INCOMPLETE)
IPSEC = "ipsec:\n  - {address: 10.57.20.11, peer: 10.57.20.40, protection: %s}\n"


def discover(captures, folder):
    """The site file that discover writes of captures, as a path."""
    path = folder / "site.yaml"
    path.unlink(missing_ok=True)
    reads = [argument for capture in captures for argument in ("-r", capture)]
    lab.cmscope("discover", *reads, "-w", path, status=READ)
    return path


def roles(captures, *options):
    rows = lab.query(ROLES, *captures, options=options, status=READ)
    sources = {row.pop("source") for row in rows}
    return sorted(json.dumps(row, sort_keys=True) for row in rows), sources


def round_trip(captures, folder):
    """Discover and take it again: the number of roles that are the same, declared as learned."""
    site = discover(captures, folder)
    learned, sources = roles(captures)
    lab.expect(sources <= {"learned"}, f"{captures}: {sources} without a site file")
    declared, sources = roles(captures, "--site", site)
    lab.expect(sources <= {"declared"}, f"{captures}: {sources} with the site file that was discovered")
    lab.expect_equal(declared, learned, f"{captures}: roles declared and learned")
    return len(learned), site


def check_all(captures):
    captures = sorted(captures)
    with lab.folder() as folder:
        same = sum(round_trip([capture], folder)[0] for capture in captures)
        all_together, site = round_trip(captures, folder)
        same += all_together
        reads = [argument for capture in captures for argument in ("-r", capture)]
        lab.cmscope("check", "-q", *reads, "--site", site, status=ANY)
    lab.expect(same > len(captures) / 2, f"{same} roles were compared in {len(captures)} captures: too few to show anything")
    print(f"      {same} roles of {len(captures)} captures, alone and together")


def test_round_trip():
    """discover -> check --site on every capture of the project, alone and together: the declared roles are those learned."""
    check_all(path for path in lab.PCAPS.iterdir() if path.suffix in (".pcap", ".pcapng"))


def test_round_trip_of_the_lab():
    """The same on the captures of the lab that the project does not have."""
    if not SHARED.is_dir():
        raise lab.Skip(f"there is no {SHARED}")
    known = {path.name for path in lab.PCAPS.iterdir()}
    check_all(path for path in SHARED.iterdir() if path.suffix in (".pcap", ".pcapng") and path.name not in known)


# What the hosts of the ground truth do, by the name that it gives them. dc is left out: in no capture it does more than
# answer DNS.
TRUTH = {"mp": {"management_point", "distribution_point", "server_locator_point", "site_server", "fallback_status_point",
                "software_update_point"},
         "sec": {"management_point", "site_server"}, "sql": {"site_database"}}


def test_ground_truth():
    """discover on the lab: each host with a role is a server of the ground truth that can have it, and each such server is
    found."""
    if not SHARED.is_dir():
        raise lab.Skip(f"there is no {SHARED}")
    servers = {}
    captures = sorted(path for path in SHARED.iterdir() if path.suffix in (".pcap", ".pcapng"))
    for capture in captures:
        truth = json.loads(capture.with_suffix(".json").read_text(encoding="utf-8"))
        for host in truth.get("hosts", []):
            servers.setdefault(host["ip"], set()).add(host["role"])
        clients = [tuple(transaction["peer"][:2]) for transaction in truth.get("transactions", [])]
        for flow in truth.get("flows", []):
            if (flow["src"], flow["sport"]) in clients:  # of IPv6 only the flows tell who took the transaction
                servers.setdefault(flow["dst"], set()).add("mp")
    with lab.folder() as folder:
        site = discover(captures, folder)
        rows = lab.query("SELECT * FROM site_role", lab.SCCMWTF, options=("--site", site), status=READ)
    found, unknown = set(), []
    for row in rows:
        known = servers.get(row["host"], set())
        if not any(row["role"] in TRUTH.get(name, ()) for name in known):
            unknown.append((row["host"], row["role"], sorted(known)))
        found.update(known)
    lab.expect_equal(unknown, [], "roles that the ground truth does not have")
    lab.expect(set(TRUTH) <= found, f"servers found: {found}, wanted {set(TRUTH)}")
    print(f"      {len(rows)} roles, all of servers of the ground truth")


def test_example():
    """The example of docs/site.md is a site file that is taken, and fills every table that it can."""
    text = (lab.SOURCE / "docs" / "site.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", text, re.S).group(1)
    with lab.folder() as folder:
        site = folder / "site.yaml"
        site.write_text(example, encoding="utf-8")
        report = lab.check(lab.SCCMWTF, options=("--site", site))
    sections = [line[:-1] for line in example.splitlines() if re.fullmatch("[a-z_]+:", line)]
    lab.expect_equal(len(report["site"]), len(sections), f"tables of {sections}: {sorted(report['site'])}")
    lab.expect_equal(lab.check(lab.SCCMWTF)["site"], {}, "nothing is declared without a site file")


def refused(yaml, says):
    with lab.folder() as folder:
        site = folder / "site.yaml"
        site.write_bytes(yaml)
        for command in (("check", "-q"), ("query", "SELECT 1"), ("roles",), ("hosts",), ("messages",), ("flows",)):
            result = lab.cmscope(*command, "-r", lab.SCCMWTF, "--site", site, status=lab.INVALID)
            lab.expect_equal(result.output, b"", f"{command}: nothing is written to standard output")
            lab.expect_equal(result.errors, f"cmscope: {site}{says}\n", f"{command}: what is told")


def test_status_4():
    """Status 4 with file, line and reason for each command that takes a site file; nothing hostile reaches the terminal."""
    refused(b"sites:\n  - code: PRI\n    parent: ABC\n", ":3: parent: the site 'ABC' is not declared under sites")
    refused(b'roles:\n  - role: proxy\n    address: "\\e[31m"\n', ":3: address: '\\x1B[31m' is no IP address")
    refused(b"sites:\n  - code: PRI\n  - code: pri\n", ":3: sites: 'PRI' is already declared in line 2")
    refused(b"sites: [\n", ":2: while parsing a flow node: did not find expected node content")
    refused(b"sites:\n  - cod: PRI\n", ":2: this key is not known here (docs/site.md lists all): cod")
    refused(b"#" * (8 * 1024 * 1024 + 1), ": a site file has at most 8388608 bytes")
    missing = lab.cmscope("check", "-q", "-r", lab.SCCMWTF, "--site", "/nonexistent/site.yaml", status=lab.INVALID)
    lab.expect_in("No such file", missing.errors, "a site file that is not there")


def test_output_is_not_overwritten():
    """discover -w does not touch a file that exists."""
    with lab.folder() as folder:
        site = folder / "site.yaml"
        site.write_text("mine\n")
        result = lab.cmscope("discover", "-r", lab.SCCMWTF, "-w", site, status=lab.UNREADABLE)
        lab.expect_in(str(site), result.errors, "the file is named")
        lab.expect_equal(site.read_text(), "mine\n", "the file")


def verdict(report, rule):
    return next(verdict for verdict in report["verdicts"] if verdict["id"] == rule)


def judged(capture, yaml, rule, *options):
    with lab.folder() as folder:
        site = folder / "site.yaml"
        site.write_text(yaml)
        more = ("--site", site) if yaml else ()
        return verdict(lab.check(capture, options=("--rule", rule, *more, *options), status=ANY), rule)


def test_rests_on():
    """A verdict says whether it rests on learned or declared roles; what rests on learned ones is strong, not a proof."""
    capture = lab.PCAPS / "ipsec-esp-null-ikev2.pcap"
    declared = judged(capture, IPSEC % "encryption", "RSC-4")
    lab.expect_equal((declared["result"], declared["grade"], declared["rests_on"]), ("fail", "proof", "declared"), "declared")
    lab.expect(all(one["rests_on"] == "declared" for one in declared["evidence"]), "each piece of evidence says it too")
    proof = judged(lab.SCCMWTF, "", "RSC-1")
    lab.expect_equal((proof["result"], proof["grade"], proof["rests_on"]), ("fail", "proof", None), "no role is needed")
    if not SHARED.is_dir():
        raise lab.Skip(f"learned roles: there is no {SHARED}")
    learned = judged(SHARED / "tds-sql-auth-plain.pcap", "", "RSC-4")
    lab.expect(learned["result"] != "fail" or (learned["grade"], learned["rests_on"]) == ("strong", "learned"), f"{learned}")
    both = verdict(lab.check(SHARED, options=("--rule", "RSC-4"), status=ANY), "RSC-4")
    lab.expect_equal((both["result"], both["grade"], both["rests_on"]), ("fail", "strong", "learned"), "learned")


def test_rests_on_is_shown():
    """Text and HTML tell it too."""
    with lab.folder() as folder:
        site, page = folder / "site.yaml", folder / "page.html"
        site.write_text(IPSEC % "encryption")
        text = lab.cmscope("check", "-r", lab.PCAPS / "ipsec-esp-null-ikev2.pcap", "--site", site, "--html", page, "--rule",
                           "RSC-4", status=lab.RULE_FAILED).text
        lab.expect_in("proof, site as declared", " ".join(text.split()), "text")
        lab.expect_in("proof, site as declared", page.read_text(encoding="utf-8"), "HTML")


def test_ipsec_pairs():
    """A declared pair in ESP that encrypts passes; with AH it passes only where integrity is enough; keys agreed by a shared
    secret fail; without the declaration nothing passes."""
    ah = lab.PCAPS / "ipsec-ah-ikev2.pcap"
    natt = lab.PCAPS / "ipsec-natt-ikev2.pcap"
    lab.expect_equal(judged(ah, IPSEC % "encryption", "RSC-4")["result"], "fail", "AH where encryption is wanted")
    lab.expect(judged(ah, "", "RSC-4")["result"] != "pass", "nothing is declared")
    lab.expect(judged(natt, "", "RSC-4")["result"] != "pass", "nothing is declared")
    psk = judged(lab.PCAPS / "ipsec-esp-aes-ikev1.pcap", IPSEC % "encryption", "RSC-4")
    lab.expect_equal((psk["result"], psk["grade"], psk["rests_on"]), ("fail", "strong", "declared"), "a shared secret")
    other = judged(natt, "ipsec:\n  - {address: 10.57.20.11, peer: 10.57.20.99}\n", "RSC-4")
    lab.expect(other["result"] != "pass", "a declared pair that was not seen keeps the others from passing")
    for capture, wanted in ((ah, "integrity"), (natt, "encryption")):
        hosts = lab.query("SELECT DISTINCT src, dst FROM ipsec", capture, status=READ)
        yaml = f"ipsec:\n  - address: {hosts[0]['src']}\n    peer: {hosts[0]['dst']}\n    protection: {wanted}\n"
        found = judged(capture, yaml, "RSC-4")
        lab.expect_equal((found["result"], found["rests_on"]), ("pass", "declared"), f"{capture.name}: {found['detail']}")


def test_threads():
    """The output with a site file does not depend on the number of workers."""
    with lab.folder() as folder:
        site = discover([lab.PCAPS / "sdk-http-full.pcap"], folder)
        outputs = {lab.cmscope("check", "-T", "json", "-r", lab.PCAPS / "sdk-http-full.pcap", "--site", site, "--threads",
                               number, status=ANY).output for number in ("1", "2", "4")}
    lab.expect_equal(len(outputs), 1, "different outputs")


if __name__ == "__main__":
    lab.main(
        test_round_trip,
        test_round_trip_of_the_lab,
        test_ground_truth,
        test_example,
        test_status_4,
        test_output_is_not_overwritten,
        test_rests_on,
        test_rests_on_is_shown,
        test_ipsec_pairs,
        test_threads,
    )
