#!/usr/bin/env python3
"""compare_network.py: compares what cmscope says of network protocols with what others know of the same captures.

One table: of each protocol and kind of fact how many match of all, and against whom; below each protocol the differences with
who is right and why. The captures are found as tests/e2e/facts.py tells. Exit status: 0 all differences are explained, 1 some
are not, 2 wrong usage, 77 there was nothing to compare.

usage: compare_network.py --cmscope build/cmscope [PROTOCOL...]
"""

import argparse
import os
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
SKIPPED = 77


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cmscope", required=True, type=Path, help="the program")
    parser.add_argument("protocol", nargs="*", help="show only these: smb2, rpc, tls ...")
    return parser.parse_args()


def run(module, lab):
    """What failed but a comparison, which its table tells."""
    problems = []
    for name in [name for name in vars(module) if name.startswith("test_")]:
        try:
            getattr(module, name)()
        except lab.Skip as skip:
            print(f"skipped: {name}: {skip}", file=sys.stderr)
        except lab.Wrong:
            pass
        except Exception as problem:  # noqa: BLE001: a broken comparison must not hide the others
            problems.append(f"{module.__name__}.{name}: {problem!r}")
    return problems


def main():
    options = arguments()
    os.environ["CMSCOPE"] = str(options.cmscope.resolve())
    os.environ.setdefault("SOURCE", str(SOURCE))
    sys.path.insert(0, str(SOURCE / "tests" / "e2e"))
    sys.dont_write_bytecode = True
    import facts
    import facts_net
    import facts_secure
    import facts_smb
    import lab

    sys.stdout, table = sys.stderr, sys.stdout
    problems = [problem for module in (facts_smb, facts_net, facts_secure) for problem in run(module, lab)]
    sys.stdout = table
    matched = total = explained = 0
    for one in sorted(facts.ALL, key=lambda one: one.protocol):
        if options.protocol and one.protocol not in options.protocol:
            continue
        print("\n".join(one.lines()))
        problems += one.problems()
        matched += sum(figures[0] for figures in one.figures.values())
        total += sum(figures[1] for figures in one.figures.values())
        explained += len(set(one.different) & set(one.explained))
    print(f"\n{matched} of {total} facts match; {explained} differences are explained, {len(problems)} are not")
    print("\n".join(problems))
    return 1 if problems else 0 if total else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
