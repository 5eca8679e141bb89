"""The data folder: rights, versions, a full disk, zones, views, damage."""
import calendar
import contextlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import time

import pytest
from host import ACME, NDJSON, ROOT, STRUCTURED, Host, rated

MIB = 1 << 20


def database(host):
    found = [p for p in host.data.iterdir() if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3"]
    assert len(found) == 1, list(host.data.iterdir())
    return found[0]


def lines(n, source, start=0, **more):
    return "\n".join(json.dumps(rated(id=f"{i}", source=source, score=i % 11, unit=f"u{i % 3}", subject=f"c{i % 50}", **more)) for i in range(start, start + n))


def everything(host):
    """All events as (source, id), read by pages."""
    seen, after = [], 0
    while after is not None:
        page = host.get(f"/v1/events?after={after}&limit=1000")[1]
        seen += [(e["source"], e["id"]) for e in page["events"]]
        after = page["next"]
    return seen


# ---- the folder -------------------------------------------------------------------------------
def test_the_data_folder_is_private(tmp_path):
    before = os.umask(0)
    try:
        with Host(tmp_path, plugins={"acme": ACME}) as host:
            host.post(rated(id="a"))
            assert stat.S_IMODE(host.data.stat().st_mode) == 0o700
            for path in host.data.rglob("*"):
                assert not stat.S_IMODE(path.stat().st_mode) & 0o002, path
            assert stat.S_IMODE(os.stat(host.socket).st_mode) == 0o660
    finally:
        os.umask(before)


def test_the_socket_has_the_mode_of_the_configuration(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}, conf={"server.socket_mode": "0600"}) as host:
        assert stat.S_IMODE(os.stat(host.socket).st_mode) == 0o600


def test_a_newer_schema_is_refused_and_left_alone(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME})
    host.cli("call", "POST", "/v1/events", json.dumps(rated(id="kept")))
    db = database(host)
    with contextlib.closing(sqlite3.connect(db)) as c:
        version = c.execute("pragma user_version").fetchone()[0]
        c.execute("pragma user_version = 999")
    for args in (("serve",), ("kpi",), ("verify",)):
        assert "999" in host.cli(*args, code=1)[1]
    with contextlib.closing(sqlite3.connect(db)) as c:
        assert c.execute("pragma user_version").fetchone()[0] == 999
        c.execute(f"pragma user_version = {version}")
    assert json.loads(host.cli("call", "GET", "/v1/events")[0])["events"][0]["id"] == "kept"


def test_what_is_no_database_is_refused_and_left_alone(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME})
    host.cli("call", "POST", "/v1/events", json.dumps(rated(id="a")))
    db = database(host)
    for extra in host.data.iterdir():
        if extra.name.startswith(db.name + "-"):
            extra.unlink()
    db.write_bytes(b"not a database at all" * 1000)
    host.cli("serve", code=1)
    assert db.read_bytes().startswith(b"not a database")


def test_the_data_survive_the_end(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        assert host.post(lines(100, "/kept"), NDJSON)[1]["accepted"] == 100
        token = host.cli("token", "add", "t", "--level", "manager")[0].strip()
        figures = host.kpi("visit-nps", "by=unit")
        host.stop()
        host.start()
        assert host.kpi("visit-nps", "by=unit") == figures
        assert host.get("/v1/me", {"Authorization": f"Bearer {token}"})[0] == 200
        assert host.post(lines(100, "/kept"), NDJSON)[1]["duplicates"] == 100
        assert host.post(rated(id="next"))[1]["seq"] == 101


# ---- a full disk ------------------------------------------------------------------------------
@pytest.fixture
def tiny(tmp_path):
    """A folder on a file system of 8 MiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("only root can mount a small file system for this")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(tmp_path, tiny):
    host = Host(tmp_path / "host", plugins={"acme": ACME})
    host.data = tiny / "data"
    host.conf.write_text(host.conf.read_text().replace(str(host.folder / "data"), str(host.data)))
    ballast = tiny / "ballast"
    ballast.write_bytes(bytes(4 * MIB))
    with host:
        stored, sent, refused = set(), 0, None
        while not refused and sent < 100000:
            body = [{"specversion": "1.0", "id": str(i), "source": "/fill", **rated(score=i % 11, unit=f"u{i % 3}", subject=f"c{i}", data={"comment": "x" * 300})}
                    for i in range(sent, sent + 200)]
            status, reply, head = host.request("POST", "/v1/events", "\n".join(map(json.dumps, body)), {"Content-Type": NDJSON})
            if status == 200:
                assert reply["accepted"] == 200
                stored |= {("/fill", e["id"]) for e in body}
                sent += 200
            else:
                refused = (status, reply, head)
        status, reply, head = refused
        assert (status, reply["code"]) == (503, "disk_full") and int(head["Retry-After"]) >= 1
        # single events are refused the same way; reads go on, and health says so
        status, reply, head = host.request("POST", "/v1/events", rated(id="single", data={"comment": "x" * 4000}), {"Content-Type": "application/json"})
        assert status == 201 or (status, reply["code"]) == (503, "disk_full"), reply
        if status == 201:
            stored.add((reply["source"], "single"))
        assert host.get("/v1/kpis/visit-nps")[1]["measures"]["answers"] >= sent
        assert len(host.get("/v1/events?limit=1000")[1]["events"]) == min(1000, len(stored))
        assert host.post(body[0], STRUCTURED)[0] in (201, 503)
        assert host.get("/healthz")[0] == 200
        ballast.unlink()
        end = time.monotonic() + 60
        while host.post(rated(id="room", source="/room"))[0] not in (200, 201):  # by itself, once there is room
            assert time.monotonic() < end, host.log_text()
            time.sleep(0.1)
        assert host.get("/healthz")[1]["store"] == {"writable": True} and host.get("/readyz")[0] == 200
        status, reply = host.post("\n".join(map(json.dumps, body)), NDJSON)
        assert status == 200 and reply["accepted"] + reply["duplicates"] == 200 and not reply["rejected"]
        seen = everything(host)
        assert len(seen) == len(set(seen)) and stored <= set(seen)
        assert host.kpi("visit-nps")["measures"]["answers"] == len(seen)
        assert json.loads(host.cli("verify", "--json")[0])["differences"] == []
        host.stop()
        host.start()
        assert everything(host) == seen and host.post(lines(1, "/fill"), NDJSON)[0] == 200


def test_a_disk_that_is_full_at_the_start_is_said(tmp_path, tiny):
    host = Host(tmp_path / "host", plugins={"acme": ACME})
    host.data = tiny / "data"
    host.conf.write_text(host.conf.read_text().replace(str(host.folder / "data"), str(host.data)))
    ballast = tiny / "ballast"
    with contextlib.suppress(OSError):
        ballast.write_bytes(bytes(9 * MIB))
    err = host.cli("kpi", code=1)[1]
    assert err
    ballast.unlink()
    host.cli("kpi")


# ---- zones ------------------------------------------------------------------------------------
@pytest.mark.parametrize("zone, offset", [("Asia/Tokyo", "+09:00"), ("America/Manaus", "-04:00"), ("Asia/Kolkata", "+05:30"), ("UTC", "+00:00")])
def test_days_begin_where_the_company_is(tmp_path, zone, offset):
    with Host(tmp_path, plugins={"acme": ACME}, timezone=zone) as host:
        for i, clock in enumerate(["2026-03-01T23:59:59.999", "2026-03-02T00:00:00", "2026-03-02T23:59:59.999", "2026-03-03T00:00:00"]):
            assert host.post(rated(id=f"z{i}", time=clock + offset))[0] == 201
        reply = host.kpi("visit-nps", "from=2026-03-01&to=2026-03-04&every=day")
        assert [p["measures"]["answers"] for p in reply["series"]] == [1, 2, 1]
        assert reply["from"] == f"2026-03-01T00:00:00{offset}" and reply["series"][1]["from"] == f"2026-03-02T00:00:00{offset}"
        assert host.kpi("visit-nps", "from=2026-03-02T00:00:00&to=2026-03-02T23:59:59.999")["measures"]["answers"] == 1


def test_a_day_of_23_and_one_of_25_hours(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}, timezone="America/New_York") as host:
        def hours(day, first, last):
            start, end = (calendar.timegm(time.strptime(t, "%Y-%m-%dT%H:%M:%SZ")) for t in (first, last))
            batch = [rated(id=f"{day}-{t}", source="/h", time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)))
                     for t in range(start, end, 1800)]
            assert host.post("\n".join(map(json.dumps, batch)), NDJSON)[1]["accepted"] == len(batch)
            return host.kpi("visit-nps", f"from={day}&to={day[:8]}{int(day[8:]) + 1:02}")["measures"]["answers"]
        assert hours("2026-03-08", "2026-03-08T03:00:00Z", "2026-03-09T08:00:00Z") == 46  # 23 hours
        assert hours("2026-11-01", "2026-11-01T02:00:00Z", "2026-11-02T09:00:00Z") == 50  # 25 hours


# ---- what is stored ---------------------------------------------------------------------------
def test_unknown_types_are_stored_where_the_configuration_says_so(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}, conf={"events.unknown": "store"}) as host:
        status, reply = host.post({"type": "door.opened", "id": "d1", "unit": "b07", "data": {"door": {"n": [1, 2]}}})
        assert status == 201, reply
        event = host.get("/v1/events?type=door.opened")[1]["events"][0]
        assert event["data"] == {"door": {"n": [1, 2]}} and event["unit"] == "b07"
        assert host.post(rated(score=11))[1]["code"] == "invalid_field"  # a declared type is checked all the same
        assert host.post({"type": "", "data": {}})[0] == 422 and host.post({"type": "x y", "data": 3})[0] in (201, 422)
        # a plugin that declares it later counts what came before
        host.stop()
        host.write_plugin("doors", 'cx.plugin { name = "doors", version = "1.0.0", api = 1 }\ncx.event "door.opened" { open = true, fields = {} }\n'
                          'cx.kpi "doors" { format = "number", measures = { n = cx.count("door.opened") }, formula = function(m) return m.n end }')
        host.start()
        assert host.kpi("doors")["value"] == 1


def test_views_are_what_people_would_write(tmp_path):
    plugin = ACME + """
cx.event "sale.made" { fields = { net = cx.decimal { scale = 2 }, kg = cx.decimal { scale = 3, default = 1 }, gift = cx.boolean {},
  paid = cx.money {}, fee = cx.money { currency = "USD" }, wait = cx.duration {}, ["where"] = cx.text { default = "loja" } } }
"""
    with Host(tmp_path, plugins={"acme": plugin}) as host:
        host.post(rated(id="v1", source="/v", score=9, unit="b07", subject="c1", data={"channel": "app", "comment": "bom"}))
        host.post(rated(id="v2", source="/v", score=3))
        host.post({"id": "o1", "type": "order.delivered", "time": "2026-03-02T10:00:00-03:00",
                   "data": {"order": "A-1", "paid": {"amount": 1999, "currency": "BRL"}, "bought": "2026-03-01T10:00:00-03:00"}})
        assert host.post({"id": "s1", "type": "sale.made", "data": {"net": 12.5, "gift": True, "paid": 300, "fee": 7, "wait": 90000}})[0] == 201
        with contextlib.closing(sqlite3.connect(f"file:{database(host)}?mode=ro", uri=True)) as c:
            c.row_factory = sqlite3.Row
            names = {r[0] for r in c.execute("select name from sqlite_master where type = 'view'")}
            assert names == {"ev_visit_rated", "ev_order_delivered", "ev_sale_made"}
            rows = [dict(r) for r in c.execute("select * from ev_visit_rated order by seq")]
            assert set(rows[0]) == {"seq", "id", "source", "time", "time_ms", "subject", "unit", "actor", "recorded_ms", "corrects", "score", "channel", "comment", "written"}
            assert [(r["id"], r["score"], r["unit"], r["channel"], r["comment"], r["written"]) for r in rows] == [("v1", 9, "b07", "app", "bom", 1), ("v2", 3, None, None, None, 0)]
            assert rows[0]["time"] == "2026-03-02T10:00:00-03:00" and rows[0]["time_ms"] == 1772456400000
            order = dict(c.execute("select * from ev_order_delivered").fetchone())
            assert (order["paid"], order["paid_currency"], order["lead"]) == (1999, "BRL", 86400000)
            sale = dict(c.execute("select * from ev_sale_made").fetchone())
            assert (sale["net"], sale["kg"], sale["gift"], sale["wait"], sale["where"]) == (12.5, 1, 1, 90000, "loja")
            assert (sale["paid"], sale["paid_currency"], sale["fee"], sale["fee_currency"]) == (300, "BRL", 7, "USD")
            assert c.execute("select unit, avg(score) from ev_visit_rated group by 1 order by 1").fetchall()
        # as KPIs count: texts as the numbers they stand for, of an event and its corrections the newest
        for i, net, wait in (("s2", "7.50", "45min"), ("s3", 3, "2w"), ("s4", "1e1", 0)):
            assert host.post({"id": i, "source": "/v", "type": "sale.made", "data": {"net": net, "wait": wait}})[0] == 201
        for i, old, net in (("s5", "s2", "8.00"), ("s6", "s5", 9)):
            assert host.post({"id": i, "source": "/v", "type": "sale.made", "corrects": old, "data": {"net": net, "wait": "3d"}})[0] == 201
        with contextlib.closing(sqlite3.connect(f"file:{database(host)}?mode=ro", uri=True)) as c:
            rows = c.execute("select id, corrects, net, typeof(net), wait, typeof(wait) from ev_sale_made where source = '/v' order by id").fetchall()
            assert rows == [("s3", None, 3.0, "real", 1209600000, "integer"), ("s4", None, 10.0, "real", 0, "integer"), ("s6", "s5", 9.0, "real", 259200000, "integer")]
        if shutil.which("sqlite3"):
            out = subprocess.run(["sqlite3", "-readonly", str(database(host)), "select sum(score) from ev_visit_rated"], capture_output=True, text=True)
            assert out.stdout.strip() == "12", out.stderr


def test_two_types_with_one_view_name_are_refused(tmp_path):
    host = Host(tmp_path, plugins={"twin": 'cx.plugin { name = "twin", version = "1.0.0", api = 1 }\ncx.event "a.b_c" { fields = {} }\ncx.event "a_b.c" { fields = {} }'})
    assert "plugins/twin/plugin.lua:3: " in host.cli("check", code=1)[0]


# ---- damage -----------------------------------------------------------------------------------
def one_bit(c):
    cube, day, grp, value = c.execute("select cube, day, grp, value from cell order by length(value) desc limit 1").fetchone()
    broken = bytes([*value[:-1], value[-1] ^ 1])
    return c.execute("update cell set value = ? where cube = ? and day = ? and grp = ?", (broken, cube, day, grp)).rowcount


@pytest.mark.parametrize("damage", [
    one_bit,
    lambda c: c.execute("delete from cell where day = (select min(day) from cell)").rowcount,
    lambda c: c.execute("update event set data = json_set(data, '$.score', 0) where seq = 7").rowcount,
    lambda c: c.execute("delete from event where seq = 9").rowcount,
    lambda c: sum(c.execute(f"delete from {table}").rowcount for table in ("set_blob", "set_log")),
], ids=["a bit of a cell", "cells", "an event's data", "an event", "sets"])
def test_verify_finds_damage(tmp_path, damage):
    host = Host(tmp_path, plugins={"acme": ACME})
    with host:
        batch = [rated(id=str(i), source="/d", score=10, unit=f"u{i % 3}", subject=f"c{i % 7}", time=f"2026-03-{1 + i % 9:02}T10:00:00-03:00") for i in range(60)]
        batch += [{"type": "order.delivered", "id": f"o{i}", "source": "/d", "subject": f"c{i % 4}", "time": "2026-03-05T10:00:00-03:00", "unit": "u1",
                   "data": {"order": str(i), "bought": "2026-03-01T10:00:00-03:00", "paid": 100}} for i in range(9)]
        assert host.post("\n".join(map(json.dumps, batch)), NDJSON)[1]["accepted"] == 69
    assert json.loads(host.cli("verify", "--json")[0])["differences"] == []
    with contextlib.closing(sqlite3.connect(database(host))) as c:
        assert damage(c) > 0
        c.commit()
    found = json.loads(host.cli("verify", "--json", code=1)[0])["differences"]
    assert found and all(d["what"] for d in found)
    assert host.cli("verify", code=1)[0].strip()


def test_damaged_figures_refuse_no_event_and_are_counted_again(tmp_path):
    def orders(source):
        return "\n".join(json.dumps({"type": "order.delivered", "id": f"o{i}", "source": source, "subject": f"c{i}", "unit": "u1",
                                     "time": "2026-03-05T10:00:00-03:00", "data": {"order": str(i), "bought": "2026-03-01T10:00:00-03:00", "paid": 100}}) for i in range(3000))

    def wait(host, sql):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.closing(sqlite3.connect(f"file:{database(host)}?mode=ro", uri=True)) as c:
                if c.execute(sql).fetchone()[0]:
                    return
            time.sleep(0.1)
        raise AssertionError(host.log_text())

    host = Host(tmp_path, plugins={"acme": ACME})
    host.start()
    assert host.post(orders("/a"), NDJSON)[1]["accepted"] == 3000
    wait(host, "select count(*) > 0 and (select count(*) from set_log) = 0 from set_blob")
    host.stop()
    with contextlib.closing(sqlite3.connect(database(host))) as c:
        for table in ("cell", "set_blob"):
            c.execute(f"update {table} set value = cast(substr(value, 1, length(value) - 1) || x'07' as blob)")
        c.commit()
    host.start()
    assert host.post(rated(id="r"))[0] == 201
    assert host.post(orders("/b"), NDJSON)[1]["accepted"] == 3000
    wait(host, "select count(*) = 0 from set_log")
    assert host.get("/v1/kpis/repeat-rate")[0] == 503 and "contados de novo" in host.log_text()
    host.stop()
    host.start()
    assert host.kpi("repeat-rate")["measures"]["buyers"] == 3000 and host.kpi("acme-revenue")["value"] == 600000
    host.cli("verify")
    host.__exit__(None, None, None)


def test_a_store_of_the_first_schema_is_migrated_and_its_figures_are_counted_again(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as cxd:
        for i in range(30):
            assert cxd.post(rated(i % 11, id=f"e{i}", source="/till", subject=f"c{i % 7}", unit=f"u{i % 2}"))[0] == 201
        before = cxd.kpi("visit-nps", "by=unit")
        events = cxd.get("/v1/events")[1]
    new = cxd.data / "cxd.db"
    with contextlib.closing(sqlite3.connect(cxd.data / "old.db")) as c:
        c.executescript((ROOT / "core/store/schema/0001_first.sql").read_text())
        c.execute("attach ? as new", (str(new),))
        for table in ("event", "event_key", "ident", "ident_new", "plugin_source", "plugin_current", "token", "meta"):
            columns = ", ".join(r[1] for r in c.execute(f"pragma main.table_info({table})"))
            c.execute(f"insert into main.{table} ({columns}) select {columns} from new.{table}")
        c.execute("delete from meta where key = 'feeds'")  # what came with the second
        c.execute("insert into figures values ('acme', 'an identity of before')")
        c.execute("pragma main.user_version = 1")
        c.commit()
    for file in cxd.data.glob("cxd.db*"):
        file.unlink()
    (cxd.data / "old.db").rename(new)
    with Host(tmp_path, plugins={"acme": ACME}) as cxd:
        end = time.monotonic() + 60
        while cxd.kpi("visit-nps", "by=unit") != before:
            assert time.monotonic() < end, cxd.kpi("visit-nps", "by=unit")
            time.sleep(0.05)
        assert cxd.get("/v1/events")[1] == events
        assert cxd.post(rated(0, id="e0", source="/till", subject="c0", unit="u0"))[0] == 200
    cxd.cli("verify")
