#!/usr/bin/env python3
"""rules/benchmark.xml is valid XCCDF 1.2 by oscap and by the schema, and its rules and the files in rules/sql belong together."""

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import lab

RULES = lab.SOURCE / "rules"
BENCHMARK = RULES / "benchmark.xml"
XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
SCHEMAS = Path("/usr/share/openscap/schemas/xccdf/1.2/xccdf_1.2.xsd")


def checks():
    """Rule id: (system, text, files) of its check."""
    rules = {}
    for rule in ElementTree.parse(BENCHMARK).getroot().iter(f"{XCCDF}Rule"):
        check = rule.findall(f"{XCCDF}check")
        lab.expect_equal(len(check), 1, f"checks of {rule.get('id')}")
        content = "".join(part.text or "" for part in check[0].iter(f"{XCCDF}check-content"))
        files = [reference.get("href") for reference in check[0].iter(f"{XCCDF}check-content-ref")]
        rules[rule.get("id").removeprefix("xccdf_org.cmscope_rule_")] = (check[0].get("system"), content, files)
    return rules


def test_oscap():
    """oscap takes the benchmark for valid XCCDF."""
    command = [lab.tool("oscap"), "xccdf", "validate", str(BENCHMARK)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=lab.SECONDS_MAX)
    lab.expect(process.returncode == 0, f"status {process.returncode}\n{process.stdout}{process.stderr}")


def test_schema():
    """xmllint finds the benchmark valid by the XCCDF 1.2 schema."""
    lint = lab.tool("xmllint")
    if not SCHEMAS.exists():
        raise lab.Skip(f"{SCHEMAS} is not installed (libopenscap)")
    command = [lint, "--nonet", "--noout", "--schema", str(SCHEMAS), str(BENCHMARK)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=lab.SECONDS_MAX)
    lab.expect(process.returncode == 0, f"status {process.returncode}\n{process.stdout}{process.stderr}")


def test_files():
    """Every rule with a SQL check has a file: its own, named after it, or one of several rules that ask the same."""
    named = {}
    for rule, (system, content, files) in checks().items():
        if system == "urn:cmscope:sql":
            lab.expect_equal(len(files), 1, f"{rule}: files")
            named.setdefault(files[0], []).append(rule)
        else:
            lab.expect_equal((system, files), ("urn:cmscope:fixed", []), f"{rule}: check")
            lab.expect(content.split(":")[0].strip() in ("notobserved", "notobservable"), f"{rule}: {content!r}")
    present = sorted(f"sql/{path.name}" for path in (RULES / "sql").iterdir())
    lab.expect_equal(present, sorted(named), "files in rules/sql")
    for file, rules in named.items():
        own = file == f"sql/{rules[0]}.sql"
        lab.expect_equal(own, len(rules) == 1, f"{file}: named after the rule {rules}")


def test_built_in():
    """The program has these rules built in: `rules -T json` lists them with these queries, and the folder gives the same."""
    listed = lab.cmscope("rules", "-T", "json").json
    known = checks()
    lab.expect_equal(sorted(entry["id"] for entry in listed), sorted(known), "ids")
    for entry in listed:
        system, content, files = known[entry["id"]]
        if system == "urn:cmscope:sql":
            wanted = (RULES / files[0]).read_text(encoding="utf-8").strip()
            lab.expect_equal(entry["sql"].strip(), wanted, f"{entry['id']}: query")
        else:
            lab.expect_equal(entry["decided"], content.split(":")[0].strip(), f"{entry['id']}: decided")
    built_in, read = (lab.check(lab.SCCMWTF, options=options) for options in ((), ("--rules", RULES)))
    lab.expect_equal(read, built_in, "check --rules rules")


def test_profiles():
    """Each profile selects every rule explicitly, and `check --profile` gives no verdict that its profile leaves out."""
    everything = set(checks())
    for profile in ElementTree.parse(BENCHMARK).getroot().iter(f"{XCCDF}Profile"):
        name = profile.get("id").removeprefix("xccdf_org.cmscope_profile_")
        selects = profile.iter(f"{XCCDF}select")
        chosen = {s.get("idref").removeprefix("xccdf_org.cmscope_rule_"): s.get("selected") for s in selects}
        lab.expect_equal(set(chosen), everything, f"{name}: rules")
        report = lab.check(lab.SCCMWTF, options=("--profile", name))
        judged = {v["id"] for v in report["verdicts"] if v["result"] in ("pass", "fail")}
        unselected = {rule for rule, selected in chosen.items() if selected != "true"}
        lab.expect_equal(sorted(judged & unselected), [], f"{name}: judged, though not selected")


if __name__ == "__main__":
    lab.main(test_oscap, test_schema, test_files, test_built_in, test_profiles)
