"""SOP runs over HTTP: the whole life, retries, deaths, late answers, who sees what, old versions."""
import hashlib
import json
import os
import random
import signal
import threading
import time

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


def test_what_is_sent_again_is_the_same_run(cxd):
    body = {"run": "till-3/17", "unit": "b07", "context": {"tourist": True}, "time": "2026-03-02T10:00:00-03:00"}
    status, first, _ = call(cxd, "POST", RUNS, body)
    assert status == 201 and first["begun"] == "2026-03-02T10:00:00-03:00" and first["items"][4]["applies"] is True
    assert call(cxd, "POST", RUNS, dict(reversed(body.items())))[:2] == (200, first)
    assert call(cxd, "POST", RUNS, {**body, "unit": "b08"})[1]["code"] == "id_conflict"
    assert cxd.get("/v1/sop-runs/till-3%2F17") == (200, first)
    one, two = (call(cxd, "POST", RUNS, {})[1]["run"] for _ in range(2))
    assert one != two
    runs = cxd.get("/v1/sop-runs?limit=2")[1]
    assert [r["run"] for r in runs["sop_runs"]] == ["till-3/17", one]
    assert [r["run"] for r in cxd.get(f"/v1/sop-runs?after={runs['next']}")[1]["sop_runs"]] == [two]
    assert [r["run"] for r in cxd.get("/v1/sop-runs?unit=b07&state=open&sop=welcome")[1]["sop_runs"]] == ["till-3/17"]
    assert cxd.get("/v1/sop-runs?state=finished")[1] == {"sop_runs": [], "next": None}
    assert cxd.get("/v1/sop-runs?stat=open")[0] == 400 and cxd.get("/v1/sop-runs?limit=0")[0] == 400
    assert call(cxd, "POST", "/v1/sops/nothing/runs", {})[0] == 404 and cxd.get("/v1/sop-runs/nothing")[0] == 404
    abandoned = call(cxd, "POST", f"/v1/sop-runs/{one}/abandon", {"reason": "left"})
    assert abandoned[1]["state"] == "abandoned" and abandoned[1]["score"] is None and abandoned[1]["reason"] == "left"
    assert call(cxd, "POST", f"/v1/sop-runs/{one}/abandon", {"reason": "again"})[:2] == abandoned[:2]
    assert call(cxd, "POST", f"/v1/sop-runs/{one}/finish")[1]["code"] == "run_ended"


def test_wrong_answers_are_refused_by_name(cxd):
    run = call(cxd, "POST", RUNS, {"run": "r", "context": {"tourist": True}})[1]["run"]
    for item, body, field in (("greet", {"answer": "maybe"}, "answer"), ("greet", {"answer": True}, "answer"),
                              ("fridge", {"answer": "cold"}, "answer"), ("greet", {"answr": "yes"}, "answr"),
                              ("greet", {"answer": "yes", "time": "yesterday"}, "time"),
                              ("greet", {"answer": "yes", "sequence": -1}, "sequence"),
                              ("photo", {"evidence": ["sha256:zz"]}, "evidence"), ("photo", {"evidence": "x"}, "evidence")):
        assert put(cxd, run, item, body, status=422)["field"] == field, (item, body)
    assert put(cxd, run, "nothing", {"answer": "yes"}, status=404)["field"] == "item"
    assert call(cxd, "POST", RUNS, {"contxt": {}})[1]["field"] == "contxt"
    assert call(cxd, "POST", RUNS, {"context": []})[1]["field"] == "context"
    assert call(cxd, "POST", f"/v1/sop-runs/{run}/abandon", {})[1]["field"] == "reason"
    assert cxd.request("PUT", f"/v1/sop-runs/{run}/items/greet", "{}", {"Content-Type": "text/plain"})[0] == 415
    assert all(i["answer"] is None for i in cxd.get(f"/v1/sop-runs/{run}")[1]["items"])


def test_answers_that_come_late_and_out_of_order(cxd):
    call(cxd, "POST", RUNS, {"run": "r"})

    def at(minute, answer, sequence=None, device="tablet-1"):
        body = {"answer": answer, "time": f"2026-03-02T10:{minute:02d}:00-03:00", "device": device}
        return put(cxd, "r", "name", {**body, "sequence": sequence} if sequence else body)

    def stands(reply):
        return reply["items"][1]["answer"], reply["superseded"]

    assert stands(at(20, "no", 5)) == ("no", False)
    assert stands(at(10, "yes", 4)) == ("no", True)  # older
    assert stands(at(20, "yes", 4)) == ("no", True)  # the same minute, an older number
    assert stands(at(20, "no", 5)) == ("no", False)  # sent again
    assert stands(at(20, "yes", "6")) == ("yes", False)
    assert stands(at(19, "no", 9, "tablet-2")) == ("yes", True)
    assert stands(at(21, "no", 1, "tablet-2")) == ("no", False)
    reply = put(cxd, "r", "name", {"answer": None, "time": "2026-03-02T10:30:00-03:00"})  # taken back
    assert ("name", "answer", False) in need(reply) and reply["items"][1]["answer"] is None
    assert stands(at(29, "yes")) == (None, True)
    ahead = put(cxd, "r", "name", {"answer": "yes", "time": "2099-01-01T00:00:00Z"})  # a wrong clock blocks nothing
    assert stands(ahead) == ("yes", False) and stands(put(cxd, "r", "name", {"answer": "no"})) == ("no", False)


def test_a_unit_sees_and_writes_its_own(cxd):
    b07 = token(cxd, "till", "frontline", "--unit", "b07")
    ana = token(cxd, "ana-web", "frontline", "--person", "ana")
    run = call(cxd, "POST", RUNS, {"run": "mine"}, b07)[1]
    assert run["unit"] == "b07" and run["by"] == "/token/till"
    assert call(cxd, "POST", RUNS, {"unit": "b08"}, b07)[1]["code"] == "wrong_unit"
    call(cxd, "POST", RUNS, {"run": "other", "unit": "b08"})
    for method, path, body in (("GET", "", None), ("PUT", "/items/greet", {"answer": "yes"}), ("POST", "/finish", {}),
                               ("POST", "/abandon", {"reason": "x"})):
        assert call(cxd, method, "/v1/sop-runs/other" + path, body, b07)[0] == 404
    assert [r["run"] for r in cxd.get("/v1/sop-runs", b07)[1]["sop_runs"]] == ["mine"]
    assert cxd.get("/v1/sop-runs?unit=b08", b07)[1]["sop_runs"] == []
    assert call(cxd, "POST", RUNS, {"run": "hers"}, ana)[1]["actor"] == "ana"
    assert call(cxd, "POST", RUNS, {"actor": "bia"}, ana)[1]["code"] == "wrong_actor"
    assert put(cxd, "mine", "greet", {"answer": "yes"}, ana)["items"][0]["actor"] == "ana"
    assert put(cxd, "mine", "greet", {"answer": "yes", "actor": "bia"}, ana, 403)["code"] == "wrong_actor"
    assert [r["run"] for r in cxd.get("/v1/sop-runs?actor=ana")[1]["sop_runs"]] == ["hers"]


def test_every_write_survives_the_writers_death(cxd):
    steps = [("POST", RUNS, {"run": "r", "unit": "b07"}, 201), ("PUT", "/v1/sop-runs/r/items/greet", {"answer": "yes"}, 200),
             ("PUT", "/v1/sop-runs/r/items/name", {"answer": "yes"}, 200), ("PUT", "/v1/sop-runs/r/items/photo", {"answer": "na"}, 200),
             ("PUT", "/v1/sop-runs/r/items/fridge", {"answer": 1}, 200), ("POST", "/v1/sop-runs/r/finish", {}, 200)]
    for method, path, body, status in steps:
        got, reply, _ = call(cxd, method, path, body)
        assert got == status, reply
        os.kill(cxd.pids("writer")[0], signal.SIGKILL)
        assert cxd.get("/v1/sop-runs/r")[1]["items"] == reply["items"]
        again = call(cxd, method, path, body)
        assert again[0] == 200 and again[1]["items"] == reply["items"] and again[1]["score"] == reply["score"]
    cxd.kill()
    cxd.start()
    run = cxd.get("/v1/sop-runs/r")[1]
    assert run["state"] == "finished" and run["score"] == 0.75 and run["passed"] is False
    told = [e["data"]["state"] for e in cxd.get("/v1/events?type=sop.run")[1]["events"]]
    assert told == ["open", "finished"]


VALUES = {"greet": ["yes", "no"], "name": ["yes", "no"], "fridge": [3, 9.5], "photo": ["na", "no"], "language": ["yes", "na"]}


def persist(host, *request):
    """As an app does: the same request until it is answered."""
    while True:
        try:
            status, reply, _ = call(host, *request)
            if status not in (429, 503):
                return status, reply
        except OSError:
            pass
        time.sleep(0.02)


def test_tablets_out_of_order_doubled_and_killed_end_with_what_was_answered_last(cxd):
    wrong, runs = [], 10

    def tablet(n):
        draw = random.Random(n)
        for k in range(runs):
            path, last, sent = f"/v1/sop-runs/d{n}-{k}", {}, []
            persist(cxd, "POST", RUNS, {"run": f"d{n}-{k}", "unit": "b07"})
            for i in range(10):
                item = draw.choice(sorted(VALUES))
                last[item] = draw.choice(VALUES[item])
                sent.append((item, {"answer": last[item], "time": f"2026-03-02T10:{i:02d}:00-03:00", "device": f"d{n}", "sequence": i}))
            sent += draw.sample(sent, 4)
            draw.shuffle(sent)
            for item, body in sent:
                if persist(cxd, "PUT", f"{path}/items/{item}", body)[0] != 200:
                    wrong.append((path, item, body))
            kept = {i["item"]: i["answer"] for i in persist(cxd, "GET", path)[1]["items"] if i["answer"] is not None}
            if kept != last:
                wrong.append((path, kept, last))

    tablets = [threading.Thread(target=tablet, args=(n,)) for n in range(3)]
    for t in tablets:
        t.start()
    while any(t.is_alive() for t in tablets):
        time.sleep(0.4)
        pid = cxd.pids("writer")[0]
        if pid:  # it is not being started just now
            os.kill(pid, signal.SIGKILL)
        cxd.wait_ready()
    assert wrong == []
    assert len(cxd.get("/v1/sop-runs?limit=1000")[1]["sop_runs"]) == 3 * runs
    assert len(cxd.get("/v1/events?type=sop.run&limit=1000")[1]["events"]) == 3 * runs


NEXT = SHOP.replace("version = 3", "version = 4").replace('run.answers.name == "no" or run.context.tourist', "false").replace(
    "Cumprimentar em até 30 segundos", "Cumprimentar em até 20 segundos")


def reload(host, plugin):
    host.write_plugin("shop", plugin)
    return call(host, "POST", "/v1/plugins/reload")[:2]


def test_a_run_stays_on_its_version(cxd):
    call(cxd, "POST", RUNS, {"run": "old"})
    old = put(cxd, "old", "greet", {"answer": "yes"})
    status, why = reload(cxd, NEXT.replace("version = 4", "version = 3"))
    assert status == 422 and why["code"] == "reload_refused"
    assert [(e["plugin"], e["message"]) for e in why["plugin_errors"]] == [
        ("shop", 'sop "welcome": version 3 was in force with other content: give this content a version of its own')]
    assert reload(cxd, "-- a comment\n" + SHOP)[0] == 200
    assert call(cxd, "POST", RUNS, {"run": "same"})[1]["hash"] == old["hash"]
    assert reload(cxd, NEXT)[0] == 200
    assert cxd.get("/v1/sops")[1]["sops"][0]["version"] == 4
    new = call(cxd, "POST", RUNS, {"run": "new"})[1]
    assert new["version"] == 4 and new["hash"] != old["hash"]
    for _ in range(2):
        assert need(put(cxd, "old", "name", {"answer": "no"}))[-1] == ("language", "answer", False)  # its own condition
        assert ("language", "answer", False) not in need(put(cxd, "new", "name", {"answer": "no"}))
        cxd.stop()
        cxd.start()
    put(cxd, "old", "photo", {"answer": "na"})
    done = call(cxd, "POST", "/v1/sop-runs/old/finish")[1]
    assert (done["version"], done["hash"], done["state"], done["score"]) == (3, old["hash"], "finished", 0.2)
    assert need(done) == [("fridge", "answer", False), ("language", "answer", False)]
    cxd.stop()
    cxd.write_plugin("shop", SHOP.replace("version = 3", "version = 4"))
    out = cxd.cli("check", code=1)[0]
    assert 'plugins/shop/plugin.lua:' in out and 'version 4 was in force with other content' in out
    cxd.start()
    assert cxd.plugin("shop")["state"] == "failed"


def test_old_versions_take_turns(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}, conf={"lua.old_versions": "1"}) as cxd:
        for version in range(3, 7):  # each asks the language only where a number of its own is in the context
            assert reload(cxd, SHOP.replace("version = 3", f"version = {version}").replace(
                "run.context.tourist end", f"run.context.n == {version} end"))[0] == 200 or version == 3
            for n in (version, 0):
                call(cxd, "POST", RUNS, {"run": f"r{version}-{n}", "context": {"n": n}})
        for _ in range(2):
            for version in range(4, 7):
                for n in (version, 0):
                    run = put(cxd, f"r{version}-{n}", "greet", {"answer": "yes", "time": "2026-03-02T10:00:00Z"})
                    assert (run["version"], run["items"][4]["applies"]) == (version, n == version)


def test_what_cannot_be_judged_is_kept(cxd):
    call(cxd, "POST", RUNS, {"run": "r"})
    assert call(cxd, "POST", "/v1/plugins/shop/disable")[0] == 200
    reply = put(cxd, "r", "greet", {"answer": "yes"})
    assert reply["items"][0]["answer"] == "yes" and reply["score"] is None and len(reply["warnings"]) == 1
    assert call(cxd, "POST", "/v1/sop-runs/r/finish")[:1] == (500,)
    assert call(cxd, "POST", "/v1/plugins/shop/enable")[0] == 200
    cxd.wait_plugin("shop")
    put(cxd, "r", "photo", {"answer": "na"})
    done = call(cxd, "POST", "/v1/sop-runs/r/finish")[1]
    assert done["score"] == 0.25 and done["warnings"] == []
    broken = SHOP.replace("version = 3", "version = 5").replace("run.context.tourist", "run.context.tourist.really")
    assert reload(cxd, broken)[0] == 200
    run = call(cxd, "POST", RUNS, {"run": "b"})[1]
    assert run["items"][4]["applies"] is True and run["warnings"][0]["item"] == "language"
    assert "plugins/shop/plugin.lua:" in run["warnings"][0]["message"]
    forever = SHOP.replace("version = 3", "version = 6").replace("run.context.tourist end", "(function() while true do end end)() end")
    assert reload(cxd, forever)[0] == 200
    run = call(cxd, "POST", RUNS, {"run": "f"})[1]
    assert run["score"] is None and run["warnings"][0]["item"] is None
    assert put(cxd, "f", "greet", {"answer": "yes"})["items"][0]["answer"] == "yes"


def test_an_answer_is_kept_when_its_condition_ends_the_engine(tmp_path):
    forever = SHOP.replace("run.context.tourist end", "(run.answers.greet and (function() while true do end end)()) end")
    with Host(tmp_path, plugins={"shop": forever}, conf={"lua.handler": "10s"}) as cxd:
        call(cxd, "POST", RUNS, {"run": "r"})
        status, reply, _ = cxd.crash(lambda: call(cxd, "PUT", "/v1/sop-runs/r/items/greet", {"answer": "yes"}))
        assert status == 200 and reply["items"][0]["answer"] == "yes", reply
        assert reply["warnings"] == [{"item": None, "message": "the plugin crashed on this run"}]
        assert cxd.plugin("shop")["strikes"] == 1
        status, reply, _ = cxd.crash(lambda: call(cxd, "PUT", "/v1/sop-runs/r/items/name", {"answer": "yes"}))
        assert status == 200 and [i["answer"] for i in reply["items"][:2]] == ["yes", "yes"]
        cxd.wait_plugin("shop", "quarantined")
        assert put(cxd, "r", "fridge", {"answer": 4})["items"][3]["answer"] == 4


VISITS = """
cx.plugin { name = "visits", version = "1.0.0", api = 1 }
cx.event "mystery.visited" { fields = { run = cx.text {}, state = cx.text {}, score = cx.decimal { scale = 3 } } }
cx.sop "scorecard" { version = 1, embargo = "2s", emits = "mystery.visited", items = {
  cx.section "service" { weight = 3, items = { cx.item "smile" { text = "Sorriso" }, cx.item "hello" { text = "Bom dia", critical = true } } },
  cx.section "place"   { weight = 1, items = { cx.item "clean" { text = "Limpeza", kind = "choice", choices = { "bom", "médio", "ruim" },
    scores = { bom = 1, ["médio"] = 0.5, ruim = 0 } } } },
} }
cx.sop "quiz" { version = 1, pass = 0.7, items = {
  cx.item "q1" { text = "Prazo do SAC?", kind = "choice", choices = { "5 dias", "7 dias" }, right = "7 dias", na = false },
  cx.item "q2" { text = "Quem responde?", kind = "choice", choices = { "a loja", "a central" }, right = { "a loja", "a central" } } } }
cx.sop "queue" { version = 1, exposure = { from = "from", to = "to" }, items = {
  cx.item "from" { text = "Início", kind = "time", required = true }, cx.item "to" { text = "Fim", kind = "time", required = true },
  cx.item "left" { text = "Desistências", kind = "count" }, cx.item "sign" { text = "Quem observou", kind = "signature" } } }
"""


def test_a_scorecard_is_under_embargo_for_its_unit(tmp_path):
    with Host(tmp_path, plugins={"visits": VISITS}) as cxd:
        unit = token(cxd, "chief", "manager", "--unit", "b07")
        shopper = token(cxd, "shopper", "frontline")
        manager = token(cxd, "boss", "manager")
        other = token(cxd, "other", "frontline")
        run = call(cxd, "POST", "/v1/sops/scorecard/runs", {"run": "m1", "unit": "b07"}, shopper)[1]
        assert run["hidden"] is False and run["embargo_until"] is None
        for who in (unit, other):
            assert cxd.get("/v1/sop-runs/m1", who)[0] == 404 and cxd.get("/v1/sop-runs", who)[1]["sop_runs"] == []
        assert cxd.get("/v1/sop-runs/m1", manager)[0] == 200
        for item, answer in (("smile", "no"), ("hello", "yes"), ("clean", "médio")):
            put(cxd, "m1", item, {"answer": answer}, shopper)
        done = call(cxd, "POST", "/v1/sop-runs/m1/finish", {}, shopper)[1]
        assert done["score"] == 0.5 and [s["score"] for s in done["sections"]] == [0.5, 0.5] and done["embargo_until"]
        hidden = cxd.get("/v1/sop-runs/m1", unit)[1]
        assert hidden["hidden"] is True and hidden["state"] == "finished" and hidden["score"] is None and hidden["items"] == []
        assert cxd.get("/v1/sop-runs?unit=b07", unit)[1]["sop_runs"] == [hidden]
        assert cxd.get("/v1/sop-runs/m1", manager)[1]["score"] == 0.5
        assert cxd.get("/v1/events")[1]["events"] == []  # nor does an event tell
        end = time.monotonic() + 20
        while not cxd.get("/v1/events")[1]["events"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        (event,) = cxd.get("/v1/events")[1]["events"]
        assert event["data"] == {"run": "m1", "state": "finished", "score": 0.5}
        assert cxd.get("/v1/sop-runs/m1", unit)[1]["score"] == 0.5


def test_quizzes_and_observations(tmp_path):
    with Host(tmp_path, plugins={"visits": VISITS}) as cxd:
        call(cxd, "POST", "/v1/sops/quiz/runs", {"run": "q"})
        put(cxd, "q", "q1", {"answer": "5 dias"})
        reply = put(cxd, "q", "q2", {"answer": "a loja"})
        assert reply["score"] is None and [i["score"] for i in reply["items"]] == [None, None]  # what is right is not told
        choices = {"5 dias": 0, "7 dias": 1}
        for level, told in (("frontline", {}), ("manager", choices)):
            (quiz,) = [s for s in cxd.get("/v1/sops", token(cxd, level, level))[1]["sops"] if s["id"] == "quiz"]
            assert {c["choice"]: c["score"] for c in quiz["items"][0]["choices"] if "score" in c} == told
        assert put(cxd, "q", "q1", {"answer": "9 dias"}, status=422)["field"] == "answer"
        assert put(cxd, "q", "q1", {"answer": "na"}, status=422)["field"] == "answer"
        done = call(cxd, "POST", "/v1/sop-runs/q/finish")[1]
        assert done["score"] == 0.5 and done["passed"] is False
        call(cxd, "POST", "/v1/sops/queue/runs", {"run": "o"})
        put(cxd, "o", "from", {"answer": "2026-03-02T10:00:00-03:00"})
        reply = put(cxd, "o", "left", {"answer": 9})
        assert reply["exposure"] == {"minutes": None, "rates": []}
        assert call(cxd, "POST", "/v1/sop-runs/o/finish")[1]["missing"][0]["item"] == "to"
        assert put(cxd, "o", "to", {"answer": "10:45"}, status=422)["field"] == "answer"
        reply = put(cxd, "o", "to", {"answer": "2026-03-02T10:45:00-03:00"})
        assert reply["exposure"] == {"minutes": 45, "rates": [{"item": "left", "count": 9, "per_hour": 12}]}
        assert put(cxd, "o", "left", {"answer": -1}, status=422)["field"] == "answer"
        put(cxd, "o", "sign", {"answer": "Ana Prado"})
        done = call(cxd, "POST", "/v1/sop-runs/o/finish")[1]
        assert done["score"] == 1 and done["passed"] is None
