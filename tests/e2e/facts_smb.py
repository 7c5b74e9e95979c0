#!/usr/bin/env python3
"""What cmscope says of SMB, NTLM, Kerberos and DCE/RPC is what the ground truth of lab captures and tshark say.

The captures and the comparison: facts.py.
"""

import re
from collections import Counter

import facts
import lab
from facts import Facts, ask_all

C1222 = (
    "five requests of a connection that was met in its middle (port 1153) are taken for C12.22 by their port; with that "
    "dissector switched off and the port named, tshark counts the same 210"
)
EXPLAINED = {
    ("dcerpc-mapi-mixed.pcap", "rpc calls"): ({"calls": 5}, {}, facts.CMSCOPE, C1222),
    ("smb2-file-transfer.pcap", "rpc calls"): (
        {}, {"calls": 1}, facts.CMSCOPE, "there is one NetShareGetInfo; the oracle counted its bytes twice in a second pass",
    ),
}
LAB_EXPLAINED = {
    ("smb1-signed", "signed messages"): (
        {}, {"messages": 3}, facts.CMSCOPE,
        "three messages of the session set-up have the flag and no signature yet (zeros, or BSRSPYL)",
    ),
}


# ---- Public captures: facts by tshark -----------------------------------------------------------------------------------

QUERIES = {
    "smb2 dialect": "SELECT dialect AS v FROM smb WHERE version = 2 AND dialect IS NOT NULL GROUP BY flow",
    "smb2 offered": "SELECT dialects AS v FROM smb WHERE version = 2 AND dialects GLOB '[23].*' GROUP BY flow",
    "smb2 server signing": "SELECT server_signing AS v FROM smb WHERE version = 2 AND dialect IS NOT NULL GROUP BY flow",
    "smb2 cipher": "SELECT cipher AS v FROM smb WHERE cipher IS NOT NULL GROUP BY flow",
    "smb2 ciphers offered": "SELECT ciphers AS v FROM smb WHERE ciphers IS NOT NULL GROUP BY flow",
    "smb2 tree": "SELECT t.path AS v FROM smb_tree t JOIN smb s ON s.id = t.smb WHERE s.version = 2 AND t.path IS NOT NULL",
    "smb2 file": "SELECT f.name AS v FROM smb_file f JOIN smb s ON s.id = f.smb WHERE s.version = 2 AND f.name IS NOT NULL",
    "smb2 signed messages": "SELECT sum(messages_signed) AS v FROM smb WHERE version = 2",
    "smb2 encrypted messages": "SELECT sum(encrypted_messages) AS v FROM smb WHERE version = 2",
    "smb1 offered": "SELECT dialects AS v FROM smb WHERE dialects IS NOT NULL AND dialects NOT GLOB '[23].*' GROUP BY flow",
    "smb1 server signing": "SELECT server_signing AS v FROM smb WHERE version = 1 AND dialect IS NOT NULL GROUP BY flow",
    "smb1 tree": "SELECT DISTINCT t.path AS v FROM smb_tree t JOIN smb s ON s.id = t.smb WHERE s.version = 1 AND t.path IS NOT NULL",
    "ntlm user": "SELECT domain || '\\' || user || '@' || workstation AS v FROM ntlm WHERE authenticate_packet IS NOT NULL",
    "ntlm challenge": "SELECT lower(challenge) AS v FROM ntlm WHERE challenge IS NOT NULL",
    "rpc interface": "SELECT DISTINCT uuid || ' v' || CAST(interface_version AS INT) AS v FROM rpc WHERE uuid IS NOT NULL AND transport <> 'udp'",
    "rpc authentication, level": "SELECT DISTINCT 'type=' || auth_type || ' level=' || auth_level AS v FROM rpc WHERE auth_type > 0",
    "rpc calls": "SELECT sum(calls) AS v FROM rpc",
    "kerberos message": "SELECT message AS v FROM kerberos",
    "kerberos service": "SELECT DISTINCT service AS v FROM kerberos WHERE service IS NOT NULL",
    "kerberos error": "SELECT error AS v FROM kerberos WHERE error IS NOT NULL",
}


def joined(values):
    return ",".join(values)


def number(value, what="messages"):
    return Counter({what: int(value or 0)})


def facts_of_tshark(oracle):
    smb2, smb1, rpc = oracle.get("smb2", {}), oracle.get("smb1", {}), oracle.get("dcerpc", {})
    streams2 = [s for n, s in smb2.get("streams", {}).items() if n.startswith("tcp")]
    # Where SMB2 is negotiated after an SMB1 message, cmscope keeps the offer of SMB2 only.
    again = {n for n, s in smb2.get("streams", {}).items() if "offered" in s}
    streams1 = [s for n, s in smb1.get("streams", {}).items() if n.startswith("tcp") and n not in again]
    users = oracle.get("ntlmssp", {}).get("authenticate", {})
    return {
        "smb2 dialect": Counter(s["dialect"] for s in streams2 if "dialect" in s),
        "smb2 offered": Counter(joined(s["offered"]) for s in streams2 if "offered" in s),
        "smb2 server signing": Counter(s["server_sec_mode"] for s in streams2 if "server_sec_mode" in s),
        "smb2 cipher": Counter(s["cipher"] for s in streams2 if "cipher" in s),
        "smb2 ciphers offered": Counter(joined(s["ciphers_offered"]) for s in streams2 if "ciphers_offered" in s),
        "smb2 tree": Counter(smb2.get("trees", {})),
        "smb2 file": Counter(smb2.get("filenames", {})),
        "smb2 signed messages": number(smb2.get("signed_pdus")),
        "smb2 encrypted messages": number(smb2.get("encrypted_pdus")),
        "smb1 offered": Counter(joined(s["dialects"]) for s in streams1 if "dialects" in s),
        "smb1 server signing": Counter(s["sec_mode"] for s in streams1 if "sec_mode" in s),
        "smb1 tree": Counter(set(smb1.get("paths", {}))),
        "ntlm user": Counter({user.replace("NULL", ""): count for user, count in users.items()}),
        "rpc interface": Counter({" ".join(bind.split()[:2]) for bind in rpc.get("binds", {})}),
        "rpc authentication, level": Counter(rpc.get("auth", {}).keys()),
        "rpc calls": number(rpc.get("packet_types", {}).get("0"), "calls"),
        "kerberos message": Counter(oracle.get("kerberos", {}).get("messages", {})),
    }


def protocol_of(kind):
    return kind.split()[0]


def test_public():
    """Dialects, signing, shares, files, users, interfaces, levels and messages are those that tshark finds."""
    compared = {}
    for path, oracle in facts.oracles("smb1", "smb2", "dcerpc", "ntlmssp", "kerberos"):
        ours, theirs = ask_all(path, **QUERIES), facts_of_tshark(oracle)
        for kind in theirs:
            protocol = protocol_of(kind)
            if protocol not in compared:
                explained = {key: value for key, value in EXPLAINED.items() if protocol_of(key[1]) == protocol}
                compared[protocol] = Facts(protocol, "public, tshark", explained)
            mine = ours[kind]
            for what in ("messages", "calls"):
                if kind.endswith(what):
                    mine = number(sum(int(value) * count for value, count in mine.items()), what)
            compared[protocol].compare(path.name, kind, mine, theirs[kind])
    for one in compared.values():
        one.settle()


SIGNING = {0: "none", 1: "enabled", 2: "required", 3: "required"}


def test_client_signing():
    """What clients of SMB2 say of signing, in their last session set-up, else in the negotiation, is what tshark shows."""
    compared = Facts("smb2", "public, tshark")
    for path, _ in facts.oracles("smb2"):
        said = {}
        for stream, command, mode in lab.tshark(path, "smb2.sec_mode && smb2.flags.response == 0", "tcp.stream", "smb2.cmd", "smb2.sec_mode"):
            for one, value in zip(command.split(","), mode.split(",")):
                if one in ("0", "1"):
                    said[stream] = SIGNING[int(value, 0) & 3]
        mine = ask_all(path, last="SELECT client_signing AS v FROM smb s WHERE version = 2 AND id = (SELECT max(id) FROM smb WHERE flow = s.flow)")
        compared.compare(path.name, "smb2 client signing", mine["last"], Counter(said.values()))
    compared.settle()


KERBEROS_QUERIES = {
    "kerberos realm": "SELECT realm AS v FROM kerberos UNION SELECT client_realm FROM kerberos",
    "kerberos service": "SELECT DISTINCT service AS v FROM kerberos",
    "kerberos client": "SELECT DISTINCT client AS v FROM kerberos",
    "kerberos error": "SELECT error AS v FROM kerberos",
}


def test_kerberos_names():
    """Realms, parts of the names of services and clients, and errors are those that tshark shows."""
    compared = Facts("kerberos", "public, tshark")
    fields = ("kerberos.realm", "kerberos.crealm", "kerberos.SNameString", "kerberos.CNameString", "kerberos.error_code")
    for path, _ in facts.oracles("kerberos"):
        columns = [Counter() for _ in fields]
        for row in lab.tshark(path, "kerberos", *fields):
            for column, value in zip(columns, row):
                column.update(part for part in value.split(",") if part)
        mine = ask_all(path, **KERBEROS_QUERIES)
        parts = {part for service in mine["kerberos service"] for part in service.split("/")}
        realms = set(columns[0]) | set(columns[1])
        compared.compare(path.name, "realms", set(mine["kerberos realm"]) & realms, realms)
        compared.compare(path.name, "parts of service names", parts, set(columns[2]))
        compared.compare(path.name, "clients", {part for c in mine["kerberos client"] for part in c.split("/")}, set(columns[3]))
        compared.compare(path.name, "errors", mine["kerberos error"], columns[4])
    compared.settle()


def etype_numbers():
    """{name: number}, from the list that the program has, which is that of the IANA registry."""
    text = (lab.SOURCE / "dissect" / "kerberos.c").read_text(encoding="utf-8").partition("ETYPES[] = {")[2].partition("};")[0]
    return {name: number for number, name in re.findall(r'\{(-?\d+), "([^"]+)"\}', text)}


TICKET_ETYPE = {"11": -2, "13": -2, "14": 0}  # message: which of its encryption types, in their order, is that of the ticket


def test_kerberos_etypes():
    """Encryption types that requests offer, in their order, and those of tickets are those that tshark shows."""
    compared, numbers = Facts("kerberos", "public, tshark"), etype_numbers()
    for path, _ in facts.oracles("kerberos"):
        offered, tickets = Counter(), Counter()
        for kind, offer, used in lab.tshark(path, "kerberos.msg_type", "kerberos.msg_type", "kerberos.ENCTYPE", "kerberos.etype"):
            offered.update([offer] if offer else [])
            tickets.update([used.split(",")[TICKET_ETYPE[kind]]] if kind in TICKET_ETYPE and used else [])
        mine = ask_all(path, offered="SELECT etypes AS v FROM kerberos", ticket="""SELECT etype AS v FROM kerberos
            WHERE message IN ('AS-REP', 'TGS-REP', 'AP-REQ')""")
        told = Counter(",".join(numbers.get(one, one) for one in offer.split(",")) for offer in mine["offered"].elements())
        compared.compare(path.name, "etypes offered", told, offered)
        compared.compare(path.name, "etype of the ticket", mine["ticket"], tickets)
    compared.settle()


SMB1_OPENS = {"0x2d", "0xa2"}  # OPEN_ANDX, NT_CREATE_ANDX


def test_smb1_files():
    """Names of files that SMB1 opens are those that tshark shows."""
    compared = Facts("smb1", "public, tshark")
    for path, _ in facts.oracles("smb1"):
        mine = ask_all(path, file="SELECT DISTINCT f.name AS v FROM smb_file f JOIN smb s ON s.id = f.smb WHERE s.version = 1")
        asked = lab.tshark(path, "smb.file && smb.flags.response == 0", "smb.file", "smb.cmd")
        opened = {name for names, commands in asked if SMB1_OPENS & set(commands.split(",")) for name in names.split(",")}
        compared.compare(path.name, "smb1 file", mine["file"], opened)
    compared.settle()


# ---- Lab captures: what was done ------------------------------------------------------------------------------------------

LAB_QUERIES = {
    "share": "SELECT DISTINCT share AS v FROM smb_tree WHERE share <> 'IPC$'",
    "purpose of the share": "SELECT DISTINCT purpose AS v FROM smb_tree WHERE share <> 'IPC$'",
    "user": "SELECT DISTINCT user AS v FROM smb WHERE user IS NOT NULL",
    "tree": "SELECT DISTINCT path AS v FROM smb_tree",
    "port": "SELECT DISTINCT port AS v FROM smb",
    "dialect": "SELECT DISTINCT dialect AS v FROM smb",
    "signed messages": "SELECT sum(messages_signed) AS v FROM smb",
    "data signed": "SELECT ifnull(signed, 'none') AS v FROM smb",
    "encrypted": "SELECT DISTINCT encrypted AS v FROM smb",
    "arrived": """SELECT upper(replace(coalesce(renamed_to, name), rtrim(coalesce(renamed_to, name), replace(coalesce(renamed_to, name), '\\', '')), '')) AS v
        FROM smb_file f WHERE (renamed_to IS NOT NULL OR operation LIKE '%create,write%') AND
        NOT EXISTS (SELECT 1 FROM smb_file r WHERE r.renamed_to IS NOT NULL AND r.name = f.name AND f.renamed_to IS NULL)""",
    "written": "SELECT written_bytes AS v FROM smb_file WHERE written_bytes > 0",
}
DIALECTS = {"NT1": "NT LANMAN 1.0", "SMB2_10": "2.1", "SMB3_02": "3.0.2", "SMB3_11": "3.1.1"}


def lab_truth(truth):
    smb, seen = truth["smb"], truth["smb_seen"]
    clear = smb.get("server_encrypt", "off") in ("off", "disabled", "no")
    messages = seen.get("smb2", seen.get("smb1"))
    files = smb.get("files_written", [])
    facts = {
        "user": Counter([smb["user"]]),
        "port": Counter([str(smb.get("port", 445))]),
        "dialect": Counter([DIALECTS[smb["dialect_max"]]]),
        "encrypted": Counter(["0" if clear else "1"]),
        "signed messages": number(messages.get("signed", messages.get("with_signature_flag"))),
    }
    if clear:
        facts |= {
            "share": Counter({smb["share"], smb.get("file_read", smb)["share"]}),
            "tree": Counter(set(seen["tree_connects"])),
            "arrived": Counter(one["name"].upper() for one in smb.get("arrived", [])),
            "written": Counter(str(one[size]) for one in files for size in ("package_size", "instruction_size")),
        }
    return facts


def test_lab():
    """Shares, users, dialects, signing, encryption and files are those of the ground truth."""
    compared = Facts("smb", "lab, client and server", LAB_EXPLAINED)
    for path, truth in facts.lab_truths("*smb*", "smb", "smb_seen"):
        ours, theirs = ask_all(path, **LAB_QUERIES), lab_truth(truth)
        for kind, known in theirs.items():
            mine = number(sum(int(v) * n for v, n in ours[kind].items())) if kind == "signed messages" else ours[kind]
            compared.compare(path.stem, kind, mine, known)
    compared.settle()


if __name__ == "__main__":
    lab.main(test_public, test_client_signing, test_kerberos_names, test_kerberos_etypes, test_smb1_files, test_lab)
