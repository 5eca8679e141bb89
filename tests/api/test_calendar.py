"""The calendar: what the conf says of it, and what plugins, scripts and tests are answered."""
import json
import re

import pytest
from host import ROOT, Host

PLUGIN = """cx.plugin { name = "acme", version = "1.0.0", api = 1 }
cx.event "case.opened" {
  fields = { case = cx.text { required = true }, before = cx.time {} },
  derive = {
    due      = cx.time(function(e) return cx.due(e.time, "8bh", e.unit) end),
    answer   = cx.time(function(e) return cx.due(e.time, "10bd", { unit = e.unit, law = true }) end),
    waited   = cx.duration(function(e) return e.before and cx.open_between(e.before, e.time, e.unit) end),
    holiday  = cx.text(function(e) return cx.holiday(e.time, e.unit) end),
    workday  = cx.boolean(function(e) return cx.business_day(cx.day(e.time), e.unit) end),
  },
}
cx.kpi "in-hours" { by = { "unit" }, measures = { n = cx.count("case.opened", function(e) return e.workday end) },
  formula = function(m) return m.n end }
cx.event "case.late" { fields = { case = cx.text {} } }
cx.kpi "late" { measures = { n = cx.count "case.late" }, formula = function(m) return m.n end }
cx.on "case.opened" (function(e, tx) tx:after("1bd", "late", { case = e.case }) end)
cx.timer "late" { run = function(tx, arg) tx:emit { type = "case.late", data = { case = arg.case } } end }
"""
TEST = """
local function opened(t, unit, more)
  local data = { case = t }
  for k, v in pairs(more or {}) do data[k] = v end
  send { type = "case.opened", time = t, unit = unit, data = data }
end
test("what is due", function(tx)
  at "2026-11-30 08:00"
  local function t(text) return cx.due(0, text) end
  expect(t "1s").is(1000)
  expect(cx.due(0, 90)).is(90)
  expect(cx.day(cx.due(tx.now, "3bd"))).is "2026-12-04"
  expect(cx.due(tx.now, "9bh") - tx.now).is(10 * 3600000)
  expect(cx.due(tx.now, "10bh", "b07") - tx.now).is(12 * 3600000)
  expect(cx.due(tx.now, "30bmin", { unit = "b07" }) - tx.now).is(2.5 * 3600000)
  expect(cx.holiday "2026-12-25").is "Natal"
  expect(cx.holiday "2026-12-24").is_nil()
  expect(cx.holiday("2026-12-24", "b07")).is "Véspera"
  expect(cx.business_day("2026-12-05", "b07")).is(true)
  expect(cx.business_day("2026-12-05", { unit = "b07", law = true })).is(false)
  expect(cx.open_between(tx.now, tx.now + 86400000)).is(9 * 3600000)
end)
test("derived", function(tx)
  opened("2026-10-30 11:00", "b08")
  opened("2026-11-21 11:00", "b07", { before = "2026-11-20 11:00" })
  expect(tx:kpi("in-hours").value).is(2)
end)
test("timers", function(tx)
  local function late(t)
    at(t)
    return tx:kpi("late").value
  end
  at "2026-12-04 15:00"
  for _, unit in ipairs { "b07", "b08" } do send { type = "case.opened", unit = unit, data = { case = unit } } end
  expect(late "2026-12-05 23:59").is(0)
  expect(late "2026-12-06 00:00").is(1)
  expect(late "2026-12-07 23:59").is(1)
  expect(late "2026-12-08 00:00").is(2)
  at "2026-12-24 17:30"
  local was = tx.now
  advance "2bh"
  expect(tx.now - was).is(89 * 3600000)
end)
test("mistakes", function()
  local function says(part, ...)
    local ok, why = pcall(...)
    expect(ok).is(false)
    expect(why).has(part)
  end
  says('"3m" is no duration', cx.due, 0, "3m")
  says('needs a time', cx.due, "2026", "3d")
  says('needs a duration', cx.due, 0, true)
  says('there are unit and law, not "lwa"', cx.due, 0, "3d", { lwa = true })
  says('law must be true or false', cx.due, 0, "3d", { law = 1 })
  says('the unit is a text', cx.due, 0, "3d", 7)
  says('never', cx.due, 253402300799999, "1bh")
  says('is no day', cx.holiday, "25/12/2026")
  says('a hundred years', cx.open_between, 0, 1 << 42)
end)
"""
SCRIPT = """return cx.script { title = "Prazos", run = function(r)
  r:text(cx.day(cx.due(r.as_of, "3bd", "b07")) .. " " .. tostring(cx.holiday "2026-12-24"))
end }"""
HOLIDAYS = "unit,date,name,from,until\nb07,12-24,Véspera,2020-01-01,\n"
CONF = {"calendar.file": "holidays.csv", "calendar:b07.hours": "Mon-Sat 10:00-22:00",
        "calendar.holidays": "none"}


def host_of(folder, holidays=HOLIDAYS, **conf):
    host = Host(folder, plugins={"acme": {"plugin.lua": PLUGIN, "tests/calendar_test.lua": TEST}},
                scripts={"due.lua": SCRIPT}, conf=conf)
    if holidays is not None:
        (host.folder / "conf" / "holidays.csv").write_bytes(
            holidays if isinstance(holidays, bytes) else holidays.encode())
    return host


def test_in_plugins_scripts_and_tests(tmp_path):
    conf = {k: v for k, v in CONF.items() if k != "calendar.holidays"}
    with host_of(tmp_path, **conf) as host:
        assert host.post({"type": "case.opened", "id": "1", "source": "t", "unit": "b07",
                          "time": "2026-10-30T21:00:00-03:00",
                          "data": {"case": "1", "before": "2026-10-29T20:00:00-03:00"}})[0] == 201
        assert host.post({"type": "case.opened", "id": "2", "source": "t", "unit": "b08",
                          "time": "2026-11-20T11:00:00-03:00", "data": {"case": "2"}})[0] == 201
        first, second = (e["derived"] for e in host.get("/v1/events?type=case.opened")[1]["events"])
        assert first["due"] == "2026-10-31T17:00:00-03:00" and first["answer"] == "2026-11-17T00:00:00-03:00"
        assert first["waited"] == 13 * 3600000 and first["workday"] is True and first.get("holiday") is None
        assert second["due"] == "2026-11-23T17:00:00-03:00" and "Zumbi" in second["holiday"] and second["workday"] is False
        assert host.cli("check")[1] == ""
        out = host.cli("run", "due", "--as-of", "2026-12-23")[0]
        assert "2026-12-30 nil" in out, out


def test_plugin_tests_ask_the_conf(tmp_path):
    conf = {k: v for k, v in CONF.items() if k != "calendar.holidays"}
    host = host_of(tmp_path / "br", **conf)
    out, _ = host.cli("test", host.folder / "plugins" / "acme", env={"LANG": "en", "LC_ALL": ""})
    assert "4 passed, 0 failed" in out, out
    host = host_of(tmp_path / "none", **CONF)
    out, _ = host.cli("test", host.folder / "plugins" / "acme", code=1, env={"LANG": "en", "LC_ALL": ""})
    assert "FAIL what is due" in out and 'got nil, wanted "Natal"' in out, out


@pytest.mark.parametrize("key, value, says", [
    ("calendar.hours", "Mon-Fri 9-18", '"9-18"'),
    ("calendar.hours", "Mon-Fri 09:00-12:00 11:00-13:00", "overlaps"),
    ("calendar.holidays", "us", "br | none"),
    ("calendar.file", "nowhere.csv", "cannot read"),
    ("calendar:b07.hours", "Mon-Fri", "days and hours are missing"),
    ("calendar:b07.opens", "Mon-Fri 09:00-18:00", "there is hours"),
])
def test_check_names_what_is_wrong(tmp_path, key, value, says):
    host = host_of(tmp_path, **{key: value})
    line = host.conf.read_text().splitlines().index(f"{key.rsplit('.', 1)[1]} = {value}") + 1
    out, err = host.cli("check", code=1, env={"LANG": "en", "LC_ALL": ""})
    assert f"{host.conf}:{line}: " in err and says in err, (out, err)


@pytest.mark.parametrize("row, says", [
    ("b07,2026-13-01,x", "is no date"), ("b07,32/12/2026,x", "is no date"), ("b07,2026-12-24", "must be unit,date,name"),
    ("b07,2026-12-24,", "must be unit,date,name"), ("b07,12-24,x,2026,", "from:"), ("b07,12-24,x,,2026-02-30", "until:"),
    ("b07,12-24,x,2026-01-01,2025-01-01", "until comes before from"), ("b07,2026-12-24,x,2026-01-01,", "not for one day"),
    ("b07,2026-12-24,x,,,more", "must be unit,date,name"), ('b07,2026-12-24,"x', "must be unit,date,name"),
    (b"b07,2026-12-24,V\xe9spera", "UTF-8"),
])
def test_check_names_the_line_of_a_holiday(tmp_path, row, says):
    table = HOLIDAYS.encode() + (row if isinstance(row, bytes) else row.encode()) + b"\n,01-02,ok\n"
    host = host_of(tmp_path, table, **{"calendar.file": "holidays.csv"})
    file = tmp_path / "conf" / "holidays.csv"
    err = host.cli("check", code=1, env={"LANG": "en", "LC_ALL": ""})[1]
    assert f"{file}:3: " in err and says in err and ":4:" not in err, err
    errors = json.loads(host.cli("check", "--json", code=1)[0])["errors"]
    assert [(e["file"], e["line"]) for e in errors] == [(str(file), 3)]


def test_the_documentation_s_example(tmp_path):
    text = (ROOT / "docs" / "plugins.md").read_text().split("## Durations and the calendar")[1].split("\n## ")[0]
    event, table = (re.sub("^    ", "", block, flags=re.M) for block in re.findall(r"(?:^    .*\n)+", text, re.M))
    host = Host(tmp_path, plugins={"acme": 'cx.plugin { name = "acme", version = "1.0.0", api = 1 }\n' + event},
                conf={"calendar.file": "holidays.csv", "calendar:b07.hours": "Mon-Fri 09:00-12:00 13:00-18:00, Sat 09:00-13:00"})
    (tmp_path / "conf" / "holidays.csv").write_text(table)
    with host:
        def derived(time, **data):
            assert host.post({"type": "complaint.opened", "id": time, "source": "t", "unit": "b07", "time": time,
                              "data": {"case": time, **data}})[0] == 201
            return host.get("/v1/events?limit=100")[1]["events"][-1]["derived"]
        assert derived("2026-10-30T15:00:00-03:00", promised="2026-10-31T10:00:00-03:00") == {
            "first_word": "2026-10-31T10:00:00-03:00", "sac": "2026-11-07T00:00:00-03:00",
            "ombudsman": "2026-11-17T00:00:00-03:00", "on_holiday": False, "hours_left": 4 * 3600000}
        got = derived("2026-06-04T12:00:00-03:00")  # Corpus Christi, of the file; the week ends on a Thursday
        assert got["on_holiday"] and got["first_word"] == "2026-06-05T14:00:00-03:00" and got["sac"] == "2026-06-12T00:00:00-03:00"
