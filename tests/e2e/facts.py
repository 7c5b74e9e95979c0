"""What the tests of facts share: captures with what others know of them, and the comparison.

The captures are not part of this project. They are looked for in the folder that $CMSCOPE_CAPTURES names, or in ../shared/pcaps
beside the sources: lab/ with ground truth of the programs that talked, public/ with an oracle: facts told by tshark.
Facts are compared as multisets: each that one side has and the other has not is a difference, and stands with its explanation
(who is right, and why) in the module that compares, or the test fails.
"""

import json
from collections import Counter

import lab

CAPTURES = lab.CAPTURES
SECONDS_EACH = 60
CMSCOPE, OTHER, BOTH = "cmscope is right", "the other is right", "both are right"
SHOWN_MAX = 160  # characters of one difference

ALL = []  # all that was compared, in its order: for the command that prints one table


def capture(kind, name):
    path = CAPTURES / kind / name
    if not path.exists():
        raise lab.Skip(f"no file {path}: name the folder that holds {kind}/ in CMSCOPE_CAPTURES")
    return path


def ask(path, sql, *options):
    statuses = (lab.DONE, lab.UNREADABLE, lab.INCOMPLETE)
    return lab.cmscope("query", "-r", path, "-T", "json", *options, sql, status=statuses, seconds=SECONDS_EACH).json


def ask_all(path, *options, **queries):
    """Each query gives values of one column v; all in one run: {name: Counter of texts}. NULL is no fact."""
    parts = [f"SELECT '{name}' AS kind, v AS value FROM ({sql})" for name, sql in queries.items()]
    found = {name: Counter() for name in queries}
    for row in ask(path, " UNION ALL ".join(parts), *options):
        if row["value"] is not None:
            found[row["kind"]][str(row["value"])] += 1
    return found


def oracles(*protocols):
    """Captures of which the oracle knows one of the protocols: (path, oracle)."""
    folder = CAPTURES / "public" / "oracle"
    if not folder.is_dir():
        raise lab.Skip(f"no folder {folder}: name the one that holds public/ in CMSCOPE_CAPTURES")
    for file in sorted(folder.glob("*.json")):
        oracle = json.loads(file.read_text(encoding="utf-8"))
        path = CAPTURES / "public" / file.stem
        if any(protocol in oracle for protocol in protocols) and path.is_file() and path.suffix != ".snoop":  # not read
            yield path, oracle


def lab_truths(pattern, *members):
    """Lab captures whose ground truth has all members: (path, truth)."""
    folder = CAPTURES / "lab"
    found = []
    for file in sorted(folder.glob(f"{pattern}.json")):
        truth = json.loads(file.read_text(encoding="utf-8"))
        if all(member in truth for member in members):
            found.append((file.with_suffix(".pcap"), truth))
    if not found:
        raise lab.Skip(f"no captures in {folder}: name the folder that holds lab/ in CMSCOPE_CAPTURES")
    return found


class Facts:
    """What is compared of one protocol with one source.

    explained: {(capture, kind of fact): (only cmscope has, only the other has, who is right, why)}, both as {fact: how often}.
    """

    def __init__(self, protocol, source, explained=None):
        self.protocol, self.source, self.explained = protocol, source, explained or {}
        self.figures, self.different = {}, {}  # kind: [matched, total]; (capture, kind): (only ours, only theirs)
        ALL.append(self)

    def compare(self, name, kind, found, known):
        found, known = (Counter({str(k): n for k, n in Counter(side).items() if n > 0}) for side in (found, known))
        figures = self.figures.setdefault(kind, [0, 0])
        figures[0] += (found & known).total()
        figures[1] += (found | known).total()
        if found != known:
            self.different[name, kind] = (dict(found - known), dict(known - found))

    def problems(self):
        wrong = [
            shorten(f"{name}: {kind}: only cmscope {ours}, only the other {theirs}: not explained")
            for (name, kind), (ours, theirs) in self.different.items()
            if self.explained.get((name, kind), ())[:2] != (ours, theirs)
        ]
        stale = [key for key in self.explained if key not in self.different]
        return wrong + [f"{name}: {kind}: explained, but there is no difference" for name, kind in stale]

    def lines(self):
        """The table: a line for each kind of fact, then the differences that are explained."""
        for kind, (matched, total) in self.figures.items():
            yield f"{self.protocol:<9} {kind:<28} {matched:>5} of {total:>5}   {self.source}"
        for name, kind in self.different:
            if (name, kind) in self.explained:
                ours, theirs, right, why = self.explained[name, kind]
                yield shorten(f"          {name}: {kind}: only cmscope {ours or '-'}, only the other {theirs or '-'}") + f": {right}: {why}"

    def settle(self):
        for line in self.lines():
            print(f"      {line}")
        problems = self.problems()
        lab.expect(not problems, "\n      ".join(problems))
        lab.expect(sum(total for _, total in self.figures.values()) > 0, "nothing was compared")


def shorten(line):
    return line if len(line) <= SHOWN_MAX * 4 else line[: SHOWN_MAX * 4] + "..."
