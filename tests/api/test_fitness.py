"""Conformance of a journey: what its instances tell, one by one, summed up."""
import datetime
import random
import time
import urllib.parse
import zoneinfo

from host import Host
from test_funnel import DAY, SHOP, iso, lives_of, random_events, settled, store

# Another order than the one in which stages lead to each other, for what is out of it.
IDEAL_SHOP = SHOP.replace("idle = {", """ideal = { { "close", within = "24h" }, { "receive", weight = 2 },
    { "execute", within = "4h", weight = 1.5 }, { "execute", weight = 1.5 } }, idle = {""")


def conformance(cxd, query=""):
    status, reply = cxd.get("/v1/journeys/visit/conformance" + (f"?{query}" if query else ""))
    assert status == 200, reply
    return reply


def same(got, instances):
    fits = [x["conformance"] for x in instances]
    assert got["instances"] == len(fits) and abs(got["fitness"] - sum(f["fitness"] for f in fits) / len(fits)) < 1e-9
    assert got["as_ideal"] == sum(not f["deviations"] for f in fits)
    bins = [0] * 10
    for f in fits:
        bins[min(int(f["fitness"] * 10), 9)] += 1
    assert got["distribution"] == bins
    counts = {}
    for f in fits:
        of = [(d["kind"], d["stage"]) for d in f["deviations"]]
        for d in of:
            counts.setdefault(d, [0, 0])[0] += 1
        for d in set(of):
            counts[d][1] += 1
    assert {(d["kind"], d["stage"]): [d["count"], d["instances"]] for d in got["deviations"]} == counts
    assert [-d["count"] for d in got["deviations"]] == sorted(-d["count"] for d in got["deviations"])


def period(begun, every):
    day = datetime.datetime.fromisoformat(begun).astimezone(zoneinfo.ZoneInfo("America/Sao_Paulo")).date()
    return {"month": day.replace(day=1), "week": day - datetime.timedelta(days=day.weekday()), "day": day,
            "quarter": day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1), "year": day.replace(day=1, month=1)}[every].isoformat()


def test_as_its_instances_tell(tmp_path):
    r = random.Random(22)
    with Host(tmp_path, plugins={"shop": IDEAL_SHOP}) as cxd:
        now = int(time.time() * 1000)
        events = random_events(r, now, 200)
        store(cxd, events)
        lives = lives_of(events, now)
        settled(cxd, lives)
        keys, all_of = {}, []
        for life in lives:
            keys[life.key] = keys.get(life.key, 0) + 1
            name = life.key + (f"#{keys[life.key]}" if keys[life.key] > 1 else "")
            status, one = cxd.get("/v1/journeys/visit/instances/" + urllib.parse.quote(name, safe=""))
            assert status == 200
            all_of.append(one)
        reply = conformance(cxd)
        same(reply, all_of)
        assert {d["kind"] for d in reply["deviations"]} == {"skipped", "inserted", "out_of_order", "late"}
        assert [x["period"] for x in reply["series"]] == [x["period"] for x in conformance(cxd, "every=month")["series"]]
        for every in ("day", "week", "month", "quarter", "year"):
            series = conformance(cxd, f"every={every}")["series"]
            assert [x["period"] for x in series] == sorted({period(x["begun"], every) for x in all_of})
            for piece in series:
                same(piece, [x for x in all_of if period(x["begun"], every) == piece["period"]])
        for group in conformance(cxd, "by=unit")["groups"]:
            of = [x for x in all_of if x["unit"] == group["by"]["unit"]]
            same(group, of)
            for piece in group["series"]:
                same(piece, [x for x in of if period(x["begun"], "month") == piece["period"]])
        part = conformance(cxd, f"from={iso(now - 15 * DAY)[:10]}T00:00:00Z&where=unit:b07")
        same(part, [x for x in all_of if x["unit"] == "b07" and datetime.datetime.fromisoformat(x["begun"]).timestamp()
                    >= (now - 15 * DAY) // DAY * DAY / 1000])
        worst = conformance(cxd, "limit=15")["worst"]
        assert [w["fitness"] for w in worst] == sorted(x["conformance"]["fitness"] for x in all_of)[:15]
        by_key = {x["key"]: x for x in all_of}
        for w in worst:
            one = by_key[w["key"]]
            assert {k: w[k] for k in ("unit", "begun")} == {k: one[k] for k in ("unit", "begun")}
            assert w["deviations"] == one["conformance"]["deviations"] and w["fitness_text"].endswith("%")


def test_without_an_ideal(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        assert cxd.get("/v1/journeys/visit/conformance")[0] == 404
        store(cxd, [{"type": "visit.started", "data": {"visit": "v"}, "ms": int(time.time() * 1000), "n": 0}])
        assert cxd.get("/v1/journeys/visit/conformance")[0] == 404
        cxd.write_plugin("shop", IDEAL_SHOP)                                # what began without it has none
        assert cxd.request("POST", "/v1/plugins/reload")[0] == 200
        store(cxd, [{"type": "visit.started", "data": {"visit": "w"}, "ms": int(time.time() * 1000), "n": 1}])
        assert conformance(cxd)["instances"] == 1 and conformance(cxd, "version=1")["instances"] == 0


def test_nothing_yet(tmp_path):
    with Host(tmp_path, plugins={"shop": IDEAL_SHOP}) as cxd:
        reply = conformance(cxd)
        assert (reply["instances"], reply["fitness"], reply["series"], reply["worst"]) == (0, None, [], [])
        assert cxd.get("/v1/journeys/visit/conformance?every=hour")[1]["field"] == "every"
        assert cxd.get("/v1/journeys/visit/conformance?every=month&from=" + iso(0)[:10])[0] == 200
