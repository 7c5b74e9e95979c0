#!/usr/bin/env python3
"""Uploads by BITS are put together from any order of fragments and connections, alike with any number of workers; hostile
messages are told and bounded."""

import hashlib
import zlib

import lab

ANY = (lab.DONE, lab.INCOMPLETE)  # a limit that was hit, or a message that is not XML, makes the result incomplete

REPORT = "<Report><ReportBody>" + "".join(f"<StateMessage SerialNumber='{n}'/>" for n in range(40)) + "</ReportBody></Report>"
CONTENT = zlib.compress(REPORT.encode("utf-16-le") + b"\0\0")


def packet(kind, session, body=b"", headers=""):
    lines = f"BITS-Session-Id: {session}\r\n" if session else ""
    head = f"BITS_POST /CCM_Incoming/{{X}}/a HTTP/1.1\r\nHost: mp\r\nBITS-Packet-Type: {kind}\r\n{lines}{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def fragment(session, start, end, content=CONTENT):
    return packet("Fragment", session, content[start:end], f"Content-Range: bytes {start}-{end - 1}/{len(content)}\r\n")


def ack(session):
    return lab.http_reply(headers=f"BITS-Packet-Type: Ack\r\nBITS-Session-Id: {session}\r\n".encode())


def upload(session, pieces, port):
    """Each piece on a connection of its own; closed on the first one's."""
    packets = []
    for number, request in enumerate(pieces):
        connection = lab.Conversation(client=("10.1.1.5", port + number), start=(1_700_000_000 + number) * 10**9)
        packets += connection.send(request).answer(ack(session)).close().packets
    return packets


def capture(folder):
    half = len(CONTENT) // 2
    packets = upload(
        "{A}",
        [
            packet("Create-Session", None),
            fragment("{A}", half, len(CONTENT)),
            fragment("{A}", 0, half + 10),
            fragment("{A}", 0, 5),
            packet("Close-Session", "{A}"),
        ],
        40000,
    )
    packets += upload("{B}", [fragment("{B}", 0, half), packet("Cancel-Session", "{B}")], 41000)
    return lab.write_pcap(folder / "uploads.pcap", sorted(packets))


def test_any_order_and_any_workers():
    """Fragments on five connections in the wrong order are one document, whatever the number of workers."""
    with lab.folder() as folder:
        path = capture(folder)
        rows = lab.query("SELECT * FROM bits", path)
        lab.expect_equal([row["state"] for row in rows], ["closed", "cancelled"], "states")
        lab.expect_equal(rows[0]["sha256"], hashlib.sha256(CONTENT).hexdigest().upper(), "hash of the upload")
        lab.expect_equal((rows[0]["content"], rows[0]["root"], rows[0]["repeated"]), ("xml", "Report", 15), "content")
        lab.expect_equal(rows[1]["content"], "incomplete", "the cancelled upload")
        wanted = [str(n) for n in range(40)]
        for threads in ("1", "2", "5"):
            same = lab.query("SELECT * FROM bits", path, options=("--threads", threads))
            lab.expect_equal(same, rows, f"sessions with {threads} workers")
            sql = "SELECT value FROM field WHERE bits = 1 AND name = 'SerialNumber' ORDER BY ordinal"
            found = [row["value"] for row in lab.query(sql, path, options=("--threads", threads))]
            lab.expect_equal(found, wanted, f"values with {threads} workers")


def message_rows(folder, name, header, body, columns):
    talk = lab.Conversation().send(lab.ccm_request(header, body)).answer(lab.http_reply()).close()
    path = lab.write_pcap(folder / name, talk.packets)
    return path, lab.query(f"SELECT {columns} FROM message", path, status=ANY)[0]


def test_hostile_messages():
    """A hundred thousand attachments, deep XML, a million values and duplicate elements end at a limit that is told."""
    with lab.folder() as folder:
        body = "<Report/>"
        plain = lab.ccm_header(body)
        attachments = "<Attachment Offset='0' Length='4'/>" * 3000
        path, row = message_rows(folder, "a.pcap", plain.replace("<Hooks>", attachments + "<Hooks>"), body, "notes, malformed, answer")
        lab.expect_in("more attachments than are looked at", row["notes"], "notes")
        lab.expect_equal(row["answer"], "empty", "answer")
        lab.expect_equal(lab.value("SELECT count(*) FROM attachment", path, status=ANY), 256, "attachments")

        path, row = message_rows(folder, "b.pcap", plain.replace("<Hooks>", attachments * 40 + "<Hooks>"), body, "malformed")
        lab.expect_in("more than", row["malformed"] or "", "a header of megabytes")

        deep = "<a>" * 100000 + "</a>" * 100000
        path, row = message_rows(folder, "c.pcap", lab.ccm_header(deep), deep, "root, malformed")
        lab.expect_equal(lab.value("SELECT max(depth) < 100 FROM field", path, status=ANY), 1, "depth")
        lab.expect_in("too deep", lab.query("SELECT root, malformed FROM message, field LIMIT 1", path, status=ANY)[0]["malformed"], "deep XML")

        wide = "<Report>" + "<x y='1'/>" * 90000 + "</Report>"
        path, row = message_rows(folder, "d.pcap", lab.ccm_header(wide), wide, "root")
        rows = lab.query("SELECT count(*) AS n, max(ordinal) AS last FROM field", path, status=ANY)[0]
        lab.expect_equal(rows["n"], 4097, "fields that are listed")
        sql = "SELECT name FROM field ORDER BY ordinal DESC LIMIT 1"
        lab.expect_equal(lab.value(sql, path, status=ANY), "...", "the last one says that there are more")

        twice = plain.replace("<ID>", "<ID>{1}</ID><ID>")
        path, row = message_rows(folder, "e.pcap", twice, body, "message_id")
        lab.expect_equal(row["message_id"], "{1}", "the first of two elements")


def test_json_has_fields():
    """`messages -T json` holds the fields of each message, those of the table `field`."""
    path = lab.PCAPS / "sdk-http-full.pcap"
    messages = lab.cmscope("messages", "-T", "json", "-r", path).json
    rows = lab.query("SELECT message, path, value, meaning FROM field WHERE message IS NOT NULL ORDER BY id", path)
    lab.expect(len(rows) > 500, f"fields: {len(rows)}")
    for message in messages:
        wanted = [(row["path"], row["value"], row["meaning"]) for row in rows if row["message"] == message["id"]]
        found = [(field["path"], field["value"], field["meaning"]) for field in message["fields"]]
        lab.expect_equal(found, wanted, f"fields of message {message['id']}")


if __name__ == "__main__":
    lab.main(test_any_order_and_any_workers, test_hostile_messages, test_json_has_fields)
