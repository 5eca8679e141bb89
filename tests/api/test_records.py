"""Records: a company's own nouns, over HTTP, from reactions, in tests and as views."""
import os
import signal
import sqlite3
import threading
import time

import pytest
from host import JSON, Host

SHOP = """
cx.plugin { name = "shop", version = "1.0.0", api = 1 }
cx.record "coupon" { key = "code", subject = "customer", title = { ["pt-BR"] = "Cupom", en = "Coupon" },
  fields = { code = cx.text { required = true }, customer = cx.text { personal = true }, value = cx.money {},
    used = cx.boolean { default = false }, share = cx.decimal { scale = 2 }, due = cx.time {},
    n = cx.integer { min = 0, max = 10 }, kind = cx.choice { "gift", "sale" }, lasts = cx.duration {} },
  index = { "used", "value", "due" } }
cx.record "desk" { key = "number", unit = "store", read = "frontline", write = "manager",
  fields = { number = cx.integer {}, store = cx.text {}, state = cx.text {} }, index = { "state" } }
cx.record "goal" { key = "name", read = "integrator", fields = { name = cx.text {} } }
cx.event "coupon.used" { fields = { code = cx.text { required = true }, boom = cx.boolean {}, how = cx.text {} } }
cx.event "coupon.told" { fields = { version = cx.integer {} } }
cx.on "coupon.used" (function(e, tx)
  local coupons = tx:record "coupon"
  local c = coupons:get(e.code)
  if not c then
    coupons:put { code = e.code, n = 1, due = e.time, kind = "gift" }
    return
  end
  c.used, c.value, c.share, c.due = true, cx.money("12.50"), 150, e.time
  local new = coupons:put(c)
  assert(new.version == c.version + 1 and coupons:get(e.code).used == true)
  if e.how == "stale" then coupons:put { code = e.code, version = c.version } end
  if e.how == "wrong" then coupons:put { code = e.code, n = 11 } end
  if e.how == "unknown" then coupons:find { usd = true } end
  if e.how == "delete" then assert(coupons:delete(e.code) and not coupons:get(e.code) and not coupons:delete(e.code)) end
  if e.how == "kind" then tx:record "cupon" end
  tx:emit { type = "coupon.told", data = { version = new.version } }
  if e.boom then error("boom") end
end)
"""
OTHER = """
cx.plugin { name = "other", version = "1.0.0", api = 1, depends = { shop = ">= 1" } }
cx.event "other.asked" { fields = { kind = cx.text {} } }
local kept
cx.on "other.asked" (function(e, tx)
  kept = kept or tx:record "coupon"
  local found, next = tx:record(e.kind):find { used = true, limit = 2 }
  local codes = {}
  for i, c in ipairs(found) do codes[i] = c.code end
  error(table.concat(codes, " ") .. " then " .. tostring(next) .. ": " .. select(2, pcall(kept.get, kept, "a")))
end)
"""
ONE = "/v1/records/coupon/"


@pytest.fixture
def cxd(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as host:
        yield host


def token(cxd, name, level, unit=None):
    text = cxd.cli("token", "add", name, "--level", level, *(["--unit", unit] if unit else []))[0]
    return {"Authorization": "Bearer " + text.strip().splitlines()[-1]}


def send(cxd, method, path, body=None, want=200, match=None, connection=None, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    if body is not None:
        headers.setdefault("Content-Type", JSON)
    if match is not None:
        headers["If-Match"] = match if not isinstance(match, int) else f'"{match}"'
    status, reply, got = cxd.request(method, path, body, headers, connection)
    assert status == want, (method, path, status, reply)
    return reply, got


def fields(reply):
    return {k: v for k, v in reply.items() if k not in ("version", "created", "changed")}


def test_create_read_replace_patch_delete(cxd):
    made, got = send(cxd, "PUT", ONE + "A%2F1", {"customer": "ana", "n": 3, "share": "0.50", "lasts": "3d", "value": 1999},
                     want=201)
    assert (got["ETag"], got["Location"]) == ('"1"', "/v1/records/coupon/A%2F1")
    assert fields(made) == {"code": "A/1", "customer": "ana", "due": None, "kind": None, "lasts": 259200000, "n": 3,
                            "share": 0.5, "used": False, "value": {"amount": 1999, "currency": "BRL"}}
    read, got = send(cxd, "GET", ONE + "A%2F1")
    assert read == made and got["ETag"] == '"1"' and made["created"] == made["changed"]
    again, _ = send(cxd, "PUT", ONE + "A%2F1", made, match=1)  # what was read can be sent back
    assert fields(again) == fields(made) and again["version"] == 2 and again["created"] == made["created"]
    patched, got = send(cxd, "PATCH", ONE + "A%2F1", {"n": None, "value": {"amount": 5}}, match=2,
                        Content_Type="application/merge-patch+json")
    assert fields(patched) == {**fields(made), "n": None, "value": {"amount": 5, "currency": "BRL"}}
    assert got["ETag"] == '"3"'
    whole, _ = send(cxd, "PUT", ONE + "A%2F1", {"n": 1}, match=3)
    assert (whole["customer"], whole["n"], whole["value"]) == (None, 1, None)
    _, got = send(cxd, "DELETE", ONE + "A%2F1", match=4, want=204)
    assert "Content-Length" not in got and "Content-Type" not in got
    send(cxd, "GET", ONE + "A%2F1", want=404)
    send(cxd, "DELETE", ONE + "A%2F1", match=4, want=404)
    send(cxd, "PATCH", ONE + "A%2F1", {}, match=4, want=404)
    back, got = send(cxd, "PUT", ONE + "A%2F1", {}, want=201)
    assert back["version"] == 6 and got["ETag"] == '"6"' and back["created"] > made["created"]


def test_preconditions(cxd):
    path = ONE + "a"
    send(cxd, "PUT", path, {}, match=1, want=412)
    send(cxd, "PUT", path, {}, If_None_Match="*", want=201)
    reply, got = send(cxd, "PUT", path, {}, If_None_Match="*", want=412)
    assert reply["code"] == "precondition_failed" and got["ETag"] == '"1"'
    reply, _ = send(cxd, "PUT", path, {}, want=428)
    assert reply["code"] == "precondition_required" and reply["field"] == "if-match"
    send(cxd, "PATCH", path, {}, want=428)
    send(cxd, "DELETE", path, want=428)
    for wrong in ('"2"', 'W/"1"', '"11"', "1", '"1', ""):
        send(cxd, "PUT", path, {}, match=wrong, want=412)
    send(cxd, "PUT", path, {}, match='"7", "1"')
    send(cxd, "PUT", path, {}, match="*")
    for fresh in ('"3"', 'W/"3"', '"1", "3"', "*"):
        reply, got = send(cxd, "GET", path, If_None_Match=fresh, want=304)
        assert not reply and got["ETag"] == '"3"'
    send(cxd, "GET", path, If_None_Match='"2"')
    assert send(cxd, "HEAD", path)[1]["ETag"] == '"3"'


def test_of_two_writers_one_wins(cxd):
    send(cxd, "PUT", ONE + "a", {"n": 0}, want=201)
    won = []

    def write(who):
        connection = cxd.connection()
        for version in range(1, 21):
            status, *_ = cxd.request("PUT", ONE + "a", {"n": who}, {"Content-Type": JSON, "If-Match": f'"{version}"'}, connection)
            won.append((version, status))
            while status == 412 and send(cxd, "GET", ONE + "a")[0]["version"] <= version:
                pass
        connection.close()

    threads = [threading.Thread(target=write, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {s for _, s in won} <= {200, 412} and sorted(v for v, s in won if s == 200) == list(range(1, 21))


def test_a_write_is_done_once_whoever_dies(cxd):
    done, seen = threading.Event(), []

    def killer():
        for _ in range(6):
            if done.wait(0.15):
                return
            try:
                os.kill(cxd.pids("writer")[0], signal.SIGKILL)
            except (ProcessLookupError, OSError):
                pass

    t = threading.Thread(target=killer)
    t.start()
    connection, version = cxd.connection(), 0
    while t.is_alive() or version < 50:
        condition = {"If-Match": f'"{version}"'} if version else {"If-None-Match": "*"}
        status, reply, got = cxd.request("PUT", ONE + "a", {"n": version % 11}, {"Content-Type": JSON, **condition}, connection)
        if status == 503:  # said not to be done, so it may be sent again; it may not be done all the same
            assert send(cxd, "GET", ONE + "a", want=200 if version else 404)[0].get("version", 0) == version
            continue
        assert status == (200 if version else 201), (version, status, reply)
        version += 1
        seen.append(got["ETag"])
        assert reply["version"] == version
    done.set()
    t.join()
    assert seen == [f'"{i + 1}"' for i in range(version)]
    connection.close()


def test_fields_are_checked_and_named(cxd):
    reply, _ = send(cxd, "PUT", ONE + "a", {"n": 11, "usd": 1, "used": "yes", "kind": "x", "due": "2026-01-01"}, want=422)
    assert {(e["field"], e["code"]) for e in reply["errors"]} == {
        ("n", "invalid_field"), ("usd", "unknown_field"), ("used", "invalid_field"), ("kind", "invalid_field"),
        ("due", "invalid_field")}
    assert '"used"' in next(e["detail"] for e in reply["errors"] if e["field"] == "usd")
    for body, status, field in (({"code": "b"}, 422, "code"), ([], 400, None), ("{", 400, None),
                                ({"n": 1.5}, 422, "n"), ({"value": {"amount": 1}}, 422, "value"), ('{"cod\\u0000": 1}', 422, None)):
        reply, _ = send(cxd, "PUT", ONE + "a", body, want=status)
        assert reply.get("field") == field, reply
    send(cxd, "PUT", ONE + "a", {}, Content_Type="text/plain", want=415)
    send(cxd, "PUT", ONE + "k" * 257, {}, want=422)
    send(cxd, "PUT", ONE + "k" * 256, {}, want=201)
    send(cxd, "PUT", ONE + "a", {"customer": "x" * 70000}, want=413)
    send(cxd, "PUT", "/v1/records/none/a", {}, want=404)
    send(cxd, "PUT", "/v1/records/desk/x1", {}, want=422)
    assert send(cxd, "PATCH", ONE + "k" * 256, {"code": None}, match=1, want=422)[0]["code"] == "missing_field"
    made, _ = send(cxd, "PUT", "/v1/records/desk/7", {"store": "b07"}, want=201)
    assert made["number"] == 7
    assert send(cxd, "GET", "/v1/records/coupon")[0]["records"][0]["code"] == "k" * 256


def test_lists_are_filtered_and_paged(cxd):
    for i in range(25):
        send(cxd, "PUT", f"{ONE}c{i:02}", {"n": i % 5, "used": i % 2 == 0, "kind": "gift" if i % 3 else None, "share": i / 10,
                                           "value": {"amount": i % 2, "currency": "BRL"},
                                           "due": f"2026-01-0{1 + i % 2}T12:00:00Z"}, want=201)
    send(cxd, "DELETE", ONE + "c00", match=1, want=204)

    def codes(query):
        out, after = [], ""
        while after is not None:
            reply, _ = send(cxd, "GET", "/v1/records/coupon?" + query + (f"&after={after}" if after else ""))
            assert reply["records"] or not out
            out += [int(r["code"][1:]) for r in reply["records"]]
            after = reply["next"]
        return out
    every = range(1, 25)
    assert codes("limit=7") == list(every)
    assert codes("limit=24") == list(every)
    assert codes("used=true&limit=2") == [i for i in every if i % 2 == 0]
    assert codes("used=false&n=3") == [i for i in every if i % 2 and i % 5 == 3]
    assert codes("kind=&limit=3") == [i for i in every if i % 3 == 0]
    assert codes("kind=gift&used=true") == [i for i in every if i % 3 and i % 2 == 0]
    assert codes("share=1.5") == codes("share=1.50") == [15]
    assert codes("due=2026-01-02T09:00:00-03:00") == [i for i in every if i % 2]
    assert codes("value=0.01") == codes("value=1") == codes("value=BRL:1") == [i for i in every if i % 2]
    assert codes("value=USD:1") == []
    assert codes("customer=ana") == codes("code=c00") == []
    for query, field in (("usd=1", "usd"), ("used=maybe", "used"), ("limit=0", "limit"), ("used=true&used=false", "used"),
                         ("n=x", "n"), ("kind=none", "kind")):
        reply, _ = send(cxd, "GET", "/v1/records/coupon?" + query, want=400)
        assert reply["field"] == field, reply


def test_every_version_is_kept(cxd):
    send(cxd, "PUT", ONE + "a", {"n": 1}, want=201)
    till = token(cxd, "till", "manager")
    send(cxd, "PATCH", ONE + "a", {"n": 2}, match=1, **till)
    status, receipt = cxd.post({"type": "coupon.used", "data": {"code": "a"}})
    assert status == 201 and "warnings" not in receipt
    send(cxd, "DELETE", ONE + "a", match=3, want=204)
    reply, _ = send(cxd, "GET", ONE + "a/versions")
    got = [(v["version"], v["by"].split("/")[1:2] or v["by"], v["seq"], v["deleted"], v["record"] and v["record"]["n"])
           for v in reply["versions"]]
    assert got == [(1, ["uid"], None, False, 1), (2, ["token"], None, False, 2),
                   (3, "shop: on coupon.used", receipt["seq"], False, 2), (4, ["uid"], None, True, None)]
    assert reply["versions"][2]["record"]["used"] is True and reply["next"] is None
    page, _ = send(cxd, "GET", ONE + "a/versions?limit=2&after=1")
    assert [v["version"] for v in page["versions"]] == [2, 3] and page["next"] == 3
    assert all("customer" not in v["record"] for v in send(cxd, "GET", ONE + "a/versions", **till)[0]["versions"] if v["record"])
    send(cxd, "GET", ONE + "never/versions", want=404)
    assert send(cxd, "GET", ONE + "a/versions?n=1", want=400)[0]["field"] == "n"


def test_reactions_write_records_and_undo_with_them(cxd):
    def use(want=None, **data):
        status, receipt = cxd.post({"type": "coupon.used", "time": "2026-03-02T10:00:00-03:00", "data": {"code": "a", **data}})
        assert status == 201
        text = " ".join(w["message"] for w in receipt.get("warnings", []))
        assert (want is None and not text) or (want and want in text), text
        return receipt
    use()
    made, _ = send(cxd, "GET", ONE + "a")
    assert (made["version"], made["n"], made["kind"], made["used"]) == (1, 1, "gift", False)
    use()
    used, _ = send(cxd, "GET", ONE + "a")
    assert (used["version"], used["used"], used["share"], used["value"]["amount"], used["n"]) == (2, True, 1.5, 1250, 1)
    assert used["due"] == "2026-03-02T10:00:00-03:00"
    use("boom", boom=True)
    use("2", how="stale")
    use('tx:record("coupon"):put: n: ', how="wrong")
    use('"usd"', how="unknown")
    use('"coupon"', how="kind")
    assert send(cxd, "GET", ONE + "a")[0] == used
    assert len(cxd.get("/v1/events?type=coupon.told")[1]["events"]) == 1, "what failed is undone with its events"
    use(how="delete")
    send(cxd, "GET", ONE + "a", want=404)


def test_records_of_other_plugins(tmp_path):
    stranger = OTHER.replace('"other"', '"stranger"').replace("other.asked", "stranger.asked")
    stranger = stranger.replace(', depends = { shop = ">= 1" }', "").replace('kept = kept or tx:record "coupon"', "")
    with Host(tmp_path, plugins={"shop": SHOP, "other": OTHER, "stranger": stranger}) as cxd:
        for i in range(3):
            send(cxd, "PUT", f"{ONE}c{i}", {"used": True}, want=201)

        def ask(plugin):
            return cxd.post({"type": f"{plugin}.asked", "data": {"kind": "coupon"}})[1]["warnings"][0]["message"]
        ask("other")
        said = ask("other")
        assert said.startswith("c0 c1 then c1: ") and "outside its job" in said, said
        assert 'belongs to plugin "shop": add it to depends' in ask("stranger")


def test_levels_and_personal_fields(cxd):
    manager, integrator, front = token(cxd, "m", "manager"), token(cxd, "i", "integrator"), token(cxd, "f", "frontline")
    send(cxd, "PUT", ONE + "a", {"customer": "ana", "n": 1}, want=201)
    low, _ = send(cxd, "GET", ONE + "a", **manager)
    assert "customer" not in low and low["n"] == 1
    assert "customer" not in send(cxd, "GET", "/v1/records/coupon", **integrator)[0]["records"][0]
    assert send(cxd, "GET", "/v1/records/coupon?customer=ana", want=403, **manager)[0]["field"] == "customer"
    assert len(send(cxd, "GET", "/v1/records/coupon?customer=ana")[0]["records"]) == 1
    assert "customer" not in send(cxd, "PUT", ONE + "a", low, match=1, **manager)[0]
    assert send(cxd, "GET", ONE + "a")[0]["customer"] == "ana", "who cannot see it does not delete it"
    send(cxd, "PUT", ONE + "a", {"customer": None}, match=2, **manager)
    assert send(cxd, "GET", ONE + "a")[0]["customer"] is None
    said, _ = send(cxd, "PUT", ONE + "b", {"customer": 12345}, want=422, **manager)
    assert "12345" not in str(said)
    for path, want in (("/v1/records/coupon", 403), (ONE + "a", 403), (ONE + "a/versions", 403), ("/v1/records/desk", 200)):
        send(cxd, "GET", path, want=want, **front)
    send(cxd, "PUT", "/v1/records/desk/1", {}, want=403, **front)
    send(cxd, "GET", "/v1/records/goal", want=403, **manager)
    send(cxd, "PUT", "/v1/records/goal/g", {}, want=403, **manager)
    send(cxd, "PUT", "/v1/records/goal/g", {}, want=201, **integrator)
    kinds = {level: [k["kind"] for k in send(cxd, "GET", "/v1/records", **who)[0]["records"]]
             for level, who in (("f", front), ("m", manager), ("i", integrator))}
    assert kinds == {"f": ["desk"], "m": ["coupon", "desk"], "i": ["coupon", "desk", "goal"]}


def test_kinds_say_how_to_build_a_form(cxd):
    coupon = send(cxd, "GET", "/v1/records")[0]["records"][0]
    assert (coupon["kind"], coupon["key"], coupon["subject"], coupon["unit"], coupon["plugin"]) == (
        "coupon", "code", "customer", None, "shop")
    assert coupon["title"]["en"] == "Coupon" and coupon["read"] == coupon["write"] == "manager"
    f = {x["name"]: x for x in coupon["fields"]}
    assert f["kind"]["choices"] == ["gift", "sale"] and f["n"]["min"] == 0 and f["n"]["max"] == 10
    assert f["used"]["default"] is False and f["share"]["scale"] == 2 and f["value"]["currency"] == "BRL"
    assert f["customer"]["personal"] is True and f["code"]["required"] is True


def test_a_unit_sees_and_writes_its_own(cxd):
    b07, b08 = token(cxd, "b07", "manager", "b07"), token(cxd, "b08", "manager", "b08")
    desk = "/v1/records/desk"
    assert send(cxd, "PUT", desk + "/1", {"state": "open"}, want=201, **b07)[0]["store"] == "b07"
    send(cxd, "PUT", desk + "/2", {"store": "b08"}, want=201)
    send(cxd, "PUT", desk + "/3", {}, want=201)
    assert [r["number"] for r in send(cxd, "GET", desk, **b07)[0]["records"]] == [1]
    assert send(cxd, "GET", desk + "?store=b08", **b07)[0]["records"] == []
    for number in (2, 3):
        send(cxd, "GET", f"{desk}/{number}", want=404, **b07)
        send(cxd, "GET", f"{desk}/{number}/versions", want=404, **b07)
        send(cxd, "PATCH", f"{desk}/{number}", {}, match=1, want=404, **b07)
        send(cxd, "DELETE", f"{desk}/{number}", match=1, want=404, **b07)
        assert send(cxd, "PUT", f"{desk}/{number}", {}, match=1, want=403, **b07)[0]["code"] == "wrong_unit"
    for method in ("PUT", "PATCH"):
        reply, _ = send(cxd, method, desk + "/1", {"store": "b08"}, match=1, want=403, **b07)
        assert (reply["code"], reply["field"]) == ("wrong_unit", "store")
    send(cxd, "PATCH", desk + "/1", {"store": "b08"}, match=1)
    send(cxd, "GET", desk + "/1", want=404, **b07)
    assert [v["version"] for v in send(cxd, "GET", desk + "/1/versions", **b08)[0]["versions"]] == [2]
    # of a kind without units none is theirs
    send(cxd, "PUT", ONE + "a", {}, want=201)
    assert send(cxd, "GET", "/v1/records/coupon", **b07)[0]["records"] == []
    send(cxd, "GET", ONE + "a", want=404, **b07)
    send(cxd, "PUT", ONE + "b", {}, want=403, **b07)


def test_views_have_typed_columns_and_indexes_are_used(cxd):
    send(cxd, "PUT", ONE + "a", {"customer": "ana", "value": 1999, "share": 0.5, "due": "2026-03-02T10:00:00-03:00",
                                 "lasts": "1h"}, want=201)
    send(cxd, "PUT", ONE + "b", {"used": True}, want=201)
    send(cxd, "DELETE", ONE + "b", match=1, want=204)
    db = sqlite3.connect(cxd.data / "cxd.db")
    db.row_factory = sqlite3.Row
    row, = [dict(r) for r in db.execute("SELECT * FROM rec_coupon")]
    changed = row.pop("changed_ms")
    assert abs(changed - row.pop("created_ms")) == 0 and row.pop("changed") == row.pop("created")
    assert row == {"code": "a", "customer": "ana", "due": "2026-03-02T13:00:00.000Z", "kind": None, "lasts": 3600000, "n": None,
                   "share": 0.5, "used": 0, "value": 1999, "value_currency": "BRL", "version": 1}
    plan = "EXPLAIN QUERY PLAN SELECT * FROM rec_coupon WHERE "
    for where, index in (("used = 1", "rec_coupon.used"), ("due = '2026-03-02T13:00:00.000Z'", "rec_coupon.due")):
        assert index in " ".join(r["detail"] for r in db.execute(plan + where))
    db.close()


def test_a_changed_declaration_reads_old_rows(tmp_path):
    with Host(tmp_path, plugins={"shop": SHOP}) as cxd:
        send(cxd, "PUT", ONE + "a", {"n": 3, "kind": "gift", "lasts": 5, "customer": "ana"}, want=201)
        send(cxd, "PUT", "/v1/records/goal/g", {}, want=201)
        cxd.stop()
        new = SHOP.replace('n = cx.integer { min = 0, max = 10 }', 'n = cx.text {}, level = cx.integer { default = 4 }')
        new = new.replace(', lasts = cx.duration {}', "").replace('"used", "value", "due"', '"used", "level"')
        new = new[:new.index('cx.record "goal"')] + new[new.index('cx.event "coupon.used"'):]
        cxd.write_plugin("shop", new.replace("n = 1, ", ""))
        cxd.start()
        read, _ = send(cxd, "GET", ONE + "a")
        assert (read["n"], read["level"], read["kind"], "lasts" in read) == (None, 4, "gift", False)
        assert [r["code"] for r in send(cxd, "GET", "/v1/records/coupon?level=4")[0]["records"]] == ["a"]
        assert send(cxd, "GET", ONE + "a/versions")[0]["versions"][0]["record"]["level"] == 4
        db = sqlite3.connect(cxd.data / "cxd.db")
        names = {n for n, in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'rec\\_%' ESCAPE '\\'")}
        assert names == {"rec_coupon", "rec_coupon.(key)", "rec_coupon.used", "rec_coupon.level", "rec_desk", "rec_desk.(key)",
                         "rec_desk.state", "rec_desk.store"}
        assert db.execute("SELECT level FROM rec_coupon").fetchall() == [(4,)]
        db.close()
        patched, _ = send(cxd, "PATCH", ONE + "a", {"level": 5}, match=1)
        assert (patched["level"], patched["customer"]) == (5, "ana")
        send(cxd, "GET", "/v1/records/goal/g", want=404)
        cxd.stop()
        cxd.write_plugin("shop", SHOP)
        cxd.start()
        assert send(cxd, "GET", "/v1/records/goal/g")[0]["version"] == 1, "what is not declared is not lost"


def test_plugin_tests_reach_records(tmp_path):
    with Host(tmp_path, plugins={"shop": {"plugin.lua": SHOP, "tests/shop_test.lua": """
test("coupons", function(tx)
  local coupons = tx:record "coupon"
  at "2026-03-02 10:00"
  expect(coupons:get "A").is_nil()
  coupons:put { code = "A", customer = "ana", due = "2026-03-05 10:00", n = 3 }
  local c = coupons:get "A"
  expect(c.version).is(1)
  expect(c.used).is(false)
  expect(cx.day(c.due)).is "2026-03-05"
  send { type = "coupon.used", data = { code = "A" } }
  c = coupons:get "A"
  expect(c.used).is(true)
  expect(c.value.amount).is(1250)
  expect(c.share).is(150)
  expect(#coupons:find { used = true, due = c.due, share = 150, value = c.value }).is(1)
  expect(#coupons:find { used = false }).is(0)
  expect(#coupons:find { kind = cx.null }).is(1)
  expect(#coupons:find()).is(1)
  local ok, why = pcall(coupons.put, coupons, { code = "A", n = 11 })
  expect(why).has "n: "
  ok, why = pcall(coupons.put, coupons, { code = "A", version = 1 })
  expect(why).has "conflit"
  expect(coupons:delete "A").is(true)
  expect(coupons:delete "A").is(false)
end)
test("each begins empty", function(tx)
  expect(#tx:record("coupon"):find {}).is(0)
  expect(select(2, pcall(tx.record, tx, "cupon"))).has "cupon"
end)
"""}}) as cxd:
        out, _ = cxd.cli("test", tmp_path / "plugins" / "shop")
        assert "2 passed, 0 failed" in out, out


def test_records_stay_reachable_while_no_plugin_runs(cxd):
    send(cxd, "PUT", ONE + "a", {"n": 1}, want=201)
    cxd.stop()
    cxd.start("--safe")
    assert send(cxd, "GET", ONE + "a")[0]["n"] == 1
    send(cxd, "PATCH", ONE + "a", {"n": 2}, match=1)
    send(cxd, "PATCH", ONE + "a", {"n": 11}, match=2, want=422)
    status, receipt = cxd.post({"type": "coupon.used", "data": {"code": "a"}})
    assert status == 201 and receipt["pending"] == ["shop"]
    db = sqlite3.connect(cxd.data / "cxd.db")
    assert db.execute("SELECT code, n, version FROM rec_coupon WHERE used = 0").fetchall() == [("a", 2, 2)]
    db.close()
    cxd.stop()
    cxd.start()
    end = time.monotonic() + 60
    while send(cxd, "GET", ONE + "a")[0]["version"] < 3 and time.monotonic() < end:
        time.sleep(0.05)  # the reaction that waited is caught up with
    assert send(cxd, "GET", ONE + "a")[0]["used"] is True


def test_a_failed_reaction_run_again_writes_then(cxd):
    status, receipt = cxd.post({"type": "coupon.used", "data": {"code": "a", "boom": True}})
    send(cxd, "GET", ONE + "a")  # the first one makes it, and does not fail
    status, receipt = cxd.post({"type": "coupon.used", "data": {"code": "a", "boom": True}})
    assert send(cxd, "GET", ONE + "a")[0]["version"] == 1
    cxd.stop()
    cxd.write_plugin("shop", SHOP.replace('if e.boom then error("boom") end', ""))
    cxd.start()
    assert cxd.post(None, path=f"/v1/failed/{receipt['warnings'][0]['failed']}/retry")[0] == 200
    assert send(cxd, "GET", ONE + "a")[0]["version"] == 2
    last = send(cxd, "GET", ONE + "a/versions")[0]["versions"][-1]
    assert (last["by"], last["seq"]) == ("shop: on coupon.used", receipt["seq"])
