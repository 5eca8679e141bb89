"""Cases: GET /v1/cases, clocks over HTTP, their deadlines as durable timers, whose cases one sees."""
import datetime
import json
import os
import signal
import time

import pytest
from host import Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "case.opened" { fields = { case = cx.text { required = true }, kind = cx.text {} } }
cx.event "case.moved" { fields = { case = cx.text { required = true }, move = cx.text { required = true }, reason = cx.text {} } }
cx.event "case.missed" { fields = { case = cx.text {}, rule = cx.text {} } }
local function is(move) return { ["case.moved"] = function(e) return e.move == move and (e.reason or true) end } end
cx.journey "case" { key = "case", start = "case.opened", stages = {
  cx.stage "open" { leave = { ["case.moved"] = function(e) if e.move == "closed" then return cx.done "closed" end end } } } }
local function clock(id, within, more)
  more.journey, more.within, more.stop = "case", within, is "answered"
  more.on_late = function(j, c, tx) tx:emit { type = "case.missed", data = { case = j.key, rule = c.id } } end
  cx.clock(id)(more)
end
clock("law", "7d", { law = true, title = { ["pt-BR"] = "Responder", en = "Answer" }, article = "art. 13" })
clock("own", "2h", { when = function(e) return e.kind ~= "calm" end, pause = is "asked", resume = is "told",
  extend = { on = is "extended", by = "1h" } })
clock("quick", "700ms", { when = function(e) return e.kind == "quick" end })
"""


@pytest.fixture
def cxd(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        yield host


def opened(cxd, case, unit="b07", **more):
    body = {"type": "case.opened", "id": f"o-{case}", "unit": unit, "data": {"case": case, **more}}
    when = body["data"].pop("time", None)
    status, reply = cxd.post({**body, **({"time": when} if when else {})})
    assert status == 201, reply


def moved(cxd, case, move, reason=None):
    moved.n = getattr(moved, "n", 0) + 1
    status, reply = cxd.post({"type": "case.moved", "id": f"m{moved.n}", "data": {"case": case, "move": move, "reason": reason}})
    assert status == 201 and "warnings" not in reply, reply


def cases(cxd, query="", headers=None):
    status, reply, _ = cxd.request("GET", "/v1/cases" + query, headers=headers or {})
    assert status == 200, reply
    return reply


def rules(case):
    return {c["rule"]: c for c in case["clocks"]}


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def missed(cxd):
    return [(e["data"]["case"], e["data"]["rule"]) for e in cxd.get("/v1/events?type=case.missed")[1]["events"]]


def test_every_clock_of_a_case(cxd):
    opened(cxd, "c1")
    opened(cxd, "c2", kind="calm")
    page = cases(cxd)
    assert [c["key"] for c in page["cases"]] == ["c1", "c2"] and page["next"] is None  # the own one of c1 is due first
    one = rules(page["cases"][0])
    assert set(one) == {"law", "own"} and set(rules(page["cases"][1])) == {"law"}
    assert (one["law"]["text"], one["law"]["article"], one["law"]["state"]) == ("Responder", "art. 13", "running")
    assert one["law"]["due"].endswith("T00:00:00-03:00") and one["own"]["article"] is None
    begun, due = (datetime.datetime.fromisoformat(one["own"][k]) for k in ("begun", "due"))
    assert due - begun == datetime.timedelta(hours=2)
    assert page["cases"][0]["due"] == one["own"]["due"]
    english = cases(cxd, headers={"Accept-Language": "en"})["cases"][0]
    assert rules(english)["law"]["text"] == "Answer"
    assert cxd.get("/v1/journeys/case/instances/c1")[1]["clocks"] == page["cases"][0]["clocks"]


def test_paused_extended_stopped(cxd):
    opened(cxd, "c1")
    moved(cxd, "c1", "asked", "a receipt")
    paused = rules(cases(cxd)["cases"][0])["own"]
    assert paused["paused"]["reason"] == "a receipt" and paused["due"] is None and paused["state"] == "paused"
    moved(cxd, "c1", "told")
    moved(cxd, "c1", "extended", "why not")
    moved(cxd, "c1", "extended", "once more")
    own = rules(cases(cxd)["cases"][0])["own"]
    assert [x["reason"] for x in own["extensions"]] == ["why not"] and own["refused"][0]["why"] == "already_extended"
    begun, due = (datetime.datetime.fromisoformat(own[k]) for k in ("begun", "due"))
    pause = datetime.datetime.fromisoformat(own["pauses"][0]["to"]) - datetime.datetime.fromisoformat(own["pauses"][0]["from"])
    assert due - begun == datetime.timedelta(hours=3) + pause
    history = cxd.get("/v1/journeys/case/instances/c1")[1]["history"]
    assert [h["deviation"] for h in history] == [None, "extension_refused"]
    moved(cxd, "c1", "answered")
    case = cases(cxd)["cases"][0]
    assert case["state"] == "stopped" and case["due"] is None and not any(c["late"] for c in case["clocks"])
    moved(cxd, "c1", "closed")
    assert cases(cxd)["cases"] == []
    assert len(cxd.get("/v1/journeys/case/instances/c1")[1]["clocks"]) == 2


def test_a_missed_clock_is_told_once_also_after_a_crash(cxd):
    opened(cxd, "c1", kind="quick")
    os.kill(cxd.get("/healthz")[1]["writer"]["pid"], signal.SIGKILL)
    wait_for(lambda: missed(cxd))
    case = cases(cxd, "?state=overdue")["cases"][0]
    assert rules(case)["quick"]["state"] == "overdue" and rules(case)["law"]["state"] == "running"
    os.kill(cxd.get("/healthz")[1]["writer"]["pid"], signal.SIGKILL)
    opened(cxd, "c2", kind="quick")
    wait_for(lambda: len(missed(cxd)) == 2)
    assert missed(cxd) == [("c1", "quick"), ("c2", "quick")]


def test_a_correction_that_no_rule_binds_is_no_case(cxd):
    opened(cxd, "c1")
    assert [set(rules(c)) for c in cases(cxd)["cases"]] == [{"law", "own"}]
    body = {"type": "case.opened", "id": "again", "corrects": "o-c1", "unit": "b07", "data": {"case": "c1", "kind": "calm"}}
    assert cxd.post(body)[0] == 201
    assert [set(rules(c)) for c in cases(cxd)["cases"]] == [{"law"}]
    assert cxd.post({**body, "id": "other", "data": {"case": "c2"}})[0] == 201
    assert [c["key"] for c in cases(cxd)["cases"]] == ["c2"]


def test_cases_keep_the_law_they_began_with(cxd):
    opened(cxd, "c1", kind="calm")
    cxd.write_plugin("shop", SHOP.replace('clock("law", "7d"', 'clock("law", "30d"').replace('e.kind ~= "calm"', "true"))
    assert cxd.request("POST", "/v1/plugins/reload")[0] == 200
    was = cases(cxd)["cases"][0]
    moved(cxd, "c1", "told")
    opened(cxd, "c2", kind="calm")
    now = {c["key"]: c for c in cases(cxd)["cases"]}
    assert now["c1"]["clocks"] == was["clocks"] and set(rules(now["c1"])) == {"law"}
    begun, due = (datetime.datetime.fromisoformat(rules(now["c2"])["law"][k]) for k in ("begun", "due"))
    assert set(rules(now["c2"])) == {"law", "own"} and due - begun > datetime.timedelta(days=29)
    moved(cxd, "c1", "answered")
    assert rules(cxd.get("/v1/journeys/case/instances/c1")[1])["law"]["state"] == "stopped"


def test_state_unit_and_pages(cxd):
    for n in range(5):
        opened(cxd, f"c{n}", unit=f"b{n % 2}")
    moved(cxd, "c0", "answered")
    assert [c["key"] for c in cases(cxd)["cases"]] == ["c1", "c2", "c3", "c4", "c0"]
    assert [c["key"] for c in cases(cxd, "?state=stopped&sort=due")["cases"]] == ["c0"]
    assert [c["key"] for c in cases(cxd, "?unit=b1")["cases"]] == ["c1", "c3"]
    got, after = [], ""
    while after is not None:
        page = cases(cxd, f"?limit=2{after and '&after=' + after}")
        got, after = got + [c["key"] for c in page["cases"]], page["next"]
    assert got == ["c1", "c2", "c3", "c4", "c0"]
    for query in ("?sort=key", "?state=open", "?after=1", "?limit=0"):
        status, reply, _ = cxd.request("GET", "/v1/cases" + query, headers={})
        assert (status, reply["code"]) == (400, "bad_query"), query


def test_a_unit_sees_its_own(cxd):
    opened(cxd, "c1", unit="b07")
    opened(cxd, "c2", unit="b08")
    made = json.loads(cxd.cli("token", "add", "till", "--level", "frontline", "--unit", "b08", "--json")[0])["token"]
    mine = {"Authorization": "Bearer " + made}
    assert [c["key"] for c in cases(cxd, headers=mine)["cases"]] == ["c2"]
    assert cases(cxd, "?unit=b07", headers=mine)["cases"] == []


BAD = """
cx.plugin { name = "bad", version = "1.0.0", api = 1 }
cx.event "a.done" { fields = { a = cx.text {} } }
cx.journey "a" { key = "a", start = "a.done", stages = { cx.stage "x" { leave = { ["a.done"] = cx.done "y" } } } }
cx.clock "one" { journey = "a", stop = "a.done" }
cx.clock "two" { journey = "b", within = "7d", stop = "a.done" }
cx.clock "three" { journey = "a", within = "7 days", stop = "a.done", pause = "a.done" }
cx.clock "four" { journey = "a", within = "7d", stop = "a.don", extend = { times = 0 }, valid = { from = "today" } }
cx.clock "five" { journey = "a", within = "7d", stop = { ["a.done"] = 5 } }
"""


def test_mistakes_name_the_place(tmp_path):
    with Host(tmp_path, plugins={"bad": BAD}) as cxd:
        found = {(e["line"], e["message"]) for p in cxd.get("/v1/plugins")[1]["plugins"] for e in p["errors"]}
    for line, message in [
            (5, 'clock "one": within is missing'), (6, 'clock "two": no journey "b" with a key in this plugin'),
            (7, 'clock "three": within must be a duration as 90min, 2h, 3d, 1mo, 3bd or 8bh'),
            (7, 'clock "three": pause and resume go together'), (8, 'clock "four": extend: on is missing: the event that extends it'),
            (8, 'clock "four": extend: times must be an integer from 1 to 100'), (8, 'clock "four": valid: from must be a day as "2022-10-03"'),
            (9, 'clock "five": stop: an event type leads to true, a reason, or a function')]:
        assert (line, message) in found, (line, message, found)
