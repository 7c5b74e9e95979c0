#!/usr/bin/env python3
"""TLS is decrypted with key logs, pcapng secrets and private keys, byte for byte as tshark does it.

tests/pcaps/tls/ comes from tests/make_tls_captures.py. Captures of the folder that $CMSCOPE_CAPTURES names, or ../shared/pcaps
beside the sources, are compared too when they are there.
"""

import json
import os
import subprocess
from collections import defaultdict
from pathlib import Path

import lab

CAPTURES = lab.CAPTURES
TLS = lab.PCAPS / "tls"
OPENSSL, OLD = TLS / "tls-openssl.pcapng", TLS / "tls-old.pcap"
TOOL = Path(os.environ.get("TOOLS") or "") / "tls_plain"
SECONDS = 60

# The connections of tests/pcaps/tls, by name: version and suite.
KINDS = {
    "tls10-rsa-aes-cbc": ("TLS 1.0", "TLS_RSA_WITH_AES_128_CBC_SHA"),
    "tls10-rsa-aes-cbc-mac-first": ("TLS 1.0", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    "tls11-dhe-aes-cbc": ("TLS 1.1", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    "tls12-rsa-aes-cbc-mac-first": ("TLS 1.2", "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    "tls12-ecdhe-camellia-etm": ("TLS 1.2", "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384"),
    "tls12-ccm": ("TLS 1.2", "TLS_RSA_WITH_AES_128_CCM"),
    "tls12-ccm8": ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"),
    "tls12-aria-gcm": ("TLS 1.2", "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256"),
    "tls12-chacha": ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    "tls12-null": ("TLS 1.2", "TLS_RSA_WITH_NULL_SHA256"),
    "tls12-psk": ("TLS 1.2", "TLS_PSK_WITH_AES_128_GCM_SHA256"),
    "tls12-rsa-id": ("TLS 1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    "tls12-rsa-id-again": ("TLS 1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    "tls13-aes128": ("TLS 1.3", "TLS_AES_128_GCM_SHA256"),
    "tls13-ccm": ("TLS 1.3", "TLS_AES_128_CCM_SHA256"),
    "tls13-ccm8": ("TLS 1.3", "TLS_AES_128_CCM_8_SHA256"),
    "tls13-chacha": ("TLS 1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    "tls13-early-chacha": ("TLS 1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    "tls13-early-chacha-again": ("TLS 1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    "tls10-rc4-md5": ("TLS 1.0", "TLS_RSA_WITH_RC4_128_MD5"),
    "tls10-rc4-sha": ("TLS 1.0", "TLS_RSA_WITH_RC4_128_SHA"),
    "tls10-3des": ("TLS 1.0", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    "ssl3-rc4-md5": ("SSL 3.0", "TLS_RSA_WITH_RC4_128_MD5"),
    "ssl3-3des": ("SSL 3.0", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
}
USUAL = {"tls12": ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"), "tls13": ("TLS 1.3", "TLS_AES_256_GCM_SHA384")}

# What is resumed, by its name, and from what.
RESUMED = {
    "tls12-id-again": ("id", "tls12-id"),
    "tls12-ticket-again": ("ticket", "tls12-ticket"),
    "tls12-rsa-id-again": ("id", "tls12-rsa-id"),
    "tls13-early-data": ("psk", "tls13-ticket"),
    "tls13-early-chacha-again": ("psk", "tls13-early-chacha"),
}

# (capture, client port): where tshark sees less, and why.
TSHARK_LESS = {
    ("tls-openssl.pcapng", 50007): "tshark 4.0 has no ARIA (its log: can't find cipher suite 0xC052); the reply's SHA-256 says that this is right",
}

SESSIONS = """SELECT tls.*, flow.sport AS client_port,
                     (SELECT group_concat(method || ' ' || uri || ' ' || ifnull(status, '-') || ' ' || ifnull(response_sha256, ''))
                      FROM http WHERE http.flow = tls.flow) AS said
              FROM tls JOIN flow ON flow.id = tls.flow ORDER BY tls.id"""


def names(capture):
    truth = json.loads(capture.with_suffix(".json").read_text(encoding="utf-8"))
    return {connection["port"]: connection["name"] for connection in truth["connections"]}, truth


def sessions(capture, *options, status=(lab.DONE,)):
    rows = lab.cmscope("query", "-r", capture, "-T", "json", *options, SESSIONS, status=status).json
    known, _ = names(capture)
    return {known[row["client_port"]]: row for row in rows}


# ---- Own captures ----------------------------------------------------------------------------------------------------


def expect_all_read(found, truth):
    lab.expect_equal(sorted(found), sorted(c["name"] for c in truth["connections"]), "connections")
    said = f"GET {truth['uri']} 200 {truth['reply_sha256'].upper()}"
    for name, row in found.items():
        lab.expect_equal((row["version"], row["cipher"]), KINDS.get(name) or USUAL[name.split("-")[0]], f"{name}: suite")
        lab.expect_equal((row["said"] or "").replace(truth["reply_sha256"], truth["reply_sha256"].upper()), said, f"{name}: inside")
        facts = {key: row[key] for key in ("decrypted", "unverified", "problem", "complete", "alert")}
        lab.expect_equal(
            facts, {"decrypted": 1, "unverified": 0, "problem": None, "complete": 1, "alert": None}, f"{name}: the row"
        )


def test_secrets_of_the_capture():
    """All versions and suites that OpenSSL speaks are read with the secrets that the pcapng file brings along."""
    found, (_, truth) = sessions(OPENSSL), names(OPENSSL)
    expect_all_read(found, truth)
    lab.expect(all(row["key_source"] == "capture" for row in found.values()), "the keys came with the capture")


def test_private_key():
    """RC4, 3DES and SSL 3.0 are read with the private key of the server."""
    found, (_, truth) = sessions(OLD, "--keys", OLD.with_suffix(".keys")), names(OLD)
    expect_all_read(found, truth)
    lab.expect(all(row["key_source"] == "private-key" for row in found.values()), "the keys came from the private key")


def without_secrets(folder):
    """The packets of the capture alone: its second block holds the secrets."""
    content = OPENSSL.read_bytes()
    first = int.from_bytes(content[4:8], "little")
    second = int.from_bytes(content[first + 4 : first + 8], "little")
    path = folder / OPENSSL.name
    path.write_bytes(content[:first] + content[first + second :])
    path.with_suffix(".json").write_bytes(OPENSSL.with_suffix(".json").read_bytes())
    return path


def secrets_moved(folder, behind):
    """The capture with its secrets as the last block, or in front of its last packets."""
    content = OPENSSL.read_bytes()
    blocks, offset = [], 0
    while offset < len(content):
        length = int.from_bytes(content[offset + 4 : offset + 8], "little")
        blocks.append(content[offset : offset + length])
        offset += length
    secrets = [block for block in blocks if block[:4] == b"\x0a\0\0\0"]
    others = [block for block in blocks if block not in secrets]
    place = len(others) - behind
    path = folder / OPENSSL.name
    path.write_bytes(b"".join(others[:place] + secrets + others[place:]))
    path.with_suffix(".json").write_bytes(OPENSSL.with_suffix(".json").read_bytes())
    return path


def test_secrets_behind_packets():
    """Secrets that stand behind the packets they open are found, whatever the number of workers; those of a pipe count from
    where they stand, which is told."""
    late = "SELECT value FROM coverage WHERE name = 'late_secrets'"
    wanted = sessions(OPENSSL)
    with lab.folder() as folder:
        for behind in (0, 5):
            path = secrets_moved(folder, behind)
            for threads in ("1", "2", "5"):
                found = sessions(path, "--threads", threads)
                lab.expect_equal(found, wanted, f"secrets {behind} packets before the end, {threads} workers")
            lab.expect_equal(lab.value(late, path), 0, "late blocks of secrets")
        pipe = path.read_bytes()
        rows = lab.cmscope("query", "-r", "-", "-T", "json", "SELECT sum(decrypted) AS n FROM tls", stdin=pipe).json
        lab.expect(rows[0]["n"] < len(wanted), f"decrypted of a pipe: {rows}")
        lab.expect_equal(lab.cmscope("query", "-r", "-", "-T", "json", late, stdin=pipe).json, [{"value": 1}], "late, of a pipe")


def test_secrets_of_editcap():
    """Secrets that editcap puts into a capture, and those of captures that mergecap appends to it, are used."""
    editcap, mergecap = lab.tool("editcap"), lab.tool("mergecap")
    log = OPENSSL.with_suffix(".keys") / "sslkeylog.txt"
    wanted = sessions(OPENSSL)
    with lab.folder() as folder:
        bare, injected, twice = without_secrets(folder), folder / "injected.pcapng", folder / "twice.pcapng"
        subprocess.run([editcap, "--inject-secrets", f"tls,{log}", bare, injected], check=True, capture_output=True, timeout=SECONDS)
        injected.with_suffix(".json").write_bytes(bare.with_suffix(".json").read_bytes())
        lab.expect_equal(sessions(injected), wanted, "as with the secrets that came with the capture")
        subprocess.run([mergecap, "-a", "-w", twice, lab.SCCMWTF, injected], check=True, capture_output=True, timeout=SECONDS)
        decrypted = lab.value("SELECT sum(decrypted) FROM tls", twice)
        lab.expect_equal(decrypted, len(wanted), "connections of the merged capture that are decrypted")


def test_private_key_and_resumption():
    """With the private key alone RSA key exchange is read, and a session that resumes one of these."""
    with lab.folder() as folder:
        found = sessions(without_secrets(folder), "--keys", TLS / "tls-openssl.keys" / "rsa.key.pem")
    readable = {
        "tls10-rsa-aes-cbc", "tls10-rsa-aes-cbc-mac-first", "tls12-rsa-aes-cbc-mac-first", "tls12-ccm", "tls12-null",
        "tls12-rsa-id", "tls12-rsa-id-again",
    }  # fmt: skip
    lab.expect_equal({name for name, row in found.items() if row["decrypted"]}, readable, "decrypted")
    lab.expect_equal(found["tls12-rsa-id-again"]["key_source"], "resumed", "keys of the resumed session")
    lab.expect(all(row["said"] for name, row in found.items() if name in readable), "their content is read")
    lab.expect(all(not row["said"] for name, row in found.items() if name not in readable), "others stay hidden")


def test_no_keys():
    """Without keys the handshakes are told, the content is hidden, and the coverage says so."""
    with lab.folder() as folder:
        capture = without_secrets(folder)
        found = sessions(capture)
        counters = lab.query("SELECT name, value FROM coverage WHERE name LIKE 'tls_%'", capture)
    lab.expect(all(row["decrypted"] == 0 and not row["said"] and row["problem"] is None for row in found.values()), "hidden")
    values = {row["name"]: int(row["value"]) for row in counters}
    lab.expect_equal(values, {"tls_flows": 29, "tls_hidden": 29, "tls_unverified": 0}, "coverage")
    for name, (by, source) in RESUMED.items():
        row = found[name]
        lab.expect_equal((row["resumed"], row["resumed_by"]), (1, by), f"{name}: resumed")
        if by != "psk":  # the ticket of TLS 1.3 is given out inside
            lab.expect_equal(row["resumption_of"], found[source]["id"], f"{name}: resumption of {source}")
    renegotiated = found["tls12-renegotiation"]
    lab.expect_equal(renegotiated["version"], "TLS 1.2", "the renegotiated one")
    lab.expect_equal(found["tls12-psk"]["server_certificate"], None, "no certificate with PSK")
    lab.expect_equal(found["tls12-null"]["weakness"], "null", "NULL is told")
    lab.expect_equal(found["tls13-retry"]["key_group"], "secp384r1", "the group after the retry")
    lab.expect(all(row["sni"] == "tls.example.test" for row in found.values()), "the name asked for")


def test_resumption():
    """A resumed session names the connection with its full handshake, whatever its version."""
    found = sessions(OPENSSL)
    for name, row in found.items():
        by, source = RESUMED.get(name, (None, None))
        lab.expect_equal(row["resumed"], 1 if by else 0, f"{name}: resumed")
        lab.expect_equal((row["resumed_by"], row["resumption_of"]), (by, source and found[source]["id"]), name)


def test_client_certificates():
    """The client's certificate is seen behind a renegotiation and in TLS 1.3, when it is decrypted."""
    found = sessions(OPENSSL)
    for name in ("tls12-renegotiation", "tls13-client-certificate"):
        row = found[name]
        facts = (row["certificate_requested"], row["client_verified"], row["client_certificate"])
        lab.expect_equal(facts, (1, 1, row["server_certificate"]), name)  # the same on both sides, in these captures
    lab.expect_equal(found["tls12-renegotiation"]["renegotiated"], 1, "renegotiated")
    chains = lab.query("SELECT seen_as, count(*) AS n FROM certificate GROUP BY 1 ORDER BY 1", OPENSSL)
    lab.expect_equal({row["seen_as"]: int(row["n"]) for row in chains}, {"client": 2, "server": 24}, "certificates")


def test_wrong_keys():
    """What does not verify is not handed on: it is counted, and the row says why."""
    log = (TLS / "tls-openssl.keys" / "sslkeylog.txt").read_text(encoding="utf-8")
    turned = "\n".join(line[:-1] + ("0" if line[-1] != "0" else "1") for line in log.splitlines()) + "\n"
    with lab.folder() as folder:
        (folder / "keys.txt").write_text(turned)
        capture = without_secrets(folder)
        found = sessions(capture, "--keys", folder / "keys.txt", status=(lab.INCOMPLETE,))
    for name, row in found.items():
        lab.expect(row["decrypted"] == 0 and not row["said"], f"{name}: nothing is read with a wrong key")
        lab.expect(row["unverified"] > 0 and row["problem"], f"{name}: told")


def test_workers():
    """The output is the same with one worker and with four."""
    texts = {lab.cmscope("query", "-r", OPENSSL, "--threads", n, SESSIONS).text for n in ("1", "2", "4")}
    lab.expect_equal(len(texts), 1, "different outputs")


def test_secrets_stay_inside():
    """No secret of a key log reaches the output."""
    result = lab.cmscope("query", "-r", OPENSSL, "-T", "json", SESSIONS).text.lower()
    log = (TLS / "tls-openssl.keys" / "sslkeylog.txt").read_text(encoding="utf-8")
    secrets = {line.split()[2].lower() for line in log.splitlines() if line and not line.startswith("#")}
    lab.expect(len(secrets) > 20 and not any(secret in result for secret in secrets), "a secret is in the output")


# ---- Compression ----------------------------------------------------------------------------------------------------


def compressed(frame):
    """The frame with a ServerHello that chooses DEFLATE (RFC 3749), when it begins with one; its records stay what they are."""
    start = 14 + 20 + (frame[46] >> 4) * 4
    if frame[start : start + 1] != b"\x16" or frame[start + 5 : start + 6] != b"\x02":
        return frame
    method = start + 9 + 2 + 32 + 1 + frame[start + 9 + 2 + 32] + 2
    return frame[:method] + b"\1" + frame[method + 1 :]


def test_compression():
    """Content that is compressed counts as hidden, and the row says why."""
    with lab.folder() as folder:
        packets = [(moment, compressed(frame)) for moment, frame in lab.read_pcap(OLD)]
        path = lab.write_pcap(folder / OLD.name, packets)
        path.with_suffix(".json").write_bytes(OLD.with_suffix(".json").read_bytes())
        found = sessions(path, "--keys", OLD.with_suffix(".keys"))
        hidden = lab.query("SELECT value FROM coverage WHERE name = 'tls_hidden'", path, options=("--keys", OLD.with_suffix(".keys")))
    lab.expect_equal([int(row["value"]) for row in hidden], [len(found)], "hidden connections")
    for name, row in found.items():
        facts = {key: row[key] for key in ("compression", "decrypted", "unverified", "problem", "said")}
        lab.expect_equal(facts, {"compression": "deflate", "decrypted": 0, "unverified": 0,
                                 "problem": "its content is compressed, which is not read", "said": None}, name)  # fmt: skip


# ---- Gaps ------------------------------------------------------------------------------------------------------------


def test_gap():
    """A lost segment hides what it took; the row tells, and nothing false is read."""
    with lab.folder() as folder:
        packets = lab.read_pcap(OLD)
        for cut in range(len(packets)):
            path = lab.write_pcap(folder / "cut.pcap", packets[:cut] + packets[cut + 1 :])
            rows = lab.query(
                "SELECT count(*) AS n, sum(unverified) AS bad, sum(uri IS NOT NULL AND uri <> '/hello.txt') AS wrong "
                "FROM tls LEFT JOIN http ON http.flow = tls.flow",
                path, options=("--keys", OLD.with_suffix(".keys")), status=(lab.DONE, lab.INCOMPLETE),
            )  # fmt: skip
            lab.expect(int(rows[0]["n"]) >= 5 and int(rows[0]["wrong"] or 0) == 0, f"packet {cut} left out: {rows}")


# ---- tshark ----------------------------------------------------------------------------------------------------------


def ours(capture, keys):
    if not TOOL.is_file():
        raise lab.Skip("the program tls_plain is not built (environment variable TOOLS)")
    done = subprocess.run([TOOL, capture, keys or "-"], capture_output=True, text=True, timeout=SECONDS, check=False)
    lab.expect_equal(done.returncode, 0, f"tls_plain {capture}: {done.stderr}")
    found = defaultdict(str)
    for line in done.stdout.splitlines():
        source, sport, target, dport, way, data = line.split(" ")
        ends = (source, int(sport), target, int(dport)) if way == "out" else (target, int(dport), source, int(sport))
        found[ends] += data
    return dict(found)


def of_tshark(capture, keys):
    """The same by tshark: {(source, port, target, port): hex}."""
    files = [] if keys is None else sorted(keys.iterdir()) if keys.is_dir() else [keys]
    options = []
    for path in files:
        if "PRIVATE KEY" in path.read_text(errors="replace"):
            options += ["-o", f'uat:rsa_keys:"{path}",""']
        elif "RANDOM" in path.read_text(errors="replace") or "TRAFFIC_SECRET" in path.read_text(errors="replace"):
            options += ["-o", f"tls.keylog_file:{path}"]
    command = [lab.tool("tshark"), "-r", str(capture), *options, "-o", "tcp.reassemble_out_of_order:TRUE"]
    fields = ("tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport")
    done = subprocess.run(
        [*command, "-T", "fields", *(part for field in fields for part in ("-e", field))],
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    ends = {}
    for line in done.stdout.splitlines():
        stream, v4, v6, sport, other4, other6, dport = line.split("\t")
        if stream.isdigit() and int(stream) not in ends:
            ends[int(stream)] = ((v4 or v6, int(sport)), (other4 or other6, int(dport)))
    follow = [part for stream in ends for part in ("-z", f"follow,tls,raw,{stream}")]
    done = subprocess.run([*command, "-q", *follow], capture_output=True, text=True, timeout=SECONDS, check=False)
    found, stream, turned = defaultdict(str), None, False
    for line in done.stdout.splitlines():
        if line.startswith("Filter: "):
            stream, turned = int(line.split()[-1]), False
        elif line.startswith("Node "):
            address, _, port = line.split(": ", 1)[1].rpartition(":")
            end = (address.strip("[]"), int(port))
            turned = turned or end == ends[stream][1 - int(line[5])]  # one of the two may be missing
        elif line.strip() and all(c in "0123456789abcdef" for c in line.strip()):
            side = line.startswith("\t") ^ turned
            found[(*ends[stream][side], *ends[stream][1 - side])] += line.strip()
    return dict(found)


def compare(capture, keys, excused=None):
    """(equal, all) directions with application data; what differs raises, but for `excused` ends: why they are not read here."""
    mine, theirs = ours(capture, keys), of_tshark(capture, keys)
    less = {ends for ends in mine if ends not in theirs and {(capture.name, ends[1]), (capture.name, ends[3])} & set(TSHARK_LESS)}
    for ends in sorted(less):
        print(f"      {capture.name} {ends}: {TSHARK_LESS.get((capture.name, ends[1])) or TSHARK_LESS[(capture.name, ends[3])]}")
    less |= {ends for ends in theirs if ends not in mine and ends in (excused or {})}
    different = [ends for ends in sorted({*mine, *theirs}) if mine.get(ends) != theirs.get(ends) and ends not in less]
    for ends in different:
        print(f"      {capture.name} {ends}: cmscope {len(mine.get(ends, '')) // 2} bytes, tshark {len(theirs.get(ends, '')) // 2}")
    lab.expect(not different, f"{capture.name}: {len(different)} directions differ")
    return len({*mine, *theirs}) - len(less), len({*mine, *theirs})


def test_own_as_tshark():
    """Application data of the own captures is equal to what tshark decrypts."""
    for capture in (OPENSSL, OLD):
        equal, total = compare(capture, capture.with_suffix(".keys"))
        print(f"      {capture.name}: {equal} of {total} directions equal to tshark")
        lab.expect(total >= 10, "there is something to compare")


def test_lab_as_tshark():
    """Application data of the lab captures is equal to what tshark decrypts with the same keys."""
    folder = CAPTURES / "lab"
    captures = [folder / f"{name.stem}.pcap" for name in sorted(folder.glob("*.keys")) if "tls" in name.stem or "https" in name.stem]
    captures = [capture for capture in captures if capture.is_file() and "tds" not in capture.name]
    if not captures:
        raise lab.Skip(f"no captures in {folder}: name the folder that holds lab/ in CMSCOPE_CAPTURES")
    for capture in captures:
        equal, total = compare(capture, capture.with_suffix(".keys"))
        print(f"      {capture.name}: {equal} of {total} directions equal to tshark")


# ---- Fingerprints -------------------------------------------------------------------------------------------------------


def test_fingerprints():
    """JA3 and JA3S are those that tshark computes."""
    theirs, equal = {}, 0
    fields = ("tcp.srcport", "tcp.dstport", "tls.handshake.ja3", "tls.handshake.ja3s")
    for line in lab.tshark(OPENSSL, "tls.handshake.ja3 or tls.handshake.ja3s", *fields):
        sport, dport, ja3, ja3s = line[:4]
        port = max(int(sport), int(dport))
        for key, value in (("ja3", ja3), ("ja3s", ja3s)):
            if value:
                theirs.setdefault((port, key), value.split(",")[0])
    (known, _), mine = names(OPENSSL), sessions(OPENSSL)
    for port, name in known.items():
        if name in ("tls13-retry", "tls12-renegotiation"):  # two hellos: which of them counts is a matter of taste
            continue
        for key in ("ja3", "ja3s"):
            lab.expect_equal(mine[name][key], theirs.get((port, key)), f"{name}: {key}")
            equal += 1
    print(f"      {equal} of {equal} fingerprints equal to tshark")


if __name__ == "__main__":
    lab.main(
        test_secrets_of_the_capture,
        test_secrets_behind_packets,
        test_secrets_of_editcap,
        test_private_key,
        test_private_key_and_resumption,
        test_no_keys,
        test_resumption,
        test_client_certificates,
        test_wrong_keys,
        test_workers,
        test_secrets_stay_inside,
        test_compression,
        test_gap,
        test_own_as_tshark,
        test_lab_as_tshark,
        test_fingerprints,
    )
