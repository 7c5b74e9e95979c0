#!/usr/bin/env python3
"""The Wireshark plugin in tshark: it loads, filters, counts, exports, and says of each message and policy what cmscope says.

$CMSCOPE_PLUGIN is the plugin (cmscope.so); skipped without it, and without a tshark of its version. Captures are those of
tests/pcaps and, where they are at hand, the others of the lab ($CMSCOPE_CAPTURES or ../shared/pcaps, folder lab/).
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import lab
from plugin_place import FEWER, PLUGIN, WORKERS, Place, captures, needed, readable

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
    """The messages that the plugin shows, by (connection, reply), in their order."""
    text = place.tshark("-r", capture, "-o", "tcp.reassemble_out_of_order:TRUE", *options, "-Y", "ccm.reply", "-T", "json",
                        "-J", "frame tcp ccm", "--no-duplicate-keys")
    messages = {}
    for packet in json.loads(text):
        layers = packet["_source"]["layers"]
        trees = layers["ccm"] if isinstance(layers["ccm"], list) else [layers["ccm"]]
        stream, frame = flatten(layers["tcp"], {})["tcp.stream"], layers["frame"]["frame.number"]
        for tree in trees:
            fields = flatten(tree, {}) | {"frame": frame}
            messages.setdefault((stream, fields.get("ccm.reply")), []).append(fields)
    for (stream, reply), group in messages.items():
        requests = [fields["frame"] for fields in messages.get((stream, "0"), [])]
        for fields in group:
            fields["request"] = requests.index(fields["ccm.response_to"]) if "ccm.response_to" in fields else None
    return messages


def known(capture, options=()):
    """The messages that cmscope tells, by (flow, reply), in their order."""
    messages = {}
    sql = "SELECT m.*, f.sport FROM message m LEFT JOIN flow f ON f.id = m.flow WHERE m.carrier = 'post' ORDER BY m.packet, m.id"
    for row in lab.query(sql, capture, status=(lab.DONE, lab.INCOMPLETE), options=options):
        messages.setdefault((row["flow"], "1" if row["direction"] == "reply" else "0"), []).append(row)
    for (flow, _), group in messages.items():
        requests = [row["id"] for row in messages.get((flow, "0"), [])]
        for row in group:
            row["request"] = None if row["reply_of"] is None else requests.index(row["reply_of"])
    return messages


def wanted(row):
    fields = {field: row[column] for column, field in SAME.items()}
    fields.update({field: str(row[column] or 0) for column, field in FLAGS.items()})
    return fields | {"request": row["request"]}


def picture(fields):
    """What is compared, of a message as tshark shows it; "request": which one of its connection it answers."""
    return {field: clean(fields.get(field)) for field in [*SAME.values(), *FLAGS.values(), "request"]}


def clean(value):
    """As tshark's JSON writes it: an empty text is none."""
    return None if value == "" else value


def compare(place, capture, plugin_options=(), options=()):
    """(messages equal, messages of cmscope, messages of the plugin, differences)"""
    theirs = [fields for _, group in sorted(known(capture, options).items(), key=str) for fields in map(wanted, group)]
    mine = [picture(fields) for _, group in sorted(shown(place, place.put(capture), *plugin_options).items(), key=str)
            for fields in group]
    if capture.stem in FEWER:  # then their numbers differ
        for fields in (*theirs, *mine):
            fields["request"] = None
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
    """Of each message the plugin says what cmscope says, and of which request it is the reply: in the clear, and with the
    keys of TLS and of envelopes."""
    with Place() as place:
        jobs = [(capture, *options) for capture in captures() for options in {((), ()), place.put_keys(capture)}]
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            results = list(pool.map(lambda job: compare(place, *job), jobs))
        problems = []
        totals = {False: [0, 0], True: [0, 0]}
        for (capture, _, options), (equal, count, mine, differences) in zip(jobs, results):
            totals[bool(options)][0] += equal
            totals[bool(options)][1] += count
            fewer, why = FEWER.get(capture.stem, (0, ""))
            if equal < count and equal == mine and count - equal <= fewer:
                print(f"      {capture.stem}: {equal} of {count}: {why}")
            elif differences or mine != count:
                problems.append(f"{capture.stem} {options}: {equal} of {count} equal, plugin has {mine}: {differences[:2]}")
        print("      without keys {} of {} messages equal; with keys, of captures that have some, {} of {}".format(
            *totals[False], *totals[True]))
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
        signed = lab.value("SELECT count(*) FROM message WHERE root = 'ClientRegistrationRequest'", capture)
        tree = {line[:42].strip(): line[42:].split() for line in place.tshark("-q", "-r", copy, "-z", "ccm,tree").splitlines()}
        lab.expect_equal(tree["ConfigMgr messages"][0], str(total), "messages")
        for row in lab.query("SELECT signature, count(*) AS n FROM message WHERE carrier = 'post' GROUP BY 1", capture):
            lab.expect_equal(tree[row["signature"]][0], str(row["n"]), row["signature"])
        lab.expect_equal(tree["registration: valid"][0], str(signed), "signed registrations")
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


def test_follow():
    """-z follow,ccm shows the decoded bodies of a connection, each on a line, in their order."""
    capture = lab.PCAPS / "sccmwtf-http.pcap"
    with Place() as place:
        text = place.tshark("-q", "-r", place.put(capture), "-z", "follow,ccm,raw,1")
        lines = [bytes.fromhex(line.strip()) for line in text.splitlines() if line.strip() and not line.startswith(("=", "Follow", "Filter", "Node"))]
        sql = "SELECT body FROM message WHERE flow = (SELECT flow FROM message WHERE root = 'RequestAssignments') ORDER BY packet"
        bodies = [row["body"].encode() + b"\n" for row in lab.query(sql, capture, options=("--bodies",))]
        lab.expect_equal(lines, bodies, "bodies")
        lab.expect_equal(len(bodies), 2, "request and reply")


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
        jobs = [(capture, *options) for capture in cases for options in {((), ()), place.put_keys(capture)}]
        total = sum(pool.map(lambda job: policies_of(place, *job), jobs))
        print(f"      {total} policies equal, {len(jobs)} readings of {len(cases)} captures")
        lab.expect(total >= len(cases), "hardly any policy")


def plain(lines):
    """Truth values as Wireshark 4.0 writes them; 4.4 writes words."""
    return [[{"True": "1", "False": "0"}.get(value, value) for value in line] for line in lines]


def policies_of(place, capture, plugin_options, options):
    ordered = ("-o", "tcp.reassemble_out_of_order:TRUE", *plugin_options)
    rows = lab.query("SELECT p.* FROM policy p WHERE fetched = 1 AND body NOT IN ('error', 'unknown') ORDER BY packet", capture,
                     options=options, status=(lab.DONE, lab.INCOMPLETE))
    mine = plain(place.fields(capture, "ccm.policy.body && !(ccm.policy.body in {\"error\", \"unknown\"})", *POLICY.values(), options=ordered))
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
    capture = needed("naa-unencrypted")
    row = lab.query("SELECT packet, hash_ok FROM policy WHERE fetched = 1 AND body = 'clear' ORDER BY packet DESC LIMIT 1", capture)[0]
    lab.expect_equal(row["hash_ok"], 1, "hash_ok as it was")
    packets = lab.read_pcap(capture)
    time, frame = packets[row["packet"] - 1]
    at = frame.rindex(b"e")
    packets[row["packet"] - 1] = (time, frame[:at] + b"f" + frame[at + 1:])
    with Place() as place:
        changed = readable(lab.write_pcap(place.path / "changed.pcap", packets))
        sql = "SELECT packet, hash_ok FROM policy WHERE fetched = 1 AND hash_ok IS NOT NULL ORDER BY packet"
        rows = lab.query(sql, changed, status=lab.INCOMPLETE)  # the byte is that of a tag: the document cannot be read
        known = [[str(row["packet"]), str(row["hash_ok"])] for row in rows]
        lab.expect([str(row["packet"]), "0"] in known, f"the changed policy among {known}")
        shown_as = plain(place.fields(changed, "ccm.policy.hash_ok", "frame.number", "ccm.policy.hash_ok"))
        lab.expect_equal(shown_as, known, "hash_ok")
        found = place.fields(changed, "ccm.finding.code == \"C52\"", "frame.number")
        lab.expect_equal(found, [[str(row["packet"])]], "frames with C52")


def test_secrets():
    """Secrets are named; their values are shown only when the preference says so. Nothing of the envelope's inside is else."""
    capture = needed("naa-aes256-oaep")
    with Place() as place:
        plugin_options, options = place.needed_keys(capture)
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
    capture = needed("sdk-encrypted")
    with Place() as place:
        plugin_options, options = place.needed_keys(capture)
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


def test_key_files():
    """The table of key files opens what the folder opens: a key with a password, in PKCS#12, in PEM old and new, in DER."""
    capture = needed("naa-aes256-oaep")
    with Place() as place:
        options, _ = place.needed_keys(capture)
        key, certificate = (place.path / "naa-aes256-oaep.keys" / f"client1.{kind}.pem" for kind in ("key", "cert"))
        openssl = lab.tool("openssl")
        made = {
            "new.pem": ("pkcs8", "-topk8", "-in", key, "-passout", "pass:a,b"),
            "new.der": ("pkcs8", "-topk8", "-in", key, "-outform", "DER", "-passout", "pass:a,b"),
            "old.pem": ("rsa", "-in", key, "-aes128", "-traditional", "-passout", "pass:a,b"),
            "store.pfx": ("pkcs12", "-export", "-inkey", key, "-in", certificate, "-passout", "pass:a,b"),
        }
        opened = place.fields(capture, "ccm.decrypted == 1", "frame.number", options=options)
        lab.expect(len(opened) > 0, "the folder opens nothing")
        for name, words in made.items():
            path = place.path / name
            subprocess.run([openssl, *words, "-out", path], check=True, capture_output=True)
            readable(path)
            for password, found in (("a,b", opened), ("wrong", []), ("", [])):
                row = ("-o", f'uat:ccm_keys:"{path}","{password}"')
                lab.expect_equal(place.fields(capture, "ccm.decrypted == 1", "frame.number", options=row), found,
                                 f"{name}, password {password!r}")
        text = place.tshark("-r", place.put(capture), "-o", f'uat:ccm_keys:"{place.path}/new.pem","wrong"', errors=True)
        lab.expect_in("it is not the one given", text, "what is told of a wrong password")


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
        needed = subprocess.run([lab.tool("readelf"), "-d", PLUGIN], capture_output=True, text=True, check=True).stdout
        lab.expect("libwireshark" not in needed, "it is linked with a library that another version does not have")
        symbols = subprocess.run([lab.tool("nm"), "-D", PLUGIN], capture_output=True, text=True, check=True).stdout
        offset = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" plugin_want_minor"))
        content = bytearray(path.read_bytes())
        minor = int.from_bytes(content[offset:offset + 4], "little")
        lab.expect_equal(str(minor), place.version.split(".")[1], "plugin_want_minor")
        content[offset:offset + 4] = (minor + 50).to_bytes(4, "little")
        path.write_bytes(content)
        lab.expect_in(f"4.{minor + 50}", place.tshark("-G", "plugins", errors=True), "why it was refused")
        lab.expect("cmscope.so" not in place.tshark("-G", "plugins"), "it was loaded")


if __name__ == "__main__":
    lab.main(test_loads, test_agreement, test_filters, test_passes, test_bytes, test_statistics, test_follow, test_response_times,
             test_policies, test_hashes, test_secrets, test_decrypted, test_key_files, test_documents, test_fields, test_refused)
