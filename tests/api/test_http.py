"""The HTTP layer: limits, deadlines, full queues, silent engines, clients that misbehave, health and metrics."""
import contextlib
import json
import os
import re
import signal
import socket
import threading
import time

import pytest
from host import ACME, BATCH, JSON, NDJSON, STRUCTURED, Host, rated


class Raw:
    """A connection that sends bytes as they are and reads answers one by one."""

    def __init__(self, host, timeout=120, tcp=None):
        self.s = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        self.s.settimeout(timeout)
        self.s.connect(("127.0.0.1", tcp) if tcp else host.socket)
        self.left = b""

    def send(self, data):
        self.s.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def more(self):
        part = self.s.recv(65536)
        self.left += part
        return bool(part)

    def answer(self, head_only=False):
        """(status, head, body)"""
        while b"\r\n\r\n" not in self.left:
            assert self.more(), ("closed", self.left)
        head, _, rest = self.left.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split()[1])
        size = 0 if head_only or status < 200 else int(fields.get("content-length", 0))
        self.left = rest
        while len(self.left) < size:
            assert self.more(), ("closed inside the body", self.left)
        body, self.left = self.left[:size], self.left[size:]
        return status, fields, json.loads(body) if body and "json" in fields["content-type"] else body.decode()

    def closed(self):
        """Waits until the host closes; whatever still comes is in .left."""
        try:
            while self.more():
                pass
        except ConnectionError:
            pass
        return True

    def close(self):
        self.s.close()


def post_text(event, kind=JSON, extra=""):
    body = event if isinstance(event, str) else json.dumps(event)
    return f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n{extra}\r\n{body}"


def get_text(path, extra=""):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{extra}\r\n"


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def eventually(test, seconds=60):
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.02)


# ---- paths and methods ------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/event", "/v1/events/", "/v1/events/x", "/v1//kpis", "/V1/kpis", 
                                  "/v1/kpis/a/b", "/v1/journey", "/healthz/"])
def test_nothing_there(cxd, path):
    status, reply = cxd.get(path)
    assert (status, reply["code"]) == (404, "not_found") and path.split("?")[0] in reply["detail"]


@pytest.mark.parametrize("method, path, allow", [
    ("DELETE", "/v1/events", {"GET", "HEAD", "POST"}), ("POST", "/v1/kpis", {"GET", "HEAD"}), ("PUT", "/v1/kpis/x", {"GET", "HEAD"}),
    ("GET", "/v1/tokens/x", {"DELETE"}), ("PATCH", "/v1/tokens", {"GET", "HEAD", "POST"}), ("POST", "/healthz", {"GET", "HEAD"}),
    ("GET", "/v1/imports/x", {"POST"}), ("OPTIONS", "/v1/events", {"GET", "HEAD", "POST"}), ("HEAD", "/v1/tokens/x", {"DELETE"}),
])
def test_other_methods_are_405_with_allow(cxd, method, path, allow):
    status, reply, head = cxd.request(method, path)
    assert status == 405 and set(re.split(r", *", head["Allow"])) == allow
    assert method == "HEAD" or reply["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/me", "/v1/kpis", "/v1/kpis/visit-nps", "/v1/events", "/v1/nothing"])
def test_head_is_get_without_the_body(cxd, path):
    c = Raw(cxd)
    c.send(get_text(path))
    status, head, body = c.answer()
    c.send(get_text(path).replace("GET", "HEAD", 1) + get_text("/v1/me"))
    again, bare, _ = c.answer(head_only=True)
    assert (again, bare["content-type"]) == (status, head["content-type"]) and body
    assert path in ("/metrics", "/v1/kpis/visit-nps") or bare["content-length"] == head["content-length"]
    assert c.answer()[2]["level"] == "admin"  # nothing of a body came in between
    c.close()


def test_keep_alive_and_close(cxd):
    c = Raw(cxd)
    for _ in range(3):
        assert c.send(get_text("/healthz")).answer()[0] == 200
    status, head, _ = c.send(get_text("/healthz", "Connection: close\r\n")).answer()
    assert status == 200 and head["connection"] == "close" and c.closed() and c.left == b""
    old = Raw(cxd).send("GET /healthz HTTP/1.0\r\n\r\n")
    assert old.answer()[0] == 200 and old.closed()
    old = Raw(cxd).send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert old.answer()[0] == 200 and old.send("GET /healthz HTTP/1.0\r\n\r\n").answer()[0] == 200 and old.closed()


def test_errors_do_not_end_the_connection(cxd):
    c = Raw(cxd)
    for text, wanted in ((get_text("/nothing"), 404), (post_text("{"), 400), (post_text(rated(score=11)), 422),
                         (post_text("x", "text/plain"), 415), (get_text("/v1/events?limit=0"), 400), (get_text("/healthz"), 200)):
        assert c.send(text).answer()[0] == wanted


def test_an_event_over_its_limit_is_not_a_body_over_its_limit(cxd):
    assert cxd.post(rated(data={"comment": "x" * 70000}))[1]["code"] == "event_too_large"


# ---- order ------------------------------------------------------------------------------------
def test_pipelined_answers_come_in_order(cxd):
    """POSTs, reads and the front's own answers mixed in one write; each read sees what came before."""
    texts, wanted = [], []
    for i in range(60):
        texts.append(post_text(rated(id=f"p{i}", source="/pipe", subject="pipe")))
        wanted.append(lambda r, i=i: r["id"] == f"p{i}")
        texts.append(get_text("/v1/events?subject=pipe&limit=1000") if i % 3 else get_text("/v1/me"))
        wanted.append((lambda r, i=i: len(r["events"]) == i + 1) if i % 3 else lambda r: r["level"] == "admin")
    c = Raw(cxd)
    threading.Thread(target=c.send, args=("".join(texts),)).start()
    seqs = []
    for check in wanted:
        status, _, reply = c.answer()
        assert status in (200, 201) and check(reply), reply
        seqs += [reply["seq"]] if "seq" in reply else []
    assert seqs == sorted(seqs) and len(set(seqs)) == 60


def test_a_refused_request_in_the_middle_keeps_its_place(cxd):
    c = Raw(cxd).send(post_text(rated(id="m1", source="/middle")) + get_text("/nothing") + post_text("{") + post_text(rated(id="m2", source="/middle")))
    assert [c.answer()[0] for _ in range(4)] == [201, 404, 400, 201]


def test_what_follows_a_batch_comes_after_it(cxd):
    lines = "\n".join(json.dumps(rated(id=str(i), source="/ahead")) for i in range(4000))
    other = Raw(cxd)
    c = Raw(cxd).send(post_text(lines, NDJSON) + post_text(rated(id="behind", source="/behind")) + get_text("/v1/events?subject=none"))
    for i in range(5):  # other connections need not wait for all of it
        assert other.send(post_text(rated(id=f"beside{i}", source="/beside"))).answer()[0] == 201
    batch, single, page = c.answer()[2], c.answer()[2], c.answer()[2]
    assert batch["accepted"] == 4000 and single["seq"] > batch["last_seq"] and page["events"] == []


def test_requests_cut_anywhere(cxd):
    text = post_text(rated(id="cut", source="/cut")).encode() + get_text("/v1/me").encode()
    for size in (1, 7, 64):
        c = Raw(cxd)
        for i in range(0, len(text), size):
            c.send(text[i:i + size])
        assert c.answer()[0] in (200, 201) and c.answer()[2]["level"] == "admin"
        c.close()


# ---- bodies -----------------------------------------------------------------------------------
def chunks(text, size):
    raw = text.encode()
    parts = [raw[i:i + size] for i in range(0, len(raw), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


CHUNKED = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size", [1, 10, 100000])
def test_chunked_bodies(cxd, size):
    event = json.dumps(rated(id=f"chunked-{size}", source="/chunked"))
    c = Raw(cxd).send(CHUNKED.encode() + chunks(event, size) + get_text("/v1/me").encode())
    assert c.answer()[0] == 201 and c.answer()[0] == 200
    assert cxd.post(event)[0] == 200  # the same bytes without chunks are the same event


def test_expect_100_continue(cxd):
    event = json.dumps(rated(id="expect", source="/expect"))
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {len(event)}\r\nExpect: 100-continue\r\n\r\n"
    c = Raw(cxd).send(head)
    assert c.answer()[0] == 100
    assert c.send(event).answer()[0] == 201
    # what would be refused is refused before its body is sent
    for wrong in (head.replace("/v1/events", "/v1/nothing"), head.replace(f"Length: {len(event)}", "Length: 99999999"),
                  head.replace("Host: x", "Host: x\r\nAuthorization: Bearer x")):
        c = Raw(cxd).send(wrong)
        assert c.answer()[0] in (401, 404, 413) and c.closed()


def test_compressed_bodies_are_refused(cxd):
    status, reply = cxd.post(rated(), headers={"Content-Encoding": "gzip"})
    assert (status, reply["code"]) == (415, "unsupported_media_type")
    assert cxd.post(rated(id="identity"), headers={"Content-Encoding": "identity"})[0] == 201


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Limits that are quickly reached."""
    conf = {"limits.body": "4KiB", "limits.batch": "16KiB", "limits.batch_items": "20", "limits.event": "2KiB",
            "limits.head": "2KiB", "limits.head_within": "300ms", "limits.body_within": "300ms", "limits.idle": "500ms",
            "limits.connections": "40", "limits.queue": "64KiB"}
    with Host(tmp_path_factory.mktemp("small"), plugins={"acme": ACME}, conf=conf) as host:
        yield host


@pytest.mark.parametrize("kind, size, code", [
    (JSON, 3000, "event_too_large"), (JSON, 5000, "body_too_large"), (STRUCTURED, 5000, "body_too_large"),
    (NDJSON, 17000, "body_too_large"), (BATCH, 17000, "body_too_large"),
])
def test_413_for_bodies(small, kind, size, code):
    status, reply = small.post(" " * size if code == "body_too_large" else rated(data={"comment": "x" * size}), kind)
    assert (status, reply["code"]) == (413, code)
    if code == "body_too_large":  # the same without a length to tell in advance
        text = CHUNKED.replace(JSON, kind).encode() + b"%x\r\n" % size + b" " * size + b"\r\n0\r\n\r\n"
        c = Raw(small)
        with contextlib.suppress(ConnectionError):
            c.send(text)
        assert c.answer()[0] == 413 and c.closed()


def test_413_for_too_many_items(small):
    status, reply = small.post("{}\n" * 21, NDJSON)
    assert (status, reply["code"]) == (413, "body_too_large")
    assert small.post([{}] * 21, BATCH)[1]["code"] == "body_too_large"
    assert len(small.post([{}] * 20, BATCH)[1]["rejected"]) == 20


def test_a_batch_may_be_larger_than_a_body(small):
    lines = "\n".join(json.dumps(rated(id=f"w{i}", data={"comment": "x" * 400})) for i in range(20))
    assert len(lines) > 8192 and small.post(lines, NDJSON)[1]["accepted"] == 20


def test_an_item_over_the_limit_is_one_rejected_item(small):
    lines = [json.dumps(rated(id="fits")), json.dumps(rated(id="not", data={"comment": "x" * 2100}))]
    reply = small.post("\n".join(lines), NDJSON)[1]
    assert reply["accepted"] == 1 and [r["code"] for r in reply["rejected"]] == ["event_too_large"]


def test_414_and_431(small):
    for text, status, code in ((get_text("/v1/events?subject=" + "x" * 3000), 414, "uri_too_long"),
                               (get_text("/healthz", "X-A: " + "x" * 3000 + "\r\n"), 431, "head_too_large"),
                               (get_text("/healthz", "".join(f"A{i}: 1\r\n" for i in range(120))), 431, "head_too_large")):
        c = Raw(small).send(text)
        got, head, reply = c.answer()
        assert (got, reply["code"], head["connection"]) == (status, code, "close") and c.closed()


# ---- slow clients -----------------------------------------------------------------------------
def test_408_for_a_slow_head_and_a_slow_body(small):
    for text in ("GET /healthz HT", get_text("/healthz")[:-2], post_text(rated())[:-5], CHUNKED, CHUNKED + "5\r\nab"):
        c = Raw(small).send(text)
        status, head, reply = c.answer()
        assert (status, reply["code"], head["connection"]) == (408, "slow_request", "close") and c.closed()


def test_a_trickle_does_not_extend_the_deadline(small):
    c = Raw(small, timeout=0.05)
    text, i = post_text(rated(data={"comment": "x" * 1000})), 0
    end = time.monotonic() + 60
    while b"408" not in c.left and time.monotonic() < end:
        with contextlib.suppress(ConnectionError):
            c.send(text[i:i + 1])
        i = min(i + 1, len(text) - 2)
        with contextlib.suppress(TimeoutError):
            c.more()
    assert b"408" in c.left


def test_an_idle_connection_is_closed_without_a_word(small):
    for first in ("", get_text("/healthz")):
        c = Raw(small)
        if first:
            assert c.send(first).answer()[0] == 200
        assert c.closed() and c.left == b""


def test_slow_clients_never_stall_others(cxd):
    slow = [Raw(cxd).send(text) for text in ("GET /v1/kp", post_text(rated())[:-3], CHUNKED + "2\r\na") for _ in range(60)]
    for i in range(20):
        assert cxd.post(rated(id=f"past-slow-{i}"))[0] == 201
    assert cxd.get("/v1/kpis/visit-nps")[0] == 200
    for c in slow:
        c.close()


def test_a_reader_that_does_not_read_stalls_nobody(cxd):
    lines = "\n".join(json.dumps(rated(id=f"big{i}", source="/big", data={"comment": "x" * 2000})) for i in range(500))
    assert cxd.post(lines, NDJSON)[0] == 200
    deaf = Raw(cxd).send(get_text("/v1/events?limit=1000") * 40)
    for i in range(5):
        assert cxd.get("/v1/events?limit=1")[0] == 200 and cxd.post(rated(id=f"past-deaf-{i}"))[0] == 201
    for _ in range(40):  # all of it comes when it is read at last
        assert len(deaf.answer()[2]["events"]) >= 500


def test_clients_that_go_away(cxd):
    def connections():
        return int(re.search(r"^cxd_http_connections (\d+)$", cxd.get("/metrics")[1], re.M)[1])
    before = connections()
    for i in range(10):
        Raw(cxd).send(post_text(rated(id=f"half{i}"))[:-4]).close()
        Raw(cxd).send(post_text(rated(id=f"gone{i}", source="/gone", subject="gone"))).close()
        Raw(cxd).send(get_text("/v1/events?limit=1000") * 20).close()
    eventually(lambda: len(cxd.get("/v1/events?subject=gone")[1]["events"]) == 10)  # sent whole: stored
    eventually(lambda: connections() <= before)
    assert not [e for e in cxd.get("/v1/events?limit=1000")[1]["events"] if e["id"].startswith("half")]


def test_half_closed_clients_get_their_answers(cxd):
    c = Raw(cxd).send(post_text(rated(id="half-closed")) + get_text("/v1/me"))
    c.s.shutdown(socket.SHUT_WR)
    assert c.answer()[0] == 201 and c.answer()[0] == 200 and c.closed()


def test_connections_are_capped_and_some_kept_for_the_own_uid(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with Host(tmp_path, plugins={"acme": ACME}, conf={"limits.connections": "20", "server.tcp": f"127.0.0.1:{port}"}) as host:
        others, refused = [], None
        while not refused and len(others) < 25:
            c = Raw(host, tcp=port).send(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n")
            answer = c.answer()
            others.append(c)
            refused = answer if answer[0] != 200 else None
        status, head, reply = refused
        assert (status, reply["code"], head["connection"]) == (503, "too_many_connections", "close") and head["retry-after"]
        assert 10 <= len(others) <= 20
        mine = [Raw(host) for _ in range(3)]
        assert [c.send(get_text("/healthz")).answer()[0] for c in mine] == [200] * 3
        more = [Raw(host).send(get_text("/healthz")) for _ in range(8)]
        assert 503 in [c.answer()[0] for c in more]
        for c in others + mine + more:
            c.close()
        eventually(lambda: Raw(host, tcp=port).send(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").answer()[0] == 200)


# ---- engines that do not answer ---------------------------------------------------------------
def test_429_when_the_queue_is_full_and_nothing_is_lost(small):
    clients = []
    with stopped(small.pids("writer")[0]):
        for i in range(35):
            event = rated(id=f"q{i}", source="/queue", subject="queue", data={"comment": "x" * 1500})
            clients.append(Raw(small).send(post_text(event) * 2))
        # reads and the front's own answers go on
        assert small.get("/v1/kpis/visit-nps")[0] == 200 and small.get("/v1/me")[0] == 200
        probe = Raw(small).send(post_text(rated(id="probe", data={"comment": "x" * 1500})))
        status, head, reply = probe.answer()
        assert (status, reply["code"]) == (429, "queue_full") and int(head["retry-after"]) >= 1
        status, reply = small.get("/readyz")
        assert status == 503
    seen = [c.answer()[0] for c in clients for _ in range(2)]
    assert set(seen) <= {200, 201, 429} and 429 in seen and 201 in seen
    stored = len(small.get("/v1/events?subject=queue&limit=100")[1]["events"])
    assert stored == seen.count(201)
    assert small.post(rated(id="after-queue"))[0] == 201


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    with Host(tmp_path_factory.mktemp("hasty"), plugins={"acme": ACME}, conf={"engine.answer_within": "400ms"}) as host:
        yield host


def test_503_when_the_writer_is_silent(hasty):
    event = rated(id="silent", source="/silent")
    with stopped(hasty.pids("writer")[0]):
        status, reply, head = hasty.request("POST", "/v1/events", event, {"Content-Type": JSON})
        assert (status, reply["code"]) == (503, "engine_restarting") and int(head["Retry-After"]) >= 1
        assert hasty.get("/v1/kpis/visit-nps")[0] == 200  # the reader is another process
    hasty.wait_ready()
    assert hasty.post(event)[0] in (200, 201)  # it may have been stored: a retry tells
    assert hasty.post(event)[0] == 200
    assert len(hasty.get("/v1/events?")[1]["events"]) == 1


def test_503_when_the_reader_is_silent(hasty):
    with stopped(hasty.pids("reader")[0]):
        status, reply, head = hasty.request("GET", "/v1/kpis")
        assert (status, reply["code"]) == (503, "engine_restarting") and head["Retry-After"]
        assert hasty.post(rated(id="reader-silent"))[0] == 201
    eventually(lambda: hasty.get("/v1/kpis")[0] == 200)


def test_healthz_shape(cxd):
    eventually(lambda: cxd.get("/healthz")[1]["status"] == "ok")  # the reader starts after the writer
    status, health = cxd.get("/healthz")
    assert status == 200
    assert set(health) == {"status", "version", "front", "writer", "readers", "store", "quarantined"}
    assert re.match(r"\d+\.\d+\.\d+", health["version"])
    assert health["front"] == {"pid": cxd.process.pid}
    assert set(health["writer"]) == {"pid", "state", "restarts"} and health["writer"]["state"] == "up"
    assert [set(r) for r in health["readers"]] == [{"pid", "state"}] and health["readers"][0]["state"] == "up"
    assert health["store"] == {"writable": True} and health["quarantined"] == []
    pids = [health["front"]["pid"], health["writer"]["pid"], health["readers"][0]["pid"]]
    assert len(set(pids)) == 3 and all(os.path.exists(f"/proc/{p}") for p in pids)
    assert cxd.get("/readyz")[0] == 200


def test_readyz_and_healthz_while_the_writer_is_stopped_or_away(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        pid = host.pids("writer")[0]
        with stopped(pid):
            eventually(lambda: host.get("/readyz")[0] == 503)
            status, reply, head = host.request("GET", "/readyz")
            assert (status, reply["code"]) == (503, "engine_restarting") and head["Retry-After"]
            status, health = host.get("/healthz")
            assert status == 200 and health["status"] == "degraded" and health["writer"]["state"] in ("up", "restarting")
        eventually(lambda: host.get("/readyz")[0] == 200)
        eventually(lambda: host.get("/healthz")[1]["status"] == "ok")
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: host.get("/healthz")[1]["writer"]["restarts"] == 1)
        host.wait_ready()
        assert host.pids("writer")[0] != pid and host.post(rated(id="after"))[0] == 201


def test_what_is_said_while_stopping(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}, conf={"server.drain": "20s"}) as host:
        with stopped(host.pids("writer")[0]):
            waiting = Raw(host).send(post_text(rated(id="waits")))
            cut = {path: Raw(host).send(f"GET {path} HTTP/1.1\r\nHo") for path in ("/healthz", "/readyz", "/v1/me")}
            eventually(lambda: re.search(r"cxd_ring_jobs.role=\"write\",index=\"0\". 1\n", host.get("/metrics")[1]))
            host.process.send_signal(signal.SIGTERM)
            eventually(lambda: not os.path.exists(host.socket))
            answers = {path: c.send("st: x\r\n\r\n").answer() for path, c in cut.items()}
            assert answers["/healthz"][0] == 200 and answers["/healthz"][2]["status"] == "stopping"
            for path in ("/readyz", "/v1/me"):
                assert (answers[path][0], answers[path][2]["code"]) == (503, "stopping") and answers[path][1]["retry-after"]
        assert waiting.answer()[0] == 201  # what was taken is still answered
        assert host.process.wait(60) == 0


def test_a_plugin_left_out_is_degraded_but_ready(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME, "bad": "cx.plugin {"}) as host:
        assert host.get("/healthz")[1]["status"] == "degraded" and host.get("/readyz")[0] == 200
        states = {p["name"]: p["state"] for p in host.get("/v1/plugins")[1]["plugins"]}
        assert states == {"acme": "running", "bad": "failed"}


# ---- metrics ----------------------------------------------------------------------------------
NAME, LABEL = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf|NaN))")


def prometheus(text):
    """Strict: {(name, labels): value}; families are whole, HELP and TYPE come first, nothing twice."""
    assert text.endswith("\n")
    families, samples, current, helped = {}, {}, None, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped, help_text = line[7:].split(" ", 1)
            assert helped not in families and help_text, line
        elif line.startswith("# TYPE "):
            current, kind = line[7:].split(" ")
            assert current == helped and current not in families and kind in ("counter", "gauge", "histogram"), line
            assert kind != "counter" or current.endswith("_total"), line
            families[current] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match[1], match[2] or "", float(match[3])
            ends = ("_bucket", "_sum", "_count") if families[current] == "histogram" else ("",)
            assert name in [current + e for e in ends], line
            assert (name, labels) not in samples, line
            assert families[current] == "gauge" or value >= 0
            samples[name, labels] = value
    for family, kind in families.items():
        if kind == "histogram":
            buckets = [(float(re.search(r'le="([^"]+)"', labels)[1]), v) for (n, labels), v in samples.items() if n == family + "_bucket"]
            assert buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets)
            assert buckets[-1] == (float("inf"), samples[family + "_count", ""])
            assert samples[family + "_sum", ""] >= 0
    return samples


def test_metrics_are_prometheus_text_and_move(cxd):
    def read():
        status, text, head = cxd.request("GET", "/metrics")
        assert status == 200 and head["Content-Type"].startswith("text/plain; version=0.0.4")
        return prometheus(text)
    before = read()
    for i in range(7):
        assert cxd.post(rated(id=f"metric{i}"))[0] == 201
    cxd.post(rated(id="metric0"))
    cxd.post(rated(id="metric-bad", score=11))
    cxd.get("/nothing")
    eventually(lambda: read()["cxd_writer_events_total", ""] == before["cxd_writer_events_total", ""] + 7)
    after = read()

    def moved(name, labels=""):
        return after[name, labels] - before.get((name, labels), 0)
    assert moved("cxd_writer_duplicates_total") == 1 and moved("cxd_writer_rejected_total") == 1
    assert moved("cxd_store_last_seq") == 7 and 1 <= moved("cxd_writer_batches_total") <= 9
    route = 'method="POST",route="/v1/events",'
    assert moved("cxd_http_requests_total", route + 'status="2xx"') == 8
    assert moved("cxd_http_requests_total", route + 'status="4xx"') == 1
    assert moved("cxd_http_requests_total", 'method="",route="",status="4xx"') == 1
    assert moved("cxd_http_connections_total") >= 10 and moved("cxd_http_receive_bytes_total") > 1000
    assert moved("cxd_http_send_bytes_total") > 1000 and after["cxd_engine_up", 'role="write",index="0"'] == 1
    assert moved("cxd_writer_commit_seconds_count") == moved("cxd_writer_batches_total")
