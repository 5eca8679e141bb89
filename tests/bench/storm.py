"""What a client notices of reloads: calm, storm, calm, storm, … on one running cxd.

Part of bench.py (--only reload). In a storm one reload follows the other as soon as it is answered;
the client's load is the same all the time. Each changes a constant in a KPI's formula; of ten one
is broken and must be refused.
"""
import json
import shutil
import statistics
import sys
import threading
import time

from services import ROOT, Cxd, load

ASKED = 2   # times the calm p99, at most
EVERY = 10  # one of so many is broken
STORMS = {  # the plugin that is edited: who edits it
    "demo": "the company's own plugin, on which no other depends",
    "sales": "the plugin that all others depend on: the whole set is loaded again",
}
KPI = """
cx.kpi "storm" {{
  measures = {{ n = cx.count("order.placed") }},
  formula = function(m) return m.n + {constant} end,
}}
{broken}"""


class Reloaded(Cxd):
    """cxd with plugins of its own, one of which is edited."""
    name = "cxd"

    def __init__(self, where, sockets, options, plugin):
        self.key = f"reloaded-{plugin}"
        self.edited = plugin
        super().__init__(where, sockets, options)

    def settings(self):
        plugins = self.folder / "plugins"
        shutil.copytree(ROOT / "plugins", plugins, dirs_exist_ok=True)
        self.file = plugins / self.edited / "plugin.lua"
        self.text = self.file.read_text()
        self.done = self.refused = self.constant = 0
        self.took = []
        self.write(0)
        return {**super().settings(), "plugins": {"path": plugins, "enable": "demo, sales, voc, service, complaints"}}

    def write(self, constant, broken=False):
        self.file.write_text(self.text + KPI.format(
            constant=constant, broken="error('broken')\n" if broken else ""))

    def reload(self):
        self.done += 1
        broken = self.done % EVERY == 0
        self.write(self.done, broken)
        c = self.connection()
        begun = time.monotonic()
        c.request("POST", "/v1/plugins/reload")
        r = c.getresponse()
        reply = json.loads(r.read())
        c.close()
        self.took.append(time.monotonic() - begun)
        expected = (422, "reload_refused") if broken else (200, None)
        if (r.status, reply.get("code")) != expected:
            raise SystemExit(f"reload {self.done}: {r.status} {reply}")
        self.refused += broken
        if not broken:
            self.constant = self.done

    def wrong_formula(self):
        """Is another in force than the last that was not broken?"""
        figure = self.ask("/v1/kpis/storm")[1]
        return figure["value"] != figure["measures"]["n"] + self.constant


class Storm(threading.Thread):
    """Reloads until it is told to end."""

    def __init__(self, cxd):
        super().__init__()
        self.cxd, self.over, self.failed = cxd, threading.Event(), None

    def run(self):
        try:
            while not self.over.is_set():
                self.cxd.reload()
        except (Exception, SystemExit) as e:  # told by the thread that measures
            self.failed = e

    def end(self):
        self.over.set()
        self.join()
        if self.failed:
            raise self.failed


def phase(cxd, options, connections, storm):
    one = Storm(cxd) if storm else None
    if one:
        one.start()
    try:
        return load(cxd, options, connections=connections)
    finally:
        if one:
            one.end()


def spread(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def measure(cxd, options, connections):
    """One server's life. → the rounds as [(calm, storm), …], events lost"""
    rounds, accepted = [], 0
    cxd.start()
    try:
        for turn in range(options.storms):
            calm = phase(cxd, options, connections, False)
            storm = phase(cxd, options, connections, True)
            rounds.append((calm, storm))
            accepted += calm["all_accepted"] + storm["all_accepted"]
            print(f"  {turn + 1}/{options.storms}  {cxd.edited}, {connections} connections  p99 "
                  f"{calm['p99_us'] / 1000:.1f} → {storm['p99_us'] / 1000:.1f} ms, "
                  f"{cxd.done} reloads", file=sys.stderr, flush=True)
        lost = accepted - cxd.kept()
        if lost or cxd.wrong_formula():
            print(f"  ! acknowledged and not kept: {lost}; the formula in force is "
                  f"{'not ' * cxd.wrong_formula()}the last good one", file=sys.stderr)
    finally:
        cxd.stop()
    return rounds, lost


def report(where, sockets, options):
    """→ lines of Markdown"""
    lines = []
    for plugin, who in STORMS.items():
        cxd = Reloaded(where, sockets, options, plugin)
        print(f"reloads without pause: {plugin}", file=sys.stderr)
        lines += ["", f"Single events while plugins are reloaded without pause, one reload of {EVERY} "
                  f"refused; edited is *{plugin}*, {who} ({options.storms} rounds of calm and storm; "
                  f"asked for: p99 at most {ASKED}×):", "",
                  "| connections | p50 ms calm | storm | p99 ms calm | storm | p99 ratio | "
                  "reloads | ms each | lost |", "|---|---|---|---|---|---|---|---|---|"]
        for n in options.connections:
            rounds, lost = measure(cxd, options, n)
            of = {(key, k): [r[k][f"{key}_us"] / 1000 for r in rounds]
                  for key in ("p50", "p99") for k in (0, 1)}
            ratios = [storm / calm for calm, storm in zip(of["p99", 0], of["p99", 1])]
            missed = " **missed**" * (statistics.median(ratios) > ASKED)
            lines.append("| " + " | ".join(
                [str(n)] + [spread(of[key, k]) for key in ("p50", "p99") for k in (0, 1)]
                + [spread(ratios) + missed, f"{cxd.done}, {cxd.refused} refused",
                   spread([1000 * t for t in cxd.took], 0), str(lost)]) + " |")
    return lines
