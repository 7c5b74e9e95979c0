#!/usr/bin/env python3
"""--keys: a certificate that the capture does not show verifies the signatures that it made, and only those."""

import ssl  # only to take off the PEM armour
import subprocess
import time
from pathlib import Path

import lab

MEDIA = lab.PCAPS / "sharpsccm-media.pcap"  # a client with the certificate of boot media, which does not travel
KEYS = lab.SOURCE / "tests" / "keys"
TOKENS = "SELECT token_signature, key_source FROM message WHERE direction = 'request' ORDER BY id"
DOWNLOADS = "SELECT token_signature FROM http WHERE token IS NOT NULL ORDER BY id"


def signatures(*options, capture=MEDIA):
    messages = [row["token_signature"] for row in lab.query(TOKENS, capture, options=options)]
    downloads = [row["token_signature"] for row in lab.query(DOWNLOADS, capture, options=options)]
    return messages, downloads


def known_tokens():
    """Of each token, of messages and then of downloads, whether it is valid, as the management point saw it."""
    truth = lab.ground_truth(MEDIA)["transactions"]
    found = [s["valid"] for t in truth for s in (t.get("ccm") or {}).get("signatures", []) if s["what"] == "Token"]
    return found + [t["token"]["valid"] for t in truth if t.get("token")]


def test_with_and_without():
    """The tokens of boot media, in a message and at a download, are nokey without --keys and valid with the certificate, by
    folder and by file."""
    lab.expect_equal(signatures(), (["nokey"], ["nokey"]), "without keys")
    lab.expect_equal(known_tokens(), [True, True], "the ground truth")
    for path in (KEYS, KEYS / "client1.cert.pem"):
        lab.expect_equal(signatures("--keys", path), (["valid"], ["valid"]), f"--keys {path.name}")


def test_source_is_told():
    """key_source says that the key which verified the token of the message came from --keys."""
    lab.expect_equal(lab.query(TOKENS, MEDIA, options=("--keys", KEYS))[0]["key_source"], "keys", "key_source")
    lab.expect_equal(lab.query(TOKENS, MEDIA)[0]["key_source"], None, "key_source where no key was found")


def test_others_stay():
    """A certificate that made none of the signatures changes nothing in other captures."""
    sql = "SELECT signature, client_id_signature, key_source, key_registered, hash FROM message ORDER BY id"
    for capture in (lab.SCCMWTF, lab.PCAPS / "broken-foreign-key.pcap", lab.PCAPS / "broken-tampered-body.pcap"):
        with_keys = lab.query(sql, capture, options=("--keys", KEYS))
        lab.expect_equal(with_keys, lab.query(sql, capture), capture.stem)


def test_der():
    """The same certificate as DER, among files that are no keys, verifies too."""
    with lab.folder() as folder:
        (folder / "client.cer").write_bytes(der())
        (folder / "notes.txt").write_text("not a key\n")
        lab.expect_equal(signatures("--keys", folder), (["valid"], ["valid"]), "DER")


def der():
    return ssl.PEM_cert_to_DER_cert((KEYS / "client1.cert.pem").read_text())


def test_folder_without_keys():
    """A folder without keys is told once, with one worker and with two, and all that needs no key is read."""
    wanted = lab.cmscope("messages", "-r", MEDIA).output
    with lab.folder() as folder:
        (folder / "notes.txt").write_text("not a key\n")
        for threads in ("1", "2"):
            result = lab.cmscope("messages", "-r", MEDIA, "--keys", folder, "--threads", threads)
            lab.expect_equal(result.output, wanted, "messages")
            lab.expect_equal(result.errors.count(str(folder)), 1, f"one message: {result}")
            sql = "SELECT name, value FROM coverage WHERE name IN ('keys_none', 'key_files_unread') ORDER BY 1"
            rows = lab.query(sql, MEDIA, options=("--keys", folder, "--threads", threads))
            lab.expect_equal([row["value"] for row in rows], [0, 1], "counters")


def test_big_key_file():
    """Of a file of more than 64 MB the rest is not read: the result is incomplete, and a counter says so."""
    with lab.folder() as folder:
        with open(folder / "keylog.txt", "wb") as file:
            file.write(b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n")
            file.truncate((64 << 20) + 1)
        sql = "SELECT value FROM coverage WHERE name = 'key_files_unread'"
        lab.expect_equal(lab.value(sql, MEDIA, options=("--keys", folder), status=lab.INCOMPLETE), 1, "the counter")


def test_no_core_dump():
    """What keys and captures brought into memory is never written to a core file."""
    process = subprocess.Popen(["sh", "-c", 'ulimit -c unlimited 2>/dev/null; exec "$@"', "sh", lab.CMSCOPE, "messages", "-r", "-", "--keys",
                                str(KEYS)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    time.sleep(1)
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    process.communicate(lab.SCCMWTF.read_bytes(), timeout=60)
    line = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    lab.expect_equal(line.split()[4:6], ["0", "0"], "the limit")


def test_nothing_there():
    """An empty or damaged file and a missing one are refused with status 3 and their name."""
    with lab.folder() as folder:
        no_key, damaged, missing = folder / "no.key", folder / "damaged.pem", folder / "missing"
        no_key.write_text("nothing\n")
        damaged.write_bytes((KEYS / "client1.cert.pem").read_bytes()[:200])
        for path in (no_key, damaged, missing):
            result = lab.cmscope("query", "-r", MEDIA, "--keys", path, "SELECT 1", status=lab.UNREADABLE)
            lab.expect_in(str(path), result.errors, "the message")
            lab.expect_equal(len(result.errors.splitlines()), 1, f"lines: {result}")
            reason = "No such file" if path == missing else "PEM, DER and PKCS#12"
            lab.expect_in(reason, result.errors, "the message says what is wrong or wanted")


def test_no_secrets_here():
    """tests/keys holds certificates only: no private key."""
    lab.expect(any(KEYS.glob("*.pem")), "there are certificates")
    for path in KEYS.iterdir():
        lab.expect(b"PRIVATE KEY" not in path.read_bytes(), f"{path} holds a private key")


if __name__ == "__main__":
    lab.main(test_with_and_without, test_source_is_told, test_others_stay, test_der, test_folder_without_keys, test_big_key_file,
             test_no_core_dump, test_nothing_there, test_no_secrets_here)
