"""What is made of sets for reading alone: cxd verify finds whatever is changed in it, and readers take nothing that is damaged."""
import json
import struct
import subprocess
import zlib

import pytest
from host import BIN, NDJSON, Host
from test_verify import database, wait

FACES = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "sale.made" { fields = { paid = cx.integer { required = true } } }
cx.kpi "faces" { by = { "unit" }, measures = { twice = cx.distinct("sale.made", "subject", { times = 2 }) }, formula = function(m) return #m.twice end }
cx.kpi "often" { measures = { days = cx.distinct("sale.made", "subject", { times = 2, days = true }) }, formula = function(m) return #m.days end }
"""
SALES = 2400  # enough of them that sets are folded
CUT = "from=2026-03-03T10:00:20&to=2026-03-05T10:00:20"  # a day, and parts of two
LONG = "from=2026-02-01&to=2026-05-01"
WHOLE = "from=2026-03-03&to=2026-03-04"


def sale(i):
    return {"type": "sale.made", "id": f"s{i}", "source": "/till", "time": f"2026-03-{3 + i % 3:02}T10:00:{i % 50:02}-03:00", "subject": f"c{i % 350}", "unit": f"u{i % 2}",
            "data": {"paid": i % 40}}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("sets"), plugins={"shop": FACES})
    with host:
        assert host.post("\n".join(json.dumps(sale(i)) for i in range(SALES)), NDJSON)[1]["accepted"] == SALES
        wait(host, "select count(*) = 6 and (select count(*) from set_span) = 2 from set_times")
    return host


def verified(host):
    said = subprocess.run([BIN, "--conf", str(host.conf), "verify", "--json"], text=True, capture_output=True, timeout=300)
    differences = json.loads(said.stdout)["differences"]
    assert said.returncode == (1 if differences else 0), said.stderr
    return differences


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def as_varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def unpacked(value):
    """(what comes before the entries, [[ms later, group, id], …])"""
    _, at = varint(value, 2)
    groups, at = varint(value, at)
    for _ in range(groups):
        n, at = varint(value, at)
        at += n
    numbers, here = [], at
    while here < len(value) - 4:
        number, here = varint(value, here)
        numbers.append(number)
    return value[:at], [numbers[i:i + 3] for i in range(0, len(numbers), 3)]


def sealed(cube, setno, day, body):
    return body + struct.pack("<I", zlib.crc32(body, zlib.crc32(struct.pack("<iii", cube, setno, day))))


def times(c):
    return c.execute("select t.cube, setno, day, value from set_times t join cube on cube.id = t.cube where dims = 'unit' order by day limit 1").fetchone()


def span(c):
    return c.execute("select t.id, t.value from set_span t join cube on cube.id = t.cube where dims = 'unit'").fetchone()


def changed(c, change):
    """The entries of a row of set_times as change makes them, with a checksum that is right."""
    cube, setno, day, value = times(c)
    head, entries = unpacked(value)
    assert len(entries) == SALES // 3 and sealed(cube, setno, day, value[:-4]) == value
    change(entries)
    body = head + b"".join(as_varint(n) for e in entries for n in e)
    c.execute("update set_times set value = ? where cube = ? and setno = ? and day = ?", (sealed(cube, setno, day, body), cube, setno, day))


def another_id(c):
    def change(entries):
        entries[7][2] ^= 1
    changed(c, change)


def another_time(c):
    def change(entries):
        entries[7][0] += 1
        entries[8][0] -= 1 if entries[8][0] else 0
    changed(c, change)


def another_group(c):
    def change(entries):
        entries[7][1] ^= 1
    changed(c, change)


def one_less(c):
    changed(c, lambda entries: entries.pop())


def one_twice(c):
    changed(c, lambda entries: entries.insert(8, [0, *entries[7][1:]]))


def another_days_times(c):
    cube, setno, day, _ = times(c)
    c.execute("update set_times set value = (select value from set_times where cube = ? and setno = ? and day > ?) where cube = ? and setno = ? and day = ?", (cube, setno, day) * 2)


def broken_times(c):
    cube, setno, day, value = times(c)
    c.execute("update set_times set value = ? where cube = ? and setno = ? and day = ?", (value[:40] + bytes([value[40] ^ 4]) + value[41:], cube, setno, day))


def too_late(c):
    def change(entries):
        entries[-1][0] += 86400000
    changed(c, change)


def times_of_no_events(c):
    cube, setno, day, value = times(c)
    head, entries = unpacked(value)
    begins = as_varint((varint(value, 2)[0] // 2 + 40 * 86400000) * 2)
    body = value[:2] + begins + head[2 + len(begins):] + b"".join(as_varint(n) for n in entries[0])
    c.execute("insert into set_times (cube, setno, day, value) values (?, ?, ?, ?)", (cube, setno, day + 40, sealed(cube, setno, day + 40, body)))


def times_of_no_set(c):
    c.execute("insert into set_times (cube, setno, day, value) select cube, 5, day, value from set_times limit 1")


def times_of_no_day(c):
    c.execute("insert into set_times (cube, setno, day, value) select cube, setno, 1 << 40, value from set_times limit 1")


def times_of_no_cube(c):
    c.execute("insert into set_times (cube, setno, day, value) select 77, setno, day, value from set_times limit 1")


def another_span(c):
    c.execute("update set_span set value = (select value from set_blob where cube = set_span.cube order by day desc limit 1) where id = ?", (span(c)[0],))


def broken_span(c):
    at, value = span(c)
    c.execute("update set_span set value = ? where id = ?", (value[:30] + bytes([value[30] ^ 4]) + value[31:], at))


def moved_span(c):
    c.execute("update set_span set span = span + 3 where id = ?", (span(c)[0],))


def span_of_no_set(c):
    c.execute("insert into set_span (cube, setno, days, span, value) select cube, 9, days, span, value from set_span limit 1")


def span_of_no_cube(c):
    c.execute("insert into set_span (cube, setno, days, span, value) select 78, setno, days, span, value from set_span limit 1")


def span_by_days_taken_for_times(c):
    c.execute("insert into set_span (cube, setno, days, span, value) select cube, setno, 1 - days, span, value from set_span where id = ?", (span(c)[0],))


def tampered(host, change):
    """Does it, and gives back what undoes it."""
    with database(host) as c:
        was = {t: c.execute(f"select * from {t}").fetchall() for t in ("set_times", "set_span")}
        change(c)

    def undo():
        with database(host) as c:
            for table, rows in was.items():
                c.execute(f"delete from {table}")
                c.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)
    return undo


SEEN = "shop (unit) 2026-03-03: quem foi visto quando "
UNITED = "shop (unit) 2026-02-28–2026-03-15: o conjunto destes dias "


@pytest.mark.parametrize("change, expect", [
    (another_id, SEEN + "difere dos eventos: faces.twice: 800 no armazenamento, 800 pelos eventos"),
    (another_time, SEEN + "difere dos eventos: faces.twice: 800 no"),
    (another_group, SEEN + "difere dos eventos: faces.twice: 800 no"),
    (one_less, SEEN + "difere dos eventos: faces.twice: 799 no armazenamento, 800 pelos eventos"),
    (one_twice, SEEN + "difere dos eventos: faces.twice: 801 no"),
    (another_days_times, SEEN + "está danificado: faces.twice: "),
    (broken_times, SEEN + "está danificado: faces.twice: "),
    (too_late, SEEN + "está danificado: faces.twice: "),
    (times_of_no_events, "shop (unit) 2026-04-12: quem foi visto quando difere dos eventos: faces.twice: 1 no armazenamento, 0 pelos eventos"),
    (times_of_no_set, ": uma linha de set_times do conjunto 5: não há tal dia ou conjunto"),
    (times_of_no_day, "dia 1099511627776: uma linha de set_times do conjunto 0: não há tal dia ou conjunto"),
    (times_of_no_cube, "uma linha de set_times do cubo 77, conjunto 0, 2026-03-03: não há tal cubo"),
    (another_span, UNITED + "difere dos dias: faces.twice: "),
    (broken_span, UNITED + "está danificado: faces.twice: "),
    (moved_span, "shop (unit) 2026-04-17–2026-05-02: o conjunto destes dias difere dos dias: faces.twice: 350 no armazenamento, 0 pelos eventos"),
    (span_of_no_set, ": uma linha de set_span do conjunto 9: não há tal dia ou conjunto"),
    (span_of_no_cube, "uma linha de set_span do cubo 78, conjunto 0, 2026-02-28: não há tal cubo"),
    (span_by_days_taken_for_times, UNITED + "difere dos dias: faces.twice: "),
], ids=lambda v: getattr(v, "__name__", ""))
def test_every_change_is_found(shop, change, expect):
    undo = tampered(shop, change)
    found = verified(shop)
    undo()
    assert len(found) == 1 and expect in found[0]["what"], (expect, found)
    if "cubo 7" not in expect:
        assert found[0]["plugin"] == "shop" and found[0]["by"] in ("unit", "")
    assert verified(shop) == []


@pytest.mark.parametrize("table", ["set_times", "set_span"])
def test_what_is_missing_or_empty_is_no_difference(shop, table):
    for sql in (f"delete from {table}", f"update {table} set value = x''"):
        undo = tampered(shop, lambda c: c.execute(sql))
        assert verified(shop) == []
        undo()


@pytest.fixture(scope="module")
def figures(shop):
    with shop:
        return {q: shop.kpi("faces", q)["value"] for q in (CUT, LONG, WHOLE)}


def test_figures_are_those_of_the_sales(figures):
    def twice(chosen):
        seen = [sale(i)["subject"] for i in range(SALES) if chosen(sale(i)["time"])]
        return len({s for s in seen if seen.count(s) > 1})
    assert figures[CUT] == twice(lambda t: "2026-03-03T10:00:20" <= t < "2026-03-05T10:00:20")
    assert figures[LONG] == 350 and figures[WHOLE] == twice(lambda t: t < "2026-03-04")


@pytest.mark.parametrize("change, query, says", [
    (another_days_times, CUT, "set_times"), (broken_times, CUT, "set_times"), (too_late, CUT, "set_times"), (broken_span, LONG, "set_span"), (lambda c: None, CUT, None), (lambda c: None, LONG, None),
], ids=["another_days_times", "broken_times", "too_late", "broken_span", "cut", "long"])
def test_readers_take_nothing_that_is_damaged(shop, figures, change, query, says):
    undo = tampered(shop, change)
    was = len(shop.log_text())
    with shop:
        assert shop.kpi("faces", query)["value"] == figures[query]
        assert shop.kpi("faces", WHOLE)["value"] == figures[WHOLE]
    undo()
    said = [line for line in shop.log_text()[was:].splitlines() if "set_" in line]
    assert len(said) == (1 if says else 0) and all(says in line and "faces, 2026-0" in line for line in said), said


def test_times_are_read_at_all(shop, figures):
    """An id of nobody else, under a checksum that is right: only what reads the row can be wrong."""
    def change(entries):
        for e in entries:
            e[2] += 100000
    undo = tampered(shop, lambda c: changed(c, change))
    with shop:
        assert shop.kpi("faces", CUT)["value"] != figures[CUT]
        assert shop.kpi("faces", WHOLE)["value"] == figures[WHOLE]
    undo()


def test_rows_of_a_cube_that_goes_go_with_it(shop):
    """Counted anew, also what was changed is gone."""
    for change in (another_id, another_span, times_of_no_cube, span_of_no_cube):
        tampered(shop, change)
    assert len(verified(shop)) == 4
    with database(shop) as c:
        c.execute("update cube set identity = ''")
    with shop:
        wait(shop, "select count(*) = 2 and (select count(*) from set_times where cube in (select id from cube)) = 6 from cube")
        wait(shop, "select count(*) = 2 from set_span")
    assert verified(shop) == []
    with database(shop) as c:
        for table in ("set_times", "set_span", "set_stale"):
            assert c.execute(f"select count(*) from {table} where cube not in (select id from cube)").fetchone()[0] == 0
