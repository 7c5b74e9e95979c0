#!/usr/bin/env python3
"""What cmscope says of SMB, NTLM, Kerberos and DCE/RPC is what the ground truth of lab captures and tshark say.

The captures are not part of this project. They are looked for in lab/ and public/ of the folder that $CMSCOPE_CAPTURES names,
or of ../shared/pcaps beside the sources. Skipped without them. Facts are compared as multisets: each that one side has and
the other has not is a difference, and stands in EXPLAINED with who is right, or the test fails.
"""

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lab

CAPTURES = Path(os.environ.get("CMSCOPE_CAPTURES") or lab.SOURCE.parent / "shared" / "pcaps")
SECONDS_EACH = 30
WORKERS = 2

CMSCOPE, TSHARK, BOTH = "cmscope", "tshark", "both"

# (capture, kind of fact): (only cmscope has, only the other has, who is right, why)
TKEY = "the token stands in a DNS TKEY record, which cmscope does not read"
EXPLAINED = {
    ("dcerpc-mapi-mixed.pcap", "rpc calls"): (
        {"210": 1}, {"205": 1}, CMSCOPE,
        "five requests of a connection that was met in its middle (port 1153) have whole headers of version 5.0; "
        "tshark takes them for C12.22, by the port",
    ),
    ("smb2-file-transfer.pcap", "rpc calls"): (
        {"1": 1}, {"2": 1}, CMSCOPE, "there is one NetShareGetInfo; the oracle counted its bytes twice in a second pass",
    ),
    ("dns-tkey-gss.pcap", "kerberos message"): ({}, {"AP-REP": 1, "AP-REQ": 1}, TSHARK, TKEY),
    ("pxe-tftp-enterprise-mix.pcap", "kerberos message"): ({}, {"AP-REP": 4, "AP-REQ": 4}, TSHARK, TKEY),
}
LAB_EXPLAINED = {
    ("smb1-signed", "signed"): (
        {"57": 1}, {"60": 1}, CMSCOPE,
        "three messages of the session set-up have the flag and no signature yet (zeros, or BSRSPYL)",
    ),
}


def ask(path, sql):
    statuses = (lab.DONE, lab.UNREADABLE, lab.INCOMPLETE)
    return lab.cmscope("query", "-r", path, "-T", "json", sql, status=statuses, seconds=SECONDS_EACH).json


def ask_all(path, **queries):
    """Each query gives rows of one JSON text; all in one run."""
    parts = [f"SELECT '{name}' AS kind, v AS value FROM ({sql})" for name, sql in queries.items()]
    found = {name: Counter() for name in queries}
    for row in ask(path, " UNION ALL ".join(parts)):
        found[row["kind"]][str(row["value"])] += 1
    return found


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
    "rpc authentication": "SELECT DISTINCT 'type=' || auth_type || ' level=' || auth_level AS v FROM rpc WHERE auth_type > 0",
    "rpc calls": "SELECT sum(calls) AS v FROM rpc",
    "kerberos message": "SELECT message AS v FROM kerberos",
    "kerberos service": "SELECT DISTINCT service AS v FROM kerberos WHERE service IS NOT NULL",
    "kerberos error": "SELECT error AS v FROM kerberos WHERE error IS NOT NULL",
}


def joined(values):
    return ",".join(values)


def facts_of_tshark(oracle):
    smb2, smb1, rpc = oracle.get("smb2", {}), oracle.get("smb1", {}), oracle.get("dcerpc", {})
    streams2 = [s for n, s in smb2.get("streams", {}).items() if n.startswith("tcp")]
    # Where SMB2 is negotiated after an SMB1 message, cmscope keeps the offer of SMB2 only.
    again = {n for n, s in smb2.get("streams", {}).items() if "offered" in s}
    streams1 = [s for n, s in smb1.get("streams", {}).items() if n.startswith("tcp") and n not in again]
    facts = {
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
        "ntlm user": Counter(
            {user.replace("NULL", ""): count for user, count in oracle.get("ntlmssp", {}).get("authenticate", {}).items()}
        ),
        "rpc interface": Counter({" ".join(bind.split()[:2]) for bind in rpc.get("binds", {})}),
        "rpc authentication": Counter(rpc.get("auth", {}).keys()),
        "rpc calls": number(rpc.get("packet_types", {}).get("0")),
        "kerberos message": Counter(oracle.get("kerberos", {}).get("messages", {})),
    }
    return facts


def number(value):
    return Counter({str(value): 1}) if value else Counter()


def oracles():
    folder = CAPTURES / "public" / "oracle"
    if not folder.is_dir():
        raise lab.Skip(f"no folder {folder}: name the one that holds public/ in CMSCOPE_CAPTURES")
    known = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    kinds = ("smb1", "smb2", "dcerpc", "ntlmssp", "kerberos")
    return {
        oracle["file"]: oracle
        for oracle in known
        if any(kind in oracle for kind in kinds) and (CAPTURES / "public" / oracle["file"]).is_file()
    }


def compare(name, ours, theirs, figures):
    """Differences as {(capture, kind): (only ours, only theirs)}; adds up matched and total."""
    found = {}
    for kind, wanted in theirs.items():
        have = ours.get(kind, Counter())
        have = Counter({value: count for value, count in have.items() if value != "None" and (kind == "encrypted" or value != "0")})
        figures[kind][0] += (have & wanted).total()
        figures[kind][1] += wanted.total()
        if have != wanted:
            found[name, kind] = (dict(sorted((have - wanted).items())), dict(sorted((wanted - have).items())))
    return found


def judge(found, explained):
    problems = []
    for key, (mine, other) in found.items():
        if key not in explained or explained[key][:2] != (mine, other):
            problems.append(f"{key[0]}: {key[1]}: only cmscope {mine}, only the other {other}: not explained")
    problems += [f"{key[0]}: {key[1]}: explained, but there is no difference" for key in explained if key not in found]
    return problems


def print_figures(figures):
    for kind, (matched, total) in figures.items():
        print(f"      {kind:<24} {matched:>5} of {total:>5}")


def test_public():
    """Dialects, signing, shares, files, users, interfaces, levels and messages are those that tshark finds."""
    known = oracles()
    paths = {name: CAPTURES / "public" / name for name in known}
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        ours = dict(zip(paths, pool.map(lambda path: ask_all(path, **QUERIES), paths.values())))
    found, figures = {}, {}
    for name, oracle in known.items():
        theirs = facts_of_tshark(oracle)
        figures = figures or {kind: [0, 0] for kind in theirs}
        found |= compare(name, ours[name], theirs, figures)
    print_figures(figures)
    problems = judge(found, EXPLAINED)
    lab.expect(not problems, "\n      ".join(problems))


# ---- Lab captures: what was done ------------------------------------------------------------------------------------------

LAB_QUERIES = {
    "share": "SELECT DISTINCT share AS v FROM smb_tree WHERE share <> 'IPC$'",
    "purpose of the share": "SELECT DISTINCT purpose AS v FROM smb_tree WHERE share <> 'IPC$'",
    "user": "SELECT DISTINCT user AS v FROM smb WHERE user IS NOT NULL",
    "tree": "SELECT DISTINCT path AS v FROM smb_tree",
    "port": "SELECT DISTINCT port AS v FROM smb",
    "dialect": "SELECT DISTINCT dialect AS v FROM smb",
    "signed": "SELECT sum(messages_signed) AS v FROM smb",
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
        "signed": number(messages.get("signed", messages.get("with_signature_flag"))),
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
    folder = CAPTURES / "lab"
    known = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*smb*.json"))}
    known = {name: truth for name, truth in known.items() if "smb" in truth and "smb_seen" in truth}
    if not known:
        raise lab.Skip(f"no captures in {folder}: name the folder that holds lab/ in CMSCOPE_CAPTURES")
    found, figures = {}, {}
    for name, truth in known.items():
        ours = ask_all(folder / f"{name}.pcap", **LAB_QUERIES)
        theirs = lab_truth(truth)
        for kind in theirs:
            figures.setdefault(kind, [0, 0])
        found |= compare(name, ours, {kind: theirs[kind] for kind in theirs}, figures)
    print_figures(figures)
    problems = judge(found, LAB_EXPLAINED)
    lab.expect(not problems, "\n      ".join(problems))


if __name__ == "__main__":
    lab.main(test_public, test_lab)
