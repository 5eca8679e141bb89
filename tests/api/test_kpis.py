"""GET /v1/kpis: windows, groups, series, nulls with reasons, and figures equal to a brute-force count."""
import collections
import datetime
import random
import zoneinfo

import pytest
from host import ACME, NDJSON, Host
import json

ZONE = zoneinfo.ZoneInfo("America/Sao_Paulo")
MS = datetime.timedelta(milliseconds=1)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def ms(when):
    return round((when - EPOCH) / MS)


def text(instant):
    return (EPOCH + instant * MS).isoformat()


def make_events(rng, n):
    """Ratings and deliveries around two clock changes of São Paulo, in random order, some twice."""
    start = ms(datetime.datetime(2017, 10, 10, tzinfo=ZONE))
    events = []
    for i in range(n):
        at = start + rng.randrange(140 * 86400) * 1000 + rng.randrange(1000)
        if rng.random() < 0.3:  # close to midnight, where days are cut
            day = (EPOCH + at * MS).astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
            at = ms(day) + rng.choice([-1, 0, 1, -3600000, 3600000])
        unit = rng.choice(["a", "b", "c", None])
        common = {"id": f"e{i}", "source": "/random", "time": text(at), "subject": rng.choice(
            [f"p{rng.randrange(30)}", None])}
        if unit:
            common["unit"] = unit
        if rng.random() < 0.5:
            common.update(type="visit.rated", data={"score": rng.randrange(11)})
            if rng.random() < 0.7:
                common["data"]["channel"] = rng.choice(["loja", "app", "telefone"])
        else:
            bought = at - rng.randrange(0, 20 * 86400000)
            common.update(type="order.delivered", data={
                "order": f"o{i}", "paid": rng.randrange(-500, 100000), "bought": text(bought)})
        events.append(common)
    rng.shuffle(events)
    return events + rng.sample(events, n // 10)


def day_of(instant):
    return (EPOCH + instant * MS).astimezone(ZONE).date()


class Brute:
    """The same figures from a plain list of events."""

    def __init__(self, events):
        self.events = list({e["id"]: e for e in events}.values())
        for e in self.events:
            e["ms"] = ms(datetime.datetime.fromisoformat(e["time"]))
            if e["type"] == "order.delivered":
                e["bought"] = ms(datetime.datetime.fromisoformat(e["data"]["bought"]))

    def select(self, kind, start, end, where, at="ms"):
        for e in self.events:
            if e["type"] == kind and start <= e[at] < end and all(
                    str(self.dim(e, k)) == v if v else self.dim(e, k) is None for k, v in where.items()):
                yield e

    @staticmethod
    def dim(e, name):
        return e.get("unit") if name == "unit" else e["data"].get(name)

    def nps(self, start, end, where):
        scores = [e["data"]["score"] for e in self.select("visit.rated", start, end, where)]
        return {"promoters": sum(s >= 9 for s in scores), "detractors": sum(s <= 6 for s in scores),
                "answers": len(scores)}

    def revenue(self, start, end, where):
        return {"paid": sum(e["data"]["paid"] for e in self.select("order.delivered", start, end, where, "bought"))}

    def repeat(self, start, end, where):
        days = collections.defaultdict(set)
        for e in self.select("order.delivered", start, end, where):
            if e["subject"] is not None:
                days[e["subject"]].add(day_of(e["ms"]))
        return {"buyers": len(days), "again": sum(len(d) > 1 for d in days.values())}


@pytest.fixture(scope="module", params=[1, 2, 3])
def world(request, tmp_path_factory):
    rng = random.Random(request.param)
    events = make_events(rng, 1500)
    with Host(tmp_path_factory.mktemp("world"), plugins={"acme": ACME}) as host:
        for i in range(0, len(events), 400):
            body = "\n".join(json.dumps({k: v for k, v in e.items() if v is not None}) for e in events[i:i + 400])
            status, reply = host.post(body, NDJSON)
            assert status == 200 and not reply["rejected"], reply
        yield host, Brute(events), rng


KPIS = {"visit-nps": ("nps", ["unit", "channel"]), "acme-revenue": ("revenue", ["unit"]),
        "repeat-rate": ("repeat", ["unit"])}


def random_window(rng):
    start = datetime.datetime(2017, 9, 20, tzinfo=ZONE) + datetime.timedelta(days=rng.randrange(150))
    end = start + datetime.timedelta(days=rng.choice([0, 1, 2, 30, 160]), hours=rng.choice([0, 0, 1, 13]))
    if rng.random() < 0.5:
        start += datetime.timedelta(milliseconds=rng.randrange(86400000))
        end += datetime.timedelta(milliseconds=rng.randrange(1, 86400000))
    return (ms(start), ms(end)) if ms(end) > ms(start) else (ms(start), ms(start) + 1)


def query_of(start, end, where):
    escape = str.maketrans({"+": "%2B"})
    return "&".join([f"from={text(start).translate(escape)}", f"to={text(end).translate(escape)}"]
                    + [f"where={k}:{v}" for k, v in where.items()])


def test_random_queries_equal_a_brute_force_count(world):
    host, brute, rng = world
    for _ in range(250):
        kpi = rng.choice(list(KPIS))
        method, dims = KPIS[kpi]
        count = getattr(brute, method)
        start, end = random_window(rng)
        where = {d: rng.choice(["a", "b", ""] if d == "unit" else ["loja", "app", ""]) for d in dims if rng.random() < 0.3}
        by = [d for d in dims if rng.random() < 0.4]
        query = query_of(start, end, where) + (f"&by={','.join(by)}" if by else "")
        reply = host.kpi(kpi, query)
        assert reply["measures"] == count(start, end, where), (kpi, query)
        for group in reply.get("groups", []):
            mine = {**where, **{d: "" if v is None else v for d, v in group["by"].items()}}
            assert group["measures"] == count(start, end, mine), (kpi, query, group)
        if by and kpi != "repeat-rate":
            for name, whole in reply["measures"].items():
                assert sum(g["measures"][name] for g in reply["groups"]) == whole


@pytest.mark.parametrize("every", ["day", "week", "month", "quarter", "year"])
def test_series_cut_the_window(world, every):
    host, brute, rng = world
    for kpi, (method, _) in KPIS.items():
        start, end = random_window(rng)
        reply = host.kpi(kpi, query_of(start, end, {}) + f"&every={every}")
        last = start
        for part in reply["series"]:
            a, b = (ms(datetime.datetime.fromisoformat(part[k])) for k in ("from", "to"))
            assert a == last and b > a
            last = b
            assert part["measures"] == getattr(brute, method)(a, b, {}), (kpi, part)
        assert last == end


def test_all_time_and_verify(world):
    host, brute, _ = world
    assert host.kpi("visit-nps")["measures"] == brute.nps(-10 ** 15, 10 ** 15, {})
    assert host.kpi("repeat-rate")["measures"] == brute.repeat(-10 ** 15, 10 ** 15, {})
    host.cli("verify")


def test_restart_changes_no_figure(world):
    host, _, _ = world
    before = [host.kpi(k, "every=month&by=unit") for k in KPIS]
    host.stop()
    host.start()
    assert [host.kpi(k, "every=month&by=unit") for k in KPIS] == before


def test_no_data_is_null_with_its_reason(cxd):
    reply = cxd.kpi("visit-nps", "from=1999-01-01&to=1999-02-01")
    assert reply["value"] is None and reply["note"] == "no_data"
    assert reply["measures"] == {"promoters": 0, "detractors": 0, "answers": 0}
    empty = cxd.kpi("acme-revenue", "from=1999-01-01&to=1999-02-01")
    assert empty["value"] == 0 and empty["currency"] == "BRL" and empty["scale"] == 2


@pytest.mark.parametrize("query, field", [
    ("from=x", "from"), ("to=2026-13-01", "to"), ("last=6m", "last"), ("every=fortnight", "every"),
    ("by=colour", "by"), ("where=colour:red", "where"), ("where=unit", "where"), ("form=2026-01-01", "form"),
    ("from=2026-01-02&to=2026-01-02", "from"), ("where=unit:%ff", "where"), ("by=unit,%c3", "by"), ("where=%ff:b07", "where"),
])
def test_bad_queries_name_the_parameter(cxd, query, field):
    status, reply = cxd.get(f"/v1/kpis/visit-nps?{query}")
    assert (status, reply["code"]) == (400, "bad_query") and reply["field"] in (field, "to"), reply


def test_list_and_unknown(cxd):
    rows = {row["id"]: row for row in cxd.get("/v1/kpis")[1]["kpis"]}
    assert rows["visit-nps"]["events"] == ["visit.rated"] and rows["visit-nps"]["by"] == ["unit", "channel"]
    status, reply = cxd.get("/v1/kpis/nothing")
    assert (status, reply["code"]) == (404, "not_found")


PULSE = """
cx.plugin { name = "pulse", version = "1.0.0", api = 1 }
cx.event "pulse.answered" { fields = { happy = cx.boolean { required = true } } }
local function kpi(id, options)
  local k = { format = "%", better = "higher", by = { "unit" },
    measures = { answers = cx.count("pulse.answered"), happy = cx.count("pulse.answered", function(e) return e.happy end) },
    formula = function(m) return 100 * m.happy / m.answers end,
    interval = function(m) return cx.stats.percent(cx.stats.wilson(m.happy, m.answers)) end }
  for name, value in pairs(options) do k[name] = value end
  cx.kpi(id)(k)
end
kpi("happy", { min_n = 8, target = 60 })
kpi("culture", { suppress = 5 })
"""
JANUARY, FEBRUARY = "from=2026-01-01&to=2026-02-01", "from=2026-02-01&to=2026-03-01"


@pytest.fixture(scope="module")
def pulse(tmp_path_factory):
    answers = {"01": {"a": (20, 5), "b": (10, 5), "c": (3, 3)},
               "02": {"a": (40, 38), "b": (12, 5), "c": (4, 1), "d": (30, 3)}}  # n, happy
    with Host(tmp_path_factory.mktemp("pulse"), plugins={"pulse": PULSE}) as host:
        events = [{"id": f"{month}{unit}{i}", "source": "/pulse", "type": "pulse.answered", "unit": unit,
                   "time": f"2026-{month}-10T12:00:00-03:00", "data": {"happy": i < happy}}
                  for month, units in answers.items() for unit, (n, happy) in units.items() for i in range(n)]
        status, reply = host.post("\n".join(json.dumps(e) for e in events), NDJSON)
        assert status == 200 and not reply["rejected"], reply
        yield host


def groups_of(reply, dim="unit"):
    return {g["by"][dim]: g for g in reply["groups"]}


def test_the_window_before_and_its_verdict(pulse):
    reply = pulse.kpi("happy", FEBRUARY + "&by=unit&compare=previous")
    assert reply["previous"]["from"].startswith("2026-01-01") and reply["previous"]["to"] == reply["from"]
    assert (reply["previous"]["measures"], reply["measures"]) == ({"answers": 33, "happy": 13}, {"answers": 86, "happy": 47})
    assert reply["change"] == reply["value"] - reply["previous"]["value"] and reply["verdict"] == "not_proven"
    units = groups_of(reply)
    assert units["a"]["verdict"] == "better" and units["a"]["p"] < 0.05 and units["a"]["test"]
    assert units["c"]["verdict"] == units["d"]["verdict"] == "few_data"
    assert units["c"]["note"] == "few_answers" and units["d"]["previous"]["note"] == "no_data"
    gone = groups_of(pulse.kpi("happy", "from=2026-03-01&to=2026-04-01&by=unit&compare=previous"))
    assert gone["d"]["value"] is None and gone["d"]["previous"]["measures"]["answers"] == 30
    for query in ("compare=previous", JANUARY + "&compare=before", "from=2026-01-01&compare=year"):
        status, problem = pulse.get(f"/v1/kpis/happy?{query}")
        assert (status, problem["field"]) == (400, "compare")


def test_places_are_as_far_apart_as_intervals_prove(pulse):
    reply = pulse.kpi("happy", FEBRUARY + "&by=unit")
    units = groups_of(reply)
    assert {u: (g["rank"]["best"], g["rank"]["worst"], g["rank"]["of"]) for u, g in units.items() if "rank" in g} == {
        "a": (1, 1, 3), "b": (2, 3, 3), "d": (2, 3, 3)}
    assert reply["target"] == 60 and reply["better"] == "higher" and reply["n"] == 86
    assert reply["low"] < reply["value"] < reply["high"]


def test_small_groups_are_pooled_exactly(pulse):
    reply = pulse.kpi("happy", FEBRUARY + "&by=unit&pool=15")
    units = groups_of(reply)
    assert set(units) == {"a", "d", "…"} and units["…"]["measures"] == {"answers": 16, "happy": 6}
    assert [p["by"]["unit"] for p in units["…"]["pooled"]] == ["b", "c"] and "rank" not in units["…"]
    for query, field in (("pool=15", "pool"), ("by=unit&pool=x", "pool")):
        status, problem = pulse.get(f"/v1/kpis/happy?{query}")
        assert (status, problem["field"]) == (400, field)


def test_suppressed_also_when_asked_in_parts(pulse):
    whole = pulse.kpi("culture", FEBRUARY + "&by=unit")
    hidden = {u for u, g in groups_of(whole).items() if g["note"] == "suppressed"}
    assert hidden == {"b", "c"} and whole["measures"]["answers"] == 86  # c, and the smallest other
    for unit in "abcd":
        part = pulse.kpi("culture", FEBRUARY + f"&where=unit:{unit}")
        assert (part["note"] == "suppressed") == (unit in hidden)
        if unit in hidden:
            assert part["value"] is None and not {"measures", "n", "low", "high"} & set(part)
            assert part["text"] in ("protegido (n<5)", "protected (n<5)")
    assert pulse.get("/v1/kpis/culture/explain")[0] != 200  # its events would tell them


def test_as_known_takes_an_instant(pulse):
    assert pulse.kpi("happy", JANUARY + "&as_known=2020-01-01")["note"] == "no_data"
    assert pulse.kpi("happy", JANUARY + "&as_known=2099-01-01T10:00")["measures"]["answers"] == 33
    assert pulse.get("/v1/kpis/happy?as_known=soon")[1]["field"] == "as_known"
