#!/usr/bin/env python3
"""The Wireshark plugin and what carries messages: requests that prove who asks, uploads, TLS; everybody else's traffic.

See plugin.py.
"""

import shutil
import struct

import lab
import tls_suites
import uploads
from plugin_place import FEWER, Place, captures, needed, readable


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


UPLOADS = "http.request && http.request.uri contains \"CCM_Incoming\""


def moved(place, capture, port):
    """The capture with another port in place of 80. (Checksums stay as they were: tshark does not look at them.)"""
    packets = []
    for time, frame in lab.read_pcap(capture):
        tcp = 14 + 4 * (frame[14] & 15)
        ports = [port if old == 80 else old for old in struct.unpack_from(">HH", frame, tcp)]
        packets.append((time, frame[:tcp] + struct.pack(">HH", *ports) + frame[tcp + 4:]))
    return readable(lab.write_pcap(place.path / f"moved-{port}.pcap", packets))


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


def in_tls(place, capture, port, protocols=()):
    """What the capture says, said again in TLS by OpenSSL in memory: a capture, and the log of its keys. `protocols`: by ALPN."""
    tls_suites.make_keys(place.path)
    server, client = (tls_suites.context(place.path, side, "1.3", 0, "ALL") for side in (True, False))
    for side in (server, client) if protocols else ():
        side.set_alpn_protocols(protocols)
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
    return readable(lab.write_pcap(place.path / f"tls-{port}{'-alpn' if protocols else ''}.pcap", packets)), readable(place.path / "keylog.txt")


def test_bits():
    """Uploads are dissected as HTTP, reassembled: on any port, in TLS that Wireshark decrypts, and by Decode As."""
    capture = needed("bits-upload")
    wanted_count = lab.value("SELECT count(*) FROM http WHERE method = 'BITS_POST'", capture)
    with Place() as place:
        tls, keys = in_tls(place, capture, 443)
        other_tls, _ = in_tls(place, capture, 8443)
        named, _ = in_tls(place, capture, 8443, ["http/1.1"])
        cases = {
            "port 80": (place.put(capture),),
            "port 8530": (moved(place, capture, 8530),),
            "port 50123": (moved(place, capture, 50123),),
            "port 8080": (moved(place, capture, 8080),),
            "port 443, Decode As": (moved(place, capture, 443), "-d", "tcp.port==443,http_bits"),
            "TLS": (tls, "-o", f"tls.keylog_file:{keys}"),
            "TLS on port 8443": (other_tls, "-o", f"tls.keylog_file:{keys}"),
            "TLS that names HTTP": (named, "-o", f"tls.keylog_file:{keys}"),
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


def test_uploads():
    """An upload is put together over connections: what it carries is a tab, a document with fields, and an object to export."""
    half = len(uploads.CONTENT) // 2
    pieces = [uploads.packet("Create-Session", None), uploads.fragment("{A}", 0, half), uploads.fragment("{A}", 0, half),
              uploads.fragment("{A}", half - 5, len(uploads.CONTENT)), uploads.packet("Close-Session", "{A}")]
    with Place() as place:
        path = readable(lab.write_pcap(place.path / "uploads.pcap", uploads.upload("{A}", pieces, 40000)))
        row = lab.query("SELECT state, root, received FROM bits", path)[0]
        lines = place.fields(path, "ccm.upload.bytes", "frame.number", "ccm.upload.bytes", "ccm.body.root", "ccm.field.path")
        lab.expect_equal([line[1:3] for line in lines], [[str(row["received"]), row["root"]]], "what was uploaded")
        values = lab.value("SELECT count(*) FROM field WHERE bits = 1 AND name = 'SerialNumber'", path)
        lab.expect_equal(lines[0][3].count("@SerialNumber"), values, "values")
        links = place.fields(path, "ccm.upload.complete_in", "ccm.upload.range", "ccm.upload.complete_in", options=("-2",))
        lab.expect_equal({line[1] for line in links}, {lines[0][0]}, "links to the last fragment")
        objects = place.path / "home" / "objects"
        place.tshark("-q", "-r", path, "--export-objects", f"ccm,{objects}")
        lab.expect_equal([file.read_bytes() for file in objects.glob("*.upload")], [uploads.CONTENT], "exported")


def test_uploads_cut():
    """An upload of which a fragment is missing, or with numbers that do not fit, is not shown as complete."""
    half = len(uploads.CONTENT) // 2
    bad = {
        "gap": [uploads.fragment("{A}", half, len(uploads.CONTENT))],
        "longer": [uploads.packet("Fragment", "{A}", b"x" * 20, "Content-Range: bytes 0-9/10\r\n")],
        "huge": [uploads.packet("Fragment", "{A}", b"x", "Content-Range: bytes 0-0/99999999999999999999\r\n")],
        "negative": [uploads.packet("Fragment", "{A}", b"x", "Content-Range: bytes -1--1/1\r\n")],
        "no session": [uploads.packet("Fragment", None, b"x", "Content-Range: bytes 0-0/1\r\n")],
    }
    with Place() as place:
        for name, pieces in bad.items():
            path = readable(lab.write_pcap(place.path / f"{name.replace(' ', '-')}.pcap", uploads.upload("{A}", pieces, 40000)))
            lab.expect_equal(len(place.fields(path, "ccm.upload.type", "ccm.upload.range", options=("-2",))), 1, name)
            lab.expect_equal(place.fields(path, "ccm.upload.bytes || ccm.upload.complete_in", "frame.number", options=("-2",)), [], name)


if __name__ == "__main__":
    lab.main(test_tokens, test_bits, test_uploads, test_uploads_cut, test_others_untouched)
