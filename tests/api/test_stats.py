"""What a plugin's KPIs can say and its own tests can ask: histograms, moved windows, latest, intervals and their
differences, as `cxd test` runs them; and that a moved window costs the formula no time of its own."""
import pytest
from host import Host

PLUGIN = """
cx.plugin { name = "method", version = "1.0.0", api = 1 }
cx.event "visit.rated" { fields = { score = cx.integer { min = 0, max = 10 }, order = cx.text {}, channel = cx.text {},
  took = cx.duration {}, answered = cx.time {}, weight = cx.decimal { scale = 1 } } }
cx.kpi "nps" { format = "points", by = { "unit", "channel" }, min_n = 2,
  measures = { promoters = cx.count("visit.rated", function(e) return e.score >= 9 end),
    detractors = cx.count("visit.rated", function(e) return e.score <= 6 end), answers = cx.count "visit.rated" },
  formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end,
  interval = function(m) return cx.stats.nps(m.promoters, m.detractors, m.answers) end }
cx.kpi "median" { format = "duration", by = { "unit" },
  measures = { took = cx.histogram("visit.rated", "took", { bucket = "1min" }) },
  formula = function(m) return m.took:at(0.5) end,
  interval = function(m) return cx.stats.mean(m.took) end }
cx.kpi "weight" { measures = { weight = cx.histogram("visit.rated", "weight", { bucket = 0.5 }) },
  formula = function(m) return m.weight:max() / 10 end }
cx.kpi "growth" { format = "%", by = { "unit" }, measures = { n = cx.count "visit.rated" },
  formula = function(m) return 100 * (m.n / m:shift("-1mo").n - 1) end }
cx.kpi "returning" { format = "%", by = { "unit" }, measures = { who = cx.distinct("visit.rated", "subject") },
  formula = function(m) return 100 * #(m.who & m:before().who) / #m.who end }
cx.kpi "stands" { by = { "unit" },
  measures = { score = cx.sum("visit.rated", "score", { latest = { "order", by = "answered" } }),
    n = cx.count("visit.rated", { latest = { "order", by = "answered" } }) },
  formula = function(m) return m.score / m.n end }
cx.kpi "slow" { measures = { n = cx.count("visit.rated", function(e)
    local s = 0
    for i = 1, 300000 do s = s + i end
    return s > 0
  end) }, formula = function(m) return m.n - m:shift("-1d").n end }
cx.kpi "spins" { measures = { n = cx.count "visit.rated" },
  formula = function(m) local b = m:shift("-1d").n while true do b = b + 1 end return b end }
"""

TESTS = """
local function rate(subject, score, more)
  local data = { score = score }
  for k, v in pairs(more or {}) do data[k] = v end
  send { type = "visit.rated", subject = subject, unit = "b07", data = data }
end
local APRIL = { from = "2026-04-01", to = "2026-05-01" }

test("histograms", function(tx)
  at "2026-03-02 10:00"
  expect(tx:kpi("median").value).is_nil()
  expect(tx:kpi("median").note).is "no_data"
  rate("a", 9, { took = "90s", weight = 1.4 })
  local one = tx:kpi "median"
  expect(one.value).is(60000)
  expect(one.note).is "few_answers"
  expect(one.n).is(1)
  expect(one.low).is_nil()
  rate("b", 9, { took = "5min" })
  rate("c", 9, { took = "61min" })
  expect(tx:kpi("median").value).is(300000)
  expect(tx:kpi("median").measures.took).is(3)
  expect(tx:kpi("weight").value).is(1.0)
end)

test("moved windows", function(tx)
  at "2026-03-02 10:00"
  rate("a", 9)
  rate("b", 3)
  at "2026-04-02 10:00"
  rate("a", 9)
  rate("b", 3)
  rate("c", 10)
  expect(tx:kpi("growth", APRIL).value).is(50)
  expect(tx:kpi("growth").note).is "no_data"
  expect(tx:kpi("returning", APRIL).value).is(200 / 3)
  expect(tx:kpi("returning").value).is(0)
  local by = tx:kpi("growth", { from = "2026-04-01", to = "2026-05-01", by = { "unit" }, where = { unit = "b07" } })
  expect(by.groups[1].value).is(50)
end)

test("latest", function(tx)
  at "2026-03-02 10:00"
  rate("a", 9, { order = "x", answered = "2026-03-02 09:00" })
  rate("a", 2, { order = "x", answered = "2026-03-02 08:00" })
  rate("b", 4, { order = "y", answered = "2026-03-02 08:00" })
  expect(tx:kpi("stands").value).is(6.5)
end)

test("differences", function(tx)
  at "2026-03-02 10:00"
  rate("a", 9)
  rate("b", 3)
  at "2026-04-02 10:00"
  rate("a", 9)
  rate("b", 3)
  rate("c", 10)
  local r = tx:kpi("nps", { from = "2026-04-01", to = "2026-05-01", compare = "previous", by = { "unit", "channel" }, pool = 4 })
  expect(r.previous.value).is(0)
  expect(r.test).is "nps_difference"
  expect(r.p).is(cx.stats.nps_difference(2, 1, 3, 1, 1, 2).p)
  expect(r.verdict).is "not_proven"
  expect(#r.groups[1].pooled).is(1)
  expect(tx:kpi("nps", { as_known = "2026-04-01" }).measures.answers).is(2)
end)

test("time of moved windows", function(tx)
  for day = 2, 3 do
    at("2026-03-0" .. day .. " 10:00")
    for i = 1, 20 do rate("s" .. i, 3) end
  end
  local edges = { from = "2026-03-03 09:00", to = "2026-03-03 11:00" }
  expect(tx:kpi("slow", edges).value).is(0)
  local ok, message = pcall(tx.kpi, tx, "spins", edges)
  expect(ok).is(false)
  expect(tostring(message)).has "time budget of 10 ms exceeded"
end)
"""


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path, plugins={"method": {"plugin.lua": PLUGIN, "tests/figures_test.lua": TESTS}})


def test_a_plugins_own_tests_reach_all_of_its_figures(host):
    out = host.cli("test", host.folder / "plugins/method", env={"LANG": "en", "LC_ALL": ""})[0]
    assert out.splitlines()[-1] == "5 passed, 0 failed", out


def test_the_plugin_is_without_mistakes(host):
    host.cli("check")
