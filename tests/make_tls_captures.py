#!/usr/bin/env python3
"""make_tls_captures.py: makes tests/pcaps/tls/: TLS of every kind that is decrypted, with keys and what was said inside.

    tls-openssl.pcapng   conversations of openssl s_client and s_server over loopback, recorded by a relay; their secrets are
                         in the file (Decryption Secrets Block)
    tls-openssl.keys/    the same secrets as a key log, and the server's private key
    tls-old.pcap         RC4, 3DES and SSL 3.0, which OpenSSL does not speak any more: written by this script
    tls-old.keys/        the server's private key
    *.json               what each connection is and what was said in it

usage: make_tls_captures.py [FOLDER]      needs openssl and python3-cryptography
"""

import hashlib
import hmac
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "e2e"))

import lab

PATH = "/hello.txt"
REPLY = b"What was asked for, in some words, so that a block cipher has more than one block to do.\n"
SERVER = ("10.2.0.1", 443)

ANSWER = b"HTTP/1.0 200 ok\r\nContent-type: text/plain\r\n\r\n" + REPLY

# name: (server arguments, client arguments, what is typed in turn). A server in SPEAKS does not know HTTP: it is told what to say.
SPEAKS = {"tls12-renegotiation", "tls13-key-update", "tls13-ticket", "tls13-early-chacha"}
GET = [f"GET {PATH} HTTP/1.0\r\n\r\n"]
RSA = ["-cert", "rsa.pem", "-key", "rsa.key"]
EC = ["-cert", "ec.pem", "-key", "ec.key"]
LOW = "@SECLEVEL=0"
SCENARIOS = {
    "tls10-rsa-aes-cbc": (RSA + ["-tls1"], ["-cipher", f"AES128-SHA:{LOW}", "-tls1"], GET),
    "tls10-rsa-aes-cbc-mac-first": (RSA + ["-tls1", "-no_etm"], ["-cipher", f"AES256-SHA:{LOW}", "-tls1", "-no_etm"], GET),
    "tls11-dhe-aes-cbc": (RSA + ["-tls1_1"], ["-cipher", f"DHE-RSA-AES128-SHA:{LOW}", "-tls1_1"], GET),
    "tls12-rsa-aes-cbc-mac-first": (RSA + ["-tls1_2", "-no_etm"], ["-cipher", "AES128-SHA256", "-no_etm"], GET),
    "tls12-ecdhe-camellia-etm": (RSA + ["-tls1_2"], ["-cipher", "ECDHE-RSA-CAMELLIA256-SHA384"], GET),
    "tls12-ccm": (RSA + ["-tls1_2"], ["-cipher", "AES128-CCM"], GET),
    "tls12-ccm8": (EC + ["-tls1_2"], ["-cipher", "ECDHE-ECDSA-AES256-CCM8"], GET),
    "tls12-aria-gcm": (RSA + ["-tls1_2"], ["-cipher", "DHE-RSA-ARIA128-GCM-SHA256"], GET),
    "tls12-chacha": (EC + ["-tls1_2"], ["-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], GET),
    "tls12-null": (RSA + ["-tls1_2", "-cipher", f"NULL-SHA256:{LOW}"], ["-cipher", f"NULL-SHA256:{LOW}"], GET),
    "tls12-psk": (["-nocert", "-psk", "00112233445566778899aabbccddeeff", "-tls1_2"],
                  ["-psk", "00112233445566778899aabbccddeeff", "-cipher", "PSK-AES128-GCM-SHA256"], GET),
    "tls12-id": (EC + ["-tls1_2", "-no_ticket"], ["-sess_out", "id.session"], GET),
    "tls12-id-again": ("tls12-id", ["-sess_in", "id.session"], GET),
    "tls12-ticket": (EC + ["-tls1_2"], ["-sess_out", "ticket.session"], GET),
    "tls12-ticket-again": ("tls12-ticket", ["-sess_in", "ticket.session"], GET),
    "tls12-rsa-id": (RSA + ["-tls1_2", "-no_ticket"], ["-cipher", "AES128-GCM-SHA256", "-sess_out", "rsa.session"], GET),
    "tls12-rsa-id-again": ("tls12-rsa-id", ["-sess_in", "rsa.session"], GET),
    "tls12-renegotiation": (EC + ["-tls1_2", "-client_renegotiation", "-verify", "2", "-CAfile", "ec.pem"],
                            ["-cert", "ec.pem", "-key", "ec.key"], ["R\n"] + GET),
    "tls13-aes128": (EC + ["-tls1_3"], ["-ciphersuites", "TLS_AES_128_GCM_SHA256"], GET),
    "tls13-ccm": (EC + ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"],
                  ["-ciphersuites", "TLS_AES_128_CCM_SHA256"], GET),
    "tls13-ccm8": (EC + ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"],
                   ["-ciphersuites", "TLS_AES_128_CCM_8_SHA256"], GET),
    "tls13-chacha": (EC + ["-tls1_3"], ["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], GET),
    "tls13-key-update": (EC + ["-tls1_3"], [], ["K\n", "k\n"] + GET),
    "tls13-retry": (EC + ["-tls1_3", "-groups", "P-384"], ["-groups", "X25519:P-384"], GET),
    "tls13-client-certificate": (EC + ["-tls1_3", "-verify", "2", "-CAfile", "ec.pem"], ["-cert", "ec.pem", "-key", "ec.key"], GET),
    "tls13-ticket": (EC + ["-tls1_3", "-early_data"], ["-sess_out", "13.session"], GET),
    "tls13-early-data": ("tls13-ticket", ["-sess_in", "13.session", "-early_data", "early.txt"], []),
    "tls13-early-chacha": (EC + ["-tls1_3", "-early_data", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
                           ["-sess_out", "cc.session"], GET),
    "tls13-early-chacha-again": ("tls13-early-chacha", ["-sess_in", "cc.session", "-early_data", "early.txt"], []),
}


# ---- Recording -------------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def relay(listener, port, log):
    """Passes one connection on and writes down (side, bytes) as they come: 0 the client, 1 the server."""
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", port))
    ends = {client: (0, server), server: (1, client)}
    open_ends = set(ends)
    while open_ends:
        for end in select.select(list(open_ends), [], [], 10)[0]:
            side, other = ends[end]
            try:
                data = end.recv(65536)
            except ConnectionError:
                data = b""
            if data:
                log.append((side, data))
                try:
                    other.sendall(data)
                except OSError:
                    pass
            else:
                open_ends.discard(end)
                try:
                    other.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
    client.close()
    server.close()


def wait_for(port):
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("openssl s_server does not listen")


def run_client(folder, port, arguments, typed, server):
    log = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        thread = threading.Thread(target=relay, args=(listener, port, log))
        thread.start()
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", "-servername", "tls.example.test",
                   "-keylogfile", "client.log", "-alpn", "http/1.0", *arguments]
        client = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for text in typed:
            time.sleep(0.4)
            client.stdin.write(text.encode())
            client.stdin.flush()
        time.sleep(0.6)
        if server is not None:
            server.write(ANSWER)
            server.flush()
            time.sleep(0.4)
        output, _ = client.communicate(timeout=20)
        thread.join(20)
    if REPLY not in output:
        print(output.decode(errors="replace")[-1500:], file=sys.stderr)
    return log, REPLY in output


def record(folder):
    """Runs all scenarios; gives (name, log of bytes)."""
    (folder / "hello.txt").write_bytes(REPLY)
    (folder / "early.txt").write_text(GET[0])
    for kind, options in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        subprocess.run(["openssl", "req", "-x509", "-newkey", *options, "-nodes", "-keyout", f"{kind}.key", "-out", f"{kind}.pem",
                        "-subj", f"/CN=tls.example.test/O={kind}", "-days", "7300"], cwd=folder, check=True, capture_output=True)
    recorded, servers = [], {}
    for name, (server, client, typed) in SCENARIOS.items():
        if isinstance(server, str):
            process, port = servers[server]
        else:
            port = free_port()
            level = [] if "-cipher" in server else ["-cipher", f"ALL:COMPLEMENTOFALL:{LOW}"]
            mode = [] if name in SPEAKS else ["-WWW"]
            command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *mode, "-quiet", *level, *server]
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            servers[name] = process, port
            wait_for(port)
        speaker = process.stdin if (server if isinstance(server, str) else name) in SPEAKS else None
        log, good = run_client(folder, port, client, typed, speaker)
        print(f"{name}: {sum(len(data) for _, data in log)} bytes{'' if good else ': NO REPLY'}")
        recorded.append((name, log))
    for process, _ in servers.values():
        process.kill()
        process.wait()
    return recorded, (folder / "client.log").read_text()


# ---- What OpenSSL does not speak any more ----------------------------------------------------------------------------


def p_hash(name, secret, seed, length):
    out, a = b"", seed
    while len(out) < length:
        a = hmac.new(secret, a, name).digest()
        out += hmac.new(secret, a + seed, name).digest()
    return out[:length]


def prf10(secret, label, seed, length):
    half = (len(secret) + 1) // 2
    one, two = p_hash("md5", secret[:half], label + seed, length), p_hash("sha1", secret[-half:], label + seed, length)
    return bytes(a ^ b for a, b in zip(one, two))


def prf30(secret, _, seed, length):
    out = b""
    for i in range(26):
        out += hashlib.md5(secret + hashlib.sha1(bytes([65 + i]) * (i + 1) + secret + seed).digest()).digest()
    return out[:length]


class Old:
    """One connection with RSA key exchange, both sides of it. Finished is not what it should be: nobody here checks it."""

    def __init__(self, version, suite, cipher, mac, key_bytes, block, key, certificate):
        self.version, self.suite, self.cipher, self.mac, self.key_bytes, self.block = version, suite, cipher, mac, key_bytes, block
        self.key, self.certificate = key, certificate
        self.log, self.random, self.states = [], [os.urandom(32), os.urandom(32)], [None, None]

    def record(self, side, kind, content):
        if self.states[side] is not None:
            content = self.protect(side, kind, content)
        self.log.append((side, struct.pack(">BHH", kind, self.version, len(content)) + content))

    def message(self, side, kind, body):
        self.record(side, 22, bytes([kind]) + struct.pack(">I", len(body))[1:] + body)

    def protect(self, side, kind, content):
        encryptor, mac_key, sequence = self.states[side]
        self.states[side][2] += 1
        if self.version == 0x300:
            pads = 48 if self.mac == "md5" else 40
            inner = hashlib.new(self.mac, mac_key + b"\x36" * pads + struct.pack(">QBH", sequence, kind, len(content)) + content)
            mac = hashlib.new(self.mac, mac_key + b"\x5c" * pads + inner.digest()).digest()
        else:
            header = struct.pack(">QBHH", sequence, kind, self.version, len(content))
            mac = hmac.new(mac_key, header + content, self.mac).digest()
        text = content + mac
        if self.block:
            padding = self.block - 1 - len(text) % self.block
            text += bytes([padding]) * (padding + 1)
        return encryptor.update(text)

    def change_cipher(self, side, master):
        from cryptography.hazmat.primitives.ciphers import Cipher, modes

        prf = prf30 if self.version == 0x300 else prf10
        size = hashlib.new(self.mac).digest_size
        block = prf(master, b"key expansion", self.random[1] + self.random[0], 2 * (size + self.key_bytes + self.block))
        mac_key = block[side * size :][:size]
        key = block[2 * size + side * self.key_bytes :][: self.key_bytes]
        iv = block[2 * size + 2 * self.key_bytes + side * self.block :][: self.block]
        encryptor = Cipher(self.cipher(key), modes.CBC(iv) if self.block else None).encryptor()
        self.record(side, 20, b"\x01")
        self.states[side] = [encryptor, mac_key, 0]
        self.message(side, 20, os.urandom(36 if self.version == 0x300 else 12))

    def run(self, request, reply):
        from cryptography.hazmat.primitives.asymmetric import padding

        premaster = struct.pack(">H", self.version) + os.urandom(46)
        prf = prf30 if self.version == 0x300 else prf10
        master = prf(premaster, b"master secret", self.random[0] + self.random[1], 48)
        encrypted = self.key.public_key().encrypt(premaster, padding.PKCS1v15())
        if self.version != 0x300:
            encrypted = struct.pack(">H", len(encrypted)) + encrypted
        chain = struct.pack(">I", len(self.certificate))[1:] + self.certificate
        hello = struct.pack(">H", self.version) + self.random[0] + b"\0" + struct.pack(">HHBB", 2, self.suite, 1, 0)
        self.message(0, 1, hello)
        self.message(1, 2, struct.pack(">H", self.version) + self.random[1] + b"\0" + struct.pack(">HB", self.suite, 0))
        self.message(1, 11, struct.pack(">I", len(chain))[1:] + chain)
        self.message(1, 14, b"")
        self.message(0, 16, encrypted)
        self.change_cipher(0, master)
        self.change_cipher(1, master)
        self.record(0, 23, request[:1])  # as clients do against BEAST
        self.record(0, 23, request[1:])
        self.record(1, 23, reply)
        return self.log


def old(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.ciphers import algorithms

    key = serialization.load_pem_private_key((folder / "rsa.key").read_bytes(), None)
    certificate = x509.load_pem_x509_certificate((folder / "rsa.pem").read_bytes())
    der = certificate.public_bytes(serialization.Encoding.DER)
    kinds = {
        "tls10-rc4-md5": (0x301, 0x0004, algorithms.ARC4, "md5", 16, 0),
        "tls10-rc4-sha": (0x301, 0x0005, algorithms.ARC4, "sha1", 16, 0),
        "tls10-3des": (0x301, 0x000A, algorithms.TripleDES, "sha1", 24, 8),
        "ssl3-rc4-md5": (0x300, 0x0004, algorithms.ARC4, "md5", 16, 0),
        "ssl3-3des": (0x300, 0x000A, algorithms.TripleDES, "sha1", 24, 8),
    }
    request, reply = GET[0].encode(), ANSWER
    return [(name, Old(*kind, key, der).run(request, reply)) for name, kind in kinds.items()]


# ---- Writing ---------------------------------------------------------------------------------------------------------


def packets(recorded, first_port):
    found = []
    for number, (_, log) in enumerate(recorded):
        conversation = lab.Conversation(("10.2.0.2", first_port + number), SERVER, 1_700_000_000 * 10**9 + number * 10**9)
        for side, data in log:
            (conversation.answer if side else conversation.send)(data)
        found += conversation.close().packets
    return found


def add_secrets(path, keylog):
    """Puts a Decryption Secrets Block behind the section header (draft-ietf-opsawg-pcapng, section 4.7)."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<I", content, 4)
    text = keylog.encode()
    body = struct.pack("<4sI", b"KSLT", len(text)) + text + bytes(-len(text) % 4)
    block = struct.pack("<II", 0x0A, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    path.write_bytes(content[:length] + block + content[length:])


def truth(recorded, first_port):
    return {
        "connections": [{"port": first_port + i, "name": name} for i, (name, _) in enumerate(recorded)],
        "uri": PATH,
        "reply_sha256": hashlib.sha256(REPLY).hexdigest(),
    }


def main():
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else lab.PCAPS / "tls"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded, keylog = record(folder)
        keylog = "".join(f"{line}\n" for line in keylog.splitlines() if not line.startswith("#"))
        for capture, connections, port in (("tls-openssl", recorded, 50000), ("tls-old", old(folder), 51000)):
            keys = target / f"{capture}.keys"
            keys.mkdir(exist_ok=True)
            (keys / "rsa.key.pem").write_bytes((folder / "rsa.key").read_bytes())
            (target / f"{capture}.json").write_text(json.dumps(truth(connections, port), indent=1) + "\n")
            if capture == "tls-old":
                lab.write_pcap(target / "tls-old.pcap", packets(connections, port))
                continue
            (keys / "sslkeylog.txt").write_text(keylog)
            lab.write_pcapng(target / "tls-openssl.pcapng", packets(connections, port))
            add_secrets(target / "tls-openssl.pcapng", keylog)


if __name__ == "__main__":
    main()
