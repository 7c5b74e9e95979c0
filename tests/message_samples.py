#!/usr/bin/env python3
"""message_samples.py: writes docs/messages.md: one message of each kind that the captures of the tests hold, as
`cmscope messages -V` shows it.

usage: message_samples.py --cmscope build/cmscope > docs/messages.md
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]

# What is shown: title, capture, condition on the table message. The first message that fits is taken.
SAMPLES = [
    ("Registration", "sdk-http-full", "root = 'ClientRegistrationRequest'"),
    ("Answer to a registration: pending", "sdk-http-full", "root = 'ClientRegistrationResponse'"),
    ("Question whether a pending registration is done", "sdk-http-full", "id = 3"),
    ("Request of policies, signed", "sdk-http-full", "root = 'RequestAssignments'"),
    ("Policies that are assigned", "sdk-http-full", "root = 'ReplyAssignments'"),
    ("Request of policies by boot media", "sharpsccm-media", "direction = 'request'"),
    ("Location of content", "sdk-http-full", "root = 'ContentLocationRequest'"),
    ("Answer: distribution points", "sdk-http-full", "root = 'ContentLocationReply'"),
    ("Information about a site", "sdk-http-full", "root = 'SiteInformationRequest'"),
    ("Answer: the site", "sdk-http-full", "root = 'SiteInfoReply'"),
    ("Discovery data, with the report in an attachment", "sdk-http-full", "endpoint = 'MP_DdrEndpoint'"),
    ("Discovery data of another sender", "sccmhunter-push-ddr", "endpoint = 'MP_DdrEndpoint'"),
    ("Hardware inventory", "sdk-http-full", "endpoint = 'MP_HinvEndpoint'"),
    ("State message", "sdk-http-full", "endpoint = 'MP_RelayEndpoint'"),
    ("Answer to a message that awaits none", "sdk-http-full", "endpoint = 'MP_RelayEndpoint' AND direction = 'reply'"),
    ("Status message", "broken-unsigned-state", "endpoint = 'MP_StatusManager'"),
    ("Registration that is encrypted", "sdk-encrypted", "encrypted"),
    ("Answer that is signed", "sdk-signed-replies", "direction = 'reply' AND signed"),
    ("Request that is sent again after a 401", "sccmwtf-http", "attempt_of IS NOT NULL"),
    ("Upload by BITS", "bits-upload", "carrier = 'bits'"),
]

HEAD = """# Messages

What clients and management points say to each other, one message of each kind, as `cmscope messages -V` shows it. The
messages are from the captures in `tests/pcaps`; this page is made by `tests/message_samples.py`.

Each line of a tree is a field: its name, its value as sent, behind `=` what the value means, and behind `|` what the field is.
`(uncertain)` marks what sources contradict each other about. Long values are cut and their length told. The same is in the
table `field` (see [tables.md](tables.md)) and in `cmscope messages -T json`.

A message has a header, which says who sends it to which service, and a body, which says what is wanted. Hooks tell what was done to
the body: signed, compressed, encrypted. To read one: the line under its number says what it is, then **Body** what it says, and
**Findings** what is odd about it. Messages to a fallback status point, uploads of a bare body and client notification
(`carrier` in the table `message`) have no such header; no capture of the tests holds a message to a fallback status point, or client
notification.
"""


def run(cmscope, *arguments):
    done = subprocess.run([cmscope, *arguments], capture_output=True, check=False)
    if done.returncode not in (0, 5):
        sys.exit(f"message_samples.py: {done.stderr.decode()}")
    return done.stdout.decode("utf-8")


def tree(cmscope, capture, condition):
    """The lines of the first message that fits; None when there is none."""
    path = str(SOURCE / "tests" / "pcaps" / f"{capture}.pcap")
    sql = f"SELECT id FROM message WHERE {condition} ORDER BY packet, id LIMIT 1"
    rows = json.loads(run(cmscope, "query", "-r", path, "-T", "json", sql))
    if not rows:
        return None
    start = f"message {rows[0]['id']}: "
    return next(text for text in run(cmscope, "messages", "-V", "-r", path).split("\n\n") if text.startswith(start))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cmscope", required=True, help="the program")
    options = parser.parse_args()
    print(HEAD, end="")
    for title, capture, condition in SAMPLES:
        text = tree(options.cmscope, capture, condition)
        if text is None:
            sys.exit(f"message_samples.py: {capture} has no message with {condition}")
        print(f"\n## {title}\n\nFrom `{capture}`.\n\n```\n{text.rstrip()}\n```")
    return 0


if __name__ == "__main__":
    sys.exit(main())
