#!/usr/bin/env python3
"""IPsec: associations, what ESP hides and what it does not, and IKE, against the ground truth of the lab in tests/pcaps."""

import json

import lab

def rows(capture, sql):
    return lab.query(sql, capture, status=(lab.DONE, lab.INCOMPLETE))


def truths():
    return [(path.with_suffix(".pcap"), json.loads(path.read_text())) for path in sorted(lab.PCAPS.glob("ipsec-*.json"))]


def test_associations():
    """Each association that the two hosts had is found, and whether it encrypts is told right."""
    found = known = 0
    for capture, truth in truths():
        wanted = {(sa["proto"], sa["src"], sa["dst"], sa["spi"]) for sa in truth["ipsec"]["sas"]}
        ours = rows(capture, "SELECT protocol, src, dst, spi, null_encryption, udp, packets FROM ipsec")
        lab.expect_equal({(row["protocol"], row["src"], row["dst"], row["spi"]) for row in ours}, wanted, capture.name)
        for row in ours:
            lab.expect_equal(row["null_encryption"], int(not truth["ipsec"]["payload_encrypted"]), capture.name)
            lab.expect_equal(row["udp"], int(truth["ipsec"]["nat_t"]), capture.name)
        packets = truth["ipsec_verified"]["packets"]
        lab.expect_equal(sum(row["packets"] for row in ours), packets.get("esp", 0) + packets.get("ah", 0), capture.name)
        found, known = found + len(ours), known + len(wanted)
    lab.expect(known >= 8, f"only {known} associations to compare")
    print(f"      {found} of {known} associations of the lab")


def test_inside():
    """The TCP that is not hidden is followed to the port of the truth, and marked; what is encrypted stays hidden."""
    for capture, truth in truths():
        flows = rows(capture, "SELECT dport, ipsec, bytes_out + bytes_in AS bytes, gaps FROM flow WHERE proto = 'tcp'")
        if truth["ipsec"]["payload_encrypted"]:
            lab.expect_equal(flows, [], capture.name)
            continue
        lab.expect_equal({flow["dport"] for flow in flows}, set(truth["ipsec_verified"]["inner_server_ports"]), capture.name)
        name = "ah" if truth["ipsec"]["protocol"] == "ah" else "esp-null"
        lab.expect_equal({flow["ipsec"] for flow in flows}, {name}, capture.name)
        lab.expect(all(flow["bytes"] > 0 and flow["gaps"] == 0 for flow in flows), f"{capture.name}: nothing inside")


def test_proposals():
    """The transform that the responder chose is that of the truth."""
    words = {"aes128": "aes-cbc-128", "aes256": "aes-cbc-256", "sha1": "sha1", "sha256": "sha256"}
    for capture, truth in truths():
        cipher, hash_name, group = truth["ipsec"]["ike_proposal"].split("-")
        chosen = rows(capture, "SELECT proposals, authentication FROM ike WHERE response AND proposals IS NOT NULL")
        lab.expect_equal(len(chosen), 1, f"{capture.name}: choices")
        parts = chosen[0]["proposals"].split("/")
        lab.expect_equal(parts[0], words[cipher], capture.name)
        lab.expect(parts[1].startswith(words[hash_name]), f"{capture.name}: {parts[1]}")
        lab.expect_equal(parts[-1], group, capture.name)
        if truth["ipsec"]["ike_version"] == 1:
            lab.expect_equal(chosen[0]["authentication"], "psk", capture.name)


if __name__ == "__main__":
    lab.main(test_associations, test_inside, test_proposals)
