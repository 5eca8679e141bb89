"""Money of several currencies is never added: a figure is in one, or it is none."""
import pytest
from host import Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.event "sale.made" { fields = { paid = cx.money {} },
  derive = { currency = cx.text(function(e) return e.paid and e.paid.currency end) } }
cx.kpi "sales" { format = "money", by = { "currency", "unit" }, measures = { paid = cx.sum("sale.made", "paid") },
  formula = function(m) return m.paid end }
"""


@pytest.fixture
def cxd(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}, conf={"company.currency": "GBP", "company.locale": "en"}) as host:
        for i, (amount, currency) in enumerate([(250, "GBP"), (100, "USD"), (-50, "JPY"), (50, "USD")]):
            event = {"id": str(i), "source": "/t", "type": "sale.made", "unit": f"u{i % 2}",
                     "time": f"2026-03-0{i + 1}T12:00:00Z", "data": {"paid": {"amount": amount, "currency": currency}}}
            assert host.post(event)[0] == 201
        yield host


def test_there_is_no_total_of_several(cxd):
    reply = cxd.kpi("sales", "every=day&from=2026-03-01&to=2026-03-05&compare=previous")
    assert reply["value"] is None and reply["note"] == "no_data" and reply["currency"] is None
    assert reply["note_text"] == "several currencies" and reply["measures"] == {} and reply["change"] is None
    assert all(p["value"] is None for p in reply["series"])
    assert all(g["value"] is None for g in cxd.kpi("sales", "by=unit")["groups"])


def test_each_currency_has_its_own(cxd):
    reply = cxd.kpi("sales", "by=currency")
    groups = {g["by"]["currency"]: g for g in reply["groups"]}
    assert {k: (g["value"], g["currency"], g["scale"]) for k, g in groups.items()} == {
        "GBP": (250, "GBP", 2), "USD": (150, "USD", 2), "JPY": (-50, "JPY", 0)}
    assert groups["USD"]["text"] == "$1.50" and groups["GBP"]["text"] == "£2.50" and groups["JPY"]["text"].endswith("50")
    assert reply["value"] is None


def test_one_that_is_asked_for_is_a_figure(cxd):
    reply = cxd.kpi("sales", "where=currency:USD&by=unit")
    assert (reply["value"], reply["currency"], reply["text"]) == (150, "USD", "$1.50")
    assert [g["text"] for g in reply["groups"]] == ["$1.50"] and "currency" not in reply["groups"][0]
    assert cxd.kpi("sales", "where=currency:JPY")["scale"] == 0
