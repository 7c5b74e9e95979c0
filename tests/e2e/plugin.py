#!/usr/bin/env python3
"""The Wireshark plugin in tshark: it loads, filters, counts, exports, and says of each message and policy what cmscope says.

$CMSCOPE_PLUGIN is the plugin (cmscope.so); skipped without it, and without a tshark of its version. Captures are those of
tests/pcaps and, where they are at hand, the others of the lab ($CMSCOPE_CAPTURES or ../shared/pcaps, folder lab/).
"""

import json
import os
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lab
import tls_suites

PLUGIN = os.environ.get("CMSCOPE_PLUGIN", "")
MORE = lab.CAPTURES / "lab"
NOBODY = 65534
SECONDS = 120
WORKERS = 2

# Column of `message`: field of the plugin.
SAME = {
    "endpoint": "ccm.endpoint", "root": "ccm.body.root", "message_id": "ccm.id", "correlation_id": "ccm.correlation_id",
    "source_id": "ccm.source_id", "source_host": "ccm.source_host", "target_host": "ccm.target_host",
    "target_address": "ccm.target_address", "target_endpoint": "ccm.target_endpoint", "reply_to": "ccm.reply_to",
    "reply_mode": "ccm.reply_mode", "sent_time": "ccm.sent_time", "file_type": "ccm.file_type",
    "encryption": "ccm.cipher", "hash_algorithm": "ccm.hash_algorithm", "client_capabilities": "ccm.client_capabilities",
    "header_encoding": "ccm.header.encoding", "signature": "ccm.signature.status", "hash": "ccm.signature.hash",
    "malformed": "ccm.malformed",
}
FLAGS = {"compressed": "ccm.compressed", "encrypted": "ccm.encrypted", "signed": "ccm.signed"}
# Column of `policy`, of downloads.
POLICY = {"policy_id": "ccm.policy.id", "version": "ccm.policy.version", "body": "ccm.policy.body", "cipher": "ccm.cipher",
          "body_sha256": "ccm.policy.sha256", "hash_ok": "ccm.policy.hash_ok"}
# Column of `policy`, of assignments.
ASSIGNED = {"policy_id": "ccm.policy.id", "version": "ccm.policy.version", "category": "ccm.policy.category",
            "flags": "ccm.policy.flags", "location": "ccm.policy.location", "hash": "ccm.policy.hash",
            "hash_ex": "ccm.policy.hash_ex"}

WITH_POLICIES = ("naa-unencrypted", "naa-aes256-oaep", "sccmwtf-http", "sccmhunter-naa", "sdk-http-full", "sdk-encrypted",
                 "sharpsccm-secrets", "mixed-two-clients", "mangled-pcapng")

# Captures in which Wireshark hands fewer messages to the plugin than cmscope has: (how many fewer at most, why).
CUT = "Wireshark's HTTP dissector shows no message of which bytes are missing; cmscope has a row for what is there"
FEWER = {
    "broken-truncated-tcp": (2, CUT),
    "mangled-gap-request": (2, CUT),
    "reply-truncated": (3, CUT),
    "sccmwtf-http-chunked-slow": (1, "tshark itself dissects two of the three replies with status 200"),
}


class Place:
    """A folder that an unprivileged user can read, with the plugin where tshark looks for it: to root it gives none."""

    def __init__(self):
        if not PLUGIN or not Path(PLUGIN).is_file():
            raise lab.Skip("the plugin is not built (-DCMSCOPE_PLUGIN=ON)")
        self.tshark_path = lab.tool("tshark")
        version = subprocess.run([self.tshark_path, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = ".".join(version.split()[2].split(".")[:2])
        self.folder = lab.folder()

    def __enter__(self):
        self.path = self.folder.__enter__()
        plugins = self.path / "plugins" / self.version / "epan"
        plugins.mkdir(parents=True)
        shutil.copy(PLUGIN, plugins / "cmscope.so")
        (self.path / "home").mkdir()
        for path in [self.path, *self.path.rglob("*")]:
            path.chmod(0o755)
        if os.geteuid() == 0:
            for path in (self.path, self.path / "home"):
                os.chown(path, NOBODY, NOBODY)
        return self

    def __exit__(self, *_):
        self.folder.__exit__()

    def put(self, capture):
        """A copy of a capture that the user can read."""
        copy = self.path / capture.name
        if not copy.exists():
            shutil.copyfile(capture, copy)
            copy.chmod(0o644)
        return copy

    def put_keys(self, capture):
        """Options that give the keys of a capture: the plugin's, cmscope's. None when they are not at hand."""
        keys = MORE / f"{capture.stem}.keys"
        if not keys.is_dir():
            return None, None
        copy = self.path / keys.name
        if not copy.exists():
            shutil.copytree(keys, copy)
            for path in [copy, *copy.rglob("*")]:
                path.chmod(0o755)
        return ("-o", f"ccm.keys:{copy}"), ("--keys", keys)

    def fields(self, capture, display, *names, options=()):
        """Lines of the values of the fields of the packets that the filter shows."""
        wanted = [word for name in names for word in ("-e", name)]
        text = self.tshark("-r", self.put(capture), *options, "-Y", display, "-T", "fields", "-E", "aggregator=|", *wanted)
        return [line.split("\t") for line in text.splitlines()]

    def tshark(self, *arguments, errors=False):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.path / "home"),
                       "WIRESHARK_PLUGIN_DIR": str(self.path / "plugins")}
        root = os.geteuid() == 0
        process = subprocess.run([self.tshark_path, *map(str, arguments)], capture_output=True, env=environment,
                                 timeout=SECONDS, user=NOBODY if root else None, group=NOBODY if root else None,
                                 extra_groups=[] if root else None, cwd=self.path, check=False)
        lab.expect_equal(process.returncode, 0, f"tshark {arguments}: {process.stderr.decode()}")
        lab.expect("Dissector bug" not in process.stderr.decode(), f"tshark {arguments}: a dissector bug")
        return process.stderr.decode("utf-8", "replace") if errors else process.stdout.decode("utf-8", "replace")


def capture_named(name):
    """Of this project, else of the rest of the lab: it may not be there."""
    own = lab.PCAPS / f"{name}.pcap"
    return own if own.exists() else MORE / f"{name}.pcap"


def captures():
    found = {path.stem: path for path in sorted(MORE.glob("*.pcap"))} if MORE.is_dir() else {}
    found.update({path.stem: path for path in sorted(lab.PCAPS.glob("*.pcap"))})
    return [found[name] for name in sorted(found)]


# ---- What tshark shows ----------------------------------------------------------------------------------------------


def flatten(tree, into):
    """All fields of a tree by name: the first value of each."""
    if isinstance(tree, list):
        for item in tree:
            flatten(item, into)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if isinstance(value, (dict, list)):
                if isinstance(value, list) and value and not isinstance(value[0], (dict, list)):
                    into.setdefault(name, value[0])
                else:
                    flatten(value, into)
            else:
                into.setdefault(name, value)
    return into


def shown(place, capture, *options):
    """The messages that the plugin shows, by (client port, reply), in their order."""
    text = place.tshark("-r", capture, "-o", "tcp.reassemble_out_of_order:TRUE", *options, "-Y", "ccm.reply", "-T", "json",
                        "-J", "frame tcp ccm", "--no-duplicate-keys")
    messages = {}
    for packet in json.loads(text):
        layers = packet["_source"]["layers"]
        trees = layers["ccm"] if isinstance(layers["ccm"], list) else [layers["ccm"]]
        stream = flatten(layers["tcp"], {})["tcp.stream"]
        for tree in trees:
            fields = flatten(tree, {})
            messages.setdefault((stream, fields["ccm.reply"]), []).append(fields)
    return messages


def known(capture, options=()):
    """The messages that cmscope tells, by (flow, reply), in their order; without those that were cut off in TLS."""
    messages = {}
    sql = "SELECT m.*, f.sport FROM message m LEFT JOIN flow f ON f.id = m.flow WHERE m.carrier = 'post' ORDER BY m.packet, m.id"
    rows = lab.query(sql, capture, status=(lab.DONE, lab.INCOMPLETE), options=options)
    for row in rows:
        messages.setdefault((row["flow"], "1" if row["direction"] == "reply" else "0"), []).append(row)
    return messages


def wanted(row):
    fields = {field: row[column] for column, field in SAME.items()}
    fields.update({field: str(row[column] or 0) for column, field in FLAGS.items()})
    return fields


def picture(fields):
    """The fields that are compared, of a message as tshark shows it."""
    return {field: clean(fields.get(field)) for field in [*SAME.values(), *FLAGS.values()]}


def clean(value):
    """As tshark's JSON writes it: an empty text is none."""
    return None if value == "" else value


def compare(place, capture, plugin_options=(), options=()):
    """(messages equal, messages of cmscope, messages of the plugin, differences)"""
    theirs = [fields for _, group in sorted(known(capture, options).items(), key=str) for fields in map(wanted, group)]
    mine = [picture(fields) for _, group in sorted(shown(place, place.put(capture), *plugin_options).items(), key=str)
            for fields in group]
    left, differences, equal = list(mine), [], 0
    for fields in theirs:
        fields = {name: clean(value) for name, value in fields.items()}
        if fields in left:
            left.remove(fields)
            equal += 1
        else:
            near = max(left, key=lambda other: sum(other[name] == fields[name] for name in fields), default=None)
            differences.append({name: (value, near and near[name]) for name, value in fields.items()
                                if near is None or near[name] != value})
    return equal, len(theirs), len(mine), differences


# ---- Tests ----------------------------------------------------------------------------------------------------------


def test_loads():
    """tshark loads the plugin, lists its fields, and has nothing to complain of."""
    with Place() as place:
        lab.expect_in("cmscope.so", place.tshark("-G", "plugins"), "plugins")
        fields = [line.split("\t") for line in place.tshark("-G", "fields").splitlines()]
        names = {line[2] for line in fields if line[0] == "F" and line[4] == "ccm"}
        lab.expect({*SAME.values(), *FLAGS.values()} <= names, f"missing: {({*SAME.values(), *FLAGS.values()}) - names}")


def test_agreement():
    """Of each message in the clear the plugin says what cmscope says."""
    with Place() as place:
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            results = list(pool.map(lambda capture: (capture, compare(place, capture)), captures()))
        problems = []
        matched = total = 0
        for capture, (equal, count, mine, differences) in results:
            matched, total = matched + equal, total + count
            fewer, why = FEWER.get(capture.stem, (0, ""))
            if equal < count and equal == mine and count - equal <= fewer:
                print(f"      {capture.stem}: {equal} of {count}: {why}")
            elif differences or mine != count:
                problems.append(f"{capture.stem}: {equal} of {count} equal, plugin has {mine}: {differences[:2]}")
        print(f"      {matched} of {total} messages equal, {len(results)} captures")
        lab.expect(not problems, "\n      ".join(problems))


def test_filters():
    """Filters find what they should, on fields of each type."""
    capture = lab.PCAPS / "broken-tampered-body.pcap"
    with Place() as place:
        copy = place.put(capture)
        packets = [row["packet"] for row in lab.query("SELECT packet FROM message WHERE signature = 'invalid'", capture)]
        cases = {
            'ccm.signature.status == "invalid"': len(packets),
            "ccm.reply == 1": 2,
            "ccm.signed == 0 && ccm.reply == 0": 1,
            "ccm.response_to > 0": 2,
            "ccm.time < 10 && ccm.time > 0": 2,
            "ccm.field.path == \"ReplyAssignments/PolicySource\"": 1,
            "ccm.public_key": 1,
            "ccm.auth_sender_machine": 1,
            "ccm.attachment.length": 0,
            'ccm.certificate': 1,
            "ccm.body.length > 8000": 1,
            "ccm.time >= 0": 2,
            "ccm.body": 4,
            'ccm.endpoint contains "Policy" && ccm.reply == 0': 1,
            'ccm.finding.code == "C45"': 1,
        }
        lines = place.tshark("-2", "-r", copy, "-Y", "ccm.response_in").splitlines()
        lab.expect_equal(len(lines), 2, "ccm.response_in, which the second pass knows")
        for text, count in cases.items():
            lines = place.tshark("-r", copy, "-Y", text).splitlines()
            lab.expect_equal(len(lines), count, text)


def test_passes():
    """One pass and two give the same."""
    with Place() as place:
        for name in ("sccmwtf-http", "sdk-http-full", "broken-foreign-key"):
            copy = place.put(lab.PCAPS / f"{name}.pcap")
            once = place.tshark("-r", copy, "-T", "fields", "-e", "frame.number", "-e", "ccm.signature.status", "-e",
                                "ccm.endpoint", "-e", "ccm.finding.code", "-e", "ccm.response_to", "-e",
                                "ccm.policy.assigned_in", "-e", "ccm.field.value", "-e", "_ws.col.info", "-Y", "ccm")
            twice = place.tshark("-2", "-r", copy, "-T", "fields", "-e", "frame.number", "-e", "ccm.signature.status", "-e",
                                 "ccm.endpoint", "-e", "ccm.finding.code", "-e", "ccm.response_to", "-e",
                                "ccm.policy.assigned_in", "-e", "ccm.field.value", "-e", "_ws.col.info", "-Y", "ccm")
            lab.expect(once.count("\n") > 3, f"{name}: nothing to compare")
            lab.expect_equal(once, twice, name)


def test_bytes():
    """A field stands at its bytes in the packet, although they are UTF-16."""
    with Place() as place:
        copy = place.put(lab.PCAPS / "broken-tampered-body.pcap")
        text = place.tshark("-r", copy, "-Y", "ccm.source_id", "-T", "json", "-x", "-J", "ccm", "--no-duplicate-keys")
        found = 0
        for packet in json.loads(text):
            fields = flatten_raw(packet["_source"]["layers"]["ccm"])
            for name in ("ccm.source_id", "ccm.source_host", "ccm.target_host", "ccm.id", "ccm.reply_mode"):
                if name in fields:
                    value, raw = fields[name]
                    lab.expect_equal(bytes.fromhex(raw).decode("utf-16-le"), value, name)
                    found += 1
        lab.expect(found >= 4, f"only {found} fields to look at")


def flatten_raw(tree):
    """name: (value, bytes as hex)"""
    values, raws = {}, {}

    def walk(node):
        for name, value in node.items():
            if isinstance(value, dict):
                walk(value)
            elif name.endswith("_raw"):
                raws.setdefault(name[:-4], value[0])
            elif isinstance(value, str):
                values.setdefault(name, value)

    walk(tree)
    return {name: (value, raws[name]) for name, value in values.items() if name in raws}


def test_statistics():
    """-z ccm,tree counts what cmscope counts; -z expert names the findings; bodies are exported."""
    capture = lab.PCAPS / "sdk-http-full.pcap"
    with Place() as place:
        copy = place.put(capture)
        total = lab.value("SELECT count(*) FROM message WHERE carrier = 'post'", capture)
        tree = {line[:42].strip(): line[42:].split() for line in place.tshark("-q", "-r", copy, "-z", "ccm,tree").splitlines()}
        lab.expect_equal(tree["ConfigMgr messages"][0], str(total), "messages")
        for row in lab.query("SELECT signature, count(*) AS n FROM message WHERE carrier = 'post' GROUP BY 1", capture):
            lab.expect_equal(tree[row["signature"]][0], str(row["n"]), row["signature"])
        expert = place.tshark("-q", "-r", place.put(lab.PCAPS / "broken-tampered-body.pcap"), "-z", "expert")
        lab.expect_in("Signature is invalid", expert, "expert")
        lab.expect_in("C45", expert, "expert")
        objects = place.path / "home" / "objects"
        place.tshark("-q", "-r", copy, "--export-objects", f"ccm,{objects}")
        bodies = sorted(row["body"] for row in lab.query("SELECT body FROM message WHERE carrier = 'post' AND body IS NOT NULL AND body <> ''",
                                                         capture, options=("--bodies",)))
        exported = sorted(path.read_text() for path in objects.glob("*.xml") if "-_7B" not in path.name)
        lab.expect_equal(exported, bodies, "exported bodies")
        certificates = {path.stem.split("-")[1].split("(")[0].lower() for path in objects.glob("*.cer")}
        rows = lab.query("SELECT DISTINCT fingerprint_sha1 AS f FROM certificate WHERE problem IS NULL", capture)
        lab.expect_equal(certificates, {row["f"].lower() for row in rows}, "exported certificates")
        policies = lab.value("SELECT count(*) FROM policy WHERE fetched = 1 AND body = 'clear'", capture)
        lab.expect_equal(len(list(objects.glob("*-_7B*.xml"))), policies, "exported policies")


def test_response_times():
    """-z ccm,srt has a row for each endpoint that replied, with the number of replies."""
    capture = lab.PCAPS / "sdk-http-full.pcap"
    with Place() as place:
        lines = place.tshark("-q", "-r", place.put(capture), "-z", "ccm,srt").splitlines()
        rows = {words[1]: words[2] for words in map(str.split, lines) if len(words) == 7 and words[0].isdigit()}
        counts = {row["endpoint"]: str(row["n"]) for row in
                  lab.query("SELECT endpoint, count(*) AS n FROM message WHERE direction = 'reply' AND carrier = 'post' GROUP BY 1", capture)}
        lab.expect_equal(rows, counts, "replies")


def test_policies():
    """Assigned and downloaded policies are those of cmscope; with the client's key also what is in an envelope."""
    cases = [capture for capture in captures() if capture.stem in WITH_POLICIES]
    with Place() as place, ThreadPoolExecutor(max_workers=WORKERS) as pool:
        jobs = [(capture, *options) for capture in cases for options in (((), ()), place.put_keys(capture))
                if options[0] is not None]
        total = sum(pool.map(lambda job: policies_of(place, *job), jobs))
        print(f"      {total} policies equal, {len(jobs)} readings of {len(cases)} captures")
        lab.expect(total >= len(cases), "hardly any policy")


def policies_of(place, capture, plugin_options, options):
    ordered = ("-o", "tcp.reassemble_out_of_order:TRUE", *plugin_options)
    rows = lab.query("SELECT p.* FROM policy p WHERE fetched = 1 AND body NOT IN ('error', 'unknown') ORDER BY packet", capture,
                     options=options, status=(lab.DONE, lab.INCOMPLETE))
    mine = place.fields(capture, "ccm.policy.body && !(ccm.policy.body in {\"error\", \"unknown\"})", *POLICY.values(), options=ordered)
    lab.expect_equal(sorted(mine), sorted(["" if row[column] is None else str(row[column]) for column in POLICY] for row in rows), f"{capture.stem}, policies")
    assigned = lab.query("SELECT p.* FROM policy p WHERE fetched = 0 ORDER BY packet", capture, options=options,
                         status=(lab.DONE, lab.INCOMPLETE))
    shown_in = place.fields(capture, "ccm.policy && ccm.body", *ASSIGNED.values(), options=ordered)
    for index, (column, field) in enumerate(ASSIGNED.items()):
        values = sorted(value for line in shown_in for value in line[index].split("|") if value)
        lab.expect_equal(values, sorted(str(row[column]) for row in assigned if row[column] not in (None, "")),
                         f"{capture.stem}, {field}")
    return len(mine)


def test_hashes():
    """A policy of which a byte was changed has not the hash of its assignment: as cmscope says, and as a finding."""
    capture = capture_named("naa-unencrypted")
    if not capture.is_file():
        raise lab.Skip(f"no {capture}")
    row = lab.query("SELECT packet, hash_ok FROM policy WHERE fetched = 1 AND body = 'clear' ORDER BY packet DESC LIMIT 1", capture)[0]
    lab.expect_equal(row["hash_ok"], 1, "hash_ok as it was")
    packets = lab.read_pcap(capture)
    time, frame = packets[row["packet"] - 1]
    at = frame.rindex(b"e")
    packets[row["packet"] - 1] = (time, frame[:at] + b"f" + frame[at + 1:])
    with Place() as place:
        changed = readable(lab.write_pcap(place.path / "changed.pcap", packets))
        sql = "SELECT packet, hash_ok FROM policy WHERE fetched = 1 AND hash_ok IS NOT NULL ORDER BY packet"
        known = [[str(row["packet"]), str(row["hash_ok"])] for row in lab.query(sql, changed)]
        lab.expect([str(row["packet"]), "0"] in known, f"the changed policy among {known}")
        lab.expect_equal(place.fields(changed, "ccm.policy.hash_ok", "frame.number", "ccm.policy.hash_ok"), known, "hash_ok")
        found = place.fields(changed, "ccm.finding.code == \"C52\"", "frame.number")
        lab.expect_equal(found, [[str(row["packet"])]], "frames with C52")


def test_tokens():
    """ClientToken and its signature, of every request in the clear, as cmscope tells them, with one pass and with two."""
    total = valid = 0
    with Place() as place:
        for capture in captures():
            sql = "SELECT token, token_signature FROM http WHERE token IS NOT NULL AND method = 'GET' AND tls IS NOT 1 ORDER BY 1, 2"
            rows = [list(row.values()) for row in lab.query(sql, capture, status=(lab.DONE, lab.INCOMPLETE))]
            if not rows:
                continue
            for passes in ((), ("-2",)):
                options = ("-o", "tcp.reassemble_out_of_order:TRUE", *passes)
                mine = place.fields(capture, "ccm.client_token && !tls", "ccm.client_token", "ccm.token_signature.status", options=options)
                if capture.stem in FEWER:  # a registration that Wireshark does not show has no key
                    mine, rows = ([line[:1] for line in lines] for lines in (mine, rows))
                lab.expect_equal(sorted(mine), rows, f"{capture.stem} {passes}")
            total += len(rows)
            valid += sum(row[1:] == ["valid"] for row in rows)
    print(f"      {total} tokens equal, {valid} of them valid")
    lab.expect(valid > 0, "no valid signature")


def test_secrets():
    """Secrets are named; their values are shown only when the preference says so. Nothing of the envelope's inside is else."""
    capture = capture_named("naa-aes256-oaep")
    if not capture.is_file():
        raise lab.Skip(f"no {capture}")
    with Place() as place:
        plugin_options, options = place.put_keys(capture)
        if plugin_options is None:
            raise lab.Skip(f"no keys of {capture.stem}")
        rows = lab.query("SELECT name, value FROM secret WHERE value <> ''", capture, options=(*options, "--show-secrets"))
        lab.expect(len(rows) >= 2, "no secrets in the capture")
        hidden = place.tshark("-2", "-r", place.put(capture), *plugin_options, "-V", "-x")
        shown_text = place.tshark("-2", "-r", place.put(capture), *plugin_options, "-o", "ccm.show_secrets:TRUE", "-V")
        for row in rows:
            lab.expect(f"Value: {row['value']}]" not in hidden, f"{row['name']} is shown")
            lab.expect_in(f"Value: {row['value']}]", shown_text, row["name"])
            lab.expect_in(f".{row['name']}]", hidden, row["name"])
        lab.expect_in("Policy (secrets hidden)", hidden, "tab")
        lab.expect("Decrypted (" not in hidden, "a tab shows what holds secrets")
        lab.expect_in("Decrypted (", place.tshark("-2", "-r", place.put(capture), *plugin_options, "-o",
                                                  "ccm.show_secrets:TRUE", "-V", "-x"), "tab with secrets")
        links = place.fields(capture, "ccm.policy.downloaded_in", "frame.number", "ccm.policy.downloaded_in", options=("-2",))
        back = place.fields(capture, "ccm.policy.assigned_in", "frame.number", "ccm.policy.assigned_in", options=("-2",))
        lab.expect_equal(sorted([frame, links[0][0]] for frame in links[0][1].split("|")), sorted(back), "links")


def test_decrypted():
    """With private keys the plugin says of encrypted messages what cmscope says, and shows each layer as a tab."""
    capture = capture_named("sdk-encrypted")
    if not capture.is_file():
        raise lab.Skip(f"no {capture}")
    with Place() as place:
        plugin_options, options = place.put_keys(capture)
        if plugin_options is None:
            raise lab.Skip(f"no keys of {capture.stem}")
        equal, count, mine, differences = compare(place, capture, plugin_options, options)
        lab.expect(count > 0 and equal == count == mine, f"{equal} of {count} equal: {differences[:2]}")
        opened = lab.value("SELECT count(*) FROM message WHERE encrypted = 1 AND root IS NOT NULL", capture, options=options)
        lab.expect(opened > 0, "nothing was opened")
        lines = place.fields(capture, "ccm.decrypted == 1 && ccm.recipient.opens == 1 && ccm.reply", "frame.protocols",
                             options=plugin_options)
        lab.expect_equal(len(lines), opened, "decrypted")
        for words in lines:
            lab.expect_in("cms", words[0].split(":"), "handed on to CMS")
        text = place.tshark("-r", place.put(capture), *plugin_options, "-Y", "ccm.decrypted == 1 && ccm.reply", "-x")
        for tab in ("Decrypted (", "Decompressed payload (", "Body (UTF-8) ("):
            lab.expect_equal(text.count(tab), opened, tab)


def test_documents():
    """Lists of management points and registrations: certificates go to Wireshark's X.509 dissector, bodies to its XML."""
    with Place() as place:
        for name in ("mp-lookups", "sdk-http-full", "sccmwtf-http"):
            capture = lab.PCAPS / f"{name}.pcap"
            rows = lab.query("SELECT packet, fingerprint_sha1 AS f FROM certificate WHERE problem IS NULL", capture)
            lines = place.fields(capture, "ccm.certificate", "ccm.certificate", "frame.protocols")
            mine = {value.lower() for line in lines for value in line[0].split("|")}
            lab.expect({row["f"].lower() for row in rows} <= mine and mine, f"{name}: {mine} of {rows}")
            for line in lines:
                lab.expect_in("x509af", line[1].split(":"), name)
                lab.expect_in("xml", line[1].split(":"), name)
        lists = place.fields(lab.PCAPS / "mp-lookups.pcap", "ccm.list", "ccm.list")
        lab.expect_equal([line[0] for line in lists], ["MPLIST", "MPCERT", "MPKEYINFORMATION", "SITESIGNCERT", "MPTRK"], "lists")


def test_fields():
    """ccm.field.path and ccm.field.value are the rows of `field`, of the body."""
    with Place() as place:
        for name in ("sdk-http-full", "sccmhunter-push-ddr", "sharpsccm-secrets"):
            capture = lab.PCAPS / f"{name}.pcap"
            rows = lab.query("SELECT path, value FROM field WHERE part = 'body' AND message IS NOT NULL AND value <> '' "
                             "AND certainty <> 'unknown'", capture)
            wanted_paths = sorted({row["path"] for row in rows})
            lines = place.fields(capture, "ccm.body && ccm.reply", "ccm.field.path", "ccm.field.value")
            paths = {path for line in lines for path in line[0].split("|")}
            lab.expect(len(wanted_paths) > 10 and set(wanted_paths) <= paths, f"{name}: {set(wanted_paths) - paths}")


def test_refused():
    """A plugin of another version of Wireshark is refused in words that name the version."""
    with Place() as place:
        path = place.path / "plugins" / place.version / "epan" / "cmscope.so"
        symbols = subprocess.run([lab.tool("nm"), "-D", PLUGIN], capture_output=True, text=True, check=True).stdout
        offset = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" plugin_want_minor"))
        content = bytearray(path.read_bytes())
        minor = int.from_bytes(content[offset:offset + 4], "little")
        lab.expect_equal(str(minor), place.version.split(".")[1], "plugin_want_minor")
        content[offset:offset + 4] = (minor + 50).to_bytes(4, "little")
        path.write_bytes(content)
        lab.expect_in(f"4.{minor + 50}", place.tshark("-G", "plugins", errors=True), "why it was refused")
        lab.expect("cmscope.so" not in place.tshark("-G", "plugins"), "it was loaded")


UPLOADS = "http.request && http.request.uri contains \"CCM_Incoming\""


def moved(place, capture, port):
    """The capture with another port in place of 80. (Checksums stay as they were: tshark does not look at them.)"""
    packets = []
    for time, frame in lab.read_pcap(capture):
        tcp = 14 + 4 * (frame[14] & 15)
        ports = [port if old == 80 else old for old in struct.unpack_from(">HH", frame, tcp)]
        packets.append((time, frame[:tcp] + struct.pack(">HH", *ports) + frame[tcp + 4:]))
    return readable(lab.write_pcap(place.path / f"moved-{port}.pcap", packets))


def readable(path):
    path.chmod(0o644)
    return path


def streams(capture):
    """What was said in each connection, in its order: [(0 by the client or 1, bytes), ...]."""
    found = {}
    for _, frame in lab.read_pcap(capture):
        ip, tcp = 14, 14 + 4 * (frame[14] & 15)
        end = ip + struct.unpack_from(">H", frame, ip + 2)[0]
        ports = struct.unpack_from(">HH", frame, tcp)
        data = frame[tcp + 4 * (frame[tcp + 12] >> 4):end]
        if data and frame[23] == 6 and 80 in ports:
            found.setdefault(max(ports), []).append((int(ports[0] == 80), data))
    return found.values()


def in_tls(place, capture, port):
    """What the capture says, said again in TLS by OpenSSL in memory: a capture, and the log of its keys."""
    tls_suites.make_keys(place.path)
    server, client = (tls_suites.context(place.path, side, "1.3", 0, "ALL") for side in (True, False))
    packets = []
    for number, stream in enumerate(streams(capture)):
        wire = tls_suites.Wire(client, server)
        wire.shake()
        for side, data in stream:
            wire.say(side, data)
        talk = lab.Conversation(("10.2.0.2", 50000 + number), ("10.2.0.1", port), (1_700_000_000 + number) * 10**9)
        for side, data in wire.log:
            (talk.answer if side else talk.send)(data)
        packets += talk.close().packets
    return readable(lab.write_pcap(place.path / f"tls-{port}.pcap", packets)), readable(place.path / "keylog.txt")


def test_bits():
    """Uploads are dissected as HTTP, reassembled: on any port, in TLS that Wireshark decrypts, and by Decode As."""
    capture = capture_named("bits-upload")
    if not capture.is_file():
        raise lab.Skip(f"no {capture}")
    wanted_count = lab.value("SELECT count(*) FROM http WHERE method = 'BITS_POST'", capture)
    with Place() as place:
        tls, keys = in_tls(place, capture, 443)
        other_tls, _ = in_tls(place, capture, 8443)
        cases = {
            "port 80": (place.put(capture),),
            "port 8530": (moved(place, capture, 8530),),
            "port 50123": (moved(place, capture, 50123),),
            "port 8080": (moved(place, capture, 8080),),
            "port 443, Decode As": (moved(place, capture, 443), "-d", "tcp.port==443,http_bits"),
            "TLS": (tls, "-o", f"tls.keylog_file:{keys}"),
            "TLS on port 8443": (other_tls, "-o", f"tls.keylog_file:{keys}"),
            "TLS on port 8443, Decode As": (other_tls, "-o", f"tls.keylog_file:{keys}", "-d", "tls.port==8443,http_bits"),
        }
        messages = place.fields(capture, "ccm.header", "ccm.id", "ccm.body.root")
        for name, (path, *options) in cases.items():
            lines = place.tshark("-r", path, *options, "-Y", UPLOADS).splitlines()
            lab.expect_equal(len(lines), wanted_count, f"{name}: requests")
            lab.expect(all("BITS_POST" in line for line in lines), f"{name}: the method is not told")
            lab.expect_equal(place.fields(path, "ccm.header", "ccm.id", "ccm.body.root", options=options), messages,
                             f"{name}: messages")


def test_others_untouched():
    """Without ConfigMgr messages, tshark says the same with and without the plugin."""
    with Place() as place:
        for name in ("blocked-ports", "sccmwtf-tls12-nokeys"):
            copy = place.put(lab.PCAPS / f"{name}.pcap")
            with_plugin = place.tshark("-r", copy, "-V")
            shutil.move(place.path / "plugins", place.path / "away")
            (place.path / "plugins").mkdir()
            lab.expect_equal(place.tshark("-r", copy, "-V"), with_plugin, name)
            (place.path / "plugins").rmdir()
            shutil.move(place.path / "away", place.path / "plugins")


if __name__ == "__main__":
    lab.main(test_loads, test_agreement, test_filters, test_passes, test_bytes, test_statistics, test_response_times,
             test_policies, test_hashes, test_tokens, test_secrets, test_decrypted, test_documents, test_fields, test_refused, test_bits,
             test_others_untouched)
