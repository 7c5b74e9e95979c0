#!/usr/bin/env python3
"""What cmscope decodes of the captures in tests/pcaps is what is known to be in them (their ground truth JSON)."""

import subprocess
import sys

import lab


def test_all_equal():
    """Every message, registration, HTTP exchange and certificate of tests/pcaps is decoded as the ground truth knows it."""
    compare = lab.SOURCE / "tests" / "compare_ground_truth.py"
    command = [sys.executable, str(compare), "--cmscope", lab.CMSCOPE, str(lab.PCAPS)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=240)
    lab.expect(process.returncode == 0, f"status {process.returncode}\n{process.stdout}{process.stderr}")
    summary = process.stdout.splitlines()[-1]
    captures = len([path for path in lab.PCAPS.glob("*.json") if path.with_suffix(".pcap").exists()])
    lab.expect_equal(summary.split(":")[0], f"{captures} captures", "all captures are compared")
    print(f"      {summary}")
    values = next(line for line in process.stdout.splitlines() if line.startswith("values in headers and bodies: "))
    found, known = map(int, values.removeprefix("values in headers and bodies: ").split(" of "))
    lab.expect(known > 5000 and known - found <= 1, f"values in headers and bodies: {values}")
    print(f"      {values}")


if __name__ == "__main__":
    lab.main(test_all_equal)
