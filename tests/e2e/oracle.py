#!/usr/bin/env python3
"""What cmscope counts in public captures is what tshark counts there; each difference is known by name.

The captures are not part of this project. They are looked for in public/ of the folder that $CMSCOPE_CAPTURES names, or of
../shared/pcaps beside the sources, with tshark's facts in public/oracle/NAME.json. Skipped without them.
"""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import lab

CAPTURES = lab.CAPTURES / "public"
SECONDS_EACH = 20
WORKERS = 2

# Facts that are compared.
PACKETS, TCP, UDP, REQUESTS, RESPONSES = "packets", "TCP streams", "UDP streams", "HTTP requests", "HTTP responses"
DIRECTIONS = "stream directions"  # whose source, target and number of bytes tshark knows, without a gap
FACTS = (PACKETS, TCP, UDP, DIRECTIONS, REQUESTS, RESPONSES)

# Who is right.
CMSCOPE, TSHARK, BOTH = "cmscope", "tshark", "both"

INTERIM = "tshark counts an interim 100 Continue as a response; cmscope has one row for a request and its final reply"
SNOOP = "libpcap does not read snoop files; cmscope says so and ends with status 3"
SOCKET_WRAPPER = (
    "two connections were logged with the same ports and sequence numbers: both sides send on after their FIN, "
    "from which cmscope starts another flow and tshark does not"
)

UDP_SILENCE = "cmscope ends a UDP conversation after two minutes of silence, tshark never does: the same ports then count twice"
OUTER_UDP = "tshark counts the UDP conversation that carries the tunnel too, cmscope only what is inside"

# (capture, fact): (ours, tshark's, who is right, why)
EXPLAINED = {
    ("file-solaris-snoop.snoop", PACKETS): (0, 250, TSHARK, SNOOP),
    ("file-solaris-snoop.snoop", TCP): (0, 1, TSHARK, SNOOP),
    ("file-solaris-snoop.snoop", UDP): (0, 25, TSHARK, SNOOP),
    ("file-solaris-snoop.snoop", DIRECTIONS): (0, 2, TSHARK, SNOOP),
    ("http-100-continue.pcap", RESPONSES): (1, 2, BOTH, INTERIM),
    ("http-windows-dsc-pull.pcapng", RESPONSES): (12, 22, BOTH, INTERIM),
    ("http-1000req-one-dropped.pcap.gz", RESPONSES): (
        999, 0, CMSCOPE,
        "with tcp.reassemble_out_of_order tshark waits for ever behind a missing segment; without, it finds 999 too",
    ),
    ("http-range-gap.pcap", RESPONSES): (
        1, 0, CMSCOPE,
        "the headers of the reply are there and its body has a hole: tshark shows no message that is not whole",
    ),
    ("http-ccmpost-methods.pcap", REQUESTS): (
        25, 27, CMSCOPE,
        "tshark takes `OPTIONS HTTP/1.1` and `OPTIONS` for requests; RFC 9112 wants method, target and version",
    ),
    ("ipv6-http-atomic-frag.pcap", REQUESTS): (
        4, 0, CMSCOPE, "`GET /bad.html` without a version is HTTP/0.9, which tshark does not recognise"
    ),
    ("tcp-reassembly.pcap", REQUESTS): (
        1, 0, CMSCOPE,
        "the start of a request line (SEARCH /AAA...) is there, the rest has holes: cmscope shows it as incomplete",
    ),
    ("kerberos-smb2-rawip.pcap", TCP): (23, 21, BOTH, SOCKET_WRAPPER),
    ("kerberos-smb2-rawip.pcap", DIRECTIONS): (41, 42, BOTH, SOCKET_WRAPPER),
    ("ipv6-frags.pcap", UDP): (3, 2, BOTH, UDP_SILENCE),
    ("kerberos-smb2-rawip.pcap", UDP): (107, 101, BOTH, UDP_SILENCE),
    ("nbns-dhcp-windows-lan.pcapng", UDP): (106, 98, BOTH, UDP_SILENCE),
    ("pxe-tftp-enterprise-mix.pcap", UDP): (205, 204, BOTH, UDP_SILENCE),
    ("tunnel-teredo.pcap", UDP): (5, 7, BOTH, OUTER_UDP),
    ("tunnel-vxlan-http.pcap", UDP): (0, 1, BOTH, OUTER_UDP),
}


# ---- What both know -------------------------------------------------------------------------------------------------


def oracles():
    """The facts by tshark, by the capture's name."""
    folder = CAPTURES / "oracle"
    if not folder.is_dir():
        raise lab.Skip(f"no folder {folder}: name the one that holds public/ in CMSCOPE_CAPTURES")
    known = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {oracle["file"]: oracle for oracle in known if (CAPTURES / oracle["file"]).is_file()}


def end_name(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def directions_of_tshark(oracle):
    """How often (source, target, bytes) is there. Of a capture with very many streams the oracle knows the first ones."""
    found = Counter()
    for stream in oracle["tcp_payload"].values():
        for source, target, payload in (("a", "b", "a_to_b"), ("b", "a", "b_to_a")):
            if "bytes" in stream[payload]:
                found[stream[source], stream[target], stream[payload]["bytes"]] += 1
    return found


def directions_of_flows(flows):
    found = Counter()
    for flow in flows:
        source, target = end_name(flow["src"], flow["sport"]), end_name(flow["dst"], flow["dport"])
        found[source, target, flow["bytes_out"]] += 1
        found[target, source, flow["bytes_in"]] += 1
    return found


def facts_of_tshark(oracle):
    http = oracle.get("http", {})
    return {
        PACKETS: oracle["packets"],
        TCP: oracle["tcp_streams"],
        UDP: oracle["udp_streams"],
        DIRECTIONS: directions_of_tshark(oracle).total(),
        REQUESTS: http.get("requests", 0),
        RESPONSES: http.get("responses", 0),
    }


def ask(name, sql):
    statuses = (lab.DONE, lab.UNREADABLE, lab.INCOMPLETE)
    return lab.cmscope("query", "-r", CAPTURES / name, "-T", "json", sql, status=statuses, seconds=SECONDS_EACH).json


def facts_of_cmscope(name, oracle):
    counts = ask(
        name,
        f"""SELECT (SELECT ifnull(sum(packets), 0) FROM input) AS "{PACKETS}",
                   (SELECT count(*) FROM flow WHERE proto = 'tcp') AS "{TCP}",
                   (SELECT count(*) FROM flow WHERE proto = 'udp') AS "{UDP}",
                   (SELECT count(method) FROM http) AS "{REQUESTS}",
                   (SELECT count(status) FROM http) AS "{RESPONSES}" """,
    )[0]
    flows = ask(name, "SELECT src, sport, dst, dport, bytes_out, bytes_in FROM flow WHERE proto = 'tcp'")
    return {**counts, DIRECTIONS: (directions_of_tshark(oracle) & directions_of_flows(flows)).total()}


# ---- The comparison -------------------------------------------------------------------------------------------------


def differences(ours, theirs, facts):
    """(capture, fact): (ours, theirs)"""
    return {
        (name, fact): (ours[name][fact], theirs[name][fact])
        for name in theirs
        for fact in facts
        if ours[name][fact] != theirs[name][fact]
    }


def judge(found, facts):
    """What is wrong: differences without an explanation, explanations without their difference."""
    problems = []
    for (name, fact), (mine, other) in found.items():
        if (name, fact) not in EXPLAINED:
            problems.append(f"{name}: {fact}: cmscope {mine}, tshark {other}: not explained")
    for (name, fact), (mine, other, _, _) in EXPLAINED.items():
        if fact not in facts or found.get((name, fact)) == (mine, other):
            continue
        now = "no difference" if (name, fact) not in found else "cmscope {}, tshark {}".format(*found[name, fact])
        problems.append(f"{name}: {fact}: explained as cmscope {mine}, tshark {other}, but there is {now}")
    return problems


def print_figures(found, ours, theirs, facts):
    for fact in facts:
        same = sum((name, fact) not in found for name in theirs)
        totals = [sum(all_facts[name][fact] for name in theirs) for all_facts in (ours, theirs)]
        print(f"      {fact:<18} {same:>3} of {len(theirs)} captures equal; together {totals[0]:>6}, tshark {totals[1]:>6}")


def test_counts():
    """Packets, streams, their bytes, HTTP requests and responses are as many as tshark finds, or it is known why not."""
    known = oracles()
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        ours = dict(zip(known, pool.map(facts_of_cmscope, known, known.values())))
    theirs = {name: facts_of_tshark(oracle) for name, oracle in known.items()}
    facts = FACTS
    if not any(counts[UDP] for counts in ours.values()):
        facts = tuple(fact for fact in FACTS if fact != UDP)
        print("      this cmscope has no rows for UDP: not compared")
    found = differences(ours, theirs, facts)
    print_figures(found, ours, theirs, facts)
    problems = judge(found, facts)
    lab.expect(not problems, "\n      ".join(problems))


def test_explanations():
    """An explanation names a capture that is there, tells who is right and is one sentence."""
    known = oracles()
    for (name, fact), (ours, theirs, right, why) in EXPLAINED.items():
        what = f"{name}: {fact}"
        lab.expect(name in known, f"{what}: there is no such capture")
        lab.expect(fact in FACTS and right in (CMSCOPE, TSHARK, BOTH) and why, f"{what}: not an explanation")
        lab.expect(ours != theirs, f"{what}: explains no difference")


if __name__ == "__main__":
    lab.main(test_counts, test_explanations)
