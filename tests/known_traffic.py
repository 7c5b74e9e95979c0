"""known_traffic.py: what the ground truth of a capture says that cmscope must find: for compare_ground_truth.py.

A ground truth lists transactions as the management point saw them. Here each becomes the messages, registrations, certificates,
policies and TLS sessions that it stands for: columns of cmscope's tables with the values that are right.
"""

import json
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

# Differences that are understood: (capture, transaction, field): why. A mangled capture shares those of its base.
CRLF_OPEN = "no closing boundary follows the payload, so whether the CRLF at its end belongs to it is open (see notes)"
HASH_MISNAMED = "made with SHA-1 and named SHA-256: the ground truth believes the name, cmscope tries the hashes"
LINE_END_KEPT = "a CDATA section holds CR LF: cmscope keeps it as sent, other parsers make it LF"
KNOWN = {
    ("sharpsccm-media", 1, "values of the header"): LINE_END_KEPT,
    ("broken-truncated-multipart", 3, "payload_bytes"): CRLF_OPEN,
    ("broken-truncated-multipart", 3, "signature"): CRLF_OPEN,
    ("broken-truncated-multipart", 3, "hash"): CRLF_OPEN,
    ("broken-sha1-signatures", 4, "signature"): HASH_MISNAMED,
    ("broken-sha1-signatures", 4, "client_id_signature"): HASH_MISNAMED,
}

TLS_PORT = 443
PKI = "Issuing CA"
OPENSSL_SECONDS = 60
CIPHERS = {"3des": "3des-cbc", "aes256": "aes-256-cbc", "aes128": "aes-128-cbc"}

# Columns of message that are members of <Msg>.
HEADER_FIELDS = {
    "message_id": "ID",
    "correlation_id": "CorrelationID",
    "source_id": "SourceID",
    "source_host": "SourceHost",
    "target_host": "TargetHost",
    "target_address": "TargetAddress",
    "target_endpoint": "TargetEndpoint",
    "reply_to": "ReplyTo",
    "reply_mode": "ReplyMode",
    "sent_time": "SentTime",
}
SIGNATURE_COLUMNS = {
    "PayloadSignature": "signature",
    "ClientIDSignature": "client_id_signature",
    "Token": "token_signature",
}
CERTIFICATE_ROLES = {"signing": "message-signing", "encryption": "message-encryption"}
TOKEN_HEADERS = {"clienttoken", "ccmclientid"}
BODY_COLUMNS = ("inflated_bytes", "root", "body", "compressed")


class OneOf:
    """More than one value is right."""

    def __init__(self, *values):
        self.values = values

    def __repr__(self):
        return " or ".join(repr(value) for value in self.values)


class NoneOf(OneOf):
    """All values but these are right."""

    def __repr__(self):
        return "not " + OneOf.__repr__(self)


PRESENT = NoneOf(None)
TROUBLE = "malformed or notes"  # not a column: either of the two says that something is odd


def is_right(wanted, found):
    """Whether a value of cmscope is the known one. No text and empty text are the same."""
    if isinstance(wanted, NoneOf):
        return found not in wanted.values
    if isinstance(wanted, OneOf):
        return any(is_right(value, found) for value in wanted.values)
    if isinstance(wanted, bool):
        return bool(found) == wanted
    if wanted in (None, "") or found in (None, ""):
        return wanted in (None, "") and found in (None, "")
    return wanted == found


# ---- The ground truth -----------------------------------------------------------------------------------------------


class Expected:
    """One message that cmscope must find."""

    def __init__(self, transaction, kind, frame):
        self.transaction = transaction  # as in the ground truth
        self.number = transaction["n"]
        self.kind = kind  # request, reply or leg
        self.direction = "reply" if kind == "reply" else "request"
        self.frame = frame
        self.fields = {}  # column: known value
        self.first = None  # of a repeated transmission: the Expected of the first one
        self.registration = {}  # column of the registration that belongs to it: known value
        self.certificates = []
        self.row = None  # of cmscope


class Truth:
    """The ground truth of one capture."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        self.pcap = path.with_suffix(".pcap")
        self.document = json.loads(path.read_text(encoding="utf-8"))
        self.mangled = "base" in self.document
        self.recoverable = self.document.get("all_messages_recoverable", True)
        self.base = Path(self.document["base"]).stem if self.mangled else None
        source = self.document
        if self.mangled:
            source = json.loads((path.parent / self.document["base"]).read_text(encoding="utf-8"))
        self.transactions = source.get("transactions", [])
        self.tls_keys = tls_keys(path.with_suffix(".keys"))
        secure = {flow["sport"] for flow in source.get("flows", []) if flow["proto"] == "tcp" and flow["dport"] == TLS_PORT}
        for transaction in self.transactions:  # where something before the server ended TLS, only the port tells
            transaction["secure"] = bool(transaction.get("tls")) or transaction["peer"][1] in secure
        self.plain = [t for t in self.transactions if is_plain(t) or (self.tls_keys and t["secure"])]
        self.hidden = len(self.transactions) - len(self.plain)
        # Messages that a client began to send and the management point never got whole.
        steps = source.get("scripted_client") or []
        taken = sum("ccm" in t for t in self.transactions)
        self.cut_off = max(0, sum("msg_id" in step for step in steps) - taken) if steps else 0
        folder = path.parent / (self.base or self.name)
        folder = folder.with_name(folder.name + ".keys")
        files = [file.name for file in folder.glob("*.pem")] if folder.is_dir() else []
        self.keys = folder if files else None
        self.opens_policies = any(name.startswith("client") and name.endswith(".key.pem") for name in files)
        self.opens_messages = "mp.key.pem" in files
        self.key_travels = bool(files) or any(carries_key(t) for t in self.plain)
        self.key_is_hidden = any((t.get("ccm") or {}).get("encrypted") for t in self.plain) and not self.opens_messages

    def known(self, number, field):
        for name in (self.name, self.base):
            if (name, number, field) in KNOWN:
                return KNOWN[(name, number, field)]
        return None


def tls_keys(folder):
    """The file that opens the TLS sessions of the capture, or None."""
    log, key = folder / "sslkeylog.txt", folder / "server.key.pem"
    if log.is_file() and any(line and not line.startswith("#") for line in log.read_text().splitlines()):
        return log
    return key if key.is_file() else None


def is_plain(transaction):
    """Whether the transaction crossed the wire in plain HTTP: what went through TLS has no frame of its own."""
    frames = transaction.get("pcap") or {}
    return not transaction["secure"] and frames.get("request_frame") is not None


def carries_key(transaction):
    """Whether the key of the client can be read in this message."""
    ccm = transaction.get("ccm") or {}
    if ccm.get("registration_certificates") and not ccm.get("encrypted"):
        return True
    return any(name == "PublicKey" for hook in ccm.get("hooks", []) for name, _ in pairs(hook.get("properties")))


def pairs(properties):
    """Properties as (name, value), however many members each has."""
    return [(p[0], p[1] if len(p) > 1 else None) for p in properties or []]


def root_of(body):
    """Name of the first element of an XML text."""
    match = re.search(r"<\s*([A-Za-z_][^\s/>]*)", re.sub(r"<[?!][^>]*>", "", body or ""))
    return match.group(1) if match else None


def has_anomaly(ccm, *words):
    return any(word in anomaly for anomaly in ccm.get("anomalies", []) for word in words)


def header_fields(ccm):
    """What the header part says: the same for requests and replies."""
    fields = {}
    known = ccm.get("fields") or {}
    for column, name in HEADER_FIELDS.items():
        if name in known:
            fields[column] = known[name]
    if known:
        fields["hooks"] = ",".join(hook["name"] for hook in ccm.get("hooks", []))
    for column, name in (("header_encoding", "header_encoding"), ("payload_bytes", "payload_len")):
        if ccm.get(name) is not None:
            fields[column] = ccm[name]
    return fields


def payload_fields(ccm):
    """What the payload part holds."""
    fields = {}
    body = ccm.get("body_text")
    if body is not None:
        fields["body"] = body
        fields["root"] = root_of(body)
    compressed = bool(ccm.get("compressed"))
    length = ccm.get("payload_decompressed_len")
    if length is not None:
        fields["compressed"] = compressed
        fields["inflated_bytes"] = length if compressed else OneOf(length, None)
    return fields


def signature_value(valid, truth):
    """The word for a signature that the management point could check, or not."""
    if not valid:
        return "invalid"
    if not truth.key_travels:
        return "nokey"
    lost = truth.key_is_hidden or not truth.recoverable
    return OneOf("valid", "nokey") if lost else "valid"


def signature_fields(ccm, truth):
    fields = {column: "absent" for column in SIGNATURE_COLUMNS.values()}
    fields["signed"] = False
    for signature in ccm.get("signatures", []):
        column = SIGNATURE_COLUMNS.get(signature["what"])
        if column is None:
            continue
        fields[column] = signature_value(signature["valid"], truth)
        if signature["what"] == "PayloadSignature":
            fields["signed"] = True
            if signature["valid"] and signature.get("hash"):
                fields["hash"] = signature["hash"]
    return fields


def request_fields(ccm, truth):
    """All that is known of the row of a request."""
    if has_anomaly(ccm, "header XML"):
        return {"malformed": PRESENT}
    fields = {**header_fields(ccm), **payload_fields(ccm), **signature_fields(ccm, truth)}
    fields["endpoint"] = ccm.get("endpoint")
    if ccm.get("parts"):
        fields["header_bytes"] = ccm["parts"][0]["len"]
    fields["attachments"] = len(ccm.get("attachments") or [])
    fields["file_type"] = dict(pairs(ccm.get("properties"))).get("FileType")
    fields["encrypted"] = bool(ccm.get("encrypted"))
    soften_request(ccm, fields, truth)
    return fields


def forget(fields, *columns):
    for column in columns:
        fields.pop(column, None)


def soften_request(ccm, fields, truth):
    """Takes back what cannot be known from the capture alone, or what two decoders may see differently."""
    if ccm.get("encrypted"):
        fields["decrypted"] = truth.opens_messages
    if ccm.get("encrypted") and not truth.opens_messages:
        forget(fields, *BODY_COLUMNS, "hash")
        fields["encryption"] = PRESENT
        if fields["signature"] != "absent":  # it was made before encryption
            fields["signature"] = OneOf("nokey", "unsupported")
    if has_anomaly(ccm, "zlib:"):
        forget(fields, *BODY_COLUMNS)
        fields[TROUBLE] = PRESENT  # a plain payload under a hook that says compressed is harmless
    unsaid = ccm.get("payload_len") and not ccm.get("compressed") and not (ccm.get("body_text") or "<").startswith("<")
    if unsaid:  # compressed, but no hook says so
        forget(fields, *BODY_COLUMNS)
        fields[TROUBLE] = PRESENT
    elif has_anomaly(ccm, "Body range") and "body" in fields:
        fields[TROUBLE] = PRESENT
        fields["body"] = OneOf(fields["body"], fields["body"].split("\0")[0])
        fields["root"] = OneOf(fields["root"], None)


def reply_fields(ccm, request_ccm, truth):
    """All that is known of the row of a reply. The ground truth describes it as it was before it was damaged."""
    damage = ccm.get("misbehave")
    if damage == "truncate":
        return {"malformed": PRESENT}
    if not ccm.get("fields"):  # NoReply: a part of text and nothing else
        return {}
    endpoint = request_ccm.get("endpoint")
    fields = {**header_fields(ccm), **payload_fields(ccm)}
    fields["endpoint"] = endpoint if truth.recoverable else OneOf(endpoint, None)  # told by the request
    signed = bool(ccm.get("signed"))
    fields["signed"] = signed
    fields["signature"] = "valid" if signed else "absent"
    if damage == "badzlib":
        forget(fields, *BODY_COLUMNS)
        fields["malformed"] = PRESENT
    elif damage == "tamper":
        forget(fields, *BODY_COLUMNS)
        fields["signature"] = "invalid" if signed else "absent"
    elif damage == "no_hook":
        forget(fields, *BODY_COLUMNS)
        fields[TROUBLE] = PRESENT
    elif damage == "no_close":
        forget(fields, "payload_bytes")
    return fields


def registration_fields(transaction, truth):
    """What is known of the registration that a request makes."""
    ccm = transaction["ccm"]
    made = [s for s in ccm.get("signatures", []) if s["what"] == "RegistrationSignature"]
    if not made or (ccm.get("encrypted") and not truth.opens_messages):
        return {}
    fields = {"signature": "valid" if made[0]["valid"] else "invalid"}
    if made[0]["valid"] and made[0].get("hash"):
        fields["hash"] = made[0]["hash"]
    reply = (transaction["response"] or {}).get("ccm") or {}
    if not truth.recoverable or reply.get("misbehave"):
        return fields
    attributes = dict(re.findall(r'(\w+)="([^"]*)"', reply.get("body_text") or ""))
    for column, name in (("smsid", "SMSID"), ("status", "Status"), ("approval", "ApprovalStatus")):
        if name in attributes:
            fields[column] = attributes[name] if column == "smsid" else int(attributes[name])
    return fields


def opens(policy, truth):
    """Whether the keys beside the capture open the policy: those of clients with a certificate of the site's own PKI stand
    elsewhere."""
    return truth.opens_policies and PKI not in (policy.get("cms") or {}).get("recipient_issuer", "")


def policy_fields(policy, truth):
    """What is known of a download."""
    if policy.get("refused"):
        return {"body": OneOf("error", "empty"), "decrypted": None}
    fields = {"version": policy["version"], "body": "secret-cms" if policy.get("encrypted") else "clear"}
    damaged = (policy.get("cms") or {}).get("tampered")
    if policy.get("encrypted"):
        fields["cipher"] = CIPHERS.get(policy["cms"]["content_alg"], policy["cms"]["content_alg"])
        fields["decrypted"] = opens(policy, truth) and not damaged
    if truth.keys and not damaged and (opens(policy, truth) or not policy.get("encrypted")):
        fields["text"] = policy["text"]
        fields["has_secret"] = bool(policy.get("secrets"))
        fields["secrets"] = len(policy.get("secrets") or {})
        fields["hash_ok"] = OneOf(1, None)  # None where no assignment was in the capture
    return fields


def certificate_fields(certificate):
    def seconds(text):
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()

    return {
        "seen_as": CERTIFICATE_ROLES.get(certificate["role"], certificate["role"]),
        "fingerprint_sha1": certificate["sha1"],
        "fingerprint_sha256": certificate["sha256"],
        "subject": certificate["subject"],
        "issuer": certificate["issuer"],
        "serial": certificate["serial"].lstrip("0"),
        "not_before": seconds(certificate["not_before"]),
        "not_after": seconds(certificate["not_after"]),
        "key_bits": certificate["key_bits"],
        "eku": ",".join(certificate["eku"]),
        "signature_algorithm": certificate["signature_algorithm"],
        "self_signed": certificate["self_signed"],
        "problem": None,
    }


def is_leg(transaction):
    """A request with a message in it that the management point did not take: it answered 401."""
    request = transaction["request"]
    types = [value for name, value in request["headers"] if name.lower() == "content-type"]
    return (
        "ccm" not in transaction
        and request["method"] == "CCM_POST"
        and request["body_len"] > 0
        and any(value.lower().startswith("multipart/") for value in types)
    )


def taken_message(truth, leg):
    """The message of a leg: the same bytes came again, and were taken. None when they never were."""
    digest = leg["request"]["body_sha256"]
    return next((t["ccm"] for t in truth.plain if "ccm" in t and t["request"]["body_sha256"] == digest), None)


def expect_messages(truth):
    """Every message of the capture, in the order of the ground truth."""
    expected = []
    refused = {}  # (client, body): first Expected, while the last answer to it was 401
    for transaction in truth.plain:
        frames = transaction["pcap"]
        ccm = transaction.get("ccm")
        response = transaction["response"] or {}
        if ccm is None and not is_leg(transaction):
            continue
        request = Expected(transaction, "request" if ccm is not None else "leg", frames["request_frame"])
        key = (transaction["peer"][0], transaction["request"]["body_sha256"])
        request.first = refused.pop(key, None)
        if response.get("status") == 401:
            refused[key] = request.first or request
        told = ccm if ccm is not None else taken_message(truth, transaction)
        if told is not None:
            request.fields = request_fields(told, truth)
        if ccm is not None:
            request.registration = registration_fields(transaction, truth)
            if not ccm.get("encrypted") or truth.opens_messages:
                request.certificates = [certificate_fields(c) for c in ccm.get("registration_certificates", [])]
        expected.append(request)
        if response.get("ccm") is not None:
            reply = Expected(transaction, "reply", frames["reply_frame"])
            reply.fields = reply_fields(response["ccm"], ccm or {}, truth)
            expected.append(reply)
    return expected


# ---- TLS -----------------------------------------------------------------------------------------------------------


def suite_names():
    """{name by OpenSSL: name of the registry}; empty without openssl."""
    try:
        done = subprocess.run(["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True,
                              timeout=OPENSSL_SECONDS, check=False)  # fmt: skip
    except OSError:
        return {}
    lines = [line.split() for line in done.stdout.splitlines()]
    return {words[2]: words[0] for words in lines if len(words) > 2}


SUITES = suite_names()
VERSIONS = {"TLSv1": "TLS 1.0", "TLSv1.0": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


def tls_fields(session, truth):
    """What the server knows of its TLS session. The certificate of the client is hidden in TLS 1.3 and behind a renegotiation."""
    fields = {"decrypted": 1 if truth.tls_keys else 0}
    if "version" in session:
        fields["version"] = VERSIONS[session["version"]]
    if session.get("cipher") in SUITES:
        fields["cipher"] = SUITES[session["cipher"]]
    client = (session.get("client_cert") or {}).get("sha256")
    if client and truth.tls_keys:
        fields["client_certificate"] = OneOf(client, client.lower())
        fields["client_verified"] = fields["certificate_requested"] = 1
    return fields
