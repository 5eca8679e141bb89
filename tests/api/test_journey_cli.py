"""cxd journey: what the API says of a journey, in tables."""
import json
import time

from host import Host
from test_frictions import FRICTION_SHOP
from test_funnel import DAY, store

SHOP = FRICTION_SHOP.replace("idle = {", 'ideal = { "receive", "execute", "close" }, idle = {')


def rows(out):
    return [line.split() for line in out.splitlines() if line.strip()]


def test_tables(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        at = int(time.time() * 1000) - 6 * DAY
        store(cxd, [{"type": kind, "unit": unit, "subject": key, "data": {"visit": key}, "ms": at + ms, "n": n} for n, (kind, key, unit, ms) in
                    enumerate([("visit.started", "v1", "b07", 0), ("visit.started", "v2", "b08", 0), ("need.stated", "v1", "b07", 3600_000)])])
        env = {"LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}
        head, titles, receive, execute, close = rows(cxd.cli("journey", "visit", env=env)[0])
        assert head == ["visit", "Visit", "n=2"] and titles[0] == "stage"
        assert receive == ["Receber", "2", "2", "1", "0", "50.0", "%", "1h00", "1h00", "execute", "1"]
        assert execute[:5] == ["Execute", "1", "1", "1", "0"] and close[:5] == ["close", "0", "0", "0", "0"]
        out = rows(cxd.cli("journey", "visit", "funnel", "--by", "unit", env=env)[0])
        assert [r[0] for r in out[2:]] == ["b07"] * 3 + ["b08"] * 3 + ["all"] * 3
        assert [r[0] for r in rows(cxd.cli("journey", "visit", "conformance", "--by", "unit", env=env)[0])[1:5]] == ["unit", "b07", "b07", "b08"]
        late = next(r for r in rows(cxd.cli("journey", "visit", "frictions", env=env)[0]) if r[:2] == ["wait", "Receber"])
        assert late[3] == "1"
        out, more = cxd.cli("journey", "visit", "instances", "--limit", "1", env=env)
        assert rows(out)[1][:2] == ["v1", "execute"] and "--after" in more
        assert rows(cxd.cli("journey", env=env)[0])[1] == ["visit", "shop", "3"]
        assert json.loads(cxd.cli("journey", "visit", "--json")[0]) == cxd.get("/v1/journeys/visit/funnel")[1]
        assert "instances" in cxd.cli("journey", "visit", "--where", "unit:b08", "--json")[0]
        assert "--by" in cxd.cli("journey", "visit", "frictions", "--by", "unit", code=2)[1]
        assert "conformance" in cxd.cli("journey", "visit", "nothing", code=2)[1]
        assert "none" in cxd.cli("journey", "none", code=1)[1]
    with Host(tmp_path / "off", plugins={"shop": SHOP}) as cxd:       # no journey has begun
        assert len(rows(cxd.cli("journey", "visit", env=env)[0])) == 5
