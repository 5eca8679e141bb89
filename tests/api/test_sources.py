"""GET /v1/sources: every gap in a source's sequence is named, whatever order events come in."""
import os
import random
import signal

import pytest
from host import ACME, NDJSON, Host, rated
import json


@pytest.fixture
def cxd(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        yield host


def sources(cxd, query=""):
    status, reply = cxd.get("/v1/sources" + query)
    assert status == 200, reply
    return {s["source"]: s for s in reply["sources"]}, reply["next"]


def brute(numbers):
    """Ranges missing between the first number that came and the greatest."""
    first, last, have = numbers[0], max(numbers), set(numbers)
    gaps, n = [], first
    while n <= last:
        if n not in have:
            m = n
            while m + 1 <= last and m + 1 not in have:
                m += 1
            gaps.append([n, m])
            n = m
        n += 1
    return gaps


def test_nothing_yet(cxd):
    assert sources(cxd) == ({}, None)


def test_a_gap_is_named_and_filled(cxd):
    for n in (117, 122):
        assert cxd.post(rated(id=f"e{n}", source="/t3", sequence=str(n)))[0] == 201
    cxd.post(rated(id="x", source="/plain", time="2026-03-02T10:00:00-03:00"))
    got, _ = sources(cxd)
    assert got["/t3"]["gaps"] == [[118, 121]] and got["/t3"]["last"] == 122 and got["/t3"]["count"] == 2
    assert got["/plain"] == {"source": "/plain", "last": None, "count": 1, "gaps": [], "gaps_more": 0,
                             "last_time": "2026-03-02T10:00:00-03:00"}
    cxd.post(rated(id="e120", source="/t3", sequence="120"))
    assert sources(cxd)[0]["/t3"]["gaps"] == [[118, 119], [121, 121]]


def test_random_loss_duplication_and_order_with_deaths(cxd):
    rng = random.Random(11)
    plan = {f"/device/{d}": [n for n in range(500) if rng.random() < 0.9] for d in range(5)}
    lines = [(s, n) for s, numbers in plan.items() for n in numbers]
    rng.shuffle(lines)
    lines += rng.sample(lines, 200)
    came = {}
    for at in range(0, len(lines), 100):
        part = lines[at:at + 100]
        body = "\n".join(json.dumps(rated(id=f"{n}", source=s, sequence=str(n))) for s, n in part)
        status, _ = cxd.post(body, NDJSON)
        assert status == 200
        for s, n in part:
            came.setdefault(s, []).append(n)
        if rng.random() < 0.3:
            os.kill(cxd.pids(rng.choice(["writer", "reader"]))[0], signal.SIGKILL)
            cxd.wait_ready()
        got, _ = sources(cxd)
        for s, numbers in came.items():
            gaps = brute(numbers)
            assert got[s]["gaps"] == gaps[-100:] and got[s]["gaps_more"] == max(0, len(gaps) - 100), s
            assert got[s]["count"] == len(set(numbers)) and got[s]["last"] == max(numbers)


def test_paging_and_wrong_parameters(cxd):
    for i in range(7):
        cxd.post(rated(id="a", source=f"/s{i}"))
    seen, after = [], None
    while True:
        got, after = sources(cxd, "?limit=3" + (f"&after={after}" if after else ""))
        seen += got
        if not after:
            break
    assert seen == [f"/s{i}" for i in range(7)]
    for query, field in (("limit=0", "limit"), ("unit=3", "unit")):
        status, reply = cxd.get("/v1/sources?" + query)
        assert (status, reply["field"]) == (400, field)
