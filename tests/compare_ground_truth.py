#!/usr/bin/env python3
"""compare_ground_truth.py: compares what cmscope decodes with what is known to be in a capture.

A ground truth is a file NAME.json beside NAME.pcap that lists the transactions as the management point saw them. Every
message that travelled in plain HTTP, or in TLS that the keys in NAME.keys open, must be found exactly once, with the fields, sizes, text and signatures that the
ground truth knows; nothing else may be found. Where the ground truth lacks a field, it is not compared. Keys in a folder
NAME.keys beside it are given to cmscope: envelopes must then open, and what was inside must be what is known.

usage: compare_ground_truth.py --cmscope build/cmscope [--show-differences N] [--table] FOLDER_OR_JSON...

One line for each capture: messages that matched, differ, are missing, are invented, and legs (transmissions that were
answered with 401 and came again), then HTTP exchanges, TLS sessions and policy downloads compared, values inside of headers
and bodies, attachments and uploads. Exit status: 0 all is as known, 1 something differs or
cmscope failed, 2 wrong usage or no ground truth.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import compare_fields
from known_traffic import (
    CIPHERS,
    OneOf,
    TOKEN_HEADERS,
    TROUBLE,
    Truth,
    expect_messages,
    is_right,
    opens,
    policy_fields,
    signature_value,
    tls_fields,
)

TABLES = ("message", "registration", "http", "certificate", "policy", "secret", "recipient", "attachment", "field", "bits")
TLS_SESSIONS = "SELECT tls.*, flow.sport AS client_port FROM tls JOIN flow ON flow.id = tls.flow ORDER BY tls.id"
EXIT_COMPLETE, EXIT_INCOMPLETE = 0, 5  # the statuses of cmscope with which its answer is usable
QUERY_SECONDS = 120
SHOWN_MAX = 90  # characters of a value in a difference
TRANSPORTS = {"pkcs1": "rsaes-pkcs1", "oaep-sha1": "rsaes-oaep"}


# ---- What cmscope says ----------------------------------------------------------------------------------------------


class Failure(Exception):
    """cmscope did not answer."""


def query(cmscope, truth, sql):
    folder = truth.keys or truth.tls_keys
    keys = ["--keys", str(folder), "--show-secrets"] if folder else []
    command = [cmscope, "query", "-r", str(truth.pcap), *keys, "--bodies", "-T", "json", sql]
    try:
        done = subprocess.run(command, capture_output=True, timeout=QUERY_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"no answer within {QUERY_SECONDS} s") from error
    except OSError as error:
        raise Failure(f"cannot run {cmscope}: {error.strerror}") from error
    complaint = done.stderr.decode("utf-8", "replace").strip()[-300:]
    if done.returncode not in (EXIT_COMPLETE, EXIT_INCOMPLETE):
        raise Failure(f"{sql}: ended with status {done.returncode}: {complaint}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise Failure(f"{sql}: output is not JSON ({error}); {complaint}") from error


# ---- Comparing ------------------------------------------------------------------------------------------------------


class Result:
    """What came of one capture."""

    def __init__(self, name):
        self.name = name
        self.matched = self.differing = self.missing = self.invented = self.legs = self.http = self.policies = self.tls = 0
        self.values = self.values_known = self.attached = self.uploads = 0
        self.http_known = self.policies_known = self.tls_known = 0
        self.differences = []  # texts
        self.explained = []
        self.notes = []

    @property
    def wrong(self):
        return bool(self.differences)


def shorten(value):
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def first_difference(wanted, found):
    """Where two texts part, for long ones."""
    if not isinstance(wanted, str) or not isinstance(found, str) or max(len(wanted), len(found)) <= SHOWN_MAX:
        return f"known {shorten(wanted)}, found {shorten(found)}"
    at = next((i for i, (a, b) in enumerate(zip(wanted, found)) if a != b), min(len(wanted), len(found)))
    return (
        f"differ at character {at} of {len(wanted)} (found {len(found)}): "
        f"known {shorten(wanted[at : at + 30])}, found {shorten(found[at : at + 30])}"
    )


class Comparison:
    def __init__(self, truth, rows):
        self.truth = truth
        self.rows = rows
        self.result = Result(truth.name)

    def differ(self, number, what, field, text):
        """Notes a difference; True when it is not an explained one."""
        reason = self.truth.known(number, field)
        line = f"transaction {number} {what}: {field}: {text}"
        if reason is not None:
            self.result.explained.append(f"{line} [{reason}]")
            return False
        self.result.differences.append(line)
        return True

    def compare(self, number, what, wanted, row):
        """Compares known fields with a row; returns the number of unexplained differences."""
        wrong = 0
        row = {**row, TROUBLE: row.get("malformed") or row.get("notes")}
        for field, value in wanted.items():
            if field not in row:
                wrong += self.differ(number, what, field, "cmscope has no such column")
            elif not is_right(value, row[field]):
                wrong += self.differ(number, what, field, first_difference(value, row[field]))
        return wrong

    # Which row is which message.

    def find_rows(self, expected):
        """Gives each expected message its row; returns the rows that are left."""
        left = list(self.rows["message"])
        for item in expected:
            candidates = [row for row in left if self.may_be(item, row)]
            if candidates:
                item.row = max(candidates, key=lambda row: (self.score(item, row), -row["id"]))
                left.remove(item.row)
        return left

    def may_be(self, item, row):
        if row["direction"] != item.direction:
            return False
        if (row["transport"] == "https") != item.transaction["secure"]:
            return False
        if not self.truth.mangled and item.frame is not None:
            return row["packet"] == item.frame
        wanted = item.fields.get("message_id")
        return wanted is None or is_right(wanted, row["message_id"])

    @staticmethod
    def score(item, row):
        return sum(is_right(value, row.get(field)) for field, value in item.fields.items())

    # One message.

    def check_messages(self):
        expected = expect_messages(self.truth)
        left = self.find_rows(expected)
        for item in expected:
            self.check_message(item)
        if self.truth.plain:
            compare_fields.FieldChecks(self, expected).check()
        for row in left:
            if row["carrier"] != "bits":  # compared with the uploads
                self.check_unexpected(row)

    def check_message(self, item):
        if item.row is None:
            self.miss(item)
            return
        if item.kind == "leg":
            self.result.legs += 1
        if self.truth.mangled and not self.truth.recoverable and item.row.get("malformed"):
            return  # its packets are not all there, and cmscope says so
        wrong = self.check_attempt(item)
        wrong += self.compare(item.number, item.kind, item.fields, item.row)
        wrong += self.check_registration(item)
        wrong += self.check_certificates(item)
        if item.kind != "leg":
            self.result.matched += wrong == 0
            self.result.differing += wrong > 0

    def miss(self, item):
        if not self.truth.recoverable:
            self.result.notes.append(f"transaction {item.number} {item.kind}: not recoverable, not found")
            return
        self.result.missing += 1
        self.result.differences.append(f"transaction {item.number} {item.kind}: missing (packet {item.frame})")

    def check_attempt(self, item):
        """Which transmission repeats which."""
        if item.direction == "reply" or not self.truth.recoverable:
            return 0
        first = item.first.row if item.first is not None else None
        wanted = {"attempt_of": first["id"] if first is not None else None}
        if first is not None:
            wanted["message_id"] = first["message_id"]
        return self.compare(item.number, item.kind, wanted, item.row)

    def check_registration(self, item):
        if not item.registration:
            return 0
        rows = [row for row in self.rows["registration"] if row["message"] == item.row["id"]]
        if len(rows) != 1:
            return self.differ(item.number, "registration", "rows", f"known 1, found {len(rows)}")
        return self.compare(item.number, "registration", item.registration, rows[0])

    def check_certificates(self, item):
        rows = [row for row in self.rows["certificate"] if row["message"] == item.row["id"]]
        wrong = 0
        for known in item.certificates:
            what = f"certificate {known['seen_as']}"
            same = [row for row in rows if row["seen_as"] == known["seen_as"]]
            if len(same) != 1:
                wrong += self.differ(item.number, what, "rows", f"known 1, found {len(same)}")
                continue
            wrong += self.compare(item.number, what, known, upper_hex(same[0]))
        return wrong

    def check_unexpected(self, row):
        """A row that is none of the known messages."""
        if row["direction"] == "request" and row.get("malformed") and self.truth.cut_off > 0:
            self.truth.cut_off -= 1
            self.result.notes.append(f"row {row['id']}: a message that its client began and the server never got whole")
            return
        if self.truth.mangled and not self.truth.recoverable and row.get("malformed"):
            self.result.notes.append(f"row {row['id']}: part of a message ({row['malformed']})")
            return
        self.result.invented += 1
        self.result.differences.append(
            f"invented: row {row['id']}, packet {row['packet']}, {row['direction']}, id {row['message_id']}"
        )

    # Policies that were downloaded.

    def check_policies(self):
        left = [row for row in self.rows["policy"] if row["fetched"]]
        for transaction in self.truth.plain:
            policy = (transaction["response"] or {}).get("policy")
            if policy is None or not self.truth.recoverable:
                continue
            self.result.policies_known += 1
            frame = transaction["pcap"]["reply_frame"]
            same = [row for row in left if self.truth.mangled or frame is None or row["packet"] == frame]
            same = [row for row in same if row["policy_id"] == policy["id"]]
            if not same:
                self.differ(transaction["n"], "policy", "rows", "missing")
                continue
            left.remove(same[0])
            self.result.policies += 1
            self.compare(transaction["n"], "policy", policy_fields(policy, self.truth), same[0])
            if policy.get("cms"):
                self.check_recipient(transaction["n"], policy["cms"], same[0])
            if opens(policy, self.truth) or not policy.get("encrypted"):
                self.check_secrets(transaction["n"], policy, same[0])

    def check_recipient(self, number, cms, policy):
        rows = [row for row in self.rows["recipient"] if row["http"] == policy["http"]]
        if len(rows) != 1:
            self.differ(number, "recipient", "rows", f"known 1, found {len(rows)}")
            return
        wanted = {
            "issuer": cms["recipient_issuer"],
            "serial": cms["recipient_serial"].upper().zfill((len(cms["recipient_serial"]) + 1) // 2 * 2),
            "key_transport": TRANSPORTS.get(cms["key_wrap"], cms["key_wrap"]),
            "content_bytes": cms["ciphertext_len"],
            "cipher": CIPHERS.get(cms["content_alg"], cms["content_alg"]),
        }
        self.compare(number, "recipient", wanted, rows[0])

    def check_secrets(self, number, policy, row):
        if policy.get("refused") or (policy.get("cms") or {}).get("tampered"):
            return
        found = {r["name"]: r["value"] for r in self.rows["secret"] if r["http"] == row["http"]}
        wanted = policy.get("secrets") or {}
        if not self.truth.keys:  # then secrets are not shown
            wanted = {name: None for name in wanted}
        if found != wanted:
            self.differ(number, "policy", "secrets", f"known {sorted(wanted)}, found {sorted(found)} or other values")

    # TLS.

    def check_tls(self):
        rows = {row["client_port"]: row for row in self.rows["tls"]}
        for transaction in self.truth.transactions:
            if transaction["secure"]:
                fields = tls_fields(transaction.get("tls") or {}, self.truth)
                self.result.tls_known += 1
                wrong = self.compare(transaction["n"], "tls", fields, rows.get(transaction["peer"][1], {}))
                self.result.tls += wrong == 0

    # HTTP.

    def check_http(self):
        left = list(self.rows["http"])
        for transaction in self.truth.plain:
            row = self.find_http(transaction, left)
            self.result.http_known += row is not None or self.truth.recoverable
            if row is not None:
                left.remove(row)
                self.result.http += 1
                self.compare(transaction["n"], "http", self.http_fields(transaction), row)
            elif self.truth.recoverable:
                self.result.differences.append(f"transaction {transaction['n']} http: missing")

    def find_http(self, transaction, left):
        request = transaction["request"]
        for row in left:
            frame = transaction["pcap"]["request_frame"]
            if bool(row["tls"]) != transaction["secure"]:
                continue
            if not self.truth.mangled and frame is not None and row["packet"] == frame:
                return row
            if (self.truth.mangled or frame is None) and (row["method"], row["uri"]) == (request["method"], request["uri"]):
                return row
        return None

    def http_fields(self, transaction):
        request = transaction["request"]
        fields = {"method": request["method"], "uri": request["uri"]}
        if self.truth.recoverable:
            fields["status"] = (transaction["response"] or {}).get("status")
        names = {name.lower() for name, _ in request["headers"]}
        if transaction.get("token") and self.truth.recoverable:
            fields["token_signature"] = signature_value(transaction["token"].get("valid"), self.truth)
        elif not names & TOKEN_HEADERS:  # the management point looks at a token only where a policy needs one
            fields["token_signature"] = OneOf("absent", None)
        return fields


def upper_hex(row):
    """A certificate row with its hex columns in one notation."""
    same = dict(row)
    for column in ("fingerprint_sha1", "fingerprint_sha256", "serial"):
        if isinstance(same.get(column), str):
            same[column] = same[column].upper().replace(":", "")
    if isinstance(same.get("serial"), str):
        same["serial"] = same["serial"].lstrip("0")
    return same


def compare_capture(cmscope, path):
    truth = Truth(path)
    result = Result(truth.name)
    try:
        rows = {table: query(cmscope, truth, f"SELECT * FROM {table} ORDER BY id") for table in (TABLES if truth.plain else TABLES[:1])}
        rows["tls"] = query(cmscope, truth, TLS_SESSIONS) if any(t["secure"] for t in truth.transactions) else []
    except Failure as failure:
        result.differences.append(str(failure))
        return result
    comparison = Comparison(truth, rows)
    comparison.check_messages()
    if truth.plain:
        comparison.check_http()
        comparison.check_policies()
    comparison.check_tls()
    if truth.hidden:
        comparison.result.notes.insert(0, f"{truth.hidden} transactions travelled in TLS and there is no key: skipped")
    elif not truth.plain:
        comparison.result.notes.insert(0, "no transactions: only looked for invented messages")
    return comparison.result


# ---- The program ----------------------------------------------------------------------------------------------------

COLUMNS = ("matched", "differing", "missing", "invented", "legs", "http", "tls", "policies", "values", "attached", "uploads")


def print_result(result, show):
    counts = "".join(f"{getattr(result, column):>10}" for column in COLUMNS)
    print(f"{'DIFFERS' if result.wrong else 'ok':8}{result.name:<40}{counts}")
    for note in result.notes:
        print(f"          note: {note}")
    for line in result.explained:
        print(f"          explained: {line}")
    for line in result.differences[:show]:
        print(f"          {line}")
    if len(result.differences) > show:
        print(f"          ... and {len(result.differences) - show} more differences")


def print_totals(results):
    counts = "".join(f"{sum(getattr(result, column) for result in results):>10}" for column in COLUMNS)
    print(f"{'':8}{'together':<40}{counts}")
    wrong = sum(result.wrong for result in results)
    explained = sum(len(result.explained) for result in results)
    values, known = (sum(getattr(result, name) for result in results) for name in ("values", "values_known"))
    print(f"values in headers and bodies: {values} of {known}")
    print(f"{len(results)} captures: {len(results) - wrong} as known, {wrong} differ; {explained} differences explained")


TABLE = (  # heading, what is right, what is known
    ("messages", lambda r: r.matched, lambda r: r.matched + r.differing + r.missing),
    ("legs", lambda r: r.legs, lambda r: r.legs),
    ("values", lambda r: r.values, lambda r: r.values_known),
    ("HTTP", lambda r: r.http, lambda r: r.http_known),
    ("policies", lambda r: r.policies, lambda r: r.policies_known),
    ("TLS", lambda r: r.tls, lambda r: r.tls_known),
)


def print_table(results):
    """What is right of what is known, in Markdown; captures of which nothing is known to be in HTTP are named below it."""
    print("| capture | " + " | ".join(heading for heading, _, _ in TABLE) + " | differences |")
    print("|---|" + "---:|" * (len(TABLE) + 1))
    told = [result for result in results if any(known(result) for _, _, known in TABLE)]
    for name, rows in [(result.name, [result]) for result in told] + [("together", told)]:
        cells = [(sum(map(right, rows)), sum(map(known, rows))) for _, right, known in TABLE]
        wrong = sum(len(result.differences) + result.invented for result in rows)
        explained = sum(len(result.explained) for result in rows)
        words = f"{wrong}" + (f", {explained} explained" if explained else "")
        print(f"| {name} | " + " | ".join(f"{right}/{known}" if known else "" for right, known in cells) + f" | {words} |")
    print("\nNothing is known to be in HTTP: " + ", ".join(result.name for result in results if result not in told) + ".")
    for result in results:
        for line in [*result.explained, *result.differences]:
            print(f"\n{result.name}: {line}")


def ground_truths(arguments):
    """JSON files that have a capture beside them."""
    paths = []
    for argument in map(Path, arguments):
        candidates = sorted(argument.glob("*.json")) if argument.is_dir() else [argument]
        paths += [path for path in candidates if path.with_suffix(".pcap").exists()]
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cmscope", required=True, help="the program")
    parser.add_argument("--show-differences", type=int, default=10, metavar="N", help="of each capture (10)")
    parser.add_argument("--table", action="store_true", help="what is right of what is known, of each capture, as a table in Markdown")
    parser.add_argument("paths", nargs="+", metavar="FOLDER_OR_JSON")
    options = parser.parse_args()
    paths = ground_truths(options.paths)
    if not paths:
        print("compare_ground_truth.py: no NAME.json with a NAME.pcap beside it", file=sys.stderr)
        return 2
    if options.table:
        results = [compare_capture(options.cmscope, path) for path in paths]
        print_table(results)
        return 1 if any(result.wrong for result in results) else 0
    print(f"{'':8}{'capture':<40}" + "".join(f"{column:>10}" for column in COLUMNS))
    results = []
    for path in paths:
        results.append(compare_capture(options.cmscope, path))
        print_result(results[-1], options.show_differences)
        sys.stdout.flush()
    print_totals(results)
    return 1 if any(result.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
