"""The Olist marketplace: every column of the independently computed truth comes out of `cxd kpi`.

The mapping column → KPI is the table in plugins/olist/README.md, so the documentation is tested too.
"""
import csv
import json
import re
import sqlite3
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from host import ROOT, Host

HOUR = 3600 * 1000
LEGS = {  # KPI's stem: the instants at its two ends
    "approval": ("order_purchase_timestamp", "order_approved_at"),
    "handling": ("order_approved_at", "order_delivered_carrier_date"),
    "transport": ("order_delivered_carrier_date", "order_delivered_customer_date"),
    "delivery": ("order_purchase_timestamp", "order_delivered_customer_date"),
    "review": ("order_delivered_customer_date", "reviewed"),
}


def mapping():
    rows = re.findall(r"^\| `(\w+)` \| `([\w-]+)` \| `(.+?)` \|$",
                      (ROOT / "plugins/olist/README.md").read_text(), re.M)
    assert len(rows) >= 29, rows
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
    for table, file in (("o", "olist_orders_dataset.csv"), ("c", "olist_customers_dataset.csv"), ("r", "olist_order_reviews_dataset.csv")):
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


def instant(wall_clock, zone=ZoneInfo("America/Sao_Paulo")):
    """ms UTC of the company's wall clock; an hour that a clock change left out moves forward."""
    return wall_clock and int(datetime.fromisoformat(wall_clock).replace(tzinfo=zone).timestamp()) * 1000


# Quantiles of type 7: the value at place (n − 1)·p of the sorted ones, between two of them a share of each.
QUANTILES = """
    with leg as (select {group} as g, ms({to}) - ms({from_}) as v from o join c using (customer_id)
            left join (select order_id, min(review_creation_date) as reviewed from r group by 1) using (order_id)
            where {from_} <> '' and {to} <> ''),
        placed as (select g, v, row_number() over (partition by g order by v) - 1 as place, count(*) over (partition by g) as n from leg),
        cut as (select *, (n - 1) * :p as at, cast((n - 1) * :p as integer) as low from placed)
    select g, n, max(v) filter (where place = low) * 1.0 + (max(at) - max(low))
        * (max(v) filter (where place = min(low + 1, n - 1)) - max(v) filter (where place = low)) from cut group by g"""


@pytest.mark.parametrize("leg", LEGS)
def test_lead_times_are_those_of_sql(olist, leg):
    db = joined(olist)
    db.create_function("ms", 1, instant, deterministic=True)
    start, end = LEGS[leg]
    group = "customer_state || ' ' || substr(order_purchase_timestamp, 1, 7)"
    for name, p in (("median", 0.5), ("p90", 0.9)):
        def sql(by):
            return {g: (n, v) for g, n, v in db.execute(QUANTILES.format(group=by, from_=start, to=end), {"p": p})}
        reply = json.loads(olist.cli("kpi", f"olist-{leg}-{name}", "--from", "2016-09-01", "--to", "2018-12-01", "--every", "month", "--by", "unit", "--json")[0])
        got = {"all": {"all": reply}, "month": {x["from"][:7]: x for x in reply["series"]}, "state": {x["by"]["unit"]: x for x in reply["groups"]},
               "both": {f'{x["by"]["unit"]} {y["from"][:7]}': y for x in reply["groups"] for y in x["series"]}}
        for kind, by in (("all", "'all'"), ("month", "substr(order_purchase_timestamp, 1, 7)"), ("state", "customer_state"), ("both", group)):
            want = sql(by)
            assert len(want) >= {"all": 1, "month": 20, "state": 25, "both": 200}[kind]
            known = {k: x for k, x in got[kind].items() if x["measures"]["orders"]}
            assert {k: x["measures"]["orders"] for k, x in known.items()} == {k: n for k, (n, _) in want.items()}, (name, kind)
            assert all(abs(known[k]["value"] - v) < 1e-6 for k, (_, v) in want.items()), (name, kind)
            assert all(x["value"] is None and x["note"] == "no_data" for k, x in got[kind].items() if k not in want)


def test_importing_twice_adds_nothing(olist):
    before = olist.cli("kpi", "olist-orders", "--json")[0]
    out, _ = olist.cli("import", "olist", olist.source)
    assert re.search(r"\b0 (new|novos)\b", out), out
    assert olist.cli("kpi", "olist-orders", "--json")[0] == before


def test_verify_finds_no_difference(olist):
    olist.cli("verify")
