#!/usr/bin/env python3
"""Two taps whose clocks differ: one direction of each connection is in the capture late. What is read stays the same.

Each capture is written again with the packets of one side moved later, as mergecap would have merged the taps, and the rows
must be those of the capture as it was: acknowledgements tell what was cause and what effect, not the order of packets.
"""
import struct

import lab

SKEWS = [(side, milliseconds * 10**6) for milliseconds in (1, 30, 60) for side in ("client", "server")]

QUESTIONS = {
    "http": "SELECT client, server, method, uri, status, complete, request_bytes, response_bytes, authorization, auth_user FROM http",
    "message": "SELECT direction, endpoint, root, signature, client, malformed, answer FROM message",
    "policy": "SELECT fetched, policy_id, version, body, hash_ok FROM policy",
    "registration": "SELECT smsid, status, approval, windows_auth, signature FROM registration",
    "tls": "SELECT version, cipher, sni, decrypted, unverified, resumed, client_verified, complete, problem FROM tls",
    "ntlm": "SELECT carrier, user, domain, challenge IS NOT NULL FROM ntlm",
    "bits": "SELECT state, received, total, fragments FROM bits",
}

def side(frame):
    """"client" or "server" of an Ethernet frame with TCP, by the lower port; None for others."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return None
    start = 14 + (frame[14] & 15) * 4
    source, destination = struct.unpack_from(">HH", frame, start)
    return "server" if source < destination else "client"


def skewed(packets, late, by):
    """The packets with one side later, in the order of their new times."""
    moved = [(time + (by if side(frame) == late else 0), frame) for time, frame in packets]
    return sorted(moved, key=lambda packet: packet[0])


def rows(path, keys):
    options = ["--keys", str(keys)] if keys else []
    found = {}
    for name, question in QUESTIONS.items():
        answer = lab.query(question, path, options=options, status=(lab.DONE, lab.INCOMPLETE))
        found[name] = sorted(answer, key=repr)
    return found


def compare(path, skews=SKEWS):
    keys = path.with_suffix(".keys")
    keys = keys if keys.exists() else None
    packets = lab.read_pcap(path)
    with lab.folder() as folder:
        right = rows(lab.write_pcap(folder / "right.pcap", packets), keys)
        for late, by in skews:
            found = rows(lab.write_pcap(folder / "skewed.pcap", skewed(packets, late, by)), keys)
            for name in QUESTIONS:
                lab.expect_equal(found[name], right[name], f"{path.name}, {late} {by // 10**6} ms late: {name}")


def clear_http_is_the_same():
    """HTTP in clear: requests, replies, messages, policies, Windows authentication, uploads by BITS, pipelined requests."""
    for name in "sccmwtf-http", "sdk-http-ntlm", "sdk-http-full", "bits-upload", "bits-download-propfind", "broken-pipelined":
        compare(lab.PCAPS / f"{name}.pcap")


def tls_is_the_same():
    """TLS: handshakes and content, authentication after the handshake, connections without keys."""
    cases = lab.SOURCE / "tests" / "cases"
    for path in (lab.PCAPS / "tls" / "tls-old.pcap", cases / "tls13-post-handshake-auth.pcap", lab.PCAPS / "sdk-native-https.pcap",
                 lab.PCAPS / "sccmwtf-tls12-nokeys.pcap"):
        compare(path)


if __name__ == "__main__":
    lab.main(clear_http_is_the_same, tls_is_the_same)
