#!/usr/bin/env python3
"""A hostile message is a finding in the plugin's expert information too, in the same words as in the table `finding`."""

import hostile
import lab
from plugin_place import Place

# tshark collects these whole, in its own memory and with its own limits, before the plugin sees them.
LARGE = {"a million attachments", "header of 100 MB"}


def test_expert_information():
    """Each kind of hostile message that is a row of `finding` is expert information."""
    with Place() as place:
        for kind, name in hostile.FOUND.items():
            if kind in LARGE:
                continue
            pieces, _, text, _ = hostile.CASES[name]
            path = hostile.write_capture(place.path / "hostile.pcap", pieces())
            path.chmod(0o644)
            expert = place.tshark("-q", "-r", path, "-z", "expert", "-Y", f"ip.addr == {hostile.HOSTILE}")
            lab.expect_in(text, expert, kind)
            print(f"      {kind}: {text}")


if __name__ == "__main__":
    lab.main(test_expert_information)
