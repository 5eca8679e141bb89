"""conf/cxd.ini that changes: what a reload takes of it, what waits for a start, what answers until then."""
import json
import os
import signal
import time

from host import ACME, Host, rated
from test_reload import CHANGED, MANY, SHOP, many, no_difference, reload, settled, state, until

CONFIGURED = SHOP.replace(">= 3", ">= cx.config.least")


def rewrite(host, old, new):
    text = host.conf.read_text()
    assert old in text, text
    host.conf.write_text(text.replace(old, new))


def add(host, text):
    host.conf.write_text(host.conf.read_text() + text)
    return host.conf.read_text().count("\n")


def test_a_reload_takes_a_plugins_values_and_the_old_ones_answer_until_then(tmp_path):
    with Host(tmp_path, plugins={"shop": CONFIGURED, "acme": ACME}, conf={"plugin:shop.least": "3", "engine.readers": "2"}) as host:
        many(host, MANY)
        old = host.kpi("sales")
        assert old["value"] == MANY * 7 // 10 and old["note"] is None
        before = state(host)[1]
        rewrite(host, "least = 3", "least = 7")
        reply = reload(host)
        assert reply["changed"] == ["shop"] and reply["notes"] == [] and reply["generation"] > before
        reply = host.kpi("sales")
        assert reply["note"] == "rebuilding" and reply["value"] == old["value"], reply
        assert reply["definition"]["hash"] == old["definition"]["hash"]
        for role in ("reader", "writer"):  # nor does a death lose the old values
            os.kill(host.pids(role)[0], signal.SIGKILL)
            reply = host.kpi("sales")
            assert reply["value"] == MANY * (7 if reply["note"] == "rebuilding" else 3) // 10, reply
        settled(host)
        reply = host.kpi("sales")
        assert reply["value"] == MANY * 3 // 10 and reply["definition"]["hash"] != old["definition"]["hash"]
        no_difference(host)  # by the values in force,
        rewrite(host, "least = 7", "least = 1")
        no_difference(host)  # whatever the file says meanwhile,
        for role in ("writer", "reader"):
            os.kill(host.pids(role)[0], signal.SIGKILL)
            assert host.kpi("sales")["value"] == MANY * 3 // 10  # also after a death
        assert host.post({"type": "sale.made", "data": {"amount": 5}})[0] == 201
        assert host.kpi("sales")["value"] == MANY * 3 // 10
        assert reload(host)["changed"] == ["shop"]
        settled(host)
        assert host.kpi("sales")["value"] == MANY * 9 // 10 + 1
        assert reload(host)["changed"] == []


def test_the_values_of_before_answer_across_starts(tmp_path):
    with Host(tmp_path, plugins={"shop": CONFIGURED}, conf={"plugin:shop.least": "3"}) as host:
        many(host, MANY)
        old = host.kpi("sales")["definition"]["hash"]
        host.stop()
        rewrite(host, "least = 3", "least = 7")
        host.start()
        reply = host.kpi("sales")
        assert reply["note"] == "rebuilding" and reply["value"] == MANY * 7 // 10, reply
        assert reply["definition"]["hash"] == old
        host.kill()
        host.start()
        reply = host.kpi("sales")
        assert reply["value"] == MANY * (7 if reply["note"] == "rebuilding" else 3) // 10, reply
        settled(host)
        assert host.kpi("sales")["value"] == MANY * 3 // 10
        no_difference(host)


def test_which_plugins_budgets_and_unknown_types(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP, "acme": ACME}, conf={"plugins.enable": "shop", "engine.readers": "2"}) as host:
        many(host, 100)
        assert host.post({"type": "who.knows"})[0] == 422
        rewrite(host, "enable = shop", "enable = acme")
        add(host, "[events]\nunknown = store\n[lua]\nhandler = 70ms\n[kpi]\nmin_n = 2\n")
        assert reload(host)["changed"] == ["acme", "shop"]
        for _ in range(4):
            assert host.get("/v1/kpis/all")[0] == 404
            assert [p["name"] for p in host.get("/v1/plugins")[1]["plugins"]] == ["acme"]
            assert host.plugin("acme")["budgets"]["handler_ms"] == 70
        assert host.post({"type": "who.knows"})[0] == 201
        assert host.post(rated(9))[0] == 201
        assert host.kpi("visit-nps")["value"] == 100
        host.conf.write_text(host.conf.read_text().replace("70ms", "80ms").replace("min_n = 2", "min_n = 3"))
        os.kill(host.pids("writer")[0], signal.SIGKILL)  # what is in force comes back, not the file
        assert host.post({"type": "who.knows"})[0] == 201
        assert host.plugin("acme")["budgets"]["handler_ms"] == 70
        assert reload(host)["changed"] == ["acme"] and host.plugin("acme")["budgets"]["handler_ms"] == 80
        rewrite(host, "enable = acme", "enable = acme, shop")
        assert reload(host)["changed"] == ["shop"]
        settled(host)
        assert host.kpi("all")["value"] == 100
        no_difference(host)


def test_a_mistake_of_conf_refuses_the_whole(tmp_path):
    with Host(tmp_path, plugins={"shop": CONFIGURED}, conf={"plugin:shop.least": "3"}) as host:
        many(host, 100)
        before = state(host)[0]["hash"]
        good = host.conf.read_text()
        host.write_plugin("shop", CONFIGURED.replace("m.n end }\ncx.kpi", "2 * m.n end }\ncx.kpi"))
        for bad in ("[kpi]\nmin_n = 0\n", "[kpl]\nmin_n = 1\n", "[server]\ntcp = 1\n"):
            host.conf.write_text(good + bad)
            line = good.count("\n") + (1 if "kpl" in bad else 2)
            errors = reload(host, 422)["plugin_errors"]
            assert [(e["file"], e["line"]) for e in errors] == [(str(host.conf), line)] and errors[0]["message"], errors
            assert state(host)[0]["hash"] == before
            os.kill(host.pids("writer")[0], signal.SIGKILL)  # nor does a start of an engine read it
            assert host.kpi("sales")["value"] == 70
        host.conf.write_text(good.replace("least = 3", "least = three"))
        errors = reload(host, 422)["plugin_errors"]
        assert (errors[0]["file"], errors[0]["line"]) == (str(host.conf), 1 + good[:good.index("least")].count("\n")), errors
        host.conf.write_text(good.replace("least = 3", "least = 3\n[plugins]\nenable = shop, shap"))
        assert "shap" in reload(host, 422)["plugin_errors"][0]["message"]
        host.conf.write_text(good)
        assert reload(host)["changed"] == ["shop"] and host.kpi("sales")["value"] == 140


def test_what_waits_for_a_start_is_said(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        many(host, 100)
        rewrite(host, "timezone = America/Sao_Paulo", "timezone = Asia/Tokyo")
        line = add(host, "[limits]\nevent = 1KiB\n[access]\nuid.4242 = manager\n")
        notes = host.request("POST", "/v1/plugins/reload", headers={"Accept-Language": "en"})[1]["notes"]
        assert [(n["file"], n["line"]) for n in notes] == [(str(host.conf), n) for n in (2, line - 2, line)], notes
        for n, says in zip(notes, ("[company] timezone", "[limits] event", "uid.4242")):
            assert says in n["message"] and "started again" in n["message"]
            assert n["message"] in host.log_text()
        assert "reiniciado" in reload(host)["notes"][0]["message"]
        assert host.kpi("all", "every=day&from=2026-03-01&to=2026-03-02")["series"][0]["from"].endswith("-03:00")
        os.kill(host.pids("reader")[0], signal.SIGKILL)
        assert host.kpi("all", "every=day&from=2026-03-01&to=2026-03-02")["series"][0]["from"].endswith("-03:00")
        assert host.post({"type": "sale.made", "data": {"amount": 5, "order": "x" * 2000}})[0] == 201
        add(host, "[plugin:ghost]\nx = 1\n")
        assert any("ghost" in n["message"] for n in reload(host)["notes"])
        host.stop()
        rewrite(host, "[plugin:ghost]\nx = 1\n", "")
        host.start()
        assert reload(host)["notes"] == []
        settled(host)
        assert host.kpi("all", "every=day&from=2026-03-01&to=2026-03-02")["series"][0]["from"].endswith("+09:00")
        no_difference(host)


def test_files_that_change_under_a_check_are_no_matter(tmp_path):
    """What was checked is what comes in force, not what lies there a moment later."""
    import threading
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        stop = threading.Event()

        def write():
            i = 0
            while not stop.is_set():
                i += 1
                text = f"-- {i}\n" + (SHOP if i % 2 else CHANGED)
                spare = host.folder / "spare"
                spare.write_text(text)
                spare.rename(host.folder / "plugins" / "shop" / "plugin.lua")
                time.sleep(0.001)
        thread = threading.Thread(target=write)
        thread.start()
        try:
            hashes = {reload(host)["plugins"][0]["hash"] for _ in range(20)}
        finally:
            stop.set()
            thread.join()
        assert len(hashes) > 1
        reload(host)
        settled(host)


def test_a_watched_conf(tmp_path):
    with Host(tmp_path, plugins={"shop": CONFIGURED}, conf={"plugin:shop.least": "3", "plugins.watch": "yes"}) as host:
        many(host, 100)
        (host.folder / "conf" / "other.ini").write_text("x")
        spare = host.folder / "conf" / ".spare"
        spare.write_text(host.conf.read_text().replace("least = 3", "least = 7"))
        spare.rename(host.conf)  # as editors do
        until(lambda: host.kpi("sales")["value"] == 30)
        host.conf.write_text(host.conf.read_text().replace("least = 7", "least = 9"))
        until(lambda: host.kpi("sales")["value"] == 10)
        assert json.loads(host.cli("verify", "--json")[0])["differences"] == []


def test_the_command(tmp_path):
    host = Host(tmp_path, plugins={"shop": SHOP}, conf={"company.locale": "en"})
    assert "not running" in host.cli("plugin", "reload", code=1)[1]
    with host:
        line = add(host, "[limits]\nevent = 1KiB\n")
        err = host.cli("plugin", "reload")[1]
        assert f"{host.conf}:{line}: [limits] event" in err and "nothing has changed" in err
        add(host, "[plugin:shop]\nleast = 6\n")
        assert host.cli("plugin", "reload")[1].splitlines()[-1] == "shop"
        assert "shop" in json.loads(host.cli("plugin", "reload", "--json")[0])["plugins"][0]["name"]
        add(host, "[kpi]\nmin_n = -1\n")
        assert f"{host.conf}:" in host.cli("plugin", "reload", code=1)[1]


def test_the_calendar_comes_with_the_plugins(tmp_path):
    asks = SHOP.replace(">= 3", '>= 0 and cx.business_day("2026-11-23", "b07")')
    assert asks != SHOP
    host = Host(tmp_path, plugins={"shop": asks, "acme": ACME}, conf={"calendar.file": "holidays.csv", "engine.readers": "2"})
    table = tmp_path / "conf" / "holidays.csv"
    table.write_text("unit,date,name\n")
    with host:
        many(host, 500)
        settled(host)
        assert host.kpi("sales")["value"] == 500
        table.write_text("unit,date,name\nb07,2026-11-23,Aniversário\n")
        for role in ("reader", "writer"):
            os.kill(host.pids(role)[0], signal.SIGKILL)  # what is in force comes back, not the file
            assert host.kpi("sales")["value"] == 500
        no_difference(host)
        assert reload(host)["changed"] == ["acme", "shop"]
        settled(host)
        assert host.kpi("sales")["value"] == 0
        table.write_text("unit,date,name\nb07,2026-11-31,Aniversário\n")
        errors = reload(host, 422)["plugin_errors"]
        assert [(e["file"], e["line"]) for e in errors] == [(str(table), 2)] and "2026-11-31" in errors[0]["message"]
        os.kill(host.pids("writer")[0], signal.SIGKILL)  # nor does a start of an engine read it
        assert host.kpi("sales")["value"] == 0
        table.write_text("")
        add(host, "[calendar:b07]\nhours = Tue-Sun 09:00-18:00\n")
        assert reload(host)["changed"] == ["acme", "shop"]
        settled(host)
        assert host.kpi("sales")["value"] == 0
        rewrite(host, "Tue-Sun", "Mon-Sun")
        reload(host)
        settled(host)
        assert host.kpi("sales")["value"] == 500
        no_difference(host)
