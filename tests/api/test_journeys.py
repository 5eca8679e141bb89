"""Journeys: instances by key, deadlines, what comes late, corrections, versions; whatever happens to the process."""
import datetime
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
import urllib.parse

import pytest

from host import BIN, ROOT, SHARED, Host

EVENTS = """
for type, fields in pairs {
  ["visit.started"] = { tourist = cx.boolean {} }, ["need.stated"] = { bad = cx.boolean {} }, ["parts.arrived"] = {},
  ["quote.approved"] = {}, ["visit.closed"] = {}, ["sale.settled"] = { state = cx.choice { "won", "lost" } },
} do
  fields.visit = cx.text {}
  cx.event(type) { fields = fields }
end
cx.event "visit.waited" { fields = { key = cx.text {}, stage = cx.text {}, late = cx.integer {} } }
"""
HEAD = 'cx.plugin { name = "shop", version = "%s", api = 1 }\n'
VISIT = """
cx.journey "visit" { title = "Visita", key = "visit", start = "visit.started",
  stages = {
    cx.stage "receive" { within = "RECEIVE", leave = { ["need.stated"] = function(e)
      if e.bad then error("bad need") end
      return "execute"
    end } },
    cx.stage "execute" { within = "25min", leave = {
      ["sale.settled"] = function(e) return e.state == "won" and "close" or cx.done("left", { lost = true }) end,
      [cx.all { "parts.arrived", "quote.approved" }] = "close" } },
    cx.stage "close" { leave = { ["visit.closed"] = cx.done "served" } },
  },
  idle = { after = "2h", outcome = cx.done("abandoned", { lost = true }) },
  on_late = function(j, stage, tx)
    tx:friction { journey = j, stage = stage, kind = "wait" }
    tx:emit { type = "visit.waited", data = { key = j.key, stage = stage.id, late = tx.late } }
  end }
"""


def shop(version="1.0.0", receive="3min", visit=VISIT):
    return HEAD % version + EVENTS + visit.replace("RECEIVE", receive)


def event(kind, key, when=None, **more):
    data = {} if key is None else {"visit": key}
    data.update(more.pop("data", {}))
    out = {"type": kind, "unit": "b07", "subject": "c1", "data": data, **more}
    if when is not None:
        out["time"] = when if isinstance(when, str) else datetime.datetime.fromtimestamp(when, datetime.timezone.utc).isoformat()
    return out


def instance(cxd, key, journey="visit"):
    status, reply = cxd.get(f"/v1/journeys/{journey}/instances/{urllib.parse.quote(key, safe='')}")
    return reply if status == 200 else None


def send(cxd, *args, **kw):
    status, reply = cxd.post(event(*args, **kw))
    assert status == 201, reply
    return reply


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def outline(i):
    return {k: i[k] for k in ("stage", "pass", "outcome", "lost", "late")} if i else None


def test_an_instance_goes_its_way(tmp_path):
    with Host(tmp_path, plugins={"shop": shop()}) as cxd:
        send(cxd, "visit.started", "v1")
        i = instance(cxd, "v1")
        assert (i["stage"], i["pass"], i["version"], i["unit"], i["outcome"]) == ("receive", 1, 1, "b07", None)
        assert i["waits_for"] == ["need.stated"] and i["seen"] == ["visit.started"] and i["due"]
        send(cxd, "need.stated", "v1")
        send(cxd, "need.stated", "v1")
        send(cxd, "parts.arrived", "v1")
        assert sorted(instance(cxd, "v1")["waits_for"]) == ["quote.approved", "sale.settled"]
        send(cxd, "quote.approved", "v1")
        send(cxd, "visit.closed", "v1")
        i = instance(cxd, "v1")
        assert (i["stage"], i["outcome"], i["lost"]) == (None, "served", False)
        assert [(h["from"], h["to"], h["deviation"]) for h in i["history"]] == [
            (None, "receive", None), ("receive", "execute", None), ("execute", None, "unexpected"),
            ("execute", "close", None), ("close", None, None)]
        send(cxd, "visit.started", "v1")
        assert instance(cxd, "v1#2")["stage"] == "receive" and instance(cxd, "v1")["outcome"] == "served"
        status, reply = cxd.post(event("visit.started", None))
        assert (status, reply["code"], reply["field"]) == (422, "missing_field", "data.visit")
        send(cxd, "need.stated", None)
        assert instance(cxd, "v9") is None and cxd.get("/v1/journeys/none/instances/v1")[0] == 404


def test_lists_and_units(tmp_path):
    with Host(tmp_path, plugins={"shop": shop()}) as cxd:
        for n in range(5):
            send(cxd, "visit.started", f"v{n}", unit="b07" if n % 2 else "b08")
        send(cxd, "need.stated", "v1")
        out, _ = cxd.cli("token", "add", "till", "--level", "frontline", "--unit", "b07")
        mine = {"Authorization": f"Bearer {out.split()[-1]}"}

        def keys(query="", headers=None):
            return [i["key"] for i in cxd.get(f"/v1/journeys/visit/instances{query}", headers or {})[1]["instances"]]
        assert keys() == ["v0", "v1", "v2", "v3", "v4"] and keys("?stage=execute") == ["v1"] and keys("?unit=b08") == ["v0", "v2", "v4"]
        page = cxd.get("/v1/journeys/visit/instances?limit=2")[1]
        assert len(page["instances"]) == 2 and keys(f"?after={page['next']}") == ["v2", "v3", "v4"]
        assert keys(headers=mine) == ["v1", "v3"] and keys("?unit=b08", mine) == [] and keys("?late=1") == []
        assert cxd.get("/v1/journeys/visit/instances/v0", mine)[0] == 404 and cxd.get("/v1/journeys/visit/instances/v1", mine)[0] == 200
        assert cxd.get("/v1/journeys")[1]["journeys"][0]["definition"]["id"] == "visit"


def test_late_events_and_corrections_fold_again(tmp_path):
    with Host(tmp_path, plugins={"shop": shop()}) as cxd:
        now = time.time()
        send(cxd, "need.stated", "v1", now - 100)
        assert instance(cxd, "v1") is None
        send(cxd, "visit.started", "v1", now - 160, id="start")
        assert instance(cxd, "v1")["stage"] == "execute"
        send(cxd, "sale.settled", "v1", now - 50, id="sale", data={"state": "lost"})
        assert outline(instance(cxd, "v1")) == {"stage": None, "pass": None, "outcome": "left", "lost": True, "late": False}
        source = cxd.get("/v1/events?type=sale.settled")[1]["events"][0]["source"]
        send(cxd, "sale.settled", "v1", now - 50, corrects="sale", source=source, data={"state": "won"})
        assert instance(cxd, "v1")["stage"] == "close"
        send(cxd, "visit.started", "v2", now - 160, corrects="start", source=source)
        assert instance(cxd, "v1") is None and outline(instance(cxd, "v2"))["stage"] == "receive"


def test_a_guard_that_fails_leaves_the_fact(tmp_path):
    with Host(tmp_path, plugins={"shop": shop()}) as cxd:
        send(cxd, "visit.started", "v1")
        status, reply = cxd.post(event("need.stated", "v1", data={"bad": True}))
        assert status == 201 and "bad need" in reply["warnings"][0]["message"]
        assert reply["warnings"][0]["line"] > 1 and instance(cxd, "v1")["stage"] == "receive"
        failed = cxd.get("/v1/failed")[1]["failed"]
        assert [f["handler"] for f in failed] == ["journey visit"]
        retried = cxd.request("POST", f"/v1/failed/{failed[0]['id']}/retry")[1]
        assert retried["done"] is False and retried["tries"] == 2
        send(cxd, "need.stated", "v1")
        assert instance(cxd, "v1")["stage"] == "execute" and len(cxd.get("/v1/failed")[1]["failed"]) == 1


def test_on_late_that_fails_is_undone_and_can_be_run_again(tmp_path):
    text = shop(receive="1s").replace('tx:friction {', 'tx:emit { type = "visit.waited", data = { key = "undone" } }\n'
                                      '    if j.data.tourist then error("no " .. j.key) end\n    tx:friction {')
    with Host(tmp_path, plugins={"shop": text}) as cxd:
        send(cxd, "visit.started", "v1", data={"tourist": True})
        send(cxd, "visit.started", "v2")
        wait_for(lambda: instance(cxd, "v1")["late"] and instance(cxd, "v2")["late"])
        failed = cxd.get("/v1/failed")[1]["failed"]
        assert [(f["handler"], f["tries"]) for f in failed] == [("journey visit: on_late", 1)] and "no v1" in failed[0]["message"]
        assert [e["data"]["key"] for e in cxd.get("/v1/events?type=visit.waited")[1]["events"]] == ["undone", "v2"]
        retried = cxd.request("POST", f"/v1/failed/{failed[0]['id']}/retry")[1]
        assert (retried["done"], retried["tries"]) == (False, 2) and "no v1" in retried["message"]
        send(cxd, "need.stated", "v1")
        assert instance(cxd, "v1")["stage"] == "execute"


def test_deadlines_fire_once_across_deaths(tmp_path):
    rng = random.Random(5)
    plugins = {"shop": shop(receive="2s").replace('after = "2h"', 'after = "4s"')}
    with Host(tmp_path, plugins=plugins) as cxd:
        keys = [f"v{n}" for n in range(120)]
        for n, key in enumerate(keys):
            send(cxd, "visit.started", key)
            if n % 3 == 0:
                send(cxd, "need.stated", key)
            if n % 17 == 0:
                for pid in cxd.pids("writer"):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(rng.random())
        wait_for(lambda: all((instance(cxd, k) or {}).get("outcome") == "abandoned" for k in keys), 40)
        waited, after = [], 0
        while after is not None:
            page = cxd.get(f"/v1/events?type=visit.waited&after={after}&limit=1000")[1]
            waited += page["events"]
            after = page["next"]
        told = [(e["data"]["key"], e["data"]["stage"]) for e in waited]
        assert len(told) == len(set(told)), "a deadline was told twice"
        assert {k for k, s in told if s == "receive"} == {k for n, k in enumerate(keys) if n % 3}


def test_instances_stay_on_their_version(tmp_path):
    other = VISIT.replace('return "execute"', 'return "close"')
    with Host(tmp_path, plugins={"shop": shop()}) as cxd:
        send(cxd, "visit.started", "v1")
        send(cxd, "visit.started", "v2")
        cxd.write_plugin("shop", shop("1.1.0", visit=other))
        assert cxd.request("POST", "/v1/plugins/reload")[0] == 200
        send(cxd, "visit.started", "v3")
        send(cxd, "need.stated", "v1")
        send(cxd, "need.stated", "v3")
        assert (instance(cxd, "v1")["stage"], instance(cxd, "v1")["version"]) == ("execute", 1)
        assert (instance(cxd, "v3")["stage"], instance(cxd, "v3")["version"]) == ("close", 2)
        cxd.stop()
        cxd.start()
        send(cxd, "need.stated", "v2")
        assert instance(cxd, "v2")["stage"] == "execute"
        cxd.write_plugin("shop", HEAD % "1.2.0" + EVENTS)          # the journey is gone
        assert cxd.request("POST", "/v1/plugins/reload")[0] == 200
        send(cxd, "sale.settled", "v2", data={"state": "won"})
        assert instance(cxd, "v2")["stage"] == "close"
        send(cxd, "visit.closed", "v2")
        send(cxd, "visit.started", "v2")
        assert instance(cxd, "v2")["outcome"] == "served" and instance(cxd, "v2#2") is None


@pytest.mark.parametrize("plugin", ["journey-rules", "journey-inside", "journey-ideal"])
def test_the_rules_one_by_one(plugin):
    done = subprocess.run([BIN, "test", str(ROOT / "tests" / "plugins" / plugin)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and ", 0 failed" in done.stdout, done.stdout


def test_the_example_of_the_contract_runs_as_written(tmp_path):
    page = SHARED / "design" / "plugins.md"
    if not page.exists():
        pytest.skip("no ../shared/design")
    text = page.read_text()
    events = text[text.index("for type, fields in pairs {"):text.index("---------------------------------------------------------------- KPI")]
    rest = text[text.index('cx.journey "visit" {'):text.index("---------------------------------------------------------------- PDCA")]
    rest = re.sub(r"\n *tx:notify\(.*", "", rest)                                # notices come with the inbox
    with Host(tmp_path, plugins={"acme": HEAD.replace("shop", "acme") % "1.4.0" + events + rest}) as cxd:
        send(cxd, "visit.started", "v1", data={"tourist": True})
        assert instance(cxd, "v1")["stage"] == "receive"
        runs = cxd.get("/v1/sop-runs?journey=visit&key=v1")[1]["sop_runs"]
        assert [(r["sop"], r["state"]) for r in runs] == [("welcome", "open")]
        send(cxd, "need.stated", "v1")
        send(cxd, "parts.arrived", "v1")
        send(cxd, "quote.approved", "v1")
        i = instance(cxd, "v1")
        assert i["stage"] == "execute" and i["history"][-1]["deviation"] == "sop_open"
        send(cxd, "sale.settled", "v1", data={"state": "lost"})
        assert instance(cxd, "v1")["stage"] == "execute"
        run = cxd.get("/v1/sop-runs?journey=visit&key=v1&sop=service")[1]["sop_runs"][0]["run"]
        kind = {"Content-Type": "application/json"}
        assert cxd.request("PUT", f"/v1/sop-runs/{run}/items/listen", json.dumps({"answer": "yes"}), kind)[0] == 200
        assert cxd.request("POST", f"/v1/sop-runs/{run}/finish", "{}", kind)[0] == 200
        send(cxd, "sale.settled", "v1", data={"state": "won"})
        send(cxd, "visit.closed", "v1")
        assert instance(cxd, "v1")["outcome"] == "served"


def test_a_plugin_that_was_off_catches_up(tmp_path):
    with Host(tmp_path, plugins={"shop": shop()}) as cxd:
        now = time.time()
        send(cxd, "visit.started", "v1", now - 60)
        assert cxd.request("POST", "/v1/plugins/shop/disable")[0] == 200
        assert send(cxd, "need.stated", "v1", now - 50)["pending"] == ["shop"]
        send(cxd, "visit.started", "v2", now - 40)
        send(cxd, "sale.settled", "v1", now - 55, data={"state": "lost"})          # too early: it comes in at its place
        assert instance(cxd, "v1")["stage"] == "receive" and instance(cxd, "v2") is None
        assert cxd.request("POST", "/v1/plugins/shop/enable")[0] == 200
        wait_for(lambda: (instance(cxd, "v2") or {}).get("stage") == "receive")
        wait_for(lambda: instance(cxd, "v1")["stage"] == "execute")
        assert [h["deviation"] for h in instance(cxd, "v1")["history"]] == [None, "unexpected", None]
        assert json.loads(cxd.cli("verify", "--json")[0])["differences"] == []


def test_imported_history_does_not_act(tmp_path):
    importer = shop().replace(HEAD % "1.0.0", HEAD % "1.0.0" + """
cx.import "old" { generate = function(emit)
  local function visit(type, key, time) emit { type = type, id = type .. key .. time, time = time, unit = "b07", subject = "c", data = { visit = key } } end
  visit("visit.started", "h1", "2020-01-02 10:00")
  visit("visit.started", "h2", "2020-01-02 10:01")
  visit("need.stated", "h2", "2020-01-02 10:02")
  visit("need.stated", "h1", "2020-01-02 10:05")                   -- late
  visit("visit.started", "h3", "2020-01-03 10:00")
end }
cx.on "visit.waited" (function(e, tx) assert(tx.past and e.late == 0) end)
""")
    with Host(tmp_path, plugins={"shop": importer}) as cxd:
        cxd.cli("import", "old")
        for key in ("h1", "h2", "h3"):
            assert instance(cxd, key)["outcome"] == "abandoned", key
        assert [(h["type"], h["deviation"]) for h in instance(cxd, "h1")["history"]] == [
            ("visit.started", None), ("within", "late"), ("need.stated", None), ("within", "late"), ("idle", None)]
        waited = cxd.get("/v1/events?type=visit.waited")[1]["events"]
        assert sorted((e["data"]["key"], e["data"]["stage"]) for e in waited) == [
            ("h1", "execute"), ("h1", "receive"), ("h2", "execute"), ("h3", "receive")]
        assert all(e["data"]["late"] == 0 for e in waited) and cxd.get("/v1/failed")[1]["failed"] == []
        assert json.loads(cxd.cli("verify", "--json")[0])["differences"] == []


def test_a_day_switched_off(tmp_path):
    """What was due meanwhile fires late, once, in order, and says how late."""
    with Host(tmp_path, plugins={"shop": shop(receive="1s")}) as cxd:
        for n in range(20):
            send(cxd, "visit.started", f"v{n}")
        cxd.stop()
        time.sleep(2)
        cxd.start()
        wait_for(lambda: all(instance(cxd, f"v{n}")["late"] for n in range(20)))
        waited = cxd.get("/v1/events?type=visit.waited")[1]["events"]
        assert [e["data"]["key"] for e in waited] == [f"v{n}" for n in range(20)]
        assert all(e["data"]["late"] > 0 for e in waited)


# ---- any order of arrival ------------------------------------------------------------------------
DESK = """
cx.plugin { name = "desk", version = "1.0.0", api = 1 }
for _, type in ipairs { "t.opened", "t.moved", "t.closed", "a.seen", "b.seen", "c.seen", "d.seen" } do
  cx.event(type) { fields = { t = cx.integer {}, to = cx.text {} } }
end
cx.event "t.told" { fields = { key = cx.text {}, stage = cx.text {}, pass = cx.integer {} } }
local function to(e) if e.to ~= "stay" then return e.to end end
local function ends(e) return cx.done(e.to or "closed", { lost = e.to == "lost" }) end
local function journey(id, within, more)
  more.key, more.title = "t", id
  more.start = { ["t.opened"] = "new", ["t.moved"] = function(e) return e.to == "work" and "work" or nil end }
  more.stages = {
    cx.stage "new" { within = within and "5min" or nil, leave = { ["t.moved"] = to, ["t.closed"] = cx.done "closed" } },
    cx.stage "work" { within = within and "10min" or nil, leave = { ["t.moved"] = to,
      [cx.all { "a.seen", "b.seen" }] = "check", [cx.all { "c.seen", "d.seen", fresh = true }] = "work" } },
    cx.stage "check" { leave = { ["t.moved"] = to, ["a.seen"] = "new", ["t.closed"] = ends } },
  }
  cx.journey(id)(more)
end
journey("timed", true, { idle = { after = "30min", outcome = cx.done("abandoned", { lost = true }) },
  on_late = function(j, stage, tx) tx:emit { type = "t.told", data = { key = j.key, stage = stage.id, pass = j.pass } } end })
journey("plain", false, { again = false })
"""
MINUTE = 60000


class Reference:
    """The rules of the journeys above, written down plainly: events in order, one after the other."""

    def __init__(self, timed):
        self.timed, self.done, self.now = timed, [], None

    def row(self, at, seq, kind, source, target, deviation=None):
        self.now["history"].append((at, seq, kind, source, target, deviation))

    def enter(self, at, seq, kind, stage):
        i = self.now
        self.row(at, seq, kind, i["stage"], stage)
        i["pass"][stage] = i["pass"].get(stage, 0) + 1
        i.update(stage=stage, late=False, fresh=set(),
                 due=at + {"new": 5, "work": 10}[stage] * MINUTE if self.timed and stage != "check" else None)

    def end(self, at, seq, kind, outcome):
        self.row(at, seq, kind, self.now["stage"], None)
        self.now.update(stage=None, outcome=outcome, due=None, idle=None, late=False)

    def pass_time(self, till, through):
        while self.now and self.now["stage"]:
            i = self.now
            due = None if i["late"] else i["due"]
            at = min(x for x in (due, i["idle"], 1 << 62) if x is not None)
            if at > till or (at == till and not through):
                return
            if at == due:
                i["late"] = True
                self.row(at, None, "within", i["stage"], None, "late")
            else:
                self.end(at, None, "idle", "abandoned")

    def settle(self, at, seq, kind):
        if self.now["stage"] == "work" and {"a.seen", "b.seen"} <= self.now["seen"]:
            self.enter(at, seq, kind, "check")

    def target(self, kind, e):
        i = self.now
        if kind == "t.moved":
            return None if e["to"] == "stay" else e["to"]
        if kind == "t.closed" and i["stage"] == "new":
            return ("closed",)
        if kind == "t.closed" and i["stage"] == "check":
            return (e["to"] or "closed",)
        if kind == "a.seen" and i["stage"] == "check":
            return "new"
        if i["stage"] == "work" and kind in ("a.seen", "b.seen") and {"a.seen", "b.seen"} <= i["seen"]:
            return "check"
        if i["stage"] == "work" and kind in ("c.seen", "d.seen") and {"c.seen", "d.seen"} <= i["fresh"]:
            return "work"
        return None

    def event(self, at, seq, kind, e):
        self.pass_time(at, False)
        if not self.now or not self.now["stage"]:
            first = {"t.opened": "new", "t.moved": "work" if e["to"] == "work" else None}.get(kind)
            if first and (not self.now or self.timed):
                if self.now:
                    self.done.append(self.now)
                self.now = {"stage": None, "pass": {}, "seen": {kind}, "fresh": set(), "history": [], "outcome": None,
                            "late": False, "due": None, "idle": at + 30 * MINUTE if self.timed else None}
                self.enter(at, seq, kind, first)
                self.settle(at, seq, kind)
            elif self.now:
                self.row(at, seq, kind, None, None, "unexpected")
            return
        i = self.now
        i["seen"].add(kind)
        i["fresh"].add(kind)
        i["idle"] = at + 30 * MINUTE if self.timed else None
        listed = kind in {"new": ("t.moved", "t.closed"), "work": ("t.moved",), "check": ("t.moved", "a.seen", "t.closed")}[i["stage"]]
        to = self.target(kind, e)
        if isinstance(to, tuple):
            self.end(at, seq, kind, to[0])
        elif to:
            self.enter(at, seq, kind, to)
            self.settle(at, seq, kind)
        elif not listed and kind not in ("a.seen", "b.seen", "c.seen", "d.seen"):
            self.row(at, seq, kind, i["stage"], None, "unexpected")


def of_reference(i):
    return {"stage": i["stage"], "outcome": i["outcome"], "late": i["late"], "history": i["history"]}


def of_api(i):
    if not i:
        return None

    def ms(text):
        return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)
    return {"stage": i["stage"], "outcome": i["outcome"], "late": i["late"],
            "history": [(ms(h["time"]), h["seq"], h["type"], h["from"], h["to"], h["deviation"]) for h in i["history"]]}


def compare(cxd, sent):
    for timed, journey in ((True, "timed"), (False, "plain")):
        for key in sorted({e["data"]["t"] for _, e in sent}):
            r = Reference(timed)
            for seq, e in sorted((x for x in sent if x[1]["data"]["t"] == key), key=lambda x: (x[1]["ms"], x[0])):
                r.event(e["ms"], seq, e["type"], e["data"])
            r.pass_time(int(time.time() * 1000), True)
            want = [of_reference(i) for i in r.done + ([r.now] if r.now else [])]
            have = [of_api(instance(cxd, f"{key}#{n}" if n else str(key), journey)) for n in range(1, len(want) + 2) for n in [n if n > 1 else 0]]
            assert have == want + [None], (journey, key)


@pytest.mark.parametrize("seed", [11, 12])
def test_any_order_of_arrival_ends_in_the_same_state(tmp_path, seed):
    rng = random.Random(seed)
    base = (int(time.time()) - 3 * 86400) * 1000
    with Host(tmp_path, plugins={"desk": DESK}) as cxd:
        out = []
        for key in range(60):
            for n in range(rng.randrange(1, 14)):
                kind = rng.choice(["t.opened", "t.moved", "t.moved", "t.closed", "a.seen", "b.seen", "c.seen", "d.seen"])
                ms = base + rng.randrange(0, 70) * MINUTE
                to = rng.choice(["new", "work", "work", "check", "stay"]) if kind == "t.moved" else rng.choice([None, "lost"])
                out.append({"type": kind, "id": f"{key}-{n}", "source": "/desk", "ms": ms, "data": {"t": key, "to": to}})
        rng.shuffle(out)
        sent = []
        for n, e in enumerate(out):
            body = {k: v for k, v in e.items() if k != "ms"}
            body["time"] = datetime.datetime.fromtimestamp(e["ms"] / 1000, datetime.timezone.utc).isoformat()
            status, reply = cxd.post(body)
            assert status == 201 and "warnings" not in reply, reply
            sent.append((reply["seq"], e))
            if n % 97 == 96:
                for pid in cxd.pids("writer"):
                    os.kill(pid, signal.SIGKILL)
        wait_for(lambda: cxd.get("/v1/journeys/timed/instances")[1]["instances"] == [])
        compare(cxd, sent)
        told = [tuple(e["data"].values()) for e in cxd.get("/v1/events?type=t.told&limit=1000")[1]["events"]]
        assert len(told) > 20 and len(told) == len(set(told)), "a deadline was told twice"
        out, _ = cxd.cli("verify", "--json")
        checked = json.loads(out)["checked"]
        assert checked["journeys"] > 60
    with sqlite3.connect(cxd.data / "cxd.db") as db:
        db.execute("UPDATE journey_instance SET outcome = 'x' WHERE id = (SELECT min(id) FROM journey_instance WHERE outcome IS NOT NULL)")
        db.execute("DELETE FROM journey_move WHERE instance = (SELECT max(id) FROM journey_instance) AND pos = 1")
    db.close()
    found = json.loads(cxd.cli("verify", "--json", code=1)[0])["differences"]
    assert len(found) == 2 and any("outcome" in f["what"] or "desfecho" in f["what"] for f in found), found
