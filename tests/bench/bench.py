#!/usr/bin/python3
"""Measures cxd beside Fastify + better-sqlite3: the same events over a local socket, A B A B.

One command: /usr/bin/python3 tests/bench/bench.py [--rounds 3] [--seconds 2] [--write]
Every measurement starts its server on an empty store and ends it again, by its process id.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import journeys
import reading
import services
import storm
from services import HERE, ROOT, WORK, Cxd, Figures, Peer, load

README = HERE / "README.md"
MARKS = ("<!-- results: begin -->", "<!-- results: end -->")


def measure(service, options, **form):
    """One server's life: start, warm up, load, count what it kept, end."""
    service.start()
    try:
        return measure_running(service, options, **form)
    finally:
        service.stop()


def measure_running(service, options, **form):
    before, kept = service.cpu_seconds(), service.kept()
    result = load(service, options, **form)
    result["cpu_us"] = 1e6 * (service.cpu_seconds() - before) / max(result["all_accepted"], 1)
    result["rss_mb"] = service.rss_mb()
    result["lost"] = result["all_accepted"] - (service.kept() - kept)
    if result["wrong"] or result["unanswered"]:
        print(f"  ! {service.name}: {result['wrong']} wrong answers, "
              f"{result['unanswered']} unanswered: {result['statuses']}", file=sys.stderr)
    if result["lost"]:
        print(f"  ! {service.name}: acknowledged and not kept: {result['lost']}", file=sys.stderr)
    return result


def rounds(cases, options, measure=measure):
    """cases: [(label, service, form)], taken in turn. → {label: [result, …]}"""
    got = {label: [] for label, _, _ in cases}
    for turn in range(options.rounds):
        for label, service, form in cases:
            r = measure(service, options, **form)
            got[label].append(r)
            print(f"  {turn + 1}/{options.rounds}  {label:<34} {r['events_per_s']:>10,.0f} events/s"
                  f"  p99 {r['p99_us'] / 1000:.1f} ms", file=sys.stderr, flush=True)
    return got


def spread(results, key, scale=1.0, digits=0):
    v = [r[key] * scale for r in results]
    text = f"{statistics.median(v):,.{digits}f}"
    if len(v) > 1:
        text += f" ({min(v):,.{digits}f}–{max(v):,.{digits}f})"
    return text


def ratio(a, b):
    """Of the medians; in brackets the ratios round by round, which is the noise."""
    each = [x["events_per_s"] / y["events_per_s"] for x, y in zip(a, b) if y["events_per_s"]]
    top = statistics.median(r["events_per_s"] for r in a)
    low = statistics.median(r["events_per_s"] for r in b)
    if not each or not low:
        return "–"
    return f"{top / low:.2f}× ({min(each):.2f}–{max(each):.2f})"


def table(got, base, first="service"):
    lines = [f"| {first} | events/s | ratio | p50 ms | p99 ms | CPU µs/event | RSS MB |",
             "|---|---|---|---|---|---|---|"]
    for label, results in got.items():
        lines.append("| " + " | ".join([
            label, spread(results, "events_per_s"),
            "1" if label == base else ratio(results, got[base]),
            spread(results, "p50_us", 1e-3, 2), spread(results, "p99_us", 1e-3, 2),
            spread(results, "cpu_us", 1, 1), spread(results, "rss_mb"),
        ]) + " |")
    return lines


def singles(services_, options):
    out = []
    for n in options.connections:
        print(f"single events, {n} connection{'s' * (n > 1)}", file=sys.stderr)
        got = rounds([(s.name, s, {"connections": n}) for s in services_], options)
        base = next((s.name for s in services_ if s.name != "cxd"), services_[0].name)
        out += ["", f"Single durable events, {n} connection{'s' * (n > 1)}; "
                f"ratio against *{base}*:", ""] + table(got, base)
    return out


def batches(cxd, options):
    n = max(options.connections)
    base = f"single, {n} connections"
    print("batch forms", file=sys.stderr)
    got = rounds([
        (base, cxd, {"connections": n}),
        ("batch of 100, 8 connections", cxd, {"connections": 8, "mode": "batch", "batch": 100}),
        ("batch of 1000, 4 connections", cxd, {"connections": 4, "mode": "batch", "batch": 1000}),
        ("NDJSON of 1000, 4 connections", cxd, {"connections": 4, "mode": "ndjson", "batch": 1000}),
        ("single, 16 deep, 64 connections", cxd, {"connections": 64, "depth": 16}),
    ], options)
    return ["", "cxd by form of the request; p50 and p99 are of whole requests:", ""] \
        + table(got, base, "form")


def cost_of_figures(where, sockets, options):
    """The same events into a company without KPIs, one with the seven, and one with all there are."""
    companies = [Figures(where, sockets, options, kind) for kind in Figures.kinds]
    out = []
    for form, asked in (("single events, 64 connections", {"connections": 64}),
                        ("batches of 1000, 4 connections",
                         {"connections": 4, "mode": "batch", "batch": 1000})):
        print(f"cost of figures: {form}", file=sys.stderr)
        got = rounds([(s.name, s, asked) for s in companies], options)
        rate, cpu = ([statistics.median(r[key] for r in got[s.name]) for s in companies]
                     for key in ("events_per_s", "cpu_us"))
        out += ["", f"What figures cost, {form}: the seven KPIs {rate[0] / rate[1]:.2f}× the time "
                f"and {cpu[1] / cpu[0]:.2f}× the CPU of the same events without KPIs (asked for: at "
                f"most 2×); all of sales and voc {rate[0] / rate[2]:.2f}× and "
                f"{cpu[2] / cpu[0]:.2f}×.", ""] + table(got, companies[0].name)
    return out


def cost_of_instances(where, sockets, options, peer):
    """An event that moves a journey: with a thousand and with a million instances open."""
    few, many = (journeys.Tickets(where, sockets, options, n) for n in (1000, options.instances))
    engines = [journeys.Engine(where, sockets, options, "xstate", 1000),
               journeys.Engine(where, sockets, options, "bpmn", 100)] if peer else []
    all_, out = [few, many, *engines], []
    try:
        for s in all_:  # opening a million takes longer than measuring: once
            s.start()
        for connections in (8, 64):
            print(f"journeys, {connections} connections", file=sys.stderr)
            got = rounds([(s.name, s, {"connections": connections}) for s in all_], options,
                         measure_running)
            rate = {s: statistics.median(r["events_per_s"] for r in got[s.name]) for s in all_}
            out += ["", f"Events that move a journey, {connections} connections: with "
                    f"{many.tickets:,} open instances {rate[many] / rate[few]:.2f}× the events of a "
                    "thousand (asked for: at least 0.80×)"
                    + "".join(f"; {rate[many] / rate[e]:.1f}× those of {e.name}" for e in engines)
                    + ".", ""] + table(got, few.name)
    finally:
        for s in all_:
            if s.process:
                s.stop()
    return out


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} × {cpu}, Linux {platform.release()}"


def write_readme(lines):
    text = README.read_text()
    begin, end = (text.index(m) for m in MARKS)
    README.write_text(text[:begin + len(MARKS[0])] + "\n" + "\n".join(lines) + "\n" + text[end:])


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=2, help="of every measurement")
    p.add_argument("--warmup", type=float, default=0.5, help="seconds before it")
    p.add_argument("--connections", type=lambda s: [int(x) for x in s.split(",")],
                   default=[1, 8, 64], metavar="1,8,64")
    p.add_argument("--tcp", action="store_true", help="loopback TCP instead of the Unix socket")
    p.add_argument("--only", choices=["cxd", "peer", "batches", "reading", "figures",
                                      "journeys", "reload"],
                   help="a part of it")
    p.add_argument("--events", type=int, default=10_000_000, help="that figures are read over")
    p.add_argument("--questions", type=int, default=9, help="rounds of reading")
    p.add_argument("--instances", type=int, default=1_000_000, help="open ones of a journey")
    p.add_argument("--storms", type=int, default=7, help="rounds of calm and storm")
    p.add_argument("--cxd", type=Path, default=ROOT / "build" / "cxd", help="another build of it")
    p.add_argument("--write", action="store_true", help="put the results into README.md")
    p.add_argument("--json", type=Path, help="keep every single result here")
    options = p.parse_args()

    WORK.mkdir(parents=True, exist_ok=True)
    options.loadgen = services.build_loadgen()
    options.record = []
    options.people = max(options.events // 5, 20)
    where = Path(tempfile.mkdtemp(prefix="run-", dir=WORK))
    sockets = Path(tempfile.mkdtemp(prefix="cxd-bench-"))     # short: a socket's path is ≤ 107 bytes
    out = [f"Measured {time.strftime('%Y-%m-%d %H:%M')} on {machine()}; "
           f"{options.rounds} rounds of {options.seconds:g} s, medians (min–max), "
           f"{'TCP' if options.tcp else 'Unix socket'}. Ratios in brackets are round by round."]
    try:
        ours, peers = [], []
        if options.only != "peer":
            cxd = Cxd(where, sockets, options)
            why = cxd.missing()
            ours = [] if why else [cxd]
            if why:
                out += ["", f"cxd skipped: {why}"]
        if options.only in (None, "peer", "journeys"):
            why = services.install_peer()
            peers = [] if why else [Peer(where, sockets, options, batch=True),
                                    Peer(where, sockets, options, batch=False)]
            if why:
                out += ["", f"Fastify + better-sqlite3 skipped: {why}"]
        if ours + peers and options.only in (None, "cxd", "peer"):
            out += singles(ours + peers, options)
        if ours and options.only in (None, "cxd", "batches"):
            out += batches(ours[0], options)
        if ours and options.only in (None, "figures"):
            out += cost_of_figures(where, sockets, options)
        if ours and options.only in (None, "journeys"):
            out += cost_of_instances(where, sockets, options, bool(peers))
        if ours and options.only in (None, "reload"):
            out += storm.report(where, sockets, options)
        if ours and options.only in (None, "reading"):
            out += reading.report(where, sockets, options)
    finally:
        shutil.rmtree(where, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)
    print("\n".join(out))
    if options.json:
        options.json.write_text(json.dumps(options.record, indent=1) + "\n")
    if options.write:
        write_readme(out)
    return 0 if ours or peers else 1


if __name__ == "__main__":
    sys.exit(main())
