"""Clients and checkers that exist already, as they come: a generated TypeScript client, the CloudEvents
JavaScript SDK, promtool, and the npm client of server-sent events."""
import datetime
import json
import shutil
import subprocess
import threading
import time

import npm
import pytest
from host import ACME, ROOT, Host, rated

APP = ACME + '\ncx.event "app.opened" {}\n'


@pytest.fixture(scope="module")
def cxd(tmp_path_factory):
    port = npm.free_port()
    with Host(tmp_path_factory.mktemp("cxd"), plugins={"acme": APP}, conf={"server.tcp": f"127.0.0.1:{port}"}) as host:
        host.url = f"http://127.0.0.1:{port}"
        yield host


def test_a_generated_typescript_client(cxd, tmp_path):
    npm.needed("openapi-typescript", "openapi-fetch", "typescript")
    for name in ("client.ts", "wrong.ts", "node.d.ts", "tsconfig.json", "package.json"):
        shutil.copy(npm.FOLDER / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(npm.MODULES)
    (tmp_path / "openapi.json").write_text(json.dumps(cxd.get("/v1/openapi.json")[1]))
    npm.run(npm.tool("openapi-typescript"), "openapi.json", "-o", "schema.d.ts", cwd=tmp_path)
    npm.run(npm.tool("tsc"), "-p", ".", cwd=tmp_path)
    out = json.loads(npm.run("node", "out/client.js", cxd.url, npm.token(cxd, "ts"), cwd=tmp_path))
    assert out["statuses"] == [201, 201, 201, 200]
    assert (out["accepted"], out["duplicates"], out["receipts"]) == (58, 2, 60)
    assert (out["refused"], out["field"]) == ("invalid_field", "data.score")
    assert out["unknown"] == "not_found"
    query = "from=2026-04-01&to=2026-07-01&compare=previous&where=channel:loja"
    kpi = cxd.kpi("visit-nps", query)
    assert (out["value"], out["before"], out["answers"]) == (kpi["value"], kpi["previous"]["value"], 30)
    assert out["verdict"] is None and out["groups"] == [["b01", 20, 10], ["b02", 10, 20]]
    stored = cxd.get("/v1/events?type=visit.rated&limit=1000")[1]["events"]
    assert out["seqs"] == [e["seq"] for e in stored] and len(stored) == 60
    assert out["source"].startswith("formula = function(m)") and (out["explained"], out["more"]) == (3, True)


def instant(text):
    return datetime.datetime.fromisoformat(text)


def same(sent, got):
    """Whatever was sent came back; only what describes the body is not kept."""
    for name, value in sent.items():
        if name == "time":
            assert instant(got["time"]) == instant(value), (sent, got)
        elif name not in ("datacontenttype", "dataschema"):
            assert got.get(name) == value, (name, sent, got)
    own = {"seq", "recordedtime", "datacontenttype", "derived"}
    assert got.keys() - sent.keys() <= own, got


def test_the_cloudevents_sdk_in_all_its_modes(tmp_path):
    npm.needed("cloudevents")
    tcp = f"127.0.0.1:{npm.free_port()}"
    with Host(tmp_path, plugins={"acme": APP}, conf={"server.tcp": tcp}) as host:
        out = json.loads(npm.run("node", npm.FOLDER / "sdk.js", f"http://{tcp}", host.socket, npm.token(host, "sdk", "admin")))
    for where in ("socket", "tcp"):
        for mode in ("structured", "structured dressed", "structured plain", "structured correction", "binary",
                     "binary dressed", "binary plain", "binary accent"):
            assert out["statuses"].pop(f"{where} {mode}") == [201, 200], (where, mode)
        assert out["statuses"].pop(f"{where} crossed") == [200, 200, 200], "the mode does not count"
        assert out["statuses"].pop(f"{where} batch") == [[3, 0, 0], [0, 3, 0]]
    assert out["statuses"] == {"encoded": 201}
    assert out["receipt"]["id"] == "own" and out["receipt"]["seq"] > 0
    # Refused with a reason: an attribute that nobody would read, bytes, no data where data must be.
    assert out["refused"] == {"extension": [422, "unknown_field", "tenant"], "bytes": [422, "invalid_field", "data_base64"],
                              "no data": [422, "missing_field", "data.score"]}
    got = {(e["source"], e["id"]): e for e in out["listed"]}
    assert out["listed"] == out["streamed"] and len(got) == len(out["listed"]) == 24
    assert got["/loja/b07/pdv/3", "encoded"]["subject"] == "São 100% João ☃"
    for sent in out["sent"].values():
        same(sent, got[sent["source"], sent["id"]])


def promtool():
    own = ROOT / "build" / "promtool"
    return own if own.exists() else shutil.which("promtool")


def test_metrics_are_clean_under_promtool(cxd):
    tool = promtool()
    if not tool:
        pytest.skip("no promtool: `make clients` takes it out of Debian's package prometheus")
    cxd.post(rated(9, id="m1", source="/m"))
    cxd.post(rated(99, id="m2", source="/m"))
    for path in ("/v1/kpis", "/v1/nothing", "/healthz", "/v1/me"):
        cxd.get(path)
    status, text, headers = cxd.request("GET", "/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run([tool, "check", "metrics"], input=text, text=True, capture_output=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_sse_client_resumes_when_the_front_dies(tmp_path):
    npm.needed("eventsource")
    port = npm.free_port()
    with Host(tmp_path, plugins={"acme": APP}, conf={"server.tcp": f"127.0.0.1:{port}"}) as host:
        client = subprocess.Popen(["node", str(npm.FOLDER / "sse.js"), f"http://127.0.0.1:{port}", npm.token(host, "sse"), "120"],
                                  stdout=subprocess.PIPE, text=True)
        seen = []
        follow = threading.Thread(target=lambda: seen.extend(line.split() for line in client.stdout), daemon=True)
        follow.start()
        try:
            for i in range(120):
                if i in (40, 80):
                    wait_for(lambda n=i: len(seen) > n - 20 or client.poll() is not None)
                    host.kill()
                    host.start()
                assert host.post(rated(i % 11, id=f"s{i}", source="/sse"))[0] == 201
            assert client.wait(120) == 0, seen[-3:]
        finally:
            client.kill()
            client.wait()
        follow.join(60)
    events = [line for line in seen if line != ["open"]]
    assert events == [[str(i + 1), f"s{i}"] for i in range(120)]
    assert seen.count(["open"]) == 3


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)
