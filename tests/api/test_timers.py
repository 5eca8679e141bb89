"""Timers: tx:after, cx.timer with every; once each and in order, whatever happens to the process."""
import time

from host import Host

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
cx.timer "broken" { run = function(tx) note(tx, "broken"); error("no such luck") end }
cx.timer "sweep" { title = "De hora em hora", every = "1h", run = function(tx, arg) assert(arg == nil); note(tx, "sweep") end }
"""


def test_plugin_tests_move_the_clock(tmp_path):
    with Host(tmp_path, plugins={"shop": {"plugin.lua": TESTED, "tests/a_test.lua": PLUGIN_TESTS}}) as cxd:
        out, _ = cxd.cli("test", cxd.folder / "plugins" / "shop")
        assert out.splitlines()[-1] == "4 passed, 0 failed", out
