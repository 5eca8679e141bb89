"""The demo company: the same events everywhere, once; its figures; its review script."""
import contextlib
import datetime
import json
import re
import sqlite3
import zoneinfo

import pytest
from host import ROOT, Host

ZONE = zoneinfo.ZoneInfo("America/Sao_Paulo")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("demo"), conf={"plugins.path": str(ROOT / "plugins"), "plugins.enable": "demo, sales, voc, service, complaints",
                                                       "scripts.path": str(ROOT / "scripts"), "company.name": "Casa Aurora"})
    host.first = json.loads(host.cli("import", "demo", "--json")[0])
    return host


def test_a_year_of_a_chain(demo):
    assert (demo.first["events"], demo.first["new"], demo.first["already_there"], demo.first["refused"]) == (207196, 206121, 1075, 0)
    total = re.search(r"total = (\d+)", (ROOT / "plugins/demo/plugin.lua").read_text())[1]
    assert int(total) == demo.first["events"]  # what the progress bar goes by
    page = json.loads(demo.cli("call", "GET", "/v1/events?limit=1")[0])
    assert page["events"][0]["seq"] == 1 and page["next"] == 1


# The generator is deterministic: a change of one of these is a change of the demo or a wrong count.
# They were counted from the generator's events by a Lua script of its own.
@pytest.mark.parametrize("kpi, measures", [
    ("nps", {"promoters": 5676, "detractors": 1244, "answers": 9575}), ("nps-relational", {"promoters": 5021, "detractors": 1102, "answers": 8467}),
    ("response-rate", {"delivered": 28108, "answered": 9575}), ("ces-mean", {"scores": 1248}), ("csat", {"scores": 914}),
    ("orders", {"placed": 107400, "cancelled": 1054}), ("revenue", {"placed": 1778634997, "adjusted": -24104671}),
    ("revenue-restated", {"placed": 1778634997, "adjusted": -24104671}), ("identified-share", {"identified": 96180, "orders": 107400}),
    ("complaints-per-1000-orders", {"cases": 1157, "orders": 107400}), ("repeat-rate-r1", {"buyers": 39668, "returned": 25232}),
    ("loyalty-l2", {"members": 738663529, "identified": 1596889891}), ("voices", {"voices": 787}), ("ticket-median", {"net": 107400}),
    ("sop-adherence", {"asked": 996, "done": 949}), ("conversion", {"opened": 239, "won": 195, "lost": 44}),
    ("delivery-hours", {"delivered": 36522, "lead": 4886167880000}), ("solved-contacts", {"closed": 3923, "solved": 3238}),
])
def test_figures(demo, kpi, measures):
    reply = json.loads(demo.cli("kpi", kpi, "--json")[0])
    assert reply["measures"] == measures


def test_values_of_the_mission_s_kpis(demo):
    def value(kpi, *args):
        return json.loads(demo.cli("kpi", kpi, *args, "--json")[0])["value"]
    net, orders = 1778634997 - 24104671, 107400 - 1054
    assert value("revenue") == net and abs(value("average-ticket") * orders - net) < 1e-3
    assert value("ticket-median") == 13149 and abs(value("ces-mean") - 6720 / 1248) < 1e-9 and abs(value("csat") - 100 * 517 / 914) < 1e-9
    assert value("response-rate") == 100 * 9575 / 28108
    after = ("--from", "2026-06-01", "--to", "2026-09-01")
    assert 40 < value("returning-share-r2", *after) < 100 and 0 < value("repeat-rate-r3", *after) < 100
    assert value("loyalty-l1", *after) is None


def test_figures_equal_a_count_by_sql(demo):
    with contextlib.closing(sqlite3.connect(f"file:{next(demo.data.glob('*.db'))}?mode=ro", uri=True)) as c:
        for unit, answers, promoters, detractors in c.execute(
                "select unit, count(*), sum(score >= 9), sum(score <= 6) from ev_nps_answered where time_ms >= 1772334000000 and time_ms < 1775012400000 group by 1"):
            reply = json.loads(demo.cli("kpi", "nps", "--where", f"unit:{unit}", "--from", "2026-03-01", "--to", "2026-04-01", "--json")[0])
            assert reply["measures"] == {"answers": answers, "promoters": promoters, "detractors": detractors}, unit
        net, orders, people = c.execute("select sum(net), count(*), count(distinct subject) from ev_order_placed").fetchone()
        change, cancelled = c.execute("select sum(change), sum(kind = 'cancel') from ev_order_adjusted").fetchone()
        again = c.execute("""select count(*), sum(seen) from (select subject, max(time_ms < 1780282800000) as seen from ev_order_placed
            where subject is not null and time_ms < 1782874800000 group by 1 having max(time_ms) >= 1780282800000)""").fetchone()
    assert json.loads(demo.cli("kpi", "revenue", "--json")[0])["value"] == net + change
    assert json.loads(demo.cli("kpi", "orders", "--json")[0])["value"] == orders - cancelled
    assert json.loads(demo.cli("kpi", "customers", "--json")[0])["value"] == people
    june = json.loads(demo.cli("kpi", "returning-share-r2", "--from", "2026-06-01", "--to", "2026-07-01", "--json")[0])
    assert (june["measures"]["buyers"], june["value"]) == (again[0], 100 * again[1] / again[0])


def test_the_cohort_of_r3_equals_a_count_by_sql(demo):
    """First purchase in the three months from 3 March, 90 days before June to August; another day's by the end of August."""
    with contextlib.closing(sqlite3.connect(f"file:{next(demo.data.glob('*.db'))}?mode=ro", uri=True)) as c:
        new, back = c.execute("""with bought as (select distinct subject, date(time_ms / 1000 - 3 * 3600, 'unixepoch') as day from ev_order_placed
                where subject is not null and time_ms < 1788231600000),
            person as (select min(day) as first, count(*) as days from bought group by subject)
            select count(*), sum(days > 1) from person where first >= '2026-03-03' and first < '2026-06-03'""").fetchone()
    r3 = json.loads(demo.cli("kpi", "repeat-rate-r3", "--from", "2026-06-01", "--to", "2026-09-01", "--json")[0])
    assert (r3["n"], r3["value"]) == (new, 100 * back / new) and new > 1000


def test_what_was_known_on_a_day(demo):
    """ba-01 was offline from 9 to 13 March: on the 12th nobody knew what its tills had sold."""
    days = ("--from", "2026-03-09", "--to", "2026-03-12", "--where", "unit:ba-01", "--where", "channel:loja", "--json")
    now = json.loads(demo.cli("kpi", "orders", *days)[0])["measures"]["placed"]
    with demo:
        def known(day):
            query = f"from=2026-03-09&to=2026-03-12&where=unit:ba-01&where=channel:loja&as_known={day}"
            return demo.get(f"/v1/kpis/orders?{query}")[1]["measures"]["placed"]
        assert now > 20 and [known("2026-03-12"), known("2026-03-14"), known("2026-03-15")] == [0, 0, now]


@pytest.mark.parametrize("unit, verdict", [("rj-02", "worse"), ("pr-01", "better"), ("mg-01", "not_proven")])
def test_a_change_is_proven_or_not(demo, unit, verdict):
    with demo:
        nps = demo.get(f"/v1/kpis/nps?from=2026-05-01&to=2026-11-01&compare=previous&where=unit:{unit}")[1]
    assert nps["verdict"] == verdict and nps["previous"]["from"].startswith("2025-11-01"), nps


def test_parts_make_the_whole(demo):
    args = ("--from", "2025-11-01", "--to", "2026-12-01", "--json")
    whole = json.loads(demo.cli("kpi", "nps", *args)[0])
    by = json.loads(demo.cli("kpi", "nps", "--by", "unit", "--every", "month", *args)[0])
    units = {g["by"]["unit"] for g in by["groups"] if g["by"]["unit"]}
    assert 18 <= len(units) <= 22 and len({u[:2] for u in units}) >= 5  # about 20 units in several states
    for name, value in whole["measures"].items():
        assert sum(g["measures"][name] for g in by["groups"]) == value
        assert sum(p["measures"][name] for p in by["series"]) == value
        assert sum(p["measures"][name] for g in by["groups"] for p in g["series"]) == value
    assert len([p for p in by["series"] if p["measures"]["answers"]]) >= 12


def test_importing_again_adds_nothing(demo):
    before = demo.cli("kpi", "--from", "2025-11-01", "--json")[0]
    out = demo.cli("import", "demo")[0]
    assert re.search(r"\b0 novos\b", out) and "tudo já estava lá" in out
    assert demo.cli("kpi", "--from", "2025-11-01", "--json")[0] == before
    assert demo.cli("import", "demo", "--if-empty")[0] == ""


def test_the_six_months_review(demo):
    first, _ = demo.cli("run", "six-months", "--as-of", "2026-10-31", "--json")
    report = json.loads(first)
    assert report["errors"] == 0 and report["company"] == "Casa Aurora" and len(report["sections"]) >= 4
    assert demo.cli("run", "six-months", "--as-of", "2026-10-31", "--json")[0] == first
    text = demo.cli("run", "six-months", "--as-of", "2026-10-31")[0]
    kpis = json.loads(demo.cli("kpi", "nps", "--from", "2026-04-30", "--to", "2026-10-31", "--json")[0])
    answers = f"{kpis['measures']['answers']:,}".replace(",", ".")
    assert answers in text and re.search(r"Abaixo da rede, com 95 % de confiança: .*\brj-02\.", text)
    assert json.loads(demo.cli("run", "six-months", "--as-of", "2024-01-01", "--json")[0])["errors"] == 0  # before all data


def test_what_the_daemon_says_is_what_the_command_line_says(demo):
    alone = [demo.cli("kpi", "nps", "--by", "unit", "--every", "quarter", "--from", "2025-11-01", "--json")[0],
             demo.cli("run", "six-months", "--as-of", "2026-10-31", "--json")[0]]
    with demo:
        assert [demo.cli("kpi", "nps", "--by", "unit", "--every", "quarter", "--from", "2025-11-01", "--json")[0],
                demo.cli("run", "six-months", "--as-of", "2026-10-31", "--json")[0]] == alone
        assert json.loads(demo.cli("import", "demo", "--json")[0])["new"] == 0


def test_attendances_and_their_promises_equal_a_count_by_sql(demo):
    with contextlib.closing(sqlite3.connect(f"file:{next(demo.data.glob('*.db'))}?mode=ro", uri=True)) as c:
        ends = dict(c.execute("select case when solved then 'served' else 'unsolved' end, count(*) from ev_attendance_ended group by 1"))
        ends["left"] = c.execute("select count(*) from ev_attendance_left").fetchone()[0]
        late = c.execute("""select count(*) from ev_attendance_started s join ev_attendance_greeted g using (attendance)
            where g.time_ms - s.time_ms > 30000""").fetchone()[0]
        states = dict(c.execute("""select case when s.kept is null or not s.kept then 'broken' when s.time_ms <= m.due_ms then 'kept'
            else 'late' end, count(*) from (select *, cast(round((julianday(due) - 2440587.5) * 86400) as integer) * 1000 as due_ms
            from ev_promise_made) m left join ev_promise_settled s using (promise) group by 1"""))
    with demo:
        funnel = demo.get("/v1/journeys/attendance/funnel")[1]
        waits = demo.get("/v1/journeys/attendance-receive/frictions")[1]
        ledger = {s: len(demo.get(f"/v1/records/promise?state={s}&limit=1000")[1]["records"]) for s in ("kept", "late", "broken")}
        till = json.loads(demo.cli("token", "add", "till", "--level", "frontline", "--unit", "sp-01", "--json")[0])["token"]
        mine = demo.request("GET", "/v1/records/promise?limit=1000", headers={"Authorization": f"Bearer {till}"})[1]["records"]
    assert 0 < len(mine) < sum(ledger.values()) and {r["unit"] for r in mine} == {"sp-01"}
    assert funnel["outcomes"] == ends and ends["served"] > 200
    assert ledger == {s: states[s] for s in ledger}
    assert late > 20 and waits, waits


def test_cases_and_their_deadline(demo, shared):
    """The company's own: 3 business days from the day after, and the case is open until it is resolved."""
    oracle = json.loads((shared / "oracles/calendar/br_holidays_2024_2027.json").read_text())
    closed = {d["date"] for d in oracle["national"]}

    def due(ms):
        day, left = datetime.datetime.fromtimestamp(ms / 1000, ZONE).date(), 3
        while left:
            day += datetime.timedelta(days=1)
            left -= day.weekday() < 5 and str(day) not in closed
        return datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), ZONE).timestamp() * 1000
    before = datetime.datetime(2026, 10, 20, tzinfo=ZONE).timestamp() * 1000
    with contextlib.closing(sqlite3.connect(f"file:{next(demo.data.glob('*.db'))}?mode=ro", uri=True)) as c:
        cases = c.execute("""select o.complaint, o.time_ms, (select min(time_ms) from ev_complaint_moved m where m.complaint = o.complaint),
            (select count(*) from ev_complaint_moved m where m.complaint = o.complaint and m.move <> 'answered') from ev_complaint_opened o""").fetchall()
        told = {r[0] for r in c.execute("select complaint from ev_complaint_overdue")}
    missed = {id for id, at, answered, _ in cases if at < before and (not answered or answered > due(at))}
    assert missed == told & {r[0] for r in cases if r[1] < before} and len(missed) > 100
    with demo:
        shown = {c["key"] for c in demo.get("/v1/cases?limit=1000")[1]["cases"]}
    long_open = {id for id, at, _, done in cases if not done}
    assert long_open <= shown and len(long_open) > 50


@pytest.mark.parametrize("plugin", ["sales", "voc", "service", "complaints"])
def test_the_plugins_it_builds_on_pass_their_own_tests(demo, plugin):
    out = demo.cli("test", ROOT / "plugins" / plugin)[0]
    assert re.search(r"^[1-9]\d* passed, 0 failed$", out, re.M), out


def test_nothing_differs_from_the_log(demo):
    assert json.loads(demo.cli("verify", "--json")[0])["differences"] == []
