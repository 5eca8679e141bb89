"""kill -9 of any process at any moment under load: acknowledged means stored, exactly once."""
import json
import os
import random
import signal
import threading
import time

from host import ACME, NDJSON, STRUCTURED, Host, cpu_seconds, rated, until_busy


class Client(threading.Thread):
    """Sends events one by one and retries each until it is acknowledged."""

    def __init__(self, host, name, end):
        super().__init__()
        self.host, self.name_, self.end = host, name, end
        self.acknowledged, self.errors, self.refused_connections = [], [], 0

    def run(self):
        n, connection = 0, None
        while time.monotonic() < self.end:
            event = {"specversion": "1.0", "id": f"{self.name_}-{n}", "source": "/load",
                     **rated(score=n % 11, unit=f"u{n % 3}", subject=f"c{n % 50}")}
            try:
                connection = connection or self.host.connection(timeout=40)
                status, reply = self.host.post(event, STRUCTURED, connection=connection)
            except OSError:
                self.refused_connections += 1
                connection = None
                time.sleep(0.02)
                continue
            if status in (200, 201):
                self.acknowledged.append((event["id"], n % 11))
                n += 1
            elif status not in (429, 503):
                self.errors.append((status, reply))
                return


def check(host, clients):
    assert not [e for c in clients for e in c.errors]
    want = dict(pair for c in clients for pair in c.acknowledged)
    assert want, "nothing was acknowledged"
    seen, after = [], 0
    while after is not None:
        page = host.get(f"/v1/events?after={after}&limit=1000")[1]
        seen += [(e["id"], e["data"]["score"]) for e in page["events"]]
        after = page["next"]
    stored = dict(seen)
    assert len(stored) == len(seen), "an event is stored twice"
    assert not set(want.items()) - set(stored.items()), "an acknowledged event is lost"
    scores = list(stored.values())
    assert host.kpi("visit-nps")["measures"] == {
        "answers": len(scores), "promoters": sum(s >= 9 for s in scores), "detractors": sum(s <= 6 for s in scores)}
    host.cli("verify")


def test_engine_processes_killed_under_load(tmp_path):
    rng = random.Random(7)
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        end = time.monotonic() + 8
        clients = [Client(host, f"t{i}", end) for i in range(8)]
        for c in clients:
            c.start()
        kills = 0
        while time.monotonic() < end - 1:
            time.sleep(rng.uniform(0.05, 0.5))
            role = rng.choice(["writer", "writer", "reader"])
            for pid in host.pids(role):
                try:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
                except (ProcessLookupError, TypeError):
                    pass
            status, reply = host.get("/v1/kpis/visit-nps")
            assert status in (200, 503), reply
        for c in clients:
            c.join()
        assert kills > 8
        # The connections outlived every death: no client saw one.
        assert sum(c.refused_connections for c in clients) == 0
        check(host, clients)


def test_the_front_killed_under_load(tmp_path):
    rng = random.Random(11)
    host = Host(tmp_path, plugins={"acme": ACME}).start()
    try:
        end = time.monotonic() + 8
        clients = [Client(host, f"f{i}", end) for i in range(6)]
        for c in clients:
            c.start()
        for _ in range(4):
            time.sleep(rng.uniform(0.5, 1.5))
            host.kill()
            host.start()
        for c in clients:
            c.join()
        check(host, clients)
    finally:
        host.__exit__(None, None, None)


def test_a_batch_survives_the_writer(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        host.post(rated(id="warm"))
        body = "\n".join(json.dumps(rated(id=f"b{i}", source="/batch", score=i % 11)) for i in range(10000))
        answer = []
        sender = threading.Thread(target=lambda: answer.append(host.post(body, NDJSON)))
        sender.start()
        for _ in range(5):
            time.sleep(0.03)
            os.kill(host.pids("writer")[0], signal.SIGKILL) if host.pids("writer")[0] else None
        sender.join()
        status, reply = answer[0]
        # What an earlier run of the same request stored counts as new.
        assert status == 200 and reply["accepted"] == 10000 and reply["duplicates"] == 0, reply
        assert host.kpi("visit-nps")["measures"]["answers"] == 10001


def test_orphans_end_by_themselves(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME}).start()
    pids = host.pids("writer") + host.pids("reader")
    host.kill()
    end = time.monotonic() + 2
    alive = pids
    while alive and time.monotonic() < end:
        alive = [p for p in alive if os.path.exists(f"/proc/{p}/exe")]
        time.sleep(0.02)
    assert not alive
    host.short.cleanup()


def test_second_daemon_is_refused_naming_the_holder(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        _, err = host.cli("serve", code=1)
        assert str(host.process.pid) in err


def test_stale_socket_is_replaced(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME}).start()
    host.kill()
    assert os.path.exists(host.socket)
    host.start()
    assert host.get("/healthz")[0] == 200
    host.__exit__(None, None, None)


def test_sigterm_answers_what_came_and_ends_with_0(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        end = time.monotonic() + 2
        clients = [Client(host, f"d{i}", end) for i in range(4)]
        for c in clients:
            c.start()
        time.sleep(0.7)
        host.process.send_signal(signal.SIGTERM)
        assert host.process.wait(60) == 0
        for c in clients:
            c.join()
        host.start()
        check(host, clients)


def test_a_plugin_that_kills_the_engine_costs_a_warning(tmp_path):
    """A crash while plugin code runs: the job goes again with that plugin's reactions off."""
    plugin = ACME + """
cx.on "visit.rated" (function(e, tx)
  if e.score == 0 then while true do end end
end)
"""
    with Host(tmp_path, plugins={"acme": plugin}, conf={"lua.handler": "5s"}) as host:
        answer = []
        pid = host.pids("writer")[0]
        used = cpu_seconds(pid)
        sender = threading.Thread(target=lambda: answer.append(host.post(rated(id="bad", score=0))))
        sender.start()
        until_busy(pid, used)
        os.kill(pid, signal.SIGABRT)
        sender.join()
        status, reply = answer[0]
        assert status == 201 and reply["warnings"][0]["plugin"] == "acme", reply
        status, reply = host.post(rated(id="good", score=9))
        assert status == 201 and "warnings" not in reply
        assert [e["id"] for e in host.get("/v1/events")[1]["events"]] == ["bad", "good"]
        # The measures of a plugin that crashed on an event leave it out and say so.
        reply = host.kpi("visit-nps")
        assert reply["measures"]["answers"] == 1 and reply["note"] == "partial"
        cut = host.kpi("visit-nps", "from=2026-03-02T09:00:00&to=2026-03-02T11:00:00")
        assert cut["measures"]["answers"] == 1
        host.cli("verify")


def test_a_batch_loses_the_reactions_of_one_item_only(tmp_path):
    plugin = ACME + """
cx.on "visit.rated" (function(e, tx)
  if e.score == 0 then while true do end end
end)
"""
    with Host(tmp_path, plugins={"acme": plugin}, conf={"lua.handler": "5s"}) as host:
        answer = []
        pid = host.pids("writer")[0]
        used = cpu_seconds(pid)
        body = "\n".join(json.dumps(rated(id=f"i{i}", score=0 if i == 3 else 9)) for i in range(6))
        sender = threading.Thread(target=lambda: answer.append(
            host.post(body, NDJSON, path="/v1/events?receipts=1")))
        sender.start()
        until_busy(pid, used)
        os.kill(pid, signal.SIGABRT)
        sender.join()
        status, reply = answer[0]
        assert status == 200 and reply["accepted"] == 6, reply
        assert ["warnings" in r for r in reply["receipts"]] == [i == 3 for i in range(6)]
        assert host.kpi("visit-nps")["measures"]["promoters"] == 5


def test_a_hang_that_no_hook_sees_is_ended_by_the_watchdog(tmp_path):
    plugin = ACME + """
cx.on "visit.rated" (function(e, tx)
  if e.score == 0 then local s = ("x"):rep(1 << 20) for i = 1, 1e9 do s:find(".-.-.-.-b") end end
end)
"""
    with Host(tmp_path, plugins={"acme": plugin}) as host:
        status, reply = host.post(rated(id="bad", score=0))
        assert status == 201 and reply["warnings"][0]["plugin"] == "acme", reply
        assert host.post(rated(id="good"))[0] == 201
