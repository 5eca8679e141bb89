"""`cxd test`: the language of plugin tests, the closing line, exit codes, plugins that need others."""
import json
import re

import pytest
from host import ACME, Host

DSL = """
test("a detractor is called back", function(tx)
  config { promoter = 8 }
  at "2026-03-02 10:00"
  local receipt = send { type = "visit.rated", subject = "c1", unit = "b07", data = { score = 3 } }
  expect(receipt.seq).is(1)
  expect(receipt.time).is "2026-03-02T10:00:00-03:00"
  expect(tx:kpi("visit-nps").value).is(-100)
  expect(tx:kpi("visit-nps", { by = "unit" }).groups[1].by.unit).is "b07"
  advance "2d"
  send { type = "visit.rated", data = { score = 8 } }          -- a promoter by this test's config
  expect(tx:kpi("visit-nps", { last = "3d" }).value).is(-100)  -- until today begins
  expect(tx:kpi("visit-nps", { from = "2026-03-04", to = "2026-03-05" }).measures.promoters).is(1)
  expect(refused { type = "visit.rated", data = { score = 8.5 } }.code).is "invalid_field"
  expect(refused { type = "visit.rated", data = { scor = 8 } }.field).is "data.scor"
end)
test("each test starts empty, with the plugin's defaults", function(tx)
  expect(tx:kpi("visit-nps").note).is "no_data"
  expect(tx:kpi("visit-nps").value).is_nil()
  send { type = "visit.rated", data = { score = 8 } }
  expect(tx:kpi("visit-nps").value).is(0)
end)
test("times without offset are the company's wall clock", function(tx)
  send { type = "order.delivered", time = "2026-03-02 10:00", subject = "c", data = { order = "1", bought = "2026-03-01 23:59", paid = 1999 } }
  expect(tx:kpi("acme-revenue", { from = "2026-03-01", to = "2026-03-02" }).value).is(1999)
  expect(tx:kpi("acme-revenue", { from = "2026-03-02", to = "2026-03-03" }).value).is(0)
end)
test("the same id again is no new event", function(tx)
  for _ = 1, 2 do send { type = "visit.rated", id = "a", source = "/s", data = { score = 9 } } end
  expect(tx:kpi("visit-nps").measures.answers).is(1)
  expect(refused { type = "visit.rated", id = "a", source = "/s", data = { score = 1 } }.code).is "id_conflict"
end)
test("expect", function(_)
  expect(0.1 + 0.2).is(0.3)
  expect({ a = { 1, 2 } }).is { a = { 1, 2 } }
  expect("abc").has "b"
  expect({ 1, 2 }).has(2)
  expect(1).isnt(2)
end)
"""
FAILING = """
test("right", function(_) expect(1).is(1) end)
test("wrong value", function(_)
  expect(1).is(2)
end)
test("raises", function(_)
  local t = nil
  t.x = 1
end)
test("goes back", function(_)
  at "2026-03-02 10:00"
  at "2026-03-01 10:00"
end)
test("was refused", function(_)
  send { type = "visit.rated", data = { score = 11 } }
end)
test("not yet", function(tx)
  tx:outbox "webhook"
end)
test("right again", function(_) expect(true).is(true) end)
"""


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path, plugins={"acme": ACME})


def run(host, *paths, code=0, lang="en"):
    return host.cli("test", *paths, code=code, env={"LANG": lang, "LC_ALL": ""})[0]


def test_the_language_of_tests(host):
    host.write_plugin("acme", {"tests/nps_test.lua": DSL})
    assert run(host, host.folder / "plugins/acme").splitlines()[-1] == "5 passed, 0 failed"
    assert not host.data.exists()  # nothing is written where the company's data is


def test_failures_name_their_line_and_the_exit_code_is_1(host):
    host.write_plugin("acme", {"tests/a_test.lua": FAILING})
    out = run(host, host.folder / "plugins/acme", code=1)
    assert out.splitlines()[-1] == "2 passed, 5 failed"
    lines = [line for line in out.splitlines() if "a_test.lua:" in line]
    wanted = {"wrong value": 4, "raises": 8, "goes back": 12, "was refused": 15, "not yet": 18}
    for name, number in wanted.items():
        assert any(f"plugins/acme/tests/a_test.lua:{number}: " in line for line in lines), (name, out)
        assert name in out
    assert "got 1, wanted 2" in out and "never goes back" in out and "data.score" in out and "not available" in out
    pt = run(host, host.folder / "plugins/acme", code=1, lang="pt_BR.UTF-8")
    assert pt.splitlines()[-1] == "2 passed, 5 failed" and "veio 1, esperava 2" in pt


def test_one_file_or_the_tests_folder(host):
    host.write_plugin("acme", {"tests/a_test.lua": FAILING, "tests/b_test.lua": DSL, "tests/helper.lua": "not lua"})
    folder = host.folder / "plugins/acme"
    assert run(host, folder / "tests/b_test.lua").splitlines()[-1] == "5 passed, 0 failed"
    for path in (folder, folder / "tests"):
        assert run(host, path, code=1).splitlines()[-1] == "7 passed, 5 failed"
    assert run(host, folder / "tests/b_test.lua", folder / "tests/b_test.lua").splitlines()[-1] == "10 passed, 0 failed"


@pytest.mark.parametrize("text, words", [("test(", "a_test.lua:1: "), ("error 'at load'", "at load"), ("x.y = 1", "a_test.lua:1: "),
                                         ("os.exit(0)", "a_test.lua:1: "), ("test('loop', function() while true do end end)", "loop")])
def test_files_that_cannot_run_are_failures(tmp_path, text, words):
    host = Host(tmp_path, plugins={"acme": {"plugin.lua": ACME, "tests/a_test.lua": text}}, conf={"lua.script": "200ms"})
    out = run(host, host.folder / "plugins/acme", code=1)
    assert words in out and re.fullmatch(r"0 passed, [1-9] failed", out.splitlines()[-1])


def test_a_plugin_with_mistakes_or_without_tests_fails(host):
    out = run(host, host.folder / "plugins/acme", code=1)
    assert out.splitlines()[-1] == "0 passed, 1 failed" and "_test.lua" in out
    host.write_plugin("bad", {"plugin.lua": 'cx.plugin { name = "bad", version = "1.0.0", api = 1 }\nx = 1\n',
                              "tests/a_test.lua": "test('never', function() send { type = 'a.b' } end)"})
    out = run(host, host.folder / "plugins/bad", code=1)
    assert "plugins/bad/plugin.lua:2: " in out and re.search(r"^0 passed, [1-9] failed$", out, re.M)


def test_a_plugin_that_needs_another(host):
    host.write_plugin("extra", {"plugin.lua": """
cx.plugin { name = "extra", version = "1.0.0", api = 1, depends = { acme = ">= 1.0" } }
cx.kpi "extra-visits" { format = "number", by = { "unit" }, measures = { n = cx.count("visit.rated") }, formula = function(m) return m.n end }
cx.on "visit.rated" (function(e, tx) if e.score == 0 then tx:emit { type = "extra.alarm", data = { score = e.score } } end end)
cx.event "extra.alarm" { fields = { score = cx.integer {} } }
cx.kpi "extra-alarms" { format = "number", measures = { n = cx.count("extra.alarm") }, formula = function(m) return m.n end }
""", "tests/extra_test.lua": """
test("the other plugin's events and figures are there", function(tx)
  send { type = "visit.rated", unit = "b07", data = { score = 9 } }
  send { type = "visit.rated", unit = "b07", data = { score = 0 } }
  expect(tx:kpi("extra-visits", { by = "unit" }).groups[1].value).is(2)
  expect(tx:kpi("extra-alarms").value).is(1)
  expect(tx:kpi("visit-nps").value).is(0)
end)
"""})
    assert run(host, host.folder / "plugins/extra").splitlines()[-1] == "1 passed, 0 failed"
    with host:
        assert {p["name"]: p["state"] for p in host.get("/v1/plugins")[1]["plugins"]} == {"acme": "running", "extra": "running"}


def test_a_plugin_whose_need_is_not_met_is_left_out_with_those_that_need_it(tmp_path):
    def plugin(name, depends):
        return f'cx.plugin {{ name = "{name}", version = "1.0.0", api = 1, depends = {{ {depends} }} }}\n'
    host = Host(tmp_path, plugins={"acme": ACME, "late": plugin("late", 'acme = ">= 2.0"'), "later": plugin("later", 'late = ">= 1.0"'),
                                   "lost": plugin("lost", 'nowhere = ">= 1.0"'), "fine": plugin("fine", 'acme = ">= 1.0"')})
    errors = json.loads(host.cli("check", "--json", code=1)[0])["errors"]
    assert {e["file"] for e in errors} >= {f"plugins/{n}/plugin.lua" for n in ("late", "later", "lost")}
    with host:
        states = {p["name"]: p["state"] for p in host.get("/v1/plugins")[1]["plugins"]}
    assert states == {"acme": "running", "fine": "running", "late": "failed", "later": "failed", "lost": "failed"}


def test_the_company_of_tests_is_the_conf_s(tmp_path):
    text = """test("zone", function(tx)
  at "2026-03-02 10:00"
  expect(send { type = "visit.rated", data = { score = 9 } }.time).is "2026-03-02T10:00:00+09:00"
end)"""
    host = Host(tmp_path, plugins={"acme": {"plugin.lua": ACME, "tests/a_test.lua": text}}, timezone="Asia/Tokyo")
    assert run(host, host.folder / "plugins/acme").splitlines()[-1] == "1 passed, 0 failed"


def test_the_plugins_of_the_repository_pass():
    from host import BIN, ROOT
    import subprocess
    for name in ("demo", "olist", "sales", "voc"):
        done = subprocess.run([BIN, "--conf", str(ROOT / "conf/cxd.ini"), "test", str(ROOT / "plugins" / name)], capture_output=True, text=True)
        assert done.returncode == 0 and re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.M), done.stdout


def test_tests_do_not_disturb_a_running_daemon(host):
    host.write_plugin("acme", {"tests/nps_test.lua": DSL})
    with host:
        host.post({"type": "visit.rated", "data": {"score": 9}})
        assert run(host, host.folder / "plugins/acme").splitlines()[-1] == "5 passed, 0 failed"
        assert host.kpi("visit-nps")["measures"]["answers"] == 1
