"""A cxd of one's own for a test: a temporary folder with conf, plugins and data, a process, a client.

    with Host(tmp_path, plugins={"acme": ACME}) as cxd:
        status, reply = cxd.post({"type": "visit.rated", ...})
"""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("CXD_BIN", str(ROOT / "build" / "cxd"))
SHARED = pathlib.Path(os.environ.get("CXD_SHARED", ROOT.parent / "shared"))
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until_busy(pid, used, more=0.3, seconds=60):
    """Until the process has used more CPU time than `used`: code of a plugin that loops is running."""
    end = time.monotonic() + seconds
    while cpu_seconds(pid) < used + more:
        assert time.monotonic() < end, f"{pid} does nothing"
        time.sleep(0.01)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=120):
        super().__init__("cxd", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Host:
    def __init__(self, folder, plugins=None, conf=None, scripts=None, timezone="America/Sao_Paulo"):
        self.folder = pathlib.Path(folder)
        # A Unix socket's path is at most 107 bytes, which pytest's folders can exceed.
        self.short = tempfile.TemporaryDirectory(prefix="cxd-")
        self.socket = os.path.join(self.short.name, "s")
        self.data = self.folder / "data"
        self.process = None
        self.log = self.folder / "log"
        for name in ("plugins", "scripts", "conf"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name, files in (plugins or {}).items():
            self.write_plugin(name, files)
        for name, text in (scripts or {}).items():
            (self.folder / "scripts" / name).write_text(text)
        self.conf = self.folder / "conf" / "cxd.ini"
        sections = {"company": {"timezone": timezone},
                    "server": {"data": str(self.data), "socket": self.socket}}
        for key, value in (conf or {}).items():
            section, name = key.rsplit(".", 1) if not key.startswith("access.") else key.split(".", 1)
            sections.setdefault(section, {})[name] = value
        self.conf.write_text("".join(
            f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
            for section, keys in sections.items()))

    def write_plugin(self, name, files):
        folder = self.folder / "plugins" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in ({"plugin.lua": files} if isinstance(files, str) else files).items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)

    # -- life ---------------------------------------------------------------------------------
    def start(self, *options, ready=True):
        self.process = subprocess.Popen([BIN, "--conf", str(self.conf), "serve", *options],
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"cxd ended with {self.process.returncode}:\n{self.log_text()}")
            try:
                if self.get("/readyz")[0] == 200 and all(
                        r["state"] == "up" for r in self.get("/healthz")[1]["readers"]):
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"not ready after {seconds} s:\n{self.log_text()}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"cxd did not stop within 120 s:\n{self.log_text()}")
            return code
        return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            code = self.stop()
            log = self.log_text()
            assert "Sanitizer" not in log and "runtime error:" not in log, log
            if kind is None and code is not None:
                assert code == 0, log
        finally:
            self.short.cleanup()

    def pids(self, role):
        """Process ids of an engine role, as /healthz tells them."""
        health = self.get("/healthz")[1]
        return [health["writer"]["pid"]] if role == "writer" else [r["pid"] for r in health["readers"]]

    # -- client -------------------------------------------------------------------------------
    def connection(self, timeout=120):
        return UnixConnection(self.socket, timeout)

    def request(self, method, path, body=None, headers=None, connection=None):
        """(status, parsed body, headers)"""
        c = connection or self.connection()
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        c.request(method, path, body, headers or {})
        answer = c.getresponse()
        kind = answer.headers.get("Content-Type", "")
        if kind.startswith("text/event-stream"):  # without end
            c.close()
            return answer.status, None, answer.headers
        raw = answer.read()
        value = json.loads(raw) if "json" in kind and raw else raw.decode()
        if answer.status >= 400 and method != "HEAD":
            assert kind.startswith("application/problem+json"), (answer.status, kind, raw)
            assert value["status"] == answer.status and value["code"] and value["detail"], value
        if not connection:
            c.close()
        return answer.status, value, answer.headers

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)[:2]

    def post(self, event, kind=JSON, headers=None, path="/v1/events", connection=None):
        return self.request("POST", path, event, {"Content-Type": kind, **(headers or {})},
                            connection)[:2]

    def crash(self, send, role="writer"):
        """What send() returns, whose plugin code is running when an engine dies of a signal of its own."""
        answer = []
        pid = self.pids(role)[0]
        used = cpu_seconds(pid)
        sender = threading.Thread(target=lambda: answer.append(send()))
        sender.start()
        until_busy(pid, used)
        os.kill(pid, signal.SIGABRT)
        sender.join()
        return answer[0]

    def plugin(self, name):
        return next(p for p in self.get("/v1/plugins")[1]["plugins"] if p["name"] == name)

    def wait_plugin(self, name, state="running", seconds=60):
        end = time.monotonic() + seconds
        while self.plugin(name)["state"] != state:
            assert time.monotonic() < end, self.plugin(name)
            time.sleep(0.02)

    def kpi(self, name, query=""):
        status, reply = self.get(f"/v1/kpis/{name}" + (f"?{query}" if query else ""))
        assert status == 200, reply
        return reply

    def cli(self, *args, code=0, stdin=None, env=None):
        """(stdout, stderr) of `cxd ARGS`; asserts the exit code."""
        done = subprocess.run([BIN, "--conf", str(self.conf), *map(str, args)], input=stdin, text=True,
                              capture_output=True, timeout=300, env=dict(os.environ, **(env or {})))
        assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
        return done.stdout, done.stderr


ACME = """
cx.plugin { name = "acme", version = "1.0.0", api = 1, title = { ["pt-BR"] = "Método Acme", en = "The Acme way" },
  config = { promoter = cx.integer { default = 9, min = 0, max = 10 } } }
cx.event "visit.rated" {
  fields = {
    score = cx.integer { min = 0, max = 10, required = true },
    channel = cx.choice { "loja", "app", "telefone" },
    comment = cx.text { personal = true },
  },
  derive = { written = cx.boolean(function(e) return not cx.blank(e.comment) end) },
}
cx.event "order.delivered" {
  fields = { order = cx.text { required = true }, paid = cx.money { currency = "BRL" }, bought = cx.time { required = true } },
  derive = { lead = cx.duration(function(e) return e.time - e.bought end) },
}
cx.kpi "visit-nps" { title = "NPS da visita", format = "points", better = "higher", by = { "unit", "channel" },
  measures = {
    promoters = cx.count("visit.rated", function(e) return e.score >= cx.config.promoter end),
    detractors = cx.count("visit.rated", function(e) return e.score <= 6 end),
    answers = cx.count("visit.rated"),
  },
  formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end }
cx.kpi "acme-revenue" { format = "money", better = "higher", by = { "unit" },
  measures = { paid = cx.sum("order.delivered", "paid", { at = "bought" }) },
  formula = function(m) return m.paid end }
cx.kpi "repeat-rate" { format = "%", better = "higher", by = { "unit" },
  measures = { buyers = cx.distinct("order.delivered", "subject"),
    again = cx.distinct("order.delivered", "subject", { times = 2, days = true }) },
  formula = function(m) return 100 * #m.again / #m.buyers end }
"""


def rated(score=9, **more):
    event = {"type": "visit.rated", "time": "2026-03-02T10:00:00-03:00", "data": {"score": score}}
    data = more.pop("data", None)
    event.update(more)
    if data is not None:
        event["data"] = {**event["data"], **data}
    return event
