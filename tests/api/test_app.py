"""An attendant's app out of /v1/openapi.json alone: a generated TypeScript client runs a whole day of a shop."""
import json
import re
import shutil
import subprocess
import threading

import npm
import pytest
from host import JSON, Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
for type, fields in pairs {
  ["visit.started"] = { channel = cx.choice { "loja", "app", required = true } }, ["need.stated"] = { need = cx.choice { "compra", "troca", required = true } },
  ["sale.settled"] = { state = cx.choice { "won", "lost", required = true }, paid = cx.money { currency = "BRL" } },
  ["visit.closed"] = { reason = cx.text {} },
  ["promise.made"] = { promise = cx.text { required = true }, what = cx.text {}, due = cx.time { required = true } },
  ["promise.settled"] = { promise = cx.text { required = true } }, ["friction.met"] = { kind = cx.text { required = true }, lost = cx.duration {} },
  ["nps.answered"] = { score = cx.integer { min = 0, max = 10, required = true }, comment = cx.text { personal = true } },
} do
  fields.visit = cx.text { required = true }
  cx.event(type) { fields = fields }
end
cx.event "sop.told" { fields = { state = cx.choice { "open", "finished", "abandoned", required = true }, required = cx.boolean {} } }
cx.sop "open-shop" { version = 2, title = "Abrir a loja", role = "attendant", pass = 0.9, emits = "sop.told", items = {
  cx.item "light" { text = "Luzes acesas", critical = true }, cx.item "fridge" { text = "Geladeira", kind = "number", format = "°C", min = 2, max = 8 },
  cx.item "window" { text = "Foto da vitrine", kind = "photo", evidence = true },
  cx.item "floor" { text = "Piso", kind = "choice", choices = { "limpo", "sujo" }, scores = { limpo = 1, sujo = 0 }, required = true } } }
cx.sop "welcome" { version = 3, title = "Receber", items = { cx.item "greet" { text = "Cumprimentar" }, cx.item "name" { text = "Usar o nome" } } }
cx.sop "service" { version = 1, title = "Atender", pass = 1, emits = "sop.told", items = { cx.item "listen" { text = "Confirmar o pedido", required = true } } }
cx.journey "visit" { title = "Atendimento", owner = "store-manager", tier = "tactical", key = "visit", start = "visit.started", by = { "unit", "channel" },
  stages = {
    cx.stage "receive" { title = "Receber", sop = "welcome", within = "1h", leave = { ["need.stated"] = "execute" } },
    cx.stage "execute" { title = "Executar", sop = { "service", required = true }, within = "3h", leave = { ["sale.settled"] = function(e)
      return e.state == "won" and "close" or cx.done("left", { lost = true }) end } },
    cx.stage "close" { title = "Fechar", within = "1bd", window = "1d", leave = { ["visit.closed"] = cx.done "served" } } },
  idle = { after = "1d", outcome = cx.done("abandoned", { lost = true }) }, ideal = { "receive", "execute", "close" }, nps = "nps.answered",
  promises = { made = "promise.made", settled = "promise.settled", id = "promise", due = "due", reason = "reason" },
  on_late = function(j, stage, tx) tx:friction { journey = j, stage = stage, kind = "wait" } end }
cx.on "friction.met" (function(e, tx)
  local j = tx:journey("visit", e.visit)
  tx:friction { journey = "visit", key = e.visit, stage = j.stage, kind = e.kind, lost = e.lost }
end)
cx.record "promise" { key = "promise", unit = "unit", read = "frontline", write = "manager", fields = { promise = cx.text { required = true },
  unit = cx.text {}, due = cx.time {}, state = cx.choice { "open", "kept", "late", default = "open" } } }
cx.on "promise.made" (function(e, tx) tx:record("promise"):put { promise = e.promise, unit = e.unit, due = e.due } end)
cx.on "promise.settled" (function(e, tx)
  local p = tx:record("promise"):get(e.promise)
  p.state = e.time <= p.due and "kept" or "late"
  tx:record("promise"):put(p)
end)
cx.kpi "visit-nps" { format = "points", better = "higher", by = { "unit" }, measures = { answers = cx.count("nps.answered"),
    promoters = cx.count("nps.answered", function(e) return e.score >= 9 end), detractors = cx.count("nps.answered", function(e) return e.score <= 6 end) },
  formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end }
cx.kpi "adherence" { format = "%", better = "higher", by = { "unit" }, measures = {
    done = cx.count("sop.told", function(e) return e.state == "finished" and e.required end),
    asked = cx.count("sop.told", function(e) return e.state == "open" and e.required end) },
  formula = function(m) return 100 * m.done / m.asked end }
"""


@pytest.fixture
def app(tmp_path):
    """A daemon that has the plugin, and the folder with the compiled app."""
    npm.needed("openapi-typescript", "openapi-fetch", "typescript")
    port = npm.free_port()
    with Host(tmp_path / "cxd", plugins={"shop": SHOP}, conf={"server.tcp": f"127.0.0.1:{port}"}) as host:
        host.url = f"http://127.0.0.1:{port}"
        folder = tmp_path / "app"
        folder.mkdir()
        for name in ("app.ts", "wrong_app.ts", "node.d.ts", "tsconfig.json", "package.json"):
            shutil.copy(npm.FOLDER / name, folder)
        (folder / "node_modules").symlink_to(npm.MODULES)
        (folder / "openapi.json").write_text(json.dumps(host.get("/v1/openapi.json")[1]))
        npm.run(npm.tool("openapi-typescript"), "openapi.json", "-o", "schema.d.ts", cwd=folder)
        npm.run(npm.tool("tsc"), "-p", ".", cwd=folder)
        host.app = folder / "out" / "app.js"
        yield host


def test_the_app_takes_its_types_from_the_document():
    code = re.sub(r"(^|[ ;])//.*", "", (npm.FOLDER / "app.ts").read_text(), flags=re.M)
    own = r"\bany\b|\bas (?!\[string, string, string, string\])|\binterface\b|\bdeclare\b|^type (?!\w+ = components\[).*"
    assert re.findall(own, code, re.M) == []


def test_a_whole_day_of_a_shop(app):
    assert app.post({"run": "other", "unit": "b08"}, JSON, path="/v1/sops/open-shop/runs")[0] == 201
    till, chief = npm.token(app, "till", "frontline", unit="b07"), npm.token(app, "chief")
    day = subprocess.Popen(["node", app.app, app.url, till, chief, "other"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watch = threading.Timer(300, day.kill)
    watch.start()
    try:
        assert day.stdout.readline() == "noon\n"
        app.kill()                                           # the machine goes off; the app goes on
        app.start()
        out = day.stdout.read()
        assert day.wait() == 0, out
    finally:
        watch.cancel()
        day.kill()
        day.wait()
    out = json.loads(out)
    assert out["me"] == ["till", "frontline", "b07"] and out["lost"] > 20, out
    assert out["opening"] == 2 and out["stale"] == [True, "no"] and out["wrong"] == [422, "invalid_field", "answer"]
    assert out["early"] == [409, "run_incomplete", None] and out["wanting"] == ["window answer", "floor answer"]
    assert out["opened"] == ["finished", 1, True] and out["shown"] == [i * 7 % 256 for i in range(10)]
    assert out["received"] == ["receive", True, ["need.stated"], 1]
    assert out["held"] == ["execute", "sop_open"] and out["open"] == ["close", "open_promise"] and out["promises"] == ["open"]
    assert out["late"] == [["v3", "receive", "b07"]] and out["abandoned"] == ["abandoned", "no time", None]
    assert out["foreign"] == [404, "not_found", "run"] and out["meddled"] == [404, "not_found", "run"]
    assert out["elsewhere"] == [403, "wrong_unit", "unit"] and out["figures"][:2] == [403, "forbidden"]
    assert out["same"] and set(out["again"]) <= {200, 403, 404, 409, 422} and len(out["again"]) > 30
    assert out["ended"] == [["v1", None, "served", False, ["sop_open", "open_promise"]], ["v2", None, "left", True, ["late"]],
                            ["v3", "receive", None, None, ["late"]]]
    assert out["runs"] == [
        ["open-shop", "open", None, None, False], ["open-shop", "finished", None, None, False],
        ["welcome", "finished", "receive", "v1", False], ["service", "finished", "execute", "v1", True],
        ["welcome", "open", "receive", "v2", False], ["service", "finished", "execute", "v2", True],
        ["welcome", "abandoned", "receive", "v3", False]]
    stages, outcomes, groups = out["funnel"]
    assert stages == [["receive", 3, 1, {"execute": 2}, 1], ["execute", 2, 0, {"close": 1, "left": 1}, 0.5], ["close", 1, 0, {"served": 1}, 1]]
    assert outcomes == {"served": 1, "left": 1} and groups == [["app", "b07", 1], ["loja", "b07", 2]]
    frictions = {f[0]: f[1:] for f in out["frictions"]}
    assert frictions.keys() == {"wait", "abandonment", "out-of-stock"} and frictions["out-of-stock"] == ["execute", 1, 300_000, -100, 100]
    assert frictions["wait"][:2] == ["receive", 2] and frictions["wait"][2] > 50 * 60_000 and out["behind"] == ["v2"]
    assert out["nps"] == [0, [["b07", 0]]] and out["adherence"] == 100
    assert out["stages"] == [["receive", "welcome", False, "1h"], ["execute", "service", True, "3h"], ["close", None, False, "1bd"]]
