"""More groups in a day than [kpi] groups: the rest is counted as "…", and filters see into it all the same. What filters may say."""
import json
import random

import pytest
from host import NDJSON, Host

TAGS = """
cx.plugin { name = "tags", version = "1.0.0", api = 1 }
cx.event "post.tagged" { fields = { tag = cx.text {}, size = cx.integer {} } }
local measures = { n = cx.count "post.tagged", size = cx.sum("post.tagged", "size"), who = cx.distinct("post.tagged", "subject") }
local function formula(m) return m.size end
cx.kpi "tags" { by = { "tag", "unit" }, measures = measures, formula = formula }
cx.kpi "moved" { by = { "tag", "unit" }, measures = measures, formula = function(m) return m:shift("-1mo").size end }
cx.kpi "shy" { by = { "tag", "unit" }, suppress = 5, measures = measures, formula = formula, interval = function(m) return { n = m.n } end }
cx.kpi "days" { by = { "tag", "unit" }, formula = function(m) return m.n end,
  measures = { n = cx.count "post.tagged", days = cx.distinct("post.tagged", "subject", { times = 2, days = true }) } }
"""


@pytest.fixture(scope="module")
def tags(tmp_path_factory):
    rng = random.Random(5)
    with Host(tmp_path_factory.mktemp("tags"), plugins={"tags": TAGS}, conf={"kpi.groups": "10"}) as host:
        host.sent = [{"type": "post.tagged", "id": str(i), "source": "/t", "subject": f"p{rng.randrange(20)}", "unit": f"u{rng.randrange(2)}",
                      "time": f"2026-03-{rng.randrange(1, 6):02}T{rng.randrange(24):02}:30:00-03:00", "data": {"tag": f"tag{rng.randrange(12)}", "size": i}}
                     for i in range(400)]
        host.sent += [dict(host.sent[0], id="last", time="2026-03-06T01:00:00-03:00")]  # a day without a rest
        lines = "\n".join(json.dumps(e) for e in host.sent)
        assert host.post(lines, NDJSON)[1]["accepted"] == 401
        yield host


def of(host, tag=None, unit=None, since="", until="~"):
    return [e for e in host.sent if tag in (None, e["data"]["tag"]) and unit in (None, e["unit"]) and since <= e["time"] < until]


def same(reply, events):
    assert reply["value"] == (sum(e["data"]["size"] for e in events) if events else 0)
    assert reply["measures"]["n"] == len(events) and reply["measures"]["who"] == len({e["subject"] for e in events})
    assert reply["note"] in (None, "no_data")


@pytest.mark.parametrize("window, since, until", [("", "", "~"), ("&from=2026-03-02T12:00&to=2026-03-04T06:00", "2026-03-02T12", "2026-03-04T06"),
                                                  ("&as_known=2100-01-01", "", "~")])
def test_filters_see_into_the_rest(tags, window, since, until):
    for i in range(12):
        same(tags.kpi("tags", f"where=tag:tag{i}{window}"), of(tags, f"tag{i}", None, since, until))
    for unit in ("u0", "u1"):
        reply = tags.kpi("tags", f"where=unit:{unit}&by=tag{window}")
        same(reply, of(tags, None, unit, since, until))
        assert {g["by"]["tag"] for g in reply["groups"]} == {e["data"]["tag"] for e in of(tags, None, unit, since, until)}
        for g in reply["groups"]:
            same(g, of(tags, g["by"]["tag"], unit, since, until))
            assert "overflow" not in g


def test_series_and_moved_windows_too(tags):
    reply = tags.kpi("tags", "where=tag:tag7&every=day&from=2026-03-01&to=2026-03-08")
    for p in reply["series"]:
        same(p, [e for e in of(tags, "tag7") if p["from"][:10] == e["time"][:10]])
    assert tags.kpi("moved", "where=tag:tag7&from=2026-04-01&to=2026-05-01")["value"] == sum(e["data"]["size"] for e in of(tags, "tag7"))


def test_the_rest_is_marked(tags):
    reply = tags.kpi("tags", "by=tag")
    rest = [g for g in reply["groups"] if g.get("overflow")]
    assert [g["by"] for g in rest] == [{"tag": "…"}] and reply["groups"].count(rest[0]) == 1
    assert sum(g["value"] for g in reply["groups"]) == reply["value"] and rest[0]["value"] > 0
    assert tags.kpi("tags", "where=tag:%E2%80%A6")["value"] == rest[0]["value"]


def test_where_it_cannot_be_told_the_note_says_so(tags):
    for kpi in ("shy", "days"):
        notes = {tags.kpi(kpi, f"where=tag:tag{i}")["note"] for i in range(12)}
        assert notes == {"partial"}
        assert tags.kpi(kpi, "where=unit:u0&from=2026-03-06")["note"] != "partial"
        assert tags.kpi(kpi, "by=unit")["note"] is None


KINDS = """
cx.plugin { name = "kinds", version = "1.0.0", api = 1 }
cx.event "thing.made" { fields = { new = cx.boolean {}, n = cx.integer {}, w = cx.decimal { scale = 2 }, doctor = cx.choice { "ana", "rui" },
  took = cx.duration {}, tag = cx.text {} } }
cx.kpi "things" { by = { "new", "n", "w", "doctor", "took", "tag", "unit" }, measures = { k = cx.count "thing.made" }, formula = function(m) return m.k end }
"""


def test_a_filter_that_nothing_can_pass_is_a_mistake(tmp_path):
    with Host(tmp_path, plugins={"kinds": KINDS}) as host:
        assert host.post({"type": "thing.made", "id": "1", "unit": "u", "data": {"new": True, "n": 5, "w": 1.5, "doctor": "ana", "took": "2h", "tag": ""}})[0] == 201
        for where in ("new:true", "new:1", "n:5", "w:1.5", "w:1.50", "doctor:ana", "took:7200000", "took:2h"):
            assert host.kpi("things", f"where={where}")["value"] == 1, where
        for where in ("new:false", "n:-6", "w:2", "doctor:rui", "took:1", "tag:zzz", "unit:zzz", "new:", "n:%E2%80%A6"):
            assert host.kpi("things", f"where={where}")["value"] == 0, where
        for where, may in (("new:maybe", "true, false"), ("n:x", "integer"), ("n:1.5", "integer"), ("w:1.234", "decimal"), ("doctor:zzz", "ana, rui"), ("took:soon", "duration")):
            status, problem = host.get(f"/v1/kpis/things?where={where}")
            assert (status, problem["code"], problem["field"]) == (400, "bad_query", "where") and may in problem["detail"], problem
