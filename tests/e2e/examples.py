#!/usr/bin/env python3
"""The example in the help of every command runs as it is printed, in the folder of the sources, and prints something."""

import re
import shlex

import lab

ENDINGS = (lab.DONE, lab.RULE_FAILED, lab.INCOMPLETE)


def test_examples():
    """The example of every command runs in the folder of the sources with status 0, 1 or 5 and prints something."""
    listed = re.findall(r"^  ([a-z]+) {2,}", lab.cmscope("help").text.split("Exit status:")[0], re.MULTILINE)
    lab.expect(len(listed) >= 8, f"commands in the help: {listed}")
    for command in listed:
        examples = lab.cmscope("help", command).text.split("\nExample:\n")[1].splitlines()
        lab.expect_equal(len(examples), 1, f"lines of example of {command}")
        words = shlex.split(examples[0])
        lab.expect_equal(words[:2], ["cmscope", command], f"example of {command}")
        result = lab.cmscope(*words[1:], status=ENDINGS, cwd=lab.SOURCE)
        lab.expect(len(result.output.splitlines()) >= 2, f"it prints something: {result}")
        lab.expect_equal(result.errors, "", f"messages of the example of {command}")
        print(f"      {result.status}  {examples[0].strip()}")


if __name__ == "__main__":
    lab.main(test_examples)
