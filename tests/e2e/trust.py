#!/usr/bin/env python3
"""Envelopes: what openssl encrypts is opened with the key it was made for, in every form; without the key, and without
--show-secrets, nothing of it is seen. And the whole lab's facts about trust do not depend on the number of workers."""

import shutil
import sqlite3
import subprocess

import lab

LAB = lab.CAPTURES / "lab"
PASSWORD = "Sesame-open-7"
# An obfuscated value that `openssl enc` made (see obfuscate), in a policy of a network access account.
POLICY = (
    '<?xml version="1.0"?><Policy PolicyID="{{2}}" PolicyVersion="3.00"><instance class="CCM_NetworkAccessAccount">'
    '<property name="NetworkAccessPassword" secret="1"><value><![CDATA[{value}]]></value></property></instance></Policy>'
)
URI = b"/SMS_MP/.sms_pol?%7B2%7D.3_00"
CIPHERS = (
    ("3des-cbc", ("-des3",)),
    ("aes-128-cbc", ("-aes-128-cbc",)),
    ("aes-256-cbc", ("-aes-256-cbc", "-keyopt", "rsa_padding_mode:oaep")),
    ("aes-256-cbc", ("-aes-256-cbc", "-stream")),
    ("3des-cbc", ("-des3", "-keyid")),
    ("rc2-cbc", ("-rc2", "-provider", "legacy", "-provider", "default")),
    ("des-cbc", ("-des-cbc", "-provider", "legacy", "-provider", "default")),
)
OUTPUTS = (("check", "-T", "json"), ("check", "-T", "html"), ("check", "-V"), ("messages", "-V", "--bodies"))


def openssl(*arguments, data=b""):
    process = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
    lab.expect(process.returncode == 0, f"openssl {arguments}: {process.stderr[-300:]}")
    return process.stdout


def obfuscate(text):
    """An obfuscated value (wire.md 7.3) whose key is derived with hashlib and whose cipher is openssl's."""
    import hashlib

    material = bytes(range(40))
    digest = hashlib.sha1(material).digest()
    halves = [hashlib.sha1(bytes(a ^ pad for a in digest) + bytes([pad]) * 44).digest() for pad in (0x36, 0x5C)]
    key = b"".join(halves)[:32]
    plain = text.encode("utf-16-le") + b"\0\0"
    cipher = openssl("enc", "-aes-256-cbc", "-K", key.hex(), "-iv", "0" * 32, data=plain)
    numbers = b"".join(n.to_bytes(4, "little") for n in (20, len(plain), len(cipher), 0x6610, 0))
    return (b"\x8a\x13\0\0" + material + numbers + cipher).hex()


def make_keys(where):
    where.mkdir()
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ConfigMgr Client", "-days", "30",
            "-keyout", where / "client.key", "-out", where / "client.pem")
    return where


def capture_of(folder, body):
    talk = lab.Conversation().send(b"GET " + URI + b" HTTP/1.1\r\nHost: mp\r\n\r\n").answer(lab.http_reply(body)).close()
    return lab.write_pcap(folder / "policy.pcap", talk.packets)


def opened(capture, *options):
    sql = "SELECT body, cipher, decrypted, has_secret, secrets FROM policy"
    return lab.query(sql, capture, options=options)[0]


def secret_values(capture, *options):
    return [row["value"] for row in lab.query("SELECT value FROM secret ORDER BY id", capture, options=options)]


def test_every_form():
    """A policy that openssl cms -encrypt closed opens with the private key and is the same that openssl cms -decrypt finds;
    without the key it stays closed."""
    lab.tool("openssl")
    value = obfuscate(PASSWORD)
    plain = b"\xff\xfe" + POLICY.format(value=value).encode("utf-16-le") + b"\0\0"
    with lab.folder() as folder:
        keys = make_keys(folder / "keys")
        for cipher, options in CIPHERS:
            body = openssl("cms", "-encrypt", "-binary", "-outform", "DER", "-recip", keys / "client.pem", *options, data=plain)
            again = openssl("cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", keys / "client.key", "-recip",
                            keys / "client.pem", "-provider", "legacy", "-provider", "default", data=body)
            lab.expect(again == plain, "openssl decrypts what it encrypted")
            capture = capture_of(folder, body)
            shut = {"body": "secret-cms", "cipher": cipher, "decrypted": 0, "has_secret": None, "secrets": None}
            open_ = {**shut, "decrypted": 1, "has_secret": 1, "secrets": 1}
            lab.expect_equal(opened(capture), shut, f"{options} without the key")
            lab.expect_equal(opened(capture, "--keys", keys), open_, f"{options} with the key and its certificate")
            lab.expect_equal(opened(capture, "--keys", keys / "client.key"), open_, f"{options} with the key alone")
            lab.expect_equal(opened(capture, "--keys", keys / "client.pem"), shut, f"{options} with the certificate alone")
            lab.expect_equal(secret_values(capture, "--keys", keys), [None], "the value without --show-secrets")
            lab.expect_equal(secret_values(capture, "--keys", keys, "--show-secrets"), [PASSWORD], "with it")


def test_nothing_leaks():
    """With the key but without --show-secrets, neither the value nor its obfuscated form is in any output, table, HTML or
    database."""
    lab.tool("openssl")
    value = obfuscate(PASSWORD)
    plain = b"\xff\xfe" + POLICY.format(value=value).encode("utf-16-le")
    with lab.folder() as folder:
        keys = make_keys(folder / "keys")
        body = openssl("cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", "-recip", keys / "client.pem", data=plain)
        capture = capture_of(folder, body)
        page, database = folder / "report.html", folder / "all.db"
        texts = [lab.cmscope(command[0], "-r", capture, "--keys", keys, *command[1:], status=None) for command in OUTPUTS]
        texts = [result.text + result.errors for result in texts]
        lab.cmscope("check", "-r", capture, "--keys", keys, "--html", page, status=None)
        lab.cmscope("query", "-r", capture, "--keys", keys, "--bodies", "--db", database, "SELECT 1", status=None)
        connection = sqlite3.connect(database)
        rows = list(connection.execute("SELECT text, secrets FROM policy"))
        texts += [page.read_text(), "\n".join(connection.iterdump())]
        connection.close()
        lab.expect_equal(rows[0][1], 1, "the secret is counted")
        lab.expect_in("[hidden]", rows[0][0], "the text of the policy")
        for text in texts:
            for secret in (PASSWORD, value[:60], value[-60:], "BEGIN PRIVATE"):
                lab.expect(secret.lower() not in text.lower(), f"an output shows {secret[:20]}")
        shown = lab.query("SELECT text FROM policy", capture, options=("--keys", keys, "--bodies", "--show-secrets"))
        lab.expect_in(value, shown[0]["text"], "with --show-secrets the body is as it was sent")


def test_key_stores():
    """PKCS#12 without a password opens too; keys that a password locks are told, and what else is there is used."""
    lab.tool("openssl")
    with lab.folder() as folder:
        keys, store = make_keys(folder / "keys"), folder / "store"
        store.mkdir()
        body = openssl("cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", "-recip", keys / "client.pem",
                       data=b"\xff\xfe" + "<Policy/>".encode("utf-16-le"))
        capture = capture_of(folder, body)
        pair = ("-in", keys / "client.pem", "-inkey", keys / "client.key")
        for extra in ((), ("-legacy",)):
            (store / "client.pfx").write_bytes(openssl("pkcs12", "-export", *pair, "-passout", "pass:", *extra))
            lab.expect_equal(opened(capture, "--keys", store)["decrypted"], 1, f"PKCS#12 {extra}")
        locked = folder / "locked"
        locked.mkdir()
        (locked / "a.pfx").write_bytes(openssl("pkcs12", "-export", *pair, "-passout", "pass:x1"))
        (locked / "b.pem").write_bytes(openssl("pkey", "-in", keys / "client.key", "-aes256", "-passout", "pass:x1"))
        result = lab.cmscope("query", "-r", capture, "--keys", locked, "SELECT 1", status=lab.INCOMPLETE)
        lab.expect_in("a password locks", result.errors, "a folder with locked keys only")
        shutil.copy(keys / "client.key", locked / "c.pem")
        sql = "SELECT value FROM coverage WHERE name = 'key_files_locked'"
        rows = lab.query(sql, capture, options=("--keys", locked, "--threads", "2"), status=lab.INCOMPLETE)
        lab.expect_equal(rows, [{"value": 2}], "locked files are counted once, whatever the number of workers")


def test_threads():
    """Findings, policies, keys, recipients and signatures of all lab captures together are the same with 1, 2 and 5 workers."""
    if not LAB.is_dir():
        raise lab.Skip(f"no folder {LAB}")
    tables = ("finding", "policy", "public_key", "recipient", "secret", "certificate", "registration", "message")
    for table in tables:
        answers = [
            lab.cmscope("query", "-r", LAB, "-T", "csv", "--threads", str(count), f"SELECT * FROM {table}", status=None).output
            for count in (1, 2, 5)
        ]
        lab.expect(answers[0].count(b"\n") > 1, f"{table}: there are rows")
        lab.expect(answers[0] == answers[1] == answers[2], f"{table} depends on the number of workers")


if __name__ == "__main__":
    lab.main(test_every_form, test_nothing_leaks, test_key_stores, test_threads)
