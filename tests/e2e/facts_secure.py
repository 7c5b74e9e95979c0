#!/usr/bin/env python3
"""TLS, certificates, IKE, ESP and AH: facts that others know of captures are those that cmscope tells.

The captures and the comparison: facts.py.
"""

import re
from collections import Counter

import facts
import lab
from facts import Facts, ask

# ---- TLS ---------------------------------------------------------------------------------------------------------------

def suite_names():
    """{"0x....": name}, from the list that the program has, which is that of the IANA registry."""
    text = (lab.SOURCE / "dissect" / "tls_suites.def").read_text(encoding="utf-8")
    return {number.lower(): name for number, name in re.findall(r"(0x[0-9A-Fa-f]{4}), (TLS_\w+)", text)}


def relative_names(name):
    """The words of a distinguished name without the types: programs order, name and escape its parts differently."""
    values = re.sub(r"(^|[,+]\s*)[A-Za-z0-9.]+=", " ", name or "")
    return " ".join(sorted(re.findall(r"\w+", values)))


def certificate(sha256, serial, issuer, subject):
    return f"{sha256.lower()} {serial.lower().lstrip('0')} {relative_names(issuer)} {relative_names(subject)}"


def streams(oracle):
    """Handshakes over TCP that tshark saw."""
    return [facts_ for name, facts_ in oracle["tls"]["handshakes"].items() if name.startswith("tcp")]


def tls_known(oracle):
    names, seen = suite_names(), streams(oracle)
    shown = [("server", c) for s in seen for c in s.get("server_certs", [])] + [("client", c) for s in seen for c in s.get("client_certs", [])]
    return {
        "versions, ciphers": Counter(f"{s['version']} {names.get(s['cipher'].lower(), s['cipher'])}" for s in seen if "version" in s and "cipher" in s),
        "sni": Counter(s["sni"] for s in seen if "sni" in s),
        "alpn offered": Counter(",".join(s["alpn"]) for s in seen if "alpn" in s and s.get("client_hello")),
        "certificate requests": Counter({"requests": sum(bool(s.get("certificate_request")) for s in seen)}),
        "certificates": Counter(f"{side} " + certificate(c["sha256"], c["serial"], c["issuer"], c["subject"]) for side, c in shown),
    }


def tls_found(path):
    rows = ask(path, "SELECT * FROM tls")
    shown = ask(path, "SELECT seen_as, fingerprint_sha256 AS f, serial, issuer, subject FROM certificate WHERE chain IS NOT NULL")
    return {
        "versions, ciphers": Counter(f"{r['version'].replace(' ', '')} {r['cipher']}" for r in rows if r["version"]),
        "sni": Counter(r["sni"] for r in rows if r["sni"]),
        "alpn offered": Counter(r["alpn_offered"] for r in rows if r["alpn_offered"]),
        "certificate requests": Counter({"requests": sum(r["certificate_requested"] == 1 for r in rows)}),
        "certificates": Counter(f"{c['seen_as']} " + certificate(c["f"], c["serial"], c["issuer"], c["subject"]) for c in shown),
    }


CUT = "the oracle keeps six names of a list"
TLS_EXPLAINED = {
    ("link-pppoe-qinq.pcap", "alpn offered"): (
        {"h2,h2-16,h2-15,h2-14,spdy/3.1,spdy/3,http/1.1": 1}, {"h2,h2-16,h2-15,h2-14,spdy/3.1,spdy/3": 1}, facts.CMSCOPE, CUT,
    ),
}  # fmt: skip


def test_tls():
    """Versions, suites, names asked for, requests for certificates and certificates are those that tshark told."""
    compared = Facts("tls", "public, tshark", TLS_EXPLAINED)
    for path, oracle in facts.oracles("tls"):
        if streams(oracle):
            found, known = tls_found(path), tls_known(oracle)
            for kind, wanted in known.items():
                compared.compare(path.name, kind, found[kind], wanted)
    compared.settle()


def alerts(text):
    return [alert.split(" ", 1)[1] for alert in (text or "").split("; ") if alert]


LEVELS = {"1": "warning", "2": "fatal"}
ALERTS = {"0": "close_notify", "40": "handshake_failure", "42": "bad_certificate", "45": "certificate_expired", "48": "unknown_ca"}


def test_tls_more():
    """Authorities that a request names, alerts, staples and sessions that are resumed are those that tshark shows."""
    compared = Facts("tls", "public, tshark")
    fields = ("tls.handshake.dnames_len", "tls.handshake.dname_len", "tls.alert_message.level", "tls.alert_message.desc",
              "tls.handshake.extensions_status_request_type", "tls.handshake.type")
    for path, oracle in facts.oracles("tls"):
        if not streams(oracle):
            continue
        authorities, told, asked, staples = Counter(), Counter(), 0, 0
        for lists, names, levels, kinds, status, messages in lab.tshark(path, "tls && tcp", *fields, options=("-o", "tcp.reassemble_out_of_order:TRUE")):
            authorities["requests"] += len(lists.split(",")) if lists else 0
            authorities["names"] += len(names.split(",")) if names else 0
            told.update(f"{LEVELS[a]} {ALERTS.get(b, b)}" for a, b in zip(levels.split(","), kinds.split(",")) if a and b != "0")
            asked += bool(status) and "1" in messages.split(",")
            staples += messages.split(",").count("22")
        rows = ask(path, "SELECT ca_count, alert, ocsp_requested, ocsp_stapled FROM tls")
        compared.compare(path.name, "authorities named", {"requests": sum(r["ca_count"] is not None for r in rows),
                                                            "names": sum(r["ca_count"] or 0 for r in rows)}, authorities)
        compared.compare(path.name, "alerts", Counter(alert for r in rows for alert in alerts(r["alert"])), told)
        compared.compare(path.name, "staples", {"asked": sum(r["ocsp_requested"] or 0 for r in rows),
                                                  "sent": sum(r["ocsp_stapled"] or 0 for r in rows)},
                         {"asked": asked, "sent": staples})
    compared.settle()


# ---- IKE, ESP, AH ------------------------------------------------------------------------------------------------------

EXCHANGES = {
    "IKEv1 Main/IdProt": "main", "IKEv1 Aggressive": "aggressive", "IKEv1 Quick": "quick",
    "IKEv1 Informational": "informational", "IKEv1 ExchangeType 243": "authip-main", "IKE_SA_INIT": "sa-init",
    "IKE_AUTH": "auth", "CREATE_CHILD_SA": "child-sa", "IKEv2 INFORMATIONAL": "informational",
}  # fmt: skip


def test_ike():
    """Versions with exchanges, and SPIs of initiators and responders, are those that tshark told."""
    compared = Facts("ike", "public, tshark")
    for path, oracle in facts.oracles("ike"):
        rows = ask(path, "SELECT version, exchange, initiator_spi, responder_spi FROM ike")
        known = Counter()
        for name, count in oracle["ike"]["exchanges"].items():
            version, exchange = name.split(" ", 1)
            known[f"{version} {EXCHANGES[exchange]}"] += count
        compared.compare(path.name, "versions, exchanges", Counter(f"{r['version']} {r['exchange']}" for r in rows), known)
        spis = oracle["ike"]["initiator_spis"]
        compared.compare(path.name, "initiator SPIs, messages", Counter(r["initiator_spi"].lower() for r in rows),
                         {spi: one["msgs"] for spi, one in spis.items()})
        compared.compare(path.name, "responder SPIs", {r["responder_spi"].lower() for r in rows if r["responder_spi"]},
                         {spi for one in spis.values() for spi in one["rspi"]})
    compared.settle()


CIPHERS = {"1": "des", "5": "3des", "7": "aes-cbc"}
HASHES = {"1": "md5", "2": "sha1", "4": "sha256"}
GROUPS = {"0": "group-0", "1": "modp768", "2": "modp1024", "5": "modp1536", "14": "modp2048"}
METHODS = {"1": "psk", "3": "rsa-signature", "65001": "xauth-initiator-psk"}


def transforms(ciphers, hashes, groups, bits):
    """Of one message: what each transform of phase 1 proposes. Lengths of keys stand only where a cipher has one."""
    lengths = iter(bits)
    for cipher, hash_, group in zip(ciphers, hashes, groups):
        name = CIPHERS[cipher] + ("-" + next(lengths) if cipher == "7" else "")
        yield "/".join((name, HASHES.get(hash_, hash_), GROUPS.get(group, group)))


def test_ike_proposals():
    """Transforms of main and aggressive mode are those that tshark shows."""
    compared = Facts("ike", "public and lab, tshark")
    fields = [f"isakmp.ike.attr.{name}" for name in ("encryption_algorithm", "hash_algorithm", "group_description", "key_length")]
    paths = [path for path, oracle in facts.oracles("ike") if any(name.startswith("1.0") for name in oracle["ike"]["exchanges"])]
    for path in [*paths, lab.PCAPS / "ipsec-esp-aes-ikev1.pcap"]:
        known, found = Counter(), Counter()
        for row in lab.tshark(path, "isakmp.ike.attr.encryption_algorithm && !icmp", *fields):
            known.update(transforms(*(part.split(",") for part in row)))
        for row in ask(path, "SELECT proposals FROM ike WHERE version = '1.0' AND exchange IN ('main', 'aggressive', 'authip-main') AND proposals IS NOT NULL"):
            found.update(row["proposals"].split(";"))
        compared.compare(path.name, "proposals", Counter({k.strip(): n for k, n in found.items()}), known)
    compared.settle()


VENDORS = {
    "MS NT5 ISAKMPOAKLEY": "windows", "RFC 3947 Negotiation of NAT-Traversal in the IKE": "nat-t-rfc3947",
    "Cisco Fragmentation": "fragmentation", "MS-Negotiation Discovery Capable": "negotiation-discovery",
    "Microsoft Vid-Initial-Contact": "initial-contact", "draft-ietf-ipsec-nat-t-ike-00": "nat-t-draft-00",
    "draft-ietf-ipsec-nat-t-ike-02": "nat-t-draft-02", "draft-ietf-ipsec-nat-t-ike-02\\n": "nat-t-draft-02n",
    "draft-ietf-ipsec-nat-t-ike-03": "nat-t-draft-03", "RFC 3706 DPD (Dead Peer Detection)": "dead-peer-detection",
    "XAUTH": "xauth", "CISCO-UNITY": "cisco-unity", "strongSwan": "strongswan",
}  # fmt: skip
VENDOR_HEX = 40  # digits of an id without a name that are told


def test_ike_vendors():
    """Vendor ids of each message, by name or in hex, are those that tshark shows."""
    compared = Facts("ike", "public, tshark")
    for path, _ in facts.oracles("ike"):
        known, found = Counter(), Counter()
        for frame, ids, names in lab.tshark(path, "isakmp.vid_bytes && !icmp", "frame.number", "isakmp.vid_bytes", "isakmp.vid_string"):
            known.update({f"{frame} {VENDORS.get(name, one[:VENDOR_HEX])}" for one, name in zip(ids.split(","), names.split(","))})
        for row in ask(path, "SELECT packet, vendor_ids FROM ike WHERE vendor_ids IS NOT NULL"):
            found.update(f"{row['packet']} {one}" for one in row["vendor_ids"].split(","))
        compared.compare(path.name, "vendor ids", found, known)
    compared.settle()


def test_associations():
    """SPIs of ESP and AH, and packets of each, are those that tshark told."""
    for protocol in ("esp", "ah"):
        compared = Facts(protocol, "public, tshark")
        for path, oracle in facts.oracles(protocol):
            rows = ask(path, f"SELECT spi, sum(packets) AS n FROM ipsec WHERE protocol = '{protocol}' GROUP BY spi")
            compared.compare(path.name, "SPIs, packets", {row["spi"]: row["n"] for row in rows}, oracle[protocol]["spis"])
        compared.settle()


def test_associations_lab():
    """SPIs, whether they hide what they carry, and packets are those that the hosts of the lab had."""
    compared = Facts("esp, ah", "lab, strongSwan")
    for path, truth in facts.lab_truths("ipsec-*", "ipsec", "ipsec_verified"):
        hidden = truth["ipsec"]["payload_encrypted"]
        rows = ask(path, "SELECT protocol, src, dst, spi, null_encryption, packets FROM ipsec")
        known = {f"{sa['proto']} {sa['src']} {sa['dst']} {sa['spi']} null {int(not hidden)}" for sa in truth["ipsec"]["sas"]}
        found = {f"{r['protocol']} {r['src']} {r['dst']} {r['spi']} null {r['null_encryption']}" for r in rows}
        compared.compare(path.stem, "SPIs, null encryption", found, known)
        packets = truth["ipsec_verified"]["packets"]
        compared.compare(path.stem, "packets", {"packets": sum(r["packets"] for r in rows)},
                         {"packets": packets.get("esp", 0) + packets.get("ah", 0)})
    compared.settle()


if __name__ == "__main__":
    lab.main(test_tls, test_tls_more, test_ike, test_ike_proposals, test_ike_vendors, test_associations, test_associations_lab)
