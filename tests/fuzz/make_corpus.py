#!/usr/bin/env python3
"""make_corpus.py: writes the seeds of the fuzz harnesses, corpus/<name>/*, from messages and packets built here.

Nothing in them is taken from a capture. The key and its signatures are those of wire.md 11.3, read from
tests/unit/configmgr_vectors.h; zlib streams are python's. Run it again after a harness changed its input format.

usage: make_corpus.py
"""

import base64
import gzip
import re
import struct
import zlib
from pathlib import Path

import smb_bytes as b

HERE = Path(__file__).resolve().parent
BOUNDARY = b"aAbBcCdDv1234567890VxXyYzZ"
VECTORS = (HERE.parent / "unit" / "configmgr_vectors.h").read_text()


def vector(name, vectors=VECTORS):
    """The text of a macro of the vectors: its string literals joined."""
    text = re.search(rf"#define {name}\b(.*?)(?:\n\n|\Z)", vectors, re.S).group(1)
    return "".join(re.findall(r'"([^"]*)"', text))


CLIENT = vector("VECTOR_CLIENT")
CERTIFICATE = vector("VECTOR_CERTIFICATE")
REGISTRATION = (
    '<ClientRegistrationRequest><Data HashAlgorithm="1.2.840.113549.1.1.11" SMSID="" RequestType="Registration" '
    'TimeStamp="2024-05-06T07:08:09Z"><AgentInformation AgentIdentity="CcmExec.exe" AgentVersion="5.00.9128.1000" '
    'AgentType="0"/><Certificates><Signing Encoding="HexBinary" KeyType="1">'
    + CERTIFICATE
    + '</Signing></Certificates></Data><Signature><SignatureValue>'
    + vector("VECTOR_SHA256")
    + "</SignatureValue></Signature></ClientRegistrationRequest>"
)
REGISTERED = (
    '<ClientRegistrationResponse ResponseType="Registration" TimeStamp="2024-05-06T07:08:10Z" Status="1" '
    f'SMSID="{CLIENT}" ApprovalStatus="1"/>'
)
ASSIGNMENTS = (
    '<ReplyAssignments SchemaVersion="1.00" ReplyType="Full"><Identification><Machine><ClientID>'
    f"{CLIENT}</ClientID></Machine></Identification><PolicyAssignment PolicyAssignmentID=\"{{1}}\">"
    '<Policy PolicyID="{2}" PolicyVersion="1.00" PolicyCategory="NAAConfig" PolicyFlags="22"><PolicyLocation>'
    "<![CDATA[http://<mp>/SMS_MP/.sms_pol?{2}.1_00]]></PolicyLocation></Policy></PolicyAssignment></ReplyAssignments>"
)
INVENTORY = (
    "<Report><ReportHeader><Identification><Machine><ClientType>1</ClientType></Machine></Identification>"
    '<ReportDetails><ReportType>Full</ReportType></ReportDetails><InventoryAction ActionType="Predefined">'
    "<InventoryActionID>{00000000-0000-0000-0000-000000000001}</InventoryActionID></InventoryAction></ReportHeader>"
    "<ReportBody/></Report>"
)
STATE = (
    "<Report><ReportBody><StateMessage><Topic ID='1' Type='500'/><State ID='1' Criticality='0'/>"
    "<UserParameters Flags='0' Count='1'><Param>1</Param></UserParameters></StateMessage></ReportBody></Report>"
)
REQUEST = (
    '<RequestAssignments SchemaVersion="1.00" ACK="false" RequestType="Always"><Identification><Machine><ClientID>'
    f"{CLIENT}</ClientID></Machine></Identification><PolicySource>SMS:PRI</PolicySource></RequestAssignments>"
)
LOCATION = '<SiteInformationRequest SchemaVersion="1.00"><SiteCode Name="PRI"/></SiteInformationRequest>'


def wide(text):
    return text.encode("utf-16-le")


def part(kind, body):
    return b"--" + BOUNDARY + b"\r\ncontent-type: " + kind + b"\r\n\r\n" + body + b"\r\n"


def message(endpoint, body, *, signed=False, compress=True, payload=None, reply=False, extra="", hooks="",
            source=CLIENT):
    plain = wide(body) + b"\0\0"
    if payload is None:
        payload = zlib.compress(plain) if compress else plain
        hooks += '<Hook3 Name="zlib-compress"/>' if compress else ""
    if signed:
        hooks += (
            '<Hook2 Name="clientauth"><Property Name="AuthSenderMachine">PC1</Property><Property Name="PublicKey">'
            + vector("VECTOR_PUBLIC_KEY")
            + '</Property><Property Name="ClientIDSignature">'
            + vector("VECTOR_SHA256")
            + '</Property><Property Name="PayloadSignature">'
            + vector("VECTOR_SHA1")
            + '</Property><Property Name="ClientCapabilities">NonSSL</Property>'
            '<Property Name="HashAlgorithm">1.2.840.113549.1.1.11</Property></Hook2>'
        )
    mode = "Reply" if reply else "Sync"
    header = (
        f'<Msg ReplyCompression="zlib" SchemaVersion="1.1"><ID>{{1}}</ID><SourceID>{source}</SourceID>'
        f"<SourceHost>PC1</SourceHost><TargetEndpoint>{endpoint}</TargetEndpoint><ReplyTo>direct:PC1:x</ReplyTo>"
        f'<ReplyMode>{mode}</ReplyMode><Protocol>http</Protocol>'
        f'<Body Type="ByteRange" Offset="0" Length="{len(plain)}"/>{extra}<Hooks>{hooks}</Hooks>'
        '<Payload Type="inline"/></Msg>'
    )
    return (
        part(b"text/plain; charset=UTF-16", b"\xff\xfe" + wide(header))
        + part(b"application/octet-stream", payload)
        + b"--" + BOUNDARY + b"--"
    )


def token():
    hook = (
        '<Hook2 Name="clientauth"><Property Name="Token"><![CDATA[ClientToken:'
        + vector("VECTOR_CLIENT") + ";2024-05-06T07:08:09Z;2\r\nClientTokenSignature:"
        + vector("VECTOR_TOKEN_SIGNATURE") + "\r\n]]></Property></Hook2>"
    )
    return message("MP_PolicyManager", REQUEST, hooks=hook, compress=False)


NO_REPLY = part(b"text/plain", b"NoReply") + b"--" + BOUNDARY + b"--"
CMS = bytes.fromhex(vector("VECTOR_CMS_DES3"))
DTD = "<!DOCTYPE Msg [<!ENTITY a \"b\">]>"
FILE_TYPE = '<Property Name="FileType" Value="SMX"/>'
ATTACHMENT = '<Attachment Type="ByteRange" Name="{00000000-0000-0000-0000-000000000001}" Offset="4" Length="8"/>'

MIF = b'//Architecture<Printer>\r\n//UniqueID<P1>\r\nStart Component\r\n Name = "x"\r\n Start Group\r\n  Class = "a|b|1"\r\n End Group\r\nEnd Component\r\n'
NESTED = (
    "<Report><ReportBody><StateMessage><Topic ID='1' Type='402' IDType='3'/><State ID='10' Criticality='0'/>"
    "<StateDetails Type='1'><![CDATA[<D a='1'><E>x</E></D>]]></StateDetails></StateMessage></ReportBody></Report>"
)


def attached():
    """A report with a MIF attachment that is listed twice."""
    body, mif = wide(INVENTORY) + b"\0\0", MIF
    entries = "".join(
        f'<Attachment Type="ByteRange" Name="1" Offset="{offset}" Length="{len(mif)}"/>' for offset in (0, len(body))
    )
    extra = entries + '<Property Name="FileType" Value="IDMIF"/>'
    header_hook = '<Hook3 Name="zlib-compress"/>'
    return message("MP_RelayEndpoint", INVENTORY, payload=zlib.compress(body + mif + b"\r\n"), extra=extra, hooks=header_hook)


# name: (flags of fuzz_message.c, HTTP body)
MESSAGES = {
    "location": (8, message("MP_LocationManager", LOCATION)),
    "location-sniffed": (0, message("MP_LocationManager", LOCATION)),
    "policy-signed": (8, message("MP_PolicyManager", REQUEST, signed=True)),
    "policy-token": (8, token()),
    "registration": (8, message("MP_ClientRegistration", REGISTRATION, source="")),
    "registered": (8 | 1 | 16, message("x", REGISTERED, reply=True)),
    "assignments": (8 | 1, message("x", ASSIGNMENTS, reply=True)),
    "inventory": (8, message("MP_HinvEndpoint", INVENTORY, signed=True, extra=ATTACHMENT)),
    "inventory-encrypted": (8, message("MP_HinvEndpoint", "", payload=CMS, hooks='<Hook2 Name="encrypt"/>')),
    "attached-mif": (8, attached()),
    "state-nested": (8, message("MP_RelayEndpoint", NESTED, extra=FILE_TYPE)),
    "state-tls": (8 | 2, message("MP_RelayEndpoint", STATE, signed=True, extra=FILE_TYPE)),
    "plain": (8, message("MP_LocationManager", LOCATION, compress=False)),
    "no-reply": (8 | 1, NO_REPLY),
    "doctype": (8, part(b"text/plain", wide(DTD + "<Msg><ID>&a;</ID></Msg>")) + part(b"x", b"<a/>")),
    "cut": (8 | 4, message("MP_DdrEndpoint", INVENTORY, signed=True)[:900]),
}


def ntlm(unicode):
    encode = wide if unicode else lambda text: text.encode("latin-1")
    fields, payload, at = b"", b"", 72
    for value in (b"\0" * 24, b"\x11" * 24, encode("EXAMPLE"), encode("pc1$"), encode("PC1"), b""):
        fields += struct.pack("<HHI", len(value), len(value), at + len(payload))
        payload += value
    return b"NTLMSSP\0" + struct.pack("<I", 3) + fields + struct.pack("<I", int(unicode)) + b"\0" * 8 + payload


def http_post(body, uri="/ccm_system/request", extra=b""):
    return (
        b"CCM_POST " + uri.encode() + b" HTTP/1.1\r\nHost: mp\r\nUser-Agent: ccmhttp\r\nContent-Length: "
        + str(len(body)).encode() + b"\r\nContent-Type: multipart/mixed; boundary=\"" + BOUNDARY + b"\"\r\n" + extra
        + b"\r\n" + body
    )


def http_ok(body, kind=b"multipart/mixed; boundary=\"" + BOUNDARY + b"\"", extra=b""):
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nContent-Length: " + str(len(body)).encode()
        + b"\r\n" + extra + b"\r\n" + body
    )


OUT, IN, GAP_OUT, GAP_IN, END_OUT, END_IN, NEXT, BYTES = range(8)


def events(*items):
    """Events of fuzz_http.c: (kind, bytes) or (kind, length of the gap)."""
    out = b""
    for kind, value in items:
        length = value if isinstance(value, int) else len(value)
        out += struct.pack(">BH", kind, length) + (b"" if isinstance(value, int) else value)
    return out


def chunked(body):
    pieces = [body[i : i + 300] for i in range(0, len(body), 300)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


POLICY = http_post(message("MP_PolicyManager", REQUEST, signed=True))
GET = (
    b"GET /SMS_MP/.sms_pol?%7B2%7D.1_00 HTTP/1.1\r\nHost: mp\r\nClientToken: " + vector("VECTOR_CLIENT").encode()
    + b";2024-05-06T07:08:09Z;2\r\nClientTokenSignature: " + vector("VECTOR_TOKEN_SIGNATURE").encode() + b"\r\n\r\n"
)
UPLOAD = wide("<Report><ReportBody/></Report>")


def bits(packet, body=b"", start=0, extra=b""):
    """One request of a BITS upload of UPLOAD."""
    extra += b"BITS-Session-Id: {1}\r\n" if packet != "Create-Session" else b""
    if packet == "Fragment":
        extra += b"Content-Range: bytes %d-%d/%d\r\n" % (start, start + len(body) - 1, len(UPLOAD))
    return (
        b"BITS_POST /CCM_Incoming/x HTTP/1.1\r\nHost: mp\r\nBITS-Packet-Type: " + packet.encode()
        + b"\r\nContent-Length: %d\r\n" % len(body) + extra + b"\r\n" + body
    )


def bits_ack():
    return b"HTTP/1.1 200 OK\r\nBITS-Packet-Type: Ack\r\nBITS-Session-Id: {1}\r\nContent-Length: 0\r\n\r\n"


AUT = b"GET /SMS_MP/.sms_aut?MPCERT HTTP/1.1\r\n\r\n"
NTLM = b"Authorization: NTLM " + base64.b64encode(ntlm(True)) + b"\r\n"
ASSIGNED = message("x", ASSIGNMENTS, reply=True)
DIALOGUES = {
    "policy": events((OUT, POLICY), (IN, http_ok(ASSIGNED)), (END_OUT, 0), (END_IN, 0)),
    "pipelined": events((OUT, POLICY + POLICY), (IN, http_ok(ASSIGNED) + http_ok(NO_REPLY))),
    "gap-in-body": events(
        (OUT, POLICY[:700]), (GAP_OUT, len(POLICY) - 800), (OUT, POLICY[-100:]), (IN, http_ok(NO_REPLY))
    ),
    "gap-in-headers": events((OUT, POLICY[:30]), (GAP_OUT, 20), (OUT, POLICY[50:]), (OUT, GET), (IN, http_ok(b""))),
    "gap-in-reply": events((OUT, GET), (IN, http_ok(b"x" * 100)[:90]), (GAP_IN, 50), (IN, http_ok(b""))),
    "chunked": events(
        (OUT, GET),
        (IN, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(wide("\ufeff<Policy secret=\"1\"/>"))),
    ),
    "continue": events(
        (OUT, http_post(NO_REPLY, extra=b"Expect: 100-continue\r\n")),
        (IN, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (IN, http_ok(NO_REPLY)),
    ),
    "gzip": events(
        (OUT, POLICY),
        (IN, http_ok(gzip.compress(ASSIGNED, mtime=0), extra=b"Content-Encoding: gzip\r\n")),
    ),
    "windowsauth": events(
        (OUT, http_post(NO_REPLY, "/ccm_system_windowsauth/request")),
        (IN, b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"),
        (OUT, http_post(NO_REPLY, "/ccm_system_windowsauth/request", NTLM)), (IN, http_ok(NO_REPLY)),
    ),
    "registration": events(
        (OUT, http_post(message("MP_ClientRegistration", REGISTRATION, source=""))),
        (IN, http_ok(message("x", REGISTERED, reply=True))), (NEXT, 0), (OUT, POLICY), (IN, http_ok(ASSIGNED)),
    ),
    "certificates": events(
        (OUT, AUT),
        (IN, http_ok(f"<MPCertificate><Certificate>{CERTIFICATE}</Certificate></MPCertificate>".encode(), b"text/xml")),
    ),
    "upload": events(
        (OUT, bits("Create-Session", extra=b"BITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\n")),
        (IN, bits_ack()),
        (OUT, bits("Fragment", UPLOAD[:30], 0)), (IN, bits_ack()),
        (OUT, bits("Fragment", UPLOAD[20:], 20)), (IN, bits_ack()),
        (OUT, bits("Close-Session")), (IN, bits_ack()),
    ),
    "listing": events(
        (OUT, b"PROPFIND /SMS_DP_SMSPKG$/P1 HTTP/1.1\r\nHost: dp\r\nContent-Length: 0\r\n\r\n"),
        (IN, http_ok(b'<D:multistatus xmlns:D="DAV:"><D:response><D:href>x</D:href></D:response></D:multistatus>', b"text/xml")),
    ),
    "policy-xml": events(
        (OUT, GET),
        (IN, http_ok(b'<PolicyXML Compression="zlib">' + zlib.compress(wide('<Policy PolicyID="1"/>')).hex().encode() + b"</PolicyXML>")),
    ),
    "reply-only": events((IN, http_ok(ASSIGNED)), (IN, http_ok(NO_REPLY))),
    "bytes": events((BYTES, GET), (IN, http_ok(b"<a/>"))),
    "tls": events((OUT, bytes.fromhex("160301002001000001") + b"\0" * 30), (IN, bytes.fromhex("160303000402000000"))),
}


def ipv4(protocol, payload, identity=1, offset=0, more=False):
    flags = offset // 8 | (0x2000 if more else 0)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identity, flags, 64, protocol, 0,
                       bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])) + payload


def tcp(flags, sequence, acknowledgement, payload=b"", ports=(50000, 80)):
    return struct.pack(">HHIIBBHHH", *ports, sequence, acknowledgement, 0x50, flags, 1000, 0, 0) + payload


def packets(link, *frames):
    return bytes([link]) + b"".join(struct.pack(">BBH", missing, 1, len(frame)) + frame for missing, frame in frames)


def ethernet(packet, kind=0x0800):
    return b"\0" * 12 + struct.pack(">H", kind) + packet


SEGMENT = tcp(0x18, 1, 1, b"0123456789abcdefghij")
def tag(number, value):
    return struct.pack(">HH", number, len(value)) + value


def exported(kind, name, protocol, port, content, numbers=b""):
    """A PDU as Wireshark exports it."""
    ends = [(20, b"\x0a\0\0\1"), (21, b"\x0a\0\0\2"), (24, bytes([0, 0, 0, 2 if protocol == 6 else 3])),
            (25, struct.pack(">I", 50000)), (26, struct.pack(">I", port))]
    tags = [(kind, name), *ends, *([(34, numbers)] if numbers else []), (0, b"")]
    return b"".join(tag(*each) for each in tags) + content


CAPTURES = {
    "connection": packets(0, *[(0, ethernet(ipv4(6, p))) for p in (
        tcp(2, 99, 0), tcp(0x18, 100, 1, b"GET / HTTP/1.1\r\n"), tcp(0x18, 120, 1, b"late"),
        tcp(0x18, 116, 1, b"gap!"), tcp(0x11, 124, 1), tcp(4, 125, 1))]),
    "hole": packets(0, *[(0, ethernet(ipv4(6, p))) for p in (tcp(2, 99, 0), tcp(0x18, 200, 1, b"x"), tcp(1, 300, 0))]),
    "fragments": packets(1, (0, ipv4(6, SEGMENT[:24], 7, 0, True)), (0, ipv4(6, SEGMENT[24:], 7, 24))),
    "cut": packets(0, (100, ethernet(ipv4(6, tcp(0x18, 1, 1, b"abc"))))),
    "vlan": packets(0, (0, ethernet(struct.pack(">HH", 5, 0x0800) + ipv4(6, tcp(0x18, 1, 1, b"abc")), 0x8100))),
    "ipv6": packets(8, (0, struct.pack(">IHBB", 0x60000000, 32, 0, 64) + b"\x20" * 32
                        + bytes([6, 0, 1, 4, 0, 0, 0, 0]) + tcp(0x18, 1, 1, b"abcd"))),
    "cooked": packets(3, (0, b"\0" * 14 + b"\x08\0" + ipv4(6, tcp(0x18, 1, 1, b"abc")))),
    "loopback": packets(2, (0, b"\x02\0\0\0" + ipv4(6, tcp(0x18, 1, 1, b"abc")))),
    "ppp": packets(6, (0, b"\xff\x03\0\x21" + ipv4(6, tcp(0x18, 1, 1, b"abc")))),
    "erf": packets(17, (0, bytes(8) + bytes([0x8b, 4, 0, 98, 0, 0, 0, 61, 4]) + bytes(9)
                        + ethernet(ipv4(6, tcp(0x18, 1, 1, b"abc"))))),
    "pktap": packets(18, (0, struct.pack("<III", 108, 1, 1) + bytes(96) + ethernet(ipv4(6, tcp(0x18, 1, 1, b"abc"))))),
    "exported": packets(19, (0, exported(13, b"http_tls", 6, 443, b"GET / ")), (0, exported(13, b"http_tls", 6, 443, b"GET / HTTP/1.1")),
                        (0, exported(14, b"tcp.port", 6, 445, b"smb", b"\0\1" + bytes(17))), (0, exported(12, b"http2", 6, 443, b"PRI")),
                        (0, exported(14, b"udp.port", 17, 53, b"question"))),
}



def ike_payload(following, body):
    return struct.pack(">BBH", following, 0, 4 + len(body)) + body


def ike_message(version, exchange, flags, first, payloads, answered=False):
    body = b"".join(payloads)
    return struct.pack(">8s8sBBBBII", b"initiate", b"responds" if answered else b"", first, version, exchange, flags, 0,
                       28 + len(body)) + body


def datagrams(*items):
    return b"".join(struct.pack(">BH", event, len(content)) + content for event, content in items)


IKE1_TRANSFORM = struct.pack(">BBHBBHHHHHHHHHHHHI", 0, 0, 36, 1, 1, 0, 0x8001, 7, 0x800e, 128, 0x8002, 2, 0x8003, 1, 0x8004, 2,
                             0x800b, 1)[:24] + struct.pack(">HHHHI", 0x800b, 1, 0x000c, 4, 28800)
IKE1_SA = struct.pack(">II", 1, 1) + ike_payload(0, struct.pack(">BBBB", 1, 1, 0, 1) + IKE1_TRANSFORM)
IKE2_TRANSFORMS = (struct.pack(">BBHBBHHH", 3, 0, 12, 1, 0, 12, 0x800e, 256) + struct.pack(">BBHBBH", 3, 0, 8, 2, 0, 5)
                   + struct.pack(">BBHBBH", 3, 0, 8, 3, 0, 12) + struct.pack(">BBHBBH", 0, 0, 8, 4, 0, 14))
IKE2_SA = ike_payload(0, struct.pack(">BBBB", 1, 1, 0, 4) + IKE2_TRANSFORMS)
WINDOWS = bytes.fromhex("1e2b516905991c7d7c96fcbfb587e46100000008")
IKES = {
    "main": b"\0" + datagrams((0, ike_message(0x10, 2, 0, 1, [ike_payload(13, IKE1_SA), ike_payload(0, WINDOWS)]))),
    "aggressive": b"\0" + datagrams((1, ike_message(0x10, 4, 0, 5, [ike_payload(0, b"\x02\x11\x01\xf4host.example")], True))),
    "quick": b"\0" + datagrams((0, ike_message(0x10, 32, 1, 8, [b"hidden"], True))),
    "sa-init": b"\1" + datagrams((0, b"\0\0\0\0" + ike_message(0x20, 34, 8, 33, [
        ike_payload(41, IKE2_SA), ike_payload(43, b"\0\0\x40\x04" + b"x" * 20), ike_payload(0, WINDOWS)]))),
    "auth": b"\1" + datagrams((1, b"\0\0\0\0" + ike_message(0x20, 35, 0x20, 46, [ike_payload(0, b"hidden")], True)), (0, b"\xff")),
}

NTLMS = {
    "unicode": ntlm(True),
    "oem": ntlm(False),
    "header": b"NTLM " + base64.b64encode(ntlm(True)),
    "spnego": b"\x60\x40\x06\x06" + ntlm(True),
    "basic": b"Basic " + base64.b64encode(b"user:password"),
    "path": b"http://mp:80/SMS_MP/.sms_pol?{1}.1_00",
}

XMLS = {
    "registration": REGISTRATION,
    "assignments": ASSIGNMENTS,
    "inventory": INVENTORY,
    "plain": "<?xml version='1.0' encoding=\"utf-16\" standalone='yes' ?>\r\n<a b = 'x&amp;&lt;\t\n' c=\"'\">\r\n one&gt;<b />two]"
             "\u00e9\u20ac\U0001f600&quot;<d>&apos; </d >\n</a>\n",
    "prefixes": "<p:a xmlns:p='urn:p' xmlns='urn:q' p:x='1' x='2'><p:b q:x=''/><b xmlns=''></b></p:a>",
    "not-plain": "<!DOCTYPE a [<!ENTITY e 'x'>]><a><!-- c --><?pi?>&#65;&e;<![CDATA[\r\n]]></a>",
}


def fragments(total, *items):
    """Fragments of fuzz_bits.c: (start, length, value of the bytes)."""
    return b"\1" + struct.pack(">H", total) + b"".join(struct.pack(">HHB", *item) for item in items)


UPLOADS = {
    "range": b"\0bytes 0-15999/70000",
    "range-odd": b"\0bytes 5-4/*",
    "in-order": fragments(100, (0, 50, 1), (50, 50, 2)),
    "reversed": fragments(100, (50, 50, 1), (0, 50, 2)),
    "overlapping": fragments(100, (0, 60, 1), (40, 60, 2), (10, 80, 3)),
    "holes": fragments(100, (0, 10, 1), (20, 10, 1), (40, 10, 1), (5, 40, 2)),
    "repeated": fragments(10, (0, 10, 1), (0, 10, 1), (0, 10, 9)),
}


CMS_VECTORS = (HERE.parent / "unit" / "cms_vectors.h").read_text()
POLICY = (
    '<Policy PolicyID="{1}"><instance class="CCM_NetworkAccessAccount"><property name="NetworkAccessPassword" secret="1">'
    "<value><![CDATA[" + "89130000" + "11" * 40 + "140000000400000008000000036600000000000000112233445566" + "77]]></value>"
    "</property></instance></Policy>"
)
CMS = {
    **{name.lower(): b"\0" + bytes.fromhex(vector("VECTOR_CMS_" + name)) for name in ("DES3", "RC2", "AES256", "BER")},
    **{name.lower(): b"\0" + bytes.fromhex(vector("VECTOR_CMS_" + name, CMS_VECTORS))
       for name in ("OAEP", "KEYID", "TWO", "NESTED", "STREAM")},
    "reply": b"\1" + bytes.fromhex(vector("VECTOR_REPLY_SIGNATURE", CMS_VECTORS)),
    "policy": b"\2" + POLICY.encode(),
    "packed": b"\2<PolicyXML>" + zlib.compress(wide(POLICY)).hex().encode() + b"</PolicyXML>",
    "secret": b"\3" + bytes.fromhex("89130000" + "11" * 40 + "1400000004000000080000000366000000000000" + "0011223344556677"),
    "wide": b"\4" + wide(POLICY),
}


def turns(items):
    """Turns of smb_bytes.py as events of streams.h."""
    return events(*((OUT if asks else IN, data) for asks, data in items))


def tokens(*items):
    return b"".join(struct.pack(">H", len(item)) + item for item in items)


def smb_session():
    session = b.Smb2().open_session("\\\\s\\SMS_SITE")
    session.ask(b.QUERY_INFO, b.file_system_request(), b.file_system_reply("NTFS"))
    session.ask(b.CREATE, b.create_request("a.TMP"), b.create_reply(2)).ask(b.WRITE, b.write_request(b"x" * 50), b.write_reply(50))
    session.ask(b.READ, b.read_request(9), b.read_reply(b"y" * 9)).ask(b.SET_INFO, b.rename_request("a.SNI"), b"\2\0")
    return session.ask(b.SET_INFO, b.delete_request(), b"\2\0").ask(b.CLOSE, b.close_request(), bytes(60))


def smb_pipe():
    session = b.Smb2().open_session("\\\\s\\IPC$", share_type=2)
    session.ask(b.CREATE, b.create_request("svcctl"), b.create_reply())
    session.ask(b.IOCTL, b.ioctl_request(b.rpc_bind(b.SVCCTL, 2)), b.ioctl_reply(b.rpc_bind_ack()))
    return session.ask(b.WRITE, b.write_request(b.rpc_request(12, b.create_service("x", "c:\\x"))), b.write_reply(9))


SMB1 = [
    (True, b.smb1_negotiate("LANMAN1.0", "NT LM 0.12")), (False, b.smb1_negotiate_reply(1)),
    (True, b.smb1_setup(b.spnego_init(b.ntlm_negotiate()), 2)),
    (False, b.smb1_setup_reply(b.spnego_reply(b.ntlm_challenge()), 2, status=b.MORE)),
    (True, b.smb1_setup(b.spnego_reply(b.ntlm_authenticate()), 3, user=9)), (False, b.smb1_setup_reply(b"", 3)),
    (True, b.smb1_tree("\\\\s\\C$", 4)), (False, b.smb1_tree_reply(4)), (True, b.smb1_create("\\a", 5)),
    (False, b.smb1_create_reply(3, 5)), (True, b.smb1_write(3, b"x" * 30, 6)), (False, b.smb1_write_reply(30, 6)),
    (True, b.smb1_close(3, 7)), (False, b.smb1_close(3, 7, reply=True)), (True, b.smb1_rename("\\a", "\\b", 8)),
]
SMBS = {
    "sender": turns(smb_session().turns),
    "pipe": turns(smb_pipe().turns),
    "smb1": turns(SMB1),
    "gap": turns(smb_session().turns[:10]) + events((GAP_OUT, 30)) + turns(smb_session().turns[10:]),
    "encrypted": turns([(True, b.nbss(b.transform(b"x" * 80))), (False, b.nbss(b.transform(b"y" * 80)))]),
    "netbios": events((OUT, b"\x81\0\0\x44" + (b"\x20" + b"CA" * 16 + b"\0") * 2), (IN, b"\x82\0\0\0"), (OUT, b"\x85\0\0\0")),
}


def rpc_auth(value):
    return b.rpc_auth(10, 5, value)


RPCS = {
    "mapper": turns([(True, b.rpc_bind(b.EPMAPPER, 3)), (False, b.rpc_bind_ack()), (True, b.rpc_request(3, bytes(40))),
                     (False, b.rpc_response(b.epm_response(b.tower(b.SVCCTL, 49670), b.tower(b.EFSRPC, 49671))))]),
    "service": turns([(True, b.rpc_bind(b.SVCCTL, 2, auth=rpc_auth(b.ntlm_negotiate()))),
                      (False, b.rpc_bind_ack(auth=rpc_auth(b.ntlm_challenge()))),
                      (True, b.rpc(16, bytes(4), auth=rpc_auth(b.ntlm_authenticate()))),
                      (True, b.rpc_request(12, b.create_service("ccmsetup", "c:\\x"), auth=rpc_auth(bytes(16)))),
                      (False, b.rpc_fault())]),
    "middle": turns([(True, b.rpc_request(15, bytes(24) + b.ndr_string("SOFTWARE"))), (False, b.rpc_response(bytes(24)))]),
}
SPNEGOS = {
    "ntlm": tokens(b.spnego_init(b.ntlm_negotiate()), b.spnego_reply(b.ntlm_challenge()), b.spnego_reply(b.ntlm_authenticate())),
    "raw": tokens(b.ntlm_negotiate(), b.ntlm_challenge(), b.ntlm_authenticate()),
    "kerberos": tokens(b.spnego_init(b.ap_request("cifs", "x"), b.KERBEROS_OID), b.ap_request("HTTP", "x")),
    "kdc": tokens(b.kdc_request(10, "krbtgt", "X", client="a"), b.kdc_error(7, "MSSQLSvc", "x:1433"), b.kdc_reply(13, "cifs", "x")),
    "header": tokens(b"Negotiate " + base64.b64encode(b.spnego_init(b.ntlm_negotiate())) + b", Basic"),
}


def header_of(body):
    """The header part of a message made by message()."""
    return body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--" + BOUNDARY, 1)[0]


def multipart_seed(kind, body):
    return bytes([len(kind)]) + kind + body


KIND = b'multipart/mixed; boundary="' + BOUNDARY + b'"'
HEADERS = {
    name: header_of(MESSAGES[name][1]) for name in ("location", "policy-signed", "policy-token", "inventory", "attached-mif")
} | {
    "utf-8": header_of(MESSAGES["location"][1])[2:].decode("utf-16-le").encode(),
    "utf-16-be": b"\xfe\xff" + header_of(MESSAGES["location"][1])[2:].decode("utf-16-le").encode("utf-16-be"),
    "odd": header_of(MESSAGES["location"][1]) + b"\0",
    "doctype": (DTD + "<Msg><ID>&a;</ID></Msg>").encode(),
    "twice": b'<Msg><ID>1</ID><ID>2</ID><Body Offset="0" Length="-1"/><Body/><Hooks><Hook Name="a"/><Hook2 Name="A"/></Hooks></Msg>',
}
MULTIPARTS = {
    "two": multipart_seed(KIND, message("MP_LocationManager", LOCATION, compress=False)),
    "sniffed": multipart_seed(b"", message("MP_LocationManager", LOCATION)),
    "no-reply": multipart_seed(KIND, NO_REPLY),
    "not-closed": multipart_seed(KIND, message("MP_LocationManager", LOCATION)[:-2]),
    "inside": multipart_seed(KIND, part(b"text/plain", b"<Msg/>") + part(b"x", b"a\r\n--" + BOUNDARY + b"\r\ncontent-x: y\r\n\r\nb")
                             + b"--" + BOUNDARY + b"--\r\n--" + BOUNDARY + b"--"),
    "form": multipart_seed(b"multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
                           b"--x\r\n\r\n2\r\n--x--\r\n"),
    "many": multipart_seed(b"a; boundary=x", b"--x\r\n\r\n\r\n" * 12 + b"--x--"),
}
# name: (flags, number of the endpoint in fuzz_body.c, text)
BODIES = {
    "registration": (0, 0, REGISTRATION),
    "registered": (1, 0, REGISTERED),
    "assignments": (1, 1, ASSIGNMENTS),
    "request": (0, 1, REQUEST),
    "location": (0, 2, LOCATION),
    "inventory": (0, 3, INVENTORY),
    "inventory-attached": (4, 3, INVENTORY),
    "state": (0, 6, STATE),
    "state-nested": (0, 6, NESTED),
    "mif": (4, 6, MIF.decode()),
    "two-data": (0, 0, REGISTRATION.replace("<Data", "<Data/><Data")),
}


def main():
    seeds = {
        "header": HEADERS,
        "multipart": MULTIPARTS,
        "body": {name: bytes([flags, endpoint]) + text.encode() for name, (flags, endpoint, text) in BODIES.items()},
        "bits": UPLOADS,
        "cms": CMS,
        "smb": SMBS,
        "rpc": RPCS,
        "spnego": SPNEGOS,
        "message": {name: bytes([flags]) + body for name, (flags, body) in MESSAGES.items()},
        "http": DIALOGUES,
        "decode": CAPTURES,
        "ntlm": NTLMS,
        "ike": IKES,
        "xml": {name: text.encode() for name, text in XMLS.items()},
    }
    for harness, files in seeds.items():
        folder = HERE / "corpus" / harness
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
