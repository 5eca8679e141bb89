"""Process logs through plugins/processlog: a public help desk's against truths computed elsewhere and SQL over
the same rows, and a small one of another shape."""
import csv
import datetime
import gzip
import json
import random
import sqlite3
import urllib.parse

import pytest
from host import ROOT, SHARED, Host

KPIS = {"n": "process-events", "cases": "process-cases", "first_in_case": "process-cases-started",
        "last_in_case": "process-cases-last"}


def host(folder, timezone="UTC", **settings):
    return Host(folder, timezone=timezone, conf={
        "plugins.path": str(ROOT / "plugins"), "plugins.enable": "processlog",
        **{f"plugin:processlog.{key}": value for key, value in settings.items()}})


def by_activity(cxd, kpi, *more):
    reply = json.loads(cxd.cli("kpi", kpi, "--by", "activity", "--json", *more)[0])
    return {g["by"]["activity"]: g["value"] for g in reply["groups"]}


def instance(cxd, key, connection=None):
    status, reply, _ = cxd.request("GET", "/v1/journeys/case/instances/" + urllib.parse.quote(key, safe=""),
                                   connection=connection)
    assert status == 200, reply
    return reply


def instances(cxd):
    """Every case with its history."""
    keys, after = [], ""
    connection = cxd.connection()
    while after is not None:
        page = cxd.request("GET", f"/v1/journeys/case/instances?limit=1000{after}", connection=connection)[1]
        keys += [i["key"] for i in page["instances"]]
        after = f"&after={page['next']}" if page["next"] else None
    return {key: instance(cxd, key, connection) for key in keys}


def ms(text):
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def quantile(values, p):
    """Type 7: what cx.stats and spreadsheets do."""
    values = sorted(values)
    at = (len(values) - 1) * p
    low = int(at)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (at - low)


# ------------------------------------------------------------------------------ the help desk's log
@pytest.fixture(scope="module")
def helpdesk(tmp_path_factory):
    source = SHARED / "data" / "processlogs"
    if not source.is_dir():
        pytest.skip(f"no process logs at {source} (set CXD_SHARED)")
    cxd = host(tmp_path_factory.mktemp("helpdesk"))
    cxd.source = source
    cxd.first_import = cxd.cli("import", "processlog", source, "--json")[0]
    return cxd


@pytest.fixture(scope="module")
def log(helpdesk):
    """The raw rows in SQLite, in the log's order: what the product is compared with."""
    db = sqlite3.connect(":memory:")
    db.execute("create table log (nr integer primary key, c text, ms integer, a text)")
    with gzip.open(helpdesk.source / "helpdesk.csv.gz", "rt", encoding="utf-8", newline="") as f:
        db.executemany("insert into log (c, ms, a) values (?, ?, ?)", (
            (r["case_id"], ms(r["time:timestamp"]), r["concept:name"]) for r in csv.DictReader(f)))
    db.execute("""create table step as select c, a, ms, row_number() over (partition by c order by ms, nr) as i,
        lead(ms) over (partition by c order by ms, nr) as left_ms, lead(a) over (partition by c order by ms, nr) as next
        from log""")
    return db


@pytest.fixture(scope="module")
def lived(helpdesk):
    with helpdesk:
        yield instances(helpdesk)


def test_the_figures_are_the_truth(helpdesk):
    with open(helpdesk.source / "truth_activities_helpdesk.csv", newline="") as f:
        truth = {row["activity"]: row for row in csv.DictReader(f)}
    assert json.loads(helpdesk.first_import)["new"] == sum(int(r["n"]) for r in truth.values())
    for column, kpi in KPIS.items():
        got = by_activity(helpdesk, kpi)
        assert {a: got.get(a, 0) for a in truth} == {a: int(r[column]) for a, r in truth.items()}, column
        assert set(got) <= set(truth), column


def test_cases_started_per_month(helpdesk):
    with open(helpdesk.source / "truth_month_helpdesk.csv", newline="") as f:
        truth = {row["month_utc"]: int(row["cases_started"]) for row in csv.DictReader(f)}
    year = max(truth)[:4]
    reply = json.loads(helpdesk.cli("kpi", "process-cases-started", "--from", min(truth) + "-01", "--to",
                                    f"{int(year) + 1}-01-01", "--every", "month", "--json")[0])
    got = {part["from"][:7]: part["value"] for part in reply["series"]}
    assert {m: n for m, n in got.items() if n} == truth


def test_importing_again_adds_nothing(helpdesk):
    again = json.loads(helpdesk.cli("import", "processlog", helpdesk.source, "--json")[0])
    assert again["new"] == 0 and again["refused"] == 0
    assert again["already_there"] == json.loads(helpdesk.first_import)["new"]


def test_cases_go_the_way_of_the_log(lived, log):
    """Stages, their order (ties as in the log), instants, passes and where each case is now."""
    ways = {}
    for case, activity, at in log.execute("select c, a, ms from step order by c, i"):
        ways.setdefault(case, []).append((activity, at))
    assert set(lived) == set(ways)
    for case, way in ways.items():
        got = lived[case]
        assert [(h["to"], ms(h["time"])) for h in got["history"]] == way, case
        assert [h["from"] for h in got["history"]] == [None] + [a for a, _ in way[:-1]], case
        assert not any(h["deviation"] for h in got["history"]), case
        assert (got["stage"], got["outcome"]) == (way[-1][0], None), case
        assert got["pass"] == sum(a == way[-1][0] for a, _ in way), case
        assert ms(got["begun"]) == way[0][1], case


def funnel(cxd):
    status, reply = cxd.get("/v1/journeys/case/funnel")
    assert status == 200, reply
    return reply


def test_the_funnel_agrees_with_sql(lived, helpdesk, log):
    """Stage counts, and median and 90th percentile of every stage and of the leg between two activities."""
    reply = funnel(helpdesk)
    assert reply["instances"] == reply["open"] == len(lived)
    passes, cases, took, legs, still = {}, {}, {}, {}, {}
    for a, n, c in log.execute("select a, count(*), count(distinct c) from log group by a"):
        passes[a], cases[a] = n, c
    for a, b, n in log.execute("select a, next, left_ms - ms from step"):
        if b is None:
            still[a] = still.get(a, 0) + 1
        else:
            took.setdefault(a, []).append(n)
            legs.setdefault((a, b), []).append(n)
    stages = {s["stage"]: s for s in reply["stages"]}
    assert {a: s["passes"] for a, s in stages.items()} == passes
    assert {a: s["instances"] for a, s in stages.items()} == cases
    assert {a: s["open"] for a, s in stages.items() if s["open"]} == still
    got = {(a, leg["to"]): leg for a, s in stages.items() for leg in s["legs"]}
    assert set(got) == set(legs) and len(legs) > 30
    for figures, of_log in [(stages[a], took[a]) for a in took] + [(got[leg], legs[leg]) for leg in legs]:
        assert figures["median_ms"] == pytest.approx(quantile(of_log, 0.5), abs=0.01)
        assert figures["p90_ms"] == pytest.approx(quantile(of_log, 0.9), abs=0.01)
    assert all(got[leg]["passes"] == len(times) for leg, times in legs.items())


def test_how_long_cases_take_agrees_with_sql(helpdesk, log, tmp_path):
    """With an activity that ends a case: from its beginning to that, and again where more came after it."""
    log.execute("""create temp table part as select c, ms, a, count(*) filter (where a = 'Closed') over
        (partition by c order by i rows between unbounded preceding and 1 preceding) as n from step""")
    took = [n for n, in log.execute("""select max(ms) - min(ms) from part group by c, n having max(a = 'Closed')""")]
    still, = log.execute("select count(*) from (select 1 from part group by c, n having not max(a = 'Closed'))").fetchone()
    with host(tmp_path, ends="Closed") as cxd:
        cxd.cli("import", "processlog", helpdesk.source)
        reply = funnel(cxd)
        assert (reply["open"], reply["outcomes"]) == (still, {"Closed": len(took)})
        lead, = reply["lead_times"]
        assert lead["median_ms"] == pytest.approx(quantile(took, 0.5), abs=0.01)
        assert lead["p90_ms"] == pytest.approx(quantile(took, 0.9), abs=0.01)
        closed = next(s for s in reply["stages"] if s["stage"] == "Closed")
        assert (closed["passes"], closed["left"], closed["open"]) == (len(took), {"Closed": len(took)}, 0)


# ---------------------------------------------------------------------------- a log of another shape
ROWS = [  # incident, done_at, step, by, shop, level
    ("17", "05/01/2026 08:00", "Início", "Zé", "b07", "ouro"),
    ("17", "05/01/2026 09:30:15", "Visita técnica", "Ana", "b07", "ouro"),
    ("17", "05/01/2026 09:30:15", "Orçamento", "Ana", "b07", "ouro"),
    ("17", "07/02/2026 10:00", "Visita técnica", "Zé", "b07", "ouro"),
    ("17", "07/02/2026 18:45", "Fim", "Zé", "b07", "ouro"),
    ("18/a", "01/02/2026 00:00", "Início", "", "b08", ""),
    ("18/a", "28/02/2026 23:59", "Fim; sem acordo", "Zé", "b08", "prata"),
    ("19", "31/12/2025 7:05", "Início", "Ana", "b08", "prata"),
]
OTHER = {"file": "chamados.csv", "delimiter": "semicolon", "encoding": "iso-8859-1", "dates": "dmy",
         "case_column": "Chamado", "time_column": "Feito em", "activity_column": "Ação", "resource_column": "Quem",
         "unit_column": "Loja", "keep": "Nível"}


def write(folder, rows, head=("Loja", "Ação", "Feito em", "Quem", "Chamado", "Nível")):
    folder.mkdir(exist_ok=True)
    with open(folder / "chamados.csv", "w", encoding="iso-8859-1", newline="") as f:
        out = csv.writer(f, delimiter=";")
        out.writerow(head)
        for case, at, step, who, shop, level in rows:
            out.writerow([shop, step, at, who, case, level])
    return folder


def shuffled(seed):
    """In any order, but those of one case and instant as they were."""
    tied = [i for i, r in enumerate(ROWS) if r[1] == "05/01/2026 09:30:15"]
    order = list(range(len(ROWS)))
    random.Random(seed).shuffle(order)
    places = sorted(order.index(i) for i in tied)
    for place, i in zip(places, tied):
        order[place] = i
    return [ROWS[i] for i in order]


@pytest.mark.parametrize("seed", range(3))
def test_a_log_of_another_shape(tmp_path, seed):
    cxd = host(tmp_path, timezone="America/Sao_Paulo", **OTHER)
    cxd.cli("import", "processlog", write(tmp_path / "in", shuffled(seed)))
    assert by_activity(cxd, "process-events") == {
        "Início": 3, "Visita técnica": 2, "Orçamento": 1, "Fim": 1, "Fim; sem acordo": 1}
    assert by_activity(cxd, "process-cases-last") == {"Fim": 1, "Fim; sem acordo": 1, "Início": 1}
    assert by_activity(cxd, "process-cases-started", "--where", "unit:b08") == {"Início": 2}
    assert json.loads(cxd.cli("kpi", "process-events", "--where", "nivel:prata", "--json")[0])["value"] == 2
    with cxd:
        all_of = instances(cxd)
        assert {key: i["stage"] for key, i in all_of.items()} == {"17": "Fim", "18/a": "Fim; sem acordo", "19": "Início"}
        assert [h["to"] for h in all_of["17"]["history"]] == [
            "Início", "Visita técnica", "Orçamento", "Visita técnica", "Fim"]
        assert all_of["17"]["unit"] == "b07" and ms(all_of["19"]["begun"]) == ms("2025-12-31T07:05:00-03:00")
        # the same rows in another order, and two more: one late, one last
        more = [("19", "31/12/2025 07:10", "Triagem", "Ana", "b08", "prata"),
                ("17", "01/02/2026 11:00", "Espera", "", "b07", "")]
        out = json.loads(cxd.cli("import", "processlog", write(tmp_path / "in", more + shuffled(seed + 10)), "--json")[0])
        assert (out["new"], out["already_there"], out["refused"]) == (2, len(ROWS), 0)
        assert [h["to"] for h in instance(cxd, "17")["history"]] == [
            "Início", "Visita técnica", "Orçamento", "Espera", "Visita técnica", "Fim"]
        assert instance(cxd, "19")["stage"] == "Triagem"


def test_silent_cases_end_where_the_conf_says_so(tmp_path):
    cxd = host(tmp_path, timezone="America/Sao_Paulo", idle="10d", **OTHER)
    cxd.cli("import", "processlog", write(tmp_path / "in", ROWS))
    with cxd:
        assert instances(cxd) == {}
        one, two = instance(cxd, "17"), instance(cxd, "17#2")
        assert (one["outcome"], one["history"][-1]["type"]) == ("silent", "idle")
        assert ms(one["ended"]) == ms("2026-01-15T09:30:15-03:00")
        assert [h["to"] for h in two["history"]] == ["Visita técnica", "Fim", None]


def test_rows_that_will_not_do_are_refused_with_line_and_reason(tmp_path):
    rows = [ROWS[0], ("17", "", "Fim", "", "", ""), ("17", "31/02/2026 10:00", "Fim", "", "", ""),
            ("", "05/01/2026 10:00", "Fim", "", "", ""), ("17", "05/01/2026 10:00", "", "", "", ""),
            ("17", "amanhã", "Fim", "", "", ""), ROWS[1]]
    cxd = host(tmp_path, timezone="America/Sao_Paulo", **OTHER)
    out, err = cxd.cli("import", "processlog", write(tmp_path / "in", rows), "--json", code=1)
    told = [json.loads(line) for line in
            (cxd.data / "imports" / "processlog-refused.ndjson").read_text().splitlines()]
    assert (json.loads(out)["new"], json.loads(out)["refused"]) == (2, 5), err
    assert sorted((r["line"], r["code"], r["field"]) for r in told) == [
        (3, "missing_field", "time"), (4, "invalid_field", "time"), (5, "missing_field", "data.case"),
        (6, "missing_field", "data.activity"), (7, "invalid_field", "time")]
    assert "31/02/2026" in next(r["detail"] for r in told if r["line"] == 4) or "02-31" in next(
        r["detail"] for r in told if r["line"] == 4)


def test_clocks_and_dates_as_people_write_them(tmp_path):
    cxd = host(tmp_path, timezone="America/New_York", **{**OTHER, "dates": "mdy", "encoding": "utf-8"})
    rows = [("1", "11/02/2025 8:05 AM", "a"), (" 1", "11/02/2025 12:00 PM", "b"), ("1", "11/3/2025 12:15:30 am", "c "),
            ("1", "11/3/2025", "d"), ("1", "2025-11-04T10:00:00Z", "e"), ("1", "2025-11-05 1:30 p.m.", "f"),
            ("1", "13/11/2025", "g"), ("1", "11/06/2025 13:30 PM", "h")]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "chamados.csv").write_text("Chamado;Feito em;Ação;Quem;Loja;Nível\n" + "".join(
        ";".join(row) + ";;;\n" for row in rows))
    _, err = cxd.cli("import", "processlog", tmp_path / "in", code=1)
    assert "8, id 1/13/11/2025" in err and '"13/11/2025"' in err and "9, id 1/11/06/2025 13:30 PM" in err
    with cxd:
        assert [(h["to"], h["time"][:19]) for h in instance(cxd, "1")["history"]] == [
            ("a", "2025-11-02T08:05:00"), ("b", "2025-11-02T12:00:00"), ("d", "2025-11-03T00:00:00"),
            ("c", "2025-11-03T00:15:30"), ("e", "2025-11-04T05:00:00"), ("f", "2025-11-05T13:30:00")]


def test_a_column_that_is_not_there_is_told(tmp_path):
    cxd = host(tmp_path, **{**OTHER, "case_column": "Ticket"})
    _, err = cxd.cli("import", "processlog", write(tmp_path / "in", ROWS), code=1)
    assert "no such column: l.Ticket; " in err and "log: Loja, Ação, Feito em, Quem, Chamado, Nível" in err
