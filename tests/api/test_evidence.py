"""Files of evidence: streamed in and out, durable before they are acknowledged, nothing left of what was not."""
import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
from host import ACME, Host, rated
from test_http import Raw

MIB = 1024 * 1024
MOST = 16 * MIB


def name_of(content):
    return hashlib.sha256(content).hexdigest()


def put(cxd, content, media=None, name=None, connection=None, **headers):
    return cxd.request("PUT", f"/v1/evidence/{name or name_of(content)}", content,
                       {**({"Content-Type": media} if media else {}), **headers}, connection)


def fetch(cxd, name, method="GET", **headers):
    """(status, bytes, headers)"""
    c = cxd.connection()
    c.request(method, f"/v1/evidence/{name}", headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = c.getresponse()
    body = answer.read()
    c.close()
    return answer.status, body, answer.headers


def dropped(cxd):
    return sorted(os.listdir(cxd.data / "drop"))


def kept(cxd):
    return sorted(f for _, _, files in os.walk(cxd.data / "evidence") for f in files)


def rows(cxd):
    with contextlib.closing(sqlite3.connect(f"file:{cxd.data}/cxd.db?mode=ro", uri=True)) as db:
        return sorted(r[0] for r in db.execute("SELECT sha256 FROM evidence"))


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def memory(cxd):
    """The most that the front ever held, in bytes; None where a sanitizer holds more."""
    if "asan" in open(f"/proc/{cxd.process.pid}/maps").read():
        return None
    line = next(s for s in open(f"/proc/{cxd.process.pid}/status") if s.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


# ---- in and out -------------------------------------------------------------------------------
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, MOST])
def test_what_goes_in_comes_out(cxd, size, chunked):
    content = random.Random(size * 2 + chunked).randbytes(size)
    name = name_of(content)

    def send():
        c = cxd.connection()
        pieces = (content[i:i + 50000] for i in range(0, size, 50000))
        c.request("PUT", f"/v1/evidence/{name}", pieces if chunked else content, {"Content-Type": "image/PNG"}, encode_chunked=chunked)
        answer = c.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    known = name in rows(cxd)  # nothing is nothing, however it came
    status, reply, headers = send()
    assert (status, reply) == (200 if known else 201, {"sha256": name, "bytes": size, "media": "image/png"})
    assert headers["Location"] == f"/v1/evidence/{name}"
    file = cxd.data / "evidence" / name[:2] / name
    inode = file.stat().st_ino
    assert file.read_bytes() == content and file.stat().st_mode & 0o777 == 0o600
    assert send()[:2] == (200, reply) and file.stat().st_ino == inode
    until(lambda: not dropped(cxd))
    status, body, headers = fetch(cxd, name)
    assert status == 200 and body == content
    assert headers["ETag"] == f'"{name}"' and headers["Content-Type"] == "image/png"
    assert headers.get_all("Cache-Control") == ["private, max-age=31536000, immutable"] and headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Content-Length"] == str(size)
    status, body, head = fetch(cxd, name, "HEAD", Range="bytes=0-0")
    assert (status, body, head["Content-Length"], head["Content-Type"]) == (200, b"", str(size), "image/png")


def test_one_byte_too_many(cxd):
    before = kept(cxd)
    raw = Raw(cxd)
    raw.send(f"PUT /v1/evidence/{'0' * 64} HTTP/1.1\r\nHost: x\r\nContent-Length: {MOST + 1}\r\n\r\n")
    status, _, reply = raw.answer()  # at once
    assert (status, reply["code"]) == (413, "body_too_large") and raw.closed()
    raw = Raw(cxd)
    raw.send(f"PUT /v1/evidence/{'0' * 64} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        raw.send(b"%x\r\n" % (MOST + 1) + bytes(MOST + 1) + b"\r\n0\r\n\r\n")
    assert raw.answer()[0] == 413
    until(lambda: not dropped(cxd))
    assert kept(cxd) == before


def test_content_of_another_name(cxd):
    c = cxd.connection()
    status, reply, _ = put(cxd, b"one", name=name_of(b"another"), connection=c)
    assert (status, reply["code"], reply["field"]) == (422, "wrong_hash", "sha256")
    assert name_of(b"one") in reply["detail"] and name_of(b"another") in reply["detail"]
    assert put(cxd, b"another", connection=c)[0] == 201  # the connection goes on
    assert fetch(cxd, name_of(b"one"))[0] == 404
    until(lambda: not dropped(cxd))


def test_names(cxd):
    for name in (name_of(b"x").upper(), name_of(b"x")[:-1], name_of(b"x") + "0", "g" * 64, "..%2f" + "0" * 61, "%00" + "a" * 63):
        for method in ("PUT", "GET"):
            status, reply, _ = cxd.request(method, f"/v1/evidence/{name}", b"x" if method == "PUT" else None)
            assert status == 400 and reply.get("field") in ("sha256", None), reply
    status, reply = cxd.get("/v1/evidence/" + name_of(b"never sent"))
    assert (status, reply["code"]) == (404, "not_found")
    status, _, headers = cxd.request("POST", "/v1/evidence/" + name_of(b"x"), b"x")
    assert status == 405 and headers["Allow"] == "PUT, GET, HEAD"


def test_media_types(cxd):
    for media, kept_as, inline in (
            (None, "application/octet-stream", False), ("image/jpeg", "image/jpeg", True), ("APPLICATION/PDF", "application/pdf", True),
            ("text/html; charset=utf-8", "text/html", False), ("image/svg+xml", "image/svg+xml", False),
            ("image/png;level=1", "image/png; level=1", True), ("application/vnd.a-b+c; x=y", "application/vnd.a-b+c; x=y", False)):
        content = f"as {media}".encode()
        reply = put(cxd, content, media)[1]
        assert reply["media"] == kept_as
        headers = fetch(cxd, reply["sha256"])[2]
        assert headers["Content-Type"] == kept_as and headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Disposition"] == (None if inline else "attachment")
        assert put(cxd, content, "text/plain")[1] == reply  # the first stays
    for media in ("png", "image/", "/png", "image/p ng", "image/é", "a/" + "b" * 130):
        status, reply, _ = cxd.request("PUT", f"/v1/evidence/{name_of(b'm')}", b"m", {"Content-Type": media.encode()})
        assert (status, reply["field"]) == (400, "content-type"), media
    assert put(cxd, b"m", "image/png", **{"Content-Encoding": "gzip"})[0] == 415


@pytest.mark.parametrize("asked, status, first, last", [
    ("bytes=0-0", 206, 0, 0), ("bytes=0-99", 206, 0, 99), ("BYTES=65530-65540", 206, 65530, 65540), ("bytes=100-", 206, 100, 99999),
    ("bytes=-1", 206, 99999, 99999), ("bytes=-100000", 206, 0, 99999), ("bytes=-1000000", 206, 0, 99999), ("bytes=99999-", 206, 99999, 99999),
    ("bytes=5-1000000", 206, 5, 99999), ("bytes=0-99999999999999999999", 206, 0, 99999),
    ("bytes=100000-", 416, 0, 0), ("bytes=-0", 416, 0, 0), ("bytes=99999999999999999999-", 416, 0, 0),
    ("bytes=5-4", 200, 0, 99999), ("bytes=0-1,3-4", 200, 0, 99999), ("bytes=", 200, 0, 99999), ("bytes=-", 200, 0, 99999),
    ("bytes=a-b", 200, 0, 99999), ("lines=0-1", 200, 0, 99999), ("bytes=1", 200, 0, 99999), ("bytes=1-2x", 200, 0, 99999)])
def test_ranges(cxd, asked, status, first, last):
    content = random.Random(1).randbytes(100000)
    name = put(cxd, content)[1]["sha256"]
    got, body, headers = fetch(cxd, name, Range=asked)
    assert got == status
    if status == 416:
        assert headers["Content-Range"] == "bytes */100000" and json.loads(body)["code"] == "range_not_satisfiable"
        return
    assert body == content[first:last + 1]
    assert headers["Content-Range"] == (f"bytes {first}-{last}/100000" if status == 206 else None)
    etag = f'"{name}"'
    for condition in (etag, f'"x", W/{etag}', "*"):
        got, body, headers = fetch(cxd, name, Range=asked, If_None_Match=condition)
        assert (got, body, headers["ETag"]) == (304, b"", etag)
    assert fetch(cxd, name, Range=asked, If_None_Match='"x"')[0] == status
    assert fetch(cxd, name, Range=asked, If_Range=etag)[0] == status
    assert fetch(cxd, name, Range=asked, If_Range='"x"')[0] == 200


def test_a_range_of_nothing(cxd):
    name = put(cxd, b"")[1]["sha256"]
    assert fetch(cxd, name, Range="bytes=0-")[0] == 416
    assert fetch(cxd, name, Range="bytes=-5")[0] == 200


def test_who_may(cxd):
    tokens = {n: cxd.cli("token", "add", n, "--level", "frontline", *more)[0].strip().splitlines()[-1]
              for n, more in (("b07", ("--unit", "b07", "--person", "ana")), ("b08", ("--unit", "b08")))}
    b07, b08 = ({"Authorization": f"Bearer {tokens[n]}"} for n in ("b07", "b08"))
    assert put(cxd, b"of b07", **b07)[0] == 201
    assert fetch(cxd, name_of(b"of b07"), **b08)[1] == b"of b07"  # who knows the name
    assert put(cxd, b"of b07", Authorization="Bearer no")[0] == 401
    assert fetch(cxd, name_of(b"of b07"), Authorization="Bearer no")[0] == 401
    with contextlib.closing(sqlite3.connect(f"file:{cxd.data}/cxd.db?mode=ro", uri=True)) as db:
        assert db.execute("SELECT actor, bytes FROM evidence WHERE sha256 = ?", [name_of(b"of b07")]).fetchone() == ("ana", 6)


def test_answers_keep_the_order_of_the_requests(cxd):
    big, small = random.Random(2).randbytes(3 * MIB), b"small"
    raw = Raw(cxd)
    parts = []
    for content in (big, small, big):
        parts.append(b"PUT /v1/evidence/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (name_of(content).encode(), len(content)) + content)
        parts.append(b"GET /v1/evidence/%s HTTP/1.1\r\nHost: x\r\n\r\n" % name_of(content).encode())
        parts.append(b"GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")
    sender = threading.Thread(target=raw.send, args=[b"".join(parts)])
    sender.start()
    seen = []
    for i in range(9):
        while b"\r\n\r\n" not in raw.left:
            assert raw.more()
        head, _, raw.left = raw.left.partition(b"\r\n\r\n")
        size = int(next(s for s in head.split(b"\r\n") if s.lower().startswith(b"content-length")).split()[1])
        while len(raw.left) < size:
            assert raw.more()
        seen.append((int(head.split()[1]), raw.left[:size]))
        raw.left = raw.left[size:]
    sender.join()
    assert [s for s, _ in seen] == [201, 200, 200, 201, 200, 200, 200, 200, 200]
    assert [b for _, b in seen[1::3]] == [big, small, big]


def test_expect_continue(cxd):
    raw = Raw(cxd)
    raw.send(f"PUT /v1/evidence/{name_of(b'waited')} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n")
    assert raw.answer()[0] == 100
    assert raw.send(b"waited").answer()[0] == 201


def test_two_clients_at_once(cxd):
    for i in range(10):
        content = random.Random(f"both {i}").randbytes(300000)
        answers = []
        both = [threading.Thread(target=lambda c=content: answers.append(put(cxd, c)[0])) for _ in range(3)]
        for t in both:
            t.start()
        for t in both:
            t.join()
        assert sorted(answers) == [200, 200, 201]
        assert fetch(cxd, name_of(content))[1] == content
    until(lambda: not dropped(cxd))


# ---- slow ones, broken ones -------------------------------------------------------------------
def half_sent(cxd, size, sent):
    content = random.Random(size).randbytes(size)
    return Raw(cxd).send(b"PUT /v1/evidence/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (name_of(content).encode(), size)
                         + content[:sent])


def test_what_breaks_off_leaves_nothing(cxd):
    before = kept(cxd)
    for sent in (0, 1, 70000, 999999):
        raw = half_sent(cxd, 1000000, sent)
        until(lambda n=sent: n == 0 or dropped(cxd))
        raw.close()
        until(lambda: not dropped(cxd))
        raw = half_sent(cxd, 1000000, sent)
        raw.s.shutdown(socket.SHUT_WR)
        assert raw.closed() and not raw.left
        until(lambda: not dropped(cxd))
    raw = Raw(cxd).send(f"PUT /v1/evidence/{'1' * 64} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nzz\r\n")
    assert raw.answer()[0] == 400
    until(lambda: not dropped(cxd))
    assert kept(cxd) == before


def test_limits_of_the_conf(tmp_path):
    with Host(tmp_path, conf={"limits.evidence": "2KiB", "limits.evidence_within": "400ms", "limits.body_within": "100ms"}) as cxd:
        assert put(cxd, bytes(2048))[0] == 201 and put(cxd, bytes(2049))[0] == 413
        raw = half_sent(cxd, 2000, 1000)
        begun = time.monotonic()
        for i in range(20):  # a byte now and then does not help
            with contextlib.suppress(OSError):
                raw.send(b"x")
            time.sleep(0.03)
        status, _, reply = raw.answer()
        assert (status, reply["code"]) == (408, "slow_request") and time.monotonic() - begun >= 0.39
        until(lambda: not dropped(cxd))


def test_slow_ones_stall_nobody(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME}) as cxd:
        big = random.Random(3).randbytes(MOST)
        assert put(cxd, big)[0] == 201
        before, failed = memory(cxd), []

        def upload(i):
            content = random.Random(f"slow {i}").randbytes(400000)
            raw = Raw(cxd).send(b"PUT /v1/evidence/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n" % name_of(content).encode())
            for at in range(0, 400000, 10000):
                raw.send(content[at:at + 10000])
                time.sleep(0.03)
            if raw.answer()[0] != 201 or fetch(cxd, name_of(content))[1] != content:
                failed.append(i)

        def fast(i):
            content = random.Random(f"fast {i}").randbytes(MOST)
            if put(cxd, content)[0] != 201 or fetch(cxd, name_of(content))[1] != content:
                failed.append(i)
        lazy = [Raw(cxd).send(f"GET /v1/evidence/{name_of(big)} HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(20)]  # who does not read
        threads = [threading.Thread(target=upload, args=[i]) for i in range(20)] + [threading.Thread(target=fast, args=[i]) for i in range(4)]
        for t in threads:
            t.start()
        took = []
        while any(t.is_alive() for t in threads):
            begun = time.monotonic()
            assert cxd.post(rated())[0] == 201
            took.append(time.monotonic() - begun)
        assert not failed and len(took) > 20
        assert sorted(took)[len(took) // 2] < 0.5 and max(took) < 3, (len(took), max(took))
        if before:  # 44 bodies of up to 16 MiB
            assert memory(cxd) - before < 24 * MIB
        for raw in lazy:
            while b"\r\n\r\n" not in raw.left or len(raw.left.partition(b"\r\n\r\n")[2]) < MOST:
                assert raw.more()
            assert raw.left.partition(b"\r\n\r\n")[2] == big
        until(lambda: not dropped(cxd))


def test_stopping_in_the_middle(tmp_path):
    with Host(tmp_path, conf={"server.drain": "300ms"}) as cxd:
        big = random.Random(4).randbytes(MOST)
        assert put(cxd, big)[0] == 201
        up = [half_sent(cxd, 1000000, n) for n in (0, 10, 500000)]
        down = [Raw(cxd).send(f"GET /v1/evidence/{name_of(big)} HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
        until(lambda: len(dropped(cxd)) == 2)
        assert cxd.stop() == 0 and not dropped(cxd)
        for raw in up + down:
            assert raw.closed()


# ---- kill -9 ----------------------------------------------------------------------------------
class Sender(threading.Thread):
    """Sends files until told to stop; each that is refused or cut off again until it is acknowledged."""

    def __init__(self, cxd, name):
        super().__init__()
        self.cxd, self.random, self.stopped, self.done, self.wrong = cxd, random.Random(name), False, [], []

    def run(self):
        while not self.stopped:
            content = self.random.randbytes(self.random.choice((1, 1000, 100000, 2000000)))
            status = 0
            while not self.stopped and status not in (200, 201):
                try:
                    status = put(self.cxd, content)[0]
                except (OSError, AssertionError):
                    status = 0
                    time.sleep(0.01)
                if status not in (0, 200, 201, 503):
                    self.wrong.append(status)
                    return
            if status:
                self.done.append(name_of(content))


def whole(cxd, senders):
    assert not [w for s in senders for w in s.wrong]
    done = [name for s in senders for name in s.done]
    assert done, "nothing was acknowledged"
    until(lambda: not dropped(cxd) and kept(cxd) == rows(cxd))
    assert set(done) <= set(rows(cxd))
    for name in done[:200]:
        assert name_of(fetch(cxd, name)[1]) == name
    assert json.loads(cxd.cli("verify", "--json")[0])["differences"] == []


def test_killing_the_writer(tmp_path):
    with Host(tmp_path) as cxd:
        senders = [Sender(cxd, f"w{i}") for i in range(4)]
        for s in senders:
            s.start()
        rng = random.Random(5)
        for _ in range(12):
            time.sleep(rng.uniform(0.02, 0.3))
            with contextlib.suppress(ProcessLookupError, TypeError):
                os.kill(cxd.pids("writer")[0], signal.SIGKILL)
        for s in senders:
            s.stopped = True
            s.join()
        cxd.wait_ready()
        whole(cxd, senders)


def test_killing_the_front(tmp_path):
    with Host(tmp_path) as cxd:
        senders = [Sender(cxd, f"f{i}") for i in range(4)]
        for s in senders:
            s.start()
        rng = random.Random(6)
        for _ in range(8):
            time.sleep(rng.uniform(0.05, 0.5))
            cxd.kill()
            cxd.start()
        for s in senders:
            s.stopped = True
            s.join()
        cxd.stop()
        cxd.start()
        whole(cxd, senders)


def test_what_a_death_left_is_removed_at_the_next_start(tmp_path):
    with Host(tmp_path) as cxd:
        name = put(cxd, b"kept")[1]["sha256"]
        cxd.kill()
        (cxd.data / "drop" / "7").write_bytes(b"half")
        for content in (b"moved, but its row was not committed", b"this too"):
            file = cxd.data / "evidence" / name_of(content)[:2] / name_of(content)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        other = cxd.data / "evidence" / name[:2] / "README"
        other.write_text("not ours")
        cxd.start()
        until(lambda: not dropped(cxd) and kept(cxd) == sorted([name, "README"]))
        assert fetch(cxd, name)[1] == b"kept" and put(cxd, b"this too")[0] == 201


def test_the_writer_dies_when_the_file_was_moved(tmp_path):
    """The job comes again, and finds its file where an earlier run of it put it."""
    with Host(tmp_path) as cxd:
        content, answers = b"moved", []
        name = name_of(content)
        os.kill(cxd.pids("writer")[0], signal.SIGSTOP)
        sender = threading.Thread(target=lambda: answers.append(put(cxd, content)[:2]))
        sender.start()
        until(lambda: dropped(cxd) and (cxd.data / "drop" / dropped(cxd)[0]).read_bytes() == content)
        time.sleep(0.2)
        folder = cxd.data / "evidence" / name[:2]
        folder.mkdir(parents=True)
        (cxd.data / "drop" / dropped(cxd)[0]).rename(folder / name)
        os.kill(cxd.pids("writer")[0], signal.SIGKILL)
        sender.join()
        assert answers == [(201, {"sha256": name, "bytes": 5, "media": "application/octet-stream"})]
        assert fetch(cxd, name)[1] == content


# ---- disks, damage ----------------------------------------------------------------------------
@pytest.fixture
def tiny(tmp_path):
    """A host whose data is on a file system of 8 MiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("only root can mount a small file system for this")
    host = Host(tmp_path / "host", plugins={"acme": ACME})
    host.data = folder / "data"
    host.conf.write_text(host.conf.read_text().replace(str(host.folder / "data"), str(host.data)))
    try:
        with host:
            yield host
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(tiny):
    fits, over = random.Random(8).randbytes(MIB), random.Random(9).randbytes(9 * MIB)
    assert put(tiny, fits)[0] == 201
    for _ in range(3):
        raw = Raw(tiny)
        with contextlib.suppress(ConnectionError):
            raw.send(b"PUT /v1/evidence/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (name_of(over).encode(), len(over)) + over)
        status, head, reply = raw.answer()
        assert (status, reply["code"]) == (503, "disk_full") and int(head["retry-after"]) >= 1
        until(lambda: not dropped(tiny))
    assert kept(tiny) == [name_of(fits)] and fetch(tiny, name_of(fits))[1] == fits
    assert tiny.post(rated())[0] == 201 and put(tiny, b"small")[0] == 201


def test_a_disk_with_room_for_the_file_but_not_for_its_row(tiny):
    assert put(tiny, b"first")[0] == 201
    ballast = tiny.data.parent / "ballast"
    with contextlib.closing(sqlite3.connect(f"file:{tiny.data}/cxd.db?mode=ro", uri=True)) as db:
        db.execute("BEGIN")  # as long as somebody reads, the log only grows
        db.execute("SELECT count(*) FROM evidence").fetchall()
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as f:
            while True:
                f.write(bytes(4096))
        refused = 0
        for pages in range(12):
            os.truncate(ballast, ballast.stat().st_size - 4096 * (pages > 0))
            status, reply, _ = put(tiny, b"%d" % pages)
            until(lambda: not dropped(tiny))
            assert kept(tiny) == rows(tiny)
            refused += status == 503
            assert status == 201 or (status, reply["code"]) == (503, "disk_full"), reply
        assert refused >= 3  # of which the first had no room for the file
    ballast.unlink()
    for pages in range(12):
        until(lambda: put(tiny, b"%d" % pages)[0] in (200, 201))
    assert kept(tiny) == rows(tiny)


def test_verify_compares_files_with_their_names(tmp_path):
    with Host(tmp_path) as cxd:
        names = [put(cxd, f"file {i}".encode())[1]["sha256"] for i in range(4)]
        good = json.loads(cxd.cli("verify", "--json")[0])
        assert good["differences"] == [] and good["checked"]["evidence"] == 4
        files = [cxd.data / "evidence" / n[:2] / n for n in names]
        files[0].unlink()
        files[1].write_bytes(b"other!")
        files[2].write_bytes(b"short")
        found = json.loads(cxd.cli("verify", "--json", code=1)[0])["differences"]
        assert len(found) == 3 and all(any(n in d["what"] for d in found) for n in names[:3])
        status, body, _ = fetch(cxd, names[0])
        assert status == 503 and json.loads(body)["code"] == "store_failed"
        assert fetch(cxd, names[2])[0] == 503
        for i in (0, 2):  # sent again they are back
            assert put(cxd, f"file {i}".encode())[0] == 200 and fetch(cxd, names[i])[1] == f"file {i}".encode()
        assert len(json.loads(cxd.cli("verify", "--json", code=1)[0])["differences"]) == 1


def test_without_the_daemon_there_is_none(tmp_path):
    with Host(tmp_path) as cxd:
        name = put(cxd, b"text")[1]["sha256"]
        assert cxd.cli("call", "GET", f"/v1/evidence/{name}")[0] == "text\n"
        cxd.stop()
        assert "cxd serve" in cxd.cli("call", "GET", f"/v1/evidence/{name}", code=1)[1]
        cxd.start()
