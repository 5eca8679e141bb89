"""SOP runs over HTTP: the whole life, retries, deaths, late answers, who sees what, old versions."""
import hashlib
import json
import os
import signal
import sqlite3

import pytest
from host import JSON, Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "sop.run" { fields = { run = cx.text { required = true }, sop = cx.text {}, version = cx.integer {}, hash = cx.text {},
  state = cx.choice { "open", "finished", "abandoned", required = true }, score = cx.decimal { scale = 4 },
  passed = cx.boolean {}, required = cx.boolean {}, journey = cx.text {}, channel = cx.text {} } }
cx.event "sop.item" { fields = { item = cx.text { required = true }, answer = cx.text {}, score = cx.decimal { scale = 2 },
  value = cx.decimal { scale = 1 }, section = cx.text {}, run = cx.text {} } }
cx.sop "welcome" { version = 3, title = "POP de recepção", role = "attendant", pass = 0.9,
  emits = { run = "sop.run", item = "sop.item" },
  items = {
    cx.item "greet"    { text = "Cumprimentar em até 30 segundos", critical = true },
    cx.item "name"     { text = "Usar o nome do cliente", weight = 2 },
    cx.item "photo"    { text = "Foto da vitrine", kind = "photo", evidence = true },
    cx.item "fridge"   { text = "Temperatura", kind = "number", format = "°C", min = 2, max = 8.5 },
    cx.item "language" { text = "Idioma do cliente", when = function(run) return run.answers.name == "no" or run.context.tourist end },
  },
}
cx.kpi "adherence" { by = { "unit" }, format = "%", measures = {
    done = cx.count("sop.run", function(e) return e.state == "finished" and e.required end),
    asked = cx.count("sop.run", function(e) return e.state == "open" and e.required end) },
  formula = function(m) return 100 * m.done / m.asked end }
cx.kpi "sop-score" { by = { "unit" }, measures = { all = cx.sum("sop.run", "score"),
    n = cx.count("sop.run", function(e) return e.score ~= nil and e.state == "finished" end) },
  formula = function(m) return m.all / 10000 / m.n end }
"""
RUNS = "/v1/sops/welcome/runs"


@pytest.fixture
def cxd(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        yield host


def token(host, name, level, *more):
    return {"Authorization": "Bearer " + json.loads(host.cli("token", "add", name, "--level", level, *more, "--json")[0])["token"]}


def call(host, method, path, body=None, headers=None):
    return host.request(method, path, body, {"Content-Type": JSON, **(headers or {})} if body is not None else headers or {})


def put(host, run, item, body, headers=None, status=200):
    got, reply, _ = call(host, "PUT", f"/v1/sop-runs/{run}/items/{item}", body, headers)
    assert got == status, reply
    return reply


def evidence(host, content=b"a photo"):
    sha = hashlib.sha256(content).hexdigest()
    assert host.request("PUT", f"/v1/evidence/{sha}", content, {"Content-Type": "image/png"})[0] in (200, 201)
    return "sha256:" + sha


def need(reply):
    return [(m["item"], m["need"], m["required"]) for m in reply["missing"]]


def test_the_whole_life(cxd):
    status, run, headers = call(cxd, "POST", RUNS, {"run": "r1", "unit": "b07", "actor": "ana", "context": {"channel": "loja"}})
    assert status == 201 and headers["Location"] == "/v1/sop-runs/r1", run
    assert run["state"] == "open" and run["version"] == 3 and len(run["hash"]) == 64 and run["score"] == 0
    assert need(run) == [("greet", "answer", False), ("name", "answer", False), ("photo", "answer", True), ("fridge", "answer", False)]
    assert [(i["item"], i["applies"]) for i in run["items"]][-1] == ("language", False)
    put(cxd, "r1", "greet", {"answer": "yes"})
    assert need(put(cxd, "r1", "name", {"answer": "no"}))[-1] == ("language", "answer", False)
    put(cxd, "r1", "fridge", {"answer": 8.5})
    reply = put(cxd, "r1", "photo", {"answer": "yes"})
    assert ("photo", "evidence", True) in need(reply) and reply["superseded"] is False
    status, why, _ = call(cxd, "POST", "/v1/sop-runs/r1/finish")
    assert status == 409 and why["code"] == "run_incomplete" and need(why) == need(reply) and "photo" in why["detail"]
    sha = evidence(cxd)
    status, why, _ = call(cxd, "PUT", "/v1/sop-runs/r1/items/photo", {"evidence": ["sha256:" + "0" * 64]})
    assert (status, why["code"], why["field"]) == (422, "invalid_field", "evidence") and "0" * 64 in why["detail"]
    put(cxd, "r1", "photo", {"evidence": [sha]})
    reply = put(cxd, "r1", "language", {"answer": "na"})
    assert need(reply) == [] and reply["items"][2]["evidence"] == [sha]
    status, done, _ = call(cxd, "POST", "/v1/sop-runs/r1/finish", {})
    assert status == 200 and done["state"] == "finished" and done["score"] == 0.6 and done["passed"] is False  # 1+0+1+1 of 5
    assert call(cxd, "POST", "/v1/sop-runs/r1/finish")[:2] == (200, done)  # again
    assert cxd.get("/v1/sop-runs/r1") == (200, done)
    assert put(cxd, "r1", "name", {"answer": "yes"}, status=409)["code"] == "run_ended"
    assert put(cxd, "r1", "name", {"answer": "no"})["state"] == "finished"  # a retry of what is there
    assert call(cxd, "POST", "/v1/sop-runs/r1/abandon", {"reason": "x"})[1]["code"] == "run_ended"
    runs = [e for e in cxd.get("/v1/events?type=sop.run")[1]["events"]]
    assert [e["data"]["state"] for e in runs] == ["open", "finished"]
    assert runs[1]["data"] == {"run": "r1", "sop": "welcome", "version": 3, "hash": done["hash"], "state": "finished",
                               "score": 0.6, "passed": False, "required": False, "channel": "loja"}
    assert runs[1]["unit"] == "b07" and runs[1]["actor"] == "ana"
    items = {e["data"]["item"]: e["data"] for e in cxd.get("/v1/events?type=sop.item")[1]["events"]}
    assert set(items) == {"greet", "name", "photo", "fridge", "language"} and items["fridge"]["value"] == 8.5
    assert items["name"]["answer"] == "no" and items["name"]["score"] == 0 and "score" not in items["language"]
    assert cxd.kpi("sop-score", "by=unit")["groups"][0]["value"] == 0.6
