"""smb_bytes.py: messages of SMB2, SMB1, DCE/RPC, NTLM, SPNEGO and Kerberos, built here byte by byte; nothing is taken from a
capture. The seeds of the fuzz harnesses (make_corpus.py) and the dialogues of tests/e2e/smb_dialogues.py are made of them.
"""

import struct

SUCCESS, MORE, DENIED, NOT_FOUND, PENDING = 0, 0xC0000016, 0xC0000022, 0xC0000034, 0x103
NEGOTIATE, SETUP, LOGOFF, TREE, UNTREE, CREATE, CLOSE, FLUSH, READ, WRITE, LOCK, IOCTL = range(12)
QUERY_DIRECTORY, QUERY_INFO, SET_INFO = 14, 16, 17
SESSION, FILE = 0x41, b"\x07" * 16
ANY = b"\xff" * 16
TRANSCEIVE = 0x0011C017


def wide(text):
    return text.encode("utf-16-le")


def nbss(message):
    return struct.pack(">I", len(message)) + message


# ---- DER ----


def der(tag, *contents):
    content = b"".join(contents)
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def tagged(number, *contents):
    return der(0xA0 + number, *contents)


def integer(value):
    return der(2, bytes([value]))


def string(text):
    return der(0x1B, text.encode())


def principal(*names):
    return der(0x30, tagged(0, integer(2)), tagged(1, der(0x30, *[string(name) for name in names])))


SPNEGO_OID = der(6, bytes.fromhex("2b0601050502"))
NTLM_OID = der(6, bytes.fromhex("2b06010401823702020a"))
KERBEROS_OID = der(6, bytes.fromhex("2a864886f712010202"))


def spnego_init(token, mechanism=NTLM_OID):
    return der(0x60, SPNEGO_OID, tagged(0, der(0x30, tagged(0, der(0x30, mechanism)), tagged(2, der(4, token)))))


def spnego_reply(token, state=1):
    return tagged(1, der(0x30, tagged(0, der(10, bytes([state]))), tagged(2, der(4, token))))


# ---- NTLM (MS-NLMP 2.2.1) ----

FLAGS = 0x00088215 | 0x02000000
CHALLENGE = bytes.fromhex("0123456789abcdef")
VERSION = bytes([10, 0]) + struct.pack("<H", 17763) + b"\0\0\0\x0f"


def ntlm_negotiate():
    return b"NTLMSSP\0" + struct.pack("<II", 1, FLAGS) + bytes(16) + VERSION


def av(number, value):
    return struct.pack("<HH", number, len(value)) + value


def ntlm_challenge(target="CORP", computer="CM01", challenge=CHALLENGE):
    name = wide(target)
    info = av(2, name) + av(1, wide(computer)) + av(3, wide("cm01.example.test")) + av(4, wide("example.test")) + av(0, b"")
    fixed = 56
    return (
        b"NTLMSSP\0" + struct.pack("<IHHI", 2, len(name), len(name), fixed) + struct.pack("<I", FLAGS) + challenge + bytes(8)
        + struct.pack("<HHI", len(info), len(info), fixed + len(name)) + VERSION + name + info
    )


def ntlm_v2_response(service="cifs/cm01", bindings=bytes(16)):
    pairs = av(6, struct.pack("<I", 2)) + av(9, wide(service)) + av(10, bindings) + av(0, b"")
    return b"\x11" * 16 + b"\1\1" + bytes(6) + bytes(8) + b"\x22" * 8 + bytes(4) + pairs + bytes(4)


def ntlm_authenticate(user="PRI-SITE$", domain="CORP", host="SITE1", response=None, flags=FLAGS, lm=bytes(24)):
    fixed, payload, fields = 88, b"", b""
    response = ntlm_v2_response() if response is None else response
    for value in (lm, response, wide(domain), wide(user), wide(host), b""):
        fields += struct.pack("<HHI", len(value), len(value), fixed + len(payload))
        payload += value
    return b"NTLMSSP\0" + struct.pack("<I", 3) + fields + struct.pack("<I", flags) + VERSION + bytes(16) + payload


# ---- Kerberos (RFC 4120 section 5) ----


def encrypted(etype):
    return der(0x30, tagged(0, integer(etype)), tagged(2, der(4, b"\x33" * 40)))


def ticket(*service, realm="EXAMPLE.TEST", etype=18):
    return der(0x61, der(0x30, tagged(0, integer(5)), tagged(1, string(realm)), tagged(2, principal(*service)), tagged(3, encrypted(etype))))


def ap_request(*service, etype=18):
    message = der(0x6E, der(0x30, tagged(0, integer(5)), tagged(1, integer(14)), tagged(2, der(3, bytes(5))),
                            tagged(3, ticket(*service, etype=etype)), tagged(4, encrypted(etype))))
    return der(0x60, KERBEROS_OID, b"\1\0", message)


def kdc_request(kind, *service, client=None, etypes=(18, 17, 23)):
    names = tagged(1, principal(client)) if client else b""
    body = der(0x30, tagged(0, der(3, bytes(5))), names, tagged(2, string("EXAMPLE.TEST")), tagged(3, principal(*service)),
               tagged(5, der(0x18, b"20370913024805Z")), tagged(7, integer(9)),
               tagged(8, der(0x30, *[integer(etype) for etype in etypes])))
    return der(0x60 + kind, der(0x30, tagged(1, integer(5)), tagged(2, integer(kind)), tagged(4, body)))


def kdc_reply(kind, *service, client="alice", etype=18):
    return der(0x60 + kind, der(0x30, tagged(0, integer(5)), tagged(1, integer(kind)), tagged(3, string("EXAMPLE.TEST")),
                                tagged(4, principal(client)), tagged(5, ticket(*service, etype=etype)), tagged(6, encrypted(etype))))


def kdc_error(code, *service):
    return der(0x7E, der(0x30, tagged(0, integer(5)), tagged(1, integer(30)), tagged(4, der(0x18, b"20260101000000Z")),
                         tagged(5, integer(1)), tagged(6, integer(code)), tagged(9, string("EXAMPLE.TEST")), tagged(10, principal(*service))))


# ---- SMB2 (MS-SMB2 2.2) ----


def smb2(command, body, number, *, reply=False, status=SUCCESS, tree=5, session=SESSION, signed=False, related=False, chained=False,
         asynchronous=False):
    flags = (1 if reply else 0) | (2 if asynchronous else 0) | (4 if related else 0) | (8 if signed else 0)
    length = 64 + len(body)
    padding = bytes(-length % 8) if chained else b""
    signature = b"\x55" * 16 if signed else bytes(16)
    header = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ", 64, 1, status, command, 31, flags, length + len(padding) if chained else 0,
                                      number, 0xFEFF, tree, session)
    return header + signature + body + padding


def negotiate_request(*dialects, mode=1, ciphers=()):
    body = struct.pack("<HHHHI", 36, len(dialects), mode, 0, 0x40) + bytes(16)
    names = struct.pack(f"<{len(dialects)}H", *dialects)
    offset = 64 + 36 + len(names)
    offset += -offset % 8
    context = struct.pack("<HHI", 2, 2 + 2 * len(ciphers), 0) + struct.pack(f"<H{len(ciphers)}H", len(ciphers), *ciphers)
    body += struct.pack("<IHH", offset if ciphers else 0, 1 if ciphers else 0, 0) + names
    return body + (bytes(offset - 64 - len(body)) + context if ciphers else b"")


def negotiate_reply(dialect, mode=1, cipher=None):
    token = b""
    body = struct.pack("<HHHH", 65, mode, dialect, 1 if cipher else 0) + bytes(16) + struct.pack("<I", 0x40) + bytes(28)
    body += struct.pack("<HHI", 128, len(token), 128 if cipher else 0)
    return body + (struct.pack("<HHIHH", 2, 4, 0, 1, cipher) if cipher else b"")


def setup_request(token, mode=1, flags=0):
    return struct.pack("<HBBIIHHQ", 25, flags, mode, 1, 0, 88, len(token), 0) + token


def setup_reply(token, flags=0):
    return struct.pack("<HHHH", 9, flags, 72, len(token)) + token


def tree_request(path):
    return struct.pack("<HHHH", 9, 0, 72, len(wide(path))) + wide(path)


def tree_reply(kind=1, flags=0):
    return struct.pack("<HBBIII", 16, kind, 0, flags, 0, 0x1FF)


def create_request(name, options=0, disposition=1):
    data = wide(name)
    return struct.pack("<HBBIQQIIIIIHHII", 57, 0, 0, 2, 0, 0, 0x12019F, 0, 7, disposition, options, 120, len(data), 0, 0) + data


def create_reply(action=1, file=FILE):
    return struct.pack("<HBBI", 89, 0, 0, action) + bytes(32 + 16 + 8) + file + bytes(8)


def write_request(data, file=FILE):
    return struct.pack("<HHIQ", 49, 112, len(data), 0) + file + bytes(16) + data


def write_reply(length):
    return struct.pack("<HHIIHH", 17, 0, length, 0, 0, 0)


def read_request(length, file=FILE):
    return struct.pack("<HBBIQ", 49, 80, 0, length, 0) + file + bytes(17)


def read_reply(data):
    return struct.pack("<HBBIII", 17, 80, 0, len(data), 0, 0) + data


def rename_request(name, file=FILE):
    data = struct.pack("<BxxxxxxxQI", 1, 0, len(wide(name))) + wide(name)
    return struct.pack("<HBBIHHI", 33, 1, 10, len(data), 96, 0, 0) + file + data


def delete_request(file=FILE):
    return struct.pack("<HBBIHHI", 33, 1, 13, 1, 96, 0, 0) + file + b"\1"


def close_request(file=FILE):
    return struct.pack("<HHI", 24, 0, 0) + file


def ioctl_request(data, control=TRANSCEIVE, file=FILE):
    return struct.pack("<HHI", 57, 0, control) + file + struct.pack("<IIIIIIII", 120, len(data), 0, 0, 0, 4096, 1, 0) + data


def ioctl_reply(data, control=TRANSCEIVE, file=FILE):
    return struct.pack("<HHI", 49, 0, control) + file + struct.pack("<IIIIII", 112, 0, 112, len(data), 0, 0) + data


def file_system_request(file=FILE):
    return struct.pack("<HBBIHHIII", 41, 2, 5, 256, 0, 0, 0, 0, 0) + file


def file_system_reply(name):
    data = struct.pack("<III", 0, 255, len(wide(name))) + wide(name)
    return struct.pack("<HHI", 9, 72, len(data)) + data


def transform(payload, session=SESSION):
    return b"\xfdSMB" + b"\x66" * 32 + struct.pack("<IHHQ", len(payload), 0, 1, session) + payload


class Smb2:
    """Turns of a session: (True for the client, bytes), each a NetBIOS message."""

    def __init__(self, signed=False):
        self.turns, self.number, self.signed = [], 0, signed

    def ask(self, command, request, reply=None, *, status=SUCCESS, **header):
        self.turns.append((True, nbss(smb2(command, request, self.number, signed=self.signed, **header))))
        if reply is not None:
            self.turns.append((False, nbss(smb2(command, reply, self.number, reply=True, status=status, signed=self.signed, **header))))
        self.number += 1
        return self

    def open_session(self, path, dialects=(0x202, 0x210), chosen=0x210, server_mode=1, share_type=1):
        signed, self.signed = self.signed, False
        self.ask(NEGOTIATE, negotiate_request(*dialects), negotiate_reply(chosen, server_mode), session=0, tree=0)
        self.turns.append((True, nbss(smb2(SETUP, setup_request(spnego_init(ntlm_negotiate())), self.number, session=0, tree=0))))
        self.turns.append((False, nbss(smb2(SETUP, setup_reply(spnego_reply(ntlm_challenge())), self.number, reply=True, status=MORE, tree=0))))
        self.number += 1
        self.ask(SETUP, setup_request(spnego_reply(ntlm_authenticate())), setup_reply(spnego_reply(b"", 0)), tree=0)
        self.signed = signed
        return self.ask(TREE, tree_request(path), tree_reply(share_type))


# ---- DCE/RPC (C706 12.6) ----

SVCCTL = bytes.fromhex("81bb7a364498f135ad3298f038001003")
WINREG = bytes.fromhex("01d08c334422f131aaaa900038001003")
EPMAPPER = bytes.fromhex("0883afe11f5dc91191a408002b14a0fa")
EFSRPC = bytes.fromhex("88d481c650d8d0118c5200c04fd90f7e")
NDR = bytes.fromhex("045d888aeb1cc9119fe808002b104860") + struct.pack("<I", 2)


def rpc(kind, body, *, call=1, auth=b"", flags=3):
    length = 16 + len(body) + len(auth)
    return struct.pack("<BBBBIHHI", 5, 0, kind, flags, 0x10, length, max(len(auth) - 8, 0), call) + body + auth


def rpc_auth(kind, level, value):
    return struct.pack("<BBBBI", kind, level, 0, 0, 1) + value


def rpc_bind(uuid, version=1, context=0, **options):
    body = struct.pack("<HHIBBHHBB", 4280, 4280, 0, 1, 0, 0, context, 1, 0) + uuid + struct.pack("<I", version) + NDR
    return rpc(11, body, **options)


def rpc_bind_ack(result=0, **options):
    address = b"\\PIPE\\x\0"
    body = struct.pack("<HHIH", 4280, 4280, 1, len(address)) + address
    body += bytes(-(16 + len(body)) % 4) + struct.pack("<BBHHH", 1, 0, 0, result, 0) + NDR
    return rpc(12, body, **options)


def rpc_request(opnum, stub=b"", context=0, **options):
    return rpc(0, struct.pack("<IHH", len(stub), context, opnum) + stub, **options)


def rpc_response(stub=b"", context=0, **options):
    return rpc(2, struct.pack("<IHBB", len(stub), context, 0, 0) + stub, **options)


def rpc_fault(status=0x1C010002, **options):
    return rpc(3, struct.pack("<IHBBI", 0, 0, 0, 0, status), **options)


def ndr_string(text):
    data = wide(text + "\0")
    return struct.pack("<III", len(data) // 2, 0, len(data) // 2) + data + bytes(-len(data) % 4)


def create_service(name, path):
    return bytes(20) + ndr_string(name) + struct.pack("<I", 0x20000) + ndr_string(name) + struct.pack("<IIII", 0xF01FF, 16, 3, 0) + ndr_string(path) + bytes(24)


def tower(uuid, port, address=(10, 1, 1, 1)):
    floors = [
        (b"\x0d" + uuid + b"\1\0", b"\0\0"), (b"\x0d" + NDR[:16] + b"\2\0", b"\0\0"), (b"\x0b", b"\0\0"),
        (b"\x07", struct.pack(">H", port)), (b"\x09", bytes(address)),
    ]
    return struct.pack("<H", len(floors)) + b"".join(struct.pack("<H", len(l)) + l + struct.pack("<H", len(r)) + r for l, r in floors)


def epm_response(*towers):
    body = bytes(20) + struct.pack("<IIII", len(towers), 4, 0, len(towers)) + struct.pack("<I", 3) * len(towers)
    for one in towers:
        body += struct.pack("<II", len(one), len(one)) + one + bytes(-len(one) % 4)
    return body + bytes(4)


# ---- SMB1 (MS-CIFS 2.2) ----


def smb1(command, words, data, number, *, reply=False, status=SUCCESS, flags2=0xC801, tree=7, user=9, signed=False):
    flags2 |= 4 if signed else 0
    signature = b"\x77" * 8 if signed else bytes(8)
    header = b"\xffSMB" + struct.pack("<BIBHH", command, status, 0x88 if reply else 8, flags2, 0) + signature
    header += struct.pack("<HHHHH", 0, tree, 1, user, number)
    return nbss(header + bytes([len(words) // 2]) + words + struct.pack("<H", len(data)) + data)


ANDX = b"\xff\0\0\0"


def smb1_negotiate(*dialects):
    return smb1(0x72, b"", b"".join(b"\2" + dialect.encode() + b"\0" for dialect in dialects), 1, tree=0, user=0)


def smb1_negotiate_reply(index, mode=3):
    words = struct.pack("<HBHHIIIIQHB", index, mode, 50, 1, 16644, 65536, 0, 0x8000E3FD, 0, 0, 0)
    return smb1(0x72, words, bytes(16), 1, reply=True, tree=0, user=0)


def smb1_setup(token, number, user=0):
    words = ANDX + struct.pack("<HHHIHII", 16644, 50, 0, 0, len(token), 0, 0x800000D4)
    at = 32 + 1 + len(words) + 2 + len(token)
    return smb1(0x73, words, token + bytes(at % 2) + wide("Windows 5.1\0\0"), number, tree=0, user=user)


def smb1_setup_reply(token, number, status=SUCCESS, action=0):
    words = ANDX + struct.pack("<HH", action, len(token))
    at = 32 + 1 + len(words) + 2 + len(token)
    return smb1(0x73, words, token + bytes(at % 2) + wide("Windows 5.2\0Windows 2003\0"), number, reply=True, status=status, tree=0)


def smb1_tree(path, number):
    words = ANDX + struct.pack("<HH", 0, 1)
    return smb1(0x75, words, b"\0" + bytes((32 + 1 + len(words) + 2 + 1) % 2) + wide(path + "\0") + b"?????\0", number, tree=0)


def smb1_tree_reply(number, service=b"A:\0", system="NTFS"):
    words = ANDX + struct.pack("<H", 1)
    return smb1(0x75, words, service + bytes((32 + 1 + len(words) + 2 + len(service)) % 2) + wide(system + "\0"), number, reply=True)


def smb1_create(name, number):
    words = ANDX + struct.pack("<BHIIIQIIIIIB", 0, len(wide(name)), 0, 0, 0x12019F, 0, 0, 7, 2, 0, 2, 0)
    return smb1(0xA2, words, bytes((32 + 1 + len(words) + 2) % 2) + wide(name + "\0"), number)


def smb1_create_reply(fid, number, pipe=False, action=2):
    words = ANDX + struct.pack("<BHI", 0, fid, action) + bytes(32 + 4 + 8 + 8) + struct.pack("<HHB", 2 if pipe else 0, 0, 0)
    return smb1(0xA2, words, b"", number, reply=True)


def smb1_write(fid, data, number):
    words = ANDX + struct.pack("<HIIHHHHHI", fid, 0, 0, 0, 0, len(data) >> 16, len(data) & 0xFFFF, 64, 0)
    return smb1(0x2F, words, b"\0" + data, number)


def smb1_write_reply(length, number):
    return smb1(0x2F, ANDX + struct.pack("<HHI", length, 0, 0), b"", number, reply=True)


def smb1_rename(old, new, number):
    """Each name after a byte 4; those of UTF-16 at an even offset from the header."""
    data = b""
    for name in (old, new):
        data += b"\4"
        data += bytes((32 + 1 + 2 + 2 + len(data)) % 2) + wide(name + "\0")
    return smb1(7, b"\0\0", data, number)


def smb1_close(fid, number, reply=False):
    return smb1(4, b"" if reply else struct.pack("<HI", fid, 0), b"", number, reply=reply)
