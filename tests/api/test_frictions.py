"""Frictions of journeys, held against a computation of their own over the same events."""
import random
import time

from host import Host
from test_funnel import DAY, SHOP, STAGES, iso, lives_of, quantile, random_events, settled, store

WITHIN = {"receive": 6 * 3600_000, "execute": 2 * 3600_000}
FRICTION_SHOP = SHOP.replace('window = "5d",', 'window = "5d", within = "6h",').replace(
    'window = "36h",', 'window = "36h", within = "2h",').replace(
    "idle = {", """nps = "nps.answered", on_late = function(j, stage, tx)
    tx:friction { journey = j, stage = stage, kind = "wait", severity = stage.id == "execute" and 3 or nil }
  end, idle = {""") + """
cx.event "nps.answered" { fields = { score = cx.integer { min = 0, max = 10, required = true } } }
cx.event "rude.seen" { fields = { visit = cx.text { required = true }, stage = cx.text {}, lost = cx.text {} } }
cx.on "rude.seen" (function(e, tx)
  tx:friction { journey = "visit", key = e.visit, stage = e.stage, kind = "rude", lost = e.lost, severity = 5 }
end)
"""


def frictions_of(lives, now):
    """(kind, stage): [(life, minutes lost)], and the severity it comes to."""
    p95 = {}
    for stage in STAGES:
        times = [leg[2] - leg[1] for x in lives for leg in x.legs if leg[0] == stage and leg[2] is not None]
        p95[stage] = quantile(times, 0.95) if len(times) >= 20 else None
    met, severity = {}, {}

    def add(kind, stage, life, lost, weight=1):
        met.setdefault((kind, stage), []).append((life, lost))
        severity[kind, stage] = severity.get((kind, stage), 0) + weight

    for life in lives:
        passes = {}
        for stage, entered, left, _ in life.legs:
            passes[stage] = passes.get(stage, 0) + 1
            till = now if left is None else left
            due = entered + WITHIN[stage] if stage in WITHIN else None
            if due and till > due:
                add("wait", stage, life, till - due, 3 if stage == "execute" else 1)
            if passes[stage] > 1:
                add("rework", stage, life, till - entered)
            if left is not None and p95[stage] is not None and left - entered > p95[stage]:
                add("slow", stage, life, int(left - entered - p95[stage] + 0.5))
        if life.lost:
            add("abandonment", life.legs[-1][0], life, life.ended - life.begun)
    return met, severity


def nps(scores):
    return 100 * (sum(x >= 9 for x in scores) - sum(x <= 6 for x in scores)) / len(scores) if scores else None


def frictions(cxd, query=""):
    status, reply = cxd.get("/v1/journeys/visit/frictions" + (f"?{query}" if query else ""))
    assert status == 200, reply
    return reply


def wait_noted(cxd, want, seconds=60):
    end = time.monotonic() + seconds
    while sum(f["passes"] for f in frictions(cxd)["frictions"] if f["kind"] == "wait") != want:
        assert time.monotonic() < end, frictions(cxd)
        time.sleep(0.1)


def test_like_another_computation(tmp_path):
    r = random.Random(7)
    with Host(tmp_path, plugins={"shop": FRICTION_SHOP}) as cxd:
        now = int(time.time() * 1000)
        events = random_events(r, now, 250)
        store(cxd, events)
        lives = lives_of(events, now)
        answers = [(f"c{n % 45}", r.randrange(11)) for n in range(300)]        # c37 … c44 never came
        for n, (subject, score) in enumerate(answers):
            assert cxd.post({"type": "nps.answered", "id": f"a{n}", "source": "/t", "subject": subject, "data": {"score": score}})[0] == 201
        settled(cxd, lives)
        met, severity = frictions_of(lives, now)
        wait_noted(cxd, sum(len(v) for (kind, _), v in met.items() if kind == "wait"))
        reply = frictions(cxd)
        assert reply["instances"] == len(lives) and reply["all"] == len(met) >= 8
        came = {x.subject for x in lives}
        for row in reply["frictions"]:
            what = (row["kind"], row["stage"])
            of = met.pop(what)
            customers = {life.subject for life, _ in of}
            assert (row["passes"], row["customers"]) == (len(of), len(customers)), row
            assert abs(row["index"] - 1000 * severity[what] / len(lives)) < 1e-9, (row, severity[what])
            still = sum(life.legs[-1][2] is None for life, _ in of)
            assert 0 <= row["lost_ms"] - sum(lost for _, lost in of) <= still * 60_000, row   # what is open goes on
            assert row["noted"] == (row["kind"] == "wait")
            for side, of_side in (("with", customers), ("without", came - customers)):
                scores = [score for subject, score in answers if subject in of_side]
                assert (row["nps"][side] or {}).get("n", 0) == len(scores)
                if scores:
                    assert abs(row["nps"][side]["value"] - nps(scores)) < 1e-9 and row["nps"][side]["low"] < row["nps"][side]["high"]
            listed, after = [], ""
            while after is not None:
                status, page = cxd.get(f"/v1/journeys/visit/frictions/instances?kind={what[0]}&stage={what[1]}&limit=7{after}")
                assert status == 200, page
                listed += page["instances"]
                after = page["next"] and "&after=" + page["next"]
            assert len(listed) == len({id(life) for life, _ in of}) and sum(x["passes"] for x in listed) == len(of)
            assert {x["key"].split("#")[0] for x in listed} == {life.key for life, _ in of}
            assert len({x["key"] for x in listed}) == len(listed)
        assert not met
        order = [(-f["index"], -f["lost_ms"]) for f in reply["frictions"]]
        assert order == sorted(order)
        assert len(frictions(cxd, "limit=2")["frictions"]) == 2 and frictions(cxd, "limit=2")["all"] == reply["all"]
        half = iso(now - 15 * DAY)[:19] + "Z"
        some = [x for x in lives if x.begun >= (now - 15 * DAY) // 1000 * 1000 and x.unit == "b08"]
        part = frictions(cxd, f"from={half}&where=unit:b08")
        assert {(f["kind"], f["stage"]): f["passes"] for f in part["frictions"]} == {
            k: len(v) for k, v in frictions_of(some, now)[0].items()}


def test_noted_by_a_reaction(tmp_path):
    with Host(tmp_path, plugins={"shop": FRICTION_SHOP}) as cxd:
        now = int(time.time() * 1000)
        store(cxd, [{"type": "visit.started", "subject": "c1", "data": {"visit": "v1"}, "ms": now, "n": 0}])
        assert frictions(cxd)["frictions"] == [] and frictions(cxd)["all"] == 0
        for n, lost in enumerate(["5min", None]):
            data = {"visit": "v1", "stage": "receive", **({"lost": lost} if lost else {})}
            assert "warnings" not in cxd.post({"type": "rude.seen", "id": str(n), "source": "/x", "data": data})[1]
        row, = frictions(cxd)["frictions"]
        assert (row["kind"], row["stage"], row["title"], row["noted"]) == ("rude", "receive", "Receber", True)
        assert (row["passes"], row["lost_ms"], row["lost_text"], row["index"], row["customers"]) == (2, 300_000, "5min00", 10000, 1)
        assert row["nps"] == {"with": None, "without": None}
        page = cxd.get("/v1/journeys/visit/frictions/instances?kind=rude&stage=receive")[1]
        assert page["next"] is None and [(x["key"], x["subject"], x["passes"], x["lost_ms"]) for x in page["instances"]] == [("v1", "c1", 2, 300_000)]


def test_answers_that_were_corrected(tmp_path):
    with Host(tmp_path, plugins={"shop": FRICTION_SHOP}) as cxd:
        now = int(time.time() * 1000)
        store(cxd, [{"type": "visit.started", "subject": f"c{n}", "data": {"visit": f"v{n}"}, "ms": now, "n": n} for n in range(2)])
        assert cxd.post({"type": "rude.seen", "id": "r", "source": "/x", "data": {"visit": "v1", "stage": "receive"}})[0] == 201
        for n, score in (("1", 0), ("0", 5)):
            assert cxd.post({"type": "nps.answered", "id": n, "source": "/x", "subject": f"c{n}", "data": {"score": score}})[0] == 201
        assert cxd.post({"type": "nps.answered", "id": "again", "source": "/x", "subject": "c1", "corrects": "1", "data": {"score": 10}})[0] == 201
        sides = frictions(cxd)["frictions"][0]["nps"]
        assert (sides["with"]["value"], sides["with"]["n"], sides["without"]["value"], sides["without"]["n"]) == (100, 1, -100, 1)
        assert sides["with"]["method"] == "adjusted" and sides["with"]["value_text"] and sides["with"]["low"] < 100


def test_what_is_asked_badly(tmp_path):
    with Host(tmp_path, plugins={"shop": FRICTION_SHOP}) as cxd:
        for query, field in [("instances", "kind"), ("instances?kind=wait", "stage"), ("instances?kind=a&stage=b&after=7", "after"),
                             ("instances?kind=a&stage=b&limit=0", "limit")]:
            status, reply = cxd.get("/v1/journeys/visit/frictions/" + query)
            assert (status, reply["field"]) == (400, field), (query, reply)
        assert cxd.get("/v1/journeys/visit/frictions/instances?kind=a&stage=b")[1] == {"instances": [], "next": None}


def test_a_type_without_score(tmp_path):
    for name, message in [("rude.seen", "has no field score"), ("visit.rated", "is not declared")]:
        host = Host(tmp_path / name, plugins={"shop": FRICTION_SHOP.replace('nps = "nps.answered"', f'nps = "{name}"')})
        out = host.cli("check", code=1, env={"LANG": "en_US.UTF-8"})
        assert f'journey "visit": nps: event "{name}" {message}' in "".join(out)
        host.short.cleanup()
