#!/usr/bin/env python3
"""The hosts, names and roles that cmscope learns are those of the site that the ground truth describes."""

import subprocess
import sys

import lab

LAB_CAPTURES = lab.SOURCE.parent / "shared" / "pcaps" / "lab"
ROLES = "SELECT host, role FROM role ORDER BY host, role"


def compare(folder):
    command = [sys.executable, str(lab.SOURCE / "tests" / "compare_roles.py"), "--cmscope", lab.CMSCOPE, str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=900)
    lab.expect(process.returncode == 0, f"status {process.returncode}\n{process.stdout}{process.stderr}")
    summary = process.stdout.splitlines()[-1]
    print(f"      {summary}")
    return summary


def test_own_captures():
    """Every role and name in tests/pcaps is one that the ground truth knows, and none is missing."""
    summary = compare(lab.PCAPS)
    captures = len([path for path in lab.PCAPS.glob("*.json") if path.with_suffix(".pcap").exists()])
    lab.expect_equal(summary.split(":")[0], f"{captures} captures", "all captures are compared")
    lab.expect_in("unexplained 0", summary, "differences")
    matched, known = map(int, summary.split("roles ")[1].split(";")[0].split(" of "))
    lab.expect(matched == known > 80, summary)


def test_lab_captures():
    """The same over all lab captures."""
    if not LAB_CAPTURES.is_dir():
        raise lab.Skip(f"{LAB_CAPTURES} is not there")
    lab.expect_in("unexplained 0", compare(LAB_CAPTURES), "differences")


def test_commands():
    """`roles` and `hosts` list the tables role and host: for people, as JSON, as CSV."""
    roles = lab.cmscope("roles", "-r", lab.SCCMWTF).text
    lab.expect_in("management_point", roles, "the management point")
    lab.expect_in("cm01.corp.contoso.test", roles, "its name")
    hosts = lab.cmscope("hosts", "-r", lab.SCCMWTF).text
    lab.expect_in("ws1042.corp.contoso.test,WS1042", hosts, "the names of the client")
    for command, table in (("roles", "role"), ("hosts", "host")):
        for form in ("json", "csv"):
            listed = lab.cmscope(command, "-r", lab.SCCMWTF, "-T", form).text
            asked = lab.cmscope("query", "-r", lab.SCCMWTF, "-T", form, f"SELECT * FROM {table} ORDER BY id").text
            lab.expect_equal(listed, asked, f"{command} -T {form}")


def test_not_asked():
    """A question that reads no derived table decodes nothing for one; one that does gets what the tables below need."""
    inflated = "SELECT value FROM coverage WHERE name = 'payloads_inflated'"
    lab.expect_equal(lab.value(inflated, lab.SCCMWTF), 0, "nobody asked for payloads")
    lab.expect(lab.value(f"{inflated} AND (SELECT count(*) FROM role) > 0", lab.SCCMWTF) > 0, "registrations are read for roles")


def test_pairs():
    """All bytes of conversations are in host_pair once, by how they were guarded."""
    kinds = " + ".join(f"bytes_{kind}" for kind in ("clear", "signed", "sealed", "tls", "ipsec_clear", "ipsec"))
    for name in ("sccmwtf-http", "sccmwtf-tls12-nokeys", "ipsec-ah-ikev2", "ipsec-esp-null-ikev2"):
        capture = lab.PCAPS / f"{name}.pcap"
        pairs = lab.value(f"SELECT sum({kinds}) FROM host_pair WHERE app NOT IN ('esp', 'ah', 'wesp')", capture)
        lab.expect_equal(pairs, lab.value("SELECT sum(bytes_out + bytes_in) FROM flow", capture), name)
    clear = "SELECT sum({}) FROM host_pair WHERE app = '{}'"
    lab.expect(lab.value(clear.format("bytes_tls", "tls"), lab.PCAPS / "sccmwtf-tls12-nokeys.pcap") > 0, "TLS is no clear text")
    lab.expect(lab.value(clear.format("bytes_ipsec", "esp"), lab.PCAPS / "ipsec-esp-aes-ikev1.pcap") > 0, "nor is ESP")
    lab.expect(lab.value(clear.format("bytes_ipsec_clear", "smb"), lab.PCAPS / "ipsec-esp-null-ikev2.pcap") > 0, "ESP with NULL hides nothing")


if __name__ == "__main__":
    lab.main(test_own_captures, test_lab_captures, test_commands, test_not_asked, test_pairs)
