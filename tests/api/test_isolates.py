"""Plugins: mistakes with their place, budgets, reactions that fail, rebuilt figures."""
import re
import shutil

import pytest
from host import ACME, Host, rated

GOOD = 'cx.plugin { name = "good", version = "1.0.0", api = 1 }\ncx.event "ping.sent" { fields = { n = cx.integer {} } }\n'


def errors(host, name):
    row = next(p for p in host.get("/v1/plugins")[1]["plugins"] if p["name"] == name)
    assert row["state"] == "failed", row
    return [f"{e['file']}:{e['line']}: {e['message']}" for e in row["errors"]]


def test_all_mistakes_of_a_plugin_at_once_and_others_run(tmp_path):
    bad = '''cx.plugin { name = "bad", version = "1.0.0", api = 1 }
cx.event "thing.done" { fields = { n = cx.integer { requried = true } } }
cx.kpi "broken" { format = "points", better = "higher",
  measures = { n = cx.count("thing.done") } }
cx.journey "later" { stages = {} }
'''
    with Host(tmp_path, plugins={"bad": bad, "good": GOOD}) as host:
        found = errors(host, "bad")
        assert len(found) >= 3, found
        assert any(re.match(r"plugins/bad/plugin\.lua:2: .*requried.*required", e) for e in found), found
        assert any(re.match(r'plugins/bad/plugin\.lua:3: kpi "broken": .*formula', e) for e in found), found
        assert any(re.match(r'plugins/bad/plugin\.lua:5: .*journey', e) for e in found), found
        assert host.post({"type": "ping.sent", "data": {"n": 1}})[0] == 201
        assert host.post({"type": "thing.done"})[1]["code"] == "unknown_type"
        out, _ = host.cli("check", code=1)
        for e in found:
            assert e in out


@pytest.mark.parametrize("body, what", [
    ("while true do end", "budget|tempo|time"),
    ("pcall(function() while true do end end) while true do end", "budget|tempo|time"),
    ("for i = 1, 1e9 do pcall(error) end", "budget|tempo|time"),
    ("coroutine.wrap(function() while true do end end)()", "budget|tempo|time"),
    ("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "memor|time budget"),
    ("error('no luck')", "no luck"), ("error({})", ""), ("local x = nil + 1", "arithmetic"),
    ("tx:webhook('https://x.example/', {})", "webhook"), ("tx:emit { type = 'no.such' }", "no.such"),
    ("tx:emit { type = 'visit.rated', data = { score = 5 } }", "^[^:]*: visit.rated → visit.rated"),
])
def test_a_failing_reaction_never_costs_the_fact(tmp_path, body, what):
    plugin = ACME + f'\ncx.on "visit.rated" (function(e, tx)\n  {body}\nend)\n'
    line = plugin.count("\n") - 1
    with Host(tmp_path, plugins={"acme": plugin}) as host:
        status, reply = host.post(rated(id="r1"))
        assert status == 201, reply
        warning = reply["warnings"][-1]
        assert warning["plugin"] == "acme" and warning["file"] == "plugins/acme/plugin.lua", warning
        assert warning["line"] in (line, line - 1) and re.search(what, warning["message"]), (warning, line)
        assert host.kpi("visit-nps")["measures"]["answers"] == 1
        assert host.post(rated(id="r1"))[0] == 200
        assert host.post(rated(id="r2"))[0] == 201


def test_emitted_events_are_stored_with_their_cause(tmp_path):
    plugin = ACME + '''
cx.event "voice.heard" { fields = { score = cx.integer {} } }
cx.on "visit.rated" (function(e, tx)
  if e.score <= 6 then tx:emit { type = "voice.heard", data = { score = e.score } } end
end)
'''
    with Host(tmp_path, plugins={"acme": plugin}) as host:
        assert "warnings" not in host.post(rated(id="x1", score=2, subject="c9", unit="u1"))[1]
        a, b = host.get("/v1/events")[1]["events"]
        assert (b["type"], b["id"], b["subject"], b["unit"]) == ("voice.heard", "x1/1", "c9", "u1")
        assert b["seq"] == a["seq"] + 1 and b["data"] == {"score": 2}


def test_two_reactions_to_one_event_both_emit(tmp_path):
    """Ids of emitted events are counted over all reactions, and past ids a client has used itself."""
    plugin = ACME + '''
cx.event "note.made" { fields = { text = cx.text {} } }
cx.on "visit.rated" (function(e, tx) tx:emit { type = "note.made", data = { text = "a" } } end)
cx.on "visit.rated" (function(e, tx) tx:emit { type = "note.made", data = { text = "a" } } end)
'''
    other = '''
cx.plugin { name = "other", version = "1.0.0", api = 1, depends = { acme = ">= 1.0" } }
cx.on "visit.rated" (function(e, tx) tx:emit { type = "note.made", data = { text = "b" } } end)
'''
    with Host(tmp_path, plugins={"acme": plugin, "other": other}) as host:
        mine = {"type": "note.made", "id": "x/2", "source": "/s", "data": {"text": "mine"}}
        assert host.post(mine)[0] == 201
        status, reply = host.post(rated(id="x", source="/s"))
        assert status == 201 and "warnings" not in reply, reply
        notes = [(e["id"], e["data"]["text"]) for e in host.get("/v1/events?type=note.made")[1]["events"]]
        assert notes == [("x/2", "mine"), ("x/1", "a"), ("x/3", "a"), ("x/4", "b")]


def test_changed_plugin_is_counted_again_before_it_serves(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME}).start()
    for i in range(30):
        host.post(rated(id=f"e{i}", score=i % 11))
    before = host.kpi("visit-nps")["measures"]
    host.stop()
    host.write_plugin("acme", ACME.replace("e.score <= 6", "e.score <= 7"))
    host.start()
    after = host.kpi("visit-nps")["measures"]
    assert after["detractors"] == sum(i % 11 <= 7 for i in range(30)) > before["detractors"]
    host.cli("verify")
    host.__exit__(None, None, None)


def test_a_new_derive_reaches_old_events(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME}).start()
    host.post(rated(id="a", data={"comment": "  \u00a0"}))
    host.post(rated(id="b", data={"comment": "ótimo"}))
    host.stop()
    host.write_plugin("acme", ACME.replace("derive = { written", "derive = { low = cx.boolean(function(e) "
                      "return e.score < 5 end), written") + '''
cx.kpi "written" { format = "number", better = "higher", by = { "written", "low" },
  measures = { n = cx.count("visit.rated", function(e) return e.written end) }, formula = function(m) return m.n end }
''')
    host.start()
    assert host.kpi("written")["value"] == 1
    assert host.kpi("written", "by=low")["groups"][0]["by"] == {"low": False}
    host.__exit__(None, None, None)


def test_a_derive_is_computed_once(tmp_path):
    """Whatever is edited later, what an event was given when it arrived stays; what it lacks is added."""
    def plugin(derive):
        return ACME.replace("written = cx.boolean", derive + "written = cx.boolean")
    host = Host(tmp_path, plugins={"acme": plugin("a = cx.integer(function(e) return e.score * 2 end), ")}).start()
    host.post(rated(id="x", score=5))
    for derive in ("a = cx.integer(function(e) return e.score * 3 end), ",
                   "a = cx.integer(function(e) return e.score * 4 end), b = cx.integer(function(e) return 7 end), "):
        host.stop()
        host.write_plugin("acme", plugin(derive))
        host.start()
    assert host.get("/v1/events")[1]["events"][0]["derived"] == {"a": 10, "b": 7, "written": False}
    host.__exit__(None, None, None)


def test_every_failed_derive_is_told(tmp_path):
    derives = "".join(f'd{i} = cx.integer(function(e) error("no {i}") end), ' for i in range(6))
    with Host(tmp_path, plugins={"acme": ACME.replace("written = cx.boolean", derives + "written = cx.boolean")}) as host:
        warnings = host.post(rated(id="x"))[1]["warnings"]
        assert [re.search(r"no \d", w["message"])[0] for w in warnings] == [f"no {i}" for i in range(6)]


def test_a_measure_that_raises_is_said(tmp_path):
    plugin = ACME.replace("e.score <= 6", "e.score + e.channel <= 6")
    with Host(tmp_path, plugins={"acme": plugin}) as host:
        status, receipt = host.post(rated(id="m"))
        assert status == 201 and "arithmetic" in receipt["warnings"][0]["message"], receipt
        reply = host.kpi("visit-nps")
        assert reply["note"] == "partial" and reply["measures"]["answers"] == 1


def test_formula_that_raises_is_a_clear_500(tmp_path):
    plugin = ACME.replace("return 100 * (m.promoters", "return 100 * (m.promotrs")
    with Host(tmp_path, plugins={"acme": plugin}) as host:
        status, reply = host.get("/v1/kpis/visit-nps")
        assert status == 500 and "promotrs" in reply["detail"] and "plugin.lua" in reply["detail"]


def test_personal_fields_never_reach_a_measure(tmp_path):
    plugin = ACME.replace("e.score <= 6", "e.comment ~= nil")
    with Host(tmp_path, plugins={"acme": plugin, "good": GOOD}) as host:
        found = errors(host, "acme")
        assert any("visit-nps" in e and "comment" in e for e in found), found


OTHER = 'cx.plugin { name = "other", version = "1.0.0", api = 1, depends = { acme = ">= 1.0" } }\n'
RATED_COUNT = 'cx.kpi "%s" { format = "number", measures = { n = cx.count("visit.rated"%s) }, formula = function(m) return m.n end }\n'
RAISES = ", function(e) if e.score == 3 then error('three') end return true end"


def test_a_derive_that_fails_on_old_events_stops_nothing(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        host.post(rated(id="a", score=3))
        host.post(rated(id="b", score=9))
        host.stop()
        host.write_plugin("acme", ACME.replace("derive = { written", "derive = { half = cx.integer(function(e) return e.score == 3 and error('three') or 4 end), written"))
        host.start()
        assert host.kpi("visit-nps")["measures"]["answers"] == 2
        assert "derive half failed" in host.log_text() or "half" in host.log_text()


def test_what_failed_while_counting_again_is_not_said_of_the_next_event(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        host.post(rated(id="a", score=3))
        host.stop()
        host.write_plugin("acme", ACME + RATED_COUNT % ("careful", RAISES))
        host.start()
        status, reply = host.post(rated(id="b", score=9))
        assert status == 201 and "warnings" not in reply, reply
        assert host.kpi("careful")["note"] == "partial"


def test_a_plugin_that_was_away_counts_what_came_meanwhile(tmp_path):
    def write(other):
        host.write_plugin("other", other)

    with Host(tmp_path, plugins={"acme": ACME, "other": OTHER + RATED_COUNT % ("other-n", "")}) as host:
        host.post(rated(id="a"))
        for away in ("removed", "broken"):
            host.stop()
            if away == "removed":
                shutil.rmtree(host.folder / "plugins" / "other")
            else:
                write("cx.plugin {")
            host.start()
            host.post(rated(id=away))
            host.stop()
            write(OTHER + RATED_COUNT % ("other-n", ""))
            host.start()
            assert host.kpi("other-n")["value"] == host.kpi("visit-nps")["measures"]["answers"]
            host.cli("verify")


def test_exclusions_go_with_the_plugin_that_made_them(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME, "other": OTHER + RATED_COUNT % ("careful", RAISES)}) as host:
        host.post(rated(id="a", score=3))
        assert host.kpi("careful")["note"] == "partial"
        host.stop()
        shutil.rmtree(host.folder / "plugins" / "other")
        host.write_plugin("third", OTHER.replace('"other"', '"third"') + RATED_COUNT % ("careful", ""))
        host.start()
        reply = host.kpi("careful")
        assert reply["value"] == 1 and reply["note"] is None, reply
