"""made.py: captures made of bytes for tests of roles and rules: datagrams, LDAP, TDS, DHCP, DNS, HTTP, TLS, and sites to judge by.

SMB, RPC, NTLM and Kerberos are built by tests/fuzz/smb_bytes.py (here as `b`). TLS is that of OpenSSL, by Python's ssl module.
"""

import ipaddress
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lab

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fuzz"))
import smb_bytes as b  # noqa: E402

START = 1_700_000_000 * 10**9
SECOND = 10**9
READ = (lab.DONE, lab.INCOMPLETE)
ANY = (lab.DONE, lab.RULE_FAILED, lab.INCOMPLETE)
CLIENT, OTHER, MP, SITE, DC, PROXY = "10.1.1.5", "10.1.1.6", "10.1.1.11", "10.1.1.12", "10.1.1.2", "10.1.1.80"
TEMPORARY = tempfile.TemporaryDirectory(prefix="cmscope-e2e-")
WORK = Path(TEMPORARY.name)


# ---- Captures -------------------------------------------------------------------------------------------------------


def datagram(second, source, target, data):
    """(time, an Ethernet frame with UDP); source and target are (address, port)."""
    addresses = b"".join(ipaddress.ip_address(end[0]).packed for end in (source, target))
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0)
    total = lab.checksum(addresses + struct.pack(">BBH", 0, 17, len(udp) + len(data)) + udp + data)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(data), second & 0xFFFF, 0, 64, 17, 0) + addresses
    ip = ip[:10] + struct.pack(">H", lab.checksum(ip)) + ip[12:]
    return START + second * SECOND, bytes.fromhex("020000000002020000000001") + b"\x08\x00" + ip + udp[:6] + struct.pack(">H", total) + data


def talk(second, client, server, port, turns):
    """The packets of a connection: turns are (True for the client, bytes)."""
    one = lab.Conversation((client, 40000 + second % 20000), (server, port), START + second * SECOND)
    for asks, data in turns:
        (one.send if asks else one.answer)(data)
    return one.close().packets


def turns_of(path, number):
    """What was said in the TCP connection of a packet that its client sent, in a lab capture: Ethernet and IPv4, nothing sent twice."""
    def ends(frame):
        start = 14 + (frame[14] & 15) * 4
        data = frame[start + (frame[start + 12] >> 4) * 4 : 14 + struct.unpack_from(">H", frame, 16)[0]]
        return (frame[26:30] + frame[start : start + 2], frame[30:34] + frame[start + 2 : start + 4]), data

    packets = [frame for _, frame in lab.read_pcap(path)]
    way = ends(packets[number - 1])[0]
    said = [(found == way, data) for found, data in map(ends, packets) if found in (way, way[::-1])]
    return [(asks, data) for asks, data in said if data]


def capture(name, *parts):
    """A capture of packets and lists of packets, in the order of their times."""
    packets = [packet for part in parts for packet in (part if isinstance(part, list) else [part])]
    return lab.write_pcap(WORK / f"{name}.pcap", sorted(packets, key=lambda packet: packet[0]))


def verdict(path, rule, yaml="", *options):
    """The verdict of one rule: what check -T json says of it."""
    more = options
    if yaml:
        site = WORK / "site.yaml"
        site.write_text(yaml, encoding="utf-8")
        more = ("--site", site, *options)
    return lab.check(path, options=("--rule", rule, *more), status=ANY)["verdicts"][0]


def expect_verdict(path, rule, result, says, yaml="", grade=None, basis=None, options=()):
    """The result of a rule, its reason, its grade and what it rests on; what was decided has its packets."""
    found = verdict(path, rule, yaml, *options)
    what = f"{path.name}, {rule}: {found['detail']}"
    lab.expect_equal(found["result"], result, what)
    lab.expect_in(says, found["detail"], what)
    if grade:
        lab.expect_equal(found["grade"], grade, what)
    if basis:
        lab.expect_equal(found["rests_on"], basis, what)
    if result in ("pass", "fail", "informational"):
        lab.expect(found["evidence"] and all(one["packet"] for one in found["evidence"]), f"no packets: {what}")


def declared(*roles, more=""):
    """A site file of (role, address); what is `more` is appended."""
    lines = [f"  - {{role: {role}, address: {address}}}\n" for role, address in roles]
    return ("roles:\n" + "".join(lines) if lines else "") + more


# ---- SMB ------------------------------------------------------------------------------------------------------------


def share(path, system=None, status=b.SUCCESS, then=None, **options):
    """Turns of a session that connects to a share, asks for its file system, and does more (then)."""
    session = b.Smb2(options.pop("signed", False)).open_session("\\\\cm01\\IPC$", share_type=2, **options)
    session.ask(b.TREE, b.tree_request(path), b.tree_reply() if status == b.SUCCESS else struct.pack("<HHIB", 9, 0, 0, 0), status=status,
                tree=7)
    if system:
        session.ask(b.CREATE, b.create_request(""), b.create_reply(), tree=7)
        session.ask(b.QUERY_INFO, b.file_system_request(), b.file_system_reply(system), tree=7)
    if then:
        then(session)
    return session.turns


def write_file(name, data):
    def then(session):
        session.ask(b.CREATE, b.create_request(name, disposition=5), b.create_reply(2), tree=7)
        session.ask(b.WRITE, b.write_request(data), b.write_reply(len(data)), tree=7)
        session.ask(b.CLOSE, b.close_request(), bytes(60), tree=7)
    return then


def read_file(name, length):
    def then(session):
        session.ask(b.CREATE, b.create_request(name), b.create_reply(), tree=7)
        for _ in range(length // 30000 + 1):
            session.ask(b.READ, b.read_request(30000), b.read_reply(b"c" * 30000), tree=7)
        session.ask(b.CLOSE, b.close_request(), bytes(60), tree=7)
    return then


# ---- LDAP (RFC 4511) ------------------------------------------------------------------------------------------------


def octets(text, tag=4):
    return b.der(tag, text.encode())


def ldap_message(number, operation):
    return b.der(0x30, b.integer(number), operation)


def ldap_values(values):
    return [b.der(0x30, octets(name), b.der(0x31, *[octets(value) for value in each])) for name, each in values.items()]


def ldap_search(number, base, kind, attributes, entries=(), result=0):
    """A search for objects of a class and its answer: entries are (dn, {attribute: values})."""
    request = b.der(0x63, octets(base), b.der(10, b"\2"), b.der(10, b"\0"), b.integer(0), b.integer(0), b.der(1, b"\0"),
                    b.der(0xA3, octets("objectClass"), octets(kind)), b.der(0x30, *[octets(name) for name in attributes]))
    answers = [ldap_message(number, b.der(0x64, octets(dn), b.der(0x30, *ldap_values(values)))) for dn, values in entries]
    done = ldap_message(number, b.der(0x65, b.der(10, bytes([result])), octets(""), octets("")))
    return [(True, ldap_message(number, request)), (False, b"".join(answers) + done)]


def ldap_add(number, dn, values):
    answer = b.der(0x69, b.der(10, b"\0"), octets(""), octets(""))
    return [(True, ldap_message(number, b.der(0x68, octets(dn), b.der(0x30, *ldap_values(values))))), (False, ldap_message(number, answer))]


CONTAINER = "CN=System Management,CN=System,DC=example,DC=test"


def site_entry(code):
    return (f"CN=SMS-Site-{code},{CONTAINER}", {"objectClass": ["top", "mSSMSSite"], "mSSMSSiteCode": [code],
                                                "serviceBindingInformation": ["0602000000A40000"]})


def mp_entry(code, name):
    return (f"CN=SMS-MP-{code}-{name.upper()},{CONTAINER}", {"objectClass": ["top", "mSSMSManagementPoint"], "mSSMSSiteCode": [code],
                                                             "mSSMSMPName": [name], "dNSHostName": [name], "mSSMSDefaultMP": ["TRUE"]})


# ---- TDS (MS-TDS 2.2.6) ---------------------------------------------------------------------------------------------


def tds(kind, data):
    return struct.pack(">BBHHBB", kind, 1, 8 + len(data), 0, 1, 0) + data


def prelogin(encryption, version=(15, 0, 4112), reply=False):
    values = [(0, bytes(version[:2]) + struct.pack(">H", version[2]) + b"\0\0"), (1, bytes([encryption]))]
    at, table, data = 5 * len(values) + 1, b"", b""
    for token, value in values:
        table += struct.pack(">BHH", token, at + len(data), len(value))
        data += value
    return tds(4 if reply else 18, table + b"\xff" + data)


def login7(user, database, application="SMS Provider"):
    names = ["CM01", user, "x" * 8, application, "sql01", "", "OLEDB", "", database]
    at, places, data = 94, b"", b""
    for name in names:
        places += struct.pack("<HH", at + len(data), len(name))
        data += b.wide(name)
    places += bytes(6) + struct.pack("<HHHHHHI", at, 0, at, 0, at, 0, 0)
    fixed = struct.pack("<IIIIIBBBBiI", 0x74000004, 4096, 7, 1, 0, 0xE0, 3, 0, 0, 0, 1033)
    body = fixed + places + data
    return tds(16, struct.pack("<I", len(body) + 4) + body)


def logged_in(database):
    def short(text):
        return bytes([len(text)]) + b.wide(text)

    change = b"\1" + short(database) + short("master")
    known = b"\1\x74\0\0\4" + short("Microsoft SQL Server") + b"\x0f\0\x10\x10"
    done = b"\xfd" + bytes(12)
    return tds(4, b"\xe3" + struct.pack("<H", len(change)) + change + b"\xad" + struct.pack("<H", len(known)) + known + done)


def batch(text):
    return tds(1, struct.pack("<IIHQI", 22, 18, 2, 0, 1) + b.wide(text))


def sql_session(user="cm_dbo", database="SMS_PRI", application="SMS Provider", encryption=2, statement="SELECT * FROM Sites"):
    done = tds(4, b"\xfd" + bytes(12))
    return [(True, prelogin(encryption)), (False, prelogin(encryption, reply=True)), (True, login7(user, database, application)),
            (False, logged_in(database)), (True, batch(statement)), (False, done)]


# ---- DHCP, DNS ------------------------------------------------------------------------------------------------------


def dhcp(kind, options, reply=False, your="0.0.0.0", file=b""):
    head = struct.pack(">BBBBIHH", 2 if reply else 1, 1, 6, 0, 0x1234, 0, 0)
    addresses = ipaddress.ip_address("0.0.0.0").packed + ipaddress.ip_address(your).packed + bytes(8)
    rest = b"".join(bytes([number, len(value)]) + value for number, value in [(53, bytes([kind])), *options])
    return head + addresses + bytes.fromhex("00155dfe5502") + bytes(10 + 64) + file.ljust(128, b"\0") + b"\x63\x82\x53\x63" + rest + b"\xff"


def dns_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def dns(second, client, server, name, address=None, kind=1, data=None):
    """A question of DNS and its answer: an address, or data of another type; without either there is no such name."""
    question = dns_name(name) + struct.pack(">HH", kind, 1)
    data = ipaddress.ip_address(address).packed if address else data
    answer = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 300, len(data)) + data if data else b""
    flags = 0x8180 if data else 0x8183
    ends = (client, 52000 + second % 10000), (server, 53)
    return [datagram(second, *ends, struct.pack(">HHHHHH", second & 0xFFFF, 0x0100, 1, 0, 0, 0) + question),
            datagram(second, *reversed(ends), struct.pack(">HHHHHH", second & 0xFFFF, flags, 1, 1 if data else 0, 0, 0) + question + answer)]


# ---- HTTP -----------------------------------------------------------------------------------------------------------


def http_get(uri, host="cm01.example.test", status="200 OK", agent="x", body=b"content", headers=b""):
    return [(True, f"GET {uri} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n".encode()),
            (False, lab.http_reply(body, status, headers))]


# ---- TLS ------------------------------------------------------------------------------------------------------------


def authority(name="Example CA"):
    """A certification authority: (certificate, key) of python3-cryptography."""
    return _certificate(name, None)


def certificate(ca, name, purpose, list_at=None):
    """A certificate by `ca` for "server" or "client", that names its revocation list at a URL or nowhere: a file with key."""
    one, key = _certificate(name, ca, purpose, list_at)
    from cryptography.hazmat.primitives import serialization as s  # noqa: PLC0415

    path = WORK / f"{name}-{purpose}-{one.serial_number}.pem"
    path.write_bytes(one.public_bytes(s.Encoding.PEM)
                     + key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    return path


def _certificate(name, ca, purpose=None, list_at=None):
    try:
        from cryptography import x509  # noqa: PLC0415
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as reason:
        raise lab.Skip("python3-cryptography is not installed") from reason
    import datetime  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    build = x509.CertificateBuilder(ca[0].subject if ca else subject, subject, key.public_key(), x509.random_serial_number(),
                                    datetime.datetime(2023, 1, 1), datetime.datetime(2040, 1, 1))
    if purpose is None:
        build = build.add_extension(x509.BasicConstraints(True, None), True)
    else:
        usage = x509.oid.ExtendedKeyUsageOID
        build = build.add_extension(x509.ExtendedKeyUsage([usage.SERVER_AUTH if purpose == "server" else usage.CLIENT_AUTH]), False)
    if list_at:
        place = x509.DistributionPoint([x509.UniformResourceIdentifier(list_at)], None, None, None)
        build = build.add_extension(x509.CRLDistributionPoints([place]), False)
    return build.sign(ca[1] if ca else key, hashes.SHA256()), key


def revoked(ca, path):
    """The revocation list of an authority, in PEM, with the certificate of a file in it."""
    import datetime  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    start, end = datetime.datetime(2023, 1, 1), datetime.datetime(2040, 1, 1)
    number = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
    entry = x509.RevokedCertificateBuilder(number, start).build()
    made = x509.CertificateRevocationListBuilder(ca[0].subject, start, end, [], [entry]).sign(ca[1], hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def tls(server, client=None, ca=None, request=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", reply=None, crl=None):
    """Turns of a TLS 1.2 conversation of OpenSSL with itself. With `ca` the server asks for a client certificate, and names
    nobody: tls_named does. With `crl` it refuses what is in that list."""
    here, there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (here, there):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET
    here.load_cert_chain(server)
    there.check_hostname, there.verify_mode = False, ssl.CERT_NONE
    if client:
        there.load_cert_chain(client)
    if ca:
        from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

        here.verify_mode = ssl.CERT_REQUIRED
        here.load_verify_locations(cadata=ca[0].public_bytes(Encoding.PEM).decode())
    if crl:
        (WORK / "crl.pem").write_text(crl, encoding="ascii")
        here.load_verify_locations(WORK / "crl.pem")
        here.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    to_client, to_server = (ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())
    ends = there.wrap_bio(to_client[0], to_server[0]), here.wrap_bio(to_server[1], to_client[1], server_side=True)
    turns = []

    def carry():
        for asks, (into, out) in ((True, (to_server[1], to_server[0])), (False, (to_client[0], to_client[1]))):
            data = out.read()
            if data:
                turns.append((asks, data))
                into.write(data)

    done = [False, False]
    while not all(done):
        for side, end in enumerate(ends):
            try:
                end.do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                carry()
                return turns
            carry()
    ends[0].write(request)
    carry()
    ends[1].read()
    ends[1].write(reply or lab.http_reply(b"hello"))
    carry()
    return turns


def tls_named(server, client, ca):
    """The same with `openssl s_server`, which names the authority that it takes certificates of; over the loopback interface."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    names = WORK / "authorities.pem"
    names.write_bytes(ca[0].public_bytes(Encoding.PEM))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [lab.tool("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-cert", server, "-key", server, "-CAfile", names,
               "-Verify", "1", "-tls1_2", "-naccept", "1", "-quiet", "-rev"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return _with_server(port, client)
    finally:
        process.kill()
        process.wait()


def _connect(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise lab.Skip("openssl s_server does not answer")


def _with_server(port, client):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(client)
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    end, turns, said = context.wrap_bio(into, out), [], b""
    with _connect(port) as line:
        steps = [end.do_handshake, lambda: end.write(b"hello\n"), lambda: end.read()]
        while steps:
            try:
                steps[0]()
                steps.pop(0)
            except ssl.SSLWantReadError:
                said = None
            data = out.read()
            if data:
                turns.append((True, data))
                line.sendall(data)
            if said is None:
                said = line.recv(65536)
                turns.append((False, said))
                into.write(said)
    return turns
