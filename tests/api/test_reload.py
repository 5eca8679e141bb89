"""Definitions that change: what is counted again and what is not, and what answers until then."""
import http.client
import json
import os
import random
import signal
import threading
import time

import pytest
from host import NDJSON, Host, cpu_seconds, until_busy

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1, config = { least = cx.integer { default = 5 } } }
cx.event "sale.made" { fields = { amount = cx.integer { required = true }, order = cx.text {}, step = cx.integer {} } }
cx.kpi "sales" { by = { "unit" }, measures = {
  n = cx.count("sale.made", { where = function(e) return e.amount >= 3 end }),
  paid = cx.sum("sale.made", "amount"),
  last = cx.sum("sale.made", "amount", { latest = { "order", by = "step" } }) },
  formula = function(m) return m.n end }
cx.kpi "all" { measures = { n = cx.count "sale.made" }, formula = function(m) return m.n end }
"""
CHANGED = SHOP.replace(">= 3", ">= 7")
MANY = int(os.environ.get("CXD_RELOAD_EVENTS", "60000"))


def sale(i, amount=None):
    return {"type": "sale.made", "id": f"s{i}", "source": "till", "unit": f"u{i % 5}", "subject": f"c{i % 50}",
            "time": f"2026-03-{1 + i % 20:02d}T12:00:00Z",
            "data": {"amount": i % 10 if amount is None else amount, "order": f"o{i % 1000}", "step": i % 7}}


def many(host, n, first=0):
    for at in range(first, first + n, 5000):
        lines = "\n".join(json.dumps(sale(i)) for i in range(at, min(at + 5000, first + n)))
        status, reply, _ = host.request("POST", "/v1/events", lines, {"Content-Type": NDJSON})
        assert status == 200 and not reply["rejected"], reply


def state(host, name="shop"):
    reply = host.get("/v1/plugins")[1]
    return next(p for p in reply["plugins"] if p["name"] == name), reply["generation"]


def settled(host, seconds=60):
    end = time.monotonic() + seconds
    while any(p["state"] == "rebuilding" for p in host.get("/v1/plugins")[1]["plugins"]):
        assert time.monotonic() < end, host.log_text()
        time.sleep(0.02)


def no_difference(host):
    found = json.loads(host.cli("verify", "--json")[0])
    assert found["differences"] == [], found
    return found["checked"]


def test_a_restart_counts_only_what_changed_and_the_old_figures_answer_until_then(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        many(host, MANY)
        hashes = {k: host.kpi(k)["definition"]["hash"] for k in ("sales", "all")}
        host.stop()
        host.write_plugin("shop", "-- a comment\n" + SHOP)
        host.start()
        assert state(host)[0]["state"] == "running"
        assert hashes == {k: host.kpi(k)["definition"]["hash"] for k in ("sales", "all")}
        host.stop()
        host.write_plugin("shop", CHANGED)
        host.start()
        reply = host.kpi("sales")
        assert reply["note"] == "rebuilding" and reply["value"] == MANY * 7 // 10, reply
        assert 0 <= reply["rebuilding"]["done"] < reply["rebuilding"]["total"] == MANY
        assert reply["definition"]["hash"] == hashes["sales"]
        assert host.kpi("all")["value"] == MANY and host.kpi("all")["note"] is None
        plugin = state(host)[0]
        assert plugin["state"] == "rebuilding" and plugin["rebuilding"]["total"] == MANY
        # what comes now is in the old figures at once, and in the new ones when they answer
        assert host.post(sale(MANY + 5, amount=5))[0] == 201
        assert host.post(dict(sale(MANY + 9, amount=9), corrects="s8"))[0] == 201  # 8 becomes 9
        assert host.post(dict(sale(MANY + 1, amount=1), corrects="s9"))[0] == 201  # 9 becomes 1
        reply = host.kpi("sales")
        assert reply["note"] == "rebuilding" and reply["value"] == MANY * 7 // 10, reply
        assert reply["measures"]["paid"] == MANY * 45 // 10 + 5 + 1 - 8
        settled(host)
        reply = host.kpi("sales")
        assert reply["note"] is None and "rebuilding" not in reply and reply["value"] == MANY * 3 // 10 - 1, reply
        assert reply["measures"]["paid"] == MANY * 45 // 10 + 5 + 1 - 8
        assert host.kpi("all")["value"] == MANY + 1
        no_difference(host)


def test_killed_while_it_counts_it_goes_on_where_it_was(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        many(host, MANY)
        host.stop()
        host.write_plugin("shop", CHANGED + 'cx.kpi "more" { by = { "step" }, measures = { n = cx.count "sale.made" },'
                          " formula = function(m) return m.n end }\n")
        host.start()
        done = []
        for i in range(4):
            reply = host.kpi("more")
            if "rebuilding" not in reply:
                break
            assert reply["value"] is None and reply["note"] == "rebuilding" and "measures" not in reply
            done.append(reply["rebuilding"]["done"])
            os.kill(host.pids("writer")[0], signal.SIGKILL)
            assert host.post(sale(MANY + i, amount=8))[0] == 201
        else:
            i += 1
        assert done and done == sorted(done) and done[-1] > 0
        settled(host)
        assert host.kpi("more")["value"] == MANY + i
        assert host.kpi("sales")["value"] == MANY * 3 // 10 + i
        no_difference(host)


def test_a_set_that_came_back_is_counted_again(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}, conf={"events.unknown": "store"}) as host:
        many(host, 100)
        host.stop()
        plugin = host.folder / "plugins" / "shop" / "plugin.lua"
        plugin.rename(host.folder / "away.lua")
        host.start()
        assert host.get("/v1/kpis/all")[0] == 404
        assert host.post(sale(1000))[0] == 201
        host.stop()
        (host.folder / "away.lua").rename(plugin)
        host.start()
        settled(host)
        assert host.kpi("all")["value"] == 101
        no_difference(host)


def reload(host, code=200):
    status, reply, _ = host.request("POST", "/v1/plugins/reload")
    assert status == code, reply
    return reply


OTHER = """
cx.plugin { name = "other", version = "1.0.0", api = 1, depends = { shop = "*" } }
cx.kpi "twice" { measures = { n = cx.count "sale.made" }, formula = function(m) return 2 * m.n end }
"""


def test_a_reload_changes_what_changed(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        many(host, 1000)
        hashes = {k: host.kpi(k)["definition"]["hash"] for k in ("sales", "all")}
        before = state(host)[1]
        reply = reload(host)
        assert reply["changed"] == [] and reply["generation"] == before
        host.write_plugin("shop", "-- nothing\n" + SHOP)
        reply = reload(host)
        assert reply["changed"] == ["shop"] and reply["generation"] > before
        assert reply["plugins"][0]["state"] == "running"
        assert hashes == {k: host.kpi(k)["definition"]["hash"] for k in ("sales", "all")}
        host.write_plugin("shop", SHOP.replace("return m.n end }\ncx.kpi", "return m.n * 10 end }\ncx.kpi"))
        reply = reload(host)
        assert reply["plugins"][0]["state"] == "running"
        assert host.kpi("sales")["value"] == 7000 and host.kpi("all")["definition"]["hash"] == hashes["all"]
        host.write_plugin("other", OTHER)
        assert reload(host)["changed"] == ["other"]
        settled(host)
        assert host.kpi("twice")["value"] == 2000
        host.write_plugin("shop", CHANGED)
        reload(host)
        settled(host)
        assert host.kpi("sales")["value"] == 300 and host.kpi("twice")["value"] == 2000
        (host.folder / "plugins" / "other" / "plugin.lua").unlink()
        assert reload(host)["changed"] == ["other"]
        assert host.get("/v1/kpis/twice")[0] == 404
        assert host.post(sale(2000))[0] == 201
        no_difference(host)


def test_a_mistake_refuses_the_whole(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}, conf={"lua.load": "200ms"}) as host:
        many(host, 100)
        before = state(host)
        host.write_plugin("other", OTHER.replace("2 * m.n", "m.n"))
        for bad, line, says in ((SHOP.replace('"amount")', '"amuont")'), 7, "amuont"), ("while true do end", 1, ""),
                                (SHOP + "local x = = 1", 13, "")):
            host.write_plugin("shop", bad)
            reply = reload(host, 422)
            assert reply["code"] == "reload_refused"
            mine = [e for e in reply["plugin_errors"] if e["plugin"] == "shop"]
            assert mine and any(says in e["message"] for e in mine), reply
            assert host.kpi("all")["value"] == 100 and host.get("/v1/kpis/twice")[0] == 404
            plugin, generation = state(host)
            assert (plugin["hash"], plugin["state"], generation) == (before[0]["hash"], "running", before[1])
        told = host.log_text().count("reload refused")
        host.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 60
        while host.log_text().count("reload refused") == told:
            assert time.monotonic() < end, host.log_text()
            time.sleep(0.05)
        host.write_plugin("shop", SHOP)
        assert reload(host)["changed"] == ["other"]


class Storm:
    """Clients that send without end, each event until it is acknowledged, and one that asks for a figure that stays."""
    SETTLED = "from=2026-03-01&to=2026-04-01"

    def __init__(self, host, figure):
        self.host, self.figure = host, figure
        self.sent, self.wrong, self.asked, self.over = [], [], 0, threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(k,)) for k in range(2)] + [threading.Thread(target=self.ask)]
        for thread in self.threads:
            thread.start()

    def send(self, k):
        i = 0
        while not self.over.is_set():
            e = dict(sale(100000 + k * 1000000 + i), time="2026-05-02T12:00:00Z")
            try:
                status, reply = self.host.post(e)[:2]
            except (OSError, http.client.HTTPException):  # the front is gone: once more, when it is back
                time.sleep(0.02)
                continue
            if status == 503:
                time.sleep(0.02)
                continue
            (self.sent if status in (200, 201) else self.wrong).append((e["id"], reply))
            i += 1
            time.sleep(0.002)

    def ask(self):
        while not self.over.is_set():
            try:
                status, reply = self.host.get("/v1/kpis/all?" + self.SETTLED)
            except (OSError, http.client.HTTPException):
                status = 503
            if status == 503:
                time.sleep(0.02)
                continue
            if status != 200 or reply["value"] != self.figure or reply["note"]:
                self.wrong.append((status, reply))
            self.asked += 1
            time.sleep(0.005)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def child(host, role, seconds=2):
    """A process of the daemon, once there is one."""
    end = time.monotonic() + seconds
    front = host.process.pid
    while time.monotonic() < end:
        for pid in open(f"/proc/{front}/task/{front}/children").read().split():
            try:
                if open(f"/proc/{pid}/comm").read().strip() == role:
                    return int(pid)
            except OSError:
                pass
    return None


def reload_struck(host, role, after):
    """A reload, and a process killed in the middle of it: its answer (None: there was nobody to give it), and whether
    the process was still there to be killed."""
    answer, struck = [], False

    def ask():
        try:
            answer.append(host.request("POST", "/v1/plugins/reload")[:2])
        except (OSError, http.client.HTTPException):
            answer.append(None)
    thread = threading.Thread(target=ask)
    thread.start()
    if role == "check":
        pid = child(host, "check")
        after = after / 4
    else:
        pid = host.process.pid if role == "front" else child(host, role)
    time.sleep(after)
    try:
        if pid:
            os.kill(pid, signal.SIGKILL)
            struck = True
    except ProcessLookupError:  # it was through
        pass
    thread.join()
    if role == "front":
        host.process.wait()
        host.start()
    return answer[0], struck


SLOW = """
cx.plugin {{ name = "slow{n}", version = "1.0.{version}", api = 1 }}
for i = 1, 1e7 do end
"""


def test_clients_are_served_while_plugins_are_loaded(tmp_path):
    """Between two of them; what changes which plugins run waits until the set is whole."""
    def slow(version):
        return {f"slow{n}": SLOW.format(n=n, version=version) for n in range(8)}

    with Host(tmp_path, plugins={"shop": SHOP, **slow(0)}, conf={"lua.load": "20s"}) as host:
        for name, text in slow(1).items():
            host.write_plugin(name, text)
        pid, told, posted, served = host.pids("writer")[0], {}, 0, 0
        used = cpu_seconds(pid)
        loading = threading.Thread(target=lambda: told.update(reload=reload(host)))
        off = threading.Thread(target=lambda: told.update(off=host.post(None, path="/v1/plugins/slow3/disable")))
        loading.start()
        until_busy(pid, used, more=0.03)  # the check is over: the writer loads
        off.start()
        while loading.is_alive():
            assert host.post(sale(posted))[0] == 201
            posted += 1
            served += loading.is_alive()
        loading.join()
        off.join()
        assert served > 2 and told["reload"]["changed"] == sorted(slow(1)) and told["off"][0] == 200, (served, told)
        assert {p["version"] for p in told["reload"]["plugins"] if p["name"] != "shop"} == {"1.0.1"}
        assert {p["state"] for p in told["reload"]["plugins"]} == {"running"}
        assert host.kpi("all")["value"] == posted and host.plugin("slow3")["state"] == "disabled"
        no_difference(host)


@pytest.mark.parametrize("seed", [int(os.environ.get("CXD_SEED", "4"))])
def test_reloads_under_load_lose_nothing(tmp_path, seed):
    rounds, rng = int(os.environ.get("CXD_RELOADS", "60")), random.Random(seed)
    good = [SHOP, CHANGED, "-- a\n" + SHOP, SHOP.replace("return m.n", "return m.n + 0")]
    killed = dict.fromkeys(("write", "read", "check", "front"), 0)
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        many(host, 3000)
        storm = Storm(host, 3000)
        try:
            for i in range(rounds):
                if i % 10 == 9:
                    host.write_plugin("shop", SHOP + "\nerror('no')")
                    reload(host, 422)
                    continue
                host.write_plugin("shop", rng.choice(good))
                if i % 3:
                    reload(host)
                    continue
                role = list(killed)[i // 3 % 4]
                answer, struck = reload_struck(host, role, rng.random() * 0.04)
                killed[role] += struck
                assert (role == "front" and answer is None) or answer[0] == 200, (role, answer)
            host.write_plugin("shop", SHOP)
            reload(host)
        finally:
            storm.end()
        settled(host)
        assert not storm.wrong, storm.wrong[:3]
        assert all(killed.values()) and sum(killed.values()) >= rounds // 5 and storm.asked > rounds, killed
        assert host.kpi("all")["value"] == 3000 + len(storm.sent) and host.kpi("all")["note"] is None
        assert host.kpi("sales")["value"] == 2100 + sum(int(i[1:]) % 10 >= 3 for i, _ in storm.sent)
        ids, after = [], 0
        while after is not None:
            page = host.get(f"/v1/events?after={after}&limit=1000")[1]
            ids += [e["id"] for e in page["events"]]
            after = page["next"]
        assert len(ids) == len(set(ids)) and set(ids) == {f"s{i}" for i in range(3000)} | {i for i, _ in storm.sent}
        no_difference(host)


def test_a_check_that_is_killed_each_time_is_given_up(tmp_path):
    slow = SHOP + "local n = 0\nfor i = 1, 3e7 do n = n + i end\n"
    with Host(tmp_path, plugins={"shop": SHOP}, conf={"lua.load": "30s"}) as host:
        many(host, 100)
        host.write_plugin("shop", slow)
        answer = []
        thread = threading.Thread(target=lambda: answer.append(host.request("POST", "/v1/plugins/reload")[:2]))
        thread.start()
        killed = set()
        while thread.is_alive():
            pid = child(host, "check", 0.1)
            if pid and pid not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        thread.join()
        status, reply = answer[0]
        assert (status, reply["code"]) == (503, "engine_restarting") and len(killed) == 5, (reply, killed)
        assert host.kpi("all")["value"] == 100 and host.plugin("shop")["strikes"] == 0
        host.write_plugin("shop", "-- x\n" + SHOP)
        assert reload(host)["changed"] == ["shop"]


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_files_that_change_are_loaded_when_they_are_watched(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}, conf={"plugins.watch": "yes"}) as host:
        many(host, 10)
        before = host.kpi("all")["definition"]["hash"]
        host.write_plugin("shop", SHOP.replace("return m.n end }\n\"\"\"", "").replace(
            'cx.kpi "all" { measures', 'cx.kpi "all" { title = "Tudo", measures'))
        until(lambda: host.kpi("all")["definition"]["hash"] != before and host.kpi("all")["title"] == "Tudo")
        host.write_plugin("more", 'cx.plugin { name = "more", version = "1.0.0", api = 1 }\ncx.event "more.seen" {}')
        until(lambda: any(p["name"] == "more" for p in host.get("/v1/plugins")[1]["plugins"]))
        host.write_plugin("more", "this is no Lua")
        until(lambda: "plugins/more/plugin.lua" in host.log_text())
        assert state(host, "more")[0]["state"] == "running" and host.kpi("all")["value"] == 10


def test_a_command_without_a_daemon_answers_when_all_is_counted(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        many(host, 20000)
        host.stop()
        host.write_plugin("shop", CHANGED)
        reply = json.loads(host.cli("kpi", "sales", "--json")[0])
        assert reply["note"] is None and reply["value"] == 20000 * 3 // 10
        assert no_difference(host)["being_counted"] == 0
