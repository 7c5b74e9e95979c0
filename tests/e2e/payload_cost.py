#!/usr/bin/env python3
"""Payloads are inflated only when a question or a rule reads what is in them, and then only those that it needs."""

import lab

INFLATED = "SELECT value FROM coverage WHERE name = 'payloads_inflated'"
CAPTURES = (lab.SCCMWTF, lab.PCAPS / "sdk-http-full.pcap", lab.PCAPS / "naa-unencrypted.pcap")


def asked(sql, capture):
    """Payloads inflated for a question: it is asked together with the counter, which is told when reading has ended."""
    return lab.value(f"{INFLATED} AND (SELECT count(*) FROM ({sql})) >= 0", capture)


def judged(rule, capture):
    return lab.counters(lab.check(capture, options=("--rule", rule)))["payloads_inflated"]


def known_compressed(capture, endpoint=None, directions=("request", "reply")):
    """Compressed payloads that the ground truth knows: of all messages, or of those to one endpoint and their replies."""
    count = 0
    for transaction, direction, ccm in lab.known_messages(capture):
        asked_endpoint = ccm["endpoint"] if direction == "request" else transaction["ccm"]["endpoint"]
        if ccm.get("compressed") and direction in directions and endpoint in (None, asked_endpoint):
            count += 1
    return count


def test_headers_cost_nothing():
    """Questions that read headers, HTTP or connections inflate nothing."""
    for capture in CAPTURES:
        lab.expect(known_compressed(capture) > 0, "there is something to inflate")
        lab.expect_equal(lab.value(INFLATED, capture), 0, f"{capture.stem}: the counter alone")
        for sql in (
            "SELECT endpoint FROM message",
            "SELECT count(*) FROM message",
            "SELECT message_id, source_id, source_host, hooks, header_bytes, payload_bytes FROM message",
            "SELECT * FROM flow",
            "SELECT method, uri, host, status, token FROM http",
        ):
            lab.expect_equal(asked(sql, capture), 0, f"{capture.stem}: {sql}")


def test_bodies_are_inflated():
    """A question for the root element inflates every compressed payload of the ground truth, once each."""
    for capture in CAPTURES:
        for sql in ("SELECT root FROM message", "SELECT inflated_bytes, malformed FROM message"):
            lab.expect_equal(asked(sql, capture), known_compressed(capture), f"{capture.stem}: {sql}")


def test_registrations_only():
    """Questions and rules about registrations inflate the messages of MP_ClientRegistration and their replies, no others."""
    for capture in CAPTURES:
        wanted = known_compressed(capture, "MP_ClientRegistration")
        lab.expect(0 < wanted < known_compressed(capture), f"{capture.stem}: there are others")
        for sql in ("SELECT * FROM registration", "SELECT count(*) FROM certificate", "SELECT signature FROM message"):
            lab.expect_equal(asked(sql, capture), wanted, f"{capture.stem}: {sql}")
        for rule in ("HIE-5", "CLM-3"):
            lab.expect_equal(judged(rule, capture), wanted, f"{capture.stem}: check --rule {rule}")


def test_rules_of_headers_cost_nothing():
    """Rules that look at ports, names and clear text inflate nothing (those that ask for roles do: registrations tell them)."""
    for capture in CAPTURES:
        for rule in ("COM-3", "RSC-1", "COM-1", "CLN-1"):
            lab.expect_equal(judged(rule, capture), 0, f"{capture.stem}: check --rule {rule}")


def test_rules_without_query_cost_nothing():
    """Rules that have no query inflate nothing."""
    for capture in CAPTURES:
        lab.expect_equal(judged("FUN-1", capture), 0, f"{capture.stem}: check --rule FUN-1")


if __name__ == "__main__":
    lab.main(
        test_headers_cost_nothing,
        test_bodies_are_inflated,
        test_registrations_only,
        test_rules_of_headers_cost_nothing,
        test_rules_without_query_cost_nothing,
    )
