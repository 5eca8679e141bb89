"""The log: JSON lines, never event data or tokens, a plugin's part of it limited and counted."""
import json
import re

from host import ACME, NDJSON, Host, rated

LOUD = ACME + """
cx.on "visit.rated" (function(e, tx)
  if e.score == 0 then error("cannot do with " .. tostring(e.comment)) end
  if e.score == 1 then for i = 1, 500 do tx:log("info", "line " .. i .. " " .. ("x"):rep(6000)) end end
  if e.score == 2 then tx:log("warn", "two\\nlines", { n = 2 }) end
end)
"""


def entries(host):
    found = [json.loads(line) for line in host.log_text().splitlines() if line.startswith("{")]
    assert all(e["time"] and e["role"] and e["pid"] and e["level"] in ("error", "warn", "info", "debug") for e in found)
    return found


def test_neither_events_nor_tokens_are_logged(tmp_path):
    with Host(tmp_path, plugins={"acme": LOUD}, conf={"log.level": "debug"}) as host:
        token = host.cli("token", "add", "till", "--level", "manager")[0].strip()
        head = {"Authorization": f"Bearer {token}"}
        status, reply = host.post(rated(score=0, id="secret-id", subject="secret-subject", data={"comment": "secret-comment"}), headers=head)
        assert status == 201 and "secret-comment" in reply["warnings"][0]["message"]  # for who sent it
        host.post(rated(score=99, id="secret-id2", subject="secret-subject"), headers=head)
        host.post("{secret-body", headers=head)
        host.get("/v1/events?subject=secret-subject", head)
        host.get("/v1/me", {"Authorization": "Bearer cxd_secret-token"})
    log = host.log_text()
    assert "secret-" not in log and token not in log
    failed = [e for e in entries(host) if "failed reaction" in e["msg"]]
    assert len(failed) == 1 and "plugins/acme/plugin.lua:" in failed[0]["msg"] and "plugin acme" in failed[0]["msg"]


def test_a_plugins_log_is_limited_and_the_rest_counted(tmp_path):
    with Host(tmp_path, plugins={"acme": LOUD}, conf={"lua.handler": "2s"}) as host:
        assert host.post(rated(score=1, id="loud"))[0] == 201
    said = [e["msg"] for e in entries(host) if e["msg"].startswith("plugin acme: line ")]
    dropped = sum(int(re.search(r"(\d+) log lines dropped", e["msg"])[1]) for e in entries(host) if "log lines dropped" in e["msg"])
    assert 100 <= len(said) < 500 and len(said) + dropped == 500
    assert all(len(m) <= 4096 for m in said)


def test_failing_reactions_do_not_flood_the_log(tmp_path):
    with Host(tmp_path, plugins={"acme": LOUD}) as host:
        lines = "\n".join(json.dumps(rated(score=0, id=f"f{i}")) for i in range(1000))
        assert host.post(lines, NDJSON)[1]["accepted"] == 1000
    said = [e for e in entries(host) if "failed reaction" in e["msg"]]
    more = sum(int(re.search(r": (\d+) more times", e["msg"])[1]) for e in entries(host) if "more times" in e["msg"])
    assert 1 <= len(said) < 50 and len(said) + more == 1000
    assert all("plugin acme: on visit.rated failed at plugins/acme/plugin.lua:" in e["msg"] for e in said)


def test_a_line_stays_a_line(tmp_path):
    with Host(tmp_path, plugins={"acme": LOUD}) as host:
        host.post(rated(score=2, id="two"))
    said = [e for e in entries(host) if "two\nlines" in e["msg"]]
    assert len(said) == 1 and said[0]["level"] == "warn" and '{"n":2}' in said[0]["msg"]


def test_levels(tmp_path):
    with Host(tmp_path, plugins={"acme": LOUD}, conf={"log.level": "error"}) as host:
        host.post(rated(score=2, id="two"))
        host.post(rated(score=0, id="fails"))
    assert [e for e in entries(host) if e["level"] != "error"] == []
