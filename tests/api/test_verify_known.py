"""What days of cubes know of when they learned something, against figures as known: events that come late, out of order, as
corrections and under latest/first. Whatever of it is lost, verify says so wherever a figure changes by it."""
import contextlib
import json
import random
import sqlite3

from host import NDJSON, Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "sale.made" { fields = { paid = cx.integer {}, order = cx.text {}, step = cx.integer {}, due = cx.time {} } }
local f = function(m) return m.n end
cx.kpi "odd" { by = { "unit" }, formula = f, measures = {
  n = cx.count("sale.made", function(e) return e.paid % 2 == 1 end), paid = cx.sum("sale.made", "paid") } }
cx.kpi "last" { measures = { n = cx.sum("sale.made", "paid", { latest = { "order", by = "step" } }) }, formula = f }
cx.kpi "first" { by = { "unit" }, formula = f, measures = {
  n = cx.sum("sale.made", "paid", { first = { "order" } }), due = cx.count("sale.made", { at = "due", latest = { "order" } }) } }
cx.kpi "due" { by = { "source" }, measures = { n = cx.count("sale.made", { at = "due" }), who = cx.distinct("sale.made", "subject") }, formula = f }
"""


def at(rng, day, hour=None):
    return f"2026-03-{day:02}T{rng.randrange(24) if hour is None else hour:02}:{rng.randrange(60):02}:00-03:00"


def sale(rng, name, ids):
    day = rng.randrange(1, 12)
    data = {"paid": rng.randrange(9), "order": f"o{rng.randrange(12)}", "step": rng.randrange(4), "due": at(rng, rng.randrange(1, 14))}
    event = {"type": "sale.made", "id": name, "source": "/t", "time": at(rng, day), "subject": f"p{rng.randrange(5)}", "unit": f"u{rng.randrange(2)}",
             "recordedtime": at(rng, day + rng.choice([0, 0, 1, 3, 9, 15]), 23), "data": {k: v for k, v in data.items() if k in ("paid", "step") or rng.random() > 0.15}}
    return event | {"corrects": rng.choice(ids)} if ids and rng.random() < 0.4 else event


def figures(host):
    return [host.kpi(kpi, f"as_known=2026-03-{day:02}&every=day&from=2026-03-01&to=2026-03-29")["series"] for kpi in ("odd", "last", "first", "due") for day in range(2, 29, 2)]


def change(path, sql, *values):
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as c:
        c.execute(sql, values)
        c.commit()


def test_what_a_day_has_to_know(tmp_path):
    rng, ids, told = random.Random(3), [], []
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        for batch in range(6):
            rows = [sale(rng, f"s{batch}-{i}", ids) for i in range(25)]
            ids += [r["id"] for r in rows]
            status, reply = host.request("POST", "/v1/imports/x", "\n".join(map(json.dumps, rows)), {"Content-Type": NDJSON})[:2]
            assert (status, reply["accepted"]) == (200, 25)
        path = next(p for p in host.data.iterdir() if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3")
        host.cli("verify")
        base = figures(host)
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as c:
            known = c.execute("select cube, day, known_ms from day_known order by cube, day").fetchall()
        for cube, day, ms in rng.sample(known, 12):
            change(path, "update day_known set known_ms = ? where cube = ? and day = ?", ms - 86400000 * rng.randrange(1, 9), cube, day)
            changed = figures(host) != base
            told.append(changed)
            if changed:
                assert "2026-03-" in host.cli("verify", code=1)[0]
            change(path, "update day_known set known_ms = ? where cube = ? and day = ?", ms, cube, day)
        host.cli("verify")
    assert sum(told) > 4
