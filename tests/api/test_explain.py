"""GET /v1/kpis/{id}/explain and /control: a figure down to its events, and as a control chart."""
import json
import random

import pytest
from host import ACME, NDJSON, Host, rated

MORE = ACME + """
cx.kpi "last-nps" { format = "points", by = { "unit" },
  measures = {
    up = cx.count("visit.rated", { where = function(e) return e.score >= 9 end, latest = { "subject" } }),
    n = cx.count("visit.rated", { latest = { "subject" } }),
  },
  formula = function(m)
    -- a comment
    return 100 * m.up / m.n
  end }
cx.kpi "hard" { measures = { n = cx.count("visit.rated", function(e) return e.score > e.source.x end) },
  formula = function(m) return m.n end }
"""


@pytest.fixture
def cxd(tmp_path):
    with Host(tmp_path, plugins={"acme": MORE}) as host:
        yield host


def pages(cxd, path, query="", limit=7):
    events, after = [], ""
    while True:
        status, reply = cxd.get(f"{path}?limit={limit}&{query}" + (f"&after={after}" if after else ""))
        assert status == 200, reply
        assert len(reply["events"]) <= limit
        events += reply["events"]
        after = reply["next"]
        if not after:
            return reply, events


def send(cxd, n, seed=1):
    rng = random.Random(seed)
    for i in range(n):
        day, hour = rng.randrange(1, 29), rng.randrange(24)
        assert cxd.post(rated(rng.randrange(11), id=f"e{i}", source="/till", subject=f"c{rng.randrange(9)}",
                              unit=rng.choice(["a", "b"]), data={"comment": "secret"},
                              time=f"2026-02-{day:02}T{hour:02}:15:00-03:00"))[0] == 201


def added(events):
    total = {}
    for e in events:
        for name, amount in e["counts"].items():
            total[name] = total.get(name, 0) + amount
    return total


def test_the_events_add_up_to_the_figure(cxd):
    send(cxd, 60)
    for query in ("", "where=unit:a", "from=2026-02-03T10:00&to=2026-02-20T18:30", "from=2026-02-10"):
        reply, events = pages(cxd, "/v1/kpis/visit-nps/explain", query)
        measures = cxd.kpi("visit-nps", query)["measures"]
        assert {k: v for k, v in measures.items() if v} == added(events), query
        assert reply["figure"]["measures"] == measures
        placed = [e["placed"] for e in events]
        assert len({e["seq"] for e in events}) == len(events) and placed == sorted(placed)


def test_the_formula_and_the_measures_are_shown(cxd):
    status, reply = cxd.get("/v1/kpis/last-nps/explain")
    assert status == 200
    d = reply["definition"]
    assert d["formula"]["source"].splitlines() == [
        "formula = function(m)", "  -- a comment", "  return 100 * m.up / m.n", "end }"]
    assert d["formula"]["file"] == "plugins/acme/plugin.lua" and d["interval"] is None
    assert MORE.splitlines()[d["formula"]["line"] - 1].strip() == "formula = function(m)"
    up = [m for m in d["measures"] if m["name"] == "up"][0]
    assert up["kind"] == "count" and up["latest"] == {"key": "subject", "by": "time"} and up["at"] == "time"
    assert "e.score >= 9" in up["where"]["source"]
    assert reply["events"] == [] and reply["next"] is None and reply["figure"]["note"] == "no_data"


def test_what_does_not_stand_is_listed_with_the_reason(cxd):
    send(cxd, 40)
    reply, events = pages(cxd, "/v1/kpis/last-nps/explain")
    assert added(events)["n"] == reply["figure"]["measures"]["n"] == 9
    out = [e for e in events if "n" in e.get("excluded", {})]
    assert len(out) == 31 and all("n" not in e["counts"] for e in out)


def test_what_was_excluded_is_listed_with_the_reason(cxd):
    send(cxd, 3)
    reply, events = pages(cxd, "/v1/kpis/hard/explain")
    assert len(events) == 3
    for e in events:
        assert "attempt to compare" in e["excluded"]["n"] and "plugin.lua" in e["excluded"]["n"], e


def test_what_was_left_out_for_its_size_is_listed_too(tmp_path):
    plugin = """
cx.plugin { name = "acme", version = "1.0.0", api = 1 }
cx.event "meter.read" { fields = { v = cx.integer {} } }
cx.kpi "sum" { measures = { s = cx.sum("meter.read", "v") }, formula = function(m) return m.s end }
"""
    with Host(tmp_path, plugins={"acme": plugin}) as cxd:
        lines = "\n".join(json.dumps({"type": "meter.read", "id": f"e{i}", "source": "/m", "data": {"v": 2 ** 53 - 1},
                                      "time": "2026-02-03T10:00:00-03:00"}) for i in range(1030))
        assert cxd.post(lines, NDJSON)[1]["accepted"] == 1030
        reply, events = pages(cxd, "/v1/kpis/sum/explain", limit=1000)
        assert added(events)["s"] == reply["figure"]["measures"]["s"] == 1024 * (2 ** 53 - 1)
        assert reply["figure"]["note"] == "partial"
        out = [e["excluded"]["s"] for e in events if "excluded" in e]
        assert len(out) == 6 and "64 bits" in out[0]


def test_a_removed_event_changes_the_figure_as_explained(tmp_path):
    with Host(tmp_path / "one", plugins={"acme": MORE}) as one:
        send(one, 30)
        _, events = pages(one, "/v1/kpis/visit-nps/explain")
        before = one.kpi("visit-nps")["measures"]
    for victim in random.Random(3).sample(events, 3):
        with Host(tmp_path / f"copy{victim['seq']}", plugins={"acme": MORE}) as copy:
            for e in events:
                if e["seq"] != victim["seq"]:
                    fact = {k: e[k] for k in ("id", "source", "type", "time", "subject", "unit", "data")}
                    assert copy.post(fact)[0] == 201
            after = copy.kpi("visit-nps")["measures"]
        assert after == {k: v - victim["counts"].get(k, 0) for k, v in before.items()}


def test_personal_fields_are_for_admins(cxd):
    send(cxd, 1)
    assert pages(cxd, "/v1/kpis/visit-nps/explain")[1][0]["data"]["comment"] == "secret"
    token = cxd.cli("token", "add", "boss", "--level", "manager")[0].strip().splitlines()[-1]
    reply = cxd.get("/v1/kpis/visit-nps/explain", {"Authorization": f"Bearer {token}"})[1]
    assert "comment" not in reply["events"][0]["data"]


def test_wrong_parameters_are_named(cxd):
    for query, field in (("limit=0", "limit"), ("limit=x", "limit"), ("after=7", "after"), ("by=unit", "by"), ("every=day", "every"),
                         ("form=2026-01-01", "form"),
                         ("limit=2&limit=3", "limit")):
        status, reply = cxd.get(f"/v1/kpis/visit-nps/explain?{query}")
        assert (status, reply["code"], reply["field"]) == (400, "bad_query", field), reply
    for query, field in (("rules=9", "rules"), ("rules=1,,2", "rules"), ("baseline=1", "baseline"), ("by=unit", "by"),
                         ("compare=previous", "compare")):
        status, reply = cxd.get(f"/v1/kpis/visit-nps/control?{query}")
        assert (status, reply["field"]) == (400, field), reply
    detail = cxd.get("/v1/kpis/visit-nps/explain?form=x", {"Accept-Language": "en"})[1]["detail"]
    assert "did you mean from?" in detail and detail.endswith("pool, after, limit")
    assert cxd.get("/v1/kpis/none/explain")[0] == 404
    assert cxd.get("/v1/kpis/none/control")[0] == 404


def test_control_chart(cxd):
    values = [10, 11, 10, 12, 11, 10, 11, 40, 10, 11]
    for day, n in enumerate(values):
        for i in range(n):
            assert cxd.post(rated(9, id=f"{day}-{i}", source="/till",
                                  time=f"2026-02-{day + 2:02}T10:00:00-03:00"))[0] == 201
    query = "from=2026-02-02&to=2026-02-12&every=day"
    status, chart = cxd.get(f"/v1/kpis/hard/control?{query}")
    assert status == 200 and chart["center"] == 0 and chart["signals"] == []
    assert cxd.get("/v1/kpis/visit-nps/control")[1]["every"] == "week"
    cxd.stop()
    cxd.write_plugin("acme", MORE.replace('e.score > e.source.x', 'e.score == 9'))
    cxd.start()
    chart = cxd.get(f"/v1/kpis/hard/control?{query}")[1]
    moves = [abs(a - b) for a, b in zip(values, values[1:])]
    center, mr = sum(values) / len(values), sum(moves) / len(moves)
    assert chart["center"] == pytest.approx(center) and chart["mr_bar"] == pytest.approx(mr)
    assert chart["upper"] == pytest.approx(center + 2.66 * mr) and chart["url"] == pytest.approx(3.267 * mr)
    assert [p["value"] for p in chart["points"]] == values and chart["rules"] == [1, 2, 3]
    base = cxd.get(f"/v1/kpis/hard/control?{query}&baseline=7")[1]
    assert base["center"] == pytest.approx(sum(values[:7]) / 7) and base["note"] == "few_points"
    assert base["signals"][0]["rule"] == 1 and base["signals"][0]["from"].startswith("2026-02-09")
    assert [p["signals"] for p in base["points"]][7] == [1]
    assert cxd.get(f"/v1/kpis/hard/control?{query}&baseline=7&rules=2")[1]["signals"] == []
    for lang, text in (("en", "beyond the limits"), ("pt-BR", "fora dos limites"), ("en", "beyond the limits")):
        chart = cxd.get(f"/v1/kpis/hard/control?{query}&baseline=7", {"Accept-Language": lang})[1]
        assert chart["points"][7]["signal_text"] == text  # each caller's, not the first one's
        assert chart["note_text"].startswith("provisional limits" if lang == "en" else "limites provisórios")


def test_the_command_line_shows_it(cxd):
    send(cxd, 12)
    out, _ = cxd.cli("kpi", "visit-nps", "--explain", "--limit", "5")
    assert "formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end }" in out
    assert "plugins/acme/plugin.lua:" in out and "answers=1" in out
    after = out.split("--after ")[1].split()[0]
    more, _ = cxd.cli("kpi", "visit-nps", "--explain", "--limit", "100", "--after", after)
    assert more.count("visit.rated ") - out.count("visit.rated ") == 2  # 7 events, not 5
    out, _ = cxd.cli("kpi", "visit-nps", "--control", "--from", "2026-02-01", "--to", "2026-03-01", "--every", "day")
    assert "XmR" in out and "01/02/2026" in out
    out, _ = cxd.cli("kpi", "visit-nps", "--control", "--from", "2026-02-01", "--to", "2026-03-01", "--every", "week")
    assert "limites provisórios: de 3 períodos, e só de 8 em diante são firmes" in out, out
    assert "--explain" in cxd.cli("kpi", "visit-nps", "--limit", "3", code=2)[1]
    cxd.cli("kpi", "--explain", code=2)


def test_what_was_excluded_elsewhere_is_nobodys_business(cxd):
    hard = MORE.replace('cx.kpi "hard" {', 'cx.kpi "hard" { by = { "unit" },')
    cxd.write_plugin("acme", hard)
    cxd.stop()
    cxd.start()
    send(cxd, 12)
    made = cxd.cli("token", "add", "a", "--level", "manager", "--unit", "a")[0].strip().splitlines()[-1]
    bound = {"Authorization": f"Bearer {made}"}
    for path, headers in (("?where=unit:a", None), ("", bound)):
        status, reply = cxd.get("/v1/kpis/hard/explain" + path, headers)
        assert status == 200, reply
        assert reply["events"] and {e["unit"] for e in reply["events"]} == {"a"}, path
