#!/usr/bin/env python3
"""`query` answers any question alike in all formats and as the sqlite3 shell does on a --db file, agrees with the ground
truth and tshark, and lets no statement do more than read."""

import csv
import hashlib
import io
import json
import sqlite3
import subprocess
from collections import Counter

import lab

GROUPS = "SELECT endpoint, signature, count(*) FROM message GROUP BY 1, 2"
FULL = lab.PCAPS / "sdk-http-full.pcap"  # most kinds of messages
CAPTURES = (lab.SCCMWTF, FULL, lab.PCAPS / "broken-tampered-body.pcap")
EVERYTHING = "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"


def texts(row):
    return ["" if cell is None else str(cell) for cell in row]


def shell(database, sql):
    """What the sqlite3 shell answers, as a list of lists of text."""
    command = [lab.tool("sqlite3"), "-batch", "-csv", "-header", str(database), sql]
    process = subprocess.run(command, capture_output=True, text=True, timeout=lab.SECONDS_MAX)
    lab.expect_equal((process.returncode, process.stderr), (0, ""), f"sqlite3 on {sql}")
    return list(csv.reader(io.StringIO(process.stdout)))


def as_csv(sql, capture, *options):
    return lab.csv_rows(lab.cmscope("query", "-r", capture, "-T", "csv", *options, sql).text)


def write_database(folder, capture, *options):
    """Reads a capture into a database: its path."""
    database = folder / f"{capture.stem}.db"
    lab.cmscope("query", "-r", capture, "--db", database, *options, "SELECT 1")
    return database


def test_same_in_all_formats():
    """A query gives the same rows as a table, as JSON and as CSV."""
    for capture in CAPTURES:
        rows = [list(row) for row in as_csv(GROUPS, capture)]
        lab.expect(len(rows) > 2, f"{capture.stem}: rows")
        objects = lab.query(GROUPS, capture)
        lab.expect_equal([list(objects[0]), *[texts(entry.values()) for entry in objects]], rows, f"{capture.stem}: JSON")
        table = lab.cmscope("query", "-r", capture, GROUPS).text
        lab.expect_equal(lab.table_rows(table), rows, f"{capture.stem}: table")
        text = lab.cmscope("query", "-r", capture, "-T", "csv", GROUPS).output
        lab.expect_equal(text.count(b"\r\n"), text.count(b"\n"), "lines of CSV end with CR LF (RFC 4180)")


def test_same_in_the_shell():
    """The sqlite3 shell gives the same rows on a --db file, for this query and for every table."""
    lab.tool("sqlite3")
    with lab.folder() as folder:
        for capture in CAPTURES:
            database = write_database(folder, capture)
            lab.expect_equal(shell(database, GROUPS), as_csv(GROUPS, capture), f"{capture.stem}: the groups")
        tables = [row[0] for row in shell(database, EVERYTHING)[1:]]
        lab.expect(len(tables) >= 8, f"tables: {tables}")
        for table in tables:
            columns = [row[1] for row in shell(database, f"PRAGMA table_info({table})")[1:]]
            # How much was inflated, and so found malformed, depends on what is asked: --db asks for everything.
            condition = " WHERE name NOT LIKE '%inflated%' AND name NOT LIKE '%malformed%'" if table == "coverage" else ""
            whole = [name for name in columns if name not in ("time", "start", "end", "first", "last", "last_time", "not_before", "not_after")]
            sql = f"SELECT {', '.join(quoted(name) for name in whole)} FROM {quoted(table)}{condition} ORDER BY id"
            rows = as_csv(sql, capture)
            # Of a table without rows the shell prints nothing, not even the names of its columns.
            lab.expect_equal(rows if len(rows) > 1 else [], shell(database, sql), f"{capture.stem}: table {table}")


def quoted(name):
    return f'"{name}"'


def test_database_is_whole():
    """A --db file is sound and has the tables that `schema -T sql` prints as SQL that runs; times are kept to the last bit."""
    with lab.folder() as folder:
        connection = sqlite3.connect(write_database(folder, FULL))
        lab.expect_equal(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "integrity_check")
        fresh = sqlite3.connect(":memory:")
        fresh.executescript(lab.cmscope("schema", "-T", "sql").text)
        lab.expect_equal(connection.execute(EVERYTHING).fetchall(), fresh.execute(EVERYTHING).fetchall(), "the schema")
        times = [row["time"] for row in lab.query("SELECT time FROM message ORDER BY id", FULL)]
        kept = [row[0] for row in connection.execute("SELECT time FROM message ORDER BY id")]
        lab.expect_equal(times, kept, "times of messages, to the last bit")
        connection.close()


def test_bodies():
    """--bodies keeps the texts of bodies, in JSON and in a database; without it they are not there."""
    sql = "SELECT body FROM message WHERE direction = 'request' ORDER BY id"
    wanted = [ccm["body_text"] for _, direction, ccm in lab.known_messages(FULL) if direction == "request"]
    found = [row["body"] for row in lab.query(sql, FULL, options=("--bodies",))]
    lab.expect_equal(found, wanted, "bodies")
    with lab.folder() as folder:
        connection = sqlite3.connect(write_database(folder, FULL, "--bodies"))
        lab.expect_equal([row[0] for row in connection.execute(sql)], wanted, "bodies in a database")
        connection.close()
        connection = sqlite3.connect(write_database(folder, FULL))
        kept = connection.execute("SELECT count(*) FROM message WHERE body IS NOT NULL").fetchone()
        lab.expect_equal(kept, (0,), "bodies without --bodies")
        connection.close()
    lab.expect_equal({row["body"] for row in lab.query(sql, FULL)}, {None}, "bodies without --bodies")


def test_database_guards_files():
    """--db replaces a database of its own, and leaves any other file, database or folder as it is: status 3 and its name."""
    with lab.folder() as folder:
        own = write_database(folder, FULL)
        lab.cmscope("flows", "-r", lab.SCCMWTF, "--db", own)
        connection = sqlite3.connect(own)
        flows = len(lab.query("SELECT id FROM flow", lab.SCCMWTF))
        lab.expect_equal(connection.execute("SELECT count(*) FROM flow").fetchone(), (flows,), "it was replaced")
        connection.close()
        foreign = folder / "foreign.db"
        connection = sqlite3.connect(foreign)
        connection.execute("CREATE TABLE precious (text)")
        connection.commit()
        connection.close()
        plain, link = folder / "plain.txt", folder / "link"
        plain.write_text("precious\n")
        link.symlink_to(own)
        for target in (foreign, plain, link):
            before = target.read_bytes()
            result = lab.cmscope("query", "-r", lab.SCCMWTF, "--db", target, "SELECT 1", status=lab.UNREADABLE)
            lab.expect_in(str(target), result.errors, "the message names the file")
            lab.expect_in("not a database made by cmscope", result.errors, "the message")
            lab.expect_equal(target.read_bytes(), before, f"{target.name} is as it was")
        lab.cmscope("query", "-r", lab.SCCMWTF, "--db", folder, "SELECT 1", status=lab.UNREADABLE)
        left = sorted(path.name for path in folder.iterdir())
        lab.expect_equal(left, ["foreign.db", "link", "plain.txt", own.name], "nothing else is left behind")


def test_only_reading():
    """Statements that write, attach, use pragmas, load code or follow a first one are refused with status 4."""
    with lab.folder() as folder:
        other = folder / "other.db"
        for sql in (
            "CREATE TABLE x (a)",
            "CREATE TEMP TABLE x (a)",
            "INSERT INTO message (id) VALUES (1)",
            "UPDATE message SET endpoint = 'x'",
            "DELETE FROM message",
            "DROP TABLE message",
            f"ATTACH '{other}' AS other",
            f"VACUUM INTO '{other}'",
            "PRAGMA user_version = 7",
            "PRAGMA table_list",
            "SELECT * FROM pragma_table_info('message')",
            "SELECT load_extension('x')",
            "BEGIN",
            "REINDEX",
            "ANALYZE",
            "EXPLAIN SELECT 1; DROP TABLE message",
            "SELECT 1; SELECT 2",
            "SELECT 1; DELETE FROM message",
            "",
            "-- nothing",
            ";",
        ):
            result = lab.cmscope("query", "-r", lab.SCCMWTF, "--", sql, status=lab.INVALID)
            lab.expect(result.errors.startswith("cmscope: ") and len(result.errors) > 20, f"a message is wanted: {result}")
            lab.expect_equal(result.output, b"", f"output of {sql}")
            lab.expect(not other.exists(), f"{sql} made a file")
    lab.cmscope("query", "-r", lab.SCCMWTF, "SELECT 1 ; -- and a comment\n")


def test_errors_are_those_of_sqlite():
    """What SQLite cannot understand ends with status 4 and SQLite's own message."""
    reference = sqlite3.connect(":memory:")
    reference.executescript(lab.cmscope("schema", "-T", "sql").text)
    for sql in (
        "SELEC 1",
        "SELECT",
        "SELECT FROM message",
        "SELECT nosuch FROM message",
        "SELECT * FROM nosuch",
        "SELECT nosuch(1)",
        "SELECT count(*) FROM message GROUP BY 9",
        "SELECT id FROM message, http",
        "SELECT 'open",
        "SELECT max(1, 2",
    ):
        try:
            reference.execute(sql)
            raise lab.Wrong(f"SQLite itself takes {sql!r}")
        except sqlite3.Error as error:
            wanted = str(error)
        result = lab.cmscope("query", "-r", lab.SCCMWTF, sql, status=lab.INVALID)
        lab.expect_in(wanted, result.errors, f"the message for {sql!r}")
    for sql, shown in (
        ("SELECT id,\n  roott FROM message", "    roott FROM message\n    ^\n"),
        ("SELECT '\u00e4\u00f6', nosuch FROM http", "  SELECT '\u00e4\u00f6', nosuch FROM http\n               ^\n"),
        ("SELECT 1 WHERE \x1b[31m", "  SELECT 1 WHERE \\x1B[31m\n                 ^\n"),
        ("SELECT " + "id, " * 100 + "nosuch FROM http", " nosuch FROM http\n  " + " " * 60 + "^\n"),
    ):
        result = lab.cmscope("query", "-r", lab.SCCMWTF, sql, status=lab.INVALID)
        lab.expect_in(shown, result.errors, f"the place in {sql!r}")


def test_join():
    """A join over message, http and flow gives for each message its exchange and connection, as the ground truth knows them."""
    sql = (
        "SELECT m.packet, m.direction, m.endpoint, h.method, h.uri, h.status, f.src, f.sport, f.dst, f.dport"
        " FROM message m JOIN http h ON h.id = m.http JOIN flow f ON f.id = m.flow AND f.id = h.flow ORDER BY m.packet"
    )
    for capture in CAPTURES:
        wanted = []
        for transaction, direction, ccm in lab.known_messages(capture):
            request, response = transaction["request"], transaction["response"]
            if direction == "request":
                frame, endpoint = transaction["pcap"]["request_frame"], ccm["endpoint"]
            else:
                frame, endpoint = transaction["pcap"]["reply_frame"], transaction["ccm"]["endpoint"]
            wanted.append(
                {
                    **{"packet": frame, "direction": direction, "endpoint": endpoint},
                    **{"method": request["method"], "uri": request["uri"], "status": response["status"]},
                    **{"src": transaction["peer"][0], "sport": transaction["peer"][1]},
                    **{"dst": transaction["local"][0], "dport": transaction["local"][1]},
                }
            )
        lab.expect_equal(lab.query(sql, capture), sorted(wanted, key=lambda row: row["packet"]), capture.stem)


def test_plan_of_a_join():
    """The plan of a question is made for the rows that there are: a row that is named by its id is looked up, not looked for."""
    sql = "EXPLAIN QUERY PLAN SELECT m.packet FROM message m JOIN http h ON h.id = m.http WHERE h.status BETWEEN 200 AND 299"
    plan = [row["detail"] for row in lab.query(sql, lab.SCCMWTF)]
    lab.expect("SCAN h VIRTUAL TABLE INDEX 1:" in plan, f"http is read by its id: {plan}")


def test_counts_agree():
    """Messages by endpoint and direction, HTTP exchanges by method and status, and TCP flows agree with the ground truth."""
    for capture in CAPTURES:
        known = Counter()
        for transaction, direction, ccm in lab.known_messages(capture):
            known[(ccm["endpoint"] if direction == "request" else transaction["ccm"]["endpoint"], direction)] += 1
        rows = lab.query("SELECT endpoint, direction, count(*) AS n FROM message GROUP BY 1, 2", capture)
        lab.expect_equal({(r["endpoint"], r["direction"]): r["n"] for r in rows}, dict(known), f"{capture.stem}: messages")
        truth = lab.ground_truth(capture)
        known = Counter((t["request"]["method"], t["response"]["status"]) for t in truth["transactions"])
        rows = lab.query("SELECT method, status, count(*) AS n FROM http GROUP BY 1, 2", capture)
        lab.expect_equal({(r["method"], r["status"]): r["n"] for r in rows}, dict(known), f"{capture.stem}: http")
        known = sorted((f["src"], f["sport"], f["dst"], f["dport"]) for f in truth["flows"] if f["proto"] == "tcp")
        rows = lab.query("SELECT src, sport, dst, dport FROM flow WHERE proto = 'tcp' ORDER BY 1, 2, 3, 4", capture)
        lab.expect_equal([tuple(row.values()) for row in rows], known, f"{capture.stem}: flows")


def test_hashes_of_bodies():
    """The SHA-256 of HTTP bodies is what the management point saw, whether they came in chunks, slowly or compressed."""
    nothing = hashlib.sha256(b"").hexdigest()
    for name in ("sccmwtf-http", "sccmwtf-http-gzip", "sccmwtf-http-chunked-slow", "sdk-http-full", "broken-pipelined"):
        capture = lab.PCAPS / f"{name}.pcap"
        rows = lab.query("SELECT packet, request_sha256, response_sha256 FROM http ORDER BY packet, id", capture)
        found = sorted((row["packet"], *(lower(row[side]) for side in ("request_sha256", "response_sha256"))) for row in rows)
        wanted = []
        for transaction in lab.ground_truth(capture)["transactions"]:
            hashes = [transaction[side]["body_sha256"] for side in ("request", "response")]
            hashes = [None if value == nothing else value for value in hashes]
            wanted.append((transaction["pcap"]["request_frame"], *hashes))
        lab.expect_equal(found, sorted(wanted), name)


def lower(text):
    return None if text is None else text.lower()


def test_counts_by_tshark():
    """Flows, their packets and ports, and the requests in them agree with tshark."""
    for capture in CAPTURES:
        packets = Counter(row[0] for row in lab.tshark(capture, "tcp", "tcp.stream"))
        rows = lab.query("SELECT packets_out + packets_in AS n FROM flow WHERE proto = 'tcp' ORDER BY packet", capture)
        wanted = [packets[str(stream)] for stream in range(len(packets))]
        lab.expect_equal([row["n"] for row in rows], wanted, f"{capture.stem}: packets of each flow")
        known = lab.tshark(capture, "http.request", "http.request.method", "http.request.uri", "http.host")
        rows = lab.query("SELECT method, uri, host FROM http ORDER BY packet", capture)
        lab.expect_equal(sorted(map(tuple, known)), sorted(tuple(row.values()) for row in rows), f"{capture.stem}: requests")


def test_values():
    """Numbers, NULL, texts with quotes and line ends and blobs look the same to Python's csv and json as to SQLite."""
    sql = (
        "SELECT 1 AS i, -9223372036854775807 AS big, 0.1 AS r, 1e300 AS huge, NULL AS none, '' AS empty,"
        " 'a,b' AS comma, 'say \"x\"' AS quote, 'two' || char(13, 10) || 'lines' AS ends, 'Grüße 你好 🙂' AS text,"
        " x'00FF' AS blob"
    )
    wanted = sqlite3.connect(":memory:").execute(sql).fetchone()
    found = list(lab.query(sql, lab.SCCMWTF)[0].values())
    lab.expect_equal(found[:-1], list(wanted[:-1]), "JSON")
    lab.expect_equal(bytes.fromhex(found[-1]), wanted[-1], "a blob in JSON is hex")
    cells = as_csv(sql, lab.SCCMWTF)[1]
    lab.expect_equal(cells[5:10], list(wanted[5:10]), "texts in CSV")
    lab.expect_equal([int(cells[0]), int(cells[1]), float(cells[2]), float(cells[3])], list(wanted[:4]), "numbers in CSV")
    lab.expect_equal(cells[4], "", "NULL in CSV")
    same = lab.cmscope("query", "-r", lab.SCCMWTF, "-T", "json", "SELECT 1 AS a, 2 AS a").text
    pairs = json.loads(same, object_pairs_hook=list)[0]
    lab.expect_equal(len({name for name, _ in pairs}), 2, "columns of the same name are both there")
    none = lab.cmscope("query", "-r", lab.SCCMWTF, "-T", "json", "SELECT 1 AS a WHERE 0").json
    lab.expect_equal(none, [], "no rows in JSON")


def test_malformed_does_not_depend_on_the_question():
    """What of a message could not be decoded is the same whatever else is asked."""
    alone = "SELECT packet, malformed FROM message WHERE malformed IS NOT NULL ORDER BY id"
    more = ("SELECT packet, malformed FROM message WHERE malformed IS NOT NULL AND (SELECT count(name) FROM field) >= 0 AND "
            "(SELECT count(*) FROM finding) >= 0 AND (SELECT count(*) FROM policy) >= 0 ORDER BY id")
    known = 0
    for path in sorted(lab.PCAPS.glob("*.pcap")):
        found = lab.query(alone, path, status=None)
        lab.expect_equal(found, lab.query(more, path, status=None), path.name)
        known += len(found)
    lab.expect(known > 10, f"{known} malformed messages")


if __name__ == "__main__":
    lab.main(
        test_same_in_all_formats,
        test_same_in_the_shell,
        test_database_is_whole,
        test_bodies,
        test_database_guards_files,
        test_only_reading,
        test_errors_are_those_of_sqlite,
        test_join,
        test_plan_of_a_join,
        test_counts_agree,
        test_hashes_of_bodies,
        test_counts_by_tshark,
        test_values,
        test_malformed_does_not_depend_on_the_question,
    )
