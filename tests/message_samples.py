#!/usr/bin/env python3
"""message_samples.py: writes docs/messages.md: one message of each kind, as `cmscope messages -V` shows it: of the captures of
the tests, and where they have none of schema_messages.py.

usage: message_samples.py --cmscope build/cmscope > docs/messages.md
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import schema_messages

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
    ("Registration in native mode, decrypted", "sdk-native-https", "root = 'ClientRegistrationRequest'"),
    ("Policies that are assigned in native mode, decrypted", "sdk-native-https", "root = 'ReplyAssignments'"),
    ("State message in native mode, decrypted", "sdk-native-https", "endpoint = 'MP_RelayEndpoint' AND direction = 'request'"),
]

# The same of schema_messages.py.
WRITTEN = [
    ("Search for a management point near the client", "root = 'LocalMPLocationRequest'"),
    ("Answer: management points near the client", "root = 'LocalMPLocationReply'"),
    ("Search for a software update point", "root = 'WSUSLocationRequest'"),
    ("Answer: software update points", "root = 'WSUSLocationReply'"),
    ("Software inventory, with the report in an attachment", "endpoint = 'MP_SinvEndpoint'"),
    ("Collected file", "endpoint = 'MP_SinvCollFileEndpoint'"),
    ("IDMIF file", "file_type = 'IDMIF'"),
    ("Software metering", "file_type = 'SWM'"),
    ("Status message to the status receiver", "endpoint = 'StatusReceiver'"),
    ("Question for the client id of a computer", "root = 'ClientIDRequest'"),
    ("Answer: the client id", "root = 'Identification'"),
    ("Search for drivers", "root = 'DriverCatalogRequest'"),
    ("Answer: drivers", "root = 'DriverCatalogResponse'"),
    ("Question for the state of an application", "root = 'AppStateServicesRequest'"),
    ("Answer: its state", "root = 'AppstateManagerReply'"),
    ("Request of a token, which is not answered", "root = 'TokenServicesRequest'"),
    ("Message to a fallback status point", "carrier = 'fsp'"),
]
ITEM = "SELECT name, value, meaning, about, certainty FROM field WHERE message IS NULL ORDER BY id"

HEAD = """# Messages

What clients and management points say to each other, one message of each kind, as `cmscope messages -V` shows it. The
messages are from the captures in `tests/pcaps`, and those at the end, which none of them holds, are written after the published
message schema (`tests/schema_messages.py`). This page is made by `tests/message_samples.py`.

Each line of a tree is a field: its name, its value as sent, behind `=` what the value means, and behind `|` what the field is.
`(uncertain)` marks what sources contradict each other about. Long values are cut and their length told. The same is in the
table `field` (see [tables.md](tables.md)) and in `cmscope messages -T json`.

A message has a header, which says who sends it to which service, and a body, which says what is wanted. Hooks tell what was done to
the body: signed, compressed, encrypted. To read one: the line under its number says what it is, then **Body** what it says, and
**Findings** what is odd about it. Messages to a fallback status point, uploads of a bare body and client notification
(`carrier` in the table `message`) have no such header. In native mode all of this travels in TLS: `--keys` opens it (see [tls.md](tls.md)).
What is fetched by GET is no message; its fields are in the table `field`. There is no sample of client notification: how it looks on the
wire is not published.
"""


def run(cmscope, *arguments):
    done = subprocess.run([cmscope, *arguments], capture_output=True, check=False)
    if done.returncode not in (0, 5):
        sys.exit(f"message_samples.py: {done.stderr.decode()}")
    return done.stdout.decode("utf-8")


def tree(cmscope, path, condition):
    """The lines of the first message that fits; None when there is none."""
    keys = path.with_suffix(".keys")
    source = ["-r", str(path), *(["--keys", str(keys)] if keys.is_dir() else [])]
    sql = f"SELECT id FROM message WHERE {condition} ORDER BY packet, id LIMIT 1"
    rows = json.loads(run(cmscope, "query", *source, "-T", "json", sql))
    if not rows:
        sys.exit(f"message_samples.py: {path.stem} has no message with {condition}")
    start = f"message {rows[0]['id']}: "
    return next(text for text in run(cmscope, "messages", "-V", *source).split("\n\n") if text.startswith(start))


def show(title, where, text):
    print(f"\n## {title}\n\n{where}\n\n```\n{text.rstrip()}\n```")


def show_written(cmscope):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "written.pcap"
        schema_messages.lab.write_pcap(path, schema_messages.capture())
        for title, condition in WRITTEN:
            show(title, "Written after the schema.", tree(cmscope, path, condition))
        where = f"Written after the schema; as `cmscope query` shows it: `{ITEM}`."
        show("Configuration item, fetched by GET", where, run(cmscope, "query", "-r", str(path), ITEM))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cmscope", required=True, help="the program")
    options = parser.parse_args()
    print(HEAD, end="")
    for title, capture, condition in SAMPLES:
        show(title, f"From `{capture}`.", tree(options.cmscope, SOURCE / "tests" / "pcaps" / f"{capture}.pcap", condition))
    show_written(options.cmscope)
    return 0


if __name__ == "__main__":
    sys.exit(main())
