"""cxd verify: whatever is changed behind cxd's back is found and named, and gone once the figures are counted again."""
import contextlib
import json
import sqlite3
import struct
import time

import pytest
from host import NDJSON, Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "sale.made" { fields = { paid = cx.integer { required = true }, order = cx.text {}, step = cx.integer {}, due = cx.time {} } }
cx.kpi "due" { measures = { n = cx.count("sale.made", { at = "due" }) }, formula = function(m) return m.n end }
cx.kpi "sales" { by = { "unit" },
  measures = { n = cx.count("sale.made"), paid = cx.sum("sale.made", "paid"), spread = cx.histogram("sale.made", "paid"),
    twice = cx.distinct("sale.made", "subject", { times = 2 }),
    odd = cx.count("sale.made", function(e) if e.paid == 13 then error("unlucky") end return e.paid % 2 == 1 end) },
  formula = function(m) return m.paid / m.n end }
cx.kpi "last" { measures = { n = cx.sum("sale.made", "paid", { latest = { "order", by = "step" } }) }, formula = function(m) return m.n end }
"""
SALES = 2600  # enough of them that sets are folded


def sale(i):
    return {"type": "sale.made", "id": f"s{i}", "source": "/till", "time": f"2026-03-{1 + i % 3:02}T10:00:00-03:00", "subject": f"c{i % 700}", "unit": f"u{i % 2}",
            "data": {"paid": i % 40, "order": f"o{i % 30}", "step": i, "due": f"2026-04-{1 + i % 9:02}T12:00:00-03:00"}}


@contextlib.contextmanager
def database(host):
    found = [p for p in host.data.iterdir() if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3"]
    with contextlib.closing(sqlite3.connect(found[0], timeout=20)) as c:
        yield c
        c.commit()


def wait(host, sql):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with database(host) as c:
            if c.execute(sql).fetchone()[0]:
                return
        time.sleep(0.1)
    raise AssertionError(host.log_text())


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("verify"), plugins={"shop": SHOP})
    with host:
        assert host.post("\n".join(json.dumps(sale(i)) for i in range(SALES)), NDJSON)[1]["accepted"] == SALES
        for i in range(0, 60, 7):  # some of an earlier day are corrected: that day's sets are counted again
            fixed = dict(sale(i), id=f"fix{i}", corrects=f"s{i}")
            fixed["data"] = dict(fixed["data"], paid=fixed["data"]["paid"] + 1)
            assert host.post(fixed)[0] == 201
        wait(host, "select count(*) = 0 and (select count(*) from set_blob) > 1 from day_spoilt")
        wait(host, "select count(*) from feed")
    checked(host, [])
    return host


def checked(host, expect):
    """Verifies; each of the texts has to be in what it says, in both languages' runs. Returns the differences."""
    found = json.loads(host.cli("verify", "--json", code=1 if expect else 0)[0])
    said = host.cli("verify", code=1 if expect else 0)[0]
    assert bool(found["differences"]) == bool(expect)
    assert found["checked"]["choices"] == 1 and found["checked"]["to_be_counted_again"] == 0
    for text in expect:
        assert any(text in d["what"] for d in found["differences"]), (text, found["differences"][:5])
        assert text in said
    return found["differences"]


def hash_bytes(data, seed):
    """As core/kpi/group.c."""
    k, m = 0x9E3779B97F4A7C15, (1 << 64) - 1
    h = (seed * k + len(data)) & m
    while len(data) >= 8:
        h = (h ^ int.from_bytes(data[:8], "little")) * k & m
        h ^= h >> 29
        data = data[8:]
    h = (h ^ int.from_bytes(data, "little")) * k & m
    h = (h ^ h >> 32) * 0xD6E8FEB86659FD93 & m
    return (h ^ h >> 32) & 0xffffffff


def sealed(cube, day, grp, body):
    """A cell's value with a checksum that fits."""
    place = (cube & 0xffffffff) << 32 | day & 0xffffffff
    return body + struct.pack("<I", hash_bytes(body, hash_bytes(grp.encode(), place)))


def a_cell(c):
    return c.execute("select cell.cube, day, grp, value from cell join cube on cube.id = cell.cube where dims = 'unit' order by day, grp limit 1").fetchone()


def put(c, cube, day, grp, value):
    assert c.execute("update cell set value = ? where cube = ? and day = ? and grp = ?", (value, cube, day, grp)).rowcount == 1


def another_count(c):
    """The first integer one more, under a valid checksum."""
    cube, day, grp, value = a_cell(c)
    body = bytearray(value[:-4])
    at = 2 + (body[1] + 7) // 8
    body[at] = body[at] ^ 0x02  # zigzag: an odd or even one
    put(c, cube, day, grp, sealed(cube, day, grp, bytes(body)))


def another_histogram(c):
    """The last byte before the checksum is a count of the histogram."""
    cube, day, grp, value = a_cell(c)
    put(c, cube, day, grp, sealed(cube, day, grp, value[:-5] + bytes([value[-5] + 1])))


def another_days_cell(c):
    cube, day, grp, _ = a_cell(c)
    put(c, cube, day, grp, c.execute("select value from cell where cube = ? and day > ? and grp = ?", (cube, day, grp)).fetchone()[0])


def no_cell(c):
    cube, day, grp, _ = a_cell(c)
    c.execute("delete from cell where cube = ? and day = ? and grp = ?", (cube, day, grp))


def another_set(c):
    rows = c.execute("select cube, setno, day, grp, value from set_blob order by day, grp").fetchall()
    assert len({r[4] for r in rows}) > 1
    c.execute("update set_blob set value = ? where cube = ? and setno = ? and day = ? and grp = ?", (rows[-1][4], *rows[0][:4]))


def no_set(c):
    c.execute("delete from set_blob where (day, grp) = (select day, grp from set_blob limit 1)")


def no_candidate(c):
    c.execute("delete from candidate where seq = 77")


def another_candidate(c):
    c.execute("update candidate set rank = rank + 1 where seq = 78")


def a_candidate_too_many(c):
    c.execute("insert into candidate select rule, ident, rank, seq + 100000 from candidate where seq = 79")


def no_exclusion(c):
    c.execute("delete from exclusion where seq = (select min(seq) from exclusion)")


def another_exclusion(c):
    c.execute("update exclusion set seq = seq + 1 where seq = (select max(seq) from exclusion)")


def no_known(c):
    c.execute("delete from day_known where day = (select min(day) from day_known)")


def known_too_early(c):
    c.execute("update day_known set known_ms = known_ms - 1000000 where day = (select min(day) from day_known)")


def no_place(c):
    c.execute("delete from event_at where seq = 33")


def another_place(c):
    c.execute("update event_at set ms = ms + 1 where seq = 34")


@pytest.mark.parametrize("change, expect", [
    (no_known, ["shop (unit) 2026-03-01: não sabe o que aprendeu em "]),
    (known_too_early, ["shop (unit) 2026-03-01: não sabe o que aprendeu em "]),
    (no_place, ["shop: sale.made at due, evento 33: falta no lugar"]),
    (another_count, ["shop (unit) 2026-03-01 [\"u0\"]: sales.n: ", " pelos eventos"]),
    (another_histogram, ["sales.spread, valor 3", " no armazenamento, "]),
    (another_days_cell, ["shop (unit) 2026-03-01 [\"u0\"]: danificada"]),
    (no_cell, ["shop (unit) 2026-03-01 [\"u0\"]: falta no armazenamento sales.n: 0 no armazenamento, ", "; sales.paid: 0 no", "sales.paid, eventos: 0 no", "sales.spread, valor "]),
    (another_set, ["conjunto difere dos eventos: sales.twice"]),
    (no_set, ["falta um conjunto: sales.twice: 0 no armazenamento, "]),
    (no_candidate, ["shop: latest de sale.made por order (by step), evento 77: falta entre os candidatos"]),
    (another_candidate, ["evento 78: falta entre os candidatos", "evento 78: está a mais"]),
    (a_candidate_too_many, ["evento 100079: está a mais"]),
    (no_exclusion, ["sales.odd: exclusão do evento 14: falta no armazenamento"]),
    (another_exclusion, ["falta no armazenamento", "nenhum evento a pede"]),
], ids=lambda v: getattr(v, "__name__", ""))
def test_every_change_is_found_and_counted_again(shop, change, expect):
    with database(shop) as c:
        change(c)
    for d in checked(shop, expect):
        assert d["plugin"] == "shop" and d["by"] in ("unit", "")
    with database(shop) as c:
        c.execute("update cube set identity = ''")
        c.execute("update choice_rule set identity = ''")
    shop.start()
    wait(shop, "select count(*) > 0 and count(upto) = 0 from cube where identity <> ''")  # counted again while it serves
    assert shop.stop() == 0
    checked(shop, [])


def test_an_event_out_of_place_is_found(shop):
    with database(shop) as c:
        another_place(c)
    checked(shop, ["sale.made at due, evento 34: falta no lugar", "evento 34: está a mais"])
    with database(shop) as c:
        c.execute("update event_at set ms = ms - 1 where seq = 34")
    checked(shop, [])


@pytest.mark.parametrize("column, says", [("count", "fonte /till: 2610 eventos no armazenamento, 2609 pelos eventos"), ("last_ms", "a hora ou as lacunas diferem")])
def test_what_sources_sent_is_checked(shop, column, says):
    with database(shop) as c:
        c.execute(f"update feed set {column} = {column} + 1")
    checked(shop, [says])
    with database(shop) as c:
        c.execute(f"update feed set {column} = {column} - 1")
    checked(shop, [])


def test_both_languages_say_the_same(shop):
    with database(shop) as c:
        another_count(c)
    texts = [shop.cli("verify", code=1, env={"LANG": lang, "LC_ALL": lang})[0] for lang in ("pt_BR.UTF-8", "en_US.UTF-8")]
    assert "pelos eventos" in texts[0] and "from the events" in texts[1]
    assert [w for w in texts[0].split() if w.rstrip(",").isdigit()] == [w for w in texts[1].split() if w.rstrip(",").isdigit()]
    with database(shop) as c:
        c.execute("update cube set identity = ''")
    shop.start()
    shop.stop()
    checked(shop, [])


def test_a_spoilt_day_is_no_difference_and_mended(shop):
    with database(shop) as c:
        cube, day, grp, _ = a_cell(c)
        another_count(c)
        c.execute("insert into day_spoilt values (?, ?)", (cube, day))
    found = json.loads(shop.cli("verify", "--json")[0])
    assert found["differences"] == [] and found["checked"]["to_be_counted_again"] in (0, 1)  # whoever looks after the store may mend it
    shop.start()
    wait(shop, "select count(*) = 0 from day_spoilt")
    shop.stop()
    checked(shop, [])


def test_a_broken_row_of_the_set_log_refuses_no_event(tmp_path):
    host = Host(tmp_path, plugins={"shop": SHOP})
    with host:
        for batch in range(3):
            assert host.post("\n".join(json.dumps(sale(batch * 50 + i)) for i in range(50)), NDJSON)[1]["accepted"] == 50
    with database(host) as c:
        assert c.execute("update set_log set value = cast(x'ff' || substr(value, 2) as blob) where seq = (select min(seq) from set_log)").rowcount == 1
    with host:
        assert host.post(sale(1000))[0] == 201
        wait(host, "select count(*) = 0 from day_spoilt")
        assert host.kpi("sales")["measures"]["n"] == 151
    assert "set_log" in host.log_text()
    checked(host, [])
