#!/usr/bin/env python3
"""Text of a capture or of a file's name does nothing where it is shown: not to a terminal, a page, a spreadsheet or a program
that reads JSON; and it stays what it was where it is data."""

import json
import re
from html import escape
from html.parser import HTMLParser

import lab

ESCAPES = b"\x1b[31m\x1b]0;owned\x07\x08\x0b\x7f"  # colour, window title, bell, backspace, vertical tab, delete
C1 = "\x9b31m\x85".encode()  # CSI and NEL in one character each
BIDI = "\u202egpj.exe\u2066\u200f".encode()
BROKEN = b"\xff\xc0\xaf\xed\xa0\x80\xf5\x80"  # never in UTF-8
MARKUP = b"<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;"
FORMULA = b"=cmd|'/c calc'!A1"
EVERYTHING = b"A" + ESCAPES + C1 + BIDI + BROKEN + MARKUP + b"Z"

# What XML 1.0 can carry: no C0 controls but TAB, CR and LF.
XML_TEXT = "A\x9b31m\x85\u202egpj.exe\u2066<script>alert(1)</script>\"',;|\\\tB\r\nC"
BODY_TEXT = '<LocationRequest a="\u202e&lt;script&gt;\x9b31m">=1+1,"two"</LocationRequest>'


def xml(text):
    return "".join(c if c not in "\r\n\t" else f"&#{ord(c)};" for c in escape(text))


def requests():
    """Name: (bytes of the request, what cmscope must show of it: column: bytes as sent)."""
    header = lab.ccm_header(BODY_TEXT, SourceHost=xml(XML_TEXT), TargetEndpoint=xml(XML_TEXT))
    raw = lab.ccm_header("<x/>", SourceHost="\x1b[31m\x07raw controls are no XML")
    formula = lab.ccm_header("<x/>", SourceHost=FORMULA.decode(), TargetEndpoint="@SUM(1)", TargetHost="+1+1")
    return {
        "http": lab.ccm_request(header, BODY_TEXT, uri=b"/ccm_system/request?" + EVERYTHING.replace(b" ", b"_"),
                                host=EVERYTHING, agent=EVERYTHING),
        "xml": lab.ccm_request(raw, "<x/>", host=b"-1+1"),
        "formula": lab.ccm_request(formula, "<x/>", host=FORMULA.replace(b" ", b"_"), agent=FORMULA),
        "body": lab.ccm_request(lab.ccm_header("<a"), "<a \x1b[31m\x07<<<script>"),
    }


def write_capture(path):
    packets = []
    for number, request in enumerate(requests().values()):
        start = (1_700_000_000 + number) * 10**9
        talk = lab.Conversation(client=("10.1.1.5", 50000 + number), start=start)
        talk.send(request).answer(lab.http_reply(b"", headers=b"Server: " + EVERYTHING + b"\r\n")).close()
        packets += talk.packets
    return lab.write_pcap(path, packets)


CAPTURE_NAME = "name\x1b[31m\x07\n\u202efoo<script>&\"'.pcap"


def expect_safe(what, output):
    """Valid UTF-8 without a control but LF, and without characters that turn text round."""
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError as error:
        raise lab.Wrong(f"{what} is no UTF-8: {error}") from error
    lab.expect_equal(lab.unsafe_characters(text), [], f"{what}: characters")
    return text


def with_capture(test):
    """Runs a test with a hostile capture whose name is hostile too."""

    def run():
        with lab.folder() as folder:
            test(write_capture(folder / CAPTURE_NAME))

    run.__doc__ = test.__doc__
    return run


@with_capture
def test_it_arrives(capture):
    """The hostile texts are decoded at all: what follows tests something."""
    rows = lab.query("SELECT host, user_agent FROM http ORDER BY id", capture, status=lab.INCOMPLETE)
    lab.expect_equal(len(rows), len(requests()), "requests")
    for column in ("host", "user_agent"):
        for part in ("\x1b[31m", "\x07", "<script>", "\u202e"):
            lab.expect_in(part, rows[0][column], column)
    rows = lab.query("SELECT source_host, endpoint FROM message ORDER BY id", capture, status=lab.INCOMPLETE)
    lab.expect_equal(rows[0], {"source_host": XML_TEXT, "endpoint": XML_TEXT}, "texts of the message")


@with_capture
def test_text_outputs(capture):
    """check, messages, messages -V, flows and query as a table write no control but LF."""
    select = "SELECT * FROM http"
    for arguments in (
        ("check",),
        ("check", "-V"),
        ("messages",),
        ("messages", "-V"),
        ("messages", "-V", "--bodies"),
        ("flows",),
        ("hosts",),
        ("roles",),
        ("query", "SELECT * FROM host_name"),
        ("query", select),
        ("query", "--bodies", "SELECT source_host, endpoint, body, malformed, notes FROM message"),
        ("query", "SELECT * FROM finding"),
        ("query", "SELECT file AS \"\x1b[31m\n\", problem FROM input"),
    ):
        result = lab.cmscope(arguments[0], "-r", capture, *arguments[1:], status=None)
        lab.expect(result.output, f"{arguments} prints something")
        expect_safe(f"output of {arguments}", result.output)
        expect_safe(f"messages of {arguments}", result.errors.encode())
    lines = lab.cmscope("messages", "-r", capture, status=None).text.splitlines()
    lab.expect_equal(len(lines), lab.value("SELECT count(*) FROM message", capture, status=lab.INCOMPLETE), "one line for each message")


@with_capture
def test_json(capture):
    """JSON is strict UTF-8 that parses, and holds what was sent, bytes that are no UTF-8 replaced by U+FFFD."""
    for arguments in (("check",), ("messages",), ("flows",), ("query", "SELECT * FROM http")):
        result = lab.cmscope(arguments[0], "-r", capture, "-T", "json", *arguments[1:], status=None)
        parsed = json.loads(result.output.decode("utf-8", "strict"), parse_constant=lambda name: 1 / 0)
        lab.expect(parsed, f"{arguments[0]}: {parsed}")
        raw = set(result.output.decode()) & {chr(c) for c in range(0x20) if chr(c) != "\n"}
        lab.expect_equal(raw, set(), f"{arguments[0]}: raw control characters")
    report = lab.check(capture, status=None)
    lab.expect_equal(report["capture"]["inputs"][0]["file"], str(capture), "the name of the file")
    host = lab.query("SELECT host FROM http ORDER BY id LIMIT 1", capture, status=lab.INCOMPLETE)[0]["host"]
    lab.expect_equal(replaced(host), replaced(EVERYTHING.decode("utf-8", "replace")), "host")


def replaced(text):
    """How many U+FFFD stand for how many bytes is a matter of taste."""
    return re.sub("\ufffd+", "\ufffd", text)


def escaped(text):
    """What CSV shows of a text by the header report/safe.h: unsafe characters escaped, an apostrophe before a formula."""
    parts = []
    for c in text:
        unsafe = c not in "\t\r\n" and lab.unsafe_characters(c)
        parts.append(f"\\x{ord(c):02X}" if unsafe and ord(c) < 0x100 else f"\\u{{{ord(c):04X}}}" if unsafe else c)
    formula = len(text) > 1 and text[0] in "=+-@"
    return ("'" if formula else "") + "".join(parts)


@with_capture
def test_csv(capture):
    """CSV has one record for each row and parses back to the exact texts, except that unsafe characters are escaped and
    formulas get an apostrophe."""
    sql = "SELECT source_host, endpoint, target_host FROM message ORDER BY id"
    rows = [list(row.values()) for row in lab.query(sql, capture, status=lab.INCOMPLETE)]
    text = lab.cmscope("query", "-r", capture, "-T", "csv", sql, status=lab.INCOMPLETE).text
    wanted = [[escaped(cell or "") for cell in row] for row in rows]
    lab.expect_equal(lab.csv_rows(text)[1:], wanted, "records")
    lab.expect_equal(lab.unsafe_characters(text.replace("\r\n", "\n").replace("\t", "")), [], "characters")
    for cell in (cell for record in lab.csv_rows(text) for cell in record):
        lab.expect(cell[:1] not in "=+-@" or len(cell) < 2, f"a spreadsheet takes {cell!r} for a formula")
    harmless = "a,b;\"c\" 'd' <e>&\\|\r\nf\tg\nh Grüße 你好 🙂 "
    literal = harmless.replace("'", "''")
    result = lab.cmscope("query", "-r", capture, "-T", "csv", f"SELECT '{literal}' AS t, 'x' AS u", status=None)
    lab.expect_equal(lab.csv_rows(result.text)[1], [harmless, "x"], "a text with all that CSV must quote")


class Elements(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.links, self.text = set(), set(), set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.links |= {link for name, link in attributes if name in ("href", "src")}

    def handle_data(self, data):
        self.text.append(data)


@with_capture
def test_html(capture):
    """The HTML report shows the texts, and has no script, no handler of events and no element or link that comes from them."""
    page = expect_safe("HTML", lab.cmscope("check", "-r", capture, "-T", "html", status=None).output)
    clean = Elements(lab.cmscope("check", "-r", lab.SCCMWTF, "-T", "html", status=lab.RULE_FAILED).text)
    found = Elements(page)
    text = "".join(found.text)
    lab.expect_in("<script>alert(1)</script>", text, "the text is shown")
    lab.expect_in("foo<script>&\"'.pcap", text, "the name of the file is shown")
    for tag in ("script", "img", "iframe", "object", "embed"):
        lab.expect(tag not in found.tags, f"there is an element {tag}")
        lab.expect(f"<{tag}" not in page.lower(), f"there is <{tag} in the page")
    lab.expect(found.tags - clean.tags <= {"b", "i", "em", "strong", "ul", "ol", "li"}, f"new: {found.tags - clean.tags}")
    lab.expect_equal([name for name in found.attributes if name.startswith("on")], [], "handlers of events")
    odd = [link for link in found.links if link and not link.startswith(("https://", "#"))]
    lab.expect_equal(odd, [], "links")


def test_file_names():
    """A hostile name of a file that cannot be read, a hostile argument and hostile SQL give one harmless line each."""
    with lab.folder() as folder:
        text = folder / CAPTURE_NAME
        text.write_text("no capture\n")
        missing = folder / ("missing" + CAPTURE_NAME)
        for arguments, status in (
            (("flows", "-r", text), lab.UNREADABLE),
            (("flows", "-r", missing), lab.UNREADABLE),
            (("flows", "-r", lab.SCCMWTF, "--db", text), lab.UNREADABLE),
            (("check", "-q", "-r", lab.SCCMWTF, "--html", folder / CAPTURE_NAME / "x"), lab.UNREADABLE),
            (("check", "-q", "-r", lab.SCCMWTF, "--keys", missing), lab.UNREADABLE),
            (("check", "-q", "-r", lab.SCCMWTF, "--rules", missing), lab.INVALID),
            (("check", "--rule", CAPTURE_NAME, "-r", lab.SCCMWTF), lab.USAGE),
            (("check", "--profile", CAPTURE_NAME, "-r", lab.SCCMWTF), lab.USAGE),
            (("check", "-T", CAPTURE_NAME, "-r", lab.SCCMWTF), lab.USAGE),
            (("schema", CAPTURE_NAME), lab.USAGE),
            ((CAPTURE_NAME,), lab.USAGE),
            (("flows", "--" + CAPTURE_NAME), lab.USAGE),
            (("query", "-r", lab.SCCMWTF, f"SELECT {CAPTURE_NAME}"), lab.INVALID),
            (("query", "-r", lab.SCCMWTF, f'SELECT "{CAPTURE_NAME.replace(chr(34), "")}"'), lab.INVALID),
        ):
            result = lab.cmscope(*arguments, status=status)
            lines = expect_safe(f"messages of {arguments}", result.errors.encode()).splitlines()
            lines = [line for line in lines if not line.startswith("  ")]  # the place in a query
            lab.expect_equal(len(lines), 1, f"lines: {result}")
            expect_safe(f"output of {arguments}", result.output)


if __name__ == "__main__":
    lab.main(test_it_arrives, test_text_outputs, test_json, test_csv, test_html, test_file_names)
