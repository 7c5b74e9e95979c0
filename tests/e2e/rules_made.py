#!/usr/bin/env python3
"""Rules about what servers, clients and administrators say to each other, over captures made here: each with one that fails and one
that passes, or that decides nothing."""

import struct

import lab
import made
from made import ANY, CLIENT, DC, MP, OTHER, PROXY, SECOND, SITE, START, b, capture, declared, expect_verdict, talk

BAD_NETWORK_NAME = 0xC00000CC
MP_DECLARED = declared(("management_point", MP))
CONSOLE = "admins:\n  - {kind: console, address: %s}\n"


# ---- TLS and certificates -------------------------------------------------------------------------------------------


def test_revocation():
    """CRT-3: no address in a certificate fails; the list, fetched after the handshake by the same client, passes; a client that
    could not get it and came again fails; one that did not ask decides nothing."""
    ca, url = made.authority(), "http://10.1.1.90/ca.crl"
    without, with_list = made.certificate(ca, "cm01", "server"), made.certificate(ca, "cm01", "server", url)
    shown, fetch = made.tls(with_list), made.http_get("/ca.crl", "10.1.1.90", agent="Microsoft-CryptoAPI/6.1")
    refused = made.http_get("/ca.crl", "10.1.1.90", "404 Not Found")
    path = capture("crl-none", talk(1, CLIENT, MP, 443, made.tls(without)))
    expect_verdict(path, "CRT-3", "fail", "names no revocation list", MP_DECLARED, "proof", "declared")
    expect_verdict(path, "CRT-3", "notobserved", "")  # nobody knows what server that is
    path = capture("crl-fetched", talk(1, CLIENT, MP, 443, shown), talk(2, CLIENT, "10.1.1.90", 80, fetch))
    expect_verdict(path, "CRT-3", "pass", "got the revocation list", MP_DECLARED, "proof", "declared")
    path = capture("crl-one-of-two", talk(1, CLIENT, MP, 443, shown), talk(2, CLIENT, "10.1.1.90", 80, fetch),
                   talk(3, OTHER, MP, 443, shown))
    expect_verdict(path, "CRT-3", "notobserved", "was not seen to fetch", MP_DECLARED)
    elsewhere = MP_DECLARED + "pki:\n  - {kind: crl, value: %s}\n"
    expect_verdict(path, "CRT-3", "notobserved", "none of the declared hosts", elsewhere % "pki.example.test")
    expect_verdict(path, "CRT-3", "notobserved", "was not seen to fetch", elsewhere % "10.1.1.90")
    path = capture("crl-before", talk(1, CLIENT, "10.1.1.90", 80, fetch), talk(2, CLIENT, MP, 443, shown))
    expect_verdict(path, "CRT-3", "notobserved", "was not seen to fetch", MP_DECLARED)
    path = capture("crl-missing", talk(1, CLIENT, MP, 443, shown), talk(2, CLIENT, "10.1.1.90", 80, refused),
                   talk(3, CLIENT, MP, 443, made.tls(with_list)))
    expect_verdict(path, "CRT-3", "fail", "connected again all the same", MP_DECLARED, "strong", "declared")
    path = capture("crl-missing-end", talk(1, CLIENT, MP, 443, shown), talk(2, CLIENT, "10.1.1.90", 80, refused))
    expect_verdict(path, "CRT-3", "notobserved", "could not get the revocation list", MP_DECLARED)
    syns = [(START + second * SECOND, talk(2, CLIENT, "10.1.1.90", 80, [])[0][1]) for second in (2, 5, 11)]
    path = capture("crl-unreachable", talk(1, CLIENT, MP, 443, shown), syns, talk(20, CLIENT, MP, 443, made.tls(with_list)))
    expect_verdict(path, "CRT-3", "fail", "connected again all the same", MP_DECLARED, "strong", "declared")


def test_native_mode():
    """RSC-1, COM-1, CLN-1: where management points are declared, TLS with client certificates to all of them passes; without a
    certificate, or to one of two, it does not; a clear answer fails."""
    ca = made.authority()
    server, client = made.certificate(ca, "cm01", "server"), made.certificate(ca, "ws5", "client")
    mutual, half = talk(1, CLIENT, MP, 443, made.tls(server, client, ca)), talk(5, OTHER, MP, 443, made.tls(server))
    clear = talk(9, OTHER, MP, 80, made.http_get("/SMS_MP/.sms_aut?MPLIST"))
    for rule in ("RSC-1", "COM-1", "CLN-1"):
        path = capture("native", mutual)
        expect_verdict(path, rule, "pass", "the client proved a certificate", MP_DECLARED, "proof", "declared")
        expect_verdict(path, rule, "notobserved", "declares no management point")
        expect_verdict(path, rule, "notobserved", "not so, or not known, of all", declared(("management_point", MP), ("distribution_point", SITE)))
        expect_verdict(capture("native-half", mutual, half), rule, "notobserved", "was not seen to prove", MP_DECLARED)
        expect_verdict(capture("native-clear", mutual, clear), rule, "fail", "over clear HTTP", MP_DECLARED, "proof")


def test_client_certificates():
    """CRT-4: one certificate on two computers fails; on one it decides nothing; without names, or behind address translation, it is
    a hint."""
    ca = made.authority()
    server, client = made.certificate(ca, "cm01", "server"), made.certificate(ca, "ws5", "client")
    both = [talk(second, host, MP, 443, made.tls(server, client, ca)) for second, host in ((1, CLIENT), (2, OTHER))]
    names = made.dns(3, MP, DC, "ws5.example.test", CLIENT) + made.dns(4, MP, DC, "ws6.example.test", OTHER)
    path = capture("certificate-copied", *both, names)
    expect_verdict(path, "CRT-4", "fail", "computers of different names", MP_DECLARED, "strong", "declared")
    expect_verdict(path, "CRT-4", "notobserved", "Only hints", MP_DECLARED + "taps:\n  - {name: x, translation: nat}\n")
    expect_verdict(capture("certificate-moved", *both), "CRT-4", "notobserved", "from different addresses", MP_DECLARED)
    expect_verdict(capture("certificate-once", both[0], names), "CRT-4", "notobserved", "", MP_DECLARED)
    refused = talk(1, CLIENT, MP, 443, made.tls(server, client, ca, crl=made.revoked(ca, client)))
    path = capture("certificate-revoked", refused, talk(5, CLIENT, MP, 443, made.tls(server, client, ca)))
    lab.expect_equal(lab.tshark(path, "tls.alert_message.desc == 44", "frame.number") != [], True, "OpenSSL said that it is revoked")
    expect_verdict(path, "CRT-4", "fail", "refused as revoked and accepted later", MP_DECLARED, "strong", "declared")
    expect_verdict(capture("certificate-refused", refused), "CRT-4", "notobserved", "", MP_DECLARED)
    wrong = talk(1, CLIENT, MP, 443, made.tls_named(server, made.certificate(ca, "ws5", "server"), ca))
    expect_verdict(capture("certificate-purpose", wrong), "CRT-4", "fail", "without the purpose of client", MP_DECLARED, "strong", "declared")


def test_authorities():
    """CRT-5: named authorities that are declared pass; others fail; an empty list, or nothing declared, decides nothing; a public
    authority fails by its name."""
    ca, public = made.authority(), made.authority("VeriSign Class 3 Public Primary CA")
    pki = MP_DECLARED + "pki:\n  - {kind: issuer, value: 'CN=%s'}\n"
    server, client = made.certificate(ca, "cm01", "server"), made.certificate(ca, "ws5", "client")
    path = capture("authorities", talk(1, CLIENT, MP, 443, made.tls_named(server, client, ca)))
    expect_verdict(path, "CRT-5", "pass", "declared authorities only", pki % "Example CA", "proof", "declared")
    expect_verdict(path, "CRT-5", "fail", "is not declared", pki % "Contoso Root CA", "proof", "declared")
    expect_verdict(path, "CRT-5", "notobserved", "declares none", MP_DECLARED)
    path = capture("authorities-public", talk(1, CLIENT, MP, 443, made.tls_named(server, made.certificate(public, "ws5", "client"), public)))
    expect_verdict(path, "CRT-5", "fail", "public authority", MP_DECLARED, "strong", "declared")
    path = capture("authorities-not-named", talk(1, CLIENT, MP, 443, made.tls(server, client, ca)))
    expect_verdict(path, "CRT-5", "notobserved", "names no authority", pki % "Example CA")
    path = capture("authorities-not-asked", talk(1, CLIENT, MP, 443, made.tls(server)))
    expect_verdict(path, "CRT-5", "notobserved", "", pki % "Example CA")


def test_bridging():
    """IBC-1: the same TLS on both sides of a proxy fails; TLS of its own on both sides, with certificates, passes; HTTP behind it
    fails; clients that are asked for no certificate fail; one side alone decides nothing."""
    ca = made.authority()
    server, client = made.certificate(ca, "cm01", "server"), made.certificate(ca, "ws5", "client")
    proxy, as_client = made.certificate(ca, "proxy", "server"), made.certificate(ca, "proxy", "client")
    site, internet = declared(("management_point", MP), ("proxy", PROXY)), "203.0.113.5"
    through = made.tls(server, client, ca)
    outside, inside = made.tls(proxy, client, ca), made.tls(server, as_client, ca)
    path = capture("tunnelled", talk(1, internet, PROXY, 443, through), talk(2, PROXY, MP, 443, through))
    expect_verdict(path, "IBC-1", "fail", "passed through", site, "proof", "declared")
    expect_verdict(path, "IBC-1", "notobserved", "")
    path = capture("bridged", talk(1, internet, PROXY, 443, outside), talk(2, PROXY, MP, 443, inside))
    expect_verdict(path, "IBC-1", "pass", "opens TLS of its own", site, "proof", "declared")
    path = capture("bridged-one-side", talk(2, PROXY, MP, 443, inside))
    expect_verdict(path, "IBC-1", "notobserved", "", site)
    path = capture("terminated", talk(1, internet, PROXY, 443, made.tls(proxy)), talk(2, PROXY, MP, 443, inside))
    expect_verdict(path, "IBC-1", "fail", "no certificate", site, "strong", "declared")
    path = capture("clear-inside", talk(1, internet, PROXY, 443, outside), talk(2, PROXY, MP, 80, made.http_get("/SMS_MP/.sms_aut?MPLIST")))
    expect_verdict(path, "IBC-1", "fail", "HTTP in clear", site, "proof", "declared")


def test_thresholds():
    """CRT-2: what the site file declares of keys goes before the thresholds of the program, in all profiles."""
    long_keys = "pki:\n  - {kind: rsa_bits, value: '4096'}\n"
    old = ("--profile", "2007-mixed")
    expect_verdict(lab.SCCMWTF, "CRT-2", "fail", "RSA key shorter than 4096 bits", long_keys, "proof", "declared", old)
    expect_verdict(lab.SCCMWTF, "CRT-2", "notobserved", "", "pki:\n  - {kind: rsa_bits, value: '1024'}\n", options=old)
    ca, purpose = made.authority(), "pki:\n  - {kind: server_days, value: '9000'}\n  - {kind: client_days, value: '9000'}\n  - {kind: eku, value: %s}\n"
    server, client = made.certificate(ca, "cm01", "server"), made.certificate(ca, "ws5", "client")
    path = capture("purposes", talk(1, CLIENT, MP, 443, made.tls(server, client, ca)), talk(2, CLIENT, MP, 80, made.http_get("/SMS_MP/.sms_aut?MPLIST")))
    expect_verdict(path, "CRT-2", "fail", "without the declared purpose 1.3.6.1.4.1.311.21.5", purpose % "1.3.6.1.4.1.311.21.5", "proof", "declared", old)
    expect_verdict(path, "CRT-2", "pass", "certificate is valid", purpose % "1.3.6.1.5.5.7.3.2", "proof", "declared", old)


# ---- Site systems ---------------------------------------------------------------------------------------------------


def test_file_systems():
    """SYS-4: FAT on a share of a site system fails, NTFS passes, unless another site system was not asked."""
    for system, result in (("FAT32", "fail"), ("NTFS", "pass")):
        path = capture(f"file-system-{system}", talk(1, CLIENT, SITE, 445, made.share("\\\\cm01\\SMS_PRI", system)))
        expect_verdict(path, "SYS-4", result, f"is on {system}", declared(("site_server", SITE)), "proof", "declared")
        expect_verdict(path, "SYS-4", result, f"is on {system}", grade="strong", basis="learned")
    expect_verdict(path, "SYS-4", "notobserved", "not so, or not known", declared(("site_server", SITE), ("management_point", MP)))


def test_names():
    """SYS-8: a full name passes, unless another site system was called by none."""
    load = talk(1, CLIENT, MP, 80, made.http_get("/SMS_DP_SMSPKG$/PRI00001/a.cab"))
    expect_verdict(capture("names", load), "SYS-8", "pass", "full DNS name", grade="proof")
    send = talk(2, OTHER, SITE, 445, made.share("\\\\10.1.1.12\\SMS_SITE", then=made.write_file("202SQSEC.PCK", b"job" * 100)))
    lab.expect(made.verdict(capture("names-some", load, send), "SYS-8")["result"] != "pass", "a site system without a name")


def test_admin_share():
    """SYS-5: a site system without ADMIN$ fails, one that has it passes, one that refuses access has it."""
    for status, result in ((BAD_NETWORK_NAME, "fail"), (b.SUCCESS, "pass"), (0xC0000022, "pass")):
        path = capture(f"admin-{result}", talk(1, SITE, MP, 445, made.share("\\\\cm02\\ADMIN$", status=status)))
        expect_verdict(path, "SYS-5", result, "share ADMIN$", MP_DECLARED, "proof", "declared")
    path = capture("admin-not-asked", talk(1, SITE, MP, 445, made.share("\\\\cm02\\SMS_DP$")))
    expect_verdict(path, "SYS-5", "notobserved", "", MP_DECLARED)


def test_sql():
    """SQL-5: readable statements fail, and so does the built-in administrator; a connection in TLS passes; another database, or
    one of nobody, decides nothing."""
    path = capture("sql-clear", talk(1, SITE, "10.1.1.50", 1433, made.sql_session()))
    expect_verdict(path, "SQL-5", "fail", "statements to the site database can be read", grade="strong", basis="learned")
    path = capture("sql-sa", talk(1, SITE, "10.1.1.50", 1433, made.sql_session("sa")[:4]))
    expect_verdict(path, "SQL-5", "fail", "(sa) logged in", grade="strong", basis="learned")
    path = capture("sql-other", talk(1, SITE, "10.1.1.50", 1433, made.sql_session(database="SUSDB")))
    expect_verdict(path, "SQL-5", "notobserved", "")
    wrapped = [(asks, made.tds(18, data) if place < 5 else data)
               for place, (asks, data) in enumerate(made.tls(made.certificate(made.authority(), "sql01", "server")))]
    turns = [(True, made.prelogin(1)), (False, made.prelogin(1, reply=True)), *wrapped]
    path = capture("sql-tls", talk(1, SITE, "10.1.1.50", 1433, turns))
    site = "sql_servers:\n  - {address: 10.1.1.50, site: PRI}\n"
    expect_verdict(path, "SQL-5", "pass", "are encrypted", site, "proof", "declared")
    expect_verdict(path, "SQL-5", "notobserved", "")


def test_versions():
    """FUN-2: a version without security updates fails, of a server of the site, at the time of the capture; a newer one, another
    host, or an older capture decides nothing."""
    def web(header, second=1):
        turns = made.http_get("/SMS_MP/.sms_aut?MPLIST", headers=f"Server: Microsoft-IIS/{header}\r\n".encode())
        return capture(f"iis-{header}-{second}", talk(second, CLIENT, MP, 80, turns))

    expect_verdict(web("6.0"), "FUN-2", "fail", "no security updates", grade="strong", basis="learned")
    expect_verdict(web("10.0"), "FUN-2", "notobserved", "")
    expect_verdict(web("6.0", -420_000_000), "FUN-2", "notobserved", "")  # July 2010
    path = capture("iis-other", talk(1, CLIENT, MP, 80, made.http_get("/", headers=b"Server: Microsoft-IIS/6.0\r\n")))
    expect_verdict(path, "FUN-2", "notobserved", "", MP_DECLARED)
    old = made.share("\\\\cm01\\SMS_PRI")
    for place, (asks, data) in enumerate(old):
        old[place] = (asks, data.replace(b.VERSION, b"\6\1" + struct.pack("<H", 7601) + b.VERSION[4:]))
    path = capture("ntlm-2008r2", talk(1, CLIENT, SITE, 445, old))
    expect_verdict(path, "FUN-2", "fail", "no security updates", grade="strong", basis="learned")


def test_keys_of_sites():
    """HIE-4, COM-2: a key file over unsigned SMB fails; signed it does not; a sender passes only where its receiver read keys in
    Active Directory."""
    key = made.write_file("inboxes\\hman.box\\SEC.CT4", b"key" * 100)
    job = made.write_file("202SQSEC.PCK", b"job" * 100)
    look = made.ldap_search(1, made.CONTAINER, "mSSMSSite", ["serviceBindingInformation"], [made.site_entry("SEC")])
    for rule in ("HIE-4", "COM-2"):
        path = capture("key-unsigned", talk(1, OTHER, SITE, 445, made.share("\\\\cm01\\SMS_PRI", then=key)))
        expect_verdict(path, rule, "fail", "neither signed nor encrypted", grade="strong")
        path = capture("key-signed", talk(1, OTHER, SITE, 445, made.share("\\\\cm01\\SMS_PRI", then=key, signed=True)))
        expect_verdict(path, rule, "notobserved", "")
        sends = talk(2, OTHER, SITE, 445, made.share("\\\\cm01\\SMS_SITE", then=job))
        expect_verdict(capture("key-not-seen", sends), rule, "notobserved", "was not seen")
        path = capture("key-in-directory", talk(1, SITE, DC, 389, look), sends)
        expect_verdict(path, rule, "pass", "read keys of sites in Active Directory", grade="strong")
        path = capture("key-of-another", talk(1, CLIENT, DC, 389, look), sends)
        expect_verdict(path, rule, "notobserved", "was not seen")


def test_directory():
    """RSC-2: a site that a directory tells of passes; one more that it does not tell of, decides nothing; a search that finds nothing
    fails when the client then looks elsewhere."""
    ask = ["mSSMSSiteCode", "mSSMSMPName"]
    found = made.ldap_search(1, made.CONTAINER, "mSSMSManagementPoint", ask, [made.mp_entry("PRI", "cm01.example.test")])
    nothing = made.ldap_search(1, made.CONTAINER, "mSSMSManagementPoint", ask)
    srv = made.dns(2, CLIENT, DC, "_mssms_mp_pri._tcp.example.test", kind=33)
    path = capture("directory", talk(1, CLIENT, DC, 389, found))
    expect_verdict(path, "RSC-2", "pass", "tells of the site", "sites:\n  - code: PRI\n", "proof", "declared")
    expect_verdict(path, "RSC-2", "pass", "tells of the site", grade="strong", basis="learned")
    expect_verdict(path, "RSC-2", "notobserved", "not so, or not known", "sites:\n  - code: PRI\n  - code: SEC\n")
    path = capture("directory-written", talk(1, SITE, DC, 389, made.ldap_add(1, *made.site_entry("PRI"))))
    expect_verdict(path, "RSC-2", "pass", "publishes its site", grade="strong", basis="learned")
    path = capture("directory-empty", talk(1, CLIENT, DC, 389, nothing), srv)
    expect_verdict(path, "RSC-2", "fail", "looked elsewhere", grade="strong")
    expect_verdict(capture("directory-empty-only", talk(1, CLIENT, DC, 389, nothing)), "RSC-2", "notobserved", "found none")
    path = capture("directory-both", talk(1, CLIENT, DC, 389, nothing), srv, talk(4, OTHER, DC, 389, found))
    lab.expect(made.verdict(path, "RSC-2")["result"] != "fail", "a directory that tells of a site to another client")


# ---- Clients and administrators -------------------------------------------------------------------------------------


def test_push():
    """CLA-1: client push with NTLM fails, with Kerberos it is worth knowing, by an undeclared account it fails; the same files on a
    site system are something else."""
    setup = made.write_file("ccmsetup\\ccmsetup.exe", b"MZ" * 100)
    turns = made.share("\\\\ws5\\ADMIN$", then=setup)
    path = capture("push", talk(1, SITE, CLIENT, 445, turns))
    expect_verdict(path, "CLA-1", "fail", "NTLM logon", grade="strong")
    expect_verdict(path, "CLA-1", "notobserved", "", declared(("distribution_point", CLIENT)))
    expect_verdict(path, "CLA-1", "fail", "not declared", "admins:\n  - {kind: push, account: 'CORP\\push'}\n", "strong")
    known = made.verdict(path, "CLA-1", "admins:\n  - {kind: push, account: 'corp\\pri-site$'}\n")
    lab.expect("not declared" not in known["detail"], f"the account is declared: {known['detail']}")
    session = b.Smb2()
    session.ask(b.NEGOTIATE, b.negotiate_request(0x210), b.negotiate_reply(0x210), session=0, tree=0)
    token = b.spnego_init(b.ap_request("cifs", "ws5.example.test"), b.KERBEROS_OID)
    session.ask(b.SETUP, b.setup_request(token), b.setup_reply(b""), tree=0)
    session.ask(b.TREE, b.tree_request("\\\\ws5.example.test\\ADMIN$"), b.tree_reply(), tree=7)
    setup(session)
    path = capture("push-kerberos", talk(1, SITE, CLIENT, 445, session.turns))
    expect_verdict(path, "CLA-1", "informational", "installed by push", grade="proof")


def test_content():
    """CLN-2: content read from a package share fails; by BITS it passes; site systems, consoles, and little of it do not fail."""
    share = "\\\\cm01\\SMSPKGC$"
    path = capture("content-smb", talk(1, CLIENT, SITE, 445, made.share(share, then=made.read_file("PRI00001\\a.cab", 90000))))
    expect_verdict(path, "CLN-2", "fail", "not by BITS", grade="proof")
    expect_verdict(path, "CLN-2", "notobserved", "", declared(("distribution_point", CLIENT)))
    expect_verdict(path, "CLN-2", "notobserved", "declared console", CONSOLE % CLIENT)
    little = capture("content-little", talk(1, CLIENT, SITE, 445, made.share(share, then=made.read_file("PRI00001\\a.cab", 10000))))
    expect_verdict(little, "CLN-2", "notobserved", "")
    load = made.http_get("/SMS_DP_SMSPKG$/PRI00001/a.cab", status="206 Partial Content", agent="Microsoft BITS/7.8")
    path = capture("content-bits", talk(1, CLIENT, MP, 80, load))
    expect_verdict(path, "CLN-2", "pass", "by BITS", grade="strong", basis="learned")
    expect_verdict(path, "CLN-2", "notobserved", "not so, or not known", declared(("distribution_point", SITE)))


def test_relay():
    """EXT-1: an authentication that is passed on fails; by a declared proxy it is worth knowing; two challenges decide nothing."""
    def login(challenge):
        return (b.Smb2().ask(b.NEGOTIATE, b.negotiate_request(0x210), b.negotiate_reply(0x210), session=0)
                .ask(b.SETUP, b.setup_request(b.ntlm_negotiate()), b.setup_reply(b.ntlm_challenge(challenge=challenge)), status=b.MORE)
                .ask(b.SETUP, b.setup_request(b.ntlm_authenticate()), b.setup_reply(b"")).turns)

    same, other = login(b.CHALLENGE), login(b"\x01" * 8)
    path = capture("relay", talk(1, PROXY, SITE, 445, same), talk(2, CLIENT, PROXY, 445, same))
    expect_verdict(path, "EXT-1", "fail", "passed on (relayed)", grade="proof")
    expect_verdict(path, "EXT-1", "informational", "declared proxy", declared(("proxy", PROXY)), basis="declared")
    path = capture("relay-none", talk(1, PROXY, SITE, 445, other), talk(2, CLIENT, PROXY, 445, same))
    expect_verdict(path, "EXT-1", "notobserved", "")


def rdp_session():
    ask = struct.pack("<BBHI", 1, 0, 8, 3)
    answer = struct.pack("<BBHI", 2, 0, 8, 2)

    def packet(code, rest):
        return struct.pack(">BBHBBHHB", 3, 0, 11 + len(rest), 6 + len(rest), code, 0, 0, 0) + rest

    return [(True, packet(0xE0, ask)), (False, packet(0xD0, answer))]


def test_remote_tools():
    """MNT-12h: sessions are events; from a computer that is not declared they fail, by the port alone they are hints; at another
    time than declared they are remarks."""
    control = talk(1, OTHER, CLIENT, 2701, [(True, b"\0\1\2\3" + b.ntlm_negotiate()), (False, b.ntlm_challenge())])
    bare = talk(1, OTHER, CLIENT, 2702, [(True, b"\0\1\2\3 hello"), (False, b"\0\1")])
    desktop = talk(1, OTHER, CLIENT, 3389, rdp_session())
    for name, packets, kind in (("control", control, "remote control"), ("desktop", desktop, "remote desktop")):
        path = capture(f"remote-{name}", packets)
        expect_verdict(path, "MNT-12h", "informational", f"{kind} of a client")
        expect_verdict(path, "MNT-12h", "informational", "from a declared console", CONSOLE % OTHER, basis="declared")
        expect_verdict(path, "MNT-12h", "fail", "is not declared", CONSOLE % "10.1.1.99", "strong", "declared")
    path = capture("remote-port", bare)
    expect_verdict(path, "MNT-12h", "notobserved", "is not declared", CONSOLE % "10.1.1.99")
    window = CONSOLE % OTHER + "windows:\n  - {start: 2023-11-14T00:00:00Z, end: 2023-11-14T%s:00:00Z}\n"
    remarks = [made.verdict(capture("remote-late", desktop), "MNT-12h", window % hour).get("remarks") for hour in ("01", "23")]
    lab.expect(remarks[0] and not remarks[1], f"outside of the declared times: {remarks}")


def test_consoles():
    """FUN-3: who administers a site system from a computer that is not declared fails; a declared console, a site system, or nothing
    declared, does not."""
    turns = b.Smb2().open_session("\\\\cm01\\IPC$", share_type=2)
    turns.ask(b.CREATE, b.create_request("svcctl"), b.create_reply())
    for ask, answer in ((b.rpc_bind(b.SVCCTL, 2), b.rpc_bind_ack()), (b.rpc_request(15, bytes(24)), b.rpc_response(bytes(28)))):
        turns.ask(b.IOCTL, b.ioctl_request(ask), b.ioctl_reply(answer))
    site = declared(("site_server", SITE))
    path = capture("console", talk(1, OTHER, SITE, 445, turns.turns))
    expect_verdict(path, "FUN-3", "fail", "is not declared", site + CONSOLE % "10.1.1.99", "strong", "declared")
    expect_verdict(path, "FUN-3", "notobserved", "", site + CONSOLE % OTHER)
    expect_verdict(path, "FUN-3", "notobserved", "", declared(("site_server", SITE), ("management_point", OTHER)) + CONSOLE % "10.1.1.99")
    expect_verdict(path, "FUN-3", "notobserved", "declares no console", site)
    path = capture("console-desktop", talk(1, OTHER, SITE, 3389, rdp_session()))
    expect_verdict(path, "FUN-3", "fail", "is not declared", site + CONSOLE % "10.1.1.99", "strong", "declared")


def test_forests():
    """RSC-3: clients of other forests fail where the home forest is declared; few of it do not pass; without it nothing is said."""
    home = "forests:\n  - {name: corp.contoso.test, relation: home}\n"
    other = "forests:\n  - {name: example.test, relation: home}\n"
    expect_verdict(lab.SCCMWTF, "RSC-3", "fail", "no declared forest", other, "strong", "declared")
    expect_verdict(lab.SCCMWTF, "RSC-3", "fail", "another forest", other + "  - {name: contoso.test, relation: trusted}\n", "strong")
    expect_verdict(lab.SCCMWTF, "RSC-3", "notobserved", "too little was seen", home)
    lab.expect(made.verdict(lab.SCCMWTF, "RSC-3")["result"] == "notobserved", "nothing is declared")


def test_home_forest():
    """RSC-3: twenty clients of the home forest that use Kerberos pass; with one that does not, or that is of another forest, they do not."""
    home = "forests:\n  - {name: corp.contoso.test, relation: home}\n"
    said = made.turns_of(lab.SCCMWTF, lab.value("SELECT min(packet) FROM registration", lab.SCCMWTF))
    kerberos = [(True, b.kdc_request(10, "krbtgt", "CORP.CONTOSO.TEST", client="ws")), (False, b.kdc_reply(11, "krbtgt", "CORP.CONTOSO.TEST"))]
    hosts = [f"10.1.2.{number}" for number in range(1, 21)]
    registered = [talk(10 * number, host, MP, 80, said) for number, host in enumerate(hosts, 1)]
    tickets = [[made.datagram(10 * number, ends[0], ends[1], data) for ends, data in
                ((((host, 5000), (DC, 88)), kerberos[0][1]), (((DC, 88), (host, 5000)), kerberos[1][1]))] for number, host in enumerate(hosts, 1)]
    expect_verdict(capture("forest-home", *registered, *tickets), "RSC-3", "pass", "of the home forest registered", home, "strong", "declared")
    expect_verdict(capture("forest-one-without", *registered, *tickets[1:]), "RSC-3", "notobserved", "too little was seen", home)
    expect_verdict(capture("forest-few", *registered[1:], *tickets), "RSC-3", "notobserved", "too little was seen", home)


def test_all_together():
    """All captures made here, together, give the same report for any number of workers, and each evidence a row that is there."""
    captures = sorted(made.WORK.glob("*.pcap"))
    reads = [argument for path in captures for argument in ("-r", path)]
    outputs = {lab.cmscope("check", "-T", "json", *reads, "--threads", number, status=ANY).output for number in ("1", "3")}
    lab.expect_equal(len(outputs), 1, "different reports")


if __name__ == "__main__":
    lab.main(test_revocation, test_native_mode, test_client_certificates, test_authorities, test_bridging, test_thresholds, test_file_systems, test_names,
             test_admin_share, test_sql, test_versions, test_keys_of_sites, test_directory, test_push, test_content, test_relay,
             test_remote_tools, test_consoles, test_forests, test_home_forest, test_all_together)
