"""Reactions, derives and measures that failed: listed, run again, kept as done."""
import json
import os
import signal
import threading

import pytest
from host import ACME, NDJSON, Host, rated

BROKEN = ACME.replace("return not cx.blank(e.comment)", "return BROKEN(e, 'derive')").replace(
    "e.score <= 6", "BROKEN(e, 'measure') and e.score <= 6").replace(
    'cx.event "visit.rated"', '''local broken = %s
local function BROKEN(e, what)
  if broken and e.score == 3 then error("no " .. what .. " today") end
  return true
end
cx.event "visit.rated"''') + '''
cx.event "voice.heard" { fields = { n = cx.integer {}, past = cx.boolean {} } }
cx.kpi "voices" { format = "number", measures = { n = cx.count("voice.heard") }, formula = function(m) return m.n end }
cx.kpi "by-written" { format = "number", by = { "written" }, measures = { n = cx.count("visit.rated"),
  last = cx.count("visit.rated", { latest = { "written" } }) }, formula = function(m) return m.n end }
cx.on "visit.rated" (function(e, tx) tx:emit { type = "voice.heard", data = { n = 1 } } end)
cx.on "visit.rated" (function(e, tx)
  tx:emit { type = "voice.heard", data = { n = 2, past = tx.past } }
  BROKEN(e, "second")
end)
cx.import "made" { generate = function(emit)
  emit { type = "visit.rated", id = "old", time = "2024-01-02 10:00", data = { score = 3 } }
end }
'''
# The functions stand at the same lines, broken or not.
PLUGIN = {b: BROKEN.replace("= %s", "= " + str(b).lower()) for b in (True, False)}


def failed(host, query=""):
    status, reply = host.get("/v1/failed" + query)
    assert status == 200, reply
    return reply["failed"]


def retry(host, number, code=200):
    status, reply = host.post(None, path=f"/v1/failed/{number}/retry")
    assert status == code, reply
    return reply


def mend(host):
    host.stop()
    host.write_plugin("acme", PLUGIN[False])
    host.start()


@pytest.fixture
def broken(tmp_path):
    with Host(tmp_path, plugins={"acme": PLUGIN[True]}) as host:
        yield host


def test_what_failed_is_listed_with_its_place(broken):
    status, receipt = broken.post(rated(id="a", score=3))
    assert status == 201
    rows = failed(broken)
    assert [r["handler"] for r in rows] == ["derive visit.rated.written", "kpi visit-nps: measure detractors", "on visit.rated"]
    assert [w["failed"] for w in receipt["warnings"]] == [r["id"] for r in rows]
    for r in rows:
        assert r["seq"] == receipt["seq"] and r["plugin"] == "acme" and r["tries"] == 1
        assert r["file"] == "plugins/acme/plugin.lua" and r["line"] > 0 and "today" in r["message"]
        assert "plugin.lua" in r["traceback"] and r["time"]
    page = broken.get("/v1/failed?limit=2")[1]
    assert [r["id"] for r in page["failed"]] == [r["id"] for r in rows[:2]] and page["next"] == rows[1]["id"]
    assert [r["id"] for r in failed(broken, f"?after={page['next']}")] == [rows[2]["id"]]
    assert failed(broken, "?plugin=other") == [] and len(failed(broken, "?plugin=acme")) == 3
    for wrong in ("?limit=0", "?limit=1001", "?after=x", "?colour=red"):
        assert broken.get("/v1/failed" + wrong)[1]["code"] == "bad_query"


def test_run_again_and_failing_again_says_so(broken):
    broken.post(rated(id="a", score=3))
    reply = retry(broken, failed(broken)[2]["id"])
    assert reply["done"] is False and reply["tries"] == 2 and "no second today" in reply["message"]
    assert failed(broken)[2]["tries"] == 2
    assert broken.kpi("voices")["value"] == 1, "what a failing reaction emits is undone"
    for number in ("99", "x", "0"):
        assert retry(broken, number, 404)["code"] == "not_found"


def test_run_again_with_a_mended_plugin(broken):
    """The figures are then those of a plugin that never failed."""
    for i, score in enumerate((9, 3, 5, 3, 10)):
        broken.post(rated(id=f"e{i}", score=score, data={"comment": "x"}))
    mend(broken)
    rows = failed(broken)
    assert len(rows) == 6
    for r in rows:
        reply = retry(broken, r["id"])
        assert reply["done"] is True and reply["done_time"], reply
    assert failed(broken) == []
    reply = broken.kpi("visit-nps")
    assert reply["measures"] == {"answers": 5, "promoters": 2, "detractors": 3} and reply["note"] is None
    reply = broken.kpi("by-written", "by=written")
    assert [(g["by"]["written"], g["measures"]) for g in reply["groups"]] == [(True, {"n": 5, "last": 1})]
    assert broken.kpi("voices")["value"] == 10
    assert all(e["derived"] == {"written": True} for e in broken.get("/v1/events?type=visit.rated")[1]["events"])
    # They are known from when they were: a retry corrects nothing, and does nothing twice.
    before = broken.get("/v1/events?limit=1000")[1]
    assert retry(broken, rows[-1]["id"])["done"] is True
    assert broken.get("/v1/events?limit=1000")[1] == before
    broken.cli("verify")


def test_twice_at_once_runs_it_once(broken):
    broken.post(rated(id="a", score=3))
    mend(broken)
    number = failed(broken)[2]["id"]
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(retry(broken, number))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(r["done"] and r["tries"] == 2 for r in replies) and len(replies) == 8
    assert broken.kpi("voices")["value"] == 2


def test_history_stays_history(broken):
    broken.stop()
    broken.cli("import", "made", broken.folder)
    broken.write_plugin("acme", PLUGIN[False])
    broken.start()
    number = [r["id"] for r in failed(broken) if r["handler"] == "on visit.rated"][0]
    assert retry(broken, number)["done"]
    voices = broken.get("/v1/events?type=voice.heard")[1]["events"]
    assert [v["data"].get("past") for v in voices] == [None, True]


def test_only_an_integrator_and_only_its_unit(broken):
    broken.post(rated(id="a", score=3, unit="b07"))
    out, _ = broken.cli("token", "add", "m", "--level", "manager")
    assert broken.get("/v1/failed", {"Authorization": f"Bearer {out.strip()}"})[0] == 403
    out, _ = broken.cli("token", "add", "i", "--level", "integrator", "--unit", "b08")
    bearer = {"Authorization": f"Bearer {out.strip()}"}
    assert broken.get("/v1/failed", bearer)[1]["failed"] == []
    number = failed(broken)[0]["id"]
    assert broken.post(None, path=f"/v1/failed/{number}/retry", headers=bearer)[0] == 404


def test_from_the_command_line(broken):
    for i in range(2):
        broken.post(rated(id=f"e{i}", score=3))
    number = failed(broken)[2]["id"]
    out, _ = broken.cli("retry", "--list")
    assert "on visit.rated" in out and "plugin.lua" in out
    _, err = broken.cli("retry", number, code=1)
    assert "no second today" in err
    mend(broken)
    broken.cli("retry", number)
    broken.cli("retry", number)
    broken.cli("retry", "--all", "--plugin", "other")
    assert len(failed(broken)) == 5
    broken.cli("retry", "--all", "--plugin", "acme")
    assert failed(broken) == []
    broken.cli("retry", code=2)
    broken.cli("retry", "77777", code=1)


def test_a_plugin_that_crashed_on_an_event_can_be_run_again(tmp_path):
    """Its measures and reactions were left out; all of it is made up for."""
    hang = ACME + '''
cx.event "voice.heard" { fields = { n = cx.integer {} } }
cx.on "visit.rated" (function(e, tx)
  if e.score == 0 then while true do end end
  tx:emit { type = "voice.heard", data = { n = 1 } }
end)
'''
    with Host(tmp_path, plugins={"acme": hang}, conf={"lua.handler": "5s"}) as host:
        body = "\n".join(str(rated(id=f"i{i}", score=0 if i == 1 else 9)).replace("'", '"') for i in range(3))
        assert host.crash(lambda: host.post(body, NDJSON))[1]["accepted"] == 3
        assert [r["handler"] for r in failed(host)] == ["derive", "measures", "on visit.rated"]
        assert host.kpi("visit-nps")["measures"]["answers"] == 2
        number = failed(host)[2]["id"]
        assert host.crash(lambda: retry(host, number, 500))["code"] == "plugin_crashed"
        assert failed(host)[2]["tries"] == 2
        host.stop()
        host.write_plugin("acme", hang.replace("e.score == 0", "false"))
        host.start()
        host.wait_plugin("acme")
        for r in failed(host):
            retry(host, r["id"])
        reply = host.kpi("visit-nps")
        assert reply["measures"]["answers"] == 3 and reply["note"] is None
        assert len(host.get("/v1/events?type=voice.heard")[1]["events"]) == 3
        host.cli("verify")


LOUD = """
cx.plugin { name = "loud", version = "1.0.0", api = 1 }
cx.event "a.said" { fields = { n = cx.integer {} } }
cx.event "b.said" { fields = { n = cx.integer {} } }
cx.on "a.said" (function(e, tx)
  for i = 1, 3 do tx:emit { type = "b.said", data = { n = i } } end
end)
cx.on "a.said" (function(e, tx) if e.n == 1 then error "first" end end)
cx.on "b.said" (function(e, tx) if e.n == 2 then error "second" end end)
"""


def test_the_same_event_again_has_the_warnings_of_the_first_receipt(tmp_path):
    with Host(tmp_path, plugins={"loud": LOUD}) as host:
        def said(n, i):
            return {"type": "a.said", "id": i, "source": "s", "time": "2026-03-02T10:00:00Z", "data": {"n": n}}
        first = {i: host.post(said(n, i)) for n, i in ((1, "x"), (0, "x/"), (1, "x/9"), (0, "y"))}
        assert [(s, len(r["warnings"])) for s, r in first.values()] == [(201, 2), (201, 1), (201, 2), (201, 1)]
        assert {w["message"] for w in first["x"][1]["warnings"]} == {"first", "second"}

        def again():
            for n, i in ((1, "x"), (0, "x/"), (1, "x/9"), (0, "y")):
                status, receipt = host.post(said(n, i))
                assert status == 200 and receipt == first[i][1], (receipt, first[i])
        again()
        lines = "".join(json.dumps(said(n, i)) + "\n" for n, i in ((1, "x"), (0, "y"), (1, "new"), (1, "new")))
        receipts = host.request("POST", "/v1/events?receipts=1", lines, {"Content-Type": NDJSON})[1]["receipts"]
        assert [r["warnings"] for r in receipts[:2]] == [first[i][1]["warnings"] for i in "xy"]
        assert receipts[2]["warnings"] == receipts[3]["warnings"] and len(receipts[2]["warnings"]) == 2
        os.kill(host.pids("writer")[0], signal.SIGKILL)
        again()
        host.stop()
        host.write_plugin("loud", LOUD.replace("error", "print"))
        host.start()
        again()
