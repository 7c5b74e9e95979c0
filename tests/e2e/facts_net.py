#!/usr/bin/env python3
"""Names, DHCP, TFTP, LDAP and TDS: facts that others know of captures are those that cmscope tells.

The captures and the comparison: facts.py.
"""

from collections import Counter

import facts
import lab
from facts import Facts, ask, capture

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "OPT": 41,
         "TKEY": 249, "TSIG": 250, "HTTPS": 65, "ANY": 255}

ICMP = "tshark also counts the messages that ICMP errors quote, which nobody sent a second time"
NBNS_EXPLAINED = {
    ("kerberos-smb2-rawip.pcap", "operations"): ({}, {"op0/resp": 2}, facts.CMSCOPE, ICMP),
    ("pxe-tftp-enterprise-mix.pcap", "operations"): ({}, {"op0/req": 12}, facts.CMSCOPE, ICMP),
    ("pxe-tftp-enterprise-mix.pcap", "names with suffix"): ({}, {"*" + 15 * "<00>": 12}, facts.CMSCOPE, ICMP),
}


def oracles(protocol):
    for path, oracle in facts.oracles(protocol):
        yield path, oracle[protocol]


def messages(rows):
    """Each row is a question, its reply, or both."""
    return sum((row["packet"] != row["reply_packet"]) + (row["reply_packet"] is not None) for row in rows)


def test_dns():
    """Names and types asked for over DNS, and how many messages had them, are those that tshark told."""
    compared = Facts("dns", "public, tshark")
    for path, known in oracles("dns"):
        rows = ask(path, "SELECT packet, reply_packet, name, type FROM name_query WHERE protocol = 'dns'")
        found = Counter()
        for row in rows:
            found[f"{row['name']}/{TYPES.get(row['type'], row['type'])}"] += messages([row])
        compared.compare(path.name, "names and types", found, known["names"])
        compared.compare(path.name, "messages", {"queries": sum(row["packet"] != row["reply_packet"] for row in rows),
                                  "responses": sum(row["reply_packet"] is not None for row in rows)},
                      {"queries": known["queries"], "responses": known["responses"]})
    compared.settle()


NBNS_OPERATIONS = {"query": "op0", "registration": "op5", "release": "op6", "wack": "op7", "refresh": "op8"}


def nbns_name(row):
    """As tshark writes it: what is not printable as <xx>; the NULs that fill up the name of everybody are shown."""
    name = "*" + 14 * "\0" if row["name"] == "*" else row["name"] or ""
    text = "".join(c if " " <= c <= "~" else f"<{ord(c):02x}>" for c in name)
    return f"{text}<{(row['suffix'] or '').lower()}>"


def test_nbns():
    """Names with their suffixes over NBNS, how often they stand in messages, and operations are those that tshark told."""
    compared = Facts("nbns", "public, tshark", NBNS_EXPLAINED)
    for path, known in oracles("nbns"):
        names, operations = Counter(), Counter()
        for row in ask(path, "SELECT packet, reply_packet, operation, name, suffix FROM name_query WHERE protocol = 'nbns'"):
            asked, answered = row["packet"] != row["reply_packet"], row["reply_packet"] is not None
            names[nbns_name(row)] += asked
            operation = NBNS_OPERATIONS[row["operation"]]
            operations[f"{operation}/req"] += asked
            operations[f"{operation}/resp"] += answered
        for row in ask(path, "SELECT a.name, a.suffix FROM name_answer a JOIN name_query q ON q.id = a.query "
                             "WHERE protocol = 'nbns'"):
            names[nbns_name(row)] += 1  # of replies, and of registrations, which hold the name twice
        compared.compare(path.name, "names with suffix", +names, known["names"])
        compared.compare(path.name, "operations", +operations, known["ops"])
    compared.settle()


def test_dhcp():
    """Messages, vendor classes, architectures and boot files of DHCP are those that tshark told."""
    compared = Facts("dhcp", "public, tshark")
    for path, known in oracles("dhcp"):
        rows = ask(path, "SELECT message, vendor_class, architecture, boot_server, boot_file FROM dhcp")
        compared.compare(path.name, "messages", Counter(row["message"].upper() for row in rows), known["messages"])
        compared.compare(path.name, "vendor classes", Counter(row["vendor_class"] for row in rows if row["vendor_class"]), known["vendor_class"])
        compared.compare(path.name, "architectures", Counter(str(row["architecture"]) for row in rows if row["architecture"] is not None),
                      known["client_arch"])
        boot = Counter(f"bootfile_name={row['boot_file']}" for row in rows if row["boot_file"])
        boot += Counter(f"tftp_server_name={row['boot_server']}" for row in rows if row["boot_server"])
        compared.compare(path.name, "boot servers and files", boot, known["boot"])
    compared.settle()


def test_tftp():
    """Files, data packets, errors and options of TFTP are those that tshark told."""
    compared = Facts("tftp", "public, tshark")
    for path, known in oracles("tftp"):
        rows = ask(path, "SELECT operation, file, options, accepted, packets, error_code FROM tftp")
        kinds = {"read": "RRQ", "write": "WRQ"}
        compared.compare(path.name, "files", Counter(f"{kinds[r['operation']]} {r['file']}" for r in rows if r["file"]), known["files"])
        operations = Counter(kinds[row["operation"]] for row in rows if row["file"])
        operations["DATA"] = sum(row["packets"] for row in rows)
        operations["OACK"] = sum(row["accepted"] is not None for row in rows)
        operations["ERROR"] = sum(row["error_code"] is not None for row in rows)
        compared.compare(path.name, "messages", +operations, {k: v for k, v in known["ops"].items() if k != "ACK"})
        options = Counter(f"RRQ {option}" for row in rows for option in (row["options"] or "").split(",") if option)
        options += Counter(f"OACK {option}" for row in rows for option in (row["accepted"] or "").split(",") if option)
        compared.compare(path.name, "options", options, known["options"])
    compared.settle()


def test_ldap():
    """Binds, mechanisms, operations, entries and references of LDAP are those that tshark told."""
    compared = Facts("ldap", "public, tshark")
    for path, known in oracles("ldap"):
        binds = ask(path, "SELECT method, mechanism, result FROM ldap_bind")
        rows = ask(path, "SELECT operation, entries, continued, result FROM ldap_operation")
        found = Counter({"bindRequest": len(binds), "bindResponse": sum(bind["result"] is not None for bind in binds)})
        names = {"search": ("searchRequest", "searchResDone"), "modify": ("modifyRequest", "modifyResponse"),
                 "starttls": ("extendedReq", "extendedResp"), "extended": ("extendedReq", "extendedResp")}
        for row in rows:
            request, reply = names[row["operation"]]
            found[request] += 1
            found[reply] += row["result"] is not None
            found["searchResEntry"] += row["entries"] or 0
            found["searchResRef"] += row["continued"] or 0
        compared.compare(path.name, "operations", +found, {k: v for k, v in known["ops"].items() if k != "unbindRequest"})
        compared.compare(path.name, "mechanisms", Counter(bind["mechanism"] for bind in binds if bind["mechanism"]), known["mechanisms"])
    compared.settle()


def test_tds_oracle():
    """What PRELOGIN and LOGIN7 say is what tshark told; the password is not among it."""
    compared = Facts("tds", "public, tshark")
    names = {"app": "application", "client": "host", "integrated": "integrated", "library": "library",
             "server": "server_name", "user": "user"}
    encryption = {"OFF": "off", "ON": "on", "NOT_SUP": "notsupported", "REQ": "required"}
    for path, known in oracles("tds"):
        rows = ask(path, "SELECT * FROM sql_login")
        compared.compare(path.name, "connections", {"connections": len(rows)}, {"connections": 1})
        for login, row in zip(known["login7"], rows):
            found = {f"{key}={row[column]}": 1 for key, column in names.items()}
            found[f"version={row['tds_version']}"] = 1
            told = {f"{key}={int(login[key]) if key == 'integrated' else login[key]}": 1 for key in names}
            told[f"version={login['tds_version'][2:].upper()}"] = 1
            compared.compare(path.name, "login", found, told)
        for prelogin, row in zip(known["prelogin"], [rows[0]] * 2):
            side = prelogin["from"]
            number = int(prelogin["version"])
            version = f"{number >> 24}.{number >> 16 & 255}.{number & 65535}"
            compared.compare(path.name, "prelogin encryption, version", {f"{side} {row[side + '_encryption']} {row[side + '_version']}": 1},
                          {f"{side} {encryption[prelogin['encryption']]} {version}": 1})
        batches = ask(path, "SELECT count(*) AS n FROM sql_batch")[0]["n"]
        compared.compare(path.name, "batches", {"batches": batches}, {"batches": known["types"].get("1", 0) + known["types"].get("15", 0)})
    compared.settle()


ENCRYPTIONS = {0: "off", 1: "on", 2: "notsupported", 3: "required"}
OUTCOMES = {"no": "none", "login": "login", "on": "session"}


def tds_known(truth):
    """What the server of the lab saw, as far as the wire shows it."""
    hidden = truth["encryption"] != "no"
    known = {f"encryption {OUTCOMES[truth['encryption']]}": 1}
    account = next((f"{event['domain']}\\{event['user']}" for event in truth["server_saw"] if event["event"] == "sspi"), None)
    for event in truth["server_saw"]:
        if event["event"] == "prelogin":
            known[f"client {ENCRYPTIONS[event['client_encryption']]}"] = 1
            known[f"server {ENCRYPTIONS[event['server_encryption']]}"] = 1
        elif event["event"] == "login7" and not hidden:
            known |= {f"{key} {event[key]}": 1 for key in ("tds_version", "hostname", "appname", "servername", "clientlib")}
            known |= {f"user {event['user'] or account}": 1, f"integrated {int(event['integrated'])}": 1}
            known[f"password sent {int(event['password'] != '')}"] = 1
        elif event["event"] == "batch" and truth["encryption"] != "on":
            known[f"batch {event['sql']}"] = 1
    return known


def tds_found(path):
    rows = ask(path, "SELECT * FROM sql_login")
    lab.expect_equal(len(rows), 1, f"connections of {path.name}")
    row = rows[0]
    found = {f"encryption {row['encryption']}": 1, f"client {row['client_encryption']}": 1,
             f"server {row['server_encryption']}": 1}
    if row["encryption"] == "none":
        names = {"tds_version": "tds_version", "hostname": "host", "appname": "application", "servername": "server_name",
                 "clientlib": "library", "user": "user", "integrated": "integrated", "password sent": "password_sent"}
        found |= {f"{key} {row[column]}": 1 for key, column in names.items()}
    return found | {f"batch {batch['statement']}": 1 for batch in ask(path, "SELECT statement FROM sql_batch")}


def test_tds_lab():
    """Of the lab's connections to SQL Server, what the server saw is what was found; no password is in any output."""
    compared = Facts("tds", "lab, server")
    for name in ("tds-integrated-plain", "tds-sql-auth-plain", "tds-sql-auth-tls-login", "tds-tls-full"):
        path = capture("lab", f"{name}.pcap")
        truth = lab.ground_truth(path)["tds"]
        compared.compare(path.name, "encryption, login, batches", tds_found(path), tds_known(truth))
        for table in ("sql_login", "sql_batch", "sql_error"):
            result = lab.cmscope("query", "-r", path, "-T", "json", f"SELECT * FROM {table}")
            lab.expect(truth["password"].encode() not in result.output, f"the password of {name} is in {table}")
    compared.settle()


def test_nbns_lab():
    """The answers that nmblookup got in the lab, name by name, are those that were found."""
    compared = Facts("nbns", "lab, nmblookup")
    path = capture("lab", "nbns-wins.pcap")
    known = {}
    for peer in lab.ground_truth(path)["peers"]:
        words = peer["command"].replace("'", "").split()
        if "--recursion" in words:
            name, suffix = words[-1].split("#")
            answer = peer["output_tail"].splitlines()[1].split()[0] if peer["exit"] == 0 else None
            known[f"{name}<{suffix}> {answer}"] = 1
    rows = ask(path, "SELECT name, suffix, answer FROM name_query WHERE operation = 'query' AND type = 'NB' AND unicast "
                     "AND packet <> coalesce(reply_packet, 0)")
    compared.compare(path.name, "names with suffix, answers", Counter(f"{row['name']}<{row['suffix']}> {row['answer']}" for row in rows), known)
    compared.settle()


def test_dns_lab():
    """Questions and answers of the lab's look-ups are those that tshark shows, the SRV record of the MP with its port."""
    compared = Facts("dns", "lab, tshark")
    path = capture("lab", "dns-lookups.pcap")
    fields = ("dns.qry.name", "dns.qry.type", "dns.flags.rcode", "dns.a", "dns.ptr.domain_name", "dns.srv.target",
              "dns.srv.port")
    known = Counter()
    for name, kind, rcode, a, ptr, target, port in lab.tshark(path, "dns.flags.response == 1", *fields):
        answer = a or ptr or (f"{target}:{port}" if target else None)
        known[f"{name}/{kind} {rcode} {answer}"] += 1
    found = Counter(f"{row['name']}/{TYPES[row['type']]} {row['rcode']} {row['answer']}"
                    for row in ask(path, "SELECT name, type, rcode, answer FROM name_query"))
    compared.compare(path.name, "names, types, answers", found, known)
    port = ask(path, "SELECT port FROM name_answer WHERE name LIKE '_mssms_mp_%' AND type = 'SRV'")
    lab.expect_equal(port, [{"port": 80}], "port of the MP in DNS")
    compared.settle()


def test_cldap():
    """Answers of domain controllers are those that tshark shows: domain, host, sites, flags."""
    compared = Facts("cldap", "public, tshark")
    path = capture("public", "kerberos-smb2-rawip.pcap")
    fields = ("mscldap.forest", "mscldap.domain", "mscldap.hostname", "mscldap.nb_domain", "mscldap.nb_hostname",
              "mscldap.sitename", "mscldap.clientsitename", "mscldap.netlogon.flags")
    known = Counter(" ".join(row[:-1] + [str(int(row[-1], 0))]) for row in
                    lab.tshark(path, "cldap && mscldap.forest", *fields))
    rows = ask(path, "SELECT forest, domain, host, netbios_domain, netbios_host, dc_site, client_site, flags "
                     "FROM netlogon_ping")
    compared.compare(path.name, "domain controllers", Counter(" ".join(str(value) for value in row.values()) for row in rows), known)
    compared.settle()


if __name__ == "__main__":
    lab.main(test_dns, test_nbns, test_dhcp, test_tftp, test_ldap, test_tds_oracle, test_tds_lab, test_nbns_lab, test_dns_lab,
             test_cldap)
