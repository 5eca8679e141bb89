"""Timers: tx:after, cx.timer with every; once each and in order, whatever happens to the process."""
import time

from host import Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "visit.rated" { fields = { score = cx.integer {}, wait = cx.text {}, n = cx.integer {} } }
cx.event "call.made" { fields = { n = cx.integer {}, late = cx.integer {}, past = cx.boolean {} } }
cx.kpi "calls" { measures = { made = cx.count("call.made") }, formula = function(m) return m.made end }
cx.on "visit.rated" (function(e, tx) tx:after(e.wait, "call-back", { n = e.n }) end)
cx.timer "call-back" { run = function(tx, arg)
  tx:emit { type = "call.made", data = { n = arg.n, late = tx.late, past = tx.past } }
end }
"""


def rated(n, wait, **more):
    return {"type": "visit.rated", "subject": f"c{n}", "unit": "b07", "data": {"n": n, "wait": wait}, **more}


def events(cxd, kind="call.made"):
    out, after = [], 0
    while after is not None:
        status, page = cxd.get(f"/v1/events?type={kind}&after={after}&limit=1000")
        assert status == 200
        out += page["events"]
        after = page["next"]
    return out


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def test_fires_once_and_in_order(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        for n, wait in enumerate(["700ms", "500ms", "300ms", "300ms", "0s"]):
            assert cxd.post(rated(n, wait))[0] == 201
        wait_for(lambda: len(events(cxd)) == 5)
        made = events(cxd)
        assert [e["data"]["n"] for e in made] == [4, 2, 3, 1, 0]
        assert {e["source"] for e in made} == {"/cxd/timer/shop/call-back"}
        assert [e["id"] for e in made] == ["5/1", "3/1", "4/1", "2/1", "1/1"]
        assert {(e["subject"], e["unit"]) for e in made[:1]} == {("c4", "b07")}
        assert all(not e["data"]["past"] and 0 <= e["data"]["late"] < 5000 for e in made)
        assert cxd.kpi("calls")["value"] == 5
