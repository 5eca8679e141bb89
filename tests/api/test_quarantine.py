"""Plugins that end engines are turned off, their events wait, and nothing shows afterwards."""
import json
import os
import random
import re
import signal
import time

import pytest
from host import ACME, Host, cpu_seconds, rated, until_busy

ACME_MORE = ACME + '''
cx.event "voice.heard" { fields = { n = cx.integer {} } }
cx.event "echo.made" { fields = { n = cx.integer {} } }
cx.kpi "voices" { format = "number", by = { "unit" }, measures = { n = cx.count("voice.heard"), sum = cx.sum("voice.heard", "n"),
  people = cx.distinct("voice.heard", "subject") }, formula = function(m) return m.sum end }
cx.kpi "last-word" { format = "number", by = { "unit", "written" }, measures = {
  last = cx.count("visit.rated", { latest = { "subject" } }), scores = cx.histogram("visit.rated", "score"),
  careful = cx.count("visit.rated", function(e) if e.score == 7 then error("seven") end return true end) },
  formula = function(m) return m.last end, interval = function(m) return cx.stats.mean(m.scores) end }
cx.on "visit.rated" (function(e, tx)
  if e.score == 2 then error("two") end
  if e.score <= 6 then tx:emit { type = "voice.heard", data = { n = e.score } } end
end)
cx.on "voice.heard" (function(e, tx) if e.n == 3 then tx:emit { type = "echo.made", data = { n = e.n } } end end)
cx.on "visit.rated" (function(e, tx) if e.subject == "boom" then while true do end end end)
cx.import "made" { generate = function(emit)
  emit { type = "visit.rated", id = "old", time = "2024-01-02 10:00", data = { score = 4 } } end }
'''
OTHER = '''
cx.plugin { name = "other", version = "1.0.0", api = 1, depends = { acme = ">= 1.0" } }
cx.kpi "other-n" { format = "number", measures = { n = cx.count("visit.rated", function(e) return e.written end),
  last = cx.count("visit.rated", { latest = { "subject" } }) }, formula = function(m) return m.n end }
cx.event "thing.done" { fields = { n = cx.integer {} } }
cx.on "voice.heard" (function(e, tx) tx:emit { type = "thing.done", data = { n = e.n } } end)
'''
CANARY = '''
cx.plugin { name = "canary", version = "1.0.0", api = 1 }
cx.event "bird.sung" { fields = { n = cx.integer {} } }
cx.kpi "songs" { format = "number", measures = { n = cx.count("bird.sung") }, formula = function(m) return m.n end }
'''
PLUGINS = {"acme": ACME_MORE, "other": OTHER, "canary": CANARY}
CONF = {"lua.handler": "5s"}


def turn(host, name, how):
    status, reply = host.post(None, path=f"/v1/plugins/{name}/{how}")
    assert status == 200, reply
    return reply


def strike(host, id):
    status, reply = host.crash(lambda: host.post(rated(id=id, subject="boom", score=9)))
    assert status == 201, reply
    return reply


def all_events(host):
    return host.get("/v1/events?limit=1000")[1]["events"]


def test_two_strikes_and_out(tmp_path):
    with Host(tmp_path, plugins=PLUGINS, conf=CONF) as host:
        host.post(rated(id="before", score=3))
        before = {k["id"]: k["plugin_state"] for k in host.get("/v1/kpis")[1]["kpis"]}
        assert set(before.values()) == {"running"}
        assert strike(host, "s1")["warnings"][0]["plugin"] == "acme"
        assert host.plugin("acme")["state"] == "running" and host.plugin("acme")["strikes"] == 1
        assert "pending" not in host.post(rated(id="between", score=9))[1]
        strike(host, "s2")
        row = host.plugin("acme")
        assert row["state"] == "quarantined" and row["strikes"] == 2 and row["since"] and "on visit.rated" in row["reason"]
        assert host.plugin("other")["state"] == "disabled" and "acme" in host.plugin("other")["reason"]
        assert host.plugin("canary")["state"] == "running"
        health = host.get("/healthz")[1]
        assert health["status"] == "degraded" and health["quarantined"] == ["acme"]
        assert 'cxd_plugins{state="quarantined"} 1' in host.get("/metrics")[1]
        assert re.search(r"plugin acme is quarantined: .*cxd plugin enable acme", host.log_text())
        # Types stay known, events are checked and wait; the same again says the same.
        status, receipt = host.post(rated(id="w", score=3))
        assert status == 201 and receipt["pending"] == ["acme", "other"] and "warnings" not in receipt
        status, again = host.post(rated(id="w", score=3))
        assert status == 200 and again["pending"] == ["acme", "other"]
        assert host.post(rated(id="bad", score=99))[1]["code"] == "invalid_field"
        assert host.post({"type": "no.such"})[1]["code"] == "unknown_type"
        assert host.get("/v1/trace/w")[1]["pending"] == ["acme", "other"]
        for path in ("/v1/kpis/voices", "/v1/kpis/voices/explain", "/v1/kpis/other-n"):
            status, reply = host.get(path)
            assert status == 503 and reply["code"] == "plugin_quarantined" and "acme" in reply["detail"], reply
        assert "cxd plugin enable acme" in host.get("/v1/kpis/voices")[1]["detail"]
        listed = {k["id"]: k["plugin_state"] for k in host.get("/v1/kpis")[1]["kpis"]}
        assert listed == {**dict.fromkeys(before, "quarantined"), "songs": "running", "other-n": "disabled"}
        out, err = host.cli("kpi", "--last", "1y")
        assert "songs" in out and "voices" not in out and "voices: " in err and "quarantined" in err
        host.post({"type": "bird.sung"})
        assert host.kpi("songs")["value"] == 1
        checked = json.loads(host.cli("verify", "--json")[0])  # what waits is no difference
        assert checked["differences"] == [] and checked["checked"]["waiting"] >= 3, checked
        # It survives a restart.
        host.stop()
        host.start()
        assert host.plugin("acme")["state"] == "quarantined" and host.get("/healthz")[1]["quarantined"] == ["acme"]
        assert host.post(rated(id="w2", score=3))[1]["pending"] == ["acme", "other"]
        out, _ = host.cli("plugin", "list")
        assert re.search(r"acme +1\.0\.0 +quarantined", out)
        _, err = host.cli("plugin", "enable", "acme")
        for name in ("acme", "other"):
            host.wait_plugin(name)
        assert [e["data"]["n"] for e in all_events(host) if e["type"] == "thing.done"] == [3, 3, 3]
        assert host.kpi("voices")["value"] == 9 and host.get("/healthz")[1]["status"] == "ok"
        assert host.kpi("visit-nps")["measures"]["answers"] == 4  # the two that crashed it are left out
        assert "pending" not in host.post(rated(id="after", score=9))[1]
        host.cli("verify")


def test_a_new_version_is_enabled_by_being_new(tmp_path):
    with Host(tmp_path, plugins=PLUGINS, conf=CONF) as host:
        strike(host, "s1")
        strike(host, "s2")
        host.post(rated(id="w", score=3))
        host.stop()
        host.write_plugin("acme", ACME_MORE.replace('e.subject == "boom"', "false"))
        host.start()
        host.wait_plugin("acme")
        assert host.kpi("voices")["value"] == 3
        assert host.plugin("acme")["strikes"] == 0
        host.cli("verify")


def test_a_new_version_comes_by_reload(tmp_path):
    with Host(tmp_path, plugins=PLUGINS, conf=CONF) as host:
        strike(host, "s1")
        strike(host, "s2")
        turn(host, "canary", "disable")
        host.post(rated(id="w", score=3))
        host.post({"type": "bird.sung"})
        host.write_plugin("acme", ACME_MORE.replace('e.subject == "boom"', "false"))
        host.write_plugin("canary", CANARY + "-- newer\n")
        assert host.post(None, path="/v1/plugins/reload")[0] == 200
        for name in ("acme", "other"):
            host.wait_plugin(name)
        assert host.kpi("voices")["value"] == 3 and host.kpi("other-n")["value"] == 0
        assert host.plugin("canary")["state"] == "disabled"  # that takes a word
        turn(host, "canary", "enable")
        host.wait_plugin("canary")
        assert host.kpi("songs")["value"] == 1
        host.cli("verify")


def test_disable_and_enable_by_word(tmp_path):
    with Host(tmp_path, plugins=PLUGINS) as host:
        assert turn(host, "acme", "disable")["state"] == "disabled"
        assert turn(host, "acme", "disable")["state"] == "disabled"
        assert host.get("/healthz")[1]["status"] == "ok"
        host.post(rated(id="w", score=3))
        reply = host.get("/v1/kpis/voices")[1]
        assert reply["code"] == "plugin_quarantined" and "disabled by uid" in reply["detail"]
        host.cli("plugin", "enable", "acme")
        host.wait_plugin("acme")
        assert turn(host, "acme", "enable")["state"] == "running"
        assert host.kpi("voices")["value"] == 3
        assert host.post(None, path="/v1/plugins/none/enable")[1]["code"] == "not_found"
        out, _ = host.cli("token", "add", "m", "--level", "manager")
        assert host.post(None, path="/v1/plugins/acme/disable", headers={"Authorization": f"Bearer {out.strip()}"})[0] == 403
        host.cli("plugin", code=2)
        host.cli("plugin", "enable", "none", code=1)


def test_safe_runs_no_code(tmp_path):
    host = Host(tmp_path, plugins=PLUGINS)
    host.start()
    host.post(rated(id="a", score=3))
    host.stop()
    host.write_plugin("acme", ACME_MORE)
    host.start("--safe")
    assert {p["state"] for p in host.get("/v1/plugins")[1]["plugins"]} == {"disabled"}
    assert host.post(rated(id="b", score=3))[1]["pending"] == ["acme", "other"]
    assert host.get("/v1/kpis/songs")[1]["code"] == "plugin_quarantined"
    host.stop()
    host.start()
    for name in PLUGINS:
        host.wait_plugin(name)
    assert host.kpi("voices")["value"] == 6
    host.__exit__(None, None, None)


def test_imported_history_that_waited_is_history(tmp_path):
    past = ACME_MORE.replace("data = { n = e.score }", "data = { n = tx.past and 100 or e.score }")
    maker = "cx.plugin { name = 'maker', version = '1.0.0', api = 1 }" + past[past.index("\ncx.import"):].replace('"made"', '"ours"')
    with Host(tmp_path, plugins={"acme": past, "maker": maker}) as host:
        turn(host, "acme", "disable")
        host.post(rated(id="now", score=4))
        host.cli("import", "ours")
        turn(host, "acme", "enable")
        host.wait_plugin("acme")
        assert host.kpi("voices")["value"] == 104


def test_an_event_it_crashes_on_while_catching_up(tmp_path):
    with Host(tmp_path, plugins=PLUGINS, conf=CONF) as host:
        turn(host, "acme", "disable")
        for i, subject in enumerate(("a", "boom", "b")):
            host.post(rated(id=f"e{i}", subject=subject, score=3))
        host.crash(lambda: turn(host, "acme", "enable"))
        host.wait_plugin("acme")
        assert host.plugin("acme")["strikes"] == 1
        assert host.kpi("voices")["value"] == 6
        assert {r["handler"] for r in host.get("/v1/failed")[1]["failed"]} == {"derive", "measures", "on visit.rated"}
        assert host.kpi("visit-nps")["measures"]["answers"] == 2
        host.cli("verify")


def writer_while_loading(host):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            pid = host.get("/healthz")[1]["writer"]["pid"]
            if pid:
                return pid
        except OSError:
            pass
        time.sleep(0.01)
    raise AssertionError("no writer")


@pytest.mark.parametrize("known", [False, True])
def test_code_that_ends_the_engine_while_it_is_loaded(tmp_path, known):
    """It is left out, also where another version of it was in force; the others run."""
    bad = "while true do end\n" + ACME
    host = Host(tmp_path, plugins={"acme": ACME if known else bad, "canary": CANARY}, conf={"lua.load": "5s"})
    if known:
        host.start()
        host.post(rated(id="a", score=9))
        host.stop()
        host.write_plugin("acme", bad)
    host.start(ready=False)
    pid = writer_while_loading(host)
    until_busy(pid, cpu_seconds(pid), more=0.5)
    os.kill(pid, signal.SIGABRT)
    host.wait_ready()
    row = host.plugin("acme")
    assert row["state"] == "failed" and "ended the engine" in row["errors"][0]["message"], row
    assert host.plugin("canary")["state"] == "running"
    host.post({"type": "bird.sung"})
    assert host.kpi("songs")["value"] == 1
    # Still so after a restart, without another try; a mended version is loaded.
    host.stop()
    host.start()
    assert host.plugin("acme")["state"] == "failed"
    host.stop()
    host.write_plugin("acme", ACME + "-- mended\n")
    host.start()
    host.wait_plugin("acme")
    assert host.post(rated(id="b", score=9))[0] == 201
    assert host.kpi("visit-nps")["measures"]["answers"] == 1 + known
    host.cli("verify")
    host.__exit__(None, None, None)


def test_a_reader_counts_too(tmp_path):
    slow = ACME.replace("return 100 * (m.promoters", "if m.answers == 1 then while true do end end return 100 * (m.promoters")
    with Host(tmp_path, plugins={"acme": slow, "canary": CANARY}, conf={"lua.formula": "5s"}) as host:
        host.post(rated(id="a"))
        for _ in range(2):
            status, reply = host.crash(lambda: host.get("/v1/kpis/visit-nps"), "reader")
            assert status == 500 and reply["code"] == "plugin_crashed"
            host.wait_ready()
        host.wait_plugin("acme", "quarantined")
        assert host.get("/v1/kpis/visit-nps")[1]["code"] == "plugin_quarantined"
        assert host.get("/v1/kpis/songs")[0] == 200


# ---- nothing shows ------------------------------------------------------------------------------
KPIS = ("visit-nps", "voices", "last-word", "other-n", "repeat-rate")


def events_of(rng, n):
    out = []
    for i in range(n):
        e = rated(id=f"e{i}", source="/s", score=rng.choice([0, 1, 2, 3, 5, 7, 9, 10]), subject=f"c{rng.randrange(6)}",
                  unit=f"u{rng.randrange(3)}", time=f"2026-03-{rng.randrange(1, 9):02d}T{rng.randrange(24):02d}:00:00-03:00",
                  data={"comment": rng.choice([" ", "x"])})
        if i > 5 and rng.random() < 0.2:
            e["corrects"] = f"e{rng.randrange(i)}"
        out.append(e)
    return out


def told(host):
    """What a client can see in the end: figures, and what was emitted."""
    figures = {}
    for kpi in KPIS:
        for query in ("", "by=unit&every=day&from=2026-03-01&to=2026-03-10", "from=2026-03-02T05:00:00&to=2026-03-07T11:00:00"):
            if "unit" in query and kpi == "other-n":
                continue
            figures[kpi, query] = host.kpi(kpi, query)
    seen = sorted((e["type"], e.get("subject") or "", e["time"], e.get("unit") or "", json.dumps(e.get("data"), sort_keys=True),
                   json.dumps(e.get("derived"), sort_keys=True)) for e in all_events(host))
    failed = sorted((r["handler"], r["message"]) for r in host.get("/v1/failed?limit=1000")[1]["failed"])
    return figures, seen, failed


@pytest.mark.parametrize("seed", range(4))
def test_quarantine_in_the_middle_shows_nowhere(tmp_path, seed):
    rng = random.Random(seed)
    events = events_of(rng, 60)
    # Corrections of what waits, and whole families in the middle; other is off by itself for a while too.
    cut = sorted(rng.sample(range(5, 55), 4))
    results = []
    for quarantined in (False, True):
        with Host(tmp_path / str(quarantined), plugins=PLUGINS) as host:
            for i, e in enumerate(events):
                if quarantined and i == cut[0]:
                    turn(host, "acme", "disable")
                if quarantined and i == cut[1] and seed % 2:
                    turn(host, "other", "disable")
                if quarantined and i == cut[2]:
                    turn(host, "acme", "enable")
                if quarantined and i == cut[3] and seed % 2:
                    turn(host, "other", "enable")
                if quarantined and seed == 3 and i == cut[1]:
                    host.stop()
                    host.start()
                assert host.post(e)[0] == 201, e
            for name in PLUGINS:
                host.wait_plugin(name)
            results.append(told(host))
            host.cli("verify")
            time.sleep(0.3)  # the idle writer counts spoilt days again
            assert told(host) == results[-1]
            host.cli("verify")
    assert results[0][1] == results[1][1]
    for key in results[0][0]:
        assert results[0][0][key] == results[1][0][key], key
    assert results[0][2] == results[1][2]


def test_what_is_in_force_is_one_number(tmp_path):
    """No reader shows a plugin's state without the set it belongs to, or the other way round."""
    import threading
    with Host(tmp_path, plugins=PLUGINS, conf={"engine.readers": "3"}) as host:
        seen, torn, over = {}, [], threading.Event()

        def look():
            while not over.is_set():
                reply = host.get("/v1/plugins")[1]
                rows = [(p["name"], p["hash"], p["state"], p.get("reason", "").split(" seq ")[0]) for p in reply["plugins"]]
                if seen.setdefault(reply["generation"], rows) != rows:
                    torn.append((reply["generation"], rows, seen[reply["generation"]]))
        threads = [threading.Thread(target=look) for _ in range(3)]
        for t in threads:
            t.start()
        last = host.get("/v1/plugins")[1]["generation"]
        try:
            for i in range(30):
                if i % 3 == 1:
                    host.write_plugin("canary", CANARY + f"-- {i}\n")
                    now = host.post(None, path="/v1/plugins/reload")[1]["generation"]
                else:
                    turn(host, "acme", "disable" if i % 3 == 0 else "enable")
                    host.post(rated(id=f"g{i}", score=3))
                    now = host.get("/v1/plugins")[1]["generation"]
                assert now > last
                last = now
        finally:
            over.set()
            for t in threads:
                t.join()
        assert not torn, torn[0]
        assert len(seen) >= 30


TOUCHY = ACME_MORE.replace("config = {", "config = { sick = cx.boolean { default = false },").replace(
    'cx.event "visit.rated"', 'if cx.config.sick then error("loaded while it is off") end\ncx.event "visit.rated"', 1)
BIRDS = CANARY + """
cx.import "birds" { generate = function(emit)
  emit { type = "bird.sung", id = "b1", time = "2024-01-02 10:00" }
  emit { type = "visit.rated", id = "v1", time = "2024-01-02 11:00", data = { score = 3 } } end }
"""


@pytest.mark.parametrize("running", [True, False])
def test_an_import_runs_no_code_of_what_is_off(tmp_path, running):
    host = Host(tmp_path, plugins={"acme": TOUCHY, "canary": BIRDS}, conf={"company.locale": "en", "plugin:acme.sick": "no"})
    host.start()
    turn(host, "acme", "disable")
    if not running:
        host.stop()
    host.conf.write_text(host.conf.read_text().replace("sick = no", "sick = yes"))
    err = host.cli("import", "made", code=1)[1] + host.cli("import", "made", code=1)[0]
    assert "acme is off" in err and "disabled by uid" in err and "cxd plugin enable acme" in err, err
    host.cli("import", "birds")  # events of it are stored and wait
    if not running:
        host.start()
    assert [e["id"] for e in all_events(host)] == ["b1", "v1"] and host.kpi("songs")["value"] == 1
    assert host.get("/v1/trace/v1")[1]["pending"] == ["acme"]
    assert host.get("/v1/imports")[1]["imports"][0]["state"] is None
    host.conf.write_text(host.conf.read_text().replace("sick = yes", "sick = no"))
    assert host.post(None, path="/v1/plugins/reload")[0] == 200
    host.cli("plugin", "enable", "acme")
    host.wait_plugin("acme")
    assert host.kpi("voices")["value"] == 3
    host.cli("import", "made")
    assert host.kpi("voices")["value"] == 7
    host.cli("verify")
    host.stop()
