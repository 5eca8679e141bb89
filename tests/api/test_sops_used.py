"""SOP runs as handlers, plugin tests, journeys and imports use them."""
import datetime

from host import Host
from test_sops import call, put

ACME = """
cx.plugin { name = "acme", version = "1.0.0", api = 1 }
cx.event "sop.run" { fields = { run = cx.text {}, sop = cx.text {}, state = cx.text {}, score = cx.decimal { scale = 3 }, passed = cx.boolean {} } }
cx.event "visit.rated" { fields = { score = cx.integer {} } }
cx.sop "welcome" { version = 3, title = "POP de recepção", role = "attendant", emits = "sop.run",
  items = {
    cx.item "greet"    { text = "Cumprimentar em até 30 segundos", critical = true },
    cx.item "name"     { text = "Usar o nome do cliente", weight = 2 },
    cx.item "photo"    { text = "Foto da vitrine", kind = "photo", evidence = true },
    cx.item "fridge"   { text = "Temperatura", kind = "number", format = "°C", min = 2, max = 8.5 },
    cx.item "language" { text = "Idioma do cliente", when = function(run) return run.answers.name == "no" or run.context.tourist end },
  },
  pass = 0.9,
}
cx.kpi "score" { measures = { s = cx.sum("sop.run", "score"), n = cx.count("sop.run", function(e) return e.state == "finished" end) },
  formula = function(m) return m.s / 1000 / m.n end }
cx.on "visit.rated" (function(e, tx)
  local run = tx:sop("welcome"):begin { key = "v" .. e.score, context = { tourist = true }, time = e.time }
  run:answer("greet", "yes")
  assert(tx:sop("welcome", "v" .. e.score).items[1].answer == "yes")
  if e.score == 9 then run:finish() end
  if e.score == 1 then run:abandon("left") end
end)
"""
ACME_TEST = """
test("a run", function(tx)
  at "2026-03-02 10:00"
  expect(tx:sop("welcome", "v1")).is_nil()
  local run = tx:sop("welcome"):begin { key = "v1", unit = "b07" }
  expect(run.state).is "open"
  run:answer("greet", "yes")
  run:answer("name", "yes")
  run:answer("fridge", 9)
  expect(#run.missing).is(1)
  expect(select(2, pcall(run.finish, run))).has "photo"
  run:answer("photo", nil, { evidence = { "sha256:" .. ("0"):rep(64) } })
  run:finish()
  expect(run.score).is(0.8)
  expect(run.passed).is(false)
  expect(tx:sop("welcome", "v1").score).is(0.8)
  expect(tx:kpi("score").value).is(0.8)
end)
test("handlers", function(tx)
  send { type = "visit.rated", data = { score = 3 } }
  expect(tx:sop("welcome", "v3").items[5].applies).is(true)
  local r = send { type = "visit.rated", data = { score = 9 } }
  expect(r.warnings[1].message).has "photo"
  expect(tx:sop("welcome", "v9")).is_nil()
  send { type = "visit.rated", data = { score = 1 } }
  expect(tx:sop("welcome", "v1").state).is "abandoned"
  expect(tx:sop("welcome", "v1").score).is(1)
  expect(tx:kpi("score").value).is_nil()
end)
"""
VISIT = """
cx.plugin { name = "acme", version = "1.0.0", api = 1 }
for type, fields in pairs {
  ["visit.started"] = { tourist = cx.boolean {} }, ["need.stated"] = {}, ["parts.arrived"] = {}, ["quote.approved"] = {}, ["visit.closed"] = {},
  ["sale.settled"] = { state = cx.choice { "won", "lost", required = true } },
} do
  fields.visit = cx.text { required = true }
  cx.event(type) { fields = fields }
end
cx.event "sop.run" { fields = { state = cx.text {}, required = cx.boolean {}, score = cx.decimal { scale = 2 }, key = cx.text {} } }
cx.journey "visit" {
  title = "Atendimento na loja", owner = "store-manager", tier = "tactical",
  key = "visit", start = "visit.started",
  stages = {
    cx.stage "receive" { title = "Receber",  sop = "welcome", within = "3min", leave = { ["need.stated"] = "execute" } },
    cx.stage "execute" { title = "Executar", sop = { "service", required = true }, within = "25min",
      leave = {
        ["sale.settled"] = function(e, j) return e.state == "won" and "close" or cx.done("left", { lost = true }) end,
        [cx.all { "parts.arrived", "quote.approved" }] = "close",
      } },
    cx.stage "close"   { title = "Fechar", within = "10min", window = "1d", leave = { ["visit.closed"] = cx.done "served" } },
  },
  idle = { after = "2h", outcome = cx.done("abandoned", { lost = true }) },
}
cx.sop "welcome" { version = 3, title = "POP de recepção", role = "attendant", emits = "sop.run",
  items = {
    cx.item "greet"    { text = "Cumprimentar em até 30 segundos", critical = true },
    cx.item "name"     { text = "Usar o nome do cliente", weight = 2 },
    cx.item "photo"    { text = "Foto da vitrine", kind = "photo", evidence = true },
    cx.item "fridge"   { text = "Temperatura", kind = "number", format = "°C", min = 2, max = 8.5 },
    cx.item "language" { text = "Idioma do cliente", when = function(run) return run.answers.name == "no" or run.context.tourist end },
  },
  pass = 0.9,
}
cx.sop "service" { version = 1, title = "POP de atendimento", role = "attendant", emits = "sop.run", items = { cx.item "listen" { text = "Confirmar o pedido com o cliente" } }, pass = 1 }
cx.kpi "adherence" { format = "%", measures = {
    done  = cx.count("sop.run", function(e) return e.state == "finished" and e.required end),
    asked = cx.count("sop.run", function(e) return e.state == "open" and e.required end) },
  formula = function(m) return 100 * m.done / m.asked end }
"""
VISIT_TEST = """
test("a visit", function(tx)
  at "2026-03-02 10:00"
  for _, v in ipairs { "v1", "v2" } do
    send { type = "visit.started", unit = "b07", subject = "c1", data = { visit = v, tourist = true } }
  end
  local run = tx:sop("welcome", "v1")
  expect(run.unit).is "b07"
  expect(run.items[5].applies).is(true)
  expect(run.required).is(false)
  for _, v in ipairs { "v1", "v2" } do send { type = "need.stated", data = { visit = v } } end
  expect(tx:journey("visit", "v1").stage).is "execute"
  send { type = "sale.settled", data = { visit = "v1", state = "won" } }
  expect(tx:journey("visit", "v1").stage).is "execute"
  local service = tx:sop("service", "v1")
  expect(service.required).is(true)
  expect(tx:kpi("adherence").value).is(0)
  service:answer("listen", "yes")
  service:finish()
  expect(service.score).is(1)
  expect(tx:kpi("adherence").value).is(50)
  send { type = "parts.arrived", data = { visit = "v1" } }
  send { type = "quote.approved", data = { visit = "v1" } }
  expect(tx:journey("visit", "v1").stage).is "close"
end)
"""


def test_plugins_begin_answer_and_finish_runs_in_handlers_and_tests(tmp_path):
    host = Host(tmp_path, plugins={"acme": {"plugin.lua": ACME, "tests/a_test.lua": ACME_TEST},
                                   "visit": {"plugin.lua": VISIT.replace('"acme"', '"visit"'), "tests/v_test.lua": VISIT_TEST}})
    assert host.cli("test", tmp_path / "plugins" / "acme")[0].splitlines()[-1] == "2 passed, 0 failed"
    assert host.cli("test", tmp_path / "plugins" / "visit")[0].splitlines()[-1] == "1 passed, 0 failed"


def test_a_handlers_run_is_in_its_transaction(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as cxd:
        rate = {"type": "visit.rated", "unit": "b07", "subject": "c1", "actor": "ana"}
        assert "warnings" not in cxd.post({**rate, "data": {"score": 3}})[1]
        (run,) = cxd.get("/v1/sop-runs?key=v3")[1]["sop_runs"]
        assert (run["unit"], run["subject"], run["actor"], run["by"]) == ("b07", "c1", "ana", "acme: on visit.rated")
        assert "photo" in cxd.post({**rate, "data": {"score": 9}})[1]["warnings"][0]["message"]
        assert cxd.get("/v1/sop-runs?key=v9")[1]["sop_runs"] == []  # undone with its reaction
        told = cxd.get("/v1/events?type=sop.run")[1]["events"]
        assert [e["data"]["state"] for e in told] == ["open"]


HISTORY = VISIT.replace('"acme"', '"visit"') + """
cx.import "old" { generate = function(emit)
  for i = 1, 3 do
    local function at(minute, type, data)
      data = data or {}
      data.visit = "v" .. i
      emit { type = type, id = i .. "-" .. minute, unit = "b07", time = ("2026-03-02T10:%02d:00-03:00"):format(minute), data = data }
    end
    at(0, "visit.started")
    at(1, "need.stated")
    at(2, "sale.settled", { state = "won" })
    if i < 3 then at(3, "visit.closed") end
  end
end }
"""


def test_history_opens_no_run_that_somebody_would_have_to_answer(tmp_path):
    with Host(tmp_path, plugins={"visit": HISTORY}) as cxd:
        cxd.cli("import", "old")
        runs = cxd.get("/v1/sop-runs")[1]["sop_runs"]
        assert len(runs) == 6 and {(r["state"], r["reason"], r["score"]) for r in runs} == {("abandoned", "imported", None)}
        assert cxd.get("/v1/sop-runs?key=v1")[1]["sop_runs"][1]["required"] is True
        path = "/v1/journeys/visit/instances/"
        assert [cxd.get(path + f"v{i}")[1]["outcome"] for i in (1, 2)] == ["served", "served"]
        assert cxd.get("/v1/events?type=sop.run")[1]["events"] == [] and cxd.kpi("adherence")["value"] is None
        late = {"type": "parts.arrived", "id": "late", "source": "till", "time": "2026-03-02T10:01:30-03:00", "data": {"visit": "v1"}}
        assert cxd.post(late)[0] == 201  # folded again, it comes to the same
        assert cxd.get(path + "v1")[1]["outcome"] == "served" and len(cxd.get("/v1/sop-runs")[1]["sop_runs"]) == 6


def test_a_tablet_that_was_offline_finishes_in_time(tmp_path):
    with Host(tmp_path, plugins={"visit": VISIT.replace('"acme"', '"visit"')}) as cxd:
        begun = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=10)

        def at(minute):
            return (begun + datetime.timedelta(minutes=minute)).isoformat()

        def send(minute, kind, **data):
            assert cxd.post({"type": kind, "time": at(minute), "data": {"visit": "v1", **data}})[0] == 201

        def stage():
            return cxd.get("/v1/journeys/visit/instances/v1")[1]["stage"]

        send(0, "visit.started")
        send(1, "need.stated")
        send(5, "sale.settled", state="won")
        assert stage() == "execute"  # its SOP is not finished
        service = cxd.get("/v1/sop-runs?key=v1&sop=service")[1]["sop_runs"][0]["run"]
        put(cxd, service, "listen", {"answer": "yes", "time": at(2)})
        assert call(cxd, "POST", f"/v1/sop-runs/{service}/finish", {"time": at(3)})[0] == 200
        assert stage() == "close"  # it was, when the sale was settled
