#!/usr/bin/env python3
"""compare_roles.py: compares the roles and names of hosts that cmscope learns with the site that a ground truth describes.

A ground truth is a file NAME.json beside NAME.pcap: its hosts with their names, and what each of them did. What a host did
where cmscope can read it gives the roles that must be learned, with the site codes that were told; no other role and no
other site code may be. A name that cmscope holds for more than a hint must be one of the host's own; a host without a name
must not be named in the bytes of the capture.

usage: compare_roles.py --cmscope build/cmscope FOLDER_OR_JSON...

One line for each capture that differs, then the sums. Exit status: 0 all is as known, 1 something differs or cmscope
failed, 2 wrong usage or no ground truth.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from compare_ground_truth import EXIT_COMPLETE, EXIT_INCOMPLETE
from known_traffic import Truth

QUERY_SECONDS = 240
QUERY = (
    "SELECT 'role' AS kind, host, role, NULL AS name, site_code, grade FROM role"
    " UNION ALL SELECT 'name', host, NULL, name, NULL, grade FROM host_name WHERE grade <> 'hint'"
    " UNION ALL SELECT 'host', address, NULL, NULL, NULL, NULL FROM host"
)

SERVICES = (
    (r"/(ccm_system|ccm_incoming|sms_mp|ccm_client|bgb)", "management_point"),
    (r"/(nocert_|ccmtokenauth_)?sms_dp_sms", "distribution_point"),
    (r"/sms_fsp", "fallback_status_point"),
    (r"/sms_slp", "server_locator_point"),
)
ANSWERED = (304, 401, 403)  # beside 2xx and 5xx

# Names that are not in the ground truth and still right, or wrong in the traffic itself: (capture, address, name): why.
LAB_MACHINE = "the client program told the name of the machine that the lab ran on"
LAB_NMBD = "the WINS server of the lab called itself so"
TDS_DOMAIN = "the server of the lab told this DNS name in its NTLM challenge"
IN_A_REPLY = "its name stands only in the answer to a query of SQL, which tells of another computer"
SHARED_CERTIFICATE = "its name stands only in a certificate that the lab gave to the SQL Server too"
MADE_UP = "the client program registered a made-up computer under that name"
KNOWN_NAMES = {
    ("nbns-wins", "10.57.20.5", "WINSDC"): LAB_NMBD,
    ("sccmhunter-push-ddr", "10.57.20.101", "kiosk7.corp.contoso.test"): MADE_UP,
    ("sharpsccm-secrets", "10.57.20.101", "NEWHOST7"): MADE_UP,
    ("sharpsccm-secrets", "10.57.20.101", "VM"): LAB_MACHINE,
    ("sdk-http-ntlm", "10.57.20.101", "VM"): LAB_MACHINE,
    ("tds-integrated-plain", "10.57.20.11", "VM"): LAB_MACHINE,
    ("tds-integrated-plain", "10.57.20.50", "cmsql.sql.lab"): TDS_DOMAIN,
    ("tds-tls-full", "10.57.20.50", "cmsql.sql.lab"): TDS_DOMAIN,
    ("tds-integrated-plain", "10.57.20.11", None): IN_A_REPLY,
    ("tds-sql-auth-plain", "10.57.20.11", None): IN_A_REPLY,
    ("tds-sql-auth-tls-login", "10.57.20.11", None): SHARED_CERTIFICATE,
    ("tds-tls-full", "10.57.20.11", None): SHARED_CERTIFICATE,
}
KNOWN_ROLES = {}


class Site:
    """What the ground truth says of one capture."""

    def __init__(self, path):
        self.truth = Truth(path)
        document = self.truth.document
        if self.truth.mangled:
            document = json.loads((path.parent / document["base"]).read_text(encoding="utf-8"))
        self.document = document
        self.names = {host["ip"]: {part.lower() for name in host["names"] for part in (name, name.split(".")[0])} for host in document["hosts"]}
        self.of_role = {host["role"]: host["ip"] for host in document["hosts"]}
        self.roles = set()  # (address, role)
        self.codes = {}  # (address, role): site codes that were told
        self.read_transactions()
        self.read_smb()
        self.read_sql()
        self.read_nbns()

    def add(self, address, role, code=None):
        self.roles.add((address, role))
        self.codes.setdefault((address, role), set()).update({code} if code else ())

    def read_transactions(self):
        for transaction in self.truth.plain:
            uri, status = transaction["request"]["uri"].lower(), (transaction.get("response") or {}).get("status")
            answered = status is not None and (200 <= status < 300 or status in ANSWERED or status >= 500)
            client = v4(transaction["peer"][0])
            for pattern, role in SERVICES:
                if re.match(pattern, uri) and answered:
                    self.add(self.of_role["mp"], role)
            if "ccm" in transaction or transaction.get("token"):
                self.add(client, "client")

    def read_smb(self):
        smb = self.document.get("smb")
        if not smb or smb.get("server_encrypt") != "off" or is_hidden(self.document):
            return
        code = re.fullmatch(r"SMS_(\w{3})", smb["share"])
        self.add(self.of_role["mp"], "site_server", code and code[1])
        if smb.get("files_written"):
            self.add(self.of_role["sec"], "site_server")
        if smb.get("file_read"):
            self.add(self.of_role["mp"], "distribution_point")

    def read_sql(self):
        tds = self.document.get("tds")
        if tds and tds["encryption"] != "full":
            self.add(self.of_role["sql"], "site_database", "CMS")  # its database is CM_CMS

    def read_nbns(self):
        nbns = self.document.get("nbns") or {}
        found = {query["name"] for query in nbns.get("queries", []) if query["found"]}
        for name, address in re.findall(r'"(\w+)#1a" \d+ ([\d.]+)', nbns.get("wins_dat", "")):
            if name in found:
                code = name[3:] if re.fullmatch(r"MP_\w{3}", name) else None
                self.add(address, "server_locator_point" if name == "SMS_SLP" else "management_point", code)


def v4(address):
    """The lab's IPv6 addresses are its IPv4 ones in other clothes: fd57:20::65 is 10.57.20.101."""
    found = re.fullmatch(r"fd57:20::([0-9a-f]+)", address)
    return f"10.57.20.{int(found[1], 16)}" if found else address


def is_hidden(document):
    """Whether SMB travelled inside of ESP that encrypts."""
    ipsec = document.get("ipsec") or {}
    return bool(ipsec) and ipsec.get("visible") is not True and not re.search(r"null|ah|failed-clear", document["name"])


def query(cmscope, site):
    """Rows by kind: roles, names, hosts."""
    truth = site.truth
    command = [cmscope, "query", "-r", str(truth.pcap), "-T", "json", QUERY]
    folder = truth.path.with_name((truth.base or truth.name) + ".keys")
    if any(file.suffix == ".pem" or file.name == "sslkeylog.txt" for file in folder.glob("*")):
        command += ["--keys", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=QUERY_SECONDS)
    if process.returncode not in (EXIT_COMPLETE, EXIT_INCOMPLETE):
        raise SystemExit(f"{truth.name}: {process.stderr}")
    rows = json.loads(process.stdout)
    return ([row for row in rows if row["kind"] == kind] for kind in ("role", "name", "host"))


def is_in_bytes(capture, names):
    """Whether one of the names stands in the capture as text: ASCII, UTF-16, or labels of DNS. Short ones as whole words."""
    content = capture.read_bytes().lower()
    for name in names:
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        forms = (name.encode(), labels) if "." in name else ()
        words = b"(?<![a-z0-9+/$])%s(?![a-z0-9+/])" % re.escape(name.encode())
        wide = b"(?<![a-z0-9]\\x00)%s(?![a-z0-9]\\x00)" % re.escape(name.encode("utf-16-le"))
        if any(form in content for form in forms) or re.search(words, content) or re.search(wide, content):
            return True
    return False


def compare_roles(site, rows):
    """(matched, known, differences)"""
    differences = []
    found = {(v4(row["host"]), row["role"]) for row in rows if row["host"] and row["grade"] != "hint"}
    for address, role in sorted(site.roles - found):
        differences.append(((address, role), f"{role} of {address} was not learned"))
    for address, role in sorted(found - site.roles):
        differences.append(((address, role), f"{role} of {address} is not in the ground truth"))
    code = site.document["site"]["code"]
    for row in rows:
        wanted = site.codes.get((v4(row["host"] or ""), row["role"])) or {None, code}
        if row["site_code"] not in wanted and (v4(row["host"] or ""), row["role"]) in site.roles:
            differences.append(((row["host"], row["role"]), f"{row['role']} of {row['host']} has the site code {row['site_code']}, known {sorted(map(str, wanted))}"))
    return len(found & site.roles), len(site.roles), differences


def compare_names(site, rows, hosts):
    """(right, hosts named, hosts that nothing names, differences)"""
    differences, right, silent, named = [], 0, 0, set()
    for row in rows:
        address = v4(row["host"])
        if address not in site.names:
            continue
        if row["name"].lower() in site.names[address]:
            right += 1
            named.add(address)
        else:
            differences.append(((address, row["name"]), f"{address} is called {row['name']}, known {sorted(site.names[address])}"))
    for host in hosts:
        address = v4(host["host"])
        if address in site.names and address not in named:
            if is_in_bytes(site.truth.pcap, site.names[address]):
                differences.append(((address, None), f"{address} was not named, though {sorted(site.names[address])} stands in the capture"))
            else:
                silent += 1
    return right, len(named), silent, differences


def report(name, base, kind, differences, known):
    """Prints what differs; returns how many differences nobody understands."""
    open_ = 0
    for key, text in differences:
        why = next((known[(n, *key)] for n in (name, base, "*") if (n, *key) in known), None)
        open_ += why is None
        print(f"{name}: {kind}: {text}" + (f" (known: {why})" if why else ""))
    return open_


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cmscope", required=True)
    parser.add_argument("paths", nargs="+", type=Path)
    arguments = parser.parse_args()
    files = [file for path in arguments.paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    files = [file for file in files if file.with_suffix(".pcap").exists()]
    if not files:
        print("no ground truth there", file=sys.stderr)
        return 2
    sums = dict.fromkeys(("roles", "known", "names", "named", "silent", "differences", "unexplained"), 0)
    for file in files:
        site = Site(file)
        truth = site.truth
        roles, names, hosts = query(arguments.cmscope, site)
        matched, known, roles = compare_roles(site, roles)
        right, named, silent, names = compare_names(site, names, hosts)
        sums["unexplained"] += report(truth.name, truth.base, "role", roles, KNOWN_ROLES)
        sums["unexplained"] += report(truth.name, truth.base, "name", names, KNOWN_NAMES)
        for key, value in (("roles", matched), ("known", known), ("names", right), ("named", named), ("silent", silent), ("differences", len(roles) + len(names))):
            sums[key] += value
    print(f"{len(files)} captures: roles {sums['roles']} of {sums['known']}; names that are right {sums['names']}; hosts with a name {sums['named']}, "
          f"hosts that nothing in the capture names {sums['silent']}; differences {sums['differences']}, of them unexplained {sums['unexplained']}")
    return 1 if sums["unexplained"] else 0


if __name__ == "__main__":
    sys.exit(main())
