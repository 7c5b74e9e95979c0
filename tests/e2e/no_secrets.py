#!/usr/bin/env python3
"""Secrets that a capture shows are counted, not repeated: no output has a password or a secret value of a policy."""

import base64
import re
import sqlite3

import lab

CAPTURES = ("sccmwtf-http", "sharpsccm-secrets", "sdk-http-full")
OUTPUTS = (
    ("check", "-T", "json"),
    ("check", "-T", "html"),
    ("check", "-V"),
    ("messages", "-V"),
    ("messages", "-V", "--bodies"),
    ("messages", "-T", "json"),
    ("flows", "-T", "json"),
)
BASIC_PASSWORD = "Tr0ub4dor&3"


def known_secrets(capture):
    """The values that the management point marked as secret: as they travel (obfuscated) and as they are."""
    secrets = set()
    for policy in lab.ground_truth(capture).get("policies_on_mp", []):
        secrets |= set(re.findall(r'secret="1">\s*<value><!\[CDATA\[([^\]]+)\]\]>', policy.get("text") or ""))
        secrets |= set((policy.get("plain_secrets") or {}).values())
    return secrets


def tables():
    names = re.findall(r"^CREATE TABLE (\w+)", lab.cmscope("schema", "-T", "sql").text, re.MULTILINE)
    lab.expect(len(names) >= 8, f"tables: {names}")
    return names


def expect_none(secrets, capture):
    runs = [(command, lab.cmscope(command[0], "-r", capture, *command[1:], status=None)) for command in OUTPUTS]
    for table in tables():
        runs.append((table, lab.cmscope("query", "-r", capture, "-T", "csv", "--bodies", f"SELECT * FROM {table}", status=None)))
    with lab.folder() as folder:
        database = folder / "x.db"
        lab.cmscope("query", "-r", capture, "--db", database, "--bodies", "SELECT 1", status=None)
        connection = sqlite3.connect(database)
        texts = [("--db", "\n".join(connection.iterdump()))]
        connection.close()
    texts += [(what, result.text + result.errors) for what, result in runs]
    for what, text in texts:
        for secret in secrets:
            lab.expect(secret.lower() not in text.lower(), f"{capture.stem}: {what} shows {secret[:24]}")


def test_policies():
    """Secret values of policies, obfuscated or not, appear in no report, no table and no database."""
    for name in CAPTURES:
        capture = lab.PCAPS / f"{name}.pcap"
        secrets = known_secrets(capture)
        lab.expect(secrets, f"{name}: there are secrets")
        expect_none(secrets, capture)


def test_clear_policy():
    """A policy that is downloaded in clear is told to hold secrets, and they appear nowhere."""
    policies = lab.ground_truth(lab.SCCMWTF)["policies_on_mp"]
    text = next(policy["text"] for policy in policies if 'secret="1"' in policy["text"])
    uri = b"/SMS_MP/.sms_pol?%7Bbde568ce-27d3-488f-874b-faf3e8206def%7D.3_00"
    with lab.folder() as folder:
        talk = lab.Conversation().send(b"GET " + uri + b" HTTP/1.1\r\nHost: mp.example.test\r\n\r\n")
        talk.answer(lab.http_reply(b"\xff\xfe" + text.encode("utf-16-le"))).close()
        capture = lab.write_pcap(folder / "clear.pcap", talk.packets)
        rows = lab.query("SELECT body, has_secret FROM policy WHERE fetched", capture)
        lab.expect_equal(rows, [{"body": "clear", "has_secret": 1}], "table policy")
        expect_none(known_secrets(lab.SCCMWTF), capture)


def test_basic():
    """The password of Basic authentication appears nowhere; its user does."""
    with lab.folder() as folder:
        credentials = base64.b64encode(f"CORP\\admin:{BASIC_PASSWORD}".encode())
        request = b"GET /SMS_MP/.sms_aut?MPLIST HTTP/1.1\r\nHost: mp\r\nAuthorization: Basic " + credentials + b"\r\n\r\n"
        talk = lab.Conversation().send(request).answer(lab.http_reply(b"")).close()
        capture = lab.write_pcap(folder / "basic.pcap", talk.packets)
        expect_none({BASIC_PASSWORD, credentials.decode()}, capture)
        row = lab.query("SELECT authorization, auth_user FROM http", capture)[0]
        lab.expect_equal(row, {"authorization": "Basic", "auth_user": "CORP\\admin"}, "who it was")


if __name__ == "__main__":
    lab.main(test_policies, test_clear_policy, test_basic)
