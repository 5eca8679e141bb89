"""The front by itself: sockets, how it ends, what a slow or odd client gets from it."""
import json
import os
import signal
import socket
import threading
import time

from host import ACME, NDJSON, Host, cpu_seconds, rated, until_busy


def raw(host):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(20)
    s.connect(host.socket)
    return s


def read_all(s):
    got = b""
    while part := s.recv(65536):
        got += part
    return got


def test_a_body_of_very_many_small_chunks(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host, raw(host) as s:
        body = json.dumps(rated(id="chunked", data={"comment": "x" * 4000})).encode() + b" " * 20000
        s.sendall(b"POST /v1/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n")
        assert read_all(s).startswith(b"HTTP/1.1 201 ")


def test_a_slow_reader_gets_its_whole_answer_while_the_daemon_stops(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        lines = "\n".join(json.dumps(rated(id=f"e{i}", data={"comment": "y" * 3000})) for i in range(1000))
        assert host.post(lines, NDJSON)[1]["accepted"] == 1000
        with raw(host) as s:
            s.sendall(b"GET /v1/events?limit=1000 HTTP/1.1\r\nHost: a\r\n\r\n")
            head = s.recv(200)
            host.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            got = head + read_all(s)
        head, body = got.split(b"\r\n\r\n", 1)
        assert f"Content-Length: {len(body)}".encode() in head and len(json.loads(body)["events"]) == 1000
        assert host.process.wait(60) == 0


def test_a_signal_to_every_process_is_a_drain(tmp_path):
    """What systemd and Ctrl-C do: the engines leave the end to the front."""
    plugin = ACME + 'cx.on "visit.rated" (function(e, tx) local s = 0 for i = 1, 2e7 do s = s + i end end)'
    for number in (signal.SIGTERM, signal.SIGINT):
        with Host(tmp_path / number.name, plugins={"acme": plugin}, conf={"lua.handler": "9s"}) as host:
            answer, pid = [], host.pids("writer")[0]
            used = cpu_seconds(pid)
            sender = threading.Thread(target=lambda: answer.append(host.post(rated(id="late"))[0]))
            sender.start()
            until_busy(pid, used, more=0.05)
            for pid in [*host.pids("writer"), *host.pids("reader"), host.process.pid]:
                os.kill(pid, number)
            sender.join()
            assert answer == [201]
            assert host.process.wait(60) == 0
            assert "signal" not in host.log_text(), host.log_text()


def test_a_hangup_loads_the_plugins_again(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as host:
        before = host.pids("writer"), host.pids("reader")
        for pid in (host.process.pid, *host.pids("writer"), *host.pids("reader")):
            os.kill(pid, signal.SIGHUP)
        assert host.post(rated(id="after"))[0] == 201
        end = time.monotonic() + 60
        while "the plugins are loaded again" not in host.log_text():
            assert time.monotonic() < end, host.log_text()
            time.sleep(0.02)
        time.sleep(0.2)
        assert host.process.poll() is None and before == (host.pids("writer"), host.pids("reader"))
        assert host.log_text().count("the plugins are loaded again") == 1


def test_what_the_configuration_has_and_this_version_has_not_is_warned_of(tmp_path):
    conf = {"mail.url": "smtp://x", "schedule:review.cron": "0 9 * * MON", "plugin:acem.promoter": "8"}
    with Host(tmp_path, plugins={"acme": ACME, "empty": {"notes.txt": "x"}}, conf=conf) as host:
        warned = [w["msg"] for w in map(json.loads, filter(lambda x: x.startswith("{"), host.log_text().splitlines())) if w["level"] == "warn"]
        assert len(warned) == 3 and all(w.startswith(f"{host.conf}:") for w in warned), warned
        for text in ("[mail] is not available in this version: ignored", "[schedule:review] is not available in this version: ignored",
                     "did you mean [plugin:acme]?"):
            assert sum(text in w for w in warned) == 1, (text, warned)


def test_a_socket_that_is_in_use_or_something_else_is_left_alone(tmp_path):
    with Host(tmp_path / "one", plugins={"acme": ACME}) as host:
        other = Host(tmp_path / "two", plugins={"acme": ACME}, conf={"server.socket": host.socket})
        assert host.socket in other.cli("serve", code=1)[1]
        assert host.get("/healthz")[0] == 200
        plain = tmp_path / "plain"
        plain.write_text("mine")
        other = Host(tmp_path / "three", plugins={"acme": ACME}, conf={"server.socket": str(plain)})
        assert "socket" in other.cli("serve", code=1)[1] and plain.read_text() == "mine"


def test_a_port_that_is_taken_leaves_no_socket_behind(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        host = Host(tmp_path, plugins={"acme": ACME}, conf={"server.tcp": f"127.0.0.1:{port}"})
        assert f"127.0.0.1:{port}" in host.cli("serve", code=1)[1]
        assert not os.path.exists(host.socket)
        host.short.cleanup()


def test_a_page_of_the_largest_events_fits_a_frame(tmp_path):
    conf = {"limits.event": "1MiB", "limits.batch": "64MiB", "limits.queue": "256MiB", "events.unknown": "store"}
    with Host(tmp_path, plugins={"acme": ACME}, conf=conf) as host:
        big = "z" * 1000000
        for part in range(2):
            lines = "\n".join(json.dumps({"type": "big.one", "id": f"{part}-{i}", "data": {"text": big}}) for i in range(40))
            assert host.post(lines, NDJSON)[1]["accepted"] == 40
        pids, seen, after = host.pids("reader"), 0, 0
        while after is not None:
            status, page = host.get(f"/v1/events?limit=1000&after={after}")
            assert status == 200, page
            seen, after = seen + len(page["events"]), page["next"]
        assert seen == 80 and host.pids("reader") == pids
