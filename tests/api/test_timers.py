"""Timers: tx:after, cx.timer with every; once each and in order, whatever happens to the process."""
import datetime
import json
import os
import random
import signal
import time

from host import NDJSON, Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "visit.rated" { fields = { score = cx.integer {}, wait = cx.text {}, n = cx.integer {} } }
cx.event "call.made" { fields = { n = cx.integer {}, late = cx.integer {}, past = cx.boolean {} } }
cx.kpi "calls" { measures = { made = cx.count("call.made") }, formula = function(m) return m.made end }
cx.on "visit.rated" (function(e, tx) tx:after(e.wait, "call-back", { n = e.n }) end)
cx.timer "call-back" { run = function(tx, arg)
  tx:emit { type = "call.made", data = { n = arg.n, late = tx.late, past = tx.past } }
end }
"""


def rated(n, wait, **more):
    return {"type": "visit.rated", "subject": f"c{n}", "unit": "b07", "data": {"n": n, "wait": wait}, **more}


def events(cxd, kind="call.made"):
    out, after = [], 0
    while after is not None:
        status, page = cxd.get(f"/v1/events?type={kind}&after={after}&limit=1000")
        assert status == 200
        out += page["events"]
        after = page["next"]
    return out


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def test_fires_once_and_in_order(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        for n, wait in enumerate(["700ms", "500ms", "300ms", "300ms", "0s"]):
            assert cxd.post(rated(n, wait))[0] == 201
        wait_for(lambda: len(events(cxd)) == 5)
        made = events(cxd)
        assert [e["data"]["n"] for e in made] == [4, 2, 3, 1, 0]
        assert {e["source"] for e in made} == {"/cxd/timer/shop/call-back"}
        assert [e["id"] for e in made] == ["5/1", "3/1", "4/1", "2/1", "1/1"]
        assert {(e["subject"], e["unit"]) for e in made[:1]} == {("c4", "b07")}
        assert all(not e["data"]["past"] and 0 <= e["data"]["late"] < 5000 for e in made)
        assert cxd.kpi("calls")["value"] == 5


PLUGIN_TESTS = """
test("what is due fires in order as the clock moves", function(tx)
  at "2026-03-02 10:00"
  send { type = "visit.rated", subject = "c1", unit = "b07", data = { n = 1, wait = "2d" } }
  send { type = "visit.rated", data = { n = 2, wait = "1d" } }
  advance "25h"
  expect(tx:kpi("calls").value).is(1)
  expect(tx:record("log"):get("2").at).is(tx.now - 3600000)      -- at its own instant
  at "2026-03-05"
  expect(tx:kpi("calls").value).is(2)
  expect(tx:kpi("calls", { by = "unit" }).groups[1].by.unit).is "b07"
  expect(tx:record("log"):get("1").order).is(2)
  expect(tx:record("log"):get("1").late).is(0)
end)
test("an interval", function(tx)
  at "2026-03-02 10:00"
  advance "59min"
  expect(tx:record("log"):get("sweep")).is_nil()
  advance "1min"
  expect(tx:record("log"):get("sweep").order).is(1)
  advance "10h"
  expect(tx:record("log"):get("sweep").order).is(11)
end)
test("a timer sets timers, also at once", function(tx)
  send { type = "visit.rated", data = { n = 3, wait = "chain" } }
  expect(tx:record("log"):get("chain").order).is(1)
  send { type = "visit.rated", data = { wait = "loop" } }
  expect(tx:record("log"):get("loop").order).is(1)
  advance "20ms"
  expect(tx:record("log"):get("loop").order).is(21)              -- once a millisecond, and not without end
  advance "10s"
  expect(tx:record("log"):get("chain").order).is(4)
end)
test("one that fails", function(tx)
  send { type = "visit.rated", data = { wait = "broken" } }
  local warnings = advance("1min").warnings
  expect(#warnings).is(1)
  expect(warnings[1].message).has "no such luck"
  expect(advance("1min").warnings).is_nil()
end)
"""

TESTED = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "visit.rated" { fields = { score = cx.integer {}, wait = cx.text {}, n = cx.integer {} } }
cx.event "call.made" { fields = { n = cx.integer {} } }
cx.kpi "calls" { by = { "unit" }, measures = { made = cx.count("call.made") }, formula = function(m) return m.made end }
cx.record "log" { key = "key", fields = { key = cx.text { required = true }, at = cx.integer {}, late = cx.integer {}, order = cx.integer {} } }
local function note(tx, key)
  local was = tx:record("log"):get(key) or { order = 0 }
  tx:record("log"):put { key = key, at = tx.now, late = tx.late, order = was.order + 1 }
end
cx.on "visit.rated" (function(e, tx)
  if e.wait == "chain" then tx:after("0s", "chain", 0)
  elseif e.wait == "loop" then tx:after(0, "loop")
  elseif e.wait == "broken" then tx:after("30s", "broken")
  else tx:after(e.wait, "call-back", { n = e.n }) end
end)
cx.timer "call-back" { run = function(tx, arg)
  local made = tx:kpi("calls").value + 1
  tx:emit { type = "call.made", data = arg }
  tx:record("log"):put { key = tostring(arg.n), at = tx.now, late = tx.late, order = made }
end }
cx.timer "chain" { run = function(tx, arg)
  note(tx, "chain")
  if arg < 3 then tx:after(2000, "chain", arg + 1) end
end }
cx.timer "loop" { run = function(tx) if tx:record("log"):get("chain").order < 4 then note(tx, "loop"); tx:after(0, "loop") end end }
cx.timer "broken" { run = function(tx) note(tx, "broken"); error("no such luck") end }
cx.timer "sweep" { title = "De hora em hora", every = "1h", run = function(tx, arg) assert(arg == nil); note(tx, "sweep") end }
"""


def test_plugin_tests_move_the_clock(tmp_path):
    with Host(tmp_path, plugins={"shop": {"plugin.lua": TESTED, "tests/a_test.lua": PLUGIN_TESTS}}) as cxd:
        out, _ = cxd.cli("test", cxd.folder / "plugins" / "shop")
        assert out.splitlines()[-1] == "4 passed, 0 failed", out


def rfc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timers(cxd, query=""):
    out, after = [], ""
    while after is not None:
        status, page = cxd.get(f"/v1/timers?limit=1000{query}" + (f"&after={after}" if after else ""))
        assert status == 200, page
        out += page["timers"]
        after = page["next"]
    return out


def test_once_each_whenever_the_writer_is_killed(tmp_path):
    rng = random.Random(7)
    n = 4000
    waits = [rng.randrange(3000) for _ in range(n)]
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        cxd.stop()  # a command fires nothing: all are set before the first is due
        base = time.time()
        items = [{"source": "/t", "id": str(i), **rated(i, f"{w}ms", time=rfc(base))} for i, w in enumerate(waits)]
        cxd.cli("call", "POST", "/v1/events", "-", "--type", NDJSON, stdin="".join(json.dumps(x) + "\n" for x in items))
        cxd.start()
        for k in range(12):
            time.sleep(rng.random() * 0.4)
            if k % 4 == 3:
                cxd.kill()
                cxd.start()
            else:
                os.kill(cxd.pids("writer")[0], signal.SIGKILL)
            wait_for(lambda: cxd.get("/readyz")[0] == 200)
        wait_for(lambda: not timers(cxd), 60)
        made = events(cxd)
        assert [e["data"]["n"] for e in made] == sorted(range(n), key=lambda i: (waits[i], i))
        assert cxd.kpi("calls")["value"] == n
        assert not cxd.get("/v1/failed")[1]["failed"]


def test_late_after_the_machine_was_off(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        for n, wait in enumerate(["2500ms", "2s", "1h"]):
            cxd.post(rated(n, wait))
        cxd.stop()
        time.sleep(4.2)
        cxd.cli("kpi", "calls")  # a command is not what timers wait for
        cxd.start()
        wait_for(lambda: len(events(cxd)) == 2)
        made = events(cxd)
        assert [e["data"]["n"] for e in made] == [1, 0]
        assert all(1500 <= e["data"]["late"] < 30000 for e in made), made
        wait_for(lambda: "2 timers fired late" in cxd.log_text())
        metrics = cxd.get("/metrics")[1].splitlines()
        assert "cxd_timers_fired_total 2" in metrics and "cxd_timers_late_total 2" in metrics
        assert "cxd_timers_waiting 1" in metrics
        # what is due at once, and says how late it is
        cxd.post(rated(9, "1d", time=rfc(time.time() - 2 * 86400)))
        wait_for(lambda: len(events(cxd)) == 3)
        assert 86400000 <= events(cxd)[2]["data"]["late"] < 86500000


def test_what_waits_is_listed(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        for n, wait in enumerate(["3d", "1h", "2d", "2h"]):
            assert cxd.post(rated(n, wait, unit=f"u{n % 2}", time="2099-01-01T00:00:00Z"))[0] == 201
        listed = timers(cxd)
        assert [(t["arg"], t["seq"]) for t in listed] == [({"n": n}, n + 1) for n in (1, 3, 2, 0)]
        assert listed[0] == {"id": 2, "plugin": "shop", "name": "call-back", "due": "2098-12-31T22:00:00-03:00", "past": False,
                             "arg": {"n": 1}, "seq": 2, "every": None, "waits": False}
        assert [t["id"] for t in timers(cxd, "&before=2099-01-01T02:00:00Z")] == [2]
        assert [t["id"] for t in timers(cxd, "&plugin=shop&before=2099-01-02")] == [2, 4]
        assert not timers(cxd, "&plugin=other")
        page, ids = {"next": ""}, []
        while page["next"] is not None:
            page = cxd.get("/v1/timers?limit=1" + (f"&after={page['next']}" if page["next"] else ""))[1]
            ids += [t["id"] for t in page["timers"]]
        assert ids == [2, 4, 3, 1]
        for query in ("limit=0", "limit=1001", "after=5", "after=1-0", "before=soon", "unit=u1"):
            assert cxd.get(f"/v1/timers?{query}")[0] == 400, query
        token = cxd.cli("token", "add", "u1", "--level", "integrator", "--unit", "u1")[0].strip()
        mine = cxd.get("/v1/timers", {"Authorization": f"Bearer {token}"})[1]["timers"]
        assert [t["id"] for t in mine] == [2, 4]
        token = cxd.cli("token", "add", "m", "--level", "manager")[0].strip()
        assert cxd.get("/v1/timers", {"Authorization": f"Bearer {token}"})[0] == 403


def test_a_trace_shows_its_timers(tmp_path):
    chain = SHOP + """
cx.on "call.made" (function(e, tx) if e.n == 1 then tx:after("1h", "call-back", { n = 5 }) end end)
cx.event "visit.ended" { fields = {} }
cx.on "visit.ended" (function(e, tx) tx:after(0, "fails"); tx:after("1h", "fails"); tx:after(0, "again", 1) end)
cx.timer "fails" { run = function(tx) error("no such luck") end }
cx.timer "again" { run = function(tx, arg) if arg < 3 then tx:after(0, "again", arg + 1) end end }
"""
    with Host(tmp_path, plugins={"shop": chain}) as cxd:
        cxd.post(rated(1, "0s"))
        wait_for(lambda: len(events(cxd)) == 1)
        trace = cxd.get("/v1/trace/1")[1]
        fired, = trace["timers"]
        assert (fired["id"], fired["name"], fired["plugin"], fired["failed"]) == (1, "call-back", "shop", None)
        assert fired["fired"] >= fired["due"]
        assert [(e["type"], e["id"], e["caused"]) for e in fired["caused"]] == [("call.made", "1/1", [])]
        made = cxd.get("/v1/trace/2")[1]
        assert [e["seq"] for e in made["caused_by"]] == [1]
        assert [(t["id"], t["fired"]) for t in made["timers"]] == [(2, None)]
        assert cxd.post({"type": "visit.ended"})[0] == 201
        wait_for(lambda: len(timers(cxd)) == 2)
        trace = cxd.get("/v1/trace/3")[1]
        assert [(t["name"], t["fired"] is not None, t["failed"]) for t in trace["timers"]] == [
            ("fails", True, 1), ("again", True, None), ("again", True, None), ("again", True, None), ("fails", False, None)]
        assert [f["handler"] for f in trace["failed"]] == ["timer fails"]
        out, _ = cxd.cli("trace", 3)
        assert "fails de shop, para " in out and "falhou em" in out and "espera" in out
        out, _ = cxd.cli("trace", 1, env={"LANG": "en_US.UTF-8", "LC_ALL": ""})
        assert "call.made 1/1" in out


FAILING = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "visit.rated" { fields = { wait = cx.text {}, n = cx.integer {} } }
cx.event "call.made" { fields = { n = cx.integer {}, late = cx.integer {} } }
cx.on "visit.rated" (function(e, tx) tx:after(e.wait, "call-back", { n = e.n, list = { 1, cx.null } }) end)
cx.timer "call-back" { run = function(tx, arg)
  tx:emit { type = "call.made", data = { n = arg.n, late = tx.late } }
  if arg.n % 2 == 1 then error("odd: " .. #arg.list) end
end }
"""


def test_one_that_fails_is_kept_and_the_others_go_on(tmp_path):
    with Host(tmp_path, plugins={"shop": FAILING}) as cxd:
        for n in range(4):
            cxd.post(rated(n, "200ms") | {"unit": f"u{n}"})
        wait_for(lambda: not timers(cxd))
        assert [e["data"]["n"] for e in events(cxd)] == [0, 2]
        one, three = cxd.get("/v1/failed")[1]["failed"]
        assert (one["seq"], one["timer"], one["handler"], one["arg"], one["line"]) == (2, 2, "timer call-back", {"n": 1, "list": [1, None]}, 8)
        assert one["message"].endswith("odd: 2") and one["due"] <= one["time"] and "traceback" in one
        status, again = cxd.post("", path="/v1/failed/1/retry")
        assert status == 200 and not again["done"] and again["tries"] == 2
        token = cxd.cli("token", "add", "u1", "--level", "integrator", "--unit", "u1")[0].strip()
        bearer = {"Authorization": f"Bearer {token}"}
        assert [f["id"] for f in cxd.get("/v1/failed", bearer)[1]["failed"]] == [1]
        assert cxd.request("POST", "/v1/failed/2/retry", None, bearer)[0] == 404
        cxd.write_plugin("shop", FAILING.replace("== 1 then", "== 5 then"))
        assert cxd.post("", path="/v1/plugins/reload")[0] == 200
        cxd.cli("retry", "--all")
        made = events(cxd)
        assert [(e["data"]["n"], e["id"], e["unit"]) for e in made[2:]] == [(1, "2/1", "u1"), (3, "4/1", "u3")]
        assert made[2]["data"]["late"] > 0
        assert not cxd.get("/v1/failed")[1]["failed"]
        assert cxd.post("", path="/v1/failed/1/retry")[1]["done"] and len(events(cxd)) == 4


def test_a_name_that_is_not_declared_any_more(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        cxd.post(rated(1, "600ms"))
        cxd.write_plugin("shop", SHOP.replace('cx.timer "call-back"', 'cx.timer "call-home"').replace('e.wait, "call-back"', 'e.wait, "call-home"'))
        assert cxd.post("", path="/v1/plugins/reload")[0] == 200
        wait_for(lambda: cxd.get("/v1/failed")[1]["failed"])
        failed, = cxd.get("/v1/failed")[1]["failed"]
        assert failed["handler"] == "timer call-back" and failed["arg"] == {"n": 1}
        assert failed["message"] == "o plugin não declara mais este timer"
        assert not timers(cxd) and not events(cxd)
        assert cxd.post("", path="/v1/failed/1/retry")[0] == 409
        cxd.write_plugin("shop", SHOP)
        assert cxd.post("", path="/v1/plugins/reload")[0] == 200
        assert cxd.post("", path="/v1/failed/1/retry")[1]["done"]
        assert [e["data"]["n"] for e in events(cxd)] == [1]


def test_a_reload_changes_what_runs(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        cxd.post(rated(1, "0s"))
        wait_for(lambda: events(cxd))
        cxd.post(rated(2, "700ms"))
        cxd.write_plugin("shop", SHOP.replace("n = arg.n,", "n = 100 * arg.n,"))
        assert cxd.post("", path="/v1/plugins/reload")[0] == 200
        wait_for(lambda: len(events(cxd)) == 2)
        assert [e["data"]["n"] for e in events(cxd)] == [1, 200]


EVERY = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "swept.done" { fields = { late = cx.integer {} } }
cx.timer "sweep" { every = "1500ms", run = function(tx) tx:emit { type = "swept.done", data = { late = tx.late } } end }
"""


def test_intervals(tmp_path):
    def swept():
        return events(cxd, "swept.done")

    def instants():
        return [datetime.datetime.fromisoformat(e["time"]).timestamp() - e["data"]["late"] / 1000 for e in swept()]

    with Host(tmp_path, plugins={"shop": EVERY}) as cxd:
        first, = timers(cxd)
        assert first["every"] == "1500ms" and first["seq"] is None
        start = datetime.datetime.fromisoformat(first["due"]).timestamp() - 1.5
        wait_for(lambda: len(swept()) == 2)
        os.kill(cxd.pids("writer")[0], signal.SIGKILL)
        wait_for(lambda: cxd.get("/readyz")[0] == 200)
        cxd.stop()
        time.sleep(4.6)  # three are missed, and made up for by one
        cxd.start()
        wait_for(lambda: len(swept()) == 4)
        on_grid = [(t - start) / 1.5 for t in instants()]
        assert all(abs(g - round(g)) < 0.01 for g in on_grid), on_grid
        grid = [round(g) for g in on_grid]
        assert grid[:3] == [1, 2, 3] and swept()[2]["data"]["late"] > 2500
        assert grid[3] > 5
        assert len({e["id"] for e in swept()}) == 4 and swept()[0]["source"] == "/cxd/timer/shop/sweep"
        cxd.write_plugin("shop", EVERY.replace("1500ms", "1h"))
        assert cxd.post("", path="/v1/plugins/reload")[0] == 200
        other, = timers(cxd)
        assert other["every"] == "1h" and other["id"] > first["id"]
        assert 3590 < datetime.datetime.fromisoformat(other["due"]).timestamp() - time.time() < 3601
        cxd.write_plugin("shop", EVERY.replace("cx.timer", "local _ = ").replace('"sweep"', "").replace("1500ms", "1h"))
        cxd.stop()
        cxd.start()
        assert not timers(cxd)


IMPORTED = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "visit.rated" { fields = { n = cx.integer {}, wait = cx.text {} } }
cx.event "call.made" { fields = { n = cx.integer {}, late = cx.integer {}, past = cx.boolean {} } }
cx.on "visit.rated" (function(e, tx) tx:after(e.wait, "call-back", { n = e.n }) end)
cx.timer "call-back" { run = function(tx, arg)
  tx:emit { type = "call.made", data = { n = arg.n, late = tx.late, past = tx.past } }
end }
cx.import "old" { generate = function(emit)
  for i = 1, 5000 do
    emit { type = "visit.rated", id = tostring(i), time = ("2020-01-%02d %02d:%02d:%02d"):format(1 + i // 1000, i % 1000 // 60, i % 1000 % 60, 0),
      data = { n = i, wait = i == 7 and "100y" or (i % 7) * 13 .. "min" } }
  end
end }
"""


def test_imported_history_fires_in_its_order(tmp_path):
    with Host(tmp_path, plugins={"shop": IMPORTED}) as cxd:
        cxd.cli("import", "old")
        after, log = 0, []
        while after is not None:
            page = cxd.get(f"/v1/events?after={after}&limit=1000")[1]
            log += page["events"]
            after = page["next"]
        assert len(log) == 9999
        times = [datetime.datetime.fromisoformat(e["time"]) for e in log]
        assert times == sorted(times)
        made = [e for e in log if e["type"] == "call.made"]
        assert all(e["data"]["past"] and e["data"]["late"] == 0 for e in made)
        sent = {e["data"]["n"]: e for e in log if e["type"] == "visit.rated"}
        for e in made:
            n = e["data"]["n"]
            due = datetime.datetime.fromisoformat(sent[n]["time"]) + datetime.timedelta(minutes=n % 7 * 13)
            assert datetime.datetime.fromisoformat(e["time"]) == due
        waiting, = timers(cxd)  # what is due later stays history
        assert waiting["past"] and waiting["due"].startswith("2120-01-01")
        cxd.cli("import", "old")
        assert len(events(cxd)) == 4999


def test_what_an_import_that_was_cut_off_has_set_fires_too(tmp_path):
    with Host(tmp_path, plugins={"shop": IMPORTED}) as cxd:
        line = json.dumps({"type": "visit.rated", "id": "1", "source": "/i", "time": "2020-01-01T00:00:00Z", "data": {"n": 1, "wait": "1h"}})
        assert cxd.post(line, NDJSON, path="/v1/imports/old")[0] == 200
        time.sleep(1)
        assert not events(cxd) and len(timers(cxd)) == 1  # perhaps more comes
        wait_for(lambda: events(cxd))
        made, = events(cxd)
        assert made["data"] == {"n": 1, "late": 0, "past": True} and made["time"].startswith("2019-12-31T22:00:00")


CRASH = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "visit.rated" { fields = { n = cx.integer {}, wait = cx.text {} } }
cx.event "call.made" { fields = { n = cx.integer {} } }
cx.on "visit.rated" (function(e, tx) tx:after(e.wait, "call-back", { n = e.n }) end)
cx.timer "call-back" { run = function(tx, arg)
  if arg.n == 13 then while true do end end
  tx:emit { type = "call.made", data = { n = arg.n } }
end }
"""


def test_one_that_ends_the_engine_twice_is_given_up(tmp_path):
    other = SHOP.replace('"shop"', '"other"').replace("visit.rated", "stay.rated").replace("call.made", "call.other").replace('"calls"', '"others"')
    with Host(tmp_path, plugins={"shop": CRASH, "other": other}, conf={"lua.handler": "10s"}) as cxd:
        cxd.post(rated(1, "0s"))
        wait_for(lambda: events(cxd))  # what fires together with 13 would be undone with it
        for n in (13, 2):
            cxd.post(rated(n, "0s", time=rfc(time.time() + 0.5)))
        for _ in range(2):
            wait_for(lambda: cxd.get("/healthz")[1]["writer"]["state"] == "up")
            time.sleep(1.2)
            os.kill(cxd.pids("writer")[0], signal.SIGABRT)
            time.sleep(0.2)
        wait_for(lambda: cxd.get("/readyz")[0] == 200)
        cxd.wait_plugin("shop", "quarantined")
        assert [e["data"]["n"] for e in events(cxd)] == [1]
        assert [(t["arg"]["n"], t["waits"]) for t in timers(cxd)] == [(13, True), (2, True)]
        cxd.post({"type": "stay.rated", "data": {"n": 4, "wait": "0s"}})  # the others go on
        wait_for(lambda: events(cxd, "call.other"))
        cxd.post(rated(3, "0s"))  # waits, as its timer will
        cxd.stop()
        cxd.start()
        assert cxd.plugin("shop")["state"] == "quarantined"
        cxd.cli("plugin", "enable", "shop")
        wait_for(lambda: len(events(cxd)) == 3)
        assert [e["data"]["n"] for e in events(cxd)] == [1, 2, 3]
        failed, = cxd.get("/v1/failed")[1]["failed"]
        assert failed["message"] == "o plugin derrubou o motor neste timer" and failed["arg"] == {"n": 13}
        assert cxd.plugin("shop")["state"] == "running"


def test_timers_of_a_plugin_that_is_off_wait(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        cxd.post(rated(1, "300ms"))
        cxd.cli("plugin", "disable", "shop")
        time.sleep(0.8)
        cxd.post(rated(2, "0s"))
        assert not events(cxd)
        assert [(t["arg"]["n"], t["waits"]) for t in timers(cxd)] == [(1, True)]
        cxd.cli("plugin", "enable", "shop")
        wait_for(lambda: len(events(cxd)) == 2)
        made = events(cxd)
        assert [e["data"]["n"] for e in made] == [1, 2]  # in order of when they were due
        assert made[0]["data"]["late"] > 400


def test_a_correction_sets_nothing_twice(tmp_path):
    plugin = SHOP.replace('tx:after(e.wait, "call-back", { n = e.n })', """
  if e.score == 9 then return end
  tx:after(e.wait, "call-back", { n = e.n })
  tx:after("2h", "call-back", { n = -e.n })""")
    with Host(tmp_path, plugins={"shop": plugin}) as cxd:
        def send(n, **more):
            event = {**rated(n, more.pop("wait", "1h")), "source": "/t", **more}
            status, receipt = cxd.post(event)
            assert status == 201 and "warnings" not in receipt, receipt

        send(1, id="a", wait="0s")
        wait_for(lambda: len(events(cxd)) == 1)
        send(2, id="a2", corrects="a", wait="0s")
        assert [t["arg"]["n"] for t in timers(cxd)] == [-2]  # the first has fired, the second is set anew
        send(3, id="b")
        send(4, id="b2", corrects="b")
        assert sorted(t["arg"]["n"] for t in timers(cxd)) == [-4, -2, 4]
        send(5, id="b3", corrects="b2", data={"n": 5, "wait": "1h", "score": 9})
        assert [t["arg"]["n"] for t in timers(cxd)] == [-2]
        assert len(events(cxd)) == 1


LIMITS = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "visit.rated" { fields = { what = cx.text {} } }
cx.on "visit.rated" (function(e, tx)
  if e.what == "many" then for i = 1, 1001 do tx:after("1d", "keep") end
  elseif e.what == "most" then for i = 1, 1000 do tx:after("1d", "keep", i) end
  elseif e.what == "big" then tx:after("1d", "keep", ("x"):rep(65535))
  elseif e.what == "biggest" then tx:after("1d", "keep", ("x"):rep(65534))
  elseif e.what == "unit" then tx:after("2m", "keep")
  elseif e.what == "kind" then tx:after(1.5, "keep")
  elseif e.what == "back" then tx:after(-1, "keep")
  elseif e.what == "name" then tx:after("1d", "keeps")
  elseif e.what == "far" then tx:after("9000y", "keep")
  elseif e.what == "function" then tx:after("1d", "keep", { f = print }) end
end)
cx.timer "keep" { run = function() end }
"""


def test_limits(tmp_path):
    with Host(tmp_path, plugins={"shop": LIMITS}) as cxd:
        for what, message in (
                ("many", "uma execução marca no máximo 1000 timers"), ("big", "o argumento tem 65537 bytes; o máximo é 65536"),
                ("unit", 'tx:after: "2m" is no duration'), ("kind", "must be integer ms"), ("back", "of at least 0"),
                ("name", 'declares no timer "keeps", did you mean "keep"?'), ("far", "passa do ano 9999"),
                ("function", "tx:after: arg: ")):
            status, receipt = cxd.post({"type": "visit.rated", "data": {"what": what}})
            assert status == 201 and message in receipt["warnings"][0]["message"], receipt
        assert not timers(cxd)
        assert "cxd_timers_waiting 0" in cxd.get("/metrics")[1]
        for what in ("most", "biggest"):
            assert "warnings" not in cxd.post({"type": "visit.rated", "data": {"what": what}})[1]
        assert len(timers(cxd)) == 1001
        assert "cxd_timers_waiting 1001" in cxd.get("/metrics")[1]


def test_mistakes_are_told_when_a_plugin_is_loaded(tmp_path):
    head = 'cx.plugin { name = "shop", version = "1.0.0", api = 1 }\n'
    host = Host(tmp_path, plugins={"shop": head + """
cx.timer "Sweep" { run = function() end }
cx.timer "a" { run = 5, evry = "1h" }
cx.timer "b" { run = print, every = "500ms" }
cx.timer "c" { every = "1bd" }
cx.timer "c" { run = print }
cx.timer "c"
"""})
    out = "".join(host.cli("check", code=1))
    for line, message in ((3, 'timer "Sweep": the name must be lower-kebab as "call-back", at most 60 letters'),
                          (4, 'timer "a": unknown option "evry", did you mean "every"?'), (4, 'timer "a": run must be a function'),
                          (5, 'timer "b": every must be a duration of at least a second as "1h" or "1d"'),
                          (6, 'timer "c": every must be a duration'), (6, 'timer "c": run is missing: run = function(tx, arg) … end'),
                          (7, 'timer "c": declared twice (first at plugins/shop/plugin.lua:6)'),
                          (8, 'timer "c": nothing follows it, write cx.timer "c" { … }')):
        assert f"plugins/shop/plugin.lua:{line}: {message}" in out, (message, out)
    host.short.cleanup()
