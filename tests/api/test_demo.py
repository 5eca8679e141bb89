"""The demo company: the same events everywhere, once; its figures; its review script."""
import contextlib
import json
import re
import sqlite3

import pytest
from host import ROOT, Host


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("demo"), conf={"plugins.path": str(ROOT / "plugins"), "plugins.enable": "demo",
                                                       "scripts.path": str(ROOT / "scripts"), "company.name": "Casa Aurora"})
    host.first = json.loads(host.cli("import", "demo", "--json")[0])
    return host


def test_a_year_of_a_chain(demo):
    assert (demo.first["events"], demo.first["new"], demo.first["already_there"], demo.first["refused"]) == (200002, 198841, 1161, 0)
    total = re.search(r"total = (\d+)", (ROOT / "plugins/demo/plugin.lua").read_text())[1]
    assert int(total) == demo.first["events"]  # what the progress bar goes by
    page = json.loads(demo.cli("call", "GET", "/v1/events?limit=1")[0])
    assert page["events"][0]["seq"] == 1 and page["next"] == 1


# The generator is deterministic: a change of one of these is a change of the demo or a wrong count.
@pytest.mark.parametrize("kpi, measures", [
    ("nps", {"promoters": 7009, "detractors": 1631, "answers": 11986}), ("orders", {"orders": 130001}), ("revenue", {"net": 2150521180}),
    ("complaint-rate", {"cases": 1412, "orders": 130001}), ("repeat-rate", {"customers": 43655, "returned": 29432}), ("voices", {"voices": 968}),
    ("delivery-hours", {"delivered": 44582, "lead": 5976571606000}), ("solved-contacts", {"closed": 4704, "solved": 3874}),
])
def test_figures(demo, kpi, measures):
    reply = json.loads(demo.cli("kpi", kpi, "--json")[0])
    assert reply["measures"] == measures


def test_figures_equal_a_count_by_sql(demo):
    with contextlib.closing(sqlite3.connect(f"file:{next(demo.data.glob('*.db'))}?mode=ro", uri=True)) as c:
        for unit, answers, promoters, detractors in c.execute(
                "select unit, count(*), sum(score >= 9), sum(score <= 6) from ev_nps_answered where time_ms >= 1772334000000 and time_ms < 1775012400000 group by 1"):
            reply = json.loads(demo.cli("kpi", "nps", "--where", f"unit:{unit}", "--from", "2026-03-01", "--to", "2026-04-01", "--json")[0])
            assert reply["measures"] == {"answers": answers, "promoters": promoters, "detractors": detractors}, unit
        net, orders, people = c.execute("select sum(net), count(*), count(distinct subject) from ev_order_placed").fetchone()
    assert json.loads(demo.cli("kpi", "revenue", "--json")[0])["value"] == net
    assert json.loads(demo.cli("kpi", "orders", "--json")[0])["value"] == orders
    assert json.loads(demo.cli("kpi", "repeat-rate", "--json")[0])["measures"]["customers"] == people


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
    assert answers in text and "Abaixo da rede, com 95 % de confiança: rj-02." in text
    assert json.loads(demo.cli("run", "six-months", "--as-of", "2024-01-01", "--json")[0])["errors"] == 0  # before all data


def test_what_the_daemon_says_is_what_the_command_line_says(demo):
    alone = [demo.cli("kpi", "nps", "--by", "unit", "--every", "quarter", "--from", "2025-11-01", "--json")[0],
             demo.cli("run", "six-months", "--as-of", "2026-10-31", "--json")[0]]
    with demo:
        assert [demo.cli("kpi", "nps", "--by", "unit", "--every", "quarter", "--from", "2025-11-01", "--json")[0],
                demo.cli("run", "six-months", "--as-of", "2026-10-31", "--json")[0]] == alone
        assert json.loads(demo.cli("import", "demo", "--json")[0])["new"] == 0


def test_nothing_differs_from_the_log(demo):
    assert json.loads(demo.cli("verify", "--json")[0])["differences"] == []
