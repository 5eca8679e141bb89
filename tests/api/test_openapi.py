"""GET /v1/openapi.json: every route and every declared event, as the daemon really answers."""
import datetime
import hashlib
import json
import re
import time
import urllib.parse

import npm
import pytest
from host import ACME, BATCH, JSON, ROOT, Host, rated

KINDS = ACME + """
cx.event "kinds.all" { title = { ["pt-BR"] = "Todos os tipos", en = "All kinds" }, fields = {
  a_integer = cx.integer { min = -5, max = 5, title = "A" },
  b_decimal = cx.decimal { scale = 3, min = "0.5", max = "99.125", required = true },
  c_boolean = cx.boolean { default = true, required = true },
  d_text = cx.text { personal = true, min = 2, max = 40, title = { ["pt-BR"] = "Nome", en = "Name" } },
  e_choice = cx.choice { "sim", "não" },
  f_time = cx.time {},
  g_duration = cx.duration { min = "1s", max = "2h" },
  h_money = cx.money { min = 0 },
  i_dollars = cx.money { currency = "USD", required = true },
  j_choice = cx.choice { "x", "y", default = "y" } } }
cx.event "kinds.open" { open = true, fields = { a = cx.integer {} } }
cx.event "kinds.bare" {}
cx.kpi "happy" { format = "%", better = "higher", by = { "unit", "channel" }, min_n = 3, target = 70,
  measures = { answers = cx.count("visit.rated"), happy = cx.count("visit.rated", function(e) return e.score >= 9 end),
    last = cx.count("visit.rated", { latest = { "subject", by = "time" } }), scores = cx.histogram("visit.rated", "score") },
  formula = function(m) return 100 * m.happy / m.answers end,
  interval = function(m) return cx.stats.percent(cx.stats.wilson(m.happy, m.answers)) end }
cx.kpi "shy" { format = "number", better = "lower", by = { "unit" }, suppress = 5,
  measures = { n = cx.count("visit.rated") }, formula = function(m) return m.n end }
cx.event "shop.sold" { fields = { paid = cx.money {} },
  derive = { currency = cx.text(function(e) return e.paid and e.paid.currency end) } }
cx.kpi "sold" { format = "money", better = "higher", by = { "currency" }, measures = { paid = cx.sum("shop.sold", "paid") },
  formula = function(m) return m.paid end }
cx.on("visit.rated", function(e) if e.score == 0 then error("zero") end end)
cx.record "desk" { key = "number", unit = "store", subject = "clerk", title = { ["pt-BR"] = "Mesa", en = "Desk" },
  fields = { number = cx.integer { min = 1 }, store = cx.text {}, clerk = cx.text { personal = true }, rate = cx.decimal { scale = 2 },
    kind = cx.choice { "a", "b", default = "a" }, rent = cx.money { max = 900 } }, index = { "kind" } }
cx.event "run.told" { fields = { state = cx.text {}, boom = cx.boolean {} } }
cx.on("run.told", function(e) error("told") end)
cx.sop "open-shop" { version = 2, title = { ["pt-BR"] = "Abrir a loja", en = "Open the shop" }, role = "attendant", pass = 0.5,
  embargo = "1d", emits = "run.told", exposure = { from = "from", to = "to" }, items = {
    cx.item "light" { text = "Luz", critical = true, na = false }, cx.item "from" { text = "De", kind = "time" }, cx.item "to" { text = "Até", kind = "time" },
    cx.section "stock" { title = "Estoque", weight = 2, items = {
      cx.item "cold" { text = { ["pt-BR"] = "Geladeira", en = "Fridge" }, kind = "number", min = 2, max = 8.5, format = "°C" },
      cx.item "state" { text = "Como está", kind = "choice", choices = { "bom", "ruim" }, scores = { bom = 1, ruim = 0.25 } },
      cx.item "people" { text = "Na fila", kind = "count" }, cx.item "shelf" { text = "Foto", kind = "photo", evidence = true },
      cx.item "odd" { text = "?", when = function(run) return run.context.odd.really end } } } } }
cx.sop "close-shop" { version = 1, emits = "run.told", items = { cx.item "key" { text = "Chave", required = true } } }
cx.import "old" { generate = function(emit) end }
"""
QUIET = 'cx.plugin { name = "quiet", version = "1.0.0", api = 1 }\ncx.event "quiet.kept" {}\n' \
    'cx.timer "sweep" { every = "1h", run = function() end }\ncx.timer "keep" { run = function(tx, arg) assert(arg) end }\n' \
    'cx.on "quiet.kept" (function(_, tx) tx:after("2d", "keep", { a = 1 }) tx:after(0, "keep", 1) tx:after(0, "keep") end)\n'
WALK = """
cx.plugin { name = "walk", version = "1.0.0", api = 1 }
for _, type in ipairs { "walk.began", "walk.went", "walk.turned", "walk.paused", "walk.resumed", "walk.extended", "walk.ended", "walk.promised",
    "walk.settled", "walk.rated" } do
  cx.event(type) { fields = { walk = cx.text { required = true }, to = cx.text {}, promise = cx.text {}, due = cx.time {}, reason = cx.text {},
    score = cx.integer {} } }
end
cx.sop "shoes" { version = 1, items = { cx.item "tied" { text = "Cadarços" } } }
cx.journey "walk" { title = { ["pt-BR"] = "Passeio", en = "Walk" }, owner = "store-manager", tier = "tactical", key = "walk", by = { "unit", "to" },
  start = { ["walk.began"] = function() return "out" end },
  stages = {
    cx.stage "out" { title = "Ida", sop = { "shoes", required = true }, within = "1min", window = "2bd",
      leave = { ["walk.went"] = "way", [cx.all { "walk.turned", "walk.settled", fresh = true }] = cx.done("back", { lost = true }) } },
    cx.stage "way" { journey = "step", leave = { [cx.ended "stepped"] = cx.done "arrived", [cx.ended()] = "out" } } },
  idle = { after = "30d", outcome = cx.done("gone", { lost = true }) }, ideal = { "out", { "way", within = "1bh", weight = 2 } },
  promises = { made = "walk.promised", settled = "walk.settled", id = "promise", due = "due", reason = "reason" },
  nps = "walk.rated", on_late = function(j, stage, tx) tx:friction { journey = j, stage = stage, kind = "wait", lost = "2min" } end }
cx.journey "step" { stages = { cx.stage "foot" { leave = { ["walk.ended"] = cx.done "stepped" } } } }
cx.journey "road" { key = "walk", start = "walk.went", stages = cx.by("to", { sea = cx.done("wet", { lost = true }) }), again = false }
cx.clock "rest" { journey = "walk", title = { ["pt-BR"] = "Descanso", en = "Rest" }, article = "CLT, art. 71", within = "5d", law = true,
  stop = "walk.ended", pause = { ["walk.paused"] = "rain" }, resume = "walk.resumed", when = function() return true end, on_late = function() end,
  extend = { on = "walk.extended", by = "2d", justified = true }, valid = { from = "2020-01-01", to = "2100-01-01" } }
cx.clock "short" { journey = "walk", within = "2min", start = { ["walk.began"] = function(e) return e.to ~= "x" end }, stop = "walk.ended" }
"""
BROKEN = 'cx.plugin { name = "broken", version = "1.0.0", api = 1 }\ncx.event "x" {}\n'


@pytest.fixture(scope="module")
def cxd(tmp_path_factory):
    with Host(tmp_path_factory.mktemp("cxd"), plugins={"acme": KINDS, "broken": BROKEN, "quiet": QUIET, "walk": WALK}) as host:
        yield host


def document(cxd, lang="en", **headers):
    status, doc = cxd.get("/v1/openapi.json", {"Accept-Language": lang, **headers})
    assert status == 200, doc
    return doc


def rows():
    text = (ROOT / "core" / "base" / "routes.def").read_text()
    found = re.findall(r'^X\((\w+), "(\w+)", "([^"]+)", (\w+), (\w+), (\w+), "([^"]*)",\s*"([^"]*)"\)', text, re.M)
    assert len(found) == text.count("\nX("), "a row of routes.def that this test cannot read"
    return found


def test_every_route_is_there_with_a_shape(cxd):
    doc = document(cxd)
    have = {(m.upper(), path) for path, ops in doc["paths"].items() for m in ops}
    assert have == {(method, path) for _, method, path, *_ in rows()}
    ids = set()
    for symbol, method, path, level, who, body, query, summary in rows():
        op = doc["paths"][path][method.lower()]
        assert {"operationId", "tags"} <= op.keys() and any(s.startswith("2") for s in op["responses"]), \
            f"{method} {path} has no shape in core/engine/openapi/routes.json"
        assert op["summary"] == summary and op["x-level"] == level.lower()
        assert (op.get("security") == []) == (level == "NONE")
        assert ("requestBody" in op) == (body != "BODY_NONE"), path
        assert ("503" in op["responses"]) or who == "FRONT"
        assert [p["name"] for p in op["parameters"] if p.get("in") == "path"] == re.findall(r"{(\w+)}", path)
        told = [doc["components"]["parameters"][p["$ref"].rpartition("/")[2]] for p in op["parameters"] if "$ref" in p]
        told = {p["name"] for p in told if p["in"] == "query"}
        names = set(query.split())  # of those about one figure a route knows more, to say why they are refused
        assert ("*" in names or told <= names) and ("/v1/kpis/" in path or names - {"*"} <= told), (path, told)
        assert "400" in op["responses"]
        ids.add(op["operationId"])
    assert len(ids) == len(rows())
    shapes = json.loads((ROOT / "core" / "engine" / "openapi" / "routes.json").read_text())
    assert {tuple(k.split(" ")) for k in shapes} == have, "a shape whose route is gone"


def test_error_codes_are_those_of_the_table(cxd):
    table = re.findall(r'^X\(\w+, "(\w+)", \d+', (ROOT / "core" / "base" / "err.def").read_text(), re.M)
    assert document(cxd)["components"]["schemas"]["ErrorCode"]["enum"] == table


def test_declared_types_are_typed(cxd):
    schemas = document(cxd)["components"]["schemas"]
    types = ["kinds.all", "kinds.bare", "kinds.open", "order.delivered", "quiet.kept", "run.told", "shop.sold", "visit.rated",
             *(f"walk.{t}" for t in ("began", "ended", "extended", "paused", "promised", "rated", "resumed", "settled", "turned", "went"))]
    assert schemas["Event"]["oneOf"] == [{"$ref": f"#/components/schemas/event.{t}"} for t in types]
    assert list(schemas["Event"]["discriminator"]["mapping"]) == types and "UndeclaredEvent" not in schemas
    assert schemas["StructuredEvent"]["oneOf"][types.index("visit.rated")]["allOf"] == [
        {"$ref": f"#/components/schemas/{s}"} for s in ("event.visit.rated", "Structured")]
    event = schemas["event.kinds.all"]
    assert event["required"] == ["type", "data"] and event["additionalProperties"] is False
    assert event["properties"]["type"]["const"] == "kinds.all" and event["x-plugin"] == "acme"
    assert schemas["event.kinds.bare"]["required"] == ["type"]
    assert schemas["data.kinds.open"]["additionalProperties"] is True
    data = schemas["data.kinds.all"]
    assert data["required"] == ["b_decimal", "i_dollars"] and data["additionalProperties"] is False
    assert data["title"] == "All kinds" == event["title"]
    p = data["properties"]
    assert [p[k]["x-kind"] for k in sorted(p)] == ["integer", "decimal", "boolean", "text", "choice", "time", "duration",
                                                   "money", "money", "choice"]
    assert (p["a_integer"]["minimum"], p["a_integer"]["maximum"], p["a_integer"]["title"]) == (-5, 5, "A")
    assert (p["b_decimal"]["x-scale"], p["b_decimal"]["oneOf"][0]["minimum"]) == (3, 0.5)
    assert p["b_decimal"]["oneOf"][0]["maximum"] == 99.125 and p["b_decimal"]["oneOf"][1]["type"] == "string"
    assert p["c_boolean"]["type"] == "boolean" and p["c_boolean"]["x-default"] is True
    assert (p["d_text"]["minLength"], p["d_text"]["maxLength"], p["d_text"]["x-personal"]) == (2, 40, True)
    assert p["e_choice"]["enum"] == ["sim", "não"] and "x-personal" not in p["e_choice"]
    assert p["f_time"] == {"type": "string", "format": "date-time", "x-kind": "time"}
    assert (p["g_duration"]["oneOf"][0]["minimum"], p["g_duration"]["oneOf"][0]["maximum"]) == (1000, 7200000)
    assert (p["h_money"]["x-currency"], p["h_money"]["x-scale"]) == ("BRL", 2)
    assert p["h_money"]["oneOf"][0]["minimum"] == 0 == p["h_money"]["oneOf"][1]["properties"]["amount"]["minimum"]
    assert p["h_money"]["oneOf"][1]["properties"]["currency"] == {"type": "string", "pattern": "^[A-Z]{3}$"}
    assert p["i_dollars"]["oneOf"][1]["properties"]["currency"] == {"type": "string", "const": "USD"}
    assert p["j_choice"]["x-default"] == "y"
    assert "written" not in schemas["data.visit.rated"]["properties"], "derived fields are not sent"


def test_titles_are_in_the_callers_language(cxd):
    pt = document(cxd, "pt-BR")["components"]["schemas"]["data.kinds.all"]
    assert pt["title"] == "Todos os tipos" and pt["properties"]["d_text"]["title"] == "Nome"
    en = document(cxd, "en")["components"]["schemas"]["data.kinds.all"]
    assert en["properties"]["d_text"]["title"] == "Name" and en["properties"]["a_integer"]["title"] == "A"


def test_the_same_plugins_give_the_same_text(cxd, tmp_path):
    def text(host):
        c = host.connection()
        c.request("GET", "/v1/openapi.json", headers={"Accept-Language": "en"})
        return c.getresponse().read()
    first = text(cxd)
    assert first == text(cxd)
    with Host(tmp_path, plugins={"walk": WALK, "quiet": QUIET, "broken": BROKEN, "acme": KINDS}) as other:
        other.post(rated(9, id="1", source="/x"))
        assert text(other) == first


def test_any_known_caller_may_read_it(cxd):
    low = npm.token(cxd, "till", "frontline", unit="b07")
    assert document(cxd, Authorization=f"Bearer {low}") == document(cxd)
    assert cxd.get("/v1/openapi.json", {"Authorization": "Bearer cxd_x"})[0] == 401


def test_without_types_any_event_is_described(tmp_path):
    with Host(tmp_path, conf={"events.unknown": "store"}) as host:
        schemas = document(host)["components"]["schemas"]
        assert schemas["Event"]["oneOf"] == [{"$ref": "#/components/schemas/UndeclaredEvent"}]
        assert "not" not in schemas["UndeclaredEvent"]["properties"]["type"]


def test_a_public_linter_finds_no_mistake(cxd, tmp_path):
    npm.needed("@redocly/cli")
    file = tmp_path / "openapi.json"
    for lang in ("pt-BR", "en"):
        file.write_text(json.dumps(document(cxd, lang)))
        out = npm.run(npm.tool("redocly"), "lint", "--format=json", file)
        report = json.loads(out[out.index("{"):])
        assert report["totals"]["errors"] == 0, report
        assert {p["ruleId"] for p in report["problems"]} <= {"info-license"}, report


class Samples:
    """Answers of the daemon, each under the path of routes.def that it belongs to."""

    def __init__(self, cxd):
        self.cxd, self.all = cxd, []

    def take(self, path, method="GET", body=None, kind=None, want=200, query="", headers=None, **names):
        where = path.format(**{k.rstrip("_"): v for k, v in names.items()}) + query
        status, value, got = self.cxd.request(method, where, body, {**({"Content-Type": kind} if kind else {}), **(headers or {})})
        assert status == want, (where, status, value)
        self.all.append({"method": method, "path": path, "status": status, "type": got["Content-Type"] or "", "body": value})
        return value


def sops(s, sha):
    s.take("/v1/sops")
    begin = {"path": "/v1/sops/{id}/runs", "method": "POST", "kind": JSON, "id": "open-shop"}
    body = {"run": "o1", "unit": "b07", "subject": "c1", "context": {"odd": {"really": True}}, "time": "2026-03-02T10:00:00-03:00"}
    for want in (201, 200):
        s.take(**begin, want=want, body=body)
    s.take(**begin, want=409, body={"run": "o1"})
    s.take(**begin, want=422, body={"rn": "o1"})
    s.take(**begin, want=201, body={"run": "o2"})  # its condition fails
    s.take("/v1/sops/{id}/runs", "POST", {}, JSON, want=404, id="none")
    answer = {"path": "/v1/sop-runs/{run}/items/{item}", "method": "PUT", "kind": JSON, "run": "o1"}
    for item, given in (("light", "yes"), ("from", "2026-03-02T10:00:00Z"), ("to", "2026-03-02T11:00:00Z"), ("cold", 3.5), ("state", "ruim"),
                        ("people", 4), ("shelf", "yes")):
        s.take(**answer, item=item, body={"answer": given, "device": "t1", "sequence": 7, "actor": "ana"})
    s.take(**answer, item="light", want=422, body={"answer": "na"})
    s.take(**answer, item="none", want=404, body={"answer": "na"})
    s.take("/v1/sop-runs/{run}/finish", "POST", want=409, run="o1")
    s.take(**answer, item="shelf", body={"evidence": [f"sha256:{sha}"]})
    s.take("/v1/sop-runs/{run}/finish", "POST", run="o1")
    s.take(**answer, item="shelf", want=409, body={"answer": "na"})
    s.take("/v1/sop-runs/{run}/abandon", "POST", {"reason": "x"}, JSON, run="o2")
    s.take("/v1/sops/{id}/runs", "POST", {"run": "c1"}, JSON, want=201, id="close-shop")  # a reaction to its event fails
    s.take("/v1/sops/{id}/runs", "POST", want=201, id="close-shop")  # without a body
    s.take("/v1/sop-runs/{run}", run="o1")
    s.take("/v1/sop-runs/{run}", run="o1", headers={"Authorization": "Bearer " + npm.token(s.cxd, "chief", "manager", unit="b07")})
    s.take("/v1/sop-runs/{run}", run="none", want=404)
    s.take("/v1/sop-runs", query="?sop=open-shop&limit=1")
    s.take("/v1/sop-runs", query="?state=abandoned")


def journeys(s):
    now = datetime.datetime.now(datetime.timezone.utc)

    def went(kind, walk, minutes, **data):
        s.take("/v1/events", "POST", {"type": f"walk.{kind}", "unit": "b07", "subject": "c1", "data": {"walk": walk, **data},
                                      "time": (now - datetime.timedelta(minutes=minutes)).isoformat()}, JSON, want=201)

    one = {"path": "/v1/journeys/{id}/instances/{key}", "id": "walk"}
    for walk in ("w1", "w2", "w3"):
        went("began", walk, 10, to="park")
    went("paused", "w1", 9)
    for _ in range(2):
        went("extended", "w1", 8, reason="shoes")
    went("promised", "w1", 6, promise="p1", due=now.isoformat())
    went("went", "w1", 5, to="hill")                      # its run is not finished
    went("rated", "w1", 0, score=3)
    while len([i for i in s.cxd.get("/v1/journeys/walk/instances?late=1")[1]["instances"] if i["due"]]) < 3:
        time.sleep(0.02)
    s.take(**one, key="w1")
    for run in s.cxd.get("/v1/sop-runs?journey=walk")[1]["sop_runs"][:2]:
        s.take("/v1/sop-runs/{run}/items/{item}", "PUT", {"answer": "yes"}, JSON, run=urllib.parse.quote(run["run"], safe=""), item="tied")
        s.take("/v1/sop-runs/{run}/finish", "POST", {}, JSON, run=urllib.parse.quote(run["run"], safe=""))
    went("went", "w1", -1)
    went("went", "w1", -1)                                # unexpected
    went("ended", "w1", -2)                               # its promise is open
    went("resumed", "w1", -2)
    went("turned", "w2", -1)
    went("settled", "w2", -1)
    moved = [s.take(**one, key=f"w{n}") for n in (1, 2, 3)]
    assert {m["deviation"] for i in moved for m in i["history"]} == {
        None, "unexpected", "late", "sop_open", "open_promise", "overdue", "extension_refused"}, moved
    s.take("/v1/journeys/{id}/instances/{key}", id="step", key="w1")
    s.take("/v1/journeys/{id}/instances/{key}", id="road", key="w1")
    s.take(**one, want=404, key="none")
    s.take("/v1/journeys")
    for query in ("", "?late=1&limit=1", "?stage=out&unit=b07"):
        s.take("/v1/journeys/{id}/instances", id="walk", query=query)
    s.take("/v1/journeys/{id}/instances", id="none", want=404)
    s.take("/v1/journeys/{id}/instances", id="walk", query="?limit=0", want=400)
    for query in ("", "?by=unit,to&version=1", "?from=2020-01-01&to=2030-01-01"):
        s.take("/v1/journeys/{id}/funnel", id="walk", query=query)
    s.take("/v1/journeys/{id}/funnel", id="none", want=404)
    for query in ("", "?by=unit,to&every=month", "?from=2020-01-01&to=2030-01-01&version=1"):
        s.take("/v1/journeys/{id}/conformance", id="walk", query=query)
    for query in ("", "?from=2020-01-01&to=2030-01-01&version=1&limit=1&where=unit:b07"):
        got = s.take("/v1/journeys/{id}/frictions", id="walk", query=query)["frictions"]
    assert got[0]["kind"] == "wait" and got[0]["nps"]["with"], got
    s.take("/v1/journeys/{id}/frictions", id="none", want=404)
    s.take("/v1/journeys/{id}/frictions/instances", id="walk", query="?kind=wait&stage=out&limit=1")
    s.take("/v1/journeys/{id}/frictions/instances", id="walk", want=400)
    s.take("/v1/cases")
    s.take("/v1/cases", query="?state=paused&unit=b07&sort=due&limit=1")
    s.take("/v1/cases", query="?state=lost", want=400)


def test_real_answers_are_as_described(cxd):
    npm.needed("ajv", "ajv-formats")
    s = Samples(cxd)
    post = {"path": "/v1/events", "method": "POST"}
    event = {"specversion": "1.0", "source": "/x", "type": "visit.rated", "time": "2026-03-02T10:00:00Z"}
    s.take(**post, want=201, kind="application/json", body=rated(0))  # without id, and its reaction fails
    for i in range(40):
        s.take(**post, want=201, kind="application/cloudevents+json", body={
            **event, "id": str(i), "unit": f"b0{i % 3}", "actor": "ana", "sequence": str(i + i // 20), "subject": f"c{i % 9}",
            "time": f"2026-0{1 + i % 5}-0{1 + i % 9}T10:00:00Z", "data": {"score": 1 + i % 10, "channel": "app", "comment": "a"}})
    s.take(**post, kind="application/cloudevents+json",
           body={**event, "id": "0", "unit": "b00", "actor": "ana", "sequence": "0", "subject": "c0",
                 "time": "2026-01-01T10:00:00Z", "data": {"score": 1, "channel": "app", "comment": "a"}})
    s.take(**post, want=409, kind="application/json", body={**event, "id": "0", "data": {"score": 2}})
    s.take(**post, want=422, kind="application/json", body={**event, "id": "n", "data": {"score": 99, "a": 1}})
    s.take(**post, want=400, kind="application/json", body="{")
    s.take(**post, want=415, kind="text/plain", body="{}")
    s.take(**post, want=401, kind="application/json", body="{}", headers={"Authorization": "Bearer x"})
    s.take(**post, want=201, kind="application/json", body={**event, "id": "c", "corrects": "1", "data": {"score": 9}})
    s.take(**post, want=201, kind="application/json", body={**event, "id": "late", "time": "2099-01-01T00:00:00Z", "data": {"score": 9}})
    batch = [{**event, "id": str(i), "data": {"score": i}} for i in range(95, 105)]
    s.take(**post, kind=BATCH, body=batch, query="?receipts=1")
    s.take(**post, kind=BATCH, body=[{**event, "id": "n1", "data": {"score": 0}}, {"id": 3}, 4], query="?receipts=1")
    for query in ("", "?limit=3", "?type=visit.rated&unit=b01&from=2026-01-01&after=2"):
        s.take("/v1/events", query=query)
    s.take("/v1/events", query="?limit=0", want=400)
    s.take("/v1/sources")
    s.take("/v1/kpis")
    window = "?from=2026-02-01&to=2026-05-01"
    for kpi in ("happy", "shy", "visit-nps", "acme-revenue", "repeat-rate"):
        for query in ("", window, window + "&by=unit&every=month&compare=previous", "?last=3mo&compare=year",
                      window + "&by=unit&as_known=2030-01-01"):
            s.take("/v1/kpis/{id}", id=kpi, query=query)
        s.take("/v1/kpis/{id}/control", id=kpi, query=window)
    for currency in ("BRL", "JPY"):
        paid = {"amount": 100, "currency": currency}
        s.take(**post, want=201, kind="application/json", body={**event, "type": "shop.sold", "id": currency, "data": {"paid": paid}})
    for query in ("", "?by=currency", "?where=currency:JPY&every=month"):
        s.take("/v1/kpis/{id}", id="sold", query=query)
    s.take("/v1/kpis/{id}/control", id="sold")
    s.take("/v1/kpis/{id}", id="happy", query=window + "&by=unit,channel&pool=20")
    s.take("/v1/kpis/{id}", id="none", want=404)
    s.take("/v1/kpis/{id}/control", id="happy", query="?from=2026-01-01&to=2026-07-01&rules=1,2&baseline=5")
    for query in ("", window, "?limit=2&where=unit:b01"):
        s.take("/v1/kpis/{id}/explain", id="happy", query=query)
    s.take("/v1/kpis/{id}/explain", id="shy", want=403)
    first = s.take("/v1/failed", query="?plugin=acme&limit=1")["failed"][0]["id"]
    assert not s.take("/v1/failed/{id}/retry", "POST", id=first)["done"]
    s.take("/v1/failed/{id}/retry", "POST", id=99, want=404)
    kept = s.take(**post, want=201, kind="application/json", body={"type": "quiet.kept"})["seq"]
    while cxd.get("/v1/timers?before=2099-01-01&limit=1")[1]["timers"][0]["name"] != "sweep":
        time.sleep(0.02)
    s.take("/v1/trace/{id}", id=kept)
    s.take("/v1/failed", query="?plugin=quiet")
    s.take("/v1/timers", query="?plugin=quiet&limit=1")
    s.take("/v1/timers", query="?before=2030-01-01")
    s.take("/v1/timers", query="?after=x", want=400)
    for seq in (1, 2, 3, 43):
        s.take("/v1/trace/{id}", id=seq)
    s.take("/v1/trace/{id}", id="failed%2F1")
    s.take("/v1/trace/{id}", id="none", want=404)
    s.take("/v1/records")
    one = {"path": "/v1/records/{kind}/{key}", "kind_": "desk", "key": "7"}
    s.take(**one, method="PUT", want=201, kind="application/json", body={"store": "b07", "rate": "0.5", "clerk": "ana", "rent": 5})
    s.take(**one, method="PUT", want=428, kind="application/json", body={})
    s.take(**one, method="PATCH", kind="application/merge-patch+json", body={"kind": "b"}, headers={"If-Match": '"1"'})
    s.take(**one)
    s.take(**one, want=304, headers={"If-None-Match": '"2"'})
    s.take(**one, method="PATCH", want=412, kind="application/json", body={}, headers={"If-Match": '"1"'})
    s.take("/v1/records/{kind}", kind_="desk", query="?kind=b&limit=1")
    s.take(**one, method="DELETE", want=204, headers={"If-Match": '"2"'})
    s.take("/v1/records/{kind}/{key}/versions", kind_="desk", key="7")
    s.take(**one, want=404)
    for path in ("/v1/plugins", "/v1/me", "/v1/imports", "/v1/openapi.json", "/healthz", "/readyz", "/metrics"):
        s.take(path)
    s.take("/v1/tokens", "POST", want=201, kind="application/json", body={"name": "t1", "level": "manager"})
    s.take("/v1/tokens", "POST", want=201, kind="application/json",
           body={"name": "t2", "level": "frontline", "unit": "b07", "person": "ana", "expires": "90d"})
    s.take("/v1/tokens", "POST", want=409, kind="application/json", body={"name": "t1", "level": "manager"})
    s.take("/v1/tokens")
    s.take("/v1/tokens/{name}", "DELETE", name="t1")
    s.take("/v1/tokens/{name}", "DELETE", name="t1", want=404)
    line = json.dumps({**event, "id": "i1", "data": {"score": 5}, "recordedtime": "2026-03-03T00:00:00Z"})
    for _ in range(2):
        s.take("/v1/imports/{name}", "POST", kind="application/x-ndjson", body=line, name="old", query="?update=1&receipts=1")
    s.take("/v1/imports")
    for change in ("disable", "enable"):
        s.take("/v1/plugins/{name}/" + change, "POST", name="quiet")
        s.take(**post, want=201, kind="application/json", body={"type": "quiet.kept"})
        s.take("/v1/plugins")
    s.take("/v1/plugins/reload", "POST")
    file = {"path": "/v1/evidence/{sha256}", "sha256": hashlib.sha256(b"photo").hexdigest()}
    for want in (201, 200):
        s.take(**file, method="PUT", want=want, kind="image/png", body="photo")
    s.take(**file, method="PUT", want=422, kind="image/png", body="other")
    s.take(**file)
    s.take(**file, want=206, headers={"Range": "bytes=1-2"})
    s.take(**file, want=304, headers={"If-None-Match": "*"})
    s.take(**file, want=416, headers={"Range": "bytes=9-"})
    sops(s, file["sha256"])
    journeys(s)
    wrong = npm.run("node", npm.FOLDER / "check.js", stdin=json.dumps({"document": document(cxd), "samples": s.all}))
    assert not wrong, wrong
    asked = {(x["method"], x["path"]) for x in s.all if x["status"] < 400}
    assert {(method, path) for _, method, path, *_ in rows()} - asked == {("GET", "/v1/stream")}, "no answer of these was looked at"


def test_the_schema_takes_what_the_daemon_takes(cxd):
    npm.needed("ajv", "ajv-formats")
    right = {"b_decimal": "1.5", "i_dollars": 5}
    data = [(True, {}), *((True, {**right, k: v}) for k, v in (
        ("a_integer", -5), ("a_integer", 5), ("b_decimal", 99.125), ("b_decimal", 1), ("c_boolean", False), ("d_text", "ab"),
        ("d_text", "é" * 40), ("e_choice", "não"), ("f_time", "2026-01-01T00:00:00-03:00"), ("f_time", "2026-01-01T00:00:00.5Z"),
        ("g_duration", 1000), ("g_duration", "90min"), ("h_money", 0), ("h_money", {"amount": 7, "currency": "EUR"}),
        ("i_dollars", {"amount": -7, "currency": "USD"}), ("j_choice", "x"))),
        *((False, {**right, k: v}) for k, v in (
            ("a_integer", 6), ("a_integer", 1.5), ("a_integer", "1"), ("b_decimal", 0.25), ("b_decimal", True), ("c_boolean", 1),
            ("d_text", "a"), ("d_text", "é" * 41), ("d_text", 12), ("e_choice", "talvez"), ("f_time", "2026-01-01"),
            ("f_time", "2026-01-01T00:00:00"), ("f_time", 1), ("g_duration", 999), ("g_duration", "1mo"), ("g_duration", "soon"),
            ("h_money", -1), ("h_money", 1.5), ("h_money", {"amount": 7}), ("h_money", {"amount": 7, "currency": "eur"}),
            ("h_money", {"amount": 7, "currency": "EUR", "x": 1}), ("i_dollars", {"amount": 7, "currency": "EUR"}),
            ("j_choice", ""), ("k", 1)))]
    data[0] = (False, {})
    events = [[{"type": "kinds.all", "data": d}, ok] for ok, d in data]
    base = {"type": "visit.rated", "data": {"score": 9}}
    events += [[{**base, **more}, ok] for more, ok in (
        ({}, True), ({"id": "1", "source": "/s", "time": "2026-01-01T00:00:00Z", "unit": "b07", "actor": "ana", "sequence": "1",
                      "subject": "c", "specversion": "1.0", "datacontenttype": "application/json", "dataschema": "urn:x"}, True),
        ({"id": ""}, False), ({"id": "x" * 257}, False), ({"time": "today"}, False), ({"sequence": "1a"}, False),
        ({"specversion": "0.3"}, False), ({"tenant": "x"}, False), ({"data": 4}, False), ({"data_base64": "AA=="}, False),
        ({"type": "visit.unrated"}, False), ({"unit": 7}, False), ({"recordedtime": "2026-01-01T00:00:00Z"}, False))]
    events += [[{"type": "kinds.bare"}, True], [{"type": "kinds.bare", "data": {}}, True], [{"type": "kinds.bare", "data": {"a": 1}}, False],
               [{"type": "kinds.open", "data": {"a": 1, "b": [2]}}, True], [{"type": "kinds.open", "data": {"a": "x"}}, False]]
    for event, ok in events:
        status, reply = cxd.post(event)
        assert status in ((200, 201) if ok else (422,)), (event, reply)
    differ = npm.run("node", npm.FOLDER / "check.js", stdin=json.dumps({"document": document(cxd), "events": events}))
    assert not differ, differ
