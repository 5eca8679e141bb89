"""Who may call: levels by uid and by token, units and people of tokens, TCP, other sites."""
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time

import pytest
from host import ACME, NDJSON, ROOT, STRUCTURED, Host, rated

LEVELS = ["none", "frontline", "manager", "integrator", "admin"]
ROUTES = re.findall(r'^X\((\w+),\s+"(\w+)",\s+"([^"]+)",\s+(\w+),\s+(\w+),',
                    (ROOT / "core/base/routes.def").read_text(), re.M)
TWO_UNITS = ACME + """
cx.kpi "acme-open" { format = "number", measures = { n = cx.count("visit.rated") }, formula = function(m) return m.n end }
"""


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Tcp:
    """The same host over TCP: nothing says who calls but the token."""

    def __init__(self, port):
        self.port = port

    def request(self, method, path, body=None, headers=None, host=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        c.putrequest(method, path, skip_host=True)
        if host != "":
            c.putheader("Host", host or f"127.0.0.1:{self.port}")
        for name, value in (headers or {}).items():
            c.putheader(name, value)
        body = body.encode() if body else b""
        if body:
            c.putheader("Content-Length", str(len(body)))
        c.endheaders(body)
        answer = c.getresponse()
        raw = answer.read()
        c.close()
        return answer.status, json.loads(raw) if "json" in answer.headers["Content-Type"] else raw, answer.headers


@pytest.fixture(scope="module")
def cxd(tmp_path_factory):
    port = free_port()
    with Host(tmp_path_factory.mktemp("access"), plugins={"acme": TWO_UNITS},
              conf={"server.tcp": f"127.0.0.1:{port}", "server.hosts": "painel.acme.example"}) as host:
        host.tcp = Tcp(port)
        host.tokens = {level: host.cli("token", "add", f"t-{level}", "--level", level)[0].strip()
                       for level in LEVELS[1:]}
        yield host


def token(cxd, name, *args):
    return bearer(cxd.cli("token", "add", name, *args)[0].strip())


# ---- levels -----------------------------------------------------------------------------------
def test_the_table_was_read():
    assert len(ROUTES) == (ROOT / "core/base/routes.def").read_text().count("\nX(")
    assert {r[3].lower() for r in ROUTES} <= set(LEVELS)


@pytest.mark.parametrize("symbol, method, path, least, who", ROUTES, ids=[r[0] for r in ROUTES])
def test_every_route_asks_for_its_level(cxd, symbol, method, path, least, who):
    missing = "{" in path and not path.startswith("/v1/kpis/")  # nothing of that name is there
    path = re.sub(r"{\w+}", "nobody", path.replace("/kpis/{id}", "/kpis/visit-nps"))
    for level, text in cxd.tokens.items():
        kind = {"Content-Type": NDJSON} if method == "POST" else {}
        status, reply, head = cxd.request(method, path, "" if method == "POST" else None, {**bearer(text), **kind})
        if LEVELS.index(level) < LEVELS.index(least.lower()):
            assert (status, reply["code"]) == (403, "forbidden"), (level, reply)
        else:
            assert status not in {401, 403, 405, 500, 501} | (set() if missing else {404}), (level, reply)
    status, reply, head = cxd.tcp.request(method, path)
    if least == "NONE":
        assert status == 200
    else:
        assert (status, reply["code"]) == (401, "unauthenticated")
        assert head["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("method, path, names", re.findall(
    r'^X\(\w+,\s+"(\w+)",\s+"([^"]+)",\s+\w+,\s+\w+,\s+\w+,\s+"([^"]*)"', (ROOT / "core/base/routes.def").read_text(), re.M))
def test_no_route_takes_a_parameter_it_does_not_know(cxd, method, path, names):
    path = re.sub(r"{\w+}", "nobody", path.replace("{sha256}", "0" * 64))
    if "*" in names:
        assert path == "/v1/records/nobody"  # its fields: test_records
        return
    body = "" if method == "POST" else None
    for query in ("x_y=1", "x_y", "=", "%zz=1", "&&x_y=1&"):
        status, reply, _ = cxd.request(method, f"{path}?{query}", body, {"Content-Type": NDJSON} if method == "POST" else {})
        assert (status, reply["code"], reply["field"]) == (400, "bad_query", "x_y" if "x_y" in query else "?"), reply
        assert all(n in reply["detail"] for n in names.split()), reply
    status, reply, _ = cxd.request(method, f"{path}?&&", body, {"Content-Type": NDJSON} if method == "POST" else {})
    assert status != 400 or reply.get("field") != "", reply


def test_own_uid_is_admin(cxd):
    me = cxd.get("/v1/me")[1]
    assert me == {"name": f"uid/{os.getuid()}", "person": None, "level": "admin", "unit": None,
                  "locale": "pt-BR", "uid": os.getuid()}


AS_OTHER = """
import http.client, json, os, socket, sys
path, uid, gid, groups = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
os.setgroups(groups); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
class C(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX); self.sock.connect(path)
c = C("x"); c.request(*json.loads(sys.argv[5])); a = c.getresponse()
print(json.dumps([a.status, json.loads(a.read())]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can call as somebody else")
def test_levels_by_uid_and_gid(tmp_path):
    conf = {"server.socket_mode": "0666", "access.uid.41001": "frontline b07", "access.gid.41050": "manager",
            "access.gid.41060": "integrator", "access.uid.41002": "frontline"}
    with Host(tmp_path, plugins={"acme": ACME}, conf=conf) as host:
        os.chmod(host.short.name, 0o711)

        def call(uid, gid, groups, *request):
            done = subprocess.run([sys.executable, "-c", AS_OTHER, host.socket, str(uid), str(gid),
                                   json.dumps(groups), json.dumps(request)], capture_output=True, text=True, check=True)
            return json.loads(done.stdout)

        def me(*who):
            status, reply = call(*who, "GET", "/v1/me")
            return (reply["level"], reply["unit"]) if status == 200 else status
        assert me(41001, 41001, []) == ("frontline", "b07")
        assert me(41003, 41050, []) == ("manager", None)
        assert me(41003, 41003, [41050]) == ("manager", None)
        assert me(41003, 41050, [41060]) == ("integrator", None)  # of several groups the highest counts
        assert me(41002, 41050, []) == ("frontline", None)        # a row for the person goes before groups
        assert me(41003, 41003, []) == 401                        # others are refused
        event = json.dumps(rated(id="by-uid"))
        post = ("POST", "/v1/events", event, {"Content-Type": "application/json"})
        status, reply = call(41001, 41001, [], *post)
        assert status == 201 and reply["source"] == "/uid/41001"
        assert host.get("/v1/events")[1]["events"][0]["unit"] == "b07"
        assert call(41003, 41003, [], "GET", "/healthz")[0] == 200


# ---- tokens -----------------------------------------------------------------------------------
def test_token_list_never_shows_the_secret(cxd):
    reply = cxd.request("POST", "/v1/tokens", {"name": "shown", "level": "frontline", "unit": "b07", "expires": "90d"})
    assert reply[0] == 201 and re.fullmatch(r"cxd_[\w-]{43,}", reply[1]["token"])
    secret = reply[1]["token"]
    status, listed = cxd.get("/v1/tokens")
    row = next(t for t in listed["tokens"] if t["name"] == "shown")
    assert row["level"] == "frontline" and row["unit"] == "b07" and row["person"] is None and row["expires"]
    assert listed["next"] is None and secret not in json.dumps(listed)
    assert "shown" in cxd.cli("token", "list")[0] and secret not in cxd.cli("token", "list", "--json")[0]
    files = [p for p in cxd.data.rglob("*") if p.is_file()]
    assert files and not [p for p in files if secret.encode() in p.read_bytes()], "the secret is on disk"
    assert secret not in cxd.log_text()


def test_a_name_is_given_once(cxd):
    body = {"name": "twice", "level": "manager"}
    assert cxd.request("POST", "/v1/tokens", body)[0] == 201
    status, reply, _ = cxd.request("POST", "/v1/tokens", body)
    assert (status, reply["code"], reply["field"]) == (409, "conflict", "name")
    assert "twice" in cxd.cli("token", "add", "twice", "--level", "manager", code=1)[1]


@pytest.mark.parametrize("body, field", [
    ({"level": "manager"}, "name"), ({"name": "x"}, "level"), ({"name": "x", "level": "boss"}, "level"),
    ({"name": "a b", "level": "manager"}, "name"), ({"name": "x", "level": "manager", "expires": "soon"}, "expires"),
    ({"name": "x", "level": "manager", "expires": "0d"}, "expires"), ({"name": "x", "level": "manager", "expires": "0ms"}, "expires"),
    ({"name": "x", "level": "manager", "unit": 7}, "unit"), ({"name": "x" * 64, "level": "manager"}, "name"),
    ({"name": "x", "level": "manager", "units": "b07"}, "units"),
])
def test_mistakes_in_a_token_name_the_field(cxd, body, field):
    status, reply, _ = cxd.request("POST", "/v1/tokens", body)
    assert status == 422 and reply["field"] == field, reply


def test_revoking_counts_from_the_next_request_on_open_connections(cxd):
    for level in ("frontline", "manager"):
        head = token(cxd, "short-" + level, "--level", level)
        c = cxd.connection()
        assert cxd.request("GET", "/v1/me", None, head, c)[0] == 200
        assert cxd.request("DELETE", f"/v1/tokens/short-{level}")[0] == 200
        status, reply, _ = cxd.request("GET", "/v1/me", None, head, c)
        assert (status, reply["code"]) == (401, "unauthenticated")
        c.close()
    assert cxd.request("DELETE", "/v1/tokens/short-manager")[1]["code"] == "not_found"


def test_an_expired_token_is_refused(cxd):
    head = token(cxd, "brief", "--level", "manager", "--expires", "600ms")
    end = time.monotonic() + 60
    seen = set()
    while 401 not in seen and time.monotonic() < end:
        seen.add(cxd.request("GET", "/v1/me", None, head)[0])
        time.sleep(0.05)
    assert 401 in seen and seen <= {200, 401}


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer cxd_wrong", "Basic Zm9vOmJhcg==", "cxd_x", "Bearer a b", "Bearer " + "x" * 5000])
def test_what_is_no_token_is_401_even_for_admin_uids(cxd, value):
    status, reply, head = cxd.request("GET", "/v1/me", None, {"Authorization": value})
    assert (status, reply["code"]) == (401, "unauthenticated") and "WWW-Authenticate" in head


def test_source_of_a_tokens_event(cxd):
    head = token(cxd, "till-9", "--level", "frontline")
    status, reply = cxd.post(rated(id="by-token"), headers=head)
    assert status == 201 and reply["source"] == "/token/till-9"


# ---- units ------------------------------------------------------------------------------------
def test_a_tokens_unit_is_filled_in_and_another_is_403(cxd):
    head = token(cxd, "b07", "--level", "manager", "--unit", "b07")
    for unit, expected in ((None, 201), ("b07", 201), ("b08", 403)):
        event = rated(id=f"unit-{unit}", source="/u", subject="u-test")
        if unit:
            event["unit"] = unit
        status, reply = cxd.post(event, headers=head)
        assert status == expected, reply
    assert (reply["code"], reply["field"]) == ("wrong_unit", "unit")
    mine = cxd.get("/v1/events?subject=u-test")[1]["events"]
    assert [(e["id"], e["unit"]) for e in mine] == [("unit-None", "b07"), ("unit-b07", "b07")]
    binary = {"ce-specversion": "1.0", "ce-id": "bin", "ce-source": "/u", "ce-type": "visit.rated", "ce-unit": "b08"}
    assert cxd.post({"score": 9}, headers={**head, **binary})[1]["code"] == "wrong_unit"
    lines = "\n".join(json.dumps(rated(id=f"n{i}", source="/u2", unit=u)) for i, u in enumerate(["b07", "b08"]))
    reply = cxd.post(lines, NDJSON, head)[1]
    assert reply["accepted"] == 1 and [(r["index"], r["code"]) for r in reply["rejected"]] == [(1, "wrong_unit")]


def test_another_units_rows_do_not_exist(cxd):
    head = token(cxd, "u1", "--level", "manager", "--unit", "u1")
    for unit, score in (("u1", 10), ("u2", 0)):
        cxd.post({"specversion": "1.0", **rated(score=score, id="r" + unit, source="/rows", subject="rows", unit=unit)}, STRUCTURED)
    def read(query=""):
        return [e["id"] for e in cxd.get(f"/v1/events?subject=rows{query}", head)[1]["events"]]
    assert read() == ["ru1"] and read("&unit=u1") == ["ru1"] and read("&unit=u2") == []
    assert len(cxd.get("/v1/events?subject=rows")[1]["events"]) == 2


def test_figures_are_the_units_own(cxd):
    head = token(cxd, "k1", "--level", "manager", "--unit", "k1")
    for i, (unit, score) in enumerate([("k1", 10), ("k1", 9), ("k2", 0)]):
        cxd.post(rated(score=score, id=f"k{i}", source="/figures", unit=unit))
    status, mine = cxd.get("/v1/kpis/visit-nps", head)
    assert status == 200 and mine["measures"]["answers"] == 2 and mine["value"] == 100
    status, grouped = cxd.get("/v1/kpis/visit-nps?by=unit", head)
    assert [g["by"]["unit"] for g in grouped["groups"]] == ["k1"]
    status, other = cxd.get("/v1/kpis/visit-nps?where=unit:k2", head)
    assert status in (400, 403, 404) or other["measures"]["answers"] == 0, other
    status, reply = cxd.get("/v1/kpis/acme-open", head)
    assert (status, reply["code"]) == (403, "forbidden")
    assert cxd.kpi("visit-nps", "where=unit:k2")["measures"]["answers"] == 1


def test_a_known_id_of_another_unit_tells_nothing(cxd):
    """A retry of another unit's event is not a way to read its receipt."""
    event = rated(id="theirs", source="/shared-source", unit="x2")
    assert cxd.post(event)[0] == 201
    head = token(cxd, "x1", "--level", "frontline", "--unit", "x1")
    status, reply = cxd.post(event, headers=head)
    assert (status, reply["code"]) == (403, "wrong_unit"), reply


def test_a_persons_token_fills_in_the_actor(cxd):
    head = token(cxd, "ana-web", "--level", "manager", "--person", "ana")
    assert cxd.get("/v1/me", head)[1]["person"] == "ana"
    for actor, expected in ((None, 201), ("ana", 201), ("bia", 403)):
        event = rated(id=f"actor-{actor}", source="/p", subject="p-test")
        if actor:
            event["actor"] = actor
        status, reply = cxd.post(event, headers=head)
        assert status == expected, reply
    assert (reply["code"], reply["field"]) == ("wrong_actor", "actor")
    assert [e["actor"] for e in cxd.get("/v1/events?subject=p-test")[1]["events"]] == ["ana", "ana"]


def test_what_was_filled_in_does_not_count_as_content(cxd):
    head = token(cxd, "fill", "--level", "frontline", "--unit", "f1", "--person", "ana")
    event = {"specversion": "1.0", **rated(id="filled", source="/fill")}
    first = cxd.post(event, STRUCTURED, head)
    assert first[0] == 201
    assert cxd.post(event, STRUCTURED, head) == (200, first[1])


def test_personal_fields_are_for_admins(cxd):
    cxd.post(rated(id="private", source="/private", subject="private", data={"comment": "moro na rua A"}))
    for level, text in cxd.tokens.items():
        if level == "frontline":
            continue
        data = cxd.get("/v1/events?subject=private", bearer(text))[1]["events"][0]["data"]
        assert ("comment" in data) == (level == "admin"), level


# ---- TCP --------------------------------------------------------------------------------------
def test_tcp_needs_a_token(cxd):
    assert cxd.tcp.request("GET", "/healthz")[0] == 200
    status, reply, head = cxd.tcp.request("GET", "/v1/me")
    assert (status, reply["code"]) == (401, "unauthenticated") and head["WWW-Authenticate"]
    me = cxd.tcp.request("GET", "/v1/me", headers=bearer(cxd.tokens["manager"]))[1]
    assert me["name"] == "t-manager" and me["uid"] is None
    event = json.dumps(rated(id="over-tcp"))
    head = {**bearer(cxd.tokens["frontline"]), "Content-Type": "application/json"}
    assert cxd.tcp.request("POST", "/v1/events", event, head)[0] == 201


def test_hosts(cxd):
    port = cxd.tcp.port
    for host in (f"localhost:{port}", f"LOCALHOST:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "painel.acme.example",
                 f"painel.acme.example:{port}"):
        assert cxd.tcp.request("GET", "/healthz", host=host)[0] == 200, host
    for host in ("localhost", "127.0.0.1", f"localhost:{port + 1}", f"evil.example:{port}", "evil.example",
                 f"127.0.0.1.evil.example:{port}", f"painel.acme.example.evil:{port}"):
        status, reply, _ = cxd.tcp.request("GET", "/v1/me", host=host)
        assert (status, reply["code"]) == (421, "misdirected"), host  # before authentication
        assert cxd.tcp.request("GET", "/healthz", host=host)[0] == 421
    assert cxd.get("/healthz", {"Host": "evil.example"})[0] == 200  # not checked on the Unix socket


@pytest.mark.parametrize("head", [{"Origin": "https://evil.example"}, {"Origin": "null"},
                                  {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://127.0.0.1:1"}])
def test_other_sites_are_refused(cxd, head):
    for caller in (cxd.tcp, cxd):
        status, reply, got = caller.request("GET", "/v1/me", None, {**head, **bearer(cxd.tokens["admin"])})
        assert (status, reply["code"]) == (403, "cross_origin")
        assert not [k for k in got if k.lower().startswith("access-control-")]
        status, reply, got = caller.request("OPTIONS", "/v1/events", None, {**head, "Access-Control-Request-Method": "POST"})
        assert status in (403, 405) and not [k for k in got if k.lower().startswith("access-control-")]


def test_the_same_site_is_fine_and_gets_no_cors_header(cxd):
    mine = {"Origin": f"http://127.0.0.1:{cxd.tcp.port}", "Sec-Fetch-Site": "same-origin", **bearer(cxd.tokens["manager"])}
    status, _, head = cxd.tcp.request("GET", "/v1/kpis", headers=mine)
    assert status == 200 and not [k for k in head if k.lower().startswith("access-control-")]


# ---- language ---------------------------------------------------------------------------------
@pytest.mark.parametrize("wanted, title", [
    (None, "Não encontrado"), ("pt-BR", "Não encontrado"), ("pt", "Não encontrado"), ("en", "Not found"), ("en-GB, pt;q=0.5", "Not found"),
    ("en;q=0.3, pt-BR;q=0.9", "Não encontrado"), ("de", "Não encontrado"), ("de, en;q=0.1", "Not found"), ("*", "Não encontrado"),
    ("en;q=0", "Não encontrado"),
])
def test_language_of_problems(cxd, wanted, title):
    status, reply = cxd.get("/v1/nothing", {"Accept-Language": wanted} if wanted else {})
    assert (status, reply["title"], reply["code"]) == (404, title, "not_found")


def test_language_of_what_the_http_layer_says(cxd):
    for wanted in ("pt", "en"):
        me = cxd.get("/v1/me", {"Accept-Language": wanted})[1]
        assert me["locale"] == ("pt-BR" if wanted == "pt" else "en")
        title = cxd.request("GET", "/v1/me", None, {"Authorization": "Bearer x", "Accept-Language": wanted})[1]["title"]
        assert title == ("Falta identificar quem chama" if wanted == "pt" else "Authentication needed")
