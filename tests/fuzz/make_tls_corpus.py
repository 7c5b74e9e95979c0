#!/usr/bin/env python3
"""make_tls_corpus.py: writes the seeds of fuzz_tls, corpus/tls/*, from tests/pcaps/tls: for each connection its secrets and bytes.

usage: make_tls_corpus.py
"""

import json
import struct
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
PCAPS = HERE.parent / "pcaps" / "tls"
ETHERNET, IP = 14, 20


def frames(path):
    content = path.read_bytes()
    if path.suffix == ".pcap":
        offset = 24
        while offset < len(content):
            length = struct.unpack_from("<I", content, offset + 8)[0]
            yield content[offset + 16 :][:length]
            offset += 16 + length
        return
    offset = 0
    while offset < len(content):
        kind, length = struct.unpack_from("<II", content, offset)
        if kind == 6:
            yield content[offset + 28 :][: struct.unpack_from("<I", content, offset + 20)[0]]
        offset += length


def connections(path):
    """{client port: [(from the server, bytes)]}"""
    found = defaultdict(list)
    for frame in frames(path):
        tcp = frame[ETHERNET + IP :]
        ports = struct.unpack_from(">HH", tcp)
        data = tcp[(tcp[12] >> 4) * 4 :]
        if data:
            found[min(ports) if max(ports) < 1024 else max(ports)].append((ports[0] == 443, data))
    return found


def seed(keylog, parts):
    text = "".join(f"{line}\n" for line in keylog).encode()
    events = b"".join(struct.pack(">BH", side, len(data)) + data for side, data in parts)
    return struct.pack(">H", len(text)) + text + events


def main():
    folder = HERE / "corpus" / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    log = (PCAPS / "tls-openssl.keys" / "sslkeylog.txt").read_text().splitlines()
    for name in ("tls-openssl.pcapng", "tls-old.pcap"):
        path = PCAPS / name
        names = {c["port"]: c["name"] for c in json.loads(path.with_suffix(".json").read_text())["connections"]}
        for port, parts in connections(path).items():
            random = parts[0][1][11:43].hex()
            mine = [line for line in log if random in line.lower() and "EXPORTER" not in line]
            (folder / names[port]).write_bytes(seed(mine, parts))


if __name__ == "__main__":
    main()
