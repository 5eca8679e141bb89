"""Everything that happened to an event: cxd trace, GET /v1/trace/{id}."""
from urllib.parse import quote

import pytest
from host import ACME, Host, rated

PLUGIN = ACME + '''
cx.event "voice.heard" { fields = { n = cx.integer {} } }
cx.event "echo.made" { fields = {} }
cx.kpi "voices" { format = "number", measures = { n = cx.count("voice.heard") }, formula = function(m) return m.n end }
cx.kpi "last-word" { format = "number", by = { "unit" }, measures = {
  last = cx.count("visit.rated", { latest = { "subject" } }),
  careful = cx.count("visit.rated", function(e) if e.score == 0 then error("zero") end return true end) },
  formula = function(m) return m.last end }
cx.kpi "shy" { format = "number", suppress = 5, measures = { n = cx.count("visit.rated") }, formula = function(m) return m.n end }
cx.on "visit.rated" (function(e, tx)
  if e.score == 1 then error("one") end
  if e.score <= 6 then
    tx:emit { type = "voice.heard", data = { n = 1 } }
    tx:emit { type = "voice.heard", data = { n = 2 } }
  end
end)
cx.record "guest" { key = "who", fields = { who = cx.text { required = true }, score = cx.integer {} } }
cx.on "visit.rated" (function(e, tx)
  if e.score == 9 and e.subject then tx:record("guest"):put { who = e.subject, score = e.score } end
end)
cx.on "voice.heard" (function(e, tx) if e.n == 2 then tx:emit { type = "echo.made" } end end)
'''


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    with Host(tmp_path_factory.mktemp("trace"), plugins={"acme": PLUGIN}) as host:
        host.post(rated(id="a", source="/s", score=3, subject="c1", unit="b07", data={"comment": "segredo"}))
        host.post(rated(id="b", source="/s", score=9, subject="c1", unit="b07", time="2026-03-03T10:00:00-03:00"))
        host.post(rated(id="c", source="/s", score=9, corrects="b", subject="c1", unit="b08", time="2026-03-03T10:00:00-03:00"))
        host.post(rated(id="bad", source="/s", score=1))
        host.post(rated(id="zero", source="/s", score=0))
        for source in ("/s", "/t"):
            host.post(rated(id="twin", source=source, score=9))
        yield host


def trace(host, id, query="", code=200, headers=None):
    status, reply = host.get(f"/v1/trace/{quote(str(id), safe='')}{query}", headers)
    assert status == code, reply
    return reply


def measures(reply):
    return {(m["kpi"], m["measure"]): m.get("counts", m.get("excluded", m.get("protected"))) for m in reply["measures"]}


def test_an_event_with_what_it_caused(traced):
    reply = trace(traced, "a")
    assert reply["event"]["id"] == "a" and reply["event"]["data"]["comment"] == "segredo"
    assert reply["family"] == [] and reply["caused_by"] == [] and reply["failed"] == []
    assert [(e["id"], [x["id"] for x in e["caused"]]) for e in reply["caused"]] == [("a/1", []), ("a/2", ["a/2/1"])]
    # A later one of the same customer is the latest.
    got = measures(reply)
    assert got[("visit-nps", "detractors")] == 1 and got[("visit-nps", "answers")] == 1
    assert ("visit-nps", "promoters") not in got
    assert "latest" in got[("last-word", "last")] or "último" in got[("last-word", "last")]
    assert got[("last-word", "careful")] == 1 and got[("shy", "n")] is True
    place = next(m for m in reply["measures"] if m["kpi"] == "visit-nps" and m["measure"] == "answers")
    assert (place["day"], place["by"], place["group"]) == ("2026-03-02", ["unit", "channel"], ["b07", None])
    choice, = reply["choices"]
    assert choice["key"] == "subject" and choice["won"] is False
    assert trace(traced, choice["winner"])["event"]["id"] == "c"


def test_what_caused_an_event(traced):
    reply = trace(traced, "a/2/1")
    assert [e["id"] for e in reply["caused_by"]] == ["a/2", "a"]
    assert trace(traced, "a/1")["event"]["type"] == "voice.heard"


def test_corrections_before_and_after(traced):
    for asked in ("b", "c"):
        family = trace(traced, asked)["family"]
        assert [(e["id"], e["stands"]) for e in family] == [("b", False), ("c", True)] and family[1]["corrects"] == "b"
    b, c = measures(trace(traced, "b")), measures(trace(traced, "c"))
    assert isinstance(b[("visit-nps", "answers")], str) and c[("visit-nps", "answers")] == 1
    assert trace(traced, "c")["choices"][0]["won"] is True


def test_failures_and_exclusions(traced):
    reply = trace(traced, "bad")
    row, = reply["failed"]
    assert row["handler"] == "on visit.rated" and row["done"] is False and "one" in row["message"]
    assert trace(traced, f"failed/{row['id']}") == reply
    assert "zero" in measures(trace(traced, "zero"))[("last-word", "careful")]


def test_which_event_is_meant(traced):
    seq = trace(traced, "a")["event"]["seq"]
    assert trace(traced, seq)["event"]["id"] == "a"
    reply = trace(traced, "twin", code=400)
    assert reply["field"] == "source" and "/s" in reply["detail"] and "/t" in reply["detail"]
    assert trace(traced, "twin", "?source=/t")["event"]["source"] == "/t"
    for id in ("nothing", "99999", "failed/999", "failed/x"):
        trace(traced, id, code=404)
    trace(traced, "a", "?source=/t", code=404)
    trace(traced, "a", "?sauce=/t", code=400)


def test_records_that_were_written(traced):
    record, = trace(traced, "b")["records"]
    assert (record["kind"], record["key"], record["version"], record["deleted"]) == ("guest", "c1", 1, False)
    assert [r["version"] for r in trace(traced, "c")["records"]] == [2] and trace(traced, "a")["records"] == []
    versions = trace(traced, "guest/c1")["versions"]
    assert [(v["version"], v["seq"], v["record"]["score"]) for v in versions] == [(1, trace(traced, "b")["event"]["seq"], 9), (2, trace(traced, "c")["event"]["seq"], 9)]
    trace(traced, "guest/none", code=404)
    trace(traced, "ghost/c1", code=404)
    en, _ = traced.cli("trace", "guest/c1", env={"LANG": "en_US.UTF-8", "LC_ALL": ""})
    assert "version 2" in en and '"score":9' in en
    en, _ = traced.cli("trace", "b", env={"LANG": "en_US.UTF-8", "LC_ALL": ""})
    assert "guest/c1 version 1" in en


def test_who_may_see_what(traced):
    def bearer(name, *args):
        return {"Authorization": "Bearer " + traced.cli("token", "add", name, *args)[0].strip()}
    assert trace(traced, "a", headers=bearer("m", "--level", "manager"), code=403)
    integrator = bearer("i", "--level", "integrator")
    assert "comment" not in trace(traced, "a", headers=integrator)["event"]["data"]
    other = bearer("u", "--level", "integrator", "--unit", "b08")
    trace(traced, "a", headers=other, code=404)
    assert trace(traced, "c", headers=other)["event"]["id"] == "c"


def test_as_a_tree_in_both_languages(traced):
    pt, _ = traced.cli("trace", "a", env={"LANG": "pt_BR.UTF-8"})
    en, _ = traced.cli("trace", "a", env={"LANG": "en_US.UTF-8", "LC_ALL": ""})
    assert "emitiu" in pt and "emitted" in en and "a/2/1" in en and "visit-nps" in en
    en, _ = traced.cli("trace", "bad", env={"LANG": "en_US.UTF-8", "LC_ALL": ""})
    assert "failed reactions" in en and "plugin.lua" in en
    out, _ = traced.cli("trace", "twin", "--source", "/t", "--json")
    assert '"source":"/t"' in out
    traced.cli("trace", "twin", code=1)
    traced.cli("trace", code=2)
