#!/usr/bin/env python3
"""Roles that no capture of others shows, over captures made here byte by byte: Active Directory, PXE, the SMS provider, remote
tools; and WESP, whose inside is read. What tshark knows of these protocols, it must read in the same bytes."""

import struct

import lab
import made
from made import CLIENT, DC, MP, OTHER, READ, SITE, b, capture, talk

ROLES = "SELECT host, name, role, site_code, signal, grade, why FROM role ORDER BY role, host"


def roles(path):
    return lab.query(ROLES, path, status=READ)


def role(path, name):
    """The only role of that name."""
    found = [one for one in roles(path) if one["role"] == name]
    lab.expect_equal(len(found), 1, f"{path.name}: {name}: {roles(path)}")
    return found[0]


def expect_role(path, which, **wanted):
    found = role(path, which)
    lab.expect_equal({key: found[key] for key in wanted}, wanted, f"{path.name}: {which}")


def nothing_declared_is_lost(path):
    """discover writes what was learned so that check takes it, and the roles stay the same."""
    site = made.WORK / "discovered.yaml"
    site.unlink(missing_ok=True)
    lab.cmscope("discover", "-r", path, "-w", site, status=READ)
    sure = "SELECT host, role, site_code FROM role WHERE grade <> 'hint' AND host IS NOT NULL AND role <> 'client' ORDER BY 1, 2, 3"
    again = lab.query(sure, path, options=("--site", site), status=READ)
    lab.expect_equal(again, lab.query(sure, path, status=READ), f"{path.name}: learned and declared")


def test_directory():
    """What a site published in Active Directory: its management point by name, its domain controller, and who writes it."""
    ask = made.ldap_search(1, made.CONTAINER, "mSSMSManagementPoint", ["mSSMSMPName"], [made.mp_entry("PRI", "cm01.example.test")])
    path = capture("ldap-read", talk(1, CLIENT, DC, 389, ask))
    expect_role(path, "management_point", host=None, name="cm01.example.test", site_code="PRI", signal="ROL-LDAP", grade="proof")
    expect_role(path, "domain_controller", host=DC, signal="ROL-DC", grade="strong")
    path = capture("ldap-named", talk(1, CLIENT, DC, 389, ask), made.dns(3, CLIENT, DC, "cm01.example.test", MP))
    expect_role(path, "management_point", host=MP, name="cm01.example.test", site_code="PRI", grade="proof")
    nothing_declared_is_lost(path)
    path = capture("ldap-write", talk(1, SITE, DC, 389, made.ldap_add(1, *made.site_entry("PRI"))))
    expect_role(path, "site_server", host=SITE, site_code="PRI", signal="ROL-LDAP", grade="strong")
    nothing_declared_is_lost(path)
    told = lab.tshark(path, "ldap.addRequest_element", "ldap.entry")
    lab.expect_equal(told, [[made.site_entry("PRI")[0]]], "the entry as tshark reads it")
    refused = made.ldap_search(1, made.CONTAINER, "mSSMSManagementPoint", ["mSSMSMPName"], result=32)
    lab.expect_equal(roles(capture("ldap-none", talk(1, CLIENT, DC, 389, refused))), [], "a search that found nothing")


def pxe(second, server, port, options, **more):
    """A question of a PXE client and the answer of the server, on port 67 or 4011."""
    ask = made.dhcp(3 if port == 4011 else 1, [(60, b"PXEClient:Arch:00007:UNDI:003016"), (93, b"\0\7")])
    answer = made.dhcp(5 if port == 4011 else 2, [(60, b"PXEClient"), (54, bytes(map(int, server.split(".")))), *options], reply=True, **more)
    return [made.datagram(second, (CLIENT, 68), (server, port), ask), made.datagram(second + 1, (server, port), (CLIENT, 68), answer)]


def test_boot():
    """A PXE distribution point by the options of ConfigMgr, by its boot file, by TFTP, and, as a hint, by the boot information
    service; a server of DHCP is none."""
    variables = [(243, b"\1\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\x0c\\SMSTemp\\1.v"), (252, b"\\SMSTemp\\1.bcd\0")]
    path = capture("pxe-options", pxe(1, SITE, 4011, variables))
    expect_role(path, "pxe_distribution_point", host=SITE, signal="ROL-PXE", grade="proof", why="answers PXE by DHCP")
    nothing_declared_is_lost(path)
    lab.expect_equal(lab.tshark(path, "dhcp.option.type == 252", "ip.src", "udp.srcport"), [[SITE, "4011"]], "the reply as tshark reads it")
    path = capture("pxe-file", pxe(1, SITE, 67, [(67, b"smsboot\\x64\\wdsnbp.com\0")]))
    expect_role(path, "pxe_distribution_point", host=SITE, signal="ROL-PXE", grade="strong")
    read = made.datagram(1, (CLIENT, 2070), (SITE, 69), b"\0\1smsboot\\x64\\wdsnbp.com\0octet\0tsize\x000\0")
    sent = [made.datagram(2, (SITE, 51000), (CLIENT, 2070), b"\0\3\0\1" + b"d" * 512),
            made.datagram(3, (CLIENT, 2070), (SITE, 51000), b"\0\4\0\1"), made.datagram(4, (SITE, 51000), (CLIENT, 2070), b"\0\3\0\2end")]
    path = capture("pxe-tftp", read, sent)
    expect_role(path, "pxe_distribution_point", host=SITE, signal="ROL-PXE", grade="strong")
    lab.expect_equal(lab.tshark(path, "tftp.opcode == 1", "tftp.source_file"), [["smsboot\\x64\\wdsnbp.com"]], "the file as tshark reads it")
    binl = [made.datagram(1, (CLIENT, 4011), (SITE, 4011), b"\x81NEG" + struct.pack("<I", 8) + bytes(8)),
            made.datagram(2, (SITE, 4011), (CLIENT, 4011), b"\x82CHL" + struct.pack("<I", 8) + bytes(8))]
    path = capture("pxe-binl", binl)
    expect_role(path, "pxe_distribution_point", host=SITE, signal="ROL-PXE", grade="hint")
    lab.expect_equal(lab.query("SELECT message, client, server FROM binl", path, status=READ),
                     [{"message": "NEG", "client": CLIENT, "server": SITE}, {"message": "CHL", "client": CLIENT, "server": SITE}], "BINL")
    path = capture("dhcp-only", pxe(1, OTHER, 67, []))
    lab.expect_equal(roles(path), [], "a DHCP server that answers a PXE client without a boot file")


WBEM_LOGIN = bytes.fromhex("18ad09f36ad8d011a07500c04fb68820")


def test_provider():
    """The SMS provider by the namespace of WMI that is asked for, with its site; another namespace is none, and the administration
    service is a hint."""
    def login(namespace):
        stub = bytes(32) + struct.pack("<I", 0x20000) + b.ndr_string(namespace) + bytes(12)
        return [(True, b.rpc_bind(WBEM_LOGIN, 0)), (False, b.rpc_bind_ack()), (True, b.rpc_request(6, stub)), (False, b.rpc_response(bytes(8)))]

    for namespace in ("//./root/sms/site_PRI", "\\\\CM01\\ROOT\\SMS\\site_pri"):
        path = capture("provider", talk(1, OTHER, SITE, 49200, login(namespace)))
        expect_role(path, "sms_provider", host=SITE, site_code="PRI", signal="ROL-PROV", grade="proof")
    nothing_declared_is_lost(path)
    lab.expect_equal(roles(capture("provider-none", talk(1, OTHER, SITE, 49200, login("//./root/cimv2")))), [], "another namespace")
    path = capture("provider-web", talk(1, OTHER, SITE, 80, made.http_get("/AdminService/wmi/SMS_Site")))
    expect_role(path, "sms_provider", host=SITE, signal="ROL-PROV", grade="hint")


def test_remote_tools():
    """Remote control on its two ports, with the authentication that is in it; AMT redirection makes its client an out of band point."""
    packets = talk(1, OTHER, CLIENT, 2702, [(True, b"\0\1\2\3" + b.ntlm_negotiate()), (False, b.ntlm_challenge()), (True, b.ntlm_authenticate())])
    path = capture("control", packets, talk(4, OTHER, CLIENT, 2701, [(True, b"\0\1\2\3 hello"), (False, b"\0\1")]))
    rows = lab.query("SELECT port, client, server, auth, certainty FROM remote_tool ORDER BY id", path, status=READ)
    lab.expect_equal(rows, [{"port": 2702, "client": OTHER, "server": CLIENT, "auth": "ntlm", "certainty": "low"},
                            {"port": 2701, "client": OTHER, "server": CLIENT, "auth": None, "certainty": "low"}], "remote control")
    lab.expect_equal(roles(path), [], "remote control gives no role")
    path = capture("amt", talk(1, SITE, CLIENT, 16994, [(True, b"\x10\0\0\0SOL "), (False, b"\x11\0\0\0\1\0\0\0" + bytes(5))]))
    expect_role(path, "out_of_band_point", host=SITE, signal="ROL-OOB", grade="strong")


def wesp(packets, encrypted):
    """The TCP packets in WESP (RFC 5840) around ESP: with NULL encryption and a check value of 12 bytes, or as if encrypted."""
    wrapped = []
    for number, (time, frame) in enumerate(packets):
        inside, source = frame[34:], frame[26:30]
        rest = b"\1\2\3"[: -(len(inside) + 2) % 4]
        esp = struct.pack(">II", 0x100 + source[3], number + 1) + inside + rest + bytes([len(rest), 6]) + b"\xcc" * 12
        head = bytes([0, 0, 0, 0x20]) if encrypted else bytes([6, 12, len(rest) + 2 + 12, 0])
        if encrypted:
            esp = esp[:8] + bytes((value * 167 + place * 73 + number) & 0xFF for place, value in enumerate(esp[8:]))
        payload = head + esp
        ip = frame[14:16] + struct.pack(">H", 20 + len(payload)) + frame[18:23] + bytes([141]) + b"\0\0" + frame[26:34]
        ip = ip[:10] + struct.pack(">H", lab.checksum(ip)) + ip[12:]
        wrapped.append((time, frame[:14] + ip + payload))
    return wrapped


def test_wesp():
    """SMB inside WESP that does not encrypt is read, and its server gets its role; what is encrypted stays hidden."""
    packets = talk(1, OTHER, SITE, 445, made.share("\\\\cm01\\SMS_SITE", "NTFS", then=made.write_file("202SQSEC.PCK", b"job" * 100)))
    path = capture("wesp", wesp(packets, False))
    rows = lab.query("SELECT protocol, src, dst, null_encryption FROM ipsec ORDER BY src", path, status=READ)
    lab.expect_equal(rows, [{"protocol": "wesp", "src": SITE, "dst": OTHER, "null_encryption": 1},
                            {"protocol": "wesp", "src": OTHER, "dst": SITE, "null_encryption": 1}], "associations")
    lab.expect_equal({(one["host"], one["role"]) for one in roles(path)}, {(SITE, "site_server"), (OTHER, "site_server")}, "roles")
    lab.expect_equal(lab.query("SELECT share, written_bytes, file_system FROM smb_tree WHERE share <> 'IPC$'", path, status=READ),
                     [{"share": "SMS_SITE", "written_bytes": 300, "file_system": "NTFS"}], "SMB inside")
    hidden = capture("wesp-encrypted", wesp(packets, True))
    lab.expect_equal(lab.value("SELECT count(*) FROM flow", hidden, status=READ), 0, "conversations inside what is encrypted")
    lab.expect_equal(lab.query("SELECT DISTINCT null_encryption FROM ipsec", hidden, status=READ), [{"null_encryption": 0}], "encrypted")
    lab.expect_equal(roles(hidden), [], "roles inside what is encrypted")


if __name__ == "__main__":
    lab.main(test_directory, test_boot, test_provider, test_remote_tools, test_wesp)
