#!/usr/bin/env python3
"""Rows of SMB, RPC, NTLM and Kerberos, from connections built byte by byte: with gaps, in pieces, hostile."""

import base64
import struct
import sys
import tempfile
from pathlib import Path

import lab

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fuzz"))
import smb_bytes as b  # noqa: E402

SHARE = "\\\\site2.example.test\\SMS_SITE"
TEMPORARY = tempfile.TemporaryDirectory(prefix="cmscope-e2e-")
WORK = Path(TEMPORARY.name)


def capture(name, *conversations, piece=None, clients=()):
    """A capture of connections: each a list of turns with the port, client and start; a turn (None, n) is a gap."""
    packets = []
    for number, (port, turns) in enumerate(conversations):
        client = clients[number] if clients else "10.1.1.5"
        connection = lab.Conversation(client=(client, 50000 + number), server=(f"10.1.1.{1 + number}", port),
                                      start=1_700_000_000 * 10**9 + number * 10**10)
        for asks, data in turns:
            if asks is None:
                connection.next[data[0]] += data[1]
                continue
            for at in range(0, len(data), piece or len(data)):
                (connection.send if asks else connection.answer)(data[at : at + (piece or len(data))])
        connection.close()
        packets += connection.packets
    return lab.write_pcap(WORK / f"{name}.pcap", packets)


def rows(sql, path):
    return lab.query(sql, path, status=(lab.DONE, lab.INCOMPLETE))


def sender(signed=False, **options):
    """What a sender does: a package, and an instruction that is written under another name and renamed."""
    session = b.Smb2(signed).open_session(SHARE, **options)
    session.ask(b.QUERY_INFO, b.file_system_request(), b.file_system_reply("NTFS"))
    session.ask(b.CREATE, b.create_request("202SQCS1.PCK"), b.create_reply(2))
    for _ in range(3):
        session.ask(b.WRITE, b.write_request(b"p" * 4000), b.write_reply(4000))
    session.ask(b.CLOSE, b.close_request(), bytes(60))
    session.ask(b.CREATE, b.create_request("202SQCS1.TMP"), b.create_reply(2))
    session.ask(b.WRITE, b.write_request(b"i" * 100), b.write_reply(100))
    session.ask(b.SET_INFO, b.rename_request("202SQCS1.SNI"), b"\2\0")
    return session.ask(b.CLOSE, b.close_request(), bytes(60))


def test_sender():
    """A sender's session: what was negotiated, who, where to, what was written and renamed; the same in pieces of 3 bytes."""
    for piece in (None, 3):
        path = capture(f"sender-{piece}", (445, sender().turns), piece=piece)
        smb = rows("SELECT * FROM smb", path)
        lab.expect_equal(len(smb), 1, "sessions")
        wanted = {"dialect": "2.1", "dialects": "2.0.2,2.1", "server_signing": "enabled", "client_signing": "enabled",
                  "auth": "ntlm", "user": "PRI-SITE$", "domain": "CORP", "host": "SITE1", "service": "cifs/cm01",
                  "status": "SUCCESS", "signed": 0, "encrypted": 0, "client": "10.1.1.5", "server": "10.1.1.1", "port": 445}
        lab.expect_equal({key: smb[0][key] for key in wanted}, wanted, "session")
        tree = rows("SELECT path, host, share, purpose, status, type, written_bytes, file_system FROM smb_tree", path)
        lab.expect_equal(tree, [{"path": SHARE, "host": "site2.example.test", "share": "SMS_SITE", "purpose": "site-receive",
                                 "status": "SUCCESS", "type": "disk", "written_bytes": 12100, "file_system": "NTFS"}], "share")
        files = rows("SELECT name, purpose, operation, written_bytes, renamed_to FROM smb_file WHERE name IS NOT NULL", path)
        lab.expect_equal(files, [
            {"name": "202SQCS1.PCK", "purpose": "sender-package", "operation": "create,write", "written_bytes": 12000,
             "renamed_to": None},
            {"name": "202SQCS1.TMP", "purpose": "sender-temporary", "operation": "create,write,rename", "written_bytes": 100,
             "renamed_to": "202SQCS1.SNI"},
        ], "files")


def test_signed():
    """Messages are signed or not one by one; what the server requires is told beside."""
    path = capture("signed", (445, sender(signed=True, server_mode=3).turns))
    lab.expect_equal(rows("SELECT server_signing, signed, data_messages = data_signed AS same FROM smb", path),
                     [{"server_signing": "required", "signed": 1, "same": 1}], "a signed session")
    session = sender(signed=True)
    session.signed = False
    session.ask(b.READ, b.read_request(10), b.read_reply(b"x" * 10))
    path = capture("half-signed", (445, session.turns))
    lab.expect_equal(rows("SELECT signed, data_messages - data_signed AS bare FROM smb", path), [{"signed": 0, "bare": 2}],
                     "one exchange without a signature")


def test_interim():
    """An interim answer without a signature does not make a session unsigned, and the final one is still matched."""
    session = b.Smb2(True).open_session(SHARE)
    number = session.number
    session.turns.append((True, b.nbss(b.smb2(b.CREATE, b.create_request("a.PCK"), number, signed=True))))
    session.turns.append((False, b.nbss(b.smb2(b.CREATE, struct.pack("<HHIB", 9, 0, 0, 0), number, reply=True, status=b.PENDING,
                                              asynchronous=True))))
    session.turns.append((False, b.nbss(b.smb2(b.CREATE, b.create_reply(2), number, reply=True, signed=True, asynchronous=True))))
    path = capture("interim", (445, session.turns))
    lab.expect_equal(rows("SELECT signed FROM smb", path), [{"signed": 1}], "session")
    lab.expect_equal(rows("SELECT status, operation FROM smb_file", path), [{"status": "SUCCESS", "operation": "create"}], "file")


def test_encrypted():
    """Encrypted messages count for their session, and nothing in them is taken for clear."""
    session = b.Smb2().open_session(SHARE, dialects=(0x300, 0x311), chosen=0x311)
    session.turns += [(asks, b.nbss(b.transform(b"\x99" * 200))) for asks in (True, False, True, False)]
    path = capture("encrypted", (445, session.turns))
    lab.expect_equal(rows("SELECT dialect, encrypted, encrypted_messages, data_messages FROM smb", path),
                     [{"dialect": "3.1.1", "encrypted": 1, "encrypted_messages": 4, "data_messages": 0}], "session")


def test_compound():
    """Create, write and close in one compound, the later ones with the file of the first."""
    session = b.Smb2().open_session(SHARE)
    number = session.number
    ask = [(b.CREATE, b.create_request("x.CT4")), (b.WRITE, b.write_request(b"key", b.ANY)), (b.CLOSE, b.close_request(b.ANY))]
    answer = [(b.CREATE, b.create_reply(2)), (b.WRITE, b.write_reply(3)), (b.CLOSE, bytes(60))]
    for reply, parts in ((False, ask), (True, answer)):
        data = b"".join(b.smb2(command, body, number + i, reply=reply, related=i > 0, chained=i < 2)
                        for i, (command, body) in enumerate(parts))
        session.turns.append((not reply, b.nbss(data)))
    path = capture("compound", (445, session.turns))
    lab.expect_equal(rows("SELECT name, purpose, operation, bytes FROM smb_file", path),
                     [{"name": "x.CT4", "purpose": "key-exchange", "operation": "create,write", "bytes": 3}], "file")


def test_gaps():
    """A hole in what is written is passed over; one in a header loses that message and no other."""
    session = b.Smb2().open_session(SHARE)
    session.ask(b.CREATE, b.create_request("a.PCK"), b.create_reply(2))
    turns = session.turns
    write = b.nbss(b.smb2(b.WRITE, b.write_request(b"z" * 5000), 6))
    turns += [(True, write[:1000]), (None, (0, 3000)), (True, write[4000:])]
    turns += [(True, b.nbss(b.smb2(b.WRITE, b.write_request(b"z" * 700), 7)))]
    lost = b.nbss(b.smb2(b.WRITE, b.write_request(b"z" * 300), 8))
    turns += [(None, (0, 40)), (True, lost[40:]), (True, b.nbss(b.smb2(b.WRITE, b.write_request(b"z" * 11), 9)))]
    turns += [(True, b.nbss(b.smb2(b.CLOSE, b.close_request(), 10))), (False, b.nbss(b.smb2(b.CLOSE, bytes(60), 10, reply=True)))]
    path = capture("gaps", (445, turns))
    lab.expect_equal(rows("SELECT name, written_bytes FROM smb_file", path), [{"name": "a.PCK", "written_bytes": 5711}], "file")


def test_refused():
    """Errors that rules need: no such share, access denied, logon failure, no such file; a guest and a null session."""
    session = b.Smb2().open_session("\\\\c1\\IPC$", share_type=2)
    session.ask(b.TREE, b.tree_request("\\\\c1\\ADMIN$"), bytes(9), status=0xC00000CC)
    session.ask(b.CREATE, b.create_request("nothing"), bytes(9), status=b.NOT_FOUND)
    path = capture("refused", (445, session.turns))
    lab.expect_equal(rows("SELECT share, purpose, status FROM smb_tree", path),
                     [{"share": "IPC$", "purpose": "ipc", "status": "SUCCESS"},
                      {"share": "ADMIN$", "purpose": "admin", "status": "BAD_NETWORK_NAME"}], "shares")
    lab.expect_equal(rows("SELECT status, pipe FROM smb_file", path), [{"status": "OBJECT_NAME_NOT_FOUND", "pipe": 1}], "file")
    for flags, status, auth in ((1, b.SUCCESS, "guest"), (2, b.SUCCESS, "anonymous"), (0, 0xC000006D, "ntlm")):
        login = b.Smb2().ask(b.NEGOTIATE, b.negotiate_request(0x210), b.negotiate_reply(0x210), session=0)
        login.ask(b.SETUP, b.setup_request(b.ntlm_authenticate()), b.setup_reply(b"", flags), status=status)
        path = capture(f"login-{flags}", (445, login.turns))
        lab.expect_equal(rows("SELECT auth, status, guest, user FROM smb", path),
                         [{"auth": auth, "status": "LOGON_FAILURE" if status else "SUCCESS",
                           "guest": None if status else int(auth == "guest"), "user": "PRI-SITE$"}], "session")


def test_smb1():
    """SMB1 over the NetBIOS session service: dialect, signing required, session, share with its file system, rename."""
    turns = [(True, b"\x81\0\0\x44" + (b"\x20" + b"CA" * 16 + b"\0") * 2), (False, b"\x82\0\0\0")]
    turns += [(True, b.smb1_negotiate("LANMAN1.0", "NT LM 0.12")), (False, b.smb1_negotiate_reply(1, mode=0x0F))]
    turns += [(True, b.smb1_setup(b.spnego_init(b.ntlm_negotiate()), 2))]
    turns += [(False, b.smb1_setup_reply(b.spnego_reply(b.ntlm_challenge()), 2, status=b.MORE))]
    turns += [(True, b.smb1_setup(b.spnego_reply(b.ntlm_authenticate()), 3, user=9)), (False, b.smb1_setup_reply(b"", 3))]
    turns += [(True, b.smb1_tree("\\\\OLD\\CAP_PRI", 4)), (False, b.smb1_tree_reply(4, system="FAT32"))]
    turns += [(True, b.smb1_create("\\a.TMP", 5)), (False, b.smb1_create_reply(3, 5))]
    turns += [(True, b.smb1_write(3, b"x" * 3000, 6)), (False, b.smb1_write_reply(3000, 6))]
    turns += [(True, b.smb1_close(3, 7)), (False, b.smb1_close(3, 7, reply=True))]
    turns += [(True, b.smb1_rename("\\a.TMP", "\\a.SNI", 8)), (False, b.smb1(7, b"", b"", 8, reply=True))]
    for piece in (None, 5):
        path = capture(f"smb1-{piece}", (139, turns), piece=piece)
        lab.expect_equal(rows("SELECT dialect, server_signing, user, auth, server_os, signed FROM smb", path),
                         [{"dialect": "NT LM 0.12", "server_signing": "required", "user": "PRI-SITE$", "auth": "ntlm",
                           "server_os": "Windows 5.2", "signed": 0}], "session")
        lab.expect_equal(rows("SELECT share, purpose, file_system FROM smb_tree", path),
                         [{"share": "CAP_PRI", "purpose": "cap", "file_system": "FAT32"}], "share")
        lab.expect_equal(rows("SELECT name, operation, written_bytes, renamed_to FROM smb_file", path),
                         [{"name": "\\a.TMP", "operation": "create,write", "written_bytes": 3000, "renamed_to": None},
                          {"name": "\\a.TMP", "operation": "rename", "written_bytes": 0, "renamed_to": "\\a.SNI"}], "files")


def pipe(name, *fragments):
    """A session with a pipe: each fragment that is asked goes by transceive with its answer."""
    session = b.Smb2().open_session("\\\\c1\\IPC$", share_type=2)
    session.ask(b.CREATE, b.create_request(name), b.create_reply())
    for ask, answer in fragments:
        session.ask(b.IOCTL, b.ioctl_request(ask), b.ioctl_reply(answer))
    return session.turns


def test_client_push():
    """Client push: ccmsetup.exe to ADMIN$, then a service made over the pipe svcctl, whose name is readable."""
    session = b.Smb2().open_session("\\\\c1\\ADMIN$")
    session.ask(b.CREATE, b.create_request("ccmsetup\\ccmsetup.exe"), b.create_reply(2))
    stub = b.create_service("ccmsetup", "C:\\WINDOWS\\ccmsetup\\ccmsetup.exe")
    turns = pipe("svcctl", (b.rpc_bind(b.SVCCTL, 2), b.rpc_bind_ack()), (b.rpc_request(12, stub, call=2), b.rpc_response(bytes(28))))
    path = capture("push", (445, session.turns), (445, turns))
    lab.expect_equal(rows("SELECT purpose FROM smb_file ORDER BY packet", path),
                     [{"purpose": "client-push"}, {"purpose": "service-control"}], "files")
    lab.expect_equal(rows("SELECT transport, interface, interface_version, accepted, auth, opnums, operations, objects FROM rpc", path),
                     [{"transport": "pipe", "interface": "svcctl", "interface_version": "2.0", "accepted": 1, "auth": "none",
                       "opnums": "12", "operations": "CreateServiceW",
                       "objects": "ccmsetup\nC:\\WINDOWS\\ccmsetup\\ccmsetup.exe"}], "calls")


def test_wmi():
    """The namespace of a WMI login is readable below privacy."""
    login = bytes.fromhex("18ad09f36ad8d011a07500c04fb68820")
    stub = bytes(32) + struct.pack("<I", 0x20000) + b.ndr_string("//./root/sms/site_PRI") + bytes(12)
    turns = [(True, b.rpc_bind(login, 0)), (False, b.rpc_bind_ack()), (True, b.rpc_request(6, stub))]
    path = capture("wmi", (49200, turns))
    lab.expect_equal(rows("SELECT interface, purpose, operations, objects FROM rpc", path),
                     [{"interface": "IWbemLevel1Login", "purpose": "wmi", "operations": "NTLMLogin",
                       "objects": "//./root/sms/site_PRI"}], "login")


def test_rpc_levels():
    """The level is that of the requests: sealed ones tell no names, and one without protection lowers it."""
    def auth(value, level):
        return b.rpc_auth(10, level, value)

    def turns(*requests):
        return [(True, b.rpc_bind(b.WINREG, auth=auth(b.ntlm_negotiate(), 6))),
                (False, b.rpc_bind_ack(auth=auth(b.ntlm_challenge(), 6))),
                (True, b.rpc(16, bytes(4), auth=auth(b.ntlm_authenticate(), 6))), *[(True, one) for one in requests]]

    sealed = b.rpc_request(15, bytes(24) + b.ndr_string("SOFTWARE\\Microsoft\\SMS"), auth=auth(bytes(16), 6))
    bare = b.rpc_request(2, bytes(8))
    path = capture("levels", (49155, turns(sealed)), (49156, turns(sealed, bare)))
    lab.expect_equal(rows("SELECT auth, auth_type, auth_level, calls, objects, operations FROM rpc ORDER BY id", path), [
        {"auth": "ntlm", "auth_type": 10, "auth_level": 6, "calls": 1, "objects": None, "operations": "BaseRegOpenKey"},
        {"auth": "none", "auth_type": 0, "auth_level": 1, "calls": 2, "objects": None, "operations": "OpenLocalMachine,BaseRegOpenKey"},
    ], "interfaces")


def test_endpoints():
    """The endpoint mapper's towers: interface, protocol, address and port; a coercion call is named with its path."""
    mapper = [(True, b.rpc_bind(b.EPMAPPER, 3)), (False, b.rpc_bind_ack()), (True, b.rpc_request(3, bytes(40))),
              (False, b.rpc_response(b.epm_response(b.tower(b.SVCCTL, 49670), b.tower(b.EFSRPC, 49671))))]
    coerce = pipe("lsarpc", (b.rpc_bind(b.EFSRPC), b.rpc_bind_ack()),
                  (b.rpc_request(0, b.ndr_string("\\\\10.9.9.9\\x\\y")), b.rpc_fault()))
    path = capture("endpoints", (135, mapper), (445, coerce))
    lab.expect_equal(rows("SELECT interface, protocol, host, port FROM rpc_endpoint", path), [
        {"interface": "svcctl", "protocol": "ncacn_ip_tcp", "host": "10.1.1.1", "port": 49670},
        {"interface": "efsrpc", "protocol": "ncacn_ip_tcp", "host": "10.1.1.1", "port": 49671}], "endpoints")
    lab.expect_equal(rows("SELECT purpose, operations, objects, faults FROM rpc WHERE interface = 'efsrpc'", path),
                     [{"purpose": "coercion", "operations": "EfsRpcOpenFileRaw", "objects": "\\\\10.9.9.9\\x\\y", "faults": 1}], "call")


def test_relay():
    """The same challenge in authentications to two hosts is told as a relay, whatever carried them."""
    def login(challenge):
        return (b.Smb2().ask(b.NEGOTIATE, b.negotiate_request(0x210), b.negotiate_reply(0x210), session=0)
                .ask(b.SETUP, b.setup_request(b.ntlm_negotiate()), b.setup_reply(b.ntlm_challenge(challenge=challenge)), status=b.MORE)
                .ask(b.SETUP, b.setup_request(b.ntlm_authenticate()), b.setup_reply(b"")).turns)

    def http(token):
        return b"NTLM " + base64.b64encode(token) + b"\r\n"

    web = [(True, b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: " + http(b.ntlm_negotiate()) + b"\r\n"),
           (False, b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: " + http(b.ntlm_challenge()) + b"\r\n"),
           (True, b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: " + http(b.ntlm_authenticate()) + b"\r\n"),
           (False, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    path = capture("relay", (445, login(b.CHALLENGE)), (80, web), (445, login(b"\x01" * 8)), clients=("10.1.1.2", "10.1.1.5", "10.1.1.5"))
    found = rows("""SELECT i.carrier AS one, r.carrier AS other, issued_by, issued_to, repeated_by, repeated_to, n.user, grade
                    FROM ntlm_relay n JOIN ntlm i ON i.id = n.issued JOIN ntlm r ON r.id = n.repeated""", path)
    lab.expect_equal(found, [{"one": "smb", "other": "http", "issued_by": "10.1.1.1", "issued_to": "10.1.1.2", "repeated_by": "10.1.1.2",
                              "repeated_to": "10.1.1.5", "user": "PRI-SITE$", "grade": "proof"}], "the same challenge")


def test_ntlm_kinds():
    """Kinds of the response, by its length and flags; the response itself is nowhere in the tables."""
    plain = b.FLAGS & ~0x80000
    kinds = {"ntlmv2": b.ntlm_authenticate(), "ntlmv1": b.ntlm_authenticate(response=b"\xab" * 24, flags=plain),
             "ntlmv1-ess": b.ntlm_authenticate(response=b"\xab" * 24), "anonymous": b.ntlm_authenticate("", "", response=b"", lm=b"\0"),
             "lm": b.ntlm_authenticate(response=b"", flags=plain, lm=b"\xab" * 24)}
    for kind, token in kinds.items():
        login = b.Smb2().ask(b.SETUP, b.setup_request(token), b.setup_reply(b""))
        path = capture(f"ntlm-{kind}", (445, login.turns))
        found = rows("SELECT * FROM ntlm", path)
        lab.expect_equal([(row["response"], row["anonymous"]) for row in found], [(kind, int(kind == "anonymous"))], kind)
        lab.expect("ABABABAB" not in str(found).upper() and "11111111" not in str(found), f"{kind}: the response is told")


def test_kerberos():
    """Requests, replies and errors over TCP and UDP-like pieces, and an AP-REQ inside SPNEGO of an SMB session."""
    def framed(message):
        return struct.pack(">I", len(message)) + message

    turns = [(True, framed(b.kdc_request(10, "krbtgt", "EXAMPLE.TEST", client="alice", etypes=(18, 23)))),
             (False, framed(b.kdc_error(25, "krbtgt", "EXAMPLE.TEST"))),
             (True, framed(b.kdc_request(12, "MSSQLSvc", "sql.example.test:1433"))),
             (False, framed(b.kdc_error(7, "MSSQLSvc", "sql.example.test:1433"))),
             (False, framed(b.kdc_reply(13, "cifs", "cm01", etype=23)))]
    login = b.Smb2().ask(b.SETUP, b.setup_request(b.spnego_init(b.ap_request("cifs", "cm01.example.test"), b.KERBEROS_OID)),
                         b.setup_reply(b""))
    for piece in (None, 7):
        path = capture(f"kerberos-{piece}", (88, turns), (445, login.turns), piece=piece)
        found = rows("SELECT carrier, message, client, service, realm, error_name, etype, etypes FROM kerberos ORDER BY id", path)
        short = [tuple(row.values()) for row in found]
        realm = "EXAMPLE.TEST"
        lab.expect_equal(short, [
            ("kdc", "AS-REQ", "alice", "krbtgt/EXAMPLE.TEST", realm, None, None, "aes256-cts-hmac-sha1-96,rc4-hmac"),
            ("kdc", "KRB-ERROR", None, "krbtgt/EXAMPLE.TEST", realm, "KDC_ERR_PREAUTH_REQUIRED", None, None),
            ("kdc", "TGS-REQ", None, "MSSQLSvc/sql.example.test:1433", realm, None, None,
             "aes256-cts-hmac-sha1-96,aes128-cts-hmac-sha1-96,rc4-hmac"),
            ("kdc", "KRB-ERROR", None, "MSSQLSvc/sql.example.test:1433", realm, "KDC_ERR_S_PRINCIPAL_UNKNOWN", None, None),
            ("kdc", "TGS-REP", "alice", "cifs/cm01", realm, None, 23, None),
            ("smb", "AP-REQ", None, "cifs/cm01.example.test", realm, None, 18, None),
        ], "messages")
        lab.expect_equal(rows("SELECT auth, service FROM smb", path),
                         [{"auth": "kerberos", "service": "cifs/cm01.example.test"}], "session")


def test_hostile():
    """Lengths and offsets that lie are refused; what came before and comes after is read."""
    session = b.Smb2().open_session(SHARE)
    lies = [struct.pack("<HHIQ", 49, 0xFFFF, 0xFFFFFFFF, 0) + b.FILE + bytes(16), struct.pack("<HHHH", 9, 0, 0xFFFF, 0xFFFF),
            b.rename_request("x")[:-1] + b"\xff", b"", b"\0" * 3]
    for body in lies:
        for command in (b.WRITE, b.TREE, b.SET_INFO, b.CREATE, b.SETUP, b.IOCTL, 18, 999):
            session.ask(command, body, body)
    chain = b.smb2(b.CLOSE, b.close_request(), 900)
    session.turns.append((True, b.nbss(chain[:20] + struct.pack("<I", 0xFFFFFFF8) + chain[24:])))
    session.turns.append((True, b"\0\xff\xff\xff\xfeSMB\x40\0" + bytes(3000)))
    path = capture("hostile", (445, session.turns))
    lab.expect_equal(rows("SELECT user, dialect FROM smb WHERE dialect IS NOT NULL AND user IS NOT NULL", path)[:1],
                     [{"user": "PRI-SITE$", "dialect": "2.1"}], "what came before")
    many = b.Smb2().open_session(SHARE)
    for number in range(700):
        many.ask(b.CREATE, b.create_request(f"f{number}"), b.create_reply(1, struct.pack("<QQ", number, 1)))
    path = capture("many", (445, many.turns))
    lab.expect_equal(rows("SELECT count(*) AS n, count(DISTINCT name) AS names FROM smb_file", path), [{"n": 700, "names": 700}],
                     "files beyond what a connection remembers")


if __name__ == "__main__":
    lab.main(test_sender, test_signed, test_interim, test_encrypted, test_compound, test_gaps, test_refused, test_smb1,
             test_client_push, test_wmi, test_rpc_levels, test_endpoints, test_relay, test_ntlm_kinds, test_kerberos, test_hostile)
