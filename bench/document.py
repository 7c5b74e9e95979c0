"""bench/document.py: the figures that bench/run measured, as docs/performance.md."""

import statistics
import textwrap

KIND_MEANING = {
    "mp": "ConfigMgr messages with real signatures, one to three exchanges on a connection",
    "bulk": "large downloads over HTTP in ranges (BITS), files over SMB2",
    "mix": "many connections at a time: messages, TLS, SMB2, DNS; 2 % of the segments with data reordered, 1 % sent twice,\n"
           "  0.1 % missing",
}

# Ratios of processor time to pcap_dispatch: target and, where there is one, stretch.
ENVELOPE_TARGETS = {"bulk": (2, 1.3), "mix": (6, 4), "mp": (8, 5)}
FLOOR_TARGET = 1.3       # decoded, on mp, to the sum of its libraries
WORKERS_TARGET = 1.7     # two workers, to one
STATE_TARGET = 1.5       # KB a flow, beside the bodies in flight
STARTUP_TARGET = 50      # ms
GROWTH_KINDS = ("mp", "bulk", "steady")
GROWTH = """\
## Growth

Processor time a packet, start-up included, and peak memory, on captures that grow. They are made while they are read, and come on
standard input, so that none is on a disk. *steady* is mix with 1,000 connections at a time whatever its size, and slow: a connection
without an end is forgotten for its silence, as it would be in a long capture. Captures of mp and steady up to 256 MB have fewer clients
than larger ones. *Temporary files* do not count as memory: cmscope gives back what it reads of them (`core/spill.h`).

"""
GROWTH_TARGET = 1.1      # memory after 10 GB to memory after 100 MB: flat but for noise
BUSY = 1.2               # a run of one worker takes that much longer than its processor time: the cores were not free

HOW = """\
# Performance

Written by `bench/run`; not edited by hand. Run it again with

    bench/run [--size MB] [--rounds N] [--growth [MB]] [--startup] [--captures FOLDER]
    bench/run --growth MB --only-growth --data FILE     and then, on another day: bench/run --growth-from FILE ...

It generates three captures from a seed, with correct checksums and known content:

{kinds}

Before anything is measured, cmscope must find exactly the packets, connections, requests, messages and valid signatures
that the generator put there. Then the programs run in turns over the captures in the page cache, and the tables tell medians
of processor time (user and system), time on the clock, and peak memory of the process (libraries and records included).
A ratio is the median of the ratios of each round.

* *reading* is `pcap_dispatch` with an empty callback: what libpcap alone needs.
* *envelope* is `cmscope query "SELECT count(*) FROM message"`: all flows, HTTP and message headers; no payload.
* *decoded* is a `cmscope query` for the result of every signature and the root element of every payload: all payloads
  inflated and parsed, all signatures verified. Both are counted, and must be as many as the libraries are given.
* *everything* is `cmscope check`: the same, all that rules read kept in tables, roles learned, and all rules judged.
* *Bodies in flight* are bytes of messages that have begun and not ended: the generator tells how many there were at one
  time, at most. They must be kept until the message is whole; the rest of the memory is state.
* The *floor* is what the libraries need for the same payloads and signatures, each by itself (`bench/limits.c`): libdeflate
  inflates, libxml2 parses (SAX2, nothing kept), OpenSSL verifies.

Where the time goes where a target is missed, and what would have to change: [profiles.md](profiles.md).
"""


def write(results):
    parts = [introduction(results), targets(results), captures(results), floor(results), stages(results), others(results), growth(results),
             startup(results)]
    return "\n".join(part for part in parts if part)


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def number(value):
    """Three digits, and separators between thousands."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def introduction(results):
    machine = results["machine"]
    kinds = "\n".join(f"* **{kind}**: {meaning}" for kind, meaning in KIND_MEANING.items())
    conditions = (
        f"Measured with captures of {results['size']:,.0f} MB, {results['rounds']} rounds, on {machine['cores']} cores "
        f"({machine['model']}, {machine['memory']:.0f} GB). The machine was shared with other work: its load was "
        f"{machine['load']:.1f} at the start. That lengthens processor times too, though less within a round, and makes times on "
        "the clock, and with them the gain of a second worker, useless unless the cores were free.")
    versions = f"Versions: {', '.join(machine['versions'])}."
    return HOW.format(kinds=kinds) + "".join("\n" + textwrap.fill(text, 120) + "\n" for text in (conditions, versions))


# ---- Targets -------------------------------------------------------------------------------------------------------------


def paired(values, others):
    """The median of the ratios of each round: what slows one run of a round slows the others too."""
    return statistics.median(value / other for value, other in zip(values, others))


def ratio(results, kind, name, to="reading", what="processor"):
    runs = results["kinds"][kind]["runs"]
    return paired(runs[name]["rounds"][what], runs[to]["rounds"][what]) if name in runs and to in runs else None


def best_gain(results, kind, name):
    """What two workers can gain over one with two free cores: told by processor times, which depend less on what else
    the machine does than the clock. The busiest thread bounds it, and so does half of what all threads take."""
    runs = results["kinds"][kind]["runs"]
    if f"{name} 2" not in runs:
        return None
    both = runs[f"{name} 2"]["rounds"]
    bounds = [max(busiest, processor / 2) for busiest, processor in zip(both["busiest"], both["processor"])]
    return paired(runs[f"{name} 1"]["rounds"]["processor"], bounds)


def floor_ratio(results, name):
    mp = results["kinds"]["mp"]
    sums = [sum(seconds) for seconds in zip(*(part["rounds"] for part in mp["floor"].values()))]
    return paired(mp["runs"][f"{name} 1"]["rounds"]["processor"], sums)


def floor_seconds(results):
    return sum(part["seconds"] for part in results["kinds"]["mp"]["floor"].values())


def state_kilobytes(results, besides=0):
    """Memory that mix takes above a small capture, but for so many bytes, for each connection that was open at one time."""
    if "startup" not in results:
        return None
    mix = results["kinds"]["mix"]
    above = mix["runs"]["envelope 1"]["memory"] - results["startup"]["envelope"]["memory"]
    return (above * 1000 - besides / 1000) / mix["truth"]["concurrent"]


def growth_ratio(results, kind, name):
    rows = [row for row in results.get("growth", []) if row["kind"] == kind]
    memory = {row["megabytes"]: row["runs"][name]["memory"] for row in rows}
    return memory[10000] / memory[100] if {100, 10000} <= memory.keys() else None


def targets(results):
    rows = []
    for kind, (most, stretch) in ENVELOPE_TARGETS.items():
        rows.append(judge(f"{kind}, envelope: processor time to reading", ratio(results, kind, "envelope 1"), most, stretch))
    in_flight = results["kinds"]["mix"]["truth"]["in_flight"]
    rows.append(judge("mix, envelope: KB of memory a concurrent connection, beside the bodies in flight",
                      state_kilobytes(results, in_flight), STATE_TARGET))
    whole = state_kilobytes(results)
    rows.append(["mix, envelope: the same with the bodies in flight", "", "" if whole is None else number(whole), ""])
    runs = results["kinds"]["mp"]["runs"]
    rows.append(judge("mp, decoded: processor time to the floor", floor_ratio(results, "decoded"), FLOOR_TARGET))
    rows.append(["mp, everything: the same with roles learned and all rules judged", "", number(floor_ratio(results, "everything")), ""])
    for name in ("envelope", "decoded", "everything"):
        gain = ratio(results, "mp", f"{name} 1", f"{name} 2", "clock")
        rows.append(judge(f"mp, {name}: gain of a second worker, on the clock", gain, WORKERS_TARGET, least=True,
                          undecided=is_busy(runs[f"{name} 1"])))
        rows.append(judge(f"mp, {name}: gain of a second worker with two free cores, by processor times of threads",
                          best_gain(results, "mp", name), WORKERS_TARGET, least=True))
    for kind in GROWTH_KINDS:
        for name in ("envelope", "everything"):
            rows.append(judge(f"{kind}, {name}: memory after 10 GB to that after 100 MB", growth_ratio(results, kind, name),
                              GROWTH_TARGET))
    start = results.get("startup")
    for name in ("envelope", "everything"):
        shortest = min(start[name]["rounds"]["clock"]) * 1000 if start else None
        rows.append(judge(f"start-up, {name}: ms on the clock, the shortest", shortest, STARTUP_TARGET))
    return "## Targets\n\n" + table(["", "target", "measured", "verdict"], rows)


def is_busy(run):
    return run["clock"] > BUSY * run["processor"]


def judge(what, value, target, stretch=None, least=False, undecided=False):
    aim = f"{'at least' if least else 'at most'} {number(target)}"
    if stretch is not None:
        aim += f" (stretch {number(stretch)})"
    if value is None:
        return [what, aim, "", "not measured"]
    met = value >= target if least else value <= target
    if not met and undecided:
        return [what, aim, number(value), "not decided: the cores were not free"]
    beyond = stretch is not None and value <= stretch
    return [what, aim, number(value), "met, with the stretch" if beyond else "met" if met else "**missed**"]


# ---- Figures -------------------------------------------------------------------------------------------------------------


def captures(results):
    rows = []
    for kind, measured in results["kinds"].items():
        for name, run in measured["runs"].items():
            words = name.split()
            label = words[0] if len(words) == 1 else f"{words[0]}, {words[1]} worker{'s' if words[1] != '1' else ''}"
            speed = measured["truth"]["bytes"] / 1e6 / run["processor"]
            rows.append([f"{kind}: {label}", f"{run['processor']:.2f}", number(ratio(results, kind, name)), f"{speed:,.0f}",
                         f"{run['clock']:.2f}", f"{run['memory']:,.0f}"])
    facts = ("packets", "tcp_flows", "concurrent", "http_requests", "messages", "valid_signatures", "lost", "in_flight")
    content = []
    for kind, measured in results["kinds"].items():
        truth = measured["truth"]
        content.append([kind, *(f"{truth[fact]:,}" for fact in facts), f"{measured['inflated']:,} of {truth['payloads']:,}"])
    head = ["", "packets", "connections", "at a time", "requests", "messages", "signed", "lost segments",
            "bytes of bodies in flight, at most", "inflated by check, of the payloads sent whole"]
    return ("## Captures\n\n" + table(head, content) + "\n"
            + table(["", "processor s", "to reading", "MB a processor s", "clock s", "peak MB"], rows))


def floor(results):
    names = {"inflate": "libdeflate: inflate", "parse": "libxml2: SAX2", "verify": "OpenSSL: RSA-2048, SHA-256"}
    rows = [[names[name], f"{part['seconds']:.2f}", f"{part['count']:,}", f"{part['bytes'] / 1e6 / part['seconds']:,.0f}",
             f"{part['count'] / part['seconds']:,.0f}"] for name, part in results["kinds"]["mp"]["floor"].items()]
    rows.append(["sum", f"{floor_seconds(results):.2f}", "", "", ""])
    return "## Floor of mp\n\n" + table(["", "processor s", "times", "MB/s (inflated, or signed)", "a second"], rows)


def stages(results):
    measured = dict(results.get("stages", {}))
    count = measured.pop("messages", 0)
    if not count:
        return ""
    rows = [[name, f"{seconds * 1e6 / count:.2f}", f"{seconds * 100 / sum(measured.values()):.0f}"] for name, seconds in measured.items()]
    return ("## Cost of a message by stage\n\n"
            f"Processor time of each stage for {count:,} messages of mp, by `bench/stages.c`. The last stage is paid only by who reads "
            "the table `field` or asks for `messages -V`.\n\n"
            + table(["", "µs a message", "%"], rows))


def others(results):
    rows = []
    for kind, measured in results["others"].items():
        for name, run in measured.items():
            if run is None:
                rows.append([f"{kind}: {name}", "stopped", "", "", ""])
                continue
            times = number(run["processor"] / measured["reading"]["processor"])
            rows.append([f"{kind}: {name}", f"{run['processor']:.2f}", times, f"{run['clock']:.2f}", f"{run['memory']:,.0f}"])
    if not rows:
        return ""
    return (f"## Other programs\n\nOne run each on captures of {results['others_size']:,.0f} MB. None of them reads messages; what "
            "they do is closest to the envelope.\n\n" + table(["", "processor s", "to reading", "clock s", "peak MB"], rows))


def growth(results):
    rows = []
    for row in sorted(results.get("growth", []), key=lambda row: GROWTH_KINDS.index(row["kind"])):
        cells = [f"{row['kind']}, {row['megabytes']:,} MB"]
        for name in ("envelope", "everything"):
            run = row["runs"][name]
            cells += [f"{run['processor'] * 1e6 / row['truth']['packets']:.2f}", f"{run['memory']:,.0f}"]
        rows.append(cells + [f"{row['truth']['tcp_flows']:,}"])
    if not rows:
        return ""
    source = results["growth_source"]
    measured = f"Measured on {source['date']} with commit {source['commit']}.\n\n"
    return (GROWTH + measured + table(["", "envelope: µs a packet", "peak MB", "everything: µs a packet", "peak MB", "connections"], rows))


def startup(results):
    if "startup" not in results:
        return ""
    rows = [[name, f"{min(run['rounds']['clock']) * 1000:.1f}", f"{run['clock'] * 1000:.1f}", f"{run['processor'] * 1000:.1f}",
             f"{run['memory']:.1f}"]
            for name, run in results["startup"].items()]
    return "## Start-up\n\nA capture of 100 KB.\n\n" + table(["", "shortest clock ms", "median clock ms", "processor ms", "peak MB"], rows)
