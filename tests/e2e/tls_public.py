#!/usr/bin/env python3
"""Application data of public TLS captures that come with keys is equal to what tshark decrypts with the same keys.

The captures are those of public/ in the folder that $CMSCOPE_CAPTURES names, or ../shared/pcaps beside the sources. Keys are
taken from a key log or a folder NAME.keys beside NAME.pcap, from secrets in a pcapng file, or from its comments, where some
keep the lines of a key log. TLS over TCP only: DTLS and QUIC are not decrypted here.
"""

import re
from pathlib import Path

import lab
import tls

PUBLIC = lab.CAPTURES / "public"
SECRETS = b"\x0a\0\0\0"  # Decryption Secrets Block of a little-endian pcapng file
LINE = re.compile(rb"(?:CLIENT_RANDOM [0-9A-Fa-f]{64} [0-9A-Fa-f]{96}|RSA Session-ID:[0-9A-Fa-f]* Master-Key:[0-9A-Fa-f]{96})")


def has_secrets(content):
    offset = 0
    while content[:4] == b"\x0a\x0d\x0d\x0a" and offset + 12 <= len(content):
        length = int.from_bytes(content[offset + 4 : offset + 8], "little")
        if content[offset : offset + 4] == SECRETS or length < 12:
            return length >= 12
        offset += length
    return False


def keys_of(capture, folder):
    """(whether it comes with keys, where they are when not in its blocks of secrets)"""
    beside = capture.with_suffix(".keys")
    content = capture.read_bytes()
    lines = LINE.findall(content)
    if beside.exists():
        return True, beside
    if has_secrets(content):
        return True, None
    if not lines:
        return False, None
    path = folder / f"{capture.stem}.txt"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return True, path


# What is not read here, as the rows say: each with its reason.
NOT_READ = {
    "its cipher suite is not decrypted here": "EXPORT suites, whose keys are made otherwise (RFC 2246 section 6.3.1)",
    "OpenSSL on this machine does not have its cipher": "IDEA, which OpenSSL as Debian builds it leaves out",
    "its content is compressed, which is not read": "TLS compression (RFC 3749), which Windows does not offer",
    None: "TLS inside of a protocol that is not read here",
}
FLOWS = """SELECT src, sport, dst, dport, tls.id AS session, problem, decrypted FROM flow LEFT JOIN tls ON tls.flow = flow.id
           WHERE flow.app IS NULL OR flow.app = 'tls'"""


def not_read(capture, keys):
    """{(source, port, target, port): why} of directions that are known to be hidden, and which say so."""
    found = {}
    for row in lab.query(FLOWS, capture, options=("--keys", keys) if keys else (), status=(lab.DONE, lab.INCOMPLETE)):
        if row["decrypted"] == 1 or row["problem"] not in NOT_READ or (row["session"] is not None and row["problem"] is None):
            continue
        ends = (row["src"], int(row["sport"]), row["dst"], int(row["dport"]))
        found[ends] = found[ends[2:] + ends[:2]] = NOT_READ[row["problem"]]
    return found


def test_public_as_tshark():
    """Every direction that tshark decrypts of a public capture with keys is equal here."""
    captures = [path for path in sorted(PUBLIC.glob("*.pcap*")) if path.is_file()]
    if not captures:
        raise lab.Skip(f"no captures in {PUBLIC}: name the folder that holds public/ in CMSCOPE_CAPTURES")
    sums, problems, compared = [0, 0], [], 0
    with lab.folder() as folder:
        for capture in captures:
            known, keys = keys_of(capture, Path(folder))
            if not known:
                continue
            compared += 1
            try:
                excused = not_read(capture, keys)
                equal, total = tls.compare(capture, keys, excused)
            except lab.Wrong as problem:
                problems.append(str(problem))
                continue
            reasons = "" if equal == total else f"; others: {', '.join(sorted(set(excused.values())))}"
            print(f"      {capture.name}: {equal} of {total} directions equal to tshark{reasons}")
            sums = [sums[0] + equal, sums[1] + total]
    lab.expect(not problems, "; ".join(problems))
    print(f"      {compared} of {len(captures)} captures come with keys: {sums[0]} of {sums[1]} directions equal to tshark")


if __name__ == "__main__":
    lab.main(test_public_as_tshark)
