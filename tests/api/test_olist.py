"""The Olist marketplace: every column of the independently computed truth comes out of `cxd kpi`.

The mapping column → KPI is the table in plugins/olist/README.md, so the documentation is tested too.
"""
import csv
import json
import re
import sqlite3

import pytest
from host import ROOT, Host

HOUR = 3600 * 1000


def mapping():
    rows = re.findall(r"^\| `(\w+)` \| `([\w-]+)` \| `(.+?)` \|$",
                      (ROOT / "plugins/olist/README.md").read_text(), re.M)
    assert len(rows) >= 27, rows
    return {column: (kpi, expression) for column, kpi, expression in rows}


def pick(reply, expression):
    """`value`, `value / 100` or `measures.x` of a KPI reply."""
    path, _, divisor = expression.partition(" / ")
    value = reply
    for name in path.split("."):
        value = value[name]
    return value if value is None or not divisor else value / float(divisor)


@pytest.fixture(scope="module")
def olist(tmp_path_factory):
    from host import SHARED
    source = SHARED / "data" / "olist"
    if not source.is_dir():
        pytest.skip(f"no Olist data at {source} (set CXD_SHARED)")
    host = Host(tmp_path_factory.mktemp("olist"),
                conf={"plugins.path": str(ROOT / "plugins"), "plugins.enable": "olist"})
    out, _ = host.cli("import", "olist", source)
    host.first_import, host.source = out, source
    return host


@pytest.fixture(scope="module")
def truth(olist):
    with open(olist.source / "truth_all_month.csv", newline="") as f:
        return list(csv.DictReader(f))


def same(got, want, what):
    if want == "":
        assert got is None or got == 0, what
        return
    assert got is not None, what
    decimals = len(want.partition(".")[2])
    # The file rounds its ratios to 6 or 8 decimals; counts and money are exact.
    assert abs(got - float(want)) <= (0.5000001 * 10 ** -decimals if decimals > 2 else 1e-9), (what, got, want)


def test_whole_period(olist, truth):
    row = next(r for r in truth if r["kind"] == "all")
    for column, (kpi, expression) in mapping().items():
        reply = json.loads(olist.cli("kpi", kpi, "--json")[0])
        same(pick(reply, expression), row[column], column)


def test_every_month(olist, truth):
    months = {r["from_local"][:7]: r for r in truth if r["kind"] == "month"}
    for column, (kpi, expression) in mapping().items():
        reply = json.loads(olist.cli("kpi", kpi, "--from", "2016-09-01", "--to", "2018-12-01",
                                     "--every", "month", "--json")[0])
        series = {part["from"][:7]: part for part in reply["series"]}
        for month, row in months.items():
            same(pick(series[month], expression), row[column], (column, month))


def test_ratios_to_the_last_digit(olist):
    def reply(kpi):
        return json.loads(olist.cli("kpi", kpi, "--json")[0])
    nps = reply("olist-nps")
    m = nps["measures"]
    n = m["promoters"] + m["passives"] + m["detractors"] if "passives" in m else m["answers"]
    assert abs(nps["value"] - 100 * (m["promoters"] - m["detractors"]) / n) < 1e-9
    repeat = reply("olist-repeat-rate")
    assert abs(repeat["value"] - 100 * repeat["measures"]["twice"] / repeat["measures"]["customers"]) < 1e-9


def joined(olist):
    """The orders with their people and states, read by sqlite3 and csv alone."""
    db = sqlite3.connect(":memory:")
    for table, file in (("o", "olist_orders_dataset.csv"), ("c", "olist_customers_dataset.csv")):
        with open(olist.source / file, newline="", encoding="utf-8") as f:
            rows = csv.reader(f)
            head = next(rows)
            db.execute(f"create table {table} ({','.join(head)})")
            db.executemany(f"insert into {table} values ({','.join('?' * len(head))})", rows)
    return db


@pytest.mark.parametrize("start, end", [
    ("2017-10-14 13:37:00", "2017-12-03 00:30:00"), ("2018-02-17 22:00:00", "2018-02-18 02:00:00"),
    ("2017-11-24 08:00:00", "2017-11-24 20:00:00"), ("2018-05-01 00:00:01", "2018-08-15 23:59:59"),
])
def test_windows_that_cut_days_and_states(olist, start, end):
    db = joined(olist)
    rows = db.execute("""select customer_state, count(*), count(distinct customer_unique_id) from o join c using (customer_id)
        where order_purchase_timestamp >= ? and order_purchase_timestamp < ? group by 1""", (start, end)).fetchall()
    args = ("--from", start.replace(" ", "T"), "--to", end.replace(" ", "T"), "--by", "unit", "--json")
    orders = json.loads(olist.cli("kpi", "olist-orders", *args)[0])
    repeat = json.loads(olist.cli("kpi", "olist-repeat-rate", *args)[0])
    assert {g["by"]["unit"]: g["value"] for g in orders["groups"]} == {r[0]: r[1] for r in rows}
    assert {g["by"]["unit"]: g["measures"]["customers"] for g in repeat["groups"]} == {r[0]: r[2] for r in rows}
    again = db.execute("""select count(*) from (select 1 from o join c using (customer_id) where order_purchase_timestamp >= ?
        and order_purchase_timestamp < ? group by customer_unique_id having count(*) > 1)""", (start, end)).fetchone()[0]
    assert repeat["measures"]["twice"] == again


def test_importing_twice_adds_nothing(olist):
    before = olist.cli("kpi", "olist-orders", "--json")[0]
    out, _ = olist.cli("import", "olist", olist.source)
    assert re.search(r"\b0 (new|novos)\b", out), out
    assert olist.cli("kpi", "olist-orders", "--json")[0] == before


def test_verify_finds_no_difference(olist):
    olist.cli("verify")
