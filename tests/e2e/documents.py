#!/usr/bin/env python3
"""The documents say what the program says, the man page can be read, and links lead to files that exist."""

import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import lab

DOCS = lab.SOURCE / "docs"


def expect_generated(path, *arguments):
    lab.expect(path.exists(), f"{path} is missing: make it with cmscope {' '.join(arguments)} > {path}")
    same = path.read_bytes() == lab.cmscope(*arguments).output
    lab.expect(same, f"{path} is not up to date: make it with cmscope {' '.join(arguments)} > {path}")


def test_site_keys():
    """docs/site_keys.md is what `cmscope schema -T site` prints."""
    expect_generated(DOCS / "site_keys.md", "schema", "-T", "site")


def test_tables():
    """docs/tables.md is what `cmscope schema -T markdown` prints."""
    expect_generated(DOCS / "tables.md", "schema", "-T", "markdown")


def test_man_page():
    """docs/cmscope.1 is what `cmscope help --man` prints."""
    expect_generated(DOCS / "cmscope.1", "help", "--man")


def test_messages():
    """docs/messages.md is what tests/message_samples.py makes of the captures."""
    path, script = DOCS / "messages.md", lab.SOURCE / "tests" / "message_samples.py"
    process = subprocess.run([sys.executable, str(script), "--cmscope", lab.CMSCOPE], capture_output=True, timeout=lab.SECONDS_MAX)
    lab.expect_equal((process.returncode, process.stderr), (0, b""), "status and complaints")
    lab.expect(path.read_bytes() == process.stdout, f"{path} is not up to date: make it with {script}")


def test_man_page_renders():
    """The man page renders without a warning and shows every command and option."""
    page = lab.cmscope("help", "--man").output
    renderers = {
        "groff": ["groff", "-man", "-ww", "-rCHECKSTYLE=3", "-Kutf8", "-Tutf8", "-P-cbou"],
        "mandoc": ["mandoc", "-Wwarning", "-Tutf8"],
    }
    found = {name: command for name, command in renderers.items() if shutil.which(name)}
    if not found:
        raise lab.Skip("neither groff nor mandoc is installed")
    for name, command in found.items():
        process = subprocess.run(command, input=page, capture_output=True, timeout=lab.SECONDS_MAX)
        lab.expect_equal((process.returncode, process.stderr), (0, b""), f"{name}: status and warnings")
        text = re.sub(".\b", "", process.stdout.decode())
        for command_name in re.findall(r"^  ([a-z]+) {2,}", lab.cmscope("help").text, re.MULTILINE):
            lab.expect_in(command_name, text, f"{name}: commands")
            for option in re.findall(r"--[a-z-]+", lab.cmscope("help", command_name).text.split("Options:")[1]):
                told = option in text or option == "--help"  # which is the same for all: it is told once, as the command help
                lab.expect(told, f"{name}: option {option} of {command_name} is missing")


def test_links():
    """Every link to a file in README.md, CONTRIBUTING.md and docs/*.md leads to one."""
    documents = [lab.SOURCE / "README.md", lab.SOURCE / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
    missing = [path.name for path in documents if not path.exists()]
    lab.expect_equal(missing, [], "documents that are missing")
    broken = []
    for path in documents:
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        targets = re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", text)
        targets += re.findall(r"^\[[^\]]+\]:\s*(\S+)", text, re.MULTILINE)
        for target in targets:
            name, _, anchor = target.partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            file = path.parent / unquote(name) if name else path
            if not file.exists():
                broken.append(f"{path.name}: {target}")
            elif anchor and file.suffix == ".md" and anchor not in anchors(file):
                broken.append(f"{path.name}: {target}: no such heading")
    lab.expect_equal(broken, [], "links that lead nowhere")


def anchors(path):
    """Names of the headings of a document, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *#*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_captures():
    """tests/pcaps/README.md has one line for each capture in the folder, and each has its ground truth."""
    text = (lab.PCAPS / "README.md").read_text(encoding="utf-8")
    captures = sorted(path.stem for path in lab.PCAPS.glob("*.pcap"))
    lab.expect_equal(sorted(re.findall(r"^\| `([^`]+)` \| ", text.split("## ")[0], re.MULTILINE)), captures, "lines")
    lab.expect_equal(sorted(path.stem for path in lab.PCAPS.glob("*.json")), captures, "ground truths")


if __name__ == "__main__":
    lab.main(test_tables, test_site_keys, test_man_page, test_messages, test_man_page_renders, test_links, test_captures)
