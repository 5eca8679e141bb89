"""Corrections and latest/first, as a client sees them: what stands counts, the rest stays in the log."""
import contextlib
import json
import os
import re
import signal
import sqlite3
import time

import pytest

from host import BATCH, NDJSON, Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "shop.rated" { fields = {
  score = cx.integer { min = 0, max = 10, required = true },
  order = cx.text {}, answered = cx.time {}, channel = cx.choice { "app", "store" } } }
cx.event "case.opened" { fields = { why = cx.text {} } }
cx.event "other.done" { fields = {} }
cx.on "shop.rated" (function(e, tx)
  if e.score <= 6 then tx:emit { type = "case.opened", data = { why = "low" } } end
  if e.score == 0 then tx:emit { type = "case.opened", data = { why = e.corrects or "none" } } end
end)
cx.kpi "score" { by = { "unit", "channel" },
  measures = { answers = cx.count("shop.rated"), total = cx.sum("shop.rated", "score"), high = cx.count("shop.rated", function(e)
    if e.score == 3 then error("no threes") end
    return e.score >= 9 end), people = cx.distinct("shop.rated", "subject") },
  formula = function(m) return m.total / m.answers end }
cx.kpi "last-score" { by = { "unit" },
  measures = { answers = cx.count("shop.rated", { latest = { "order", by = "answered" } }),
    total = cx.sum("shop.rated", "score", { latest = { "order", by = "answered" } }),
    first = cx.sum("shop.rated", "score", { first = { "order" } }) },
  formula = function(m) return m.total / m.answers end }
cx.kpi "cases" { measures = { n = cx.count("case.opened"), low = cx.count("case.opened", function(e) return e.why == "low" end) },
  formula = function(m) return m.n end }
cx.import "till" { tables = { t = "t.csv" }, events = { { sql = "select rowid as rowid, * from t", map = function(r)
  return { type = "shop.rated", id = r.id, source = "/till", time = r.at, recordedtime = r.at, data = { score = r.score } } end } } }
"""


@pytest.fixture
def shop(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        yield host


def answer(id, score, day=2, corrects=None, **more):
    event = {"type": "shop.rated", "id": id, "source": "/s", "time": f"2026-03-{day:02}T10:00:00-03:00"}
    data = {"score": score, **more.pop("data", {})}
    if corrects:
        event["corrects"] = corrects
    return {**event, **more, "data": data}


def post(host, *events, code=201):
    for event in events:
        status, reply = host.post(event)
        assert status == code, reply
    return reply


def figures(host, kpi="score", query=""):
    return host.kpi(kpi, query)["measures"]


def test_a_correction_changes_the_figure(shop):
    post(shop, answer("a", 10, subject="ana"), answer("b", 4, subject="bia"))
    assert figures(shop) == {"answers": 2, "total": 14, "high": 1, "people": 2}
    post(shop, answer("a1", 5, corrects="a", subject="caio"))
    assert figures(shop) == {"answers": 2, "total": 9, "high": 0, "people": 2}
    events = shop.get("/v1/events?limit=10")[1]["events"]
    assert [e.get("corrects") for e in events if e["type"] == "shop.rated"] == [None, None, "a"]
    shop.cli("verify")


def test_a_correction_moves_day_and_group(shop):
    post(shop, answer("a", 10, unit="u1"), answer("a1", 10, day=5, corrects="a", unit="u2"))
    assert figures(shop, query="from=2026-03-02&to=2026-03-03")["answers"] == 0
    assert figures(shop, query="from=2026-03-05&to=2026-03-06")["answers"] == 1
    assert figures(shop, query="where=unit:u1")["answers"] == 0
    assert figures(shop, query="where=unit:u2")["answers"] == 1
    shop.cli("verify")


def test_a_correction_of_a_correction_is_of_the_same_family(shop):
    post(shop, answer("a", 1), answer("a1", 2, corrects="a"), answer("a2", 8, corrects="a1"),
         answer("a3", 9, corrects="a"))
    assert figures(shop)["answers"] == 1 and figures(shop)["total"] == 9
    shop.cli("verify")


def test_only_what_is_there_and_of_the_same_type_is_corrected(shop):
    post(shop, answer("a", 9), {"type": "other.done", "id": "o", "source": "/s"})
    for event in (answer("x", 1, corrects="nobody"), answer("x", 1, corrects="o"), answer("x", 1, corrects="x"),
                  answer("x", 1, corrects="a", source="/elsewhere")):
        status, reply = shop.post(event)
        assert (status, reply["code"], reply["field"]) == (422, "invalid_field", "corrects"), reply
    assert figures(shop)["answers"] == 1


def test_a_retry_of_a_correction_is_known(shop):
    post(shop, answer("a", 9))
    first = post(shop, answer("a1", 2, corrects="a"))
    again = post(shop, answer("a1", 2, corrects="a"), code=200)
    assert again == first and figures(shop)["total"] == 2
    status, reply = shop.post(answer("a1", 2, corrects="a1"))
    assert (status, reply["code"]) == (409, "id_conflict")


def test_a_batch_with_original_and_correction(shop):
    batch = [{"specversion": "1.0", **e} for e in
             (answer("a", 9), answer("a1", 3, corrects="a"), answer("a2", 4, corrects="a1"), answer("b", 1, corrects="?"))]
    status, reply = shop.post(batch, BATCH)
    assert status == 200 and reply["accepted"] == 3, reply
    assert [(r["index"], r["field"]) for r in reply["rejected"]] == [(3, "corrects")]
    assert figures(shop) == {"answers": 1, "total": 4, "high": 0, "people": 0}
    status, reply = shop.post(batch, BATCH)
    assert (reply["accepted"], reply["duplicates"]) == (0, 3)
    shop.cli("verify")


def test_what_was_left_out_leaves_without_a_trace(shop):
    post(shop, answer("a", 3))
    assert shop.kpi("score")["note"] == "partial"
    post(shop, answer("a1", 9, corrects="a"))
    reply = shop.kpi("score")
    assert reply["note"] != "partial" and reply["measures"]["high"] == 1
    shop.cli("verify")


def test_latest_and_first_with_corrections(shop):
    def at(id, score, order, hour, **more):
        return answer(id, score, data={"order": order, "answered": f"2026-03-02T{hour:02}:00:00Z"}, **more)

    post(shop, at("a", 1, "o1", 8), at("b", 2, "o1", 9, day=3), at("c", 4, "o1", 7, day=4), answer("n", 5))
    assert figures(shop, "last-score") == {"answers": 2, "total": 7, "first": 6}
    post(shop, at("b1", 3, "o1", 6, corrects="b", day=3))  # b is no longer the latest
    assert figures(shop, "last-score") == {"answers": 2, "total": 6, "first": 6}
    post(shop, at("a1", 1, "o2", 8, corrects="a"))  # a goes to another order: c is the latest of o1, b1 the first
    assert figures(shop, "last-score") == {"answers": 3, "total": 10, "first": 9}
    shop.cli("verify")


def test_a_new_choice_is_made_up_for_from_the_log(shop):
    post(shop, *(answer(f"e{i}", i % 11, day=1 + i % 9, data={"order": f"o{i % 4}"}) for i in range(30)),
         answer("x", 9, corrects="e7", data={"order": "o1"}))
    want = figures(shop, "last-score")
    assert shop.stop() == 0
    more = SHOP.replace('first = { "order" }', 'first = { "order", by = "score" }')
    shop.write_plugin("shop", more)
    shop.start()
    got = figures(shop, "last-score")
    assert got["total"] == want["total"] and got["answers"] == want["answers"]
    shop.cli("verify")
    post(shop, answer("y", 0, data={"order": "o2"}))
    shop.cli("verify")


def test_a_choice_by_a_field_that_is_derived_later(shop):
    post(shop, *(answer(f"e{i}", i % 11, data={"order": f"o{i % 6}"}) for i in range(12)))
    assert shop.stop() == 0
    half = SHOP.replace("""{ "app", "store" } } }""", """{ "app", "store" } },
  derive = { half = cx.text(function(e) return e.order and e.order:sub(2, 2) < "3" and "low" or nil end) } }""")
    shop.write_plugin("shop", half.replace('first = { "order" }', 'first = { "half" }'))
    shop.start()
    # Of the six with half = low the first by time, ties by the least id: e0. The others count by themselves.
    assert figures(shop, "last-score")["first"] == 0 + 3 + 4 + 5 + 9 + 10 + 0
    post(shop, answer("a", 7, day=1, data={"order": "o1"}))
    assert figures(shop, "last-score")["first"] == 7 + 3 + 4 + 5 + 9 + 10 + 0
    shop.cli("verify")


def test_a_choice_that_was_out_of_use_for_a_while(shop):
    post(shop, answer("a", 1, day=1, data={"order": "o"}))
    for plugin, event in ((re.sub(r'cx.kpi "last-score".*?\nend }?\n|cx.kpi "last-score" .*?m.answers end }\n', "", SHOP, flags=re.S),
                           answer("b", 9, day=5, data={"order": "o", "answered": "2026-03-05T10:00:00Z"})),
                          (SHOP, answer("c", 4, day=3, data={"order": "o", "answered": "2026-03-03T10:00:00Z"}))):
        assert shop.stop() == 0
        shop.write_plugin("shop", plugin)
        shop.start()
        assert (shop.get("/v1/kpis/last-score")[0] == 404) == (plugin != SHOP)
        post(shop, event)
    assert figures(shop, "last-score") == {"answers": 1, "total": 9, "first": 1}
    shop.cli("verify")


def test_who_is_bound_to_a_unit_corrects_nothing_of_another(shop):
    secret = shop.cli("token", "add", "till", "--level", "frontline", "--unit", "u1")[0]
    token = {"Authorization": "Bearer " + secret.split()[0]}
    post(shop, answer("a", 9, unit="u1"), answer("b", 9, unit="u2"))
    assert shop.post(answer("a1", 2, corrects="a"), headers=token)[0] == 201
    status, reply = shop.post(answer("b1", 2, corrects="b"), headers=token)
    assert (status, reply["code"], reply["field"]) == (422, "invalid_field", "corrects")
    assert figures(shop)["total"] == 11


def test_emitted_facts_are_corrected_not_doubled(shop):
    post(shop, answer("a", 5), answer("a1", 6, corrects="a"))  # emits the same again
    assert figures(shop, "cases") == {"n": 1, "low": 1}
    post(shop, answer("a2", 0, corrects="a1", day=4))  # one on another day, and another case
    assert figures(shop, "cases") == {"n": 2, "low": 1}
    assert figures(shop, "cases", "from=2026-03-04")["n"] == 2
    events = shop.get("/v1/events?limit=20")[1]["events"]
    cases = {e["id"]: (e.get("corrects"), e["data"]["why"]) for e in events if e["type"] == "case.opened"}
    assert cases == {"a/1": (None, "low"), "a2/1": ("a/1", "low"), "a2/2": (None, "a1")}
    shop.cli("verify")


def test_the_writer_killed_between_corrections(shop):
    post(shop, answer("a", 1))
    for i in range(6):
        event = answer(f"a{i}", i, corrects="a", day=2 + i)
        status = 0
        if i % 2:
            os.kill(shop.pids("writer")[0], signal.SIGKILL)
        end = time.monotonic() + 60
        while status not in (200, 201) and time.monotonic() < end:
            status, reply = shop.post(event)
            assert status in (200, 201, 429, 503), reply
    assert figures(shop)["answers"] == 1 and figures(shop)["total"] == 5
    shop.cli("verify")


def test_a_correction_counts_after_the_clock_was_set_back(shop):
    post(shop, answer("a", 9))
    assert shop.stop() == 0
    with contextlib.closing(sqlite3.connect(next(shop.data.glob("*.db")))) as c:
        c.execute("UPDATE event SET recorded_ms = recorded_ms + 3600000")  # by a clock an hour fast
        c.commit()
    shop.start()
    for score in (7, 8):
        post(shop, answer(f"a{score}", score, corrects="a"))
        assert figures(shop)["total"] == score
    events = shop.get("/v1/events?limit=20")[1]["events"]
    assert len({e["recordedtime"] for e in events if e["type"] == "shop.rated"}) == 1
    shop.cli("verify")


def write(folder, rows):
    folder.mkdir(exist_ok=True)
    (folder / "t.csv").write_text("id,at,score\n" + "".join(f"{i},2026-03-0{d} 10:00,{s}\n" for i, d, s in rows))


def imported(host, *args, code=0):
    out = host.cli("import", "till", host.folder / "csv", "--json", *args, code=code)[0]
    reply = json.loads(out.splitlines()[-1])
    return {k: reply[k] for k in ("new", "corrected", "already_there", "refused", "changed")}


def test_an_import_updates_changed_rows_once(shop):
    write(shop.folder / "csv", [("r1", 1, 9), ("r2", 2, 8), ("r3", 3, 7)])
    assert imported(shop) == {"new": 3, "corrected": 0, "already_there": 0, "refused": 0, "changed": 0}
    write(shop.folder / "csv", [("r1", 1, 9), ("r2", 4, 2), ("r3", 3, 7), ("r4", 4, 1)])
    assert imported(shop, code=1) == {"new": 1, "corrected": 0, "already_there": 2, "refused": 1, "changed": 1}
    assert imported(shop, "--update") == {"new": 0, "corrected": 1, "already_there": 3, "refused": 0, "changed": 0}
    assert imported(shop, "--update") == {"new": 0, "corrected": 0, "already_there": 4, "refused": 0, "changed": 0}
    assert figures(shop) == {"answers": 4, "total": 19, "high": 1, "people": 0}
    write(shop.folder / "csv", [("r2", 2, 8)])  # and back again
    assert imported(shop, "--update")["corrected"] == 1
    assert imported(shop, "--update")["corrected"] == 0
    assert figures(shop)["total"] == 25
    by_id = {e["id"]: e for e in shop.get("/v1/events?limit=20")[1]["events"]}
    assert by_id["r2~1"]["corrects"] == "r2" and by_id["r2~2"]["corrects"] == "r2"
    assert by_id["r2~1"]["recordedtime"] > by_id["r2"]["recordedtime"]
    shop.cli("verify")


def test_two_rows_of_one_id_are_a_mistake_not_two_corrections(shop):
    write(shop.folder / "csv", [("r1", 1, 9), ("r2", 2, 8), ("r1", 3, 7), ("r2", 2, 8)])
    for update in ((), ("--update",), ("--update",)):
        assert imported(shop, *update, code=1) | {"new": 0, "already_there": 0} == {"new": 0, "corrected": 0, "already_there": 0, "refused": 1, "changed": 0}
    said = shop.cli("import", "till", shop.folder / "csv", code=1)[1]
    assert "till: linha 4, id r1: id: linha 2 e linha 4 dão conteúdos diferentes ao mesmo id" in said
    refused = json.loads((shop.data / "imports" / "till-refused.ndjson").read_text())
    assert (refused["line"], refused["code"], refused["field"]) == (4, "id_conflict", "id")
    assert figures(shop)["total"] == 17


def test_an_update_leaves_others_corrections_alone(shop):
    write(shop.folder / "csv", [("r1", 1, 9)])
    imported(shop)
    post(shop, answer("mine", 2, corrects="r1", source="/till"))
    assert imported(shop, "--update")["already_there"] == 1
    assert figures(shop)["total"] == 2
    status, reply = shop.post(json.dumps(answer("r1", 2, source="/till")), NDJSON, path="/v1/imports/till?update=1")
    assert status == 200 and (reply["accepted"], reply["duplicates"], reply["corrected"]) == (0, 1, 0), reply
