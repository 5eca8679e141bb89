"""The KPI algebra over HTTP against a brute force over plain events: corrections, latest and first,
histograms, sets moved in time, comparisons, pooled groups, and what was known when."""
import calendar
import csv
import datetime
import json
import math
import os
import random
import urllib.parse
import zoneinfo

import pytest
from host import NDJSON, Host

ZONE = zoneinfo.ZoneInfo("America/Sao_Paulo")
MS = datetime.timedelta(milliseconds=1)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
HOUR, DAY = 3600000, 86400000
EVER = 10 ** 15
CASES = int(os.environ.get("CXD_CASES", 120))  # per world
SEED = int(os.environ.get("CXD_SEED", 1))

PLUGIN = """
cx.plugin { name = "algebra", version = "1.0.0", api = 1 }
cx.event "order.moved" { fields = { order = cx.text {}, amount = cx.integer {}, wait = cx.duration {},
  answered = cx.time {}, bought = cx.time {}, channel = cx.choice { "loja", "app" } } }
cx.event "visit.made" { fields = { order = cx.text {}, channel = cx.choice { "loja", "app" } } }

local LAST = { "order", by = "answered" }
cx.kpi "sums" { by = { "unit", "channel" },
  measures = {
    n = cx.count("order.moved"), with = cx.count("order.moved", "amount"), total = cx.sum("order.moved", "amount"),
    placed = cx.sum("order.moved", "amount", { at = "bought" }),
    last = cx.count("order.moved", { latest = LAST }),
    last_amount = cx.sum("order.moved", "amount", { latest = LAST, at = "bought" }),
    first = cx.count("order.moved", { first = { "subject" } }),
    last_big = cx.count("order.moved", { latest = { "subject", by = "amount" }, where = function(e) return (e.amount or 0) > 20 end }),
    visits = cx.count("visit.made"),
  },
  formula = function(m) return (m.total + m.last_amount) / m.n end }
cx.kpi "waits" { by = { "unit", "channel" },
  measures = { wait = cx.histogram("order.moved", "wait", { bucket = "1min" }), last = cx.histogram("order.moved", "amount", { latest = LAST }) },
  formula = function(m) return m.wait:at(0.9) end }
cx.kpi "waits-mean" { by = { "channel" },
  measures = { wait = cx.histogram("order.moved", "wait") },
  formula = function(m)
    local sum, n = 0, 0
    for v, times in pairs(m.wait) do
      if m.wait[v] ~= times then error("pairs and index differ") end
      sum, n = sum + v * times, n + times
    end
    if n > 0 and (sum / n - m.wait:mean()) ^ 2 > 1e-6 then error("mean") end
    return m.wait:mean() + m.wait:variance() + m.wait:max() - m.wait:min()
  end }
cx.kpi "returning" { by = { "unit" },
  measures = { buyers = cx.distinct("order.moved", "subject") },
  formula = function(m) local was = m:shift("-1mo").buyers; return 100 * #(was & m.buyers) / #was end }
cx.kpi "new" { by = { "unit", "channel" },
  measures = { buyers = cx.distinct("order.moved", "subject"), visitors = cx.distinct("visit.made", "subject"),
    twice = cx.distinct("order.moved", "subject", { times = 2, days = true }), again = cx.distinct("order.moved", "subject", { times = 3 }) },
  formula = function(m)
    local before = m:before()
    return #(m.buyers - before.buyers) + 1000 * #((m.visitors | m.twice) & before:shift("-1w").buyers) + 1000000 * #m.again
  end }
cx.kpi "growth" { by = { "channel" },
  measures = { n = cx.count("order.moved"), total = cx.sum("order.moved", "amount") },
  formula = function(m) return m.n - m:shift("-1w").n + 100 * m:shift("-1mo"):shift("3d").total end }
cx.kpi "share" { by = { "unit", "channel" },
  measures = { big = cx.count("order.moved", function(e) return (e.amount or 0) > 20 end), n = cx.count("order.moved"),
    who = cx.distinct("order.moved", "subject", { days = true, times = 2 }) },
  formula = function(m) return m.big / m.n end,
  interval = function(m) local w = cx.stats.wilson(m.big, m.n); w.n = m.n; return w end }

cx.import "olog" { tables = { facts = "facts.csv" },
  events = { { sql = "select * from facts order by rowid", map = function(r)
    return { type = r.type, id = r.id, corrects = r.corrects, time = r.time, recordedtime = r.recordedtime, subject = r.subject, unit = r.unit,
      data = { order = r["order"], amount = r.amount, wait = r.wait, answered = r.answered, bought = r.bought, channel = r.channel } }
  end } } }
"""


# -- time ---------------------------------------------------------------------------------------

def ms(when):
    return round((when - EPOCH) / MS)


def local(instant):
    return (EPOCH + instant * MS).astimezone(ZONE)


def text(instant):
    return (EPOCH + instant * MS).isoformat()


def parse(value):
    return ms(datetime.datetime.fromisoformat(value))


def day_of(instant):
    return local(instant).date()


def day_start(day):
    """Where midnight does not exist, the day begins at one."""
    return ms(datetime.datetime(day.year, day.month, day.day, tzinfo=ZONE))


def add_months(day, n):
    at = day.year * 12 + day.month - 1 + n
    y, m = at // 12, at % 12 + 1
    return day.replace(year=y, month=m, day=min(day.day, calendar.monthrange(y, m)[1]))


def move(instant, months=0, days=0):
    if abs(instant) >= EVER:
        return instant
    at = local(instant)
    day = add_months(at.date(), months) + datetime.timedelta(days=days)
    if instant == day_start(at.date()):  # days stay days
        return day_start(day)
    return ms(datetime.datetime.combine(day, at.time(), tzinfo=ZONE))


def shift(window, **d):
    """None: no data. The third of a window: it is all time before something."""
    if window is None or (window[0] <= -EVER and not window[2:]):
        return None
    return (move(window[0], **d), move(window[1], **d), *window[2:])


def before(window):
    return None if window is None else (-EVER, window[0], True)


# -- the brute force ------------------------------------------------------------------------------

class Log:
    def __init__(self):
        self.events = []

    def add(self, event):
        event["seq"] = len(self.events)
        event["root"] = event.get("root", event["seq"])
        self.events.append(event)

    def standing(self, known):
        """Of each family the newest that was known."""
        newest = {}
        for e in self.events:
            if e["recorded"] < known:
                best = newest.get(e["root"])
                if best is None or (e["recorded"], e["seq"]) > (best["recorded"], best["seq"]):
                    newest[e["root"]] = e
        return list(newest.values())


def chosen(events, key, rank, latest):
    best, alone = {}, []
    for e in events:
        if e.get(key) is None:
            alone.append(e)
            continue
        value = e.get(rank)
        sign = 1 if latest else -1
        place = (value is not None, 0 if value is None else sign * value)
        name = (e["id"], e["source"])
        was = best.get(e[key])
        if was is None or place > was[0] or (place == was[0] and ((name > was[1]) == latest)):
            best[e[key]] = (place, name, e)
    return alone + [e for _, _, e in best.values()]


def measure(kind, type="order.moved", field=None, at="time", where=None, pick=None, times=1, days=False, bucket=1):
    return locals()


def big(e):
    return (e["amount"] or 0) > 20


LAST = ("order", "answered", True)
MEASURES = {
    "sums": {
        "n": measure("count"), "with": measure("count", field="amount"), "total": measure("sum", field="amount"),
        "placed": measure("sum", field="amount", at="bought"), "last": measure("count", pick=LAST),
        "last_amount": measure("sum", field="amount", at="bought", pick=LAST), "first": measure("count", pick=("subject", "time", False)),
        "last_big": measure("count", pick=("subject", "amount", True), where=big), "visits": measure("count", "visit.made")},
    "waits": {"wait": measure("histogram", field="wait", bucket=60000), "last": measure("histogram", field="amount", pick=LAST)},
    "waits-mean": {"wait": measure("histogram", field="wait")},
    "returning": {"buyers": measure("distinct", field="subject")},
    "new": {"buyers": measure("distinct", field="subject"), "visitors": measure("distinct", "visit.made", field="subject"),
            "twice": measure("distinct", field="subject", times=2, days=True), "again": measure("distinct", field="subject", times=3)},
    "growth": {"n": measure("count"), "total": measure("sum", field="amount")},
    "share": {"big": measure("count", where=big), "n": measure("count"), "who": measure("distinct", field="subject", times=2, days=True)},
}
DIMS = {"sums": ["unit", "channel"], "waits": ["unit", "channel"], "waits-mean": ["channel"], "returning": ["unit"],
        "new": ["unit", "channel"], "growth": ["channel"], "share": ["unit", "channel"]}


def same_window(w):
    return [w]


READS = {  # the windows that a formula reads
    "returning": lambda w: [w, shift(w, months=-1)], "new": lambda w: [w, before(w), shift(before(w), days=-7)],
    "growth": lambda w: [w, shift(w, days=-7), shift(shift(w, months=-1), days=3)],
}


class Question:
    """All that counts for one KPI as known at an instant under filters; then figures of windows and groups."""

    def __init__(self, log, kpi, known, where):
        self.kpi, self.hits = kpi, {}
        standing = log.standing(known)
        for name, m in MEASURES[kpi].items():
            events = [e for e in standing if e["type"] == m["type"]]
            if m["pick"]:
                events = chosen(events, *m["pick"])
            self.hits[name] = [
                e for e in events
                if e[m["at"]] is not None and (m["field"] is None or e[m["field"]] is not None)
                and (not m["where"] or m["where"](e)) and all(e[d] == v for d, v in where)]

    def select(self, name, window, group):
        """group: {dim: value}, or a list of such (what was pooled)."""
        if window is None:
            return []
        groups = group if isinstance(group, list) else [group]
        at = MEASURES[self.kpi][name]["at"]
        return [e for e in self.hits[name] if window[0] <= e[at] < window[1]
                and any(all(e[d] == v for d, v in g.items()) for g in groups)]

    def values(self, name, window, group):
        """What a measure is: a number, a sorted list, or a set."""
        m = MEASURES[self.kpi][name]
        events = self.select(name, window, group)
        if m["kind"] == "count":
            return len(events)
        if m["kind"] == "sum":
            return sum(e[m["field"]] for e in events)
        if m["kind"] == "histogram":
            return sorted(e[m["field"]] // m["bucket"] * m["bucket"] for e in events)
        seen = {}
        for i, e in enumerate(events):
            seen.setdefault(e[m["field"]], set()).add(day_of(e[m["at"]]) if m["days"] else i)
        return {who for who, times in seen.items() if len(times) >= m["times"]}

    def measures(self, window, group):
        out = {}
        for name in self.hits:
            v = self.values(name, window, group)
            out[name] = v if isinstance(v, int) else len(v)
        return out

    def value(self, window, group):
        def get(name, w=window):
            return self.values(name, w, group)

        def divided(a, b):
            return a / b if b else None
        reads = READS.get(self.kpi, same_window)(window)
        if any(w is None for w in reads):
            return None
        if self.kpi == "sums":
            return divided(get("total") + get("last_amount"), get("n"))
        if self.kpi == "share":
            return divided(get("big"), get("n"))
        if self.kpi == "waits":
            return quantile(get("wait"), 0.9)
        if self.kpi == "waits-mean":
            x = get("wait")
            if len(x) < 2:
                return None
            mean = sum(x) / len(x)
            return mean + sum((v - mean) ** 2 for v in x) / (len(x) - 1) + x[-1] - x[0]
        if self.kpi == "returning":
            was = get("buyers", reads[1])
            return divided(100 * len(was & get("buyers")), len(was))
        if self.kpi == "new":
            return (len(get("buyers") - get("buyers", reads[1]))
                    + 1000 * len((get("visitors") | get("twice")) & get("buyers", reads[2])) + 1000000 * len(get("again")))
        return get("n") - get("n", reads[1]) + 100 * get("total", reads[2])

    def groups(self, windows, by):
        found = set()
        for window in windows:
            for name in self.hits:
                found |= {tuple(e[d] for d in by) for e in self.select(name, window, {})}
        return found


def quantile(x, p):
    if not x:
        return None
    at = (len(x) - 1) * p
    low = math.floor(at)
    return x[low] + (at - low) * (x[min(low + 1, len(x) - 1)] - x[low])


# -- the world --------------------------------------------------------------------------------------

def random_parts(rng, start):
    def maybe(v, chance=0.8):
        return v if rng.random() < chance else None
    at = start + rng.randrange(60 * 24) * HOUR + rng.randrange(HOUR)
    if rng.random() < 0.2:
        at = day_start(day_of(at)) + rng.choice([-1, 0, 1, HOUR, -HOUR])
    return {
        "time": at, "unit": rng.choice(["a", "b", "c", None]), "channel": rng.choice(["loja", "app", None]),
        "subject": maybe(f"p{rng.randrange(12)}"), "order": maybe(f"o{rng.randrange(14)}"),
        "amount": maybe(rng.randrange(-10, 50)), "wait": maybe(rng.randrange(40) * 15500),
        "answered": maybe(start + rng.randrange(10) * 5 * DAY), "bought": maybe(at + rng.randrange(-30 * 24, 10 * 24) * HOUR)}


def random_event(rng, log, start, source, corrections):
    e = {**random_parts(rng, start), "source": source, "type": "order.moved" if rng.random() < 0.8 else "visit.made"}
    same = [x for x in log.events if x["source"] == source]
    if corrections and same and rng.random() < corrections:
        of = rng.choice(same)
        new = e
        e = {**of, **{k: new[k] for k in rng.sample(["time", "unit", "channel", "amount", "bought", "order", "subject", "answered"], rng.randrange(1, 5))},
             "corrects": of["id"], "root": of["root"]}
    e["id"] = f"{rng.choice('abc')}{len(log.events)}"
    if e["type"] == "visit.made":
        e.update(amount=None, wait=None, answered=None, bought=None)
    e.pop("recorded", None)
    return e


FIELDS = ["order", "amount", "wait", "answered", "bought", "channel"]


def as_json(e):
    data = {k: text(e[k]) if k in ("answered", "bought") else e[k] for k in FIELDS if e.get(k) is not None}
    out = {k: e[k] for k in ("type", "id", "source", "subject", "unit", "corrects") if e.get(k) is not None}
    return {**out, "time": text(e["time"]), "data": data}


def post(host, log, events):
    body = "\n".join(json.dumps(as_json(e)) for e in events)
    status, reply = host.post(body, NDJSON, path="/v1/events?receipts=1")
    assert status == 200 and not reply["rejected"], reply
    for e, receipt in zip(events, reply["receipts"]):
        e["recorded"] = parse(receipt["recordedtime"])


def send(host, log, rng, start, n):
    for _ in range(n):
        e = random_event(rng, log, start, "till", 0.3)
        post(host, log, [e])
        log.add(e)


def load(host, log, rng, start, n, corrections, folder):
    """By an import, which says when each event became known, in any order. Corrections come in later
    waves than what they correct, because an import goes by `time`."""
    before_this = len(log.events)
    events, known = [], Log()
    known.events = [e for e in log.events if e["source"] == "import/olog"]
    for _ in range(n):
        e = random_event(rng, known, start, "import/olog", corrections)
        e["id"] = f"i{rng.choice('abc')}{before_this + len(events)}"
        e["recorded"] = e["time"] + rng.randrange(-DAY, 20 * DAY)
        if rng.random() < 0.2 and events:
            e["recorded"] = rng.choice(events)["recorded"]
        events.append(e)
    columns = ["type", "id", "corrects", "time", "recordedtime", "subject", "unit"] + FIELDS
    folder.mkdir(exist_ok=True)
    with open(folder / "facts.csv", "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(columns)
        for e in events:
            row = {**e, "recordedtime": text(e["recorded"]), **{k: text(e[k]) for k in ("time", "answered", "bought") if e[k] is not None}}
            out.writerow(["" if row.get(c) is None else row[c] for c in columns])
    host.cli("import", "olog", folder)
    for e in sorted(events, key=lambda x: x["time"]):  # stable, as the import's order
        log.add(e)


STARTS = [datetime.datetime(2018, 1, 20, tzinfo=ZONE), datetime.datetime(2018, 10, 10, tzinfo=ZONE)]


@pytest.fixture(scope="module", params=[0, 1])
def world(request, tmp_path_factory):
    rng = random.Random(SEED * 2 + request.param)
    start = ms(STARTS[request.param])
    log = Log()
    folder = tmp_path_factory.mktemp("algebra")
    with Host(folder, plugins={"algebra": PLUGIN}) as host:
        load(host, log, rng, start, 150, 0, folder / "csv")
        send(host, log, rng, start, 60)
        load(host, log, rng, start, 60, 0.8, folder / "csv")
        yield host, log, rng, start, folder


# -- comparing -----------------------------------------------------------------------------------------

def close(a, b):
    return a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9))


def same_figure(question, window, group, got, why):
    assert got["measures"] == question.measures(window, group), why
    assert close(got["value"], question.value(window, group)), (why, got["value"], question.value(window, group))
    assert (got["note"] == "no_data") == (got["value"] is None), why


def previous_window(window):
    start, end = window
    days = [day_of(t) for t in window]
    if all(day_start(d) == t for d, t in zip(days, window)):
        if all(d.day == 1 for d in days):
            months = (days[1].year - days[0].year) * 12 + days[1].month - days[0].month
            return day_start(add_months(days[0], -months)), start
        return day_start(days[0] - (days[1] - days[0])), start
    return start - (end - start), start


def compared(question, window, group, got, kind, why):
    was = tuple(parse(got["previous"][k]) for k in ("from", "to"))
    if kind == "previous":
        assert was == previous_window(window), why
    else:  # a midnight that a clock change took away is an hour off
        assert all(abs(a - move(b, months=-12)) <= HOUR for a, b in zip(was, window)), why
    same_figure(question, was, group, got["previous"], (why, "previous"))
    now, then = got["value"], got["previous"]["value"]
    assert close(got["change"], None if now is None or then is None else now - then), why
    return was


def windows_of(reply, window):
    yield window
    for part in reply.get("series", []):
        yield parse(part["from"]), parse(part["to"])


def check_series(question, window, group, got, why):
    last = window[0]
    for part in got["series"]:
        a, b = parse(part["from"]), parse(part["to"])
        assert (a == last or last <= -EVER) and a < b, why
        last = b
        same_figure(question, (a, b), group, part, (why, part["from"]))
    if window[1] < EVER and got["series"]:
        assert last == window[1], why


def random_window(rng, start):
    def instant():
        t = start + rng.randrange(-5, 70) * DAY + rng.randrange(DAY)
        how = rng.randrange(4)
        return t if how == 0 else day_start(day_of(t)) if how < 3 else day_start(day_of(t).replace(day=1))
    a, b = instant(), instant()
    if rng.random() < 0.12:
        a = -EVER
    if rng.random() < 0.12:
        b = EVER
    return (a, b) if a < b else (b, a) if b < a else (a, a + 1 + rng.randrange(2 * DAY))


def random_case(rng, log, start):
    kpi = rng.choice(list(MEASURES))
    case = {"kpi": kpi, "window": random_window(rng, start), "known": EVER, "where": [], "by": []}
    if rng.random() < 0.35:
        case["known"] = rng.choice(log.events)["recorded"] + rng.choice([-1, 0, 1, 0, 30 * DAY])
    values = {"unit": ["a", "b", None], "channel": ["loja", "app", None]}
    case["where"] = [(d, rng.choice(values[d])) for d in DIMS[kpi] if rng.random() < 0.25]
    case["by"] = [d for d in DIMS[kpi] if rng.random() < 0.5]
    closed = case["window"][0] > -EVER and case["window"][1] < EVER
    case["every"] = rng.choice(["day", "week", "month", "quarter", "year"]) if rng.random() < 0.3 else None
    case["compare"] = rng.choice(["previous", "previous", "year"]) if closed and rng.random() < 0.3 else None
    case["pool"] = rng.randrange(1, 15) if kpi == "share" and case["by"] and rng.random() < 0.5 else None
    return case


def query_of(case):
    start, end = case["window"]
    pairs = [("where", f"{d}:{'' if v is None else v}") for d, v in case["where"]]
    pairs += [("from", text(start))] if start > -EVER else []
    pairs += [("to", text(end))] if end < EVER else []
    pairs += [("as_known", text(case["known"]))] if case["known"] < EVER else []
    pairs += [("by", ",".join(case["by"]))] if case["by"] else []
    pairs += [(k, case[k]) for k in ("every", "compare", "pool") if case[k]]
    return urllib.parse.urlencode(pairs)


def check_case(host, log, case):
    query = query_of(case)
    why = f"{case['kpi']}?{query}"
    reply = host.kpi(case["kpi"], query)
    question = Question(log, case["kpi"], case["known"], case["where"])
    window, reads = case["window"], READS.get(case["kpi"], same_window)
    same_figure(question, window, {}, reply, why)
    windows = [r for w in windows_of(reply, window) for r in reads(w)]
    if case["compare"]:
        windows += reads(compared(question, window, {}, reply, case["compare"], why))
    if case["every"]:
        check_series(question, window, {}, reply, why)
    if not case["by"]:
        assert "groups" not in reply, why
        return
    met, pooled = set(), []
    for group in reply["groups"]:
        rows = group["pooled"] if "pooled" in group else [group["by"]]
        rows = [r.get("by", r) for r in rows] if "pooled" in group else rows
        pooled += rows if "pooled" in group else []
        for r in rows:
            row = tuple(r[d] for d in case["by"])
            assert row not in met, why
            met.add(row)
        same_figure(question, window, rows, group, (why, group["by"]))
        if case["compare"]:
            compared(question, window, rows, group, case["compare"], (why, group["by"]))
        if case["every"]:
            check_series(question, window, rows, group, (why, group["by"]))
    assert met == question.groups(windows, case["by"]), why
    if case["pool"]:
        few = [dict(zip(case["by"], g)) for g in met if question.values("n", window, dict(zip(case["by"], g))) < case["pool"]]
        assert len(few) < 2 or sorted(map(str, few)) == sorted(map(str, pooled)), (why, few, pooled)
        assert all(g in few for g in pooled), (why, few, pooled)


def run_cases(world, n):
    host, log, rng, start, _ = world
    for _ in range(n):
        check_case(host, log, random_case(rng, log, start))


def test_figures_equal_a_brute_force(world):
    run_cases(world, CASES)


def test_so_they_do_after_a_restart_and_more_corrections(world):
    host, log, rng, start, folder = world
    host.stop()
    host.start()
    run_cases(world, 15)
    send(host, log, rng, start, 30)
    load(host, log, rng, start, 30, 0.9, folder / "csv")
    run_cases(world, CASES // 2)


def test_last_means_the_days_before_today(world):
    """`last` with a comparison: the same period back again."""
    host, log, _, _, _ = world
    question = Question(log, "sums", EVER, [])
    for last, months, days in [("6mo", 6, 0), ("120mo", 120, 0), ("30d", 0, 30), ("2w", 0, 14)]:
        reply = host.kpi("sums", f"last={last}&compare=previous")
        today = datetime.datetime.now(ZONE).date()
        if day_of(parse(reply["to"])) != today:
            continue  # midnight has just passed
        start = add_months(today, -months) - datetime.timedelta(days=days)
        was = add_months(start, -months) - datetime.timedelta(days=days)
        window = (day_start(start), day_start(today))
        assert (parse(reply["from"]), parse(reply["to"])) == window
        assert (parse(reply["previous"]["from"]), parse(reply["previous"]["to"])) == (day_start(was), window[0])
        same_figure(question, window, {}, reply, last)
        same_figure(question, (day_start(was), window[0]), {}, reply["previous"], last)


def test_nothing_differs_from_the_log(world):
    world[0].cli("verify")
