"""The services that bench.py measures: how each is started, watched, asked and ended."""
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "build" / "bench"
TICK = os.sysconf("SC_CLK_TCK")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def family(pid):
    """The process and all below it."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                todo += map(int, Path(f"/proc/{one}/task/{task}/children").read_text().split())
        except OSError:
            pass
    return found


class Service:
    """A server with a store of its own, emptied at every start."""
    templates = HERE / "events.ndjson"

    def __init__(self, where, sockets, options):
        self.folder = where / self.key
        self.socket = sockets / f"{self.key}.sock"
        self.log = WORK / f"{self.key}.log"
        self.options = options
        self.process = None
        self.port = None

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.options.tcp:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.folder)
        until = time.monotonic() + 20
        while True:
            try:
                status, _ = self.ask("/readyz")
                if status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise SystemExit(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            pids = family(self.process.pid)
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                for pid in pids:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.process.wait()
        self.socket.unlink(missing_ok=True)

    def ask(self, path):
        c = self.connection()
        try:
            c.request("GET", path)
            r = c.getresponse()
            return r.status, json.loads(r.read() or b"null")
        finally:
            c.close()

    def connection(self):
        return UnixConnection(self.socket)

    def cpu_seconds(self):
        total = 0
        for pid in family(self.process.pid):
            try:
                stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            total += int(stat[11]) + int(stat[12])
        return total / TICK

    def rss_mb(self):
        total = 0
        for pid in family(self.process.pid):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            total += next((int(line.split()[1]) for line in status.splitlines()
                           if line.startswith("VmRSS:")), 0)
        return total / 1024

    def target(self):
        return ["--tcp", f"127.0.0.1:{self.port}"] if self.port else ["--unix", str(self.socket)]


class Cxd(Service):
    key, name = "cxd", "cxd"

    def missing(self):
        binary = self.options.cxd
        return None if binary.exists() else f"{binary} is not there: make build"

    @property
    def conf(self):
        return self.folder / "cxd.ini"

    def settings(self):
        """Of its own: sections of the conf."""
        return {"company": {"name": "Bench"},
                "plugins": {"path": ROOT / "plugins", "enable": "demo, sales, voc, service, complaints"}}

    def command(self):
        sections = {"server": {"data": self.folder / "data", "socket": self.socket,
                               "tcp": f"127.0.0.1:{self.port}" if self.port else "off"},
                    "log": {"level": "warn"}, **self.settings()}
        self.conf.write_text("".join(
            f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items())
            for name, values in sections.items()))
        return [str(self.options.cxd.resolve()), "--conf", str(self.conf), "serve"]

    def target(self):
        if not self.port:
            return super().target()
        made = subprocess.run([str(self.options.cxd.resolve()), "--conf", str(self.conf), "token",
                               "add", "bench", "--level", "integrator"],
                              capture_output=True, text=True, check=True)
        token = next(w for w in made.stdout.split() if w.startswith("cxd_"))
        return [*super().target(), "--token", token]

    def count(self, sql):
        with sqlite3.connect(f"file:{self.folder / 'data' / 'cxd.db'}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchone()[0]

    def kept(self):
        """As the figures tell it: orders and answers."""
        orders, nps = self.ask("/v1/kpis/orders")[1], self.ask("/v1/kpis/nps")[1]
        return orders["measures"]["placed"] + nps["measures"]["answers"]


class Figures(Cxd):
    """The same facts with more and more figures."""
    templates = HERE / "figures.ndjson"
    kinds = {  # name → where plugins are, which
        "no KPI": (HERE / "plugins", "facts"),
        "seven KPIs": (HERE / "plugins", "facts, figures"),
        "plugins sales and voc": (ROOT / "plugins", "sales, voc"),
    }

    def __init__(self, where, sockets, options, kind):
        self.key, self.name = kind.replace(" ", "-"), f"cxd, {kind}"
        self.plugins = self.kinds[kind]
        super().__init__(where, sockets, options)

    def settings(self):
        return {"company": {"name": "Bench"},
                "plugins": {"path": self.plugins[0], "enable": self.plugins[1]}}

    def kept(self):
        return self.count("select count(*) from event")


class Peer(Service):
    def __init__(self, where, sockets, options, batch):
        self.key = "batching" if batch else "plain"
        self.name = "Fastify, batching" if batch else "Fastify, one by one"
        self.batch = "yes" if batch else "no"
        super().__init__(where, sockets, options)

    def command(self):
        listen = ["--port", str(self.port)] if self.port else ["--socket", str(self.socket)]
        return ["node", str(WORK / "peer" / "server.js"), *listen,
                "--db", str(self.folder / "events.db"), "--batch", self.batch]

    def connection(self):
        if self.port:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        return super().connection()

    def kept(self):
        return self.ask("/count")[1]["n"]


def install_peer():
    """Puts the peer under build/bench/peer once. → why it cannot be measured, or None"""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node or npm is not installed"
    folder = WORK / "peer"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "service.js", "server.js", "reading.js", "journey.js"):
        shutil.copyfile(HERE / "peer" / name, folder / name)
    check = ["node", "-e", "require('fastify'); require('@duckdb/node-api');"
             "require('xstate'); require('bpmn-engine');"
             "new (require('better-sqlite3'))(':memory:')"]
    if subprocess.run(check, cwd=folder, capture_output=True).returncode == 0:
        return None
    try:
        r = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder,
                           capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "npm ci took more than ten minutes"
    if r.returncode:
        return "npm ci: " + (r.stderr.strip().splitlines() or ["failed"])[-1]
    r = subprocess.run(check, cwd=folder, capture_output=True, text=True)
    return None if r.returncode == 0 else "what npm installed does not load: " + r.stderr.strip()[-200:]


def build_loadgen():
    out = WORK / "loadgen"
    source = HERE / "loadgen.c"
    if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror",
                        "-o", str(out), str(source)], check=True)
    return out


def load(service, options, connections=1, depth=1, mode="single", batch=100):
    command = [str(options.loadgen), *service.target(), "--templates", str(service.templates),
               "--connections", str(connections), "--depth", str(depth), "--mode", mode,
               "--seconds", str(options.seconds), "--warmup", str(options.warmup)]
    if mode != "single":
        command += ["--batch", str(batch)]
    r = subprocess.run(command, capture_output=True, text=True, timeout=120 + options.seconds)
    if r.returncode == 2 or not r.stdout:
        raise SystemExit(f"loadgen: {r.stderr.strip()}")
    if r.stderr:
        print(r.stderr.strip(), file=sys.stderr)
    result = json.loads(r.stdout)
    options.record.append({"service": service.name, "mode": mode, **result})
    return result
