"""How fast figures are read: cxd over its socket beside DuckDB in its own process, A B A B.

Part of bench.py (--only reading). Both hold the same facts, made by one rule on both sides; every
answer is compared, number by number, before anything is measured.
"""
import json
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.parse

from services import HERE, WORK, Cxd, install_peer

ASKED_AT = 10_000_000                                     # events: with fewer, a scan is cheap
SOME = "from sale where time >= $1::timestamp and time < $2::timestamp"
NPS = f"""select unit, count(*) filter (score >= 9), count(*) filter (score <= 6), count(*)
  {SOME} group by unit order by unit"""
ROLLUP = """select unit, sum(promoters)::bigint, sum(detractors)::bigint, sum(answers)::bigint
  from daily where day >= date_diff('day', '2023-01-01'::date, $1::date)
    and day < date_diff('day', '2023-01-01'::date, $2::date) group by unit order by unit"""
# At least two days = the first is not the last: the cheapest way to say it.
REPEAT = f"""select count(*), count(*) filter (last > first) from
  (select min(day) as first, max(day) as last {SOME} group by customer)"""
ALL = ("2023-01-01", "2026-01-01")
HALF = ("2024-03-01", "2024-08-28")                      # 180 days
CUT = ("2024-03-01T10:30:00", "2024-08-28T15:45:00")
CASES = [  # name, kpi, window, by unit, the peer's question, times faster that are asked for
    ("NPS of 20 units, 180 days", "nps", HALF, True, NPS, 10),
    ("the same from the peer's own rollup table", "nps", HALF, True, ROLLUP, None),
    ("NPS of 20 units, cut 10:30 to 15:45", "nps", CUT, True, NPS, None),
    ("repeat rate, 180 days", "repeat-rate", HALF, False, REPEAT, 8),
    ("repeat rate, a year", "repeat-rate", ("2024-01-01", "2025-01-01"), False, REPEAT, 8),
    ("repeat rate, all time", "repeat-rate", ALL, False, REPEAT, 8),
    ("repeat rate, cut 10:30 to 15:45", "repeat-rate", CUT, False, REPEAT, 8),
]


class Reading(Cxd):
    """cxd with the reading plugin and its facts."""
    key, name = "reading", "cxd"

    def settings(self):
        return {"company": {"name": "Bench", "timezone": "UTC"},
                "plugins": {"path": HERE / "plugins", "enable": "reading"},
                "plugin:reading": {"events": self.options.events, "people": self.options.people}}

    def fill(self):
        """→ events per second"""
        begun = time.monotonic()
        r = subprocess.run([str(self.options.cxd.resolve()), "--conf", str(self.conf),
                            "import", "reading"], stdout=sys.stderr, stderr=sys.stderr,
                           check=False)
        if r.returncode:
            raise SystemExit(f"cxd import ended with {r.returncode}")
        return self.options.events / (time.monotonic() - begun)

    def settle(self, seconds=600):
        """Until an idle writer has folded and united the sets of the past, as it does by itself."""
        until, made, quiet = time.monotonic() + seconds, 0, 0
        while time.monotonic() < until and quiet < 4:
            time.sleep(0.5)
            with sqlite3.connect(f"file:{self.folder / 'data' / 'cxd.db'}?mode=ro", uri=True) as db:
                waiting = db.execute("select count(*) from set_log").fetchone()[0]
                before, made = made, sum(db.execute(f"select count(*) from {table}").fetchone()[0]
                                         for table in ("set_span", "set_times"))
            quiet = quiet + 1 if not waiting and made and made == before else 0
        if quiet < 4:
            print("  ! sets are not united yet: reading is slower than it will be",
                  file=sys.stderr)

    def open(self):
        self.line = socket.socket(socket.AF_UNIX)
        self.line.settimeout(300)
        self.line.connect(str(self.socket))

    def get(self, path):
        """A GET without a client library, whose own time would be a third of the answer's."""
        self.line.sendall(f"GET {path} HTTP/1.1\r\nHost: cxd\r\n\r\n".encode())
        got, need = b"", None
        while need is None or len(got) < need:
            piece = self.line.recv(1 << 20)
            if not piece:
                raise SystemExit(f"{path}: the connection was closed")
            got += piece
            end = got.find(b"\r\n\r\n")
            if need is None and end >= 0:
                length = re.search(rb"(?i)content-length: *(\d+)", got[:end])
                need = end + 4 + int(length[1])
        return int(got[9:12]), got[end + 4:need]

    def question(self, kpi, window, by_unit):
        query = {} if window == ALL else {"from": window[0], "to": window[1]}
        if by_unit:
            query["by"] = "unit"
        path = f"/v1/kpis/{kpi}?" + urllib.parse.urlencode(query)
        begun = time.perf_counter()
        status, body = self.get(path)
        ms = 1000 * (time.perf_counter() - begun)
        if status != 200:
            raise SystemExit(f"{path}: {status} {body.decode()}")
        return ms, json.loads(body)


def rows_of(kpi, reply):
    """cxd's answer as the peer's rows."""
    if kpi == "repeat-rate":
        return [[reply["measures"]["buyers"], reply["measures"]["again"]]]
    return sorted([int(g["by"]["unit"][1:]), g["measures"]["promoters"],
                   g["measures"]["detractors"], g["measures"]["answers"]] for g in reply["groups"])


class Duck:
    name = "DuckDB"

    def __init__(self, where, options):
        self.db = where / "reading.duckdb"
        self.options = options

    def start(self):
        self.db.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["node", str(WORK / "peer" / "reading.js"), "--db", str(self.db),
             "--events", str(self.options.events), "--people", str(self.options.people)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self.line()

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise SystemExit(f"DuckDB ended with {self.process.wait()}")
        return json.loads(text)

    def question(self, sql, window):
        self.process.stdin.write(json.dumps({"sql": sql, "params": list(window)}) + "\n")
        self.process.stdin.flush()
        answer = self.line()
        return answer["ms"], answer["rows"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)


def compare(cxd, duck):
    for name, kpi, window, by_unit, sql, _ in CASES:
        ours = rows_of(kpi, cxd.question(kpi, window, by_unit)[1])
        theirs = duck.question(sql, window)[1]
        if ours != theirs:
            raise SystemExit(f"{name}: cxd says {ours[:3]}…, DuckDB {theirs[:3]}…")


def spread(v):
    return f"{statistics.median(v):,.1f} ({min(v):,.1f}–{max(v):,.1f})"


def measure(cxd, duck, options):
    ours, theirs = {}, {}
    for turn in range(options.questions + 1):              # the first one warms up
        for name, kpi, window, by_unit, sql, _ in CASES:
            a, _ = cxd.question(kpi, window, by_unit)
            b, _ = duck.question(sql, window)
            if turn:
                ours.setdefault(name, []).append(a)
                theirs.setdefault(name, []).append(b)
    lines = ["| question | cxd ms | DuckDB ms | ratio | asked for |", "|---|---|---|---|---|"]
    for name, *_, least in CASES:
        a, b = ours[name], theirs[name]
        ratio = statistics.median(b) / statistics.median(a)
        each = [y / x for x, y in zip(a, b)]
        missed = options.events >= ASKED_AT and ratio < (least or 0)
        asked = f"{least}×{' **missed**' if missed else ''}" if least else "–"
        lines.append(f"| {name} | {spread(a)} | {spread(b)} | "
                     f"{ratio:.1f}× ({min(each):.1f}–{max(each):.1f}) | {asked} |")
        options.record.append({"reading": name, "cxd_ms": a, "duckdb_ms": b})
        print(f"  {name:<44} {statistics.median(a):8.1f} ms  {statistics.median(b):8.1f} ms  "
              f"{ratio:6.1f}×", file=sys.stderr, flush=True)
    return lines


def report(where, sockets, options):
    """Fills both, compares and measures. → lines of Markdown"""
    print(f"reading: {options.events:,} events", file=sys.stderr, flush=True)
    why = install_peer()
    if why:
        return ["", f"Reading skipped: {why}"]
    cxd, duck = Reading(where, sockets, options), Duck(where, options)
    if cxd.missing():
        return ["", f"Reading skipped: {cxd.missing()}"]
    try:
        cxd.start()
        rate = cxd.fill()
        made = duck.start()
        cxd.settle()
        cxd.open()
        compare(cxd, duck)
        lines = measure(cxd, duck, options)
        rss = cxd.rss_mb()
    finally:
        if cxd.process:
            cxd.stop()
        if getattr(duck, "process", None):
            duck.stop()
        shutil.rmtree(cxd.folder, ignore_errors=True)
        duck.db.unlink(missing_ok=True)
    return ["", f"Reading figures over {options.events:,} events of {options.people:,} people, 20 "
            f"units, 1,096 days; DuckDB {made['version']}, {options.questions} rounds in turn, "
            "medians (min–max). Both gave the same numbers.", "", *lines, "",
            f"Filling: cxd {rate:,.0f} events/s, durable, checked, figures kept; DuckDB made its "
            f"table in {made['ms'] / 1000:.1f} s and its rollup in {made['rollup_ms'] / 1000:.1f} s. "
            f"cxd then took {rss:.0f} MB."]
