#!/usr/bin/env python3
"""Every cipher suite that the OpenSSL of this machine speaks, in each version and form of TLS, is decrypted to what was said.

The conversations are made here: by OpenSSL in memory, those with a pre-shared key by its programs over loopback. RC4, 3DES and
SSL 3.0, which it does not speak any more, are in tests/pcaps/tls (tls.py).
"""

import socket
import ssl
import subprocess
import sys
import threading
import warnings

import lab
import tls

sys.path.insert(0, str(lab.SOURCE / "tests"))

import make_tls_captures as make

NO_EXTENDED_MASTER_SECRET, NO_ENCRYPT_THEN_MAC = 1 << 0, 1 << 19  # options of OpenSSL 3 that python does not name
VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
SAID = [b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (n, n * 256) + bytes(range(256)) * n for n in (1, 70)]
ANSWERED = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (n * 256) + bytes(range(256)) * n for n in (0, 150)]
PSK = "00112233445566778899aabbccddeeff"
FORMS = {
    "usual": 0,
    "no extended master secret": NO_EXTENDED_MASTER_SECRET,
    "MAC first": NO_ENCRYPT_THEN_MAC,
    "neither": NO_EXTENDED_MASTER_SECRET | NO_ENCRYPT_THEN_MAC,
}


def openssl(folder, *arguments):
    subprocess.run([lab.tool("openssl"), *arguments], cwd=folder, check=True, capture_output=True, timeout=tls.SECONDS)


def make_keys(folder):
    for kind, options in (("rsa", ("rsa:2048",)), ("ec", ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))):
        openssl(folder, "req", "-x509", "-newkey", *options, "-nodes", "-keyout", f"{kind}.key", "-out", f"{kind}.pem", "-subj", "/CN=a")
    openssl(folder, "dhparam", "-dsaparam", "-out", "dh.pem", "1024")


def context(folder, server, version, options, ciphers):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old versions
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        made.minimum_version = made.maximum_version = VERSIONS[version]
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.options |= options
    made.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    if server:
        made.load_dh_params(folder / "dh.pem")
        for kind in ("rsa", "ec"):
            made.load_cert_chain(folder / f"{kind}.pem", folder / f"{kind}.key")
    else:
        made.keylog_filename = str(folder / "keylog.txt")
    return made


class Wire:
    """A client and a server in memory; `log` is what an observer between them sees."""

    def __init__(self, client, server, session=None):
        self.bios = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        self.ends = [
            client.wrap_bio(*self.bios[0], server_side=False, session=session),
            server.wrap_bio(*self.bios[1], server_side=True),
        ]
        self.log = []

    def move(self):
        for side in (0, 1):
            data = self.bios[side][1].read()
            if data:
                self.log.append((side, data))
                self.bios[1 - side][0].write(data)

    def shake(self):
        done = [False, False]
        for _ in range(20):
            for side in (0, 1):
                try:
                    self.ends[side].do_handshake()
                    done[side] = True
                except ssl.SSLWantReadError:
                    pass
                self.move()
            if all(done):
                return
        raise ssl.SSLError("no handshake")

    def say(self, side, data):
        self.ends[side].write(data)
        self.move()
        received = b""
        while len(received) < len(data):
            received += self.ends[1 - side].read(65536)
        lab.expect(received == data, "OpenSSL understands itself")

    def talk(self):
        self.shake()
        for request, answer in zip(SAID, ANSWERED):
            self.say(0, request)
            self.say(1, answer)
        return self


def kinds():
    """(version, form, suite) of all that OpenSSL offers for TLS 1.0 to 1.2, but those with a pre-shared key or SRP."""
    output = subprocess.run([lab.tool("openssl"), "ciphers", "-v", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True,
                            text=True, check=True, timeout=tls.SECONDS).stdout  # fmt: skip
    for line in output.splitlines():
        name, since = line.split()[:2]
        if "PSK" in name or "SRP" in name:
            continue
        if since == "TLSv1.3":  # python cannot choose among them: they are in tls.py
            continue
        block = "CBC" in line or not any(mode in name for mode in ("GCM", "CCM", "CHACHA", "NULL"))
        for version in ("1.2",) if since == "TLSv1.2" else ("1.0", "1.1", "1.2"):
            for form in FORMS if block else list(FORMS)[:2]:
                yield version, form, name


def record(folder):
    """{name of a connection: what was on the wire}; and what could not be made."""
    logs, impossible = {}, set()
    for version, form, suite in kinds():
        try:
            ends = [context(folder, side, version, FORMS[form], suite) for side in (0, 1)]
            wire = Wire(*ends).talk()
        except ssl.SSLError:
            impossible.add(f"TLS {version} {suite}")
            continue
        lab.expect_equal(wire.ends[0].cipher()[0], suite, "the suite")
        logs[f"TLS {version} {suite}, {form}"] = wire.log
    for version in ("1.0", "1.1", "1.2", "1.3"):
        for kind, options in (("ticket", 0), ("id", ssl.OP_NO_TICKET)):
            for form in ("usual", "neither"):
                ends = [context(folder, side, version, FORMS[form] | options, "ECDHE+AES:RSA+AES") for side in (0, 1)]
                first = Wire(*ends).talk()
                second = Wire(*ends, session=first.ends[0].session).talk()
                lab.expect(second.ends[0].session_reused, f"resumed: {version} {kind}")
                logs[f"TLS {version} first of {kind}, {form}"] = first.log
                logs[f"TLS {version} again by {kind}, {form}"] = second.log
    return logs, impossible


FIRST_PORT = 20000


def write_capture(path, logs):
    found = []
    for number, log in enumerate(logs.values()):
        talk = lab.Conversation(("10.2.0.2", FIRST_PORT + number), ("10.2.0.1", 443), 1_700_000_000 * 10**9 + number * 10**9)
        for side, data in log:
            (talk.answer if side else talk.send)(data)
        found += talk.close().packets
    return lab.write_pcap(path, found)


def compare(folder, logs, wanted):
    """How many directions hold what was said; others raise. wanted: per side, what was said."""
    capture, keys = write_capture(folder / "suites.pcap", logs), folder / "keylog.txt"
    found, different = tls.ours(capture, keys), []
    for number, name in enumerate(logs):
        ends = ("10.2.0.2", FIRST_PORT + number, "10.2.0.1", 443)
        for side, key in enumerate((ends, ends[2:] + ends[:2])):
            if found.get(key, "") != wanted[side].hex():
                different.append(f"{name}: {'server' if side else 'client'}: {len(found.get(key, '')) // 2} bytes")
    lab.expect(not different, f"{len(different)} of {2 * len(logs)} directions differ:\n      " + "\n      ".join(different[:40]))
    sql = "SELECT count(*) AS n, sum(decrypted) AS decrypted, sum(unverified) AS unverified, sum(problem IS NOT NULL) AS problems FROM tls"
    row = lab.query(sql, capture, options=("--keys", keys))[0]
    lab.expect_equal(row, {"n": len(logs), "decrypted": len(logs), "unverified": 0, "problems": 0}, "rows of tls")
    return 2 * len(logs)


def test_matrix():
    """Suites, versions, forms of the MAC and of the master secret, sessions resumed by id and by ticket."""
    with lab.folder() as folder:
        make_keys(folder)
        logs, impossible = record(folder)
        equal = compare(folder, logs, (b"".join(SAID), b"".join(ANSWERED)))
    lab.expect(len(logs) > 100, f"connections: {len(logs)}")
    print(f"      {equal} of {equal} directions of {len(logs)} connections equal to what was said")
    print(f"      not made by this OpenSSL: {', '.join(sorted(impossible)) or 'nothing'}")


# ---- Pre-shared keys ------------------------------------------------------------------------------------------------


def psk_suites():
    output = subprocess.run([lab.tool("openssl"), "ciphers", "-v", "PSK:@SECLEVEL=0"], capture_output=True, text=True, check=True,
                            timeout=tls.SECONDS).stdout  # fmt: skip
    return [line.split()[0] for line in output.splitlines() if "PSK" in line.split()[0]]


def talk_psk(folder, server_port, suite):
    log = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        thread = threading.Thread(target=make.relay, args=(listener, server_port, log))
        thread.start()
        command = [lab.tool("openssl"), "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", "-tls1_2", "-quiet",
                   "-psk", PSK, "-cipher", f"{suite}:@SECLEVEL=0", "-keylogfile", "keylog.txt"]
        done = subprocess.run(command, cwd=folder, input=make.GET[0].encode(), capture_output=True, timeout=tls.SECONDS)
        thread.join(tls.SECONDS)
    lab.expect_equal(done.stdout, make.ANSWER, f"{suite}: OpenSSL understands itself")
    return log


def test_psk():
    """Suites with a pre-shared key: alone, and with RSA, DHE and ECDHE."""
    with lab.folder() as folder:
        make_keys(folder)
        (folder / "hello.txt").write_bytes(make.REPLY)
        port = make.free_port()
        command = [lab.tool("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-WWW", "-quiet", "-tls1_2", *make.RSA, "-dhparam",
                   "dh.pem", "-psk", PSK, "-cipher", "PSK:@SECLEVEL=0"]
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            make.wait_for(port)
            logs = {suite: talk_psk(folder, port, suite) for suite in psk_suites()}
        finally:
            server.kill()
            server.communicate()
        equal = compare(folder, logs, (make.GET[0].encode(), make.ANSWER))
    lab.expect(len(logs) >= 20, f"suites: {len(logs)}")
    print(f"      {equal} of {equal} directions of {len(logs)} connections equal to what was said")


if __name__ == "__main__":
    lab.main(test_matrix, test_psk)
