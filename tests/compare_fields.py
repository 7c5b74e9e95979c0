"""compare_fields.py: the part of compare_ground_truth.py about what stands inside of messages: every value of header and body,
attachments, answers, and uploads.

The documents of the ground truth are parsed here with Python's own XML parser. Every attribute value and every text in
them must be among the fields that cmscope lists, and nothing else may be.
"""

from collections import Counter
from xml.etree import ElementTree

FIELDS_MAX = 4096  # of one message; what is above is not listed
VALUE_START = 16  # characters by which a value that is cut is compared; its length tells the rest


def key(value, length=None):
    """A value as it can be compared although it may be cut: its length in bytes and its start."""
    return (len(value.encode("utf-8")) if length is None else length, value[:VALUE_START])


def document_values(text):
    """All attribute values and texts of an XML document, counted; None when it is not well formed."""
    try:
        root = ElementTree.fromstring(text.strip("\0\r\n \ufeff").encode("utf-8"), parser=ElementTree.XMLParser(encoding="utf-8"))
    except ElementTree.ParseError:
        return None
    values = Counter()
    for element in root.iter():
        values.update(key(value) for value in element.attrib.values())
        own = (element.text or "") + "".join(child.tail or "" for child in element)
        values[key(own.strip())] += 1
    return without_empty(values)


def without_empty(values):
    return Counter({value: count for value, count in values.items() if value[0] > 0})


def field_values(fields):
    """The same of rows of `field`. A property is one row: its name stands for one attribute, its value for the other."""
    values = Counter()
    for field in fields:
        if field["value"] is not None:
            values[key(field["value"], field["value_bytes"])] += 1
        leaf = field["path"].split("/")[-1].split("@")[-1]
        if field["name"] != leaf:
            values[key(field["name"])] += 1
    return without_empty(values)


class FieldChecks:
    """Checks with the rows that `comparison` (compare_ground_truth.Comparison) matched with known messages."""

    def __init__(self, comparison, expected):
        self.comparison = comparison
        self.result = comparison.result
        self.expected = [item for item in expected if item.row is not None]
        self.fields = {}
        for field in comparison.rows["field"]:
            self.fields.setdefault((field["message"], field["part"]), []).append(field)

    def check(self):
        for item in self.expected:
            if item.row.get("malformed"):
                continue
            ccm = self.known(item)
            self.check_document(item, "header", ccm.get("header_xml"))
            if not ccm.get("encrypted"):
                self.check_document(item, "body", ccm.get("body_text"))
                self.check_attachments(item, ccm)
            self.check_answer(item)
        self.check_uploads()

    @staticmethod
    def known(item):
        transaction = item.transaction
        return ((transaction.get("response") or {}) if item.kind == "reply" else transaction).get("ccm") or {}

    def differ(self, item, what, text):
        self.comparison.differ(item.number, item.kind, what, text)

    def check_document(self, item, part, text):
        wanted = document_values(text) if text else None
        if wanted is None or sum(wanted.values()) > FIELDS_MAX:
            return
        found = field_values(self.fields.get((item.row["id"], part), []))
        missing, invented = wanted - found, found - wanted
        self.result.values += sum((wanted & found).values())
        self.result.values_known += sum(wanted.values())
        if missing:
            self.differ(item, f"values of the {part}", f"missing: {sorted(missing)[:3]}")
        if invented:
            self.differ(item, f"values of the {part}", f"invented: {sorted(invented)[:3]}")

    def check_attachments(self, item, ccm):
        known = ccm.get("attachments") or []
        rows = [row for row in self.comparison.rows["attachment"] if row["message"] == item.row["id"]]
        wanted = [(entry.get("Name"), entry.get("Offset"), entry.get("Length")) for entry in known]
        found = [(row["name"], text_of(row["offset"]), text_of(row["length"])) for row in rows]
        self.result.attached += len(known)
        if item.kind != "leg" and wanted != found:
            self.differ(item, "attachments", f"known {wanted}, found {found}")
            return
        texts = {(entry["offset"], entry["length"]): entry.get("text") for entry in ccm.get("attachment_texts") or []}
        for row in rows:
            text = texts.get((row["offset"], row["length"]))
            if row["kind"] == "xml" and text is not None and row["text"] != text.rstrip("\0"):
                self.differ(item, f"text of attachment {row['ordinal']}", "is another one")

    def check_answer(self, item):
        """What became of a request, and which request a reply answers."""
        if not self.comparison.truth.recoverable:
            return
        response = item.transaction.get("response") or {}
        if item.kind == "reply":
            asked = [other for other in self.expected if other.number == item.number and other.kind != "reply"]
            wanted = asked[0].row["id"] if asked else None
            if item.row["reply_of"] != wanted:
                self.differ(item, "reply_of", f"known {wanted}, found {item.row['reply_of']}")
            return
        wanted = answer_of(response)
        if wanted is not None and item.row["answer"] != wanted:
            self.differ(item, "answer", f"known {wanted}, found {item.row['answer']}")

    def check_uploads(self):
        """The sessions that the server closed, with the hash of what it had then."""
        closed = [t["bits"] for t in self.comparison.truth.plain if (t.get("bits") or {}).get("sha256")]
        rows = self.comparison.rows["bits"]
        for session in closed:
            found = [row for row in rows if row["session"] == session["session"]]
            wanted = [(session["url"], session["total"], session["sha256"].upper(), "closed")]
            if [(row["url"], row["total"], row["sha256"], row["state"]) for row in found] != wanted:
                self.result.differences.append(f"upload {session['session']}: known {wanted}, found {found}")
            messages = [m for m in self.comparison.rows["message"] if [m["id"]] == [row["message"] for row in found]]
            sizes = [(m["carrier"], m["http"], m["payload_bytes"], m["answer"]) for m in messages]
            if found and sizes != [("bits", found[0]["http"], session["total"], "no-reply")]:
                self.result.differences.append(f"message of upload {session['session']}: found {sizes}")
        uploaded = sum(m["carrier"] == "bits" for m in self.comparison.rows["message"])
        if uploaded != len(closed):
            self.result.differences.append(f"messages that are uploads: known {len(closed)}, found {uploaded}")
        if len(closed) != len(rows):
            self.result.differences.append(f"uploads: known {len(closed)}, found {len(rows)}")
        self.result.uploads += len(closed)


def text_of(value):
    return None if value is None else str(value)


def answer_of(response):
    """The word of message.answer for a response of the ground truth; None when it does not tell."""
    status, ccm = response.get("status"), response.get("ccm")
    if status is None:
        return None
    if status == 401:
        return "authenticate"
    if status >= 400:
        return "refused"
    if response.get("body_len") == 0:
        return "empty"
    if ccm is not None and not ccm.get("body_text") and not ccm.get("payload_len"):
        return "no-reply"
    return "message" if ccm is not None and ccm.get("body_text") else None

