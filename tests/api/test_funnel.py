"""Funnels, held against a computation of their own over the same events."""
import datetime
import json
import random
import time

from host import BATCH, Host

DAY = 86400_000
SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
for type, fields in pairs {
  ["visit.started"] = { channel = cx.choice { "app", "loja" } }, ["need.stated"] = {}, ["sale.settled"] = { state = cx.text {} },
  ["part.missing"] = {}, ["visit.closed"] = {}, ["visit.lost"] = {}, ["talk.went"] = {},
} do
  fields.visit = cx.text { required = true }
  cx.event(type) { fields = fields }
end
cx.journey "visit" { title = { ["pt-BR"] = "Visita", en = "Visit" }, key = "visit", start = "visit.started", by = { "unit", "channel" },
  stages = {
    cx.stage "receive" { title = "Receber", window = "5d", leave = { ["need.stated"] = "execute", ["visit.lost"] = cx.done("gone", { lost = true }) } },
    cx.stage "execute" { title = { ["pt-BR"] = "Executar", en = "Execute" }, window = "36h", leave = {
      ["part.missing"] = "receive", ["talk.went"] = "execute", ["visit.lost"] = cx.done("gone", { lost = true }),
      ["sale.settled"] = function(e) return e.state == "won" and "close" or cx.done("left", { lost = true }) end } },
    cx.stage "close" { leave = { ["visit.closed"] = cx.done "served", ["need.stated"] = "execute", ["visit.lost"] = cx.done "gone" } },
  },
  idle = { after = "9d", outcome = cx.done("idle", { lost = true }) } }
"""
WINDOW = {"receive": 5 * DAY, "execute": 36 * 3600_000}
STAGES = ["receive", "execute", "close"]
TYPES = ["visit.started", "need.stated", "sale.settled", "part.missing", "visit.closed", "visit.lost", "talk.went"]


def next_of(stage, event):
    """(stage,) or (None, outcome, lost), or None: nothing moves."""
    kind, won = event["type"], event["data"].get("state") == "won"
    return {
        ("receive", "need.stated"): ("execute",), ("receive", "visit.lost"): (None, "gone", True),
        ("execute", "part.missing"): ("receive",), ("execute", "talk.went"): ("execute",),
        ("execute", "visit.lost"): (None, "gone", True),
        ("execute", "sale.settled"): ("close",) if won else (None, "left", True),
        ("close", "visit.closed"): (None, "served", False), ("close", "need.stated"): ("execute",),
        ("close", "visit.lost"): (None, "gone", False),
    }.get((stage, kind))


class Life:
    """One instance: where it was from when to when."""

    def __init__(self, event):
        self.begun, self.unit, self.channel = event["ms"], event.get("unit"), event["data"].get("channel")
        self.subject, self.key = event.get("subject"), event["data"]["visit"]
        self.legs = [["receive", event["ms"], None, None]]   # stage, from, until, where to
        self.outcome = self.lost = self.ended = None
        self.heard = event["ms"]

    def end(self, at, outcome, lost):
        self.legs[-1][2:] = [at, outcome]
        self.ended, self.outcome, self.lost = at, outcome, lost

    def idle(self, now):
        if not self.outcome and self.heard + 9 * DAY < now:
            self.end(self.heard + 9 * DAY, "idle", True)

    def hear(self, event):
        self.heard = event["ms"]
        way = next_of(self.legs[-1][0], event)
        if way and way[0]:
            self.legs[-1][2:] = [event["ms"], way[0]]
            self.legs.append([way[0], event["ms"], None, None])
        elif way:
            self.end(event["ms"], *way[1:])


def lives_of(events, now):
    """The first of two of the same instant is the one stored first."""
    out, by_key = [], {}
    for event in sorted(events, key=lambda e: (e["ms"], e["n"])):
        key = event["data"]["visit"]
        life = by_key.get(key)
        if life:
            life.idle(event["ms"])
        if life and not life.outcome:
            life.hear(event)
        elif event["type"] == "visit.started":
            by_key[key] = Life(event)
            out.append(by_key[key])
    for life in out:
        life.idle(now)
    return out


def quantile(values, p):
    values = sorted(values)
    if not values:
        return None
    at = (len(values) - 1) * p
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def spans(values):
    return {"median_ms": quantile(values, 0.5), "p90_ms": quantile(values, 0.9)}


def figures(lives, now):
    stages = []
    for stage in STAGES:
        row = {"stage": stage, "instances": 0, "passes": 0, "open": 0, "immature": 0, "left": {}}
        times, converted = [], 0
        for life in lives:
            passes = [leg for leg in life.legs if leg[0] == stage]
            if not passes:
                continue
            row["instances"] += 1
            row["passes"] += len(passes)
            times += [leg[2] - leg[1] for leg in passes if leg[2] is not None]
            last = passes[-1]
            if last[2] is None:
                row["open"] += 1
                row["immature"] += stage not in WINDOW or now - last[1] < WINDOW[stage]
            else:
                row["left"][last[3]] = row["left"].get(last[3], 0) + 1
                converted += last[3] != stage and (last[3] in STAGES or not life.lost)
        known = row["instances"] - row["immature"]
        row["conversion"] = converted / known if known else None
        stages.append({**row, **spans(times)})
    outcomes, leads = {}, {}
    for life in lives:
        if life.outcome:
            outcomes[life.outcome] = outcomes.get(life.outcome, 0) + 1
            leads.setdefault((life.outcome, life.lost), []).append(life.ended - life.begun)
    return {"instances": len(lives), "open": sum(not x.outcome for x in lives), "stages": stages, "outcomes": outcomes,
            "lead_times": {k: {"instances": len(v), **spans(v)} for k, v in leads.items()}}


def same(reply, expected):
    assert {k: reply[k] for k in ("instances", "open", "outcomes")} == {k: expected[k] for k in ("instances", "open", "outcomes")}
    for got, want in zip(reply["stages"], expected["stages"], strict=True):
        plain = {k: got[k] for k in ("stage", "instances", "passes", "open", "immature", "left")}
        assert plain == {k: want[k] for k in plain}
        for k in ("conversion", "median_ms", "p90_ms"):
            assert got[k] == want[k] if want[k] is None else abs(got[k] - want[k]) < 1e-6, (got, want)
        assert sum(leg["passes"] for leg in got["legs"]) == got["passes"] - got["open"]
    assert {(x["outcome"], x["lost"]): {k: x[k] for k in ("instances", "median_ms", "p90_ms")}
            for x in reply["lead_times"]} == expected["lead_times"]


def iso(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds")


def random_events(r, now, visits):
    out = []
    for v in range(visits):
        at = now - r.randrange(60_000, 40 * DAY)
        first = {"unit": r.choice(["b07", "b08", None]), "channel": r.choice(["app", "loja", None])}
        for i in range(r.choice([1, 2, 3, 5, 8, 13])):
            kind = "visit.started" if i == 0 or r.random() < 0.1 else r.choice(TYPES)
            data = {"visit": f"v{v}"}
            if kind == "sale.settled":
                data["state"] = r.choice(["won", "lost"])
            if kind == "visit.started" and first["channel"]:
                data["channel"] = first["channel"]
            event = {"type": kind, "subject": f"c{v % 37}", "data": data, "ms": at}
            if first["unit"]:
                event["unit"] = first["unit"]
            out.append(event)
            at += r.choice([0, 1000, r.randrange(DAY), r.randrange(DAY), r.randrange(14 * DAY)])
            if at > now - 60_000:
                break
    r.shuffle(out)
    for n, event in enumerate(out):
        event["n"] = n
    return out


def store(cxd, events):
    """As they are in the list, in few batches."""
    rows = [{"id": str(e["n"]), "source": "/test", "specversion": "1.0", "type": e["type"], "time": iso(e["ms"]), "data": e["data"],
             **{k: e[k] for k in ("subject", "unit") if k in e}} for e in events]
    for i in range(0, len(rows), 500):
        status, reply = cxd.post(json.dumps(rows[i:i + 500]), BATCH)
        assert status == 200 and not reply["rejected"], reply


def funnel(cxd, query="", name="visit"):
    status, reply = cxd.get(f"/v1/journeys/{name}/funnel" + (f"?{query}" if query else ""))
    assert status == 200, reply
    return reply


def settled(cxd, lives, seconds=30):
    """Deadlines of the past fire by themselves, soon."""
    want = sum(not x.outcome for x in lives)
    end = time.monotonic() + seconds
    while funnel(cxd)["open"] != want:
        assert time.monotonic() < end, (funnel(cxd)["open"], want)
        time.sleep(0.05)


def test_like_another_computation(tmp_path):
    r = random.Random(20261122)
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        now = int(time.time() * 1000)
        events = random_events(r, now, 400)
        store(cxd, events)
        lives = lives_of(events, now)
        settled(cxd, lives)
        same(funnel(cxd), figures(lives, now))
        for query, keep in [
            ("from=" + iso(now - 20 * DAY)[:19] + "Z", lambda x: x.begun >= now - 20 * DAY),
            ("where=unit:b07", lambda x: x.unit == "b07"),
            ("where=unit:&where=channel:app", lambda x: x.unit is None and x.channel == "app"),
            ("to=" + iso(now - 10 * DAY)[:19] + "Z&where=channel:", lambda x: x.begun < (now - 10 * DAY) // 1000 * 1000 and x.channel is None),
            ("version=1", lambda x: True),
        ]:
            same(funnel(cxd, query), figures([x for x in lives if keep(x)], now))
        reply = funnel(cxd, "by=unit,channel")
        assert reply == funnel(cxd, "by=unit&by=channel")  # as most clients send a list
        same(reply, figures(lives, now))
        assert [tuple(g["by"].values()) for g in reply["groups"]] == [
            (u, c) for u in ("b07", "b08", None) for c in ("app", "loja", None)]
        for g in reply["groups"]:
            same(g, figures([x for x in lives if (x.unit, x.channel) == (g["by"]["unit"], g["by"]["channel"])], now))
        assert [g["by"] for g in funnel(cxd, "by=channel")["groups"]] == [{"channel": c} for c in ("app", "loja", None)]


def test_nothing_and_what_is_too_young(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        empty = funnel(cxd)
        assert [s["conversion"] for s in empty["stages"]] == [None] * 3 and empty["outcomes"] == {}
        assert empty["stages"][1] == {"stage": "execute", "title": "Executar", "instances": 0, "passes": 0, "open": 0, "immature": 0,
                                      "left": {}, "conversion": None, "conversion_text": "—", "median_ms": None, "median_text": "—",
                                      "p90_ms": None, "p90_text": "—", "legs": []}
        assert empty["title"] == "Visita" and empty["version"] is None and empty["from"] is None
        now = int(time.time() * 1000)
        young = [{"type": "visit.started", "data": {"visit": f"y{n}"}, "ms": now - 3600_000 * n, "n": n} for n in range(5)]
        store(cxd, young)
        stage = funnel(cxd)["stages"][0]
        assert (stage["instances"], stage["open"], stage["immature"], stage["conversion"]) == (5, 5, 5, None)
        store(cxd, [{"type": "visit.started", "data": {"visit": "old"}, "ms": now - 6 * DAY, "n": 5}])
        stage = funnel(cxd)["stages"][0]
        assert (stage["instances"], stage["open"], stage["immature"], stage["conversion"]) == (6, 6, 5, 0)
        store(cxd, [{"type": "need.stated", "data": {"visit": "old"}, "ms": now - 5 * DAY, "n": 6}])
        stages = funnel(cxd)["stages"]
        assert (stages[0]["conversion"], stages[0]["median_ms"], stages[0]["median_text"]) == (1, DAY, "1d")
        assert stages[0]["legs"] == [{"to": "execute", "end": "stage", "passes": 1, "median_ms": DAY, "median_text": "1d",
                                      "p90_ms": DAY, "p90_text": "1d"}]
        assert (stages[1]["open"], stages[1]["immature"], stages[1]["conversion"]) == (1, 0, 0)


def test_what_is_asked_badly(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}, conf={"access.uid.65534": "manager b07"}) as cxd:
        assert cxd.get("/v1/journeys/visits/funnel")[0] == 404
        for query, field in [("by=region", "by"), ("by=unit,unit", "by"), ("where=unit", "where"), ("where=x:1", "where"),
                             ("version=2", "version"), ("version=x", "version"), ("from=yesterday", "from"), ("every=day", "every"),
                             ("from=2026-01-02&to=2026-01-02", "to"), ("by=unit&by=unit", "by"), ("to=2026-01-02&to=2026-01-03", "to")]:
            status, reply = cxd.get("/v1/journeys/visit/funnel?" + query)
            assert (status, reply["field"]) == (400, field), (query, reply)
        assert cxd.get("/v1/journeys/visit/funnel", {"Accept-Language": "en"})[1]["stages"][1]["title"] == "Execute"


def test_a_unit_sees_its_own(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        now = int(time.time() * 1000)
        store(cxd, [{"type": "visit.started", "unit": u, "data": {"visit": f"v{n}"}, "ms": now, "n": n}
                    for n, u in enumerate(["b07", "b08", "b08"])])
        token = cxd.cli("token", "add", "m", "--level", "manager", "--unit", "b08")[0].strip()
        status, reply = cxd.get("/v1/journeys/visit/funnel?by=unit", {"Authorization": f"Bearer {token}"})
        assert status == 200 and reply["instances"] == 2 and [g["by"]["unit"] for g in reply["groups"]] == ["b08"]
