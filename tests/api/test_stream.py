"""GET /v1/stream: server-sent events that never miss one, whoever dies."""
import os
import random
import signal
import threading
import time

import pytest
from host import ACME, Host, rated

DEATHS = int(os.environ.get("CXD_DEATHS", "12"))


@pytest.fixture
def cxd(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        yield host


class Reader:
    """One connection's worth of a stream, parsed as the HTML standard says."""

    def __init__(self, cxd, query="", headers=None, timeout=10):
        self.connection = cxd.connection(timeout)
        self.connection.request("GET", "/v1/stream" + query, headers=headers or {})
        self.answer = self.connection.getresponse()

    def __iter__(self):
        fields = {}
        for raw in self.answer:
            line = raw.decode().rstrip("\n")
            if not line:
                if "data" in fields:
                    yield fields
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value

    def take(self, n):
        out = []
        for event in self:
            out.append(event)
            if len(out) == n:
                return out
        return out

    def close(self):
        self.connection.close()


def send(cxd, first, n, **more):
    for i in range(first, first + n):
        assert cxd.post(rated(i % 11, id=f"e{i}", source="/till", **more))[0] == 201


def test_what_is_stored_comes_in_order_and_then_what_is_new(cxd):
    send(cxd, 0, 5)
    reader = Reader(cxd, "?after=0")
    assert reader.answer.status == 200
    assert reader.answer.headers["Content-Type"].startswith("text/event-stream")
    assert [e["id"] for e in reader.take(5)] == ["1", "2", "3", "4", "5"]
    send(cxd, 5, 3)
    new = reader.take(3)
    assert [e["id"] for e in new] == ["6", "7", "8"] and new[0]["event"] == "visit.rated"
    assert '"id":"e5"' in new[0]["data"]
    reader.close()


def test_without_a_position_it_begins_with_what_comes_next(cxd):
    send(cxd, 0, 5)
    reader = Reader(cxd)
    send(cxd, 5, 1)
    assert [e["id"] for e in reader.take(1)] == ["6"]
    reader.close()
    again = Reader(cxd, "?after=0", {"Last-Event-ID": "4"})
    assert [e["id"] for e in again.take(2)] == ["5", "6"]
    again.close()


def test_types_and_long_backlogs(cxd):
    lines = [{"specversion": "1.0", "id": f"a{i}", "source": "/x",
              **({"type": "visit.rated", "data": {"score": 3}} if i % 100 else
                 {"type": "order.delivered", "data": {"order": f"o{i}", "bought": "2026-01-01T00:00:00Z"}})}
             for i in range(3000)]
    status, reply = cxd.post(lines, "application/cloudevents-batch+json")
    assert status == 200 and reply["accepted"] == 3000, reply
    reader = Reader(cxd, "?after=0&types=order.delivered,none.such")
    assert [e["id"] for e in reader.take(30)] == [str(i * 100 + 1) for i in range(30)]
    reader.close()
    reader = Reader(cxd, "?after=0")
    assert [int(e["id"]) for e in reader.take(3000)] == list(range(1, 3001))
    reader.close()


def test_wrong_requests_are_named(cxd):
    for path, headers, field in (("?after=x", {}, "after"), ("?limit=3", {}, "limit"),
                                 ("?types=a&types=b", {}, "types"), ("", {"Last-Event-ID": "-1"}, "Last-Event-ID")):
        status, reply = cxd.get("/v1/stream" + path, headers)
        assert (status, reply["field"]) == (400, field), reply
    assert cxd.request("POST", "/v1/stream", "{}")[0] == 405
    assert cxd.request("HEAD", "/v1/stream?after=0")[0] == 200


def test_a_unit_sees_its_own_and_a_revoked_token_ends_it(cxd):
    token = cxd.cli("token", "add", "b07", "--level", "manager", "--unit", "b07")[0].strip().splitlines()[-1]
    reader = Reader(cxd, "?after=0", {"Authorization": f"Bearer {token}"})
    assert reader.answer.status == 200
    send(cxd, 0, 3, unit="x")
    send(cxd, 3, 2, unit="b07")
    assert [e["id"] for e in reader.take(2)] == ["4", "5"]
    cxd.cli("token", "revoke", "b07")
    send(cxd, 5, 1, unit="b07")
    assert reader.take(1) == []
    reader.close()
    low = cxd.cli("token", "add", "till", "--level", "frontline")[0].strip().splitlines()[-1]
    assert cxd.get("/v1/stream", {"Authorization": f"Bearer {low}"})[0] == 403


def test_stopping_ends_open_streams_at_once(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}, conf={"server.drain": "600s"}) as cxd:
        send(cxd, 0, 2)
        reader = Reader(cxd, "?after=0")
        assert len(reader.take(2)) == 2
        assert cxd.stop() == 0
        assert reader.take(1) == []
        reader.close()


def test_a_reader_that_takes_nothing_costs_nothing_and_loses_nothing(cxd):
    slow = Reader(cxd, "?after=0")
    batch = "\n".join('{"type":"visit.rated","id":"s%d","source":"/s","data":{"score":1,"comment":"%s"}}'
                      % (i, "x" * 1000) for i in range(6000))
    assert cxd.post(batch, "application/x-ndjson")[1]["accepted"] == 6000
    time.sleep(0.5)
    assert cxd.post(rated(9, id="z", source="/z"))[0] == 201
    assert [int(e["id"]) for e in slow.take(6001)] == list(range(1, 6002))
    slow.close()


def kill_something(cxd, rng):
    what = rng.choice(["writer", "reader", "reader", "front"])
    try:
        if what == "front":
            cxd.kill()
            cxd.start()
        else:
            os.kill(rng.choice(cxd.pids(what)), signal.SIGKILL)
    except (OSError, KeyError, ProcessLookupError):
        pass


def test_each_event_once_and_in_order_through_deaths(cxd):
    rng = random.Random(int(os.environ.get("CXD_SEED", "7")))
    stop, ended, sent, seen, problems = threading.Event(), threading.Event(), [0], [], []

    def sender():
        while not stop.is_set():
            try:
                status, _ = cxd.post(rated(sent[0] % 11, id=f"e{sent[0]}", source="/till"))
                if status in (200, 201):
                    sent[0] += 1
            except OSError:
                time.sleep(0.01)

    def listener():
        last, reader = "0", None
        while not (ended.is_set() and len(seen) >= sent[0]):
            try:
                reader = Reader(cxd, "", {"Last-Event-ID": last}, timeout=3)
                if reader.answer.status != 200:
                    time.sleep(0.05)
                    continue
                for event in reader:
                    seen.append(event)
                    last = event["id"]
                    if ended.is_set() and len(seen) >= sent[0]:
                        break
            except OSError:
                time.sleep(0.01)
            except Exception as e:  # a cut in the middle of a chunk
                if "IncompleteRead" not in repr(e):
                    problems.append(repr(e))
            finally:
                if reader:
                    reader.close()

    threads = [threading.Thread(target=sender), threading.Thread(target=listener)]
    for t in threads:
        t.start()
    for _ in range(DEATHS):
        time.sleep(0.25)
        kill_something(cxd, rng)
    time.sleep(0.5)
    stop.set()
    threads[0].join(60)
    ended.set()  # only now is it known how many there are
    threads[1].join(60)
    assert not any(t.is_alive() for t in threads)
    assert not problems
    assert [int(e["id"]) for e in seen] == list(range(1, len(seen) + 1)) and len(seen) >= sent[0] > 20
