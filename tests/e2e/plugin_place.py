"""For tests of the Wireshark plugin: tshark with the plugin ($CMSCOPE_PLUGIN, cmscope.so), and the captures of the lab.

They are those of tests/pcaps and, where they are at hand, the others of the lab ($CMSCOPE_CAPTURES or ../shared/pcaps,
folder lab/).
"""

import os
import shutil
import subprocess
from pathlib import Path

import lab

PLUGIN = os.environ.get("CMSCOPE_PLUGIN", "")
MORE = lab.CAPTURES / "lab"
NOBODY = 65534
SECONDS = 120
WORKERS = 2

# Captures in which Wireshark hands fewer messages to the plugin than cmscope has: (how many fewer at most, why).
CUT = "Wireshark's HTTP dissector shows no message of which bytes are missing; cmscope has a row for what is there"
FEWER = {
    "broken-truncated-tcp": (2, CUT),
    "mangled-gap-request": (2, CUT),
    "reply-truncated": (3, CUT),
    "sccmwtf-http-chunked-slow": (1, "tshark itself dissects two of the three replies with status 200"),
}


class Place:
    """A folder that an unprivileged user can read, with the plugin where tshark looks for it: to root it gives none."""

    def __init__(self):
        if not PLUGIN or not Path(PLUGIN).is_file():
            raise lab.Skip("the plugin is not built (-DCMSCOPE_PLUGIN=ON)")
        self.tshark_path = lab.tool("tshark")
        version = subprocess.run([self.tshark_path, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = ".".join(version.split()[2].split(".")[:2])
        self.folder = lab.folder()

    def __enter__(self):
        self.path = self.folder.__enter__()
        plugins = self.path / "plugins" / self.version / "epan"
        plugins.mkdir(parents=True)
        shutil.copy(PLUGIN, plugins / "cmscope.so")
        (self.path / "home").mkdir()
        for path in [self.path, *self.path.rglob("*")]:
            path.chmod(0o755)
        if os.geteuid() == 0:
            for path in (self.path, self.path / "home"):
                os.chown(path, NOBODY, NOBODY)
        return self

    def __exit__(self, *_):
        self.folder.__exit__()

    def put(self, capture):
        """A copy of a capture that the user can read."""
        copy = self.path / capture.name
        if not copy.exists():
            shutil.copyfile(capture, copy)
            copy.chmod(0o644)
        return copy

    def put_keys(self, capture):
        """Options that give the keys of a capture, of messages and of TLS: the plugin's, cmscope's. Empty when there are none."""
        keys = MORE / f"{capture.stem}.keys"
        if not any((*keys.glob("*.pem"), *keys.glob("sslkeylog.txt"))):
            return (), ()
        copy = self.path / keys.name
        if not copy.exists():
            shutil.copytree(keys, copy)
            for path in [copy, *copy.rglob("*")]:
                path.chmod(0o755)
        tls = []
        if (copy / "sslkeylog.txt").exists():
            tls += ["-o", f"tls.keylog_file:{copy / 'sslkeylog.txt'}"]
        if (copy / "server.key.pem").exists():
            tls += ["-o", f'uat:rsa_keys:"{copy / "server.key.pem"}",""']
        return ("-o", f"ccm.keys:{copy}", *tls), ("--keys", keys)

    def needed_keys(self, capture):
        options = self.put_keys(capture)
        if not options[0]:
            raise lab.Skip(f"no keys of {capture.stem}")
        return options

    def fields(self, capture, display, *names, options=()):
        """Lines of the values of the fields of the packets that the filter shows."""
        wanted = [word for name in names for word in ("-e", name)]
        text = self.tshark("-r", self.put(capture), *options, "-Y", display, "-T", "fields", "-E", "aggregator=|", *wanted)
        return [line.split("\t") for line in text.splitlines()]

    def tshark(self, *arguments, errors=False):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.path / "home"),
                       "WIRESHARK_PLUGIN_DIR": str(self.path / "plugins")}
        root = os.geteuid() == 0
        process = subprocess.run([self.tshark_path, *map(str, arguments)], capture_output=True, env=environment,
                                 timeout=SECONDS, user=NOBODY if root else None, group=NOBODY if root else None,
                                 extra_groups=[] if root else None, cwd=self.path, check=False)
        lab.expect_equal(process.returncode, 0, f"tshark {arguments}: {process.stderr.decode()}")
        lab.expect("Dissector bug" not in process.stderr.decode(), f"tshark {arguments}: a dissector bug")
        return process.stderr.decode("utf-8", "replace") if errors else process.stdout.decode("utf-8", "replace")


def readable(path):
    path.chmod(0o644)
    return path


def needed(name):
    """A capture of this project, or of the rest of the lab, which need not be there."""
    found = [path for path in (lab.PCAPS / f"{name}.pcap", MORE / f"{name}.pcap") if path.is_file()]
    if not found:
        raise lab.Skip(f"no {name}.pcap")
    return found[0]


def captures():
    found = {path.stem: path for path in sorted(MORE.glob("*.pcap"))} if MORE.is_dir() else {}
    found.update({path.stem: path for path in sorted(lab.PCAPS.glob("*.pcap"))})
    return [found[name] for name in sorted(found)]
