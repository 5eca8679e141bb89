"""The command line: help, exit codes, JSON, mistakes with their place, with and without a daemon."""
import gzip
import json
import os
import re
import signal
import shutil
import subprocess
import tempfile
import time

import pytest
from host import ACME, BIN, ROOT, Host, rated

COMMANDS = ["serve", "check", "test", "run", "import", "kpi", "journey", "call", "token", "trace", "plugin", "retry", "verify", "conf", "version", "help"]
TILL = ACME + """
cx.import "till" {
  tables = { scores = "scores.csv", shops = { file = "shops.csv.gz", delimiter = ";", encoding = "latin1" } },
  events = {
    { sql = "select s.rowid as rowid, s.*, h.city from scores s left join shops h using (shop)",
      map = function(row)
        if row.score == "skip" then return nil end
        return { type = "visit.rated", id = row.id, subject = row.who, unit = row.shop, time = row.at,
          data = { score = row.score, comment = row.city } }
      end } } }
cx.import "made" { generate = function(emit)
  for i = 1, 25 do emit { type = "visit.rated", id = "g" .. i, time = "2024-01-02 10:00", data = { score = i % 11 } } end
end }
"""
SCRIPT = """
return cx.script { title = "Notas", audience = { "cx-manager" }, run = function(r)
  r:section("Indicadores"):kpis { "visit-nps", last = "12mo" }
  r:table(r:kpi("visit-nps", { by = "unit" }))
end }
"""
TABLE = 'return cx.script { title = "T", run = function(r) return { answer = 42, list = { 1, 2 } } end }'


def write_csvs(folder, scores):
    folder.mkdir(exist_ok=True)
    (folder / "scores.csv").write_text(scores)
    with gzip.open(folder / "shops.csv.gz", "wb") as f:
        f.write("shop;city\nb07;São Paulo\nb08;Belém\n".encode("latin-1"))


GOOD = "id,who,shop,at,score\n" + "".join(f"s{i},c{i % 4},b0{7 + i % 2},2026-01-0{1 + i % 9} 10:00:00,{i % 11}\n" for i in range(30))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """A folder with data and no daemon."""
    host = Host(tmp_path_factory.mktemp("cli"), plugins={"acme": TILL}, scripts={"notes.lua": SCRIPT, "answer.lua": TABLE})
    write_csvs(host.folder / "csv", GOOD)
    host.first = host.cli("import", "till", host.folder / "csv")
    return host


@pytest.fixture(scope="module", params=["alone", "daemon"])
def either(request, quiet):
    """The same data without a daemon and through one."""
    if request.param == "daemon":
        quiet.start()
    yield quiet
    if request.param == "daemon":
        assert quiet.stop() == 0


def bare(*args, code=0, env=None, cwd="/"):
    done = subprocess.run([BIN, *args], capture_output=True, text=True, timeout=300, cwd=cwd,
                          env={k: v for k, v in {**os.environ, **(env or {})}.items() if k != "CXD_CONF"})
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


# ---- help, usage, language --------------------------------------------------------------------
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command):
    """Help needs no configuration, goes to stdout, and speaks both languages."""
    pt, err = bare(command, "--help", env={"LANG": "pt_BR.UTF-8"})
    en, _ = bare(command, "--help", env={"LANG": "en_US.UTF-8", "LC_ALL": ""})
    assert err == "" and pt.startswith(f"uso: cxd {command}") and en.startswith(f"usage: cxd {command}") and "--json" in en
    assert bare("help", command, env={"LANG": "en_US.UTF-8"})[0] == en


def test_help_lists_the_commands():
    out, _ = bare("--help", env={"LANG": "en"})
    listed = re.findall(r"^  (\w+)  ", out, re.M)
    assert [c for c in COMMANDS if c not in ("conf", "help")] == [c for c in listed if c not in ("conf", "help")]
    assert all(re.search(rf"^  {c} +\S", out, re.M) for c in listed)


@pytest.mark.parametrize("args", [
    (), ("nothing",), ("kpi", "--nothing"), ("run",), ("kpi", "a", "b"), ("token",), ("token", "add"), ("token", "add", "x"),
    ("token", "list", "x"), ("call", "GET"), ("call", "GET", "v1/kpis"), ("call", "get", "/v1/kpis"), ("conf",), ("serve", "x"),
    ("version", "--json=1"), ("kpi", "--from"), ("--conf",), ("-x",), ("help", "nothing"), ("import",), ("test",), ("kpi", "--by", "unit"),
])
def test_wrong_usage_is_2(quiet, args):
    out, err = quiet.cli(*args, code=2)
    assert out == "" and ("--help" in err or "uso:" in err)


@pytest.mark.parametrize("args, meant", [
    (("imprt",), "import"), (("kpis",), "kpi"), (("tokn", "list"), "token"), (("kpi", "--evry", "day"), "--every"), (("run", "notes", "--asof"), "--as-of"),
    (("kpi", "--jsn"), "--json"), (("serve", "--quite"), "--quiet"), (("help", "chek"), "check"),
])
def test_did_you_mean(quiet, args, meant):
    err = quiet.cli(*args, code=2, env={"LANG": "en_US.UTF-8"})[1]
    assert re.search(rf"did you mean {re.escape(meant)}\?", err), err


@pytest.mark.parametrize("env, words", [
    ({"LANG": "en_US.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}, "unknown command"), ({"LANG": "en", "LC_ALL": "pt_BR.UTF-8"}, "comando desconhecido"),
    ({"LANG": "pt_BR.UTF-8", "LC_ALL": ""}, "comando desconhecido"), ({"LANG": "C", "LC_ALL": ""}, "comando desconhecido"),
    ({"LANG": "pt_BR", "LC_ALL": "", "LC_MESSAGES": "en_GB"}, "unknown command"),
])
def test_language_of_the_terminal(quiet, env, words):
    assert words in quiet.cli("nothing", code=2, env=env)[1]


def test_language_of_what_the_engine_says(quiet):
    assert "no KPI" in quiet.cli("kpi", "nothing", code=1, env={"LANG": "en", "LC_ALL": ""})[1]
    assert "não existe" in quiet.cli("kpi", "nothing", code=1, env={"LANG": "pt", "LC_ALL": ""})[1]


def test_version():
    out, err = bare("version")
    assert re.fullmatch(r"cxd \d+\.\d+\.\d+\n", out) and err == "" and bare("--version")[0] == out
    assert json.loads(bare("version", "--json")[0]) == {"version": out.split()[1]}


# ---- configuration ----------------------------------------------------------------------------
def test_conf_print_is_the_file_in_the_repository(tmp_path):
    shipped = (ROOT / "conf" / "cxd.ini").read_text()
    assert bare("--conf", str(ROOT / "conf" / "cxd.ini"), "conf", "--print")[0] == shipped
    defaults = bare("conf", "--print")[0]
    (tmp_path / "c.ini").write_text(defaults)
    assert bare("--conf", str(tmp_path / "c.ini"), "conf", "--print")[0] == defaults
    rows = re.findall(r"^X\((\w+), (\w+), ", (ROOT / "core/conf/conf.def").read_text(), re.M)
    sections = re.split(r"^\[(\w+)\]$", shipped, flags=re.M)
    documented = {(sections[i], key) for i in range(1, len(sections), 2) for key in re.findall(r"^;?(\w+) =", sections[i + 1], re.M)}
    assert set(rows) <= documented


def test_where_the_configuration_is(quiet, tmp_path):
    out = quiet.cli("kpi", "visit-nps", "--json")[0]
    for env, cwd in (({"CXD_CONF": str(quiet.conf)}, "/"), ({"CXD_CONF": ""}, quiet.folder)):
        done = subprocess.run([BIN, "kpi", "visit-nps", "--json"], capture_output=True, text=True, cwd=cwd, env={**os.environ, **env})
        assert done.stdout == out, done.stderr
    err = bare("kpi", code=1, cwd=str(tmp_path))[1]
    assert "conf/cxd.ini" in err and "CXD_CONF" in err


def test_check_finds_every_mistake_of_the_configuration(tmp_path):
    conf = tmp_path / "c.ini"
    conf.write_text("[company]\nnmae = x\ntimezone = Nowhere/Land\n[server]\ndata = d\n[limits]\nbody = lots\nqueue = 1\n[nothing]\n[kpi]\ngroups = 3\n"
                    + "[company]\nname = " + "x" * 300 + "\n[server]\nsocket_group = no-such-group\n")
    _, err = bare("--conf", str(conf), "check", code=1, env={"LANG": "en", "LC_ALL": ""})
    for line in (2, 3, 7, 8, 9, 11, 13, 15):
        assert re.search(rf"^{re.escape(str(conf))}:{line}: ", err, re.M), (line, err)
    assert "did you mean name?" in err
    reply = json.loads(bare("--conf", str(conf), "check", "--json", code=1)[0])
    assert {e["line"] for e in reply["errors"]} == {2, 3, 7, 8, 9, 11, 13, 15} and {e["file"] for e in reply["errors"]} == {str(conf)}
    assert all(not e["message"].startswith(str(conf)) for e in reply["errors"])
    bare("--conf", str(conf), "serve", code=1)


def test_check_finds_every_mistake_of_plugins_and_scripts(tmp_path):
    plugin = 'cx.plugin { name = "bad", version = "1", api = 1 }\ncx.kpi "a" {\n  measures = { n = cx.count("no.such") },\n  formula = 3 }\nx = 1\n'
    host = Host(tmp_path, plugins={"acme": ACME, "bad": plugin},
                scripts={"ok.lua": SCRIPT, "syntax.lua": "return = 3", "none.lua": "\nreturn 3", "run.lua": '\n\nreturn cx.script { title = "x" }',
                         "boom.lua": "local a\nreturn a.b"})
    out, _ = host.cli("check", code=1)
    assert re.search(r"^plugins/bad/plugin\.lua:\d+: .*\"a\"", out, re.M), out
    for script, line in (("syntax", 1), ("none", 1), ("run", 3), ("boom", 2)):
        assert re.search(rf"^scripts/{script}\.lua:{line}: ", out, re.M), (script, out)
    errors = json.loads(host.cli("check", "--json", code=1)[0])["errors"]
    assert len(errors) == len(out.splitlines()) - 1 and {e["file"] for e in errors} >= {"plugins/bad/plugin.lua", "scripts/boom.lua"}
    assert all(e["line"] > 0 and e["message"] for e in errors)
    assert "scripts/ok.lua" not in out and "acme" not in out


def test_check_of_what_is_right(quiet):
    out, err = quiet.cli("check", env={"LANG": "en"})
    assert err == "" and out == "all good: 1 plugin, 2 event types, 3 KPIs, 2 scripts\n"
    assert json.loads(quiet.cli("check", "--json")[0]) == {"errors": []}


def test_check_notes_what_this_version_has_not(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME, "empty": {"notes.txt": "x"}}, scripts={"one.lua": SCRIPT},
                conf={"schedule:review.cron": "0 9 * * MON", "mail.url": "smtp://x"})
    out, err = host.cli("check", env={"LANG": "en"})
    assert err == "" and out.splitlines()[-1] == "all good: 1 plugin, 2 event types, 3 KPIs, 1 script"
    text = host.conf.read_text().splitlines()
    for what, line in (("[schedule:review]", "[schedule:review]"), ("[mail]", "[mail]")):
        assert f"note: {host.conf}:{text.index(line) + 1}: {what} is not available in this version: ignored\n" in out
    assert f"note: {tmp_path}/plugins/empty has no plugin.lua: it is no plugin\n" in out
    reply = json.loads(host.cli("check", "--json")[0])
    assert reply["errors"] == [] and len(reply["notes"]) == 3


def test_check_finds_options_of_no_plugin(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME, "off": ACME.replace('"acme"', '"off"', 1)},
                conf={"plugins.enable": "acme", "plugin:acem.promoter": "8", "plugin:off.promoter": "8"})
    out = host.cli("check", code=1, env={"LANG": "en"})[0]
    text = host.conf.read_text().splitlines()
    at = {name: f"{host.conf}:{text.index(f'[plugin:{name}]') + 1}: [plugin:{name}]: " for name in ("acem", "off")}
    assert at["acem"] + f"there is no {tmp_path}/plugins/acem/plugin.lua; did you mean [plugin:acme]?" in out
    assert at["off"] + "the plugin is not in [plugins] enable = acme" in out and "2 errors\n" in out


@pytest.mark.parametrize("key, value", [("path", "/nope"), ("enable", "nope")])
def test_check_names_the_key_that_is_wrong(tmp_path, key, value):
    host = Host(tmp_path, plugins={"acme": ACME}, conf={f"plugins.{key}": value})
    out = host.cli("check", code=1, env={"LANG": "pt"})[0]
    line = host.conf.read_text().splitlines().index(f"{key} = {value}") + 1
    assert out.startswith(f"{host.conf}:{line}: [plugins] {key}") and "nope" in out and out.endswith("\n1 erro\n")


def test_check_touches_no_data(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME})
    host.cli("check")
    assert not host.data.exists()


# ---- figures ----------------------------------------------------------------------------------
def test_kpi_as_json_is_the_api_s_answer(either):
    one = json.loads(either.cli("kpi", "visit-nps", "--json", "--by", "unit", "--every", "month", "--from", "2026-01-01", "--to", "2026-02-01")[0])
    assert one["id"] == "visit-nps" and one["measures"]["answers"] == 30 and len(one["groups"]) == 2
    if either.process and either.process.poll() is None:
        assert one == either.kpi("visit-nps", "by=unit&every=month&from=2026-01-01&to=2026-02-01")
    everything = json.loads(either.cli("kpi", "--json", "--from", "2026-01-01", "--to", "2026-02-01")[0])
    assert {k["id"] for k in everything["kpis"]} == {"visit-nps", "acme-revenue", "repeat-rate"}
    assert one["value"] in [k["value"] for k in everything["kpis"]]


def test_kpi_as_a_table(either):
    out, _ = either.cli("kpi", "visit-nps", "--by", "unit", "--from", "2026-01-01", "--to", "2026-02-01", env={"LANG": "en"})
    head, rows = out.splitlines()[0], out.splitlines()[2:]
    assert "visit-nps" in head and "answers=30" in head
    assert rows[0].split()[:2] == ["unit", "value"] and [r.split()[0] for r in rows[1:]] == ["b07", "b08"]
    assert [int(r.split()[rows[0].split().index("answers")]) for r in rows[1:]] == [15, 15]
    table = either.cli("kpi", "--from", "2026-01-01", env={"LANG": "en"})[0]
    assert all(k in table for k in ("visit-nps", "acme-revenue", "repeat-rate", "KPI"))
    pt = either.cli("kpi", "acme-revenue", "--from", "2026-01-01", env={"LANG": "pt"})[0]
    assert "R$\u00a00,00" in pt and "desde 01/01/2026" in pt


@pytest.mark.parametrize("args, heading", [
    (("--from", "2026-01-01", "--to", "2026-02-01"), "1 Jan 2026 – 31 Jan 2026"), (("--from", "2026-01-01", "--to", "2026-01-02"), "1 Jan 2026"),
    (("--from", "2026-01-01T10:00:00Z", "--to", "2026-02-01"), "1 Jan 2026 07:00 – 1 Feb 2026 00:00"),
    (("--from", "2026-01-01T10:00:05Z"), "since 1 Jan 2026 07:00:05"), (("--to", "2026-02-01"), "up to 31 Jan 2026"),
])
def test_the_heading_says_days_as_people_do(either, args, heading):
    assert either.cli("kpi", *args, env={"LANG": "en"})[0].splitlines()[0] == heading
    assert heading in either.cli("kpi", "visit-nps", *args, env={"LANG": "en"})[0].splitlines()[0]


@pytest.mark.parametrize("args, words", [
    (("kpi", "nothing"), "not_found"), (("kpi", "visit-nps", "--last", "6m"), "last"), (("kpi", "visit-nps", "--by", "colour"), "by"),
    (("run", "nothing"), "nothing.lua"), (("import", "nothing"), "nothing"), (("import", "till", "/nonexistent"), "scores.csv"),
    (("token", "revoke", "nobody"), "not_found"), (("token", "add", "x", "--level", "boss"), "level"), (("call", "POST", "/v1/events", "@/nonexistent"), "/nonexistent"),
])
def test_refusals_are_1_with_the_reason(either, args, words):
    out, err = either.cli(*args, code=1)
    assert out == "" and words in err


def test_call(either):
    event = json.dumps(rated(id="called", source="/call"))
    first = json.loads(either.cli("call", "POST", "/v1/events", event)[0])
    assert first["id"] == "called"
    (either.folder / "event.json").write_text(event)
    assert json.loads(either.cli("call", "POST", "/v1/events", f"@{either.folder}/event.json")[0]) == first
    assert json.loads(either.cli("call", "POST", "/v1/events", "-", stdin=event)[0]) == first
    page = json.loads(either.cli("call", "GET", "/v1/events?limit=1&subject=c1")[0])
    assert len(page["events"]) == 1
    lines = event + "\n" + event
    assert json.loads(either.cli("call", "POST", "/v1/events", lines, "--type", "application/x-ndjson")[0])["duplicates"] == 2
    for args, status in ((("GET", "/v1/nothing"), 404), (("DELETE", "/v1/events"), 405), (("POST", "/v1/events", "{"), 400), (("POST", "/v1/events", "{}"), 422),
                         (("POST", "/v1/events", "x", "--type", "text/plain"), 415), (("GET", "/v1/kpis/visit-nps?last=x"), 400)):
        reply = json.loads(either.cli("call", *args, code=1)[0])
        assert reply["status"] == status and reply["detail"]


def test_tokens(either):
    name = "cli-" + ("daemon" if either.process and either.process.poll() is None else "alone")
    out, err = either.cli("token", "add", name, "--level", "frontline", "--unit", "b07", "--person", "ana", "--expires", "90d")
    assert re.fullmatch(r"cxd_[\w-]{43,}\n", out) and err
    assert json.loads(either.cli("token", "list", "--json")[0])["tokens"][-1]["name"] == name
    row = next(line for line in either.cli("token", "list")[0].splitlines() if line.startswith(name))
    assert "frontline" in row and "b07" in row and "ana" in row and "cxd_" not in row
    assert name in either.cli("token", "add", name, "--level", "manager", code=1)[1]
    assert json.loads(either.cli("token", "add", name + "-j", "--level", "manager", "--json")[0])["token"].startswith("cxd_")
    for n in (name, name + "-j"):
        either.cli("token", "revoke", n)
        either.cli("token", "revoke", n, code=1)
    assert json.loads(either.cli("token", "list", "--json")[0])["tokens"] == []


def test_verify(either):
    assert json.loads(either.cli("verify", "--json")[0])["differences"] == []
    assert "0" in either.cli("verify")[0]


# ---- scripts ----------------------------------------------------------------------------------
def test_run_is_the_same_bytes_each_time(either):
    first, err = either.cli("run", "notes", "--as-of", "2026-01-31", "--json")
    again, _ = either.cli("run", "notes", "--as-of", "2026-01-31", "--json")
    assert first == again
    report = json.loads(first)
    assert report["script"] == "notes" and report["title"] == "Notas" and report["as_of"] == "2026-01-31" and report["errors"] == 0
    assert report["sections"][0]["title"] == "Indicadores"
    kept = either.data / "reports" / "notes-2026-01-31.json"
    assert str(kept.with_suffix("")) in err and kept.read_text().strip() == first.strip()
    text = either.cli("run", "notes", "--as-of", "2026-01-31", env={"LANG": "pt"})[0]
    assert text.startswith("Notas\n") and "31/01/2026" in text and kept.with_suffix(".txt").read_text() == text
    earlier = json.loads(either.cli("run", "notes", "--as-of", "2025-12-31", "--json")[0])
    assert "\"answers\":30" not in json.dumps(earlier).replace(" ", "")


def test_run_prints_the_table_a_script_returns(either):
    assert json.loads(either.cli("run", "answer", "--json")[0]) == {"answer": 42, "list": [1, 2]}


def test_run_says_where_a_script_failed(tmp_path):
    host = Host(tmp_path, plugins={"acme": ACME}, scripts={
        "part.lua": 'return cx.script { title = "P", run = function(r)\n  r:text("before")\n  r:kpi("nothing")\n end }'})
    out, err = host.cli("run", "part", "--json", code=1)
    report = json.loads(out)
    assert report["errors"] == 1 and "part.lua:3" in json.dumps(report)
    host.cli("run", "part", "--as-of", "yesterday", code=2)


def test_run_to_a_file(quiet, tmp_path):
    for name in ("r.json", "r.txt"):
        quiet.cli("run", "notes", "--as-of", "2026-01-31", "--out", tmp_path / name)
    assert json.loads((tmp_path / "r.json").read_text())["title"] == "Notas" and (tmp_path / "r.txt").read_text().startswith("Notas")


def test_run_makes_no_folder(quiet, tmp_path):
    err = quiet.cli("run", "notes", "--out", tmp_path / "new" / "r.txt", code=1)[1]
    assert "new/r.txt" in err and not (tmp_path / "new").exists()


def test_run_names_the_scripts_there_are(quiet):
    err = quiet.cli("run", "note", code=1, env={"LANG": "en"})[1]
    assert 'there is no script "note"' in err and 'did you mean "notes"?' in err and "there is: answer, notes" in err


# ---- imports ----------------------------------------------------------------------------------
def test_import_tells_what_it_did(quiet):
    assert re.search(r"^till: 30 eventos, 30 novos, 0 já estavam, 0 recusados", quiet.first[0])


def test_importing_twice_adds_nothing_and_says_so(either):
    counts = json.loads(either.cli("import", "till", either.folder / "csv", "--json")[0])
    assert (counts["import"], counts["events"], counts["new"], counts["already_there"], counts["refused"]) == ("till", 30, 0, 30, 0)
    assert "everything was there already" in either.cli("import", "till", either.folder / "csv", env={"LANG": "en"})[0]


def test_import_reads_what_the_file_says(quiet):
    events = json.loads(quiet.cli("call", "GET", "/v1/events?subject=c1")[0])["events"]
    event = next(e for e in events if e["id"] == "s1")
    assert event["source"] == "import/till" and event["unit"] == "b08"
    assert event["time"] == "2026-01-02T10:00:00-03:00" and event["data"] == {"score": 1, "comment": "Belém"}


def test_import_generated(either):
    before = json.loads(either.cli("kpi", "visit-nps", "--json")[0])["measures"]["answers"]
    counts = json.loads(either.cli("import", "made", "--json")[0])
    after = json.loads(either.cli("kpi", "visit-nps", "--json")[0])["measures"]["answers"]
    assert counts["events"] == 25 and after == before + counts["new"] and counts["new"] in (0, 25)
    out, err = either.cli("import", "made", "--if-empty")
    assert out == "" and "made" in err


@pytest.mark.parametrize("text, line", [
    ("id,who,shop,at,score\na,b,c\n", 2), ('id,who,shop,at,score\na,b,c,d,"e\n', 2), ('id,who,shop,at,score\na,b,c,d,1\na,"b"x,c,d,1\n', 3),
    ("", 1), ("id,who,,at,score\n", 1), ("id,who,shop,at,score\na,b,c,d,1\n\nx,y\n", 4),
])
def test_a_broken_csv_is_named_with_its_line(quiet, tmp_path, text, line):
    write_csvs(tmp_path / "csv", text)
    err = quiet.cli("import", "till", tmp_path / "csv", code=1)[1]
    assert re.search(rf"scores\.csv:{line}: ", err), err


def refusals(err):
    return [json.loads(line) for line in open(re.search(r"(/\S+-refused\.ndjson)", err)[1])]


def test_the_rest_of_a_broken_csv_goes_in(quiet, tmp_path):
    write_csvs(tmp_path / "csv", "id,who,shop,at,score\nk1,c,b07,2026-01-05,9\nshort,c\nk2,c,b07,2026-01-05,8\n\"k3\"x,c,b07,2026-01-05,8\n"
               "k4,c,b07,2026-01-05,7\nlast,\"c,b07,2026-01-05,9\nnever,c,b07,2026-01-05,1\n")
    out, err = quiet.cli("import", "till", tmp_path / "csv", code=1, env={"LANG": "en"})
    assert out.startswith("till: 6 events, 3 new, 0 already there, 3 refused ("), out
    assert [(r["file"], r["line"], r["code"]) for r in refusals(err)] == [("scores.csv", n, "bad_request") for n in (3, 5, 7)]
    assert "lines 7 to 8" in refusals(err)[2]["detail"] and "till: scores.csv:3: " in err
    for text in ("", "id,who,,at,score\nk9,c,b07,2026-01-05,9\n"):
        write_csvs(tmp_path / "csv", text)
        out, err = quiet.cli("import", "till", tmp_path / "csv", code=1)
        assert out == "" and re.search(r"scores\.csv:1: ", err)


def test_a_refused_row_names_all_its_wrong_fields(quiet, tmp_path):
    write_csvs(tmp_path / "csv", "id,who,shop,at,score\nw1,c,b07,someday,many\nw2,c,b08,2026-01-05,99\n,c,b08,2026-01-05,99\n")
    err = quiet.cli("import", "till", tmp_path / "csv", code=1)[1]
    both, one, three = sorted(refusals(err), key=lambda r: r["line"])
    assert {e["field"] for e in both["errors"]} == {"data.score", "time"} and all(e["code"] and e["detail"] for e in both["errors"])
    assert one["field"] == "data.score" and "errors" not in one
    assert {e["field"] for e in three["errors"]} == {"id", "data.score"}


ENDLESS = """
cx.plugin { name = "endless", version = "1.0.0", api = 1 }
cx.import "endless" { tables = { t = "scores.csv" }, events = { { map = function() end,
  sql = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as c from n, t where i < 0" } } }
"""


def test_interrupting_ends_an_endless_query(tmp_path):
    host = Host(tmp_path, plugins={"endless": ENDLESS})
    write_csvs(tmp_path / "csv", GOOD)
    process = subprocess.Popen([BIN, "--conf", str(host.conf), "import", "endless", str(tmp_path / "csv")], stderr=subprocess.PIPE)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.stderr.close()
    host.cli("kpi")  # nobody holds the data folder


def test_rows_that_are_refused_are_told_and_kept(quiet, tmp_path):
    write_csvs(tmp_path / "csv", "id,who,shop,at,score\nr1,c,b07,2026-01-05,9\nr2,c,b07,2026-01-05,eleven\nr3,c,b07,someday,9\nr4,c,b07,2026-01-05,skip\nr5,c,b07,2026-01-05,10\n")
    out, err = quiet.cli("import", "till", tmp_path / "csv", "--json", code=1)
    counts = json.loads(out)
    assert (counts["events"], counts["new"], counts["refused"]) == (4, 2, 2)
    assert "3" in err and "4" in err
    kept = re.search(r"(/\S+)$", err.strip().splitlines()[-1])[1]
    rows = [json.loads(line) for line in open(kept)]
    assert [(r["line"], r["id"], r["field"]) for r in rows] == [(3, "r2", "data.score"), (4, "r3", "time")]
    write_csvs(tmp_path / "csv", "id,who,shop,at,score\nr1,c,b07,2026-01-05,3\n")
    counts = json.loads(quiet.cli("import", "till", tmp_path / "csv", "--json", code=1)[0])
    assert (counts["new"], counts["changed"]) == (0, 1)


# ---- the daemon -------------------------------------------------------------------------------
def test_serve_says_how_to_talk_to_it(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        pass
    log = host.log_text()
    assert f"--unix-socket {host.socket}" in log
    quiet_host = Host(tmp_path / "q", plugins={"acme": ACME})
    quiet_host.process = subprocess.Popen([BIN, "--conf", str(quiet_host.conf), "serve", "--quiet"], stdout=open(quiet_host.log, "ab"), stderr=subprocess.STDOUT)
    quiet_host.wait_ready()
    assert quiet_host.stop() == 0 and "--unix-socket" not in quiet_host.log_text()
    for line in quiet_host.log_text().splitlines():  # JSON lines when stderr is no terminal
        entry = json.loads(line)
        assert entry["level"] in ("debug", "info", "warn", "error") and entry["msg"] and entry["time"]


def test_paths_begin_at_the_configuration_s_folder(tmp_path):
    for name in ("conf", "plugins/acme", "scripts", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "conf/cxd.ini").write_text("[company]\nname = Acme\n")
    (tmp_path / "plugins/acme/plugin.lua").write_text(ACME)
    env = {k: v for k, v in os.environ.items() if k != "CXD_CONF"}
    for cwd, args in ((tmp_path, []), (tmp_path / "elsewhere", ["--conf", "../conf/cxd.ini"]), (tmp_path / "conf", ["--conf", "cxd.ini"])):
        done = subprocess.run([BIN, *args, "call", "POST", "/v1/events", json.dumps(rated(id="a", source="/a"))], cwd=cwd, capture_output=True, text=True, env=env)
        assert json.loads(done.stdout)["seq"] == 1, done.stderr
    assert (tmp_path / "data/cxd.db").exists() and not list((tmp_path / "elsewhere").iterdir())


def test_no_permission_for_the_socket_is_said(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can act as somebody else")
    with Host(tmp_path, plugins={"acme": ACME}) as host, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # the checkout may lie where only root may look
        copy = shutil.copy2(BIN, folder)
        done = subprocess.run([copy, "--conf", "/dev/stdin", "kpi"], input=f"[server]\nsocket = {host.socket}\n", text=True, capture_output=True, user=65534)
        assert done.returncode == 1 and done.stderr
