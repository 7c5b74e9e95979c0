#!/usr/bin/env python3
"""make_network_corpus.py: seeds for the harnesses of Kerberos, TFTP, remote control and certificates.

Bytes are made here after the specifications; certificates by openssl, so these change with each run.
"""

import struct
import subprocess
import tempfile
from pathlib import Path

import smb_bytes as b

HERE = Path(__file__).resolve().parent
OUT, IN = 0, 1  # events of play.h


def play(port, *items):
    """The first byte chooses the port; then events of play.h."""
    return bytes([port]) + b"".join(struct.pack(">BH", event, len(content)) + content for event, content in items)


def framed(message):
    return struct.pack(">I", len(message)) + message


def name(*labels):
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def tkey(token, reply):
    """A question for a key with its record (RFC 2930, RFC 3645)."""
    record = name("gss-tsig") + struct.pack(">IIHHH", 1, 2, 3, 0, len(token)) + token + b"\0\0"
    owner = name("1", "dc", "example")
    body = struct.pack(">HHHHHH", 7, 0x8000 if reply else 0, 1, int(reply), 0, int(not reply))
    return body + owner + struct.pack(">HH", 249, 255) + owner + struct.pack(">HHIH", 249, 255, 0, len(record)) + record


REQUEST, REPLY = b.kdc_request(10, "krbtgt", "EXAMPLE.TEST", client="alice"), b.kdc_reply(11, "krbtgt", "EXAMPLE.TEST")
TICKET, REFUSED = b.kdc_request(12, "MSSQLSvc", "sql:1433"), b.kdc_error(7, "MSSQLSvc", "sql:1433")
TOKEN = b.spnego_init(b.ap_request("DNS", "dc.example"), b.KERBEROS_OID)
KDCS = {
    "tcp": play(0, (OUT, framed(REQUEST)), (IN, framed(REPLY)), (OUT, framed(TICKET)[:20]), (OUT, framed(TICKET)[20:]),
                (IN, framed(REFUSED))),
    "udp": play(1, (OUT, REQUEST), (IN, REFUSED), (OUT, TICKET), (IN, REPLY)),
    "tkey-tcp": play(2, *((way, struct.pack(">H", len(m)) + m) for way, m in
                          ((OUT, tkey(TOKEN, False)), (IN, tkey(b.spnego_reply(b"x"), True))))),
    "tkey-udp": play(3, (OUT, tkey(TOKEN, False)), (IN, tkey(TOKEN, True))),
}
BLOCK = struct.pack(">HH", 3, 1) + bytes(512)
TFTPS = {
    "read": play(0, (OUT, b"\0\1boot\\x64\\wdsnbp.com\0octet\0tsize\0000\0blksize\0001456\0"), (IN, b"\0\5\0\1File not found\0")),
    "write": play(0, (OUT, b"\0\2x\0octet\0"), (IN, b"\0\4\0\0")),
    "transfer": play(1, (IN, b"\0\6blksize\000512\0tsize\0001000\0"), (OUT, b"\0\4\0\0"), (IN, BLOCK), (OUT, b"\0\4\0\1"),
                     (IN, b"\0\3\0\2end")),
    "data": play(1, (IN, BLOCK), (OUT, b"\0\4\0\1")),
}


def rdp(code, negotiation, cookie=b""):
    rest = cookie + negotiation
    return struct.pack(">BBHBBHHB", 3, 0, 11 + len(rest), 6 + len(rest), code, 0, 0, 0) + rest


REMOTES = {
    "rdp-nla": play(0, (OUT, rdp(0xE0, struct.pack("<BBHI", 1, 0, 8, 3), b"Cookie: mstshash=alice\r\n")),
                    (IN, rdp(0xD0, struct.pack("<BBHI", 2, 0, 8, 2)))),
    "rdp-refused": play(1, (OUT, rdp(0xE0, struct.pack("<BBHI", 1, 0, 8, 0))), (IN, rdp(0xD0, struct.pack("<BBHI", 3, 0, 8, 5)))),
    "tools": play(2, (OUT, b"\0\1\2\3" + b.ntlm_negotiate()), (IN, b.ntlm_challenge())),
    "amt": play(4, (OUT, b"\x10\0\0\0SOL "), (IN, b"\x11\0\0\0\1\0\0\0")),
    "wake": play(5, (OUT, b"\xff" * 6 + bytes.fromhex("001122334455") * 16 + b"secret")),
}

EXTENSIONS = """[req]
distinguished_name = dn
[dn]
[v3]
basicConstraints = critical,CA:{ca}
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = DNS:cm01.example,IP:10.0.0.1
crlDistributionPoints = URI:http://pki.example/ca.crl,URI:ldap:///CN=CA?certificateRevocationList
authorityInfoAccess = OCSP;URI:http://pki.example/ocsp,caIssuers;URI:http://pki.example/ca.crt
1.3.6.1.4.1.311.20.2 = ASN1:BMPSTRING:Machine
"""


def certificate(key, ca):
    with tempfile.TemporaryDirectory() as folder:
        options, out = Path(folder) / "options", Path(folder) / "der"
        options.write_text(EXTENSIONS.format(ca=ca))
        subprocess.run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-keyout", "/dev/null", "-outform", "DER", "-out",
                        out, "-subj", "/O=Example/CN=cm01", "-config", options, "-extensions", "v3"], check=True, capture_output=True)
        return out.read_bytes()


def main():
    certificates = {"rsa": certificate(["rsa:1024"], "FALSE"), "ec": certificate(["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "TRUE")}
    certificates["hex"] = certificates["ec"].hex().encode()
    for harness, files in {"kdc": KDCS, "tftp": TFTPS, "remote": REMOTES, "certificate": certificates}.items():
        folder = HERE / "corpus" / harness
        folder.mkdir(parents=True, exist_ok=True)
        for seed, content in files.items():
            (folder / seed).write_bytes(content)


if __name__ == "__main__":
    main()
