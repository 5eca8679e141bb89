"""Cases from elsewhere: raw HTTP requests and JSONTestSuite, each in its allowed class."""
import json
import select
import socket
import time

import pytest
from host import ACME, JSON, SHARED, Host

HTTP = SHARED / "oracles" / "http"
SUITE = SHARED / "oracles" / "json"


def http_cases():
    if not HTTP.is_dir():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"no cases at {HTTP}"))]
    cases = [json.loads(line) for line in (HTTP / "cases.jsonl").read_text().splitlines() if line.strip()]
    found = []
    for case in cases:
        found.append(pytest.param(case["file"], case["expect"], id=case["id"]))
        if case.get("host_variant") and case.get("host_variant_expect"):
            found.append(pytest.param(case["host_variant"], case["host_variant_expect"], id=case["id"] + "-host"))
    return found


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    with Host(tmp_path_factory.mktemp("http"), plugins={"acme": ACME}) as host:
        yield host


def outcome(path, raw, expect):
    """accept, reject or incomplete: what became of the bytes. What is not expected may still change."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(5)
    s.connect(path)
    try:
        s.sendall(raw)
    except OSError:
        pass
    answer, end = b"", time.monotonic() + 20
    try:
        while time.monotonic() < end:
            quiet = 0.1 if answer else 0.4
            if not select.select([s], [], [], quiet)[0]:
                if classify(answer) in expect:
                    break
                continue
            part = s.recv(65536)
            if not part:
                return classify(answer) if answer else "reject"
            answer += part
    except ConnectionError:
        return classify(answer) if answer else "reject"
    finally:
        s.close()
    return classify(answer)


def classify(answer):
    """Of several answers the last counts: a request after a bad one was never read."""
    statuses = [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]
    final = [s for s in statuses if s >= 200]
    if not final:
        return "incomplete"
    return "accept" if final[-1] < 300 or final[-1] in (404, 405) else "reject"


@pytest.mark.parametrize("file, expect", http_cases())
def test_http(quick, file, expect):
    allowed = {*expect, "accept"} if "incomplete" in expect else expect  # an early 404 or 405 is as good
    got = outcome(quick.socket, (HTTP / file).read_bytes(), allowed)
    assert got in allowed, (file, got, expect)


def test_http_left_the_host_alive(quick):
    assert quick.get("/healthz")[1]["status"] == "ok"
    assert quick.get("/v1/events")[1]["events"] == []


# Our one documented exception: a duplicate key is refused.
DUPLICATES = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def json_cases():
    if not SUITE.is_dir():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"no cases at {SUITE}"))]
    return [pytest.param(c["file"], c["expect"], id=c["file"]) for c in
            json.loads((SUITE / "manifest.json").read_text()) if c["expect"] != "either"]


@pytest.mark.parametrize("file, expect", json_cases())
def test_json(quick, file, expect):
    status, reply = quick.post((SUITE / "test_parsing" / file).read_bytes(), JSON)
    if expect == "reject" or file in DUPLICATES:
        assert status == 400, reply
    else:
        assert status != 400, reply
